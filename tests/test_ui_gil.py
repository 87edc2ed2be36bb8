"""The GIL on the screen: its columns, the finding under the header, the timeline, words."""

from __future__ import annotations

import pytest

import scripted
import scripted_gil
from builders import thread_row
from gil_screen import SECOND_NS, TICKS, finding, found, line_of
from screens import running
from scripted_gil import READER, WORKERS, share
from threadtop import fields
from threadtop.sample import GilMoment
from threadtop.snapshot import Estimate
from threadtop.tui import accents, gil_words, timeline
from threadtop.tui.panes.findings import FindingsPane
from threadtop.tui.process_screen import ProcessScreen
from threadtop.tui.worst import CLEARLY_WORSE, PROBLEM, STAYS_TICKS, Worst, worst_line

# -- the main screen ---------------------------------------------------------------------------


async def test_the_columns_come_with_the_first_gil() -> None:
    """Until a GIL is known its columns leave their room to others; from then on they stay, at 80 cells too."""
    async with running(*scripted.ticks(3), size=(80, 24)) as session:
        assert "GIL" not in session.text()
        assert "invol/s" in session.text()
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


async def test_whose_gil_and_waits_are_watched() -> None:
    """Those of the chosen row's process and of those attached to; without a cursor nobody's; no kernel thread's."""
    async with running(*TICKS[:4]) as session:
        main = session.app._main
        assert main.interest(None).gil == frozenset()
        await session.press("slash")
        await session.press(*"worker-1")
        assert main.interest(None).gil == {scripted.GUNICORN}
        assert main.interest(frozenset({7})).gil == {7, scripted.GUNICORN}
        assert main.interest(frozenset({7})).waits == {7, scripted.GUNICORN}
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
        assert cells.endswith("(exact)  1 of 2  f findings " if width == 120 else "(exact)  1 of 2  f ")
    if width >= 80:
        assert "x^[[2J" in cells


async def test_the_line_comes_and_goes() -> None:
    """The header takes one line more while there is a problem, and f opens its process at what was found."""
    async with running(TICKS[0], size=(80, 24)) as session:
        assert not any("▲ gunicorn" in line for line in session.lines())
        await session.press("f")
        assert "nothing found so far" in session.footer()
        await session.take(TICKS[1])
        assert session.lines()[3].startswith(" ▲ gunicorn 4211: ")
        assert "(exact)" in session.lines()[3]
        await session.take(*(TICKS[3]._replace(findings=()) for _ in range(STAYS_TICKS)))
        assert "no longer" in session.lines()[3]
        await session.press("f")
        assert isinstance(session.app.screen, ProcessScreen)
        assert isinstance(session.app.screen.pane, FindingsPane)
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


def moment(at_s: float, *holders: int, asleep: int = 0) -> GilMoment:
    """A round, in which one of the holders slept."""
    return GilMoment(round(at_s * SECOND_NS), holders, (asleep,) if asleep else ())


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
        moment(9.1, 7, asleep=7),
        moment(9.2, 7),
        moment(10.1, 7, asleep=7),
        moment(10.2, 7),
        moment(10.3, 7),
    ]
    row, roles = timeline.timeline(rounds, 1).row(7)
    assert (row[-2:], roles[-2:]) == ("Z█", "ZG")


def test_sleep_is_that_of_one_gil() -> None:
    """Where there are several GILs, one that sleeps with its own does not make the holders of others sleep."""
    drawn = timeline.timeline([moment(10.0, 7, 8, asleep=8)], 1)
    assert (drawn.row(7)[0][-1], drawn.row(8)[0][-1]) == ("█", "Z")


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
