"""Made-up facts of the Signals pane: a stuck real-time signal, a library thread that blocks all, timers."""

from __future__ import annotations

import scripted
from threadtop.inside.signals import SignalFacts, Timer, TimerFd

ALL = "fffffffe7ffbfeff"
RTMIN3 = f"{1 << 36:016x}"


def facts() -> SignalFacts:
    """RTMIN+3 is pending and blocked by the main thread; all others block everything."""
    tids = sorted(scripted.ticks(8)[-1].processes[scripted.GUNICORN].threads)
    masks = {tid: ("0", RTMIN3 if tid == scripted.GUNICORN else ALL) for tid in tids}
    masks[tids[-1]] = (f"{1 << 9:016x}", ALL)
    return SignalFacts(
        status={
            "SigQ": "5/62832",
            "ShdPnd": RTMIN3,
            "SigBlk": RTMIN3,
            "SigIgn": "0000000000001001",
            "SigCgt": "0000000180014a02",
        },
        masks=masks,
        timers=(Timer(0, 10, "signal pid", scripted.GUNICORN, 1), Timer(1, 14, "thread tid", tids[-1], 0)),
        timerfds=(
            TimerFd(7, 1, 1_500_000_000, 5_000_000_000, 0),
            TimerFd(9, 7, 0, 0, 3),
            TimerFd(11, None, None, None),
        ),
        pending_limit="62832",
        denials=(),
    )
