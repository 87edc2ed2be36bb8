"""Drilling down: the screen of one process, its panes, and processes that end while they are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import scripted
import scripted_children
import scripted_overview
import scripted_sheets
from builders import process_row, snapshot, thread_row
from screens import Session, running
from threadtop.inside import Asked
from threadtop.inside.asked import Denial, Found
from threadtop.sampler import Interest
from threadtop.sheets import BY_NAME
from threadtop.tui.main_screen import MainScreen
from threadtop.tui.panes import NAMES
from threadtop.tui.panes.gil import GilPane
from threadtop.tui.panes.sheet import SheetPane
from threadtop.tui.panes.threads import ThreadsPane
from threadtop.tui.panes.time import TimePane
from threadtop.tui.process_screen import ProcessScreen
from threadtop.tui.process_title import tabs

if TYPE_CHECKING:
    from threadtop.snapshot import Snapshot

TICKS = scripted.ticks(12)
OVERVIEW = "Overview"


async def opened(session: Session, name: str, pane: str = "") -> ProcessScreen:
    """Search for a thread and open its process, and turn to a pane."""
    await session.press("slash")
    await session.type(name)
    await session.press("enter", *["tab"] * (NAMES.index(pane) if pane else 0))
    screen = session.app.screen
    assert isinstance(screen, ProcessScreen)
    return screen


def overview(shot: Snapshot) -> Snapshot:
    """A snapshot with the facts of the overview."""
    return scripted_sheets.shown(shot, BY_NAME["overview"])


def test_tabs_show_the_open_one_at_every_width() -> None:
    """However narrow, the open pane's tab is there, marked, and signs tell that there are more."""
    for width in (20, 40, 80, 120, 200):
        for chosen, name in enumerate(NAMES):
            cells, roles = tabs(NAMES, chosen, width)
            assert len(cells) == len(roles) == width
            at = cells.index(f" {name} ") + 1
            assert set(roles[at : at + len(name)]) == {"H"}
            assert (cells[0] == "…") == (NAMES[0] not in cells)
            assert (cells[-1] == "…") == (NAMES[-1] not in cells)


async def test_enter_on_the_first_row() -> None:
    """Enter without a cursor opens the process of the first row; Esc comes back."""
    async with running() as session:
        await session.press("enter")
        assert isinstance(session.app.screen, ProcessScreen)
        assert session.app.screen.pid == scripted.SPINNER
        await session.press("escape")
        assert isinstance(session.app.screen, MainScreen)


async def test_a_thread_opens_its_process_with_the_cursor_on_it() -> None:
    """Enter on a thread shows all threads of its process, and the cursor on that thread."""
    async with running() as session:
        screen = await opened(session, "worker-3")
        assert screen.pid == scripted.GUNICORN
        assert {row.pid for row in session.rows} == {scripted.GUNICORN}
        assert session.chosen.name == "worker-3"
        await session.press("backspace")
        assert session.chosen.name == "worker-3"


async def test_a_process_row_opens() -> None:
    """Enter on a heading of the tree, and on a process without threads shown, opens that process."""
    for layout in ("t", "H"):
        async with running() as session:
            await session.press(layout, "enter")
            assert isinstance(session.app.screen, ProcessScreen)
            assert session.app.screen.pid == scripted.GUNICORN


async def test_the_panes_turn() -> None:
    """Tab and Shift+Tab go round the panes; only the open one is shown, and named in the tabs."""
    async with running() as session:
        screen = await opened(session, "worker-3")
        assert isinstance(screen.pane, ThreadsPane)
        for name in NAMES[1:]:
            await session.press("tab")
            assert name == screen.pane.NAME
            assert f" {name}" in session.lines()[1]
            assert session.app.focused is screen.pane
        await session.press("tab", *["shift+tab"] * len(NAMES))
        assert isinstance(screen.pane, ThreadsPane)


async def test_each_pane_asks_for_what_it_shows() -> None:
    """The overview asks for its facts, the threads for the rows in sight, each of them for the process's GIL."""
    async with running() as session:
        screen = await opened(session, "worker-3")
        assert {pid for pid, _ in screen.interest(None).visible} == {scripted.GUNICORN}
        assert screen.interest(None).asked is None
        assert screen.interest(None).gil == {scripted.GUNICORN}
        assert screen.interest(None).waits == {scripted.GUNICORN}
        for kind, needs in ((TimePane, {"status", "wchan"}), (GilPane, {"status"})):
            await session.press("tab")
            assert isinstance(screen.pane, kind)
            assert {pid for pid, _ in screen.interest(None).visible} <= {scripted.GUNICORN}
            assert screen.interest(None).needs == needs
        await session.press(*["tab"] * (NAMES.index("Overview") - NAMES.index("GIL")))
        assert screen.interest(frozenset({1})) == Interest(
            attached=frozenset({1, scripted.GUNICORN}),
            asked=Asked("overview", scripted.GUNICORN),
            needs=frozenset({"memory", "status"}),
            gil=frozenset({1, scripted.GUNICORN}),
            waits=frozenset({1, scripted.GUNICORN}),
        )


