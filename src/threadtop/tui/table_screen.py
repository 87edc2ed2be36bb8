"""What the screens with a table of threads have in common: a footer that answers, and a line to type into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

from threadtop.errors import UsageError
from threadtop.tui.commands import REPLAY, RESERVED
from threadtop.tui.grid import Grid
from threadtop.tui.prompt import Prompt
from threadtop.tui.replay_line import ReplayLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events
    from textual.widgets import Input

    from threadtop.tui.app import ThreadtopApp
    from threadtop.tui.footer import Footer


class TableScreen(Screen[None]):
    """A screen with a footer, in whose place a line can be asked for."""

    app: ThreadtopApp
    footer: Footer

    def __init__(self) -> None:
        """Nothing is asked yet."""
        super().__init__()
        self.prompt: Prompt | None = None
        self._replay_line: ReplayLine | None = None

    def place_line(self) -> Iterator[ReplayLine]:
        """The line that says where a recording is, to be composed above the footer; none for what is live."""
        if self.app.player is not None:
            self._replay_line = ReplayLine()
            self.footer.name_first(REPLAY)
            self.footer.leave_out("record")
            self.show_place()
            yield self._replay_line

    def show_place(self) -> None:
        """Show where the recording is that is played; of one that is being made, how to end it."""
        self.footer.relabel("record", "end recording" if self.app.status.recording else "record")
        player = self.app.player
        if self._replay_line is not None and player is not None:
            self._replay_line.show(player.position, paused=self.app.status.paused)

    def say(self, message: str, role: str = " ") -> None:
        """Show a message in the footer for some ticks."""
        self.footer.say(message, role)

    def on_key(self, event: events.Key) -> None:
        """Keys that do harm in other tools do nothing here yet, and say so."""
        what = RESERVED.get(event.key)
        if what is not None and isinstance(self.focused, Grid):
            event.stop()
            self.say(f"{event.key.upper() if len(event.key) > 1 else event.key} is kept for {what}, still to come")

    # -- typing ------------------------------------------------------------------------------------

    def ask(self, purpose: str, label: str, example: str, value: str = "") -> None:
        """Ask for a line of text in the footer's place."""
        if self.prompt is None:
            self.prompt = Prompt(purpose, label, example, value)
            self.footer.display = False
            self._lock_focus(locked=True)
            self.mount(self.prompt)

    def _lock_focus(self, *, locked: bool) -> None:
        """A click beside the line must not take the keys away from it."""
        for grid in self.query(Grid):
            grid.can_focus = not locked

    def take_line(self, purpose: str, value: str) -> str:
        """Take what was typed; returns what to say about it, raises UsageError if it makes no sense."""
        if purpose == "delay":
            return self.app.take_delay(value)
        if purpose == "jump":
            return self.app.take_jump(value)
        if purpose == "record":
            return self.app.take_record(value)
        raise NotImplementedError(purpose)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the line; one that makes no sense stays, with what is wrong."""
        event.stop()
        if self.prompt is None:
            return
        try:
            said = self.take_line(self.prompt.purpose, event.value.strip())
        except UsageError as error:
            self.prompt.complain(str(error))
            return
        self.close_prompt()
        if said:
            self.say(said)

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong is being mended."""
        event.stop()
        if self.prompt is not None:
            self.prompt.complain(self.look_at_line(self.prompt.purpose, event.value))

    def on_prompt_left(self) -> None:
        """Leave everything as it was."""
        if self.prompt is not None:
            self.leave_line(self.prompt.purpose)
            self.close_prompt()

    # Not handlers: Textual calls those of every base class by itself.

    def look_at_line(self, purpose: str, value: str) -> str:
        """What to say about a line that is still being typed."""
        del purpose, value
        return ""

    def leave_line(self, purpose: str) -> None:
        """Undo what was done while the line was typed."""

    def close_prompt(self) -> None:
        """Give the footer its place back."""
        if self.prompt is not None:
            self.prompt.remove()
            self.prompt = None
            self.footer.display = True
            self._lock_focus(locked=False)
            self.focus_table()

    def focus_table(self) -> None:
        """Give the keys to what they move in."""
        next(iter(grid for grid in self.query(Grid) if grid.display), self).focus()
