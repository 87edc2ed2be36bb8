"""History: what the sparklines are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted_gil
from builders import process_row, snapshot, thread_row
from threadtop.history import MOMENTS, MOMENTS_NS, ROWS, TICKS, WATCHED, History, Second
from threadtop.sample import GilMoment
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.snapshot import ThreadRow


def noted(*values: float | None, **shown: object) -> History:
    """A history of ticks in which thread 2 of process 1 had these shares of CPU, and thread 3 always ran."""
    history = History()
    for value in values:
        threads = (thread_row(2, cpu_pct=value, **shown), thread_row(3, cpu_pct=1.0))
        history.add(snapshot(process_row(1, *threads)))
    return history


KEY = (1, 2, 1000)


def test_values_oldest_first() -> None:
    """The series ends with the latest tick."""
    assert noted(1.0, 2.0, 3.0).series(KEY, "cpu_pct") == [1.0, 2.0, 3.0]
    assert noted(1.0, 2.0, 3.0).series(KEY, "cpu_pct", 2) == [2.0, 3.0]


def test_ticks_at_rest_are_zero() -> None:
    """A thread that did not move was not noted: it rested."""
    assert noted(1.0, 0.0, 0.0, 4.0, 0.0).series(KEY, "cpu_pct") == [1.0, 0.0, 0.0, 4.0, 0.0]


def test_unknown_is_none() -> None:
    """What could not be read is unknown, not zero."""
    assert noted(None, 2.0).series(KEY, "cpu_pct") == [None, 2.0]


def test_switches_are_both_kinds() -> None:
    """The switches series adds voluntary and involuntary ones; without the latter it is the former."""
    history = noted(1.0, vol_per_s=10.0, invol_per_s=5.0)
    assert history.series(KEY, "switches_per_s") == [15.0]
    assert noted(1.0, vol_per_s=10.0, invol_per_s=None).series(KEY, "switches_per_s") == [10.0]
    assert noted(1.0, vol_per_s=None).series(KEY, "switches_per_s") == [None]


def test_before_it_was_born_is_unknown() -> None:
    """A new thread has no past: the ticks before it are not zero."""
    history = noted(0.0, 0.0)
    new = process_row(1, thread_row(9, cpu_pct=None, mark="new"), thread_row(3, cpu_pct=1.0))
    history.add(snapshot(new))
    history.add(snapshot(process_row(1, thread_row(9, cpu_pct=5.0), thread_row(3, cpu_pct=1.0))))
    assert history.series((1, 9, 1000), "cpu_pct") == [None, None, None, 5.0]


def test_a_thread_never_seen_to_move() -> None:
    """What was at rest all the time is zero all the time."""
    assert noted(0.0, 0.0).series(KEY, "cpu_pct") == [0.0, 0.0]


def test_processes_are_noted_too() -> None:
    """A process's series is the sum over its threads."""
    assert noted(1.0, 2.0).series((1, 0, 1000), "cpu_pct") == [2.0, 3.0]


def test_a_first_sample_is_no_tick() -> None:
    """A snapshot without rates leaves no trace."""
    history = History()
    history.add(snapshot(process_row(1, thread_row(2, cpu_pct=None)), interval_s=None))
    assert history.series(KEY, "cpu_pct") == []


def test_a_reused_tid_has_its_own_past() -> None:
    """Another start time is another thread."""
    history = noted(7.0)
    assert history.series((1, 2, 2000), "cpu_pct") == [0.0]


def test_time_is_bounded() -> None:
    """No more than TICKS are kept, and asking for more does not make rest of what was forgotten."""
    history = noted(*(float(tick) for tick in range(1, 3 * TICKS)))
    series = history.series(KEY, "cpu_pct", 5 * TICKS)
    assert series == [float(tick) for tick in range(2 * TICKS, 3 * TICKS)]
    assert all(len(ring) <= 2 * TICKS * 5 for ring in history._rings.values())


