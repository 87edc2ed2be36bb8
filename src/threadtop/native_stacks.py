"""Native stacks on request, through eu-stack (elfutils) or gdb: both pause the process for as long as they read it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from threadtop.stacks import MOST_LETTERS, MOST_THREADS, Stack, StacksError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_Result = TypeVar("_Result")
TIMEOUT_S: Final = 30.0
MOST_FRAMES: Final = 64
_LOOK_S: Final = 0.001  # between two looks at whether it is traced
_HOW_TO_GET: Final = "apt-get install elfutils (eu-stack), or gdb"
_GDB_THREAD: Final = re.compile(r"^Thread \d+ \((?:Thread 0x[0-9a-f]+ \()?(?:LWP|process) (\d+)\)?(?: \"([^\"]*)\")?")
_GDB_FRAME: Final = re.compile(r"^#\d+\s+(?:0x[0-9a-f]+ in )?(.*)$")
_EU_THREAD: Final = re.compile(r"^TID (\d+):")
_EU_FRAME: Final = re.compile(r"^#\d+\s+0x[0-9a-f]+(?:\s+- \d+)?\s*(.*)$")


class Paused(NamedTuple):
    """How long a process was traced, as far as looks each ms can tell; None if no look found it so."""

    seconds: float | None


def tool() -> str | None:
    """The program that would be run, None where there is none."""
    return shutil.which("eu-stack") or shutil.which("gdb")


def ask(pid: int, timeout_s: float = TIMEOUT_S) -> Mapping[int, Stack]:
    """The native stacks of all threads of a process now; raises StacksError."""
    program = tool()
    if program is None:
        message = "neither eu-stack nor gdb is installed"
        raise StacksError(message, _HOW_TO_GET)
    is_gdb = program.endswith("gdb")
    command = (
        [program, "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", str(pid), "-ex", "thread apply all bt"]
        if is_gdb
        else [program, "-p", str(pid), "-n", str(MOST_FRAMES)]
    )
    try:
        done = subprocess.run(  # noqa: S603 a program by its full path, a number
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            start_new_session=True,  # a Ctrl+C at the terminal is for us
            env={**os.environ, "DEBUGINFOD_URLS": ""},
        )
    except subprocess.TimeoutExpired:
        message = f"{os.path.basename(program)} did not answer in {timeout_s:g} s, and was ended"
        raise StacksError(message, "the process goes on; try again when the machine is less busy") from None
    except OSError as error:
        message = f"{os.path.basename(program)} could not be started ({error.strerror})"
        raise StacksError(message, _HOW_TO_GET) from error
    found = parse(done.stdout.decode("utf-8", "surrogateescape"), is_gdb=is_gdb)
    if not found:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        what = next(
            (line for line in said if "ptrace" in line or "denied" in line), said[0] if said else "without a word"
        )
        message = f"{os.path.basename(program)} failed: {what[:MOST_LETTERS]}"
        raise StacksError(message, "run threadtop as its user (with kernel.yama.ptrace_scope=0) or as root")
    return found


def parse(said: str, *, is_gdb: bool) -> dict[int, Stack]:
    """The output of ``gdb thread apply all bt`` or ``eu-stack`` by tid."""
    start, frame = (_GDB_THREAD, _GDB_FRAME) if is_gdb else (_EU_THREAD, _EU_FRAME)
    names: dict[int, str] = {}
    frames: dict[int, list[str]] = {}
    tid = 0
    for line in said.splitlines():
        begins = start.match(line)
        if begins is not None:
            tid = int(begins[1])
            if len(frames) >= MOST_THREADS:
                break
            names[tid] = (begins[2] or "") if is_gdb else ""
            frames[tid] = []
            continue
        found = frame.match(line)
        if tid and found is not None and len(frames[tid]) < MOST_FRAMES:
            frames[tid].append((found[1].strip() or "??")[:MOST_LETTERS])
    return {tid: Stack(names[tid], tuple(rows)) for tid, rows in frames.items()}


def watched(pid: int, work: Callable[[], _Result]) -> tuple[_Result, Paused]:
    """What ``work`` gives, and for how long the process was traced meanwhile (``status``, TracerPid)."""
    first: list[float] = []
    last: list[float] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(_LOOK_S):
            if is_traced(pid):
                first[:] = first or [time.monotonic()]
                last[:] = [time.monotonic()]

    watcher = threading.Thread(target=look, name="threadtop-traced", daemon=True)
    watcher.start()
    try:
        result = work()
    finally:
        done.set()
        watcher.join()
    return result, Paused(last[0] - first[0] + _LOOK_S if first else None)


def is_traced(pid: int) -> bool:
    """Whether a tracer holds the process."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            return b"\nTracerPid:\t0\n" not in status.read()
    except OSError:
        return False
