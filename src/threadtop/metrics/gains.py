"""Gains: what the threads of a process added between two passes, by thread group; pure.

Exact counters come from the samples (nanoseconds, switches).  Shares come from the rows: a share of the interval is so
many seconds of it.  What a thread did before it was first seen counts only where all of it fits into the interval: then
it was born in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from threadtop.gil_rows import Estimate
from threadtop.metrics.families import BLOCKED, CPU, GIL_HELD, GIL_WAIT, RUN_QUEUE, SWITCHES
from threadtop.procfs import reasons
from threadtop.rates import SECOND_NS
from threadtop.sample import ENDED
from threadtop.time_rows import IDLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.metrics.families import Family
    from threadtop.metrics.groups import Grouping
    from threadtop.procfs.reasons import Kind
    from threadtop.sample import ProcessSample, ThreadSample
    from threadtop.snapshot import ProcessRow, ThreadRow

Series: TypeAlias = tuple["Family", tuple[str, ...]]
"""A counter of a thread group, with the labels it has beyond those."""
Gains: TypeAlias = dict[str, dict[Series, float]]
"""By thread group what its counters gained; a series that is known and did not grow gains 0.

The inner ones begin at 0 by themselves (``defaultdict``).
"""

_RAN, _QUEUED = (CPU, ()), (RUN_QUEUE, ())
_VOLUNTARY, _INVOLUNTARY = (SWITCHES, ("voluntary",)), (SWITCHES, ("involuntary",))
WANTED: Final = (_RAN, _QUEUED)
"""What a group consumes: what it ran, and wanted to."""
_LEFT_OUT: Final = IDLE | {"unknown"}  # no time that is to be alarmed about, or is not known
_HIDDEN_GIL: Final = ("lock", "unknown")  # as one look finds a wait for the GIL
PARKED: Final = "parked"
WHOLE_PCT: Final = 100.0
OWED_KEPT: Final = 0.8  # from pass to pass


class Mark(NamedTuple):
    """A thread as the newest pass found it: its group, its state's letter, what it waits for (None: for nothing)."""

    threads: str
    state: str
    reason: Kind | None


def reason(row: ThreadRow) -> Kind | None:
    """What a thread waits for, by one look; None where it could run, or has ended."""
    if row.state == "R" or row.state in ENDED:
        return None
    return reasons.kind("I" if row.kernel and row.state == "S" else row.state, row.wchan)


class Known:
    """A process from pass to pass: its group, and its threads counted by group, state and reason."""

    def __init__(self, row: ProcessRow, group: str, old: Known | None = None) -> None:
        """Nothing counted yet; ``old`` is the same pid as it was known before an exec, or another process."""
        self.start_ticks = row.start_ticks
        is_same = old is not None and old.start_ticks == row.start_ticks
        self.clock_ns: int | None = old.clock_ns if old is not None and is_same else None
        self.heading = heading(row)
        self.row: ProcessRow | None = None
        self.group = group
        self.states: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[tuple[str, Kind]] = Counter()
        self.marks: dict[int, Mark] = {}
        self.owed: dict[str, float] = {}  # seconds by thread group, see share()
        self.parked: Counter[str] = Counter()  # threads by thread group, see share()
        self._rows: Mapping[int, ThreadRow] = {}

    def update(self, row: ProcessRow, grouping: Grouping) -> None:
        """Count the threads of ``row``; only those whose rows are other objects than before are looked at."""
        self.row = row
        old, rows = self._rows, row.threads
        if rows is old:
            return
        for tid in old.keys() - rows.keys():
            self._forget(self.marks.pop(tid))
        for tid, thread in rows.items():
            if old.get(tid) is thread:
                continue
            if (mark := self.marks.get(tid)) is not None:
                self._forget(mark)
            mark = Mark(grouping.threads(self.group, thread), thread.state, reason(thread))
            self.marks[tid] = mark
            self.states[mark.threads, mark.state] += 1
            if mark.reason is not None:
                self.reasons[mark.threads, mark.reason] += 1
        self._rows = rows

    def _forget(self, mark: Mark) -> None:
        self.states[mark.threads, mark.state] -= 1
        if not self.states[mark.threads, mark.state]:
            del self.states[mark.threads, mark.state]
        if mark.reason is not None:
            self.reasons[mark.threads, mark.reason] -= 1
            if not self.reasons[mark.threads, mark.reason]:
                del self.reasons[mark.threads, mark.reason]


def heading(row: ProcessRow) -> tuple[int, str, str, str]:
    """What the group of a process depends on: another program may run under its pid after an exec."""
    return row.start_ticks, row.process, row.command, row.user


