"""Where snapshots come from; live and scripted sources are the same to every front end."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from threadtop import findings
from threadtop.findings.trends import Trends
from threadtop.findings.wanted import wanted
from threadtop.gil.watch import Watch
from threadtop.inside import InsideReader
from threadtop.lenses.python import WINDOW_S, PythonLens
from threadtop.meaning import Meaning
from threadtop.moment import Moment
from threadtop.procfs.reader import ProcReader
from threadtop.sampler import Sampler
from threadtop.surroundings import Surroundings
from threadtop.waiting.describe import BlockedReader
from threadtop.waiting.locks import LocksReader
from threadtop.waiting.watch import WaitWatch, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from threadtop.blocked import LocksSample
    from threadtop.interest import Interest
    from threadtop.sample import Sample
    from threadtop.snapshot import Snapshot


WATCH_DESCRIPTORS: Final = 512  # for the threads of watched processes that move
WAIT_DESCRIPTORS: Final = 2048  # for the threads that are looked at: up to three files each
MOST_OWNERS: Final = 8  # processes that are looked at closely because they own what others wait for
BLOCKED_DESCRIPTORS: Final = 64  # on the memory of processes, for the length of a tick


class Source(Protocol):
    """Gives one snapshot after the other."""

    def read(self, interest: Interest) -> Snapshot | None:
        """The next snapshot, with what ``interest`` names read whole; None if there is no more."""

    def close(self) -> None:
        """Give back what it holds."""


class LiveSource:
    """The machine it runs on, now: the pass over /proc, the watches, what they mean.

    ``keep``, where it is set, is handed each moment in the thread that reads: a recording.
    """

    def __init__(
        self,
        sampler: Sampler,
        watch: Watch | None = None,
        lens: PythonLens | None = None,
        *,
        blocked: BlockedReader | None = None,
        locks: LocksReader | None = None,
        surroundings: Surroundings | None = None,
        waits: WaitWatch | None = None,
        inside: InsideReader | None = None,
        is_folded: bool = True,
    ) -> None:
        """Take samples from ``sampler``; without a ``watch`` nothing is known of GILs, and so with the others.

        ``is_folded`` is that of findings.diagnose.
        """
        self._sampler = sampler
        self._watch = watch
        self._meaning = Meaning(lens)
        self._waits = waits
        self._blocked = blocked
        self._locks = locks
        self._surroundings = surroundings
        self._inside = inside
        self._is_folded = is_folded
        self._trends = Trends()
        self._owners: frozenset[int] = frozenset()
        self.keep: Callable[[Moment], None] | None = None

    @property
    def sample(self) -> Sample | None:
        """The raw counters that the newest snapshot was made of, for those who add them up."""
        return self._meaning.sample

    def read(self, interest: Interest) -> Snapshot:
        """One pass over /proc, with rates since the one before."""
        sample = self._sampler.sample(interest)
        wider = interest._replace(waits=interest.waits | self._owners)
        if self._blocked is not None:
            sample = _with_blocked(sample, self._blocked, wider)
        if self._locks is not None:
            sample = sample._replace(locks=self._locks.read(sample, wider))
            self._owners = owners(sample.locks, interest.waits)
        if self._inside is not None:
            sample = _with_reads(
                sample._replace(inside=self._inside.read(interest.asked, sample)), self._inside.take_reads()
            )
        raw = self._meaning.rates(sample)
        if self._watch is not None:
            self._follow(self._watch, interest, raw)
            sample = sample._replace(gils=self._watch.take(), watch=self._watch.cost())
        if self._waits is not None:
            self._waits.follow(self._wanted_waits(interest, raw))
            sample = sample._replace(waits=self._waits.take(), wait_watch=self._waits.cost())
        places = self._watch.places() if self._watch is not None and sample.locks else {}
        snapshot = self._diagnosed(self._meaning.shares(sample, raw, places), interest)
        if self.keep is not None:
            self.keep(Moment(sample, places, snapshot.findings))
        return snapshot

    def _diagnosed(self, snapshot: Snapshot, interest: Interest) -> Snapshot:
        """With what the numbers say, and the circumstances that the rules want to know for that."""
        if self._surroundings is not None:
            snapshot = snapshot._replace(circumstances=self._surroundings.read(wanted(snapshot)))
        asked = interest.waits | ((interest.attached or frozenset()) - self._owners)
        self._trends.add(snapshot, asked)
        return snapshot._replace(findings=findings.diagnose(snapshot, self._trends, is_folded=self._is_folded))

    def _follow(self, watch: Watch, interest: Interest, raw: Snapshot) -> None:
        """Those that are looked at come first, then those whose counters smell of contention."""
        # As it starts, threadtop itself looks like one: it is watched only if that is asked for.
        suspects = self._meaning.python.suspects(raw, watch.strangers() | {os.getpid()})
        asked = sorted(interest.gil)
        pids = [*asked, *sorted(suspects - interest.gil)]
        watch.follow({pid: raw.processes[pid].start_ticks for pid in pids if pid in raw.processes})

    def _wanted_waits(self, interest: Interest, raw: Snapshot) -> dict[int, Wanted]:
        """Of the processes looked at closely the threads that moved, and where they would wait for a GIL."""
        rows = [raw.processes[pid] for pid in sorted(interest.waits) if pid in raw.processes]
        places = self._watch.places() if self._watch is not None and rows else {}
        return {row.pid: Wanted(row.start_ticks, row.moving, places.get(row.pid, ())) for row in rows if not row.kernel}

    def close(self) -> None:
        """Close the descriptors."""
        self._sampler.close()
        if self._waits is not None:
            self._waits.close()
        if self._watch is not None:
            self._watch.close()
        if self._blocked is not None:
            self._blocked.close()
        if self._surroundings is not None:
            self._surroundings.close()
        if self._inside is not None:
            self._inside.close()


def owners(locks: Mapping[int, LocksSample], asked: frozenset[int]) -> frozenset[int]:
    """The other processes that own locks for which those ``asked`` for wait, and so on; a few at most.

    What they wait for themselves may close a chain.
    """
    found = sorted(asked)
    for pid in found:  # grows as it is walked
        for lock in locks[pid].locks if pid in locks else ():
            if lock.owner_pid is not None and lock.owner_pid not in found and len(found) < len(asked) + MOST_OWNERS:
                found.append(lock.owner_pid)
    return frozenset(found) - asked


def _with_blocked(sample: Sample, reader: BlockedReader, interest: Interest) -> Sample:
    """``sample`` with what threads in sight sleep in, and what reading that cost."""
    return _with_reads(sample._replace(blocked=reader.read(sample, interest)), reader.reads)


def _with_reads(sample: Sample, more: Mapping[str, int]) -> Sample:
    """``sample`` with what else was read for it, by file name."""
    if not more:
        return sample
    reads = Counter(sample.cost.reads)
    reads.update(more)
    return sample._replace(cost=sample.cost._replace(reads=dict(reads)))


class Deferred:
    """The live source, made in the thread that first reads it: the screen need not wait for it."""

    def __init__(self, keep: Callable[[Moment], None] | None = None) -> None:
        """Nothing is opened yet; ``keep`` is handed each moment."""
        self._keep = keep
        self._source: LiveSource | None = None

    def read(self, interest: Interest) -> Snapshot:
        """As LiveSource."""
        if self._source is None:
            self._source = live()
            self._source.keep = self._keep
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


def live(*, gil_window_s: float = WINDOW_S, is_folded: bool = True) -> LiveSource:
    """The source that reads this machine's /proc; GIL shares are over the last ``gil_window_s``.

    ``is_folded`` is that of findings.diagnose.
    """
    # psutil is imported with it: here, so that --help and errors stay quick.
    from threadtop.host import HostReader, user_name  # noqa: PLC0415

    reader = ProcReader()
    sampler = Sampler(reader, HostReader(reader).read, user_name=user_name)
    # Readers of their own: the watches read in their own threads.
    watch = Watch(ProcReader(descriptors=WATCH_DESCRIPTORS))
    blocked = BlockedReader(ProcReader(descriptors=BLOCKED_DESCRIPTORS))
    locks = LocksReader(ProcReader(descriptors=BLOCKED_DESCRIPTORS))
    waits = WaitWatch(ProcReader(descriptors=WAIT_DESCRIPTORS))
    return LiveSource(
        sampler,
        watch,
        PythonLens(window_s=gil_window_s),
        blocked=blocked,
        locks=locks,
        surroundings=Surroundings(reader),
        waits=waits,
        inside=InsideReader(ProcReader(descriptors=BLOCKED_DESCRIPTORS)),
        is_folded=is_folded,
    )
