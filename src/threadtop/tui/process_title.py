"""The title of an opened process: the way that led there, what it is and does, and the tabs of its panes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.tui import header, paint, panes
from threadtop.tui.accents import BUSY_PCT
from threadtop.tui.header import Status
from threadtop.tui.paint import LineBuilder
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.snapshot import ProcessRow
    from threadtop.tui.paint import Line
    from threadtop.tui.panes.pane import Opened

_TAB: Final = 3  # cells of a tab beside its name


class ProcessTitle(Painted):
    """Two lines: what the process is and does, and the tabs."""

    DEFAULT_CSS = "ProcessTitle { height: 2; dock: top; }"

    def __init__(self) -> None:
        """Nothing opened yet."""
        super().__init__()
        self.opened: Opened | None = None
        self.ended = False
        self.is_left = False
        self.status = Status()
        self.trail: Sequence[str] = ()
        self.tab = 0
        self.awaited = 0

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The two lines; of a process that is not read yet which one it is."""
        del height
        if self.opened is not None:
            return [self._identity(self.opened.process, width), tabs(panes.NAMES, self.tab, width)]
        if not self.awaited:
            return []
        name = self._steps().add(f" {self.awaited} ", "t").add(" is read from now on", ".")
        return [name.line(width), tabs(panes.NAMES, self.tab, width)]

    def _steps(self) -> LineBuilder:
        name = LineBuilder()
        for step in self.trail:
            name.add(f" {step} >", ".")
        return name

    def _identity(self, row: ProcessRow, width: int) -> Line:
        name = self._steps()
        name.add(f" {text.visible(row.process)} {row.pid} ", "t")
        if self.ended:
            name.add(" ended: its last figures are kept ", "s").add(" ")
        elif self.is_left:
            name.add(" no longer read: what was attached to has ended ", "s").add(" ")
        if self.status.paused:
            name.add(" PAUSED ", "s").add(" ")
        name.join(header.recording(self.status))
        threads = (
            LineBuilder().add(f"{row.thread_count}", "b").add(" thread" if row.thread_count == 1 else " threads", ".")
        )
        cpu_role = "g" if (row.cpu_pct or 0) >= BUSY_PCT else "b"
        cpu = LineBuilder().add("cpu ", ".").add(f"{text.percent(row.cpu_pct)} %", cpu_role)
        wait_role = "w" if (row.wait_pct or 0) >= BUSY_PCT else " "
        wait = LineBuilder().add("wait ", ".").add(f"{text.percent(row.wait_pct)} %", wait_role)
        switches = LineBuilder().add("switches/s ", ".").add(text.rate(row.vol_per_s), "v").add(" vol ", ".")
        switches.add(text.rate(row.invol_per_s), " ").add(" invol", ".")
        memory = LineBuilder().add("res ", ".").add(text.size(row.rss_bytes) if row.rss_bytes else text.UNKNOWN)
        user = LineBuilder().add(text.visible(row.user), ".")
        if name.length > width:
            return name.line(width)
        return paint.fitted([name, _python(row), threads, cpu, wait, switches, user, memory], width, gap=2)


def tabs(names: Sequence[str], chosen: int, width: int) -> Line:
    """The names of the panes; where there is no room for all, those around the open one, and signs that there are more.

    The names stay where they are while the open one moves among them: a part is turned over as a page is.
    """
    room = width - 2
    start, end = 0, _fitting(names, 0, room)
    while end <= chosen:
        start, end = end, _fitting(names, end, room)
    while end >= len(names) and start and _fitting(names, start - 1, room) == len(names):
        start -= 1  # the last part is filled up from the left
    line = LineBuilder().add("…" if start else " ", "h")
    for index in range(start, end):
        line.add(f" {names[index]} ", "H" if index == chosen else "h").add(" ", "h")
    line.add(" " * max(0, width - 1 - line.length), "h").add("…" if end < len(names) else " ", "h")
    return line.line(width)


def _fitting(names: Sequence[str], start: int, room: int) -> int:
    """Up to which of the names there is room, from ``start`` on; one at least."""
    end, used = start, 0
    while end < len(names) and (end == start or used + len(names[end]) + _TAB <= room):
        used += len(names[end]) + _TAB
        end += 1
    return end


def _python(row: ProcessRow) -> LineBuilder:
    """Which Python it is, and how well its GIL is known."""
    line = LineBuilder()
    if row.gil is not None:
        line.add(f"python {text.visible(row.gil.version)}".rstrip(), " ")
        if row.gil.is_enabled is False:
            line.add(" GIL off", ".")
        elif row.gil.grade != "none":
            line.add(f" GIL {row.gil.grade}", ".")
    return line
