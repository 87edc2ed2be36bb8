"""The Python lens: what the looks at a GIL mean, as shares of the last seconds on rows; pure.

A watch hands on tallies that only grow: what was found in the last WINDOW_S is the difference of two.  What it
says of a thread is in shares.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.gil_rows import GilLockRow, GilRow, GilShare
from threadtop.lenses.cost import WatchShare
from threadtop.lenses.estimate import OFTEN_PER_S, Estimates, estimated_row, estimates
from threadtop.lenses.shares import NOT_SPENT, Spent, exact, levelled, most_wait, reason, spent, unknown
from threadtop.lenses.sleeps import since
from threadtop.procfs import syscalls
from threadtop.rates import SECOND_NS
from threadtop.sample import GIL_OFF, GilTally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from threadtop.sample import GilLock, GilSample, Sample, ThreadSample
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

WINDOW_S: Final = 5.0
SPACING_NS: Final = SECOND_NS // 4  # ticks closer than this are not all kept: the window is coarse enough
MOST_TICKS: Final = 100  # nor are those of a window of an hour: each has the tallies of all threads

MOST_SUSPECTS: Final = 8
SUSPECT_TICKS: Final = 10  # a suspect is watched so many ticks longer
SUSPECT_CORES, SUSPECT_CPU_PCT = 0.5, 50.0

_NO_LOOKS: Final = GilTally(None, 0, 0, 0, 0, 0, 0)


class _Tick(NamedTuple):
    """One sample of a watched process: its tallies, and its threads' counters of the pass begun at ``at_ns``."""

    gil: GilSample
    threads: Mapping[int, ThreadSample]
    at_ns: int


class PythonLens:
    """Puts GIL shares on rows; holds the ticks of the window, and the rows of the last one to hand them on."""

    def __init__(self, *, window_s: float = WINDOW_S) -> None:
        """Nothing seen yet; shares will be over the last ``window_s``."""
        self._window_ns = int(window_s * SECOND_NS)
        self._watched: dict[int, _Watched] = {}
        self._cost = WatchShare()
        self._suspects: dict[tuple[int, int], int] = {}  # (pid, start time): ticks left

    def apply(self, sample: Sample, snapshot: Snapshot, *, in_passing: bool = False) -> Snapshot:
        """The raw ``snapshot`` of rates, made of ``sample``, with shares on the rows of watched processes.

        All other rows are the same objects; a watched thread's row is that of the last tick where nothing of
        it changed.  ``in_passing``: the tick is only looked back on later; processes have who held their GIL when,
        their threads no shares.
        """
        watch_pct = self._cost.take(sample.watch, sample.at_ns)
        watched: dict[int, _Watched] = {}
        rows: dict[int, ProcessRow] = {}
        for pid, gil in sample.gils.items():
            process, raw = sample.processes.get(pid), snapshot.processes.get(pid)
            if process is None or raw is None or not process.start_ticks == raw.start_ticks == gil.start_ticks:
                continue
            seen = self._watched.get(pid)
            if seen is None or not seen.is_continued_by(gil):
                seen = _Watched(self._window_ns)
            watched[pid] = seen
            tick = _Tick(gil, process.threads, sample.at_ns)
            rows[pid] = seen.row_in_passing(tick, raw) if in_passing else seen.row(tick, raw)
        self._watched = watched
        if not rows:
            return snapshot
        return snapshot._replace(
            processes={**snapshot.processes, **rows},
            watch_pct=watch_pct,
            watch_per_s=sample.watch.rounds_per_s if sample.watch else None,
        )

    def suspects(self, snapshot: Snapshot, others: AbstractSet[int] = frozenset()) -> frozenset[int]:
        """The pids whose counters alone smell of a contended GIL: those worth a watch, at most MOST_SUSPECTS.

        ``others`` are known to have no GIL.  Call it once a tick: a suspect stays one for SUSPECT_TICKS more, so
        that a lull does not end its watch; but what smells now goes before what has, the busiest first.
        """
        now: dict[tuple[int, int], float] = {}
        for pid, row in snapshot.processes.items():
            if len(row.moving) > 1 and not row.kernel and pid not in others and _smells(row):
                now[pid, row.start_ticks] = row.cpu_pct or 0.0
        lasting = {
            (pid, start): left - 1
            for (pid, start), left in self._suspects.items()
            if left > 0
            and pid not in others
            and (found := snapshot.processes.get(pid)) is not None
            and found.start_ticks == start
        }
        ranked = sorted(now, key=lambda key: (-now[key], key))
        ranked += sorted(lasting.keys() - now.keys(), key=lambda key: (-lasting[key], key))
        self._suspects = {key: SUSPECT_TICKS if key in now else lasting[key] for key in ranked[:MOST_SUSPECTS]}
        return frozenset(pid for pid, _ in self._suspects)


