from __future__ import annotations

import importlib
import re

import pytest

from readme import README, columns_table, filled, keys_table, pages_table
from threadtop import cli, fields, filters
from threadtop.recording.format import EXAMPLES


def test_tables_are_current() -> None:
    """The README's keys, columns and pages are those of the program (python tests/readme.py writes them)."""
    text = README.read_text(encoding="utf-8")
    assert text == filled(text)
    assert keys_table() in text
    assert columns_table() in text
    assert pages_table() in text


def test_examples_parse() -> None:
    """Every threadtop command line in the README is one that threadtop takes."""
    text = README.read_text(encoding="utf-8")
    examples = re.findall(r"^threadtop ?([^#\n]*?) *(?:#.*)?$", text, re.MULTILINE)
    assert len(examples) >= 7
    for example in examples:
        arguments = [part.strip("'") for part in re.findall(r"'[^']*'|\S+", example.split(" > ")[0])]
        module = cli.COMMANDS.get(arguments[0]) if arguments else None
        if module is not None:
            importlib.import_module(f"threadtop.{module}").parse(arguments[1:])
        else:
            cli.parse(arguments)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text(encoding="utf-8")))
def test_links_lead_somewhere(link: str) -> None:
    """What the README links to is there."""
    assert (README.parent / link).exists()


def test_default_columns_are_documented() -> None:
    """The help of every column says something, and its source names where it is from."""
    for field in fields.FIELDS:
        assert field.help
        assert field.source
    assert filters.parse_filter("wait>20 user=www") is not None


def test_queries_are_those_of_the_program() -> None:
    """What the README asks of a recording is what ``threadtop record --schema`` prints, and what its tests run."""
    assert f"```sql\n{EXAMPLES.strip()}\n```" in README.read_text(encoding="utf-8")
