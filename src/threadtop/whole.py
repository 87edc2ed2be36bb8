"""Whole: all that is read of a thread once it is known to have run, or is looked at."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from threadtop.errors import DeniedError, GoneError
from threadtop.interest import STATUS, WCHAN, Interest
from threadtop.procfs import parse
from threadtop.sample import ENDED, ThreadSample

if TYPE_CHECKING:
    from threadtop.descriptors import Descriptors
    from threadtop.procfs.reader import ProcReader
    from threadtop.tasks import Process, Task


class PidReusedError(Exception):
    """A pid belongs to another process than before."""


class Whole:
    """Reads ``stat``, ``status`` and ``wchan`` of threads, and ``cmdline`` of processes."""

    def __init__(self, reader: ProcReader, descriptors: Descriptors, euid: int) -> None:
        """``euid`` decides whose ``wchan`` may be read."""
        self._reader = reader
        self._descriptors = descriptors
        self._euid = euid
        self.now = 0
        self.interest = Interest()

    def read(self, process: Process, task: Task, *, ticks: bool, stat_only: bool = False, keep: bool = True) -> None:
        """Take in what a thread's files say now.

        ``ticks``: there is no schedstat to tell whether it ran.  Raises GoneError if the thread ended
        and PidReusedError if its process is another.
        """
        task.begin_whole_read(self.now)
        old = process.samples.get(task.tid)
        has_run = old is None or task.ran_pass == self.now or ticks
        raw = self._descriptors.read(process, task, "stat", keep=keep)
        wanted = frozenset() if stat_only else self.interest.needs
        if not has_run and raw == task.stat and not self._lacks(process, old, wanted):
            return
        try:
            stat = parse.parse_stat(raw)
        except (ValueError, IndexError) as error:  # cut short: the thread is on its way out
            raise GoneError(str(task.tid)) from error
        is_leader = task.tid == process.pid
        if is_leader and process.is_other(stat):
            raise PidReusedError
        if old is not None and old.start_ticks != stat.start_ticks:
            raise GoneError(str(task.tid))  # its tid is another's now
        is_renamed = is_leader and process.take_stat(stat)
        # What it counted before it ran again is no longer so; unread is unknown.
        vol, invol = (old.vol, old.invol) if old is not None and not has_run else (None, None)
        if (STATUS in wanted and vol is None) or (is_leader and process.uid is None):
            vol, invol = self._read_status(process, task, keep=keep)
        wchan = old.wchan if old is not None and not has_run and old.state == stat.state else None
        if WCHAN in wanted and wchan is None and self._may_read_wchan(process):
            wchan = self._read_wchan(process, task, stat.state, keep=keep)
        if is_renamed and old is not None:
            self.read_identity(process)
        sample = ThreadSample(
            task.tid,
            stat.start_ticks,
            stat.name,
            stat.state,
            task.run_ns,
            task.wait_ns,
            stat.utime_ticks,
            stat.stime_ticks,
            vol,
            invol,
            stat.priority,
            stat.nice,
            stat.rt_priority,
            stat.policy,
            stat.last_cpu,
            wchan,
            task.at_ns,
        )
        task.stat = raw if task.is_often_read else b""  # kept only where it will be compared
        if sample != old:
            process.take(sample)

    def _lacks(self, process: Process, old: ThreadSample | None, wanted: frozenset[str]) -> bool:
        """Whether something wanted of a resting thread has not been read yet."""
        if old is None or (STATUS in wanted and old.vol is None):
            return True
        return WCHAN in wanted and old.wchan is None and self._may_read_wchan(process)

    def _read_status(self, process: Process, task: Task, *, keep: bool) -> tuple[int | None, int | None]:
        raw = self._descriptors.read(process, task, "status", keep=keep)
        if task.tid == process.pid:
            process.uid = parse.parse_uid(raw)
        return parse.parse_switches(raw)

    def _may_read_wchan(self, process: Process) -> bool:
        return not process.kernel and (self._euid == 0 or self._euid == process.uid)

    def _read_wchan(self, process: Process, task: Task, state: str, *, keep: bool) -> str | None:
        try:
            raw = self._descriptors.read(process, task, "wchan", keep=keep)
        except DeniedError:
            return None
        if raw in (b"0", b""):
            return "" if state == "R" else None
        return raw.decode("ascii", "replace")

    def read_identity(self, process: Process) -> None:
        """The command line; an ended or kernel process has none, then the last known stands."""
        raw = self._reader.read(process.pid, "cmdline") or self._read_cmdline_of_others(process)
        if raw != process.cmdline_raw and (raw or not process.cmdline_raw):
            process.cmdline_raw = raw
            process.command = " ".join(parse.parse_cmdline(raw)).rstrip()
            process.changed = True

    def _read_cmdline_of_others(self, process: Process) -> bytes:
        """By way of another thread, where the main one has ended before it."""
        if process.state in ENDED:
            for tid, thread in process.samples.items():
                if thread.state not in ENDED:
                    with suppress(GoneError):
                        return self._reader.read_task(process.pid, tid, "cmdline")
        return b""
