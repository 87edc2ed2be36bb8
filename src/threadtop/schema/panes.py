"""Schema of the documents that --pane NAME --json prints; their keys are those of the pane's fields; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import sheets
from threadtop.schema.words import count, moment, record, ref, said, several, share, tid, value
from threadtop.sheets.document import SCHEMA

if TYPE_CHECKING:
    from threadtop.schema.words import Schema
    from threadtop.sheets.sheet import Kind, Term

_LISTS: Final = {
    "threads": several(ref("thread"), "its threads"),
    "findings": several(ref("finding"), "what the numbers say of it, the most severe first"),
}
"""Panes that are lists of rows."""
_DENIAL: Final = record(
    "what may not be read",
    {
        "what": value("string", "what it is: mostly a file of /proc/PID"),
        "rule": value("string", "what forbids it"),
        "remedy": value("string", "the least that would lift that; empty where nothing would"),
    },
)
_STACK: Final = record(
    "threads that have one stack",
    {
        "threads": several(
            record(
                "a thread",
                {
                    "tid": value("integer?", "the thread", minimum=1),
                    "name": said("its name"),
                    "state": said("what it does"),
                    "holds_gil": value("boolean?", "whether it holds the GIL"),
                },
            ),
            "those that hold the GIL first",
        ),
        "frames": several(value("string", "a frame"), "their stack, the innermost frame first"),
    },
)
_ROWS: Final = {"stacks": _STACK}
"""Rows of tables that are not made of the pane's fields."""

_SPLIT: Final = {"user_pct": share("the part in its own code"), "system_pct": share("the part in the kernel")}
_WHOSE: Final = {"type": "object", "additionalProperties": said("name; null has none")}
_MORE: Final = {
    "overview": {
        **_SPLIT,
        "uid": value("integer?", "number of the user", minimum=0),
        "peak_bytes": value("integer?", "the most that was resident so far", minimum=0),
        "user_s": share("CPU seconds in its own code"),
        "system_s": share("CPU seconds in the kernel"),
    },
    "thread": {
        **_SPLIT,
        "migrations": value("integer?", "how often it was moved in all", minimum=0),
        "vol_switches": value("integer?", "voluntary switches in all", minimum=0),
        "invol_switches": value("integer?", "involuntary switches in all", minimum=0),
        "stack_region": record(
            "the mapping that its stack is in",
            {
                "start": value("integer", "its lowest address", minimum=0),
                "end": value("integer", "the address behind it", minimum=0),
                "most_bytes": value("integer?", "how long it may become; null where it does not grow", minimum=0),
                "name": said("its name; null has none"),
            },
        ),
    },
    "files": {
        "locks": several(value("string", "a lock or lease"), "what it holds of these"),
        "is_deleted": value("boolean", "whether it is a file without a name any more; its target ends in (deleted)"),
        "protocol": said("of a socket"),
        "status": said("state of a socket, or its family"),
        "local": said("this end of a socket"),
        "peer": said("the other end: an address, a path"),
        "holders": {
            "type": ["array", "null"],
            "description": "processes that have the other end, the first of many; null is not known",
            "items": record("a process", {"pid": tid("its id"), "process": value("string", "its name")}),
        },
        "holders_total": value("integer?", "how many these are", minimum=0),
        "watched": {
            "type": ["array", "null"],
            "description": "descriptors that an epoll watches",
            "items": value("integer", "a descriptor"),
        },
    },
    "protection": {
        "uid_names": {**_WHOSE, "description": "names of the user ids"},
        "gid_names": {**_WHOSE, "description": "names of the group ids"},
        "group_names": several(said("name; null has none"), "names of the groups, in their order"),
        "tracer_name": said("name of the tracer"),
    },
    "children": {
        "ppid": value("integer", "the parent's process id", minimum=0),
        "depth": value("integer", "generations below the process itself; its parent is -1"),
    },
}
"""What JSON has beside the fields of a pane: what stands in their words on the screen."""


def definitions() -> dict[str, Schema]:
    """What goes into ``$defs``: the document is ``pane``, and of each pane ``pane_NAME`` and its ``fields_NAME``."""
    names = [*_LISTS, *sheets.BY_NAME]
    return {
        "pane": {
            "description": "one pane of a process (--pane NAME --json)",
            "type": "object",
            "properties": {"pane": {"enum": names, "description": "its name"}},
            "required": ["pane"],
            "allOf": [
                {
                    "if": {"properties": {"pane": {"const": name, "description": "of this pane"}}},
                    "then": ref(f"pane_{name}"),
                }
                for name in names
            ],
        },
        **{f"pane_{name}": record(f"--pane {name}", {**_head(name), name: rows}) for name, rows in _LISTS.items()},
        **{f"pane_{kind.name}": _sheet(kind) for kind in sheets.KINDS},
        **{f"fields_{kind.name}": _fields(kind) for kind in sheets.KINDS},
        "field": {
            "description": "a single value, or as an object or a list what its text has several of",
            "type": ["string", "number", "boolean", "array", "object", "null"],
        },
    }


def _head(name: str) -> Schema:
    """What every pane has."""
    return {
        "schema": {"const": SCHEMA, "description": "name and version of this format"},
        "time": moment("moment of the reading"),
        "pane": {"const": name, "description": "its name"},
        "pid": tid("the process"),
        "process": value("string", "its name"),
        "notes": several(value("string", "one limit"), "what limits what is said here, in words"),
        "denied": several(_DENIAL, "what is missing here because it may not be read"),
    }


def _sheet(kind: Kind) -> Schema:
    """A pane of sections: fields, or the rows of a table; which ones there are depends on what is to be said."""
    fields = ref(f"fields_{kind.name}")
    thread = {"tid": tid("the thread that is shown")}
    return {
        **record(f"--pane {kind.name}: its sections by their keys", _head(kind.name), thread),
        "patternProperties": {
            "._total$": count("how many rows the table of that section has, where not all are given"),
            "._first$": count("the number of the first row that is given, from 0"),
        },
        "additionalProperties": {
            "description": "a section: fields, or rows of a table, beside which _summary has the fields",
            "anyOf": [fields, several(_ROWS.get(kind.name, fields), "rows")],
        },
    }


def _fields(kind: Kind) -> Schema:
    return {
        "type": "object",
        "description": f"fields of a section of --pane {kind.name}, or of a row; null is not known",
        "properties": {**{key: _field(term) for key, term in kind.terms.items()}, **_MORE.get(kind.name, {})},
        "additionalProperties": False,
    }


def _field(term: Term) -> Schema:
    return {**ref("field"), "description": f"{term.help} (from {term.source})"}
