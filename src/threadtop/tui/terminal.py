"""The terminal: a driver that ends when its terminal does, signals, and what to leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import threading
from typing import TYPE_CHECKING, Any, Final

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from threadtop.tui.app import ThreadtopApp

# Alternate screen off, cursor on, colours off, wrap on, focus reports, bracketed paste and mouse off.
RESTORE: Final = "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[m\x1b[?7h\x1b[?1004l\x1b[?2004l\x1b[?1000l\x1b[?1003l\x1b[?2048l"
EXIT_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_DRAIN_S: Final = 1.0
_HUNG_UP: Final = 128 + signal.SIGHUP


class Terminal(LinuxDriver):
    """Textual's driver, but a vanished terminal ends the program, and a stalled one cannot hold it."""

    def run_input_thread(self) -> None:
        """Read keys until the end; an end of file or an error is a terminal that has gone.

        Textual's own loop spins at 100 % on a descriptor that is readable for ever.
        """
        try:
            super().run_input_thread()
        except OSError:
            self._hang_up()

    def _hang_up(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has already ended
            self._loop.call_soon_threadsafe(self._app.exit, _HUNG_UP, _HUNG_UP)

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
