"""Signals as callbacks of the event loop."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

_MOST_AT_ONCE = 4096


class Signals:
    """Calls back in the loop, never in the middle of something; when the loop has ended, signals do nothing.

    asyncio's own handlers go with the loop: an impatient user's second SIGTERM would then end us before
    the command that we started is ended.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        """Wake ``loop`` by a pipe, into which the interpreter writes the numbers of signals."""
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._numbers, written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        loop.add_reader(self._numbers, self._call)

    def on(self, number: signal.Signals, callback: Callable[[], object]) -> None:
        """Call ``callback`` at each signal ``number``; one that is ignored stays so (nohup)."""
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._callbacks[number] = callback
            self.restore(number)

    def restore(self, number: signal.Signals) -> None:
        """Catch ``number`` again, after it was left to the kernel."""
        if number in self._callbacks:
            signal.signal(number, lambda *_: None)  # the pipe tells the rest
            signal.siginterrupt(number, False)

    def _call(self) -> None:
        numbers = b""
        with contextlib.suppress(BlockingIOError):
            numbers = os.read(self._numbers, _MOST_AT_ONCE)
        for number in dict.fromkeys(numbers):
            if number in self._callbacks:
                self._callbacks[number]()
