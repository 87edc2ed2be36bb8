"""``threadtop record``: its arguments, when it takes passes, how it ends, and what it says."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOON, process_sample, sample, thread_sample
from recorded import count, error_of, finding, script
from test_gil_report import Clock, Ended
from threadtop import cli, record_command
from threadtop.errors import RecordingError, TargetError, UsageError
from threadtop.meaning import Meaning
from threadtop.moment import Moment
from threadtop.record_command import Asked, parse, run, span_s
from threadtop.recording.reader import Recording
from threadtop.recording.writer import default_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from threadtop.interest import Interest
    from threadtop.snapshot import Snapshot

PID = 100
PLAIN = Asked(None, (), None, (), 1.0, None)


class Live:
    """A live source of made-up moments; the last of them again and again."""

    def __init__(self, moments: Iterable[Moment], clock: Clock) -> None:
        """Give ``moments``; ``times`` is when it was read, ``interests`` for whom."""
        self.keep: Callable[[Moment], None] | None = None
        self.times: list[float] = []
        self.interests: list[Interest] = []
        self.is_closed = False
        self.moment: Moment | None = None
        self._left = iter(moments)
        self._clock = clock
        self._meaning = Meaning()

    def read(self, interest: Interest) -> Snapshot:
        """The next of them, kept."""
        self.times.append(self._clock.now)
        self.interests.append(interest)
        self.moment = next(self._left, self.moment)
        assert self.moment is not None
        assert self.keep is not None
        self.keep(self.moment)
        return self._meaning.rates(self.moment.sample)

    def close(self) -> None:
        """Closed once is enough."""
        assert not self.is_closed
        self.is_closed = True


def seen(*states: str, start_ticks: int = 1000) -> list[Moment]:
    """A process in these states, one after the other; "" is one that is not there."""
    rows = [[process_sample(PID, state=state, start_ticks=start_ticks)] if state else [] for state in states]
    return [Moment(sample(float(at), *row), {}, ()) for at, row in enumerate(rows)]


def without_main() -> list[Moment]:
    """It, when its main thread alone has ended."""
    threads = thread_sample(PID, state="Z"), thread_sample(PID + 1)
    return [Moment(sample(1.0, process_sample(PID, *threads, state="Z")), {}, ())]


def recorded(
    path: Path,
    moments: Iterable[Moment],
    *,
    pids: Iterable[int] = (),
    interrupts: float | None = None,
    **said: Any,  # noqa: ANN401
) -> tuple[int, Live]:
    """The exit code of a run into a file, and what was read for it."""
    clock = Clock(interrupts)
    live = Live(moments, clock)
    command = said.pop("command", None)
    asked = PLAIN._replace(file=path, **said)
    return run(asked, frozenset(pids), command, live, clock), live  # type: ignore[arg-type]


# -- arguments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ("", PLAIN),
        ("-o a.ttr -d 0.5 --for 10m", Asked(Path("a.ttr"), (), None, (), 0.5, 600.0)),
        ("4211", PLAIN._replace(pids=(4211,))),
        ("-p 4211,4300 -p 7 -p 7", PLAIN._replace(pids=(4211, 4300, 7))),
        ("gunicorn --for 90", PLAIN._replace(name="gunicorn", for_s=90.0)),
        ("-d 2 -- make -j 4 -o x", PLAIN._replace(interval_s=2.0, command=("make", "-j", "4", "-o", "x"))),
        ("--output=a --delay=3", PLAIN._replace(file=Path("a"), interval_s=3.0)),
    ],
)
def test_arguments(arguments: str, asked: Asked) -> None:
    """Whom, where to, how often, for how long."""
    assert parse(arguments.split()) == asked


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("4211 -- make", "a PID, a NAME and a command to start cannot be combined"),
        ("gunicorn -p 7", "cannot be combined"),
        ("-p x", "'x' is not a process id"),
        ("-d 0", "-d"),
        ("-d nan", "-d"),
        ("--for never", "--for wants a time such as 90s, 10m or 2h, not 'never'; try --for 10m"),
        ("--for 0", "--for wants a time"),
        ("--for -5", "--for"),
        ("--fo 5", "unrecognized arguments: --fo"),
        ("--", "threadtop record"),
        ("a b", "b"),
    ],
)
def test_arguments_that_make_no_sense(arguments: str, why: str) -> None:
    """What is wrong is named, and what would be right."""
    with pytest.raises(UsageError) as raised:
        parse(arguments.split())
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), (" 2h ", 7200.0), ("1d", 86400.0), ("0.5", 0.5)],
)
def test_spans(value: str, seconds: float) -> None:
    """Seconds, or with a letter."""
    assert span_s(value, "--for") == seconds
    assert span_s(None, "--for") is None


@pytest.mark.parametrize("value", ["", "s", "1e3", "10 m", "5w", "\u0665", "1:30", "-1", "x" * 99])
def test_spans_that_are_none(value: str) -> None:
    """Nothing is guessed; what was said is quoted, cut short."""
    with pytest.raises(UsageError, match="wants a time such as") as raised:
        span_s(value, "--for")
    assert len(str(raised.value)) < 120


def test_files_are_named_by_host_and_time() -> None:
    """UTC, in the order of names; nothing of a host name can lead elsewhere."""
    assert default_name("web-03.example", NOON) == "threadtop-web-03.example-20260101T120000Z.ttr"
    assert default_name("../a b\x1b\u00e4", NOON) == "threadtop-.._a_b__-20260101T120000Z.ttr"
    assert default_name("", NOON) == "threadtop-host-20260101T120000Z.ttr"


def test_the_schema_is_that_of_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    """``--schema`` prints the tables with their remarks, and needs no process."""
    with pytest.raises(SystemExit) as ended:
        parse(["--schema"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("CREATE TABLE meta (\n")
    assert "run_ns INTEGER,               -- on a CPU, since it began (schedstat)" in printed


# -- when it reads -----------------------------------------------------------------------------


def test_passes_are_evenly_spaced_and_the_last_is_at_the_end(tmp_path: Path) -> None:
    """The first gap is short; the time that was asked for is recorded whole."""
    code, live = recorded(tmp_path / "a", script(), for_s=4.0)
    assert live.times == [0.0, 0.25, 1.25, 2.25, 3.25, 4.0]
    assert (code, live.is_closed) == (0, True)
    assert recorded(tmp_path / "b", script(), for_s=2.25)[1].times == [0.0, 0.25, 1.25, 2.25]
    assert recorded(tmp_path / "c", script(), for_s=0.1)[1].times == [0.0, 0.1]
    assert recorded(tmp_path / "d", script(), for_s=0.5, interval_s=0.1)[1].times == pytest.approx(
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    )


def test_the_whole_machine_is_read_whole_once(tmp_path: Path) -> None:
    """First all threads, then those that move; of processes also GIL and waits."""
    _, live = recorded(tmp_path / "a", script(), for_s=2.0)
    assert [interest.everything for interest in live.interests] == [True, False, False, False]
    assert {(one.attached, one.gil, one.waits) for one in live.interests} == {(None, frozenset(), frozenset())}
    _, live = recorded(tmp_path / "b", script(), pids=[PID], for_s=2.0)
    pids = frozenset({PID})
    assert {(one.attached, one.gil, one.waits) for one in live.interests} == {(pids, pids, pids)}


def test_passes_that_are_late_are_not_made_up_for(tmp_path: Path) -> None:
    """The machine stood still for a minute: one pass comes at once, and the next when it is due, not sixty."""

    class Stalled(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds + (60 if self.now == 0.25 else 0))

    clock = Stalled(65.0)
    live = Live(script(), clock)
    run(PLAIN._replace(file=tmp_path / "a"), frozenset(), None, live, clock)  # type: ignore[arg-type]
    assert live.times == [0.0, 0.25, 61.25, 62.25, 63.25, 64.25]


# -- how it ends -------------------------------------------------------------------------------


def test_it_says_where_to_and_what_became_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two lines on standard error, the size as it is in the end; nothing on standard output."""
    recorded(tmp_path / "a\x1b", script(), for_s=90.0)
    out, err = capsys.readouterr()
    first, last = err.splitlines()
    assert out == ""
    assert first == f"threadtop: recording to {tmp_path}/a^[; Ctrl+C ends it"
    assert last.startswith("threadtop: done: 92 ticks in 1 min 30 s, ")
    assert last.endswith(f" in {tmp_path}/a^[")


