"""Sampler: one pass over /proc to one Sample; the only owner of descriptors.

What makes a pass cheap, in the order it is tried:

1. A process whose CPU clock stood still had no thread running: nothing of it is read.
2. The clock of a process is the sum of ``run_ns`` over its threads, the ended ones included.  The
   threads that ran lately (hot) are read first; once their sum accounts for the whole advance of the
   clock, no other thread can have run, and the cold ones are not read at all.
3. Otherwise the cold ones' ``schedstat`` are compared as bytes, latest runners first, until the sum
   is reached.
4. Only threads whose ``schedstat`` changed, those on screen and a rotating few of the rest have
   ``stat``, ``status`` and ``wchan`` read.

The proof of step 2 checks itself: a kernel on which it does not hold never reaches the sum, and pays
a full comparison.  Where there is no ``schedstat`` (gVisor, some kernels), ``stat`` takes its place.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError
from threadtop.procfs import details, parse
from threadtop.sample import Cost, HostSample, ProcessSample, Sample, ThreadSample
from threadtop.tasks import HELD_PASSES, OFTEN_PASSES, Process, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from threadtop.procfs.details import ProcessDetails
    from threadtop.procfs.reader import ProcReader

EAGER_THREADS: Final = 2000  # read whole in the first pass; beyond that the sweep catches up
ATTACHED_WHOLE: Final = 256  # threads of an attached process read whole in a pass, in turn
SWEEP_LEAST, SWEEP_SHARE = 16, 128  # threads of the rest read whole in a pass: at least, and one in
DENIED_RETRY_PASSES: Final = 30
LIST_PASSES: Final = 16  # /proc is listed at least once in so many passes
RELEASE_PASSES: Final = 8  # descriptors are looked over once in so many passes
NEVER_RAN: Final = b"0 0 0\n"  # schedstat of a thread that was never on a CPU, or of a kernel that does not count

STATUS, WCHAN, MEMORY = "status", "wchan", "memory"
ALL_NEEDS: Final = frozenset({STATUS, WCHAN, MEMORY})


class _PidReusedError(Exception):
    """A pid names another process than at the last pass: its main thread has another start time."""


class Interest(NamedTuple):
    """What the reader of the next snapshot looks at, which decides what is read.

    ``visible`` holds (pid, tid) pairs on screen; ``attached`` limits the pass to these processes;
    ``needs`` names the costly reads that some shown column wants; ``everything`` reads all threads
    whole (headless output shows them all); ``details`` are the processes whose overview is open.
    """

    visible: frozenset[tuple[int, int]] = frozenset()
    attached: frozenset[int] | None = None
    needs: frozenset[str] = ALL_NEEDS
    everything: bool = False
    details: frozenset[int] = frozenset()


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
        self._euid = os.geteuid() if euid is None else euid
        self._user_name = user_name
        self._users: dict[int, str] = {}
        self._processes: dict[int, Process] = {}
        self._denied: dict[int, int] = {}
        self._pass = 0
        self._last_pid: int | None = None
        self._has_schedstat = True
        self._rotation = self._rotate()
        self._holding: dict[Task, Process] = {}
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
        self._visible_pids = frozenset(pid for pid, _ in interest.visible)
        self._eager_left = EAGER_THREADS
        for pid in self._pids(interest.attached):
            self._visit(pid)
        self._look()
        self._release()
        processes = {pid: self._built(process) for pid, process in self._processes.items()}
        host = self._host()
        return Sample(
            at_ns=started_ns,
            time=wall,
            host=host,
            processes=processes,
            users=self._users,
            details=self._details(),
            cost=Cost(
                pass_ns=time.monotonic_ns() - started_ns,
                own_cpu_ns=time.process_time_ns(),
                reads=dict(self._reader.reads),
                descriptors=self._reader.kept,
            ),
            notes=self._notes(),
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

    def _details(self) -> dict[int, ProcessDetails]:
        read = {pid: details.read(self._reader, pid) for pid in self._interest.details}
        return {pid: found for pid, found in read.items() if found is not None}

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if not self._has_schedstat:
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
                except (GoneError, _PidReusedError):
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
        self._read_identity(process)
        return process

    def _check(self, process: Process) -> None:
        """Find what of a known process ran since the last pass, and read that."""
        clock_ns = self._reader.clock_ns(process.pid)
        if clock_ns is not None and clock_ns == process.clock_ns:
            return
        process.at_ns = time.monotonic_ns()
        links = self._reader.task_links(process.pid)
        was_proven = process.is_proven
        ran, lost = self._find_ran(process, clock_ns)
        for task in ran:
            try:
                self._read_whole(process, task)
            except GoneError:
                lost.append(task)
        if lost or links != process.links:
            self._remove(process, lost)
            process.links = self._reader.task_links(process.pid)
            self._list_tasks(process)
            self._read_identity(process)
            if not process.tasks:
                raise GoneError(str(process.pid))
        elif self._has_schedstat and clock_ns is not None and (process.ended_ns is None or not was_proven):
            # CPU time that no known thread explains: one may have come as another went, unseen by the links.
            self._list_tasks(process)
        process.settle(ran, self._pass)
        if process.ended_ns is None:
            self._synchronise(process)
        self._read_shared(process)

    def _read_shared(self, process: Process) -> None:
        """What stands on the process: its memory by the main thread's ``stat``, its command line."""
        leader = process.tasks.get(process.pid)
        if leader is not None and leader.read_pass != self._pass and MEMORY in self._interest.needs:
            self._read_whole(process, leader, stat_only=True)
        if self._interest.everything or process.pid in self._visible_pids:
            self._read_identity(process)

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
            task.take_pulse(raw, ticks=not self._has_schedstat)
        except (ValueError, IndexError) as error:  # cut short: the thread is on its way out
            raise GoneError(str(tid)) from error
        whole = tid == process.pid or self._interest.everything or self._eager_left > 0
        self._eager_left -= 1
        self._read_whole(process, task, stat_only=not whole, keep=False)
        return task

    def _read_pulse(self, pid: int, task: Task) -> bytes:
        """``schedstat``, or ``stat`` where that is missing, empty or always zero (gVisor, CONFIG_SCHED_INFO)."""
        if not self._has_schedstat:
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
        self._has_schedstat = False
        return stat

    def _read_identity(self, process: Process) -> None:
        """The command line; an ended or kernel process has none, then the last known stands."""
        raw = self._reader.read(process.pid, "cmdline")
        if raw != process.cmdline_raw and (raw or not process.cmdline_raw):
            process.cmdline_raw = raw
            process.command = " ".join(parse.parse_cmdline(raw)).rstrip()
            process.changed = True

    # -- who ran -------------------------------------------------------------------------------

    def _find_ran(self, process: Process, clock_ns: int | None) -> tuple[list[Task], list[Task]]:
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
        process.note_cold_scan(self._pass)
        if is_accounted and len(ran) == hot_ran and not lost:
            process.is_proven = True
        else:
            process.ended_ns = None
        return list(ran), lost

    def _scan(self, process: Process, tasks: Iterable[Task], ran: dict[Task, None], lost: list[Task]) -> None:
        """Read the pulse of ``tasks``; those that changed go to ``ran``, those that are gone to ``lost``."""
        pread, now_ns, ticks = os.pread, time.monotonic_ns(), not self._has_schedstat
        size = 1024 if ticks else 64
        count = 0
        for task in tasks:
            count += 1
            try:
                descriptor = task.pulse_fd
                raw = pread(descriptor, size, 0) if descriptor is not None else self._open_pulse(process, task)
                if raw == task.pulse:
                    continue
                before_ns = task.run_ns
                task.take_pulse(raw, ticks=ticks)
            except (GoneError, ProcessLookupError, ValueError, IndexError):
                lost.append(task)
            else:
                process.total_ns += task.run_ns - before_ns
                task.at_ns = now_ns
                task.ran_pass = self._pass
                ran[task] = None
        self._reader.reads["stat" if ticks else "schedstat"] += count

    def _open_pulse(self, process: Process, task: Task) -> bytes:
        """A pulse that is read again and again is worth a descriptor; the last quarter is for the hot."""
        name = "schedstat" if self._has_schedstat else "stat"
        reader = self._reader
        if task.is_hot or (process.is_often_scanned(self._pass) and reader.kept < reader.limit * 3 // 4):
            task.pulse_fd = reader.keep(process.pid, task.tid, name)
        if task.pulse_fd is None:
            reader.reads[name] -= 1  # the caller counts it
            return reader.read_task(process.pid, task.tid, name)
        self._holding[task] = process
        return os.pread(task.pulse_fd, 1024, 0)

    def _synchronise(self, process: Process) -> None:
        """Find what ended threads added to the clock: exact once the clock stood still around a scan.

        Cold threads were compared before that.  If the clock has moved since, one of them may have run
        and be taken for an ended one: the sum is a proof only after all have been compared once more.
        """
        if not self._has_schedstat or process.clock_ns is None:
            return
        ran: dict[Task, None] = {}
        lost: list[Task] = []
        for _ in range(3):
            clock_ns = self._reader.clock_ns(process.pid)
            self._scan(process, process.hot, ran, lost)
            if lost:
                break
            if clock_ns is not None and clock_ns == self._reader.clock_ns(process.pid):
                process.ended_ns = clock_ns - process.total_ns
                process.is_proven = clock_ns == process.clock_ns
                break
        for task in ran:
            try:
                self._read_whole(process, task)
            except GoneError:
                lost.append(task)
        if lost:
            process.clock_ns = process.ended_ns = None

    # -- whole reads ---------------------------------------------------------------------------

    def _read_whole(self, process: Process, task: Task, *, stat_only: bool = False, keep: bool = True) -> None:
        """Read ``stat`` and, as needed, ``status`` and ``wchan``; raises GoneError if the thread ended."""
        task.begin_whole_read(self._pass)
        old = process.samples.get(task.tid)
        try:
            stat = parse.parse_stat(self._read_stat(process, task, keep=keep))
        except (ValueError, IndexError) as error:  # cut short: the thread is on its way out
            raise GoneError(str(task.tid)) from error
        is_leader = task.tid == process.pid
        if is_leader and process.is_other(stat):
            raise _PidReusedError
        if old is not None and old.start_ticks != stat.start_ticks:
            raise GoneError(str(task.tid))  # its tid is another's now
        is_renamed = is_leader and process.take_stat(stat)
        # What it counted before it ran again is no longer so; unread is unknown.
        is_stale = old is None or task.ran_pass == self._pass or not self._has_schedstat
        vol, invol = (old.vol, old.invol) if old is not None and not is_stale else (None, None)
        wanted = not stat_only and STATUS in self._interest.needs
        if (wanted and vol is None) or (is_leader and process.uid is None):
            raw = self._read_status(process, task, keep=keep)
            vol, invol = parse.parse_switches(raw)
            if is_leader:
                process.uid = parse.parse_uid(raw)
        wchan = old.wchan if old is not None and not is_stale and old.state == stat.state else None
        if not stat_only and wchan is None and WCHAN in self._interest.needs and self._may_read_wchan(process):
            wchan = self._read_wchan(process.pid, task, stat.state)
        if is_renamed and old is not None:
            self._read_identity(process)
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
        if sample != old:
            process.take(sample)

    def _may_read_wchan(self, process: Process) -> bool:
        return not process.kernel and (self._euid == 0 or self._euid == process.uid)

    def _read_wchan(self, pid: int, task: Task, state: str) -> str | None:
        try:
            raw = self._reader.read_task(pid, task.tid, "wchan")
        except DeniedError:
            return None
        if raw in (b"0", b""):
            return "" if state == "R" else None
        return raw.decode("ascii", "replace")

    def _read_stat(self, process: Process, task: Task, *, keep: bool) -> bytes:
        if task.stat_fd is None and keep and task.is_often_read:
            task.stat_fd = self._reader.keep(process.pid, task.tid, "stat")
            self._holding[task] = process
        return self._read_through(process.pid, task, "stat", task.stat_fd)

    def _read_status(self, process: Process, task: Task, *, keep: bool) -> bytes:
        if task.status_fd is None and keep and task.is_often_read:
            task.status_fd = self._reader.keep(process.pid, task.tid, "status")
            self._holding[task] = process
        return self._read_through(process.pid, task, "status", task.status_fd)

    def _read_through(self, pid: int, task: Task, name: str, descriptor: int | None) -> bytes:
        if descriptor is None:
            return self._reader.read_task(pid, task.tid, name)
        self._reader.reads[name] += 1
        try:
            return os.pread(descriptor, 4096, 0)
        except ProcessLookupError as error:
            raise GoneError(str(task.tid)) from error

    def _look(self) -> None:
        """Read whole what is on screen or attached, and a rotating few of the rest."""
        for process, task in self._looked_at():
            if task.read_pass == self._pass:
                continue
            try:
                self._read_whole(process, task)
            except (GoneError, DeniedError, _PidReusedError):
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
        for task in tasks:
            self._drop(task)

    def _forget(self, process: Process) -> None:
        self._remove(process, process.tasks.values())
        del self._processes[process.pid]

    def _release(self) -> None:
        """Let go of descriptors that have not been used for a while: each pins 4 KiB in the kernel."""
        if self._pass % RELEASE_PASSES:
            return
        for task, process in list(self._holding.items()):
            if self._pass - task.read_pass <= OFTEN_PASSES + RELEASE_PASSES:
                continue
            compared_pass = max(task.ran_pass, process.cold_scan_pass)
            self._drop(task, pulse=self._pass - compared_pass > HELD_PASSES)

    def _drop(self, task: Task, *, pulse: bool = True) -> None:
        for descriptor in task.take_descriptors(pulse=pulse):
            self._reader.drop(descriptor)
        if task.pulse_fd is None:
            self._holding.pop(task, None)
