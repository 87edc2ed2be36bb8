"""Who a process is to the kernel, and what it may do: ids, capabilities, filters, labels (proc(5), capabilities(7))."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from threadtop.inside.access import opened
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample


class ProtectionFacts(NamedTuple):
    """``status`` as in parse.parse_status; ``label`` of the security module, ``login_uid``: None not known.

    ``is_dumpable``: whether its files belong to its own user (/proc/PID belongs to root where it is not dumpable,
    proc(5)); None as root's own process, of which that cannot be told.
    """

    status: Mapping[str, str]
    label: str | None
    login_uid: int | None
    is_dumpable: bool | None
    tracer: str
    denials: tuple[Denial, ...]


class ProtectionReader:
    """Reads ``status``, ``attr/current`` and ``loginuid``."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader

    def read(self, asked: Asked, sample: Sample) -> ProtectionFacts:
        """What the process may do; raises GoneError."""
        process = sample.processes[asked.pid]
        access, status = opened(self._reader, asked, sample)
        label = access.read("attr/current")
        login = access.parsed("loginuid", int)
        tracer = sample.processes.get(int(status.get("TracerPid", "0") or 0))
        return ProtectionFacts(
            status=status,
            label=parse.decode(label.rstrip(b"\0\n")) if label else None,
            login_uid=login,
            is_dumpable=access.attempt("owner", lambda: self._is_dumpable(asked.pid, process.uid)),
            tracer=tracer.name if tracer is not None else "",
            denials=tuple(access.denials.values()),
        )

    def _is_dumpable(self, pid: int, uid: int | None) -> bool | None:
        owner = self._reader.owner(pid)
        return None if uid in {None, 0} else owner == uid

    def close(self) -> None:
        """Nothing is kept."""
