"""Findings about locks: what fires, what must not, at and around each threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import snapshot, thread_row
from lock_scene import (
    AB,
    BA,
    BEHIND,
    CHAIN,
    FIRST,
    LAST,
    PID,
    SECOND,
    THIRD,
    TWO,
    deadlocked,
    lock,
    locked,
    locks,
    parked,
    thread,
    threads,
    wait,
)
from ruled import PROBLEM, kinds, only, running, shot
from threadtop.blocked import BlockedOn, LatelyLock
from threadtop.findings import diagnose
from threadtop.findings.locks import deadlocks
from threadtop.lock_rows import Deadlock, LocksRow
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, ThreadRow

# -- deadlock ----------------------------------------------------------------------------------


def test_deadlock() -> None:
    """At the first snapshot that has it: the chain, since when, who is stuck behind, what to run."""
    (found,) = diagnose(deadlocked())
    assert found.kind == "deadlock"
    assert (
        found.title == "deadlock: ab (101) waits for 0x..1140, owned by ba (102), which waits for 0x..1180, owned by ab"
    )
    assert dict(found.evidence) == {
        "ab (101) waits for": "0x7f0000001140 (mutex) for 12 s",
        "ba (102) waits for": "0x7f0000001180 (mutex) for 12 s",
        "read twice": "same owners, and none of these threads ran in between",
        "stuck behind them": "1 thread: behind (103)",
    }
    assert (found.grade, found.tids, found.pid) == ("exact", (AB, BA, BEHIND), PID)
    assert found.severity >= PROBLEM
    assert found.next_command == "gdb -p 100 -batch -ex 'thread apply all bt'"


def test_a_deadlock_is_told_once() -> None:
    """Though it stands at two processes; a thread of another process is named with it."""
    chain = Deadlock(((PID, AB, FIRST), (700, 700, SECOND)), ())
    here = locked(locks(lock(FIRST, 700, wait(AB), owner_pid=700), deadlocks=(chain,)))
    there = here._replace(
        pid=700,
        process="peer",
        threads={700: thread_row(700, process="peer", name="peer")},
        locks=locks(lock(SECOND, AB, wait(700)), deadlocks=(chain,)),
    )
    (found,) = diagnose(shot(here, there))
    assert "owned by peer (700), which waits for 0x..1140, owned by ab" in found.title


def test_a_deadlock_is_told_of_the_process_that_is_looked_at() -> None:
    """Whoever asks about one of two processes is told, though the chain begins in the other one."""
    chain = Deadlock(((PID, AB, FIRST), (700, 700, SECOND)), ())
    here = locked(locks(lock(FIRST, 700, wait(AB), owner_pid=700), deadlocks=(chain,)))
    peer = {700: thread_row(700, process="peer", name="peer")}
    there = here._replace(pid=700, process="peer", threads=peer, locks=locks(lock(SECOND, AB, wait(700))))
    (found,) = deadlocks(shot(here, there), frozenset({700}))
    assert (found.pid, found.tids) == (700, (700, AB))
    assert found.title.startswith("deadlock: main thread (700) waits for 0x..1140, owned by ab (101) of server 100")


def test_a_thread_that_waits_for_itself() -> None:
    """A chain of one is explained as what it is."""
    chain = Deadlock(((PID, AB, FIRST),), ())
    (found,) = diagnose(shot(locked(locks(lock(FIRST, AB, wait(AB)), deadlocks=(chain,)))))
    assert found.title == "deadlock: ab (101) waits for 0x..1180, which it owns itself"
    assert "RECURSIVE" in found.explanation


def test_a_long_chain_is_folded() -> None:
    """Its first threads by name, the rest counted."""
    tids = [*range(1001, 1010)]
    chain = Deadlock(tuple((PID, tid, tid * 64) for tid in tids), ())
    (found,) = diagnose(shot(locked(locks(deadlocks=(chain,)), *(thread(tid) for tid in tids))))
    assert found.title.endswith(
        "9 threads in a circle: worker-1001 (1001), worker-1002 (1002), worker-1003 (1003) and 6 more"
    )
    assert dict(found.evidence)["and"] == "3 more threads"


def test_waiting_for_the_end_of_a_thread() -> None:
    """A join in a chain reads as one."""
    chain = Deadlock(((PID, PID, FIRST), (PID, AB, SECOND)), ())
    found = locks(lock(FIRST, AB, wait(PID), kind="thread end"), lock(SECOND, PID, wait(AB)), deadlocks=(chain,))
    (told,) = diagnose(shot(locked(found)))
    assert told.title.endswith(
        "main thread (100) waits for the end of ab (101), which waits for 0x..1140, owned by main thread"
    )


def test_parked_pools_are_no_finding() -> None:
    """Four or four thousand threads that wait for ever on one condition, for a quarter of an hour."""
    assert kinds(parked(), seconds=6) == []
    assert [kind for kind in kinds(parked(300), seconds=6) if "lock" in kind] == []


# -- suspicions --------------------------------------------------------------------------------


def test_a_closed_chain_with_a_timeout() -> None:
    """Never a verdict: a suspicion, once it has held."""
    moment = deadlocked(deadlocks=(), suspected=(CHAIN,))
    assert kinds(moment, seconds=2) == []
    found = only("deadlock-suspected", moment)
    assert (found.grade, found.tids) == ("suspicion", (AB, BA, BEHIND))
    assert found.title.startswith("wait for each other, with a timeout: ab (101) waits for 0x..1140, owned by ba (102)")


def orphan(**said: object) -> ProcessRow:
    """A mutex whose owner is not there."""
    return locked(
        locks(lock(FIRST, None, wait(AB, **said.pop("wait", {})), **{"kind": "mutex", "ended_tid": 77, **said}))  # type: ignore[arg-type]
    )


def test_an_owner_that_is_not_there() -> None:
    """It ended with the lock, or was left behind by a fork: a suspicion with its evidence."""
    found = only("deadlock-suspected", shot(orphan()))
    assert found.title == "ab waits for 0x..1180, whose owner, thread 77, is not there"
    assert dict(found.evidence)["owner"] == "77, no thread of 100"
    assert found.grade == "suspicion"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(orphan(is_confirmed=False), id="read once"),
        pytest.param(orphan(wait={"is_forever": False}), id="with a timeout"),
        pytest.param(orphan(ended_tid=None), id="no owner"),
        pytest.param(orphan(is_gil=True), id="the GIL"),
    ],
)
def test_no_orphan(row: ProcessRow) -> None:
    """What does not last, or is known less well, says nothing."""
    assert kinds(shot(row)) == []


def asleep(waited_s: float = 60.0, waiters: int = 2, *, owns: int | None = None, **said: object) -> LocksRow:
    """A lock that ba owns, for which others wait; ba waits for something itself."""
    tids = (AB, BEHIND, LAST)[:waiters]
    return locks(lock(FIRST, BA, *(wait(tid, waited_s) for tid in tids), **said), lock(THIRD, owns, wait(BA, waited_s)))


def sleepers(**said: object) -> tuple[ThreadRow, ...]:
    """The threads of it."""
    on = BlockedOn("futex", futex=THIRD, is_forever=True)
    return tuple(row._replace(blocked=on, **said) if row.tid == BA else row for row in threads())


def test_an_owner_that_waits_for_ever() -> None:
    """Others queue behind a thread that waits for what has no owner: a suspicion that says why."""
    found = only("deadlock-suspected", shot(locked(asleep(), *sleepers())))
    assert (
        found.title == "ba (102) owns 0x..1180, for which 2 threads wait, and has itself waited for 0x..2000 for 60 s"
    )
    assert (found.grade, found.tids) == ("suspicion", (BA, AB, BEHIND))


@pytest.mark.parametrize(
    ("found", "fires"),
    [
        (asleep(5.0), True),
        (asleep(4.9), False),
        (asleep(waiters=1), False),
        (asleep(waiters=1, kind="pi mutex"), True),
        (asleep(is_confirmed=False), False),
        (asleep(owns=LAST), False),
    ],
)
def test_an_owner_that_waits_thresholds(found: LocksRow, fires: bool) -> None:  # noqa: FBT001
    """So long, so many; and not where what it waits for has an owner."""
    assert (kinds(shot(locked(found, *sleepers()))) == ["deadlock-suspected"]) is fires


def test_an_owner_that_sleeps_with_a_timeout() -> None:
    """It will go on by itself."""
    found = locks(*asleep().locks[:1], lock(THIRD, None, wait(BA, 60.0, is_forever=False)))
    assert "deadlock-suspected" not in kinds(shot(locked(found, *sleepers())))


# -- all on one lock ---------------------------------------------------------------------------


def one_lock(waited_s: float = 4.0, count: int = 3, **said: object) -> LocksRow:
    """A lock that ba owns, for which so many wait."""
    return locks(lock(FIRST, BA, *(wait(tid, waited_s) for tid in (AB, BEHIND, LAST)[:count]), **said))


def with_owner(**said: object) -> tuple[ThreadRow, ...]:
    """The threads, ba as it is said."""
    return tuple(row._replace(**said) if row.tid == BA else row for row in threads())


def test_all_wait_for_one_lock() -> None:
    """Its owner is named, with what it does."""
    rows = with_owner(state="R", cpu_pct=97.0, user_pct=97.0, system_pct=0.0)
    found = only("waits-on-one-lock", shot(locked(one_lock(), *rows)))
    assert found.title == "3 threads wait for 0x..1180, owned by ba (102): runs 97 %"
    assert (found.grade, found.tids) == ("exact", (BA, AB, BEHIND, LAST))
    rows = with_owner(reason="recv fd 12 <- 10.0.0.5:5432")
    found = only("waits-on-one-lock", shot(locked(one_lock(), *rows)))
    assert found.title.endswith(": recv fd 12 <- 10.0.0.5:5432")


@pytest.mark.parametrize(
    ("found", "busy", "fires"),
    [
        (one_lock(1.0), 0, True),
        (one_lock(0.9), 0, False),
        (one_lock(count=2), 0, False),
        (one_lock(is_confirmed=False), 0, False),
        (one_lock(is_gil=True), 0, False),
        (one_lock(kind="thread end"), 0, False),
        (one_lock(), 3, True),
        (one_lock(), 4, False),
        (locks(*TWO, deadlocks=(CHAIN,)), 0, False),
    ],
)
def test_all_wait_for_one_lock_thresholds(found: LocksRow, busy: int, fires: bool) -> None:  # noqa: FBT001
    """So long, so many of those that work; not the GIL, not a join, not what a deadlock explains."""
    rows = [*threads(), *(running(300 + number, 50.0) for number in range(busy))]
    assert ("waits-on-one-lock" in kinds(shot(locked(found, *rows)))) is fires


# -- convoy ------------------------------------------------------------------------------------


def late(tid: int, lock_pct: float = 55.0, *, cpu: float = 30.0, vol: float = 2000.0, looks: int = 100) -> ThreadRow:
    """A thread that waits for locks so much."""
    time = TimeShare(cpu, 0.0, 100.0 - cpu - lock_pct, (("lock", lock_pct),), looks)
    return running(tid, cpu, name=f"turn-{tid}", vol_per_s=vol, sampled=time)


def turns(*rows: ThreadRow, waits: int = 20, of: int = 20, found: LocksRow | None = None) -> ProcessRow:
    """Threads that take turns at one mutex."""
    lately = (LatelyLock(FIRST, "mutex", waits),) if waits else ()
    seen = found or locks(lock(FIRST, 201, wait(202, 0.0), is_confirmed=False))
    return locked(seen._replace(lately=lately, lately_waits=of), *(rows or [late(tid) for tid in (201, 202, 203, 204)]))


def test_lock_convoy() -> None:
    """How much each waits, how often they switch, how little they run, at which lock."""
    found = only("lock-convoy", shot(turns()))
    assert (
        found.title
        == "4 threads take turns at 0x..1180: each waits up to 55 % of the time, together they run 1.2 cores"
    )
    assert dict(found.evidence) == {
        "wait for locks": "55 55 55 55 % (100 looks)",
        "switches": "8,000/s voluntary",
        "run together": "1.2 cores",
        "mutex at": "0x7f0000001180: 20 of 20 waits that were looked at",
        "owned just now by": "turn-201 (201)",
    }
    assert (found.grade, found.severity >= PROBLEM) == ("sampled", True)


@pytest.mark.parametrize(
    ("row", "fires"),
    [
        pytest.param(turns(*(late(tid) for tid in (1, 2, 3))), True, id="three"),
        pytest.param(turns(*(late(tid) for tid in (1, 2))), False, id="two"),
        pytest.param(turns(*(late(tid, 20.0) for tid in (1, 2, 3))), True, id="a fifth of the time"),
        pytest.param(turns(*(late(tid, 19.9) for tid in (1, 2, 3))), False, id="less"),
        pytest.param(turns(*(late(tid, vol=50.0) for tid in (1, 2, 3))), True, id="50 switches a second"),
        pytest.param(turns(*(late(tid, vol=49.0) for tid in (1, 2, 3))), False, id="fewer"),
        pytest.param(turns(*(late(tid, looks=9) for tid in (1, 2, 3))), False, id="too few looks"),
        pytest.param(turns(*(late(tid, 40.0, cpu=50.0) for tid in (1, 2, 3))), True, id="each runs half of the time"),
        pytest.param(turns(*(late(tid, 40.0, cpu=51.0) for tid in (1, 2, 3))), False, id="they work"),
        pytest.param(turns(waits=0), False, id="a pool on a condition, or the GIL"),
        pytest.param(turns(waits=3), False, id="hardly seen"),
        pytest.param(turns(waits=10), True, id="half of the waits"),
        pytest.param(turns(waits=9), False, id="most wait for work"),
        pytest.param(turns(found=locks(lock(FIRST, 201, wait(202, 2.0)))), False, id="one that waits long"),
    ],
)
def test_lock_convoy_thresholds(row: ProcessRow, fires: bool) -> None:  # noqa: FBT001
    """At and around each."""
    assert ("lock-convoy" in kinds(shot(row))) is fires


def test_nothing_without_locks() -> None:
    """A process that is not looked at, and one where nobody waits."""
    assert diagnose(snapshot()) == ()
    assert kinds(shot(locked(locks()))) == []
