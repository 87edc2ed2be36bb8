"""The Stacks pane: asks tools for stacks when a key is pressed, never by itself; says before whether it pauses."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from threadtop import sheets, traces
from threadtop.errors import ThreadtopError
from threadtop.sheets.stacks import PYTHON
from threadtop.tui.asking import asked
from threadtop.tui.panes.sheet import SheetPane

if TYPE_CHECKING:
    import threading

    from threadtop.native_stacks import Paused
    from threadtop.sheets.sheet import Request
    from threadtop.sheets.stacks import StacksFacts, Trace

CONFIRM_S: Final = 5.0  # within which a key that pauses the process is to be pressed again


class StacksPane(SheetPane):
    """Stacks of one process."""

    def __init__(self) -> None:
        """Nothing was asked for."""
        super().__init__(sheets.BY_NAME["stacks"])
        self.asking: threading.Thread | None = None
        self._known: StacksFacts | None = None
        self._read_at = 0.0
        self._confirm_until = 0.0

    def facts(self) -> object:
        """What was asked for, and how old it is."""
        if self._known is None:
            self._known = traces.tools()
        known = self._known
        if known.confirm and time.monotonic() > self._confirm_until:
            known = self._known = known._replace(confirm="")
        return known._replace(age_s=time.monotonic() - self._read_at) if known.how else known

    def ask_for(self, request: Request) -> None:
        """Ask for stacks; what pauses the process wants the key twice."""
        known = self._known or traces.tools()
        if known.confirm == request.name and time.monotonic() <= self._confirm_until:
            self._known = known._replace(confirm="")
            self.ask(request.name)
        else:
            self._known = known._replace(confirm=request.name)
            self._confirm_until = time.monotonic() + CONFIRM_S
            self._show()

    def ask_stacks(self) -> None:
        """Ask py-spy without pausing the process."""
        self.ask(PYTHON)

    def ask(self, how: str) -> None:
        """Ask in a thread of its own; one at a time."""
        if self.asking is not None or self._opened is None:
            return
        process = self._opened.process
        idents = process.gil.idents if process.gil is not None else {}
        self._known = (self._known or traces.tools())._replace(asking=how, complaint="")
        self.asking = asked("stacks", lambda: traces.read(how, process.pid, idents), partial(self._take, how))
        self._show()

    def _take(self, how: str, answer: tuple[tuple[Trace, ...], Paused] | ThreadtopError) -> None:
        self.asking = None
        known = (self._known or traces.tools())._replace(asking="")
        if isinstance(answer, ThreadtopError):
            self._known = known._replace(complaint=str(answer))
        else:
            found, paused = answer
            self._known = known._replace(how=how, traces=found, paused_s=paused.seconds)
            self._read_at = time.monotonic()
        self._show()

    def _show(self) -> None:
        self._make()
        self.repaint()
