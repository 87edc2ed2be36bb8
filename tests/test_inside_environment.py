"""The reader of the Environment pane on a fake /proc: whose threads count against a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from fakeproc import FakeProc
from threadtop.inside.asked import Asked
from threadtop.inside.environment import EnvironmentReader

if TYPE_CHECKING:
    from pathlib import Path

PID = 100


@pytest.mark.parametrize(("is_whole", "threads"), [(True, 3), (False, None)])
def test_threads_of_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_whole: bool, threads: int | None
) -> None:
    """All of the user's that a pass over the machine sees; an attached run sees some processes, and does not know."""
    proc = FakeProc(tmp_path, monkeypatch)
    proc.process(PID, uid=1000)
    mine = process_sample(PID, thread_sample(PID), uid=1000)
    others = process_sample(101, thread_sample(101), thread_sample(102), uid=1000), process_sample(200, uid=0)
    seen = sample(1.0, mine, *others, is_whole=is_whole)
    assert EnvironmentReader(proc.reader()).read(Asked("environment", PID), seen).user_threads == threads
