"""Ends: what is at both ends of the socket or pipe that a thread waits on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.waiting import sockets
from threadtop.waiting.diag import UnixDiag
from threadtop.waiting.peers import Peers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.blocked import BlockedOn
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import ProcessSample
    from threadtop.waiting.sockets import Socket

LEAST_GAP_NS: Final = 2_000_000_000  # between two readings of a table, and as much more for each GAP_LINES
GAP_LINES: Final = 4096  # 5 ms
REFRESH_NS: Final = 10_000_000_000  # a connection that waits may be closed by the other side meanwhile
MOST_NAMESPACES: Final = 32
_WRITES: Final = frozenset(
    (
        "write",
        "writev",
        "pwrite64",
        "pwritev",
        "pwritev2",
        "send",
        "sendto",
        "sendmsg",
        "sendmmsg",
        "sendfile",
        "vmsplice",
    )
)


class _Table(NamedTuple):
    at_ns: int
    lines: Mapping[int, bytes]
    ports: frozenset[str] = frozenset()

    @property
    def gap_ns(self) -> int:
        """How long it must do before it is read again."""
        return LEAST_GAP_NS * (1 + len(self.lines) // GAP_LINES)


class Ends:
    """Looks sockets up in the tables of their network namespace, and pipes by their holders."""

    def __init__(self, reader: ProcReader, refresh_ns: int = REFRESH_NS) -> None:
        """Read through ``reader``; what a table says of a socket holds for ``refresh_ns``."""
        self._reader = reader
        self._refresh_ns = refresh_ns
        self._peers = Peers(reader)
        self._at_ns = 0
        self._namespaces: dict[int, tuple[str, int]] = {}  # of processes: by pid, with their start
        self._tables: dict[tuple[str, str], _Table] = {}
        self._missing: dict[tuple[str, int], int] = {}  # sockets of no table: when that was found
        self._sought: dict[tuple[str, int], int] = {}  # those not found yet: since when
        self._processes: Mapping[int, ProcessSample] = {}
        self._diag = UnixDiag()
        self._own = ""

    def close(self) -> None:
        """Close the netlink socket."""
        self._diag.close()

    def begin(
        self, at_ns: int, processes: Mapping[int, ProcessSample], *, is_whole: bool = True, at_once: bool = False
    ) -> None:
        """A new tick at ``at_ns`` (monotonic); not ``is_whole``: there are more processes than these.

        ``at_once``: holders are looked for till they are found.
        """
        self._at_ns = at_ns
        self._processes = processes
        self._peers.begin(processes, is_whole=is_whole, at_once=at_once)
        if len(self._tables) > MOST_NAMESPACES * len(sockets.TABLES):
            self._tables.clear()
        if len(self._missing) > _MOST_REMEMBERED:
            self._missing.clear()
        if len(self._sought) > _MOST_REMEMBERED:
            self._sought.clear()
        if len(self._namespaces) > _MOST_REMEMBERED:
            self._namespaces.clear()

    def name(self, pid: int) -> str:
        """The name of a process; "" if it is not known."""
        return self._peers.name(pid)

    def added(self, pid: int, blocked: BlockedOn, wchan: str | None) -> tuple[BlockedOn, bool]:
        """``blocked`` with what is known of the other end of its descriptor, and whether that is all there is to find.

        What is no pipe and no socket stays as it is.
        """
        if blocked.target.startswith("pipe:"):
            is_writer = blocked.call in _WRITES or (wchan or "").startswith(("pipe_write", "anon_pipe_write"))
            held = self._peers.holder(blocked.target, pid, writes=not is_writer)
            return blocked._replace(peer=held.words), held.is_settled
        inode = inode_of(blocked.target)
        if inode is None:
            return blocked, True
        found = self.socket(pid, inode, is_unix=(wchan or "").startswith("unix_"))
        if found is None:
            return blocked, self.is_missing(pid, inode)
        is_settled = True
        if found.is_unix:
            found, is_settled = self._unix(pid, inode, found)
        return blocked._replace(local=found.local, peer=found.peer, status=found.words), is_settled

    # -- sockets -------------------------------------------------------------------------------

    def socket(
        self, pid: int, inode: int, *, is_unix: bool = False, is_over: Callable[[], bool] = lambda: False
    ) -> Socket | None:
        """A socket by its inode, in the tables of the process's network namespace; None: in none, or not found yet.

        Once it ``is_over`` no further table is read.
        """
        namespace = self._namespace(pid)
        if self._at_ns - self._missing.get((namespace, inode), -REFRESH_NS) < REFRESH_NS:
            return None
        names = sorted(sockets.TABLES, key=lambda name: is_unix and name != "unix")
        for name in names:
            table = self._tables.get((namespace, name))
            if table is None or inode not in table.lines:
                continue
            if self._at_ns - table.at_ns < max(self._refresh_ns, table.gap_ns):
                return sockets.socket(name, table.lines[inode])
        sought_ns = self._sought.get((namespace, inode), self._at_ns)
        for name in names:
            table = self._tables.get((namespace, name))
            if table is None or self._at_ns - table.at_ns >= table.gap_ns:
                if is_over():
                    self._sought[namespace, inode] = sought_ns
                    return None
                table = self._tables[namespace, name] = self._read_table(pid, name)
            if inode in table.lines:
                self._sought.pop((namespace, inode), None)
                return sockets.socket(name, table.lines[inode])
        if all(self._tables[namespace, name].at_ns >= sought_ns for name in names):
            self._missing[namespace, inode] = self._at_ns
            self._sought.pop((namespace, inode), None)
        else:
            self._sought[namespace, inode] = sought_ns
        return None

    def is_missing(self, pid: int, inode: int) -> bool:
        """Whether a socket is in no table; one that was not found may be so new that they must be read again."""
        return (self._namespace(pid), inode) in self._missing

    def _read_table(self, pid: int, name: str) -> _Table:
        try:
            raw = self._reader.read_most(pid, f"net/{name}", sockets.MOST_BYTES)
        except (GoneError, DeniedError, ThreadtopError, OSError):
            raw = b""  # a kernel without that family
        return _Table(self._at_ns, sockets.parse(name, raw), sockets.listened(raw) if "tcp" in name else frozenset())

    def _namespace(self, pid: int) -> str:
        """The network namespace of a process; one that may not be known is taken for one of its own."""
        process = self._processes.get(pid)
        start = process.start_ticks if process else 0
        known = self._namespaces.get(pid)
        if known is None or known[1] != start:
            try:
                known = self._reader.link(pid, "ns/net"), start
            except (GoneError, DeniedError, OSError):
                known = f"pid {pid}", start
            self._namespaces[pid] = known
        return known[0]

    def is_listened(self, pid: int, local: str) -> bool:
        """Whether somebody of the process's network namespace listens on the port of ``local`` (``10.0.0.5:80``)."""
        namespace, port = self._namespace(pid), local.rpartition(":")[2]
        tables = (self._tables.get((namespace, name)) for name in ("tcp", "tcp6"))
        return any(table is not None and port in table.ports for table in tables)

    def unix_peer(self, pid: int, inode: int) -> tuple[int | None, str]:
        """What a Unix socket of our own network namespace is connected to: inode and path; None, "" not known."""
        if not self._own:
            try:
                self._own = self._reader.link("self", "ns/net")
            except (GoneError, DeniedError, OSError):
                self._own = "-"
        namespace = self._namespace(pid)
        peer = self._diag.peer(inode) if namespace == self._own else None
        if peer is None:
            return None, ""
        table = self._tables.get((namespace, "unix"))
        line = table.lines.get(peer) if table is not None else None
        return peer, self._diag.path(peer) if line is None or sockets.has_path(line) else ""

    def _unix(self, pid: int, inode: int, found: Socket) -> tuple[Socket, bool]:
        """A Unix socket with its other end: the process that holds it, and the path that it has."""
        peer_inode, path = self.unix_peer(pid, inode)
        if peer_inode is None:
            return found, True
        held = self._peers.holder(f"socket:[{peer_inode}]", pid)
        return found._replace(peer=" ".join(filter(None, (held.words, path)))), held.is_settled


_MOST_REMEMBERED: Final = 4096


def inode_of(target: str) -> int | None:
    """The inode of ``socket:[123]``."""
    number = target.removeprefix("socket:[").removesuffix("]")
    return int(number) if target.startswith("socket:[") and number.isdecimal() else None
