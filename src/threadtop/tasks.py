"""What the sampler remembers of each process and thread between two passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.procfs import parse
from threadtop.sample import PAGE_BYTES, TICK_NS, ProcessSample, ThreadSample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOT_PASSES: Final = 8  # a thread that ran within so many passes is read first
HELD_PASSES: Final = 30  # a descriptor unused for so many passes is closed
OFTEN_PASSES: Final = 2  # read whole again within so many passes: worth descriptors
CHUNK: Final = 256  # cold threads compared before the sum is checked again


class Task:
    """One thread: its last pulse (``schedstat``) and ``stat`` as bytes, and kept descriptors."""

    __slots__ = (
        "at_ns",
        "is_hot",
        "is_often_read",
        "kept",
        "pulse",
        "pulse_fd",
        "ran_pass",
        "read_pass",
        "run_ns",
        "stat",
        "tid",
        "wait_ns",
    )

    def __init__(self, tid: int) -> None:
        """A thread not yet read."""
        self.tid = tid
        self.pulse = b""
        self.run_ns = 0
        self.wait_ns: int | None = None
        self.at_ns = 0
        self.ran_pass = 0
        self.read_pass = -HELD_PASSES
        self.is_hot = False
        self.is_often_read = False
        self.pulse_fd: int | None = None
        self.kept: dict[str, int] = {}
        self.stat = b""

    def take_pulse(self, raw: bytes, *, ticks: bool) -> None:
        """Keep new pulse bytes and their run and wait times; from ``stat`` the wait is unknown."""
        if ticks:
            stat = parse.parse_stat(raw)
            self.run_ns, self.wait_ns = (stat.utime_ticks + stat.stime_ticks) * TICK_NS, None
        else:
            self.run_ns, self.wait_ns, _ = parse.parse_schedstat(raw)
        self.pulse = raw

    def begin_whole_read(self, now: int) -> None:
        """Note a whole read in pass ``now``; one soon after another makes descriptors worth keeping."""
        self.is_often_read = now - self.read_pass <= OFTEN_PASSES
        self.read_pass = now

    def take_descriptors(self, *, pulse: bool = True) -> list[int]:
        """The kept descriptors, to be closed; this task forgets them (the pulse's only if ``pulse``)."""
        kept = list(self.kept.values())
        self.kept = {}
        self.stat = b""
        if pulse and self.pulse_fd is not None:
            kept.append(self.pulse_fd)
            self.pulse_fd = None
        return kept


class Process:
    """One process: its tasks, hot and cold, what they share, and the sum that proves who ran.

    ``total_ns`` is the sum of ``run_ns`` over the tasks, ``ended_ns`` what the clock counts beyond
    it (threads that have ended), None while unknown.  ``is_proven`` says that no task's run can be
    hidden in ``ended_ns``.
    """

    def __init__(self, pid: int, links: int) -> None:
        """A process not yet read, with the link count of its ``task/``."""
        self.pid = pid
        self.links = links
        self.clock_ns: int | None = None
        self.at_ns = 0
        self.tasks: dict[int, Task] = {}
        self.samples: dict[int, ThreadSample] = {}
        self.hot: list[Task] = []
        self.cold: list[Task] = []
        self.total_ns = 0
        self.ended_ns: int | None = None
        self.is_proven = False
        self.cold_scan_pass = -HELD_PASSES
        self.cold_scans = 0
        self.changed = True
        self.sample: ProcessSample | None = None
        self.start_ticks = 0
        self.ppid = 0
        self.uid: int | None = None
        self.name = ""
        self.command = ""
        self.cmdline_raw = b""
        self.kernel = False
        self.state = "?"
        self.rss_bytes = 0
        self.vsize_bytes = 0

    @property
    def has_title(self) -> bool:
        """Whether its program wrote a title over its arguments (setproctitle): one text with spaces, and no others."""
        title = self.cmdline_raw.rstrip(b"\0 ")
        return b": " in title and b"\0" not in title

    def add(self, task: Task, now: int, *, hot: bool) -> None:
        """Take in a task that was read; a thread that has just started is hot."""
        self.tasks[task.tid] = task
        self.total_ns += task.run_ns
        self.ended_ns = None
        self.changed = True
        task.is_hot = hot
        if hot:
            task.ran_pass = now
        (self.hot if hot else self.cold).append(task)

    def discard(self, tasks: Iterable[Task]) -> None:
        """Take out tasks that have ended."""
        lost = {task.tid for task in tasks if self.tasks.get(task.tid) is task}
        if not lost:
            return
        for tid in lost:
            self.total_ns -= self.tasks.pop(tid).run_ns
            self.samples.pop(tid, None)
        self.hot = [task for task in self.hot if task.tid not in lost]
        self.cold = [task for task in self.cold if task.tid not in lost]
        self.ended_ns = None
        self.changed = True

    def take(self, sample: ThreadSample) -> None:
        """Put a thread's new sample in place of its last."""
        self.samples[sample.tid] = sample
        self.changed = True

    def settle(self, ran: Iterable[Task], now: int) -> None:
        """Cold tasks that ran become hot, hot ones that rested for HOT_PASSES cold."""
        promoted = [task for task in ran if not task.is_hot]
        for task in promoted:
            task.is_hot = True
        if promoted:
            self.cold = [task for task in self.cold if not task.is_hot]
        rested = [task for task in self.hot if now - task.ran_pass > HOT_PASSES]
        if rested:
            for task in rested:
                task.is_hot = False
            self.hot = [task for task in self.hot if task.is_hot]
            self.cold.extend(rested)
        self.hot.extend(task for task in promoted if self.tasks.get(task.tid) is task)

    def note_cold_scan(self, now: int) -> None:
        """Note that all cold tasks were compared in pass ``now``."""
        self.cold_scans = self.cold_scans + 1 if now - self.cold_scan_pass < HELD_PASSES else 1
        self.cold_scan_pass = now

    def is_often_scanned(self, now: int) -> bool:
        """Whether cold tasks are worth descriptors: a first scan and the one that proves it are not yet often."""
        return self.cold_scans > 1 and now - self.cold_scan_pass < HELD_PASSES

    def accounts_for(self, clock_ns: int | None) -> bool:
        """Whether the tasks' CPU time as read adds up to the clock: then no other task has run."""
        return clock_ns is not None and self.ended_ns is not None and clock_ns - self.ended_ns == self.total_ns

    def cold_chunks(self) -> Iterator[list[Task]]:
        """The cold tasks, CHUNK at a time, those that ran last first."""
        for end in range(len(self.cold), 0, -CHUNK):
            yield self.cold[max(0, end - CHUNK) : end]

    def is_other(self, stat: parse.Stat) -> bool:
        """Whether the main thread's ``stat`` is that of another process, to which the pid has gone."""
        return self.sample is not None and self.start_ticks not in (0, stat.start_ticks)

    def take_stat(self, stat: parse.Stat) -> bool:
        """Take what the main thread's ``stat`` says of the process; True after an exec (a new name)."""
        was = (self.start_ticks, self.ppid, self.name, self.kernel, self.state, self.rss_bytes, self.vsize_bytes)
        renamed = self.name != stat.name
        self.start_ticks, self.ppid, self.name = stat.start_ticks, stat.ppid, stat.name
        self.kernel = bool(stat.flags & parse.PF_KTHREAD)
        self.state = stat.state
        self.rss_bytes, self.vsize_bytes = stat.rss_pages * PAGE_BYTES, stat.vsize_bytes
        now = (self.start_ticks, self.ppid, self.name, self.kernel, self.state, self.rss_bytes, self.vsize_bytes)
        self.changed |= was != now
        return renamed
