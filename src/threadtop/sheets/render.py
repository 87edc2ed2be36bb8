"""A sheet as lines of text with roles, for the screen and for text output alike; pure.

Long values are wrapped, never cut: only cells of a table end in an ellipsis.  Rows of tables are formatted when they
are asked for, so that a long table costs what is in sight.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple, overload

from threadtop import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from threadtop.inside.asked import Denial
    from threadtop.sheets.sheet import Column, Entry, Link, Record, Section, Sheet, Table, Term

LABEL: Final = 20  # cells of a field's name
_INDENT: Final = 3
_GAP: Final = 2
_LEAST: Final = 10  # cells of a value, at least
_ROOMY: Final = 24  # cells of a column without a bound, before spare columns are left out for it
_ROOMY_PATH: Final = 48  # of one of paths
_MOST_WRAPPED: Final = 40  # lines that one value may take


class Row(NamedTuple):
    """One line: pieces of (cell string, role); what it is about (key of its Term), for the cursor and the clipboard.

    ``identity`` is None for a line that the cursor passes over; ``value`` is what is copied.
    """

    pieces: tuple[tuple[str, str], ...]
    identity: object = None
    key: str = ""
    value: str = ""
    link: Link | None = None

    @property
    def cells(self) -> str:
        """The line without its roles."""
        return "".join(piece for piece, _ in self.pieces)


class _Lazy(NamedTuple):
    """A row of a table that is formatted when it is asked for."""

    section: str
    table: Table
    shown: tuple[tuple[int, int], ...]
    record: Record


class Rows(Sequence[Row]):
    """The lines of a sheet for a width."""

    def __init__(self, made: list[Row | _Lazy]) -> None:
        """Lines, and rows of tables that will be."""
        self._made = made

    def __len__(self) -> int:
        return len(self._made)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [_formatted(one) for one in self._made[index]]
        return _formatted(self._made[index])

    def identity(self, index: int) -> object:
        """What a line is about, without formatting it; None for one that the cursor passes over."""
        one = self._made[index]
        return (one.section, one.record.identity) if isinstance(one, _Lazy) else one.identity


def rows(sheet: Sheet, terms: Mapping[str, Term], width: int) -> Rows:
    """All lines of a sheet."""
    made: list[Row | _Lazy] = []
    for note in sheet.notes:
        made += _words(note, width, ".", 1)
    if sheet.denials:
        what = ", ".join(denial.what for denial in sheet.denials)
        made += _words(f"not readable: {what} (why: at the end)", width, "y", 1)
    for section in sheet.sections:
        if made:
            made.append(Row(()))
        made += _section(section, terms, width)
    if sheet.denials:
        if made:
            made.append(Row(()))
        made += _denials(sheet.denials, width)
    return Rows(made)


def lines(sheet: Sheet, terms: Mapping[str, Term], width: int) -> Iterator[str]:
    """The sheet as plain text."""
    for row in rows(sheet, terms, width):
        cells = row.cells
        yield text.plain(text.fit(cells, width) if len(cells) > width else cells).rstrip()


def denial_lines(denials: Sequence[Denial], width: int) -> Iterator[str]:
    """What may not be read as plain text, for panes that are no sheets: nothing where all may be."""
    if denials:
        yield ""
        yield from (text.plain(row.cells).rstrip() for row in _denials(denials, width))


def _section(section: Section, terms: Mapping[str, Term], width: int) -> Iterator[Row | _Lazy]:
    if section.title:
        yield Row(((f" {section.title}", "t"),))
    for entry in section.entries:
        yield from _entry(section.key, entry, terms, width)
    if section.table is not None:
        yield from _table(section.key, section.table, terms, width)
    for note in section.notes:
        yield from _words(note, width, ".", _INDENT)


def _entry(section: str, entry: Entry, terms: Mapping[str, Term], width: int) -> Iterator[Row]:
    """A label and its value, wrapped below itself where it is long; the note behind it or below."""
    start = _INDENT + LABEL
    room = max(_LEAST, width - start - 1)
    shown = text.visible(entry.shown) or text.UNKNOWN
    note = text.visible(entry.note)
    title = terms[entry.key].title
    parts = _wrapped(shown, room)
    if note and len(parts) == 1 and len(shown) + _GAP + len(note) <= room:
        tails = [[(" " * _GAP, "."), (note, ".")]]
    else:
        tails = [[] for _ in parts]
    for at, part in enumerate(parts):
        label = text.fit(title, LABEL - 1) + " " if at == 0 else " " * LABEL
        drawn = (
            _drawn(part, entry.roles) if len(parts) == 1 and len(entry.roles) == len(part) else ((part, entry.role),)
        )
        pieces = ((" " * _INDENT, "."), (label, "."), *drawn, *tails[at])
        yield Row(pieces, (section, entry.key), entry.key, entry.shown, entry.link)
    if note and not tails[0]:
        for part in _wrapped(note, room):
            yield Row(((" " * start, "."), (part, ".")), (section, entry.key), entry.key, entry.shown, entry.link)


def _drawn(cells: str, roles: str) -> Iterator[tuple[str, str]]:
    """Cells in pieces of one role each."""
    at = 0
    for role, run in groupby(roles):
        end = at + sum(1 for _ in run)
        yield cells[at:end], role
        at = end


def _wrapped(cells: str, room: int) -> list[str]:
    """At blanks where there are some near enough, else anywhere: a path or an argument may be longer than a line."""
    if len(cells) <= room:
        return [cells]
    parts: list[str] = []
    at = 0
    while at < len(cells) and len(parts) < _MOST_WRAPPED:
        end = at + room
        if end < len(cells):
            blank = cells.rfind(" ", at + room // 2, end + 1)
            if blank > 0:
                end = blank
            elif cells[end] == text.FILLER:
                end -= 1
        parts.append(cells[at:end])
        at = end
        while at < len(cells) and cells[at] == " ":
            at += 1
    if at < len(cells):
        parts[-1] = text.fit(parts[-1] + "  ", room - 1).rstrip() + text.ELLIPSIS
    return parts


def _table(key: str, table: Table, terms: Mapping[str, Term], width: int) -> Iterator[Row | _Lazy]:
    if not table.records:
        yield Row(((f"{' ' * _INDENT}{table.empty}", "."),))
        return
    titles = [terms[column.key].title for column in table.columns]
    shown = _divided(table, titles, width)
    heading = _joined(table.columns, titles, shown)
    yield Row(((" " * _INDENT + heading, "."),))
    for record in table.records:
        yield _Lazy(key, table, shown, record)
    total = table.total if table.total is not None else len(table.records)
    if table.first or total > len(table.records):
        last = table.first + len(table.records)
        words = f"{text.thousands(table.first + 1)} to {text.thousands(last)} of {text.thousands(total)} are shown"
        words += ": [ and ] turn to the others (--part N)"
        yield Row(((f"{' ' * _INDENT}{words}", "y"),))


def _divided(table: Table, titles: Sequence[str], width: int) -> tuple[tuple[int, int], ...]:
    """(place, cells) of the columns that are shown: each takes what it needs, at most what it may.

    One with nothing in it takes none.  Where there is too little room, those without a bound are cut, and then columns
    of which nothing is known and spare ones are left out.
    """
    needed, spare, unknown = {}, [], []
    for at, (column, title) in enumerate(zip(table.columns, titles, strict=True)):
        cells = {record.cells[at] for record in table.records}
        if at and cells == {""}:
            continue
        widest = max(len(text.visible(cell)) for cell in cells)
        needed[at] = max(len(title), min(widest, column.most) if column.most else widest)
        if at and cells == {text.UNKNOWN}:
            unknown.append(at)
        elif column.is_spare:
            spare.append(at)
    spare += unknown
    while _over({at: _roomy(table.columns[at], cells) for at, cells in needed.items()}, width) > 0 and spare:
        del needed[spare.pop()]
    over = _over(needed, width)
    for at in sorted(needed, key=lambda at: needed[at], reverse=True):
        cut = max(0, min(over, needed[at] - _least(table.columns[at], needed[at])))
        needed[at] -= cut
        over -= cut
    return tuple(needed.items())


def _over(needed: Mapping[int, int], width: int) -> int:
    """How many cells there are too few."""
    return sum(needed.values()) + _GAP * (len(needed) - 1) - (width - _INDENT - 1)


def _roomy(column: Column, cells: int) -> int:
    """To how many cells a column that needs ``cells`` may be cut before others are left out for it."""
    return cells if column.most else min(cells, _ROOMY_PATH if column.is_path else _ROOMY)


def _least(column: Column, cells: int) -> int:
    """To how many cells it may be cut at all."""
    return cells if column.most else min(cells, _ROOMY)


def _joined(columns: Sequence[Column], cells: Sequence[str], shown: Sequence[tuple[int, int]]) -> str:
    fitted = (
        text.fit_path(cells[at], width) if columns[at].is_path else text.fit(cells[at], width, right=columns[at].right)
        for at, width in shown
    )
    return (" " * _GAP).join(fitted)


def _formatted(one: Row | _Lazy) -> Row:
    if isinstance(one, Row):
        return one
    record, table = one.record, one.table
    cells = _joined(table.columns, [text.visible(cell) for cell in record.cells], one.shown)
    copied = [cell for column, cell in zip(table.columns, record.cells, strict=True) if column.key == table.copies]
    value = "\t".join(copied or record.cells)
    pieces = ((" " * _INDENT, "."), (cells, record.role))
    return Row(pieces, (one.section, record.identity), table.columns[0].key, value, record.link)


def _words(words: str, width: int, role: str, indent: int) -> Iterator[Row]:
    for part in textwrap.wrap(text.visible(words), max(20, width - indent - 1), break_on_hyphens=False):
        yield Row(((" " * indent, "."), (part, role)))


def _denials(denials: Sequence[Denial], width: int) -> Iterator[Row]:
    """Each rule once, with all that it hides."""
    by_rule: dict[tuple[str, str], list[str]] = {}
    for denial in denials:
        by_rule.setdefault((denial.rule, denial.remedy), []).append(denial.what)
    yield Row(((" What may not be read", "t"),))
    for (rule, remedy), what in by_rule.items():
        yield from _words(f"{', '.join(what)}: {rule}", width, "y", _INDENT)
        if remedy:
            yield from _words(remedy, width, ".", _INDENT)
