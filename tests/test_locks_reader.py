"""LocksReader on a fake /proc: owners, since when, the second reading, rights, bounds."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from fakeblocked import deny
from fakelocks import FIRST, SECOND, THIRD, WAITERS, FakeLocks, mutex, rwlock
from fakeproc import FakeProc
from threadtop.blocked import BlockedOn
from threadtop.waiting import futexes, locks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PID, ONE, TWO, THREE = 100, 101, 102, 103


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLocks:
    """Process 100 with four threads."""
    made = FakeLocks(FakeProc(tmp_path, monkeypatch))
    made.process(PID, 4)
    return made


# -- owners ------------------------------------------------------------------------------------


def test_the_owner_of_a_mutex(fake: FakeLocks) -> None:
    """The tid in it, if it is a thread of the process."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST)
    found = fake.lock(PID, FIRST)
    assert (found.kind, found.owner_pid, found.owner_tid, found.ended_tid) == ("mutex", PID, TWO, None)
    assert [wait.tid for wait in found.waits] == [ONE]


def test_a_condition_has_no_owner(fake: FakeLocks) -> None:
    """Who waits is told together, and that is all."""
    for tid in (ONE, TWO, THREE):
        fake.wait(PID, tid, FIRST)
    found = fake.lock(PID, FIRST)
    assert (found.kind, found.owner_tid, len(found.waits)) == ("unknown", None, 3)


@pytest.mark.parametrize(
    ("content", "said", "kind"),
    [
        (struct.pack("<I", WAITERS | TWO), {"operation": 6}, "pi mutex"),
        (struct.pack("<I", WAITERS | TWO), {"operation": 13}, "pi mutex"),
        (mutex(TWO, kind=16, word=WAITERS | TWO), {}, "robust mutex"),
        (mutex(TWO), {"operation": 9}, "mutex"),
    ],
)
def test_kinds(fake: FakeLocks, content: bytes, said: dict[str, int], kind: str) -> None:
    """By the operation that waits, and what is in memory."""
    fake.write(PID, FIRST, content)
    fake.wait(PID, ONE, FIRST, **said)
    assert (fake.lock(PID, FIRST).kind, fake.lock(PID, FIRST).owner_tid) == (kind, TWO)


@pytest.mark.parametrize("operation", [11, 3, None])
def test_operations_that_tell_no_owner(fake: FakeLocks, operation: int | None) -> None:
    """A requeued wait is on a condition; others are no waits for a mutex."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST, operation=operation)
    assert fake.lock(PID, FIRST).kind == "unknown"


def test_a_rwlock(fake: FakeLocks) -> None:
    """The bytes before its futex belong to it."""
    fake.write(PID, FIRST, rwlock(TWO))
    fake.wait(PID, ONE, FIRST + 8)
    assert (fake.lock(PID, FIRST + 8).kind, fake.lock(PID, FIRST + 8).owner_tid) == ("rwlock", TWO)


def test_a_join(fake: FakeLocks) -> None:
    """Waits for the end of a thread."""
    fake.write(PID, FIRST, struct.pack("<QQQ", FIRST, 0, FIRST))
    fake.write(PID, FIRST + 720, struct.pack("<I", TWO))
    fake.wait(PID, ONE, FIRST + 720, is_shared=True, operation=9)
    assert (fake.lock(PID, FIRST + 720).kind, fake.lock(PID, FIRST + 720).owner_tid) == ("thread end", TWO)


def test_an_owner_that_is_not_there(fake: FakeLocks) -> None:
    """It has ended, or is a thread of the process that this one was forked from."""
    fake.process(700)
    for owner in (PID + 50, 700):
        fake.write(PID, FIRST, mutex(owner))
        fake.wait(PID, ONE, FIRST)
        found = fake.lock(PID, FIRST)
        assert (found.owner_tid, found.ended_tid, found.kind) == (None, owner, "mutex")


def test_a_main_thread_that_has_ended_owns_nothing_any_more(fake: FakeLocks) -> None:
    """It stays in sight as a zombie; what it had locked nobody will unlock."""
    fake.write(PID, FIRST, mutex(PID))
    fake.wait(PID, ONE, FIRST)
    fake.fake.ran(PID, PID, state="Z")
    assert fake.lock(PID, FIRST).ended_tid == PID


def test_memory_that_is_not_there(fake: FakeLocks) -> None:
    """A futex outside of what is mapped, or at its very end, is told without an owner."""
    fake.wait(PID, ONE, 0x9000)
    fake.wait(PID, TWO, 0x3FFC)
    assert [lock.kind for lock in fake.tick()[PID].locks] == ["unknown", "unknown"]


# -- since when --------------------------------------------------------------------------------


def test_since_when(fake: FakeLocks) -> None:
    """From the pass in which its counters were first as they are; who waited at first sight did so for longer."""
    fake.wait(PID, ONE, FIRST)
    first = fake.lock(PID, FIRST).waits[0]
    assert (first.since_ns, first.is_at_least) == (1_000_000_000, True)
    fake.wait(PID, TWO, FIRST)
    early, late = fake.lock(PID, FIRST).waits
    assert early._replace(is_confirmed=False) == first
    assert (late.tid, late.since_ns, late.is_at_least) == (TWO, 2_000_000_000, False)
    fake.wait(PID, ONE, FIRST)  # it has run, and waits again
    assert [wait.tid for wait in fake.lock(PID, FIRST).waits] == [TWO, ONE]


def test_found_late(fake: FakeLocks) -> None:
    """A thread whose call was read only now, though it has not run since, waited for at least so long."""
    fake.tick()
    fake.blocked = {(PID, ONE): BlockedOn("futex", futex=FIRST, is_shared=False, operation=0)}
    assert fake.lock(PID, FIRST).waits[0].is_at_least


def test_who_is_woken_waits_no_more(fake: FakeLocks) -> None:
    """Nobody left, no lock."""
    fake.wait(PID, ONE, FIRST)
    fake.tick()
    fake.wake(PID, ONE)
    assert fake.tick()[PID].locks == ()


# -- the second reading ------------------------------------------------------------------------


def test_confirmed_by_a_second_reading(fake: FakeLocks) -> None:
    """The same owner at the next tick, and the waiter has not run."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST)
    assert not fake.lock(PID, FIRST).is_confirmed
    found = fake.lock(PID, FIRST)
    assert found.is_confirmed
    assert found.waits[0].is_confirmed


