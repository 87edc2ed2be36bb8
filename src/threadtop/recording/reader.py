"""Moments out of a recording, at any tick: equal to those that were written, and sharing what did not change."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from threadtop.errors import RecordingError
from threadtop.moment import Moment
from threadtop.recording import facts, tables
from threadtop.recording.state import NOTHING, Rows, after
from threadtop.recording.tables import Tables, text
from threadtop.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from threadtop.recording.state import State

CHUNK_TICKS: Final = 16  # read from the file at once, or fewer: those of about
CHUNK_ROWS: Final = 20_000
LAST_TIME: Final = 253_402_300_800.0  # of the years that dates have
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


class Recording:
    """An open recording; ``ticks`` are all of it in order, by index from 0; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open and check; raises RecordingError: no file, no recording, a newer format, damaged, empty."""
        self.path = path
        self._tables = Tables(path)
        try:
            self.meta: dict[str, str] = {key: text(value) for key, value in self._tables.all(tables.META)}
            self.ticks = [
                Tick(number, time, at_ns, bool(is_key), process_row, thread_row)
                for number, time, at_ns, is_key, process_row, thread_row in self._tables.all(tables.TICKS)
            ]
            self._users = {uid: text(name) for uid, name in self._tables.all(tables.USERS)}
            self._check()
        except RecordingError:
            self.close()
            raise
        self._keys = [at for at, tick in enumerate(self.ticks) if tick.is_key]

    def _check(self) -> None:
        if not self.ticks or not self.ticks[0].is_key:
            message = f"{self.path} holds no tick"
            raise RecordingError(message, "it ended before its first pass was over; record again")
        if any(not 0 <= tick.time < LAST_TIME for tick in self.ticks):
            what = "ticks"
            raise RecordingError.damaged(what)

    def close(self) -> None:
        """Let the file go."""
        self._tables.close()

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
        for tick, group in groupby(self._tables.all(tables.MARKS), key=itemgetter(0)):
            found = {(kind, pid): severity for _, kind, pid, severity in group}
            known = before if tick == last + 1 else set()
            marks += [Mark(tick, *key, found[key] >= 50) for key in found if key not in known]  # noqa: PLR2004
            before, last = set(found), tick
        return marks

    def moments(self, start: int, end: int, whole: int = 0) -> Iterator[Moment]:
        """The moments of the ticks from index ``start`` up to ``end``; what did not change is the same object.

        Those before index ``whole`` do not say what threads are blocked on, nor locks.
        """
        key = self._keys[bisect_right(self._keys, start) - 1]
        state = NOTHING
        first = key
        while first < end:
            chunk = self._rows(first, min(end, first + CHUNK_TICKS))
            for at, rows in enumerate(chunk, start=first):
                tick = self.ticks[at]
                state = after(state, rows, tick.at_ns, is_key=tick.is_key)
                if at >= start:
                    yield self._moment(tick, state if at >= whole else state._replace(blocked={}, locks={}), rows)
            first += len(chunk)

    def _rows(self, first: int, end: int) -> list[Rows]:
        """The rows of the next ticks, at least one and at most to ``end``, read at once.

        None is left to be read later: that would keep the file locked, and a recorder from writing to it.
        """
        ticks = self.ticks
        begin = ticks[first]
        while end > first + 1 and ticks[end - 1].thread_row - begin.thread_row > CHUNK_ROWS:
            end -= 1
        of_ticks, process_end, thread_end = (begin.number, ticks[end - 1].number + 1), _LAST, _LAST
        if end < len(ticks):
            process_end, thread_end = ticks[end].process_row, ticks[end].thread_row
        by_table = [
            _by_tick(self._tables.all(query, values))
            for query, values in (
                (tables.PROCESSES, (begin.process_row, process_end)),
                (tables.THREADS, (begin.thread_row, thread_end)),
                (tables.ENDED, of_ticks),
                (tables.LOOKS, of_ticks),
                (tables.FINDINGS, of_ticks),
                (tables.REST, of_ticks),
            )
        ]
        return [Rows(*(table.get(tick.number, []) for table in by_table)) for tick in ticks[first:end]]

    def _moment(self, tick: Tick, state: State, rows: Rows) -> Moment:
        _, _, host, cost = rows.tick
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
            blocked={(pid, tid): late.get() for pid, threads in state.blocked.items() for tid, late in threads.items()},
            locks={pid: late.get() for pid, late in state.locks.items()},
        )
        found = tuple(
            facts.finding((kind, pid, start, text(process), severity, grade, text(title)), text(explanation), more)
            for _, kind, pid, start, process, severity, grade, title, explanation, more in rows.findings
        )
        return Moment(sample, state.places, found)


def _by_tick(rows: list[Any]) -> dict[int, list[Any]]:
    """Rows, whose first column is the tick, by it."""
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found
