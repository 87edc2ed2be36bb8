"""What a watch of GILs finds, by value, and the snapshots that the Python lens makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builders import process_sample, ran, sample, thread_sample
from threadtop import rates
from threadtop.lenses.python import PythonLens
from threadtop.rates import SECOND_NS
from threadtop.sample import GilLock, GilSample, GilTally, Sample, ThreadSample, WatchCost

if TYPE_CHECKING:
    from threadtop.snapshot import GilRow, GilShare, Snapshot

PARTS = ("with_pct", "without_pct", "wait_pct", "runq_pct", "asleep_pct", "blocked_pct")
FIGURES = ("holds_pct", *PARTS)


def tally(
    held: int = 0, asleep: int = 0, waited: int = 0, ran: int = 0, blocked: int = 0, *, is_python: bool | None = True
) -> GilTally:
    """What was found of one thread, each look standing for one round."""
    return GilTally(is_python, held + asleep + waited + ran + blocked, held, asleep, waited, ran, blocked)


def lock(rounds: int = 0, locked: int = 0, switches: int = 1000, **said: object) -> GilLock:
    """The main interpreter's GIL."""
    return GilLock((0,), True, 5000, rounds, locked, switches)._replace(**said)  # type: ignore[arg-type]


def gil(at_s: float, **said: object) -> GilSample:
    """What the watch of process 100 had found by then."""
    whole = GilSample(100, 1000, "exact", "", "", "3.12.3", 1, round(at_s * SECOND_NS), has_looks=True)
    return whole._replace(**{"locks": (lock(),), **said})  # type: ignore[arg-type]


def at(found: GilSample, *threads: ThreadSample, watch: WatchCost | None = None) -> Sample:
    """The pass that took what was found: process 100 with these threads."""
    whole = sample(found.at_ns / SECOND_NS, process_sample(100, *threads))
    return whole._replace(gils={found.pid: found}, watch=watch)


def shown(*samples: Sample, lens: PythonLens | None = None) -> list[Snapshot]:
    """Samples to snapshots with shares; rates is handed the raw ones."""
    lens = lens or PythonLens()
    raw: list[Snapshot] = []
    rich = []
    for before, now in zip((None, *samples), samples, strict=False):
        raw.append(rates.snapshot(before, now, raw[-1] if raw else None))
        rich.append(lens.apply(now, raw[-1]))
    return rich


def row(shot: Snapshot) -> GilRow:
    """What is said of process 100."""
    found = shot.processes[100].gil
    assert found is not None
    return found


def share(shot: Snapshot, tid: int = 100) -> GilShare:
    """What is said of one thread of process 100."""
    found = shot.processes[100].threads[tid].gil
    assert found is not None
    return found


def figures(one: GilShare, names: tuple[str, ...] = FIGURES) -> tuple[float | None, ...]:
    """The percentages of a share."""
    return tuple(getattr(one, name) for name in names)


def two(
    old: GilSample, new: GilSample, *, run_ms: float = 1000, threads: tuple[ThreadSample, ...] | None = None
) -> Snapshot:
    """The second of two ticks; thread 100 ran between them."""
    first = threads or (thread_sample(100),)
    second = tuple(ran(thread, new.at_ns / SECOND_NS, run_ms=run_ms) for thread in first)
    return shown(at(old, *first), at(new, *second))[-1]