def test_ctrl_c_ends_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What there is, is whole: exit code 0."""
    code, live = recorded(tmp_path / "a", script(), interrupts=3.0)
    assert (code, live.is_closed) == (0, True)
    assert "threadtop: interrupted: 4 ticks in 3 s, " in capsys.readouterr().err
    assert error_of(tmp_path / "a", seeks=()) == ""


def test_ctrl_c_before_there_are_rates(tmp_path: Path) -> None:
    """One tick tells no rates: it is kept, but the exit code says that it was interrupted."""
    code, _ = recorded(tmp_path / "a", script(), interrupts=0.1)
    assert code == cli.EXIT_INTERRUPTED
    assert count(tmp_path / "a") == 1


class Interrupted(Live):
    """A source during whose n-th pass a signal comes."""

    def __init__(self, clock: Clock, signal: BaseException, passes: int = 1) -> None:
        """Give the script until then."""
        super().__init__(script(), clock)
        self._signal, self._passes = signal, passes

    def read(self, interest: Interest) -> Snapshot:
        """The next pass, or the signal."""
        if len(self.interests) + 1 < self._passes:
            return super().read(interest)
        raise self._signal


def test_a_first_pass_that_fails_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Interrupted in the first pass: there is nothing to keep, and that is said."""
    clock = Clock()
    live = Interrupted(clock, KeyboardInterrupt())
    assert run(PLAIN._replace(file=tmp_path / "a"), frozenset(), None, live, clock) == 130  # type: ignore[arg-type]
    assert live.is_closed
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err.splitlines()[1:] == ["threadtop: interrupted: nothing was recorded"]


