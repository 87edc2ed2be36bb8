"""Python stacks and thread names on request, through py-spy: a program of its own, asked once, for one process.

``py-spy dump --json --nonblocking`` reads the target's memory (process_vm_readv(2)) without pausing it; frames that
change under its eyes may be wrong.  ``pausing`` runs it where the process is to be paused.  What it prints comes from
the target: it is bounded here and made visible where it is shown.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from threadtop.errors import ThreadtopError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S: Final = 10.0
MOST_BYTES: Final = 32 << 20  # 20,000 threads of six frames
MOST_THREADS: Final = 20_000
MOST_FRAMES: Final = 64  # of a thread, innermost first
MOST_LETTERS: Final = 200  # of a name
ATTEMPTS: Final = 8
_TORN: Final = ("Failed to copy", "Failed to get stack traces")  # what py-spy says of frames that change as it reads
_NO_PYTHON: Final = (
    "native stacks may be had of any program (pane Stacks, v, or --want native); for a Python that is too new: "
    "pip install --upgrade py-spy"
)
_ERROR_BYTES: Final = 64 << 10
_CHUNK: Final = 1 << 16


class StacksError(ThreadtopError):
    """The stacks could not be had: why, and what would help."""


class UnsupportedError(StacksError):
    """The process is none that this tool can read, or not in this way; another tool may."""


class Stack(NamedTuple):
    """One thread: its name ("" for none) and its frames as text, innermost first; ``has_gil`` None is not known."""

    name: str
    frames: tuple[str, ...]
    has_gil: bool | None = None


class Stacks(NamedTuple):
    """The stacks of a process by tid; ``idents``: those that came without (before 3.11), by threading.get_ident()."""

    threads: Mapping[int, Stack]
    idents: Mapping[int, Stack]

    def matched(self, tids: Mapping[int, int]) -> Stacks:
        """With tids found for those that came without; ``tids`` are by ident."""
        found = {tids[ident]: stack for ident, stack in self.idents.items() if ident in tids}
        left = {ident: stack for ident, stack in self.idents.items() if ident not in tids}
        return Stacks({**self.threads, **found}, left)


def program() -> str:
    """Where py-spy is: on the PATH or beside our own Python; raises StacksError."""
    found = shutil.which("py-spy", path=f"{os.environ.get('PATH', '')}{os.pathsep}{Path(sys.executable).parent}")
    if found is None:
        message = "py-spy is not installed"
        raise StacksError(message, "pip install 'threadtop[stacks]'")
    return found


def ask(pid: int, timeout_s: float = TIMEOUT_S, *, by: int | None = None) -> Stacks:
    """The stacks of a process now, in 10 to 30 ms of py-spy; raises StacksError.

    ``by`` is the thread to ask by, where the main one has ended before the others.

    A process that is not paused changes its frames as they are read: py-spy gives up then, and is asked again.
    """
    command = [program(), "dump", "--json", "--nonblocking", "--pid", str(by or pid)]
    deadline = time.monotonic() + timeout_s
    complaint = ""
    for _ in range(ATTEMPTS):
        returncode, said, complained = _run(command, deadline - time.monotonic())
        if not returncode:
            return parse(said)
        complaint = complained.decode("utf-8", "replace")
        if not any(words in complaint for words in _TORN):
            break
    raise failure(pid, complaint)


def _run(command: list[str], timeout_s: float) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and error of a py-spy; raises StacksError."""
    try:
        # In a session of its own: a Ctrl+C at the terminal is for us.
        asked = subprocess.Popen(  # noqa: S603 a program by its full path, a number
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        message = f"py-spy could not be started ({error.strerror})"
        raise StacksError(message, "pip install --force-reinstall py-spy") from error
    with asked:
        try:
            said, complained = _output(asked, timeout_s)
        finally:
            if asked.poll() is None:
                asked.kill()
    return asked.returncode, said, complained


def _output(asked: subprocess.Popen[bytes], timeout_s: float) -> tuple[bytes, bytes]:
    """What a program prints on standard output and error, until it has ended; raises StacksError."""
    deadline = time.monotonic() + timeout_s
    pipes: list[IO[bytes]] = [pipe for pipe in (asked.stdout, asked.stderr) if pipe is not None]
    printed = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ, printed[pipe])
        while selector.get_map():
            left_s = deadline - time.monotonic()
            ready = selector.select(left_s) if left_s > 0 else []
            if not ready:
                message = "py-spy did not answer in time"
                raise StacksError(message, "the machine or the process may be too busy: try again")
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                key.data.extend(chunk)
            if len(printed[pipes[0]]) > MOST_BYTES or len(printed[pipes[1]]) > _ERROR_BYTES:
                message = f"py-spy printed more than {MOST_BYTES >> 20} MiB"
                raise StacksError(message, "run it yourself: py-spy dump --nonblocking --pid PID")
    try:
        asked.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        message = "py-spy answered, but did not end"
        raise StacksError(message, "try again") from None
    return bytes(printed[pipes[0]]), bytes(printed[pipes[1]])


def failure(pid: int, complaint: str) -> StacksError:
    """What py-spy complains about, as one sentence with what helps."""
    complaint = complaint.partition("Stack backtrace:")[0]
    lowered = complaint.lower()
    if not _is_there(pid):
        return StacksError(f"process {pid} has ended", "its last figures are kept")
    if any(words in lowered for words in ("permission denied", "not permitted", "process executable name")):
        return StacksError(
            f"py-spy may not read process {pid}",
            "run threadtop as its user (with kernel.yama.ptrace_scope=0), as root, or start it: threadtop -- COMMAND",
        )
    if "version" in lowered or "python interpreter" in lowered:
        return UnsupportedError(f"py-spy finds no Python that it knows in process {pid}", _NO_PYTHON)
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    what = lines[0].removeprefix("Error:").strip()[:MOST_LETTERS] if lines else "without a word"
    return UnsupportedError(f"py-spy failed: {what}", f"py-spy dump --nonblocking --pid {pid} may say more")


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def parse(said: bytes) -> Stacks:
    """The JSON of ``py-spy dump --json``; raises StacksError where it is something else."""
    try:
        known = [_thread(thread) for thread in json.loads(said)[:MOST_THREADS]]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        message = "py-spy's answer is not understood"
        raise StacksError(message, "pip install --upgrade 'threadtop[stacks]'") from error
    threads = {tid: stack for tid, _, stack in known if tid is not None}
    return Stacks(threads, {ident: stack for tid, ident, stack in known if tid is None})


def _thread(said: dict[str, Any]) -> tuple[int | None, int, Stack]:
    tid, ident = said.get("os_thread_id"), said.get("thread_id")
    frames = tuple(_frame(frame) for frame in (said.get("frames") or ())[:MOST_FRAMES])
    name = str(said.get("thread_name") or "")[:MOST_LETTERS]
    owns = said.get("owns_gil")
    return _number(tid), _number(ident) or 0, Stack(name, frames, owns if isinstance(owns, bool) else None)


def _number(said: object) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) else None


def _frame(said: dict[str, Any]) -> str:
    """A frame as ``iterencode encoder.py:261``."""
    file = str(said.get("short_filename") or said.get("filename") or "?")
    line = said.get("line")
    place = f"{file.rsplit('/', 1)[-1][:MOST_LETTERS]}:{line}" if isinstance(line, int) and line > 0 else file
    return f"{str(said.get('name') or '?')[:MOST_LETTERS]} {place[:MOST_LETTERS]}"
