"""Filter expressions: ``cpu>5 user=www name~worker`` to a test of rows; pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from threadtop import fields, text
from threadtop.errors import UsageError
from threadtop.snapshot import ProcessRow, Row

if TYPE_CHECKING:
    from threadtop.fields import Field

Test: TypeAlias = Callable[[Row, Mapping[int, ProcessRow]], bool]


class Filter(NamedTuple):
    """A parsed filter expression: the text it came from and the test of one row."""

    source: str
    matches: Test
    fields: tuple[Field, ...]


def value_of(field: Field, processes: Mapping[int, ProcessRow]) -> Callable[[Row], Any]:
    """How a field is read for sorting and filtering: a process's own figures count for its threads."""
    if field.level == "process":
        return lambda row: getattr(row if hasattr(row, field.key) else processes.get(row.pid), field.key, None)
    if field.level == "thread" or field.key in ("pid", "ppid", "priority", "nice"):
        return lambda row: getattr(row, field.key, None)
    return attrgetter(field.key)


_TERM: Final = re.compile(r"([A-Za-z_%/+]+)\s*(>=|<=|!=|!~|=|~|>|<)\s*(.*)", re.DOTALL)
_OPERATORS: Final = tuple("<>=!~")
_UNITS: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
# Two states that are shares: who has much to do with the GIL, in a word.
_SPELLED_OUT: Final = {"gil=wait": "gil_wait_pct>=20", "gil=hold": "gil_pct>=20"}
_NUMBER: Final = re.compile(r"([-+]?\d+(?:\.\d+)?)([kmgt]?)i?b?%?", re.IGNORECASE)


def parse_filter(source: str) -> Filter | None:
    """A filter such as ``cpu>5 user=www name~worker state=R,D``; None if it is empty.

    Terms are joined by *and*, values after a comma by *or*, ``~`` is a regular expression, a bare word
    is looked for in names and command.  Raises UsageError with what is wrong.
    """
    lexer = shlex.shlex(source, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""  # backslashes are the regex's
    try:
        words = list(lexer)
    except ValueError as error:
        message = f"bad filter: {source!r} has a quote that does not end"
        raise UsageError(message, "close the quote") from error
    if not words:
        return None
    terms = [_term(word) for word in _joined(words)]

    def matches(row: Row, processes: Mapping[int, ProcessRow]) -> bool:
        return all(test(row, processes) for _, test in terms)

    return Filter(source, matches, tuple(field for field, _ in terms if field is not None))


def _joined(words: Iterable[str]) -> list[str]:
    """Words with those around an operator made one: ``cpu > 5`` is ``cpu>5``."""
    joined: list[str] = []
    for word in words:
        if joined and (word[:1] in _OPERATORS or joined[-1][-1:] in _OPERATORS):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _term(word: str) -> tuple[Field | None, Test]:
    match = _TERM.fullmatch(_SPELLED_OUT.get(word.lower(), word))
    if match is None:
        wanted = word.lower()
        return None, lambda row, _: found_in(row, wanted)
    name, operator, value = match.groups()
    field = fields.find(name)
    if not value:
        message = f"bad filter: {word!r} has no value"
        raise UsageError(message, f"write {name}{operator}VALUE")
    if operator in ("~", "!~"):
        return field, _regex_test(field, value, negate=operator == "!~")
    if field.kind == "text":
        if operator not in ("=", "!="):
            message = f"bad filter: {field.title} is text and has no {operator}"
            raise UsageError(message, f"use {name}=VALUE or {name}~REGEX")
        return field, _text_test(field, value, negate=operator == "!=")
    return field, _number_test(field, operator, value)


def _regex_test(field: Field, value: str, *, negate: bool) -> Test:
    try:
        search = re.compile(value, re.IGNORECASE).search
    except re.error as error:
        message = f"bad filter: {value!r} is not a regular expression ({error})"
        raise UsageError(message, "put a backslash before ( ) [ * + ?") from error

    def test(row: Row, processes: Mapping[int, ProcessRow]) -> bool:
        shown = value_of(field, processes)(row)
        if field.key == "command":
            shown = f"{row.process} {row.name} {row.command}"
        return (search("" if shown is None else str(shown)) is None) == negate

    return test


def _text_test(field: Field, value: str, *, negate: bool) -> Test:
    wanted = {part.lower() for part in value.split(",")}

    def test(row: Row, processes: Mapping[int, ProcessRow]) -> bool:
        shown = value_of(field, processes)(row)
        # States are letters that differ in case: T is stopped, t is traced.
        same = shown in value.split(",") if field.key == "state" else shown is not None and str(shown).lower() in wanted
        return same != negate

    return test


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


def _number_test(field: Field, operator: str, value: str) -> Test:
    numbers = [_number(field, part) for part in value.split(",")]
    if operator in _COMPARE and len(numbers) > 1:
        message = f"bad filter: {operator} takes one number, not {value!r}"
        raise UsageError(message, "use = for a list")

    def test(row: Row, processes: Mapping[int, ProcessRow]) -> bool:
        shown = value_of(field, processes)(row)
        if shown is None or shown is text.SHARED:
            return False  # unknown is neither more nor less
        if operator in _COMPARE:
            return _COMPARE[operator](shown, numbers[0])
        digits = {"percent": 1, "bar": 1, "rate": 0}.get(field.kind)
        same = (shown if digits is None else round(shown, digits)) in numbers
        return same == (operator == "=")

    return test


def _number(field: Field, part: str) -> float:
    match = _NUMBER.fullmatch(part.strip())
    if match is None:
        message = f"bad filter: {field.title} wants a number, not {part!r}"
        raise UsageError(message, f"for example {field.aliases[0] if field.aliases else field.key}>5")
    value = float(match[1]) * _UNITS[match[2].lower()]
    return value * 1e9 if field.kind == "cpu_time" else value  # seconds


def found_in(row: Row, wanted: str) -> bool:
    """Whether a text (in lower case) stands in what names a row, or is its pid or tid."""
    if wanted in row.process.lower() or wanted in row.name.lower() or wanted in row.command.lower():
        return True
    return wanted in (str(getattr(row, "pid", "")), str(getattr(row, "tid", "")))
