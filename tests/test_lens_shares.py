"""Shares: what one thread's looks and counters say about it and the GIL."""

from __future__ import annotations

from random import Random

import pytest

from builders import MS_NS, ran, thread_row, thread_sample
from gil_samples import PARTS, figures, tally
from threadtop.lenses.estimate import estimated_wait
from threadtop.lenses.shares import NOT_SPENT, Spent, exact, levelled, most_wait, reason, spent, unknown
from threadtop.rates import SECOND_NS
from threadtop.snapshot import GilShare


def test_looks_divide_what_the_counters_say() -> None:
    """Runnable time goes by the looks that found it runnable, the rest by the others: exact sums, sampled ratios."""
    found = exact(tally(held=30, ran=10, waited=40, asleep=5, blocked=15), Spent(0.3, 0.2, None), "")
    assert figures(found) == pytest.approx(
        (0.5 * 75 + 0.5 * 100 * 5 / 60, 30, 0, 0.5 * 100 * 40 / 60, 20.0, 0.5 * 100 * 5 / 60, 0.5 * 100 * 15 / 60)
    )
    assert sum(figures(found, PARTS)) == pytest.approx(100)  # type: ignore[arg-type]
    assert (found.samples, found.is_python, found.grade) == (100, True, "exact")


def test_what_a_thread_held_awake_it_ran() -> None:
    """A waiter queues for a CPU before it has the GIL: that is not time in native code."""
    for held, with_pct, without_pct in ((0, 0, 20), (10, 4, 16), (50, 20, 0), (90, 20, 0)):
        one = exact(tally(held=held, ran=100 - held, blocked=60), Spent(0.2, 0.2, None), "")
        assert (one.holds_pct, one.with_pct, one.without_pct) == pytest.approx((0.4 * held, with_pct, without_pct))


def test_all_parts_add_up_whatever_was_found() -> None:
    """Every part is within 0 to 100 and they add up to 100, unless one is not known."""
    random = Random(3)  # noqa: S311 a repeatable choice
    complete = 0
    for _ in range(3000):
        counts = [random.choice((0, 0, random.randrange(300))) for _ in range(5)]
        cpu = random.choice((0.0, 1.0, random.random(), random.random() * 0.04))
        rq = random.choice((None, 0.0, 1 - cpu, (1 - cpu) * random.random()))
        one = exact(tally(*counts, is_python=random.choice((True, False, None))), Spent(cpu, rq, None), "")
        known = [value for value in figures(one) if value is not None]
        assert all(0 <= value <= 100 + 1e-9 for value in known)
        missing = {name for name, value in zip(PARTS, figures(one, PARTS), strict=True) if value is None}
        if missing <= ({"runq_pct"} if rq is None else set()):
            complete += 1
            assert sum(figures(one, PARTS)[at] or 0.0 for at in range(6)) == pytest.approx(100, abs=0.01)
    assert complete > 1000


def test_without_counters_the_looks_alone_must_do() -> None:
    """No schedstat: sampled shares, the run queue unknown and within what ran."""
    one = exact(tally(held=40, ran=10, waited=30, asleep=5, blocked=15), NOT_SPENT, "")
    assert figures(one) == (45, 40, 10, 30, None, 5, 15)
    assert figures(exact(tally(held=1), Spent(0.5, None, None), ""))[0] == 100


def test_a_small_share_without_a_look_is_taken_as_the_looks_have_it() -> None:
    """Under 5 % of the time chance may have missed: the GIL's part counts as 0, from 5 % on it is unknown."""
    little = exact(tally(blocked=100), Spent(0.02, 0.0299, None), "")
    assert figures(little) == pytest.approx((0, 0, 2, 0, 2.99, 0, 95.01))
    much = exact(tally(blocked=100), Spent(0.02, 0.03, None), "")
    assert figures(much) == (None, None, None, 0, 3.0, 0, pytest.approx(95))
    busy = exact(tally(held=100), Spent(0.96, 0.0, None), "")
    assert figures(busy) == pytest.approx((96, 96, 0, 0, 0, 0, 4))
    less = exact(tally(held=100), Spent(0.9, 0.0, None), "")
    assert figures(less) == (None, 90, 0, None, 0, None, None)


def test_few_looks_do_not_divide_the_time_of_a_thread_at_work() -> None:
    """One of thousands is looked at in turn: a look or two say nothing of what it did, but do of one that rested."""
    few, enough = tally(held=3, waited=1), tally(held=3, waited=2)
    assert figures(exact(few, Spent(0.04, 0.01, None), "")) == (None, None, None, None, 1, None, None)
    assert figures(exact(enough, Spent(0.04, 0.01, None), "")) == pytest.approx((5, 4, 0, 95, 1, 0, 0))
    assert figures(exact(tally(blocked=1), Spent(0.04, 0.0, None), "")) == (0, 0, 4, 0, 0, 0, 96)


