"""Rates of single threads and processes: what two samples say, and what they cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import MS_NS, played, process_sample, ran, rates_of, sample, thread_sample
from threadtop import waits
from threadtop.rates import SECOND_NS, snapshot

if TYPE_CHECKING:
    from threadtop.sample import ProcessSample, ThreadSample
    from threadtop.snapshot import ProcessRow, ThreadRow


def between(old: ThreadSample, new: ThreadSample, seconds: float = 1.0) -> ThreadRow:
    """The row of one thread over an interval."""
    before, now = (sample(at_s, process_sample(100, thread)) for at_s, thread in ((0, old), (seconds, new)))
    return snapshot(before, now).processes[100].threads[old.tid]


# -- one thread --------------------------------------------------------------------------------


def test_a_first_sample_has_no_rates() -> None:
    """One sample tells no rate: None, not 0, of thread, process and machine; and nothing is new."""
    (first,) = played(sample(0, process_sample(100, thread_sample(100, run_ns=SECOND_NS))))
    row = first.processes[100]
    assert rates_of(row) == rates_of(row.threads[100]) == (None,) * 6
    assert (first.interval_s, first.own_cpu_pct, first.host.cpu, first.host.switches_per_s) == (None,) * 4
    assert (row.mark, row.threads[100].mark, first.gone) == ("", "", ())
    assert row.threads[100].cpu_ns == SECOND_NS


def test_rates_divide_by_the_gap_between_the_two_readings() -> None:
    """Not the nominal interval but the time between this thread's readings counts."""
    old = thread_sample(100, at_ns=50 * MS_NS, utime_ticks=30, stime_ticks=10)
    row = between(old, ran(old, 2.05, run_ms=500, wait_ms=100, vol=30, invol=4))
    assert rates_of(row) == pytest.approx((25.0, 18.75, 6.25, 5.0, 15.0, 2.0))


def test_a_thread_that_rested_is_measured_from_the_previous_pass() -> None:
    """It was unchanged up to the previous pass, so what it ran belongs to the last interval alone."""
    old = thread_sample(100, at_ns=0)
    new = ran(old, 10.0, run_ms=500, wait_ms=250, vol=8)
    shots = played(*(sample(at_s, process_sample(100, old)) for at_s in (0, 9)), sample(10, process_sample(100, new)))
    row = shots[-1].processes[100].threads[100]
    assert (row.cpu_pct, row.wait_pct, row.vol_per_s) == pytest.approx((50.0, 25.0, 8.0))


def test_a_thread_never_exceeds_one_core() -> None:
    """More than 100 % is the coarseness of the clocks, and a counter that falls is no negative rate."""
    old = thread_sample(100, run_ns=SECOND_NS, wait_ns=SECOND_NS, vol=9, invol=9)
    fast = between(old, ran(old, 1.0, run_ms=1004, wait_ms=1010))
    assert (fast.cpu_pct, fast.wait_pct) == (100.0, 100.0)
    back = between(old, ran(old, 1.0, run_ms=-5, wait_ms=-5, vol=-1, invol=-1))
    assert (back.cpu_pct, back.wait_pct, back.vol_per_s, back.invol_per_s) == (0.0, 0.0, 0.0, 0.0)


def test_user_and_system_split_by_ticks() -> None:
    """Enough ticks in the interval split %CPU; with few, those of its life do; without any it is unknown."""
    old = thread_sample(100, utime_ticks=100, stime_ticks=300)
    many = ran(old, 1.0, run_ms=400)._replace(utime_ticks=130, stime_ticks=310)
    assert between(old, many)[11:13] == pytest.approx((30.0, 10.0))
    few = ran(old, 1.0, run_ms=40)._replace(utime_ticks=104)
    assert between(old, few)[11:13] == pytest.approx((4.0 * 104 / 404, 4.0 * 300 / 404))
    never = thread_sample(100)
    row = between(never, ran(never, 1.0, run_ms=3))
    assert (row.cpu_pct, row.user_pct, row.system_pct) == (pytest.approx(0.3), None, None)


def test_two_readings_at_one_moment_tell_nothing() -> None:
    """Without a gap there is no rate, and no division by it."""
    old = thread_sample(100, at_ns=SECOND_NS)
    row = between(old, ran(old, 1.0, run_ms=5), seconds=2.0)
    assert rates_of(row) == (None,) * 6


def test_runnable_and_never_run_has_waited_all_the_time() -> None:
    """Its wait counter only moves once it gets a CPU: until then R at both ends means 100 %."""
    waiting = thread_sample(100, state="R")
    row = between(waiting, waiting)
    assert (row.cpu_pct, row.wait_pct, row.reason) == (0.0, 100.0, waits.RUN_QUEUE)
    assert between(thread_sample(100), waiting._replace(last_cpu=1)).wait_pct == 0.0


def test_without_schedstat_the_wait_is_unknown() -> None:
    """By ticks CPU is known and the wait is not, whether it ran or rested; its switches still count."""
    old = thread_sample(100, wait_ns=None)
    busy = between(old, ran(old, 1.0, run_ms=30, vol=6))
    assert (busy.cpu_pct, busy.wait_pct, busy.vol_per_s) == (pytest.approx(3.0), None, 6.0)
    assert rates_of(between(old, old)) == (0.0, 0.0, 0.0, None, 0.0, 0.0)
    # It ran for less than a tick: the switches show it.
    assert between(old, ran(old, 1.0, vol=2)).vol_per_s == 2.0
    runnable = thread_sample(100, wait_ns=None, state="R")
    assert between(runnable, runnable).wait_pct is None


