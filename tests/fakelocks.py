"""Locks by value: the bytes of glibc's mutexes and rwlocks, and processes of a fake /proc that wait on them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from fakeblocked import FakeBlocked
from threadtop.blocked import BlockedOn
from threadtop.interest import Interest
from threadtop.waiting.locks import LocksReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakeproc import FakeProc
    from threadtop.blocked import LockSample, LocksSample

WAITERS, OWNER_DIED = 0x80000000, 0x40000000
FIRST, SECOND, THIRD = 0x1000, 0x2000, 0x3000
MEMORY_BYTES = 0x4000


def mutex(
    owner: int, *, word: int = 2, count: int = 0, users: int = 1, kind: int = 0, spins: int = 0, rest: bytes = bytes(16)
) -> bytes:
    """A pthread_mutex_t that is taken and waited for."""
    return struct.pack("<IIiIiI16s", word, count, owner, users, kind, spins, rest)


def rwlock(writer: int, *, readers: int = 3, phase: int = 3, writing: int = 1, flags: int = 0, pads: int = 0) -> bytes:
    """A pthread_rwlock_t that a writer has."""
    return struct.pack("<IIIIIIiIQQI", readers, 0, phase, writing, pads, 0, writer, 0, 0, 0, flags) + bytes(12)


def on(address: int, **said: object) -> BlockedOn:
    """A thread that waits on a futex of its process for ever."""
    return BlockedOn(
        **{"call": "futex", "futex": address, "is_shared": False, "operation": 0, "is_forever": True, **said}
    )


class FakeLocks:
    """Processes whose threads wait, and their memory; ``tick`` reads the locks of all of them, a second later."""

    def __init__(self, proc: FakeProc) -> None:
        """No process yet."""
        self.fake = FakeBlocked(proc)
        self.proc = proc
        self.file_reader = proc.reader(descriptors=16)
        self.reader = LocksReader(self.file_reader, euid=0)
        self.blocked: dict[tuple[int, int], BlockedOn] = {}
        self.at_s = 0.0

    def process(self, pid: int, threads: int = 1, *, name: str = "fake") -> None:
        """A process of so many threads whose memory is all zero."""
        self.fake.process(pid, threads, name=name)
        self.fake.memory(pid, bytes(MEMORY_BYTES))
        for tid in range(pid, pid + threads):
            self.ran(pid, tid)

    def write(self, pid: int, address: int, content: bytes) -> None:
        """Put bytes into its memory."""
        memory = Path(self.proc.root) / f"{pid}/task/{pid}/mem"
        raw = bytearray(memory.read_bytes())
        raw[address : address + len(content)] = content
        memory.write_bytes(bytes(raw))

    def ran(self, pid: int, tid: int) -> None:
        """The thread has run: its counters are others, in the pass and in its files."""
        self.fake.ran(pid, tid, at_ns=round((self.at_s + 1) * 1e9))
        self.proc.change(pid, tid, run_ns=self.fake.processes[pid].threads[tid].run_ns)

    def wait(self, pid: int, tid: int, address: int, **said: object) -> None:
        """The thread has run, and waits from now on."""
        self.ran(pid, tid)
        self.blocked = {**self.blocked, (pid, tid): on(address, **said)}

    def wake(self, pid: int, tid: int) -> None:
        """The thread has run, and does not wait any more."""
        self.ran(pid, tid)
        self.blocked = {key: one for key, one in self.blocked.items() if key != (pid, tid)}

    def tick(self, *pids: int) -> Mapping[int, LocksSample]:
        """The next pass; all processes are looked at, or these."""
        self.at_s += 1
        sample = self.fake.sample(self.at_s)._replace(blocked=self.blocked)
        return self.reader.read(sample, Interest(waits=frozenset(pids or self.fake.processes)))

    def lock(self, pid: int, address: int) -> LockSample:
        """A lock after the next pass."""
        (found,) = [lock for lock in self.tick()[pid].locks if lock.address == address]
        return found
