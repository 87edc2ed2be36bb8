"""The screen: the only package that imports textual."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

from threadtop.feed import Feed
from threadtop.interest import Interest
from threadtop.source import Deferred

if TYPE_CHECKING:
    from threadtop.cli import Options
    from threadtop.config import Preferences
    from threadtop.targets import Command
    from threadtop.tui.signals import Signals


def _set_up(options: Options) -> None:
    """Textual reads its settings when it is imported.  An animated page down costs 188 KB over SSH."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    if not options.colour:
        os.environ["NO_COLOR"] = "1"  # for what Textual itself paints


def take_picture(options: Options, preferences: Preferences, command: Command | None, warning: str) -> int:
    """Write a picture of the screen (tui.screenshot); returns the exit code."""
    _set_up(options)
    os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"  # of no terminal
    from threadtop.tui.screenshot import run as run_once  # noqa: PLC0415

    return run_once(options, preferences, command, warning)


def run(options: Options, preferences: Preferences, command: Command | None, warning: str, signals: Signals) -> int:
    """Show the screen until the user quits; returns the exit code."""
    _set_up(options)
    # The first pass is made while textual is imported: together they are what the first paint waits for.
    feed = Feed(Deferred(), options.interval_s or preferences.interval_s)
    feed.look_at(Interest(attached=options.pids))
    feed.start()
    from threadtop.tui import terminal  # noqa: PLC0415
    from threadtop.tui.app import ThreadtopApp  # noqa: PLC0415

    # What is loaded by now stays: the collector need not walk it, nor the rows, at every turn.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    app = ThreadtopApp(options, preferences, feed, command=command, warning=warning)
    return terminal.run(app, signals)
