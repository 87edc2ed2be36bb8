"""The Signals pane of a program that blocks, ignores, catches, sends and times, against what it did, and ps."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from servers import Target, ps, rows_by, signals_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live
OTHERS = {"PIPE", "CHLD", "SETXID", "CANCEL"}  # as it found them, and what the C library catches for itself
PROGRAM = Path(__file__).parent / "programs" / "signals.py"


class Known(NamedTuple):
    """The program, what it said of itself, and what --pane says of it."""

    pid: int
    tid: int
    timer: int
    fd: int
    shown: dict[str, Any]


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    """The program once it has done all."""
    with subprocess.Popen([sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = map(int, process.stdout.readline().split())
        shown = Target("signals", process.pid, process.pid).pane("signals")
        yield Known(process.pid, *said, shown)
        assert process.stdin is not None
        process.stdin.close()


def test_what_waits(known: Known) -> None:
    """Two signals for the process, one for a thread, which is named."""
    assert known.shown["signals"]["pending"] == ["TERM", "RTMIN+3"]
    assert known.shown["signals"]["thread_pending"] == [{"signal": "INT", "tids": [known.tid]}]


def test_how_it_takes_signals(known: Known) -> None:
    """As it asked for, else the kernel's default; how many threads block it."""
    rows = rows_by(known.shown, "dispositions", "signal")
    assert {name: (rows[name]["effect"], rows[name]["blocked_by"]) for name in rows if name not in OTHERS} == {
        "TERM": ("ends it", 2),
        "HUP": ("ignored", 0),
        "INT": ("ends it", 1),
        "QUIT": ("ends it, with a core dump", 0),
        "USR1": ("its own handler", 0),
        "USR2": ("ends it", 2),
        "ALRM": ("ends it", 0),
        "XFSZ": ("ignored", 0),
        "RTMIN+5": ("its own handler", 0),
    }
    assert {name: rows[name]["number"] for name in ("TERM", "HUP", "RTMIN+5")} == {
        "TERM": signal.SIGTERM,
        "HUP": signal.SIGHUP,
        "RTMIN+5": signal.SIGRTMIN + 5,
    }


def test_what_threads_block(known: Known) -> None:
    """The main thread's mask, and that of the one that blocks INT, too."""
    rows = {tuple(row["tids"]): set(row["mask"]) for row in known.shown["masks"]}
    assert rows == {(known.pid,): {"TERM", "USR2", "RTMIN+3"}, (known.tid,): {"INT", "TERM", "USR2", "RTMIN+3"}}


def test_ps_says_the_same(known: Known) -> None:
    """The masks by name are those of ps."""
    names = ("pending", "blocked", "ignored", "caught")
    for name, mask in zip(names, ps(known.pid, *names), strict=True):
        told = {one for one in known.shown["signals"][name] if not one.startswith("RTMIN")} - {"SETXID", "CANCEL"}
        assert told == signals_of(mask), name


def test_timers(known: Known) -> None:
    """The POSIX timer and the timerfd that it set."""
    assert known.shown["timers"] == [
        {"timer": known.timer, "signal": "RTMIN+5", "notify": f"signal pid {known.pid}", "clock": "monotonic"}
    ]
    (one,) = known.shown["timerfds"]
    assert (one["fd"], one["clock"], one["interval_s"], one["unread"]) == (known.fd, "monotonic", 7.0, 0)
    assert 49_000 < one["value_s"] <= 50_000


def test_the_queue(known: Known) -> None:
    """The limit is RLIMIT_SIGPENDING; what the program sent to itself is in it."""
    queued = known.shown["signals"]["queued"]
    assert queued["limit"] == resource.prlimit(known.pid, resource.RLIMIT_SIGPENDING)[0]
    assert queued["queued"] >= 2


def test_thousands_of_threads_and_descriptors() -> None:
    """All masks and timerfds are read before --pane says anything, though one reading takes a part."""
    code = (
        "import os, sys, threading, ctypes\n"
        "threading.stack_size(65536)\n"
        "never = threading.Event()\n"
        "for _ in range(700): threading.Thread(target=never.wait, daemon=True).start()\n"
        "files = [os.open('/dev/null', os.O_RDONLY) for _ in range(4200)]\n"
        "print(ctypes.CDLL(None).timerfd_create(1, 0), flush=True)\n"
        "sys.stdin.read()\n"
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 5000:
        pytest.skip(f"no process may open more than {hard} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5000), hard))
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        fd = int(process.stdout.readline())
        shown = Target("many", process.pid, process.pid).pane("signals")
        assert sum(row["threads"] for row in shown["masks"]) == len(os.listdir(f"/proc/{process.pid}/task")) == 701
        assert [row["fd"] for row in shown["timerfds"]] == [fd]
        assert shown["notes"] == []
        assert process.stdin is not None
        process.stdin.close()
