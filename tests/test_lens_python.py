"""The Python lens: tallies to shares of the last seconds, on rows that stay the same objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import MS_NS, process_row, process_sample, ran, sample, snapshot, thread_sample
from gil_samples import at, figures, gil, lock, row, share, shown, tally, two
from threadtop import rates
from threadtop.lenses.python import GIL_OFF, PythonLens
from threadtop.rates import SECOND_NS
from threadtop.sample import GilMoment, WatchCost

if TYPE_CHECKING:
    from threadtop.snapshot import Snapshot


# -- the window --------------------------------------------------------------------------------


def test_one_tick_has_a_grade_but_no_shares() -> None:
    """Nothing to subtract from: all figures are unknown, of thread and process."""
    (shot,) = shown(at(gil(0, threads={100: tally(held=5)}, locks=(lock(5, 5),)), thread_sample(100)))
    assert figures(share(shot)) == (None,) * 7
    assert (share(shot).grade, share(shot).is_python) == ("exact", True)
    assert row(shot)[:8] == ("exact", "", "", "3.12.3", True, None, None, None)
    assert (row(shot).samples, row(shot).window_s) == (0, 0.0)


def test_tallies_are_subtracted() -> None:
    """What was found before the window does not count."""
    old = gil(6, threads={100: tally(waited=900)}, locks=(lock(900, 0, 1000),))
    new = gil(10, threads={100: tally(waited=900, held=100, blocked=100)}, locks=(lock(1100, 100, 1800),))
    shot = two(old, new, run_ms=2000)
    assert figures(share(shot)) == pytest.approx((50, 50, 0, 0, 0, 0, 50))
    found = row(shot)
    assert (found.utilisation_pct, found.switches_per_s, found.waiters) == pytest.approx((50, 200, 0))
    assert (found.samples, found.window_s, share(shot).samples) == (200, 4.0, 200)


def ticks(*held: int, step_s: float = 1.0) -> list[Snapshot]:
    """A thread without counters in 100 looks a tick, of which so many found it with the GIL."""
    samples, total = [], 0
    for number, count in enumerate(held):
        total += count
        found = gil(number * step_s, threads={100: tally(held=total, blocked=100 * number - total)})
        samples.append(at(found, thread_sample(100, run_ns=None)))
    return shown(*samples)


def test_the_window_is_five_seconds() -> None:
    """Of eight ticks of a second the last five count, and half a tick more is allowed."""
    shots = ticks(0, 100, 100, 50, 0, 0, 0, 0, 0)
    assert [share(shot).holds_pct for shot in shots] == [None, 100, 100, pytest.approx(250 / 3), 62.5, 50, 30, 10, 0]
    assert [row(shot).window_s for shot in shots] == [0, 1, 2, 3, 4, 5, 5, 5, 5]
    assert row(ticks(*[0] * 9, step_s=2.0)[-1]).window_s == 6.0
    assert row(ticks(*[0] * 9, step_s=2.3)[-1]).window_s == pytest.approx(4.6)


def test_the_tick_before_always_counts() -> None:
    """An interval longer than the window is the window."""
    assert row(ticks(0, 0, 0, step_s=60.0)[-1]).window_s == 60.0


def test_short_ticks_are_thinned_out() -> None:
    """Ten ticks a second keep the window at five seconds, in no more than half of the ticks."""
    lens = PythonLens()
    shots = shown(*(at(gil(number / 10), thread_sample(100)) for number in range(100)), lens=lens)
    assert [row(shot).window_s for shot in shots[-3:]] == pytest.approx([5.0] * 3, abs=0.21)
    assert len(lens._watched[100]._ticks) <= 28


def test_a_long_window_is_thinned_out() -> None:
    """An hour of a tick a second is a hundred ticks, with the rounds of the last alone: it must fit in memory."""
    lens = PythonLens(window_s=3600)
    moments = (GilMoment(0, (100,)),)
    shots = shown(*(at(gil(number, moments=moments), thread_sample(100)) for number in range(3700)), lens=lens)
    assert row(shots[-1]).window_s == pytest.approx(3600, abs=20)
    assert row(shots[-1]).moments == moments
    kept = lens._watched[100]._ticks
    assert len(kept) <= 105
    assert [len(tick.gil.moments) for tick in kept] == [0] * (len(kept) - 1) + [1]


@pytest.mark.parametrize("change", [{"began": 2}, {"grade": "estimate"}])
def test_another_attach_begins_anew(change: dict[str, object]) -> None:
    """Tallies of different attaches, or of different grades, are not subtracted."""
    assert two(gil(0), gil(1, **change)).processes[100].gil.window_s == 0.0  # type: ignore[union-attr]


def test_another_process_of_the_pid_gets_nothing() -> None:
    """What was found about a process stays with it: the start time must be the same."""
    shot = shown(at(gil(0, start_ticks=7), thread_sample(100)))[-1]
    assert shot.processes[100].gil is None
    assert shot.processes[100].threads[100].gil is None
    found = at(gil(0), thread_sample(100))
    empty = snapshot(process_row(200))
    assert PythonLens().apply(found, empty) is empty
    assert PythonLens().apply(found._replace(processes={}), empty) is empty


def test_a_new_thread_begins_at_zero() -> None:
    """Its tally is its own from the first look on, its counters from when it was first seen."""
    first = at(gil(0, threads={100: tally(blocked=1)}), thread_sample(100))
    new = thread_sample(101, at_ns=SECOND_NS)
    second = at(gil(1, threads={100: tally(blocked=2), 101: tally(held=10)}), thread_sample(100), new)
    later = gil(3, threads={100: tally(blocked=3), 101: tally(held=50, blocked=50)})
    shots = shown(first, second, at(later, thread_sample(100), ran(new, 3, run_ms=500)))
    assert figures(share(shots[1], 101)) == (100, 100, 0, 0, None, 0, 0)
    assert figures(share(shots[2], 101)) == pytest.approx((25, 25, 0, 0, 0, 0, 75))


def test_a_reused_tid_does_not_inherit() -> None:
    """Another thread under the tid of one that ended has its own tally, and so has one that shrank."""
    old, new = thread_sample(101), thread_sample(101, start_ticks=2000, run_ns=None)
    before = gil(0, threads={101: tally(held=50)})
    shot = shown(at(before, thread_sample(100)), at(gil(1, threads={101: tally(held=60)}), thread_sample(100)))[-1]
    assert shot.processes[100].threads.keys() == {100}
    for thread, found in ((new, tally(held=60, blocked=60)), (old._replace(run_ns=None), tally(held=30, blocked=30))):
        shot = shown(at(before, thread_sample(100), old), at(gil(1, threads={101: found}), thread_sample(100), thread))
        assert share(shot[-1], 101).holds_pct == 50


def test_a_thread_at_rest_is_blocked() -> None:
    """It did not run and every look found it blocked; one that slept on the GIL, or queued, is told otherwise."""
    thread = thread_sample(100)
    old = gil(0, threads={100: tally(blocked=5, waited=3, held=2)})
    for found, one, told in (
        (tally(blocked=9, waited=3, held=2), thread, (0, 0, 0, 0, 0, 0, 100)),
        (tally(blocked=8, waited=4, held=2), thread, (0, 0, 0, 0.6, 0, 0, 99.4)),
        (tally(blocked=9, waited=3, held=2), thread._replace(state="R"), None),
        (tally(blocked=8, waited=3, held=3), thread._replace(wait_ns=None), (25, 25, 0, 0, None, 0, 75)),
    ):
        shot = shown(at(old, one), at(gil(1, threads={100: found}), one))[-1]
        assert share(shot).samples == 4
        if told is None:
            assert (share(shot).runq_pct, share(shot).holds_pct) == (100, None)
        else:
            assert figures(share(shot)) == pytest.approx(told)


def test_a_thread_without_a_tally_is_unknown() -> None:
    """A thread that was not looked at has a grade and no figures."""
    shot = two(gil(0), gil(1))
    assert figures(share(shot)) == (None,) * 7
    assert (share(shot).grade, share(shot).is_python, share(shot).samples) == ("exact", None, 0)


def test_a_thread_that_was_not_looked_at_again_is_unknown() -> None:
    """What earlier looks found is no share of this window; that CPython knows it still holds."""
    found = {100: tally(held=50, is_python=True)}
    shot = two(gil(0, threads=found), gil(1, threads=found))
    assert figures(share(shot)) == (None,) * 7
    assert (share(shot).is_python, share(shot).samples) == (True, 0)


def test_gone_threads_have_no_share() -> None:
    """What ended is shown once, without a GIL."""
    both = (thread_sample(100), thread_sample(101))
    shot = shown(at(gil(0), *both), at(gil(1), both[0]))[-1]
    (gone,) = shot.processes[100].gone
    assert (gone.tid, gone.gil) == (101, None)


# -- the locks ---------------------------------------------------------------------------------


def test_utilisation_is_what_the_threads_held() -> None:
    """The sum over threads is made of exact counters: it stands where the looks at the lock agree within noise."""
    old = gil(0, threads={100: tally()}, locks=(lock(),))
    near = gil(1, threads={100: tally(held=50, blocked=50)}, locks=(lock(100, 59),))
    assert row(two(old, near, run_ms=500)).utilisation_pct == pytest.approx(50)
    far = gil(1, threads={100: tally(held=50, blocked=50)}, locks=(lock(100, 70),))
    assert row(two(old, far, run_ms=500)).utilisation_pct == pytest.approx(70)


def test_each_lock_has_its_own_figures() -> None:
    """Sub-interpreters with their own GIL: the busiest counts, hand-overs add up, holders by place."""
    old = gil(0, locks=(lock(0, 0, 10), lock(0, 0, 5, interpreters=(1,))))
    new = gil(
        2,
        locks=(lock(100, 20, 30, interpreters=(0, 2)), lock(100, 90, 105, interpreters=(1,)), lock(50, 5, 9)),
        moments=(GilMoment(1, (0, 0)), GilMoment(2, (100, -1))),
        holder_call="running",
    )
    new = new._replace(locks=(*new.locks[:2], new.locks[2]._replace(interpreters=(3,))))
    found = row(two(old, new))
    assert [one.utilisation_pct for one in found.locks] == [20, 90, 10]
    assert [one.switches_per_s for one in found.locks] == [10, 50, None]
    assert [one.holder for one in found.locks] == [100, None, None]
    free = row(two(old, new._replace(moments=(GilMoment(3, (0,)),))))
    assert [one.holder for one in free.locks] == [0, None, None]
    assert (found.utilisation_pct, found.switches_per_s, found.samples) == (90, 60, 100)
    assert found.moments == new.moments
    assert found.holder_call is None  # whose would it be?
    assert row(two(gil(0), gil(2, holder_call="running"))).holder_call == "running"


def test_a_lock_that_began_anew() -> None:
    """An interpreter that ended and came again has its own rounds."""
    for old in (lock(50, 10), lock(10, 50)):
        found = row(two(gil(0, locks=(old,)), gil(1, locks=(lock(40, 20, 2000),))))
        assert (found.utilisation_pct, found.switches_per_s) == (50, None)
    found = row(two(gil(0, locks=(lock(50, 10, 7),)), gil(1, locks=(lock(60, 10, 7),))))
    assert (found.utilisation_pct, found.switches_per_s) == (0, 0)


def test_noise_grows_with_fewer_looks() -> None:
    """Three points are always noise; of 100 rounds, half held, fifteen are."""
    for rounds, held, is_noise in ((100, 35, True), (100, 34, False), (10_000, 47, True), (10_000, 46, False)):
        new = gil(1, threads={100: tally(held=held, blocked=100 - held)}, locks=(lock(rounds, rounds // 2),))
        shot = two(gil(0, threads={100: tally()}), new, threads=(thread_sample(100, run_ns=None),))
        assert row(shot).utilisation_pct == (held if is_noise else 50)


def test_a_counter_that_went_back_is_unknown() -> None:
    """Hand-overs do not become fewer: None, not a negative rate."""
    assert row(two(gil(0, locks=(lock(0, 0, 10),)), gil(1, locks=(lock(9, 9, 9),)))).switches_per_s is None


def test_a_gil_that_is_off_has_no_shares() -> None:
    """A free-threaded build: threads are told why, the native ones still told apart."""
    threads = {100: tally(ran=5), 101: tally(ran=5, is_python=False)}
    old, new = (gil(at_s, threads=threads, locks=(lock(9 * at_s, is_enabled=False),)) for at_s in (0, 1))
    both = (thread_sample(100), thread_sample(101))
    shot = two(old, new, threads=both)
    assert [(share(shot, tid).why_not, share(shot, tid).is_python) for tid in (100, 101)] == [
        (GIL_OFF, True),
        (GIL_OFF, False),
    ]
    assert figures(share(shot)) == (None,) * 7
    found = row(shot)
    assert (found.is_enabled, found.utilisation_pct, found.switches_per_s, found.waiters) == (False, None, None, None)
    assert (found.samples, found.locks[0].holder) == (9, None)


# -- objects -----------------------------------------------------------------------------------


def test_no_watched_process_costs_nothing() -> None:
    """Without a watch the snapshot itself is handed on."""
    plain = sample(1, process_sample(100))
    raw = rates.snapshot(None, plain)
    assert PythonLens().apply(plain, raw) is raw


def test_other_processes_are_the_same_objects() -> None:
    """Only the watched process's rows are made anew."""
    now = at(gil(0), thread_sample(100))
    now.processes[200] = process_sample(200)
    raw = rates.snapshot(None, now)
    rich = PythonLens().apply(now, raw)
    assert rich.processes[200] is raw.processes[200]
    assert raw.processes[100].gil is None
    assert rich.processes[100] is not raw.processes[100]
    assert list(rich.processes) == list(raw.processes)


