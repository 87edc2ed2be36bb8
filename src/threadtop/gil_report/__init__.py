"""``threadtop gil PID``: one summary of a few seconds of a process's GIL, for a terminal or a CI log."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import __version__, cli, export, query, source, targets
from threadtop.errors import EXIT_OK, UsageError
from threadtop.gil_report.lines import report_lines
from threadtop.gil_report.measure import measure
from threadtop.headless import prepare_output, write_lines
from threadtop.procfs.reader import ProcReader
from threadtop.query import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.clock import Clock
    from threadtop.gil_report.measure import Measured
    from threadtop.source import Source

LEAST_S: Final = 0.5
MOST_S: Final = 3600.0
DEFAULT_S: Final = 5.0


class Asked(NamedTuple):
    """What the user asked for: a PID or name, or a command to start, for how many seconds, as text or JSON."""

    target: str | None
    command: tuple[str, ...]
    seconds: float
    json: bool


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="threadtop gil",
        usage=(
            "threadtop gil [-d SECONDS] [--json] PID | NAME\n"
            "       threadtop gil [-d SECONDS] [--json] -- COMMAND [ARG ...]"
        ),
        description=(
            "Watch one CPython process for some seconds and say who held its GIL, who waited for it, and what that "
            "means.  The process is not stopped.  Exact where its memory may be read (your own process without "
            "Yama's ptrace_scope, a command started here, or root); else estimated from counters, marked ~: a problem "
            "must then hold for 3 seconds to be said.  A command is ended afterwards; what it starts itself is not "
            "watched."
        ),
        epilog=(
            "Exit code: 0 measured, 1 not (no CPython, or it ended first), 2 bad usage or no such process, 130 "
            "interrupted."
        ),
        allow_abbrev=False,
    )
    parser.add_argument("target", nargs="?", metavar="PID | NAME", help="the process, by id or by name")
    seconds = f"how long to watch, {LEAST_S:g} to {MOST_S:g} ({DEFAULT_S:g})"
    parser.add_argument("-d", "--delay", metavar="SECONDS", default=f"{DEFAULT_S:g}", help=seconds)
    parser.add_argument("--json", action="store_true", help="print one JSON document, as --once --json does")
    parser.add_argument("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def parse(arguments: Sequence[str]) -> Asked:
    """The arguments behind ``gil``; raises UsageError."""
    own, command = cli.split_command(arguments, "threadtop gil")
    said = _parser().parse_args(own)
    if not said.target and not (said.target is None and command):
        message = "gil wants a process to watch"
        raise UsageError(message, "write threadtop gil PID, or threadtop gil -- COMMAND [ARG ...]")
    if said.target is not None and command:
        message = "a PID or NAME and a command to start cannot be combined"
        raise UsageError(message, "name one of them")
    return Asked(said.target, tuple(command), cli.seconds(said.delay, LEAST_S, MOST_S, "-d 5"), said.json)


def main(arguments: Sequence[str]) -> int:
    """Run ``threadtop gil`` with what stands behind it; returns the exit code."""
    asked = parse(arguments)
    cli.end_cleanly()
    if asked.target is not None:
        return run(asked, _pid(asked.target))
    command = targets.Command(asked.command, to_file=False)
    try:
        return run(asked, command.pid, command)
    finally:
        command.end()


def _pid(target: str) -> int:
    reader = ProcReader(descriptors=0)
    if target.isascii() and target.isdigit():
        (pid,) = targets.parse_pids(target)
        return targets.thread_group(reader, pid)
    return targets.sole(reader, target, "choose one: threadtop gil PID")


def run(
    asked: Asked,
    pid: int,
    command: targets.Command | None = None,
    source_: Source | None = None,
    clock: Clock = time,
) -> int:
    """Watch process ``pid`` and print what was found; returns the exit code, raises TargetError for nothing."""
    prepare_output(json=asked.json)
    live = source_ or source.live(gil_window_s=asked.seconds)
    try:
        measured = measure(live, pid, asked.seconds, clock, command)
    finally:
        live.close()
    if asked.json:
        sys.stdout.write(json.dumps(document(measured), allow_nan=False, separators=(",", ":")) + "\n")
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        write_lines(report_lines(measured, width))
    sys.stdout.flush()
    return cli.EXIT_INTERRUPTED if measured.is_interrupted else EXIT_OK


def document(measured: Measured) -> dict[str, object]:
    """The document of ``--once --json`` for the process, and how long it was measured."""
    shown = export.document(measured.snapshot, query.table(measured.snapshot, View()))
    shown["measurement"] = {
        "asked_s": measured.asked_s,
        "measured_s": round(measured.seconds, 2),
        "ended": measured.ended or None,
        "is_interrupted": measured.is_interrupted,
    }
    return shown
