"""Tables as CSV (RFC 4180), for spreadsheets, sqlite3 and scripts; pure."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from threadtop import text
from threadtop.export import figure, iso_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.fields import Field
    from threadtop.query import Table
    from threadtop.snapshot import Row, Snapshot


class _Lines(list[str]):
    """What a csv writer writes, line by line."""

    write = list.append


def heading(columns: Sequence[Field]) -> str:
    """The first line: ``time`` and the keys of the columns."""
    return _lines([["time", *(field.key for field in columns)]])


def rows(snapshot: Snapshot, table: Table) -> str:
    """The rows of a table, each with the moment in UTC; unknown is an empty cell, numbers are as in JSON.

    An amount that the threads of a process share stands on its own row alone, or adding rows up would multiply it;
    the uid stands on each of them: a row is to be read without the others.  ``command`` is the whole command line, as
    in JSON.
    """
    time = iso_time(snapshot.time)
    return _lines(
        [[time, *(_cell(field, row, snapshot) for field in table.columns)] for row in table.rows if row.mark != "gone"]
    )


def _cell(field: Field, row: Row, snapshot: Snapshot) -> Any:  # noqa: ANN401 a field's type is its kind
    value = field.value(row)
    if value is text.SHARED and field.key == "uid" and row.pid in snapshot.processes:
        value = field.value(snapshot.processes[row.pid])
    if isinstance(value, str) and value is not text.SHARED:
        return text.plain(text.visible(value))
    return figure(field, value)


def _lines(records: list[list[Any]]) -> str:
    lines = _Lines()
    csv.writer(lines).writerows(records)
    return "".join(lines)
