"""The GIL pane: who holds CPython's GIL and when, who waits for it, what the holder does, what that comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import finding_text, query, stacks, text
from threadtop.findings.gil_calm import WORKER_CPU_PCT
from threadtop.interest import STATUS
from threadtop.sample import ENDED
from threadtop.snapshot import ThreadRow
from threadtop.tui import finding_words, gil_words, paint
from threadtop.tui.accents import GIL_WAIT_PCT, STARVED_PCT
from threadtop.tui.asking import asked
from threadtop.tui.grid import Grid
from threadtop.tui.pager import Pager
from threadtop.tui.paint import LineBuilder
from threadtop.tui.panes.pane import Opened, Pane
from threadtop.tui.timeline import SHOWN_S, Timeline, axis, timeline

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Sequence

    from textual import events

    from threadtop.errors import ThreadtopError
    from threadtop.gil_rows import GilShare
    from threadtop.interest import Interest
    from threadtop.snapshot import Finding, Row
    from threadtop.stacks import Stacks
    from threadtop.tui.paint import Line

_NAME: Final = 15
_TID: Final = 7
_LEAST_ROWS: Final = 4
_LEAST_FLAG: Final = 22
_MOST_CELLS_PER_S: Final = 8
_NATIVE: Final = ("native, not a Python thread", "native thread", "native")
_BAR_HEADINGS: Final = ("█ runs  W waits for the GIL  ▒ waits for a cpu", "█ runs W waits ▒ cpu", "█ runs")
_FLAGS: Final = {
    "convoy": ("waits out intervals", "others wait for it"),
    "held-asleep": ("sleeps and holds it", "sleeps and holds it"),
}
"""By the kind of a finding: what its threads suffer, and what the last of them does to the others."""
SIBLINGS: Final = 4  # workers that are watched together: each costs half a per cent of a core
_ROOMY: Final = 24  # lines from which blank ones may set parts apart
_LEAST_WEIGHT: Final = 0.05  # it rounds to 0.1
_NATIVE_WEIGHT: Final = 0.01  # a busy native thread comes after those that have to do with the GIL


class _Column(NamedTuple):
    """A share: its title, the attribute of GilShare, and from where it stands out in which role."""

    title: str
    width: int
    attribute: str
    much: float
    role: str


_COLUMNS: Final = (
    _Column("holds", 6, "holds_pct", 0.5, "b"),
    _Column("waits", 6, "wait_pct", GIL_WAIT_PCT, "W"),
    _Column("native", 7, "without_pct", 0.5, " "),
    _Column("runq", 5, "runq_pct", STARVED_PCT, "w"),
    _Column("blocked", 8, "blocked_pct", 101.0, "."),
)
_ASLEEP: Final = _Column("asleep", 7, "asleep_pct", 0.5, "r")


class _Layout(NamedTuple):
    """How a line is divided: cells of time a second, columns, and cells for what is flagged."""

    cells_per_s: int
    columns: tuple[_Column, ...]
    flag: int


class GilPane(Pager, Pane):
    """The GIL of one process."""

    NAME = "GIL"
    PAGE = "gil"

    def __init__(self) -> None:
        """Nothing opened yet."""
        super().__init__()
        self.asking: threading.Thread | None = None
        self._opened: Opened | None = None
        self._steady = query.Steady()
        self._rows: list[ThreadRow] = []
        self._rows_in_sight = 0
        self._stacks: Stacks | None = None
        self._stacks_time = 0.0
        self._complaint = ""

    def open(self, opened: Opened) -> None:
        """Show the process."""
        self._opened = opened
        self._rows = self._in_order(opened.process.threads.values())
        self.repaint()

    def interest(self, interest: Interest, pid: int) -> Interest:
        """Its GIL, and the switches of the threads in sight: an estimate is made of them."""
        shown = self._rows[self.offset_rows : self.offset_rows + self._rows_in_sight]
        visible = frozenset((pid, row.tid) for row in shown)
        watched = interest.gil | {pid} | self._siblings()
        return interest._replace(visible=visible, needs=frozenset({STATUS}), gil=watched)

    def _siblings(self) -> frozenset[int]:
        """Busy workers beside a busy one: that each has a GIL of its own is known only once they are watched, too."""
        if self._opened is None:
            return frozenset()
        own = self._opened.process
        family = [
            row.pid
            for row in self._opened.snapshot.processes.values()
            if (row.ppid, row.process) == (own.ppid, own.process) and (row.cpu_pct or 0.0) >= WORKER_CPU_PCT
        ]
        return frozenset(sorted(family)[:SIBLINGS]) if own.pid in family else frozenset()

    def position(self) -> str:
        """Which of how many threads are in sight."""
        if not self._rows_in_sight:
            return ""
        last = min(self.offset_rows + self._rows_in_sight, len(self._rows))
        return f"{self.offset_rows + 1}-{text.thousands(last)} of {text.thousands(len(self._rows))}"

    def on_resize(self, event: events.Resize) -> None:
        """Other rows are in sight."""
        super().on_resize(event)
        self.post_message(Grid.Moved(by_hand=False))

    def action_scroll_by(self, by: int) -> None:
        """Some threads up or down."""
        super().action_scroll_by(by)
        self.post_message(Grid.Moved())

    def action_scroll_page(self, by: int) -> None:
        """A page of threads up or down."""
        self.action_scroll_by(by * max(1, self._rows_in_sight - 1))

    def action_scroll_to_end(self, end: int) -> None:
        """To the first or the last thread."""
        super().action_scroll_to_end(end)
        self.post_message(Grid.Moved())

    def _in_order(self, rows: Iterable[ThreadRow]) -> list[ThreadRow]:
        """Most to do with the GIL first; steady, so that rows do not dance."""
        self._steady.begin("gil", descending=True)
        valued: list[tuple[float, Row]] = []
        resting: list[Row] = []
        for row in rows:
            value = _weight(row.gil)
            if value >= _LEAST_WEIGHT:
                valued.append((value, row))
            else:
                resting.append(row)
        ranked = self._steady.ranked(valued, resting, "percent")
        ranked.sort(key=lambda pair: round(pair[0], 1), reverse=True)
        return [row for row in (*(row for _, row in ranked), *resting) if isinstance(row, ThreadRow)]

    def look_for(self, words: str, step: int) -> bool:
        """Bring the next thread with ``words`` in its name or tid into sight, round the end."""
        self.searched = words.lower()
        count = len(self._rows)
        at = min(self._found_at, max(0, count - 1))
        for far in range(1 if step else 0, count + 1) if count else ():
            row = self._rows[(at + far * (step or 1)) % count]
            if self.searched in f"{row.name} {row.tid}".lower():
                self._found_at = (at + far * (step or 1)) % count
                if not self.offset_rows <= self._found_at < self.offset_rows + self._rows_in_sight:
                    self.offset_rows = self._found_at
                self.repaint()
                return True
        self.repaint()
        return False

    def copied(self) -> str:
        """The thread that was searched for, else the first one in sight: name, tid, and its shares as they stand."""
        at = self._found_at if self.searched else self.offset_rows
        if at >= len(self._rows):
            return ""
        row = self._rows[at]
        shares = (
            f"{name} {text.share(value)}" for name, value in (("holds", row.gil_pct), ("waits", row.gil_wait_pct))
        )
        return " ".join((row.name, str(row.tid), *shares))

    # -- painting ----------------------------------------------------------------------------------

    def make_lines(self, width: int, height: int) -> Sequence[Line]:
        """The GIL, its threads over time, what goes on now, and what that comes to."""
        self._rows_in_sight = 0
        if self._opened is None:
            return []
        process = self._opened.process
        lines = gil_words.summary_lines(process, self._opened.snapshot, width)
        found = [
            finding
            for finding in self._opened.snapshot.findings
            if finding_text.belongs_to(finding, process) and finding_words.pane_of(finding) == self.NAME
        ]
        # Blank lines set the parts apart where they take the room of nothing else.
        gap = [paint.blank(width)] if height >= _ROOMY else []
        below = [
            line
            for part in (self._now_lines(width), finding_words.finding_lines(found, width))
            if part
            for line in gap + part
        ]
        if process.gil is None or process.gil.grade == "none" or process.gil.is_enabled is False:
            return [*lines, *below]
        lines += gap
        layout = self._divided(width, found)
        room = max(0, height - len(lines) - 1)
        least = min(len(self._rows), max(_LEAST_ROWS, room // 2))
        self._rows_in_sight = min(len(self._rows), max(least, room - len(below)))
        self.count = len(self._rows)
        self.offset_rows = max(0, min(self.offset_rows, self.count - self._rows_in_sight))
        drawn = self._drawn(layout)
        rows = self._rows[self.offset_rows : self.offset_rows + self._rows_in_sight]
        table = [self._row_line(row, drawn, layout, found).line(width) for row in rows]
        if self.searched:
            table = [paint.marked(line, self.searched) for line in table]
        return [*lines, self._heading(layout, width), *table, *below][:height]

    def _divided(self, width: int, found: Sequence[Finding]) -> _Layout:
        """The timeline in whole cells a second, as many as leave room for the figures and for flags."""
        has_asleep = any(row.gil is not None and (row.gil.asleep_pct or 0.0) >= _ASLEEP.much for row in self._rows)
        columns = (*_COLUMNS, _ASLEEP) if has_asleep else _COLUMNS
        room = width - 1 - _NAME - 1 - _TID - 2 - sum(column.width for column in columns) - 1
        wants_flag = self._stacks is not None or any(_flag_words(row.tid, found) for row in self._rows)
        flag = _LEAST_FLAG if wants_flag and room >= _LEAST_FLAG + 2 * SHOWN_S else 0
        cells_per_s = max(1, min(_MOST_CELLS_PER_S, (room - flag) // SHOWN_S))
        return _Layout(cells_per_s, columns, max(0, room - cells_per_s * SHOWN_S - 1) if flag else 0)

    def _drawn(self, layout: _Layout) -> Timeline | None:
        """The timeline; None where there is none but an estimate."""
        assert self._opened is not None  # noqa: S101 lines are made of what is opened
        process = self._opened.process
        if process.gil is None or process.gil.grade != "exact":
            return None
        return timeline(self._opened.history.moments(process.key), layout.cells_per_s)

    def _heading(self, layout: _Layout, width: int) -> Line:
        assert self._opened is not None  # noqa: S101 as above
        gil = self._opened.process.gil
        cells = layout.cells_per_s * SHOWN_S
        above = axis(layout.cells_per_s) if gil and gil.grade == "exact" else _longest(_BAR_HEADINGS, cells)
        line = LineBuilder().add(f" {'THREAD':{_NAME}} {'TID':>{_TID}}  {above}", "h")
        for column in layout.columns:
            line.add(f"{column.title:>{column.width}}", "h")
        return line.add(" " * max(0, width - line.length), "h").line(width)

    def _row_line(
        self, row: ThreadRow, drawn: Timeline | None, layout: _Layout, found: Sequence[Finding]
    ) -> LineBuilder:
        share, cells = row.gil, layout.cells_per_s * SHOWN_S
        flag = _flag_words(row.tid, found)
        is_quiet = _weight(share) < _LEAST_WEIGHT
        line = LineBuilder().add("▲" if flag and not layout.flag else " ", "y")
        line.add(text.fit(text.visible(self._called(row)), _NAME), "." if is_quiet else "b").add(" ")
        line.add(f"{row.tid:>{_TID}}", ".").add("  ")
        if share is not None and share.is_python is False:
            line.add(_longest(_NATIVE, cells), ".")
        elif drawn is not None:
            line.roles(*drawn.row(row.tid))
        else:
            line.roles(*_bar(row, cells))
        for column in layout.columns:
            value = getattr(share, column.attribute) if share is not None else None
            role = column.role if value is not None and value >= column.much else "."
            line.add(f"{text.points(value):>{column.width}}", role)
        if layout.flag:
            line.add(" ").join(self._flagged(row, flag, layout.flag))
        return line

    def _flagged(self, row: ThreadRow, flag: str, width: int) -> LineBuilder:
        """What is to be said of a thread: its finding, or where its Python was."""
        if flag:
            return LineBuilder().add(text.fit(f"▲ {flag}", width), "y")
        frames = self._frames_of(row.tid)
        return LineBuilder().add(text.fit(text.visible(f"in {frames[0]}") if frames else "", width), ".")

    def _called(self, row: ThreadRow) -> str:
        """Python's own name where py-spy told it, else that of the kernel (comm)."""
        known = self._stacks.threads.get(row.tid) if self._stacks else None
        return known.name if known and known.name else row.name

    def _frames_of(self, tid: int) -> tuple[str, ...]:
        known = self._stacks.threads.get(tid) if self._stacks else None
        return known.frames if known else ()

    def _now_lines(self, width: int) -> list[Line]:
        """Who holds it now, and what py-spy said of it."""
        assert self._opened is not None  # noqa: S101 as above
        process = self._opened.process
        if process.gil is None:
            line = self._stacks_line(None, width)
            return [line] if line is not None else []
        holder = process.gil.locks[0].holder if len(process.gil.locks) == 1 else None
        row = process.threads.get(holder or 0)
        line = gil_words.holder_line(process, width, self._called(row) if row else "")
        return [some for some in (line, self._stacks_line(holder, width)) if some is not None]

    def _stacks_line(self, holder: int | None, width: int) -> Line | None:
        assert self._opened is not None  # noqa: S101 as above
        process = self._opened.process
        line = LineBuilder().add(" " * finding_words.INDENT)
        if self.asking is not None:
            return line.add("py-spy is asked for the stacks", ".").line(width)
        if self._complaint:
            return line.add(text.visible(self._complaint), "y").line(width)
        if self._stacks is None:
            if self.app.player is not None:  # type: ignore[attr-defined]
                return None  # of a recording: there is nobody to ask
            if process.gil is None or process.gil.grade != "exact" or not process.gil.is_enabled:
                return None  # without the right to read its memory py-spy cannot help either
            return (
                line.add("y", "f").add(" asks py-spy for the Python stacks; the process is not paused", ".").line(width)
            )
        age_s = self._opened.snapshot.time - self._stacks_time
        return gil_words.stacks_line(self._stacks, self._frames_of(holder or 0), age_s, width)

    # -- py-spy ------------------------------------------------------------------------------------

    def ask_stacks(self) -> None:
        """Ask py-spy once, in a thread of its own: it may take its time, and must not hold up the end."""
        if self.asking is not None or self._opened is None:
            return
        process = self._opened.process
        by = next((tid for tid, row in process.threads.items() if row.state not in ENDED), None)
        self.asking = asked("py-spy", lambda: stacks.ask(process.pid, by=by), self._take)
        self.repaint()

    def _take(self, answer: Stacks | ThreadtopError) -> None:
        """What py-spy answered; after a failure what it said before still stands."""
        self.asking = None
        if isinstance(answer, stacks.Stacks):
            gil = self._opened.process.gil if self._opened else None
            self._stacks, self._complaint = answer.matched(gil.idents if gil else {}), ""
            self._stacks_time = self._opened.snapshot.time if self._opened else 0.0
        else:
            self._complaint = str(answer)
        self.repaint()


