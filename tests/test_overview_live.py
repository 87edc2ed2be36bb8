"""The Overview and Children panes of real programs, compared with ps, os and other code's reading of /proc."""

from __future__ import annotations

import calendar
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="this kernel has no smaps_rollup"),
]
DEADLINE_S = 60
THREADS = 12
SERVER = f"""
import os, sys, threading, time
for _ in range({THREADS}):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
os.waitpid(os.posix_spawn("/bin/true", ["true"], {{}}), 0)
block = bytearray(32 << 20)
def churn():
    while True:
        worker = threading.Thread(target=time.sleep, args=(0.5,))
        worker.start()
        time.sleep(0.1)
if len(sys.argv) > 1:
    threading.Thread(target=churn, daemon=True).start()
print("ready", flush=True)
while True:
    with open(os.devnull, "wb", buffering=0) as file:
        file.write(b"x" * 100_000)
    time.sleep(0.05)
"""
PREFORK = """
import os, time
common = bytearray(24 << 20)
for _ in range(3):
    if not os.fork():
        own = bytearray(8 << 20)
        time.sleep(600)
print("ready", flush=True)
time.sleep(600)
"""


def pane(name: str, pid: int, *more: str, python: tuple[str, ...] = (sys.executable,)) -> dict[str, Any]:
    """What ``--pane NAME --json`` prints of a process."""
    command = [*python, "-m", "threadtop", "--pane", name, "--json", "-p", str(pid), *more]
    done = subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE_S)
    shown = json.loads(done.stdout)
    assert isinstance(shown, dict)
    return shown


def ps(pid: int, *columns: str) -> list[str]:
    """What ps says of a process."""
    if shutil.which("ps") is None:
        pytest.skip("there is no ps")
    wanted = [part for column in columns for part in ("-o", f"{column}=")]
    done = subprocess.run(["ps", "-p", str(pid), *wanted], capture_output=True, check=True, text=True, timeout=30)
    return done.stdout.split()


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def rollup(pid: int) -> dict[str, int]:
    """``smaps_rollup`` in bytes, read by other code than threadtop's."""
    raw = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return {key: int(kib) << 10 for key, kib in re.findall(r"^(\w+): +(\d+) kB$", raw, re.MULTILINE)}


def children_of(pid: int) -> list[int]:
    """The processes that a process's main thread has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@contextmanager
def running(*arguments: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:  # noqa: ANN401 of Popen
    """A program that has said that it is ready; it is ended after."""
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, **more) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            yield program
        finally:
            program.kill()


@contextmanager
def server(*arguments: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:  # noqa: ANN401 of Popen
    """The Python program with its threads."""
    with running(sys.executable, "-c", SERVER, *arguments, **more) as program:
        yield program


def test_identity_and_scheduling() -> None:
    """Ids, paths, user, terminal, times and CPUs are those that ps and os say."""
    with server(start_new_session=True, cwd="/") as program:
        pid = program.pid
        os.setpriority(os.PRIO_PROCESS, pid, 3)
        before_s = int(ps(pid, "etimes")[0])
        shown = pane("overview", pid)
        ppid, pgid, sid, nice, tty, policy = ps(pid, "ppid", "pgid", "sid", "ni", "tty", "class")
        identity, scheduling = shown["identity"], shown["scheduling"]
        assert identity["pid"] == pid
        assert identity["ppid"] == int(ppid) == os.getpid()
        assert identity["executable"] == os.readlink(f"/proc/{pid}/exe") == os.path.realpath(sys.executable)
        assert identity["directory"] == "/"
        assert identity["session"] == {"session": int(sid), "pgrp": int(pgid)} == {"session": pid, "pgrp": pid}
        assert identity["tty"] == (None if tty == "?" else tty)
        started = time.strptime(identity["started"][:19], "%Y-%m-%dT%H:%M:%S")
        assert abs(before_s - (time.time() - calendar.timegm(started))) < DEADLINE_S
        assert scheduling["priority"]["nice"] == int(nice) == os.getpriority(os.PRIO_PROCESS, pid)
        assert (scheduling["policy"], policy) == ("other", "TS")
        assert numbers(scheduling["affinity"]) == os.sched_getaffinity(pid)
        assert shown["now"]["threads"]["count"] == int(ps(pid, "nlwp")[0]) == THREADS + 1


def numbers(ranges: str) -> set[int]:
    """The numbers in a list such as ``0-3,8``."""
    found: set[int] = set()
    for part in ranges.split(","):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return found


def test_a_terminal_by_its_name() -> None:
    """A program on a pty has that pty's name, as ttyname(3) and ps give it."""
    master, slave = os.openpty()
    try:
        name = os.ttyname(slave).removeprefix("/dev/")
        take = "import fcntl, termios, time; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
        code = f"{take}; print('ready', flush=True); time.sleep(600)"
        with running(sys.executable, "-c", code, stdin=slave, start_new_session=True) as program:
            assert pane("overview", program.pid)["identity"]["tty"] == name
            assert ps(program.pid, "tty") == [name]
    finally:
        os.close(master)
        os.close(slave)


