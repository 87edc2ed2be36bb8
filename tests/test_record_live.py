"""``threadtop record`` on this machine: how it ends by itself and by signals, and what kill -9 leaves behind."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recorded import count, error_of
from threadtop.recording.reader import Recording
from threadtop.recording.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.snapshot import Snapshot

pytestmark = [pytest.mark.live, pytest.mark.every_python]
PROGRAMS = Path(__file__).parent / "programs"
MOST_S = 60.0
KILLS = int(os.environ.get("THREADTOP_KILLS", "10"))
RECORDS = (sys.executable, str(PROGRAMS / "records.py"))


class Recorder:
    """``threadtop record``, running; ``ticks`` are read as they are written."""

    def __init__(self, file: Path, *arguments: str, program: tuple[str, ...] = RECORDS) -> None:
        """Start it."""
        own = ("-o", str(file)) if program is RECORDS else (str(file),)
        # Without a buffer: what is read line by line, and what is left at the end, is all of it.
        self.process = subprocess.Popen(
            [*program, *own, *arguments], bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.ticks = 0

    def wait_for(self, ticks: int) -> None:
        """Until so many are written."""
        assert self.process.stdout is not None
        while self.ticks < ticks:
            line = self.process.stdout.readline()
            assert line, self.process.communicate()
            self.ticks = int(line)

    def end(self, number: int | None = None) -> tuple[int, str]:
        """Its exit code and what it said, after a signal; all ticks it wrote are counted."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=MOST_S)
        self.ticks = int(out.split()[-1]) if out.split() else self.ticks
        return self.process.returncode, err.decode()


@contextmanager
def running(*command: str) -> Iterator[int]:
    """The pid of a program, for as long as it is wanted."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def last_shot(file: Path) -> Snapshot:
    """The last tick as it was shown."""
    replay = Replay(file)
    shot = replay.seek(len(replay))[-1]
    replay.close()
    return shot


# -- by itself ---------------------------------------------------------------------------------


def test_the_machine_for_a_while(tmp_path: Path) -> None:
    """All processes, this one among them, as many ticks as were said, and the file for its owner only."""
    recorder = Recorder(tmp_path / "a", "-d", "0.5", "--for", "1.5")
    code, err = recorder.end()
    assert code == 0, err
    assert f": done: {count(tmp_path / 'a')} ticks in " in err
    assert count(tmp_path / "a") == recorder.ticks > 1
    assert os.getpid() in last_shot(tmp_path / "a").processes
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_command_and_its_gil(tmp_path: Path) -> None:
    """A Python program that is started for it: it is watched, its waits too, and its end ends the recording."""
    recorder = Recorder(tmp_path / "a", "-d", "0.25", "--", sys.executable, str(PROGRAMS / "gil.py"), "crowd", "4")
    code, err = recorder.end()
    assert code == 0, err
    assert "has ended (killed by SIGALRM)" in err
    recording = Recording(tmp_path / "a")
    samples = [moment.sample for moment in recording.moments(0, len(recording.ticks))]
    recording.close()
    assert any(gil.threads for sample in samples for gil in sample.gils.values())
    assert any(waits.threads for sample in samples for waits in sample.waits.values())
    assert error_of(tmp_path / "a", seeks=range(len(samples))) == ""


def test_a_process_by_its_name(tmp_path: Path) -> None:
    """The one process that is called so, until it ends."""
    name = tmp_path / "solitary-program"
    name.write_text("import time\nprint(flush=True)\ntime.sleep(60)\n")
    with running(sys.executable, str(name)) as pid:
        recorder = Recorder(tmp_path / "a", "-d", "0.1", "solitary-program")
        recorder.wait_for(4)
    code, err = recorder.end()
    assert code == 0, err
    assert f"process {pid} has ended" in err
    recording = Recording(tmp_path / "a")
    assert {pid} == {pid for moment in recording.moments(0, 3) for pid in moment.sample.processes}
    recording.close()


def test_a_process_that_is_not_there(tmp_path: Path) -> None:
    """An error, exit code 2, and no file."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    code, err = Recorder(tmp_path / "a", "-p", str(gone.pid)).end()
    assert (code, f"there is no process {gone.pid}" in err) == (2, True)
    assert not list(tmp_path.iterdir())


