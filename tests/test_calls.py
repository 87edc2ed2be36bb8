"""What the arguments of a call say, by values: on four machines, with what lies in memory."""

from __future__ import annotations

import struct

import pytest

from threadtop.blocked import BlockedOn
from threadtop.procfs import syscalls
from threadtop.procfs.syscalls import Call
from threadtop.waiting import calls, peeks
from threadtop.waiting.calls import Asked
from threadtop.waiting.peeks import Peek

MACHINES = ("x86_64", "aarch64", "i386", "arm")
NUMBERS = {
    "futex": {"x86_64": 202, "aarch64": 98, "i386": 240, "arm": 240},
    "futex_time64": {"i386": 422, "arm": 422},
    "futex_wait": {"x86_64": 455, "aarch64": 455, "i386": 455, "arm": 455},
    "futex_waitv": {"x86_64": 449, "aarch64": 449, "i386": 449, "arm": 449},
    "read": {"x86_64": 0, "aarch64": 63, "i386": 3, "arm": 3},
    "recvfrom": {"x86_64": 45, "aarch64": 207, "i386": 371, "arm": 292},
    "accept4": {"x86_64": 288, "aarch64": 242, "i386": 364, "arm": 366},
    "connect": {"x86_64": 42, "aarch64": 203, "i386": 362, "arm": 283},
    "flock": {"x86_64": 73, "aarch64": 32, "i386": 143, "arm": 143},
    "fsync": {"x86_64": 74, "aarch64": 82, "i386": 118, "arm": 118},
    "poll": {"x86_64": 7, "i386": 168, "arm": 168},
    "ppoll": {"x86_64": 271, "aarch64": 73},
    "ppoll_time64": {"i386": 414, "arm": 414},
    "epoll_wait": {"x86_64": 232, "i386": 256, "arm": 252},
    "epoll_pwait": {"x86_64": 281, "aarch64": 22, "i386": 319, "arm": 346},
    "epoll_pwait2": {"x86_64": 441, "aarch64": 441, "i386": 441, "arm": 441},
    "select": {"x86_64": 23},
    "_newselect": {"i386": 142, "arm": 142},
    "pselect6": {"x86_64": 270, "aarch64": 72},
    "nanosleep": {"x86_64": 35, "aarch64": 101, "i386": 162, "arm": 162},
    "clock_nanosleep": {"x86_64": 230, "aarch64": 115, "i386": 267, "arm": 265},
    "clock_nanosleep_time64": {"i386": 407, "arm": 407},
    "wait4": {"x86_64": 61, "aarch64": 260, "i386": 114, "arm": 114},
    "waitid": {"x86_64": 247, "aarch64": 95, "i386": 284, "arm": 280},
    "rt_sigtimedwait": {"x86_64": 128, "aarch64": 137},
    "semtimedop": {"x86_64": 220, "aarch64": 192},
    "msgrcv": {"x86_64": 70, "aarch64": 188, "arm": 302},
    "openat": {"x86_64": 257, "aarch64": 56, "i386": 295, "arm": 322},
    "io_uring_enter": {"x86_64": 426, "aarch64": 426, "i386": 426, "arm": 426},
    "socketcall": {"i386": 102},
    "ipc": {"i386": 117},
    "restart_syscall": {"x86_64": 219, "aarch64": 128, "i386": 0, "arm": 0},
}
EVERYWHERE = [(name, machine) for name, numbers in NUMBERS.items() for machine in numbers]
PRIVATE = 128


def asked(machine: str, name: str, *arguments: int, wchan: str | None = None) -> Asked:
    """The call ``name`` of a thread of ``machine``."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    return calls.asked(machine, Call(False, NUMBERS[name][machine], padded, 0, 0), wchan)


def told(found: Asked, *parts: bytes) -> BlockedOn:
    """What the call is once its first peek was read."""
    return peeks.told(found.blocked, found.peeks[0], parts)


@pytest.mark.parametrize(("name", "machine"), EVERYWHERE)
def test_numbers(name: str, machine: str) -> None:
    """The numbers that these tests use are the tables'."""
    assert syscalls.name(machine, NUMBERS[name][machine]) == name


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["read", "recvfrom", "accept4", "connect", "flock", "fsync", "io_uring_enter"])
def test_the_first_argument_is_the_descriptor(machine: str, name: str) -> None:
    """Calls on a descriptor name it; the high half of a register says nothing."""
    assert asked(machine, name, 0xABCD00000009, 1, 2) == Asked(BlockedOn(name, fd=9))


