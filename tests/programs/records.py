"""``threadtop record`` with these arguments, saying on standard output each tick once it is written."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from threadtop import cli
from threadtop.recording.writer import Writer

if TYPE_CHECKING:
    from threadtop.moment import Moment

_add = Writer.add


def add(self: Writer, moment: Moment, **said: Any) -> None:  # noqa: ANN401
    """As the writer does, and say so."""
    _add(self, moment, **said)
    os.write(1, f"{self.ticks}\n".encode())


Writer.add = add  # type: ignore[method-assign]
sys.exit(cli.main(["record", *sys.argv[1:]]))
