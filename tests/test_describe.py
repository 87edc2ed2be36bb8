"""The reader of what threads are blocked on, in a fake /proc."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from fakeblocked import FakeBlocked, deny, only_writes
from fakeproc import FakeProc, FakeReader
from threadtop.blocked import BlockedOn
from threadtop.interest import Interest
from threadtop.waiting import describe
from threadtop.waiting.describe import BlockedReader
from threadtop.waiting.moments import Clocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WATCHED = Interest(waits=frozenset({100}))
TCP = (
    b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    b"   1: 0100000A:9C40 0500000A:1538 %b 00000000:00000000 00:00000000 00000000  1000        0 35 2 0 20 4 30 10 -1\n"
)


class Machine:
    """A fake /proc with a reader on it, a tick a second."""

    def __init__(self, proc: FakeProc) -> None:
        """Nothing runs on it."""
        self.blocked = FakeBlocked(proc)
        self.proc = proc
        self.files: FakeReader = proc.reader()
        self.reader = BlockedReader(self.files, euid=0)
        self.at_s = 0.0

    def tick(self, interest: Interest = WATCHED, step_s: float = 1.0) -> dict[tuple[int, int], BlockedOn]:
        """What the reader says one tick later."""
        self.at_s += step_s
        return self.reader.read(self.blocked.sample(self.at_s), interest)

    def reads(self) -> int:
        """How many files were read so far."""
        return sum(self.files.reads.values())


def on_time(now_s: float, ahead_s: Callable[[int], int]) -> Clocks:
    """A moment that it is, and clocks that are ahead by so much."""
    return Clocks(lambda: int(now_s * 10**9), lambda clock: ahead_s(clock) * 10**9)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """An empty machine."""
    made = Machine(FakeProc(tmp_path, monkeypatch))
    yield made
    made.reader.close()


def test_threads_of_a_watched_process(machine: Machine) -> None:
    """All that sleep: a futex, a descriptor with what it is, a timeout from memory."""
    machine.blocked.process(100, 3)
    machine.blocked.asleep(100, 100, "futex", 0x1000, 128, 2, 0)
    machine.blocked.asleep(100, 101, "read", 7)
    machine.blocked.descriptor(100, 7, "/var/lib/heap")
    machine.blocked.asleep(100, 102, "nanosleep", 16)
    machine.blocked.memory(100, bytes(16) + struct.pack("<qq", 0, 500_000_000))
    assert machine.tick() == {
        (100, 100): BlockedOn("futex", futex=0x1000, is_shared=False, operation=0, is_forever=True),
        (100, 101): BlockedOn("read", fd=7, target="/var/lib/heap"),
        (100, 102): BlockedOn("nanosleep", timeout_ns=500_000_000, is_forever=False),
    }
    assert machine.files.kept == 0


@pytest.mark.parametrize(
    ("moment_s", "until_s"), [(1004.5, 4.5), (1000.5, None), (3000 + 1e9, None), (999.0, None), (1001.0, None)]
)
def test_a_wait_till_a_moment(machine: Machine, moment_s: float, until_s: float | None) -> None:
    """It is told on our own clock, whichever its own is; of one that is over, or years away, nothing is known."""
    machine.reader = BlockedReader(machine.files, euid=0, clocks=on_time(1, lambda clock: 1000 if clock == 0 else 0))
    machine.blocked.process(100, 2)
    machine.blocked.asleep(100, 100, "futex", 0x1000, 9 | 128 | 256, 2, 16)
    machine.blocked.asleep(100, 101, "futex", 0x2000, 9 | 128, 2, 32)
    seconds, part = divmod(moment_s, 1)
    moment = struct.pack("<qq", int(seconds), int(part * 1e9))
    near = struct.pack("<qq", 7, 0)
    machine.blocked.memory(100, bytes(16) + moment + near)
    found = machine.tick()
    assert found[100, 100].until_ns == (None if until_s is None else int(until_s * 1e9))
    assert found[100, 100].timeout_ns is None
    assert found[100, 101].until_ns == 7_000_000_000
    assert machine.tick() is found


def test_a_sleep_that_began_after_the_sample(machine: Machine) -> None:
    """A tick takes its time: of a sleep of 1 ms that was read 12 ms later no more than that is left."""
    machine.reader = BlockedReader(machine.files, euid=0, clocks=on_time(1.012, lambda _: 0))
    machine.blocked.process(100)
    machine.blocked.asleep(100, 100, "clock_nanosleep", 1, 1, 16)
    machine.blocked.memory(100, bytes(16) + struct.pack("<qq", 1, 13_000_000))
    assert machine.tick()[100, 100].until_ns == 1_001_000_000


@pytest.mark.parametrize(("namespace", "until_s"), [("time:[1]", 7), ("time:[2]", None)])
def test_a_moment_of_another_time_namespace(machine: Machine, namespace: str, until_s: int | None) -> None:
    """Its monotonic clock is not ours, so nothing is told; that of real time is everybody's."""
    machine.reader = BlockedReader(machine.files, euid=0, clocks=on_time(1, lambda _: 0))
    machine.blocked.process(100, 2)
    machine.blocked.asleep(100, 100, "futex", 0x1000, 9, 2, 16)
    machine.blocked.asleep(100, 101, "futex", 0x1000, 9 | 256, 2, 16)
    machine.blocked.memory(100, bytes(16) + struct.pack("<qq", 7, 0))
    machine.blocked.file(100, "ns/time").symlink_to(namespace)
    ours = machine.blocked.file(100, "../self/ns")
    ours.mkdir(parents=True)
    (ours / "time").symlink_to("time:[1]")
    found = machine.tick()
    assert found[100, 100].until_ns == (None if until_s is None else until_s * 10**9)
    assert found[100, 101].until_ns == 7 * 10**9


