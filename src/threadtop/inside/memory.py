"""The mappings of a process, where its threads' stacks are, and, when asked for, how much of each is in memory."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.inside.access import Access
from threadtop.procfs import maps, parse
from threadtop.procfs.smaps import Blocks, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import ProcessSample, Sample

SMAPS: Final = "smaps"  # the name of what is asked for in Asked.wants
MOST_BYTES: Final = 32 << 20  # of maps
AGAIN_S: Final = 5.0  # mappings and stack pointers are read again after this time
MOST_THREADS: Final = 256  # whose stack pointers are read
SLICE_S: Final = 0.05  # what measuring may take in one reading
_CHUNK: Final = 256 << 10
_POINTER: Final = -2  # of the words of a syscall line
_LEAST_WORDS: Final = 3


class MemoryFacts(NamedTuple):
    """``mappings`` by address, None where they may not be read; ``is_cut``: there are more.

    ``pointers`` are stack pointers by tid, of threads that are blocked.  ``measured`` is what is in memory by the
    start of a mapping, as far as it was measured; ``is_measured``: all of it was, ``measured_age_s`` ago.
    """

    status: Mapping[str, str]
    mappings: tuple[maps.Mapping, ...] | None
    is_cut: bool
    pointers: Mapping[int, int]
    measured: Mapping[int, Usage]
    is_measured: bool
    measured_age_s: float | None
    denials: tuple[Denial, ...]


class MemoryReader:
    """Reads mappings now and then; measures them in slices, so that a huge process does not hold up the screen."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._mappings: tuple[maps.Mapping, ...] | None = None
        self._is_cut = False
        self._pointers: dict[int, int] = {}
        self._read_at = -AGAIN_S
        self._whose = (0, 0)
        self._descriptor: int | None = None
        self._blocks: Blocks | None = None
        self._measured_at: float | None = None

    def read(self, asked: Asked, sample: Sample) -> MemoryFacts:
        """The mappings, and the next slice of what is measured; raises GoneError."""
        process = sample.processes[asked.pid]
        access = Access(self._reader, asked.pid, process.uid)
        status = access.parsed("status", parse.parse_status)
        if status is None:
            raise GoneError(str(asked.pid))
        if self._whose != (process.pid, process.start_ticks):
            self.close()
            self._whose, self._read_at = (process.pid, process.start_ticks), -AGAIN_S
        now = time.monotonic()
        if now - self._read_at >= AGAIN_S or self._mappings is None:
            self._read_mappings(access, process)
            self._read_at = now
        if SMAPS in asked.wants:
            self._measure(access)
        else:
            self._stop()
            self._blocks = self._measured_at = None
        age_s = now - self._measured_at if self._measured_at is not None else None
        return MemoryFacts(
            status=status,
            mappings=self._mappings,
            is_cut=self._is_cut,
            pointers=self._pointers,
            measured=dict(self._blocks.found) if self._blocks is not None else {},
            is_measured=age_s is not None,
            measured_age_s=max(0.0, age_s) if age_s is not None else None,
            denials=tuple(access.denials.values()),
        )

    def close(self) -> None:
        """Give the descriptor back, and forget what was read."""
        self._stop()
        self._mappings, self._blocks, self._measured_at, self._pointers = None, None, None, {}

    def _read_mappings(self, access: Access, process: ProcessSample) -> None:
        raw = access.attempt("maps", lambda: self._reader.read_most(access.pid, "maps", MOST_BYTES))
        self._mappings = None if raw is None else tuple(maps.parse_maps(raw))
        self._is_cut = raw is not None and (len(raw) >= MOST_BYTES or len(self._mappings or ()) >= maps.MOST)
        self._pointers = {}
        for tid in sorted(process.threads)[:MOST_THREADS]:
            line = access.read_task(tid, "syscall") if self._mappings else None
            words = line.split() if line is not None else []
            if "syscall" in access.denials:
                break
            if len(words) >= _LEAST_WORDS:
                self._pointers[tid] = int(words[_POINTER], 16)

    # -- measuring -----------------------------------------------------------------------------

    def _measure(self, access: Access) -> None:
        """Read on for some ms; the kernel holds the process's map lock only while it fills each slice."""
        if self._measured_at is not None:
            return
        if self._descriptor is None:
            self._descriptor = access.attempt("smaps", lambda: self._reader.keep(access.pid, access.pid, "smaps"))
            self._blocks = Blocks()
        if self._descriptor is None or self._blocks is None:
            return
        deadline = time.thread_time() + SLICE_S
        try:
            while part := os.read(self._descriptor, _CHUNK):
                self._blocks.add(part)
                if time.thread_time() >= deadline:
                    return
        except (OSError, DeniedError, ThreadtopError):
            pass  # the process has ended, or was replaced by exec(3): what was measured stands
        self._blocks.end()
        self._measured_at = time.monotonic()
        self._stop()

    def _stop(self) -> None:
        if self._descriptor is not None:
            self._reader.drop(self._descriptor)
            self._descriptor = None
