"""Blocked threads in a fake /proc: their ``syscall``, descriptors, memory and tables of sockets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from builders import process_sample, sample, thread_sample
from threadtop.errors import DeniedError

if TYPE_CHECKING:
    from fakeproc import FakeProc, FakeReader
    from threadtop.sample import ProcessSample, Sample

NUMBERS = {
    "read": 0, "write": 1, "poll": 7, "select": 23, "nanosleep": 35, "clock_nanosleep": 230,
    "accept": 43, "recvfrom": 45, "wait4": 61, "futex": 202, "epoll": 232, "pselect6": 270, "ppoll": 271,
}  # fmt: skip
"""System calls of x86-64."""
X86_64, AARCH64, I386, ARM = 62, 183, 3, 40
"""Machines, as an ELF header names them."""


class FakeBlocked:
    """Processes of a fake /proc whose threads sleep in calls."""

    def __init__(self, proc: FakeProc) -> None:
        """Nothing but the machine's own tables, which are empty."""
        self.proc = proc
        self.processes: dict[int, ProcessSample] = {}

    def process(self, pid: int, threads: int = 1, *, name: str = "fake", ppid: int = 1, **said: object) -> None:
        """A process of so many sleeping threads, an x86-64 program, in the network namespace 1."""
        self.proc.process(pid, threads, name.encode("utf-8", "surrogateescape"))
        folder = Path(self.proc.root) / str(pid)
        (folder / "exe").unlink()
        self.machine(pid, X86_64)
        for sub in ("net", "ns", "fd", "fdinfo"):
            (folder / sub).mkdir()
        (folder / "ns/net").symlink_to("net:[1]")
        for tid in range(pid, pid + threads):
            (folder / f"task/{tid}/fd").symlink_to(folder / "fd")
            (folder / f"task/{tid}/fdinfo").symlink_to(folder / "fdinfo")
        said.setdefault("uid", 0)
        samples = [thread_sample(tid, state="S", wchan="") for tid in range(pid, pid + threads)]
        self.processes[pid] = process_sample(pid, *samples, name=name, ppid=ppid, **said)

    def machine(self, pid: int, machine: int) -> None:
        """The process is a program of this machine."""
        header = b"\x7fELF\x02\x01" + bytes(12) + machine.to_bytes(2, "little") + bytes(44)
        self.file(pid, "exe").write_bytes(header)

    def asleep(self, pid: int, tid: int, call: str, *arguments: int) -> None:
        """The thread sleeps in ``call`` from now on, and has run before."""
        words = " ".join(f"{word:#x}" for word in (*arguments, 0, 0, 0, 0, 0, 0)[:6])
        self.line(pid, tid, f"{NUMBERS[call]} {words} 0x7ffd 0x7f00\n")

    def line(self, pid: int, tid: int, line: str) -> None:
        """The line of ``syscall`` as it is, after the thread has run."""
        self.file(pid, f"task/{tid}/syscall").write_text(line)
        self.ran(pid, tid)

    def ran(self, pid: int, tid: int, **said: object) -> None:
        """The thread has run: its sample is another object."""
        process = self.processes[pid]
        old = process.threads[tid]
        new = old._replace(run_ns=(old.run_ns or 0) + 1, **said)
        self.processes[pid] = process._replace(threads={**process.threads, tid: new})

    def descriptor(self, pid: int, fd: int, link: str, info: bytes = b"") -> None:
        """The process has ``link`` open as ``fd``."""
        self.file(pid, f"fd/{fd}").symlink_to(link)
        self.file(pid, f"fdinfo/{fd}").write_bytes(info)

    def memory(self, pid: int, content: bytes) -> None:
        """The process's memory, from address 0 on: any of its threads leads to it."""
        first, *others = (self.file(pid, f"task/{tid}/mem") for tid in self.processes[pid].threads)
        first.write_bytes(content)
        for other in others:
            other.unlink(missing_ok=True)
            other.hardlink_to(first)

    def file(self, pid: int, name: str) -> Path:
        """A file of a process."""
        return Path(self.proc.root) / str(pid) / name

    def sample(self, at_s: float) -> Sample:
        """The pass at ``at_s``."""
        return sample(at_s, *self.processes.values())


def only_writes(reader: FakeReader, *ends: tuple[int, int]) -> None:
    """Of all descriptors of pipes these, (pid, fd), are open for writing and the others for reading."""
    reader.descriptor_mode = lambda pid, fd: ((pid, fd) not in ends, (pid, fd) in ends)  # type: ignore[method-assign]


def deny(proc: FakeProc, *names: str) -> None:
    """Reading these files fails as another user's does."""

    def before(path: str) -> None:
        if path.rpartition("/")[2] in names:
            raise DeniedError(path)

    proc.before = before
