"""Samples to snapshots: rates, then what each lens adds; the same for a live machine and for a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop import rates
from threadtop.lenses.blocked import BlockedLens
from threadtop.lenses.locks import NO_RANGES, LocksLens
from threadtop.lenses.python import PythonLens
from threadtop.lenses.time import TimeLens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.sample import Sample
    from threadtop.snapshot import Snapshot


class Meaning:
    """Fed each sample once, in order; holds the one before and what the lenses keep of their windows."""

    def __init__(self, python: PythonLens | None = None) -> None:
        """Nothing seen yet."""
        self.python = python or PythonLens()
        self.time = TimeLens()
        self._blocked = BlockedLens()
        self._locks = LocksLens()
        self._before: Sample | None = None
        self._last: Snapshot | None = None

    @property
    def sample(self) -> Sample | None:
        """The newest."""
        return self._before

    def rates(self, sample: Sample) -> Snapshot:
        """What the counters of the next sample say, with rates since the one before."""
        self._last = rates.snapshot(self._before, sample, self._last)
        self._before = sample
        return self._last

    def shares(
        self, sample: Sample, raw: Snapshot, gils: Mapping[int, Sequence[tuple[int, int]]] = NO_RANGES
    ) -> Snapshot:
        """``raw``, the rates of ``sample``, with what its looks say; ``gils`` are where GILs lie, by pid."""
        return self._locks.apply(sample, self._blocked.apply(sample, self.windows(sample, raw)), gils)

    def windows(self, sample: Sample, raw: Snapshot) -> Snapshot:
        """Only what later samples need of this one: shares over the lenses' windows."""
        return self.time.apply(sample, self.python.apply(sample, raw))

    def in_passing(self, sample: Sample, *, with_time: bool = True) -> Snapshot:
        """The snapshot of a sample that is only looked back on: rates, and who held which GIL when.

        ``with_time``: sampled time, too, which takes longer than all the rest.
        """
        raw = self.python.apply(sample, self.rates(sample), in_passing=True)
        return self.time.apply(sample, raw, in_passing=not with_time)
