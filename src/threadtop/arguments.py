"""The parser of command lines, and values of options: checked, with what to write instead of what makes no sense."""

from __future__ import annotations

import argparse
import pwd
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from threadtop import fields, filters
from threadtop.errors import UsageError
from threadtop.query import LAYOUTS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from _typeshed import SupportsWrite

    from threadtop.recording.reader import Recording

MOST_COUNT: Final = 1_000_000  # frames, or columns of a line
MOST_USERS: Final = 20  # that are named
_EXAMPLES: Final = {"-w": 80, "--tid": 4211, "--part": 2}

_NUMBER: Final = re.compile(r"-[0-9]")
_SORT: Final = re.compile(r"-[^-]")
"""How a value begins that argparse would take for an option, or for none."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises instead of printing two lines of usage."""

    def read(self, arguments: Iterable[str]) -> Namespace:
        """As parse_args; a value may begin with a ``-``: ``--from -30s``, ``-n -1`` (a better error), ``-o -wait``."""
        dests = {flag: one.dest for one in self._actions if one.nargs is None for flag in one.option_strings}
        own: list[str] = []
        for argument in arguments:
            dest = dests.get(own[-1]) if own else None
            if dest is not None and (_SORT if dest == "sort" else _NUMBER).match(argument):
                own[-1] += f"={argument}"
            else:
                own.append(argument)
        return self.parse_args(own)

    def error(self, message: str) -> NoReturn:
        """Bad usage, in one line."""
        raise UsageError(" ".join(message.split()), f"{self.prog} --help lists the options")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End after --help or --version."""
        sys.stdout.flush()  # a full disk is told by main(), not by the interpreter's end
        super().exit(status, message)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Print --help or --version; argparse's own way says nothing of a full disk."""
        (file or sys.stderr).write(message)


def declare_view(parser: ArgumentParser) -> None:
    """Let ``parser`` take what shapes a table: live, or of a recording."""
    say = parser.add_argument
    say("-u", "--user", metavar="USER", help="only processes of this user (name or uid)")
    say("-o", "--sort", metavar="FIELD", help="sort by a column; -FIELD or +FIELD turn the order")
    say("--columns", metavar="A,B,...", help="show these columns")
    say("--filter", metavar="EXPR", help="only threads that match, e.g. 'cpu>5 user=www name~worker'")
    say("-i", "--hide-idle", action="store_true", default=None, help="leave idle threads out")
    say("-H", "--threads", action="store_true", default=None, dest="threads", help="show threads (the default)")
    say("--no-threads", action="store_false", default=None, dest="threads", help="show processes only")
    say("--layout", choices=LAYOUTS, help="flat list, tree of processes, or grouped by program or thread name")
    say("-c", "--full-command", action="store_true", default=None, help="show whole command lines")


def of_view(said: Namespace, *, is_here: bool = True) -> dict[str, Any]:
    """What was said of a table, by the names of cli.Options, its user looked up ``is_here``; raises UsageError."""
    key, descending = sort(said.sort)
    return {
        "columns": columns(said.columns),
        "sort": key,
        "descending": descending,
        "filter": filters.parse_filter(said.filter) if said.filter else None,
        "user": user(said.user) if is_here else said.user,
        "layout": said.layout,
        "threads": said.threads,
        "hide_idle": said.hide_idle,
        "full_command": said.full_command,
    }


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


def check_user(value: str | None, recording: Recording) -> None:
    """Raise UsageError for a -u, login name or uid, whom no process of a recording had."""
    if value is None:
        return
    users = next(recording.moments(0, 1)).sample.users
    if value not in {*users.values(), *map(str, users)}:
        names = sorted(users.values())
        more = f" and {len(names) - MOST_USERS} more" if len(names) > MOST_USERS else ""
        message = f"there is no user {value!r} in the recording"
        raise UsageError(message, f"its users are {', '.join(names[:MOST_USERS])}{more}")


def sort(value: str | None) -> tuple[str | None, bool | None]:
    """(key, whether the largest comes first) of -o, None where it says nothing; raises UsageError."""
    if value is None:
        return None, None
    sign, name = (value[0], value[1:]) if value[:1] in ("+", "-") else ("", value)
    return fields.find(name).key, {"": None, "+": True, "-": False}[sign]
