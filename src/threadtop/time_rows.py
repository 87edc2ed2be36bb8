"""Where a thread's time went, as shown: shares that add up to 100."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from threadtop.procfs.reasons import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

Part: TypeAlias = Literal["user", "system", "runq"] | Kind
PARTS: Final[tuple[Part, ...]] = ("user", "system", "runq", *KINDS)
"""What a thread's time is divided into, in the order in which a bar shows it."""
EXACT: Final[frozenset[Part]] = frozenset(("user", "system", "runq"))
"""Parts that come from counters."""
IDLE: Final[frozenset[Part]] = frozenset({"poll", "sleep"})
"""Kinds of waiting in which a thread has nothing to do."""
_WANTED: Final[tuple[Kind, ...]] = ("gil", "lock", "disk")
WHOLE_PCT: Final = 100.0
_LEAST_UNKNOWN_PCT: Final = 1.0  # less hides nothing
_NORMAL_95: Final = 1.96  # standard errors on either side that hold 95 % of a normal distribution


class TimeShare(NamedTuple):
    """One thread's time over the last interval, in %: all parts add up to 100.

    ``user_pct`` + ``system_pct`` (its CPU time) and ``runq_pct`` are exact, from nanosecond counters; how the CPU
    time is divided into user and system comes from ticks of 10 ms.  What is left is divided among ``blocked``,
    (kind, share) in the order of ``reasons.KINDS`` without those that are 0: sampled shares, by ``samples`` looks
    that found it blocked in the last seconds.  A thread that has not run since its one look has been in that state
    all the time: ``is_whole``, and its share is no less sure than a counter.  A kind ``unknown`` is what could not be
    looked at; ``why_not`` is the rule that forbids it, "" where it is not known or there is no such part.
    """

    user_pct: float
    system_pct: float
    runq_pct: float
    blocked: tuple[tuple[Kind, float], ...]
    samples: int
    is_whole: bool = False
    why_not: str = ""

    @property
    def cpu_pct(self) -> float:
        """What it ran."""
        return self.user_pct + self.system_pct

    @property
    def blocked_pct(self) -> float:
        """What is left: it neither ran nor wanted to."""
        return max(0.0, WHOLE_PCT - self.cpu_pct - self.runq_pct)

    def of(self, kind: Kind) -> float:
        """The share of one kind of waiting."""
        return next((share for name, share in self.blocked if name == kind), 0.0)

    def known(self, kind: Kind) -> float | None:
        """The share of one kind of waiting; None where none was seen, but may be in what could not be looked at."""
        share = self.of(kind)
        return share if share or self.of("unknown") < _LEAST_UNKNOWN_PCT else None

    @property
    def is_hint(self) -> bool:
        """Whether the waiting is known from one look at one moment: no share, only what it did just then."""
        return self.samples <= 1 and not self.is_whole

    @property
    def active_pct(self) -> float:
        """What it ran, and wanted to: it waited for a CPU, the GIL, a lock or the disk.

        A thread that slept on a futex all the time may be a parked one: that counts for nothing.
        """
        kinds = ("gil", "disk") if self.is_whole else _WANTED
        return self.cpu_pct + self.runq_pct + sum(share for kind, share in self.blocked if kind in kinds)

    def parts(self) -> Iterator[tuple[Part, float]]:
        """All parts in the order of PARTS, those that are 0 among the exact ones too."""
        yield from (("user", self.user_pct), ("system", self.system_pct), ("runq", self.runq_pct))
        yield from self.blocked

    def dominant(self) -> Part:
        """What took most of its time."""
        return max(self.parts(), key=lambda part: part[1])[0]

    def error_points(self, kind: Kind) -> float | None:
        """How far a sampled share may be off, in points of % either way: 95 of 100 times it is nearer.

        Zero where it is no sample (``is_whole``), None without a look.
        """
        if self.is_whole:
            return 0.0
        if not self.samples:
            return None
        rest = self.blocked_pct / 100
        part = self.of(kind) / self.blocked_pct if self.blocked_pct else 0.0
        # Agresti and Coull: two imagined successes and failures keep it from claiming certainty at 0 and 1.
        looks = self.samples + 4
        near = (part * self.samples + 2) / looks
        return 100 * rest * _NORMAL_95 * math.sqrt(near * (1 - near) / looks)


def by_one_look(user_pct: float, system_pct: float, runq_pct: float, kind: Kind | None, why_not: str = "") -> TimeShare:
    """The exact parts, and the rest as one look found it: ``kind`` None was runnable then, which says nothing of it."""
    runq_pct, rest = queued_and_left(user_pct + system_pct, runq_pct)
    is_whole = kind is not None and rest == WHOLE_PCT
    blocked: tuple[tuple[Kind, float], ...] = ((kind or "unknown", rest),) if rest else ()
    why_not = why_not if rest and kind == "unknown" else ""
    return TimeShare(user_pct, system_pct, runq_pct, blocked, int(kind is not None), is_whole, why_not)


def with_gil(share: TimeShare, wait_pct: float | None, samples: int) -> TimeShare:
    """One look's ``share``, where ``samples`` others found its thread waiting for the GIL in ``wait_pct`` of the time.

    What the one look found on a futex may have been that very wait: what is left beside it is not known then.
    """
    if not wait_pct or not share.blocked:
        return share
    ((kind, rest),) = share.blocked
    gil_pct = type(wait_pct)(min(wait_pct, rest))
    left: Kind = "unknown" if kind == "lock" else kind
    blocked: tuple[tuple[Kind, float], ...] = (("gil", gil_pct), (left, rest - gil_pct))
    return share._replace(blocked=tuple(part for part in blocked if part[1] > 0), samples=samples, is_whole=False)


def modes(cpu_pct: float, user_pct: float | None, system_pct: float | None) -> tuple[float, float]:
    """CPU time as user and system; all of it as user where a thread is too young for a tick to have divided it."""
    return (cpu_pct, 0.0) if user_pct is None or system_pct is None else (user_pct, system_pct)


def queued_and_left(cpu_pct: float, runq_pct: float) -> tuple[float, float]:
    """The run-queue wait beside so much CPU time, and what is left; all three add up to 100."""
    # The counters were read some us apart, and a tick may fall on either side.
    runq_pct = min(runq_pct, max(0.0, WHOLE_PCT - cpu_pct))
    return runq_pct, max(0.0, WHOLE_PCT - cpu_pct - runq_pct)
