"""Who waits for whom: closed chains, what waits behind them, and rows that stay the same objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row, sample, snapshot, thread_row
from threadtop.blocked import LatelyLock, LockSample, LocksSample, LockWait
from threadtop.lenses.locks import LocksLens, circles
from threadtop.lock_rows import MOST_WAITS, Deadlock, LocksRow

if TYPE_CHECKING:
    from collections.abc import Mapping

PID, OTHER = 100, 700
A, B, C, D = 101, 102, 103, 104
SECOND_NS = 1_000_000_000


def waits(*tids: int, is_confirmed: bool = True, is_forever: bool | None = True) -> tuple[LockWait, ...]:
    """These wait since 7 s."""
    return tuple(LockWait(tid, 3 * SECOND_NS, False, None, is_forever, is_confirmed) for tid in tids)


def lock(address: int, owner: int | None, *tids: int, owner_pid: int = PID, **said: bool | None) -> LockSample:
    """A mutex of ``owner`` for which these wait."""
    kind = "mutex" if owner is not None else "unknown"
    pid = owner_pid if owner is not None else None
    return LockSample(address, "", kind, owner, pid, True, waits(*tids, **said))  # type: ignore[arg-type]


def locks(*found: LockSample, pid: int = PID, **said: object) -> LocksSample:
    """The locks of a process, read 10 s after the beginning."""
    return LocksSample(
        **{
            "pid": pid,
            "start_ticks": 1000,
            "at_ns": 10 * SECOND_NS,
            "why_not": "",
            "remedy": "",
            "locks": found,
            **said,
        }  # type: ignore[arg-type]
    )


def chains(*found: LocksSample) -> list[tuple[list[int], list[int]]]:
    """The deadlocks, as tids in the chain and behind it."""
    return [([tid for _, tid, _ in one.chain], [tid for _, tid in one.behind]) for one in circles(found).deadlocks]


# -- chains ------------------------------------------------------------------------------------


def test_two_threads() -> None:
    """Each waits for what the other owns; a third waits behind them, and a fourth behind that."""
    found = circles([locks(lock(1, A, B, C), lock(2, B, A), lock(3, C, D))])
    assert found.deadlocks == (Deadlock(((PID, A, 2), (PID, B, 1)), ((PID, C), (PID, D))),)
    assert found.suspected == ()


def test_three_threads() -> None:
    """A longer chain, in the order in which they wait."""
    assert chains(locks(lock(1, B, A), lock(2, C, B), lock(3, A, C))) == [([A, B, C], [])]


def test_one_thread() -> None:
    """A thread that waits for what it owns itself."""
    assert chains(locks(lock(1, A, A, B))) == [([A], [B])]


def test_two_chains() -> None:
    """Each is told by itself."""
    assert chains(locks(lock(1, A, B), lock(2, B, A), lock(3, C, D), lock(4, D, C))) == [([A, B], []), ([C, D], [])]


def test_two_processes() -> None:
    """A chain through locks that two processes share."""
    here = locks(lock(1, 701, A, owner_pid=OTHER))
    there = locks(lock(9, A, 701, owner_pid=PID), pid=OTHER)
    assert circles([here, there]).deadlocks == (Deadlock(((PID, A, 1), (OTHER, 701, 9)), ()),)
    assert circles([here]).deadlocks == ()


@pytest.mark.parametrize(
    "found",
    [
        pytest.param((), id="nobody waits"),
        pytest.param((lock(1, A, B), lock(2, B, C), lock(3, C, D)), id="a chain that is open: its owner runs"),
        pytest.param((lock(1, None, A, B, C, D),), id="a parked pool"),
        pytest.param((lock(1, None, A), lock(2, None, B)), id="two conditions"),
        pytest.param((lock(1, A, B), lock(2, None, A)), id="the owner waits for a condition"),
        pytest.param((lock(1, A, B), lock(2, B, A, is_confirmed=False)), id="a link that was read only once"),
        pytest.param((lock(1, A, A, is_confirmed=False),), id="itself, read only once"),
    ],
)
def test_no_deadlock(found: tuple[LockSample, ...]) -> None:
    """Where the chain is open or not sure there is neither a verdict nor a suspicion."""
    assert circles([locks(*found)]) == ((), ())


@pytest.mark.parametrize("is_forever", [False, None])
def test_a_timeout_is_a_suspicion(is_forever: bool | None) -> None:  # noqa: FBT001 three values
    """A chain in which one wait ends, or may end, by itself."""
    found = circles([locks(lock(1, A, B, is_forever=is_forever), lock(2, B, A))])
    assert found.deadlocks == ()
    assert found.suspected == (Deadlock(((PID, A, 2), (PID, B, 1)), ()),)


def test_a_long_chain() -> None:
    """Thousands of threads one behind the other are walked once, without recursion."""
    found = [lock(tid, tid + 1, tid) for tid in range(1, 5000)]
    assert chains(locks(*found)) == []
    closed = chains(locks(*found, lock(5000, 1, 5000)))
    assert [len(chain) for chain, _ in closed] == [5000]


# -- rows --------------------------------------------------------------------------------------


def applied(
    lens: LocksLens, *found: LocksSample, gils: Mapping[int, tuple[tuple[int, int], ...]] | None = None
) -> LocksRow | None:
    """The locks on the row of process 100."""
    shot = lens.apply(
        sample(10.0)._replace(locks={one.pid: one for one in found}), snapshot(process_row(PID)), gils or {}
    )
    return shot.processes[PID].locks


def test_rows() -> None:
    """The most waited for first; how long each has waited, in seconds."""
    made = applied(LocksLens(), locks(lock(1, A, B), lock(2, None, C, D), why_not="no", remedy="do", left_out=3))
    assert made is not None
    assert [(one.address, one.waiters, one.owner_tid) for one in made.locks] == [(2, 2, None), (1, 1, A)]
    assert [(wait.tid, wait.waited_s, wait.is_forever) for wait in made.locks[1].waits] == [(B, 7.0, True)]
    assert (made.why_not, made.remedy, made.left_out) == ("no", "do", 3)


def test_a_timeout_in_seconds() -> None:
    """And a wait that was seen a little after the pass began is no negative time."""
    wait = LockWait(A, 11 * SECOND_NS, True, 1_500_000_000, False, False)
    made = applied(LocksLens(), locks(LockSample(1, "", "unknown", None, None, False, (wait,))))
    assert made is not None
    assert made.locks[0].waits[0] == (A, 0.0, True, 1.5, False, None)


def test_what_is_left_of_a_timeout() -> None:
    """Of a wait till a moment, as of this pass; one that is over by now has nothing left."""
    for until_s, left_s in ((14, 4.0), (9, 0.0)):
        wait = LockWait(A, SECOND_NS, False, None, False, until_ns=until_s * SECOND_NS)
        made = applied(LocksLens(), locks(LockSample(1, "", "unknown", None, None, False, (wait,))))
        assert made is not None
        assert made.locks[0].waits[0].left_s == left_s


def test_many_waiters_are_counted() -> None:
    """Of thousands only the first are told one by one."""
    made = applied(LocksLens(), locks(lock(1, None, *range(1000, 5000))))
    assert made is not None
    assert (made.locks[0].waiters, len(made.locks[0].waits)) == (4000, MOST_WAITS)


def test_the_gil_is_marked() -> None:
    """By its addresses, from and up to; it does not count among the locks of lately."""
    lately = (LatelyLock(4096, "mutex", 5), LatelyLock(64, "mutex", 2))
    found = locks(lock(4096, A, B), lock(4000, None, C), lock(4200, None, D), lately=lately, lately_waits=9)
    made = applied(LocksLens(), found, gils={PID: ((4096, 4200),)})
    assert made is not None
    assert {one.address: one.is_gil for one in made.locks} == {4096: True, 4000: False, 4200: False}
    assert (made.lately, made.lately_waits) == ((lately[1],), 9)


def test_deadlocks_stand_at_each_process_they_concern() -> None:
    """In the chain, or behind it."""
    lens = LocksLens()
    found = (locks(lock(1, A, A)), locks(lock(9, A, 701, owner_pid=PID), pid=OTHER), locks(lock(5, None, 801), pid=800))
    rows = [process_row(pid, thread_row(pid)) for pid in (PID, OTHER, 800)]
    shot = lens.apply(sample(10.0)._replace(locks={one.pid: one for one in found}), snapshot(*rows))
    assert {pid: len(row.locks.deadlocks) for pid, row in shot.processes.items() if row.locks} == {
        PID: 1,
        OTHER: 1,
        800: 0,
    }


def test_unchanged_rows_are_the_same() -> None:
    """Where nobody waits, a row is that of the last tick; one that is not looked at is never touched."""
    lens = LocksLens()
    raw = snapshot(process_row(PID), process_row(OTHER))
    first = lens.apply(sample(10.0)._replace(locks={PID: locks()}), raw)
    second = lens.apply(sample(11.0)._replace(locks={PID: locks(at_ns=11 * SECOND_NS)}), raw)
    assert first.processes[PID] is second.processes[PID]
    assert first.processes[OTHER] is raw.processes[OTHER]
    assert first.processes[PID].locks == LocksRow((), (), "", "")


def test_another_process_under_the_same_pid() -> None:
    """Locks of one that has ended do not stand at its successor."""
    assert applied(LocksLens(), locks(start_ticks=1)) is None
    assert applied(LocksLens()) is None
