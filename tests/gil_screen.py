"""What tests of the GIL on the screen have in common: findings by value, the pane opened on the scripted machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import scripted
import scripted_gil
from builders import snapshot
from threadtop.snapshot import Finding
from threadtop.tui.panes.gil import GilPane
from threadtop.tui.process_screen import ProcessScreen

if TYPE_CHECKING:
    from screens import Session
    from threadtop.snapshot import Snapshot

TICKS = scripted_gil.ticks(14)
SECOND_NS = 1_000_000_000


def finding(kind: str = "gil-bound", severity: float = 80.0, title: str = "four threads share one GIL") -> Finding:
    """A finding about process 4211."""
    evidence = (("held", "98 %"),)
    return Finding(kind, 4211, 5, "gunicorn", title, "It is so.", evidence, "exact", severity)


def found(*findings: Finding) -> Snapshot:
    """A snapshot with these findings."""
    return snapshot(findings=findings)


async def opened(session: Session) -> GilPane:
    """The GIL pane of gunicorn."""
    session.app.open_process(scripted.GUNICORN, 0, "GIL")
    await session.settle()
    screen = session.app.screen
    assert isinstance(screen, ProcessScreen)
    assert isinstance(screen.pane, GilPane)
    return screen.pane


def line_of(session: Session, words: str) -> str:
    """The first line of the screen that has these words."""
    return next(line for line in session.lines() if words in line)
