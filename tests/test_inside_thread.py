"""What the Thread pane reads of a thread: captured bytes in a fake /proc, denied, gone, garbage, huge."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from builders import process_sample, sample, thread_sample
from fakeproc import FakeProc, FakeReader
from test_named import BIAS, CODE, DATA, DATA_BIAS, OBJECT, S, image
from threadtop.errors import DeniedError, GoneError
from threadtop.inside.asked import Asked
from threadtop.inside.thread import Place, StackRegion, ThreadFacts, ThreadReader
from threadtop.procfs import maps
from threadtop.sample import PAGE_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.sample import Sample

PID, TID = 500, 501
PROGRAM, LIBRARY = 0x5500_0000_0000, 0x7F00_0000_0000
STACK, STACK_END = 0x7F11_0000_0000, 0x7F11_0080_0000
SP, PC = STACK_END - 0x1500, LIBRARY + 0x1104
SCHED = b"fake (501, #threads: 2)\n-----\nse.nr_migrations    :      %d\nprio   :  120\n"
IO = b"rchar: 1\nwchar: 2\nsyscr: %d\nsyscw: 4\nread_bytes: %d\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"
LIMITS = (
    b"%-26s%-21s%-21s%s\n"
    * 2
    % (
        *(b"Limit", b"Soft Limit", b"Hard Limit", b"Units"),
        *(b"Max stack size", b"8388608", b"unlimited", b"bytes"),
    )
)
KERNEL = b"[<0>] futex_do_wait+0x46/0x90\n[<0>] do_syscall_64+0x71/0x280\n"
ELF = image([S(b"sits_here", BIAS + 0x1100, 0x40), S(b"queue_lock", DATA_BIAS + 0x4000, 0x28, OBJECT)])


def line(number: int = 202, *arguments: int, sp: int = SP, pc: int = PC) -> bytes:
    """A line of ``syscall``."""
    words = [*arguments, *[0] * (6 - len(arguments)), sp, pc]
    return b"%d %b\n" % (number, b" ".join(b"0x%x" % word for word in words))


def mapped(inode: int) -> bytes:
    """A library in two mappings with its zeros behind it, a heap, two stacks."""
    rows = (
        (PROGRAM, PROGRAM + 0x1000, b"rw-p", 0, 0, b"[heap]"),
        (LIBRARY + CODE, LIBRARY + CODE + 0x1000, b"r-xp", CODE, inode, b"/lib/a.so"),
        (LIBRARY + DATA, LIBRARY + DATA + 0x1000, b"rw-p", DATA, inode, b"/lib/a.so"),
        (LIBRARY + DATA + 0x1000, LIBRARY + DATA + 0x2000, b"rw-p", 0, 0, b""),
        (STACK, STACK_END, b"rw-p", 0, 0, b""),
        (0x7FFC_0000_0000, 0x7FFC_0002_0000, b"rw-p", 0, 0, b"[stack]"),
    )
    return b"".join(b"%x-%x %b %08x 08:01 %d   %b\n" % row for row in rows)


class Scene:
    """A process of two threads, and a reader of the second one."""

    def __init__(self, proc: FakeProc) -> None:
        """All files are there."""
        self.proc = proc
        proc.process(PID, 2)
        self.reader: FakeReader = proc.reader(descriptors=16)
        self.thread = ThreadReader(self.reader)
        self.task = f"{proc.root}/{PID}/task/{TID}"
        os.makedirs(f"{self.task}/root/lib")
        self.write("root/lib/a.so", ELF)
        self.inode = os.stat(f"{self.task}/root/lib/a.so").st_ino
        self.write("maps", mapped(self.inode))
        self.write("syscall", line())
        self.write("sched", SCHED % 10)
        self.write("io", IO % (3, 4096))
        self.write("stack", KERNEL)
        self.at_s = 1.0

    def write(self, name: str, content: bytes) -> None:
        """Another content of a file of the thread."""
        with open(f"{self.task}/{name}", "wb") as file:
            file.write(content)

    def sample(self, **said: object) -> Sample:
        """The pass in which it is read."""
        threads = (thread_sample(PID), thread_sample(TID, wchan="futex_do_wait"))
        return sample(self.at_s, process_sample(PID, *threads, uid=1000, **said))

    def facts(self, tid: int = TID, **said: object) -> ThreadFacts:
        """What is read now."""
        return self.thread.read(Asked("thread", PID, tid), self.sample(**said))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A thread that sleeps."""
    return Scene(FakeProc(tmp_path, monkeypatch))


