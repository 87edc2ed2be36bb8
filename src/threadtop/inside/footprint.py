"""What memory a process, its siblings and its threads' stacks take; read seldom, for the kernel walks all pages.

What was measured is kept for PERIOD_S, and for as long as keeps measuring below a fiftieth of the time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.inside import mapped
from threadtop.inside.slices import Slices, Turn
from threadtop.procfs import maps, pagemap, smaps, syscalls
from threadtop.sample import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from threadtop.inside.access import Access
    from threadtop.inside.siblings import Sibling
    from threadtop.procfs.reader import ProcReader
    from threadtop.procfs.smaps import Usage

_Item = TypeVar("_Item")
PERIOD_S: Final = 5.0
SHARE: Final = 50  # measuring may take one part in so many of the time
PASS_S: Final = 0.015  # of CPU time in one reading, for other processes
MOST_STACKS: Final = 32  # that are looked at
MOST_MAPS_BYTES: Final = 8 << 20
MOST_MAPS: Final = 2000  # mappings that are parsed where no stack pointer is known
SMAPS_S: Final = 0.02  # of CPU time, where pagemap does not say
_MOST_STACK_BYTES: Final = 1 << 30  # larger ones are no stacks
MOST_TOUCHED_BYTES: Final = 32 << 20  # of one stack whose pages are counted, from its upper end, where it begins
_STACK_BYTES: Final = 8 << 20  # of a thread, where nobody chose another size (pthread_create(3))


class Aged(NamedTuple):
    """What a process takes, and when that was read (monotonic ns); None: it may not be known."""

    usage: Usage | None
    at_ns: int


class Usages:
    """``smaps_rollup`` of processes, in turn."""

    def __init__(self, reader: ProcReader, cpu_s: Callable[[], float] = time.thread_time) -> None:
        """Read through ``reader``; ``cpu_s`` tells what that costs."""
        self._reader = reader
        self._cpu_s = cpu_s
        self._kept: dict[tuple[int, int], Aged] = {}  # by pid and start time
        self._due_ns = 0

    def read(
        self, access: Access, start_ticks: int, members: Sequence[Sibling], now_ns: int
    ) -> tuple[Aged | None, tuple[Sibling, ...]]:
        """The opened process's, None where it may not be known, and its siblings with theirs; raises GoneError.

        What is due is measured anew: the opened process, then those that never were, then the oldest.
        """
        own = access.pid, start_ticks
        keys = [own, *((one.pid, one.start_ticks) for one in members if one.pid != access.pid)]
        self._kept = {key: self._kept[key] for key in keys if key in self._kept}
        if own not in self._kept or now_ns >= self._due_ns:
            began_s = self._cpu_s()
            if self._is_due(own, now_ns):
                usage = access.parsed("smaps_rollup", smaps.parse_rollup)
                self._kept.pop(own, None)  # what is denied is asked for each time, so that each time it is said why
                if usage is not None:
                    self._kept[own] = Aged(usage, now_ns)
            for key in sorted(keys[1:], key=lambda key: self._kept[key].at_ns if key in self._kept else -1):
                if not self._is_due(key, now_ns) or self._cpu_s() - began_s > PASS_S:
                    break
                self._kept[key] = Aged(self._measured(key[0]), now_ns)
            self._due_ns = now_ns + round((self._cpu_s() - began_s) * SHARE * 1e9)
        told = tuple(one._replace(usage=self._usage((one.pid, one.start_ticks))) for one in members)
        return self._kept.get(own), told

    def _is_due(self, key: tuple[int, int], now_ns: int) -> bool:
        kept = self._kept.get(key)
        return kept is None or now_ns - kept.at_ns >= PERIOD_S * 1e9

    def _usage(self, key: tuple[int, int]) -> Usage | None:
        kept = self._kept.get(key)
        return kept.usage if kept is not None else None

    def _measured(self, pid: int) -> Usage | None:
        try:
            return smaps.parse_rollup(self._reader.read(pid, "smaps_rollup"))
        except (GoneError, DeniedError, ThreadtopError, OSError, ValueError):
            return None


class Stacks(NamedTuple):
    """Stacks of ``threads`` beside the main one, an estimate: medians of ``sampled`` ones.

    ``touched_bytes`` were used, and are in memory or swap; ``limit_bytes`` is what a stack reserves unless the program
    chose another size, None where that is unlimited.  ``is_hint``: most of the stacks were told by a pattern, for few
    threads show their stack pointer.
    """

    threads: int
    sampled: int = 0
    reserved_bytes: int | None = None
    touched_bytes: int | None = None
    limit_bytes: int | None = None
    is_hint: bool = False


class StackReader:
    """Looks at the stacks of some threads, and keeps what it found."""

    def __init__(self, reader: ProcReader, cpu_s: Callable[[], float] = time.thread_time) -> None:
        """Read through ``reader``; ``cpu_s`` tells what that costs."""
        self._reader = reader
        self._cpu_s = cpu_s
        self._kept: Stacks | None = None
        self._due_ns = 0

    def read(self, access: Access, tids: Iterable[int], limit_bytes: int | None, now_ns: int) -> Stacks | None:
        """The stacks of these threads; None where they may not be known; raises GoneError."""
        others = sorted(tid for tid in tids if tid != access.pid)
        if not others:
            self._kept = Stacks(0, limit_bytes=limit_bytes)
        elif self._kept is None or self._kept.threads == 0 or now_ns >= self._due_ns:
            began_s = self._cpu_s()
            self._kept = self._read(access, others, limit_bytes)
            self._due_ns = now_ns + round(max(PERIOD_S, (self._cpu_s() - began_s) * SHARE) * 1e9)
        return self._kept

    def _read(self, access: Access, tids: Sequence[int], limit_bytes: int | None) -> Stacks | None:
        # By way of a thread: a main thread that has ended has no mappings, though its siblings have.
        name = f"{access.pid}/task/{tids[0]}"
        raw = access.attempt("maps", lambda: self._reader.read_most(name, "maps", MOST_MAPS_BYTES))
        if raw is None:
            return None
        wanted = _some(tids)
        found = self._by_pointers(access.pid, raw, wanted)
        # A thread that runs shows no stack pointer, and where it may not be read none does.
        is_hint = 2 * len(found) < len(wanted)
        if is_hint:
            sizes = {_STACK_BYTES, limit_bytes or _STACK_BYTES, *(one.size_bytes for one in found)}
            placed = mapped.placed(maps.parse_maps(raw, MOST_MAPS), {}, sizes)
            likely = {one.map.start: one.map for one in placed if one.kind == "thread stack"}
            found = _some(list({**likely, **{one.start: one for one in found}}.values()))
        touched = self._touched(access, tids[0], found)
        return Stacks(
            len(tids),
            len(found),
            _median([one.size_bytes for one in found]),
            _median(touched),
            limit_bytes,
            is_hint=is_hint and bool(found),
        )

    def _by_pointers(self, pid: int, raw: bytes, tids: Sequence[int]) -> Sequence[maps.Mapping]:
        """The mappings that hold the stack pointers of threads; one that holds two is no single stack, and left out."""
        found: dict[int, maps.Mapping] = {}
        shared: set[int] = set()
        for tid in tids:
            try:
                pointer = syscalls.parse_call(self._reader.read_task(pid, tid, "syscall")).sp
            except DeniedError:
                return ()
            except (GoneError, ThreadtopError, OSError, ValueError):
                continue
            one = maps.find(raw, pointer) if pointer else None
            if one is not None and mapped.may_be_stack(one) and one.size_bytes <= _MOST_STACK_BYTES:
                shared |= {one.start} & found.keys()
                found[one.start] = one
        return [one for start, one in found.items() if start not in shared]

    def _touched(self, access: Access, tid: int, stacks: Sequence[maps.Mapping]) -> list[int]:
        """What is in memory or swap of each, as far as it is known."""
        found = []
        for one in stacks:
            try:
                touched = touched_bytes(self._reader, access.where, one)
            except (DeniedError, GoneError, ThreadtopError, OSError):
                touched = None  # a kernel without it, or one that denies it (4.0 and 4.1)
            if touched is None:
                return self._by_smaps(access.pid, tid, stacks)
            found.append(touched)
        return found

    def _by_smaps(self, pid: int, tid: int, stacks: Sequence[maps.Mapping]) -> list[int]:
        blocks = smaps.Blocks()
        try:
            opened = Slices(self._reader, pid, tid, "smaps")
            try:
                for piece in opened.pieces(Turn(SMAPS_S)):
                    blocks.add(piece)
                if opened.is_done:
                    blocks.end()
            finally:
                opened.close()
        except (DeniedError, GoneError, ThreadtopError, OSError):
            pass
        usages = [blocks.found[one.start] for one in stacks if one.start in blocks.found]
        return [usage.rss_bytes + usage.swap_bytes for usage in usages]


def touched_bytes(reader: ProcReader, task: int, stack: maps.Mapping) -> int | None:
    """What of a stack is in memory or swap (``pagemap`` of ``task``), of its upper MOST_TOUCHED_BYTES; None not known.

    Raises GoneError or DeniedError.
    """
    pages = min(MOST_TOUCHED_BYTES, stack.size_bytes) // PAGE_BYTES
    offset = (stack.end // PAGE_BYTES - pages) * pagemap.ENTRY_BYTES
    raw = reader.read_part(task, "pagemap", offset, pages * pagemap.ENTRY_BYTES)
    return pagemap.touched(raw) * PAGE_BYTES if raw else None


def _some(items: Sequence[_Item]) -> Sequence[_Item]:
    """At most MOST_STACKS of them, evenly apart."""
    return items[:: -(-len(items) // MOST_STACKS) or 1]


def _median(sizes: Sequence[int]) -> int | None:
    return sorted(sizes)[len(sizes) // 2] if sizes else None
