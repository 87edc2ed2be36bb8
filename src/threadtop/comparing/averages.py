"""Snapshots of a stretch of time to one Side: means of what their rows say, weighted by the time they stand for; pure.

A row that did not change is the same object from snapshot to snapshot: it is looked at once, when it has changed or at
the end, with the time for which it stood.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from threadtop.comparing.entries import MEASURES, Entry, Machine, Side, total
from threadtop.snapshot import Estimate, ProcessRow, ThreadRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.snapshot import Finding, Key, Snapshot

_OF_GIL: Final = ("gil_pct", "gil_wait_pct")
_OF_THREADS: Final = (*_OF_GIL, "lock_pct", "disk_pct")
_COUNTED: Final = tuple(measure.key for measure in MEASURES if measure.key not in _OF_THREADS)
_LASTING: Final = 2  # ticks in which a finding that has gone since must have been


class _Mean:
    """The mean of a figure over the time in which it was known."""

    __slots__ = ("is_estimate", "known_s", "total")

    def __init__(self) -> None:
        self.total = self.known_s = 0.0
        self.is_estimate = False

    def add(self, value: float | None, seconds: float) -> None:
        if value is not None:
            self.total += value * seconds
            self.known_s += seconds
            self.is_estimate |= isinstance(value, Estimate)

    def value(self, part: float = 1.0, lived_s: float = 0.0) -> float | None:
        """The mean, of which ``part`` counts; None if it was known for less than half of ``lived_s``."""
        if not self.known_s or self.known_s * 2 < lived_s:
            return None
        found = self.total / self.known_s * part
        return Estimate(found) if self.is_estimate else found


class _Seen:
    """A thread or process so far; ``since`` is when its row came to stand, None once it has ended."""

    __slots__ = ("figures", "lived_s", "parts", "reasons", "row", "since", "states", "threads")

    def __init__(self, row: ThreadRow | ProcessRow, since: float) -> None:
        self.row = row
        self.since: float | None = since
        self.lived_s = 0.0
        self.figures: defaultdict[str, _Mean] = defaultdict(_Mean)
        self.threads = 0.0
        self.parts: defaultdict[str, float] = defaultdict(float)  # seconds, as the two below
        self.reasons: defaultdict[str | None, float] = defaultdict(float)
        self.states: defaultdict[str, float] = defaultdict(float)

    def take(self, row: ThreadRow | ProcessRow | None, now: float) -> None:
        """Its row stood until ``now``, and ``row`` does from then on; None: it has ended."""
        if self.since is not None and now > self.since:
            self._add(now - self.since)
        self.since = now if row is not None else None
        if row is not None:
            self.row = row

    def _add(self, seconds: float) -> None:
        row = self.row
        self.lived_s += seconds
        self.states[row.state] += seconds
        for key in _COUNTED:
            self.figures[key].add(getattr(row, key), seconds)
        if isinstance(row, ProcessRow):
            self.threads += row.thread_count * seconds
            return
        for key in _OF_GIL:
            self.figures[key].add(getattr(row, key), seconds)
        self.reasons[row.reason] += seconds
        if (time := row.time) is None:
            return
        self.figures["disk_pct"].add(time.of("disk"), seconds)
        # Who slept on a futex all the time may be parked; one look cannot tell that from a wait for a lock.
        lock_pct = time.of("lock")
        self.figures["lock_pct"].add(0.0 if time.is_whole else None if time.is_hint else lock_pct, seconds)
        for part, share in (("cpu", time.cpu_pct), ("runq", time.runq_pct), *time.blocked):
            self.parts[part] += share * seconds

    def entry(self, seconds: float) -> Entry:
        """It over a stretch of so many seconds."""
        row = self.row
        part = self.lived_s / seconds if seconds else 0.0
        figures: dict[str, Any] = {key: mean.value(part, self.lived_s) for key, mean in self.figures.items()}
        return Entry(
            pid=row.pid,
            tid=row.tid,
            start_ticks=row.start_ticks,
            process=row.process,
            name=row.name,
            command=row.command,
            user=row.user,
            kernel=row.kernel,
            threads=part if isinstance(row, ThreadRow) else self.threads / seconds if seconds else row.thread_count,
            lived_s=self.lived_s,
            **figures,
            parts=_in_percent(self.parts),
            reason=max(self.reasons, key=self.reasons.__getitem__, default=getattr(row, "reason", None)),
            state=max(self.states, key=self.states.__getitem__, default=row.state),
        )


class Averages:
    """Fed the snapshots of a stretch of time in order; each stands for its own interval."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._now = 0.0
        self._ticks = 0
        self._first: Snapshot | None = None
        self._last: Snapshot | None = None
        self._threads: dict[Key, _Seen] = {}
        self._processes: dict[Key, _Seen] = {}
        self._machine = {key: _Mean() for key in ("cpu_pct", "waiting", "switches_per_s", "threads")}
        self._found: dict[tuple[str, int, int], tuple[int, Finding]] = {}

    def add(self, shot: Snapshot) -> None:
        """Take the next snapshot; one without an interval says who is there, and counts for nothing else."""
        before, seconds = self._now, shot.interval_s or 0.0
        self._now += seconds
        self._ticks += bool(seconds)
        last = self._last.processes if self._last is not None else {}
        for pid, row in shot.processes.items():
            old = last.get(pid)
            if old is row:
                continue
            if old is not None and old.start_ticks != row.start_ticks:
                self._end(old, before)
                old = None
            _take(self._processes, row, before)
            self._take_threads(row, old, before)
        for pid in last.keys() - shot.processes.keys():
            self._end(last[pid], before)
        for finding in shot.findings:
            key = finding.kind, finding.pid, finding.start_ticks
            self._found[key] = (self._found.get(key, (0, finding))[0] + 1, finding)
        self._add_machine(shot, seconds)
        self._first = self._first or shot
        self._last = shot

    def _take_threads(self, row: ProcessRow, old: ProcessRow | None, before: float) -> None:
        was = old.threads if old is not None else {}
        for tid, thread in row.threads.items():
            before_it = was.get(tid)
            if before_it is thread:
                continue
            if before_it is not None and before_it.start_ticks != thread.start_ticks:
                self._threads[before_it.key].take(None, before)
            _take(self._threads, thread, before)
        for tid in was.keys() - row.threads.keys():
            self._threads[was[tid].key].take(None, before)

    def _end(self, row: ProcessRow, before: float) -> None:
        self._processes[row.key].take(None, before)
        for thread in row.threads.values():
            self._threads[thread.key].take(None, before)

    def _add_machine(self, shot: Snapshot, seconds: float) -> None:
        host = shot.host
        figures = {
            "cpu_pct": host.cpu.busy_pct if host.cpu else None,
            "waiting": shot.totals.waiting_cores,
            "switches_per_s": host.switches_per_s,
            "threads": shot.totals.threads,
        }
        for key, value in figures.items():
            self._machine[key].add(value, seconds)

    def side(self, source: str) -> Side:
        """All of it as one side; ``source`` is where it is from."""
        first, last = self._first, self._last
        if first is None or last is None:
            raise ValueError
        for seen in (*self._threads.values(), *self._processes.values()):
            if seen.since is not None:
                seen.take(seen.row, self._now)
        threads = [seen.entry(self._now) for seen in self._threads.values()]
        return Side(
            source=source,
            host=last.host.hostname,
            boot_time=last.host.boot_time,
            begin=first.time - (first.interval_s or 0.0),
            end=last.time,
            seconds=self._now,
            ticks=self._ticks,
            machine=Machine(len(last.host.cores), **{key: mean.value() for key, mean in self._machine.items()}),
            threads=tuple(threads),
            processes=tuple(_with_shares((seen.entry(self._now) for seen in self._processes.values()), threads)),
            findings=self._findings({(found.kind, found.pid, found.start_ticks) for found in last.findings}),
        )

    def _findings(self, last: set[tuple[str, int, int]]) -> tuple[Finding, ...]:
        """Those that hold at the end, or held in more than one tick."""
        kept = [found for key, (ticks, found) in self._found.items() if key in last or ticks >= _LASTING]
        return tuple(sorted(kept, key=lambda found: (-found.severity, found.pid, found.kind)))


