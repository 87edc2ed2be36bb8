"""The screens that are not the main one: help, pages, the column picker, menus to choose from."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from textual.screen import Screen

from threadtop import fields, pages, text
from threadtop.pages import markdown
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
MOST_LINKS: Final = 9  # of a page that have a key
MOST_STEPS: Final = 100  # back from page to page


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
    """What is looked at, with its page; then every key, column and number."""

    ACTIONS = (
        Action("close", "escape,q,question_mark,h,f1,backspace", "Esc", "close the help", "close"),
        Action("section(1)", "tab", "Tab", "next part: keys, numbers, columns, pages", "next part"),
        Action("section(-1)", "shift+tab", "Shift+Tab", "previous part"),
        Action("pages", "P", "P", "pages that explain", "pages"),
    )
    BINDINGS: ClassVar[list[Any]] = [*bindings(ACTIONS)]

    def __init__(self, about: help_text.About = help_text.NOTHING) -> None:
        """Begin with what was asked about."""
        super().__init__()
        self._about = about
        self._text = help_text.HelpText(about)

    def compose(self) -> ComposeResult:
        """Title, text, footer."""
        yield Title("threadtop: Tab goes on to keys, numbers, columns, pages")
        yield self._text
        yield Footer(self.ACTIONS)

    def action_section(self, by: int) -> None:
        """To another part."""
        self._text.turn_to_section(by)

    def action_pages(self) -> None:
        """Choose a page."""

        def take(key: str | None) -> None:
            if key is not None:
                self.app.push_screen(PageScreen(key))

        self.app.push_screen(page_menu(self._about.shown_page), take)

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


class PageScreen(Screen[None]):
    """One page that explains, and those it links to."""

    ACTIONS = (
        Action("back", "escape,q,question_mark,h,f1,backspace", "Esc", "back", "back"),
        Action("link(1)", "1", "1 2 3", "open the page with this number", "open a link"),
        Action("pages", "P", "P", "all pages", "pages"),
    )
    BINDINGS: ClassVar[list[Any]] = [
        *bindings(ACTIONS),
        *((str(number), f"link({number})", "") for number in range(2, MOST_LINKS + 1)),
    ]

    def __init__(self, key: str) -> None:
        """Show the page ``key``."""
        super().__init__()
        self._text = help_text.PageText(key)
        self._before: deque[tuple[str, int]] = deque(maxlen=MOST_STEPS)

    def compose(self) -> ComposeResult:
        """Title, text, footer."""
        yield Title("threadtop: what the numbers mean")
        yield self._text
        yield Footer(self.ACTIONS)

    def turn_to(self, key: str) -> None:
        """Show another page; Esc leads back to this one."""
        self._before.append((self._text.key, self._text.offset_rows))
        self._text.turn_to(key)

    def action_link(self, number: int) -> None:
        """Open the page that a link leads to."""
        links = markdown.links(pages.page(self._text.key).text)
        if number <= len(links):
            self.turn_to(links[number - 1].key)

    def action_pages(self) -> None:
        """Choose a page."""
        self.app.push_screen(page_menu(self._text.key), lambda key: self.turn_to(key) if key else None)

    def action_back(self) -> None:
        """The page before, or where we were."""
        if self._before:
            self._text.turn_to(*self._before.pop())
        else:
            self.dismiss(None)


def page_menu(chosen: str | None = None) -> ChoiceScreen[str]:
    """A menu of all pages."""
    return ChoiceScreen("Pages", [(page.key, page.key, page.title) for page in pages.all_pages()], chosen)


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
