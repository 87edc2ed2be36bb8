"""A line to type into, in the footer's place; while it is there, keys are text and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from threadtop import text
from threadtop.tui.paint import LineBuilder
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from threadtop.tui.paint import Line

_LABEL_CELLS: Final = 44
_LINE_CELLS: Final = 12  # for what is typed, at least
_LEAVING: Final = frozenset(("escape", "ctrl+c"))
_EDITING: Final = frozenset(
    key for binding in Input.BINDINGS if isinstance(binding, Binding) for key in binding.key.split(",")
)


class _Words(Painted):
    """Words beside the line: what is asked, or what was wrong with the answer."""

    DEFAULT_CSS = "_Words { width: 0; height: 1; }"

    def __init__(self, words: str, role: str) -> None:
        super().__init__()
        self._words, self._role = words, role

    def say(self, words: str, room: int = _LABEL_CELLS) -> None:
        """Say something else in as much of ``room`` as it needs."""
        self._words = text.visible(words)
        self.styles.width = min(len(self._words) + 1 if words else 0, room)
        self.repaint()

    def on_mount(self) -> None:
        """Take the room that is needed."""
        self.say(self._words)

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The one line."""
        del height
        return [LineBuilder().add(self._words, self._role).line(width)]


class Prompt(Horizontal):
    """Asks for one line of text: Enter posts Input.Submitted, Escape posts Left."""

    DEFAULT_CSS = """
    Prompt { dock: bottom; height: 1; }
    Prompt Input { width: 1fr; height: 1; border: none; padding: 0; }
    Prompt Input:focus { border: none; }
    """

    class Left(Message):
        """Escape: nothing is to be taken."""

    def __init__(self, purpose: str, label: str, example: str, value: str) -> None:
        """Ask for ``purpose`` with ``value`` to begin from; ``example`` shows while the line is empty."""
        super().__init__()
        self.purpose = purpose
        # What was searched for last is chosen: it can be looked for again, and what is typed takes its place.
        self.line = Input(value=value, placeholder=example, select_on_focus=purpose == "search", compact=True)
        self.line.cursor_blink = False
        self._label = _Words(f" {label}:", "f")
        self._problem = _Words("", "r")

    def compose(self) -> ComposeResult:
        """What is asked, the line, what is wrong with it."""
        yield self._label
        yield self.line
        yield self._problem

    def on_mount(self) -> None:
        """The line takes the keys."""
        self.line.focus()

    def complain(self, problem: str) -> None:
        """Say what is wrong; what was typed stays, to be mended."""
        taken = self._label.size.width + max(_LINE_CELLS, len(self.line.value) + 2)
        self._problem.say(problem, max(self.app.size.width - taken, self.app.size.width // 2))

    def on_key(self, event: events.Key) -> None:
        """Keys that do not edit the line end here: typing must not do anything else."""
        if event.key in _LEAVING:
            event.stop()
            self.post_message(self.Left())
        elif event.key not in _EDITING:
            event.stop()
