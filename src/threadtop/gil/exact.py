"""The probe of a process whose memory may be read: the GIL's own words, and in which futex each thread sleeps."""

from __future__ import annotations

import os
import struct
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from threadtop.errors import DeniedError, GoneError
from threadtop.gil.memory import BadAddressError
from threadtop.gil.probe import ASLEEP, BLOCKED, HELD, LINE_BYTES, RAN, SORT_ROUNDS, WAITED, Probe
from threadtop.gil.runtime import State
from threadtop.sample import GilLock, GilMoment

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.gil.memory import Memory
    from threadtop.gil.probe import Thread
    from threadtop.gil.runtime import Lock, Runtime
    from threadtop.procfs.reader import ProcReader

MOST_MOMENTS: Final = 4000
OFF_PERIOD_S: Final = 0.5  # a free-threaded build may switch its GIL on at any time (PEP 703)
UNKNOWN_HOLDER: Final = -1
_WORD: Final = struct.Struct("<Q")
_UNREAD: Final = (OSError, OverflowError, struct.error)  # an address that is none, or fewer bytes than asked for
_UNUSUAL: Final = (*_UNREAD, KeyError, TypeError)  # a thread that is not listed, or has no descriptor; no offset
_Words: TypeAlias = "tuple[int, int, int]"  # of a lock: its last holder's state, locked, switches
_Found: TypeAlias = "tuple[_Words | None, Thread | None, int, bytes]"  # of a lock: words, holder, what it does, line
_FREE: Final[_Found] = (None, None, HELD, b"")