def test_rows_that_say_the_same_are_the_same_objects() -> None:
    """A thread whose row and share did not change is handed on; one that has changed in either is not."""
    threads = [thread_sample(tid) for tid in (100, 101, 102)]
    samples = []
    for at_s in range(4):
        tallies = {100: tally(blocked=0), 101: tally(held=at_s), 102: tally(blocked=0)}
        ticking = ran(threads[2], at_s, run_ms=at_s)
        samples.append(at(gil(at_s, threads=tallies, locks=()), threads[0], threads[1], ticking))
    *_, before, now = (shot.processes[100] for shot in shown(*samples))
    assert [now.threads[tid] is before.threads[tid] for tid in (100, 101, 102)] == [True, False, False]


def test_a_few_looks_more_at_a_thread_at_rest_are_no_news() -> None:
    """Its row stays as long as the looks are within a quarter of what they were, unless it has the GIL."""
    rested, held = thread_sample(100), thread_sample(101)
    for more, is_kept in ((12, True), (15, True), (16, False), (9, True), (8, False)):
        looks = (0, 0, 12, 12 + more)  # ticks a minute apart: each window is one of them
        samples = [
            at(gil(60 * number, threads={100: tally(blocked=count), 101: tally(asleep=count)}, locks=()), rested, held)
            for number, count in enumerate(looks)
        ]
        *_, before, now = (shot.processes[100].threads for shot in shown(*samples))
        assert (now[100] is before[100]) == is_kept
        assert (now[101] is before[101]) == (more == 12)


