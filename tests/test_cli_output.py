"""Output that fails, and what comes out in odd locales."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADTOP = (sys.executable, "-m", "threadtop")
NAME = "größe😀\x1b[2J"

NAMED = """
import ctypes, time
name = b"gr\\xc3\\xb6\\xc3\\x9fe\\xf0\\x9f\\x98\\x80\\x1b[2J"
ctypes.CDLL(None).prctl(15, name, 0, 0, 0)  # PR_SET_NAME
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def named() -> Iterator[int]:
    """The pid of a process whose thread has a name that is neither ASCII nor harmless."""
    with subprocess.Popen([sys.executable, "-c", NAMED], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


FORMATS = (["--json"], ["--csv"], ["--jsonl"], ["--format", "ps"])
ONCE = [["--once", "-d", "0.1", *kind] for kind in ([], *FORMATS)]
FRAMES = [["-b", "-d", "0.1", *kind] for kind in ([], *FORMATS)]
HELP = [["--help"], ["--version"], ["record", "--help"], ["gil", "--version"], ["metrics", "-V"], ["diff", "--help"]]
REPORTS = [["--explain", "--json", "-d", "0.5"], ["--schema"], ["-O"], *HELP]
BUFFERS = {"buffered": "", "unbuffered": "1"}


@pytest.mark.parametrize("unbuffered", BUFFERS.values(), ids=BUFFERS)
@pytest.mark.parametrize("arguments", [*ONCE, *FRAMES, *REPORTS], ids=" ".join)
def test_full_disk(arguments: list[str], unbuffered: str) -> None:
    """Output that cannot be written is one line on standard error and exit code 1, whoever sees the failure first."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        command = [*THREADTOP, *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, timeout=60, check=False)
    assert done.returncode == 1
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("threadtop: output failed: ")


@pytest.mark.parametrize("arguments", [*ONCE, *FRAMES, *REPORTS], ids=" ".join)
def test_closed_pipe(arguments: list[str]) -> None:
    """A reader that has had enough (head) ends it quietly."""
    reading, writing = os.pipe()
    with subprocess.Popen([*THREADTOP, *arguments], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.close(reading)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize("arguments", [ONCE[0], REPORTS[0], REPORTS[1]], ids=" ".join)
def test_closed_output(arguments: list[str]) -> None:
    """No output at all (>&-) is a failure in one line, and nothing else gets its number."""
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *THREADTOP, *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("threadtop: output failed: Bad file descriptor; ")


def test_nothing_open() -> None:
    """Input and errors that are closed change nothing."""
    command = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", *THREADTOP, "--once", "--json", "-d", "0.1"]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["processes"]


@pytest.mark.parametrize("arguments", FRAMES, ids=" ".join)
def test_each_frame_is_flushed(arguments: list[str]) -> None:
    """A reader has a frame before the next one is made: it does not wait for a full buffer."""
    command = [*THREADTOP, *arguments, "-p", str(os.getpid())]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline()  # it goes on for ever, and a buffer takes more than a frame
        assert process.poll() is None
        process.kill()


def test_reader_that_leaves_in_the_middle() -> None:
    """As with head -1: the reader goes after a line, frames stop."""
    with subprocess.Popen([*THREADTOP, "-b", "-d", "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"threadtop ")
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""


LOCALES = [
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C.UTF-8"},
]


@pytest.mark.parametrize("variables", LOCALES, ids=lambda variables: " ".join(f"{k}={v}" for k, v in variables.items()))
def test_names_beyond_the_locale(named: int, variables: dict[str, str]) -> None:
    """Whatever the locale, text comes out without a crash and without escapes, and JSON is UTF-8 and exact."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHONIO"))}
    command = [*THREADTOP, "--once", "-d", "0.1", "-p", str(named)]
    environment = {**kept, **variables}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert b"^[[2J" in done.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    [process] = json.loads(done.stdout.decode())["processes"]
    assert [thread["name"] for thread in process["threads"]] == [NAME]
    done = subprocess.run(
        [*command, "--csv", "--columns", "comm"], capture_output=True, env=environment, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines()[1].partition(",")[2] == "größe😀^[[2J"


def test_python_without_asserts() -> None:
    """It runs the same under python -O."""
    command = [sys.executable, "-O", "-m", "threadtop", "--once", "--json", "-d", "0.1"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["processes"]
