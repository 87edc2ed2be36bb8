"""What of each mapping is in memory: ``smaps`` and ``smaps_rollup`` (proc(5)); pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.procfs import maps

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS: Final = {
    b"Rss": 0,
    b"Pss": 1,
    b"Private_Clean": 2,
    b"Private_Dirty": 3,
    b"Swap": 4,
    b"AnonHugePages": 5,
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


def usage(lines: list[bytes]) -> Usage:
    """The lines of one block."""
    found = [0] * len(_FIELDS)
    for line in lines:
        key, _, rest = line.partition(b":")
        at = _FIELDS.get(key)
        word = rest.split(None, 1)[0] if at is not None and rest.strip() else b""
        if at is not None and word.isdigit():
            found[at] = int(word) * _KIB
    return Usage(*found)


def parse_rollup(raw: bytes) -> Usage:
    """``smaps_rollup``: one block for all mappings (Linux 4.14)."""
    return usage(raw.splitlines())


class Blocks:
    """Takes ``smaps`` in slices of any length; ``found`` are the blocks so far, by the start of their mapping."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.found: dict[int, Usage] = {}
        self._rest = b""
        self._start: int | None = None
        self._lines: list[bytes] = []

    def add(self, raw: bytes) -> None:
        """The next slice."""
        *whole, self._rest = (self._rest + raw).split(b"\n")
        for line in whole:
            # A block begins with its mapping, whose address has no colon before its first blank.
            head = line.split(b" ", 1)[0]
            mapping = maps.parse_line(line) if b"-" in head and b":" not in head else None
            if mapping is None:
                self._lines.append(line)
            else:
                self._end_block()
                self._start = mapping.start

    def end(self) -> Mapping[int, Usage]:
        """There is no more."""
        self._end_block()
        return self.found

    def _end_block(self) -> None:
        if self._start is not None:
            self.found[self._start] = usage(self._lines)
        self._start, self._lines = None, []
