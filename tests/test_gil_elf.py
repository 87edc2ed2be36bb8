"""Symbols in ELF images: as linkers write them, cut short, and made to harm."""

from __future__ import annotations

import ctypes
import os
import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from threadtop.gil import elf

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.gil.elf import Read

BIAS = 0x7F00_0000_0000
TEXT, DATA = 0x1000, 0x8000  # file offsets; the data is mapped DATA_SHIFT further on
DATA_SHIFT = 0x2000
HASH, STRINGS, SYMBOLS = TEXT, TEXT + 0x400, TEXT + 0x600
DYNAMIC = DATA
FILE_BYTES = DATA + 0x400
RUNTIME = (DATA + DATA_SHIFT + 0x200, 672)
VERSION = (TEXT + 0x40, 8)


class Definition(NamedTuple):
    """A dynamic symbol of a built image; section 0 is one that is defined elsewhere."""

    name: bytes
    value: int
    size: int
    section: int = 1


DEFINITIONS = (
    Definition(b"_PyRuntime", *RUNTIME),
    Definition(b"Py_Version", *VERSION),
    *(Definition(b"Py_Function%d" % i, TEXT + i, 1) for i in range(20)),
)


def gnu_hash(name: bytes) -> int:
    """The hash of DT_GNU_HASH."""
    value = 5381
    for byte in name:
        value = (value * 33 + byte) % (1 << 32)
    return value


