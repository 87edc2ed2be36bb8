"""The panes of an opened process: a pane is one file that takes a snapshot, or a sheet (threadtop.sheets)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import sheets
from threadtop.tui.panes.findings import FindingsPane
from threadtop.tui.panes.gil import GilPane
from threadtop.tui.panes.locks import LocksPane
from threadtop.tui.panes.sheet import SheetPane
from threadtop.tui.panes.stacks import StacksPane
from threadtop.tui.panes.threads import ThreadsPane
from threadtop.tui.panes.time import TimePane

if TYPE_CHECKING:
    from threadtop.tui.panes.pane import Pane

_OWN: Final[tuple[type[Pane], ...]] = (ThreadsPane, TimePane, GilPane, LocksPane, FindingsPane)
NAMES: Final = (*(pane.NAME for pane in _OWN), *(kind.title for kind in sheets.KINDS))
"""In the order of their tabs."""


def made() -> list[Pane]:
    """One of each, in the order of their tabs."""
    return [
        *(pane() for pane in _OWN),
        *(StacksPane() if kind.name == "stacks" else SheetPane(kind) for kind in sheets.KINDS),
    ]
