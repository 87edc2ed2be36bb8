"""Looks at a made-up process, one by one: what each finds, and which threads are looked at when."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fakegil import RUNTIME, STACKS, FakeRuntime
from fakeproc import FakeProc
from threadtop.errors import DeniedError, GoneError
from threadtop.gil import probe as module
from threadtop.gil.exact import MemoryProbe
from threadtop.gil.probe import (
    BLOCKED,
    FEW,
    HELD,
    MEMORY_DESCRIPTORS,
    MOST_LOOKS,
    REFRESH_NS,
    REST_LOOKS,
    REST_ROUNDS,
    SOON_SHARE,
    SORT_ROUNDS,
)
from threadtop.gil.runtime import NotReadyError, Place, Runtime
from threadtop.gil.wchan import WchanProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from threadtop.sample import GilTally

PID = 500
SECOND_NS = 1_000_000_000
STEP_NS = 10_000_000
RUNNING = b"running\n"
ASLEEP = b"230 0x0 0x0 0x7f0 0x0 0x0 0x0 0x7ffc 0x7f0\n"


class Bench:
    """A made-up process of so many threads, which CPython knows, and a probe of it."""

    def __init__(self, proc: FakeProc, threads: int, *, known: int | None = None, **more: bool) -> None:
        """All threads sleep, nobody has the GIL."""
        self.proc = proc
        self.tids = list(range(PID, PID + threads))
        proc.process(PID, threads)
        for tid in self.tids:
            self.set(tid, ASLEEP)
        self.fake = FakeRuntime(11, **more)
        self.fake.interpreter(0, self.tids[:known])
        self.now_ns = 1_000_000_000
        self.reader = proc.reader(descriptors=1000)
        memory: Any = self.fake.memory
        self.runtime = Runtime(memory, Place("x86_64", RUNTIME, "3.11.4", not self.fake.is_musl), self.fake.form)

        def attach(tasks: dict[int, int]) -> Runtime:
            self.runtime.refresh(tasks)
            return self.runtime

        self.probe = MemoryProbe(self.reader, PID, memory, attach)

    def set(self, tid: int, line: bytes) -> None:
        """What ``syscall`` says of a thread; rewritten in place, as descriptors are kept on it."""
        Path(self.proc.root, str(PID), "task", str(tid), "syscall").write_bytes(line)

    def futex(self, offset: int) -> bytes:
        """A wait on a word so far into the GIL."""
        return b"202 0x%x 0x189 0x0 0x7f0 0x0 0xffffffff 0x7f1 0x7f2\n" % (self.fake.gils[0] + offset)

    def step(self, rounds: int = 1) -> None:
        """Look so many times."""
        for _ in range(rounds):
            self.now_ns += STEP_NS
            self.probe.look(self.now_ns)
        self.probe.settle()

    def tally(self, tid: int) -> GilTally:
        """What was found of a thread."""
        return self.probe.tallies()[tid]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    """Makes benches; walking lists takes no time."""
    monkeypatch.setattr(module, "time", SimpleNamespace(thread_time_ns=lambda: 0))
    proc = FakeProc(tmp_path, monkeypatch)
    made: list[Bench] = []

    def make(*arguments: Any, **more: Any) -> Bench:  # noqa: ANN401 those of a Bench
        made.append(Bench(proc, *arguments, **more))
        return made[-1]

    yield make
    for bench in made:
        bench.probe.close()


# -- what a look finds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (RUNNING, "ran"),
        (ASLEEP, "blocked"),
        (b"-1 0x7ffc 0x7f00\n", "blocked"),
        (b"202\n", "blocked"),
        (b"202 0xnonsense 0x0\n", "blocked"),
        (b"98 0x0\n", "blocked"),
        (b"2020 0x800020\n", "blocked"),
    ],
)
def test_what_a_thread_does(make: Callable[..., Bench], line: bytes, kind: str) -> None:
    """Running, asleep in another call, in none at all, or in a futex whose address cannot be read."""
    bench = make(2)
    bench.set(501, line)
    bench.step(3)
    assert getattr(bench.tally(501), kind) == 3
    assert bench.tally(501).looks == 3


@pytest.mark.parametrize(
    ("offset", "kind"),
    [(31, "blocked"), (32, "waited"), (80, "waited"), (120, "waited"), (207, "waited"), (208, "blocked")],
)
def test_waits_for_the_gil(make: Callable[..., Bench], offset: int, kind: str) -> None:
    """A futex within the GIL's condition variables and mutexes is a wait for it, one beside them is not."""
    bench = make(2)
    bench.set(501, bench.futex(offset))
    bench.step()
    assert getattr(bench.tally(501), kind) == 1


