"""What each key does on the main screen: order, layout, limits, columns, settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import scripted
from screens import make_app, running
from threadtop import config, fields
from threadtop.snapshot import GroupRow, ProcessRow, ThreadRow
from threadtop.tui.main_screen import MainScreen
from threadtop.tui.process_screen import ProcessScreen

if TYPE_CHECKING:
    from pathlib import Path

    from screens import Session
    from threadtop.query import View

TICKS = scripted.ticks(8)


def view(session: Session) -> View:
    """The main screen's view."""
    screen = session.app._main
    assert isinstance(screen, MainScreen)
    return screen.view


def values(session: Session, key: str) -> list[object]:
    """A column of the table."""
    return [fields.BY_KEY[key].value(row) for row in session.rows]


@pytest.mark.parametrize(
    ("key", "column"),
    [("P", "cpu_pct"), ("T", "cpu_ns"), ("N", "pid"), ("S", "vol_per_s"), ("Q", "wait_pct")],
)
async def test_sort_keys(key: str, column: str) -> None:
    """P, T, N, S and Q sort by their column, as the heading shows, R turns the order round."""
    async with running() as session:
        await session.press(key)
        shown = [round(value, 1) if isinstance(value, float) else value for value in values(session, column)]
        descending = fields.BY_KEY[column].descending
        assert shown == sorted(shown, reverse=descending)
        assert view(session).sort == column
        assert fields.BY_KEY[column].title + ("▼" if descending else "▲") in session.text()
        await session.press("R")
        assert values(session, column)[0] != shown[0]
        assert view(session).descending is not descending


async def test_sort_by_memory() -> None:
    """M sorts threads by the memory of their process."""
    async with running() as session:
        await session.press("M")
        assert session.rows[0].pid == scripted.GUNICORN


async def test_the_sorted_column_moves_left_and_right() -> None:
    """< and > sort by the column beside, among those in sight, round the ends."""
    async with running(size=(80, 24)) as session:
        await session.press("greater_than_sign")
        assert view(session).sort == "wait_pct"
        await session.press("less_than_sign", "less_than_sign")
        assert view(session).sort == "command"
        await session.press("greater_than_sign")
        assert view(session).sort == "cpu_pct"


async def test_keys_before_the_first_snapshot() -> None:
    """Before there is anything to show no key breaks anything."""
    app = make_app()
    async with app.run_test() as pilot:
        keys = ("less_than_sign", "enter", "down", "G", "pagedown", "space", "F", "n", "left", "t", "R", "s", "escape")
        await pilot.press(*keys, "1", "I", "i", "tab", "Z", "U", "slash", "x", "enter")
        await pilot.pause()
        assert "reads /proc" in "".join(cells for cells, _ in app._main.header._shown)


async def test_the_sort_menu() -> None:
    """S lists the columns, the present one chosen; Enter takes one, Esc none."""
    async with running() as session:
        await session.press("s", "down", "down", "down", "enter")
        assert view(session).sort == "wait_pct"
        await session.press("f6", "end", "escape")
        assert view(session).sort == "wait_pct"
        await session.press("s", "k", "k", "k", "enter")
        assert view(session).sort == "cpu_pct"


async def test_percent_of_the_machine() -> None:
    """I shows %CPU of the whole machine, and of one core again."""
    async with running() as session:
        before = session.lines()[4].split()[0]
        await session.press("I")
        assert float(session.lines()[4].split()[0]) == pytest.approx(float(before) / 4, abs=0.06)
        await session.press("I")
        assert session.lines()[4].split()[0] == before


async def test_idle_and_kernel_threads_are_hidden() -> None:
    """I takes idle threads out and says how many, K the kernel's; the keys bring them back."""
    async with running() as session:
        count = len(session.rows)
        await session.press("i")
        assert session.rows
        assert not any(row.is_idle for row in session.rows)
        assert f"({count - len(session.rows)} idle threads hidden, i shows them)" in session.text()
        await session.press("K")
        assert not any(row.kernel for row in session.rows)
        await session.press("i", "K")
        assert len(session.rows) == count


async def test_clear_lifts_every_limit() -> None:
    """= clears filter, user, and both idle and kernel switches."""
    async with running() as session:
        count = len(session.rows)
        await session.press("i", "K", "u")
        await session.type("deploy")
        await session.press("backslash")
        await session.type("cpu>5")
        assert {row.user for row in session.rows} == {"deploy"}
        await session.press("equals_sign")
        assert len(session.rows) == count


