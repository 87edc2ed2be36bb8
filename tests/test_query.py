"""Tables of snapshots: which rows, in which order, under which headings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import process_row, snapshot, thread_row
from threadtop import fields, query
from threadtop.filters import parse_filter
from threadtop.query import View, group_label
from threadtop.snapshot import GroupRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.snapshot import Row, Snapshot


def busy(tid: int, cpu_pct: float | None, **shown: object) -> Row:
    """A thread with a share of CPU."""
    return thread_row(tid, cpu_pct=cpu_pct, **shown)


def tids(rows: Sequence[Row]) -> list[int | str]:
    """Threads by tid, processes by the word p and their pid, groups by their label."""
    return [row.label if isinstance(row, GroupRow) else row.tid or f"p{row.pid}" for row in rows]


def shown(shot: Snapshot, **view: object) -> list[int | str]:
    """What a table of the snapshot shows."""
    return tids(query.table(shot, View(**view)).rows)


def sorted_by(key: str, *, descending: bool, **values: Sequence[object]) -> list[int | str]:
    """The tids 1, 2, ... with these values of fields, sorted."""
    count = len(next(iter(values.values())))
    rows = [thread_row(tid + 1, **{name: column[tid] for name, column in values.items()}) for tid in range(count)]
    return shown(snapshot(process_row(50, *rows)), sort=key, descending=descending)


# -- order -------------------------------------------------------------------------------------


def test_shares_sort_with_unknown_last() -> None:
    """Largest first or smallest first, unknown comes last either way."""
    values = [0.0, 50.0, None, 7.5, 0.0, None, 90.0]
    assert sorted_by("cpu_pct", descending=True, cpu_pct=values) == [7, 2, 4, 1, 5, 3, 6]
    assert sorted_by("cpu_pct", descending=False, cpu_pct=values) == [1, 5, 4, 2, 7, 3, 6]


@pytest.mark.parametrize("descending", [True, False], ids=["down", "up"])
def test_equal_rows_keep_their_order(*, descending: bool) -> None:
    """Ties are stable, and what looks equal on the screen is a tie."""
    assert sorted_by("cpu_pct", descending=descending, cpu_pct=[5.01, 5.04, 4.96]) == [1, 2, 3]
    assert sorted_by("cpu_pct", descending=descending, cpu_pct=[0.0, 0.04, 0.01, 0.0]) == [1, 2, 3, 4]
    assert sorted_by("vol_per_s", descending=descending, vol_per_s=[100.4, 99.6, 100.2]) == [1, 2, 3]
    assert sorted_by("nice", descending=descending, nice=[5, 5, -5, -5]) == (
        [1, 2, 3, 4] if descending else [3, 4, 1, 2]
    )
    assert sorted_by("name", descending=descending, name=["b", "B", "b"]) == [1, 2, 3]


def test_negative_numbers_sort_below_zero() -> None:
    """Nice and priority are below zero for those that get most."""
    values = [0, -20, 19, -5, 0, 1]
    assert sorted_by("nice", descending=False, nice=values) == [2, 4, 1, 5, 6, 3]
    assert sorted_by("nice", descending=True, nice=values) == [3, 6, 1, 5, 4, 2]
    assert sorted_by("priority", descending=False, priority=[20, -100, 39]) == [2, 1, 3]


def test_texts_sort_without_case() -> None:
    """Letters in any case sort together; unknown comes last."""
    assert sorted_by("name", descending=False, name=["b", "A", "C"]) == [2, 1, 3]
    assert sorted_by("wchan", descending=True, wchan=[None, "a", "b", None]) == [3, 2, 1, 4]


def test_numbers_sort_by_value() -> None:
    """Identifiers and times are not rounded and not compared as text."""
    assert sorted_by("tid", descending=True, name=["x"] * 11)[:3] == [11, 10, 9]
    assert sorted_by("cpu_ns", descending=True, cpu_ns=[5, 50, None, 6]) == [2, 4, 1, 3]


def test_shared_figures_sort_threads_by_their_process() -> None:
    """Sorted by memory, the threads of the largest process come first."""
    small = process_row(1, thread_row(1), thread_row(2), rss_bytes=1000)
    large = process_row(5, thread_row(5), thread_row(6), rss_bytes=2000)
    assert shown(snapshot(small, large), sort="rss_bytes") == [5, 6, 1, 2]
    assert shown(snapshot(small, large), sort="rss_bytes", descending=False) == [1, 2, 5, 6]
    assert shown(snapshot(small, large), sort="rss_bytes", threads=False) == ["p5", "p1"]


def test_held_order() -> None:
    """With the order held nothing moves: who was there stays in place, new rows follow, gone ones leave."""
    before = snapshot(process_row(50, busy(1, 10.0), busy(2, 20.0), busy(3, 30.0)))
    held = [row.key for row in query.table(before, View()).rows]
    after = snapshot(process_row(50, busy(4, 99.0), busy(1, 90.0), busy(2, 5.0)))
    assert tids(query.table(after, View(), held).rows) == [2, 1, 4]
    assert shown(after) == [4, 1, 2]


def test_a_reused_tid_has_no_held_place() -> None:
    """Places are held by identity: another thread under the same tid is a new row."""
    before = snapshot(process_row(1, busy(1, 0.0), busy(2, 0.0)))
    held = [row.key for row in query.table(before, View()).rows]
    after = snapshot(process_row(1, busy(1, 0.0, start_ticks=9), busy(2, 0.0)))
    assert tids(query.table(after, View(), held).rows) == [2, 1]


def test_sorted_by_takes_the_fields_own_order() -> None:
    """Shares come largest first, names and ids smallest first."""
    assert View(descending=False).sorted_by("vol_per_s") == View(sort="vol_per_s", descending=True)
    assert View().sorted_by("name") == View(sort="name", descending=False)
    assert View().sorted_by("tid").descending is False


# -- which rows --------------------------------------------------------------------------------


def test_the_table_has_the_views_columns() -> None:
    """Columns are fields in the order of the view."""
    table = query.table(snapshot(process_row(1)), View(columns=("tid", "cpu_pct")))
    assert table.columns == (fields.find("tid"), fields.find("cpu_pct"))
    assert table.cores == 2


def test_idle_rows_are_hidden_and_counted() -> None:
    """Idle is: slept, ran nothing, wanted nothing, not new; the table says how many were left out."""
    rows = [
        busy(1, 0.0),
        busy(2, 0.1),
        busy(3, 0.0, wait_pct=1.0),
        busy(4, 0.0, state="D"),
        busy(5, 0.0, state="I"),
        busy(6, None),
        busy(7, 0.0, mark="new"),
        busy(8, 0.0, state="R"),
    ]
    shot = snapshot(process_row(50, *rows))
    table = query.table(shot, View(hide_idle=True, sort="tid", descending=False))
    assert (tids(table.rows), table.hidden_idle) == ([2, 3, 4, 6, 7, 8], 2)
    assert query.table(shot, View()).hidden_idle == 0


def test_idle_processes() -> None:
    """A process is idle when all of its threads are and none has gone."""
    idle, moving = process_row(1), process_row(2, busy(2, 0.0), busy(3, 5.0))
    blocked = process_row(4, thread_row(4), thread_row(5, state="D"))
    ended = process_row(6, gone=(thread_row(7, mark="gone"),))
    table = query.table(snapshot(idle, moving, blocked, ended), View(threads=False, hide_idle=True))
    assert (tids(table.rows), table.hidden_idle) == (["p2", "p4", "p6"], 1)


@pytest.mark.parametrize(
    ("user", "rows"), [("www", [1]), ("1000", [1]), ("root", [2]), ("0", [2]), ("w", []), (None, [1, 2])]
)
def test_user(user: str | None, rows: list[int]) -> None:
    """A user is named whole or by number."""
    shot = snapshot(process_row(1), process_row(2, user="root"))
    assert shown(shot, user=user) == rows


def test_filter() -> None:
    """Only rows that match; idle ones are counted among those."""
    shot = snapshot(process_row(50, busy(1, 50.0, name="a"), busy(2, 0.0, name="b"), busy(3, 0.0, name="b")))
    assert shown(shot, filter=parse_filter("cpu>5")) == [1]
    table = query.table(shot, View(filter=parse_filter("name=b"), hide_idle=True))
    assert (tids(table.rows), table.hidden_idle) == ([], 2)
    assert shown(shot, filter=parse_filter("cpu>5"), threads=False) == ["p50"]


def test_kernel_threads_can_be_left_out() -> None:
    """The switch leaves out kernel threads in every layout and hides nothing else."""
    shot = snapshot(process_row(1), process_row(2, kernel=True))
    for layout in query.LAYOUTS:
        rows = query.table(shot, View(layout=layout, hide_kernel=True)).rows
        assert {row.kernel for row in rows} == {False}
    assert shown(shot, hide_kernel=True, threads=False) == ["p1"]


def test_what_has_gone_is_shown_with_the_rest() -> None:
    """Threads and processes that ended since the last snapshot stand in the table for that tick."""
    ended = process_row(7, thread_row(7, mark="gone"), mark="gone")
    shot = snapshot(process_row(1, gone=(thread_row(2, pid=1, mark="gone"),)), gone=(ended,))
    assert shown(shot) == [1, 2, 7]
    assert shown(shot, threads=False) == ["p1", "p7"]
    assert shown(shot, layout="tree") == ["p1", 1, 2, "p7", 7]


# -- layouts -----------------------------------------------------------------------------------

TREE = snapshot(
    process_row(1, busy(1, 1.0), busy(2, 8.0)),
    process_row(5, busy(5, 30.0), busy(6, 0.0), busy(7, 40.0)),
)


def test_tree() -> None:
    """Processes in order, each followed by its own threads in order."""
    assert shown(TREE, layout="tree") == ["p5", 7, 5, 6, "p1", 2, 1]
    assert shown(TREE, layout="tree", sort="tid", descending=False) == ["p1", 1, 2, "p5", 5, 6, 7]


def test_tree_folds() -> None:
    """A folded process stands alone; with all folded, those named are open."""
    key = TREE.processes[5].key
    assert shown(TREE, layout="tree", folded=frozenset({key})) == ["p5", "p1", 2, 1]
    assert shown(TREE, layout="tree", all_folded=True) == ["p5", "p1"]
    assert shown(TREE, layout="tree", all_folded=True, folded=frozenset({key})) == ["p5", 7, 5, 6, "p1"]


def test_tree_keeps_headings_of_what_passes() -> None:
    """A process stays when a thread of it passes, or when it does itself."""
    assert shown(TREE, layout="tree", filter=parse_filter("tid=2")) == ["p1", 2]
    assert shown(TREE, layout="tree", filter=parse_filter("nth=3")) == ["p5", 7, 5, 6]
    assert shown(TREE, layout="tree", filter=parse_filter("cpu>60")) == ["p5"]
    table = query.table(TREE, View(layout="tree", hide_idle=True))
    assert (tids(table.rows), table.hidden_idle) == (["p5", 7, 5, "p1", 2, 1], 1)
    asleep = snapshot(process_row(1), process_row(5, busy(5, 1.0)))
    assert shown(asleep, layout="tree", hide_idle=True) == ["p5", 5]


def test_tree_holds_its_order() -> None:
    """Held, neither headings nor the threads below them move."""
    held = [row.key for row in query.table(TREE, View(layout="tree")).rows]
    later = snapshot(
        process_row(1, busy(1, 90.0), busy(2, 8.0)), process_row(5, busy(5, 1.0), busy(6, 2.0), busy(7, 3.0))
    )
    assert tids(query.table(later, View(layout="tree"), held).rows) == ["p5", 7, 5, 6, "p1", 2, 1]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("server", "server"),
        ("worker-1", "server [worker-#]"),
        ("worker-27", "server [worker-#]"),
        ("w1:x2", "server [w#:x#]"),
    ],
)
def test_group_labels(name: str, label: str) -> None:
    """Names that differ in numbers alone are one group; a thread named as its process is the process's own."""
    row = thread_row(1, name=name)
    assert group_label(row, "names") == label
    assert group_label(row, "programs") == "server"


