"""What of each mapping is in memory: ``smaps`` and ``smaps_rollup`` (proc(5)); pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS: Final = {
    b"Rss": 0,
    b"Pss": 1,
    b"Private_Clean": 2,
    b"Private_Dirty": 3,
    b"Swap": 4,
    b"AnonHugePages": 5,
    b"ShmemPmdMapped": 5,
    b"FilePmdMapped": 5,
    b"Shared_Hugetlb": 5,  # of hugetlbfs: in no RSS
    b"Private_Hugetlb": 5,
    b"Referenced": 6,
}
_KIB: Final = 1024


class Usage(NamedTuple):
    """Bytes in memory: all (RSS), divided by who shares them (PSS), private clean and dirty (USS), in swap, huge, used.

    ``referenced_bytes`` were used since the kernel last cleared its marks.
    """

    rss_bytes: int = 0
    pss_bytes: int = 0
    private_clean_bytes: int = 0
    private_dirty_bytes: int = 0
    swap_bytes: int = 0
    huge_bytes: int = 0
    referenced_bytes: int = 0

    @property
    def uss_bytes(self) -> int:
        """What would be free if the process ended."""
        return self.private_clean_bytes + self.private_dirty_bytes

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


_WANTED: Final = re.compile(
    rb"^(?:(" + b"|".join(_FIELDS) + rb"):[ \t]+([1-9][0-9]*) kB|([0-9a-f]+)-[0-9a-f]+ [-r])", re.MULTILINE
)
"""A figure that is not 0, or where a block begins: with its mapping."""


def parse_rollup(raw: bytes) -> Usage:
    """``smaps_rollup``: one block for all mappings (Linux 4.14)."""
    sums = [0] * len(Usage._fields)
    for key, kib, _ in _WANTED.findall(raw):
        if key:
            sums[_FIELDS[key]] += int(kib) * _KIB
    return Usage(*sums)


class Blocks:
    """Takes ``smaps`` in slices of any length; ``found`` are the blocks so far, by the start of their mapping."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.found: dict[int, Usage] = {}
        self._rest = b""
        self._start: int | None = None
        self._sums = [0] * len(Usage._fields)

    def add(self, raw: bytes) -> None:
        """The next slice; a line that it cuts waits for the one after."""
        whole, end, rest = raw.rpartition(b"\n")
        if not end:
            self._rest += raw
            return
        whole, self._rest = self._rest + whole, rest
        for key, kib, start in _WANTED.findall(whole):
            if key:
                self._sums[_FIELDS[key]] += int(kib) * _KIB
            else:
                self.end()
                self._start = int(start, 16)

    def end(self) -> Mapping[int, Usage]:
        """There is no more."""
        if self._start is not None:
            self.found[self._start] = Usage(*self._sums)
        self._start, self._sums = None, [0] * len(Usage._fields)
        return self.found
