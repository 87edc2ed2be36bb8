"""ProcReader: the one place that opens files of /proc; OSError becomes gone or denied.

It counts what it reads, by file name, so that the cost of a pass can be shown and tested.
"""

from __future__ import annotations

import errno
import os
import resource
import stat
import time
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from threadtop.errors import DeniedError, GoneError, ThreadtopError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RESERVED_DESCRIPTORS: Final = 128  # left for the terminal, libraries and files read once
_CHUNK: Final = 4096
_LARGE_CHUNK: Final = 64 * 1024
_READ: Final = os.O_RDONLY | os.O_CLOEXEC
_Result = TypeVar("_Result")
_GONE: Final = (errno.ENOENT, errno.ESRCH, errno.ENOTDIR)
_DENIED: Final = (errno.EACCES, errno.EPERM)
_NO_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE)


def process_clock_ns(pid: int) -> int | None:
    """CPU time of a whole process in ns, ended threads included; None if it is gone or has no clock.

    The clock id is ``(~pid << 3) | CPUCLOCK_SCHED`` (clock_getcpuclockid(3)); anyone may read it.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return None


def raise_descriptor_limit() -> int:
    """Raise the soft RLIMIT_NOFILE to the hard one and return what may be kept open for reading."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            hard = soft
    limit = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    return max(0, limit - RESERVED_DESCRIPTORS)


