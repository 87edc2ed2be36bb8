"""Findings about CPUs: threads that want one and get none, and what takes it from them; pure.

All of it is from the kernel's counters.  Time that a quota takes away counts as waiting for a CPU, too: where a quota
explains the wait, the wait is not told again.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.findings import measures
from threadtop.findings.measures import JOB_THREADS, OBSERVED_MOST, SETTLED_S, SHOWN, figures, names, pct
from threadtop.findings.trends import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from threadtop.findings.trends import Throttling, Trends
    from threadtop.snapshot import CpuShare, Finding, ProcessRow, Snapshot, ThreadRow

STARVED_PCT: Final = 25.0  # a quarter of the time: two that share a CPU now and then wait less
THROTTLED_PCT: Final = 10.0  # of the periods: below, a burst met its quota
THROTTLED_BAD_PCT: Final = 25.0  # from here on a quarter of the answers come late
LEAST_PERIODS: Final = 10  # a second of them
BUSY_PCT: Final = 90.0  # of all CPUs: below, some CPU is free, and the wait has another reason
QUEUED_PER_CPU: Final = 1.0  # as many wait as run: load twice the CPUs
IDLE_CPU_PCT: Final = 50.0  # a CPU that is idle half of the time could have taken the thread
TAKES_PCT: Final = 20.0  # CPU from which a thread counts among those that take it from others
NICER_BY: Final = 3  # steps of nice: half of the weight (sched_prio_to_weight, kernel/sched/core.c)
# Of what it asks for, who is preferred waits so much less: at three steps, 34 to 66 %.  Nice counts only within a
# group: threads of two sessions (autogroup, sched(7)) or of two cgroups share as if they had the same.
PREFERRED_WAITS: Final = 0.75

HOLD_S: Final = 3.0  # so long for what somebody looks at
FAR_HOLD_S: Final = 10.0  # for the rest of the machine, where bursts pass by
STARVED_SEVERITY, STARVED_MOST = 50.0, 75.0  # and more by how long it waits
THROTTLED_SEVERITY, THROTTLED_MOST = 60.0, 85.0  # a limit that somebody set, and can lift
CROWDED_SEVERITY: Final = 55.0  # after what it does to each: starved
AFFINITY_SEVERITY: Final = 78.0  # before starved: it is the reason, and a mend is one command
PRIORITY_SEVERITY: Final = 76.0  # as affinity

_REALTIME: Final = frozenset((1, 2, 6))  # fifo, rr, deadline: before all others
_BACKGROUND: Final = 5  # SCHED_IDLE: after all others


class Starved(NamedTuple):
    """A process and its threads that wait for a CPU, those that wait most first."""

    row: ProcessRow
    threads: list[ThreadRow]


def candidates(snapshot: Snapshot, trends: Trends) -> Iterator[Candidate]:
    """What the rules of this family find, with how long it must have held."""
    throttled: set[int] = set()
    for candidate, pids in _throttled(snapshot, trends):
        throttled |= pids
        yield candidate
    crowded = _too_many(snapshot, trends)
    if crowded is not None:
        yield Candidate(crowded, HOLD_S if crowded.pid in trends.close else FAR_HOLD_S, "machine")
    starved = [each for each in _starved(snapshot, trends) if each.row.pid not in throttled]
    if not starved:
        return
    takers = _takers(snapshot)
    for row, threads in starved:
        hold_s = HOLD_S if row.pid in trends.close else FAR_HOLD_S
        is_old = is_settled(row, snapshot, trends)
        for found in (
            _waits(row, threads, snapshot, takers),
            _affinity(row, threads, snapshot, takers),
            _priority(row, threads, snapshot, takers),
        ):
            if found is not None:
                yield Candidate(found if is_old else observed(found), hold_s)


def is_job(row: ProcessRow, snapshot: Snapshot, trends: Trends) -> bool:
    """Whether it may be one of the short jobs of a build: young, with few threads, and nobody looks at it."""
    return not is_settled(row, snapshot, trends) and row.thread_count < JOB_THREADS


def is_settled(row: ProcessRow, snapshot: Snapshot, trends: Trends) -> bool:
    """Whether it is looked at, or has lived long enough not to be a job of a build."""
    return row.pid in trends.close or measures.age_s(row, snapshot.host) >= SETTLED_S


def observed(found: Finding) -> Finding:
    """The finding as an observation: true, and no problem of its own."""
    return found._replace(severity=min(found.severity, OBSERVED_MOST))


def _starved(snapshot: Snapshot, trends: Trends) -> Iterator[Starved]:
    for row in measures.programs(snapshot):
        if (row.wait_pct or 0.0) < STARVED_PCT or is_job(row, snapshot, trends):
            continue
        threads = [thread for thread in measures.moving(row) if (thread.wait_pct or 0.0) >= STARVED_PCT]
        if threads:
            threads.sort(key=lambda thread: (-(thread.wait_pct or 0.0), thread.tid))
            yield Starved(row, threads)


def _takers(snapshot: Snapshot) -> list[ThreadRow]:
    """The threads of the whole machine that use CPUs most."""
    rows = (thread for row in snapshot.processes.values() for thread in measures.moving(row))
    busy = [thread for thread in rows if (thread.cpu_pct or 0.0) >= TAKES_PCT]
    return sorted(busy, key=lambda thread: (-(thread.cpu_pct or 0.0), thread.tid))


def _reach(threads: Sequence[ThreadRow], snapshot: Snapshot) -> frozenset[int] | None:
    """The CPUs that these threads may run on, all together; None where one is not known."""
    masks = snapshot.circumstances.affinities if snapshot.circumstances else {}
    known = [masks.get((thread.pid, thread.tid)) for thread in threads]
    if not known or None in known:
        return None
    return frozenset[int]().union(*(mask for mask in known if mask is not None))


def _rivals(threads: Sequence[ThreadRow], takers: Sequence[ThreadRow], reach: frozenset[int] | None) -> list[ThreadRow]:
    """Who else runs on the CPUs where these threads may run."""
    own = {thread.key for thread in threads}
    return [thread for thread in takers if thread.key not in own and (reach is None or thread.last_cpu in reach)]


def _said(rivals: Sequence[ThreadRow], row: ProcessRow) -> str:
    """Threads with what they run: those of another process by its name."""
    shown = ", ".join(
        f"{thread.name if thread.pid == row.pid else thread.process} {thread.tid} {pct(thread.cpu_pct or 0.0)}"
        for thread in rivals[:SHOWN]
    )
    return shown + (" ..." if len(rivals) > SHOWN else "")


# -- starved -----------------------------------------------------------------------------------


def _waits(row: ProcessRow, threads: list[ThreadRow], snapshot: Snapshot, takers: Sequence[ThreadRow]) -> Finding:
    """Threads wait in a run queue."""
    worst, total = threads[0], sum(thread.wait_pct or 0.0 for thread in threads)
    if len(threads) == 1:
        title = f"{names(threads)} waits for a CPU {pct(worst.wait_pct or 0.0)} of its time"
    else:
        title = f"{len(threads)} threads wait for a CPU, {pct(worst.wait_pct or 0.0)} of their time at worst"
    rivals = _rivals(threads, takers, _reach(threads, snapshot))
    evidence = [
        ("waits for a cpu", figures(threads, lambda thread: thread.wait_pct)),
        ("runs", figures(threads, lambda thread: thread.cpu_pct)),
    ]
    if rivals:
        evidence.append(("beside it run", _said(rivals, row)))
    if len(threads) > 1:
        evidence.append(("queued", f"{total / 100:.1f} threads on average"))
    return measures.finding(
        "starved",
        row,
        title,
        "A thread that is ready to run, and finds the CPUs that it may use taken, loses this time, whatever it does. "
        "Fewer busy threads, more CPUs, or another priority (nice) or affinity give it back.",
        evidence,
        grade="exact",
        severity=min(STARVED_MOST, STARVED_SEVERITY + (worst.wait_pct or 0.0) / 4),
        tids=[thread.tid for thread in threads],
        next_command="ps -eLo pid,tid,psr,cls,ni,pcpu,comm --sort=-pcpu | head -20",
    )


def _affinity(
    row: ProcessRow, threads: list[ThreadRow], snapshot: Snapshot, takers: Sequence[ThreadRow]
) -> Finding | None:
    """They may not run where there is room."""
    cores = snapshot.host.cores
    masks = snapshot.circumstances.affinities if snapshot.circumstances else {}
    free = frozenset(number for number, core in enumerate(cores) if _idle_pct(core) >= IDLE_CPU_PCT)
    kept = [thread for thread in threads if _is_kept_from(masks.get((thread.pid, thread.tid)), free, len(cores))]
    reach = _reach(kept, snapshot)
    if not kept or reach is None:
        return None
    where = f"CPU {_numbers(reach)}" if len(reach) == 1 else f"CPUs {_numbers(reach)}"
    room = f"CPU {_numbers(free)} is" if len(free) == 1 else f"CPUs {_numbers(free)} are"
    rivals = _rivals(kept, takers, reach)
    evidence = [
        ("may run on", f"{where} of {len(cores)}"),
        ("idle", " ".join(f"{number}: {pct(_idle_pct(cores[number]))}" for number in sorted(free)[:SHOWN])),
        ("waits for a cpu", figures(kept, lambda thread: thread.wait_pct)),
    ]
    if rivals:
        evidence.append(("beside it run", _said(rivals, row)))
    return measures.finding(
        "affinity",
        row,
        f"{names(kept)} may run on {where} only and wait{'s' if len(kept) == 1 else ''} there, while {room} idle",
        "Its CPU affinity keeps it from CPUs that have room: that is set by the program, taskset, a cpuset or a "
        "container. A wider mask ends the wait, unless it was meant.",
        evidence,
        grade="exact",
        severity=AFFINITY_SEVERITY,
        tids=[thread.tid for thread in kept],
        next_command=f"taskset -cap {row.pid}",
    )


def _is_kept_from(mask: frozenset[int] | None, free: frozenset[int], cores: int) -> bool:
    """Whether a thread may run on none of the free CPUs; CPUs that are counted otherwise than shown tell nothing."""
    return bool(mask and free and not mask & free and max(mask) < cores)


def _idle_pct(core: CpuShare) -> float:
    return max(0.0, 100.0 - core.busy_pct - core.steal_pct)


def _numbers(cpus: frozenset[int]) -> str:
    shown = ", ".join(map(str, sorted(cpus)[:SHOWN]))
    return shown + (" ..." if len(cpus) > SHOWN else "")


def _priority(
    row: ProcessRow, threads: list[ThreadRow], snapshot: Snapshot, takers: Sequence[ThreadRow]
) -> Finding | None:
    """Those that run have a better priority."""
    worst = threads[0]
    late = [thread for thread in threads if _standing(thread) == _standing(worst)]
    rivals = _rivals(threads, takers, _reach([worst], snapshot))
    ahead = [thread for thread in rivals if _is_ahead(thread, worst) and _is_preferred(thread, worst)]
    if not ahead:
        return None
    mine, theirs = _words(worst), _words(ahead[0])
    return measures.finding(
        "priority",
        row,
        f"{names(late)} ({mine}) wait{'s' if len(late) == 1 else ''} behind threads with a better priority ({theirs})",
        "The scheduler gives CPUs to real-time threads first, and divides the rest by weight: three steps of nice are "
        "half of it. What waits here was told to come after what runs.",
        [
            ("waits for a cpu", figures(late, lambda thread: thread.wait_pct)),
            ("its priority", mine),
            ("before it run", ", ".join(f"{_said([thread], row)} ({_words(thread)})" for thread in ahead[:SHOWN])),
        ],
        grade="exact",
        severity=PRIORITY_SEVERITY,
        tids=[thread.tid for thread in late],
        next_command=f"chrt -ap {row.pid}; ps -Lo tid,cls,rtprio,ni,psr,pcpu,comm -p {row.pid}",
    )


def _standing(thread: ThreadRow) -> tuple[int, int]:
    """Class and place in it; less comes first."""
    if thread.policy in _REALTIME:
        return 0, -thread.rt_priority
    return (2, 0) if thread.policy == _BACKGROUND else (1, thread.nice)


def _is_ahead(thread: ThreadRow, of: ThreadRow) -> bool:
    (theirs, place), (mine, own_place) = _standing(thread), _standing(of)
    if theirs != mine:
        return theirs < mine
    return own_place - place >= (NICER_BY if mine == 1 else 1)


def _is_preferred(thread: ThreadRow, to: ThreadRow) -> bool:
    """Whether its priority has an effect: it need not be in one group with the other."""
    return _waits_of_asked(thread) <= PREFERRED_WAITS * _waits_of_asked(to)


def _waits_of_asked(thread: ThreadRow) -> float:
    """Which part of the time in which it wants a CPU it waits for one."""
    wait_pct = thread.wait_pct or 0.0
    asked_pct = wait_pct + (thread.cpu_pct or 0.0)
    return wait_pct / asked_pct if asked_pct else 0.0


def _words(thread: ThreadRow) -> str:
    if thread.policy in _REALTIME:
        return f"{thread.policy_name} {thread.rt_priority}"
    return "policy idle" if thread.policy == _BACKGROUND else f"nice {thread.nice}"


# -- quotas and queues -------------------------------------------------------------------------


def _throttled(snapshot: Snapshot, trends: Trends) -> Iterator[tuple[Candidate, set[int]]]:
    """One finding a group, on the process of it that runs most, and on each that is looked at."""
    uses = snapshot.circumstances.cgroups if snapshot.circumstances else {}
    groups: dict[str, list[ProcessRow]] = {}
    for pid, use in uses.items():
        if pid in snapshot.processes:
            groups.setdefault(use.path, []).append(snapshot.processes[pid])
    for rows in groups.values():
        seen = trends.throttling(uses[rows[0].pid])
        if seen is None or seen.throttled_pct < THROTTLED_PCT or seen.periods < LEAST_PERIODS:
            continue
        rows.sort(key=lambda row: (-(row.cpu_pct or 0.0), row.pid))
        pids = {row.pid for row in rows}
        for row in [row for row in rows if row.pid in trends.close] or rows[:1]:
            subject = "" if row.pid in trends.close else seen.path
            yield Candidate(_over_quota(row, seen, len(rows)), HOLD_S, subject), pids


def _over_quota(row: ProcessRow, seen: Throttling, sharers: int) -> Finding:
    path = shlex.quote(f"{seen.path}/cpu.stat")
    severity = min(THROTTLED_MOST, THROTTLED_SEVERITY + seen.throttled_pct / 4)
    return measures.finding(
        "throttled",
        row,
        f"its CPU quota of {count_cores(seen.quota_cores)} stops it in {pct(seen.throttled_pct)} of the periods",
        "A cgroup may use so much CPU in each period (100 ms as a rule); once that is used up, all of its threads "
        "stand still until the next one. A higher quota, or fewer threads that run at once, ends it.",
        [
            ("throttled", f"{pct(seen.throttled_pct)} of {seen.periods} periods"),
            ("lost", f"{seen.lost_s_per_s:.2f} s each second"),
            ("quota", count_cores(seen.quota_cores)),
            ("uses", pct(row.cpu_pct or 0.0) + " of a core"),
            ("group", seen.path + (f", {sharers} processes that ran" if sharers > 1 else "")),
        ],
        grade="exact",
        severity=severity if seen.throttled_pct >= THROTTLED_BAD_PCT else min(severity, OBSERVED_MOST),
        tids=[thread.tid for thread in measures.moving(row)][:SHOWN],
        next_command=f"cat {path}",
    )


def count_cores(cores: float) -> str:
    """So many cores: ``1 core``, ``0.5 cores``."""
    return "1 core" if cores == 1 else f"{cores:g} cores"


def _too_many(snapshot: Snapshot, trends: Trends) -> Finding | None:
    """As many threads wait for a CPU as there are CPUs, on a machine that is busy all over."""
    host, cpus = snapshot.host, measures.cpus(snapshot.host)
    if host.cpu is None or not cpus or host.cpu.busy_pct + host.cpu.steal_pct < BUSY_PCT:
        return None
    pinned_pct = _pinned_pct(snapshot)
    queues = {
        row.pid: (row, (row.wait_pct or 0.0) - pinned_pct.get(row.pid, 0.0))
        for row in measures.programs(snapshot)
        if (row.wait_pct or 0.0) > 0 and not is_job(row, snapshot, trends)
    }
    queued = sum(wait_pct for _, wait_pct in queues.values()) / 100
    if queued < QUEUED_PER_CPU * cpus:
        return None
    worst, worst_pct = max(
        queues.values(), key=lambda each: (each[0].pid in trends.close and each[1] >= STARVED_PCT, each[1])
    )
    threads = [thread for thread in measures.moving(worst) if (thread.wait_pct or 0.0) + (thread.cpu_pct or 0.0) > 0]
    threads.sort(key=lambda thread: (-(thread.wait_pct or 0.0), thread.tid))
    running = (host.cpu.busy_pct + host.cpu.steal_pct) / 100 * cpus
    found = measures.finding(
        "too-many-runnable",
        worst,
        f"{queued + running:.0f} threads want a CPU at a time, and there {'is' if cpus == 1 else 'are'} {cpus}",
        f"On average {queued:.1f} threads stand in run queues while {running:.1f} run: each gets its turn late, and "
        "the same work is done. As many busy threads as CPUs would do it with fewer switches and better caches.",
        [
            ("queued", f"{queued:.1f} threads on average"),
            ("cpus", f"{cpus}, {pct(min(100.0, host.cpu.busy_pct + host.cpu.steal_pct))} busy"),
            ("of this process", f"{worst_pct / 100:.1f} queued, {pct(worst.cpu_pct or 0.0)} of a core running"),
            ("load", f"{host.load[0]:.1f}"),
        ],
        grade="exact",
        severity=CROWDED_SEVERITY,
        tids=[thread.tid for thread in threads[:100]],
        next_command="ps -eLo pid,tid,psr,cls,ni,pcpu,comm --sort=-pcpu | head -20",
    )
    settled = sum(wait_pct for row, wait_pct in queues.values() if is_settled(row, snapshot, trends)) / 100
    return found if settled >= QUEUED_PER_CPU * cpus else observed(found)


def _pinned_pct(snapshot: Snapshot) -> dict[int, float]:
    """By pid what threads wait that may not run on all CPUs: no sign of how many there are for the machine."""
    masks = snapshot.circumstances.affinities if snapshot.circumstances else {}
    pinned: dict[int, float] = {}
    for (pid, tid), mask in masks.items():
        row = snapshot.processes.get(pid)
        thread = row.threads.get(tid) if row else None
        if thread is not None and len(mask) < measures.cpus(snapshot.host):
            pinned[pid] = pinned.get(pid, 0.0) + (thread.wait_pct or 0.0)
    return pinned
