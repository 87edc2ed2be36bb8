"""Which columns of a table fit a width, and how wide each is; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import fields

if TYPE_CHECKING:
    from threadtop.fields import Field
    from threadtop.query import Table

_COMMAND: Final = 30  # cells that COMMAND has before REASON gets more
_MOST_REASON: Final = 30  # cells more


def fitted(table: Table, width: int, *, knows_gil: bool) -> list[tuple[Field, int]]:
    """The columns that fit with their widths in cells; COMMAND takes what is left.

    ``knows_gil``: some process's GIL was seen.
    """
    view = table.view
    shown = [field for field in table.columns if view.threads or field.level != "thread"]
    if not knows_gil and view.columns == fields.DEFAULT_COLUMNS and view.sort not in fields.GIL_COLUMNS:
        # Until a GIL has been seen these hold nothing but dashes, and take the room of columns that say something.
        shown = [field for field in shown if field.key not in fields.GIL_COLUMNS]
    keys = fields.fitting(tuple(field.key for field in shown), width)
    sizes = [(fields.BY_KEY[key], fields.width_of(fields.BY_KEY[key], width)) for key in keys]
    left = max(1, width - sum(size + 1 for field, size in sizes if field.key != "command") - 1)
    # What COMMAND does not need says more of the reason.
    more = 0 if view.full_command else max(0, min(left - _COMMAND, _MOST_REASON))
    added = {"reason": more, "command": left - more * ("reason" in keys) - fields.BY_KEY["command"].width}
    return [(field, size + added.get(field.key, 0)) for field, size in sizes]
