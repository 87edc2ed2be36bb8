"""Moments out of a recording, at any tick: equal to those that were written, and sharing what did not change."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote

from threadtop.errors import RecordingError
from threadtop.moment import Moment
from threadtop.recording import facts
from threadtop.recording.format import APPLICATION_ID, VERSION
from threadtop.sample import ProcessSample, Sample, ThreadSample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from threadtop.blocked import BlockedOn, LocksSample, WaitSample
    from threadtop.sample import GilSample

Made = TypeVar("Made")
CHUNK_TICKS: Final = 64  # read from the file at once
_PROCESSES: Final = """
    SELECT tick, pid, start_ticks, ppid, uid, name, command, kernel, state, cpu_ns, rss_bytes, vsize_bytes, read_ns
    FROM process_samples JOIN processes USING (process_id)
    WHERE process_samples.rowid >= ? AND process_samples.rowid < ? ORDER BY process_samples.rowid"""
_THREADS: Final = """
    SELECT tick, pid, tid, start_ticks, name, state, run_ns, wait_ns, utime_ticks, stime_ticks, vol, invol,
           priority, nice, rt_priority, policy, last_cpu, wchan, read_ns
    FROM thread_samples JOIN threads USING (thread_id)
    WHERE thread_samples.rowid >= ? AND thread_samples.rowid < ? ORDER BY thread_samples.rowid"""
_FINDINGS: Final = """
    SELECT tick, kind, pid, start_ticks, process, severity, grade, title, text, more
    FROM findings JOIN explanations USING (explanation_id)
    WHERE tick >= ? AND tick < ? ORDER BY findings.rowid"""
_LAST: Final = 2**62


class Tick(NamedTuple):
    """One tick of a recording: its number, wall clock in s, monotonic ns, whether it is whole, where its rows begin."""

    number: int
    time: float
    at_ns: int
    is_key: bool
    process_row: int
    thread_row: int


class Mark(NamedTuple):
    """A finding that began at a tick: it was not there in the tick before."""

    tick: int
    kind: str
    pid: int
    is_problem: bool


class _Late(Generic[Made]):
    """Something that is made when it is first asked for: most of what a seek passes by is not."""

    def __init__(self, make: Callable[[], Made]) -> None:
        """Not made yet."""
        self._make: Callable[[], Made] | None = make
        self._made: Made | None = None

    def get(self) -> Made:
        """It, the same each time; raises RecordingError."""
        if self._make is not None:
            self._made, self._make = self._make(), None
        return self._made  # type: ignore[return-value]


class _State(NamedTuple):
    """All that a moment is made of, after a tick; its dictionaries are never changed once they stand here."""

    processes: dict[int, ProcessSample]
    gils: dict[int, _Late[GilSample]]
    gil_rows: dict[int, dict[int, tuple[int, ...]]]
    waits: dict[int, _Late[WaitSample]]
    wait_rows: dict[int, dict[int, tuple[int, ...]]]
    blocked: dict[tuple[int, int], BlockedOn]
    locks: dict[int, LocksSample]
    places: dict[int, tuple[tuple[int, int], ...]]


_NOTHING: Final = _State({}, {}, {}, {}, {}, {}, {}, {})


class Recording:
    """An open recording; ``ticks`` are all of it in order, by index from 0; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open and check; raises RecordingError: no file, no recording, a newer format, damaged, empty."""
        self.path = path
        self._connection = _opened(path)
        self.meta: dict[str, str] = dict(self._all("SELECT key, value FROM meta"))
        self.ticks = [
            Tick(number, time, at_ns, bool(is_key), process_row, thread_row)
            for number, time, at_ns, is_key, process_row, thread_row in self._all(
                "SELECT tick, time, at_ns, is_key, first_process_row, first_thread_row FROM ticks ORDER BY tick"
            )
        ]
        if not self.ticks or not self.ticks[0].is_key:
            self.close()
            message = f"{path} holds no tick"
            raise RecordingError(message, "it ended before its first pass was over; record again")
        self._users = {uid: _text(name) for uid, name in self._all("SELECT uid, name FROM users")}
        self._keys = [at for at, tick in enumerate(self.ticks) if tick.is_key]

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def index_at(self, time: float) -> int:
        """The last tick that had begun at this wall clock time, the first for an earlier one."""
        return max(0, bisect_right(self.ticks, time, key=lambda tick: tick.time) - 1)

    def first_of(self, index: int, window_ns: int, least: int) -> int:
        """The tick that is ``window_ns`` and at least ``least`` ticks before a tick, or the first."""
        by_time = bisect_left(self.ticks, self.ticks[index].at_ns - window_ns, key=lambda tick: tick.at_ns)
        return max(0, min(by_time, index - least))

    def marks(self) -> list[Mark]:
        """Where findings began, in order."""
        marks: list[Mark] = []
        before: set[tuple[str, int]] = set()
        last = -1
        query = "SELECT tick, kind, pid, max(severity) FROM findings GROUP BY tick, kind, pid ORDER BY tick"
        for tick, group in groupby(self._all(query), key=itemgetter(0)):
            found = {(kind, pid): severity for _, kind, pid, severity in group}
            known = before if tick == last + 1 else set()
            marks += [Mark(tick, *key, found[key] >= 50) for key in found if key not in known]  # noqa: PLR2004
            before, last = set(found), tick
        return marks

    def moments(self, start: int, end: int) -> Iterator[Moment]:
        """The moments of the ticks from index ``start`` up to ``end``; what did not change is the same object."""
        key = self._keys[bisect_right(self._keys, start) - 1]
        state = _NOTHING
        for first in range(key, end, CHUNK_TICKS):
            chunk = self.ticks[first : min(end, first + CHUNK_TICKS)]
            for at, (tick, rows) in enumerate(zip(chunk, self._rows(first, len(chunk)), strict=True), start=first):
                state = _after(state, tick, rows)
                if at >= start:
                    yield self._moment(tick, state, rows)

    def _rows(self, first: int, count: int) -> Iterator[_Rows]:
        """The rows of so many ticks, one after the other."""
        ticks, end = self.ticks, first + count
        begin = ticks[first]
        if end < len(ticks):
            stop = ticks[end]
            process_end, thread_end, tick_end = stop.process_row, stop.thread_row, stop.number
        else:
            process_end = thread_end = tick_end = _LAST
        by_tick = (begin.number, tick_end)
        sources = (
            _ByTick(self._each(_PROCESSES, (begin.process_row, process_end))),
            _ByTick(self._each(_THREADS, (begin.thread_row, thread_end))),
            _ByTick(
                self._each("SELECT tick, pid, tid FROM ended WHERE tick >= ? AND tick < ? ORDER BY rowid", by_tick)
            ),
            _ByTick(
                self._each(
                    "SELECT tick, kind, pid, tid, facts, tallies, moments FROM looks WHERE tick >= ? AND tick < ? "
                    "ORDER BY rowid",
                    by_tick,
                )
            ),
            _ByTick(self._each(_FINDINGS, by_tick)),
            _ByTick(
                self._each(
                    "SELECT tick, rereads, host, cost FROM ticks WHERE tick >= ? AND tick < ? ORDER BY tick", by_tick
                )
            ),
        )
        for tick in ticks[first:end]:
            yield _Rows(*(source.take(tick.number) for source in sources))

    def _moment(self, tick: Tick, state: _State, rows: _Rows) -> Moment:
        ((_, _, host, cost),) = rows.ticks
        own, notes, watch, wait_watch = facts.costs(cost)
        sample = Sample(
            at_ns=tick.at_ns,
            time=tick.time,
            host=facts.host_sample(host),
            processes=state.processes,
            users=self._users,
            cost=own,
            notes=notes,
            gils={pid: late.get() for pid, late in state.gils.items()},
            watch=watch,
            waits={pid: late.get() for pid, late in state.waits.items()},
            wait_watch=wait_watch,
            blocked=state.blocked,
            locks=state.locks,
        )
        found = tuple(
            facts.finding((kind, pid, start, _text(process), severity, grade, _text(title)), _text(explanation), more)
            for _, kind, pid, start, process, severity, grade, title, explanation, more in rows.findings
        )
        return Moment(sample, state.places, found)

    def _all(self, query: str) -> list[Any]:
        return list(self._each(query, ()))

    def _each(self, query: str, values: tuple[int, ...]) -> Iterator[Any]:
        try:
            yield from self._connection.execute(query, values)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise RecordingError.damaged(str(error)) from error


class _Rows(NamedTuple):
    """The rows of one tick by table."""

    processes: list[Any]
    threads: list[Any]
    ended: list[Any]
    looks: list[Any]
    findings: list[Any]
    ticks: list[Any]


class _ByTick:
    """Rows in the order of their ticks, handed out tick by tick."""

    def __init__(self, rows: Iterator[Any]) -> None:
        """Hand out ``rows``, whose first column is the tick."""
        self._rows = rows
        self._next = next(rows, None)

    def take(self, tick: int) -> list[Any]:
        """Those of a tick."""
        found = []
        while self._next is not None and self._next[0] <= tick:
            if self._next[0] == tick:
                found.append(self._next)
            self._next = next(self._rows, None)
        return found


def _opened(path: Path) -> sqlite3.Connection:
    try:
        with path.open("rb") as file:
            beginning = file.read(100)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise RecordingError(message, "name a file that threadtop record has made") from None
    if not beginning.startswith(b"SQLite format 3\0"):
        message = f"{path} is no recording"
        raise RecordingError(message, "name a file that threadtop record has made")
    connection = None
    try:
        # Not read-only: what was being written as the recorder was killed is undone as the file is opened.
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, check_same_thread=False)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        message = f"{path} cannot be read: {error}"
        raise RecordingError(message, "it may be cut short or damaged: copy it again") from error
    remedy = ""
    if application != APPLICATION_ID:
        message, remedy = f"{path} is a database, but no recording", "name a file that threadtop record has made"
    elif version > VERSION:
        message = f"{path} has format {version}, and this threadtop knows {VERSION}"
        remedy = "read it with a newer threadtop"
    elif not {"ticks", "threads", "thread_samples", "processes", "process_samples", "looks", "findings"} <= tables:
        message, remedy = f"{path} is damaged: it lacks tables", "copy it again from where it was made"
    if remedy:
        connection.close()
        raise RecordingError(message, remedy)
    return connection


def _text(value: str | bytes) -> str:
    """What the writer was given."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def _after(state: _State, tick: Tick, rows: _Rows) -> _State:
    """The state after a tick; in a key tick, that of its rows alone, with what is equal to before left as it was."""
    processes = _processes(state.processes, tick, rows)
    if not rows.looks and not tick.is_key:
        return state._replace(processes=processes)
    now = _State(processes, *(map(dict, state[1:])) if not tick.is_key else _NOTHING[1:])  # type: ignore[arg-type]
    if tick.is_key:
        now = _State(processes, {}, {}, {}, {}, {}, {}, {})
    for _, kind, pid, tid, said, tallies, moments in rows.looks:
        _look(now, (kind, pid, tid), said, tallies, moments)
    return now


