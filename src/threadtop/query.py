"""A snapshot as a table: filter, sort, group, fold, pick columns; pure, with a stable order."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from threadtop import fields, text
from threadtop.filters import value_of
from threadtop.interest import CMDLINE
from threadtop.snapshot import GroupRow, ProcessRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from threadtop.fields import Field
    from threadtop.filters import Filter
    from threadtop.snapshot import Key, Row, Snapshot

Layout = Literal["flat", "tree", "programs", "names"]
LAYOUTS: Final[tuple[Layout, ...]] = ("flat", "tree", "programs", "names")
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class View:
    """How the table is made; the reader's choices, none of the data."""

    columns: tuple[str, ...] = fields.DEFAULT_COLUMNS
    layout: Layout = "flat"
    threads: bool = True
    sort: str = "cpu_pct"
    descending: bool = True
    filter: Filter | None = None
    user: str | None = None
    hide_idle: bool = False
    hide_kernel: bool = False
    per_machine: bool = False
    full_command: bool = False
    folded: frozenset[Key] = frozenset()
    all_folded: bool = False

    def is_folded(self, key: Key) -> bool:
        """Whether the rows below a heading are hidden; ``folded`` holds the exceptions to ``all_folded``."""
        return (key in self.folded) != self.all_folded

    def sorted_by(self, key: str) -> View:
        """The view sorted by a field, in the order that field shows first."""
        return replace(self, sort=key, descending=fields.BY_KEY[key].descending)

    def needs(self) -> frozenset[str]:
        """The costly reads that columns, sort and filter want."""
        shown = [fields.BY_KEY[key] for key in (*self.columns, self.sort)]
        needs = fields.needs((*shown, *(self.filter.fields if self.filter else ())))
        return needs | {CMDLINE} if self.full_command or self.filter else needs


class Table(NamedTuple):
    """What is shown: rows in order, the columns, and how many rows were left out as idle."""

    rows: Sequence[Row]
    columns: tuple[Field, ...]
    view: View
    hidden_idle: int
    cores: int


def table(snapshot: Snapshot, view: View, held: Sequence[Key] | None = None, steady: Steady | None = None) -> Table:
    """The rows of a snapshot under a view.

    With ``held``, rows that were on the table before keep that order and new ones follow, so that
    nothing moves under the reader's hand; ``steady`` spares small moves from tick to tick.
    """
    if steady is not None:
        steady.begin(view.sort, descending=view.descending)
    hidden = 0
    rows: Sequence[Row]
    processes: Iterable[ProcessRow] = chain(snapshot.processes.values(), snapshot.gone)
    if view.hide_kernel:
        processes = [row for row in processes if not row.kernel]
    if view.user is not None:
        processes = [row for row in processes if view.user in (row.user, str(row.uid))]
    keep = _keeper(snapshot, view)
    if not view.threads:
        rows, hidden = keep(list(processes))
        rows = _in_order(rows, snapshot, view, held, steady)
    elif view.layout == "tree":
        rows, hidden = _tree(list(processes), snapshot, view, held, keep)
    else:
        rows, hidden = keep(_threads(processes))
        if view.layout == "flat":
            rows = _in_order(rows, snapshot, view, held, steady)
        else:
            rows = _groups(rows, snapshot, view, held)
    return Table(rows, tuple(fields.BY_KEY[key] for key in view.columns), view, hidden, len(snapshot.host.cores))


def _threads(processes: Iterable[ProcessRow]) -> list[Row]:
    rows: list[Row] = []
    for process in processes:
        rows.extend(process.threads.values())
        rows.extend(process.gone)
    return rows


def _keeper(snapshot: Snapshot, view: View) -> Callable[[list[Row]], tuple[list[Row], int]]:
    """The filter and the idle switch as one function: the rows kept and how many idle ones were not."""

    def keep(rows: list[Row]) -> tuple[list[Row], int]:
        if view.filter is not None:
            matches = view.filter.matches
            rows = [row for row in rows if matches(row, snapshot.processes)]
        if not view.hide_idle:
            return rows, 0
        busy = [row for row in rows if not row.is_idle]
        return busy, len(rows) - len(busy)

    return keep


# -- order -------------------------------------------------------------------------------------


