"""The reader of the Signals pane on a fake /proc: threads and descriptors in turn, refusals, ends, garbage; words."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from builders import process_sample, sample, thread_sample
from fakeproc import FakeProc
from threadtop.errors import DeniedError, GoneError
from threadtop.inside import signals
from threadtop.inside.asked import Asked
from threadtop.inside.signals import SignalFacts, SignalReader, Timer, TimerFd
from threadtop.procfs import signals as names

PID = 100
ASKED = Asked("signals", PID)
TIMERS = (
    b"ID: 0\nsignal: 39/0000000000001234\nnotify: signal/pid.23990\nClockID: 1\n"
    b"ID: 7\nsignal: 32/00007f0000000000\nnotify: signal/tid.23991\nClockID: -6\n"
    b"ID: 8\nsignal: 14/0x0\nnotify: none/pid.23990\n"
)
TIMER_FD = (
    b"pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t1039\nclockid: 1\nticks: 3\nsettime flags: 00\n"
    b"it_value: (99, 465458289)\nit_interval: (5, 0)\n"
)


class World:
    """A fake /proc whose threads have masks, with descriptors and timers."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One process of five threads."""
        self.proc = FakeProc(tmp_path, monkeypatch)
        self.proc.process(PID, 5, uid=os.geteuid())
        self.folder = Path(self.proc.root, str(PID))
        for tid in range(PID, PID + 5):
            self.mask(tid)
        (self.folder / "limits").write_bytes(b"")
        (self.folder / "timers").write_bytes(TIMERS)
        for name in ("fd", "fdinfo"):
            (self.folder / name).mkdir()
        self.files = self.proc.reader()
        # Only the kernel's folder can be entered at a number.
        self.files.descriptors_from = self._from  # type: ignore[method-assign]
        self.files.descriptors_taken = lambda _: len(os.listdir(self.folder / "fd"))  # type: ignore[method-assign]
        self.reader = SignalReader(self.files)

    def _from(self, pid: int | str, start: int, most: int) -> list[int]:
        return sorted(fd for fd in self.files.descriptors_of(pid, 1 << 20) if fd >= start)[:most]

    def mask(self, tid: int, pending: int = 0, blocked: int = 0) -> None:
        """Give a thread these masks."""
        raw = b"Name:\tx\nSigQ:\t3/96365\nSigPnd:\t%016x\nSigBlk:\t%016x\n" % (pending, blocked)
        (self.folder / "task" / str(tid) / "status").write_bytes(raw)
        if tid == PID:
            (self.folder / "status").write_bytes(raw)

    def open(self, fd: int, target: str = "/dev/null", info: bytes = b"pos:\t0\n") -> None:
        """Open a descriptor, in place of what was open under its number."""
        link = self.folder / "fd" / str(fd)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        (self.folder / "fdinfo" / str(fd)).write_bytes(info)

    def read(self, start_ticks: int = 1000) -> SignalFacts:
        """The facts now."""
        threads = [thread_sample(tid) for tid in self.proc.processes[PID].threads]
        process = process_sample(PID, *threads, uid=os.geteuid(), start_ticks=start_ticks)
        return self.reader.read(ASKED, sample(1, process))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A process of five threads."""
    return World(tmp_path, monkeypatch)


def test_all_of_a_small_process(world: World) -> None:
    """Masks of every thread, timers, timerfds; nothing is denied, nothing is to come."""
    world.mask(PID + 1, pending=2, blocked=6)
    world.open(0)
    world.open(7, "anon_inode:[timerfd]", TIMER_FD)
    facts = world.read()
    assert facts.masks[PID + 1] == (f"{2:016x}", f"{6:016x}")
    assert len(facts.masks) == 5
    assert facts.timers == (
        Timer(0, 39, "signal pid", 23990, 1),
        Timer(7, 32, "signal tid", 23991, -6),
        Timer(8, 14, "none pid", 23990, None),
    )
    assert facts.timerfds == (TimerFd(7, 1, 99_465_458_289, 5_000_000_000, 3),)
    assert (facts.looked, facts.descriptors, facts.is_pending, facts.denials) == (2, 2, False, ())


def test_threads_are_read_in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many in each reading, what is known of the others is kept; until all were read there is more to come."""
    monkeypatch.setattr(signals, "MOST_THREADS", 2)
    told = [world.read() for _ in range(4)]
    assert [len(facts.masks) for facts in told] == [2, 4, 5, 5]
    assert [facts.is_pending for facts in told] == [True, True, False, False]
    world.mask(PID + 4, blocked=8)
    assert f"{8:016x}" in {mask for _ in range(3) for _, mask in world.read().masks.values()}


