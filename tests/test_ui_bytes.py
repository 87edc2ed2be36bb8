"""What is sent to the terminal: how much of it, and that it makes the terminal show what the app means."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pyte
import pytest

import scripted
from screens import CountingDriver, make_app, running
from threadtop.text import plain
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from screens import Session
    from threadtop.snapshot import Snapshot

TICKS = scripted.ticks(30)
WIDTH, HEIGHT = 120, 40


@asynccontextmanager
async def counted(
    *shots: Snapshot, size: tuple[int, int] = (WIDTH, HEIGHT), theme: str = "dark"
) -> AsyncIterator[tuple[Session, CountingDriver]]:
    """A session on a terminal that counts."""
    app = make_app(driver_class=CountingDriver, theme=theme)
    app._sync_available = True  # its marks count, too
    async with running(*shots, size=size, app=app) as session:
        driver = app._driver
        assert isinstance(driver, CountingDriver)
        yield session, driver


def sent(driver: CountingDriver) -> int:
    """Bytes written since the last look."""
    return len(driver.take().encode())


def changed(shot: Snapshot, tid: int, **values: object) -> Snapshot:
    """The same snapshot but for one thread, in which nothing else moved."""
    return scripted.with_thread(shot, tid, **values)


async def test_a_tick_in_which_nothing_changed_sends_nothing() -> None:
    """Not a byte is sent for a snapshot that says the same, with 60 threads and with 10,000."""
    for shot in (TICKS[4], scripted.crowd()):
        async with counted(shot) as (session, driver):
            driver.take()
            again = shot._replace(time=shot.time + 1)
            await session.take(shot, again, again)
            assert sent(driver) == 0


async def test_what_is_not_in_sight_sends_nothing() -> None:
    """A change of a thread below the page costs no byte."""
    async with counted(TICKS[4], size=(120, 20)) as (session, driver):
        hidden = session.rows[-1]
        driver.take()
        await session.take(changed(TICKS[4], hidden.tid, cpu_ns=7_000_000_000))
        assert sent(driver) == 0


@pytest.mark.parametrize("theme", ["dark", "ansi", "mono"])
async def test_one_changed_row(theme: str) -> None:
    """Under 300 bytes for a row of which every moving figure changed."""
    async with counted(TICKS[4], theme=theme) as (session, driver):
        driver.take()
        row = session.rows[1]
        await session.take(
            changed(
                TICKS[4],
                row.tid,
                cpu_pct=24.1,
                wait_pct=3.9,
                vol_per_s=512.0,
                invol_per_s=77.0,
                last_cpu=3,
                cpu_ns=9_000_000_000_000,
                state="R",
                reason="running",
            )
        )
        assert 0 < sent(driver) < 300


@pytest.mark.parametrize("theme", ["dark", "ansi"])
async def test_a_whole_page(theme: str) -> None:
    """Under 12 KB for a first page of 120x40."""
    async with counted(TICKS[4], theme=theme) as (session, driver):
        driver.take()
        session.app.action_redraw()
        await session.settle()
        page = sent(driver)
        assert 3000 < page < 12_000


@pytest.mark.parametrize("theme", ["dark", "ansi"])
async def test_a_page_down(theme: str) -> None:
    """Under 8 KB for a page down, in which every row changes."""
    async with counted(scripted.crowd(2000, 10), theme=theme) as (session, driver):
        await session.press("down")
        driver.take()
        await session.press("pagedown")
        assert 1000 < sent(driver) < 8000


async def test_moving_the_cursor() -> None:
    """Under 1,000 bytes for a move by one row: two rows and the footer."""
    async with counted(TICKS[4]) as (session, driver):
        await session.press("down")
        driver.take()
        await session.press("down")
        assert 0 < sent(driver) < 1000


async def test_a_bar_that_trembles_sends_nothing() -> None:
    """Sampled shares that move by less than a cell of the bar cost no byte; a whole cell costs a few."""
    row = next(row for row in TICKS[4].processes[scripted.GUNICORN].threads.values() if row.cpu_pct)
    shares = [TimeShare(24.0, 1.0, 3.0, (("gil", gil), ("poll", 72.0 - gil)), 54) for gil in (40.0, 42.5, 38.0, 47.0)]
    first, *trembles, moved = (changed(TICKS[4], row.tid, sampled=share) for share in shares)
    async with counted(first) as (session, driver):
        driver.take()
        await session.take(*trembles)
        assert sent(driver) == 0
        await session.take(moved)
        assert 0 < sent(driver) < 120


async def test_an_ordinary_tick() -> None:
    """A tick of the scripted machine, in which some 25 rows move, stays under 3 KB on average."""
    async with counted(*TICKS[:2]) as (session, driver):
        driver.take()
        await session.take(*TICKS[7:27])
        assert sent(driver) / 20 < 3000


def shown(terminal: pyte.Screen) -> list[str]:
    """What stands on a terminal, line by line."""
    return [line.rstrip() for line in terminal.display]


def meant(session: Session) -> list[str]:
    """What the app means to stand there."""
    rows = session.app.screen._compositor.render_strips(session.app.size)
    return ["".join(segment.text for segment in strip).rstrip() for strip in rows]


KEYS = (
    *"GgtvPSQRiKHcI1Fp",
    *("down", "up", "pagedown", "pageup", "space", "left", "right", "asterisk", "escape"),
    *("less_than_sign", "greater_than_sign", "equals_sign", "ctrl+t"),
)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [(120, 40), (80, 24), (47, 13)])
async def test_the_terminal_shows_what_is_meant(seed: int, size: tuple[int, int]) -> None:
    """After any ticks and keys the terminal that was sent all bytes shows the app's lines, and so a redraw says."""
    chance = random.Random(seed)  # noqa: S311 the same sequence in each run
    terminal = pyte.Screen(*size)
    stream = pyte.Stream(terminal)
    async with counted(TICKS[0], size=size, theme=chance.choice(("dark", "ansi", "mono"))) as (session, driver):
        session.app.action_redraw()
        await session.settle()
        stream.feed(driver.take())
        for _ in range(40):
            if chance.random() < 0.5:
                await session.take(chance.choice(TICKS))
            else:
                await session.press(chance.choice(KEYS))
            stream.feed(driver.take())
            assert shown(terminal) == session.lines() == meant(session)
        cells = colours(terminal)
        session.app.action_redraw()
        await session.settle()
        stream.feed(driver.take())
        assert colours(terminal) == cells


