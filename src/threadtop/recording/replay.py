"""A recording as a source of snapshots: the next one, or that of any tick, as the live screen showed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.meaning import Meaning
from threadtop.recording.reader import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from threadtop.interest import Interest
    from threadtop.moment import Moment
    from threadtop.snapshot import Snapshot

# What a snapshot says comes from the ticks of the lenses' windows: 5 s, and the tick before them.
WINDOW_NS: Final = 6_500_000_000
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
        if self._moments is None:
            self._moments = self.recording.moments(self.at + 1, len(self))
        self.at += 1
        return self._snapshot(next(self._moments))

    def seek(self, index: int) -> list[Snapshot]:
        """The snapshot of a tick, or the nearest there is; before it come those that its shares and rates look back on.

        In these threads are not said to be blocked on anything, and locks are not told.
        """
        index = max(0, min(index, len(self) - 1))
        start = self.recording.first_of(index, WINDOW_NS, LEAST_TICKS)
        self._meaning = Meaning()
        self._moments = self.recording.moments(start, len(self))
        self.at = index
        shots = []
        for _ in range(start, index):
            sample = next(self._moments).sample
            shots.append(self._meaning.windows(sample, self._meaning.rates(sample)))
        return [*shots, self._snapshot(next(self._moments))]

    def _snapshot(self, moment: Moment) -> Snapshot:
        shot = self._meaning.shares(moment.sample, self._meaning.rates(moment.sample), moment.gils)
        return shot._replace(findings=moment.findings)

    def close(self) -> None:
        """Let the file go."""
        self._moments = None  # its cursors are closed before what they belong to
        self.recording.close()
