"""The lens of locks: who waits for whom, and where that closes a circle; pure.

A thread waits on one futex at a time, so that each has at most one edge "waits for": following them from any thread
ends nowhere, or in a circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from threadtop.lock_rows import MOST_WAITS, Deadlock, LockRow, LocksRow, LockWaitRow
from threadtop.rates import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from threadtop.blocked import LockSample, LocksSample, LockWait
    from threadtop.sample import Sample
    from threadtop.snapshot import ProcessRow, Snapshot

Thread: TypeAlias = tuple[int, int]
"""A thread by pid and tid."""

NO_RANGES: Final[Mapping[int, Sequence[tuple[int, int]]]] = {}


class _Edge(NamedTuple):
    """One thread waits for another at ``address``; ``is_sure``: since an earlier reading, without having run."""

    owner: Thread
    address: int
    is_sure: bool
    is_forever: bool


class Circles(NamedTuple):
    """Closed chains: those that can never open again, and those in which some wait has a timeout, or may have."""

    deadlocks: tuple[Deadlock, ...]
    suspected: tuple[Deadlock, ...]


class LocksLens:
    """Puts locks on the rows of processes that are looked at closely; keeps the rows of those where nobody waits."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._rows: dict[int, tuple[ProcessRow, ProcessRow]] = {}

    def apply(
        self, sample: Sample, snapshot: Snapshot, gils: Mapping[int, Sequence[tuple[int, int]]] = NO_RANGES
    ) -> Snapshot:
        """``snapshot`` with what ``sample.locks`` says; ``gils`` are the addresses of GILs by pid, from and before."""
        found = circles(sample.locks.values())
        rows: dict[int, tuple[ProcessRow, ProcessRow]] = {}
        for pid, locks in sample.locks.items():
            raw = snapshot.processes.get(pid)
            if raw is None or raw.start_ticks != locks.start_ticks:
                continue
            row = _row(locks, found, gils.get(pid, ()))
            old = self._rows.get(pid)
            is_same = old is not None and old[0] is raw and old[1].locks == row
            rows[pid] = old if old is not None and is_same else (raw, raw._replace(locks=row))
        self._rows = rows
        if not rows:
            return snapshot
        return snapshot._replace(processes={**snapshot.processes, **{pid: row for pid, (_, row) in rows.items()}})


def circles(samples: Iterable[LocksSample]) -> Circles:
    """The closed chains among the threads of all these processes."""
    edges = {
        (sample.pid, wait.tid): _edge(lock, wait, lock.owner_pid, lock.owner_tid)
        for sample in samples
        for lock in sample.locks
        if lock.owner_tid is not None and lock.owner_pid is not None
        for wait in lock.waits
    }
    if not edges:
        return Circles((), ())
    behind: dict[Thread, list[Thread]] = {}
    for thread, edge in edges.items():
        behind.setdefault(edge.owner, []).append(thread)
    deadlocks: list[Deadlock] = []
    suspected: list[Deadlock] = []
    for chain in _chains(edges):
        if all(edges[thread].is_sure for thread in chain):
            links = tuple((*thread, edges[thread].address) for thread in chain)
            one = Deadlock(links, _stuck(chain, behind))
            (deadlocks if all(edges[thread].is_forever for thread in chain) else suspected).append(one)
    return Circles(tuple(deadlocks), tuple(suspected))


def _edge(lock: LockSample, wait: LockWait, owner_pid: int, owner_tid: int) -> _Edge:
    return _Edge((owner_pid, owner_tid), lock.address, wait.is_confirmed, wait.is_forever is True)


def _chains(edges: Mapping[Thread, _Edge]) -> list[list[Thread]]:
    """The circles, each beginning with its first thread by pid and tid."""
    found: list[list[Thread]] = []
    done: set[Thread] = set()
    for start in sorted(edges):
        path: list[Thread] = []
        places: dict[Thread, int] = {}
        at = start
        while at in edges and at not in done:
            done.add(at)
            places[at] = len(path)
            path.append(at)
            at = edges[at].owner
        if at in places:
            chain = path[places[at] :]
            first = chain.index(min(chain))
            found.append(chain[first:] + chain[:first])
    return found


def _stuck(chain: Sequence[Thread], behind: Mapping[Thread, Sequence[Thread]]) -> tuple[Thread, ...]:
    """Who waits, directly or not, for one of the chain."""
    seen = set(chain)
    queue = list(chain)
    for thread in queue:  # grows as it is walked
        for waiter in behind.get(thread, ()):
            if waiter not in seen:
                seen.add(waiter)
                queue.append(waiter)
    return tuple(sorted(seen.difference(chain)))


def _row(sample: LocksSample, found: Circles, gil: Sequence[tuple[int, int]]) -> LocksRow:
    return LocksRow(
        locks=tuple(_lock_row(lock, sample.at_ns, gil) for lock in _by_waiters(sample.locks)),
        deadlocks=tuple(one for one in found.deadlocks if _concerns(one, sample.pid)),
        why_not=sample.why_not,
        remedy=sample.remedy,
        suspected=tuple(one for one in found.suspected if _concerns(one, sample.pid)),
        left_out=sample.left_out,
        lately=tuple(one for one in sample.lately if not _is_within(one.address, gil)),
        lately_waits=sample.lately_waits,
    )


def _by_waiters(locks: Iterable[LockSample]) -> list[LockSample]:
    return sorted(locks, key=lambda lock: (-len(lock.waits), lock.owner_tid is None, lock.address))


def _concerns(deadlock: Deadlock, pid: int) -> bool:
    return any(link[0] == pid for link in (*deadlock.chain, *deadlock.behind))


def _lock_row(lock: LockSample, at_ns: int, gil: Sequence[tuple[int, int]]) -> LockRow:
    return LockRow(
        address=lock.address,
        shared=lock.shared,
        kind=lock.kind,
        owner_tid=lock.owner_tid,
        owner_pid=lock.owner_pid,
        is_confirmed=lock.is_confirmed,
        waits=tuple(_wait_row(wait, at_ns) for wait in lock.waits[:MOST_WAITS]),
        is_gil=_is_within(lock.address, gil),
        waiters=len(lock.waits),
        ended_tid=lock.ended_tid,
    )


def _is_within(address: int, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(start <= address < end for start, end in ranges)


def _wait_row(wait: LockWait, at_ns: int) -> LockWaitRow:
    return LockWaitRow(
        tid=wait.tid,
        waited_s=max(0, at_ns - wait.since_ns) / SECOND_NS,
        is_at_least=wait.is_at_least,
        timeout_s=None if wait.timeout_ns is None else wait.timeout_ns / SECOND_NS,
        is_forever=wait.is_forever,
        left_s=None if wait.until_ns is None else max(0, wait.until_ns - at_ns) / SECOND_NS,
    )
