"""The lens of time, by values: exact parts as counted, the rest divided by looks, and all of it 100."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row, sample, snapshot, thread_row
from threadtop import time_rows
from threadtop.blocked import BlockedOn, WaitSample, WaitTally
from threadtop.gil_rows import Estimate, GilShare
from threadtop.lenses.time import LEAST_LOOKS, TimeLens, share, since
from threadtop.rates import SECOND_NS
from threadtop.sample import WatchCost
from threadtop.time_rows import TimeShare, by_one_look

if TYPE_CHECKING:
    from threadtop.procfs.reasons import Kind
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

PID = 100
BUSY = {"cpu_pct": 20.0, "user_pct": 15.0, "system_pct": 5.0, "wait_pct": 10.0, "vol_per_s": 9.0}


def found(looks: int = 10, **rounds: int) -> WaitTally:
    """What looks at a thread have found, each standing for some rounds."""
    return WaitTally(looks, rounds)  # type: ignore[arg-type]


def waits(at_s: float, threads: dict[int, WaitTally], **said: object) -> WaitSample:
    """What the watch of process 100 had found by then."""
    whole = WaitSample(PID, 1000, 1, round(at_s * SECOND_NS), "", "", threads)
    return whole._replace(**said)  # type: ignore[arg-type]


def busy(tid: int = PID, **said: object) -> ThreadRow:
    """A thread that ran 20 %, waited for a CPU 10 %, and was blocked for the rest."""
    return thread_row(tid, **{**BUSY, **said})


def apply(lens: TimeLens, one: WaitSample, row: ProcessRow, cost: WatchCost | None = None) -> Snapshot:
    """One tick."""
    whole = sample(one.at_ns / SECOND_NS)._replace(waits={PID: one}, wait_watch=cost or WatchCost(0, 25.0))
    return lens.apply(whole, snapshot(row))


def total(one: TimeShare) -> float:
    """All parts of a thread's time."""
    return one.user_pct + one.system_pct + one.runq_pct + sum(part for _, part in one.blocked)


def shared(thread: ThreadRow, tally: WaitTally, **said: object) -> TimeShare:
    """The share of a thread."""
    one = share(thread, tally, waits(1, {}, **said))
    assert one is not None
    return one


# -- one share ---------------------------------------------------------------------------------


def test_the_rest_is_divided_as_the_looks_were() -> None:
    """What was counted stands as it is; the looks divide only what is left, by what they stand for."""
    one = shared(busy(), found(12, lock=30, pipe=10))
    assert (one.user_pct, one.system_pct, one.runq_pct) == (15.0, 5.0, 10.0)
    assert one.blocked == (("lock", 52.5), ("pipe", 17.5))
    assert (one.samples, one.is_whole, one.why_not) == (12, False, "")


@pytest.mark.parametrize(
    ("cpu_pct", "wait_pct"), [(0.0, 0.0), (20.0, 10.0), (33.3, 66.7), (40.0, 70.0), (100.0, 0.0), (100.0, 3.0)]
)
def test_all_parts_are_100(cpu_pct: float, wait_pct: float) -> None:
    """Counters that were read a little apart may add up to more: then the run queue has less."""
    thread = busy(cpu_pct=cpu_pct, user_pct=cpu_pct * 0.7, system_pct=cpu_pct * 0.3, wait_pct=wait_pct)
    one = shared(thread, found(7, gil=1, lock=2, disk=3, other=1))
    assert total(one) == pytest.approx(100, abs=1e-9)
    assert one.cpu_pct == pytest.approx(cpu_pct)
    assert one.runq_pct <= wait_pct


def test_kinds_in_the_order_of_a_bar() -> None:
    """However they were found, shares come in one order."""
    names = [kind for kind, _ in shared(busy(), found(9, sleep=1, gil=1, unknown=1, lock=1)).blocked]
    assert names == ["gil", "lock", "sleep", "unknown"]


