"""ProcReader on this process's own /proc and on made-up folders."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.procfs import parse, reader
from threadtop.procfs.reader import ProcReader, process_clock_ns

if TYPE_CHECKING:
    from pathlib import Path

NEVER = (1 << 22) + 7  # above the highest pid that Linux gives out


def test_lists_processes_and_threads() -> None:
    """Our own pid is listed, and a thread that starts appears in task/ and in its link count."""
    proc = ProcReader()
    pid = os.getpid()
    assert pid in proc.pids()
    before, links = proc.tids(pid), proc.task_links(pid)
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    thread.start()
    try:
        assert set(proc.tids(pid)) - set(before) == {thread.native_id}
        assert proc.task_links(pid) == links + 1
    finally:
        gate.set()
        thread.join()


def test_last_pid_moves_with_each_start() -> None:
    """The pid given out last is that of a thread that has just started, or a later one."""
    proc = ProcReader()
    before = proc.last_pid()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert before is not None
    assert proc.last_pid() != before


def test_last_pid_unknown(tmp_path: Path) -> None:
    """Without loadavg, or with one that breaks off, the last pid is unknown."""
    proc = ProcReader(tmp_path)
    assert proc.last_pid() is None
    (tmp_path / "loadavg").write_text("0.00 0.00\n")
    assert proc.last_pid() is None


def test_what_does_not_exist_is_gone() -> None:
    """Each way of reading raises GoneError for a process that is not there."""
    proc = ProcReader()
    for read in (
        lambda: proc.read(NEVER, "stat"),
        lambda: proc.read_task(NEVER, NEVER, "stat"),
        lambda: proc.tids(NEVER),
        lambda: proc.task_links(NEVER),
        lambda: proc.link(NEVER, "exe"),
        lambda: proc.keep(NEVER, NEVER, "stat"),
    ):
        with pytest.raises(GoneError):
            read()
    assert proc.read_global("no such file") is None
    assert proc.kept == 0


def test_what_is_refused_is_denied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """EACCES and EPERM become DeniedError; other errors stay what they are."""

    def refuse(path: str, *_: object) -> int:
        error = PermissionError if "hidden" in path else IsADirectoryError
        raise error(21 if error is IsADirectoryError else 1, "no", path)

    proc = ProcReader(tmp_path)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeniedError):
        proc.read("hidden", "stat")
    with pytest.raises(IsADirectoryError):
        proc.read("other", "stat")
    assert proc.read_global("hidden") is None
    assert proc.read_global("pressure/cpu") is None


def test_kept_descriptor_sees_what_is_new_and_the_end() -> None:
    """A kept descriptor gives new counters while the thread lives and ESRCH after it."""
    proc = ProcReader(descriptors=1)
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    thread.start()
    assert thread.native_id is not None
    descriptor = proc.keep(os.getpid(), thread.native_id, "schedstat")
    assert descriptor is not None
    assert proc.keep(os.getpid(), thread.native_id, "stat") is None
    parse.parse_schedstat(os.pread(descriptor, 64, 0))
    assert os.get_inheritable(descriptor) is False
    gate.set()
    thread.join()
    deadline = time.monotonic() + 5
    with pytest.raises(ProcessLookupError):  # noqa: PT012 the thread's last instructions follow join()
        while time.monotonic() < deadline:
            os.pread(descriptor, 64, 0)
    proc.drop(descriptor)
    assert proc.kept == 0


def test_reads_are_counted_by_name() -> None:
    """Each kind of read has its own counter."""
    proc = ProcReader()
    pid = os.getpid()
    proc.read(pid, "stat")
    proc.read_task(pid, pid, "stat")
    proc.read_global("loadavg")
    proc.pids()
    proc.tids(pid)
    proc.task_links(pid)
    assert proc.reads == {"stat": 2, "loadavg": 1, "/": 1, "task/": 1, "task/ links": 1}


def test_long_files_are_read_whole() -> None:
    """A file of many records is read to its end, though the kernel hands it out page by page."""
    raw = ProcReader().read("self", "smaps")
    assert len(raw) > 3 * 4096
    assert raw.count(b"\nVmFlags:") == raw.count(b"\nRss:")
    assert b"[stack]" in raw
    assert raw.endswith(b"\n")


def test_process_clock_counts_cpu_time() -> None:
    """The CPU clock of a process goes with its own account, and there is none for a pid that is free."""
    before = process_clock_ns(os.getpid())
    own = time.process_time_ns()
    while time.process_time_ns() < own + 50_000_000:
        pass
    after = process_clock_ns(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before >= 40_000_000
    assert process_clock_ns(NEVER) is None


def test_clocks_only_in_our_own_pid_namespace(tmp_path: Path) -> None:
    """Where root shows us under another pid, or not at all, the kernel's clocks are not asked."""
    assert ProcReader().clock_ns(os.getpid()) is not None
    assert ProcReader(tmp_path).clock_ns(os.getpid()) is None
    (tmp_path / "self").symlink_to("1234567")
    assert ProcReader(tmp_path).clock_ns(os.getpid()) is None


def test_descriptor_limit_is_raised_to_the_hard_one() -> None:
    """The soft limit goes up, some descriptors are left for others, and few are never below none."""
    code = (
        "import resource\n"
        "from threadtop.procfs.reader import raise_descriptor_limit\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))\n"
        "print(raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    at_most = 500 if hard == resource.RLIM_INFINITY else min(500, hard)
    for limit in (at_most, 100):
        done = subprocess.run([sys.executable, "-c", code.format(hard=limit)], capture_output=True, check=True)
        assert done.stdout.split() == [b"%d" % max(0, limit - reader.RESERVED_DESCRIPTORS), b"%d" % limit]


def test_no_descriptor_left_is_an_error_with_a_remedy() -> None:
    """Without any free descriptor reading fails with one clear line."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    proc = ProcReader(descriptors=0)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        with pytest.raises(ThreadtopError, match="ulimit -n"):
            proc.read("self", "stat")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
