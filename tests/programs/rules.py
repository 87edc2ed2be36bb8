"""Programs with a known answer for the rules of findings; ``rules.py MODE``, ends with standard input.

Prints ``ready PID``.  Modes are its functions.
"""

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable


def forever(work: Callable[[], object]) -> Callable[[], None]:
    """``work`` again and again."""

    def loop() -> None:
        while True:
            work()

    return loop


def started(*works: Callable[[], None]) -> None:
    """Each in a thread of its own."""
    for work in works:
        threading.Thread(target=work, daemon=True).start()


def polls() -> None:
    """Asks about a thousand times a second whether there is something to do."""
    started(forever(lambda: time.sleep(0.001)))


def sleeps() -> None:
    """Threads that wake a few times a second."""
    started(*[forever(lambda: time.sleep(0.1))] * 20)


def epoll() -> None:
    """A server that answers some hundred requests a second, each when it comes, with a little work."""
    ours, theirs = socket.socketpair()
    poller = select.epoll()
    poller.register(ours, select.EPOLLIN)

    def serve() -> None:
        poller.poll()
        ours.recv(64)
        sum(range(2000))
        ours.send(b"x")

    def ask() -> None:
        theirs.send(b"x")
        theirs.recv(64)
        time.sleep(0.004)

    if os.fork() == 0:
        forever(ask)()
    started(forever(serve))


def storm() -> None:
    """Hands a byte to and fro between two processes on one CPU."""
    here, there = os.pipe(), os.pipe()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if os.fork() == 0:
        while os.write(there[1], os.read(here[0], 1)):
            pass
    started(forever(lambda: os.read(there[0], os.write(here[1], b"."))))


def starved() -> None:
    """Three processes compute on one CPU."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if os.fork() and os.fork():
        started(forever(lambda: None))
    else:
        forever(lambda: None)()


def hot() -> None:
    """One of eight threads computes, the others wait for ever."""
    pool()
    started(forever(lambda: sum(range(100_000))))


def pool(size: int = 7) -> None:
    """Threads that wait for ever."""
    never = threading.Event()
    started(*[forever(never.wait)] * size)


def many() -> None:
    """More than a thousand of them."""
    threading.stack_size(128 * 1024)
    pool(1100)


def idle() -> None:
    """An idle pool of the usual size."""
    pool(200)


def leak() -> None:
    """A thread more, 20 times a second."""

    def one_more() -> None:
        pool(1)
        time.sleep(0.05)

    started(forever(one_more))


def churn() -> None:
    """A thread for each of some hundred requests a second."""

    def request() -> None:
        thread = threading.Thread(target=time.sleep, args=(0.03,))
        thread.start()
        time.sleep(0.004)

    started(forever(request))


def jobs() -> None:
    """As make does: more jobs at a time than CPUs, each a process that computes for a moment."""

    def job() -> None:
        pid = os.fork()
        if pid == 0:
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                pass
            os._exit(0)
        os.waitpid(pid, 0)

    started(*[forever(job)] * 4)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print("ready", os.getpid(), flush=True)
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # it leads a session of its own: the processes that it made end with it
