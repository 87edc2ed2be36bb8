"""``threadtop record``: the machine or some processes into a file, to be looked at later; needs no screen."""

from __future__ import annotations

import re
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from threadtop import __version__, cli, source, targets, text
from threadtop.errors import EXIT_FAILURE, EXIT_OK, UsageError
from threadtop.feed import LEAST_INTERVAL_S, MOST_INTERVAL_S
from threadtop.interest import Interest
from threadtop.procfs.reader import ProcReader
from threadtop.recording import times, writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.source import LiveSource
    from threadtop.targets import Command

FIRST_GAP_S: Final = 0.25  # the first rates come soon after the first counters
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)", re.ASCII)


class Asked(NamedTuple):
    """What the user asked for: where to (None: our own name), whom, how often, for how long (None: until ended)."""

    file: Path | None
    pids: tuple[int, ...]
    name: str | None
    command: tuple[str, ...]
    interval_s: float
    for_s: float | None


class Clock(Protocol):
    """The clock, which tests replace."""

    def monotonic(self) -> float:
        """Seconds."""

    def sleep(self, seconds: float, /) -> None:
        """Let so many of them pass."""


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="threadtop record",
        usage=(
            "threadtop record [-o FILE] [-d SECONDS] [--for TIME] [-p PID[,PID] | NAME]\n"
            "       threadtop record [-o FILE] [-d SECONDS] [--for TIME] -- COMMAND [ARG ...]"
        ),
        description=(
            "Record the machine, or some processes with their GILs, waits and locks, into one SQLite file that "
            "threadtop replay FILE shows again.  Only what changed is written; what is written stays, whatever happens "
            "to threadtop.  The file is its owner's only: it holds command lines (never environments)."
        ),
        epilog=(
            "Exit code: 0 recorded, 1 not (a full disk, a process that is not there), 2 bad usage, 130 interrupted "
            "before anything was recorded."
        ),
        allow_abbrev=False,
    )
    say = parser.add_argument
    say("target", nargs="?", metavar="PID | NAME", help="the process, by id or by name (without: the whole machine)")
    say("-p", "--pid", action="append", metavar="PID[,PID]", help="processes by id")
    say("-o", "--output", metavar="FILE", help="the file to make (threadtop-HOST-TIME.ttr)")
    say("-d", "--delay", metavar="SECONDS", default="1", help="seconds between two ticks (1)")
    say("--for", metavar="TIME", dest="span", help="end after 90, 90s, 10m or 2h")
    say("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def parse(arguments: Sequence[str]) -> Asked:
    """The arguments behind ``record``; raises UsageError."""
    own, command = cli.split_command(arguments, "threadtop record")
    said = _parser().parse_args(own)
    pids = [pid for value in said.pid or () for pid in targets.parse_pids(value)]
    name = said.target
    if name is not None and name.isascii() and name.isdigit():
        pids.extend(targets.parse_pids(name))
        name = None
    if (name is not None) + bool(pids) + bool(command) > 1:
        message = "a PID, a NAME and a command to start cannot be combined"
        raise UsageError(message, "name one of them")
    return Asked(
        Path(said.output) if said.output is not None else None,
        tuple(dict.fromkeys(pids)),
        name,
        tuple(command),
        cli.seconds(said.delay, LEAST_INTERVAL_S, MOST_INTERVAL_S, "-d 1"),
        span_s(said.span, "--for"),
    )


def span_s(value: str | None, flag: str) -> float | None:
    """``90``, ``90s``, ``10m``, ``2h`` in seconds; None without; raises UsageError."""
    if value is None:
        return None
    found = _SPAN.fullmatch(value.strip())
    seconds = float(found[1]) * times.UNITS[found[2]] if found else 0.0
    if seconds <= 0:
        message = f"{flag} wants a time such as 90s, 10m or 2h, not {value[:40]!r}"
        raise UsageError(message, f"try {flag} 10m")
    return seconds


def main(arguments: Sequence[str]) -> int:
    """Run ``threadtop record`` with what stands behind it; returns the exit code."""
    asked = parse(arguments)
    cli.end_cleanly()
    reader = ProcReader(descriptors=0)
    pids = frozenset(targets.thread_group(reader, pid) for pid in asked.pids)
    if asked.name is not None:
        pids = frozenset({targets.sole(reader, asked.name)})
    if not asked.command:
        return run(asked, pids)
    command = targets.Command(asked.command, to_file=False)
    try:
        return run(asked, frozenset({command.pid}), command)
    finally:
        command.end()


def run(
    asked: Asked,
    pids: frozenset[int],
    command: Command | None = None,
    live: LiveSource | None = None,
    clock: Clock = time,
) -> int:
    """Record until the time is over, the processes have ended or the user has enough; returns the exit code."""
    file = asked.file or Path(writer.default_name(socket.gethostname(), time.time()))
    shown = text.plain(text.visible(str(file)))
    out = writer.Writer(writer.created(file), file)
    live = live or source.live()
    live.keep = out.add
    began = clock.monotonic()
    why = ""
    try:
        print(f"threadtop: recording to {shown}; Ctrl+C ends it", file=sys.stderr)
        why = _record(live, asked, pids, command, clock)
    except KeyboardInterrupt:
        why = "interrupted"
    finally:
        took_s = clock.monotonic() - began
        live.close()
        out.close()
        if not out.ticks:
            file.unlink(missing_ok=True)
    if not out.ticks:
        return cli.EXIT_INTERRUPTED
    size = text.size(file.stat().st_size)
    print(f"threadtop: {why}: {out.ticks} ticks in {text.duration(took_s)}, {size} in {shown}", file=sys.stderr)
    if out.ticks > 1:
        return EXIT_OK
    return cli.EXIT_INTERRUPTED if why == "interrupted" else EXIT_FAILURE


def _record(live: LiveSource, asked: Asked, pids: frozenset[int], command: Command | None, clock: Clock) -> str:
    """Take passes; returns in words why there are no more."""
    # All threads are read whole once; then those that ran, and the others in turn.
    interest = Interest(attached=pids or None, gil=pids, waits=pids)
    live.read(interest._replace(everything=True))
    began = due = clock.monotonic()
    due += min(FIRST_GAP_S, asked.interval_s) - asked.interval_s
    while True:
        due = max(due + asked.interval_s, clock.monotonic() - asked.interval_s)  # one that is late is not made up for
        if asked.for_s is not None and due - began > asked.for_s:
            clock.sleep(max(0.0, began + asked.for_s - clock.monotonic()))
            return "done"
        clock.sleep(max(0.0, due - clock.monotonic()))
        outcome = command.outcome() if command is not None else None  # reaps it: a zombie would never be seen to end
        snapshot = live.read(interest)
        if pids and not any(row.state != "Z" for row in snapshot.processes.values()):
            return f"process {', '.join(map(str, sorted(pids)))} has ended" + (f" ({outcome})" if outcome else "")
