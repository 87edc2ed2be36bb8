"""What processes and stacks take, on a fake /proc: how often it is measured, of how many, by which files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fakeproc import FakeProc
from threadtop.errors import DeniedError, GoneError
from threadtop.inside.access import Access
from threadtop.inside.footprint import MOST_STACKS, PASS_S, SHARE, StackReader, Stacks, Usages
from threadtop.inside.siblings import Sibling
from threadtop.procfs import pagemap
from threadtop.procfs.reader import ProcReader
from threadtop.sample import PAGE_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from fakeproc import FakeReader
    from threadtop.procfs.smaps import Usage

PID, SECOND = 100, 1_000_000_000
KIB, MIB = 1 << 10, 1 << 20
FIRST = 0x7F0000000000


class Clock:
    """CPU time that moves on by ``step_s`` each time it is read."""

    def __init__(self, step_s: float = 0.0) -> None:
        """At 0."""
        self.now_s = 0.0
        self.step_s = step_s

    def __call__(self) -> float:
        """The time."""
        self.now_s += self.step_s
        return self.now_s


class World:
    """A fake /proc whose processes have memory."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The opened process."""
        self.proc = FakeProc(tmp_path, monkeypatch)
        self.reader: FakeReader = self.proc.reader()
        self.start(PID)

    def start(self, pid: int, private_kib: int = 100, threads: int = 1) -> None:
        """A process, and its sums."""
        self.proc.process(pid, threads)
        self.write(pid, "smaps_rollup", b"0-1 ---p 0 0:0 0 [rollup]\nRss: 300 kB\nPss: 200 kB\nPrivate_Clean: 0 kB\n"
                   b"Private_Dirty: %d kB\n" % private_kib)  # fmt: skip

    def write(self, pid: int, name: str, content: bytes) -> None:
        """Write a file of a process."""
        with open(f"{self.proc.root}/{pid}/{name}", "wb") as file:
            file.write(content)

    def access(self) -> Access:
        """To the opened process."""
        return Access(self.reader, PID, 0, euid=0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A fake /proc."""
    return World(tmp_path, monkeypatch)


def deny(world: World, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Refuse files of these names, of processes and threads."""
    read, read_task = world.reader.read, world.reader.read_task

    def refuse(name: str) -> None:
        if name in names:
            raise DeniedError(name)

    monkeypatch.setattr(world.reader, "read", lambda pid, name: (refuse(name), read(pid, name))[1])
    monkeypatch.setattr(world.reader, "read_task", lambda pid, tid, name: (refuse(name), read_task(pid, tid, name))[1])


# -- sums of pages ---------------------------------------------------------------------------------------------


def members(*pids: int) -> list[Sibling]:
    """Siblings that were found."""
    return [Sibling(pid, 7, 1, 0) for pid in pids]


def uss_kib(usage: Usage | None) -> int | None:
    """What it has for itself."""
    return usage.uss_bytes // KIB if usage is not None else None


def test_all_are_measured_and_kept(world: World) -> None:
    """Itself and its siblings; within the period nothing is read again, then everything is."""
    world.start(101, 60)
    usages = Usages(world.reader, Clock())
    own, told = usages.read(world.access(), 7, members(PID, 101), SECOND)
    assert own is not None
    assert (uss_kib(own.usage), own.at_ns) == (100, SECOND)
    assert [uss_kib(one.usage) for one in told] == [100, 60]
    world.start(102, 10)
    usages.read(world.access(), 7, members(PID, 101, 102), 4 * SECOND)
    assert world.reader.reads["smaps_rollup"] == 3
    usages.read(world.access(), 7, members(PID, 101, 102), 7 * SECOND)
    assert world.reader.reads["smaps_rollup"] == 5


def test_a_pid_that_is_used_again_is_measured_anew(world: World) -> None:
    """Its start time tells."""
    usages = Usages(world.reader, Clock())
    usages.read(world.access(), 7, [], SECOND)
    usages.read(world.access(), 8, [], SECOND)
    assert world.reader.reads["smaps_rollup"] == 2


def test_measuring_takes_a_share_of_the_time(world: World) -> None:
    """Siblings are measured in turn, no more in one reading than fits; then it rests SHARE times as long."""
    pids = range(101, 111)
    for pid in pids:
        world.start(pid)
    usages = Usages(world.reader, Clock(PASS_S / 3))
    counts = []
    for tick in range(40):
        _, told = usages.read(world.access(), 7, members(*pids), tick * SECOND // 2)
        counts.append(sum(one.usage is not None for one in told))
    assert counts[0] < 4
    assert counts == sorted(counts)
    assert counts[-1] == 10
    assert world.reader.reads["smaps_rollup"] * PASS_S / 3 <= 20 / SHARE + PASS_S


def test_what_is_denied_is_said_each_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not known is None, never 0; and each reading says why."""
    deny(world, monkeypatch, "smaps_rollup")
    usages = Usages(world.reader, Clock())
    for second in range(3):
        access = world.access()
        own, told = usages.read(access, 7, members(PID, 101), second * SECOND)
        assert own is None
        assert [one.usage for one in told] == [None, None]
        assert "smaps_rollup" in access.denials


def test_a_process_that_ends_while_it_is_measured(world: World) -> None:
    """A sibling is not known; of the opened process that is the end."""
    usages = Usages(world.reader, Clock())
    _, told = usages.read(world.access(), 7, members(PID, 777), SECOND)
    assert [uss_kib(one.usage) for one in told] == [100, None]
    world.proc.kill(PID)
    with pytest.raises(GoneError):
        usages.read(world.access(), 7, [], 20 * SECOND)


# -- stacks -------------------------------------------------------------------------------------------------------


def stacks(
    world: World, threads: int, *, size: int = MIB, pages: int = 3, has_pointers: bool = True, has_pagemap: bool = True
) -> None:
    """So many threads with stacks, each behind a guard page, of which the uppermost pages were touched."""
    lines, entries, blocks = b"", bytearray(), b""
    for at in range(threads):
        start = FIRST + at * (size + PAGE_BYTES) + PAGE_BYTES
        line = b"%x-%x rw-p 00000000 00:00 0 \n" % (start, start + size)
        lines += b"%x-%x ---p 00000000 00:00 0 \n%b" % (start - PAGE_BYTES, start, line)
        blocks += line + b"Rss: %d kB\nSwap: %d kB\n" % ((pages - 1) * PAGE_BYTES // KIB, PAGE_BYTES // KIB)
        count = size // PAGE_BYTES
        untouched, touched = b"\0" * 8 * (1 + count - pages), (b"\0" * 7 + b"\x81") * (pages - 1) + b"\1" * 7 + b"\x40"
        entries += untouched + touched
        tid = PID + 1 + at
        world.proc.spawn(PID, tid)
        if has_pointers:
            world.write(PID, f"task/{tid}/syscall", b"202 0x1 0x2 0x3 0x4 0x5 0x6 0x%x 0x%x\n" % (start + size - 8, 1))
    for tid in world.proc.processes[PID].threads:
        world.write(PID, f"task/{tid}/maps", lines)
        world.write(PID, f"task/{tid}/smaps", blocks)
    if has_pagemap:
        with open(f"{world.proc.root}/{PID}/pagemap", "wb") as file:
            os.truncate(file.fileno(), 0)
            os.pwrite(file.fileno(), bytes(entries), FIRST // PAGE_BYTES * 8)


def read(world: World, limit_bytes: int | None = 8 * MIB) -> Stacks | None:
    """What the stacks take."""
    tids = world.proc.processes[PID].threads
    return StackReader(world.reader, Clock()).read(world.access(), tids, limit_bytes, SECOND)


def test_stacks_by_their_pointers(world: World) -> None:
    """Where threads' stack pointers are, with what of the mapping is in memory or swap, whatever its size."""
    stacks(world, 5)
    assert read(world) == Stacks(5, 5, MIB, 3 * PAGE_BYTES, 8 * MIB)


def test_very_many_stacks_are_sampled(world: World) -> None:
    """At most MOST_STACKS threads are asked, spread over all."""
    stacks(world, 200, size=64 * KIB)
    found = read(world)
    assert found is not None
    assert (found.threads, found.reserved_bytes, found.touched_bytes) == (200, 64 * KIB, 3 * PAGE_BYTES)
    assert MOST_STACKS / 2 < found.sampled <= MOST_STACKS
    assert world.reader.reads["syscall"] <= MOST_STACKS
    assert world.reader.reads["pagemap"] <= MOST_STACKS


def test_stacks_by_their_pattern(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pointers may not be read: memory behind a guard page, of the size that a stack has; said to be a guess."""
    stacks(world, 5)
    deny(world, monkeypatch, "syscall")
    assert read(world, MIB) == Stacks(5, 5, MIB, 3 * PAGE_BYTES, MIB, is_hint=True)
    unknown = read(world)
    assert unknown == Stacks(5, 0, None, None, 8 * MIB)


def test_threads_that_run_show_no_pointer(world: World) -> None:
    """Where few threads show theirs, stacks of the same size are found by their pattern."""
    stacks(world, 5)
    for tid in range(102, 106):
        world.write(PID, f"task/{tid}/syscall", b"running\n")
    assert read(world) == Stacks(5, 5, MIB, 3 * PAGE_BYTES, 8 * MIB, is_hint=True)


def test_smaps_says_what_pagemap_does_not(world: World) -> None:
    """Resident and swapped of each of those mappings."""
    stacks(world, 5, has_pagemap=False)
    assert read(world) == Stacks(5, 5, MIB, 3 * PAGE_BYTES, 8 * MIB)
    for tid in world.proc.processes[PID].threads:
        os.unlink(f"{world.proc.root}/{PID}/task/{tid}/smaps")
    assert read(world) == Stacks(5, 5, MIB, None, 8 * MIB)


def test_two_threads_in_one_mapping_have_no_stack_of_their_own(world: World) -> None:
    """A mapping that two stack pointers are in says nothing of one stack, and neither does the heap or a file."""
    stacks(world, 3)
    raw = b"202 0x1 0x2 0x3 0x4 0x5 0x6 0x%x 0x1\n"
    world.write(PID, "task/101/syscall", raw % (FIRST + PAGE_BYTES + 4096))
    world.write(PID, "task/102/syscall", raw % (FIRST + PAGE_BYTES + 8192))
    found = read(world)
    assert found is not None
    assert (found.sampled, found.is_hint) == (3, True)  # the pattern has them
    maps = b"100000-200000 rw-p 0 0:0 0 [heap]\n300000-400000 rw-p 0 8:1 9 /x\nc000000000-c000400000 rw-p 0 0:0 0 \n"
    for tid, address in zip((101, 102, 103), (0x100000, 0x300000, 0xC000000100), strict=True):
        world.write(PID, f"task/{tid}/maps", maps)
        world.write(PID, f"task/{tid}/syscall", raw % address)
    found = read(world)
    assert found is not None
    assert found.sampled == 0


def test_a_process_without_other_threads(world: World) -> None:
    """Nothing is read, and what its limit says stays."""
    assert read(world) == Stacks(0, limit_bytes=8 * MIB)
    assert not world.reader.reads


def test_stacks_are_kept_for_a_while(world: World) -> None:
    """Within the period nothing is read again; another thread does not change that, the first one does."""
    reader = StackReader(world.reader, Clock())
    assert reader.read(world.access(), [PID], None, 0) == Stacks(0)
    stacks(world, 2)
    for second, count in ((1, 1), (2, 1), (7, 2)):
        reader.read(world.access(), world.proc.processes[PID].threads, None, second * SECOND)
        assert world.reader.reads["maps"] == count


def test_what_may_not_be_known_of_stacks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without maps nothing is; that is said."""
    stacks(world, 2)
    most = world.reader.read_most

    def refuse(pid: int | str, name: str, size: int, counted: str = "") -> bytes:
        if name == "maps":
            raise DeniedError(name)
        return most(pid, name, size, counted)

    monkeypatch.setattr(world.reader, "read_most", refuse)
    access = world.access()
    assert StackReader(world.reader, Clock()).read(access, (PID, 101, 102), None, 0) is None
    assert set(access.denials) == {"maps"}


def test_garbage_in_maps_and_syscall(world: World) -> None:
    """Is nobody's stack."""
    stacks(world, 2)
    for tid in (101, 102):
        world.write(PID, f"task/{tid}/maps", b"\xff what\n-\n\n" * 100)
        world.write(PID, f"task/{tid}/syscall", b"\xff what")
    assert read(world) == Stacks(2, 0, None, None, 8 * MIB)


# -- files ---------------------------------------------------------------------------------------------------------


def test_touched_pages() -> None:
    """Those in memory (bit 63) and those in swap (bit 62), and none for other bits; half an entry is none."""
    entry = [1 << 63, 1 << 62, 3 << 62, 1 << 61, 1 << 55, 0]
    raw = b"".join(one.to_bytes(8, "little") for one in entry)
    assert pagemap.touched(raw) == 3
    assert pagemap.touched(raw + b"\xff" * 7) == 3
    assert pagemap.touched(b"") == 0


def test_a_part_of_a_file(tmp_path: Path) -> None:
    """``read_part`` reads from where it is told, counts it, and says that a process has gone."""
    os.makedirs(tmp_path / "7")
    (tmp_path / "7" / "pagemap").write_bytes(bytes(range(100)))
    reader = ProcReader(tmp_path)
    assert reader.read_part(7, "pagemap", 40, 5) == bytes(range(40, 45))
    assert reader.reads["pagemap"] == 1
    with pytest.raises(GoneError):
        reader.read_part(8, "pagemap", 0, 8)