def _take(seen: dict[Key, _Seen], row: ThreadRow | ProcessRow, before: float) -> None:
    """Let ``row`` stand from ``before`` on."""
    known = seen.get(row.key)
    if known is None:
        seen[row.key] = _Seen(row, before)
    else:
        known.take(row, before)


def _with_shares(processes: Iterable[Entry], threads: Iterable[Entry]) -> list[Entry]:
    """Processes with what their threads tell: shares of the GIL and of waiting, added up; where their time went."""
    by_pid: dict[int, list[Entry]] = {}
    for thread in threads:
        by_pid.setdefault(thread.pid, []).append(thread)
    result = []
    for process in processes:
        own = by_pid.get(process.pid, [])
        shares: dict[str, Any] = {key: total(own, key) for key in _OF_THREADS}
        result.append(process._replace(**shares, parts=mean_parts(own)))
    return result


def mean_parts(entries: Iterable[Entry]) -> tuple[tuple[str, float], ...]:
    """Where the time of several went, each by the time it lived; the largest share first."""
    parts: defaultdict[str, float] = defaultdict(float)
    for entry in entries:
        for name, share in entry.parts:
            parts[name] += share * entry.lived_s
    return _in_percent(parts)


def _in_percent(parts: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Parts of a whole in %, the largest first."""
    whole = sum(parts.values())
    named = ((name, share / whole * 100) for name, share in parts.items() if share)
    return tuple(sorted(named, key=lambda part: -part[1]))
