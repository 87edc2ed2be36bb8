"""Symbols: which function of a mapped file an address is in, by the file's own tables (elf(5)).

Files are other programs' and not to be trusted: each read is bounded, what does not fit has no symbols.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.gil import elf

if TYPE_CHECKING:
    from threadtop.procfs.maps import Mapping
    from threadtop.procfs.reader import ProcReader

MOST_FILES: Final = 64  # whose symbols are kept
MOST_SYMBOLS: Final = 200_000
MOST_NAMES: Final = 16 << 20  # bytes of a string table
_SHDR: Final = struct.Struct("<IIQQQQIIQQ")
_EHDR_SHOFF: Final = struct.Struct("<40xQ10xHHH")  # e_shoff, e_shentsize, e_shnum, e_shstrndx
_SYM: Final = struct.Struct("<IBBHQQ")
_SYMTAB, _DYNSYM = 2, 11
_MOST_SECTIONS: Final = 4096
_FUNCTIONS: Final = frozenset((2, 10))  # STT_FUNC, STT_GNU_IFUNC
_MOST_NAME: Final = 256


class Named(NamedTuple):
    """The functions of a file: where each begins (vaddr), in order, how long it is, and its name."""

    loads: tuple[elf.Load, ...]
    starts: list[int]
    sizes: list[int]
    names: list[bytes]

    def at(self, offset: int) -> tuple[str, int] | None:
        """The function at an offset of the file, and how far into it; None where none is."""
        for load in self.loads:
            if load.offset <= offset < load.offset + load.filesz:
                vaddr = offset - load.offset + load.vaddr
                break
        else:
            return None
        at = bisect_right(self.starts, vaddr) - 1
        if at < 0 or vaddr >= self.starts[at] + max(1, self.sizes[at]):
            return None
        return self.names[at].decode("utf-8", "surrogateescape"), vaddr - self.starts[at]


class Symbols:
    """Looks addresses up; keeps the tables of the files it has read."""

    def __init__(self, reader: ProcReader) -> None:
        """Open files through ``reader``."""
        self._reader = reader
        self._files: dict[tuple[str, int], Named | None] = {}

    def find(self, pid: int, mapping: Mapping, address: int) -> tuple[str, int] | None:
        """The function at an address of a mapping, and how far into it; None where the file does not tell."""
        if not mapping.inode or not mapping.path.startswith(b"/"):
            return None
        key = mapping.device, mapping.inode
        if key not in self._files:
            if len(self._files) >= MOST_FILES:
                self._files.clear()
            self._files[key] = self._load(pid, mapping)
        named = self._files[key]
        return named.at(address - mapping.start + mapping.offset) if named is not None else None

    def _load(self, pid: int, mapping: Mapping) -> Named | None:
        """The functions of the mapped file; by its place, and only if that still is the mapped one."""
        try:
            descriptor = self._reader.open_mapped(pid, mapping.path)
        except (GoneError, DeniedError, ThreadtopError, OSError):
            return None
        try:
            if os.fstat(descriptor).st_ino != mapping.inode:
                return None  # replaced since: another build's symbols would lie
            return named(lambda offset, size: os.pread(descriptor, size, offset))
        except (elf.ElfError, struct.error, OSError, ValueError):
            return None
        finally:
            os.close(descriptor)


def named(read: elf.Read) -> Named | None:
    """The functions in ``.symtab``, or in ``.dynsym`` where a file was stripped; None where it has neither."""
    header = elf.header(read)
    shoff, entry_size, count, _ = _EHDR_SHOFF.unpack(read(0, _EHDR_SHOFF.size))
    if entry_size != _SHDR.size or not 0 < count <= _MOST_SECTIONS:
        return None
    sections = list(_SHDR.iter_unpack(_whole(read, shoff, count * _SHDR.size)))
    for kind in (_SYMTAB, _DYNSYM):
        for section in sections:
            _, type_, _, _, offset, size, link, _, _, symbol_size = section
            if type_ == kind and symbol_size == _SYM.size and link < len(sections):
                size = min(size, MOST_SYMBOLS * _SYM.size) // _SYM.size * _SYM.size
                strings = _whole(read, sections[link][4], min(sections[link][5], MOST_NAMES))
                return _sorted(header.loads, _whole(read, offset, size), strings)
    return None


def _sorted(loads: tuple[elf.Load, ...], raw: bytes, strings: bytes) -> Named:
    found: dict[int, tuple[int, int]] = {}
    for name_at, info, _, index, value, size in _SYM.iter_unpack(raw):
        if info & 0xF in _FUNCTIONS and index and name_at < len(strings):
            known = found.get(value)
            if known is None or size > known[0]:
                found[value] = size, name_at
    starts = sorted(found)
    names = [_name(strings, found[start][1]) for start in starts]
    return Named(loads, starts, [found[start][0] for start in starts], names)


def _name(strings: bytes, at: int) -> bytes:
    end = strings.find(b"\0", at, at + _MOST_NAME)
    return strings[at:end] if end >= 0 else strings[at : at + _MOST_NAME]


def _whole(read: elf.Read, offset: int, size: int) -> bytes:
    """All of a part of the file; fewer bytes where it ends sooner, cut to whole records by who unpacks them."""
    raw = read(offset, size)
    if len(raw) != size:
        message = "the file ends before its tables do"
        raise elf.ElfError(message)
    return raw