def _in_order(
    rows: Iterable[Row],
    snapshot: Snapshot,
    view: View,
    held: Sequence[Key] | None,
    steady: Steady | None = None,
) -> list[Row]:
    if held is not None:
        place = {key: index for index, key in enumerate(held)}
        last = len(place)
        return sorted(rows, key=lambda row: place.get(row.key, last))
    field = fields.BY_KEY[view.sort]
    return ordered(list(rows), field, snapshot.processes, descending=view.descending, steady=steady)


_SHOWN_DIGITS: Final = {"percent": 1, "bar": 1, "rate": 0}
_LEAST_MOVE: Final = {"percent": 0.5, "bar": 2.0, "rate": 2.0}  # up to that, and up to a tenth, a row keeps its place
_LASTING_TICKS: Final = 20  # a move in one direction that lasts so long is no tremble
_REST_TICKS: Final = 5


class _Rank(NamedTuple):
    """What a row is ranked by; for how many ticks its figure was below (negative) or above; and at rest."""

    value: float
    off: int = 0
    rest: int = 0


class Steady:
    """What rows were ranked by so far: a row moves only once its figure has moved far, or for long.

    Each move costs a row of bytes, and a list in motion cannot be read.  A row that comes to rest
    keeps its place for some ticks too.
    """

    def __init__(self) -> None:
        """Nothing ranked yet."""
        self._order: tuple[str, bool] | None = None
        self._ranks: dict[Key, _Rank] = {}

    def begin(self, sort: str, *, descending: bool) -> None:
        """Rank by this from now on; another order begins anew."""
        if self._order != (sort, descending):
            self._order = (sort, descending)
            self._ranks = {}

    def ranked(self, valued: list[tuple[Any, Row]], resting: list[Row], kind: str) -> list[tuple[Any, Row]]:
        """The rows with the figures they are ranked by; rows that just came to rest are taken from ``resting``."""
        least, shown = _LEAST_MOVE[kind], 0.5 / 10 ** _SHOWN_DIGITS[kind]
        ranks: dict[Key, _Rank] = {}
        result = []
        for value, row in valued:
            key = row.key
            rank = _moved(self._ranks.get(key), value, least, shown)
            ranks[key] = rank
            result.append((rank.value, row))
        rested = {key[1] for key in self._ranks.keys() - ranks.keys()}
        if rested:
            for index in [index for index, row in enumerate(resting) if row.tid in rested]:
                row = resting[index]
                rank = self._ranks.get(row.key, _Rank(0.0, rest=_REST_TICKS))
                if rank.value <= least and rank.rest < _REST_TICKS:
                    ranks[row.key] = rank._replace(rest=rank.rest + 1)
                    result.append((rank.value, row))
            taken = {row.key for _, row in result[len(valued) :]}
            resting[:] = [row for row in resting if row.tid not in rested or row.key not in taken]
        self._ranks = ranks
        return result


def _moved(rank: _Rank | None, value: float, least: float, shown: float) -> _Rank:
    """A row's rank after one more tick with ``value``; less than ``shown`` is no difference to the eye."""
    if rank is None or abs(value - rank.value) > max(least, rank.value / 10):
        return _Rank(value)
    off = 0
    if value > rank.value + shown:
        off = max(rank.off, 0) + 1
    elif value < rank.value - shown:
        off = min(rank.off, 0) - 1
    return _Rank(value) if abs(off) >= _LASTING_TICKS else _Rank(rank.value, off)


