"""A recording as a source of snapshots: the next one, or that of any tick, as the live screen showed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.errors import RecordingError
from threadtop.meaning import Meaning
from threadtop.recording.reader import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from threadtop.interest import Interest
    from threadtop.moment import Moment
    from threadtop.snapshot import Snapshot

# What a snapshot says comes from the ticks of the lenses' windows: 5 s, and half a tick before them; looks come a
# little before their tick.
WINDOW_NS: Final = 5_300_000_000
LEAST_TICKS: Final = 3


class Replay:
    """Snapshots of a recording; ``at`` is the index of the tick that was given last, -1 before the first."""

    def __init__(self, path: Path) -> None:
        """Open a recording; raises RecordingError."""
        self.recording = Recording(path)
        self.at = -1
        self._meaning = Meaning()
        self._moments: Iterator[Moment] | None = None

    def __len__(self) -> int:
        """How many ticks there are."""
        return len(self.recording.ticks)

    def read(self, _interest: Interest) -> Snapshot | None:
        """The snapshot of the next tick, whatever is looked at; None at the end."""
        if self.at + 1 >= len(self):
            return None
        self.at += 1
        return self._snapshot(self._next())

    def seek(self, index: int) -> list[Snapshot]:
        """The snapshot of a tick, or the nearest there is; before it come those that its shares and rates look back on.

        In these threads are not said to be blocked on anything, and have no sampled shares; locks are not told.
        """
        index = max(0, min(index, len(self) - 1))
        ticks = self.recording.ticks
        gap_ns = ticks[index].at_ns - ticks[max(0, index - 1)].at_ns
        start = self.recording.first_of(index, WINDOW_NS + max(0, gap_ns) // 2, LEAST_TICKS)
        self._meaning = Meaning()
        self._moments = self.recording.moments(start, len(self), index)
        self.at = index
        shots = [self._meaning.in_passing(self._next().sample, with_time=False) for _ in range(start, index)]
        return [*shots, self._snapshot(self._next())]

    def look_back(self, index: int, ticks: int) -> Iterator[Snapshot]:
        """The snapshots of so many ticks before a tick, and its own, as ``seek`` has those before; ``at`` stays.

        They have sampled time, too.
        """
        meaning = Meaning()
        for moment in self.recording.moments(max(0, index - ticks), index + 1, index + 1):
            yield meaning.in_passing(moment.sample)

    def _next(self) -> Moment:
        if self._moments is None:
            self._moments = self.recording.moments(self.at, len(self))
        try:
            return next(self._moments)
        except RecordingError:
            self._moments = None  # the ticks behind what is damaged may be whole
            raise

    def _snapshot(self, moment: Moment) -> Snapshot:
        shot = self._meaning.shares(moment.sample, self._meaning.rates(moment.sample), moment.gils)
        return shot._replace(findings=moment.findings)

    def close(self) -> None:
        """Let the file go."""
        self._moments = None  # its cursors are closed before what they belong to
        self.recording.close()
