"""The app: holds the latest snapshot and hands it to the screen that is shown."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.widgets import Input

from threadtop import config, pages, rates, text
from threadtop.cli import THEMES, Options
from threadtop.errors import ThreadtopError
from threadtop.export import iso_time
from threadtop.history import History
from threadtop.tui import _compat, finding_words, themes
from threadtop.tui.commands import GLOBAL, Commands, bindings
from threadtop.tui.findings_screen import FindingsScreen
from threadtop.tui.header import Status
from threadtop.tui.help import About
from threadtop.tui.keeping import Keeping
from threadtop.tui.main_screen import MainScreen
from threadtop.tui.pace import Pace
from threadtop.tui.painted import Painted
from threadtop.tui.process_screen import ProcessScreen
from threadtop.tui.screens import HelpScreen, PageScreen
from threadtop.tui.table_screen import TableScreen
from threadtop.tui.terminal import Terminal
from threadtop.tui.worst import Worst

if TYPE_CHECKING:
    from textual.driver import Driver

    from threadtop.config import Preferences
    from threadtop.feed import Feed
    from threadtop.recording.ring import Recorder
    from threadtop.snapshot import Finding, Snapshot
    from threadtop.targets import Command
    from threadtop.tui.signals import Signals


class ThreadtopApp(Pace, Keeping):
    """threadtop's screen."""

    TITLE = "threadtop"
    CSS_PATH = "threadtop.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[Any]] = {Commands}
    BINDINGS: ClassVar[list[Any]] = bindings(GLOBAL)

    def __init__(
        self,
        options: Options,
        preferences: Preferences,
        feed: Feed,
        *,
        recorder: Recorder | None = None,
        command: Command | None = None,
        warning: str = "",
        driver_class: type[Driver] | None = None,
    ) -> None:
        """An app that shows what ``feed`` delivers; ``warning`` is shown once it runs."""
        self.no_colour = not options.colour or "NO_COLOR" in os.environ
        self.theme_name = options.theme or preferences.theme or themes.suitable()
        # Without colours Textual is to keep to the terminal's own: else it sends each colour's grey.
        super().__init__(driver_class=driver_class or Terminal, ansi_color=True if self.no_colour else None)
        for name in THEMES:
            self.register_theme(themes.textual_theme(name))
        self.theme = f"threadtop-{self._shown_theme}"
        self.options = options
        self.command = command
        self.snapshot: Snapshot | None = None
        self.history = History()
        self.status = Status()
        self._worst = Worst()
        self.failure: ThreadtopError | None = None
        self.signals: Signals | None = None
        self.palette = self._make_palette()
        self.take_feed(feed)
        self.recorder = recorder
        self._warning = warning
        self._targets: dict[int, int] = {}
        self._is_ending = False
        self._loop_: asyncio.AbstractEventLoop | None = None
        self._main = MainScreen(options.view(preferences.view), per_core=options.per_core or preferences.per_core)

    # -- start and end -----------------------------------------------------------------------------

    def get_default_screen(self) -> MainScreen:
        """The main screen is the lowest: a blank one below it would be painted first."""
        return self._main

    def on_mount(self) -> None:
        """Begin to read."""
        self._loop_ = asyncio.get_running_loop()
        self.feed.deliver = self._deliver
        self._take()
        if self._warning:
            self.call_after_refresh(self.say, self._warning, "y")

    def on_unmount(self) -> None:
        """Stop reading."""
        self.feed.stop()
        _compat.forget_traceback(self)

    def end(self, code: int) -> None:
        """Leave with an exit code; the first reason counts."""
        if not self._is_ending:
            self._is_ending = True
            self.exit(code, code)

    async def action_quit(self) -> None:
        """Leave, with exit code 0."""
        self.end(0)

    def action_command_palette(self) -> None:
        """Open the command palette; its cursor blinks no more than ours."""
        super().action_command_palette()

        def steady() -> None:
            for line in self.screen.query(Input):
                line.cursor_blink = False

        self.screen.call_after_refresh(steady)

    def action_suspend_process(self) -> None:
        """Stop the whole job, as the terminal does on Ctrl+Z: a script that started us is to stop, too."""
        if self.signals is not None:
            os.kill(0, signal.SIGTSTP)

    # -- the feed ----------------------------------------------------------------------------------

    def _deliver(self) -> None:
        """Called in the feed's thread: the rest is done in ours."""
        if self._loop_ is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop_.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        if self.feed.failure is not None:
            self.failure = ThreadtopError(f"reading failed: {self.feed.failure!r}", "please report it")
            self.end(1)
            return
        self._remember()
        snapshot = self.feed.take()
        # A pass that was under way when the user paused would move the frozen picture.
        is_frozen = self.status.paused and self.player is None
        if snapshot is not None and self.is_running and not is_frozen:
            with self._context():
                self._look_back()
                self.take(snapshot)

    def _look_back(self) -> None:
        """After a jump in a recording, what is shown of the past is that before it."""
        past = self.player.take_past() if self.player is not None else None
        if past is not None:
            self.history, self._worst = History(), Worst()
            for snapshot in past:
                self.history.add(snapshot)

    def _remember(self) -> None:
        """Some time after a jump, the minutes before it come."""
        history = self.player.take_history() if self.player is not None else None
        if history is not None and self.is_running:
            self.history = history
            with self._context():
                self.show()

    def take(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        ended = self._ended(snapshot)
        if ended and self.snapshot is not None:
            self.feed.pause(True)
        else:
            self.snapshot = snapshot
            self.history.add(snapshot)
            self._worst.add(self.of_targets(snapshot))
        self.status = Status(
            paused=self.status.paused,
            stretched_s=self.feed.stretched_s,
            behind=_compat.is_behind(self),
            attached=self._attached_words(),
            ended=ended,
            worst=self._worst.shown,
            recording=self.recording_words(),
            is_lost=self.is_lost,
        )
        self.show()
        self.look()

    def caught_up(self, left_out: bool) -> None:  # noqa: FBT001 it is the one thing said
        """The link was slow and is no longer: show what was skipped; all of it if output was left out."""
        if not self.is_running:
            return
        with self._context():
            is_live = not (self.status.paused or self.status.ended)
            self.status = self.status._replace(behind=is_live)
            self.show()
            for widget in self.screen.query(Painted):
                widget.repaint()
            self.status = self.status._replace(behind=False)
            if left_out:
                self.action_redraw()

    def show(self) -> None:
        """Show the latest snapshot on the screen that is on top."""
        screen = self.screen
        if self.snapshot is not None and isinstance(screen, (MainScreen, ProcessScreen, FindingsScreen)):
            screen.show(self.snapshot)
            screen.show_place()

    def of_targets(self, snapshot: Snapshot) -> Snapshot:
        """An attached run's snapshot without the processes that were read for a screen that was open."""
        pids = self.options.pids
        if pids is None or (snapshot.processes.keys() <= pids and {row.pid for row in snapshot.gone} <= pids):
            return snapshot
        processes = {pid: row for pid, row in snapshot.processes.items() if pid in pids}
        return snapshot._replace(
            processes=processes,
            totals=rates.totals(processes.values()),
            gone=tuple(row for row in snapshot.gone if row.pid in pids),
            findings=tuple(found for found in snapshot.findings if found.pid in pids),
        )

    def look(self) -> None:
        """Tell the feed what is looked at; in an attached run those that are open and owners of locks are read, too.

        A page or a question on top of a screen does not end that: its findings would have to be found anew.
        """
        attached = self.options.pids
        if attached is not None:
            attached |= {screen.pid for screen in self.screen_stack if isinstance(screen, ProcessScreen)}
        below = (screen for screen in reversed(self.screen_stack) if isinstance(screen, (MainScreen, ProcessScreen)))
        interest = next(below, self._main).interest(attached)
        if interest.attached is not None:
            interest = interest._replace(attached=interest.attached | self._owners())
        self.feed.look_at(interest)

    def _owners(self) -> set[int]:
        """The processes that own a lock for which a thread waits: what they wait for may close a chain."""
        rows = self.snapshot.processes.values() if self.snapshot is not None else ()
        locks = [lock for row in rows if row.locks is not None for lock in row.locks.locks]
        return {lock.owner_pid for lock in locks if lock.owner_pid is not None}

    def _attached_words(self) -> str:
        pids = self.options.pids
        if pids is None or self.snapshot is None:
            return ""
        names = [
            f"{text.visible(self.snapshot.processes[pid].process)} {pid}"
            for pid in sorted(pids)
            if pid in self.snapshot.processes
        ]
        return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004 as many as fit

    def _ended(self, snapshot: Snapshot) -> str:
        """What to say once everything we are attached to has ended; a reused pid is another process."""
        pids = self.options.pids
        if pids is None:
            return ""
        if self.command is not None:
            self.command.outcome()  # reaps it
        for pid in pids:
            row = snapshot.processes.get(pid)
            if row is None or row.has_ended:
                continue
            if self._targets.setdefault(pid, row.start_ticks) == row.start_ticks:
                return ""
        what = f"process {', '.join(map(str, sorted(pids)))} ended at {iso_time(snapshot.time)[11:19]} UTC"
        outcome = self.command.end_outcome() if self.command is not None else None
        return f"{what}, {outcome}" if outcome else what

    # -- actions -----------------------------------------------------------------------------------

    def say(self, message: str, role: str = " ") -> None:
        """Show a message in the footer of the screen on top."""
        screen = self.screen
        (screen if isinstance(screen, TableScreen) else self._main).say(message, role)

    def open_process(self, pid: int, tid: int, pane: str = "", *, attach: bool = False) -> bool:
        """Open the screen of one process, at the pane of that name; False if it has ended.

        ``attach``: one that an attached run does not read yet will do, too: it is read while its screen is open.
        """
        is_seen = self.snapshot is not None and pid in self.snapshot.processes
        is_reading = not (self.status.paused or self.status.ended)
        if not is_seen and not (attach and self.options.pids is not None and is_reading):
            return False
        self.push_screen(ProcessScreen(pid, tid, pane))
        return True

    def open_findings(self) -> None:
        """All findings; a single one opens its process at them straight, and so does one that holds no longer."""
        found = self.snapshot.findings if self.snapshot is not None else ()
        shown = self.status.worst.finding if self.status.worst is not None else None
        only = found[0] if len(found) == 1 else shown if not found else None
        if only is not None:
            if not self.open_process(only.pid, 0, finding_words.FINDINGS):
                self.say(f"{only.process} has ended")
        elif found:
            self.push_screen(FindingsScreen(shown))
        else:
            self.say(finding_words.nothing("", is_live=self.player is None))

    def explain(self, finding: Finding | None) -> None:
        """Explain what a finding is about; without one, show the help."""
        if finding is None:
            self.action_help()
        else:
            self.open_page(pages.for_finding(finding.kind))

    def open_page(self, key: str) -> None:
        """Open a page that explains."""
        self.push_screen(PageScreen(key))

    def action_help(self) -> None:
        """Show the help, beginning with what is looked at."""
        self.push_screen(HelpScreen(self._asked_about()))

    def _asked_about(self) -> About:
        if isinstance(self.screen, MainScreen):
            worst = self.status.worst
            return About(self.screen.view.sort, finding=worst.finding if worst is not None else None)
        return self.screen.asked_about() if isinstance(self.screen, ProcessScreen) else About()

    def action_write(self) -> None:
        """Write the configuration file."""
        preferences = config.Preferences(
            view=replace(self._main.view, filter=None),
            interval_s=self.feed.interval_s,
            theme=self.theme_name,
            per_core=self._main.header.per_core,
        )
        try:
            config.save(config.path(), preferences)
        except ThreadtopError as error:
            self.say(str(error), "r")
        else:
            self.say(f"written to {config.path()}")

    # -- looks -------------------------------------------------------------------------------------

    @property
    def _shown_theme(self) -> str:
        return "mono" if self.no_colour else self.theme_name

    def _make_palette(self) -> themes.Palette:
        return themes.Palette(self._shown_theme, _compat.color_system(self), no_color=self.no_colour)

    def action_theme_next(self) -> None:
        """The next theme."""
        self.theme_name = THEMES[(THEMES.index(self.theme_name) + 1) % len(THEMES)]
        self.palette = self._make_palette()
        self.theme = f"threadtop-{self._shown_theme}"
        self.say(f"theme: {self.theme_name}")
        for widget in self.screen.query(Painted):
            widget.restyle()

    def action_redraw(self) -> None:
        """Paint everything again."""
        self.refresh(layout=True)
        self.screen.refresh(layout=True)