def test_memory_and_stacks() -> None:
    """Sums of pages are smaps_rollup's; stacks reserve what the limit says, and touch what smaps has of them."""
    with server() as program:
        before, shown, after = rollup(program.pid), pane("overview", program.pid), rollup(program.pid)
        slack = abs(after["Pss"] - before["Pss"]) + (4 << 20)  # other processes share its pages, and come and go
        memory = shown["memory"]
        assert abs(memory["pss_bytes"] - after["Pss"]) <= slack
        private = after["Private_Clean"] + after["Private_Dirty"]
        assert abs(memory["uss_bytes"] - private) <= slack
        assert memory["uss_bytes"] >= 32 << 20
        assert memory["rss_bytes"] * 1.01 >= memory["pss_bytes"] >= memory["uss_bytes"]
        soft, _ = resource.prlimit(program.pid, resource.RLIMIT_STACK)
        stacks = stacks_by_smaps(program.pid, soft)
        if soft == resource.RLIM_INFINITY or len(stacks) < THREADS:
            pytest.skip("threads have no stacks of the limit's size behind guard pages here")
        thread = shown["family"]["one_thread"]
        assert (thread["threads"], thread["reserved_bytes"]) == (THREADS, soft)
        assert thread["sampled"] >= THREADS // 2
        assert min(stacks) <= thread["touched_bytes"] <= max(stacks)


def stacks_by_smaps(pid: int, size: int) -> list[int]:
    """What of each mapping of that size is in RAM, by ``smaps``."""
    found, is_one = [], False
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="ascii", errors="replace").splitlines():
        mapping = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0\s*$", line)
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            is_one = mapping is not None and int(mapping[2], 16) - int(mapping[1], 16) == size
        elif is_one and line.startswith("Rss:"):
            found.append(int(line.split()[1]) << 10)
    return found


def test_accounts_and_threads_that_come_and_go() -> None:
    """Bytes written are those of /proc/PID/io, new threads are counted."""
    with server("churn") as program:
        shown = pane("overview", program.pid, "-d", "2")
        raw = Path(f"/proc/{program.pid}/io").read_text(encoding="ascii")
        written = {key: int(count) for key, count in (line.split(": ") for line in raw.splitlines())}
        calls, churn = shown["accounting"]["io_calls"], shown["now"]["churn"]
        assert 0 < calls["wchar"] <= written["wchar"]
        assert 0 < calls["syscw"] <= written["syscw"]
        assert churn["created"] > 0
        assert churn["seconds"] > 1
        assert churn["peak"] >= THREADS + 2


def test_namespaces() -> None:
    """Each namespace is the one that os.readlink finds; a process knows itself by another pid in one of its own."""
    with server() as program:
        for name, link in pane("overview", program.pid)["confinement"]["namespaces"].items():
            assert os.readlink(f"/proc/{program.pid}/ns/{name}") == link
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    probe = subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no pid namespace may be made here")
    code = "echo ready; exec sleep 600"
    with running("unshare", "-pf", "--mount-proc", "sh", "-c", code) as program:
        (child,) = children_of(program.pid)
        try:
            shown = pane("overview", child)
            assert shown["identity"]["inner_pids"] == [child, 1]
            links = shown["confinement"]["namespaces"]
            foreign = {name for name, link in links.items() if os.readlink(f"/proc/self/ns/{name}") != link}
            assert foreign == {"pid", "mnt"}
            assert shown["confinement"]["container"] is not None  # some container, whatever its cgroup says
        finally:
            os.kill(child, signal.SIGKILL)


def test_workers_of_a_prefork_server() -> None:
    """Those that fork(2) made share what they have not written: one more costs what it has for itself alone."""
    with running(sys.executable, "-c", PREFORK, start_new_session=True) as master:
        try:
            pids = children_of(master.pid)
            until(lambda: all(rollup(pid)["Private_Dirty"] >= 8 << 20 for pid in pids))
            for pid, tie in ((master.pid, "children"), (pids[0], "parent")):
                found = pane("overview", pid, "-d", "2")["family"]
                assert found["siblings"] == {"processes": 3, "threads": 3, "tie": tie, "is_cut": False}
                assert_measured(found, pids)
                assert 8 << 20 <= found["one_process"]["uss_bytes"] < 24 << 20
        finally:
            os.killpg(master.pid, signal.SIGKILL)


