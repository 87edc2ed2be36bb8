"""``threadtop record``: the machine or some processes into a file, to be looked at later; needs no screen."""

from __future__ import annotations

import argparse
import re
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import __version__, cli, source, targets, text
from threadtop.errors import EXIT_OK, UsageError
from threadtop.feed import FIRST_GAP_S, LEAST_INTERVAL_S, MOST_INTERVAL_S
from threadtop.interest import Interest
from threadtop.procfs.reader import ProcReader
from threadtop.recording import times, writer
from threadtop.recording.format import EXAMPLES, PACKED, TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.clock import Clock
    from threadtop.snapshot import ProcessRow, Snapshot
    from threadtop.source import LiveSource
    from threadtop.targets import Command

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)", re.ASCII)


class Asked(NamedTuple):
    """What the user asked for: where to (None: our own name), whom, how often, for how long (None: until ended)."""

    file: Path | None
    pids: tuple[int, ...]
    name: str | None
    command: tuple[str, ...]
    interval_s: float
    for_s: float | None


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="threadtop record",
        usage=(
            "threadtop record [-o FILE] [-d SECONDS] [--for TIME] [-p PID[,PID] | NAME]\n"
            "       threadtop record [-o FILE] [-d SECONDS] [--for TIME] -- COMMAND [ARG ...]\n"
            "       threadtop record --schema"
        ),
        description=(
            "Record the machine, or some processes with their GILs, waits and locks, into one SQLite file that "
            "threadtop replay FILE shows again.  Only what changed is written; what is written stays, whatever happens "
            "to threadtop.  The file is its owner's only: it holds command lines (never environments)."
        ),
        epilog=(
            "Exit code: 0 recorded, 1 not (a full disk), 2 bad usage or no such process, 130 interrupted before "
            "anything was recorded."
        ),
        allow_abbrev=False,
    )
    say = parser.add_argument
    say("target", nargs="?", metavar="PID | NAME", help="the process, by id or by name (without: the whole machine)")
    say("-p", "--pid", action="append", metavar="PID[,PID]", help="processes by id")
    say("-o", "--output", metavar="FILE", help="the file to make (threadtop-HOST-TIME.ttr)")
    say("-d", "--delay", metavar="SECONDS", default="1", help="seconds between two ticks (1)")
    say("--for", metavar="TIME", dest="span", help="end after 90, 90s, 10m or 2h")
    say("--schema", action=_Schema, nargs=0, help="print the tables of such a file as SQL, with remarks and examples")
    say("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def parse(arguments: Sequence[str]) -> Asked:
    """The arguments behind ``record``; raises UsageError."""
    own, command = cli.split_command(arguments, "threadtop record")
    said = _parser().read(own)
    pids, name = targets.asked(said.pid, said.target, command)
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
    why, ended = "", None
    try:
        _say(f"recording to {shown}; Ctrl+C ends it")
        why = _record(live, asked, pids, command, clock)
    except KeyboardInterrupt:
        why = "interrupted"
    except SystemExit as error:  # by cli.end_cleanly: the log of a service says what there is, too
        why, ended = f"ended by {targets.signal_name(int(error.code or 0) - 128)}", error
    finally:
        took_s = clock.monotonic() - began
        live.close()
        out.close()
        if not out.ticks:
            writer.discard(file)
    ticks = text.many(out.ticks, "tick")
    what = f"{ticks} in {text.duration(took_s)}, {_size(file)} in {shown}" if out.ticks else "nothing was recorded"
    _say(f"{why}: {what}")
    if ended is not None:
        raise ended
    return EXIT_OK if out.ticks > 1 else cli.EXIT_INTERRUPTED


def _say(what: str) -> None:
    """A line on standard error; a recording does not end because nobody reads it."""
    with suppress(OSError):
        print(f"threadtop: {what}", file=sys.stderr, flush=True)


def _size(file: Path) -> str:
    try:
        return text.size(file.stat().st_size)
    except OSError:
        return "none"  # somebody has moved it


def _record(live: LiveSource, asked: Asked, pids: frozenset[int], command: Command | None, clock: Clock) -> str:
    """Take passes; returns in words why there are no more."""
    # All threads are read whole once; then those that ran, and the others in turn.
    interest = Interest(attached=pids or None, gil=pids, waits=pids)
    first = live.read(interest._replace(everything=True))
    began = due = clock.monotonic()
    due += min(FIRST_GAP_S, asked.interval_s) - asked.interval_s
    while True:
        missed = int((clock.monotonic() - due) // asked.interval_s)
        due += asked.interval_s * (1 + max(0, missed))  # none that was missed is made up for
        is_last = asked.for_s is not None and due - began >= asked.for_s
        if asked.for_s is not None and is_last:
            due = began + asked.for_s
        clock.sleep(max(0.0, due - clock.monotonic()))
        if command is not None:
            command.outcome()  # reaps it
        snapshot = live.read(interest)
        if pids and not any(_is_same(first, row) and not row.has_ended for row in snapshot.processes.values()):
            return targets.ended(pids, command)
        if is_last:
            return "done"


def _is_same(first: Snapshot, row: ProcessRow) -> bool:
    """Whether it is not another process that has got its pid."""
    was = first.processes.get(row.pid)
    return was is not None and was.start_ticks == row.start_ticks


class _Schema(argparse.Action):
    """Print the tables of a recording, what stands in them, and what may be asked of them."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """As argparse calls it."""
        print(TABLES.strip(), PACKED.strip(), EXAMPLES.strip(), sep="\n\n")
        parser.exit()
