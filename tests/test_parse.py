"""Bytes as the kernel writes them, and as hostile programs make it write them."""

from __future__ import annotations

import pytest

from threadtop.procfs import parse

# Captured on Linux 6.18: /proc/PID/task/TID/stat of a sleeping worker thread.
STAT = (
    b"4242 (%s) S 17 4200 4100 34816 4200 4194368 812 0 3 0 120 45 0 0 15 -5 7 0 987654 "
    b"1234567168 3456 18446744073709551615 1 1 0 0 0 0 0 16781312 134236675 0 0 0 -1 1 40 2 9 0 0 0 0 0 0 0 0 0 0 0\n"
)
# /proc/PID/status, cut to what lies around the lines that are read.
STATUS = (
    b"Name:\tworker\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4242\nPid:\t4243\n"
    b"Uid:\t1000\t1001\t1002\t1003\nGid:\t100\t100\t100\t100\nGroups:\t4 24 27 \nThreads:\t7\n"
    b"voluntary_ctxt_switches:\t1501\nnonvoluntary_ctxt_switches:\t27\n"
)
LIMITS = (
    b"Limit                     Soft Limit           Hard Limit           Units     \n"
    b"Max cpu time              unlimited            unlimited            seconds   \n"
    b"Max processes             95949                95949                processes \n"
    b"Max open files            1024                 1048576              files     \n"
    b"Max address space         18446744073709551614 18446744073709551614 bytes     \n"
    b"Max nice priority         0                    0                    \n"
)


def test_stat_fields_stand_where_proc5_says() -> None:
    """Every field of stat is taken from its place, none from its neighbour's."""
    assert parse.parse_stat(STAT % b"worker") == parse.Stat(
        name="worker",
        state="S",
        ppid=17,
        pgrp=4200,
        session=4100,
        tty_nr=34816,
        flags=4194368,
        minflt=812,
        majflt=3,
        utime_ticks=120,
        stime_ticks=45,
        priority=15,
        nice=-5,
        num_threads=7,
        start_ticks=987654,
        vsize_bytes=1234567168,
        rss_pages=3456,
        last_cpu=1,
        rt_priority=40,
        policy=2,
        blkio_ticks=9,
    )


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"a) R 1 (b", "a) R 1 (b", id="looks-like-fields"),
        pytest.param(b"x)", "x)", id="ends-with-bracket"),
        pytest.param(b"((", "((", id="opening-brackets"),
        pytest.param(b"two words", "two words", id="space"),
        pytest.param(b"two\nlines", "two\nlines", id="newline"),
        pytest.param(b"\x1b[31mred\x07", "\x1b[31mred\x07", id="escape-sequence"),
        pytest.param(b"\xff\xfe", "\udcff\udcfe", id="not-utf8"),
        pytest.param("täst漢".encode()[:-1], "täst\udce6\udcbc", id="character-cut-at-15-bytes"),
    ],
)
def test_stat_name_may_hold_anything(raw: bytes, name: str) -> None:
    """A name is taken whole up to the last bracket, and the fields behind it stay in place."""
    stat = parse.parse_stat(STAT % raw)
    assert (stat.name, stat.state, stat.ppid, stat.policy) == (name, "S", 17, 2)


@pytest.mark.parametrize("kept", [0, 4, 12, 16, 30, 80, 150], ids=str)
def test_stat_cut_short_raises(kept: int) -> None:
    """Truncated content is an error that callers expect, never a record with wrong fields."""
    with pytest.raises((ValueError, IndexError)):
        parse.parse_stat((STAT % b"worker")[:kept])


def test_names_survive_decoding() -> None:
    """Bytes that are not UTF-8 can be had back from the text."""
    raw = bytes(range(1, 256))
    assert parse.decode(raw).encode("utf-8", "surrogateescape") == raw


def test_schedstat() -> None:
    """The three numbers are run time, wait time and time slices, in this order."""
    assert parse.parse_schedstat(b"123456789 98765 42\n") == parse.SchedStat(
        run_ns=123456789, wait_ns=98765, timeslices=42
    )


@pytest.mark.parametrize("raw", [b"", b"123 45\n", b"1 2 3 4\n", b"a b c\n"], ids=["empty", "two", "four", "words"])
def test_schedstat_of_another_shape_raises(raw: bytes) -> None:
    """A schedstat that does not have three numbers is refused."""
    with pytest.raises(ValueError, match=r"unpack|invalid literal"):
        parse.parse_schedstat(raw)


def test_switches() -> None:
    """The voluntary switches are not mistaken for the tail of the nonvoluntary line."""
    assert parse.parse_switches(STATUS) == (1501, 27)


@pytest.mark.parametrize(
    ("raw", "switches"),
    [
        pytest.param(STATUS[: STATUS.index(b"voluntary")], (None, None), id="kernel-without-them"),
        pytest.param(STATUS[: STATUS.index(b"nonvol")], (1501, None), id="cut-between"),
        pytest.param(STATUS[:-2], (1501, None), id="cut-within-the-number"),
        pytest.param(STATUS[:-4], (1501, None), id="cut-before-the-number"),
        pytest.param(b"", (None, None), id="empty"),
    ],
)
def test_switches_that_are_missing_are_unknown(raw: bytes, switches: tuple[int | None, int | None]) -> None:
    """A line that is missing or cut short is None: half a number would be a wrong one."""
    assert parse.parse_switches(raw) == switches


