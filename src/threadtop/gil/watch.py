"""Watch: a daemon thread that looks at the GILs of a few processes many times a second, within a budget of CPU."""

from __future__ import annotations

import os
import random
import threading
import time
from typing import TYPE_CHECKING, Final

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.gil import bursts
from threadtop.gil.attach import Attached, attach
from threadtop.gil.exact import MemoryProbe
from threadtop.gil.memory import BadAddressError
from threadtop.gil.probe import MOST_LOOKS
from threadtop.gil.runtime import NotPythonError, NotReadyError, UnknownError
from threadtop.gil.wchan import WchanProbe
from threadtop.sample import GilSample, WatchCost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.gil.probe import Probe
    from threadtop.gil.runtime import Runtime
    from threadtop.procfs.reader import ProcReader

ROUNDS_PER_S: Final = 100.0
LEAST_ROUNDS_PER_S: Final = 50.0  # below that a round looks at fewer threads, before it becomes rarer still
BUDGET: Final = 0.014  # of a core: what all rounds may cost
MOST_PERIOD_S: Final = 0.25
MOST_TARGETS: Final = 8
MOST_STRANGERS: Final = 1024  # remembered before the stale ones are forgotten
AGAIN_S: Final = 0.25  # to a CPython that starts or ends, or a walk that failed
SOON_TRIES: Final = 20  # so often; after 5 s it is one that was loaded, and is not used
LATER_S: Final = 3.0  # to what may not be read, or is no CPython: we may be given rights, it may call exec
EXACT_AGAIN_S: Final = 10.0  # to what is estimated: the same, or its memory may not have been settled
MOST_LATER_S: Final = 60.0  # what stays no CPython is looked at ever more rarely
BAD_LOOKS: Final = 20  # failed in a row: it is not what it was
PACE_ROUNDS: Final = 16  # rounds between two looks at the own cost
_SMOOTHING: Final = 0.3
_FAILURES: Final = (BadAddressError, GoneError, DeniedError, NotReadyError, UnknownError, ThreadtopError, OSError)


class Target:
    """One process that is to be watched."""

    def __init__(self, pid: int, start_ticks: int) -> None:
        """Not attached yet."""
        self.pid = pid
        self.start_ticks = start_ticks
        self.attached: Attached | None = None
        self.probe: Probe | None = None
        self.is_exact = False  # there is nothing better to attach to
        self.began = 0
        self.try_at_ns = 0
        self.bad_looks = 0
        self.due_ns = 0
        self.later_s = LATER_S
        self.soon_tries = SOON_TRIES
        self.is_python: bool | None = None

    def attach(self, attached: Attached | None) -> None:
        """Watch it this way from now on."""
        self.attached = attached
        self.probe = attached and attached.probe
        self.is_exact = attached is not None and attached.grade == "exact"

    def detach(self, again_s: float) -> None:
        """Give its probe back, and try again later."""
        if self.probe is not None:
            self.probe.close()
        self.attach(None)
        self.bad_looks = 0
        self.try_at_ns = time.monotonic_ns() + int(again_s * 1e9)


