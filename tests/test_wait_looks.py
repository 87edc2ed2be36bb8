"""One look at a thread: what it finds it blocked on, and how few files that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakeblocked import AARCH64, ARM, I386, X86_64, FakeBlocked, deny
from fakeproc import FakeProc
from threadtop.errors import GoneError
from threadtop.waiting.looks import AGAIN_NS, LINK_NS, Looks, Thread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakeproc import FakeReader

PID = 100
GIL = (0x7000, 0x70B0)


class Scene:
    """One thread of a fake process, looked at."""

    def __init__(self, proc: FakeProc, reader: FakeReader) -> None:
        """It has just begun to sleep in nothing in particular."""
        self.proc = proc
        self.fake = FakeBlocked(proc)
        self.fake.process(PID)
        self.reader = reader
        self.looks = Looks(reader, PID)
        self.thread = Thread(PID, 0)
        self.now_ns = 1

    def sleeps(self, wchan: bytes, call: str = "", *arguments: int, state: str = "S") -> None:
        """It runs, and then sleeps in ``call``."""
        self.proc.run(PID, PID, wchan=wchan, state=state)
        if call:
            self.fake.asleep(PID, PID, call, *arguments)

    def runs(self) -> None:
        """It runs, and goes on."""
        self.proc.run(PID, PID, wchan=b"0", state="R")
        self.fake.line(PID, PID, "running\n")

    def look(self) -> tuple[str | None, set[str]]:
        """What a look finds, and which files it reads."""
        before = self.reader.reads.copy()
        kind = self.looks.look(self.thread, self.now_ns)
        return kind, {name for name, count in self.reader.reads.items() if count > before[name]} - {"elf"}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A process to look at."""
    proc = FakeProc(tmp_path, monkeypatch)
    made = Scene(proc, proc.reader(descriptors=16))
    yield made
    made.looks.drop(made.thread)
    assert made.reader.kept == 0


def test_the_kernel_function_tells(scene: Scene) -> None:
    """Two files are read of a thread that has run, and one of it as long as it has not."""
    scene.sleeps(b"hrtimer_nanosleep", "nanosleep")
    assert scene.look() == ("sleep", {"schedstat", "wchan"})
    assert scene.look() == ("sleep", {"schedstat"})
    scene.sleeps(b"do_epoll_wait", "epoll", 4)
    assert scene.look() == ("poll", {"schedstat", "wchan"})


SETS = 0x7F00  # where a set of descriptors lies: it may be there, and not be looked at


@pytest.mark.parametrize(
    ("call", "none", "some"),
    [
        ("select", (0, SETS), (5, SETS)),
        ("pselect6", (0, SETS), (1, SETS)),
        ("poll", (SETS, 0), (SETS, 1)),
        ("ppoll", (SETS, 0xABCD00000000), (SETS, 2)),
    ],
)
def test_a_poll_of_nothing_is_a_sleep(scene: Scene, call: str, none: tuple[int, int], some: tuple[int, int]) -> None:
    """Python's time.sleep before 3.11 is a select of no descriptors; its count is an int, the low half of a register.

    That takes one file more than another sleep; as long as the thread has not run it is no more than that.
    """
    scene.sleeps(b"poll_schedule_timeout.constprop.0", call, *none)
    assert scene.look() == ("sleep", {"schedstat", "wchan", "syscall"})
    assert scene.look() == ("sleep", {"schedstat"})
    scene.sleeps(b"poll_schedule_timeout.constprop.0", call, *some)
    assert scene.look() == ("poll", {"schedstat", "wchan", "syscall"})


@pytest.mark.parametrize(
    ("machine", "number", "arguments", "kind"),
    [
        (X86_64, 270, (0, SETS), "sleep"),
        (AARCH64, 72, (0, SETS), "sleep"),
        (AARCH64, 72, (3, SETS), "poll"),
        (AARCH64, 73, (SETS, 0), "sleep"),
        (AARCH64, 73, (SETS, 1), "poll"),
        (I386, 142, (0, SETS), "sleep"),
        (I386, 413, (0, SETS), "sleep"),
        (I386, 413, (4, SETS), "poll"),
        (I386, 168, (SETS, 0), "sleep"),
        (I386, 414, (SETS, 0), "sleep"),
        (I386, 82, (0, 0), "poll"),  # old_select: its arguments are in memory
        (ARM, 142, (0, SETS), "sleep"),
        (ARM, 336, (SETS, 0), "sleep"),
        (ARM, 336, (SETS, 1), "poll"),
    ],
)
@pytest.mark.parametrize("wchan", [b"do_select", b"0"])
def test_a_poll_of_nothing_on_each_machine(
    scene: Scene, wchan: bytes, machine: int, number: int, arguments: tuple[int, int], kind: str
) -> None:
    """Each machine has its own numbers for these calls, 32-bit ones two; with or without the kernel function."""
    scene.fake.machine(PID, machine)
    scene.sleeps(wchan)
    scene.fake.line(PID, PID, f"{number} {arguments[0]:#x} {arguments[1]:#x} 0x0 0x0 0x0 0x0 0x7ffd 0x7f00\n")
    assert scene.look()[0] == kind


