"""Formats of /proc that panes read: captured bytes, and what is cut short, empty or garbage."""

from __future__ import annotations

import pytest

from threadtop.inside.environment import parse_environment
from threadtop.inside.signals import Timer, TimerFd, parse_timerfd, parse_timers
from threadtop.inside.thread import parse_kernel_stack, parse_numbers, parse_sched
from threadtop.procfs import capabilities, maps, parse, signals
from threadtop.procfs.smaps import Blocks, Usage, parse_rollup

MAPS = b"""\
558f10a69000-558f10b5e000 rw-p 00000000 00:00 0                          [heap]
7fd36b5cb000-7fd36b5cc000 ---p 00000000 00:00 0
7fd36c81e000-7fd36c844000 r--p 00000000 08:01 1234                       /usr/lib/a name/libc.so.6 (deleted)
"""
BLOCK = b"""\
%s r-xp 00000000 08:01 9    /bin/x
Size:                  8 kB
Rss:                   4 kB
Pss:                   2 kB
Private_Clean:         1 kB
Private_Dirty:         3 kB
Referenced:            4 kB
AnonHugePages:         0 kB
Swap:                  5 kB
VmFlags: rd ex mr
"""
USAGE = Usage(4096, 2048, 1024, 3072, 5120, 0, 4096)
GARBAGE = [b"", b"\n", b"\0" * 64, b"\xff\xfe:-1\n", b"a-b c d e f\n", b":::\n:\n", b"ID: x\nsignal: y\n"]


def test_maps() -> None:
    """Addresses, permissions and the whole path, blanks and all."""
    heap, guard, libc = maps.parse_maps(MAPS)
    assert (heap.start, heap.size_bytes, heap.path) == (0x558F10A69000, 0xF5000, b"[heap]")
    assert (guard.perms, guard.path, guard.inode) == ("---p", b"", 0)
    assert (libc.inode, libc.device, libc.path) == (1234, "08:01", b"/usr/lib/a name/libc.so.6 (deleted)")
    assert maps.base_name(libc.path) == b"libc.so.6"


@pytest.mark.parametrize(
    ("address", "place"),
    [(0x558F10A68FFF, None), (0x558F10A69000, 0), (0x558F10B5DFFF, 0), (0x558F10B5E000, None), (0x7FD36C843FFF, 2)],
)
def test_the_mapping_that_holds_an_address(address: int, place: int | None) -> None:
    """From its first byte to its last, and none between two."""
    found = maps.parse_maps(MAPS)
    assert maps.holding(found, address) == (found[place] if place is not None else None)


def test_maps_are_bounded() -> None:
    """No more than asked for."""
    assert len(maps.parse_maps(MAPS * 100, 5)) == 5


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_smaps_in_slices(size: int) -> None:
    """Wherever a slice ends, each block is found with its figures."""
    raw = b"".join(BLOCK % address for address in (b"1000-3000", b"3000-4000", b"ffffffffff600000-ffffffffff601000"))
    blocks = Blocks()
    for at in range(0, len(raw), size):
        blocks.add(raw[at : at + size])
    assert blocks.end() == {0x1000: USAGE, 0x3000: USAGE, 0xFFFFFFFFFF600000: USAGE}
    assert USAGE.uss_bytes == 4096
    assert USAGE.plus(USAGE).rss_bytes == 8192


def test_smaps_rollup() -> None:
    """One block for all of it."""
    assert parse_rollup(BLOCK % b"1000-7000") == USAGE


def test_timers() -> None:
    """Blocks of four lines; one that is cut short is left out."""
    whole = b"ID: 1\nsignal: 10/0000000000000005\nnotify: signal/pid.8017\nClockID: 0\n"
    assert parse_timers(whole + whole.replace(b"ID: 1", b"ID: 2")[:40]) == (Timer(1, 10, "signal pid", 8017, 0),)


def test_timerfds() -> None:
    """Seconds and ns as ns; what is not there is not known."""
    raw = b"clockid: 7\nticks: 0\nsettime flags: 00\nit_value: (1, 500000000)\nit_interval: (0, 0)\n"
    assert parse_timerfd(3, raw) == TimerFd(3, 7, 1_500_000_000, 0, 0)
    assert parse_timerfd(3, b"") == TimerFd(3, None, None, None)


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "HUP"), (15, "TERM"), (31, "SYS"), (32, "CANCEL"), (33, "SETXID"), (34, "RTMIN"), (37, "RTMIN+3"), (0, "0")],
)
def test_names_of_signals(number: int, name: str) -> None:
    """As kill -l has them; glibc's own by what they are for."""
    assert signals.name(number) == name


def test_masks() -> None:
    """Bit 0 is signal 1."""
    assert signals.names("0000000000004001") == ["HUP", "TERM"]
    assert signals.names("0") == []
    assert signals.names("") is None


def test_capabilities() -> None:
    """Bits by name, those of a newer kernel by number."""
    assert capabilities.names("0000000000000401") == ["chown", "net_bind_service"]
    assert capabilities.names(f"{1 << 60:x}") == ["60"]
    assert capabilities.names("x") is None


def test_the_rest_of_stat() -> None:
    """Fields 11, 13, 16, 17 and 38, behind a name with brackets."""
    raw = b"7 (a) b) S " + b" ".join(b"%d" % number for number in range(4, 53))
    assert parse.parse_stat_more(raw) == parse.StatMore(11, 13, 16, 17, 38)


def test_small_formats() -> None:
    """Sched, io, a kernel stack."""
    assert parse_sched(b"x (1, #threads: 2)\n---\nse.nr_migrations    :     5\n")["se.nr_migrations"] == "5"
    assert parse_numbers(b"rchar: 5\nsyscr: 6\n") == {"rchar": 5, "syscr": 6}
    assert parse_kernel_stack(b"[<0>] futex_wait+0x1/0x2\n[<0>] x\n") == ("futex_wait+0x1/0x2", "x")


@pytest.mark.parametrize(
    ("raw", "variables", "is_overwritten"),
    [
        (b"", [], False),
        (b"A=1=2\0B=\0C=\xff\0", [("A", "1=2"), ("B", ""), ("C", "\udcff")], False),
        (b"A=1\0B=2", [("A", "1"), ("B", "2")], False),
        (b"\0", [], True),
        (bytes(600), [], True),
        (b" /tmp/log\0" + bytes(90), [], True),
        (b"worker\0\0\0=x\0LANG=C\0", [("LANG", "C")], True),
    ],
)
def test_an_environment(raw: bytes, variables: list[tuple[str, str]], *, is_overwritten: bool) -> None:
    """What has a name and a value is a variable; a title or its filling in their place is none, and that is said."""
    assert parse_environment(raw) == (variables, is_overwritten)


@pytest.mark.parametrize("raw", GARBAGE)
def test_garbage_is_nothing(raw: bytes) -> None:
    """Whatever a file holds, nothing fails that its readers do not expect."""
    assert all(one.size_bytes is not None for one in maps.parse_maps(raw))
    blocks = Blocks()
    blocks.add(raw)
    blocks.end()
    parse_timers(raw)
    parse_timerfd(1, raw)
    parse_sched(raw)
    parse_kernel_stack(raw)
    parse_environment(raw)
    signals.names(raw.decode("latin-1"))
