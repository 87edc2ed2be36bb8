"""Bursts of readings: how long a thread slept, to about a step, from its ``schedstat``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakeproc import FakeProc
from threadtop.gil import bursts
from threadtop.gil.bursts import (
    BURST_NS,
    FIRST,
    MOST_RANKED,
    MOST_THREADS,
    WIDEST_NS,
    Bursts,
    Reading,
    Slept,
    parsed,
    sleeps,
    tallied,
)
from threadtop.sample import SleepTally

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PID = 500
US, MS = 1_000, 1_000_000


def readings(*steps: tuple[float, float, float, int]) -> list[Reading]:
    """Readings at so many ms: ms on a CPU and in the run queue, times put on one."""
    return [Reading(round(at * MS), round(run * MS), round(wait * MS), n) for at, run, wait, n in steps]


def found(*steps: tuple[float, float, float, int]) -> list[tuple[float, float]]:
    """The sleeps in these readings, in ms."""
    return [(slept.least_ns / MS, slept.most_ns / MS) for slept in sleeps(readings(*steps))]


def ran(*steps: tuple[float, float, float, int]) -> list[float | None]:
    """How long it ran after each sleep in these readings, in ms."""
    return [slept.ran_ns and slept.ran_ns / MS for slept in sleeps(readings(*steps))]


# -- sleeps ------------------------------------------------------------------------------------


def test_a_sleep_is_known_to_a_step_at_each_end() -> None:
    """It began between the last two readings in which the thread ran, and ended before it was put on a CPU again."""
    assert found((0, 1, 0, 7), (0.5, 1.3, 0, 7), (1, 1.3, 0, 7), (5, 1.3, 0, 7), (5.5, 1.3, 0, 8)) == [(4.5, 5.5)]


def test_sleeps_follow_each_other() -> None:
    """A thread that wakes, runs and sleeps again within a step has ended one sleep and begun another."""
    steps = [(0, 1, 0, 7), (0.5, 1.25, 0, 8), (5.5, 1.25, 0, 8), (6, 1.5, 0, 9), (10.5, 1.5, 0, 9), (11, 1.75, 0, 11)]
    assert found(*steps) == [(5.0, 6.0), (4.5, 5.5)]


def test_the_run_queue_is_no_sleep() -> None:
    """Who was preempted has not slept, and who woke but had to queue slept until then."""
    assert found((0, 1, 0, 7), (0.5, 1.3, 0, 7), (1, 1.3, 0.4, 8)) == [(0.0, 0.6)]
    assert found((0, 1, 0, 7), (0.5, 1.3, 0, 7), (6, 1.3, 0, 7), (6.5, 1.3, 1, 8)) == [(4.5, 5.5)]


def test_a_counter_that_stands_still_is_no_sleep() -> None:
    """While a thread runs its time is counted at the timer tick: what then comes at once, it ran."""
    assert found((0, 1, 0, 7), (0.5, 1.3, 0, 7), (4, 1.3, 0, 7), (4.5, 5.1, 0, 8)) == []


def test_the_run_after_a_sleep() -> None:
    """Until it came back once more: for a moment, for long, within a step, or not seen to the end."""
    slept = [(0, 1, 0, 7), (0.5, 1.25, 0, 7), (5.5, 1.25, 0, 7)]
    assert ran(*slept, (6, 1.5, 0, 8), (9, 1.5, 0, 8), (9.5, 1.5, 0, 9)) == [0.25, None]
    assert ran(*slept, (6, 1.25, 0, 8), (9, 4.25, 0, 8), (9.5, 4.75, 0, 8), (12, 4.75, 0, 9)) == [3.5, None]
    assert ran(*slept, (6, 1.375, 0, 9)) == [0.125]
    assert ran(*slept, (6, 1.25, 0, 8), (9, 4.25, 0, 8)) == [None]


@pytest.mark.parametrize(
    ("ran_us", "field"), [(None, "sharp"), (0, "sharp"), (300, "sharp"), (301, "other"), (5000, "other")]
)
def test_who_runs_on_has_got_a_lock(ran_us: int | None, field: str) -> None:
    """A sleep of 5 ms is like a wait for the GIL only if the thread then ran for a moment; at and around the border."""
    slept = Slept(5 * MS, 5 * MS, None if ran_us is None else ran_us * US)
    assert tallied(iter([slept]), SleepTally()) == SleepTally(**{field: 1})


def test_who_asked_and_was_back_at_once_was_answered() -> None:
    """Its next sleep was short, or within the step; only after a sleep of 5 ms with a short run."""
    asleep = [(0, 1, 0, 7), (0.25, 1.25, 0, 7), (5, 1.25, 0, 7)]
    assert tallied(sleeps(readings(*asleep, (5.25, 1.375, 0, 9))), SleepTally()) == SleepTally(sharp=1, answered=1)
    asked = (*asleep, (5.25, 1.375, 0, 8))
    at_once, as_long = (5.75, 1.375, 0, 9), ((10.25, 1.375, 0, 8), (10.5, 1.5, 0, 9))
    assert tallied(sleeps(readings(*asked, at_once)), SleepTally(sharp=2, answered=1)) == SleepTally(1, 0, 0, 3, 0, 2)
    assert tallied(sleeps(readings(*asked, *as_long)), SleepTally()) == SleepTally(sharp=2)
    assert tallied(iter([Slept(5 * MS, 5 * MS, MS, is_answered=True)]), SleepTally()) == SleepTally(other=1)
    assert tallied(iter([Slept(3 * MS, 3 * MS, 0, is_answered=True)]), SleepTally()) == SleepTally(other=1)


def test_a_run_tells_nothing_of_other_sleeps() -> None:
    """What is not 5 ms long is counted by its length alone."""
    lengths = (999, 4000, 4849, 5400, 6250)
    assert tallied((Slept(us * US, us * US, 5 * MS) for us in lengths), SleepTally()) == SleepTally(1, 0, 3, 0, 1)


def test_what_began_before_is_not_known() -> None:
    """Neither a sleep that had begun, nor one that has not ended."""
    assert found((0, 1, 0, 7), (0.5, 1, 0, 7), (1, 1, 0, 8)) == []
    assert found((0, 1, 0, 7), (0.5, 1.3, 0, 7), (9, 1.3, 0, 7)) == []
    assert found() == found((0, 1, 0, 7)) == []


@pytest.mark.parametrize(
    ("length_us", "field"),
    [
        (0, "short"),
        (999, "short"),
        (1000, "other"),
        (3999, "other"),
        (4000, "near"),
        (4849, "near"),
        (4850, "sharp"),
        (5399, "sharp"),
        (5400, "near"),
        (6249, "near"),
        (6250, "longer"),
        (90_000, "longer"),
    ],
)
def test_lengths_are_counted_in_classes(length_us: int, field: str) -> None:
    """At and around the borders of each."""
    before = SleepTally(1, 2, 3, 4, 5)
    after = tallied(iter([Slept(length_us * US, length_us * US)]), before)
    assert after == before._replace(**{field: getattr(before, field) + 1})


def test_what_is_not_known_well_is_left_out() -> None:
    """A long gap between readings tells no length; at the border it still does."""
    least_ns = 5 * MS - WIDEST_NS // 2
    assert tallied(iter([Slept(least_ns, least_ns + WIDEST_NS)]), SleepTally()) == SleepTally(sharp=1)
    assert tallied(iter([Slept(least_ns, least_ns + WIDEST_NS + 1)]), SleepTally()) == SleepTally()


@pytest.mark.parametrize("line", [b"", b"1 2", b"1 2 3 4", b"a b c", b"\xff\x00"])
def test_lines_that_are_none(line: bytes) -> None:
    """Anything but three numbers is no reading."""
    assert parsed(5, line) is None
    assert parsed(5, b"10 20 30\n") == Reading(5, 10, 20, 30)


# -- the bursts of a process ---------------------------------------------------------------------


class Bench:
    """A process of the fake tree whose threads do what ``live`` says at each step of a clock of its own."""

    def __init__(self, proc: FakeProc, threads: int, descriptors: int = 64) -> None:
        """Threads PID, PID + 1, ..."""
        self.proc = proc
        proc.process(PID, threads=threads)
        self.tids = list(range(PID, PID + threads))
        self.reader = proc.reader(descriptors)
        self.now_ns = 0
        self.live: Callable[[], None] = lambda: None
        self.bursts = Bursts(self.reader, PID, pause=self._pause, clock_ns=lambda: self.now_ns)

    def _pause(self, _seconds: float) -> None:
        self.now_ns += 250 * US
        self.live()

    def wake(self, *tids: int, times: int = 5) -> None:
        """These came back to a CPU so many times."""
        for tid in tids:
            for _ in range(times):
                self.proc.run(PID, tid)

    def make(self) -> None:
        """One more burst."""
        self.bursts.make(self.tids)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    """Makes a process to read."""
    return lambda threads, **said: Bench(FakeProc(tmp_path, monkeypatch), threads, **said)


def test_a_thread_that_waits_for_the_interval(make: Callable[..., Bench]) -> None:
    """One that wakes each 5 ms for a moment has sleeps of 5 ms, each of which a burst sees once; one at rest none."""
    bench = make(3)
    bench.make()
    bench.wake(PID + 1, PID + 2)

    def live() -> None:
        if bench.now_ns % (5 * MS) == 0:
            bench.proc.run(PID, PID + 1, run_ns=10 * US, wait_ns=0)

    bench.live = live
    bench.make()
    assert bench.bursts.tallies[PID + 1] == SleepTally(sharp=2 * BURST_NS // (5 * MS) - 1)
    assert bench.bursts.tallies.get(PID + 2) == SleepTally()
    assert PID not in bench.bursts.tallies
    assert bench.reader.kept == 0


def test_who_switches_most_is_read(make: Callable[..., Bench]) -> None:
    """At most eight, and none before it is known who; one alone that moves waits for nobody."""
    bench = make(12)
    bench.wake(*bench.tids)
    bench.make()
    assert (bench.bursts.tallies, bench.bursts.count) == ({}, 0)
    bench.wake(PID, times=9)
    bench.make()
    assert bench.bursts.count == 0
    bench.wake(*bench.tids[:3], times=2)
    bench.wake(*bench.tids[3:], times=4)
    bench.make()
    assert sorted(bench.bursts.tallies) == bench.tids[3 : 3 + MOST_THREADS]
    assert bench.bursts.count == 1


def test_of_very_many_some_in_turn(make: Callable[..., Bench]) -> None:
    """No more than so many are ranked for one burst, and the next goes on with others."""
    bench = make(MOST_RANKED + 10)
    bench.make()
    assert bench.reader.reads["schedstat"] == MOST_RANKED
    assert set(bench.bursts._slices) == set(bench.tids[:MOST_RANKED])
    bench.make()
    assert set(bench.tids[MOST_RANKED:]) < set(bench.bursts._slices)


def test_threads_that_end(make: Callable[..., Bench]) -> None:
    """What ends before or during a burst is read no more, and is forgotten with the next; nothing is left open."""
    bench = make(4)
    bench.make()
    bench.wake(*bench.tids)

    def live() -> None:
        bench.live = lambda: None
        bench.proc.end(PID, PID + 3)

    bench.live = live
    bench.make()
    assert bench.reader.kept == 0
    bench.tids.remove(PID + 3)
    bench.wake(*bench.tids)
    bench.make()
    assert sorted(bench.bursts.tallies) == bench.tids
    bench.tids.append(4711)  # listed, and gone before it was read
    bench.make()


def test_without_descriptors_there_is_no_burst(make: Callable[..., Bench]) -> None:
    """Where none may be kept nothing is read, rather than too slowly; nor where the kernel has no schedstat."""
    bench = make(3, descriptors=0)
    bench.make()
    bench.wake(*bench.tids)
    bench.make()
    assert set(bench.bursts.tallies.values()) <= {SleepTally()}
    bench.proc.processes.clear()
    bench.tids = [1, 2]
    bench.make()


def test_when_the_next_is_due(make: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first few come soon, later ones a little later, uneven; and never so often that they cost too much."""
    spent = [0]
    monkeypatch.setattr(bursts.time, "thread_time_ns", lambda: spent[0])
    bench = make(2)
    assert bench.bursts.is_due(bench.now_ns)
    rests = []
    for _ in range(FIRST + 3):
        bench.wake(*bench.tids)
        bench.make()
        rests.append((bench.bursts._due_ns - bench.now_ns) / 1e9)
        assert not bench.bursts.is_due(bench.now_ns)
        assert bench.bursts.is_due(bench.bursts._due_ns)
        bench.now_ns = bench.bursts._due_ns
    assert all(0.2 <= rest <= 0.4 for rest in rests[:FIRST])
    assert all(0.4 <= rest <= 0.8 for rest in rests[FIRST:])
    costly = iter((0, 40 * MS))
    monkeypatch.setattr(bursts.time, "thread_time_ns", lambda: next(costly))
    bench.bursts.make(bench.tids, 0.01)
    assert (bench.bursts._due_ns - bench.now_ns) / 1e9 == pytest.approx(4.0)
