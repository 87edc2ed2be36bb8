"""The passes that metrics are made of: a source that adds up what it reads, for a feed to read in its thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from threadtop.errors import DeniedError, GoneError
from threadtop.procfs import parse

if TYPE_CHECKING:
    from threadtop.interest import Interest
    from threadtop.metrics.families import Published
    from threadtop.metrics.totals import Totals
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample
    from threadtop.snapshot import Snapshot

CGROUP_PASSES: Final = 30  # after so many a process's cgroup is read again: it may have moved


class Sampled(Protocol):
    """A source that keeps the sample of its newest snapshot."""

    @property
    def sample(self) -> Sample | None:
        """The raw counters that the newest snapshot was made of."""

    def read(self, interest: Interest) -> Snapshot:
        """The next snapshot."""

    def close(self) -> None:
        """Give back what it holds."""


class Cgroups:
    """Paths of processes' cgroups (``/proc/PID/cgroup``), read at first sight and now and then."""

    def __init__(self, reader: ProcReader) -> None:
        """Nothing read yet."""
        self._reader = reader
        self._paths: dict[int, tuple[int, str]] = {}
        self._seen: dict[int, tuple[int, str]] = {}
        self._pass = 0

    def read(self, snapshot: Snapshot) -> dict[int, str]:
        """By pid the path of its cgroup, of version 2 or of the cpu controller; without those that may not be read."""
        self._pass += 1
        for pid in self._paths.keys() - snapshot.processes.keys():
            del self._paths[pid], self._seen[pid]
        for pid, row in snapshot.processes.items():
            seen = (row.start_ticks, row.command)
            known = self._paths.get(pid)
            if known is None or self._seen[pid] != seen or self._pass - known[0] >= CGROUP_PASSES:
                self._paths[pid], self._seen[pid] = (self._pass, self._path(pid)), seen
        return {pid: path for pid, (_, path) in self._paths.items() if path}

    def _path(self, pid: int) -> str:
        try:
            paths = parse.parse_cgroups(self._reader.read(pid, "cgroup"))
        except (GoneError, DeniedError, ValueError):
            return ""
        return paths.get("") or paths.get("cpu") or ""


class Passes:
    """A source whose passes are added up; what is to be scraped is in ``published``."""

    def __init__(self, live: Sampled, totals: Totals, cgroups: Cgroups | None = None) -> None:
        """Read ``live``; ``cgroups`` are read where groups are made by them."""
        self.published: Published | None = None
        self._live = live
        self._totals = totals
        self._cgroups = cgroups

    def read(self, interest: Interest) -> Snapshot:
        """One pass, added to the totals."""
        pids = self._totals.to_watch()
        snapshot = self._live.read(interest._replace(gil=pids, waits=pids) if pids else interest)
        sample = self._live.sample
        if sample is not None:
            paths = self._cgroups.read(snapshot) if self._cgroups is not None else {}
            self.published = self._totals.add(sample, snapshot, paths)
        return snapshot

    def close(self) -> None:
        """As the source's."""
        self._live.close()
