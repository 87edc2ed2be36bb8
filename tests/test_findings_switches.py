"""Switches that cost, and wake-ups that find nothing to do: at and around each threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import thread_row
from ruled import PID, PROBLEM, after, kinds, only, running, server, shot
from threadtop.blocked import BlockedOn
from threadtop.circumstances import Circumstances
from threadtop.findings.trends import Trends
from threadtop.findings.wanted import wanted
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

MEASURED = Circumstances(switch_cost_ns=2000.0)


def storm(rate: float, around: Circumstances | None = MEASURED, **more: object) -> Snapshot:
    """Two threads that hand something to and fro."""
    half = running(101, 30.0, vol_per_s=rate / 2, system_pct=25.0, name="ping")
    return shot(server(half, half._replace(tid=102, name="pong"), **more), circumstances=around)


# -- storms ------------------------------------------------------------------------------------


def test_switch_storm() -> None:
    """How many, whose, and what they cost by a switch that was measured here: about."""
    found = only("switch-storm", storm(100_000.0))
    assert found.title == "100,000 context switches a second, about 20 % of a core spent on them"
    assert dict(found.evidence) == {
        "switches": "100,000/s, 100 % of them voluntary",
        "most": "ping 50,000/s, pong 50,000/s",
        "runs": "60 % of a core, 83 % of it in the kernel",
        "estimated cost": "about 20 % of a core (2.0 us each, measured here)",
    }
    assert found.tids == (101, 102)
    assert found.severity == pytest.approx(60)


@pytest.mark.parametrize(
    ("rate", "around", "severity"),
    [
        pytest.param(19_999.0, MEASURED, None, id="not so many"),
        pytest.param(20_000.0, MEASURED, 45.0, id="cheap"),
        pytest.param(49_999.0, MEASURED, 45.0, id="just below a tenth of a core"),
        pytest.param(50_000.0, MEASURED, 57.5, id="a tenth of a core"),
        pytest.param(49_999.0, None, 45.0, id="cost not known, not so many"),
        pytest.param(50_000.0, None, 55.0, id="cost not known, many"),
    ],
)
def test_when_it_is_a_storm(rate: float, around: Circumstances | None, severity: float | None) -> None:
    """From 20,000 a second on it is told, from a tenth of a core on it is a problem."""
    found = [each.severity for each in after(3, storm(rate, around)) if each.kind == "switch-storm"]
    assert found == ([] if severity is None else [pytest.approx(severity)])


def test_an_estimate_says_so() -> None:
    """The rate is counted; that it is a problem may rest on the estimate."""
    assert only("switch-storm", storm(49_000.0, Circumstances(switch_cost_ns=5000.0))).grade == "estimate"
    assert only("switch-storm", storm(60_000.0)).grade == "exact"


def test_a_server_that_works_as_well() -> None:
    """Where switches are a small part of what it runs they are no problem."""
    found = only("switch-storm", storm(60_000.0, cpu_pct=1300.0))
    assert found.severity < PROBLEM


def test_the_cost_is_asked_for_when_it_is_needed() -> None:
    """Nothing is measured before a process switches so often."""
    assert wanted(storm(20_000.0)).switch_cost
    assert not wanted(storm(19_999.0)).switch_cost


# -- polling -----------------------------------------------------------------------------------


def poller(rate: float = 600.0, each_us: float = 30.0, **more: object) -> ThreadRow:
    """A thread that sleeps between its wake-ups."""
    cpu_pct = rate * each_us / 1e4
    time = TimeShare(cpu_pct, 0.0, 0.0, (("sleep", 100.0 - cpu_pct),), 40)
    said = {"sampled": time, "state": "S", "name": "poll", **more}
    return running(101, cpu_pct, vol_per_s=rate, **said)


def timed(call: str, timeout_ms: float, rate: float = 600.0, **more: object) -> ThreadRow:
    """The same, in a call with a timeout."""
    blocked = BlockedOn(call=call, timeout_ns=round(timeout_ms * 1e6), is_forever=False)
    time = TimeShare(2.0, 0.0, 0.0, (("poll", 98.0),), 40)
    return poller(rate, sampled=time, blocked=blocked, **more)


def test_polling_loop() -> None:
    """How often it wakes, what it runs each time, what it waits in by how many looks."""
    found = only("polling-loop", shot(server(poller())))
    assert found.title == "poll wakes 600 times a second to do nothing"
    assert dict(found.evidence) == {
        "wakes": "600/s",
        "runs": "30 us each time, 2 % of a core",
        "waits in": "sleep (40 looks)",
    }
    assert (found.grade, found.tids, found.severity >= PROBLEM) == ("sampled", (101,), True)


def test_by_one_look_it_is_an_estimate() -> None:
    """What nobody looked at many times is no sample."""
    found = only("polling-loop", shot(server(poller(sampled=None, wchan="hrtimer_nanosleep"))))
    assert found.grade == "estimate"


@pytest.mark.parametrize(
    "thread",
    [
        pytest.param(poller(200.0, 60.0), id="at all thresholds"),
        pytest.param(timed("epoll_wait", 1.0), id="epoll with a timeout of its period"),
        pytest.param(timed("poll", 0.9), id="most wake-ups are the timer's"),
        pytest.param(timed("futex", 1.0), id="a condition with a short timeout"),
    ],
)
def test_when_it_polls(thread: ThreadRow) -> None:
    """It sleeps, or its timeout explains at least half of its wake-ups."""
    assert "polling-loop" in kinds(shot(server(thread)))


@pytest.mark.parametrize(
    "thread",
    [
        pytest.param(poller(199.0), id="not so often"),
        pytest.param(poller(600.0, 61.0), id="it works each time"),
        pytest.param(timed("epoll_wait", 0.8), id="most wake-ups are events"),
        pytest.param(timed("epoll_wait", 50.0), id="a long timeout that events forestall"),
        pytest.param(poller(sampled=TimeShare(2.0, 0.0, 0.0, (("poll", 98.0),), 40)), id="nothing known of a timeout"),
        pytest.param(poller(sampled=TimeShare(2.0, 0.0, 0.0, (("network", 98.0),), 40)), id="it waits for a peer"),
    ],
)
def test_when_it_does_not_poll(thread: ThreadRow) -> None:
    """A server that wakes for events does something."""
    assert "polling-loop" not in kinds(shot(server(thread)))


def test_fewer_wake_ups_are_observed() -> None:
    """From 500 a second on it is a problem."""
    assert only("polling-loop", shot(server(poller(499.0)))).severity < PROBLEM
    assert only("polling-loop", shot(server(poller(500.0)))).severity >= PROBLEM


def test_a_wait_for_the_gil_is_no_polling() -> None:
    """It is a timed wait of 5 ms, 200 times a second."""
    from gil_rows import FOUR, python  # noqa: PLC0415 only here

    gil = python(*FOUR).gil
    row: ProcessRow = server(timed("futex", 5.0, 200.0), gil=gil)
    assert "polling-loop" not in kinds(shot(row))


def test_who_makes_threads_does_something() -> None:
    """It wakes because threads begin and end."""
    trends, found = Trends(), ()
    for tid in range(200, 206):
        new = thread_row(tid, mark="new", cpu_pct=None)
        found = after(1, shot(server(poller(), new)), trends=trends)
    assert "polling-loop" not in [each.kind for each in found]
    assert PID not in [each.pid for each in found if each.kind == "polling-loop"]
