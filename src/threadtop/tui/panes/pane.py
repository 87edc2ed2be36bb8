"""What a pane is: a painted widget with a name that shows one process of a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from threadtop.history import History
    from threadtop.interest import Interest
    from threadtop.snapshot import ProcessRow, Snapshot


class Opened(NamedTuple):
    """What a pane is given: the snapshot, the process's row in it (the last one, if it ``has_ended``) and the past."""

    snapshot: Snapshot
    process: ProcessRow
    history: History
    has_ended: bool = False


class Pane(Painted):
    """A pane; ``NAME`` is its tab, ``PAGE`` the page that the help on it begins with."""

    NAME: ClassVar[str]
    PAGE: ClassVar[str]
    searched: str
    is_part = False
    """Whether what it shows is not all there is: keys turn to the other parts."""

    def open(self, opened: Opened) -> None:
        """Show the process as it is now."""
        raise NotImplementedError

    def interest(self, interest: Interest, pid: int) -> Interest:
        """``interest`` with what this pane needs read of its process."""
        raise NotImplementedError

    def look_for(self, words: str, step: int) -> bool:
        """Go to the next place (step 1, -1 for the one before) that holds ``words``; False if none does."""
        raise NotImplementedError

    def copied(self) -> str:
        """What Y copies: the value under the cursor, "" for none."""
        raise NotImplementedError

    def position(self) -> str:
        """Where its reader stands, for the footer."""
        return ""
