"""threadtop in a pseudo-terminal: how it starts, and that it leaves the terminal as it was, whatever ends it."""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from ptyrun import ESCAPE, PtyRun, assert_clean, running

if TYPE_CHECKING:
    from pathlib import Path

CTRL_C, CTRL_P = "\x03", "\x10"
STATES = {
    "rows": "",
    "search": "/",
    "filter": "\\",
    "help": "?",
    "palette": CTRL_P,
    "paused": "Z",
    "process": "\r",
}
CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}


def patched(code: str) -> list[str]:
    """The command line of threadtop, with ``code`` run before it starts."""
    return [sys.executable, "-c", f"{code}\nfrom threadtop.cli import main\nraise SystemExit(main([]))"]


@pytest.mark.parametrize("key", ["q", CTRL_C], ids=["q", "ctrl+c"])
@pytest.mark.parametrize("answers", [True, False], ids=["answers", "mute"])
def test_quit(tmp_path: Path, key: str, *, answers: bool) -> None:
    """The first paint has rows; q and Ctrl+C leave with 0 and the terminal as it was, whether it answers or not."""
    with running(tmp_path, answers=answers) as run:
        assert run.attributes_now() != run.attributes
        run.send(key)
        assert run.wait_exit() == 0
        assert_clean(run)


@pytest.mark.parametrize(
    ("number", "state"),
    [
        *((number, "rows") for number in CODES),
        *((signal.SIGTERM, state) for state in STATES if state != "rows"),
        (signal.SIGHUP, "palette"),
        (signal.SIGINT, "search"),
    ],
)
def test_signals(tmp_path: Path, number: signal.Signals, state: str) -> None:
    """A signal ends it with 128 and its number, whatever is open; the terminal is as it was."""
    with running(tmp_path) as run:
        run.press(*STATES[state])
        run.signal(number)
        assert run.wait_exit() == CODES[number]
        assert_clean(run)


def test_signal_twice(tmp_path: Path) -> None:
    """An impatient second signal changes nothing: the command that was started is ended all the same."""
    with running(tmp_path, "--", "sh", "-c", "trap '' TERM; sleep 1000 & wait; wait") as run:
        run.signal(signal.SIGTERM)
        run.signal(signal.SIGTERM)
        run.wait(lambda: run.modes()[25], "the cursor shows again")
        for _ in range(5):
            run.signal(signal.SIGTERM)
            run.pump(0.02)
        assert run.wait_exit() == CODES[signal.SIGTERM]
        assert_clean(run)


@pytest.mark.parametrize("delay_ms", range(0, 300, 50))
def test_signal_at_the_start(tmp_path: Path, delay_ms: int) -> None:
    """A signal at any moment of the start ends it, with the command it started, and the terminal is as it was."""
    with running(tmp_path, "--", "sleep", "1000", waits=False) as run:
        run.pump(delay_ms / 1000)
        run.signal(signal.SIGTERM)
        assert run.wait_exit() in (CODES[signal.SIGTERM], -signal.SIGTERM)
        assert run.attributes_now() == run.attributes
        if run.data:
            assert_clean(run)
        run.wait(lambda: not run.family(), "no process left")


@pytest.mark.parametrize("number", CODES)
def test_end_in_the_first_pass(tmp_path: Path, number: signal.Signals) -> None:
    """A read that is stuck in the kernel does not hold the end, by a signal or by q."""
    code = "import time, threadtop.source\nthreadtop.source.Deferred.read = lambda *_: time.sleep(1000)"
    with running(tmp_path, command=patched(code), waits=False) as run:
        run.wait_for("for the first time")
        run.signal(number)
        assert run.wait_exit() == CODES[number]
        assert_clean(run)


def test_feed_fails(tmp_path: Path) -> None:
    """An error while reading ends it with one line that names it, and 1."""
    code = "import threadtop.source\ndef read(*_): raise OSError(5, 'broken')\nthreadtop.source.Deferred.read = read"
    with running(tmp_path, command=patched(code), waits=False) as run:
        assert run.wait_exit() == 1
        said = run.after_screen().removeprefix(b"\x1b[?25h")
        assert re.fullmatch(rb"threadtop: reading failed: OSError\(5, 'broken'\).*\r\n", said), said
        assert_clean(run, said)


