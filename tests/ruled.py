"""What rules say of snapshots by value: the same moment again and again, a second apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builders import host_row, process_row, snapshot, thread_row
from threadtop.findings import diagnose
from threadtop.findings.trends import Trends
from threadtop.snapshot import CpuShare

if TYPE_CHECKING:
    from threadtop.snapshot import Finding, HostRow, ProcessRow, Snapshot, ThreadRow

PID = 100
PROBLEM = 50.0
IDLE, BUSY = CpuShare(1.0, 1.0, 0.0, 0.0), CpuShare(90.0, 10.0, 0.0, 0.0)
YOUNG_TICKS = 359_000  # ten seconds before NOON, when the machine has been up for an hour


def cores(*shares: CpuShare) -> HostRow:
    """A machine of these CPUs."""
    mean = [sum(parts) / len(shares) for parts in zip(*shares, strict=True)]
    return host_row(cpu=CpuShare(*mean), cores=shares)


def running(tid: int, cpu_pct: float = 0.0, wait_pct: float = 0.0, **more: object) -> ThreadRow:
    """A thread that ran in user code and waited for a CPU so much, and is runnable."""
    said = {"state": "R", "user_pct": cpu_pct, "system_pct": 0.0, **more}
    return thread_row(tid, cpu_pct=cpu_pct, wait_pct=wait_pct, **said)


def server(*threads: ThreadRow, **more: object) -> ProcessRow:
    """Process 100, of these threads."""
    return process_row(PID, *threads, **more)


def after(seconds: int, moment: Snapshot, *, close: bool = True, trends: Trends | None = None) -> tuple[Finding, ...]:
    """What is found once a moment has lasted for so many seconds; ``close``: its first process is looked at."""
    trends = trends or Trends()
    found: tuple[Finding, ...] = ()
    for _ in range(seconds):
        trends.add(moment, frozenset(list(moment.processes)[:1] if close else ()))
        found = diagnose(moment, trends)
    return found


def kinds(moment: Snapshot, seconds: int = 3, *, close: bool = True) -> list[str]:
    """The kinds of what is found."""
    return [found.kind for found in after(seconds, moment, close=close)]


def only(kind: str, moment: Snapshot, seconds: int = 3, *, close: bool = True) -> Finding:
    """The one finding of a kind."""
    (found,) = [each for each in after(seconds, moment, close=close) if each.kind == kind]
    return found


def shot(*rows: ProcessRow, host: HostRow | None = None, **more: object) -> Snapshot:
    """A moment on two CPUs, both busy."""
    return snapshot(*rows, host=host or cores(BUSY, BUSY), **more)
