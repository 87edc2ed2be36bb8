"""Where snapshots come from; live and scripted sources are the same to every front end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol

from threadtop import findings, rates
from threadtop.gil.watch import Watch
from threadtop.lenses.python import WINDOW_S, PythonLens
from threadtop.procfs.reader import ProcReader
from threadtop.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.interest import Interest
    from threadtop.sample import Sample
    from threadtop.snapshot import Snapshot


WATCH_DESCRIPTORS: Final = 512  # for the threads of watched processes that move


class Source(Protocol):
    """Gives one snapshot after the other."""

    def read(self, interest: Interest) -> Snapshot | None:
        """The next snapshot, with what ``interest`` names read whole; None if there is no more."""

    def close(self) -> None:
        """Give back what it holds."""


class LiveSource:
    """The machine it runs on, now: the pass over /proc, the watch of GILs, what both mean."""

    def __init__(self, sampler: Sampler, watch: Watch | None = None, lens: PythonLens | None = None) -> None:
        """Take samples from ``sampler``; without a ``watch`` nothing is known of GILs."""
        self._sampler = sampler
        self._watch = watch
        self._lens = lens or PythonLens()
        self._before: Sample | None = None
        self._last: Snapshot | None = None

    def read(self, interest: Interest) -> Snapshot:
        """One pass over /proc, with rates since the one before."""
        sample = self._sampler.sample(interest)
        raw = self._last = rates.snapshot(self._before, sample, self._last)
        self._before = sample
        if self._watch is None:
            return raw
        self._follow(self._watch, interest, raw)
        sample = sample._replace(gils=self._watch.take(), watch=self._watch.cost())
        snapshot = self._lens.apply(sample, raw)
        return snapshot._replace(findings=findings.diagnose(snapshot)) if sample.gils else snapshot

    def _follow(self, watch: Watch, interest: Interest, raw: Snapshot) -> None:
        """Those that are looked at come first, then those whose counters smell of contention."""
        # As it starts, threadtop itself looks like one: it is watched only if that is asked for.
        suspects = self._lens.suspects(raw, watch.strangers() | {os.getpid()})
        asked = sorted(interest.gil)
        pids = [*asked, *sorted(suspects - interest.gil)]
        watch.follow({pid: raw.processes[pid].start_ticks for pid in pids if pid in raw.processes})

    def close(self) -> None:
        """Close the descriptors."""
        self._sampler.close()
        if self._watch is not None:
            self._watch.close()


class Deferred:
    """The live source, made in the thread that first reads it: the screen need not wait for it."""

    def __init__(self) -> None:
        """Nothing is opened yet."""
        self._source: LiveSource | None = None

    def read(self, interest: Interest) -> Snapshot:
        """As LiveSource."""
        if self._source is None:
            self._source = live()
        return self._source.read(interest)

    def close(self) -> None:
        """As LiveSource."""
        if self._source is not None:
            self._source.close()


class ScriptedSource:
    """Snapshots made beforehand, for tests and pictures: no clock, no /proc."""

    def __init__(self, snapshots: Iterable[Snapshot]) -> None:
        """Give ``snapshots`` one by one."""
        self._left = iter(snapshots)
        self.interests: list[Interest] = []

    def read(self, interest: Interest) -> Snapshot | None:
        """The next of them; what was asked for is kept in ``interests``."""
        self.interests.append(interest)
        return next(self._left, None)

    def close(self) -> None:
        """Nothing to give back."""


def live(*, gil_window_s: float = WINDOW_S) -> LiveSource:
    """The source that reads this machine's /proc; GIL shares are over the last ``gil_window_s``."""
    # psutil is imported with it: here, so that --help and errors stay quick.
    from threadtop.host import HostReader, user_name  # noqa: PLC0415

    reader = ProcReader()
    sampler = Sampler(reader, HostReader(reader).read, user_name=user_name)
    # A reader of its own: the watch reads in its own thread.
    watch = Watch(ProcReader(descriptors=WATCH_DESCRIPTORS))
    return LiveSource(sampler, watch, PythonLens(window_s=gil_window_s))
