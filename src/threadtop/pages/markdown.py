"""The Markdown that pages are written in, as lines for a width: headings, paragraphs, lists, code, links; pure.

A line is two strings of the same length, its characters and the style of each, one of STYLES.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Styled: TypeAlias = tuple[str, str]

PLAIN: Final = " "
TITLE: Final = "T"
HEADING: Final = "H"
STRONG: Final = "S"
CODE: Final = "C"
LINK: Final = "L"
STYLES: Final = PLAIN + TITLE + HEADING + STRONG + CODE + LINK
WIDE: Final = 100  # longer lines are hard to read, however wide the screen is
_LEAST_WIDE: Final = 20
_BULLET: Final = "- "
_FENCE: Final = "```"
_INLINE: Final = re.compile(r"\*\*(?P<strong>.+?)\*\*|`(?P<code>[^`]+)`|\*(?P<em>[^*\s][^*]*)\*|\[(?P<label>[^]]+)\]"
                            r"\((?P<key>[a-z-]+)\.md\)")  # fmt: skip
_KEPT: Final = "\0"  # a blank at which a line is not broken
_NONE: Final[Mapping[str, object]] = {}
_WHOLE: Final = 40  # code of up to so many characters stands on one line, to be copied


class Link(NamedTuple):
    """A link to another page: its words, and that page's key."""

    label: str
    key: str


def links(text: str) -> list[Link]:
    """The links of a page, each page once, in the order in which they stand."""
    found: dict[str, Link] = {}
    for match in _INLINE.finditer(" ".join(text.split())):
        if match["key"]:
            found.setdefault(match["key"], Link(match["label"], match["key"]))
    return list(found.values())


def lines(text: str, width: int, marks: Mapping[str, object] = _NONE) -> list[Styled]:
    """The page in lines of at most ``width`` characters; ``marks`` are put behind links, by the key of their page."""
    width = max(_LEAST_WIDE, min(width, WIDE))
    made: list[Styled] = []
    for block in _blocks(text):
        if block.startswith(_FENCE):
            made += [(f"  {line}", PLAIN * 2 + CODE * len(line)) for line in block.splitlines()[1:-1]]
        elif block.startswith("#"):
            mark, _, words = block.partition(" ")
            made += _wrapped((words, (TITLE if mark == "#" else HEADING) * len(words)), width, "", "")
        elif block.startswith(_BULLET):
            made += _wrapped(_styled(block.removeprefix(_BULLET), marks), width, "  - ", "    ")
        else:
            made += _wrapped(_styled(block, marks), width, "", "")
        if not block.startswith(_BULLET):
            made.append(("", ""))
    return _tidy(made)


def plain(styled: Iterable[Styled]) -> list[str]:
    """The lines as text."""
    return [characters for characters, _ in styled]


def _blocks(text: str) -> Iterator[str]:
    """Headings, paragraphs and entries of lists in one line each, fenced code as it is; a list ends with ""."""
    block: list[str] = []
    is_code = False
    for line in (*text.splitlines(), ""):
        if is_code:
            block.append(line)
            if line.startswith(_FENCE):
                yield "\n".join(block)
                block, is_code = [], False
            continue
        begins = not line or line.startswith(("#", _BULLET, _FENCE))
        if block and begins:
            yield " ".join(block)
        if begins:
            is_list = bool(block) and block[0].startswith(_BULLET)
            block = []
            if is_list and not line:
                yield ""
        is_code = line.startswith(_FENCE)
        if line:
            block.append(line.strip())


def _styled(text: str, marks: Mapping[str, object]) -> Styled:
    """A paragraph with its marks made styles."""
    characters, styles, at = "", "", 0
    for match in _INLINE.finditer(text):
        before = text[at : match.start()]
        words, style = match["strong"] or match["em"], STRONG
        if match["code"]:
            words, style = match["code"], CODE
            words = words.replace(" ", _KEPT) if len(words) <= _WHOLE else words
        elif match["key"]:
            mark = marks.get(match["key"])
            words, style = match["label"] + (f"{_KEPT}[{mark}]" if mark else ""), LINK
        characters += before + words
        styles += PLAIN * len(before) + style * len(words)
        at = match.end()
    return characters + text[at:], styles + PLAIN * (len(text) - at)


def _wrapped(styled: Styled, width: int, first: str, further: str) -> Iterator[Styled]:
    """A paragraph in lines, broken at blanks; a word that is too long is cut."""
    characters, styles = styled
    indent, start, end = first, 0, 0
    for word in re.finditer(r"[^ ]+", characters):
        if end > start and len(indent) + word.end() - start > width:
            yield _piece(characters, styles, start, end, indent)
            indent, start = further, word.start()
        end = word.end()
        while len(indent) + end - start > width:
            cut = start + width - len(indent)
            yield _piece(characters, styles, start, cut, indent)
            indent, start = further, cut
    yield _piece(characters, styles, start, end, indent)


def _piece(characters: str, styles: str, start: int, end: int, indent: str) -> Styled:
    return indent + characters[start:end].replace(_KEPT, " "), PLAIN * len(indent) + styles[start:end]


def _tidy(made: list[Styled]) -> list[Styled]:
    """Without blank lines that follow another, or that nothing follows."""
    kept = [line for at, line in enumerate(made) if line[0] or (at and made[at - 1][0])]
    while kept and not kept[-1][0]:
        kept.pop()
    return kept
