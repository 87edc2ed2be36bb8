"""A CPython's memory made by hand: its runtime, interpreters, thread states and GILs, for any layout."""

from __future__ import annotations

import errno
import struct
from bisect import bisect_right, insort
from typing import TYPE_CHECKING

from threadtop.errors import GoneError
from threadtop.gil import layout
from threadtop.gil.memory import MOST_BYTES, BadAddressError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.gil.layout import Layout

RUNTIME = 0x10_0000
INTERPRETERS = 0x20_0000
STATES = 0x40_0000
PTHREADS = 0x60_0000
LOCKS = 0x80_0000
STACKS = 0xA0_0000
SPAN = 0x8000  # between two interpreters, or two of anything else, at least
TIDS = {("x86_64", False): 720, ("aarch64", False): 208, ("x86_64", True): 48, ("aarch64", True): 32}

# What a made-up table of debug offsets holds; what is not named is 0.
_TABLE = {
    "r.size": 0x2000,
    "r.interpreters_head": 808,
    "i.size": 0x4000,
    "i.id": 7272,
    "i.next": 7264,
    "i.threads_head": 7344,
    "i.ceval_gil": 0x1E00,
    "i.gil": 0x1E80,
    "t.size": 0x200,
    "t.next": 8,
    "t.interp": 16,
    "t.thread_id": 152,
    "t.native_thread_id": 160,
    "t.holds_gil": 36,
    "t.gil_requested": 40,
}


class FakeMemory:
    """Memory of a few segments; whatever lies outside them is not mapped.  ``reads`` counts."""

    def __init__(self) -> None:
        """Nothing mapped."""
        self.segments: dict[int, bytearray] = {}
        self._starts: list[int] = []
        self.reads = 0
        self.is_gone = False
        self.is_closed = False

    def close(self) -> None:
        """As Memory."""
        self.is_closed = True

    def map(self, address: int, size: int) -> None:
        """Map so many zeros."""
        if address not in self.segments:
            insort(self._starts, address)
        self.segments[address] = bytearray(size)

    def _place(self, address: int, size: int) -> tuple[bytearray, int]:
        for at in range(bisect_right(self._starts, address) - 1, -1, -1):  # mostly it is the first: few overlap
            start = self._starts[at]
            segment = self.segments.get(start, bytearray())  # a test may have taken it away
            if address + size <= start + len(segment):
                return segment, address - start
        raise BadAddressError

    def read(self, address: int, size: int) -> bytes:
        """As Memory."""
        self.reads += 1
        assert 0 < size <= MOST_BYTES
        if self.is_gone:
            raise GoneError(str(address))
        segment, at = self._place(address, size)
        return bytes(segment[at : at + size])

    def pread(self, size: int, address: int) -> bytes:
        """As Memory: the kernel refuses what is no address, and gives nothing of a process that has gone."""
        if address >= 1 << 63:
            raise OverflowError
        try:
            return self.read(address, size)
        except GoneError:
            return b""
        except BadAddressError as error:
            raise OSError(errno.EIO, "") from error

    def word(self, address: int) -> int:
        """As Memory."""
        return int.from_bytes(self.read(address, 8), "little")

    def put(self, address: int, value: int, size: int = 8) -> None:
        """Write an unsigned number."""
        segment, at = self._place(address, size)
        segment[at : at + size] = value.to_bytes(size, "little")


def debug_offsets(minor: int, machine: str, *, is_free_threaded: bool = False, is_musl: bool = False) -> bytes:
    """The table that CPython 3.13 and later begins its runtime with, with made-up places."""
    gil = layout._gil(machine, is_free_threaded=is_free_threaded, is_musl=is_musl)
    values = {
        **_TABLE,
        "i.gil_locked": _TABLE["i.gil"] + gil.locked,
        "i.gil_holder": _TABLE["i.gil"] + gil.last_holder,
    }
    version_hex = 3 << 24 | minor << 16 | 1 << 8 | 0xF0
    names = layout._FIELDS[minor]
    head = struct.pack("<8sQQ", layout.COOKIE, version_hex, int(is_free_threaded))
    return head + struct.pack(f"<{len(names)}Q", *(values.get(name, 0) for name in names))


