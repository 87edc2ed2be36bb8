"""A fake /proc in a folder: processes whose threads run, start, end and change as a test says.

Files are rewritten in place, so that a descriptor kept on one sees what is new, as in the kernel's
/proc; ``pread`` on a file that was removed fails with ESRCH, as it does for a thread that has ended.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from threadtop.procfs.reader import ProcReader
from threadtop.sample import TICK_NS, CpuTimes, HostSample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

KTHREAD = 0x00200000
_PREAD = os.pread

HOST = HostSample(
    hostname="fake",
    boot_time=0.0,
    load=(0.0, 0.0, 0.0),
    cpu=CpuTimes(0.0, 0.0, 0.0, 0.0, 0.0),
    cores=(),
    switches=0,
    memory_total_bytes=1,
    memory_used_bytes=0,
    swap_total_bytes=0,
    swap_used_bytes=0,
    pressure_cpu=None,
    pressure_io=None,
    pressure_memory=None,
    cgroup=None,
)


@dataclass(eq=False)
class FakeThread:
    """One thread's truth, and its files."""

    folder: str
    pid: int
    tid: int
    start_ticks: int
    name: bytes
    run_ns: int = 1_000_000
    wait_ns: int = 0
    timeslices: int = 1
    vol: int = 1
    invol: int = 0
    state: str = "S"
    nice: int = 0
    last_cpu: int = 0
    wchan: bytes = b"futex_do_wait"

    def stat(self, process: FakeProcess) -> bytes:
        """The content of ``stat``."""
        ticks = self.run_ns // TICK_NS
        flags = KTHREAD if process.kernel else 0
        return b"%d (%b) %b %d 1 %d 0 -1 %d 9 0 0 0 %d %d 0 0 %d %d %d 0 %d %d %d %b\n" % (
            self.tid,
            self.name,
            self.state.encode(),
            process.ppid,
            process.session,
            flags,
            ticks - ticks // 4,
            ticks // 4,
            20 + self.nice,
            self.nice,
            len(process.threads),
            self.start_ticks,
            process.vsize_bytes,
            process.rss_pages,
            b"0 " * 13 + b"17 %d 0 0 0 0 0 0 0 0 0 0 0 0 0" % self.last_cpu,
        )

    def status(self, process: FakeProcess) -> bytes:
        """The content of ``status``; the kernel escapes the name there (proc(5))."""
        name = self.name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        return (
            b"Name:\t%b\nUmask:\t0022\nState:\t%b\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nUid:\t%d\t%d\t%d\t%d\n"
            b"voluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t%d\n"
        ) % (
            name,
            self.state.encode(),
            self.pid,
            self.tid,
            process.ppid,
            *([process.uid] * 4),
            self.vol,
            self.invol,
        )

    def schedstat(self) -> bytes:
        """The content of ``schedstat``."""
        return b"%d %d %d\n" % (self.run_ns, self.wait_ns, self.timeslices)


@dataclass(eq=False)
class FakeProcess:
    """One process's truth."""

    pid: int
    cmdline: bytes = b"/bin/fake\0--quietly\0"
    ppid: int = 1
    uid: int = 0
    kernel: bool = False
    vsize_bytes: int = 1 << 20
    rss_pages: int = 100
    session: int = 1
    ended_ns: int = 0
    threads: dict[int, FakeThread] = field(default_factory=dict)

    @property
    def clock_ns(self) -> int:
        """Its CPU clock: its threads, the ended ones included."""
        return self.ended_ns + sum(thread.run_ns for thread in self.threads.values())


class FakeReader(ProcReader):
    """A ProcReader of the fake tree that says what it touched and can be made to fail.

    ``before`` is called with the path (or ``clock/PID``, ``pread``) before each access.
    """

    def __init__(self, proc: FakeProc, descriptors: int | None) -> None:
        """Read ``proc`` with its clocks."""
        super().__init__(proc.root, clock_ns=self._clock_ns, descriptors=descriptors)
        self.proc = proc
        self.paths: list[str] = []

    def _touch(self, path: str) -> None:
        path = path.removeprefix(f"{self.root}/")
        self.paths.append(path)
        self.proc.before(path)

    def _clock_ns(self, pid: int) -> int | None:
        self._touch(f"clock/{pid}")
        process = self.proc.processes.get(pid)
        return process.clock_ns if process is not None and self.proc.has_clock else None

    def task_links(self, pid: int) -> int:
        """As the kernel counts; not every file system counts the links of a folder."""
        self._touch(f"{pid}/task")
        super().task_links(pid)
        return 2 + len(self.proc.processes[pid].threads)

    def tids(self, pid: int) -> list[int]:
        """As ProcReader, noted."""
        self._touch(f"{pid}/task/")
        return super().tids(pid)

    def _read(self, path: str) -> bytes:
        self._touch(path)
        return super()._read(path)

    def keep(self, pid: int, tid: int, name: str) -> int | None:
        """As ProcReader, noted."""
        self._touch(f"{pid}/task/{tid}/{name}")
        return super().keep(pid, tid, name)


