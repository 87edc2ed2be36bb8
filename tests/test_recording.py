"""Recordings of made-up moments: what is read back equals what was written, moment by moment and screen by screen."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from recorded import ODD_NAME, as_sampled, error_of, finding, meant, script, written
from test_rates_property import World
from threadtop.errors import RecordingError
from threadtop.inside.asked import Asked, Found
from threadtop.moment import Moment
from threadtop.recording.reader import Mark, Recording
from threadtop.recording.replay import Replay
from threadtop.recording.writer import Writer, created

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from threadtop.sample import Sample
    from threadtop.snapshot import Snapshot

SEEDS = range(6)


def random_moments(seed: int, ticks: int = 40) -> list[Moment]:
    """A machine at random, its processes and threads in the order in which the sampler has them."""
    world, samples = World(seed), []
    for _ in range(ticks):
        samples.append(as_sampled(samples[-1] if samples else None, world.tick()))
    return [Moment(one, {}, ()) for one in samples]


def in_order(one: Sample) -> list[tuple[int, list[int]]]:
    """Processes and threads in their order."""
    return [(pid, list(process.threads)) for pid, process in one.processes.items()]


def assert_equal(read: Sequence[Moment], moments: Sequence[Moment]) -> None:
    """The same moments, in the same order; a recording knows all users from the start."""
    assert len(read) == len(moments)
    for index, (ours, theirs) in enumerate(zip(read, moments, strict=True)):
        assert ours.sample.users.items() >= theirs.sample.users.items()
        assert ours.sample._replace(users={}) == theirs.sample._replace(users={}), index
        assert ours[1:] == theirs[1:], index
        assert in_order(ours.sample) == in_order(theirs.sample), index


def without_samples(shot: Snapshot) -> object:
    """A snapshot to compare: how many looks stand behind a thread's share may differ after a seek."""
    return shot._replace(
        processes={
            pid: row._replace(
                threads={
                    tid: thread._replace(gil=thread.gil and thread.gil._replace(samples=0))
                    for tid, thread in row.threads.items()
                }
            )
            for pid, row in shot.processes.items()
        }
    )


# -- there and back ----------------------------------------------------------------------------


@pytest.mark.parametrize("key_ticks", [1, 3, 60])
def test_moments_come_back(tmp_path: Path, key_ticks: int) -> None:
    """Threads, processes, looks, locks, findings and costs of every tick, whether few, some or all ticks are whole."""
    moments = script()
    recording = Recording(written(tmp_path / "a", moments, key_ticks=key_ticks))
    assert_equal(list(recording.moments(0, len(moments))), moments)
    assert [tick.is_key for tick in recording.ticks] == [index % key_ticks == 0 for index in range(len(moments))]
    recording.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_machine_at_random_comes_back(tmp_path: Path, seed: int) -> None:
    """Whatever comes, goes, changes or is reused: the samples, their order, and the screens are the same."""
    moments = random_moments(seed)
    replay = Replay(written(tmp_path / "a", moments, key_ticks=7))
    assert_equal(list(replay.recording.moments(0, len(moments))), moments)
    assert [replay.read(None) for _ in moments] == meant(moments)  # type: ignore[arg-type]
    replay.close()


def test_what_did_not_change_is_the_same_object(tmp_path: Path) -> None:
    """Rates and tables pass over what is the same object: reading a file keeps that, also over key ticks."""
    moments = script()
    recording = Recording(written(tmp_path / "a", moments))
    read = list(recording.moments(0, len(moments)))
    same = [0, 0, 0]
    for before, now, old, new in zip(moments, moments[1:], read, read[1:], strict=False):
        for pid, process in now.sample.processes.items():
            was = before.sample.processes.get(pid)
            if was is process:
                same[0] += 1
                assert new.sample.processes[pid] is old.sample.processes[pid]
            elif was is not None and was.start_ticks == process.start_ticks:
                for tid in [tid for tid, thread in process.threads.items() if thread is was.threads.get(tid)]:
                    same[1] += 1
                    assert new.sample.processes[pid].threads[tid] is old.sample.processes[pid].threads[tid]
        for pid, gil in now.sample.gils.items():
            if before.sample.gils.get(pid) is gil:
                same[2] += 1
                assert new.sample.gils[pid] is old.sample.gils[pid]
    assert min(same) > 3  # else nothing was put to the test
    recording.close()


def test_a_replay_shows_what_the_live_screen_showed(tmp_path: Path) -> None:
    """Tick by tick: rates, shares of the GIL and of time, locks, deadlocks and findings are equal, and then it ends."""
    moments = script()
    replay = Replay(written(tmp_path / "a", moments))
    shown = [replay.read(None) for _ in moments]  # type: ignore[arg-type]
    assert shown == meant(moments)
    assert any(process.gil and process.locks for shot in shown if shot for process in shot.processes.values())
    assert replay.read(None) is None  # type: ignore[arg-type]
    assert replay.at == len(moments) - 1
    replay.close()


