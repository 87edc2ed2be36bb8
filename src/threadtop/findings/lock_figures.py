"""What findings about locks have in common: threads, locks and times of a snapshot in words; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import gil_figures, measures
from threadtop.findings.measures import count, pct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from threadtop.lock_rows import LockRow
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

WORKS_PCT: Final = 10.0  # CPU from which a thread counts among those that work
_MINUTES_S, _HOURS_S = 120.0, 7200.0  # from here on in these


def lock_at(snapshot: Snapshot, pid: int, address: int) -> LockRow | None:
    """The lock of a process at an address."""
    row = snapshot.processes.get(pid)
    locks: Iterable[LockRow] = row.locks.locks if row is not None and row.locks is not None else ()
    return next((lock for lock in locks if lock.address == address), None)


def owner(snapshot: Snapshot, lock: LockRow) -> ThreadRow | None:
    """The row of the thread that owns it."""
    row = snapshot.processes.get(lock.owner_pid or 0)
    return row.threads.get(lock.owner_tid or 0) if row is not None else None


def waiting(row: ProcessRow, lock: LockRow) -> Sequence[ThreadRow]:
    """The rows of those that wait for it."""
    return [row.threads[wait.tid] for wait in lock.waits if wait.tid in row.threads]


def waited(lock: LockRow) -> tuple[str, str]:
    """How many wait, and the oldest of them how long."""
    oldest = max(lock.waits, key=lambda wait: wait.waited_s)
    least = "at least " if oldest.is_at_least else ""
    return "waiting", f"{count(lock.waiters, 'thread')}, the oldest for {least}{lasted(oldest.waited_s)}"


def name(snapshot: Snapshot, pid: int, tid: int) -> str:
    """A thread by name alone."""
    row = snapshot.processes.get(pid)
    thread = row.threads.get(tid) if row is not None else None
    if thread is not None and pid == tid and thread.name == thread.process:
        return "main thread"
    return measures.named(thread) if thread is not None else f"thread {tid}"


def who(snapshot: Snapshot, pid: int, tid: int, *, home: int) -> str:
    """A thread by name and tid, and by its process where that is another one."""
    named = name(snapshot, pid, tid)
    if named != f"thread {tid}":
        named = f"{named} ({tid})"
    row = snapshot.processes.get(pid)
    if pid == home:
        return named
    if pid == tid and row is not None:
        return f"{row.process} ({pid})"
    return f"{named} of {row.process if row is not None else 'process'} {pid}"


def stacks(row: ProcessRow) -> str:
    """The command that shows where each thread waits."""
    return gil_figures.dump(row) if row.gil is not None else f"gdb -p {row.pid} -batch -ex 'thread apply all bt'"


def does(thread: ThreadRow) -> str:
    """What a thread does: how much it runs, or what it waits for."""
    if thread.cpu_pct is not None and thread.cpu_pct >= WORKS_PCT:
        return f"runs {pct(thread.cpu_pct)}"
    return thread.reason or "what it does is not known"


def lasted(seconds: float) -> str:
    """A time in whole units: ``0.4 s``, ``12 s``, ``5 min``, ``30 h``."""
    if seconds >= _HOURS_S:
        return f"{seconds / 3600:.0f} h"
    if seconds >= _MINUTES_S:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s"
