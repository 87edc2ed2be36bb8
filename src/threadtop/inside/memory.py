"""The memory of a process: its mappings by kind and by file, and what of them is resident where that was asked for.

``maps`` is read anew at each refresh, but for at most a tenth of the time; ``smaps`` only once it was asked for, for it
makes the kernel walk all pages, under the lock that the target's page faults and mmap calls want, too.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import GoneError
from threadtop.inside import mapped
from threadtop.inside.access import Access
from threadtop.inside.slices import Slices
from threadtop.procfs import maps, parse, smaps, syscalls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.inside.asked import Asked, Denial
    from threadtop.inside.mapped import FileSum, KindSum, Placed
    from threadtop.procfs.maps import Mapping as Mapped
    from threadtop.procfs.reader import ProcReader
    from threadtop.procfs.smaps import Usage
    from threadtop.sample import ProcessSample, Sample

SMAPS: Final = "smaps"
BY_ADDRESS: Final = "by_address"
PAGE: Final = 500  # mappings, and files, of one part
MOST_MAPS: Final = 262_144  # four times what the kernel allows unless it was told otherwise
MOST_POINTERS: Final = 500  # threads asked for their stack pointer in one reading
BUDGET_S: Final = 0.05  # of CPU time, of one reading
_REST: Final = 10  # times as long as a listing took, the next one waits
_STACK_BYTES: Final = 8 << 20  # of a thread, where nobody chose another size (pthread_create(3))


class Listed(NamedTuple):
    """The mappings as ``maps`` had them: sums, and the part that was asked for.

    ``first`` is the number of the first of ``part`` among ``maps`` mappings, ``first_file`` that of ``files``;
    ``is_cut``: there are more than could be read.
    """

    maps: int
    kinds: tuple[KindSum, ...]
    files: tuple[FileSum, ...]
    files_in_all: int
    first_file: int
    part: tuple[Placed, ...]
    first: int
    is_cut: bool


class Measured(NamedTuple):
    """How far ``smaps`` has been read, and what it said, by mapping; ``total`` is ``smaps_rollup``.

    ``is_cut``: the process has replaced its program meanwhile, or ended.
    """

    maps: int
    is_complete: bool
    is_cut: bool
    age_s: float
    took_s: float
    total: Usage | None
    usages: Mapping[int, Usage]


class MemoryFacts(NamedTuple):
    """``status`` as in parse.parse_status; ``listed`` None: not read (yet), then ``coming`` says how many were so far.

    ``most_maps``: how many the kernel allows (vm.max_map_count); ``pointers`` of ``threads`` have told their
    stack pointer.  ``is_pending``: the next reading will bring more.
    """

    status: Mapping[str, str]
    listed: Listed | None
    coming: int
    measured: Measured | None
    most_maps: int | None
    threads: int
    pointers: int
    is_pending: bool
    denials: tuple[Denial, ...]


class MemoryReader:
    """Reads ``maps`` in slices, stack pointers of threads once for each, ``smaps`` in slices on request."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._forget(None)

    def _forget(self, of: tuple[int, int] | None) -> None:
        self._of = of
        self._listing: _Listing | None = None
        self._measuring: _Measuring | None = None
        self._pointers: dict[tuple[int, int], int] = {}
        self._turn = 0
        self._stack_sizes = frozenset({_STACK_BYTES})
        self._most_maps: int | None = None

    def read(self, asked: Asked, sample: Sample) -> MemoryFacts:
        """The memory as it is now; raises GoneError."""
        process = sample.processes[asked.pid]
        access = Access(self._reader, asked.pid, process.uid)
        if self._of != (process.pid, process.start_ticks):
            self.close()
            self._begin(access, process)
        try:
            return self._facts(asked, process, access)
        except GoneError:
            self.close()
            raise

    def _begin(self, access: Access, process: ProcessSample) -> None:
        """What does not change, or hardly ever."""
        self._of = process.pid, process.start_ticks
        soft = (access.parsed("limits", parse.parse_limits) or {}).get("Max stack size", ("",))[0]
        if soft.isdigit():
            self._stack_sizes = frozenset({_STACK_BYTES, int(soft)})
        most = self._reader.read_global("sys/vm/max_map_count") or b""
        self._most_maps = int(most) if most.strip().isdigit() else None

    def _facts(self, asked: Asked, process: ProcessSample, access: Access) -> MemoryFacts:
        tid = _with_memory(process)
        raw = access.read_task(tid, "status")
        if raw is None:
            raise GoneError(str(asked.pid))
        status = parse.parse_status(raw)
        listed = measured = None
        if "VmSize" in status:  # else it has no memory: a thread of the kernel, or one that has ended
            self._learn_pointers(process, access)
            self._list(asked, tid, access)
            measured = self._measure(asked, tid, access)
            listed = self._told(asked)
        is_pending = listed is None or (measured is not None and not measured.is_complete)
        return MemoryFacts(
            status=status,
            listed=listed,
            coming=len(self._listing.coming) if self._listing is not None else 0,
            measured=measured,
            most_maps=self._most_maps,
            threads=len(process.threads),
            pointers=len(self._pointers),
            is_pending=is_pending and self._listing is not None,
            denials=tuple(access.denials.values()),
        )

    # -- stacks --------------------------------------------------------------------------------------------

    def _learn_pointers(self, process: ProcessSample, access: Access) -> None:
        """The stack pointers of threads that sleep: one that runs shows none, and is asked again."""
        alive = {(tid, thread.start_ticks) for tid, thread in process.threads.items()}
        for ended in self._pointers.keys() - alive:
            del self._pointers[ended]
        new = sorted(alive - self._pointers.keys())
        start = self._turn % len(new) if len(new) > MOST_POINTERS else 0
        self._turn += MOST_POINTERS
        for key in islice((*new[start:], *new[:start]), MOST_POINTERS):
            raw = access.read_task(key[0], "syscall")
            if "syscall" in access.denials:
                return
            try:
                pointer = syscalls.parse_call(raw).sp if raw else None
            except ValueError:
                pointer = None
            if pointer:
                self._pointers[key] = pointer

    # -- maps ----------------------------------------------------------------------------------------------

    def _list(self, asked: Asked, tid: int, access: Access) -> None:
        """One step further in ``maps``, if it is time for that."""
        if self._measuring is not None and not self._measuring.is_done and self._listing is not None:
            return  # smaps takes all the time there is
        listing = self._listing
        if listing is None or listing.is_due():
            opened = access.attempt("maps", lambda: Slices(self._reader, asked.pid, tid, "maps"))
            if opened is None:
                self._listing = None
                return
            if listing is None:
                listing = self._listing = _Listing()
            listing.begin(opened)
        listing.step()

    def _told(self, asked: Asked) -> Listed | None:
        listing = self._listing
        if listing is None or listing.maps is None:
            return None
        measuring = self._measuring if SMAPS in asked.wants else None
        usages = measuring.usages if measuring is not None and measuring.is_done else None
        pointers = {tid: pointer for (tid, _), pointer in self._pointers.items()}
        return listing.told(asked.part, pointers, self._stack_sizes, usages, by_address=BY_ADDRESS in asked.wants)

    # -- smaps ---------------------------------------------------------------------------------------------

    def _measure(self, asked: Asked, tid: int, access: Access) -> Measured | None:
        if SMAPS not in asked.wants:
            self._stop_measuring()
            return None
        if self._listing is None or self._listing.maps is None:
            return None
        if self._measuring is None:
            opened = access.attempt(SMAPS, lambda: Slices(self._reader, asked.pid, tid, SMAPS))
            if opened is None:
                return None
            rollup = access.read_task(tid, "smaps_rollup")
            self._measuring = _Measuring(opened, smaps.parse_rollup(rollup) if rollup else None)
        else:
            self._measuring.step(self._listing.maps)
        return self._measuring.told()

    def _stop_measuring(self) -> None:
        if self._measuring is not None:
            self._measuring.close()
            self._measuring = None

    def close(self) -> None:
        """Give back the descriptors, and forget what was read."""
        self._stop_measuring()
        if self._listing is not None:
            self._listing.close()
        self._forget(None)


