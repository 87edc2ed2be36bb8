"""What commands that watch for a while ask of a clock: the module ``time``, or what tests put in its place."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The clock, which tests replace."""

    def monotonic(self) -> float:
        """Seconds."""

    def sleep(self, seconds: float, /) -> None:
        """Let so many of them pass."""