def test_too_young_for_a_tick() -> None:
    """CPU time that no tick has divided yet is user time, and still counts."""
    one = shared(busy(user_pct=None, system_pct=None), found(9, sleep=1))
    assert (one.user_pct, one.system_pct) == (20.0, 0.0)
    assert total(one) == pytest.approx(100)


def test_without_rates() -> None:
    """Before two readings nothing is known; without a run-queue counter that time is part of the rest."""
    assert share(busy(cpu_pct=None), found(9, sleep=1), waits(1, {})) is None
    assert shared(busy(wait_pct=None), found(9, sleep=1)).of("sleep") == 80.0


def test_why_not() -> None:
    """The rule is named where a part could not be looked at, and only there."""
    assert shared(busy(), found(9, unknown=1, disk=1), why_not="denied").why_not == "denied"
    assert shared(busy(), found(9, lock=1), why_not="denied").why_not == ""


def gil(wait_pct: float | None) -> GilShare:
    """What the watch of a GIL says of a thread."""
    return GilShare("estimate", "", None, wait_pct, None, None, None, None, None, 9, True)


@pytest.mark.parametrize(
    ("wait_pct", "tells_gil", "expected"),
    [
        (40.0, False, {"gil": 40.0, "lock": 12.5, "pipe": 17.5}),
        (Estimate(40.0), False, {"gil": 40.0, "lock": 12.5, "pipe": 17.5}),
        (90.0, False, {"gil": 52.5, "pipe": 17.5}),
        (0.0, False, {"lock": 52.5, "pipe": 17.5}),
        (None, False, {"lock": 52.5, "pipe": 17.5}),
        (40.0, True, {"lock": 52.5, "pipe": 17.5}),
    ],
)
def test_the_gil_by_its_own_watch(wait_pct: float | None, tells_gil: bool, expected: dict[str, float]) -> None:  # noqa: FBT001 a case
    """Where looks cannot tell it from a lock, what its own watch says comes off the locks, and off nothing else."""
    one = shared(busy(gil=gil(wait_pct)), found(9, lock=30, pipe=10), tells_gil=tells_gil)
    assert dict(one.blocked) == pytest.approx(expected)


def test_an_estimated_gil_stays_an_estimate() -> None:
    """Of another user's thread looks see nothing: what its counters suggest is taken from that, and marked."""
    one = shared(busy(gil=gil(Estimate(40.0))), found(9, unknown=30, lock=10))
    assert dict(one.blocked) == pytest.approx({"gil": 40.0, "unknown": 30.0})
    assert isinstance(one.of("gil"), Estimate)
    assert not isinstance(shared(busy(gil=gil(40.0)), found(9, lock=30)).of("gil"), Estimate)
    assert total(one) == pytest.approx(100)


# -- tallies and the window --------------------------------------------------------------------


def test_what_came_since() -> None:
    """Two tallies give what was found between them; one that began anew stands for itself."""
    assert since(found(10, lock=20), found(15, lock=24, pipe=1)) == found(5, lock=4, pipe=1)
    assert since(found(10, lock=20), found(3, lock=6)) == found(3, lock=6)
    assert since(found(10, lock=20), found(12, pipe=25)) == found(12, pipe=25)
    assert since(found(10, lock=20, pipe=3), found(12, lock=25, pipe=1)) == found(12, lock=25, pipe=1)


def shown(lens: TimeLens, one: WaitSample, row: ProcessRow) -> TimeShare | None:
    """What is said of thread 100 after this tick."""
    return apply(lens, one, row).processes[PID].threads[PID].sampled


def test_the_window() -> None:
    """Shares are those of the last seconds: what was found before them has no part in it."""
    lens = TimeLens(window_s=3)
    shares = []
    for at in range(10):
        rounds = {"lock": 25 * min(at, 4), "pipe": 25 * max(0, at - 4)}
        shares.append(shown(lens, waits(at, {PID: WaitTally(25 * at, rounds)}), process_row(PID, busy(cpu_ns=at))))  # type: ignore[arg-type]
    parts = [one and round(one.of("lock") / 0.7) for one in shares]
    assert parts == [None, 100, 100, 100, 100, 67, 33, 0, 0, 0]
    assert [one.samples for one in shares if one] == [25, 50, 75, 75, 75, 75, 75, 75, 75]


