"""The tables of a recording as they stand in its file, opened and not trusted: each value of a type it may have."""

from __future__ import annotations

import os
import re
import sqlite3
from operator import contains
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from threadtop.errors import RecordingError
from threadtop.recording.format import APPLICATION_ID, TABLES, VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NOT_OURS: Final = "name a file that threadtop record has made"
_INT: Final = frozenset[type]({int})
_MAYBE_INT: Final = frozenset[type]({int, type(None)})
_NUMBER: Final = frozenset[type]({float, int})
_TEXT: Final = frozenset[type]({str, bytes})
_WORD: Final = frozenset[type]({str})
_MAYBE_WORD: Final = frozenset[type]({str, type(None)})
_MAYBE_BLOB: Final = frozenset[type]({bytes, type(None)})


class Query(NamedTuple):
    """What is asked, and the types of the columns in the answer: SQLite lets any value stand in any column."""

    sql: str
    types: tuple[frozenset[type], ...]


META: Final = Query("SELECT key, value FROM meta", (_WORD, _TEXT))
TICKS: Final = Query(
    "SELECT tick, time, at_ns, is_key, first_process_row, first_thread_row FROM ticks ORDER BY tick",
    (_INT, _NUMBER, *(_INT,) * 4),
)
USERS: Final = Query("SELECT uid, name FROM users", (_INT, _TEXT))
PROCESSES: Final = Query(
    """
    SELECT tick, pid, start_ticks, ppid, uid, name, command, kernel, state, cpu_ns, rss_bytes, vsize_bytes, read_ns
    FROM process_samples JOIN processes USING (process_id)
    WHERE process_row >= ? AND process_row < ? ORDER BY process_row""",
    (*(_INT,) * 4, _MAYBE_INT, _TEXT, _TEXT, _INT, _WORD, _MAYBE_INT, *(_INT,) * 3),
)
THREADS: Final = Query(
    """
    SELECT tick, pid, tid, start_ticks, name, state, run_ns, wait_ns, utime_ticks, stime_ticks, vol, invol,
           priority, nice, rt_priority, policy, last_cpu, wchan, read_ns
    FROM thread_samples JOIN threads USING (thread_id)
    WHERE thread_row >= ? AND thread_row < ? ORDER BY thread_row""",
    (
        *(_INT,) * 4, _TEXT, _WORD, _MAYBE_INT, _MAYBE_INT, _INT, _INT, _MAYBE_INT, _MAYBE_INT,
        *(_INT,) * 5, _MAYBE_WORD, _INT,
    ),
)  # fmt: skip
ENDED: Final = Query("SELECT tick, pid, tid FROM ended WHERE tick >= ? AND tick < ? ORDER BY rowid", (_INT,) * 3)
LOOKS: Final = Query(
    "SELECT tick, kind, pid, tid, facts, tallies, moments FROM looks WHERE tick >= ? AND tick < ? ORDER BY rowid",
    (_INT, _WORD, _INT, _INT, _MAYBE_WORD, _MAYBE_BLOB, _MAYBE_BLOB),
)
FINDINGS: Final = Query(
    """
    SELECT tick, kind, pid, start_ticks, process, severity, grade, title, text, more
    FROM findings JOIN explanations USING (explanation_id)
    WHERE tick >= ? AND tick < ? ORDER BY findings.rowid""",
    (_INT, _WORD, _INT, _INT, _TEXT, _NUMBER, _WORD, _TEXT, _TEXT, _WORD),
)
REST: Final = Query(
    "SELECT tick, rereads, host, cost FROM ticks WHERE tick >= ? AND tick < ?", (_INT, _MAYBE_BLOB, _WORD, _WORD)
)
MARKS: Final = Query(
    "SELECT tick, kind, pid, max(severity) FROM findings GROUP BY tick, kind, pid ORDER BY tick",
    (_INT, _WORD, _INT, _NUMBER),
)
_NEEDED: Final = frozenset(re.findall(r"CREATE TABLE (\w+)", TABLES))


class Tables:
    """An open file; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open and check; raises RecordingError: no file, no recording, a newer format, damaged."""
        self._connection = _opened(path)

    def all(self, query: Query, values: Sequence[int] = ()) -> list[Any]:
        """All rows at once: what is left to be read keeps the file locked; raises RecordingError."""
        try:
            rows = self._connection.execute(query.sql, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as error:
            raise RecordingError.damaged(str(error)) from error
        for kinds in {tuple(map(type, row)) for row in rows}:
            if not all(map(contains, query.types, kinds)):
                what = "a value of another type"
                raise RecordingError.damaged(what)
        return rows

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            message = f"{path} is no file"
            raise RecordingError(message, _NOT_OURS)
        with path.open("rb") as file:
            beginning = file.read(100)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise RecordingError(message, _NOT_OURS) from None
    if not beginning.startswith(b"SQLite format 3\0"):
        message = f"{path} is no recording"
        raise RecordingError(message, _NOT_OURS)
    connection = None
    try:
        # Not read-only: what was being written as the recorder was killed is undone as the file is opened.
        connection = sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=rw", uri=True, check_same_thread=False)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = {
            name
            for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
            if str(sql).startswith("CREATE TABLE")  # and no view that never ends
        }
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if connection is not None:
            connection.close()
        raise _unread(path, error) from error
    remedy = ""
    if application != APPLICATION_ID:
        message, remedy = f"{path} is a database, but no recording", _NOT_OURS
    elif version > VERSION:
        message = f"{path} has format {version}, and this threadtop knows {VERSION}"
        remedy = "read it with a newer threadtop"
    elif version < 1 or _NEEDED - tables:
        message, remedy = f"{path} is damaged: it lacks tables", "copy it again from where it was made"
    if remedy:
        connection.close()
        raise RecordingError(message, remedy)
    return connection


def _unread(path: Path, error: Exception) -> RecordingError:
    if "readonly" in str(error):  # only who may write can undo what was being written as the recorder was killed
        message = f"{path} was left half written, and you may not write to it"
        return RecordingError(message, "copy it with its -journal to a place of yours, and read the copy")
    return RecordingError(f"{path} cannot be read: {error}", "it may be cut short or damaged: copy it again")


def text(value: str | bytes) -> str:
    """What the writer was given."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
