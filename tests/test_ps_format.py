"""Threads as ps prints them: each column by value, the whole beside the real ps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from builders import NOON, host_row, process_row, snapshot, thread_row
from test_export import HOSTILE, acting
from threadtop import fields, ps_format, query, text
from threadtop.procfs import ttys
from threadtop.procfs.reader import ProcReader
from threadtop.sample import TICK_NS

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.snapshot import ProcessRow

SECOND_NS = 1_000_000_000
HOUR_TICKS = 3600 * SECOND_NS // TICK_NS
HEADING = ["UID", "PID", "PPID", "LWP", "C", "NLWP", "STIME", "TTY", "TIME", "CMD"]
BOOT = NOON - 400 * 86400
DRIVERS = (
    b"/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
    b"/dev/console         /dev/console    5       1 system:console\n"
    b"serial               /dev/ttyS       4 64-95 serial\n"
    b"hvc                  /dev/hvc      229 0-7 system\n"
    b"pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
    b"unknown              /dev/tty        4 1-63 console\n"
    b"nonsense\n"
    b"bad /dev/bad x y z\n"
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local time is UTC here."""
    monkeypatch.setenv("TZ", "UTC")


def lines(*processes: ProcessRow, width: int | None = None, tty: str = "pts/3") -> list[str]:
    """The rows below the heading."""
    shot = snapshot(*processes, host=host_row(boot_time=BOOT))
    heading, *rows = ps_format.lines(shot, query.table(shot, ps_format.VIEW), {100: tty}, width)
    assert heading.split() == HEADING
    return rows


def start(hours_ago: float) -> int:
    """The start_ticks of a thread that began so many hours before NOON."""
    return round((400 * 24 - hours_ago) * HOUR_TICKS)


def test_a_thread_a_line() -> None:
    """Owner, ids, CPU over its life, threads, start, terminal, CPU time and command line of each, by pid and tid."""
    worker = thread_row(101, start_ticks=start(2), cpu_ns=3723 * SECOND_NS)
    rows = lines(process_row(100, thread_row(100, start_ticks=start(3)), worker))
    assert rows == [
        "www          100       1     100  0    2 09:00 pts/3    00:00:00 /usr/bin/server --port 80",
        "www          100       1     101 51    2 10:00 pts/3    01:02:03 /usr/bin/server --port 80",
    ]


@pytest.mark.parametrize(
    ("hours_ago", "shown"), [(0, "12:00"), (11.5, "00:30"), (13, " 2025"), (24, " 2025"), (24 * 365 + 13, " 2024")]
)
def test_a_start_is_shown_as_ps_does(hours_ago: float, shown: str) -> None:
    """The time for today, the year for another year: NOON is that of the first of January."""
    (row,) = lines(process_row(100, thread_row(100, start_ticks=start(hours_ago))))
    assert f" {shown} pts/3" in row


def test_a_start_this_year_is_a_day() -> None:
    """A day is a month and a number, whatever the locale."""
    shot = snapshot(
        process_row(100, thread_row(100, start_ticks=start(0))), host=host_row(boot_time=BOOT), time=NOON + 5 * 86400
    )
    _, row = ps_format.lines(shot, query.table(shot, ps_format.VIEW), {})
    assert " Jan01 - " in row


@pytest.mark.parametrize(
    ("cpu_ns", "shown"),
    [
        (None, " -  "),
        (59 * SECOND_NS, "00:00:59"),
        (86399 * SECOND_NS, "23:59:59"),
        (90061 * SECOND_NS, "1-01:01:01"),
    ],
)
def test_cpu_time(cpu_ns: int | None, shown: str) -> None:
    """Hours, minutes, seconds, days where there are any; unknown is a dash."""
    (row,) = lines(process_row(100, thread_row(100, cpu_ns=cpu_ns, start_ticks=start(100))))
    assert shown.strip() in row.split()


def test_a_young_thread_has_no_more_than_two_digits() -> None:
    """C ends at 99, and one that began in the future by the clock has 0."""
    full = thread_row(100, start_ticks=start(1), cpu_ns=3600 * SECOND_NS)
    late = thread_row(101, start_ticks=start(-1), cpu_ns=SECOND_NS)
    assert [row.split()[4] for row in lines(process_row(100, full, late))] == ["99", "0"]


def test_commands_of_kernel_threads_and_zombies() -> None:
    """Without a command line the name stands in brackets; an ended one is defunct."""
    kernel = process_row(100, thread_row(100, name="kswapd0"), command="", kernel=True)
    zombie = process_row(101, thread_row(101, name="x", state="Z"), command="/bin/x")
    assert [row.split(None, 9)[9] for row in lines(kernel, zombie)] == ["[kswapd0]", "[x] <defunct>"]


def test_long_users_names_are_cut_and_lines_too() -> None:
    """A name keeps its eight cells, a line its width; the terminal of a process that has ended is not known."""
    (row,) = lines(process_row(200, thread_row(200), user="systemd-resolve"), width=60)
    assert row.startswith("systemd+ ")
    assert row.split()[7] == "-"
    assert len(row) <= 60


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("sh -c a\nb", "sh -c a b"),
        ("a\tb\x01c\x1b[31m", "a?b?c?[31m"),
        ("größe 線程", "größe 線程"),
        ("\udcff\x9b\u202ex", "???x"),
        ("^J", "^J"),
    ],
)
def test_what_cannot_be_printed_is_as_in_ps(command: str, shown: str) -> None:
    """A line's end is a space, other control bytes are ?, in command lines as in names."""
    named = process_row(101, thread_row(101, name=command), command="")
    rows = lines(process_row(100, thread_row(100), command=command), named)
    assert [text.plain(row.split(None, 9)[9]) for row in rows] == [shown, f"[{shown}]"]