def test_ticks_in_quick_succession() -> None:
    """Ticks of 10 ms do not fill the memory, and the window stays as long as it is."""
    lens = TimeLens(window_s=3)
    for at in range(1000):
        one = shown(lens, waits(at / 100, {PID: found(at, lock=at)}), process_row(PID, busy(cpu_ns=at)))
    assert one is not None
    assert 290 <= one.samples <= 330
    assert len(lens._watched[PID]._ticks) < 20


def test_the_first_tick() -> None:
    """What a watch has found since it began counts at once: it began after the pass before."""
    one = shown(TimeLens(), waits(1, {PID: found(LEAST_LOOKS, lock=9)}), process_row(PID, busy()))
    assert one is not None
    assert one.blocked == (("lock", 70.0),)


def test_a_watch_that_began_anew() -> None:
    """Tallies of another beginning are not subtracted."""
    lens = TimeLens()
    apply(lens, waits(1, {PID: found(50, lock=50)}), process_row(PID, busy()))
    apply(lens, waits(2, {PID: found(75, lock=75)}), process_row(PID, busy()))
    one = shown(lens, waits(3, {PID: found(80, pipe=80)}, began=2), process_row(PID, busy(cpu_ns=1)))
    assert one is not None
    assert (one.samples, one.blocked) == (80, (("pipe", 70.0),))


def test_another_thread_by_that_tid() -> None:
    """A tid that was free again: nothing of the thread before is subtracted."""
    lens = TimeLens()
    apply(lens, waits(1, {PID: found(5, lock=5)}), process_row(PID, busy()))
    one = shown(lens, waits(2, {PID: found(9, lock=9)}), process_row(PID, busy(start_ticks=2000)))
    assert one is not None
    assert one.samples == 9


def test_too_few_looks() -> None:
    """One look divides nothing: what the pass itself found stands."""
    row = process_row(PID, busy(wchan="pipe_read"))
    after = apply(TimeLens(), waits(1, {PID: found(1, lock=1)}), row)
    assert after.processes[PID] is row
    assert row.threads[PID].time == TimeShare(15.0, 5.0, 10.0, (("pipe", 70.0),), 1)


# -- rows that stay ----------------------------------------------------------------------------


def test_threads_at_rest_keep_their_rows() -> None:
    """Only rows of threads that moved are touched; at rest one look says all."""
    row = process_row(PID, busy(), thread_row(101, wchan="futex_do_wait"), thread_row(102, state="T"))
    tallies = {tid: found(50, sleep=50) for tid in (100, 101, 102)}
    after = apply(TimeLens(), waits(1, tallies), row).processes[PID]
    assert after.threads[101] is row.threads[101]
    assert after.threads[101].time == TimeShare(0.0, 0.0, 0.0, (("lock", 100.0),), 1, is_whole=True)
    assert after.threads[102].time == TimeShare(0.0, 0.0, 0.0, (("stopped", 100.0),), 1, is_whole=True)
    assert after.threads[100].sampled is not None


def test_a_process_at_rest_keeps_its_row() -> None:
    """Where nothing moved the process's row is the same object, as are those that are not watched."""
    row = process_row(PID, thread_row(PID))
    lens = TimeLens()
    shot = apply(lens, waits(1, {PID: found(50, sleep=50)}), row)
    assert shot.processes[PID] is row
    assert lens.apply(sample(2), shot) is shot


def test_a_row_without_news_stays() -> None:
    """The same raw row with the same share is the row of the last tick; with another share it is not."""
    lens, row = TimeLens(), process_row(PID, busy())
    apply(lens, waits(0, {}), row)
    before = apply(lens, waits(1, {PID: found(10, lock=10)}), row).processes[PID]
    assert apply(lens, waits(2, {PID: found(10, lock=10)}), row).processes[PID] is before
    after = apply(lens, waits(3, {PID: found(20, lock=10, pipe=10)}), row).processes[PID]
    assert after is not before
    assert after.threads[PID].sampled != before.threads[PID].sampled


