from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from builders import host_sample, process_sample, ran, sample, thread_sample
from recorded import recorded
from test_schema import complaints
from threadtop import diff_command
from threadtop.cli import main
from threadtop.diff_command import readings, windows
from threadtop.recording import format as file_format
from threadtop.snapshot import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from threadtop.sample import Sample

THREADTOP = (sys.executable, "-m", "threadtop")
SERVER = thread_sample(100, name="server")
FOUND = Finding("cpu-bound", 100, 1000, "server", "busy", "It is.", (("cpu", "50 %"),), "exact", 60.0, (101,))
QUIET, BUSY = 10, 500
"""Milliseconds that the worker runs in a second."""


def ticks(
    run_ms: Sequence[float], *, pid: int = 100, start_s: float = 0.0, vol: int = 10, host: str = "box"
) -> list[Sample]:
    """A tick a second: the worker runs so long in each; in a second half that is busy a helper lives, too."""
    worker = thread_sample(pid + 1, name="worker-1")
    helper = thread_sample(pid + 2, name="helper", start_ticks=5000)
    samples = []
    for tick, ms in enumerate(run_ms):
        at_s = start_s + tick
        worker = ran(worker, at_s, run_ms=ms, wait_ms=ms / 10, vol=vol)
        threads = [ran(thread_sample(pid, name="server"), at_s), worker]
        if ms == BUSY:
            helper = ran(helper, at_s, run_ms=200, vol=1)
            threads.append(helper)
        server = process_sample(pid, *threads, name="server", at_ns=round(at_s * 1e9))
        samples.append(sample(at_s, server, host=host_sample(hostname=host)))
    return samples


@pytest.fixture
def phases(tmp_path: Path) -> str:
    """A recording that is quiet for ten seconds, and busy for ten."""
    busy = ticks([QUIET] * 11 + [BUSY] * 10)
    return str(recorded(tmp_path / "phases.ttr", *busy, findings=((),) * 12 + ((FOUND,),) * 9))


