"""Findings on the screen: the list of all, the pane of one process, the way to the evidence and to the page."""

from __future__ import annotations

import pytest

import scripted
import scripted_findings
from builders import snapshot
from gil_screen import finding
from screens import running
from threadtop import pages
from threadtop.snapshot import ThreadRow
from threadtop.tui import finding_words
from threadtop.tui.findings_list import FindingsList
from threadtop.tui.findings_screen import FindingsScreen
from threadtop.tui.panes import NAMES
from threadtop.tui.process_screen import ProcessScreen
from threadtop.tui.screens import PageScreen

TICKS = scripted_findings.ticks()


def text_of(block: list[tuple[str, str]]) -> str:
    """The words of some lines."""
    return " ".join(" ".join(cells.split()) for cells, _ in block)


# -- in words ----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_a_finding_is_told_whole(width: int) -> None:
    """Title, how sure, meaning, evidence and the next command: wrapped, never cut, and harmless."""
    told = finding(title="x\x1b[2J " + "long " * 30)._replace(next_command="perf lock contention " * 6)
    block = finding_words.block(told, width, "gunicorn 4211: ")
    assert {len(cells) for cells, _ in block} == {width}
    words = text_of(block)
    assert "\x1b" not in words
    if width >= 40:
        assert words.count("long") == 30
        assert words.count("perf lock contention") == 6
        assert "exact" in words
        assert "gunicorn 4211: x^[[2J" in words


@pytest.mark.parametrize("width", [40, 80, 120])
def test_long_evidence_is_told_whole(width: int) -> None:
    """A list of threads goes on below; a short figure stays in one line with its name."""
    behind = ", ".join(f"queue-{number} ({1303 + number})" for number in range(7))
    told = finding()._replace(
        evidence=(("runs", "1 %"), ("stuck behind them", f"7 threads: {behind}"), ("fell", "never"))
    )
    block = finding_words.block(told, width)
    assert {len(cells) for cells, _ in block} == {width}
    assert behind in text_of(block)
    assert any("runs 1 %" in cells for cells, _ in block)
    assert any("fell never" in cells for cells, _ in block)


def test_every_finding_has_a_pane() -> None:
    """The pane that shows a finding's evidence exists, whatever its kind, and only kinds that there are are named."""
    kinds = {kind for page in pages.all_pages() for kind in page.findings}
    names = set(NAMES)
    assert {finding_words.pane_of(finding(kind)) for kind in (*kinds, "no such kind")} <= names
    assert finding_words.PANES.keys() <= kinds


# -- the screen of all -------------------------------------------------------------------------


async def test_all_findings() -> None:
    """With several, f opens them all, the worst first, each with its process; Esc leads back."""
    async with running(*TICKS[:4]) as session:
        await session.press("f")
        assert isinstance(session.app.screen, FindingsScreen)
        lines = session.lines()
        titles = [line for line in lines if line.startswith((" ▲ ", " · "))]
        assert [line[3:].split(":")[0] for line in titles] == [
            *("gunicorn 4211", "envoy 2207", "ffmpeg 9120", "postgres 1873")
        ]
        assert titles[-1].startswith(" · ")
        assert "3 problems  1 of 4" in session.footer()
        await session.press("escape")
        assert session.app.screen is session.app._main


@pytest.mark.parametrize(
    ("downs", "pane", "tid"),
    [(0, "GIL", 0), (1, "Locks", 0), (2, "Time", scripted.FFMPEG), (3, "Time", scripted.POSTGRES)],
)
async def test_enter_opens_the_evidence(downs: int, pane: str, tid: int) -> None:
    """Enter opens the process at the pane that shows what the finding is made of, with the cursor on its thread."""
    async with running(*TICKS[:4]) as session:
        await session.press("f", *["down"] * downs)
        assert f"{downs + 1} of 4" in session.footer()
        await session.press("enter")
        screen = session.app.screen
        assert isinstance(screen, ProcessScreen)
        assert (screen.pid, screen.pane.NAME) == (TICKS[3].findings[downs].pid, pane)
        if tid:
            assert isinstance(session.chosen, ThreadRow)
            assert session.chosen.tid == tid
        await session.press("escape")
        assert isinstance(session.app.screen, FindingsScreen)


