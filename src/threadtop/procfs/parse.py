"""Bytes of /proc files to records; pure; field numbers as in proc(5).

Every function here takes the raw content of one file.  Thread names and command lines come from
other people's programs: they are decoded with ``surrogateescape`` so that nothing is lost, and made
harmless only where they are shown (``text.visible``).
"""

from __future__ import annotations

from typing import NamedTuple

ENCODING = "utf-8"


def decode(raw: bytes) -> str:
    """Bytes of a name or command line as text; bytes that are not UTF-8 survive as surrogates."""
    return raw.decode(ENCODING, "surrogateescape")


class Stat(NamedTuple):
    """``/proc/PID/stat`` or ``/proc/PID/task/TID/stat``; times in clock ticks, memory in pages."""

    name: str
    state: str
    ppid: int
    pgrp: int
    session: int
    tty_nr: int
    flags: int
    minflt: int
    majflt: int
    utime_ticks: int
    stime_ticks: int
    priority: int
    nice: int
    num_threads: int
    start_ticks: int
    vsize_bytes: int
    rss_pages: int
    last_cpu: int
    rt_priority: int
    policy: int
    blkio_ticks: int


class StatMore(NamedTuple):
    """What an overview tells of ``stat`` besides: the times of children that were waited for, in ticks, and faults."""

    children_minflt: int
    children_majflt: int
    children_utime_ticks: int
    children_stime_ticks: int
    exit_signal: int


def parse_stat_more(raw: bytes) -> StatMore:
    """Fields 11, 13, 16, 17 and 38 of ``stat``; ValueError or IndexError if it is cut short."""
    f = raw[raw.rindex(b")") + 2 :].split()
    return StatMore(int(f[8]), int(f[10]), int(f[13]), int(f[14]), int(f[35]))


PF_KTHREAD = 0x00200000  # include/linux/sched.h


def parse_stat(raw: bytes) -> Stat:
    """The fields of ``stat`` that threadtop uses; ValueError or IndexError if it is cut short.

    The name is between the first ``(`` and the LAST ``)``: it may itself hold brackets, spaces and
    newlines (proc(5)).
    """
    opening, closing = raw.index(b"("), raw.rindex(b")")
    f = raw[closing + 2 :].split()  # f[0] is field 3, the state
    return Stat(
        raw[opening + 1 : closing].decode(ENCODING, "surrogateescape"),
        f[0].decode("ascii"),
        int(f[1]),
        int(f[2]),
        int(f[3]),
        int(f[4]),
        int(f[6]),
        int(f[7]),
        int(f[9]),
        int(f[11]),
        int(f[12]),
        int(f[15]),
        int(f[16]),
        int(f[17]),
        int(f[19]),
        int(f[20]),
        int(f[21]),
        int(f[36]),
        int(f[37]),
        int(f[38]),
        int(f[39]),
    )


class SchedStat(NamedTuple):
    """``schedstat``: time on a CPU and on a run queue, both in ns, and times put on a CPU."""

    run_ns: int
    wait_ns: int
    timeslices: int


def parse_schedstat(raw: bytes) -> SchedStat:
    """The three numbers of ``schedstat`` (Documentation/scheduler/sched-stats.rst)."""
    run_ns, wait_ns, timeslices = raw.split()
    return SchedStat(int(run_ns), int(wait_ns), int(timeslices))


_VOLUNTARY = b"\nvoluntary_ctxt_switches:\t"
_INVOLUNTARY = b"\nnonvoluntary_ctxt_switches:\t"


def parse_switches(raw: bytes) -> tuple[int | None, int | None]:
    """(voluntary, involuntary) context switches so far, out of ``status``; None where the line is missing."""
    return _number_after(raw, _VOLUNTARY), _number_after(raw, _INVOLUNTARY)


def _number_after(raw: bytes, key: bytes) -> int | None:
    at = raw.find(key)
    if at < 0:
        return None
    start = at + len(key)
    end = raw.find(b"\n", start)
    return int(raw[start:end]) if end >= 0 else None  # cut short: its last digits may be missing


def parse_uid(raw: bytes) -> int | None:
    """The effective uid, second number of the ``Uid:`` line of ``status``; None if there is none."""
    at = raw.find(b"\nUid:\t")
    return int(raw[at + 6 :].split(None, 2)[1]) if at >= 0 else None


def parse_status(raw: bytes) -> dict[str, str]:
    """All lines of ``status`` as key to stripped text."""
    pairs = (line.partition(":") for line in decode(raw).split("\n"))
    return {key: value.strip() for key, colon, value in pairs if colon}


def parse_cmdline(raw: bytes) -> list[str]:
    """The arguments in ``cmdline``; a program that overwrote it (setproctitle) may have left one."""
    return decode(raw.rstrip(b"\0")).split("\0") if raw.rstrip(b"\0") else []


class Pressure(NamedTuple):
    """One file of ``/proc/pressure``: share of the last 10 s in which some or all tasks stalled, in %."""

    some_avg10: float
    full_avg10: float | None


def parse_pressure(raw: bytes) -> Pressure:
    """``some avg10=...`` and, where the kernel has it, ``full avg10=...`` (Documentation/accounting/psi.rst)."""
    averages = {}
    for line in raw.decode("ascii").splitlines():
        kind, _, rest = line.partition(" ")
        averages[kind] = float(rest.split("avg10=", 1)[1].split(" ", 1)[0])
    return Pressure(averages["some"], averages.get("full"))


def parse_limits(raw: bytes) -> dict[str, tuple[str, str, str]]:
    """``limits``: name to (soft, hard, unit); its columns have fixed places (fs/proc/base.c)."""
    limits = {}
    for line in raw.decode("ascii", "replace").splitlines()[1:]:
        name, soft, hard, unit = line[:26].strip(), line[26:47].strip(), line[47:68].strip(), line[68:].strip()
        limits[name] = (soft, hard, unit)
    return limits


def parse_cgroups(raw: bytes) -> dict[str, str]:
    """``cgroup``: controller name to path; the v2 hierarchy has the empty name (cgroups(7))."""
    paths = {}
    for line in filter(None, decode(raw).split("\n")):  # not splitlines: a path may hold its other line ends
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def parse_key_numbers(raw: bytes) -> dict[str, int]:
    """Files of ``key number`` lines, such as ``cpu.stat`` of a cgroup."""
    pairs = (line.split() for line in raw.decode("ascii").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}  # noqa: PLR2004 a key and its number
