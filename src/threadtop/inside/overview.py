"""What a process is as a whole, by the terms of proc(5): identity, memory, accounting, cgroup, namespaces, siblings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import cgroups
from threadtop.errors import DeniedError, GoneError
from threadtop.inside.access import name_of, opened
from threadtop.inside.footprint import StackReader, Usages
from threadtop.inside.siblings import Finder
from threadtop.inside.thread import parse_numbers
from threadtop.procfs import parse, ttys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.cgroups import Limits
    from threadtop.circumstances import CgroupUse
    from threadtop.inside.access import Access
    from threadtop.inside.asked import Asked, Denial
    from threadtop.inside.footprint import Stacks
    from threadtop.inside.siblings import Siblings
    from threadtop.procfs.reader import ProcReader
    from threadtop.procfs.smaps import Usage
    from threadtop.sample import ProcessSample, Sample

NAMESPACES: Final = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
_DELAYACCT: Final = "sys/kernel/task_delayacct"


class Coming(NamedTuple):
    """Threads since the pane was opened: most at once, begun and ended, for how long that was counted."""

    peak: int
    created: int
    ended: int
    seconds: float


class OverviewFacts(NamedTuple):
    """What may not be read is None; ``usage`` is ``usage_age_s`` old.

    ``io_per_s`` is by the names in ``io``, None before two readings.  ``ours`` are threadtop's own namespaces, to
    compare with.  ``parent`` is its name where the pass did not see it.  ``has_delays``: the kernel counts the delays
    of block I/O.  ``siblings`` None: not to be known, nor sought of a thread of the kernel.
    """

    stat: parse.Stat | None
    more: parse.StatMore | None
    status: Mapping[str, str]
    arguments: tuple[str, ...]
    executable: str | None
    directory: str | None
    root: str | None
    terminal: str | None
    parent: str | None
    io: Mapping[str, int] | None
    io_per_s: Mapping[str, float] | None
    usage: Usage | None
    usage_age_s: float | None
    coming: Coming
    cgroups: Mapping[str, str]
    quota: CgroupUse | None
    limits: Limits
    namespaces: Mapping[str, str]
    ours: Mapping[str, str]
    has_delays: bool
    siblings: Siblings | None
    stacks: Stacks | None
    denials: tuple[Denial, ...]


class OverviewReader:
    """Reads a process whole; measures memory within a share of the time."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._whose = (0, 0)
        self._drivers: tuple[ttys.Driver, ...] | None = None
        self._forget()

    def _forget(self) -> None:
        self._tids: frozenset[int] = frozenset()
        self._coming = Coming(0, 0, 0, 0.0)
        self._began_ns = 0
        self._io: tuple[int, Mapping[str, int]] | None = None
        self._finder = Finder(self._reader)
        self._usages = Usages(self._reader)
        self._stacks = StackReader(self._reader)

    def read(self, asked: Asked, sample: Sample) -> OverviewFacts:
        """The process as it is now; raises GoneError."""
        process = sample.processes[asked.pid]
        pid = asked.pid
        if self._whose != (pid, process.start_ticks):
            self._forget()
            self._whose = pid, process.start_ticks
            self._began_ns = sample.at_ns
        access, status = opened(self._reader, asked, sample)
        stats = access.parsed("stat", lambda raw: (parse.parse_stat(raw), parse.parse_stat_more(raw)))
        if stats is None:
            raise GoneError(str(pid))
        self._count(process, sample.at_ns)
        stat, more = stats
        siblings = stacks = None
        if not process.kernel:
            siblings = self._finder.find(sample, process, stat.session)
            stacks = self._stacks.read(access, process.threads, _stack_limit(access), sample.at_ns)
        members = siblings.members if siblings is not None else ()
        known, members = self._usages.read(access, process.start_ticks, members, sample.at_ns)
        io = access.parsed("io", parse_numbers)
        groups = access.parsed("cgroup", parse.parse_cgroups) or {}
        delays = self._reader.read_global(_DELAYACCT)
        return OverviewFacts(
            stat=stat,
            more=more,
            status=status,
            arguments=tuple(access.parsed("cmdline", parse.parse_cmdline) or ()),
            executable=access.link("exe"),
            directory=access.link("cwd"),
            root=access.link("root"),
            terminal=self._terminal(stat.tty_nr),
            parent=name_of(self._reader, stat.ppid) if stat.ppid not in sample.processes else None,
            io=io,
            io_per_s=self._rates(io, sample.at_ns),
            usage=known.usage if known is not None else None,
            usage_age_s=(sample.at_ns - known.at_ns) / 1e9 if known is not None else None,
            coming=self._coming,
            cgroups=groups,
            quota=next(filter(None, map(cgroups.use, cgroups.ancestors(groups))), None),
            limits=cgroups.limits(groups),
            namespaces=self._namespaces(access),
            ours=self._own_namespaces(),
            has_delays=delays is not None and delays.strip() == b"1",
            siblings=siblings._replace(members=members) if siblings is not None else None,
            stacks=stacks,
            denials=tuple(access.denials.values()),
        )

    def close(self) -> None:
        """Nothing is held."""

    # -- threads that come and go ------------------------------------------------------------------

    def _count(self, process: ProcessSample, at_ns: int) -> None:
        tids = frozenset(process.threads)
        was = self._coming
        if self._tids:
            was = was._replace(created=was.created + len(tids - self._tids), ended=was.ended + len(self._tids - tids))
        self._tids = tids
        self._coming = was._replace(peak=max(was.peak, len(tids)), seconds=(at_ns - self._began_ns) / 1e9)

    def _rates(self, io: Mapping[str, int] | None, at_ns: int) -> dict[str, float] | None:
        last, self._io = self._io, (at_ns, io) if io is not None else None
        if io is None or last is None or at_ns <= last[0]:
            return None
        return {key: (io[key] - last[1][key]) / ((at_ns - last[0]) / 1e9) for key in io.keys() & last[1].keys()}

    def _terminal(self, tty_nr: int) -> str | None:
        """The name of its controlling terminal; None for none."""
        if not tty_nr:
            return None
        if self._drivers is None:
            self._drivers = ttys.parse_drivers(self._reader.read_global("tty/drivers") or b"")
        return ttys.name(tty_nr, self._drivers)

    # -- namespaces ----------------------------------------------------------------------------------

    def _namespaces(self, access: Access) -> dict[str, str]:
        """``ns``: links like ``net:[4026531840]``."""
        found = {}
        for name in NAMESPACES:
            link = access.link(f"ns/{name}")
            if link is not None:
                found[name] = link
            elif f"ns/{name}" in access.denials:
                access.denials["ns"] = access.denials.pop(f"ns/{name}")._replace(what="ns")
                break
        return found

    def _own_namespaces(self) -> dict[str, str]:
        found = {}
        for name in NAMESPACES:
            try:
                found[name] = self._reader.link("self", f"ns/{name}")
            except (GoneError, DeniedError, OSError):
                continue
        return found


def _stack_limit(access: Access) -> int | None:
    """What a thread's stack reserves unless the program chose another size (``limits``); None for unlimited."""
    soft = (access.parsed("limits", parse.parse_limits) or {}).get("Max stack size", ("",))[0]
    return int(soft) if soft.isdigit() else None
