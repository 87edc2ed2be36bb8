"""The pages that teach: all there, right in form, one for each column and each kind of finding."""

from __future__ import annotations

import ast
from importlib import resources
from pathlib import Path

import pytest

import threadtop
from threadtop import bars, fields, pages
from threadtop.errors import UsageError
from threadtop.findings import gil
from threadtop.pages import markdown

FINDINGS = Path(gil.__file__).parent
LONGEST_LINE = 120


def kinds() -> set[str]:
    """The kinds of findings that the modules of the package make, read off their source."""
    found = set()
    for path in FINDINGS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                named = [word.value for word in node.keywords if word.arg == "kind"]
                if name in ("finding", "Finding") and (first := [*node.args, *named]):
                    found |= {first[0].value} if isinstance(first[0], ast.Constant) else set()
    return found


def test_kinds_are_found() -> None:
    """The reading of the source sees kinds of every family."""
    assert {"gil-bound", "deadlock", "starved", "switch-storm", "thread-leak", "disk-bound", "spinning"} <= kinds()


def test_every_finding_has_a_page() -> None:
    """Each kind of finding is explained on just one page, and no page explains one that there is not."""
    listed = [kind for page in pages.all_pages() for kind in page.findings]
    assert sorted(listed) == sorted(kinds())
    for page in pages.all_pages():
        assert {pages.for_finding(kind) for kind in page.findings} <= {page.key}


def test_a_finding_that_no_page_lists_has_one_too() -> None:
    """Whatever the screen asks for opens: an unknown kind leads to the page about how sure findings are."""
    assert pages.for_finding("no-such-kind") == "evidence"


@pytest.mark.parametrize("field", fields.FIELDS, ids=lambda field: field.key)
def test_every_column_has_a_page(field: fields.Field) -> None:
    """Each column names a page that is there."""
    assert pages.for_field(field.key) in pages.ORDER


def test_every_file_is_a_page() -> None:
    """The Markdown files beside the module are the pages, no more and no less, so an installed one has them all."""
    names = {entry.name for entry in resources.files(pages).iterdir() if entry.name.endswith(".md")}
    assert names == {f"{key}.md" for key in pages.ORDER}
    assert Path(threadtop.__file__).parent / "pages" == Path(pages.__file__).parent


@pytest.mark.parametrize("key", pages.ORDER)
def test_form(key: str) -> None:
    """A page has a title, a summary of one line, 15 to 40 lines none of which is too long, and links at its end."""
    page = pages.page(key)
    lines = page.text.splitlines()
    assert lines[0] == f"# {page.title}"
    assert lines[1:4:2] == ["", ""]
    assert lines[2] == page.summary
    assert page.summary.endswith(".")
    assert len(page.summary) <= markdown.WIDE
    assert 15 <= len(lines) <= 40
    assert max(map(len, lines)) <= LONGEST_LINE
    assert not any(line.startswith("# ") for line in lines[1:])
    last = page.text.split("\n\n")[-1]
    assert last.startswith("See also: [")
    assert page.text.endswith(".md)\n")


@pytest.mark.parametrize("key", pages.ORDER)
def test_links_lead_to_pages(key: str) -> None:
    """Each link of a page leads to another page, by the name of its file; there are as many as have a key at most."""
    found = markdown.links(pages.page(key).text)
    assert {link.key for link in found} <= set(pages.ORDER) - {key}
    assert 1 <= len(found) <= 9
    assert pages.page(key).text.count("](") == len(found)


def test_every_page_is_linked() -> None:
    """From some page each other one can be reached."""
    linked = {link.key for page in pages.all_pages() for link in markdown.links(page.text)}
    assert linked == set(pages.ORDER)


def test_the_time_page_has_every_sign() -> None:
    """All that the time bar can show is in its page."""
    text = pages.page("time").text
    assert [sign.cell for sign in bars.SIGNS.values() if f"`{sign.cell}`" not in text] == []


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("locks", "locks"),
        (" GIL ", "gil"),
        ("starved", "run-queue"),
        ("deadlock", "deadlock"),
        ("deadlock-suspected", "deadlock"),
        ("vol/s", "switches"),
        ("%CPU", "cpu"),
        ("nid", "processes"),
        ("futex", "locks"),
    ],
)
def test_a_page_is_found_by_many_names(name: str, key: str) -> None:
    """By its key, by a kind of finding or by a column, in any case."""
    assert pages.find(name).key == key


@pytest.mark.parametrize(
    ("name", "remedy"), [("deadlok", "did you mean deadlock"), ("qqqq", "--page list"), ("", "list")]
)
def test_an_unknown_page_is_told_what_is_near(name: str, remedy: str) -> None:
    """UsageError names what is near, or where all names are."""
    with pytest.raises(UsageError, match=f"there is no page {name!r}") as caught:
        pages.find(name)
    assert remedy in caught.value.remedy


def test_the_list_names_all() -> None:
    """Printed, ``list`` is a line for each page with its key and title."""
    lines = pages.printed("list", None)
    assert [line.split()[0] for line in lines] == list(pages.ORDER)
    assert all(page.title in line for page, line in zip(pages.all_pages(), lines, strict=True))


@pytest.mark.parametrize("key", pages.ORDER)
@pytest.mark.parametrize("width", [20, 80, 120])
def test_pages_fit(key: str, width: int) -> None:
    """At any width no line is longer, no mark of Markdown is left, and no word is lost."""
    styled = markdown.lines(pages.page(key).text, width)
    text = "\n".join(markdown.plain(styled))
    assert max(map(len, text.splitlines())) <= min(width, markdown.WIDE)
    assert all(len(characters) == len(styles) for characters, styles in styled)
    assert set("".join(styles for _, styles in styled)) <= set(markdown.STYLES)
    assert not {"**", "`", "](", "\0"} & {mark for mark in ("**", "`", "](", "\0") if mark in text}
    squeezed = "".join(text.split())
    for word in ("".join(pages.page(key).title.split()), "Seealso:"):
        assert word in squeezed
