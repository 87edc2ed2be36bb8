"""Which group a process and its threads count for: by the patterns of a file, else by their names; pure.

The file is TOML: ``[[group]]`` tables name groups of processes, ``[[threads]]`` tables groups of threads.  All patterns
of a table must be found (``re.search``); the first table that fits wins.  A group with ``watch = true`` is to be looked
at closely.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from threadtop.errors import UsageError
from threadtop.metrics import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.snapshot import ProcessRow, ThreadRow

PROCESS_KEYS: Final = ("program", "command", "user", "cgroup")
THREAD_KEYS: Final = ("thread", "group")
WATCH: Final = "watch"  # of a [[group]]: true or false
TABLES: Final = {"group": PROCESS_KEYS, "threads": THREAD_KEYS}
MOST_TABLES: Final = 1000
MOST_MATCHED: Final = 4096  # characters of a command line that patterns see
EXAMPLE: Final = '[[group]] with name = "web" and program = "gunicorn"'


class Pattern(NamedTuple):
    """A group's name, by key what must be found for it, and whether its processes are to be looked at closely."""

    name: str
    found: tuple[tuple[str, re.Pattern[str]], ...]
    is_watched: bool = False

    def fits(self, said: Mapping[str, str]) -> bool:
        """Whether all of it is found in ``said``."""
        return all(pattern.search(said.get(key, "")[:MOST_MATCHED]) for key, pattern in self.found)


class Grouping:
    """The groups of a file; without any, those of programs and of thread names."""

    def __init__(self, groups: Sequence[Pattern] = (), threads: Sequence[Pattern] = ()) -> None:
        """Try ``groups`` for processes and ``threads`` for threads, in this order."""
        self._groups = groups
        self._threads = threads
        self.named = frozenset(pattern.name for pattern in groups)
        self.watched = frozenset(pattern.name for pattern in groups if pattern.is_watched)
        self.needs_cgroup = any(key == "cgroup" for pattern in groups for key, _ in pattern.found)

    def group(self, row: ProcessRow, cgroup: str = "") -> str:
        """The group of a process, as a label; ``cgroup`` is its path, "" where it is not known or not needed."""
        said = {"program": row.process, "command": row.command, "user": row.user, "cgroup": cgroup}
        for pattern in self._groups:
            if pattern.fits(said):
                return pattern.name
        return names.KERNEL if row.kernel else names.label(row.process)

    def threads(self, group: str, row: ThreadRow) -> str:
        """The group of a thread of a process of ``group``, as a label."""
        for pattern in self._threads:
            if pattern.fits({"thread": row.name, "group": group}):
                return pattern.name
        if row.kernel:
            return names.kernel_threads(row.name)
        return names.MAIN if row.tid == row.pid else names.numberless(row.name)


def grouping(tables: Mapping[str, Any], text: str, file: str) -> Grouping:
    """The groups of a parsed file; ``text`` is what it was parsed from, for the line of an error (UsageError)."""
    for key in tables:
        if key not in TABLES:
            _refuse(file, _line(text, rf"^\s*\[*\s*\"?{re.escape(key)}"), f"there is no table {key!r}", "use [[group]]")
    found: dict[str, list[Pattern]] = {}
    for kind, keys in TABLES.items():
        entries = tables.get(kind, [])
        if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
            _refuse(
                file, _line(text, rf"^\s*\[?\s*{kind}"), f"{kind} is no list of tables", f"begin each with [[{kind}]]"
            )
        if len(entries) > MOST_TABLES:
            _refuse(file, 1, f"more than {MOST_TABLES} [[{kind}]] tables", "put several into one pattern")
        headings = [at for at, line in enumerate(text.splitlines(), 1) if re.match(rf"\s*\[\[\s*{kind}\s*\]\]", line)]
        headings += [1] * (len(entries) - len(headings))  # written in another way: no line to be named
        found[kind] = [
            _pattern(entry, keys, _Place(file, text, heading, kind))
            for entry, heading in zip(entries, headings, strict=False)
        ]
    if not any(found.values()):
        _refuse(file, 1, "it names no group", f"write {EXAMPLE}")
    return Grouping(found["group"], found["threads"])


class _Place(NamedTuple):
    """Where a table stands in a file."""

    file: str
    text: str
    heading: int
    kind: str

    def line(self, key: str) -> int:
        """The line of a key of this table; that of its heading where it is not found."""
        lines = self.text.splitlines()
        for at in range(self.heading, len(lines)):
            if re.match(r"\s*\[", lines[at]):
                break
            if re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", lines[at]):
                return at + 1
        return self.heading


def _pattern(entry: Mapping[str, Any], keys: Sequence[str], place: _Place) -> Pattern:
    flags = (WATCH,) if keys is PROCESS_KEYS else ()
    known = ("name", *keys, *flags)
    for key, value in entry.items():
        if key not in known:
            _refuse(place.file, place.line(key), f"[[{place.kind}]] has no {key!r}", f"use {', '.join(known)}")
        if key in flags and not isinstance(value, bool):
            _refuse(place.file, place.line(key), f"{key} wants true or false", f"write {key} = true")
        if key not in flags and not (isinstance(value, str) and value):
            _refuse(place.file, place.line(key), f"{key} wants a text in quotes", f'write {key} = "..."')
    if "name" not in entry:
        _refuse(place.file, place.heading, f"[[{place.kind}]] has no name", 'add name = "..."')
    found = [(key, _compiled(entry[key], key, place)) for key in keys if key in entry]
    if not found:
        _refuse(place.file, place.heading, f"[[{place.kind}]] has no pattern", f"add one of {', '.join(keys)}")
    return Pattern(names.label(entry["name"]), tuple(found), bool(entry.get(WATCH)))


def _compiled(pattern: str, key: str, place: _Place) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        message = f"{key} is no regular expression ({error})"
        _refuse(place.file, place.line(key), message, "mend it; a backslash is kept in '...' quotes")


def _line(text: str, pattern: str) -> int:
    return next((at for at, line in enumerate(text.splitlines(), 1) if re.match(pattern, line)), 1)


def _refuse(file: str, line: int, what: str, remedy: str) -> NoReturn:
    message = f"{file}, line {line}: {what}"
    raise UsageError(message, remedy)