def test_an_end_is_found_at_once_where_there_is_no_next_tick(machine: Machine) -> None:
    """Output without a screen says what the screen says after some ticks: that a pipe leads to its own process."""
    machine.blocked.process(100)
    for pid in range(1000, 1100):
        machine.blocked.process(pid)
    machine.blocked.asleep(100, 100, "read", 7)
    machine.blocked.descriptor(100, 7, "pipe:[9]")
    machine.blocked.descriptor(100, 8, "pipe:[9]")
    only_writes(machine.files, (100, 8))
    assert machine.tick(WATCHED)[100, 100].peer == ""
    machine.reader = BlockedReader(machine.files, euid=0)
    assert machine.tick(WATCHED._replace(at_once=True))[100, 100].peer == "itself"


def test_only_what_is_in_sight(machine: Machine) -> None:
    """Of a process that is not watched, the threads on screen alone; of others nothing is read."""
    for pid in (100, 200):
        machine.blocked.process(pid, 2)
        for tid in (pid, pid + 1):
            machine.blocked.asleep(pid, tid, "futex", 0x1000, 0)
    assert set(machine.tick(Interest(visible=frozenset({(100, 101), (300, 300)})))) == {(100, 101)}
    assert machine.files.reads["syscall"] == 1
    assert set(machine.tick(Interest())) == set()
    assert len(machine.tick(Interest(everything=True))) == 4


def test_who_has_not_run_costs_nothing(machine: Machine) -> None:
    """A second tick reads only the thread that ran; a third, nothing, and gives the same dictionary."""
    machine.blocked.process(100, 50)
    for tid in range(100, 150):
        machine.blocked.asleep(100, tid, "futex", 0x1000 + tid, 0)
    first = machine.tick()
    machine.blocked.asleep(100, 120, "read", 3)
    before = machine.files.reads["syscall"]
    second = machine.tick()
    assert machine.files.reads["syscall"] - before == 1
    assert second[100, 120].call == "read"
    assert all(second[key] is first[key] for key in first if key != (100, 120))
    before = machine.reads()
    assert machine.tick() is second
    assert machine.reads() == before


