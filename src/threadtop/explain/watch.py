"""Some seconds of snapshots, for one process, several, or the machine, and the findings in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import targets
from threadtop.errors import UsageError
from threadtop.finding_text import belongs_to
from threadtop.interest import Interest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.clock import Clock
    from threadtop.snapshot import Finding, ProcessRow, Snapshot
    from threadtop.source import Source
    from threadtop.targets import Command

STEP_S: Final = 1.0  # what rules call a tick; more often, and shares say less
SETTLE_S: Final = 0.2  # between the first two readings: the watches take their first looks
MOST_VISIBLE: Final = 200  # threads of each process that are read whole each time
_LEAST_LEFT_S: Final = 0.05  # no reading of its own for less
_SEEN: Final = 2  # readings in which a finding that has gone since must have been
_SHARPER: Final = {
    "waits-on-one-lock": frozenset({"deadlock", "deadlock-suspected"}),
    "deadlock-suspected": frozenset({"deadlock"}),
    "starved": frozenset({"throttled"}),
}
"""What a finding becomes once more is known: it has not gone then."""


class Watched(NamedTuple):
    """What was watched: the last snapshot, the processes asked for in it (none: the machine), and what was found.

    ``gone`` are the findings that held earlier and no longer at the end; ``ended`` says in words that all that was
    asked for ended before ``asked_s`` were over, "" if it did not.
    """

    snapshot: Snapshot
    processes: tuple[ProcessRow, ...]
    found: tuple[Finding, ...]
    gone: frozenset[tuple[str, int, int]]
    seconds: float
    asked_s: float
    readings: int
    ended: str
    is_interrupted: bool


def identity(found: Finding) -> tuple[str, int, int]:
    """What is the same finding from snapshot to snapshot: its kind and its process."""
    return found.kind, found.pid, found.start_ticks


def watch(live: Source, pids: frozenset[int], seconds: float, clock: Clock, command: Command | None = None) -> Watched:
    """Read for so many seconds, until all ``pids`` have ended or the user has seen enough; raises UsageError."""
    reading = _Reading(live, pids, command)
    if not reading.next():
        raise reading.failure()
    began = at = clock.monotonic()
    is_interrupted = False
    try:
        while (left_s := began + seconds - at) > _LEAST_LEFT_S and not is_interrupted:
            step_s = SETTLE_S if at == began else STEP_S
            try:
                clock.sleep(left_s if left_s < step_s * 1.5 else step_s)
            except KeyboardInterrupt:
                is_interrupted = True  # one more reading: what there is up to now
            if not reading.next():
                break
            at = clock.monotonic()
    except KeyboardInterrupt:
        is_interrupted = True
    snapshot = reading.snapshot
    if snapshot is None or snapshot.interval_s is None:
        if is_interrupted:
            raise KeyboardInterrupt
        raise reading.failure()
    found, gone = reading.found()
    rows = tuple(snapshot.processes[pid] for pid in sorted(pids) if pid in snapshot.processes)
    return Watched(snapshot, rows, found, gone, at - began, seconds, reading.readings, reading.ended, is_interrupted)


class _Reading:
    """The processes asked for, read again and again while one of them is alive."""

    def __init__(self, live: Source, pids: frozenset[int], command: Command | None) -> None:
        self.snapshot: Snapshot | None = None
        self.readings = 0
        self.ended = ""
        self._live = live
        self._pids = pids
        self._command = command
        self._start_ticks: dict[int, int] = {}
        self._seen: dict[tuple[str, int, int], tuple[int, Finding]] = {}

    def next(self) -> bool:
        """One more snapshot; False once there is nothing left to watch, and ``ended`` says how."""
        if self._command is not None:
            self._command.outcome()  # reaps it
        snapshot = self._live.read(self._interest())
        alive = {pid for pid in self._pids if snapshot is not None and self._is_alive(snapshot, pid)}
        if snapshot is None or (self._pids and not alive):
            self.ended = targets.ended(self._pids, self._command)
            return False
        for pid in alive:
            self._start_ticks.setdefault(pid, snapshot.processes[pid].start_ticks)
        self.snapshot = snapshot
        self.readings += 1
        for found in snapshot.findings:
            if not self._pids or any(belongs_to(found, row) for row in _rows(snapshot, alive)):
                before = self._seen.get(identity(found), (0, found))
                self._seen[identity(found)] = (before[0] + 1, found)
        return True

    def _is_alive(self, snapshot: Snapshot, pid: int) -> bool:
        row = snapshot.processes.get(pid)
        return row is not None and not row.has_ended and self._start_ticks.get(pid) in (None, row.start_ticks)

    def _interest(self) -> Interest:
        """All of the machine, for what takes a CPU from a process is another one; the processes asked for closely."""
        visible: set[tuple[int, int]] = set()
        if self.snapshot is not None:
            for row in _rows(self.snapshot, self._pids):
                visible.update((row.pid, tid) for tid in list(row.threads)[:MOST_VISIBLE])
        return Interest(visible=frozenset(visible), gil=self._pids, waits=self._pids)

    def found(self) -> tuple[tuple[Finding, ...], frozenset[tuple[str, int, int]]]:
        """What was found, the worst first, and what of it holds no longer."""
        last = {identity(found) for found in self.snapshot.findings} if self.snapshot else set()
        kept = [found for key, (seen, found) in self._seen.items() if key in last or seen >= _SEEN]
        now = [found for found in kept if identity(found) in last]
        kept = [found for found in kept if identity(found) in last or not any(_tells_more(one, found) for one in now)]
        kept.sort(key=lambda found: (-found.severity, found.pid, found.kind))
        return tuple(kept), frozenset(map(identity, kept)) - last

    def failure(self) -> UsageError:
        """What to say where there is nothing to explain."""
        message = f"{self.ended or 'there is nothing to watch'} before anything was seen"
        return UsageError(message, "threadtop --explain -- COMMAND watches one from its start")


def _tells_more(found: Finding, than: Finding) -> bool:
    """Whether a finding says of a process what another one said before, and more."""
    return found.kind in _SHARPER.get(than.kind, ()) and (found.pid, found.start_ticks) == (than.pid, than.start_ticks)


def _rows(snapshot: Snapshot, pids: Iterable[int]) -> list[ProcessRow]:
    return [snapshot.processes[pid] for pid in pids if pid in snapshot.processes]