def test_waits_for_the_gil_on_musl(make: Callable[..., Bench]) -> None:
    """There a waiter sleeps on a word of its own stack, to which the condition variable leads."""
    bench = make(3, is_musl=True)
    bench.set(501, b"202 0x%x 0x80 0x0\n" % (STACKS + 20))
    bench.set(502, b"202 0x%x 0x80 0x0\n" % (STACKS + 84))
    bench.step()
    assert (bench.tally(501).waited, bench.tally(502).waited) == (0, 0)
    memory, condition = bench.fake.memory, bench.fake.gils[0] + bench.fake.form.gil_cond
    memory.map(STACKS, 64)
    memory.put(condition + 8, STACKS)
    memory.put(condition + 40, STACKS)
    bench.step()
    assert (bench.tally(501).waited, bench.tally(502).waited) == (1, 0)


def test_holder(make: Callable[..., Bench]) -> None:
    """Who has the GIL is told as such, runnable or asleep, with its call; the lock counts its own rounds."""
    bench = make(3)
    bench.step()
    assert bench.probe.holder_call is None
    bench.fake.hold(501, 9)
    bench.set(501, RUNNING)
    bench.step()
    assert bench.probe.holder_call == "running"
    bench.set(501, ASLEEP)
    bench.step(2)
    assert bench.probe.holder_call == ASLEEP.decode().strip()
    tally = bench.tally(501)
    assert (tally.held, tally.asleep, tally.blocked) == (1, 2, 1)
    (lock,) = bench.probe.locks()
    assert (lock.rounds, lock.locked, lock.switches) == (4, 3, 9)
    assert [(moment.holders, moment.asleep) for moment in bench.probe.take_moments()] == [
        ((0,), ()),
        ((501,), ()),
        ((501,), (501,)),
        ((501,), (501,)),
    ]
    assert bench.probe.take_moments() == ()


def test_holder_in_the_lock_itself_is_not_asleep(make: Callable[..., Bench]) -> None:
    """A holder that waits for the lock's own mutex hands over; it has not gone to sleep with it."""
    bench = make(2)
    bench.fake.hold(501)
    bench.set(501, bench.futex(90))
    bench.step()
    assert (bench.tally(501).held, bench.tally(501).asleep) == (1, 0)


@pytest.mark.parametrize(("state", "found"), [("T", (0, 0, 1)), ("t", (0, 0, 1)), ("S", (0, 1, 0)), ("D", (0, 1, 0))])
def test_a_stopped_holder_is_not_asleep(make: Callable[..., Bench], state: str, found: tuple[int, int, int]) -> None:
    """A holder that a signal or a tracer has stopped has it still, but native code that sleeps is not to blame."""
    bench = make(2)
    bench.fake.hold(501)
    bench.proc.change(PID, 501, state=state)
    bench.set(501, b"-1 0x7ffc 0x7f00\n")
    bench.step()
    tally = bench.tally(501)
    assert (tally.held, tally.asleep, tally.blocked) == found
    (moment,) = bench.probe.take_moments()
    assert (moment.holders, bool(moment.asleep)) == ((501,), found[1] > 0)


def test_asleep_is_confirmed(make: Callable[..., Bench]) -> None:
    """A holder found asleep that has let go by the second reading had it, and was not asleep with it."""
    bench = make(2)
    bench.step()
    bench.fake.hold(501, 5)

    def let_go(path: str) -> None:
        if path == "pread":
            bench.fake.hold(None, 5)

    with bench.proc.interrupted(let_go):
        bench.step()
    assert (bench.tally(501).held, bench.tally(501).asleep) == (1, 0)
    assert not any(moment.asleep for moment in bench.probe.take_moments())


