"""The field table: every column, its key, title, unit, meaning, source and what it needs read.

The grid, ``--sort``, ``--columns``, JSON keys, the help screen and the README's table come from here.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from threadtop import text
from threadtop.errors import UsageError
from threadtop.interest import MEMORY, STATUS, WCHAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from threadtop.snapshot import Row

Kind = Literal["number", "priority", "percent", "bar", "rate", "cpu_time", "size", "text"]


_FORMATS: Final[dict[str, Callable[[Any], str]]] = {
    "number": text.count,
    "priority": text.priority,
    "percent": text.share,
    "bar": text.share,
    "rate": text.rate,
    "cpu_time": text.cpu_time,
    "size": text.size,
    "text": lambda value: text.UNKNOWN if value is None else text.visible(str(value)),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    ``level`` says on which rows it stands: a process's own figures show as a dot on its threads.
    ``descending`` is the order it is first sorted in; ``needs`` names costly reads (sampler.Interest); ``page`` is
    the key of the page that teaches what it is about.
    """

    key: str
    title: str
    width: int
    kind: Kind
    help: str
    source: str
    aliases: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    level: Literal["both", "thread", "process"] = "both"
    descending: bool = False
    left: bool = False
    page: str = ""

    def value(self, row: Row) -> Any:  # noqa: ANN401 a field's type is its kind
        """Its raw value on a row: a number, a text or None for unknown; what stands on other rows is text.SHARED."""
        if (self.level == "thread" and row.tid == 0) or (self.key == "pid" and row.pid < 0):
            return text.SHARED  # headings have these numbers only for their keys' sake
        return getattr(row, self.key, text.SHARED)

    def format(self, value: Any) -> str:  # noqa: ANN401 as above
        """A raw value as a cell string, not padded."""
        return text.SHARED if value is text.SHARED else _FORMATS[self.kind](value)


def _field(
    key: str,
    title: str,
    width: int,
    kind: Kind,
    page: str,
    help_: str,
    source: str,
    **more: Any,  # noqa: ANN401 Field's own
) -> Field:
    more["needs"] = frozenset(more.get("needs", ()))
    more.setdefault("descending", kind in ("percent", "bar", "rate", "cpu_time", "size"))
    more.setdefault("left", kind in ("text", "bar"))
    return Field(key, title, width, kind, help_, source, page=page, **more)


