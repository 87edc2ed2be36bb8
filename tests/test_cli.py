"""The command as its users run it: flags, errors in one line, exit codes."""

from __future__ import annotations

import csv
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from threadtop import __version__, fields
from threadtop.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THREADTOP = (sys.executable, "-m", "threadtop")
SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run threadtop to its end, without a terminal."""
    options: dict[str, object] = {"stdin": subprocess.DEVNULL, "capture_output": True, "encoding": "utf-8", **more}
    return subprocess.run([*THREADTOP, *arguments], timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def kept_signals() -> Iterator[None]:
    """What a command makes of signals in this process is undone."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that sleeps."""
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def test_once_prints_one_table() -> None:
    """--once prints a summary, a heading and rows as text, and exits with 0."""
    done = run("--once", "-d", "0.1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("threadtop ")
    heading = lines[lines.index("") + 1].split()
    assert heading[:3] == ["%CPU", "%USR", "%SYS"]
    assert heading[-1] == "COMMAND"
    assert sum("COMMAND" in line for line in lines) == 1
    assert any(str(os.getpid()) in line.split() for line in lines)


def test_once_json_is_one_document(child: subprocess.Popen[bytes]) -> None:
    """--once --json prints one JSON document with the keys of the field table; unknown is null."""
    done = run("--once", "--json", "-d", "0.1")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert document["schema"] == "threadtop/1"
    assert {"schema", "host", "time", "interval_s", "cost", "processes", "findings"} <= document.keys()
    assert document["interval_s"] > 0.09  # slept for a tenth, and on a busy machine longer
    processes = {process["pid"]: process for process in document["processes"]}
    mine = processes[child.pid]
    assert mine.keys() == {*fields.JSON_PROCESS, "gil", "locks", "threads"}
    assert "time.sleep(60)" in mine["command"]
    [thread] = mine["threads"]
    assert thread.keys() == {*fields.JSON_THREAD, "gil", "time", "blocked"}
    assert (thread["tid"], thread["state"]) == (child.pid, "S")


def test_batch_prints_so_many_frames(child: subprocess.Popen[bytes]) -> None:
    """-b -n 2 -p PID prints two frames of that process alone."""
    done = run("-b", "-n", "2", "-d", "0.1", "-p", str(child.pid))
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line for line in done.stdout.splitlines() if str(child.pid) in line.split()]
    assert len(rows) == 2
    assert done.stdout.count("%CPU") == 2
    assert "1 process  1 thread: " in done.stdout


def test_batch_json_prints_a_document_a_line(child: subprocess.Popen[bytes]) -> None:
    """-b --json prints JSON lines."""
    done = run("-b", "-n", "2", "-d", "0.1", "--json", str(child.pid))
    assert [len(json.loads(line)["processes"]) for line in done.stdout.splitlines()] == [1, 1]


def test_batch_jsonl_and_csv(child: subprocess.Popen[bytes]) -> None:
    """--jsonl is a document a line too; --csv has its heading once, then a row a thread and frame."""
    frames = ["-b", "-n", "2", "-d", "0.1", "-p", str(child.pid)]
    documents = [json.loads(line) for line in run(*frames, "--jsonl").stdout.splitlines()]
    assert [document["processes"][0]["pid"] for document in documents] == [child.pid] * 2
    assert documents[0]["time"] < documents[1]["time"]
    done = run(*frames, "--csv", "--columns", "pid,lwp,pcpu,comm,args")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *rows = csv.reader(done.stdout.splitlines())
    assert heading == ["time", "pid", "tid", "cpu_pct", "name", "command"]
    assert [row[1:3] for row in rows] == [[str(child.pid)] * 2] * 2
    assert {row[5] for row in rows} == {" ".join(SLEEP)}


def test_filter_sort_and_user_hold_for_every_format(child: subprocess.Popen[bytes]) -> None:
    """What is left out of the table is left out of CSV and the lines of ps, which have its order."""
    asked = ["--once", "-d", "0.1", "--filter", f"pid={child.pid},{os.getpid()}", "-o", "+pid", "-u", str(os.getuid())]
    order = sorted((child.pid, os.getpid()), reverse=True)
    rows = [row.split(",") for row in run(*asked, "--csv", "--columns", "pid").stdout.splitlines()[1:]]
    assert list(dict.fromkeys(int(row[1]) for row in rows)) == order
    lines = [line.split() for line in run(*asked, "--format", "ps").stdout.splitlines()[1:]]
    assert list(dict.fromkeys(int(line[1]) for line in lines)) == order


