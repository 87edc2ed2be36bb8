"""threadtop's app on a scripted machine: start it, hand it snapshots, press keys, read the screen."""

from __future__ import annotations

import os
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

# Textual reads its settings when it is imported: as tui.run has them.
os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"

from textual.drivers.headless_driver import HeadlessDriver

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
        """What was written since the last call, without the marks of synchronised updates."""
        data = re.sub(r"\x1b\[\?2026[hl]", "", "".join(self.written))
        self.written.clear()
        return data


class Session:
    """A running app with its pilot."""

    def __init__(self, app: ThreadtopApp, pilot: Pilot[int]) -> None:
        """Drive ``app`` by ``pilot``."""
        self.app = app
        self.pilot = pilot

    async def take(self, *snapshots: Snapshot) -> None:
        """Hand the app snapshots as its feed would."""
        for shot in snapshots:
            self.app.take(shot)
            await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys and wait until the app has dealt with them."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def type(self, line: str) -> None:
        """Type characters, and Enter."""
        names = {" ": "space", "\\": "backslash"}
        await self.press(*(names.get(character, character) for character in line), "enter")

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
        await session.take(*(shots or scripted.ticks()[:2]))
        yield session


def svg(app: ThreadtopApp) -> str:
    """The screen as SVG; Textual's ids are hashes that differ from run to run."""
    picture = app.export_screenshot()
    return re.sub(r"terminal-\d+", "terminal", picture)
