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
_AT_ONCE: Final = 50  # are read before it is asked whether it is time to stop


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
        self.count: int | None = None  # how many are open; None until all were listed once
        self.own: dict[str, set[int]] = {}  # pipes and sockets: their descriptors

    @property
    def is_underway(self) -> bool:
        """Whether there are descriptors that were not seen yet."""
        return self.count is None and len(self._links) < MOST_KEPT

    def take(self, where: int, is_over: Callable[[], bool] = lambda: False) -> None:
        """Read the next window of ``where`` (a pid or tid), less of it once it ``is_over``.

        Raises GoneError or DeniedError.
        """
        start = self._next
        fds = self._reader.descriptors_from(where, start, MOST_LINKS)
        is_last = len(fds) < MOST_LINKS
        taken = self._read(where, fds, is_over)
        if taken < len(fds):
            is_last, fds = False, fds[:taken]
        self._next = 0 if is_last or len(self._links) >= MOST_KEPT else fds[-1] + 1
        seen = set(fds)
        order = self._sorted()
        end = len(order) if is_last else bisect_left(order, fds[-1] + 1)
        for fd in order[bisect_left(order, start) : end]:
            if fd not in seen:
                self._set(fd, None)
        if is_last or self.count is not None:
            self.count = len(self._links)

    def _read(self, where: int, fds: list[int], is_over: Callable[[], bool]) -> int:
        """Their links, and what the paths are that were not met yet; how many of them that was done for."""
        left = MOST_INODES
        if len(self._kinds) > MOST_PATHS:
            self._kinds.clear()
        for number, fd in enumerate(fds):
            if number and not number % _AT_ONCE and is_over():
                return number
            try:
                self._set(fd, self._reader.descriptor_link(where, fd))
            except GoneError:
                self._set(fd, None)
                continue
            if fd in self._known:
                continue
            link = self._links[fd]
            kind = self._kind(link)
            if kind is None:
                if not left:
                    return number
                left -= 1
                try:
                    kind = self._kind_of_inode(where, fd)
                except (GoneError, DeniedError, ThreadtopError, OSError):
                    continue
                self._kinds[link] = kind
            self._known[fd] = kind
            self._counts[kind] += 1
        return len(fds)

    def start_of(self, where: int, page: int, size: int) -> tuple[int, int]:
        """Which page there is, the last one for those beyond it, and the number of its first descriptor.

        They are listed up to there where they were not seen yet; raises GoneError or DeniedError.
        """
        order = self._sorted()
        missing = page * size + 1 - len(order)
        if missing > 0 and self._next:  # they were seen in order, up to there
            order = [
                *order[: bisect_left(order, self._next)],
                *self._reader.descriptors_from(where, self._next, missing),
            ]
        elif missing > 0:
            order = self._reader.descriptors_from(where, 0, page * size + 1)
        page = max(0, min(page, (len(order) - 1) // size))
        return page, order[page * size] if page else 0

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
