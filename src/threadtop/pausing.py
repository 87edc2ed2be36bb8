"""Programs that pause a process while they read it (ptrace(2)): run once, watched, and what they leave is mended.

Such a program writes into files of its own: into a pipe whose reader ends, as threadtop may, it would die of SIGPIPE
with the process half attached, which can leave that stopped for good.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError
from threadtop.procfs import parse
from threadtop.stacks import MOST_BYTES, StacksError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.procfs.reader import ProcReader

TIMEOUT_S: Final = 15.0
LOOK_S: Final = 0.0005  # between two looks at whether the process is traced
_END_S: Final = 1.0  # that a program is given to end by itself, when we end
_STOPPED: Final = b"Tt"


class Target(NamedTuple):
    """A process, and when it started: a pid may be used again."""

    pid: int
    start_ticks: int


class Ran(NamedTuple):
    """What a program answered; ``took_s`` is how long it ran, ``paused_s`` how long it held the process at most.

    ``paused_s`` goes from the last look at the main thread before that was traced to the first one after; None where
    no look found it traced.
    """

    returncode: int
    said: bytes
    complained: bytes
    took_s: float
    paused_s: float | None


def require_same(reader: ProcReader, target: Target) -> None:
    """Raise StacksError unless the process is still the one that was looked at."""
    with suppress(GoneError, DeniedError, ValueError, IndexError):
        if parse.parse_stat(reader.read(target.pid, "stat")).start_ticks == target.start_ticks:
            return
    message = f"process {target.pid} has ended"
    raise StacksError(message, "its last figures are kept")


def run(
    reader: ProcReader, target: Target, command: Sequence[str], *, how_to_get: str, timeout_s: float = TIMEOUT_S
) -> Ran:
    """Run a program that pauses ``target``; raises StacksError where it cannot be, or does not end in time."""
    name = os.path.basename(command[0])
    require_same(reader, target)
    _require_no_tracer(reader, target)
    was_stopped = _state(reader, target) in _STOPPED
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        try:
            program = subprocess.Popen(  # noqa: S603 a program by its full path, a number
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=complained,
                start_new_session=True,  # a Ctrl+C at the terminal is for us
                env=_environment(os.environ),
            )
        except OSError as error:
            message = f"{name} could not be started ({error.strerror})"
            raise StacksError(message, how_to_get) from error
        begun = time.monotonic()
        is_left_stopped = False
        try:
            paused_s = _watched(reader, target, program, (said, complained), begun + timeout_s)
        finally:
            is_left_stopped = _ended(reader, target, program, was_stopped=was_stopped)
        took_s = time.monotonic() - begun
        left = "; it was left stopped, and was made to go on (SIGCONT)" if is_left_stopped else ""
        if program.returncode == -signal.SIGKILL:
            message = f"{name} took more than {timeout_s:g} s or {MOST_BYTES >> 20} MiB, and was ended{left}"
            raise StacksError(message, f"process {target.pid} runs on; try when the machine is less busy")
        return Ran(program.returncode, _content(said), _content(complained), took_s, paused_s)


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Ours, without servers of debug information: nothing is loaded from the network while a process is paused."""
    return {**own, "DEBUGINFOD_URLS": "", "LC_ALL": "C"}


def _watched(
    reader: ProcReader,
    target: Target,
    program: subprocess.Popen[bytes],
    files: tuple[IO[bytes], IO[bytes]],
    deadline: float,
) -> float | None:
    """Wait for a program, and tell for how long the process was traced at most; it is killed past the deadline."""
    paused_s, began, last = 0.0, None, time.monotonic()
    while True:
        has_ended = program.poll() is not None
        is_held = not has_ended and _tracer(reader, target) != 0
        now = time.monotonic()
        if is_held and began is None:
            began = last
        elif not is_held and began is not None:
            paused_s += now - began
            began = None
        last = now
        if has_ended:
            return paused_s or None
        if now > deadline or any(os.fstat(file.fileno()).st_size > MOST_BYTES for file in files):
            program.kill()
            return paused_s or None
        time.sleep(LOOK_S)


def _ended(reader: ProcReader, target: Target, program: subprocess.Popen[bytes], *, was_stopped: bool) -> bool:
    """See to it that a program has ended; True if that left the process stopped, which is made to go on then."""
    with suppress(subprocess.TimeoutExpired):
        program.wait(_END_S)  # killed, or we are ending: it lets the process go first where it can
    if program.poll() is None:
        program.kill()
        program.wait()
    if program.returncode >= 0 or was_stopped or _state(reader, target) != b"T":
        return False
    with suppress(StacksError, OSError):
        require_same(reader, target)
        os.kill(target.pid, signal.SIGCONT)
        return True
    return False


def _require_no_tracer(reader: ProcReader, target: Target) -> None:
    tracer = _tracer(reader, target)
    if tracer:
        message = f"process {target.pid} is traced by process {tracer} already, and there can be but one tracer"
        raise StacksError(message, "end that debugger or strace first")


def _state(reader: ProcReader, target: Target) -> bytes:
    return _line(reader, target, b"State:")[:1]


def _tracer(reader: ProcReader, target: Target) -> int:
    number = _line(reader, target, b"TracerPid:")
    return int(number) if number.isdigit() else 0


def _line(reader: ProcReader, target: Target, name: bytes) -> bytes:
    """A line of ``status``, b"" where there is none."""
    with suppress(GoneError, DeniedError):
        status = reader.read(target.pid, "status")
        _, found, rest = status.partition(b"\n" + name)
        return rest.partition(b"\n")[0].strip() if found else b""
    return b""


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(MOST_BYTES)
