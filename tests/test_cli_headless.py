"""Headless runs, on a scripted source: what they ask to be read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from builders import process_row, snapshot, thread_row
from threadtop import headless
from threadtop.cli import Options
from threadtop.filters import parse_filter
from threadtop.source import ScriptedSource


@pytest.mark.parametrize("pids", [None, frozenset({100})])
def test_attached_processes_are_watched_from_the_first_pass(pids: frozenset[int] | None) -> None:
    """Each pass names the attached processes, so that the watches cover the first frame; without any it names none."""
    source = ScriptedSource([snapshot(process_row(100))] * 2)
    assert headless.run(Options(interval_s=0.1, frames=1, pids=pids, json=True), source_=source) == 0
    assert [interest.gil for interest in source.interests] == [pids or frozenset()] * 2
    assert [interest.waits for interest in source.interests] == [pids or frozenset()] * 2


@pytest.mark.parametrize(("pids", "passes"), [(None, 2), (frozenset({100}), 3)])
def test_a_named_process_is_watched_before_the_first_frame(
    monkeypatch: pytest.MonkeyPatch, pids: frozenset[int] | None, passes: int
) -> None:
    """A pass more lets the watch attach, so that the first frame has GIL shares; the frame's own time is not cut."""
    slept: list[float] = []
    monkeypatch.setattr(headless, "time", SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append))
    source = ScriptedSource([snapshot(process_row(100))] * 5)
    assert headless.run(Options(interval_s=1.0, frames=1, pids=pids, json=True), source_=source) == 0
    assert len(source.interests) == passes
    assert slept == pytest.approx([headless.ATTACH_S, 1.0][-passes + 1 :])


EMPTY = "threadtop: no thread matches the filter\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"filter": "cpu>1000"}, EMPTY),
        ({"filter": "cpu>5 cpu<2", "format": "ps"}, EMPTY),
        ({"filter": "cpu>1000", "threads": False}, "threadtop: no process matches the filter\n"),
        ({"filter": "cpu>1000", "layout": "tree"}, EMPTY),
        ({"filter": "cpu>1000", "json": True}, ""),
        ({"filter": "cpu>1000", "csv": True}, ""),
        ({"filter": "tid=100"}, ""),
        ({"filter": "tid=100", "hide_idle": True}, ""),
        ({"user": "nobody"}, ""),
    ],
)
def test_a_filter_that_nothing_matches_is_told(
    said: dict[str, object], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of frames of text, once and not as an error; who reads JSON or CSV counts the rows."""
    made = {**said, "filter": parse_filter(str(said["filter"]))} if "filter" in said else said
    source = ScriptedSource([snapshot(process_row(100, thread_row(100, state="S")))] * 4)
    options = Options(interval_s=0.01, frames=3, **made)  # type: ignore[arg-type]
    assert headless.run(options, source_=source) == 0
    assert capsys.readouterr().err == told