def sysv_hash(name: bytes) -> int:
    """The hash of DT_HASH (gABI, figure 5-13)."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        top = value & 0xF000_0000
        if top:
            value ^= top >> 24
        value &= ~top
    return value


class Image:
    """A small library: text with the tables, and data with the dynamic section, mapped apart; bytes to spoil."""

    def __init__(
        self,
        definitions: tuple[Definition, ...] = DEFINITIONS,
        *,
        tables: tuple[str, ...] = ("gnu",),
        machine: int = 62,
        kind: int = 3,
        buckets: int = 3,
        relocated: int = 0,
    ) -> None:
        """``relocated`` is what a loader has added to the addresses in the dynamic section."""
        self.raw = bytearray(FILE_BYTES)
        defined = sorted((d for d in definitions if d.section), key=lambda d: gnu_hash(d.name) % buckets)
        self.symbols = [Definition(b"", 0, 0, 0), *(d for d in definitions if not d.section), *defined]
        self.first = len(self.symbols) - len(defined)
        self.put(0, struct.pack("<4s5B7x", b"\x7fELF", 2, 1, 1, 0, 0))
        self.put(16, struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0))
        self.put(64, struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, DATA, DATA, 0x1000))
        data = (DATA, DATA + DATA_SHIFT, 0, FILE_BYTES - DATA, 0x1000)
        self.put(120, struct.pack("<IIQQQQQQ", 1, 6, *data, 0x1000))
        entries = [(5, STRINGS), (6, SYMBOLS), (10, 0x200), (11, 24)]
        entries += [(4, HASH + 0x200)] if "sysv" in tables else []
        entries += [(0x6FFFFEF5, HASH)] if "gnu" in tables else []
        entries = [(tag, value + relocated if value > TEXT - 1 else value) for tag, value in entries] + [(0, 0)]
        self.put(176, struct.pack("<IIQQQQQQ", 2, 6, DYNAMIC, DYNAMIC + DATA_SHIFT, 0, *[16 * len(entries)] * 2, 8))
        self.put(DYNAMIC, b"".join(struct.pack("<QQ", *entry) for entry in entries))
        strings = b"\0"
        for i, (name, value, size, section) in enumerate(self.symbols):
            self.put(SYMBOLS + 24 * i, struct.pack("<IBBHQQ", len(strings), 0x11, 0, section, value, size))
            strings += name + b"\0"
        self.put(STRINGS, strings)
        self._put_gnu(buckets)
        self._put_sysv(buckets)

    def put(self, at: int, data: bytes) -> None:
        """Write over what is at a file offset."""
        self.raw[at : at + len(data)] = data

    def _put_gnu(self, buckets: int) -> None:
        self.put(HASH, struct.pack("<4IQ", buckets, self.first, 1, 6, 0))
        self.gnu_chains = HASH + 24 + 4 * buckets
        of_bucket = [gnu_hash(symbol.name) % buckets for symbol in self.symbols]
        for i in range(self.first, len(self.symbols)):
            is_last = i + 1 == len(self.symbols) or of_bucket[i + 1] != of_bucket[i]
            chained = gnu_hash(self.symbols[i].name) & ~1 | is_last
            self.put(self.gnu_chains + 4 * (i - self.first), struct.pack("<I", chained))
        for i in reversed(range(self.first, len(self.symbols))):
            self.put(HASH + 24 + 4 * of_bucket[i], struct.pack("<I", i))

    def _put_sysv(self, buckets: int) -> None:
        heads, chains = [0] * buckets, [0] * len(self.symbols)
        for i, symbol in enumerate(self.symbols):
            if i:
                bucket = sysv_hash(symbol.name) % buckets
                heads[bucket], chains[i] = i, heads[bucket]
        words = [buckets, len(chains), *heads, *chains]
        self.sysv_chains = HASH + 0x200 + 8 + 4 * buckets
        self.put(HASH + 0x200, struct.pack(f"<{len(words)}I", *words))

    def read(self, offset: int, size: int) -> bytes:
        """As pread on the file."""
        return bytes(self.raw[offset : offset + size])

    def read_memory(self, address: int, size: int) -> bytes:
        """As pread on the memory it is mapped to, at ``BIAS``: nothing between text and data, zeros after the data."""
        vaddr = address - BIAS
        if 0 <= vaddr < DATA:
            return self.read(vaddr, min(size, DATA - vaddr))
        data = bytes(self.raw[DATA:]).ljust(0x1000, b"\0")
        at = vaddr - DATA - DATA_SHIFT
        return data[at : at + size] if at >= 0 else b""


NAMES = (b"_PyRuntime", b"Py_Version", b"nowhere")
FOUND = {b"_PyRuntime": RUNTIME, b"Py_Version": VERSION}


def find(read: Read, names: tuple[bytes, ...] = NAMES) -> dict[bytes, elf.Symbol]:
    """Look names up in a file."""
    header = elf.header(read)
    return elf.find_symbols(elf.file_reader(read, header), header, names)


def bounded(read: Read) -> Read:
    """The same reader, which fails the test when it is asked for too much, too often or for what cannot be."""
    reads = 0

    def checked(at: int, size: int) -> bytes:
        nonlocal reads
        reads += 1
        assert reads < 4 * elf.MAX_STEPS
        assert 0 <= at < 1 << 63
        assert 0 <= size <= elf.MAX_READ_BYTES
        return read(at, size)

    return checked


# -- what is there -----------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "machine"), [(62, "x86_64"), (183, "aarch64")])
@pytest.mark.parametrize(("kind", "is_relocatable"), [(2, False), (3, True)])
def test_a_header_says_what_the_image_is(number: int, machine: str, kind: int, is_relocatable: bool) -> None:  # noqa: FBT001
    """Machine, kind, segments and dynamic section are taken from their places."""
    assert elf.header(Image(machine=number, kind=kind).read) == elf.Header(
        machine=machine,
        is_relocatable=is_relocatable,
        loads=(elf.Load(0, 0, DATA, DATA), elf.Load(DATA, DATA + DATA_SHIFT, 0x400, 0x1000)),
        dynamic=(DATA + DATA_SHIFT, 16 * 6),
    )


@pytest.mark.parametrize("buckets", [1, 3, 7])
@pytest.mark.parametrize("tables", [("gnu",), ("sysv",), ("gnu", "sysv")], ids="+".join)
def test_symbols_are_found_by_either_hash_table(tables: tuple[str, ...], buckets: int) -> None:
    """Value and size of the defined names; a name that is not there is left out."""
    assert find(Image(tables=tables, buckets=buckets).read) == FOUND


@pytest.mark.parametrize("tables", [("gnu",), ("sysv",)], ids="+".join)
def test_every_symbol_is_found(tables: tuple[str, ...]) -> None:
    """The first, the last and those between, in buckets of one and of many."""
    found = find(Image(tables=tables).read, tuple(d.name for d in DEFINITIONS))
    assert found == {d.name: (d.value, d.size) for d in DEFINITIONS}


@pytest.mark.parametrize("tables", [("gnu",), ("sysv",)], ids="+".join)
@pytest.mark.parametrize("relocated", [0, BIAS], ids=["musl", "glibc"])
def test_memory_gives_what_the_file_gives(relocated: int, tables: tuple[str, ...]) -> None:
    """Whether or not the loader has added the bias to the dynamic section, the vaddrs are the same."""
    image = Image(relocated=relocated, tables=tables)
    header = elf.header(lambda offset, size: image.read_memory(BIAS + offset, size))
    bias = elf.load_bias(header, BIAS)
    assert elf.find_symbols(lambda at, size: image.read_memory(bias + at, size), header, NAMES, bias) == FOUND


def test_the_bias_is_where_the_image_was_loaded() -> None:
    """A library by the difference to its first segment's vaddr, a program at fixed addresses not at all."""
    loads = (elf.Load(0, 0x400000, 0x800, 0x800), elf.Load(0x1000, 0x401000, 8, 8))
    assert elf.load_bias(elf.Header("x86_64", False, loads, None), 0x400000) == 0
    assert elf.load_bias(elf.Header("x86_64", True, loads, None), 0x7F0000400000) == 0x7F0000000000
    late = (elf.Load(0x40, 0x10040, 8, 8),)  # the page of the header is mapped with it
    assert elf.load_bias(elf.Header("aarch64", True, late, None), 0x7F0000000000) == 0x7F0000000000 - 0x10000
    with pytest.raises(elf.ElfError):
        elf.load_bias(elf.Header("aarch64", True, (), None), 0x7F0000000000)


