"""Traces: the stacks of a process by whichever tool gives them, and for how long that paused it."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import native_stacks, pausing, stacks, text
from threadtop.errors import DeniedError, GoneError
from threadtop.pausing import Target
from threadtop.procfs import maps, parse
from threadtop.procfs.reader import ProcReader
from threadtop.sample import ENDED
from threadtop.sheets.stacks import NATIVE, PYTHON, StacksFacts, Trace
from threadtop.stacks import MOST_THREADS, Stacks, StacksError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.procfs.parse import Stat
    from threadtop.snapshot import ProcessRow
    from threadtop.stacks import Stack

PY_SPY: Final = "py-spy"
MOST_OF_PY_SPY: Final = 4096  # threads of a process, beyond which py-spy takes it for none of Python's
_MOST_MAPS_BYTES: Final = 16 << 20
_INSTEAD: Final = "the pane Thread says where each of the others is"
_EU_STACK_S: Final = 60.0  # it takes some ms for each thread, and holds but that one


class Answer(NamedTuple):
    """What a tool said: stacks, threads it said nothing of, its name; times as in pausing.Ran, None not paused."""

    traces: tuple[Trace, ...]
    others: tuple[Trace, ...]
    tool: str
    took_s: float | None = None
    paused_s: float | None = None


def read(how: str, process: ProcessRow, tool: str = "", reader: ProcReader | None = None) -> Answer:
    """The stacks of a process now, PYTHON, PAUSED or NATIVE; raises StacksError.

    ``tool`` is the one for native stacks that was spoken of (``tools``); without one another is tried where the
    first cannot.
    """
    if process.kernel:
        message = f"process {process.pid} is a kernel thread, and runs no program"
        raise StacksError(message, "the pane Thread has its kernel stack, for root")
    if process.has_ended:
        message = f"process {process.pid} has ended, and its parent {process.ppid} has not reaped it yet"
        raise StacksError(message, "nothing of it runs any more")
    proc = reader or ProcReader(descriptors=0)
    target = Target(process.pid, process.start_ticks)
    pausing.require_same(proc, target)
    # Before the tool is run: it would find all of them stopped, and after it they do other things.
    threads = _threads(proc, process.pid)
    is_main_gone = process.state in ENDED
    if how != PYTHON and is_main_gone:
        message = (
            f"the main thread of process {process.pid} has ended before the others, and tools pause it by that one"
        )
        is_python = process.gil is not None
        raise StacksError(message, "Python stacks may be had without a pause (y)" if is_python else _INSTEAD)
    if how == NATIVE and (tool or tools(process).native_tool) != PY_SPY:
        return _native(proc, target, threads)
    by = next((tid for tid, stat in threads.items() if stat.state not in ENDED), None) if is_main_gone else None
    try:
        if how == PYTHON:
            return _python(stacks.ask(process.pid, by=by), process, threads, Answer((), (), PY_SPY))
        return _paused(proc, target, process, threads, is_native=how == NATIVE)
    except UnsupportedError as error:
        if how == NATIVE and not tool:
            return _native(proc, target, threads)
        raise _explained(error, process, threads) from error


def _explained(error: UnsupportedError, process: ProcessRow, threads: Mapping[int, Stat]) -> UnsupportedError:
    """py-spy does not tell why it finds no Python in some processes that are one."""
    instead = "native stacks may be had (pane Stacks, v, or --want native)"
    if process.gil is not None and process.gil.is_enabled is False:
        return UnsupportedError(f"py-spy does not read the free-threaded Python of process {process.pid}", instead)
    if process.gil is not None and len(threads) > MOST_OF_PY_SPY:
        return UnsupportedError(f"py-spy reads no process of so many threads ({text.thousands(len(threads))})", instead)
    return error


def _is_for_py_spy(process: ProcessRow) -> bool:
    """Whether py-spy can be expected to know native stacks: it has Python's frames among them."""
    is_python = process.gil is not None and process.gil.is_enabled is not False
    return is_python and process.thread_count <= MOST_OF_PY_SPY and has_py_spy()


