"""Output: bytes to a terminal that may be slow, stalled or gone; a write never waits for it."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

BEHIND_S: Final = 0.25  # what was written so long ago and has not left yet makes us behind
LIMIT: Final = 1 << 16  # bytes that may wait; what is written beyond them is left out
# Ends an escape sequence, or a string in one, that was cut: CAN and ST of ECMA-48.
CUT: Final = "\x18\x1b\\"


class Output:
    """Sends in the event loop what was written during one turn of it, as fast as the terminal takes it.

    Where the link stalls, nothing waits and no memory grows: what does not fit is left out, and
    ``on_caught_up`` is told to paint again once the rest has left.
    """

    def __init__(
        self,
        descriptor: int,
        loop: AbstractEventLoop,
        on_caught_up: Callable[[bool], None],
        on_gone: Callable[[], None],
    ) -> None:
        """Write to ``descriptor``, which does not block; ``on_caught_up`` hears whether something was left out."""
        self._descriptor = descriptor
        self._loop = loop
        self._on_caught_up = on_caught_up
        self._on_gone = on_gone
        self._pending = bytearray()
        self._stuck_since: float | None = None
        self._was_behind = False
        self._left_out = False
        self._is_due = False
        self._is_gone = False

    @property
    def is_behind(self) -> bool:
        """Whether the terminal is slower than what is written; asking means that a frame depends on it."""
        if self._stuck_since is not None and time.monotonic() - self._stuck_since > BEHIND_S:
            self._was_behind = True
            return True
        return False

    def write(self, data: str) -> None:
        """Send ``data`` soon."""
        if self._is_gone:
            return
        if len(self._pending) > LIMIT and self._stuck_since is not None:
            self._left_out = True
            return
        self._pending += data.encode("utf-8", "replace")
        if not self._is_due and self._stuck_since is None:
            self._is_due = True
            self._loop.call_soon(self._send_due)

    def _send_due(self) -> None:
        self._is_due = False
        if self._stuck_since is None:
            self._send()
            if self._pending:
                self._stuck_since = time.monotonic()
                self._loop.add_writer(self._descriptor, self._send_more)

    def _send_more(self) -> None:
        self._send()
        if self._pending:
            return
        self._go_on()
        was_behind, self._was_behind = self._was_behind, False
        left_out, self._left_out = self._left_out, False
        if (was_behind or left_out) and not self._is_gone:
            self._on_caught_up(left_out)

    def _go_on(self) -> None:
        if self._stuck_since is not None:
            self._stuck_since = None
            self._loop.remove_writer(self._descriptor)

    def _send(self) -> None:
        try:
            while self._pending:
                del self._pending[: os.write(self._descriptor, self._pending)]
        except BlockingIOError:
            return
        except OSError:  # EIO: it hung up
            self._is_gone = True
            self._pending.clear()
            self._on_gone()

    def drain(self, at_most_s: float) -> bool:
        """Send all that waits, in at most so many seconds; False if some is left."""
        self._send()
        deadline = time.monotonic() + at_most_s
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while self._pending and (left_s := deadline - time.monotonic()) > 0:
            if poll.poll(left_s * 1000):
                self._send()
        if not self._pending:
            self._go_on()
        return not self._pending

    def discard(self) -> None:
        """Forget what waits, here and in the kernel; what is written next ends a sequence that was cut."""
        self._pending.clear()
        self._go_on()
        with contextlib.suppress(termios.error):
            termios.tcflush(self._descriptor, termios.TCOFLUSH)
        self.write(CUT)