async def test_the_tree_folds() -> None:
    """T shows processes with their threads; Left folds from the heading or below it, Right unfolds, * does all."""
    async with running() as session:
        await session.press("t")
        rows = session.rows
        assert isinstance(rows[0], ProcessRow)
        assert {row.pid for row in rows[1:11]} == {rows[0].pid}
        await session.press("down", "down", "left")
        assert session.chosen.key == rows[0].key
        assert len(session.rows) == len(rows) - 10
        await session.press("right")
        assert len(session.rows) == len(rows)
        await session.press("asterisk")
        assert all(isinstance(row, ProcessRow) for row in session.rows)
        await session.press("asterisk", "f5")
        assert all(isinstance(row, ThreadRow) for row in session.rows)


async def test_a_new_layout_forgets_what_was_folded() -> None:
    """A tree after a folded grouping is unfolded: nothing is hidden that was not asked to be."""
    async with running() as session:
        await session.press("v", "v", "t")
        assert any(isinstance(row, ThreadRow) for row in session.rows)


async def test_grouping() -> None:
    """V goes through flat, tree, programs and thread names; Enter unfolds a group."""
    async with running() as session:
        count = len(session.rows)
        await session.press("v", "v")
        headings = session.rows
        assert all(isinstance(row, GroupRow) for row in headings)
        assert [row.command for row in headings if row.process == "gunicorn"] == ["20 x gunicorn"]
        await session.press("v")
        labels = [row.label for row in session.rows if isinstance(row, GroupRow)]
        assert {"gunicorn [worker-#]", "python3", "envoy [wrk:worker_#]"} <= set(labels)
        folded = len(session.rows)
        await session.press("enter")
        assert len(session.rows) == folded + 16
        await session.press("v")
        assert len(session.rows) == count


async def test_threads_on_and_off() -> None:
    """H shows processes alone, without the columns that only threads have."""
    async with running() as session:
        await session.press("H")
        assert len(session.rows) == 22
        assert "REASON" not in session.text()
        await session.press("H")
        assert "REASON" in session.text()


async def test_whole_command_lines() -> None:
    """C shows command lines, hostile ones harmless."""
    async with running(size=(200, 60)) as session:
        await session.press("c")
        assert "report.py --month 2025-12" in session.text()
        assert "^[]0;owned^G ^[[31mred" in session.text()
        await session.press("c")
        assert "report.py" not in session.text()


async def test_a_meter_for_each_core() -> None:
    """1 adds a meter for each CPU, as high as needed."""
    async with running(size=(120, 30)) as session:
        await session.press("1")
        assert session.app._main.header.size.height == 4
        await session.press("1")
        assert session.app._main.header.size.height == 3


async def test_the_delay() -> None:
    """D asks for the delay, + and - double and halve it, within bounds."""
    async with running() as session:
        await session.press("d", "backspace")
        await session.type("2.5")
        assert session.app.feed.interval_s == 2.5
        await session.press("plus")
        assert session.app.feed.interval_s == 5
        await session.press("minus", "minus")
        assert session.app.feed.interval_s == 1.25
        await session.press(*["minus"] * 8)
        assert session.app.feed.interval_s == 0.1
        await session.press("d", *["backspace"] * 3)
        await session.type("0")
        assert session.app._main.prompt is not None
        assert session.app.feed.interval_s == 0.1


async def test_the_configuration_is_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W writes columns, sort, layout, delay and theme; a new app begins with them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with running(theme=None) as session:
        await session.press("S", "t", "i", "1", "plus", "ctrl+t", "C", "space", "enter", "W")
        theme = session.app.theme_name
        assert "written to" in session.footer()
    kept = config.load(config.path())
    async with running(app=make_app(preferences=kept, theme=None)) as session:
        found = view(session)
        assert (found.sort, found.layout, found.hide_idle) == ("vol_per_s", "tree", True)
        assert "cpu_pct" not in found.columns
        assert session.app._main.header.per_core
        assert session.app.theme_name == theme


async def test_nothing_is_written_without_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only W touches the configuration file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with running() as session:
        await session.press("S", "t", "i", "1", "C", "space", "enter", "ctrl+t")
    assert os.listdir(tmp_path) == []


