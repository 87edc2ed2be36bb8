"""Holders: which other processes hold the pipes and Unix sockets of the one that is looked at.

Peers (waiting) looks for single ends; here hundreds are asked for at once, so the links of all processes are gone
through in turn, the relatives first, and kept by end: so many links in a reading and no more.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import ProcessSample

MOST_LINKS: Final = 1500  # read in a reading: 3 us each
FIRST_LINKS: Final = 4000  # in the first, which is the only one of --pane
AGAIN_LINKS: Final = 400  # once all were read
FOLDER_LINKS: Final = 10  # what opening and listing a folder costs, in links
MOST_OF_ONE: Final = 4096  # links of one process
MOST_ENDS: Final = 50_000  # kept in all
MOST_HOLDERS: Final = 32  # of one end, whose modes are looked at
MOST_NAMED: Final = 4
FIRST_NAMESPACE: Final = "pid:[4026531836]"  # include/linux/proc_ns.h, PROC_PID_INIT_INO


class Holding(NamedTuple):
    """Who holds an end: (pid, name) of the first, how many ``more``; ``is_itself``: the process, too.

    ``is_done``: all processes were looked at; ``is_settled``: and none was denied or may be hidden, so that nobody
    means nobody.
    """

    others: tuple[tuple[int, str], ...] = ()
    more: int = 0
    is_itself: bool = False
    is_done: bool = False
    is_settled: bool = False


class Holders:
    """The ends of all other processes, as far as they have been read."""

    def __init__(self, reader: ProcReader, pid: int) -> None:
        """Read through ``reader`` for the process ``pid``."""
        self._reader = reader
        self._pid = pid
        self._processes: Mapping[int, ProcessSample] = {}
        self._left: list[int] = []  # the next last
        self._ends: dict[str, dict[int, tuple[int, ...]]] = {}
        self._of: dict[int, tuple[str, ...]] = {}
        self._has_hidden = False  # in this round
        self._was_hidden: bool | None = None  # in the one before; None: there was none
        self._count = 0

    @property
    def progress(self) -> tuple[int, int]:
        """How many processes have been looked at, of how many."""
        if self._was_hidden is not None:
            return self._count, self._count
        return self._count - len(self._left), self._count

    def look(self, processes: Mapping[int, ProcessSample], is_over: Callable[[], bool] = lambda: False) -> None:
        """Go on with the next processes, one at least, until it ``is_over``.

        Raises nothing: who is gone or denied holds nothing that we know of.
        """
        self._processes = processes
        budget = FIRST_LINKS if not self._count else MOST_LINKS if self._was_hidden is None else AGAIN_LINKS
        if not self._left:
            self._begin()
        while self._left and budget > 0:
            budget -= FOLDER_LINKS + self._read(self._left.pop())
            if is_over():
                break
        if not self._left:
            self._was_hidden = self._has_hidden

    def holding(self, end: str, where: int, own: Iterable[int], *, writes: bool | None = None) -> Holding:
        """Who holds ``end`` (``pipe:[7]``), for writing where ``writes`` is True; ``own`` are those of ``where``."""
        holders = islice(self._ends.get(end, {}).items(), MOST_HOLDERS)
        found = [pid for pid, fds in holders if self._has_mode(pid, fds, writes=writes)]
        is_itself = self._has_mode(where, own, writes=writes)
        named = tuple((pid, self.name(pid)) for pid in found[:MOST_NAMED])
        is_done, is_settled = self._was_hidden is not None, self._was_hidden is False
        return Holding(named, len(found) - len(named), is_itself, is_done, is_settled)

    def name(self, pid: int) -> str:
        """The name of a process, also of one that was left out of the pass; "" if it is gone."""
        process = self._processes.get(pid)
        if process is not None:
            return process.name
        try:
            return self._reader.read(pid, "comm").rstrip(b"\n").decode("utf-8", "surrogateescape")
        except (GoneError, DeniedError, ThreadtopError, OSError):
            return ""

    def _begin(self) -> None:
        """A new round: relatives first, for pipes are inherited."""
        try:
            listed = self._reader.pids()
        except (GoneError, DeniedError, ThreadtopError, OSError):
            listed = list(self._processes)
        me = self._processes.get(self._pid)
        near = {self._pid, me.ppid if me is not None else 0}
        is_near = {pid for pid, process in self._processes.items() if process.ppid in near} | near
        order = sorted(listed, key=lambda pid: pid not in is_near)
        self._left = [pid for pid in reversed(order) if pid != self._pid and not self._is_kernel(pid)]
        self._count = len(self._left)
        self._has_hidden = self._may_miss_some(listed)
        for pid in self._of.keys() - set(self._left):
            self._forget(pid)

    def _may_miss_some(self, listed: Iterable[int]) -> bool:
        """Whether there are, or may be, processes that /proc does not list: see pid_namespaces(7), proc(5) hidepid."""
        try:
            own = self._reader.link("self", "ns/pid")
        except (GoneError, DeniedError, ThreadtopError, OSError):
            return False
        return own != FIRST_NAMESPACE or 1 not in listed

    def _is_kernel(self, pid: int) -> bool:
        process = self._processes.get(pid)
        return process is not None and process.kernel

    def _read(self, pid: int) -> int:
        """Take down the ends of a process; how many links that were."""
        self._forget(pid)
        try:
            fds = self._reader.descriptors_of(pid, MOST_OF_ONE)
        except GoneError:
            return 0
        except (DeniedError, ThreadtopError, OSError):
            self._has_hidden = True
            return 0
        if len(fds) >= MOST_OF_ONE or len(self._ends) >= MOST_ENDS:
            self._has_hidden = True
        ends: dict[str, tuple[int, ...]] = {}
        for fd in fds:
            try:
                link = self._reader.descriptor_link(pid, fd)
            except (GoneError, DeniedError, ThreadtopError, OSError):
                continue
            if link.startswith(("pipe:", "socket:")) and len(self._ends) + len(ends) < MOST_ENDS:
                ends[link] = (*ends.get(link, ()), fd)
        for end, held in ends.items():
            self._ends.setdefault(end, {})[pid] = held
        self._of[pid] = tuple(ends)
        return len(fds)

    def _forget(self, pid: int) -> None:
        for end in self._of.pop(pid, ()):
            holders = self._ends[end]
            holders.pop(pid, None)
            if not holders:
                del self._ends[end]

    def _has_mode(self, pid: int, fds: Iterable[int], *, writes: bool | None) -> bool:
        for fd in fds:
            if writes is None:
                return True
            try:
                mode = self._reader.descriptor_mode(pid, fd)
            except (GoneError, DeniedError, ThreadtopError, OSError):
                continue
            if mode[1 if writes else 0]:
                return True
        return False
