"""Two sides matched: who is new or gone, what changed and by how much, which findings came, went or stay; pure.

On one boot of one machine a thread is known by its ids and its start.  Between boots, machines and runs of a program
nothing has the same ids: then groups are compared, of the threads of a program that have one name but for digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from threadtop.comparing.averages import mean_parts
from threadtop.comparing.entries import ESTIMATE_LEAST, LEAST_PART, MEASURES, THREADS, Entry, total
from threadtop.query import name_label
from threadtop.snapshot import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from threadtop.comparing.entries import Measure, Side
    from threadtop.snapshot import Finding

By: TypeAlias = Literal["ids", "names"]
BOOT_S: Final = 5.0  # two boots are further apart than the clock is set by, and than figures are rounded
MOSTLY_LEAST: Final = 20.0  # points that one reason gives and the other takes: less is noise
MOSTLY_POINTS: Final = 5.0  # what another reason counts, to be ranked by


class Delta(NamedTuple):
    """One figure that changed by more than noise, and the points by which that is ranked."""

    measure: Measure
    before: float
    after: float

    @property
    def difference(self) -> float:
        """By how much; that of an estimate is one."""
        found = self.after - self.before
        return Estimate(found) if isinstance(self.before, Estimate) or isinstance(self.after, Estimate) else found

    @property
    def points(self) -> float:
        """How much that is, in points of a core."""
        return abs(self.difference) / self.measure.per_point


class Change(NamedTuple):
    """Something that is on both sides and differs: the largest difference first.

    ``mostly`` is where most of its time went before and after, where that is another.
    """

    before: Entry
    after: Entry
    deltas: tuple[Delta, ...]
    mostly: tuple[str, str] | None = None

    @property
    def points(self) -> float:
        """What it is ranked by: its largest difference."""
        return max((delta.points for delta in self.deltas), default=0.0) or (MOSTLY_POINTS if self.mostly else 0.0)


class FoundChange(NamedTuple):
    """A finding that came (no ``before``), went (no ``after``) or stays."""

    before: Finding | None
    after: Finding | None

    @property
    def newest(self) -> Finding:
        """How it reads now, or read last."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 one of the two is there
        return found


class Quiet(NamedTuple):
    """How many were left out because nothing of theirs is more than noise."""

    new: int
    gone: int
    changed: int


class Comparison(NamedTuple):
    """Two sides compared, each list the largest first; ``both`` counts what is on both sides."""

    before: Side
    after: Side
    level: Literal["threads", "processes"]
    by: By
    both: int
    new: tuple[Entry, ...]
    gone: tuple[Entry, ...]
    changed: tuple[Change, ...]
    quiet: Quiet
    findings: tuple[FoundChange, ...]


def compare(
    before: Side,
    after: Side,
    *,
    threads: bool = True,
    by: By | None = None,
    keep: Callable[[Entry], bool] = lambda _: True,
) -> Comparison:
    """What is different; ``by`` None chooses how to match; kept is what ``keep`` holds for on either side."""
    by = by or matching(before, after)
    sides = [side.threads if threads else side.processes for side in (before, after)]
    key = _key(before, after, by, threads=threads)
    olds, news = ({key(entry): entry for entry in entries} for entries in sides)
    if by == "names":
        olds, news = (_grouped(entries, key) for entries in sides)
    olds_kept, news_kept = ({name for name, entry in entries.items() if keep(entry)} for entries in (olds, news))
    kept = olds_kept | news_kept
    both = [name for name in olds if name in news and name in kept]
    new = [entry for name, entry in news.items() if name not in olds and name in kept]
    gone = [entry for name, entry in olds.items() if name not in news and name in kept]
    has_several = by == "names" or not threads
    changes = [change(olds[name], news[name], has_several=has_several) for name in both]
    told = [one for one in changes if one.points]
    told_new, told_gone = ([entry for entry in entries if activity(entry)] for entries in (new, gone))
    return Comparison(
        before,
        after,
        "threads" if threads else "processes",
        by,
        len(both),
        tuple(sorted(told_new, key=_by_activity)),
        tuple(sorted(told_gone, key=_by_activity)),
        tuple(sorted(told, key=lambda one: (-one.points, *_name(one.after)))),
        Quiet(len(new) - len(told_new), len(gone) - len(told_gone), len(changes) - len(told)),
        _findings(before.findings, after.findings, by),
    )


# -- matching ----------------------------------------------------------------------------------


def matching(before: Side, after: Side) -> By:
    """By ids, where both are of one boot and some thread is on both sides; else by names."""
    if not is_one_boot(before, after):
        return "names"
    key = _key(before, after, "ids", threads=True)
    return "ids" if {key(entry) for entry in before.threads} & {key(entry) for entry in after.threads} else "names"


