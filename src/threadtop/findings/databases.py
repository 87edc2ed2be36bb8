"""Findings about waits that only the program itself can name: a database says it in its processes' titles; pure.

A PostgreSQL backend that waits for a row or a table sleeps in epoll_wait like one that waits for its client: no kernel
counter tells them apart.  Its title does (update_process_title, PostgreSQL's documentation, "Standard Unix Tools").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from threadtop.findings import measures
from threadtop.findings.cpu import FAR_HOLD_S, HOLD_S
from threadtop.findings.measures import SHOWN, count
from threadtop.findings.trends import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from threadtop.findings.trends import Trends
    from threadtop.snapshot import Finding, ProcessRow, Snapshot

DATABASE_LOCK_SEVERITY: Final = 60.0
PER_BACKEND, MOST_SEVERITY = 2.0, 75.0  # more that wait are worse

_WAITING: Final = re.compile(r"postgres: .* waiting")


def candidates(snapshot: Snapshot, trends: Trends) -> Iterator[Candidate]:
    """The lock waits of each PostgreSQL server, by the parent of its backends."""
    servers: dict[int, list[ProcessRow]] = {}
    for row in measures.programs(snapshot):
        if row.process == "postgres" and not row.moving and _WAITING.fullmatch(row.command):
            servers.setdefault(row.ppid, []).append(row)
    for waiting in servers.values():
        is_close = any(row.pid in trends.close for row in waiting)
        yield Candidate(_database_lock(sorted(waiting)), HOLD_S if is_close else FAR_HOLD_S)


def _database_lock(waiting: Sequence[ProcessRow]) -> Finding:
    """Backends that say that they wait for a lock, and have not run meanwhile."""
    first = waiting[0]
    shown = ", ".join(f"{row.pid} ({row.command.removeprefix('postgres: ')})" for row in waiting[:SHOWN])
    more = f" and {len(waiting) - SHOWN} more" if len(waiting) > SHOWN else ""
    return measures.finding(
        "database-lock",
        first,
        f"{count(len(waiting), 'PostgreSQL backend')} wait{'s' if len(waiting) == 1 else ''} for a database lock",
        "A transaction that is still open holds a row or a table that they want, and to the kernel they look idle. "
        "Find who blocks them, and end that transaction or let it finish.",
        [("by their titles", shown + more), ("ran meanwhile", "none of them")],
        grade="sampled",
        severity=min(MOST_SEVERITY, DATABASE_LOCK_SEVERITY + PER_BACKEND * len(waiting)),
        tids=[row.pid for row in waiting],
        next_command='psql -c "select pid, pg_blocking_pids(pid), wait_event, left(query, 60) from pg_stat_activity '
        "where wait_event_type = 'Lock'\"",
    )
