"""Probe: one look after the other at a Python process: who holds the GIL, who waits for it, who runs without it.

A thread at rest need not be looked at in every round.  Which threads a round looks at is decided before it, never
by what it finds; each look then stands for the rounds since the one before (its weight), so that shares stay unbiased.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from threadtop.errors import DeniedError, GoneError
from threadtop.procfs import parse
from threadtop.sample import GilTally

if TYPE_CHECKING:
    from threadtop.procfs.reader import ProcReader

HELD, ASLEEP, WAITED, RAN, BLOCKED = range(5)
FEW: Final = 12  # so many threads are all looked at in every round
QUIET_LOOKS: Final = 20  # as many looks at an unchanged sleeper, and the thread is at rest
LEAST_QUIET_LOOKS: Final = 2  # for so many must do where there are so many threads that
QUIET_ROUNDS: Final = 200  # more looks would take longer than this
REST_ROUNDS: Final = 200  # a thread at rest is looked at once in so many rounds
REST_LOOKS: Final = 6  # threads at rest looked at in one round, at most
MOST_LOOKS: Final = 32  # others in one round, at most; what there is more comes in turn
SORT_ROUNDS: Final = 16  # rounds between two divisions into those at rest and the others
REFRESH_NS: Final = 1_000_000_000
SOON_NS: Final = 100_000_000
REFRESH_SHARE: Final = 1000  # walking all thread states may take one part in so many of the time
SOON_SHARE: Final = 200  # and one in so many where a holder is unknown, as when threads come and go all the time
MEMORY_DESCRIPTORS: Final = 16  # not kept on threads, however many there are: a process more must be attached
LINE_BYTES: Final = 256  # more than any of the files that a look reads


class Thread:
    """One thread under watch; ``weights`` by HELD to BLOCKED add up to the rounds since it was first listed."""

    __slots__ = ("descriptor", "inner", "is_resting", "kind", "line", "looks", "quiet", "seen", "tid", "weights")

    def __init__(self, tid: int, inner: int, seen: int) -> None:
        """A thread first listed in round ``seen``; ``inner`` is the tid that it knows itself by."""
        self.tid = tid
        self.inner = inner
        self.seen = seen
        self.descriptor: int | None = None
        self.line = b""
        self.kind = BLOCKED
        self.quiet = 0
        self.is_resting = False
        self.looks = 0
        self.weights = [0, 0, 0, 0, 0]

    def credit(self, kind: int, now: int) -> None:
        """Let one look stand for the rounds since the last."""
        self.weights[kind] += now - self.seen
        self.seen = now
        self.looks += 1


class Probe:
    """Which threads of a process are looked at when; what a look is, the two kinds of probe know."""

    file = ""
    period_s = 0.0  # looks are at least so far apart; 0: as often as the watch can
    has_fixed_words = True  # a thread that sleeps in an unchanged call sleeps for the same thing

    def __init__(self, reader: ProcReader, pid: int) -> None:
        """Nothing listed yet; raises GoneError or DeniedError."""
        self.rounds = 0
        self.most_looks = MOST_LOOKS
        self.threads: dict[int, Thread] = {}
        self._reader = reader
        self._pid = pid
        self._others: list[Thread] = []
        self._resting: list[Thread] = []
        self._turn = 0
        self._refresh_at = 0
        self._soon_at = 0
        self._inner: dict[int, int] = {}
        self._by_inner: dict[int, Thread] = {}
        self._is_nested = len(self._namespace_tids(pid)) > 1
        self._list_tasks()

    def close(self) -> None:
        """Give all descriptors back."""
        for thread in self.threads.values():
            self._drop(thread)
        self.threads.clear()

    @property
    def tids(self) -> frozenset[int]:
        """The threads that CPython knows."""
        return frozenset()

    def look(self, now_ns: int) -> None:
        """One round; raises GoneError once the process has ended or runs another program, DeniedError."""
        raise NotImplementedError

    def _tend(self, now_ns: int) -> None:
        """Read the lists again; they are due."""
        began_ns = time.thread_time_ns()  # of CPU: on a busy machine much more time passes
        self._refresh()
        spent_ns = time.thread_time_ns() - began_ns
        self._refresh_at = now_ns + max(REFRESH_NS, spent_ns * REFRESH_SHARE)
        self._soon_at = now_ns + spent_ns * SOON_SHARE

    def _refresh(self) -> None:
        self._list_tasks()

    def _refresh_soon(self, now_ns: int) -> None:
        """Something is not as it was at the last walk: do not wait for the next one's time."""
        self._refresh_at = min(self._refresh_at, max(now_ns + SOON_NS, self._soon_at))

    def settle(self) -> None:
        """Make out what has been read; what was found is complete then."""

    # -- threads -------------------------------------------------------------------------------------

    def _list_tasks(self) -> None:
        listed = set(self._reader.tids(self._pid))
        if not listed:
            raise GoneError(str(self._pid))
        for tid in self.threads.keys() - listed:
            self._forget(tid)
        for tid in listed - self.threads.keys():
            try:
                inner = self._namespace_tids(tid)[-1] if self._is_nested else tid
            except (GoneError, IndexError):
                continue
            self.threads[tid] = self._by_inner[inner] = Thread(tid, inner, self.rounds)
            self._inner[inner] = tid
        if not self.threads:
            raise GoneError(str(self._pid))
        self._divide()

    def _namespace_tids(self, tid: int) -> list[int]:
        """A thread's ids, ours first, that of its own pid namespace last (proc(5), NSpid)."""
        status = parse.parse_status(self._reader.read_task(self._pid, tid, "status"))
        return [int(part) for part in status.get("NSpid", str(tid)).split() if part.isdigit()]

    def _forget(self, tid: int) -> None:
        thread = self.threads.pop(tid, None)
        if thread is not None:
            self._drop(thread)
            self._inner.pop(thread.inner, None)
            self._by_inner.pop(thread.inner, None)

    def _drop(self, thread: Thread) -> None:
        if thread.descriptor is not None:
            self._reader.drop(thread.descriptor)
            thread.descriptor = None

    def _divide(self) -> None:
        """Tell those at rest from the others; only at fixed rounds, so that no look decides on the next one."""
        threads = self.threads.values()
        if len(threads) <= FEW:
            self._others, self._resting = list(threads), []
            for thread in threads:
                thread.is_resting = False
            return
        self._others, self._resting = [], []
        enough = max(LEAST_QUIET_LOOKS, min(QUIET_LOOKS, QUIET_ROUNDS * self.most_looks // len(threads)))
        for thread in threads:
            thread.is_resting = thread.quiet >= enough
            (self._resting if thread.is_resting else self._others).append(thread)
            if thread.is_resting and self._reader.kept > self._reader.limit // 2:
                self._drop(thread)

    def _due(self, number: int) -> list[Thread]:
        """The threads to look at in round ``number``."""
        others = self._others
        if len(self.threads) <= FEW and not self._resting:
            return others
        if number % SORT_ROUNDS == 0:
            self._divide()
            others = self._others
        if len(others) > self.most_looks:
            start = self._turn if self._turn < len(others) else 0
            self._turn = start + self.most_looks
            others = others[start : self._turn]
        resting = self._resting
        if not resting:
            return others
        step = max(REST_ROUNDS, len(resting) // REST_LOOKS)
        return others + resting[number % step :: step]

    def _wake(self, thread: Thread, number: int) -> None:
        """A thread at rest was found at work in round ``number``, not by its look: until then it rested."""
        thread.weights[thread.kind] += number - 1 - thread.seen
        thread.seen = number - 1
        thread.quiet = 0
        if thread.is_resting:
            thread.is_resting = False
            self._resting.remove(thread)
            self._others.append(thread)

    def _read(self, thread: Thread) -> bytes:
        """The file that a look reads; b"" if the thread has ended.  Its descriptor is kept from then on."""
        if self.threads.get(thread.tid) is not thread:
            return b""  # forgotten since the last division
        limit = self._reader.limit
        try:
            if thread.descriptor is None and self._reader.kept < (
                limit // 2 if thread.is_resting else limit - MEMORY_DESCRIPTORS
            ):
                thread.descriptor = self._reader.keep(self._pid, thread.tid, self.file)
            if thread.descriptor is None:
                return self._reader.read_task(self._pid, thread.tid, self.file)
            self._reader.reads[self.file] += 1
            return os.pread(thread.descriptor, LINE_BYTES, 0)
        except (ProcessLookupError, GoneError):
            self._forget(thread.tid)
            return b""
        except PermissionError as error:
            raise DeniedError(self.file) from error

    def _classify(self, line: bytes) -> int:
        raise NotImplementedError

    def _judge(self, thread: Thread) -> int | None:
        """What a look at a thread that does not hold the GIL finds; None if it has ended."""
        line = self._read(thread)
        return self._note(thread, line) if line else None

    def _note(self, thread: Thread, line: bytes) -> int:
        """What a line says of a thread, which is remembered by it."""
        if line == thread.line and thread.kind == BLOCKED and self.has_fixed_words:
            thread.quiet += 1
            return BLOCKED
        kind = self._classify(line)
        thread.quiet = 0 if kind != BLOCKED or line != thread.line else thread.quiet + 1
        thread.line, thread.kind = line, kind
        return kind

    # -- what was found ------------------------------------------------------------------------------

    def tallies(self) -> dict[int, GilTally]:
        """All tallies since the probe began."""
        self.settle()
        known = self.tids
        return {
            tid: GilTally(tid in known if known else None, thread.looks, *thread.weights)
            for tid, thread in self.threads.items()
        }