def test_where_it_sleeps(scene: Scene) -> None:
    """The program counter down to the function, the stack that its pointer is in, the kernel's frames."""
    facts = scene.facts()
    assert facts.tid == TID
    assert facts.program_counter == Place(PC, "a.so", 0x1104, "sits_here", 4)
    assert facts.stack_pointer == SP
    assert facts.stack == StackRegion(STACK, STACK_END, 0x1500)
    assert facts.kernel_stack == ("futex_do_wait+0x46/0x90", "do_syscall_64+0x71/0x280")
    assert facts.denials == ()


def test_arguments_are_decoded(scene: Scene) -> None:
    """What the registers say: which futex, private, for ever; that there is a timeout; which descriptor."""
    facts = scene.facts()
    assert facts.call is not None
    assert facts.call.call == "futex"
    scene.write("syscall", line(202, PROGRAM + 0x40, 0x80, 1, 0))
    facts = scene.facts()
    assert facts.call is not None
    assert (facts.call.futex, facts.call.is_shared, facts.call.is_forever) == (PROGRAM + 0x40, False, True)
    assert facts.lock_place == Place(PROGRAM + 0x40, "[heap]", 0x40)
    scene.write("syscall", line(0, 7))
    facts = scene.facts()
    assert facts.call is not None
    assert (facts.call.call, facts.call.fd, facts.lock_place) == ("read", 7, None)


def test_what_the_descriptor_is(scene: Scene) -> None:
    """The link of the call's own descriptor: the tick may have seen the thread in another call, or running."""
    os.makedirs(f"{scene.task}/fd")
    os.symlink("anon_inode:[eventpoll]", f"{scene.task}/fd/7")
    for fd, target in ((7, "anon_inode:[eventpoll]"), (8, "")):
        scene.write("syscall", line(0, fd))
        facts = scene.facts()
        assert facts.call is not None
        assert (facts.call.fd, facts.call.target) == (fd, target)
        assert facts.denials == ()


def test_a_futex_by_the_name_of_its_variable(scene: Scene) -> None:
    """Also where that lies in the zeros behind the file, in a mapping without a name."""
    address = LIBRARY + DATA + 0x1008
    scene.write("syscall", line(202, address, 0x80))
    assert scene.facts().lock_place == Place(address, "a.so", DATA + 0x1008, "queue_lock", 8)
    other = LIBRARY + DATA + 0x1F00  # no variable is there: it may be anybody's memory
    scene.write("syscall", line(202, other, 0x80))
    assert scene.facts().lock_place == Place(other)
    on_stack = STACK + 0x10
    scene.write("syscall", line(202, on_stack, 0x80))
    assert scene.facts().lock_place == Place(on_stack)


