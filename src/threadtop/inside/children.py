"""The family of a process where the pass does not see it: attached runs read only what they are attached to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.procfs import parse

if TYPE_CHECKING:
    from threadtop.inside.asked import Asked
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

MOST: Final = 2000  # relatives
MOST_ANCESTORS: Final = 64


class Relative(NamedTuple):
    """A process that is an ancestor or descendant, by its ``stat``."""

    pid: int
    ppid: int
    name: str
    state: str
    threads: int


class ChildrenFacts(NamedTuple):
    """Ancestors and descendants that the pass did not read; ``is_cut``: there are more."""

    relatives: tuple[Relative, ...]
    is_cut: bool


class ChildrenReader:
    """Follows ``children`` of threads downwards and parents upwards."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader

    def read(self, asked: Asked, sample: Sample) -> ChildrenFacts:
        """The relatives as they are now."""
        if 1 in sample.processes:
            return ChildrenFacts((), is_cut=False)  # the pass saw them all
        found: dict[int, Relative] = {}
        self._climb(sample.processes[asked.pid].ppid, found)
        left = [asked.pid]
        seen = {asked.pid}
        while left and len(found) < MOST:
            for child in self._children(left.pop()):
                if child in seen:
                    continue
                seen.add(child)
                left.append(child)
                relative = self._relative(child)
                if relative is not None:
                    found[child] = relative
        known = sample.processes.keys()
        return ChildrenFacts(tuple(one for pid, one in found.items() if pid not in known), is_cut=bool(left))

    def close(self) -> None:
        """Nothing is kept."""

    def _climb(self, pid: int, found: dict[int, Relative]) -> None:
        for _ in range(MOST_ANCESTORS):
            relative = self._relative(pid) if pid > 0 and pid not in found else None
            if relative is None:
                return
            found[pid] = relative
            pid = relative.ppid

    def _relative(self, pid: int) -> Relative | None:
        try:
            stat = parse.parse_stat(self._reader.read(pid, "stat"))
        except (GoneError, DeniedError, ThreadtopError, OSError, ValueError, IndexError):
            return None
        return Relative(pid, stat.ppid, stat.name, stat.state, stat.num_threads)

    def _children(self, pid: int) -> list[int]:
        """Children are those of threads (proc(5), children): any thread may have started one."""
        found: list[int] = []
        try:
            for tid in self._reader.tids(pid):
                found += map(int, self._reader.read_task(pid, tid, "children").split())
        except (GoneError, DeniedError, ThreadtopError, OSError, ValueError):
            pass  # it has ended, or this kernel has no such file
        return found
