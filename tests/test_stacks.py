"""Stacks on request: what py-spy says, and each way in which it does not."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from threadtop import stacks
from threadtop.stacks import Stack, Stacks, StacksError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ANSWER = [
    {
        "pid": 7,
        "thread_id": 140550706296512,
        "thread_name": "wörk-2",
        "os_thread_id": 71,
        "frames": [
            {"name": "iterencode", "filename": "/usr/lib/json/encoder.py", "short_filename": "encoder.py", "line": 261},
            {"name": "run", "filename": "/srv/app.py", "short_filename": None, "line": 0},
        ],
    },
    {"pid": 7, "thread_id": 1, "thread_name": None, "os_thread_id": 72, "frames": []},
]
KNOWN = Stacks({71: Stack("wörk-2", ("iterencode encoder.py:261", "run /srv/app.py")), 72: Stack("", ())}, {})


@pytest.fixture
def py_spy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program of this body in py-spy's place."""

    def put(body: str) -> None:
        script = tmp_path / "py-spy"
        script.write_text(f"#!{sys.executable} -IS\nimport os, sys, time\n{body}\n", encoding="utf-8")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return put


def test_threads_by_tid() -> None:
    """Names and frames come by the kernel's thread id, the innermost frame first."""
    assert stacks.parse(json.dumps(ANSWER).encode()) == KNOWN


def test_threads_without_tids_are_matched_by_ident() -> None:
    """Before 3.11 py-spy tells no tid, but the ident that Python knows the thread by: those that are known match."""
    old = [{**thread, "os_thread_id": None} for thread in ANSWER]
    without = stacks.parse(json.dumps(old).encode())
    assert without == Stacks({}, {140550706296512: KNOWN.threads[71], 1: KNOWN.threads[72]})
    assert without.matched({140550706296512: 71, 9: 90}) == Stacks({71: KNOWN.threads[71]}, {1: KNOWN.threads[72]})


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"{}",
        b"null",
        b"7",
        b"[7]",
        b'["x"]',
        b'[{"frames": [7]}]',
        b'[{"frames": 7}]',
        b"[" * 100_000,
        b"\xff",
    ],
    ids=range(11),
)
def test_nonsense_is_an_error(said: bytes) -> None:
    """What is no answer of py-spy is said so, with a remedy."""
    with pytest.raises(StacksError, match="not understood; pip install --upgrade"):
        stacks.parse(said)


def test_what_a_target_says_is_bounded() -> None:
    """Names, frames and threads beyond any use are cut."""
    frame = {"name": "f" * 10_000, "filename": "x" * 10_000, "line": 1}
    thread = {"os_thread_id": 1, "thread_name": "n" * 10_000, "frames": [frame] * 100}
    known = stacks.parse(json.dumps([thread]).encode()).threads[1]
    assert len(known.name) == stacks.MOST_LETTERS
    assert len(known.frames) == stacks.MOST_FRAMES
    assert len(known.frames[0]) <= 2 * stacks.MOST_LETTERS + 1


def test_py_spy_is_asked_without_pausing(py_spy: Callable[[str], None]) -> None:
    """The process is not paused (--nonblocking), and the answer is taken."""
    wanted = ["dump", "--json", "--nonblocking", "--pid", "7"]
    py_spy(f"assert sys.argv[1:] == {wanted}\nprint({json.dumps(json.dumps(ANSWER))})")
    assert stacks.ask(7) == KNOWN


def test_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without py-spy there is the command that installs it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(StacksError, match=r"py-spy is not installed; pip install 'threadtop\[stacks\]'"):
        stacks.ask(7)


def test_beside_our_own_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In an environment that is not activated py-spy is found beside its Python."""
    (tmp_path / "py-spy").touch(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert stacks.program() == str(tmp_path / "py-spy")


def test_what_cannot_be_started(py_spy: Callable[[str], None], tmp_path: Path) -> None:
    """A broken installation is said, not raised as it comes."""
    py_spy("")
    (tmp_path / "py-spy").write_text("#!/nowhere/at/all\n", encoding="utf-8")
    with pytest.raises(StacksError, match="could not be started"):
        stacks.ask(7)


@pytest.mark.parametrize(
    ("complaint", "what"),
    [
        ("Error: Permission Denied: Try running again with elevated permissions", "may not read process"),
        ("Error: Failed to get process executable name. Check that the process is running.", "may not read process"),
        ("Error: Failed to open process 1\nReason: Operation not permitted", "may not read process"),
        ("Error: Unsupported version of Python: 3.99.0", "finds no Python that it knows"),
        ("Error: Failed to find python version from target process", "finds no Python that it knows"),
        ("Error: something else\nStack backtrace:\n 0: version", "py-spy failed: something else; "),
        ("", "py-spy failed: without a word; "),
        ("Error: " + "x" * 10_000, "py-spy failed: x{200}; "),
    ],
)
def test_complaints_become_sentences(py_spy: Callable[[str], None], complaint: str, what: str) -> None:
    """Each failure says what happened and what helps."""
    py_spy(f"sys.stderr.write({complaint!r})\nsys.exit(1)")
    with pytest.raises(StacksError, match=what) as caught:
        stacks.ask(os.getpid())
    assert caught.value.remedy


def test_a_process_that_has_ended(py_spy: Callable[[str], None]) -> None:
    """Whatever py-spy says of a process that is not there: it has ended."""
    py_spy("sys.exit(1)")
    with pytest.raises(StacksError, match="process 999999999 has ended"):
        stacks.ask(999_999_999)


def test_no_answer(py_spy: Callable[[str], None]) -> None:
    """A py-spy that hangs is ended."""
    py_spy("print('[', flush=True)\ntime.sleep(60)")
    with pytest.raises(StacksError, match=r"did not answer in time"):
        stacks.ask(7, timeout_s=0.2)


def test_an_endless_answer(py_spy: Callable[[str], None]) -> None:
    """Output beyond the bound is not read: py-spy is ended."""
    py_spy("while True: os.write(1, b'[' * 65536)")
    with pytest.raises(StacksError, match="more than 32 MiB"):
        stacks.ask(7)


def test_endless_complaints(py_spy: Callable[[str], None]) -> None:
    """Nor are complaints beyond it."""
    py_spy("while True: os.write(2, b'x' * 65536)")
    with pytest.raises(StacksError, match="more than"):
        stacks.ask(7)


def test_frames_that_changed_under_its_eyes_are_asked_for_again(py_spy: Callable[[str], None], tmp_path: Path) -> None:
    """A process that runs on tears what is read of it: the third try succeeds; other failures are final at once."""
    count = tmp_path / "count"
    body = f"""
count = open({str(count)!r}, "a+"); count.write("x"); count.flush(); count.seek(0)
tries = len(count.read())
if tries < 3:
    sys.exit("Error: Failed to get stack traces\\n\\nCaused by:\\n    1: Failed to copy PyFrameObject")
print({json.dumps(ANSWER)!r})
"""
    py_spy(body)
    assert stacks.ask(os.getpid()) == KNOWN
    assert count.read_text(encoding="utf-8") == "xxx"
    count.unlink()
    py_spy(body.replace("Failed to copy", "Failed to count").replace("Failed to get stack", "Failed to set stack"))
    with pytest.raises(StacksError, match="py-spy failed"):
        stacks.ask(os.getpid())
    assert count.read_text(encoding="utf-8") == "x"
