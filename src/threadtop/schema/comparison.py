"""Schema of the document that threadtop diff --json prints; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.comparing.document import SCHEMA
from threadtop.comparing.entries import MEASURES, THREADS
from threadtop.procfs.reasons import KINDS
from threadtop.schema.words import count, maybe, record, ref, said, several, share, value

if TYPE_CHECKING:
    from threadtop.schema.words import Schema

_PARTS: Final = ("cpu", "runq", *KINDS)
_FIGURES: Final = {
    "cpu_pct": share("share of one core it ran on"),
    "wait_pct": share("share of the time it waited for a CPU (run queue)"),
    "gil_pct": share("share of the time it held CPython's GIL"),
    "gil_wait_pct": share("share of the time it waited for CPython's GIL"),
    "lock_pct": share(
        "share of the time it was blocked on a lock, without those in which it slept on a futex all the time"
    ),
    "disk_pct": share("share of the time it was blocked on the disk"),
    "vol_per_s": share("voluntary context switches a second"),
    "invol_per_s": share("involuntary context switches a second"),
}
_ENTRY: Final = {
    "pid": value("integer?", "process; null: of several", minimum=0),
    "tid": value("integer?", "thread; null: a process, or several threads", minimum=1),
    "process": value("string", "name of the process"),
    "name": value("string", "name of the thread, or what those of a group have in common"),
    "user": value("string", "effective user; * several"),
    "threads": value("number", "threads on average over the time that was compared", minimum=0),
    "lived_s": value("number", "seconds for which it was there", minimum=0),
    **_FIGURES,
    "estimates": several({"enum": [one.key for one in MEASURES]}, "those of these figures that are estimates"),
    "parts": {
        "type": "object",
        "description": "where its time went while it lived, in %",
        "propertyNames": {"enum": list(_PARTS)},
        "additionalProperties": value("number", "share", minimum=0),
    },
    "mostly": {"enum": [*_PARTS, None], "description": "the largest part of that; null is not known"},
    "reason": said("why it was mostly not running"),
    "state": value("string", "state letter that it mostly had"),
}
_POINTS: Final = value("number", "what the list is ranked by: points of a core; 100 switches/s are one", minimum=0)
_COUNTS: Final = {word: count(f"of {word}") for word in ("new", "gone", "changed")}


def definitions() -> dict[str, Schema]:
    """What goes into ``$defs``: the document is ``comparison``."""
    ranked = record("on one side only", {**_ENTRY, "points": _POINTS})
    return {
        "comparison": record(
            "two stretches of time compared (threadtop diff --json); figures are means over each",
            {
                "schema": {"const": SCHEMA, "description": "name and version of this format"},
                "level": {"enum": ["threads", "processes"], "description": "what is compared"},
                "matched_by": {"enum": ["ids", "names"], "description": "ids of one boot, or names without digits"},
                "both": count("how many are on both sides"),
                "before": ref("side"),
                "after": ref("side"),
                "findings": several(_finding(), "those that came, then that went, then that stay"),
                "new": several(ref("ranked"), "only after, the most active first"),
                "gone": several(ref("ranked"), "only before, the most active first"),
                "changed": several(_changed(), "on both sides, the largest change first"),
                "left_out": record(
                    "what is not in the lists",
                    {
                        "noise": record("because it is no more than noise", _COUNTS),
                        "rows": record("because fewer rows were asked for (-n)", _COUNTS),
                    },
                ),
            },
        ),
        "side": _side(),
        "entry": record("a thread, process or group over that time; its shares are over all of it", _ENTRY),
        "ranked": ranked,
    }


def _side() -> Schema:
    return record(
        "a stretch of time",
        {
            "source": value("string", "the file"),
            "host": value("string", "name of the machine"),
            "begin": value("string", "UTC (RFC 3339)"),
            "end": value("string", "UTC (RFC 3339)"),
            "seconds": value("number", "seconds that its intervals cover", minimum=0),
            "ticks": count("readings with rates"),
            "machine": record(
                "the machine",
                {
                    "cores": value("integer?", "CPUs", minimum=1),
                    "cpu_pct": share("share of all CPUs that was used"),
                    "threads": share("threads that were read"),
                    "waiting_cores": share("of them those that waited for a CPU, on average"),
                    "switches_per_s": share("context switches a second"),
                },
            ),
        },
    )


def _finding() -> Schema:
    return record(
        "a finding",
        {
            "change": {"enum": ["came", "went", "stays"], "description": "on which sides it is"},
            "before": maybe("finding", "as it was; null: it came"),
            "after": maybe("finding", "as it is; null: it went"),
        },
    )


def _changed() -> Schema:
    delta = record(
        "a figure that changed by more than noise",
        {
            "measure": {"enum": [one.key for one in (*MEASURES, THREADS)], "description": "key of the figure"},
            "before": value("number", "it before", minimum=0),
            "after": value("number", "it after", minimum=0),
            "difference": value("number", "after less before"),
            "is_estimate": value("boolean", "it is inferred from counters"),
        },
    )
    return record(
        "what is on both sides and differs",
        {
            "points": _POINTS,
            "deltas": several(delta, "the largest first"),
            "mostly_changed": value("boolean", "most of its time goes elsewhere"),
            "before": ref("entry"),
            "after": ref("entry"),
        },
    )
