"""Headless runs, on a scripted source: what they ask to be read."""

from __future__ import annotations

import pytest

from builders import process_row, snapshot
from threadtop import headless
from threadtop.cli import Options
from threadtop.source import ScriptedSource


@pytest.mark.parametrize("pids", [None, frozenset({100})])
def test_gils_of_attached_processes_are_watched_from_the_first_pass(pids: frozenset[int] | None) -> None:
    """Each pass names the attached processes, so that the watch covers the first frame; without any it names none."""
    source = ScriptedSource([snapshot(process_row(100))] * 2)
    assert headless.run(Options(interval_s=0.1, frames=1, pids=pids, json=True), source_=source) == 0
    assert [interest.gil for interest in source.interests] == [pids or frozenset()] * 2
