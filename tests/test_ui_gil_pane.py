"""The GIL pane: its threads over time, what goes on now, the grades, stacks on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_gil
from builders import process_row, snapshot, thread_row
from gil_screen import TICKS, finding, found, line_of, opened
from screens import CountingDriver, make_app, running
from scripted_gil import READER, WORKERS, share
from threadtop import stacks
from threadtop.sample import SleepTally
from threadtop.stacks import Stack, Stacks, StacksError
from threadtop.tui import gil_words

if TYPE_CHECKING:
    from screens import Session
    from threadtop.tui.panes.gil import GilPane

# -- the pane ----------------------------------------------------------------------------------


async def test_the_pane_answers() -> None:
    """How much it is held, how many wait, how that is known, who holds it now, what that comes to."""
    async with running(*TICKS) as session:
        await opened(session)
        said = session.text()
        for words in (
            "98 % held",
            "2.8 wait on average",
            "exact: 500 samples in 5.0 s",
            "sampling costs 0.9 % of a core at 100/s",
            "holds it, running",
            "▲ ",
        ):
            assert words in said
        assert "python 3.12 GIL exact" in session.lines()[0]
        assert "native, not a Python thread" in line_of(session, "blas-0")


async def test_who_has_most_to_do_with_it_comes_first() -> None:
    """Holders and waiters, then busy native threads, then the idle; small changes move no row."""
    async with running(*TICKS[:6]) as session:
        pane = await opened(session)
        first = [row.tid for row in pane._rows]
        assert set(first[:4]) == set(WORKERS)
        assert first[4:6] == [READER, scripted_gil.BLAS]
        for shot in TICKS[6:]:
            await session.take(shot)
            assert [row.tid for row in pane._rows] == first


async def test_it_is_watched_while_it_is_open() -> None:
    """The pane asks for its GIL, for switches, and for the threads in sight."""
    async with running(*TICKS, size=(80, 16)) as session:
        pane = await opened(session)
        interest = session.app.screen.interest(None)  # type: ignore[attr-defined]
        assert interest.gil == {scripted.GUNICORN}
        assert interest.needs == {"status"}
        assert {tid for _, tid in interest.visible} == {row.tid for row in pane._rows[: len(interest.visible)]}
        assert len(interest.visible) < len(pane._rows)
        # Busy workers of the same parent are watched with it, and a finding about the family stands in its pane.
        shot = TICKS[6]
        one = shot.processes[4305]
        family = found(
            finding("workers-fine", 10.0, "2 worker processes: nobody waits")._replace(pid=99, tids=(99, 4211))
        ).findings
        await session.take(
            shot._replace(processes={**shot.processes, 4305: one._replace(cpu_pct=50.0)}, findings=family),
            shot._replace(processes={**shot.processes, 4305: one._replace(cpu_pct=50.0)}, findings=family),
        )
        assert session.app.screen.interest(None).gil == {scripted.GUNICORN, 4305}  # type: ignore[attr-defined]
        assert "2 worker processes: nobody waits" in session.text()
        await session.take(shot._replace(processes={**shot.processes, 4305: one._replace(cpu_pct=49.9)}))
        assert session.app.screen.interest(None).gil == {scripted.GUNICORN}  # type: ignore[attr-defined]


async def test_threads_are_scrolled() -> None:
    """On a low screen all threads are reached by j, k, PgDn, g and G; the footer says where one is."""
    async with running(*TICKS, size=(80, 16)) as session:
        pane = await opened(session)
        assert session.footer().endswith(f"1-{pane._rows_in_sight} of 11")
        await session.press("j")
        assert session.footer().endswith(f"2-{pane._rows_in_sight + 1} of 11")
        await session.press("k", "k")
        assert pane.offset_rows == 0
        await session.press("G")
        assert session.footer().endswith("-11 of 11")
        assert "worker-8" in session.text()
        await session.press("g", "pagedown")
        assert pane.offset_rows == pane._rows_in_sight - 1
        await session.resize(80, 40)
        assert session.footer().endswith("1-11 of 11")


async def test_an_estimate_says_so_and_why() -> None:
    """No timeline is made up: figures with their sign, the rule in the way, and what would lift it."""
    async with running(*scripted_gil.ticks(6, "estimate")) as session:
        await opened(session)
        said = session.text()
        for words in (
            "~97 % held",
            "~3.2 wait on average",
            "estimated from counters, not measured",
            "ptrace_scope=1",
            "threadtop -- COMMAND",
        ):
            assert words in said
        assert "10 s ago" not in said
        assert "GIL estimate" in session.lines()[0]


@pytest.mark.parametrize(("kind", "state"), [("exact", "T"), ("exact", "t"), ("estimate", "T")])
def test_a_stopped_process_is_said_to_be(kind: str, state: str) -> None:
    """What it holds it keeps: 100 % held is no contention then."""
    shot = scripted_gil.ticks(6, kind)[-1]
    process = shot.processes[scripted.GUNICORN]
    words = "stopped (by a signal or a debugger)"
    assert any(words in line[0] for line in gil_words.summary_lines(process._replace(state=state), shot, 100))
    assert not any(words in line[0] for line in gil_words.summary_lines(process, shot, 100))


def test_an_estimate_says_what_speaks_against_it() -> None:
    """Sleeps that do not show the switch interval may be those of a native lock: said, and not cut."""
    shot = scripted_gil.ticks(6, "estimate")[-1]
    process = shot.processes[scripted.GUNICORN]
    assert process.gil is not None
    doubtful = process.gil._replace(verdict="unclear", sleeps=SleepTally(90, 9, 0, 1, 0))
    lines = gil_words.summary_lines(process._replace(gil=doubtful), shot, 80)
    said = " ".join(line[0].strip() for line in lines)
    assert "this may be a native lock as well: of 100 sleeps 10 were over 1 ms, 1 of them 5 ms" in said


async def test_what_is_not_known_is_no_error() -> None:
    """A GIL that may not be read: the rule and the remedy, and nothing that looks like a figure."""
    async with running(*scripted_gil.ticks(6, "denied"), size=(80, 24)) as session:
        await opened(session)
        assert "not known: Yama allows" in session.text()
        assert "threadtop -- COMMAND" in session.text()
        assert "held" not in session.text()


async def test_what_is_no_python_is_said() -> None:
    """A process without a GIL, or not looked at yet, is said so in one line."""
    async with running(*TICKS) as session:
        session.app.open_process(scripted.ENVOY, 0, "GIL")
        await session.settle()
        assert "not a CPython process, or not looked at yet" in session.lines()[2]
        assert not any(session.lines()[3:-1])


async def test_hostile_names_are_shown_harmless() -> None:
    """Nothing of a target reaches the terminal as it is: names, versions, reasons."""
    evil = "\x1b[2J\x07"
    row = TICKS[5].processes[scripted.GUNICORN]
    assert row.gil is not None
    threads = {tid: thread._replace(name=evil) for tid, thread in row.threads.items()}
    for grade in ("exact", "estimate", "none"):
        gil = row.gil._replace(grade=grade, version=evil, why_not=evil, remedy=evil, holder_call=evil)
        shot = TICKS[5]._replace(processes={scripted.GUNICORN: row._replace(gil=gil, threads=threads)})
        shot = shot._replace(
            findings=(finding(title=evil)._replace(pid=scripted.GUNICORN, start_ticks=row.start_ticks),)
        )
        async with running(shot) as session:
            await opened(session)
            assert not {"\x1b", "\x07"} & set(session.text())
            assert "^[[2J" in session.text()


async def test_many_threads_and_any_size() -> None:
    """Each line is as wide as the pane, whatever its size, with 300 threads and no timeline yet."""
    rows = [thread_row(number, name=f"pool-{number}", gil=share(wait_pct=number / 3)) for number in range(1, 301)]
    gil = TICKS[5].processes[scripted.GUNICORN].gil
    many = process_row(scripted.GUNICORN, *rows, gil=gil)
    async with running(snapshot(many)) as session:
        pane = await opened(session)
        for size in ((1, 1), (20, 5), (37, 11), (80, 24), (250, 60)):
            await session.resize(*size)
            assert {(len(cells), len(roles)) for cells, roles in pane._shown} <= {(pane.size.width,) * 2}
            assert len(pane._shown) == pane.size.height


# -- stacks ------------------------------------------------------------------------------------


async def asked(session: Session, pane: GilPane) -> None:
    """Press y, and wait for the thread that asks."""
    await session.press("y")
    if pane.asking is not None:
        pane.asking.join(10)
    await session.settle()


async def test_stacks_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Y brings Python's own names, the holder's frame and how old that is; hostile ones are made harmless."""
    answer = Stacks(
        {tid: Stack(f"py-{tid}\x1b", ("iterencode\x1b encoder.py:261", "dumps json.py:9")) for tid in WORKERS}, {}
    )
    monkeypatch.setattr(stacks, "ask", lambda _pid, **_: answer)
    async with running(*TICKS[:6]) as session:
        pane = await opened(session)
        assert "y asks py-spy" in session.text()
        await asked(session, pane)
        assert "0 s ago, by py-spy, it was in  iterencode^[ encoder.py:261 < dumps json.py:9" in session.text()
        assert "py-4212^[" in session.text()
        assert "io-reader" in session.text()
        assert "in iterencode^[" in line_of(session, "py-4212")
        await session.take(*TICKS[6:9])
        assert "3 s ago, by py-spy" in session.text()


