"""Pager and Menu: text to scroll and lists to choose from, painted as everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.message import Message

from threadtop import text
from threadtop.tui import paint
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from threadtop.tui.paint import Line


class Pager(Painted, can_focus=True):
    """Lines with an offset; what makes them is set by ``lines_for``."""

    BINDINGS: ClassVar[list[Any]] = [
        ("up,k", "scroll_by(-1)", ""),
        ("down,j", "scroll_by(1)", ""),
        ("pageup", "scroll_page(-1)", ""),
        ("pagedown,space", "scroll_page(1)", ""),
        ("home,g", "scroll_to_end(0)", ""),
        ("end,G", "scroll_to_end(1)", ""),
    ]

    def __init__(self) -> None:
        """A pager at its first line."""
        super().__init__()
        self.offset_rows = 0
        self.count = 0
        self.searched = ""
        self._found_at = 0

    def all_lines(self, width: int) -> Sequence[Line]:
        """Everything there is to show, for a width."""
        raise NotImplementedError

    def make_lines(self, width: int, height: int) -> Sequence[Line]:
        """The part in sight."""
        lines = self.all_lines(width)
        self.count = len(lines)
        self.offset_rows = max(0, min(self.offset_rows, len(lines) - height))
        shown = [paint.fit_line(line, width) for line in lines[self.offset_rows : self.offset_rows + height]]
        return [paint.marked(line, self.searched) for line in shown] if self.searched else shown

    def look_for(self, words: str, step: int) -> bool:
        """Bring the next line that holds ``words`` into sight, round the end; step 0 stays where it is if that does."""
        self.searched = words.lower()
        lines = [cells.lower() for cells, _ in self.all_lines(self.size.width)]
        start = min(max(self._found_at, self.offset_rows), max(0, len(lines) - 1))
        for far in range(1 if step else 0, len(lines) + 1):
            at = (start + far * (step or 1)) % len(lines)
            if self.searched in lines[at]:
                self._found_at = at
                if not self.offset_rows <= at < self.offset_rows + self.size.height:
                    self.offset_rows = max(0, at - self.size.height // 2)
                self.repaint()
                return True
        self.repaint()
        return False

    def copied(self) -> str:
        """What is copied: the line that was searched for, else the first one in sight."""
        lines = self.all_lines(self.size.width)
        at = self._found_at if self.searched else self.offset_rows
        return text.plain(lines[at][0]).strip() if at < len(lines) else ""

    def action_scroll_by(self, by: int) -> None:
        """Some lines up or down."""
        self.offset_rows += by
        self.repaint()

    def action_scroll_page(self, by: int) -> None:
        """A page up or down."""
        self.action_scroll_by(by * max(1, self.size.height - 1))

    def action_scroll_to_end(self, end: int) -> None:
        """To the first or the last line."""
        self.offset_rows = self.count * end
        self.repaint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three lines down."""
        event.stop()
        self.action_scroll_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three lines up."""
        event.stop()
        self.action_scroll_by(-3)


class Menu(Pager, inherit_bindings=False):
    """A list with a cursor."""

    BINDINGS: ClassVar[list[Any]] = [
        ("up,k", "move(-1)", ""),
        ("down,j", "move(1)", ""),
        ("pageup", "scroll_page(-1)", ""),
        ("pagedown", "scroll_page(1)", ""),
        ("home,g", "move(-10000)", ""),
        ("end,G", "move(10000)", ""),
        ("enter", "choose", ""),
    ]

    class Chosen(Message):
        """Enter on an entry."""

        def __init__(self, index: int) -> None:
            """Carry its place."""
            super().__init__()
            self.index = index

    def __init__(self, entries: Sequence[Line], cursor: int = 0) -> None:
        """A menu of ``entries`` with the cursor on one of them."""
        super().__init__()
        self.entries = list(entries)
        self.cursor = max(0, min(cursor, len(entries) - 1))

    def all_lines(self, width: int) -> Sequence[Line]:
        """The entries, the chosen one marked."""
        lines = [paint.fit_line(entry, width) for entry in self.entries]
        if lines:
            lines[self.cursor] = paint.selected(lines[self.cursor])
        return lines

    def make_lines(self, width: int, height: int) -> Sequence[Line]:
        """The part in sight, with the cursor in it."""
        self.offset_rows = min(self.offset_rows, self.cursor)
        self.offset_rows = max(self.offset_rows, self.cursor - height + 1)
        return super().make_lines(width, height)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.cursor = max(0, min(self.cursor + by, len(self.entries) - 1))
        self.repaint()

    def action_scroll_page(self, by: int) -> None:
        """Move the cursor by a page."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_choose(self) -> None:
        """Take the entry under the cursor."""
        if self.entries:
            self.post_message(self.Chosen(self.cursor))
