"""What threads are blocked on: raw readings of system calls, futexes and looks at waiting threads; nothing derived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.procfs.reasons import Kind

LockKind: TypeAlias = Literal["mutex", "robust mutex", "pi mutex", "rwlock", "thread end", "unknown"]
"""What a futex belongs to, as far as its memory tells; unknown: a condition, a semaphore, or not readable.

``thread end``: ``pthread_join`` waits for its "owner" to end.
"""


class BlockedOn(NamedTuple):
    """The system call that one thread sleeps in, with what its arguments mean; None and "" are not known.

    ``call`` is its name ("" outside of one; that with 64-bit times by the name of the first); ``fd`` the descriptor it
    waits for, ``target`` what that is (the link in ``/proc/PID/fd``), ``local`` and ``peer`` the two ends of a socket
    (``10.0.0.5:5432``, a path) or the process at the other end of a pipe (``worker[4242]``), ``status`` a socket's
    state (``established``), with its protocol where that is not TCP (``udp``, ``unix stream, listening``).
    ``futex`` is the address it waits on, ``is_shared`` whether that may be another process's too
    (no FUTEX_PRIVATE_FLAG), ``operation`` the futex command.  ``timeout_ns`` is the timeout it asked for,
    ``is_forever`` that it has none; where it asked for a moment instead, ``until_ns`` is that on our monotonic clock.
    ``pid`` is the child it waits for, as it is called here, and ``peer`` that by name; ``descriptors`` how many it
    polls.
    ``why_not`` is the rule that denied what is missing ("" where nothing is).  Sources: ``syscall``, ``fd/``,
    ``fdinfo/``, ``net/`` of that process, and its memory (proc(5)).
    """

    call: str = ""
    fd: int | None = None
    target: str = ""
    local: str = ""
    peer: str = ""
    status: str = ""
    futex: int | None = None
    is_shared: bool | None = None
    operation: int | None = None
    timeout_ns: int | None = None
    is_forever: bool | None = None
    pid: int | None = None
    descriptors: int | None = None
    why_not: str = ""
    until_ns: int | None = None


class LockWait(NamedTuple):
    """One thread on a futex since ``since_ns`` (monotonic), or for longer where ``is_at_least``.

    ``timeout_ns`` is the timeout it asked for, ``until_ns`` the moment (monotonic), ``is_forever`` that it has none;
    None is not known.  ``is_confirmed``: it has not run since an earlier reading that found it here, with the same
    owner.
    """

    tid: int
    since_ns: int
    is_at_least: bool
    timeout_ns: int | None
    is_forever: bool | None
    is_confirmed: bool = False
    until_ns: int | None = None


class LockSample(NamedTuple):
    """The threads of one process that wait on one futex, and who owns it as far as its memory tells.

    ``address`` is in the process's memory, ``shared`` names the place for all processes that map it
    (``inode:offset``; "" is private to the process).  ``owner_tid`` None is not known; ``owner_pid`` is the process of
    the owner.  ``is_confirmed``: a reading at least one tick later found the same owner, and one of the waiters that
    has not run meanwhile.  ``ended_tid`` is an owner that is no thread of the process (any more): it ended with the
    lock in its hands, or stayed behind at a fork(2).
    """

    address: int
    shared: str
    kind: LockKind
    owner_tid: int | None
    owner_pid: int | None
    is_confirmed: bool
    waits: tuple[LockWait, ...]
    ended_tid: int | None = None


class LatelyLock(NamedTuple):
    """A lock with an owner; ``waits`` counts threads that were found on it in the tick in which they had run."""

    address: int
    kind: LockKind
    waits: int


class LocksSample(NamedTuple):
    """The futexes of one process; ``why_not`` is the rule that hides their owners, ``remedy`` the least that lifts it.

    ``at_ns`` is when they were read; ``left_out`` how many more futexes have waiters; ``lately`` are the locks with an
    owner that were waited for in the last ticks, ``lately_waits`` counts all waits on futexes that began in these.
    """

    pid: int
    start_ticks: int
    at_ns: int
    why_not: str
    remedy: str
    locks: tuple[LockSample, ...]
    left_out: int = 0
    lately: tuple[LatelyLock, ...] = ()
    lately_waits: int = 0


class WaitTally(NamedTuple):
    """What looks at one thread have found since the watch of its process began.

    ``looks`` counts readings that found it blocked; ``rounds`` are weights by kind: each look stands for the rounds
    since the one before it at this thread.
    """

    looks: int
    rounds: Mapping[Kind, int]


class WaitSample(NamedTuple):
    """What fast looks at one process's blocked threads have found; only tallies of one ``began`` may be subtracted.

    ``why_not`` is the rule that hides a part of it (``syscall`` or ``wchan``), ``remedy`` the least that lifts it.
    ``tells_gil`` is whether the looks tell CPython's GIL from other locks.
    """

    pid: int
    start_ticks: int
    began: int
    at_ns: int
    why_not: str
    remedy: str
    threads: Mapping[int, WaitTally]
    tells_gil: bool = False
