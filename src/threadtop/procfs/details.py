"""What proc(5) says of one process beyond the table: read only while its overview is open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from threadtop.errors import DeniedError, GoneError
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.procfs.reader import ProcReader


class ProcessDetails(NamedTuple):
    """One process; a part that may not be read is None, and ``denied`` names it with the rule.

    ``status`` and ``limits`` are as in parse; ``descriptors`` is the number of open ones.
    """

    stat: parse.Stat | None
    status: Mapping[str, str]
    arguments: tuple[str, ...]
    limits: Mapping[str, tuple[str, str, str]]
    cgroups: Mapping[str, str]
    executable: str | None
    directory: str | None
    descriptors: int | None
    denied: Mapping[str, str]


PTRACE_RULE = "needs the same user or CAP_SYS_PTRACE (ptrace access, proc(5))"


def read(reader: ProcReader, pid: int) -> ProcessDetails | None:
    """The details of a process; None if it has gone."""
    denied: dict[str, str] = {}

    def attempt(name: str, get: Callable[[], object]) -> object:
        try:
            return get()
        except DeniedError:
            denied[name] = PTRACE_RULE
        except GoneError:
            pass  # a kernel thread has no executable, an ended one no directory
        return None

    try:
        status = parse.parse_status(reader.read(pid, "status"))
        stat = parse.parse_stat(reader.read(pid, "stat"))
        arguments = tuple(parse.parse_cmdline(reader.read(pid, "cmdline")))
        limits = parse.parse_limits(reader.read(pid, "limits"))
        cgroups = parse.parse_cgroups(reader.read(pid, "cgroup"))
    except (GoneError, DeniedError, ValueError, IndexError):
        return None
    executable = attempt("executable", lambda: reader.link(pid, "exe"))
    directory = attempt("directory", lambda: reader.link(pid, "cwd"))
    count = attempt("descriptors", lambda: _count(reader, pid))
    return ProcessDetails(
        stat=stat,
        status=status,
        arguments=arguments,
        limits=limits,
        cgroups=cgroups,
        executable=executable if isinstance(executable, str) else None,
        directory=directory if isinstance(directory, str) else None,
        descriptors=count if isinstance(count, int) else None,
        denied=denied,
    )


def _count(reader: ProcReader, pid: int) -> int:
    reader.reads["fd/"] += 1
    try:
        return len(os.listdir(f"{reader.root}/{pid}/fd"))
    except PermissionError as error:
        raise DeniedError(str(pid)) from error
    except (FileNotFoundError, ProcessLookupError) as error:
        raise GoneError(str(pid)) from error
