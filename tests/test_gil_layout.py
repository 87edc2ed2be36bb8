"""Where each CPython keeps its GIL: by table, by its own word, and what is no such word."""

from __future__ import annotations

import random
import struct

import pytest

from threadtop.gil import layout

# The first bytes of _PyRuntime (_Py_DebugOffsets), read from running programs on x86-64.
CAPTURED = {
    "3.13.18": (
        "7864656275677079f0120d03000000000000000000000000105304000000000060020000000000007802000000000000"
        "a8f9020000000000681c000000000000601c000000000000b01c000000000000e81c000000000000e81d000000000000"
        "d81d000000000000e01d0000000000001000000000000000481e0000000000000000000000000000581e000000000000"
        "501e00000000000038010000000000000000000000000000080000000000000010000000000000004800000000000000"
        "9800000000000000a000000000000000e8000000000000002000000000000000"
    ),
    "3.14.10": (
        "7864656275677079f00a0e03000000000000000000000000c8d404000000000010030000000000002803000000000000"
        "4872030000000000701c000000000000681c000000000000b01c000000000000c01c000000000000f01c000000000000"
        "081e000000000000f81d000000000000001e0000000000001000000000000000681e0000000000000000000000000000"
        "781e000000000000701e000000000000381f000000000000000000000000000040030000000000000000000000000000"
        "0800000000000000100000000000000048000000000000009800000000000000a000000000000000e800000000000000"
        "2000000000000000"
    ),
    "3.15.2": (
        "7864656275677079f0020f03000000000000000000000000c8490500000000009003000000000000a803000000000000"
        "c073030000000000681c000000000000601c000000000000a81c000000000000b81c000000000000e81c000000000000"
        "a81d000000000000981d000000000000a01d0000000000001000000000000000381e0000000000000000000000000000"
        "481e000000000000401e000000000000081f000000000000000000000000000078030000000000000000000000000000"
        "080000000000000010000000000000004800000000000000500000000000000058000000000000006000000000000000"
        "b000000000000000b8000000000000000001000000000000200000000000000024000000000000002800000000000000"
    ),
    "3.14.9t": (
        "7864656275677079f0090e03000000000100000000000000808705000000000010030000000000002803000000000000"
        "c0c3030000000000701c000000000000681c000000000000b01c000000000000c01c000000000000f01c000000000000"
        "201e000000000000101e000000000000181e0000000000001000000000000000801e0000000000000000000000000000"
        "981e000000000000901e000000000000581f000000000000dc4400000000000040030000000000000000000000000000"
        "0800000000000000100000000000000048000000000000009800000000000000a000000000000000e800000000000000"
        "2000000000000000"
    ),
    "3.15.1t": (
        "7864656275677079f0010f0300000000010000000000000000320600000000009003000000000000a803000000000000"
        "00c5030000000000681c000000000000601c000000000000a81c000000000000b81c000000000000e81c000000000000"
        "a81d000000000000981d000000000000a01d0000000000001000000000000000381e0000000000000000000000000000"
        "501e000000000000481e000000000000101f0000000000009c4400000000000078030000000000000000000000000000"
        "080000000000000010000000000000004800000000000000500000000000000058000000000000006000000000000000"
        "b000000000000000b8000000000000000001000000000000200000000000000024000000000000002800000000000000"
    ),
}