class ProcReader:
    """Reads files below ``root``; raises GoneError and DeniedError, and counts every read."""

    def __init__(
        self,
        root: str | Path = "/proc",
        *,
        clock_ns: Callable[[int], int | None] | None = None,
        descriptors: int | None = None,
    ) -> None:
        """Use ``root``, the process CPU clock ``clock_ns`` and at most ``descriptors`` kept descriptors.

        The kernel's clocks take pids of our own pid namespace, so they are used by default only where
        ``root`` shows us under our own pid.
        """
        self.root = str(root)
        self.reads: Counter[str] = Counter()
        self.kept = 0
        self.limit = raise_descriptor_limit() if descriptors is None else descriptors
        self._counts_descriptors = self.root == "/proc"
        self._spare: int | None = None  # let go where no other descriptor is free, so that reading goes on
        if clock_ns is None and self._shows_our_namespace():
            clock_ns = process_clock_ns
        self.clock_ns: Callable[[int], int | None] = clock_ns or (lambda _pid: None)

    def _shows_our_namespace(self) -> bool:
        try:
            return os.readlink(f"{self.root}/self") == str(os.getpid())
        except OSError:
            return False

    def pids(self) -> list[int]:
        """All process ids that ``root`` lists, ascending as the kernel gives them."""
        self.reads["/"] += 1
        return [int(name) for name in self._opened(lambda: os.listdir(self.root)) if name.isdigit()]

    def last_pid(self) -> int | None:
        """The pid given out last, process or thread: last field of ``loadavg``; None if it cannot be read."""
        raw = self.read_global("loadavg")
        try:
            return int(raw.split()[4]) if raw else None
        except (IndexError, ValueError):
            return None

    def tids(self, pid: int) -> list[int]:
        """The thread ids of a process, in the kernel's order; raises GoneError or DeniedError."""
        self.reads["task/"] += 1
        try:
            return [int(name) for name in self._opened(lambda: os.listdir(f"{self.root}/{pid}/task"))]
        except OSError as error:
            raise _translated(error) from error

    def task_links(self, pid: int) -> int:
        """The link count of ``task/``: it moves with the number of threads (fs/proc/base.c)."""
        self.reads["task/ links"] += 1
        try:
            return os.stat(f"{self.root}/{pid}/task").st_nlink
        except OSError as error:
            raise _translated(error) from error

    def read(self, pid: int | str, name: str) -> bytes:
        """Whole content of ``root/pid/name``; raises GoneError or DeniedError."""
        self.reads[name] += 1
        return self._read(f"{self.root}/{pid}/{name}")

    def read_task(self, pid: int, tid: int, name: str) -> bytes:
        """Whole content of ``root/pid/task/tid/name``; raises GoneError or DeniedError."""
        self.reads[name] += 1
        return self._read(f"{self.root}/{pid}/task/{tid}/{name}")

    def read_global(self, name: str) -> bytes | None:
        """Whole content of ``root/name``, or None where the kernel does not have or show it."""
        self.reads[name] += 1
        try:
            return self._read(f"{self.root}/{name}")
        except (GoneError, DeniedError, OSError):  # e.g. EOPNOTSUPP: pressure/ with psi=0 (kernel/sched/psi.c)
            return None

    def link(self, pid: int | str, name: str) -> str:
        """Target of the link ``root/pid/name``; raises GoneError or DeniedError."""
        self.reads[name] += 1
        try:
            return os.readlink(f"{self.root}/{pid}/{name}")
        except OSError as error:
            raise _translated(error) from error

    def owner(self, pid: int) -> int:
        """The uid that the files of a process belong to; raises GoneError or DeniedError.

        Root has those of one that is not dumpable, but not its folders that all may list (task_dump_owner(),
        fs/proc/base.c).
        """
        self.reads["owner"] += 1
        try:
            return os.stat(f"{self.root}/{pid}/stat").st_uid
        except OSError as error:
            raise _translated(error) from error

    def descriptors_of(self, pid: int | str, most: int) -> list[int]:
        """The numbers of a process's open descriptors, at most ``most``; raises GoneError or DeniedError."""
        self.reads["fd/"] += 1
        try:
            with os.scandir(f"{self.root}/{pid}/fd") as entries:
                return [int(entry.name) for entry in islice(entries, most)]
        except OSError as error:
            raise _translated(error) from error

    def descriptor_count(self, pid: int) -> int:
        """How many descriptors a process has open; raises GoneError or DeniedError.

        The directory's size says so since Linux 6.2 (proc_readfd_count(), fs/proc/fd.c); before, it is listed.  The
        size counts numbers that are taken: one more for each thread that sleeps in accept(2), which has its number.
        """
        self.reads["fd/"] += 1
        try:
            size = os.stat(f"{self.root}/{pid}/fd").st_size
            if size and self._counts_descriptors:
                with os.scandir(f"{self.root}/{pid}/fd") as entries:  # its size is anyone's, its content is not
                    next(entries, None)
                return size
            with os.scandir(f"{self.root}/{pid}/fd") as entries:
                return sum(1 for _ in entries)
        except OSError as error:
            raise _translated(error) from error

    def descriptors_taken(self, pid: int | str) -> int | None:
        """How many numbers of descriptors are taken: the size of ``fd/`` from Linux 6.2 on, else None.

        Anyone may know it (proc_fd_getattr(), fs/proc/fd.c).  Raises GoneError or DeniedError.
        """
        self.reads["fd/ size"] += 1
        try:
            return os.stat(f"{self.root}/{pid}/fd").st_size or None
        except OSError as error:
            raise _translated(error) from error

    def descriptors_from(self, pid: int | str, start: int, most: int) -> list[int]:
        """The numbers of open descriptors from ``start`` on, ascending, at most ``most``; what is below costs nothing.

        Raises GoneError or DeniedError.
        """
        self.reads["fd/"] += 1
        try:
            folder = self._opened(lambda: os.open(f"{self.root}/{pid}/fd", _READ | os.O_DIRECTORY))
            try:
                # Offset in the folder is the number after . and .. (proc_readfd_common(), fs/proc/fd.c).
                os.lseek(folder, start + 2 if start else 0, os.SEEK_SET)
                with os.scandir(folder) as entries:
                    return list(islice((int(entry.name) for entry in entries), most))
            finally:
                os.close(folder)
        except OSError as error:
            raise _translated(error) from error

    def descriptor_link(self, pid: int | str, fd: int) -> str:
        """What a descriptor is: a path, ``socket:[inode]``, ``pipe:[inode]``; raises GoneError or DeniedError."""
        self.reads["fd"] += 1
        try:
            return os.readlink(f"{self.root}/{pid}/fd/{fd}")
        except OSError as error:
            raise _translated(error) from error

    def descriptor_mode(self, pid: int | str, fd: int) -> tuple[bool, bool]:
        """Whether a descriptor is open for reading, and for writing: the mode of its link (proc(5), fd)."""
        self.reads["fd"] += 1
        try:
            mode = os.lstat(f"{self.root}/{pid}/fd/{fd}").st_mode
        except OSError as error:
            raise _translated(error) from error
        return bool(mode & stat.S_IRUSR), bool(mode & stat.S_IWUSR)

    def descriptor_info(self, pid: int | str, fd: int, most: int) -> bytes:
        """The first ``most`` bytes of ``fdinfo`` of a descriptor; raises GoneError or DeniedError."""
        self.reads["fdinfo"] += 1
        try:
            descriptor = self._opened(lambda: os.open(f"{self.root}/{pid}/fdinfo/{fd}", _READ))
            try:
                raw = os.read(descriptor, min(most, _CHUNK))
                while len(raw) < most and len(raw) >= _CHUNK // 2 and (part := os.read(descriptor, most - len(raw))):
                    raw += part
                return raw
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _translated(error) from error

    def descriptor_stat(self, pid: int | str, fd: int) -> os.stat_result:
        """The inode behind a descriptor, which may ask a file server; raises GoneError or DeniedError."""
        self.reads["fd stat"] += 1
        try:
            return os.stat(f"{self.root}/{pid}/fd/{fd}")
        except OSError as error:
            raise _translated(error) from error

    def descriptor_protocol(self, pid: int | str, fd: int) -> str:
        """The protocol of a socket by the kernel's name, ``TCP``, ``UNIX-STREAM`` (attribute system.sockprotoname).

        Raises GoneError or DeniedError.
        """
        self.reads["fd protocol"] += 1
        try:
            raw = os.getxattr(f"{self.root}/{pid}/fd/{fd}", "system.sockprotoname")
        except OSError as error:
            raise _translated(error) from error
        return raw.rstrip(b"\0").decode("ascii", "replace")

    def read_most(self, pid: int | str, name: str, most: int, counted: str = "") -> bytes:
        """The first ``most`` bytes of ``root/pid/name``, for files that have no end; ``counted`` under that name.

        Raises GoneError or DeniedError.
        """
        self.reads[counted or name] += 1
        try:
            descriptor = self._opened(lambda: os.open(f"{self.root}/{pid}/{name}", _READ))
            try:
                parts = []
                while most > 0 and (part := os.read(descriptor, min(most, _LARGE_CHUNK))):
                    parts.append(part)
                    most -= len(part)
                return b"".join(parts)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _translated(error) from error

    def read_part(self, pid: int, name: str, offset: int, size: int) -> bytes:
        """At most ``size`` bytes of ``root/pid/name`` from ``offset`` on; raises GoneError or DeniedError."""
        self.reads[name] += 1
        try:
            descriptor = self._opened(lambda: os.open(f"{self.root}/{pid}/{name}", _READ))
            try:
                return os.pread(descriptor, size, offset)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _translated(error) from error

    def open_mapped(self, pid: int | str, path: bytes) -> int:
        """A descriptor on a file that a process maps, found in its own tree of files; the caller closes it.

        Raises GoneError or DeniedError.  Only a regular file is opened: a device or a pipe might answer to it.
        """
        return self._open_regular(os.fsencode(f"{self.root}/{pid}/root") + path)

    def open_exe(self, pid: int | str) -> int:
        """A descriptor on a process's executable, also one whose file is gone; as ``open_mapped``."""
        return self._open_regular(os.fsencode(f"{self.root}/{pid}/exe"))

    def open_mapping(self, pid: int, start: int, end: int) -> int:
        """A descriptor on what is mapped there, also where the file is gone; as ``open_mapped``.

        Wants CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN (proc(5), map_files).
        """
        return self._open_regular(os.fsencode(f"{self.root}/{pid}/map_files/{start:x}-{end:x}"))

    def _open_regular(self, path: bytes) -> int:
        self.reads["elf"] += 1
        try:
            descriptor = os.open(path, _READ | os.O_NONBLOCK)
        except OSError as error:
            raise _translated(error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise GoneError(os.fsdecode(path))
        return descriptor

    def _read(self, path: str) -> bytes:
        try:
            descriptor = self._opened(lambda: os.open(path, _READ))
            try:
                raw = os.read(descriptor, _CHUNK)
                # A short read is no end: files of many records (maps, mounts) break off before the one that
                # does not fit a page (seq_read_iter(), fs/seq_file.c).  Where half a page was free, none did not.
                if len(raw) < _CHUNK // 2:
                    return raw
                parts = [raw]
                while part := os.read(descriptor, _CHUNK):
                    parts.append(part)
                return b"".join(parts)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _translated(error) from error

    def keep(self, pid: int, tid: int, name: str) -> int | None:
        """A descriptor on ``root/pid/task/tid/name`` to pread from, or None if no more may be kept."""
        if self.kept >= self.limit:
            return None
        try:
            if self._spare is None:
                self._spare = os.open(os.devnull, _READ)
            descriptor = os.open(f"{self.root}/{pid}/task/{tid}/{name}", _READ)
        except OSError as error:
            if error.errno in _NO_DESCRIPTORS:
                self.limit = self.kept
                return None
            raise _translated(error) from error
        self.kept += 1
        return descriptor

    def read_on(self, descriptor: int, name: str) -> bytes:
        """What comes next from a kept descriptor on the file ``name``, b"" at its end; raises GoneError."""
        self.reads[name] += 1
        try:
            return os.read(descriptor, _LARGE_CHUNK)
        except OSError as error:
            raise _translated(error) from error

    def _opened(self, call: Callable[[], _Result]) -> _Result:
        """The result of ``call``; if no descriptor is free for it, once more without the spare one."""
        try:
            return call()
        except OSError as error:
            if error.errno not in _NO_DESCRIPTORS or self._spare is None:
                raise
        self._drop_spare()
        self.limit = self.kept
        return call()

    def _drop_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def drop(self, descriptor: int) -> None:
        """Close a kept descriptor."""
        os.close(descriptor)
        self.kept -= 1
        if not self.kept:
            self._drop_spare()


def _translated(error: OSError) -> Exception:
    if error.errno in _GONE:
        return GoneError(error.filename or "")
    if error.errno in _DENIED:
        return DeniedError(error.filename or "")
    if error.errno in _NO_DESCRIPTORS:
        return ThreadtopError("no file descriptor is free", "raise the limit (ulimit -n), or close something")
    return error
