"""``threadtop --explain``: what is watched, how it ends, and with which exit code; the text is below."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from builders import process_row, snapshot, thread_row
from test_gil_report import Clock, Ended, Timed
from threadtop import cli, explain
from threadtop.blocked import BlockedOn
from threadtop.cli import Options
from threadtop.errors import UsageError
from threadtop.explain.lines import report_lines
from threadtop.explain.watch import Watched, watch
from threadtop.snapshot import Finding
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, Snapshot

PID = 4211
BAD = Finding(
    kind="starved",
    pid=PID,
    start_ticks=1000,
    process="server",
    title="worker waits for a CPU 67 % of its time",
    explanation="It is ready. Nobody is.",
    evidence=(("waits for a cpu", "67 %"), ("runs", "33 %")),
    grade="exact",
    severity=66.0,
    tids=(4212,),
    next_command="ps -eLo pid,tid,psr,cls,ni,pcpu,comm --sort=-pcpu | head -20",
)
FINE = BAD._replace(kind="hot-thread", title="worker is hot", severity=35.0, next_command="")
ELSEWHERE = BAD._replace(pid=7, process="other", title="it is another's", tids=(7,))
WORKER = thread_row(
    4212,
    name="worker",
    cpu_pct=33.0,
    user_pct=33.0,
    system_pct=0.0,
    wait_pct=47.0,
    state="R",
    reason="starved",
    sampled=TimeShare(33.0, 0.0, 47.0, (("lock", 15.0), ("poll", 5.0)), 40),
)


def server(*, start_ticks: int = 1000, state: str = "S") -> ProcessRow:
    """A process with a thread that waits."""
    return process_row(PID, thread_row(PID), WORKER, start_ticks=start_ticks, state=state)


def shot(*found: Finding, row: ProcessRow | None = None, **said: object) -> Snapshot:
    """A moment with these findings."""
    rows = (row or server(), process_row(7, process="other"))
    return snapshot(*rows, findings=found, **{"own_cpu_pct": 1.4, **said})


FIRST = shot(interval_s=None)


def watched(
    *snapshots: Snapshot, pids: tuple[int, ...] = (PID,), seconds: float = 5.0, interrupts: float | None = None
) -> tuple[Watched, Timed]:
    """What is seen of these."""
    clock = Clock(interrupts)
    source = Timed(snapshots, clock)
    return watch(source, frozenset(pids), seconds, clock), source


# -- watching ----------------------------------------------------------------------------------


def test_it_reads_each_second_to_the_end() -> None:
    """The whole machine is read, the process asked for closely; each thread of it is in sight."""
    found, source = watched(FIRST, shot(BAD))
    assert source.times == pytest.approx([0.0, 0.2, 1.2, 2.2, 3.2, 4.2, 5.0])
    last = source.interests[-1]
    assert (last.attached, last.gil, last.waits) == (None, {PID}, {PID})
    assert last.visible == {(PID, PID), (PID, 4212)}
    assert (found.found, found.seconds, found.ended) == ((BAD,), pytest.approx(5.0), "")


def test_findings_of_others_are_theirs() -> None:
    """Asked for one process, those of another are left out; asked for the machine, none is."""
    assert watched(FIRST, shot(BAD, ELSEWHERE, FINE))[0].found == (BAD, FINE)
    found, source = watched(FIRST, shot(BAD, ELSEWHERE, FINE), pids=())
    assert found.found == (ELSEWHERE, BAD, FINE)
    assert source.interests[-1].waits == frozenset()


def test_a_finding_that_names_its_threads_is_its_own_too() -> None:
    """Told of one of several processes, as a lock of a database: whoever asks about another is told whose it is."""
    several = ELSEWHERE._replace(kind="database-lock", tids=(7, PID))
    through_a_thread = ELSEWHERE._replace(kind="deadlock", tids=(7, WORKER.tid))
    assert [each.kind for each in watched(FIRST, shot(several, ELSEWHERE))[0].found] == ["database-lock"]
    assert [each.kind for each in watched(FIRST, shot(through_a_thread))[0].found] == ["deadlock"]
    assert "! other 7: it is another's  (exact)" in lines(shot(several))


def test_the_newest_words_of_a_finding_count() -> None:
    """Of what was found again and again the last is told; what has gone says so, unless it was one reading's."""
    newer = BAD._replace(title="worker waits 70 %")
    found, _ = watched(FIRST, shot(FINE), shot(FINE, BAD, ELSEWHERE._replace(pid=PID, kind="blip")), shot(newer))
    assert found.found == (newer, FINE)
    assert found.gone == {("hot-thread", PID, 1000)}


