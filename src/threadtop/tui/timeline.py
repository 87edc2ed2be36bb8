"""The GIL's timeline: who held it when, in cells of time; pure.

Cells stand on whole multiples of their length, so that what has been shown moves to the left and does not change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.rates import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.sample import GilMoment

SHOWN_S: Final = 10
_SHORT_GAP: Final = re.compile(r"(?<=G)\.{1,3}(?=G)")
_BLOCKS: Final = "▁▂▃▄▅▆▇█"


class Timeline(NamedTuple):
    """Rounds in each cell, and in how many of them each thread (tid) held a GIL, and how often asleep."""

    rounds: Sequence[int]
    held: Mapping[int, Sequence[int]]
    asleep: Mapping[int, Sequence[int]]

    def row(self, tid: int) -> tuple[str, str]:
        """One thread's cells and their roles: height is its share, ``Z`` asleep, a dot none, blank not watched."""
        held, asleep = self.held.get(tid), self.asleep.get(tid)
        cells, roles = [], []
        for index, rounds in enumerate(self.rounds):
            count = held[index] if held else 0
            if not rounds:
                cell, role = " ", " "
            elif not count:
                cell, role = "·", "."
            elif asleep and asleep[index] * 2 >= count:
                cell, role = "Z", "Z"
            else:
                cell, role = _BLOCKS[max(0, round(count / rounds * len(_BLOCKS)) - 1)], "G"
            cells.append(cell)
            roles.append(role)
        # A change of colour costs 20 bytes: the dots of a short gap keep that of the blocks around them.
        return "".join(cells), _SHORT_GAP.sub(lambda gap: "G" * len(gap.group()), "".join(roles))


def timeline(moments: Sequence[GilMoment], cells_per_s: int) -> Timeline:
    """The last SHOWN_S seconds of rounds, in so many cells a second."""
    count = SHOWN_S * cells_per_s
    rounds = [0] * count
    held: dict[int, list[int]] = {}
    asleep: dict[int, list[int]] = {}
    if moments:
        first = moments[-1].at_ns * cells_per_s // SECOND_NS - count + 1
        for moment in moments:
            index = moment.at_ns * cells_per_s // SECOND_NS - first
            if index < 0:
                continue
            rounds[index] += 1
            for tid in set(moment.holders):
                if tid:
                    held.setdefault(tid, [0] * count)[index] += 1
                    if tid in moment.asleep:
                        asleep.setdefault(tid, [0] * count)[index] += 1
    return Timeline(rounds, held, asleep)


def axis(cells_per_s: int) -> str:
    """The heading above the cells: a mark where each second begins, how far back it goes, and where now is."""
    marks = ("┊" + " " * (cells_per_s - 1)) * SHOWN_S
    left, right = f"{SHOWN_S} s ago", "now"
    if len(marks) < len(left) + len(right) + 2:
        return f"last {SHOWN_S} s".ljust(len(marks))[: len(marks)]
    return f"{left} {marks[len(left) + 1 : -len(right) - 1]} {right}"
