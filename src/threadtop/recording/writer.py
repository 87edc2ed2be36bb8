"""Moments into a recording: one transaction a tick, so that what was written survives whatever comes after."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import time
from contextlib import suppress
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING, Any, Final

from threadtop import __version__
from threadtop.errors import RecordingError
from threadtop.recording import facts
from threadtop.recording.commits import BUSY_S, Commits, is_busy
from threadtop.recording.format import APPLICATION_ID, KEY_TICKS, TABLES, VERSION
from threadtop.recording.looks import Looks
from threadtop.recording.packing import fitted, packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from threadtop.moment import Moment
    from threadtop.sample import ProcessSample, Sample, ThreadSample

_PROCESS_ROW: Final = "INSERT INTO process_samples VALUES (NULL,?,?,?,?,?,?,?)"
_THREAD_ROW: Final = "INSERT INTO thread_samples VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)"


def default_name(hostname: str, time_s: float) -> str:
    """``threadtop-web1-20261127T031500Z.ttr``."""
    host = re.sub(r"[^A-Za-z0-9._-]", "_", hostname) or "host"
    return f"threadtop-{host}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(time_s))}.ttr"


def created(path: Path) -> sqlite3.Connection:
    """A new file for its owner only, empty; raises RecordingError, also where there is a file of that name."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        message = f"{path} is there already"
        raise RecordingError(message, "choose another name, or remove it") from None
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise RecordingError(message, "choose another place with -o FILE") from None
    connection = None
    try:
        # Absolute: some builds of SQLite take what begins with file: for a URI.
        connection = sqlite3.connect(path.absolute(), timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        prepare(connection)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        discard(path)
        raise failed(error, path) from error
    return connection


def discard(path: Path) -> None:
    """Remove a file that holds nothing, and its journal."""
    for one in (path, path.with_name(f"{path.name}-journal")):
        with suppress(OSError):
            one.unlink()


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables."""
    for setting in (
        f"application_id = {APPLICATION_ID}",
        f"user_version = {VERSION}",
        "journal_mode = PERSIST",  # the cheapest from which a file is still whole after a kill
        # The kernel writes what we wrote even if we are killed; only a crash of the machine could lose ticks.
        "synchronous = OFF",
    ):
        connection.execute(f"PRAGMA {setting}")
    connection.executescript(f"BEGIN; {TABLES} COMMIT;")


def failed(error: sqlite3.Error, path: object, *, has_ticks: bool = False) -> RecordingError:
    """What to say of a failure to write, where ticks were written before and where not."""
    what = str(error)
    kept = "what was recorded before is kept" if has_ticks else "nothing was recorded"
    if "full" in what:
        return RecordingError(f"the disk is full: {kept}, {path}", "make room, and record again")
    if is_busy(error):
        return RecordingError(f"another program keeps {path} locked: {kept}", "let it go, and record again")
    return RecordingError(f"cannot write {path} ({what}): {kept}", "choose another place, and record again")


def text(value: str) -> str | bytes:
    """As SQLite can hold it: what is not UTF-8 as bytes."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
    return value


class Writer:
    """Writes moments, each what changed since the one before, to a connection that is its own.

    ``ticks`` counts those written.
    """

    def __init__(self, connection: sqlite3.Connection, name: object) -> None:
        """Write to ``connection``, which ``prepare`` has seen; ``name`` is what errors call it."""
        self.ticks = 0
        self.key_ticks = KEY_TICKS
        self._connection = connection
        self._commits = Commits(connection)
        self._name = name
        self._process_rows = self._thread_rows = 0
        self._written = (0, 0, 0)  # those three, of what is in the file for good
        self._is_wide = False  # numbers beyond what SQLite holds were seen
        self._forget()
        self._next = {"process": 1, "thread": 1, "explanation": 1}

    def _forget(self) -> None:
        """Know nothing of what was written: the next tick is a key tick."""
        self._last: Sample | None = None
        self._key_tick = 0
        self._process_ids: dict[int, tuple[tuple[Any, ...], int]] = {}
        self._thread_ids: dict[tuple[int, int], tuple[tuple[Any, ...], int]] = {}
        self._explanations: dict[str, int] = {}
        self._users: Mapping[int, str] = {}
        self._looks = Looks()

    def add(self, moment: Moment, *, key: bool = False) -> None:
        """Write a moment, whole with ``key``; raises RecordingError, and nothing of it is written then.

        A number that takes more than 62 bits is written as the greatest that does not.
        """
        try:
            self._try(moment, key=key)
        except OverflowError:
            self._is_wide = True
            self._try(moment, key=True)

    def _try(self, moment: Moment, *, key: bool) -> None:
        try:
            self._commits.begin()
            self._add(moment, key=key or not self._last or self.ticks + 1 - self._key_tick >= self.key_ticks)
            if self._commits.end():
                self._written = (self.ticks, self._process_rows, self._thread_rows)
        except BaseException as error:
            self._commits.undo()
            self.ticks, self._process_rows, self._thread_rows = self._written
            self._forget()
            if isinstance(error, sqlite3.Error):
                raise failed(error, self._name, has_ticks=self.ticks > 0) from error
            raise

    @property
    def is_key(self) -> bool:
        """Whether the tick written last was a key tick."""
        return self._key_tick == self.ticks

    def onto(self, connection: sqlite3.Connection, name: object) -> Writer:
        """A writer that goes on in a copy of this one's tables, with a key tick."""
        other = Writer(connection, name)
        other.ticks, other._next = self.ticks, dict(self._next)
        other._process_rows, other._thread_rows = self._process_rows, self._thread_rows
        other._written = (other.ticks, other._process_rows, other._thread_rows)
        return other

    def close(self) -> None:
        """Let the file go, without a journal beside it."""
        if not self._commits.close():
            self.ticks = self._written[0]

    def _add(self, moment: Moment, *, key: bool) -> None:
        sample = moment.sample
        tick = self.ticks + 1
        if not self.ticks:
            self._many("INSERT OR REPLACE INTO meta VALUES (?,?)", self._meta(sample))
        if key:
            self._key_tick = tick
            self._forget_absent(sample)
        last = None if key else self._last
        starts = self._process_rows + 1, self._thread_rows + 1
        rereads = self._add_rows(tick, sample, last)
        host = facts.host_facts(sample.host)
        cost = facts.cost_facts(sample.cost, sample.notes, sample.watch, sample.wait_watch)
        row = (tick, sample.time, sample.at_ns, key, *starts, rereads, host, cost)
        self._many("INSERT INTO ticks VALUES (?,?,?,?,?,?,?,?,?)", [row])
        if sample.users is not self._users:
            names = [(uid, text(name)) for uid, name in sample.users.items()]
            self._many("INSERT OR REPLACE INTO users VALUES (?,?)", names)
            self._users = sample.users
        looks = self._looks.rows(tick, moment, is_key=key, is_wide=self._is_wide)
        self._many("INSERT INTO looks VALUES (?,?,?,0,?,?,?)", looks)
        self._add_findings(tick, moment)
        self._last = sample
        self.ticks = tick

    def _meta(self, sample: Sample) -> Sequence[tuple[str, str | bytes]]:
        system = platform.uname()
        return (
            ("threadtop", __version__),
            ("hostname", text(sample.host.hostname)),
            ("machine", system.machine),
            ("kernel", system.release),
            ("clock_ticks_per_s", str(os.sysconf("SC_CLK_TCK"))),
            ("page_bytes", str(os.sysconf("SC_PAGE_SIZE"))),
        )

    # -- processes and threads -----------------------------------------------------------------

    def _add_rows(self, tick: int, sample: Sample, last: Sample | None) -> bytes | None:
        """The rows of processes and threads; returns those threads that were but read again."""
        process_rows: list[tuple[Any, ...]] = []
        thread_rows: list[tuple[Any, ...]] = []
        ended: list[tuple[int, int, int]] = []
        rereads: dict[int, tuple[int, int]] = {}
        olds: Mapping[int, ProcessSample] = last.processes if last else {}
        for pid, process in sample.processes.items():
            old = olds.get(pid)
            if old is process:
                continue
            if old is not None and old.start_ticks != process.start_ticks:
                ended.append((tick, pid, 0))
                old = None
            process_rows.append(self._process_row(tick, sample.at_ns, process))
            if old is None:
                changed: Iterable[ThreadSample] = process.threads.values()
            else:
                changed, gone = _moved(old.threads, process.threads)
                ended.extend((tick, pid, tid) for tid in gone)
            for thread in changed:
                was = old.threads.get(thread.tid) if old is not None else None
                if was is thread:  # it but stands at another place
                    continue
                if was is not None and was[:-1] == thread[:-1]:
                    rereads[thread.tid] = pid, thread.at_ns - sample.at_ns
                else:
                    thread_rows.append(self._thread_row(tick, sample.at_ns, pid, thread))
        ended.extend((tick, pid, 0) for pid in olds.keys() - sample.processes.keys())
        self._many(_PROCESS_ROW, process_rows)
        self._many(_THREAD_ROW, thread_rows)
        self._many("INSERT INTO ended VALUES (?,?,?)", ended)
        self._process_rows += len(process_rows)
        self._thread_rows += len(thread_rows)
        return packed(rereads, {}, facts.REREAD_WIDTH) if rereads else None

    def _forget_absent(self, sample: Sample) -> None:
        """Keep no numbers of what is gone; explanations, in which there are figures, are written anew."""
        processes = sample.processes
        self._process_ids = {pid: known for pid, known in self._process_ids.items() if pid in processes}
        self._thread_ids = {
            (pid, tid): known
            for (pid, tid), known in self._thread_ids.items()
            if pid in processes and tid in processes[pid].threads
        }
        self._explanations = {}

    def _process_row(self, tick: int, at_ns: int, process: ProcessSample) -> tuple[Any, ...]:
        seldom = (
            process.pid,
            process.start_ticks,
            process.ppid,
            process.uid,
            process.name,
            process.command,
            process.kernel,
        )
        known = self._process_ids.get(process.pid)
        if known is None or known[0] != seldom:
            number = self._numbered("process")
            row = (number, *seldom[:4], text(process.name), text(process.command), process.kernel)
            self._many("INSERT INTO processes VALUES (?,?,?,?,?,?,?,?)", [row])
            known = self._process_ids[process.pid] = seldom, number
        read_ns = process.at_ns - at_ns
        return tick, known[1], process.state, process.cpu_ns, process.rss_bytes, process.vsize_bytes, read_ns

    def _thread_row(self, tick: int, at_ns: int, pid: int, thread: ThreadSample) -> tuple[Any, ...]:
        (tid, start_ticks, name, state, run_ns, wait_ns, utime, stime, vol, invol, *ranks, last_cpu, wchan, read_at) = (
            thread
        )
        seldom = (start_ticks, name, *ranks)
        known = self._thread_ids.get((pid, tid))
        if known is None or known[0] != seldom:
            number = self._numbered("thread")
            row = (number, pid, tid, start_ticks, text(name), *ranks)
            self._many("INSERT INTO threads VALUES (?,?,?,?,?,?,?,?,?)", [row])
            known = self._thread_ids[pid, tid] = seldom, number
        return tick, known[1], state, run_ns, wait_ns, utime, stime, vol, invol, last_cpu, wchan, read_at - at_ns

    def _numbered(self, table: str) -> int:
        number = self._next[table]
        self._next[table] = number + 1
        return number

    # -- findings ------------------------------------------------------------------------------

    def _add_findings(self, tick: int, moment: Moment) -> None:
        rows = []
        for found in moment.findings:
            number = self._explanations.get(found.explanation)
            if number is None:
                number = self._explanations[found.explanation] = self._numbered("explanation")
                self._many("INSERT INTO explanations VALUES (?,?)", [(number, text(found.explanation))])
            rows.append(
                (
                    tick,
                    found.kind,
                    found.pid,
                    found.start_ticks,
                    text(found.process),
                    found.severity,
                    found.grade,
                    text(found.title),
                    number,
                    facts.finding_more(found),
                )
            )
        self._many("INSERT INTO findings VALUES (?,?,?,?,?,?,?,?,?,?)", rows)

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            if self._is_wide:
                rows = [fitted(row) for row in rows]
            self._connection.executemany(statement, rows)


def _moved(
    old: Mapping[int, ThreadSample], new: Mapping[int, ThreadSample]
) -> tuple[Iterable[ThreadSample], Iterable[int]]:
    """The threads that are another object than before, and the tids that are gone."""
    if len(old) == len(new) and old.keys() == new.keys():
        return compress(new.values(), map(is_not, new.values(), old.values())), ()
    return [thread for tid, thread in new.items() if old.get(tid) is not thread], old.keys() - new.keys()
