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
MOST_THREADS: Final = 256  # of one process that are asked for the children they have made


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
        if sample.is_whole:
            return ChildrenFacts((), is_cut=False)
        found: dict[int, Relative] = {}
        self._climb(sample.processes[asked.pid].ppid, found)
        left = [asked.pid]
        seen = {asked.pid}
        while left and len(found) < MOST:
            for child in children_of(self._reader, left.pop()):
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


def children_of(reader: ProcReader, pid: int, most_threads: int = MOST_THREADS) -> list[int]:
    """The children of a process: those of its threads (proc(5), children), any of which may have started one.

    There are none of one that has ended, nor where the kernel has no such file (CONFIG_PROC_CHILDREN).
    """
    found: list[int] = []
    try:
        tids = reader.tids(pid)[:most_threads]
    except (GoneError, DeniedError, ThreadtopError, OSError):
        return found
    for tid in tids:
        try:
            found += map(int, reader.read_task(pid, tid, "children").split())
        except (GoneError, DeniedError, ThreadtopError, OSError, ValueError):
            continue
    return found
