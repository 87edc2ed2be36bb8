"""Sheets as lines: wrapped values, notes, tables that fit, parts, reasons; whatever the words are."""

from __future__ import annotations

import pytest

from threadtop import text
from threadtop.inside.asked import Denial
from threadtop.sheets import render
from threadtop.sheets.sheet import Column, Entry, Record, Section, Sheet, Table, Term, by_key

TERMS = by_key(
    Term("name", "name", "A name. Nothing else.", "here"),
    Term("size", "size", "A size. Nothing else.", "here"),
    Term("more", "more", "More. Nothing else.", "here"),
)
HOSTILE = "\x1b[2J\x1b]0;x\x07\r\n\t\0\x7f\u202e\u200b\udcff線程é"
START = 3 + render.LABEL  # where values begin


def of(*entries: Entry, table: Table | None = None, **more: object) -> Sheet:
    """A sheet of one section."""
    return Sheet((Section("part", "Part", entries, table),), **more)  # type: ignore[arg-type]


def lines(sheet: Sheet, width: int = 80) -> list[str]:
    """Its text."""
    return list(render.lines(sheet, TERMS, width))


def table(*cells: tuple[str, ...], total: int | None = None, first: int = 0) -> Table:
    """A table of these rows: a name, a size, more of it that can be spared."""
    records = tuple(Record(number, row, row) for number, row in enumerate(cells))
    columns = (Column("name"), Column("size", 6, right=True), Column("more", 10, is_spare=True))
    return Table(columns, records, total, first)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_hostile_words_are_shown_not_sent(width: int) -> None:
    """In values, notes, cells, reasons and at any width no control byte is left, and no line is too long."""
    sheet = of(
        Entry("name", HOSTILE * 9, None, HOSTILE),
        table=table((HOSTILE * 9, HOSTILE, HOSTILE)),
        notes=(HOSTILE * 9,),
        denials=(Denial(HOSTILE, HOSTILE * 3, HOSTILE),),
    )
    for row in render.rows(sheet, TERMS, width):
        assert text.plain(row.cells).isprintable()
    for line in lines(sheet, width):
        assert line.isprintable()
        assert len(line) <= width


@pytest.mark.parametrize("words", ["word " * 60, "/a/path" * 40, "線程" * 60])
def test_a_long_value_is_wrapped_not_cut(words: str) -> None:
    """All of it is there, below itself; at blanks where there are some, else anywhere, never within a wide letter."""
    sheet = of(Entry("name", words.strip(), None))
    said = lines(sheet, 60)[1:]
    assert len(said) > 2
    assert all(line[:START].strip() in {"name", ""} for line in said)
    assert "".join(line[START:] for line in said).replace(" ", "") == words.replace(" ", "")


def test_a_value_without_end_is_cut() -> None:
    """A value that would fill many screens ends in an ellipsis."""
    said = lines(of(Entry("name", "x" * 10_000, None)), 60)
    assert len(said) < 60
    assert said[-1].endswith(text.ELLIPSIS)


def test_a_note_stands_beside_or_below() -> None:
    """Beside a value where both fit into the line, below it where they do not; the cursor takes both as one."""
    beside = lines(of(Entry("name", "value", None, "a note")))
    assert beside[1].endswith("value  a note")
    sheet = of(Entry("name", "value " * 9, None, "a note of " + "words " * 5))
    assert lines(sheet, 80)[-1].strip().startswith("a note")
    rows = render.rows(sheet, TERMS, 80)
    identities = [rows.identity(index) for index in range(1, len(rows))]
    assert set(identities) == {("part", "name")}


def test_a_value_that_is_nothing() -> None:
    """An empty value is a dash, and what is copied is the value itself."""
    row = render.rows(of(Entry("name", "", None)), TERMS, 80)[1]
    assert text.plain(row.cells).split() == ["name", text.UNKNOWN]
    assert row.value == ""


def test_columns_take_what_they_need() -> None:
    """Bounded ones at most their bound, numbers to the right; there is no gap wider than asked for."""
    said = lines(of(table=table(("a", "1", "x"), ("bcd", "23456789", "y"))))
    assert said[1:] == ["   name    size  more", "   a          1  x", "   bcd   23456…  y"]


def test_where_there_is_no_room_spare_columns_go() -> None:
    """A narrow screen leaves the spare column out, and cuts the open one; a wide one shows all."""
    long = table(("n" * 100, "1", "spare"))
    assert "spare" in "".join(lines(of(table=long), 200))
    narrow = lines(of(table=long), 40)
    assert "spare" not in "".join(narrow)
    assert text.ELLIPSIS in narrow[2]
    assert narrow[2].rstrip().endswith("1")


