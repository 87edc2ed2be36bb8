"""What is read from a recording is not trusted: records are made of it only where it is of their types; pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from threadtop.blocked import LockKind
from threadtop.errors import RecordingError
from threadtop.sample import Grade
from threadtop.snapshot import Sureness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_NUMBER: Final = 1e20  # beyond all that 64 bits hold
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Grade": get_args(Grade),
    "LockKind": get_args(LockKind),
    "Sureness": get_args(Sureness),
}
_OWN: Final = frozenset({"why_not", "remedy", "call", "status", "shared", "version", "machine", "holder_call"})
_EACH: Final = re.compile(r"tuple\[(\w+), (?:\.\.\.|\1, \1)\]")
Made = TypeVar("Made")
Record = TypeVar("Record", bound=tuple[Any, ...])


def record(kind: Callable[..., Record], said: Mapping[str, Any], **more: object) -> Record:
    """A record of what was said, if that is of its types; raises TypeError."""
    plain = {key: _printable(said[key]) for key in _OWN & said.keys()}
    return checked(kind(**{**said, **plain, **more}))


def _printable(value: object) -> object:
    """Our own words, which are shown as they are, without what could steer a terminal."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(character if character.isprintable() else "?" for character in value)


def checked(record: Record) -> Record:
    """``record``, if its plain fields, and those of many plain values, are of their types; raises TypeError."""
    for value, (allowed, is_many) in zip(record, _shape(type(record)), strict=True):
        for one in value if is_many else (value,):
            if allowed and type(one) not in allowed and one not in allowed:
                raise TypeError(one)
            if isinstance(one, (int, float)) and not -MOST_NUMBER < one < MOST_NUMBER:
                raise TypeError(one)
    return record


@lru_cache
def _shape(kind: type) -> tuple[tuple[tuple[object, ...], bool], ...]:
    """Of each field its types or words, none for one that is no plain value, and whether it holds many of these."""
    fields = []
    for name in kind._fields:  # type: ignore[attr-defined]
        hint = kind.__annotations__[name]
        said = str(getattr(hint, "__forward_arg__", hint))
        many = _EACH.fullmatch(said)
        names = (many[1] if many else said).split(" | ")
        known = all(one in _TYPES for one in names)
        types = tuple(each for one in names for each in _TYPES[one]) if known else _WORDS.get(said, ())
        fields.append((types, many is not None))
    return tuple(fields)


def text(value: object) -> str:
    """``value``, if it is text; raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def made(what: str, make: Callable[[], Made]) -> Made:
    """What ``make`` gives; raises RecordingError, which says that ``what`` is damaged, where that fails."""
    try:
        return make()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError) as error:
        raise RecordingError.damaged(what) from error