GROUPS = snapshot(
    process_row(1, busy(1, 10.0, name="server"), busy(2, 20.0, name="worker-1", vol_per_s=None, cpu_ns=None)),
    process_row(5, busy(5, 5.0, name="worker-2", state="D", cpu_ns=7), user="root"),
    process_row(9, busy(9, 50.0, name="gdb"), process="gdb"),
)


def test_programs() -> None:
    """Processes of one program are one group, its figures their sums, in order with its members below."""
    rows = query.table(GROUPS, View(layout="programs")).rows
    assert tids(rows) == ["gdb", 9, "server", 2, 1, 5]
    group = rows[2]
    assert (group.cpu_pct, group.vol_per_s, group.cpu_ns, group.thread_count) == (35.0, 0.0, 7, 3)
    assert (group.user, group.state, group.command, group.is_idle) == ("*", "D", "3 x server", False)
    assert (rows[0].user, rows[0].state) == ("www", "S")


def test_names() -> None:
    """Threads are grouped across processes by program and name without numbers."""
    assert shown(GROUPS, layout="names") == ["gdb", 9, "server [worker-#]", 2, 5, "server", 1]


def test_groups_fold() -> None:
    """A group is folded by its label, from snapshot to snapshot."""
    folded = View(layout="programs", all_folded=True)
    rows = query.table(GROUPS, folded).rows
    assert tids(rows) == ["gdb", "server"]
    view = replace(folded, folded=frozenset({rows[0].key}))
    later = snapshot(process_row(9, busy(9, 1.0), process="gdb"), process_row(1, busy(1, 5.0)))
    assert tids(query.table(later, view).rows) == ["server", "gdb", 9]


def test_a_group_of_unknowns_is_unknown() -> None:
    """A sum of which nothing is known is None, never 0."""
    shot = snapshot(process_row(1, thread_row(1, cpu_pct=None, vol_per_s=None, cpu_ns=None)))
    group = query.table(shot, View(layout="programs")).rows[0]
    assert (group.cpu_pct, group.vol_per_s, group.cpu_ns, group.wait_pct) == (None, None, None, 0.0)
