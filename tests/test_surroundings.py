"""Surroundings: quotas of both cgroup versions, affinity, stack limits, on fake trees; what is read and what is not."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from threadtop import cgroups
from threadtop.circumstances import CgroupUse, Wanted
from threadtop.procfs.reader import ProcReader
from threadtop.surroundings import GROUP_PASSES, MOST_AFFINITIES, MOST_GROUPS, Surroundings
from threadtop.switch_cost import PROGRAM, SwitchCost, _cost_ns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STAT = "usage_usec 5\nnr_periods 200\nnr_throttled 50\nthrottled_usec 9000\n"


class Box:
    """A /proc and a tree of cgroups in folders."""

    def __init__(self, root: Path) -> None:
        """Nothing runs."""
        self.proc, self.groups = root / "proc", root / "cgroup"
        self.proc.mkdir()
        self.groups.mkdir()
        (self.proc / "loadavg").write_text("0.00 0.00 0.00 1/100 4242\n")
        self.reader = ProcReader(self.proc)

    def process(self, pid: int, cgroup: str, stack: str = "8388608") -> tuple[int, int]:
        """A process in a group, with a limit for stacks."""
        (self.proc / str(pid)).mkdir(exist_ok=True)
        (self.proc / str(pid) / "cgroup").write_text(cgroup)
        (self.proc / str(pid) / "limits").write_text(
            f"{'Limit':25} {'Soft Limit':20} {'Hard Limit':20} Units\n"
            f"{'Max stack size':25} {stack:20} {'unlimited':20} bytes\n"
        )
        return pid, 1000

    def group(self, path: str, **files: str) -> str:
        """A cgroup with these files; a double underscore in a name is a dot."""
        folder = self.groups / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_text(content)
        return str(folder)

    def surroundings(self, affinity: Sequence[int] = (0, 1)) -> Surroundings:
        """What reads it."""
        return Surroundings(self.reader, self.groups, affinity=lambda _tid: affinity)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """An empty one."""
    return Box(tmp_path)


# -- quotas ------------------------------------------------------------------------------------


def test_v2(box: Box) -> None:
    """cpu.max and cpu.stat of the process's own group; microseconds become ns."""
    path = box.group("a.slice/web", cpu__max="50000 100000\n", cpu__stat=STAT)
    web = box.process(7, "0::/a.slice/web\n")
    found = box.surroundings().read(Wanted(groups=[web]))
    assert found.cgroups == {7: CgroupUse(path, 0.5, 200, 50, 9_000_000)}
    assert found.last_pid == 4242


def test_v1(box: Box) -> None:
    """The quota of the cpu controller's hierarchy; its time is in ns."""
    path = box.group(
        "cpu/job",
        cpu__cfs_quota_us="200000\n",
        cpu__cfs_period_us="100000\n",
        cpu__stat="nr_periods 8\nnr_throttled 2\nthrottled_time 7\n",
    )
    job = box.process(7, "4:memory:/x\n2:cpu,cpuacct:/job\n0::/y\n")
    assert box.surroundings().read(Wanted(groups=[job])).cgroups == {7: CgroupUse(path, 2.0, 8, 2, 7)}


def test_the_nearest_ancestor_with_a_quota(box: Box) -> None:
    """A group without a quota is limited by the one above, or by the one above that."""
    path = box.group("pod", cpu__max="150000 100000\n", cpu__stat=STAT)
    box.group("pod/a/b", cpu__max="max 100000\n", cpu__stat=STAT)
    box.group("pod/a", cpu__max="max 100000\n", cpu__stat=STAT)
    inside = box.process(7, "0::/pod/a/b\n")
    assert box.surroundings().read(Wanted(groups=[inside])).cgroups[7].path == path


@pytest.mark.parametrize(
    "cgroup", ["", "nonsense\n", "0::/\n", "0::/gone\n", "0::/../other\n", "0::/" + "a/" * 500 + "\n", "0::/a\0b\n"]
)
def test_no_quota(box: Box, cgroup: str) -> None:
    """No group, none that is here, none with a quota: nothing, and no error."""
    other = box.process(7, cgroup)
    assert box.surroundings().read(Wanted(groups=[other, (8, 1)])).cgroups == {}


def test_a_group_outside_is_not_looked_for(box: Box) -> None:
    """A path that leaves our cgroup namespace leads nowhere here."""
    box.group("", cpu__max="50000 100000\n", cpu__stat=STAT)
    assert list(cgroups.ancestors({"": "/../../x"}, box.groups)) == []