def layout_of(minor: int, machine: str, *, is_free_threaded: bool = False, is_musl: bool = False) -> Layout:
    """The layout of a version, by its own table where it has one."""
    if minor < 13:
        return layout.for_version(minor, machine, is_musl=is_musl)
    raw = debug_offsets(minor, machine, is_free_threaded=is_free_threaded, is_musl=is_musl)
    return layout.from_debug_offsets(raw.ljust(layout.DEBUG_OFFSETS_SIZE, b"\0"), machine, is_musl=is_musl)


class FakeRuntime:
    """A CPython in a FakeMemory: interpreters of some threads each, each with a GIL or sharing the first one's."""

    def __init__(
        self,
        minor: int,
        machine: str = "x86_64",
        *,
        is_free_threaded: bool = False,
        is_musl: bool = False,
    ) -> None:
        """No interpreter yet."""
        self.memory = FakeMemory()
        self.machine = machine
        self.is_musl = is_musl
        self.form = layout_of(minor, machine, is_free_threaded=is_free_threaded, is_musl=is_musl)
        self.tid_offset = TIDS[machine, is_musl]
        self.interpreters: list[int] = []
        self.states: dict[int, int] = {}
        self.gils: list[int] = []
        self.memory.map(RUNTIME, 0x2000)
        if minor >= 13:
            raw = debug_offsets(minor, machine, is_free_threaded=is_free_threaded, is_musl=is_musl)
            self.memory.segments[RUNTIME][: len(raw)] = raw

    def interpreter(self, number: int, tids: Iterable[int], *, owns_gil: bool = True) -> int:
        """Add an interpreter with these threads (the tids that the program itself knows)."""
        form, memory = self.form, self.memory
        at = INTERPRETERS + len(self.interpreters) * SPAN
        memory.map(at, 0x4000)
        memory.put(at + form.interpreter_id, number)
        previous = self.interpreters[-1] + form.interpreter_next if self.interpreters else RUNTIME
        memory.put(previous if self.interpreters else RUNTIME + form.interpreters_head, at)
        self.interpreters.append(at)
        if form.runtime_gil is not None:
            gil = RUNTIME + form.runtime_gil
            if not self.gils:
                self._gil(gil)
        else:
            assert form.interpreter_gil is not None
            gil = LOCKS + len(self.interpreters) * SPAN if owns_gil else self.gils[0]
            if owns_gil:
                memory.map(gil, 0x200)
                self._gil(gil)
            memory.put(at + form.interpreter_gil, gil)
        link = at + form.interpreter_threads
        for tid in tids:
            link = self._state(at, tid, link)
        return at

    def _gil(self, at: int) -> None:
        self.gils.append(at)
        self.memory.put(at + self.form.gil_interval, 5000)
        if self.form.gil_enabled is not None:
            self.memory.put(at + self.form.gil_enabled, 0x7FFFFFFF, 4)

    def _state(self, interpreter: int, tid: int, link: int) -> int:
        """A thread state at the end of the list; gives where the next one is linked."""
        form, memory = self.form, self.memory
        at = STATES + len(self.states) * 0x400
        pthread = PTHREADS + len(self.states) * 0x800
        memory.map(at, 0x200)
        memory.map(pthread, 0x800)
        memory.put(link, at)
        memory.put(at + form.thread_interp, interpreter)
        memory.put(at + form.thread_id, pthread)
        memory.put(pthread + self.tid_offset, tid, 4)
        if form.native_thread_id is not None:
            memory.put(at + form.native_thread_id, tid)
        self.states[tid] = at
        return at + form.thread_next

    def hold(self, tid: int | None, switches: int = 0, *, lock: int = 0) -> None:
        """Let a thread have a GIL; None: let it go, the last holder stays."""
        at = self.gils[lock]
        self.memory.put(at + self.form.gil_locked, int(tid is not None), 4)
        self.memory.put(at + self.form.gil_switch_number, switches)
        if tid is not None:
            self.memory.put(at + self.form.gil_last_holder, self.states[tid])
