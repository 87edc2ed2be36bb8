"""The cursor and its row: identity over ticks, order held still, marks, tags, following, paging."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
from builders import process_row, snapshot, thread_row
from screens import running
from threadtop import fields
from threadtop.tui import main_screen

if TYPE_CHECKING:
    from screens import Session
    from threadtop.snapshot import Snapshot

TICKS = scripted.ticks(8)


def shares(*cpu_pct: float, start: int = 1000, marks: str = "") -> Snapshot:
    """One process whose threads 1, 2, 3... use these shares; a negative one has ended a while ago."""
    rows = [
        thread_row(tid, start_ticks=start, name=f"thread-{tid}", cpu_pct=value, cpu_ns=tid)
        for tid, value in enumerate(cpu_pct, 1)
        if value >= 0
    ]
    return snapshot(process_row(1, *rows, mark=marks))


def tids(session: Session) -> list[int]:
    """The table's tids in order."""
    return [row.tid for row in session.rows]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The main screen's clock, to be set by hand."""
    now = [100.0]
    monkeypatch.setattr(main_screen.time, "monotonic", lambda: now[0])
    return now


def highlighted(session: Session) -> list[int]:
    """The rows shown as chosen, by their place on the screen."""
    return [index - 1 for index, (_, roles) in enumerate(session.grid._shown) if ord(roles[0]) >= 0x100]


async def test_the_cursor_stays_on_its_thread(clock: list[float]) -> None:
    """A thread that falls in the order takes the cursor with it."""
    async with running(shares(90, 50, 10), size=(80, 24)) as session:
        await session.press("down")
        assert session.chosen.tid == 2
        clock[0] += 60
        await session.take(shares(90, 1, 10))
        assert tids(session) == [1, 3, 2]
        assert session.chosen.tid == 2
        assert highlighted(session) == [2]


async def test_the_order_holds_still_while_the_cursor_moves(clock: list[float]) -> None:
    """For three seconds after a move nothing changes places; new threads come last; then it is sorted again."""
    async with running(shares(90, 50, 10), size=(80, 24)) as session:
        await session.press("down")
        clock[0] += 2.9
        await session.take(shares(1, 2, 80, 99))
        assert tids(session) == [1, 2, 3, 4]
        clock[0] += 0.2
        await session.take(shares(1, 2, 80, 99))
        assert tids(session) == [4, 3, 2, 1]


async def test_a_wish_to_sort_ends_the_hold(clock: list[float]) -> None:
    """Sorting, reversing and filtering act at once, however lately the cursor moved."""
    del clock
    async with running(shares(90, 50, 10), size=(80, 24)) as session:
        await session.press("down")
        await session.take(shares(1, 2, 80))
        await session.press("P")
        assert tids(session) == [3, 2, 1]


async def test_without_a_cursor_the_page_stays_at_the_top(clock: list[float]) -> None:
    """Until the user moves, nothing is marked as chosen, and Enter opens what is first now."""
    async with running(shares(90, 50, 10), size=(80, 24)) as session:
        clock[0] += 60
        await session.take(shares(1, 2, 80))
        assert highlighted(session) == []
        assert session.chosen.tid == 3
        await session.press("down", "escape")
        assert highlighted(session) == []


async def test_a_vanished_row_lends_its_place(clock: list[float]) -> None:
    """When the chosen thread is gone, the row at its place is chosen, and shown as chosen."""
    async with running(shares(90, 50, 10), size=(80, 24)) as session:
        await session.press("down")
        clock[0] += 60
        await session.take(shares(90, -1, 10))
        assert session.chosen.tid == 3
        assert highlighted(session) == [1]
        await session.take(shares(1, -1, 10))
        assert session.chosen.tid == 3
        assert highlighted(session) == [0]


async def test_a_row_that_comes_back_is_chosen_again(clock: list[float]) -> None:
    """A thread that a limit hid for a while has the cursor back, unless the user moved it."""
    async with running(shares(90, 50, 10), size=(80, 24)) as session:
        await session.press("i", "down")
        clock[0] += 60
        await session.take(shares(90, 0, 10))
        assert session.chosen.tid == 3
        await session.take(shares(90, 50, 10))
        assert session.chosen.tid == 2
        await session.take(shares(90, 0, 10))
        await session.press("up")
        await session.take(shares(90, 50, 10))
        assert session.chosen.tid == 1


async def test_a_reused_tid_is_another_thread(clock: list[float]) -> None:
    """A thread with the tid of an ended one is not the one that was chosen or tagged."""
    async with running(shares(90, 50, 10), size=(80, 24)) as session:
        await session.press("down", "space", "up")
        tagged = session.chosen.key
        clock[0] += 60
        await session.take(shares(90, 50, 10, start=2000))
        assert session.chosen.key != tagged
        assert not any(line.startswith("*") for line in session.lines())


async def test_new_and_gone_are_marked_for_a_tick() -> None:
    """A new thread has a plus, one that ended an x, each for one tick; then it is plain, or away."""
    async with running(*TICKS[:3], size=(120, 70)) as session:
        seen = []
        for shot in TICKS[3:7]:
            await session.take(shot)
            lines = [line[0] for line in session.lines() if "export-job" in line]
            others = [line[0] for line in session.lines() if "logrotate" in line]
            assert lines == others
            seen.append("".join(lines))
        assert seen == ["+", " ", "x", ""]


async def test_tags() -> None:
    """Space tags and goes on, again takes the tag off; U removes all; the footer counts them."""
    async with running(shares(90, 50, 10), size=(80, 24)) as session:
        await session.press("down", "space")
        assert session.chosen.tid == 3
        assert [line[0] for line in session.lines()[4:7]] == [" ", "*", " "]
        assert "1 tagged" in session.footer()
        await session.press("space", "up", "space")
        assert "1 tagged" in session.footer()
        await session.press("U")
        assert "tagged" not in session.footer()