def _paused(
    proc: ProcReader, target: Target, process: ProcessRow, threads: Mapping[int, Stat], *, is_native: bool
) -> Answer:
    if not is_native and process.state in {"T", "t"}:
        message = f"process {target.pid} is stopped as it is, and py-spy cannot pause it"
        raise StacksError(message, "y asks without that")
    command = [stacks.program(), "dump", "--json", *(("--native",) if is_native else ()), "--pid", str(target.pid)]
    ran = pausing.run(proc, target, command, how_to_get="pip install --force-reinstall py-spy")
    if ran.returncode:
        raise stacks.failure(target.pid, ran.complained.decode("utf-8", "replace"))
    return _python(stacks.parse(ran.said), process, threads, Answer((), (), PY_SPY, ran.took_s, ran.paused_s))


def _python(found: Stacks, process: ProcessRow, threads: Mapping[int, Stat], answer: Answer) -> Answer:
    known = found.matched(process.gil.idents if process.gil is not None else {})
    made = tuple(_trace(tid, stack, threads.get(tid)) for tid, stack in known.threads.items())
    # Which thread is which is not known before 3.11: then nothing can be said of the others.
    nameless = tuple(Trace(0, stack.name, stack.frames, stack.has_gil) for stack in known.idents.values())
    silent = {trace.tid for trace in made if not trace.frames}
    left = [] if nameless else [tid for tid in threads if tid in silent or tid not in known.threads]
    others = tuple(_trace(tid, known.threads.get(tid), threads[tid]) for tid in left)
    return answer._replace(traces=(*(trace for trace in made if trace.frames), *nameless), others=others)


def _native(proc: ProcReader, target: Target, threads: Mapping[int, Stat]) -> Answer:
    program = native_stacks.tool()
    if program is None:
        message = "neither eu-stack nor gdb is installed"
        raise StacksError(message, native_stacks.HOW_TO_GET)
    command = native_stacks.command(program, target.pid, is_deleted=_is_deleted(proc, target.pid))
    most_s = pausing.TIMEOUT_S if native_stacks.is_gdb(program) else _EU_STACK_S
    ran = pausing.run(proc, target, command, how_to_get=native_stacks.HOW_TO_GET, timeout_s=most_s)
    found = native_stacks.answer(program, target.pid, ran.said, ran.complained, _places(proc, target.pid))
    made = tuple(_trace(tid, stack, threads.get(tid)) for tid, stack in found.items())
    return Answer(made, (), os.path.basename(program), ran.took_s, ran.paused_s)


def _is_deleted(proc: ProcReader, pid: int) -> bool:
    with suppress(GoneError, DeniedError, OSError):
        return proc.link(pid, "exe").endswith(" (deleted)")
    return False


def _places(proc: ProcReader, pid: int) -> Callable[[int], str]:
    """Where addresses are: ``app+0x1182``, the file and how far into it; the bare address where that is not known."""
    raw = b""
    with suppress(GoneError, DeniedError, OSError):
        raw = proc.read_most(pid, "maps", _MOST_MAPS_BYTES)

    @cache
    def place(address: int) -> str:
        found = maps.find(raw, address)
        if found is None or not found.path:
            return hex(address)
        return f"{parse.decode(maps.base_name(found.path))}+{address - found.start + found.offset:#x}"

    return place


def _trace(tid: int, stack: Stack | None, stat: Stat | None) -> Trace:
    """A thread's stack with its name, Python's own before the kernel's, and its state before the tool was run."""
    name, frames, has_gil = stack if stack is not None else ("", (), None)
    return Trace(tid, name or (stat.name if stat else ""), frames, has_gil, stat.state if stat else "")


def _threads(proc: ProcReader, pid: int) -> dict[int, Stat]:
    """The threads that there are, with names and states."""
    threads: dict[int, Stat] = {}
    with suppress(GoneError, DeniedError):
        for tid in proc.tids(pid)[:MOST_THREADS]:
            with suppress(GoneError, DeniedError, ValueError, IndexError):
                threads[tid] = parse.parse_stat(proc.read_task(pid, tid, "stat"))
    return threads


def has_py_spy() -> bool:
    """Whether it is installed."""
    try:
        return bool(stacks.program())
    except StacksError:
        return False


def tools(process: ProcessRow, *, without_py_spy: bool = False) -> StacksFacts:
    """What is installed, as far as it is for this process; ``without_py_spy``: it has failed at its native stacks."""
    is_for_py_spy = _is_for_py_spy(process) and not without_py_spy
    native = PY_SPY if is_for_py_spy else os.path.basename(native_stacks.tool() or "")
    return StacksFacts(has_py_spy=has_py_spy(), native_tool=native)