def test_no_name_does_harm_there() -> None:
    """Control bytes are shown, never sent."""
    assert [row for row in lines(process_row(100, user=HOSTILE, command=HOSTILE)) if acting(row)] == []


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ((0, 0), "?"),
        ((136, 3), "pts/3"),
        ((136, 300), "pts/300"),
        ((4, 1), "tty1"),
        ((4, 65), "ttyS1"),
        ((5, 1), "console"),
        ((229, 2), "hvc2"),
        ((240, 7), "240:7"),
    ],
)
def test_terminals_are_named(device: tuple[int, int], name: str) -> None:
    """The device number of stat, by the drivers of the machine; one that no driver has is a number."""
    major, minor = device
    tty_nr = minor & 0xFF | major << 8 | (minor & ~0xFF) << 12
    assert ttys.name(tty_nr, ttys.parse_drivers(DRIVERS)) == name


def test_terminals_are_read_by_process(tmp_path: Path) -> None:
    """One reading a process; what has ended or makes no sense is not there, and no list of drivers leaves numbers."""
    for pid, tty_nr in ((100, 0), (101, 34819)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) S 1 1 1 {tty_nr} " + "0 " * 46)
    (tmp_path / "102").mkdir()
    (tmp_path / "102" / "stat").write_text("102 (a")
    reader = ProcReader(tmp_path, descriptors=0)
    assert ttys.read(reader, [100, 101, 102, 4242]) == {100: "?", 101: "136:3"}
    assert reader.reads["stat"] == 4


PS_NAMES = {
    "pid": "pid", "tgid": "pid", "lwp": "tid", "spid": "tid", "tid": "tid", "ppid": "ppid",
    "pcpu": "cpu_pct", "%cpu": "cpu_pct", "c": "cpu_pct", "comm": "name", "ucomm": "name", "ucmd": "name",
    "args": "command", "cmd": "command", "command": "command", "s": "state", "state": "state", "stat": "state",
    "nlwp": "thread_count", "thcount": "thread_count", "psr": "last_cpu", "cpuid": "last_cpu",
    "cls": "policy_name", "class": "policy_name", "policy": "policy_name", "sched": "policy_name",
    "rtprio": "rt_priority", "pri": "priority", "priority": "priority", "opri": "priority",
    "ni": "nice", "nice": "nice", "rss": "rss_bytes", "rssize": "rss_bytes", "rsz": "rss_bytes",
    "vsz": "vsize_bytes", "vsize": "vsize_bytes", "wchan": "wchan", "time": "cpu_ns", "cputime": "cpu_ns",
    "times": "cpu_ns", "cputimes": "cpu_ns", "bsdtime": "cpu_ns", "user": "user", "euser": "user", "uname": "user",
    "uid": "uid", "euid": "uid",
}  # fmt: skip


@pytest.mark.parametrize(("name", "key"), PS_NAMES.items())
def test_names_of_ps_find_their_columns(name: str, key: str) -> None:
    """Users of ps -eLo write what they know."""
    assert fields.find(name).key == key


@pytest.mark.live
def test_names_of_ps_are_those_of_ps() -> None:
    """Each of these is a name that the real ps takes."""
    if shutil.which("ps") is None:
        pytest.skip("there is no ps here")
    done = subprocess.run(["ps", "L"], capture_output=True, encoding="utf-8", check=False)
    known = {line.split()[0] for line in done.stdout.splitlines() if line}
    if "lwp" not in known:
        pytest.skip("this ps does not list its names")
    assert PS_NAMES.keys() - known == set()


@pytest.mark.live
def test_beside_the_real_ps() -> None:
    """Threads that sleep have the same line as in ps -eLf, but for its widths."""
    if shutil.which("ps") is None:
        pytest.skip("there is no ps here")
    code = (
        "import threading, time; "
        "[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(3)]; "
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, "a\nb", "c\td\x1b[31m"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            theirs = _of(["ps", "-eLf", "-ww"], process.pid)
            ours = _of([sys.executable, "-m", "threadtop", "--once", "-d", "0.1", "--format", "ps"], process.pid)
        finally:
            process.kill()
    assert len(theirs) == 4
    for mine, real in zip(ours, theirs, strict=True):
        # C: ps counts a process's whole time for its main thread; a start may be read on either side of a minute.
        assert [cell for place, cell in enumerate(mine) if place not in {4, 6, 9}] == [
            cell for place, cell in enumerate(real) if place not in {4, 6, 9}
        ]
        assert mine[9] == real[9]
        assert abs(_minutes(mine[6]) - _minutes(real[6])) <= 1 or {mine[6], real[6]} & {"00:00", "23:59"}


def _of(command: list[str], pid: int) -> list[list[str]]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}  # else ps has a dot
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True, env=environment)
    heading, *rows = [line.split(None, 9) for line in done.stdout.splitlines()]
    assert heading == HEADING
    return [row for row in rows if row[1] == str(pid)]


def _minutes(shown: str) -> int:
    hours, minutes = shown.split(":")
    return int(hours) * 60 + int(minutes)