def ordered(
    rows: list[Row],
    field: Field,
    processes: Mapping[int, ProcessRow],
    *,
    descending: bool,
    steady: Steady | None = None,
) -> list[Row]:
    """Rows sorted by a field; equal ones keep their order, unknown ones come last.

    Shares and rates compare as they are shown, so that rows which look equal do not change places.
    Most rows are at rest, with 0: these are not sorted at all.
    """
    digits = _SHOWN_DIGITS.get(field.kind)
    least = 0.0 if digits is None else 0.5 / 10**digits  # what rounds to 0 ranks as 0
    resting: list[Row] = []
    unknown: list[Row] = []
    valued: list[tuple[Any, Row]] = []
    for value, row in zip(map(value_of(field, processes), rows), rows, strict=True):
        if not value:
            (resting if value is not None else unknown).append(row)
        elif digits is None or value >= least:
            valued.append((value, row))
        else:
            resting.append(row)
    if digits is not None:
        if steady is not None:
            valued = steady.ranked(valued, resting, field.kind)
        valued.sort(key=lambda pair: round(pair[0], digits), reverse=descending)
    elif field.kind == "text":
        valued.sort(key=lambda pair: str(pair[0]).lower(), reverse=descending)
    else:
        valued = [pair for pair in valued if pair[0] is not text.SHARED]
        negative = [pair for pair in valued if pair[0] < 0]  # nice and priority
        valued = [pair for pair in valued if pair[0] > 0]
        negative.sort(key=_first, reverse=descending)
        valued.sort(key=_first, reverse=descending)
        if negative:
            first, last = (valued, negative) if descending else (negative, valued)
            return [*map(_second, first), *resting, *map(_second, last), *unknown]
    some = [row for _, row in valued]
    return [*some, *resting, *unknown] if descending else [*resting, *some, *unknown]


def _first(pair: tuple[Any, Row]) -> Any:  # noqa: ANN401 a field's value
    return pair[0]


def _second(pair: tuple[Any, Row]) -> Row:
    return pair[1]


# -- layouts -----------------------------------------------------------------------------------


def _tree(
    processes: list[Row],
    snapshot: Snapshot,
    view: View,
    held: Sequence[Key] | None,
    keep: Callable[[list[Row]], tuple[list[Row], int]],
) -> tuple[list[Row], int]:
    """Processes, each followed by its threads unless folded; one stays if it or any thread passes."""
    rows: list[Row] = []
    hidden = 0
    below: dict[Key, list[Row]] = {}
    shown: list[Row] = []
    for process in processes:
        if not isinstance(process, ProcessRow):
            continue
        threads, idle = keep(_threads([process]))
        hidden += idle
        if threads or (keep([process])[0] and not idle):
            shown.append(process)
            below[process.key] = threads
    for heading in _in_order(shown, snapshot, view, held):
        rows.append(heading)
        if not view.is_folded(heading.key):
            rows.extend(_in_order(below[heading.key], snapshot, view, held))
    return rows, hidden


_DIGITS: Final = re.compile(r"\d+")


def group_label(row: Row, layout: Layout) -> str:
    """What a thread is grouped by: its program, or its program and its name without numbers."""
    return row.process if layout == "programs" else name_label(row.process, row.name, kernel=row.kernel)


def name_label(process: str, name: str, *, kernel: bool) -> str:
    """What threads of one kind of work have in common: their program and their name without numbers."""
    if kernel:
        return _DIGITS.sub("#", name)  # a process each, but one kind of work
    return process if name == process else f"{process} [{_DIGITS.sub('#', name)}]"


def _groups(rows: list[Row], snapshot: Snapshot, view: View, held: Sequence[Key] | None) -> list[Row]:
    members: dict[str, list[Row]] = {}
    for row in rows:
        members.setdefault(group_label(row, view.layout), []).append(row)
    headings: list[Row] = [_group(label, group) for label, group in members.items()]
    result: list[Row] = []
    for heading in _in_order(headings, snapshot, view, held):
        result.append(heading)
        if isinstance(heading, GroupRow) and not view.is_folded(heading.key):
            result.extend(_in_order(heading.members, snapshot, view, held))
    return result


def _group(label: str, rows: list[Row]) -> GroupRow:
    users = {row.user for row in rows}
    states = Counter(row.state for row in rows)
    # One letter for the group: the most telling state that any member is in.
    state = next((letter for letter in "RDTtZ" if letter in states), next(iter(states)))
    sums = [_total(getattr(row, key) for row in rows) for key in _SUMMED]
    return GroupRow(
        label=label,
        members=tuple(rows),
        user=users.pop() if len(users) == 1 else "*",
        state=state,
        cpu_pct=sums[0],
        user_pct=sums[1],
        system_pct=sums[2],
        wait_pct=sums[3],
        vol_per_s=sums[4],
        invol_per_s=sums[5],
        cpu_ns=_total(row.cpu_ns for row in rows),
    )


_SUMMED: Final = ("cpu_pct", "user_pct", "system_pct", "wait_pct", "vol_per_s", "invol_per_s")


def _total(values: Iterable[_Number | None]) -> _Number | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
