"""Two stretches of time for tests of comparisons: a server before and after, by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builders import NOON, host_row, process_row, snapshot, thread_row
from threadtop.comparing.averages import Averages
from threadtop.comparing.changes import compare
from threadtop.gil_rows import Estimate, GilShare
from threadtop.snapshot import CpuShare, Finding
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.comparing.changes import Comparison
    from threadtop.comparing.entries import Side
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

SECOND = CpuShare(80.0, 10.0, 0.0, 0.0)
STARVED = Finding(
    "starved",
    100,
    1000,
    "server",
    "worker waits for a CPU",
    "It does.",
    (("waits", "40 %"),),
    "exact",
    66.0,
    (101,),
    "top -H",
)
CALM = STARVED._replace(kind="calm", title="nothing to see", grade="sampled", severity=20.0)
BOUND = STARVED._replace(kind="gil-bound", title="3 threads share one GIL", severity=75.0)


def moments(*rows: tuple[ProcessRow, ...], begin: float = 0.0, **said: object) -> list[Snapshot]:
    """A snapshot a second from ``begin`` seconds after NOON on, the first for the second before it."""
    return [snapshot(*each, time=NOON + begin + tick, **said) for tick, each in enumerate(rows)]


def side(*shots: Snapshot, source: str = "a.ttr") -> Side:
    """What these say."""
    averages = Averages()
    for shot in shots:
        averages.add(shot)
    return averages.side(source)


def gil(wait_pct: float, *, is_estimate: bool = False) -> GilShare:
    """A thread that waits for a GIL."""
    grade, wait = ("estimate", Estimate(wait_pct)) if is_estimate else ("exact", wait_pct)
    return GilShare(grade, "", 2.0, wait, 0.0, 2.0, 0.0, 0.0, 0.0, 100, True)


def worker(tid: int = 101, cpu: float = 10.0, wait: float = 1.0, lock: float = 20.0, **said: object) -> ThreadRow:
    """A thread that is looked at closely: it runs, queues, waits for a lock and sleeps for the rest."""
    rest = 100.0 - cpu - wait - lock
    parts = tuple(part for part in (("lock", lock), ("sleep", rest)) if part[1])
    shown = {
        "name": "worker",
        "cpu_pct": cpu,
        "user_pct": cpu,
        "system_pct": 0.0,
        "wait_pct": wait,
        "vol_per_s": 100.0,
        "invol_per_s": 5.0,
        "sampled": TimeShare(cpu, 0.0, wait, parts, 50),
        "reason": "lock",
        **said,
    }
    return thread_row(tid, **shown)


def server(*threads: ThreadRow, **said: object) -> ProcessRow:
    """Process 100 with a main thread at rest and these."""
    return process_row(100, thread_row(100, name="server"), *threads, process="server", **said)


OTHER = process_row(200, thread_row(200, name="other"), process="other")
BEFORE = side(
    *moments(
        *[
            (
                server(
                    worker(101),
                    worker(102, cpu=40.0, gil=gil(12.0, is_estimate=True)),
                    worker(103, gil=gil(10.0, is_estimate=True)),
                ),
                OTHER,
            )
        ]
        * 4,
        findings=(STARVED, CALM),
    )
)
AFTER = side(
    *moments(
        *[
            (
                server(
                    worker(101, cpu=10.2, vol_per_s=1300.0),
                    worker(103, cpu=30.0, wait=40.0, lock=25.0, gil=gil(60.0, is_estimate=True)),
                    worker(104, cpu=50.0, lock=0.0, name="burn-1", gil=gil(15.0, is_estimate=True)),
                ),
                OTHER,
            )
        ]
        * 2,
        begin=60.0,
        findings=(BOUND, CALM._replace(severity=30.0)),
        host=host_row(cpu=SECOND, switches_per_s=5000.0),
    ),
    source="b.ttr",
)


def compared(**how: object) -> Comparison:
    """Both, compared."""
    return compare(BEFORE, AFTER, **how)  # type: ignore[arg-type]