@pytest.mark.parametrize(
    "end",
    [snapshot(), shot(row=server(start_ticks=2)), shot(row=server(state="Z")._replace(thread_count=1))],
    ids=["gone", "reused", "zombie"],
)
def test_a_target_that_ends(end: Snapshot) -> None:
    """What was seen until then counts; before anything was, there is nothing to explain."""
    found, _ = watched(FIRST, shot(BAD), end)
    assert (found.found, found.ended) == ((BAD,), f"process {PID} has ended")
    with pytest.raises(UsageError, match=rf"^process {PID} has ended before anything was seen; ") as raised:
        watched(FIRST, end)
    assert raised.value.exit_code == 2


def test_a_command_that_ends() -> None:
    """Of a command it is known how it ended."""
    clock, command = Clock(), Ended("exit status 3")
    ended: Any = command
    found = watch(Timed([FIRST, shot(BAD), snapshot()], clock), frozenset({PID}), 5.0, clock, ended)
    assert found.ended == f"process {PID} has ended (exit status 3)"


def test_an_interrupt_ends_it_early() -> None:
    """Ctrl+C shows what there is; where there is nothing yet, it is an interrupt."""
    found, source = watched(FIRST, shot(BAD), interrupts=2.0)
    assert (found.is_interrupted, source.times[-1], found.found) == (True, 2.0, (BAD,))
    with pytest.raises(KeyboardInterrupt):
        watched(FIRST, FIRST, interrupts=0.1)


# -- the command -------------------------------------------------------------------------------