async def test_the_threads_pane_sorts_by_itself() -> None:
    """Sort keys, reversal and the idle switch act on the pane and leave the main screen alone."""
    async with running() as session:
        screen = await opened(session, "worker-3")
        view = session.app._main.view
        await session.press("S")
        assert [row.name for row in session.rows][:1] == ["worker-1"]
        await session.press("R")
        assert session.rows[-1].name == "worker-1"
        await session.press("i")
        assert not any(row.is_idle for row in session.rows)
        pane = screen.pane
        assert isinstance(pane, ThreadsPane)
        await session.press("greater_than_sign")
        assert pane.view.sort == "invol_per_s"
        await session.press(*["less_than_sign"] * 20)
        assert session.app._main.view is view


async def test_the_sparklines_move_on() -> None:
    """A thread that rests keeps its row, but its past moves to the left tick by tick."""
    other = thread_row(2, cpu_pct=1.0)
    busy, rest = (process_row(1, thread_row(1, name="resting", cpu_pct=value), other) for value in (100.0, 0.0))
    async with running(snapshot(busy), size=(120, 12)) as session:
        await session.press("enter")
        seen = []
        after = snapshot(rest)
        for _ in range(3):
            await session.take(after)
            line = next(line for line in session.lines() if "resting" in line)
            seen.append(line.index("█"))
        assert seen == [seen[0], seen[0] - 1, seen[0] - 2]


async def test_the_delay_is_asked_for_here_too() -> None:
    """D works on the screen of a process, and + and - answer in its footer."""
    async with running() as session:
        await opened(session, "worker-3")
        await session.press("d", "backspace")
        await session.type("3")
        assert session.app.feed.interval_s == 3
        assert "every 3 s" in session.footer()
        await session.press("plus")
        assert "every 6 s" in session.footer()
        await session.press("k")
        assert "kept for signals" in session.footer()


async def test_j_and_k_move_among_fields() -> None:
    """In a pane of fields j and k move the cursor, and the page follows it."""
    async with running(overview(TICKS[2]), size=(80, 12)) as session:
        screen = await opened(session, "worker-3", OVERVIEW)
        assert isinstance(screen.pane, SheetPane)
        await session.take(overview(TICKS[3]))
        seen = []
        for key in (*"jjjjjjjjjj", *"kkkkkkkkkk"):
            assert screen.pane.chosen is not None
            seen.append(screen.pane.chosen.key)
            await session.press(key)
        assert len(set(seen)) == 11
        assert screen.pane.chosen.key == seen[0] == "pid"


async def test_facts_come_with_the_next_refresh() -> None:
    """Until its facts have been read the overview says when they will be."""
    async with running(TICKS[1]) as session:
        await opened(session, "worker-3", OVERVIEW)
        assert "is read with the next refresh" in session.text()
        await session.take(overview(TICKS[2]))
        assert "/srv/shop/bin/python3.12" in session.text()


async def test_a_pane_that_was_not_opened_in_time() -> None:
    """Of a process that has ended meanwhile no facts will come, and nobody is told that they would."""
    async with running(TICKS[1]) as session:
        await opened(session, "worker-3", OVERVIEW)
        left = {pid: row for pid, row in TICKS[2].processes.items() if pid != scripted.GUNICORN}
        await session.take(TICKS[2]._replace(processes=left))
        assert "ended: its last figures are kept" in session.text()
        assert "was not opened while the process was there" in session.text()
        assert "next refresh" not in session.text()


async def test_facts_of_another_process_are_not_shown() -> None:
    """Facts of a pid that was used before, and of another process, are nobody's here."""
    async with running(TICKS[1]) as session:
        await opened(session, "worker-3", OVERVIEW)
        shown = overview(TICKS[2])
        assert shown.inside is not None
        for found in (
            shown.inside._replace(start_ticks=1),
            shown.inside._replace(asked=Asked("overview", 1)),
            shown.inside._replace(asked=Asked("files", scripted.GUNICORN)),
        ):
            await session.take(shown._replace(inside=found))
            assert "is read with the next refresh" in session.text()


async def test_what_is_denied_says_by_which_rule() -> None:
    """Another user's process: what may not be read is a dash, with its rule once."""
    async with running(TICKS[1], size=(120, 60)) as session:
        await opened(session, "worker-3", OVERVIEW)
        shown = overview(TICKS[2])
        assert shown.inside is not None
        facts = scripted_overview.facts()._replace(
            executable=None, directory=None, denials=tuple(Denial(what, "a rule", "a way") for what in ("exe", "cwd"))
        )
        await session.take(shown._replace(inside=shown.inside._replace(facts=facts)))
        assert "not readable: exe, cwd" in session.text()
        await session.press("end")
        assert session.text().count("exe, cwd: a rule") == 1
        assert "a way" in session.text()


