"""The Time pane: where the time of each thread of a process goes: its last seconds, its bar, how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import bars, query, text
from threadtop.fields import BY_KEY, Field
from threadtop.interest import STATUS, WCHAN
from threadtop.query import View
from threadtop.snapshot import ThreadRow
from threadtop.tui import accents, finding_words, paint, time_words
from threadtop.tui.grid import Grid
from threadtop.tui.panes.pane import Opened, Pane

if TYPE_CHECKING:
    from threadtop.interest import Interest
    from threadtop.query import Table
    from threadtop.snapshot import Row
    from threadtop.tui.paint import Line

_COLUMNS: Final = ("time_pct", "state", "tid", "reason", "command")
_NAME: Final = 16
_BAR: Final = 20
_LEAST_S, _MOST_S = 10, 60  # of the past
_REASON: Final = 20
_REASON_FROM: Final = 100
_LEAST_ROWS: Final = 5  # below that the words give way
_MOST_WORDS: Final = 6
_SECONDS: Final = "seconds"


class TimePane(Grid, Pane):
    """The threads of one process and their seconds."""

    NAME = "Time"
    PAGE = "time"

    def __init__(self) -> None:
        """Nothing opened yet; those that run or want to come first."""
        super().__init__()
        self.view = View(columns=_COLUMNS).sorted_by("time_pct")
        self._steady = query.Steady()
        self._opened: Opened | None = None

    def open(self, opened: Opened) -> None:
        """Show the threads of the process."""
        self._opened = opened
        self.named = finding_words.named(opened.snapshot.findings)
        alone = opened.snapshot._replace(processes={opened.process.pid: opened.process}, gone=())
        self.show(query.table(alone, self.view, steady=self._steady))

    def interest(self, interest: Interest, pid: int) -> Interest:
        """The threads in sight, and looks at all that move."""
        visible = frozenset((pid, row.tid) for row in self.rows_in_sight() if row.mark != "gone")
        return interest._replace(visible=visible, needs=frozenset({STATUS, WCHAN}), waits=interest.waits | {pid})

    def position(self) -> str:
        """Which of how many threads are in sight."""
        count = len(self.table.rows) if self.table else 0
        last = min(self.offset_rows + self.body_height, count)
        return f"{text.thousands(min(self.offset_rows + 1, last))}-{text.thousands(last)} of {text.thousands(count)}"

    @property
    def body_height(self) -> int:
        """Rows in sight: without the heading and the words below."""
        return max(0, self.size.height - 1 - len(self._words(self.size.width, self.size.height)))

    def widths(self, width: int) -> list[tuple[Field, int]]:
        """The bar, the last seconds, the state, the tid, the reason where there is room, the name."""
        if self.table is None:
            return []
        bar = _BAR if width >= 70 else 10  # noqa: PLR2004 then the past has its seconds
        keys = [key for key in _COLUMNS if key != "reason" or width >= _REASON_FROM]
        sizes = {"time_pct": bar, "state": 1, "tid": 7, "reason": _REASON, "command": _NAME}
        left = width - 1 - sum(sizes[key] + 1 for key in keys) + 1
        seconds = max(0, min(_MOST_S, left - 1))
        left -= seconds + 1 if seconds >= _LEAST_S else 0
        if "reason" in keys:
            sizes["reason"] += max(0, left) * 2 // 3
            left -= max(0, left) * 2 // 3
        sizes["command"] = max(1, _NAME + left)
        columns = [(BY_KEY[key], sizes[key]) for key in keys]
        if seconds >= _LEAST_S:
            columns.insert(1, (self._seconds_field(seconds), seconds))
        return columns

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The table, and below it the chosen thread in words; time moves the seconds of rows at rest, too."""
        self._lines = {}
        words = self._words(width, height)
        room = height - len(words)
        lines = super().make_lines(width, room)[:room]
        return [*lines, *[paint.blank(width)] * (room - len(lines)), *words]

    def _words(self, width: int, height: int) -> list[Line]:
        """The chosen thread and the legend; as many lines for each thread, so that the table stands still."""
        row = self.chosen
        if self._opened is None or not width:
            return []
        legend = time_words.legend_lines(width)
        room = height - 1 - _LEAST_ROWS
        if room < _MOST_WORDS:
            return []
        told = time_words.detail_lines(row, self._opened.snapshot, width) if isinstance(row, ThreadRow) else []
        told = [*told[:_MOST_WORDS], *[paint.blank(width)] * (_MOST_WORDS - len(told))]
        return [*told, *legend] if room >= _MOST_WORDS + len(legend) else told

    def cell(self, field: Field, row: Row, table: Table) -> str:
        """As the grid's; a thread has its own name only."""
        return text.visible(row.name) if field.key == "command" else super().cell(field, row, table)

    def drawn(self, field: Field, row: ThreadRow, width: int) -> tuple[str, str]:
        """As the grid's; a second is a cell."""
        if field.key != _SECONDS or self._opened is None:
            return super().drawn(field, row, width)
        seconds = self._opened.history.seconds(row.key, width, row.time)
        signs = [bars.sign(one.part, is_hint=one.is_hint) if one else (" ", ".") for one in seconds]
        cells, roles = "".join(cell for cell, _ in signs), "".join(role for _, role in signs)
        return cells.rjust(width), accents.bar_roles(row, roles.rjust(width, "."))

    def _seconds_field(self, ticks: int) -> Field:
        interval_s = self._opened.snapshot.interval_s if self._opened is not None else None
        unit = "s" if interval_s is not None and round(interval_s, 1) == 1 else "refreshes"
        title = f"last {ticks} {unit}, newest at the right"
        return Field(
            key=_SECONDS,
            title=title if len(title) <= ticks else f"last {ticks} {unit}",
            width=ticks,
            kind="bar",
            page="time",
            help="what took most of each",
            source="history",
            left=True,
        )
