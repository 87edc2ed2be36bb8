"""A sheet as a JSON document: entries by section and key, tables as lists of objects; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from threadtop import export

if TYPE_CHECKING:
    from threadtop.sheets.sheet import Kind, Sheet, Subject, Table
    from threadtop.snapshot import ProcessRow, Snapshot

SCHEMA: Final = "threadtop-pane/1"


def head(snapshot: Snapshot, pane: str, process: ProcessRow) -> dict[str, Any]:
    """What every document of a pane begins with."""
    return {
        "schema": SCHEMA,
        "time": export.iso_time(snapshot.time),
        "pane": pane,
        "pid": process.pid,
        "process": export.clean(process.process),
    }


def document(kind: Kind, subject: Subject, sheet: Sheet) -> dict[str, Any]:
    """What ``--pane NAME --json`` prints; a value that is not known is null, what was denied says by which rule."""
    shown = head(subject.snapshot, kind.name, subject.process)
    if subject.tid:
        shown["tid"] = subject.tid
    for section in sheet.sections:
        entries = {
            key: _plain(value)
            for entry in section.entries
            for key, value in ((entry.key, entry.value), *entry.more.items())
        }
        if section.table is None:
            shown[section.key] = entries
            continue
        shown[section.key] = _table(section.table)
        if entries:
            shown[f"{section.key}_summary"] = entries
        if section.table.total is not None:
            shown[f"{section.key}_total"] = section.table.total
            shown[f"{section.key}_first"] = section.table.first
    notes = (*sheet.notes, *(note for section in sheet.sections for note in section.notes))
    shown["notes"] = [export.clean(note) for note in notes]
    shown["denied"] = [denial._asdict() for denial in sheet.denials]
    return shown


def _table(table: Table) -> list[Any]:
    if table.data is not None:
        return [_plain(one) for one in table.data]
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, map(_plain, record.values), strict=True)) for record in table.records]


def _plain(value: object) -> Any:  # noqa: ANN401 JSON
    """Text as JSON may hold it; lists and objects too."""
    if isinstance(value, str):
        return export.clean(value)
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value
