"""Processes of the same program as one: the workers of a server; told by executable, cgroup, and parent or session.

What was looked at is kept for some seconds: an execve(2) changes it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.inside.children import children_of
from threadtop.procfs import parse
from threadtop.sample import ENDED, PAGE_BYTES, living

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from threadtop.inside.children import Children
    from threadtop.procfs.reader import ProcReader
    from threadtop.procfs.smaps import Usage
    from threadtop.sample import ProcessSample, Sample

MOST: Final = 64  # that are told of
MOST_LOOKS: Final = 300  # files of other processes in one reading, 15 us each
KEPT_NS: Final = 5_000_000_000
MOST_KEPT: Final = 8192

Tie: TypeAlias = Literal["parent", "children", "session"]


class Sibling(NamedTuple):
    """One process of the program: its memory (``usage``) is None where it was not measured yet."""

    pid: int
    start_ticks: int
    threads: int
    rss_bytes: int
    usage: Usage | None = None


class Siblings(NamedTuple):
    """Those of one program: ``tie`` is what they have in common besides, None where there are no others.

    ``children``: the process has no siblings, but children that run its program; it is not among the members.
    ``is_cut``: not all that might be siblings were looked at (yet), or there are more than are told of.
    """

    tie: Tie | None
    members: tuple[Sibling, ...] = ()
    is_cut: bool = False


class _Program(NamedTuple):
    """What must be the same: executable and cgroups."""

    executable: str
    groups: bytes


class Finder:
    """Finds the siblings of a process, in a pass over the machine as in one of attached processes."""

    def __init__(self, reader: ProcReader, own_pid: int | None = None) -> None:
        """Read through ``reader``; ``own_pid`` is threadtop's, which is no worker of a server of Python."""
        self._reader = reader
        self._own_pid = own_pid or os.getpid()
        self._lists: dict[int, tuple[int, Children]] = {}  # by parent, and when that was read
        self._stats: dict[int, tuple[int, parse.Stat | None]] = {}  # by pid, when it was read
        self._programs: dict[tuple[int, int], tuple[int, _Program | None, bool]] = {}  # and whether that is denied
        self._seen: Mapping[int, ProcessSample] = {}  # by the pass
        self._looks = 0
        self._now_ns = 0

    def find(self, sample: Sample, process: ProcessSample, session: int) -> Siblings | None:
        """The siblings as they are now; None where that cannot be known, for a program may not be read."""
        self._now_ns, self._looks, self._seen = sample.at_ns, 0, sample.processes
        if len(self._stats) + len(self._programs) > MOST_KEPT:
            self._lists.clear()
            self._stats.clear()
            self._programs.clear()
        own = _of(process)
        program = self._program(own)
        if program is None:
            return None
        search = _Search(self, own, program)
        # Who lost its parent is a child of init, as are all that never had another: they have that in common only.
        # A session outside of our pid namespace is shown as 0, and tells nothing.
        has_family = process.ppid > 1 or session <= 0
        if has_family and search.among(self._children(sample, process.ppid, search)):
            return search.told("parent", with_own=True)
        if search.among(self._children(sample, process.pid, search)):
            return search.told("children", with_own=False)
        if session > 0:
            search.is_cut = False  # what lists of children left out is found here, unless it has a session of its own
            if search.among(self._of_session(sample, session, search)):
                return search.told("session", with_own=True)
        return None if search.is_denied else Siblings(None, is_cut=search.is_cut)

    # -- who may be one ----------------------------------------------------------------------------------

    def _children(self, sample: Sample, parent: int, search: _Search) -> Iterator[Sibling]:
        if sample.is_whole:
            yield from (_of(one) for one in sample.processes.values() if one.ppid == parent and not _has_ended(one))
            return
        known = self._lists.get(parent)
        if known is None or self._now_ns - known[0] >= KEPT_NS:
            known = self._lists[parent] = self._now_ns, children_of(self._reader, parent, MOST_LOOKS)
        search.is_cut |= known[1].is_cut
        for pid in known[1].pids:
            stat = self._stat(pid)
            if stat is not None and stat.state not in ENDED:
                yield _listed(pid, stat)

    def _of_session(self, sample: Sample, session: int, search: _Search) -> Iterator[Sibling]:
        pids = sample.processes if sample.is_whole else self._reader.pids()
        for pid in pids:
            if self.is_spent and pid not in self._stats:
                search.is_cut = True
                continue
            stat = self._stat(pid)
            if stat is not None and stat.session == session and stat.state not in ENDED:
                yield _listed(pid, stat)

    # -- looks ---------------------------------------------------------------------------------------------

    @property
    def is_spent(self) -> bool:
        """Whether no more may be looked at in this reading."""
        return self._looks >= MOST_LOOKS

    def is_own(self, pid: int) -> bool:
        """Whether it is threadtop itself."""
        return pid == self._own_pid

    def _stat(self, pid: int) -> parse.Stat | None:
        """``stat``; None where it has ended.  Once no more may be looked at, what was known stays."""
        known = self._stats.get(pid)
        if known is not None and (self.is_spent or self._now_ns - known[0] < KEPT_NS):
            return known[1]
        self._looks += 1
        try:
            stat = parse.parse_stat(self._reader.read(pid, "stat"))
        except (GoneError, DeniedError, ThreadtopError, OSError, ValueError, IndexError):
            stat = None
        self._stats[pid] = self._now_ns, stat
        return stat

    def _program(self, one: Sibling) -> _Program | None:
        return self.look(one)[0]

    def look(self, one: Sibling) -> tuple[_Program | None, bool]:
        """The program that a process runs, and whether that may not be known; neither for one that has ended."""
        key = one.pid, one.start_ticks
        known = self._programs.get(key)
        if known is not None and (self.is_spent or self._now_ns - known[0] < KEPT_NS):
            return known[1:]
        self._looks += 1
        program, is_denied = None, False
        process = self._seen.get(one.pid)
        task = living(process) if process is not None else one.pid
        try:
            program = _Program(self._reader.link(task, "exe"), self._reader.read(task, "cgroup"))
        except DeniedError:
            is_denied = True
        except (GoneError, ThreadtopError, OSError):
            pass
        self._programs[key] = self._now_ns, program, is_denied
        return program, is_denied

    def is_known(self, one: Sibling) -> bool:
        """Whether its program was looked at before."""
        return (one.pid, one.start_ticks) in self._programs


