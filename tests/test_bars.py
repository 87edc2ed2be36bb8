"""The time bar by values: it fills its cells, adds up, rounds fairly, and tells apart how its parts are known."""

from __future__ import annotations

import io
import random
import sys
from typing import TYPE_CHECKING

import pytest

from builders import process_row, snapshot, thread_row
from threadtop import bars, export, headless, query
from threadtop.cli import Options
from threadtop.filters import parse_filter
from threadtop.procfs.reasons import KINDS
from threadtop.source import ScriptedSource
from threadtop.time_rows import PARTS, TimeShare, by_one_look
from threadtop.tui.themes import ROLES

if TYPE_CHECKING:
    from threadtop.procfs.reasons import Kind

MANY = 40  # looks


def share(
    user: float = 0.0, system: float = 0.0, runq: float = 0.0, *blocked: tuple[Kind, float], looks: int = MANY
) -> TimeShare:
    """A second so divided; what is missing to 100 is poll."""
    missing = 100.0 - user - system - runq - sum(pct for _, pct in blocked)
    rest: tuple[tuple[Kind, float], ...] = (("poll", missing),) if missing > 1e-6 else ()
    return TimeShare(user, system, runq, (*blocked, *rest), looks)


@pytest.mark.parametrize(
    ("second", "width", "cells"),
    [
        (share(25, 0, 0, ("gil", 70)), 20, "█████GGGGGGGGGGGGGG·"),
        (share(12.5, 0, 0, ("gil", 82.5)), 20, "██▌GGGGGGGGGGGGGGGG·"),
        (share(10, 5, 60), 20, "██▓▒▒▒▒▒▒▒▒▒▒▒▒·····"),
        (share(0, 10, 0, ("lock", 20), ("disk", 20), ("network", 20), ("pipe", 10), ("child", 10)), 10, "▓LLDDNNPC·"),
        (share(100), 10, "██████████"),
        (share(99.4), 10, "██████████"),
        (share(0.3), 10, "··········"),
        (share(1.0), 10, "▏·········"),
        (share(33.3, 0, 0, ("lock", 33.3), ("disk", 33.3)), 10, "███▍LLLDDD"),
        (share(), 1, "·"),
    ],
)
def test_a_second_in_cells(second: TimeShare, width: int, cells: str) -> None:
    """Exact parts first in blocks, the user's to an eighth of a cell, then letters by largest remainder."""
    drawn, roles = bars.bar(second, width)
    assert drawn == cells
    assert len(roles) == width


def test_a_part_of_more_than_half_a_cell_shows() -> None:
    """Where larger parts can spare a cell, one that rounds to nothing but is more than half a cell has one."""
    kinds: tuple[Kind, ...] = ("gil", "lock", "disk", "network", "pipe")
    second = share(0, 0, 0, *((kind, 5.6) for kind in kinds), ("child", 72.0))
    drawn, _ = bars.bar(second, 10)
    assert sorted(drawn) == sorted("GLDNPCCCCC")
    assert "D" not in bars.bar(share(0, 0, 0, ("disk", 4.0)), 10)[0]


@pytest.mark.parametrize("seed", range(100))
def test_it_always_fills_its_cells(seed: int) -> None:
    """Whatever the shares, cells and roles are as many as asked for; no part is far off, though tiny ones have one."""
    chance = random.Random(seed)  # noqa: S311 the same numbers in each run
    parts = [chance.choice((0.0, 0.001, 1.0, chance.random() * 10)) for _ in PARTS]
    whole = sum(parts) or 1.0
    user, system, runq, *rest = (part * 100 / whole for part in parts)
    blocked = tuple((kind, pct) for kind, pct in zip(KINDS, rest, strict=True) if pct)
    second = TimeShare(user, system, runq, blocked, chance.choice((0, 1, 2, 90)))
    for width in range(1, 61):
        drawn, roles = bars.bar(second, width)
        assert len(drawn) == len(roles) == width
        assert set(roles) <= ROLES.keys()
        for part, pct in second.parts():
            cell, _ = bars.sign(part, is_hint=second.is_hint)
            if width >= 20 and part not in ("user", "unknown"):
                assert abs(drawn.count(cell) - pct / 100 * width) <= 2.5


def test_every_part_has_its_sign() -> None:
    """All parts are drawn, each with a sign of its own in blocks or letters and a role that themes know."""
    assert tuple(bars.SIGNS) == PARTS
    assert len({sign.cell for sign in bars.SIGNS.values()}) == len(PARTS)
    assert {sign.role for sign in bars.SIGNS.values()} <= ROLES.keys()


def test_exact_parts_are_blocks_and_looks_are_letters() -> None:
    """Counters are drawn in blocks, what looks found in signs that are none, with or without colours."""
    blocks = {bars.SIGNS[part].cell for part in PARTS[:3]}
    assert blocks == set("█▓▒")
    assert not {bars.SIGNS[part].cell for part in PARTS[3:]} & blocks