def count(
    gains: Gains, process: ProcessSample, old: ProcessSample | None, marks: Mapping[int, Mark], gap_ns: int
) -> None:
    """Add what the exact counters of a process's threads gained in ``gap_ns``; a thread at rest is not looked at.

    ``gains`` has all thread groups of ``marks``.
    """
    if old is process:
        return
    before: Mapping[int, ThreadSample] = old.threads if old is not None else {}
    for tid, now in process.threads.items():
        was = before.get(tid)
        if was is now or tid not in marks:
            continue
        if was is not None and was.start_ticks != now.start_ticks:
            was = None
        start = was or (_born(now) if (now.run_ns or 0) + (now.wait_ns or 0) <= gap_ns else now)
        own = gains[marks[tid].threads]
        _add(own, _RAN, start.run_ns, now.run_ns, SECOND_NS)
        _add(own, _QUEUED, start.wait_ns, now.wait_ns, SECOND_NS)
        _add(own, _VOLUNTARY, start.vol, now.vol)
        _add(own, _INVOLUNTARY, start.invol, now.invol)


def _born(now: ThreadSample) -> ThreadSample:
    return now._replace(run_ns=0, wait_ns=0, vol=0, invol=0)


def _add(own: dict[Series, float], series: Series, old: int | None, now: int | None, unit: int = 1) -> None:
    if old is not None and now is not None:
        own[series] += max(0, now - old) / unit


def share(gains: Gains, row: ProcessRow, known: Known, gap_s: float) -> None:
    """Add the seconds of ``gap_s`` in which threads were blocked, and held or waited for the GIL.

    A thread that rested was blocked all the time; on a lock it is PARKED then: mostly an idle worker.  Of one that
    moved, what its counters leave of the interval counts for what it was found blocked on.  One that was found runnable
    says nothing: what is left is kept, ``known.owed``, and counts for what the next looks at its group find, less with
    each pass: else one look might speak for an hour.
    """
    if known.owed:
        known.owed = {threads: left_s * OWED_KEPT for threads, left_s in known.owed.items()}
    resting = known.reasons.copy()
    left: dict[str, dict[Kind, float]] = defaultdict(lambda: defaultdict(float))
    for tid in row.moving:
        threads, _, kind = known.marks[tid]
        rest_s = _rest_s(row.threads[tid], kind, gap_s)
        if kind is None:
            known.owed[threads] = known.owed.get(threads, 0.0) + (rest_s or 0.0)
        else:
            resting[threads, kind] -= 1
            left[threads][kind] += rest_s or 0.0
    known.parked = Counter({threads: count for (threads, kind), count in resting.items() if kind == "lock" and count})
    for (threads, kind), count in resting.items():
        if count and kind not in _LEFT_OUT:
            gains[threads][BLOCKED, (PARKED if kind == "lock" else kind, "exact")] += count * gap_s
    for threads, kinds in left.items():
        more = _owed_more(known.owed, threads, sum(kinds.values()))
        for kind, rest_s in kinds.items():
            if kind not in _LEFT_OUT:
                gains[threads][BLOCKED, (kind, "estimate")] += rest_s * more
    if row.gil is not None:
        _add_gil(gains, row.threads.values(), known.marks, gap_s)


def _owed_more(owed: dict[str, float], threads: str, found_s: float) -> float:
    """By how much what was found of a thread group grows with what is owed to it."""
    return 1.0 + owed.pop(threads, 0.0) / found_s if found_s else 1.0


def _rest_s(row: ThreadRow, kind: Kind | None, gap_s: float) -> float | None:
    """What a thread neither ran nor queued, nor waited for the GIL; None without rates, or for one that has ended."""
    if row.cpu_pct is None or row.state in ENDED:
        return None
    rest_pct = WHOLE_PCT - row.cpu_pct - (row.wait_pct or 0.0)
    if kind is None or kind in _HIDDEN_GIL:
        rest_pct -= row.gil_wait_pct or 0.0
    return max(0.0, rest_pct) / WHOLE_PCT * gap_s


def _add_gil(gains: Gains, rows: Iterable[ThreadRow], marks: Mapping[int, Mark], gap_s: float) -> None:
    for row in rows:
        gil = row.gil
        if gil is None or gil.is_python is False:
            continue
        own = gains[marks[row.tid].threads]
        if gil.holds_pct is not None:
            own[GIL_HELD, (_grade(gil.holds_pct),)] += gil.holds_pct / WHOLE_PCT * gap_s
        if gil.wait_pct is not None:
            own[GIL_WAIT, (_grade(gil.wait_pct),)] += gil.wait_pct / WHOLE_PCT * gap_s


def _grade(share_pct: float) -> str:
    return "estimate" if isinstance(share_pct, Estimate) else "exact"
