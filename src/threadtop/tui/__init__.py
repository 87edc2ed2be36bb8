"""The screen: the only package that imports textual."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadtop.cli import Options
    from threadtop.config import Preferences
    from threadtop.targets import Command


def run(options: Options, preferences: Preferences, command: Command | None, warning: str) -> int:
    """Show the screen until the user quits; returns the exit code."""
    # Textual reads its settings when it is imported.  An animated page down costs 188 KB over SSH.
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    from threadtop.tui import terminal  # noqa: PLC0415
    from threadtop.tui.app import ThreadtopApp  # noqa: PLC0415

    app = ThreadtopApp(options, preferences, command=command, warning=warning)
    return terminal.run(app)
