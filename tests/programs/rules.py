"""Programs with a known answer for the rules of findings; ``rules.py MODE``, ends with standard input.

Prints ``ready PID``, or ``skip`` and why it cannot do that here.  Modes are its functions.
"""

import hashlib
import mmap
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable

DISK_FOLDER = "/var/tmp"  # noqa: S108 on a disk, where /tmp may be memory
DISK_PIECE, DISK_PIECES = 1 << 20, 16
WORKERS = 6  # of a pool
MIX = 300  # processes of a desktop


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


def priority() -> None:
    """Computes at nice 19 beside a process at nice 0, on one CPU."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if os.fork() == 0:
        forever(lambda: None)()
    os.nice(19)
    started(forever(lambda: None))


def throttled() -> None:
    """Computes; whoever starts it puts it where that is limited."""
    started(forever(lambda: None))


def spinning() -> None:
    """One thread computes without a system call, and without the GIL; nothing else moves."""
    started(lambda: hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1) and None)


def disk() -> None:
    """Two threads read from the disk, and not from memory."""
    try:
        with tempfile.NamedTemporaryFile(dir=DISK_FOLDER) as file:
            file.write(bytes(DISK_PIECE * DISK_PIECES))
            file.flush()
            os.fsync(file.fileno())
            descriptor = os.open(file.name, os.O_RDONLY | os.O_DIRECT)
        os.preadv(descriptor, [mmap.mmap(-1, DISK_PIECE)], 0)
    except OSError as error:
        print(f"skip no file to read around memory in {DISK_FOLDER}: {error}", flush=True)
        sys.exit()

    def read() -> None:
        piece = mmap.mmap(-1, DISK_PIECE)
        while True:
            for number in range(DISK_PIECES):
                os.preadv(descriptor, [piece], number * DISK_PIECE)

    started(read, read)


def peer() -> None:
    """A pool of clients of one slow server."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=WORKERS)
    if os.fork() == 0:
        clients = [listener.accept()[0] for _ in range(WORKERS)]
        while True:
            for client in clients:
                client.recv(64)
                time.sleep(0.1)
                client.send(b"x")

    def client() -> None:
        connection = socket.create_connection(listener.getsockname())
        while True:
            connection.send(b"x")
            connection.recv(64)

    started(*[client] * WORKERS)


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


def mix() -> None:
    """A desktop: hundreds of processes that sleep, some of which wake now and then."""
    for number in range(MIX):
        if os.fork() == 0:
            while True:
                time.sleep(0.5 + number % 30)
                sum(range(1000))


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print("ready", os.getpid(), flush=True)
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # it leads a session of its own: the processes that it made end with it
