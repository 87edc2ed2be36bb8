"""The Markdown of pages, by values: what becomes a line, how it is broken, which style each character has."""

from __future__ import annotations

import pytest

from threadtop.pages import markdown
from threadtop.pages.markdown import CODE, HEADING, LINK, PLAIN, STRONG, TITLE, Link

TEXT = """# A page

What it is
about.

## Part

- one **two** three
  four
- `five`

```
keep   this
  as it is
```

See [the other](other.md) and [that](that-one.md), [again](other.md).
"""


def test_a_page() -> None:
    """Paragraphs are joined, lists indented, code is kept as it is, blank lines are single and none is last."""
    assert markdown.plain(markdown.lines(TEXT, 80)) == [
        "A page",
        "",
        "What it is about.",
        "",
        "Part",
        "",
        "  - one two three four",
        "  - five",
        "",
        "  keep   this",
        "    as it is",
        "",
        "See the other and that, again.",
    ]


def test_styles() -> None:
    """Each character has the style of what it stands in."""
    lines = dict(markdown.lines(TEXT, 80))
    assert lines["A page"] == TITLE * 6
    assert lines["Part"] == HEADING * 4
    assert lines["  - one two three four"] == PLAIN * 8 + STRONG * 3 + PLAIN * 11
    assert lines["  - five"] == PLAIN * 4 + CODE * 4
    assert lines["  keep   this"] == PLAIN * 2 + CODE * 11
    last = lines["See the other and that, again."]
    assert last == PLAIN * 4 + LINK * 9 + PLAIN * 5 + LINK * 4 + PLAIN * 2 + LINK * 5 + PLAIN


def test_links_are_marked() -> None:
    """Links in the order in which they stand, each page once; the mark of a page stands behind each link to it."""
    assert markdown.links(TEXT) == [Link("the other", "other"), Link("that", "that-one")]
    marked = markdown.lines(TEXT, 80, {"other": 1, "that-one": "that-one"})
    assert markdown.plain(marked)[-1] == "See the other [1] and that [that-one], again [1]."


def test_lines_are_broken_at_blanks() -> None:
    """As many words as fit, a list's further lines below its first word; what is too long for a line is cut."""
    assert markdown.plain(markdown.lines("- aaaa bbbb cccc dddd eeee", 20)) == ["  - aaaa bbbb cccc", "    dddd eeee"]
    assert markdown.plain(markdown.lines("x" * 50, 20)) == ["x" * 20, "x" * 20, "x" * 10]
    assert markdown.plain(markdown.lines("a " + "x" * 30 + " b", 20)) == ["a", "x" * 20, "x" * 10 + " b"]


def test_short_code_stays_on_a_line() -> None:
    """A command to be copied is not broken, unless it is long."""
    assert markdown.plain(markdown.lines("run this now: `perf top -t 1` ", 20)) == ["run this now:", "perf top -t 1"]
    long = markdown.plain(markdown.lines(f"`{'ab ' * 20}c`", 20))
    assert len(long) > 2
    assert max(map(len, long)) <= 20


@pytest.mark.parametrize(("width", "longest"), [(5, 20), (20, 20), (80, 80), (300, 100)])
def test_widths_have_bounds(width: int, longest: int) -> None:
    """However narrow or wide the screen is, lines can be read."""
    lines = markdown.plain(markdown.lines("ab " * 200, width))
    assert max(map(len, lines)) in range(longest - 3, longest + 1)


def test_nothing() -> None:
    """An empty text has no lines."""
    assert markdown.lines("", 80) == []
    assert markdown.links("") == []
