"""Peeks: bytes of a thread's memory that say more of its call, by their form: times, sets, descriptors, paths; pure."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.blocked import BlockedOn

SECOND_NS: Final = 1_000_000_000
MOST_SECONDS: Final = 10**12  # more is no timeout, but rubbish in memory
MOST_LEFT_NS: Final = 10 * 365 * 86_400 * SECOND_NS  # of a timeout: more means for ever, or another clock
FUTEX_PRIVATE: Final = 128  # include/uapi/linux/futex.h
WAITV: Final = struct.Struct("<QQII")  # struct futex_waitv
_INT: Final = struct.Struct("<i")
_WIDE_TIME, _NARROW_TIME = struct.Struct("<qq"), struct.Struct("<ii")

Shape: TypeAlias = Literal["timespec", "timeval", "poll", "select", "futex_waitv", "socketcall", "path"]
"""What lies behind a pointer."""


class Peek(NamedTuple):
    """Bytes of the thread's memory that say more of its call: ``size`` of them at ``address``, in form ``shape``.

    ``is_wide``: its seconds have 64 bits.  ``further`` are more places of the same form (the sets of a select, of
    so many ``bits``).  ``clock``: it is a moment on that clock (clock_gettime(2)), no length.
    """

    shape: Shape
    address: int
    size: int
    is_wide: bool = True
    further: tuple[int, ...] = ()
    bits: int = 0
    clock: int | None = None


def told(blocked: BlockedOn, peek: Peek, parts: tuple[bytes, ...]) -> BlockedOn:
    """``blocked`` with what the bytes at a peek's places say, a moment still on its clock; rubbish says nothing."""
    if not parts or any(len(part) != peek.size for part in parts):
        return blocked
    return _TELLERS[peek.shape](blocked, peek, parts)


def on_our_clock(blocked: BlockedOn, ahead_ns: int, now_ns: int) -> BlockedOn:
    """``blocked`` with its moment on the monotonic clock, which the call's clock is ``ahead_ns`` of.

    Of one that is over ``now_ns``, or years away, nothing is known.
    """
    if blocked.until_ns is None:
        return blocked
    until_ns = blocked.until_ns - ahead_ns
    return blocked._replace(until_ns=until_ns if 0 < until_ns - now_ns <= MOST_LEFT_NS else None)


# -- one function for each form in memory ------------------------------------------------------


def _time(blocked: BlockedOn, peek: Peek, parts: tuple[bytes, ...]) -> BlockedOn:
    seconds, part = (_WIDE_TIME if peek.is_wide else _NARROW_TIME).unpack(parts[0])
    if peek.shape == "timespec" and peek.is_wide:
        part = int.from_bytes(parts[0][8:12], "little", signed=True)  # padding above it, on 32-bit machines
    part *= 1000 if peek.shape == "timeval" else 1
    is_sane = 0 <= seconds <= MOST_SECONDS and 0 <= part < SECOND_NS
    found_ns = seconds * SECOND_NS + part if is_sane else None
    return blocked._replace(timeout_ns=found_ns) if peek.clock is None else blocked._replace(until_ns=found_ns)


def _one_polled(blocked: BlockedOn, _peek: Peek, parts: tuple[bytes, ...]) -> BlockedOn:
    fd = int(_INT.unpack_from(parts[0])[0])
    return blocked._replace(fd=fd) if fd >= 0 else blocked


def _selected(blocked: BlockedOn, peek: Peek, parts: tuple[bytes, ...]) -> BlockedOn:
    """The descriptors in any of a select's sets; the only one is what it waits for."""
    together = 0
    for one in parts:
        together |= int.from_bytes(one, "little")
    together &= (1 << peek.bits) - 1
    count = together.bit_count()
    return blocked._replace(descriptors=count, fd=together.bit_length() - 1 if count == 1 else None)


def _one_futex(blocked: BlockedOn, _peek: Peek, parts: tuple[bytes, ...]) -> BlockedOn:
    _, address, flags, _ = WAITV.unpack(parts[0])
    return blocked._replace(futex=address, is_shared=not flags & FUTEX_PRIVATE)


def _first_argument(blocked: BlockedOn, _peek: Peek, parts: tuple[bytes, ...]) -> BlockedOn:
    return blocked._replace(fd=int(_INT.unpack_from(parts[0])[0]))


def _path(blocked: BlockedOn, _peek: Peek, parts: tuple[bytes, ...]) -> BlockedOn:
    return blocked._replace(target=parts[0].partition(b"\0")[0].decode("utf-8", "surrogateescape"))


_TELLERS: Final[dict[Shape, Callable[[BlockedOn, Peek, tuple[bytes, ...]], BlockedOn]]] = {
    "timespec": _time,
    "timeval": _time,
    "poll": _one_polled,
    "select": _selected,
    "futex_waitv": _one_futex,
    "socketcall": _first_argument,
    "path": _path,
}
