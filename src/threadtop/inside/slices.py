"""Slices: a long file of /proc read a bit at each refresh, from a descriptor that is kept open meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.procfs.reader import ProcReader

MOST_S: Final = 0.2  # of one reading on a clock


class Turn:
    """What one reading may take: ``budget_s`` of CPU time.  It begins when it is made."""

    def __init__(self, budget_s: float) -> None:
        """It begins now."""
        self._budget_s = budget_s
        self._begun_s = time.thread_time()

    def is_over(self, part: float = 1.0) -> bool:
        """Whether it is time to stop; ``part`` is how much of the budget may be taken."""
        return time.thread_time() - self._begun_s >= self._budget_s * part


class Slices:
    """``/proc/PID/task/TID/NAME`` piece by piece; what the kernel writes at once is a page at most (fs/seq_file.c)."""

    def __init__(self, reader: ProcReader, pid: int, tid: int, name: str) -> None:
        """Open it; raises GoneError or DeniedError.  Without a free descriptor there is nothing to read."""
        self._reader = reader
        self._name = name
        self._descriptor = reader.keep(pid, tid, name)
        self.spent_s = 0.0
        self.is_done = self._descriptor is None

    def pieces(self, turn: Turn) -> Iterator[bytes]:
        """What comes next, one piece at least, until the file ends or the turn is over; raises GoneError.

        The time that the caller takes between two counts.  It ends after MOST_S, too: a read may wait for a lock.
        """
        began = time.monotonic()
        try:
            while not self.is_done:
                piece = self._reader.read_on(self._descriptor, self._name) if self._descriptor is not None else b""
                if not piece:
                    self.close()
                    return
                yield piece
                if turn.is_over() or time.monotonic() - began >= MOST_S:
                    return
        finally:
            self.spent_s += time.monotonic() - began

    def close(self) -> None:
        """Read no further."""
        self.is_done = True
        if self._descriptor is not None:
            self._reader.drop(self._descriptor)
            self._descriptor = None
