"""Typing: search, filter, user; a line that is wrong stays to be mended, and keys are text meanwhile."""

from __future__ import annotations

from textual.widgets import Input

import scripted
from screens import running

TICKS = scripted.ticks(8)


async def test_search_goes_where_it_is_typed() -> None:
    """The cursor goes to the first match from where it was as the word grows, and back to it as it shrinks."""
    async with running() as session:
        await session.press("slash", *"worker-")
        first = session.chosen.key
        await session.press(*"4")
        assert session.chosen.name == "worker-4"
        await session.press("backspace")
        assert session.chosen.key == first
        await session.press("enter", "n")
        assert session.chosen.name.startswith("worker-")
        assert session.chosen.key != first
        await session.press("N")
        assert session.chosen.key == first


async def test_search_for_a_pid() -> None:
    """A number finds the thread of that tid."""
    async with running() as session:
        await session.press("slash")
        await session.type("2212")
        assert session.chosen.tid == 2212


async def test_a_search_without_a_match() -> None:
    """What is not there is said while typing and after, the cursor stays; n and N say it again."""
    async with running() as session:
        await session.press("down", "slash", *"zzz")
        before = session.chosen.key
        assert "no row has it" in session.text()
        await session.press("enter")
        assert "no row has 'zzz'" in session.footer()
        for key in ("n", "N"):
            await session.press(key)
            assert session.chosen.key == before
            assert "no row has 'zzz'" in session.footer()


async def test_next_without_a_search() -> None:
    """N without a search says how to search."""
    async with running() as session:
        await session.press("n")
        assert "/ searches" in session.footer()


async def test_what_is_searched_for_stands_out() -> None:
    """The match is marked in COMMAND until Esc leaves the search."""
    async with running() as session:
        await session.press("slash", *"io-read")
        marked = [cells for cells, roles in session.grid._shown if "s" in roles or chr(ord("s") + 0x100) in roles]
        assert len(marked) == 1
        await session.press("escape")
        assert not any(set(roles) & {"s", chr(ord("s") + 0x100)} for _, roles in session.grid._shown)


async def test_a_filter() -> None:
    """Only what matches is left, the footer says which filter; an empty one lifts it."""
    async with running() as session:
        await session.press("backslash")
        await session.type("cpu>5 user=www-data")
        assert {row.process for row in session.rows} == {"gunicorn"}
        assert "filter: cpu>5 user=www-data" in session.footer()
        await session.press("o", *["backspace"] * 30, "enter")
        assert len(session.rows) == 57


async def test_a_bad_filter_stays_to_be_mended() -> None:
    """The error is one clear line beside what was typed, the filter in force stays; mended, it is taken."""
    async with running() as session:
        await session.press("f4")
        await session.type("cpu>5")
        rows = len(session.rows)
        await session.press("backslash", *[" ", *"nosuch=1"], "enter")
        assert "there is no column 'nosuch'" in session.footer()
        assert session.app.screen.query_one(Input).value == "cpu>5 nosuch=1"
        assert len(session.rows) == rows
        await session.press("backspace")
        assert "no column" not in session.footer()
        await session.press(*["backspace"] * 8, "enter")
        assert session.app._main.prompt is None
        assert len(session.rows) == rows


async def test_a_user() -> None:
    """U takes a name or a uid; one that has no process is an error that says who has."""
    async with running() as session:
        await session.press("u")
        await session.type("vault")
        assert {row.process for row in session.rows} == {"vault"}
        await session.press("u", *["backspace"] * 5)
        await session.type("1000")
        assert {row.user for row in session.rows} == {"deploy"}
        await session.press("u", *["backspace"] * 4)
        await session.type("nobody")
        assert "no process of user 'nobody'" in session.footer()
        assert {row.user for row in session.rows} == {"deploy"}
        await session.press("escape")
        assert "user: 1000" in session.footer()


async def test_escape_leaves_everything_as_it_was() -> None:
    """Esc in a prompt takes nothing and does not let the cursor go."""
    async with running() as session:
        await session.press("down", "down")
        chosen, count = session.chosen.key, len(session.rows)
        for key in ("backslash", "slash", "u", "d"):
            await session.press(key, *"12", "escape")
            assert session.app._main.prompt is None
        assert session.chosen.key == chosen
        assert len(session.rows) == count
        assert session.app.feed.interval_s == 1.0
        assert session.app.focused is session.grid


async def test_keys_are_text_while_typing() -> None:
    """No key does anything but edit the line: not letters, not F-keys, not Tab, not the arrows."""
    async with running() as session:
        before, keys = session.app._main.view, "qhtviHKPpZW?ISFU1+-R"
        await session.press("slash", *keys)
        assert session.app.screen.query_one(Input).value == keys
        others = ("f5", "f6", "f1", "f10", "tab", "shift+tab", "up", "down", "pagedown", "ctrl+t", "ctrl+l", "f2")
        await session.press(*others)
        assert session.app.screen is session.app._main
        assert session.app._main.view is before
        assert session.app.focused is session.app.screen.query_one(Input)
        assert session.app.theme_name == "dark"
        await session.press("ctrl+c")
        assert session.app._main.prompt is None
        assert session.app.is_running


async def test_ticks_go_on_while_typing() -> None:
    """The table is refreshed behind a prompt, and what is typed stays."""
    async with running(*TICKS[:3]) as session:
        await session.press("backslash", *"cpu")
        before = session.lines()[4:10]
        await session.take(TICKS[4])
        assert session.lines()[4:10] != before
        assert session.app.screen.query_one(Input).value == "cpu"


async def test_a_click_does_not_leave_the_prompt() -> None:
    """A click on the table does not take the keys away from the line."""
    async with running() as session:
        await session.press("backslash", "c")
        await session.pilot.click(session.grid, offset=(10, 5))
        await session.press("p")
        assert session.app.screen.query_one(Input).value == "cp"


async def test_the_prompt_gives_the_footer_back() -> None:
    """After a prompt the footer shows what is true now."""
    async with running(*TICKS[:3]) as session:
        await session.press("backslash")
        await session.type("name~worker")
        assert "filter: name~worker" in session.footer()
        assert "? help" in session.footer()
