"""A pane of fields on the screen: its cursor, search, copy, help, links, parts, and whose facts it shows."""

from __future__ import annotations

import base64
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_findings
import scripted_protection
from screens import CountingDriver, make_app, running
from threadtop.inside import Asked, Found
from threadtop.sheets import BY_NAME
from threadtop.sheets.sheet import Column, Record, Section, Sheet, Table
from threadtop.tui.main_screen import MainScreen
from threadtop.tui.panes import NAMES
from threadtop.tui.panes.gil import GilPane
from threadtop.tui.panes.sheet import SheetPane
from threadtop.tui.process_screen import ProcessScreen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from screens import Session
    from threadtop.inside.protection import ProtectionFacts
    from threadtop.sheets.sheet import Subject
    from threadtop.snapshot import Snapshot

TICKS = scripted_findings.ticks(8)
PID = scripted.GUNICORN
START = TICKS[7].processes[PID].start_ticks
FACTS = scripted_protection.facts()


def shown(facts: ProtectionFacts = FACTS, *, pid: int = PID, start_ticks: int = START) -> Snapshot:
    """A snapshot with facts of the pane."""
    return TICKS[7]._replace(inside=Found(Asked("protection", pid), start_ticks, facts))


def changed(**status: str) -> ProtectionFacts:
    """Other facts."""
    return FACTS._replace(status={**FACTS.status, **status})


@asynccontextmanager
async def opened(first: Snapshot | None = None, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Session]:
    """The scripted gunicorn at Protection, on a terminal that keeps what is written."""
    app = make_app(driver_class=CountingDriver)
    async with running(*TICKS[:7], app=app, size=size) as session:
        session.app.open_process(PID, 0, "Protection")
        await session.settle()
        await session.take(first or shown())
        yield session


def screen_of(session: Session) -> ProcessScreen:
    """The opened process."""
    screen = session.app.screen
    assert isinstance(screen, ProcessScreen)
    return screen


def pane_of(session: Session) -> SheetPane:
    """The open pane."""
    pane = screen_of(session).pane
    assert isinstance(pane, SheetPane)
    return pane


def cursor(session: Session) -> str:
    """The key of the field under the cursor."""
    chosen = pane_of(session).chosen
    assert chosen is not None
    return chosen.key


async def go_to(session: Session, key: str) -> None:
    """Put the cursor on a field."""
    await session.press("home")
    for _ in range(len(FACTS.status) + 10):
        if cursor(session) == key:
            return
        await session.press("down")
    pytest.fail(f"there is no field {key}")


# -- the cursor -------------------------------------------------------------------------------------------


async def test_the_cursor_moves_over_fields_only() -> None:
    """Titles, blank lines and reasons are passed over, and so are the lines that a long value takes."""
    async with opened() as session:
        seen = [cursor(session)]
        for _ in range(20):
            await session.press("down")
            chosen = pane_of(session).chosen
            assert chosen is not None
            assert chosen.identity is not None
            if chosen.key != seen[-1]:
                seen.append(chosen.key)
        assert seen == [
            *("uids", "gids", "groups", "login_uid", "umask"),
            *("cap_effective", "cap_permitted", "cap_inheritable", "cap_bounding", "cap_ambient"),
            *("no_new_privs", "seccomp", "label", "dumpable", "tracer", "core_dumping"),
        ]
        await session.press("home")
        assert cursor(session) == "uids"
        await session.press("end")
        assert cursor(session) == "core_dumping"
        await session.press("k", "k", "j")
        assert cursor(session) == "tracer"


async def test_the_cursor_keeps_its_field() -> None:
    """Whatever becomes of the lines above it, the cursor stays on what it was on."""
    async with opened(size=(60, 40)) as session:
        await go_to(session, "cap_bounding")
        place = pane_of(session)._at
        many = " ".join(str(number) for number in range(100, 140))
        await session.take(shown(changed(Groups=many)))
        assert cursor(session) == "cap_bounding"
        assert pane_of(session)._at > place
        await session.take(shown(changed(Groups="")))
        assert cursor(session) == "cap_bounding"


async def test_a_page_is_turned() -> None:
    """PgDn and PgUp move by what is in sight; what stands above the first field and below the last one is shown."""
    async with opened(size=(60, 10)) as session:
        assert "Identity" in session.text()
        await session.press("pagedown")
        assert cursor(session) != "uids"
        await session.press(*["pagedown"] * 9)
        assert cursor(session) == "core_dumping"
        assert "run threadtop as that user" in session.text()
        await session.press(*["pageup"] * 9)
        assert cursor(session) == "uids"
        assert "Identity" in session.text()


