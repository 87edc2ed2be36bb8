"""Feed: a daemon thread that reads a source at an interval and hands on the latest snapshot.

A plain thread, never an executor's: a read that is stuck in the kernel must not keep the program
alive after ``q``.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from threadtop.interest import Interest

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.snapshot import Snapshot
    from threadtop.source import Source

LEAST_INTERVAL_S: Final = 0.1
MOST_INTERVAL_S: Final = 3600.0
FIRST_GAP_S: Final = 0.25  # the first rates come soon after the first counters
STRETCH: Final = 4  # a pass may take one part in so many of the interval, of CPU time
LOST_INTERVALS: Final = 3  # a longer gap (suspended, stopped) is no measurement


def _nobody() -> None:
    """Nobody is told: the snapshot waits to be taken."""


class Feed:
    """Reads ``source`` every ``interval_s``; calls ``deliver`` in its own thread after each pass."""

    def __init__(self, source: Source, interval_s: float) -> None:
        """A feed that is not yet started."""
        self.deliver: Callable[[], None] = _nobody
        self._source = source
        self._interval_s = interval_s
        self._wake = threading.Condition()
        self._interest = Interest()
        self._paused = False
        self._stopped = False
        self._at_once = False
        self._latest: Snapshot | None = None
        self._thread = threading.Thread(target=self._run, name="threadtop-feed", daemon=True)
        self.stretched_s: float | None = None
        self.failure: Exception | None = None

    @property
    def interval_s(self) -> float:
        """The interval asked for; the one in force is longer where ``stretched_s`` is set."""
        return self._interval_s

    def start(self) -> None:
        """Begin with a first pass at once."""
        self._thread.start()

    def stop(self) -> None:
        """End without waiting for a read that may be stuck."""
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def take(self) -> Snapshot | None:
        """The latest snapshot, once: None if there is none since the last call."""
        with self._wake:
            latest, self._latest = self._latest, None
            return latest

    def look_at(self, interest: Interest) -> None:
        """Read what ``interest`` names from the next pass on."""
        self._interest = interest

    def pause(self, paused: bool) -> None:  # noqa: FBT001 it is the one thing said
        """Stop taking passes, or go on."""
        with self._wake:
            self._paused = paused
            self._wake.notify()

    def set_interval(self, interval_s: float) -> None:
        """Take a pass every ``interval_s`` from now on."""
        with self._wake:
            self._interval_s = interval_s
            self._wake.notify()

    def hurry(self) -> None:
        """Take the next pass at once."""
        with self._wake:
            self._at_once = True
            self._wake.notify()

    def _run(self) -> None:
        passes = 0
        was_dropped = False
        started = time.monotonic()
        while self._wait_until(started, passes):
            started, cpu_s = time.monotonic(), time.thread_time()
            try:
                snapshot = self._source.read(self._interest)
            except Exception as error:  # noqa: BLE001 shown on the screen: a thread's traceback would be lost
                self.failure = error
                self.deliver()
                return
            if snapshot is None:
                return
            passes += 1
            self._note_cost(time.thread_time() - cpu_s, time.monotonic() - started)
            is_lost = snapshot.interval_s is not None and snapshot.interval_s > LOST_INTERVALS * self._interval_now()
            if is_lost and not was_dropped:  # not twice in a row: on a busy machine each gap may be long
                was_dropped, passes = True, 1  # and the next one soon
                continue
            was_dropped = False
            with self._wake:
                self._latest = snapshot
            self.deliver()
        self._source.close()

    def _interval_now(self) -> float:
        return max(self._interval_s, self.stretched_s or 0.0)

    def _note_cost(self, cpu_s: float, took_s: float) -> None:
        """Stretch the interval by what a pass costs; waiting for a CPU, as on a busy machine, costs nothing."""
        needed = max(cpu_s * STRETCH, took_s)
        self.stretched_s = needed if needed > self._interval_s else None

    def _wait_until(self, started: float, passes: int) -> bool:
        """Sleep until the next pass is due; False if the feed is to end."""
        with self._wake:
            while not self._stopped:
                gap = 0.0 if passes == 0 else self._interval_now()
                if passes == 1:
                    gap = min(gap, FIRST_GAP_S)
                left = started + gap - time.monotonic()
                if self._at_once and not self._paused:
                    left = 0.0
                if left <= 0 and not self._paused:
                    self._at_once = False
                    return True
                self._wake.wait(None if self._paused else left)
            return False
