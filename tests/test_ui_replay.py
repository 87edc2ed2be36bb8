"""The screen of a recording: its line, its keys, its panes; and recording from the screen of a live machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

import scripted
from builders import NOON
from recorded import gil, recorded
from screens import make_app, running
from test_player import LEAK, SPIN, samples
from threadtop.cli import Options
from threadtop.config import Preferences
from threadtop.errors import RecordingError
from threadtop.history import History
from threadtop.moment import Moment
from threadtop.recording.player import Player, Position
from threadtop.recording.reader import Mark, Recording, Tick
from threadtop.recording.replay import Replay
from threadtop.recording.ring import Recorder
from threadtop.tui.app import ThreadtopApp
from threadtop.tui.replay_line import replay_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from screens import Session

FOUND = ((), (), (SPIN,), (SPIN,), (SPIN,), (), (), (LEAK,), (), ())


@pytest.fixture
def app(tmp_path: Path) -> Iterator[ThreadtopApp]:
    """The screen of ten seconds; its player has no thread, and reads when the test says so."""
    player = Player(Replay(recorded(tmp_path / "a.ttr", *samples(10), findings=FOUND)), start=1)
    yield ThreadtopApp(Options(theme="dark"), Preferences(), player)
    player.close()


async def read(session: Session) -> None:
    """What the player's thread would do now."""
    player = session.app.player
    assert player is not None
    shot, past = player.now()
    player._latest, player._past = shot, past
    session.app._take()
    await session.settle()


async def test_the_line_says_where_it_is(app: ThreadtopApp) -> None:
    """Its clock, the tick and how many there are stand above the footer, which names the keys."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    async with running(shot, app=app) as session:
        line = session.lines()[-2]
        assert line.startswith(" ▶ 1x  1970-01-02 12:00:02 UTC " if NOON < 1e6 else " ▶ 1x  ")
        assert line.endswith("2 of 10  9 s recorded")
        assert "▲" in line
        assert "w step" in session.footer()
    async with running(size=(200, 50)) as session:
        assert "r record" in session.footer()


async def test_keys_of_a_recording(app: ThreadtopApp) -> None:
    """The footer names no key that has nothing to do there, and f does not say that nothing was ever found."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    async with running(shot, app=app, size=(200, 50)) as session:
        assert "r record" not in session.footer()
        await session.press("f")
        assert "nothing found at this moment: x and X go" in session.footer()
        await session.press("down", "enter")
        assert "r record" not in session.footer()


async def test_steps_stand_still(app: ThreadtopApp) -> None:
    """A step pauses, and shows the tick though paused; p goes on."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    async with running(shot, app=app) as session:
        await session.press("w")
        await read(session)
        assert app.snapshot is not None
        assert app.snapshot.time == NOON + 3
        assert "‖ PAUSED 1x" in session.lines()[-2]
        assert "3 of 10" in session.lines()[-2]
        await session.press("b", "b")
        assert "1 of 10" in session.lines()[-2]  # the line is there before the tick is read
        await session.press("p")
        assert "▶" in session.lines()[-2]


async def test_findings_times_and_speed(app: ThreadtopApp) -> None:
    """The keys x and X go to findings, J to a time; + and - set the speed, d says so."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    async with running(shot, app=app) as session:
        await session.press("x")
        await read(session)
        assert app.snapshot is not None
        assert app.snapshot.findings == (SPIN,)
        assert "spinning begins in process 100" in session.footer()
        await session.press("x", "x")
        assert "no finding begins after this" in session.footer()
        await session.press("J")
        await session.type("-2s")
        assert "8 of 10" in session.lines()[-2]
        await session.press("J")
        await session.type("noon")
        assert "no moment; write 03:15:20, 90s, 10m or -30s" in session.text()
        await session.press("ctrl+u", "enter", "plus", "plus")
        assert " 4x " in session.lines()[-2]
        await session.press("minus")
        assert " 2x " in session.lines()[-2]
        await session.press("d")
        assert "+ and - play it faster" in session.footer()
        await session.press("}")
        assert "■ end 2x" in session.lines()[-2]


