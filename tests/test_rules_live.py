"""The rules and the programs that must trigger each, and those that must trigger none, on this machine."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from threadtop import source
from threadtop.interest import Interest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.snapshot import Finding

pytestmark = pytest.mark.live
PROGRAM = Path(__file__).parent / "programs" / "rules.py"
DEADLINE_S = 60.0  # on a busy machine a condition may take its time to hold
STEP_S = 1.0
READINGS = 6  # that many without a finding: more than any rule but the slowest needs

MUST = {
    "polls": "polling-loop",
    "storm": "switch-storm",
    "starved": "starved",
    "hot": "hot-thread",
    "many": "oversized-pool",
    "leak": "thread-leak",
    "churn": "thread-churn",
}
"""Program to the rule that it triggers; rules that need a quota, a slow disk or a peer are tested by values."""

MUST_NOT = ("sleeps", "epoll", "idle")
"""Programs that do what programs do all day."""

OF_THE_MACHINE = frozenset({"starved", "too-many-runnable", "throttled", "affinity", "priority"})
"""What is true of any program while the machine that runs these tests is busy, or is given a quota."""


@pytest.fixture
def start() -> Iterator[object]:
    """Starts a mode of the program; all of them end with the test."""
    started = []

    def start(mode: str) -> int:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline().split()[1])

    yield start
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def readings(pids: frozenset[int]) -> Iterator[tuple[Finding, ...]]:
    """The findings of each second, these processes looked at closely."""
    live = source.live()
    until = time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < until:
            yield live.read(Interest(gil=pids, waits=pids)).findings
            time.sleep(STEP_S)
    finally:
        live.close()


@pytest.mark.parametrize(("mode", "kind"), MUST.items(), ids=MUST)
def test_what_must_be_found(start: object, mode: str, kind: str) -> None:
    """Each program triggers its rule."""
    assert callable(start)
    pid = start(mode)
    seen = set()
    for found in readings(frozenset({pid})):
        seen |= {each.kind for each in found if each.pid == pid}
        if kind in seen:
            break
    assert kind in seen


def test_what_must_not_be_found(start: object) -> None:
    """Sleepers, an idle pool and a server with little to do: nothing is said of them, observations included."""
    assert callable(start)
    pids = frozenset(start(mode) for mode in MUST_NOT)
    seen: set[tuple[int, str]] = set()
    for _, found in zip(range(READINGS), readings(pids), strict=False):
        seen |= {(each.pid, each.kind) for each in found if each.pid in pids and each.kind not in OF_THE_MACHINE}
    assert seen == set()


def test_a_build(start: object) -> None:
    """More jobs than CPUs, each for a moment: real contention, and nothing that one would mend."""
    assert callable(start)
    pid = start("jobs")
    live = source.live()
    try:
        said = []
        for _ in range(READINGS * 2):  # as long as what nobody looks at must last
            snapshot = live.read(Interest())
            family = {pid, *(row.pid for row in snapshot.processes.values() if row.ppid == pid)}
            said += [each for each in snapshot.findings if each.pid in family]
            time.sleep(STEP_S)
    finally:
        live.close()
    assert said == []
