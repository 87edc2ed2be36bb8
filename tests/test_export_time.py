"""The time of each thread in JSON documents."""

from __future__ import annotations

import json
from typing import Any

from builders import process_row, snapshot, thread_row
from threadtop import export, query
from threadtop.procfs.reasons import KINDS
from threadtop.query import View
from threadtop.time_rows import TimeShare

SAMPLED = TimeShare(15.123, 5.0, 10.0, (("lock", 52.5), ("pipe", 17.377)), 75)
SHOT = snapshot(
    process_row(
        100,
        thread_row(100, wchan="futex_do_wait"),
        thread_row(101, cpu_pct=20.123, user_pct=15.123, system_pct=5.0, wait_pct=10.0, sampled=SAMPLED),
        thread_row(102, cpu_pct=None, user_pct=None, system_pct=None),
        thread_row(103, wchan=""),
    ),
    wait_watch_pct=1.234,
    wait_watch_per_s=24.567,
)


def document() -> dict[str, Any]:
    """The document of all threads, read back."""
    parsed: dict[str, Any] = json.loads(export.to_json(SHOT, query.table(SHOT, View())))
    return parsed


def time_of(tid: int) -> dict[str, Any] | None:
    """What it says of one thread."""
    (process,) = document()["processes"]
    (found,) = [thread["time"] for thread in process["threads"] if thread["tid"] == tid]
    return found  # type: ignore[no-any-return]


def test_the_keys_are_the_same_for_every_thread() -> None:
    """A script finds each part, zero or not."""
    keys = ["user", "system", "runq", *KINDS, "samples", "is_whole", "error_points", "why_not"]
    for tid in (100, 101, 103):
        found = time_of(tid)
        assert found is not None
        assert list(found) == keys
        assert abs(sum(found[key] for key in ("user", "system", "runq", *KINDS)) - 100) <= 0.01 * len(KINDS)


def test_sampled() -> None:
    """Sampled shares have their count, and how far they may be off."""
    found = time_of(101)
    assert found is not None
    assert (found["user"], found["lock"], found["pipe"], found["disk"]) == (15.12, 52.5, 17.38, 0.0)
    assert (found["samples"], found["is_whole"]) == (75, False)
    assert set(found["error_points"]) == {"lock", "pipe"}
    assert 0 < found["error_points"]["lock"] < 10


def test_at_rest() -> None:
    """What has not run since its one look has been in that state all the time."""
    found = time_of(100)
    assert found is not None
    assert (found["lock"], found["samples"], found["is_whole"], found["error_points"]) == (
        100.0,
        1,
        True,
        {"lock": 0.0},
    )


def test_not_known() -> None:
    """Before rates there is none; what may not be looked at is unknown."""
    assert time_of(102) is None
    found = time_of(103)
    assert found is not None
    assert found["unknown"] == 100.0


def test_what_looking_costs() -> None:
    """It stands with the other costs."""
    cost = document()["cost"]
    assert (cost["wait_watch_pct"], cost["wait_watch_per_s"]) == (1.23, 24.57)