# fmt: off
FIELDS: Final = (
    _field(
        "cpu_pct", "%CPU", 5, "percent", "cpu",
        "share of one core it ran on; a thread never exceeds 100",
        "schedstat field 1 (ns); a process: its CPU clock", aliases=("cpu", "pcpu", "%cpu", "c"),
    ),
    _field(
        "user_pct", "%USR", 5, "percent", "user-kernel",
        "part of %CPU in its own code; the split is sampled by the kernel's 10 ms ticks",
        "stat field 14 (utime)", aliases=("usr", "%usr", "user_cpu"),
    ),
    _field(
        "system_pct", "%SYS", 5, "percent", "user-kernel",
        "part of %CPU inside the kernel; the split is sampled by the kernel's 10 ms ticks",
        "stat field 15 (stime)", aliases=("sys", "%sys", "system"),
    ),
    _field(
        "wait_pct", "%WAIT", 5, "percent", "run-queue",
        "share of the time it was ready to run and waited for a CPU (run queue)",
        "schedstat field 2 (ns)", aliases=("wait", "%wait", "rdelay", "runq"),
    ),
    _field(
        "vol_per_s", "vol/s", 7, "rate", "switches",
        "voluntary context switches a second: it gave up the CPU to wait for something",
        "status, voluntary_ctxt_switches", aliases=("vol", "cswch", "nvcsw", "vol/s"), needs=(STATUS,),
    ),
    _field(
        "invol_per_s", "invol/s", 7, "rate", "switches",
        "involuntary context switches a second: the CPU was taken from it while it could go on",
        "status, nonvoluntary_ctxt_switches", aliases=("invol", "nvcswch", "nivcsw", "invol/s", "inv"),
        needs=(STATUS,),
    ),
    _field(
        "gil_pct", "GIL", 5, "percent", "gil",
        "share of the time it held CPython's GIL: only then it can run Python; a process: its busiest GIL",
        "sampled from the process's memory (_PyRuntime); - without the right to read that", aliases=("gil_holds",),
    ),
    _field(
        "gil_wait_pct", "GIL wait", 8, "percent", "gil",
        "share of the time it waited for CPython's GIL; ~ is an estimate; a process: added up, 100 is one thread",
        "exact: syscall and the GIL's address; ~: switches, CPU, run queue, wchan and how long it sleeps",
        aliases=("gil_wait", "gilwait", "gilw"), needs=(STATUS,),
    ),
    _field(
        "time_pct", "TIME BAR", 20, "bar", "time",
        "one second of the thread as a bar that adds up: exact parts in blocks, the rest, in letters, by looks at what "
        "it is blocked on (small letters: one look); sorted by what it ran or wanted to",
        "schedstat (ns), stat; state, wchan and syscall", aliases=("bar", "time_bar", "active"), needs=(WCHAN,),
        level="thread",
    ),
    _field(
        "lock_pct", "%LOCK", 5, "percent", "locks", "share of the time it was blocked on a lock: a futex, a file lock",
        "sampled: wchan and syscall", aliases=("lock",), needs=(WCHAN,), level="thread",
    ),
    _field(
        "disk_pct", "%DISK", 5, "percent", "disk", "share of the time it was blocked on the disk: block I/O, state D",
        "sampled: state, wchan and syscall", aliases=("disk",), needs=(WCHAN,), level="thread",
    ),
    _field(
        "network_pct", "%NET", 5, "percent", "peers", "share of the time it was blocked on a socket",
        "sampled: wchan and syscall", aliases=("network", "net"), needs=(WCHAN,), level="thread",
    ),
    _field(
        "pipe_pct", "%PIPE", 5, "percent", "peers",
        "share of the time it was blocked on another process or thread here: pipe, local socket, eventfd",
        "sampled: wchan and syscall", aliases=("pipe",), needs=(WCHAN,), level="thread",
    ),
    _field(
        "state", "S", 1, "text", "states",
        "R runnable (running or waiting for a CPU), S asleep, D uninterruptible (mostly disk), T stopped, "
        "t traced, Z ended but not reaped, I idle kernel thread",
        "stat field 3", aliases=("s", "stat"),
    ),
    _field(
        "last_cpu", "P", 3, "number", "run-queue", "the CPU it ran on last", "stat field 39 (processor)",
        aliases=("p", "psr", "processor", "cpuid"), level="thread",
    ),
    _field(
        "cpu_ns", "TIME+", 9, "cpu_time", "cpu", "CPU time since it started",
        "schedstat field 1; a process: its CPU clock, ended threads included",
        aliases=("time", "time+", "cputime", "times", "cputimes", "bsdtime"),
    ),
    _field("pid", "PID", 7, "number", "processes", "process id (thread group id)", "/proc/PID", aliases=("tgid",)),
    _field(
        "tid", "TID", 7, "number", "processes", "thread id; that of the main thread is the PID", "/proc/PID/task/TID",
        aliases=("lwp", "spid"), level="thread",
    ),
    _field(
        "tid_hex", "TID(16)", 8, "text", "processes", "thread id in hexadecimal, as nid in a JVM's thread dump",
        "/proc/PID/task/TID", aliases=("nid", "hex"), level="thread",
    ),
    _field("user", "USER", 8, "text", "permissions", "effective user of the process", "status, Uid",
           aliases=("euser", "uname")),
    _field("uid", "UID", 6, "number", "permissions", "effective user id of the process", "status, Uid",
           aliases=("euid",), level="process"),
    _field("priority", "PR", 3, "priority", "run-queue", "kernel priority: 20 + nice; below 0 real time",
           "stat field 18", aliases=("pr", "pri", "opri")),
    _field("nice", "NI", 3, "number", "run-queue", "nice value: -20 gets most, 19 least", "stat field 19",
           aliases=("ni",)),
    _field(
        "policy_name", "POL", 5, "text", "run-queue", "scheduling policy: other, fifo, rr, batch, idle, dl",
        "stat field 41", aliases=("policy", "cls", "class", "sched"), level="thread",
    ),
    _field("rt_priority", "RT", 3, "number", "run-queue", "real-time priority, 1 to 99; 0 has none", "stat field 40",
           aliases=("rtprio",), level="thread"),
    _field("thread_count", "nTH", 5, "number", "cost", "threads of the process", "/proc/PID/task",
           aliases=("nth", "nlwp", "thcount", "threads"), level="process", descending=True),
    _field("rss_bytes", "RES", 6, "size", "processes",
           "memory of the process that is in RAM, shared by all its threads", "stat field 24 (rss)",
           aliases=("res", "rss", "rssize", "rsz", "mem", "memory"), needs=(MEMORY,), level="process"),
    _field("vsize_bytes", "VIRT", 6, "size", "cost", "address space of the process", "stat field 23 (vsize)",
           aliases=("virt", "vsz", "vsize"), needs=(MEMORY,), level="process"),
    _field("ppid", "PPID", 7, "number", "processes", "the parent's process id", "stat field 4"),
    _field(
        "reason", "REASON", 20, "text", "states",
        "why it is not running: the call it sleeps in, with its lock, file, peer or timeout: one look, a hint",
        "state, wchan and syscall", aliases=("why",), needs=(WCHAN,), level="thread",
    ),
    _field(
        "wchan", "WCHAN", 16, "text", "states",
        "the kernel function it sleeps in; of your own processes only, of all as root", "wchan",
        needs=(WCHAN,), level="thread",
    ),
    _field("name", "NAME", 15, "text", "processes",
           "name of the thread, at most 15 bytes; of a process, of its main thread", "stat field 2 (comm)",
           aliases=("comm", "ucomm", "ucmd", "thread")),
    _field(
        "role", "ROLE", 17, "text", "processes",
        "what the thread is for, as its name tells: collector, compiler, pool, event loop; a hint",
        "stat field 2 (comm)", level="thread",
    ),
    _field(
        "command", "COMMAND", 30, "text", "processes",
        "process [thread]; c shows the whole command line", "cmdline and comm", aliases=("cmd", "args"),
    ),
)
"""All fields, in the order in which they stand on the screen: what changes is left, what stands still right."""