def _look(
    now: _State, of: tuple[str, int, int], said: str | None, tallies: bytes | None, moments: bytes | None
) -> None:
    """Take one row of looks into a state that is still being made."""
    kind, pid, tid = of
    if said is None:
        for one in {
            "gil": (now.gils, now.gil_rows),
            "waits": (now.waits, now.wait_rows),
            "locks": (now.locks,),
            "gil_places": (now.places,),
        }.get(kind, ()):
            one.pop(pid, None)  # type: ignore[attr-defined]
        if kind == "blocked":
            now.blocked.pop((pid, tid), None)
    elif kind == "gil":
        now.gil_rows[pid] = facts.unpacked(tallies or b"", now.gil_rows.get(pid, {}))
        now.gils[pid] = _Late(partial(facts.gil_sample, said, now.gil_rows[pid], moments))
    elif kind == "waits":
        now.wait_rows[pid] = facts.unpacked(tallies or b"", now.wait_rows.get(pid, {}))
        now.waits[pid] = _Late(partial(facts.wait_sample, said, now.wait_rows[pid]))
    elif kind == "blocked":
        now.blocked[pid, tid] = facts.blocked_on(said)
    elif kind == "locks":
        now.locks[pid] = facts.locks_sample(said)
    elif kind == "gil_places":
        now.places[pid] = facts.places(said)


