from __future__ import annotations

import pytest

from builders import NOON
from threadtop.errors import UsageError
from threadtop.recording import times

END = NOON + 600
DAY_S = 86400


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("0", NOON),
        ("90", NOON + 90),
        ("90s", NOON + 90),
        ("1.5m", NOON + 90),
        ("2h", NOON + 7200),
        ("1d", NOON + DAY_S),
        ("-30s", END - 30),
        ("-2m", END - 120),
        ("-0", END),
        ("12:05", NOON + 300),
        ("12:05:20", NOON + 320),
        ("12:05:20.25Z", NOON + 320.25),
        (" 12:05 ", NOON + 300),
        ("2026-01-01T12:05:20Z", NOON + 320),
        ("2026-01-01 12:05", NOON + 300),
        ("2026-01-01T12:05:20.5", NOON + 320.5),
        ("2026-01-01T13:05:20+01:00", NOON + 320),
        ("2026-01-01T08:35:20-0330", NOON + 320),
        ("2026-01-01T12:05:20.125+00:00", NOON + 320.125),
    ],
)
def test_moments(said: str, expected: float) -> None:
    """A moment counts from the start, from the end, or is that of a clock in UTC."""
    assert times.parse(said, "--at").within(NOON, END) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("said", "begin_s", "end_s", "expected_s"),
    [
        ("23:55", 11.9 * 3600, 12.5 * 3600, 11 * 3600 + 55 * 60),  # before midnight
        ("00:10", 11.9 * 3600, 12.5 * 3600, 12 * 3600 + 600),  # and after
        ("11:59", 0, 60, -60),  # just before the recording, not a day after
        ("12:03", 0, 60, 180),
        ("12:30", 0, 3 * DAY_S, 1800),  # of several days the first
    ],
)
def test_a_time_of_day_is_the_nearest(said: str, begin_s: float, end_s: float, expected_s: float) -> None:
    """Of all days the first one whose time is within the recording, else the nearest to it."""
    assert times.parse(said, "--at").within(NOON + begin_s, NOON + end_s) == pytest.approx(NOON + expected_s)


@pytest.mark.parametrize(
    "said",
    [
        *("", "-", "x", "90x", "1e3", "+5", "--5s", "5 s", "90s ago", "\u0661", "nan", "9" * 12),
        *("24:00", "12:60", "12:05:60", "1:2", "-12:05", "2026-02-30T00:00Z", "2026-01-01", "2026-13-01T00:00"),
        *("0000-01-01T00:00Z", "0001-01-01T00:00+23:59"),
    ],
)
def test_what_is_no_moment_is_refused(said: str) -> None:
    """One line that names the option and shows each way to write a moment."""
    with pytest.raises(UsageError) as raised:
        times.parse(said, "--at")
    assert raised.value.what == f"--at wants a moment of the recording, not {said[:40]!r}"
    assert all(f" {example}" in raised.value.remedy for example in ("--at 90s", "-30s", "03:15:20", "2026-"))
