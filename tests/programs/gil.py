"""Threads whose use of the GIL is known: gil.py MODE SECONDS; it ends by itself after SECONDS.

Prints one line of JSON once all threads are there: its pid, version, and its threads' tids by role.  Runs on
CPython 3.8 and later.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Crew:
    """Threads by role; ``tell`` says who they are once all have begun."""

    def __init__(self) -> None:
        """Only the main thread is there."""
        self.tids: dict[str, int] = {"main": threading.get_native_id()}
        self._count = 1

    def start(self, role: str, work: Callable[..., object], *arguments: object) -> None:
        """A daemon thread."""

        def run() -> None:
            self.tids[role] = threading.get_native_id()
            work(*arguments)

        self._count += 1
        threading.Thread(target=run, daemon=True).start()

    def tell(self, **more: list[int]) -> None:
        """Wait for all of them, and say who they are."""
        while len(self.tids) < self._count:
            time.sleep(0.001)
        version = list(sys.version_info[:3])
        print(json.dumps({"pid": os.getpid(), "version": version, "tids": self.tids, **more}), flush=True)


def compute() -> None:
    """Never let go of the GIL but when asked to."""
    number = 0
    while True:
        number = (number * 31 + 7) % 1000003


def nap(seconds: float) -> None:
    """Sleep, and sleep again."""
    while True:
        time.sleep(seconds)


def poll(source: queue.Queue[int], seconds: float) -> None:
    """Look at an empty queue again and again."""
    while True:
        with suppress(queue.Empty):
            source.get(timeout=seconds)


def idle(crew: Crew, **more: list[int]) -> None:
    """What a main thread does beside others that work."""
    crew.tell(**more)
    threading.Event().wait()


def crowd(loops: int = 2) -> None:
    """Busy loops, a thread that waits for a lock for ever, one that waits for a queue, an idle main thread."""
    crew = Crew()
    lock = threading.Lock()
    lock.acquire()
    for number in range(loops):
        crew.start(f"loop {number}", compute)
    crew.start("lock", lock.acquire)
    crew.start("queue", queue.Queue().get)
    idle(crew)


def four() -> None:
    """As crowd, with four busy loops."""
    crowd(4)


def quiet() -> None:
    """Threads that want little: locks, queues, pollers, sleepers."""
    crew = Crew()
    lock = threading.Lock()
    lock.acquire()
    crew.start("lock 0", lock.acquire)
    crew.start("lock 1", lock.acquire)
    crew.start("queue", queue.Queue().get)
    crew.start("poller 0", poll, queue.Queue(), 0.005)
    crew.start("poller 1", poll, queue.Queue(), 0.005)
    crew.start("sleeper", nap, 0.05)
    idle(crew)


def asleep() -> None:
    """A thread that sleeps with the GIL, as native code does that forgot to release it, and one that wants it."""
    import ctypes  # noqa: PLC0415 not every Python has it

    crew = Crew()
    usleep = ctypes.PyDLL(None).usleep

    def hold() -> None:
        while True:
            usleep(20000)

    crew.start("holder", hold)
    crew.start("wanting", nap, 0.001)
    idle(crew)


def native() -> None:
    """Threads that compress without the GIL, and one that CPython does not know."""
    import ctypes  # noqa: PLC0415 not every Python has it
    import zlib  # noqa: PLC0415 not every Python has it

    crew = Crew()
    data = os.urandom(4 << 20)

    def compress() -> None:
        while True:
            zlib.compress(data, 6)

    crew.start("zlib 0", compress)
    crew.start("zlib 1", compress)
    before = set(os.listdir("/proc/self/task"))
    libc = ctypes.CDLL(None)
    handle = ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(handle), None, ctypes.cast(libc.pause, ctypes.c_void_p), None)
    known = {str(tid) for tid in crew.tids.values()}
    while len(crew.tids) < 3:
        time.sleep(0.001)
        known = {str(tid) for tid in crew.tids.values()}
    strange = set(os.listdir("/proc/self/task")) - before - known
    idle(crew, strange=[int(tid) for tid in strange])


def mutex() -> None:
    """Four threads that fight for a native lock, held for some tenths of a millisecond of native work."""
    import ctypes  # noqa: PLC0415 some builds have none

    crew, library = Crew(), ctypes.CDLL(None)
    lock = ctypes.create_string_buffer(64)  # of zeros: PTHREAD_MUTEX_INITIALIZER
    data = bytes(1 << 17)

    def fight() -> None:
        while True:
            library.pthread_mutex_lock(lock)
            hashlib.sha256(data)  # without the GIL, as it is large
            library.pthread_mutex_unlock(lock)

    for number in range(4):
        crew.start(f"fighter {number}", fight)
    idle(crew)


def subinterpreters() -> None:
    """Two interpreters with a GIL of their own, each busy in a thread."""
    crew = Crew()
    try:
        import _interpreters as interpreters  # noqa: PLC0415 by version
    except ImportError:
        import _xxsubinterpreters as interpreters  # noqa: PLC0415 by version
    run = getattr(interpreters, "exec", None) or interpreters.run_string
    ids = [interpreters.create() for _ in range(2)]
    for number, interpreter in enumerate(ids):
        crew.start(f"sub {number}", run, interpreter, "n = 0\nwhile True: n = (n * 31 + 7) % 1000003")
    idle(crew, interpreters=[int(one) for one in ids])


def churn() -> None:
    """A busy loop beside threads that come and go all the time."""
    crew = Crew()
    crew.start("loop", compute)
    crew.tell()
    while True:
        brief = [threading.Thread(target=sum, args=(range(2000),)) for _ in range(4)]
        for thread in brief:
            thread.start()
        for thread in brief:
            thread.join()


def execute() -> None:
    """Become another program after a moment: the crowd."""
    Crew().tell()
    time.sleep(0.7)
    os.execv(sys.executable, [sys.executable, __file__, "crowd", sys.argv[2]])  # noqa: S606 it is this program


def fork() -> None:
    """Leave the crowd to a child that was forked beside a busy thread."""
    crew = Crew()
    crew.start("loop", compute)
    crew.tell()
    child = os.fork()
    if child == 0:
        end_after(float(sys.argv[2]))
        crowd()
    os.waitpid(child, 0)


def leave() -> None:
    """End after a moment, as a program does, beside a busy daemon thread."""
    crew = Crew()
    crew.start("loop", compute)
    crew.tell()
    time.sleep(0.7)


def orphan() -> None:
    """Two busy threads that go on when the main thread has ended."""
    import ctypes  # noqa: PLC0415 not every Python has it

    crew = Crew()
    crew.start("loop 0", compute)
    crew.start("loop 1", compute)
    crew.tell()
    ctypes.CDLL(None).pthread_exit(None)


def end_after(seconds: float) -> None:
    """Be ended by the kernel, whatever the threads do then (setitimer(2))."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


MODES = {
    "crowd": crowd,
    "four": four,
    "quiet": quiet,
    "asleep": asleep,
    "native": native,
    "mutex": mutex,
    "subinterpreters": subinterpreters,
    "churn": churn,
    "exec": execute,
    "fork": fork,
    "exit": leave,
    "orphan": orphan,
}

if __name__ == "__main__":
    end_after(float(sys.argv[2]))
    MODES[sys.argv[1]]()