def test_a_process_that_says_the_same_is_the_same_object() -> None:
    """No round since, and nothing ran: the row itself is handed on."""
    found = gil(0, threads={100: tally(blocked=5)})
    thread = thread_sample(100)
    process = process_sample(100, thread)
    samples = [sample(at_s, process)._replace(gils={100: found}) for at_s in (0, 1, 2)]
    first, second, third = (shot.processes[100] for shot in shown(*samples))
    assert third is second
    assert second is not first  # rates are known from the second sample on


def test_what_is_no_longer_watched_has_no_gil() -> None:
    """The raw row comes back, and a later watch begins anew."""
    lens = PythonLens()
    thread = thread_sample(100)
    samples = [at(gil(0), thread), at(gil(1), thread), sample(2, process_sample(100, thread)), at(gil(3), thread)]
    shots = shown(*samples, lens=lens)
    assert [shot.processes[100].gil is None for shot in shots] == [False, False, True, False]
    assert row(shots[3]).window_s == 0.0


def test_the_cost_of_the_watch() -> None:
    """CPU of the watch between two samples, in % of a core; unknown at first, and none without a watch."""
    samples = [
        at(gil(0), thread_sample(100), watch=WatchCost(100 * MS_NS, 100.0)),
        at(gil(2), thread_sample(100), watch=WatchCost(120 * MS_NS, 90.0)),
        at(gil(3), thread_sample(100), watch=WatchCost(5 * MS_NS, 90.0)),
        at(gil(3), thread_sample(100), watch=WatchCost(6 * MS_NS, 90.0)),
        at(gil(4), thread_sample(100), watch=WatchCost(6 * MS_NS, 90.0)),
        sample(4, process_sample(100)),
    ]
    assert [(shot.watch_pct, shot.watch_per_s) for shot in shown(*samples)] == [
        (None, 100.0),
        (pytest.approx(1.0), 90.0),
        (None, 90.0),
        (None, 90.0),
        (0.0, 90.0),
        (None, None),
    ]
