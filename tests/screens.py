"""threadtop's app on a scripted machine: start it, hand it snapshots, press keys, read the screen."""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import asynccontextmanager
from itertools import chain
from typing import TYPE_CHECKING

# Textual reads its settings when it is imported: as tui.run has them.
os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"

from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key

import scripted
from threadtop.cli import Options
from threadtop.config import Preferences
from threadtop.feed import Feed
from threadtop.source import ScriptedSource
from threadtop.text import plain
from threadtop.tui.app import ThreadtopApp
from threadtop.tui.grid import Grid
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textual.driver import Driver
    from textual.pilot import Pilot

    from threadtop.snapshot import Row, Snapshot


CALM_ROUNDS = 3


class CountingDriver(HeadlessDriver):
    """A terminal that keeps what is written to it; unlike a headless one it is painted on."""

    def __init__(self, *arguments: object, **options: object) -> None:
        """A terminal on which nothing was written."""
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.written: list[str] = []

    @property
    def is_headless(self) -> bool:
        """Not for what it paints."""
        return False

    def write(self, data: str) -> None:
        """Keep it."""
        self.written.append(data)

    def take(self) -> str:
        """What was written since the last call."""
        data = "".join(self.written)
        self.written.clear()
        return data


class Session:
    """A running app with its pilot."""

    def __init__(self, app: ThreadtopApp, pilot: Pilot[int]) -> None:
        """Drive ``app`` by ``pilot``."""
        self.app = app
        self.pilot = pilot

    async def settle(self) -> None:
        """Wait until no message is under way and nothing is left to paint.

        Pilot.press waits for the process's CPU clock to stand still, which takes 50 ms a key and is a guess on a busy
        machine; this looks at the queues.
        """
        calm = 0
        while calm < CALM_ROUNDS and self.app.is_running:  # one that failed is never calm: it tells why at the end
            await self.pilot.pause(0)
            screens = self.app.screen_stack
            pumps = (self.app, *screens, *chain.from_iterable(screen.walk_children() for screen in screens))
            calm = 0 if any(pump._message_queue.qsize() or pump._next_callbacks for pump in pumps) else calm + 1

    async def take(self, *snapshots: Snapshot) -> None:
        """Hand the app snapshots as its feed would."""
        for shot in snapshots:
            self.app.take(shot)
            await self.settle()

    async def press(self, *keys: str) -> None:
        """Press keys, each once the app has dealt with the one before."""
        for key in keys:
            name = key if len(key) > 1 or key.isalnum() else _character_to_key(key)
            try:
                character: str | None = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(name, name)))
            except KeyError:
                character = name if len(name) == 1 else None
            self.app.post_message(events.Key(name, character))
            await self.settle()

    async def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        await self.pilot.resize_terminal(width, height)
        await self.settle()

    async def type(self, line: str) -> None:
        """Type characters, and Enter."""
        await self.press(*line, "enter")

    @property
    def grid(self) -> Grid:
        """The grid of the screen on top."""
        return next(widget for widget in self.app.screen.query(Grid) if widget.display)

    @property
    def rows(self) -> list[Row]:
        """The rows of the table, in sight or not."""
        table = self.grid.table
        return list(table.rows) if table else []

    @property
    def chosen(self) -> Row:
        """The row the cursor is on."""
        row = self.grid.chosen
        assert row is not None
        return row

    def painted(self) -> list[Painted]:
        """The painted widgets that show."""
        return [widget for widget in self.app.screen.query(Painted) if widget.display and widget.is_on_screen]

    def lines(self) -> list[str]:
        """The screen's text, line by line."""
        return [line.rstrip() for line in screen_lines(self.app)]

    def text(self) -> str:
        """The screen's text with its right border, as a snapshot keeps it."""
        return "\n".join(f"{line:{self.app.size.width}}|" for line in screen_lines(self.app))

    def footer(self) -> str:
        """The last line."""
        return self.lines()[-1]


def screen_lines(app: ThreadtopApp) -> list[str]:
    """What the painted widgets of the screen on top say, laid out as they are; other widgets are left blank."""
    width, height = app.size
    lines = [[" "] * width for _ in range(height)]
    for widget in app.screen.query(Painted):
        if not widget.display or not widget.is_on_screen:
            continue
        region = widget.region
        for y, (cells, _) in enumerate(widget._shown):
            lines[region.y + y][region.x : region.right] = list(cells)
    return [plain("".join(line)) for line in lines]


def make_app(
    *, driver_class: type[Driver] | None = None, preferences: Preferences | None = None, **options: object
) -> ThreadtopApp:
    """An app whose feed is not started; ``options`` are those of the command line."""
    return ThreadtopApp(
        Options(**{"theme": "dark", **options}),  # type: ignore[arg-type]
        preferences or Preferences(),
        Feed(ScriptedSource([]), 1.0),
        driver_class=driver_class,
    )


@asynccontextmanager
async def running(
    *shots: Snapshot, size: tuple[int, int] = (120, 40), app: ThreadtopApp | None = None, **options: object
) -> AsyncIterator[Session]:
    """The app on screen, with ``shots`` shown (by default the scripted.ticks's first two)."""
    app = app or make_app(**options)  # type: ignore[arg-type]
    async with app.run_test(size=size, headless=not issubclass(app.driver_class, CountingDriver)) as pilot:
        session = Session(app, pilot)
        *past, last = shots or scripted.ticks()[:2]
        for shot in past:  # nobody looks at what these paint
            app.take(shot)
        await session.take(last)
        yield session


def svg(app: ThreadtopApp) -> str:
    """The screen as SVG; Textual's ids are hashes that differ from run to run."""
    picture = app.export_screenshot()
    return re.sub(r"terminal-\d+", "terminal", picture)
