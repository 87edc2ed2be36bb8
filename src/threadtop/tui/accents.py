"""What stands out in the grid and what is quiet: roles (themes.ROLES) of a row's cells; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import waits
from threadtop.snapshot import GroupRow, ProcessRow

if TYPE_CHECKING:
    from threadtop.fields import Field
    from threadtop.snapshot import Row

BUSY_PCT: Final = 5.0  # a share from which the eye should be drawn
STARVED_PCT: Final = 20.0  # run-queue wait that outweighs all else
GIL_WAIT_PCT: Final = 20.0  # waiting for the GIL from which it is the news
SWITCHES: Final = 1000.0  # voluntary switches a second from which it should be
PREEMPTED: Final = 100.0  # involuntary ones
_STATE_ROLES: Final = {"D": "r", "T": "c", "t": "c", "Z": "m", "X": "m"}
_QUIET: Final = frozenset(("pid", "tid", "tid_hex", "ppid", "priority", "nice", "last_cpu", "reason", "wchan", "user"))


def accent(row: Row) -> tuple[str, tuple[str, ...]]:
    """The one thing on a row that stands out: its role, and the columns that say it."""
    cpu_pct, wait_pct = row.cpu_pct or 0.0, row.wait_pct or 0.0
    gil_wait_pct = row.gil_wait_pct or 0.0
    role = ""
    columns: tuple[str, ...] = ()
    if row.is_idle or row.mark == "gone":
        pass
    elif row.state in _STATE_ROLES:
        role, columns = _STATE_ROLES[row.state], ("state", "reason")
    elif gil_wait_pct >= max(GIL_WAIT_PCT, wait_pct):
        role, columns = "W", ("gil_wait_pct", "reason") if _says(row, waits.GIL) else ("gil_wait_pct",)
    elif _starves(cpu_pct, wait_pct, row.vol_per_s or 0.0):
        role, columns = "w", ("wait_pct", "reason") if _says(row, waits.RUN_QUEUE) else ("wait_pct",)
    elif cpu_pct >= BUSY_PCT:
        role, columns = "g", ("cpu_pct", "state") if row.state == "R" else ("cpu_pct",)
    elif (row.vol_per_s or 0.0) >= SWITCHES:
        role, columns = "v", ("vol_per_s",)
    elif (row.invol_per_s or 0.0) >= PREEMPTED:
        role, columns = "w", ("invol_per_s",)
    return role, columns


def _says(row: Row, reason: str) -> bool:
    """Whether the row's REASON says the same; a heading has none."""
    return getattr(row, "reason", None) == reason


def _starves(cpu_pct: float, wait_pct: float, vol_per_s: float) -> bool:
    """Whether waiting for a CPU is what a thread does most.

    Two spinners on one core wait as long as they run: the colour must not change sides with each
    tremble.  A thread that switches thousands of times waits a little each time: that is not its news.
    """
    if wait_pct < BUSY_PCT or wait_pct < cpu_pct * 0.8:
        return False
    return wait_pct >= STARVED_PCT or vol_per_s < SWITCHES


def plain_role(field: Field, row: Row, *, is_still: bool) -> str:
    """The role of a cell that is not the row's accent: quiet where it says nothing."""
    if row.mark == "gone":
        return "x"
    if is_still or field.key in _QUIET:
        return "."
    if field.kind in ("percent", "bar", "rate"):
        value = field.value(row)
        return " " if isinstance(value, (int, float)) and value != 0 else "."
    return " "


def bar_roles(row: Row, roles: str) -> str:
    """The time bar in the colours of its parts, unless the row is at rest or has gone."""
    if row.mark == "gone":
        return "x" * len(roles)
    return "." * len(roles) if row.is_idle else roles


def command_roles(row: Row, cells: str, searched: str, *, is_still: bool) -> str:
    """COMMAND: the process plain, the thread's name brighter; what is searched for stands out."""
    if row.mark == "gone":
        roles = "x" * len(cells)
    elif is_still:
        roles = "." * len(cells)
    elif isinstance(row, (ProcessRow, GroupRow)):
        roles = "b" * len(cells)
    else:
        at = cells.find("[")
        roles = " " * len(cells) if at < 0 else " " * at + "b" * (len(cells) - at)
    found = cells.lower().find(searched.lower()) if searched else -1
    if found >= 0:
        end = found + len(searched)
        roles = (roles[:found] + "s" * len(searched) + roles[end:])[: len(cells)]
    return roles