def is_one_boot(before: Side, after: Side) -> bool:
    """Whether both are of one machine, which was not started anew between them."""
    return before.host == after.host and abs(before.boot_time - after.boot_time) <= BOOT_S


def _key(before: Side, after: Side, by: By, *, threads: bool) -> Callable[[Entry], Hashable]:
    if by == "names":
        if threads:
            return lambda entry: name_label(entry.process, entry.name, kernel=entry.kernel)
        return lambda entry: name_label(entry.process, entry.process, kernel=entry.kernel)
    if before.has_starts and after.has_starts:
        return lambda entry: (entry.pid, entry.tid, entry.start_ticks)
    return lambda entry: (entry.pid, entry.tid, entry.process)


def _grouped(entries: Iterable[Entry], key: Callable[[Entry], Hashable]) -> dict[Hashable, Entry]:
    groups: dict[Hashable, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(key(entry), []).append(entry)
    return {label: _group(str(label), members) for label, members in groups.items()}


def _group(label: str, members: list[Entry]) -> Entry:
    """Several as one: their figures added up."""
    first = members[0]
    if len(members) == 1:
        return first._replace(name=label)
    reasons = [entry.reason for entry in members]
    users = {entry.user for entry in members}
    figures: dict[str, Any] = {one.key: total(members, one.key) for one in MEASURES}
    return first._replace(
        pid=first.pid if len({entry.pid for entry in members}) == 1 else -1,
        tid=-1,
        start_ticks=0,
        name=label,
        user=first.user if len(users) == 1 else "*",
        threads=sum(entry.threads for entry in members),
        lived_s=max(entry.lived_s for entry in members),
        **figures,
        parts=mean_parts(members),
        reason=max(reasons, key=reasons.count),
    )


# -- differences -------------------------------------------------------------------------------


def change(before: Entry, after: Entry, *, has_several: bool = False) -> Change:
    """What is different between the two by more than noise."""
    measures = (*MEASURES, THREADS) if has_several else MEASURES
    deltas = [
        Delta(measure, old, new)
        for measure in measures
        if (old := before.figure(measure)) is not None
        and (new := after.figure(measure)) is not None
        and is_more_than_noise(measure, old, new)
    ]
    return Change(before, after, tuple(sorted(deltas, key=lambda delta: -delta.points)), _mostly(before, after))


def is_more_than_noise(measure: Measure, before: float, after: float) -> bool:
    """Whether a figure changed by at least what its measure asks, and by a tenth of the larger one."""
    is_estimate = isinstance(before, Estimate) or isinstance(after, Estimate)
    least = max(measure.least, ESTIMATE_LEAST) if is_estimate else measure.least
    return abs(after - before) >= max(least, LEAST_PART * max(before, after))


def activity(entry: Entry) -> float:
    """What one that is on one side only is ranked by: its largest figure in points, 0 where all are noise."""
    figures = [(measure, entry.figure(measure) or 0.0) for measure in MEASURES]
    return max((value / one.per_point for one, value in figures if is_more_than_noise(one, 0.0, value)), default=0.0)


def _mostly(before: Entry, after: Entry) -> tuple[str, str] | None:
    old, new = before.mostly, after.mostly
    if old is None or new is None or old == new:
        return None
    has_moved = min(before.part(old) - after.part(old), after.part(new) - before.part(new)) >= MOSTLY_LEAST
    return (old, new) if has_moved else None


def _name(entry: Entry) -> tuple[str, str, int, int]:
    return entry.process, entry.name, entry.pid, entry.tid


def _by_activity(entry: Entry) -> tuple[float, str, str, int, int]:
    return -activity(entry), *_name(entry)


# -- findings ----------------------------------------------------------------------------------


def _findings(before: Iterable[Finding], after: Iterable[Finding], by: By) -> tuple[FoundChange, ...]:
    """Those that came, then those that went, then those that stay; each the most severe first."""

    def key(found: Finding) -> Hashable:
        return (found.kind, found.process) if by == "names" else (found.kind, found.pid, found.process)

    olds, news = ({key(found): found for found in reversed(list(each))} for each in (before, after))
    pairs = [FoundChange(olds.get(name), news.get(name)) for name in {**news, **olds}]
    return tuple(
        sorted(
            pairs,
            key=lambda one: (
                2 if one.before and one.after else 1 if one.before else 0,
                -one.newest.severity,
                one.newest.process,
                one.newest.kind,
                one.newest.pid,
            ),
        )
    )