@pytest.mark.parametrize("machine", MACHINES)
def test_a_futex_without_timeout_is_for_ever(machine: str) -> None:
    """FUTEX_WAIT with no timeout: address, command and that it is private."""
    found = asked(machine, "futex", 0x1000, 0 | PRIVATE, 2, 0)
    assert found == Asked(BlockedOn("futex", futex=0x1000, is_shared=False, operation=0, is_forever=True))


@pytest.mark.parametrize(("machine", "size"), [("x86_64", 16), ("aarch64", 16), ("i386", 8), ("arm", 8)])
def test_a_relative_futex_timeout_is_read(machine: str, size: int) -> None:
    """FUTEX_WAIT's timeout is a length, in the machine's timespec; without the private flag it may be shared."""
    found = asked(machine, "futex", 0x1000, 0, 2, 0x2000)
    assert found.peeks == (Peek("timespec", 0x2000, size, size == 16),)
    assert (found.blocked.is_shared, found.blocked.is_forever, found.blocked.timeout_ns) == (True, False, None)
    raw = struct.pack("<qq" if size == 16 else "<ii", 1, 500_000_000)
    assert told(found, raw).timeout_ns == 1_500_000_000


@pytest.mark.parametrize("machine", ["i386", "arm"])
def test_wide_times_of_narrow_machines(machine: str) -> None:
    """The calls for times beyond 2038 have 64-bit seconds; what pads the nanoseconds is not read."""
    found = asked(machine, "futex_time64", 0x1000, PRIVATE, 2, 0x2000)
    assert found.peeks[0].size == 16
    assert told(found, struct.pack("<qiI", 3, 5, 0xDEADBEEF)).timeout_ns == 3_000_000_005
    assert asked(machine, "clock_nanosleep_time64", 1, 0, 0x2000).blocked.call == "clock_nanosleep"
    assert asked(machine, "ppoll_time64", 0x10, 2, 0x2000).peeks[0].size == 16


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("operation", "clock"), [(9, 1), (6, 0), (13, 1), (11, 1), (9 | 256, 0), (13 | 256, 0)])
def test_absolute_futex_timeouts_are_moments(machine: str, operation: int, clock: int) -> None:
    """FUTEX_WAIT_BITSET and the PI commands wait till a moment on the clock of their flag; LOCK_PI has one clock."""
    timed = asked(machine, "futex", 0x1000, operation | PRIVATE, 0, 0x2000)
    assert [(peek.shape, peek.address, peek.clock) for peek in timed.peeks] == [("timespec", 0x2000, clock)]
    assert (timed.blocked.is_forever, timed.blocked.timeout_ns) == (False, None)
    assert timed.blocked.operation == operation & ~256
    assert asked(machine, "futex", 0x1000, operation, 0, 0).blocked.is_forever is True


def test_a_futex_command_that_does_not_wait_claims_nothing() -> None:
    """FUTEX_WAKE with something in the place of a timeout."""
    found = asked("x86_64", "futex", 0x1000, 1, 1, 0x2000)
    assert (found.peeks, found.blocked.is_forever) == ((), None)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_newer_futex_calls(machine: str) -> None:
    """futex_wait has flags as its fourth argument, futex_waitv its futexes in memory."""
    one = asked(machine, "futex_wait", 0x1000, 0, 0xFF, 2 | PRIVATE, 0x2000, 1)
    assert one.blocked == BlockedOn("futex_wait", futex=0x1000, is_shared=False, operation=9, is_forever=False)
    assert one.peeks == (Peek("timespec", 0x2000, 16, clock=1),)
    assert told(one, struct.pack("<qq", 7, 5)).until_ns == 7_000_000_005
    several = asked(machine, "futex_waitv", 0x3000, 4, 0, 0, 1)
    assert (several.peeks, several.blocked.descriptors, several.blocked.is_forever) == ((), 4, True)
    timed = asked(machine, "futex_waitv", 0x3000, 1, 0, 0x2000, 0)
    assert [(peek.shape, peek.clock) for peek in timed.peeks] == [("timespec", 0), ("futex_waitv", None)]
    single = asked(machine, "futex_waitv", 0x3000, 1, 0, 0, 1)
    filled = told(single, struct.pack("<QQII", 1, 0x5000, PRIVATE | 2, 0))
    assert (filled.futex, filled.is_shared) == (0x5000, False)


