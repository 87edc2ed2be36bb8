"""``threadtop gil``: its arguments, what is measured, and how it ends; the text is in test_gil_report_text.py."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from builders import process_row, snapshot, thread_row
from threadtop import gil_report
from threadtop.errors import TargetError, UsageError
from threadtop.gil_report import Asked
from threadtop.gil_report.measure import Measured, measure
from threadtop.snapshot import Finding, GilLockRow, GilRow, GilShare
from threadtop.source import ScriptedSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

PID = 4211
SECOND_NS = 1_000_000_000

LOCK = GilLockRow((0,), is_enabled=True, interval_us=5000, utilisation_pct=98.0, switches_per_s=212.4, holder=4216)
EXACT = GilRow(
    grade="exact",
    why_not="",
    remedy="",
    version="3.12.4",
    is_enabled=True,
    utilisation_pct=98.0,
    switches_per_s=212.4,
    waiters=2.72,
    locks=(LOCK,),
    samples=500,
    window_s=5.0,
    moments=(),
    holder_call="running",
)
BOUND = Finding(
    kind="gil-bound",
    pid=PID,
    start_ticks=1000,
    process="gunicorn",
    title="two threads share one GIL: 0.98 of a core used, 2.7 wait",
    explanation="Two threads want to run Python; one GIL lets one at a time. More threads will not help. "
    "Processes, a free-threaded build, or native code that releases the GIL will.",
    evidence=(("held", "98 % (500 samples)"), ("waits", "71 70 %")),
    grade="exact",
    severity=80.0,
    tids=(4212, 4213),
    next_command=f"py-spy dump --pid {PID} --nonblocking",
)


def share(holds: float | None = 0.0, wait: float | None = 0.0, **more: object) -> GilShare:
    """An exact share; the rest of the time is blocked."""
    blocked = 100.0 - (holds or 0.0) - (wait or 0.0)
    own = GilShare("exact", "", holds, wait, 0.0, holds, 0.0, 0.0, blocked, 500, is_python=True)
    return own._replace(**more)


def thread(tid: int, name: str, gil: GilShare | None, cpu_s: float = 0.0) -> ThreadRow:
    """A thread that has used so much CPU since it began."""
    return thread_row(tid, name=name, gil=gil, cpu_ns=round(cpu_s * SECOND_NS))


def process(*threads: ThreadRow, gil: GilRow | None = EXACT, **said: object) -> ProcessRow:
    """gunicorn, with these threads."""
    return process_row(PID, *threads, process="gunicorn", gil=gil, **said)


def shot(row: ProcessRow, **said: object) -> Snapshot:
    """A snapshot of one process whose GIL is watched."""
    return snapshot(row, **{"watch_pct": 0.94, "watch_per_s": 100.0, "own_cpu_pct": 1.42, **said})


BUSY = process(
    thread(PID, "gunicorn", share()),
    thread(4212, "worker-1", share(24.84, 71.2, runq_pct=3.1, blocked_pct=0.9), 1.24),
    thread(4213, "worker-2", share(25.1, 69.9, asleep_pct=4.0, with_pct=21.1), 1.05),
    thread(4220, "blas-0", share(None, None, with_pct=None, without_pct=88.0, is_python=False, asleep_pct=None), 4.4),
    *(thread(tid, "pool", share()) for tid in (4230, 4231)),
)
START = process(*(row._replace(cpu_ns=0) for row in BUSY.threads.values()))


# -- measuring ---------------------------------------------------------------------------------


class Clock:
    """Time that passes only while somebody sleeps; ``interrupts`` is when Ctrl+C comes."""

    def __init__(self, interrupts: float | None = None) -> None:
        """At 0 s."""
        self.now = 0.0
        self._interrupts = interrupts

    def monotonic(self) -> float:
        """Now, in s."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        if self._interrupts is not None and self.now + seconds > self._interrupts:
            self.now, self._interrupts = self._interrupts, None
            raise KeyboardInterrupt
        self.now += seconds


