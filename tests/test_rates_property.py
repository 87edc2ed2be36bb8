"""Whatever happens: handing rows on from the last snapshot gives what making all of them anew gives."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from builders import MS_NS, RATES, process_sample, sample, thread_sample
from threadtop.rates import SECOND_NS, snapshot

if TYPE_CHECKING:
    from threadtop.sample import ProcessSample, Sample, ThreadSample
    from threadtop.snapshot import ProcessRow, Snapshot

TICKS = 60
SEEDS = range(12)


class World:
    """A machine at random: threads run, rest, wait, start, end, and have their ids reused."""

    def __init__(self, seed: int) -> None:
        """Some processes, some of them without schedstat, without a clock or without switches."""
        self.random = random.Random(seed)  # noqa: S311 a reproducible choice, no secret
        self.at_s = 0.0
        self.started = 1000
        self.calm = False
        self.processes: dict[int, ProcessSample] = {}
        for pid in range(100, 900, 100):
            self.processes[pid] = self.new_process(pid)

    def chance(self, share: float) -> bool:
        """True in ``share`` of the cases."""
        return self.random.random() < share

    def now_ns(self) -> int:
        """A moment a little after the pass began."""
        return round(self.at_s * SECOND_NS) + self.random.randrange(20 * MS_NS)

    def new_thread(self, tid: int, kind: int) -> ThreadSample:
        """A thread that has just started; ``kind`` of its process: 1 has no schedstat, 2 no switches."""
        self.started += 1
        return thread_sample(
            tid,
            start_ticks=self.started,
            run_ns=self.random.randrange(MS_NS),
            wait_ns=None if kind == 1 else 0,
            vol=None if kind == 2 else 0,
            invol=None if kind == 2 else 0,
            at_ns=self.now_ns(),
        )

    def new_process(self, pid: int) -> ProcessSample:
        """A process that has just started."""
        kind = pid // 100 % 4
        threads = [self.new_thread(pid + index, kind) for index in range(self.random.randrange(1, 8))]
        self.started += 1
        cpu_ns = None if kind == 3 else 0
        return process_sample(pid, *threads, start_ticks=self.started, cpu_ns=cpu_ns, at_ns=self.now_ns())

    def change_thread(self, thread: ThreadSample) -> ThreadSample:
        """The thread after an interval: mostly the same object, as it has not run."""
        what = self.random.random()
        if what < 0.5:
            return thread
        if what < 0.65:  # read anew without having run
            return thread._replace(
                state=self.random.choice("SSSSRDTZ"),
                nice=self.random.randrange(5),
                wchan=self.random.choice((None, "ep_poll")),
            )
        ticks = self.random.randrange(30)
        return thread._replace(
            at_ns=self.now_ns(),
            run_ns=thread.run_ns + ticks * 10 * MS_NS,
            wait_ns=None if thread.wait_ns is None else thread.wait_ns + self.random.choice((0, 60 * MS_NS)),
            utime_ticks=thread.utime_ticks + ticks // 2,
            stime_ticks=thread.stime_ticks + ticks // 3,
            vol=None if thread.vol is None else thread.vol + self.random.randrange(3),
            invol=None if thread.invol is None else thread.invol + self.random.randrange(2),
            state=self.random.choice("SSR"),
            last_cpu=self.random.randrange(2),
        )

    def change_process(self, process: ProcessSample) -> ProcessSample:
        """The process after an interval; the same object where nothing of it changed."""
        threads = {tid: self.change_thread(thread) for tid, thread in process.threads.items()}
        for tid in [tid for tid in threads if tid != process.pid and self.chance(0.04)]:
            del threads[tid]
        for tid in range(process.pid, process.pid + 10):
            if self.chance(0.03):  # a new thread, or one that took the tid of another
                threads[tid] = self.new_thread(tid, process.pid // 100 % 4)
        if self.chance(0.03):
            process = process._replace(
                name=self.random.choice(("server", "other")),
                command=self.random.choice(("a", "b")),
                uid=self.random.choice((0, 1000, None)),
                ppid=self.random.choice((1, 2)),
            )
        if threads.keys() == process.threads.keys() and all(threads[tid] is process.threads[tid] for tid in threads):
            if self.chance(0.2):  # the clock alone has moved
                return process._replace(cpu_ns=process.cpu_ns and process.cpu_ns + MS_NS, at_ns=self.now_ns())
            return process
        spent_ns = self.random.randrange(900) * MS_NS
        cpu_ns = None if process.cpu_ns is None else process.cpu_ns + spent_ns
        return process._replace(threads=threads, cpu_ns=cpu_ns, at_ns=self.now_ns())

    def tick(self) -> Sample:
        """One more pass."""
        self.at_s += self.random.choice((0.5, 1.0, 1.25))
        self.calm ^= self.chance(0.2)  # at times most of the machine rests: rows are handed on for several ticks
        for pid in range(100, 900, 100):
            if pid not in self.processes:
                if self.chance(0.2):
                    self.processes[pid] = self.new_process(pid)
            elif self.chance(0.02):
                del self.processes[pid]
            elif self.chance(0.02):
                self.processes[pid] = self.new_process(pid)
            elif not (self.calm and self.chance(0.9)):
                self.processes[pid] = self.change_process(self.processes[pid])
        return sample(self.at_s, *self.processes.values())


def assert_same(handed_on: ProcessRow, anew: ProcessRow) -> None:
    """Equal in every field; sums to the last digit, since they are added up in another order."""
    for key in handed_on._fields:
        ours, theirs = getattr(handed_on, key), getattr(anew, key)
        if key == "moving":
            assert sorted(ours) == sorted(theirs)
        elif key in RATES:
            assert ours == (None if theirs is None else pytest.approx(theirs)), (anew.pid, key)
        elif key != "gone":  # only the last snapshot knows who that was
            assert ours == theirs, (anew.pid, key)


def keys(shot: Snapshot) -> set[tuple[int, int, int]]:
    """Who is alive in a snapshot: its processes and their threads."""
    rows = [row for process in shot.processes.values() for row in (process, *process.threads.values())]
    return {row.key for row in rows}


@pytest.mark.parametrize("seed", SEEDS)
def test_handing_rows_on_changes_nothing(seed: int) -> None:
    """A snapshot made with the last one equals the one made of two samples alone, tick after tick."""
    world = World(seed)
    before, last = None, None
    handed_on = 0
    for _ in range(TICKS):
        now = world.tick()
        shot, anew = snapshot(before, now, last), snapshot(before, now)
        assert shot.processes.keys() == anew.processes.keys() == now.processes.keys()
        for pid, row in shot.processes.items():
            assert_same(row, anew.processes[pid])
            handed_on += last is not None and row is last.processes.get(pid)
        assert shot.totals._replace(vol_per_s=0, invol_per_s=0, waiting_cores=0) == anew.totals._replace(
            vol_per_s=0, invol_per_s=0, waiting_cores=0
        )
        before, last = now, shot
    assert handed_on > TICKS / 2  # else nothing was put to the test


@pytest.mark.parametrize("seed", SEEDS)
def test_marks_tell_exactly_who_came_and_went(seed: int) -> None:
    """New is who was not in the last snapshot, gone who is no longer in this one, each said once."""
    world = World(seed)
    before = world.tick()
    last = snapshot(None, before)
    for _ in range(TICKS):
        now = world.tick()
        shot = snapshot(before, now, last)
        alive = [row for process in shot.processes.values() for row in (process, *process.threads.values())]
        assert {row.key for row in alive if row.mark == "new"} == keys(shot) - keys(last)
        assert {row.mark for row in alive} <= {"", "new"}
        gone = [row for process in shot.gone for row in (process, *process.threads.values(), *process.gone)]
        gone += [row for process in shot.processes.values() for row in process.gone]
        assert sorted(row.key for row in gone) == sorted(keys(last) - keys(shot))
        assert {row.mark for row in gone} <= {"gone"}
        before, last = now, shot


@pytest.mark.parametrize("seed", SEEDS)
def test_rates_stay_within_their_bounds(seed: int) -> None:
    """No share is negative, none of a thread is above one core, and what moves is exactly what is not at rest."""
    world = World(seed)
    before, last = None, None
    for _ in range(TICKS):
        now = world.tick()
        shot = snapshot(before, now, last)
        for process in shot.processes.values():
            for tid, row in process.threads.items():
                known = [getattr(row, key) for key in RATES if getattr(row, key) is not None]
                assert all(value >= 0 for value in known)
                assert (row.cpu_pct or 0) <= 100
                assert (row.wait_pct or 0) <= 100
                at_rest = row.cpu_pct == 0 and not any(known) and not row.mark and row.state != "R"
                assert (tid in process.moving) != at_rest
        before, last = now, shot
