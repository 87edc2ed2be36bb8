"""Findings about the GIL that are no trouble: a busy thread, workers side by side, a GIL that is off or on; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import gil_figures as figures
from threadtop.findings.gil_figures import WAITS_PCT
from threadtop.findings.measures import SHOWN, named, pct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from threadtop.gil_rows import GilRow
    from threadtop.snapshot import Finding, ProcessRow

LEAST_ROUNDS: Final = 50  # half a second at 100 rounds a second: 10 points of noise

# All below 50: nothing is wrong.  What one may want to change comes before what is as it should be.
SWITCHED_ON_SEVERITY, BUSY_SEVERITY, GROUP_SEVERITY, OFF_SEVERITY = 40.0, 20.0, 10.0, 5.0

BUSY_HOLDS_PCT: Final = 80.0  # below, it rests so often that one core is not what limits it
BUSY_RUNQ_PCT: Final = 20.0  # from here on it is the CPU that it lacks
WORKER_CPU_PCT: Final = 50.0  # half a core: a worker that idles says nothing of how they share
WORKERS: Final = 2  # the fewest that are side by side


def single_busy(row: ProcessRow, gil: GilRow) -> Finding | None:
    """One thread computes and nobody waits: what one core can do, not contention."""
    busy = [thread for thread in figures.known(row) if figures.holds(thread) - figures.asleep(thread) >= BUSY_HOLDS_PCT]
    if len(busy) != 1 or figures.by_wait(row, WAITS_PCT):
        return None
    (one,) = busy
    if one.gil is not None and (one.gil.runq_pct or 0.0) >= BUSY_RUNQ_PCT:
        return None  # it could do more, had it a CPU
    return figures.finding(
        "single-busy",
        row,
        title=f"busy, not contended: {named(one)} holds the GIL {pct(figures.holds(one))}, nobody waits for it",
        explanation="One thread uses what one core can give. More threads would not help; more processes or faster "
        "code would.",
        evidence=[
            ("holds", f"{pct(figures.holds(one))} ({gil.samples} {figures.looks(gil.grade)})"),
            ("waiting", f"{gil.waiters or 0.0:.2f} on average"),
        ],
        severity=BUSY_SEVERITY,
        tids=(one.tid,),
        next_command=figures.dump(row),
    )


def gil_off(row: ProcessRow, gil: GilRow) -> Finding | None:
    """A free-threaded build that runs without."""
    if gil.is_enabled is not False:
        return None
    return figures.finding(
        "gil-off",
        row,
        title="free-threaded Python: the GIL is off",
        explanation="Its threads run Python at the same time; what they wait for is locks of their own.",
        evidence=[("build", gil.version)],
        severity=OFF_SEVERITY,
    )


def switched_on(row: ProcessRow, gil: GilRow) -> Finding | None:
    """A free-threaded build that runs with a GIL after all."""
    if not (gil.is_enabled and gil.version.endswith("t")):
        return None
    return figures.finding(
        "gil-switched-on",
        row,
        title="free-threaded Python, but its GIL is switched on",
        explanation="An extension module that does not declare itself safe without the GIL switched it on when it "
        "was imported (Python warned with its name), or PYTHON_GIL=1 or -X gil=1 did. Its threads share it as in an "
        "ordinary build.",
        evidence=[("build", gil.version), ("GIL", "on")],
        severity=SWITCHED_ON_SEVERITY,
    )


def fine_groups(rows: Iterable[ProcessRow]) -> list[Finding]:
    """Busy workers of one parent, each with a GIL of its own for which nobody waits: as it should be."""
    families: dict[tuple[int, str], list[ProcessRow]] = {}
    for row in rows:
        if _is_fine_worker(row):
            families.setdefault((row.ppid, row.process), []).append(row)
    return [
        _group(sorted(members, key=lambda row: row.pid)) for members in families.values() if len(members) >= WORKERS
    ]


def _is_fine_worker(row: ProcessRow) -> bool:
    gil = row.gil
    if gil is None or gil.grade != "exact" or gil.samples < LEAST_ROUNDS or not gil.is_enabled:
        return False
    return (row.cpu_pct or 0.0) >= WORKER_CPU_PCT and not figures.by_wait(row, WAITS_PCT)


def _group(members: Sequence[ProcessRow]) -> Finding:
    return figures.finding(
        "workers-fine",
        members[0],
        title=f"{len(members)} worker processes, each with a GIL of its own: nobody waits",
        explanation="They compute side by side, as many at a time as there are cores: this is how Python uses "
        "several of them.",
        evidence=[
            ("cpu", " ".join(f"{row.cpu_pct or 0.0:.0f}" for row in members[:SHOWN]) + figures.more(members) + " %"),
            ("pids", " ".join(str(row.pid) for row in members[:SHOWN]) + figures.more(members)),
        ],
        severity=GROUP_SEVERITY,
        tids=tuple(row.pid for row in members),
    )
