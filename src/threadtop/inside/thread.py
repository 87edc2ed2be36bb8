"""One thread: what the kernel says of it beyond its row (``/proc/PID/task/TID``, proc(5))."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.inside.access import Access
from threadtop.inside.symbols import Symbols
from threadtop.procfs import maps, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

MAPS_S: Final = 5.0  # mappings are read again after this time, and at once where an address is in none
MOST_MAPS_BYTES: Final = 16 << 20
MOST_FRAMES: Final = 64  # of a kernel stack
_RUNNING: Final = b"running"
_LEAST_WORDS: Final = 3


class Place(NamedTuple):
    """An address: in which mapping (its name, and how far into the file) and function it is; "" and None not known."""

    address: int
    file: str = ""
    file_offset: int | None = None
    symbol: str = ""
    symbol_offset: int | None = None


class StackRegion(NamedTuple):
    """The mapping that the stack pointer is in; ``used_bytes`` from there to its upper end."""

    start: int
    end: int
    used_bytes: int


class ThreadFacts(NamedTuple):
    """``status``, ``sched`` as key to text, ``stat`` and ``schedstat``; what may not be read is None or empty.

    ``syscall`` is the line as it is: ``running``, or number, arguments, stack pointer, program counter.
    ``migrations_per_s`` is None before two readings; ``io`` counts since the thread began.
    """

    status: Mapping[str, str]
    stat: parse.Stat | None
    schedstat: parse.SchedStat | None
    sched: Mapping[str, str]
    syscall: str | None
    program_counter: Place | None
    stack_pointer: int | None
    stack: StackRegion | None
    kernel_stack: tuple[str, ...] | None
    io: Mapping[str, int] | None
    migrations_per_s: float | None
    denials: tuple[Denial, ...]


class ThreadReader:
    """Reads one thread; keeps the process's mappings for some seconds, and symbols of files."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._symbols = Symbols(reader)
        self._maps: list[maps.Mapping] = []
        self._maps_of: tuple[int, int] = (0, 0)
        self._maps_at = 0.0
        self._migrations: tuple[tuple[int, int, int], int, int] | None = None

    def read(self, asked: Asked, sample: Sample) -> ThreadFacts:
        """The thread as it is now; raises GoneError once it or its process has ended."""
        process = sample.processes[asked.pid]
        access = Access(self._reader, asked.pid, process.uid)
        tid = asked.tid or asked.pid
        status = parse.parse_status(self._reader.read_task(asked.pid, tid, "status"))
        stat = access.parsed_task(tid, "stat", parse.parse_stat)
        sched = access.read_task(tid, "sched")
        line = None if process.kernel else access.read_task(tid, "syscall")
        counter, pointer = _places(line or b"")
        self._refresh_maps(access, process.start_ticks, pointer, counter)
        region = maps.holding(self._maps, pointer) if pointer else None
        kernel_stack = access.read_task(tid, "stack")
        known = parse_sched(sched or b"")
        key = asked.pid, tid, stat.start_ticks if stat is not None else 0
        return ThreadFacts(
            status=status,
            stat=stat,
            schedstat=access.parsed_task(tid, "schedstat", parse.parse_schedstat),
            sched=known,
            syscall=line.decode("ascii", "replace").strip() if line is not None else None,
            program_counter=self._place(asked.pid, counter) if counter else None,
            stack_pointer=pointer or None,
            stack=StackRegion(region.start, region.end, region.end - pointer) if region is not None else None,
            kernel_stack=parse_kernel_stack(kernel_stack) if kernel_stack is not None else None,
            io=access.parsed_task(tid, "io", parse_numbers),
            migrations_per_s=self._moved(key, known.get("se.nr_migrations", ""), sample.at_ns),
            denials=tuple(access.denials.values()),
        )

    def close(self) -> None:
        """Forget what is kept."""
        self._maps = []

    def _refresh_maps(self, access: Access, start_ticks: int, pointer: int, counter: int) -> None:
        """Read the mappings where there is an address to look up and those that are known are old or do not hold it."""
        if not pointer and not counter:
            return
        now = time.monotonic()
        whose = access.pid, start_ticks
        is_known = whose == self._maps_of and now - self._maps_at < MAPS_S
        if is_known and maps.holding(self._maps, pointer) and maps.holding(self._maps, counter):
            return
        raw = access.attempt("maps", lambda: self._reader.read_most(access.pid, "maps", MOST_MAPS_BYTES))
        self._maps, self._maps_of, self._maps_at = maps.parse_maps(raw or b""), whose, now

    def _place(self, pid: int, address: int) -> Place:
        mapping = maps.holding(self._maps, address)
        if mapping is None:
            return Place(address)
        file = parse.decode(maps.base_name(mapping.path))
        offset = address - mapping.start + mapping.offset
        found = self._symbols.find(pid, mapping, address)
        return Place(address, file, offset, *(found or ("", None)))

    def _moved(self, key: tuple[int, int, int], words: str, at_ns: int) -> float | None:
        """Migrations a second since the last reading of the same thread."""
        if not words.isdigit():
            return None
        count, last = int(words), self._migrations
        self._migrations = key, count, at_ns
        if last is None or last[0] != key or at_ns <= last[2]:
            return None
        return (count - last[1]) / ((at_ns - last[2]) / 1e9)


def _places(line: bytes) -> tuple[int, int]:
    """Program counter and stack pointer of a ``syscall`` line, 0 where it has none: the thread runs."""
    words = line.split()
    if len(words) < _LEAST_WORDS or words[0] == _RUNNING:
        return 0, 0
    try:
        return int(words[-1], 16), int(words[-2], 16)
    except ValueError:
        return 0, 0


def parse_sched(raw: bytes) -> dict[str, str]:
    """``sched``: lines of ``name : number`` (kernel/sched/debug.c)."""
    pairs = (line.partition(":") for line in parse.decode(raw).split("\n"))
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def parse_numbers(raw: bytes) -> dict[str, int]:
    """``io``: lines of ``name: number``; ValueError where one is none."""
    pairs = (line.split(b":") for line in raw.splitlines() if line)
    return {pair[0].decode("ascii", "replace"): int(pair[1]) for pair in pairs}


def parse_kernel_stack(raw: bytes) -> tuple[str, ...]:
    """``stack``: ``[<0>] futex_wait+0x1/0x2`` as the function with its place, innermost first."""
    lines = parse.decode(raw).splitlines()[:MOST_FRAMES]
    return tuple(line.partition("] ")[2] or line for line in lines)
