"""Functions and variables by their place in an ELF file: made-up files, and what is cut short, absurd or garbage."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import pytest

from threadtop.gil.elf import ElfError
from threadtop.inside.named import MOST_NAME, MOST_TABLE_BYTES, Named, named_at

if TYPE_CHECKING:
    from threadtop.gil.elf import Read

FUNC, OBJECT, NO_TYPE, SECTION = 2, 1, 0, 3
SYMTAB, DYNSYM, STRTAB = 2, 11, 3
CODE, DATA = 0x1000, 0x3000  # offsets of the segments in the file
BIAS = 0x400000  # vaddr of code beyond its offset
DATA_BIAS = 0x401000
DATA_FILE, DATA_MEMORY = 0x100, 0x2000


class S(NamedTuple):
    """A symbol."""

    name: bytes
    value: int
    size: int
    kind: int = FUNC
    section: int = 1


def image(full: list[S] | None, dynamic: list[S] | None = None, *, sections: int | None = None) -> bytes:
    """An ELF file with code at CODE and data at DATA, and the tables that are given."""
    body, headers = bytearray(), [struct.pack("<IIQQQQIIQQ", *[0] * 10)]
    start = 0x4000
    for kind, symbols in ((SYMTAB, full), (DYNSYM, dynamic)):
        if symbols is None:
            continue
        names, table = bytearray(b"\0"), bytearray(24)
        for one in symbols:
            table += struct.pack("<IBBHQQ", len(names), one.kind, 0, one.section, one.value, one.size)
            names += one.name + b"\0"
        at = len(headers)
        headers.append(struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, start + len(body), len(table), at + 1, 0, 8, 24))
        body += table
        headers.append(struct.pack("<IIQQQQIIQQ", 0, STRTAB, 0, 0, start + len(body), len(names), 0, 0, 1, 0))
        body += names
    shoff = start + len(body)
    loads = struct.pack("<IIQQQQQQ", 1, 5, CODE, CODE + BIAS, 0, 0x1000, 0x1000, 0x1000)
    loads += struct.pack("<IIQQQQQQ", 1, 6, DATA, DATA + DATA_BIAS, 0, DATA_FILE, DATA_MEMORY, 0x1000)
    count = len(headers) if sections is None else sections
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, shoff, 0, 64, 56, 2, 64, count, 0
    )  # fmt: skip
    return (head + loads).ljust(start, b"\0") + bytes(body) + b"".join(headers)


def reading(raw: bytes) -> Read:
    """By offset."""
    return lambda at, size: raw[at : at + size]


FULL = image(
    [
        S(b"__libc_read", BIAS + 0x1100, 0x40),
        S(b"read", BIAS + 0x1100, 0x40),
        S(b"__read@@GLIBC_2.2.5", BIAS + 0x1100, 0x40),
        S(b"outer", BIAS + 0x1200, 0x100),
        S(b"inner", BIAS + 0x1240, 0x20),
        S(b"no_size", BIAS + 0x1800, 0),
        S(b"in_assembly", BIAS + 0x1900, 0x10, NO_TYPE),
        S(b"$x", BIAS + 0x1A00, 0, NO_TYPE),
        S(b"elsewhere", BIAS + 0x1B00, 0x10, FUNC, 0),
        S(b".text", BIAS + 0x1C00, 0x10, SECTION),
        S(b"a_word", DATA_BIAS + 0x3010, 8, OBJECT),
        S(b"zeros", DATA_BIAS + 0x4000, 0x40, OBJECT),
        S(b"odd\xff\x1b[2J", BIAS + 0x1D00, 0x10),
        S(b"", BIAS + 0x1E00, 0x10),
    ]
)


@pytest.mark.parametrize(
    ("offset", "found"),
    [
        (0x10FF, None),
        (0x1100, Named("read", 0)),
        (0x113F, Named("read", 0x3F)),
        (0x1140, None),
        (0x1230, Named("outer", 0x30)),
        (0x1250, Named("inner", 0x10)),
        (0x1260, Named("outer", 0x60)),
        (0x1800, Named("no_size", 0)),
        (0x1801, None),
        (0x1905, Named("in_assembly", 5)),
        (0x1A00, None),
        (0x1B00, None),
        (0x1C00, None),
        (0x1D01, Named("odd\udcff\x1b[2J", 1)),
        (0x1E01, None),
        (0x3010, None),
        (0x900, None),
        (0x2100, None),
        (1 << 63, None),
    ],
)
def test_the_function_at_an_offset(offset: int, found: Named | None) -> None:
    """The innermost one that holds it, by the name without underscores; nothing between two, or of another kind."""
    assert named_at(reading(FULL), offset) == found


@pytest.mark.parametrize(
    ("offset", "found"),
    [
        (0x3010, Named("a_word", 0)),
        (0x3017, Named("a_word", 7)),
        (0x4020, Named("zeros", 0x20)),
        (0x1100, None),
        (DATA + DATA_MEMORY, None),
    ],
)
def test_the_variable_at_an_offset(offset: int, found: Named | None) -> None:
    """Also one that has no bytes in the file; a function is none."""
    assert named_at(reading(FULL), offset, is_code=False) == found


def test_a_stripped_file_has_the_dynamic_table() -> None:
    """What that exports is found; the full table is asked first where there is one, and the other one after it."""
    exported = S(b"exported", BIAS + 0x1100, 0x10)
    assert named_at(reading(image(None, [exported])), 0x1104) == Named("exported", 4)
    both = image([S(b"full", BIAS + 0x1100, 0x10)], [exported, S(b"only_here", BIAS + 0x1200, 0x10)])
    assert named_at(reading(both), 0x1104) == Named("full", 4)
    assert named_at(reading(both), 0x1204) == Named("only_here", 4)
    assert named_at(reading(image(None)), 0x1104) is None


def test_a_long_name_is_cut() -> None:
    """No more of a name than is shown."""
    found = named_at(reading(image([S(b"n" * 5000, BIAS + 0x1100, 0x10)])), 0x1100)
    assert found == Named("n" * MOST_NAME, 0)


def test_tables_are_read_up_to_a_bound() -> None:
    """Of a table that claims to be huge no more is asked for."""
    asked = []

    def read(at: int, size: int) -> bytes:
        asked.append(size)
        return raw[at : at + size]

    raw = image([S(b"f", BIAS + 0x1100, 0x10)])
    at = raw.rindex(struct.pack("<IIQQQQ", 0, SYMTAB, 0, 0, 0x4000, 48)) + 32
    raw = raw[:at] + struct.pack("<Q", 1 << 40) + raw[at + 8 :]
    with pytest.raises(ElfError):
        named_at(read, 0x1100)
    assert max(asked) <= MOST_TABLE_BYTES


@pytest.mark.parametrize("size", [0, 1, 63, 64, 200, 0x4001, len(FULL) - 1])
def test_a_file_cut_short(size: int) -> None:
    """ElfError, nothing else: the file is another program's."""
    with pytest.raises(ElfError):
        named_at(reading(FULL[:size]), 0x1100)


@pytest.mark.parametrize("sections", [0, 60_000])
def test_sections_that_cannot_be(sections: int) -> None:
    """None, or more than a file has: no tables."""
    assert named_at(reading(image([], sections=sections)), 0x1100) is None


def test_bytes_turned_over() -> None:
    """Whatever byte of the headers and tables is another: a place, none, or ElfError."""
    places = [*range(0x120), *range(0x4000, len(FULL))]
    for at in places:
        raw = FULL[:at] + bytes([FULL[at] ^ 0xFF]) + FULL[at + 1 :]
        try:
            found = named_at(reading(raw), 0x1104)
        except ElfError:
            continue
        assert found is None or found.offset >= 0
