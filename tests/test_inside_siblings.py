"""Siblings of a process on a fake /proc: of the same program, in the same cgroup, of one parent or session."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from fakeproc import FakeProc
from threadtop.errors import DeniedError
from threadtop.inside import siblings
from threadtop.inside.siblings import MOST, Finder, Siblings
from threadtop.sample import PAGE_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from fakeproc import FakeReader
    from threadtop.sample import ProcessSample

PID, PARENT, OWN, SESSION = 100, 50, 9000, 40


class World:
    """A fake /proc, and the pass that saw it."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The opened process."""
        self.proc = FakeProc(tmp_path, monkeypatch)
        self.reader: FakeReader = self.proc.reader()
        self.finder = Finder(self.reader, OWN)
        self.seen: dict[int, ProcessSample] = {}
        self.start(PID)

    def start(
        self,
        pid: int,
        ppid: int = PARENT,
        *,
        session: int = SESSION,
        exe: str = "/bin/fake",
        groups: bytes = b"0::/web\n",
        state: str = "S",
    ) -> None:
        """A process, which the pass has seen."""
        process = self.proc.process(pid, ppid=ppid, session=session)
        self.proc.change(pid, pid, state=state)
        with open(f"{self.proc.root}/{pid}/cgroup", "wb") as file:
            file.write(groups)
        self.run(pid, exe)
        start_ticks = process.threads[pid].start_ticks
        thread = thread_sample(pid, start_ticks=start_ticks)
        self.seen[pid] = process_sample(pid, thread, start_ticks=start_ticks, ppid=ppid, state=state)

    def run(self, pid: int, exe: str) -> None:
        """It runs another program, as after execve(2)."""
        os.unlink(f"{self.proc.root}/{pid}/exe")
        os.symlink(exe, f"{self.proc.root}/{pid}/exe")

    def deny(self, monkeypatch: pytest.MonkeyPatch, *pids: int) -> None:
        """What these run may not be known."""
        link = self.reader.link

        def refuse(pid: int | str, name: str) -> str:
            if pid in pids:
                raise DeniedError(name)
            return link(pid, name)

        monkeypatch.setattr(self.reader, "link", refuse)

    def find(self, pid: int = PID, at_s: float = 1.0, *, is_whole: bool = True) -> Siblings | None:
        """The siblings of one."""
        seen = self.seen.values() if is_whole else [self.seen[pid]]
        pass_ = sample(at_s, *seen, is_whole=is_whole)
        return self.finder.find(pass_, self.seen[pid], self.proc.processes[pid].session)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A fake /proc with the opened process."""
    return World(tmp_path, monkeypatch)


def told(found: Siblings | None) -> tuple[str | None, list[int], bool]:
    """What they have in common, who they are, and whether there may be more."""
    assert found is not None
    return found.tie, [one.pid for one in found.members], found.is_cut


def test_of_one_parent(world: World) -> None:
    """Same program, cgroup and parent: itself first; what differs in one of them is none, nor is threadtop itself."""
    world.start(101)
    world.start(99, session=7)
    world.start(102, 51, session=8)
    world.start(103, groups=b"0::/other\n")
    world.start(104, exe="/bin/other")
    world.start(105, state="Z")
    world.start(OWN)
    assert told(world.find()) == ("parent", [PID, 99, 101], False)


def test_of_one_whose_main_thread_has_ended(world: World) -> None:
    """What it runs is told by a thread that lives: /proc/TID is there for any thread."""
    world.start(101)
    os.unlink(f"{world.proc.root}/{PID}/exe")
    os.unlink(f"{world.proc.root}/{PID}/cgroup")
    os.mkdir(f"{world.proc.root}/{PID + 50}")
    os.symlink("/bin/fake", f"{world.proc.root}/{PID + 50}/exe")
    shutil.copy(f"{world.proc.root}/101/cgroup", f"{world.proc.root}/{PID + 50}/cgroup")
    own = world.seen[PID]
    threads = {PID: own.threads[PID]._replace(state="Z"), PID + 50: thread_sample(PID + 50)}
    world.seen[PID] = own._replace(threads=threads, state="Z")
    assert told(world.find()) == ("parent", [PID, 101], False)


def test_a_master_is_told_by_its_workers(world: World) -> None:
    """One without siblings has its children of the same program, and is not among them."""
    world.start(101, PID)
    world.start(102, PID)
    world.start(103, PID, exe="/bin/sh")
    assert told(world.find()) == ("children", [101, 102], False)


def test_of_one_session(world: World) -> None:
    """Where parent and children have none, the session is what is left; that of nobody (0) is none."""
    world.start(101, 51)
    world.start(102, 52, session=9)
    world.start(103, 53, exe="/bin/other")
    found = world.find()
    assert told(found) == ("session", [PID, 101], False)
    assert found is not None
    assert (found.members[1].threads, found.members[1].rss_bytes) == (1, 100 * PAGE_BYTES)
    world.start(200, 60, session=0)
    world.start(201, 61, session=0)
    assert told(world.find(200)) == (None, [], False)


def test_init_makes_nobody_siblings(world: World) -> None:
    """Daemons whose parent ended have init in common with all the others: their session decides."""
    world.start(200, 1, session=200)
    world.start(201, 1, session=201)
    world.start(202, 1, session=200)
    assert told(world.find(200)) == ("session", [200, 202], False)
    assert told(world.find(201)) == (None, [], False)


def test_a_session_that_is_not_seen(world: World) -> None:
    """Inside a pid namespace whose session is outside (0) the first process is a parent as good as any."""
    world.start(200, 1, session=0)
    world.start(201, 1, session=0)
    assert told(world.find(200)) == ("parent", [200, 201], False)


def test_none_is_said_where_they_were_looked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of all that could be read; not known where one that might be a sibling, or itself, may not be read."""
    world.start(101, exe="/bin/other")
    assert world.find() == Siblings(None)
    world.deny(monkeypatch, 101)
    assert world.find(at_s=60.0) is None
    world.start(102)
    assert told(world.find(at_s=120.0)) == ("parent", [PID, 102], False)
    world.deny(monkeypatch, PID)
    assert world.find(at_s=180.0) is None