def test_status_name_cannot_forge_lines() -> None:
    """The kernel escapes a newline in Name, so a thread cannot name itself into another line."""
    raw = STATUS.replace(b"worker", b"x\\nvoluntary_ctxt_switches:\t9\\nUid:\t0\t0")
    assert parse.parse_switches(raw) == (1501, 27)
    assert parse.parse_uid(raw) == 1001
    assert parse.parse_status(raw)["Uid"] == "1000\t1001\t1002\t1003"


def test_uid_is_the_effective_one() -> None:
    """Of real, effective, saved and file system uid the second is taken."""
    assert parse.parse_uid(STATUS) == 1001
    assert parse.parse_uid(b"Name:\tx\n") is None


def test_status_lines() -> None:
    """Every line is there by its key; values may hold colons."""
    status = parse.parse_status(STATUS.replace(b"worker", b"a:b"))
    assert status["Name"] == "a:b"
    assert status["State"] == "S (sleeping)"
    assert status["Threads"] == "7"
    assert "" not in status


@pytest.mark.parametrize(
    ("raw", "arguments"),
    [
        pytest.param(b"/bin/sh\0-c\0echo  hi\0", ["/bin/sh", "-c", "echo  hi"], id="arguments"),
        pytest.param(b"prog\0\0last\0", ["prog", "", "last"], id="empty-argument"),
        pytest.param(b"nginx: worker process\0\0\0\0\0", ["nginx: worker process"], id="setproctitle"),
        pytest.param(b"postgres: idle", ["postgres: idle"], id="setproctitle-without-end"),
        pytest.param(b"", [], id="kernel-thread"),
        pytest.param(b"\0\0\0", [], id="wiped"),
        pytest.param(b"a\xff\0\x1b]0;x\x07\0", ["a\udcff", "\x1b]0;x\x07"], id="hostile"),
        pytest.param(b"prog\0two\nlines\0", ["prog", "two\nlines"], id="newline"),
    ],
)
def test_cmdline(raw: bytes, arguments: list[str]) -> None:
    """The arguments as the program left them."""
    assert parse.parse_cmdline(raw) == arguments


def test_pressure() -> None:
    """The averages over 10 s, of some and of all tasks."""
    raw = b"some avg10=1.53 avg60=0.87 avg300=0.22 total=1234567\nfull avg10=0.40 avg60=0.10 avg300=0.00 total=89\n"
    assert parse.parse_pressure(raw) == parse.Pressure(1.53, 0.40)


def test_pressure_of_cpu_before_5_13_has_no_full() -> None:
    """A file without the full line has None for it, not 0."""
    assert parse.parse_pressure(b"some avg10=2.00 avg60=0.00 avg300=0.00 total=1\n") == parse.Pressure(2.0, None)


def test_limits() -> None:
    """Columns are found by place: names and units hold spaces or nothing, long numbers leave one space."""
    assert parse.parse_limits(LIMITS) == {
        "Max cpu time": ("unlimited", "unlimited", "seconds"),
        "Max processes": ("95949", "95949", "processes"),
        "Max open files": ("1024", "1048576", "files"),
        "Max address space": ("18446744073709551614", "18446744073709551614", "bytes"),
        "Max nice priority": ("0", "0", ""),
    }


@pytest.mark.parametrize(
    ("raw", "paths"),
    [
        pytest.param(b"0::/user.slice/a:b.scope\n", {"": "/user.slice/a:b.scope"}, id="v2-with-colon"),
        pytest.param(
            b"4:cpu,cpuacct:/box\n1:name=systemd:/init.scope\n",
            {"cpu": "/box", "cpuacct": "/box", "name=systemd": "/init.scope"},
            id="v1",
        ),
        pytest.param(b"2:cpu:/old\n0::/new\n", {"cpu": "/old", "": "/new"}, id="hybrid"),
        pytest.param("0::/odd\x0c\x85\u2028name\n".encode(), {"": "/odd\x0c\x85\u2028name"}, id="hostile-name"),
        pytest.param(b"0::/\xff\n", {"": "/\udcff"}, id="not-utf8"),
        pytest.param(b"", {}, id="empty"),
    ],
)
def test_cgroups(raw: bytes, paths: dict[str, str]) -> None:
    """Each controller has its path; only a newline ends a line."""
    assert parse.parse_cgroups(raw) == paths


def test_key_numbers() -> None:
    """Lines of a key and a number are read, others left out."""
    raw = b"usage_usec 9000\nnr_periods 20\nnr_throttled 5\nodd\n"
    assert parse.parse_key_numbers(raw) == {"usage_usec": 9000, "nr_periods": 20, "nr_throttled": 5}
