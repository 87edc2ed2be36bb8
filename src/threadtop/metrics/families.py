"""The one table of what ``threadtop metrics`` serves: exporter, ``--list`` and README follow it; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind: TypeAlias = Literal["counter", "gauge", "info"]


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A metric: its name without ``_total``, its base unit ("" for a count), its labels, and what it says.

    Each is told by its identity: they are keys of what is counted, many times in each pass.
    """

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    help: str

    @property
    def sample_name(self) -> str:
        """The name under which its values are found: counters end in ``_total``, an info in ``_info``."""
        return self.name + {"counter": "_total", "gauge": "", "info": "_info"}[self.kind]


class Point(NamedTuple):
    """One value of a family, its labels in the family's order; ``created`` is when a counter began (Unix time, s)."""

    labels: tuple[str, ...]
    value: float
    created: float | None = None


class Published(NamedTuple):
    """What a pass has left to be scraped: monotonic ``at_ns`` when it began, and the points of each family."""

    at_ns: int
    points: Mapping[Family, tuple[Point, ...]]


_PAIR: Final = ("group", "threads")

PROCESSES: Final = Family("threadtop_processes", "gauge", "", ("group",), "Processes of the group.")
PROCESS_CPU: Final = Family(
    "threadtop_process_cpu_seconds",
    "counter",
    "seconds",
    ("group",),
    "CPU time by the processes' own clocks: that of threads that came and ended between two passes is in it.",
)
THREADS: Final = Family(
    "threadtop_threads", "gauge", "", (*_PAIR, "state"), "Threads by state, as the newest pass found them."
)
BLOCKED_THREADS: Final = Family(
    "threadtop_blocked_threads",
    "gauge",
    "",
    (*_PAIR, "reason"),
    "Threads that do not run by what they wait for, one look at each; unknown: it may not be read.",
)
CPU: Final = Family(
    "threadtop_cpu_seconds",
    "counter",
    "seconds",
    _PAIR,
    "CPU time of the threads, from nanoseconds (schedstat), up to the last pass that saw each.",
)
RUN_QUEUE: Final = Family(
    "threadtop_run_queue_seconds",
    "counter",
    "seconds",
    _PAIR,
    "Time in which threads were ready to run and waited for a CPU, from nanoseconds (schedstat).",
)
SWITCHES: Final = Family(
    "threadtop_context_switches",
    "counter",
    "",
    (*_PAIR, "kind"),
    "Context switches: voluntary (it had to wait) and involuntary (the CPU was taken from it).",
)
BLOCKED: Final = Family(
    "threadtop_blocked_seconds",
    "counter",
    "seconds",
    (*_PAIR, "reason", "grade"),
    "Time in which threads were blocked, without idle waiting (poll, sleep) and the GIL. exact: they did not run in "
    "all of a pass's interval; estimate: what was left of it, by the look at its end.",
)
GIL_HELD: Final = Family(
    "threadtop_gil_held_seconds",
    "counter",
    "seconds",
    (*_PAIR, "grade"),
    "Time in which threads held CPython's GIL, while their process was watched.",
)
GIL_WAIT: Final = Family(
    "threadtop_gil_wait_seconds",
    "counter",
    "seconds",
    (*_PAIR, "grade"),
    "Time in which threads waited for CPython's GIL, while their process was watched.",
)
GIL_WATCHED: Final = Family(
    "threadtop_gil_watched_processes",
    "gauge",
    "",
    ("group", "grade"),
    "Processes whose GIL is watched: those whose counters smell of contention.",
)
WATCHED: Final = Family(
    "threadtop_watched_processes",
    "gauge",
    "",
    ("group",),
    "Processes that --groups has looked at closely: their locks, deadlocks, peers and GIL.",
)
FINDINGS: Final = Family(
    "threadtop_findings",
    "gauge",
    "",
    ("group", "rule", "severity", "grade"),
    "Processes of which a rule holds now; threadtop --page and threadtop --explain say what it means.",
)
FOLDED: Final = Family(
    "threadtop_folded_groups", "gauge", "", (), "Process groups that have no place of their own and count as other."
)
FOLDED_THREADS: Final = Family(
    "threadtop_folded_thread_groups",
    "gauge",
    "",
    (),
    "Thread groups of shown process groups that have no place of their own and count as other.",
)
PASSES: Final = Family("threadtop_passes", "counter", "", (), "Passes over /proc since the exporter was started.")
PASS: Final = Family("threadtop_pass_seconds", "gauge", "seconds", (), "Wall time that the newest pass took.")
PASS_AGE: Final = Family(
    "threadtop_pass_age_seconds", "gauge", "seconds", (), "How long ago the pass that is served here began."
)
PASS_INTERVAL: Final = Family(
    "threadtop_pass_interval_seconds", "gauge", "seconds", (), "Time between the newest two passes, as measured."
)
PASS_TIME: Final = Family(
    "threadtop_pass_timestamp_seconds", "gauge", "seconds", (), "When the newest pass began, as Unix time."
)
NOTES: Final = Family(
    "threadtop_notes", "gauge", "", (), "Limits of what may be read here; threadtop --once names them in its header."
)
OWN_CPU: Final = Family(
    "threadtop_own_cpu_seconds", "counter", "seconds", (), "CPU time of the exporter itself, scrapes included."
)
OWN_MEMORY: Final = Family(
    "threadtop_own_memory_bytes", "gauge", "bytes", (), "Memory of the exporter itself that is in RAM."
)
BUILD: Final = Family("threadtop_build", "info", "", ("version",), "The version of threadtop that serves this.")

FAMILIES: Final = (
    PROCESSES,
    PROCESS_CPU,
    THREADS,
    BLOCKED_THREADS,
    CPU,
    RUN_QUEUE,
    SWITCHES,
    BLOCKED,
    GIL_HELD,
    GIL_WAIT,
    GIL_WATCHED,
    WATCHED,
    FINDINGS,
    FOLDED,
    FOLDED_THREADS,
    PASSES,
    PASS,
    PASS_AGE,
    PASS_INTERVAL,
    PASS_TIME,
    NOTES,
    OWN_CPU,
    OWN_MEMORY,
    BUILD,
)
LABELS: Final[Mapping[str, str]] = {
    "group": "program of the process (comm), or the name that --groups gives it; kernel: kernel threads; other: folded",
    "threads": "main, or the thread's name with * for its numbers, or the name that --groups gives it; other: folded",
    "state": "runnable, sleeping, uninterruptible, stopped, traced, zombie, idle",
    "reason": "lock, disk, network, pipe, poll, sleep, child, stopped, other, unknown; parked: on a lock for all of a "
    "pass's interval, as idle workers are",
    "kind": "voluntary, involuntary",
    "grade": "exact (counted), or how else it was got: sampled, estimate, suspicion",
    "rule": "the finding's name, as in the table of pages",
    "severity": "problem, observation",
    "version": "threadtop's",
}
"""What each label can say."""


def lines() -> Iterator[str]:
    """The table as ``--list`` prints it: name, labels and kind, and under it what it says."""
    for family in FAMILIES:
        labels = f"{{{','.join(family.labels)}}}" if family.labels else ""
        yield f"{family.sample_name}{labels} {family.kind}{f', {family.unit}' if family.unit else ''}"
        yield f"    {family.help}"
    yield ""
    for label, said in LABELS.items():
        yield f"{label}: {said}"
