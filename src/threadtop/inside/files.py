"""The open descriptors of a process, a page of them in full: ``fd/``, ``fdinfo/``, ``net/`` (proc(5))."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.inside.access import Access
from threadtop.inside.census import Census
from threadtop.inside.holders import Holders, Holding
from threadtop.inside.slices import Turn
from threadtop.procfs import fdinfo, mounts, parse
from threadtop.sample import living
from threadtop.waiting.ends import LEAST_GAP_NS, Ends, inode_of
from threadtop.waiting.machines import native

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.fdinfo import Info, Kind
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample
    from threadtop.waiting.sockets import Socket

PAGE: Final = 500  # descriptors read in full
MOST_BLOCKED: Final = 100  # descriptors that threads are blocked on
MOST_DELETED: Final = 50  # files without a name whose size is asked for
INFO_BYTES: Final = 256 << 10  # of one file of fdinfo: an epoll has a line for each descriptor
LONG_BYTES, LONG_READINGS = 32 << 10, 10  # one so long is read again after so many readings
MOUNTS_BYTES, MOUNTS_READINGS = 1 << 20, 10
MOST_COUNTED: Final = 1 << 16  # where the kernel does not say how many there are
PEER_READINGS: Final = 10  # after which it is asked anew what a Unix socket is connected to
LEAST_PEERS: Final = 20  # in any reading, though there is no time for more
MOST_PEERS: Final = 1 << 14
BUDGET_S: Final = 0.05  # of CPU time, of one reading
_CENSUS_PART, _HOLDERS_PART = 0.25, 0.6  # of it: until then all descriptors are counted, then other ends looked for
_PUT_OFF: Final = -1
_TTYS: Final = frozenset((4, 5, *range(136, 144), 166, 188, 204, 229))  # Documentation/admin-guide/devices.txt
_LIMIT: Final = "Max open files"
_IN_MEMORY: Final = frozenset({"memfd", "shared memory"})  # they have a size, and no server to wait for


class Descriptor(NamedTuple):
    """One open descriptor; None is not known, or has none.

    ``link`` as in ``fd/``, ``info`` and ``flags`` as in ``fdinfo/``; ``size_bytes`` of a file, ``held_bytes`` what it
    takes on its disk.  ``socket``: its two ends; ``protocol`` is the kernel's name of one that is in no table,
    ``is_accepted`` says that its port is listened on, ``is_sought`` that it may yet be found in a table.  ``holding``:
    who has the other end of a pipe or Unix socket.
    """

    fd: int
    kind: Kind
    link: str
    info: Info | None = None
    flags: tuple[str, ...] = ()
    size_bytes: int | None = None
    held_bytes: int | None = None
    is_deleted: bool = False
    socket: Socket | None = None
    protocol: str = ""
    is_accepted: bool = False
    holding: Holding | None = None
    process: str = ""  # of a pidfd: its name
    is_sought: bool = False


class FilesFacts(NamedTuple):
    """``page`` are the descriptors from the one at ``first`` on, ``blocked`` those that threads wait for.

    ``open_count`` is how many there are, ``taken_count`` how many numbers are taken, also those that accept(2) has
    reserved; None is not known.  ``kinds`` counts ``counted`` of them; ``soft_limit`` and
    ``hard_limit`` are those of RLIMIT_NOFILE as in ``limits``.  ``deleted`` are files without a name,
    ``deleted_count`` how many there are.  ``searched``: in how many processes the other ends were looked for, and how
    many there are.  ``is_pending``: the next reading will bring more.
    """

    open_count: int | None
    soft_limit: str | None
    hard_limit: str | None
    first: int = 0
    page: tuple[Descriptor, ...] = ()
    blocked: tuple[Descriptor, ...] = ()
    kinds: Mapping[Kind, int] = {}
    counted: int = 0
    deleted: tuple[Descriptor, ...] = ()
    deleted_count: int = 0
    searched: tuple[int, int] = (0, 0)
    denials: tuple[Denial, ...] = ()
    taken_count: int | None = None
    is_pending: bool = False


class _Inode(NamedTuple):
    """What stat(2) says of a path."""

    kind: Kind
    size_bytes: int | None = None
    held_bytes: int | None = None
    is_unlinked: bool | None = None


class FilesReader:
    """Reads descriptors; keeps the links, long epolls and who holds what between two readings."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._machine = native()
        self._ends = Ends(reader, LEAST_GAP_NS)
        self._whose: tuple[int, int] | None = None
        self._begin(0)

    def _begin(self, pid: int) -> None:
        """Nothing is known of the process ``pid``."""
        self._census = Census(self._reader, self._kind_of_inode)
        self._holders = Holders(self._reader, pid)
        self._filesystems: dict[int, str] = {}
        self._mounts_reading = -MOUNTS_READINGS
        self._long: dict[int, tuple[str, int, Info]] = {}
        self._peers: dict[int, tuple[int, int | None, str]] = {}  # of Unix sockets by inode: when asked, inode, path
        self._turn = Turn(BUDGET_S)
        self._tables = self._asked = 0  # sockets' tables and peers, in this reading
        self._is_short = False  # of time: something of the page was put off
        self._reading = 0
        self._count: int | None = None

    def close(self) -> None:
        """Close the netlink socket."""
        self._ends.close()

    def read(self, asked: Asked, sample: Sample) -> FilesFacts:
        """The descriptors of the process, the page ``asked.part`` of them in full; raises GoneError."""
        process = sample.processes[asked.pid]
        if self._whose != (process.pid, process.start_ticks):
            self._whose = process.pid, process.start_ticks
            self._begin(process.pid)
        self._reading += 1
        self._turn, self._tables, self._asked, self._is_short = Turn(BUDGET_S), 0, 0, False
        access = Access(self._reader, process.pid, process.uid)
        limits = access.parsed("limits", parse.parse_limits) or {}
        soft, hard, _ = limits.get(_LIMIT, (None, None, None))
        where = living(process)
        count = access.attempt("fd size", lambda: self._reader.descriptors_taken(where))
        if access.attempt("fd", lambda: self._look(where)) is None:
            return FilesFacts(count, soft, hard, denials=tuple(access.denials.values()))
        taken = count
        # A number that accept(2) has reserved is taken, but nothing is open yet: once all were listed, they count.
        count = self._census.count if self._census.count is not None else count or self._counted(where)
        self._ends.begin(sample.at_ns, sample.processes)
        self._holders.look(sample.processes, lambda: self._turn.is_over(_HOLDERS_PART))
        part, start = access.attempt("fd", lambda: self._census.start_of(where, asked.part, PAGE)) or (0, 0)
        numbers = access.attempt("fd", lambda: self._reader.descriptors_from(where, start, PAGE)) or []
        blocking = [fd for fd in _blocked_on(sample, process.pid) if fd not in numbers][:MOST_BLOCKED]
        known = {one.fd: one for one in self._described(where, (*numbers, *blocking))}
        deleted_count, suspects = self._census.deleted(MOST_DELETED)
        looked = [one for fd in suspects for one in [known.get(fd) or self._plain(where, fd)] if one is not None]
        deleted = tuple(one for one in looked if one.is_deleted)  # a name may end in (deleted), too
        kinds = self._census.kinds()
        return FilesFacts(
            open_count=count,
            taken_count=taken,
            soft_limit=soft,
            hard_limit=hard,
            first=part * PAGE,
            page=tuple(known[fd] for fd in numbers if fd in known),
            blocked=tuple(known[fd] for fd in _blocked_on(sample, process.pid) if fd in known)[:MOST_BLOCKED],
            kinds=kinds,
            counted=sum(kinds.values()),
            deleted=deleted,
            deleted_count=deleted_count - len(suspects) + len(deleted),
            searched=self._holders.progress,
            denials=tuple(access.denials.values()),
            is_pending=self._is_short or self._census.is_underway or self._seeks(known.values()),
        )

    def _seeks(self, shown: Iterable[Descriptor]) -> bool:
        """Whether an end that was not found yet may be that of a process that is still to be looked at."""
        looked, of = self._holders.progress
        return looked < of and any(one.holding is not None and not one.holding.others for one in shown)

    def _look(self, where: int) -> bool:
        """Whether the folder could be read: the census goes on."""
        if self._reading - self._mounts_reading >= MOUNTS_READINGS:
            self._mounts_reading = self._reading
            # Mounts have one row of numbers; what was opened before it got mounts of its own is in ours, mostly.
            self._filesystems = {**self._mounted("self"), **self._mounted(where)}
        self._census.take(where, lambda: self._turn.is_over(_CENSUS_PART))
        return True

    def _mounted(self, where: int | str) -> Mapping[int, str]:
        """File systems by mount id; none where that may not be known."""
        try:
            return mounts.filesystems(self._reader.read_most(where, "mountinfo", MOUNTS_BYTES))
        except (GoneError, DeniedError, ThreadtopError, OSError):
            return {}

    def _counted(self, where: int) -> int:
        """How many there are, where the kernel does not say: before Linux 6.2."""
        is_due = self._count is None or self._count < PAGE or self._reading % LONG_READINGS == 0
        if is_due:
            try:
                self._count = len(self._reader.descriptors_of(where, MOST_COUNTED))
            except (GoneError, DeniedError, ThreadtopError, OSError):
                self._count = 0
        return self._count or 0

    # -- one descriptor --------------------------------------------------------------------------------

    def _described(self, where: int, fds: Iterable[int]) -> Iterable[Descriptor]:
        for fd in fds:
            one = self._plain(where, fd)
            if one is None:
                continue
            if one.kind == "socket":
                one = self._with_socket(where, one)
            elif one.kind == "pipe" and one.info is not None and (mode := fdinfo.mode(one.info.flags)) in {"r", "w"}:
                own = self._census.own.get(one.link, set()) - {fd}
                one = one._replace(holding=self._holding(one.link, where, own, writes=mode == "r"))
            elif one.kind == "pidfd" and one.info is not None:
                pid = one.info.more.get("Pid", "")
                one = one._replace(process=self._holders.name(int(pid)) if pid.isdecimal() else "")
            yield one

    def _plain(self, where: int, fd: int) -> Descriptor | None:
        """A descriptor without its other end; None where it has been closed meanwhile."""
        try:
            link = self._reader.descriptor_link(where, fd)
            kind = fdinfo.kind_of(link)
            info = self._info(where, fd, link)
            inode = self._inode(where, fd, info) if kind is None else None
            size = self._reader.descriptor_stat(where, fd).st_size if kind in _IN_MEMORY else None
        except (GoneError, DeniedError, ThreadtopError, OSError):
            return None
        flags = fdinfo.flag_names(info.flags, self._machine) if info is not None else ()
        if inode is None:
            return Descriptor(fd, kind or "file", link, info, flags, size)
        is_deleted = fdinfo.is_deleted(link) and inode.is_unlinked is not False
        return Descriptor(fd, inode.kind, link, info, flags, inode.size_bytes, inode.held_bytes, is_deleted)

    def _info(self, where: int, fd: int, link: str) -> Info | None:
        """Its ``fdinfo``; a long one is kept for some readings.  None where it cannot be understood."""
        kept = self._long.get(fd)
        if kept is not None and kept[0] == link and self._reading - kept[1] < LONG_READINGS:
            return kept[2]
        raw = self._reader.descriptor_info(where, fd, INFO_BYTES)
        try:
            info = fdinfo.parse(raw, is_cut=len(raw) >= INFO_BYTES)
        except (ValueError, IndexError):
            return None
        if len(raw) >= LONG_BYTES:
            self._long[fd] = link, self._reading, info
        else:
            self._long.pop(fd, None)
        return info

    def _kind_of_inode(self, where: int, fd: int) -> Kind:
        """What a path is: for the census."""
        return self._inode(where, fd, self._info(where, fd, "")).kind

    def _inode(self, where: int, fd: int, info: Info | None) -> _Inode:
        """What is behind a path; a file system that may hang with its server is not asked."""
        filesystem = self._filesystems.get(info.mount_id or 0) if info is not None else None
        if filesystem not in mounts.LOCAL:
            flags = fdinfo.flag_names(info.flags, self._machine) if info is not None else ()
            return _Inode("directory" if "directory" in flags else "file")
        found = self._reader.descriptor_stat(where, fd)
        mode, is_unlinked = found.st_mode, found.st_nlink == 0
        if filesystem == "mqueue" and stat.S_ISREG(mode):
            return _Inode("mqueue", is_unlinked=is_unlinked)
        if stat.S_ISREG(mode):
            return _Inode("file", found.st_size, found.st_blocks * 512, is_unlinked)
        if stat.S_ISDIR(mode):
            return _Inode("directory", is_unlinked=is_unlinked)
        if stat.S_ISFIFO(mode):
            return _Inode("fifo", is_unlinked=is_unlinked)
        is_tty = stat.S_ISCHR(mode) and found.st_rdev >> 8 & 0xFFF in _TTYS
        return _Inode("tty" if is_tty else "device", is_unlinked=is_unlinked)

    def _with_socket(self, where: int, one: Descriptor) -> Descriptor:
        inode = inode_of(one.link)
        if inode is None:
            return one
        found = self._ends.socket(where, inode, is_over=self._is_late_for_table)
        if found is None:
            return self._of_no_table(where, inode, one)
        if not found.is_unix:
            return one._replace(
                socket=found, is_accepted=bool(found.peer) and self._ends.is_listened(where, found.local)
            )
        peer, path = self._unix_peer(where, inode)
        if peer == _PUT_OFF:
            return one._replace(socket=found, holding=Holding())
        if peer is None:
            return one._replace(socket=found)
        end = f"socket:[{peer}]"
        holding = self._holding(end, where, self._census.own.get(end, ()))
        return one._replace(socket=found._replace(peer=path), holding=holding)

    def _is_late_for_table(self) -> bool:
        """Whether another table must wait for the next reading; one is read in each."""
        is_late = self._tables >= 1 and self._turn.is_over()
        self._tables += 1
        self._is_short |= is_late
        return is_late

    def _of_no_table(self, where: int, inode: int, one: Descriptor) -> Descriptor:
        """A socket that was not found: what kind it is, and whether it may be found yet."""
        is_sought = not self._ends.is_missing(where, inode)
        try:
            protocol = self._reader.descriptor_protocol(where, one.fd)
        except (GoneError, DeniedError, ThreadtopError, OSError):
            protocol = ""
        return one._replace(protocol=protocol, is_sought=is_sought)

    def _unix_peer(self, where: int, inode: int) -> tuple[int | None, str]:
        """What a Unix socket is connected to, asked for again after some readings; PUT_OFF where there is no time."""
        kept = self._peers.get(inode)
        is_old = kept is None or self._reading - kept[0] >= PEER_READINGS
        if is_old and (self._asked < LEAST_PEERS or not self._turn.is_over()):
            self._asked += 1
            if len(self._peers) >= MOST_PEERS:
                self._peers.clear()
            kept = self._peers[inode] = self._reading, *self._ends.unix_peer(where, inode)
        if kept is None:
            self._is_short = True
            return _PUT_OFF, ""
        return kept[1:]

    def _holding(self, end: str, where: int, own: Iterable[int], *, writes: bool | None = None) -> Holding:
        """Who has the other end; that nobody has is not said before all descriptors of the process were seen."""
        found = self._holders.holding(end, where, own, writes=writes)
        return found if self._census.count is not None else found._replace(is_done=False, is_settled=False)


def _blocked_on(sample: Sample, pid: int) -> list[int]:
    """The descriptors that threads of a process are blocked on, ascending."""
    return sorted({one.fd for key, one in sample.blocked.items() if key[0] == pid and one.fd is not None})
