"""Rows over several ticks: what is new, what has gone, what rests, and the machine's own row."""

from __future__ import annotations

import pytest

from builders import AT_REST, COST, MS_NS, host_sample, played, process_sample, ran, rates_of, sample, thread_sample
from threadtop.rates import SECOND_NS, snapshot
from threadtop.sample import CgroupSample, CpuTimes
from threadtop.snapshot import CgroupRow, CpuShare, Mark, Snapshot


def marks(shot: Snapshot, pid: int = 100) -> dict[int, Mark]:
    """The marks of a process's threads, those that have gone under their negative tid."""
    row = shot.processes[pid]
    return {tid: thread.mark for tid, thread in row.threads.items()} | {-gone.tid: gone.mark for gone in row.gone}


# -- new, gone, reused -------------------------------------------------------------------------


def test_a_new_thread_is_marked_for_one_tick() -> None:
    """It is new in the snapshot that first has it, without rates, and no longer in the next."""
    main, other = thread_sample(100), thread_sample(101, at_ns=SECOND_NS)
    alone, both = process_sample(100, main), process_sample(100, main, other)
    shots = played(sample(0, alone), sample(1, both), sample(2, both), sample(3, both))
    assert [marks(shot) for shot in shots] == [{100: ""}, {100: "", 101: "new"}, {100: "", 101: ""}, {100: "", 101: ""}]
    assert rates_of(shots[1].processes[100].threads[101]) == (None,) * 6
    assert rates_of(shots[2].processes[100].threads[101]) == AT_REST


def test_a_gone_thread_is_marked_for_one_tick() -> None:
    """It stands beside the living with its last figures for one snapshot, and adds to no sum."""
    main, other = thread_sample(100), thread_sample(101)
    both = process_sample(100, main, ran(other, 1, run_ms=500, vol=5))
    alone = process_sample(100, main)
    shots = played(sample(0, process_sample(100, main, other)), sample(1, both), sample(2, alone), sample(3, alone))
    assert [marks(shot) for shot in shots[1:]] == [{100: "", 101: ""}, {100: "", -101: "gone"}, {100: ""}]
    ended = shots[2].processes[100]
    assert ended.gone[0].cpu_pct == pytest.approx(50.0)
    assert (ended.vol_per_s, ended.thread_count, ended.states) == (0.0, 1, {"S": 1})


def test_a_reused_tid_is_another_thread() -> None:
    """Another start time: no rates across the two, one has gone and one is new."""
    main, old = thread_sample(100), thread_sample(101, run_ns=5 * SECOND_NS, vol=100)
    new = thread_sample(101, start_ticks=2000, run_ns=6 * SECOND_NS, vol=200, at_ns=SECOND_NS)
    shots = played(*(sample(at, process_sample(100, main, other)) for at, other in ((0, old), (1, new), (2, new))))
    assert [marks(shot) for shot in shots[1:]] == [{100: "", 101: "new", -101: "gone"}, {100: "", 101: ""}]
    row = shots[1].processes[100]
    assert rates_of(row.threads[101]) == (None,) * 6
    assert row.gone[0].key == (100, 101, 1000)


def test_a_new_process_is_marked_for_one_tick() -> None:
    """So are all of its threads; none of them has rates before there are two samples."""
    first, second = process_sample(100), process_sample(200, cpu_ns=SECOND_NS, at_ns=SECOND_NS)
    shots = played(sample(0, first), sample(1, first, second), sample(2, first, second))
    assert [shot.processes[200].mark for shot in shots[1:]] == ["new", ""]
    assert [marks(shot, 200) for shot in shots[1:]] == [{200: "new"}, {200: ""}]
    assert shots[1].processes[200].cpu_pct is None
    assert shots[2].processes[200].cpu_pct == 0.0


def test_a_gone_process_is_marked_for_one_tick() -> None:
    """It goes with its threads, all of them marked; those that had ended before are not shown again."""
    main, other = thread_sample(200), thread_sample(201)
    rest = process_sample(100)
    shots = played(
        sample(0, rest, process_sample(200, main, other)),
        sample(1, rest, process_sample(200, main)),
        sample(2, rest),
        sample(3, rest),
    )
    assert [len(shot.gone) for shot in shots] == [0, 0, 1, 0]
    (ended,) = shots[2].gone
    assert (ended.key, ended.mark) == ((200, 0, 1000), "gone")
    assert {tid: thread.mark for tid, thread in ended.threads.items()} == {200: "gone"}
    assert ended.gone == ()
    assert 200 not in shots[2].processes


