"""One thread that runs without a pause: observed, and a problem where others wait for what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import thread_row
from gil_rows import thread
from ruled import PID, PROBLEM, YOUNG_TICKS, kinds, only, running, server, shot
from threadtop.lock_rows import LockRow, LocksRow, LockWaitRow

if TYPE_CHECKING:
    from threadtop.snapshot import ThreadRow

SECOND_NS = 1_000_000_000
SPINS = running(101, 99.0, 1.0, name="spin")


def idle(*tids: int, **more: object) -> list[ThreadRow]:
    """Threads at rest."""
    return [thread_row(tid, name=f"pool-{tid}", **more) for tid in tids]


# -- spinning ----------------------------------------------------------------------------------


def test_spinning() -> None:
    """All of the time in user code, and nothing else moves: an observation, for it may be work."""
    found = only("spinning", shot(server(SPINS, *idle(102))), 10)
    assert found.title == "spin runs user code without a pause, nothing else moves"
    assert dict(found.evidence) == {
        "runs": "99 %, 100 % of it user code",
        "voluntary switches": "0/s",
        "for": "10 s at least",
        "other threads": "1, all at rest",
    }
    assert (found.grade, found.tids) == ("exact", (101,))
    assert found.severity < PROBLEM


def test_spinning_takes_ten_seconds() -> None:
    """Less, and it may be a computation; but a life of a minute like that has been seen already."""
    assert "spinning" not in kinds(shot(server(SPINS)), 9)
    lifelong = SPINS._replace(start_ticks=YOUNG_TICKS, cpu_ns=10 * SECOND_NS)
    found = only("spinning", shot(server(lifelong, start_ticks=YOUNG_TICKS)), 3)
    assert dict(found.evidence)["for"] == "10 s"


@pytest.mark.parametrize(
    "threads",
    [
        pytest.param([SPINS._replace(vol_per_s=2.0)], id="it waits now and then"),
        pytest.param([SPINS._replace(vol_per_s=None)], id="its switches are not known"),
        pytest.param([running(101, 95.0, 1.0)], id="it rests"),
        pytest.param([SPINS._replace(user_pct=90.0)], id="it works with the kernel"),
        pytest.param([SPINS, running(102, 1.0, 0.2)], id="something else moves"),
        pytest.param([SPINS._replace(gil=thread(101, 99, 0.0).gil)], id="it runs Python"),
        pytest.param([SPINS._replace(mark="new", user_pct=None)], id="nothing known of it"),
    ],
)
def test_when_it_does_not_spin(threads: list[ThreadRow]) -> None:
    """What waits, works with the kernel, or has company is none."""
    assert "spinning" not in kinds(shot(server(*threads)), 12)


def test_spinning_with_others_behind() -> None:
    """Threads wait for a lock that it owns: a problem, and who waits."""
    lock = LockRow(0x1000, "", "mutex", 101, PID, True, (LockWaitRow(102, 5.0, False, None, True),))
    locks = LocksRow((lock,), (), "", "")
    found = only("spinning", shot(server(SPINS, *idle(102), locks=locks)), 10)
    assert found.title == "spin runs user code without a pause, and 1 thread waits for what it has"
    assert found.tids == (101, 102)
    assert found.severity >= PROBLEM


def test_a_job_that_computes_is_nothing() -> None:
    """A compiler runs without a pause for half a minute."""
    assert kinds(shot(server(SPINS, start_ticks=YOUNG_TICKS)), 30, close=False) == []


# -- one hot thread ----------------------------------------------------------------------------


def test_hot_thread() -> None:
    """One of a pool does all the work."""
    found = only("hot-thread", shot(server(running(101, 80.0, name="pool-101", vol_per_s=9.0), *idle(102, 103, 104))))
    assert found.title == "pool-101 is at the limit of one core, the others idle (one of 4 of its name)"
    assert dict(found.evidence) == {"runs": "80 %", "the others": "3 threads, 0 % together"}
    assert (found.tids, found.severity < PROBLEM) == ((101,), True)


def test_hot_thread_of_another_name() -> None:
    """A main thread beside a pool has a name of its own."""
    found = only("hot-thread", shot(server(running(100, 90.0, name="node"), *idle(102, 103, 104))))
    assert found.title.endswith("(one of 4 threads)")


@pytest.mark.parametrize(
    "threads",
    [
        pytest.param([running(101, 79.0), *idle(102, 103, 104)], id="not at its limit"),
        pytest.param([running(101, 90.0), *idle(102, 103)], id="no pool"),
        pytest.param([running(101, 90.0), running(102, 21.0), *idle(103, 104)], id="the others work"),
        pytest.param([running(101, 90.0), running(102, 90.0), *idle(103, 104)], id="two are hot"),
        pytest.param([running(101, 39.0, 61.0), *idle(102, 103, 104)], id="it gets no CPU"),
    ],
)
def test_when_no_thread_is_hot(threads: list[ThreadRow]) -> None:
    """One at the limit of a core, of four at least, and the others use less than 20 %."""
    assert "hot-thread" not in kinds(shot(server(*threads)))
