"""Stacks by whichever tool gives them: which is run, what becomes of its answer, when another is tried."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import scripted_gil
from builders import process_row, thread_row
from fakeproc import FakeProc
from threadtop import stacks, traces
from threadtop.sheets.stacks import NATIVE, PAUSED, PYTHON, Trace
from threadtop.stacks import StacksError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.procfs.reader import ProcReader
    from threadtop.snapshot import ProcessRow

PID = 500
GIL = scripted_gil.ticks()[-1].processes[scripted_gil.GUNICORN].gil
NOTE = "open(sys.argv[0] + '.ran', 'a').write(' '.join(sys.argv[1:]) + ';')"
EU = f"TID {PID}:\\n#0  0x1 pause - /lib/libc.so.6\\nTID 501:\\n#0  0x1 spin - /bin/app\\n"


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProc:
    """A process of three threads: main, worker, blas."""
    made = FakeProc(tmp_path, monkeypatch)
    made.process(PID, 3)
    return made


@pytest.fixture
def reader(proc: FakeProc) -> ProcReader:
    """A reader of it."""
    return proc.reader(descriptors=0)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a program of that name and body in place, and no other."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(stacks, "_is_there", lambda _pid: True)  # it is in a /proc of its own
    python = sys._base_executable  # type: ignore[attr-defined]

    def put(name: str, body: str) -> None:
        script = programs / name
        script.write_text(f"#!{python} -IS\nimport sys\n{body}\n", encoding="utf-8")
        script.chmod(0o755)

    return put


def process(reader: ProcReader, **changed: object) -> ProcessRow:
    """Its row, of a CPython with a GIL."""
    start = traces._threads(reader, PID)[PID].start_ticks
    row = process_row(PID, thread_row(PID), start_ticks=start)
    return row._replace(**{"gil": GIL, **changed})  # type: ignore[arg-type]


def py_spy(*threads: tuple[int | None, str, list[str]], holder: int = 0) -> str:
    """A py-spy that gives these threads, and its arguments as the name of a file."""
    said = [
        {
            "os_thread_id": tid,
            "thread_id": 7,
            "thread_name": name,
            "owns_gil": tid == holder,
            "frames": [{"name": frame, "filename": "x.py", "line": 1} for frame in frames],
        }
        for tid, name, frames in threads
    ]
    return f"print({json.dumps(said)!r})\n{NOTE}"


def ran(tmp_path: Path, name: str) -> str:
    """With what a fake program was run, each time."""
    file = tmp_path / "bin" / f"{name}.ran"
    return file.read_text(encoding="utf-8") if file.exists() else ""


THREADS = ((500, "MainThread", ["select"]), (501, "", ["run"]))


@pytest.mark.parametrize(
    ("how", "arguments"),
    [
        (PYTHON, "dump --json --nonblocking --pid 500;"),
        (PAUSED, "dump --json --pid 500;"),
        (NATIVE, "dump --json --native --pid 500;"),
    ],
)
def test_py_spy_is_asked_as_wanted(
    how: str, arguments: str, reader: ProcReader, tool: Callable[[str, str], None], tmp_path: Path
) -> None:
    """Only what is to be paused is; Python's names come before the kernel's, and each has its state."""
    tool("py-spy", py_spy(*THREADS, holder=501))
    answer = traces.read(how, process(reader), reader=reader)
    assert ran(tmp_path, "py-spy") == arguments
    names = traces._threads(reader, PID)
    assert answer.traces == (
        Trace(500, "MainThread", ("select x.py:1",), has_gil=False, state=names[500].state),
        Trace(501, names[501].name, ("run x.py:1",), has_gil=True, state=names[501].state),
    )
    assert answer.tool == "py-spy"
    assert (answer.took_s is None) == (how == PYTHON)
    assert answer.paused_s is None  # a fake one holds nothing


def test_frames_without_functions(
    proc: FakeProc, reader: ProcReader, tool: Callable[[str, str], None], tmp_path: Path
) -> None:
    """They are told by file and offset, and gdb is shown an executable that is gone."""
    tool("gdb", "print('Thread 1 (LWP 500):\\n#0  0x5582 in ?? ()\\n#1  0x9 in ?? ()')\n" + NOTE)
    Path(proc.root, "500/maps").write_bytes(b"5000-6000 r-xp 00001000 08:01 7   /opt/app (deleted)\n")
    Path(proc.root, "500/exe").unlink()
    Path(proc.root, "500/exe").symlink_to("/opt/app (deleted)")
    (trace,) = traces.read(NATIVE, process(reader, gil=None), reader=reader).traces
    assert trace.frames == ("?? app+0x1582", "?? 0x9")
    assert "/proc/500/exe -p 500" in ran(tmp_path, "gdb")


def test_a_main_thread_that_has_ended(
    proc: FakeProc, reader: ProcReader, tool: Callable[[str, str], None], tmp_path: Path
) -> None:
    """py-spy is asked by a thread that lives; what pauses a process would hold it by the main one, and is not run."""
    tool("py-spy", py_spy(*THREADS))
    tool("eu-stack", f"print('{EU}')")
    proc.end(PID, PID)
    row = process(reader, state="Z", states={"Z": 1, "S": 2}, thread_count=3)
    assert len(traces.read(PYTHON, row, reader=reader).traces) == 2
    for how in (PAUSED, NATIVE):
        with pytest.raises(StacksError, match="main thread of process 500 has ended") as raised:
            traces.read(how, row, reader=reader)
        assert "without a pause" in raised.value.remedy
    with pytest.raises(StacksError) as raised:
        traces.read(NATIVE, row._replace(gil=None), reader=reader)
    assert "pane Thread" in raised.value.remedy
    assert ran(tmp_path, "py-spy") in {f"dump --json --nonblocking --pid {tid};" for tid in (501, 502)}


def test_threads_that_run_no_python(reader: ProcReader, tool: Callable[[str, str], None]) -> None:
    """Those that py-spy does not know, and those of which it knows no frame."""
    tool("py-spy", py_spy((500, "MainThread", ["select"]), (501, "ending", [])))
    answer = traces.read(PYTHON, process(reader), reader=reader)
    assert [trace.tid for trace in answer.traces] == [500]
    assert [(trace.tid, trace.name) for trace in answer.others] == [
        (501, "ending"),
        (502, traces._threads(reader, PID)[502].name),
    ]


def test_threads_without_tids(reader: ProcReader, tool: Callable[[str, str], None]) -> None:
    """They are matched by ident; where one is not, nothing is said of threads without Python."""
    tool("py-spy", py_spy((None, "old", ["run"])))
    known = process(reader, gil=GIL._replace(idents={7: 501}) if GIL else None)
    answer = traces.read(PYTHON, known, reader=reader)
    assert [(trace.tid, trace.name) for trace in answer.traces] == [(501, "old")]
    unknown = traces.read(PYTHON, process(reader), reader=reader)
    assert [(trace.tid, trace.name) for trace in unknown.traces] == [(0, "old")]
    assert unknown.others == ()


def test_what_is_no_python_is_for_other_tools(
    reader: ProcReader, tool: Callable[[str, str], None], tmp_path: Path
) -> None:
    """Native stacks of a program without a GIL: py-spy is not even asked."""
    tool("py-spy", py_spy(*THREADS))
    tool("eu-stack", f"print('{EU}')")
    answer = traces.read(NATIVE, process(reader, gil=None), reader=reader)
    assert answer.tool == "eu-stack"
    assert [trace.frames for trace in answer.traces] == [("pause libc.so.6",), ("spin app",)]
    assert ran(tmp_path, "py-spy") == ""


NOT_KNOWN = "sys.exit('Error: Failed to find python version from target process')"


def test_where_py_spy_cannot_another_does(reader: ProcReader, tool: Callable[[str, str], None]) -> None:
    """Without a tool named, the next one is tried; one that was named is not replaced by one that pauses for longer."""
    tool("py-spy", NOT_KNOWN)
    tool("eu-stack", f"print('{EU}')")
    assert traces.read(NATIVE, process(reader), reader=reader).tool == "eu-stack"
    with pytest.raises(UnsupportedError):
        traces.read(NATIVE, process(reader), "py-spy", reader)
    assert traces.tools(process(reader)).native_tool == "py-spy"
    assert traces.tools(process(reader), without_py_spy=True).native_tool == "eu-stack"


def test_why_py_spy_finds_no_python(
    reader: ProcReader, tool: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A free-threaded one, too many threads, else a version that it does not know: with what helps."""
    tool("py-spy", NOT_KNOWN)
    free = process(reader, gil=GIL._replace(is_enabled=False) if GIL else None)
    with pytest.raises(StacksError, match="does not read the free-threaded Python of process 500; native stacks may"):
        traces.read(PYTHON, free, reader=reader)
    with pytest.raises(StacksError, match="finds no Python that it knows in process 500; native stacks may"):
        traces.read(PYTHON, process(reader, gil=None), reader=reader)
    monkeypatch.setattr(traces, "MOST_OF_PY_SPY", 2)
    with pytest.raises(StacksError, match=r"no process of so many threads \(3\)"):
        traces.read(PYTHON, process(reader), reader=reader)


def test_what_has_no_stacks(reader: ProcReader, tool: Callable[[str, str], None], tmp_path: Path) -> None:
    """A kernel thread, a process that has ended, one that is used again, a pause of what is stopped: nothing is run."""
    tool("py-spy", py_spy(*THREADS))
    row = process(reader)
    for how, gone, words in (
        (PYTHON, row._replace(kernel=True), "kernel thread"),
        (PYTHON, row._replace(pid=999), "process 999 has ended"),
        (NATIVE, row._replace(start_ticks=row.start_ticks + 1), "process 500 has ended"),
        (PAUSED, row._replace(state="T"), "stopped as it is.*; y asks"),
    ):
        with pytest.raises(StacksError, match=words):
            traces.read(how, gone, reader=reader)
    assert ran(tmp_path, "py-spy") == ""


@pytest.mark.parametrize("how", [PYTHON, PAUSED, NATIVE])
def test_without_any_tool(how: str, reader: ProcReader, tool: Callable[[str, str], None]) -> None:
    """There is the command that installs it."""
    del tool
    with pytest.raises(StacksError, match="install"):
        traces.read(how, process(reader), reader=reader)
    found = traces.tools(process(reader))
    assert (found.has_py_spy, found.native_tool) == (False, "")
