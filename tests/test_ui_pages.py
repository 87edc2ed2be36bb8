"""The help on what is looked at, and the pages: opened, followed and left by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_gil
from screens import Session, running
from threadtop import fields, pages
from threadtop.tui import help as help_text
from threadtop.tui.help import About
from threadtop.tui.main_screen import MainScreen
from threadtop.tui.screens import ChoiceScreen, HelpScreen, PageScreen

if TYPE_CHECKING:
    from threadtop.tui.paint import Line


def texts(lines: list[Line]) -> list[str]:
    """Lines without their roles and margins."""
    return [cells.strip() for cells, _ in lines]


def parts(about: About, width: int = 100) -> list[str]:
    """The titles of the help's parts."""
    return [section.title for section in help_text.sections(about, width)]


def shown_page(session: Session) -> str:
    """The title of the page on the screen."""
    assert isinstance(session.app.screen, PageScreen)
    return session.lines()[1].strip()


@pytest.mark.parametrize("field", fields.FIELDS, ids=lambda field: field.key)
def test_the_help_begins_with_the_column(field: fields.Field) -> None:
    """First comes the column that the list is sorted by: what it is, where it is from, and its page below."""
    first = help_text.sections(About(field.key), 120)[0]
    lines = texts(first.lines)
    assert first.title == f"Sorted by {field.title}"
    page = pages.page(pages.for_field(field.key))
    assert lines.index(page.title) < lines.index(page.summary)
    assert field.help.split()[0] in lines[0]
    assert any(line.startswith("Source: ") for line in lines[: lines.index(page.title)])


def test_the_parts_of_the_help() -> None:
    """Keys, numbers, columns and pages come in this order, whatever was asked about; an unknown column is left out."""
    rest = parts(About())
    assert rest == [
        "Keys",
        "In an opened process",
        "In a recording (threadtop replay)",
        "In a list of findings",
        "What each number is",
        "Columns",
        "Pages",
    ]
    assert parts(About("cpu_pct")) == ["Sorted by %CPU", *rest]
    assert parts(About("no such")) == rest
    assert parts(About(page="locks")) == ["What is shown here", *rest]


def test_the_help_names_every_page() -> None:
    """Each column's entry names its page, and the list of pages has them all."""
    by_title = {section.title.split(":")[0]: section for section in help_text.sections(About(), 400)}
    columns = texts(by_title["Columns"].lines)
    for field in fields.FIELDS:
        assert any(line.endswith(f"page: {pages.page(field.page).title}") for line in columns)
    assert [line.split()[0] for line in texts(by_title["Pages"].lines)[1:]] == list(pages.ORDER)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("key", pages.ORDER)
def test_pages_are_painted(key: str, width: int) -> None:
    """A page fits its width, and each cell has a role."""
    for cells, roles in help_text.page_lines(key, width, numbered=True):
        assert len(cells) == len(roles) < width


async def test_the_finding_comes_first() -> None:
    """With a finding under the header the help begins with it, and names its page."""
    async with running(*scripted_gil.ticks(6)) as session:
        await session.press("question_mark")
        assert session.lines()[1].strip().startswith("Under the header: gil-bound")
        assert "Page: The GIL" in session.text()
        await session.press("P")
        assert isinstance(session.app.screen, ChoiceScreen)
        await session.press("enter")
        assert shown_page(session) == pages.page("gil").title


async def test_help_follows_the_sorting() -> None:
    """After another column was chosen to sort by, the help begins with that one."""
    async with running(*scripted.ticks(3)) as session:
        for key, field in (("Q", "wait_pct"), ("S", "vol_per_s"), ("P", "cpu_pct")):
            await session.press(key, "question_mark")
            assert session.lines()[1].strip() == f"Sorted by {fields.BY_KEY[field].title}"
            await session.press("escape")


async def test_parts_are_turned_to() -> None:
    """Tab goes through the parts and round to the first, Shift+Tab back."""
    async with running(*scripted.ticks(3), size=(80, 24)) as session:
        await session.press("question_mark")
        top = session.lines()
        seen = [session.lines()[1].strip()]
        for _ in parts(About()):
            await session.press("tab")
            seen.append(session.lines()[1].strip())
        assert seen[:3] == ["Sorted by %CPU", "Keys", "In an opened process"]
        for _ in range(3):
            if session.lines() != top:
                await session.press("tab")
        assert session.lines() == top
        await session.press("tab", "tab", "shift+tab")
        assert session.lines()[1].strip() == "Keys"


async def test_pages_are_opened_and_left() -> None:
    """P lists the pages, Enter opens one, a number follows a link, Esc goes back step by step to the table."""
    async with running(*scripted.ticks(3), size=(80, 24)) as session:
        await session.press("question_mark", "P")
        assert isinstance(session.app.screen, ChoiceScreen)
        await session.press("home", "down", "down", "enter")
        assert shown_page(session) == pages.page("switches").title
        await session.press("j")
        scrolled = session.lines()
        await session.press("1")
        assert shown_page(session) == pages.page("run-queue").title
        await session.press("9")
        assert shown_page(session) == pages.page("run-queue").title
        await session.press("P", "home", "enter")
        assert shown_page(session) == pages.page("time").title
        await session.press("escape", "escape")
        assert session.lines() == scrolled
        await session.press("q")
        assert isinstance(session.app.screen, HelpScreen)
        await session.press("escape")
        assert isinstance(session.app.screen, MainScreen)


async def test_pages_are_in_the_palette() -> None:
    """The command palette finds a page by its title and opens it."""
    async with running(*scripted.ticks(3)) as session:
        await session.press("colon", *"deadlock")
        await session.pilot.pause()
        await session.press("down", "enter")
        assert shown_page(session) == pages.page("deadlock").title


async def test_every_pane_has_its_page() -> None:
    """In an opened process the help begins with what the open pane shows."""
    async with running(*scripted_gil.ticks(14)) as session:
        session.app.open_process(scripted.GUNICORN, 0)
        await session.settle()
        screen = session.app.screen
        seen = set()
        for pane in screen.panes:  # type: ignore[attr-defined]
            assert pane.PAGE in pages.ORDER
            await session.press("question_mark")
            seen.add(session.lines()[1].strip())
            await session.press("escape", "tab")
        assert len(seen) >= 2
        assert not any(line.startswith("Keys") for line in seen)


@pytest.mark.parametrize("kind", [kind for page in pages.all_pages() for kind in page.findings])
async def test_a_finding_is_explained(kind: str) -> None:
    """What a list of findings asks about opens the page that lists its kind."""
    shot = scripted_gil.ticks(6)[5]
    async with running(shot, size=(80, 24)) as session:
        session.app.explain(shot.findings[0]._replace(kind=kind))
        await session.settle()
        assert shown_page(session) == pages.page(pages.for_finding(kind)).title


@pytest.mark.parametrize("size", [(20, 5), (50, 20), (200, 60)], ids="{0[0]}x{0[1]}".format)
async def test_pages_at_every_size(size: tuple[int, int]) -> None:
    """However small the screen, a page opens, scrolls to its end and closes."""
    async with running(*scripted.ticks(3), size=size) as session:
        session.app.open_page("time")
        await session.settle()
        await session.press("G", "pagedown", "g", "escape")
        assert isinstance(session.app.screen, MainScreen)
