"""The Python lens without rights: estimates on rows, and whose GIL is worth a watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row, ran, snapshot, thread_row, thread_sample
from gil_samples import at, figures, gil, row, share, shown, tally, two
from threadtop.lenses.python import MOST_SUSPECTS, SUSPECT_TICKS, PythonLens
from threadtop.sample import SleepTally
from threadtop.snapshot import Estimate

if TYPE_CHECKING:
    from threadtop.sample import GilTally
    from threadtop.snapshot import ProcessRow, Snapshot


# -- estimated --------------------------------------------------------------------------------


def estimated(found: GilTally, *, has_looks: bool = True, vol: int | None = 231, first_vol: int | None = 0) -> Snapshot:
    """Four threads alike that compute, watched for a second without rights."""
    old = [thread_sample(100 + one, vol=first_vol) for one in range(4)]
    new = [ran(thread, 1, run_ms=250, wait_ms=30)._replace(vol=vol) for thread in old]
    said = {"grade": "estimate", "why_not": "ptrace_scope is 1", "locks": (), "has_looks": has_looks}
    tallies = {100 + one: found for one in range(4)} if has_looks else {}
    return shown(at(gil(0, **said), *old), at(gil(1, **said, threads=tallies), *new))[-1]


def test_an_estimate_says_that_it_is_one() -> None:
    """Waits, waiters and utilisation are Estimates, the run queue is a counter; what cannot be inferred is unknown."""
    shot = estimated(tally(waited=14, ran=6, is_python=None))
    one, found = share(shot), row(shot)
    assert figures(one) == (None, None, None, pytest.approx(70), 3.0, None, None)
    assert (one.grade, one.why_not, one.samples) == ("estimate", "ptrace_scope is 1", 20)
    assert (found.waiters, found.utilisation_pct) == pytest.approx((2.8, 100))
    assert {type(value) for value in (one.wait_pct, found.waiters, found.utilisation_pct)} == {Estimate}
    assert (found.switches_per_s, found.is_enabled, found.samples, found.locks) == (None, None, 20, ())


def test_an_estimate_without_looks() -> None:
    """Where wchan may not be read, all the rest counts; a thread needs no tally."""
    shot = estimated(tally(), has_looks=False)
    assert share(shot).wait_pct == pytest.approx(72)
    assert row(shot).utilisation_pct is None  # busy native threads would count as holders


def test_nothing_seen_is_an_estimate_of_zero() -> None:
    """0 is what the rule says, and still an estimate; utilisation is only told where somebody waits."""
    shot = estimated(tally(waited=1, ran=19))
    assert share(shot).wait_pct == pytest.approx(5)
    shot = estimated(tally(ran=20))
    assert share(shot).wait_pct == 0.0
    assert isinstance(share(shot).wait_pct, Estimate)
    assert (row(shot).waiters, row(shot).utilisation_pct) == (0.0, None)


def test_too_few_looks_are_no_estimate() -> None:
    """Of a thread that switches often five looks are needed; one that seldom does not wait."""
    assert share(estimated(tally(waited=3, ran=1))).wait_pct is None
    assert share(estimated(tally(waited=4, ran=1))).wait_pct == pytest.approx(77)
    assert share(estimated(tally(), vol=39)).wait_pct == 0.0
    assert share(estimated(tally(), vol=40)).wait_pct is None
    assert share(estimated(tally(), vol=None)).wait_pct is None


def test_a_thread_that_python_does_not_know_does_not_wait() -> None:
    """A native thread in a futex waits for a lock of its own."""
    assert share(estimated(tally(waited=14, ran=6, is_python=False))).wait_pct == 0.0
    assert share(estimated(tally(waited=14, ran=6, is_python=True))).wait_pct == pytest.approx(70)


def test_switches_count_from_when_they_were_read() -> None:
    """A tick in which status was not read is passed over; without any they are unknown."""
    assert share(estimated(tally(waited=14, ran=6), first_vol=None)).wait_pct is None
    said = {"grade": "estimate", "locks": ()}
    old = thread_sample(100, vol=None)
    mid = ran(old, 1, run_ms=300)._replace(vol=50)
    new = ran(mid, 2, run_ms=600, vol=200)
    found = (gil(at_s, **said, threads={100: tally(waited=30 * at_s, ran=70 * at_s)}) for at_s in range(3))
    shot = shown(*(at(one, thread) for one, thread in zip(found, (old, mid, new), strict=True)))[-1]
    assert share(shot).wait_pct == pytest.approx(30)


def test_grade_none_says_why() -> None:
    """Neither memory nor counters: unknown, with the reason."""
    said = {"grade": "none", "why_not": "its layout is not known", "remedy": "tell us", "locks": ()}
    shot = two(gil(0, **said), gil(1, **said, threads={100: tally(held=5)}))
    assert (share(shot).grade, share(shot).why_not) == ("none", "its layout is not known")
    assert figures(share(shot)) == (None,) * 7
    assert (row(shot).grade, row(shot).remedy, row(shot).waiters) == ("none", "tell us", None)


# -- with sleeps ---------------------------------------------------------------------------------


def beside(
    sleeps: SleepTally,
    *,
    vol: int = 20,
    seldom: GilTally | None = None,
    old: SleepTally | None = None,
    looks: bool = True,
) -> Snapshot:
    """Three threads that wait 70 % by their counters, with these sleeps each, and thread 103 that wakes seldom."""
    first = [thread_sample(100 + one, vol=0) for one in range(4)]
    new = [ran(thread, 1, run_ms=250, wait_ms=30)._replace(vol=231) for thread in first[:3]]
    new.append(ran(first[3], 1, run_ms=10, wait_ms=0)._replace(vol=vol))
    waits = tally(waited=14, ran=6, is_python=None)
    tallies = {100: waits, 101: waits, 102: waits, 103: seldom or tally(waited=2, blocked=18, is_python=None)}
    said = {"grade": "estimate", "locks": (), "has_looks": looks}
    before = gil(0, **said, sleeps=dict.fromkeys((100, 101, 102), old) if old else {})
    now = gil(1, **said, threads=tallies if looks else {}, sleeps=dict.fromkeys((100, 101, 102, 103), sleeps))
    return shown(at(before, *first), at(now, *new))[-1]


PEAK = SleepTally(20, 3, 1, 8, 0, 2)


def test_sleeps_of_those_that_seem_to_wait_are_judged() -> None:
    """Only theirs, and only of the window: they add up to the verdict on the row."""
    found = row(beside(PEAK))
    assert (found.verdict, found.sleeps) == ("gil", SleepTally(60, 9, 3, 24, 0, 6))
    found = row(beside(PEAK, old=SleepTally(20, 3, 1, 8, 0, 2)))
    assert (found.verdict, found.sleeps) == ("unclear", SleepTally())
    assert share(beside(SleepTally(90))).wait_pct == pytest.approx(70)  # it cannot be told: the share stays


def test_what_outlasts_the_interval_is_not_the_gil() -> None:
    """Nobody waits for it then, and the verdict says why; an estimate of 0 is one."""
    shot = beside(SleepTally(1, 1, 0, 0, 12))
    assert row(shot).verdict == "other"
    assert [share(shot, tid).wait_pct for tid in (100, 101, 102, 103)] == [0.0] * 4
    assert isinstance(share(shot).wait_pct, Estimate)
    assert (row(shot).waiters, row(shot).utilisation_pct) == (0.0, None)


@pytest.mark.parametrize(
    ("vol", "found", "wait"),
    [
        pytest.param(20, tally(waited=2, blocked=18), 10.0, id="wakes now and then"),
        pytest.param(8, tally(waited=1, blocked=19), 4.0, id="no more than 5 ms each"),
        pytest.param(7, tally(waited=1, blocked=19), 0.0, id="too seldom"),
        pytest.param(20, tally(waited=4, blocked=16), 10.0, id="10 ms each by the looks may be 5"),
        pytest.param(20, tally(waited=5, blocked=15), 0.0, id="12.5 ms each: a queue"),
        pytest.param(20, tally(blocked=20), 0.0, id="no look found it in a futex"),
        pytest.param(20, tally(waited=1, blocked=3), 0.0, id="too few looks"),
        pytest.param(20, tally(waited=2, blocked=18, is_python=False), 0.0, id="no Python thread"),
    ],
)
def test_who_wakes_seldom_beside_a_gil_waits_too(vol: int, found: GilTally, wait: float) -> None:
    """Where others are seen to wait for the GIL, so does who wakes up a few times a second; else it does not."""
    assert share(beside(PEAK, vol=vol, seldom=found), 103).wait_pct == pytest.approx(wait)
    assert share(beside(SleepTally(90), vol=vol, seldom=found), 103).wait_pct == 0.0


def test_without_looks_nobody_is_relaxed() -> None:
    """Where wchan may not be read a sleeper would count as one that waits."""
    assert share(beside(PEAK, looks=False), 103).wait_pct == 0.0


# -- suspects ----------------------------------------------------------------------------------


def pair(pid: int, *, cpu: float = 25.0, vol: float | None = 40.0, **said: object) -> ProcessRow:
    """A process of two threads alike."""
    threads = (thread_row(pid + one, cpu_pct=cpu, wait_pct=0.0, vol_per_s=vol) for one in range(2))
    return process_row(pid, *threads, **said)


@pytest.mark.parametrize(
    ("row_", "smells"),
    [
        pytest.param(pair(10), True, id="half a core, switches often"),
        pytest.param(pair(10, cpu=24.9), False, id="less than half a core"),
        pytest.param(pair(10, vol=39.9), False, id="switches seldom"),
        pytest.param(pair(10, vol=None), True, id="switches unknown"),
        pytest.param(process_row(10, pair(10, cpu=50.0).threads[10], thread_row(11, cpu_pct=1.0)), True, id="two move"),
        pytest.param(pair(10, cpu=50.0, vol=1.0), True, id="a busy one beside another"),
        pytest.param(pair(10, cpu=49.9, vol=1.0), False, id="not so busy"),
        pytest.param(
            process_row(10, thread_row(10, cpu_pct=49.0, wait_pct=49.0, vol_per_s=50.0), thread_row(11, vol_per_s=1.0)),
            False,
            id="only one that switches often",
        ),
        pytest.param(pair(10, kernel=True), False, id="kernel threads"),
        pytest.param(process_row(10, thread_row(10, cpu_pct=100.0, vol_per_s=99.0)), False, id="one thread"),
        pytest.param(
            process_row(10, thread_row(10, cpu_pct=5.0, wait_pct=45.0, vol_per_s=50.0), thread_row(11, vol_per_s=50.0)),
            True,
            id="queueing counts",
        ),
    ],
)
def test_suspects(row_: ProcessRow, smells: bool) -> None:  # noqa: FBT001 a parameter of the table
    """Threads that switch often and want half a core together, or one busy one beside others."""
    assert PythonLens().suspects(snapshot(row_)) == (frozenset({10}) if smells else frozenset())


def test_a_suspect_stays_for_a_while() -> None:
    """A lull of ten ticks does not end the watch; the end of the process does, and a reused pid is not meant."""
    lens, quiet = PythonLens(), snapshot(pair(10, cpu=0.0, vol=0.0))
    lens.suspects(snapshot(pair(10)))
    assert [bool(lens.suspects(quiet)) for _ in range(SUSPECT_TICKS + 2)] == [True] * SUSPECT_TICKS + [False] * 2
    lens.suspects(snapshot(pair(10)))
    assert lens.suspects(snapshot()) == frozenset()
    lens.suspects(snapshot(pair(10)))
    assert lens.suspects(snapshot(pair(10, cpu=0.0, vol=0.0, start_ticks=2000))) == frozenset()


def test_the_busiest_are_watched() -> None:
    """No more than eight: what smells now, the busiest first, before what smelled a while ago."""
    lens = PythonLens()
    assert lens.suspects(snapshot(pair(900, cpu=99.0))) == {900}
    rows = [pair(10 * number, cpu=25.0 + number) for number in range(1, 11)]
    quiet = pair(900, cpu=0.0, vol=0.0)
    found = lens.suspects(snapshot(*rows, quiet))
    assert found == {10 * number for number in range(3, 11)}
    assert len(found) == MOST_SUSPECTS
    assert 900 in PythonLens().suspects(snapshot(*rows[:7], pair(900)))


def test_what_has_no_gil_is_no_suspect() -> None:
    """Processes that are known to be something else leave their place to others, at once."""
    lens = PythonLens()
    shot = snapshot(pair(10), pair(20))
    assert lens.suspects(shot) == {10, 20}
    assert lens.suspects(shot, others={10}) == {20}