class Timed(ScriptedSource):
    """A scripted source that keeps when it was read."""

    def __init__(self, snapshots: Iterable[Snapshot], clock: Clock) -> None:
        """Give ``snapshots``; the last of them again and again."""
        super().__init__(snapshots)
        self.times: list[float] = []
        self.is_closed = False
        self._clock = clock
        self._latest: Snapshot | None = None

    def read(self, interest: Any) -> Snapshot | None:  # noqa: ANN401 as ScriptedSource
        """The next of them."""
        self.times.append(self._clock.now)
        self._latest = super().read(interest) or self._latest
        return self._latest

    def close(self) -> None:
        """Closed once is enough."""
        self.is_closed = True


def reads(*rows: ProcessRow | None, seconds: float = 5.0, interrupts: float | None = None) -> tuple[Measured, Timed]:
    """What is measured of these rows; None stands for a process that is not there."""
    clock = Clock(interrupts)
    source = Timed([snapshot() if row is None else shot(row) for row in rows], clock)
    return measure(source, PID, seconds, clock), source


def test_it_settles_and_reads_each_second_up_to_the_end() -> None:
    """The first figures are there before time counts; early reads are close, and the last is at the end."""
    found, source = reads(START._replace(gil=None), START, BUSY, seconds=5.0)
    assert source.times == pytest.approx([0.0, 0.25, 0.35, 0.45, 0.65, 1.05, 1.85, 2.85, 3.85, 5.25])
    assert (found.seconds, found.ended, found.is_interrupted) == (pytest.approx(5.0), "", False)
    assert {interest.attached for interest in source.interests} == {frozenset({PID})}
    assert {interest.gil for interest in source.interests} == {frozenset({PID})}
    assert all(interest.everything for interest in source.interests)


def test_cpu_is_that_of_the_whole_time() -> None:
    """A thread's CPU is what it used between the first and the last read; a reused tid starts from 0."""
    base = process(thread(PID, "main", share(), 1.0), thread(2, "old", share(), 9.0), thread(3, "u", share()))
    new = thread(2, "new", share(), 0.5)._replace(start_ticks=2000)
    after = process(
        thread(PID, "main", share(), 3.0), new, thread(3, "u", share())._replace(cpu_ns=None), thread(4, "b", None, 1.0)
    )
    found, _ = reads(base, base, after)
    assert found.cpu_pct == {PID: pytest.approx(40.0), 2: pytest.approx(10.0), 3: None, 4: pytest.approx(20.0)}


def test_a_short_time_ends_on_time() -> None:
    """Half a second is half a second."""
    found, source = reads(START, START, BUSY, seconds=0.5)
    assert source.times[-1] == pytest.approx(0.75)
    assert found.seconds == pytest.approx(0.5)


def test_no_python() -> None:
    """A process whose GIL nobody finds within a second has none."""
    with pytest.raises(TargetError, match=r"^process 4211 \(gunicorn\) is no CPython: it has no GIL; ") as raised:
        reads(process(gil=None))
    assert raised.value.exit_code == 1


def test_a_target_that_ends() -> None:
    """What was measured until then counts; the last row is the one before its end."""
    for end in (None, BUSY._replace(state="Z", thread_count=1), BUSY._replace(start_ticks=2)):
        found, _ = reads(START, START, BUSY, end)
        assert (found.process, found.ended) == (BUSY, "process 4211 has ended")
        assert found.seconds == pytest.approx(0.1)
    found, _ = reads(START, START, BUSY, BUSY._replace(state="Z"))
    assert found.ended == ""  # its main thread alone has ended
    found, _ = reads(START, START, BUSY, BUSY._replace(gil=None))
    assert (found.process, found.ended) == (BUSY, "process 4211 has ended, or runs another program now")


def test_a_target_that_ends_too_soon() -> None:
    """Nothing measured is an error, whether it ended before or after it was known to be Python."""
    for rows in ((START, None), (START, START, None)):
        with pytest.raises(TargetError, match=r"^process 4211 has ended before anything was measured; "):
            reads(*rows)
    for unknown in ((None,), (START._replace(gil=None), None)):
        with pytest.raises(TargetError, match=r"^process 4211 has ended before it was seen to be a CPython; "):
            reads(*unknown)


