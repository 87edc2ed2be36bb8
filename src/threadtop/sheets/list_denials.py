"""What is missing in the panes that are lists of rows, threads and findings, and the rule that hides it; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.inside.asked import Denial

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow

_ASLEEP: Final = frozenset("SD")


def denials(process: ProcessRow) -> tuple[Denial, ...]:
    """Why what its threads wait for is not known: ``syscall`` and their memory, and where those hide, ``wchan``."""
    denied = [row for row in process.threads.values() if row.blocked is not None and row.blocked.why_not]
    if not denied:
        return ()
    rule = denied[0].blocked.why_not if denied[0].blocked is not None else ""
    whole = any(row.state in _ASLEEP and not row.reason and not row.wchan for row in denied)
    return tuple(Denial(what, rule, _remedy(process, rule)) for what in ("syscall", *(("wchan",) if whole else ())))


def _remedy(process: ProcessRow, rule: str) -> str:
    """The least that lifts a rule, where the watch of locks or of the GIL has met it, too; "" otherwise."""
    told = (process.locks, process.gil)
    return next((one.remedy for one in told if one is not None and one.why_not == rule), "")
