"""--screenshot: the screen as a picture without a terminal, whole or not at all."""

from __future__ import annotations

import html
import os
import re
import signal
import stat
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

import screens  # noqa: F401 textual's settings, before it is imported
import scripted
import scripted_gil
from builders import process_row, snapshot, thread_row
from test_export import HOSTILE, acting
from threadtop.cli import Options
from threadtop.config import Preferences
from threadtop.errors import TargetError, ThreadtopError
from threadtop.filters import parse_filter
from threadtop.procfs.reader import process_clock_ns
from threadtop.source import ScriptedSource
from threadtop.tui import screenshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from threadtop.snapshot import Snapshot

THREADTOP = (sys.executable, "-m", "threadtop")
SVG = "{http://www.w3.org/2000/svg}"
SHOTS = scripted.ticks()[:3]


def taken(place: Path, *shots: Snapshot, **asked: Any) -> tuple[str, ScriptedSource]:  # noqa: ANN401 options
    """A picture of these snapshots, and the source that gave them."""
    source = ScriptedSource(shots or SHOTS)
    options = Options(screenshot=str(place), interval_s=0.1, **asked)
    assert screenshot.run(options, Preferences(), source_=source) == 0
    return place.read_text(encoding="utf-8"), source


def words(svg: str) -> list[str]:
    """The lines of a picture as text."""
    lines: dict[str, str] = {}
    for element in ET.fromstring(svg).iter(f"{SVG}text"):  # noqa: S314 our own
        if element.get("clip-path"):
            lines[element.get("y", "")] = lines.get(element.get("y", ""), "") + (element.text or "")
    return [html.unescape(line).replace("\xa0", " ") for line in lines.values()]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the picture goes; nothing else may be left there."""
    yield tmp_path / "picture.svg"
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


def test_it_is_the_screen(place: Path) -> None:
    """Header, columns, rows and footer are in it, at the size asked for; rates are those of the second pass."""
    svg, source = taken(place, size=(100, 30))
    lines = words(svg)
    assert len(lines) == 30
    assert lines[0].startswith(" threadtop  ")
    assert any(line.split()[:1] == ["%CPU▼"] or "%CPU" in line for line in lines[:6])
    assert sum("gunicorn" in line for line in lines) >= 2
    assert "? help" in lines[-1]
    assert len(source.interests) == 2
    assert source.interests[1].visible


def test_the_same_screen_is_the_same_picture(tmp_path: Path) -> None:
    """Its ids depend on what it shows alone, and no font is fetched from elsewhere."""
    first, _ = taken(tmp_path / "a.svg")
    second, _ = taken(tmp_path / "b.svg")
    other, _ = taken(tmp_path / "c.svg", size=(80, 24))
    assert first == second
    ids = [re.findall(r"terminal-\d+", svg)[0] for svg in (first, other)]
    assert ids[0] != ids[1]
    assert "url(" not in re.sub(r"url\(#", "", first)


def test_options_shape_it(place: Path) -> None:
    """Filter, order, layout, columns and theme are as on the screen."""
    asked = {"filter": parse_filter("name~gunicorn"), "columns": ("tid", "name"), "sort": "tid", "theme": "mono"}
    svg, _ = taken(place, **asked)
    lines = words(svg)
    assert [line.split() for line in lines[3:7]] == [
        *(["TID▲NAME"], ["4210", "gunicorn"], ["4211", "gunicorn"], ["4305", "gunicorn"])
    ]
    blue = "#7fb4ff"
    assert blue not in svg
    assert blue in taken(place)[0]


def test_a_process_is_looked_at_closely(place: Path) -> None:
    """An attached process has a pass more, for its watches; a pane is opened at it."""
    shots = [scripted.only(shot, scripted.GUNICORN) for shot in scripted_gil.ticks(4)]
    svg, source = taken(place, *shots, pids=frozenset({scripted.GUNICORN}), pane="gil")
    assert [interest.gil for interest in source.interests] == [frozenset({scripted.GUNICORN})] * 3
    lines = words(svg)
    assert lines[0].lstrip().startswith(f"gunicorn {scripted.GUNICORN}")
    assert any("holds" in line for line in lines)


def test_no_name_does_harm_in_it(place: Path) -> None:
    """It is well-formed whatever threads are called, and control bytes are shown."""
    row = process_row(100, thread_row(100, name=HOSTILE), process="<&]]>\"'", command=HOSTILE, user=HOSTILE)
    svg, _ = taken(place, snapshot(row), snapshot(row))
    lines = words(svg)
    assert any("<&]]>" in line for line in lines)
    assert [line for line in lines if acting(line.rstrip())] == []


def test_nothing_to_show_is_a_failure(place: Path) -> None:
    """A process that has ended meanwhile is an error of one line, and no picture."""
    with pytest.raises(TargetError, match="process 4 has ended"):
        taken(place, snapshot(), pids=frozenset({4}))
    with pytest.raises(TargetError, match="there is nothing to show"):
        taken(place, snapshot())
    assert not place.exists()


def test_it_takes_the_place_of_a_file(place: Path, tmp_path: Path) -> None:
    """A link stays a link; what was there is replaced whole; others may read it as the umask has it."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "real.svg").write_text("old" * 100_000)
    place.symlink_to(kept / "real.svg")
    was = os.umask(0o027)
    try:
        svg, _ = taken(place)
    finally:
        os.umask(was)
    assert place.is_symlink()
    assert (kept / "real.svg").read_text(encoding="utf-8") == svg
    assert stat.S_IMODE((kept / "real.svg").stat().st_mode) == 0o640
    assert os.listdir(kept) == ["real.svg"]


