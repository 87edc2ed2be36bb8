"""The panes of fields in a recording: of a process and a thread what rows hold, of all else that it is not recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import fields, text
from threadtop.sheets.sheet import Entry, Section, Sheet, Term, by_key

if TYPE_CHECKING:
    from threadtop.fields import Field
    from threadtop.sheets.sheet import Kind, Subject
    from threadtop.snapshot import Row

_HOLDS: Final = "a recording holds threads, what they wait for, GILs, locks and findings"
# fmt: off
_SECTIONS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("now", "Now", ("state", "reason", "wchan", "role")),
    ("time", "Where the time went", (
        "cpu_pct", "user_pct", "system_pct", "wait_pct", "gil_pct", "gil_wait_pct", "lock_pct", "disk_pct",
        "network_pct", "pipe_pct", "cpu_ns")),
    ("switches", "Context switches", ("vol_per_s", "invol_per_s")),
    ("scheduling", "Scheduling", ("last_cpu", "priority", "nice", "policy_name", "rt_priority")),
    ("memory", "Size", ("thread_count", "rss_bytes", "vsize_bytes")),
)
_GROUPED: Final = frozenset(key for _, _, keys in _SECTIONS for key in keys)
_LABELS: Final = {
    "state": "state", "reason": "why", "wchan": "wait channel", "role": "role", "cpu_ns": "CPU time",
    "vol_per_s": "voluntary", "invol_per_s": "involuntary", "last_cpu": "last CPU", "priority": "priority",
    "nice": "nice", "policy_name": "policy", "rt_priority": "rt priority", "thread_count": "threads",
    "rss_bytes": "resident", "vsize_bytes": "address space", "command": "command line", "name": "name",
}
# fmt: on
"""Where a column's title is too short to be understood without the others; %CPU and its like are known."""
_UNITS: Final = {"percent": " %", "rate": "/s"}
TERMS: Final = by_key(
    *(Term(field.key, _LABELS.get(field.key, field.title), field.help, field.source) for field in fields.FIELDS)
)


def kind(live: Kind) -> Kind:
    """The pane of that name in a recording."""
    make = {"overview": _process, "thread": _thread}.get(live.name, _nothing)
    return live._replace(make=make, terms=TERMS, requests=(), has_facts=False, needs=frozenset())


def _nothing(_: Subject) -> Sheet:
    return Sheet((), (f"this is not recorded: {_HOLDS}",))


def _process(subject: Subject) -> Sheet:
    return _figures(subject.process)


def _thread(subject: Subject) -> Sheet:
    thread = subject.process.threads.get(subject.tid)
    if thread is None:
        return Sheet((), (f"thread {subject.tid} is not there at this moment of the recording",))
    return _figures(thread)


def _figures(row: Row) -> Sheet:
    """Each column as a field; those of the other kind of row are left out."""
    entries = {
        field.key: Entry(field.key, _shown(field, value), value)
        for field in fields.FIELDS
        if field.kind != "bar" and (value := field.value(row)) is not text.SHARED
    }
    sections = [
        Section(key, title, tuple(entries[name] for name in names if name in entries))
        for key, title, names in _SECTIONS
    ]
    rest = tuple(entry for name, entry in entries.items() if name not in _GROUPED)
    notes = (f"this was recorded; all else that this pane shows of what is live is not: {_HOLDS}",)
    return Sheet((*(one for one in sections if one.entries), Section("identity", "Identity", rest, notes=notes)))


def _shown(field: Field, value: object) -> str:
    said = text.plain(field.format(value))
    return said if said == text.UNKNOWN else said + _UNITS.get(field.kind, "")
