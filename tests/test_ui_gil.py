"""The GIL on the screen: its columns, the finding under the header, the pane, stacks on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_gil
from builders import process_row, snapshot, thread_row
from screens import CountingDriver, make_app, running
from scripted_gil import READER, WORKERS, share
from threadtop import fields, stacks
from threadtop.sample import GilMoment
from threadtop.snapshot import Estimate, Finding
from threadtop.stacks import Stack, Stacks, StacksError
from threadtop.tui import accents, gil_words, timeline
from threadtop.tui.panes.gil import GilPane
from threadtop.tui.process_screen import ProcessScreen
from threadtop.tui.worst import CLEARLY_WORSE, PROBLEM, STAYS_TICKS, Worst, worst_line

if TYPE_CHECKING:
    from screens import Session
    from threadtop.snapshot import Snapshot

TICKS = scripted_gil.ticks(14)
SECOND_NS = 1_000_000_000


def finding(kind: str = "gil-bound", severity: float = 80.0, title: str = "four threads share one GIL") -> Finding:
    """A finding about process 4211."""
    evidence = (("held", "98 %"),)
    return Finding(kind, 4211, 5, "gunicorn", title, "It is so.", evidence, "exact", severity)


def found(*findings: Finding) -> Snapshot:
    """A snapshot with these findings."""
    return snapshot(findings=findings)


async def opened(session: Session) -> GilPane:
    """The GIL pane of gunicorn."""
    session.app.open_process(scripted.GUNICORN, 0, "GIL")
    await session.settle()
    screen = session.app.screen
    assert isinstance(screen, ProcessScreen)
    assert isinstance(screen.pane, GilPane)
    return screen.pane


def line_of(session: Session, words: str) -> str:
    """The first line of the screen that has these words."""
    return next(line for line in session.lines() if words in line)


# -- the main screen ---------------------------------------------------------------------------


async def test_the_columns_come_with_the_first_gil() -> None:
    """Until a GIL is known its columns leave their room to others; from then on they stay, at 80 cells too."""
    async with running(*scripted.ticks(3), size=(80, 24)) as session:
        assert "GIL" not in session.text()
        assert "REASON" in session.text()
        await session.take(TICKS[3])
        assert "GIL GIL wait" in session.text()
        await session.take(*scripted.ticks(6)[4:])
        assert "GIL GIL wait" in session.text()


async def test_columns_asked_for_are_shown() -> None:
    """Who sorts by the GIL's wait sees its columns, whether a GIL is known or not."""
    async with running(*scripted.ticks(3), size=(80, 24)) as session:
        await session.press("L")
        assert "GIL wait▼" in session.text()
        assert fields.BY_KEY[session.app._main.view.sort].title == "GIL wait"


async def test_sorting_by_the_wait() -> None:
    """L puts first who waits longest for the GIL; in groups and trees too."""
    async with running(*TICKS[:4]) as session:
        await session.press("L")
        assert {row.tid for row in session.rows[:4]} == set(WORKERS)
        await session.press("v", "v")
        assert session.rows[0].process == "gunicorn"
        await session.press("v", "v", "t")
        assert session.rows[0].pid == scripted.GUNICORN


async def test_filtering_by_the_wait() -> None:
    """The columns are fields as all others."""
    async with running(*TICKS[:4]) as session:
        await session.press("backslash")
        await session.type("gil_wait>20")
        assert {row.tid for row in session.rows} == {*WORKERS, READER}


async def test_an_estimate_is_marked() -> None:
    """On the main screen too an estimate has its sign and no decimals."""
    async with running(*scripted_gil.ticks(6, "estimate"), size=(80, 24)) as session:
        line = line_of(session, "worker-1")
        assert "~7" in line
        assert "  -  " in line


async def test_whose_gil_is_watched() -> None:
    """That of the chosen row's process and of those attached to; without a cursor nobody's; no kernel thread's."""
    async with running(*TICKS[:4]) as session:
        main = session.app._main
        assert main.interest(None).gil == frozenset()
        await session.press("slash")
        await session.press(*"worker-1")
        assert main.interest(None).gil == {scripted.GUNICORN}
        assert main.interest(frozenset({7})).gil == {7, scripted.GUNICORN}
        await session.press("escape", "slash")
        await session.press(*"rcu_preempt")
        assert main.interest(None).gil == frozenset()


