"""The terminal: a driver that neither waits for it nor outlives it, and leaves it as it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from textual import constants, events
from textual.driver import Driver
from textual.geometry import Size

from threadtop.tui import _compat
from threadtop.tui.output import Output
from threadtop.tui.signals import EXIT_SIGNALS

if TYPE_CHECKING:
    from threadtop.tui.app import ThreadtopApp
    from threadtop.tui.signals import Signals

HUNG_UP: Final = 128 + signal.SIGHUP

# Alternate screen on, cursor off, keys told apart (kitty's protocol, its first level: a letter stays a letter,
# should we be killed), pasted text marked, line wrap off; then: does it know synchronised updates?
_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[>1u\x1b[?2004h\x1b[?7l"
_ASK_SYNC: Final = "\x1b[?2026$p"
_ANSWER: Final = b"\x1b[?2026;"
_ANSWER_S: Final = 0.3  # who ends so soon after the question waits for the answer: it is not for the shell
# Presses and the wheel only, in decimal numbers: each motion of the mouse would be a message over the link.
_MOUSE_ON, _MOUSE_OFF = "\x1b[?1000h\x1b[?1006h", "\x1b[?1006l\x1b[?1000l"
_LEAVE: Final = "\x1b[?2026l\x1b[m\x1b[?7h\x1b[?2004l\x1b[<u\x1b[?1049l\x1b[?25h"

_DRAIN_S: Final = 1.0
_READ_BYTES: Final = 4096
_SEQUENCE_S: Final = constants.ESCAPE_DELAY + 0.02  # a lone Escape is told by nothing following it
_NO_ECHO: Final = termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG
_NO_CHANGE: Final = termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR


class Terminal(Driver):
    """Textual's driver, read and written in the event loop.

    Textual's own has a thread for each direction: the reading one wakes ten times a second, which costs as
    much as a refresh, and spins on a terminal that has gone; the writing one holds the keys, the loop and
    the interpreter's end when the link stalls.
    """

    def __init__(
        self, app: ThreadtopApp, *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        """A terminal that is not yet taken."""
        super().__init__(app, debug=debug, mouse=mouse, size=size or terminal_size())
        self._threadtop = app
        self._uses_mouse = mouse
        self._running_loop = asyncio.get_running_loop()
        self._input = _reopened(sys.__stdin__.fileno(), os.O_RDONLY)  # type: ignore[union-attr]
        descriptor = _reopened(sys.__stdout__.fileno(), os.O_WRONLY)  # type: ignore[union-attr]
        self._output = Output(descriptor, self._running_loop, app.caught_up, self._hang_up)
        self._parser = _compat.KeyParser()
        self._timeout: asyncio.TimerHandle | None = None
        self._before: list[Any] | None = None
        self._asked_at: float | None = None
        self._is_taken = False
        self._is_reading = False

    @property
    def is_behind(self) -> bool:
        """Whether the terminal is slower than what is written to it."""
        return self._output.is_behind

    def write(self, data: str) -> None:
        """Send ``data``; nothing once the terminal is left."""
        if self._is_taken:
            self._output.write(data)

    # -- taking and leaving it ---------------------------------------------------------------------

    def start_application_mode(self) -> None:
        """Take the terminal."""
        signals = self._threadtop.signals
        if signals is not None:
            signals.on(signal.SIGWINCH, self._tell_size)
            signals.on(signal.SIGTSTP, partial(self._suspend, signals))
            signals.on(signal.SIGCONT, self._continue)
        self._take()
        self._running_loop.add_reader(self._input, self._read)
        self._is_reading = True
        self._tell_size()

    def disable_input(self) -> None:
        """Read no more keys."""
        if self._is_reading:
            self._is_reading = False
            self._running_loop.remove_reader(self._input)

    def stop_application_mode(self) -> None:
        """Leave the terminal as it was."""
        self.disable_input()
        self._leave()

    def close(self) -> None:
        """As stop_application_mode, for an end that went past it."""
        self.stop_application_mode()

    def _take(self) -> None:
        # In the background this stops us (SIGTTOU), as it should: fg goes on from here.
        with contextlib.suppress(termios.error):
            before = termios.tcgetattr(self._input)
            self._before = before if self._before is None else self._before
            raw: list[Any] = [*self._before[:6], list(self._before[6])]
            raw[0] &= ~_NO_CHANGE
            raw[3] &= ~_NO_ECHO
            raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._input, termios.TCSANOW, raw)
        self._is_taken = True
        self.write(_ENTER)
        if self._uses_mouse:
            self.write(_MOUSE_ON)
        if os.environ.get("TERM_PROGRAM") != "Apple_Terminal":  # it writes the last letter on the screen
            self.write(_ASK_SYNC)
            self._asked_at = time.monotonic()

    def _leave(self) -> None:
        if not self._is_taken:
            return
        if not self._output.drain(_DRAIN_S):
            self._output.discard()
        if self._uses_mouse:
            self.write(_MOUSE_OFF)
        self.write(_LEAVE)
        self._is_taken = False
        self._output.drain(_DRAIN_S)
        if self._asked_at is not None and (left_s := self._asked_at + _ANSWER_S - time.monotonic()) > 0:
            poll = select.poll()  # not select(): the descriptors of a pass may have taken the low numbers
            poll.register(self._input, select.POLLIN)
            poll.poll(left_s * 1000)
        if self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._input, termios.TCSANOW, self._before)
                termios.tcflush(self._input, termios.TCIFLUSH)
            self._before = None

    def _hang_up(self) -> None:
        self.disable_input()
        self._threadtop.end(HUNG_UP)

    # -- signals -----------------------------------------------------------------------------------

    def _tell_size(self) -> None:
        size = Size(*terminal_size())
        self.send_message(events.Resize(size, size))

    def _suspend(self, signals: Signals) -> None:
        """Stop, with the terminal as it was; go on at once if there is no shell that could continue us."""
        self._leave()
        with signals.let_through(signal.SIGTSTP, signal.SIGCONT):
            os.kill(os.getpid(), signal.SIGTSTP)
        self._take_again()

    def _continue(self) -> None:
        """After SIGSTOP nothing of the terminal is as we left it."""
        if self._is_taken:
            self.write(_LEAVE)
            self._take_again()

    def _take_again(self) -> None:
        self._take()
        self._tell_size()
        self._threadtop.action_redraw()

    # -- keys --------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            raw = os.read(self._input, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            raw = b""
        if _ANSWER in raw:
            self._asked_at = None
        if raw:
            self._parse(raw)
        else:
            self._hang_up()

    def _parse(self, raw: bytes | None) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        for message in self._parser.messages(raw):
            self.process_message(message)
        if raw is not None:
            self._timeout = self._running_loop.call_later(_SEQUENCE_S, self._parse, None)


def _reopened(descriptor: int, mode: int) -> int:
    """The terminal of ``descriptor`` opened anew, for O_NONBLOCK on the one we were given is the shell's, too."""
    flags = mode | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        os.tcgetpgrp(descriptor)  # fails unless it is our controlling terminal, which may be another user's (su)
        return os.open("/dev/tty", flags)
    with contextlib.suppress(OSError):
        return os.open(os.ttyname(descriptor), flags)
    return os.dup(descriptor)


