"""Locks in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from builders import process_row, snapshot
from lock_scene import AB, BA, BEHIND, FIRST, PID, SECOND, TWO, deadlocked, lock, locked, locks, wait
from ruled import shot
from threadtop import export, query
from threadtop.query import View

if TYPE_CHECKING:
    from threadtop.snapshot import Snapshot


def exported(moment: Snapshot) -> Any:  # noqa: ANN401 what JSON holds
    """The locks of the only process."""
    line = export.to_json(moment, query.table(moment, View()))
    assert line.isascii()
    return json.loads(line)["processes"][0]["locks"]


def test_a_deadlock() -> None:
    """The chain, who is behind it, the locks and their waiters."""
    found = exported(deadlocked())
    assert found["deadlocks"] == [
        {
            "chain": [
                {"pid": PID, "tid": AB, "address": f"{SECOND:#x}"},
                {"pid": PID, "tid": BA, "address": f"{FIRST:#x}"},
            ],
            "behind": [{"pid": PID, "tid": BEHIND}],
        }
    ]
    assert (found["suspected"], found["left_out"], found["why_not"], found["remedy"]) == ([], 0, None, None)
    assert found["locks"][1] == {
        "address": f"{SECOND:#x}",
        "shared": None,
        "kind": "mutex",
        "owner_pid": PID,
        "owner_tid": BA,
        "ended_tid": None,
        "is_confirmed": True,
        "is_gil": False,
        "waiters": 1,
        "waits": [
            {
                "tid": AB,
                "waited_s": 12.0,
                "is_at_least": False,
                "timeout_s": None,
                "is_forever": True,
                "left_s": None,
            }
        ],
    }
    assert len(found["locks"]) == len(TWO)


def test_unknown_is_null() -> None:
    """An owner that may not be read, and a process that is not looked at."""
    found = exported(shot(locked(locks(lock(FIRST, None, wait(AB, is_forever=None)), why_not="no", remedy="do"))))
    assert (found["why_not"], found["remedy"]) == ("no", "do")
    assert (found["locks"][0]["owner_tid"], found["locks"][0]["waits"][0]["is_forever"]) == (None, None)
    assert exported(snapshot(process_row(PID))) is None