def _with_memory(process: ProcessSample) -> int:
    """The thread to ask: where the main thread has ended, it has no memory any more, but its siblings have."""
    if process.state in {"Z", "X"}:
        return next((tid for tid, thread in process.threads.items() if thread.state not in {"Z", "X"}), process.pid)
    return process.pid


class _Listing:
    """``maps`` as read last, and as it is being read; lines that are known are not parsed again."""

    def __init__(self) -> None:
        self.maps: list[Mapped] | None = None
        self.coming: list[Mapped] = []
        self._cut_line = b""
        self._slices: Slices | None = None
        self._by_line: dict[bytes, Mapped] = {}
        self._coming_by_line: dict[bytes, Mapped] = {}
        self._due_s = 0.0
        self._is_cut = False
        self._is_new = True  # what follows is not of ``maps`` as they are now
        self._pointers: Mapping[int, int] = {}
        self._usages: Mapping[int, Usage] | None = None
        self._by_address = False
        self._placed: list[Placed] = []
        self._kinds: tuple[KindSum, ...] = ()
        self._files: list[FileSum] = []
        self._sorted: list[Placed] = []

    def is_due(self) -> bool:
        """Whether the next reading may begin."""
        return self._slices is None and time.monotonic() >= self._due_s

    def begin(self, opened: Slices) -> None:
        self._slices = opened
        self.coming, self._cut_line = [], b""
        self._coming_by_line = {}

    def step(self) -> None:
        slices = self._slices
        if slices is None:
            return
        known, coming, by_line = self._by_line, self.coming, self._coming_by_line
        for piece in slices.pieces(BUDGET_S):
            *lines, self._cut_line = (self._cut_line + piece).split(b"\n")
            for line in lines:
                one = known.get(line) or maps.parse_line(line)
                if one is not None:
                    coming.append(one)
                    by_line[line] = one
            if len(coming) >= MOST_MAPS:
                slices.close()
        if slices.is_done:
            self._is_cut = len(coming) >= MOST_MAPS
            self._by_line = by_line
            self._due_s = time.monotonic() + _REST * slices.spent_s
            self._slices = None
            if coming != self.maps:
                self.maps, self._is_new = coming, True
            self.coming, self._coming_by_line = [], {}

    def told(
        self,
        part: int,
        pointers: Mapping[int, int],
        stack_sizes: frozenset[int],
        usages: Mapping[int, Usage] | None,
        *,
        by_address: bool,
    ) -> Listed:
        """What is handed on; what did not change is not summed up again."""
        begun = time.monotonic()
        listed = self.maps or []
        if is_new := self._is_new or self._pointers != pointers:
            self._placed = mapped.placed(listed, pointers, stack_sizes)
        is_measured_anew = self._usages is not usages
        if is_new or is_measured_anew:
            self._kinds = tuple(mapped.by_kind(self._placed, usages))
            self._files = mapped.by_file(self._placed, usages)
        if is_new or is_measured_anew or self._by_address != by_address:
            self._sorted = self._placed if by_address else mapped.largest_first(self._placed, usages)
        self._is_new, self._pointers, self._usages, self._by_address = False, pointers, usages, by_address
        self._due_s += _REST * (time.monotonic() - begun)
        first, first_file = _first(part, len(self._sorted)), _first(part, len(self._files))
        return Listed(
            maps=len(listed),
            kinds=self._kinds,
            files=tuple(self._files[first_file : first_file + PAGE]),
            files_in_all=len(self._files),
            first_file=first_file,
            part=tuple(self._sorted[first : first + PAGE]),
            first=first,
            is_cut=self._is_cut,
        )

    def close(self) -> None:
        if self._slices is not None:
            self._slices.close()
            self._slices = None


