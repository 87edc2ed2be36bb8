"""Trends: what rules need over several snapshots: how long a condition has held, how counts and counters moved; pure.

Time is what the snapshots' intervals add up to.  Everything is bounded: only processes in which something of the kind
happens are remembered.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.circumstances import CgroupUse
    from threadtop.snapshot import Finding, Key, ProcessRow, Snapshot

Process: TypeAlias = tuple[int, int]
"""A process over time: pid and start time in ticks."""

WINDOW_S: Final = 5.0  # over which rates are taken: long enough for 50 periods of a quota, short enough to end soon
LEAST_TICKS: Final = 3  # a condition that held in fewer snapshots may be chance, however long they are apart
MISSES: Final = 1  # snapshots without it that do not end a condition
RECENT_S: Final = 30.0  # so long a thread counts as one that works after it last ran
MOST_PROCESSES: Final = 1024  # remembered of a kind: the oldest entry goes first


class Candidate(NamedTuple):
    """A finding whose condition must have held for ``least_s``, in ``ticks`` snapshots at least.

    ``subject`` is what it is about, "" its process.
    """

    finding: Finding
    least_s: float
    subject: str = ""
    ticks: int = LEAST_TICKS


class Held(NamedTuple):
    """A condition: since when it holds, in how many snapshots it was seen, and in which one last."""

    since_s: float
    seen: int
    tick: int


class Growth(NamedTuple):
    """A thread count that only grows: since when and from what, how often it rose, and when last."""

    since_s: float
    first: int
    latest: int
    rises: int
    rose_s: float


class Throttling(NamedTuple):
    """A cgroup over the last seconds: its quota, periods, the share of them it was stopped in, and s lost per s."""

    path: str
    quota_cores: float
    periods: int
    throttled_pct: float
    lost_s_per_s: float


class Turnover(NamedTuple):
    """Threads of a process that were seen to come and to go, a second.

    ``share_pct`` is its part of all that was seen to come on the machine, processes included.
    """

    created_per_s: float
    ended_per_s: float
    share_pct: float


class Trends:
    """Fed each snapshot once, in order; ``close`` are the processes that somebody looks at."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.at_s = 0.0
        self.ticks = 0
        self.interval_s = 0.0
        self.close: frozenset[int] = frozenset()
        self._held: dict[tuple[str, int, int, str], Held] = {}
        self._rows: dict[int, ProcessRow] = {}
        self._counts: dict[Process, Growth] = {}
        self._turnover: dict[Process, deque[tuple[float, int, int]]] = {}
        self._arrived: deque[tuple[float, int]] = deque()
        self._groups: dict[str, deque[tuple[float, CgroupUse]]] = {}
        self._last_pids: deque[tuple[float, int]] = deque()
        self._ran: dict[Key, float] = {}

    def add(self, snapshot: Snapshot, close: frozenset[int] = frozenset()) -> None:
        """Take the next snapshot."""
        self.interval_s = snapshot.interval_s or 0.0
        self.at_s += self.interval_s
        self.ticks += 1
        self.close = close
        old_rows, self._rows = self._rows, dict(snapshot.processes)
        arrived = sum(self._note(row) for pid, row in self._rows.items() if row is not old_rows.get(pid))
        if arrived:
            self._arrived.append((self.at_s, arrived))
        while self._arrived and self.at_s - self._arrived[0][0] >= WINDOW_S:
            self._arrived.popleft()
        self._forget_ended()
        if snapshot.circumstances is not None:
            self._note_groups(snapshot.circumstances.cgroups.values())
            if snapshot.circumstances.last_pid is not None:
                self._last_pids.append((self.at_s, snapshot.circumstances.last_pid))
        while len(self._last_pids) > 2 and self.at_s - self._last_pids[0][0] > WINDOW_S:  # noqa: PLR2004 a difference
            self._last_pids.popleft()

    # -- conditions ----------------------------------------------------------------------------

    def holds(self, candidates: Iterable[Candidate]) -> list[Finding]:
        """The findings whose condition has held for long enough, this snapshot included; called once for each."""
        kept = []
        for candidate in candidates:
            found = candidate.finding
            pid, start_ticks = (0, 0) if candidate.subject else (found.pid, found.start_ticks)
            key = (found.kind, pid, start_ticks, candidate.subject)
            before = self._held.get(key)
            if before is None or self.ticks - before.tick > MISSES + 1:
                before = Held(self.at_s - self.interval_s, 0, self.ticks)  # rates are of the interval up to now
            if before.tick != self.ticks or not before.seen:  # not twice for two findings on one subject
                before = Held(before.since_s, before.seen + 1, self.ticks)
            self._held[key] = before
            if before.seen >= candidate.ticks and self.at_s - before.since_s >= candidate.least_s:
                kept.append(found)
        self._held = {key: held for key, held in self._held.items() if self.ticks - held.tick <= MISSES}
        return kept

    def held_s(self, kind: str, row: ProcessRow) -> float:
        """For how long a condition of this kind has held of a process, up to now if it still does."""
        held = self._held.get((kind, row.pid, row.start_ticks, ""))
        return self.interval_s if held is None else self.at_s - held.since_s

    # -- counts and counters -------------------------------------------------------------------

    def growth(self, row: ProcessRow) -> Growth | None:
        """How the thread count of a process has grown since it last fell; None if it has not."""
        return self._counts.get((row.pid, row.start_ticks))

    def turnover(self, row: ProcessRow) -> Turnover | None:
        """The threads that came and went in the last seconds; None without any."""
        seen = self._turnover.get((row.pid, row.start_ticks))
        over_s = min(max(WINDOW_S, self.interval_s), self.at_s)
        if not seen or over_s <= 0:
            return None
        created = sum(new for _, new, _ in seen)
        arrived = sum(new for _, new in self._arrived)
        share_pct = created / arrived * 100 if arrived else 0.0
        return Turnover(created / over_s, sum(gone for _, _, gone in seen) / over_s, share_pct)

    def throttling(self, use: CgroupUse) -> Throttling | None:
        """What the quota of a group did in the last seconds; None before two readings."""
        readings = self._groups.get(use.path)
        if not readings or len(readings) < 2:  # noqa: PLR2004 a difference needs two
            return None
        (first_s, first), (last_s, last) = readings[0], readings[-1]
        periods = last.periods - first.periods
        if periods <= 0 or last_s <= first_s:
            return None
        throttled_pct = (last.throttled - first.throttled) / periods * 100
        lost = (last.throttled_ns - first.throttled_ns) / 1e9 / (last_s - first_s)
        return Throttling(use.path, last.quota_cores, periods, throttled_pct, lost)

    def tasks_per_s(self) -> float | None:
        """Processes and threads made on the whole machine, by the ids given out; None where they wrapped."""
        if len(self._last_pids) < 2:  # noqa: PLR2004 a difference needs two
            return None
        (first_s, first), (last_s, last) = self._last_pids[0], self._last_pids[-1]
        return (last - first) / (last_s - first_s) if last >= first and last_s > first_s else None

    def has_run_lately(self, key: Key) -> bool:
        """Whether a thread of a process that is looked at has run in the last RECENT_S."""
        ran_s = self._ran.get(key)
        return ran_s is not None and self.at_s - ran_s <= RECENT_S

    # -- noting --------------------------------------------------------------------------------

    def _note(self, row: ProcessRow) -> int:
        """Remember what moved in a process; returns how many threads of it are new."""
        process = (row.pid, row.start_ticks)
        growth = self._counts.pop(process, None)
        if growth is None or row.thread_count < growth.latest:
            growth = Growth(self.at_s, row.thread_count, row.thread_count, 0, self.at_s)
        elif row.thread_count > growth.latest:
            growth = growth._replace(latest=row.thread_count, rises=growth.rises + 1, rose_s=self.at_s)
        self._counts[process] = growth  # at the end: the one that has not changed for longest comes first
        created = 0
        if row.mark != "new":
            created = sum(row.threads[tid].mark == "new" for tid in row.moving if tid in row.threads)
            if created or row.gone:
                seen = self._turnover.setdefault(process, deque(maxlen=MOST_PROCESSES))
                seen.append((self.at_s, created, len(row.gone)))
        if row.pid in self.close:
            for tid in row.moving:
                if tid in row.threads and row.threads[tid].cpu_pct:
                    self._ran[row.threads[tid].key] = self.at_s
        return row.thread_count if row.mark == "new" else created

    def _note_groups(self, uses: Iterable[CgroupUse]) -> None:
        for use in {use.path: use for use in uses}.values():
            readings = self._groups.setdefault(use.path, deque())
            if readings and use.periods < readings[-1][1].periods:
                readings.clear()  # another group of that name
            readings.append((self.at_s, use))
            while self.at_s - readings[0][0] > WINDOW_S and len(readings) > 2:  # noqa: PLR2004 a difference needs two
                readings.popleft()
        self._groups = {
            path: readings for path, readings in self._groups.items() if self.at_s - readings[-1][0] <= WINDOW_S
        }

    def _forget_ended(self) -> None:
        """Drop what is of processes that have ended, and what is too old."""
        rows = self._rows
        if len(self._counts) > len(rows):
            self._counts = {
                (pid, start): growth
                for (pid, start), growth in self._counts.items()
                if pid in rows and rows[pid].start_ticks == start
            }
        for process, seen in list(self._turnover.items()):
            while seen and self.at_s - seen[0][0] >= WINDOW_S:
                seen.popleft()
            if not seen or process[0] not in rows:
                del self._turnover[process]
        for process in list(self._turnover)[:-MOST_PROCESSES]:
            del self._turnover[process]
        if self._ran:
            self._ran = {key: ran_s for key, ran_s in self._ran.items() if self.at_s - ran_s <= RECENT_S}
