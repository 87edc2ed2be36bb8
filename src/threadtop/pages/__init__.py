"""Pages that teach: Markdown files of this folder, shown by the help, by ``--page`` and linked in the README.

A page begins with ``# Title`` and a summary in one line.  Under ``## Findings`` it lists the kinds of findings that
it explains, each as ``- `kind`: ...``: so a page and what it is about are in one file.
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import fields
from threadtop.errors import UsageError
from threadtop.pages import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDER: Final = (
    "time", "cpu", "switches", "run-queue", "locks", "deadlock", "disk", "peers", "user-kernel", "processes", "cost",
    "gil", "states", "polling", "evidence", "permissions",
)  # fmt: skip
"""The keys of all pages, which are the names of their files, in the order in which they are listed."""
_FALLBACK: Final = "evidence"
_FINDINGS: Final = re.compile(r"^## Findings\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_KIND: Final = re.compile(r"^- `([a-z-]+)`: ", re.MULTILINE)


class Page(NamedTuple):
    """One page: its key, its title, one sentence of what it is about, its Markdown, and the findings it explains."""

    key: str
    title: str
    summary: str
    text: str
    findings: tuple[str, ...]


@cache
def page(key: str) -> Page:
    """The page of a key of ORDER, from its file beside this module."""
    text = resources.files(__name__).joinpath(f"{key}.md").read_text(encoding="utf-8")
    heading, _, summary = text.split("\n", 3)[:3]
    listed = _FINDINGS.search(text)
    return Page(key, heading.removeprefix("# "), summary, text, tuple(_KIND.findall(listed[1])) if listed else ())


def all_pages() -> tuple[Page, ...]:
    """All pages, in ORDER."""
    return tuple(map(page, ORDER))


def for_field(key: str) -> str:
    """The key of the page about a column."""
    return fields.BY_KEY[key].page


@cache
def _by_finding() -> Mapping[str, str]:
    return {kind: each.key for each in all_pages() for kind in each.findings}


def for_finding(kind: str) -> str:
    """The key of the page about a kind of finding; of one that no page lists, that about how sure findings are."""
    return _by_finding().get(kind, _FALLBACK)


def printed(name: str, width: int | None) -> list[str]:
    """A page as lines of text with the keys of those it links to; of ``list`` the names of all; raises UsageError."""
    if name.strip().lower() == "list":
        return [f"{each.key:12} {each.title}" for each in all_pages()]
    keys = {key: key for key in ORDER}
    return markdown.plain(markdown.lines(find(name).text, width or markdown.WIDE, keys))


def find(name: str) -> Page:
    """The page of a key, a kind of finding, a column or a word of its title; raises UsageError with the nearest."""
    wanted = name.strip().lower()
    if wanted in ORDER:
        return page(wanted)
    if wanted in _by_finding():
        return page(_by_finding()[wanted])
    try:
        return page(fields.find(wanted).page)
    except UsageError:
        titled = [each for each in all_pages() if wanted and re.search(rf"\b{re.escape(wanted)}", each.title.lower())]
        if len(titled) == 1:
            return titled[0]
        near = difflib.get_close_matches(wanted, (*ORDER, *_by_finding()), n=3)
    message = f"there is no page {name!r}"
    raise UsageError(message, f"did you mean {' or '.join(near)}?" if near else "threadtop --page list names them")