def colours(terminal: pyte.Screen) -> list[list[tuple[object, ...]]]:
    """Each cell's looks, blanks by their background alone."""
    lines = []
    for y in range(terminal.lines):
        line = []
        for x in range(terminal.columns):
            cell = terminal.buffer[y][x]
            drawn = (cell.fg, cell.bold, cell.italics) if cell.data.strip() else ()
            line.append((cell.data, cell.bg, cell.reverse, *drawn))
        lines.append(line)
    return lines


async def test_wide_characters_are_never_cut() -> None:
    """A name of wide characters, moving and half hidden, leaves no half character behind."""
    names = ["線程-七", "a線程-七b", "ascii", "𠀀線", "é線"]
    for width in range(60, 72):
        terminal = pyte.Screen(width, 12)
        stream = pyte.Stream(terminal)
        async with counted(TICKS[1], size=(width, 12)) as (session, driver):
            session.app.action_redraw()
            await session.settle()
            stream.feed(driver.take())
            for number, name in enumerate(names * 2):
                tid = session.rows[number % 3].tid
                await session.take(changed(TICKS[1], tid, name=name, cpu_pct=80.0 + number))
                stream.feed(driver.take())
                assert shown(terminal) == [plain(line).rstrip() for line in session.lines()]


async def test_hostile_names_are_never_sent() -> None:
    """No control byte of a name or command line reaches the terminal."""
    async with counted(*TICKS[:4], size=(200, 70)) as (session, driver):
        await session.press("c", "t", "v")
        await session.press("question_mark", "escape")
        data = driver.take().replace("\x1b]22;default\x07", "")  # Textual's pointer shape
        assert "\x1b]" not in data
        assert "\x07" not in data
        assert "\x1b[2J" not in data
        assert "new\n" not in data
        assert "new^Jline\\xff" in data
        assert "owned" in data
