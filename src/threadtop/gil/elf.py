"""Symbols of a 64-bit little-endian ELF image, on disk or as it lies in memory; pure (elf(5), gABI chapter 5).

The image is another program's and not to be trusted: each walk and each read is bounded, and what does not
fit raises ``ElfError``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read: TypeAlias = Callable[[int, int], bytes]
    """Bytes at an offset or address, of a size; fewer where there are no more."""

MAX_READ_BYTES: Final = 64 << 10
MAX_SEGMENTS: Final = 128
MAX_DYNAMIC: Final = 512
MAX_STEPS: Final = 65_536  # of hash chains, over all names of one search
MAX_NAME_BYTES: Final = 256
MAX_ADDRESS: Final = 1 << 62  # an address and a bias still fit an off_t together

_MACHINES: Final = {62: "x86_64", 183: "aarch64"}
_ET_EXEC, _ET_DYN = 2, 3
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_GNU_HASH = 0, 4, 5, 6, 0x6FFFFEF5

_EHDR: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR: Final = struct.Struct("<IIQQQQQQ")
_DYN: Final = struct.Struct("<QQ")
_SYM: Final = struct.Struct("<IBBHQQ")
_PAGE_BYTES: Final = 64 << 10  # the largest page of the machines here


class ElfError(ValueError):
    """The bytes are not an ELF image that can be searched; says what is wrong with them."""


class Symbol(NamedTuple):
    """Where a symbol is defined, before the load bias, and its size in bytes."""

    vaddr: int
    size: int


class Load(NamedTuple):
    """A PT_LOAD segment: bytes from ``offset`` of the file are at ``vaddr``; beyond ``filesz`` are zeros."""

    offset: int
    vaddr: int
    filesz: int
    memsz: int


class Header(NamedTuple):
    """What the ELF and program headers say; ``dynamic`` is (vaddr, size) of PT_DYNAMIC, None in a static program."""

    machine: str
    is_relocatable: bool
    loads: tuple[Load, ...]
    dynamic: tuple[int, int] | None


def header(read: Read) -> Header:
    """The headers of the image whose byte 0 is the ELF header; ElfError if it is none, or not for 64 bits."""
    ident, kind, machine, _, _, phoff, _, _, _, phentsize, phnum, *_ = _EHDR.unpack(_exactly(read, 0, _EHDR.size))
    if ident[:4] != b"\x7fELF":
        message = "not an ELF image"
        raise ElfError(message)
    if ident[4:6] != b"\x02\x01":
        message = "not a 64-bit little-endian image"
        raise ElfError(message)
    if machine not in _MACHINES:
        message = f"machine {machine} is neither x86-64 nor aarch64"
        raise ElfError(message)
    if kind not in {_ET_EXEC, _ET_DYN}:
        message = f"type {kind} is neither a program nor a library"
        raise ElfError(message)
    if phentsize != _PHDR.size or phnum > MAX_SEGMENTS:
        message = f"{phnum} program headers of {phentsize} bytes"
        raise ElfError(message)
    loads: list[Load] = []
    dynamic = None
    raw = _exactly(read, phoff, phnum * _PHDR.size)
    for segment, _, offset, vaddr, _, filesz, memsz, _ in _PHDR.iter_unpack(raw):
        if segment == _PT_LOAD:
            loads.append(Load(offset, vaddr, filesz, memsz))
        elif segment == _PT_DYNAMIC:
            dynamic = (vaddr, memsz)
    return Header(_MACHINES[machine], kind == _ET_DYN, tuple(loads), dynamic)


def load_bias(header: Header, address: int) -> int:
    """What is added to each vaddr where the mapping of file offset 0 begins at ``address`` (``/proc/PID/maps``)."""
    if not header.is_relocatable:
        return 0
    for load in header.loads:
        if load.offset < _PAGE_BYTES:  # a mapping begins at a page, a segment may begin later in it
            return address - (load.vaddr - load.offset)
    message = "no segment holds the ELF header"
    raise ElfError(message)


def file_reader(read_offset: Read, header: Header) -> Read:
    """A reader by vaddr over one by file offset: what a segment has in the file, nothing beyond."""

    def read(vaddr: int, size: int) -> bytes:
        for load in header.loads:
            into = vaddr - load.vaddr
            if 0 <= into < load.filesz:
                offset, size = load.offset + into, min(size, load.filesz - into)
                return read_offset(offset, size) if offset + size <= MAX_ADDRESS else b""
        return b""

    return read


def find_symbols(read_vaddr: Read, header: Header, names: tuple[bytes, ...], bias: int = 0) -> dict[bytes, Symbol]:
    """(vaddr, size) of those ``names`` that the image defines, by its dynamic symbols; ElfError if they are broken.

    ``read_vaddr`` takes vaddrs without ``bias``.  In memory glibc has added the bias to the addresses in the
    dynamic section, musl has not, and in the file they are as linked: what is not below the bias has it taken off.
    """
    if header.dynamic is None:
        return {}
    tags = _dynamic(read_vaddr, *header.dynamic)
    tables = {tag: value - bias if 0 < bias <= value else value for tag, value in tags.items()}
    if _DT_SYMTAB not in tables or _DT_STRTAB not in tables:
        message = "no dynamic symbols"
        raise ElfError(message)
    steps = iter(range(MAX_STEPS))
    found = {}
    for name in names:
        if not 0 < len(name) <= MAX_NAME_BYTES:
            message = f"a name of {len(name)} bytes"
            raise ElfError(message)
        if _DT_GNU_HASH in tables:
            indices = _gnu_chain(read_vaddr, tables[_DT_GNU_HASH], name, steps)
        elif _DT_HASH in tables:
            indices = _sysv_chain(read_vaddr, tables[_DT_HASH], name, steps)
        else:
            message = "dynamic symbols without a hash table"
            raise ElfError(message)
        for index in indices:
            symbol = _defined(read_vaddr, tables[_DT_SYMTAB] + index * _SYM.size, tables[_DT_STRTAB], name)
            if symbol is not None:
                found[name] = _inside(symbol, header)
                break
    return found


def _exactly(read: Read, at: int, size: int) -> bytes:
    """Bytes ``at`` an offset or address, all of them."""
    if not (0 <= at <= MAX_ADDRESS and size <= MAX_READ_BYTES):
        message = f"{size} bytes at {at:#x} cannot be"
        raise ElfError(message)
    raw = read(at, size)
    if len(raw) < size:
        message = f"cut short: {len(raw)} of {size} bytes at {at:#x}"
        raise ElfError(message)
    return raw[:size]


def _dynamic(read: Read, vaddr: int, size: int) -> dict[int, int]:
    """The entries of the dynamic section by tag, up to DT_NULL."""
    size = min(size // _DYN.size, MAX_DYNAMIC) * _DYN.size
    entries: dict[int, int] = {}
    for tag, value in _DYN.iter_unpack(_exactly(read, vaddr, size)):
        if tag == _DT_NULL:
            return entries
        entries[tag] = value
    message = "the dynamic section has no end"
    raise ElfError(message)


def _defined(read: Read, vaddr: int, strings: int, name: bytes) -> Symbol | None:
    """The symbol at ``vaddr`` if it is ``name`` and defined here."""
    at, _, _, section, value, size = _SYM.unpack(_exactly(read, vaddr, _SYM.size))
    if not section:  # defined elsewhere
        return None
    # The last string of the table may be shorter than what is looked for: no reason to give up.
    there = strings + at
    raw = read(there, len(name) + 1) if 0 <= there <= MAX_ADDRESS else b""
    return Symbol(value, size) if raw[: len(name) + 1] == name + b"\0" else None


def _inside(symbol: Symbol, header: Header) -> Symbol:
    """The symbol, if a segment holds it."""
    if any(0 <= symbol.vaddr - load.vaddr < load.memsz for load in header.loads):
        return symbol
    message = f"a symbol at {symbol.vaddr:#x}, outside the image"
    raise ElfError(message)


def _step(steps: Iterator[int]) -> None:
    if next(steps, None) is None:
        message = "hash chains without end"
        raise ElfError(message)


def _gnu_chain(read: Read, table: int, name: bytes, steps: Iterator[int]) -> Iterator[int]:
    """Indices of the symbols whose hash is that of ``name`` (DT_GNU_HASH; its Bloom filter is not used)."""
    hashed = 5381
    for byte in name:
        hashed = (hashed * 33 + byte) & 0xFFFFFFFF
    buckets, first, bloom_words, _ = struct.unpack("<4I", _exactly(read, table, 16))
    if not buckets:
        return
    bucket_at = table + 16 + bloom_words * 8
    (index,) = struct.unpack("<I", _exactly(read, bucket_at + hashed % buckets * 4, 4))
    if not index:
        return
    if index < first:
        message = f"a hash chain begins at symbol {index}, before {first}"
        raise ElfError(message)
    chain_at = bucket_at + (buckets - first) * 4
    while True:
        _step(steps)
        (word,) = struct.unpack("<I", _exactly(read, chain_at + index * 4, 4))
        if word | 1 == hashed | 1:
            yield index
        if word & 1:
            return
        index += 1


def _sysv_chain(read: Read, table: int, name: bytes, steps: Iterator[int]) -> Iterator[int]:
    """Indices of the symbols in the bucket of ``name`` (DT_HASH)."""
    hashed = 0
    for byte in name:
        hashed = (hashed << 4) + byte
        high = hashed & 0xF0000000
        hashed = (hashed ^ high >> 24) & ~high & 0xFFFFFFFF
    buckets, symbols = struct.unpack("<2I", _exactly(read, table, 8))
    if not buckets:
        return
    (index,) = struct.unpack("<I", _exactly(read, table + 8 + hashed % buckets * 4, 4))
    while index:
        _step(steps)
        if index >= symbols:
            message = f"a hash chain leads to symbol {index} of {symbols}"
            raise ElfError(message)
        yield index
        (index,) = struct.unpack("<I", _exactly(read, table + 8 + (buckets + index) * 4, 4))
