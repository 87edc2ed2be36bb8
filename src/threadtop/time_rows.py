"""Where a thread's time went, as shown: shares that add up to 100."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from threadtop.procfs.reasons import Kind

WHOLE_PCT: Final = 100.0
_NORMAL_95: Final = 1.96  # standard errors on either side that hold 95 % of a normal distribution


class TimeShare(NamedTuple):
    """One thread's time over the last interval, in %: all parts add up to 100.

    ``user_pct`` + ``system_pct`` (its CPU time) and ``runq_pct`` are exact, from nanosecond counters; how the CPU
    time is divided into user and system comes from ticks of 10 ms.  What is left is divided among ``blocked``,
    (kind, share) in the order of ``reasons.KINDS`` without those that are 0: sampled shares, by ``samples`` looks
    that found it blocked in the last seconds.  A thread that has not run since its one look has been in that state
    all the time: ``is_whole``, and its share is no less sure than a counter.  A kind ``unknown`` is what could not be
    looked at.
    """

    user_pct: float
    system_pct: float
    runq_pct: float
    blocked: tuple[tuple[Kind, float], ...]
    samples: int
    is_whole: bool = False

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


def by_one_look(user_pct: float, system_pct: float, runq_pct: float, kind: Kind | None) -> TimeShare:
    """The exact parts, and the rest as one look found it: ``kind`` None was runnable then, which says nothing of it."""
    cpu_pct = user_pct + system_pct
    if cpu_pct + runq_pct > WHOLE_PCT:  # counters were read some us apart, and a tick may fall on either side
        runq_pct = max(0.0, WHOLE_PCT - cpu_pct)
    rest = max(0.0, WHOLE_PCT - cpu_pct - runq_pct)
    is_whole = kind is not None and rest == WHOLE_PCT
    blocked: tuple[tuple[Kind, float], ...] = ((kind or "unknown", rest),) if rest else ()
    return TimeShare(user_pct, system_pct, runq_pct, blocked, int(kind is not None), is_whole)
