"""Threads that keep account of where their time went: cycle.py MODE; ends with its standard input.

cycle: a thread sleeps, waits on a pipe, waits for a lock, and computes a little, again and again.  It prints its tid
first, and after each round a line of JSON: monotonic ``at_ns`` and what it was blocked on so far, in ns by kind,
without what it ran and waited for a CPU meanwhile.
starved: three threads that never rest, on one CPU.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SLEEP_S, PIPE_S, LOCK_S, COMPUTE_S = 0.03, 0.02, 0.01, 0.005


def say(**said: object) -> None:
    """One line of JSON."""
    print(json.dumps(said), flush=True)


def answer(asked: int, answers: int) -> None:
    """The other end of the pipe: answers after a while."""
    while os.read(asked, 1):
        time.sleep(PIPE_S)
        os.write(answers, b"x")


def cycle() -> None:
    """The thread that keeps account."""
    (asked, ask), (answers, reply) = os.pipe(), os.pipe()
    threading.Thread(target=answer, args=(asked, reply), daemon=True).start()
    lock = threading.Lock()
    lock.acquire()
    counters = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
    account = {"sleep": 0, "pipe": 0, "lock": 0}

    def spent_ns() -> int:
        """What it has run and waited for a CPU so far."""
        return time.thread_time_ns() + int(os.pread(counters, 96, 0).split()[1])

    def wait(kind: str, work: Callable[[], object]) -> None:
        began_ns, before_ns = time.monotonic_ns(), spent_ns()
        work()
        account[kind] += time.monotonic_ns() - began_ns - (spent_ns() - before_ns)

    say(tid=threading.get_native_id())
    while True:
        wait("sleep", lambda: time.sleep(SLEEP_S))
        os.write(ask, b"x")
        wait("pipe", lambda: os.read(answers, 1))
        wait("lock", lambda: lock.acquire(timeout=LOCK_S))
        end_s = time.thread_time() + COMPUTE_S
        while time.thread_time() < end_s:
            pass
        say(at_ns=time.monotonic_ns(), **account)


def starved() -> None:
    """Three threads that hash on one CPU, each without the GIL."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    data = bytes(1 << 24)
    tids: list[int] = []

    def spin() -> None:
        tids.append(threading.get_native_id())
        while True:
            hashlib.sha256(data)

    for _ in range(3):
        threading.Thread(target=spin, daemon=True).start()
    while len(tids) < 3:
        time.sleep(0.01)
    say(tids=tids)


threading.Thread(target={"cycle": cycle, "starved": starved}[sys.argv[1]], daemon=True).start()
sys.stdin.read()
os._exit(0)