@pytest.fixture
def difference(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """The document of diff --json with these arguments; it is of the schema."""

    def run(*arguments: str) -> dict[str, Any]:
        assert main(["diff", *arguments, "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert complaints(found) == []
        return found

    return run


def deltas(found: dict[str, Any], tid: int | None) -> dict[str, tuple[float, float]]:
    """What changed of a thread."""
    [one] = [one for one in found["changed"] if one["after"]["tid"] == tid]
    return {delta["measure"]: (delta["before"], delta["after"]) for delta in one["deltas"]}


# -- what is compared --------------------------------------------------------------------------


def test_two_moments_of_a_recording(phases: str, difference: Callable[..., dict[str, Any]]) -> None:
    """Each is the mean over the seconds from it on; who came, which figures changed, which findings came."""
    found = difference(phases, "--at", "2s", "--and", "12s", "--over", "5s")
    assert (found["matched_by"], found["both"]) == ("ids", 2)
    sides = [
        (found[name]["begin"][14:19], found[name]["seconds"], found[name]["ticks"]) for name in ("before", "after")
    ]
    assert sides == [("00:02", 5.0, 5), ("00:12", 5.0, 5)]
    assert deltas(found, 101) == {"cpu_pct": (1.0, 50.0), "wait_pct": (0.1, 5.0)}
    [new] = found["new"]
    assert (new["tid"], new["cpu_pct"], new["points"]) == (102, 20.0, 20.0)
    assert [(one["change"], one["after"]["kind"]) for one in found["findings"]] == [("came", "cpu-bound")]


def test_the_order_of_moments_is_that_of_the_user(phases: str, difference: Callable[..., dict[str, Any]]) -> None:
    """What is named first is before, also where it is later."""
    found = difference(phases, "--at", "12s", "--and", "2s", "--over", "5s")
    assert deltas(found, 101)["cpu_pct"] == (50.0, 1.0)
    assert ([one["tid"] for one in found["gone"]], found["findings"][0]["change"]) == ([102], "went")


def test_a_file_alone_is_its_beginning_and_its_end(phases: str, difference: Callable[..., dict[str, Any]]) -> None:
    """Ten seconds of each, or half of what there is."""
    found = difference(phases)
    assert [found[name]["seconds"] for name in ("before", "after")] == [10.0, 10.0]
    assert deltas(found, 101)["cpu_pct"] == (1.0, 50.0)
    found = difference(phases, "--over", "1m")
    assert [found[name]["begin"][14:19] for name in ("before", "after")] == ["00:00", "00:10"]


def test_whole_recordings(tmp_path: Path, phases: str, difference: Callable[..., dict[str, Any]]) -> None:
    """Means over all of each, from the first counters to the last."""
    quiet = str(recorded(tmp_path / "quiet.ttr", *ticks([QUIET] * 5, start_s=100)))
    found = difference(phases, quiet)
    assert [found[name]["seconds"] for name in ("before", "after")] == [20.0, 4.0]
    assert deltas(found, 101)["cpu_pct"] == (25.5, 1.0)
    assert [one["tid"] for one in found["gone"]] == [102]


def test_other_machines_match_by_name(tmp_path: Path, phases: str, difference: Callable[..., dict[str, Any]]) -> None:
    """Other ids on another machine: what has one name but for digits is compared."""
    other = str(recorded(tmp_path / "b.ttr", *ticks([100] * 5, pid=7000, host="new")))
    found = difference(phases, other)
    assert (found["matched_by"], found["both"], found["new"]) == ("names", 2, [])
    assert deltas(found, 7001) == {"cpu_pct": (25.5, 10.0), "wait_pct": (2.55, 1.0)}
    assert [one["after"]["name"] for one in found["changed"]] == ["server [worker-#]"]


def test_documents(phases: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], difference: Any) -> None:  # noqa: ANN401
    """Lines of JSON are compared as the recording they are from; two single documents are two moments."""
    assert main(["export", phases, "--jsonl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    every, early, late = (tmp_path / name for name in ("all.jsonl", "early.json", "late.json"))
    every.write_text("\n".join(lines[1:]) + "\n")
    early.write_text(lines[5])
    late.write_text(json.dumps(json.loads(lines[15]), indent=1))
    asked = ("--at", "2s", "--and", "12s", "--over", "5s")
    assert deltas(difference(str(every), *asked), 101) == deltas(difference(phases, *asked), 101)
    assert deltas(difference(str(early), str(late)), 101) == {"cpu_pct": (1.0, 50.0), "wait_pct": (0.1, 5.0)}
    assert difference(phases, str(every))["changed"] == []


def test_processes(phases: str, difference: Callable[..., dict[str, Any]]) -> None:
    """With --no-threads processes are compared, with how many threads they have."""
    found = difference(phases, "--no-threads")
    assert (found["level"], found["both"]) == ("processes", 1)
    assert deltas(found, None)["threads"] == (2.0, 3.0)
    assert found["changed"][0]["after"]["pid"] == 100


@pytest.mark.parametrize(
    ("arguments", "changed", "new"),
    [
        ([], [101], [102]),
        (["--filter", "name~worker"], [101], []),
        (["--filter", "cpu>30"], [101], []),
        (["--filter", "helper"], [], [102]),
        (["--filter", "user=www pid=100 state=S lock<1 reason!=x"], [], []),
        (["-p", "100"], [101], [102]),
        (["-n", "1"], [101], [102]),
        (["--by", "names"], [101], [102]),
    ],
)
def test_only_some(phases: str, difference: Any, arguments: list[str], changed: list[int], new: list[int]) -> None:  # noqa: ANN401
    """A filter holds of either side; -p names processes."""
    found = difference(phases, *arguments)
    assert [one["after"]["tid"] for one in found["changed"]] == changed
    assert [one["tid"] for one in found["new"]] == new


def test_text(phases: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The report, as it is printed."""
    assert main(["diff", phases]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"before  {phases}  box  2026-01-01 12:00:00 to 12:00:10 UTC, 10.0 s in 10 ticks",
        f"after   {phases}  box  2026-01-01 12:00:10 to 12:00:20 UTC, 10.0 s in 10 ticks",
        "matched by id, of one boot: 2 threads on both sides, 1 new, none gone",
        "machine 2 CPUs, busy 0.0 -> 0.0 %  threads 2 -> 3  in run queues 0.0 -> 0.0  switches/s 0 -> 0",
        "",
        "came  ! server 100: busy  (exact)",
        "        evidence  cpu 50 %",
        "",
        "new",
        "      102 server [helper]  cpu 20.0 %",
        "",
        "changed                                     before     after    change",
        "      101 server [worker-1]  cpu %             1.0      50.0     +49.0",
        "                             run queue %       0.1       5.0      +4.9",
        "",
        "left out  1 on both sides: differences of less than 1 point of cpu or run queue, 5 of sampled",
        "          shares, 10 of estimates (~), 20 switches/s, or a tenth",
    ]


# -- windows -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "over_s", "expected"),
    [
        (10, 50, 10, ((10, 20), (50, 60))),
        (50, 10, 10, ((50, 60), (10, 20))),
        (0, 100, 10, ((0, 10), (90, 100))),  # of the end the time before it
        (0, 95, 10, ((0, 10), (90, 100))),
        (10, 15, 10, ((10, 17.5), (17.5, 25))),  # no second is on both sides
        (0, 100, 1000, ((0, 50), (50, 100))),
        (-5, 100, 10, ((0, 10), (90, 100))),
    ],
)
def test_windows(first: float, second: float, over_s: float, expected: tuple[Any, Any]) -> None:
    """From each moment on, within the recording, never overlapping."""
    assert windows(first, second, 0, 100, over_s) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [((0, 2), (0, 1)), ((1, 3), (1, 2)), ((0.6, 2.4), (1, 1)), ((1.1, 1.2), (1, 1)), ((9, 10), (3, 3))],
)
def test_readings(span: tuple[float, float], expected: tuple[int, int]) -> None:
    """Those that stand for most of a window; the nearest one where there is none."""
    assert readings(0.0, [1.0, 2.0, 3.0, 4.0], span) == expected


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required: FILE; "),
        (["A", "A", "A"], "3 files are too many to compare; "),
        (["A", "A", "--at", "5"], "--at, --and and --over are moments of one file, and these are two; "),
        (["A", "--at", "soon"], "--at wants a moment of the recording, not 'soon'; "),
        (["A", "--over", "0"], "--over wants a time such as 90s"),
        (["A", "--at", "5", "--and", "5"], "these are one moment of "),
        (["A", "--at", "1h"], "--at: there is nothing of that moment in "),
        (["A", "--and", "13:00"], "--and: there is nothing of that moment in "),
        (["A", "--by", "luck"], "argument --by: invalid choice"),
        (["A", "--filter", "rss>5"], "a comparison knows no RES; filter by names"),
        (["A", "--filter", "cpu>x"], "bad filter: "),
        (["A", "-n", "0"], "-n wants a whole number"),
        (["A", "-p", "x"], "'x' is not a process id"),
        (["A", "--jsonl"], "unrecognized arguments: --jsonl; threadtop diff --help"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_usage(phases: str, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    """One line that says what to write instead, exit code 2, and no output."""
    assert main(["diff", *(phases if word == "A" else word for word in arguments)]) == 2
    out, errors = capsys.readouterr()
    assert (out, errors.count("\n")) == ("", 1)
    assert errors.startswith(f"threadtop: {says}")


def test_what_cannot_be_read(tmp_path: Path, phases: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No file, a folder, bytes, a recording of a newer format, one of one tick: one line each, exit code 1."""
    junk, cut, newer = tmp_path / "junk", tmp_path / "cut.ttr", tmp_path / "newer.ttr"
    junk.write_bytes(b"\xff\xfe\x00")
    cut.write_bytes((tmp_path / "phases.ttr").read_bytes()[:5000])
    whole = bytearray((tmp_path / "phases.ttr").read_bytes())
    whole[60:64] = (file_format.VERSION + 1).to_bytes(4, "big")  # user_version, in SQLite's header
    newer.write_bytes(bytes(whole))
    single = recorded(tmp_path / "single.ttr", *ticks([QUIET]))
    for file, says in (
        (tmp_path / "none", "cannot read "),
        (tmp_path, "cannot read "),
        (junk, f"{junk} is neither a recording nor JSON; name recordings"),
        (cut, ""),
        (newer, f"{newer} has format {file_format.VERSION + 1}, and this threadtop knows {file_format.VERSION}; "),
        (single, f"{single} has one tick, and no rates; record for longer"),
    ):
        for arguments in ([str(file), phases], [phases, str(file)], [str(file)]):
            assert main(["diff", *arguments]) == 1
            out, errors = capsys.readouterr()
            assert (out, errors.count("\n"), "Traceback" in errors) == ("", 1, False)
            assert errors.startswith(f"threadtop: {says}")


def test_too_much_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that would not fit into memory is refused before it is parsed."""
    monkeypatch.setattr(diff_command, "MOST_BYTES", 1000)
    file = tmp_path / "a.json"
    file.write_text(" " * 2000)
    assert main(["diff", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"threadtop: {file} is more than 1.0K of JSON; compare recordings")


def test_a_process_on_neither_side(phases: str, capsys: pytest.CaptureFixture[str]) -> None:
    """That is told in one line, with the code of who is not there."""
    assert main(["diff", phases, "-p", "100,7"]) == 2
    assert capsys.readouterr().err.startswith("threadtop: process 7 is on neither side; ")


def test_moments_near_its_ends_are_in_it(phases: str, difference: Any, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ANN401
    """A second before or after is no matter: clocks as text are cut.  Further off, it is said what there is."""
    found = difference(phases, "--at", "11:59:59", "--and", "12:00:21")
    assert [found[name]["begin"][14:19] for name in ("before", "after")] == ["00:00", "00:10"]
    assert main(["diff", phases, "--at", "11:59:58"]) == 2
    said = "it goes from 2026-01-01T12:00:00Z to 2026-01-01T12:00:20Z (20 s)"
    assert capsys.readouterr().err == f"threadtop: --at: there is nothing of that moment in {phases}; {said}\n"


def test_means_are_differences_of_counters(tmp_path: Path, difference: Callable[..., dict[str, Any]]) -> None:
    """However long each tick was and whatever a thread did in it: from its first counters to its last."""
    worker, samples, at_s = thread_sample(101, name="worker"), [], 0.0
    for gap_s, run_ms, vol in ((0, 0, 0), (0.25, 200, 9), (1, 100, 0), (3, 0, 0), (0.5, 500, 700), (2, 1, 1)):
        at_s += gap_s
        worker = ran(worker, at_s, run_ms=run_ms, wait_ms=run_ms / 2, vol=vol)
        samples.append(sample(at_s, process_sample(100, ran(SERVER, at_s), worker, at_ns=round(at_s * 1e9))))
    rest = recorded(tmp_path / "rest.ttr", *ticks([0, 0], start_s=100))
    found = difference(str(recorded(tmp_path / "a.ttr", *samples)), str(rest), "--no-threads")
    figures = found["changed"][0]["before"]
    assert (figures["wait_pct"], figures["vol_per_s"]) == (round(400.5 / 67.5, 2), round(710 / 6.75, 2))


@pytest.mark.parametrize("kind", [[], ["--json"]], ids=["text", "json"])
def test_full_disk(phases: str, kind: list[str]) -> None:
    """Output that cannot be written is one line on standard error and exit code 1."""
    with open("/dev/full", "wb") as full:
        command = [*THREADTOP, "diff", phases, *kind]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("threadtop: output failed: ")


@pytest.mark.parametrize("kind", [[], ["--json"]], ids=["text", "json"])
def test_closed_pipe(phases: str, kind: list[str]) -> None:
    """A reader that has had enough (head) ends it quietly."""
    reading, writing = os.pipe()
    with subprocess.Popen([*THREADTOP, "diff", phases, *kind], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.close(reading)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")


def test_ascii(phases: str) -> None:
    """A locale without an ellipsis gets a dot."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [*THREADTOP, "diff", phases, "-w", "50"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert max(map(len, done.stdout.decode("ascii").splitlines())) == 50
