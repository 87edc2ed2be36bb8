"""Why there is little to say of a process: it has ended, or is a thread of the kernel; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop.sample import ENDED

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, ThreadRow


def has_ended(process: ProcessRow) -> bool:
    """Whether all of its threads have ended; the main one alone may do so long before the others."""
    return process.state in ENDED and all(map(is_over, process.threads.values()))


def is_over(thread: ThreadRow) -> bool:
    """Whether a thread has ended and is still listed."""
    return thread.state in ENDED


def why(process: ProcessRow, kernel: str, ended: str) -> tuple[str, ...]:
    """A note for a pane: ``kernel`` of a thread of the kernel, ``ended`` of a process that has."""
    if process.kernel:
        return (f"a thread of the kernel: {kernel}",)
    if has_ended(process):
        return (f"it has ended, and its parent {process.ppid} has not reaped it yet: {ended}",)
    return ()