def test_a_path_keeps_its_end() -> None:
    """The last name of a path is what tells files of one folder apart; other columns keep their beginning."""
    path = "/usr/lib/python3.11/lib-dynload/_socket.cpython-311-x86_64-linux-gnu.so"
    records = [Record(0, (path, path), (path, path))]
    for is_path, shown in ((True, "/usr/li…/_socket.cpython-311-x86_64-linux-gnu.so"), (False, path[:47] + "…")):
        said = lines(of(table=Table((Column("name", is_path=is_path), Column("size", 24)), records)), 78)
        assert said[2][3:51] == shown


def test_columns_without_anything_take_no_room() -> None:
    """One that is empty in all rows is left out, at any width; one of which nothing is known where room is scarce."""
    columns = (Column("name"), Column("size", 6, right=True), Column("more", 10))
    empty = Table(columns, [Record(at, ("n", "", "x"), ()) for at in range(3)])
    assert lines(of(table=empty), 200)[1:3] == ["   name  more", "   n     x"]
    unknown = Table(columns, [Record(at, ("n" * 60, "-", "x"), ()) for at in range(3)])
    assert "size" in lines(of(table=unknown), 200)[1]
    assert "size" not in lines(of(table=unknown), 38)[1]
    assert "more" in lines(of(table=unknown), 38)[1]
    one = Table(columns, [Record(at, ("n" * 60, "7" if at else "-", "x"), ()) for at in range(3)])
    assert "size" in lines(of(table=one), 38)[1]


@pytest.mark.parametrize(
    ("shown", "first", "total", "words"),
    [
        (500, 0, 9817, "1 to 500 of 9,817 are shown"),
        (317, 9500, 9817, "9,501 to 9,817 of 9,817 are shown"),
        (3, 0, 3, ""),
        (3, 0, None, ""),
    ],
)
def test_a_part_says_so(shown: int, first: int, total: int | None, words: str) -> None:
    """Which rows of how many; nothing where all of them are there."""
    said = lines(of(table=table(*[("a", "1", "x")] * shown, total=total, first=first)))
    assert (words in said[-1]) if words else not any("are shown" in line for line in said)


def test_an_empty_table_says_so() -> None:
    """No heading over nothing."""
    assert lines(of(table=Table((Column("name"),), (), empty="nobody here"))) == [" Part", "   nobody here"]


def test_a_row_is_copied_whole() -> None:
    """What is cut on the screen is not in the clipboard; the cursor's row keeps its identity."""
    rows = render.rows(of(table=table(("n" * 300, "1", "x"))), TERMS, 40)
    assert rows[2].value == f"{'n' * 300}\t1\tx"
    assert rows[2].identity == rows.identity(2) == ("part", 0)
    assert rows[2].key == "name"


def test_one_cell_is_copied_of_a_table_that_says_which() -> None:
    """What a row is about is wanted, not what stands beside it."""
    rows = render.rows(of(table=table(("n" * 300, "1", "x"))._replace(copies="name")), TERMS, 40)
    assert rows[2].value == "n" * 300


def test_rows_out_of_sight_are_not_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long table costs what is looked at."""
    long = of(table=table(*[(f"n{number}", "1", "x") for number in range(5000)]))
    rows = render.rows(long, TERMS, 80)
    made: list[object] = []
    formatted = render._formatted

    def count(one: object) -> render.Row:
        made.append(one)
        return formatted(one)  # type: ignore[arg-type]

    monkeypatch.setattr(render, "_formatted", count)
    assert [row.value.split("\t")[0] for row in rows[100:120]] == [f"n{number}" for number in range(98, 118)]
    assert rows.identity(4000) == ("part", 3998)
    assert len(made) == 20


def test_a_rule_is_named_once() -> None:
    """With all that it hides, and what would lift it, below; above everything that something is hidden."""
    one = Denial("maps", "it is another user's process", "run as root")
    other = Denial("stack", "only CAP_SYS_ADMIN may", "")
    said = "\n".join(lines(of(Entry("name", "x", None), denials=(one, one._replace(what="fd"), other))))
    assert said.count("it is another user's process") == 1
    assert "maps, fd: it is another user's process" in said
    assert said.count("run as root") == 1
    assert said.index("not readable: maps, fd, stack") < said.index("Part")
