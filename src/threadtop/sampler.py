"""Sampler: one pass over /proc to one Sample.

What makes a pass cheap, in the order it is tried:

1. A process whose CPU clock stood still had no thread running: nothing of it is read.
2. Where the clock moved, ``runs`` finds who ran, mostly without reading those that did not.
3. Only threads that ran, those on screen and a rotating few of the rest are read whole.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from threadtop.descriptors import Descriptors
from threadtop.errors import DeniedError, GoneError
from threadtop.interest import CMDLINE, MEMORY, Interest
from threadtop.procfs import parse
from threadtop.runs import Runs
from threadtop.sample import Cost, HostSample, ProcessSample, Sample
from threadtop.tasks import Process, Task
from threadtop.whole import PidReusedError, Whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from threadtop.procfs.reader import ProcReader

EAGER_THREADS: Final = 2000  # read whole in the first pass; beyond that the sweep catches up
ATTACHED_WHOLE: Final = 256  # threads of an attached process read whole in a pass, in turn
SWEEP_LEAST, SWEEP_SHARE = 4, 128  # threads of the rest read whole in a pass: at least, and one in
DENIED_RETRY_PASSES: Final = 30
IDENTITY_PASSES: Final = 8
LIST_PASSES: Final = 16  # /proc is listed at least once in so many passes
NEVER_RAN: Final = b"0 0 0\n"  # schedstat of a thread that was never on a CPU, or of a kernel that does not count


class Sampler:
    """Makes Samples; keeps descriptors and the last known state of every thread between passes."""

    def __init__(
        self,
        reader: ProcReader,
        host: Callable[[], HostSample],
        *,
        user_name: Callable[[int], str] = str,
        euid: int | None = None,
    ) -> None:
        """Read processes through ``reader`` and the machine through ``host``; ``euid`` decides what may be read."""
        self._reader = reader
        self._host = host
        self._descriptors = Descriptors(reader)
        self._runs = Runs(reader, self._descriptors)
        self._whole = Whole(reader, self._descriptors, os.geteuid() if euid is None else euid)
        self._user_name = user_name
        self._users: dict[int, str] = {}
        self._processes: dict[int, Process] = {}
        self._denied: dict[int, int] = {}
        self._pass = 0
        self._last_pid: int | None = None
        self._rotation = self._rotate()
        self._interest = Interest()
        self._visible_pids: frozenset[int] = frozenset()
        self._eager_left = EAGER_THREADS

    def close(self) -> None:
        """Give all descriptors back."""
        for process in list(self._processes.values()):
            self._forget(process)

    def sample(self, interest: Interest | None = None) -> Sample:
        """One pass; processes and threads that end in the middle of it are left out, never an error."""
        started_ns, wall = time.monotonic_ns(), time.time()
        self._pass += 1
        self._interest = interest = interest or Interest()
        self._runs.now = self._whole.now = self._pass
        self._whole.interest = interest
        self._visible_pids = frozenset(pid for pid, _ in interest.visible)
        self._eager_left = EAGER_THREADS
        for pid in self._pids(interest.attached):
            self._visit(pid)
        self._look()
        self._descriptors.release(self._pass)
        processes = {pid: self._built(process) for pid, process in self._processes.items()}
        host = self._host()
        return Sample(
            at_ns=started_ns,
            time=wall,
            host=host,
            processes=processes,
            users=self._users,
            cost=Cost(
                pass_ns=time.monotonic_ns() - started_ns,
                own_cpu_ns=time.process_time_ns(),
                reads=dict(self._reader.reads),
                descriptors=self._reader.kept,
            ),
            notes=self._notes(),
            is_whole=interest.attached is None,
        )

    def _pids(self, attached: frozenset[int] | None) -> list[int]:
        """The processes to visit; those that are no longer listed are forgotten.

        Listing /proc walks every thread id of the machine.  As long as no pid was given out since the
        last pass there is no new process, and those that ended are noticed by their clocks.
        """
        if attached is not None:
            pids = sorted(attached)
            self._last_pid = None  # the others are forgotten: the next pass over all lists them
        else:
            last_pid = self._reader.last_pid()
            if last_pid is not None and last_pid == self._last_pid and self._pass % LIST_PASSES:
                return list(self._processes)
            self._last_pid = last_pid
            pids = self._reader.pids()
        listed = set(pids)
        for gone in self._processes.keys() - listed:
            self._forget(self._processes[gone])
        self._denied = {pid: retry for pid, retry in self._denied.items() if pid in listed}
        return pids

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if not self._runs.has_schedstat:
            notes.append("no schedstat here: CPU in 10 ms ticks, run-queue wait unknown")
        if self._denied:
            notes.append(f"{len(self._denied)} processes may not be read (hidepid); root sees them")
        return tuple(notes)

    # -- one process ---------------------------------------------------------------------------

    def _visit(self, pid: int) -> None:
        process = self._processes.get(pid)
        try:
            if process is not None:
                try:
                    self._check(process)
                except (GoneError, PidReusedError):
                    self._forget(process)  # and another process may have its pid by now
                else:
                    return
            if self._pass >= self._denied.get(pid, 0):
                self._processes[pid] = self._admit(pid)
                self._denied.pop(pid, None)
        except GoneError:
            return
        except DeniedError:
            self._denied[pid] = self._pass + DENIED_RETRY_PASSES
            if pid in self._processes:
                self._forget(self._processes[pid])

    def _admit(self, pid: int) -> Process:
        """A process seen for the first time."""
        process = Process(pid, self._reader.task_links(pid))
        process.clock_ns = self._reader.clock_ns(pid)
        process.at_ns = time.monotonic_ns()
        self._list_tasks(process)
        if not process.tasks:
            raise GoneError(str(pid))
        self._whole.read_identity(process)
        return process

    def _check(self, process: Process) -> None:
        """Find what of a known process ran since the last pass, and read that."""
        clock_ns = self._reader.clock_ns(process.pid)
        if clock_ns is not None and clock_ns == process.clock_ns:
            return
        process.at_ns = time.monotonic_ns()
        links = self._reader.task_links(process.pid)
        was_proven = process.is_proven
        ran, lost = self._runs.find(process, clock_ns)
        for task in ran:
            try:
                self._read_whole(process, task)
            except GoneError:
                lost.append(task)
        if lost or links != process.links:
            self._remove(process, lost)
            process.links = self._reader.task_links(process.pid)
            self._list_tasks(process)
            self._whole.read_identity(process)
            if not process.tasks:
                raise GoneError(str(process.pid))
        elif self._runs.has_schedstat and clock_ns is not None and (process.ended_ns is None or not was_proven):
            # CPU time that no known thread explains: one may have come as another went, unseen by the links.
            self._list_tasks(process)
        process.settle(ran, self._pass)
        if process.ended_ns is None:
            self._synchronise(process)
        self._read_shared(process)

    def _synchronise(self, process: Process) -> None:
        """Bring the sum of the threads' CPU time and the process's clock together again."""
        ran, lost = self._runs.synchronise(process)
        for task in ran:
            try:
                self._read_whole(process, task)
            except GoneError:
                lost.append(task)
        if lost:
            process.clock_ns = process.ended_ns = None

    def _read_whole(self, process: Process, task: Task, *, stat_only: bool = False, keep: bool = True) -> None:
        self._whole.read(process, task, ticks=not self._runs.has_schedstat, stat_only=stat_only, keep=keep)

    def _read_shared(self, process: Process) -> None:
        """What stands on the process: its memory by the main thread's ``stat``, its command line."""
        leader = process.tasks.get(process.pid)
        if leader is not None and leader.read_pass != self._pass and MEMORY in self._interest.needs:
            self._read_whole(process, leader, stat_only=True)
        is_shown = self._interest.everything or process.pid in self._visible_pids
        # A command line seldom changes: unless it is shown, a look now and then will do.  A title that the program
        # wrote over it says what it is at.
        is_due = CMDLINE in self._interest.needs or not (self._pass + process.pid) % IDENTITY_PASSES
        if process.has_title or (is_shown and is_due):
            self._whole.read_identity(process)

    def _list_tasks(self, process: Process) -> None:
        """Bring ``process.tasks`` in line with ``task/``: new ones are read, missing ones removed."""
        listed = set(self._reader.tids(process.pid))
        self._remove(process, [task for tid, task in process.tasks.items() if tid not in listed])
        # The main thread first: its status names the user, on whom depends what may be read.
        for tid in sorted(listed - process.tasks.keys(), key=lambda tid: (tid != process.pid, tid)):
            try:
                task = self._new_task(process, tid)
            except GoneError:
                continue
            process.add(task, self._pass, hot=process.sample is not None)

    def _new_task(self, process: Process, tid: int) -> Task:
        task = Task(tid)
        task.at_ns = time.monotonic_ns()
        try:
            raw = self._read_pulse(process.pid, task)
            task.take_pulse(raw, ticks=not self._runs.has_schedstat)
        except (ValueError, IndexError) as error:  # cut short: the thread is on its way out
            raise GoneError(str(tid)) from error
        whole = tid == process.pid or self._interest.everything or self._eager_left > 0
        self._eager_left -= 1
        self._read_whole(process, task, stat_only=not whole, keep=False)
        return task

    def _read_pulse(self, pid: int, task: Task) -> bytes:
        """``schedstat``, or ``stat`` where that is missing, empty or always zero (gVisor, CONFIG_SCHED_INFO)."""
        if not self._runs.has_schedstat:
            return self._reader.read_task(pid, task.tid, "stat")
        try:
            raw = self._reader.read_task(pid, task.tid, "schedstat")
        except GoneError:
            raw = b""
        if raw and raw != NEVER_RAN:
            return raw
        stat = self._reader.read_task(pid, task.tid, "stat")  # raises for a thread that has ended
        ticks = parse.parse_stat(stat)
        if raw and ticks.utime_ticks + ticks.stime_ticks == 0:
            return raw
        self._runs.has_schedstat = False
        return stat

    def _look(self) -> None:
        """Read whole what is on screen or attached, and a rotating few of the rest."""
        for process, task in self._looked_at():
            if task.read_pass == self._pass:
                continue
            try:
                self._read_whole(process, task)
            except (GoneError, DeniedError, PidReusedError):
                process.clock_ns = None  # the next pass looks closer

    def _looked_at(self) -> Iterator[tuple[Process, Task]]:
        processes, interest = self._processes, self._interest
        if interest.everything:
            for process in processes.values():
                yield from ((process, task) for task in process.tasks.values())
            return
        for pid, tid in interest.visible:
            if pid in processes and tid in processes[pid].tasks:
                yield processes[pid], processes[pid].tasks[tid]
        count = sum(len(process.tasks) for process in processes.values())
        some = ATTACHED_WHOLE if interest.attached is not None else max(SWEEP_LEAST, count // SWEEP_SHARE)
        for _ in range(min(count, some)):
            process, task = next(self._rotation)
            if processes.get(process.pid) is process and process.tasks.get(task.tid) is task:
                yield process, task

    def _rotate(self) -> Iterator[tuple[Process, Task]]:
        while True:
            for process in list(self._processes.values()):
                for task in list(process.tasks.values()):
                    yield process, task

    # -- upkeep --------------------------------------------------------------------------------

    def _built(self, process: Process) -> ProcessSample:
        if process.sample is None or process.changed:
            if process.uid is not None and process.uid not in self._users:
                # A copy: samples that were handed out keep what they said.
                self._users = {**self._users, process.uid: self._user_name(process.uid)}
            process.sample = ProcessSample(
                process.pid,
                process.start_ticks,
                process.ppid,
                process.uid,
                process.name,
                process.command,
                process.kernel,
                process.state,
                process.clock_ns,
                process.rss_bytes,
                process.vsize_bytes,
                process.at_ns,
                process.samples.copy(),
            )
            process.changed = False
        return process.sample

    def _remove(self, process: Process, tasks: Iterable[Task]) -> None:
        tasks = list(tasks)
        process.discard(tasks)
        self._descriptors.drop(tasks)

    def _forget(self, process: Process) -> None:
        self._remove(process, process.tasks.values())
        del self._processes[process.pid]
