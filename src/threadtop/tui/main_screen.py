"""The main screen: header, grid and footer, and what their keys do."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from threadtop import fields, filters, query, text
from threadtop.errors import UsageError
from threadtop.interest import Interest
from threadtop.snapshot import GroupRow, ProcessRow, ThreadRow
from threadtop.tui import finding_words
from threadtop.tui.commands import GLOBAL, MAIN, MOVES, Action, bindings
from threadtop.tui.footer import Footer
from threadtop.tui.grid import Grid
from threadtop.tui.header import Header
from threadtop.tui.screens import ChoiceScreen, ColumnsScreen
from threadtop.tui.table_screen import TableScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from threadtop.query import View
    from threadtop.snapshot import Key, Snapshot

HOLD_S: Final = 3.0  # after the cursor was moved, rows keep their places so long


class MainScreen(TableScreen):
    """All threads of the machine, or of what threadtop is attached to."""

    ACTIONS: ClassVar[tuple[Action, ...]] = MAIN
    BINDINGS: ClassVar[list[Any]] = bindings(MAIN)

    def __init__(self, view: View, *, per_core: bool = False) -> None:
        """Begin with ``view``."""
        super().__init__()
        self.view = view
        self.header = Header()
        self.header.per_core = per_core
        self.grid = Grid()
        self.footer = Footer((*MOVES[1:2], *MAIN, *GLOBAL))
        self._held_until = 0.0
        self._steady = query.Steady()
        self._before_search: tuple[Key | None, int, int] = None, 0, 0

    def compose(self) -> ComposeResult:
        """Header, grid, footer."""
        yield self.header
        yield self.grid
        yield self.footer
        yield from self.place_line()

    def on_mount(self) -> None:
        """The grid takes the keys."""
        self.grid.focus()
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    def on_resize(self) -> None:
        """On a lower screen the header takes fewer lines."""
        self.header.fit_height()

    def on_screen_resume(self) -> None:
        """Another screen lay on this one: bring it up to date."""
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    # -- showing -----------------------------------------------------------------------------------

    def show(self, snapshot: Snapshot) -> None:
        """A new snapshot, or the same one looked at in another way."""
        snapshot = self.app.of_targets(snapshot)
        held: list[Key] | None = None
        if time.monotonic() < self._held_until and self.grid.table is not None:
            held = [row.key for row in self.grid.table.rows]
        self._forget(snapshot)
        self.grid.knows_gil = self.grid.knows_gil or any(row.gil is not None for row in snapshot.processes.values())
        self.header.show(snapshot, self.app.status)
        self.grid.named = finding_words.named(snapshot.findings)
        self.grid.show(query.table(snapshot, self.view, held, self._steady))
        self.footer.tick(self._position())

    def _forget(self, snapshot: Snapshot) -> None:
        """Let go of tagged and followed rows that have ended: this is the last snapshot that has them."""
        if not self.grid.tagged and self.grid.followed is None:
            return
        ended: dict[Key, str] = {row.key: row.name for row in snapshot.gone}
        for process in (*snapshot.processes.values(), *snapshot.gone):
            ended.update((row.key, row.name) for row in process.gone)
            if process.mark == "gone":
                ended.update((row.key, row.name) for row in process.threads.values())
        self.grid.tagged -= ended.keys()
        if self.grid.followed in ended:
            self.say(f"{ended[self.grid.followed]} has ended: no longer following")
            self.grid.followed = None

    def interest(self, attached: frozenset[int] | None) -> Interest:
        """What is in sight, and what its columns need read."""
        visible = frozenset(
            (row.pid, row.tid or row.pid)
            for row in self.grid.rows_in_sight()
            if not isinstance(row, GroupRow) and row.mark != "gone"
        )
        shown = tuple(field.key for field, _ in self.grid.widths(self.grid.size.width))
        # GILs and waits are watched where somebody looks: watching all processes would cost too much.
        chosen = self.grid.chosen if self.grid.cursor is not None else None
        watched = {chosen.pid} if chosen is not None and chosen.pid > 0 and not chosen.kernel else set()
        return Interest(
            visible,
            attached,
            replace(self.view, columns=shown or self.view.columns).needs(),
            gil=frozenset(watched) | (attached or frozenset()),
            waits=frozenset(watched) | (attached or frozenset()),
        )

    def _position(self) -> str:
        table = self.grid.table
        if table is None:
            return ""
        first = self.grid.offset_rows
        last = min(first + self.grid.body_height, len(table.rows))
        what = [f"{text.thousands(min(first + 1, last))}-{text.thousands(last)} of {text.thousands(len(table.rows))}"]
        if self.view.filter is not None:
            what.insert(0, f"filter: {self.view.filter.source}")
        if self.view.user is not None:
            what.insert(0, f"user: {self.view.user}")
        if self.grid.tagged:
            what.insert(0, f"{len(self.grid.tagged)} tagged")
        return "  ".join(what)

    def change(self, view: View, said: str = "") -> None:
        """Look in another way from now on."""
        self.view = view
        self._held_until = 0.0
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)
        self.app.look()
        if said:
            self.say(said)

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """While the user moves, the order holds still, and what comes into sight is read."""
        if event.by_hand:
            self._held_until = time.monotonic() + HOLD_S
        self.footer.position = self._position()
        self.footer.repaint()
        self.app.look()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Open the process of a row; a group folds and unfolds."""
        row = event.row
        if isinstance(row, GroupRow):
            self._set_folded(row.key, folded=not self.view.is_folded(row.key))
        elif not self.app.open_process(row.pid, row.tid):
            self.say(f"{row.name} has ended")

    def on_grid_heading_clicked(self, event: Grid.HeadingClicked) -> None:
        """Sort by it, or turn the order round."""
        if event.key == self.view.sort:
            self.action_reverse()
        else:
            self.action_sort(event.key)

    # -- order and layout --------------------------------------------------------------------------

    def action_sort(self, key: str) -> None:
        """Sort by a column."""
        self.grid.release()
        self.change(self.view.sorted_by(key), f"sorted by {fields.BY_KEY[key].title}")

    def action_sort_menu(self) -> None:
        """Choose the column to sort by."""
        entries = [(field.key, field.title, field.help) for field in fields.FIELDS]

        def take(key: str | None) -> None:
            if key is not None:
                self.action_sort(key)

        self.app.push_screen(ChoiceScreen("Sort by", entries, self.view.sort), take)

    def action_sort_move(self, by: int) -> None:
        """Sort by the column beside the present one, among those in sight."""
        keys = [field.key for field, _ in self.grid.widths(self.grid.size.width)]
        at = keys.index(self.view.sort) if self.view.sort in keys else -1 if by > 0 else 0
        if keys:
            self.action_sort(keys[(at + by) % len(keys)])

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.grid.release()
        self.change(replace(self.view, descending=not self.view.descending))

    def action_tree(self) -> None:
        """Tree or flat list."""
        layout: query.Layout = "flat" if self.view.layout == "tree" else "tree"
        view = replace(self.view, layout=layout, threads=True, folded=frozenset(), all_folded=False)
        self.change(view, f"layout: {layout}")

    def action_group(self) -> None:
        """The next layout."""
        layouts = query.LAYOUTS
        layout = layouts[(layouts.index(self.view.layout) + 1) % len(layouts)]
        names = {"programs": "grouped by program", "names": "grouped by thread name"}
        folded = layout in names
        view = replace(self.view, layout=layout, threads=True, folded=frozenset(), all_folded=folded)
        self.change(view, f"layout: {names.get(layout, layout)}")

    def action_threads(self) -> None:
        """Threads on or off."""
        self.change(replace(self.view, threads=not self.view.threads))

    def _set_folded(self, key: Key, *, folded: bool) -> None:
        if self.view.is_folded(key) != folded:
            self.change(replace(self.view, folded=self.view.folded ^ {key}))

    def _heading_key(self) -> Key | None:
        """The heading the cursor is on or under."""
        row = self.grid.chosen
        if self.view.layout == "flat" or not self.view.threads:
            return None
        if isinstance(row, (ProcessRow, GroupRow)):
            return row.key
        snapshot = self.app.snapshot
        if isinstance(row, ThreadRow) and snapshot is not None:
            if self.view.layout == "tree" and row.pid in snapshot.processes:
                return snapshot.processes[row.pid].key
            if self.grid.table is not None:
                label = query.group_label(row, self.view.layout)
                return next((r.key for r in self.grid.table.rows if isinstance(r, GroupRow) and r.label == label), None)
        return None

    def action_fold(self) -> None:
        """Fold the heading of the chosen row."""
        key = self._heading_key()
        if key is not None:
            self.grid.cursor = key
            self._set_folded(key, folded=True)

    def action_unfold(self) -> None:
        """Unfold the chosen heading."""
        key = self._heading_key()
        if key is not None:
            self._set_folded(key, folded=False)

    def action_fold_all(self) -> None:
        """Fold or unfold everything."""
        self.change(replace(self.view, folded=frozenset(), all_folded=not self.view.all_folded))

    def action_columns(self) -> None:
        """Pick, hide and reorder columns."""

        def take(columns: tuple[str, ...] | None) -> None:
            if columns:
                self.change(replace(self.view, columns=columns), "W keeps this choice")

        self.app.push_screen(ColumnsScreen(self.view.columns), take)

    def action_full_command(self) -> None:
        """Whole command lines or names."""
        self.change(replace(self.view, full_command=not self.view.full_command))

    def action_per_machine(self) -> None:
        """%CPU of a core or of the machine."""
        view = replace(self.view, per_machine=not self.view.per_machine)
        self.change(view, "%CPU: 100 is the whole machine" if view.per_machine else "%CPU: 100 is one core")

    def action_per_core(self) -> None:
        """A meter for each CPU."""
        self.header.per_core = not self.header.per_core
        self.change(self.view)

    # -- choosing rows -----------------------------------------------------------------------------

    def action_hide_idle(self) -> None:
        """Idle threads in or out."""
        self.change(replace(self.view, hide_idle=not self.view.hide_idle))

    def action_hide_kernel(self) -> None:
        """Kernel threads in or out."""
        view = replace(self.view, hide_kernel=not self.view.hide_kernel)
        self.change(view, "kernel threads hidden" if view.hide_kernel else "kernel threads shown")

    def action_clear(self) -> None:
        """Lift every limit."""
        self.grid.searched = ""
        view = replace(self.view, filter=None, user=None, hide_idle=False, hide_kernel=False)
        self.change(view, "limits cleared")

    def action_release(self) -> None:
        """Let the cursor go."""
        self.grid.searched = ""
        self.grid.release()
        self.change(self.view)

    def action_tag(self) -> None:
        """Tag the chosen row and go on to the next."""
        row = self.grid.chosen
        if row is not None:
            self.grid.tagged ^= {row.key}
            self.grid.action_move(1)

    def action_untag(self) -> None:
        """Remove all tags."""
        self.grid.tagged.clear()
        self.change(self.view, "tags removed")

    def action_pane(self, name: str) -> None:
        """Open the process of the chosen row at a pane."""
        row = self.grid.chosen
        if row is not None and row.pid > 0 and not self.app.open_process(row.pid, row.tid, name):
            self.say(f"process {row.pid} has ended")

    def action_findings(self) -> None:
        """All findings; a single one opens its process at them straight."""
        self.app.open_findings()

    def action_follow(self) -> None:
        """Keep the page on the chosen thread, or stop that."""
        row = self.grid.chosen
        if self.grid.followed is not None:
            self.grid.followed = None
            self.change(self.view, "no longer following")
        elif row is not None:
            self.grid.cursor = self.grid.followed = row.key
            self.change(self.view, f"following {row.name}; F or a move ends it")

    # -- typing ------------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Search in names."""
        self._before_search = self.grid.cursor, self.grid.cursor_index, self.grid.offset_rows
        self.ask("search", "search", "a name, a command or a pid")

    def action_filter(self) -> None:
        """Filter by an expression."""
        now = self.view.filter.source if self.view.filter else ""
        self.ask("filter", "filter", "cpu>5 user=www name~worker state=R,D", now)

    def action_user(self) -> None:
        """Only one user's processes."""
        self.ask("user", "user", "a name or a uid; empty for all", self.view.user or "")

    def look_at_line(self, purpose: str, value: str) -> str:
        """Search as it is typed, always from where the search began."""
        if purpose != "search":
            return ""
        self.grid.searched = value
        found = not value or self.grid.find(value, self._before_search[1], 1)
        self.grid.repaint()
        return "" if found else "no row has it"

    def take_line(self, purpose: str, value: str) -> str:
        """Take what was typed; raises UsageError if it makes no sense."""
        if purpose == "filter":
            self.change(replace(self.view, filter=filters.parse_filter(value)))
        elif purpose == "user":
            self._check_user(value)
            self.change(replace(self.view, user=value or None))
        elif purpose == "search":
            self.grid.searched = value
            if value and not self.grid.find(value, self._before_search[1], 1):
                return f"no row has {value!r}"
        else:
            return super().take_line(purpose, value)
        return ""

    def _check_user(self, wanted: str) -> None:
        snapshot = self.app.snapshot
        if wanted and snapshot is not None:
            users = {row.user for row in snapshot.processes.values()}
            if wanted not in users and wanted not in {str(row.uid) for row in snapshot.processes.values()}:
                message = f"no process of user {wanted!r}"
                raise UsageError(message, f"there are {', '.join(sorted(users)[:4])}")

    def leave_line(self, purpose: str) -> None:
        """Put the cursor back where the search began."""
        if purpose == "search":
            self.grid.searched = ""
            self.grid.cursor, self.grid.cursor_index, self.grid.offset_rows = self._before_search
            self.change(self.view)

    def action_search_next(self) -> None:
        """The next match."""
        self._search_on(1)

    def action_search_previous(self) -> None:
        """The previous match; without a search, sort by PID as top's N does."""
        if self.grid.searched:
            self._search_on(-1)
        else:
            self.action_sort("pid")

    def _search_on(self, step: int) -> None:
        wanted = self.grid.searched
        if not wanted:
            self.say("nothing is searched for yet: / searches")
        elif not self.grid.find(wanted, self.grid.cursor_index + step, step):
            self.say(f"no row has {wanted!r}")