def test_a_native_thread_has_no_part_in_the_gil() -> None:
    """A thread that CPython does not know runs without it even where no look found it running."""
    one = exact(tally(blocked=10, is_python=False), Spent(0.5, 0.1, None), "")
    assert figures(one) == pytest.approx((0, 0, 50, 0, 10, 0, 40))


def test_no_look_is_unknown() -> None:
    """A thread at rest that was not looked at may have slept with the GIL: not 0."""
    assert figures(exact(tally(), Spent(0.0, 0.0, 0.0), "")) == (None,) * 7


def test_counters_are_over_the_time_between_the_readings() -> None:
    """A thread that rested is unchanged up to the pass; one that was runnable without running has queued."""
    old = thread_sample(100, at_ns=0, vol=10, run_ns=7 * MS_NS, wait_ns=9 * MS_NS)
    new = ran(old, 2.5, run_ms=500, wait_ms=250, vol=10)
    assert spent(old, 2 * SECOND_NS, new, 2 * SECOND_NS + 1) == pytest.approx((1.0, 0.0, 20.0))
    assert spent(old, SECOND_NS * 3 // 2, new, 2 * SECOND_NS) == pytest.approx((0.5, 0.25, 10.0))
    queued = thread_sample(100, state="R")
    assert spent(queued, 0, queued, SECOND_NS) == (0.0, 1.0, 0.0)
    assert spent(queued, 0, queued._replace(state="S"), SECOND_NS) == (0.0, 0.0, 0.0)
    assert spent(old, 0, old, SECOND_NS) == (0.0, 0.0, 0.0)
    assert spent(old, SECOND_NS, old, SECOND_NS) == NOT_SPENT
    assert spent(old, 0, new._replace(run_ns=None), SECOND_NS) == NOT_SPENT
    assert spent(old, 0, new._replace(wait_ns=None, vol=None), SECOND_NS) == (pytest.approx(0.2), None, None)


# -- estimated ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpu", "rq", "vol", "futex", "contending", "wait"),
    [
        pytest.param(0.25, 0.03, 231.0, 0.70, 1.12, 0.70, id="four threads that compute"),
        pytest.param(0.25, 0.03, 231.0, None, 1.12, 0.72, id="the same, wchan may not be read"),
        pytest.param(0.25, 0.03, 231.0, 0.90, 1.12, 0.77, id="looks that exceed the rest are cut"),
        pytest.param(0.01, 0.0, 20.0, 0.99, 1.0, 0.0, id="a sleeper, or a lock held long"),
        pytest.param(0.01, 0.0, 39.9, 0.20, 1.0, 0.0, id="switches too seldom"),
        pytest.param(0.01, 0.0, 40.0, 0.20, 1.0, 0.20, id="just often enough"),
        pytest.param(0.02, 0.0, 100.0, 0.98, 1.0, 0.0, id="polls a queue every 10 ms"),
        pytest.param(0.02, 0.0, 200.0, 0.97, 0.08, 0.0, id="polls every 5 ms, nobody computes"),
        pytest.param(0.02, 0.0, 200.0, 0.0, 1.0, 0.0, id="polls by sleeping, not in a futex"),
        pytest.param(0.99, 0.0, 2.0, 0.0, 0.0, 0.0, id="one busy thread"),
        pytest.param(0.30, 0.05, 10_100.0, 0.60, 1.0, 0.0, id="locks of native threads: 59 us each"),
        pytest.param(0.30, 0.05, 9_900.0, 0.60, 1.0, 0.60, id="61 us each are long enough"),
        pytest.param(0.10, 0.0, 100.0, 0.60, 1.0, 0.60, id="6 ms each is just short enough"),
        pytest.param(0.10, 0.0, 100.0, 0.61, 1.0, 0.0, id="6.1 ms each is not"),
        pytest.param(0.25, 0.03, 231.0, 0.049, 1.12, 0.0, id="too seldom in a futex"),
        pytest.param(0.25, 0.03, 231.0, 0.05, 1.12, 0.05, id="just enough in a futex"),
        pytest.param(0.10, 0.0, 200.0, 0.50, 0.499, 0.0, id="too little contends"),
        pytest.param(0.10, 0.0, 200.0, 0.50, 0.5, 0.50, id="just enough contends"),
        pytest.param(None, 0.0, 200.0, 0.5, 1.0, None, id="CPU unknown"),
        pytest.param(0.1, None, 200.0, 0.5, 1.0, None, id="run queue unknown"),
        pytest.param(0.1, 0.0, None, 0.5, 1.0, None, id="switches unknown"),
    ],
)
def test_the_rule(
    cpu: float | None, rq: float | None, vol: float | None, futex: float | None, contending: float, wait: float | None
) -> None:
    """The estimate at and around each of its thresholds."""
    assert estimated_wait(Spent(cpu, rq, vol), futex, contending) == (None if wait is None else pytest.approx(wait))


