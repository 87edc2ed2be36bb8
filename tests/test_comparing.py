from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import host_row, process_row, snapshot, thread_row
from compared import AFTER, BEFORE, BOUND, CALM, OTHER, STARVED, compared, gil, moments, server, side, worker
from threadtop.comparing.changes import Quiet, activity, change, compare, is_more_than_noise, matching
from threadtop.comparing.entries import MEASURES, THREADS, Entry, Side
from threadtop.gil_rows import Estimate
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.snapshot import ThreadRow

MEASURE = {measure.key: measure for measure in (*MEASURES, THREADS)}


def of(found: Side, tid: int) -> Entry:
    """One thread of a side."""
    [entry] = [entry for entry in found.threads if entry.tid == tid]
    return entry


def means(*rows: ThreadRow | None, intervals: tuple[float | None, ...] = ()) -> Entry:
    """Thread 101 over so many ticks; None: it is not there."""
    shots = moments(*[(server(*([row] if row else [])),) for row in rows])
    shots = [shot._replace(interval_s=intervals[index]) if intervals else shot for index, shot in enumerate(shots)]
    return of(side(*shots), 101)


# -- means -------------------------------------------------------------------------------------


def test_figures_are_means_by_time() -> None:
    """A tick counts for as long as its interval was; the first of a recording, without one, for nothing."""
    rows = (worker(cpu=90.0), worker(cpu=10.0, vol_per_s=100.0), worker(cpu=40.0, vol_per_s=400.0))
    found = means(*rows, intervals=(None, 1.0, 3.0))
    assert (found.cpu_pct, found.vol_per_s, found.wait_pct) == (32.5, 325.0, 1.0)
    assert (found.lock_pct, found.disk_pct, found.lived_s, found.threads) == (20.0, 0.0, 4.0, 1.0)


def test_a_row_that_stays_the_same_counts_for_all_of_its_time() -> None:
    """One that is the same object in many snapshots is no less than one that is made anew."""
    row = worker(cpu=10.0)
    process = server(row)
    assert side(*moments((process,), (process,), (server(row),), (server(worker(cpu=50.0)),))) == side(
        *moments(*[(server(worker(cpu=cpu)),) for cpu in (10.0, 10.0, 10.0, 50.0)])
    )


def test_who_lived_for_a_part_has_a_part() -> None:
    """A thread that ran half of the time, for a quarter of the stretch, has an eighth of a core."""
    born = worker(cpu=50.0)
    found = means(None, born, None, None)
    assert (found.cpu_pct, found.lived_s, found.threads) == (12.5, 1.0, 0.25)
    assert means(born, None, None, None) == found
    assert dict(found.parts)["cpu"] == pytest.approx(50.0)  # where its time went is over its life


def test_unknown_is_not_nothing() -> None:
    """What is not known for most of a life is None; what is, is the mean of what is known."""
    unread = {"vol_per_s": None, "cpu_pct": 10.0}
    assert means(worker(**unread), worker(**unread), worker()).vol_per_s is None
    assert means(worker(**unread), worker()).vol_per_s == 100.0
    new = thread_row(101, cpu_pct=None, wait_pct=None, vol_per_s=None, invol_per_s=None, mark="new")
    found = means(new)
    assert [found.figure(measure) for measure in MEASURES] == [None] * len(MEASURES)
    assert (found.mostly, found.state) == (None, "S")


def test_an_estimate_stays_one() -> None:
    """A mean of estimates is one, and so is a sum."""
    found = means(worker(gil=gil(10.0, is_estimate=True)), worker(gil=gil(30.0, is_estimate=True)))
    assert found.gil_wait_pct == 20.0
    assert isinstance(found.gil_wait_pct, Estimate)
    two = [worker(tid, gil=gil(10.0, is_estimate=tid == 101)) for tid in (101, 102)]
    whole = side(*moments((server(*two),))).processes[0].gil_wait_pct
    assert (whole, isinstance(whole, Estimate)) == (20.0, True)
    assert not isinstance(means(worker(gil=gil(10.0))).gil_wait_pct, Estimate)


