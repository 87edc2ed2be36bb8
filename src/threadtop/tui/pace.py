"""The pace of what is shown: pause and interval; of a recording also where it is, and how fast it plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

from threadtop.errors import UsageError
from threadtop.feed import LEAST_INTERVAL_S, MOST_INTERVAL_S
from threadtop.recording import times
from threadtop.recording.player import Player
from threadtop.tui.commands import REPLAY, bindings
from threadtop.tui.replay_line import speed_words, utc
from threadtop.tui.table_screen import TableScreen

if TYPE_CHECKING:
    from threadtop.feed import Feed
    from threadtop.tui.header import Status

MINUTE_S = 60.0


class Pace(App[int]):
    """The part of the app that sets the pace; ``player`` is None where what is shown is live."""

    feed: Feed
    status: Status
    player: Player | None = None

    if TYPE_CHECKING:

        def show(self) -> None: ...  # noqa: D102 the app has these
        def say(self, message: str, role: str = " ") -> None: ...  # noqa: D102

    def take_feed(self, feed: Feed) -> None:
        """Show what ``feed`` delivers; one that plays a recording has keys of its own."""
        self.feed = feed
        if isinstance(feed, Player):
            self.player = feed
            for binding in bindings(REPLAY):
                self.bind(binding.key, binding.action, description=binding.description, show=False)

    def action_pause(self) -> None:
        """Freeze the snapshot, or go on."""
        paused = not self.status.paused
        self.status = self.status._replace(paused=paused)
        if not self.status.ended:
            self.feed.pause(paused)
        self.show()

    # -- live --------------------------------------------------------------------------------------

    def action_delay(self) -> None:
        """Ask for the interval."""
        if self.player is not None:
            self.say("a recording has the pace of its ticks: + and - play it faster and slower")
        elif isinstance(self.screen, TableScreen):
            self.screen.ask("delay", "delay", "seconds between two refreshes", f"{self.feed.interval_s:g}")

    def take_delay(self, value: str) -> str:
        """Set the interval from what was typed; raises UsageError."""
        try:
            interval_s = float(value)
        except ValueError:
            interval_s = 0.0
        if not LEAST_INTERVAL_S <= interval_s <= MOST_INTERVAL_S:
            message = f"the delay is {LEAST_INTERVAL_S:g} to {MOST_INTERVAL_S:g} seconds, not {value!r}"
            raise UsageError(message)
        self.feed.set_interval(interval_s)
        return f"every {interval_s:g} s"

    def _scale_delay(self, factor: float) -> None:
        interval_s = min(MOST_INTERVAL_S, max(LEAST_INTERVAL_S, self.feed.interval_s * factor))
        self.say(self.take_delay(f"{interval_s:.3g}"))

    def action_slower(self) -> None:
        """Refresh half as often; of a recording ``+`` means more speed."""
        if self.player is None:
            self._scale_delay(2)
        else:
            self._scale_speed(self.player, 2)

    def action_faster(self) -> None:
        """Refresh twice as often; of a recording ``-`` means less speed."""
        if self.player is None:
            self._scale_delay(0.5)
        else:
            self._scale_speed(self.player, 0.5)

    # -- a recording -------------------------------------------------------------------------------

    def _scale_speed(self, player: Player, factor: float) -> None:
        words = speed_words(player.scale(factor))
        self._show_place()
        self.say(f"plays at {words}")

    def action_tick(self, by: int) -> None:
        """So many ticks on, or back; then it stands still."""
        if self.player is not None:
            self._stand_still()
            self.player.step(by)
            self._show_place()

    def action_minute(self, by: int) -> None:
        """So many minutes on, or back."""
        if self.player is not None:
            self.player.move(by * MINUTE_S)
            self._show_place()

    def action_to_finding(self, direction: int) -> None:
        """To where the next finding began, or the one before; then it stands still."""
        if self.player is None:
            return
        mark = self.player.next_mark(direction)
        if mark is None:
            self.say(f"no finding begins {'after' if direction > 0 else 'before'} this")
            return
        self._stand_still()
        self._show_place()
        self.say(f"{mark.kind} begins in process {mark.pid}")

    def action_jump(self) -> None:
        """Ask for a time."""
        if self.player is not None and isinstance(self.screen, TableScreen):
            at = self.player.position
            example = f"{utc(at.first_time)} to {utc(at.last_time)} UTC; 90s or 10m from the start, -30s from the end"
            self.screen.ask("jump", "go to", example)

    def take_jump(self, value: str) -> str:
        """Go to the time that was typed, nowhere for none; raises UsageError, short enough to stand beside it."""
        if self.player is not None and value:
            at = self.player.position
            try:
                named = times.parse(value, "go to")
            except UsageError:
                message = "no moment"
                raise UsageError(message, "write 03:15:20, 90s, 10m or -30s") from None
            self.player.go_to(named.within(at.first_time, at.last_time))
            self._show_place()
        return ""

    def _stand_still(self) -> None:
        if not self.status.paused:
            self.action_pause()

    def _show_place(self) -> None:
        """The time line moves at once, and what was said of another place goes; what was recorded here follows."""
        if isinstance(self.screen, TableScreen):
            self.screen.footer.hush()
            self.screen.show_place()
