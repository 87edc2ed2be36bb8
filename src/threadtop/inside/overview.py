"""What a process is as a whole, by the terms of proc(5): identity, memory, accounting, cgroup, namespaces, siblings."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import cgroups
from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.inside.access import Access, living
from threadtop.inside.thread import parse_numbers
from threadtop.procfs import parse
from threadtop.procfs.smaps import Usage, parse_rollup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.circumstances import CgroupUse
    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import ProcessSample, Sample

NAMESPACES: Final = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
MOST_SIBLINGS: Final = 64
ROLLUP_SHARE: Final = 50  # measuring memory may take one part in so many of the time
ROLLUP_S: Final = 5.0  # and is done again after this time
_DELAYACCT: Final = "sys/kernel/task_delayacct"


class Coming(NamedTuple):
    """Threads since the pane was opened: most at once, begun and ended, for how long that was counted."""

    peak: int
    created: int
    ended: int
    seconds: float


class Sibling(NamedTuple):
    """Another process of the same program and parent, itself included: its memory, None where not measured yet."""

    pid: int
    threads: int
    rss_bytes: int
    usage: Usage | None


class OverviewFacts(NamedTuple):
    """What may not be read is None; ``usage`` is ``usage_age_s`` old.

    ``io_per_s`` is by the names in ``io``, None before two readings.  ``ours`` are threadtop's own namespaces, to
    compare with.  ``has_delays``: the kernel counts the delays of block I/O.
    """

    stat: parse.Stat | None
    more: parse.StatMore | None
    status: Mapping[str, str]
    arguments: tuple[str, ...]
    executable: str | None
    directory: str | None
    root: str | None
    terminal: str | None
    io: Mapping[str, int] | None
    io_per_s: Mapping[str, float] | None
    usage: Usage | None
    usage_age_s: float | None
    coming: Coming
    cgroups: Mapping[str, str]
    quota: CgroupUse | None
    namespaces: Mapping[str, str]
    ours: Mapping[str, str]
    has_delays: bool
    siblings: tuple[Sibling, ...]
    denials: tuple[Denial, ...]


class OverviewReader:
    """Reads a process whole; measures memory within a share of the time, its siblings' in turn."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._whose = (0, 0)
        self._forget()

    def _forget(self) -> None:
        self._tids: frozenset[int] = frozenset()
        self._coming = Coming(0, 0, 0, 0.0)
        self._began_ns = 0
        self._io: tuple[int, Mapping[str, int]] | None = None
        self._usages: dict[int, tuple[float, Usage | None]] = {}  # by pid, with the time
        self._measure_at = 0.0

    def read(self, asked: Asked, sample: Sample) -> OverviewFacts:
        """The process as it is now; raises GoneError."""
        process = sample.processes[asked.pid]
        pid = asked.pid
        if self._whose != (pid, process.start_ticks):
            self._forget()
            self._whose = pid, process.start_ticks
            self._began_ns = sample.at_ns
        main = Access(self._reader, pid, process.uid)
        status, raw = main.parsed("status", parse.parse_status), main.read("stat")
        if status is None or raw is None:
            raise GoneError(str(pid))
        access = Access(self._reader, living(process), process.uid)
        if access.pid != pid:
            shared = access.parsed("status", parse.parse_status) or {}
            status = {**status, **{key: value for key, value in shared.items() if key.startswith(("Vm", "Rss"))}}
        self._count(process, sample.at_ns)
        siblings = self._siblings(sample, process)
        self._measure(access, [one.pid for one in siblings])
        known = self._usages.get(pid)
        io = access.parsed("io", parse_numbers)
        groups = access.parsed("cgroup", parse.parse_cgroups) or {}
        stat = parse.parse_stat(raw)
        delays = self._reader.read_global(_DELAYACCT)
        return OverviewFacts(
            stat=stat,
            more=parse.parse_stat_more(raw),
            status=status,
            arguments=tuple(access.parsed("cmdline", parse.parse_cmdline) or ()),
            executable=access.link("exe"),
            directory=access.link("cwd"),
            root=access.link("root"),
            terminal=terminal(stat.tty_nr),
            io=io,
            io_per_s=self._rates(io, sample.at_ns),
            usage=known[1] if known is not None else None,
            usage_age_s=time.monotonic() - known[0] if known is not None else None,
            coming=self._coming,
            cgroups=groups,
            quota=next(filter(None, map(cgroups.use, cgroups.ancestors(groups))), None),
            namespaces=self._namespaces(access),
            ours=self._own_namespaces(),
            has_delays=delays is not None and delays.strip() == b"1",
            siblings=tuple(one._replace(usage=self._usage_of(one.pid)) for one in siblings),
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

    # -- memory -------------------------------------------------------------------------------------

    def _siblings(self, sample: Sample, process: ProcessSample) -> list[Sibling]:
        """The processes of the same name and parent, itself first."""
        others = (
            one
            for one in sample.processes.values()
            if one.ppid == process.ppid and one.name == process.name and one.pid != process.pid and not one.kernel
        )
        family = [process, *sorted(others, key=lambda one: one.pid)] if process.ppid > 1 else [process]
        return [Sibling(one.pid, len(one.threads), one.rss_bytes, None) for one in family[:MOST_SIBLINGS]]

    def _measure(self, access: Access, pids: list[int]) -> None:
        """``smaps_rollup`` of the one that was measured longest ago, where the share of time allows."""
        now = time.monotonic()
        if now < self._measure_at:
            return
        for gone in self._usages.keys() - set(pids):
            del self._usages[gone]
        pid = min(pids, key=lambda pid: self._usages.get(pid, (0.0, None))[0])
        if now - self._usages.get(pid, (-ROLLUP_S, None))[0] < ROLLUP_S:
            return
        before = time.thread_time()
        if pid == self._whose[0]:
            usage = access.parsed("smaps_rollup", parse_rollup)
        else:
            try:
                usage = parse_rollup(self._reader.read(pid, "smaps_rollup"))
            except (GoneError, DeniedError, ThreadtopError, OSError):
                usage = None
        self._usages[pid] = now, usage
        self._measure_at = now + (time.thread_time() - before) * ROLLUP_SHARE

    def _usage_of(self, pid: int) -> Usage | None:
        known = self._usages.get(pid)
        return known[1] if known is not None else None

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


def terminal(tty_nr: int) -> str | None:
    """The name of a controlling terminal by its device number (proc(5), stat field 7); None for none."""
    if not tty_nr:
        return None
    major, minor = os.major(tty_nr), os.minor(tty_nr)
    if 136 <= major <= 143:  # noqa: PLR2004 slaves of ptys (Documentation/admin-guide/devices.txt)
        return f"pts/{(major - 136) * 256 + minor}"
    if major == 4:  # noqa: PLR2004 as above
        return f"tty{minor}" if minor < 64 else f"ttyS{minor - 64}"  # noqa: PLR2004 as above
    return f"{major}:{minor}"
