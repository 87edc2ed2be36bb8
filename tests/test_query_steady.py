"""A steady order: small moves of a figure do not move its row, large ones do."""

from __future__ import annotations

from builders import process_row, snapshot, thread_row
from threadtop import query
from threadtop.query import Steady, View


def orders(*ticks: dict[int, float], view: View | None = None, steady: Steady | None = None) -> list[list[int]]:
    """The tids in order, tick by tick, of threads with these shares of CPU."""
    steady = steady or Steady()
    tables = []
    for tick in ticks:
        shot = snapshot(process_row(50, *(thread_row(tid, cpu_pct=value) for tid, value in tick.items())))
        tables.append(query.table(shot, view or View(), steady=steady))
    return [[row.tid for row in table.rows] for table in tables]


def test_a_small_move_keeps_the_order() -> None:
    """Within a tenth of what it was ranked by, a row does not pass another."""
    assert orders({1: 50.0, 2: 49.0}, {1: 48.0, 2: 51.0}) == [[1, 2], [1, 2]]


def test_a_large_move_is_shown() -> None:
    """Beyond a tenth the row goes where it belongs."""
    assert orders({1: 50.0, 2: 49.0}, {1: 20.0, 2: 49.0}) == [[1, 2], [2, 1]]


def test_small_moves_add_up() -> None:
    """A figure is compared with what it is ranked by, not with the last tick: a slow climb arrives."""
    assert orders({1: 50.0, 2: 45.0}, {1: 50.0, 2: 48.0}, {1: 50.0, 2: 51.0})[-1] == [2, 1]


def test_another_sort_begins_anew() -> None:
    """A change of column or direction ranks all rows by what they have now."""
    steady = Steady()
    orders({1: 50.0, 2: 49.0}, steady=steady)
    assert orders({1: 48.0, 2: 51.0}, view=View(descending=False), steady=steady) == [[1, 2]]
    assert orders({1: 48.0, 2: 51.0}, steady=steady) == [[2, 1]]


def test_a_row_at_rest_keeps_its_place_for_some_ticks() -> None:
    """A small figure that comes and goes does not make its row jump to the end and back; rest ends that."""
    seen = orders({1: 0.0, 2: 0.2}, *[{1: 0.0, 2: 0.0}] * 6)
    assert seen == [[2, 1]] * 6 + [[1, 2]]


def test_a_busy_row_that_stops_falls_at_once() -> None:
    """What was ranked high is not kept there when it rests."""
    assert orders({1: 0.0, 2: 50.0, 3: 5.0}, {1: 0.0, 2: 0.0, 3: 5.0}) == [[2, 3, 1], [3, 1, 2]]


def test_every_row_is_there_once() -> None:
    """Whatever rests or moves, no row is lost or shown twice."""
    ticks = [{tid: float((tid * step) % 7) / 20 for tid in range(1, 30)} for step in range(1, 12)]
    assert all(sorted(order) == list(range(1, 30)) for order in orders(*ticks))
