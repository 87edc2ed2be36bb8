"""Totals: counters of groups that only grow, added up from pass to pass, and what a scrape is given; pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from threadtop.findings import PROBLEM
from threadtop.metrics import families, gains, names
from threadtop.metrics.families import Point, Published
from threadtop.metrics.places import Places
from threadtop.rates import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.metrics.families import Family
    from threadtop.metrics.gains import Gains, Known, Series
    from threadtop.metrics.groups import Grouping
    from threadtop.sample import ProcessSample, Sample
    from threadtop.snapshot import ProcessRow, Snapshot

Pair: TypeAlias = tuple[str, str]
"""A process group and a thread group."""

MOST_GROUPS: Final = 200
PAIRS_A_GROUP: Final = 5  # places for thread groups, to each of process groups
MOST_WATCHED: Final = 8  # at a time, as the watch of GILs has it: each costs some of one budget
_LIFETIME: Final = 1e-6  # what was used before the first pass only says who comes first


class _Counters(NamedTuple):
    """The counters of a group, and since when they count (Unix time, s)."""

    created: float
    values: dict[Series, float]


class Totals:
    """Fed each pass once, in order; holds what has been counted since it was made."""

    def __init__(self, grouping: Grouping, most_groups: int = MOST_GROUPS, *, own_pid: int = 0) -> None:
        """Count by ``grouping``, for at most ``most_groups`` process groups; ``own_pid`` is the exporter's."""
        self._grouping = grouping
        self._own_pid = own_pid
        self._known: dict[int, Known] = {}
        self._before: Sample | None = None
        self._created = 0.0
        self._passes = 0
        named = grouping.named
        self._groups: Places[str] = Places(most_groups, lambda group: group in named)
        self._pairs: Places[Pair] = Places(PAIRS_A_GROUP * most_groups, lambda pair: pair[0] in named)
        self._counters: dict[Pair, _Counters] = {}
        self._watched: frozenset[int] = frozenset()
        self._clocks: dict[str, _Counters] = {}

    def add(self, sample: Sample, snapshot: Snapshot, cgroups: Mapping[int, str] | None = None) -> Published:
        """Take the next pass, and say what there is to be scraped; ``cgroups`` are paths by pid, where known."""
        self._passes += 1
        self._created = self._created or sample.time
        before, self._before = self._before, sample
        self._follow(snapshot, cgroups or {})
        by_group: dict[str, Gains] = {}
        clocks: dict[str, float] = defaultdict(float)
        for pid, known in self._known.items():
            own = by_group.setdefault(known.group, {})
            for threads, _ in known.states:
                if threads not in own:
                    own[threads] = defaultdict(float)
            _gain(own, known, sample, before, snapshot.processes[pid])
            clocks[known.group] += _clock_s(known, sample, before, pid)
        gained = {(group, threads): own for group, part in by_group.items() for threads, own in part.items()}
        self._settle(gained, clocks, sample, is_first=before is None)
        self._count(gained, clocks, sample.time)
        return self._published(sample, snapshot)

    def to_watch(self) -> frozenset[int]:
        """The processes of which the next pass is to know more, by the pass before: the lowest pids come first."""
        wanted = self._grouping.watched
        pids = sorted(pid for pid, known in self._known.items() if known.group in wanted) if wanted else []
        self._watched = frozenset(pids[:MOST_WATCHED])
        return self._watched

    def _follow(self, snapshot: Snapshot, cgroups: Mapping[int, str]) -> None:
        """Bring what is known of processes in line with the rows."""
        for pid in self._known.keys() - snapshot.processes.keys():
            del self._known[pid]
        for pid, row in snapshot.processes.items():
            known = self._known.get(pid)
            if known is not None and known.row is row:
                continue
            if known is None or known.heading != gains.heading(row):
                group = self._grouping.group(row, cgroups.get(pid, ""))
                known = self._known[pid] = gains.Known(row, group, known)
            known.update(row, self._grouping)

    def _settle(
        self,
        gained: Mapping[Pair, Mapping[Series, float]],
        clocks: Mapping[str, float],
        sample: Sample,
        *,
        is_first: bool,
    ) -> None:
        """Decide which groups are shown: by what they ran and wanted to."""
        at_s = sample.at_ns / SECOND_NS
        wanted = {pair: sum(own.get(series, 0.0) for series in gains.WANTED) for pair, own in gained.items()}
        used = dict(clocks)
        if is_first:
            for pid, known in self._known.items():
                process = sample.processes[pid]
                used[known.group] += _LIFETIME * (process.cpu_ns or 0) / SECOND_NS
                for tid, mark in known.marks.items():
                    wanted[known.group, mark.threads] += _LIFETIME * (process.threads[tid].run_ns or 0) / SECOND_NS
        for (group, _), took in wanted.items():
            used[group] += took
        used.pop(names.OTHER, None)
        for group in self._groups.settle(used, at_s):
            self._clocks.pop(group, None)
            for pair in [pair for pair in self._counters if pair[0] == group]:
                del self._counters[pair]
        kept = {pair: took for pair, took in wanted.items() if pair[0] in self._groups and pair[1] != names.OTHER}
        for pair in self._pairs.settle(kept, at_s):
            self._counters.pop(pair, None)

    def _count(self, gained: Mapping[Pair, Mapping[Series, float]], clocks: Mapping[str, float], time: float) -> None:
        """Add the gains to the counters of the groups that are shown for them."""
        for pair, own in gained.items():
            counters = self._counters.setdefault(self._shown(pair), _Counters(time, {}))
            for series, value in own.items():
                counters.values[series] = counters.values.get(series, 0.0) + value
        for group, took in clocks.items():
            clock = self._clocks.setdefault(self._shown_group(group), _Counters(time, {}))
            series = (families.PROCESS_CPU, ())
            clock.values[series] = clock.values.get(series, 0.0) + took

    def _shown_group(self, group: str) -> str:
        return group if group in self._groups else names.OTHER

    def _shown(self, pair: Pair) -> Pair:
        if pair[0] not in self._groups:
            return names.OTHER, names.OTHER
        return pair if pair in self._pairs else (pair[0], names.OTHER)

    # -- what is scraped -----------------------------------------------------------------------

    def _published(self, sample: Sample, snapshot: Snapshot) -> Published:
        points: dict[Family, list[Point]] = {family: [] for family in families.FAMILIES}
        for labels, counters in (*self._counters.items(), *(((group,), own) for group, own in self._clocks.items())):
            for (family, more), value in counters.values.items():
                points[family].append(Point((*labels, *more), value, counters.created))
        for family, counts in self._gauges(snapshot).items():
            points[family] += [Point(labels, count) for labels, count in counts.items()]
        for family, value in self._own(sample, snapshot):
            points[family].append(Point((), value, self._created if family.kind == "counter" else None))
        return Published(sample.at_ns, {family: tuple(found) for family, found in points.items()})

    def _gauges(self, snapshot: Snapshot) -> dict[Family, Counter[tuple[str, ...]]]:
        """What is counted anew in each pass."""
        found: dict[Family, Counter[tuple[str, ...]]] = defaultdict(Counter)
        for pid, known in self._known.items():
            group = self._shown_group(known.group)
            found[families.PROCESSES][group,] += 1
            for (threads, letter), count in known.states.items():
                labels = (*self._shown((known.group, threads)), names.state(letter))
                found[families.THREADS][labels] += count
            for (threads, kind), count in known.reasons.items():
                shown = self._shown((known.group, threads))
                parked = known.parked[threads] if kind == "lock" else 0
                for labels, number in (((*shown, kind), count - parked), ((*shown, gains.PARKED), parked)):
                    if number > 0:
                        found[families.BLOCKED_THREADS][labels] += number
            if known.group in self._grouping.watched:
                found[families.WATCHED][group,] += pid in self._watched
            gil = snapshot.processes[pid].gil
            if gil is not None:
                found[families.GIL_WATCHED][group, gil.grade] += 1
        for each in snapshot.findings:
            of = self._known.get(each.pid)
            group = self._shown_group(of.group if of is not None else names.label(each.process))
            severity = "problem" if each.severity >= PROBLEM else "observation"
            found[families.FINDINGS][group, each.kind, severity, each.grade] += 1
        return found

    def _own(self, sample: Sample, snapshot: Snapshot) -> Iterable[tuple[Family, float]]:
        """What the passes are like, and what they cost."""
        yield families.FOLDED, self._groups.folded
        yield families.FOLDED_THREADS, self._pairs.folded
        yield families.PASSES, self._passes
        yield families.PASS, sample.cost.pass_ns / SECOND_NS
        if snapshot.interval_s is not None:
            yield families.PASS_INTERVAL, snapshot.interval_s
        yield families.PASS_TIME, sample.time
        yield families.NOTES, len(sample.notes)
        yield families.OWN_CPU, sample.cost.own_cpu_ns / SECOND_NS
        own = sample.processes.get(self._own_pid)
        if own is not None:
            yield families.OWN_MEMORY, own.rss_bytes


