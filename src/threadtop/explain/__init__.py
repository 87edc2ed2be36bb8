"""``threadtop --explain``: a few seconds of one process or the machine, and what they say, to paste into a report."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from threadtop import cli, export, query, source, text
from threadtop.errors import EXIT_OK
from threadtop.explain.lines import missing, report_lines
from threadtop.explain.watch import watch
from threadtop.findings import PROBLEM
from threadtop.headless import prepare_output, write_lines
from threadtop.query import View

if TYPE_CHECKING:
    from threadtop.cli import Options
    from threadtop.clock import Clock
    from threadtop.explain.watch import Watched
    from threadtop.source import Source
    from threadtop.targets import Command

EXIT_FOUND: Final = 1  # a problem; 2 is bad usage, or nothing to watch


def run(options: Options, command: Command | None = None, source_: Source | None = None, clock: Clock = time) -> int:
    """Watch what was asked for and print what was found; returns the exit code, raises UsageError for nothing."""
    prepare_output(json=options.json)
    live = source_ or source.live()
    try:
        watched = watch(live, options.pids or frozenset(), options.interval_s or cli.EXPLAIN_S, clock, command)
    finally:
        live.close()
    if options.json:
        sys.stdout.write(json.dumps(document(watched), allow_nan=False, separators=(",", ":")) + "\n")
    else:
        width = options.width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
        write_lines(report_lines(watched, width))
    sys.stdout.flush()
    if watched.is_interrupted:
        return cli.EXIT_INTERRUPTED
    return EXIT_FOUND if any(found.severity >= PROBLEM for found in watched.found) else EXIT_OK


def document(watched: Watched) -> dict[str, Any]:
    """The document of ``--once --json`` for the processes asked for, what was found, and how long it was watched."""
    snapshot = watched.snapshot._replace(findings=watched.found)
    processes = {row.pid: row for row in watched.processes}
    shown = export.document(snapshot, query.table(snapshot._replace(processes=processes), View()))
    shown["explain"] = {
        "pids": sorted(processes),
        "asked_s": watched.asked_s,
        "watched_s": round(watched.seconds, 2),
        "readings": watched.readings,
        "ended": watched.ended or None,
        "is_interrupted": watched.is_interrupted,
        "has_problem": any(found.severity >= PROBLEM for found in watched.found),
        "not_looked_at": [text.plain(text.visible(line)) for line in missing(watched)],
    }
    return shown