def _first(part: int, count: int) -> int:
    """The number of the first of a part; the last part there is for one beyond."""
    return min(part, max(0, count - 1) // PAGE) * PAGE


class _Measuring:
    """``smaps``, as far as it was read."""

    def __init__(self, opened: Slices, total: Usage | None) -> None:
        self.is_done = False
        self._total = total
        self._slices = opened
        self._blocks = smaps.Blocks()
        self._at_s = time.monotonic()
        self._is_cut = False

    @property
    def usages(self) -> Mapping[int, Usage]:
        """By the start of each mapping."""
        return self._blocks.found

    def step(self, listed: Sequence[Mapped]) -> None:
        """As far as the budget reaches."""
        if self.is_done:
            return
        for piece in self._slices.pieces(BUDGET_S):
            self._blocks.add(piece)
            if len(self.usages) >= MOST_MAPS:
                self._slices.close()
        self._at_s = time.monotonic()
        if self._slices.is_done:
            self._blocks.end()
            self.is_done = True
            # A program that was replaced leaves an end of the file where there was more to come.
            self._is_cut = (
                bool(listed) and len(self.usages) < MOST_MAPS and max(self.usages, default=-1) < listed[-1].start
            )

    def told(self) -> Measured:
        return Measured(
            maps=len(self.usages),
            is_complete=self.is_done,
            is_cut=self._is_cut,
            age_s=time.monotonic() - self._at_s,
            took_s=self._slices.spent_s,
            total=self._total,
            usages=self.usages if self.is_done else {},
        )

    def close(self) -> None:
        self._slices.close()
