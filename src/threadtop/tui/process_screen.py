"""The screen of one process: a title, tabs, the open pane."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from threadtop import fields, text
from threadtop.interest import Interest
from threadtop.tui import finding_words, paint
from threadtop.tui.accents import BUSY_PCT
from threadtop.tui.commands import FINDINGS, GLOBAL, PROCESS, Action, bindings
from threadtop.tui.findings_list import FindingsList
from threadtop.tui.footer import Footer
from threadtop.tui.grid import Grid
from threadtop.tui.help import About
from threadtop.tui.paint import LineBuilder
from threadtop.tui.painted import Painted
from threadtop.tui.panes import PANES
from threadtop.tui.panes.gil import GilPane
from threadtop.tui.panes.pane import Opened
from threadtop.tui.panes.threads import ThreadsPane
from threadtop.tui.table_screen import TableScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from threadtop.snapshot import ProcessRow, Snapshot
    from threadtop.tui.paint import Line
    from threadtop.tui.panes.pane import Pane


class ProcessTitle(Painted):
    """Two lines: what the process is and does, and the tabs."""

    DEFAULT_CSS = "ProcessTitle { height: 2; dock: top; }"

    def __init__(self) -> None:
        """Nothing opened yet."""
        super().__init__()
        self.opened: Opened | None = None
        self.ended = False
        self.paused = False
        self.tab = 0

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The two lines."""
        del height
        if self.opened is None:
            return []
        tabs = LineBuilder().add(" ", "h")
        for index, pane in enumerate(PANES):
            tabs.add(f" {pane.NAME} ", "H" if index == self.tab else "h").add(" ", "h")
        tabs.add(" " * max(0, width - tabs.length), "h")
        return [self._identity(self.opened.process, width), tabs.line(width)]

    def _identity(self, row: ProcessRow, width: int) -> Line:
        name = LineBuilder().add(f" {text.visible(row.process)} {row.pid} ", "t")
        if self.ended:
            name.add(" ended: its last figures are kept ", "s").add(" ")
        if self.paused:
            name.add(" PAUSED ", "s").add(" ")
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


