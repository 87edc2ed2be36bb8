"""What a watch costs, in % of a core: its thread's CPU time between two ticks; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadtop.sample import WatchCost


class WatchShare:
    """Holds the CPU time of a watch as of the last tick."""

    def __init__(self) -> None:
        """No tick yet."""
        self._last: tuple[int, int] | None = None  # CPU ns of the watch, and when

    def take(self, cost: WatchCost | None, at_ns: int) -> float | None:
        """What it cost since the last tick; None before there are two, and while nothing is watched."""
        before, self._last = self._last, (cost.cpu_ns, at_ns) if cost else None
        if before is None or self._last is None:
            return None
        (old_ns, old_at_ns), (cpu_ns, at_ns) = before, self._last
        return (cpu_ns - old_ns) / (at_ns - old_at_ns) * 100 if cpu_ns >= old_ns and at_ns > old_at_ns else None
