"""Who owns the lock that a futex belongs to, by the bytes around it; pure.

Only what checks in every field is believed: anything else is None, never a guess.  Sources: glibc's
``sysdeps/nptl/bits/struct_mutex.h``, ``struct_rwlock.h``, ``nptl/pthreadP.h`` and ``nptl/descr.h`` (2.25 and later,
64 bits, x86-64 and aarch64), ``include/uapi/linux/futex.h`` and futex(2).  musl keeps no owner in a normal mutex,
and its others cannot be told apart as safely: they are not known.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.waiting.calls import FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_WAIT, FUTEX_WAIT_BITSET

if TYPE_CHECKING:
    from threadtop.blocked import LockKind

MACHINES: Final = frozenset({"x86_64", "aarch64"})  # whose glibc structures are known here
PI_OPERATIONS: Final = frozenset({FUTEX_LOCK_PI, FUTEX_LOCK_PI2})
WAIT_OPERATIONS: Final = frozenset({FUTEX_WAIT, FUTEX_WAIT_BITSET})
WAITERS, OWNER_DIED, TID_MASK = 0x80000000, 0x40000000, 0x3FFFFFFF  # futex.h
MOST_TID: Final = 1 << 22  # PID_MAX_LIMIT, include/linux/threads.h

MUTEX_BYTES: Final = 40  # struct __pthread_mutex_s
BEFORE_BYTES, RWLOCK_BYTES = 12, 64  # what a rwlock's futex is read with: so many bytes before it, so many in all
TID_OFFSET: Final = 720  # of a thread's tid in struct pthread, x86-64
SELF_OFFSET: Final = 16  # tcbhead_t.self: the address of the structure itself
HEADER_BYTES: Final = SELF_OFFSET + 8

# lock, count, owner, nusers, kind, spins and elision, the list of robust mutexes
_MUTEX: Final = struct.Struct("<IIiIiI16s")
FREE, _TAKEN, _CONTENDED = 0, 1, 2  # low-level lock; 2: somebody sleeps (sysdeps/nptl/lowlevellock.h)
_TYPE, _ROBUST, _INHERIT, _PROTECT = 3, 16, 32, 64  # kind: pthreadP.h, enum
_RECURSIVE, _ADAPTIVE = 1, 3
_KNOWN_KIND: Final = _TYPE | _ROBUST | _INHERIT | _PROTECT | 128 | 256 | 512  # shared between processes, elision
_ELISION: Final = 256 | 512
_CEILING_SHIFT: Final = 19  # of a priority-protected mutex, above the lock's state
_NO_LIST: Final = bytes(16)

# readers, writers, wrphase_futex, writers_futex, two pads, cur_writer, shared, elision and pads, flags
_RWLOCK: Final = struct.Struct("<IIII8siI16sI")
_WRITER_HAS_IT: Final = 3  # readers: PTHREAD_RWLOCK_WRPHASE and WRLOCKED
USED_AND_SET: Final = 3  # what a waiter of a writer sleeps on: 1 | PTHREAD_RWLOCK_FUTEX_USED
_MOST_FLAGS: Final = 2  # PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP


class Owned(NamedTuple):
    """A lock that is taken: ``tid`` is the owner as it knows itself, in its own pid namespace.

    ``is_waited``: its word says that somebody sleeps; it does not while the lock changes hands, though others do.
    """

    kind: LockKind
    tid: int
    is_waited: bool = True


def word(raw: bytes) -> int:
    """The futex itself: the first four bytes."""
    return int.from_bytes(raw[:4], "little")


def pi(raw: bytes) -> Owned | None:
    """The owner of a priority-inheriting futex: the kernel's own rule (futex(2)); None where it has none."""
    value = word(raw)
    tid = value & TID_MASK
    return Owned("pi mutex", tid) if len(raw) >= 4 and value & WAITERS and _is_tid(tid) else None  # noqa: PLR2004


def mutex(raw: bytes) -> Owned | None:
    """The owner of a glibc ``pthread_mutex_t`` that is taken; None if these bytes are none."""
    if len(raw) < MUTEX_BYTES:
        return None
    lock, count, owner, users, kind, spins, chain = _MUTEX.unpack_from(raw)
    if not (_is_tid(owner) and 0 < users <= MOST_TID) or kind & ~_KNOWN_KIND or kind < 0 or kind & _INHERIT:
        return None
    if kind & _ROBUST:
        # The list is in use; the word itself names the owner, and must agree.
        is_owned = not kind & _PROTECT and lock & WAITERS and not lock & OWNER_DIED and lock & TID_MASK == owner
        return Owned("robust mutex", owner) if is_owned else None
    state = lock & ((1 << _CEILING_SHIFT) - 1) if kind & _PROTECT else lock
    is_counted = bool(count) if kind & _TYPE == _RECURSIVE else not count or bool(kind & _PROTECT)
    is_plain = not spins or kind & _TYPE == _ADAPTIVE or bool(kind & _ELISION)
    is_owned = state in {_TAKEN, _CONTENDED} and is_counted and is_plain and chain == _NO_LIST
    return Owned("mutex", owner, is_waited=state == _CONTENDED) if is_owned else None


def rwlock(raw: bytes) -> Owned | None:
    """The writer that has a glibc ``pthread_rwlock_t``; ``raw`` begins BEFORE_BYTES before the futex.

    Readers and writers sleep on different words of it.  None while readers have it: nothing says which.
    """
    if len(raw) < RWLOCK_BYTES:
        return None
    for start, at in ((4, 2), (0, 3)):  # the futex is wrphase_futex, or writers_futex
        fields = _RWLOCK.unpack_from(raw, start)
        readers, _, phase, writing, pads, writer, shared, more_pads, flags = fields
        is_used = fields[at] == USED_AND_SET and phase <= USED_AND_SET and writing <= USED_AND_SET
        is_clean = not any(pads) and not any(more_pads) and shared <= 1 and flags <= _MOST_FLAGS
        if is_used and is_clean and readers & _WRITER_HAS_IT == _WRITER_HAS_IT and _is_tid(writer):
            return Owned("rwlock", writer)
    return None


def thread_end(raw: bytes, address: int, header: bytes) -> Owned | None:
    """The thread whose end ``pthread_join`` waits for: the kernel clears the tid in its structure as it ends.

    ``raw`` is at the futex, ``header`` at ``address - TID_OFFSET``, where the structure must begin that points at
    itself (x86-64).
    """
    start = address - TID_OFFSET
    own = int.from_bytes(header[SELF_OFFSET:HEADER_BYTES], "little")
    is_thread = len(header) >= HEADER_BYTES and own == start == int.from_bytes(header[:8], "little")
    return Owned("thread end", word(raw)) if is_thread and _is_tid(word(raw)) else None


def _is_tid(number: int) -> bool:
    return 0 < number <= MOST_TID
