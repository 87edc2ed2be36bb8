"""Findings: what the numbers of a snapshot say in words, each family of rules in a module; pure.

Names of threads and processes are handed on raw, as the kernel gave them: whoever shows a finding makes them
harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import blocked, busy, cpu, databases, gil, gil_calm, locks, measures, switches, threads
from threadtop.findings.trends import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.findings.trends import Trends
    from threadtop.snapshot import Finding, ProcessRow, Snapshot

PROBLEM: Final = 50.0  # severity from which a finding is a problem, and not an observation
ESTIMATE_HELD_S: Final = 3.0  # of a GIL: by then most of the looks that it rests on are others than at first


def diagnose(snapshot: Snapshot, trends: Trends | None = None, *, is_folded: bool = True) -> tuple[Finding, ...]:
    """All findings, the most severe first, then by pid; called once for a snapshot that ``trends`` has taken.

    Without ``trends`` the rules that need to see more than one snapshot say nothing.  Of many processes with the same
    finding a list shows a few, unless ``is_folded`` is False: then each has its own.
    """
    watched = [row for row in snapshot.processes.values() if row.gil is not None]
    found: list[Finding] = []
    if watched:
        found += _of_gils(watched, gil.idle_cores(snapshot.host), trends)
        found += gil_calm.fine_groups(watched)
    found += locks.deadlocks(snapshot, trends.close if trends else frozenset())
    if trends is not None:
        held = trends.holds(
            candidate
            for family in (cpu, busy, switches, blocked, databases, locks, threads)
            for candidate in family.candidates(snapshot, trends)
        )
        found += measures.folded(held, trends.close) if is_folded else held
    return tuple(sorted(found, key=lambda finding: (-finding.severity, finding.pid, finding.kind)))


def _of_gils(watched: Iterable[ProcessRow], idle_cores: float | None, trends: Trends | None) -> list[Finding]:
    """What was read is said at once; a problem that is an estimate must hold first: one look may be chance."""
    said: list[Finding] = []
    doubtful: list[Candidate] = []
    for row in watched:
        for finding in gil.findings(row, idle_cores):
            if trends is None or finding.severity < PROBLEM or row.gil is None or row.gil.grade == "exact":
                said.append(finding)
            else:
                doubtful.append(Candidate(finding, ESTIMATE_HELD_S))
    return said + (trends.holds(doubtful) if trends else [])
