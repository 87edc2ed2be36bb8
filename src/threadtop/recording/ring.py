"""The last minutes, always at hand: a recording in memory that lets its oldest part go, and can be kept as a file."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import RecordingError
from threadtop.recording.writer import Writer, created, discard, failed, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.moment import Moment

KEPT_S: Final = 300.0
MOST_BYTES: Final = 16_000_000
PARTS: Final = 4  # at least: what is let go at once is one of these
_DROPPED: Final = (
    "DELETE FROM thread_samples WHERE tick < ?",
    "DELETE FROM process_samples WHERE tick < ?",
    "DELETE FROM ended WHERE tick < ?",
    "DELETE FROM looks WHERE tick < ?",
    "DELETE FROM findings WHERE tick < ?",
    "DELETE FROM ticks WHERE tick < ?",
)
_UNUSED: Final = (
    "DELETE FROM threads WHERE thread_id NOT IN (SELECT thread_id FROM thread_samples)",
    "DELETE FROM processes WHERE process_id NOT IN (SELECT process_id FROM process_samples)",
    "DELETE FROM explanations WHERE explanation_id NOT IN (SELECT explanation_id FROM findings)",
)


class Ring:
    """Moments of the last ``kept_s`` seconds, in at most about ``most_bytes``."""

    def __init__(self, kept_s: float = KEPT_S, most_bytes: int = MOST_BYTES) -> None:
        """Nothing kept yet."""
        self._kept_ns = int(kept_s * 1e9)
        self._most_bytes = most_bytes
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._connection.close)
        prepare(self._connection)
        self._writer = Writer(self._connection, "memory")
        self._parts: list[tuple[int, int]] = []  # tick and at_ns of each key tick
        self._part_bytes = 0
        self._last_ns = 0

    @property
    def span_s(self) -> float:
        """How far it reaches back from the newest moment."""
        return (self._last_ns - self._parts[0][1]) / 1e9 if self._parts else 0.0

    @property
    def size_bytes(self) -> int:
        """What it holds."""
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def add(self, moment: Moment) -> None:
        """Keep a moment, and let go of what is too old or too much; raises RecordingError."""
        is_full = self.size_bytes - self._part_bytes > self._most_bytes // PARTS
        self._writer.add(moment, key=is_full)
        self._last_ns = moment.sample.at_ns
        if self._writer.is_key:
            self._part_bytes = self.size_bytes
            self._parts.append((self._writer.ticks, moment.sample.at_ns))
            self._drop()

    def _drop(self) -> None:
        """Let the oldest parts go; what is left begins with a key tick."""
        while len(self._parts) > 1 and (
            self._last_ns - self._parts[1][1] >= self._kept_ns or self.size_bytes > self._most_bytes
        ):
            del self._parts[0]
            first = self._parts[0][0]
            self._connection.execute("BEGIN")
            for statement in _DROPPED:
                self._connection.execute(statement, (first,))
            for statement in _UNUSED:
                self._connection.execute(statement)
            self._connection.execute("COMMIT")
            self._part_bytes = min(self._part_bytes, self.size_bytes)

    def saved(self, path: Path) -> Writer:
        """A new file with all that is kept, and a writer that goes on from there; raises RecordingError."""
        file = created(path)
        try:
            self._connection.backup(file)
            file.execute("VACUUM")  # without the room of what was let go
            return self._writer.onto(file, path)
        except sqlite3.Error as error:
            file.close()
            discard(path)
            raise failed(error, path) from error


class Status(NamedTuple):
    """What is being recorded: into which file, since when, how much; "" and 0 for nothing; how far the ring reaches."""

    path: str
    began_s: float
    size_bytes: int
    ring_s: float
    ring_bytes: int


class Recorder:
    """Takes the moments of a live source: into the ring always, into a file while there is one; of two threads."""

    def __init__(self) -> None:
        """Nothing kept yet, no file."""
        self.failure: RecordingError | None = None
        self._ring = Ring()
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._path: Path | None = None
        self._began_s = 0.0
        self._now_s = 0.0

    def keep(self, moment: Moment) -> None:
        """Take the next moment; a file that cannot be written ends, ``failure`` says why."""
        with self._lock:
            self._now_s = moment.sample.time
            try:
                self._ring.add(moment)
                if self._writer is not None:
                    self._writer.add(moment)
            except RecordingError as error:
                self.failure = error
                self._end()

    def begin(self, path: Path) -> None:
        """Keep what the ring holds in a new file, and what comes; raises RecordingError, and one before goes on."""
        with self._lock:
            writer = self._ring.saved(path)
            self._end()
            self.failure = None
            self._writer, self._path, self._began_s = writer, path, self._now_s

    def end(self) -> None:
        """Close the file; the ring goes on."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = self._path = None

    @property
    def file_bytes(self) -> int | None:
        """How large the file is by now; None without one.  Cheap: it is asked for with each tick."""
        path = self._path
        if path is None:
            return None
        with suppress(OSError):
            return path.stat().st_size
        return 0

    @property
    def status(self) -> Status:
        """What is recorded now."""
        with self._lock:
            path = str(self._path) if self._path is not None else ""
            return Status(path, self._began_s, self.file_bytes or 0, self._ring.span_s, self._ring.size_bytes)
