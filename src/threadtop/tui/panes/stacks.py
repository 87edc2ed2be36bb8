"""The Stacks pane: asks tools for stacks when a key is pressed, never by itself; says before whether it pauses."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from threadtop import sheets, traces
from threadtop.errors import ThreadtopError
from threadtop.sheets.stacks import CONFIRM_S, NATIVE, PYTHON, StacksFacts, confirm_words
from threadtop.stacks import UnsupportedError
from threadtop.tui.asking import asked
from threadtop.tui.panes.sheet import SheetPane

if TYPE_CHECKING:
    import threading

    from threadtop.sheets.sheet import Request
    from threadtop.traces import Answer


class StacksPane(SheetPane):
    """Stacks of one process."""

    def __init__(self) -> None:
        """Nothing was asked for."""
        super().__init__(sheets.BY_NAME["stacks"])
        self.asking: threading.Thread | None = None
        self._known = StacksFacts()
        self._read_at = 0.0
        self._confirm_until = 0.0
        self._is_beyond_py_spy = False

    def facts(self) -> object:
        """What was asked for, how old it is, and what could be asked."""
        known = self._known
        if known.confirm and time.monotonic() > self._confirm_until:
            known = self._known = known._replace(confirm="")
        if self._opened is not None:
            tools = traces.tools(self._opened.process, without_py_spy=self._is_beyond_py_spy)
            known = known._replace(has_py_spy=tools.has_py_spy, native_tool=tools.native_tool)
        return known._replace(
            age_s=time.monotonic() - self._read_at if known.how else 0.0,
            is_readonly=self.app.options.readonly,  # type: ignore[attr-defined]
        )

    def ask_for(self, request: Request) -> None:
        """Ask for stacks; what pauses the process wants the key twice, and is not done with --readonly."""
        facts = self.facts()
        if self.app.player is not None:  # type: ignore[attr-defined]
            return
        if not isinstance(facts, StacksFacts) or self._opened is None or self.asking is not None:
            return
        if self._opened.has_ended:
            self._say(f"process {self._opened.process.pid} has ended: there is none to pause")
        elif facts.is_readonly:
            self._say("stacks of this kind pause the process, and --readonly forbids that; y does not pause it")
        elif facts.confirm == request.name:
            self._known = self._known._replace(confirm="")
            self.screen.footer.hush()  # type: ignore[attr-defined]
            self.ask(request.name)
        else:
            self._known = self._known._replace(confirm=request.name)
            self._confirm_until = time.monotonic() + CONFIRM_S
            self._say(confirm_words(facts._replace(confirm=request.name), self._opened.process))
            self._show()

    def ask_stacks(self) -> None:
        """Ask py-spy without pausing the process."""
        self.ask(PYTHON)

    def ask(self, how: str) -> None:
        """Ask in a thread of its own; one at a time."""
        if self.asking is not None or self._opened is None:
            return
        process = self._opened.process
        tool = traces.tools(process, without_py_spy=self._is_beyond_py_spy).native_tool
        self._known = self._known._replace(asking=how, confirm="", complaint="")
        self.asking = asked("stacks", lambda: traces.read(how, process, tool), partial(self._take, how))
        self._show()

    def _take(self, how: str, answer: Answer | ThreadtopError) -> None:
        self.asking = None
        known = self._known._replace(asking="")
        if isinstance(answer, ThreadtopError):
            # Another tool pauses for longer: it is not run before that was said.
            self._is_beyond_py_spy |= how == NATIVE and isinstance(answer, UnsupportedError)
            self._known = known._replace(complaint=str(answer))
        else:
            self._known = known._replace(how=how, **answer._asdict())
            self._read_at = time.monotonic()
        self._show()

    def _say(self, words: str) -> None:
        self.screen.say(words, "y")  # type: ignore[attr-defined]

    def _show(self) -> None:
        self._make()
        self.repaint()
