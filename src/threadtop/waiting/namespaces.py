"""Namespaces: whether a process is in one of ours, and which process it means by a pid (namespaces(7))."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.procfs import parse

if TYPE_CHECKING:
    from threadtop.procfs.reader import ProcReader

MOST_CHILDREN: Final = 64  # gone through for the one of a pid in another namespace


class Namespaces:
    """Those of one process."""

    __slots__ = ("_ours", "_pid", "_reader")

    def __init__(self, reader: ProcReader, pid: int) -> None:
        """Nothing is read yet."""
        self._reader = reader
        self._pid = pid
        self._ours: dict[str, bool] = {}  # by their kind: whether they are our own, too

    def shares(self, kind: str) -> bool:
        """Whether it is in our own namespace of a kind, by ``ns/KIND``; that is taken for granted."""
        if kind not in self._ours:
            name = f"ns/{kind}"
            try:
                self._ours[kind] = self._reader.link(self._pid, name) == self._reader.link("self", name)
            except (GoneError, DeniedError, OSError):
                self._ours[kind] = True
        return self._ours[kind]

    def child(self, tid: int, inside: int) -> int | None:
        """The child of a thread that it calls ``inside``, by its pid here; None where it is not found."""
        if self.shares("pid"):
            return inside
        with suppress(GoneError, DeniedError, ThreadtopError, OSError, ValueError):
            for here in map(int, self._reader.read_task(self._pid, tid, "children").split()[:MOST_CHILDREN]):
                if _pid_inside(self._reader.read(here, "status")) == inside:
                    return here
        return None


def _pid_inside(status: bytes) -> int | None:
    """The pid of a process in its own namespace, the innermost: last number of the line ``NSpid`` (proc(5))."""
    pids = parse.parse_status(status).get("NSpid", "").split()
    return int(pids[-1]) if pids else None
