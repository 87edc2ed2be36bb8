"""The screen of all findings of the machine, the worst first; Enter opens the process at the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from threadtop.tui import finding_words
from threadtop.tui.commands import FINDINGS, GLOBAL, Action, bindings
from threadtop.tui.findings_list import FindingsList
from threadtop.tui.footer import Footer
from threadtop.tui.screens import Title
from threadtop.tui.table_screen import TableScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from threadtop.snapshot import Finding, Snapshot


class FindingsScreen(TableScreen):
    """All findings."""

    ACTIONS: ClassVar[tuple[Action, ...]] = FINDINGS
    BINDINGS: ClassVar[list[Any]] = bindings(FINDINGS)

    def __init__(self, first: Finding | None = None) -> None:
        """All findings with the cursor on ``first``."""
        super().__init__()
        self._first = first
        self.list = FindingsList(names=True)
        self.footer = Footer((*FINDINGS, *GLOBAL))

    def compose(self) -> ComposeResult:
        """Title, list, footer."""
        yield Title("Findings, the worst first")
        yield self.list
        yield self.footer
        yield from self.place_line()

    def on_mount(self) -> None:
        """The list takes the keys."""
        self.list.focus()
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)
        if self._first is not None:
            self.list.choose(self._first)

    def show(self, snapshot: Snapshot) -> None:
        """The findings of a new snapshot."""
        self.list.show(snapshot.findings)
        self.footer.tick(self.list.position())

    def on_screen_resume(self) -> None:
        """Another screen lay on this one: bring it up to date."""
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    def focus_table(self) -> None:
        """The list takes the keys."""
        self.list.focus()

    def on_grid_moved(self) -> None:
        """Say where the cursor is."""
        self.footer.position = self.list.position()
        self.footer.repaint()

    def on_findings_list_opened(self, event: FindingsList.Opened) -> None:
        """Open the process at what the finding is made of."""
        found = event.finding
        if not self.app.open_process(found.pid, next(iter(found.tids), 0), finding_words.pane_of(found)):
            self.say(f"{found.process} has ended")

    def on_findings_list_asked(self, event: FindingsList.Asked) -> None:
        """Explain what it is about."""
        self.app.explain(event.finding)

    def action_back(self) -> None:
        """Back to the list of threads."""
        self.dismiss(None)