def _gain(own: Gains, known: Known, now: Sample, before: Sample | None, row: ProcessRow) -> None:
    """Add what one process gained since the pass before; of a first pass, which counters are known."""
    old = _same(before, now, row.pid)
    gap_ns = now.at_ns - before.at_ns if before is not None else 0
    gains.count(own, now.processes[row.pid], old, known.marks, gap_ns)
    if old is not None:
        gains.share(own, row, known, gap_ns / SECOND_NS)


def _same(before: Sample | None, now: Sample, pid: int) -> ProcessSample | None:
    """The process in the pass before; None where it was not there."""
    old = before.processes.get(pid) if before is not None else None
    return old if old is not None and old.start_ticks == now.processes[pid].start_ticks else None


def _clock_s(known: Known, now: Sample, before: Sample | None, pid: int) -> float:
    """CPU time that a process's clock gained since it was last known; a pass in which threads ended may not know it.

    What it had before the process was first seen counts where it fits into the interval.
    """
    clock_ns = now.processes[pid].cpu_ns
    if clock_ns is None:
        return 0.0
    last_ns, known.clock_ns = known.clock_ns, clock_ns
    if last_ns is not None:
        return max(0, clock_ns - last_ns) / SECOND_NS
    if before is None or _same(before, now, pid) is not None:
        return 0.0
    most_ns = (now.at_ns - before.at_ns) * max(1, len(now.host.cores))
    return clock_ns / SECOND_NS if clock_ns <= most_ns else 0.0