def terminal_size() -> tuple[int, int]:
    """Columns and rows now; LINES and COLUMNS count only where the terminal does not know (a serial line)."""
    with contextlib.suppress(OSError):
        size = os.get_terminal_size(sys.__stdout__.fileno())  # type: ignore[union-attr]
        if size.columns and size.lines:
            return size.columns, size.lines
    columns, lines = shutil.get_terminal_size()
    return columns, lines


def over_ssh() -> bool:
    """Whether this is an SSH session: the mouse is off there, for it takes the terminal's own selection away."""
    return any(name in os.environ for name in ("SSH_CONNECTION", "SSH_TTY"))


def run(app: ThreadtopApp, signals: Signals) -> int:
    """Run the app, ended by ``signals``; the terminal is as before when this returns, whatever ended it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(app_fails)
        app.signals = signals
        for number in EXIT_SIGNALS:
            signals.on(number, partial(app.end, 128 + number))
        signals.attach(loop)
        await app.run_async(mouse=not over_ssh())

    def app_fails(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if "handle" in context and isinstance(error, Exception):  # a callback of the loop: nobody else hears of it
            _compat.fail(app, error)
        else:
            loop.default_exception_handler(context)

    asyncio.run(main())
    with contextlib.suppress(OSError):  # the terminal may have gone
        if (error := _compat.failure(app)) is not None:
            traceback.print_exception(error)
            print("threadtop: this is a bug in threadtop; please report it", file=sys.stderr)  # noqa: T201
        if app.failure is not None:
            print(f"threadtop: {app.failure}", file=sys.stderr)  # noqa: T201 the screen is gone by now
    return app.return_code or 0