def test_a_poll_where_calls_are_denied(scene: Scene) -> None:
    """Then it is one of descriptors, as most are."""
    deny(scene.proc, "syscall")
    scene.sleeps(b"do_select", "select", 0, SETS)
    assert scene.look()[0] == "poll"


def test_a_poll_of_which_the_line_is_none(scene: Scene) -> None:
    """What has no second argument counts nothing."""
    scene.sleeps(b"do_sys_poll")
    scene.fake.line(PID, PID, "7 0x0\n")
    assert scene.look()[0] == "poll"


def test_stopped_in_a_sleep(scene: Scene) -> None:
    """Without a kernel function the call is still there, but it is stopped."""
    scene.sleeps(b"0", "select", 0, 0, state="T")
    assert scene.look()[0] == "stopped"


def test_awake(scene: Scene) -> None:
    """A runnable thread is no blocked one; where a kernel function was seen once, its absence says so."""
    scene.runs()
    assert scene.look() == (None, {"schedstat", "wchan", "syscall"})
    assert scene.look()[0] is None
    scene.sleeps(b"futex_do_wait", "futex", 0x5000)
    assert scene.look()[0] == "lock"
    scene.runs()
    assert scene.look() == (None, {"schedstat", "wchan"})


@pytest.mark.parametrize(
    ("address", "kind"), [(GIL[0] - 4, "lock"), (GIL[0], "gil"), (GIL[1] - 4, "gil"), (GIL[1], "lock")]
)
def test_the_gil_is_a_lock_at_its_address(scene: Scene, address: int, kind: str) -> None:
    """A futex within the GIL's own structure is a wait for the GIL, the one next to it is not."""
    scene.looks.gil_places = (GIL,)
    assert scene.looks.tells_gil
    scene.sleeps(b"futex_do_wait", "futex", address)
    assert scene.look() == (kind, {"schedstat", "wchan", "syscall"})


@pytest.mark.parametrize(
    ("link", "wchan", "kind"),
    [
        ("socket:[1]", b"wait_woken", "network"),
        ("/dev/pts/1", b"wait_woken", "other"),
        ("pipe:[1]", b"some_new_function", "pipe"),
        ("/var/data", b"some_new_function", "disk"),
        ("anon_inode:[timerfd]", b"some_new_function", "sleep"),
    ],
)
def test_a_read_is_told_by_its_descriptor(scene: Scene, link: str, wchan: bytes, kind: str) -> None:
    """Where the kernel function does not say what is waited for, what the call's descriptor is does."""
    scene.fake.descriptor(PID, 7, link)
    scene.sleeps(wchan, "read", 7)
    assert scene.look()[0] == kind


@pytest.mark.parametrize("call", ["recvfrom", "accept", "read"])
@pytest.mark.parametrize("wchan", [b"__skb_wait_for_more_packets", b"sock_alloc_send_pskb", b"0"])
@pytest.mark.parametrize(("protocol", "kind"), [("UNIX", "pipe"), ("UNIX-STREAM", "pipe"), ("UDP", "network")])
def test_a_unix_socket_is_no_network(scene: Scene, call: str, wchan: bytes, protocol: str, kind: str) -> None:
    """The kernel waits for datagrams and connections of all families in the same function: the socket tells which."""
    scene.reader.descriptor_protocol = lambda _task, _fd: protocol  # type: ignore[method-assign]
    scene.fake.descriptor(PID, 7, "socket:[2]")
    scene.sleeps(wchan, call, 7)
    assert scene.look()[0] == kind
    assert scene.look() == (kind, {"schedstat"})


def test_a_socket_where_calls_are_denied(scene: Scene) -> None:
    """Then most that wait so wait for the network."""
    deny(scene.proc, "syscall")
    scene.sleeps(b"__skb_wait_for_more_packets", "recvfrom", 7)
    assert scene.look()[0] == "network"


def test_a_descriptor_is_remembered_for_a_while(scene: Scene) -> None:
    """The link is read once in a second: it may be another file by then."""
    scene.fake.descriptor(PID, 7, "pipe:[1]")
    scene.sleeps(b"wait_woken", "read", 7)
    assert "fd" in scene.look()[1]
    scene.sleeps(b"wait_woken", "read", 7)
    assert scene.look() == ("pipe", {"schedstat", "wchan", "syscall"})
    scene.fake.file(PID, "fd/7").unlink()
    scene.fake.descriptor(PID, 7, "socket:[2]")
    scene.now_ns += LINK_NS
    scene.sleeps(b"wait_woken", "read", 7)
    assert scene.look()[0] == "network"


