"""The holders of the other end, in a fake /proc: who, in which order, and how much is read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakeblocked import FakeBlocked, only_writes
from fakeproc import FakeProc, FakeReader
from threadtop.blocked import BlockedOn
from threadtop.waiting import peers, sockets
from threadtop.waiting.diag import attributes
from threadtop.waiting.ends import Ends
from threadtop.waiting.peers import Held, Peers

if TYPE_CHECKING:
    from pathlib import Path

SETTLED = True
END = "pipe:[70]"


class Machine:
    """A fake /proc and a search in it."""

    def __init__(self, proc: FakeProc) -> None:
        """Nothing runs on it."""
        self.blocked = FakeBlocked(proc)
        self.files: FakeReader = proc.reader()
        self.peers = Peers(self.files)

    def ask(self, pid: int, *, writes: bool = True) -> Held:
        """What is found in one more tick."""
        self.peers.begin(self.blocked.processes)
        return self.peers.holder(END, pid, writes=writes)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """An empty machine."""
    return Machine(FakeProc(tmp_path, monkeypatch))


def test_the_other_end_of_a_pipe(machine: Machine) -> None:
    """Who reads waits for the writer, and who writes for the reader."""
    machine.blocked.process(100, name="reader")
    machine.blocked.process(200, name="writer")
    machine.blocked.descriptor(100, 7, END)
    machine.blocked.descriptor(200, 1, END)
    only_writes(machine.files, (200, 1))
    assert machine.ask(100) == Held("writer[200]", SETTLED)
    assert machine.ask(200, writes=False) == Held("reader[100]", SETTLED)


def test_a_pipe_to_itself(machine: Machine) -> None:
    """Both ends are its own; nobody else has them."""
    machine.blocked.process(100)
    machine.blocked.process(200)
    machine.blocked.descriptor(100, 7, END)
    machine.blocked.descriptor(100, 8, END)
    only_writes(machine.files, (100, 8))
    assert machine.ask(100) == Held("itself", SETTLED)


def test_an_end_that_nobody_holds(machine: Machine) -> None:
    """Nothing is claimed, and nothing is read again for it soon."""
    machine.blocked.process(100)
    machine.blocked.process(200)
    machine.blocked.descriptor(100, 7, END)
    only_writes(machine.files)
    assert machine.ask(100) == Held("", SETTLED)
    before = machine.files.reads["fd/"]
    for _ in range(peers.AGAIN_TICKS * 2):
        machine.ask(100)
    assert machine.files.reads["fd/"] == before


def test_relatives_come_first(machine: Machine) -> None:
    """Child, parent, sibling: found before the hundred others are opened."""
    for pid in range(1000, 1100):
        machine.blocked.process(pid)
    machine.blocked.process(100, ppid=1050)
    machine.blocked.process(2000, name="sibling", ppid=1050)
    machine.blocked.descriptor(2000, 1, END)
    only_writes(machine.files, (2000, 1))
    assert machine.ask(100).words == "sibling[2000]"
    assert machine.files.reads["fd/"] == 3


def test_a_tick_reads_so_much_and_no_more(machine: Machine) -> None:
    """The search of a machine full of processes is spread over ticks; it ends, and finds."""
    for pid in range(1000, 1100):
        machine.blocked.process(pid)
    machine.blocked.process(100)
    machine.blocked.process(2000, name="last")
    machine.blocked.descriptor(2000, 1, END)
    only_writes(machine.files, (2000, 1))
    most = peers.MOST_LINKS // peers.DIRECTORY_LINKS
    held, ticks = Held("", is_settled=False), 0
    while not held.words and ticks < 10:
        before = machine.files.reads["fd/"]
        held = machine.ask(100)
        assert machine.files.reads["fd/"] - before <= most
        ticks += 1
    assert (held.words, ticks) == ("last[2000]", 3)


def test_who_was_found_is_looked_at_first_again(machine: Machine) -> None:
    """After a while the answer is checked, at the price of two folders."""
    for pid in range(1000, 1020):
        machine.blocked.process(pid)
    machine.blocked.process(100)
    machine.blocked.process(2000, name="last")
    machine.blocked.descriptor(2000, 1, END)
    only_writes(machine.files, (2000, 1))
    machine.ask(100)
    before = machine.files.reads["fd/"]
    for _ in range(peers.AGAIN_TICKS):
        assert machine.ask(100).words == "last[2000]"
    assert machine.files.reads["fd/"] - before == 2


def test_a_holder_that_ends(machine: Machine) -> None:
    """The next that has it is found."""
    machine.blocked.process(100)
    for pid in (200, 300):
        machine.blocked.process(pid)
        machine.blocked.descriptor(pid, 1, END)
    only_writes(machine.files, (200, 1), (300, 1))
    assert machine.ask(100).words == "fake[200]"
    del machine.blocked.processes[200]
    assert machine.ask(100).words == "fake[300]"


def test_a_process_with_many_descriptors(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than MOST_OF_ONE of its links are read."""
    monkeypatch.setattr(peers, "MOST_OF_ONE", 20)
    machine.blocked.process(100)
    for fd in range(50):
        machine.blocked.descriptor(100, fd, "/dev/null")
    machine.ask(100)
    assert machine.files.reads["fd"] == 20


