"""Attaching on the terminal: a command that is started, and a name that several processes have."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ptyrun import assert_clean, running, threadtop

LOG = rb"threadtop: the output of \S+ is in (\S+)\r\n"


def children(pid: int) -> list[str]:
    """The children of a process, zombies too."""
    return [
        child
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for child in path.read_text(encoding="ascii").split()
    ]


def test_command_ends(tmp_path: Path) -> None:
    """When the command ends the header says so, with its exit status; threadtop stays, and no zombie does."""
    with running(tmp_path, "-d", "0.2", "--", "sh", "-c", "sleep 1; exit 3") as run:
        run.wait_for(r"ended at \d\d:\d\d:\d\d UTC, exit status 3")
        run.settle()
        assert run.process.poll() is None
        assert not children(run.pid)
        run.check_screen()
        run.press("j", "?", "q")
        run.send("q")
        assert run.wait_exit() == 0
        assert_clean(run)


def test_output_of_a_command(tmp_path: Path) -> None:
    """What the command writes goes to a file, whose path is said at the end."""
    code = "import time; print(1, flush=True); time.sleep(1000)"
    with running(tmp_path, "--", sys.executable, "-c", code, environment={"TMPDIR": str(tmp_path)}) as run:
        logs = []
        run.wait(lambda: logs.extend(tmp_path.glob("threadtop-*.log")) or logs, "the file")  # type: ignore[func-returns-value]
        run.wait(lambda: logs[0].read_text(encoding="utf-8") == "1\n", "the output in it")
        run.send("q")
        assert run.wait_exit() == 0
        said = run.after_screen().removeprefix(b"\x1b[?25h")
        match = re.fullmatch(LOG, said)
        assert match, said
        assert match[1].decode() == str(logs[0])
        assert_clean(run, said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_ends_the_command(tmp_path: Path, number: signal.Signals) -> None:
    """The command and what it started end with threadtop."""
    with running(tmp_path, "--", "sh", "-c", "sleep 1000 & sleep 1000") as run:
        run.wait(lambda: len(run.family()) == 4, "the command and its children")
        run.signal(number)
        assert run.wait_exit() == 128 + number
        assert_clean(run)


def test_name_of_several(tmp_path: Path) -> None:
    """A name that several processes have is asked about, and the one that is chosen is attached to."""
    script = tmp_path / f"tt-several-{os.getpid()}.py"  # another run of the tests may have its own
    script.write_text("import time\ntime.sleep(1000)\n", encoding="utf-8")
    twins = [subprocess.Popen([sys.executable, str(script)]) for _ in range(2)]
    try:
        with running(tmp_path, script.name, waits=False) as run:
            run.wait_for(r"Which one \(1 to 2")
            asked = list(map(int, re.findall(r"^ +\d+ +(\d+) ", run.text, re.MULTILINE)))
            assert asked == sorted(twin.pid for twin in twins)
            run.send("7\n")
            run.wait_for("none of them")
            run.send("2\n")
            run.wait_for(rf"threadtop .*{asked[1]}")
            run.settle()
            assert str(asked[0]) not in run.text.partition("threadtop ")[2]
            run.send("q")
            assert run.wait_exit() == 0
            assert run.after_screen() == b"\x1b[?25h"
            assert run.attributes_now() == run.attributes
    finally:
        for twin in twins:
            twin.kill()
            twin.wait()


@pytest.mark.parametrize(("keys", "code"), [("\n", 1), ("\x03", 130), ("\x04", 1)], ids=["enter", "ctrl+c", "ctrl+d"])
def test_name_not_chosen(tmp_path: Path, keys: str, code: int) -> None:
    """Whoever chooses none of them gets no screen."""
    script = tmp_path / f"tt-several-{os.getpid()}.py"  # another run of the tests may have its own
    script.write_text("import time\ntime.sleep(1000)\n", encoding="utf-8")
    twins = [subprocess.Popen([sys.executable, str(script)]) for _ in range(2)]
    try:
        with running(tmp_path, command=threadtop(script.name), waits=False) as run:
            run.wait_for("Which one")
            # A signal between the prompt and the read that follows it is Python's to lose: ask again.
            while run.process.poll() is None:
                run.send(keys)
                for _ in range(40):
                    run.pump()
                    if run.process.poll() is not None:
                        break
                    time.sleep(0.05)
            assert run.wait_exit() in (code, -signal.SIGINT)  # the second one may find it at its very end
            assert b"\x1b[?1049h" not in run.data
    finally:
        for twin in twins:
            twin.kill()
            twin.wait()


def test_from_relative_to_relative(tmp_path: Path) -> None:
    """Enter on a child of the attached process reads it, Esc comes back, and the list has the target alone again."""
    script = "import subprocess, sys; subprocess.Popen(['sleep', '1000']); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        (child,) = children(parent.pid)
        try:
            with running(tmp_path, "-d", "0.3", "-p", str(parent.pid)) as run:
                run.send("\r")
                run.wait_for(r" Threads .* Time ")
                run.send("\x1b[Z\x1b[Z\x1b[Z")  # back to Children, the last but two
                run.wait_for(rf"sleep +{child}")
                run.press("/", child, "\r", "\r")
                run.wait_for(rf"^ {parent.pid} > sleep {child} +1 thread")
                run.check_screen()
                run.send("\x1b")
                run.wait_for(rf"^ \S+ {parent.pid} (.*\n)+.*sleep +{child}")
                run.send("\x1b")
                run.wait_for(rf"threadtop +\S+ {parent.pid}")
                assert f" {child} " not in run.text
                run.send("q")
                assert run.wait_exit() == 0
                assert_clean(run)
        finally:
            os.kill(int(child), signal.SIGKILL)
            assert parent.stdin is not None
            parent.stdin.close()
