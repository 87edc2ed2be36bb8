"""The panes of fields in a recording: of a process and a thread what rows hold, of all else that it is not recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import fields, text
from threadtop.sheets.sheet import Entry, Section, Sheet, Term, by_key

if TYPE_CHECKING:
    from threadtop.sheets.sheet import Kind, Subject
    from threadtop.snapshot import Row

_HOLDS: Final = "a recording holds threads, what they wait for, GILs, locks and findings"
TERMS: Final = by_key(*(Term(field.key, field.title, field.help, field.source) for field in fields.FIELDS))


def kind(live: Kind) -> Kind:
    """The pane of that name in a recording."""
    make = {"overview": _process, "thread": _thread}.get(live.name, _nothing)
    return live._replace(make=make, terms=TERMS, requests=(), has_facts=False, needs=frozenset())


def _nothing(_: Subject) -> Sheet:
    return Sheet((), (f"this is not recorded: {_HOLDS}",))


def _process(subject: Subject) -> Sheet:
    return _figures("process", "What was recorded of the process", subject.process)


def _thread(subject: Subject) -> Sheet:
    thread = subject.process.threads.get(subject.tid)
    if thread is None:
        return Sheet((), (f"thread {subject.tid} is not there at this moment of the recording",))
    return _figures("thread", "What was recorded of the thread", thread)


def _figures(key: str, title: str, row: Row) -> Sheet:
    """Each column as a field; those of the other kind of row are left out."""
    entries = tuple(
        Entry(field.key, text.plain(field.format(value)), value)
        for field in fields.FIELDS
        if field.kind != "bar" and (value := field.value(row)) is not text.SHARED
    )
    return Sheet((Section(key, title, entries),), (f"all else is not recorded: {_HOLDS}",))