def assert_measured(found: dict[str, Any], pids: list[int]) -> None:
    """The sums over siblings are those of their smaps_rollup."""
    sums = [rollup(pid) for pid in pids]
    together, one = found["together"], found["one_process"]
    assert one["measured"] == len(pids)
    assert together["rss_bytes"] == pytest.approx(sum(one["Rss"] for one in sums), rel=0.1)
    assert together["pss_bytes"] == pytest.approx(sum(one["Pss"] for one in sums), rel=0.5)
    private = sum(one["Private_Clean"] + one["Private_Dirty"] for one in sums) / len(sums)
    assert one["uss_bytes"] == pytest.approx(private, rel=0.3)


NGINX = """
worker_processes 3; pid {folder}/pid; error_log {folder}/log; daemon off; {user}
events {{ worker_connections 16; }}
http {{
  access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen unix:{folder}/socket; }}
}}
"""


def test_workers_of_nginx(tmp_path: Path) -> None:
    """The workers' memory is what smaps_rollup says of each, from the master as from a worker; so is the tree."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.access(nginx, os.X_OK):
        pytest.skip("there is no nginx")
    config = tmp_path / "conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(NGINX.format(folder=tmp_path, user=user), encoding="utf-8")
    with subprocess.Popen([nginx, "-c", str(config), "-p", str(tmp_path)], stderr=subprocess.DEVNULL) as master:
        try:
            until(lambda: len(pids := children_of(master.pid)) == 3 and all(map(is_worker, pids)))
            pids = children_of(master.pid)
            for pid, tie in ((master.pid, "children"), (pids[0], "parent")):
                found = pane("overview", pid, "-d", "2")["family"]
                assert (found["siblings"]["processes"], found["siblings"]["tie"]) == (3, tie)
                assert_measured(found, pids)
            shown = pane("children", master.pid)
            assert shown["below"]["below"] == 3
            tree = [(one["process"], one["pid"]) for one in shown["processes"]]
            own = tree.index(("nginx", master.pid))
            assert tree[own + 1 :] == [("nginx", pid) for pid in pids]
            assert [pid for _, pid in tree[:own]] == parents(master.pid)
        finally:
            master.terminate()


def is_worker(pid: int) -> bool:
    """Whether it has the title of a worker."""
    return b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()


def parents(pid: int) -> list[int]:
    """The pids above a process, the first one first, as ps has them."""
    found: list[int] = []
    while (pid := int(ps(pid, "ppid")[0])) > 0:
        found.insert(0, pid)
    return found


def test_a_tree_of_shells() -> None:
    """Descendants of all generations are found; states and threads are those ps says; a stopped one is seen."""
    script = "sh -c 'sleep 600 & sleep 601 & wait' & sleep 602 & echo ready; wait"
    with running("sh", "-c", script, start_new_session=True) as program:
        try:
            until(lambda: len(below(program.pid)) == 4)
            family = below(program.pid)
            stopped = next(pid for pid, ppid in family.items() if ppid == program.pid and "sleep" in ps(pid, "comm"))
            os.kill(stopped, signal.SIGSTOP)
            until(lambda: ps(stopped, "state") == ["T"])
            shown = pane("children", program.pid)
            tree = {one["pid"]: one for one in shown["processes"]}
            assert family.keys() <= tree.keys()
            for pid in family:
                assert (tree[pid]["process"], tree[pid]["threads"]) == (ps(pid, "comm")[0], int(ps(pid, "nlwp")[0]))
                assert tree[pid]["state"] == ps(pid, "state")[0]
            assert tree[stopped]["state"] == "T"
            assert shown["below"]["below"] == 4
        finally:
            os.killpg(program.pid, signal.SIGKILL)


def below(pid: int) -> dict[int, int]:
    """The descendants of a process by ps, with their parents."""
    done = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, check=True, text=True, timeout=30)
    above = {int(one): int(two) for one, two in map(str.split, done.stdout.splitlines())}
    found: dict[int, int] = {}
    left = [pid]
    while left:
        parent = left.pop()
        own = [one for one, two in above.items() if two == parent]
        found |= dict.fromkeys(own, parent)
        left += own
    return found


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_as_a_user_without_rights() -> None:
    """Nobody looks at root's server: what may not be known is None, siblings too, and each has its rule."""
    with ExitStack() as stack:
        try:
            python = stack.enter_context(nobody.python())
        except nobody.NoPythonError as error:
            pytest.skip(str(error))
        master = stack.enter_context(running(sys.executable, "-c", PREFORK, start_new_session=True))
        try:
            shown = pane("overview", children_of(master.pid)[0], python=python)
            family, denied = shown["family"], {one["what"] for one in shown["denied"]}
            assert (family["siblings"], family["one_process"]) == (None, None)
            assert "together" not in family
            assert shown["identity"]["executable"] is None
            assert {"exe", "smaps_rollup"} <= denied
            assert shown["identity"]["ppid"] == master.pid
        finally:
            os.killpg(master.pid, signal.SIGKILL)
