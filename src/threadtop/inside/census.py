"""Census: all descriptors of a process by kind, so many links in a reading; those of thousands take a few readings."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.procfs import fdinfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.procfs.fdinfo import Kind
    from threadtop.procfs.reader import ProcReader

MOST_LINKS: Final = 2000  # read in a reading: 3 us each
MOST_INODES: Final = 500  # of paths that were not met yet: 15 us each
MOST_PATHS: Final = 1 << 17  # whose kind is kept
MOST_KEPT: Final = 1 << 18  # descriptors


class Census:
    """The descriptors seen so far, with their links; a window of them is seen anew in each reading."""

    def __init__(self, reader: ProcReader, kind_of_inode: Callable[[int, int], Kind]) -> None:
        """``kind_of_inode`` says what the path of a descriptor is, given the task and the number."""
        self._reader = reader
        self._kind_of_inode = kind_of_inode
        self._links: dict[int, str] = {}
        self._kinds: dict[str, Kind] = {}  # of paths
        self._known: dict[int, Kind] = {}
        self._counts: Counter[Kind] = Counter()
        self._deleted: set[int] = set()
        self._next = 0  # the number to go on with
        self._order: list[int] | None = None
        self.count: int | None = None  # how many there are, where one window holds them all
        self.own: dict[str, set[int]] = {}  # pipes and sockets: their descriptors

    def take(self, where: int) -> None:
        """Read the next window of ``where`` (a pid or tid); raises GoneError or DeniedError."""
        start = self._next
        fds = self._reader.descriptors_from(where, start, MOST_LINKS)
        is_last = len(fds) < MOST_LINKS
        self.count = len(fds) if is_last and not start else None
        self._next = 0 if is_last or len(self._links) >= MOST_KEPT else fds[-1] + 1
        seen = set(fds)
        order = self._sorted()
        end = len(order) if is_last else bisect_left(order, fds[-1] + 1)
        for fd in order[bisect_left(order, start) : end]:
            if fd not in seen:
                self._set(fd, None)
        for fd in fds:
            try:
                self._set(fd, self._reader.descriptor_link(where, fd))
            except GoneError:
                self._set(fd, None)
        self._name_paths(where, fds)

    def start_of(self, where: int, index: int) -> int:
        """The number of the descriptor at ``index``, as far as known; read up to there where it was not."""
        if index <= 0:
            return 0
        order = self._sorted()
        if index < len(order):
            return order[index]
        fds = self._reader.descriptors_from(where, 0, index + 1)
        return fds[index] if index < len(fds) else (fds[-1] + 1 if fds else 0)

    def link(self, fd: int) -> str:
        """The link of a descriptor as it was last seen; "" not yet."""
        return self._links.get(fd, "")

    def kinds(self) -> Mapping[Kind, int]:
        """How many of each kind, of those whose kind is known."""
        return {kind: count for kind, count in self._counts.items() if count}

    def deleted(self, most: int) -> tuple[int, list[int]]:
        """How many files have no name any more by their links, and the numbers of the first ``most``."""
        return len(self._deleted), sorted(self._deleted)[:most]

    def _kind(self, link: str) -> Kind | None:
        return fdinfo.kind_of(link) or self._kinds.get(link)

    def _name_paths(self, where: int, fds: list[int]) -> None:
        """What the paths are that were not met yet."""
        left = MOST_INODES
        if len(self._kinds) > MOST_PATHS:
            self._kinds.clear()
        for fd in fds:
            link = self._links.get(fd, "")
            if not link or fd in self._known:
                continue
            kind = self._kind(link)
            if kind is None:
                if not left:
                    self._next = fd
                    break
                left -= 1
                try:
                    kind = self._kind_of_inode(where, fd)
                except (GoneError, DeniedError, ThreadtopError, OSError):
                    continue
                self._kinds[link] = kind
            self._known[fd] = kind
            self._counts[kind] += 1

    def _sorted(self) -> list[int]:
        if self._order is None:
            self._order = sorted(self._links)
        return self._order

    def _set(self, fd: int, link: str | None) -> None:
        """A descriptor has this link from now on; None: it was closed."""
        before = self._links.get(fd)
        if before == link:
            return
        if before is not None:
            self._drop(fd, before)
        if link is not None:
            self._links[fd] = link
            if link.startswith(("pipe:", "socket:")):
                self.own.setdefault(link, set()).add(fd)
            elif fdinfo.is_deleted(link):
                self._deleted.add(fd)
        if (before is None) != (link is None):
            self._order = None

    def _drop(self, fd: int, link: str) -> None:
        del self._links[fd]
        kind = self._known.pop(fd, None)
        if kind is not None:
            self._counts[kind] -= 1
        self._deleted.discard(fd)
        if link in self.own:
            self.own[link].discard(fd)
            if not self.own[link]:
                del self.own[link]
