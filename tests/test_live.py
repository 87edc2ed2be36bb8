"""threadtop's figures against what threads of this machine say of themselves.

Nothing here trusts a nominal load, for the machine may be busy: a program is asked for its own
account just before and just after each pass, and what threadtop measured must lie between.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from threadtop import source
from threadtop.interest import Interest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.snapshot import ProcessRow
    from threadtop.source import LiveSource

pytestmark = [pytest.mark.live, pytest.mark.alone]
PROGRAMS = Path(__file__).parent / "programs"
GAP_S = 1.5


class Program:
    """One of the programs, running."""

    def __init__(self, name: str, *arguments: object) -> None:
        """Start it and wait until it is ready."""
        command = [sys.executable, str(PROGRAMS / name), *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        self.tids = [int(word) for word in self._line().split()[1:]]

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def ask(self) -> list[int]:
        """Its own account now; the last number is the clock."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return [int(word) for word in self._line().split()]

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Bounds(NamedTuple):
    """Between which values a rate per second must lie, by the program's own account."""

    low: float
    high: float


def measured(live: LiveSource, program: Program) -> tuple[ProcessRow, list[Bounds]]:
    """The process over GAP_S as threadtop has it, and the bounds of each number that the program tells."""
    interest = Interest(attached=frozenset({program.pid}), everything=True)
    live.read(interest)  # the first pass opens what later ones keep open
    before_first = program.ask()
    live.read(interest)
    after_first = program.ask()
    time.sleep(GAP_S)
    before_last = program.ask()
    row = live.read(interest).processes[program.pid]
    after_last = program.ask()
    longest, shortest = after_last[-1] - before_first[-1], before_last[-1] - after_first[-1]
    bounds = [
        Bounds(
            (before_last[at] - after_first[at]) / longest * 1e9, (after_last[at] - before_first[at]) / shortest * 1e9
        )
        for at in range(len(before_first) - 1)
    ]
    return row, bounds


@pytest.fixture
def live() -> Iterator[LiveSource]:
    """A source of this machine's threads."""
    made = source.live()
    yield made
    made.close()


def test_cpu_agrees_with_the_threads_own_clock(live: LiveSource) -> None:
    """The CPU share of a thread is within one point of what its own CPU clock says."""
    program = Program("burn.py", 0.3, 0.1)
    try:
        row, bounds = measured(live, program)
    finally:
        program.end()
    for tid, (low, high) in zip(program.tids, bounds, strict=True):
        cpu_pct = row.threads[tid].cpu_pct
        assert cpu_pct is not None
        assert low / 1e7 - 1 <= cpu_pct <= high / 1e7 + 1
        assert cpu_pct > 1


def test_idle_main_thread_shows_nothing_and_the_process_the_sum(live: LiveSource) -> None:
    """A main thread that sleeps shows 0 beside busy ones, and the process's figures are its threads'."""
    program = Program("burn.py", 0.2, 0.2, 0.1)
    interest = Interest(attached=frozenset({program.pid}), everything=True)
    try:
        time.sleep(0.1)  # for main to be done with starting
        live.read(interest)
        live.read(interest)
        time.sleep(GAP_S)
        row = live.read(interest).processes[program.pid]
    finally:
        program.end()
    main = row.threads[program.pid]
    assert (main.cpu_pct, main.wait_pct, main.vol_per_s, main.invol_per_s) == (0, 0, 0, 0)
    threads = [row.threads[tid] for tid in program.tids]
    assert all(thread.cpu_pct for thread in threads)
    # The process's clock and the threads' are read within a few ms of each other, GAP_S apart.
    assert row.cpu_pct == pytest.approx(sum(thread.cpu_pct or 0 for thread in threads), abs=2)
    assert row.vol_per_s == pytest.approx(sum(thread.vol_per_s or 0 for thread in threads))
    assert row.invol_per_s == pytest.approx(sum(thread.invol_per_s or 0 for thread in threads))
    assert row.wait_pct == pytest.approx(sum(thread.wait_pct or 0 for thread in threads))
    assert row.thread_count == len(program.tids) + 1


def test_switches_agree_with_the_count_of_sleeps(live: LiveSource) -> None:
    """Voluntary switches a second of a thread that sleeps 100 times a second are within 2 % of its own count."""
    program = Program("sleeper.py")
    try:
        row, [(low, high)] = measured(live, program)
    finally:
        program.end()
    vol_per_s = row.threads[program.tids[0]].vol_per_s
    assert vol_per_s is not None
    # One sleep at each end may have begun and not been counted yet.
    assert low * 0.98 - 1 / GAP_S <= vol_per_s <= high * 1.02 + 1 / GAP_S
    assert low > 10


def test_two_spinners_on_one_core_wait_half_of_the_time(live: LiveSource) -> None:
    """Of two threads that want one core each runs or waits all the time, and waits near 50 %."""
    core = max(os.sched_getaffinity(0))
    programs = [Program("spin.py", core), Program("spin.py", core)]
    interest = Interest(attached=frozenset(program.pid for program in programs), everything=True)
    try:
        time.sleep(0.2)
        live.read(interest)
        time.sleep(2)
        rows = live.read(interest).processes
    finally:
        for program in programs:
            program.end()
    threads = [rows[program.pid].threads[program.pid] for program in programs]
    cpu = [thread.cpu_pct or 0 for thread in threads]
    wait = [thread.wait_pct or 0 for thread in threads]
    # The wait is booked when a thread is put on the CPU again, its time on it at each clock tick: at
    # each end of the 2 s a slice of up to some 10 ms, or more among many runnable ones, is not yet in.
    assert [mine + others for mine, others in zip(cpu, wait, strict=True)] == pytest.approx([100, 100], abs=4)
    assert abs(cpu[0] - cpu[1]) < 10
    # Others may want the core as well, never less: 50 % where the two had it for themselves.
    assert min(wait) > 45
    if sum(cpu) > 95:
        assert wait == pytest.approx([50, 50], abs=7)
