"""The watch of blocked threads, round by round: whom it covers, in which order, what it may cost."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fakeblocked import deny
from fakeproc import HOST, FakeProc
from threadtop.gil import layout
from threadtop.gil.attach import Attached
from threadtop.gil.exact import MemoryProbe
from threadtop.gil.runtime import Lock
from threadtop.gil.watch import Target, Watch
from threadtop.interest import Interest
from threadtop.procfs.reader import ProcReader
from threadtop.sample import WatchCost
from threadtop.sampler import Sampler
from threadtop.source import LiveSource
from threadtop.waiting import watch as module
from threadtop.waiting.watch import (
    BUDGET,
    FIRST_LOOKS,
    LEAST_LOOKS,
    LINGER_NS,
    MOST_LOOKS,
    MOST_PERIOD_S,
    MOST_PROCESSES,
    MOST_THREADS,
    ROUNDS_PER_S,
    WaitWatch,
    Wanted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from threadtop.blocked import WaitSample

PID = 100
FASTEST_S = 1 / ROUNDS_PER_S


class Scene:
    """A watch whose thread is the test, of a fake tree, with a clock."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """No process yet."""
        self.now_ns = 1_000_000_000
        self.proc = FakeProc(tmp_path, monkeypatch)
        self.reader = self.proc.reader(descriptors=64)
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic_ns=lambda: self.now_ns))
        self.watch = WaitWatch(self.reader, euid=1000, pause=lambda _s: None)
        self.watch._thread = threading.current_thread()  # so that it starts none

    def follow(self, *pids: int, moving: Sequence[int] | None = None, gil: tuple[tuple[int, int], ...] = ()) -> None:
        """Follow these, of each all threads or those named."""
        tids = {pid: tuple(self.proc.processes[pid].threads) for pid in pids}
        self.watch.follow({pid: Wanted(1, tids[pid] if moving is None else moving, gil) for pid in pids})

    def rounds(self, count: int = 1) -> None:
        """So many rounds, 40 ms apart."""
        for _ in range(count):
            self.now_ns += 40_000_000
            self.watch.round()

    def sample(self, pid: int = PID) -> WaitSample:
        """What was found of a process."""
        return self.watch.take()[pid]

    def looks(self, pid: int = PID) -> dict[int, int]:
        """How often each thread was found blocked."""
        return {tid: tally.looks for tid, tally in self.sample(pid).threads.items()}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A watch to step."""
    return Scene(tmp_path, monkeypatch)


def test_tallies_grow(scene: Scene) -> None:
    """Each round adds what it found; a sample that was handed out stays as it is."""
    scene.proc.process(PID, 2)
    scene.follow(PID)
    scene.rounds(3)
    before = scene.sample()
    scene.proc.run(PID, PID, wchan=b"hrtimer_nanosleep")
    scene.rounds(2)
    assert {tid: (tally.looks, dict(tally.rounds)) for tid, tally in scene.sample().threads.items()} == {
        100: (5, {"lock": 3, "sleep": 2}),
        101: (5, {"lock": 5}),
    }
    assert {tid: dict(tally.rounds) for tid, tally in before.threads.items()} == {100: {"lock": 3}, 101: {"lock": 3}}
    assert scene.sample().began == before.began
    assert scene.sample().threads[101] is scene.sample().threads[101]


def test_a_round_covers_a_part_in_turn(scene: Scene) -> None:
    """Where a round may not cover all, each thread has its turn, and its looks stand for the rounds between."""
    scene.proc.process(PID, 6)
    scene.follow(PID)
    scene.watch._most_looks = 4
    scene.rounds(6)
    assert scene.looks() == dict.fromkeys(range(100, 106), 4)
    weights = [tally.rounds["lock"] for tally in scene.sample().threads.values()]
    assert all(5 <= weight <= 6 for weight in weights)
    scene.rounds(3)
    assert scene.looks() == dict.fromkeys(range(100, 106), 6)


def test_who_is_at_rest_is_not_looked_at(scene: Scene) -> None:
    """Only threads that moved are looked at, and once they did more than once, for a while after that."""
    scene.proc.process(PID, 4)
    scene.follow(PID)  # the first tick: all seem to move
    scene.rounds()
    assert scene.reader.kept > 0
    scene.follow(PID, moving=(101,))
    scene.rounds()
    assert scene.looks() == {101: 2}
    scene.follow(PID, moving=())
    scene.rounds()
    assert scene.looks() == {101: 3}
    scene.now_ns += LINGER_NS
    scene.follow(PID, moving=())
    assert scene.looks() == {}
    assert scene.reader.kept == 0


