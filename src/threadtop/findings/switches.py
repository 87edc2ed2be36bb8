"""Findings about switches: so many that they cost, and wake-ups that find nothing to do; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import measures
from threadtop.findings.cpu import FAR_HOLD_S, HOLD_S
from threadtop.findings.measures import OBSERVED_MOST, SHOWN, count, named, names, part, pct
from threadtop.findings.trends import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.findings.trends import Trends
    from threadtop.snapshot import Finding, ProcessRow, Snapshot, ThreadRow

STORM_PER_S: Final = 20_000.0  # 4 % of a core at 2 us each: below, nobody would find it
STORM_COST_PCT: Final = 10.0  # of a core: from here on it is a problem
STORM_BLIND_PER_S: Final = 50_000.0  # the same where the cost of a switch is not known
STORM_SHARE_PCT: Final = 10.0  # of what the process runs: a busy server that switches as well does its work
POLLS_PER_S: Final = 200.0  # hundreds of times a second; below are beats of audio, video and networks
POLLS_BAD_PER_S: Final = 500.0  # from here on it keeps a CPU from resting
NOTHING_US: Final = 60.0  # CPU for each wake-up, the interpreter's own included: a look, and no work
POLLS_CPU_PCT: Final = 30.0  # more is work, whatever it is made of
TIMED_PCT: Final = 50.0  # the wake-ups that its timeout explains: else they come from events
SLEEPS_PCT: Final = 50.0  # of the time it does not run
SHORT_NS: Final = 10_000_000  # a timeout of more cannot make hundreds a second

STORM_SEVERITY, STORM_MOST = 55.0, 80.0  # and more by what it costs
POLLS_SEVERITY, POLLS_FINE_SEVERITY = 52.0, 40.0  # waste of power rather than of time


def candidates(snapshot: Snapshot, trends: Trends) -> Iterator[Candidate]:
    """What the rules of this family find, with how long it must have held."""
    cost_ns = snapshot.circumstances.switch_cost_ns if snapshot.circumstances else None
    for row in measures.programs(snapshot):
        hold_s = HOLD_S if row.pid in trends.close else FAR_HOLD_S
        for found in (_storm(row, cost_ns), None if trends.turnover(row) else _polls(row)):
            if found is not None:
                yield Candidate(found, hold_s)


def per_s(row: ProcessRow | ThreadRow) -> float:
    """All its switches a second; not known counts as 0."""
    return (row.vol_per_s or 0.0) + (row.invol_per_s or 0.0)


def _storm(row: ProcessRow, cost_ns: float | None) -> Finding | None:
    """It switches tens of thousands of times a second."""
    rate = per_s(row)
    if rate < STORM_PER_S:
        return None
    threads = sorted(measures.moving(row), key=lambda thread: (-per_s(thread), thread.tid))[:100]
    cost_pct = None if cost_ns is None else rate * cost_ns / 1e7
    evidence = [
        ("switches", f"{rate:,.0f}/s, {pct((row.vol_per_s or 0.0) / rate * 100)} of them voluntary"),
        ("most", ", ".join(f"{named(thread)} {per_s(thread):,.0f}/s" for thread in threads[:3])),
        ("runs", f"{pct(row.cpu_pct or 0.0)} of a core, {part(row.system_pct, row.cpu_pct)} of it in the kernel"),
    ]
    if cost_ns is not None and cost_pct is not None:
        per_switch = f"{cost_ns / 1000:.1f} us each, measured here"
        evidence.append(("estimated cost", f"about {pct(cost_pct)} of a core ({per_switch})"))
        is_bad = cost_pct >= STORM_COST_PCT and cost_pct >= STORM_SHARE_PCT / 100 * (row.cpu_pct or 0.0)
    else:
        evidence.append(("estimated cost", "not known: what a switch costs here has not been measured"))
        is_bad = rate >= STORM_BLIND_PER_S
    return measures.finding(
        "switch-storm",
        row,
        f"{rate:,.0f} context switches a second"
        + (f", about {pct(cost_pct)} of a core spent on them" if cost_pct is not None else ""),
        "Each switch costs the kernel's work, and caches that are cold afterwards, which the estimate leaves out. "
        "Larger pieces of work between two waits (batches, queues, bigger buffers) make fewer of them.",
        evidence,
        grade="estimate" if cost_pct is not None and is_bad and rate < STORM_BLIND_PER_S else "exact",
        severity=min(STORM_MOST, STORM_SEVERITY + (cost_pct or 0.0) / 4) if is_bad else OBSERVED_MOST,
        tids=[thread.tid for thread in threads if per_s(thread) >= rate / 100],
        next_command=f"perf trace -s -p {row.pid} -- sleep 5",
    )


def _polls(row: ProcessRow) -> Finding | None:
    """Threads that wake by a timer hundreds of times a second, and find nothing to do."""
    if (row.vol_per_s or 0.0) < POLLS_PER_S:
        return None
    threads = [(thread, how) for thread in measures.moving(row) if (how := _poll_words(thread, row))]
    if not threads:
        return None
    threads.sort(key=lambda each: (-(each[0].vol_per_s or 0.0), each[0].tid))
    rows = [thread for thread, _ in threads]
    total, (worst, how) = sum(thread.vol_per_s or 0.0 for thread in rows), threads[0]
    samples = worst.time.samples if worst.time else 0
    each_us = (worst.cpu_pct or 0.0) * 1e4 / (worst.vol_per_s or 1.0)
    return measures.finding(
        "polling-loop",
        row,
        f"{names(rows)} wake{'s' if len(rows) == 1 else ''} {total:,.0f} times a second to do nothing",
        "A loop with a short sleep or timeout asks again and again whether there is something to do: it costs CPU and "
        "power, and answers late all the same. To wait for the event itself (a condition, a queue, poll without a "
        "timeout) costs nothing.",
        [
            ("wakes", " ".join(f"{thread.vol_per_s or 0.0:,.0f}/s" for thread in rows[:SHOWN])),
            ("runs", f"{each_us:.0f} us each time, {pct(worst.cpu_pct or 0.0)} of a core"),
            ("waits in", f"{how} ({count(samples, 'look')})"),
        ],
        grade="sampled" if samples > 1 else "estimate",
        severity=POLLS_SEVERITY if total >= POLLS_BAD_PER_S else POLLS_FINE_SEVERITY,
        tids=[thread.tid for thread in rows],
        next_command=f"perf trace -s -p {row.pid} -- sleep 5",
    )


def _poll_words(thread: ThreadRow, row: ProcessRow) -> str:
    """In which way it polls, "" if it does not."""
    rate, cpu_pct = thread.vol_per_s or 0.0, thread.cpu_pct or 0.0
    if rate < POLLS_PER_S or cpu_pct > POLLS_CPU_PCT or cpu_pct * 1e4 / rate > NOTHING_US:
        return ""
    time, blocked = thread.time, thread.blocked
    if time is not None and time.blocked_pct and time.of("sleep") >= SLEEPS_PCT / 100 * time.blocked_pct:
        return "sleep"
    if blocked is None or not blocked.timeout_ns or blocked.timeout_ns > SHORT_NS:
        return ""
    if "futex" in blocked.call and row.gil is not None:
        return ""  # a wait for a GIL is a timed one, too
    if rate * blocked.timeout_ns / 1e9 < TIMED_PCT / 100:
        return ""
    return f"{blocked.call}, timeout {blocked.timeout_ns / 1e6:g} ms"
