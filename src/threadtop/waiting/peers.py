"""Peers: which process holds the other end of a pipe or a Unix socket, by the links in ``/proc/PID/fd``.

Nothing in the kernel leads from an end to the other's holder: processes are gone through, the relatives first, for
pipes are inherited.  So many links are read in a tick and no more; what is not found yet is found in a later one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import ProcessSample

MOST_LINKS: Final = 400  # read in a tick: 2 us each
AT_ONCE_LINKS: Final = 1 << 19  # where there is but one
DIRECTORY_LINKS: Final = 10  # what opening and listing a folder costs, in links
MOST_OF_ONE: Final = 1024  # links of one process: the end is not sought beyond
MOST_SEARCHES: Final = 512
FRESH_TICKS: Final = 5  # links read so many ticks before a search began need not be read again
AGAIN_TICKS: Final = 30  # what was found holds for so long; then it is looked at first
LATER_TICKS: Final = 300  # nor is what was not found looked for sooner
MOST_KNOWN: Final = 512  # processes whose links are kept
ITSELF: Final = "itself"


class Held(NamedTuple):
    """Who holds an end: ``name[pid]``, ``itself``, or "" not known; ``is_settled``: all were looked at."""

    words: str
    is_settled: bool


class _Links(NamedTuple):
    """A process's ends: its descriptors by the text of their links."""

    start_ticks: int
    tick: int
    ends: Mapping[str, tuple[int, ...]]


class _Holder(NamedTuple):
    """A process that holds an end."""

    pid: int
    start_ticks: int
    name: str


class _Search:
    """One search for the holder of an end: who is still to be looked at, and what was found."""

    __slots__ = ("began", "found", "is_own", "left")

    def __init__(self, began: int, left: deque[int]) -> None:
        """Look at the pids of ``left`` in this order."""
        self.began = began
        self.left = left
        self.found: _Holder | None = None
        self.is_own = False


class Peers:
    """Finds holders, a few links in each tick."""

    def __init__(self, reader: ProcReader) -> None:
        """Read links through ``reader``."""
        self._reader = reader
        self._tick = 0
        self._processes: Mapping[int, ProcessSample] = {}
        self._links: dict[int, _Links] = {}
        self._searches: dict[tuple[str, int, bool | None], _Search] = {}
        self._links_left = 0
        self._is_whole = True
        self._children: dict[int, list[int]] | None = None
        self._listed: list[int] | None = None

    def begin(self, processes: Mapping[int, ProcessSample], *, is_whole: bool = True, at_once: bool = False) -> None:
        """A new tick, with these processes; not ``is_whole``: there are others, which have to be listed.

        ``at_once``: all are looked at in this tick.
        """
        self._tick += 1
        self._processes = processes
        self._is_whole = is_whole
        self._listed = None
        self._links_left = AT_ONCE_LINKS if at_once else MOST_LINKS
        self._children = None
        if len(self._searches) > MOST_SEARCHES:
            self._searches.clear()
        if len(self._links) > MOST_KNOWN:
            self._links.clear()

    def holder(self, end: str, pid: int, *, writes: bool | None = None) -> Held:
        """Another process than ``pid`` that holds ``end`` (``pipe:[7]``), as ``name[pid]``.

        ``writes``: it must have it open for writing (True) or for reading (False).  ``itself`` if only ``pid`` has
        the other end, too.
        """
        key = end, pid, writes
        search = self._searches.get(key)
        if search is None or self._is_over(search):
            last = search.found if search is not None else None
            search = self._searches[key] = _Search(self._tick, self._order(pid, last.pid if last else pid))
        while search.left and search.found is None and self._links_left > 0:
            self._look(search, end, pid, search.left.popleft(), writes=writes)
        if search.found is not None:
            return Held(f"{search.found.name}[{search.found.pid}]", is_settled=True)
        return Held(ITSELF if search.is_own and not search.left else "", is_settled=not search.left)

    def name(self, pid: int) -> str:
        """The name of a process, also of one that was left out of the pass; "" if it is gone."""
        process = self._processes.get(pid)
        if process is not None or self._is_whole:
            return process.name if process is not None else ""
        try:
            return self._reader.read(pid, "comm").rstrip(b"\n").decode("utf-8", "surrogateescape")
        except (GoneError, DeniedError, ThreadtopError, OSError):
            return ""

    def _is_over(self, search: _Search) -> bool:
        if search.found is not None:
            process = self._processes.get(search.found.pid)
            if self._is_whole and (process is None or process.start_ticks != search.found.start_ticks):
                return True
            return self._tick - search.began >= AGAIN_TICKS
        return not search.left and self._tick - search.began >= LATER_TICKS

    def _order(self, pid: int, last: int) -> deque[int]:
        """All processes, the nearest relatives first; itself and who was the ``last`` to hold it before all."""
        me = self._processes.get(pid)
        near = [pid, last, *self._children_of(pid)]
        if me is not None:
            near += [me.ppid, *self._children_of(me.ppid)]
        return deque(other for other in dict.fromkeys((*near, *self._all())) if self._may_hold(other))

    def _all(self) -> Iterable[int]:
        if self._is_whole:
            return self._processes
        if self._listed is None:
            try:
                self._listed = self._reader.pids()
            except (GoneError, DeniedError, ThreadtopError, OSError):
                self._listed = []
        return self._listed

    def _children_of(self, pid: int) -> list[int]:
        """The children of a process; where not all processes are known, those of its main thread."""
        if not self._is_whole:
            try:
                return list(map(int, self._reader.read_task(pid, pid, "children").split()))
            except (GoneError, DeniedError, ThreadtopError, OSError, ValueError):
                return []  # a kernel without CONFIG_PROC_CHILDREN: they come with all the others
        if self._children is None:
            self._children = {}
            for child, process in self._processes.items():
                self._children.setdefault(process.ppid, []).append(child)
        return self._children.get(pid, [])

    def _may_hold(self, pid: int) -> bool:
        process = self._processes.get(pid)
        return not process.kernel if process is not None else pid > 0 and not self._is_whole

    def _look(self, search: _Search, end: str, pid: int, other: int, *, writes: bool | None) -> None:
        process = self._processes.get(other)
        if process is None and self._is_whole:
            return
        start_ticks = process.start_ticks if process is not None else 0
        for fd in self._ends(other, start_ticks, search.began).get(end, ()):
            if writes is not None:
                self._links_left -= 1
                try:
                    mode = self._reader.descriptor_mode(other, fd)
                except (GoneError, DeniedError, OSError):
                    continue
                if not mode[1 if writes else 0]:
                    continue
            if other != pid:
                search.found = _Holder(other, start_ticks, self.name(other))
                return
            search.is_own = True

    def _ends(self, pid: int, start_ticks: int, began: int) -> Mapping[str, tuple[int, ...]]:
        """The pipes and sockets of a process."""
        known = self._links.get(pid)
        if known is not None and known.start_ticks == start_ticks and began - known.tick <= FRESH_TICKS:
            return known.ends
        ends: dict[str, tuple[int, ...]] = {}
        self._links_left -= DIRECTORY_LINKS
        try:
            fds = self._reader.descriptors_of(pid, MOST_OF_ONE)
        except (GoneError, DeniedError, ThreadtopError, OSError):
            fds = []
        self._links_left -= len(fds)
        for fd in fds:
            try:
                link = self._reader.descriptor_link(pid, fd)
            except (GoneError, DeniedError, OSError):
                continue
            if link.startswith(("pipe:", "socket:")):
                ends[link] = (*ends.get(link, ()), fd)
        self._links[pid] = _Links(start_ticks, self._tick, ends)
        return ends
