"""Values of options of the command line: checked, with what to write instead where they make no sense."""

from __future__ import annotations

import pwd
from typing import Final

from threadtop import fields
from threadtop.errors import UsageError

MOST_COUNT: Final = 1_000_000  # frames, or columns of a line
_EXAMPLES: Final = {"-w": 80, "--tid": 4211, "--part": 2}


def seconds(value: str, least_s: float, most_s: float, example: str) -> float:
    """The value of -d in s; raises UsageError where it is none, or out of bounds."""
    try:
        asked_s = float(value)
    except ValueError:
        asked_s = -1.0
    if not least_s <= asked_s <= most_s:
        message = f"-d wants seconds between {least_s:g} and {most_s:g}, not {value[:40]!r}"
        raise UsageError(message, f"try {example}")
    return asked_s


def whole(value: str | None, flag: str) -> int | None:
    """The value of -n, -w and the like, None without one; raises UsageError where it is none, or out of bounds."""
    if value is None:
        return None
    if not (
        value.isascii() and value.isdigit() and len(value) <= len(str(MOST_COUNT)) and 0 < int(value) <= MOST_COUNT
    ):
        message = f"{flag} wants a whole number from 1 to {MOST_COUNT}, not {value[:40]!r}"
        raise UsageError(message, f"try {flag} {_EXAMPLES.get(flag, 5)}")
    return int(value)


def columns(value: str | None) -> tuple[str, ...] | None:
    """The keys of --columns, None without; raises UsageError for one that there is not."""
    return tuple(field.key for field in fields.find_all(value.split(","))) if value is not None else None


def user(value: str | None) -> str | None:
    """The login name or uid of -u; raises UsageError for a name that nobody has."""
    if value is None or (value.isascii() and value.isdigit()):
        return value  # a uid need not have a name
    try:
        return pwd.getpwnam(value).pw_name
    except (KeyError, ValueError):
        message = f"there is no user {value!r}"
        raise UsageError(message, "use -u NAME, or -u UID for one without a name") from None


def sort(value: str | None) -> tuple[str | None, bool | None]:
    """(key, whether the largest comes first) of -o, None where it says nothing; raises UsageError."""
    if value is None:
        return None, None
    sign, name = (value[0], value[1:]) if value[:1] in ("+", "-") else ("", value)
    return fields.find(name).key, {"": None, "+": True, "-": False}[sign]
