"""Panes of a real process, as --pane prints them, against what the program says and against independent readings."""

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

import nobody
from servers import pane
from threadtop.pane_report import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live
PROGRAM = Path(__file__).parent / "programs" / "inside.py"


class Known(NamedTuple):
    """The program: its pid, and what it said of itself."""

    pid: int
    said: dict[str, int]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    """The program, up and with all its threads in place."""
    file = tmp_path_factory.mktemp("inside") / "own"
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SECRET_TOKEN": "t0p", "PLAIN": "plain"},
    ) as process:
        assert process.stdout is not None
        pairs = (word.split("=") for word in process.stdout.readline().split())
        yield Known(process.pid, {key: int(value) for key, value in pairs})
        assert process.stdin is not None
        process.stdin.close()


def pane_as(python: tuple[str, ...], name: str, pid: int) -> dict[str, Any]:
    """What --pane prints as JSON for another user."""
    command = [*python, "-m", "threadtop", "--pane", name, "-d", "0.1", "--once", "--json", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not done.returncode, done.stderr
    return dict(json.loads(done.stdout))


def table(shown: dict[str, Any], key: str, by: str) -> dict[Any, dict[str, Any]]:
    """Rows of a section by one of their values."""
    return {row[by]: row for row in shown[key]}


def test_overview(known: Known) -> None:
    """Identity as /proc has it, memory as its rollup and ps have it."""
    shown = pane("overview", known.pid)
    identity = shown["identity"]
    assert identity["executable"] == os.readlink(f"/proc/{known.pid}/exe")
    assert identity["directory"] == os.readlink(f"/proc/{known.pid}/cwd")
    assert identity["ppid"] == os.getpid()
    assert identity["session"] == {"session": os.getsid(known.pid), "pgrp": os.getpgid(known.pid)}
    assert identity["command"][1] == str(PROGRAM)
    assert shown["now"]["threads"]["count"] == 5
    assert (
        shown["scheduling"]["affinity"]
        == re.findall(r"Cpus_allowed_list:\t(.*)", Path(f"/proc/{known.pid}/status").read_text(encoding="utf-8"))[0]
    )
    rollup = Path(f"/proc/{known.pid}/smaps_rollup").read_text(encoding="ascii")
    pss_bytes = int(re.findall(r"^Pss: *(\d+)", rollup, re.MULTILINE)[0]) * 1024
    assert shown["memory"]["pss_bytes"] == pytest.approx(pss_bytes, rel=0.2)
    assert shown["memory"]["uss_bytes"] <= shown["memory"]["pss_bytes"] <= shown["memory"]["rss_bytes"] * 1.01
    assert shown["denied"] == []


def test_files(known: Known) -> None:
    """Each descriptor as the program opened it, and who waits on which."""
    shown = pane("files", known.pid)
    files, said = table(shown, "files", "fd"), known.said
    own = files[said["own"]]
    assert (own["kind"], own["position"], own["mode"]) == ("file", 4321, "rw")
    assert own["target"].endswith("(deleted)")
    assert files[said["epoll"]]["target"] == f"2 fds: {' '.join(map(str, sorted((said['accepted'], said['server']))))}"
    assert f"127.0.0.1:{said['port']} listening" in files[said["server"]]["target"]
    assert f"-> 127.0.0.1:{said['port']} established" in files[said["client"]]["target"]
    assert (files[said["reading"]]["kind"], files[said["reading"]]["mode"]) == ("pipe", "r")
    assert files[said["reading"]]["blocked"] == [said["read"]]
    assert files[said["server"]]["blocked"] == [said["accept"]]
    assert set(files) == {int(name) for name in os.listdir(f"/proc/{known.pid}/fd")}


def test_files_agree_with_lsof(known: Known) -> None:
    """The same descriptors, and the same files behind them."""
    if shutil.which("lsof") is None:
        pytest.skip("lsof is not installed")
    said = subprocess.run(
        ["lsof", "-nP", "-p", str(known.pid), "-Ffn"], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    pairs = re.findall(r"^f(\d+)\nn(.*)$", said, re.MULTILINE)
    files = table(pane("files", known.pid), "files", "fd")
    assert {int(fd) for fd, _ in pairs} == set(files)
    for fd, name in pairs:
        if name.startswith("/") and "(deleted)" not in name:
            assert files[int(fd)]["target"] == name


def test_memory(known: Known) -> None:
    """All mappings, the touched ones in memory, stacks of threads by their tids."""
    shown = pane("memory", known.pid, "--want", "smaps")
    maps = Path(f"/proc/{known.pid}/maps").read_text(encoding="utf-8").splitlines()
    assert sum(row["count"] for row in shown["kinds"]) == pytest.approx(len(maps), abs=2)
    rows = table(shown, "mappings", "address")
    touched = rows[f"{known.said['shared']:x}"]
    assert touched["size_bytes"] == touched["rss_bytes"] == 3 << 20
    assert touched["kind"] == "shared memory"
    assert sum(row["kind"] == "thread stack" for row in shown["mappings"]) >= 3
    resident = sum(row["rss_bytes"] for row in shown["mappings"])
    assert resident == pytest.approx(shown["totals"]["rss_bytes"], rel=0.1)


def test_memory_agrees_with_pmap(known: Known) -> None:
    """Address space and resident memory in all as pmap adds them up."""
    if shutil.which("pmap") is None:
        pytest.skip("pmap is not installed")
    said = subprocess.run(
        ["pmap", "-x", str(known.pid)], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    size_kib, rss_kib = map(int, re.findall(r"^total kB +(\d+) +(\d+)", said, re.MULTILINE)[0])
    shown = pane("memory", known.pid, "--want", "smaps")
    assert sum(row["size_bytes"] for row in shown["kinds"]) == pytest.approx(size_kib * 1024, rel=0.01)
    assert sum(row["rss_bytes"] for row in shown["kinds"]) == pytest.approx(rss_kib * 1024, rel=0.1)


def test_thread(known: Known) -> None:
    """A thread in read: its call, its descriptor, where in the C library it sleeps, its stack."""
    shown = pane("thread", known.pid, "--tid", str(known.said["read"]))
    now = shown["now"]
    assert now["state"] == "S"
    assert now["reason"].startswith(f"read fd {known.said['reading']} pipe")
    counter = now["program_counter"]
    assert re.match(r"libc|ld-musl", counter["file"])
    assert counter["symbol"] in {"read", "__libc_read", "__read", "__GI___libc_read", ""}
    assert 0 < shown["stack"]["stack_used_bytes"] < shown["stack"]["stack_bytes"]
    assert shown["identity"]["tid"] == {"tid": known.said["read"], "hex": f"{known.said['read']:#x}"}


def test_a_thread_that_runs(known: Known) -> None:
    """It is in no call: where it is, is not known, and says why."""
    deadline = time.monotonic() + 30
    while True:  # waiting for the GIL it is in one
        now = pane("thread", known.pid, "--tid", str(known.said["spin"]))["now"]
        if now["syscall"] == "running" or time.monotonic() > deadline:
            break
    assert now["syscall"] == "running"
    assert now["program_counter"] is None


def test_signals(known: Known) -> None:
    """What it ignores, catches, and blocks while it is pending."""
    shown = pane("signals", known.pid)
    process = shown["signals"]
    assert process["pending"] == ["USR2"]
    assert "HUP" in process["ignored"]
    assert "USR1" in process["caught"]
    effects = table(shown, "dispositions", "signal")
    assert effects["HUP"]["effect"] == "ignored"
    assert effects["USR1"]["effect"] == "its own handler"
    assert effects["USR2"]["blocked_by"] == 5  # threads inherit the mask


def test_protection(known: Known) -> None:
    """Its ids, and its capabilities as getpcaps or the kernel's mask have them."""
    shown = pane("protection", known.pid)
    status = Path(f"/proc/{known.pid}/status").read_text(encoding="utf-8")
    mask = int(re.findall(r"CapEff:\t(\w+)", status)[0], 16)
    assert len(shown["capabilities"]["cap_effective"]) == mask.bit_count()
    assert shown["identity"]["uids"]["effective"] == os.geteuid()
    assert shown["confinement"]["no_new_privs"] is False


def test_environment(known: Known) -> None:
    """The variables it was started with, the secret one masked until asked for; limits as prlimit has them."""
    variables = table(pane("environment", known.pid), "environment", "name")
    assert variables["PLAIN"]["value"] == "plain"
    assert variables["SECRET_TOKEN"]["value"] == "********"
    shown = pane("environment", known.pid, "--want", "secrets")
    assert table(shown, "environment", "name")["SECRET_TOKEN"]["value"] == "t0p"
    soft, hard = resource.prlimit(known.pid, resource.RLIMIT_NOFILE)
    files = table(shown, "limits", "limit")["Max open files"]
    assert (files["soft"], files["hard"]) == (soft, hard)
    listed = len(os.listdir(f"/proc/{known.pid}/fd"))
    assert listed <= files["used"] <= listed + 1  # its thread in accept has a number for what it will accept


def test_children(known: Known) -> None:
    """Us above it, its child below."""
    shown = pane("children", known.pid)
    pids = [row["pid"] for row in shown["processes"]]
    assert pids.index(os.getpid()) < pids.index(known.pid) < pids.index(known.said["child"])
    assert shown["below"]["below"] == 1


@pytest.mark.skipif(shutil.which("py-spy") is None and not Path(sys.executable).with_name("py-spy").exists(),
                    reason="py-spy is not installed")  # fmt: skip
def test_stacks(known: Known) -> None:
    """Python's frames of each thread."""
    shown = pane("stacks", known.pid)
    frames = {member["tid"]: row["frames"] for row in shown["stacks"] for member in row["threads"] if row["frames"]}
    assert {known.pid, known.said["read"], known.said["spin"]} <= set(frames)


@pytest.fixture(scope="module")
def as_nobody() -> Iterator[tuple[str, ...]]:
    """How threadtop is started as nobody."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become nobody, with setpriv")
    try:
        with nobody.python() as command:
            yield command
    except nobody.NoPythonError as error:
        pytest.skip(str(error))


ANOTHERS = "it is another user's process"
DENIED = {
    "overview": {"io", "exe", "cwd", "root", "ns", "maps", "smaps_rollup"},
    "thread": {"syscall", "io", "stack"},
    "files": {"fd"},
    "memory": {"syscall", "maps"},
    "signals": {"timers", "fd"},
    "environment": {"environ"},
    "threads": {"syscall", "wchan"},
    "findings": {"syscall", "wchan"},
}


@pytest.mark.parametrize("name", [name for name in sorted(NAMES) if name != "stacks"])
def test_another_users_process(name: str, known: Known, as_nobody: tuple[str, ...]) -> None:
    """As nobody every pane says what anyone may know; what it cannot read names the rule and what would lift it."""
    shown = pane_as(as_nobody, name, known.pid)
    rules = {denial["what"]: (denial["rule"], denial["remedy"]) for denial in shown["denied"]}
    assert rules.keys() == DENIED.get(name, set())
    if "stack" in rules:
        assert rules.pop("stack") == ("only CAP_SYS_ADMIN may read a kernel stack", "run threadtop as root")
    assert {rule for rule, _ in rules.values()} <= {ANOTHERS}
    assert all(remedy for _, remedy in rules.values())
    anyones = {
        "overview": lambda: shown["now"]["threads"]["count"] == 5 and shown["memory"]["rss_bytes"] > 1 << 20,
        "threads": lambda: len(shown["threads"]) == 5,
        "thread": lambda: shown["identity"]["tid"]["tid"] == known.pid,
        "files": lambda: shown["summary"]["open"] >= len(os.listdir(f"/proc/{known.pid}/fd")),
        "memory": lambda: shown["totals"]["vsize_bytes"] > shown["totals"]["rss_bytes"] > 1 << 20,
        "signals": lambda: shown["signals"]["pending"] == ["USR2"],
        "protection": lambda: shown["identity"]["uids"]["real"] == 0,
        "children": lambda: known.said["child"] in {row["pid"] for row in shown["processes"]},
        "environment": lambda: table(shown, "limits", "limit")["Max open files"]["used"] is not None,
        "findings": lambda: shown["findings"] is not None,
    }
    assert anyones[name]()


def test_text_for_another_user(known: Known, as_nobody: tuple[str, ...]) -> None:
    """What may not be read is said above all else, and by which rule below."""
    command = [*as_nobody, "-m", "threadtop", "--pane", "files", "--once", "-d", "0.1", "-p", str(known.pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines()[0].strip().startswith("not readable: fd")
    assert ANOTHERS in done.stdout
    assert done.stderr == ""


ENDINGS = ("overview", "thread", "files", "memory", "signals", "environment")
OTHERS = ("threads", "protection", "children", "findings")


def test_a_kernel_thread() -> None:
    """It has no files, no memory, no environment: each pane says what there is, and why there is no more."""
    comm = Path("/proc/2/comm")
    if not comm.exists() or comm.read_text(encoding="utf-8") != "kthreadd\n":
        pytest.skip("no kernel threads are to be seen here (a container)")
    for name in (*ENDINGS, *OTHERS):
        shown = pane(name, 2)
        assert shown["pane"] == name
        if name in ENDINGS and name != "thread":
            assert shown["notes"][0].startswith("a thread of the kernel: "), name


def test_a_zombie() -> None:
    """Of what has ended and is not reaped each pane says so, and who would have to."""
    code = "import os; pid = os.fork(); pid or os._exit(0); print(pid, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        deadline = time.monotonic() + 60
        while "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii") and time.monotonic() < deadline:
            time.sleep(0.01)
        for name in (*ENDINGS, *OTHERS):
            shown = pane(name, pid)
            assert shown["pane"] == name
            if name in ENDINGS:
                assert f"it has ended, and its parent {process.pid} has not reaped it yet" in shown["notes"][0], name
        process.communicate(b"\n")


WITHOUT_MAIN = """
import ctypes, os, sys, threading, time
def go():
    while ") Z " not in open(f"/proc/self/task/{os.getpid()}/stat").read():
        time.sleep(0.01)
    print(ctypes.CDLL(None).timerfd_create(1, 0), threading.get_native_id(), flush=True)
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=go).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_main_thread_that_has_ended() -> None:
    """Its process lives on: memory, files, environment and program are told by a thread that has them still."""
    command = [sys.executable, "-c", WITHOUT_MAIN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"LEFT": "x"}) as process:
        assert process.stdout is not None
        fd, tid = map(int, process.stdout.readline().split())
        shown = {name: pane(name, process.pid) for name in (*ENDINGS, *OTHERS)}
        status = Path(f"/proc/{process.pid}/task/{tid}/status").read_text(encoding="utf-8")
        exe, fds = os.readlink(f"/proc/{process.pid}/task/{tid}/exe"), os.listdir(f"/proc/{process.pid}/task/{tid}/fd")
        process.communicate(b"\n")
    overview = shown["overview"]
    assert overview["identity"]["executable"] == exe
    assert overview["identity"]["command"][1:] == command[1:]
    assert overview["now"]["threads"] == {"count": 2, "states": {"S": 1, "Z": 1}}
    vsize_bytes = int(re.findall(r"VmSize:\s+(\d+) kB", status)[0]) * 1024
    assert overview["memory"]["vsize_bytes"] == shown["memory"]["totals"]["vsize_bytes"] == vsize_bytes
    assert overview["memory"]["pss_bytes"] is not None
    assert overview["family"]["siblings"] is not None
    assert command[-1].strip() in table(shown["children"], "processes", "pid")[process.pid]["command"]
    assert {str(row["fd"]) for row in shown["files"]["files"]} == set(fds)
    assert [row["fd"] for row in shown["signals"]["timerfds"]] == [fd]
    assert shown["protection"]["identity"]["umask"] is not None
    assert table(shown["environment"], "environment", "name")["LEFT"]["value"] == "x"
    assert table(shown["environment"], "limits", "limit")["Max open files"]["used"] == len(fds)
    assert "has ended before the other threads" in shown["thread"]["notes"][0]


def test_a_deleted_executable(tmp_path: Path) -> None:
    """Of a program that was deleted while it runs every pane is there; where it shows, it is said to be gone."""
    program = tmp_path / "gone"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "600"]) as process:
        try:
            program.unlink()
            shown = {name: pane(name, process.pid) for name in (*ENDINGS, *OTHERS)}
        finally:
            process.kill()
    assert shown["overview"]["identity"]["executable"] == f"{program} (deleted)"
    assert f"{program} (deleted)" in {row["file"] for row in shown["memory"]["files"]}
    assert all(document["denied"] == [] for name, document in shown.items() if name != "thread")


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="needs root and unshare")
def test_another_pid_namespace() -> None:
    """A process that has another pid inside is shown by ours, with what it is called inside."""
    command = ["unshare", "-p", "-f", "--mount-proc", sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text(encoding="ascii") and time.monotonic() < deadline:
            time.sleep(0.01)
        if not children.read_text(encoding="ascii"):
            pytest.skip("unshare does not start anything here")
        pid = int(children.read_text(encoding="ascii"))
        shown = {name: pane(name, pid) for name in (*ENDINGS, *OTHERS)}
        process.communicate(b"\n")
    assert shown["overview"]["identity"]["inner_pids"] == [pid, 1]
    assert [row["tid"] for row in shown["threads"]["threads"]] == [pid]
    assert pid in {row["pid"] for row in shown["children"]["processes"]}
    assert all(document["denied"] == [] for document in shown.values())