@pytest.mark.parametrize("state", ["R", "T", "Z", "X"])
def test_who_does_not_sleep_is_left_out(machine: Machine, state: str) -> None:
    """By its state nothing is asked; by its line it runs, and is asked again in the next tick."""
    machine.blocked.process(100, 2)
    machine.blocked.asleep(100, 100, "read", 3)
    machine.blocked.ran(100, 100, state=state)
    machine.blocked.line(100, 101, "running\n")
    assert machine.tick() == {}
    assert machine.files.reads["syscall"] == 1
    machine.blocked.file(100, "task/101/syscall").write_text(f"61 {'0x5 ' * 6}0x1 0x1\n")
    assert machine.tick() == {(100, 101): BlockedOn("wait4", pid=5)}


def test_kernel_threads_are_left_out(machine: Machine) -> None:
    """They are in no call."""
    machine.blocked.process(100, kernel=True)
    machine.blocked.asleep(100, 100, "read", 3)
    assert machine.tick() == {}
    assert machine.reads() == 0


def test_a_page_fault_is_no_call(machine: Machine) -> None:
    """Asleep outside of a system call: known, and empty."""
    machine.blocked.process(100)
    machine.blocked.line(100, 100, "-1 0x7ffd 0x7f00\n")
    assert machine.tick() == {(100, 100): BlockedOn()}


@pytest.mark.parametrize("line", ["", "what\n", "1 2 3\n", "0 " + "0x1 " * 30 + "\n"])
def test_lines_that_are_none(machine: Machine, line: str) -> None:
    """Cut short or senseless: left out."""
    machine.blocked.process(100)
    machine.blocked.line(100, 100, line)
    assert machine.tick() == {}


def test_what_has_ended_is_left_out(machine: Machine) -> None:
    """A thread that ends in the middle, and a process that is gone at the next tick."""
    machine.blocked.process(100, 2)
    machine.blocked.asleep(100, 100, "read", 3)
    assert set(machine.tick()) == {(100, 100)}  # 101 has no file
    del machine.blocked.processes[100]
    assert machine.tick() == {}


def test_another_process_of_the_same_pid(machine: Machine) -> None:
    """Nothing is kept of the one before."""
    machine.blocked.process(100)
    machine.blocked.asleep(100, 100, "read", 3)
    machine.tick()
    before = machine.files.reads["elf"]
    machine.blocked.processes[100] = machine.blocked.processes[100]._replace(start_ticks=9999)
    machine.tick()
    assert machine.files.reads["elf"] == before + 1


# -- rights ------------------------------------------------------------------------------------


def test_the_rule_that_denies_is_named(machine: Machine) -> None:
    """Another user's process: the rule on every thread, after one try, and none until later."""
    machine.reader = BlockedReader(machine.files, euid=1000)
    machine.blocked.process(100, 5)
    for tid in range(100, 105):
        machine.blocked.asleep(100, tid, "read", 3)
    deny(machine.proc, "syscall")
    found = machine.tick()
    assert set(found.values()) == {BlockedOn(why_not="it is another user's process")}
    assert len(found) == 5
    assert machine.files.reads["syscall"] == 1
    for _ in range(describe.DENIED_TICKS - 1):
        machine.blocked.ran(100, 101)
        assert machine.tick()[100, 101].why_not
    assert machine.files.reads["syscall"] == 1
    deny(machine.proc)
    assert {blocked.call for blocked in machine.tick().values()} == {"read"}


def test_yama_is_named(machine: Machine) -> None:
    """One's own process under ptrace_scope 1."""
    machine.reader = BlockedReader(machine.files, euid=1000)
    machine.blocked.process(100, uid=1000)
    machine.blocked.asleep(100, 100, "read", 3)
    deny(machine.proc, "syscall")
    folder = machine.blocked.file(100, "../sys/kernel/yama")
    folder.mkdir(parents=True)
    (folder / "ptrace_scope").write_text("1\n")
    assert "ptrace_scope is 1" in machine.tick()[100, 100].why_not


def test_without_memory_the_rest_stands(machine: Machine) -> None:
    """The timeout is not known, and why; the call is."""
    machine.blocked.process(100)
    machine.blocked.asleep(100, 100, "nanosleep", 16)
    machine.blocked.memory(100, bytes(64))
    deny(machine.proc, "mem")
    found = machine.tick()[100, 100]
    assert (found.call, found.timeout_ns) == ("nanosleep", None)
    assert "CAP_SYS_PTRACE" in found.why_not


