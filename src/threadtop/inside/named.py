"""Functions and variables of an ELF file: which one is at an offset, by its own symbol tables; pure (elf(5)).

The file is another program's and not to be trusted: each read is bounded, and no table is walked beyond that.
"""

from __future__ import annotations

import struct
from array import array
from typing import Final, NamedTuple

from threadtop.gil import elf

MOST_TABLE_BYTES: Final = 8 << 20  # of one symbol table: 350,000 symbols, some 40 ms
MOST_NAME: Final = 256
_MOST_ALIASES: Final = 16  # names of one address that are compared
_MOST_SECTIONS: Final = 4096
_EHDR: Final = struct.Struct("<40xQ10xHH2x")  # e_shoff, e_shentsize, e_shnum
_SHDR: Final = struct.Struct("<IIQQQQIIQQ")
_WORDS: Final = 3  # of 64 bits in a symbol: name, kind and section; value; size
_SYM_BYTES: Final = 8 * _WORDS
_SYMTAB, _DYNSYM = 2, 11
_NO_TYPE: Final = 0
_CODE: Final = frozenset((2, 10))  # STT_FUNC, STT_GNU_IFUNC
_DATA: Final = frozenset((1, 5))  # STT_OBJECT, STT_COMMON


class Named(NamedTuple):
    """A function or variable, and how far into it the place is."""

    name: str
    offset: int


class _Table(NamedTuple):
    """A symbol table: where it is in the file, and where its names are."""

    kind: int
    offset: int
    size: int
    names: int
    names_size: int


def named_at(read: elf.Read, offset: int, *, is_code: bool = True) -> Named | None:
    """The function that holds an ``offset`` of the file; None where its tables name none there.

    Not ``is_code``: the variable.  Those that begin as zeros have no bytes in the file: they lie as if it went on.
    ``read`` is by file offset.  The full table comes first, then the dynamic one, which strip(1) leaves.  Raises
    ElfError where the file is no ELF file for 64 bits, or ends before its tables do.
    """
    header = elf.header(read)
    holding = [load for load in header.loads if 0 <= offset - load.offset < (load.filesz if is_code else load.memsz)]
    if not holding:
        return None
    load = holding[0] if is_code else holding[-1]  # data come last, and may begin on the page where code ends
    vaddr = offset - load.offset + load.vaddr
    for table in sorted(_tables(read), key=lambda table: table.kind):
        found = _in_table(read, table, vaddr, _CODE if is_code else _DATA)
        if found is not None:
            return found
    return None


def _tables(read: elf.Read) -> list[_Table]:
    shoff, entry_bytes, count = _EHDR.unpack(_whole(read, 0, _EHDR.size))
    if entry_bytes != _SHDR.size or not 0 < count <= _MOST_SECTIONS:
        return []
    sections = list(_SHDR.iter_unpack(_whole(read, shoff, count * _SHDR.size)))
    found = []
    for _, kind, _, _, offset, size, link, _, _, symbol_bytes in sections:
        if kind in {_SYMTAB, _DYNSYM} and symbol_bytes == _SYM_BYTES and link < len(sections):
            found.append(_Table(kind, offset, min(size, MOST_TABLE_BYTES), sections[link][4], sections[link][5]))
    return found


def _in_table(read: elf.Read, table: _Table, vaddr: int, kinds: frozenset[int]) -> Named | None:
    words = array("Q")
    words.frombytes(_whole(read, table.offset, table.size // _SYM_BYTES * _SYM_BYTES))
    values, sizes = words[1::_WORDS], words[2::_WORDS]
    near = [
        at
        for at, (value, size) in enumerate(zip(values, sizes, strict=True))
        if value <= vaddr < value + size or value == vaddr
    ]
    named = []
    for at in near:
        head, value, size = words[at * _WORDS : at * _WORDS + _WORDS]
        kind, section = head >> 32 & 0xF, head >> 48
        if section and (kind in kinds or (kind == _NO_TYPE and size)):
            named.append((vaddr - value, kind == _NO_TYPE, head & 0xFFFFFFFF))
    # The innermost one; of its names the one that a person would call it by: read, not __libc_read.
    best = min(
        ((into, is_bare, _rank(_name(read, table, at))) for into, is_bare, at in sorted(named)[:_MOST_ALIASES]),
        default=None,
    )
    if best is None or not best[2][-1]:
        return None
    return Named(best[2][-1].decode("utf-8", "surrogateescape"), best[0])


def _rank(name: bytes) -> tuple[int, int, bytes]:
    return len(name) - len(name.lstrip(b"_")), len(name), name


def _name(read: elf.Read, table: _Table, at: int) -> bytes:
    """A name without the version behind an ``@``; b"" where there is none."""
    if at >= table.names_size or table.names + at > elf.MAX_ADDRESS:
        return b""
    raw = read(table.names + at, min(MOST_NAME, table.names_size - at))
    return raw.partition(b"\0")[0].partition(b"@")[0]


def _whole(read: elf.Read, offset: int, size: int) -> bytes:
    raw = read(offset, size) if offset + size <= elf.MAX_ADDRESS else b""
    if len(raw) != size:
        message = "the file ends before its tables do"
        raise elf.ElfError(message)
    return raw
