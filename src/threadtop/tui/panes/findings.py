"""The Findings pane: what the numbers of one process say in words; each finding opens its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop import finding_text
from threadtop.interest import STATUS, WCHAN
from threadtop.tui.findings_list import FindingsList
from threadtop.tui.panes.pane import Opened, Pane

if TYPE_CHECKING:
    from threadtop.interest import Interest


class FindingsPane(FindingsList, Pane):
    """The findings about one process, problems first."""

    NAME = "Findings"
    PAGE = "evidence"

    def __init__(self) -> None:
        """Nothing opened yet."""
        super().__init__("in this process")

    def open(self, opened: Opened) -> None:
        """Show the process."""
        self.show([one for one in opened.snapshot.findings if finding_text.belongs_to(one, opened.process)])

    def interest(self, interest: Interest, pid: int) -> Interest:
        """What the rules look at: switches and what its threads are blocked on."""
        return interest._replace(waits=interest.waits | {pid}, needs=frozenset({STATUS, WCHAN}))