class MemoryProbe(Probe):
    """Exact: the lock's own words in memory, and in which futex each thread sleeps (``syscall``)."""

    file = "syscall"

    def __init__(
        self, reader: ProcReader, pid: int, memory: Memory, attach: Callable[[dict[int, int]], Runtime]
    ) -> None:
        """Look at ``pid`` through ``memory``; ``attach`` finds its CPython, given its threads."""
        super().__init__(reader, pid)
        self._memory = memory
        self.runtime = attach(self._inner)
        self._holder_line = b""
        self._moments: deque[tuple[int, tuple[int, ...], tuple[int, ...]]] = deque(maxlen=MOST_MOMENTS)
        self._counts: dict[int, list[int]] = {}  # by a lock's address: rounds, locked, switches
        # Of the locks: where their words are, and their counts; None for one that is off.
        self._places: tuple[tuple[Lock, int, list[int] | None], ...] = ()
        self._waiting: frozenset[int] | None = None  # futex words of this look, in musl
        self._plan: list[tuple[Thread, ...]] = []
        self._log: list[tuple[int, list[_Found], tuple[Thread, ...], list[bytes], int]] = []
        words = self.runtime.words
        self._unpack: Callable[[bytes], _Words] = words.unpack
        self._size = words.size
        self._name_offset: int = self.runtime.name_offset  # type: ignore[assignment]
        self.has_fixed_words = self.runtime.is_glibc
        self._futex = b"%d 0x" % self.runtime.futex

    @property
    def tids(self) -> frozenset[int]:
        """The threads that CPython knows."""
        return self.runtime.tids

    def _refresh(self) -> None:
        self.settle()
        self._plan = []
        super()._refresh()
        before = [lock.address for lock in self.runtime.locks]
        self.runtime.refresh(self._inner)
        locks = self.runtime.locks
        if [lock.address for lock in locks] != before:
            for thread in self.threads.values():
                thread.line = b""  # what it sleeps in may be a lock now, or be one no longer
        self._counts = {lock.address: self._counts.get(lock.address, [0, 0, 0]) for lock in locks}
        self._places = tuple(
            (lock, lock.address + self.runtime.words_offset, self._counts[lock.address] if lock.is_enabled else None)
            for lock in locks
        )
        self.period_s = 0.0 if any(lock.is_enabled for lock in locks) else OFF_PERIOD_S

    # -- a look --------------------------------------------------------------------------------------

    # A look every 10 ms finds cold caches: each object that it touches and each function that it calls costs more than
    # what is done with it.  So a look only reads; what its readings mean is made out for many looks at once.

    def look(self, now_ns: int) -> None:  # noqa: C901 as above
        """As said of Probe."""
        if now_ns >= self._refresh_at:
            self._tend(now_ns)
        if self.period_s:
            return  # the GIL is off: nothing is looked at
        threads = (self._plan or self._planned()).pop()
        read, pread, reads = self._memory.pread, os.pread, 0
        found: list[_Found] = []
        holders: list[Thread] = []
        for lock, address, counts in self._places:
            if counts is None:
                found.append(_FREE)
                continue
            words, thread, kind = None, None, HELD
            try:
                words = self._unpack(read(self._size, address))
                if words[1] != 1:
                    found.append((words, None, HELD, b""))
                    continue
                # Read anew each time: a state may be freed, and be another thread's, without a hand-over in between.
                thread = self._by_inner[_WORD.unpack(read(8, words[0] + self._name_offset))[0]]
                line = pread(thread.descriptor, LINE_BYTES, 0)  # type: ignore[arg-type]
                reads += 1
            except _UNUSUAL:
                words, thread, line = self._search(lock, address, words, now_ns)
            if thread is not None:
                holders.append(thread)
                if line and line[:1] != b"r" and words is not None:
                    kind = self._sleeping(thread, line, lock, State(words[0], is_locked=True, switches=words[2]))
            found.append((words, thread, kind, line))
        try:
            lines = [b"" if thread in holders else pread(thread.descriptor, LINE_BYTES, 0) for thread in threads]  # type: ignore[arg-type]
            reads += len(lines) - lines.count(b"")
        except _UNUSUAL:
            lines = [b"" if thread in holders else self._read(thread) for thread in threads]
        self._log.append((now_ns, found, threads, lines, reads))
        self.rounds += 1
        if not self.has_fixed_words:
            self.settle()

    def _planned(self) -> list[tuple[Thread, ...]]:
        """Which threads the next rounds look at, the last one first."""
        self.settle()
        upcoming = range(self.rounds + SORT_ROUNDS, self.rounds, -1)
        self._plan = [tuple(self._due(number)) for number in upcoming]
        return self._plan

    def _search(
        self, lock: Lock, address: int, words: _Words | None, now_ns: int
    ) -> tuple[_Words | None, Thread | None, bytes]:
        """A lock's words, who holds it and what that one does, where a look did not get all of it."""
        runtime, read = self.runtime, self._memory.pread
        try:
            words = words or self._unpack(read(self._size, address))
        except _UNREAD:
            self._miss(lock, now_ns)
            return None, None, b""
        if words[1] != 1:
            return words, None, b""
        try:
            if runtime.name_offset is None:
                tid = runtime.tid(words[0], self._inner)
            else:
                tid = self._inner.get(_WORD.unpack(read(_WORD.size, words[0] + runtime.name_offset))[0])
            thread = self.threads[tid or 0]
        except (KeyError, *_UNREAD):
            self._refresh_soon(now_ns)
            return words, None, b""
        return words, thread, self._read(thread)

    def _miss(self, lock: Lock, now_ns: int) -> None:
        """A lock's words cannot be read: its interpreter has ended, the next walk will say; or GoneError is raised."""
        with suppress(BadAddressError):
            self.runtime.state(lock)
        self._refresh_soon(now_ns)

    def _sleeping(self, thread: Thread, line: bytes, lock: Lock, state: State) -> int:
        """What a holder does that was not found running."""
        if self.runtime.state(lock) != state:
            return HELD  # it let go as we looked, but had it: short holds count as well
        # A holder that waits for the lock's own mutex is about to hand over; one that a signal or a tracer
        # (gdb, py-spy) has stopped did not go to sleep.
        if self._classify(line) == WAITED:
            return HELD
        return BLOCKED if self._is_stopped(thread.tid) else ASLEEP

    def _is_stopped(self, tid: int) -> bool:
        """Whether it is in state T or t (proc(5), stat)."""
        try:
            stat = self._reader.read_task(self._pid, tid, "stat")
        except (GoneError, DeniedError):
            return False
        return stat[stat.rfind(b")") :][2:3] in {b"T", b"t"}

    def _classify(self, line: bytes) -> int:
        if line.startswith(b"running"):
            return RAN
        if not line.startswith(self._futex):
            return BLOCKED
        try:
            address = int(line.split(None, 2)[1], 16)
        except (IndexError, ValueError):
            return BLOCKED
        form = self.runtime.layout
        for lock in self.runtime.locks:
            if form.gil_cond <= address - lock.address < form.gil_size:
                return WAITED
        if not self.runtime.is_glibc:
            if self._waiting is None:
                self._waiting = frozenset().union(*map(self.runtime.waiters, self.runtime.locks))
            if address in self._waiting:
                return WAITED
        return BLOCKED

    # -- what was found ------------------------------------------------------------------------------

    def settle(self) -> None:
        """As said of Probe."""
        log, self._log = self._log, []
        number = self.rounds - len(log)
        for now_ns, found, threads, lines, reads in log:
            number += 1
            self._reader.reads[self.file] += reads
            held = self._held(now_ns, found)
            for thread in [thread for thread in held if thread.is_resting]:
                self._wake(thread, number)
                thread.credit(held.pop(thread), number)
            for thread, line in zip(threads, lines, strict=True):
                kind = held.get(thread)
                if kind is None:
                    if not line:
                        continue  # it has ended, or was credited
                    kind = self._note(thread, line)
                thread.credit(kind, number)
        self._waiting = None

    def _held(self, now_ns: int, found: list[_Found]) -> dict[Thread, int]:
        """Who held a lock then: HELD, ASLEEP, or stopped: BLOCKED; a moment is made of it."""
        held: dict[Thread, int] = {}
        holders = []
        self._holder_line = b""
        for (_, _, counts), (words, thread, kind, line) in zip(self._places, found, strict=True):
            if counts is None or words is None:
                holders.append(UNKNOWN_HOLDER if counts else 0)
                continue
            is_locked = words[1] == 1
            counts[0] += 1
            counts[1] += is_locked
            counts[2] = words[2]
            if thread is None:
                holders.append(UNKNOWN_HOLDER if is_locked else 0)
                continue
            holders.append(thread.tid)
            held[thread] = kind
            self._holder_line = line
        asleep = tuple(thread.tid for thread, kind in held.items() if kind == ASLEEP)
        self._moments.append((now_ns, tuple(holders), asleep))
        return held

    @property
    def holder_call(self) -> str | None:
        """What the last round found a holder in: a line of ``syscall``."""
        self.settle()
        return self._holder_line.decode("ascii", "replace").strip() or None

    def locks(self) -> tuple[GilLock, ...]:
        """The locks with their tallies."""
        self.settle()
        found = []
        for lock in self.runtime.locks:
            rounds, locked, switches = self._counts.get(lock.address, (0, 0, 0))
            found.append(GilLock(lock.interpreters, lock.is_enabled, lock.interval_us, rounds, locked, switches))
        return tuple(found)

    def take_moments(self) -> tuple[GilMoment, ...]:
        """The rounds since the last call."""
        self.settle()
        moments = tuple(map(GilMoment._make, self._moments))
        self._moments.clear()
        return moments

    def close(self) -> None:
        """Give the memory back, too."""
        super().close()
        self._memory.close()