def test_memory_outlives_the_main_thread(machine: Machine) -> None:
    """Once that has ended, the process's memory is there by way of the thread that is asked."""
    machine.blocked.process(100, 2)
    machine.blocked.memory(100, bytes(16) + struct.pack("<qq", 0, 500_000_000))
    machine.blocked.file(100, "task/100/mem").unlink()
    machine.blocked.asleep(100, 101, "nanosleep", 16)
    assert machine.tick()[100, 101] == BlockedOn("nanosleep", timeout_ns=500_000_000, is_forever=False)


def test_memory_that_is_gone_was_not_denied(machine: Machine) -> None:
    """A thread that ends as it is asked leaves its timeout unknown, and no rule is blamed."""
    machine.blocked.process(100)
    machine.blocked.asleep(100, 100, "nanosleep", 16)
    assert machine.tick()[100, 100] == BlockedOn("nanosleep", is_forever=False)


@pytest.mark.parametrize("address", [0, 1 << 40, (1 << 64) - 1])
def test_pointers_to_nowhere(machine: Machine, address: int) -> None:
    """Nothing is mapped where the timeout should be."""
    machine.blocked.process(100)
    machine.blocked.asleep(100, 100, "nanosleep", address)
    machine.blocked.memory(100, bytes(64))
    assert machine.tick()[100, 100] == BlockedOn("nanosleep", is_forever=False)


# -- bounds ------------------------------------------------------------------------------------


def test_reads_of_a_tick_are_bounded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond those on screen only so many threads are read in a tick; all have their turn."""
    monkeypatch.setattr(describe, "MOST_FIRST", 10)
    monkeypatch.setattr(describe, "MOST_AGAIN_PER_S", 10)
    machine.blocked.process(100, 25)
    for tid in range(100, 125):
        machine.blocked.asleep(100, tid, "futex", tid, 0)
    seen = Interest(waits=frozenset({100}), visible=frozenset({(100, 124), (100, 123)}))
    assert len(machine.tick(seen)) == 12
    assert [len(machine.tick(seen)) for _ in range(3)] == [22, 25, 25]
    assert machine.files.reads["syscall"] == 25
    found: set[int] = set()
    for _ in range(3):  # where all of them run all the time, too, and what is old is not shown
        for tid in range(100, 125):
            machine.blocked.ran(100, tid)
        now = machine.tick(seen)
        assert len(now) == 12
        found |= {tid for _, tid in now}
    assert found == set(range(100, 125))


def test_threads_of_a_process_are_bounded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a process with more threads than that, the first."""
    monkeypatch.setattr(describe, "MOST_THREADS", 3)
    machine.blocked.process(100, 5)
    for tid in range(100, 105):
        machine.blocked.asleep(100, tid, "futex", tid, 0)
    assert len(machine.tick()) == 3


# -- descriptors -------------------------------------------------------------------------------


def test_descriptors_of_an_epoll(machine: Machine) -> None:
    """As many as its fdinfo has lines for."""
    machine.blocked.process(100)
    info = b"pos:\t0\nflags:\t02\n" + b"tfd:        5 events:       19 data: 5  pos:0 ino:a3 sdev:8\n" * 17
    machine.blocked.descriptor(100, 4, "anon_inode:[eventpoll]", info)
    machine.blocked.asleep(100, 100, "epoll", 4, 0x1000, 8, 0xFFFFFFFF)
    found = machine.tick()[100, 100]
    assert (found.descriptors, found.is_forever, found.fd) == (17, True, 4)


def test_a_long_list_is_read_seldom(machine: Machine) -> None:
    """An epoll of a thousand descriptors is counted once in EPOLL_TICKS."""
    machine.blocked.process(100)
    machine.blocked.descriptor(100, 4, "anon_inode:[eventpoll]", b"pos:\t0\n" + b"tfd: 5\n" * 1000)
    for _ in range(describe.EPOLL_TICKS):
        machine.blocked.asleep(100, 100, "epoll", 4, 0x1000, 8, 0xFFFFFFFF)
        assert machine.tick()[100, 100].descriptors == 1000
    assert machine.files.reads["fdinfo"] == 1
    machine.blocked.asleep(100, 100, "epoll", 4)
    machine.tick()
    assert machine.files.reads["fdinfo"] == 2


