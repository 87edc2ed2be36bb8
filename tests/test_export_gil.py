"""The GIL, what watching it costs, and findings in JSON documents."""

from __future__ import annotations

from typing import Any

from builders import process_row, snapshot, thread_row
from test_export import HOSTILE, document
from threadtop import export, query
from threadtop.query import View
from threadtop.snapshot import Estimate, Finding, GilLockRow, GilRow, GilShare

SHARE = GilShare("exact", "", 24.844, 71.2, 0.0, 24.8, None, 3.1, 0.9, 500, is_python=True)
GIL = GilRow(
    grade="exact",
    why_not="",
    remedy="",
    version="3.12.4",
    is_enabled=True,
    utilisation_pct=97.996,
    switches_per_s=212.399,
    waiters=2.718,
    locks=(
        GilLockRow((0,), is_enabled=True, interval_us=5000, utilisation_pct=97.996, switches_per_s=200.0, holder=101),
        GilLockRow((1, 2), is_enabled=False, interval_us=500, utilisation_pct=None, switches_per_s=None, holder=None),
    ),
    samples=500,
    window_s=5.0,
    moments=(),
    holder_call="running",
)
FOUND = Finding(
    kind="gil-bound",
    pid=100,
    start_ticks=1000,
    process=HOSTILE,
    title=HOSTILE,
    explanation=HOSTILE,
    evidence=(("held", "98 %"), ("waits", HOSTILE)),
    grade="exact",
    severity=80.126,
    tids=(101, 102),
    next_command=HOSTILE,
)


def watched(gil: GilRow, share: GilShare, **shown: object) -> dict[str, Any]:
    """The document of one thread whose process is watched."""
    return document(snapshot(process_row(100, thread_row(100, gil=share), gil=gil), **shown))


def test_a_gil_is_in_the_document() -> None:
    """Shares and rates have two digits, what is not known is null, and each lock has its interpreters."""
    (process,) = watched(GIL, SHARE)["processes"]
    assert process["gil"] == {
        "grade": "exact",
        "why_not": None,
        "remedy": None,
        "version": "3.12.4",
        "is_enabled": True,
        "utilisation_pct": 98.0,
        "switches_per_s": 212.4,
        "waiters": 2.72,
        "samples": 500,
        "window_s": 5.0,
        "interpreters": [
            {
                "ids": [0],
                "is_enabled": True,
                "interval_us": 5000,
                "utilisation_pct": 98.0,
                "switches_per_s": 200.0,
                "holder": 101,
            },
            {
                "ids": [1, 2],
                "is_enabled": False,
                "interval_us": 500,
                "utilisation_pct": None,
                "switches_per_s": None,
                "holder": None,
            },
        ],
    }
    assert process["threads"][0]["gil"] == {
        "grade": "exact",
        "why_not": None,
        "holds_pct": 24.84,
        "wait_pct": 71.2,
        "asleep_pct": 0.0,
        "with_pct": 24.8,
        "without_pct": None,
        "runq_pct": 3.1,
        "blocked_pct": 0.9,
        "samples": 500,
        "is_python": True,
    }


def test_an_estimate_is_a_number_with_its_grade() -> None:
    """What was inferred is a plain number; that it is an estimate, and why, stands beside it."""
    share = SHARE._replace(grade="estimate", why_not="no \udc9b right", holds_pct=None, wait_pct=Estimate(71.236))
    gil = GIL._replace(grade="estimate", why_not="ptrace", remedy="be root", waiters=Estimate(1.5), version="")
    shot = snapshot(process_row(100, thread_row(100, gil=share), gil=gil))
    made = export.document(shot, query.table(shot, View()))["processes"][0]
    assert type(made["gil"]["waiters"]) is type(made["threads"][0]["gil"]["wait_pct"]) is float
    (process,) = document(shot)["processes"]
    assert (process["gil"]["grade"], process["gil"]["why_not"], process["gil"]["remedy"]) == (
        *("estimate", "ptrace", "be root"),
    )
    assert (process["gil"]["waiters"], process["gil"]["version"]) == (1.5, None)
    own = process["threads"][0]["gil"]
    assert (own["wait_pct"], own["holds_pct"], own["why_not"]) == (71.24, None, "no \\x9b right")


def test_the_cost_of_watching_is_in_the_document() -> None:
    """What the watch of GILs takes, in % of a core, and its rounds a second."""
    cost = watched(GIL, SHARE, watch_pct=0.936, watch_per_s=99.996)["cost"]
    assert (cost["watch_pct"], cost["watch_per_s"]) == (0.94, 100.0)


def test_findings_are_in_the_document() -> None:
    """A finding is an object with its evidence as pairs; its texts are a target's, and do no harm."""
    (found,) = watched(GIL, SHARE, findings=(FOUND,))["findings"]
    clean = HOSTILE.replace("\udc9b", "\\x9b")
    assert found == {
        "kind": "gil-bound",
        "pid": 100,
        "process": clean,
        "title": clean,
        "explanation": clean,
        "evidence": [{"name": "held", "figure": "98 %"}, {"name": "waits", "figure": clean}],
        "grade": "exact",
        "severity": 80.13,
        "tids": [101, 102],
        "next_command": clean,
    }
    (bare,) = watched(GIL, SHARE, findings=(FOUND._replace(next_command=""),))["findings"]
    assert bare["next_command"] is None
