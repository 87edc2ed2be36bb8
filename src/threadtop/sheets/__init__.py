"""Sheets: the panes that are made of fields and tables, for the screen, as text and as JSON; one file for each."""

from __future__ import annotations

from typing import Final

from threadtop.interest import MEMORY, STATUS, WCHAN
from threadtop.sheets import children, environment, files, memory, overview, protection, signals, stacks, thread
from threadtop.sheets.sheet import Kind

KINDS: Final = (
    Kind("overview", "Overview", "processes", overview.sheet, overview.TERMS, needs=frozenset({STATUS, MEMORY})),
    Kind("thread", "Thread", "states", thread.sheet, thread.TERMS, needs=frozenset({STATUS, WCHAN})),
    Kind("files", "Files", "peers", files.sheet, files.TERMS, needs=frozenset({STATUS, WCHAN})),
    Kind("memory", "Memory", "processes", memory.sheet, memory.TERMS, requests=(memory.MEASURE, memory.ORDER)),
    Kind("signals", "Signals", "processes", signals.sheet, signals.TERMS),
    Kind("protection", "Protection", "permissions", protection.sheet, protection.TERMS),
    Kind("children", "Children", "processes", children.sheet, children.TERMS, is_wide=True),
    Kind(
        "environment",
        "Environment",
        "processes",
        environment.sheet,
        environment.TERMS,
        requests=(environment.SECRETS,),
        is_wide=True,
    ),
    Kind(
        "stacks",
        "Stacks",
        "gil",
        stacks.sheet,
        stacks.TERMS,
        requests=(stacks.BLOCKING, stacks.NATIVES),
        has_facts=False,
    ),
)
"""In the order of their tabs."""
BY_NAME: Final = {kind.name: kind for kind in KINDS}
