"""CSV: one heading, one row a thread, numbers as in JSON, names that do no harm."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from builders import NOON, process_row, snapshot, thread_row
from test_export import HOSTILE, SHOT, UNREAD, acting
from threadtop import delimited, query, text
from threadtop.query import View
from threadtop.snapshot import Estimate, GilShare

if TYPE_CHECKING:
    from threadtop.snapshot import Snapshot


def read(shot: Snapshot, *columns: str, **view: object) -> list[dict[str, str]]:
    """The rows of a snapshot as a CSV reader has them."""
    table = query.table(shot, View(columns=columns, **view))
    written = delimited.heading(table.columns) + delimited.rows(shot, table)
    return list(csv.DictReader(written.splitlines(keepends=True), strict=True))


def test_the_heading_has_time_and_the_keys() -> None:
    """Keys of the columns in the order asked for, after the moment; lines end as RFC 4180 has them."""
    table = query.table(SHOT, View(columns=("pid", "tid", "cpu_pct")))
    assert delimited.heading(table.columns) == "time,pid,tid,cpu_pct\r\n"
    assert delimited.rows(SHOT, table).count("\r\n") == 3


def test_rows_are_figures_as_in_json() -> None:
    """Two digits for shares and rates, whole nanoseconds and bytes, the moment in UTC with its offset."""
    worker, *_ = read(SHOT, "tid", "cpu_pct", "vol_per_s", "cpu_ns", "state", "time_pct")
    assert worker == {
        "time": "2026-01-01T12:00:00.000+00:00",
        "tid": "101",
        "cpu_pct": "50.12",
        "vol_per_s": "1234.57",
        "cpu_ns": "61000000000",
        "state": "R",
        "time_pct": "62.47",
    }


def test_unknown_is_empty() -> None:
    """What is not known is an empty cell, not 0 and not a dash."""
    shot = snapshot(process_row(100, UNREAD))
    assert [row["cpu_pct"] + row["cpu_ns"] + row["reason"] for row in read(shot, "cpu_pct", "cpu_ns", "reason")] == [""]


def test_amounts_of_a_process_stand_on_its_row_alone() -> None:
    """Its memory and threads are not on the rows of its threads: their sum is what there is, not a multiple."""
    shared = ("rss_bytes", "vsize_bytes", "thread_count")
    assert {tuple(row[key] for key in shared) for row in read(SHOT, *shared)} == {("", "", "")}
    (process,) = read(SHOT, *shared, threads=False)
    assert (process["rss_bytes"], process["thread_count"]) == (str(64 << 20), "3")
    rows = read(SHOT, *shared, layout="tree")
    assert [sum(int(row[key] or 0) for row in rows) for key in shared] == [int(process[key]) for key in shared]


def test_the_uid_stands_on_each_thread() -> None:
    """It is no amount, and each row is read alone."""
    assert {(row["tid"], row["uid"]) for row in read(SHOT, "tid", "uid")} == {
        *(("100", "1000"), ("101", "1000"), ("102", "1000")),
    }


def test_processes_and_groups_have_no_tid() -> None:
    """The row of a process has no tid, that of a group no pid either: empty, not 0 or -1."""
    (process,) = read(SHOT, "pid", "tid", "command", threads=False)
    assert (process["pid"], process["tid"], process["command"]) == ("100", "", "/usr/bin/server --port 80")
    group, *members = read(SHOT, "pid", "tid", "command", layout="programs")
    assert (group["pid"], group["tid"], group["command"]) == ("", "", "3 x server")
    assert {row["pid"] for row in members} == {"100"}


def test_an_estimate_is_a_number() -> None:
    """The sign of an estimate is for people; JSON says how a figure was got."""
    share = GilShare("estimate", "", None, Estimate(70.126), None, None, None, None, None, 5, is_python=True)
    assert read(snapshot(process_row(100, thread_row(100, gil=share))), "gil_wait_pct")[0]["gil_wait_pct"] == "70.13"


def test_no_name_does_harm() -> None:
    """Control bytes and line ends in names are shown, separators and quotes are quoted: one record is one line."""
    shot = snapshot(process_row(100, thread_row(100, name='a,"b"'), thread_row(101, name=HOSTILE), command=HOSTILE))
    rows = read(shot, "tid", "name", "command")
    assert [row["name"] for row in rows] == ['a,"b"', text.plain(text.visible(HOSTILE))]
    table = query.table(shot, View(columns=("name", "command")))
    assert [line for line in delimited.rows(shot, table).split("\r\n") if acting(line)] == []


def test_a_thread_may_be_called_as_the_sign_for_shared_figures() -> None:
    """A thread whose name is a dot keeps it."""
    assert read(snapshot(process_row(100, thread_row(100, name="·"))), "name")[0]["name"] == "·"


def test_what_has_ended_is_left_out() -> None:
    """As in JSON: ended threads and processes are no rows."""
    gone = (thread_row(101, pid=100, mark="gone"),)
    shot = snapshot(process_row(100, thread_row(100), gone=gone), time=NOON)
    assert [row["tid"] for row in read(shot, "tid")] == ["100"]
