"""The grid: the table of threads; formats only the rows in sight, sends only the cells that changed.

A plain widget with an offset of its own, not Textual's scroll machinery: a scroll there repaints the
whole widget, and its scrollbar costs a column of bytes at every tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.message import Message

from threadtop import bars, export, filters, text
from threadtop.snapshot import ThreadRow
from threadtop.tui import accents, columns, paint
from threadtop.tui.paint import LineBuilder
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from textual import events

    from threadtop.fields import Field
    from threadtop.query import Table
    from threadtop.snapshot import Key, Row
    from threadtop.tui.paint import Line

_ORDER_SIGNS: Final = {True: "▼", False: "▲"}  # largest first, smallest first


class Grid(Painted, can_focus=True):
    """A table with a cursor that stays on its row by identity."""

    DEFAULT_CSS = "Grid { height: 1fr; }"

    class Opened(Message):
        """Enter or a click on the chosen row."""

        def __init__(self, row: Row) -> None:
            """Carry the row."""
            super().__init__()
            self.row = row

    class Moved(Message):
        """The rows in sight changed; by the user's hand unless only the size did."""

        def __init__(self, *, by_hand: bool = True) -> None:
            """Carry whose doing it was."""
            super().__init__()
            self.by_hand = by_hand

    class HeadingClicked(Message):
        """A click on a column's heading."""

        def __init__(self, key: str) -> None:
            """Carry the field's key."""
            super().__init__()
            self.key = key

    BINDINGS: ClassVar[list[Any]] = [
        ("up", "move(-1)", ""),
        ("down,j", "move(1)", ""),
        ("pageup", "page(-1)", ""),
        ("pagedown", "page(1)", ""),
        ("home,g", "jump(0)", ""),
        ("end,G", "jump(-1)", ""),
        ("enter", "open", ""),
    ]

    def __init__(self) -> None:
        """A grid without a table yet."""
        super().__init__()
        self.table: Table | None = None
        self.offset_rows = 0
        self.cursor: Key | None = None
        self._absent: Key | None = None
        self.cursor_index = 0
        self.tagged: set[Key] = set()
        self.followed: Key | None = None
        self.named: frozenset[tuple[int, int]] = frozenset()
        self.searched = ""
        self.knows_gil = False
        self._places: dict[Key, int] | None = None
        self._look: object = None
        self._lines: dict[Key, tuple[Row, Line]] = {}
        self._fresh: dict[Key, tuple[Row, Line]] = {}
        self._bars: dict[Key, bars.Steady] = {}

    # -- what it shows ---------------------------------------------------------------------------

    def show(self, table: Table) -> None:
        """Show another table; the cursor stays on its row, or near it if that has gone."""
        self.table = table
        self._places = None
        self._find_cursor()
        self.repaint()

    def _place(self, key: Key) -> int | None:
        if self._places is None:
            self._places = {row.key: index for index, row in enumerate(self.table.rows)} if self.table else {}
        return self._places.get(key)

    def _find_cursor(self) -> None:
        """Put the cursor on its row again; a row that has left the table lends its place to the one that is there."""
        rows = self.table.rows if self.table else ()
        if self.followed is not None:
            self.cursor = self.followed
        if self._absent is not None and self._place(self._absent) is not None:
            self.cursor, self._absent = self._absent, None
        if self.cursor is not None:
            # Mostly it is where it was: then 10,000 rows need no index.
            if self.cursor_index < len(rows) and rows[self.cursor_index].key == self.cursor:
                place: int | None = self.cursor_index
            else:
                place = self._place(self.cursor)
            if place is not None:
                moved = place - self.cursor_index
                self.cursor_index = place
                if self.followed is not None:
                    self._scroll_to_cursor()
                elif moved:
                    self._keep_in_sight()
                return
        self.cursor_index = max(0, min(self.cursor_index, len(rows) - 1))
        if self.cursor is not None and rows:
            self._absent = self._absent or self.cursor
            self.cursor = rows[self.cursor_index].key
        # Until the user moves the cursor it stands on the first row, whichever that is.
        self._keep_in_sight()

    @property
    def body_height(self) -> int:
        """Rows in sight, without the heading."""
        return max(0, self.size.height - 1)

    @property
    def chosen(self) -> Row | None:
        """The row under the cursor."""
        rows = self.table.rows if self.table else ()
        return rows[self.cursor_index] if self.cursor_index < len(rows) else None

    def rows_in_sight(self) -> list[Row]:
        """The rows that are on the screen."""
        rows = self.table.rows if self.table else ()
        return list(rows[self.offset_rows : self.offset_rows + self.body_height])

    def _keep_in_sight(self) -> None:
        """Bound the offset; rows above the cursor may come and go without moving the page."""
        count = len(self.table.rows) if self.table else 0
        self.offset_rows = max(0, min(self.offset_rows, count - self.body_height))

    def _scroll_to_cursor(self) -> None:
        if self.cursor_index < self.offset_rows:
            self.offset_rows = self.cursor_index
        elif self.cursor_index >= self.offset_rows + self.body_height:
            self.offset_rows = self.cursor_index - self.body_height + 1
        self._keep_in_sight()

    def on_resize(self, _event: events.Resize) -> None:
        """Keep the cursor in sight on another size."""
        if self.cursor is not None:
            self._scroll_to_cursor()
        else:
            self._keep_in_sight()
        self.post_message(self.Moved(by_hand=False))

    def look_for(self, words: str, step: int) -> bool:
        """Put the cursor on the next row that holds ``words``; step 0 stays where it is if that does."""
        self.searched = words
        found = self.find(words, self.cursor_index + step, step or 1)
        self.repaint()
        return found

    def copied(self) -> str:
        """What is copied: the cells of the chosen row, set apart by tabs."""
        row, table = self.chosen, self.table
        if row is None or table is None:
            return ""
        return "\t".join(text.plain(self.cell(field, row, table)).strip() for field, _ in self.widths(self.size.width))

    # -- moving ----------------------------------------------------------------------------------

    def choose(self, index: int) -> None:
        """Put the cursor on a row by its place."""
        rows = self.table.rows if self.table else ()
        if not rows:
            return
        self.cursor_index = max(0, min(index, len(rows) - 1))
        self.cursor = rows[self.cursor_index].key
        self.followed = self._absent = None
        self._scroll_to_cursor()
        self.repaint()
        self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        """One row up or down."""
        self.choose(self.cursor_index + by)

    def action_page(self, by: int) -> None:
        """A page up or down."""
        self.offset_rows += by * self.body_height
        self._keep_in_sight()
        self.choose(self.cursor_index + by * self.body_height)

    def action_jump(self, to: int) -> None:
        """To the first or last row."""
        self.choose(0 if to == 0 else len(self.table.rows) - 1 if self.table else 0)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.chosen is not None:
            self.post_message(self.Opened(self.chosen))

    def release(self) -> None:
        """Let the cursor go: it stands on the first row again."""
        self.cursor = self.followed = self._absent = None
        self.cursor_index = self.offset_rows = 0

    def find(self, wanted: str, start: int, step: int) -> bool:
        """Put the cursor on the next row from ``start`` that has ``wanted`` in its names; False if none has."""
        rows = self.table.rows if self.table else ()
        lowered = wanted.lower()
        for distance in range(len(rows)):
            index = (start + step * distance) % len(rows)
            if filters.found_in(rows[index], lowered):
                self.choose(index)
                return True
        return False

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._scroll(-3)

    def _scroll(self, by: int) -> None:
        self.offset_rows += by
        self._keep_in_sight()
        self.repaint()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """Choose a row, open the chosen one, or sort by a heading."""
        if self.table is None:
            return
        if event.y == 0:
            at = 0
            for field, width in self.widths(self.size.width):
                if at <= event.x <= at + width:
                    self.post_message(self.HeadingClicked(field.key))
                    return
                at += width + 1
            return
        index = self.offset_rows + event.y - 1
        if index == self.cursor_index and self.cursor is not None:
            self.action_open()
        elif index < len(self.table.rows):
            self.choose(index)

    # -- painting --------------------------------------------------------------------------------

    def widths(self, width: int) -> list[tuple[Field, int]]:
        """The columns that fit with their widths; COMMAND takes what is left."""
        return columns.fitted(self.table, width, knows_gil=self.knows_gil) if self.table is not None else []

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The heading and the rows in sight."""
        shown = self.widths(width)
        lines = [self._heading(shown, width)]
        if self.table is None:
            return lines
        look = (width, shown, self.table.view, self.searched, self.followed, frozenset(self.tagged), self.named)
        if look != self._look:
            self._look, self._lines = look, {}
        self._fresh = {}
        for index, row in enumerate(
            self.table.rows[self.offset_rows : self.offset_rows + height - 1], self.offset_rows
        ):
            line = self._line_of(row, shown, width)
            # The cursor shows on a row that was chosen; before that there is nothing to point at.
            is_chosen = self.cursor is not None and index == self.cursor_index and row.key == self.cursor
            lines.append(paint.selected(line) if is_chosen else line)
        self._lines = self._fresh
        self._bars = {key: drawn for key, drawn in self._bars.items() if key in self._lines}
        if len(lines) == 1:
            lines.append(LineBuilder().add("  " + self._emptiness(), ".").line(width))
        elif self.table.hidden_idle and len(lines) < height:
            note = f"({text.thousands(self.table.hidden_idle)} idle threads hidden, i shows them)"
            lines.append(LineBuilder().add("  " + note, ".").line(width))
        return lines

    def _emptiness(self) -> str:
        if self.table is not None:
            if self.table.hidden_idle:
                return "all threads are idle; i shows them"
            if self.table.view.filter is not None or self.table.view.user is not None:
                return "no thread matches the filter; = clears it"
        return "no threads to show"

    def _heading(self, shown: list[tuple[Field, int]], width: int) -> Line:
        line = LineBuilder().add(" ", "h")
        for field, column_width in shown:
            is_sorted = self.table is not None and field.key == self.table.view.sort
            line.add(text.fit(field.title, column_width, right=not field.left), "H" if is_sorted else "h")
            if line.length < width and self.table is not None:
                line.add(_ORDER_SIGNS[self.table.view.descending] if is_sorted else " ", "H" if is_sorted else "h")
        line.add(" " * max(0, width - line.length), "h")
        return line.line(width)

    def _line_of(self, row: Row, shown: list[tuple[Field, int]], width: int) -> Line:
        """The line of a row, made once for as long as the row is the same object."""
        key = row.key
        known = self._lines.get(key)
        if known is not None and known[0] is row:
            line = known[1]
        else:
            line = self._row_line(row, shown, width)
        self._fresh[key] = (row, line)
        return line

    def _row_line(self, row: Row, shown: list[tuple[Field, int]], width: int) -> Line:
        table = self.table
        assert table is not None  # noqa: S101 rows come from a table
        sign, role = self._sign(row)
        cells, roles = [sign], [role]
        is_still = row.is_idle
        accent, accented = accents.accent(row)
        for field, column_width in shown:
            if field.kind == "bar" and isinstance(row, ThreadRow):
                own, drawn = self.drawn(field, row, column_width)
                cells.append(own)
                roles.append(drawn + ".")
                continue
            own = self.cell(field, row, table)
            length = len(own)
            if length > column_width:
                own = text.fit(own, column_width)
            elif length < column_width:
                own = own.ljust(column_width) if field.left else own.rjust(column_width)
            cells.append(own)
            if field.key == "command":
                roles.append(accents.command_roles(row, own, self.searched, is_still=is_still) + " ")
            else:
                role = accent if field.key in accented else self._role(field, row, is_still=is_still)
                roles.append(role * (column_width + 1))
        # The blank behind a column has the column's role: no colour is switched off for it.
        return text.fit(cells[0] + " ".join(cells[1:]), width), "".join(roles)[:width].ljust(width)

    def drawn(self, field: Field, row: ThreadRow, width: int) -> tuple[str, str]:  # noqa: ARG002 others have more
        """A thread's time bar and the role of each cell; the one that stands there while it is still right."""
        share, known = row.time, self._bars.get(row.key)
        if known is None or not known.is_near(share, width):
            known = self._bars[row.key] = bars.Steady(share, width)
        cells, roles = known.drawn
        return cells, accents.bar_roles(row, roles)

    def cell(self, field: Field, row: Row, table: Table) -> str:
        """One cell as a cell string; a heading says whether it is folded, and what it hides."""
        own = export.cell(field, row, table)
        if (
            field.key != "command"
            or isinstance(row, ThreadRow)
            or table.view.layout == "flat"
            or not table.view.threads
        ):
            return own
        if not table.view.is_folded(row.key):
            return f"- {own}"
        return f"+ {own}" if row.pid < 0 else f"+ {own} ({row.thread_count})"

    def _sign(self, row: Row) -> tuple[str, str]:
        """The mark in the margin: tagged, followed, new, gone, or named by a problem that was found."""
        key = row.key
        if key in self.tagged:
            return "*", "y"
        if key == self.followed:
            return ">", "y"
        if row.mark == "new":
            return "+", "n"
        if row.mark == "gone":
            return "x", "x"
        return ("▲", "y") if (row.pid, row.tid) in self.named else (" ", " ")

    def _role(self, field: Field, row: Row, *, is_still: bool) -> str:
        """The role of a cell that is not the row's accent."""
        return accents.plain_role(field, row, is_still=is_still)
