"""Descriptors: the kept ones of all tasks; reads through them, and lets the long unused go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from threadtop.errors import GoneError
from threadtop.tasks import HELD_PASSES, OFTEN_PASSES, Process, Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.procfs.reader import ProcReader

RELEASE_PASSES: Final = 8  # descriptors are looked over once in so many passes
_READ_BYTES: Final = 8192  # of status: its list of groups may be long


class Descriptors:
    """Keeps descriptors for tasks that are read again and again, as long as there are any."""

    def __init__(self, reader: ProcReader) -> None:
        """Keep those that ``reader`` gives."""
        self._reader = reader
        self._holding: dict[Task, Process] = {}

    def open_pulse(self, process: Process, task: Task, name: str, now: int) -> bytes:
        """A pulse that is read again and again is worth a descriptor; the last quarter is for the hot."""
        reader = self._reader
        if task.is_hot or (process.is_often_scanned(now) and reader.kept < reader.limit * 3 // 4):
            task.pulse_fd = reader.keep(process.pid, task.tid, name)
        if task.pulse_fd is None:
            reader.reads[name] -= 1  # the caller counts it
            return reader.read_task(process.pid, task.tid, name)
        self._holding[task] = process
        return os.pread(task.pulse_fd, 1024, 0)

    def read(self, process: Process, task: Task, name: str, *, keep: bool) -> bytes:
        """``stat``, ``status`` or ``wchan``, over a descriptor of its own where the task is often read."""
        kept = task.kept
        descriptor = kept.get(name)
        if descriptor is None:
            if keep and task.is_often_read:
                descriptor = self._reader.keep(process.pid, task.tid, name)
            if descriptor is None:
                return self._reader.read_task(process.pid, task.tid, name)
            kept[name] = descriptor
            self._holding[task] = process
        self._reader.reads[name] += 1
        try:
            return os.pread(descriptor, _READ_BYTES, 0)
        except ProcessLookupError as error:
            raise GoneError(str(task.tid)) from error

    def release(self, now: int) -> None:
        """Let go of what has not been used for a while: each descriptor pins 4 KiB in the kernel."""
        if now % RELEASE_PASSES:
            return
        for task, process in list(self._holding.items()):
            if now - task.read_pass > OFTEN_PASSES + RELEASE_PASSES:
                compared_pass = max(task.ran_pass, process.cold_scan_pass)
                self._drop(task, pulse=now - compared_pass > HELD_PASSES)

    def drop(self, tasks: Iterable[Task]) -> None:
        """Close all descriptors of some tasks."""
        for task in tasks:
            self._drop(task, pulse=True)

    def _drop(self, task: Task, *, pulse: bool) -> None:
        for descriptor in task.take_descriptors(pulse=pulse):
            self._reader.drop(descriptor)
        if task.pulse_fd is None:
            self._holding.pop(task, None)