def test_threads_that_end_and_begin(world: World) -> None:
    """An ended thread is no longer counted, a new one is read, also where one ends between list and read."""
    world.read()
    world.proc.end(PID, PID + 2)
    world.proc.spawn(PID, 300)
    world.mask(300, blocked=1)
    (world.folder / "task" / str(PID + 3) / "status").unlink()
    assert world.read().masks.keys() == {PID, PID + 1, PID + 3, PID + 4, 300}


def test_descriptors_are_looked_at_in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many in each reading, said so; a timerfd that was closed goes, one under a number used again is seen."""
    monkeypatch.setattr(signals, "MOST_DESCRIPTORS", 2)
    for fd in range(4):
        world.open(fd)
    world.open(4, "anon_inode:[timerfd]", TIMER_FD)
    told = [world.read() for _ in range(3)]
    assert [(facts.looked, facts.descriptors) for facts in told] == [(2, 5), (4, 5), (5, 5)]
    assert [facts.is_pending for facts in told] == [True, True, False]
    assert [[one.fd for one in facts.timerfds or ()] for facts in told] == [[], [], [4]]
    world.open(4)
    world.open(0, "anon_inode:[timerfd]", TIMER_FD)
    assert [one.fd for one in [world.read() for _ in range(3)][-1].timerfds or ()] == [0]


def test_another_process_under_the_pid(world: World) -> None:
    """Nothing is kept of the one before."""
    world.open(4, "anon_inode:[timerfd]", TIMER_FD)
    world.read()
    (world.folder / "fd" / "4").unlink()
    world.proc.end(PID, PID + 4)
    facts = world.read(start_ticks=2000)
    assert (len(facts.masks), facts.timerfds) == (4, ())


def test_another_user(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks are everyone's; timers and descriptors are denied, with the rule."""

    def deny(path: str) -> None:
        if path.endswith("timers"):
            raise DeniedError(path)

    def denied(*_: object) -> list[int]:
        raise DeniedError

    monkeypatch.setattr(world.files, "descriptors_from", denied)
    with world.proc.interrupted(deny):
        facts = world.read()
    assert len(facts.masks) == 5
    assert (facts.timers, facts.timerfds, facts.is_pending) == (None, None, False)
    assert {denial.what for denial in facts.denials} == {"timers", "fd"}
    assert all(denial.rule for denial in facts.denials)


def test_it_ends(world: World) -> None:
    """It is gone, not empty."""
    world.read()
    (world.folder / "status").unlink()
    with pytest.raises(GoneError):
        world.read()


def test_garbage(world: World) -> None:
    """Files that hold something else make nothing fail: that timer is left out."""
    (world.folder / "task" / str(PID + 1) / "status").write_bytes(b"\xff\0SigPnd")
    (world.folder / "timers").write_bytes(b"\xff" * 100 + b"\nID: x\n")
    world.open(4, "anon_inode:[timerfd]", b"\xff\xfe: \xfd")
    facts = world.read()
    assert facts.masks[PID + 1] == ("", "")
    assert (facts.timers, facts.timerfds) == ((), (TimerFd(4, None, None, None),))


def test_names_are_those_of_the_c_library() -> None:
    """Every signal that Python knows by a name has that name, also in the middle of the real-time ones."""
    aliases = {"IOT": "ABRT", "CLD": "CHLD", "POLL": "IO"}
    named = {one: {each.name.removeprefix("SIG") for each in signal.Signals if each == one} for one in signal.Signals}
    for number, known in named.items():
        if number < signal.SIGRTMIN:
            assert names.name(number) in known | {aliases.get(name, name) for name in known}
    assert names.name(signal.SIGRTMIN + 3) == "RTMIN+3"
    assert names.name(signal.SIGRTMAX) == f"RTMIN+{signal.SIGRTMAX - signal.SIGRTMIN}"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([], "none"),
        ([1, 15], "HUP TERM"),
        ([1, 34, 35, 36, 64], "HUP RTMIN to +2 RTMIN+30"),
        ([34, 35], "RTMIN RTMIN+1"),
        ([*range(35, 65)], "RTMIN+1 to +30"),
        ([*range(1, 65)], "all"),
        ([number for number in range(1, 65) if number not in {9, 19, 32, 33}], "all"),
        ([number for number in range(1, 65) if number not in {2, 9, 11, 19}], "all but INT SEGV"),
    ],
)
def test_words(numbers: list[int], words: str) -> None:
    """A range for real-time ones in a row; of nearly all those that are missing, but for what cannot be blocked."""
    assert names.words(numbers) == words
