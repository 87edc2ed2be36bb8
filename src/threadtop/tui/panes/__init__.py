"""The panes of an opened process: a pane is one file that takes a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop.tui.panes.findings import FindingsPane
from threadtop.tui.panes.gil import GilPane
from threadtop.tui.panes.locks import LocksPane
from threadtop.tui.panes.overview import OverviewPane
from threadtop.tui.panes.threads import ThreadsPane
from threadtop.tui.panes.time import TimePane

if TYPE_CHECKING:
    from threadtop.tui.panes.pane import Pane

PANES: tuple[type[Pane], ...] = (ThreadsPane, TimePane, GilPane, LocksPane, FindingsPane, OverviewPane)
"""In the order of their tabs."""
