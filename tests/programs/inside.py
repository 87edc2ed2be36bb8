"""A process of which everything is known: what it opens, maps, blocks, starts.  Prints its tids once they are there.

Threads: one in read of a pipe, one in accept, one in a lock, one that computes.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED_BYTES = 3 << 20


def spin() -> None:
    """Compute for ever, where nobody else wants to: what runs beside it has other things to do (nice is a thread's)."""
    os.nice(19)
    while True:
        pass


signal.signal(signal.SIGUSR1, lambda *_: None)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
os.kill(os.getpid(), signal.SIGUSR2)
reading, writing = os.pipe()
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
epoll = select.epoll()
epoll.register(accepted.fileno(), select.EPOLLIN)
epoll.register(server.fileno(), select.EPOLLIN)
own = open(sys.argv[1], "w+b")  # noqa: SIM115 kept open
own.write(b"x" * 4321)
own.flush()
os.unlink(sys.argv[1])
shared = mmap.mmap(-1, SHARED_BYTES)
shared.write(b"y" * SHARED_BYTES)
lock = threading.Lock()
lock.acquire()
names = {}
ready = threading.Barrier(5)


def start(name: str, call: Callable[..., object], *arguments: object) -> None:
    """Run ``call`` in a thread that has told its tid."""

    def run() -> None:
        names[name] = threading.get_native_id()
        ready.wait()
        call(*arguments)

    threading.Thread(target=run, daemon=True).start()


start("read", os.read, reading, 1)
start("accept", server.accept)
start("lock", lock.acquire)
start("spin", spin)
ready.wait()
child = os.fork()
if not child:
    time.sleep(600)
    os._exit(0)
told = {
    **names,
    "child": child,
    "reading": reading,
    "writing": writing,
    "server": server.fileno(),
    "client": client.fileno(),
    "accepted": accepted.fileno(),
    "epoll": epoll.fileno(),
    "own": own.fileno(),
    "port": server.getsockname()[1],
    "shared": ctypes.addressof(ctypes.c_char.from_buffer(shared)),
}
print(" ".join(f"{key}={value}" for key, value in told.items()), flush=True)
try:
    sys.stdin.read()
finally:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