class Ended:
    """A command that has ended, in one way or another."""

    def __init__(self, how: str | None) -> None:
        """``how`` as Command.end_outcome has it."""
        self._how = how

    def outcome(self) -> str | None:
        """How it ended, as far as the kernel has told its parent."""
        return self._how

    def end_outcome(self) -> str | None:
        """How it ended."""
        return self._how


def test_a_command_that_ends() -> None:
    """Of a command it is known how it ended; that leaves no doubt about an exec."""
    for end in (None, BUSY._replace(gil=None), BUSY._replace(state="Z", thread_count=1, gil=None)):
        clock = Clock()
        shots = [snapshot() if row is None else shot(row) for row in (START, START, BUSY, end)]
        command: Any = Ended("exit status 3")
        found = measure(Timed(shots, clock), PID, 5.0, clock, command)
        assert found.ended == "process 4211 has ended (exit status 3)"


def test_a_command_may_become_python_late() -> None:
    """A shell that starts Python by exec has no GIL at first: a command is given five seconds."""
    clock = Clock()
    shell = shot(process(gil=None))
    running: Any = Ended(None)
    found = measure(Timed([*[shell] * 20, shot(START), shot(BUSY)], clock), PID, 5.0, clock, running)
    assert (found.process, found.seconds) == (BUSY, pytest.approx(5.0))
    with pytest.raises(TargetError, match="is no CPython"):
        measure(Timed([shell], clock), PID, 5.0, clock, running)


def test_an_interrupt_ends_it_early() -> None:
    """Ctrl+C is the end of the measurement: one more read, and what there is."""
    found, source = reads(START, START, BUSY, interrupts=3.0)
    assert (found.is_interrupted, source.times[-1]) == (True, 3.0)
    assert found.seconds == pytest.approx(2.75)
    with pytest.raises(KeyboardInterrupt):
        reads(START, START, BUSY, interrupts=0.1)


# -- the command -------------------------------------------------------------------------------


def ran(*snapshots: Snapshot, as_json: bool = False, interrupts: float | None = None) -> tuple[int, Timed]:
    """The exit code of a run over these snapshots."""
    clock = Clock(interrupts)
    source = Timed(snapshots, clock)
    return gil_report.run(Asked("x", (), 5.0, as_json), PID, source_=source, clock=clock), source


def test_a_run_prints_one_report(capsys: pytest.CaptureFixture[str]) -> None:
    """Text on standard output, exit code 0, and the source is closed."""
    code, source = ran(shot(START), shot(START), shot(BUSY))
    said = capsys.readouterr()
    assert (code, said.err, source.is_closed) == (0, "", True)
    assert said.out.splitlines()[0] == "gunicorn  pid 4211  Python 3.12.4  exact  5.0 s, 500 samples"
    assert said.out.endswith("100 samples/s\n")