@pytest.mark.parametrize("machine", ["x86_64", "i386", "arm"])
def test_poll(machine: str) -> None:
    """Poll says how many descriptors, the timeout in ms by value; of a single one memory says which."""
    many = asked(machine, "poll", 0x1000, 3, 5000)
    assert many == Asked(BlockedOn("poll", timeout_ns=5_000_000_000, is_forever=False, descriptors=3))
    assert asked(machine, "poll", 0x1000, 3, 0xFFFFFFFF).blocked.is_forever is True
    single = asked(machine, "poll", 0x1000, 1, 0xFFFFFFFFFFFFFFFF)
    assert single.peeks == (Peek("poll", 0x1000, 8),)
    assert told(single, struct.pack("<ihh", 7, 1, 0)).fd == 7
    assert told(single, struct.pack("<ihh", -1, 1, 0)).fd is None


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_ppoll(machine: str) -> None:
    """Ppoll's timeout is behind a pointer; none is for ever."""
    found = asked(machine, "ppoll", 0x1000, 2, 0x2000)
    assert told(found, struct.pack("<qq", 0, 20_000_000)).timeout_ns == 20_000_000
    assert asked(machine, "ppoll", 0x1000, 2, 0).blocked == BlockedOn("ppoll", is_forever=True, descriptors=2)


@pytest.mark.parametrize(("machine", "name", "size"), [("x86_64", "select", 16), ("i386", "_newselect", 8)])
def test_select(machine: str, name: str, size: int) -> None:
    """Select's sets are counted up to its number; its timeout has microseconds."""
    found = asked(machine, name, 10, 0x1000, 0, 0x3000, 0x4000)
    assert found.blocked == BlockedOn("select", is_forever=False)
    timeout, sets = found.peeks
    assert (timeout.shape, timeout.address, timeout.size) == ("timeval", 0x4000, size)
    assert sets == Peek("select", 0x1000, 4, further=(0x3000,), bits=10)
    raw = struct.pack("<qq" if size == 16 else "<ii", 2, 500_000)
    assert peeks.told(found.blocked, timeout, (raw,)).timeout_ns == 2_500_000_000
    two = peeks.told(found.blocked, sets, (b"\x08\0\xff\0", b"\x08\x02\0\0"))
    assert (two.descriptors, two.fd) == (2, None)
    one = peeks.told(found.blocked, sets, (b"\x08\0\0\xff", b"\0\0\0\0"))
    assert (one.descriptors, one.fd) == (1, 3)


def test_a_select_on_nothing_is_a_sleep() -> None:
    """No sets: no descriptors, and the timeout is all there is."""
    found = asked("aarch64", "pselect6", 0, 0, 0, 0, 0x4000)
    assert (found.blocked.descriptors, [peek.shape for peek in found.peeks]) == (0, ["timespec"])
    assert asked("aarch64", "pselect6", 0, 0, 0, 0, 0).blocked.is_forever is True


def test_a_select_of_a_senseless_number_is_not_read() -> None:
    """A target's number decides no allocation of ours."""
    assert asked("x86_64", "select", 0x7FFFFFFF, 0x1000, 0, 0, 0).peeks == ()


def test_epoll() -> None:
    """Epoll's timeout is in ms by value, the newest's a timespec."""
    for machine in ("x86_64", "i386", "arm"):
        assert asked(machine, "epoll_wait", 4, 0x1000, 8, 500).blocked == BlockedOn(
            "epoll_wait", fd=4, timeout_ns=500_000_000, is_forever=False
        )
    for machine in MACHINES:
        assert asked(machine, "epoll_pwait", 4, 0x1000, 8, 0xFFFFFFFF).blocked.is_forever is True
        assert asked(machine, "epoll_pwait2", 4, 0x1000, 8, 0).blocked.is_forever is True


def test_sleeps() -> None:
    """A relative sleep has its length in memory, one till a moment that moment on its clock."""
    for machine, size in (("x86_64", 16), ("aarch64", 16), ("i386", 8), ("arm", 8)):
        assert asked(machine, "nanosleep", 0x1000).peeks == (Peek("timespec", 0x1000, size, size == 16),)
        assert asked(machine, "clock_nanosleep", 1, 0, 0x1000).peeks[0].address == 0x1000
        absolute = asked(machine, "clock_nanosleep", 1, 1, 0x1000)
        assert absolute.blocked == BlockedOn("clock_nanosleep", is_forever=False)
        assert absolute.peeks == (Peek("timespec", 0x1000, size, size == 16, clock=1),)
        said = told(absolute, struct.pack("<qq" if size == 16 else "<ii", 100, 5))
        assert (said.until_ns, said.timeout_ns) == (100_000_000_005, None)


@pytest.mark.parametrize(("clock", "as_if"), [(0, 0), (1, 1), (7, 7), (8, 0), (9, 7), (11, 11)])
def test_clocks_of_moments(clock: int, as_if: int) -> None:
    """An alarm clock has the time of the clock that it wakes by; rubbish in memory is no moment."""
    found = asked("x86_64", "clock_nanosleep", clock, 1, 0x1000)
    assert [peek.clock for peek in found.peeks] == [as_if]
    assert told(found, struct.pack("<qq", 1, 10**9)).until_ns is None