def test_any_tick_can_be_gone_to(tmp_path: Path) -> None:
    """Forwards, backwards, beyond both ends: the tick as the live screen showed it, and it goes on from there."""
    moments = script()
    shots = meant(moments)
    replay = Replay(written(tmp_path / "a", moments))
    last = len(moments) - 1
    for asked, index in [*((at, at) for at in range(last + 1)), (3, 3), (-5, 0), (last + 9, last), (0, 0)]:
        assert without_samples(replay.seek(asked)[-1]) == without_samples(shots[index]), asked
        assert replay.at == index
        following = replay.read(None)  # type: ignore[arg-type]
        if index < last:
            assert following is not None
            assert without_samples(following) == without_samples(shots[index + 1]), asked
        else:
            assert following is None
    replay.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_tick_of_a_machine_at_random_can_be_gone_to(tmp_path: Path, seed: int) -> None:
    """Rates need only the tick before: each tick is shown as it was, with the ticks that led to it."""
    moments = random_moments(seed)
    shots = meant(moments)
    replay = Replay(written(tmp_path / "a", moments, key_ticks=7))
    for index in (0, 39, 1, 7, 6, 20, 8, 13):
        *past, shown = replay.seek(index)
        assert [row.key for row in shown.processes.values()] == [row.key for row in shots[index].processes.values()]
        for pid, row in shown.processes.items():
            assert row.threads == shots[index].processes[pid].threads
        assert [shot.time for shot in past] == [one.time for one in shots[index - len(past) : index]]
    replay.close()


# -- places in it ------------------------------------------------------------------------------


def test_findings_are_marked_where_they_began(tmp_path: Path) -> None:
    """One mark for each run of a finding; one that came again is marked again, a worse one is a problem."""
    recording = Recording(written(tmp_path / "a", script()))
    assert recording.marks() == [
        Mark(2, "gil-bound", 100, is_problem=True),
        Mark(2, "many-threads", 300, is_problem=False),
        Mark(7, "gil-bound", 100, is_problem=True),
        Mark(14, "gil-bound", 300, is_problem=True),
    ] or pytest.fail(str(recording.marks()))
    recording.close()


def test_ticks_are_found_by_time(tmp_path: Path) -> None:
    """The last that had begun; before the first, the first; windows begin at a tick or at the first one."""
    moments = script()
    recording = Recording(written(tmp_path / "a", moments))
    times = [moment.sample.time for moment in moments]
    assert [recording.index_at(time) for time in times] == list(range(len(times)))
    assert recording.index_at(times[3] + 0.99) == 3
    assert recording.index_at(times[0] - 1) == 0
    assert recording.index_at(times[-1] + 9999) == len(times) - 1
    assert recording.first_of(10, 3_000_000_000, 1) == 7
    assert recording.first_of(10, 2_500_000_000, 1) == 8
    assert recording.first_of(10, 0, 4) == 6
    assert recording.first_of(1, 9_000_000_000, 3) == 0
    recording.close()


def test_a_recording_names_its_machine(tmp_path: Path) -> None:
    """Host name, kernel, and the units of ticks and pages, as numbers in it need them."""
    recording = Recording(written(tmp_path / "a", script()[:1]))
    assert recording.meta["hostname"] == "box"
    assert {"threadtop", "machine", "kernel", "clock_ticks_per_s", "page_bytes"} <= recording.meta.keys()
    assert len(recording.ticks) == 1
    recording.close()


# -- writing -----------------------------------------------------------------------------------


def test_a_tick_that_rests_costs_no_rows(tmp_path: Path) -> None:
    """Where nothing changed, nothing stands but the tick; what was only read again is in its blob."""
    moments = script()
    path = written(tmp_path / "a", moments, key_ticks=60)
    with sqlite3.connect(path) as connection:
        count = {
            table: dict(connection.execute(f"SELECT tick, count(*) FROM {table} GROUP BY tick"))  # noqa: S608
            for table in ("process_samples", "thread_samples", "looks", "ended")
        }
        rereads = [tick for (tick,) in connection.execute("SELECT tick FROM ticks WHERE rereads IS NOT NULL")]
    connection.close()
    assert all(9 not in ticks for ticks in count.values())  # the ninth: all rests
    assert count["thread_samples"][6] == 1
    assert rereads == [6]