def test_an_interrupted_run_prints_and_exits_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl+C in the middle shows what there is."""
    code, _ = ran(shot(START), shot(START), shot(BUSY), interrupts=2.25)
    assert code == 130
    assert "interrupted: 2.0 of 5 s were measured" in capsys.readouterr().out.splitlines()


def test_a_run_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One document of the same schema as --once --json has, and how long it was measured."""
    ran(shot(START), shot(START), shot(BUSY, findings=(BOUND,)), as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    read = json.loads(line)
    assert (read["schema"], read["cost"]["watch_pct"]) == ("threadtop/1", 0.94)
    assert read["measurement"] == {"asked_s": 5.0, "measured_s": 5.0, "ended": None, "is_interrupted": False}
    (found,) = read["processes"]
    assert (found["gil"]["utilisation_pct"], found["gil"]["samples"]) == (98.0, 500)
    shares = {own["tid"]: own["gil"]["wait_pct"] for own in found["threads"]}
    assert shares == {PID: 0.0, 4212: 71.2, 4213: 69.9, 4220: None, 4230: 0.0, 4231: 0.0}
    assert [own["kind"] for own in read["findings"]] == ["gil-bound"]


def test_the_source_is_closed_whatever_happens() -> None:
    """An error leaves nothing open."""
    clock = Clock()
    source = Timed([shot(process(gil=None))], clock)
    with pytest.raises(TargetError):
        gil_report.run(Asked("x", (), 5.0, json=False), PID, source_=source, clock=clock)
    assert source.is_closed


@pytest.mark.parametrize(("encoding", "name"), [("ascii", r"\u6f22"), ("utf-8", "漢")])
def test_an_encoding_that_cannot(monkeypatch: pytest.MonkeyPatch, encoding: str, name: str) -> None:
    """What the locale has no character for is shown by its number, and nothing else is but ASCII."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    row = process(thread(PID, "漢", share(1.0)))
    ran(shot(row), shot(row))
    said = written.getvalue().decode(encoding)
    assert name in said
    assert said.replace(name, "").isascii()


def test_a_narrow_terminal_without_an_ellipsis(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal lines are cut at its width, also where the sign for that is no character of its own."""
    written = io.BytesIO()
    output = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(output, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setenv("COLUMNS", "40")
    ran(shot(BUSY), shot(BUSY))
    rows = written.getvalue().decode().splitlines()
    assert rows[0] == "gunicorn  pid 4211  Python 3.12.4  exac."
    assert max(map(len, rows)) == 40


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from test_gil_report import START, BUSY, PID, Clock, Timed, shot
from threadtop import cli, gil_report
clock = Clock()
real = gil_report.run
gil_report.run = lambda asked, pid, command=None: real(
    asked, PID, command, Timed([shot(START), shot(BUSY)], clock), clock
)
raise SystemExit(cli.main(["gil", *sys.argv[1:], "1"]))
"""


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "json"])
def test_a_reader_that_has_gone(arguments: list[str]) -> None:
    """A closed pipe (head) ends it quietly."""
    script = SCRIPT.format(tests=str(Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process_:
        assert process_.stdout is not None
        process_.stdout.close()
        assert process_.stderr is not None
        errors = process_.stderr.read()
    assert (process_.returncode, errors) == (0, b"")


# -- arguments ---------------------------------------------------------------------------------


def test_arguments() -> None:
    """A target or a command, seconds and the form of the output."""
    assert gil_report.parse(["4211"]) == Asked("4211", (), 5.0, json=False)
    assert gil_report.parse(["-d", "0.5", "--json", "web"]) == Asked("web", (), 0.5, json=True)
    assert gil_report.parse(["-d", "3600", "--", "python3", "-d", "x"]) == Asked(
        None, ("python3", "-d", "x"), 3600.0, json=False
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "gil wants a process to watch; write threadtop gil PID, ", id="nothing"),
        pytest.param([""], "gil wants a process to watch; write threadtop gil PID, ", id="empty"),
        pytest.param(["", "--", "true"], "gil wants a process to watch; ", id="empty and a command"),
        pytest.param(["--"], "there is no command after --; write threadtop gil -- COMMAND ", id="no command"),
        pytest.param(["-d", "0", "1"], "-d wants seconds between 0.5 and 3600, not '0'; try -d 5", id="zero"),
        pytest.param(["-d", "0.49", "1"], "-d wants seconds between 0.5 and 3600, not '0.49'; ", id="short"),
        pytest.param(["-d", "3601", "1"], "-d wants seconds between 0.5 and 3600, not '3601'; ", id="long"),
        pytest.param(["-d", "x", "1"], "-d wants seconds between 0.5 and 3600, not 'x'; ", id="no number"),
        pytest.param(["-d", "nan", "1"], "-d wants seconds between 0.5 and 3600, not 'nan'; ", id="nan"),
        pytest.param(["1", "--", "true"], "a PID or NAME and a command to start cannot be combined; ", id="both"),
        pytest.param(["1", "2"], "unrecognized arguments: 2; threadtop gil --help lists the options", id="two"),
        pytest.param(["--once", "1"], "unrecognized arguments: --once; ", id="not an option of gil"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str) -> None:
    """What makes no sense is said in one line, with what to write instead."""
    with pytest.raises(UsageError) as raised:
        gil_report.parse(arguments)
    assert str(raised.value).startswith(message)
    assert raised.value.exit_code == 2