def test_strangers_that_are_denied_do_not_matter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of another parent and session may be anything: it is no sibling."""
    world.start(101, 51, session=9)
    world.deny(monkeypatch, 101)
    assert world.find() == Siblings(None)


@pytest.mark.parametrize("pid", [PID, 101])
def test_an_attached_run_finds_the_same(world: World, pid: int) -> None:
    """The pass has seen one process alone: the parent's own list names the others, with their threads and memory."""
    world.start(PARENT, 1, exe="/bin/sh")
    world.start(101)
    with open(f"{world.proc.root}/{PARENT}/task/{PARENT}/children", "wb") as file:
        file.write(b"100 101 777 ")
    found = world.find(pid, is_whole=False)
    assert told(found) == ("parent", [pid, 201 - pid], False)
    assert found is not None
    assert (found.members[1].threads, found.members[1].rss_bytes) == (1, 100 * PAGE_BYTES)


def test_an_attached_run_looks_for_the_session(world: World) -> None:
    """Where nobody lists children, all processes' sessions are looked at."""
    world.start(101, 51)
    world.start(102, 51, session=9)
    assert told(world.find(is_whole=False)) == ("session", [PID, 101], False)


def test_an_attached_process_of_many_threads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all its threads are asked for children; the session has those, too, and none is said where it has none."""
    monkeypatch.setattr(siblings, "MOST_LOOKS", 20)
    for tid in range(1000, 1030):
        world.proc.spawn(PID, tid)
    assert told(world.find(is_whole=False)) == (None, [], False)
    world.start(101, PID)
    assert told(world.find(at_s=20.0, is_whole=False)) == ("session", [PID, 101], False)


def test_a_program_is_looked_at_again(world: World) -> None:
    """Within seconds what was seen holds, and costs nothing; then a new program is found."""
    world.start(101)
    world.find(at_s=1.0)
    world.run(101, "/bin/other")
    count = world.reader.reads["exe"]
    assert told(world.find(at_s=2.0)) == ("parent", [PID, 101], False)
    assert world.reader.reads["exe"] == count
    assert told(world.find(at_s=20.0)) == (None, [], False)


def test_many_are_looked_at_in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reading looks at more than MOST_LOOKS, and until all were looked at, that there may be more is said."""
    monkeypatch.setattr(siblings, "MOST_LOOKS", 4)
    for pid in range(101, 110):
        world.start(pid)
    counts = []
    for second in range(4):
        before = world.reader.reads["exe"]
        tie, pids, is_cut = told(world.find(at_s=1 + second))
        assert world.reader.reads["exe"] - before <= 4
        assert tie == "parent"
        counts.append((len(pids), is_cut))
    assert counts == [(4, True), (8, True), (10, False), (10, False)]


def test_sessions_are_looked_at_in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until all were looked at it is not said that there are none."""
    monkeypatch.setattr(siblings, "MOST_LOOKS", 4)
    for pid in range(101, 108):
        world.start(pid, pid - 50, session=pid)
    found = [told(world.find(at_s=1 + second)) for second in range(4)]
    assert found[0] == (None, [], True)
    assert found[-1] == (None, [], False)


def test_there_may_be_very_many(world: World) -> None:
    """No more than MOST are told of."""
    for pid in range(1000, 1000 + MOST + 10):
        world.start(pid)
    found = world.find()
    assert found is not None
    assert (len(found.members), found.is_cut) == (MOST, True)


def test_garbage_and_ends(world: World) -> None:
    """A process that ends while it is looked at, and a stat that is none, are left out."""
    world.start(101)
    world.start(102, 51)
    world.proc.kill(101)
    with open(f"{world.proc.root}/102/stat", "wb") as file:
        file.write(b"102 (x")
    assert told(world.find()) == (None, [], False)