@pytest.mark.parametrize(
    "code",
    [
        "from threadtop.tui.main_screen import MainScreen as It\nname = 'action_tree'",
        "from threadtop.tui.main_screen import MainScreen as It\nname = 'on_mount'",
        "from threadtop.tui.app import ThreadtopApp as It\nname = 'look'",
        "from threadtop.tui.grid import Grid as It\nname = 'render_lines'",
        "from threadtop.tui.terminal import Terminal as It\nname = '_parse'",
    ],
    ids=["key", "mount", "callback", "paint", "input"],
)
def test_bug_on_the_screen(tmp_path: Path, code: str) -> None:
    """A bug ends it with a traceback below the shell's last line, and 1; values are not shown."""
    fails = "\ndef fail(self, *_, **__):\n    secret = 'hush'\n    raise RuntimeError('a bug')\nsetattr(It, name, fail)"
    with running(tmp_path, command=patched(code + fails), waits=False, answers=False) as run:
        run.wait(lambda: b"\x1b[?1049h" in run.data, "the screen")
        run.send("t")
        assert run.wait_exit() == 1
        said = run.after_screen().removeprefix(b"\x1b[?25h")
        assert b"RuntimeError: a bug" in said
        assert b"please report it" in said
        assert b"'hush'" not in said.replace(b"secret = 'hush'", b"")
        assert_clean(run, said)


@pytest.mark.parametrize(
    ("how", "term"), [("-C", "xterm-256color"), ("NO_COLOR", "xterm-256color"), ("NO_COLOR", "xterm")]
)
def test_no_colour(tmp_path: Path, how: str, term: str) -> None:
    """-C and NO_COLOR send no colour, neither ours nor Textual's."""
    arguments = ["-C"] if how == "-C" else []
    environment = {"TERM": term, "COLORTERM": "truecolor"} | ({"NO_COLOR": "1"} if how == "NO_COLOR" else {})
    with running(tmp_path, *arguments, environment=environment) as run:
        run.press("/", "a", ESCAPE, CTRL_P, ESCAPE, "?", "q", "j", "t", "\x14", "q")
        assert run.wait_exit() == 0
        assert not colours(run)
        assert_clean(run)


def colours(run: PtyRun) -> set[int]:
    """The parameters of SGR that set a colour; 39 and 49 set the terminal's own."""
    sent = {
        int(code or b"0")
        for sequence in re.findall(rb"\x1b\[([\d;]*)m", bytes(run.data))
        for code in sequence.split(b";")
    }
    return {code for code in sent if 30 <= code <= 38 or 40 <= code <= 48 or 90 <= code <= 107}


@pytest.mark.parametrize("term", ["xterm", "linux", "screen", "vt100"])
def test_plain_terminals(tmp_path: Path, term: str) -> None:
    """On terminals of sixteen colours it works with those."""
    with running(tmp_path, environment={"TERM": term}, size=(80, 24), answers=False) as run:
        run.press("?")
        run.wait_for("next part")
        run.press("q", "j", "q")
        assert run.wait_exit() == 0
        assert colours(run)
        assert not colours(run) & {38, 48}
        assert_clean(run)


@pytest.mark.parametrize("is_far", [True, False], ids=["ssh", "here"])
def test_mouse(tmp_path: Path, *, is_far: bool) -> None:
    """The mouse is asked for, but not over SSH."""
    environment = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"} if is_far else {}
    with running(tmp_path, environment=environment) as run:
        run.press("q")
        assert run.wait_exit() == 0
        assert (b"\x1b[?1000h" in run.data) == (not is_far)
        assert_clean(run)


def test_errors_elsewhere(tmp_path: Path) -> None:
    """The screen is on standard output: it shows with standard error in a file, and nothing goes there."""
    log = tmp_path / "errors"
    line = f"exec {sys.executable} -m threadtop 2>{log}"
    with running(tmp_path, command=["sh", "-c", line]) as run:
        run.press("q")
        assert run.wait_exit() == 0
        assert os.stat(log).st_size == 0
        assert_clean(run)
