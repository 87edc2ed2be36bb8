"""Findings about how many threads there are: they pile up, come and go, or stand idle by the thousand; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import measures
from threadtop.findings.cpu import is_job
from threadtop.findings.measures import OBSERVED_MOST, pct
from threadtop.findings.trends import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.findings.trends import Trends
    from threadtop.snapshot import Finding, ProcessRow, Snapshot

LEAK_S: Final = 60.0  # a program that starts, or a pool that fills, grows for less long
LEAK_THREADS: Final = 20  # fewer are a pool that grows with its load
LEAK_RISES: Final = 5  # in steps, again and again: not a pool that was made at once
LEAK_QUIET_S: Final = 60.0  # so long without a new thread, it has stopped
EARLY_S: Final = 3.0  # from here on a fast growth is told, as a suspicion
CHURN_PER_S: Final = 20.0  # threads created: one for each request, on a quiet server
CHURN_BAD_PER_S: Final = 100.0  # 100 us each: a per cent of a core, and the latency of each request
CHURN_ENDED_PCT: Final = 50.0  # as many end: else they pile up
CHURN_UNSEEN_PCT: Final = 10.0  # CPU of threads that began and ended between two looks
CHURN_SHARE_PCT: Final = 50.0  # of all that is new: it is this process that makes them
POOL_THREADS: Final = 1000  # fewer cost little: stacks are reserved, not used
POOL_IDLE_PCT: Final = 95.0  # of them do nothing
POOL_HOLD_S: Final = 3.0

LEAK_SEVERITY: Final = 60.0  # it ends at a limit, and then nothing starts any more
CHURN_SEVERITY: Final = 52.0  # a cost, not a fault
POOL_SEVERITY: Final = 30.0  # nothing is wrong, and something can be gained
EARLY_SEVERITY: Final = 44.0  # too soon to tell


def candidates(snapshot: Snapshot, trends: Trends) -> Iterator[Candidate]:
    """What the rules of this family find, with how long it must have held."""
    for row in measures.programs(snapshot):
        leak = _leak(row, snapshot, trends)
        if leak is not None:
            yield Candidate(leak, 0.0, ticks=1)  # its own condition is about time
        churn = None if leak else _churn(row, snapshot, trends)
        if churn is not None:
            yield Candidate(churn, EARLY_S)
        if row.thread_count >= POOL_THREADS:
            pool = _oversized(row, snapshot)
            if pool is not None:
                yield Candidate(pool, POOL_HOLD_S)


def _leak(row: ProcessRow, snapshot: Snapshot, trends: Trends) -> Finding | None:
    """The number of threads only grows."""
    growth = trends.growth(row)
    if growth is None or growth.rises < LEAK_RISES or growth.latest - growth.first < LEAK_THREADS:
        return None
    lasted_s = growth.rose_s - growth.since_s
    if trends.at_s - growth.rose_s >= min(LEAK_QUIET_S, max(EARLY_S, lasted_s / 2)):
        return None
    is_early = lasted_s < LEAK_S
    if is_early and (lasted_s < EARLY_S or is_job(row, snapshot, trends)):
        return None
    more, over = growth.latest - growth.first, f"{lasted_s:,.0f} s"
    return measures.finding(
        "thread-leak",
        row,
        f"{more:,} more threads in {over}, and never fewer" + (": too soon to call it a leak" if is_early else ""),
        "A program that starts threads and never ends them grows until a limit stops it: memory, pids.max, or "
        "threads-max. "
        + (
            f"A pool that fills up looks the same: watch it for {LEAK_S:.0f} s."
            if is_early
            else "What creates them, or what each of them waits for, tells what was forgotten."
        ),
        [
            ("threads", f"{growth.first:,} -> {growth.latest:,}"),
            ("created", f"{more / lasted_s:.1f}/s, in {growth.rises} steps over {over}"),
            ("fell", "never"),
        ],
        grade="suspicion" if is_early else "exact",
        severity=EARLY_SEVERITY if is_early else LEAK_SEVERITY,
        tids=sorted(row.threads, reverse=True)[:10],
        next_command=f"cat /proc/{row.pid}/task/*/comm | sort | uniq -c | sort -rn | head",
    )


def _churn(row: ProcessRow, snapshot: Snapshot, trends: Trends) -> Finding | None:
    """Threads are made and end all the time."""
    seen = trends.turnover(row)
    if seen is None:
        return None
    tasks_per_s = trends.tasks_per_s()
    ended_pct = (row.cpu_pct or 0.0) - sum(thread.cpu_pct or 0.0 for thread in measures.moving(row))
    is_seen = seen.created_per_s >= CHURN_PER_S and seen.ended_per_s >= CHURN_ENDED_PCT / 100 * seen.created_per_s
    # Of threads that live for less than a second only some are seen.  Where most of what is new on the machine is
    # of this process, it makes as large a part of all ids that were given out.
    sees_all = len(snapshot.processes) > len(trends.close)
    share_pct = seen.share_pct if sees_all and seen.share_pct >= CHURN_SHARE_PCT else 0.0
    made = max(seen.created_per_s, (tasks_per_s or 0.0) * (share_pct or CHURN_SHARE_PCT) / 100)
    is_unseen = seen.ended_per_s > 0 and made >= CHURN_PER_S and (share_pct > 0 or ended_pct >= CHURN_UNSEEN_PCT)
    if not is_seen and not is_unseen:
        return None
    is_unseen = is_unseen and made > seen.created_per_s
    made = made if is_unseen else seen.created_per_s
    evidence = [
        ("seen to begin", f"{seen.created_per_s:.1f}/s"),
        ("seen to end", f"{seen.ended_per_s:.1f}/s"),
        ("alive", f"{row.thread_count:,}"),
    ]
    if is_unseen:
        evidence.append(("made on the whole machine", f"{tasks_per_s or 0.0:,.0f} threads and processes a second"))
        if share_pct:
            evidence.append(("of those that were seen to begin", f"{pct(share_pct)} are its own"))
        if ended_pct >= 1:
            evidence.append(("run by threads that ended unseen", f"{pct(ended_pct)} of a core"))
    return measures.finding(
        "thread-churn",
        row,
        f"it creates {'about ' if is_unseen else 'at least '}{made:,.0f} threads a second, and they end soon",
        "To make a thread and take it down costs about a tenth of a millisecond, its stack, and cold caches. A pool of "
        "threads that stay and take work from a queue does without.",
        evidence,
        grade="estimate" if is_unseen else "exact",
        severity=CHURN_SEVERITY if made >= CHURN_BAD_PER_S else OBSERVED_MOST,
        tids=[thread.tid for thread in measures.moving(row)][:10],
        next_command=f"perf trace -s -p {row.pid} -e clone,clone3,exit -- sleep 5",
    )


def _oversized(row: ProcessRow, snapshot: Snapshot) -> Finding | None:
    """Thousands of threads that do nothing."""
    busy = sum(1 for thread in measures.moving(row) if thread.cpu_pct)
    idle = row.thread_count - busy
    if idle < POOL_IDLE_PCT / 100 * row.thread_count:
        return None
    evidence = [("threads", f"{row.thread_count:,}"), ("at rest", f"{idle:,}")]
    stacks = snapshot.circumstances.stack_bytes if snapshot.circumstances else {}
    if row.pid in stacks:
        reserved = min(row.thread_count * stacks[row.pid], row.vsize_bytes)
        limit = f"{_mebibytes(stacks[row.pid])} each by its limit, unless the program asks for another size"
        evidence.append(("stacks reserve", f"up to {_mebibytes(reserved)}: {limit}"))
    if row.rss_bytes:
        evidence.append(("memory in use", f"{_mebibytes(row.rss_bytes)} in all, stacks included"))
    return measures.finding(
        "oversized-pool",
        row,
        f"{idle:,} of its {row.thread_count:,} threads are at rest",
        "An idle thread takes no CPU, but a stack (reserved address space, a few pages of it in use), kernel memory of "
        "some 20 KiB, and a place below the limits on threads. A pool as large as the work that really runs at once "
        "needs less.",
        evidence,
        grade="exact",
        severity=POOL_SEVERITY,
        next_command=f"cat /proc/{row.pid}/task/*/comm | sort | uniq -c | sort -rn | head",
    )


def _mebibytes(size: int) -> str:
    mebibytes = size / (1 << 20)
    return f"{mebibytes / 1024:,.1f} GiB" if mebibytes >= 10 * 1024 else f"{mebibytes:,.0f} MiB"