def test_unknown_holder(make: Callable[..., Bench]) -> None:
    """Held by a thread that is not listed: nobody is credited, and the lists are read again soon."""
    bench = make(3, known=2)
    bench.step()
    listings = bench.reader.reads["task/"]
    bench.fake.hold(501)
    bench.fake.memory.put(bench.fake.states[501] + (bench.fake.form.native_thread_id or 0), 999)
    bench.step()
    assert bench.probe.take_moments()[-1].holders == (-1,)
    assert bench.probe.locks()[0].locked == 1
    assert sum(tally.held + tally.asleep for tally in bench.probe.tallies().values()) == 0
    bench.step(10)
    assert bench.reader.reads["task/"] == listings + 1


def test_walks_keep_to_their_share(make: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where holders are unknown all the time, a walk that takes 5 ms is made once a second, not ten times."""
    bench = make(3, known=2)
    stamps = iter(range(0, SECOND_NS * 1000, 5_000_000))
    monkeypatch.setattr(module, "time", SimpleNamespace(thread_time_ns=lambda: next(stamps)))
    bench.step()
    bench.fake.hold(501)
    bench.fake.memory.put(bench.fake.states[501] + (bench.fake.form.native_thread_id or 0), 999)
    listings = bench.reader.reads["task/"]
    bench.step(5 * SECOND_NS // STEP_NS)
    assert bench.reader.reads["task/"] == listings + 5_000_000 * SOON_SHARE * 5 // SECOND_NS == listings + 5


@pytest.mark.parametrize("state", [0, 8, 0x7FFF_FFFF_0000, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_a_holder_that_is_no_address(make: Callable[..., Bench], state: int) -> None:
    """Whatever the lock's words hold for its holder, that one is unknown, and the looks at the others count."""
    bench = make(3)
    bench.step()
    bench.fake.hold(501)
    bench.fake.memory.put(bench.fake.gils[0] + bench.fake.form.gil_last_holder, state)
    bench.step(2)
    assert [moment.holders for moment in bench.probe.take_moments()] == [(0,), (-1,), (-1,)]
    assert [bench.tally(tid).blocked for tid in bench.tids] == [3, 3, 3]


def test_memory_of_another_program_ends_the_looks(make: Callable[..., Bench]) -> None:
    """After an exec the kept descriptor reads as empty: the very next look says so."""
    bench = make(3)
    bench.step()
    bench.fake.memory.is_gone = True
    with pytest.raises(GoneError):
        bench.step()


def test_an_unchanged_line_goes_on_meaning_the_same(make: Callable[..., Bench]) -> None:
    """Round after round a thread that waits, runs or rests in the same words is counted as such, at rest or not."""
    bench = make(3)
    bench.set(500, RUNNING)
    bench.set(501, bench.futex(40))
    bench.step(30)
    assert [(tally.ran, tally.waited, tally.blocked) for tally in bench.probe.tallies().values()] == [
        (30, 0, 0),
        (0, 30, 0),
        (0, 0, 30),
    ]
    assert [thread.quiet for thread in bench.probe.threads.values()] == [0, 0, 29]
    bench.set(502, bench.futex(40))
    bench.step()
    assert (bench.tally(502).waited, bench.probe.threads[502].quiet) == (1, 0)


def test_each_read_of_a_round_is_counted_once(make: Callable[..., Bench]) -> None:
    """Of four threads one holds the GIL: four reads of ``syscall`` a round, with descriptors to keep and without."""
    bench = make(4)
    bench.fake.hold(501)
    bench.set(501, RUNNING)
    bench.step(2)
    for limit in (1000, bench.reader.kept):
        for thread in bench.probe.threads.values() if limit < 1000 else ():
            bench.probe._drop(thread)
            bench.reader.limit = 0
        before = bench.reader.reads["syscall"]
        bench.step(5)
        assert bench.reader.reads["syscall"] == before + 20


def test_native_threads_are_marked(make: Callable[..., Bench]) -> None:
    """A thread without a thread state is none of Python's."""
    bench = make(4, known=3)
    bench.step()
    assert [bench.tally(tid).is_python for tid in bench.tids] == [True, True, True, False]


def test_lock_that_vanishes(make: Callable[..., Bench]) -> None:
    """A lock that is not mapped any more is held by nobody known; the walk that follows says what has become."""
    bench = make(2)
    bench.step()
    bench.fake.memory.segments[RUNTIME] = bench.fake.memory.segments[RUNTIME][:64]
    bench.step()
    assert bench.probe.take_moments()[-1].holders == (-1,)
    with pytest.raises(NotReadyError):
        bench.step(11)


def test_gil_that_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the GIL is off no round counts; when it is switched on, only the rounds since then do."""
    monkeypatch.setattr(module, "time", SimpleNamespace(thread_time_ns=lambda: 0))
    proc = FakeProc(tmp_path, monkeypatch)
    proc.process(PID, 2)
    for tid in (PID, PID + 1):
        Path(proc.root, str(PID), "task", str(tid), "syscall").write_bytes(RUNNING)
    fake = FakeRuntime(14, is_free_threaded=True)
    fake.interpreter(0, [PID, PID + 1])
    fake.memory.put(fake.gils[0], 0, 4)
    memory: Any = fake.memory
    runtime = Runtime(memory, Place("x86_64", RUNTIME, "3.14.1t", True), fake.form)

    def attach(tasks: dict[int, int]) -> Runtime:
        runtime.refresh(tasks)
        return runtime

    probe = MemoryProbe(proc.reader(descriptors=9), PID, memory, attach)
    for number in range(50):
        probe.look(number * STEP_NS)
    assert probe.period_s > 0
    assert not probe.locks()[0].is_enabled
    assert sum(map(sum, (tally[1:] for tally in probe.tallies().values()))) == 0
    fake.memory.put(fake.gils[0], 1, 4)
    for number in range(100, 110):
        probe.look(number * STEP_NS)
    assert probe.period_s == 0
    assert [sum(tally[2:]) for tally in probe.tallies().values()] == [10, 10]


# -- threads that come and go ------------------------------------------------------------------------------


def test_threads_that_end_are_dropped(make: Callable[..., Bench]) -> None:
    """An ended thread's tally goes, and its descriptor is given back at once; a new one begins with none."""
    bench = make(4)
    bench.step(5)
    kept = bench.reader.kept
    bench.proc.end(PID, 502)
    bench.step()
    assert 502 not in bench.probe.tallies()
    assert bench.reader.kept == kept - 1
    bench.proc.spawn(PID, 507)
    bench.set(507, RUNNING)
    bench.step(100)
    rounds = bench.probe.rounds
    assert 0 < sum(bench.tally(507)[2:]) < rounds
    assert sum(bench.tally(501)[2:]) == rounds


def test_tid_that_is_used_again(make: Callable[..., Bench]) -> None:
    """Another thread by an ended one's tid, seen before the next listing, keeps no descriptor that nobody owns."""
    bench = make(4)
    bench.step(5)
    bench.proc.end(PID, 502)
    bench.step()
    bench.proc.spawn(PID, 502)
    bench.set(502, RUNNING)
    bench.step(200)
    assert bench.tally(502).ran > 50
    bench.probe.close()
    assert bench.reader.kept == 0


def test_end_of_the_process(make: Callable[..., Bench]) -> None:
    """Once the process has ended the next listing says so."""
    bench = make(3)
    bench.step()
    bench.proc.kill(PID)
    with pytest.raises(GoneError):
        bench.step(200)


def test_rights_that_are_taken_away(make: Callable[..., Bench]) -> None:
    """A file that may no longer be read ends the probe as denied."""
    bench = make(3)
    bench.step()

    def deny(path: str) -> None:
        if path == "pread":
            raise PermissionError

    with bench.proc.interrupted(deny), pytest.raises(DeniedError):
        bench.step()


@pytest.mark.parametrize("threads", [3, 40, 200])
def test_close_gives_all_back(make: Callable[..., Bench], threads: int) -> None:
    """After close nothing is kept."""
    bench = make(threads)
    bench.step(60)
    assert bench.reader.kept > 0
    bench.probe.close()
    assert bench.reader.kept == 0
    assert bench.fake.memory.is_closed


# -- which threads are looked at when -------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [5, 40, 300])
def test_weights_add_up_to_the_rounds(make: Callable[..., Bench], threads: int) -> None:
    """Whatever the threads do, no thread's weights exceed the rounds, nor fall behind by more than a few gaps."""
    bench = make(threads)
    chance = random.Random(threads)  # noqa: S311 seeded
    lines = [RUNNING, ASLEEP, bench.futex(40), b"202 0x7f0 0x0\n"]
    busy = chance.sample(bench.tids, 5)
    for number in range(600):
        for tid in busy:
            bench.set(tid, chance.choice(lines))
        bench.fake.hold(chance.choice([None, *busy, chance.choice(bench.tids)]))
        if number % 100 == 0:
            busy = chance.sample(bench.tids, 5)
        bench.probe.most_looks = chance.choice([4, MOST_LOOKS])
        bench.step()
        rounds = bench.probe.rounds
        assert rounds == number + 1
        assert all(0 <= rounds - thread.seen <= 3 * REST_ROUNDS for thread in bench.probe.threads.values())
        assert all(sum(thread.weights) == thread.seen for thread in bench.probe.threads.values())
    assert bench.probe.locks()[0].rounds == 600


def test_few_threads_are_looked_at_each_time(make: Callable[..., Bench]) -> None:
    """Up to FEW threads each round looks at all, at rest or not."""
    bench = make(FEW)
    bench.step(100)
    assert {tally.looks for tally in bench.probe.tallies().values()} == {100}


def test_threads_at_rest_cost_little(make: Callable[..., Bench]) -> None:
    """Of 200 threads of which 195 sleep, the busy five are looked at each round and the others now and then."""
    bench = make(200)
    busy = bench.tids[10:15]
    for tid in busy:
        bench.set(tid, RUNNING)
    bench.step(300)
    assert all(thread.is_resting for tid, thread in bench.probe.threads.items() if tid not in busy)
    before, looks = bench.reader.reads["syscall"], bench.tally(busy[0]).looks
    bench.step(200)
    assert (bench.reader.reads["syscall"] - before) / 200 <= len(busy) + REST_LOOKS + 1
    assert bench.tally(busy[0]).looks == looks + 200
    assert all(bench.tally(tid).blocked == sum(bench.tally(tid)[2:]) for tid in bench.tids if tid not in busy)


def test_those_at_work_are_found_among_thousands(make: Callable[..., Bench]) -> None:
    """Of 2,000 threads of which three work, these are looked at in each round once a few seconds have passed."""
    bench = make(2000)
    busy = bench.tids[1990:1993]
    for tid in busy:
        bench.set(tid, RUNNING)
    bench.step(300)
    looks = bench.tally(busy[0]).looks
    bench.step(20)
    assert [bench.tally(tid).looks for tid in busy] == [looks + 20] * 3


def test_descriptors_are_left_for_others(make: Callable[..., Bench]) -> None:
    """However many threads a process has, another one's memory can be opened; those at rest give theirs back."""
    bench = make(100)
    bench.reader.limit = 60
    for tid in bench.tids:
        bench.set(tid, RUNNING)
    bench.step(20)
    assert bench.reader.kept == 60 - MEMORY_DESCRIPTORS
    for tid in bench.tids[5:]:
        bench.set(tid, ASLEEP)
    bench.step(400)
    assert bench.reader.kept == 60 // 2
    assert all(bench.probe.threads[tid].descriptor is not None for tid in bench.tids[:5])
    bench.probe.close()
    assert bench.reader.kept == 0


def test_thread_that_awakes(make: Callable[..., Bench]) -> None:
    """A thread at rest that gets busy is noticed soon, by its look or as a holder, and rested until then."""
    bench = make(40)
    bench.step(200)
    assert bench.probe.threads[530].is_resting
    bench.set(530, RUNNING)
    bench.step(60)
    assert not bench.probe.threads[530].is_resting
    assert bench.tally(530).ran >= 25
    assert bench.probe.threads[520].is_resting
    bench.fake.hold(520)
    bench.step()
    assert not bench.probe.threads[520].is_resting
    tally = bench.tally(520)
    assert (tally.asleep, tally.blocked) == (1, bench.probe.rounds - 1)


def test_few_are_left_of_many(make: Callable[..., Bench]) -> None:
    """When so many threads end that all are looked at again, one that was at rest may take the GIL as any other."""
    bench = make(FEW + 8)
    bench.step(200)
    assert bench.probe.threads[503].is_resting
    for tid in bench.tids[FEW - 2 :]:
        bench.proc.end(PID, tid)
    bench.step(120)
    bench.fake.hold(503)
    looks = bench.tally(504).looks
    bench.step(20)
    assert bench.tally(503).asleep == 20
    assert bench.tally(504).looks == looks + 20
    assert bench.probe._others.count(bench.probe.threads[503]) == 1


def test_few_are_left_before_the_next_listing(make: Callable[..., Bench]) -> None:
    """When looks find that few threads are left, those at rest are looked at again without waiting for a listing."""
    bench = make(FEW + 1)
    for tid in bench.tids[6:]:
        bench.set(tid, RUNNING)
    bench.step(201)  # a listing was just made
    listings = bench.reader.reads["task/"]
    assert bench.probe.threads[503].is_resting
    bench.proc.end(PID, 510)
    looks = bench.tally(503).looks
    bench.step(60)
    assert bench.reader.reads["task/"] == listings
    assert bench.tally(503).looks >= looks + 60 - 2 * SORT_ROUNDS


def test_the_same_line_means_another_thing_once_locks_change(make: Callable[..., Bench]) -> None:
    """A futex that was none of a GIL's is looked at anew when a lock comes to be there."""
    bench = make(2)
    bench.set(501, bench.futex(40))
    here = bench.runtime.locks
    bench.step()
    assert bench.tally(501).waited == 1
    bench.runtime.locks = (here[0]._replace(address=here[0].address + 0x1000),)
    bench.set(501, bench.futex(41))
    bench.step()
    assert bench.tally(501).blocked == 1
    bench.step(100)  # the walk of each second finds the lock where it is
    assert bench.tally(501).waited > 2


# -- without memory -------------------------------------------------------------------------------------------


def test_looks_at_wchan(make: Callable[..., Bench]) -> None:
    """Without memory a look tells a futex from another sleep, and both from running."""
    bench = make(5)
    proc = bench.proc
    for tid, wchan in zip(
        bench.tids, (b"futex_do_wait", b"futex_wait_queue_me", b"hrtimer_nanosleep", b"0", b"__futex_wait"), strict=True
    ):
        proc.change(PID, tid, wchan=wchan)
    probe = WchanProbe(proc.reader(descriptors=9), PID)
    for number in range(4):
        probe.look(number * STEP_NS)
    found = {tid: (tally.waited, tally.blocked, tally.ran) for tid, tally in probe.tallies().items()}
    assert list(found.values()) == [(4, 0, 0), (4, 0, 0), (0, 4, 0), (0, 0, 4), (4, 0, 0)]
    assert {tally.is_python for tally in probe.tallies().values()} == {None}
    assert probe.has_looks
    reader = probe._reader
    probe.close()
    assert reader.kept == 0


def test_another_program_ends_the_looks(make: Callable[..., Bench]) -> None:
    """After an exec the looks at the program before mean nothing: the watch is to begin anew."""
    bench = make(3)
    probe = WchanProbe(bench.proc.reader(descriptors=9), PID)
    probe.look(0)
    exe = Path(bench.proc.root, str(PID), "exe")
    exe.unlink()
    exe.symlink_to("/bin/other")
    probe.look(STEP_NS)
    with pytest.raises(GoneError):
        probe.look(REFRESH_NS)


def test_wchan_that_may_not_be_read(make: Callable[..., Bench]) -> None:
    """Where each thread's wchan reads 0 we have no looks: they may all run, or it is not for us to know."""
    bench = make(3)
    for tid in bench.tids:
        bench.proc.change(PID, tid, wchan=b"0")
    probe = WchanProbe(bench.proc.reader(descriptors=9), PID)
    probe.look(0)
    assert not probe.has_looks
    assert (HELD, BLOCKED) == (0, 4)
    assert [tally.ran for tally in probe.tallies().values()] == [1, 1, 1]


def test_a_pid_namespace_of_its_own(make: Callable[..., Bench]) -> None:
    """Threads of a container are listed by our tids and by those that the container knows."""
    bench = make(3)
    for number, tid in enumerate(bench.tids):
        Path(bench.proc.root, str(PID), "task", str(tid), "status").write_bytes(b"NSpid:\t%d\t%d\n" % (tid, number + 1))
    probe = WchanProbe(bench.proc.reader(descriptors=9), PID)
    assert probe._inner == {1: 500, 2: 501, 3: 502}
