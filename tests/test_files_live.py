"""The Files pane of a program that opens one of everything, against what it says, lsof, ss and os.*."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import servers
from threadtop.errors import DeniedError
from threadtop.inside import files
from threadtop.inside.asked import Asked
from threadtop.inside.files import FilesReader
from threadtop.interest import Interest
from threadtop.procfs.reader import ProcReader
from threadtop.sampler import Sampler
from threadtop.sheets import file_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.inside.files import Descriptor, FilesFacts
    from threadtop.sample import HostSample

pytestmark = pytest.mark.live
PROGRAM = str(Path(__file__).parent / "programs" / "opens.py")
DEADLINE_S = 60.0
MANY = 1200


class Told(NamedTuple):
    """The program: descriptors by name, other names, what the pane prints of it by descriptor."""

    pid: int
    opened: dict[str, int]
    names: dict[str, Any]
    shown: dict[str, Any]

    def row(self, name: str) -> dict[str, Any]:
        """What is said of a descriptor."""
        rows = [row for row in self.shown["files"] if row["fd"] == self.opened[name]]
        assert len(rows) == 1
        return dict(rows[0])

    def target(self, name: str) -> str:
        """What it is open on, the folder of the program taken out."""
        return str(self.row(name)["target"]).replace(self.names["folder"], "FOLDER")


def pane(pid: int, *more: str) -> dict[str, Any]:
    """What --pane files prints as JSON."""
    command = [sys.executable, "-m", "threadtop", "--pane", "files", "-d", "0.3", "--once", "--json", "-p", str(pid)]
    done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=60, check=False)
    assert not done.returncode, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """The program, up, with its threads asleep; it ends with our pipe."""
    with subprocess.Popen(
        [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        said = json.loads(process.stdout.readline())
        waited = {0, said["opened"]["own reader"], said["opened"]["epoll"]}
        deadline = time.monotonic() + DEADLINE_S
        while True:
            shown = pane(process.pid)
            if {row["fd"] for row in shown.get("waited_for", ())} >= waited or time.monotonic() > deadline:
                break
        yield Told(process.pid, said["opened"], said["names"], shown)
        process.stdin.close()


@pytest.mark.parametrize(
    ("name", "kind", "mode", "target"),
    [
        ("memfd", "memfd", "rw", "scratch \x1b[31mred"),
        ("eventfd", "eventfd", "rw", "count 5"),
        ("signalfd", "signalfd", "rw", "USR1 TERM"),
        ("inotify", "inotify", "r", "1 watch"),
        ("file", "file", "rw", "FOLDER/data"),
        ("log", "file", "w", "FOLDER/log"),
        ("deleted", "file", "rw", "FOLDER/gone (deleted)"),
        ("named so", "file", "rw", "FOLDER/kept (deleted)"),
        ("directory", "directory", "r", "FOLDER"),
        ("path", "directory", None, "FOLDER"),
        ("device", "device", "rw", "/dev/null"),
        ("fifo", "fifo", "rw", "FOLDER/fifo"),
        ("unix", "socket", "rw", "unix stream, listening FOLDER/unix.sock"),
        ("caller", "socket", "rw", "unix stream, connected -> itself FOLDER/unix.sock"),
        ("served", "socket", "rw", "unix stream, connected FOLDER/unix.sock -> itself"),
        ("unbound", "socket", "rw", "tcp, not bound, or of another network namespace"),
        ("own reader", "pipe", "r", "<- itself"),
        ("own writer", "pipe", "w", "-> itself"),
    ],
)
def test_one_of_everything(told: Told, name: str, kind: str, mode: str | None, target: str) -> None:
    """Kind, mode and target as the program opened it."""
    row = told.row(name)
    assert (row["kind"], row["mode"], told.target(name)) == (kind, mode, target)


def test_a_path_and_what_is_said_of_it(told: Told) -> None:
    """Locks, the lost name and the size are fields of their own: as the kernel has them, of memfds, too."""
    assert [told.row(name)["locks"] for name in ("log", "file")] == [["flock write"], []]
    assert [told.row(name)["is_deleted"] for name in ("deleted", "named so", "memfd")] == [True, False, False]
    for name in ("memfd", "file", "deleted"):
        assert told.row(name)["size_bytes"] == os.stat(f"/proc/{told.pid}/fd/{told.opened[name]}").st_size


def test_the_parts_of_targets(told: Told) -> None:
    """Ends, states, holders and watched descriptors are fields of their own, as ss and lsof tell them."""
    port, pid, child = told.names["port"], told.pid, told.names["child"]
    listening, unix, caller = told.row("listening"), told.row("unix"), told.row("caller")
    assert (listening["protocol"], listening["status"], listening["local"], listening["peer"]) == (
        "tcp",
        "listening",
        f"127.0.0.1:{port}",
        None,
    )
    assert (unix["protocol"], unix["status"], unix["local"]) == (
        "unix stream",
        "listening",
        told.names["folder"] + "/unix.sock",
    )
    assert (caller["status"], caller["peer"]) == ("connected", told.names["folder"] + "/unix.sock")
    assert [one["pid"] for one in caller["holders"]] == [pid]
    assert told.row("to child")["holders"] == [{"pid": child, "process": "cat"}]
    assert sorted(told.row("epoll")["watched"]) == sorted(
        told.opened[name] for name in ("own reader", "accepted", "from child")
    )
    assert told.row("file")["holders"] is told.row("file")["watched"] is None


def test_what_is_known_by_number(told: Told) -> None:
    """Processes, ports, watched descriptors."""
    pid, child, port = told.pid, told.names["child"], told.names["port"]
    assert told.target("pidfd").endswith(f"[{pid}]")
    assert (told.target("to child"), told.target("from child")) == (f"-> cat[{child}]", f"<- cat[{child}]")
    assert told.target("listening") == f"127.0.0.1:{port} listening"
    client, accepted = told.target("client"), told.target("accepted")
    theirs = re.fullmatch(rf"(127\.0\.0\.1:\d+) -> 127\.0\.0\.1:{port} established", client)
    assert theirs is not None
    assert accepted == f"127.0.0.1:{port} <- {theirs[1]} established"
    watched = sorted(told.opened[name] for name in ("own reader", "accepted", "from child"))
    assert told.target("epoll") == f"3 fds: {' '.join(map(str, watched))}"
    assert re.fullmatch(r"in [\d.]+ s, every 2 s", told.target("timerfd"))
    if told.opened["io_uring"] >= 0:
        assert told.row("io_uring")["kind"] == "io_uring"


def test_positions_sizes_and_flags(told: Told) -> None:
    """As lseek and fcntl left them."""
    assert (told.row("file")["position"], told.row("file")["size_bytes"]) == (1234, 5000)
    assert told.row("deleted")["position"] == 100_000
    assert set(told.row("log")["flags"]) - {"largefile"} == {"append", "sync", "cloexec"}
    assert set(told.row("fifo")["flags"]) - {"largefile"} == {"nonblock", "cloexec"}
    assert "path" in told.row("path")["flags"]
    assert told.row("client")["position"] is None


def test_deleted_files(told: Told) -> None:
    """One, though the name of another ends so; the room that it takes."""
    summary = told.shown["summary"]
    assert summary["deleted"] == 1
    assert summary["deleted_bytes"] == os.stat(f"/proc/{told.pid}/fd/{told.opened['deleted']}").st_blocks * 512


def test_who_is_blocked(told: Told) -> None:
    """The main thread on its input, one on a pipe, one on the epoll."""
    blocked = {row["fd"]: row for row in told.shown["waited_for"]}
    assert blocked[0]["blocked"] == [told.pid]
    tids = {int(name) for name in os.listdir(f"/proc/{told.pid}/task")}
    reader, poller = blocked[told.opened["own reader"]], blocked[told.opened["epoll"]]
    assert reader["call"] == ["read"]
    assert poller["call"][0].startswith("epoll_")
    assert {*reader["blocked"], *poller["blocked"], told.pid} == tids
    assert told.row("own reader")["blocked"] == reader["blocked"]


def test_all_are_there_and_counted(told: Told) -> None:
    """As listed by os; the kinds add up; the limit is the program's."""
    listed = {int(name) for name in os.listdir(f"/proc/{told.pid}/fd")}
    summary = told.shown["summary"]
    assert {row["fd"] for row in told.shown["files"]} == listed
    assert summary["open"] == sum(summary["kinds"].values()) == len(listed)
    limits = Path(f"/proc/{told.pid}/limits").read_text(encoding="ascii")
    assert re.search(rf"Max open files +{summary['limit']['soft']} +{summary['limit']['hard']} ", limits)


