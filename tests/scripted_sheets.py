"""The scripted machine with the facts of an opened pane: what ``scripted_NAME.facts`` makes up for each."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import scripted
from threadtop.inside import Asked, Found

if TYPE_CHECKING:
    from threadtop.sheets.sheet import Kind
    from threadtop.snapshot import Snapshot


def facts(kind: Kind) -> object:
    """Made-up facts for a pane, also for the one that asks for them itself."""
    return importlib.import_module(f"scripted_{kind.name}").facts()


def shown(snapshot: Snapshot, kind: Kind, *, tid: int = 0, pid: int = scripted.GUNICORN) -> Snapshot:
    """A snapshot with the facts of a pane of the process ``pid``."""
    if not kind.has_facts:
        return snapshot
    found = Found(Asked(kind.name, pid, tid), snapshot.processes[pid].start_ticks, facts(kind))
    return snapshot._replace(inside=found)
