"""One thread: what the kernel says of it beyond its row (``/proc/PID/task/TID``, proc(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.inside.access import Access
from threadtop.inside.footprint import touched_bytes
from threadtop.inside.symbols import Symbols
from threadtop.procfs import maps, parse, syscalls
from threadtop.sample import living
from threadtop.waiting import calls
from threadtop.waiting.machines import machine_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.blocked import BlockedOn
    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

MOST_MAPS_BYTES: Final = 16 << 20
MAPS_NS: Final = 5_000_000_000  # mappings are read again after this time, and as much later for each
MAPS_MIB: Final = 1 << 20  # of their text: 12 ms
LEAST_GAP_NS: Final = 50_000_000  # of two readings that give a rate
MOST_FRAMES: Final = 64  # of a kernel stack
_SECOND_NS: Final = 1_000_000_000


class Place(NamedTuple):
    """An address: in which mapping (its name, and how far into the file) it is; "" and None not known.

    ``symbol`` is the function, of data the variable, and ``symbol_offset`` how far into that it is.
    """

    address: int
    file: str = ""
    file_offset: int | None = None
    symbol: str = ""
    symbol_offset: int | None = None


class StackRegion(NamedTuple):
    """The mapping that the stack pointer is in; ``used_bytes`` from there to its upper end.

    ``name`` is that of the mapping, "" where it is anonymous.  ``most_bytes`` is how far it may grow: the limit of
    the main thread's, None where it does not grow.  ``touched_bytes`` are in memory or swap, as in
    footprint.touched_bytes.
    """

    start: int
    end: int
    used_bytes: int
    name: str = ""
    most_bytes: int | None = None
    touched_bytes: int | None = None


class ThreadFacts(NamedTuple):
    """``status``, ``sched`` as key to text, ``stat`` and ``schedstat``; what may not be read is None or empty.

    ``syscall`` is the line as it is: ``running``, or number, arguments, stack pointer, program counter; ``call`` what
    those arguments mean.  ``lock_place`` is where the futex lies that it waits on.  ``io`` counts since the thread
    began; ``per_s`` are rates of counters by their names (COUNTERS), empty before two readings.
    """

    tid: int
    status: Mapping[str, str]
    stat: parse.Stat | None
    schedstat: parse.SchedStat | None
    sched: Mapping[str, str]
    syscall: str | None
    call: BlockedOn | None
    program_counter: Place | None
    stack_pointer: int | None
    stack: StackRegion | None
    lock_place: Place | None
    kernel_stack: tuple[str, ...] | None
    io: Mapping[str, int] | None
    per_s: Mapping[str, float]
    denials: tuple[Denial, ...]


COUNTERS: Final = (
    "migrations", "minor_faults", "major_faults", "read_bytes", "write_bytes", "syscr", "syscw", "run_ns", "timeslices",
)  # fmt: skip
"""Of ``sched``, ``stat``, ``io`` and ``schedstat``: those whose rates are told."""


class _Counted(NamedTuple):
    """Counters of one thread when they were read."""

    key: tuple[int, int, int]
    at_ns: int
    counts: Mapping[str, int]
    per_s: Mapping[str, float]


class _Mapped(NamedTuple):
    """The text of ``maps`` of one process when it was read."""

    key: tuple[int, int]
    at_ns: int
    raw: bytes

    def is_fresh(self, key: tuple[int, int], at_ns: int) -> bool:
        """Whether it need not be read again: the longer it takes, the later."""
        return key == self.key and at_ns - self.at_ns < MAPS_NS * (1 + len(self.raw) // MAPS_MIB)


class ThreadReader:
    """Reads one thread; keeps its process's mappings for some seconds, and where it was found."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._symbols = Symbols(reader)
        self._mapped = _Mapped((0, 0), 0, b"")
        self._counted: _Counted | None = None

    def read(self, asked: Asked, sample: Sample) -> ThreadFacts:
        """The thread as it is now; raises GoneError once it or its process has ended."""
        process = sample.processes[asked.pid]
        access = Access(self._reader, asked.pid, process.uid, by=living(process))
        tid = asked.tid or asked.pid
        line = None if process.kernel else access.read_task(tid, "syscall")
        call = _call(line)
        status = parse.parse_status(self._reader.read_task(asked.pid, tid, "status"))
        stat = access.parsed_task(tid, "stat", parse.parse_stat)
        sched = parse_sched(access.read_task(tid, "sched") or b"")
        schedstat = access.parsed_task(tid, "schedstat", parse.parse_schedstat)
        io = access.parsed_task(tid, "io", parse_numbers)
        kernel_stack = access.read_task(tid, "stack")
        thread = process.threads.get(tid)
        blocked = None
        if call is not None and not call.is_running:
            machine = machine_of(self._reader, access.where)
            blocked = calls.asked(machine, call, thread.wchan if thread is not None else None).blocked
            blocked = _with_target(access, tid, blocked)
        key = asked.pid, tid, stat.start_ticks if stat is not None else 0
        where = _Where(self, access, tid, process.start_ticks, sample.at_ns)
        return ThreadFacts(
            tid=tid,
            status=status,
            stat=stat,
            schedstat=schedstat,
            sched=sched,
            syscall=parse.decode(line).strip() if line is not None else None,
            call=blocked,
            program_counter=where.place(call.pc) if call is not None and call.pc else None,
            stack_pointer=(call.sp or None) if call is not None else None,
            stack=where.stack(call.sp) if call is not None and call.sp else None,
            lock_place=where.place(blocked.futex, is_code=False) if blocked is not None and blocked.futex else None,
            kernel_stack=parse_kernel_stack(kernel_stack) if kernel_stack is not None else None,
            io=io,
            per_s=self._rates(key, sample.at_ns, _counts(stat, schedstat, sched, io)),
            denials=tuple(access.denials.values()),
        )

    def close(self) -> None:
        """Forget what is kept."""
        self._mapped = _Mapped((0, 0), 0, b"")

    def mapping(self, access: Access, tid: int, start_ticks: int, at_ns: int, address: int) -> maps.Mapping | None:
        """The mapping that holds an address; ``maps`` is read again where it is old, or holds it in none."""
        key = access.pid, start_ticks
        found = maps.find(self._mapped.raw, address) if self._mapped.is_fresh(key, at_ns) else None
        if found is not None or (self._mapped.key == key and self._mapped.at_ns == at_ns):
            return found
        # By way of the thread: a main thread that has ended has no mappings, though its siblings have.
        raw = access.attempt(
            "maps", lambda: self._reader.read_most(f"{access.pid}/task/{tid}", "maps", MOST_MAPS_BYTES)
        )
        self._mapped = _Mapped(key, at_ns, raw or b"")
        return maps.find(self._mapped.raw, address)

    def named(
        self, pid: int, tid: int, mapping: maps.Mapping, address: int, *, is_code: bool
    ) -> tuple[str, int] | None:
        """The function or variable at an address of a mapping, and how far into it."""
        return self._symbols.find(pid, tid, mapping, address, is_code=is_code)

    def _rates(self, key: tuple[int, int, int], at_ns: int, counts: Mapping[str, int]) -> Mapping[str, float]:
        """What the counters moved a second since the last reading of the same thread."""
        last = self._counted
        if last is None or last.key != key:
            self._counted = _Counted(key, at_ns, counts, {})
            return {}
        gap_ns = at_ns - last.at_ns
        if gap_ns < LEAST_GAP_NS:
            return last.per_s  # a refresh in a hurry: too short for a rate
        per_s = {
            name: (counts[name] - was) / gap_ns * _SECOND_NS for name, was in last.counts.items() if name in counts
        }
        self._counted = _Counted(key, at_ns, counts, per_s)
        return per_s