def test_one_that_joins_later_is_not_confirmed_yet(fake: FakeLocks) -> None:
    """Each wait by itself; the others stay what they are."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST)
    fake.tick()
    fake.wait(PID, THREE, FIRST)
    assert [wait.is_confirmed for wait in fake.lock(PID, FIRST).waits] == [True, False]
    assert [wait.is_confirmed for wait in fake.lock(PID, FIRST).waits] == [True, True]


def _other_owner(fake: FakeLocks) -> None:
    fake.write(PID, FIRST, mutex(THREE))


def _it_ran(fake: FakeLocks) -> None:
    fake.wait(PID, ONE, FIRST)


def _in_flight(fake: FakeLocks) -> None:
    fake.write(PID, FIRST, mutex(TWO, word=1))


@pytest.mark.parametrize("change", [_other_owner, _it_ran, _in_flight])
def test_not_confirmed(fake: FakeLocks, change: Callable[[FakeLocks], None]) -> None:
    """Another owner, a waiter that ran, a lock that changes hands: nothing is sure."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST)
    fake.tick()
    change(fake)
    assert not fake.lock(PID, FIRST).is_confirmed


def test_one_that_runs_right_now(fake: FakeLocks) -> None:
    """A waiter that owns something itself is asked once more: it may have run since the pass."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.write(PID, SECOND, mutex(ONE))
    fake.wait(PID, ONE, FIRST)
    fake.wait(PID, TWO, SECOND)
    fake.tick()
    fake.proc.change(PID, ONE, run_ns=99)
    found = {lock.address: lock.is_confirmed for lock in fake.tick()[PID].locks}
    assert found == {FIRST: False, SECOND: True}


def test_nothing_is_sure_without_exact_counters(fake: FakeLocks) -> None:
    """Where the kernel has no schedstat, no thread of a chain is known to have rested."""
    fake.write(PID, FIRST, mutex(ONE))
    fake.wait(PID, ONE, FIRST)
    process = fake.fake.processes[PID]
    threads = {tid: thread._replace(run_ns=None) for tid, thread in process.threads.items()}
    fake.fake.processes[PID] = process._replace(threads=threads)
    fake.tick()
    assert not fake.lock(PID, FIRST).is_confirmed


def test_free_between_two_owners(fake: FakeLocks) -> None:
    """A lock that was known keeps its kind while its word is 0; nobody owns it then."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST)
    fake.tick()
    fake.write(PID, FIRST, bytes(40))
    fake.wait(PID, ONE, FIRST)
    found = fake.lock(PID, FIRST)
    assert (found.kind, found.owner_tid) == ("mutex", None)


