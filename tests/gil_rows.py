"""Rows of Python processes by value, with what the lens says of their GIL, and what is found on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builders import process_row, snapshot, thread_row
from threadtop.findings import diagnose
from threadtop.sample import SleepTally
from threadtop.snapshot import Estimate, GilLockRow, GilRow, GilShare

if TYPE_CHECKING:
    from threadtop.snapshot import Finding, ProcessRow, ThreadRow

PROBLEM = 50.0


def lock(**said: object) -> GilLockRow:
    """The main interpreter's GIL."""
    return GilLockRow((0,), True, 5000, 98.0, 212.0, 0)._replace(**said)  # type: ignore[arg-type]


def thread(
    tid: int,
    holds: float | None = 0.0,
    waits: float | None = 0.0,
    *,
    asleep: float | None = 0.0,
    runq: float | None = 0.0,
    native: float | None = 0.0,
    vol: float | None = 0.0,
    name: str = "worker",
) -> ThreadRow:
    """A thread that holds the GIL and waits for it for so many per cent of the time."""
    share = GilShare("exact", "", holds, waits, asleep, holds, native, runq, 0.0, 500, True)
    return thread_row(tid, name=name, vol_per_s=vol, gil=share)


def python(*threads: ThreadRow, pid: int = 100, row: dict[str, object] | None = None, **said: object) -> ProcessRow:
    """A Python process of these threads; what its GIL is like by name."""
    waiters = sum(one.gil_wait_pct or 0.0 for one in threads) / 100
    gil = GilRow("exact", "", "", "3.12.3", True, 98.0, 212.0, waiters, (lock(),), 500, 5.0, (), None)
    return process_row(pid, *threads, gil=gil._replace(**said), **(row or {}))  # type: ignore[arg-type]


def found(*rows: ProcessRow, kind: str | None = None) -> list[Finding]:
    """What is said of these processes, or what one rule says."""
    return [finding for finding in diagnose(snapshot(*rows)) if kind in (None, finding.kind)]


def kinds(*rows: ProcessRow) -> list[str]:
    """Which rules fire."""
    return [finding.kind for finding in found(*rows)]


FOUR = tuple(thread(100 + at, 24.5, waits) for at, waits in enumerate((70.0, 71.0, 70.0, 69.0)))


def estimate(*waits: float, looks: int = 10, **said: object) -> ProcessRow:
    """A process whose waits were inferred."""
    threads = [thread(100 + at, None, Estimate(wait), asleep=None, runq=None) for at, wait in enumerate(waits)]
    known: dict[str, object] = {"verdict": "gil", "sleeps": SleepTally(5, 2, 1, 30, 0, 9)}
    known |= {"grade": "estimate", "is_enabled": None, "locks": (), "switches_per_s": None, "samples": looks}
    waiters = Estimate(sum(waits) / 100)
    return python(*threads, **{**known, "utilisation_pct": Estimate(100.0), "waiters": waiters, **said})


HOG = thread(101, 97, 1, name="json-dumper")


def late(holds: float = 1.0, waits: float = 9.0, vol: float | None = 20.0, tid: int = 102) -> ThreadRow:
    """A thread that needs little and waits for it."""
    return thread(tid, holds, waits, vol=vol, name="io-reader")
