"""BlockedReader: what blocked threads sleep in, in full: their system call and what its arguments mean (proc(5)).

Read are ``syscall``, ``fd/``, ``fdinfo/`` and a few bytes of ``mem`` of threads that are on screen or belong to a
process that is looked at closely.  A thread that has not run since it was read still sleeps in the same call: nothing
of it is read again, but what is at the other end of its socket or pipe, now and then.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.blocked import BlockedOn
from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.gil import refusals
from threadtop.gil.memory import BadAddressError, Memory
from threadtop.procfs import parse, syscalls
from threadtop.sample import living
from threadtop.waiting import calls, peeks
from threadtop.waiting.ends import REFRESH_NS, Ends
from threadtop.waiting.machines import machine_of
from threadtop.waiting.moments import Clocks
from threadtop.waiting.namespaces import Namespaces

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.interest import Interest
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import ProcessSample, Sample, ThreadSample
    from threadtop.waiting.peeks import Peek

MOST_THREADS: Final = 2000  # of one process that is looked at closely
# Threads read beyond those on screen; who is left out has his turn in a later tick.
MOST_FIRST: Final = 500  # in a tick, of those that were not read yet
MOST_AGAIN_PER_S, LEAST_AGAIN = 200, 10  # a second, of those that have run since; in a tick at least
DENIED_TICKS: Final = 30  # until a process whose calls may not be read is tried again
EPOLL_BYTES: Final = 1 << 20  # of the list of an epoll's descriptors
MANY_EPOLLED, EPOLL_TICKS = 500, 10  # a list so long is read again after so many ticks
_INFO_BYTES: Final = 1024  # of the fdinfo of a pidfd
_BLOCKED: Final = frozenset("SD")


class _Known(NamedTuple):
    """What was read of a thread when its counters were those of ``thread``; None: it ran after all.

    ``is_settled``: there is nothing more to be found of the other end of its descriptor.
    """

    thread: ThreadSample
    blocked: BlockedOn | None
    is_settled: bool = True


class _Seen:
    """One process between ticks."""

    __slots__ = (
        "denied",
        "epolls",
        "found",
        "is_done",
        "known",
        "machine",
        "name",
        "namespaces",
        "process",
        "refreshed_ns",
        "retry",
        "tids",
        "turn",
    )

    def __init__(self, process: ProcessSample, machine: str, namespaces: Namespaces) -> None:
        """Nothing of its threads is known."""
        self.process = process
        self.namespaces = namespaces
        self.name = process.name
        self.machine = machine
        self.known: dict[int, _Known] = {}
        self.found: dict[tuple[int, int], BlockedOn] = {}
        self.tids: frozenset[int] | None = frozenset()  # who was asked for; None: all
        self.is_done = False
        self.denied: BlockedOn | None = None
        self.retry = 0
        self.refreshed_ns = 0
        self.turn = 0
        self.epolls: dict[int, tuple[int | None, int]] = {}  # descriptors of an epoll, and the tick of the reading


class BlockedReader:
    """Reads what threads are blocked on; keeps what it found of those that have not run since."""

    def __init__(self, reader: ProcReader, euid: int | None = None, clocks: Clocks | None = None) -> None:
        """Read through ``reader``, which no other thread uses; ``euid`` is ours."""
        self._reader = reader
        self._clocks = clocks or Clocks()
        self._euid = os.geteuid() if euid is None else euid
        self._tick = 0
        self._seen: dict[int, _Seen] = {}
        self._result: dict[tuple[int, int], BlockedOn] = {}
        self._memories: dict[int, Memory | None] = {}
        self._first_left = self._again_left = 0
        self._ends = Ends(reader)
        self._at_ns = 0

    @property
    def reads(self) -> Mapping[str, int]:
        """What it has read so far, by file name."""
        return self._reader.reads

    def close(self) -> None:
        """Give back what it holds between ticks."""
        self._ends.close()

    def read(self, sample: Sample, interest: Interest) -> dict[tuple[int, int], BlockedOn]:
        """What threads in sight sleep in, by (pid, tid); who runs or is not known is left out.

        The same dictionary as at the last tick where nothing of it changed.  It must not be changed.
        """
        self._tick += 1
        self._first_left = MOST_FIRST
        gap_s = min(1.0, max(0, sample.at_ns - self._at_ns) / peeks.SECOND_NS)
        self._again_left = max(LEAST_AGAIN, round(MOST_AGAIN_PER_S * gap_s))
        self._at_ns = sample.at_ns
        is_whole = interest.attached is None
        self._ends.begin(sample.at_ns, sample.processes, is_whole=is_whole, at_once=interest.at_once)
        wanted = _wanted(interest, sample)
        changed = self._forget(wanted, sample)
        try:
            for pid, tids in wanted.items():
                process = sample.processes.get(pid)
                if process is not None and not process.kernel:
                    changed |= self._follow(process, tids, interest.visible)
        finally:
            for memory in self._memories.values():
                if memory is not None:
                    memory.close()
            self._memories = {}
        if changed:
            self._result = {key: blocked for seen in self._seen.values() for key, blocked in seen.found.items()}
        return self._result

    def _forget(self, wanted: Mapping[int, object], sample: Sample) -> bool:
        gone = [
            pid
            for pid, seen in self._seen.items()
            if pid not in wanted or not _is_same(seen, sample.processes.get(pid))
        ]
        for pid in gone:
            del self._seen[pid]
        return bool(gone)

    # -- one process ---------------------------------------------------------------------------

    def _follow(self, process: ProcessSample, tids: frozenset[int] | None, visible: frozenset[tuple[int, int]]) -> bool:
        """Bring what is known of a process up to date; whether anything of it is new."""
        seen = self._seen.get(process.pid)
        if seen is not None and seen.process is process and seen.tids == tids and not self._has_more(seen):
            return False
        threads = _asked_for(process, tids)
        if seen is None:
            if not threads:
                return False
            machine, namespaces = machine_of(self._reader, living(process)), Namespaces(self._reader, process.pid)
            seen = self._seen[process.pid] = _Seen(process, machine, namespaces)
        elif process.name != seen.name:  # it may run another program now
            seen.name, seen.machine = process.name, machine_of(self._reader, living(process))
        if seen.denied is not None and self._tick >= seen.retry:
            seen.denied, seen.known = None, {}
        seen.process, seen.tids = process, tids
        seen.known = {tid: known for tid, known in seen.known.items() if tid in threads}
        self._refresh(seen)
        due, is_all = self._due(seen, threads, visible)
        for thread in due:
            blocked = self._read_thread(seen, thread)
            seen.known[thread.tid] = self._with_ends(seen, _Known(thread, blocked)) if blocked else _Known(thread, None)
        found = {(process.pid, tid): known.blocked for tid, known in seen.known.items() if known.blocked is not None}
        seen.is_done = is_all and all(known.is_settled and known.blocked is not None for known in seen.known.values())
        is_new = len(found) != len(seen.found) or any(
            seen.found.get(key) is not blocked for key, blocked in found.items()
        )
        seen.found = found
        return is_new

    def _has_more(self, seen: _Seen) -> bool:
        """Whether there is something to be read of threads that have not run."""
        is_due = self._at_ns - seen.refreshed_ns >= REFRESH_NS
        return is_due or not seen.is_done or (seen.denied is not None and self._tick >= seen.retry)

    def _due(
        self, seen: _Seen, threads: Mapping[int, ThreadSample], visible: frozenset[tuple[int, int]]
    ) -> tuple[list[ThreadSample], bool]:
        """Whom to read in this tick, and whether those are all that should be: what was known of them is old."""
        pid = seen.process.pid
        due: list[ThreadSample] = []
        unread: list[ThreadSample] = []
        moved: list[ThreadSample] = []
        for tid, thread in threads.items():
            known = seen.known.get(tid)
            if known is not None and known.thread is thread and known.blocked is not None:
                continue
            if (pid, tid) in visible:
                due.append(thread)
            elif known is None:
                unread.append(thread)
            else:
                seen.known[tid] = _Known(thread, None)
                moved.append(thread)
        first, again = unread[: self._first_left], _in_turn(seen, moved, self._again_left)
        self._first_left -= len(first)
        self._again_left -= len(again)
        return [*due, *first, *again], len(first) + len(again) == len(unread) + len(moved)

    def _refresh(self, seen: _Seen) -> None:
        """Look again at the other ends that were not found yet, and now and then at all."""
        is_due = self._at_ns - seen.refreshed_ns >= REFRESH_NS
        if is_due:
            seen.refreshed_ns = self._at_ns
        for tid, known in seen.known.items():
            if is_due or not known.is_settled:
                seen.known[tid] = self._with_ends(seen, known)

    def _with_ends(self, seen: _Seen, known: _Known) -> _Known:
        """What is known of a thread with both ends of its descriptor; the same object where nothing is new."""
        thread, blocked, was_settled = known
        if blocked is None or not blocked.target.startswith(("pipe:", "socket:")):
            return known
        found, is_settled = self._ends.added(seen.process.pid, blocked, thread.wchan)
        if found == blocked and is_settled == was_settled:
            return known
        return _Known(thread, blocked if found == blocked else found, is_settled)

    def _read_thread(self, seen: _Seen, thread: ThreadSample) -> BlockedOn | None:
        """What a thread sleeps in now; None: it does not sleep, or has ended."""
        if seen.denied is not None:
            return seen.denied
        pid = seen.process.pid
        try:
            call = syscalls.parse_call(self._reader.read_task(pid, thread.tid, "syscall"))
        except DeniedError:
            return self._deny(seen)
        except (GoneError, ThreadtopError, OSError, ValueError):
            return None
        if call.is_running:
            return None
        asked = calls.asked(seen.machine, call, thread.wchan)
        blocked = asked.blocked
        for peek in asked.peeks:
            blocked = self._peek(seen, thread.tid, blocked, peek)
        if blocked.fd is not None and blocked.fd >= 0:
            blocked = self._with_target(seen, thread.tid, blocked, blocked.fd)
        return self._with_child(seen, thread.tid, blocked, blocked.pid) if blocked.pid is not None else blocked

    def _deny(self, seen: _Seen) -> BlockedOn:
        seen.denied = BlockedOn(why_not=self._rule(seen))
        seen.retry = self._tick + DENIED_TICKS
        return seen.denied

    def _rule(self, seen: _Seen) -> str:
        """Why the calls and the memory of a process may not be read: both need the same right (ptrace(2))."""
        return refusals.refusal(self._reader, seen.process.uid, self._euid)[0]

    # -- what a call's arguments point at ------------------------------------------------------

    def _peek(self, seen: _Seen, tid: int, blocked: BlockedOn, peek: Peek) -> BlockedOn:
        try:
            memory = self._memory(seen.process.pid, tid)
        except (GoneError, ThreadtopError, OSError):
            return blocked
        if memory is None:
            return blocked if blocked.why_not else blocked._replace(why_not=self._rule(seen))
        parts = []
        for address in (peek.address, *peek.further):
            self._reader.reads["mem"] += 1
            try:
                parts.append(memory.read(address, peek.size))
            except (BadAddressError, GoneError):
                return blocked
        blocked = peeks.told(blocked, peek, tuple(parts))
        if peek.clock is None:
            return blocked
        return self._clocks.told(blocked, peek.clock, seen.namespaces, self._at_ns)

    def _memory(self, pid: int, tid: int) -> Memory | None:
        """The memory of a process, open until the end of this tick; None if it may not be read, raises GoneError.

        By way of the thread, for the main thread may have ended before it.
        """
        if pid not in self._memories:
            try:
                self._memories[pid] = Memory(self._reader, pid, tid)
            except DeniedError:
                self._memories[pid] = None
        return self._memories[pid]

    def _with_target(self, seen: _Seen, tid: int, blocked: BlockedOn, fd: int) -> BlockedOn:
        """What the descriptor is; by way of the thread, for the main thread may have ended before it."""
        task = f"{seen.process.pid}/task/{tid}"
        try:
            target = self._reader.descriptor_link(task, fd)
            if target == "anon_inode:[eventpoll]" and blocked.descriptors is None:
                return blocked._replace(target=target, descriptors=self._epolled(seen, task, fd))
            if target == "anon_inode:[pidfd]" and blocked.pid is None:
                info = self._reader.read_most(task, f"fdinfo/{fd}", _INFO_BYTES, "fdinfo")
                return blocked._replace(target=target, pid=_child(info))
        except DeniedError:
            return blocked._replace(why_not=self._rule(seen))
        except (GoneError, ThreadtopError, OSError):
            return blocked
        return blocked._replace(target=target)

    def _with_child(self, seen: _Seen, tid: int, blocked: BlockedOn, child: int) -> BlockedOn:
        """The child by its pid here and its name: a call speaks of pids as they are in its own namespace."""
        if blocked.fd is None:
            found = seen.namespaces.child(tid, child)
            if found is None:
                return blocked._replace(pid=None, target=f"child {child} of its pid namespace")
            child = found
        name = self._ends.name(child)
        return blocked._replace(pid=child, peer=f"{name}[{child}]" if name else "")

    def _epolled(self, seen: _Seen, task: str, fd: int) -> int | None:
        """How many descriptors an epoll watches: lines ``tfd:`` of its fdinfo; None where they are too many."""
        count, tick = seen.epolls.get(fd, (0, 0))
        if (count is None or count >= MANY_EPOLLED) and self._tick - tick < EPOLL_TICKS:
            return count
        info = self._reader.read_most(task, f"fdinfo/{fd}", EPOLL_BYTES, "fdinfo")
        found = None if len(info) >= EPOLL_BYTES else info.count(b"\ntfd:")
        seen.epolls[fd] = found, self._tick
        return found


def _wanted(interest: Interest, sample: Sample) -> dict[int, frozenset[int] | None]:
    """Which threads of which processes; None: all."""
    if interest.everything:
        return dict.fromkeys(sample.processes)
    on_screen: dict[int, set[int]] = {}
    for pid, tid in interest.visible:
        on_screen.setdefault(pid, set()).add(tid)
    wanted: dict[int, frozenset[int] | None] = {pid: frozenset(tids) for pid, tids in on_screen.items()}
    wanted.update(dict.fromkeys(interest.waits))
    return wanted


def _is_same(seen: _Seen, process: ProcessSample | None) -> bool:
    """Whether it is still the process that was seen."""
    return process is not None and process.start_ticks == seen.process.start_ticks


def _asked_for(process: ProcessSample, tids: frozenset[int] | None) -> dict[int, ThreadSample]:
    """The threads to be known, of those that are blocked."""
    threads = process.threads
    chosen: Iterable[int] = islice(threads, MOST_THREADS) if tids is None else tids & threads.keys()
    return {tid: threads[tid] for tid in chosen if threads[tid].state in _BLOCKED}


def _in_turn(seen: _Seen, threads: list[ThreadSample], most: int) -> list[ThreadSample]:
    """At most so many of ``threads``, going on where the last tick left off."""
    if len(threads) <= most:
        return threads
    start = seen.turn % len(threads)
    seen.turn = start + most
    return [*threads[start:], *threads[:start]][:most]


def _child(info: bytes) -> int | None:
    """The process of a pidfd: line ``Pid:`` of its fdinfo (pidfd_open(2)); None once it has ended."""
    pid = parse.parse_status(info).get("Pid", "")
    return int(pid) or None if pid.isdecimal() else None
