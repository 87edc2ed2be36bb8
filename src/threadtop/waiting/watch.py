"""WaitWatch: a daemon thread that looks at the blocked threads of a few processes, within a budget of CPU."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.blocked import WaitSample, WaitTally
from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.gil import refusals
from threadtop.procfs import parse
from threadtop.sample import WatchCost
from threadtop.waiting.looks import Looks, Thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from threadtop.procfs.reader import ProcReader

ROUNDS_PER_S: Final = 25.0
MOST_PERIOD_S: Final = 0.1  # below 10 looks a second a share of some seconds says nothing
BUDGET: Final = 0.02  # of a core: what all looks may cost
AIM: Final = 0.85  # of the budget: what a round is made to cost, for the next one may cost more
MOST_PROCESSES: Final = 8
MOST_THREADS: Final = 1024  # of one process
MOST_LOOKS: Final = 512  # in one round, whatever they cost
FIRST_LOOKS, LEAST_LOOKS = 16, 1  # in one round, before it is known what they cost, and at least
LINGER_NS: Final = 10_000_000_000  # a thread that moves now and then is looked at for so long after it did
_SMOOTHING: Final = 0.1
_PACE_STAMPS: Final = 32


class Wanted(NamedTuple):
    """A process to look at: the tids that moved in the last interval, and where its GILs are waited for.

    ``gil_places`` are addresses, each from the first up to but not including the second.
    """

    start_ticks: int
    moving: Sequence[int]
    gil_places: tuple[tuple[int, int], ...] = ()


class _Process:
    """One process under watch; ``moved`` says by tid when it last moved, and in how many ticks it did."""

    def __init__(self, pid: int, start_ticks: int, looks: Looks) -> None:
        """No thread is listed yet."""
        self.pid = pid
        self.start_ticks = start_ticks
        self.began = 0
        self.looks = looks
        self.moved: dict[int, tuple[int, int]] = {}
        self.threads: dict[int, Thread] = {}
        self.tallies: dict[int, WaitTally] = {}
        self.rule: tuple[str, str] | None = None

    def moves(self, moving: Sequence[int], now_ns: int) -> list[int]:
        """Note who moved in the last interval; the tids to look at until the next."""
        moved = {tid: (now_ns, self.moved.get(tid, (0, 0))[1] + 1) for tid in islice(moving, MOST_THREADS)}
        followed = list(moved)
        for tid, (last_ns, ticks) in self.moved.items():
            if tid not in moved and now_ns - last_ns < LINGER_NS and len(moved) < MOST_THREADS:
                moved[tid] = last_ns, ticks
                if ticks > 1:  # in the first tick all seem to move
                    followed.append(tid)
        self.moved = moved
        return followed


class WaitWatch:
    """Looks at the threads it is told to; ``take`` gives what was found, from any thread.

    Which threads a round covers is decided before it, in turn, never by what it finds, and each look stands for the
    rounds since the last one at that thread: so shares are unbiased however few looks the budget allows.
    """

    def __init__(
        self,
        reader: ProcReader,
        *,
        euid: int | None = None,
        budget: float = BUDGET,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Read through ``reader``, which is this watch's own; ``budget`` is in cores."""
        self._reader = reader
        self._euid = os.geteuid() if euid is None else euid
        self._budget = budget
        self._pause = pause
        self._fastest_s = self._period_s = 1 / ROUNDS_PER_S
        self._cost_s = 0.0  # of a round
        self._look_cost_s = budget * self._fastest_s / FIRST_LOOKS
        self._cpu_ns = 0
        self._most_looks = FIRST_LOOKS
        self._stamps: deque[int] = deque(maxlen=_PACE_STAMPS)
        self._rounds = 0
        self._begun = 0
        self._processes: dict[int, _Process] = {}
        self._order: list[tuple[_Process, Thread]] = []
        self._turn = 0
        self._covered = 0  # threads in the last round
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._is_closed = False
        self._thread: threading.Thread | None = None

    # -- from any thread -----------------------------------------------------------------------------

    def follow(self, wanted: Mapping[int, Wanted]) -> None:
        """Look at these processes from now on, by pid; the first MOST_PROCESSES, those already followed before others.

        Of each the threads are looked at that moved, and for a while those that did so more than once.
        """
        now_ns = time.monotonic_ns()
        with self._changed:
            for pid, process in list(self._processes.items()):
                if pid not in wanted or wanted[pid].start_ticks != process.start_ticks:
                    self._forget(process)
            for pid, one in wanted.items():
                known = self._processes.get(pid) or self._admit(pid, one)
                if known is not None:
                    self._update(known, one, now_ns)
            self._order = [
                (process, thread) for process in self._processes.values() for thread in process.threads.values()
            ]
            if self._order and self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="threadtop-wait", daemon=True)
                self._thread.start()
            self._changed.notify()

    def take(self) -> dict[int, WaitSample]:
        """What has been found in each followed process up to now."""
        with self._lock:
            return {pid: self._sample(process) for pid, process in self._processes.items()}

    def cost(self) -> WatchCost | None:
        """What it costs; None as long as nothing was ever looked at."""
        if self._thread is None:
            return None
        with self._lock:
            stamps = list(self._stamps) if self._order else []
        span_ns = stamps[-1] - stamps[0] if len(stamps) > 1 else 0
        return WatchCost(self._cpu_ns, (len(stamps) - 1) * 1e9 / span_ns if span_ns > 0 else 0.0)

    def close(self) -> None:
        """End the thread; it gives back what it holds."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    # -- whom it follows, under the lock -------------------------------------------------------------

    def _admit(self, pid: int, wanted: Wanted) -> _Process | None:
        if not wanted.moving:
            return None
        if len(self._processes) >= MOST_PROCESSES:
            idle = next((process for process in self._processes.values() if not process.threads), None)
            if idle is None:
                return None
            self._forget(idle)
        process = self._processes[pid] = _Process(pid, wanted.start_ticks, Looks(self._reader, pid))
        process.looks.gil_places = wanted.gil_places
        self._begin(process)
        return process

    def _begin(self, process: _Process) -> None:
        self._begun += 1
        process.began = self._begun

    def _update(self, process: _Process, wanted: Wanted, now_ns: int) -> None:
        if wanted.gil_places != process.looks.gil_places:
            self._place_gils(process, wanted.gil_places)
        followed = process.moves(wanted.moving, now_ns)
        for tid in process.threads.keys() - followed:
            self._drop(process, tid)
        for tid in followed:
            if tid not in process.threads:
                process.threads[tid] = Thread(tid, self._rounds)

    def _place_gils(self, process: _Process, places: tuple[tuple[int, int], ...]) -> None:
        """What a thread sleeps in may be known to be a GIL from now on, or be one no longer."""
        if not process.looks.gil_places:
            # Waits for it were found to be for a lock up to now: those tallies do not go with what comes.
            for tid in list(process.threads):
                self._drop(process, tid)
            self._begin(process)
        process.looks.gil_places = places
        for thread in process.threads.values():
            thread.kind = None

    def _drop(self, process: _Process, tid: int) -> None:
        process.looks.drop(process.threads.pop(tid))
        process.tallies.pop(tid, None)

    def _forget(self, process: _Process) -> None:
        for tid in list(process.threads):
            self._drop(process, tid)
        del self._processes[process.pid]

    # -- in its own thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        last_ns = time.thread_time_ns()
        while self._wait():
            self.round()
            self._cpu_ns = time.thread_time_ns()
            self._pace((self._cpu_ns - last_ns) / 1e9)
            last_ns = self._cpu_ns
            # Jittered: what the target does at a fixed rate must not meet all looks, or none.
            self._pause(self._period_s * random.uniform(0.5, 1.5))  # noqa: S311 no secret
        with self._lock:
            for process in list(self._processes.values()):
                self._forget(process)
            self._order = []

    def _wait(self) -> bool:
        with self._changed:
            while not (self._is_closed or self._order):
                self._stamps.clear()
                self._changed.wait()
            return not self._is_closed

    def round(self) -> None:
        """One look at each thread, or at as many as the budget allows, going on where the last round left off."""
        with self._lock:
            now_ns = time.monotonic_ns()
            self._rounds += 1
            self._stamps.append(now_ns)
            order, count = self._order, min(self._most_looks, len(self._order))
            start = self._turn % len(order) if order else 0
            self._turn, self._covered = start + count, count
            for process, thread in [*order[start : start + count], *order[: max(0, start + count - len(order))]]:
                self._look(process, thread, now_ns)

    def _look(self, process: _Process, thread: Thread, now_ns: int) -> None:
        if process.threads.get(thread.tid) is not thread:
            return  # it has ended since the round was planned
        try:
            thread.credit(process.looks.look(thread, now_ns), self._rounds)
        except GoneError:
            self._drop(process, thread.tid)
            process.moved.pop(thread.tid, None)
        except (DeniedError, ThreadtopError, OSError):
            thread.kind = None  # no descriptor is free, or memory: the next look may be luckier

    def _pace(self, cost_s: float) -> None:
        """Keep to the budget: first a round covers fewer threads, then rounds become rarer."""
        self._cost_s += (cost_s - self._cost_s) * _SMOOTHING
        self._look_cost_s += (cost_s / max(1, self._covered) - self._look_cost_s) * _SMOOTHING
        aim_s = self._budget * self._fastest_s * AIM
        allowed = int(aim_s / self._look_cost_s) if self._look_cost_s > 0 else MOST_LOOKS
        self._most_looks = max(LEAST_LOOKS, min(MOST_LOOKS, allowed))
        self._period_s = min(MOST_PERIOD_S, max(self._fastest_s, max(cost_s, self._cost_s) / self._budget))

    # -- what was found, under the lock --------------------------------------------------------------

    def _sample(self, process: _Process) -> WaitSample:
        tallies = process.tallies
        for tid, thread in process.threads.items():
            known = tallies.get(tid)
            if known is None or known.looks != thread.looks:
                tallies[tid] = WaitTally(thread.looks, dict(thread.rounds))
        why_not, remedy = self._rule(process)
        return WaitSample(
            pid=process.pid,
            start_ticks=process.start_ticks,
            began=process.began,
            at_ns=time.monotonic_ns(),
            why_not=why_not,
            remedy=remedy,
            threads=tallies.copy(),
            tells_gil=process.looks.tells_gil,
        )

    def _rule(self, process: _Process) -> tuple[str, str]:
        """Why a part may not be read, and what would allow it: ``syscall`` needs the right to trace (ptrace(2))."""
        if not process.looks.denied:
            process.rule = None
            return "", ""
        if process.rule is None:
            try:
                uid = parse.parse_uid(self._reader.read(process.pid, "status"))
            except (GoneError, DeniedError, ThreadtopError, OSError, ValueError):
                uid = None
            process.rule = refusals.refusal(self._reader, uid, self._euid)
        return process.rule
