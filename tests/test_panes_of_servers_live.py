"""Panes of PostgreSQL, nginx, Node and Python servers: each field against lsof, ss, pmap, ps, prlimit and /proc.

What moves is read before and after the pane: its figure must lie between.  A server goes on meanwhile (it collects
garbage, maps code anew): two readings that disagree are made again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

import servers
from servers import KIB, SIGNAL_NAMES, Target, ps, rows_by, said_by, signals_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.live
POLICIES = {os.SCHED_OTHER: "other", os.SCHED_BATCH: "batch", os.SCHED_IDLE: "idle"}
NAMES = ("nginx", "node", "python", "postgres")
TICKS = os.sysconf("SC_CLK_TCK")
CLOSE = 0.25  # memory that moves between two readings
READINGS = 4


def moving(test: Callable[[Target], None]) -> Callable[[Target], None]:
    """A test of what moves between two readings, or has gone in the second: one of READINGS must agree."""

    @functools.wraps(test)
    def again(target: Target) -> None:
        for left in reversed(range(READINGS)):
            try:
                test(target)
            except (AssertionError, OSError):
                if not left:
                    raise
            else:
                return

    return again


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Target]]:
    """Servers by name, each started once."""
    up: dict[str, Target | str] = {}
    with contextlib.ExitStack() as stack:

        def start(name: str) -> Target:
            if name not in up:
                try:
                    up[name] = Target(name, *stack.enter_context(servers.running(name, tmp_path_factory.mktemp(name))))
                except servers.NoServerError as error:
                    up[name] = str(error)
            found = up[name]
            if isinstance(found, str):
                pytest.skip(found)
            return found

        yield start


@pytest.fixture(params=NAMES)
def target(request: pytest.FixtureRequest, started: Callable[[str], Target]) -> Target:
    """One of them."""
    return started(request.param)


@moving
def test_overview(target: Target) -> None:
    """Identity, memory, scheduling, counters and confinement."""
    before, io_before = target.stat(), target.numbers("io")
    shown = target.pane("overview")
    after, io_after = target.stat(), target.numbers("io")
    pid, identity, memory = target.pid, shown["identity"], shown["memory"]
    user, ppid, session, group, nice = ps(pid, "user:40", "ppid", "sess", "pgid", "ni")
    assert identity["pid"] == pid
    assert (identity["user"], identity["uid"]) == (user, int(target.status("Uid").split()[1]))
    assert (identity["ppid"], identity["session"]) == (int(ppid), {"session": int(session), "pgrp": int(group)})
    assert identity["executable"] == os.readlink(f"/proc/{pid}/exe")
    assert identity["directory"] == os.readlink(f"/proc/{pid}/cwd")
    assert "".join(identity["command"]).split() == target.file("cmdline").replace("\0", "").split()
    started = said_by("ps", "-o", "lstart=", "-p", str(pid)).split()[3]
    assert abs(int(identity["started"][17:19]) - int(started[6:])) % 59 <= 1
    assert shown["now"]["threads"]["count"] == sum(shown["now"]["threads"]["states"].values()) == len(target.tids())
    for key, name, file in (
        ("rss_bytes", "VmRSS", "status"), ("vsize_bytes", "VmSize", "status"), ("swap_bytes", "VmSwap", "status"),
        ("stack_bytes", "VmStk", "status"), ("pss_bytes", "Pss", "smaps_rollup"), ("peak_bytes", "VmHWM", "status"),
    ):  # fmt: skip
        assert memory[key] == pytest.approx(target.kib(name, file), rel=CLOSE), key
    private = target.kib("Private_Clean", "smaps_rollup") + target.kib("Private_Dirty", "smaps_rollup")
    assert memory["uss_bytes"] == pytest.approx(private, rel=CLOSE)
    resident = {"anonymous": "RssAnon", "files": "RssFile", "shared": "RssShmem"}
    for key, name in resident.items():
        assert memory["resident"][key] == pytest.approx(target.kib(name), rel=CLOSE), key
    scheduling, counted = shown["scheduling"], shown["accounting"]
    assert scheduling["affinity"] == target.status("Cpus_allowed_list")
    assert scheduling["memory_nodes"] == target.status("Mems_allowed_list")
    assert scheduling["priority"] == {"priority": int(before[15]), "nice": int(nice), "rt_priority": int(before[37])}
    assert scheduling["policy"] == POLICIES[os.sched_getscheduler(pid)]
    assert int(before[7]) <= counted["faults"]["minor"] <= int(after[7])
    assert int(before[9]) <= counted["faults"]["major"] <= int(after[9])
    for keys, place in (("cpu_s", 11), ("children_cpu_s", 13)):
        least, most = (sum(map(int, stat[place : place + 2])) / TICKS for stat in (before, after))
        assert least - 0.03 <= counted[keys] <= most + 0.03
    for key, place in (("user_s", 11), ("system_s", 12)):
        assert int(before[place]) / TICKS - 0.03 <= counted[key] <= int(after[place]) / TICKS + 0.03
    assert shown["now"].keys() >= {"user_pct", "system_pct"}
    for key, value in {
        **counted["io_calls"],
        **{name: counted[name] for name in ("read_bytes", "write_bytes")},
    }.items():
        assert io_before[key] <= value <= io_after[key], key
    groups = {line.split(":", 2)[1] or "v2": line.split(":", 2)[2] for line in target.file("cgroup").splitlines()}
    assert shown["confinement"]["cgroup"] == groups
    spaces = shown["confinement"]["namespaces"]
    assert spaces == {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in spaces}
    assert {"mnt", "net", "pid", "user"} <= spaces.keys()
    assert shown["confinement"]["seccomp"] == {"0": "off", "1": "strict", "2": "filter"}[target.status("Seccomp")]


@moving
def test_threads(target: Target) -> None:
    """Each thread with its name, times and scheduling."""
    before = {tid: target.file(f"task/{tid}/schedstat").split() for tid in target.tids()}
    shown = rows_by(target.pane("threads"), "threads", "tid")
    assert set(shown) == target.tids() == set(before)
    for tid, row in shown.items():
        stat = target.stat(tid)
        assert row["name"] == target.file(f"task/{tid}/comm").rstrip("\n")
        assert int(before[tid][0]) <= row["cpu_ns"] <= int(target.file(f"task/{tid}/schedstat").split()[0])
        assert (row["priority"], row["nice"], row["rt_priority"]) == (int(stat[15]), int(stat[16]), int(stat[37]))
        assert row["policy_name"] == POLICIES[os.sched_getscheduler(tid)]
        assert 0 <= row["last_cpu"] < (os.cpu_count() or 1)
        assert row["state"] in {"S", "R", "D", "I"}
        if row["state"] == "S" and row["blocked"] is not None and row["blocked"]["fd"] is not None:
            assert os.path.lexists(f"/proc/{target.pid}/fd/{row['blocked']['fd']}")


@moving
def test_thread(target: Target) -> None:
    """The main thread's call, counters, signals and identity."""
    tid = target.pid
    calls, io_before = [target.file("syscall").strip()], target.numbers(f"task/{tid}/io")
    shown = target.pane("thread", "--tid", str(tid))
    calls.append(target.file("syscall").strip())
    now, io_after = shown["now"], target.numbers(f"task/{tid}/io")
    assert shown["tid"] == tid
    if calls[0].split()[0] == calls[1].split()[0] == now["syscall"].split()[0] != "running":
        number, *_, stack, counter = now["syscall"].split()
        assert number == calls[0].split()[0]
        assert shown["stack"]["stack_pointer"] == int(stack, 16)
        assert now["program_counter"]["address"] == int(counter, 16)
        start, end, path = _mapping(target, int(counter, 16))
        assert start <= now["program_counter"]["address"] < end
        assert now["program_counter"]["file"] == os.path.basename(path)
        start, end, _ = _mapping(target, int(stack, 16))
        assert shown["stack"]["stack_bytes"] == pytest.approx(end - start, rel=CLOSE)
        assert shown["stack"]["stack_used_bytes"] == pytest.approx(end - int(stack, 16), rel=CLOSE)
    if "descriptor" in now and now["descriptor"] is not None:
        assert now["descriptor"]["target"] == os.readlink(f"/proc/{tid}/fd/{now['descriptor']['fd']}")
    for key, name in (("read_bytes",) * 2, ("write_bytes",) * 2, ("read_calls", "syscr"), ("write_calls", "syscw")):
        assert io_before[name] <= shown["io"][key]["total"] <= io_after[name], key
    scheduling = shown["scheduling"]
    assert scheduling["affinity"] == target.status("Cpus_allowed_list", tid)
    assert scheduling["priority"] == {
        "priority": int(target.stat()[15]),
        "nice": int(target.stat()[16]),
        "rt_priority": 0,
    }
    assert set(shown["signals"]["signals_blocked"]) & set(SIGNAL_NAMES.values()) == signals_of(
        target.status("SigBlk", tid)
    )
    assert shown["signals"]["signals_pending"] == []
    assert shown["identity"]["tid"] == {"tid": tid, "hex": f"{tid:#x}"}
    assert (shown["identity"]["process"], shown["identity"]["name"]) == (tid, target.file("comm").rstrip("\n"))
    (age,) = ps(tid, "etimes")
    assert shown["identity"]["age_s"] == pytest.approx(int(age), abs=3)


