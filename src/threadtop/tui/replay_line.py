"""The line of a recording: where it is, how fast it plays, where findings began; one line above the footer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.tui.paint import LineBuilder
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from threadtop.recording.player import Position
    from threadtop.tui.paint import Line

_LEAST_BAR: Final = 10
_WIDE: Final = 100
DAY_S: Final = 86_400


def utc(time_s: float, *, with_date: bool = False) -> str:
    """``03:15:20``, or with its date."""
    return time.strftime("%Y-%m-%d %H:%M:%S" if with_date else "%H:%M:%S", time.gmtime(time_s))


def speed_words(speed: float) -> str:
    """``2x``, ``1/4x``."""
    return f"{speed:g}x" if speed >= 1 else f"1/{1 / speed:g}x"


def replay_line(position: Position, width: int, *, paused: bool) -> Line:
    """The line in ``width`` cells."""
    is_wide = width >= _WIDE
    left = LineBuilder().add(" ")
    if position.is_end:
        left.add("■ end ", "y")
    elif paused:
        left.add("‖ PAUSED ", "s")
    else:
        left.add("▶ ", "g")
    left.add(f"{speed_words(position.speed)} ", ".")
    spans_days = position.last_time - position.first_time > DAY_S
    left.add(f" {utc(position.time, with_date=is_wide or spans_days)}", "b").add(" UTC " if is_wide else " ", ".")
    total = text.thousands(position.total)
    right = LineBuilder().add(f" {text.thousands(position.place + 1):>{len(total)}}", "b")
    right.add(f" of {total} ", ".")
    if is_wide:
        right.add(f" {text.duration(position.last_time - position.first_time)} recorded ", ".")
    room = width - left.length - right.length
    if room >= _LEAST_BAR:
        _bar(left, position, room)
    return left.pad(width - right.length).join(right).line(width)


def _bar(line: LineBuilder, position: Position, room: int) -> None:
    """The ticks from end to end, those shown already heavier; findings as triangles, problems in red."""
    cells = room - 2
    last = max(1, position.total - 1)
    here = position.place * (cells - 1) // last
    signs = {at: ("━" if at < here else "─", "v" if at < here else ".") for at in range(cells)}
    for place, mark in position.marks:
        at = place * (cells - 1) // last
        if mark.is_problem or signs[at][0] != "▲":
            signs[at] = ("▲", "r") if mark.is_problem else ("△", "y")
    signs[here] = ("●", "b")
    line.add("├", ".")
    for at in range(cells):
        line.add(*signs[at])
    line.add("┤", ".")


class ReplayLine(Painted):
    """One line: where a recording is."""

    DEFAULT_CSS = "ReplayLine { height: 1; }"

    def __init__(self) -> None:
        """Not known yet."""
        super().__init__()
        self.position: Position | None = None
        self.paused = False

    def show(self, position: Position, *, paused: bool) -> None:
        """Show where it is now."""
        self.position, self.paused = position, paused
        self.repaint()

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The one line."""
        del height
        return [] if self.position is None else [replay_line(self.position, width, paused=self.paused)]