class Watch:
    """Follows the processes it is told to; ``take`` gives what was found, from any thread."""

    def __init__(
        self,
        reader: ProcReader,
        *,
        euid: int | None = None,
        rounds_per_s: float = ROUNDS_PER_S,
        budget: float = BUDGET,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Read through ``reader``, which is this watch's own; ``budget`` is in cores."""
        self._reader = reader
        self._euid = os.geteuid() if euid is None else euid
        self._fastest_s = 1 / rounds_per_s
        self._budget = budget
        self._pause = pause
        self._period_s = self._fastest_s
        self._round_cost_s = 0.0
        self._cpu_ns = 0
        self._rounds_per_s = rounds_per_s
        self._most_looks = MOST_LOOKS
        self._targets: dict[int, Target] = {}
        self._gone: list[Target] = []
        self._strangers: dict[tuple[int, int], tuple[int, float]] = {}  # when to try again, how long to wait then
        self._attaches = 0
        self._order: tuple[Target, ...] = ()
        self._spent_ns = 0  # on attaching, which is no part of a round
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def follow(self, wanted: Mapping[int, int]) -> None:
        """Watch these processes from now on (pid to start time in ticks), the first MOST_TARGETS that are CPythons."""
        with self._changed:
            wanted = self._within_limit(wanted)
            for pid, target in list(self._targets.items()):
                if wanted.get(pid) != target.start_ticks:
                    self._gone.append(self._targets.pop(pid))
            for pid, start_ticks in wanted.items():
                if pid not in self._targets:
                    target = self._targets[pid] = Target(pid, start_ticks)
                    self._period_s = self._fastest_s
                    _, target.later_s = self._strangers.get((pid, start_ticks), (0, LATER_S))
            self._order = tuple(self._targets.values())
            if self._thread is None and self._targets and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="threadtop-gil", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _within_limit(self, wanted: Mapping[int, int]) -> dict[int, int]:
        """What is known to be no CPython costs nothing, and is no reason to leave another out."""
        kept: dict[int, int] = {}
        count = 0
        for pid, start_ticks in wanted.items():
            target = self._targets.get(pid)
            count += target is None or target.is_python is not False
            if count <= MOST_TARGETS:
                kept[pid] = start_ticks
        return kept

    def strangers(self) -> frozenset[int]:
        """Processes that have turned out to be no CPythons, and need not be tried again yet."""
        now_ns = time.monotonic_ns()
        with self._lock:
            if len(self._strangers) > MOST_STRANGERS:
                self._strangers = {key: found for key, found in self._strangers.items() if found[0] > now_ns}
            return frozenset(pid for (pid, _), (try_at_ns, _) in self._strangers.items() if try_at_ns > now_ns)

    def close(self) -> None:
        """End the thread; it gives back what it holds."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def take(self) -> dict[int, GilSample]:
        """What has been found of each followed CPython up to now."""
        with self._lock:
            samples = (self._sample(target) for target in self._targets.values())
            return {sample.pid: sample for sample in samples if sample is not None}

    def places(self) -> dict[int, tuple[tuple[int, int], ...]]:
        """Where threads of followed CPythons wait for their GILs: by pid the addresses, from and up to, of futexes.

        Only where they are exactly known and within the GIL: in musl they lie on the waiters' stacks.
        """
        with self._lock:
            probes = [(target.pid, target.probe) for target in self._targets.values()]
        return {
            pid: _places(probe.runtime)
            for pid, probe in probes
            if isinstance(probe, MemoryProbe) and probe.runtime.is_glibc
        }

    def cost(self) -> WatchCost | None:
        """What it costs; None as long as nothing was ever followed."""
        return WatchCost(self._cpu_ns, self._rounds_per_s) if self._thread is not None else None

    # -- in its own thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        # Waking up every 10 ms finds cold caches: what runs in each round is kept short, the rest is done now and then.
        jitters = [0.5 + (at + 0.5) / PACE_ROUNDS for at in range(PACE_ROUNDS)]
        while self._wait():
            began_ns, before_ns = time.monotonic_ns(), time.thread_time_ns()
            self._spent_ns = 0
            random.shuffle(jitters)
            for jitter in jitters:
                self.round()
                self._cpu_ns = time.thread_time_ns()
                self._pause(self._period_s * jitter)
                if self._is_closed:
                    break
            self._rounds_per_s = PACE_ROUNDS * 1e9 / max(1, time.monotonic_ns() - began_ns)
            self._pace((self._cpu_ns - before_ns - self._spent_ns) / PACE_ROUNDS / 1e9)
        with self._lock:
            for target in (*self._targets.values(), *self._gone):
                target.detach(0)
            self._targets.clear()

    def _wait(self) -> bool:
        with self._changed:
            while not (self._is_closed or self._targets or self._gone):
                self._changed.wait()
            return not self._is_closed

    def round(self) -> None:
        """One look at every target; attach where that is due."""
        if self._gone:
            self._let_go()
        now_ns, is_exact = time.monotonic_ns(), True
        for target in self._order:
            probe, is_exact = target.probe, is_exact and target.is_exact
            if probe is not None and now_ns >= target.due_ns:
                with self._lock:
                    try:
                        probe.look(now_ns)
                    except _FAILURES as error:
                        self._failed(target, error)
                    else:
                        if probe.period_s or target.bad_looks:
                            target.due_ns, target.bad_looks = now_ns + int(probe.period_s * 1e9), 0
        if not is_exact:
            self._improve()

    def _improve(self) -> None:
        """Where there is no exact probe: attach, if that is due, or let a burst add to the estimate."""
        estimated: list[WchanProbe] = []
        for target in self._order:
            if isinstance(target.probe, WchanProbe):
                estimated.append(target.probe)
            if not target.is_exact and time.monotonic_ns() >= target.try_at_ns:
                self._try(target)
        if estimated:
            self._burst(estimated)

    def _let_go(self) -> None:
        with self._lock:
            gone, self._gone = self._gone, []
        for target in gone:
            target.detach(0)

    def _try(self, target: Target) -> None:
        # Not under the lock: take() must not wait for what another program may draw out.
        before_ns = time.thread_time_ns()
        self._attach(target)
        spent_ns = time.thread_time_ns() - before_ns
        self._spent_ns += spent_ns
        # Trying keeps to the budget too: lists of another program's making may be long to walk.
        rest_s = min(MOST_LATER_S, spent_ns / 1e9 / self._budget)
        target.try_at_ns = max(target.try_at_ns, time.monotonic_ns() + int(rest_s * 1e9))

    def _burst(self, probes: list[WchanProbe]) -> None:
        """One burst of one process that is estimated, where it is due; not under the lock, for it takes 30 to 60 ms."""
        now_ns = time.monotonic_ns()
        probe = next((probe for probe in probes if probe.bursts.is_due(now_ns)), None)
        if probe is not None:
            probe.bursts.make(list(probe.threads), bursts.SHARE / len(probes))

    def _attach(self, target: Target) -> None:
        try:
            attached = attach(self._reader, target.pid, self._euid)
        except (NotReadyError, BadAddressError):
            attached = Attached("none", "this CPython is starting or ending", "", "", None)
        except (NotPythonError, GoneError, DeniedError, ThreadtopError, ValueError, OSError):
            with self._lock:
                target.detach(target.later_s)
                target.later_s = min(MOST_LATER_S, target.later_s * 2)
                target.is_python = False
                self._strangers[target.pid, target.start_ticks] = target.try_at_ns, target.later_s
            return
        target.later_s, target.is_python = LATER_S, True
        is_soon = attached.probe is None and not attached.version and target.soon_tries > 0
        target.soon_tries = target.soon_tries - 1 if is_soon else 0 if attached.probe is None else SOON_TRIES
        again_s = AGAIN_S if is_soon else LATER_S if attached.probe is None else EXACT_AGAIN_S
        with self._lock:
            if target.probe is not None and attached.grade != "exact":
                if attached.probe is not None:
                    attached.probe.close()  # no better than the one that has looked for a while
                target.try_at_ns = time.monotonic_ns() + int(EXACT_AGAIN_S * 1e9)
            elif attached == target.attached:
                target.try_at_ns = time.monotonic_ns() + int(again_s * 1e9)
            else:
                target.detach(again_s)
                self._attaches += 1
                target.attach(attached)
                target.began = self._attaches
                self._period_s = self._fastest_s  # whatever was enough for what there was

    def _failed(self, target: Target, error: Exception) -> None:
        """A look has failed: a bad address is forgiven a few times."""
        target.bad_looks += 1
        if target.bad_looks >= BAD_LOOKS or not isinstance(error, BadAddressError):
            target.detach(AGAIN_S)

    def _pace(self, cost_s: float) -> None:
        """Keep to the budget: first a round looks at fewer threads, then rounds become rarer."""
        self._round_cost_s += (cost_s - self._round_cost_s) * _SMOOTHING
        needed_s = self._round_cost_s / self._budget
        if needed_s > 1 / LEAST_ROUNDS_PER_S:
            self._most_looks = max(4, self._most_looks * 3 // 4)
        elif needed_s < self._fastest_s * 1.1:
            self._most_looks = min(MOST_LOOKS, self._most_looks + 1)
        with self._lock:
            probes = [target.probe for target in self._targets.values()]
        for probe in probes:
            if probe is not None:
                probe.most_looks = self._most_looks
        # Rounds may be as far apart as all the targets there are allow.
        restful_s = min((probe.period_s if probe else AGAIN_S for probe in probes), default=AGAIN_S)
        self._period_s = min(MOST_PERIOD_S, max(self._fastest_s, needed_s, restful_s))

    # -- what was found ------------------------------------------------------------------------------

    def _sample(self, target: Target) -> GilSample | None:
        attached = target.attached
        if attached is None:
            return None
        probe = target.probe
        sample = GilSample(
            pid=target.pid,
            start_ticks=target.start_ticks,
            grade=attached.grade,
            why_not=attached.why_not,
            remedy=attached.remedy,
            version=attached.version,
            began=target.began,
            at_ns=time.monotonic_ns(),
        )
        if isinstance(probe, MemoryProbe):
            return sample._replace(
                has_looks=True,
                locks=probe.locks(),
                threads=probe.tallies(),
                moments=probe.take_moments(),
                holder_call=probe.holder_call,
                machine=probe.runtime.machine,
                idents=probe.runtime.idents,
            )
        if isinstance(probe, WchanProbe):
            return sample._replace(has_looks=probe.has_looks, threads=probe.tallies(), sleeps=probe.bursts.tallies)
        return sample


def _places(runtime: Runtime) -> tuple[tuple[int, int], ...]:
    """The condition variables and mutexes of its locks that are in use, as the probe has them."""
    form = runtime.layout
    return tuple(
        (lock.address + form.gil_cond, lock.address + form.gil_size) for lock in runtime.locks if lock.is_enabled
    )
