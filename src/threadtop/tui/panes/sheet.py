"""The panes that are sheets: a cursor on fields and rows, search, copy, explanations; one class for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.message import Message

from threadtop import text
from threadtop.inside.asked import Asked
from threadtop.interest import STATUS
from threadtop.sheets import recorded, render
from threadtop.sheets.sheet import NEVER, NOT_YET, Subject
from threadtop.tui import paint
from threadtop.tui.commands import Action
from threadtop.tui.grid import Grid
from threadtop.tui.pager import Pager
from threadtop.tui.paint import LineBuilder
from threadtop.tui.panes.pane import Opened, Pane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from threadtop.inside.asked import Found
    from threadtop.interest import Interest
    from threadtop.sheets.render import Row, Rows
    from threadtop.sheets.sheet import Kind, Link, Request, Sheet
    from threadtop.tui.paint import Line


class SheetPane(Pager, Pane, inherit_bindings=False):
    """A sheet with a cursor; it stays on its field or row while others come and go."""

    BINDINGS: ClassVar[list[Any]] = [
        ("up,k", "move(-1)", ""),
        ("down,j", "move(1)", ""),
        ("pageup", "scroll_page(-1)", ""),
        ("pagedown,space", "scroll_page(1)", ""),
        ("home,g", "move(-1000000)", ""),
        ("end,G", "move(1000000)", ""),
        ("enter", "open_link", ""),
        ("left_square_bracket", "turn_part(-1)", ""),
        ("right_square_bracket", "turn_part(1)", ""),
    ]

    class Linked(Message):
        """Enter on what leads somewhere."""

        def __init__(self, link: Link) -> None:
            """Carry where."""
            super().__init__()
            self.link = link

    def __init__(self, kind: Kind) -> None:
        """A pane of this kind, nothing opened yet."""
        super().__init__()
        self.kind = kind
        self.NAME = kind.title  # type: ignore[misc]
        self.PAGE = kind.page  # type: ignore[misc]
        self.tid = 0
        self.part = 0
        self.wants: frozenset[str] = frozenset()
        self._opened: Opened | None = None
        self._found: Found | None = None
        self._sheet: Sheet = NOT_YET
        self._rows: Rows = render.Rows([])
        self._at = 0
        self._identity: object = None

    def on_mount(self) -> None:
        """Of a recording it shows what was recorded."""
        if self.app.player is not None:  # type: ignore[attr-defined]
            self.kind = recorded.kind(self.kind)

    # -- what is shown -------------------------------------------------------------------------------

    def open(self, opened: Opened) -> None:
        """Show the process; what was read of it stays once it has ended."""
        self._opened = opened
        found = opened.snapshot.inside
        if found is not None and self._is_ours(found.asked, opened) and found.start_ticks == opened.process.start_ticks:
            self._found = found
        self._make()
        self.repaint()

    def _is_ours(self, asked: Asked, opened: Opened) -> bool:
        return (asked.pane, asked.pid, asked.tid) == (self.kind.name, opened.process.pid, self._tid(opened))

    def _tid(self, opened: Opened) -> int:
        """The thread that is looked at, the main one until another was chosen; 0 in panes of the whole process."""
        return (self.tid or opened.process.pid) if self.kind.name == "thread" else 0

    def _make(self) -> None:
        opened = self._opened
        if opened is None:
            return
        facts = self.facts()
        subject = Subject(
            opened.snapshot, opened.process, facts, self._tid(opened), self.part, self.wants, opened.history
        )
        self._sheet = self.kind.make(subject)
        if self._sheet is NOT_YET and opened.has_ended:
            self._sheet = NEVER
        self.is_part = any(section.table.is_part for section in self._sheet.sections if section.table is not None)

    def facts(self) -> object:
        """What was read for this pane; None as long as nothing was."""
        return self._found.facts if self._found is not None else None

    def interest(self, interest: Interest, pid: int) -> Interest:
        """The facts of this pane, and what the rows beside them need."""
        tid = (self.tid or pid) if self.kind.name == "thread" else 0
        visible = frozenset({(pid, tid)}) if tid else frozenset()
        asked = Asked(self.kind.name, pid, tid, self.part, self.wants) if self.kind.has_facts else None
        return interest._replace(visible=visible, needs=frozenset({STATUS, *self.kind.needs}), asked=asked)

    def make_lines(self, width: int, height: int) -> Sequence[Line]:
        """The part in sight, the line of the cursor marked."""
        self._rows = rows = render.rows(self._sheet, self.kind.terms, width)
        self.count = len(rows)
        self._at = self._found_again(rows)
        lower, upper = self._at - height + 1, self._at
        self.offset_rows = max(0, min(max(self.offset_rows, lower), upper, len(rows) - height))
        if self._at < height and rows and rows.identity(self._at) == rows.identity(self._first(rows)):
            self.offset_rows = 0  # what stands above the first field is to be seen, too; it may take several lines
        elif self._at >= self._last(rows):
            self.offset_rows = max(0, min(self._at, len(rows) - height))  # and what stands below the last one
        shown = rows[self.offset_rows : self.offset_rows + height]
        return [
            self._line(row, width, is_chosen=self.offset_rows + at == self._at and row.identity is not None)
            for at, row in enumerate(shown)
        ]

    def _line(self, row: Row, width: int, *, is_chosen: bool) -> Line:
        line = LineBuilder()
        for cells, role in row.pieces:
            line.add(cells, role)
        made = paint.marked(line.line(width), self.searched) if self.searched else line.line(width)
        return paint.selected(made) if is_chosen else made

    def _found_again(self, rows: Rows) -> int:
        """Where the cursor is now: on what it was on, else on the nearest field."""
        if not len(rows):
            return 0
        at = max(0, min(self._at, len(rows) - 1))
        if self._identity is not None and rows.identity(at) != self._identity:
            for index in range(len(rows)):
                if rows.identity(index) == self._identity:
                    return index
        if rows.identity(at) is None:
            at = next((index for index in (*range(at, len(rows)), *range(at, -1, -1)) if rows.identity(index)), at)
        return at

    @staticmethod
    def _first(rows: Rows) -> int:
        return next((index for index in range(len(rows)) if rows.identity(index) is not None), 0)

    @staticmethod
    def _last(rows: Rows) -> int:
        """The first line of the last field or row."""
        last = next((at for at in range(len(rows) - 1, -1, -1) if rows.identity(at) is not None), 0)
        while last and rows.identity(last - 1) == rows.identity(last):
            last -= 1
        return last

    @property
    def chosen(self) -> Row | None:
        """The line under the cursor."""
        return self._rows[self._at] if self._at < len(self._rows) else None

    def position(self) -> str:
        """Where the cursor stands."""
        return f"{text.thousands(self._at + 1)} of {text.thousands(self.count)}" if self.count else ""

    def actions(self) -> tuple[Action, ...]:
        """What can be done here besides: what the kind asks for, and parts."""
        parts = (Action("", "", "[ ]", "the part before and the next one", "parts"),) if self.is_part else ()
        return (*parts, *(Action("", "", one.key, one.help, one.label) for one in self.kind.requests))

    # -- the cursor ----------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """To the next field or row, or as many further."""
        rows, step = self._rows, 1 if by > 0 else -1
        at, left = self._at, abs(by)
        while left and 0 <= at + step < len(rows):
            at += step
            if rows.identity(at) is not None and rows.identity(at) != rows.identity(self._at):
                self._at = at
                left -= 1
        if 0 <= self._at < len(rows):
            self._identity = rows.identity(self._at)
        self.repaint()
        self.post_message(Grid.Moved())

    def action_scroll_by(self, by: int) -> None:
        """As many lines."""
        self.action_move(by)

    def action_scroll_page(self, by: int) -> None:
        """A page; where nothing can be chosen, the text moves."""
        target = max(0, min(self._at + by * max(1, self.size.height - 1), len(self._rows) - 1))
        while self._at != target:
            before = self._at
            self.action_move(1 if target > self._at else -1)
            if self._at == before or (self._at > target) == (by > 0):
                break

    def action_open_link(self) -> None:
        """Go where the line leads."""
        row = self.chosen
        if row is not None and row.link is not None:
            self.post_message(self.Linked(row.link))

    def on_key(self, event: events.Key) -> None:
        """The keys of what this kind of pane may ask for."""
        for one in self.kind.requests:
            if event.character == one.key:
                event.stop()
                self.ask_for(one)

    def ask_for(self, request: Request) -> None:
        """Have something read that is read only when asked for, or no longer."""
        self.wants ^= {request.name}
        self._make()
        self.repaint()
        self.post_message(Grid.Moved())  # read it
        self.app.feed.hurry()  # type: ignore[attr-defined]

    # -- pages of what is long, search, copy -------------------------------------------------------------

    @property
    def _has_next(self) -> bool:
        """Whether a part comes after this one; the last may be shorter than the others."""
        return any(section.table.has_next for section in self._sheet.sections if section.table is not None)

    def action_turn_part(self, by: int) -> None:
        """The next page of what is too long for one, or the one before."""
        part = max(0, self.part + by)
        if part != self.part and (by < 0 or self._has_next):
            self.part = part
            self.post_message(Grid.Moved())
            self.app.feed.hurry()  # type: ignore[attr-defined]

    def look_for(self, words: str, step: int) -> bool:
        """Put the cursor on the next field or row that holds ``words``, round the end; False if none does."""
        self.searched = words.lower()
        count = len(self._rows)
        for far in range(1 if step else 0, count + 1) if count else ():
            at = (self._at + far * (step or 1)) % count
            if self._rows.identity(at) is not None and self.searched in self._rows[at].cells.lower():
                self._at, self._identity = at, self._rows.identity(at)
                self.repaint()
                return True
        self.repaint()
        return False

    def copied(self) -> str:
        """The value under the cursor."""
        return self.chosen.value if self.chosen is not None else ""
