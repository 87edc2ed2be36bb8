"""Frames as text, CSV or JSON for pipes, scripts and CI; nothing here imports textual."""

from __future__ import annotations

import io
import shutil
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from threadtop import bars, export, fields, ps_format, query, source, targets, text
from threadtop.errors import EXIT_FAILURE, EXIT_OK
from threadtop.interest import ALL_NEEDS, Interest
from threadtop.procfs import ttys
from threadtop.procfs.reader import ProcReader
from threadtop.query import View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.cli import Options
    from threadtop.query import Table
    from threadtop.snapshot import Snapshot
    from threadtop.source import Source
    from threadtop.targets import Command

ATTACH_S: Final = 0.1  # until the watches of a named process have taken their first looks
_BLOCKS: Final = "█▏▓▒·"  # what bars are drawn of


def run(options: Options, command: Command | None = None, source_: Source | None = None) -> int:
    """Print frames until there have been enough, the targets end or the reader goes; returns the exit code.

    The first frame takes two passes: one to begin from, one to measure; for named processes one more between them,
    for the tallies of the watches to begin from.  A target that ends before that has left nothing to print, which
    is a failure.
    """
    prepare_output(json=options.json or options.csv)
    interval_s = options.interval_s or 1.0
    writer = Writer(options)
    view = writer.view
    needs = view.needs() if not options.json else ALL_NEEDS
    # Named from the first pass on, so that the watches cover all of the first frame: they attach after that pass.
    named = options.pids or frozenset()
    interest = Interest(
        attached=options.pids, needs=needs, everything=True, gil=named, waits=named, at_once=options.pids is not None
    )
    live = source_ or source.live()
    frames = 0
    try:
        live.read(interest)
        if interest.gil and interval_s > ATTACH_S:
            time.sleep(ATTACH_S)
            live.read(interest)
        due = time.monotonic()
        while options.frames is None or frames < options.frames:
            due += interval_s
            time.sleep(max(0.0, due - time.monotonic()))
            if command is not None:
                command.outcome()  # reaps it
            snapshot = live.read(interest)
            if snapshot is None:
                break
            if options.pids and not snapshot.processes:
                print(f"threadtop: {targets.ended(options.pids, command)}", file=sys.stderr)
                break
            table = query.table(snapshot, view)
            sys.stdout.write(writer.frame(snapshot, table))
            sys.stdout.flush()
            if not frames and not (options.json or options.csv):
                tell_no_match(table)
            frames += 1
    finally:
        live.close()
    return EXIT_OK if frames else EXIT_FAILURE


class Writer:
    """Makes frames in the format that was asked for; the first one is not like the others."""

    def __init__(self, options: Options) -> None:
        """Nothing written yet."""
        self._options = options
        self._frames = 0
        self._width = _width(options.width)
        self.view = options.view(ps_format.VIEW if options.format else View())
        if options.csv:
            self.view = replace(self.view, full_command=True)  # whole command lines, as in JSON
        if self._width is not None and options.columns is None and not (options.format or options.csv):
            self.view = replace(self.view, columns=fields.fitting(self.view.columns, self._width))

    def frame(self, snapshot: Snapshot, table: Table) -> str:
        """What to write for a snapshot, its last line ended."""
        is_first = not self._frames
        self._frames += 1
        if self._options.json:
            return export.to_json(snapshot, table) + "\n"
        if self._options.csv:
            from threadtop import delimited  # noqa: PLC0415 JSON and text do without

            return (delimited.heading(table.columns) if is_first else "") + delimited.rows(snapshot, table)
        gap = "" if is_first else "\n"
        if self._options.format:
            named = ttys.read(ProcReader(descriptors=0), dict.fromkeys(row.pid for row in table.rows))
            lines = ps_format.lines(snapshot, table, named, self._width)
            return gap + "".join(f"{line}\n" for line in lines)
        frame = gap + "\n".join(export.text_lines(snapshot, table, self._width)) + "\n"
        return frame if can_print(_BLOCKS) else bars.plain(frame)


def tell_no_match(table: Table) -> None:
    """Say on standard error that a table is empty because of its filter: with a slip in that, all seems to rest."""
    if table.view.filter is not None and not table.rows and not table.hidden_idle:
        print(f"threadtop: no {'thread' if table.view.threads else 'process'} matches the filter", file=sys.stderr)


def prepare_output(*, json: bool) -> None:
    """JSON is UTF-8 (RFC 8259); in text, what the locale has no character for is shown by its number."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    if json:
        sys.stdout.reconfigure(encoding="utf-8")
    else:
        sys.stdout.reconfigure(errors="backslashreplace")


def print_page(name: str, width: int | None) -> int:
    """Print the page of that name, or of ``list`` all names; returns the exit code, raises UsageError."""
    from threadtop import pages  # noqa: PLC0415 the rest of headless output does without

    prepare_output(json=False)
    for line in pages.printed(name, _width(width)):
        print(line if can_print(line) else bars.plain(line))
    return EXIT_OK


def write_lines(lines: Iterable[str]) -> None:
    """Print the lines of a report; where the output's encoding has no ellipsis, a dot stands for it."""
    ellipsis = text.ELLIPSIS if can_print(text.ELLIPSIS) else "."
    for line in lines:
        sys.stdout.write(line.replace(text.ELLIPSIS, ellipsis) + "\n")


def can_print(line: str) -> bool:
    """Whether the output's encoding has all that a line is made of."""
    try:
        line.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _width(asked: int | None) -> int | None:
    """The width to cut at: the one asked for, the terminal's, or none into a pipe."""
    if asked is not None:
        return asked
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
