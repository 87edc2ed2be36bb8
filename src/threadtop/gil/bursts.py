"""Bursts: how long the threads of a process sleep at a time, from readings of ``schedstat`` in quick succession.

The file is everyone's to read: ns on a CPU, ns in the run queue, times put on a CPU (proc(5)).  The first settles
as a thread goes to sleep, the last steps as it comes back: so each sleep is known to about a step.  Who waits for
CPython's GIL sleeps in a timed wait of 5 ms (take_gil(), Python/ceval_gil.c).  When that is over it asks the holder to
let go, and sleeps again at once: for a moment, where it is the one that gets it.  Who slept for a native lock then has
it, and runs on; or finds it taken, and sleeps as long once more.
"""

from __future__ import annotations

import os
import random
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.sample import SleepTally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from threadtop.procfs.reader import ProcReader

BURST_NS: Final = 30_000_000  # six switch intervals
FEW: Final = 4  # so few threads are read for twice as long: they have fewer sleeps, at the same cost
STEP_S: Final = 0.00025
MOST_READINGS: Final = 300  # of a thread in a burst, whatever the clock does
EVERY_S: Final = 0.6
FIRST_S: Final = 0.3  # the first bursts come sooner: who reads a few seconds wants to be told, too
FIRST: Final = 3
MOST_THREADS: Final = 8  # read in a burst
LEAST_THREADS: Final = 2  # one alone waits for nobody
MOST_RANKED: Final = 64  # of these: a process may have thousands
LEAST_SWITCHES: Final = 2  # between two bursts: who came back less often has no sleeps to tell of
SHARE: Final = 0.005  # of a core: what all bursts may cost
WIDEST_NS: Final = 850_000  # a sleep that is not known to this: another program was on our CPU

SHORT_NS: Final = 1_000_000
# A timed wait of 5 ms ends up to 0.15 ms late (timer slack, waking up), and its ends are known to a step each.
SHARP_NS: Final = (4_850_000, 5_400_000)
NEAR_NS: Final = (4_000_000, 6_250_000)
# The run in which a waiter asks for the GIL takes 10 to 50 us, and within the step the next may have begun.  Beside a
# GIL 74 % and more of the sleeps of 5 ms came before less than this, beside native locks held for as long 0 to 33 %.
# Not so where a lock is always taken again before its waiter is there: he finds it held, and sleeps on as for a GIL.
BRIEF_NS: Final = 300_000
_SHARP, _ANSWERED = SleepTally._fields.index("sharp"), SleepTally._fields.index("answered")


class Reading(NamedTuple):
    """One ``schedstat``: ns on a CPU and in the run queue, times put on a CPU; ``at_ns`` is monotonic."""

    at_ns: int
    run_ns: int
    wait_ns: int
    slices: int


class Slept(NamedTuple):
    """A sleep of one thread, no shorter and no longer than this; how long it ran before it came back once more.

    ``ran_ns`` is None where it did not within its readings; ``is_answered``: its next sleep was short.
    """

    least_ns: int
    most_ns: int
    ran_ns: int | None = None
    is_answered: bool = False

    @property
    def length_ns(self) -> int:
        """The middle of what is possible."""
        return (self.least_ns + self.most_ns) // 2


def sleeps(readings: Sequence[Reading]) -> Iterator[Slept]:
    """The sleeps of one thread that begin and end within its readings; time in the run queue is none of theirs."""
    began: tuple[int, Reading] | None = None  # between these two it last left its CPU
    ended: tuple[Slept, Reading] | None = None  # a sleep whose thread is not known to have come back once more
    for old, now in pairwise(readings):
        if now.slices > old.slices:
            slept = None
            # More time on a CPU than since the last reading: it had not slept, but its counter stood still, which
            # while a thread runs moves only with the timer tick.
            if began is not None and now.run_ns - began[1].run_ns <= now.at_ns - old.at_ns:
                queued_ns = now.wait_ns - began[1].wait_ns
                most_ns = now.at_ns - began[0] - queued_ns
                slept = Slept(max(0, old.at_ns - began[1].at_ns - queued_ns), max(0, most_ns))
            if ended is not None:
                is_answered = slept is not None and slept.length_ns < SHORT_NS
                yield ended[0]._replace(ran_ns=now.run_ns - ended[1].run_ns, is_answered=is_answered)
                ended = None
            if slept is not None:
                if now.slices == old.slices + 1:
                    ended = slept, old
                else:  # it ran, slept and came back within the step
                    yield slept._replace(ran_ns=now.run_ns - old.run_ns, is_answered=True)
            began = None
        if now.run_ns != old.run_ns:
            began = old.at_ns, now
    if ended is not None:
        yield ended[0]


def tallied(found: Iterator[Slept], before: SleepTally) -> SleepTally:
    """Sleeps added to a tally; what is not known well enough is left out."""
    counts = list(before)
    for slept in found:
        if slept.most_ns - slept.least_ns <= WIDEST_NS:
            field = _class(slept.length_ns, slept.ran_ns)
            counts[field] += 1
            if field == _SHARP and slept.is_answered:
                counts[_ANSWERED] += 1
    return SleepTally(*counts)


