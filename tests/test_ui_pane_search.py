"""Search and copy in every pane of an opened process, whatever it is made of."""

from __future__ import annotations

import base64
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_findings
from screens import CountingDriver, make_app, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from screens import Session

TICKS = scripted_findings.ticks(8)
# A word of each pane, more than once in most, and what is copied once it was found.
WORDS = {
    "Threads": ("worker-2", "worker-2"),
    "Time": ("worker-2", "worker-2"),
    "GIL": ("worker-2", "worker-2"),
    "Findings": ("gil", "py-spy dump --pid 4211 --nonblocking"),
}


@asynccontextmanager
async def opened(pane: str) -> AsyncIterator[Session]:
    """The scripted gunicorn at a pane, on a terminal that keeps what is written."""
    app = make_app(driver_class=CountingDriver)
    async with running(*TICKS, app=app, size=(120, 20)) as session:
        session.app.open_process(scripted.GUNICORN, 0, pane)
        await session.settle()
        yield session


def copied(session: Session) -> str:
    """The value that was handed to the terminal's clipboard last."""
    driver = session.app._driver
    assert isinstance(driver, CountingDriver)
    found = re.findall("\x1b]52;c;([A-Za-z0-9+/=]*)\a", driver.take())
    return base64.b64decode(found[-1]).decode() if found else ""


@pytest.mark.parametrize("pane", WORDS)
async def test_what_is_searched_for_is_found_and_copied(pane: str) -> None:
    """/ goes to the place that has the words, Y hands it to the clipboard."""
    words, value = WORDS[pane]
    async with opened(pane) as session:
        await session.press("slash")
        await session.type(words)
        assert "nowhere" not in session.footer()
        await session.press("Y")
        assert value in copied(session)
        assert "clipboard" in session.footer()


@pytest.mark.parametrize("pane", [*WORDS, "Locks"])
async def test_what_is_nowhere_is_said(pane: str) -> None:
    """A search for what is not there says so; n without a search says how to search."""
    async with opened(pane) as session:
        await session.press("n")
        assert "/ searches" in session.footer()
        await session.press("slash")
        await session.type("no such word")
        assert "'no such word' is nowhere in this pane" in session.footer()
        await session.press("n")
        assert "nowhere" in session.footer()


async def test_n_goes_on_and_round() -> None:
    """The n key goes to the next row that has the words, N back, and after the last one to the first."""
    async with opened("Threads") as session:
        await session.press("slash")
        await session.type("worker")
        seen = [session.chosen.name]
        names = sorted(row.name for row in session.rows if "worker" in row.name)
        for _ in names:
            await session.press("n")
            seen.append(session.chosen.name)
        assert sorted(seen[:-1]) == names
        assert seen[-1] == seen[0]
        await session.press("N")
        assert session.chosen.name == seen[-2]


async def test_leaving_a_search_unmarks_it() -> None:
    """Esc in the line leaves the search: nothing is marked."""
    async with opened("GIL") as session:
        await session.press("slash", *"worker", "escape")
        assert session.app.screen.pane.searched == ""  # type: ignore[attr-defined]