async def test_a_tag_ends_with_its_thread(clock: list[float]) -> None:
    """What has ended is no longer counted as tagged."""
    async with running(*TICKS[:5], size=(120, 50)) as session:
        await session.press("slash")
        await session.type("export-job")
        await session.press("space")
        assert "1 tagged" in session.footer()
        clock[0] += 60
        await session.take(TICKS[5])
        assert "tagged" not in session.footer()


async def test_following_keeps_the_page_on_a_thread(clock: list[float]) -> None:
    """F keeps the followed thread in sight wherever the order takes it; F again, or a move, ends that."""
    many = [50.0 - tid for tid in range(40)]
    async with running(shares(*many), size=(80, 20)) as session:
        await session.press("down", "F")
        followed = session.chosen.tid
        clock[0] += 60
        await session.take(shares(many[0], 0.1, *many[2:]))
        assert session.chosen.tid == followed == 2
        assert any(line.startswith(">") for line in session.lines())
        assert session.grid.offset_rows > 0
        await session.press("up")
        assert session.grid.followed is None
        await session.press("F", "F")
        assert session.grid.followed is None


async def test_following_ends_with_the_thread(clock: list[float]) -> None:
    """When the followed thread ends the footer says so."""
    async with running(*TICKS[:5], size=(120, 50)) as session:
        await session.press("slash")
        await session.type("export-job")
        await session.press("F")
        clock[0] += 60
        await session.take(TICKS[5])
        assert session.grid.followed is None
        assert "export-job has ended: no longer following" in session.footer()


async def test_pages_and_ends() -> None:
    """PgDn and PgUp move by what is in sight, Home, End, g and G to the ends, and none of them beyond."""
    async with running(scripted.crowd(200, 4), size=(80, 24)) as session:
        page = session.grid.body_height
        await session.press("pagedown")
        assert (session.grid.cursor_index, session.grid.offset_rows) == (page, page)
        await session.press("end")
        last = len(session.rows) - 1
        assert (session.grid.cursor_index, session.grid.offset_rows) == (last, last - page + 1)
        await session.press("pagedown", "down", "j")
        assert (session.grid.cursor_index, session.grid.offset_rows) == (last, last - page + 1)
        await session.press("pageup")
        assert session.grid.cursor_index == last - page
        await session.press("g", "pageup", "up")
        assert (session.grid.cursor_index, session.grid.offset_rows) == (0, 0)
        await session.press("G", "home")
        assert (session.grid.cursor_index, session.grid.offset_rows) == (0, 0)


async def test_the_cursor_stays_in_sight_when_the_screen_shrinks() -> None:
    """After a resize to 20x5 and back the chosen row is the same, and in sight each time."""
    async with running(scripted.crowd(200, 4), size=(120, 40)) as session:
        await session.press(*["down"] * 30)
        key = session.chosen.key
        for size in ((20, 5), (120, 40), (50, 6)):
            await session.resize(*size)
            assert session.chosen.key == key
            assert key in {row.key for row in session.grid.rows_in_sight()}


async def test_ten_thousand_threads() -> None:
    """With 10,000 threads only the rows in sight are asked to be read whole, and the cursor reaches the end."""
    async with running(scripted.crowd(), size=(120, 40)) as session:
        await session.press("G")
        assert session.grid.cursor_index == 9999
        interest = session.app._main.interest(None)
        assert interest.visible == {(row.pid, row.tid) for row in session.grid.rows_in_sight()}
        assert len(interest.visible) == session.grid.body_height
        assert "9,965-9,999 of 10,000" in session.footer() or "of 10,000" in session.footer()


async def test_what_is_shown_decides_what_is_read() -> None:
    """A screen too narrow for the time bar and REASON does not have wchan read; sorting by memory has that read."""
    async with running(size=(60, 12)) as session:
        assert session.app._main.interest(None).needs == {"status", "wchan"}
        await session.resize(30, 12)
        assert session.app._main.interest(None).needs == frozenset()
        await session.press("M")
        assert session.app._main.interest(None).needs == {"memory"}


async def test_the_mouse() -> None:
    """A click chooses, a click on the chosen row opens, one on a heading sorts, the wheel scrolls."""
    async with running(size=(120, 40)) as session:
        grid = session.grid
        await session.pilot.click(grid, offset=(10, 3))
        assert session.chosen.key == session.rows[2].key
        await session.pilot.click(grid, offset=(8, 0))
        assert session.app._main.view.sort == "wait_pct"
        grid.choose(0)
        await session.settle()
        await session.pilot.click(grid, offset=(10, 1))
        await session.settle()
        assert session.app.screen is not session.app._main


async def test_at_most_one_accent_a_row() -> None:
    """Whatever a row does, one colour says it beside its bar: the rest is plain, quiet or bold."""
    async with running(*TICKS[:4], size=(200, 70)) as session:
        start = session.grid._shown[0][0].index("TIME BAR")
        end = start + fields.BY_KEY["time_pct"].width
        for cells, roles in session.grid._shown[1:]:
            accents = set(roles[1:start] + roles[end:]) & set("grcmywuvWldepa")
            assert len(accents) <= 1, cells


async def test_idle_rows_are_dim() -> None:
    """A thread at rest is quiet from end to end."""
    async with running(*TICKS[:4], size=(200, 70)) as session:
        idle = {row.key for row in session.rows if row.is_idle}
        assert len(idle) > 20
        for row, (_, roles) in zip(session.rows, session.grid._shown[1:], strict=False):
            if row.key in idle:
                assert set(roles) <= {" ", "."}
