"""Slices: a long file of /proc read a bit at each refresh, from a descriptor that is kept open meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.procfs.reader import ProcReader


class Slices:
    """``/proc/PID/task/TID/NAME`` piece by piece; what the kernel writes at once is a page at most (fs/seq_file.c)."""

    def __init__(self, reader: ProcReader, pid: int, tid: int, name: str) -> None:
        """Open it; raises GoneError or DeniedError.  Without a free descriptor there is nothing to read."""
        self._reader = reader
        self._name = name
        self._descriptor = reader.keep(pid, tid, name)
        self.spent_s = 0.0
        self.is_done = self._descriptor is None

    def pieces(self, budget_s: float) -> Iterator[bytes]:
        """What comes next, until the file ends or ``budget_s`` of CPU time are over; raises GoneError.

        The time that the caller takes between two counts.  On a busy machine it ends after twice the time, too.
        """
        begun, began = time.thread_time(), time.monotonic()
        try:
            while not self.is_done:
                piece = self._reader.read_on(self._descriptor, self._name) if self._descriptor is not None else b""
                if not piece:
                    self.close()
                    return
                yield piece
                if time.thread_time() - begun >= budget_s or time.monotonic() - began >= 2 * budget_s:
                    return
        finally:
            self.spent_s += time.monotonic() - began

    def close(self) -> None:
        """Read no further."""
        self.is_done = True
        if self._descriptor is not None:
            self._reader.drop(self._descriptor)
            self._descriptor = None
