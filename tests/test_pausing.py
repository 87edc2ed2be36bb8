"""Programs that pause a process: what is required before, how long it was paused, and what they leave."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from fakeproc import FakeProc
from threadtop import pausing
from threadtop.pausing import Target
from threadtop.procfs import parse
from threadtop.procfs.reader import ProcReader
from threadtop.stacks import StacksError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PID = 500
START = 1000
HOW = "apt-get install it"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProcReader:
    """A process that started at tick START."""
    proc = FakeProc(tmp_path, monkeypatch)
    proc.process(PID, 1)
    return proc.reader(descriptors=0)


def target(reader: ProcReader, pid: int = PID) -> Target:
    """The process as it is now."""
    return Target(pid, parse.parse_stat(reader.read(pid, "stat")).start_ticks)


def python(body: str) -> list[str]:
    """A program of this body."""
    return [sys.executable, "-IS", "-c", f"import os, sys, time, signal\n{body}"]


def test_what_it_answers(reader: ProcReader) -> None:
    """Exit code, output and complaints come back; no look found the process traced."""
    command = python("print('a'); print('b', file=sys.stderr); print(os.environ['DEBUGINFOD_URLS']); sys.exit(3)")
    ran = pausing.run(reader, target(reader), command, how_to_get=HOW)
    assert (ran.returncode, ran.said, ran.complained, ran.paused_s) == (3, b"a\n\n", b"b\n", None)


def test_another_process_of_the_same_number_is_left_alone(reader: ProcReader, tmp_path: Path) -> None:
    """A pid that is used again, or that is gone: the program is not run."""
    ran = tmp_path / "ran"
    command = python(f"open({str(ran)!r}, 'w')")
    now = target(reader)
    for other in (now._replace(start_ticks=now.start_ticks + 1), Target(999, 1)):
        with pytest.raises(StacksError, match="has ended"):
            pausing.run(reader, other, command, how_to_get=HOW)
    assert not ran.exists()


class Scripted(ProcReader):
    """A reader whose ``status`` says one thing after the other, the last for ever."""

    def __init__(self, real: ProcReader, *tracers: int) -> None:
        """Give ``tracers`` one by one."""
        super().__init__(real.root, descriptors=0)
        self._tracers = list(tracers)

    def read(self, pid: int | str, name: str) -> bytes:
        """The next tracer."""
        if name != "status":
            return super().read(pid, name)
        tracer = self._tracers.pop(0) if len(self._tracers) > 1 else self._tracers[0]
        return b"Name:\tx\nState:\tS (sleeping)\nTracerPid:\t%d\n" % tracer


def test_a_traced_process_is_left_alone(reader: ProcReader) -> None:
    """There can be but one tracer: whose it is is said."""
    with pytest.raises(StacksError, match=r"traced by process 77 already.*; end that debugger"):
        pausing.run(Scripted(reader, 77), target(reader), python(""), how_to_get=HOW)


def test_the_pause_is_seen(reader: ProcReader) -> None:
    """From the last look before to the first one after; a process still held as the program ends was so till then."""
    command = python("time.sleep(0.2)")
    # One look for the tracer before, one for the state.
    brief = pausing.run(Scripted(reader, 0, 0, 0, 77, 77, 0), target(reader), command, how_to_get=HOW)
    assert brief.paused_s is not None
    assert 2 * pausing.LOOK_S <= brief.paused_s < brief.took_s
    whole = pausing.run(Scripted(reader, 0, 0, 77), target(reader), command, how_to_get=HOW)
    assert whole.paused_s is not None
    assert brief.paused_s < whole.paused_s <= whole.took_s


def test_what_cannot_be_started(reader: ProcReader) -> None:
    """A program that is not there is said with how to get it."""
    with pytest.raises(StacksError, match=f"could not be started .*; {HOW}"):
        pausing.run(reader, target(reader), ["/nowhere/at/all"], how_to_get=HOW)


def test_a_program_that_hangs_is_ended(reader: ProcReader) -> None:
    """Past its time it is killed, and the process runs on."""
    with pytest.raises(StacksError, match=r"took more than 0.2 s .* was ended; process 500 runs on"):
        pausing.run(reader, target(reader), python("time.sleep(600)"), how_to_get=HOW, timeout_s=0.2)


def test_endless_output_is_ended(reader: ProcReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one that prints without end."""
    monkeypatch.setattr(pausing, "MOST_BYTES", 1 << 20)
    with pytest.raises(StacksError, match="1 MiB, and was ended"):
        pausing.run(reader, target(reader), python("while True: os.write(1, b'x' * 65536)"), how_to_get=HOW)


# -- a real process ---------------------------------------------------------------------------------------


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process that sleeps."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def state(pid: int) -> str:
    """A process's state."""
    return parse.parse_stat(ProcReader(descriptors=0).read(pid, "stat")).state


def wait_for(pid: int, wanted: str) -> None:
    """Wait until a process is in a state."""
    for _ in range(1000):
        if state(pid) in wanted:
            return
        time.sleep(0.01)
    pytest.fail(f"{pid} is {state(pid)}, not {wanted}")


@pytest.mark.live
def test_a_process_that_was_left_stopped_is_made_to_go_on(sleeper: int) -> None:
    """As a tracer that is killed while it attaches leaves its process: stopped, which nobody would notice."""
    reader = ProcReader(descriptors=0)
    body = f"os.kill({sleeper}, signal.SIGSTOP)\ntime.sleep(600)"
    with pytest.raises(StacksError, match=r"left stopped, and was made to go on"):
        pausing.run(reader, target(reader, sleeper), python(body), how_to_get=HOW, timeout_s=3.0)
    wait_for(sleeper, "S")


@pytest.mark.live
def test_a_process_that_was_stopped_stays_so(sleeper: int) -> None:
    """What a user has stopped does not go on by our doing."""
    reader = ProcReader(descriptors=0)
    os.kill(sleeper, 19)
    wait_for(sleeper, "T")
    with pytest.raises(StacksError, match="was ended; process"):
        pausing.run(reader, target(reader, sleeper), python("time.sleep(600)"), how_to_get=HOW, timeout_s=0.2)
    assert state(sleeper) == "T"
