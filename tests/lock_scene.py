"""Locks on rows by value, for tests of findings, of the pane and of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builders import thread_row
from ruled import server, shot
from threadtop.blocked import BlockedOn
from threadtop.lock_rows import Deadlock, LockRow, LocksRow, LockWaitRow

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

PID, AB, BA, BEHIND, LAST = 100, 101, 102, 103, 104
FIRST, SECOND, THIRD = 0x7F0000001180, 0x7F0000001140, 0x7F0000002000
NAMES = {AB: "ab", BA: "ba", BEHIND: "behind", LAST: "last"}


def thread(tid: int, **said: object) -> ThreadRow:
    """A thread that is blocked."""
    return thread_row(tid, **{"name": NAMES.get(tid, f"worker-{tid}"), "wchan": "futex_do_wait", **said})


def wait(tid: int, waited_s: float = 12.0, **said: object) -> LockWaitRow:
    """A wait without a timeout."""
    return LockWaitRow(
        **{"tid": tid, "waited_s": waited_s, "is_at_least": False, "timeout_s": None, "is_forever": True, **said}  # type: ignore[arg-type]
    )


def lock(address: int, owner: int | None, *waits: LockWaitRow, **said: object) -> LockRow:
    """A mutex of this process."""
    return LockRow(
        **{  # type: ignore[arg-type]
            "address": address,
            "shared": "",
            "kind": "mutex" if owner is not None else "unknown",
            "owner_tid": owner,
            "owner_pid": PID if owner is not None else None,
            "is_confirmed": True,
            "waits": waits,
            "waiters": len(waits),
            **said,
        }
    )


def locks(*found: LockRow, **said: object) -> LocksRow:
    """The locks of a process."""
    return LocksRow(**{"locks": found, "deadlocks": (), "why_not": "", "remedy": "", **said})  # type: ignore[arg-type]


CHAIN = Deadlock(((PID, AB, SECOND), (PID, BA, FIRST)), ((PID, BEHIND),))
TWO = (lock(FIRST, AB, wait(BA), wait(BEHIND, 11.0)), lock(SECOND, BA, wait(AB)))


def threads() -> tuple[ThreadRow, ...]:
    """A main thread that sleeps, and four that are blocked."""
    return (thread_row(PID, name="server"), *(thread(tid) for tid in NAMES))


def locked(found: LocksRow, *rows: ThreadRow, **said: object) -> ProcessRow:
    """Process 100 with these locks."""
    return server(*(rows or threads()), locks=found, **said)


def deadlocked(**said: object) -> Snapshot:
    """Ab and ba wait for each other, and behind behind them."""
    return shot(locked(locks(*TWO, **{"deadlocks": (CHAIN,), **said})))


def parked(count: int = 4, waited_s: float = 900.0) -> Snapshot:
    """An idle pool on a condition."""
    tids = range(200, 200 + count)
    found = locks(lock(THIRD, None, *(wait(tid, waited_s) for tid in tids)))
    on = BlockedOn("futex", futex=THIRD, is_forever=True)
    return shot(locked(found, thread_row(PID), *(thread(tid, blocked=on) for tid in tids)))
