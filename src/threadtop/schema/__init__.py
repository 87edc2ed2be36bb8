"""JSON Schema (2020-12) of all documents that --json, --jsonl, gil, diff and --pane print; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from threadtop import fields
from threadtop.comparing.document import SCHEMA as COMPARISON
from threadtop.export import SCHEMA
from threadtop.procfs.reasons import KINDS
from threadtop.schema import comparison, facts, panes
from threadtop.schema.words import count, maybe, moment, record, ref, said, several, value
from threadtop.sheets.document import SCHEMA as PANE

if TYPE_CHECKING:
    from threadtop.schema.words import Schema

_TYPES: Final = {
    "number": "integer",
    "priority": "integer",
    "percent": "number",
    "bar": "number",
    "rate": "number",
    "cpu_time": "integer",
    "size": "integer",
    "text": "string",
}
_FROM_ZERO: Final = frozenset({"percent", "bar", "rate", "cpu_time", "size"})
_OWN_WORDS: Final = {"command": "whole command line; empty for a kernel thread"}
"""What a key says where a column of that name shows something else."""
_WAITING: Final = {
    "gil": "CPython's GIL",
    "lock": "a futex, a file lock, a semaphore",
    "disk": "the disk, a network file system, state D",
    "network": "a socket",
    "pipe": "another process or thread here: pipe, local socket, eventfd",
    "poll": "nothing to do: poll, select, epoll",
    "sleep": "a timer",
    "child": "a child process",
    "stopped": "a signal or a tracer",
    "other": "something else",
    "unknown": "what may not be looked at",
}


def text() -> str:
    """The schema as --schema prints it."""
    return json.dumps(schema(), indent=2)


def schema() -> Schema:
    """The schema of one document; with ``explain`` or ``measurement`` it is a report on some seconds.

    A comparison (threadtop diff) and a pane (--pane NAME) are documents of other kinds, told by their ``schema``.

    Objects take no other key than those named, and lack none; of panes, sections and fields may be missing.
    """
    document = record(
        "what threads did in one interval",
        {
            "schema": {"const": SCHEMA, "description": "name and version of this format"},
            "host": value("string", "name of the machine"),
            "time": moment("moment of the reading"),
            "interval_s": value("number?", "seconds that rates are over; null for a first reading", minimum=0),
            "machine": ref("machine"),
            "cost": ref("cost"),
            "notes": several(value("string", "one limit"), "what limits the figures here, in words"),
            "processes": several(ref("process"), "the processes shown, with the threads shown"),
            "findings": several(ref("finding"), "what the numbers say, the most severe first"),
        },
        {"explain": ref("explain"), "measurement": ref("measurement")},
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": f"JSON output of threadtop, {SCHEMA}",
        "if": _is(COMPARISON, "of a comparison"),
        "then": ref("comparison"),
        "else": {"if": _is(PANE, "of a pane"), "then": ref("pane"), "else": ref("document")},
        "$defs": {
            "document": {**document, "not": {"required": ["explain", "measurement"]}},
            "machine": facts.MACHINE,
            "cost": facts.COST,
            "process": _process(),
            "thread": _thread(),
            "thread_gil": facts.THREAD_GIL,
            "thread_time": _thread_time(),
            "blocked": facts.BLOCKED,
            "gil": facts.GIL,
            "locks": facts.LOCKS,
            "chain": facts.CHAIN,
            "finding": facts.FINDING,
            "explain": facts.EXPLAIN,
            "measurement": facts.MEASUREMENT,
            **comparison.definitions(),
            **panes.definitions(),
        },
    }


def _is(name: str, description: str) -> Schema:
    return {"properties": {"schema": {"const": name, "description": description}}, "required": ["schema"]}


def _of_field(key: str) -> Schema:
    """A key of the field table: its kind, whether it can be unknown, its help."""
    field = fields.BY_KEY[key]
    kind = _TYPES[field.kind] + ("" if key in fields.ALWAYS_KNOWN else "?")
    more = {"minimum": 0} if field.kind in _FROM_ZERO else {}
    return value(kind, f"{_OWN_WORDS.get(key, field.help)} (from {field.source})", **more)


def _process() -> Schema:
    return record(
        "a process, its threads' figures added up",
        {
            **{key: _of_field(key) for key in fields.JSON_PROCESS},
            "gil": maybe("gil", "its GIL, where that is watched"),
            "locks": maybe("locks", "the futexes its threads wait on, where it is looked at closely"),
            "threads": several(ref("thread"), "those of its threads that are shown"),
        },
    )


def _thread() -> Schema:
    return record(
        "a thread",
        {
            **{key: _of_field(key) for key in fields.JSON_THREAD},
            "gil": maybe("thread_gil", "the thread and the GIL, where that is watched"),
            "blocked": maybe("blocked", "the system call it sleeps in, where that was looked at"),
            "time": maybe("thread_time", "where its time went; null for a first reading"),
        },
    )


def _thread_time() -> Schema:
    errors = value("number?", "points of %; null without a look", minimum=0)
    return record(
        "where a thread's time went, in %: all parts add up to 100",
        {
            "user": value("number", "it ran its own code", minimum=0),
            "system": value("number", "it ran in the kernel", minimum=0),
            "runq": value("number", "it waited for a CPU", minimum=0),
            **{kind: value("number", f"it waited for: {_WAITING[kind]}", minimum=0) for kind in KINDS},
            "samples": count("looks that found it blocked; shares of waiting rest on them"),
            "is_whole": value("boolean", "it was in that state all the time: no sample"),
            "error_points": {
                "type": "object",
                "description": "how far a sampled share may be off, either way, 95 of 100 times",
                "propertyNames": {"enum": list(KINDS)},
                "additionalProperties": errors,
            },
            "why_not": said("the rule that hides what is unknown"),
        },
    )