def test_a_hint_is_told_from_a_share() -> None:
    """One look is drawn in small letters; a thread that has not run since is as sure as a counter."""
    assert bars.bar(by_one_look(10, 0, 0, "lock"), 10)[0] == "█lllllllll"
    assert bars.bar(share(10, 0, 0, ("lock", 90)), 10)[0] == "█LLLLLLLLL"
    assert bars.bar(by_one_look(0, 0, 0, "lock"), 10)[0] == "LLLLLLLLLL"
    assert bars.bar(by_one_look(60, 0, 0, None), 10)[0] == "██████?   "


def test_unknown_is_a_dash() -> None:
    """Before two readings there is no bar."""
    assert bars.bar(None, 5) == ("-    ", ".....")
    assert bars.bar(None, 0) == bars.bar(share(), 0) == ("", "")


def test_without_blocks() -> None:
    """An output that has no blocks gets ASCII of the same length, different for each exact part."""
    drawn, _ = bars.bar(share(12.5, 20, 30, ("gil", 20)), 20)
    assert bars.plain(drawn).isascii()
    assert bars.plain("██▌▓▒·G") == "###%=.G"


# -- from tick to tick -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "is_near"),
    [
        (share(20, 0, 0, ("gil", 60)), True),
        (share(22.4, 0, 0, ("gil", 55.1)), True),
        (share(22.6, 0, 0, ("gil", 57.4)), False),
        (share(20, 0, 0, ("gil", 54.9)), False),
        (share(20, 0, 2.4, ("gil", 55.1)), True),
        (share(20, 0, 2.6, ("gil", 57.4)), False),
        (share(20, 0, 0, ("gil", 60), looks=1), False),
        (TimeShare(20, 0, 0, (("gil", 60), ("poll", 20)), MANY, is_whole=True), False),
        (None, False),
    ],
)
def test_a_bar_does_not_tremble(now: TimeShare | None, is_near: bool) -> None:  # noqa: FBT001 a table of values
    """It stays until an exact part moved by half a cell, a sampled one by a cell, or it is known in another way."""
    steady = bars.Steady(share(20, 0, 0, ("gil", 60)), 20)
    assert steady.is_near(now, 20) == is_near
    assert not steady.is_near(now, 10)


# -- as a column -------------------------------------------------------------------------------


BUSY = thread_row(101, cpu_pct=20.0, user_pct=20.0, sampled=share(20, 0, 0, ("lock", 55), ("disk", 20)), name="busy")
IDLE = thread_row(102, wchan="do_epoll_wait", name="idle")
PARKED = thread_row(103, wchan="futex_do_wait", name="parked")
STUCK = thread_row(104, state="D", wchan="folio_wait_bit", name="stuck")
SHOT = snapshot(process_row(101, BUSY, IDLE, PARKED, STUCK))


def test_sorting_puts_first_who_wants_to_run() -> None:
    """Running, and waiting for a CPU, the GIL, a lock or the disk counts; a thread parked all the time does not."""
    table = query.table(SHOT, query.View(columns=("time_pct", "name")).sorted_by("time_pct"))
    assert [row.name for row in table.rows] == ["stuck", "busy", "idle", "parked"]
    assert BUSY.time_pct == 95.0
    assert PARKED.time_pct == 0.0


@pytest.mark.parametrize(
    ("expression", "names"),
    [("lock>50", {"busy", "parked"}), ("disk>=20", {"busy", "stuck"}), ("net>1", set()), ("bar>90", {"busy", "stuck"})],
)
def test_filters_by_what_blocks(expression: str, names: set[str]) -> None:
    """The kinds of waiting are columns that are not shown by default, and so filters."""
    view = query.View(filter=parse_filter(expression))
    assert {row.name for row in query.table(SHOT, view).rows} == names


def test_batch_output_has_the_bar() -> None:
    """Text has the same cells as the screen, at the width that the output has."""
    table = query.table(SHOT, query.View(columns=("time_pct", "name")))
    *_, first, _, _, _ = export.text_lines(SHOT, table)
    assert first == "████LLLLLLLLLLLDDDD· busy"
    *_, narrow, _, _, _ = export.text_lines(SHOT, table, 80)
    assert narrow == "██LLLLLLDD busy"


@pytest.mark.parametrize(("encoding", "has"), [("utf-8", True), ("ascii", False), ("iso-8859-1", False)])
def test_an_output_without_blocks_is_found_out(monkeypatch: pytest.MonkeyPatch, encoding: str, has: bool) -> None:  # noqa: FBT001 a table of values
    """Text output draws bars in blocks where its encoding has them, in ASCII elsewhere, and the lines stay aligned."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, errors="backslashreplace"))
    columns = ("time_pct", "name")
    code = headless.run(Options(columns=columns, frames=1, interval_s=0.01), source_=ScriptedSource([SHOT, SHOT]))
    sys.stdout.flush()
    assert code == 0
    text = written.getvalue().decode(encoding)
    assert ("████LLLLLLLLLLLDDDD· busy" in text) == has
    assert ("####LLLLLLLLLLLDDDD. busy" in text) != has