def _mapping(target: Target, address: int) -> tuple[int, int, str]:
    """The mapping that an address is in: from, up to, and of what."""
    for line in target.file("maps").splitlines():
        start, end = (int(word, 16) for word in line.split()[0].split("-"))
        if start <= address < end:
            return start, end, line.split(None, 5)[5] if len(line.split()) > 5 else ""
    raise AssertionError(hex(address))


@moving
def test_files(target: Target) -> None:
    """Each descriptor as the kernel's links, fdinfo and inodes have it; the limit as prlimit has it."""
    shown = target.pane("files")
    files, folder = rows_by(shown, "files", "fd"), f"/proc/{target.pid}/fd"
    assert {str(fd) for fd in files} == set(os.listdir(folder))
    assert shown["summary"]["open"] == len(files) == sum(shown["summary"]["kinds"].values())
    for fd, row in files.items():
        info = dict(line.split(":\t", 1) for line in target.file(f"fdinfo/{fd}").splitlines() if ":\t" in line)
        link, flags = os.readlink(f"{folder}/{fd}"), int(info["flags"], 8)
        assert row["mode"] == ("r", "w", "rw")[flags & 3]
        assert ("nonblock" in row["flags"], "append" in row["flags"]) == (bool(flags & 0o4000), bool(flags & 0o2000))
        if link.startswith("/"):
            assert row["target"] == link
            if os.path.isfile(f"{folder}/{fd}"):
                assert row["kind"] == "file"
                assert row["size_bytes"] == os.stat(f"{folder}/{fd}").st_size
                assert row["position"] == int(info["pos"])
        elif link.startswith(("pipe:", "socket:")):
            assert row["kind"] == link.partition(":")[0]
        elif link == "anon_inode:[eventpoll]":
            watched = sorted(map(int, re.findall(r"^tfd: *(\d+)", target.file(f"fdinfo/{fd}"), re.MULTILINE)))
            assert row["kind"] == "epoll"
            assert [int(word) for word in row["target"].partition(": ")[2].split()] == watched
        else:
            assert row["kind"] == link.partition("[")[2].rstrip("]")