@pytest.mark.parametrize("tables", [("gnu",), ("sysv",)], ids="+".join)
def test_a_name_is_compared_to_its_end(tables: tuple[str, ...]) -> None:
    """Neither the beginning of a longer name nor one of the same hash is taken for it."""
    assert gnu_hash(b"ab") == gnu_hash(b"bA")
    image = Image((Definition(b"bA", *VERSION), Definition(b"_PyRuntimes", *VERSION)), tables=tables, buckets=1)
    assert find(image.read, (b"ab", b"_PyRuntime", b"bA")) == {b"bA": VERSION}


@pytest.mark.parametrize("tables", [("gnu",), ("sysv",)], ids="+".join)
def test_a_symbol_that_another_library_defines_is_not_here(tables: tuple[str, ...]) -> None:
    """A program that is linked to libpython names _PyRuntime without having it."""
    image = Image((Definition(b"_PyRuntime", 0, 0, 0), *DEFINITIONS[1:]), tables=tables)
    assert find(image.read) == {b"Py_Version": VERSION}


def test_a_static_program_has_no_dynamic_symbols() -> None:
    """Without PT_DYNAMIC nothing is found, and that is no error."""
    image = Image()
    image.put(176, struct.pack("<I", 4))
    assert find(image.read) == {}


def test_the_running_python_is_found_in_its_file_and_in_memory() -> None:
    """What a real linker wrote: the address that ctypes gives for _PyRuntime, from the file and from memory."""
    there = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    lines = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()]
    inside = [line for line in lines if int(line[0].split("-")[0], 16) <= there < int(line[0].split("-")[1], 16)]
    if len(inside[0]) < 6:  # in the zeros after the data, which have no name: the mapping before has
        inside = [line for line in lines if len(line) > 5 and int(line[0].split("-")[0], 16) <= there][-1:]
    path = inside[0][5]
    start = next(int(line[0].split("-")[0], 16) for line in lines if line[5:] == [path] and int(line[2], 16) == 0)
    with Path(path).open("rb") as file, Path("/proc/self/mem").open("rb") as memory:
        header = elf.header(bounded(lambda offset, size: os.pread(file.fileno(), size, offset)))
        bias = elf.load_bias(header, start)
        from_file = find(bounded(lambda offset, size: os.pread(file.fileno(), size, offset)))
        read = bounded(lambda at, size: os.pread(memory.fileno(), size, bias + at))
        in_memory = elf.find_symbols(read, header, NAMES, bias)
    assert bias + from_file[b"_PyRuntime"].vaddr == there
    assert in_memory == from_file
    assert b"nowhere" not in from_file


# -- what cannot be ----------------------------------------------------------------------------


def spoiled(at: int, data: bytes, **options: tuple[str, ...]) -> Image:
    """An image with something written over it."""
    image = Image(**options)  # type: ignore[arg-type]
    image.put(at, data)
    return image


ALL_ONES = b"\xff" * 8
SYMBOL_0 = SYMBOLS + 24
SYSV: dict[str, tuple[str, ...]] = {"tables": ("sysv",)}