def test_lately(fake: FakeLocks) -> None:
    """Waits that begin are counted by the lock, and all together; those that only last are not."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.tick()
    for _ in range(3):
        fake.wait(PID, ONE, FIRST)
        fake.wait(PID, THREE, THIRD)
        fake.tick()
    fake.wake(PID, ONE)
    found = fake.tick()[PID]
    assert [(one.address, one.kind, one.waits) for one in found.lately] == [(FIRST, "mutex", 3)]
    assert found.lately_waits == 6
    for _ in range(futexes.LATELY_TICKS):
        found = fake.tick()[PID]
    assert (found.lately, found.lately_waits) == ((), 0)


# -- rights and bounds -------------------------------------------------------------------------


def test_denied_memory(fake: FakeLocks) -> None:
    """Who waits is known, owners are not: the rule and its remedy stand instead; it is tried again later."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST)
    deny(fake.proc, "mem")
    found = fake.tick()[PID]
    assert "CAP_SYS_PTRACE" in found.why_not
    assert found.remedy
    assert [(lock.kind, len(lock.waits)) for lock in found.locks] == [("unknown", 1)]
    fake.proc.before = lambda _path: None
    for _ in range(locks.DENIED_TICKS):
        found = fake.tick()[PID]
    assert (found.why_not, found.locks[0].owner_tid) == ("", TWO)


def test_denied_calls(fake: FakeLocks) -> None:
    """Where not even the calls may be read, nothing is known of locks, and that is said."""
    fake.blocked = {(PID, ONE): BlockedOn(why_not="no right")}
    found = fake.tick()[PID]
    assert "CAP_SYS_PTRACE" in found.why_not
    assert found.locks == ()


def test_nothing_is_read_of_who_does_not_wait(fake: FakeLocks) -> None:
    """No memory, no status."""
    fake.tick()
    fake.file_reader.paths.clear()
    fake.tick()
    assert fake.file_reader.paths == []


def test_only_what_is_looked_at(fake: FakeLocks) -> None:
    """Other processes, and such as have gone, are not in the result."""
    fake.process(700)
    fake.wait(PID, ONE, FIRST)
    assert set(fake.tick(PID, 4711)) == {PID}


def test_a_process_under_an_old_number(fake: FakeLocks) -> None:
    """A pid that is used again, or another program in it, begins anew."""
    fake.wait(PID, ONE, FIRST)
    fake.tick()
    fake.tick()
    fake.fake.processes[PID] = fake.fake.processes[PID]._replace(start_ticks=5555)
    assert not fake.lock(PID, FIRST).is_confirmed


def test_many_locks(fake: FakeLocks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads in a tick and locks that are handed on are bounded; an owner is found all the same, and comes first."""
    monkeypatch.setattr(futexes, "MOST_NEW", 2)
    monkeypatch.setattr(futexes, "MOST_LOCKS", 2)
    fake.write(PID, THIRD, mutex(PID))
    for tid, address in ((PID, SECOND), (ONE, FIRST), (TWO, SECOND), (THREE, THIRD)):
        fake.wait(PID, tid, address)
    before = fake.file_reader.reads["mem"]
    fake.tick()
    assert fake.file_reader.reads["mem"] - before == 2
    found = fake.tick()[PID]
    assert [lock.address for lock in found.locks] == [THIRD, SECOND]
    assert found.left_out == 1


def test_what_has_no_owner_is_read_again_in_turn(fake: FakeLocks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock whose owner wrote itself in late is found."""
    monkeypatch.setattr(futexes, "MOST_AGAIN", 1)
    for tid, address in ((ONE, FIRST), (TWO, SECOND), (THREE, THIRD)):
        fake.wait(PID, tid, address)
    fake.tick()
    fake.write(PID, THIRD, mutex(PID))
    owners = [lock.owner_tid for _ in range(3) for lock in fake.tick()[PID].locks if lock.address == THIRD]
    assert PID in owners


def test_unchanged_objects(fake: FakeLocks) -> None:
    """A lock of which nothing changed is the same object from tick to tick."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST)
    fake.tick()
    assert fake.lock(PID, FIRST) is fake.lock(PID, FIRST)


def test_it_ends_meanwhile(fake: FakeLocks) -> None:
    """A process that ends between the pass and the reading is told without owners."""
    fake.write(PID, FIRST, mutex(TWO))
    fake.wait(PID, ONE, FIRST)
    fake.tick()
    fake.fake.file(PID, f"task/{PID}/mem").unlink()
    found = fake.tick()[PID]
    assert [lock.owner_tid for lock in found.locks] == [None]
