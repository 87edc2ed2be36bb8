"""The Time pane: bars, the last seconds, and in words how each part is known and what the looks cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_gil
from builders import process_row, snapshot, thread_row
from screens import CountingDriver, make_app, running
from threadtop.time_rows import TimeShare, by_one_look
from threadtop.tui import time_words
from threadtop.tui.panes.time import TimePane
from threadtop.tui.process_screen import ProcessScreen

if TYPE_CHECKING:
    from screens import Session

TICKS = scripted_gil.ticks(14)
WORKER, READER = scripted_gil.WORKERS[0], scripted_gil.READER


async def opened(session: Session, tid: int = 0) -> TimePane:
    """The Time pane of gunicorn."""
    session.app.open_process(scripted.GUNICORN, tid, "Time")
    await session.settle()
    screen = session.app.screen
    assert isinstance(screen, ProcessScreen)
    assert isinstance(screen.pane, TimePane)
    return screen.pane


def said(share: TimeShare | None, width: int = 120, **shown: object) -> str:
    """What is said of a thread with this share."""
    row = thread_row(7, sampled=share, cpu_pct=None if share is None else 0.0, **shown)
    return " ".join(" ".join(cells.split()) for cells, _ in time_words.detail_lines(row, TICKS[5], width))


# -- in words ----------------------------------------------------------------------------------


def test_a_sampled_share_has_its_error() -> None:
    """Each kind with its points either way, the largest first, and the looks behind them."""
    words = said(TimeShare(20.0, 4.0, 3.0, (("lock", 10.0), ("disk", 63.0)), 75))
    assert "ran 24.0 % (user 20.0, kernel 4.0" in words
    assert "waited for a cpu 3.0 %" in words
    assert "sampled disk 63 ±6 lock 10 ±6 (75 looks in the last 3 s)" in words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (by_one_look(10, 0, 0, "lock"), "one look lock, as it was looked at; of the 90.0 %"),
        (by_one_look(0, 0, 0, "lock"), "at rest 100.0 % lock: it has not run since"),
        (by_one_look(10, 0, 0, None), "blocked 90.0 %, on what is not known: it ran when it was looked at"),
        (by_one_look(0, 0, 0, "unknown", "Yama allows nothing"), "not known 100.0 %: Yama allows nothing"),
        (TimeShare(100.0, 0.0, 0.0, (), 0), "blocked never"),
        (None, "not known yet: a share needs two readings"),
    ],
)
def test_how_it_is_known_is_said(share: TimeShare | None, words: str) -> None:
    """One look, a rest without a sample, what may not be read, and what is not there each have their words."""
    assert words in said(share)
    assert words.split(maxsplit=1)[0] in said(share, 80)


def test_the_reason_and_the_cost_are_said() -> None:
    """What it is blocked on just now, made harmless, and what the looks cost."""
    words = said(by_one_look(0, 0, 0, "disk"), reason="disk: /x\x1b[2J")
    assert "now disk: /x^[[2J" in words
    assert "looks cost 0.6 % of a core, 25 rounds a second" in words
    bare = TICKS[5]._replace(wait_watch_pct=None)
    assert "nothing" in time_words.detail_lines(thread_row(7), bare, 80)[-1][0]


def test_the_legend_names_every_sign() -> None:
    """Whatever the width, all of it is there, and no line is longer."""
    for width in (80, 120, 200):
        lines = time_words.legend_lines(width)
        legend = " ".join(cells for cells, _ in lines)
        assert all(len(cells) == width for cells, _ in lines)
        for words in ("█ runs its own code", "G GIL", "L lock", "D disk", "z sleeps", "small letters: one look"):
            assert words in legend


# -- the pane ----------------------------------------------------------------------------------


async def test_the_pane_shows_bars_and_seconds() -> None:
    """Who runs or wants to comes first, each with its bar, what took its last seconds, and the chosen one in words."""
    async with running(*TICKS[:2]) as session:
        await session.take(*TICKS[2:])
        await opened(session)
        line = next(line for line in session.lines() if line.rstrip().endswith("worker-1"))
        assert "GGGGGGGGGGGGG" in line.split("  ")[0]
        assert "GGGGGGGGGGGG " in line[22:]
        assert "sampled    GIL" in session.text()
        assert session.rows[-1].is_idle


async def test_the_cursor_stays_on_its_thread_from_pane_to_pane() -> None:
    """The thread chosen in one table is chosen in the next, and told of below."""
    async with running(*TICKS[:4]) as session:
        session.app.open_process(scripted.GUNICORN, READER)
        await session.settle()
        await session.press("tab")
        assert session.chosen.tid == READER
        assert f" io-reader {READER}" in session.text()
        await session.press("shift+tab")
        assert session.chosen.tid == READER


async def test_it_asks_for_looks_while_it_is_open() -> None:
    """The process is looked at closely, and the threads in sight are read."""
    async with running(*TICKS[:4], size=(80, 20)) as session:
        pane = await opened(session)
        screen = session.app.screen
        assert isinstance(screen, ProcessScreen)
        interest = screen.interest(None)
        assert interest.waits == {scripted.GUNICORN}
        assert interest.needs == {"status", "wchan"}
        assert {tid for _, tid in interest.visible} == {row.tid for row in pane.rows_in_sight()}


async def test_any_size() -> None:
    """Each line is as wide as the pane, with 300 threads, whatever its size; on a low one the words give way."""
    rows = [thread_row(number, name=f"pool-{number}\x1b[2J", wchan="futex_do_wait") for number in range(1, 301)]
    async with running(snapshot(process_row(scripted.GUNICORN, *rows))) as session:
        pane = await opened(session)
        for size in ((1, 1), (20, 5), (37, 11), (60, 16), (80, 24), (250, 60)):
            await session.resize(*size)
            assert {(len(cells), len(roles)) for cells, roles in pane._shown} <= {(pane.size.width,) * 2}
            assert len(pane._shown) == pane.size.height
            await session.press("G")
            assert pane.chosen is not None
            assert pane.rows_in_sight()[-1:] in ([pane.chosen], [])
        assert "\x1b" not in session.text()


async def test_a_tick_of_the_pane_is_cheap() -> None:
    """A second costs under 1.6 KB at 120x40, though all the past moves on; the same snapshot again sends nothing."""
    app = make_app(driver_class=CountingDriver)
    async with running(*TICKS[:2], app=app) as session:
        await session.take(*TICKS[2:12])
        await opened(session)
        driver = app._driver
        assert isinstance(driver, CountingDriver)
        driver.take()
        await session.take(TICKS[12])
        assert 0 < len(driver.take().encode()) < 1600
