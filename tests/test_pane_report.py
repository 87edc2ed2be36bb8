"""``--pane`` without a screen: what it refuses, with which exit code, what it reads and prints."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_findings
import scripted_sheets
import scripted_stacks
from threadtop import cli, pane_report, traces
from threadtop.cli import Options
from threadtop.errors import EXIT_FAILURE, EXIT_OK, EXIT_USAGE, UsageError
from threadtop.filters import parse_filter
from threadtop.sheets import BY_NAME, KINDS
from threadtop.source import ScriptedSource
from threadtop.stacks import StacksError
from threadtop.traces import Answer

if TYPE_CHECKING:
    from threadtop.interest import Interest

TICKS = scripted_findings.ticks(8)
PID = scripted.GUNICORN
FACTS = scripted_stacks.facts()


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have slept."""
    made: list[float] = []
    monkeypatch.setattr(pane_report, "time", SimpleNamespace(sleep=made.append, monotonic=lambda: sum(made)))
    return made


def run(pane: str, *, gone: bool = False, pid: int = PID, **options: object) -> tuple[int, list[Interest]]:
    """Exit code, and what was asked to be read in each pass."""
    kind = BY_NAME.get(pane)
    last = scripted.without(TICKS[7], PID) if gone else TICKS[7]
    tid = pid if pane == "thread" else 0
    if kind is not None and not gone and pid == PID:
        last = scripted_sheets.shown(last, kind, tid=tid)
    source = ScriptedSource([TICKS[5], TICKS[6], last])
    made = Options(pane=pane, pids=frozenset({pid}), headless=True, **options)  # type: ignore[arg-type]
    return pane_report.run(made, source_=source), source.interests


