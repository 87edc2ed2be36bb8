"""Why a thread is not running, in words, from its state and the kernel function it sleeps in; pure.

What ``wchan`` says is one look at one moment: a hint, not a measured share.
"""

from __future__ import annotations

from typing import Final

from threadtop.procfs.reasons import words

RUNNING, RUN_QUEUE, GIL = "running", "waits for a cpu", "waits for the GIL"

_STATES: Final = {
    "T": "stopped",
    "t": "traced",
    "Z": "ended, not reaped",
    "X": "dead",
    "x": "dead",
    "I": "idle",
    "P": "parked",
}


def reason(
    state: str,
    wchan: str | None,
    cpu_pct: float | None = None,
    wait_pct: float | None = None,
    *,
    kernel: bool = False,
) -> str | None:
    """Why a thread is not running, or that it runs; None where it may not be known.

    ``state`` is the letter of ``stat``, ``wchan`` the kernel function (None: not read or denied).
    R means runnable, not on a core: which of the two it mostly was is read off the measured shares.
    """
    if state == "R":
        return RUN_QUEUE if (wait_pct or 0.0) > (cpu_pct or 0.0) else RUNNING
    if state in _STATES:
        return _STATES[state]
    if kernel:
        return "kernel work" if state == "S" else "uninterruptible"
    if not wchan:
        return "uninterruptible" if state == "D" else None
    return words(wchan)
