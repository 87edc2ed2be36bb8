"""What to attach to: pids, names, and commands that threadtop starts."""

from __future__ import annotations

import os
import signal
import stat
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from fakeproc import FakeProc
from threadtop import targets
from threadtop.errors import DeniedError, TargetError, UsageError
from threadtop.targets import LISTED_MATCHES, Command, ended, match_lines, matches, parse_pids, thread_group

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProc:
    """Some processes; our own stands among them, its parent is a shell."""
    fake = FakeProc(tmp_path, monkeypatch)
    fake.process(1, name=b"init", cmdline=b"/sbin/init\0", ppid=0)
    fake.process(5, name=b"kworker/0:1", cmdline=b"", kernel=True)
    fake.process(20, name=b"nginx", cmdline=b"nginx: master process /usr/sbin/nginx\0")
    fake.process(21, 3, name=b"python3", cmdline=b"/usr/bin/python3\0/srv/app.py\0--port=80\0")
    fake.process(22, name=b"worker", cmdline=b"/opt/tool --like-nginx\0")
    fake.process(23, name=b"a-very-long-nam", cmdline=b"/opt/a-very-long-name-indeed\0")
    fake.process(30, name=b"bash", cmdline=b"bash\0")
    fake.process(os.getpid(), name=b"threadtop", cmdline=b"threadtop\0nginx\0", ppid=30)
    return fake


def found(proc: FakeProc, name: str) -> list[int]:
    """The pids that a name may mean."""
    return [match.pid for match in sorted(matches(proc.reader(), name))]


@pytest.mark.parametrize(("value", "pids"), [("7", [7]), ("7,8", [7, 8]), (" 7 , 8 ", [7, 8])])
def test_pids(value: str, pids: list[int]) -> None:
    """Pids are numbers with commas between."""
    assert parse_pids(value) == pids


@pytest.mark.parametrize("value", ["", "x", "7,", "7,x", "-7", "0", "7.5", "٣", "²", "9" * 5000])
def test_what_is_no_pid(value: str) -> None:
    """All else is refused with a remedy."""
    with pytest.raises(UsageError, match="is not a process id; use -p"):
        parse_pids(value)


def test_name_of_a_program(proc: FakeProc) -> None:
    """A name that a process has wins over command lines in which it occurs."""
    assert found(proc, "nginx") == [20]


def test_name_of_a_script(proc: FakeProc) -> None:
    """A script is found by its own name, and its interpreter by its."""
    assert found(proc, "app.py") == [21]
    assert found(proc, "python3") == [21]


def test_name_longer_than_the_kernel_keeps(proc: FakeProc) -> None:
    """The kernel cuts names at 15 bytes; the command line has the whole one."""
    assert found(proc, "a-very-long-name-indeed") == [23]


def test_part_of_a_name(proc: FakeProc) -> None:
    """Without a process of that very name, those in whose command it occurs, in any case."""
    assert found(proc, "GINX") == [20, 22]


@pytest.mark.parametrize(
    "cmdline",
    [
        b"/usr/bin/python3\0/usr/local/bin/threadtop\0ginx\0",
        b"/usr/bin/python3\0-m\0threadtop\0gil\0ginx\0",
        b"threadtop\0ginx\0",
    ],
)
def test_who_else_looks_for_it_is_not_meant(proc: FakeProc, cmdline: bytes) -> None:
    """Another threadtop has the name in its command for the same reason as this one; it can be meant by its own."""
    proc.process(40, name=b"python3", cmdline=cmdline)
    assert found(proc, "ginx") == [20, 22]
    assert found(proc, "threadtop") == [40]
    assert found(proc, "port=80") == [21]


def test_no_match(proc: FakeProc) -> None:
    """Neither kernel threads, nor threadtop itself, nor what started it are meant."""
    assert found(proc, "kworker/0:1") == []
    assert found(proc, "threadtop") == []
    assert found(proc, "bash") == []
    assert found(proc, "init") == [1]
    assert str(targets.no_match("x")) == "no process is called 'x'; threadtop without arguments lists what runs"


def test_processes_that_cannot_be_read_are_no_match(proc: FakeProc) -> None:
    """A process that ends or is hidden while the list is made is left out."""

    def hook(path: str) -> None:
        if path == "20/cmdline":
            proc.kill(20)
        if path == "22/stat":
            raise DeniedError(path)

    with proc.interrupted(hook):
        assert found(proc, "ginx") == []