@moving
def test_files_agree_with_lsof_and_ss(target: Target) -> None:
    """The same names; of TCP sockets both ends and the state, of connected Unix sockets who has the other end."""
    files = rows_by(target.pane("files"), "files", "fd")
    named = re.findall(
        r"^f(\d+)\nt(\w+)\nn(.*)$", said_by("lsof", "-nP", "-w", "-p", str(target.pid), "-Fftn"), re.MULTILINE
    )
    assert {int(fd) for fd, *_ in named} == set(files)
    for fd, kind, name in named:
        if kind in {"REG", "DIR", "CHR"}:
            assert files[int(fd)]["target"] == name
    mine = rf"pid={target.pid},fd=(\d+)"
    seen = 0
    for line in said_by("ss", "-tanpH").splitlines():
        for fd in re.findall(mine, line):
            state, _, _, local, peer = line.split()[:5]
            words = files[int(fd)]["target"].split()
            assert (words[0], words[-1]) == (local, {"LISTEN": "listening", "ESTAB": "established"}[state])
            assert state == "LISTEN" or words[2] == peer
            seen += 1
    lines = [line.split() for line in said_by("ss", "-xanpH").splitlines()]
    holders = {words[5]: re.findall(r"pid=(\d+)", words[8]) for words in lines if len(words) > 8}
    for words in lines:
        for fd in re.findall(mine, words[8]) if len(words) > 8 else ():
            shown = files[int(fd)]["target"]
            assert shown.startswith("unix")
            assert words[4] == "*" or words[4] in shown
            others = set(holders.get(words[7], ())) - {str(target.pid)}
            assert not others or any(f"[{pid}]" in shown for pid in others)
            seen += 1
    assert seen == sum(
        row["kind"] == "socket" and not re.search("udp|netlink", row["target"]) for row in files.values()
    )