async def test_what_was_said_of_a_place_stays_there(app: ThreadtopApp) -> None:
    """A message goes as soon as the recording is moved: it stands still, and no tick would take it away."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    async with running(shot, app=app) as session:
        await session.press("X")
        assert "no finding begins before this" in session.footer()
        for key in ("w", "b", "}", "{"):
            await session.press(key)
            assert "w step" in session.footer()
            await session.press("d")
        await session.press("J")
        await session.type("5s")
        assert "w step" in session.footer()


async def test_a_jump_brings_its_past(app: ThreadtopApp) -> None:
    """Sparklines are of what lies before the tick that was jumped to, and of nothing else."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    async with running(shot, app=app) as session:
        old = app.history
        await session.press("J")
        await session.type("8s")
        await read(session)
        assert app.history is not old
        assert app.snapshot is not None
        key = app.snapshot.processes[100].threads[100].key
        assert app.history.series(key, "cpu_pct", 3) == pytest.approx([50, 50, 50])


async def test_some_time_after_a_jump_its_minutes_come(app: ThreadtopApp) -> None:
    """They take the place of the few seconds that came with it, and are shown without another tick."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    assert app.player is not None
    async with running(shot, app=app):
        minutes = app.player._history = History()
        app._take()
        assert app.history is minutes
        app._take()
        assert app.history is minutes


async def test_panes_of_a_recording(app: ThreadtopApp) -> None:
    """What is not recorded is said, nothing is asked of a live process, and r has nothing to record."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    async with running(shot, app=app) as session:
        await session.press("r")
        assert "nothing to record" in session.footer()
        await session.press("down", "enter", "e")
        assert "this is not recorded: a recording holds" in session.text()
        assert "2 of 10" in session.lines()[-2]
        await session.press("y")
        assert "no process to ask" in session.footer()


async def test_the_gil_of_a_recording(tmp_path: Path) -> None:
    """The GIL's pane shows who held it, and does not offer to ask a process that is not there."""
    shots = [one._replace(gils={100: gil(at)}) for at, one in enumerate(samples(6), start=1)]
    player = Player(Replay(recorded(tmp_path / "a.ttr", *shots)), start=5)
    shot, _ = player.now()
    assert shot is not None
    async with running(shot, app=ThreadtopApp(Options(theme="dark"), Preferences(), player)) as session:
        await session.press("down", "enter", "tab", "tab")
        assert "GIL  main interpreter" in session.text()
        assert "py-spy" not in session.text()
    player.close()


async def test_figures_of_a_recording(app: ThreadtopApp) -> None:
    """The panes of a process and of a thread show what was recorded of it, explained as the columns are."""
    shot, _ = app.player.now() if app.player else (None, [])
    assert shot is not None
    async with running(shot, app=app) as session:
        await session.press("down", "enter", "enter")
        lines = session.lines()
        assert lines[2:4] == [" Now", "   state               S"]
        assert any(line.split() == ["%CPU", "50.0", "%"] for line in lines)
        assert any(line.split() == ["voluntary", "0/s"] for line in lines)
        await session.press("end")
        assert any("is not: a recording holds threads" in line for line in session.lines())
        await session.press("shift+tab")
        assert "   threads             1" in session.lines()
        await session.press("?")
        assert "share of one core it ran on" in session.text()


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
def test_the_line_fits(width: int) -> None:
    """At each width, with the marks in their places."""
    marks = ((0, Mark(1, "leak", 1, is_problem=False)), (3599, Mark(3600, "spin", 1, is_problem=True)))
    for place in (0, 1800, 3599):
        at = Position(place, 3600, 1e9 + place, 1e9, 1e9 + 3599, 0.25, marks)
        cells, roles = replay_line(at, width, paused=False)
        assert len(cells) == len(roles) == width
    if width >= 80:
        assert "├△" in replay_line(at._replace(place=1800), width, paused=False)[0]
        assert "▲┤" in replay_line(at._replace(place=1800), width, paused=False)[0]
        assert "1/4x" in cells


