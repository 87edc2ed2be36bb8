"""Rows of integers, packed: by values there and back, in little room, and damage is told as such."""

from __future__ import annotations

import struct
import zlib

import pytest

from threadtop.errors import RecordingError
from threadtop.recording.packing import (
    MOST_BYTES,
    MOST_COLUMNS,
    MOST_ROWS,
    SHORT_BYTES,
    deflated,
    fitted,
    inflated,
    packed,
    unpacked,
)

ROWS = {7: (1, 2), 3: (4, -5), 9: (0, 0)}


def again(now: dict[int, tuple[int, ...]], before: dict[int, tuple[int, ...]], width: int = 2) -> object:
    """Rows there and back, in their order."""
    return list(unpacked(packed(now, before, width), before).items())


def blob(width: int, count: int, gone: int, *columns: bytes) -> bytes:
    """A packed value of these parts."""
    return zlib.compress(struct.pack("<3q", width, count, gone) + b"".join(columns))


def column(*integers: int) -> bytes:
    """A column of small integers."""
    return b"\1" + struct.pack(f"<{len(integers)}b", *integers)


ZEROS = b"\0"


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ({}, {}),
        (ROWS, {}),
        (ROWS, ROWS),
        ({**ROWS, 3: (9, 9)}, ROWS),
        ({**ROWS, 3: (-9, 2**61)}, ROWS),
        ({7: (1, 2)}, ROWS),
        ({}, ROWS),
        ({**ROWS, 4194304: (-(2**61), 8)}, ROWS),
        ({tid: (tid, -tid) for tid in range(1, 40_000)}, {}),
    ],
    ids=["empty", "new", "same", "changed", "less", "gone", "all gone", "one more", "many"],
)
def test_rows_come_back_as_they_were_in_their_order(
    now: dict[int, tuple[int, ...]], before: dict[int, tuple[int, ...]]
) -> None:
    """New, changed and gone threads, with differences below zero: what is read is what was written."""
    assert again(now, before) == list(now.items())


def test_rows_of_before_are_left_alone() -> None:
    """The rows that differences are taken from stand in another tick: they are not changed by reading."""
    before = dict(ROWS)
    unpacked(packed({3: (8, 8)}, before, 2), before)
    assert before == ROWS


def test_rows_that_moved_alike_take_little_room() -> None:
    """Threads at rest whose looks all grew by the same are the rule: a thousand take less than 4 kB."""
    before = {tid: (1, 500 + tid, 7, 0, 0, 3, 91, 0) for tid in range(2000, 3000)}
    now = {tid: (row[0], row[1] + 3, *row[2:6], row[6] + 12, row[7]) for tid, row in before.items()}
    assert len(packed(now, before, 8)) < 4000


def test_packed_integers_are_the_same_wherever_they_are_written() -> None:
    """A recording may be read on another machine: counts, then columns, each with its size, low bytes first."""
    data = zlib.decompress(packed({5: (258, -1, 0), 9: (0, 2**31, 0)}, {4: (0, 0, 0)}, 3))
    assert data == struct.pack("<3q", 3, 2, 1) + b"".join(
        (
            column(5, 4),
            column(4),
            b"\2" + struct.pack("<2h", 258, 0),
            b"\x08" + struct.pack("<2q", -1, 2**31),
            ZEROS,
        )
    )


@pytest.mark.parametrize("most", [127, 128, 2**15 - 1, 2**15, 2**31 - 1, 2**31, 2**62])
def test_columns_take_the_bytes_they_need(most: int) -> None:
    """On both sides of each size, and below zero."""
    rows = {1: (most, -most), 2: (0, 1)}
    assert again(rows, {}) == list(rows.items())


def test_numbers_beyond_64_bits_are_refused() -> None:
    """The writer then makes them fit, and what is fitted has no difference that does not."""
    with pytest.raises(OverflowError):
        packed({1: (2**63, 0)}, {}, 2)
    most, least = fitted((2**70, "text", None)), fitted((-(2**70), "text", None))
    assert most[1:] == ("text", None)
    assert again({1: (most[0], least[0])}, {1: (least[0], most[0])}) == [(1, (most[0], least[0]))]


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"no deflate",
        packed(ROWS, {}, 2)[:-1],
        packed(ROWS, {}, 2)[: len(packed(ROWS, {}, 2)) // 2],
        packed(ROWS, {}, 2) + b"more",
        zlib.compress(b""),
        zlib.compress(b"12345"),
        blob(2, 1, 0),
        blob(2, 1, 0, column(7), ZEROS, column(1)),
        blob(2, 1, 0, column(7), ZEROS, column(1), column(2), column(3)),
        blob(2, 1, 0, column(7), ZEROS, column(1), b"\2\0"),
        blob(2, 1, 0, column(7), ZEROS, column(1), b"\3\0\0\0"),
        blob(-2, 1, 0, column(7), ZEROS),
        blob(2, -1, 0, ZEROS, ZEROS, ZEROS, ZEROS),
        blob(2, 0, -1, ZEROS, ZEROS, ZEROS, ZEROS),
        blob(0, 1, 0, column(7), ZEROS),
        blob(2**40, 2**40, 0),
        blob(MOST_COLUMNS + 1, 0, 0, *(ZEROS,) * (MOST_COLUMNS + 3)),
        blob(1, MOST_ROWS + 1, 0, ZEROS, ZEROS, ZEROS),
        blob(1, 0, MOST_ROWS + 1, ZEROS, ZEROS, ZEROS),
        zlib.compress(bytes(MOST_BYTES + 8)),
    ],
)
def test_damaged_rows_are_told_as_such(damaged: bytes) -> None:
    """Cut, garbage, more than was written, widths and counts that do not fit, more than a machine can have."""
    with pytest.raises(RecordingError, match=r"damaged \(tallies\)"):
        unpacked(damaged, {})


def test_rows_of_another_width_than_those_before_are_damage() -> None:
    """Differences are of the same columns: a row is never made of half of them."""
    with pytest.raises(RecordingError, match="damaged"):
        unpacked(packed({7: (1, 2, 3)}, {}, 3), {7: (1, 2)})


@pytest.mark.parametrize("length", [0, 1, SHORT_BYTES, SHORT_BYTES + 1, 100_000])
def test_any_zlib_inflates_it(length: int) -> None:
    """What is short is stored, what is long deflated; both are streams of RFC 1950."""
    data = bytes(at % 251 for at in range(length))
    packed_data = deflated(data)
    assert zlib.decompress(packed_data) == inflated(packed_data) == data
    assert (len(packed_data) < length) == (length > SHORT_BYTES)