@moving
def test_memory(target: Target) -> None:
    """Sums as pmap and status have them, files as they are mapped."""
    shown = target.pane("memory", "--want", "smaps")
    size_kib, rss_kib = map(
        int, re.findall(r"^total kB +(\d+) +(\d+)", said_by("pmap", "-x", str(target.pid)), re.MULTILINE)[0]
    )
    assert sum(row["size_bytes"] for row in shown["kinds"]) == pytest.approx(size_kib * KIB, rel=0.02)
    assert sum(row["rss_bytes"] for row in shown["kinds"]) == pytest.approx(rss_kib * KIB, rel=CLOSE)
    for key, name in (
        ("rss_bytes", "VmRSS"), ("anonymous_bytes", "RssAnon"), ("file_bytes", "RssFile"), ("shared_bytes", "RssShmem"),
        ("swap_bytes", "VmSwap"), ("peak_bytes", "VmHWM"), ("vsize_bytes", "VmSize"), ("locked_bytes", "VmLck"),
        ("page_tables_bytes", "VmPTE"),
    ):  # fmt: skip
        assert shown["totals"][key] == pytest.approx(target.kib(name), rel=CLOSE), key
    assert shown["totals"]["pss_bytes"] == pytest.approx(target.kib("Pss", "smaps_rollup"), rel=CLOSE)
    lines = [line.split(None, 5) for line in target.file("maps").splitlines()]
    assert shown["totals"]["count"] == pytest.approx(len(lines), abs=5)
    assert shown["totals"]["count"] == sum(row["count"] for row in shown["kinds"])
    assert shown["totals"]["measured"] == pytest.approx(len(lines), abs=5)
    assert len(shown["mappings"]) == min(shown["totals"]["count"], 500)
    sizes: dict[str, int] = {}
    for addresses, *_, path in (line for line in lines if len(line) > 5 and line[5].startswith("/")):
        start, end = (int(word, 16) for word in addresses.split("-"))
        sizes[path] = sizes.get(path, 0) + end - start
    assert {row["file"]: row["size_bytes"] for row in shown["files"]} == sizes
    mapped = {line[0].split("-")[0]: (line[1], line[5] if len(line) > 5 else "") for line in lines}
    for row in shown["mappings"]:
        perms, path = mapped.get(row["address"], (row["perms"], ""))
        assert (row["perms"], path in row["name"]) == (perms, True)


def test_signals(target: Target) -> None:
    """Masks as ps has them, what each thread blocks, timers as the kernel lists them."""
    shown = target.pane("signals")
    for key, mask in zip(
        ("pending", "blocked", "ignored", "caught"),
        ps(target.pid, "pending", "blocked", "ignored", "caught"),
        strict=True,
    ):
        assert set(shown["signals"][key]) & set(SIGNAL_NAMES.values()) == signals_of(mask), key
    caught, ignored = (signals_of(target.status(key)) for key in ("SigCgt", "SigIgn"))
    blocked = {tid: signals_of(target.status("SigBlk", tid)) for tid in target.tids()}
    for name, row in rows_by(shown, "dispositions", "signal").items():
        if name in SIGNAL_NAMES.values():
            assert SIGNAL_NAMES[row["number"]] == name
            assert (row["effect"] == "its own handler", row["effect"] == "ignored") == (name in caught, name in ignored)
            assert row["blocked_by"] == sum(name in mask for mask in blocked.values())
    assert caught | ignored <= {row["signal"] for row in shown["dispositions"]}
    for row in shown["masks"]:
        for tid in row["tids"]:
            assert set(row["mask"]) & set(SIGNAL_NAMES.values()) == blocked[tid]
    assert sum(row["threads"] for row in shown["masks"]) == len(blocked)
    assert len(shown["timers"]) == target.file("timers").count("ID:")
    links = [os.readlink(f"/proc/{target.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{target.pid}/fd")]
    assert len(shown["timerfds"]) == links.count("anon_inode:[timerfd]")