@pytest.mark.parametrize(
    ("wait", "blocked", "grade", "expected"),
    [
        (20.0, 19.0, "exact", "waits for the GIL"),
        (19.9, 10.0, "exact", "lock (futex)"),
        (30.0, 31.0, "exact", "lock (futex)"),
        (70.0, 0.0, "estimate", "lock (futex)"),
        (None, 0.0, "exact", "lock (futex)"),
    ],
)
def test_the_reason_of_who_mostly_waits(wait: float | None, blocked: float, grade: str, expected: str) -> None:
    """It is the GIL where that is the largest part, 20 % at least, and was read rather than inferred."""
    share = unknown("exact", "", is_python=True)._replace(
        grade=grade,  # type: ignore[arg-type]
        wait_pct=wait,
        blocked_pct=blocked,
        with_pct=5.0,
    )
    assert reason(thread_row(1, reason="lock (futex)"), share) == expected


def test_a_wait_is_no_longer_than_the_switches_allow() -> None:
    """One look at a thread at rest stands for many rounds: 2 switches in 5 s cannot have waited 20 % of them."""
    did = Spent(0.0, 0.0, 0.4)
    most = most_wait(did, 5000, 5.0)
    assert most == pytest.approx((0.4 + 0.2) * 0.005 * 1.2)
    share = exact(tally(waited=100, blocked=400), did, "", most)
    assert share.wait_pct == pytest.approx(100 * most)
    assert share.blocked_pct == pytest.approx(100 - 100 * most)
    assert exact(tally(waited=1, blocked=499), did, "", most).wait_pct == pytest.approx(0.2)
    busy = Spent(0.25, 0.05, 220.0)
    assert most_wait(busy, 5000, 5.0) == 1.0
    assert most_wait(Spent(0.25, 0.05, None), 5000, 5.0) == most_wait(busy, 5000, 0.0) == 1.0


def share(holds: float, cpu: float, runq: float, asleep: float = 0.0) -> GilShare:
    """A thread that held the GIL awake on a CPU as far as it had one."""
    with_pct = min(cpu, holds - asleep)
    rest = 100 - cpu - runq - asleep
    return GilShare("exact", "", holds, rest, asleep, with_pct, cpu - with_pct, runq, 0.0, 500, True)


def test_holds_add_up_to_what_the_lock_says() -> None:
    """A lock that is nearly always held tells the sum: each grows alike within what it ran, then what it queued."""
    given = {1: share(24.0, 26.0, 4.0), 2: share(24.0, 24.5, 1.0), 3: share(40.0, 20.0, 0.0, asleep=20.0)}
    for held, holds, with_gil in (
        (88.0, [24.0, 24.0, 40.0], [24.0, 24.0, 20.0]),
        (89.0, [24.5, 24.5, 40.0], [24.5, 24.5, 20.0]),
        (90.0, [25.5, 24.5, 40.0], [25.5, 24.5, 20.0]),  # the second did not run for longer
        (93.0, [28.0, 25.0, 40.0], [26.0, 24.5, 20.0]),  # all ran no longer: they queued with it
        (99.0, [30.0, 25.5, 40.0], [26.0, 24.5, 20.0]),
        (80.0, [24 * 60 / 68, 24 * 60 / 68, 20 * 60 / 68 + 20], [24 * 60 / 68, 24 * 60 / 68, 20 * 60 / 68]),
    ):
        found = levelled(given, held)
        assert [one.holds_pct for one in found.values()] == pytest.approx(holds)
        assert [one.with_pct for one in found.values()] == pytest.approx(with_gil)
        for one in found.values():
            assert sum(figures(one, PARTS)) == pytest.approx(100)  # type: ignore[arg-type]


def test_a_native_thread_that_runs_without_it_has_no_more_of_it() -> None:
    """What it ran is no room for holds that others are short of: its share grows as theirs."""
    found = levelled({1: share(80.0, 90.0, 2.0), 2: share(1.0, 99.0, 0.0)}, 89.1)
    assert [one.holds_pct for one in found.values()] == pytest.approx([88.0, 1.1])
    assert found[2].without_pct == pytest.approx(97.9)


@pytest.mark.parametrize("held", [None, 79.9, 60.1, 39.9])
def test_holds_are_left_where_the_lock_does_not_know_better(held: float | None) -> None:
    """A lock that is often free has noise of its own; one that others held, too, says nothing of these."""
    given = {1: share(25.0, 26.0, 4.0), 2: share(25.0, 26.0, 4.0)}
    assert levelled(given, held) is given
    assert levelled({1: share(79.9, 85.0, 0.0)}, 100.0)[1].holds_pct == 79.9
    assert levelled({1: share(80.0, 85.0, 0.0)}, 100.0)[1].holds_pct == pytest.approx(85.0)
    assert levelled({}, 90.0) == {}
