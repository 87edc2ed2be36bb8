"""What holds for each pane of fields: its terms, its text, its JSON, whatever its facts."""

from __future__ import annotations

import json

import pytest

import scripted
import scripted_findings
import scripted_sheets
from threadtop.inside import READERS
from threadtop.pane_report import NAMES
from threadtop.sheets import BY_NAME, KINDS, document, render
from threadtop.sheets.sheet import NOT_YET, Kind, Sheet, Subject

SHOT = scripted_findings.ticks(8)[-1]
LEAST_SENTENCES = 2
each = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def subject(kind: Kind, facts: object = None) -> Subject:
    """The scripted gunicorn with the facts of a pane."""
    process = SHOT.processes[scripted.GUNICORN]
    tid = process.pid if kind.name == "thread" else 0
    return Subject(SHOT, process, facts if facts is not None else scripted_sheets.facts(kind), tid)


def sheet(kind: Kind) -> Sheet:
    """Its sheet."""
    return kind.make(subject(kind))


def test_names_are_those_of_the_option() -> None:
    """--pane knows the panes by the names that were promised, and each is there once."""
    promised = "overview threads thread files memory signals protection children environment stacks findings"
    assert sorted(NAMES) == sorted(promised.split())
    assert len(BY_NAME) == len(KINDS)


@each
def test_what_has_facts_has_a_reader(kind: Kind) -> None:
    """A pane of facts is read by a reader of its name, one without is not."""
    assert (kind.name in READERS) == kind.has_facts


@each
def test_each_field_is_explained(kind: Kind) -> None:
    """Each term says in two sentences what it means, and where it is from; each field that is shown has one."""
    for key, term in kind.terms.items():
        assert key == term.key
        assert len(term.title) <= render.LABEL - 1, term.title
        assert term.help.count(". ") + term.help.endswith(".") >= LEAST_SENTENCES, term.help
        assert term.source
    for section in sheet(kind).sections:
        assert {entry.key for entry in section.entries} <= kind.terms.keys()
        if section.table is not None:
            assert {column.key for column in section.table.columns} <= kind.terms.keys()


@each
def test_keys_are_said_once(kind: Kind) -> None:
    """No section has a key twice, so that JSON loses nothing."""
    made = sheet(kind)
    keys = [section.key for section in made.sections]
    assert len(keys) == len(set(keys))
    for section in made.sections:
        fields = [entry.key for entry in section.entries]
        assert len(fields) == len(set(fields))
        if section.table is not None:
            for record in section.table.records:
                assert len(record.cells) == len(record.values) == len(section.table.columns)


@each
def test_json_keeps_what_every_document_begins_with(kind: Kind) -> None:
    """No section has the key of the moment, the pane, the process or the reasons: it would take its place."""
    shown = document.document(kind, subject(kind), Sheet((), ("why",)))
    for section in sheet(kind).sections:
        keys = {section.key, f"{section.key}_summary", f"{section.key}_total", f"{section.key}_first"}
        assert not keys & shown.keys()
    assert shown["notes"] == ["why"]


@each
def test_json_holds_it_all(kind: Kind) -> None:
    """The document is JSON without NaN, with each section, and what was denied."""
    made = sheet(kind)
    shown = json.loads(json.dumps(document.document(kind, subject(kind), made), allow_nan=False))
    assert (shown["pane"], shown["pid"]) == (kind.name, scripted.GUNICORN)
    for section in made.sections:
        table = section.table
        assert isinstance(shown[section.key], list if table is not None else dict)
        rows = table.data if table is not None and table.data is not None else table.records if table else ()
        values = sum(1 + len(entry.more) for entry in section.entries)
        assert len(shown[section.key]) == (len(rows) if table is not None else values)
    assert [denial["rule"] for denial in shown["denied"]] == [denial.rule for denial in made.denials]


@each
@pytest.mark.parametrize("width", [40, 80, 200])
def test_text_fits_and_is_harmless(kind: Kind, width: int) -> None:
    """No line is wider than asked for, and none holds a control byte, however names are chosen."""
    for line in render.lines(sheet(kind), kind.terms, width):
        assert len(line) <= width, line
        assert line.isprintable(), line


@each
def test_before_the_facts_have_come(kind: Kind) -> None:
    """Facts of another kind are none: the pane says that they are on their way."""
    if kind.has_facts:
        assert kind.make(subject(kind, object())) == NOT_YET


@each
def test_rows_have_one_identity_each(kind: Kind) -> None:
    """The cursor keeps its place by what a line is about: no two fields or rows are about the same."""
    rows = render.rows(sheet(kind), kind.terms, 200)
    seen = [rows.identity(index) for index in range(len(rows)) if rows.identity(index) is not None]
    distinct = list(dict.fromkeys(seen))
    # Lines of one wrapped value follow each other.
    assert [one for at, one in enumerate(seen) if at == 0 or one != seen[at - 1]] == distinct
