"""The passes behind the metrics: cgroups are read when they are needed, and findings are not folded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from builders import host_row, process_row, sample, snapshot, thread_row
from metrics_played import named
from threadtop import findings, rates
from threadtop.errors import DeniedError, GoneError
from threadtop.findings.trends import Trends
from threadtop.interest import Interest
from threadtop.metrics import families
from threadtop.metrics.groups import Grouping, Pattern
from threadtop.metrics.passes import CGROUP_PASSES, Cgroups, Passes
from threadtop.metrics.totals import MOST_WATCHED, Totals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.sample import ProcessSample, Sample
    from threadtop.snapshot import Finding, Snapshot


class Files:
    """A reader of ``cgroup`` files that counts its reads."""

    def __init__(self, files: Mapping[int, bytes | Exception]) -> None:
        """The content by pid, or what reading it raises."""
        self.files = dict(files)
        self.read_pids: list[int] = []

    def read(self, pid: int, name: str) -> bytes:
        """One file."""
        assert name == "cgroup"
        self.read_pids.append(pid)
        found = self.files[pid]
        if isinstance(found, Exception):
            raise found
        return found


def test_cgroups_are_read_at_first_sight_after_an_exec_and_now_and_then() -> None:
    """A path is read once for a program, and again only after many passes, for it may have moved."""
    files = Files({1: b"0::/web.slice\n", 2: b"3:cpu,cpuacct:/batch\n2:memory:/m\n", 3: GoneError(), 4: DeniedError()})
    cgroups = Cgroups(files)
    rows = [process_row(pid) for pid in (1, 2, 3, 4)]
    assert cgroups.read(snapshot(*rows)) == {1: "/web.slice", 2: "/batch"}
    cgroups.read(snapshot(*rows))
    assert files.read_pids == [1, 2, 3, 4]
    files.files[1] = b"0::/moved\n"
    rows[0] = process_row(1, command="another program")
    assert cgroups.read(snapshot(*rows))[1] == "/moved"
    assert files.read_pids == [1, 2, 3, 4, 1]
    files.files[2] = b"0::/elsewhere\n"
    for _ in range(CGROUP_PASSES):
        paths = cgroups.read(snapshot(*rows[:2]))
    assert paths == {1: "/moved", 2: "/elsewhere"}


def test_a_file_that_is_cut_short_has_no_path() -> None:
    """What is no cgroup file is no error."""
    assert Cgroups(Files({1: b"nonsense\n"})).read(snapshot(process_row(1))) == {}


def starved(*, is_folded: bool) -> list[Finding]:
    """What is found of six starved processes after a minute."""
    trends = Trends()
    threads = [thread_row(tid, state="R", wait_pct=90.0, cpu_pct=10.0) for tid in range(100, 106)]
    rows = [process_row(row.tid, row, process=f"server{row.tid}") for row in threads]
    found: tuple[Finding, ...] = ()
    for _ in range(60):
        now = snapshot(*rows, host=host_row(uptime_s=3600.0))
        trends.add(now)
        found = findings.diagnose(now, trends, is_folded=is_folded)
    return [each for each in found if each.kind == "starved"]


def test_metrics_have_each_process_of_a_finding() -> None:
    """A list shows the worst few of a kind and counts the rest; for an alert each process has its own."""
    assert len(starved(is_folded=True)) == 3
    assert {each.process for each in starved(is_folded=False)} == {f"server{pid}" for pid in range(100, 106)}


class Live:
    """A machine that is always the same; what was asked for is kept in ``interests``."""

    def __init__(self, *processes: ProcessSample) -> None:
        """These run on it."""
        self.interests: list[Interest] = []
        self.sample: Sample | None = None
        self._processes = processes

    def read(self, interest: Interest) -> Snapshot:
        """A pass."""
        self.interests.append(interest)
        self.sample = sample(len(self.interests), *self._processes)
        return rates.snapshot(None, self.sample, None)

    def close(self) -> None:
        """Nothing to give back."""


def test_a_watched_group_is_looked_at_closely() -> None:
    """From the second pass on, so many of its processes at most; how many is told, also where there is none."""
    pids = range(200, 200 + MOST_WATCHED + 2)
    live = Live(named(100, "other"), *(named(pid, "web") for pid in pids))
    web = Pattern("shop", (("program", re.compile("web")),), is_watched=True)
    passes = Passes(live, Totals(Grouping([web])))
    told = []
    for _ in range(3):
        passes.read(Interest())
        assert passes.published is not None
        told.append([(point.labels, point.value) for point in passes.published.points[families.WATCHED]])
    first = frozenset(pids[:MOST_WATCHED])
    assert live.interests == [Interest(), *[Interest(gil=first, waits=first)] * 2]
    assert told == [[(("shop",), 0)], *[[(("shop",), MOST_WATCHED)]] * 2]


def test_without_a_watched_group_nothing_is_looked_at_closely() -> None:
    """And nothing is told of it."""
    live = Live(named(100, "web"))
    passes = Passes(live, Totals(Grouping()))
    for _ in range(2):
        passes.read(Interest())
    assert live.interests == [Interest()] * 2
    assert passes.published is not None
    assert passes.published.points[families.WATCHED] == ()