def test_protection(target: Target) -> None:
    """Ids, groups and capabilities, which capsh can read, too."""
    shown = target.pane("protection")
    identity, confinement = shown["identity"], shown["confinement"]
    for key, name in (("uids", "Uid"), ("gids", "Gid")):
        assert list(map(str, identity[key].values())) == target.status(name).split()
        assert list(identity[key]) == ["real", "effective", "saved", "filesystem"]
    assert sorted(identity["groups"]) == sorted(map(int, target.status("Groups").split()))
    assert int(identity["umask"], 8) == int(target.status("Umask"), 8)
    assert confinement["no_new_privs"] is (target.status("NoNewPrivs") == "1")
    assert confinement["seccomp"] == {"0": "off", "1": "strict", "2": "filter"}[target.status("Seccomp")]
    assert confinement["core_dumping"] is (target.status("CoreDumping") == "1")
    for key, name in (("effective", "Eff"), ("permitted", "Prm"), ("inheritable", "Inh"), ("bounding", "Bnd")):
        mask = target.status(f"Cap{name}")
        assert len(shown["capabilities"][f"cap_{key}"]) == int(mask, 16).bit_count()
        if shutil.which("capsh") is not None:
            words = said_by("capsh", f"--decode={mask}").strip().partition("=")[2]
            assert set(shown["capabilities"][f"cap_{key}"]) == set(re.findall(r"cap_(\w+)", words))


@moving
def test_children(target: Target) -> None:
    """All that is below it, as ps has the tree."""
    lines = [line.split(None, 4) for line in said_by("ps", "-eo", "pid=,ppid=,nlwp=,comm=").splitlines()]
    shown = target.pane("children")
    parents = {int(line[0]): int(line[1]) for line in lines}
    below = {pid for pid in parents if target.top in _above(pid, parents)}
    rows = rows_by(shown, "processes", "pid")
    assert below <= set(rows)
    assert shown["below"]["below"] == len(below)
    assert set(rows) - below >= {target.top, parents[target.top]}
    for line in lines:
        if int(line[0]) in {*below, target.top}:
            row = rows[int(line[0])]
            assert row["threads"] == int(line[2])
            assert row["process"].startswith(line[3][:15])
            assert row["ppid"] == int(line[1])
            assert row["depth"] == rows[row["ppid"]]["depth"] + 1


def _above(pid: int, parents: dict[int, int]) -> list[int]:
    """Its parent, that one's, and so on."""
    found = []
    while (pid := parents.get(pid, 0)) and pid not in found:
        found.append(pid)
    return found


LIMITS = {
    "cpu time": "CPU", "file size": "FSIZE", "data size": "DATA", "stack size": "STACK", "core file size": "CORE",
    "resident set": "RSS", "processes": "NPROC", "open files": "NOFILE", "locked memory": "MEMLOCK",
    "address space": "AS", "pending signals": "SIGPENDING", "msgqueue size": "MSGQUEUE", "nice priority": "NICE",
    "realtime priority": "RTPRIO", "realtime timeout": "RTTIME",
}  # fmt: skip


def test_limits(target: Target) -> None:
    """Each limit as prlimit has it, wherever it is shown."""
    rows = rows_by(target.pane("environment"), "limits", "limit")
    shown = {name: (rows[f"Max {name}"]["soft"], rows[f"Max {name}"]["hard"]) for name in LIMITS}
    assert shown == {name: target.limits(constant) for name, constant in LIMITS.items()}
    limit = target.pane("files")["summary"]["limit"]
    assert (limit["soft"], limit["hard"]) == target.limits("NOFILE")
    assert target.pane("signals")["signals"]["queued"]["limit"] == target.limits("SIGPENDING")[0]


def test_environment(target: Target) -> None:
    """Each variable, the secrets only when asked for; what is used of each limit."""
    given = dict(pair.partition("=")[::2] for pair in target.file("environ").split("\0") if pair)
    shown = target.pane("environment", "--want", "secrets")
    assert {row["name"]: row["value"] for row in shown["environment"]} == given
    masked = {row["name"]: row["value"] for row in target.pane("environment")["environment"]}
    assert masked.keys() == given.keys()
    assert masked.get("SERVER_TOKEN", "********") == "********"
    assert masked.get("SERVER_NAME", "plain") == "plain"
    rows = rows_by(shown, "limits", "limit")
    for name, key in (
        ("address space", "VmSize"),
        ("data size", "VmData"),
        ("stack size", "VmStk"),
        ("resident set", "VmRSS"),
    ):
        assert rows[f"Max {name}"]["used"] == pytest.approx(target.kib(key), rel=CLOSE), name
    assert rows["Max open files"]["used"] == len(os.listdir(f"/proc/{target.pid}/fd"))
    # Other tests have processes of this user, too, that come and go meanwhile.
    everybody = len(said_by("ps", "-eLo", "ruid=").split())
    assert len(os.listdir(f"/proc/{target.pid}/task")) <= rows["Max processes"]["used"] <= everybody + 100
