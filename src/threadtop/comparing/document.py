"""A comparison as one JSON document, which threadtop --schema describes; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from threadtop.comparing.changes import activity
from threadtop.comparing.entries import MEASURES
from threadtop.export import clean, finding, iso_time
from threadtop.snapshot import Estimate

if TYPE_CHECKING:
    from threadtop.comparing.changes import Change, Comparison, Delta
    from threadtop.comparing.entries import Entry, Machine, Side

SCHEMA: Final = "threadtop-diff/1"


def document(found: Comparison, most: int | None = None) -> dict[str, Any]:
    """All of it, or ``most`` of each list; unknown is null."""
    return {
        "schema": SCHEMA,
        "level": found.level,
        "matched_by": found.by,
        "both": found.both,
        "before": _side(found.before),
        "after": _side(found.after),
        "findings": [
            {
                "change": "stays" if one.before and one.after else "came" if one.after else "went",
                "before": finding(one.before) if one.before else None,
                "after": finding(one.after) if one.after else None,
            }
            for one in found.findings
        ],
        "new": [{**_entry(entry), "points": round(activity(entry), 2)} for entry in found.new[:most]],
        "gone": [{**_entry(entry), "points": round(activity(entry), 2)} for entry in found.gone[:most]],
        "changed": [_change(one) for one in found.changed[:most]],
        "left_out": {
            "noise": {"new": found.quiet.new, "gone": found.quiet.gone, "changed": found.quiet.changed},
            "rows": {
                "new": _rest(found.new, most),
                "gone": _rest(found.gone, most),
                "changed": _rest(found.changed, most),
            },
        },
    }


def _rest(rows: tuple[Any, ...], most: int | None) -> int:
    return 0 if most is None else max(0, len(rows) - most)


def _side(side: Side) -> dict[str, Any]:
    return {
        "source": clean(side.source),
        "host": clean(side.host),
        "begin": iso_time(side.begin),
        "end": iso_time(side.end),
        "seconds": round(side.seconds, 3),
        "ticks": side.ticks,
        "machine": _machine(side.machine),
    }


def _machine(machine: Machine) -> dict[str, Any]:
    return {
        "cores": machine.cpus or None,
        "cpu_pct": _rounded(machine.cpu_pct),
        "threads": _rounded(machine.threads),
        "waiting_cores": _rounded(machine.waiting),
        "switches_per_s": _rounded(machine.switches_per_s),
    }


def _change(one: Change) -> dict[str, Any]:
    return {
        "points": round(one.points, 2),
        "deltas": [_delta(delta) for delta in one.deltas],
        "mostly_changed": one.mostly is not None,
        "before": _entry(one.before),
        "after": _entry(one.after),
    }


def _delta(delta: Delta) -> dict[str, Any]:
    return {
        "measure": delta.measure.key,
        "before": _rounded(delta.before),
        "after": _rounded(delta.after),
        "difference": _rounded(delta.difference),
        "is_estimate": isinstance(delta.difference, Estimate),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "pid": entry.pid if entry.pid >= 0 else None,
        "tid": entry.tid if entry.tid > 0 else None,
        "process": clean(entry.process),
        "name": clean(entry.name),
        "user": clean(entry.user),
        "threads": round(entry.threads, 2),
        "lived_s": round(entry.lived_s, 3),
        **{measure.key: _rounded(entry.figure(measure)) for measure in MEASURES},
        "estimates": [one.key for one in MEASURES if isinstance(entry.figure(one), Estimate)],
        "parts": {name: round(share, 2) for name, share in entry.parts},
        "mostly": entry.mostly,
        "reason": None if entry.reason is None else clean(entry.reason),
        "state": entry.state,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 2)
