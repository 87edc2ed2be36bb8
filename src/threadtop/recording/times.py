"""Moments of a recording as a user names them: from its start, from its end, or by the clock; pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from threadtop import text
from threadtop.errors import UsageError

UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds by the letter behind a number."""
_SPAN: Final = re.compile(r"(-?)(\d{1,9}(?:\.\d{1,9})?)([smhd]?)", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?Z?", re.ASCII)
_DATE: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_DAY_S: Final = 86400


class Named(NamedTuple):
    """A moment as it was named: ``value`` is seconds since the start (of the recording, the day or 1970) or the end."""

    since: str  # start, end, day, 1970
    value: float

    def within(self, begin: float, end: float) -> float:
        """It as wall clock in s, of a recording from ``begin`` to ``end``; a time of day is the nearest such one."""
        if self.since == "start":
            return begin + self.value
        if self.since == "end":
            return end - self.value
        if self.since == "1970":
            return self.value
        first = begin // _DAY_S * _DAY_S - _DAY_S + self.value
        days = range(int((end - begin) // _DAY_S) + 4)
        return min((first + day * _DAY_S for day in days), key=lambda time: max(begin - time, 0.0, time - end))


def parse(value: str, flag: str) -> Named:
    """``90s``, ``10m``, ``-30s``, ``03:15``, ``03:15:20``, ``2026-11-27T03:15:20Z``; raises UsageError.

    A number alone is seconds.  Clock and date are UTC, where the date names no other offset.
    """
    said = value.strip()
    if found := _SPAN.fullmatch(said):
        return Named("end" if found[1] else "start", float(found[2]) * UNITS[found[3]])
    if found := _CLOCK.fullmatch(said):
        hour, minute, second = int(found[1]), int(found[2]), float(found[3] or 0)
        if hour < 24 and minute < 60 and second < 60:  # noqa: PLR2004 a day as clocks show it
            return Named("day", hour * 3600 + minute * 60 + second)
    if (found := _DATE.fullmatch(said)) and (time := _since_1970(found)) is not None:
        return Named("1970", time)
    message = f"{flag} wants a moment of the recording, not {value[:40]!r}"
    raise UsageError(
        message,
        f"write {flag} 90s or 10m (from the start), -30s (from the end), 03:15:20 or 2026-11-27T03:15:20Z (UTC)",
    )


def stretch(begin: float, end: float) -> str:
    """``it goes from 2026-11-27T03:05:20Z to 2026-11-27T03:15:20Z (10 min)``: what to say to who asks beyond it."""
    first, last = (f"{datetime.fromtimestamp(time, timezone.utc):%Y-%m-%dT%H:%M:%SZ}" for time in (begin, end))
    return f"it goes from {first} to {last} ({text.duration(end - begin)})"


def _since_1970(found: re.Match[str]) -> float | None:
    year, month, day, hour, minute, second, offset = found.groups()
    digits = (offset or "Z").replace(":", "")
    shift = timedelta()
    if digits != "Z":
        shift = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5])) * (-1 if digits[0] == "-" else 1)
    try:
        whole = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=timezone.utc)
        return (whole - shift).timestamp() + float(second or 0)
    except (ValueError, OverflowError):
        return None