GIL = {
    "gil_enabled": None,
    "gil_interval": 0,
    "gil_last_holder": 8,
    "gil_locked": 16,
    "gil_switch_number": 24,
    "gil_cond": 32,
    "gil_switch_cond": 120,
    "gil_size": 208,
}
FREE_THREADED_GIL = {
    "gil_enabled": 0,
    **{name: at + 8 for name, at in GIL.items() if at is not None},
}
OLD = {
    "is_free_threaded": False,
    "interpreter_next": 0,
    "interpreter_gil": None,
    "thread_next": 8,
    "thread_interp": 16,
    "gil_requested": None,
    "holds_gil": None,
    **GIL,
}
# offsetof and sizeof in CPython's own headers, compiled on x86-64.
EXPECTED = {
    "3.8": {
        "interpreters_head": 32,
        "interpreter_id": 16,
        "interpreter_threads": 8,
        "runtime_gil": 1152,
        "thread_id": 176,
        "native_thread_id": None,
    },
    "3.9": {
        "interpreters_head": 32,
        "interpreter_id": 24,
        "interpreter_threads": 8,
        "runtime_gil": 352,
        "thread_id": 176,
        "native_thread_id": None,
    },
    "3.11": {
        "interpreters_head": 40,
        "interpreter_id": 48,
        "interpreter_threads": 16,
        "runtime_gil": 360,
        "thread_id": 152,
        "native_thread_id": 160,
    },
    "3.12": {
        "interpreters_head": 40,
        "interpreter_id": 8,
        "interpreter_threads": 72,
        "runtime_gil": None,
        "interpreter_gil": 384,
        "thread_id": 136,
        "native_thread_id": 144,
    },
    "3.13": {
        "interpreters_head": 632,
        "interpreter_next": 7264,
        "interpreter_id": 7272,
        "interpreter_threads": 7344,
        "runtime_gil": None,
        "interpreter_gil": 16,
        "thread_id": 152,
        "native_thread_id": 160,
    },
    "3.14": {
        "interpreters_head": 808,
        "interpreter_next": 7272,
        "interpreter_id": 7280,
        "interpreter_threads": 7344,
        "runtime_gil": None,
        "interpreter_gil": 16,
        "thread_id": 152,
        "native_thread_id": 160,
    },
    "3.15": {
        "interpreters_head": 936,
        "interpreter_next": 7264,
        "interpreter_id": 7272,
        "interpreter_threads": 7336,
        "runtime_gil": None,
        "interpreter_gil": 16,
        "thread_id": 176,
        "native_thread_id": 184,
        "gil_requested": 40,
        "holds_gil": 36,
    },
}
EXPECTED["3.10"] = EXPECTED["3.9"]
COND, MUTEX = 48, {"x86_64": 40, "aarch64": 48}


def captured(version: str) -> bytes:
    """The debug offsets of one release."""
    return bytes.fromhex(CAPTURED[version])


def changed(version: str, word: int, value: int) -> bytes:
    """The debug offsets of one release with another value in the word at that place (0: the cookie)."""
    raw = bytearray(captured(version))
    struct.pack_into("<Q", raw, 8 * word, value)
    return bytes(raw)


# -- what is known -----------------------------------------------------------------------------


@pytest.mark.parametrize("minor", [8, 9, 10, 11, 12])
def test_old_versions_are_where_their_headers_say(minor: int) -> None:
    """Every offset of 3.8 to 3.12 on x86-64."""
    expected = layout.Layout(version=(3, minor), **{**OLD, **EXPECTED[f"3.{minor}"]})  # type: ignore[arg-type]
    assert layout.for_version(minor, "x86_64") == expected


@pytest.mark.parametrize("version", CAPTURED)
def test_new_versions_are_where_they_say(version: str) -> None:
    """Every offset of 3.13 to 3.15; a free-threaded build has ``enabled`` at the beginning of its GIL."""
    minor = version.split(".")[1]
    is_free_threaded = version.endswith("t")
    fields = {**OLD, **EXPECTED[f"3.{minor}"], "is_free_threaded": is_free_threaded}
    fields |= FREE_THREADED_GIL if is_free_threaded else GIL
    expected = layout.Layout(version=(3, int(minor)), **fields)  # type: ignore[arg-type]
    assert layout.from_debug_offsets(captured(version), "x86_64") == expected


@pytest.mark.parametrize("version", ["3.8", "3.11", "3.12", *CAPTURED])
def test_aarch64_differs_in_its_mutexes_alone(version: str) -> None:
    """A mutex of glibc is 48 bytes there, not 40: the second condition is 8 further on, the end 16."""
    if version in CAPTURED:
        here, there, musl = (
            layout.from_debug_offsets(captured(version), machine, is_musl=is_musl)
            for machine, is_musl in (("x86_64", False), ("aarch64", False), ("aarch64", True))
        )
    else:
        minor = int(version.split(".")[1])
        here, there, musl = (
            layout.for_version(minor, machine, is_musl=is_musl)
            for machine, is_musl in (("x86_64", False), ("aarch64", False), ("aarch64", True))
        )
    assert there == here._replace(gil_switch_cond=here.gil_switch_cond + 8, gil_size=here.gil_size + 16)
    assert musl == here


