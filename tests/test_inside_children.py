"""The reader of the Children pane on a fake /proc: who is above and below, within bounds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample
from fakeproc import FakeProc
from threadtop.errors import GoneError
from threadtop.inside import children
from threadtop.inside.asked import Asked
from threadtop.inside.children import ChildrenFacts, ChildrenReader, Relative

if TYPE_CHECKING:
    from pathlib import Path


PID = 100
ASKED = Asked("children", PID)


class World:
    """A fake /proc whose threads say which children they made."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The opened process under 1 and 50."""
        self.proc = FakeProc(tmp_path, monkeypatch)
        self.start(1, 0)
        self.start(50, 1)
        self.start(PID, 50)
        self.reader = ChildrenReader(self.proc.reader())

    def start(self, pid: int, ppid: int, threads: int = 1) -> None:
        """A process, and its parent's main thread says so."""
        process = self.proc.process(pid, threads, ppid=ppid, cmdline=b"/bin/p%d\0-x\0" % pid)
        self.proc.write(process.threads[pid])  # which knows of all its threads now
        if ppid:
            self.say(ppid, ppid, pid)

    def say(self, pid: int, tid: int, child: int) -> None:
        """A thread has made a child."""
        with open(f"{self.proc.root}/{pid}/task/{tid}/children", "ab") as file:
            file.write(b"%d " % child)

    def read(self, at_s: float = 1) -> ChildrenFacts:
        """The children, in a run that is attached to the process alone."""
        return self.reader.read(ASKED, sample(at_s, process_sample(PID, ppid=50), is_whole=False))


def pids(facts: ChildrenFacts) -> dict[int, Relative]:
    """The relatives by pid."""
    return {one.pid: one for one in facts.relatives}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A fake /proc."""
    return World(tmp_path, monkeypatch)


def test_a_pass_over_the_machine_has_them_all(world: World) -> None:
    """Nothing is read where the snapshot has every process."""
    whole = sample(1, process_sample(PID, ppid=50))
    assert world.reader.read(ASKED, whole) == ChildrenFacts((), is_cut=False)
    assert not world.reader._reader.reads


def test_above_and_below(world: World) -> None:
    """Parents up to pid 1, children of every thread, and theirs; nobody else's."""
    world.start(101, PID)
    world.start(102, 101, threads=3)
    world.start(200, 50)
    world.proc.process(103, ppid=102)
    world.say(102, 104, 103)
    facts = world.read()
    assert set(pids(facts)) == {1, 50, 101, 102, 103}
    found = pids(facts)[102]
    assert (found.ppid, found.threads, found.command, found.state) == (101, 3, "/bin/p102 -x", "S")
    assert not facts.is_cut


def test_cpu_between_two_readings(world: World) -> None:
    """A share needs two readings of the same process; one that was not there before has none yet."""
    world.start(101, PID)
    assert {one.cpu_pct for one in world.read(1).relatives} == {None}
    world.proc.run(101, 101, run_ns=500_000_000)
    world.start(102, PID)
    relatives = pids(world.read(2))
    assert relatives[101].cpu_pct == pytest.approx(50.0)
    assert relatives[50].cpu_pct == 0.0
    assert relatives[102].cpu_pct is None


def test_command_lines_are_read_once(world: World) -> None:
    """They seldom change."""
    world.read(1)
    reads = world.reader._reader.reads
    count = reads["cmdline"]
    world.read(2)
    assert reads["cmdline"] == count == 2


def test_a_main_thread_that_has_ended(world: World) -> None:
    """How its process was started is told by a thread that lives."""
    world.start(101, PID, threads=2)
    world.proc.end(101, 101)
    folder = f"{world.proc.root}/102"
    os.mkdir(folder)
    with open(f"{folder}/cmdline", "wb") as file:
        file.write(b"/bin/p101\0")
    assert pids(world.read())[101].command == "/bin/p101"


def test_one_that_ends_meanwhile(world: World) -> None:
    """A child that is listed and gone is left out; the process itself gone is an end."""
    world.say(PID, PID, 777)
    assert 777 not in pids(world.read())
    world.proc.kill(PID)
    with pytest.raises(GoneError):
        world.read()


def test_a_kernel_without_lists_of_children(world: World) -> None:
    """Those above are still known."""
    world.start(101, PID)
    os.unlink(f"{world.proc.root}/{PID}/task/{PID}/children")
    assert set(pids(world.read())) == {1, 50}


def test_garbage(world: World) -> None:
    """A list that is none, and a stat that is cut short, are left out."""
    world.start(101, PID)
    world.start(102, PID)
    with open(f"{world.proc.root}/101/stat", "wb") as file:
        file.write(b"101 (x")
    with open(f"{world.proc.root}/102/task/102/children", "wb") as file:
        file.write(b"\xff what")
    assert set(pids(world.read())) == {1, 50, 102}


def test_parents_in_a_circle(world: World) -> None:
    """A pid that was used again while it was read may lead round: that ends."""
    world.proc.processes[1].ppid = 50
    world.proc.write(world.proc.processes[1].threads[1])
    world.say(PID, PID, 50)
    assert set(pids(world.read())) == {1, 50}


def test_there_may_be_very_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more are read than may be, and that there are more is said."""
    monkeypatch.setattr(children, "MOST", 10)
    for pid in range(200, 220):
        world.start(pid, PID)
    facts = world.read()
    assert len(facts.relatives) == 9  # and itself
    assert facts.is_cut


def test_threads_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more threads are asked for children than may be."""
    monkeypatch.setattr(children, "MOST_READS", 5)
    world.start(101, PID, threads=40)
    world.start(102, 101)
    world.start(103, PID, threads=40)
    facts = world.read()
    assert world.reader._reader.reads["children"] <= 5
    assert facts.is_cut


def test_command_lines_are_read_in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many new processes at once have theirs within some readings."""
    monkeypatch.setattr(children, "MOST_COMMANDS", 3)
    for pid in range(200, 206):
        world.start(pid, PID)
    counts = [sum(bool(one.command) for one in world.read(second).relatives) for second in range(1, 5)]
    assert counts == [3, 6, 8, 8]


def test_more_threads_than_are_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not all threads of a process were asked for children, there may be more: that is said."""
    monkeypatch.setattr(children, "MOST_THREADS", 2)
    world.start(101, PID, threads=3)
    assert world.read().is_cut
