"""Asking a program for something that may take its time, in a thread of its own that must not hold up the end."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from threadtop.errors import ThreadtopError

if TYPE_CHECKING:
    from collections.abc import Callable

_Answer = TypeVar("_Answer")


def asked(name: str, ask: Callable[[], _Answer], take: Callable[[_Answer | ThreadtopError], None]) -> threading.Thread:
    """Call ``ask`` in a thread called ``name``, and ``take`` in ours with what it gave or raised."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()

    def run() -> None:
        answer: _Answer | ThreadtopError
        try:
            answer = ask()
        except ThreadtopError as error:
            answer = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: take(answer), context=context)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
