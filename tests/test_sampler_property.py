"""Whatever happens between and during passes, the sampler finds all that ran."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from fakeproc import HOST, FakeProc
from threadtop import sampler as sampler_module
from threadtop import tasks
from threadtop.interest import Interest
from threadtop.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from threadtop.sample import Sample


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProc:
    """An empty fake /proc; nothing is found by the sweep alone, and cold threads come in small chunks."""
    monkeypatch.setattr(sampler_module, "SWEEP_LEAST", 0)
    monkeypatch.setattr(sampler_module, "SWEEP_SHARE", 1 << 30)
    monkeypatch.setattr(tasks, "CHUNK", 4)
    return FakeProc(tmp_path, monkeypatch)


class World:
    """Random things that happen to the processes of a fake /proc."""

    def __init__(self, proc: FakeProc, seed: int) -> None:
        """A few processes."""
        self.proc = proc
        self.chance = random.Random(seed)  # noqa: S311 no secret
        self.last = 100
        for _ in range(4):
            self.start()

    def id(self) -> int:
        """The next free pid, now and then one used before, as after a wrap."""
        used = {tid for process in self.proc.processes.values() for tid in process.threads}
        self.last += 1
        if self.last > 200:
            self.last = 100
        while self.last in used or self.last in self.proc.processes:
            self.last += 1
        return self.last

    def start(self) -> None:
        """A process starts."""
        pid = self.id()
        self.proc.process(pid, uid=self.chance.randrange(3))
        for _ in range(self.chance.randrange(12)):
            self.proc.spawn(pid, self.id())

    def any_pid(self) -> int:
        """Some process."""
        return self.chance.choice(list(self.proc.processes))

    def run(self) -> None:
        """Some thread runs."""
        pid = self.any_pid()
        alive = [tid for tid, thread in self.proc.processes[pid].threads.items() if thread.state != "Z"]
        if alive:
            run_ns = self.chance.choice((1, 1000, 1000, 4_000_000))
            self.proc.run(pid, self.chance.choice(alive), run_ns, self.chance.randrange(1000))

    def spawn(self) -> None:
        """Some thread starts another."""
        pid = self.any_pid()
        self.proc.spawn(pid, self.id())

    def end(self) -> None:
        """Some thread ends, a main thread as a zombie."""
        pid = self.any_pid()
        threads = self.proc.processes[pid].threads
        tid = self.chance.choice(list(threads))
        if len(threads) > 1 and threads[tid].state != "Z":
            self.proc.end(pid, tid)

    def kill(self) -> None:
        """A process ends, and another starts at once or later, perhaps by the same pid."""
        if len(self.proc.processes) < 3:
            self.start()
            return
        pid = self.any_pid()
        self.proc.kill(pid)
        if self.chance.random() < 0.3:
            self.proc.process(pid, self.chance.randrange(1, 4) if pid + 4 < self.last else 1, b"reused", uid=2)

    def happen(self) -> None:
        """One thing happens."""
        kinds: list[Callable[[], None]] = [self.run, self.spawn, self.end, self.kill]
        self.chance.choices(kinds, (60, 3, 3, 1))[0]()


def assert_true(sample: Sample, proc: FakeProc) -> None:
    """Every thread is there, with the counters, state and user that it has."""
    assert {pid: set(process.threads) for pid, process in sample.processes.items()} == {
        pid: set(process.threads) for pid, process in proc.processes.items()
    }
    for pid, process in proc.processes.items():
        assert sample.processes[pid].uid == process.uid
        for tid, thread in process.threads.items():
            seen = sample.processes[pid].threads[tid]
            assert (seen.run_ns, seen.wait_ns, seen.vol, seen.state, seen.start_ticks, seen.name.encode()) == (
                thread.run_ns,
                thread.wait_ns,
                thread.vol,
                thread.state,
                thread.start_ticks,
                thread.name,
            )


@pytest.mark.parametrize("descriptors", [0, 7, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_everything_that_ran_between_passes_is_found(proc: FakeProc, seed: int, descriptors: int) -> None:
    """Over many passes of random life each sample equals the truth."""
    world = World(proc, seed)
    reader = proc.reader(descriptors)
    sampler = Sampler(reader, lambda: HOST, euid=0)
    for _ in range(80):
        for _ in range(world.chance.choice((0, 1, 3, 20))):
            world.happen()
        visible = frozenset((world.any_pid(), 101) for _ in range(2))
        assert_true(sampler.sample(Interest(visible=visible)), proc)
        assert reader.kept <= descriptors
    sampler.close()
    assert reader.kept == 0


@pytest.mark.parametrize("seed", range(12))
def test_what_runs_during_a_pass_is_found_by_the_next(proc: FakeProc, seed: int) -> None:
    """Threads that run, start and end while a pass reads are never lost: the first quiet pass has the truth."""
    world = World(proc, seed)
    sampler = Sampler(proc.reader(1000), lambda: HOST, euid=0)

    def interfere(_path: str) -> None:
        if world.chance.random() < 0.15:
            world.happen()

    for _ in range(40):
        for _ in range(world.chance.choice((0, 1, 5))):
            world.happen()
        with proc.interrupted(interfere):
            sampler.sample()
        assert_true(sampler.sample(), proc)
    sampler.close()
