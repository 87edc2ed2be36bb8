"""LocksReader: which threads wait on which futex since when, and who owns the lock it belongs to (proc(5), mem).

A lock counts as confirmed once a later reading has found the same owner, and a waiter whose counters say that it
has not run in between: it waited all the time.  Where all waits of a closed chain are confirmed, none of its threads
has run between two readings of all its locks, so that the chain was closed at one moment, however long reading took.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.gil import refusals
from threadtop.gil.memory import BadAddressError, Memory
from threadtop.procfs import parse
from threadtop.sample import living
from threadtop.waiting import mutexes
from threadtop.waiting.futexes import Futex, Seen, Wait, due, forget_owners, regroup, remember, told
from threadtop.waiting.machines import machine_of
from threadtop.waiting.owners import MOST_MAPS_BYTES, NOBODY, Names, place, shared_regions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.blocked import BlockedOn, LockKind, LocksSample
    from threadtop.interest import Interest
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import ProcessSample, Sample
    from threadtop.waiting.mutexes import Owned

MOST_CHECKS: Final = 256  # threads in a tick that are asked whether they have run since the pass
TRIES: Final = 3  # for a lock that changes hands at this moment
MAPS_TICKS: Final = 5  # between two readings of the mappings of a process
DENIED_TICKS: Final = 30  # until a process whose memory may not be read is tried again


class _Found(NamedTuple):
    """What a reading of a futex says: its lock if it is taken; ``is_free``: its word is 0, as between two owners."""

    owned: Owned | None
    is_free: bool = False


_UNKNOWN: Final = _Found(None)


class _Waiters(NamedTuple):
    """The threads of a process that wait on futexes, by tid; ``is_denied``: what its threads sleep in is hidden."""

    blocked: dict[int, BlockedOn]
    is_denied: bool


class LocksReader:
    """Reads the locks of processes that are looked at closely; keeps since when their threads wait."""

    def __init__(self, reader: ProcReader, euid: int | None = None) -> None:
        """Read through ``reader``, which no other thread uses; ``euid`` is ours."""
        self._reader = reader
        self._euid = os.geteuid() if euid is None else euid
        self._names = Names(reader)
        self._tick = 0
        self._seen: dict[int, Seen] = {}
        self._blocked: Mapping[tuple[int, int], BlockedOn] | None = None
        self._waiters: dict[int, _Waiters] = {}
        self._checks = 0

    def read(self, sample: Sample, interest: Interest) -> dict[int, LocksSample]:
        """The locks of ``interest.waits``, by pid, made of ``sample.blocked`` and their memory."""
        self._tick += 1
        self._checks = MOST_CHECKS
        processes = {pid: sample.processes[pid] for pid in interest.waits if pid in sample.processes}
        processes = {pid: process for pid, process in processes.items() if not process.kernel}
        self._group(sample.blocked, processes)
        for pid in [pid for pid, seen in self._seen.items() if not _is_same(seen, processes.get(pid))]:
            del self._seen[pid]
        self._names.begin(sample)
        for pid, process in processes.items():
            self._follow(process, self._waiters.get(pid, _Waiters({}, is_denied=False)), processes.values())
        self._confirm()
        for seen in self._seen.values():
            remember(seen, sample.at_ns)
        return {pid: told(self._seen[pid], sample.at_ns) for pid in processes}

    def _group(self, blocked: Mapping[tuple[int, int], BlockedOn], pids: Mapping[int, object]) -> None:
        """Who waits on a futex, by pid; the same objects as before where nothing changed."""
        if blocked is self._blocked and pids.keys() == self._waiters.keys():
            return
        grouped = {pid: _Waiters({}, is_denied=False) for pid in pids}
        for (pid, tid), one in blocked.items():
            waiters = grouped.get(pid)
            if waiters is None:
                continue
            if one.futex:
                waiters.blocked[tid] = one
            elif one.why_not and not one.call and not waiters.is_denied:
                grouped[pid] = waiters._replace(is_denied=True)
        old = self._waiters
        self._waiters = {pid: old[pid] if old.get(pid) == waiters else waiters for pid, waiters in grouped.items()}
        self._blocked = blocked

    # -- one process ---------------------------------------------------------------------------

    def _follow(self, process: ProcessSample, waiters: _Waiters, others: Iterable[ProcessSample]) -> None:
        seen = self._seen.get(process.pid)
        is_first = seen is None
        if seen is None:
            seen = self._seen[process.pid] = Seen(process, machine_of(self._reader, living(process)))
        if seen.process is not process or seen.blocked is not waiters.blocked:
            regroup(seen, process, waiters.blocked, is_first=is_first)
        if waiters.is_denied and not seen.refusal[0]:
            self._refuse(seen)
        if seen.futexes:
            self._place(seen)
            self._read_all(seen, others)
        elif not waiters.is_denied:
            seen.refusal = "", ""

    def _refuse(self, seen: Seen) -> None:
        seen.refusal = refusals.refusal(self._reader, seen.process.uid, self._euid)
        seen.retry = self._tick + DENIED_TICKS

    def _place(self, seen: Seen) -> None:
        """What other processes call the places of futexes that may be shared with them."""
        asked = {
            address
            for address, futex in seen.futexes.items()
            if any(wait.blocked.is_shared for wait in futex.waits[:1])
        }
        seen.shared = {address: where for address, where in seen.shared.items() if address in asked}
        unknown = asked - seen.shared.keys()
        if unknown and (seen.maps_tick is None or self._tick - seen.maps_tick >= MAPS_TICKS):
            seen.maps_tick = self._tick
            try:
                regions = shared_regions(self._reader.read_most(living(seen.process), "maps", MOST_MAPS_BYTES))
            except (DeniedError, GoneError, ThreadtopError, OSError):
                regions = []
            seen.shared |= {address: place(regions, address) for address in unknown}
        for address, where in seen.shared.items():
            futex = seen.futexes[address]
            if futex.shared != where:
                futex.shared, futex.is_changed = where, True

    def _read_all(self, seen: Seen, others: Iterable[ProcessSample]) -> None:
        if seen.refusal[0] and self._tick < seen.retry:
            return
        try:
            memory = Memory(self._reader, seen.process.pid, living(seen.process))
        except DeniedError:
            self._refuse(seen)
            forget_owners(seen)
            return
        except (GoneError, ThreadtopError, OSError):
            forget_owners(seen)
            return
        seen.refusal = "", ""
        try:
            for address in due(seen):
                futex = seen.futexes[address]
                self._reader.reads["mem"] += 1
                found = _found(memory, seen.machine, address, futex.waits[0].blocked)
                self._note(seen, futex, found, others)
        finally:
            memory.close()

    def _note(self, seen: Seen, futex: Futex, found: _Found, others: Iterable[ProcessSample]) -> None:
        """What the newest reading of a futex says."""
        owned, owner = found.owned, NOBODY
        kind: LockKind = futex.kind if found.is_free else "unknown"
        if owned is not None:
            owner = self._names.owner(seen.process, owned.tid, others, is_shared=bool(futex.shared))
            kind = owned.kind if owner != NOBODY else "unknown"
        futex.is_read, futex.is_waited = True, owned is None or owned.is_waited
        if owner != futex.owner or kind != futex.kind:
            futex.owner, futex.kind = owner, kind
            futex.is_changed, futex.is_settled = True, False

    # -- the second reading --------------------------------------------------------------------

    def _confirm(self) -> None:
        """Mark the waits that have lasted since an earlier reading, with the same owner."""
        futexes = [futex for seen in self._seen.values() for futex in seen.futexes.values() if futex.is_read]
        owners = {(futex.owner.pid, futex.owner.tid) for futex in futexes if futex.owner.tid is not None}
        for seen in self._seen.values():
            for futex in seen.futexes.values():
                if futex.is_read and not futex.is_settled:
                    self._confirm_waits(seen.process.pid, futex, owners)

    def _confirm_waits(self, pid: int, futex: Futex, owners: set[tuple[int | None, int]]) -> None:
        is_settled = True
        for wait in futex.waits:
            if wait.owner != futex.owner:
                wait.owner, wait.seen = futex.owner, self._tick
                futex.is_changed |= wait.is_confirmed
                wait.is_confirmed = is_settled = False
            elif not wait.is_confirmed:
                # Who owns something may be in a closed chain: whether it has run is asked once more, at the last.
                is_link = futex.owner.tid is not None and (pid, wait.thread.tid) in owners
                is_lasting = futex.is_waited and wait.seen < self._tick
                wait.is_confirmed = is_lasting and (not is_link or self._is_at_rest(pid, wait))
                futex.is_changed |= wait.is_confirmed
                is_settled &= wait.is_confirmed
        futex.is_settled = is_settled

    def _is_at_rest(self, pid: int, wait: Wait) -> bool:
        """Whether a thread has not run up to this moment since its wait was first seen."""
        if wait.thread.run_ns is None or not self._checks:
            return False
        self._checks -= 1
        try:
            raw = self._reader.read_task(pid, wait.thread.tid, "schedstat")
            return parse.parse_schedstat(raw).run_ns == wait.thread.run_ns
        except (GoneError, DeniedError, ThreadtopError, OSError, ValueError):
            return False


def _is_same(seen: Seen, process: ProcessSample | None) -> bool:
    return process is not None and process.start_ticks == seen.process.start_ticks and process.name == seen.process.name


def _found(memory: Memory, machine: str, address: int, blocked: BlockedOn) -> _Found:
    """The lock that a futex belongs to; read again where it is free just now."""
    found = _UNKNOWN
    for _ in range(TRIES):
        try:
            if blocked.operation in mutexes.PI_OPERATIONS:
                return _Found(mutexes.pi(memory.read(address, 4)))
            if blocked.operation not in mutexes.WAIT_OPERATIONS or machine not in mutexes.MACHINES:
                return _UNKNOWN
            value = mutexes.word(memory.read(address, 4))
            found = _Found(
                _at(memory, machine, address, value, is_shared=bool(blocked.is_shared)), value == mutexes.FREE
            )
        except (BadAddressError, GoneError):
            return _UNKNOWN
        if not found.is_free:
            return found
    return found


def _at(memory: Memory, machine: str, address: int, value: int, *, is_shared: bool) -> Owned | None:
    """What the memory around a futex checks as; which of them is tried says its word."""
    if value == mutexes.USED_AND_SET:
        return mutexes.rwlock(memory.read(address - mutexes.BEFORE_BYTES, mutexes.RWLOCK_BYTES))
    found = mutexes.mutex(memory.read(address, mutexes.MUTEX_BYTES))
    if found is None and is_shared and machine == "x86_64" and 0 < value <= mutexes.MOST_TID:
        start = address - mutexes.TID_OFFSET
        found = mutexes.thread_end(memory.read(address, 4), address, memory.read(start, mutexes.HEADER_BYTES))
    return found