async def test_a_configuration_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file cannot be written the footer says so, and nothing else happens."""
    (tmp_path / "threadtop").write_text("in the way")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with running() as session:
        await session.press("W")
        assert "cannot be written" in session.footer()


async def test_columns_are_picked_and_moved() -> None:
    """C hides with Space, moves with the arrows, takes with Enter, leaves with Esc; one column stays."""
    async with running() as session:
        before = view(session).columns
        await session.press("C", "space", "down", "right", "enter")
        assert view(session).columns == (before[2], before[1], *before[3:])
        await session.press("C", "down", "space", "escape")
        assert view(session).columns == (before[2], before[1], *before[3:])
        await session.press("C", "r", "enter")
        assert view(session).columns == before
        await session.press("C", *["space", "down"] * len(before), "enter")
        assert view(session).columns == ("command",)
        assert session.lines()[3].split() == ["COMMAND"]


async def test_themes() -> None:
    """Ctrl+T goes through all themes and back to the first; the words stay."""
    async with running() as session:
        before, names = session.lines()[:-1], []
        for _ in range(4):
            await session.press("ctrl+t")
            names.append(session.app.theme_name)
            assert session.lines()[:-1] == before
        assert sorted(names) == ["ansi", "blue-yellow", "dark", "mono"]


async def test_the_help() -> None:
    """?, h and F1 show the help; it scrolls by j and k, and Esc, q or ? close it without quitting."""
    async with running(size=(80, 24)) as session:
        for opens, closes in (("question_mark", "escape"), ("h", "q"), ("f1", "question_mark")):
            await session.press(opens)
            top = session.lines()
            await session.press("j", "j")
            assert session.lines()[1] == top[3]
            await session.press("k", "G", "pagedown", "g")
            assert session.lines() == top
            await session.press(closes)
            assert isinstance(session.app.screen, MainScreen)


async def test_the_palette_runs_actions() -> None:
    """The command palette finds an action by its words and runs it."""
    async with running() as session:
        await session.press("colon")
        await session.press(*"run-queue")
        await session.pilot.pause()
        await session.press("down", "enter")
        assert view(session).sort == "wait_pct"


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quitting(key: str) -> None:
    """Q and Ctrl+C leave, with exit code 0."""
    async with running() as session:
        await session.press(key)
        assert session.app.return_code == 0
        assert not session.app.is_running or session.app._exit


@pytest.mark.parametrize("key", ["k", "f9", "f7", "f8", "a"])
async def test_keys_kept_for_later_do_nothing(key: str) -> None:
    """What kills, renices or pins in other tools moves nothing and changes nothing here, and says so."""
    async with running() as session:
        await session.press("down", "down")
        chosen, before = session.chosen.key, view(session)
        await session.press(key)
        assert session.chosen.key == chosen
        assert view(session) is before
        assert "kept for" in session.footer()


async def test_paused_it_can_still_be_looked_through() -> None:
    """Paused, what the feed still delivers is not shown, but sort, filter, layout and drill-down work."""
    async with running(*TICKS[:4]) as session:
        await session.press("p")
        shown = session.app.snapshot
        session.app.feed._latest = TICKS[5]
        session.app._take()
        assert session.app.snapshot is shown
        assert "PAUSED" in session.text()
        await session.press("S", "backslash")
        await session.type("vol>1000")
        assert {row.process for row in session.rows} == {"envoy"}
        await session.press("t", "down", "enter")
        assert "PAUSED" in session.text()
        assert "envoy 2207" in session.text()
        await session.press("escape", "Z")
        assert "PAUSED" not in session.text()
        session.app.feed._latest = TICKS[5]
        session.app._take()
        assert session.app.snapshot is TICKS[5]


@pytest.mark.parametrize(("key", "pane"), [("e", "Environment"), ("l", "Files")])
async def test_htops_keys_open_a_pane(key: str, pane: str) -> None:
    """As in htop, e shows the environment and l the open files: of the chosen row, and in an opened process."""
    async with running() as session:
        await session.press("down", key)
        screen = session.app.screen
        assert isinstance(screen, ProcessScreen)
        assert pane == screen.pane.NAME
        await session.press("tab", key)
        assert pane == screen.pane.NAME
