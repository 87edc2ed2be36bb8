"""A PostgreSQL server of our own, on a Unix socket alone, and clients of it that wait for each other."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
USERS = ("postgres", "nobody")  # it refuses to run as root
WAITERS = 2
STARTS_S = 60.0
STEP_S = 0.05


class NoServerError(Exception):
    """None can be run here; it says why."""


class Server(NamedTuple):
    """A server that runs: where its programs are, and its folder."""

    programs: Path
    folder: str
    pid: int
    demoted: dict[str, Any]

    def psql(self, *commands: str) -> subprocess.Popen[bytes]:
        """A client that sends these, one after the other."""
        sent = [word for command in commands for word in ("-c", command)]
        return subprocess.Popen(
            [self.programs / "psql", "-qAtX", "-h", self.folder, "-U", "tester", "-d", "postgres", *sent],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            **self.demoted,
        )

    @property
    def waiting(self) -> list[int]:
        """The backends that wait for a row."""
        return self.backends("postgres: tester", "waiting")

    def backends(self, beginning: str, end: str) -> list[int]:
        """The processes whose titles begin and end so."""
        found = []
        for name in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split():
            try:
                title = Path(f"/proc/{name}/cmdline").read_bytes().rstrip(b"\0 ").decode("utf-8", "replace")
            except OSError:
                continue
            if title.startswith(beginning) and title.endswith(end):
                found.append(int(name))
        return sorted(found)


@contextmanager
def blocked() -> Iterator[list[int]]:
    """The pids of backends that wait for a row which a transaction has changed and holds; raises NoServerError."""
    with waited_for() as server:
        yield server.waiting


@contextmanager
def waited_for() -> Iterator[Server]:
    """A server with such backends; raises NoServerError."""
    with _server() as server:
        clients = [server.psql("begin; update held set value = 1", "select pg_sleep(600)")]
        try:
            _until(lambda: bool(server.backends("postgres: tester", "SELECT")), "a transaction that holds a row")
            clients += [server.psql("update held set value = value + 1") for _ in range(WAITERS)]
            _until(lambda: len(server.waiting) == WAITERS, "backends that wait")
            yield server
        finally:
            for client in clients:
                client.kill()
                client.wait()


@contextmanager
def _server() -> Iterator[Server]:
    programs, demoted = _programs(), _demoted()
    folder = tempfile.mkdtemp(prefix="threadtop-pg-")
    try:
        if demoted:
            shutil.chown(folder, demoted["user"])
        data = f"{folder}/data"
        made = [
            programs / "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "tester",
            "--no-sync",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        done = subprocess.run(made, capture_output=True, cwd=folder, timeout=STARTS_S, check=False, **demoted)
        if done.returncode:
            message = f"initdb: {done.stderr.decode('utf-8', 'replace').strip()}"
            raise NoServerError(message)
        settings = ("listen_addresses=", "fsync=off", "shared_buffers=1MB", "max_connections=10", "autovacuum=off")
        options = [word for setting in settings for word in ("-c", setting)]
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
            **demoted,
        )
        try:
            server = Server(programs, folder, process.pid, demoted)
            _until(lambda: server.psql("create table held as select 0 as value").wait() == 0, "an answer")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown: sessions are ended
            try:
                process.wait(STARTS_S)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait()
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """The newest server that is installed."""
    found = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern[1:]) if (folder / "initdb").exists()]
    if not found:
        message = "no PostgreSQL server (initdb) is on this machine"
        raise NoServerError(message)
    return max(found)


def _demoted() -> dict[str, Any]:
    """As whom it is to run, for subprocess."""
    if os.geteuid():
        return {}
    for user in USERS:
        try:
            group = pwd.getpwnam(user).pw_gid
        except KeyError:
            continue
        return {"user": user, "group": group, "extra_groups": []}
    message = f"PostgreSQL refuses to run as root, and there is no user {' or '.join(USERS)}"
    raise NoServerError(message)


def _until(is_so: Any, what: str) -> None:  # noqa: ANN401 any condition
    until = time.monotonic() + STARTS_S
    while not is_so():
        if time.monotonic() >= until:
            message = f"PostgreSQL: no {what} within {STARTS_S:.0f} s"
            raise NoServerError(message)
        time.sleep(STEP_S)
