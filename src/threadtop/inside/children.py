"""The family of a process where the pass does not see it: attached runs read only what they are attached to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.procfs import parse
from threadtop.sample import ENDED

if TYPE_CHECKING:
    from threadtop.inside.asked import Asked
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

MOST: Final = 1000  # relatives
MOST_ANCESTORS: Final = 64
MOST_THREADS: Final = 1000  # of one process that are asked for the children they have made, 10 us each
MOST_READS: Final = 1500  # of lists of children in one reading
MOST_COMMANDS: Final = 200  # command lines read in one reading
_COMMAND_BYTES: Final = 4096


class Relative(NamedTuple):
    """A process that is an ancestor or descendant, by its ``stat``; ``command`` "" where it is not known (yet).

    ``cpu_pct`` of one core is by its CPU clock, None before two readings.
    """

    pid: int
    ppid: int
    name: str
    state: str
    threads: int
    start_ticks: int = 0
    command: str = ""
    cpu_pct: float | None = None


class ChildrenFacts(NamedTuple):
    """Ancestors and descendants that the pass did not read; ``is_cut``: there are more."""

    relatives: tuple[Relative, ...]
    is_cut: bool


class Children(NamedTuple):
    """The children of one process, how many threads were asked for them, and whether there were more threads."""

    pids: list[int]
    asked: int
    is_cut: bool


class ChildrenReader:
    """Follows ``children`` of threads downwards and parents upwards; keeps CPU clocks and command lines."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._clocks: dict[tuple[int, int], tuple[int, int]] = {}  # by pid and start time: when, CPU ns
        self._commands: dict[tuple[int, int], str] = {}

    def read(self, asked: Asked, sample: Sample) -> ChildrenFacts:
        """The relatives as they are now; raises GoneError."""
        if sample.is_whole:
            return ChildrenFacts((), is_cut=False)
        own = self._relative(asked.pid)
        if own is None:
            raise GoneError(str(asked.pid))
        found = {own.pid: own}
        self._climb(own.ppid, found)
        is_cut = self._descend(own.pid, found)
        relatives = [one for pid, one in found.items() if pid not in sample.processes]
        return ChildrenFacts(self._told(relatives, sample.at_ns), is_cut)

    def close(self) -> None:
        """Forget what is kept."""
        self._clocks.clear()
        self._commands.clear()

    def _climb(self, pid: int, found: dict[int, Relative]) -> None:
        for _ in range(MOST_ANCESTORS):
            relative = self._relative(pid) if pid > 0 and pid not in found else None
            if relative is None:
                return
            found[pid] = relative
            pid = relative.ppid

    def _descend(self, pid: int, found: dict[int, Relative]) -> bool:
        """Generation by generation, so that what is left out is what is furthest; returns whether some is."""
        left, reads_left, is_cut = [pid], MOST_READS, False
        while left:
            below: list[int] = []
            for parent in left:
                if reads_left <= 0:
                    return True
                children = children_of(self._reader, parent, min(MOST_THREADS, reads_left))
                reads_left -= children.asked
                is_cut |= children.is_cut
                for child in children.pids:
                    if len(found) >= MOST:
                        return True
                    relative = self._relative(child) if child not in found else None
                    if relative is not None:
                        found[child] = relative
                        below.append(child)
            left = below
        return is_cut

    def _relative(self, pid: int) -> Relative | None:
        try:
            stat = parse.parse_stat(self._reader.read(pid, "stat"))
        except (GoneError, DeniedError, ThreadtopError, OSError, ValueError, IndexError):
            return None
        return Relative(pid, stat.ppid, stat.name, stat.state, stat.num_threads, stat.start_ticks)

    def _told(self, relatives: list[Relative], at_ns: int) -> tuple[Relative, ...]:
        """With what they run, and what CPU they took since the last reading."""
        clocks, commands = self._clocks, self._commands
        self._clocks, self._commands = {}, {}
        commands_left = MOST_COMMANDS
        told = []
        for one in relatives:
            key = one.pid, one.start_ticks
            command = commands.get(key)
            if command is None and commands_left:
                commands_left -= 1
                command = self._command(one)
            if command is not None:
                self._commands[key] = command
            clock_ns, cpu_pct = self._reader.clock_ns(one.pid), None
            if clock_ns is not None:
                was_at_ns, was_ns = clocks.get(key, (at_ns, 0))
                if at_ns > was_at_ns:
                    cpu_pct = max(0.0, (clock_ns - was_ns) / (at_ns - was_at_ns) * 100)
                self._clocks[key] = at_ns, clock_ns
            told.append(one._replace(command=command or "", cpu_pct=cpu_pct))
        return tuple(told)

    def _command(self, one: Relative) -> str:
        try:
            # A main thread that has ended before the others has none.
            has_others = one.state in ENDED and one.threads > 1
            task = (
                next((tid for tid in self._reader.tids(one.pid) if tid != one.pid), one.pid) if has_others else one.pid
            )
            return " ".join(parse.parse_cmdline(self._reader.read_most(task, "cmdline", _COMMAND_BYTES)))
        except (GoneError, DeniedError, ThreadtopError, OSError):
            return ""


def children_of(reader: ProcReader, pid: int, most_threads: int = MOST_THREADS) -> Children:
    """The children of a process: those of its threads (proc(5), children), any of which may have started one.

    There are none of one that has ended, nor where the kernel has no such file (CONFIG_PROC_CHILDREN).
    """
    found: list[int] = []
    try:
        tids = reader.tids(pid)
    except (GoneError, DeniedError, ThreadtopError, OSError):
        return Children(found, 1, is_cut=False)
    for tid in tids[:most_threads]:
        try:
            found += map(int, reader.read_task(pid, tid, "children").split())
        except (GoneError, DeniedError, ThreadtopError, OSError, ValueError):
            continue
    return Children(found, min(len(tids), most_threads), len(tids) > most_threads)