@pytest.mark.parametrize("clock", [2, 3, 0xFFFFFFFA, 99])
def test_a_moment_on_a_clock_of_cpu_time_is_not_told(clock: int) -> None:
    """Nobody knows when a process will have run for so long."""
    assert asked("x86_64", "clock_nanosleep", clock, 1, 0x1000) == Asked(BlockedOn("clock_nanosleep", is_forever=False))


@pytest.mark.parametrize("machine", MACHINES)
def test_children(machine: str) -> None:
    """Wait4 names a child by its first argument, waitid by its second, or by a descriptor."""
    assert asked(machine, "wait4", 991).blocked == BlockedOn("wait4", pid=991)
    assert asked(machine, "wait4", 0xFFFFFFFF).blocked.pid is None
    assert asked(machine, "waitid", 1, 991).blocked == BlockedOn("waitid", pid=991)
    assert asked(machine, "waitid", 0, 5).blocked == BlockedOn("waitid")
    assert asked(machine, "waitid", 3, 6).blocked == BlockedOn("waitid", fd=6)


def test_system_v() -> None:
    """Semaphores and message queues have an id, no descriptor."""
    assert asked("x86_64", "msgrcv", 3).blocked == BlockedOn("msgrcv", target="message queue 3", is_forever=True)
    timed = asked("aarch64", "semtimedop", 4, 0x1000, 1, 0x2000)
    assert (timed.blocked.target, timed.peeks[0].address) == ("semaphore set 4", 0x2000)
    assert asked("x86_64", "rt_sigtimedwait", 0x1000, 0, 0).blocked.is_forever is True


def test_calls_of_old_32_bit_programs() -> None:
    """Socketcall and ipc carry the call in their first argument."""
    found = asked("i386", "socketcall", 10, 0xFF001000)
    assert found == Asked(BlockedOn("recv"), (Peek("socketcall", 0xFF001000, 4),))
    assert told(found, struct.pack("<i", 5)).fd == 5
    assert asked("i386", "socketcall", 99, 0x1000) == Asked(BlockedOn("socketcall"))
    assert asked("i386", "ipc", 11, 7).blocked == BlockedOn("msgsnd", target="message queue 7")


@pytest.mark.parametrize("machine", MACHINES)
def test_an_open_names_its_path(machine: str) -> None:
    """What is opened lies in memory; no more is read than to the end of its page."""
    found = asked(machine, "openat", 0xFFFFFF9C, 0x1FF0)
    assert found.peeks == (Peek("path", 0x1FF0, 16),)
    assert told(found, b"/run/fifo\0rubbis").target == "/run/fifo"


@pytest.mark.parametrize("machine", MACHINES)
def test_a_call_that_is_taken_up_again(machine: str) -> None:
    """After a signal the registers are those of the call that it was; the kernel function tells which."""
    again = asked(machine, "restart_syscall", 0x1000, PRIVATE, 0, 0, wchan="futex_wait_queue")
    assert (again.blocked.call, again.blocked.futex) == ("futex", 0x1000)
    assert asked(machine, "restart_syscall", 1, 2, 3, wchan="hrtimer_nanosleep").blocked == BlockedOn("restart_syscall")


def test_other_calls_say_their_name() -> None:
    """A call that has no decoder, one without a name, and none at all."""
    assert calls.asked("x86_64", Call(False, 103, (0,) * 6, 0, 0)) == Asked(BlockedOn("syslog"))
    assert calls.asked("x86_64", Call(False, 9999, (0,) * 6, 0, 0)) == Asked(BlockedOn("syscall 9999"))
    assert calls.asked("riscv64", Call(False, 63, (0,) * 6, 0, 0)) == Asked(BlockedOn("syscall 63"))
    assert calls.asked("x86_64", Call(False, None, (), 1, 1)) == Asked(BlockedOn())


@pytest.mark.parametrize("raw", [(-1, 0), (1, 10**9), (1, -5), (10**15, 0)])
def test_rubbish_is_no_timeout(raw: tuple[int, int]) -> None:
    """Seconds and nanoseconds out of their range say nothing."""
    found = asked("x86_64", "nanosleep", 0x1000)
    assert told(found, struct.pack("<qq", *raw)).timeout_ns is None


def test_short_reads_say_nothing() -> None:
    """Fewer bytes than asked for, or none."""
    found = asked("x86_64", "nanosleep", 0x1000)
    assert told(found, b"short") == told(found) == found.blocked