def ran(*snapshots: Snapshot, pids: tuple[int, ...] = (PID,), interrupts: float | None = None, **more: Any) -> int:  # noqa: ANN401
    """The exit code of a run over these snapshots; its source is closed."""
    clock = Clock(interrupts)
    source = Timed(snapshots, clock)
    code = explain.run(Options(pids=frozenset(pids), explain=True, **more), None, source, clock)
    assert source.is_closed
    return code


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """0 nothing but observations, 1 a problem, 130 interrupted."""
    assert ran(FIRST, shot()) == 0
    assert ran(FIRST, shot(FINE, ELSEWHERE)) == 0
    assert ran(FIRST, shot(FINE, BAD)) == 1
    assert ran(FIRST, shot(FINE, BAD), interrupts=2.0) == 130
    assert ran(FIRST, shot(ELSEWHERE), pids=()) == 1
    assert capsys.readouterr().err == ""


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The document of --once for what was asked for, with what was found and how it was watched."""
    assert ran(FIRST, shot(BAD, FINE), json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert [found["kind"] for found in document["findings"]] == ["starved", "hot-thread"]
    assert [row["pid"] for row in document["processes"]] == [PID]
    assert document["explain"] == {
        "pids": [PID],
        "asked_s": 5.0,
        "watched_s": 5.0,
        "readings": document["explain"]["readings"],
        "ended": None,
        "is_interrupted": False,
        "has_problem": True,
        "not_looked_at": document["explain"]["not_looked_at"],
    }
    ran(FIRST, shot(ELSEWHERE), pids=(), json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["processes"], document["explain"]["pids"]) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--explain", "-p", "999999999"], "there is no process 999999999"),
        (["--explain", "no-such-program-runs"], "no process is called 'no-such-program-runs'"),
        (["--explain", "--", "/no/such/command"], "cannot start '/no/such/command'"),
        (["--explain", "--once"], "--explain and --once cannot be combined"),
        (["--explain", "--columns", "tid"], "--explain and --columns cannot be combined"),
        (["--explain", "-d", "0.1"], "-d wants seconds between 0.5 and 3600"),
        (["--explain", "-p", "x"], "'x' is not a process id"),
    ],
)
def test_bad_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to watch and options that make no sense are exit code 2, never 1: that is a problem found."""
    assert cli.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_arguments() -> None:
    """-d is how long it watches; a name and a command are as elsewhere."""
    options, name, _ = cli.parse(["--explain", "-d", "60", "--json", "web"])
    assert (options.explain, options.interval_s, options.json, options.headless, name) == (
        True,
        60.0,
        True,
        True,
        "web",
    )
    assert cli.parse(["--explain", "--", "a", "-b"])[0].command == ("a", "-b")


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from test_explain import BAD, FIRST, Clock, Timed, shot
from threadtop import cli, explain
clock = Clock()
real = explain.run
explain.run = lambda options, command=None: real(options, command, Timed([FIRST, shot(BAD)], clock), clock)
raise SystemExit(cli.main(["--explain", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "json"])
def test_a_reader_that_has_gone(arguments: list[str]) -> None:
    """A closed pipe (head) ends it quietly."""
    script = SCRIPT.format(tests=str(Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")


# -- the text ----------------------------------------------------------------------------------


def lines(*snapshots: Snapshot, width: int | None = None, pids: tuple[int, ...] = (PID,), **more: Any) -> list[str]:  # noqa: ANN401
    """The report of these."""
    return list(report_lines(watched(FIRST, *snapshots, pids=pids, **more)[0], width))


def test_the_report_of_a_process() -> None:
    """What it is, where its time went, what was found, what that rests on."""
    assert lines(shot(BAD, FINE)) == [
        "server  pid 4211  2 threads  cpu 33.0 %, waits for a cpu 47.0 %  watched 5.0 s",
        f"{4212:9} {'worker':15}  cpu 33 %, run queue 47 %, lock 15 %, idle in poll 5 % (40 looks)  now starved",
        "          and 1 that did nothing",
        "",
        "! worker waits for a CPU 67 % of its time  (exact)",
        "  It is ready. Nobody is.",
        "  evidence  waits for a cpu 67 %   runs 33 %",
        "  next      ps -eLo pid,tid,psr,cls,ni,pcpu,comm --sort=-pcpu | head -20",
        "",
        "- worker is hot  (exact)",
        "  It is ready. Nobody is.",
        "  evidence  waits for a cpu 67 %   runs 33 %",
        "",
        "1 problem, 1 observation",
        "looked at      counters of 3 threads, 7 times (exact); what its threads were blocked on, up to 40",
        "               looks each (sampled)",
        "not looked at  what takes 10 s to tell (spinning) or 60 s (a thread leak): -d 65",
        "threadtop itself took 1.4 % of a core",
    ]


def test_the_report_of_the_machine() -> None:
    """Each finding says whose it is."""
    said = lines(shot(ELSEWHERE), pids=())
    assert said[0] == "box  2 processes  3 threads  2 CPUs 15.0 % busy  watched 5.0 s"
    assert "! other 7: it is another's  (exact)" in said
    assert "not looked at  locks, peers and reasons of single processes: --explain -p PID looks at one closely" in said


def test_nothing_found() -> None:
    """It says so, and what was looked at."""
    assert "no problems, no observations" in lines(shot())


def test_the_rule_that_denied() -> None:
    """What could not be read names the rule; a short watch says what it could not see."""
    denied = WORKER._replace(blocked=BlockedOn(why_not="Yama's ptrace_scope is 1"))
    row = process_row(PID, thread_row(PID), denied)
    said = lines(shot(row=row), seconds=0.5)
    assert "not looked at  all that its threads wait for: Yama's ptrace_scope is 1" in said
    assert "looked at      counters of 3 threads, 3 times (exact)" in said
    assert "not looked at  what must last for some seconds to be a finding: watch for longer (-d 5)" in said
    assert not any(line.startswith("not looked at") for line in lines(shot(), seconds=70.0))


def test_threads_at_rest() -> None:
    """What one waits for that did nothing is told, or all of them; those beyond the table did not do less."""
    busy = [WORKER._replace(tid=tid) for tid in range(4301, 4310)]
    event_loop = thread_row(PID, reason="epoll fd 8: 14 fds")
    said = lines(shot(row=process_row(PID, event_loop, *busy)))
    assert said[9:11] == ["          and 1 more", "          and 1 that did nothing: epoll fd 8: 14 fds"]
    asleep = [thread_row(4212, reason="nanosleep 1 s"), thread_row(4213, reason="nanosleep 2 s")]
    assert lines(shot(row=process_row(PID, *asleep)))[1] == "          2 that did nothing"
    assert lines(shot(row=process_row(PID, *[one._replace(reason="poll 3 fds") for one in asleep])))[1].endswith(
        "2 that did nothing: poll 3 fds"
    )


def test_a_finding_that_became_another_has_not_gone() -> None:
    """Threads that waited on one lock are a suspected deadlock a little later; what has gone is still told."""
    one_lock = BAD._replace(kind="waits-on-one-lock", title="4 threads wait")
    suspected = BAD._replace(kind="deadlock-suspected", title="a has waited for long")
    said = lines(shot(one_lock), shot(one_lock), shot(suspected))
    assert [line for line in said if line.startswith("!")] == ["! a has waited for long  (exact)"]
    said = lines(shot(one_lock), shot(one_lock), shot(FINE))
    assert [line for line in said if line.startswith("!")] == ["! no longer: 4 threads wait  (exact)"]


def test_an_end_is_told() -> None:
    """How long was really watched."""
    assert f"process {PID} has ended: 0.2 of 5 s were watched" in lines(shot(BAD), snapshot())
    assert "interrupted: 2.0 of 5 s were watched" in lines(shot(BAD), interrupts=2.0)


def test_hostile_names() -> None:
    """No control byte reaches the terminal, and no line is wider than asked for, but a command to copy."""
    hostile = "\x1b]0;x\x07\n\u202e"
    row = process_row(PID, WORKER._replace(name=hostile, reason=hostile * 9), process=hostile)
    bad = BAD._replace(title=hostile + BAD.title, process=hostile, evidence=((hostile, hostile * 50),))
    said = lines(shot(bad, row=row, notes=(hostile,)), width=50)
    assert all(line.isprintable() for line in said)
    assert max(len(line) for line in said if not line.startswith("  next")) <= 50
    assert f"  next      {BAD.next_command}" in said
