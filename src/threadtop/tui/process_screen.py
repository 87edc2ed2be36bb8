"""The screen of one process: a title, tabs, the open pane."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from threadtop import fields
from threadtop.interest import Interest
from threadtop.tui import _compat, finding_words, panes
from threadtop.tui.commands import FINDINGS, GLOBAL, PROCESS, Action, bindings
from threadtop.tui.findings_list import FindingsList
from threadtop.tui.footer import Footer
from threadtop.tui.grid import Grid
from threadtop.tui.help import About
from threadtop.tui.panes.gil import GilPane
from threadtop.tui.panes.pane import Opened
from threadtop.tui.panes.sheet import SheetPane
from threadtop.tui.panes.stacks import StacksPane
from threadtop.tui.panes.threads import ThreadsPane
from threadtop.tui.process_title import ProcessTitle
from threadtop.tui.table_screen import TableScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from threadtop.snapshot import ProcessRow, Snapshot
    from threadtop.tui.panes.pane import Pane


_THREAD: Final = "Thread"
_MOST_STEPS: Final = 4  # of the trail that are shown
_MOST_WAITS: Final = 3  # snapshots without a process that is to be read from now on


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
        self._first_pane = panes.NAMES.index(pane) if pane in panes.NAMES else 0
        self.pid = pid
        self._first_tid = tid
        self._row: ProcessRow | None = None
        self._awaited: list[Snapshot] = []  # those it was not in, before its first
        self._are_parts_named = False
        self.title_lines = ProcessTitle()
        self.panes: list[Pane] = panes.made()
        self.footer = Footer((*self.ACTIONS, *GLOBAL))

    def compose(self) -> ComposeResult:
        """Title, panes of which one shows, footer."""
        yield self.title_lines
        self.title_lines.tab = self._first_pane
        for index, pane in enumerate(self.panes):
            pane.display = index == self._first_pane
            yield pane
        yield self.footer
        yield from self.place_line()

    def on_mount(self) -> None:
        """The open pane takes the keys."""
        self.pane.focus()
        self._name_keys()
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)
        self._point_at(self._first_tid)
        self.app.look()

    def on_screen_resume(self) -> None:
        """Another screen lay on this one: what is read is this one's again, at once."""
        if self.title_lines.opened is not None and self.app.snapshot is not None:
            self.show(self.app.snapshot)
            self.app.look()
            self.app.feed.hurry()

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
            self._wait_for_it(snapshot)
            return
        if self.app.status.ended:  # what was attached to: nothing more is read, of a relative that was opened neither
            self.title_lines.ended |= self.pid in (self.app.options.pids or {self.pid})
            self.title_lines.is_left = not self.title_lines.ended
        opened = Opened(snapshot, self._row, self.app.history, self.title_lines.ended)
        self.title_lines.opened = opened
        self.title_lines.status = self.app.status
        self.title_lines.trail = self._trail()
        self.title_lines.repaint()
        self.pane.open(opened)
        if self.pane.is_part is not self._are_parts_named:  # only what was read tells
            self._name_keys()
        self.footer.tick(self.pane.position())

    def _wait_for_it(self, snapshot: Snapshot) -> None:
        """One that was not read before is in the next snapshot but one at the latest, or has ended."""
        self.title_lines.awaited = self.pid
        self.title_lines.trail = self._trail()
        self.title_lines.repaint()
        if any(one is snapshot for one in self._awaited):
            return
        self._awaited.append(snapshot)
        if len(self._awaited) > _MOST_WAITS:
            self.dismiss(None)
            self.app.call_after_refresh(self.app.say, f"process {self.pid} has ended, or may not be read")
        self.app.feed.hurry()

    def _trail(self) -> list[str]:
        """The processes that led here, the latest ones where there are many."""
        below = [screen for screen in self.app.screen_stack if isinstance(screen, ProcessScreen) and screen is not self]
        return [str(screen.pid) for screen in below][-_MOST_STEPS:]

    def interest(self, attached: frozenset[int] | None) -> Interest:
        """What the open pane needs."""
        near = frozenset({self.pid, *(attached or ())})
        return self.pane.interest(
            Interest(attached=near if attached is not None else None, gil=near, waits=near), self.pid
        )

    def focus_table(self) -> None:
        """The open pane takes the keys."""
        self.pane.focus()

    def take_line(self, purpose: str, value: str) -> str:
        """Search for what was typed; raises UsageError."""
        if purpose == "search":
            return "" if not value or self.pane.look_for(value, 0) else self._missed(value)
        return super().take_line(purpose, value)

    def look_at_line(self, purpose: str, value: str) -> str:
        """Search while it is typed."""
        if purpose == "search" and value:
            return "" if self.pane.look_for(value, 0) else "not found"
        return ""

    def leave_line(self, purpose: str) -> None:
        """Mark what was searched for no longer."""
        if purpose == "search":
            self.pane.searched = ""
            self.pane.repaint()

    def action_search(self) -> None:
        """Search in the open pane."""
        self.ask("search", "search", "what to look for in this pane", self.pane.searched)

    def action_search_next(self) -> None:
        """The next match."""
        self._search_again(1)

    def action_search_previous(self) -> None:
        """The match before."""
        self._search_again(-1)

    def _search_again(self, step: int) -> None:
        if not self.pane.searched:
            self.say("nothing is searched for yet: / searches")
        elif not self.pane.look_for(self.pane.searched, step):
            self.say(self._missed(self.pane.searched))

    def _missed(self, words: str) -> str:
        where = "this part: [ and ] turn to the others" if self.pane.is_part else "this pane"
        return f"{words!r} is nowhere in {where}"

    def action_copy(self) -> None:
        """Copy what the cursor is on."""
        value = self.pane.copied()
        if value:
            self.say(f"{_compat.copy(self.app, value)} bytes handed to the terminal's clipboard (OSC 52)")
        else:
            self.say("nothing to copy here")

    def on_grid_moved(self) -> None:
        """Read what came into sight."""
        self.footer.position = self.pane.position()
        self.footer.repaint()
        self.app.look()

    def on_sheet_pane_linked(self, event: SheetPane.Linked) -> None:
        """Go to a thread or pane of this process, or to another process; Esc comes back."""
        link = event.link
        if link.pid == self.pid:
            self.look_into(link.tid, link.pane or _THREAD)
        elif not self.app.open_process(link.pid, link.tid, link.pane, attach=True):
            what = "is not read while paused: Z goes on" if self.app.status.paused else "is not there (any more)"
            self.say(f"process {link.pid} {what}")

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter on a thread: all that is known of it."""
        if event.row.tid:
            self.look_into(event.row.tid, _THREAD)

    def look_into(self, tid: int, pane: str) -> None:
        """Turn to the pane of that name, about a thread."""
        if pane in panes.NAMES:
            at = panes.NAMES.index(pane)
            target = self.panes[at]
            if isinstance(target, SheetPane) and tid:
                target.tid = tid
            self._turn_to(at)
            self._point_at(tid)

    def on_findings_list_opened(self, event: FindingsList.Opened) -> None:
        """Turn to what the finding is made of."""
        found = event.finding
        if found.pid != self.pid:  # one that names several processes
            self.app.open_process(found.pid, next(iter(found.tids), 0), finding_words.pane_of(found))
            return
        self.look_into(next(iter(found.tids), 0), finding_words.pane_of(found))

    def on_findings_list_asked(self, event: FindingsList.Asked) -> None:
        """Explain what it is about."""
        self.app.explain(event.finding)

    def asked_about(self) -> About:
        """What help is about here: the column sorted by, or what the open pane shows."""
        if isinstance(self.pane, ThreadsPane):
            return About(field=self.pane.view.sort)
        if isinstance(self.pane, SheetPane):
            chosen = self.pane.chosen
            return About(page=self.pane.PAGE, kind=self.pane.kind, term=chosen.key if chosen is not None else "")
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

    def action_pane(self, name: str) -> None:
        """Turn to a pane."""
        self.look_into(0, name)

    def action_stacks(self) -> None:
        """Ask py-spy for the stacks, in the GIL pane."""
        if self.app.player is not None:
            self.say("this is a recording: there is no process to ask")
        elif isinstance(self.pane, (GilPane, StacksPane)):
            self.pane.ask_stacks()
        else:
            self.look_into(0, "Stacks")
            self.say("y asks for Python's stacks; the process is not paused")

    def _name_keys(self) -> None:
        actions = self.ACTIONS if isinstance(self.pane, ThreadsPane) else PROCESS
        if isinstance(self.pane, FindingsList):
            actions = (*PROCESS, *FINDINGS[1:])
        elif isinstance(self.pane, SheetPane):
            actions = (*self.pane.actions(), *PROCESS)
        self._are_parts_named = self.pane.is_part
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
