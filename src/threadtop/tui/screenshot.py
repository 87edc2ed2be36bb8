"""``threadtop --screenshot FILE.svg``: the screen as a picture, painted without a terminal by the app itself."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import stat
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from threadtop import source, text
from threadtop.errors import EXIT_OK, AbsentError, TargetError, ThreadtopError, UsageError
from threadtop.feed import Feed
from threadtop.interest import Interest
from threadtop.tui import _compat, panes
from threadtop.tui.app import ThreadtopApp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from threadtop.cli import Options
    from threadtop.config import Preferences
    from threadtop.recording.player import Player
    from threadtop.snapshot import Snapshot
    from threadtop.source import Source
    from threadtop.targets import Command

ATTACH_S: Final = 0.1  # until the watches of a process that is looked at have taken their first looks
_THEME: Final = "dark"  # a picture has all colours, whatever terminal it was made on
_UNIQUE: Final = re.compile(r"terminal-\d+")
_REMOTE_FONT: Final = re.compile(r',\s*url\("https?://[^"]*"\)\s*format\("[^"]*"\)')


def run(
    options: Options,
    preferences: Preferences,
    command: Command | None = None,
    warning: str = "",
    source_: Source | None = None,
) -> int:
    """Take the passes that a picture needs and write it; raises ThreadtopError where there is none to write."""
    pane = _pane(options)
    picture = Picture(options.screenshot or "")
    try:
        options = replace(options, theme=options.theme or preferences.theme or _THEME)
        live = source_ or source.live()
        try:
            passes = Passes(live, options.interval_s or preferences.interval_s)
            app = ThreadtopApp(options, preferences, passes, command=command, warning=warning)
            asyncio.run(_painted(app, passes, pane, picture))
        finally:
            live.close()
        picture.put()
    finally:
        picture.discard()
    return EXIT_OK


def run_recorded(options: Options, preferences: Preferences, player: Player, warning: str = "") -> int:
    """Write the picture of the tick that a recording stands at; raises ThreadtopError where there is none to write."""
    pane = _pane(options)
    picture = Picture(options.screenshot or "")
    try:
        attached = None if pane else options.pids
        shown = replace(options, theme=options.theme or preferences.theme or _THEME, pids=attached)
        app = ThreadtopApp(shown, preferences, player, warning=warning)
        asyncio.run(_painted_recorded(app, player, (pane, options.pids or frozenset()), picture))
        picture.put()
    finally:
        picture.discard()
        player.close()
    return EXIT_OK


class Passes(Feed):
    """A feed that makes a pass when it is asked to, in the thread that asks."""

    def step(self) -> Snapshot:
        """The next snapshot; raises TargetError if there is none."""
        snapshot = self._source.read(self._interest)
        if snapshot is None:
            message = "there is nothing to show"
            raise TargetError(message)
        return snapshot


class Picture:
    """A file that is written beside the one asked for, and takes its place once it is whole."""

    def __init__(self, path: str) -> None:
        """Open it now, before anything is measured; raises ThreadtopError where it cannot be written."""
        self._path = path
        self.svg = ""
        place = os.path.realpath(path)  # a link to a file kept elsewhere stays a link
        self._place = place
        self._made = os.path.join(os.path.dirname(place), f".threadtop-{secrets.token_hex(8)}.svg")
        try:
            _check(place)
            self._descriptor = os.open(self._made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise self._failure(error) from error

    def put(self) -> None:
        """Write it whole, and put it in its place; raises ThreadtopError."""
        try:
            with open(self._descriptor, "w", encoding="utf-8", closefd=False) as out:
                out.write(self.svg)
            os.fsync(self._descriptor)
            os.replace(self._made, self._place)
        except OSError as error:
            raise self._failure(error) from error

    def discard(self) -> None:
        """Leave nothing behind that is not in its place."""
        os.close(self._descriptor)
        with suppress(FileNotFoundError):
            os.unlink(self._made)

    def _failure(self, error: OSError) -> ThreadtopError:
        shown = text.plain(text.visible(self._path))
        return ThreadtopError(f"{shown} cannot be written: {error.strerror}", "choose another place for the picture")


def _check(place: str) -> None:
    """Raise OSError for what is there and is not to be replaced: a directory, a pipe, a file that we may not write."""
    try:
        mode = os.lstat(place).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _pane(options: Options) -> str:
    """The pane to open by its name on its tab, "" for none; raises UsageError."""
    if options.pane is None:
        return ""
    names = {name.lower(): name for name in panes.NAMES}
    if options.pane.lower() not in names:
        message = f"there is no pane {options.pane[:40]!r}"
        raise UsageError(message, f"--pane takes one of {', '.join(sorted(names))}")
    if options.pids is None or len(options.pids) != 1:
        message = "--pane shows one process"
        raise UsageError(message, "name one: -p PID")
    return names[options.pane.lower()]


async def _painted(app: ThreadtopApp, passes: Passes, pane: str, picture: Picture) -> None:
    """Run the app on no terminal for as many passes as it takes to know rates."""
    pids = app.options.pids or frozenset()
    passes.look_at(Interest(attached=app.options.pids, gil=pids, waits=pids))

    async def take(pilot: Pilot[object]) -> None:
        snapshot = passes.step()
        if pids and not snapshot.processes:
            message = f"process {', '.join(map(str, sorted(pids)))} has ended"
            raise TargetError(message)
        app.take(snapshot)
        await pilot.pause()

    async def drive(pilot: Pilot[object]) -> None:
        await take(pilot)
        if pane:
            app.open_process(min(pids), 0, pane)
            await pilot.pause()
        if pids:
            await asyncio.sleep(ATTACH_S)
            await take(pilot)
        await asyncio.sleep(passes.interval_s)
        await take(pilot)

    await _driven(app, drive, picture)


async def _painted_recorded(
    app: ThreadtopApp, player: Player, asked: tuple[str, frozenset[int]], picture: Picture
) -> None:
    """Run the app on no terminal for the tick that a recording stands at; ``asked`` is a pane ("" none) and whose."""

    async def drive(pilot: Pilot[object]) -> None:
        snapshot, past = player.now()
        pane, pids = asked
        if missing := pids - snapshot.processes.keys():
            message = f"process {', '.join(map(str, sorted(missing)))} is not in this moment of the recording"
            raise AbsentError(message, "name another time with --at, or another process")
        for one in past:
            app.history.add(one)
        app.action_pause()
        app.take(snapshot)
        await pilot.pause()
        if pane:
            app.open_process(min(pids), 0, pane)
        await pilot.pause()

    await _driven(app, drive, picture)


async def _driven(app: ThreadtopApp, drive: Callable[[Pilot[object]], Awaitable[None]], picture: Picture) -> None:
    """Run the app on no terminal, and take the picture once ``drive`` has brought it to where it is to be."""

    async def run_and_take(pilot: Pilot[object]) -> None:
        drivers.append(asyncio.current_task())
        await drive(pilot)
        picture.svg = own_ids(app.export_screenshot(title="threadtop"))
        app.exit()

    drivers: list[asyncio.Task[object] | None] = []
    run = app.run_async(headless=True, mouse=False, size=app.options.size, auto_pilot=run_and_take)
    running = asyncio.create_task(run)
    try:
        await asyncio.wait({running})
    finally:
        # Interrupted: Textual would wait for the driver to end by itself.
        for driver in drivers:
            if driver is not None:
                driver.cancel()
        app.exit()
        with suppress(asyncio.CancelledError):
            await running
    failure = _compat.failure(app)
    if failure is not None:
        raise failure


def own_ids(svg: str) -> str:
    """A picture whose ids depend on what it shows alone, and that asks no other machine for a font."""
    found = _UNIQUE.search(svg)
    svg = _REMOTE_FONT.sub("", svg)
    if found is None:
        return svg
    number = zlib.crc32(svg.replace(found.group(), "").encode())
    return svg.replace(found.group(), f"terminal-{number}")
