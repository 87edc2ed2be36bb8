"""The call that a thread sleeps in, as the Thread pane tells it: what its arguments mean, where it was made; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from threadtop import text, waits
from threadtop.sheets import endings
from threadtop.sheets.sheet import Entry, Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.blocked import BlockedOn
    from threadtop.inside.thread import Place, ThreadFacts
    from threadtop.lock_rows import LockRow
    from threadtop.sheets.sheet import Subject
    from threadtop.snapshot import Snapshot, ThreadRow

_RUNNING: Final = "running"
_HOLDER: Final = re.compile(r"\[(\d{1,10})\](?: |$)")  # name[4242], maybe with a path behind
# include/uapi/linux/futex.h
_PI: Final = "lock with priority inheritance"
_OPERATIONS: Final = {0: "wait", 6: _PI, 9: "wait", 11: "wait, then requeue", 13: _PI}


def entries(subject: Subject, row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    """The call, what its arguments mean, where it was made, and the registers as they are."""
    if endings.is_over(row):
        yield Entry("call", "none: it has ended", None)
        return
    blocked = call_of(row, facts)
    if blocked is None:
        words = "none: a kernel thread makes no calls" if row.kernel else text.UNKNOWN
        yield Entry("call", "none: it runs" if is_running(facts) else words, None)
    else:
        yield Entry("call", blocked.call or "none: a page fault", blocked.call or None, role="b")
        yield from _descriptor(subject.snapshot, row.pid, blocked)
        yield from _lock(subject, row, blocked, facts.lock_place)
        yield from _timeout(blocked, row.left_ns if blocked is row.blocked else None)
    place = facts.program_counter
    if place is None:
        yield Entry("program_counter", text.UNKNOWN, None, only_blocked(facts))
    else:
        yield Entry("program_counter", place_words(place), place._asdict(), f"{place.address:#x}", role="b")
    yield Entry("wchan", row.wchan or text.UNKNOWN, row.wchan)
    yield Entry("syscall", facts.syscall or text.UNKNOWN, facts.syscall, role=".")


def is_running(facts: ThreadFacts) -> bool:
    """Whether it was on a CPU, or about to be, when its call was read."""
    return (facts.syscall or "").startswith(_RUNNING)


def only_blocked(facts: ThreadFacts) -> str:
    """Why a register is not known: "" where the rule that denies it is told elsewhere."""
    return "only while it is blocked" if is_running(facts) else ""


def call_of(row: ThreadRow, facts: ThreadFacts) -> BlockedOn | None:
    """The call by its registers, with what memory and descriptors tell where those were read in the same call."""
    own, seen = facts.call, row.blocked
    if own is None or seen is None or seen.call != own.call:
        return own
    is_same = own.fd in {None, seen.fd} and own.futex in {None, seen.futex}
    return seen if is_same else own


def place_words(place: Place) -> str:
    """``libc.so.6+0x8c2a3 (futex_wait+0xf3)``, as much of it as is known."""
    if not place.file:
        return f"{place.address:#x}, in no file"
    words = f"{place.file}+{place.file_offset:#x}"
    return f"{words} ({place.symbol}+{place.symbol_offset:#x})" if place.symbol else words


def _descriptor(snapshot: Snapshot, pid: int, blocked: BlockedOn) -> Iterator[Entry]:
    """Which descriptor, what it is, and who is at its other end."""
    if blocked.fd is not None or blocked.target:
        head = f"fd {blocked.fd}" if blocked.fd is not None else ""
        shown = f"{head}: {blocked.target}" if head and blocked.target else head or blocked.target
        value = {"fd": blocked.fd, "target": blocked.target or None}
        note = blocked.why_not if not blocked.target else ""
        yield Entry("descriptor", shown, value, note, link=Link(pid, pane="Files"))
    if blocked.descriptors is not None and blocked.fd is None:
        yield Entry("descriptors", text.thousands(blocked.descriptors), blocked.descriptors)
    elif blocked.descriptors is not None:
        yield Entry("descriptors", f"{text.thousands(blocked.descriptors)} watched", blocked.descriptors)
    if blocked.local or blocked.status:
        value = {"local": blocked.local or None, "status": blocked.status or None}
        yield Entry("socket", "  ".join(filter(None, (blocked.local, blocked.status))), value)
    if blocked.peer or blocked.pid is not None:
        other = blocked.pid if blocked.pid is not None else _holder(blocked.peer)
        link = Link(other) if other is not None and other in snapshot.processes else None
        shown = blocked.peer or f"child {blocked.pid}"
        yield Entry("peer", shown, {"peer": blocked.peer or None, "pid": other}, role="e", link=link)


def _holder(peer: str) -> int | None:
    found = _HOLDER.search(peer)
    return int(found[1]) if found else None


def _lock(subject: Subject, row: ThreadRow, blocked: BlockedOn, place: Place | None) -> Iterator[Entry]:
    """The futex, where it lies, how many wait with it, and who owns it."""
    if blocked.futex is None:
        return
    parts = ["shared between processes" if blocked.is_shared else "private"]
    if blocked.operation in _OPERATIONS:
        parts.append(_OPERATIONS[blocked.operation])
    where = f"in {place_words(place)}" if place is not None and place.file else ""
    value = {"address": blocked.futex, "is_shared": blocked.is_shared, "operation": blocked.operation}
    yield Entry("futex", f"{blocked.futex:#x}  {', '.join(parts)}", value, where)
    lock = _row_of(subject, blocked.futex)
    if lock is None:
        return
    yield from _owner(subject, row, lock)


def _row_of(subject: Subject, address: int) -> LockRow | None:
    locks = subject.process.locks
    return next((lock for lock in locks.locks if lock.address == address), None) if locks is not None else None


def _owner(subject: Subject, row: ThreadRow, lock: LockRow) -> Iterator[Entry]:
    others = lock.waiters - 1
    kind = "CPython's GIL" if lock.is_gil else lock.kind if lock.kind != "unknown" else "a lock or condition"
    beside = f"{others} other thread{'s' if others != 1 else ''} wait{'s' if others == 1 else ''} for it, too"
    deadlock = _deadlock(subject, row)
    note = "; ".join(filter(None, (deadlock, beside if others > 0 else "")))
    role = "r" if deadlock else "l"
    tid = lock.owner_tid
    if tid is None:
        ended = f"{kind}, owned by thread {lock.ended_tid}, which has ended" if lock.ended_tid else kind
        value = {"kind": lock.kind, "tid": None, "waiters": lock.waiters}
        yield Entry("owner", ended, value, note, role if lock.ended_tid else " ")
        return
    pid = lock.owner_pid or row.pid
    process = subject.snapshot.processes.get(pid)
    thread = process.threads.get(tid) if process is not None else None
    name = f" {thread.name}" if thread is not None else ""
    value = {"kind": lock.kind, "tid": tid, "waiters": lock.waiters}
    yield Entry("owner", f"{kind}, owned by {tid}{name}", value, note, role, Link(pid, tid, "Thread"))


def _deadlock(subject: Subject, row: ThreadRow) -> str:
    """Whether it is in a deadlock, or waits for threads that are; "" where it is not."""
    who = row.pid, row.tid
    for one in subject.process.locks.deadlocks if subject.process.locks is not None else ():
        if who in {(pid, tid) for pid, tid, _ in one.chain}:
            return "a deadlock: none of its threads can go on"
        if who in one.behind:
            return "behind a deadlock: it cannot go on"
    return ""


def _timeout(blocked: BlockedOn, left_ns: int | None) -> Iterator[Entry]:
    """How long it waits at most; nothing where the call has no timeout, or that is not known."""
    if blocked.is_forever:
        yield Entry("timeout_ns", f"none: it may wait {waits.FOR_EVER}", None)
    elif blocked.timeout_ns is not None:
        yield Entry("timeout_ns", f"at most {waits.span(blocked.timeout_ns)}", blocked.timeout_ns)
    elif left := waits.left(left_ns):
        yield Entry("left_ns", left, left_ns)
    elif blocked.is_forever is False:
        yield Entry("timeout_ns", "timed: till a moment, or for a length that is not known", None, blocked.why_not)
