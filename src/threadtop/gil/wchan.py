"""The probe of a process whose memory may not be read: in which kernel function each thread sleeps (proc(5), wchan)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop.errors import GoneError
from threadtop.gil.bursts import Bursts
from threadtop.gil.probe import BLOCKED, RAN, WAITED, Probe

if TYPE_CHECKING:
    from threadtop.procfs.reader import ProcReader


class WchanProbe(Probe):
    """Estimate: whether each thread sleeps in a futex, any futex; a lens weighs that against its counters."""

    file = "wchan"
    period_s = 0.06  # an estimate needs 10 to 20 looks a second

    def __init__(self, reader: ProcReader, pid: int) -> None:
        """Look at ``pid``."""
        super().__init__(reader, pid)
        self.has_looks = False
        self.bursts = Bursts(reader, pid)
        self._exe = reader.link(pid, "exe")

    def _refresh(self) -> None:
        super()._refresh()
        if self._reader.link(self._pid, "exe") != self._exe:
            raise GoneError(self._exe)  # it runs another program now

    def look(self, now_ns: int) -> None:
        """As said of Probe."""
        if now_ns >= self._refresh_at:
            self._tend(now_ns)
        self.rounds += 1
        for thread in self._due(self.rounds):
            kind = self._judge(thread)
            if kind is not None:
                thread.credit(kind, self.rounds)

    def _classify(self, line: bytes) -> int:
        if line in (b"0", b""):  # it runs; or we may not know, and all read so
            return RAN
        self.has_looks = True
        return WAITED if line.startswith((b"futex", b"__futex")) else BLOCKED
