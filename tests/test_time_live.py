"""Where the time of real threads goes, against their own account."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pythons
from test_gil_live import running, until
from threadtop import source
from threadtop.interest import Interest
from threadtop.lenses.time import TimeLens
from threadtop.procfs.reasons import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from threadtop.snapshot import ThreadRow
    from threadtop.time_rows import TimeShare

pytestmark = [pytest.mark.live, pytest.mark.alone]
PROGRAM = str(Path(__file__).parent / "programs" / "cycle.py")
STEP_S = 0.5
BLOCKED = ("sleep", "pipe", "lock")


class Told:
    """What a program prints, line by line, as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Read it in a thread: the program must not wait for us."""
        self.pid = process.pid
        self.lines: list[dict[str, Any]] = []
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))

    def first(self) -> dict[str, Any]:
        """Its first line."""
        until(lambda: bool(self.lines), "a first line")
        return self.lines[0]

    def account(self, began_ns: int, ended_ns: int) -> dict[str, float]:
        """How its time of being blocked was divided between these moments, in parts of 1."""
        lines = [line for line in self.lines[1:] if began_ns <= line["at_ns"] <= ended_ns]
        spent = {kind: lines[-1][kind] - lines[0][kind] for kind in BLOCKED}
        return {kind: part / sum(spent.values()) for kind, part in spent.items()}


@contextmanager
def started(mode: str) -> Iterator[Told]:
    """The program in one mode; it ends with our pipe."""
    command = [sys.executable, PROGRAM, mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Told(process)
        finally:
            process.kill()


@pytest.fixture
def live() -> Iterator[source.LiveSource]:
    """The machine it runs on; a window so long that all looks count."""
    made = source.live()
    made._meaning.time = TimeLens(window_s=120)
    yield made
    made.close()


def total(share: TimeShare) -> float:
    """All parts of a thread's time."""
    return share.cpu_pct + share.runq_pct + sum(part for _, part in share.blocked)


def rows_once(
    live: source.LiveSource, pid: int, is_enough: Callable[[Mapping[int, ThreadRow]], bool]
) -> Mapping[int, ThreadRow]:
    """The rows of a process once they are what they must become; each time what all must be is checked."""
    named = frozenset({pid})
    rows: list[Mapping[int, ThreadRow]] = [{}]

    def is_done() -> bool:
        shot = live.read(Interest(attached=named, gil=named, waits=named, everything=True))
        rows[0] = shot.processes[pid].threads
        shares = [row.time for row in rows[0].values() if row.time is not None]
        assert [total(share) for share in shares] == pytest.approx([100.0] * len(shares), abs=1e-6)
        is_ready = bool(shares) and is_enough(rows[0])
        if not is_ready:
            time.sleep(STEP_S)
        return is_ready

    until(is_done, "rows")
    return rows[0]


def sampled(row: ThreadRow, least: int) -> bool:
    """Whether so many looks have found it blocked."""
    return row.sampled is not None and row.sampled.samples >= least


def is_divided(row: ThreadRow, least: int) -> bool:
    """Whether so many looks have found it blocked, and it was so in the last tick."""
    return sampled(row, least) and row.sampled is not None and row.sampled.blocked_pct > 0


def test_shares_agree_with_the_programs_own_account(live: source.LiveSource) -> None:
    """A thread that knows what it waited for is told the same, within the error that is shown."""
    with started("cycle") as told:
        tid = told.first()["tid"]
        began_ns = time.monotonic_ns()
        rows = rows_once(live, told.pid, lambda rows: sampled(rows[tid], 90))
        share = rows[tid].time
        account = told.account(began_ns, time.monotonic_ns())
    assert share is not None
    for kind, told_share in account.items():
        error = share.error_points(kind)
        assert error is not None
        assert abs(share.of(kind) - told_share * share.blocked_pct) <= 3 * error
    assert sum(share.of(kind) for kind in account) >= 0.8 * share.blocked_pct


def test_a_sleep_of_older_pythons(live: source.LiveSource) -> None:
    """Before 3.11 time.sleep is a select of no descriptors: a sleep, and no waiting in poll."""
    python = pythons.newest(range(8, 11))
    command = [python.program, "-c", "import time\nwhile True: time.sleep(0.02)"]
    with subprocess.Popen(command) as process:
        try:
            rows = rows_once(live, process.pid, lambda rows: sampled(rows[process.pid], 20))
        finally:
            process.kill()
    share = rows[process.pid].sampled
    assert share is not None
    assert share.of("sleep") >= 0.9 * share.blocked_pct
    assert share.of("poll") == 0


def test_starved(live: source.LiveSource) -> None:
    """Three threads on one CPU wait for it most of the time, and are hardly blocked."""
    with started("starved") as told:
        tids = told.first()["tids"]

        def is_starved(rows: Mapping[int, ThreadRow]) -> bool:
            shares = [rows[tid].time for tid in tids]
            return all(share is not None and share.runq_pct >= 50 and share.blocked_pct <= 10 for share in shares)

        rows = rows_once(live, told.pid, is_starved)
        runq = [share.runq_pct for tid in tids if (share := rows[tid].time) is not None]
    assert len(runq) == len(tids)


@pytest.mark.parametrize(
    ("mode", "role", "kind", "other"), [("four", "loop", "gil", "lock"), ("mutex", "fighter", "lock", "gil")]
)
def test_the_gil_is_told_from_a_lock(live: source.LiveSource, mode: str, role: str, kind: str, other: str) -> None:
    """Threads that fight for the GIL wait for it, those that fight for a native lock wait for that."""
    with running(None, mode) as [program]:
        tids = [tid for name, tid in program.tell().tids.items() if name.startswith(role)]
        # In a tick without any blocked time (it ran or waited for a CPU) there is nothing to divide.
        rows = rows_once(live, program.pid, lambda rows: all(is_divided(rows[tid], 20) for tid in tids))
    for tid in tids:
        share = rows[tid].sampled
        assert share is not None
        assert share.of(kind) > 2 * share.of(other)


def test_one_json_document_has_looked() -> None:
    """A single document of an attached process has samples of the threads that move, and all parts are 100."""
    with started("cycle") as told:
        tid = told.first()["tid"]
        command = [sys.executable, "-m", "threadtop", "--once", "--json", "-p", str(told.pid), "-d", "1"]
        found: list[dict[str, Any]] = []

        def is_sampled() -> bool:
            done = subprocess.run(command, capture_output=True, check=True, timeout=60)
            document = json.loads(done.stdout)
            (process,) = document["processes"]
            found[:] = [{thread["tid"]: thread["time"] for thread in process["threads"]}, document["cost"]]
            one = found[0][tid]
            return one is not None and one["samples"] > 1

        until(is_sampled, "samples")
        times, cost = found
    assert cost["wait_watch_pct"] is not None
    parts = ("user", "system", "runq", *KINDS)
    for one in times.values():
        assert sum(one[part] for part in parts) == pytest.approx(100, abs=0.01 * len(parts))
    assert set(times[tid]["error_points"]) <= set(KINDS)
