"""The screen: the only package that imports textual."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

from threadtop.feed import Feed
from threadtop.interest import Interest
from threadtop.recording.ring import Recorder
from threadtop.source import Deferred

if TYPE_CHECKING:
    from threadtop.cli import Options
    from threadtop.config import Preferences
    from threadtop.recording.player import Player
    from threadtop.targets import Command
    from threadtop.tui.signals import Signals


def _set_up(options: Options) -> None:
    """Textual reads its settings when it is imported.  An animated page down costs 188 KB over SSH."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    if not options.colour:
        os.environ["NO_COLOR"] = "1"  # for what Textual itself paints


def take_picture(
    options: Options, preferences: Preferences, command: Command | None, warning: str, player: Player | None = None
) -> int:
    """Write a picture of the screen (tui.screenshot), of ``player``'s recording or of this machine; the exit code."""
    _set_up(options)
    os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"  # of no terminal
    from threadtop.tui import screenshot  # noqa: PLC0415

    if player is not None:
        return screenshot.run_recorded(options, preferences, player, warning)
    return screenshot.run(options, preferences, command, warning)


def run(
    options: Options,
    preferences: Preferences,
    command: Command | None,
    warning: str,
    signals: Signals,
    feed: Feed | None = None,
) -> int:
    """Show the screen until the user quits, of ``feed`` or of this machine; returns the exit code."""
    _set_up(options)
    # The first pass is made while textual is imported: together they are what the first paint waits for.
    recorder = Recorder() if feed is None else None
    if feed is None:
        feed = Feed(Deferred(recorder.keep if recorder else None), options.interval_s or preferences.interval_s)
    feed.look_at(Interest(attached=options.pids))
    feed.start()
    from threadtop.tui import terminal  # noqa: PLC0415
    from threadtop.tui.app import ThreadtopApp  # noqa: PLC0415

    # What is loaded by now stays: the collector need not walk it, nor the rows, at every turn.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    app = ThreadtopApp(options, preferences, feed, recorder=recorder, command=command, warning=warning)
    try:
        return terminal.run(app, signals)
    finally:
        if recorder is not None:
            recorder.end()