def test_who_sleeps_on_a_futex_all_the_time_waits_for_no_lock() -> None:
    """It may be parked.  One look cannot tell: then nothing is known."""
    parked = worker(cpu=0.0, wait=0.0, sampled=TimeShare(0.0, 0.0, 0.0, (("lock", 100.0),), 1, is_whole=True))
    assert (means(parked).lock_pct, means(parked).mostly) == (0.0, "lock")
    glimpse = worker(sampled=TimeShare(10.0, 0.0, 1.0, (("lock", 89.0),), 1))
    assert (means(glimpse).lock_pct, means(glimpse).mostly) == (None, "lock")


def test_where_most_of_the_time_went() -> None:
    """Parts are means, too; user and system time are one."""
    found = means(worker(cpu=10.0, lock=89.0, wait=1.0), worker(cpu=60.0, lock=0.0, wait=0.0))
    assert found.parts == (("lock", 44.5), ("cpu", 35.0), ("sleep", 20.0), ("runq", 0.5))
    assert (found.mostly, found.part("cpu"), found.part("disk")) == ("lock", 35.0, 0.0)
    unread = worker(sampled=TimeShare(1.0, 0.0, 0.0, (("unknown", 99.0),), 10))
    assert means(unread).mostly is None


def test_a_tid_that_is_used_again() -> None:
    """Two threads, one after the other, are two: by their start."""
    found = side(*moments((server(worker()),), (server(worker(cpu=30.0, start_ticks=2000)),)))
    assert sorted((one.start_ticks, one.cpu_pct) for one in found.threads if one.tid == 101) == [
        (1000, 5.0),
        (2000, 15.0),
    ]
    two = (process_row(100), process_row(100, thread_row(100, start_ticks=9), start_ticks=9))
    assert [(one.start_ticks, one.lived_s) for one in side(*moments(*[(row,) for row in two])).processes] == [
        (1000, 1.0),
        (9, 1.0),
    ]


def test_processes_have_the_sums_of_their_threads() -> None:
    """CPU and switches are those of its own row, shares of waiting those of its threads added up."""
    rows = [(server(worker(101, lock=20.0, gil=gil(5.0)), worker(102, lock=30.0, gil=gil(6.0)), cpu_pct=33.0),)] * 2
    process = side(*moments(*rows)).processes[0]
    assert (process.cpu_pct, process.lock_pct, process.threads) == (33.0, 50.0, 3.0)
    assert process.gil_wait_pct == 11.0  # the main thread's is not known: two of three are
    assert process.vol_per_s == 200.0


def test_the_stretch_and_its_machine() -> None:
    """From the start of the first interval to the end of the last; what the machine did is a mean."""
    shots = moments((OTHER,), (OTHER,))
    found = side(shots[0], shots[1]._replace(host=host_row(switches_per_s=3234.0)))
    assert (found.end - found.begin, found.seconds, found.ticks, found.host) == (2.0, 2.0, 2, "box")
    assert (found.machine.cpu_pct, found.machine.switches_per_s, found.machine.cpus) == (15.0, 2234.0, 2)
    unknown = side(snapshot(OTHER, interval_s=None, host=host_row(cpu=None, switches_per_s=None)))
    assert unknown.machine == (2, None, None, None, None)
    assert (unknown.ticks, unknown.seconds, unknown.threads[0].cpu_pct) == (0, 0.0, None)


def test_findings_of_a_stretch() -> None:
    """Those that hold at the end, in their last words, and those that held for two ticks."""
    shots = moments(*[(OTHER,)] * 4)
    newer = BOUND._replace(title="newer")
    found = ((STARVED, CALM), (CALM, BOUND), (), (newer,))
    shown = [shot._replace(findings=each) for shot, each in zip(shots, found, strict=True)]
    assert side(*shown).findings == (newer, CALM)


# -- matching ----------------------------------------------------------------------------------


def test_ids_match_on_one_boot() -> None:
    """By ids where some thread is on both sides, else by names: another machine, boot or run has others."""
    assert matching(BEFORE, AFTER) == "ids"
    assert matching(BEFORE, AFTER._replace(boot_time=AFTER.boot_time + 4)) == "ids"
    assert matching(BEFORE, AFTER._replace(boot_time=AFTER.boot_time + 6)) == "names"
    assert matching(BEFORE, AFTER._replace(host="other")) == "names"
    later = side(*moments((process_row(300),)))
    assert matching(BEFORE, later) == "names"


