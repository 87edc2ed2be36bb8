"""The Threads pane: which columns stand on a screen of some width."""

from __future__ import annotations

import pytest

import scripted
import scripted_gil
from builders import thread_row
from screens import running
from test_ui_process import opened
from threadtop.blocked import BlockedOn
from threadtop.fields import BY_KEY
from threadtop.tui.panes.threads import ThreadsPane

ALL = ["%CPU", "%USR", "%SYS", "%WAIT", "vol/s", "invol/s", "S", "P", "TIME+", "TID", "REASON", "WCHAN", "ROLE"]
SOME = ["%CPU", "%WAIT", "vol/s", "invol/s", "S", "TID", "REASON"]
GIL = ["GIL", "GIL wait"]


@pytest.mark.parametrize(
    ("width", "knows_gil", "columns"),
    [
        (200, False, [*ALL, "CPU", "WAIT", "SWITCHES", "COMMAND"]),
        (200, True, [*ALL[:6], *GIL, *ALL[6:], "CPU", "WAIT", "COMMAND"]),
        (120, False, [*SOME[:5], "P", "TIME+", *SOME[5:], "ROLE", "CPU", "COMMAND"]),
        (120, True, [*SOME[:4], *GIL, *SOME[4:], "ROLE", "CPU", "COMMAND"]),
        (80, False, [*SOME, "COMMAND"]),
        (80, True, ["%CPU", "%WAIT", *GIL, "S", "TID", "REASON", "COMMAND"]),
        (40, False, ["%CPU", "%WAIT", "S", "TID", "COMMAND"]),
        (1, False, ["%CPU", "COMMAND"]),
    ],
)
async def test_why_a_thread_waits_stays_longest(width: int, columns: list[str], *, knows_gil: bool) -> None:
    """The reason, what a thread is for and its past stand where other columns have to go; all within the width."""
    shot = scripted_gil.ticks(2, "exact")[-1] if knows_gil else scripted.ticks(2)[-1]
    async with running(shot) as session:
        pane = (await opened(session, "worker-3")).pane
        assert isinstance(pane, ThreadsPane)
        shown = pane.widths(width)
    assert [field.title for field, _ in shown] == columns
    assert width < 20 or sum(size + 1 for _, size in shown) <= width


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"blocked": BlockedOn(why_not="it is another user's process")}, "- it is another user's process"),
        ({"blocked": BlockedOn(why_not="\x1b[31m")}, "- ^[[31m"),
        ({"blocked": None}, "-"),
        ({"reason": "read fd 3", "blocked": BlockedOn(why_not="a rule")}, "read fd 3"),
    ],
)
async def test_why_a_reason_is_not_known(said: dict[str, object], shown: str) -> None:
    """The rule that hides it stands in its place."""
    async with running(scripted.ticks(2)[-1]) as session:
        pane = (await opened(session, "worker-3")).pane
        assert isinstance(pane, ThreadsPane)
        assert pane.table is not None
        row = thread_row(scripted.GUNICORN, wchan=None, **said)
        assert pane.cell(BY_KEY["reason"], row, pane.table) == shown