def test_rows_are_bounded() -> None:
    """Of more than ROWS rows those that have rested longest are forgotten first."""
    history = History()
    for tick in range(4):
        tids = range(1 + tick * ROWS // 2, 1 + (tick + 1) * ROWS // 2)
        history.add(snapshot(process_row(0, *(thread_row(tid, cpu_pct=9.0) for tid in tids))))
    assert len(history._rings) == ROWS
    assert history._began.keys() == history._rings.keys()
    assert max(history.series((0, 2 * ROWS, 1000), "cpu_pct")) == 9.0  # type: ignore[type-var]
    assert history.series((0, 1, 1000), "cpu_pct") == [0.0] * 4


# -- what took most of each second ---------------------------------------------------------------


def lived(*rows: ThreadRow) -> History:
    """A history of ticks in which thread 2 of process 1 was each of these rows."""
    history = History()
    for row in rows:
        history.add(snapshot(process_row(1, row._replace(tid=2))))
    return history


def moved(part: str, **shown: object) -> ThreadRow:
    """A thread of which one part took most of the time, as 40 looks found."""
    if part == "user":
        return thread_row(2, cpu_pct=90.0, sampled=TimeShare(90.0, 0.0, 0.0, (("poll", 10.0),), 40))
    return thread_row(2, cpu_pct=10.0, sampled=TimeShare(10.0, 0.0, 0.0, ((part, 90.0),), 40), **shown)  # type: ignore[arg-type]


PARKED = thread_row(2, wchan="futex_do_wait")


def test_each_second_has_its_part() -> None:
    """Oldest first, and as known: shares, or the hint of one look."""
    hint = thread_row(2, cpu_pct=1.0, user_pct=1.0, wchan="do_epoll_wait")
    history = lived(moved("user"), moved("lock"), hint)
    assert history.seconds(KEY, 5, None) == [Second("user"), Second("lock"), Second("poll", is_hint=True)]
    assert history.seconds(KEY, 2, None) == [Second("lock"), Second("poll", is_hint=True)]


def test_rest_is_what_it_rests_in() -> None:
    """After its last move a thread is in what was found as it came to rest, for as long as it rests."""
    history = lived(moved("user"), PARKED, PARKED, PARKED, moved("disk"))
    assert history.seconds(KEY, 9, None) == [Second("user"), *[Second("lock")] * 3, Second("disk")]
    assert history.seconds(KEY, 3, None) == [Second("lock"), Second("lock"), Second("disk")]


def test_who_never_moved_rests_in_what_it_is_in() -> None:
    """Without a note the row as it is stands for all ticks; what is not known is None."""
    history = lived(PARKED, PARKED)
    assert history.seconds(KEY, 9, PARKED.time) == [Second("lock")] * 2
    assert history.seconds(KEY, 9, None) == [None] * 2
    assert lived(PARKED, moved("lock")).seconds(KEY, 9, None) == [None, Second("lock")]
    assert lived(thread_row(2, cpu_pct=None)).seconds(KEY, 9, None) == [None]


# -- the rounds of the GIL's watch -------------------------------------------------------------


def watched(*stamps_ns: int, pid: int = 1) -> object:
    """A process whose row has rounds at these times."""
    row = scripted_gil.ticks(3)[2].processes[scripted_gil.GUNICORN]
    assert row.gil is not None
    rounds = tuple(GilMoment(at_ns, (7,)) for at_ns in stamps_ns)
    return process_row(pid, gil=row.gil._replace(moments=rounds))


def stamps(history: History, pid: int = 1) -> list[int]:
    """When the rounds of a process were that are kept."""
    return [moment.at_ns for moment in history.moments((pid, 0, 1000))]


def test_rounds_follow_one_another() -> None:
    """Rounds are kept in order, those that a row repeats once; a process never watched has none."""
    history = History()
    history.add(snapshot(watched(1, 2, 3)))
    history.add(snapshot(watched(2, 3, 4)))
    history.add(snapshot(watched(2, 3, 4)))
    assert stamps(history) == [1, 2, 3, 4]
    assert stamps(history, 9) == []


def test_rounds_of_a_first_sample_count() -> None:
    """Rounds are no rates: they need no interval."""
    history = History()
    history.add(snapshot(watched(1), interval_s=None))
    assert stamps(history) == [1]


@pytest.mark.parametrize(("age_ns", "kept"), [(MOMENTS_NS, 2), (MOMENTS_NS + 1, 1)])
def test_rounds_are_bounded_in_time(age_ns: int, kept: int) -> None:
    """What is older than MOMENTS_NS is forgotten."""
    history = History()
    history.add(snapshot(watched(5)))
    history.add(snapshot(watched(5 + age_ns)))
    assert len(stamps(history)) == kept


def test_rounds_are_bounded_in_number() -> None:
    """Of more than MOMENTS the newest are kept."""
    history = History()
    history.add(snapshot(watched(*range(MOMENTS + 3))))
    assert stamps(history) == list(range(3, MOMENTS + 3))


def test_watched_processes_are_bounded() -> None:
    """Of more than WATCHED processes the one that was watched last is kept, the one longest ago forgotten."""
    history = History()
    for pid in (*range(1, WATCHED + 1), 1, WATCHED + 1):
        history.add(snapshot(watched(pid, pid=pid)))
    assert len(history._moments) == WATCHED
    assert stamps(history, 1) == [1]
    assert stamps(history, 2) == []
    assert stamps(history, WATCHED + 1) == [WATCHED + 1]
