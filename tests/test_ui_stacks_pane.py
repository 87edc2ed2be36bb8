"""The Stacks pane on the screen: nothing by itself, what pauses wants a key twice, one question at a time."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_findings
import scripted_stacks
from screens import CountingDriver, make_app, running
from threadtop import traces
from threadtop.sheets.stacks import NATIVE, PAUSED, PYTHON, StacksFacts
from threadtop.stacks import StacksError, UnsupportedError
from threadtop.traces import Answer
from threadtop.tui.panes.stacks import StacksPane
from threadtop.tui.process_screen import ProcessScreen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from screens import Session
    from threadtop.snapshot import ProcessRow

TICKS = scripted_findings.ticks(8)
FACTS = scripted_stacks.facts()
ANSWER = Answer(FACTS.traces, FACTS.others, "py-spy", 0.041, 0.0084)


class Asked:
    """In the place of ``traces.read``: keeps what was asked, gives what it was told to."""

    def __init__(self) -> None:
        """Answer as a py-spy would."""
        self.questions: list[tuple[str, int, str]] = []
        self.answer: Answer | Exception = ANSWER
        self.until = threading.Event()
        self.until.set()

    def read(self, how: str, process: ProcessRow, tool: str = "") -> Answer:
        """The answer, once it may be given."""
        self.questions.append((how, process.pid, tool))
        assert self.until.wait(30)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A machine with py-spy and gdb on which nothing is run."""
    made = Asked()
    monkeypatch.setattr(traces, "read", made.read)

    def tools(_process: ProcessRow, *, without_py_spy: bool = False) -> StacksFacts:
        return StacksFacts(has_py_spy=True, native_tool="gdb" if without_py_spy else "py-spy")

    monkeypatch.setattr(traces, "tools", tools)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the pane's clock on by some seconds."""
    now = [1000.0]

    class Clock:
        """In the place of the module ``time``."""

        @staticmethod
        def monotonic() -> float:
            """The seconds."""
            return now[0]

    monkeypatch.setattr("threadtop.tui.panes.stacks.time", Clock)

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


@asynccontextmanager
async def opened(pane: str = "Stacks", **options: object) -> AsyncIterator[Session]:
    """The scripted gunicorn at a pane."""
    async with running(*TICKS[:7], size=(120, 40), **options) as session:
        session.app.open_process(scripted.GUNICORN, 0, pane)
        await session.settle()
        yield session


def pane_of(session: Session) -> StacksPane:
    """The open pane."""
    screen = session.app.screen
    assert isinstance(screen, ProcessScreen)
    assert isinstance(screen.pane, StacksPane)
    return screen.pane


async def answered(session: Session) -> None:
    """Wait for what was asked."""
    thread = pane_of(session).asking
    if thread is not None:
        thread.join(30)
    await session.settle()


async def test_nothing_is_asked_by_itself(asked: Asked) -> None:
    """However often it is refreshed: it says what the keys would do, and what is paused."""
    async with opened() as session:
        await session.take(*TICKS[7:])
        assert asked.questions == []
        assert session.app.screen.interest(None).asked is None  # type: ignore[attr-defined]
        said = session.text()
        assert "the process is not paused" in said
        assert said.count("pauses the process for about") == 2


async def test_y_asks_at_once(asked: Asked, clock: Callable[[float], None]) -> None:
    """What does not pause is asked for at one press; the answer stays, and ages."""
    async with opened() as session:
        await session.press("y")
        await answered(session)
        assert asked.questions == [(PYTHON, scripted.GUNICORN, "py-spy")]
        assert "by py-spy, 0 s ago" in session.text()
        assert "worker-1^[[31m 4212: running" in session.text()
        clock(90)
        await session.take(*TICKS[7:])
        assert "1 min 30 s ago" in session.text()
        assert len(asked.questions) == 1


@pytest.mark.parametrize(("key", "how"), [("b", PAUSED), ("v", NATIVE)])
async def test_a_pause_wants_the_key_twice(key: str, how: str, asked: Asked, clock: Callable[[float], None]) -> None:
    """The first press says what the second would do, for five seconds; another key in between does not count."""
    async with opened() as session:
        await session.press(key)
        assert f"press {key} again within 5 s to pause process {scripted.GUNICORN} for about" in session.footer()
        assert asked.questions == []
        clock(5.1)
        await session.press(key)
        assert asked.questions == []
        await session.press("v" if key == "b" else "b", key)
        assert asked.questions == []
        clock(4.9)
        await session.press(key)
        await answered(session)
        assert asked.questions == [(how, scripted.GUNICORN, "py-spy")]
        assert "paused for" in session.text()
        assert "at most 8 ms" in session.text()


async def test_what_was_pressed_again_is_not_asked_for_once_more(asked: Asked) -> None:
    """Once it is done the footer does not go on to say that the key is to be pressed."""
    async with opened() as session:
        await session.press("v", "v")
        await answered(session)
        assert len(asked.questions) == 1
        assert "press v again" not in session.text()