@pytest.mark.parametrize(
    ("does", "accent"),
    [
        ({"gil": share(wait_pct=20.0), "cpu_pct": 25.0}, ("W", ("gil_wait_pct",))),
        ({"gil": share(wait_pct=19.9), "cpu_pct": 25.0}, ("g", ("cpu_pct",))),
        (
            {"gil": share(wait_pct=70.0), "cpu_pct": 25.0, "reason": "waits for the GIL"},
            ("W", ("gil_wait_pct", "reason")),
        ),
        ({"gil": share(wait_pct=Estimate(70.0)), "cpu_pct": 25.0}, ("W", ("gil_wait_pct",))),
        ({"gil": share(wait_pct=30.0), "wait_pct": 60.0, "cpu_pct": 9.0}, ("w", ("wait_pct",))),
        ({"gil": share(holds_pct=95.0), "cpu_pct": 95.0}, ("g", ("cpu_pct",))),
        ({"gil": share(wait_pct=None), "cpu_pct": 1.0}, ("", ())),
    ],
)
def test_who_waits_for_the_gil_stands_out(does: dict[str, object], accent: tuple[str, tuple[str, ...]]) -> None:
    """From 20 % on waiting for the GIL is the news of a row, unless it waits for a CPU longer."""
    assert accents.accent(thread_row(7, **does)) == accent


# -- the finding under the header --------------------------------------------------------------


def test_only_problems_are_shown() -> None:
    """Below the severity of a problem, and without findings, there is no line."""
    worst = Worst()
    worst.add(found())
    assert worst.shown is None
    worst.add(found(finding(severity=PROBLEM - 0.1)))
    assert worst.shown is None
    worst.add(found(finding(severity=PROBLEM), finding("other", PROBLEM - 1)))
    assert worst.shown is not None
    assert (worst.shown.place, worst.shown.problems) == (1, 1)


def test_a_finding_stays_for_a_while() -> None:
    """After it has gone it stays for STAYS_TICKS, said to hold no longer; then the line is not there."""
    worst = Worst()
    worst.add(found(finding()))
    for _ in range(STAYS_TICKS):
        worst.add(found())
        assert worst.shown is not None
        assert worst.shown.has_gone
    worst.add(found())
    assert worst.shown is None


def test_a_finding_that_comes_again() -> None:
    """It comes back in the same place, as before."""
    worst = Worst()
    for shot in (found(finding()), found(), found(finding())):
        worst.add(shot)
    assert worst.shown is not None
    assert not worst.shown.has_gone


@pytest.mark.parametrize(("by", "shown"), [(CLEARLY_WORSE - 0.1, "gil-bound"), (CLEARLY_WORSE, "asleep")])
def test_only_what_is_clearly_worse_takes_the_place(by: float, shown: str) -> None:
    """Two findings of about the same weight do not change places from tick to tick."""
    worst = Worst()
    worst.add(found(finding()))
    worst.add(found(finding("asleep", 80.0 + by), finding()))
    assert worst.shown is not None
    assert worst.shown.finding.kind == shown
    assert worst.shown.problems == 2


def test_another_takes_the_place_of_one_that_has_gone() -> None:
    """What holds is shown before what has gone."""
    worst = Worst()
    worst.add(found(finding()))
    worst.add(found(finding("other", 55.0)))
    assert worst.shown is not None
    assert worst.shown.finding.kind == "other"


@pytest.mark.parametrize("width", [1, 20, 40, 80, 120])
def test_the_line_fits(width: int) -> None:
    """It is as wide as the screen; the title is cut before the grade and the count are, and names are harmless."""
    worst = Worst()
    worst.add(found(finding(title="x\x1b[2J " + "long " * 40), finding("other")))
    assert worst.shown is not None
    cells, roles = worst_line(worst.shown, width)
    assert len(cells) == len(roles) == width
    assert "\x1b" not in cells
    if width >= 40:
        assert cells.endswith("(exact)  1 of 2  f opens it " if width == 120 else "(exact)  1 of 2  f ")
    if width >= 80:
        assert "x^[[2J" in cells


async def test_the_line_comes_and_goes() -> None:
    """The header takes one line more while there is a problem, and f opens its process at the GIL pane."""
    async with running(TICKS[0], size=(80, 24)) as session:
        assert not any("▲ gunicorn" in line for line in session.lines())
        await session.press("f")
        assert "there is no finding" in session.footer()
        await session.take(TICKS[1])
        assert session.lines()[3].startswith(" ▲ gunicorn 4211: ")
        assert "(exact)" in session.lines()[3]
        await session.take(*(TICKS[3]._replace(findings=()) for _ in range(STAYS_TICKS)))
        assert "no longer" in session.lines()[3]
        await session.press("f")
        assert isinstance(session.app.screen, ProcessScreen)
        assert isinstance(session.app.screen.pane, GilPane)
        await session.press("escape")
        await session.take(TICKS[4]._replace(findings=()))
        assert "▲" not in "".join(session.lines()[:4])


