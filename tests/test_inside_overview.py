"""The reader of the Overview pane on a fake /proc: what each file becomes, what it makes of refusals and ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from fakeproc import FakeProc
from threadtop.errors import DeniedError, GoneError
from threadtop.inside.asked import Asked
from threadtop.inside.footprint import Stacks
from threadtop.inside.overview import OverviewReader
from threadtop.inside.siblings import Siblings

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.inside.overview import OverviewFacts
    from threadtop.sample import ProcessSample, Sample

PID, PARENT = 100, 50
ASKED = Asked("overview", PID)
KIB, MIB = 1 << 10, 1 << 20
IO = b"rchar: %d\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n"
LIMITS = (
    b"Limit                     Soft Limit           Hard Limit           Units     \n"
    b"Max stack size            8388608              unlimited            bytes     \n"
)


class World:
    """A fake /proc with files that only the overview reads."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The opened process."""
        self.proc = FakeProc(tmp_path, monkeypatch)
        self.reader = self.proc.reader()
        self.overview = OverviewReader(self.reader)
        process = self.proc.process(PID, ppid=PARENT, uid=1000, session=9)
        self.start_ticks = process.threads[PID].start_ticks
        for name, content in (
            ("cgroup", b"0::/web\n"),
            ("io", IO % 1),
            ("limits", LIMITS),
            ("smaps_rollup", b"0-1 ---p 0 0:0 0 [rollup]\nRss: 300 kB\nPss: 200 kB\nPrivate_Dirty: 100 kB\n"),
        ):
            self.write(name, content)
        os.symlink("/srv", f"{self.proc.root}/{PID}/cwd")
        os.symlink("/", f"{self.proc.root}/{PID}/root")
        for pid, inode in (("self", 4000), (PID, 4002)):
            os.makedirs(f"{self.proc.root}/{pid}/ns")
            os.symlink(f"pid:[{inode}]", f"{self.proc.root}/{pid}/ns/pid")

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the process."""
        with open(f"{self.proc.root}/{PID}/{name}", "wb") as file:
            file.write(content)

    def process(self, *tids: int, **said: object) -> ProcessSample:
        """As the pass has it."""
        threads = [thread_sample(tid) for tid in tids or (PID,)]
        said = {"start_ticks": self.start_ticks, "ppid": PARENT, "uid": 1000, **said}
        return process_sample(PID, *threads, **said)

    def at(self, at_s: float, *tids: int, **said: object) -> Sample:
        """A pass."""
        return sample(at_s, self.process(*tids, **said))

    def read(self, *samples: Sample) -> OverviewFacts:
        """The facts after these passes."""
        return [self.overview.read(ASKED, one) for one in samples or (self.at(1),)][-1]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A fake /proc with the opened process."""
    return World(tmp_path, monkeypatch)


def test_all_of_it(world: World) -> None:
    """Each file becomes its field; the first reading has nothing to compare with."""
    facts = world.read()
    assert (facts.executable, facts.directory, facts.root) == ("/bin/fake", "/srv", "/")
    assert facts.arguments == ("/bin/fake", "--quietly")
    assert facts.stat is not None
    assert (facts.stat.session, facts.stat.minflt) == (9, 9)
    assert facts.io is not None
    assert facts.io["write_bytes"] == 6
    assert facts.io_per_s is None
    assert facts.usage is not None
    assert (facts.usage.pss_bytes, facts.usage.uss_bytes, facts.usage_age_s) == (200 * KIB, 100 * KIB, 0.0)
    assert (facts.namespaces, facts.ours) == ({"pid": "pid:[4002]"}, {"pid": "pid:[4000]"})
    assert facts.cgroups == {"": "/web"}
    assert (facts.siblings, facts.stacks) == (Siblings(None), Stacks(0, limit_bytes=8 * MIB))
    assert facts.terminal is None
    assert facts.denials == ()


def test_rates_and_ages_between_readings(world: World) -> None:
    """What counters moved by a second; how old it is what is measured seldom."""
    world.read(world.at(1))
    world.write("io", IO % 4001)
    facts = world.read(world.at(3))
    assert facts.io_per_s is not None
    assert facts.io_per_s["rchar"] == 2000.0
    assert facts.usage_age_s == 2.0


def test_a_pid_that_is_used_again_begins_anew(world: World) -> None:
    """Nothing of the process that had the pid before is told of this one."""
    world.read(world.at(1, PID, 101), world.at(2, PID, 102))
    facts = world.read(world.at(3, start_ticks=world.start_ticks + 1))
    assert (facts.coming.created, facts.coming.ended, facts.coming.seconds, facts.io_per_s) == (0, 0, 0.0, None)


@pytest.mark.parametrize(("tty_nr", "name"), [(0, None), (0x8803, "pts/3"), (4 << 8 | 1, "tty1"), (0x7F01, "127:1")])
def test_the_terminal_by_its_name(world: World, tty_nr: int, name: str | None) -> None:
    """As the kernel lists its drivers; its numbers where none is known."""
    os.makedirs(f"{world.proc.root}/tty")
    with open(f"{world.proc.root}/tty/drivers", "wb") as file:
        file.write(b"pty_slave            /dev/pts      136 0-1048575 pty:slave\n")
    with open(f"{world.proc.root}/{PID}/stat", "rb+") as file:
        head, _, rest = file.read().partition(b") S ")
        fields = rest.split()
        fields[3] = b"%d" % tty_nr  # ppid, pgrp, session before it
        file.seek(0)
        file.write(head + b") S " + b" ".join(fields) + b"\n")
        file.truncate()
    assert world.read().terminal == name


def test_what_is_denied_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's process: identity and state are anyone's; the rest is not known, and says so at each reading."""
    read, link, most = world.reader.read, world.reader.link, world.reader.read_most

    def refuse(name: str) -> None:
        if name in {"io", "exe", "cwd", "root", "smaps_rollup", "maps"} or name.startswith("ns/"):
            raise DeniedError(name)

    monkeypatch.setattr(world.reader, "read", lambda pid, name: (refuse(name), read(pid, name))[1])
    monkeypatch.setattr(world.reader, "link", lambda pid, name: (refuse(name), link(pid, name))[1])
    monkeypatch.setattr(world.reader, "read_most", lambda pid, name, *more: (refuse(name), most(pid, name, *more))[1])
    for at_s in (1, 2):
        facts = world.read(world.at(at_s, PID, 101))
        assert (facts.executable, facts.io, facts.usage, facts.siblings, facts.stacks) == (None,) * 5
        assert facts.stat is not None
        assert facts.cgroups == {"": "/web"}
        assert {denial.what for denial in facts.denials} >= {"io", "exe", "cwd", "root", "smaps_rollup", "ns"}


def test_a_thread_of_the_kernel(world: World) -> None:
    """It has no stacks in memory of its own, and no siblings are sought."""
    facts = world.read(world.at(1, kernel=True))
    assert (facts.siblings, facts.stacks) == (None, None)
    assert world.reader.reads["limits"] == 0


@pytest.mark.parametrize("name", ["stat", "status"])
def test_garbage_is_an_end(world: World, name: str) -> None:
    """A stat that is cut short is that of a process on its way out."""
    world.write("stat", b"100 (x")
    if name == "status":
        os.unlink(f"{world.proc.root}/{PID}/status")
    with pytest.raises(GoneError):
        world.read()


def test_it_ends_meanwhile(world: World) -> None:
    """The reader says so, and holds nothing."""
    world.read(world.at(1))
    world.proc.kill(PID)
    with pytest.raises(GoneError):
        world.read(world.at(2))