def test_stopped_and_disk(scene: Scene) -> None:
    """A thread that is stopped in its call is no longer waiting for that; state D is disk where nothing else tells."""
    scene.sleeps(b"do_signal_stop", "futex", 0x5000, state="T")
    assert scene.look()[0] == "stopped"
    scene.sleeps(b"some_new_function", "wait4", state="D")
    assert scene.look()[0] == "child"
    scene.sleeps(b"some_new_function", state="D")
    scene.fake.line(PID, PID, "-1 0x7ffd 0x7f00\n")
    assert scene.look()[0] == "disk"


def test_without_kernel_functions(scene: Scene) -> None:
    """A kernel that names none leaves the call; the state says whether it was stopped in it."""
    scene.sleeps(b"0", "futex", 0x5000)
    assert scene.look() == ("lock", {"schedstat", "wchan", "syscall", "stat"})
    scene.sleeps(b"0", "futex", 0x5000, state="T")
    assert scene.look()[0] == "stopped"


def test_calls_denied(scene: Scene) -> None:
    """Without the right to trace the kernel function must do; it does not tell the GIL, nor what is read from."""
    scene.looks.gil_places = (GIL,)
    deny(scene.proc, "syscall")
    scene.sleeps(b"futex_do_wait", "futex", GIL[0])
    assert scene.look()[0] == "lock"
    assert scene.looks.denied
    assert not scene.looks.tells_gil
    scene.sleeps(b"wait_woken")
    assert scene.look()[0] == "other"


def test_all_but_the_state_denied(scene: Scene) -> None:
    """Of another user's thread the state alone is known: stopped, disk, or nothing."""
    deny(scene.proc, "syscall")
    for state, kind in {"S": "unknown", "D": "disk", "T": "stopped", "t": "stopped", "R": None}.items():
        scene.sleeps(b"0", state=state)
        assert scene.look()[0] == kind
    scene.sleeps(b"0", state="S")
    scene.look()
    assert scene.look() == ("unknown", {"schedstat"})


def test_rights_may_come(scene: Scene) -> None:
    """What was denied is tried again after a while."""
    deny(scene.proc, "syscall")
    scene.sleeps(b"wait_woken", "recvfrom", 7)
    scene.fake.descriptor(PID, 7, "socket:[1]")
    assert scene.look()[0] == "other"
    scene.proc.before = lambda _path: None
    scene.now_ns += AGAIN_NS
    scene.sleeps(b"wait_woken", "recvfrom", 7)
    assert scene.look()[0] == "network"
    assert not scene.looks.denied


@pytest.mark.parametrize(
    "line", ["", "nonsense\n", "0\n", "0 zz 0\n", "999999999999 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n"]
)
def test_lines_that_are_none(scene: Scene, line: str) -> None:
    """Whatever a call's line holds, a look ends, and says that it does not know."""
    scene.sleeps(b"some_new_function")
    scene.fake.line(PID, PID, line)
    assert scene.look()[0] == "other"


def test_counters_that_do_not_count(scene: Scene) -> None:
    """Where the counters stand still for ever they are no reason to look no further."""
    scene.proc.change(PID, PID, run_ns=0, wait_ns=0, timeslices=0, wchan=b"futex_do_wait")
    assert scene.look()[0] == "lock"
    scene.proc.change(PID, PID, wchan=b"hrtimer_nanosleep")
    assert scene.look()[0] == "sleep"


def test_without_counters(scene: Scene) -> None:
    """A kernel without schedstat is looked at all the same."""
    scene.fake.file(PID, f"task/{PID}/schedstat").unlink()
    scene.proc.has_schedstat = False
    scene.proc.change(PID, PID, wchan=b"futex_do_wait")
    assert scene.look()[0] == "lock"
    scene.proc.change(PID, PID, wchan=b"hrtimer_nanosleep")
    assert scene.look()[0] == "sleep"


def test_a_thread_that_ends(scene: Scene) -> None:
    """It is gone, whether its files were open or not."""
    scene.proc.spawn(PID, PID + 1)
    other = Thread(PID + 1, 0)
    scene.looks.look(other, 1)
    scene.proc.end(PID, PID + 1)
    with pytest.raises(GoneError):
        scene.looks.look(other, 1)
    scene.looks.drop(other)
    with pytest.raises(GoneError):
        scene.looks.look(Thread(PID + 1, 0), 1)


def test_few_descriptors(scene: Scene) -> None:
    """Where no more descriptors may be kept, files are opened for each look."""
    reader = scene.proc.reader(descriptors=1)
    looks = Looks(reader, PID)
    scene.sleeps(b"futex_do_wait")
    assert looks.look(scene.thread, 1) == "lock"
    assert reader.kept == 1
    scene.sleeps(b"hrtimer_nanosleep")
    assert looks.look(scene.thread, 1) == "sleep"
    looks.drop(scene.thread)
    assert reader.kept == 0


def test_weights() -> None:
    """Each look stands for the rounds since the last one; one that found it awake for none of its waits."""
    thread = Thread(1, 10)
    thread.credit("lock", 13)
    thread.credit(None, 15)
    thread.credit("sleep", 16)
    thread.credit("lock", 20)
    assert (thread.looks, thread.rounds) == (3, {"lock": 7, "sleep": 1})