class Failing:
    """A connection that fails at some statement, once."""

    def __init__(self, connection: sqlite3.Connection, at: str) -> None:
        """Fail when a statement begins so."""
        self.connection = connection
        self.at = at

    def _fail(self, statement: str) -> None:
        if self.at and statement.startswith(self.at):
            self.at = ""
            message = "database or disk is full"
            raise sqlite3.OperationalError(message)

    def execute(self, statement: str, *values: object) -> object:
        """As a connection does."""
        self._fail(statement)
        return self.connection.execute(statement, *values)  # type: ignore[arg-type]

    def executemany(self, statement: str, rows: object) -> object:
        """As a connection does."""
        self._fail(statement)
        return self.connection.executemany(statement, rows)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self.connection, name)


STATEMENTS = ("BEGIN", "COMMIT", "INSERT INTO ticks", "INSERT INTO looks", "INSERT INTO thread_samples")


@pytest.mark.parametrize(
    "at", [*STATEMENTS, "INSERT INTO findings", "INSERT INTO process_samples", "INSERT INTO ended"]
)
def test_a_tick_that_cannot_be_written_leaves_no_trace(tmp_path: Path, at: str) -> None:
    """It fails as a whole, the error says so, and the next one is whole: the file holds all the others."""
    moments = script()
    path = tmp_path / "a"
    connection = Failing(created(path), "")
    out = Writer(connection, path)  # type: ignore[arg-type]
    out.key_ticks = 60
    kept = []
    for index, moment in enumerate(moments):
        if index == 2:  # in which all tables have rows
            connection.at = at
            with pytest.raises(RecordingError, match="the disk is full: what was recorded before is kept"):
                out.add(moment)
        else:
            out.add(moment)
            kept.append(moment)
        assert out.ticks == len(kept)
    out.close()
    assert len(kept) == len(moments) - 1
    recording = Recording(path)
    assert_equal(list(recording.moments(0, len(kept))), kept)
    assert sum(tick.is_key for tick in recording.ticks) == 2
    recording.close()


def test_an_interrupted_tick_leaves_no_trace(tmp_path: Path) -> None:
    """Ctrl+C in the middle of a tick: it is not written, and the interrupt goes on."""
    moments = script()
    path = tmp_path / "a"
    out = Writer(created(path), path)
    out.add(moments[0])
    broken = moments[1]._replace(findings=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        out.add(broken)
    out.add(moments[1])
    out.close()
    recording = Recording(path)
    assert_equal(list(recording.moments(0, 2)), moments[:2])
    recording.close()


def test_numbers_beyond_what_sqlite_holds_do_not_end_a_recording(tmp_path: Path) -> None:
    """Counters of 64 bits and more are written as the greatest that fits; all else of the tick is as it was."""
    huge = thread_sample(100, run_ns=2**64 - 1, start_ticks=2**63, vol=-(2**70))
    moments = script()
    odd = sample(20.0, process_sample(100, huge, thread_sample(101), vsize_bytes=2**64))
    tally = moments[1].sample.gils[100]
    odd = odd._replace(gils={100: tally._replace(threads={2**64 - 1: tally.threads[100]._replace(looks=2**66)})})
    path = written(tmp_path / "a", [moments[0], Moment(odd, {}, ()), moments[1]])
    recording = Recording(path)
    first, between, last = recording.moments(0, 3)
    assert_equal([first, last], moments[:2])
    threads = between.sample.processes[100].threads
    assert threads[100][:1] + threads[100][3:5] + threads[100][8:9] == (100, "S", 2**62 - 1, -(2**62 - 1))
    assert threads[101] == odd.processes[100].threads[101]
    assert list(between.sample.gils[100].threads) == [2**62 - 1]
    recording.close()
    assert error_of(path) == ""


def test_environments_are_never_recorded(tmp_path: Path) -> None:
    """What an open pane read, an environment above all, is no part of a recording."""
    moment = script()[0]
    open_pane = moment.sample._replace(inside=Found(Asked("environment", 100), 1000, "TOKEN=hunter2"))
    path = written(tmp_path / "a", [moment._replace(sample=open_pane)])
    assert b"hunter2" not in path.read_bytes()


def test_names_come_back_to_the_byte(tmp_path: Path) -> None:
    """Names, command lines and words of findings that are not UTF-8; those that are, are text to other tools."""
    moments = [
        Moment(sample(0, process_sample(300, name=ODD_NAME, command="gr\u00fcn")), {}, (finding(ODD_NAME[:4], 300),))
    ]
    moments = [moments[0]._replace(findings=(finding("kind", 300, explanation=ODD_NAME),))]
    path = written(tmp_path / "a", moments)
    recording = Recording(path)
    assert_equal(list(recording.moments(0, 1)), moments)
    recording.close()
    with sqlite3.connect(path) as connection:
        row = connection.execute("SELECT typeof(name), typeof(command), command FROM processes").fetchone()
    connection.close()
    assert row == ("blob", "text", "gr\u00fcn")
