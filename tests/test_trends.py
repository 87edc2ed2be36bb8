"""What rules need over several snapshots: how long a condition holds, bounded memory, no false sums."""

from __future__ import annotations

import pytest

from builders import process_row, snapshot, thread_row
from threadtop.circumstances import CgroupUse, Circumstances
from threadtop.findings import measures
from threadtop.findings.trends import Candidate, Trends
from threadtop.snapshot import Finding

PID = 100
FOUND = Finding("x", PID, 1000, "server", "t", "e", (), "exact", 60.0)


def holds(pattern: str, least_s: float, step_s: float = 1.0, **more: object) -> str:
    """For each snapshot of ``pattern`` (+ the condition is there) whether the finding is told."""
    trends, told = Trends(), ""
    for there in pattern:
        trends.add(snapshot(interval_s=step_s))
        candidates = [Candidate(FOUND, least_s, **more)] if there == "+" else []
        told += "+" if trends.holds(candidates) else "."
    return told


def test_a_condition_must_hold() -> None:
    """For so long, and in three snapshots however far they are apart; one without it does not end it, two do."""
    assert holds("++++", 3.0) == "..++"
    assert holds("+++++++", 6.0) == ".....++"
    assert holds("+++", 3.0, step_s=60.0) == "..+"
    assert holds("++++++++", 3.0, step_s=0.5) == ".....+++"
    assert holds("++.++", 3.0) == "...++"
    assert holds("++..++", 3.0) == "......"
    assert holds("++", 0.0, ticks=1) == "++"


def test_a_condition_of_the_machine() -> None:
    """Its subject is what holds, whichever process it is seen at."""
    trends = Trends()
    told = []
    for pid in (1, 2, 3):
        trends.add(snapshot())
        told = trends.holds([Candidate(FOUND._replace(pid=pid), 3.0, "machine")])
    assert [found.pid for found in told] == [3]


def use(periods: int, throttled: int, lost_s: float = 0.0, path: str = "/g") -> Circumstances:
    """A reading of one group."""
    return Circumstances(cgroups={PID: CgroupUse(path, 1.0, periods, throttled, round(lost_s * 1e9))})


def test_throttling_over_the_last_seconds() -> None:
    """Differences of counters, over five seconds at most."""
    trends = Trends()
    for second in range(20):
        trends.add(snapshot(process_row(PID), circumstances=use(10 * second, max(0, second - 15) * 5, second * 0.5)))
    seen = trends.throttling(use(0, 0).cgroups[PID])
    assert seen is not None
    assert (seen.periods, seen.throttled_pct, seen.lost_s_per_s) == (50, 40.0, 0.5)
    assert trends.throttling(use(0, 0, path="/other").cgroups[PID]) is None


def test_a_group_that_is_made_anew() -> None:
    """Counters that fall are another group's."""
    trends = Trends()
    for periods in (100, 110, 5, 15):
        trends.add(snapshot(process_row(PID), circumstances=use(periods, 0)))
    seen = trends.throttling(use(0, 0).cgroups[PID])
    assert seen is not None
    assert seen.periods == 10


def test_ids_given_out() -> None:
    """Their advance a second; nothing where they began anew."""
    trends = Trends()
    for last_pid in (100, 150, 200):
        trends.add(snapshot(circumstances=Circumstances(last_pid=last_pid)))
    assert trends.tasks_per_s() == pytest.approx(50.0)
    trends.add(snapshot(circumstances=Circumstances(last_pid=3)))
    assert trends.tasks_per_s() is None


@pytest.mark.parametrize("step_s", [1.0, 5.0, 30.0])
def test_rates_are_right_at_any_interval(step_s: float) -> None:
    """Threads made a second, of a process and of the machine, are the same however seldom it is looked."""
    trends = Trends()
    for turn in range(12):
        new = [thread_row(1000 + turn * 100 + at, mark="new", cpu_pct=None) for at in range(round(2 * step_s))]
        row = process_row(PID, thread_row(PID), *new)
        last_pid = Circumstances(last_pid=round(100 + turn * step_s * 3))
        trends.add(snapshot(row, interval_s=step_s, circumstances=last_pid))
    seen = trends.turnover(row)
    assert seen is not None
    assert (seen.created_per_s, seen.share_pct) == (2.0, 100.0)
    assert trends.tasks_per_s() == pytest.approx(3.0)


def test_who_has_run_lately() -> None:
    """Of what is looked at, for half a minute."""
    trends, busy = Trends(), thread_row(PID, cpu_pct=1.0)
    trends.add(snapshot(process_row(PID, busy)), frozenset({PID}))
    still = snapshot(process_row(PID))
    for _ in range(30):
        trends.add(still, frozenset({PID}))
    assert trends.has_run_lately(busy.key)
    trends.add(still, frozenset({PID}))
    assert not trends.has_run_lately(busy.key)


def test_nothing_is_kept_of_what_has_ended() -> None:
    """A thousand processes that come and go leave nothing behind."""
    trends = Trends()
    for pid in range(1000):
        new = thread_row(pid, mark="new", cpu_pct=None)
        trends.add(snapshot(process_row(pid, new), process_row(pid + 1)), frozenset({pid}))
        trends.holds([Candidate(FOUND._replace(pid=pid), 0.0)])
    for _ in range(40):
        trends.add(snapshot(process_row(1)))
        trends.holds([])
    kept = (trends._held, trends._turnover, trends._groups, trends._ran, trends._arrived)
    assert [len(each) for each in kept] == [0] * 5
    assert len(trends._counts) == 1


def test_folding_spares_what_is_looked_at() -> None:
    """A process that is looked at keeps its finding, however many others have it."""
    found = [FOUND._replace(pid=pid, severity=100.0 - pid) for pid in range(1, 9)]
    kept = list(measures.folded(found, frozenset({7})))
    assert [each.pid for each in kept] == [1, 2, 3, 7]
    assert dict(kept[0].evidence)["the same"].startswith("and 4 more processes: server 4, server 5, server 6, server 8")