def test_switches_not_read_are_unknown() -> None:
    """Without status there are no switch rates; a thread that rested by schedstat has none all the same."""
    old = thread_sample(100, vol=None, invol=None)
    assert rates_of(between(old, ran(old, 1.0, run_ms=10)))[4:] == (None, None)
    assert rates_of(between(old, old))[4:] == (0.0, 0.0)
    by_ticks = old._replace(wait_ns=None)
    assert rates_of(between(by_ticks, by_ticks))[4:] == (None, None)
    # The first time status is read says nothing of the interval before.
    assert rates_of(between(old, ran(old, 1.0, run_ms=10)._replace(vol=7, invol=7)))[4:] == (None, None)


def test_cpu_time_not_read_is_unknown() -> None:
    """Two counters that were not read are not equal counters: the share is None, never 0."""
    old = thread_sample(100, run_ns=None, wait_ns=None)
    row = between(old, ran(old, 1.0, vol=3))
    assert (row.cpu_pct, row.wait_pct, row.vol_per_s) == (None, None, 3.0)
    assert between(old, old).cpu_pct is None


def test_a_row_carries_what_the_sample_says() -> None:
    """Identity, process and scheduling data reach the row, and the reason is read off wchan."""
    thread = thread_sample(
        7, name="io", wchan="futex_do_wait", priority=-51, nice=3, rt_priority=50, policy=1, last_cpu=5, run_ns=9
    )
    process = process_sample(100, thread, uid=0, name="db", command="db -x", ppid=3)
    row = snapshot(None, sample(0, process)).processes[100].threads[7]
    assert row.key == (100, 7, 1000)
    assert (row.ppid, row.user, row.process, row.command, row.name) == (3, "root", "db", "db -x", "io")
    assert (row.priority, row.nice, row.rt_priority, row.policy_name, row.last_cpu) == (-51, 3, 50, "fifo", 5)
    assert (row.wchan, row.reason, row.cpu_ns, row.tid_hex) == ("futex_do_wait", "lock (futex)", 9, "0x7")


@pytest.mark.parametrize(("uid", "user"), [(1000, "www"), (77, "77"), (None, "?")])
def test_users(uid: int | None, user: str) -> None:
    """A uid without a name stands for itself; one that could not be read is a question mark."""
    row = snapshot(None, sample(0, process_sample(100, uid=uid))).processes[100]
    assert (row.user, row.threads[100].user) == (user, user)


# -- one process -------------------------------------------------------------------------------


def over(old: ProcessSample, new: ProcessSample) -> ProcessRow:
    """The row of one process over 1 s."""
    return snapshot(sample(0, old), sample(1, new)).processes[new.pid]


def test_process_sums_its_threads() -> None:
    """Shares and rates of a process are those of its threads added up; resting ones add nothing."""
    a, b, c = (thread_sample(tid, utime_ticks=1) for tid in (100, 101, 102))
    old = process_sample(100, a, b, c, cpu_ns=None)
    threads = (ran(a, 1, run_ms=800, wait_ms=100, vol=5), ran(b, 1, run_ms=900, wait_ms=50, vol=7, invol=2), c)
    row = over(old, process_sample(100, *threads, cpu_ns=None))
    assert rates_of(row) == pytest.approx((170.0, 170.0, 0.0, 15.0, 12.0, 2.0))
    assert (row.thread_count, row.states, row.cpu_ns) == (3, {"S": 3}, 1700 * MS_NS)
    assert sorted(row.moving) == [100, 101]


def test_process_cpu_comes_from_its_clock() -> None:
    """The clock counts threads that ended too, over the gap between its own readings."""
    a, b = thread_sample(100), thread_sample(101)
    old = process_sample(100, a, b, cpu_ns=0, at_ns=0)
    new = process_sample(100, ran(a, 1, run_ms=100), cpu_ns=750 * MS_NS, at_ns=SECOND_NS * 5 // 4)
    row = over(old, new)
    assert row.cpu_pct == pytest.approx(60.0)
    assert row.threads[100].cpu_pct == pytest.approx(10.0)
    assert row.cpu_ns == 750 * MS_NS


def test_a_clock_that_rested_is_measured_from_the_previous_pass() -> None:
    """As for threads: a process that stood still was read anew when it ran."""
    old = process_sample(100, cpu_ns=0, at_ns=0)
    new = old._replace(cpu_ns=500 * MS_NS, at_ns=10 * SECOND_NS)
    shots = played(sample(0, old), sample(9, old), sample(10, new))
    assert shots[-1].processes[100].cpu_pct == pytest.approx(50.0)


def test_process_figures_are_unknown_only_where_nothing_is_known() -> None:
    """Moving threads without a counter leave the sum to the others; all without make it unknown."""
    a, b = thread_sample(100), thread_sample(101, vol=None, invol=None)
    old = process_sample(100, a, b)
    both = over(old, process_sample(100, ran(a, 1, run_ms=1, vol=3), ran(b, 1, run_ms=1)))
    assert both.vol_per_s == pytest.approx(3.0)
    one = over(old, process_sample(100, a, ran(b, 1, run_ms=1)))
    assert one.vol_per_s is None
    assert over(old, process_sample(100, a, b)).vol_per_s == 0.0


def test_process_priority_is_its_main_threads() -> None:
    """Priority and nice stand on the main thread; where it is not seen they are unknown."""
    led = snapshot(None, sample(0, process_sample(100, thread_sample(100, priority=25, nice=5)))).processes[100]
    assert (led.priority, led.nice) == (25, 5)
    headless = snapshot(None, sample(0, process_sample(100, thread_sample(101)))).processes[100]
    assert (headless.priority, headless.nice) == (None, None)
