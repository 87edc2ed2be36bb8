"""Opens one of everything that a descriptor can be; says on standard output what, and sleeps until its input ends.

The line of JSON has the number of the descriptor by a name, and ``names`` of what has a name of its own.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
IO_URING_SETUP = 425  # the same on all machines
IN_CREATE = 0x100
TIMERS = array.array("l", (2, 0, 50, 0))  # every 2 s, first in 50 s


def anonymous(opened: dict[str, int], folder: Path) -> None:
    """What has no path."""
    opened["memfd"] = os.memfd_create("scratch \x1b[31mred")
    opened["pidfd"] = os.pidfd_open(os.getpid())
    opened["eventfd"] = LIBC.eventfd(5, 0)
    opened["timerfd"] = LIBC.timerfd_create(1, 0)
    LIBC.timerfd_settime(opened["timerfd"], 0, (ctypes.c_long * 4)(*TIMERS), None)
    opened["signalfd"] = LIBC.signalfd(-1, (ctypes.c_ulong * 16)(1 << 9 | 1 << 14), 0)
    opened["inotify"] = LIBC.inotify_init()
    LIBC.inotify_add_watch(opened["inotify"], os.fsencode(folder), IN_CREATE)
    opened["io_uring"] = LIBC.syscall(IO_URING_SETUP, 8, (ctypes.c_char * 120)())
    opened["namespace"] = os.open("/proc/self/ns/net", os.O_RDONLY)


def files(opened: dict[str, int], folder: Path) -> None:
    """What has a path, also odd ones."""
    opened["file"] = os.open(folder / "data", os.O_RDWR | os.O_CREAT)
    os.write(opened["file"], b"x" * 5000)
    os.lseek(opened["file"], 1234, os.SEEK_SET)
    opened["log"] = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_SYNC)
    fcntl.flock(opened["log"], fcntl.LOCK_EX)
    opened["deleted"] = os.open(folder / "gone", os.O_RDWR | os.O_CREAT)
    os.write(opened["deleted"], b"x" * 100_000)
    (folder / "gone").unlink()
    opened["named so"] = os.open(folder / "kept (deleted)", os.O_RDWR | os.O_CREAT)
    opened["odd"] = os.open(os.fsencode(folder) + b"/\x1b[31mred\xff", os.O_RDWR | os.O_CREAT)
    opened["directory"] = os.open(folder, os.O_RDONLY)
    opened["path"] = os.open(folder, os.O_PATH)
    opened["device"] = os.open(os.devnull, os.O_RDWR)
    os.mkfifo(folder / "fifo")
    opened["fifo"] = os.open(folder / "fifo", os.O_RDWR | os.O_NONBLOCK)
    master, opened["tty"] = os.openpty()
    opened["master"] = master


def sockets(opened: dict[str, int], folder: Path) -> list[socket.socket]:
    """Sockets in all states."""
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(folder / "unix.sock"))
    unix.listen()
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(str(folder / "unix.sock"))
    served, _ = unix.accept()
    unbound = socket.socket()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    six = socket.create_server(("::1", 0), family=socket.AF_INET6) if socket.has_ipv6 else server.dup()
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    made = {
        "listening": server,
        "client": client,
        "accepted": accepted,
        "unix": unix,
        "caller": caller,
        "served": served,
        "unbound": unbound,
        "udp": udp,
        "six": six,
        "netlink": netlink,
    }
    opened.update({name: one.fileno() for name, one in made.items()})
    return list(made.values())


def main() -> None:
    """Open all of it and wait."""
    opened: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        anonymous(opened, folder)
        files(opened, folder)
        held = sockets(opened, folder)
        opened["own reader"], opened["own writer"] = os.pipe()
        alone, writer = os.pipe()
        os.close(writer)
        opened["no writer"] = alone
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            opened["to child"], opened["from child"] = child.stdin.fileno(), child.stdout.fileno()
            epoll = select.epoll()
            for fd in (opened["own reader"], opened["accepted"], opened["from child"]):
                epoll.register(fd, select.EPOLLIN)
            opened["epoll"] = epoll.fileno()
            threading.Thread(target=os.read, args=(opened["own reader"], 1), daemon=True, name="reader").start()
            threading.Thread(target=epoll.poll, daemon=True, name="poller").start()
            names = {"folder": name, "child": child.pid, "port": held[0].getsockname()[1], "pid": os.getpid()}
            print(json.dumps({"opened": opened, "names": names}), flush=True)
            sys.stdin.read()
            os.write(opened["own writer"], b"xx")


if __name__ == "__main__":
    main()
