"""Short bounded rings of figures by thread and process, for sparklines and the GIL's timeline; pure.

Only rows that moved are noted; the ticks between were at rest, with 0.
"""

from __future__ import annotations

from array import array
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.snapshot import ThreadRow
from threadtop.time_rows import EXACT, PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.sample import GilMoment
    from threadtop.snapshot import Key, ProcessRow, Snapshot
    from threadtop.time_rows import Part, TimeShare

TICKS: Final = 180
ROWS: Final = 600
SERIES: Final = ("cpu_pct", "wait_pct", "switches_per_s")
MOMENTS: Final = 4000  # of one process: 20 s at 200 a second
MOMENTS_NS: Final = 20_000_000_000
WATCHED: Final = 16  # processes whose moments are kept
_WIDTH: Final = 2 + len(SERIES)  # the tick, the figures, what took most of its time
_UNKNOWN: Final = -1.0


class Second(NamedTuple):
    """What took most of a thread's time in one tick; ``is_hint``: as one look found it."""

    part: Part
    is_hint: bool = False


def second_of(share: TimeShare) -> Second:
    """What took most of a tick."""
    part = share.dominant()
    return Second(part, share.is_hint and part not in EXACT)


def _code(row: ThreadRow | ProcessRow) -> float:
    """What took most of a thread's tick, as one number."""
    share = row.time if isinstance(row, ThreadRow) else None
    if share is None:
        return _UNKNOWN
    part, is_hint = second_of(share)
    return float(PARTS.index(part) * 2 + is_hint)


class History:
    """The last TICKS ticks of at most ROWS rows; the row that has rested longest goes first.

    With them the rounds of the GIL's watch, of the processes watched last.
    """

    def __init__(self) -> None:
        """Nothing noted yet."""
        self._tick = 0
        self._began: dict[Key, int] = {}
        self._rings: dict[Key, array[float]] = {}
        self._moments: dict[Key, deque[GilMoment]] = {}
        self._moving: dict[Key, frozenset[int]] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Note what moved in a snapshot."""
        for process in snapshot.processes.values():
            if process.gil is not None:
                self._note_moments(process.key, process.gil.moments)
        if snapshot.interval_s is None:
            return  # a first sample has no rates yet
        self._tick += 1
        was, self._moving = self._moving, {}
        for process in snapshot.processes.values():
            if process.moving:
                self._note(process)
                self._moving[process.key] = frozenset(process.moving)
            # What a thread rests in is noted once, as it comes to rest: it stays true until it moves again.
            for tid in (*process.moving, *(was.get(process.key, frozenset()) - set(process.moving))):
                if tid in process.threads:
                    self._note(process.threads[tid])
        if len(self._rings) > ROWS:
            resting = sorted(self._rings, key=lambda key: self._rings[key][-_WIDTH])
            for key in resting[: len(self._rings) - ROWS]:
                del self._rings[key], self._began[key]

    def _note_moments(self, key: Key, moments: Sequence[GilMoment]) -> None:
        kept = self._moments.pop(key, None)
        if kept is None:
            kept = deque(maxlen=MOMENTS)
        last_ns = kept[-1].at_ns if kept else -1
        # A row may hand us rounds that it had before: each counts once.
        kept.extend(moment for moment in moments if moment.at_ns > last_ns)
        while kept and kept[0].at_ns < kept[-1].at_ns - MOMENTS_NS:
            kept.popleft()
        self._moments[key] = kept
        if len(self._moments) > WATCHED:
            del self._moments[next(iter(self._moments))]

    def moments(self, key: Key) -> Sequence[GilMoment]:
        """The last rounds of the watch of a process's GIL, oldest first: at most MOMENTS, of MOMENTS_NS."""
        return self._moments.get(key, ())

    def _note(self, row: ThreadRow | ProcessRow) -> None:
        key = row.key
        ring = self._rings.get(key)
        if ring is None:
            ring = self._rings[key] = array("d")
            self._began[key] = 1 if row.mark != "new" else self._tick
        switches = None if row.vol_per_s is None else row.vol_per_s + (row.invol_per_s or 0.0)
        ring.append(self._tick)
        ring.extend(_UNKNOWN if value is None else value for value in (row.cpu_pct, row.wait_pct, switches))
        ring.append(_code(row))
        if len(ring) > 2 * TICKS * _WIDTH:
            del ring[: len(ring) - TICKS * _WIDTH]

    def series(self, key: Key, name: str, ticks: int = TICKS) -> list[float | None]:
        """The last ``ticks`` values of one of SERIES, oldest first; None where it was not known or not there."""
        first = max(1, self._tick - min(ticks, TICKS) + 1)
        values: list[float | None] = [0.0] * (self._tick - first + 1)
        ring = self._rings.get(key)
        if ring is None:
            return values
        column = 1 + SERIES.index(name)
        for tick in range(first, self._began[key]):
            values[tick - first] = None
        for at in range(max(0, len(ring) - len(values) * _WIDTH), len(ring), _WIDTH):
            tick = int(ring[at])
            if tick >= first:
                value = ring[at + column]
                values[tick - first] = None if value == _UNKNOWN else value
        return values

    def seconds(self, key: Key, ticks: int, now: TimeShare | None) -> list[Second | None]:
        """What took most of a thread's time in each of the last ``ticks``, oldest first; None is not known.

        Between two notes it rested in what the first of them found; one without a note rested in what ``now`` says.
        """
        first = max(1, self._tick - min(ticks, TICKS) + 1)
        count = self._tick - first + 1
        ring = self._rings.get(key)
        if ring is None:
            return [second_of(now) if now is not None and now.is_whole else None] * count
        found: list[Second | None] = [None] * count
        for at in range(max(0, len(ring) - (count + 1) * _WIDTH), len(ring), _WIDTH):
            code = ring[at + _WIDTH - 1]
            second = None if code == _UNKNOWN else Second(PARTS[int(code) // 2], bool(int(code) % 2))
            start = max(int(ring[at]), first) - first
            found[start:] = [second] * (count - start)
        return found
