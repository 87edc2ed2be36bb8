"""The open descriptors of a process: what each is, where it stands, who is at its other end (proc(5), fd, fdinfo)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.blocked import BlockedOn
from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.inside.access import Access
from threadtop.procfs import parse
from threadtop.procfs.fdinfo import FdInfo, parse_fdinfo
from threadtop.waiting.ends import Ends

if TYPE_CHECKING:
    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

PART: Final = 500  # descriptors that are read at once
MOST: Final = 1 << 20  # that are listed
MOST_INFO_BYTES: Final = 256 << 10  # an epoll has a line for each descriptor that it watches
_UNKNOWN: Final = FdInfo(None, None)
FLAGS: Final = (
    (os.O_APPEND, "append"),
    (os.O_NONBLOCK, "nonblock"),
    (os.O_SYNC, "sync"),
    (os.O_DIRECT, "direct"),
    (os.O_DIRECTORY, "directory"),
    (os.O_NOFOLLOW, "nofollow"),
    (os.O_NOATIME, "noatime"),
    (os.O_CLOEXEC, "cloexec"),
    (os.O_PATH, "path"),
)  # of this machine's kernel, which is the target's, too
_MODES: Final = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}


class FileFact(NamedTuple):
    """One descriptor; ``link`` is what it leads to, ``mode`` r, w, rw or "", ``flags`` by name.

    ``local``, ``peer`` and ``status`` are as in BlockedOn: the two ends of a socket, the process at the other end of a
    pipe.  ``is_settled``: that is all there is to find of them.
    """

    fd: int
    link: str
    mode: str
    flags: tuple[str, ...]
    info: FdInfo
    local: str = ""
    peer: str = ""
    status: str = ""
    is_settled: bool = True


class FilesFacts(NamedTuple):
    """``files`` of the part that was asked for, ``first`` the place of its first one, ``total`` how many there are.

    ``files`` is None where they may not be read; ``limit`` is the soft limit on open files as ``limits`` has it.
    """

    files: tuple[FileFact, ...] | None
    first: int
    total: int | None
    limit: str
    denials: tuple[Denial, ...]


class FilesReader:
    """Reads the descriptors of one part; looks for other ends a few in each reading, and keeps what it found."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._ends = Ends(reader)

    def read(self, asked: Asked, sample: Sample) -> FilesFacts:
        """The descriptors as they are now; raises GoneError."""
        process = sample.processes[asked.pid]
        access = Access(self._reader, asked.pid, process.uid)
        limits = access.parsed("limits", parse.parse_limits) or {}
        limit = limits.get("Max open files", ("", "", ""))[0]
        fds = access.attempt("fd", lambda: sorted(self._reader.descriptors_of(asked.pid, MOST)))
        if fds is None:
            self._reader.task_links(asked.pid)  # raises GoneError
            return FilesFacts(None, 0, None, limit, tuple(access.denials.values()))
        # Only a pass over the whole machine knows pid 1; others' ends are looked for in all that /proc lists.
        self._ends.begin(sample.at_ns, sample.processes, is_whole=1 in sample.processes)
        first = asked.part * PART if asked.part * PART < len(fds) else 0
        found = (self._file(asked.pid, fd) for fd in fds[first : first + PART])
        files = tuple(one for one in found if one is not None)
        return FilesFacts(files, first, len(fds), limit, tuple(access.denials.values()))

    def close(self) -> None:
        """Close what the search for other ends holds."""
        self._ends.close()

    def _file(self, pid: int, fd: int) -> FileFact | None:
        """One descriptor; None if it was closed meanwhile."""
        try:
            link = self._reader.descriptor_link(pid, fd)
            info = parse_fdinfo(self._reader.read_most(pid, f"fdinfo/{fd}", MOST_INFO_BYTES, "fdinfo"))
        except (GoneError, DeniedError):
            return None
        except (ThreadtopError, OSError):
            link, info = "", _UNKNOWN
        flags = info.flags or 0
        mode = _MODES.get(flags & os.O_ACCMODE, "") if info.flags is not None else ""
        names = tuple(name for bit, name in FLAGS if flags & bit == bit)
        fact = FileFact(fd, link, mode, names, info)
        if not link.startswith(("pipe:", "socket:")):
            return fact
        # A reader's other end is who writes, and the other way round.
        blocked, is_settled = self._ends.added(pid, BlockedOn("write" if mode == "w" else "read", target=link), None)
        return fact._replace(local=blocked.local, peer=blocked.peer, status=blocked.status, is_settled=is_settled)
