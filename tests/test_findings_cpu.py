"""Threads that want a CPU and get none: each rule at and around its thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row
from ruled import BUSY, IDLE, PID, PROBLEM, YOUNG_TICKS, after, cores, kinds, only, running, server, shot
from threadtop.circumstances import CgroupUse, Circumstances
from threadtop.findings import diagnose
from threadtop.findings.trends import Trends
from threadtop.findings.wanted import wanted

if TYPE_CHECKING:
    from threadtop.snapshot import Finding, ProcessRow

SPINNERS = tuple(running(tid, 33.0, 67.0, last_cpu=0, name=f"spin-{tid}") for tid in (101, 102, 103))
PINNED = Circumstances(affinities={(PID, tid): frozenset({0}) for tid in (101, 102, 103)})
EVERYWHERE = Circumstances(affinities={(PID, tid): frozenset({0, 1}) for tid in (101, 102, 103)})


# -- starved -----------------------------------------------------------------------------------


def test_starved() -> None:
    """Who waits, how much, beside whom: from counters, the worst first."""
    other = process_row(7, running(7, 95.0, last_cpu=1), process="make")
    found = only("starved", shot(server(*SPINNERS), other))
    assert (found.grade, found.pid, found.tids) == ("exact", PID, (101, 102, 103))
    assert found.title == "3 threads wait for a CPU, 67 % of their time at worst"
    assert dict(found.evidence) == {
        "waits for a cpu": "67 67 67 %",
        "runs": "33 33 33 %",
        "beside it run": "make 7 95 %",
        "queued": "2.0 threads on average",
    }
    assert found.severity == pytest.approx(66.75)


@pytest.mark.parametrize(("wait_pct", "fires"), [(25.0, True), (24.9, False), (0.0, False)])
def test_when_it_is_starved(wait_pct: float, fires: bool) -> None:  # noqa: FBT001 a parameter of the table
    """A quarter of the time."""
    assert ("starved" in kinds(shot(server(running(PID, 50.0, wait_pct))))) == fires


@pytest.mark.parametrize(("seconds", "close", "fires"), [(2, True, False), (3, True, True), (9, False, False)])
def test_it_must_last(seconds: int, close: bool, fires: bool) -> None:  # noqa: FBT001 parameters of the table
    """Three seconds for what is looked at, ten for the rest."""
    assert ("starved" in kinds(shot(server(*SPINNERS)), seconds, close=close)) == fires


def test_far_away_it_lasts_longer() -> None:
    """After ten seconds it is told of a process that nobody looks at."""
    assert only("starved", shot(server(*SPINNERS)), 10, close=False).severity > PROBLEM


def test_a_job_of_a_build_is_not_starved() -> None:
    """A young process with few threads is one of many jobs; one with more is observed; asked for, it is a problem."""
    jobs = [process_row(pid, running(pid, 50.0, 50.0), start_ticks=YOUNG_TICKS) for pid in range(200, 204)]
    assert kinds(shot(*jobs), 30, close=False) == []
    program = shot(server(*SPINNERS, running(104, 1.0), start_ticks=YOUNG_TICKS))
    assert only("starved", program, 30, close=False).severity < PROBLEM
    assert only("starved", program, 3).severity > PROBLEM


# -- affinity and priority ---------------------------------------------------------------------


def test_affinity() -> None:
    """Threads that may run on one CPU only wait there while another idles."""
    found = only("affinity", shot(server(*SPINNERS), host=cores(BUSY, IDLE), circumstances=PINNED))
    assert found.title == "spin-101, spin-102, spin-103 may run on CPU 0 only and wait there, while CPU 1 is idle"
    assert dict(found.evidence)["idle"] == "1: 98 %"
    assert found.next_command == "taskset -cap 100"
    assert found.severity >= PROBLEM


@pytest.mark.parametrize(
    ("host", "around"),
    [
        pytest.param(cores(BUSY, BUSY), PINNED, id="no CPU is free"),
        pytest.param(cores(BUSY, IDLE), EVERYWHERE, id="they may run there"),
        pytest.param(cores(BUSY, IDLE), Circumstances(), id="not known where they may run"),
        pytest.param(cores(BUSY, IDLE), None, id="nothing known"),
        pytest.param(
            cores(BUSY, IDLE), Circumstances(affinities={(PID, 101): frozenset({5})}), id="CPUs counted otherwise"
        ),
    ],
)
def test_when_affinity_explains_nothing(host: object, around: Circumstances | None) -> None:
    """Then they are starved, and no more is said."""
    moment = shot(server(*SPINNERS), host=host, circumstances=around)  # type: ignore[arg-type]
    assert "starved" in kinds(moment)
    assert "affinity" not in kinds(moment)


def behind(mine: dict[str, int], theirs: dict[str, int]) -> list[Finding]:
    """What is found of a starved thread beside one that runs on its CPU."""
    rows = (server(running(PID, 2.0, 95.0, **mine)), process_row(7, running(7, 98.0, **theirs), process="hog"))
    return [found for found in after(3, shot(*rows)) if found.kind == "priority"]


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        ({"nice": 10}, {}, "server (nice 10)"),
        ({"nice": 3}, {}, "nice 3"),
        ({"policy": 5}, {}, "policy idle"),
        ({}, {"policy": 1, "rt_priority": 50}, "fifo 50"),
        ({"policy": 2, "rt_priority": 1}, {"policy": 1, "rt_priority": 2}, "rr 1"),
    ],
)
def test_priority(mine: dict[str, int], theirs: dict[str, int], words: str) -> None:
    """What runs comes before what waits: by class, by real-time priority, by three steps of nice."""
    (found,) = behind(mine, theirs)
    assert words.removeprefix("server ").strip("()") in found.title
    assert found.severity >= PROBLEM


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [({}, {}), ({"nice": 2}, {}), ({}, {"nice": 10}), ({"policy": 1, "rt_priority": 5}, {}), ({"policy": 5},) * 2],
)
def test_when_priority_explains_nothing(mine: dict[str, int], theirs: dict[str, int]) -> None:
    """Equals share."""
    assert behind(mine, theirs) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "is_found"),
    [((34.0, 66.0), (66.0, 34.0), True), ((43.0, 57.0), (57.0, 43.0), False), ((50.0, 50.0), (50.0, 50.0), False)],
    ids=["three steps of nice", "at the threshold", "in another group"],
)
def test_a_priority_without_effect(mine: tuple[float, float], theirs: tuple[float, float], *, is_found: bool) -> None:
    """Between sessions or cgroups nice does not count: where both get the same, it is not the reason."""
    rows = (
        server(running(PID, *mine, nice=19)),
        process_row(7, running(7, *theirs), process="hog"),
    )
    assert ("priority" in kinds(shot(*rows))) == is_found


# -- quotas ------------------------------------------------------------------------------------


def throttled(pct: float, periods: int = 10, *rows: ProcessRow, seconds: int = 4) -> list[Finding]:
    """What is found where so much of the periods of each second was throttled, and half a second lost."""
    trends, found = Trends(), ()
    rows = rows or (server(running(PID, 50.0, 50.0)),)
    for second in range(1, seconds + 1):
        use = CgroupUse("/sys/fs/cgroup/a b", 0.5, second * periods, round(second * periods * pct / 100), second * 5**9)
        moment = shot(*rows, circumstances=Circumstances(cgroups={row.pid: use for row in rows}))
        found = after(1, moment, trends=trends)
    return list(found)


def test_throttled() -> None:
    """The quota stops it: how often, how much is lost; the wait that comes of it is not told twice."""
    (found,) = throttled(40.0)
    assert found.kind == "throttled"
    assert found.title == "its CPU quota of 0.5 cores stops it in 40 % of the periods"
    assert dict(found.evidence)["throttled"] == "40 % of 30 periods"
    assert dict(found.evidence)["lost"] == "0.00 s each second"
    assert found.next_command == "cat '/sys/fs/cgroup/a b/cpu.stat'"
    assert found.severity == pytest.approx(70)


@pytest.mark.parametrize(("pct", "severity"), [(25, 66.25), (20, 45.0), (10, 45.0)])
def test_how_bad_throttling_is(pct: float, severity: float) -> None:
    """From a quarter of the periods on it is a problem, from a tenth on an observation."""
    (found,) = [each for each in throttled(pct, 20) if each.kind == "throttled"]
    assert found.severity == pytest.approx(severity)


def test_when_it_is_not_throttled() -> None:
    """Rarely, or of too few periods, or before it has lasted."""
    assert "throttled" not in [found.kind for found in throttled(9.0, 100)]
    assert "throttled" not in [found.kind for found in throttled(50.0, 2)]
    assert "throttled" not in [found.kind for found in throttled(50.0, 10, seconds=2)]


def test_one_finding_for_a_group() -> None:
    """Of several processes of a group the one that is looked at is named, and how many share the quota."""
    rows = (server(running(PID, 10.0)), process_row(7, running(7, 90.0)))
    (found,) = throttled(50.0, 10, *rows)
    assert found.pid == PID
    assert dict(found.evidence)["group"].endswith("2 processes that ran")


# -- too many ----------------------------------------------------------------------------------


def crowd(wait_pct: float, count: int = 4, **more: object) -> ProcessRow:
    """Threads that share two CPUs."""
    return server(*(running(tid, 100.0 - wait_pct, wait_pct) for tid in range(101, 101 + count)), **more)


def test_too_many_runnable() -> None:
    """As many wait as there are CPUs: how many want one, of whom most."""
    found = only("too-many-runnable", shot(crowd(50.0)))
    assert found.title == "4 threads want a CPU at a time, and there are 2"
    assert dict(found.evidence)["of this process"] == "2.0 queued, 200 % of a core running"
    assert found.severity >= PROBLEM


@pytest.mark.parametrize(
    ("row", "host", "around"),
    [
        pytest.param(crowd(49.0), cores(BUSY, BUSY), None, id="fewer wait"),
        pytest.param(crowd(50.0), cores(BUSY, IDLE), None, id="a CPU is idle"),
        pytest.param(server(*SPINNERS, running(104, 10.0, 40.0)), cores(BUSY, BUSY), PINNED, id="they are pinned"),
    ],
)
def test_when_there_are_not_too_many(row: ProcessRow, host: object, around: Circumstances | None) -> None:
    """Too few wait, CPUs are idle, or they wait for one CPU of several."""
    assert "too-many-runnable" not in kinds(shot(row, host=host, circumstances=around))  # type: ignore[arg-type]


def test_a_young_crowd_is_observed() -> None:
    """What has just begun may soon be over; nobody asked for it."""
    found = only("too-many-runnable", shot(crowd(50.0, start_ticks=YOUNG_TICKS)), 10, close=False)
    assert found.severity < PROBLEM


def test_many_processes_are_folded() -> None:
    """Three are told, the worst counts the others."""
    rows = [process_row(pid, running(pid, 50.0, 40.0 + pid / 100), process=f"p{pid}") for pid in range(200, 215)]
    found = [each for each in after(10, shot(*rows), close=False) if each.kind == "starved"]
    assert [each.pid for each in found] == [214, 213, 212]
    assert dict(found[0].evidence)["the same"].startswith("and 12 more processes: p211 211, ")


def test_many_processes_one_machine() -> None:
    """More runnable than CPUs is of the machine: whoever is worst at the moment, it has lasted."""
    trends, found = Trends(), ()
    for second in range(10):
        rows = [process_row(pid, running(pid, 50.0, 60.0 + (pid + second) % 4 * 5)) for pid in range(200, 204)]
        found = after(1, shot(*rows), close=False, trends=trends)
    assert "too-many-runnable" in [each.kind for each in found]


def test_what_is_asked_for() -> None:
    """Quotas of what moved, the affinity of what waits a fifth of its time, the longest first; nothing at rest."""
    rows = (server(running(101, 50.0, 20.0), running(102, 50.0, 19.9)), process_row(7, running(7, 10.0, 90.0)))
    asked = wanted(shot(*rows, process_row(8)))
    assert asked.groups == [(7, 1000), (PID, 1000)]
    assert asked.waiting == [(7, 7), (PID, 101)]
    assert (list(asked.stacks), asked.switch_cost) == ([], False)


def test_two_snapshots_tell_nothing() -> None:
    """A first frame (--once) has rates of one interval: what needs time stays quiet."""
    assert kinds(shot(crowd(90.0, 9)), 2) == []
    assert diagnose(shot(crowd(90.0, 9))) == ()
