"""The owner in the bytes around a futex: what is believed, and all that is not."""

from __future__ import annotations

import random
import struct

import pytest

from fakelocks import OWNER_DIED, WAITERS, mutex, rwlock
from threadtop.waiting import mutexes
from threadtop.waiting.mutexes import Owned

TID = 1234
SPINNING, TAKEN = 3, 1
NODE = struct.pack("<QQ", 0x7F0000001000, 0x7F0000002000)
START = 0x7F0000000000


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        pytest.param(mutex(TID), "mutex", id="normal"),
        pytest.param(mutex(TID, kind=1, count=3), "mutex", id="recursive"),
        pytest.param(mutex(TID, kind=2), "mutex", id="error checking"),
        pytest.param(mutex(TID, kind=SPINNING, spins=70), "mutex", id="adaptive"),
        pytest.param(mutex(TID, kind=128), "mutex", id="shared between processes"),
        pytest.param(mutex(TID, kind=512), "mutex", id="elision switched off"),
        pytest.param(mutex(TID, kind=64, word=(5 << 19) | 2, count=1), "mutex", id="priority protected"),
        pytest.param(mutex(TID, kind=16, word=WAITERS | TID, rest=NODE), "robust mutex", id="robust"),
        pytest.param(mutex(TID, kind=144, word=WAITERS | TID, count=1, rest=NODE), "robust mutex", id="robust, shared"),
    ],
)
def test_a_mutex(raw: bytes, kind: str) -> None:
    """Each kind of glibc's, while somebody sleeps on it."""
    assert mutexes.mutex(raw) == Owned(kind, TID)  # type: ignore[arg-type]


def test_a_mutex_that_changes_hands() -> None:
    """Taken, but its word does not say that somebody sleeps: it is told, and not relied on."""
    assert mutexes.mutex(mutex(TID, word=TAKEN)) == Owned("mutex", TID, is_waited=False)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(bytes(40), id="a free mutex, a semaphore, anything zero"),
        pytest.param(mutex(TID)[:39], id="too short"),
        pytest.param(b"", id="nothing"),
        pytest.param(mutex(TID, word=0), id="free"),
        pytest.param(mutex(TID, word=3), id="a word that no mutex has"),
        pytest.param(mutex(0), id="no owner"),
        pytest.param(mutex(-5), id="an owner below zero"),
        pytest.param(mutex((1 << 22) + 1), id="no tid is so large"),
        pytest.param(mutex(TID, users=0), id="nobody uses it"),
        pytest.param(mutex(TID, users=1 << 31), id="too many use it"),
        pytest.param(mutex(TID, kind=4), id="an unknown kind"),
        pytest.param(mutex(TID, kind=1 << 10), id="an unknown flag"),
        pytest.param(mutex(TID, kind=-1), id="destroyed"),
        pytest.param(mutex(TID, count=1), id="counted, but not recursive"),
        pytest.param(mutex(TID, kind=1), id="recursive, but not counted"),
        pytest.param(mutex(TID, spins=1), id="spins, but not adaptive"),
        pytest.param(mutex(TID, rest=NODE), id="in a list, but not robust"),
        pytest.param(mutex(TID, kind=32), id="priority inheriting: another call waits for it"),
        pytest.param(mutex(TID, kind=16, word=2), id="robust with the word of another"),
        pytest.param(mutex(TID, kind=16, word=TID), id="robust without waiters"),
        pytest.param(mutex(TID, kind=16, word=WAITERS | (TID + 1)), id="robust, two owners"),
        pytest.param(mutex(TID, kind=16, word=WAITERS | OWNER_DIED | TID), id="robust, its owner died"),
        pytest.param(mutex(0x7FFFFFFF, kind=16, word=0xFFFFFFFF), id="robust, inconsistent"),
    ],
)
def test_no_mutex(raw: bytes) -> None:
    """What fails in one field is not known."""
    assert mutexes.mutex(raw) is None


def test_noise_is_no_lock() -> None:
    """Of 20,000 pieces of chance none is believed, also if the words that are looked at first are right."""
    chance = random.Random(4)  # noqa: S311 no secret
    for _ in range(10_000):
        raw = chance.randbytes(64)
        assert mutexes.mutex(raw) is None
        assert mutexes.rwlock(raw) is None
        assert mutexes.mutex(struct.pack("<I", 2) + raw[4:]) is None
        assert mutexes.rwlock(raw[:8] + struct.pack("<II", 3, 3) + raw[16:]) is None


@pytest.mark.parametrize(
    ("word", "owner"),
    [
        (WAITERS | TID, TID),
        (WAITERS | OWNER_DIED | TID, TID),
        (TID, None),
        (WAITERS, None),
        (WAITERS | 0x3FFFFFFF, None),
        (0, None),
    ],
)
def test_priority_inheritance(word: int, owner: int | None) -> None:
    """The kernel's own rule: the tid in the word, while it has waiters."""
    found = mutexes.pi(struct.pack("<I", word))
    assert found == (None if owner is None else Owned("pi mutex", owner))


def test_a_rwlock_that_a_writer_has() -> None:
    """Readers sleep on one word of it, writers on another."""
    raw = rwlock(TID, readers=11)
    assert mutexes.rwlock(bytes(4) + raw) == Owned("rwlock", TID)  # a reader's: 8 bytes into it
    assert mutexes.rwlock(rwlock(TID, writing=3, phase=1, flags=2)) == Owned("rwlock", TID)  # a writer's: 12 bytes


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(rwlock(0), id="no writer"),
        pytest.param(rwlock(TID, readers=8), id="readers have it"),
        pytest.param(rwlock(TID, readers=2), id="a writer waits for readers"),
        pytest.param(rwlock(TID, phase=2), id="nobody sleeps on it"),
        pytest.param(rwlock(TID, writing=9), id="a word that it never has"),
        pytest.param(rwlock(TID, flags=3), id="unknown flags"),
        pytest.param(rwlock(TID, pads=1), id="something in its gaps"),
        pytest.param(rwlock(TID)[:50], id="too short"),
    ],
)
def test_no_rwlock(raw: bytes) -> None:
    """While readers have it, or something does not fit, nobody is named."""
    assert mutexes.rwlock(bytes(4) + raw) is None


def test_the_end_of_a_thread() -> None:
    """pthread_join waits on the tid in a structure that points at itself, twice."""
    header = struct.pack("<QQQ", START, 0, START)
    raw = struct.pack("<I", TID)
    assert mutexes.thread_end(raw, START + 720, header) == Owned("thread end", TID)
    assert mutexes.thread_end(raw, START + 724, header) is None
    assert mutexes.thread_end(raw, START + 720, struct.pack("<QQQ", START, 0, 0)) is None
    assert mutexes.thread_end(raw, START + 720, b"") is None
    assert mutexes.thread_end(bytes(4), START + 720, header) is None