def test_a_reused_pid_is_another_process() -> None:
    """Another start time: one process has gone, one is new, and no rate spans both."""
    old = process_sample(100, cpu_ns=9 * SECOND_NS)
    new = process_sample(100, thread_sample(100, start_ticks=2000), start_ticks=2000, cpu_ns=10 * SECOND_NS, at_ns=1)
    shot = played(sample(0, old), sample(1, new))[-1]
    assert [row.start_ticks for row in shot.gone] == [1000]
    row = shot.processes[100]
    assert (row.mark, row.cpu_pct, row.gone) == ("new", None, ())
    assert marks(shot) == {100: "new"}


# -- rest --------------------------------------------------------------------------------------


def test_a_resting_row_is_handed_on() -> None:
    """Rows of what has not changed are the same objects, process and thread alike."""
    a, b = thread_sample(100), thread_sample(101)
    still, busy = process_sample(200), [process_sample(100, a, b)]
    busy += [process_sample(100, a, ran(b, at, run_ms=at, vol=at)) for at in (1, 2, 3)]
    shots = played(*(sample(at, still, process) for at, process in enumerate(busy)))
    assert shots[3].processes[200] is shots[2].processes[200] is shots[1].processes[200]
    assert shots[3].processes[100].threads[100] is shots[2].processes[100].threads[100]
    assert shots[3].processes[100].threads[101] is not shots[2].processes[100].threads[101]


def test_a_moving_row_comes_to_rest_with_zeros() -> None:
    """A thread that stops running shows 0, not its last figures, and only then is handed on."""
    old = thread_sample(100, utime_ticks=1)
    moved = process_sample(
        100, ran(old, 1, run_ms=500, wait_ms=50, vol=5, invol=1), cpu_ns=500 * MS_NS, at_ns=SECOND_NS
    )
    shots = played(sample(0, process_sample(100, old)), *(sample(at, moved) for at in (1, 2, 3)))
    assert rates_of(shots[1].processes[100]) == pytest.approx((50.0, 50.0, 0.0, 5.0, 5.0, 1.0))
    assert rates_of(shots[2].processes[100]) == rates_of(shots[2].processes[100].threads[100]) == AT_REST
    assert shots[3].processes[100] is shots[2].processes[100]


def test_a_clock_that_moved_alone_comes_to_rest() -> None:
    """CPU that only the process's clock saw is shown for its own interval and no longer."""
    old = process_sample(100)
    moved = old._replace(cpu_ns=50 * MS_NS, at_ns=2 * SECOND_NS)
    shots = played(sample(0, old), sample(1, old), *(sample(at, moved) for at in (2, 3)))
    assert [shot.processes[100].cpu_pct for shot in shots[1:]] == [0.0, pytest.approx(5.0), 0.0]


def test_a_thread_that_waits_unmoved_keeps_waiting() -> None:
    """A runnable thread that never gets a CPU is at 100 % in every snapshot, though nothing changes."""
    process = process_sample(100, thread_sample(100, state="R"))
    shots = played(*(sample(at, process) for at in range(4)))
    assert [shot.totals.waiting_threads for shot in shots] == [0, 1, 1, 1]


def test_a_change_of_the_heading_reaches_all_rows() -> None:
    """After an exec every thread shows the new command, resting or not."""
    threads = thread_sample(100), thread_sample(101)
    old = process_sample(100, *threads)
    changed = process_sample(100, *threads, name="new", command="new -x", uid=0, ppid=5)
    shots = played(sample(0, old), sample(1, old), sample(2, changed))
    rows = shots[-1].processes[100].threads.values()
    assert {(row.process, row.command, row.user, row.ppid) for row in rows} == {("new", "new -x", "root", 5)}
    assert all(rates_of(row) == AT_REST for row in rows)


def test_a_change_without_running_is_shown() -> None:
    """Nice, state or wchan read anew replace the row, with rates of 0."""
    old = thread_sample(100)
    new = old._replace(nice=10, state="D", wchan="io_schedule")
    shots = played(*(sample(at, process_sample(100, thread)) for at, thread in enumerate((old, old, new))))
    row = shots[-1].processes[100].threads[100]
    assert (row.nice, row.state, row.reason, rates_of(row)) == (10, "D", "disk", AT_REST)
    assert shots[-1].processes[100].states == {"D": 1}