# -- by signals --------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + 15), (signal.SIGHUP, 128 + 1)])
def test_a_signal_ends_it_well(tmp_path: Path, number: int, code: int) -> None:
    """Ctrl+C, a service manager, a terminal that goes: all ticks are there, and no journal beside them."""
    recorder = Recorder(tmp_path / "a", "-d", "0.1", "-p", str(os.getpid()))
    recorder.wait_for(3)
    found, err = recorder.end(number)
    assert found == code, err
    why = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    first, last = err.splitlines()
    assert first == f"threadtop: recording to {tmp_path}/a; Ctrl+C ends it"
    assert last.startswith(f"threadtop: {why}: {count(tmp_path / 'a')} ticks in ")
    assert last.endswith(f" in {tmp_path}/a")
    assert recorder.ticks <= count(tmp_path / "a") <= recorder.ticks + 1
    assert error_of(tmp_path / "a", seeks=()) == ""
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_signal_ends_the_command_too(tmp_path: Path) -> None:
    """What was started for the recording is ended with it."""
    mark = tmp_path / "pid"
    start = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    recorder = Recorder(tmp_path / "a", "-d", "0.1", "--", sys.executable, "-c", start)
    recorder.wait_for(3)
    deadline = time.monotonic() + MOST_S
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    recorder.end(signal.SIGTERM)
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


@pytest.mark.parametrize("how", ["2>&-", "2>/dev/full", "2> >(exit)"])
def test_standard_error_may_be_gone(tmp_path: Path, how: str) -> None:
    """Closed, full, or a pipe without a reader: it records all the same, and the file holds nothing else."""
    line = f'exec "$0" -m threadtop record -o "$1" -d 0.1 --for 0.5 -p $$ {how}'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable, tmp_path / "a"], capture_output=True, timeout=MOST_S, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")
    assert error_of(tmp_path / "a", seeks=()) == ""
    assert count(tmp_path / "a") > 1


# -- kill -9 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kill", range(KILLS))
def test_kill_9_loses_the_last_tick_at_most(tmp_path: Path, kill: int) -> None:
    """At a random moment of a real recording: the file opens, and every tick that was written is in it."""
    chance = random.Random(kill)  # noqa: S311 a reproducible choice, no secret
    recorder = Recorder(tmp_path / "a", "-d", "0.1", "-p", str(os.getpid()))
    recorder.wait_for(1 + chance.randrange(4))
    time.sleep(chance.random() / 5)
    recorder.end(signal.SIGKILL)
    assert error_of(tmp_path / "a", seeks=()) == ""
    assert recorder.ticks <= count(tmp_path / "a") <= recorder.ticks + 1


@pytest.mark.parametrize("kill", range(KILLS))
def test_kill_9_in_the_middle_of_a_tick(tmp_path: Path, kill: int) -> None:
    """One that does nothing but write dies in the middle of it: what was half written is undone as it is opened."""
    chance = random.Random(kill)  # noqa: S311 a reproducible choice, no secret
    recorder = Recorder(tmp_path / "a", program=(sys.executable, str(PROGRAMS / "writes.py")))
    recorder.wait_for(1 + chance.randrange(150))
    time.sleep(chance.random() / 200)
    recorder.end(signal.SIGKILL)
    assert error_of(tmp_path / "a", seeks=(1, 20)) == ""
    recording = Recording(tmp_path / "a")
    assert recorder.ticks <= len(recording.ticks) <= recorder.ticks + 1
    assert [tick.number for tick in recording.ticks] == list(range(1, len(recording.ticks) + 1))
    recording.close()


# -- beside a reader ---------------------------------------------------------------------------


def test_who_looks_on_sees_whole_ticks_and_disturbs_nobody(tmp_path: Path) -> None:
    """Another program asks again and again, and one has the file open with a lock: no tick is lost or seen in part."""
    recorder = Recorder(tmp_path / "a", "-d", "0.1", "-p", str(os.getpid()))
    recorder.wait_for(2)
    reader = sqlite3.connect(tmp_path / "a", isolation_level=None, timeout=MOST_S)
    for tick in range(3, 12):
        reader.execute("BEGIN")
        (seen,) = reader.execute("SELECT max(tick) FROM ticks").fetchone()
        recorder.wait_for(tick)
        sums = [
            reader.execute(f"SELECT max(tick) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("ticks", "looks", "process_samples", "thread_samples")
        ]
        reader.execute("COMMIT")
        assert sums[0] == seen >= max(number or 0 for number in sums)
        recording = Recording(tmp_path / "a")
        assert len(recording.ticks) >= seen
        assert next(recording.moments(0, 1)).sample.processes
        recording.close()
    reader.close()
    code, err = recorder.end(signal.SIGINT)
    assert code == 0, err
    assert recorder.ticks <= count(tmp_path / "a") <= recorder.ticks + 1
    assert error_of(tmp_path / "a", seeks=()) == ""
