"""A recording of the scripted machine: an hour of which the scripted seconds are the part that is looked at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from threadtop.recording.player import Player
from threadtop.recording.reader import Mark, Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.interest import Interest
    from threadtop.recording.replay import Replay
    from threadtop.snapshot import Snapshot

TICKS = 3600
PLACE = 2133
BEGUN = ((310, "switch-storm", False), (1404, "starved", True), (2121, "gil-bound", True), (2890, "thread-leak", False))


class _Replay:
    """What a Player asks of a recording."""

    def __init__(self, shots: Sequence[Snapshot]) -> None:
        self._shots = shots
        first = shots[-1].time - PLACE
        ticks = [Tick(at + 1, first + at, at * 10**9, at % 60 == 0, 1, 1) for at in range(TICKS)]
        marks = [Mark(at + 1, kind, 4211, is_problem) for at, kind, is_problem in BEGUN]
        self.recording = SimpleNamespace(ticks=ticks, marks=lambda: marks)
        self.at = -1

    def __len__(self) -> int:
        return TICKS

    def read(self, _interest: Interest) -> Snapshot | None:
        """Nothing follows."""
        return None

    def seek(self, index: int) -> list[Snapshot]:
        """The scripted seconds, wherever it goes."""
        self.at = index
        return list(self._shots)

    def close(self) -> None:
        """Nothing to give back."""


def player(shots: Sequence[Snapshot]) -> Player:
    """A player that stands at the last of these."""
    return Player(cast("Replay", _Replay(shots)), start=PLACE)