def test_limits(scene: Scene) -> None:
    """No more than so many threads of a process are looked at, and no more than so many processes."""
    scene.proc.process(PID)
    scene.follow(PID, moving=tuple(range(1, MOST_THREADS + 10)))
    assert len(scene.looks()) == MOST_THREADS
    for pid in range(200, 200 + MOST_PROCESSES):
        scene.proc.process(pid)
    scene.follow(*range(200, 200 + MOST_PROCESSES), PID)
    assert set(scene.watch.take()) == {PID, *range(200, 200 + MOST_PROCESSES - 1)}


def test_a_process_at_rest_makes_place(scene: Scene) -> None:
    """Where all places are taken, a process none of whose threads is looked at gives way."""
    for pid in range(200, 200 + MOST_PROCESSES):
        scene.proc.process(pid)
    scene.proc.process(PID)
    busy = list(range(200, 200 + MOST_PROCESSES))
    scene.watch.follow({pid: Wanted(1, (pid,)) for pid in busy})
    scene.watch.follow({**{pid: Wanted(1, () if pid == 203 else (pid,)) for pid in busy}, PID: Wanted(1, (PID,))})
    assert set(scene.watch.take()) == {*busy, PID} - {203}


def test_a_process_that_never_moved_is_not_followed(scene: Scene) -> None:
    """It needs no looks: one is enough."""
    scene.proc.process(PID)
    scene.follow(PID, moving=())
    assert scene.watch.take() == {}


def test_another_process_by_that_pid(scene: Scene) -> None:
    """Its tallies begin anew, and so do those of one that was let go for a while."""
    scene.proc.process(PID)
    scene.follow(PID)
    scene.rounds()
    before = scene.sample()
    scene.watch.follow({PID: Wanted(2, (PID,))})
    assert (scene.sample().start_ticks, scene.looks()) == (2, {PID: 0})
    assert scene.sample().began > before.began
    scene.watch.follow({})
    assert scene.watch.take() == {}
    assert scene.reader.kept == 0


def test_threads_that_end(scene: Scene) -> None:
    """A thread, and a process, that ends in the middle is dropped, and what was kept of it."""
    scene.proc.process(PID, 3)
    scene.follow(PID)
    scene.rounds()
    scene.proc.end(PID, 101)
    scene.rounds()
    assert scene.looks() == {100: 2, 102: 2}
    scene.proc.kill(PID)
    scene.rounds()
    assert scene.looks() == {}
    assert scene.reader.kept == 0


def test_a_gil_that_is_found_later(scene: Scene) -> None:
    """Tallies in which waits for the GIL counted as locks do not go with those that tell them apart."""
    scene.proc.process(PID)
    scene.follow(PID)
    scene.rounds()
    before = scene.sample()
    assert not before.tells_gil
    scene.follow(PID, gil=((1, 2),))
    assert scene.sample().began > before.began
    assert scene.sample().tells_gil
    assert scene.looks() == {PID: 0}
    began = scene.sample().began
    scene.follow(PID, gil=((1, 2), (3, 4)))  # a sub-interpreter with a GIL of its own
    assert scene.sample().began == began


def test_the_rule_that_denied(scene: Scene) -> None:
    """Where a part may not be read, the sample names the rule and what would lift it."""
    scene.proc.process(PID, uid=7)
    deny(scene.proc, "syscall")
    scene.proc.change(PID, PID, wchan=b"wait_woken")
    scene.follow(PID)
    scene.rounds()
    assert scene.sample().why_not == "it is another user's process"
    assert scene.sample().remedy == "run threadtop as that user or as root"
    assert scene.sample().threads[PID].rounds == {"other": 1}


def test_cost(scene: Scene) -> None:
    """What it costs is its thread's CPU time; the rounds a second are those of late, none while nothing is followed."""
    scene.proc.process(PID)
    scene.follow(PID)
    scene.rounds(5)
    scene.watch._cpu_ns = 7
    assert scene.watch.cost() == WatchCost(7, 25.0)
    scene.follow()
    assert scene.watch.cost() == WatchCost(7, 0.0)
    assert WaitWatch(scene.reader, euid=0).cost() is None


# -- the budget --------------------------------------------------------------------------------


def paced(watch: WaitWatch, threads: int, round_s: float, look_s: float, count: int) -> float:
    """So many rounds over so many threads at this cost; the share of a core that the last half of them cost."""
    spent = passed = 0.0
    for at in range(count):
        watch._covered = min(watch._most_looks, threads)
        cost_s = round_s + look_s * watch._covered
        watch._pace(cost_s)
        if at >= count // 2:
            spent, passed = spent + cost_s, passed + watch._period_s
    return spent / passed


