"""Lines as text and roles, and the fewest bytes that turn one line on the terminal into another.

A Line is a pair of strings of the same length: the cells (text.FILLER after a wide character) and the
role of each cell, one letter of themes.ROLES; SELECTED is added to the letter on the chosen row.
"""

from __future__ import annotations

import re
from itertools import compress, count
from operator import ne
from typing import TYPE_CHECKING, Final, TypeAlias

from threadtop.text import FILLER, fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Line: TypeAlias = tuple[str, str]

SELECTED: Final = 0x100
MERGE: Final = 5  # unchanged cells between two changes that cost less to send than a cursor move
SOLID: Final = frozenset("hHsxrwWZ")  # roles that show on a blank cell too, in some theme: reversed, underlined
RESET: Final = "\x1b[m"

_SELECT: Final = {code: code + SELECTED for code in range(0x20, 0x7F)}


class LineBuilder:
    """Collects pieces of text with their roles into a Line."""

    def __init__(self) -> None:
        """An empty line."""
        self._cells: list[str] = []
        self._roles: list[str] = []
        self.length = 0

    def add(self, cells: str, role: str = " ") -> LineBuilder:
        """Append ``cells`` (a cell string) in ``role``; returns itself."""
        self._cells.append(cells)
        self._roles.append(role * len(cells))
        self.length += len(cells)
        return self

    def roles(self, cells: str, roles: str) -> LineBuilder:
        """Append ``cells`` with a role for each; returns itself."""
        self._cells.append(cells)
        self._roles.append(roles)
        self.length += len(cells)
        return self

    def join(self, other: LineBuilder) -> LineBuilder:
        """Append the pieces of another; returns itself."""
        return self.roles("".join(other._cells), "".join(other._roles))

    def pad(self, width: int) -> LineBuilder:
        """Append spaces up to ``width`` cells; returns itself."""
        return self.add(" " * max(0, width - self.length))

    def line(self, width: int) -> Line:
        """The line, cut or padded to exactly ``width`` cells."""
        return fit_line(("".join(self._cells), "".join(self._roles)), width)


_BLANKS: Final = re.compile(r"[^ ]( +)")


def spread(line: Line) -> Line:
    """The line with each blank in the role of the text before it: no colour is switched off only for a blank."""
    cells, roles = line
    parts: list[str] = []
    at = 0
    for match in _BLANKS.finditer(cells):
        start, end = match.span(1)
        role = roles[start - 1]
        if role not in SOLID and SOLID.isdisjoint(roles[start:end]):
            parts.append(roles[at:start])
            parts.append(role * (end - start))
            at = end
    parts.append(roles[at:])
    return cells, "".join(parts)


def fit_line(line: Line, width: int) -> Line:
    """A line of exactly ``width`` cells; what does not fit ends in an ellipsis."""
    cells, roles = line
    return spread((fit(cells, width), roles[:width].ljust(width)))


def fitted(parts: Iterable[LineBuilder], width: int, gap: int = 3) -> Line:
    """The parts one after the other, the most important first: one for which there is no room is left out whole."""
    line = LineBuilder()
    for part in parts:
        between = gap if line.length else 0
        if part.length and line.length + between + part.length <= width:
            line.add(" " * between).join(part)
    return line.line(width)


def blank(width: int) -> Line:
    """An empty line."""
    return " " * width, " " * width


def marked(line: Line, searched: str) -> Line:
    """The line with what is searched for (in small letters) standing out."""
    cells, roles = line
    at = cells.lower().find(searched)
    if at < 0:
        return line
    end = at + len(searched)
    return cells, roles[:at] + "s" * (end - at) + roles[end:]


def selected(line: Line) -> Line:
    """The line as the chosen one."""
    return line[0], line[1].translate(_SELECT)


def changed_spans(old: Line, new: Line) -> list[tuple[int, int]]:
    """The cell ranges in which two lines differ; ranges that lie close together are one."""
    if old == new:
        return []
    cells, roles = new
    if len(old[0]) != len(cells):
        return [(0, len(cells))]
    old_cells, old_roles = old
    # Most of a line stays, and mostly only figures change: compare what needs it, a cell at a time, in C.
    changed = list(compress(count(), map(ne, old_cells, cells)))
    if old_roles != roles:
        recoloured = (
            index
            for index in compress(count(), map(ne, old_roles, roles))
            if cells[index] != " " or old_cells[index] != " " or not _is_plain(old_roles[index], roles[index])
        )
        changed = sorted({*changed, *recoloured})
    if not changed:
        return []
    spans: list[tuple[int, int]] = []
    start = end = changed[0]
    for index in changed:
        if index - end > MERGE:
            spans.append((start, end + 1))
            start = index
        end = index
    spans.append((start, end + 1))
    if FILLER in cells or FILLER in old[0]:
        return [_whole_characters(old[0], cells, span) for span in spans]
    return spans


def _is_plain(old: str, new: str) -> bool:
    """Whether a blank looks the same in both roles; on the chosen row, which may be reversed, each has its look."""
    return SOLID.isdisjoint((old, new)) and max(ord(old), ord(new)) < SELECTED


def _whole_characters(old: str, new: str, span: tuple[int, int]) -> tuple[int, int]:
    """A span widened so that it cuts no wide character in half, neither the old one nor the new."""
    start, end = span
    while start > 0 and FILLER in (old[start], new[start]):
        start -= 1
    while end < len(new) and FILLER in (old[end], new[end]):
        end += 1
    return start, end


def encode(line: Line, start: int, end: int, codes: Mapping[str, str]) -> str:
    """The cells from ``start`` to ``end`` with their colours (SGR codes by role), beginning and ending in none."""
    cells, roles = line
    parts: list[str] = []
    at = start
    is_coloured = False
    while at < end:
        role = roles[at]
        rest = roles[at:end]
        after = at + len(rest) - len(rest.lstrip(role))
        piece, at = cells[at:after], after
        code = codes[role]
        if code:
            parts.append(f"\x1b[0;{code}m{piece}" if is_coloured else f"\x1b[{code}m{piece}")
        else:
            parts.append(RESET + piece if is_coloured else piece)
        is_coloured = bool(code)
    if is_coloured:
        parts.append(RESET)
    return "".join(parts).replace(FILLER, "")


def update(old: Sequence[Line], new: Sequence[Line], x: int, y: int, codes: Mapping[str, str]) -> str:
    """What to send so that a block of lines at column ``x``, row ``y`` (from 0) shows ``new`` instead of ``old``."""
    parts: list[str] = []
    for row, (was, line) in enumerate(zip(old, new, strict=True)):
        if was == line:
            continue
        at = -1
        for start, end in changed_spans(was, line):
            if at < 0:
                parts.append(f"\x1b[{y + row + 1};{x + start + 1}H")
            else:
                parts.append(f"\x1b[{start - at}C")  # cursor forward: shorter than an absolute position
            parts.append(encode(line, start, end, codes))
            at = end
    return "".join(parts)