def test_a_thread_found_runnable_waits_from_then_on() -> None:
    """Read anew as R without having run, it waits in every interval that follows."""
    asleep = thread_sample(100)
    runnable = process_sample(100, asleep._replace(state="R"))
    shots = played(sample(0, process_sample(100, asleep)), *(sample(at, runnable) for at in (1, 2, 3)))
    assert [shot.processes[100].wait_pct for shot in shots[1:]] == [0.0, 100.0, 100.0]


# -- the machine -------------------------------------------------------------------------------


def test_host_row() -> None:
    """CPU shares are of the time that passed on each core; a counter that falls back counts nothing."""
    old = host_sample(
        cpu=CpuTimes(100, 50, 20, 0, 1000), cores=(CpuTimes(0, 0, 5, 0, 0), CpuTimes(0, 0, 0, 0, 0)), switches=1000
    )
    new = host_sample(
        cpu=CpuTimes(103, 51, 20.5, 0.5, 1005),
        cores=(CpuTimes(1, 1, 4, 0, 2), CpuTimes(0, 0, 0, 0, 0)),
        switches=1500,
        load=(1.0, 2.0, 3.0),
        pressure_cpu=4.5,
    )
    host = snapshot(sample(0, host=old), sample(2, host=new)).host
    assert host.cpu == pytest.approx(CpuShare(30.0, 10.0, 5.0, 5.0))
    assert host.cpu.busy_pct == pytest.approx(40.0)
    assert host.cores == (CpuShare(25.0, 25.0, 0.0, 0.0), CpuShare(0.0, 0.0, 0.0, 0.0))
    assert (host.switches_per_s, host.uptime_s, host.load, host.pressure_cpu) == (250.0, 3602.0, (1.0, 2.0, 3.0), 4.5)


def test_cores_that_come_or_go_are_unknown() -> None:
    """Where the number of cores changed, none is compared with another."""
    old, new = host_sample(), host_sample(cores=(CpuTimes(1, 1, 1, 1, 1),))
    assert snapshot(sample(0, host=old), sample(1, host=new)).host.cores == ()


@pytest.mark.parametrize(
    ("before", "now", "row"),
    [
        pytest.param(None, None, None, id="no-quota"),
        pytest.param(None, CgroupSample(1.5, 10, 5), CgroupRow(1.5, None), id="first"),
        pytest.param(CgroupSample(1.5, 10, 5), CgroupSample(1.5, 30, 10), CgroupRow(1.5, 25.0), id="throttled"),
        pytest.param(CgroupSample(1.5, 10, 5), CgroupSample(1.5, 10, 5), CgroupRow(1.5, 0.0), id="no-period"),
    ],
)
def test_cgroup_throttle(before: CgroupSample | None, now: CgroupSample | None, row: CgroupRow | None) -> None:
    """The share of the interval's periods that were throttled."""
    old, new = (sample(at, host=host_sample(cgroup=group)) for at, group in enumerate((before, now)))
    assert snapshot(old, new).host.cgroup == row


def test_totals() -> None:
    """Sums over all processes; a thread counts as waiting from 5 % on."""
    a, b, c = thread_sample(100), thread_sample(101, state="D"), thread_sample(200)
    old = sample(0, process_sample(100, a, b), process_sample(200, c, state="R"))
    new = sample(
        1,
        process_sample(100, ran(a, 1, run_ms=1, wait_ms=50, vol=3), ran(b, 1, run_ms=1, wait_ms=49, invol=2)),
        process_sample(200, ran(c, 1, run_ms=1, wait_ms=401, vol=4), state="R"),
    )
    totals = snapshot(old, new).totals
    assert (totals.processes, totals.threads) == (2, 3)
    assert (totals.thread_states, totals.process_states) == ({"S": 2, "D": 1}, {"S": 1, "R": 1})
    assert (totals.vol_per_s, totals.invol_per_s) == pytest.approx((7.0, 2.0))
    assert (totals.waiting_threads, totals.waiting_cores) == (2, pytest.approx(0.5))
    first = snapshot(None, old).totals
    assert (first.vol_per_s, first.invol_per_s, first.waiting_cores) == (None, None, 0.0)


def test_own_cost_and_notes_are_handed_on() -> None:
    """What the pass cost is a share of the interval; notes stay as they are."""
    later = COST._replace(own_cpu_ns=20 * MS_NS)
    shot = snapshot(sample(0), sample(2, cost=later, notes=("no schedstat here",)))
    assert (shot.own_cpu_pct, shot.interval_s, shot.cost, shot.notes) == (1.0, 2.0, later, ("no schedstat here",))
