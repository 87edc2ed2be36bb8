"""What is compared: a thread, process or group of threads over a stretch of time, and the stretch as a whole; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.snapshot import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.snapshot import Finding


class Measure(NamedTuple):
    """A figure of entries: the field of Entry, how it is called, and the smallest difference that is no noise."""

    key: str
    title: str
    least: float
    per_point: float = 1.0  # so much of it counts as one point of a core, to be ranked by


SWITCHES_PER_POINT: Final = 100.0  # a switch costs some microseconds, with the cold caches that follow some more
MEASURES: Final = (
    Measure("cpu_pct", "cpu %", 1.0),
    Measure("wait_pct", "run queue %", 1.0),
    Measure("gil_pct", "has GIL %", 5.0),  # from here on sampled: what looks have found
    Measure("gil_wait_pct", "GIL wait %", 5.0),
    Measure("lock_pct", "lock %", 5.0),
    Measure("disk_pct", "disk %", 5.0),
    Measure("vol_per_s", "vol/s", 20.0, SWITCHES_PER_POINT),
    Measure("invol_per_s", "invol/s", 20.0, SWITCHES_PER_POINT),
)
THREADS: Final = Measure("threads", "threads", 1.0)  # of a process or a group
ESTIMATE_LEAST: Final = 10.0  # points: what is inferred is no surer
LEAST_PART: Final = 0.1  # a smaller part of the larger figure is noise, too


class Entry(NamedTuple):
    """A thread, a process or a group of threads (pid, tid -1: several) over a stretch of time.

    Shares are in % of one core and rates a second, over all of the stretch: a thread that ran all the time, but lived
    for half of it, has 50 %.  None is not known: for less than half of the time that it lived.  ``lock_pct`` is known
    of processes that are looked at closely, and leaves out when it slept on a futex all the time: it may be parked
    then.  ``threads`` is how many there were on average.  ``parts`` is where its time went while it lived, the
    largest share first (``cpu``, ``runq`` and kinds of waiting, in %), ``reason`` and ``state`` what they mostly
    were.  ``start_ticks`` 0 is not known.
    """

    pid: int
    tid: int
    start_ticks: int
    process: str
    name: str
    command: str
    user: str
    kernel: bool
    threads: float
    lived_s: float
    cpu_pct: float | None = None
    wait_pct: float | None = None
    gil_pct: float | None = None
    gil_wait_pct: float | None = None
    lock_pct: float | None = None
    disk_pct: float | None = None
    vol_per_s: float | None = None
    invol_per_s: float | None = None
    parts: tuple[tuple[str, float], ...] = ()
    reason: str | None = None
    state: str = ""

    @property
    def mostly(self) -> str | None:
        """What took most of its time; None where that is not known."""
        return self.parts[0][0] if self.parts and self.parts[0][0] != "unknown" else None

    def part(self, name: str) -> float:
        """The share of one part of its time."""
        return next((share for part, share in self.parts if part == name), 0.0)

    def figure(self, measure: Measure) -> float | None:
        """One of its figures."""
        found: float | None = getattr(self, measure.key)
        return found


class Machine(NamedTuple):
    """The machine over a stretch of time: CPU in % of all CPUs, how many threads waited for one on average.

    ``threads`` are those that were read: of a recording of some processes, theirs.
    """

    cpus: int
    cpu_pct: float | None
    waiting: float | None
    switches_per_s: float | None
    threads: float | None


class Side(NamedTuple):
    """One of the two stretches: where from, when (wall clock in s, UTC), how much was seen, and what was there."""

    source: str
    host: str
    boot_time: float
    begin: float
    end: float
    seconds: float
    ticks: int
    machine: Machine
    threads: tuple[Entry, ...]
    processes: tuple[Entry, ...]
    findings: tuple[Finding, ...]

    @property
    def has_starts(self) -> bool:
        """Whether it is known when threads began: documents do not tell."""
        return all(entry.start_ticks for entry in self.threads)


def total(entries: Sequence[Entry], key: str) -> float | None:
    """A figure of several added up, an estimate where one of them is; None where it is known of less than half."""
    known = [(value, entry.lived_s) for entry in entries if (value := getattr(entry, key)) is not None]
    if not known or sum(lived_s for _, lived_s in known) * 2 < sum(entry.lived_s for entry in entries):
        return None
    kind = Estimate if any(isinstance(value, Estimate) for value, _ in known) else float
    return kind(sum(value for value, _ in known))
