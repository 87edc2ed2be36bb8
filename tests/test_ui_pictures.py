"""What the screen looks like: as text in all its states, as SVG where colours matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

import scripted
import scripted_findings
import scripted_gil
from screens import Session, running, svg

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

TICKS = scripted.ticks(8)
FOUND = scripted_findings.ticks(8)
SIZES = {"80x24": (80, 24), "120x40": (120, 40), "50x20": (50, 20)}


class SVG(SingleFileSnapshotExtension):
    """One file for each picture, to be looked at."""

    file_extension = "svg"
    _write_mode = WriteMode.TEXT


class State(NamedTuple):
    """Keys pressed on the main screen after some ticks, then more ticks."""

    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 40)
    before: int = 6
    after: int = 0
    options: tuple[tuple[str, object], ...] = ()


STATES = {
    "first sample": State(before=1),
    "new and gone": State(before=4, size=(120, 40)),
    "tiny": State(size=(20, 5)),
    "wide": State(size=(200, 30)),
    "tree": State(("t",)),
    "tree, one folded": State(("t", "down", "left")),
    "processes": State(("H",), size=(100, 30)),
    "grouped by program": State(("v", "v"), size=(100, 30)),
    "grouped by name, one unfolded": State(("v", "v", "v", "right"), size=(100, 30)),
    "filter": State(("backslash", *"cpu>5", "enter"), size=(80, 24)),
    "bad filter": State(("backslash", *"cpux>5", "enter"), size=(80, 24)),
    "filter that nothing passes": State(("backslash", *"cpu>500", "enter"), size=(80, 24)),
    "idle hidden": State(("i",), size=(80, 40)),
    "cursor, tags, follow": State(("down", "space", "space", "F"), size=(80, 24), after=1),
    "paused": State(("p",), size=(80, 24), after=0),
    "per core": State(("1",), size=(80, 24)),
    "columns": State(("C", "down", "space"), size=(80, 30)),
    "sort menu": State(("s",), size=(80, 30)),
    "help": State(("question_mark",), size=(80, 60)),
    "process, threads": State(("down", "enter"), size=(120, 20), before=8),
    "attached": State(size=(80, 24), options=(("pids", frozenset({scripted.GUNICORN})),)),
}


async def _brought_to(session: Session, state: State) -> None:
    await session.press(*("slash" if key == "/" else key for key in state.keys))
    await session.take(*TICKS[state.before : state.before + state.after])


@pytest.mark.parametrize("name", STATES)
async def test_says_what_it_said(name: str, snapshot: SnapshotAssertion) -> None:
    """In each of its states the screen says what it said before."""
    state = STATES[name]
    ticks = TICKS
    if state.options:
        ticks = [scripted.only(shot, scripted.GUNICORN) for shot in TICKS]
    async with running(*ticks[: state.before], size=state.size, **dict(state.options)) as session:
        await _brought_to(session, state)
        assert session.text() == snapshot


@pytest.mark.parametrize("size", SIZES)
async def test_the_main_screen_says_what_it_said(size: str, snapshot: SnapshotAssertion) -> None:
    """At every size the main screen says what it said before, whatever the theme."""
    seen = set()
    for theme in ("dark", "ansi"):
        async with running(*TICKS[:6], size=SIZES[size], theme=theme) as session:
            seen.add(session.text())
    assert len(seen) == 1
    assert seen.pop() == snapshot


@pytest.mark.parametrize("theme", ["dark", "ansi"])
@pytest.mark.parametrize("size", SIZES)
async def test_looks_as_it_did(size: str, theme: str, snapshot: SnapshotAssertion) -> None:
    """At every size and in the themes most used the main screen looks as it did before."""
    async with running(*TICKS[:6], size=SIZES[size], theme=theme) as session:
        assert svg(session.app) == snapshot(extension_class=SVG)


@pytest.mark.parametrize("theme", ["mono", "blue-yellow"])
async def test_other_themes_look_as_they_did(theme: str, snapshot: SnapshotAssertion) -> None:
    """Without colours, and for eyes that do not tell red from green, it looks as it did before."""
    async with running(*TICKS[:6], size=(80, 24), theme=theme) as session:
        assert svg(session.app) == snapshot(extension_class=SVG)


async def test_the_process_screen_looks_as_it_did(snapshot: SnapshotAssertion) -> None:
    """The opened process with its sparklines looks as it did before."""
    async with running(*TICKS, size=(120, 20)) as session:
        await session.press("down", "enter")
        assert svg(session.app) == snapshot(extension_class=SVG)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("kind", scripted_gil.KINDS)
async def test_the_gil_pane_says_what_it_said(kind: str, size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    """However the GIL is known, and at every size, the pane says what it said before."""
    async with running(*scripted_gil.ticks(14, kind), size=size) as session:
        session.app.open_process(scripted.GUNICORN, 0, "GIL")
        await session.settle()
        assert session.text() == snapshot


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids="{0[0]}x{0[1]}".format)
async def test_the_finding_says_what_it_said(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    """The main screen with the worst finding under the header and the GIL's columns says what it said before."""
    async with running(*scripted_gil.ticks(6), size=size) as session:
        assert session.text() == snapshot


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("state", ["main", "findings", "time"])
async def test_time_and_findings_say_what_they_said(
    state: str, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    """The main screen with bars, the list of findings and the Time pane say what they said before, at every size."""
    async with running(*FOUND[:2], size=size) as session:
        await session.take(*FOUND[2:])
        if state == "findings":
            await session.press("f", "down")
        elif state == "time":
            session.app.open_process(scripted.GUNICORN, scripted_gil.READER, "Time")
            await session.settle()
        assert session.text() == snapshot


@pytest.mark.parametrize("theme", ["dark", "ansi", "mono", "blue-yellow"])
async def test_bars_look_as_they_did(theme: str, snapshot: SnapshotAssertion) -> None:
    """In each theme the bars have the colours they had."""
    async with running(*FOUND, size=(120, 30), theme=theme) as session:
        assert svg(session.app) == snapshot(extension_class=SVG)


@pytest.mark.parametrize("theme", ["dark", "mono"])
@pytest.mark.parametrize("keys", [(), ("f", "enter")], ids=["main", "pane"])
async def test_the_gil_looks_as_it_did(keys: tuple[str, ...], theme: str, snapshot: SnapshotAssertion) -> None:
    """Main screen and GIL pane look as before, with colours and without."""
    async with running(*scripted_gil.ticks(14, "asleep"), size=(80, 24), theme=theme) as session:
        await session.press(*keys)
        assert svg(session.app) == snapshot(extension_class=SVG)


async def test_the_ended_target_is_said(snapshot: SnapshotAssertion) -> None:
    """When what threadtop is attached to has ended the screen says so and keeps its last figures."""
    pids = frozenset({scripted.FFMPEG})
    shots = [scripted.only(shot, scripted.FFMPEG) for shot in TICKS[:5]]
    async with running(*shots[:4], size=(80, 24), pids=pids) as session:
        await session.take(scripted.without(shots[4], scripted.FFMPEG))
        assert session.text() == snapshot


async def test_the_same_picture_twice() -> None:
    """The SVG of one state is the same in another app: nothing of the run is in it."""
    pictures = set()
    for _ in range(2):
        async with running(*TICKS[:3], size=(80, 24)) as session:
            pictures.add(svg(session.app))
    assert len(pictures) == 1


async def test_no_color_means_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR no escape sequence that the palette sends sets a colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(*TICKS[:3], size=(80, 24)) as session:
        used = {number for code in session.app.palette.codes.values() for number in code.split(";") if number}
        assert used <= {"1", "2", "4", "7", "9"}


async def test_every_line_fills_the_screen() -> None:
    """Whatever the size, each painted line is exactly as wide as its widget and there are as many as it is high."""
    async with running(*TICKS[:6], size=(120, 40)) as session:
        for width, height in ((20, 5), (37, 11), (50, 20), (80, 24), (132, 43), (1, 1), (250, 60)):
            await session.resize(width, height)
            for widget in session.painted():
                assert {(len(cells), len(roles)) for cells, roles in widget._shown} <= {(widget.size.width,) * 2}
                assert len(widget._shown) == widget.size.height
