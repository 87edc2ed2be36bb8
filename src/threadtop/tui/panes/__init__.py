"""The panes of an opened process: a pane is one file that takes a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop.tui.panes.gil import GilPane
from threadtop.tui.panes.overview import OverviewPane
from threadtop.tui.panes.threads import ThreadsPane

if TYPE_CHECKING:
    from threadtop.tui.panes.pane import Pane

PANES: tuple[type[Pane], ...] = (ThreadsPane, GilPane, OverviewPane)
"""In the order of their tabs."""
