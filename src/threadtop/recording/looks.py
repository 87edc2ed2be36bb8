"""What was looked at, as rows of a recording: of each tick what is new, told by what stands in the ticks before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from threadtop.recording import facts
from threadtop.recording.packing import fitted, packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from threadtop.blocked import BlockedOn, LocksSample, WaitSample
    from threadtop.moment import Moment
    from threadtop.sample import GilSample


class Looks:
    """What the rows so far say, to which the next ones are differences."""

    def __init__(self) -> None:
        """Nothing written yet: the next tick is whole."""
        self._last: dict[tuple[str, int], Any] = {}
        self._firsts: dict[tuple[str, int], Mapping[Any, Any]] = {}  # since the key tick, by kind and pid

    def rows(self, tick: int, moment: Moment, *, is_key: bool, is_wide: bool) -> list[tuple[Any, ...]]:
        """The rows of a tick; ``is_wide``: numbers are made to fit first; raises OverflowError."""
        if is_key:
            self._last, self._firsts = {}, {}
        rows: list[tuple[Any, ...]] = []
        old, now = self._last, dict(_looked_at(moment))
        for key, said in now.items():
            kind, was = key[0], old.get(key)
            if kind == "blocked":
                body = _changes(was or {}, said)
                if body is not None:
                    rows.append((tick, *key, "{}", None, body))
            elif kind == "gil_places":
                if was != said:
                    rows.append((tick, *key, facts.dumped(said), None, None))
            elif was is not said:
                rows.append((tick, *key, *self._told(kind, said, is_wide=is_wide)))
        for key in old.keys() - now.keys():
            rows.append((tick, *key, None, None, None))
            self._firsts.pop(key, None)
        self._last = now
        return rows

    def _told(self, kind: str, said: Any, *, is_wide: bool) -> tuple[str, bytes | None, bytes | None]:  # noqa: ANN401
        """Facts, tallies and moments of a watch."""
        if kind == "gil":
            gil: GilSample = said
            tallies = self._packed((kind, gil.pid), facts.gil_rows(gil), facts.GIL_WIDTH, is_wide=is_wide)
            return facts.gil_facts(gil), tallies, facts.gil_moments(gil)
        if kind == "waits":
            waits: WaitSample = said
            tallies = self._packed((kind, waits.pid), facts.wait_rows(waits), facts.WAITS_WIDTH, is_wide=is_wide)
            return facts.wait_facts(waits), tallies, None
        locks: LocksSample = said
        places = self._firsts.get((kind, locks.pid), {})
        if 2 * sum(map(places.__contains__, locks.locks)) >= len(locks.locks) and places:
            return facts.locks_facts(locks), None, facts.locks_body(locks, places)
        self._firsts[kind, locks.pid] = facts.lock_places(locks)
        return facts.locks_facts(locks), b"", facts.locks_body(locks, {})

    def _packed(self, of: tuple[str, int], rows: Mapping[int, tuple[int, ...]], width: int, *, is_wide: bool) -> bytes:
        """Tallies as differences to the first since a key tick; these as they are."""
        if is_wide:
            rows = dict(fitted((tid, fitted(row))) for tid, row in rows.items())
        blob = packed(rows, self._firsts.get(of, {}), width)
        self._firsts.setdefault(of, rows)
        return blob


def _changes(was: Mapping[int, BlockedOn], now: Mapping[int, BlockedOn]) -> bytes | None:
    """What threads are blocked on that were blocked on something else, or on nothing; None where all is as it was."""
    changed = {tid: blocked for tid, blocked in now.items() if was.get(tid) != blocked}
    gone = was.keys() - now.keys()
    return facts.blocked_body(changed, gone) if changed or gone else None


def _looked_at(moment: Moment) -> Iterator[tuple[tuple[str, int], Any]]:
    """What was looked at, by kind and pid."""
    sample = moment.sample
    for kind, by_pid in (("gil", sample.gils), ("waits", sample.waits), ("locks", sample.locks)):
        for pid, said in by_pid.items():
            yield (kind, pid), said
    blocked: dict[int, dict[int, BlockedOn]] = {}
    for (pid, tid), one in sample.blocked.items():
        blocked.setdefault(pid, {})[tid] = one
    for pid, by_tid in blocked.items():
        yield ("blocked", pid), by_tid
    for pid, ranges in moment.gils.items():
        yield ("gil_places", pid), ranges
