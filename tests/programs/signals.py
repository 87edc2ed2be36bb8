"""Blocks, ignores and catches signals, sends some to itself, has a POSIX timer and a timerfd; prints what it did.

The line is: tid of the other thread, number of the POSIX timer, descriptor of the timerfd.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

MONOTONIC = 1
QUEUED = signal.SIGRTMIN + 3
TIMED = signal.SIGRTMIN + 5
LIBC = ctypes.CDLL(None, use_errno=True)


class SigEvent(ctypes.Structure):
    """``struct sigevent``: send ``signo`` to the process."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_int * 12),
    )


def times(every_s: int, first_s: int) -> ctypes.Array[ctypes.c_long]:
    """``struct itimerspec``."""
    return (ctypes.c_long * 4)(every_s, 0, first_s, 0)


def check(result: int) -> int:
    """What a call of the C library gave; raises OSError."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def other(tids: list[int], is_ready: threading.Event) -> None:
    """A thread that blocks one signal more than the main one, which waits for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    tids.append(threading.get_native_id())
    is_ready.set()
    threading.Event().wait()


def main() -> None:
    """Do all that, and rest until the standard input ends."""
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM, signal.SIGUSR2, QUEUED})
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGUSR1, TIMED):
        signal.signal(number, lambda *_: None)
    timer = ctypes.c_void_p()
    event = SigEvent(0x1234, TIMED, 0)
    check(LIBC.timer_create(MONOTONIC, ctypes.byref(event), ctypes.byref(timer)))
    check(LIBC.timer_settime(timer, 0, ctypes.byref(times(1000, 5000)), None))
    fd = check(LIBC.timerfd_create(MONOTONIC, 0))
    check(LIBC.timerfd_settime(fd, 0, ctypes.byref(times(7, 50_000)), None))
    for number in (QUEUED, signal.SIGTERM):
        os.kill(os.getpid(), number)
    tids: list[int] = []
    is_ready = threading.Event()
    threading.Thread(target=other, args=(tids, is_ready), daemon=True).start()
    is_ready.wait()
    print(tids[0], timer.value or 0, fd, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