async def test_the_process_of_a_finding_may_have_ended() -> None:
    """Then f says so."""
    async with running(*TICKS[:3]) as session:
        await session.take(scripted.without(TICKS[3], scripted.GUNICORN)._replace(findings=()))
        await session.press("f")
        assert "gunicorn has ended" in session.footer()


# -- the timeline ------------------------------------------------------------------------------


def moment(at_s: float, *holders: int, is_asleep: bool = False) -> GilMoment:
    """A round."""
    return GilMoment(round(at_s * SECOND_NS), holders, is_asleep)


@pytest.mark.parametrize(
    ("held", "rounds", "cell"), [(0, 8, "·"), (1, 1000, "▁"), (1, 8, "▁"), (4, 8, "▄"), (8, 8, "█"), (0, 0, " ")]
)
def test_a_cell_is_the_share_of_its_rounds(held: int, rounds: int, cell: str) -> None:
    """Height is the share in which the thread held it; a dot is none of them, a blank not watched."""
    seen = [moment(9.0 + number / 1e6, 7 if number < held else 0) for number in range(rounds)]
    row, roles = timeline.timeline([*seen, moment(10.0, 0)], 1).row(7)
    assert row[-2] == cell
    assert roles[-2] == {"·": ".", " ": " "}.get(cell, "G")
    assert row[-1] == "·"
    assert set(row[:-2]) == {" "}


def test_sleep_is_told_apart() -> None:
    """A cell in which it slept with the GIL in at least half of the rounds that it held is a Z."""
    rounds = [
        moment(9.1, 7, is_asleep=True),
        moment(9.2, 7),
        moment(10.1, 7, is_asleep=True),
        moment(10.2, 7),
        moment(10.3, 7),
    ]
    row, roles = timeline.timeline(rounds, 1).row(7)
    assert (row[-2:], roles[-2:]) == ("Z█", "ZG")


def test_short_gaps_keep_their_colour() -> None:
    """Up to three cells between two in which it held the GIL change no colour; longer ones are quiet."""
    held = {10, 14, 19}
    rounds = [moment(number + 0.5, 7 if number in held else 0) for number in range(10, 20)]
    assert timeline.timeline(rounds, 1).row(7) == ("█···█····█", "GGGGG....G")


def test_what_was_drawn_moves_and_stays_as_it_was() -> None:
    """A second later each cell but the newest stands one second further left, unchanged."""
    rounds = [moment(number / 100 + 0.003, 7 if number % 3 else 8) for number in range(1200)]
    before = timeline.timeline(rounds[:1100], 5).row(7)[0]
    after = timeline.timeline(rounds, 5).row(7)[0]
    assert before[5:] == after[:-5]


def test_several_gils() -> None:
    """A thread's cells count whichever GIL it holds; nobody (0) is no thread."""
    drawn = timeline.timeline([moment(1.0, 7, 8), moment(1.1, 0, 7)], 1)
    assert drawn.row(7)[0][-1] == "█"
    assert drawn.row(8)[0][-1] == "▄"
    assert 0 not in drawn.held


@pytest.mark.parametrize("cells_per_s", range(1, 9))
def test_the_axis_is_as_long_as_the_cells(cells_per_s: int) -> None:
    """Now is at its right end where there is room to say so."""
    axis = timeline.axis(cells_per_s)
    assert len(axis) == 10 * cells_per_s
    assert axis.endswith("now") or cells_per_s == 1


# -- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ((0,), "main interpreter"),
        ((3,), "interpreter 3"),
        ((0, 2), "interpreters main, 2"),
        ((1, 2, 3, 4, 5), "interpreters 1, 2, 3 and 2 more"),
    ],
)
def test_whose_gil_it_is(ids: tuple[int, ...], words: str) -> None:
    """The main interpreter is named, many are counted."""
    assert gil_words.interpreters_words(ids) == words


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
    monkeypatch.setattr(stacks, "ask", lambda _pid: answer)
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

    def ask(_pid: int) -> Stacks:
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
    monkeypatch.setattr(stacks, "ask", lambda _pid: Stacks({}, idents))
    async with running(*TICKS[:6]) as session:
        pane = await opened(session)
        await asked(session, pane)
        assert words in session.text()


async def test_y_elsewhere_says_where_it_works() -> None:
    """In another pane y does nothing but tell."""
    async with running(*TICKS[:6]) as session:
        session.app.open_process(scripted.GUNICORN, 0)
        await session.settle()
        await session.press("y")
        assert "GIL pane" in session.footer()


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
