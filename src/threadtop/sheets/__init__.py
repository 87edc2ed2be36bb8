"""Sheets: the panes that are made of fields and tables, for the screen, as text and as JSON; one file for each."""

from __future__ import annotations

from typing import Final

from threadtop.interest import STATUS, WCHAN
from threadtop.sheets import environment, files, memory, protection, signals, thread
from threadtop.sheets.sheet import Kind

KINDS: Final = (
    Kind("thread", "Thread", "states", thread.sheet, thread.TERMS, needs=frozenset({STATUS, WCHAN})),
    Kind("files", "Files", "peers", files.sheet, files.TERMS, needs=frozenset({STATUS, WCHAN})),
    Kind("memory", "Memory", "processes", memory.sheet, memory.TERMS, requests=(memory.MEASURE,)),
    Kind("signals", "Signals", "processes", signals.sheet, signals.TERMS),
    Kind("protection", "Protection", "permissions", protection.sheet, protection.TERMS),
    Kind(
        "environment",
        "Environment",
        "processes",
        environment.sheet,
        environment.TERMS,
        requests=(environment.SECRETS,),
    ),
)
"""In the order of their tabs."""
BY_NAME: Final = {kind.name: kind for kind in KINDS}
