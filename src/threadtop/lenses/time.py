"""The lens of time: what fast looks at blocked threads mean, as shares of the time on their rows; pure.

A watch hands on tallies that only grow: what was found in the last WINDOW_S is the difference of two.  They divide
what the kernel's exact counters leave: the time in which a thread neither ran nor waited for a CPU.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.blocked import WaitTally
from threadtop.lenses.cost import WatchShare
from threadtop.procfs.reasons import KINDS
from threadtop.rates import SECOND_NS
from threadtop.time_rows import TimeShare, modes, queued_and_left

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.blocked import WaitSample
    from threadtop.gil_rows import GilShare
    from threadtop.procfs.reasons import Kind
    from threadtop.sample import Sample
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

WINDOW_S: Final = 3.0
SPACING_NS: Final = SECOND_NS // 4  # ticks closer than this are not all kept: the window is coarse enough
MOST_TICKS: Final = 60  # nor are those of a window of an hour: each has the tallies of all threads that moved
LEAST_LOOKS: Final = 2  # one look divides nothing

_MAY_BE_GIL: Final[tuple[Kind, ...]] = ("lock", "unknown")  # as looks find it that cannot tell, or see nothing
_NONE: Final = WaitTally(0, {})


class TimeLens:
    """Puts ``sampled`` on the rows of threads that moved; holds the ticks of the window."""

    def __init__(self, *, window_s: float = WINDOW_S) -> None:
        """Nothing seen yet; shares will be over the last ``window_s``."""
        self._window_ns = int(window_s * SECOND_NS)
        self._watched: dict[int, _Watched] = {}
        self._cost = WatchShare()

    def apply(self, sample: Sample, snapshot: Snapshot, *, in_passing: bool = False) -> Snapshot:
        """``snapshot`` with the shares that the looks of ``sample`` give; all other rows are the same objects.

        ``in_passing``: the tick is only looked back on later, and its rows stay as they are.
        """
        watch_pct = self._cost.take(sample.wait_watch, sample.at_ns)
        watched: dict[int, _Watched] = {}
        rows: dict[int, ProcessRow] = {}
        for pid, waits in sample.waits.items():
            raw = snapshot.processes.get(pid)
            if raw is None or raw.start_ticks != waits.start_ticks:
                continue
            seen = self._watched.get(pid)
            if seen is None or not seen.is_continued_by(waits):
                seen = _Watched(self._window_ns)
            watched[pid] = seen
            if in_passing:
                seen.keep(waits, raw)
            else:
                rows[pid] = seen.row(waits, raw)
        self._watched = watched
        if sample.wait_watch is None:
            return snapshot
        return snapshot._replace(
            processes={**snapshot.processes, **rows} if rows else snapshot.processes,
            wait_watch_pct=watch_pct,
            wait_watch_per_s=sample.wait_watch.rounds_per_s,
        )


class _Tick(NamedTuple):
    """One sample of a watched process, and the rows that were made of that pass."""

    waits: WaitSample
    threads: Mapping[int, ThreadRow]


class _Watched:
    """The ticks of one process in the window, oldest first, and its row of the last tick."""

    def __init__(self, window_ns: int) -> None:
        """No tick yet."""
        self._window_ns = window_ns
        self._ticks: deque[_Tick] = deque()
        self._raw: ProcessRow | None = None
        self._row: ProcessRow | None = None
        self._made: dict[int, tuple[ThreadRow, ThreadRow]] = {}  # as they came in, and what was made of them

    def is_continued_by(self, waits: WaitSample) -> bool:
        """Whether tallies of ``waits`` may be subtracted from those here."""
        last = self._ticks[-1].waits
        return (last.began, last.start_ticks) == (waits.began, waits.start_ticks)

    def row(self, waits: WaitSample, raw: ProcessRow) -> ProcessRow:
        """The process's row with the shares of its threads that moved; that of the last tick if nothing is new."""
        self.keep(waits, raw)
        made: dict[int, tuple[ThreadRow, ThreadRow]] = {}
        for tid in raw.moving:
            thread = raw.threads[tid]
            found = self._looks(tid, thread)
            sampled = share(thread, found, waits) if found.looks >= LEAST_LOOKS else None
            if sampled is not None:
                old = self._made.get(tid)
                is_same = old is not None and old[0] is thread and old[1].sampled == sampled
                made[tid] = old if old is not None and is_same else (thread, thread._replace(sampled=sampled))
        if self._row is None or self._raw is not raw or not _is_same(made, self._made):
            threads = {**raw.threads, **{tid: pair[1] for tid, pair in made.items()}} if made else raw.threads
            self._row = raw._replace(threads=threads) if made else raw
        self._raw, self._made = raw, made
        return self._row

    def keep(self, waits: WaitSample, raw: ProcessRow) -> None:
        """Add a tick, and let go of those before the window; the tick before always stays."""
        ticks, at_ns = self._ticks, waits.at_ns
        if len(ticks) > 1 and at_ns - ticks[-2].waits.at_ns < max(SPACING_NS, self._window_ns // MOST_TICKS):
            ticks.pop()
        ticks.append(_Tick(waits, raw.threads))
        if len(ticks) > 1:
            oldest_ns = at_ns - self._window_ns - (at_ns - ticks[-2].waits.at_ns) // 2
            while len(ticks) > 2 and ticks[0].waits.at_ns < oldest_ns:  # noqa: PLR2004 two make a difference
                ticks.popleft()

    def _looks(self, tid: int, thread: ThreadRow) -> WaitTally:
        """What looks at a thread found in the window; all, where the watch or the thread came in it."""
        first, now = self._ticks[0], self._ticks[-1].waits.threads.get(tid, _NONE)
        was = first.threads.get(tid)
        if len(self._ticks) == 1 or was is None or was.start_ticks != thread.start_ticks:
            return now
        return since(first.waits.threads.get(tid, _NONE), now)


def _is_same(made: Mapping[int, tuple[ThreadRow, ThreadRow]], old: Mapping[int, tuple[ThreadRow, ThreadRow]]) -> bool:
    return made.keys() == old.keys() and all(pair is old[tid] for tid, pair in made.items())


def since(old: WaitTally, now: WaitTally) -> WaitTally:
    """What was found after ``old``; all of ``now`` where that began anew."""
    weights = {kind: weight - old.rounds.get(kind, 0) for kind, weight in now.rounds.items()}
    if now.looks < old.looks or old.rounds.keys() - now.rounds.keys() or any(weight < 0 for weight in weights.values()):
        return now
    return WaitTally(now.looks - old.looks, weights)


def share(thread: ThreadRow, found: WaitTally, waits: WaitSample) -> TimeShare | None:
    """One thread's time: CPU and run queue as counted, the rest divided as the looks in it were.

    None without rates.  Where the looks cannot tell a GIL from other locks, what the GIL's own watch says of the
    thread is taken from the locks, and from what is unknown.
    """
    if thread.cpu_pct is None:
        return None
    user_pct, system_pct = modes(thread.cpu_pct, thread.user_pct, thread.system_pct)
    runq_pct, rest = queued_and_left(user_pct + system_pct, thread.wait_pct or 0.0)
    total = sum(found.rounds.values())
    parts = {kind: rest * weight / total for kind, weight in found.rounds.items()} if total > 0 else {}
    if not waits.tells_gil and thread.gil is not None:
        parts = _with_gil(parts, thread.gil)
    blocked = tuple((kind, parts[kind]) for kind in KINDS if parts.get(kind))
    why_not = waits.why_not if parts.get("unknown") else ""
    return TimeShare(user_pct, system_pct, runq_pct, blocked, found.looks, why_not=why_not) if parts else None


def _with_gil(parts: dict[Kind, float], gil: GilShare) -> dict[Kind, float]:
    """What a thread waited for the GIL is no wait for another lock, nor unknown; an estimate stays one."""
    wait_pct = gil.wait_pct or 0.0
    found = dict(parts)
    moved = 0.0
    for kind in _MAY_BE_GIL:
        part = min(found.get(kind, 0.0), wait_pct - moved)
        if part > 0:
            found[kind] -= part
            moved += part
    if moved > 0:
        found["gil"] = type(wait_pct)(found.get("gil", 0.0) + moved)
    return found