@pytest.mark.parametrize("threads", [1, 50, 1000])
@pytest.mark.parametrize("look_s", [5e-6, 20e-6, 100e-6, 1e-3])
def test_the_budget_is_kept(scene: Scene, threads: int, look_s: float) -> None:
    """Whatever a look costs: a round covers as many threads as the budget allows."""
    assert paced(scene.watch, threads, 100e-6, look_s, 400) <= BUDGET
    affordable = (BUDGET * FASTEST_S - 100e-6) / look_s
    if threads <= affordable / 1.5:
        assert scene.watch._most_looks >= threads
    elif affordable > LEAST_LOOKS * 2:
        assert affordable / 2 <= scene.watch._most_looks <= affordable
    assert LEAST_LOOKS <= scene.watch._most_looks <= MOST_LOOKS


def test_first_fewer_threads_then_fewer_rounds(scene: Scene) -> None:
    """Rounds become rarer only where a round cannot cover less; even then there are ten a second."""
    paced(scene.watch, 1000, 100e-6, 20e-6, 400)
    assert scene.watch._period_s == FASTEST_S
    paced(scene.watch, 1000, 1.5e-3, 20e-6, 400)
    assert scene.watch._most_looks == LEAST_LOOKS
    assert FASTEST_S < scene.watch._period_s < MOST_PERIOD_S
    paced(scene.watch, 1000, 1.0, 20e-6, 10)
    assert scene.watch._period_s == MOST_PERIOD_S


def test_a_dear_round_is_followed_by_a_longer_rest(scene: Scene) -> None:
    """Opening files costs more than reading them: the first rounds cover few threads, and are paid for at once."""
    assert scene.watch._most_looks == FIRST_LOOKS
    scene.watch._covered = FIRST_LOOKS
    scene.watch._pace(1.6e-3)
    assert scene.watch._period_s == pytest.approx(0.08)
    scene.watch._covered = FIRST_LOOKS
    scene.watch._pace(1e-4)
    assert scene.watch._period_s == FASTEST_S


def test_its_own_thread_ends(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread looks until it is told to end, and gives back what it holds."""
    monkeypatch.undo()  # the real clock
    pauses: list[float] = []
    enough = threading.Event()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 20:
            enough.set()

    scene.proc.process(PID)
    watch = WaitWatch(scene.reader, euid=0, pause=pause)
    watch.follow({PID: Wanted(1, (PID,))})
    assert enough.wait(60)
    assert watch.take()[PID].threads[PID].looks > 0
    watch.close()
    assert watch._thread is not None
    watch._thread.join(60)
    assert scene.reader.kept == 0
    assert len(set(pauses)) > 10, "jittered"


# -- where GILs are ----------------------------------------------------------------------------


@pytest.mark.parametrize(("is_glibc", "expected"), [(True, {PID: ((0x1000 + 32, 0x1000 + 208),)}), (False, {})])
def test_where_threads_wait_for_a_gil(is_glibc: bool, expected: dict[int, object]) -> None:  # noqa: FBT001 a case
    """Within the GIL's structure, from its first condition variable on; with musl elsewhere, on their stacks."""
    probe = MemoryProbe.__new__(MemoryProbe)
    locks = (Lock(0x1000, (0,), True, 5000), Lock(0x9000, (1,), False, 5000))
    runtime: Any = SimpleNamespace(locks=locks, is_glibc=is_glibc, layout=layout.for_version(11, "x86_64"))
    probe.runtime = runtime
    watch = Watch(ProcReader(descriptors=0), euid=0)
    target = Target(PID, 1)
    target.attach(Attached("exact", "", "", "3.11.4", probe))
    watch._targets = {PID: target, PID + 1: Target(PID + 1, 1)}
    assert watch.places() == expected


# -- what it is told by the source -------------------------------------------------------------


def test_the_source_names_threads_that_moved(scene: Scene) -> None:
    """Of the processes looked at closely those threads are followed that moved; kernel threads and the gone are not."""
    scene.proc.process(PID, 3)
    scene.proc.process(2, kernel=True)
    source = LiveSource(Sampler(scene.reader, lambda: HOST, euid=0), waits=scene.watch)
    closely = Interest(waits=frozenset({PID, 2, 77}))
    source.read(closely)
    assert set(scene.looks()) == {100, 101, 102}  # before two readings nobody is known to rest
    scene.proc.run(PID, 101)
    source.read(closely)
    assert set(scene.watch.take()) == {PID}
    assert set(scene.looks()) == {101}
    scene.proc.run(PID, 101)
    scene.rounds(4)
    shot = source.read(closely)
    assert shot.wait_watch_per_s == 25.0
    rows = shot.processes[PID].threads
    assert rows[101].sampled is not None
    assert rows[101].sampled.samples == 4
    assert rows[100].sampled is None
    source.read(Interest())
    assert scene.watch.take() == {}
    source.close()
