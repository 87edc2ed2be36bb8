"""Rows of integers by thread, packed: as differences to other rows, column by column, and deflated; pure.

A packed value is, deflated: three integers of 64 bits (how many columns, changed rows and gone rows), then columns of
integers, each as the bytes one of them takes (0: all are 0; else 1, 2, 4 or 8) and the integers, low bytes first.  The
columns are the tids of the changed rows, then those of the gone ones, each as the step from the one before; then the
columns of the changed rows, as differences.  Rows that have moved alike so take little room.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from itertools import accumulate, repeat
from operator import add, sub
from typing import TYPE_CHECKING, Any, Final

from threadtop.errors import RecordingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_BYTES: Final = 16_000_000  # of one packed value, unpacked: a file is not trusted to name its own size
MOST_ROWS: Final = 2**18
MOST_COLUMNS: Final = 64
MOST_INTEGER: Final = 2**62 - 1
_HEAD: Final = struct.Struct("<3q")
_ZEROS: Final = [b"\0"]
_WINDOW_BITS, _MEMORY_LEVEL = 12, 5  # 32 KiB: no more than malloc(3) has at hand
SHORT_BYTES: Final = 2048
_STORED: Final = struct.Struct("<3sHH")  # 32 KiB window, fastest; the last block, stored; its length and complement
_CHECK: Final = struct.Struct(">I")
_CODES: Final = {1: "b", 2: "h", 4: "i", 8: "q"}


def packed(rows: Mapping[int, Sequence[int]], before: Mapping[int, Sequence[int]], width: int) -> bytes:
    """Rows of ``width`` integers by tid, as what changed since ``before``; those that are gone are named."""
    zeros = (0,) * width
    changed: list[int] = []  # in their order: sums depend on it
    news: list[Sequence[int]] = []
    olds: list[Sequence[int]] = []
    for tid, row in rows.items():
        old = before.get(tid, zeros)
        if old != row or tid not in before:
            changed.append(tid)
            news.append(row)
            olds.append(old)
    gone = sorted(before.keys() - rows.keys())
    parts = [_HEAD.pack(width, len(changed), len(gone)), *_column(_steps(changed)), *_column(_steps(gone))]
    for new, old in zip(zip(*news, strict=True), zip(*olds, strict=True), strict=True) if changed else ():
        parts += _ZEROS if new == old else _column(list(map(sub, new, old)))
    if not changed:
        parts += _ZEROS * width
    return deflated(b"".join(parts))


def unpacked(blob: bytes, before: Mapping[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
    """The rows that ``packed`` was given, from those before; raises RecordingError."""
    try:
        return _unpacked(inflated(blob), before)
    except (ValueError, KeyError, IndexError, TypeError, struct.error) as error:
        what = "tallies"
        raise RecordingError.damaged(what) from error


def _unpacked(data: bytes, before: Mapping[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
    width, count, gone_count = _HEAD.unpack_from(data)
    is_likely = 0 < width <= MOST_COLUMNS and 0 <= count <= MOST_ROWS and 0 <= gone_count <= MOST_ROWS
    if not is_likely or len(next(iter(before.values()), (0,) * width)) != width:
        raise ValueError(width)
    columns: list[Iterable[int]] = []
    at = _HEAD.size
    for length in (count, gone_count, *(count,) * width):
        size = data[at]
        at += 1
        column: Iterable[int] = repeat(0, length)
        if size:
            integers = array(_CODES[size], data[at : at + size * length])
            if len(integers) != length:
                raise ValueError(length)
            column = _little(integers)
            at += size * length
        columns.append(column)
    if at != len(data):
        raise ValueError(at)
    changed, gone, *differences = columns
    rows = dict(before)
    for tid in accumulate(gone):
        rows.pop(tid, None)
    for tid, row in zip(accumulate(changed), zip(*differences, strict=True), strict=True):
        old = before.get(tid)
        rows[tid] = row if old is None else tuple(map(add, row, old))
    return rows


def _steps(values: list[int]) -> list[int]:
    return list(map(sub, values, [0, *values[:-1]]))


def _column(integers: Sequence[int]) -> list[bytes]:
    """The bytes that one takes, and the integers; raises OverflowError beyond 64 bits."""
    most = max(max(integers, default=0), -min(integers, default=0))
    if not most:
        return _ZEROS
    size = next((size for size in (1, 2, 4) if most < 1 << (8 * size - 1)), 8)
    return [bytes((size,)), _little(array(_CODES[size], integers)).tobytes()]


def _little(integers: array[int]) -> array[int]:
    """Low bytes first, on whatever machine."""
    if sys.byteorder == "big":
        integers.byteswap()
    return integers


def deflated(data: bytes) -> bytes:
    """Deflated, fast, in little room: what zlib takes by default comes fresh from the kernel each time, at 70 us.

    What is short is stored, in one block that any zlib inflates (RFC 1950, RFC 1951 3.2.4): its deflation takes longer
    than all else that is done with it.
    """
    if len(data) <= SHORT_BYTES:
        return _STORED.pack(b"\x78\x01\x01", len(data), len(data) ^ 0xFFFF) + data + _CHECK.pack(zlib.adler32(data))
    deflate = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return deflate.compress(data) + deflate.flush()


def inflated(blob: bytes) -> bytes:
    """What was deflated; raises ValueError: damaged, or more than can be."""
    try:
        inflate = zlib.decompressobj()
        found = inflate.decompress(blob, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not inflate.eof or inflate.unused_data:
        raise ValueError(len(found))
    return found


def fitted(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """``row`` with no number beyond what fits, and of which no difference could."""
    return tuple(max(-MOST_INTEGER, min(MOST_INTEGER, value)) if isinstance(value, int) else value for value in row)