# -- recording a live machine --------------------------------------------------------------------


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ThreadtopApp, Recorder]:
    """A live screen with three seconds in memory, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    recorder = Recorder()
    for one in samples(3):
        recorder.keep(Moment(one, {}, ()))
    app = make_app()
    app.recorder = recorder
    return app, recorder


def ticks_of(path: Path) -> list[Tick]:
    """What a file holds."""
    recording = Recording(path)
    recording.close()
    return list(recording.ticks)


async def settled(session: Session, words: str) -> None:
    """Wait for what a thread says when it is done."""
    for _ in range(1000):
        await session.settle()
        if words in session.text():
            return
        await session.pilot.pause(0.01)
    raise AssertionError(session.text())


async def test_the_last_seconds_and_what_comes(live: tuple[ThreadtopApp, Recorder]) -> None:
    """The key r asks for a file, the header shows that it grows, r ends it: it holds what was before, too."""
    app, recorder = live
    async with running(app=app, size=(200, 50)) as session:
        await session.press("r")
        assert "record with the last 2 s (" in session.text()
        assert app.screen.query_one(Input).value == "threadtop-web-03-20260101T120001Z.ttr"
        await session.press("ctrl+u")
        await session.type("a.ttr")
        await settled(session, "recording to a.ttr; r ends it")
        recorder.keep(Moment(samples(4)[3], {}, ()))
        await session.take(scripted.ticks()[1])
        assert "● rec " in session.lines()[0]
        await session.press("enter")
        await session.take(scripted.ticks(12)[5])
        assert "● rec " in session.lines()[0]
        assert "r end recording" in session.footer()
        await session.press("escape", "r")
        assert "threadtop replay shows it" in session.footer()
        await session.take(scripted.ticks()[2])
        assert "● rec " not in session.lines()[0]
    assert len(ticks_of(Path("a.ttr"))) == 4


async def test_a_file_that_cannot_be(live: tuple[ThreadtopApp, Recorder]) -> None:
    """What is in the way is said, and nothing is recorded."""
    app, recorder = live
    Path("a.ttr").write_text("mine")  # noqa: ASYNC240 a few bytes
    async with running(app=app) as session:
        await session.press("r", "ctrl+u")
        await session.type("a.ttr")
        await settled(session, "a.ttr is there already")
        assert recorder.status.path == ""
    assert Path("a.ttr").read_text() == "mine"  # noqa: ASYNC240


async def test_a_disk_that_fills_up(live: tuple[ThreadtopApp, Recorder], monkeypatch: pytest.MonkeyPatch) -> None:
    """The file ends, that is said once, and the last minutes go on in memory."""
    app, recorder = live
    async with running(app=app) as session:
        recorder.begin(Path("a.ttr"))
        full = RecordingError("a.ttr: the disk is full: what was recorded before is kept", "make room")

        def fail(*_: object, **__: object) -> None:
            raise full

        assert recorder._writer is not None
        monkeypatch.setattr(recorder._writer, "add", fail)
        recorder.keep(Moment(samples(4)[3], {}, ()))
        await session.take(scripted.ticks()[2])
        assert "the disk is full" in session.footer()
        for tick in range(3, 9):
            await session.take(scripted.ticks(12)[tick])
        assert "the disk is full" not in session.footer()
        assert " recording failed " in session.lines()[0]
        await session.press("enter")
        await session.take(scripted.ticks(12)[9])
        assert " recording failed " in session.lines()[0]
        await session.press("r", "escape")
        await session.take(scripted.ticks(12)[10])
        assert " recording failed " not in session.lines()[0]
        assert recorder.status.path == ""
        assert recorder.status.ring_s == 3.0
    assert len(ticks_of(Path("a.ttr"))) == 3
