"""The memory of a process: its mappings by kind and by file, and what of them is resident where that was asked for.

``maps`` is read anew at each refresh, but for at most a tenth of the time; ``smaps`` only once it was asked for, for it
makes the kernel walk all pages, under the lock that the target's page faults and mmap calls want, too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import GoneError
from threadtop.inside.access import Access
from threadtop.inside.listing import MOST_MAPS, Listing
from threadtop.inside.slices import Slices, Turn
from threadtop.procfs import parse, smaps, syscalls
from threadtop.sample import living

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.inside.asked import Asked, Denial
    from threadtop.inside.listing import Listed
    from threadtop.procfs.maps import Mapping as Mapped
    from threadtop.procfs.reader import ProcReader
    from threadtop.procfs.smaps import Usage
    from threadtop.sample import ProcessSample, Sample

SMAPS: Final = "smaps"
BY_ADDRESS: Final = "by_address"
MOST_POINTERS: Final = 1000  # threads asked for their stack pointer in one reading
BUDGET_S: Final = 0.04  # of CPU time, of one reading
_AT_ONCE: Final = 20  # threads
_FIRST_PART, _POINTERS_PART = 0.1, 0.5  # of it for stack pointers: before there is a list to show, and then
_STACK_BYTES: Final = 8 << 20  # of a thread, where nobody chose another size (pthread_create(3))


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
        self._listing: Listing | None = None
        self._measuring: _Measuring | None = None
        self._pointers: dict[tuple[int, int], int] = {}
        self._asked: set[tuple[int, int]] = set()
        self._have_all_been_asked = False
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
        tid = living(process)
        raw = access.read_task(tid, "status")
        if raw is None:
            raise GoneError(str(asked.pid))
        status = parse.parse_status(raw)
        listed = measured = None
        turn = Turn(BUDGET_S)
        if "VmSize" in status:  # else it has no memory: a thread of the kernel, or one that has ended
            self._learn_pointers(process, access, turn)
            self._list(asked, tid, access, turn)
            self._sum_up(asked, turn)
            measured = self._measure(asked, tid, access, turn)
            if measured is not None and measured.is_complete and not turn.is_over():
                self._sum_up(asked, turn)
            listed = self._listing.told(asked.part, by_address=BY_ADDRESS in asked.wants) if self._listing else None
        listing = self._listing
        if measured is not None and listing is not None and measured.is_complete:
            measured = measured._replace(is_complete=listing.has_measured(measured.usages))
        is_measuring = measured is not None and not measured.is_complete
        is_summing = listed is None or (listing is not None and listing.is_summing)
        return MemoryFacts(
            status=status,
            listed=listed,
            coming=listing.count if listing is not None and listed is None else 0,
            measured=measured,
            most_maps=self._most_maps,
            threads=len(process.threads),
            pointers=len(self._pointers),
            is_pending=listing is not None and (is_summing or is_measuring or not self._have_all_been_asked),
            denials=tuple(access.denials.values()),
        )

    # -- stacks --------------------------------------------------------------------------------------------

    def _learn_pointers(self, process: ProcessSample, access: Access, turn: Turn) -> None:
        """The stack pointers of threads that sleep: one that runs shows none, and is asked again in the next round."""
        alive = {(tid, thread.start_ticks) for tid, thread in process.threads.items()}
        for ended in self._pointers.keys() - alive:
            del self._pointers[ended]
        left = sorted(alive - self._pointers.keys() - self._asked)
        if not left:  # once round: those that ran then may sleep now
            self._asked.clear()
            left = sorted(alive - self._pointers.keys())
            self._have_all_been_asked = True
        part = _POINTERS_PART if self._listing is not None and self._listing.is_listed else _FIRST_PART
        for number, key in enumerate(left[:MOST_POINTERS]):
            if number and not number % _AT_ONCE and turn.is_over(part):
                break
            self._asked.add(key)
            raw = access.read_task(key[0], "syscall")
            if "syscall" in access.denials:
                self._have_all_been_asked = True
                return
            try:
                pointer = syscalls.parse_call(raw).sp if raw else None
            except ValueError:
                pointer = None
            if pointer:
                self._pointers[key] = pointer
        self._have_all_been_asked |= self._asked.issuperset(left)

    # -- maps ----------------------------------------------------------------------------------------------

    def _list(self, asked: Asked, tid: int, access: Access, turn: Turn) -> None:
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
                listing = self._listing = Listing(self._stack_sizes)
            listing.begin(opened)
        listing.read(turn)

    def _sum_up(self, asked: Asked, turn: Turn) -> None:
        """One step further in the sums, if there is something new."""
        if self._listing is not None:
            measuring = self._measuring if SMAPS in asked.wants else None
            usages = measuring.usages if measuring is not None and measuring.is_done else None
            pointers = {tid: pointer for (tid, _), pointer in self._pointers.items()}
            self._listing.sum_up(turn, pointers, usages, are_all=self._have_all_been_asked)

    # -- smaps ---------------------------------------------------------------------------------------------

    def _measure(self, asked: Asked, tid: int, access: Access, turn: Turn) -> Measured | None:
        if SMAPS not in asked.wants:
            self._stop_measuring()
            return None
        if self._listing is None or self._listing.maps is None or not self._listing.is_listed:
            return None
        if self._measuring is None:
            opened = access.attempt(SMAPS, lambda: Slices(self._reader, asked.pid, tid, SMAPS))
            if opened is None:
                return None
            rollup = access.read_task(tid, "smaps_rollup")
            self._measuring = _Measuring(opened, smaps.parse_rollup(rollup) if rollup else None)
        else:
            self._measuring.step(self._listing.maps, turn)
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

    def step(self, listed: Sequence[Mapped], turn: Turn) -> None:
        """As far as this turn reaches."""
        if self.is_done:
            return
        for piece in self._slices.pieces(turn):
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