async def test_where_nothing_can_be_chosen() -> None:
    """Before the facts have come the keys do nothing, and nothing breaks."""
    async with opened(TICKS[7]) as session:
        assert "is read with the next refresh" in session.text()
        for key in ("down", "up", "pagedown", "end", "home", "enter", "left_square_bracket", "right_square_bracket"):
            await session.press(key)
        await session.press("Y")
        assert "nothing to copy" in session.footer()
        await session.press("slash")
        await session.type("x")
        assert "nowhere" in session.text()


def test_nothing_is_found_where_nothing_is() -> None:
    """A pane that was given no process yet has no line to search in."""
    for pane in (SheetPane(BY_NAME["protection"]), GilPane()):
        for step in (0, 1, -1):
            assert not pane.look_for("x", step)


# -- search and copy --------------------------------------------------------------------------------------


async def test_search_goes_round() -> None:
    """/ goes to the first match from the cursor on, n and N to the others and round the end."""
    async with opened() as session:
        await session.press("slash")
        await session.type("NET_BIND")
        assert cursor(session) == "cap_effective"
        for key, field in (("n", "cap_permitted"), ("n", "cap_ambient"), ("n", "cap_effective"), ("N", "cap_ambient")):
            await session.press(key)
            assert cursor(session) == field


async def test_a_search_in_vain() -> None:
    """What is nowhere is said so, and the cursor stays; leaving the line marks nothing any more."""
    async with opened() as session:
        await session.press("down", "down", "slash")
        await session.type("zzz")
        assert cursor(session) == "groups"
        assert "nowhere in this pane" in session.text()
        await session.press("slash", "escape")
        assert pane_of(session).searched == ""


async def test_a_search_in_vain_in_a_part() -> None:
    """Where more is than is shown, what is nowhere in sight may be in another part."""
    async with opened() as session:
        pane_of(session).is_part = True
        await session.press("slash")
        await session.type("zzz")
        assert "nowhere in this part: [ and ]" in session.text()


async def test_what_is_typed_takes_the_place_of_the_last_search() -> None:
    """/ once more has the words at hand: Enter looks for them again, typing begins anew."""
    async with opened() as session:
        for words in ("NET_BIND", "umask"):
            await session.press("slash")
            await session.type(words)
        assert cursor(session) == "umask"
        await session.press("slash", "enter")
        assert (cursor(session), pane_of(session).searched) == ("umask", "umask")