ATTACHED = frozenset({scripted.GUNICORN})
ALONE = [scripted.only(shot, scripted.GUNICORN) for shot in TICKS]


async def relatives(session: Session, pid: int) -> ProcessScreen:
    """Open the attached process at its children, with the cursor on one of them."""
    screen = await opened(session, "worker-3", "Children")
    found = Found(
        Asked("children", screen.pid), ALONE[3].processes[screen.pid].start_ticks, scripted_children.attached()
    )
    await session.take(ALONE[3]._replace(inside=found))
    for _ in range(12):
        chosen = screen.pane.chosen if isinstance(screen.pane, SheetPane) else None
        if chosen is not None and chosen.link is not None and chosen.link.pid == pid:
            return screen
        await session.press("j")
    message = "there is no such relative"
    raise AssertionError(message)


def attached_now(session: Session) -> frozenset[int] | None:
    """What the feed is to read."""
    return session.app.feed._interest.attached


async def test_an_attached_run_reads_what_enter_opens() -> None:
    """A relative is read while it is open, the trail tells the way, and the list has the target alone."""
    async with running(*ALONE[:3], pids=ATTACHED) as session:
        await relatives(session, 4210)
        await session.press("enter")
        screen = session.app.screen
        assert isinstance(screen, ProcessScreen)
        assert screen.pid == 4210
        assert attached_now(session) == {4210, scripted.GUNICORN}
        assert session.lines()[0].split() == [str(scripted.GUNICORN), ">", "4210", "is", "read", "from", "now", "on"]
        await session.take(scripted.only(TICKS[4], scripted.GUNICORN, 4210))
        assert session.lines()[0].startswith(f" {scripted.GUNICORN} > gunicorn 4210 ")
        await session.press("question_mark")  # what lies above it changes nothing
        assert attached_now(session) == {4210, scripted.GUNICORN}
        await session.press("escape", "escape")
        assert isinstance(session.app.screen, ProcessScreen)
        assert session.app.screen.pid == scripted.GUNICORN
        assert session.app.screen.pane.NAME == "Children"
        assert attached_now(session) == ATTACHED
        await session.press("escape")
        assert isinstance(session.app.screen, MainScreen)
        assert {row.pid for row in session.rows} == {scripted.GUNICORN}
        await session.take(ALONE[5]._replace(gone=(TICKS[5].processes[4210]._replace(mark="gone"),)))
        assert {row.pid for row in session.rows} == {scripted.GUNICORN}


async def test_all_processes_of_the_trail_are_read() -> None:
    """From a relative on to another one: the one between has not ended when it comes back into sight."""
    async with running(*ALONE[:3], pids=ATTACHED) as session:
        await relatives(session, 4210)
        await session.press("enter")
        await session.take(scripted.only(TICKS[4], scripted.GUNICORN, 4210))
        assert session.app.open_process(scripted.FFMPEG, 0, attach=True)
        await session.settle()
        assert attached_now(session) == {scripted.GUNICORN, 4210, scripted.FFMPEG}
        await session.take(scripted.only(TICKS[5], scripted.GUNICORN, 4210, scripted.FFMPEG))
        assert session.lines()[0].startswith(f" {scripted.GUNICORN} > 4210 > ffmpeg {scripted.FFMPEG} ")
        await session.press("escape")
        assert "ended" not in session.lines()[0]


async def test_an_attached_run_opens_what_has_just_ended() -> None:
    """A relative that is in no snapshot is given up, and that is said."""
    async with running(*ALONE[:3], pids=ATTACHED) as session:
        await relatives(session, 4302)
        await session.press("enter")
        assert session.app.screen.pid == 4302
        await session.take(ALONE[4], ALONE[5])
        assert session.app.screen.pid == 4302
        await session.press("tab", "tab", "tab")  # the same snapshot, looked at again, does not count
        assert session.app.screen.pid == 4302
        await session.take(ALONE[6])
        assert session.app.screen.pid == scripted.GUNICORN
        assert "process 4302 has ended, or may not be read" in session.footer()


async def test_the_target_ends_while_a_relative_is_open() -> None:
    """Nothing is read any more, and that is said; of the relative it is not said that it has ended."""
    async with running(*ALONE[:3], pids=ATTACHED) as session:
        await relatives(session, 4210)
        await session.press("enter")
        await session.take(scripted.only(TICKS[4], scripted.GUNICORN, 4210))
        await session.take(scripted.only(TICKS[5], 4210))
        assert session.app.feed._paused
        assert "no longer read: what was attached to has ended" in session.lines()[0]
        await session.press("escape")
        assert "ended: its last figures are kept" in session.lines()[0]