def test_list_of_matches_is_harmless_and_short(proc: FakeProc) -> None:
    """The list shows at most LISTED_MATCHES, each in one line without control bytes."""
    for pid in range(100, 100 + LISTED_MATCHES + 5):
        proc.process(pid, name=b"many", cmdline=b"many\0\x1b[2J\nx" + b"y" * 200 + b"\0")
    lines = match_lines(sorted(matches(proc.reader(), "many")))
    assert len(lines) == LISTED_MATCHES + 1
    assert lines[-1].strip() == "and 5 more"
    assert all(line.isprintable() and len(line) < 100 for line in lines)
    assert lines[0].split()[:4] == ["1", "100", "1", "threads"]


def test_thread_group(proc: FakeProc) -> None:
    """A pid or tid gives its process; what is not there or hidden is an error with a remedy."""
    reader = proc.reader()
    assert thread_group(reader, 21) == 21
    os.symlink("21/task/22", f"{proc.root}/222")  # a tid is not listed but can be opened
    proc.processes[21].threads[22].pid = 21
    assert thread_group(reader, 222) == 21
    with pytest.raises(TargetError, match="there is no process 99; "):
        thread_group(reader, 99)

    def hide(path: str) -> None:
        raise DeniedError(path)

    with proc.interrupted(hide), pytest.raises(TargetError, match="hidepid"):
        thread_group(reader, 21)


def wait_for_end(command: Command) -> str:
    """How a command ended."""
    deadline = time.monotonic() + 20
    while (outcome := command.outcome()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return outcome


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("pass", "exit status 0"),
        ("raise SystemExit(3)", "exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        (f"import os; os.kill(os.getpid(), {signal.SIGRTMIN + 1})", f"killed by signal {signal.SIGRTMIN + 1}"),
    ],
)
def test_command_ends(code: str, outcome: str) -> None:
    """How a command ended is told in words; before it is None."""
    command = Command([sys.executable, "-c", code], to_file=False)
    assert command.pid > 0
    assert wait_for_end(command) == outcome
    command.end()


def test_command_that_is_known_to_have_ended() -> None:
    """How it ended is waited for: /proc tells of an end before the kernel tells its parent."""
    command = Command([sys.executable, "-c", "import time; time.sleep(0.2); raise SystemExit(3)"], to_file=False)
    assert ended({command.pid}, command) == f"process {command.pid} has ended (exit status 3)"
    assert ended({7, 3}, None) == "process 3, 7 has ended"


def test_command_is_ended_with_what_it_started() -> None:
    """end() stops a command and its children at once, also one that ignores SIGTERM."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    command = Command([sys.executable, "-c", code], to_file=False)
    assert command.outcome() is None
    started = time.monotonic()
    command.end()
    assert time.monotonic() - started < 10
    assert command.outcome() == "killed by SIGTERM"
    with pytest.raises(ProcessLookupError):  # noqa: PT012 init reaps them a moment later
        while time.monotonic() - started < 20:
            os.killpg(command.pid, 0)
            time.sleep(0.01)


def test_command_that_ignores_sigterm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command that does not end at SIGTERM is killed."""
    monkeypatch.setattr(targets, "_TERMINATE_S", 0.3)
    ready = tmp_path / "ready"
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "open(sys.argv[1], 'w').close(); time.sleep(60)"
    )
    command = Command([sys.executable, "-c", code, str(ready)], to_file=False)
    deadline = time.monotonic() + 20
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    command.end()
    assert command.outcome() == "killed by SIGKILL"


def test_output_goes_to_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a command says, on both streams, is in the file; a file without content goes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    command = Command([sys.executable, "-c", code], to_file=True)
    wait_for_end(command)
    command.end()
    assert command.output is not None
    assert command.output.read_text() == "out\nerr\n"
    silent = Command([sys.executable, "-c", ""], to_file=True)
    wait_for_end(silent)
    silent.end()
    assert silent.output is None
    assert list(tmp_path.iterdir()) == [command.output]


def test_commands_that_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not found, not executable and not a program are told apart, and no file stays behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with pytest.raises(TargetError, match="there is no such command"):
        Command(["no-such-command-anywhere"], to_file=True)
    plain = tmp_path / "plain"
    plain.write_text("text")
    with pytest.raises(TargetError, match="Permission denied"):
        Command([str(plain)], to_file=True)
    with pytest.raises(TargetError, match="Permission denied"):
        Command([str(tmp_path)], to_file=True)
    plain.chmod(plain.stat().st_mode | stat.S_IXUSR)
    plain.write_bytes(b"\x7fELF nonsense")
    with pytest.raises(TargetError, match=r"cannot start .*Exec format error"):
        Command([str(plain)], to_file=True)
    assert not list((tmp_path / "tmp").iterdir())
