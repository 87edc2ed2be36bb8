"""``threadtop metrics``: its arguments, what it refuses, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from threadtop import metrics_command
from threadtop.errors import UsageError
from threadtop.metrics.families import FAMILIES
from threadtop.metrics.totals import MOST_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THREADTOP = (sys.executable, "-m", "threadtop", "metrics")
PATIENCE_S = 60.0


def test_the_defaults() -> None:
    """It listens on the loopback, every 5 s, and with a file it listens nowhere unless told to."""
    asked = metrics_command.parse([])
    assert (str(asked.listen), asked.textfile, asked.interval_s) == ("127.0.0.1:9878", None, 5.0)
    assert asked.most_groups == MOST_GROUPS
    assert metrics_command.parse(["--textfile", "a.prom"]).listen is None
    both = metrics_command.parse(["--textfile", "a.prom", "--listen", "0.0.0.0:1"])
    assert (str(both.listen), both.textfile) == ("0.0.0.0:1", "a.prom")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-d", "0.5"],
        ["-d", "61"],
        ["-d", "x"],
        ["--max-groups", "0"],
        ["--max-groups", "10001"],
        ["--listen", "example.org:80"],
        ["--lis", "1"],
        ["4211"],
    ],
    ids=" ".join,
)
def test_bad_usage_says_what_to_write(arguments: list[str]) -> None:
    """Each value that makes no sense is refused with what would."""
    with pytest.raises(UsageError) as error:
        metrics_command.parse(arguments)
    assert error.value.remedy


def refused(*arguments: str) -> str:
    """The one line that it ends with, at exit code 2."""
    done = subprocess.run([*THREADTOP, *arguments], capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("threadtop: ")
    assert "; " in line
    return line


def test_a_port_in_use_is_one_line_and_exit_code_2() -> None:
    """Who cannot listen ends at once, and says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refused("--listen", f"127.0.0.1:{port}")


def test_bad_files_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """Groups that make no sense and a file that cannot be written are told before anything is done."""
    groups = tmp_path / "groups.toml"
    groups.write_text('[[group]]\nname = "a"\nprogram = "["\n', encoding="utf-8")
    assert "groups.toml, line 3" in refused("--groups", str(groups))
    assert "cannot be written" in refused("--textfile", str(tmp_path / "missing" / "a.prom"))
    assert "*.prom only" in refused("--textfile", str(tmp_path / "a.txt"))


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    """Where prometheus_client is missing, metrics names the extra; all else works without it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.abc, sys\n"
        "class Hide(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'prometheus_client':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n",
        encoding="utf-8",
    )
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": path}

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "threadtop", *arguments]
        return subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False, env=environment)

    done = run("metrics", "--listen", "127.0.0.1:0")
    assert done.returncode == 2
    assert "pip install 'threadtop[metrics]'" in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1
    assert run("metrics", "--list").returncode == 0
    assert run("--once", "-d", "0.1").returncode == 0


def test_the_list_has_every_metric() -> None:
    """--list prints the table that the exporter follows."""
    done = subprocess.run([*THREADTOP, "--list"], capture_output=True, timeout=PATIENCE_S, check=True)
    printed = done.stdout.decode()
    assert all(family.sample_name in printed for family in FAMILIES)


@contextmanager
def exporting(*arguments: str, at: str = "serves http") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The exporter, and what it says on its first line of standard error."""
    command = [*THREADTOP, "-d", "1", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            assert at in line
            yield process, line.split()[-1]
        finally:
            process.kill()


def scraped(url: str, until: str = "threadtop_pass_interval_seconds") -> str:
    """What a scrape gives, once two passes are over, or ``until`` is in it."""
    deadline = time.monotonic() + PATIENCE_S
    body = ""
    while until not in body and time.monotonic() < deadline:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 on the loopback
            body = answer.read().decode()
        time.sleep(0.1)
    return body


@pytest.mark.live
@pytest.mark.every_python
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_quietly(number: signal.Signals) -> None:
    """It is served until a signal comes; then it ends with 0 and no word."""
    with exporting("--listen", "127.0.0.1:0") as (process, url):
        body = scraped(url)
        process.send_signal(number)
        output, errors = process.communicate(timeout=PATIENCE_S)
    assert 'threadtop_processes{group="' in body
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.live
@pytest.mark.every_python
def test_nobody_need_read_its_messages(tmp_path: Path) -> None:
    """With standard error closed, as services may have it, the passes go on all the same."""
    file = tmp_path / "threadtop.prom"
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *THREADTOP, "-d", "1", "--textfile", str(file)]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + PATIENCE_S
        while not file.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "threadtop_build_info" in file.read_text(encoding="utf-8")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.live
@pytest.mark.every_python
def test_the_file_is_there_while_it_runs(tmp_path: Path) -> None:
    """node_exporter's file is whole, of the plain format, without an age, and gone at the end: nobody renews it."""
    file = tmp_path / "threadtop.prom"
    with exporting("--textfile", str(file), at="writes") as (process, _):
        deadline = time.monotonic() + PATIENCE_S
        body = ""
        while "threadtop_pass_interval_seconds" not in body and time.monotonic() < deadline:
            body = file.read_text(encoding="utf-8") if file.exists() else ""
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (0, "")
    assert body.startswith("# HELP threadtop_")
    assert body.endswith("\n")
    assert "threadtop_pass_age_seconds" not in body
    assert os.listdir(tmp_path) == []


@pytest.mark.live
@pytest.mark.every_python
def test_a_full_disk_is_told_once_and_survived(tmp_path: Path) -> None:
    """A folder that goes away does not end the passes: one line, and the scrapes go on."""
    folder = tmp_path / "collector"
    folder.mkdir()
    file = folder / "threadtop.prom"
    with exporting("--textfile", str(file), "--listen", "127.0.0.1:0") as (process, url):
        deadline = time.monotonic() + PATIENCE_S
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        folder.rename(tmp_path / "elsewhere")
        assert process.stderr is not None
        assert process.stderr.readline() == f"threadtop: writes {file}\n"
        assert process.stderr.readline().startswith(f"threadtop: {file} cannot be written: ")
        passes = "threadtop_passes_total "
        before = float(scraped(url).split(passes)[-1].split()[0])
        after = before
        while after < before + 2 and time.monotonic() < deadline:
            after = float(scraped(url).split(passes)[-1].split()[0])
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert after >= before + 2
    assert (process.returncode, errors) == (0, "")
