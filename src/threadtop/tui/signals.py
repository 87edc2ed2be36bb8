"""Signals: kept until there is an event loop, then callbacks of it; never in the middle of something."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator

EXIT_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_MOST_AT_ONCE: Final = 4096


class Signals:
    """Catches signals from before a command is started until the process has ended.

    The interpreter writes their numbers into a pipe.  A handler that raises would do so wherever the program
    is, and its exception may be swallowed there (in a finalizer); asyncio's own handlers go with the loop,
    and an impatient user's second SIGTERM would then end us before the command is ended.
    """

    def __init__(self) -> None:
        """Keep the signals that end us; one that is ignored stays so (nohup)."""
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._numbers, written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        for number in EXIT_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                _catch(number)

    def attach(self, loop: AbstractEventLoop) -> None:
        """Call back in ``loop`` from now on, for what was kept first."""
        loop.add_reader(self._numbers, self._call)

    def on(self, number: signal.Signals, callback: Callable[[], object]) -> None:
        """Call ``callback`` at each signal ``number``, unless it is ignored."""
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._callbacks[number] = callback
            _catch(number)

    @contextlib.contextmanager
    def let_through(self, *numbers: signal.Signals) -> Iterator[None]:
        """Leave ``numbers`` to the kernel for a while."""
        caught = [number for number in numbers if number in self._callbacks]
        for number in caught:
            signal.signal(number, signal.SIG_DFL)
        yield
        for number in caught:
            _catch(number)

    def _call(self) -> None:
        numbers = b""
        with contextlib.suppress(BlockingIOError):
            numbers = os.read(self._numbers, _MOST_AT_ONCE)
        for number in dict.fromkeys(numbers):
            if number in self._callbacks:
                self._callbacks[number]()


def _catch(number: signal.Signals) -> None:
    signal.signal(number, lambda *_: None)  # the pipe tells the rest
    signal.siginterrupt(number, False)
