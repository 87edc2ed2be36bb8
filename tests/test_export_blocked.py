"""What threads are blocked on, in JSON and in the table."""

from __future__ import annotations

import json
from typing import Any

from builders import process_row, snapshot, thread_row
from threadtop import export, query
from threadtop.blocked import BlockedOn
from threadtop.query import View

HOSTILE = "/tmp/\x1b[2J\udcff\u202e"  # noqa: S108 a name, not a file


def thread(blocked: BlockedOn | None, reason: str | None = None) -> dict[str, Any]:
    """The thread of the document."""
    shot = snapshot(process_row(100, thread_row(100, blocked=blocked, reason=reason)))
    line = export.to_json(shot, query.table(shot, View()))
    assert line.isascii()
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line)["processes"][0]["threads"][0]
    return found


def test_all_that_is_known() -> None:
    """Every part by its name and in its unit."""
    blocked = BlockedOn(
        call="recvfrom",
        fd=12,
        target="socket:[9]",
        local="10.0.0.1:40000",
        peer="10.0.0.5:5432",
        status="established",
        timeout_ns=1_500_000_000,
        is_forever=False,
    )
    assert thread(blocked)["blocked"] == {
        "call": "recvfrom",
        "target": "socket:[9]",
        "local": "10.0.0.1:40000",
        "peer": "10.0.0.5:5432",
        "status": "established",
        "why_not": None,
        "fd": 12,
        "is_shared": None,
        "is_forever": False,
        "pid": None,
        "descriptors": None,
        "futex": None,
        "timeout_s": 1.5,
        "left_s": None,
    }


def test_what_is_left_of_a_timeout() -> None:
    """In seconds, of a thread that waits till a moment."""
    blocked = BlockedOn("clock_nanosleep", is_forever=False, until_ns=9_000_000_000)
    shot = snapshot(process_row(100, thread_row(100, blocked=blocked, left_ns=4_249_700_000)))
    line = export.to_json(shot, query.table(shot, View()))
    found = json.loads(line)["processes"][0]["threads"][0]["blocked"]
    assert (found["timeout_s"], found["left_s"], found["is_forever"]) == (None, 4.25, False)


def test_a_futex_is_hexadecimal() -> None:
    """As addresses are written."""
    found = thread(BlockedOn("futex", futex=0x7F0012345F40, is_shared=False, is_forever=True))["blocked"]
    assert (found["futex"], found["is_shared"], found["is_forever"]) == ("0x7f0012345f40", False, True)


def test_unknown_is_null() -> None:
    """Nothing known, and what was denied with its rule."""
    assert thread(None)["blocked"] is None
    found = thread(BlockedOn(why_not="another user's"))["blocked"]
    assert {key for key, value in found.items() if value is not None} == {"why_not"}


def test_hostile_names_do_no_harm() -> None:
    """Control bytes, bytes that are no UTF-8 and directions are escaped, in JSON and in a cell."""
    found = thread(BlockedOn("flock", fd=1, target=HOSTILE), f"flock fd 1: {HOSTILE}")
    assert found["blocked"]["target"] == "/tmp/\x1b[2J\\xff\u202e"  # noqa: S108 as above
    shot = snapshot(process_row(100, thread_row(100, reason=f"flock fd 1: {HOSTILE}")))
    table = query.table(shot, View(columns=("tid", "reason")))
    (line,) = [line for line in export.text_lines(shot, table) if "flock" in line]
    assert line.isprintable()
