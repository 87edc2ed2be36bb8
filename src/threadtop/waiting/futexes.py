"""Futexes with waiters, between ticks: who waits on which since when, and what the last reading said of its owner."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from threadtop.blocked import LatelyLock, LockSample, LocksSample, LockWait
from threadtop.waiting.owners import NOBODY, Owner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.blocked import BlockedOn, LockKind
    from threadtop.sample import ProcessSample, ThreadSample

MOST_NEW: Final = 512  # futexes read in a tick that have an owner, or were not read yet
MOST_AGAIN: Final = 64  # and of those that turned out to have none, in turn
MOST_LOCKS: Final = 256  # of one process that are handed on: those with an owner first, then the most waited for
LATELY_TICKS: Final = 10  # so long a lock is remembered on which nobody waits any more
MOST_LATELY: Final = 64

_Counters: TypeAlias = tuple[int, int | None, int, int, int | None]


class Wait:
    """One thread on a futex, and what was last found to own that."""

    __slots__ = ("blocked", "counters", "is_at_least", "is_confirmed", "owner", "seen", "since_ns", "thread")

    def __init__(self, thread: ThreadSample, blocked: BlockedOn, *, is_at_least: bool) -> None:
        """Its wait as of the pass that read ``thread``."""
        self.thread = thread
        self.blocked = blocked
        self.counters = _counters(thread)
        self.since_ns = thread.at_ns
        self.is_at_least = is_at_least
        self.owner: Owner | None = None
        self.seen = 0  # the tick in which that owner was first found
        self.is_confirmed = False

    def told(self) -> LockWait:
        """What is handed on."""
        blocked = self.blocked
        return LockWait(
            self.thread.tid,
            self.since_ns,
            self.is_at_least,
            blocked.timeout_ns,
            blocked.is_forever,
            self.is_confirmed,
            blocked.until_ns,
        )


class Futex:
    """One futex: who waits on it, and what the last reading said."""

    __slots__ = ("is_changed", "is_read", "is_settled", "is_waited", "kind", "owner", "shared", "told", "waits")

    def __init__(self) -> None:
        """Nobody waits, nothing read."""
        self.waits: list[Wait] = []
        self.shared = ""
        self.kind: LockKind = "unknown"
        self.owner = NOBODY
        self.is_read = False
        self.is_waited = False  # its own word says that somebody sleeps on it
        self.is_settled = False  # nothing new can be said of its waits
        self.is_changed = True
        self.told: LockSample | None = None


class Seen:
    """One process between ticks."""

    __slots__ = (
        "blocked",
        "futexes",
        "is_new",
        "lately",
        "machine",
        "maps_tick",
        "process",
        "refusal",
        "retry",
        "shared",
        "turn",
        "waits",
    )

    def __init__(self, process: ProcessSample, machine: str) -> None:
        """Nothing of its threads is known."""
        self.process: ProcessSample = process
        self.machine = machine
        self.blocked: Mapping[int, BlockedOn] | None = None
        self.waits: dict[int, Wait] = {}
        self.futexes: dict[int, Futex] = {}
        self.shared: dict[int, str] = {}  # by address: what is mapped there
        self.refusal = "", ""
        self.retry = 0
        self.is_new = False  # some wait is
        self.lately: deque[tuple[int, dict[int, LatelyLock]]] = deque(maxlen=LATELY_TICKS)
        self.maps_tick: int | None = None
        self.turn = 0


def forget_owners(seen: Seen) -> None:
    """What may not be read any more is not known."""
    for futex in seen.futexes.values():
        futex.owner, futex.kind = NOBODY, "unknown"
        futex.is_read, futex.is_settled, futex.is_changed = False, False, True


def _counters(thread: ThreadSample) -> _Counters:
    """What changes whenever a thread runs."""
    vol = thread.vol if thread.run_ns is None else None  # it may be read in some passes only
    return thread.start_ticks, thread.run_ns, thread.utime_ticks, thread.stime_ticks, vol


def regroup(seen: Seen, process: ProcessSample, blocked: Mapping[int, BlockedOn], *, is_first: bool) -> None:
    """Who waits where since when, by the counters of this pass."""
    before, old_futexes = seen.process.threads, seen.futexes
    waits: dict[int, Wait] = {}
    futexes: dict[int, Futex] = {}
    for tid, one in blocked.items():
        thread = process.threads.get(tid)
        if thread is None or one.futex is None:
            continue
        wait = seen.waits.get(tid)
        if wait is None or wait.blocked.futex != one.futex or wait.counters != _counters(thread):
            old = before.get(tid)
            wait = Wait(thread, one, is_at_least=is_first or (old is not None and _counters(old) == _counters(thread)))
        waits[tid] = wait
        futex = futexes.get(one.futex)
        if futex is None:
            futex = futexes[one.futex] = Futex()
        futex.waits.append(wait)
    for address, futex in futexes.items():
        futex.waits.sort(key=lambda wait: (wait.since_ns, wait.thread.tid))
        old_futex = old_futexes.get(address)
        if old_futex is not None:
            futex.kind, futex.owner, futex.shared = old_futex.kind, old_futex.owner, old_futex.shared
            # What had no owner is read anew once other threads wait on it.
            is_alike = old_futex.waits == futex.waits
            futex.is_read = old_futex.is_read and is_alike
            if is_alike:
                futex.is_settled, futex.is_changed = old_futex.is_settled, old_futex.is_changed
                futex.is_waited = old_futex.is_waited
                futex.told = old_futex.told
    seen.process, seen.blocked, seen.waits, seen.futexes = process, blocked, waits, futexes
    seen.is_new = not is_first


def due(seen: Seen) -> list[int]:
    """Which futexes to read now: those with an owner, the new ones, and some of the others; most waited for first."""
    pressing = [address for address, futex in seen.futexes.items() if futex.owner != NOBODY or not futex.is_read]
    pressing.sort(key=lambda address: (seen.futexes[address].owner == NOBODY, -len(seen.futexes[address].waits)))
    again = [address for address, futex in seen.futexes.items() if futex.owner == NOBODY and futex.is_read]
    if len(again) > MOST_AGAIN:
        start = seen.turn % len(again)
        seen.turn = start + MOST_AGAIN
        again = [*again[start:], *again[:start]][:MOST_AGAIN]
    return pressing[:MOST_NEW] + again


def told(seen: Seen, at_ns: int) -> LocksSample:
    """What is handed on of a process."""
    why_not, remedy = seen.refusal
    order = sorted(seen.futexes.items(), key=lambda item: (item[1].owner == NOBODY, -len(item[1].waits), item[0]))
    locks = tuple(_lock(address, futex) for address, futex in order[:MOST_LOCKS])
    left_out = len(order) - len(locks)
    process, lately = seen.process, _lately(seen)
    waits = sum(count for count, _ in seen.lately)
    return LocksSample(process.pid, process.start_ticks, at_ns, why_not, remedy, locks, left_out, lately, waits)


def _lately(seen: Seen) -> tuple[LatelyLock, ...]:
    """The locks of the last ticks, the most waited for first."""
    found: dict[int, LatelyLock] = {}
    for _, new in seen.lately:
        for address, one in new.items():
            old = found.get(address)
            found[address] = one._replace(waits=one.waits + old.waits) if old is not None else one
    return tuple(sorted(found.values(), key=lambda one: (-one.waits, one.address))[:MOST_LATELY])


def remember(seen: Seen, at_ns: int) -> None:
    """Count the waits that began in this tick, of the pass begun at ``at_ns``, and forget those of old ones.

    A lock that changes hands often is free, or has no waiter, at many of the looks.
    """
    new: dict[int, LatelyLock] = {}
    count = 0
    if seen.is_new:
        for address, futex in seen.futexes.items():
            fresh = sum(wait.since_ns >= at_ns for wait in futex.waits)
            count += fresh
            if fresh and futex.kind != "unknown" and len(new) < MOST_LATELY:
                new[address] = LatelyLock(address, futex.kind, fresh)
    seen.is_new = False
    seen.lately.append((count, new))


def _lock(address: int, futex: Futex) -> LockSample:
    """One futex; the same object as in the last tick where nothing of it changed."""
    if futex.is_changed or futex.told is None:
        owner = futex.owner
        is_confirmed = any(wait.is_confirmed for wait in futex.waits)
        waits = tuple(wait.told() for wait in futex.waits)
        futex.told = LockSample(
            address, futex.shared, futex.kind, owner.tid, owner.pid, is_confirmed, waits, owner.ended_tid
        )
        futex.is_changed = False
    return futex.told
