"""A thread for each way of waiting; prints what each must be said to wait for, as JSON, and waits until it is killed.

The only argument is the program that holds the other end of a pipe.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable

# Longer than any test: a thread that wakes up fails it.
SLEEP_S = 4000

told = {}
ready = threading.Semaphore(0)
libc = ctypes.CDLL(None)


def nanosleep() -> None:
    """Sleep for a length, which time.sleep() does not: that sleeps till a moment."""
    libc.nanosleep(ctypes.byref((ctypes.c_long * 2)(SLEEP_S, 0)), None)


def start(words: str, call: Callable[..., object], *arguments: object) -> None:
    """A thread in ``call``, which is said in ``words``."""

    def run() -> None:
        told[threading.get_native_id()] = words
        ready.release()
        call(*arguments)

    threading.Thread(target=run, daemon=True).start()
    ready.acquire()


def end_of(connection: socket.socket) -> str:
    """The other end of a connection."""
    return "{}:{}".format(*connection.getpeername())


read_end, write_end = os.pipe()
holder = subprocess.Popen([sys.argv[1], str(SLEEP_S)], pass_fds=[write_end])
os.close(write_end)
start(f"read fd {read_end} pipe <- sleep[{holder.pid}]", os.read, read_end, 1)
start(f"wait4 child {holder.pid} (sleep)", os.waitpid, holder.pid, 0)

own_read, own_write = os.pipe()
start(f"read fd {own_read} pipe to itself", os.read, own_read, 1)

listening = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listening.getsockname())
server, _ = listening.accept()
start(f"recv fd {client.fileno()} <- {end_of(client)} (established)", client.recv, 1)
start(f"recv fd {server.fileno()} <- {end_of(server)} (established)", server.recv, 1)
start("accept fd {} on {}:{}".format(listening.fileno(), *listening.getsockname()), listening.accept)

datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
start("recv fd {} on {}:{} (udp)".format(datagrams.fileno(), *datagrams.getsockname()), datagrams.recv, 1)

left, right = socket.socketpair()
start(f"recv fd {left.fileno()} to itself (unix stream)", left.recv, 1)

watched = select.epoll()
for one in (client, server, left):
    watched.register(one, select.EPOLLIN)
start(f"epoll fd {watched.fileno()}: 3 fds", watched.poll)
start(f"epoll fd {watched.fileno()}: 3 fds, {SLEEP_S} s", watched.poll, SLEEP_S)

polled = select.poll()
polled.register(client, select.POLLIN)
start(f"poll fd {client.fileno()} <- {end_of(client)} (established), {SLEEP_S} s", polled.poll, SLEEP_S * 1000)
start(f"select 2 fds, {SLEEP_S} s", select.select, [client, left], [], [], SLEEP_S)
start(f"nanosleep {SLEEP_S} s", nanosleep)
start("signal (pause)", signal.pause)

lock = threading.Lock()
lock.acquire()
start("futex 0x..* (for ever)", lock.acquire)
start("futex 0x..* (* left)", lock.acquire, True, SLEEP_S)

with tempfile.NamedTemporaryFile() as file:
    other = os.open(file.name, os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_EX)
    start(f"flock fd {other}: {file.name}", fcntl.flock, other, fcntl.LOCK_EX)
    # The main thread waits for the test to be done.
    print(json.dumps({"pid": os.getpid(), "words": told}), flush=True)
    sys.stdin.read()
    holder.kill()