def _smells(row: ProcessRow) -> bool:
    """Whether threads that switch often want half a core, or one is busy beside others that move.

    A switch rate that could not be read counts as often.
    """
    moving = [row.threads[tid] for tid in row.moving if tid in row.threads]
    often = [thread for thread in moving if thread.vol_per_s is None or thread.vol_per_s >= OFTEN_PER_S]
    cores = sum((thread.cpu_pct or 0.0) + (thread.wait_pct or 0.0) for thread in often) / 100
    is_shared = len(often) > 1 and cores >= SUSPECT_CORES
    return is_shared or (len(moving) > 1 and any((thread.cpu_pct or 0.0) >= SUSPECT_CPU_PCT for thread in moving))


# -- the window --------------------------------------------------------------------------------


class _Watched:
    """The ticks of one process in the window, oldest first, and its rows of the last tick."""

    def __init__(self, window_ns: int) -> None:
        """No tick yet."""
        self._window_ns = window_ns
        self._ticks: deque[_Tick] = deque()
        self._raw: ProcessRow | None = None
        self._row: ProcessRow | None = None

    def is_continued_by(self, gil: GilSample) -> bool:
        """Whether tallies of ``gil`` may be subtracted from those here."""
        last = self._ticks[-1].gil
        return (last.began, last.start_ticks, last.grade) == (gil.began, gil.start_ticks, gil.grade)

    def row_in_passing(self, tick: _Tick, raw: ProcessRow) -> ProcessRow:
        """The process's row with who held the GIL when; its threads as they are."""
        self._keep(tick)
        return raw._replace(gil=_heading(self._ticks))

    def row(self, tick: _Tick, raw: ProcessRow) -> ProcessRow:
        """The process's row with what this tick adds."""
        self._keep(tick)
        gil, shares, other = _meaning(self._ticks)
        old_raw: Mapping[int, ThreadRow] = self._raw.threads if self._raw else {}
        old_rows: Mapping[int, ThreadRow] = self._row.threads if self._row else {}
        threads: dict[int, ThreadRow] = {}
        is_same = self._raw is raw
        for tid, thread in raw.threads.items():
            share = shares.get(tid, other)
            old = old_rows.get(tid)
            if old is not None and old_raw.get(tid) is thread and old.gil is not None and _is_no_news(old.gil, share):
                threads[tid] = old
            else:
                threads[tid] = thread._replace(gil=share, reason=reason(thread, share))
                is_same = False
        if not (is_same and self._row is not None and self._row.gil == gil):
            self._row = raw._replace(threads=threads, gil=gil)
        self._raw = raw
        return self._row

    def _keep(self, tick: _Tick) -> None:
        """Add a tick, and let go of those before the window; the tick before always stays."""
        ticks, at_ns = self._ticks, tick.gil.at_ns
        if ticks and ticks[-1].gil is tick.gil:
            ticks.pop()  # no round since: the window still ends there, with later counters
        elif len(ticks) > 1 and at_ns - ticks[-2].gil.at_ns < max(SPACING_NS, self._window_ns // MOST_TICKS):
            ticks.pop()
        if ticks and ticks[-1].gil.moments:  # they are shown once
            ticks[-1] = ticks[-1]._replace(gil=ticks[-1].gil._replace(moments=()))
        ticks.append(tick)
        if len(ticks) > 1:
            oldest_ns = at_ns - self._window_ns - (at_ns - ticks[-2].gil.at_ns) / 2
            while len(ticks) > 2 and ticks[0].gil.at_ns < oldest_ns:  # noqa: PLR2004 two make a difference
                ticks.popleft()


def _is_no_news(old: GilShare, share: GilShare) -> bool:
    """Whether a share says what an older one did; a few looks more or less at a thread at rest are no news."""
    if old == share:
        return True
    is_at_rest = old.blocked_pct == share.blocked_pct == 100  # noqa: PLR2004 all of the time
    is_like = is_at_rest and abs(old.samples - share.samples) * 4 <= old.samples
    return is_like and old == share._replace(samples=old.samples)


def _heading(ticks: Sequence[_Tick]) -> GilRow:
    """What is known of the process without looking at its threads: its locks, and who held them when."""
    gil, first = ticks[-1].gil, ticks[0].gil
    locks = tuple(_lock_row(gil, first, at) for at in range(len(gil.locks)))
    return GilRow(
        grade=gil.grade,
        why_not=gil.why_not,
        remedy=gil.remedy,
        version=gil.version,
        is_enabled=any(lock.is_enabled for lock in gil.locks) if gil.locks else None,
        utilisation_pct=None,
        switches_per_s=None,
        waiters=None,
        locks=locks,
        samples=0,
        window_s=(gil.at_ns - first.at_ns) / SECOND_NS,
        moments=gil.moments,
        # Of several GILs it would not be said whose holder does that.
        holder_call=syscalls.words(gil.machine, gil.holder_call) if gil.holder_call and len(locks) == 1 else None,
        idents=gil.idents,
    )


def _meaning(ticks: Sequence[_Tick]) -> tuple[GilRow, Mapping[int, GilShare], GilShare]:
    """The process's figures, its threads' shares by tid, and the share of threads that were not looked at."""
    gil, first, row = ticks[-1].gil, ticks[0].gil, _heading(ticks)
    is_off, locks = row.is_enabled is False, row.locks
    other = unknown("none" if is_off else gil.grade, GIL_OFF if is_off else gil.why_not, None)
    unlooked = {is_python: other._replace(is_python=is_python) for is_python in (None, True, False)}
    shares = {tid: unlooked[tally.is_python] for tid, tally in gil.threads.items()}
    if gil is first or gil.grade == "none":
        return row, shares, other  # nothing to subtract from, or nothing known
    rounds = [lock.rounds - old.rounds if (old := _same_lock(first, lock)) else lock.rounds for lock in gil.locks]
    if is_off:
        return row._replace(samples=max(rounds)), shares, other
    if gil.grade == "estimate":
        found = _estimates(ticks)
        return estimated_row(row, found, has_looks=gil.has_looks), found.shares, other
    for tid, tally in gil.threads.items():
        if tally != first.threads.get(tid):  # most of many threads rest, and were not looked at
            shares[tid] = _at_rest(ticks, tid) or _exact(ticks, tid, row.window_s)
    if len(locks) == 1:
        shares = levelled(shares, locks[0].utilisation_pct)
    waits = [share.wait_pct for share in shares.values() if share.wait_pct is not None]
    waiters = sum(waits) / 100 if waits else None
    samples = max(rounds, default=max((share.samples for share in shares.values()), default=0))
    if len(locks) == 1:
        locks = (locks[0]._replace(utilisation_pct=_utilisation(locks[0].utilisation_pct, shares.values(), samples)),)
    row = row._replace(
        utilisation_pct=max((lock.utilisation_pct for lock in locks if lock.utilisation_pct is not None), default=None),
        switches_per_s=_sum(lock.switches_per_s for lock in locks),
        waiters=waiters,
        locks=locks,
        samples=samples,
    )
    return row, shares, other


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _looks(ticks: Sequence[_Tick], tid: int) -> GilTally:
    """What looks at a thread found in the window; one that came in it, or whose tally began anew, had none before."""
    now = ticks[-1].gil.threads.get(tid, _NO_LOOKS)
    old = ticks[0].gil.threads.get(tid)
    if old is None or not _is_same_thread(ticks[0], ticks[-1], tid):
        return now
    weights = [new - before for new, before in zip(now[1:], old[1:], strict=True)]
    return GilTally(now.is_python, *weights) if min(weights) >= 0 else now


def _at_rest(ticks: Sequence[_Tick], tid: int) -> GilShare | None:
    """What ``exact`` says of a thread that did not run, each look finding it blocked: most of many threads are so."""
    first, last = ticks[0], ticks[-1]
    thread, old, now = last.threads.get(tid), first.gil.threads.get(tid), last.gil.threads[tid]
    if thread is None or thread is not first.threads.get(tid) or thread.state == "R" or thread.wait_ns is None:
        return None
    if old is None or old[2:6] != now[2:6] or now.blocked <= old.blocked or last.at_ns <= first.at_ns:
        return None
    looks = now.looks - old.looks
    return GilShare("exact", last.gil.why_not, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 100.0, looks, now.is_python)


def _is_same_thread(old: _Tick, now: _Tick, tid: int) -> bool:
    """Whether a tid is not another thread's by now; one that the passes have not seen is taken to be the same."""
    was, thread = old.threads.get(tid), now.threads.get(tid)
    return was is None or thread is None or was.start_ticks == thread.start_ticks


def _spent(ticks: Sequence[_Tick], tid: int, *, with_switches: bool = False) -> Spent:
    """A thread's counters since the first tick of the window that has it (``with_switches``: and its switches)."""
    now = ticks[-1].threads.get(tid)
    if now is None:
        return NOT_SPENT
    for tick in ticks:
        old = tick.threads.get(tid)
        if old is not None and old.start_ticks == now.start_ticks and not (with_switches and old.vol is None):
            return spent(old, tick.at_ns, now, ticks[-1].at_ns)
    return NOT_SPENT


def _exact(ticks: Sequence[_Tick], tid: int, window_s: float) -> GilShare:
    """One thread's shares; its waits are no longer than its switches allow."""
    gil, did = ticks[-1].gil, _spent(ticks, tid)
    interval_us = max((lock.interval_us for lock in gil.locks), default=0)
    return exact(_looks(ticks, tid), did, gil.why_not, most_wait(did, interval_us, window_s) if interval_us else 1.0)


# -- locks -------------------------------------------------------------------------------------


def _same_lock(old: GilSample, lock: GilLock) -> GilLock | None:
    """The same lock in an older sample: that of its first interpreter, unless that has begun anew since."""
    for was in old.locks:
        if was.interpreters[:1] == lock.interpreters[:1]:
            return was if was.rounds <= lock.rounds and was.locked <= lock.locked else None
    return None


def _lock_row(gil: GilSample, first: GilSample, at: int) -> GilLockRow:
    """One lock over the window; who holds it by the newest round.  One that is off, or was just found, has no rates."""
    lock = gil.locks[at]
    old = _same_lock(first, lock)
    rounds, locked = (lock.rounds - old.rounds, lock.locked - old.locked) if old else (lock.rounds, lock.locked)
    gap_ns, switches_per_s = gil.at_ns - first.at_ns, None
    is_measured = lock.is_enabled and gap_ns > 0
    if is_measured and old is not None and lock.switches >= old.switches:
        switches_per_s = (lock.switches - old.switches) / gap_ns * SECOND_NS
    holders = gil.moments[-1].holders if gil.moments and lock.is_enabled else ()
    return GilLockRow(
        interpreters=lock.interpreters,
        is_enabled=lock.is_enabled,
        interval_us=lock.interval_us,
        utilisation_pct=min(100.0, 100 * locked / rounds) if is_measured and rounds > 0 else None,
        switches_per_s=switches_per_s,
        holder=holders[at] if at < len(holders) and holders[at] >= 0 else None,  # below 0: a thread not yet listed
    )


def _utilisation(sampled_pct: float | None, shares: Iterable[GilShare], rounds: int) -> float | None:
    """How long the only GIL was held: the sum of what its threads held, which the exact counters made precise.

    Where that is further from what the looks at the lock say than their noise (three standard deviations), part
    of it was held by threads that are unknown or no longer there: then the looks count.
    """
    holds = _sum(share.holds_pct for share in shares)
    if sampled_pct is None or holds is None or rounds <= 0:
        return sampled_pct
    noise_pct = 3 * (sampled_pct * (100 - sampled_pct) / rounds) ** 0.5
    return min(100.0, holds) if abs(holds - sampled_pct) <= max(3.0, noise_pct) else sampled_pct


# -- estimated ---------------------------------------------------------------------------------


def _estimates(ticks: Sequence[_Tick]) -> Estimates:
    """The shares of all threads of a process, as their counters and sleeps suggest."""
    first, last = ticks[0], ticks[-1]
    did = {tid: _spent(ticks, tid, with_switches=True) for tid in last.threads}
    looks = {tid: _looks(ticks, tid) for tid in last.threads}
    sleeps = {tid: since(first.gil.sleeps.get(tid), now) for tid, now in last.gil.sleeps.items()}
    return estimates(last.gil, did, looks, sleeps)
