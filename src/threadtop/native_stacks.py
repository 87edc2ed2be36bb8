"""Native stacks on request, through eu-stack (elfutils) or gdb: what to run, and what they say.

Arguments of functions are data of the process, secrets perhaps: gdb is told to leave them out.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Final

from threadtop.stacks import MOST_FRAMES, MOST_LETTERS, MOST_THREADS, Stack, StacksError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOW_TO_GET: Final = "apt-get install elfutils (eu-stack), or gdb"
_GDB: Final = (
    # No code of the user's or of the process's files is run, nothing is fetched, nothing is asked.
    *("-nx", "-batch", "-iex", "set auto-load no", "-iex", "set debuginfod enabled off"),
    *("-ex", "set width 0", "-ex", "set print frame-arguments none", "-ex", "set print entry-values no"),
)
_GDB_THREAD: Final = re.compile(r"^Thread \d+ \((?:Thread 0x[0-9a-f]+ \()?(?:LWP|process) (\d+)\)?(?: \"(.*)\"\)?)?")
_GDB_FRAME: Final = re.compile(r"^#\d+\s+(?:(0x[0-9a-f]+) in )?(.*)$")
_GDB_ARGUMENTS: Final = re.compile(r" \((?:[\w$]+=\.\.\.(?:, )?)*(?:\.\.\.)?\)(?= at | from |$)")
_EU_THREAD: Final = re.compile(r"^TID (\d+):")
_EU_FRAME: Final = re.compile(r"^#\d+\s+(0x[0-9a-f]+)(?: - \d+)?(?:\s+(.*))?$")
_EU_PLACE: Final = re.compile(r"(.*?)(?:^|\s)- ([/\[].*)$")
_UNKNOWN: Final = "??"
_DENIED: Final = ("not permitted", "permission denied")


def tool() -> str | None:
    """The program that would be run, None where there is none; eu-stack holds one thread at a time, and is quick."""
    return shutil.which("eu-stack") or shutil.which("gdb")


def command(program: str, pid: int, *, is_deleted: bool = False) -> list[str]:
    """How to ask ``program`` for the stacks of all threads; ``is_deleted``: of a process whose executable is gone.

    gdb looks for that by its path, and without it knows neither libraries nor frames; the kernel still has it.
    """
    if is_gdb(program):
        return [
            program,
            *_GDB,
            *([f"/proc/{pid}/exe"] if is_deleted else []),
            "-p",
            str(pid),
            "-ex",
            f"thread apply all bt {MOST_FRAMES}",
        ]
    return [program, "-m", "-n", str(MOST_FRAMES), "-p", str(pid)]


def is_gdb(program: str) -> bool:
    """Whether it is gdb, not eu-stack."""
    return os.path.basename(program) == "gdb"


def answer(
    program: str, pid: int, said: bytes, complained: bytes, place: Callable[[int], str] = hex
) -> Mapping[int, Stack]:
    """The stacks in what ``program`` printed, by tid; raises StacksError where there are none.

    ``place`` says where an address is that has no function: different code is to look different.
    """
    found = parse(said.decode("utf-8", "surrogateescape"), place, is_gdb=is_gdb(program))
    if found:
        return found
    name = os.path.basename(program)
    complaint = complained.decode("utf-8", "replace")
    if any(words in complaint.lower() for words in _DENIED):
        message = f"{name} may not trace process {pid}"
        raise StacksError(
            message, "run threadtop as its user (with kernel.yama.ptrace_scope=0) or as root; kernel threads have none"
        )
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    message = f"{name} failed: {lines[0][:MOST_LETTERS] if lines else 'without a word'}"
    raise UnsupportedError(message, f"{' '.join(command(name, pid)[-4:])} may say more")


def parse(said: str, place: Callable[[int], str] = hex, *, is_gdb: bool) -> dict[int, Stack]:
    """The output of ``gdb thread apply all bt`` or ``eu-stack -m`` by tid, a frame as ``read libc.so.6``.

    One without a function is ``?? app+0x1182``, by ``place`` of its address.
    """
    start, frame = (_GDB_THREAD, _GDB_FRAME) if is_gdb else (_EU_THREAD, _EU_FRAME)
    names: dict[int, str] = {}
    frames: dict[int, list[str]] = {}
    tid = 0
    for line in said.split("\n"):
        begins = start.match(line)
        if begins is not None:
            if len(frames) >= MOST_THREADS:
                break
            tid = int(begins[1])
            names[tid] = ((begins[2] or "") if is_gdb else "")[:MOST_LETTERS]
            frames[tid] = []
            continue
        found = frame.match(line)
        if tid and found is not None and len(frames[tid]) < MOST_FRAMES:
            address, words = found.groups("")
            made = _gdb_frame(words) if is_gdb else _eu_frame(words)
            frames[tid].append(_placed(made, int(address, 16), place) if address else made)
    return {tid: Stack(names[tid], tuple(rows)) for tid, rows in frames.items()}


def _placed(frame: str, address: int, place: Callable[[int], str]) -> str:
    """A frame without a function told by where it is."""
    if not frame.startswith(_UNKNOWN):
        return frame
    where = place(address)[:MOST_LETTERS]
    return f"{frame if where == hex(address) else _UNKNOWN} {where}"


def _gdb_frame(words: str) -> str:
    """``sem_wait (sem=...) at ./nptl/sem_wait.c:42`` as ``sem_wait sem_wait.c:42``."""
    function, _, place = _GDB_ARGUMENTS.sub("\n", words, count=1).partition("\n")
    place = place.removeprefix(" at ").removeprefix(" from ").rsplit("/", 1)[-1]
    return f"{function.strip()[:MOST_LETTERS] or _UNKNOWN} {place[:MOST_LETTERS]}".rstrip()


def _eu_frame(words: str) -> str:
    """``read@@GLIBC_2.2.5 - /lib/libc.so.6`` as ``read libc.so.6``; ``- /lib/libc.so.6`` has no function."""
    found = _EU_PLACE.match(words)
    function, place = found.groups() if found is not None else (words, "")
    function = function.strip().partition("@")[0]
    return f"{function[:MOST_LETTERS] or _UNKNOWN} {place.rsplit('/', 1)[-1][:MOST_LETTERS]}".rstrip()
