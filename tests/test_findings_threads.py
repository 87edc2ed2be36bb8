"""How many threads there are: they pile up, come and go, or idle by the thousand; at and around each threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row, snapshot, thread_row
from ruled import PID, PROBLEM, YOUNG_TICKS, after
from threadtop.circumstances import Circumstances
from threadtop.findings import diagnose
from threadtop.findings.trends import Trends
from threadtop.findings.wanted import wanted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.snapshot import Finding, ProcessRow

SERVER = process_row(PID)


def counted(count: int, **more: object) -> ProcessRow:
    """A process of so many threads, of which one is listed."""
    return SERVER._replace(thread_count=count, **more)


def told(counts: Iterable[int], step_s: float = 1.0, *, close: bool = True, **more: object) -> list[Finding]:
    """What is found of a process whose thread count was that, one snapshot after the other."""
    trends, found = Trends(), ()
    for count in counts:
        moment = snapshot(counted(count, **more), interval_s=step_s)
        trends.add(moment, frozenset({PID} if close else ()))
        found = diagnose(moment, trends)
    return list(found)


# -- leak --------------------------------------------------------------------------------------


def test_thread_leak() -> None:
    """Only growth, for a minute: from what to what, how fast."""
    (found,) = told(range(10, 72))
    assert found.kind == "thread-leak"
    assert found.title == "61 more threads in 61 s, and never fewer"
    assert dict(found.evidence) == {
        "threads": "10 -> 71",
        "created": "1.0/s, in 61 steps over 61 s",
        "fell": "never",
    }
    assert (found.grade, found.severity >= PROBLEM) == ("exact", True)


def test_too_soon_to_tell() -> None:
    """Before the minute is over a fast growth is a suspicion, and says what else it may be."""
    (found,) = told(range(10, 40, 5))
    assert (found.kind, found.grade) == ("thread-leak", "suspicion")
    assert found.title == "25 more threads in 5 s, and never fewer: too soon to call it a leak"
    assert found.severity < PROBLEM


@pytest.mark.parametrize(
    ("counts", "step_s"),
    [
        pytest.param([*range(10, 29), *[29] * 40, 29], 2.0, id="nineteen more"),
        pytest.param([10, *[35] * 99], 1.0, id="a pool that is made at once"),
        pytest.param([10, 15, 20, 25, 30, *[30] * 30], 15.0, id="four steps"),
        pytest.param([*range(10, 60), 58, *range(60, 64)], 2.0, id="it fell"),
        pytest.param([*range(10, 80), *[79] * 61], 1.0, id="it has stopped"),
        pytest.param([10] * 99, 1.0, id="steady"),
    ],
)
def test_when_it_is_no_leak(counts: list[int], step_s: float) -> None:
    """Twenty more in five steps, never fewer, and it goes on."""
    assert told(counts, step_s) == []


def test_a_young_job_that_grows_is_nothing() -> None:
    """Of a process that has just begun, and that nobody looks at, an early growth is its start."""
    assert told([1, 2, 3, 3, 3, 3], close=False, start_ticks=YOUNG_TICKS) == []


# -- churn -------------------------------------------------------------------------------------


def churning(
    seen: int, ids_per_s: int, *, seconds: int = 6, cpu_pct: float = 5.0, stranger: int = 0, lone: bool = False
) -> list[Finding]:
    """What is found where each second so many threads are seen to come and as many to go."""
    trends, found, tid = Trends(), (), 1000
    for second in range(seconds):
        new = [thread_row(tid + n, mark="new", cpu_pct=None) for n in range(seen)]
        gone = tuple(thread_row(tid - 1 - n, mark="gone") for n in range(seen))
        tid += seen
        row = process_row(PID, thread_row(PID), *new, gone=gone, cpu_pct=cpu_pct)
        other = [process_row(50_000 + second, *map(thread_row, range(stranger)), mark="new")] if stranger else []
        rows = [row, *other] if lone else [row, process_row(7), *other]
        around = Circumstances(last_pid=second * ids_per_s)
        moment = snapshot(*rows, circumstances=around)
        trends.add(moment, frozenset({PID}))
        found = diagnose(moment, trends)
    return [each for each in found if each.kind == "thread-churn"]


def test_churn_that_is_seen() -> None:
    """Threads that live for some seconds are seen to come and go: at least so many."""
    (found,) = churning(25, 25)
    assert found.title == "it creates at least 25 threads a second, and they end soon"
    assert (found.grade, found.severity < PROBLEM) == ("exact", True)


def test_churn_that_is_not_seen() -> None:
    """Of threads that live for milliseconds a few are seen; ids tell how many there were."""
    (found,) = churning(4, 300)
    assert found.title == "it creates about 300 threads a second, and they end soon"
    assert dict(found.evidence)["of those that were seen to begin"] == "100 % are its own"
    assert (found.grade, found.severity >= PROBLEM) == ("estimate", True)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(churning(19, 19), id="fewer"),
        pytest.param(churning(4, 19), id="fewer, by the ids"),
        pytest.param(churning(0, 500, cpu_pct=60.0), id="none was seen"),
        pytest.param(churning(4, 300, stranger=5), id="most that is new is another's: a build"),
        pytest.param(churning(4, 300, lone=True), id="nothing else is read, and it may be another's"),
    ],
)
def test_when_there_is_no_churn(found: list[Finding]) -> None:
    """Twenty a second at least, and its own."""
    assert found == []


def test_churn_by_the_cpu_of_threads_that_have_ended() -> None:
    """What the process ran and none of its threads did was run by threads that nobody saw."""
    (found,) = churning(1, 300, lone=True, cpu_pct=20.0)
    assert dict(found.evidence)["run by threads that ended unseen"] == "20 % of a core"


# -- pools -------------------------------------------------------------------------------------


def test_oversized_pool() -> None:
    """A thousand threads at rest: what their stacks reserve at most, what is in use."""
    around = Circumstances(stack_bytes={PID: 8 << 20})
    moment = snapshot(counted(1000, vsize_bytes=9 << 30, rss_bytes=64 << 20), circumstances=around)
    (found,) = after(3, moment)
    assert (found.kind, found.title) == ("oversized-pool", "1,000 of its 1,000 threads are at rest")
    assert dict(found.evidence)["stacks reserve"] == (
        "up to 8,000 MiB: 8 MiB each by its limit, unless the program asks for another size"
    )
    assert dict(found.evidence)["memory in use"] == "64 MiB in all, stacks included"
    assert found.severity < PROBLEM
    assert wanted(moment).stacks == [(PID, 1000)]


def test_stacks_reserve_no_more_than_there_is() -> None:
    """A program that asks for smaller stacks reserves less than the limit would."""
    around = Circumstances(stack_bytes={PID: 8 << 20})
    (found,) = after(3, snapshot(counted(1000, vsize_bytes=1 << 30), circumstances=around))
    assert dict(found.evidence)["stacks reserve"].startswith("up to 1,024 MiB: ")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(counted(999), id="fewer"),
        pytest.param(
            process_row(PID, *(thread_row(tid, cpu_pct=1.0) for tid in range(200, 251)))._replace(thread_count=1000),
            id="one in twenty works",
        ),
    ],
)
def test_when_a_pool_is_not_oversized(row: ProcessRow) -> None:
    """A thousand, and 95 % of them at rest."""
    assert after(3, snapshot(row)) == ()
