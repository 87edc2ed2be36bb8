"""What to attach to: a PID, a name with one match, or a command that threadtop starts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import text
from threadtop.errors import AbsentError, DeniedError, GoneError, TargetError, UsageError
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import IO

    from threadtop.procfs.reader import ProcReader

LISTED_MATCHES: Final = 20
_TERMINATE_S: Final = 2.0
_REAPED_S: Final = 1.0
_MOST_DIGITS: Final = 9  # pids end at 4194304 (PID_MAX_LIMIT, include/linux/threads.h)


class Match(NamedTuple):
    """A process that a name may mean."""

    pid: int
    name: str
    command: str
    threads: int


def parse_pids(value: str) -> list[int]:
    """``4211,4300`` as pids; raises UsageError."""
    pids = []
    for part in map(str.strip, value.split(",")):
        if not (part.isascii() and part.isdigit() and len(part) <= _MOST_DIGITS and int(part)):
            message = f"{part[:40]!r} is not a process id"
            raise UsageError(message, "use -p PID[,PID], or threadtop NAME to attach by name")
        pids.append(int(part))
    return pids


def asked(pid_values: Sequence[str] | None, target: str | None, command: Sequence[str]) -> tuple[list[int], str | None]:
    """The pids and the name that -p and a PID or NAME stand for; raises UsageError, also where a command is added."""
    pids = [pid for value in pid_values or () for pid in parse_pids(value)]
    name = target
    if name is not None and name.isascii() and name.isdigit():
        pids.extend(parse_pids(name))
        name = None
    if (name is not None) + bool(pids) + bool(command) > 1:
        message = "a PID, a NAME and a command to start cannot be combined"
        raise UsageError(message, "name one of them")
    return pids, name


def thread_group(reader: ProcReader, pid: int) -> int:
    """The process of a pid or tid; raises AbsentError if there is none or it is hidden."""
    try:
        status = parse.parse_status(reader.read(pid, "status"))
    except GoneError:
        message = f"there is no process {pid}"
        raise AbsentError(message, "threadtop without arguments lists what runs") from None
    except DeniedError:
        message = f"process {pid} is hidden from you (/proc is mounted with hidepid)"
        raise AbsentError(message, "run threadtop as its owner or as root") from None
    return int(status.get("Tgid", pid))


def matches(reader: ProcReader, name: str) -> list[Match]:
    """The processes a name may mean: those called so; if there are none, those whose command has it.

    threadtop itself, its ancestors (a shell, sudo) and kernel threads are left out.  Another threadtop that has the
    name in its command looks for it as well, and is not meant.
    """
    exact, loose = [], []
    own = _lineage(reader)
    for pid in reader.pids():
        if pid in own:
            continue
        try:
            stat = parse.parse_stat(reader.read(pid, "stat"))
            arguments = parse.parse_cmdline(reader.read(pid, "cmdline"))
        except (GoneError, DeniedError, ValueError, IndexError):
            continue
        if stat.flags & parse.PF_KTHREAD:
            continue
        command = " ".join(arguments)
        match = Match(pid, stat.name, command, stat.num_threads)
        # The program and, for interpreters, the script: python /srv/app.py is found as app.py.
        called = {stat.name, *(Path(argument).name for argument in arguments[:2])}
        is_other = is_threadtop(arguments)
        if name in (called if not is_other else {"threadtop"}):
            exact.append(match)
        elif name.lower() in f"{command}\n{stat.name}".lower() and not is_other:
            loose.append(match)
    return exact or loose


def is_threadtop(arguments: Sequence[str]) -> bool:
    """Whether this is the command line of a threadtop: the program, or the module of an interpreter."""
    return "threadtop" in {Path(argument).name for argument in arguments[:2]} or "threadtop" in arguments[2:3]


def _lineage(reader: ProcReader) -> set[int]:
    pid, lineage = os.getpid(), set()
    while pid > 1 and pid not in lineage:
        lineage.add(pid)
        try:
            pid = parse.parse_stat(reader.read(pid, "stat")).ppid
        except (GoneError, DeniedError):
            break
    return lineage


def no_match(name: str) -> AbsentError:
    """The error for a name that nothing has."""
    return AbsentError(f"no process is called {name!r}", "threadtop without arguments lists what runs")


def sole(reader: ProcReader, name: str, remedy: str = "choose one with -p PID") -> int:
    """The one process of this name; raises AbsentError for none, and UsageError with a list for several."""
    found = matches(reader, name)
    if not found:
        raise no_match(name)
    if len(found) > 1:
        message = f"{several(name, found)}\nthreadtop: {name!r} is not one process"
        raise UsageError(message, remedy)
    return found[0].pid


def chosen(reader: ProcReader, name: str, *, ask: bool) -> int:
    """The process of this name; where there are several, the one the user chooses (``ask``), else as ``sole``."""
    if not ask:
        return sole(reader, name)
    found = matches(reader, name)
    if not found:
        raise no_match(name)
    if len(found) == 1:
        return found[0].pid
    sys.stdout.write(f"{several(name, found)}\n")
    while True:
        try:
            answer = input(f"Which one (1 to {min(len(found), LISTED_MATCHES)}, or a PID; Enter for none)? ")
        except EOFError:
            answer = ""
        if not answer.strip():
            message = "nothing chosen"
            raise TargetError(message)
        number = int(answer) if answer.strip().isascii() and answer.strip().isdigit() else 0
        if 1 <= number <= min(len(found), LISTED_MATCHES):
            return found[number - 1].pid
        if number in {match.pid for match in found}:
            return number
        sys.stdout.write("That is none of them.\n")


def several(name: str, found: Sequence[Match]) -> str:
    """The matches of a name that several processes have, numbered."""
    return "\n".join([f"{len(found)} processes are called {name!r}:", *match_lines(found)])


def match_lines(found: Sequence[Match]) -> list[str]:
    """Matches as numbered lines to choose from."""
    lines = [
        f"{number:3}  {match.pid:7}  {match.threads:5} threads  "
        + text.plain(text.fit(text.visible(match.command or match.name), 60)).rstrip()
        for number, match in enumerate(found[:LISTED_MATCHES], 1)
    ]
    if len(found) > LISTED_MATCHES:
        lines.append(f"     and {len(found) - LISTED_MATCHES} more")
    return lines


def ended(pids: Collection[int], command: Command | None) -> str:
    """What to say of processes that are all over, with how a command of ours ended."""
    how = command.end_outcome() if command is not None else None
    return f"process {', '.join(map(str, sorted(pids)))} has ended" + (f" ({how})" if how else "")


class Command:
    """A command that threadtop started, and ends with it.

    It is a child: no rule about ptrace stands between it and threadtop.  Its output goes to a file, for
    the screen is ours; headless it goes to our standard error.
    """

    def __init__(self, arguments: Sequence[str], *, to_file: bool) -> None:
        """Start ``arguments``; raises AbsentError if it cannot be started."""
        self.arguments = list(arguments)
        self.output: Path | None = None
        log: IO[bytes] | None = None
        if shutil.which(self.arguments[0]) is None and not Path(self.arguments[0]).exists():
            message = f"cannot start {self.arguments[0]!r}: there is no such command"
            raise AbsentError(message, "give its path, or one that PATH finds")
        if to_file:
            import tempfile  # noqa: PLC0415 4 ms that --once need not wait for

            descriptor, path = tempfile.mkstemp(prefix="threadtop-", suffix=".log")
            log, self.output = os.fdopen(descriptor, "wb"), Path(path)
        try:
            self._process = subprocess.Popen(  # noqa: S603 running it is what the user asked for
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log or 2,
                stderr=log or 2,
                start_new_session=True,
            )
        except OSError as error:
            if self.output is not None:
                self.output.unlink()
            message = f"cannot start {self.arguments[0]!r}: {error.strerror}"
            raise AbsentError(message, "check that it may be executed") from error
        finally:
            if log is not None:
                log.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def outcome(self) -> str | None:
        """How it ended, in words; None while it runs.  Reaps it: a zombie would never be seen to end."""
        code = self._process.poll()
        if code is None:
            return None
        if code < 0:
            return f"killed by {signal_name(-code)}"
        return f"exit status {code}"

    def end_outcome(self) -> str | None:
        """How it ended, of one whose files in /proc say that it has: the kernel may tell its parent a little later."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAPED_S)
        return self.outcome()

    def end(self) -> None:
        """End it and what it started (SIGTERM, then SIGKILL), and drop an empty output file."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(_TERMINATE_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
        if self.output is not None and self.output.exists() and self.output.stat().st_size == 0:
            self.output.unlink()
            self.output = None

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def signal_name(number: int) -> str:
    """SIGTERM, SIGHUP and the like."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has none
        return f"signal {number}"
