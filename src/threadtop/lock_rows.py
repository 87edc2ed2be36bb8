"""The locks of a process, as shown: who waits on which futex, who owns it, who waits for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from threadtop.blocked import LatelyLock, LockKind


MOST_WAITS: Final = 256  # of one lock that are told one by one


class LockWaitRow(NamedTuple):
    """A thread on a futex: for ``waited_s`` seconds (at least, where ``is_at_least``), with a timeout or for ever.

    ``timeout_s`` is what it asked for, None without one or not known; ``is_forever`` None is not known.  ``left_s``:
    it asked for a moment, so far away.
    """

    tid: int
    waited_s: float
    is_at_least: bool
    timeout_s: float | None
    is_forever: bool | None
    left_s: float | None = None


class LockRow(NamedTuple):
    """One futex and those that wait on it, the longest first.

    ``owner_tid`` is the thread that its memory names as the owner, None not known; ``owner_pid`` that thread's
    process.  ``is_gil``: it belongs to CPython's GIL, which has a pane of its own.  ``waiters`` counts all that wait,
    ``waits`` holds at most MOST_WAITS of them.  ``ended_tid`` is an owner that is no thread of the process any more.
    """

    address: int
    shared: str
    kind: LockKind
    owner_tid: int | None
    owner_pid: int | None
    is_confirmed: bool
    waits: tuple[LockWaitRow, ...]
    is_gil: bool = False
    waiters: int = 0
    ended_tid: int | None = None


class Deadlock(NamedTuple):
    """A closed chain of threads, confirmed by a second reading: each waits for a lock that the next one owns.

    ``chain`` holds (pid, tid, address of the lock it waits for); ``behind`` the threads (pid, tid) that wait, directly
    or not, for one of the chain.
    """

    chain: tuple[tuple[int, int, int], ...]
    behind: tuple[tuple[int, int], ...]


class LocksRow(NamedTuple):
    """The futexes of a process on which threads wait, the most waited for first, and the deadlocks among them.

    ``why_not`` is the rule that hides owners ("" none does), ``remedy`` the least that lifts it.  ``suspected`` are
    closed chains in which some wait has a timeout, or may have one: they need not last.  ``left_out`` counts futexes
    with waiters that are not among ``locks``; ``lately`` and ``lately_waits`` are as in LocksSample,
    without GILs.
    """

    locks: tuple[LockRow, ...]
    deadlocks: tuple[Deadlock, ...]
    why_not: str
    remedy: str
    suspected: tuple[Deadlock, ...] = ()
    left_out: int = 0
    lately: tuple[LatelyLock, ...] = ()
    lately_waits: int = 0