@pytest.mark.parametrize(
    ("image", "what"),
    [
        pytest.param(spoiled(0, b"\x7fELG"), "not an ELF image", id="magic"),
        pytest.param(spoiled(4, b"\1"), "not a 64-bit", id="32 bits"),
        pytest.param(spoiled(5, b"\2"), "little-endian", id="big-endian"),
        pytest.param(spoiled(18, struct.pack("<H", 243)), "machine 243", id="machine"),
        pytest.param(spoiled(16, struct.pack("<H", 4)), "type 4", id="core"),
        pytest.param(spoiled(54, struct.pack("<H", 32)), "of 32 bytes", id="header size"),
        pytest.param(spoiled(56, struct.pack("<H", 129)), "129 program headers", id="129 segments"),
        pytest.param(spoiled(56, struct.pack("<H", 0xFFFF)), "65535 program headers", id="65535 segments"),
        pytest.param(spoiled(32, ALL_ONES), "cannot be", id="segments nowhere"),
        pytest.param(spoiled(32, struct.pack("<Q", FILE_BYTES - 8)), "cut short", id="segments beyond the end"),
        pytest.param(spoiled(176 + 40, struct.pack("<Q", 1 << 40)), "cut short", id="huge dynamic section"),
        pytest.param(spoiled(176 + 40, bytes(8)), "no end", id="empty dynamic section"),
        pytest.param(spoiled(176 + 16, ALL_ONES), "cannot be", id="dynamic section nowhere"),
        pytest.param(spoiled(DYNAMIC, struct.pack("<Q", 99)), "no dynamic symbols", id="no strings"),
        pytest.param(spoiled(DYNAMIC + 16, struct.pack("<Q", 99)), "no dynamic symbols", id="no symbols"),
        pytest.param(spoiled(DYNAMIC + 64, struct.pack("<Q", 99)), "without a hash", id="no hash"),
        pytest.param(spoiled(DYNAMIC + 72, ALL_ONES), "cannot be", id="hash nowhere"),
        pytest.param(spoiled(HASH, struct.pack("<I", 0xFFFFFFFF)), "cut short", id="buckets"),
        pytest.param(spoiled(HASH + 4, struct.pack("<I", 999)), "before 999", id="first symbol"),
        pytest.param(spoiled(HASH + 8, struct.pack("<I", 0xFFFFFFFF)), "cut short", id="Bloom filter"),
        pytest.param(spoiled(HASH + 24, b"\xff" * 12), "cut short", id="chains"),
        pytest.param(spoiled(HASH + 0x200, struct.pack("<I", 0xFFFFFFFF), **SYSV), "cut short", id="sysv buckets"),
        pytest.param(spoiled(HASH + 0x208, b"\xff" * 12, **SYSV), "leads to symbol", id="sysv heads"),
        pytest.param(spoiled(HASH + 0x204, struct.pack("<I", 2), **SYSV), "of 2", id="sysv chains"),
        pytest.param(spoiled(SYMBOL_0 + 8, ALL_ONES * 40), "outside the image", id="values"),
    ],
)
def test_what_does_not_fit_is_named(image: Image, what: str) -> None:
    """Each figure that cannot be right ends the search with what is wrong."""
    with pytest.raises(elf.ElfError, match=what):
        find(bounded(image.read))


def test_numbers_at_the_limit_are_taken() -> None:
    """128 program headers are read; they are those of a large program, no attack."""
    image = Image()
    headers = bytes(image.raw[64 : 64 + 3 * 56])
    image.put(TEXT + 0x2000, headers + struct.pack("<I52x", 4) * 125)
    image.put(32, struct.pack("<Q", TEXT + 0x2000))
    image.put(56, struct.pack("<H", 128))
    assert find(bounded(image.read)) == FOUND


@pytest.mark.parametrize(("size", "is_taken"), [(0, False), (1, True), (256, True), (257, False)])
def test_names_are_of_a_sane_length(size: int, is_taken: bool) -> None:  # noqa: FBT001
    """From 1 to 256 bytes."""
    if is_taken:
        assert find(Image().read, (b"x" * size,)) == {}
    else:
        with pytest.raises(elf.ElfError, match=f"name of {size} bytes"):
            find(Image().read, (b"x" * size,))


def test_a_chain_that_leads_to_itself_ends() -> None:
    """DT_HASH: each symbol follows itself; the steps of all names together are counted."""
    image = Image(tables=("sysv",), buckets=1)
    count = len(image.symbols)
    image.put(image.sysv_chains, struct.pack(f"<{count}I", *range(count)))
    with pytest.raises(elf.ElfError, match="without end"):
        find(bounded(image.read), (b"nowhere",))


