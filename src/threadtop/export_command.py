"""``threadtop export``: a recording as JSON or CSV, through the same writers as what is live."""

from __future__ import annotations

import sys
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import __version__, cli, headless, query, targets, text
from threadtop import arguments as values
from threadtop.errors import EXIT_OK, AbsentError, UsageError
from threadtop.interest import Interest
from threadtop.recording import times
from threadtop.recording.replay import Replay

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from threadtop.recording.reader import Tick
    from threadtop.snapshot import Snapshot

_MOMENTS: Final = ("--from", "--to")


class Asked(NamedTuple):
    """What the user asked for: which recording, from when to when (None: all of it), and how it is written."""

    file: Path
    begin: times.Named | None
    end: times.Named | None
    options: cli.Options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="threadtop export",
        usage="threadtop export FILE --jsonl | --csv [--from TIME] [--to TIME] [-p PID[,PID]] [-n N] [view options]",
        description=(
            "Print a recording (threadtop record) as the live output of threadtop -b --jsonl or --csv would have been: "
            "one JSON document a line, or rows with their time, for each tick.  The first tick of a recording has no "
            "rates yet: they are null, in CSV empty."
        ),
        epilog=(
            "TIME: 90s, 10m, 2h from the start, -30s from the end, 03:15 or 03:15:20 (UTC), or "
            "2026-11-27T03:15:20Z.  Exit code: 0 printed, 1 a failure (no recording, a full disk), 2 bad "
            "usage, or a process or user who is not in it."
        ),
        allow_abbrev=False,
    )
    say = parser.add_argument
    say("file", metavar="FILE", help="the recording")
    say("--jsonl", action="store_true", help="JSON, one document a line for each tick (threadtop --schema)")
    say("--csv", action="store_true", help="the columns as CSV, their keys as a heading once")
    say("--from", metavar="TIME", dest="begin", help="from this moment on")
    say("--to", metavar="TIME", dest="end", help="up to this moment")
    say("-p", "--pid", action="append", metavar="PID[,PID]", help="only these processes, and findings about them")
    say("-n", "--frames", metavar="N", help="end after N ticks")
    values.declare_view(parser)
    say("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def parse(arguments: Sequence[str]) -> Asked:
    """The arguments behind ``export``; raises UsageError."""
    said = _parser().read(arguments)
    if said.jsonl == said.csv:
        if said.csv:
            message = "--jsonl and --csv cannot be combined"
            raise UsageError(message, "choose one kind of output")
        message = "it is not said as what to export"
        raise UsageError(message, "add --jsonl for JSON documents, --csv for rows")
    if said.jsonl:
        _require_rows(said)
    return Asked(
        Path(said.file),
        times.parse(said.begin, "--from") if said.begin is not None else None,
        times.parse(said.end, "--to") if said.end is not None else None,
        cli.Options(
            frames=values.whole(said.frames, "-n"),
            pids=frozenset(pid for value in said.pid or () for pid in targets.parse_pids(value)) or None,
            headless=True,
            json=said.jsonl,
            csv=said.csv,
            **values.of_view(said, is_here=False),
        ),
    )


def _require_rows(said: Namespace) -> None:
    """A document has its own keys: columns would change nothing, and that would not be seen."""
    if said.columns is not None:
        message = "--jsonl and --columns cannot be combined"
        raise UsageError(message, "a document has all keys; for chosen columns use --csv")


def main(arguments: Sequence[str]) -> int:
    """Run ``threadtop export`` with what stands behind it; returns the exit code."""
    asked = parse(arguments)
    cli.end_cleanly()
    replay = Replay(asked.file)
    try:
        _write(replay, asked)
    finally:
        replay.close()
    return EXIT_OK


def _write(replay: Replay, asked: Asked) -> None:
    values.check_user(asked.options.user, replay.recording)
    first, last = _span(replay.recording.ticks, asked)
    options = asked.options
    headless.prepare_output(json=options.json or options.csv)
    writer = headless.Writer(options)
    if options.frames is not None:
        last = min(last, first + options.frames - 1)
    missing = set(options.pids or ())
    snapshot: Snapshot | None = replay.seek(first)[-1]
    while snapshot is not None:
        missing -= snapshot.processes.keys()
        shown = snapshot if options.pids is None else _of_processes(snapshot, options.pids)
        sys.stdout.write(writer.frame(shown, query.table(shown, writer.view)))
        sys.stdout.flush()
        snapshot = replay.read(Interest()) if replay.at < last else None
    if missing:
        pids = ", ".join(map(str, sorted(missing)))
        message = f"process {pids} is not in the ticks that were exported"
        raise AbsentError(message, "threadtop export FILE --csv --no-threads lists those that are")


def _span(ticks: Sequence[Tick], asked: Asked) -> tuple[int, int]:
    """The first and the last tick asked for; raises UsageError where there is none between."""
    begin, end = ticks[0].time, ticks[-1].time
    # To the ms, as documents have it: one that is asked for by its own time is there.
    least = round(asked.begin.within(begin, end), 3) if asked.begin else -inf
    most = round(asked.end.within(begin, end), 3) if asked.end else inf
    inside = [index for index, tick in enumerate(ticks) if least <= round(tick.time, 3) <= most]
    if not inside:
        message = f"there is no tick of {text.plain(text.visible(str(asked.file)))} between these moments"
        raise UsageError(message, times.stretch(begin, end))
    return inside[0], inside[-1]


def _of_processes(snapshot: Snapshot, pids: frozenset[int]) -> Snapshot:
    """Only these processes, and what was found about them."""
    return snapshot._replace(
        processes={pid: row for pid, row in snapshot.processes.items() if pid in pids},
        gone=tuple(row for row in snapshot.gone if row.pid in pids),
        findings=tuple(found for found in snapshot.findings if found.pid in pids),
    )