# -- the command line ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pane", "nothing", "-p", "1"], "no pane 'nothing'; --pane takes one of children, environment, "),
        (["--pane", "\x1b[31m", "-p", "1"], r"no pane '\x1b[31m'"),
        (["--pane", "files", "-p", "1", "-p", "2"], "--pane shows one process; name one: -p PID"),
        (["--pane", "files"], "--pane needs a process; add -p PID"),
        (["--pane", "files", "--tid", "3", "-p", "1"], "--tid goes with --pane thread"),
        (["--pane", "files", "--want", "secrets", "-p", "1"], "has nothing called 'secrets' to want; leave --want out"),
        (["--pane", "threads", "--want", "x", "-p", "1"], "nothing called 'x' to want"),
        (["--pane", "stacks", "--want", "x", "-p", "1"], "--want takes blocking or native"),
        (["--pane", "stacks", "--want", "native", "--readonly", "-p", "1"], "--readonly forbids that"),
        (["--pane", "stacks", "--want", "native", "--want", "blocking", "-p", "1"], "asks for one kind of stacks"),
        (["--tid", "3", "--once"], "go with --pane"),
        (["--want", "native", "--once"], "go with --pane"),
    ],
)
def test_bad_usage(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line of what is wrong and what to write, and exit code 2; nothing on standard output."""
    assert cli.main(arguments) == EXIT_USAGE
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_its_keys_ask_for_can_be_wanted(kind: object) -> None:
    """Each key of a pane has its word for --want."""
    names = [request.name for request in kind.requests]  # type: ignore[attr-defined]
    for name in names:
        pane_report.check(kind.name, frozenset({1}), None, frozenset({name}))  # type: ignore[attr-defined]
    with pytest.raises(UsageError):
        pane_report.check(kind.name, frozenset({1}), None, frozenset({"no such thing"}))  # type: ignore[attr-defined]


# -- what is read -----------------------------------------------------------------------------------------


def test_it_reads_of_one_process(slept: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """Three passes over the process alone; its facts are asked for from the second on."""
    code, interests = run("protection", interval_s=0.5)
    assert code == EXIT_OK
    assert [interest.attached for interest in interests] == [frozenset({PID})] * 3
    assert all(interest.at_once for interest in interests)
    assert [interest.asked is not None for interest in interests] == [False, True, True]
    assert slept[-1] == 0.5
    assert capsys.readouterr().out


def test_a_pane_without_facts_asks_for_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stacks are not read by a pass over /proc."""
    monkeypatch.setattr(traces, "read", lambda *_: Answer(FACTS.traces, FACTS.others, "py-spy"))
    code, interests = run("stacks")
    assert code == EXIT_OK
    assert all(interest.asked is None for interest in interests)
    assert "iterencode" in capsys.readouterr().out


def test_a_pane_of_a_family_reads_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Relatives are other processes: the pass is not limited to one."""
    code, interests = run("children")
    assert code == EXIT_OK
    assert all(interest.attached is None for interest in interests)
    assert capsys.readouterr().out


# -- what is printed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pane", [name for name in pane_report.NAMES if name != "stacks"])
def test_text_and_json(pane: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each pane has something to say as text, without a control byte, and one JSON document."""
    assert run(pane, width=80)[0] == EXIT_OK
    said = capsys.readouterr().out
    assert said.strip()
    assert all(line.isprintable() for line in said.splitlines()), said
    assert run(pane, json=True)[0] == EXIT_OK
    raw = capsys.readouterr().out
    assert raw.count("\n") == 1
    shown = json.loads(raw)
    assert (shown["pane"], shown["pid"], "denied" in shown) == (pane, PID, True)


@pytest.mark.parametrize("more", [{}, {"width": 80}, {"json": True}], ids=["pipe", "80 columns", "json"])
def test_threads_can_be_filtered(more: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    """--filter holds for the pane of threads at any width, as text and as JSON."""
    tid = max(TICKS[7].processes[PID].threads)
    for expression, count in ((f"tid={tid}", 1), ("cpu>1000", 0)):
        assert run("threads", filter=parse_filter(expression), **more)[0] == EXIT_OK
        said = capsys.readouterr()
        rows = json.loads(said.out)["threads"] if more.get("json") else said.out.splitlines()[1:]
        assert len(rows) == count
        assert said.err == ("" if count or more.get("json") else "threadtop: no thread matches the filter\n")


@pytest.mark.parametrize("pane", ["protection", "threads", "findings"])
def test_a_process_that_has_ended(pane: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and one line that says so."""
    assert run(pane, gone=True)[0] == EXIT_FAILURE
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"threadtop: process {PID} has ended\n")


def test_a_thread_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and where the others are listed."""
    assert run("thread", tid=999_999)[0] == EXIT_FAILURE
    said = capsys.readouterr()
    assert said.out == ""
    assert f"process {PID} has no thread 999999 (any more); --pane threads lists them" in said.err


@pytest.mark.parametrize(
    ("wants", "how"),
    [(frozenset(), "python"), (frozenset({"blocking"}), "blocking"), (frozenset({"native"}), "native")],
)
def test_stacks_are_asked_for_once(
    wants: frozenset[str], how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process is paused only where that is wanted; text and JSON have no keys to press in them."""
    questions: list[tuple[str, int]] = []

    def read(how: str, process: object) -> Answer:
        questions.append((how, process.pid))  # type: ignore[attr-defined]
        return Answer(FACTS.traces, FACTS.others, "py-spy", 0.04, 0.008)

    monkeypatch.setattr(traces, "read", read)
    assert run("stacks", wants=wants)[0] == EXIT_OK
    said = capsys.readouterr().out
    assert ("paused for" in said) == (how != "python")
    assert "press" not in said
    assert "Ask again" not in said
    assert run("stacks", wants=wants, json=True)[0] == EXIT_OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["asked"]["asked"]["how"] == how
    assert questions == [(how, PID)] * 2


def test_stacks_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the failure that main() prints in one line, with exit code 1."""

    def read(*_: object) -> Answer:
        message = "py-spy is not installed"
        raise StacksError(message, "pip install x")

    monkeypatch.setattr(traces, "read", read)
    with pytest.raises(StacksError, match="py-spy is not installed; pip install x") as caught:
        run("stacks")
    assert caught.value.exit_code == EXIT_FAILURE
    assert capsys.readouterr().out == ""
