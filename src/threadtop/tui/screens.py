"""The screens that are not the main one: help, the column picker, menus to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual.screen import Screen

from threadtop import fields, text
from threadtop.tui import help as help_text
from threadtop.tui.commands import Action, bindings
from threadtop.tui.footer import Footer
from threadtop.tui.pager import Menu
from threadtop.tui.paint import LineBuilder
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from threadtop.tui.paint import Line

Result = TypeVar("Result")


class Title(Painted):
    """One line at the top of a screen."""

    DEFAULT_CSS = "Title { height: 1; dock: top; }"

    def __init__(self, title: str) -> None:
        """Show ``title``."""
        super().__init__()
        self.title = title

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The one line."""
        del height
        return [LineBuilder().add(f" {self.title}", "t").line(width)]


class HelpScreen(Screen[None]):
    """Every key, column and number."""

    ACTIONS = (Action("close", "escape,q,question_mark,h,f1,backspace", "Esc", "close the help", "close"),)
    BINDINGS: ClassVar[list[Any]] = [*bindings(ACTIONS)]

    def compose(self) -> ComposeResult:
        """Title, text, footer."""
        yield Title("threadtop: keys, numbers and columns")
        yield help_text.HelpText()
        yield Footer(self.ACTIONS)

    def action_close(self) -> None:
        """Back to where we were."""
        self.dismiss(None)


class ChoiceScreen(Screen[Result], Generic[Result]):
    """A list of which one entry is chosen; None if none is."""

    ACTIONS = (
        Action("accept", "enter", "Enter", "choose", "choose"),
        Action("close", "escape,q,backspace", "Esc", "leave", "leave"),
    )
    BINDINGS: ClassVar[list[Any]] = [*bindings(ACTIONS[1:])]

    def __init__(self, title: str, entries: Sequence[tuple[Result, str, str]], chosen: Result | None = None) -> None:
        """Choose among ``entries``: the result, its name and what it means."""
        super().__init__()
        self._title = title
        self._results = [entry[0] for entry in entries]
        lines = []
        for _, name, meaning in entries:
            line = LineBuilder().add("  ").add(text.fit(text.visible(name), 14), "b").add(f" {meaning}", " ")
            lines.append(line.line(line.length))
        self._menu = Menu(lines, self._results.index(chosen) if chosen in self._results else 0)

    def compose(self) -> ComposeResult:
        """Title, menu, footer."""
        yield Title(self._title)
        yield self._menu
        yield Footer(self.ACTIONS)

    def on_menu_chosen(self, event: Menu.Chosen) -> None:
        """Take it."""
        self.dismiss(self._results[event.index])

    def action_close(self) -> None:
        """Take none."""
        self.dismiss(None)


class ColumnsScreen(Screen[tuple[str, ...]]):
    """Pick, hide and reorder columns."""

    ACTIONS = (
        Action("show_or_hide", "space", "Space", "show or hide the column", "show/hide"),
        Action("shift(-1)", "left,minus,K", "Left", "earlier (to the left)", "move left"),
        Action("shift(1)", "right,plus,J", "Right", "later (to the right)", "move right"),
        Action("reset", "r", "r", "as threadtop comes", "reset"),
        Action("accept", "enter", "Enter", "take this choice", "take"),
        Action("close", "escape,q,backspace", "Esc", "leave it as it was", "leave"),
    )
    BINDINGS: ClassVar[list[Any]] = [*bindings(action for action in ACTIONS if action.name != "accept")]

    def __init__(self, columns: tuple[str, ...]) -> None:
        """Begin from ``columns``."""
        super().__init__()
        self._shown = set(columns)
        self._order = [*columns, *(field.key for field in fields.FIELDS if field.key not in columns)]
        self._menu = Menu(self._entries())

    def compose(self) -> ComposeResult:
        """Title, menu, footer."""
        yield Title("Columns, left to right; W on the main screen keeps them")
        yield self._menu
        yield Footer(self.ACTIONS)

    def _entries(self) -> list[Line]:
        lines = []
        for key in self._order:
            field = fields.BY_KEY[key]
            is_shown = key in self._shown
            line = LineBuilder().add("  [x] " if is_shown else "  [ ] ", "g" if is_shown else ".")
            line.add(text.fit(field.title, 9), "b" if is_shown else ".").add(field.help, " " if is_shown else ".")
            lines.append(line.line(line.length))
        return lines

    def _show(self) -> None:
        self._menu.entries = self._entries()
        self._menu.repaint()

    def action_show_or_hide(self) -> None:
        """Show or hide the column under the cursor."""
        self._shown ^= {self._order[self._menu.cursor]}
        self._show()

    def action_shift(self, by: int) -> None:
        """Move the column under the cursor."""
        at = self._menu.cursor
        to = max(0, min(at + by, len(self._order) - 1))
        self._order.insert(to, self._order.pop(at))
        self._menu.cursor = to
        self._show()

    def action_reset(self) -> None:
        """The columns threadtop comes with."""
        columns = fields.DEFAULT_COLUMNS
        self._shown = set(columns)
        self._order = [*columns, *(field.key for field in fields.FIELDS if field.key not in columns)]
        self._show()

    def on_menu_chosen(self, _event: Menu.Chosen) -> None:
        """Take the choice; a table without columns shows nothing, so one stays."""
        chosen = tuple(key for key in self._order if key in self._shown)
        self.dismiss(chosen or ("command",))

    def action_close(self) -> None:
        """Leave it as it was."""
        self.dismiss(None)