@pytest.mark.parametrize(
    ("key", "value"),
    [("umask", b"0027"), ("label", "ünï".encode() + b"\xff^[]0;x^G")],
)
async def test_copy_hands_over_the_value(key: str, value: bytes) -> None:
    """Y writes the whole value by OSC 52, bytes that are no UTF-8 too; what a shell would obey is made visible."""
    async with opened(shown(FACTS._replace(label="ünï\udcff\x1b]0;x\x07"))) as session:
        await go_to(session, key)
        driver = session.app._driver
        assert isinstance(driver, CountingDriver)
        driver.take()
        await session.press("Y")
        (copied,) = re.findall(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", driver.take())
        assert base64.b64decode(copied) == value
        assert f"{len(value)} bytes" in session.footer()


async def test_hostile_values_are_shown_not_sent() -> None:
    """Control bytes in what a process chose are made visible."""
    async with opened(shown(FACTS._replace(label="\x1b]0;owned\x07\udcfe\n"))) as session:
        assert r"^[]0;owned^G\xfe^J" in session.text()
        driver = session.app._driver
        assert isinstance(driver, CountingDriver)
        assert "owned\x07" not in driver.take()


# -- help and links ---------------------------------------------------------------------------------------


async def test_help_begins_with_the_field_under_the_cursor() -> None:
    """? explains it first, with its source; then all fields."""
    async with opened() as session:
        await session.press("down", "down", "question_mark")
        said = session.text()
        assert said.index("Protection: groups") < said.index("The fields of Protection")
        assert "Supplementary groups" in said
        assert "credentials(7)" in said


async def test_enter_on_a_link_opens_its_process() -> None:
    """The tracer is a process of its own; Esc comes back to the pane and its field."""
    async with opened(shown(changed(TracerPid=str(scripted.SPINNER)))) as session:
        await go_to(session, "tracer")
        await session.press("enter")
        assert screen_of(session).pid == scripted.SPINNER
        await session.press("escape")
        assert screen_of(session).pid == PID
        assert cursor(session) == "tracer"


async def test_enter_on_what_leads_nowhere() -> None:
    """A field without a link does nothing; a link to a process that has ended says so."""
    async with opened(shown(changed(TracerPid="999999"))) as session:
        before = session.app.screen
        await session.press("enter")
        assert session.app.screen is before
        await go_to(session, "tracer")
        await session.press("enter")
        assert session.app.screen is before
        assert "process 999999 is not there" in session.footer()


# -- parts ------------------------------------------------------------------------------------------------


async def test_parts_are_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    """[ and ] have the part before and after of what is too long read, and none beyond the first and the last."""
    rows = tuple(Record(number, ("a",), ("a",)) for number in range(2))

    def make(subject: Subject) -> Sheet:
        table = Table((Column("groups"),), rows, total=5, first=2 * subject.part)
        return Sheet((Section("x", "", table=table._replace(records=rows[: 5 - table.first])),))

    async with opened() as session:
        pane = pane_of(session)
        monkeypatch.setattr(pane, "kind", pane.kind._replace(make=make))
        asked = []
        for key in ("left", "right", "right", "right", "left", "left", "left"):
            await session.take(shown())
            await session.press(f"{key}_square_bracket")
            wanted = screen_of(session).interest(None).asked
            assert wanted is not None
            asked.append(wanted.part)
        assert asked == [0, 1, 2, 2, 1, 0, 0]


async def test_keys_of_parts_are_named_once_there_are_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a pane is too long for one is known only after it was turned to: then the footer names the keys."""
    rows = (Record(0, ("a",), ("a",)),)
    totals = [1]

    def make(_subject: Subject) -> Sheet:
        return Sheet((Section("x", "", table=Table((Column("groups"),), rows, total=totals[0])),))

    async with opened() as session:
        monkeypatch.setattr(pane_of(session), "kind", pane_of(session).kind._replace(make=make))
        for total, named in ((1, False), (2, True), (2, True), (1, False)):
            totals[0] = total
            await session.take(shown())
            assert ("[ ] parts" in session.footer()) is named
            assert ("1 to 1 of 2 are shown: [ and ] turn to the others" in session.text()) is named


# -- whose facts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"start_ticks": START + 1}, {"pid": PID + 1}])
async def test_facts_of_others_are_not_shown(other: dict[str, int]) -> None:
    """A pid may be used again: facts of another process, or of one before it, are none of ours."""
    async with opened(shown(**other)) as session:
        assert "is read with the next refresh" in session.text()


async def test_facts_of_another_pane_are_not_shown() -> None:
    """What the pane before had read comes late: it is not mistaken, and what is known stays."""
    late = TICKS[7]._replace(inside=Found(Asked("signals", PID), START, object()))
    async with opened(late) as session:
        assert "is read with the next refresh" in session.text()
        await session.take(shown(), late)
        assert "user ids" in session.text()


async def test_an_ended_process_keeps_its_facts() -> None:
    """Its last facts stay, and the title says that it has ended; so it is where its pid is used again."""
    async with opened() as session:
        await session.take(scripted.without(TICKS[7], PID))
        assert "ended: its last figures are kept" in session.text()
        assert "real 0 root, effective 33 www-data" in session.text()
        rows = dict(TICKS[7].processes)
        rows[PID] = rows[PID]._replace(start_ticks=START + 5)
        await session.take(shown(changed(Uid="7\t7\t7\t7"), start_ticks=START + 5)._replace(processes=rows))
        assert "ended" in session.lines()[0]
        assert "real 0 root, effective 33 www-data" in session.text()


async def test_only_the_open_pane_asks() -> None:
    """The open one has its facts read; a pane of rows, and the list, have none read."""
    async with opened() as session:
        screen = screen_of(session)
        assert screen.interest(None).asked == Asked("protection", PID)
        screen.look_into(0, "Threads")
        await session.settle()
        assert screen.interest(None).asked is None
        screen.look_into(0, "Files")
        await session.settle()
        assert screen.interest(None).asked == Asked("files", PID)
        await session.press("escape")
        main = session.app.screen
        assert isinstance(main, MainScreen)
        assert main.interest(None).asked is None


# -- tabs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80, 200])
async def test_the_open_tab_is_in_sight(width: int) -> None:
    """Whichever pane is open, its tab is in sight, and signs tell of those that are not."""
    async with opened(size=(width, 24)) as session:
        for _ in NAMES:
            await session.press("tab")
            line = session.lines()[1]
            assert len(line) <= width
            assert f" {screen_of(session).pane.NAME} " in f"{line} "
            missing = [name for name in NAMES if f" {name} " not in f"{line} "]
            assert bool(missing) == ("…" in line)
