"""The footer: keys at the left, a message for a while, where we are at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop import text
from threadtop.tui.paint import LineBuilder
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.tui.commands import Action
    from threadtop.tui.paint import Line

MESSAGE_TICKS = 4
_GAP = 3
_FIRST = ("back", "help", "explain", "quit")


class Footer(Painted):
    """One line: keys at the left, where we are at the right; a message takes their place for some ticks."""

    DEFAULT_CSS = "Footer { height: 1; dock: bottom; }"

    def __init__(self, actions: Iterable[Action]) -> None:
        """A footer naming those of ``actions`` that have a label."""
        super().__init__()
        self._labelled: list[Action] = []
        self.position = ""
        self._first: tuple[Action, ...] = ()
        self._left_out: set[str] = set()
        self._labels: dict[str, str] = {}
        self._message: tuple[str, str] | None = None
        self._ticks_left = 0
        self.name_keys(actions)

    def name_keys(self, actions: Iterable[Action]) -> None:
        """Name the keys of those of ``actions`` that have a label."""
        labelled = [action for action in (*self._first, *actions) if action.label and action.name not in self._left_out]
        if any(action.name == "explain" for action in labelled):  # its key is that of the help
            labelled = [action for action in labelled if action.name != "help"]
        # However narrow the screen: how to leave, and where to read about the rest.
        labelled.sort(key=lambda action: _FIRST.index(action.name) if action.name in _FIRST else len(_FIRST))
        self._labelled = labelled

    def leave_out(self, name: str) -> None:
        """Name the key of this action no more: there is nothing for it to do."""
        self._left_out.add(name)
        self.name_keys(self._labelled)

    def relabel(self, name: str, label: str) -> None:
        """Say another thing of the key of this action: what it does now."""
        if self._labels.get(name) != label:
            self._labels[name] = label
            self.repaint()

    def name_first(self, actions: Iterable[Action]) -> None:
        """Name the keys of these before those named now, and later."""
        self._first = tuple(actions)
        self.name_keys(self._labelled)

    def say(self, message: str, role: str = " ") -> None:
        """Show a message for some ticks."""
        self._message = (message, role)
        self._ticks_left = MESSAGE_TICKS
        self.repaint()

    def hush(self) -> None:
        """Take the message away."""
        self._message = None
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
        right = text.fit(right, min(len(right), width // 2))
        line = LineBuilder().add(" ")
        if self._message is not None:
            line.add(text.visible(self._message[0]), self._message[1])
            if line.length > width - len(right) - 2:
                return [line.line(width)]  # what is said now matters more than where we are
        else:
            room = width - len(right) - 2
            for action in self._labelled:
                key = action.shown.split("  ")[0]
                gap = _GAP if line.length > 1 else 0
                label = self._labels.get(action.name, action.label)
                if line.length + gap + len(key) + len(label) + 1 > room:
                    break
                line.add(" " * gap, ".").add(key, "f").add(f" {label}", ".")
        cells, roles = line.line(max(0, width - len(right) - 1))
        return [(f"{cells}{right} "[:width], (roles + "." * (len(right) + 1))[:width])]
