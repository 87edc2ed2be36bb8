"""Each pane of fields as it looks, as text and as SVG, from scripted facts."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_findings
import scripted_sheets
from screens import running, svg
from test_ui_pictures import SVG
from threadtop import traces
from threadtop.sheets import KINDS
from threadtop.sheets.stacks import StacksFacts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syrupy.assertion import SnapshotAssertion

    from screens import Session
    from threadtop.sheets.sheet import Kind


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine of these tests has installed is no matter of how a pane looks."""
    found = StacksFacts(has_py_spy=True, native_tool="py-spy")
    monkeypatch.setattr(traces, "tools", lambda _process, **_: found)


TICKS = scripted_findings.ticks(8)
SIZES = [(80, 24), (120, 40), (200, 50)]


@asynccontextmanager
async def opened(kind: Kind, size: tuple[int, int], theme: str = "dark") -> AsyncIterator[Session]:
    """The scripted gunicorn, opened at a pane of fields."""
    pid = scripted.GUNICORN
    tid = pid if kind.name == "thread" else 0
    async with running(*TICKS[:7], size=size, theme=theme) as session:
        session.app.open_process(pid, pid, kind.title)
        await session.settle()
        await session.take(scripted_sheets.shown(TICKS[7], kind, tid=tid))
        yield session


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_pane_says_what_it_said(kind: Kind, size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    """At every size a pane says of the same facts what it said before, and has something to say."""
    async with opened(kind, size) as session:
        assert "is read with the next refresh" not in session.text()
        assert session.text() == snapshot


@pytest.mark.parametrize("theme", ["dark", "mono"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_pane_looks_as_it_did(kind: Kind, theme: str, snapshot: SnapshotAssertion) -> None:
    """With colours and without, a pane looks as it did."""
    async with opened(kind, (120, 30), theme) as session:
        assert svg(session.app) == snapshot(extension_class=SVG)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_help_begins_with_the_field(kind: Kind) -> None:
    """``?`` on a pane explains its fields, each with its source."""
    async with opened(kind, (120, 40)) as session:
        await session.press("down", "question_mark")
        assert f"The fields of {kind.title}" in session.text()