class _Search:
    """The search for processes that run one program."""

    def __init__(self, finder: Finder, own: Sibling, program: _Program) -> None:
        self._finder = finder
        self._own = own
        self._program = program
        self._found: list[Sibling] = []
        self.is_denied = False
        self.is_cut = False

    def among(self, candidates: Iterable[Sibling]) -> bool:
        """Whether some of them run it, too."""
        for one in candidates:
            if one.pid == self._own.pid or self._finder.is_own(one.pid):
                continue
            if self._finder.is_spent and not self._finder.is_known(one):
                self.is_cut = True
                continue
            program, is_denied = self._finder.look(one)
            self.is_denied |= is_denied
            if program == self._program:
                self._found.append(one)
        return bool(self._found)

    def told(self, tie: Tie, *, with_own: bool) -> Siblings:
        others = sorted(self._found)
        members = ([self._own] if with_own else []) + others
        return Siblings(tie, tuple(members[:MOST]), self.is_cut or len(members) > MOST)


def _of(process: ProcessSample) -> Sibling:
    return Sibling(process.pid, process.start_ticks, len(process.threads), process.rss_bytes)


def _listed(pid: int, stat: parse.Stat) -> Sibling:
    return Sibling(pid, stat.start_ticks, stat.num_threads, stat.rss_pages * PAGE_BYTES)


def _has_ended(process: ProcessSample) -> bool:
    return process.state in ENDED and len(process.threads) == 1
