"""The command line of ``threadtop replay``: what it takes, what it refuses, and a picture of a moment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from builders import process_sample, sample, thread_sample
from recorded import recorded
from test_player import SPIN, samples
from threadtop import cli, replay_command
from threadtop.errors import UsageError
from threadtop.recording.times import Named


def test_what_it_takes() -> None:
    """A file, where to begin, how fast, and the options of the screen."""
    asked = replay_command.parse(["a.ttr", "--at", "-30s", "--speed", "4", "--sort", "wait", "--theme", "mono"])
    assert (asked.file, asked.at, asked.speed) == (Path("a.ttr"), Named("end", 30.0), 4.0)
    assert (asked.options.sort, asked.options.theme) == ("wait_pct", "mono")
    assert replay_command.parse(["-o", "wait", "a.ttr"]).file == Path("a.ttr")
    plain = replay_command.parse(["a.ttr"])
    assert (plain.at, plain.speed, plain.options) == (None, 1.0, cli.Options())


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["a.ttr", "--json"], "threadtop export FILE"),
        (["a.ttr", "-b", "--csv"], "threadtop export FILE"),
        (["a.ttr", "-d", "5"], "threadtop replay --help"),
        (["a.ttr", "4211"], "threadtop replay --help"),
        (["a.ttr", "--pane", "files"], "Enter opens a process"),
        (["a.ttr", "--explain"], "threadtop export FILE"),
        (["a.ttr", "--speed", "fast"], "try --speed 4"),
        (["a.ttr", "--speed", "0"], "try --speed 4"),
        (["a.ttr", "--at", "noon"], "write --at 90s"),
        ([], "threadtop replay --help"),
    ],
)
def test_what_it_refuses(arguments: list[str], remedy: str) -> None:
    """What makes no sense of a recording, with what to do instead."""
    with pytest.raises(UsageError) as refused:
        replay_command.parse(arguments)
    assert remedy in refused.value.remedy


def test_a_moment_that_was_not_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not silently another one: how far the recording goes is said, as export and diff say it."""
    path = recorded(tmp_path / "a.ttr", *samples(10))
    assert cli.main(["replay", str(path), "--at", "1h", "--screenshot", str(tmp_path / "a.svg")]) == 2
    error = capsys.readouterr().err
    assert "there is nothing of that moment" in error
    assert error.endswith("(9 s)\n")
    assert not (tmp_path / "a.svg").exists()
    assert cli.main(["replay", str(path), "--at", "9s", "--screenshot", str(tmp_path / "a.svg")]) == 0


def test_without_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes text and pictures of a recording is named, not what makes them of a live machine."""
    path = recorded(tmp_path / "a.ttr", *samples(3))
    assert cli.main(["replay", str(path)]) == 2
    assert "threadtop export FILE" in capsys.readouterr().err


def test_a_picture_of_a_moment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its line and its finding, as the screen shows it; of a pane, too."""
    file = str(recorded(tmp_path / "a.ttr", *samples(10), findings=((), (), (SPIN,))))
    for name, more in (("a.svg", []), ("b.svg", ["--pane", "findings", "-p", "100"])):
        picture = tmp_path / name
        assert cli.main(["replay", file, "--at", "2s", "--screenshot", str(picture), *more]) == 0
        said = " ".join(re.findall(r">([^<>]+)</text>", picture.read_text().replace("&#160;", " ")))
        assert re.search(r"3 +of 10", said)
        assert "it spins" in said
    assert capsys.readouterr().err == ""


def test_a_picture_of_one_process(tmp_path: Path) -> None:
    """Without a pane it has the rows of that process alone, and its name above them, as the live one."""
    others = [
        sample(at, *one.processes.values(), process_sample(200, thread_sample(200)))
        for at, one in enumerate(samples(3))
    ]
    file, picture = str(recorded(tmp_path / "a.ttr", *others)), tmp_path / "a.svg"
    pids = {}
    for name, more in (("all", []), ("one", ["-p", "200"])):
        assert cli.main(["replay", file, "--screenshot", str(picture), "--columns", "pid,comm", *more]) == 0
        said = re.findall(r">([^<>]+)</text>", picture.read_text().replace("&#160;", " "))
        pids[name] = {word for line in said for word in line.split() if word in ("100", "200")}
    assert pids == {"all": {"100", "200"}, "one": {"200"}}


@pytest.mark.parametrize("more", [["-p", "7"], ["-p", "100,7"], ["--pane", "findings", "-p", "7"]])
def test_a_process_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    """There is no picture of it, nor of a pane of it."""
    file = str(recorded(tmp_path / "a.ttr", *samples(3)))
    picture = tmp_path / "a.svg"
    assert cli.main(["replay", file, "--screenshot", str(picture), *more]) == 2
    assert "process 7 is not in this moment" in capsys.readouterr().err
    assert not picture.exists()


@pytest.mark.parametrize("command", [["replay", "--screenshot", "a.svg"], ["replay"], ["export", "--csv"]])
def test_a_user_who_is_not_there(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who had no process in the recording, whether known here or not, is told with those who had."""
    file = str(recorded(tmp_path / "a.ttr", *(one._replace(users={33: "www", 0: "root"}) for one in samples(3))))
    for user in ("nosuch", "daemon", "1"):
        assert cli.main([*command, file, "-u", user]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err) == (
            "",
            f"threadtop: there is no user {user!r} in the recording; its users are root, www\n",
        )


@pytest.mark.parametrize("user", ["www", "33", "root", "0"])
def test_a_user_who_is_there(user: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A user of the recording, by name or uid, need not be one of this machine."""
    file = str(recorded(tmp_path / "a.ttr", *(one._replace(users={33: "www", 0: "root"}) for one in samples(3))))
    assert cli.main(["export", "--csv", file, "-u", user]) == 0
    assert capsys.readouterr().err == ""