@pytest.mark.parametrize(
    ("passes", "what"),
    [(1, "nothing was recorded"), (2, "1 tick in 0 s, "), (4, "3 ticks in 2 s, ")],
)
def test_a_service_that_is_stopped_says_what_it_has(
    tmp_path: Path, passes: int, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM ends it with its own code, after the line that a log wants; what there is, is whole."""
    clock = Clock()
    live = Interrupted(clock, SystemExit(128 + signal.SIGTERM), passes)
    with pytest.raises(SystemExit) as ended:
        run(PLAIN._replace(file=tmp_path / "a"), frozenset(), None, live, clock)  # type: ignore[arg-type]
    assert (ended.value.code, live.is_closed) == (143, True)
    assert capsys.readouterr().err.splitlines()[1].startswith(f"threadtop: ended by SIGTERM: {what}")
    assert [path.name for path in tmp_path.iterdir()] == ["a"] * (passes > 1)


@pytest.mark.parametrize(
    ("moments", "ticks"),
    [
        (seen("S", "S", "S", ""), 4),
        (seen("S", "S", "Z"), 3),
        ([*seen("S", "S"), *seen("S", start_ticks=2000)], 3),
        (seen(""), 2),
        ([*seen("S"), *without_main(), *seen("")], 3),
    ],
    ids=["gone", "zombie", "another with its pid", "gone before the first pass", "its main thread, then it"],
)
def test_a_process_that_ends_ends_its_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], moments: list[Moment], ticks: int
) -> None:
    """The last tick is that in which it was found to be gone."""
    code, live = recorded(tmp_path / "a", moments, pids=[PID])
    assert (code, len(live.times)) == (0, ticks)
    assert f"threadtop: process 100 has ended: {ticks} ticks in " in capsys.readouterr().err


def test_one_of_several_processes_may_end(tmp_path: Path) -> None:
    """It goes on until the last has ended."""
    both = [process_sample(PID), process_sample(200)]
    moments = [Moment(sample(float(at), *both[:left]), {}, ()) for at, left in enumerate((2, 2, 1, 1, 0))]
    assert len(recorded(tmp_path / "a", moments, pids=[PID, 200])[1].times) == 5


def test_a_command_that_ends_says_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its outcome stands in the last line; threadtop's own exit code is that of the recording."""
    code, _ = recorded(tmp_path / "a", seen("S", "S", "S", "Z"), pids=[PID], command=Ended("exit status 3"))
    assert code == 0
    assert "threadtop: process 100 has ended (exit status 3): 4 ticks" in capsys.readouterr().err


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    """Refused before anything is read."""
    (tmp_path / "a").write_text("mine")
    with pytest.raises(RecordingError, match="is there already"):
        recorded(tmp_path / "a", script())
    assert (tmp_path / "a").read_text() == "mine"


def test_a_disk_that_fills_up_ends_it_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is closed, the file holds the ticks before, and the error goes on to the command line."""

    def add(self: Any, moment: Moment) -> None:  # noqa: ANN401
        if self.ticks == 3:
            message = "disk is full"
            raise RecordingError(message)
        whole(self, moment)

    whole = record_command.writer.Writer.add
    monkeypatch.setattr(record_command.writer.Writer, "add", add)
    clock = Clock()
    live = Live(script(), clock)
    with pytest.raises(RecordingError):
        run(PLAIN._replace(file=tmp_path / "a"), frozenset(), None, live, clock)  # type: ignore[arg-type]
    assert live.is_closed
    assert count(tmp_path / "a") == 3


def test_nobody_need_read_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal or pipe behind standard error is gone: it records all the same."""

    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Broken())
    code, _ = recorded(tmp_path / "a", script(), for_s=3.0)
    assert (code, error_of(tmp_path / "a", seeks=())) == (0, "")


def test_findings_are_recorded_with_their_moments(tmp_path: Path) -> None:
    """What the live screen found is in the file, at its tick."""
    moments = [moment._replace(findings=(finding("busy", PID),)) for moment in seen("S")]
    recorded(tmp_path / "a", [*seen("S"), *moments], for_s=3.0)
    recording = Recording(tmp_path / "a")
    assert [(mark.tick, mark.kind) for mark in recording.marks()] == [(2, "busy")]
    recording.close()


# -- the command line --------------------------------------------------------------------------


def test_who_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is made for a pid, a name or a command that does not exist."""
    monkeypatch.chdir(tmp_path)
    for arguments, why in (
        (["999999999"], "there is no process 999999999"),
        (["no-such-program-here"], "no process is called 'no-such-program-here'"),
        (["--", "no-such-program-here"], "cannot start 'no-such-program-here'"),
    ):
        with pytest.raises(TargetError, match=why):
            record_command.main(arguments)
    assert not list(tmp_path.iterdir())


def test_the_command_line_leads_here(tmp_path: Path) -> None:
    """``threadtop record`` with an error: one line, its exit code, no file; textual is not imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "threadtop", "record", "-o", tmp_path / "none" / "a", "--for", "1"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert (done.returncode, done.stdout) == (1, "")
    assert said == [
        f"threadtop: cannot write {tmp_path}/none/a: No such file or directory; choose another place with -o FILE"
    ]
    assert "textual" not in done.stderr
