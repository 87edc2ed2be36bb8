"""Transactions that wait for nobody: what another program's lock holds up is written with the next tick."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Final

BUSY_S: Final = 0.1  # so long SQLite waits for a lock, in the pass that writes
BEGIN_TRIES: Final = 50  # for the lock of another writer; ours is the only one there should be
CLOSE_MS: Final = 5000
MOST_HELD: Final = 600  # ticks that a reader may hold up: they are kept in memory


class Commits:
    """The transactions of one connection, a tick each, or more while somebody reads the file without an end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Nothing written yet."""
        self._connection = connection
        self._held = 0

    def begin(self) -> None:
        """Begin, or go on with what was held up; raises sqlite3.Error."""
        if self._connection.in_transaction:
            return
        self._held = 0
        for left in reversed(range(BEGIN_TRIES)):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not (left and is_busy(error)):
                    raise
            else:
                return

    def end(self) -> bool:
        """Write; False where a reader's lock holds that up; raises sqlite3.Error."""
        try:
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._held += 1
            if not is_busy(error) or self._held > MOST_HELD:
                raise
            return False
        return True

    def undo(self) -> None:
        """Take back what has not been written."""
        with suppress(sqlite3.Error):
            self._connection.rollback()

    def close(self) -> bool:
        """Write what is held up and let the file go, without a journal beside it; False where that cannot be."""
        is_written = True
        try:
            self._connection.execute(f"PRAGMA busy_timeout = {CLOSE_MS}")
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error:
            is_written = False
            self.undo()
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        return is_written


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another program's lock is why."""
    return "locked" in str(error)  # the code itself is told from Python 3.11 on
