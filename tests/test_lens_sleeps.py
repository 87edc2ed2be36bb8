"""What sleeps say of what is waited for: a peak at the switch interval, longer ones, neither, too few."""

from __future__ import annotations

import pytest

from gil_rows import estimate
from threadtop.lenses.sleeps import since, together, verdict, words
from threadtop.sample import SleepTally


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(SleepTally(126, 15, 8, 57, 0), "gil", id="four threads that compute"),
        pytest.param(SleepTally(113, 0, 0, 5, 0), "gil", id="two, seldom seen whole"),
        pytest.param(SleepTally(0, 0, 0, 3, 0), "gil", id="just enough"),
        pytest.param(SleepTally(0, 0, 0, 2, 0), "unclear", id="too few"),
        pytest.param(SleepTally(), "unclear", id="none"),
        pytest.param(SleepTally(9, 9, 4, 7, 0), "gil", id="just a peak"),
        pytest.param(SleepTally(9, 9, 4, 6, 0), "unclear", id="no peak"),
        pytest.param(SleepTally(6, 1, 37, 41, 0), "unclear", id="three that each hold a lock for 1.6 ms"),
        pytest.param(SleepTally(0, 36, 0, 4, 0), "gil", id="a tenth"),
        pytest.param(SleepTally(0, 37, 0, 4, 0), "unclear", id="less than a tenth"),
        pytest.param(SleepTally(2000, 9, 0, 0, 0), "unclear", id="only short ones"),
        pytest.param(SleepTally(30, 380, 2, 1, 0), "unclear", id="spread below: a lock, or a GIL let go early"),
        pytest.param(SleepTally(20, 2, 15, 0, 200), "other", id="longer than a wait for a GIL"),
        pytest.param(SleepTally(0, 8, 0, 0, 8), "other", id="just enough longer ones"),
        pytest.param(SleepTally(0, 0, 0, 0, 7), "unclear", id="too few longer ones"),
        pytest.param(SleepTally(0, 9, 0, 0, 8), "unclear", id="fewer than half are longer"),
        pytest.param(SleepTally(0, 0, 5, 2, 20), "other", id="ten times the sharp ones"),
        pytest.param(SleepTally(0, 0, 5, 2, 19), "unclear", id="less than ten times"),
    ],
)
def test_the_verdict(found: SleepTally, said: str) -> None:
    """At and around each threshold, of many threads."""
    assert verdict(found, 5) == said


@pytest.mark.parametrize(
    ("answered", "threads", "said"),
    [
        pytest.param(0, 2, "unclear", id="a native lock of 5 ms"),
        pytest.param(1, 2, "unclear", id="less than one in a hundred"),
        pytest.param(2, 2, "gil", id="one in a hundred"),
        pytest.param(0, 4, "unclear", id="few threads"),
        pytest.param(0, 5, "gil", id="of many threads one is seldom seen to get it"),
    ],
)
def test_who_asks_for_a_gil_soon_gets_it(answered: int, threads: int, said: str) -> None:
    """Sleeps of 5 ms, one after the other, are no waits for a GIL if asking for it never helps."""
    assert verdict(SleepTally(0, 0, 0, 120, 0, answered), threads) == said


def test_what_came_since() -> None:
    """Tallies only grow: one that did not is another thread's."""
    now = SleepTally(5, 4, 3, 2, 1, 1)
    assert since(SleepTally(1, 1, 1, 1, 1), now) == SleepTally(4, 3, 2, 1, 0, 1)
    assert since(None, now) == now
    assert since(SleepTally(0, 0, 0, 0, 2), now) == now


def test_together() -> None:
    """Several threads' sleeps add up; of none there are none."""
    assert together([SleepTally(1, 2, 3, 4, 5), SleepTally(1, 0, 0, 0, 1)]) == SleepTally(2, 2, 3, 4, 6)
    assert together([]) == SleepTally()


def test_in_words() -> None:
    """What speaks against it with its figures; nothing where nobody seems to wait, or nothing was estimated."""
    gil = estimate(70, 71).gil
    assert gil is not None
    doubtful = gil._replace(verdict="unclear", sleeps=SleepTally(90, 9, 0, 1, 0))
    said = words(doubtful)
    assert said.startswith("this may be a native lock as well: of 100 sleeps 10 were over 1 ms, 1 of them 5 ms")
    assert said.endswith("beside a thread that computes")
    unanswered = doubtful._replace(sleeps=SleepTally(0, 0, 2, 60, 0))
    assert words(unanswered).endswith(", but none that asks is soon answered, as one would be")
    assert words(doubtful._replace(sleeps=SleepTally())).endswith("how long its threads sleep has not been seen")
    other = gil._replace(verdict="other", sleeps=SleepTally(2, 1, 0, 0, 20), waiters=0.0)
    assert words(other).startswith("its threads wait for something else than the GIL: 20 of 21 sleeps over 1 ms")
    assert words(gil) == ""
    assert words(doubtful._replace(waiters=0.0)) == words(doubtful._replace(waiters=None)) == ""
    assert words(doubtful._replace(sleeps=None)) == words(doubtful._replace(verdict=None)) == ""