class FakeProc:
    """The tree, and what happens in it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An empty /proc below ``root``."""
        self.root = str(root / "proc")
        self.processes: dict[int, FakeProcess] = {}
        self.has_clock = True
        self.has_schedstat = True
        self.before: Callable[[str], None] = lambda _path: None
        self._start_ticks = 1000
        os.mkdir(self.root)
        self.set_last_pid(1)
        monkeypatch.setattr(os, "pread", self._pread)

    def _pread(self, descriptor: int, size: int, offset: int) -> bytes:
        self.before("pread")
        if os.fstat(descriptor).st_nlink == 0:
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
        return _PREAD(descriptor, size, offset)

    def reader(self, descriptors: int | None = None) -> FakeReader:
        """A reader of this tree that may keep so many descriptors."""
        return FakeReader(self, descriptors)

    @contextmanager
    def interrupted(self, before: Callable[[str], None]) -> Iterator[None]:
        """Call ``before`` before each access."""
        self.before = before
        try:
            yield
        finally:
            self.before = lambda _path: None

    def set_last_pid(self, pid: int) -> None:
        """``loadavg`` names the pid that was given out last."""
        _write(f"{self.root}/loadavg", b"0.00 0.00 0.00 1/1 %d\n" % pid)

    # -- processes -----------------------------------------------------------------------------

    def process(self, pid: int, threads: int = 1, name: bytes = b"fake", **more: object) -> FakeProcess:
        """Start a process whose threads have the tids pid, pid + 1, ..."""
        process = self.processes[pid] = FakeProcess(pid, **more)  # type: ignore[arg-type]
        os.makedirs(f"{self.root}/{pid}/task")
        _write(f"{self.root}/{pid}/cmdline", process.cmdline)
        os.symlink("/bin/fake", f"{self.root}/{pid}/exe")
        for tid in range(pid, pid + threads):
            self._spawn(pid, tid, name)
        if threads:
            self.set_last_pid(pid + threads - 1)
        return process

    def kill(self, pid: int) -> None:
        """End a process and reap it."""
        for thread in self.processes[pid].threads.values():
            _empty(thread.folder)
        shutil.rmtree(f"{self.root}/{pid}")
        del self.processes[pid]

    def set_cmdline(self, pid: int, cmdline: bytes) -> None:
        """Another command line, as after setproctitle or exec."""
        self.processes[pid].cmdline = cmdline
        _write(f"{self.root}/{pid}/cmdline", cmdline)

    # -- threads -------------------------------------------------------------------------------

    def spawn(self, pid: int, tid: int, name: bytes = b"fake") -> FakeThread:
        """Start a thread."""
        self.set_last_pid(tid)
        return self._spawn(pid, tid, name)

    def _spawn(self, pid: int, tid: int, name: bytes) -> FakeThread:
        process = self.processes[pid]
        folder = f"{self.root}/{pid}/task/{tid}"
        self._start_ticks += 1
        thread = FakeThread(folder, pid, tid, self._start_ticks, name)
        if process.kernel:
            thread.wchan = b"0"
        process.threads[tid] = thread
        os.mkdir(folder)
        self.write(thread)
        _write(f"{folder}/wchan", thread.wchan)
        return thread

    def end(self, pid: int, tid: int) -> None:
        """End a thread; a main thread whose siblings live on stays as a zombie."""
        process = self.processes[pid]
        thread = process.threads[tid]
        thread.run_ns += 5_000
        if tid == pid:
            thread.state, thread.wchan, process.vsize_bytes, process.rss_pages = "Z", b"0", 0, 0
            self.set_cmdline(pid, b"")
            self.write(thread)
            return
        process.ended_ns += thread.run_ns
        del process.threads[tid]
        _empty(thread.folder)
        os.rmdir(thread.folder)

    def run(self, pid: int, tid: int, run_ns: int = 2_000_000, wait_ns: int = 1_000, **more: object) -> None:
        """Let a thread run, be switched out once and so change its counters; ``more`` sets fields."""
        thread = self.processes[pid].threads[tid]
        thread.run_ns += run_ns
        thread.wait_ns += wait_ns
        thread.timeslices += 1
        thread.vol += 1
        self.change(pid, tid, **more)

    def change(self, pid: int, tid: int, **more: object) -> None:
        """Set fields of a thread (name, state, nice, ...) without it having run."""
        thread = self.processes[pid].threads[tid]
        for key, value in more.items():
            setattr(thread, key, value)
        self.write(thread)

    def write(self, thread: FakeThread) -> None:
        """Bring a thread's files, and its process's if it is the main thread, up to date."""
        process = self.processes[thread.pid]
        stat, status = thread.stat(process), thread.status(process)
        _write(f"{thread.folder}/stat", stat)
        _write(f"{thread.folder}/status", status)
        if self.has_schedstat:
            _write(f"{thread.folder}/schedstat", thread.schedstat())
        if os.path.exists(f"{thread.folder}/wchan"):
            _write(f"{thread.folder}/wchan", thread.wchan)
        if thread.tid == thread.pid:
            _write(f"{self.root}/{thread.pid}/stat", stat)
            _write(f"{self.root}/{thread.pid}/status", status)


def _write(path: str, content: bytes) -> None:
    # Cut after writing: a file cut to nothing and written anew is flushed to the disk by some file systems.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, content)
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


def _empty(folder: str) -> None:
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")
