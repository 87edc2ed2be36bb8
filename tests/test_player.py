"""A recording played: its own pace, speed, steps, jumps and findings; by values, without waiting."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from builders import NOON, process_sample, ran, sample, snapshot, thread_sample
from recorded import recorded
from threadtop.history import History
from threadtop.interest import Interest
from threadtop.recording.player import LEAST_SPEED, LONGEST_S, MOST_SPEED, REST_S, Player
from threadtop.recording.replay import Replay
from threadtop.snapshot import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from threadtop.sample import Sample, ThreadSample

START = process_sample(100).start_ticks
SPIN = Finding("spinning", 100, START, "server", "it spins", "It spins.", (), "exact", 60.0)
LEAK = Finding("thread-leak", 100, START, "server", "it leaks", "It leaks.", (), "exact", 40.0)


def samples(count: int, gap_s: float = 1.0) -> list[Sample]:
    """A thread that runs half of the time."""
    thread, found = thread_sample(100), []
    for tick in range(count):
        at_s = 1 + tick * gap_s
        thread = ran(thread, at_s, run_ms=500 * gap_s if tick else 0)
        found.append(sample(at_s, process_sample(100, thread, at_ns=round(at_s * 1e9))))
    return found


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    """Ten seconds; something is found from the third to the fifth tick, and at the eighth."""
    found = ((), (), (SPIN,), (SPIN,), (SPIN,), (), (), (LEAK,), (), ())
    made = Player(Replay(recorded(tmp_path / "a.ttr", *samples(10), findings=found)))
    yield made
    made.close()


def test_where_it_is(player: Player) -> None:
    """Its place and the clock of it, the times of both ends, and where findings began."""
    at = player.position
    assert (at.place, at.total, at.time, at.first_time, at.last_time) == (0, 10, NOON + 1, NOON + 1, NOON + 10)
    assert not at.is_end
    assert [(place, mark.kind, mark.is_problem) for place, mark in at.marks] == [
        (2, "spinning", True),
        (7, "thread-leak", False),
    ]
    player.go(99)
    assert (player.position.place, player.position.is_end) == (9, True)
    player.go(-5)
    assert player.position.place == 0


def test_steps_and_moves(player: Player) -> None:
    """By ticks, by seconds (at least one tick), to a time."""
    for by, place in ((3, 3), (-1, 2), (-9, 0), (20, 9)):
        player.step(by)
        assert player.position.place == place
    for seconds, place in ((-4.0, 5), (-0.2, 4), (0.2, 5), (3.5, 8), (60.0, 9), (-60.0, 0)):
        player.move(seconds)
        assert player.position.place == place
    for time, place in ((NOON + 4.5, 3), (NOON + 5, 4), (0.0, 0), (NOON + 99, 9)):
        player.go_to(time)
        assert player.position.place == place


def test_to_findings(player: Player) -> None:
    """To where the next one begins, and back; where there is none nothing is done."""
    found = [player.next_mark(1), player.next_mark(1)]
    assert [mark.kind for mark in found if mark is not None] == ["spinning", "thread-leak"]
    assert player.next_mark(1) is None
    assert player.position.place == 7
    back = player.next_mark(-1)
    assert back is not None
    assert (back.kind, player.position.place) == ("spinning", 2)
    assert player.next_mark(-1) is None


def test_speed_is_bounded(player: Player) -> None:
    """Doubled and halved, up to a limit each way."""
    assert player.scale(2) == 2
    assert player.scale(1000) == MOST_SPEED
    assert player.scale(0.0001) == LEAST_SPEED


def test_what_is_read(player: Player) -> None:
    """The next tick follows from the one before; any other comes with what lies before it."""
    player.go(5)
    shot, past = player.now()
    assert shot.time == NOON + 6
    assert shot.processes[100].threads[100].cpu_pct == pytest.approx(50)
    assert [one.time for one in past][-1] == NOON + 5
    assert player.position.place == 5


def due(player: Player, monkeypatch: pytest.MonkeyPatch, after_s: float) -> list[float | None]:
    """How long it would wait for the next tick, ``after_s`` after the one shown; "now" is an empty list."""
    waits: list[float | None] = []

    def wait(left: float | None = None) -> None:
        waits.append(left)
        player.stop()

    monkeypatch.setattr(player._wake, "wait", wait)
    monkeypatch.setattr("threadtop.recording.player.time.monotonic", lambda: 1000.0 + after_s)
    player._due(1000.0)
    return waits


def test_it_keeps_the_pace_of_its_ticks(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second between ticks a second apart, half of it at twice the speed; what is due is shown at once."""
    player.now()
    assert due(player, monkeypatch, 0.25) == [0.75]


def test_twice_as_fast(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the time."""
    player.now()
    player.scale(2)
    assert due(player, monkeypatch, 0.25) == [0.25]


def test_what_is_due_is_shown(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait once the time is over, nor for what was asked for."""
    player.now()
    assert due(player, monkeypatch, 1.0) == []
    player.go(7)
    assert due(player, monkeypatch, 0.0) == []


def test_paused_and_at_the_end_it_waits_to_be_told(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a limit."""
    player.now()
    player.pause(paused=True)
    assert due(player, monkeypatch, 5.0) == [None]


def test_at_the_end_it_waits(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last tick stays."""
    player.go(9)
    player.now()
    assert due(player, monkeypatch, 5.0) == [None]


def test_a_long_gap_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that slept for an hour holds nobody up for that long."""
    player = Player(Replay(recorded(tmp_path / "b.ttr", *samples(3, 3600.0))))
    player.now()
    assert due(player, monkeypatch, 0.0) == [LONGEST_S]
    player.close()


def test_some_time_after_a_jump_it_looks_back(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at once, for another jump may follow; once the past is there, it waits for the next tick only."""
    player.now()
    player._is_short = True
    assert due(player, monkeypatch, 0.1) == [pytest.approx(REST_S - 0.1)]


def test_the_minutes_before_a_jump(tmp_path: Path) -> None:
    """They come some time after it, as they would be had it been played from the beginning; once."""
    moments = [sample(1 + tick, process_sample(100, moved(tick))) for tick in range(40)]
    file = recorded(tmp_path / "c.ttr", *moments)
    played, replay = History(), Replay(file)
    for _ in range(31):
        played.add(replay.read(Interest()) or snapshot())
    replay.close()
    news: SimpleQueue[None] = SimpleQueue()
    player = Player(Replay(file), start=30)
    player.deliver = lambda: news.put(None)
    player.pause(paused=True)
    player.start()
    try:
        found = None
        while found is None:
            news.get(timeout=60)
            found = player.take_history()
    finally:
        player.stop()
    key = (100, 100, 1000)
    assert found.series(key, "cpu_pct") == played.series(key, "cpu_pct")
    assert len(set(found.series(key, "cpu_pct"))) == 30
    assert found.seconds(key, 40, None) == played.seconds(key, 40, None)
    assert player.take_history() is None


def moved(tick: int) -> ThreadSample:
    """A thread that runs a little more in each second."""
    return ran(thread_sample(100), 1 + tick, run_ms=tick * (tick + 1) / 2)


def test_a_picture_has_the_minutes_before(tmp_path: Path) -> None:
    """Who reads without its thread is given all of the past."""
    file = recorded(tmp_path / "d.ttr", *(sample(1 + tick, process_sample(100, moved(tick))) for tick in range(40)))
    player = Player(Replay(file), start=30)
    shot, past = player.now()
    player.close()
    assert (shot.time, [one.time for one in past]) == (NOON + 31, [NOON + 1 + tick for tick in range(30)])
