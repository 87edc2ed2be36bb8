"""The time bar: one thread's second as cells that add up; blocks are exact, letters are looks; pure.

Parts stand in the order of time_rows.PARTS.  What counters tell is drawn in blocks (``█`` runs its own code, ``▓`` in
the kernel, ``▒`` waits for a CPU), what was found by looks in letters: capitals for a sampled share, small ones for a
hint from one look.  So nothing hangs on colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.time_rows import EXACT, WHOLE_PCT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.time_rows import Part, TimeShare

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


class Sign(NamedTuple):
    """How a part is drawn: its cell, its cell where it is a hint, its role (themes.ROLES), and what it is in words."""

    cell: str
    hint: str
    role: str
    words: str


SIGNS: Final[Mapping[Part, Sign]] = {
    "user": Sign("█", "█", "u", "runs its own code"),
    "system": Sign("▓", "▓", "k", "runs in the kernel"),
    "runq": Sign("▒", "▒", "w", "waits for a cpu"),
    "gil": Sign("G", "g", "W", "GIL"),
    "lock": Sign("L", "l", "l", "lock"),
    "disk": Sign("D", "d", "d", "disk"),
    "network": Sign("N", "n", "e", "network"),
    "pipe": Sign("P", "p", "p", "pipe or local socket"),
    "poll": Sign("·", "·", ".", "idle in poll"),
    "sleep": Sign("z", "z", ".", "sleeps"),
    "child": Sign("C", "c", "a", "child"),
    "stopped": Sign("T", "t", "c", "stopped"),
    "other": Sign("O", "o", ".", "other"),
    "unknown": Sign("?", "?", ".", "not known"),
}
"""In the order of time_rows.PARTS."""
UNKNOWN: Final = "-"
_PLAIN: Final = str.maketrans({"█": "#", "▓": "%", "▒": "=", "·": ".", **dict.fromkeys(_EIGHTHS[1:-1], "#")})


def plain(cells: str) -> str:
    """The cells in ASCII, for an output that has no blocks."""
    return cells.translate(_PLAIN)


def sign(part: Part, *, is_hint: bool) -> tuple[str, str]:
    """The cell of a part and its role."""
    found = SIGNS[part]
    return (found.hint if is_hint else found.cell), found.role


def bar(share: TimeShare | None, width: int) -> tuple[str, str]:
    """The bar in exactly ``width`` cells, and the role of each; None is not known."""
    if share is None or width <= 0:
        return UNKNOWN.ljust(width)[: max(0, width)], "." * max(0, width)
    user, eighths = divmod(round(min(share.user_pct, WHOLE_PCT) / WHOLE_PCT * width * 8), 8)
    parts = [(part, pct) for part, pct in share.parts() if part != "user" and pct > 0]
    if eighths and not parts:  # there is nobody to share the cell with
        user, eighths = user + 1, 0
    whole = user + (eighths > 0)
    cells, roles = ["█" * user, _EIGHTHS[eighths] if eighths else ""], ["u" * whole]
    for (part, _), count in zip(parts, _divided([pct for _, pct in parts], width - whole, width), strict=True):
        cell, role = sign(part, is_hint=share.is_hint)
        cells.append(cell.ljust(count)[:count] if part == "unknown" else cell * count)  # a wall of them says no more
        roles.append(role * count)
    return "".join(cells).ljust(width), "".join(roles).ljust(width, ".")


def _divided(shares: Sequence[float], cells: int, width: int) -> list[int]:
    """``cells`` among parts by largest remainder; one of more than half a cell of ``width`` gets one if it can."""
    total = sum(shares)
    if not total:
        return []
    exact = [share / total * cells for share in shares]
    counts = [int(size) for size in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: counts[index] - exact[index])
    for index in by_remainder[: cells - sum(counts)]:
        counts[index] += 1
    for index, share in enumerate(shares):
        most = max(range(len(counts)), key=counts.__getitem__)
        if not counts[index] and share / WHOLE_PCT * width > 0.5 and counts[most] > 1:  # noqa: PLR2004 half a cell
            counts[index], counts[most] = 1, counts[most] - 1
    return counts


class Steady:
    """One thread's bar from tick to tick: it stays while no part has moved much, so it does not tremble.

    Much is half a cell for what is exact, and a whole one for what is sampled and trembles by itself.
    """

    def __init__(self, share: TimeShare | None, width: int) -> None:
        """The bar of ``share`` in ``width`` cells."""
        self._share = share
        self.drawn = bar(share, width)

    def is_near(self, share: TimeShare | None, width: int) -> bool:
        """Whether the bar still stands for ``share``: nothing came, ended, is known otherwise, or moved much."""
        was = self._share
        if share is None or was is None or len(self.drawn[0]) != width:
            return False
        if (was.is_hint, was.is_whole) != (share.is_hint, share.is_whole):
            return False
        before, now = dict(was.parts()), dict(share.parts())
        cell = WHOLE_PCT / width
        return all(
            abs(before.get(part, 0.0) - now.get(part, 0.0)) < (cell / 2 if part in EXACT else cell)
            for part in before.keys() | now.keys()
        )
