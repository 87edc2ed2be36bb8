"""History: what the sparklines are drawn from."""

from __future__ import annotations

from builders import process_row, snapshot, thread_row
from threadtop.history import ROWS, TICKS, History


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
    assert all(len(ring) <= 2 * TICKS * 4 for ring in history._rings.values())


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
