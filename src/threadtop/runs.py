"""Runs: which threads of a process have run since the last pass.

The clock of a process is the sum of ``run_ns`` over its threads, the ended ones included.  The threads
that ran lately (hot) are compared first; once their sum accounts for the whole advance of the clock, no
other thread can have run, and the cold ones are not read at all.  Otherwise their ``schedstat`` is
compared as bytes, latest runners first, until the sum is reached.

The proof checks itself: a kernel on which it does not hold never reaches the sum, and pays a full
comparison.  Where there is no ``schedstat`` (gVisor, some kernels), ``stat`` takes its place.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from threadtop.errors import GoneError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.descriptors import Descriptors
    from threadtop.procfs.reader import ProcReader
    from threadtop.tasks import Process, Task


class Runs:
    """Compares pulses; ``now`` is the number of the pass, ``has_schedstat`` which file the pulse is."""

    def __init__(self, reader: ProcReader, descriptors: Descriptors) -> None:
        """Read clocks through ``reader`` and pulses through ``descriptors``."""
        self._reader = reader
        self._descriptors = descriptors
        self.now = 0
        self.has_schedstat = True

    def find(self, process: Process, clock_ns: int | None) -> tuple[list[Task], list[Task]]:
        """The tasks that ran since the last pass, and those that are gone.

        ``process.clock_ns`` becomes a reading of the clock from before the scan: whatever runs later
        moves the clock on from it.
        """
        ran: dict[Task, None] = {}
        lost: list[Task] = []
        first_ns = clock_ns
        is_accounted = False
        for _ in range(2):
            self._scan(process, process.hot, ran, lost)
            is_accounted = process.accounts_for(clock_ns)
            if is_accounted and process.is_proven:
                process.clock_ns = clock_ns
                return list(ran), lost
            earlier, clock_ns = clock_ns, clock_ns if is_accounted else self._reader.clock_ns(process.pid)
            if clock_ns == earlier or lost or process.ended_ns is None:
                break  # not a race with a running thread: a cold one ran, or one has ended
        hot_ran = len(ran)
        for chunk in process.cold_chunks():
            self._scan(process, chunk, ran, lost)
            if process.is_proven and process.accounts_for(clock_ns) and not lost:
                process.clock_ns = clock_ns
                return list(ran), lost
        process.clock_ns = first_ns
        process.note_cold_scan(self.now)
        if is_accounted and len(ran) == hot_ran and not lost:
            process.is_proven = True
        else:
            process.ended_ns = None
        return list(ran), lost

    def _scan(self, process: Process, tasks: Iterable[Task], ran: dict[Task, None], lost: list[Task]) -> None:
        """Read the pulse of ``tasks``; those that changed go to ``ran``, those that are gone to ``lost``."""
        pread, now_ns, ticks = os.pread, time.monotonic_ns(), not self.has_schedstat
        size, name = (1024, "stat") if ticks else (64, "schedstat")
        count = 0
        for task in tasks:
            count += 1
            try:
                descriptor = task.pulse_fd
                raw = (
                    pread(descriptor, size, 0)
                    if descriptor is not None
                    else self._descriptors.open_pulse(process, task, name, self.now)
                )
                if raw == task.pulse:
                    continue
                before_ns = task.run_ns
                task.take_pulse(raw, ticks=ticks)
            except (GoneError, ProcessLookupError, ValueError, IndexError):
                lost.append(task)
            else:
                process.total_ns += task.run_ns - before_ns
                task.at_ns = now_ns
                task.ran_pass = self.now
                ran[task] = None
        self._reader.reads[name] += count

    def synchronise(self, process: Process) -> tuple[list[Task], list[Task]]:
        """Find what ended threads added to the clock: exact once the clock stood still around a scan.

        Cold threads were compared before that.  If the clock has moved since, one of them may have run
        and be taken for an ended one: the sum is a proof only after all have been compared once more.
        Returns the tasks that ran meanwhile, and those that are gone.
        """
        ran: dict[Task, None] = {}
        lost: list[Task] = []
        if not self.has_schedstat or process.clock_ns is None:
            return [], []
        for _ in range(3):
            clock_ns = self._reader.clock_ns(process.pid)
            self._scan(process, process.hot, ran, lost)
            if lost:
                break
            if clock_ns is not None and clock_ns == self._reader.clock_ns(process.pid):
                process.ended_ns = clock_ns - process.total_ns
                process.is_proven = clock_ns == process.clock_ns
                break
        return list(ran), lost
