"""What is known of a Python process's GIL, as rows: shares of threads, each lock, the process as a whole; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.sample import GilMoment, Grade, SleepTally

Verdict: TypeAlias = Literal["gil", "other", "unclear"]
"""What the sleeps of threads say of what they wait for: the GIL, something else, or nothing that can be told."""


class Estimate(float):
    """A share that was inferred from counters, not measured: it is shown with a ``~``."""

    __slots__ = ()


class GilShare(NamedTuple):
    """One thread and the GIL over the last seconds; percentages of that time, None is not known.

    ``holds_pct`` is the share it held the GIL (``asleep_pct`` of it asleep), ``wait_pct`` the share it waited for
    it.  ``with_pct``, ``without_pct`` (native code that released it), ``wait_pct``, ``runq_pct``,
    ``asleep_pct`` and ``blocked_pct`` add up to 100 where the grade is exact.  ``samples`` is how often it was
    looked at.  ``is_python`` is False for threads that CPython does not know.  With grade estimate ``wait_pct``
    is an Estimate, and ``why_not`` says why it is not exact.
    """

    grade: Grade
    why_not: str
    holds_pct: float | None
    wait_pct: float | None
    asleep_pct: float | None
    with_pct: float | None
    without_pct: float | None
    runq_pct: float | None
    blocked_pct: float | None
    samples: int
    is_python: bool | None


class GilLockRow(NamedTuple):
    """One GIL over the last seconds: share of the time it was held, hand-overs a second, who waits on average.

    ``holder`` is the tid that held it in the newest round, 0 nobody, None not known.
    """

    interpreters: tuple[int, ...]
    is_enabled: bool
    interval_us: int
    utilisation_pct: float | None
    switches_per_s: float | None
    holder: int | None


class GilRow(NamedTuple):
    """A Python process and its GIL over the last ``window_s`` seconds.

    ``utilisation_pct`` is that of its busiest lock, ``switches_per_s`` of all, ``waiters`` how many threads wait
    on average.  ``is_enabled`` is False where a free-threaded build runs without, None where it is not known.
    ``moments`` are the newest rounds, for the timeline; ``holder_call`` is what the present holder does, in
    words, None where there are several locks.
    ``remedy`` is the least that would make an estimate exact.  An estimate's figures are Estimates; ``sleeps`` are
    those of the threads that seem to wait, and ``verdict`` is what they say of that (None where it is exact).
    """

    grade: Grade
    why_not: str
    remedy: str
    version: str
    is_enabled: bool | None
    utilisation_pct: float | None
    switches_per_s: float | None
    waiters: float | None
    locks: tuple[GilLockRow, ...]
    samples: int
    window_s: float
    moments: tuple[GilMoment, ...]
    holder_call: str | None
    idents: Mapping[int, int] = {}
    sleeps: SleepTally | None = None
    verdict: Verdict | None = None


def stopped_words(state: str) -> str:
    """What to say of the GIL of a process in this state (proc(5), stat); "" unless it is stopped."""
    if state not in {"T", "t"}:
        return ""
    return "stopped (by a signal or a debugger): no thread runs, and who holds the GIL keeps it"
