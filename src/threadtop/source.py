"""Where snapshots come from; live and scripted sources are the same to every front end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from threadtop import rates
from threadtop.procfs.reader import ProcReader
from threadtop.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.interest import Interest
    from threadtop.sample import Sample
    from threadtop.snapshot import Snapshot


class Source(Protocol):
    """Gives one snapshot after the other."""

    def read(self, interest: Interest) -> Snapshot | None:
        """The next snapshot, with what ``interest`` names read whole; None if there is no more."""

    def close(self) -> None:
        """Give back what it holds."""


class LiveSource:
    """The machine it runs on, now."""

    def __init__(self, sampler: Sampler) -> None:
        """Take samples from ``sampler``."""
        self._sampler = sampler
        self._before: Sample | None = None
        self._last: Snapshot | None = None

    def read(self, interest: Interest) -> Snapshot:
        """One pass over /proc, with rates since the one before."""
        sample = self._sampler.sample(interest)
        self._last = rates.snapshot(self._before, sample, self._last)
        self._before = sample
        return self._last

    def close(self) -> None:
        """Close the descriptors."""
        self._sampler.close()


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


def live() -> LiveSource:
    """The source that reads this machine's /proc."""
    # psutil is imported with it: here, so that --help and errors stay quick.
    from threadtop.host import HostReader, user_name  # noqa: PLC0415

    reader = ProcReader()
    return LiveSource(Sampler(reader, HostReader(reader).read, user_name=user_name))
