"""The footer: keys, a message for a while, or a line to type into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input

from threadtop import text
from threadtop.tui.paint import LineBuilder
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.tui.commands import Action
    from threadtop.tui.paint import Line

MESSAGE_TICKS = 4


class Footer(Painted):
    """One line: keys at the left, where we are at the right; a message takes their place for some ticks."""

    DEFAULT_CSS = "Footer { height: 1; dock: bottom; }"

    def __init__(self, actions: Iterable[Action]) -> None:
        """A footer naming those of ``actions`` that have a label."""
        super().__init__()
        self._labelled = [action for action in actions if action.label]
        self.position = ""
        self._message: tuple[str, str] | None = None
        self._ticks_left = 0

    def say(self, message: str, role: str = " ") -> None:
        """Show a message for some ticks."""
        self._message = (message, role)
        self._ticks_left = MESSAGE_TICKS
        self.repaint()

    def tick(self, position: str) -> None:
        """A refresh has passed: messages age."""
        self.position = position
        if self._message is not None:
            self._ticks_left -= 1
            if self._ticks_left <= 0:
                self._message = None
        self.repaint()

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The one line."""
        del height
        right = text.visible(self.position)
        line = LineBuilder().add(" ")
        if self._message is not None:
            line.add(text.visible(self._message[0]), self._message[1])
        else:
            room = width - len(right) - 3
            for action in self._labelled:
                key = action.shown.split("  ")[0]
                if line.length + len(key) + len(action.label) + 3 > room:
                    break
                line.add(key, "f").add(f" {action.label}   ", ".")
        cells, roles = line.line(max(0, width - len(right) - 1))
        return [(f"{cells}{right} "[:width], (roles + "." * (len(right) + 1))[:width])]


class Prompt(Input):
    """A line to type into, in the footer's place; what it is for is its ``name``."""

    DEFAULT_CSS = """
    Prompt { dock: bottom; height: 1; border: none; padding: 0 1; }
    Prompt:focus { border: none; }
    """

    def __init__(self, purpose: str, label: str, value: str) -> None:
        """Ask for ``purpose`` with ``value`` to begin from."""
        super().__init__(value=value, placeholder=label, select_on_focus=False, compact=True)
        self.purpose = purpose
        self.cursor_blink = False
