"""The probe of a process whose memory may be read: the GIL's own words, and in which futex each thread sleeps."""

from __future__ import annotations

import os
import struct
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from threadtop.errors import DeniedError, GoneError
from threadtop.gil.memory import BadAddressError
from threadtop.gil.probe import ASLEEP, BLOCKED, HELD, LINE_BYTES, RAN, WAITED, Probe
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
        self._places: tuple[tuple[Lock, int, list[int]], ...] = ()  # of the locks: where their words are, counts
        self._words: frozenset[int] = frozenset()
        self._words_round = -1
        self.has_fixed_words = self.runtime.is_glibc
        self._futex = b"%d 0x" % self.runtime.futex

    @property
    def tids(self) -> frozenset[int]:
        """The threads that CPython knows."""
        return self.runtime.tids

    def _refresh(self) -> None:
        super()._refresh()
        before = [lock.address for lock in self.runtime.locks]
        self.runtime.refresh(self._inner)
        locks = self.runtime.locks
        if [lock.address for lock in locks] != before:
            for thread in self.threads.values():
                thread.line = b""  # what it sleeps in may be a lock now, or be one no longer
        self._counts = {lock.address: self._counts.get(lock.address, [0, 0, 0]) for lock in locks}
        self._places = tuple(
            (lock, lock.address + self.runtime.words_offset, self._counts[lock.address]) for lock in locks
        )
        self.period_s = 0.0 if any(lock.is_enabled for lock in locks) else OFF_PERIOD_S

    # -- a look --------------------------------------------------------------------------------------

    # ``_round`` and ``_holder`` are flat on purpose.  A look every 10 ms finds cold caches: then each function that is
    # called and each object that is touched costs more than what it does.  What is not the common case is elsewhere.

    def _round(self, now_ns: int) -> None:
        if self.period_s:
            self.rounds -= 1  # the GIL is off: nothing is looked at
            return
        held = self._holders(now_ns)
        now, is_fixed, pread, reads = self.rounds, self.has_fixed_words, os.pread, 0
        for thread in self._due():
            kind = held.get(thread.tid)
            if kind is None:
                descriptor = thread.descriptor
                try:
                    if descriptor is None:
                        line = self._read(thread)
                    else:
                        line = pread(descriptor, LINE_BYTES, 0)
                        reads += 1
                except OSError:
                    line = self._read(thread)
                if not line:
                    continue  # it has ended
                if line == thread.line and is_fixed:
                    kind = thread.kind
                    if kind == BLOCKED:
                        thread.quiet += 1
                else:
                    kind = self._note(thread, line)
            thread.weights[kind] += now - thread.seen
            thread.seen = now
            thread.looks += 1
        self._reader.reads[self.file] += reads

    def _holders(self, now_ns: int) -> dict[int, int]:
        """Who holds a lock, by tid: HELD, ASLEEP, or stopped: BLOCKED; a moment is made of it."""
        held: dict[int, int] = {}
        holders = []
        self._holder_line = b""
        for lock, address, counts in self._places:
            holders.append(self._holder(lock, address, counts, now_ns, held) if lock.is_enabled else 0)
        asleep = tuple(tid for tid, kind in held.items() if kind == ASLEEP) if ASLEEP in held.values() else ()
        self._moments.append((now_ns, tuple(holders), asleep))
        return held

    def _holder(self, lock: Lock, address: int, counts: list[int], now_ns: int, held: dict[int, int]) -> int:
        """Who holds a lock, whose words are at ``address`` (0: nobody, -1: somebody unknown), and adds to ``held``."""
        runtime, read = self.runtime, self._memory.pread
        try:
            state, locked, switches = runtime.words.unpack(read(runtime.words.size, address))
        except _UNREAD:
            return self._miss(lock, now_ns)
        counts[0] += 1
        counts[2] = switches
        if locked != 1:
            return 0
        counts[1] += 1
        # Read anew each time: a state may be freed, and be another thread's, without a hand-over in between.
        try:
            if runtime.name_offset is None:
                tid = runtime.tid(state, self._inner)
            else:
                tid = self._inner.get(_WORD.unpack(read(_WORD.size, state + runtime.name_offset))[0])
            thread = self.threads[tid or 0]
        except (KeyError, *_UNREAD):
            self._refresh_soon(now_ns)
            return UNKNOWN_HOLDER
        if thread.is_resting:
            self._wake(thread)
        line = self._read(thread)
        if not line or line.startswith(b"running"):
            kind = HELD
            self._holder_line = line
        else:
            kind = self._sleeping(thread, line, lock, State(state, is_locked=True, switches=switches))
        held[thread.tid] = kind
        return thread.tid

    def _miss(self, lock: Lock, now_ns: int) -> int:
        """A lock's words cannot be read: its interpreter has ended, the next walk will say; or GoneError is raised."""
        with suppress(BadAddressError):
            self.runtime.state(lock)
        self._refresh_soon(now_ns)
        return UNKNOWN_HOLDER

    def _sleeping(self, thread: Thread, line: bytes, lock: Lock, state: State) -> int:
        """What a holder does that was not found running."""
        if self.runtime.state(lock) != state:
            return HELD  # it let go as we looked, but had it: short holds count as well
        self._holder_line = line
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
            if self._words_round != self.rounds:
                self._words_round = self.rounds
                self._words = frozenset().union(*map(self.runtime.waiters, self.runtime.locks))
            if address in self._words:
                return WAITED
        return BLOCKED

    # -- what was found ------------------------------------------------------------------------------

    @property
    def holder_call(self) -> str | None:
        """What the last round found a holder in: a line of ``syscall``."""
        return self._holder_line.decode("ascii", "replace").strip() or None

    def locks(self) -> tuple[GilLock, ...]:
        """The locks with their tallies."""
        found = []
        for lock in self.runtime.locks:
            rounds, locked, switches = self._counts.get(lock.address, (0, 0, 0))
            found.append(GilLock(lock.interpreters, lock.is_enabled, lock.interval_us, rounds, locked, switches))
        return tuple(found)

    def take_moments(self) -> tuple[GilMoment, ...]:
        """The rounds since the last call."""
        moments = tuple(map(GilMoment._make, self._moments))
        self._moments.clear()
        return moments

    def close(self) -> None:
        """Give the memory back, too."""
        super().close()
        self._memory.close()
