"""What the panes that are lists of rows may not know, by values."""

from __future__ import annotations

import pytest

from builders import process_row, thread_row
from lock_scene import locks
from threadtop.blocked import BlockedOn
from threadtop.inside.asked import Denial
from threadtop.sheets.list_denials import denials

RULE, REMEDY = "a rule", "a remedy"
DENIED = BlockedOn(why_not=RULE)


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        ({}, []),
        ({"blocked": BlockedOn("read", 3)}, []),
        ({"blocked": DENIED, "wchan": None}, ["syscall", "wchan"]),
        ({"blocked": DENIED, "wchan": "futex_wait_queue"}, ["syscall"]),
        ({"blocked": DENIED, "wchan": None, "state": "R"}, ["syscall"]),
    ],
)
def test_what_threads_wait_for(said: dict[str, object], hidden: list[str]) -> None:
    """Each file once, with its rule, and with the remedy that whoever met the rule has told."""
    rows = [thread_row(tid, **said) for tid in (100, 101)]
    assert denials(process_row(100, *rows)) == tuple(Denial(what, RULE) for what in hidden)
    told = locks(why_not=RULE, remedy=REMEDY)
    assert denials(process_row(100, *rows, locks=told)) == tuple(Denial(what, RULE, REMEDY) for what in hidden)
    other = locks(why_not="another rule", remedy=REMEDY)
    assert denials(process_row(100, *rows, locks=other)) == tuple(Denial(what, RULE) for what in hidden)
