"""Owners of locks between processes and in pid namespaces, on a fake /proc."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakelocks import FIRST, SECOND, FakeLocks, mutex
from fakeproc import FakeProc

if TYPE_CHECKING:
    from pathlib import Path

PID, ONE, TWO = 100, 101, 102
MAPS = (
    b"00001000-00002000 rw-s 00000000 00:01 42 /dev/shm/x\n"
    b"00002000-00003000 rw-p 00000000 00:00 0\n"
    b"nonsense\n00003000-0000"
)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLocks:
    """Process 100 with four threads."""
    made = FakeLocks(FakeProc(tmp_path, monkeypatch))
    made.process(PID, 4)
    return made


def test_a_lock_between_processes(fake: FakeLocks) -> None:
    """Its place has a name that all processes share; its owner may be another process's thread."""
    fake.process(700, 2)
    for pid in (PID, 700):
        fake.fake.file(pid, "maps").write_bytes(MAPS)
    fake.write(PID, FIRST + 16, mutex(701, kind=128))
    fake.wait(PID, ONE, FIRST + 16, is_shared=True)
    fake.fake.file(701, "").mkdir()
    fake.fake.file(701, "status").write_bytes(b"Name:\tx\nTgid:\t700\n")
    found = fake.lock(PID, FIRST + 16)
    assert (found.shared, found.owner_pid, found.owner_tid) == ("00:01:42:0x10", 700, 701)


def test_a_private_place(fake: FakeLocks) -> None:
    """A shared wait on memory that is not shared is a matter of this process."""
    fake.fake.file(PID, "maps").write_bytes(MAPS)
    fake.write(PID, SECOND, mutex(TWO))
    fake.wait(PID, ONE, SECOND, is_shared=True)
    found = fake.lock(PID, SECOND)
    assert (found.shared, found.owner_tid) == ("", TWO)


def test_maps_are_read_once(fake: FakeLocks) -> None:
    """While addresses repeat; private futexes need none."""
    fake.fake.file(PID, "maps").write_bytes(MAPS)
    fake.wait(PID, TWO, SECOND)
    fake.tick()
    assert fake.file_reader.reads["maps"] == 0
    fake.wait(PID, ONE, FIRST, is_shared=True)
    for _ in range(12):
        fake.tick()
    assert fake.file_reader.reads["maps"] == 1


def test_an_owner_that_cannot_be_looked_up(fake: FakeLocks) -> None:
    """Of another process, gone or hidden: not known, which is not the same as ended."""
    fake.fake.file(PID, "maps").write_bytes(MAPS)
    fake.write(PID, FIRST, mutex(999, kind=128))
    fake.wait(PID, ONE, FIRST, is_shared=True)
    found = fake.lock(PID, FIRST)
    assert (found.kind, found.owner_tid, found.ended_tid) == ("unknown", None, None)


def _namespace(fake: FakeLocks, pid: int, **inner: int) -> None:
    """Put the process into a pid namespace: thread to its number there."""
    for outer, number in inner.items():
        line = f"NSpid:\t{outer[1:]}\t{number}\n".encode()
        fake.fake.file(pid, f"task/{outer[1:]}/status").write_bytes(line)
        if int(outer[1:]) == pid:
            fake.fake.file(pid, "status").write_bytes(line)


def test_a_pid_namespace(fake: FakeLocks) -> None:
    """Numbers in memory are those of the target's own namespace."""
    _namespace(fake, PID, t100=1, t101=7, t102=8, t103=9)
    fake.write(PID, FIRST, mutex(8))
    fake.wait(PID, ONE, FIRST)
    _namespace(fake, PID, t101=7)
    found = fake.lock(PID, FIRST)
    assert (found.owner_pid, found.owner_tid) == (PID, TWO)
    fake.write(PID, FIRST, mutex(TWO))  # a tid of ours means nothing there
    found = fake.lock(PID, FIRST)
    assert (found.owner_tid, found.ended_tid) == (None, TWO)