def test_each_group_is_read_once(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many processes share it; which group a process is in is remembered for some passes."""
    box.group("web", cpu__max="50000 100000\n", cpu__stat=STAT)
    wanted = Wanted(groups=[box.process(pid, "0::/web\n") for pid in range(10, 20)])
    surroundings = box.surroundings()
    surroundings.read(wanted)
    read: list[str] = []
    real = cgroups.use
    monkeypatch.setattr(cgroups, "use", lambda group: read.append(str(group)) or real(group))
    looked_up = box.reader.reads["cgroup"]
    assert len(surroundings.read(wanted).cgroups) == 10
    assert (len(read), box.reader.reads["cgroup"]) == (1, looked_up)
    for _ in range(GROUP_PASSES):
        surroundings.read(wanted)
    assert box.reader.reads["cgroup"] == looked_up + 10


def test_many_groups(box: Box) -> None:
    """More groups than may be read in a pass: the first of them."""
    for number in range(40):
        box.group(f"g{number}", cpu__max="50000 100000\n", cpu__stat=STAT)
    wanted = Wanted(groups=[box.process(100 + number, f"0::/g{number}\n") for number in range(40)])
    assert sorted(box.surroundings().read(wanted).cgroups) == list(range(100, 100 + MOST_GROUPS))


# -- affinity and stacks -----------------------------------------------------------------------


def test_affinity(box: Box) -> None:
    """Of the threads that wait, and of no more than a pass may cost."""
    waiting = [(7, tid) for tid in range(1000)]
    found = box.surroundings([0, 3]).read(Wanted(waiting=waiting)).affinities
    assert found == dict.fromkeys(waiting[:MOST_AFFINITIES], frozenset({0, 3}))


def test_affinity_of_what_has_ended(box: Box) -> None:
    """A thread that is gone is left out."""

    def gone(_tid: int) -> set[int]:
        raise ProcessLookupError

    assert Surroundings(box.reader, box.groups, affinity=gone).read(Wanted(waiting=[(7, 7)])).affinities == {}


def test_our_own_affinity() -> None:
    """The real call tells what sched_getaffinity does."""
    pid = os.getpid()
    found = Surroundings(ProcReader()).read(Wanted(waiting=[(pid, pid)])).affinities
    assert found == {(pid, pid): frozenset(os.sched_getaffinity(0))}


def test_stacks(box: Box) -> None:
    """The soft limit of a stack, read once a process; unlimited tells nothing."""
    wanted = Wanted(stacks=[box.process(7, ""), box.process(8, "", "unlimited"), (9, 1)])
    surroundings = box.surroundings()
    assert surroundings.read(wanted).stack_bytes == {7: 8 << 20}
    (box.proc / "7" / "limits").unlink()
    assert surroundings.read(wanted).stack_bytes == {7: 8 << 20}
    assert surroundings.read(Wanted()).stack_bytes == {}


# -- what a switch costs -----------------------------------------------------------------------


def measured(cost: SwitchCost) -> float | None:
    """What it comes to once its program has ended."""
    process = cost._process
    if process is not None:
        process.wait()
    return cost.take()


def test_nothing_is_measured_before_it_is_wanted(box: Box) -> None:
    """No process is started; once it is wanted, one is, and only one."""
    cost = SwitchCost("print(1234.5)")
    surroundings = Surroundings(box.reader, box.groups, switch_cost=cost)
    assert surroundings.read(Wanted()).switch_cost_ns is None
    assert cost._process is None
    surroundings.read(Wanted(switch_cost=True))
    assert measured(cost) == 1234.5
    cost.want()
    assert cost._process is None
    assert surroundings.read(Wanted()).switch_cost_ns == 1234.5


@pytest.mark.parametrize(
    "program", ["", "print('x')", "print('nan')", "print(-3)", "print(1e9)", "raise SystemExit(1)"]
)
def test_a_measurement_that_fails(program: str) -> None:
    """Nonsense is not known."""
    cost = SwitchCost(program)
    cost.want()
    assert measured(cost) is None


def test_no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be started the cost is not known."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    cost = SwitchCost()
    cost.want()
    assert measured(cost) is None


def test_a_measurement_is_ended_with_us() -> None:
    """One that still runs when threadtop ends is killed."""
    cost = SwitchCost("import time; time.sleep(1000)")
    cost.want()
    process = cost._process
    assert process is not None
    assert cost.take() is None
    cost.close()
    assert process.poll() is not None


@pytest.mark.live
@pytest.mark.alone
def test_a_switch_costs_something() -> None:
    """Between a tenth of a microsecond and some tens of them, on any machine."""
    cost = SwitchCost(PROGRAM)
    cost.want()
    found = measured(cost)
    assert found is not None
    assert _cost_ns(str(found).encode()) == found
