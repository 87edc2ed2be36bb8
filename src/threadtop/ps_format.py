"""Threads as ``ps -eLf`` prints them, for scripts that read that; pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.query import View
from threadtop.sample import TICK_NS
from threadtop.snapshot import ThreadRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from threadtop.query import Table
    from threadtop.snapshot import Snapshot

VIEW: Final = View(columns=("pid", "ppid", "tid", "cpu_ns", "user", "thread_count", "command")).sorted_by("pid")
"""What it needs read, in the order of ps."""
_SECOND_NS: Final = 1_000_000_000
_NAME_CELLS: Final = 8
_MOST_C: Final = 99  # two digits
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def lines(snapshot: Snapshot, table: Table, ttys: Mapping[int, str], width: int | None = None) -> Iterator[str]:
    """A heading and a line for each thread; ``ttys`` by pid, ``width`` cuts lines, None does not."""
    yield "UID          PID    PPID     LWP  C NLWP STIME TTY          TIME CMD"
    now = _local(snapshot.time)
    for row in table.rows:
        if not isinstance(row, ThreadRow) or row.mark == "gone" or row.pid not in snapshot.processes:
            continue
        began = snapshot.host.boot_time + row.start_ticks * TICK_NS / _SECOND_NS
        line = (
            f"{_cut(row.user)} {row.pid:7} {row.ppid:7} {row.tid:7} {_share(row.cpu_ns, snapshot.time - began):>2} "
            f"{snapshot.processes[row.pid].thread_count:4} {_start(_local(began), now)} "
            f"{text.fit(ttys.get(row.pid, text.UNKNOWN), _NAME_CELLS)} {_time(row.cpu_ns):>8} {_command(row)}"
        )
        yield text.plain(text.fit(line, width) if width and len(line) > width else line).rstrip()


def _local(time: float) -> datetime:
    return datetime.fromtimestamp(time, timezone.utc).astimezone()


def _cut(name: str) -> str:
    shown = text.visible(name)
    return shown.ljust(_NAME_CELLS) if len(shown) <= _NAME_CELLS else text.fit(shown, _NAME_CELLS)[:-1] + "+"


def _share(cpu_ns: int | None, age_s: float) -> str:
    """C: the CPU time of its life in % of that, whole."""
    if cpu_ns is None:
        return text.UNKNOWN
    return str(min(_MOST_C, int(100 * cpu_ns / _SECOND_NS / age_s))) if age_s > 0 else "0"


def _start(began: datetime, now: datetime) -> str:
    """STIME: the local time of a start today, else the day of this year, else the year."""
    if began.year != now.year:
        return f"{began.year:5}"
    if began.date() != now.date():
        return f"{_MONTHS[began.month - 1]}{began.day:02}"
    return f"{began.hour:02}:{began.minute:02}"


def _time(cpu_ns: int | None) -> str:
    """TIME: CPU time as ``[days-]hh:mm:ss``."""
    if cpu_ns is None:
        return text.UNKNOWN
    minutes, seconds = divmod(cpu_ns // _SECOND_NS, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{f'{days}-' if days else ''}{hours:02}:{minutes:02}:{seconds:02}"


def _command(row: ThreadRow) -> str:
    if row.command and row.state != "Z":
        return _printable(row.command)
    return f"[{_printable(row.name)}]" + (" <defunct>" if row.state == "Z" else "")


def _printable(name: str) -> str:
    """A name as ps has it, as a cell string: a line's end is a space, what else has no picture a ``?``."""
    return "".join(" " if one == "\n" else shown if (shown := text.visible(one))[0] == one else "?" for one in name)
