"""Passes played to the totals of metrics, and what they have to be scraped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_sample, ran, thread_sample
from threadtop import rates
from threadtop.metrics.groups import Grouping
from threadtop.metrics.totals import Totals

if TYPE_CHECKING:
    from threadtop.metrics.families import Family, Published
    from threadtop.sample import ProcessSample, Sample, ThreadSample
    from threadtop.snapshot import Snapshot


class Played:
    """Totals that are fed passes, each with the snapshot that is made of it."""

    def __init__(self, totals: Totals | None = None) -> None:
        """Nothing fed yet."""
        self.totals = totals or Totals(Grouping())
        self._sample: Sample | None = None
        self._snapshot: Snapshot | None = None

    def add(self, now: Sample, **shown: object) -> Published:
        """One pass; ``shown`` stands on its snapshot instead of what rates say."""
        self._snapshot = rates.snapshot(self._sample, now, self._snapshot)
        self._sample = now
        return self.totals.add(now, self._snapshot._replace(**shown))

    @property
    def snapshot(self) -> Snapshot:
        """The newest, as rates made it."""
        assert self._snapshot is not None
        return self._snapshot


def server(*threads: ThreadSample, pid: int = 100, **said: object) -> ProcessSample:
    """A process called server."""
    return process_sample(pid, *threads, **said)


def values(published: Published, family: Family) -> dict[tuple[str, ...], float]:
    """The points of a family, by their labels."""
    points = published.points[family]
    assert len({point.labels for point in points}) == len(points), "a series is given twice"
    return {point.labels: pytest.approx(point.value) for point in points}


def named(pid: int, name: str, run_ms: float = 0, at_s: float = 0, threads: int = 1) -> ProcessSample:
    """A process of that name, whose main thread has run so long."""
    tids = range(pid, pid + threads)
    rows = [ran(thread_sample(tid, name=f"{chr(97 + tid - pid)}x"), at_s, run_ms=run_ms) for tid in tids]
    return process_sample(pid, *rows, name=name, cpu_ns=round(run_ms * 1e6), at_ns=round(at_s * 1e9))