async def test_the_cursor_stays_on_its_finding() -> None:
    """Findings come and go; the cursor stays on the one it was put on, and the list is live."""
    async with running(*TICKS[:4]) as session:
        await session.press("f", "down", "down")
        findings = session.app.screen.query_one(FindingsList)
        assert findings.chosen == TICKS[3].findings[2]
        await session.take(TICKS[4]._replace(findings=TICKS[4].findings[1:]))
        assert findings.chosen == TICKS[4].findings[2]
        await session.take(TICKS[5]._replace(findings=()))
        assert findings.chosen is None
        assert "nothing found so far" in session.text()
        await session.press("enter", "up", "down", "pagedown", "G")
        assert isinstance(session.app.screen, FindingsScreen)


async def test_a_process_that_has_ended() -> None:
    """Enter on a finding whose process has ended says so."""
    async with running(*TICKS[:4]) as session:
        await session.press("f", "down", "down")
        await session.take(scripted.without(TICKS[4], scripted.FFMPEG))
        await session.press("enter")
        assert "ffmpeg has ended" in session.footer()


async def test_the_page_of_a_finding() -> None:
    """A question mark explains what the finding under the cursor is about."""
    async with running(*TICKS[:4]) as session:
        await session.press("f", "question_mark")
        assert isinstance(session.app.screen, PageScreen)
        await session.press("escape")
        assert isinstance(session.app.screen, FindingsScreen)


async def test_many_findings_scroll() -> None:
    """The chosen finding is in sight with its title, whatever the size of the screen, and pages move on."""
    many = tuple(finding(f"kind-{number}", 90.0 - number, f"finding {number}.") for number in range(40))
    shot = TICKS[4]._replace(findings=many)
    async with running(shot, size=(80, 24)) as session:
        await session.press("f")
        findings = session.app.screen.query_one(FindingsList)
        for key in ("pagedown", "pagedown", "down", "G", "up", "pageup", "g"):
            await session.press(key)
            assert findings.chosen is not None
            assert f": {findings.chosen.title} " in session.text()
        await session.press("pagedown")
        assert findings.chosen is not many[0]
        for size in ((20, 5), (37, 11), (1, 1), (200, 50)):
            await session.resize(*size)
            assert {(len(cells), len(roles)) for cells, roles in findings._shown} <= {(findings.size.width,) * 2}


# -- the pane ----------------------------------------------------------------------------------


async def test_a_single_finding_opens_its_process() -> None:
    """With one finding f opens its process at the Findings pane; Enter turns to the evidence there."""
    shots = [shot._replace(findings=shot.findings[-1:]) for shot in TICKS[:4]]
    async with running(*shots) as session:
        await session.press("f")
        screen = session.app.screen
        assert isinstance(screen, ProcessScreen)
        assert (screen.pid, screen.pane.NAME) == (scripted.POSTGRES, "Findings")
        assert "blocked on the disk 99 %" in session.text()
        assert "sampled" in session.text()
        await session.press("enter")
        assert session.app.screen is screen
        assert screen.pane.NAME == "Time"
        assert session.chosen.tid == scripted.POSTGRES


async def test_the_pane_has_its_own_process_only() -> None:
    """Findings of other processes are not there; none is said in words."""
    async with running(*TICKS[:4]) as session:
        session.app.open_process(scripted.ENVOY, 0, "Findings")
        await session.settle()
        assert "queue for one lock" in session.text()
        assert "GIL:" not in session.text()
        await session.press("question_mark")
        assert isinstance(session.app.screen, PageScreen)
        await session.press("escape", "escape")
        session.app.open_process(scripted.NGINX, 0, "Findings")
        await session.settle()
        assert "nothing found in this process so far" in session.text()


async def test_nothing_found() -> None:
    """Without a finding f says so and opens nothing."""
    async with running(snapshot()) as session:
        await session.press("f")
        assert "nothing found so far" in session.footer()
        assert session.app.screen is session.app._main


# -- the margin --------------------------------------------------------------------------------


async def test_threads_named_by_a_problem_are_marked() -> None:
    """In every table a thread that a problem names has its sign; an observation marks none, a tag comes first."""
    async with running(*TICKS[:4], size=(120, 70)) as session:
        marked = {
            row.tid for row, (cells, _) in zip(session.rows, session.grid._shown[1:], strict=False) if cells[0] == "▲"
        }
        problems = {tid for one in TICKS[3].findings if one.severity >= 50 for tid in one.tids}
        assert marked == problems
        assert scripted.POSTGRES not in marked
        session.app.open_process(scripted.ENVOY, 0, "Time")
        await session.settle()
        assert sum(line.startswith("▲") for line in session.lines()) == 2
        await session.press("escape")
        await session.take(TICKS[4]._replace(findings=()))
        assert not any(cells[0] == "▲" for cells, _ in session.grid._shown[1:])