async def test_nothing_new_is_opened_while_paused() -> None:
    """Nothing is read then: Enter on what was not read before says so."""
    async with running(*ALONE[:3], pids=ATTACHED) as session:
        await relatives(session, 4210)
        await session.press("Z", "enter")
        assert session.app.screen.pid == scripted.GUNICORN
        assert "process 4210 is not read while paused: Z goes on" in session.footer()


async def test_a_process_that_ends_while_opened() -> None:
    """Its last figures stay, the title says that it has ended, in both panes and for good."""
    async with running(*TICKS[:3]) as session:
        await opened(session, "enc0")
        figures = session.lines()[3]
        await session.take(scripted.without(TICKS[3], scripted.FFMPEG))
        assert "ended: its last figures are kept" in session.text()
        assert session.lines()[3].split()[:4] == figures.split()[:4]
        await session.press("tab")
        assert "ended" in session.lines()[0]
        await session.take(scripted.without(TICKS[4], scripted.FFMPEG))
        assert "ended" in session.lines()[0]
        await session.press("escape")
        assert all(row.mark == "gone" for row in session.rows if row.pid == scripted.FFMPEG)


async def test_a_reused_pid_is_not_the_opened_process() -> None:
    """Another process under the pid of the opened one does not take its place."""
    async with running(*TICKS[:3]) as session:
        await opened(session, "enc0")
        other = process_row(scripted.FFMPEG, process="impostor", start_ticks=5)
        await session.take(TICKS[3]._replace(processes={**TICKS[3].processes, scripted.FFMPEG: other}))
        assert "impostor" not in session.text()
        assert "ended" in session.lines()[0]


async def test_opening_what_has_just_ended() -> None:
    """Enter on a thread whose process is gone says so instead of opening it."""
    async with running(*TICKS[:6]) as session:
        await session.press("slash")
        await session.type("logrotate")
        assert session.chosen.mark == "gone"
        await session.press("enter")
        assert isinstance(session.app.screen, MainScreen)
        assert "logrotate has ended" in session.footer()


async def test_an_attached_target_ends() -> None:
    """The screen says so, keeps the last figures, stops reading and does not leave by itself."""
    shots = [scripted.only(shot, scripted.FFMPEG) for shot in TICKS]
    async with running(*shots[:4], pids=frozenset({scripted.FFMPEG})) as session:
        figures = session.lines()[3:8]
        await session.take(scripted.without(shots[4], scripted.FFMPEG))
        assert "process 9120 ended at 12:00:05 UTC" in session.lines()[1]
        assert session.lines()[4:9] == figures
        assert session.app.feed._paused
        assert session.app.is_running
        await session.press("p", "p")
        assert session.app.feed._paused
        await session.press("S", "t")
        assert any(row.pid == scripted.FFMPEG for row in session.rows)


async def test_one_of_two_targets_ends() -> None:
    """While one target lives the screen goes on with it."""
    pids = frozenset({scripted.FFMPEG, scripted.GUNICORN})
    shots = [scripted.only(shot, *pids) for shot in TICKS]
    async with running(*shots[:4], pids=pids) as session:
        await session.take(scripted.without(shots[4], scripted.FFMPEG))
        assert not session.app.status.ended
        assert not session.app.feed._paused


async def test_a_reused_pid_is_not_the_target() -> None:
    """When the target's pid is another process the target has ended, and the other's figures are not shown."""
    shots = [scripted.only(shot, scripted.FFMPEG) for shot in TICKS]
    async with running(*shots[:4], pids=frozenset({scripted.FFMPEG})) as session:
        other = process_row(scripted.FFMPEG, process="impostor", start_ticks=5)
        await session.take(shots[4]._replace(processes={scripted.FFMPEG: other}))
        assert "process 9120 ended" in session.lines()[1]
        assert "impostor" not in session.text()


async def test_a_zombie_target_has_ended() -> None:
    """A target of which only the unreaped leader is left has ended."""
    async with running(
        snapshot(process_row(5, thread_row(5, cpu_pct=3.0))),
        snapshot(process_row(5, thread_row(5, state="Z"))),
        pids=frozenset({5}),
    ) as session:
        assert "process 5 ended" in session.lines()[1]


async def test_the_history_goes_on_behind_other_screens() -> None:
    """What happens while another screen is open is in the sparklines, too."""
    async with running(TICKS[1]) as session:
        await session.press("question_mark")
        await session.take(*TICKS[2:10])
        history = session.app.history
        key = TICKS[9].processes[scripted.SPINNER].threads[scripted.SPINNER].key
        assert len(history.series(key, "cpu_pct")) == 9
        await session.press("escape")
        assert session.rows[0].cpu_pct == TICKS[9].processes[scripted.SPINNER].cpu_pct