BY_KEY: Final = {field.key: field for field in FIELDS}
_BY_NAME: Final = {name.lower(): field for field in FIELDS for name in (field.title, field.key, *field.aliases)}

DEFAULT_COLUMNS: Final = (
    "cpu_pct", "user_pct", "system_pct", "wait_pct", "vol_per_s", "invol_per_s", "gil_pct",
    "gil_wait_pct", "time_pct", "state", "last_cpu", "cpu_ns", "pid", "tid", "user", "priority", "nice", "reason",
    "wchan", "command",
)
# Left out, first to last, where the screen is too narrow for COMMAND to keep a fair width.
SACRIFICES: Final = (
    "role", "wchan", "user_pct", "system_pct", "priority", "nice", "last_cpu", "user", "cpu_ns", "pid", "reason",
    "invol_per_s", "gil_pct", "gil_wait_pct", "tid", "vol_per_s", "time_pct", "wait_pct", "state",
)
GIL_COLUMNS: Final = ("gil_pct", "gil_wait_pct")
"""Columns that say nothing until a GIL is watched."""
JSON_PROCESS: Final = (
    "pid", "ppid", "user", "name", "command", "state", "cpu_pct", "user_pct", "system_pct", "wait_pct", "vol_per_s",
    "invol_per_s", "cpu_ns", "priority", "nice", "thread_count", "rss_bytes", "vsize_bytes",
)
JSON_THREAD: Final = (
    "tid", "name", "state", "cpu_pct", "user_pct", "system_pct", "wait_pct", "vol_per_s", "invol_per_s", "cpu_ns",
    "reason", "wchan", "last_cpu", "nice", "priority", "rt_priority", "policy_name",
    "role",
)
ALWAYS_KNOWN: Final = frozenset({
    "pid", "tid", "ppid", "user", "name", "command", "state", "last_cpu", "rt_priority", "policy_name",
    "thread_count", "rss_bytes", "vsize_bytes",
})
"""Fields that are never None on a row on which they stand."""
# fmt: on


def find(name: str) -> Field:
    """The field of a key, title or alias, in any case; raises UsageError with the nearest names."""
    field = _BY_NAME.get(name.strip().lower())
    if field is None:
        near = difflib.get_close_matches(name.lower(), _BY_NAME, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "threadtop -O lists the columns"
        message = f"there is no column {name!r}"
        raise UsageError(message, hint)
    return field


def find_all(names: Iterable[str]) -> tuple[Field, ...]:
    """The fields of several names, each once, in the order given; raises UsageError."""
    return tuple(dict.fromkeys(find(name) for name in names))


def lines() -> list[str]:
    """The columns with their keys, aliases and meaning, as -O prints them."""
    found = []
    for field in FIELDS:
        names = ", ".join(dict.fromkeys((field.key, *field.aliases)))
        found.append(f"{text.fit(field.title, 8)} {text.fit(names, 34)} {field.help}")
    return found


def needs(fields: Iterable[Field]) -> frozenset[str]:
    """The costly reads that these fields want."""
    return frozenset().union(*(field.needs for field in fields))


# Widths of the time bar, by the width of the screen from which it has them.
_BAR_WIDTHS: Final = ((160, 20), (100, 16), (0, 10))


def width_of(field: Field, width: int | None) -> int:
    """The cells of a column on a screen of ``width``, None for no limit: a bar takes fewer on a narrow one."""
    if field.kind != "bar" or width is None:
        return field.width
    return next(cells for least, cells in _BAR_WIDTHS if width >= least)


def fitting(
    columns: tuple[str, ...], width: int, command_width: int = 20, sacrifices: tuple[str, ...] = SACRIFICES
) -> tuple[str, ...]:
    """``columns`` without those for which ``width`` cells are too few; COMMAND keeps ``command_width``."""
    kept = list(columns)
    for key in sacrifices:
        taken = sum(width_of(BY_KEY[k], width) + 1 for k in kept if k != "command")
        if taken + command_width * ("command" in kept) <= width:
            break
        if key in kept:
            kept.remove(key)
    return tuple(kept)