class _Where(NamedTuple):
    """Where addresses of a thread are."""

    reader: ThreadReader
    access: Access
    tid: int
    start_ticks: int
    at_ns: int

    def _mapping(self, address: int) -> maps.Mapping | None:
        return self.reader.mapping(self.access, self.tid, self.start_ticks, self.at_ns, address)

    def place(self, address: int, *, is_code: bool = True) -> Place:
        """The file, the offset in it, and the function; or the variable, of what is not code."""
        mapping = self._mapping(address)
        if mapping is not None and not mapping.path and not is_code:
            # Variables that begin as zeros follow those that the file has, in a mapping without a name.
            before = self._mapping(mapping.start - 1)
            mapping = before if before is not None and before.path.startswith(b"/") else mapping
        if mapping is None or not mapping.path:
            return Place(address)
        file = parse.decode(maps.base_name(mapping.path))
        if not mapping.path.startswith(b"/"):  # [heap], [stack], [vdso]
            return Place(address, file, address - mapping.start)
        offset = address - mapping.start + mapping.offset
        found = self.reader.named(self.access.pid, self.tid, mapping, address, is_code=is_code)
        if found is None and address >= mapping.end:
            return Place(address)
        return Place(address, file, offset, *(found or ("", None)))

    def stack(self, pointer: int) -> StackRegion | None:
        """The mapping of the stack."""
        mapping = self._mapping(pointer)
        if mapping is None:
            return None
        most = None
        if mapping.path == b"[stack]":
            limits = self.access.parsed("limits", parse.parse_limits) or {}
            soft = limits.get("Max stack size", ("", "", ""))[0]
            most = int(soft) if soft.isdigit() else None
        name = parse.decode(maps.base_name(mapping.path))
        access = self.access
        touched = access.attempt("pagemap", lambda: touched_bytes(access.reader, access.where, mapping))
        return StackRegion(mapping.start, mapping.end, mapping.end - pointer, name, most, touched)


def _with_target(access: Access, tid: int, blocked: BlockedOn) -> BlockedOn:
    """What the descriptor of a call is: the thread may be in another call than when the tick looked at it."""
    fd = blocked.fd
    if fd is None:
        return blocked
    target = access.attempt("fd", lambda: access.reader.descriptor_link(f"{access.pid}/task/{tid}", fd))
    return blocked._replace(target=target or "")


def _call(line: bytes | None) -> syscalls.Call | None:
    try:
        return syscalls.parse_call(line) if line is not None else None
    except ValueError:
        return None


def _counts(
    stat: parse.Stat | None,
    schedstat: parse.SchedStat | None,
    sched: Mapping[str, str],
    io: Mapping[str, int] | None,
) -> Mapping[str, int]:
    """COUNTERS as far as they may be known."""
    counts = {name: io[name] for name in ("read_bytes", "write_bytes", "syscr", "syscw") if name in io} if io else {}
    if stat is not None:
        counts |= {"minor_faults": stat.minflt, "major_faults": stat.majflt}
    if schedstat is not None:
        counts |= {"run_ns": schedstat.run_ns, "timeslices": schedstat.timeslices}
    moved = sched.get("se.nr_migrations", "")
    if moved.isdecimal():
        counts["migrations"] = int(moved)
    return counts


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
