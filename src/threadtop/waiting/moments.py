"""Moments: until when a thread sleeps, by whichever clock it asked, as a moment of our own monotonic clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.waiting import peeks

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.blocked import BlockedOn
    from threadtop.waiting.namespaces import Namespaces

_OF_NAMESPACES: Final = frozenset((time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME))  # time_namespaces(7)


def ahead_ns(clock: int) -> int:
    """By how much a clock (clock_gettime(2)) is ahead of the monotonic one."""
    return time.clock_gettime_ns(clock) - time.monotonic_ns()


class Clocks(NamedTuple):
    """Our monotonic clock, and by how much another one is ahead of it."""

    now_ns: Callable[[], int] = time.monotonic_ns
    ahead_ns: Callable[[int], int] = ahead_ns

    def told(self, blocked: BlockedOn, clock: int, namespaces: Namespaces, at_ns: int) -> BlockedOn:
        """``blocked`` with its moment of ``clock`` on our own, for a sample that began at ``at_ns``.

        What was left as it was read is what the sample has left: a sleep that began after the sample would else last
        longer than it was asked to.  Of a clock of another time namespace nothing is known.
        """
        if clock in _OF_NAMESPACES and not namespaces.shares("time"):
            return blocked._replace(until_ns=None)
        late_ns = self.now_ns() - at_ns
        return peeks.on_our_clock(blocked, self.ahead_ns(clock) + late_ns, at_ns)
