from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOON, host_sample, process_sample, ran, sample, thread_sample
from fakeproc import HOST, FakeProc
from recorded import recorded
from test_schema import complaints
from threadtop import export, query, source
from threadtop.cli import main
from threadtop.interest import Interest
from threadtop.query import View
from threadtop.recording import writer
from threadtop.sampler import Sampler
from threadtop.snapshot import Finding
from threadtop.source import LiveSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from threadtop.snapshot import Snapshot

MOST_S = 60.0  # until looks have found what they do sooner on an idle machine
THREADTOP = (sys.executable, "-m", "threadtop")
SERVER = (thread_sample(100, name="server"), thread_sample(101, name="worker"))
OTHERS = thread_sample(200, name="other")
FOUND = Finding("cpu-bound", 100, 1000, "server", "busy", "It is.", (("cpu", "50 %"),), "exact", 30.0, (101,))
OTHER = FOUND._replace(pid=200, process="other", tids=(200,))


def ticks(count: int = 5) -> list[Any]:
    """A tick a second from NOON on: the worker runs ten times as many ms in the n-th second as n, other sleeps."""
    worker, samples = SERVER[1], []
    for tick in range(count):
        worker = ran(worker, tick, run_ms=10 * tick, wait_ms=5, vol=tick)
        server = process_sample(100, ran(SERVER[0], tick), worker, name="server", at_ns=tick * 10**9)
        samples.append(sample(tick, server, process_sample(200, OTHERS, name="other", uid=0, at_ns=tick * 10**9)))
    return samples


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A recording of five ticks, with what was found in the last two."""
    return str(recorded(tmp_path / "a.ttr", *ticks(), findings=((), (), (), (FOUND, OTHER), (FOUND, OTHER))))


@pytest.fixture
def rows(file: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[dict[str, str]]]:
    """The rows of its CSV with these arguments."""

    def read(*arguments: str) -> list[dict[str, str]]:
        assert main(["export", file, "--csv", *arguments]) == 0
        return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    return read


@pytest.fixture
def documents(file: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[dict[str, Any]]]:
    """Its documents with these arguments; all are of the schema."""

    def read(*arguments: str) -> list[dict[str, Any]]:
        assert main(["export", file, "--jsonl", *arguments]) == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [complaint for whole in found for complaint in complaints(whole)] == []
        return found

    return read


# -- what is written ---------------------------------------------------------------------------


def test_a_document_for_each_tick(documents: Callable[..., list[dict[str, Any]]]) -> None:
    """All ticks, each with its time, its rates and its findings; the first has no rates."""
    found = documents()
    assert [whole["time"][14:19] for whole in found] == ["00:00", "00:01", "00:02", "00:03", "00:04"]
    busiest = [whole["processes"][0]["threads"] for whole in found]
    assert [next(one["cpu_pct"] for one in each if one["tid"] == 101) for each in busiest] == [None, 1, 2, 3, 4]
    assert [len(whole["findings"]) for whole in found] == [0, 0, 0, 2, 2]


def test_rows_for_each_tick(rows: Callable[..., list[dict[str, str]]]) -> None:
    """One heading, then the rows of each tick with its time; what the first does not know is empty."""
    found = [row for row in rows("--columns", "cpu,tid,vol") if row["tid"] == "101"]
    assert [(row["time"][14:23], row["cpu_pct"], row["vol_per_s"]) for row in found] == [
        ("00:00.000", "", ""),
        ("00:01.000", "1.0", "1.0"),
        ("00:02.000", "2.0", "2.0"),
        ("00:03.000", "3.0", "3.0"),
        ("00:04.000", "4.0", "4.0"),
    ]


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        (["--from", "2s"], [2, 3, 4]),
        (["--from", "1.5"], [2, 3, 4]),
        (["--to", "1s"], [0, 1]),
        (["--from", "1", "--to", "2.9"], [1, 2]),
        (["--from", "-1s"], [3, 4]),
        (["--to", "-3s"], [0, 1]),
        (["--from", "12:00:03"], [3, 4]),
        (["--from", "2026-01-01T12:00:02Z", "--to", "2026-01-01T13:00:03+01:00"], [2, 3]),
        (["--from", "2", "-n", "2"], [2, 3]),
        (["-n", "9"], [0, 1, 2, 3, 4]),
        (["--to", "1h"], [0, 1, 2, 3, 4]),
    ],
)
def test_from_and_to(documents: Callable[..., list[dict[str, Any]]], arguments: list[str], seconds: list[int]) -> None:
    """Ticks at these moments and between them, with the rates that they have in the whole recording."""
    assert documents(*arguments) == [documents()[second] for second in seconds]


def test_a_view(rows: Callable[..., list[dict[str, str]]]) -> None:
    """Columns, filter, user, order and processes only are as in live output."""
    last = ("--from", "-0s")
    assert [row["tid"] for row in rows(*last, "--filter", "name~worker")] == ["101"]
    assert [row["pid"] for row in rows(*last, "--no-threads", "-u", "root")] == ["200"]
    assert [row["tid"] for row in rows(*last, "-o", "+tid")] == ["200", "101", "100"]
    assert [row["tid"] for row in rows(*last, "-i")] == ["101"]


def test_only_some_processes(documents: Callable[..., list[dict[str, Any]]]) -> None:
    """With -p only they are told, and findings about them."""
    last = documents("-p", "200")[-1]
    assert [process["pid"] for process in last["processes"]] == [200]
    assert [found["pid"] for found in last["findings"]] == [200]


# -- as live -----------------------------------------------------------------------------------


def document(shot: Snapshot) -> str:
    """As live output has it."""
    return export.to_json(shot, query.table(shot, View()))


def test_documents_are_those_of_the_live_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was shown live is what is exported, to the last figure, while threads run, begin, end and are renamed."""
    proc = FakeProc(tmp_path, monkeypatch)
    proc.process(100, threads=3, name=b"server")
    proc.process(200, uid=1000, name=b"\xff\x1b")
    live = LiveSource(Sampler(proc.reader(), lambda: HOST, euid=0))
    file = tmp_path / "a.ttr"
    out = writer.Writer(writer.created(file), file)
    live.keep = out.add
    seen = []
    for tick in range(8):
        proc.run(100, 101, run_ns=1_000_000 * tick)
        if tick == 2:
            proc.spawn(100, 105, b"late")
        if tick == 3:
            proc.end(100, 102)
            proc.change(100, 101, name=b"renamed", state="R")
            proc.run(100, 101)
        if tick == 5:
            proc.kill(200)
        seen.append(document(live.read(Interest(everything=tick == 0))))
    live.close()
    out.close()
    assert main(["export", str(file), "--jsonl"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1:] == seen[1:]
    assert "late" in told[2]
    assert "renamed" in told[3]


def is_sampled(told: str) -> bool:
    """Whether a thread of the document has been looked at more than once."""
    threads = json.loads(told)["processes"][0]["threads"]
    return any(one["time"] is not None and one["time"]["samples"] > 1 for one in threads)


@pytest.mark.live
@pytest.mark.every_python
def test_live_documents_are_exported_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So it is on this machine, for a process whose GIL, waits and locks are watched."""
    lock, is_over = threading.Lock(), threading.Event()

    def work() -> None:
        while not is_over.is_set():
            with lock:
                time.sleep(0.005)
            sum(range(10_000))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    live, file, pids = source.live(), tmp_path / "a.ttr", frozenset({os.getpid()})
    out = writer.Writer(writer.created(file), file)
    live.keep = out.add
    try:
        seen: list[str] = []
        until_s = time.monotonic() + MOST_S
        while len(seen) < 6 or not (is_sampled(seen[-1]) or time.monotonic() > until_s):
            seen.append(document(live.read(Interest(attached=pids, gil=pids, waits=pids, everything=True))))
            time.sleep(0.25)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
        live.close()
        out.close()
    assert main(["export", str(file), "--jsonl"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == seen[1:]
    assert is_sampled(seen[-1])


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "it is not said as what to export; add --jsonl"),
        (["--jsonl", "--csv"], "--jsonl and --csv cannot be combined; "),
        (["--jsonl", "--columns", "cpu"], "--jsonl and --columns cannot be combined; "),
        (["--csv", "--once"], "unrecognized arguments: --once; threadtop export --help"),
        (["--csv", "--from", "soon"], "--from wants a moment of the recording, not 'soon'; "),
        (["--csv", "--to"], "argument --to: expected one argument; "),
        (["--csv", "-n", "0"], "-n wants a whole number"),
        (["--csv", "--filter", "cpu>x"], "bad filter: "),
        (["--csv", "--from", "5s"], "there is no tick of "),
        (["--csv", "--from", "3s", "--to", "2s"], "there is no tick of "),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_usage(file: str, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    """One line that says what to write instead, exit code 2, and no output."""
    assert main(["export", file, *arguments]) == 2
    out, errors = capsys.readouterr()
    assert (out, errors.count("\n")) == ("", 1)
    assert errors.startswith(f"threadtop: {says}")


def test_which_moments_there_are(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no tick is within the moments, it is said what the recording covers."""
    assert main(["export", file, "--csv", "--from", "13:00"]) == 2
    assert capsys.readouterr().err.endswith("it goes from 2026-01-01T12:00:00Z to 2026-01-01T12:00:04Z (4 s)\n")


def test_a_process_that_is_not_in_it(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """That is said after the others were printed, with the code of who is not there."""
    assert main(["export", file, "--csv", "--no-threads", "-p", "200,7", "-n", "1"]) == 2
    out, errors = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert errors.startswith("threadtop: process 7 is not in the ticks that were exported; ")


def test_no_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is none is one line and exit code 1."""
    other = tmp_path / "x"
    other.write_text("hello")
    for name in (other, tmp_path / "nothing"):
        assert main(["export", str(name), "--csv"]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.endswith("; name a file that threadtop record has made")


@pytest.mark.parametrize("kind", ["--jsonl", "--csv"])
def test_full_disk(file: str, kind: str) -> None:
    """Output that cannot be written is one line on standard error and exit code 1."""
    with open("/dev/full", "wb") as full:
        command = [*THREADTOP, "export", file, kind]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("threadtop: output failed: ")


@pytest.mark.parametrize("kind", ["--jsonl", "--csv"])
def test_closed_pipe(file: str, kind: str) -> None:
    """A reader that has had enough (head) ends it quietly."""
    reading, writing = os.pipe()
    with subprocess.Popen([*THREADTOP, "export", file, kind], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.close(reading)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")


def test_the_clock_was_set_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ticks whose wall clock goes back are all written, in their order."""
    samples = ticks(4)
    samples[2] = samples[2]._replace(time=NOON - 100, host=host_sample(hostname="set-back"))
    file = recorded(tmp_path / "a.ttr", *samples)
    assert main(["export", str(file), "--jsonl"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [whole["host"] for whole in found] == ["box", "box", "set-back", "box"]