LSOF_KINDS = {
    "REG": {"file", "memfd", "namespace"},
    "DIR": {"directory"},
    "CHR": {"device", "tty"},
    "FIFO": {"pipe", "fifo"},
    "IPv4": {"socket"},
    "IPv6": {"socket"},
    "unix": {"socket"},
    "sock": {"socket"},
    "netlink": {"socket"},
}


def test_as_lsof_has_it(told: Told) -> None:
    """The same descriptors, kinds, modes and names."""
    if shutil.which("lsof") is None:
        pytest.skip("lsof is not installed")
    said = subprocess.run(
        ["lsof", "-nP", "-w", "-p", str(told.pid), "-Fftan"], capture_output=True, check=False, timeout=60
    ).stdout.decode("utf-8", "surrogateescape")
    rows = {row["fd"]: row for row in told.shown["files"]}
    found = re.findall(r"^f(\d+)\na(.)\nt(\w+)\nn(.*)$", said, re.MULTILINE)
    assert {int(fd) for fd, *_ in found} == set(rows)
    for fd, access, kind, name in found:
        row = rows[int(fd)]
        assert row["kind"] in LSOF_KINDS.get(kind, {row["kind"]})
        # lsof goes by the mode of the link, which is that of both for O_PATH.
        assert {"r": "r", "w": "w", "u": "rw"}[access] == (row["mode"] or "rw")
        if kind in {"REG", "DIR"} and name.isascii() and "\\" not in name and "^" not in name:
            assert row["target"].removesuffix(" (flock write)").startswith(name.removesuffix(" (deleted)"))
        if kind.startswith("IPv") and "->" in name:
            local, peer = name.split(" ")[0].split("->")
            assert {local, peer} <= set(row["target"].split(" "))


