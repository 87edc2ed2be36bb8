"""Which output is asked for: one at a time, and what can be combined with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from threadtop.errors import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

PS: Final = "ps"
FORMATS: Final = (PS,)
SIZE: Final = (120, 40)
LEAST_SIZE, MOST_SIZE = (20, 6), (400, 400)
"""Columns and rows of a picture: smaller shows nothing, larger is a slip of the finger."""
_SIZE: Final = re.compile(r"(\d{1,4})x(\d{1,4})", re.ASCII)
_PICTURE: Final = ".svg"


def check(said: Namespace, *, has_target: bool = False) -> None:
    """Raise UsageError for outputs that contradict each other, or that lack or exclude another option."""
    _one_of(said)
    _reference(said, has_target=has_target)
    if said.pane is None and (said.tid or said.part or said.want):
        message = "--tid, --part and --want go with --pane"
        raise UsageError(message, "write --pane NAME --once -p PID")
    is_text = said.once or said.batch or said.explain or said.pane
    if said.frames is not None:
        _refuse("-n", {"--once": said.once, "--pane": said.pane}, "that is one frame; for several write -b -n N")
        if not (is_text or said.screenshot):
            message = "-n needs -b"
            raise UsageError(message, "add -b for batch output")
    if said.explain:
        _refuse("--explain", _table_options(said), "--explain prints findings, not a table: leave the other out")
    _of_picture(said)
    rows = {"--csv": said.csv, "--jsonl": said.jsonl, "--format": said.format}
    flag = next((flag for flag, value in rows.items() if value), None)
    if flag is not None:
        _refuse(flag, {"--explain": said.explain, "--pane": said.pane}, "for a report as JSON write --json")
        if not (said.once or said.batch):
            message = f"{flag} needs --once or -b"
            raise UsageError(message, "add --once for one frame, -b for one after the other")
    if said.format:
        shape = {"--columns": said.columns, "--layout": said.layout, "--no-threads": said.threads is False}
        _refuse("--format", shape, "its columns and rows are those of ps: leave the other out")
    if said.json and not is_text:
        message = "--json needs --once, -b or --explain"
        raise UsageError(message, "add --once for one document")


def _one_of(said: Namespace) -> None:
    given = [flag for flag, value in _outputs(said).items() if value]
    if len(given) > 1:
        message = f"{given[0]} and {given[1]} cannot be combined"
        raise UsageError(message, "choose one kind of output")


def _of_picture(said: Namespace) -> None:
    if said.screenshot is not None:
        others = {
            "--once": said.once,
            "-b": said.batch,
            "-n": said.frames,
            "--explain": said.explain,
            "-w": said.width,
            "--tid": said.tid,
            "--part": said.part,
            "--want": said.want,
        }
        _refuse("--screenshot", others, "a picture has --size and is of one moment: leave the other out")
    elif said.size is not None:
        message = "--size is that of a picture"
        raise UsageError(message, "add --screenshot FILE.svg; for text use -w")


def _reference(said: Namespace, *, has_target: bool) -> None:
    """What is printed of threadtop itself is of no process, and no table."""
    given: dict[str, object] = {"--schema": said.schema, "-O": said.list_fields, "--page": said.page}
    for flag in [flag for flag, value in given.items() if value is not None and value is not False]:
        others = {**given, flag: None, "a process": has_target, **_outputs(said), **_table_options(said)}
        _refuse(flag, others, "it is about threadtop, not about what runs: leave the other out")


def _outputs(said: Namespace) -> dict[str, object]:
    return {
        "--json": said.json,
        "--jsonl": said.jsonl,
        "--csv": said.csv,
        "--format": said.format,
        "--screenshot": said.screenshot is not None,
    }


def _table_options(said: Namespace) -> dict[str, object]:
    """Options that shape a table or repeat it: they have no place in a report."""
    return {
        "--once": said.once,
        "-b": said.batch,
        "-n": said.frames,
        "-u": said.user,
        "-o": said.sort,
        "--columns": said.columns,
        "--filter": said.filter,
        "--layout": said.layout,
        "--hide-idle": said.hide_idle,
    }


def _refuse(flag: str, others: dict[str, object], remedy: str) -> None:
    given = [other for other, value in others.items() if value]
    if given:
        message = f"{flag} and {given[0]} cannot be combined"
        raise UsageError(message, remedy)


def size(value: str | None) -> tuple[int, int]:
    """Columns and rows of --size, ``120x40``; raises UsageError where it is none, or out of bounds."""
    if value is None:
        return SIZE
    match = _SIZE.fullmatch(value)
    columns, rows = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (LEAST_SIZE[0] <= columns <= MOST_SIZE[0] and LEAST_SIZE[1] <= rows <= MOST_SIZE[1]):
        least, most = (f"{columns}x{rows}" for columns, rows in (LEAST_SIZE, MOST_SIZE))
        message = f"--size wants COLUMNSxROWS between {least} and {most}, not {value[:40]!r}"
        raise UsageError(message, f"try --size {SIZE[0]}x{SIZE[1]}")
    return columns, rows


def picture(value: str | None) -> str | None:
    """The file of --screenshot; raises UsageError where its name does not say that it is an SVG."""
    if value is None or value.lower().endswith(_PICTURE):
        return value
    message = f"--screenshot writes SVG, and {value[:80]!r} is no name of one"
    raise UsageError(message, "write --screenshot FILE.svg")
