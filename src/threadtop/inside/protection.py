"""Who a process is to the kernel, and what it may do: ids, capabilities, filters, labels (proc(5), capabilities(7))."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from threadtop.inside.access import name_of, opened
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample


class ProtectionFacts(NamedTuple):
    """``status`` as in parse.parse_status; ``label`` of the security module, ``login_uid``: None not known, or none.

    ``is_dumpable``: whether its files belong to its own user: to root where it is not dumpable (proc(5)); None of
    root's own processes, of which that cannot be told, and of one without memory.
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
        return ProtectionFacts(
            status=status,
            label=parse.decode(label.rstrip(b"\0\n")) if label else None,
            login_uid=login,
            is_dumpable=access.attempt("owner", lambda: self._is_dumpable(access.where, process.uid, status)),
            tracer=name_of(self._reader, int(status.get("TracerPid", "0") or 0)) or "",
            denials=tuple(access.denials.values()),
        )

    def _is_dumpable(self, pid: int, uid: int | None, status: Mapping[str, str]) -> bool | None:
        return self._reader.owner(pid) == uid if uid and "VmSize" in status else None

    def close(self) -> None:
        """Nothing is kept."""
