"""``threadtop --pane NAME --once -p PID``: one pane of a process as text or JSON, from the code that paints it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from threadtop import bars, export, fields, headless, query, sheets, source, targets, text
from threadtop.errors import EXIT_FAILURE, EXIT_OK, UsageError
from threadtop.finding_text import WIDE, finding_lines
from threadtop.inside.asked import Asked
from threadtop.interest import ALL_NEEDS, Interest
from threadtop.query import View
from threadtop.sheets import document, list_denials, render
from threadtop.sheets.sheet import Subject
from threadtop.sheets.stacks import PYTHON, StacksFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.cli import Options
    from threadtop.sheets.sheet import Kind
    from threadtop.snapshot import ProcessRow, Snapshot
    from threadtop.source import Source
    from threadtop.targets import Command

THREADS, FINDINGS, THREAD, STACKS = "threads", "findings", "thread", "stacks"
NAMES: Final = (THREADS, FINDINGS, *(kind.name for kind in sheets.KINDS))
"""What --pane takes: two that are lists of rows, and those of fields."""
_WIDE: Final = 120  # cells of a line into a pipe
_MOST_PENDING_S: Final = 30.0  # that facts which are read in slices may take
_LOOKS_S: Final = 0.1  # until the watches have taken their first looks


def check(
    pane: str,
    pids: frozenset[int] | None,
    tid: int | None,
    wants: frozenset[str] = frozenset(),
    *,
    is_readonly: bool = False,
) -> None:
    """Raise UsageError for a pane that there is not, or one that needs another target or has nothing of the kind."""
    if pane not in NAMES:
        message = f"there is no pane {pane[:40]!r}"
        raise UsageError(message, f"--pane takes one of {', '.join(sorted(NAMES))}")
    if pids is not None and len(pids) != 1:
        message = "--pane shows one process"
        raise UsageError(message, "name one: -p PID")
    if tid is not None and pane != THREAD:
        message = f"--tid goes with --pane {THREAD}"
        raise UsageError(message, f"write --pane {THREAD} --tid TID -p PID")
    kind = sheets.BY_NAME.get(pane)
    known = [one.name for one in kind.requests] if kind is not None else []
    for want in sorted(wants.difference(known)):
        message = f"--pane {pane} has nothing called {want[:40]!r} to want"
        raise UsageError(message, f"--want takes {' or '.join(known)}" if known else "leave --want out")
    if pane == STACKS and wants and is_readonly:
        message = f"--want {min(wants)} pauses the process, and --readonly forbids that"
        raise UsageError(message, "leave one of them out; without --want the process is not paused")
    if pane == STACKS and len(wants) > 1:
        message = f"--pane {STACKS} asks for one kind of stacks"
        raise UsageError(message, f"--want {' or '.join(known)}")


def run(options: Options, command: Command | None = None, source_: Source | None = None) -> int:
    """Print the pane that was asked for; returns the exit code: 1 where the process has ended meanwhile."""
    pane = options.pane or ""
    if options.pids is None:
        message = "--pane needs a process"
        raise UsageError(message, "add -p PID, a NAME or -- COMMAND")
    headless.prepare_output(json=options.json)
    (pid,) = options.pids
    kind = sheets.BY_NAME.get(pane)
    tid = (options.tid or pid) if pane == THREAD else 0
    live = source_ or source.live()
    try:
        snapshot = _snapshot(live, options, pid, kind, tid)
    finally:
        live.close()
    process = snapshot.processes.get(pid) if snapshot is not None else None
    if snapshot is None or process is None:
        print(f"threadtop: {targets.ended(options.pids, command)}", file=sys.stderr)
        return EXIT_FAILURE
    if tid and tid not in process.threads:
        print(f"threadtop: process {pid} has no thread {tid} (any more); --pane threads lists them", file=sys.stderr)
        return EXIT_FAILURE
    if options.json:
        shown = _document(snapshot, process, kind, tid, options)
        sys.stdout.write(json.dumps(shown, allow_nan=False, separators=(",", ":")) + "\n")
    else:
        headless.write_lines(_lines(snapshot, process, kind, tid, options))
    sys.stdout.flush()
    return EXIT_OK


def _snapshot(live: Source, options: Options, pid: int, kind: Kind | None, tid: int) -> Snapshot | None:
    """Three passes: one to begin from, one for the tallies of the watches to begin from, one to measure."""
    near = frozenset({pid})
    visible = frozenset({(pid, tid)}) if tid else frozenset()
    interest = Interest(visible, needs=ALL_NEEDS, gil=near, waits=near, at_once=True)
    wide = kind is not None and kind.is_wide
    if not wide:
        interest = interest._replace(attached=near, everything=True)
    live.read(interest)
    if kind is not None and kind.has_facts:  # read twice: rates, and what is looked for a little in each reading
        interest = interest._replace(asked=Asked(kind.name, pid, tid, options.part, options.wants))
    time.sleep(_LOOKS_S)
    live.read(interest)
    time.sleep(options.interval_s or 1.0)
    snapshot = live.read(interest)
    end = time.monotonic() + _MOST_PENDING_S
    while snapshot is not None and _is_pending(snapshot) and time.monotonic() < end:
        snapshot = live.read(interest)
    return snapshot


def _is_pending(snapshot: Snapshot) -> bool:
    """Whether the facts say that they are read in slices, and that there is more to come."""
    return snapshot.inside is not None and bool(getattr(snapshot.inside.facts, "is_pending", False))


def _traced(process: ProcessRow, wants: frozenset[str]) -> StacksFacts:
    """The stacks, asked for now; raises StacksError where they cannot be had."""
    from threadtop import traces  # noqa: PLC0415 the other panes do without

    how = next(iter(wants), PYTHON)
    answer = traces.read(how, process)
    return StacksFacts(how=how, is_printed=True, **answer._asdict())


def _subject(snapshot: Snapshot, process: ProcessRow, kind: Kind, tid: int, options: Options) -> Subject:
    found = snapshot.inside
    facts = found.facts if found is not None and found.asked.pane == kind.name else None
    if kind.name == STACKS:
        facts = _traced(process, options.wants)
    return Subject(snapshot, process, facts, tid, options.part, options.wants)


def _document(snapshot: Snapshot, process: ProcessRow, kind: Kind | None, tid: int, options: Options) -> dict[str, Any]:
    if kind is not None:
        subject = _subject(snapshot, process, kind, tid, options)
        return document.document(kind, subject, kind.make(subject))
    alone = _alone(snapshot, process)
    whole = export.document(alone, query.table(alone, options.view(View())))
    pane = options.pane or ""
    rows = whole["findings"] if pane == FINDINGS else [one for row in whole["processes"] for one in row["threads"]]
    denied = [denial._asdict() for denial in list_denials.denials(process)]
    return {**document.head(alone, pane, process), pane: rows, "notes": whole["notes"], "denied": denied}


def _alone(snapshot: Snapshot, process: ProcessRow) -> Snapshot:
    """The snapshot of one process, with its own findings."""
    found = tuple(one for one in snapshot.findings if one.pid == process.pid)
    return snapshot._replace(processes={process.pid: process}, gone=(), findings=found)


def _lines(snapshot: Snapshot, process: ProcessRow, kind: Kind | None, tid: int, options: Options) -> Iterator[str]:
    width = options.width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
    if kind is not None:
        subject = _subject(snapshot, process, kind, tid, options)
        sheet = kind.make(subject)
        yield from render.lines(sheet, kind.terms, width or _WIDE)
        return
    yield from _listed(_alone(snapshot, process), options, width)
    yield from render.denial_lines(list_denials.denials(process), width or _WIDE)


def _listed(alone: Snapshot, options: Options, width: int | None) -> Iterator[str]:
    """The panes that are lists of rows."""
    if options.pane == FINDINGS:
        for found in alone.findings:
            yield from (text.plain(line) for line in finding_lines(found, min(width or WIDE, WIDE)))
        if not alone.findings:
            yield "nothing found so far; --explain -d 10 watches for longer"
        return
    view = options.view(View())
    if width is not None and options.columns is None:
        view = replace(view, columns=fields.fitting(view.columns, width))
    table = query.table(alone, view)
    for line in export.table_lines(table, width):
        yield line if headless.can_print(line) else bars.plain(line)
    headless.tell_no_match(table)
