"""Traces: the stacks of a process by whichever tool gives them, and for how long that paused it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from threadtop import native_stacks, stacks
from threadtop.sheets.stacks import NATIVE, PAUSED, StacksFacts, Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.native_stacks import Paused


def read(how: str, pid: int, idents: Mapping[int, int]) -> tuple[tuple[Trace, ...], Paused]:
    """The stacks of a process now, and for how long it was paused; raises StacksError.

    ``idents`` are tids by threading.get_ident(), for Pythons before 3.11.
    """
    if how == NATIVE:
        found, paused = native_stacks.watched(pid, partial(native_stacks.ask, pid))
        return tuple(Trace(tid, *stack) for tid, stack in found.items()), paused
    python, paused = native_stacks.watched(pid, partial(stacks.ask, pid, is_paused=how == PAUSED))
    known = python.matched(idents)
    threads = {**known.idents, **known.threads}
    return tuple(Trace(tid, *stack) for tid, stack in threads.items()), paused


def tools() -> StacksFacts:
    """What is installed."""
    try:
        has_py_spy = bool(stacks.program())
    except stacks.StacksError:
        has_py_spy = False
    return StacksFacts(has_py_spy=has_py_spy, native_tool=os.path.basename(native_stacks.tool() or ""))
