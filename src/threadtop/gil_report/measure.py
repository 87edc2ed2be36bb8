"""A few seconds of one process's GIL, read from a source until they are over or the process has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import targets, text
from threadtop.errors import TargetError
from threadtop.interest import Interest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.clock import Clock
    from threadtop.snapshot import ProcessRow, Snapshot
    from threadtop.source import Source
    from threadtop.targets import Command

_SETTLE_S: Final = 0.25  # until the watch has read its first figures
_START_S: Final = 5.0  # a command may be a shell first, and Python later
_FOUND_S: Final = 1.0  # a process that runs is known to be Python by then, or is none
_FIRST_STEP_S: Final = 0.1  # a short-lived target is read a few times before it ends
_STEP_S: Final = 1.0
LOST_READS: Final = 2  # in a row without a GIL that may be a hiccup
_LEAST_LEFT_S: Final = 0.01  # no read of its own for less


class Measured(NamedTuple):
    """The last snapshot of the target, and each thread's CPU in % of one core over ``seconds``.

    ``ended`` says in words that the target ended before ``asked_s`` were over, "" if it did not.
    """

    snapshot: Snapshot
    process: ProcessRow
    cpu_pct: Mapping[int, float | None]
    seconds: float
    asked_s: float
    ended: str
    is_interrupted: bool


def measure(live: Source, pid: int, seconds: float, clock: Clock, command: Command | None = None) -> Measured:
    """Read process ``pid`` for so many seconds, until it ends or the user has seen enough; raises TargetError."""
    reading = _Reading(live, pid, command)
    first = _settled(reading, clock, _START_S if command else _FOUND_S)
    reading.has_begun = True
    last: ProcessRow | None = None
    began = at = clock.monotonic()
    is_interrupted = False
    try:
        while (left_s := began + seconds - at) > _LEAST_LEFT_S and not is_interrupted:
            step_s = min(_STEP_S, max(_FIRST_STEP_S, at - began))
            try:
                clock.sleep(left_s if left_s < step_s * 1.5 else step_s)
            except KeyboardInterrupt:
                is_interrupted = True  # one more read: what there is up to now
            now = reading.next()
            if now is None:
                break
            last, at = now, clock.monotonic()
    except KeyboardInterrupt:
        is_interrupted = True
    if last is None or reading.snapshot is None:
        if is_interrupted:
            raise KeyboardInterrupt
        raise reading.failure()
    cpu_pct = _cpu(first, last, at - began)
    return Measured(reading.snapshot, last, cpu_pct, at - began, seconds, reading.ended, is_interrupted)


def _settled(reading: _Reading, clock: Clock, patience_s: float) -> ProcessRow:
    """The process once its GIL is watched: the row that the measurement begins with; raises TargetError."""
    began = clock.monotonic()
    while True:
        row = reading.next()
        if row is None:
            raise reading.failure()
        waited_s = clock.monotonic() - began
        if row.gil is not None and waited_s >= _SETTLE_S:
            return row
        if row.gil is None and waited_s >= patience_s:
            name = text.plain(text.visible(row.process))
            message = f"process {row.pid} ({name}) is no CPython: it has no GIL"
            raise TargetError(message, f"threadtop {row.pid} shows what its threads wait for")
        clock.sleep(_SETTLE_S)


class _Reading:
    """One process, read again and again while it is the same and alive."""

    def __init__(self, live: Source, pid: int, command: Command | None) -> None:
        self.snapshot: Snapshot | None = None
        self.ended = ""
        self.has_begun = False
        self._is_python = False
        self._live = live
        self._pid = pid
        self._command = command
        self._interest = Interest(attached=frozenset({pid}), gil=frozenset({pid}), everything=True)
        self._start_ticks: int | None = None
        self._row: ProcessRow | None = None
        self._lost = 0

    def next(self) -> ProcessRow | None:
        """The process as it is now; None once it has ended, and ``ended`` says how."""
        snapshot = self._live.read(self._interest)
        row = snapshot.processes.get(self._pid) if snapshot else None
        is_same = row is not None and self._start_ticks in (None, row.start_ticks)
        # While it ends it is still listed, but has no memory; an exec of another program looks the same.
        has_lost_it = row is not None and row.gil is None and self.has_begun and not row.has_ended
        if has_lost_it and is_same and self._lost < LOST_READS:
            self._lost += 1  # a walk through its lists may have failed: the watch attaches again in a moment
            return self._row
        if snapshot is None or row is None or row.has_ended or not is_same or has_lost_it:
            self.ended = targets.ended({self._pid}, self._command)
            if has_lost_it and (self._command is None or self._command.outcome() is None):
                self.ended += ", or runs another program now"
            return None
        self.snapshot, self._start_ticks, self._row, self._lost = snapshot, row.start_ticks, row, 0
        self._is_python |= row.gil is not None
        return row

    def failure(self) -> TargetError:
        """What to say where it has ended too soon."""
        what = "anything was measured" if self._is_python else "it was seen to be a CPython"
        message = f"{self.ended} before {what}"
        if self._command:
            return TargetError(message, "give it more to do")
        return TargetError(message, "threadtop gil -- COMMAND watches one from its start")


def _cpu(first: ProcessRow, last: ProcessRow, seconds: float) -> dict[int, float | None]:
    """Each thread's CPU between two rows of its process, in % of one core."""
    shares: dict[int, float | None] = {}
    for tid, row in last.threads.items():
        before = first.threads.get(tid)
        before_ns = before.cpu_ns if before is not None and before.key == row.key else 0
        if row.cpu_ns is None or before_ns is None or seconds <= 0:
            shares[tid] = None
        else:
            shares[tid] = (row.cpu_ns - before_ns) / 1e7 / seconds
    return shares