def test_what_of_the_stack_was_touched(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pages that are in memory or swap, by the piece of pagemap that tells of them; denied by which rule."""
    untouched, present, swapped = b"\0" * 8, b"\0" * 7 + b"\x81", b"\1" * 7 + b"\x40"
    with open(f"{scene.proc.root}/{PID}/pagemap", "wb") as file:
        os.pwrite(file.fileno(), untouched + present * 2 + swapped + present * 9, STACK_END // PAGE_BYTES * 8 - 32)
    stack = scene.facts().stack
    assert stack is not None
    assert stack.touched_bytes == 3 * PAGE_BYTES
    assert scene.reader.reads["pagemap"] == 1

    def refuse(_pid: int, name: str, _offset: int, _size: int) -> bytes:
        raise DeniedError(name)

    monkeypatch.setattr(scene.reader, "read_part", refuse)
    facts = scene.facts()
    assert facts.stack == stack._replace(touched_bytes=None)
    assert {denial.what for denial in facts.denials} == {"pagemap"}


def test_the_main_threads_stack_grows(scene: Scene) -> None:
    """Up to its limit."""
    with open(f"{scene.proc.root}/{PID}/limits", "wb") as file:
        file.write(LIMITS)
    scene.write("syscall", line(sp=0x7FFC_0001_F000))
    assert scene.facts().stack == StackRegion(0x7FFC_0000_0000, 0x7FFC_0002_0000, 0x1000, "[stack]", 8 << 20)


@pytest.mark.parametrize("raw", [b"running\n", b"", b"garbage", b"\xff\xfe", b"202 0x1\n", b"-1 zz yy\n"])
def test_no_place_without_registers(scene: Scene, raw: bytes) -> None:
    """A thread that runs has none, and rubbish says nothing; the mappings are not even read."""
    scene.write("syscall", raw)
    facts = scene.facts()
    assert (facts.call, facts.program_counter, facts.stack_pointer, facts.stack) == (None, None, None, None)
    assert "maps" not in scene.reader.reads


def test_outside_of_a_call(scene: Scene) -> None:
    """A page fault: a place, a stack, no arguments."""
    scene.write("syscall", b"-1 0x%x 0x%x\n" % (SP, PC))
    facts = scene.facts()
    assert facts.call is not None
    assert facts.call.call == ""
    assert facts.program_counter is not None
    assert facts.program_counter.symbol == "sits_here"


@pytest.mark.parametrize("address", [0x10, LIBRARY, STACK_END, (1 << 64) - 1])
def test_an_address_in_no_mapping(scene: Scene, address: int) -> None:
    """It is told as it is."""
    scene.write("syscall", line(pc=address, sp=address))
    facts = scene.facts()
    assert (facts.program_counter, facts.stack) == (Place(address), None)


def test_another_file_at_the_path(scene: Scene) -> None:
    """A library that was replaced has another inode: its symbols would lie."""
    os.rename(f"{scene.task}/root/lib/a.so", f"{scene.task}/root/lib/old")
    scene.write("root/lib/a.so", ELF)
    assert scene.facts().program_counter == Place(PC, "a.so", 0x1104)


def test_a_deleted_file_by_its_mapping(scene: Scene) -> None:
    """Where the file is gone, the mapping itself leads to it."""
    os.makedirs(f"{scene.proc.root}/{PID}/map_files")
    start = LIBRARY + CODE
    os.rename(f"{scene.task}/root/lib/a.so", f"{scene.proc.root}/{PID}/map_files/{start:x}-{start + 0x1000:x}")
    scene.write("maps", mapped(scene.inode).replace(b"a.so\n", b"a.so (deleted)\n"))
    assert scene.facts().program_counter == Place(PC, "a.so", 0x1104, "sits_here", 4)


def test_a_deleted_executable(scene: Scene) -> None:
    """The link ``exe`` leads to it."""
    os.rename(f"{scene.task}/root/lib/a.so", f"{scene.task}/exe")
    scene.write("maps", mapped(scene.inode).replace(b"a.so\n", b"a.so (deleted)\n"))
    assert scene.facts().program_counter == Place(PC, "a.so", 0x1104, "sits_here", 4)


def test_devices_are_not_opened(scene: Scene) -> None:
    """Opening one may do something."""
    scene.write("maps", mapped(scene.inode).replace(b"/lib/a.so", b"/dev/tape"))
    assert scene.facts().program_counter == Place(PC, "tape", 0x1104)
    assert scene.reader.reads["elf"] == 1  # the header of the executable, which tells the machine


def test_a_file_is_searched_once(scene: Scene) -> None:
    """A thread sleeps in few places: the second reading opens no file for its symbols, and maps is not read again."""
    scene.facts()
    reads = dict(scene.reader.reads)
    scene.at_s += 1.0
    scene.facts()
    # One "elf" is the header of the executable, which tells the machine.
    assert scene.reader.reads["elf"] - reads["elf"] == 1
    assert scene.reader.reads["maps"] == reads["maps"] == 1
    scene.at_s += 30.0
    scene.facts()
    assert scene.reader.reads["maps"] == 2


def test_new_mappings_are_seen_at_once(scene: Scene) -> None:
    """An address that is in none of those known is looked up anew."""
    scene.write("maps", mapped(scene.inode).partition(b"\n")[0] + b"\n")
    assert scene.facts().stack is None
    scene.write("maps", mapped(scene.inode))
    scene.at_s += 0.5
    assert scene.facts().stack is not None


def test_rates(scene: Scene) -> None:
    """From two readings; a refresh in a hurry keeps the last ones, another thread has none."""
    assert scene.facts().per_s == {}
    scene.proc.run(PID, TID, run_ns=4_000_000)
    scene.write("sched", SCHED % 14)
    scene.write("io", IO % (23, 4096 * 3))
    scene.at_s += 2.0
    per_s = scene.facts().per_s
    assert per_s["migrations"] == pytest.approx(2.0)
    assert per_s["syscr"] == pytest.approx(10.0)
    assert per_s["read_bytes"] == pytest.approx(4096.0)
    assert per_s["run_ns"] / per_s["timeslices"] == pytest.approx(4_000_000)
    scene.at_s += 0.01
    assert scene.facts().per_s == per_s
    assert ThreadReader(scene.reader).read(Asked("thread", PID, PID), scene.sample()).per_s == {}


def test_no_tid_is_the_main_thread(scene: Scene) -> None:
    """As --pane thread without --tid."""
    assert scene.facts(tid=0).tid == PID


def test_a_thread_that_has_ended(scene: Scene) -> None:
    """GoneError: there is nothing to tell."""
    with pytest.raises(GoneError):
        scene.facts(tid=999)


def test_denied_files_name_their_rules(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's thread: what anyone may read is there, what not names its rule once."""
    whole = scene.reader.read_task

    def read_task(pid: int, tid: int, name: str) -> bytes:
        if name in {"syscall", "stack", "io"}:
            raise DeniedError(name)
        return whole(pid, tid, name)

    monkeypatch.setattr(scene.reader, "read_task", read_task)
    facts = scene.facts()
    assert (facts.syscall, facts.kernel_stack, facts.io, facts.program_counter) == (None, None, None, None)
    assert facts.status["Name"] == "fake"
    assert {denial.what for denial in facts.denials} == {"syscall", "stack", "io"}
    assert all(denial.rule for denial in facts.denials)


def test_a_kernel_thread(scene: Scene) -> None:
    """It makes no calls: none is read."""
    facts = scene.facts(kernel=True)
    assert (facts.syscall, facts.program_counter) == (None, None)
    assert "syscall" not in scene.reader.reads


@pytest.mark.parametrize("garbage", [b"", b"\0" * 64, b"\xff\xfe\n:\n", b"x" * 100_000, b"a: b\n" * 1000])
@pytest.mark.parametrize("name", ["maps", "sched", "io", "stack", "stat", "schedstat", "status"])
def test_garbage(scene: Scene, name: str, garbage: bytes) -> None:
    """Whatever a file holds, the others are told."""
    scene.write(name, garbage)
    facts = scene.facts()
    assert facts.stack_pointer == SP
    assert (facts.stack is None) == (name == "maps")


def test_many_mappings_are_not_all_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60,000 lines as many are parsed as it takes to halve them down."""
    rows = b"".join(b"%x-%x rw-p 00000000 00:00 0 \n" % (at << 13, (at << 13) + 0x1000) for at in range(1, 60_001))
    parsed: list[Any] = []
    whole = maps.parse_line
    monkeypatch.setattr(maps, "parse_line", lambda one: parsed.append(one) or whole(one))
    for at in (1, 2, 30_000, 59_999, 60_000):
        found = maps.find(rows, (at << 13) + 5)
        assert found is not None
        assert found.start == at << 13
        assert maps.find(rows, (at << 13) + 0x1000) is None
    assert len(parsed) < 10 * 20


def test_finding_agrees_with_parsing() -> None:
    """In this process's own mappings each is found by its first and its last byte, and nothing between two."""
    raw = subprocess.run(
        [sys.executable, "-c", "print(open('/proc/self/maps').read(), end='')"], capture_output=True, check=True
    ).stdout
    every = maps.parse_maps(raw)
    assert len(every) > 10
    for one in every:
        assert maps.find(raw, one.start) == one
        assert maps.find(raw, one.end - 1) == one
    for one in every:
        assert maps.find(raw, one.end) == maps.holding(every, one.end)
