"""The mappings of a process: ``maps`` (proc(5)) as records; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST: Final = 200_000
_DELETED: Final = b" (deleted)"
_FIELDS: Final = 6


class Mapping(NamedTuple):
    r"""One mapping: addresses from and up to, permissions (``rw-p``), place in its file, device, inode, path.

    ``path`` is as the kernel writes it: b"" for anonymous memory, ``[heap]`` and the like in brackets, a line end in a
    name as ``\012``, `` (deleted)`` behind a file that is gone.
    """

    start: int
    end: int
    perms: str
    offset: int
    device: str
    inode: int
    path: bytes

    @property
    def size_bytes(self) -> int:
        """How much address space it takes."""
        return self.end - self.start


def parse_maps(raw: bytes, most: int = MOST) -> list[Mapping]:
    """The mappings, by address, at most so many; a line that is cut short or none is left out."""
    found = []
    for line in raw.split(b"\n", most)[:most]:
        one = parse_line(line)
        if one is not None:
            found.append(one)
    return found


def parse_line(line: bytes) -> Mapping | None:
    """One line of ``maps``, or the first of a block of ``smaps``; None where it is none."""
    parts = line.split(None, _FIELDS - 1)
    if len(parts) < _FIELDS - 1:
        return None
    start, dash, end = parts[0].partition(b"-")
    try:
        if not dash:
            return None
        return Mapping(
            int(start, 16),
            int(end, 16),
            parts[1].decode("ascii"),
            int(parts[2], 16),
            parts[3].decode("ascii"),
            int(parts[4]),
            parts[5] if len(parts) == _FIELDS else b"",
        )
    except ValueError:
        return None


def holding(mappings: Sequence[Mapping], address: int) -> Mapping | None:
    """The mapping that an address lies in."""
    low, high = 0, len(mappings)
    while low < high:
        middle = (low + high) // 2
        if mappings[middle].end <= address:
            low = middle + 1
        else:
            high = middle
    if low < len(mappings) and mappings[low].start <= address:
        return mappings[low]
    return None


def find(raw: bytes, address: int) -> Mapping | None:
    """As ``holding``, in ``maps`` as it was read: no more lines are parsed than that takes."""
    low, high = 0, len(raw)
    while low < high:
        start = raw.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = raw.find(b"\n", start)
        end = len(raw) if end < 0 else end
        one = parse_line(raw[start:end])
        if one is None:
            return None
        if one.start <= address < one.end:
            return one
        if address < one.start:
            high = start
        else:
            low = end + 1
    return None


def base_name(path: bytes) -> bytes:
    """The last part of a path, without the mark of a file that is gone."""
    return path.removesuffix(_DELETED).rpartition(b"/")[2]
