"""What stands in a recording as JSON, and rows of integers: samples to these, and back to equal samples; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from threadtop.blocked import BlockedOn, LatelyLock, LockSample, LocksSample, LockWait, WaitSample, WaitTally
from threadtop.errors import RecordingError
from threadtop.procfs.reasons import KINDS
from threadtop.recording import trust
from threadtop.recording.packing import deflated, inflated
from threadtop.sample import (
    CgroupSample,
    Cost,
    CpuTimes,
    GilLock,
    GilMoment,
    GilSample,
    GilTally,
    HostSample,
    SleepTally,
    WatchCost,
)
from threadtop.snapshot import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_PYTHON: Final = (None, False, True)
_CODES: Final = {is_python: code for code, is_python in enumerate(_PYTHON)}
Made = TypeVar("Made")


dumped: Final = json.JSONEncoder(separators=(",", ":")).encode
"""JSON of ASCII, which holds what is not UTF-8, too."""


REREAD_WIDTH: Final = 2  # pid, read_ns

# -- GIL ---------------------------------------------------------------------------------------

GIL_WIDTH: Final = 1 + (len(GilTally._fields) - 1) + 1 + len(SleepTally._fields)


def gil_rows(gil: GilSample) -> dict[int, tuple[int, ...]]:
    """Its tallies, and the sleeps that stand beside them, as integers by tid."""
    rows = {}
    none = (0,) * (1 + len(SleepTally._fields))
    for tid, tally in gil.threads.items():
        sleeps = gil.sleeps.get(tid)
        rows[tid] = (_CODES[tally[0]], *tally[1:], *(none if sleeps is None else (1, *sleeps)))
    for tid in gil.sleeps.keys() - gil.threads.keys():
        rows[tid] = (-1, *(0,) * (len(GilTally._fields) - 1), 1, *gil.sleeps[tid])
    return rows


def gil_facts(gil: GilSample) -> str:
    """All of it but tallies and moments."""
    facts = gil._asdict()
    for name in ("threads", "sleeps", "moments"):
        del facts[name]
    facts["locks"] = [lock._asdict() for lock in gil.locks]
    return dumped(facts)


def gil_moments(gil: GilSample) -> bytes:
    """When it was looked at, relative to ``at_ns``, and who held each lock."""
    rows = [[moment.at_ns - gil.at_ns, moment.holders, moment.asleep] for moment in gil.moments]
    return deflated(dumped(rows).encode())


def _gil_tallies(rows: Mapping[int, tuple[int, ...]], split: int) -> dict[int, GilTally]:
    """What of rows, all of one width, are tallies; there are many: they are made as GilTally itself would make them."""
    if len(next(iter(rows.values()), (0,) * GIL_WIDTH)) != GIL_WIDTH:
        raise ValueError(len(rows))
    new = tuple.__new__
    return {tid: new(GilTally, (_PYTHON[row[0]], *row[1:split])) for tid, row in rows.items() if row[0] >= 0}


class _Later(Mapping[int, Made]):
    """What is made when it is first asked for: of most ticks that a seek passes nobody asks.

    Then raises RecordingError.
    """

    def __init__(self, what: str, make: Callable[[], Mapping[int, Made]]) -> None:
        """Not made yet."""
        self._what = what
        self._make = make

    @cached_property
    def _all(self) -> Mapping[int, Made]:
        return trust.made(self._what, self._make)

    def __getitem__(self, tid: int) -> Made:
        return self._all[tid]

    def __iter__(self) -> Iterator[int]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def gil_sample(facts: str, rows: Callable[[], Mapping[int, tuple[int, ...]]], moments: bytes | None) -> GilSample:
    """What these were made of, ``rows`` giving the tallies; raises RecordingError."""
    split = len(GilTally._fields)

    def sleeps() -> dict[int, SleepTally]:
        return {tid: SleepTally(*row[split + 1 :]) for tid, row in rows().items() if row[split]}

    def made() -> GilSample:
        said = json.loads(facts)
        said["locks"] = tuple(
            trust.record(GilLock, {**lock, "interpreters": tuple(lock["interpreters"])}) for lock in said["locks"]
        )
        said["idents"] = {int(ident): int(tid) for ident, tid in said["idents"].items()}
        return trust.record(
            GilSample,
            said,
            threads=_Later("gil", lambda: _gil_tallies(rows(), split)),
            sleeps=_Later("gil", sleeps),
            moments=tuple(
                trust.checked(GilMoment(said["at_ns"] + after_ns, tuple(holders), tuple(asleep)))
                for after_ns, holders, asleep in (json.loads(inflated(moments)) if moments else ())
            ),
        )

    return trust.made("gil", made)


# -- waits -------------------------------------------------------------------------------------

WAITS_WIDTH: Final = 1 + len(KINDS)


def wait_rows(waits: WaitSample) -> dict[int, tuple[int, ...]]:
    """Its tallies as integers by tid: looks, then the weight of each kind."""
    return {tid: (tally.looks, *(tally.rounds.get(kind, 0) for kind in KINDS)) for tid, tally in waits.threads.items()}


def wait_facts(waits: WaitSample) -> str:
    """All of it but tallies; the kinds, in the order of their columns."""
    facts = waits._asdict()
    del facts["threads"]
    return dumped({**facts, "kinds": KINDS})


class _WaitTallies(Mapping[int, WaitTally]):
    """Tallies that are made as they are asked for: of most threads nobody asks.  Then raises RecordingError."""

    def __init__(self, kinds: tuple[Any, ...], rows: Callable[[], Mapping[int, tuple[int, ...]]]) -> None:
        """Of rows, all of one width: looks, then the weight of each kind."""
        self._kinds = kinds
        self._tell = rows

    @cached_property
    def _rows(self) -> Mapping[int, tuple[int, ...]]:
        rows = self._tell()
        if len(next(iter(rows.values()), (0, *self._kinds))) != 1 + len(self._kinds):
            what = "waits"
            raise RecordingError.damaged(what)
        return rows

    def __getitem__(self, tid: int) -> WaitTally:
        row = self._rows[tid]
        weights = {kind: weight for kind, weight in zip(self._kinds, row[1:], strict=True) if weight}
        return WaitTally(row[0], weights)

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def wait_sample(facts: str, rows: Callable[[], Mapping[int, tuple[int, ...]]]) -> WaitSample:
    """What these were made of, ``rows`` giving the tallies; raises RecordingError."""

    def made() -> WaitSample:
        said = json.loads(facts)
        kinds: tuple[Any, ...] = tuple(map(trust.text, said.pop("kinds")))
        return trust.record(WaitSample, said, threads=_WaitTallies(kinds, rows))

    return trust.made("waits", made)


# -- what is small -----------------------------------------------------------------------------


def blocked_body(changed: Mapping[int, BlockedOn], gone: Iterable[int]) -> bytes:
    """What is known of what changed, by tid, and who is no longer blocked on anything."""
    names = BlockedOn._fields
    body: dict[int, dict[str, Any] | None] = {
        tid: {name: value for name, value in zip(names, blocked, strict=True) if value is not None and value != ""}
        for tid, blocked in changed.items()
    }
    return deflated(dumped({**body, **dict.fromkeys(gone)}).encode())


def blocked_changes(body: bytes | None) -> dict[int, dict[str, Any] | None]:
    """What ``blocked_body`` was given, unchecked but for the tids; None is one that is gone; raises RecordingError."""

    def made() -> dict[int, dict[str, Any] | None]:
        return {
            int(tid): None if said is None else dict(said) for tid, said in json.loads(inflated(body or b"")).items()
        }

    return trust.made("blocked", made)


def blocked_said(said: str | None) -> dict[str, Any] | None:
    """The same of one thread, as format 1 has it; raises RecordingError."""
    return None if said is None else trust.made("blocked", lambda: dict(json.loads(said)))


def blocked_on(said: Mapping[str, Any]) -> BlockedOn:
    """One of ``blocked_changes``; raises RecordingError."""
    return trust.made("blocked", lambda: trust.record(BlockedOn, said))


def locks_facts(locks: LocksSample) -> str:
    """All of it but the locks."""
    said = locks._asdict()
    del said["locks"], said["lately"]
    return dumped(said)


def lock_places(locks: LocksSample) -> dict[LockSample, int]:
    """Where each lock stands."""
    return {lock: place for place, lock in enumerate(locks.locks)}


def locks_body(locks: LocksSample, places: Mapping[LockSample, int]) -> bytes:
    """The locks: where they stand in an earlier sample and how many follow, or all of one; those of the last ticks."""
    body: list[list[int] | dict[str, Any]] = []
    upcoming = -1
    for lock in locks.locks:
        place = places.get(lock, -1)
        if place < 0:
            body.append({**lock._asdict(), "waits": [wait._asdict() for wait in lock.waits]})
            upcoming = -1
        elif place == upcoming:
            body[-1][1] += 1  # type: ignore[index]
            upcoming += 1
        else:
            body.append([place, 1])
            upcoming = place + 1
    return deflated(dumped([body, [one._asdict() for one in locks.lately]]).encode())


def locks_sample(facts: str, body: bytes | None, first: LocksSample | None) -> LocksSample:
    """What these were made of, ``first`` being the earlier sample; raises RecordingError."""

    def made() -> LocksSample:
        said, lately = json.loads(inflated(body or b""))
        locks: list[LockSample] = []
        for one in said:
            if isinstance(one, dict):
                waits = tuple(trust.record(LockWait, wait) for wait in one["waits"])
                locks.append(trust.record(LockSample, {**one, "waits": waits}))
                continue
            place, count = one
            again = first.locks[place : place + count] if first is not None else ()
            if len(again) != count or not count:
                raise ValueError(count)
            locks += again
        return trust.record(
            LocksSample,
            json.loads(facts),
            locks=tuple(locks),
            lately=tuple(trust.record(LatelyLock, one) for one in lately),
        )

    return trust.made("locks", made)


def places(facts: str) -> tuple[tuple[int, int], ...]:
    """Address ranges; raises RecordingError."""
    return trust.made("gil_places", lambda: tuple((start + 0, end + 0) for start, end in json.loads(facts)))


def finding_more(finding: Finding) -> str:
    """What of a finding has no column."""
    return dumped({"evidence": finding.evidence, "tids": finding.tids, "next_command": finding.next_command})


def finding(columns: Sequence[Any], explanation: str, more: str) -> Finding:
    """A finding of its columns kind, pid, start_ticks, process, severity, grade, title; raises RecordingError."""

    def made() -> Finding:
        kind, pid, start_ticks, process, severity, grade, title = columns
        if not kind.isprintable():
            raise ValueError(kind)
        said = json.loads(more)
        evidence = tuple((trust.text(name), trust.text(figure)) for name, figure in said["evidence"])
        tids, command = tuple(said["tids"]), said["next_command"]
        return trust.checked(
            Finding(kind, pid, start_ticks, process, title, explanation, evidence, grade, severity, tids, command)
        )

    return trust.made("findings", made)


def host_facts(host: HostSample) -> str:
    """All of it."""
    said = host._asdict()
    said["cpu"] = host.cpu._asdict()
    said["cores"] = [core._asdict() for core in host.cores]
    said["cgroup"] = host.cgroup and host.cgroup._asdict()
    return dumped(said)


def host_sample(facts: str) -> HostSample:
    """What ``host_facts`` was given; raises RecordingError."""

    def made() -> HostSample:
        said = json.loads(facts)
        said["load"] = tuple(said["load"])
        said["cpu"] = trust.record(CpuTimes, said["cpu"])
        said["cores"] = tuple(trust.record(CpuTimes, core) for core in said["cores"])
        said["cgroup"] = None if said["cgroup"] is None else trust.record(CgroupSample, said["cgroup"])
        return trust.record(HostSample, said)

    return trust.made("host", made)


def cost_facts(cost: Cost, notes: Iterable[str], watch: WatchCost | None, wait_watch: WatchCost | None) -> str:
    """What threadtop cost, and what it noted."""
    watches = {"watch": watch and watch._asdict(), "wait_watch": wait_watch and wait_watch._asdict()}
    return dumped({**cost._asdict(), "notes": list(notes), **watches})


def costs(facts: str) -> tuple[Cost, tuple[str, ...], WatchCost | None, WatchCost | None]:
    """What ``cost_facts`` was given; raises RecordingError."""

    def made() -> tuple[Cost, tuple[str, ...], WatchCost | None, WatchCost | None]:
        said = json.loads(facts)
        notes = tuple(map(trust.text, said.pop("notes")))
        watch, wait_watch = (
            None if each is None else trust.record(WatchCost, each)
            for each in (said.pop("watch"), said.pop("wait_watch"))
        )
        said["reads"] = {name: count + 0 for name, count in said["reads"].items()}
        return trust.record(Cost, said), notes, watch, wait_watch

    return trust.made("cost", made)