class ProcessScreen(TableScreen):
    """One process, in panes."""

    ACTIONS: ClassVar[tuple[Action, ...]] = (
        *PROCESS,
        Action("sort_move(-1)", "less_than_sign,comma", "<", "sort by the column to the left", ""),
        Action("sort_move(1)", "greater_than_sign,full_stop", ">", "sort by the column to the right", "sort"),
        Action("sort('cpu_pct')", "P", "P", "sort by CPU"),
        Action("sort('cpu_ns')", "T", "T", "sort by CPU time"),
        Action("sort('vol_per_s')", "S", "S", "sort by voluntary switches"),
        Action("sort('wait_pct')", "Q", "Q", "sort by run-queue wait"),
        Action("sort('gil_wait_pct')", "L", "L", "sort by waiting for the GIL"),
        Action("reverse", "R", "R", "reverse the order", "reverse"),
        Action("hide_idle", "i", "i", "hide idle threads, or show them", "idle"),
    )
    BINDINGS: ClassVar[list[Any]] = bindings(ACTIONS)

    def __init__(self, pid: int, tid: int, pane: str = "") -> None:
        """Open the process ``pid`` at ``pane``, with the cursor on ``tid`` if it is one of its threads."""
        super().__init__()
        names = [kind.NAME for kind in PANES]
        self._first_pane = names.index(pane) if pane in names else 0
        self.pid = pid
        self._first_tid = tid
        self._row: ProcessRow | None = None
        self.title_lines = ProcessTitle()
        self.panes: list[Pane] = [pane() for pane in PANES]
        self.footer = Footer((*self.ACTIONS, *GLOBAL))

    def compose(self) -> ComposeResult:
        """Title, panes of which one shows, footer."""
        yield self.title_lines
        self.title_lines.tab = self._first_pane
        for index, pane in enumerate(self.panes):
            pane.display = index == self._first_pane
            yield pane
        yield self.footer

    def on_mount(self) -> None:
        """The open pane takes the keys."""
        self.pane.focus()
        self._name_keys()
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)
        self._point_at(self._first_tid)
        self.app.look()

    def _point_at(self, tid: int) -> None:
        """The cursor on a thread, where the open pane has one."""
        pane = self.pane
        if isinstance(pane, Grid) and pane.table is not None and tid:
            place = [row.tid for row in pane.table.rows]
            if tid in place and len(place) > 1:
                pane.choose(place.index(tid))

    @property
    def pane(self) -> Pane:
        """The open pane."""
        return self.panes[self.title_lines.tab]

    def show(self, snapshot: Snapshot) -> None:
        """The process in a new snapshot; its last row once it has ended."""
        row = snapshot.processes.get(self.pid)
        was = self._row
        self.title_lines.ended = row is None or (was is not None and was.start_ticks != row.start_ticks)
        if not self.title_lines.ended:
            self._row = row
        if self._row is None:
            return
        opened = Opened(snapshot, self._row, self.app.history)
        self.title_lines.opened = opened
        self.title_lines.ended |= bool(self.app.status.ended)
        self.title_lines.paused = self.app.status.paused
        self.title_lines.repaint()
        self.pane.open(opened)
        self.footer.tick(self.pane.position())

    def interest(self, attached: frozenset[int] | None) -> Interest:
        """What the open pane needs."""
        near = frozenset({self.pid, *(attached or ())})
        return self.pane.interest(Interest(attached=attached, gil=near, waits=near), self.pid)

    def focus_table(self) -> None:
        """The open pane takes the keys."""
        self.pane.focus()

    def take_line(self, purpose: str, value: str) -> str:
        """Take the seconds between two refreshes; raises UsageError."""
        if purpose == "delay":
            return self.app.take_delay(value)
        return super().take_line(purpose, value)

    def on_grid_moved(self) -> None:
        """Read what came into sight."""
        self.footer.position = self.pane.position()
        self.footer.repaint()
        self.app.look()

    def on_findings_list_opened(self, event: FindingsList.Opened) -> None:
        """Turn to what the finding is made of."""
        found = event.finding
        if found.pid != self.pid:  # one that names several processes
            self.app.open_process(found.pid, next(iter(found.tids), 0), finding_words.pane_of(found))
            return
        names = [pane.NAME for pane in self.panes]
        self._turn_to(names.index(finding_words.pane_of(found)))
        self._point_at(next(iter(found.tids), 0))

    def on_findings_list_asked(self, event: FindingsList.Asked) -> None:
        """Explain what it is about."""
        self.app.explain(event.finding)

    def asked_about(self) -> About:
        """What help is about here: the column sorted by, or what the open pane shows."""
        if isinstance(self.pane, ThreadsPane):
            return About(field=self.pane.view.sort)
        return About(page=self.pane.PAGE)

    def action_back(self) -> None:
        """Back to the list."""
        self.dismiss(None)

    def _turn_to(self, index: int) -> None:
        was = self.pane
        chosen = was.chosen if isinstance(was, Grid) and was.cursor is not None else None
        was.display = False
        self.title_lines.tab = index % len(self.panes)
        self.pane.display = True
        self.pane.focus()
        self._name_keys()
        self.app.look()
        self.app.feed.hurry()
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)
        if chosen is not None:
            self._point_at(chosen.tid)

    def action_stacks(self) -> None:
        """Ask py-spy for the stacks, in the GIL pane."""
        if isinstance(self.pane, GilPane):
            self.pane.ask_stacks()
        else:
            self.say("y asks for Python's stacks in the GIL pane (Tab)")

    def _name_keys(self) -> None:
        actions = self.ACTIONS if isinstance(self.pane, ThreadsPane) else PROCESS
        if isinstance(self.pane, FindingsList):
            actions = (*PROCESS, *FINDINGS[1:])
        self.footer.name_keys((*actions, *GLOBAL))

    def action_next_pane(self) -> None:
        """The next pane."""
        self._turn_to(self.title_lines.tab + 1)

    def action_previous_pane(self) -> None:
        """The previous pane."""
        self._turn_to(self.title_lines.tab - 1)

    # -- the Threads pane's order ------------------------------------------------------------------

    def _change(self, **changes: Any) -> None:  # noqa: ANN401 fields of View
        pane = self.pane
        if isinstance(pane, ThreadsPane) and self.app.snapshot is not None:
            pane.view = replace(pane.view, **changes)
            self.show(self.app.snapshot)

    def action_sort(self, key: str) -> None:
        """Sort by a column."""
        if isinstance(self.pane, ThreadsPane):
            view = self.pane.view.sorted_by(key)
            self._change(sort=view.sort, descending=view.descending)

    def action_sort_move(self, by: int) -> None:
        """Sort by the column beside the present one."""
        if isinstance(self.pane, ThreadsPane):
            shown = [field.key for field, _ in self.pane.widths(self.pane.size.width)]
            keys = [key for key in shown if key in fields.BY_KEY]
            at = keys.index(self.pane.view.sort) if self.pane.view.sort in keys else -1 if by > 0 else 0
            if keys:
                self.action_sort(keys[(at + by) % len(keys)])

    def action_reverse(self) -> None:
        """Turn the order round."""
        if isinstance(self.pane, ThreadsPane):
            self._change(descending=not self.pane.view.descending)

    def action_hide_idle(self) -> None:
        """Idle threads in or out."""
        if isinstance(self.pane, ThreadsPane):
            self._change(hide_idle=not self.pane.view.hide_idle)
