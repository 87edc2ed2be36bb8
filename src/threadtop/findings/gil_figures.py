"""What findings about the GIL have in common: a thread's shares as figures, and how they are said; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import measures
from threadtop.findings.measures import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from threadtop.gil_rows import GilRow
    from threadtop.sample import Grade
    from threadtop.snapshot import Finding, ProcessRow, ThreadRow

WAITS_PCT: Final = 5.0  # from here on a thread counts as one that waits: below, an estimate says none as well
# From 50 on a finding is a problem; an estimate of one stays one, but comes after the same that is exact.
ESTIMATE_DISCOUNT: Final = 15.0


def finding(
    kind: str,
    row: ProcessRow,
    *,
    title: str,
    explanation: str,
    evidence: Iterable[tuple[str, str]],
    severity: float,
    tids: tuple[int, ...] = (),
    next_command: str = "",
) -> Finding:
    """A finding about ``row`` with the grade of its GIL, which discounts an estimate's severity."""
    grade: Grade = row.gil.grade if row.gil else "none"
    return measures.finding(
        kind,
        row,
        title,
        explanation,
        evidence,
        grade=grade,
        severity=severity if grade == "exact" else severity - ESTIMATE_DISCOUNT,
        tids=tids,
        next_command=next_command,
    )


def known(row: ProcessRow) -> list[ThreadRow]:
    """The threads of which the lens says something."""
    return [thread for thread in row.threads.values() if thread.gil is not None]


def by_wait(row: ProcessRow, least_pct: float) -> list[ThreadRow]:
    """The threads that wait for the GIL so much, those that wait most first."""
    waiting = [thread for thread in known(row) if wait(thread) >= least_pct]
    return sorted(waiting, key=lambda thread: (-wait(thread), thread.tid))


def unlike(row: ProcessRow, threads: Sequence[ThreadRow]) -> list[ThreadRow]:
    """The known threads that are not among these."""
    tids = set(tids_of(threads))
    return [thread for thread in known(row) if thread.tid not in tids]


def wait(thread: ThreadRow) -> float:
    """The share of the time it waited for the GIL, in %; not known counts as 0."""
    return thread.gil_wait_pct or 0.0


def holds(thread: ThreadRow) -> float:
    """The share of the time it held the GIL, in %; not known counts as 0."""
    return thread.gil_pct or 0.0


def work(thread: ThreadRow) -> float:
    """What it holds the GIL for, and what it runs without: one that computes in native code hardly minds a wait."""
    return holds(thread) + ((thread.gil.without_pct if thread.gil else None) or 0.0)


def asleep(thread: ThreadRow) -> float:
    """The share of the time it slept with the GIL in its hands, in %."""
    return (thread.gil.asleep_pct if thread.gil else None) or 0.0


def tids_of(threads: Iterable[ThreadRow]) -> tuple[int, ...]:
    """The tids, in this order."""
    return tuple(thread.tid for thread in threads)


def interval(gil: GilRow) -> str:
    """The switch interval of the GIL that is held most, in ms; 5 is CPython's own."""
    locks = [lock for lock in gil.locks if lock.is_enabled]
    busiest = max(locks, key=lambda lock: lock.utilisation_pct or 0.0, default=None)
    return f"{busiest.interval_us / 1000 if busiest else 5:g} ms"


def about(grade: Grade) -> str:
    """What stands before a figure that is estimated."""
    return "" if grade == "exact" else "about "


def looks(grade: Grade) -> str:
    """What its samples are called."""
    return "samples" if grade == "exact" else "looks"


def count_of_threads(count: int) -> str:
    """So many threads, in words."""
    return f"{count} thread" if count == 1 else f"{count} threads"


def more(shown: Sequence[object]) -> str:
    """What stands behind figures of which SHOWN are shown."""
    return " ..." if len(shown) > SHOWN else ""


def dump(row: ProcessRow) -> str:
    """The command that shows the stacks of the process."""
    return f"py-spy dump --pid {row.pid} --nonblocking"
