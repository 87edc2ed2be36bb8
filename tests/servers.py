"""Real servers for tests of panes: PostgreSQL, nginx, Node and Python's own, each with a client, on loopback alone."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import postgres
from threadtop import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = Path(__file__).parent / "programs" / "server.js"
STARTS_S = 60.0
STEP_S = 0.02
TRIES = 3
NGINX = """daemon off; master_process on; worker_processes 2; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen 127.0.0.1:{port}; listen unix:{folder}/socket; }} }}
"""

KIB = 1024


class NoServerError(Exception):
    """It is not on this machine, or does not start; it says why."""


class Server(NamedTuple):
    """The process whose panes are looked at, and the uppermost one of the server."""

    pid: int
    top: int


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """A server by its name, for as long as a test; raises NoServerError."""
    starts = {"postgres": _postgres, "nginx": _nginx, "node": _node, "python": _python}[name]
    with starts(folder) as server:
        yield server


@contextmanager
def _postgres(_folder: Path) -> Iterator[Server]:
    """A backend that waits for a row, below its postmaster."""
    try:
        with postgres.waited_for() as server:
            yield Server(server.waiting[0], server.pid)
    except postgres.NoServerError as error:
        raise NoServerError(str(error)) from error


@contextmanager
def _nginx(folder: Path) -> Iterator[Server]:
    """A worker of a master, with a connection on TCP and one on its Unix socket."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        message = "nginx is not installed"
        raise NoServerError(message)
    for _ in range(TRIES):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]  # may be taken by somebody else a moment later
        (folder / "conf").write_text(NGINX.format(folder=folder, port=port), encoding="utf-8")
        with subprocess.Popen(
            [program, "-p", folder, "-c", folder / "conf", "-e", folder / "log"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as master:
            try:
                if _until(lambda: len(_children(master.pid)) == 2 or master.poll() is not None) and not master.poll():
                    with socket.create_connection(("127.0.0.1", port)), socket.socket(socket.AF_UNIX) as local:
                        local.connect(f"{folder}/socket")
                        pids = _children(master.pid)
                        _until(lambda pids=pids: sum(map(_sockets, pids)) >= len(pids) * 4 + 2)
                        yield Server(max(pids, key=_sockets), master.pid)
                    return
            finally:
                master.terminate()
                master.wait(STARTS_S)
    message = f"nginx does not start: {(folder / 'log').read_text(encoding='utf-8')[-200:]}"
    raise NoServerError(message)


@contextmanager
def _node(_folder: Path) -> Iterator[Server]:
    """An HTTP server with a connection to itself, a worker thread and a child."""
    program = shutil.which("node")
    if program is None:
        message = "node is not installed"
        raise NoServerError(message)
    with _speaking([program, str(PROGRAM)], rb"(\d+)") as (pid, _):
        yield Server(pid, pid)


@contextmanager
def _python(folder: Path) -> Iterator[Server]:
    """The standard library's HTTP server, with a client that says nothing."""
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), "0"]
    with (
        _speaking(command, rb"port (\d+)") as (pid, port),
        socket.create_connection(("127.0.0.1", port)),
    ):
        _until(lambda: len(os.listdir(f"/proc/{pid}/task")) > 1)
        yield Server(pid, pid)


@contextmanager
def _speaking(command: list[str], pattern: bytes) -> Iterator[tuple[int, int]]:
    """A program that prints its port: its pid, and that; it is killed in the end, and its children with it."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SERVER_TOKEN": "t0p-5ecret", "SERVER_NAME": "plain"},
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(pattern, line)
            if found is None:
                message = f"{command[0]} does not start: it says {line!r}"
                raise NoServerError(message)
            yield process.pid, int(found[1])
        finally:
            os.killpg(process.pid, 9)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def _sockets(pid: int) -> int:
    """How many a process has."""
    try:
        return sum(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:") for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _until(is_so: Callable[[], bool]) -> bool:
    """Wait for that; whether it came."""
    until = time.monotonic() + STARTS_S
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(STEP_S)
    return False


def pane(name: str, pid: int, *more: str) -> dict[str, Any]:
    """What --pane prints as JSON."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["--pane", name, "--once", "--json", "-d", "0.1", "-p", str(pid), *more]) == 0
    shown: dict[str, Any] = json.loads(said.getvalue())
    return shown