async def test_stacks_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason and the remedy are said; what was known before stays."""

    def ask(_pid: int, **_: object) -> Stacks:
        message = "py-spy is not installed"
        raise StacksError(message, "pip install 'threadtop[stacks]'")

    monkeypatch.setattr(stacks, "ask", ask)
    async with running(*TICKS[:6]) as session:
        pane = await opened(session)
        await asked(session, pane)
        assert "py-spy is not installed; pip install 'threadtop[stacks]'" in session.text()


@pytest.mark.parametrize(
    ("idents", "words"), [({1: Stack("a", ())}, "the idents did not match"), ({}, "found no Python threads")]
)
async def test_stacks_that_match_no_thread(
    monkeypatch: pytest.MonkeyPatch, idents: dict[int, Stack], words: str
) -> None:
    """Old Pythons tell no thread ids: that is said."""
    monkeypatch.setattr(stacks, "ask", lambda _pid, **_: Stacks({}, idents))
    async with running(*TICKS[:6]) as session:
        pane = await opened(session)
        await asked(session, pane)
        assert words in session.text()


async def test_y_elsewhere_goes_where_it_works() -> None:
    """In another pane y turns to the stacks and tells; nothing is asked yet."""
    async with running(*TICKS[:6]) as session:
        session.app.open_process(scripted.GUNICORN, 0)
        await session.settle()
        await session.press("y")
        assert "y asks for Python's stacks" in session.footer()
        assert session.app.screen.pane.NAME == "Stacks"
        assert session.app.screen.pane.asking is None


async def test_the_threads_pane_has_the_columns() -> None:
    """Where the process has a GIL its columns stand in the Threads pane too, and REASON still has room."""
    async with running(*TICKS[:6]) as session:
        session.app.open_process(scripted.GUNICORN, 0)
        await session.settle()
        heading = session.lines()[2]
        assert "GIL GIL wait" in heading
        assert "REASON" in heading
        await session.press("L")
        assert "GIL wait▼" in session.lines()[2]


async def test_a_tick_of_the_pane_is_cheap() -> None:
    """The timeline moves on for under 1.6 KB a second at 120x40; a snapshot that says the same sends nothing."""
    app = make_app(driver_class=CountingDriver)
    async with running(*TICKS[:12], app=app) as session:
        await opened(session)
        driver = app._driver
        assert isinstance(driver, CountingDriver)
        driver.take()
        await session.take(TICKS[12])
        assert 0 < len(driver.take().encode()) < 1600
        await session.take(TICKS[12]._replace(time=TICKS[12].time + 1))
        assert driver.take() == ""