def test_the_one_descriptor_of_a_poll(machine: Machine) -> None:
    """A poll on one socket waits for that socket's peer."""
    machine.blocked.process(100)
    machine.blocked.asleep(100, 100, "poll", 16, 1, 5000)
    machine.blocked.memory(100, bytes(16) + struct.pack("<ihh", 6, 1, 0))
    machine.blocked.descriptor(100, 6, "socket:[35]")
    machine.blocked.file(100, "net/tcp").write_bytes(TCP % b"01")
    found = machine.tick()[100, 100]
    assert (found.fd, found.peer, found.status) == (6, "10.0.0.5:5432", "established")


def test_a_child_has_a_name(machine: Machine) -> None:
    """The process that is waited for, as far as it is known."""
    machine.blocked.process(100)
    machine.blocked.process(200, name="make")
    machine.blocked.asleep(100, 100, "wait4", 200)
    assert machine.tick()[100, 100] == BlockedOn("wait4", pid=200, peer="make[200]")


def test_a_socket_is_looked_up_now_and_then(machine: Machine) -> None:
    """The table is not read again for a thread at rest, but after REFRESH_NS, when its state may be another."""
    machine.blocked.process(100)
    machine.blocked.asleep(100, 100, "recvfrom", 6)
    machine.blocked.descriptor(100, 6, "socket:[35]")
    machine.blocked.file(100, "net/tcp").write_bytes(TCP % b"01")
    assert machine.tick()[100, 100].status == "established"
    machine.blocked.file(100, "net/tcp").write_bytes(TCP % b"08")
    for _ in range(8):
        assert machine.tick()[100, 100].status == "established"
    assert machine.files.reads["net/tcp"] == 1
    assert machine.tick(step_s=5.0)[100, 100].status == "close wait"


def test_a_pipe_whose_holder_is_found_later(machine: Machine) -> None:
    """The thread does not run, and yet gets the name once the search comes to it."""
    machine.blocked.process(100)
    machine.blocked.process(200, name="worker")
    machine.blocked.asleep(100, 100, "read", 7)
    machine.blocked.descriptor(100, 7, "pipe:[70]")
    for fd in range(500):
        machine.blocked.descriptor(100, 10 + fd, "/dev/null")
    machine.blocked.descriptor(200, 1, "pipe:[70]")
    only_writes(machine.files, (200, 1))
    assert machine.tick()[100, 100].peer == ""
    assert machine.tick()[100, 100].peer == "worker[200]"
    before = machine.reads()
    machine.tick()
    assert machine.reads() == before


def test_a_child_in_another_namespace(machine: Machine) -> None:
    """A call in a container speaks of its own pids: the child that is called so there, or none."""
    machine.blocked.process(100)
    machine.blocked.process(7, name="other")
    machine.blocked.process(200, name="make")
    machine.blocked.file(100, "ns/pid").symlink_to("pid:[2]")
    machine.blocked.file(100, "../self/ns").mkdir(parents=True)
    machine.blocked.file(100, "../self/ns/pid").symlink_to("pid:[1]")
    machine.blocked.file(100, "task/100/children").write_text("200 ")
    status = machine.blocked.file(200, "status")
    status.write_bytes(status.read_bytes() + b"NSpid:\t200\t7\n")
    machine.blocked.asleep(100, 100, "wait4", 7)
    assert machine.tick()[100, 100] == BlockedOn("wait4", pid=200, peer="make[200]")
    machine.blocked.asleep(100, 100, "wait4", 8)
    assert machine.tick()[100, 100] == BlockedOn("wait4", target="child 8 of its pid namespace")


def test_a_program_that_changes_its_name(machine: Machine) -> None:
    """Threads at rest are not read again for it; the machine is, for it may be another program."""
    machine.blocked.process(100)
    machine.blocked.asleep(100, 100, "read", 3)
    first = machine.tick()
    machine.blocked.processes[100] = machine.blocked.processes[100]._replace(name="renamed")
    assert machine.tick() is first
    assert (machine.files.reads["syscall"], machine.files.reads["elf"]) == (1, 2)
