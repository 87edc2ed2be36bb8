"""Which circumstances rules want to be read, by what the rows of a snapshot say; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.circumstances import Wanted
from threadtop.findings import measures
from threadtop.findings.cpu import STARVED_PCT
from threadtop.findings.switches import STORM_PER_S, per_s
from threadtop.findings.threads import POOL_THREADS

if TYPE_CHECKING:
    from threadtop.snapshot import Snapshot

WAITS_PCT: Final = STARVED_PCT - 5.0  # a little before a rule fires: its evidence is there when it does


def wanted(snapshot: Snapshot) -> Wanted:
    """What to read for the rules: quotas of processes that moved, the affinity of threads that wait for a CPU."""
    moved = [row for row in measures.programs(snapshot) if row.moving]
    moved.sort(key=lambda row: (-(row.wait_pct or 0.0), row.pid))
    waiting = [
        thread
        for row in moved
        if (row.wait_pct or 0.0) >= WAITS_PCT
        for thread in measures.moving(row)
        if (thread.wait_pct or 0.0) >= WAITS_PCT
    ]
    waiting.sort(key=lambda thread: (-(thread.wait_pct or 0.0), thread.tid))
    return Wanted(
        groups=[(row.pid, row.start_ticks) for row in moved],
        waiting=[(thread.pid, thread.tid) for thread in waiting],
        stacks=[(row.pid, row.start_ticks) for row in measures.programs(snapshot) if row.thread_count >= POOL_THREADS],
        switch_cost=any(per_s(row) >= STORM_PER_S for row in moved),
    )
