"""A recording played as if it were live: a feed that waits between two ticks as they did, or goes where it is told.

It is a Feed to the screen; its interval is none that can be set, but a speed.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.feed import Feed
from threadtop.history import TICKS, History
from threadtop.interest import Interest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.recording.reader import Mark, Tick
    from threadtop.recording.replay import Replay
    from threadtop.snapshot import Snapshot

LEAST_SPEED, MOST_SPEED = 1 / 16, 64.0
LONGEST_S: Final = 5.0  # a longer gap (a laptop that slept) is not waited for
REST_S: Final = 0.3  # after a jump, without another one: then the minutes before it are read
_LOOK_BACK: Final = -1  # no place, but something to do
_NOBODY: Final = Interest()


class Position(NamedTuple):
    """Where a recording is: the tick shown (from 0), how many there are, wall clock of it and of both ends.

    ``marks`` are where findings began, with the place of their tick.
    """

    place: int
    total: int
    time: float
    first_time: float
    last_time: float
    speed: float
    marks: tuple[tuple[int, Mark], ...] = ()

    @property
    def is_end(self) -> bool:
        """Whether the last tick is shown."""
        return self.place == self.total - 1


class Player(Feed):
    """Plays a recording in a thread of its own."""

    def __init__(self, replay: Replay, *, speed: float = 1.0, start: int = 0) -> None:
        """Begin at tick ``start``."""
        super().__init__(replay, 1.0)
        self.speed = speed
        self.ticks: Sequence[Tick] = replay.recording.ticks
        numbers = [tick.number for tick in self.ticks]
        self._marks = tuple((bisect_left(numbers, mark.tick), mark) for mark in replay.recording.marks())
        self._replay = replay
        self._wanted: int | None = max(0, min(start, len(replay) - 1))
        self._shown = self._wanted
        self._past: list[Snapshot] | None = None
        self._is_short = True  # the minutes before what is shown were not read
        self._history: History | None = None

    # -- asked by the screen ---------------------------------------------------------------------

    @property
    def position(self) -> Position:
        """Where it is, or is going to be in a moment."""
        with self._wake:
            index = self._shown if self._wanted is None else self._wanted
        ticks = self.ticks
        return Position(
            index,
            len(ticks),
            ticks[index].time,
            ticks[0].time,
            ticks[-1].time,
            self.speed,
            self._marks,
        )

    def take_past(self) -> list[Snapshot] | None:
        """The snapshots before the latest one, where that is not the next to the one before: once."""
        with self._wake:
            past, self._past = self._past, None
            return past

    def take_history(self) -> History | None:
        """The minutes before the latest snapshot and that itself, read some time after a jump: once."""
        with self._wake:
            history, self._history = self._history, None
            return history

    def now(self) -> tuple[Snapshot, list[Snapshot]]:
        """The snapshot of the tick to begin with, and those before it; for who reads without its thread."""
        self._shown, self._wanted, self._is_short = self.position.place, None, False
        *past, _ = self._replay.look_back(self._shown, TICKS)
        snapshot, _ = self._read(self._shown)
        return snapshot, past

    def close(self) -> None:
        """Let the file go, where it was never started."""
        self._source.close()

    def go(self, index: int) -> None:
        """Show this tick, or the nearest there is, whether paused or not."""
        with self._wake:
            self._wanted = max(0, min(index, len(self.ticks) - 1))
            self._wake.notify()

    def step(self, by: int) -> None:
        """So many ticks on, or back."""
        self.go(self.position.place + by)

    def move(self, seconds: float) -> None:
        """So many seconds on, or back; at least one tick."""
        at = self.position
        index = self._at(at.time + seconds)
        self.go(max(index, at.place + 1) if seconds > 0 else min(index, at.place - 1))

    def go_to(self, time: float) -> None:
        """Show the last tick that had begun at this wall clock time, or the first."""
        self.go(self._at(time))

    def _at(self, time: float) -> int:
        return bisect_right(self.ticks, time, key=lambda tick: tick.time) - 1

    def next_mark(self, direction: int) -> Mark | None:
        """Go to where the next finding began, or the one before; None, and nothing is done, if there is none."""
        at = self.position.place
        if direction > 0:
            found = next(((index, mark) for index, mark in self._marks if index > at), None)
        else:
            found = next(((index, mark) for index, mark in reversed(self._marks) if index < at), None)
        if found is None:
            return None
        self.go(found[0])
        return found[1]

    def scale(self, factor: float) -> float:
        """Play faster or slower from now on; returns the speed."""
        with self._wake:
            self.speed = max(LEAST_SPEED, min(MOST_SPEED, self.speed * factor))
            self._wake.notify()
        return self.speed

    # -- in its thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        shown_at = time.monotonic()
        while (wanted := self._due(shown_at)) is not None:
            try:
                if wanted == _LOOK_BACK:
                    self._look_back()
                    continue
                snapshot, past = self._read(wanted)
            except Exception as error:  # noqa: BLE001 shown on the screen: a thread's traceback would be lost
                self.failure = error
                self.deliver()
                return
            shown_at = time.monotonic()
            with self._wake:
                self._shown = wanted
                if self._wanted == wanted:
                    self._wanted = None
                self._latest = snapshot
                if past is not None:
                    self._past, self._history, self._is_short = past, None, True
            self.deliver()
        self._source.close()

    def _read(self, index: int) -> tuple[Snapshot, list[Snapshot] | None]:
        if index == self._replay.at + 1 and index and (following := self._replay.read(_NOBODY)) is not None:
            return following, None
        *past, snapshot = self._replay.seek(index)
        return snapshot, past

    def _look_back(self) -> None:
        """Read the minutes before what is shown, unless it goes elsewhere meanwhile."""
        self._is_short = False
        history = History()
        for snapshot in self._replay.look_back(self._shown, TICKS):
            history.add(snapshot)
            if self._stopped or self._wanted is not None:
                return
        with self._wake:
            self._history = history
        self.deliver()

    def _due(self, shown_at: float) -> int | None:
        """Wait until another tick is to be shown, and return which, or _LOOK_BACK; None if it is to end."""
        with self._wake:
            while not self._stopped:
                if self._wanted is not None:
                    return self._wanted
                upcoming = self._shown + 1
                left = None
                if upcoming < len(self.ticks) and not self._paused:
                    gap = (self.ticks[upcoming].at_ns - self.ticks[self._shown].at_ns) / 1e9
                    left = shown_at + min(gap, LONGEST_S) / self.speed - time.monotonic()
                    if left <= 0:
                        return upcoming
                rested = shown_at + REST_S - time.monotonic() if self._is_short else None
                if rested is not None and rested <= 0:
                    return _LOOK_BACK
                self._wake.wait(min((each for each in (left, rested) if each is not None), default=None))
            return None

    def hurry(self) -> None:
        """What is shown does not change with what is looked at: nothing to do."""