def test_a_table_is_read_once_for_many_sockets(machine: Machine) -> None:
    """Fifty threads on fifty sockets of one namespace, in two processes: each table once."""
    for pid in (100, 200):
        machine.blocked.process(pid)
    ends = Ends(machine.files)
    ends.begin(10**9, machine.blocked.processes)
    for inode in range(50):
        found, _ = ends.added(100 if inode % 2 else 200, BlockedOn("read", fd=1, target=f"socket:[{inode}]"), None)
        assert found.peer == ""
    assert {machine.files.reads[f"net/{name}"] for name in sockets.TABLES} == {1}


@pytest.mark.parametrize("target", ["socket:[]", "socket:[x]", "socket:", "socket:[-1]", "/socket:[1]", ""])
def test_targets_that_are_no_sockets(machine: Machine, target: str) -> None:
    """A path may be called anything."""
    ends = Ends(machine.files)
    ends.begin(10**9, {})
    blocked = BlockedOn("read", fd=1, target=target)
    assert ends.added(100, blocked, None) == (blocked, SETTLED)


def test_answers_of_the_kernel_about_unix_sockets() -> None:
    """Attributes by number; an error, another's answer or a short one has none."""
    answer = bytes.fromhex(
        "3000000014000000010000005c360000010101005e7600000100000000000000080002005f7600000500060000000000"
    )
    assert attributes(answer, 1) == {2: b"\x5f\x76\0\0", 6: b"\0"}
    assert attributes(answer, 2) == {}
    for size in range(len(answer)):
        assert attributes(answer[:size], 1) == {}


def test_processes_outside_of_the_pass(machine: Machine) -> None:
    """With an attached process alone in the pass, the others are listed; children come first, and have a name."""
    for pid in (*range(1000, 1050), 2000):
        machine.blocked.process(pid)
    machine.blocked.process(100)
    machine.blocked.descriptor(2000, 1, END)
    machine.blocked.file(100, "task/100/children").write_text("2000 ")
    machine.blocked.file(2000, "comm").write_bytes(b"worker\n")
    only_writes(machine.files, (2000, 1))
    machine.peers.begin({100: machine.blocked.processes[100]}, is_whole=False)
    assert machine.peers.holder(END, 100, writes=True) == Held("worker[2000]", SETTLED)
    assert machine.files.reads["fd/"] == 2


@pytest.mark.parametrize(("lines", "gap_s"), [(1, 2), (10_000, 6)])
def test_a_large_table_is_read_less_often(machine: Machine, lines: int, gap_s: int) -> None:
    """Asked each second for a socket that is not in it: two seconds between readings, more for a large one."""
    line = b"00000000583a0377: 00000003 00000000 00000000 0001 03 %d\n"
    machine.blocked.process(100)
    machine.blocked.file(100, "net/unix").write_bytes(b"".join(line % (number + 100) for number in range(lines)))
    ends = Ends(machine.files)
    readings = []
    for at_s in range(1, 9):
        ends.begin(at_s * 10**9, machine.blocked.processes)
        ends.added(100, BlockedOn("read", fd=1, target=f"socket:[{at_s}]"), None)
        readings.append(machine.files.reads["net/unix"])
    assert readings == [1 + (at_s - 1) // gap_s for at_s in range(1, 9)]


def test_a_socket_of_no_table_is_given_up(machine: Machine) -> None:
    """Once each table was read after it was asked for, there is nothing more to find, and nothing to read."""
    machine.blocked.process(100)
    ends = Ends(machine.files)
    settled = []
    for at_s, inode in ((1, 1), (2, 2), (3, 2), (4, 2), (5, 2)):
        ends.begin(at_s * 10**9, machine.blocked.processes)
        settled.append(ends.added(100, BlockedOn("read", fd=1, target=f"socket:[{inode}]"), None)[1])
    assert settled == [True, False, True, True, True]
    assert machine.files.reads["net/tcp"] == 2