class Target(NamedTuple):
    """A server that runs, and its panes as --pane prints them."""

    name: str
    pid: int
    top: int

    def pane(self, name: str, *more: str) -> dict[str, Any]:
        """The document of a pane; nothing of it was denied, or the test cannot say anything."""
        shown = pane(name, self.top if name == "children" else self.pid, *more)
        denied = [denial["rule"] for denial in shown["denied"] if denial["what"] != "stack"]  # which only root may
        if denied:
            pytest.skip(f"denied here: {denied[0]}")
        return shown

    def file(self, name: str) -> str:
        """A file of the process in /proc."""
        return Path(f"/proc/{self.pid}/{name}").read_bytes().decode("utf-8", "surrogateescape")

    def status(self, key: str, tid: int = 0) -> str:
        """A line of status."""
        raw = self.file(f"task/{tid}/status" if tid else "status")
        return dict(line.split(":\t", 1) for line in raw.splitlines())[key].strip()

    def kib(self, key: str, file: str = "status") -> int:
        """A figure in KiB, in bytes."""
        return int(re.findall(rf"^{key}: *\t? *(\d+) kB", self.file(file), re.MULTILINE)[0]) * KIB

    def stat(self, tid: int = 0) -> list[str]:
        """The fields of stat from the third on: proc(5) counts them from 1."""
        return self.file(f"task/{tid}/stat" if tid else "stat").rpartition(")")[2].split()

    def numbers(self, name: str) -> dict[str, int]:
        """A file of keys and numbers."""
        return {key: int(value) for key, value in re.findall(r"^(\w+): (\d+)$", self.file(name), re.MULTILINE)}

    def limits(self, constant: str) -> tuple[int | str, ...]:
        """The soft and the hard limit of a kind (``NOFILE``); of another user's process its own user asks prlimit."""
        try:
            found = resource.prlimit(self.pid, getattr(resource, f"RLIMIT_{constant}"))
        except PermissionError:  # without CAP_SYS_RESOURCE
            uid, gid = self.status("Uid").split()[0], self.status("Gid").split()[0]
            asks = ("prlimit", "--pid", str(self.pid), f"--{constant.lower()}", "--raw", "--noheadings")
            words = said_by(
                "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *asks, "--output=SOFT,HARD"
            ).split()
            return tuple(int(word) if word.isdigit() else word for word in words)
        return tuple("unlimited" if limit == resource.RLIM_INFINITY else limit for limit in found)

    def tids(self) -> set[int]:
        """Its threads."""
        return {int(name) for name in os.listdir(f"/proc/{self.pid}/task")}


def said_by(*command: str) -> str:
    """What a program prints; the test is skipped where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return done.stdout.decode("utf-8", "surrogateescape")


def ps(pid: int, *columns: str) -> list[str]:
    """Columns of ps that are one word each."""
    return said_by("ps", "-o", ",".join(f"{name}=" for name in columns), "-p", str(pid)).split()


def rows_by(shown: dict[str, Any], section: str, key: str) -> dict[Any, dict[str, Any]]:
    """The rows of a table by one of their values."""
    found = {row[key]: row for row in shown[section]}
    assert len(found) == len(shown[section])
    return found


_NAMES = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG "
    "XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
)
SIGNAL_NAMES = dict(enumerate(_NAMES.split(), 1))
"""The classic signals by number (signal(7)), but for those of other machines."""


def signals_of(mask: str) -> set[str]:
    """The names of the classic signals of a mask in hexadecimal."""
    return {name for number, name in SIGNAL_NAMES.items() if int(mask, 16) >> (number - 1) & 1}