def test_as_ss_has_it(told: Told) -> None:
    """The addresses and states of its TCP sockets."""
    if shutil.which("ss") is None:
        pytest.skip("ss is not installed")
    said = subprocess.run(["ss", "-tanpH"], capture_output=True, text=True, check=False, timeout=60).stdout
    rows = {row["fd"]: row for row in told.shown["files"]}
    found = re.findall(rf"^(\S+) +\d+ +\d+ +(\S+) +(\S+) .*pid={told.pid},fd=(\d+)", said, re.MULTILINE)
    assert {int(fd) for *_, fd in found} >= {told.opened[name] for name in ("listening", "client", "accepted")}
    for state, local, peer, fd in found:
        words = rows[int(fd)]["target"].split(" ")
        assert words[0] == local
        assert words[-1] == {"LISTEN": "listening", "ESTAB": "established"}[state]
        assert state == "LISTEN" or words[2] == peer


class Own:
    """The reader on this very process."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.proc = ProcReader()
        self.sampler = Sampler(self.proc, _no_host)
        self.reader = FilesReader(self.proc)

    def read(self, part: int = 0) -> FilesFacts:
        """The facts."""
        sample = self.sampler.sample(Interest(attached=frozenset({os.getpid()})))
        return self.reader.read(Asked("files", os.getpid(), part=part), sample)

    def close(self) -> None:
        """Give back what is held."""
        self.reader.close()
        self.sampler.close()


def _no_host() -> HostSample:
    from fakeproc import HOST  # noqa: PLC0415

    return HOST


@pytest.fixture
def own() -> Iterator[Own]:
    """A reader of ourselves."""
    made = Own()
    yield made
    made.close()


def test_thousands(own: Own, tmp_path: Path) -> None:
    """Each on one page, in order, at its place; the count is the kernel's; positions move from reading to reading."""
    (tmp_path / "data").write_bytes(b"x" * 100)
    held = [os.open(tmp_path / "data", os.O_RDONLY) for _ in range(MANY)]
    try:
        count = own.read().open_count
        assert count is not None
        pages: list[Descriptor] = []
        for part in range(count // files.PAGE + 1):
            facts = own.read(part)
            assert facts.first == part * files.PAGE
            pages += facts.page
        fds = [one.fd for one in pages]
        assert fds == sorted(set(fds))
        assert set(held) <= set(fds)
        assert facts.kinds["file"] >= MANY
        os.lseek(held[0], 77, os.SEEK_SET)
        moved = next(one for one in own.read(fds.index(held[0]) // files.PAGE).page if one.fd == held[0])
        assert file_words.position(moved.info, moved.kind) == 77
    finally:
        for fd in held:
            os.close(fd)


OPENS_THOUSANDS = """
import os, resource, select, socket, sys, tempfile
resource.setrlimit(resource.RLIMIT_NOFILE, (7000, 7000))
kept = [socket.socketpair() for _ in range(1000)]
kept += [socket.socket() for _ in range(50)]
for _ in range(1000): os.pipe()
kept += [tempfile.TemporaryFile() for _ in range(300)]
kept += [select.epoll() for _ in range(700)]
for number in range(6000, 7000): os.dup2(kept[-1].fileno(), number)
print(len(os.listdir("/proc/self/fd")) - 1, flush=True)
sys.stdin.read()
"""


def test_a_process_with_thousands() -> None:
    """--pane waits until all are counted; the last part has the last ones; of all it is told who has the other end."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 7000:
        pytest.skip("no process may open 7,000 files here")
    with subprocess.Popen(
        [sys.executable, "-c", OPENS_THOUSANDS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        count = int(process.stdout.readline())
        fds = sorted(int(name) for name in os.listdir(f"/proc/{process.pid}/fd"))
        first, last = servers.pane("files", process.pid), servers.pane("files", process.pid, "--part", "99")
        process.stdin.close()
    assert first["summary"]["open"] == first["files_total"] == count == len(fds)
    kinds = first["summary"]["kinds"]
    assert (kinds["socket"], kinds["epoll"], kinds["file"]) == (2050, 1700, 300)
    assert kinds["pipe"] >= 2000
    assert (sum(kinds.values()), first["summary"]["deleted"]) == (count, 300)
    assert [row["fd"] for row in first["files"]] == fds[: files.PAGE]
    assert [row["fd"] for row in last["files"]] == fds[last["files_first"] :]
    assert {row["target"] for row in first["files"] if row["kind"] == "socket"} == {"unix stream, connected -> itself"}
    assert "not looked up yet" not in json.dumps((first, last))


def test_from_a_number_on(own: Own) -> None:
    """The kernel's folder can be entered in the middle: what is below is not listed."""
    listed = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    start = listed[len(listed) // 2]
    found = own.proc.descriptors_from(os.getpid(), start, 3)
    assert found
    assert all(fd >= start for fd in found)
    assert start in found


def test_another_users_count_is_known() -> None:
    """The size of the folder is anyone's, its content is not."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            os.seteuid(65534)
            reader = ProcReader()
            if reader.descriptors_taken(process.pid) is None:
                pytest.skip("before Linux 6.2 the kernel does not tell")
            deadline = time.monotonic() + DEADLINE_S
            while reader.descriptors_taken(process.pid) != 3 and time.monotonic() < deadline:
                time.sleep(0.01)  # its libraries are being loaded
            assert reader.descriptors_taken(process.pid) == 3
            with pytest.raises(DeniedError):
                reader.descriptors_from(process.pid, 0, 9)
        finally:
            os.seteuid(0)
            process.kill()
