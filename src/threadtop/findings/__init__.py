"""Findings: what the numbers of a snapshot say in words, each family of rules in a module; pure.

Names of threads and processes are handed on raw, as the kernel gave them: whoever shows a finding makes them
harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import gil, gil_calm

if TYPE_CHECKING:
    from threadtop.snapshot import Finding, Snapshot

PROBLEM: Final = 50.0  # severity from which a finding is a problem, and not an observation


def diagnose(snapshot: Snapshot) -> tuple[Finding, ...]:
    """All findings, the most severe first, then by pid."""
    watched = [row for row in snapshot.processes.values() if row.gil is not None]
    if not watched:
        return ()
    idle_cores = gil.idle_cores(snapshot.host)
    found = [finding for row in watched for finding in gil.findings(row, idle_cores)]
    found += gil_calm.fine_groups(watched)
    return tuple(sorted(found, key=lambda finding: (-finding.severity, finding.pid, finding.kind)))