def test_a_reused_id_is_another_thread() -> None:
    """Where starts are known they must be the same; documents do not tell them: then the process's name."""
    reused = side(*moments((server(worker(start_ticks=2000)),)))
    found = compare(side(*moments((server(worker()),))), reused)
    assert ([one.tid for one in found.new], [one.tid for one in found.gone], found.both) == ([101], [101], 1)
    unknown = reused._replace(threads=tuple(one._replace(start_ticks=0) for one in reused.threads))
    assert compare(side(*moments((server(worker()),))), unknown).both == 2
    others = tuple(one._replace(process="another") for one in unknown.threads)
    assert compare(side(*moments((server(worker()),))), unknown._replace(threads=others), by="ids").both == 0


def test_names_match_kinds_of_threads() -> None:
    """Threads of one program whose names differ in digits are one kind: its figures are added up."""
    before = side(*moments((server(worker(101, name="w-1", cpu=10.0), worker(102, name="w-2", cpu=20.0)),)))
    after = side(*moments((server(worker(901, name="w-7", cpu=50.0)),)))._replace(host="other")
    found = compare(before, after)
    assert (found.by, found.both, found.new, found.gone) == ("names", 2, (), ())
    [one] = found.changed
    assert (one.before.name, one.before.threads, one.after.threads) == ("server [w-#]", 2.0, 1.0)
    figures = {delta.measure.key: (delta.before, delta.after) for delta in one.deltas}
    assert figures["cpu_pct"] == (30.0, 50.0)
    assert figures["threads"] == (2.0, 1.0)


def test_names_match_processes() -> None:
    """Processes of one name are one; who is only on one side is new, or gone."""
    before = side(
        *moments(
            (process_row(1, process="a", cpu_pct=30.0), process_row(2, process="a", cpu_pct=5.0)),
        )
    )
    after = side(*moments((process_row(3, process="b", cpu_pct=9.0),)))
    found = compare(before, after, threads=False)
    assert [(one.name, one.cpu_pct, one.pid) for one in found.gone] == [("a", 35.0, -1)]
    assert [(one.name, one.cpu_pct, one.pid) for one in found.new] == [("b", 9.0, 3)]


def test_names_can_be_asked_for() -> None:
    """Also where ids would match."""
    found = compared(by="names")
    assert (found.by, [one.after.name for one in found.changed]) == ("names", ["server [worker]"])


def test_what_is_known_of_few_of_a_kind_is_not_known_of_it() -> None:
    """A sum is None where most of its members are unknown."""
    rows = (worker(101), worker(102, vol_per_s=None), worker(103, vol_per_s=None))
    [kind] = [one.before for one in compare(side(*moments((server(*rows),))), AFTER, by="names").changed]
    assert (kind.vol_per_s, kind.cpu_pct) == (None, 30.0)


# -- differences -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "before", "after", "expected"),
    [
        ("cpu_pct", 5.0, 6.0, True),
        ("cpu_pct", 5.0, 5.99, False),
        ("cpu_pct", 50.0, 45.1, False),  # a tenth of the larger
        ("cpu_pct", 50.0, 45.0, True),
        ("wait_pct", 0.0, 1.0, True),
        ("lock_pct", 0.0, 4.9, False),
        ("lock_pct", 5.0, 0.0, True),
        ("gil_wait_pct", 10.0, 16.0, True),
        ("gil_wait_pct", Estimate(10.0), 16.0, False),
        ("gil_wait_pct", Estimate(10.0), Estimate(20.0), True),
        ("vol_per_s", 0.0, 19.9, False),
        ("vol_per_s", 0.0, 20.0, True),
        ("vol_per_s", 1000.0, 1099.0, False),
        ("threads", 4.0, 5.0, True),
        ("threads", 4.0, 4.9, False),
    ],
)
def test_noise(key: str, before: float, after: float, expected: bool) -> None:  # noqa: FBT001 a value
    """A difference counts from what its measure asks on, more of estimates, and from a tenth on."""
    assert is_more_than_noise(MEASURE[key], before, after) is expected
    assert is_more_than_noise(MEASURE[key], after, before) is expected


