"""The reader of the Environment pane on a fake /proc: whose threads count against a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from fakeproc import FakeProc
from threadtop.inside.asked import Asked
from threadtop.inside.environment import MOST_BYTES, EnvironmentReader

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


@pytest.mark.parametrize(
    ("raw", "variables", "is_cut", "is_overwritten"),
    [
        (b"A=1\0B=2\0", (("A", "1"), ("B", "2")), False, False),
        (bytes(100), (), False, True),
        (b"A=1\0" + b"B" * MOST_BYTES, (("A", "1"),), True, False),
    ],
)
def test_variables(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raw: bytes,
    variables: tuple[tuple[str, str], ...],
    *,
    is_cut: bool,
    is_overwritten: bool,
) -> None:
    """As the file has them; one that is cut off is left out, and is not taken for a title."""
    proc = FakeProc(tmp_path, monkeypatch)
    proc.process(PID)
    (tmp_path / "proc" / str(PID) / "environ").write_bytes(raw)
    facts = EnvironmentReader(proc.reader()).read(Asked("environment", PID), sample(1.0, process_sample(PID)))
    assert (facts.variables, facts.is_cut, facts.is_overwritten) == (variables, is_cut, is_overwritten)