def _processes(before: dict[int, ProcessSample], tick: Tick, rows: _Rows) -> dict[int, ProcessSample]:
    """The processes after a tick."""
    at_ns = tick.at_ns
    processes = {} if tick.is_key else dict(before)
    threads: dict[int, dict[int, ThreadSample]] = {}
    ended: dict[int, list[int]] = {}
    for _, pid, tid in rows.ended:
        if tid:
            ended.setdefault(pid, []).append(tid)
        else:
            processes.pop(pid, None)
    for row in rows.threads:
        _, pid, tid, start, name, *counters, read_ns = row
        made_thread = ThreadSample._make((tid, start, _text(name), *counters, at_ns + read_ns))
        threads.setdefault(pid, {})[tid] = made_thread
    if rows.ticks[0][1]:
        for tid, (pid, read_ns) in facts.unpacked(rows.ticks[0][1], {}).items():
            with suppress(KeyError):  # of a damaged file
                again = before[pid].threads[tid]._replace(at_ns=at_ns + read_ns)
                threads.setdefault(pid, {})[tid] = again
    for row in rows.processes:
        _, pid, start, ppid, uid, name, command, kernel, state, cpu_ns, rss, vsize, read_ns = row
        old = before.get(pid)
        news = threads.get(pid, {})
        if old is not None and old.start_ticks == start:
            if tick.is_key:
                kept = {tid: same if (same := old.threads.get(tid)) == new else new for tid, new in news.items()}
            else:
                kept = _merged(old.threads, news, ended.get(pid, ()))
        else:
            kept = news
        made = ProcessSample(
            pid, start, ppid, uid, _text(name), _text(command), bool(kernel), state, cpu_ns, rss, vsize,
            at_ns + read_ns, kept,
        )  # fmt: skip
        is_same = tick.is_key and old is not None and _is_same(old, made)
        processes[pid] = old if is_same and old is not None else made
    return processes


def _merged(
    old: Mapping[int, ThreadSample],
    news: Mapping[int, ThreadSample],
    ended: Any,  # noqa: ANN401
) -> dict[int, ThreadSample]:
    """The threads of before with those that changed; a tid that was used again stands at the end, as it did live."""
    threads = dict(old)
    for tid in ended:
        threads.pop(tid, None)
    for tid, new in news.items():
        was = threads.get(tid)
        if was is not None and was.start_ticks != new.start_ticks:
            del threads[tid]
        threads[tid] = new
    return threads


def _is_same(old: ProcessSample, made: ProcessSample) -> bool:
    """Whether nothing of a process changed, its threads being the very objects of before."""
    return (
        old[:-1] == made[:-1]
        and len(old.threads) == len(made.threads)
        and all(old.threads.get(tid) is thread for tid, thread in made.threads.items())
    )
