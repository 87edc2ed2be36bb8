"""System calls by number, and what ``/proc/PID/task/TID/syscall`` says."""

from __future__ import annotations

import pytest

from threadtop.procfs import syscalls
from threadtop.procfs.syscalls import Call

# Numbers as in <asm/unistd.h> of each machine; (x86_64, aarch64), None: that machine has no such call.
NUMBERS = {
    "read": (0, 63),
    "write": (1, 64),
    "open": (2, None),
    "close": (3, 57),
    "poll": (7, None),
    "mmap": (9, 222),
    "ioctl": (16, 29),
    "pread64": (17, 67),
    "select": (23, None),
    "nanosleep": (35, 101),
    "connect": (42, 203),
    "accept": (43, 202),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "clone": (56, 220),
    "execve": (59, 221),
    "wait4": (61, 260),
    "kill": (62, 129),
    "flock": (73, 32),
    "fsync": (74, 82),
    "rename": (82, None),
    "renameat": (264, 38),
    "gettimeofday": (96, 169),
    "sched_yield": (24, 124),
    "prctl": (157, 167),
    "gettid": (186, 178),
    "futex": (202, 98),
    "io_getevents": (208, 4),
    "getdents64": (217, 61),
    "restart_syscall": (219, 128),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "epoll_wait": (232, None),
    "waitid": (247, 95),
    "openat": (257, 56),
    "newfstatat": (262, 79),
    "pselect6": (270, 72),
    "ppoll": (271, 73),
    "epoll_pwait": (281, 22),
    "accept4": (288, 242),
    "recvmmsg": (299, 243),
    "prlimit64": (302, 261),
    "process_vm_readv": (310, 270),
    "getrandom": (318, 278),
    "kexec_file_load": (320, 294),
    "userfaultfd": (323, 282),
    "rseq": (334, 293),
    "uretprobe": (335, None),
    "pidfd_send_signal": (424, 424),
    "io_uring_enter": (426, 426),
    "clone3": (435, 435),
    "epoll_pwait2": (441, 441),
    "futex_waitv": (449, 449),
    "set_mempolicy_home_node": (450, 450),
    "futex_wait": (455, 455),
    "mseal": (462, 462),
    "file_setattr": (469, 469),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_call_has_its_number_on_each_machine(name: str) -> None:
    """The name by the number of that machine's table, and by no other number."""
    for machine, number in zip(("x86_64", "aarch64"), NUMBERS[name], strict=True):
        with_name = [n for n in range(600) if syscalls.name(machine, n) == name]
        assert with_name == ([] if number is None else [number])


def test_gaps_have_no_names() -> None:
    """Numbers that were never given, between and after the others; and machines that are not known."""
    unknown = {"x86_64": {-1, *range(336, 424), 470}, "aarch64": {-1, *range(244, 260), *range(295, 424), 470}}
    for machine, gaps in unknown.items():
        assert {n for n in range(-1, 471) if syscalls.name(machine, n) == f"syscall {n}"} == gaps
    assert syscalls.name("x86_64", 999) == "syscall 999"
    assert syscalls.name("riscv64", 98) == "syscall 98"


def test_no_name_occurs_twice() -> None:
    """A name that slipped in twice would have shifted all that follow."""
    for machine in ("x86_64", "aarch64"):
        names = [syscalls.name(machine, n) for n in range(470)]
        assert len(set(names)) == len(names)


def test_a_call_is_taken_apart() -> None:
    """Number, six arguments, stack pointer and program counter (proc(5)); captured on Linux 6.18."""
    line = b"202 0x7fad7c340c48 0x189 0x0 0x7fad7a9190a0 0x0 0xffffffff 0x7fad7a918f80 0x7fad7bc8a7ad\n"
    assert syscalls.parse_call(line) == Call(
        is_running=False,
        number=202,
        arguments=(0x7FAD7C340C48, 0x189, 0, 0x7FAD7A9190A0, 0, 0xFFFFFFFF),
        sp=0x7FAD7A918F80,
        pc=0x7FAD7BC8A7AD,
    )


def test_running_and_blocked_elsewhere_are_no_call() -> None:
    """``running`` shows nothing more; -1 is blocked outside a call, with stack pointer and program counter."""
    assert syscalls.parse_call(b"running\n") == Call(is_running=True, number=None, arguments=(), sp=None, pc=None)
    assert syscalls.parse_call(b"-1 0x7ffe20b63968 0x7f5d7a3242ad\n") == Call(
        is_running=False, number=None, arguments=(), sp=0x7FFE20B63968, pc=0x7F5D7A3242AD
    )


def test_call_0_is_a_call() -> None:
    """0 is read on x86-64, not the absence of a call."""
    call = syscalls.parse_call(b"0 0x3 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n")
    assert (call.number, call.arguments, call.sp, call.pc) == (0, (3, 0, 0, 0, 0, 0), 0, 0)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="blank"),
        pytest.param(b"sleeping\n", id="another word"),
        pytest.param(b"running 1\n", id="running and more"),
        pytest.param(b"-1\n", id="no stack"),
        pytest.param(b"-1 0x1\n", id="no counter"),
        pytest.param(b"-1 0x1 0x2 0x3\n", id="too much elsewhere"),
        pytest.param(b"-2 0x1 0x2\n", id="below -1"),
        pytest.param(b"202\n", id="number alone"),
        pytest.param(b"202 0x0 0x0 0x0 0x0 0x0 0x0 0x1\n", id="one short"),
        pytest.param(b"202 0x0 0x0 0x0 0x0 0x0 0x0 0x1 0x2 0x3\n", id="one long"),
        pytest.param(b"202 0x0 0x0 0x0 0x0 0x0 0x0 0x1 0xzz\n", id="no number"),
        pytest.param(b"202 0x0 0x0 0x0 0x0 0x0 0x0 0x1 0x\xff\n", id="no text"),
    ],
)
def test_a_malformed_line_is_refused(line: bytes) -> None:
    """ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"syscall|literal"):
        syscalls.parse_call(line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("running", "running"),
        ("0 0x5 0x1 0x2 0x0 0x0 0x0 0x7f 0x7e", "asleep in read()"),
        ("999 0x5 0x1 0x2 0x0 0x0 0x0 0x7f 0x7e", "asleep in syscall 999"),
        ("-1 0x7f 0x7e", "asleep outside of a system call"),
        ("\x1b[2J", "doing what is not known"),
        ("", "doing what is not known"),
    ],
)
def test_a_line_in_words(line: str, words: str) -> None:
    """What a thread does, for the eye; nonsense is not known, and not repeated."""
    assert syscalls.words("x86_64", line) == words


# -- 32-bit machines ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "number", "name"),
    [
        ("i386", 0, "restart_syscall"),
        ("i386", 3, "read"),
        ("i386", 102, "socketcall"),
        ("i386", 114, "wait4"),
        ("i386", 142, "_newselect"),
        ("i386", 162, "nanosleep"),
        ("i386", 168, "poll"),
        ("i386", 240, "futex"),
        ("i386", 256, "epoll_wait"),
        ("i386", 267, "clock_nanosleep"),
        ("i386", 371, "recvfrom"),
        ("i386", 393, "semget"),
        ("arm", 3, "read"),
        ("arm", 143, "flock"),
        ("arm", 240, "futex"),
        ("arm", 252, "epoll_wait"),
        ("arm", 265, "clock_nanosleep"),
        ("arm", 292, "recvfrom"),
        ("arm", 366, "accept4"),
        ("arm", 401, "kexec_file_load"),
        ("x86_64", 0x40000000 | 45, "recvfrom"),
        ("x86_64", 0x40000000 | 9999, f"syscall {0x40000000 | 9999}"),
        *[(machine, 407, "clock_nanosleep_time64") for machine in ("i386", "arm")],
        *[(machine, 422, "futex_time64") for machine in ("i386", "arm")],
        *[(machine, 449, "futex_waitv") for machine in ("i386", "arm", "x86_64", "aarch64")],
        *[(machine, 402, "syscall 402") for machine in ("arm", "x86_64", "aarch64")],
    ],
)
def test_numbers_of_32_bit_machines(machine: str, number: int, name: str) -> None:
    """Each machine has its own numbers; newer calls have one on all; the x32 bit is left out."""
    assert syscalls.name(machine, number) == name
