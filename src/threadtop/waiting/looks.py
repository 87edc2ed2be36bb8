"""Looks: what one thread of a process is blocked on right now, with as few reads as that takes (proc(5)).

A thread whose ``schedstat`` is as it was at the last look has not run since: it is still blocked on the same.  Else
``wchan`` is read, and ``syscall`` where the kernel function does not tell: to know CPython's GIL from other locks, a
select of no descriptors, which is a sleep, from others, and by its descriptor a socket from a terminal, a Unix socket
from the network.  Where neither may be read the state in ``stat`` must do.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.procfs import reasons
from threadtop.waiting import calls
from threadtop.waiting.machines import machine_of

if TYPE_CHECKING:
    from threadtop.procfs.reader import ProcReader
    from threadtop.procfs.reasons import Kind

LINK_NS: Final = 1_000_000_000  # what a descriptor is may change: it is read again after so long
AGAIN_NS: Final = 10_000_000_000  # to what was denied, and which machine it is: it may have called exec
MOST_LINKS: Final = 1024  # remembered of one process
_NEVER_RAN: Final = b"0 0 0\n"  # schedstat of a kernel that does not count: it says nothing
_BYTES: Final = 512
_ASLEEP: Final = "S"  # the state where it makes no difference
_VAGUE: Final = frozenset(("other", "unknown"))
_INT_MASK: Final = 0xFFFFFFFF


class Thread:
    """One thread that is looked at; ``rounds`` are weights by kind, ``looks`` those that found it blocked."""

    __slots__ = ("descriptors", "kind", "line", "looks", "rounds", "seen", "tid")

    def __init__(self, tid: int, seen: int) -> None:
        """A thread first listed in round ``seen``."""
        self.tid = tid
        self.seen = seen
        self.line = b""
        self.kind: Kind | None = None  # as the last look found it; None: awake
        self.looks = 0
        self.rounds: dict[Kind, int] = {}
        self.descriptors: dict[str, int] = {}

    def credit(self, kind: Kind | None, now: int) -> None:
        """Let one look stand for the rounds since the last; one that found it awake says nothing of its waits."""
        if kind is not None:
            self.looks += 1
            self.rounds[kind] = self.rounds.get(kind, 0) + now - self.seen
        self.seen = now


class _Link(NamedTuple):
    """What a descriptor is, and whether that is a socket of this machine."""

    target: str = ""
    is_local: bool = False


class Looks:
    """Looks at the threads of one process; ``denied`` is whether a part of what it reads was not allowed."""

    def __init__(self, reader: ProcReader, pid: int) -> None:
        """Nothing is known of ``pid``; all descriptors are ``reader``'s."""
        self.denied = False
        self.gil_places: tuple[tuple[int, int], ...] = ()  # from the first address up to the second
        self._reader = reader
        self._pid = pid
        self._machine: str | None = None
        self._allowed = {"wchan": True, "syscall": True}
        self._has_schedstat = True
        self._has_wchan = False  # seen to say something: a kernel may be built so that it never does
        self._links: dict[int, tuple[int, _Link]] = {}
        self._again_ns: int | None = None

    @property
    def tells_gil(self) -> bool:
        """Whether a wait for CPython's GIL is told from that for another lock."""
        return bool(self.gil_places) and self._allowed["syscall"]

    def drop(self, thread: Thread) -> None:
        """Give a thread's descriptors back."""
        while thread.descriptors:
            self._reader.drop(thread.descriptors.popitem()[1])

    def look(self, thread: Thread, now_ns: int) -> Kind | None:
        """What a thread is blocked on at this moment; None: it is runnable.  Raises GoneError once it has ended."""
        if self._again_ns is None or now_ns >= self._again_ns:
            self._again_ns = now_ns + AGAIN_NS
            self._machine, self._allowed, self.denied = None, {"wchan": True, "syscall": True}, False
        line = self._schedstat(thread)
        if line == thread.line and line and line != _NEVER_RAN and thread.kind is not None:
            return thread.kind
        # The line is older than what is read now: a thread that runs in between has another one at the next look.
        thread.line, thread.kind = line, None
        thread.kind = self._kind(thread, now_ns)
        return thread.kind

    def _schedstat(self, thread: Thread) -> bytes:
        """The counters of a thread, b"" on a kernel without; raises GoneError."""
        if not self._has_schedstat:
            return b""
        try:
            return self._read(thread, "schedstat")
        except GoneError:
            self._read(thread, "stat")  # raises as well, if it is the thread that is gone
        self._has_schedstat = False
        return b""

    def _kind(self, thread: Thread, now_ns: int) -> Kind | None:
        wchan = self._optional(thread, "wchan")
        if wchan == b"0" and self._has_wchan:
            return None
        if wchan == b"0":
            wchan = b""
        self._has_wchan = self._has_wchan or bool(wchan)
        function, found, is_unsure = _of_wchan(wchan)
        if found is not None and not (is_unsure or (found == "lock" and self.gil_places)):
            return found
        line = self._optional(thread, "syscall")
        if line.startswith(b"running"):
            return None
        call, arguments = self._call(line)
        if call == "futex" and any(first <= arguments[0] < end for first, end in self.gil_places):
            return "gil"
        counted = reasons.COUNTED.get(call)
        descriptors = None if counted is None else arguments[counted] & _INT_MASK
        link = self._link(thread, arguments[0], now_ns) if call in reasons.OF_DESCRIPTORS else _Link()
        if found is not None:
            return "sleep" if descriptors == 0 else "pipe" if link.is_local else found
        return self._by_call(thread, function, call, link, descriptors)

    def _by_call(self, thread: Thread, function: str, call: str, link: _Link, descriptors: int | None) -> Kind | None:
        """Where the kernel function does not tell: by the system call, and if that does not, by the state."""
        if function and call:  # without a kernel function it may be stopped in its call
            kind = reasons.kind(_ASLEEP, function, call, link.target, descriptors, is_local=link.is_local)
            if kind not in _VAGUE:
                return kind
        state = _state(self._read(thread, "stat"))
        if state == "R":
            return None
        return reasons.kind(state, function, call, link.target, descriptors, is_local=link.is_local)

    def _call(self, line: bytes) -> tuple[str, tuple[int, int]]:
        """The name of a system call, its first two arguments; "" outside of one, or where it may not be read."""
        fields = line.split(b" ", 3)
        try:
            number, arguments = int(fields[0]), (int(fields[1], 16), int(fields[2], 16))
        except (ValueError, IndexError):
            return "", (0, 0)
        if number < 0:
            return "", (0, 0)
        if self._machine is None:
            self._machine = machine_of(self._reader, self._pid)
        return calls.plain_name(self._machine, number), arguments

    def _link(self, thread: Thread, fd: int, now_ns: int) -> _Link:
        """What the descriptor of a call is; by way of the thread, for the main thread may have ended before it."""
        fd &= _INT_MASK
        until_ns, link = self._links.get(fd, (0, _Link()))
        if now_ns < until_ns:
            return link
        task, link = f"{self._pid}/task/{thread.tid}", _Link()
        with suppress(GoneError, DeniedError, ThreadtopError, OSError):
            link = _Link(self._reader.descriptor_link(task, fd))
            if link.target.startswith("socket:"):
                link = link._replace(is_local=self._reader.descriptor_protocol(task, fd).startswith("UNIX"))
        if len(self._links) >= MOST_LINKS:
            self._links.clear()
        self._links[fd] = now_ns + LINK_NS, link
        return link

    def _optional(self, thread: Thread, name: str) -> bytes:
        """A file that may be denied or missing: b"" then; raises GoneError if it is the thread that is gone."""
        if not self._allowed[name]:
            return b""
        try:
            return self._read(thread, name)
        except DeniedError:
            self._allowed[name], self.denied = False, True
        except GoneError:
            self._read(thread, "stat")
            self._allowed[name] = False
        return b""

    def _read(self, thread: Thread, name: str) -> bytes:
        """A file of a thread, by a kept descriptor if there may be more of them; raises GoneError, DeniedError."""
        reader = self._reader
        descriptor = thread.descriptors.get(name)
        try:
            if descriptor is None and reader.kept < _share(reader.limit, name):
                descriptor = reader.keep(self._pid, thread.tid, name)
                if descriptor is not None:
                    thread.descriptors[name] = descriptor
            if descriptor is None:
                return reader.read_task(self._pid, thread.tid, name)
            reader.reads[name] += 1
            return os.pread(descriptor, _BYTES, 0)
        except ProcessLookupError as error:
            raise GoneError(str(thread.tid)) from error
        except PermissionError as error:
            raise DeniedError(name) from error


def _share(limit: int, name: str) -> int:
    """How many descriptors may be kept before one on this file: the last quarter is for what every look reads."""
    return limit if name == "schedstat" else limit * 3 // 4


@lru_cache(maxsize=512)
def _of_wchan(wchan: bytes) -> tuple[str, Kind | None, bool]:
    """A kernel function, the kind of waiting where it alone tells, and whether its call may tell of another."""
    function = wchan.decode("ascii", "replace")
    kind = reasons.kind(_ASLEEP, function)
    return (
        function,
        None if kind in _VAGUE else kind,
        reasons.may_be_a_sleep(function) or reasons.may_be_local(function),
    )


def _state(stat: bytes) -> str:
    """The state in ``stat``: after the name, which may hold anything."""
    return stat[stat.rfind(b")") + 2 :][:1].decode("ascii", "replace")