def test_name_with_one_match() -> None:
    """NAME attaches to the one process that is called so."""
    with subprocess.Popen([*SLEEP, "only-this-one"]) as process:
        try:
            done = run("--once", "--json", "-d", "0.1", "only-this-one")
        finally:
            process.kill()
    assert [found["pid"] for found in json.loads(done.stdout)["processes"]] == [process.pid]


def test_name_with_several_matches() -> None:
    """Several matches are listed on standard error and, without a terminal, exit with 2."""
    with subprocess.Popen([*SLEEP, "one-of-two"]) as first, subprocess.Popen([*SLEEP, "one-of-two"]) as second:
        try:
            done = run("--once", "one-of-two")
        finally:
            first.kill()
            second.kill()
    assert (done.returncode, done.stdout) == (2, "")
    assert f" {first.pid} " in done.stderr
    assert f" {second.pid} " in done.stderr
    assert done.stderr.splitlines()[-1].endswith("choose one with -p PID")


def test_tid_attaches_to_its_process() -> None:
    """A tid stands for its process."""
    code = (
        "import threading, time; thread = threading.Thread(target=time.sleep, args=(60,), daemon=True); "
        "thread.start(); print(thread.native_id, flush=True); thread.join()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            tid = int(process.stdout.readline())
            done = run("--once", "--json", "-d", "0.1", "-p", str(tid))
        finally:
            process.kill()
    [found] = json.loads(done.stdout)["processes"]
    assert (found["pid"], {thread["tid"] for thread in found["threads"]}) == (process.pid, {process.pid, tid})


def test_command_is_started_and_ended() -> None:
    """``-- command`` starts it, shows it alone, sends its output to standard error and ends it."""
    code = "import time; print('hello', flush=True); time.sleep(60)"
    done = run("--once", "--json", "-d", "0.3", "--", sys.executable, "-c", code)
    assert (done.returncode, done.stderr) == (0, "hello\n")
    [found] = json.loads(done.stdout)["processes"]
    assert found["ppid"] != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(found["pid"], 0)


def test_command_keeps_the_limits_of_the_user() -> None:
    """The limit of descriptors that threadtop raises is its own, not that of the command it starts."""
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], flush=True); input()"
    wrapped = ("sh", "-c", 'ulimit -S -n 200; exec "$@"', "sh", *THREADTOP)
    done = subprocess.run(
        [*wrapped, "--once", "-d", "0.3", "--", sys.executable, "-c", code],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.stderr.splitlines()[0] == "200"


def test_command_that_ends_during_batch(tmp_path: Path) -> None:
    """When the command ends the frames end, standard error says how, and what was shown was shown."""
    os.mkfifo(tmp_path / "over")
    code = "import sys; open(sys.argv[1]).read(); raise SystemExit(3)"
    arguments = ["-b", "-d", "0.1", "--", sys.executable, "-c", code, str(tmp_path / "over")]
    # Without a buffer: what is read line by line, and what is left at the end, is all of it.
    with subprocess.Popen([*THREADTOP, *arguments], bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as batch:
        assert batch.stdout is not None
        assert batch.stdout.readline().startswith(b"threadtop ")
        (tmp_path / "over").write_bytes(b"")  # waits until the command reads
        shown, errors = batch.communicate(timeout=60)
    assert batch.returncode == 0
    assert b"%CPU" in shown
    [line] = errors.decode().splitlines()
    assert line.startswith("threadtop: process ")
    assert line.endswith(" has ended (exit status 3)")


def test_command_that_ends_before_the_first_frame() -> None:
    """Where there was nothing to show, not even once, that is a failure."""
    done = run("--once", "-d", "1", "--", sys.executable, "-c", "pass")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].endswith("has ended (exit status 0)")


def test_target_that_ends_during_batch() -> None:
    """When the attached process ends the frames end too."""
    with subprocess.Popen(SLEEP) as target:
        arguments = [*THREADTOP, "-b", "-d", "0.1", "-p", str(target.pid)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as threadtop:
            assert threadtop.stdout is not None
            threadtop.stdout.readline()
            target.kill()
            target.wait()
            _, errors = threadtop.communicate(timeout=60)
    assert threadtop.returncode == 0
    assert errors.decode() == f"threadtop: process {target.pid} has ended\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["-p", "x"],
        ["-p", "9" * 5000],
        ["-d", "0"],
        ["-d", "x"],
        ["-d", "nan"],
        ["--once", "-w", "0"],
        ["--once", "-w", "9" * 13],
        ["-b", "-n", "-1"],
        ["-b", "-n", "9" * 5000],
        ["-n", "5"],
        ["--once", "-n", "3"],
        ["--once", "--json", "-n", "4"],
        ["--pane", "files", "-p", "1", "-n", "3"],
        ["--schema", "extra"],
        ["--schema", "--", "true"],
        ["--schema", "--once", "--json"],
        ["-O", "-p", "1"],
        ["--page", "gil", "-O"],
        ["--page", "gil", "-u", "root"],
        ["--json"],
        ["--once", "--filter", "cpu>"],
        ["--once", "--filter", "cpu>x"],
        ["--once", "--filter", "nothing=1"],
        ["--once", "--filter", "name~("],
        ["--once", "--filter", "name='"],
        ["--once", "--columns", "pid,nothing"],
        ["--once", "--columns", ""],
        ["--once", "--columns", "pid,,tid"],
        ["--csv"],
        ["--jsonl"],
        ["--format", "ps"],
        ["--once", "--format", "nothing"],
        ["--once", "--csv", "--json"],
        ["-b", "--csv", "--jsonl"],
        ["-b", "--json", "--jsonl"],
        ["--once", "--csv", "--format", "ps"],
        ["--once", "--format", "ps", "--columns", "pid"],
        ["--once", "--format", "ps", "--layout", "tree"],
        ["--once", "--format", "ps", "--no-threads"],
        ["--explain", "--csv"],
        ["--explain", "--jsonl"],
        ["--pane", "threads", "--csv", "-p", "1"],
        ["--explain", "--once"],
        ["--size", "120x40"],
        ["--screenshot", "/no-such-folder/a.png"],
        ["--screenshot", ""],
        *(
            ["--screenshot", "/no-such-folder/a.svg", "--size", size]
            for size in ("0x0", "10000x10000", "abc", "80", "80x", "19x24", "80x24x2", "-1x5", "8\u0660x24")
        ),
        ["--screenshot", "/no-such-folder/a.svg", "--once"],
        ["--screenshot", "/no-such-folder/a.svg", "--json", "--once"],
        ["--screenshot", "/no-such-folder/a.svg", "--explain"],
        ["--screenshot", "/no-such-folder/a.svg", "-n", "5"],
        ["--screenshot", "/no-such-folder/a.svg", "--pane", "nothing", "-p", "1"],
        ["--screenshot", "/no-such-folder/a.svg", "--pane", "locks"],
        ["--screenshot", "/no-such-folder/a.svg", "--pane", "threads", "--tid", "1", "-p", "1"],
        ["--once", "-o", "nothing"],
        ["--once", "--layout", "nothing"],
        ["--once", "-u", "no such user"],
        ["--once", "-u", ""],
        ["one", "two\nthree"],
        ["-p", "1", "--", "true"],
        ["--"],
        ["gil"],
        ["gil", "--"],
        ["gil", "-d", "0", "1"],
        ["gil", "-d", "x", "1"],
        ["gil", "1", "--", "true"],
        ["gil", "not-even-another-process"],
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)
@pytest.mark.usefixtures("kept_signals")
def test_bad_usage_is_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense gets one line on standard error that says so, and exit code 2."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    [line] = said.err.splitlines()
    assert line.startswith("threadtop: ")
    assert "; " in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "no\nsuch\x1b[31m.ttr", "--csv"], "cannot read no^Jsuch^[[31m.ttr: No such file"),
    ],
)
def test_a_failure_is_one_line_and_exit_1(arguments: list[str], message: str) -> None:
    """A file that is not there gets one line and exit code 1, whatever its name."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"threadtop: {message}")


NOBODY = "no-such-process-anywhere"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--once"],
        ["--explain"],
        ["--pane", "files", "--once"],
        ["--screenshot", "/no-such-folder/a.svg"],
        ["gil"],
        ["record"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([NOBODY], f"no process is called '{NOBODY}'; threadtop without arguments lists what runs"),
        (["4194999"], "there is no process 4194999; threadtop without arguments lists what runs"),
        (["--", NOBODY], f"cannot start '{NOBODY}': there is no such command; give its path, or one that PATH finds"),
    ],
    ids=["name", "pid", "command"],
)
def test_who_is_not_there_is_one_line_and_exit_2(arguments: list[str], target: list[str], message: str) -> None:
    """Whoever is named and is not there is told in the same words, with the same exit code, by every command."""
    done = run(*arguments, *target)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"threadtop: {message}\n")


def test_user_by_name_and_number() -> None:
    """-u takes a name or a uid, also a uid without a name."""
    for user in (str(os.getuid()), "54321"):
        done = run("--once", "--json", "-d", "0.1", "-u", user)
        assert done.returncode == 0
        assert bool(json.loads(done.stdout)["processes"]) == (user != "54321")


def test_no_terminal() -> None:
    """Without a terminal the screen is refused with the way to get text."""
    done = run()
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "needs a terminal" in line
    assert "--once" in line


def test_dumb_terminal() -> None:
    """On a terminal that cannot show a screen, too."""
    main, other = pty.openpty()
    try:
        environment = {**os.environ, "TERM": "dumb"}
        done = run(stdin=other, stdout=other, stderr=subprocess.PIPE, capture_output=False, env=environment)
        assert not select.select([main], [], [], 0)[0]
    finally:
        os.close(main)
        os.close(other)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "TERM='dumb'" in line
    assert "--once" in line


def test_version_help_and_fields() -> None:
    """--version, --help and -O print to standard output and exit with 0; all columns are listed."""
    version, usage, columns = run("--version"), run("--help"), run("-O")
    assert {done.returncode for done in (version, usage, columns)} == {0}
    assert version.stdout == f"threadtop {__version__}\n"
    assert usage.stdout.startswith("usage: threadtop ")
    assert len(columns.stdout.splitlines()) == len(fields.FIELDS)
    assert all(field.title in columns.stdout for field in fields.FIELDS)


def test_gil_help() -> None:
    """The help names the report, and the report has a help of its own that says how it ends."""
    usage, own = run("--help"), run("gil", "--help")
    assert "threadtop gil [-d SECONDS] [--json] PID | NAME | -- COMMAND" in usage.stdout
    assert "threadtop gil --help" in " ".join(usage.stdout.split())
    assert (own.returncode, own.stderr) == (0, "")
    assert own.stdout.startswith("usage: threadtop gil [-d SECONDS] [--json] PID | NAME\n")
    assert "Exit code: 0 measured, 1 not" in own.stdout


def test_gil_of_a_command() -> None:
    """A command is started, watched and ended, and is in the document with its grade; its output stays its own."""
    code = "print('hello', flush=True)\nwhile True: pass"
    done = run("gil", "-d", "0.5", "--json", "--", sys.executable, "-c", code)
    assert (done.returncode, done.stderr) == (0, "hello\n")
    document = json.loads(done.stdout)
    [found] = document["processes"]
    assert found["gil"]["grade"] in ("exact", "estimate", "none")
    assert [thread["gil"] is None for thread in found["threads"]] == [False]
    assert document["measurement"]["measured_s"] == pytest.approx(0.5, abs=0.4)
    with pytest.raises(ProcessLookupError):
        os.kill(found["pid"], 0)


def test_gil_of_what_is_no_python() -> None:
    """A process that is no CPython is said to be none, with exit code 1."""
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            done = run("gil", "-d", "0.5", str(process.pid))
        finally:
            process.kill()
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"threadtop: process {process.pid} (sleep) is no CPython: it has no GIL; ")


def test_a_process_that_is_called_gil() -> None:
    """The word gil is the report; a process of that name is reached by its id."""
    with subprocess.Popen([*SLEEP, "gil"]) as process:
        try:
            by_id = run("--once", "--json", "-d", "0.1", "-p", str(process.pid))
        finally:
            process.kill()
    assert [found["pid"] for found in json.loads(by_id.stdout)["processes"]] == [process.pid]


def wait_for_output(process: subprocess.Popen[bytes]) -> None:
    """Until the first line of the first frame is there."""
    assert process.stdout is not None
    assert process.stdout.readline()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_batch_mode(number: signal.Signals, code: int) -> None:
    """Signals end it at once, silently, with the shell's exit code, and the command it started as well."""
    arguments = [*THREADTOP, "-b", "-d", "30", "--json", "--", *SLEEP]
    arguments[arguments.index("30")] = "0.2"
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        [found] = json.loads(process.stdout.readline())["processes"]
        started = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert time.monotonic() - started < 10
    assert (process.returncode, errors) == (code, b"")
    with pytest.raises(ProcessLookupError):
        os.kill(found["pid"], 0)