def test_the_largest_difference_comes_first() -> None:
    """In points of a core, of which 100 switches a second are one; a row is worth its largest."""
    found = change(
        means(worker(cpu=10.0, wait=1.0, vol_per_s=100.0)), means(worker(cpu=14.0, wait=30.0, vol_per_s=900.0))
    )
    assert [(delta.measure.key, delta.difference, delta.points) for delta in found.deltas] == [
        ("wait_pct", 29.0, 29.0),
        ("vol_per_s", 800.0, 8.0),
        ("cpu_pct", 4.0, 4.0),
    ]
    assert found.points == 29.0


def test_unknown_is_no_difference() -> None:
    """What is known of one side only is neither more nor less."""
    assert change(means(worker(vol_per_s=None)), means(worker(vol_per_s=900.0))).deltas == ()


def test_another_reason() -> None:
    """It is told where it took at least 20 points from the one before, and counts five."""
    before, more, little = (means(worker(cpu=0.0, wait=0.0, lock=lock)) for lock in (20.0, 60.0, 51.0))
    half = means(worker(cpu=0.0, wait=0.0, lock=40.0))
    assert change(before, more)._replace(deltas=()).mostly == ("sleep", "lock")
    assert change(before, more)._replace(deltas=()).points == 5.0
    assert change(half, little).mostly is None
    assert change(half, little)._replace(deltas=()).points == 0.0
    unread = means(worker(sampled=TimeShare(1.0, 0.0, 0.0, (("unknown", 99.0),), 10)))
    assert change(before, unread).mostly is None


def test_what_is_on_one_side() -> None:
    """It is ranked by its largest figure; one that did next to nothing counts as nothing."""
    assert activity(means(worker(cpu=12.0, wait=3.0, lock=0.0))) == 12.0
    assert activity(means(worker(cpu=0.4, wait=0.2, lock=2.0, vol_per_s=15.0))) == 0.0
    assert activity(means(worker(cpu_pct=None))) == 20.0  # its lock


def test_a_comparison() -> None:
    """Who changed, the most first; who is new or gone; how many were left out; which findings came, went and stay."""
    found = compared()
    assert [(one.after.tid, one.points) for one in found.changed] == [(103, 50.0), (101, 12.0)]
    assert [one.tid for one in found.new] == [104]
    assert [one.tid for one in found.gone] == [102]
    assert (found.both, found.quiet) == (4, Quiet(new=0, gone=0, changed=2))
    assert [(one.before, one.after) for one in found.findings] == [
        (None, BOUND),
        (STARVED, None),
        (CALM, CALM._replace(severity=30.0)),
    ]


def test_a_thing_is_the_same_as_itself() -> None:
    """Nothing is said of two equal sides."""
    found = compare(BEFORE, BEFORE)
    assert (found.changed, found.new, found.gone, found.both) == ((), (), (), 5)
    assert {bool(one.before and one.after) for one in found.findings} == {True}


def test_only_what_is_kept() -> None:
    """A test that one of both sides passes keeps the pair; the others are not even counted."""
    found = compared(keep=lambda entry: (entry.cpu_pct or 0.0) > 25)
    assert ([one.after.tid for one in found.changed], found.both) == ([103], 1)
    assert ([one.tid for one in found.new], [one.tid for one in found.gone]) == ([104], [102])
    assert found.quiet == Quiet(0, 0, 0)


def test_findings_match_by_process() -> None:
    """By ids those of one process are one, by names those of one program."""
    other = side(*moments((OTHER,), findings=(STARVED._replace(pid=7, start_ticks=9),)))
    two = [one for one in compare(BEFORE, other, by="ids").findings if one.newest.kind == "starved"]
    assert [(one.before is None, one.after is None) for one in two] == [(True, False), (False, True)]
    [same] = [one for one in compare(BEFORE, other, by="names").findings if one.newest.kind == "starved"]
    assert (same.before, same.after) == (STARVED, STARVED._replace(pid=7, start_ticks=9))