def _weight(share: GilShare | None) -> float:
    """How much a thread has to do with the GIL."""
    if share is None:
        return 0.0
    return (share.holds_pct or 0.0) + (share.wait_pct or 0.0) + (share.without_pct or 0.0) * _NATIVE_WEIGHT


def _longest(words: Sequence[str], width: int) -> str:
    """The first of some wordings, the longest first, that fits."""
    return text.fit(next((some for some in words if len(some) <= width), words[-1]), width)


def _flag_words(tid: int, found: Sequence[Finding]) -> str:
    """A thread's part in a finding, in short; "" for none, and for what concerns the process as a whole."""
    for finding in found:
        if tid in finding.tids and finding.kind in _FLAGS:
            victim, culprit = _FLAGS[finding.kind]
            return culprit if tid == finding.tids[-1] else victim
    return ""


def _bar(row: ThreadRow, cells: int) -> tuple[str, str]:
    """A second of a thread's life, as far as it can be told without a timeline."""
    waits = row.gil.wait_pct if row.gil else None
    parts = [((row.cpu_pct or 0.0) / 100, "█"), ((waits or 0.0) / 100, "W"), ((row.wait_pct or 0.0) / 100, "▒")]
    bar = text.meter(parts, cells, "·")
    return bar, bar.translate({ord("█"): "G", ord("W"): "W", ord("▒"): "w", ord("·"): "."})
