"""Owners: which thread a tid in a process's memory names, and where its shared mappings lie (proc(5), status, maps)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import ProcessSample, Sample

MOST_MAPS_BYTES: Final = 1 << 20
MOST_STATUSES: Final = 300  # of threads in a pid namespace of their own, read in a tick to learn their numbers there
_ENDED: Final = frozenset("ZX")


class Owner(NamedTuple):
    """A thread by its process; ``ended_tid`` where the process has no such thread (any more)."""

    pid: int | None = None
    tid: int | None = None
    ended_tid: int | None = None


NOBODY: Final = Owner()


class Names:
    """Threads by the tids that they know themselves by: those of the innermost pid namespace (pid_namespaces(7))."""

    def __init__(self, reader: ProcReader) -> None:
        """Nothing read yet."""
        self._reader = reader
        self._sample: Sample | None = None
        self._left = 0
        self._depths: dict[tuple[int, int], int] = {}  # (pid, start time): numbers in its line NSpid
        self._inner: dict[tuple[int, int], dict[int, int]] = {}  # ... : outer tids by tid; 0 for those not to be read

    def begin(self, sample: Sample) -> None:
        """Work on these processes from now on."""
        self._sample = sample
        self._left = MOST_STATUSES
        live = {(pid, process.start_ticks) for pid, process in sample.processes.items()} if self._depths else set()
        self._depths = {key: depth for key, depth in self._depths.items() if key in live}
        self._inner = {key: inner for key, inner in self._inner.items() if key in live}

    def owner(self, process: ProcessSample, tid: int, others: Iterable[ProcessSample], *, is_shared: bool) -> Owner:
        """The thread that ``tid`` in the memory of ``process`` names.

        A shared lock may be another process's: of those in a pid namespace of their own only ``others`` are tried.
        """
        depth = self._depth(process)
        if depth == 1:
            return self._plain(process, tid, is_shared=is_shared)
        if depth == 0:
            return NOBODY
        outer, is_all = self._outer(process, tid)
        if outer is not None:
            return _living(process, outer, tid)
        if not is_shared:
            return Owner(ended_tid=tid) if is_all else NOBODY
        for other in others:
            if other is not process and self._depth(other) == depth:
                outer, _ = self._outer(other, tid)
                if outer is not None:
                    return _living(other, outer, tid)
        return NOBODY

    def _plain(self, process: ProcessSample, tid: int, *, is_shared: bool) -> Owner:
        """In our own pid namespace tids are those of /proc."""
        if tid in process.threads:
            return _living(process, tid, tid)
        try:
            status = self._reader.read(tid, "status")
        except GoneError:  # of another process it may also be hidden (proc(5), hidepid)
            return NOBODY if is_shared else Owner(ended_tid=tid)
        except (DeniedError, ThreadtopError, OSError):
            return NOBODY
        pid = next(iter(_numbers(status, b"Tgid:")), 0)
        if pid == process.pid:
            return Owner(pid, tid)  # it has started since the pass
        return (Owner(pid, tid) if pid else NOBODY) if is_shared else Owner(ended_tid=tid)

    def _depth(self, process: ProcessSample) -> int:
        """How many pid namespaces a process is in, from ours down; 0 is not known."""
        key = process.pid, process.start_ticks
        if key not in self._depths:
            try:
                self._depths[key] = len(_numbers(self._reader.read(process.pid, "status"), b"NSpid:")) or 1
            except (GoneError, DeniedError, ThreadtopError, OSError):
                return 0
        return self._depths[key]

    def _outer(self, process: ProcessSample, tid: int) -> tuple[int | None, bool]:
        """The tid in /proc of the thread that calls itself ``tid``, and whether all threads were looked at."""
        inner = self._inner.setdefault((process.pid, process.start_ticks), {})
        for outer in inner.keys() - process.threads.keys():
            del inner[outer]
        for outer in process.threads:
            if outer in inner:
                continue
            if not self._left:
                return None, False
            self._left -= 1
            try:
                numbers = _numbers(self._reader.read_task(process.pid, outer, "status"), b"NSpid:")
            except (GoneError, DeniedError, ThreadtopError, OSError):
                numbers = []
            inner[outer] = numbers[-1] if numbers else 0
        return next((outer for outer, own in inner.items() if own == tid), None), True


def _living(process: ProcessSample, outer: int, tid: int) -> Owner:
    """A thread of the pass; a main thread that has ended before the others stays in sight, and owns what it owned."""
    thread = process.threads.get(outer)
    return Owner(ended_tid=tid) if thread is not None and thread.state in _ENDED else Owner(process.pid, outer)


def _numbers(status: bytes, key: bytes) -> list[int]:
    """The numbers in a line of ``status``."""
    for line in status.split(b"\n"):
        if line.startswith(key):
            return [int(part) for part in line[len(key) :].split() if part.isdigit()]
    return []


class Region(NamedTuple):
    """A mapping that other processes may have too: addresses from ``start`` to before ``end``, and what is mapped."""

    start: int
    end: int
    offset: int
    place: str


def shared_regions(maps: bytes) -> list[Region]:
    """The shared mappings in ``maps``: of files, memfds, /dev/shm, System V segments, and anonymous ones (shmem)."""
    regions = []
    for line in maps.split(b"\n"):
        fields = line.split(None, 5)
        if len(fields) < 5 or fields[1][3:4] != b"s":  # noqa: PLR2004 up to the inode
            continue
        try:
            start, _, end = fields[0].partition(b"-")
            place = f"{fields[3].decode('ascii')}:{int(fields[4])}"
            regions.append(Region(int(start, 16), int(end, 16), int(fields[2], 16), place))
        except ValueError:
            continue  # cut short
    return regions


def place(regions: Iterable[Region], address: int) -> str:
    """What all processes that map it call a place in memory: ``device:inode:offset``; "" where it is not shared."""
    for region in regions:
        if region.start <= address < region.end:
            return f"{region.place}:{region.offset + address - region.start:#x}"
    return ""
