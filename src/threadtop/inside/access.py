"""Access: files of one process; what is denied or missing is None, and noted with its rule."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TypeVar

from threadtop.errors import DeniedError, GoneError
from threadtop.gil import refusals
from threadtop.inside.asked import Denial
from threadtop.procfs import parse
from threadtop.sample import living

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.inside.asked import Asked
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

_Result = TypeVar("_Result")
_ATTACH: Final = frozenset({"syscall", "mem"})  # PTRACE_MODE_ATTACH, where Yama has a say; the others want READ
_SHARED: Final = ("Vm", "Rss", "Umask", "FDSize", "CoreDumping", "THP_enabled")  # of status
_KERNEL_ONLY: Final = {
    "stack": Denial("stack", "only CAP_SYS_ADMIN may read a kernel stack", "run threadtop as root"),
}


class Access:
    """Reads files of the process ``pid``; ``denials`` says by file what was refused, and why."""

    def __init__(
        self, reader: ProcReader, pid: int, uid: int | None, *, euid: int | None = None, by: int | None = None
    ) -> None:
        """``uid`` is the owner, as far as that is known, ``euid`` ours; ``by`` is the task to ask, see ``living``."""
        self.reader = reader
        self.pid = pid
        self.where = by if by is not None else pid
        self.denials: dict[str, Denial] = {}
        self._uid = uid
        self._euid = os.geteuid() if euid is None else euid

    def read(self, name: str) -> bytes | None:
        """Whole content of ``/proc/PID/name``; raises GoneError where the process has ended."""
        return self.attempt(name, lambda: self.reader.read(self.where, name))

    def read_task(self, tid: int, name: str) -> bytes | None:
        """Whole content of ``/proc/PID/task/TID/name``."""
        return self.attempt(name, lambda: self.reader.read_task(self.pid, tid, name))

    def link(self, name: str) -> str | None:
        """Target of the link ``/proc/PID/name``."""
        return self.attempt(name, lambda: self.reader.link(self.where, name))

    def parsed(self, name: str, parser: Callable[[bytes], _Result]) -> _Result | None:
        """A file of the process as ``parser`` has it; None too where it is cut short."""
        return _parsed(self.read(name), parser)

    def parsed_task(self, tid: int, name: str, parser: Callable[[bytes], _Result]) -> _Result | None:
        """As ``parsed``, of a thread."""
        return _parsed(self.read_task(tid, name), parser)

    def attempt(self, name: str, get: Callable[[], _Result]) -> _Result | None:
        """What ``get`` gives; None where that is denied (noted under ``name``) or not there."""
        try:
            return get()
        except DeniedError:
            self.denials[name] = self._denial(name)
        except GoneError:
            self._require_alive()  # else a file that this kernel or this process does not have
        except OSError:
            pass  # EIO, EINVAL and the like: a kernel that has the file, but not for this task
        return None

    def _require_alive(self) -> None:
        self.reader.task_links(self.pid)

    def _denial(self, name: str) -> Denial:
        if name in _KERNEL_ONLY:
            return _KERNEL_ONLY[name]
        rule, remedy = refusals.refusal(self.reader, self._uid, self._euid, is_attach=name in _ATTACH)
        return Denial(name, rule, remedy)


def opened(reader: ProcReader, asked: Asked, sample: Sample) -> tuple[Access, dict[str, str]]:
    """The process that a pane asks for: access to its files, and its ``status``; raises GoneError.

    Where its main thread has ended, both are those of a thread that lives, as far as threads share what they say.
    """
    process = sample.processes[asked.pid]
    access = Access(reader, asked.pid, process.uid, by=living(process))
    status = access.parsed("status", parse.parse_status)
    if status is None:  # anyone may read it
        raise GoneError(str(asked.pid))
    if access.where != asked.pid:
        own = Access(reader, asked.pid, process.uid).parsed("status", parse.parse_status) or {}
        status = {**own, **{key: value for key, value in status.items() if key.startswith(_SHARED)}}
    return access, status


def name_of(reader: ProcReader, pid: int) -> str | None:
    """The name of another process or thread, as its ``stat`` has it; None where there is none that is to be seen."""
    try:
        return parse.parse_stat(reader.read(pid, "stat")).name if pid else None
    except (GoneError, DeniedError, OSError, ValueError, IndexError):
        return None


def _parsed(raw: bytes | None, parser: Callable[[bytes], _Result]) -> _Result | None:
    if raw is None:
        return None
    try:
        return parser(raw)
    except (ValueError, IndexError, KeyError):
        return None