@pytest.mark.parametrize("version", ["3.12", "3.15.2", "3.15.1t"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_locks_of_the_gil_lie_side_by_side(version: str, machine: str) -> None:
    """Condition, mutex, condition, mutex, and the end: no gap and no overlap."""
    if version in CAPTURED:
        at = layout.from_debug_offsets(captured(version), machine)
    else:
        at = layout.for_version(12, machine)
    assert at.gil_switch_cond == at.gil_cond + COND + MUTEX[machine]
    assert at.gil_size == at.gil_switch_cond + COND + MUTEX[machine]


def test_the_size_to_read_covers_the_longest_table() -> None:
    """It is that of 3.15, so one read serves all versions; what follows the shorter ones does no harm."""
    assert len(captured("3.15.2")) == layout.DEBUG_OFFSETS_SIZE == 288
    short = captured("3.13.18")
    assert len(short) == 224
    padded = short.ljust(layout.DEBUG_OFFSETS_SIZE, b"\xff")
    assert layout.from_debug_offsets(padded, "x86_64") == layout.from_debug_offsets(short, "x86_64")


@pytest.mark.parametrize(
    ("version_hex", "version", "words"),
    [
        pytest.param(0x030E02F0, (3, 14, 2, "final"), "3.14.2", id="final"),
        pytest.param(0x030F00A7, (3, 15, 0, "alpha"), "3.15.0 alpha", id="alpha"),
        pytest.param(0x030F00B1, (3, 15, 0, "beta"), "3.15.0 beta", id="beta"),
        pytest.param(0x030F00C2, (3, 15, 0, "candidate"), "3.15.0 candidate", id="candidate"),
        pytest.param(0x030812F0, (3, 8, 18, "final"), "3.8.18", id="3.8"),
    ],
)
def test_a_version_is_read_from_its_number(version_hex: int, version: tuple[int, int, int, str], words: str) -> None:
    """PY_VERSION_HEX: a byte each for major, minor and micro, then the level; written as CPython does."""
    assert layout.version_of(version_hex) == version
    assert str(layout.version_of(version_hex)) == words


@pytest.mark.parametrize("version_hex", [0, 0x030E0200, 0x030E02E0, 0x1_030E_02F0, -0x10, (1 << 64) - 1])
def test_what_is_no_version_is_refused(version_hex: int) -> None:
    """A level that does not exist, or more than 32 bits."""
    with pytest.raises(layout.LayoutError, match="no version of CPython"):
        layout.version_of(version_hex)


def test_the_head_tells_version_and_kind() -> None:
    """24 bytes are enough; without the cookie it is an older CPython."""
    assert layout.HEAD_SIZE == 24
    assert layout.head_of(captured("3.14.9t")[:24]) == ((3, 14, 9, "final"), True)
    assert layout.head_of(captured("3.14.10")[:24]) == ((3, 14, 10, "final"), False)
    assert layout.head_of(captured("3.14.10")[:23]) is None
    assert layout.head_of(bytes(24)) is None
    assert layout.head_of(b"") is None


# -- what is not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "what"),
    [
        (7, "CPython 3.7 is not known; 3.8 to 3.15 are"),
        (-1, "is not known"),
        (13, "CPython 3.13 describes itself"),
        (15, "CPython 3.15 describes itself"),
        (16, "CPython 3.16 is not known; 3.8 to 3.15 are"),
    ],
)
def test_a_version_without_a_table_is_named(minor: int, what: str) -> None:
    """Too old, too new, or one whose own word is to be asked for."""
    with pytest.raises(layout.LayoutError, match=what):
        layout.for_version(minor, "x86_64")


@pytest.mark.parametrize("machine", ["riscv64", "", "X86_64"])
def test_another_machine_is_named(machine: str) -> None:
    """Sizes of its locks are not known, so nothing is."""
    with pytest.raises(layout.LayoutError, match="neither x86_64 nor aarch64"):
        layout.for_version(12, machine)
    with pytest.raises(layout.LayoutError, match="neither x86_64 nor aarch64"):
        layout.from_debug_offsets(captured("3.14.10"), machine)


@pytest.mark.parametrize(
    ("version_hex", "what"),
    [
        pytest.param(0x031000F0, r"CPython 3\.16 is not known; 3\.8 to 3\.15 are", id="3.16"),
        pytest.param(0x031000A1, r"CPython 3\.16 is not known", id="3.16 alpha"),
        pytest.param(0x030C00F0, r"CPython 3\.12 is not known", id="3.12 with a table"),
        pytest.param(0x040E00F0, r"CPython 4\.14 is not known", id="4.14"),
        pytest.param(0x030E00A7, r"CPython 3\.14\.0 alpha is a pre-release", id="3.14 alpha"),
        pytest.param(0x030E00B4, "pre-release", id="3.14 beta"),
        pytest.param(0x030E00C3, "pre-release", id="3.14 candidate"),
        pytest.param(0, "no version of CPython", id="none"),
        pytest.param((1 << 64) - 1, "no version of CPython", id="ones"),
    ],
)
def test_a_table_of_another_version_is_not_read(version_hex: int, what: str) -> None:
    """The list of fields is that of a release: for anything else it would be a guess."""
    with pytest.raises(layout.LayoutError, match=what):
        layout.from_debug_offsets(changed("3.14.10", 1, version_hex), "x86_64")


@pytest.mark.parametrize("version", CAPTURED)
def test_a_table_that_is_cut_short_is_refused(version: str) -> None:
    """At every length below its own."""
    raw = captured(version)
    for size in range(len(raw)):
        with pytest.raises(layout.LayoutError, match="no debug offsets" if size < 24 else "cut short"):
            layout.from_debug_offsets(raw[:size], "x86_64")


# Words of 3.14's table: what is used of it.
USED = {
    "r.interpreters_head": 5,
    "i.id": 7,
    "i.next": 8,
    "i.threads_head": 9,
    "i.ceval_gil": 15,
    "i.gil": 16,
    "i.gil_enabled": 17,
    "i.gil_locked": 18,
    "i.gil_holder": 19,
    "t.next": 24,
    "t.interp": 25,
    "t.thread_id": 27,
    "t.native_thread_id": 28,
}


@pytest.mark.parametrize("name", USED)
@pytest.mark.parametrize(
    "value",
    [1, 6, 0x5_7238, layout.MAX_OFFSET + 8, 1 << 40, (1 << 63) - 8, (1 << 64) - 1],
    ids=["odd", "unaligned", "the end", "1 MiB", "1 TiB", "2^63", "ones"],
)
def test_an_offset_that_cannot_be_is_named(name: str, value: int) -> None:
    """Unaligned, beyond its structure, or absurd: the attach ends there, with the name of the field."""
    with pytest.raises(layout.LayoutError, match=f"debug offset {name} is {value}"):
        layout.from_debug_offsets(changed("3.14.10", USED[name], value), "x86_64")


@pytest.mark.parametrize("name", ["i.gil", "i.gil_locked", "i.gil_holder", "i.gil_enabled"])
def test_the_gil_must_be_the_one_that_is_known(name: str) -> None:
    """Lock word and holder lie at their places in the GIL; 8 bytes away it is another structure."""
    (was,) = struct.unpack_from("<Q", captured("3.14.9t"), 8 * USED[name])
    with pytest.raises(layout.LayoutError, match=r"debug offset i\.gil"):
        layout.from_debug_offsets(changed("3.14.9t", USED[name], was + 8), "x86_64")


def test_a_structure_of_absurd_size_gives_no_absurd_offset() -> None:
    """Where the size is made large as well, the limit of 1 MiB still holds; up to there it is taken."""
    raw = bytearray(changed("3.14.10", 22, 1 << 63))  # size of a thread state
    struct.pack_into("<Q", raw, 8 * USED["t.thread_id"], layout.MAX_OFFSET)
    assert layout.from_debug_offsets(bytes(raw), "x86_64").thread_id == layout.MAX_OFFSET
    struct.pack_into("<Q", raw, 8 * USED["t.thread_id"], layout.MAX_OFFSET + 8)
    with pytest.raises(layout.LayoutError, match=r"t\.thread_id"):
        layout.from_debug_offsets(bytes(raw), "x86_64")


def test_the_flag_of_free_threading_is_a_flag() -> None:
    """Anything but 0 and 1 is no flag."""
    with pytest.raises(layout.LayoutError, match="free_threaded is 2"):
        layout.from_debug_offsets(changed("3.14.10", 2, 2), "x86_64")


@pytest.mark.parametrize("version", CAPTURED)
def test_no_table_does_harm(version: str) -> None:
    """500 spoiled tables: each gives offsets within bounds, or LayoutError, nothing else."""
    dice = random.Random(version)  # noqa: S311 (not a secret)
    refused = 0
    for _ in range(500):
        raw = bytearray(captured(version))
        for _ in range(dice.randint(1, 8)):
            raw[dice.randrange(8, len(raw))] = dice.randrange(256)
        try:
            offsets = [at for at in layout.from_debug_offsets(bytes(raw), "x86_64")[2:] if at is not None]
        except layout.LayoutError:
            refused += 1
        else:
            assert all(0 <= at <= layout.MAX_OFFSET for at in offsets)  # type: ignore[operator]
    assert 50 < refused < 500