def test_a_pid_that_is_used_again() -> None:
    """What was found of another process by that pid is not shown."""
    row = process_row(PID, busy(), start_ticks=7)
    assert apply(TimeLens(), waits(1, {PID: found(50, lock=50)}), row).processes[PID] is row


def test_the_cost_of_looking() -> None:
    """The share of a core comes from two readings of the watch's CPU time."""
    lens, row = TimeLens(), process_row(PID, thread_row(PID))
    first = apply(lens, waits(1, {}), row, WatchCost(5_000_000, 25.0))
    assert (first.wait_watch_pct, first.wait_watch_per_s) == (None, 25.0)
    second = apply(lens, waits(3, {}), row, WatchCost(35_000_000, 24.0))
    assert (second.wait_watch_pct, second.wait_watch_per_s) == (1.5, 24.0)


# -- one look ----------------------------------------------------------------------------------


def test_one_look_and_why_not() -> None:
    """What one look may not know names its rule; a runnable thread's rest is not known, and no rule forbids it."""
    kinds: dict[Kind | None, str] = {"unknown": "denied", "lock": "", None: ""}
    for kind, why_not in kinds.items():
        assert by_one_look(1.0, 1.0, 0.0, kind, "denied").why_not == why_not
    assert thread_row(PID, blocked=BlockedOn(why_not="denied")).time == TimeShare(
        0.0, 0.0, 0.0, (("unknown", 100.0),), 1, is_whole=True, why_not="denied"
    )


@pytest.mark.parametrize(
    ("one_look", "wait_pct", "blocked"),
    [
        pytest.param(by_one_look(10, 0, 0, "lock"), 80.0, (("gil", 80.0), ("unknown", 10.0)), id="the futex was it"),
        pytest.param(by_one_look(10, 0, 0, None), 80.0, (("gil", 80.0), ("unknown", 10.0)), id="it ran just then"),
        pytest.param(by_one_look(10, 0, 0, "poll"), 50.0, (("gil", 50.0), ("poll", 40.0)), id="it polled just then"),
        pytest.param(by_one_look(10, 0, 0, "lock"), 95.0, (("gil", 90.0),), id="more than is left"),
        pytest.param(by_one_look(10, 0, 0, "lock"), None, (("lock", 90.0),), id="not known"),
        pytest.param(by_one_look(0, 0, 0, "lock"), 0.0, (("lock", 100.0),), id="none"),
        pytest.param(by_one_look(100, 0, 0, None), 10.0, (), id="nothing is left"),
    ],
)
def test_looks_at_the_gil_say_more_than_the_one_look(
    one_look: TimeShare, wait_pct: float | None, blocked: tuple[tuple[str, float], ...]
) -> None:
    """Where a GIL is watched, a row without looks of its own shows how much it waited for it."""
    found = time_rows.with_gil(one_look, wait_pct, 500)
    assert found.blocked == blocked
    assert found.samples == (500 if blocked[:1] and blocked[0][0] == "gil" else one_look.samples)


@pytest.mark.parametrize(
    ("blocked", "lock_pct", "disk_pct"),
    [
        ((("unknown", 99.9),), None, None),
        ((("lock", 40.0), ("unknown", 50.0)), 40.0, None),
        ((("poll", 99.5), ("unknown", 0.5)), 0.0, 0.0),
        ((("poll", 100.0),), 0.0, 0.0),
        ((), 0.0, 0.0),
    ],
)
def test_what_nobody_could_see_is_not_0(
    blocked: tuple[tuple[Kind, float], ...], lock_pct: float | None, disk_pct: float | None
) -> None:
    """A kind of waiting that was not seen is not known where much of the time is not."""
    row = thread_row(cpu_pct=0.0, sampled=TimeShare(0.0, 0.0, 0.0, blocked, 10))
    assert (row.lock_pct, row.disk_pct) == (lock_pct, disk_pct)