def _class(length_ns: int, ran_ns: int | None) -> int:
    """Which field of a SleepTally a sleep belongs to."""
    if length_ns < SHORT_NS:
        return 0
    if length_ns < NEAR_NS[0]:
        return 1
    if SHARP_NS[0] <= length_ns < SHARP_NS[1]:
        return _SHARP if ran_ns is None or ran_ns <= BRIEF_NS else 1
    return 2 if length_ns < NEAR_NS[1] else 4


def parsed(at_ns: int, line: bytes) -> Reading | None:
    """A line of ``schedstat`` read at ``at_ns``; None if it is none."""
    try:
        run_ns, wait_ns, slices = map(int, line.split())
    except ValueError:
        return None
    return Reading(at_ns, run_ns, wait_ns, slices)


class Bursts:
    """The bursts of one process: when the next is due, and what they have found; belongs to one thread."""

    def __init__(
        self,
        reader: ProcReader,
        pid: int,
        *,
        pause: Callable[[float], object] = time.sleep,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """None made yet."""
        self.tallies: dict[int, SleepTally] = {}
        self.count = 0
        self._reader = reader
        self._pid = pid
        self._pause = pause
        self._clock_ns = clock_ns
        self._due_ns = 0
        self._slices: dict[int, int] = {}
        self._turn = 0

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time for the next."""
        return now_ns >= self._due_ns

    def make(self, tids: Sequence[int], share: float = SHARE) -> None:
        """Read those of ``tids`` that switch most for BURST_NS, a few for twice that; raises nothing.

        The next is due so late that all cost no more than ``share`` of a core.
        """
        began_ns = time.thread_time_ns()
        listed = set(tids)
        chosen = self._chosen(tids)
        if len(chosen) >= LEAST_THREADS:
            self.count += 1
            found = {tid: tally for tid, tally in self.tallies.items() if tid in listed}
            for tid, readings in self._read(chosen).items():
                found[tid] = tallied(sleeps(readings), found.get(tid, SleepTally()))
            self.tallies = found  # a new one each time: another thread may be reading the old one
        spent_s = (time.thread_time_ns() - began_ns) / 1e9
        rest_s = FIRST_S if self.count < FIRST else EVERY_S
        # Jittered: what the target does each second must not meet all bursts, or none.
        rest_s = max(rest_s * (0.7 + 0.6 * random.random()), spent_s / share)  # noqa: S311 no secret
        self._due_ns = self._clock_ns() + int(rest_s * 1e9)

    def _chosen(self, tids: Sequence[int]) -> list[int]:
        """The threads that came back to a CPU most often since they were last read; of very many some in turn."""
        if len(tids) > MOST_RANKED:
            start = self._turn % len(tids)
            self._turn = start + MOST_RANKED
            tids = [*tids, *tids][start : start + MOST_RANKED]
        moved: list[tuple[int, int]] = []
        now: dict[int, int] = {}
        for tid in tids:
            try:
                reading = parsed(0, self._reader.read_task(self._pid, tid, "schedstat"))
            except (GoneError, DeniedError, ThreadtopError, OSError):
                continue
            if reading is not None:
                now[tid] = reading.slices
                by = reading.slices - self._slices.get(tid, reading.slices)
                if by >= LEAST_SWITCHES:
                    moved.append((-by, tid))
        self._slices = now
        return [tid for _, tid in sorted(moved)[:MOST_THREADS]]

    def _read(self, tids: Sequence[int]) -> dict[int, list[Reading]]:
        """The readings of one burst by tid."""
        descriptors = {}
        try:
            for tid in tids:
                try:
                    descriptor = self._reader.keep(self._pid, tid, "schedstat")
                except (GoneError, DeniedError, ThreadtopError, OSError):
                    continue
                if descriptor is not None:
                    descriptors[tid] = descriptor
            return self._steps(descriptors)
        finally:
            for descriptor in descriptors.values():
                self._reader.drop(descriptor)

    def _steps(self, descriptors: dict[int, int]) -> dict[int, list[Reading]]:
        lines: dict[int, list[tuple[int, bytes]]] = {tid: [] for tid in descriptors}
        clock_ns, pread = self._clock_ns, os.pread
        end_ns = clock_ns() + (BURST_NS * 2 if len(descriptors) <= FEW else BURST_NS)
        for _ in range(MOST_READINGS if descriptors else 0):
            for tid, descriptor in list(descriptors.items()):
                try:
                    lines[tid].append((clock_ns(), pread(descriptor, 96, 0)))
                except OSError:  # it has ended
                    self._reader.drop(descriptors.pop(tid))
            if clock_ns() >= end_ns:
                break
            self._pause(STEP_S)
        self._reader.reads["schedstat"] += sum(map(len, lines.values()))
        # Parsed after the last step, so as to disturb none.
        return {
            tid: [reading for at_ns, line in some if (reading := parsed(at_ns, line)) is not None]
            for tid, some in lines.items()
        }