def test_what_cannot_be_replaced(tmp_path: Path) -> None:
    """A directory, a pipe, a folder that is not there or takes no files: an error before anything is measured."""
    (tmp_path / "folder.svg").mkdir()
    os.mkfifo(tmp_path / "pipe.svg")
    places = [
        tmp_path / "folder.svg",
        tmp_path / "pipe.svg",
        tmp_path / "no" / "a.svg",
        tmp_path / ("x" * 300 + ".svg"),
    ]
    for place in (*map(str, places), "/proc/a.svg"):
        source = ScriptedSource(SHOTS)
        with pytest.raises(ThreadtopError, match=re.escape(" cannot be written: ")) as caught:
            screenshot.run(Options(screenshot=place), Preferences(), source_=source)
        assert caught.value.exit_code == 1
        assert source.interests == []
    assert sorted(os.listdir(tmp_path)) == ["folder.svg", "pipe.svg"]


def test_a_file_that_may_not_be_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays as it is, though its folder would let it be replaced."""
    place.write_text("mine")
    monkeypatch.setattr(os, "access", lambda _place, _mode: False)
    with pytest.raises(ThreadtopError, match="Permission denied"):
        taken(place)
    assert place.read_text() == "mine"


# -- the command -------------------------------------------------------------------------------

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_full_disk(place: Path) -> None:
    """What cannot be written whole is not there at all; the old picture stays."""
    place.write_text("old")
    command = [sys.executable, "-c", LIMITED, *THREADTOP, "--screenshot", str(place), "-d", "0.1"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"threadtop: {place} cannot be written: ")
    assert place.read_text() == "old"


@pytest.mark.live
@pytest.mark.every_python
@pytest.mark.parametrize("closed", ["", "<&-", "<&- >&-", "<&- >&- 2>&-"], ids=lambda closed: closed or "open")
def test_no_terminal_is_needed(place: Path, closed: str) -> None:
    """It works with standard descriptors closed and without TERM, in the colours of any other time."""
    environment = {key: value for key, value in os.environ.items() if key not in ("TERM", "COLORTERM", "NO_COLOR")}
    arguments = ["--screenshot", str(place), "-d", "0.2", "--size", "90x20", "-p", str(os.getpid())]
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *THREADTOP, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    svg = place.read_text(encoding="utf-8")
    assert len(words(svg)) == 20
    assert any(str(os.getpid()) in line for line in words(svg))
    assert "#7fd88f" in svg or "#7fb4ff" in svg


@pytest.mark.live
@pytest.mark.every_python
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_nothing_behind(place: Path, number: signal.Signals, code: int) -> None:
    """One that is ended while it measures ends at once, quietly, and leaves no half of a picture."""
    command = [*THREADTOP, "--screenshot", str(place), "-d", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not os.listdir(place.parent) and time.monotonic() < deadline:
            time.sleep(0.05)
        while (clock := process_clock_ns(process.pid)) is not None and time.monotonic() < deadline:
            time.sleep(0.3)
            if clock == process_clock_ns(process.pid):
                break  # it waits for its second pass
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (code, b"", b"")
    assert os.listdir(place.parent) == []
