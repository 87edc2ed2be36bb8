"""The Threads pane: the threads of one process, with sparklines of their last minutes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from threadtop import fields, query, text
from threadtop.fields import BY_KEY, GIL_COLUMNS, Field
from threadtop.history import TICKS
from threadtop.query import View
from threadtop.snapshot import GroupRow, ThreadRow
from threadtop.tui import finding_words
from threadtop.tui.grid import Grid
from threadtop.tui.panes.pane import Opened, Pane

if TYPE_CHECKING:
    from threadtop.interest import Interest
    from threadtop.query import Table
    from threadtop.snapshot import Row
    from threadtop.tui.paint import Line

_SPARK_LEAST: Final = 8
_NAME: Final = 16  # cells: a thread's name has 15 bytes
_REASON: Final = 44  # cells: more than the ends of a connection take
_SPARKS_AT: Final = ((160, 3), (100, 1))  # so many columns want so many sparklines; the fewest that show one
# Left out, first to last: why a thread does not run, and what it is for, stay longer than in the list of all.
_SACRIFICES: Final = (
    *("wchan", "user_pct", "system_pct", "last_cpu", "cpu_ns", "role", "invol_per_s", "vol_per_s"),
    *("gil_pct", "reason", "gil_wait_pct", "tid", "wait_pct", "state"),
)
_GIL_COLUMNS: Final = (
    "cpu_pct",
    "user_pct",
    "system_pct",
    "wait_pct",
    "vol_per_s",
    "invol_per_s",
    *GIL_COLUMNS,
    "state",
    "last_cpu",
    "cpu_ns",
    "tid",
    "reason",
    "wchan",
    "role",
    "command",
)
_COLUMNS: Final = tuple(key for key in _GIL_COLUMNS if key not in GIL_COLUMNS)
# Sparkline columns: the series of history, its title, and the value that fills a column (None: the highest in sight).
_SPARKS: Final = (
    ("cpu_pct", "CPU", 100.0),
    ("wait_pct", "WAIT", 100.0),
    ("switches_per_s", "SWITCHES", None),
)


def _no_reason(row: ThreadRow) -> str:
    """Why it is not known what a thread waits for."""
    rule = row.blocked.why_not if row.blocked is not None else ""
    return f"{text.UNKNOWN} {text.visible(rule)}".rstrip()


def _spark_field(series: str, title: str, width: int) -> Field:
    return Field(
        key=f"history.{series}",
        title=title,
        width=width,
        kind="text",
        page="cpu",
        help=f"{title.lower()} over the last minutes",
        source="history",
        left=True,
    )


class ThreadsPane(Grid, Pane):
    """The threads of one process."""

    NAME = "Threads"
    PAGE = "cpu"

    def __init__(self) -> None:
        """A pane that sorts by CPU until told otherwise."""
        super().__init__()
        self.view = View(columns=_COLUMNS, layout="flat")
        self._steady = query.Steady()
        self._opened: Opened | None = None
        self._most_switches = 1.0

    def open(self, opened: Opened) -> None:
        """Show the threads of the process."""
        self._opened = opened
        if opened.process.gil is not None and not self.knows_gil:
            self.knows_gil = True
            self.view = replace(self.view, columns=_GIL_COLUMNS)
        self.named = finding_words.named(opened.snapshot.findings)
        alone = opened.snapshot._replace(processes={opened.process.pid: opened.process}, gone=())
        table = query.table(alone, self.view, steady=self._steady)
        self.show(table)

    def interest(self, interest: Interest, pid: int) -> Interest:
        """The threads in sight."""
        visible = frozenset((pid, row.tid) for row in self.rows_in_sight() if row.mark != "gone")
        return interest._replace(visible=visible, needs=self.view.needs())

    def position(self) -> str:
        """Which of how many threads are in sight."""
        count = len(self.table.rows) if self.table else 0
        first = self.offset_rows
        last = min(first + self.body_height, count)
        return f"{text.thousands(min(first + 1, last))}-{text.thousands(last)} of {text.thousands(count)}"

    def widths(self, width: int) -> list[tuple[Field, int]]:
        """The columns that fit, and sparklines before COMMAND; REASON, these and that share what is left."""
        if self.table is None:
            return []
        count = next((count for least, count in _SPARKS_AT if width >= least), 0)
        count = min(count, len(_SPARKS) - self.knows_gil)  # the GIL's columns take the room of the last one
        room = width - count * (_SPARK_LEAST + 1)
        keys = fields.fitting(tuple(field.key for field in self.table.columns), room, _NAME, _SACRIFICES)
        sizes = {key: BY_KEY[key].width for key in keys}
        if "command" in sizes:
            sizes["command"] = _NAME
        left = max(0, room - sum(size + 1 for size in sizes.values()))
        if "reason" in sizes:
            more = min(left * 2 // 3 if count else left, _REASON - sizes["reason"])
            sizes["reason"] += more
            left -= more
        spark = min(TICKS, _SPARK_LEAST + left // count) if count else 0
        if "command" in sizes:
            sizes["command"] += left - count * (spark - _SPARK_LEAST)
        columns = [(BY_KEY[key], size) for key, size in sizes.items()]
        history = [(_spark_field(series, title, spark), spark) for series, title, _ in _SPARKS[:count]]
        at = len(columns) - ("command" in sizes)
        return [*columns[:at], *history, *columns[at:]]

    def make_lines(self, width: int, height: int) -> list[Line]:
        """As the grid's; but time moves the sparklines of rows that have not changed, too."""
        self._lines = {}
        if self._opened is not None:
            history = self._opened.history
            series = [history.series(row.key, "switches_per_s", width) for row in self.rows_in_sight()]
            self._most_switches = max((value for values in series for value in values if value), default=1.0)
        return super().make_lines(width, height)

    def cell(self, field: Field, row: Row, table: Table) -> str:
        """As the grid's; a sparkline from the history."""
        if not field.key.startswith("history."):
            if field.key == "command":
                return text.visible(row.name)
            if field.key == "reason" and isinstance(row, ThreadRow) and not row.reason:
                return _no_reason(row)
            return super().cell(field, row, table)
        if self._opened is None or isinstance(row, GroupRow):
            return ""
        series = field.key.removeprefix("history.")
        values = self._opened.history.series(row.key, series, field.width)
        top = next(top for name, _, top in _SPARKS if name == series)
        return text.sparkline(values, field.width, top or self._most_switches)

    def _role(self, field: Field, row: Row, *, is_still: bool) -> str:
        roles = {"history.cpu_pct": "u", "history.wait_pct": "w", "history.switches_per_s": "v"}
        return roles.get(field.key) or super()._role(field, row, is_still=is_still)
