"""Which output is asked for: one at a time, and what can be combined with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.errors import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

PS: Final = "ps"
FORMATS: Final = (PS,)


def check(said: Namespace) -> None:
    """Raise UsageError for outputs that contradict each other, or that lack or exclude another option."""
    _one_of(said)
    if said.explain:
        _refuse("--explain", _table_options(said), "--explain prints findings, not a table: leave the other out")
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
    if said.json and not (said.once or said.batch or said.explain or said.pane):
        message = "--json needs --once, -b or --explain"
        raise UsageError(message, "add --once for one document")


def _one_of(said: Namespace) -> None:
    outputs = {
        "--json": said.json,
        "--jsonl": said.jsonl,
        "--csv": said.csv,
        "--format": said.format,
    }
    given = [flag for flag, value in outputs.items() if value]
    if len(given) > 1:
        message = f"{given[0]} and {given[1]} cannot be combined"
        raise UsageError(message, "choose one kind of output")


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