def test_a_chain_without_an_end_ends() -> None:
    """DT_GNU_HASH: memory that goes on for ever with words that are never the last, and never match."""
    image = Image()
    image.put(HASH + 24, struct.pack("<I", 1 << 20) * 3)

    def read(vaddr: int, size: int) -> bytes:
        return bytes(size) if vaddr >= 1 << 20 else image.read_memory(BIAS + vaddr, size)

    header = elf.header(image.read)
    with pytest.raises(elf.ElfError, match="without end"):
        elf.find_symbols(bounded(read), header, (b"nowhere",))


def test_many_names_share_one_count_of_steps() -> None:
    """A long chain for each of many names is as bad as an endless one."""
    many = tuple(Definition(b"%d" % i, *VERSION) for i in range(20))
    image = Image(many, tables=("sysv",), buckets=1)
    names = tuple(b"n%d" % i for i in range(elf.MAX_STEPS // 20 + 1))
    assert find(image.read, names[:10]) == {}
    with pytest.raises(elf.ElfError, match="without end"):
        find(image.read, names)


@pytest.mark.parametrize("tables", [("gnu",), ("sysv",)], ids="+".join)
def test_an_image_without_buckets_has_no_symbols(tables: tuple[str, ...]) -> None:
    """No division by nothing."""
    image = Image(tables=tables)
    image.put(HASH, bytes(4))
    image.put(HASH + 0x200, bytes(4))
    assert find(image.read) == {}


def test_a_file_reader_gives_what_a_segment_has_in_the_file() -> None:
    """Bytes by vaddr up to the end of the segment's part of the file; between segments and in zeros nothing."""
    image = Image()
    read = elf.file_reader(image.read, elf.header(image.read))
    assert read(0, 4) == b"\x7fELF"
    assert read(DATA + DATA_SHIFT, 16) == image.read(DYNAMIC, 16)
    assert len(read(DATA - 2, 10)) == 2
    assert [read(at, 8) for at in (DATA, DATA + DATA_SHIFT + 0x400, 1 << 63)] == [b"", b"", b""]


def test_a_cut_image_is_an_error_or_complete() -> None:
    """Cut at any length it is refused, or all that is given is right."""
    image = Image()
    whole = bytes(image.raw)
    refused = 0
    for size in (*range(0, 300, 7), *range(TEXT, FILE_BYTES, 61)):
        image.raw = bytearray(whole[:size])
        try:
            assert find(bounded(image.read)) == FOUND
        except elf.ElfError:
            refused += 1
    assert refused > 300  # the dynamic section is in the last kilobyte


def _flipped(image: Image, dice: random.Random) -> None:
    """Change bytes where there are any."""
    places = [i for i, byte in enumerate(image.raw) if byte]
    for _ in range(dice.randint(1, 24)):
        image.raw[dice.choice(places)] = dice.randrange(256)


def _extreme(image: Image, dice: random.Random) -> None:
    """Put the numbers that break arithmetic where there are any."""
    places = [i & ~3 for i, byte in enumerate(image.raw) if byte]
    for _ in range(dice.randint(1, 6)):
        word = dice.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 62) - 1, (1 << 63) - 1, (1 << 64) - 1))
        image.put(dice.choice(places), struct.pack("<Q", word)[: dice.choice((4, 8))])


def _garbage(image: Image, dice: random.Random) -> None:
    """Leave no more than the header."""
    image.put(dice.choice((0, 6, 20, 64)), dice.randbytes(FILE_BYTES))
    del image.raw[FILE_BYTES:]


@pytest.mark.parametrize("spoil", [_flipped, _extreme, _garbage], ids=lambda spoil: spoil.__name__[1:])
@pytest.mark.parametrize("tables", [("gnu",), ("sysv",)], ids="+".join)
def test_no_image_does_harm(tables: tuple[str, ...], spoil: Callable[[Image, random.Random], None]) -> None:
    """200 spoiled images, in the file and in memory: nothing but ElfError, no large read, no end of reads."""
    dice = random.Random(f"{tables}{spoil.__name__}")  # noqa: S311 (not a secret)
    refused = 0
    for _ in range(200):
        image = Image(tables=tables, relocated=BIAS)
        spoil(image, dice)
        try:
            header = elf.header(bounded(image.read))
            bias = elf.load_bias(header, BIAS)
            read = bounded(lambda at, size, image=image, bias=bias: image.read_memory(bias + at, size))  # type: ignore[misc]
            elf.find_symbols(read, header, NAMES, bias)
            elf.find_symbols(bounded(elf.file_reader(bounded(image.read), header)), header, NAMES)
        except elf.ElfError:
            refused += 1
    assert refused > 20
