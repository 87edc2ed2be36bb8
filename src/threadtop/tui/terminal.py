"""The terminal: a driver that ends when its terminal does, signals, and what to leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import termios
import threading
from typing import TYPE_CHECKING, Any, Final

from textual.constants import ESCAPE_DELAY
from textual.drivers.linux_driver import LinuxDriver

from threadtop.tui import _compat

if TYPE_CHECKING:
    from textual.app import App

    from threadtop.tui.app import ThreadtopApp

# Alternate screen off, cursor on, colours off, wrap on, focus reports, bracketed paste and mouse off.
RESTORE: Final = "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[m\x1b[?7h\x1b[?1004l\x1b[?2004l\x1b[?1000l\x1b[?1003l\x1b[?2048l"
EXIT_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_DRAIN_S: Final = 1.0
HUNG_UP: Final = 128 + signal.SIGHUP
_READ_BYTES: Final = 4096
_SEQUENCE_MS: Final = ESCAPE_DELAY * 1000 + 20  # a lone Escape is told by nothing following it


class Terminal(LinuxDriver):
    """Textual's driver, but a vanished terminal ends the program, and a stalled one cannot hold it."""

    def __init__(self, app: App[Any], **options: Any) -> None:  # noqa: ANN401 Driver's own options
        """As Textual's, with a pipe that wakes the input thread for its end."""
        super().__init__(app, **options)
        self._wake_out, self._wake_in = os.pipe()

    def run_input_thread(self) -> None:
        """Read keys until the end; an end of file or an error is a terminal that has gone.

        Textual's own loop wakes ten times a second, which costs as much as a refresh, and spins at
        100 % on a descriptor that is readable for ever.  Here a timeout is set only while an escape
        sequence may be half read.
        """
        parser = _compat.KeyParser()
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        poll.register(self._wake_out, select.POLLIN)
        timeout_ms: float | None = None
        while not self.exit_event.is_set():
            ready = [descriptor for descriptor, _ in poll.poll(timeout_ms)]
            if self._wake_out in ready:
                self.exit_event.wait(_DRAIN_S)  # it is set next
                return
            raw: bytes | None = None
            if self.fileno in ready:
                try:
                    raw = os.read(self.fileno, _READ_BYTES)
                except OSError:
                    raw = b""
                if not raw:
                    self._hang_up()
                    return
            for message in parser.messages(raw):
                self.process_message(message)
            timeout_ms = _SEQUENCE_MS if raw is not None else None

    def disable_input(self) -> None:
        """Stop reading: the input thread is woken to notice."""
        os.write(self._wake_in, b"x")
        super().disable_input()
        os.read(self._wake_out, _READ_BYTES)

    def _hang_up(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has already ended
            self._loop.call_soon_threadsafe(self._app.exit, HUNG_UP, HUNG_UP)

    def close(self) -> None:
        """Wait for what is still to be written, but not for ever: a stalled link may never take it."""
        writer = self._writer_thread
        if writer is None:
            return
        stopper = threading.Thread(target=writer.stop, daemon=True)
        stopper.start()
        stopper.join(_DRAIN_S)
        if stopper.is_alive():
            with contextlib.suppress(termios.error):
                termios.tcflush(self.fileno, termios.TCOFLUSH)
            stopper.join(_DRAIN_S)


def is_gone(descriptor: int) -> bool:
    """Whether the controlling terminal has vanished (tcgetpgrp(3) fails on one that hung up)."""
    try:
        os.tcgetpgrp(descriptor)
    except OSError:
        return True
    return False


def over_ssh() -> bool:
    """Whether this is an SSH session: the mouse is off there, for it takes the terminal's own selection away."""
    return any(name in os.environ for name in ("SSH_CONNECTION", "SSH_TTY"))


def run(app: ThreadtopApp) -> int:
    """Run the app; the terminal is as before when this returns, whatever ended it."""
    app.watch_signals = _watch_signals
    try:
        app.run(mouse=not over_ssh())
    finally:
        _restore()
    if app.failure is not None:
        print(f"threadtop: {app.failure}", file=sys.stderr)  # noqa: T201 the screen is gone by now
    return app.return_code or 0


def _watch_signals(app: ThreadtopApp) -> None:
    loop = asyncio.get_running_loop()
    for number in EXIT_SIGNALS:
        loop.add_signal_handler(number, app.exit, 128 + number, 128 + number)


def _restore() -> None:
    with contextlib.suppress(OSError, termios.error):
        attributes: list[Any] = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
        attributes[3] |= termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN
        attributes[0] |= termios.ICRNL
        termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, attributes)  # type: ignore[union-attr]
