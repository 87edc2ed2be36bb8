"""Lock waits that a database names in the titles of its processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row, thread_row
from ruled import PROBLEM, kinds, only, shot

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow

TITLE = "postgres: app shop 10.0.4.17(51234) UPDATE waiting"


def backend(pid: int = 100, command: str = TITLE, *, ppid: int = 50, process: str = "postgres") -> ProcessRow:
    """A backend that sleeps in epoll_wait, as all do that wait."""
    return process_row(pid, thread_row(pid, wchan="do_epoll_wait"), ppid=ppid, process=process, command=command)


def test_backends_that_wait() -> None:
    """Those of one server are one finding, with what each of them is at."""
    found = only("database-lock", shot(backend(), backend(101)), seconds=3)
    assert found.title == "2 PostgreSQL backends wait for a database lock"
    assert dict(found.evidence)["by their titles"] == (
        "100 (app shop 10.0.4.17(51234) UPDATE waiting), 101 (app shop 10.0.4.17(51234) UPDATE waiting)"
    )
    assert (found.pid, found.tids, found.grade) == (100, (100, 101), "sampled")
    assert found.severity >= PROBLEM


def test_two_servers_are_two_findings() -> None:
    """Backends of different servers wait for different locks."""
    assert kinds(shot(backend(), backend(101, ppid=51)), seconds=10) == ["database-lock"] * 2


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(backend(command="postgres: app shop 10.0.4.17(51234) idle"), id="idle"),
        pytest.param(backend(command="postgres: app shop 10.0.4.17(51234) SELECT"), id="at work"),
        pytest.param(backend(process="python3"), id="another program with such a title"),
        pytest.param(backend(command="waiting"), id="no title of PostgreSQL"),
        pytest.param(
            process_row(100, thread_row(100, cpu_pct=1.0, vol_per_s=5.0), ppid=50, process="postgres", command=TITLE),
            id="it runs meanwhile",
        ),
    ],
)
def test_what_is_no_lock_wait(row: ProcessRow) -> None:
    """Only a backend that says so, and rests."""
    assert kinds(shot(row), seconds=10) == []


def test_it_must_last() -> None:
    """A lock that is had within three seconds is a database at work."""
    assert kinds(shot(backend()), seconds=2) == []
    assert kinds(shot(backend()), seconds=9, close=False) == []
    assert kinds(shot(backend()), seconds=10, close=False) == ["database-lock"]