async def test_what_has_ended_is_not_paused(asked: Asked) -> None:
    """Nobody is asked to press a key twice for a process that there is no more."""
    async with opened() as session:
        await session.take(scripted.without(TICKS[7], scripted.GUNICORN))
        await session.press("v")
        assert f"process {scripted.GUNICORN} has ended: there is none to pause" in session.footer()
        await session.press("v")
        assert asked.questions == []


async def test_a_second_press_that_does_not_come_is_forgotten(asked: Asked, clock: Callable[[float], None]) -> None:
    """After five seconds nothing is announced any more."""
    async with opened() as session:
        await session.press("v")
        assert "press v again" in "\n".join(session.lines()[:-1])
        clock(6)
        await session.take(*TICKS[7:])
        assert "press v again" not in "\n".join(session.lines()[:-1])
        assert asked.questions == []


async def test_one_question_at_a_time(asked: Asked) -> None:
    """While one is under way it is said so, and no key asks another; the screen goes on."""
    asked.until.clear()
    async with opened() as session:
        await session.press("y")
        assert "being asked for" in session.text()
        await session.press("y", "v", "v", "b", "b")
        assert len(asked.questions) == 1
        await session.press("tab", "shift+tab")
        assert "being asked for" in session.text()
        asked.until.set()
        await answered(session)
        assert "being asked for" not in session.text()
        assert "iterencode" in session.text()


async def test_readonly_forbids_a_pause(asked: Asked) -> None:
    """With --readonly b and v do nothing but say so; y may ask."""
    async with opened(readonly=True) as session:
        await session.press("b", "b", "v", "v")
        assert "--readonly forbids" in session.footer()
        assert asked.questions == []
        await session.press("y")
        await answered(session)
        assert [how for how, _, _ in asked.questions] == [PYTHON]


async def test_a_failure_leaves_what_was_known(asked: Asked) -> None:
    """The reason and the remedy, made harmless; the stacks from before stay."""
    async with opened() as session:
        await session.press("y")
        await answered(session)
        asked.answer = StacksError("py-spy failed: \x1b[31m", "pip install x")
        await session.press("y")
        await answered(session)
        assert "py-spy failed: ^[[31m; pip install x" in session.text()
        assert "iterencode" in session.text()


async def test_another_tool_is_announced_before_it_is_run(asked: Asked) -> None:
    """Where py-spy has no native stacks of a process, v names the tool that would be run, and what that costs."""
    asked.answer = UnsupportedError("py-spy failed: no", "")
    async with opened() as session:
        assert "native stacks by py-spy" in session.text()
        await session.press("v", "v")
        await answered(session)
        assert len(asked.questions) == 1
        assert "native stacks by gdb: pauses the process for about 1 s" in session.text()
        asked.answer = ANSWER._replace(tool="gdb")
        await session.press("v", "v")
        await answered(session)
        assert asked.questions[-1] == (NATIVE, scripted.GUNICORN, "gdb")


async def test_python_stacks_that_fail_say_nothing_of_native_ones(asked: Asked) -> None:
    """That py-spy finds no Python now is no reason to take another tool for native stacks."""
    asked.answer = UnsupportedError("py-spy failed: torn", "")
    async with opened() as session:
        await session.press("y")
        await answered(session)
        assert "native stacks by py-spy" in session.text()


async def test_y_elsewhere_turns_to_the_pane(asked: Asked) -> None:
    """In other panes y turns here and says which key asks; nothing is asked yet."""
    async with opened("Files") as session:
        await session.press("y")
        assert pane_of(session)
        assert "y asks" in session.footer()
        assert asked.questions == []


async def test_frames_are_searched_and_copied(asked: Asked) -> None:
    """As in other panes: / finds a frame, Y copies it, Enter opens its thread."""
    app = make_app(driver_class=CountingDriver)
    async with running(*TICKS[:7], app=app, size=(120, 40)) as session:
        session.app.open_process(scripted.GUNICORN, 0, "Stacks")
        await session.press("y")
        await answered(session)
        await session.press("slash")
        await session.type("queue.py")
        assert "get queue.py:171" in pane_of(session).copied()
        await session.press("enter")
        assert session.app.screen.pane.NAME == "Thread"  # type: ignore[attr-defined]
        assert asked.questions


async def test_the_end_does_not_wait_for_an_answer(asked: Asked) -> None:
    """The screen is left while a tool still runs; its answer is for nobody."""
    asked.until.clear()
    async with opened() as session:
        await session.press("y")
        thread = pane_of(session).asking
        assert thread is not None
        assert thread.daemon
        await session.press("escape")
        asked.until.set()
        thread.join(30)
        await session.settle()
        assert "threads" in session.text()
