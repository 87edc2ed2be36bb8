"""Observations about one thread that runs without a pause while the others of its process do not; pure.

A counter cannot tell work from waiting in a loop: these are observations, unless others wait for that thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import measures
from threadtop.findings.cpu import is_settled
from threadtop.findings.gil_figures import WAITS_PCT
from threadtop.findings.measures import SHOWN, figures, named, part, pct
from threadtop.findings.trends import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.findings.trends import Trends
    from threadtop.snapshot import Finding, ProcessRow, Snapshot, ThreadRow

ALL_PCT: Final = 97.0  # of the time it runs or would: the rest is other programs' interrupts
USER_PCT: Final = 95.0  # of its CPU time: who works with the kernel makes system calls
PAUSES_PER_S: Final = 1.0  # who waits for anything switches more often than that
SPINS_S: Final = 10.0  # a computation that ends sooner needs no remark
LIFE_PCT: Final = 95.0  # CPU of its whole life: it has run like that since it began
STILL_PCT: Final = 1.0  # the CPU of the others together, below which nothing else moves
HOT_PCT: Final = 80.0  # one core is what limits it
POOL_THREADS: Final = 4  # a pool: one that is hot and three that idle, at least
POOL_IDLE_PCT: Final = 20.0  # CPU of the others together

SPINS_SEVERITY, SPINS_BLOCKS_SEVERITY = 30.0, 62.0  # alone, and where others wait for what it has
HOT_SEVERITY: Final = 35.0  # nothing is wrong, and something can be gained


def candidates(snapshot: Snapshot, trends: Trends) -> Iterator[Candidate]:
    """What the rules of this family find, with how long it must have held."""
    for row in measures.programs(snapshot):
        if (row.cpu_pct or 0.0) < HOT_PCT / 2 or not is_settled(row, snapshot, trends):
            continue
        hot = _hot(row)
        if hot is not None:
            yield Candidate(hot, 3.0)
        spins = _spins(row, snapshot, trends)
        if spins is not None:
            yield spins


def _spins(row: ProcessRow, snapshot: Snapshot, trends: Trends) -> Candidate | None:
    """One thread runs user code without ever waiting, and nothing else of its process moves."""
    threads = sorted(measures.moving(row), key=lambda thread: (-(thread.cpu_pct or 0.0), thread.tid))
    if not threads or not _never_pauses(threads[0]):
        return None
    one, others = threads[0], threads[1:]
    if sum((other.cpu_pct or 0.0) + (other.wait_pct or 0.0) for other in others) > STILL_PCT:
        return None
    if one.gil is not None and (one.gil.holds_pct or 0.0) >= HOT_PCT:
        return None  # it runs Python: the GIL's rules say so
    age_s = measures.age_s(one, snapshot.host)
    is_lifelong = (one.cpu_ns or 0) / 1e7 >= LIFE_PCT * age_s
    lasted_s = max(trends.held_s("spinning", row), age_s if is_lifelong else 0.0)
    behind = _behind(row, one)
    wait = "waits" if len(behind) == 1 else "wait"
    evidence = [
        ("runs", f"{pct(one.cpu_pct or 0.0)}, {part(one.user_pct, one.cpu_pct)} of it user code"),
        ("voluntary switches", f"{one.vol_per_s or 0.0:.0f}/s"),
        ("for", f"{lasted_s:,.0f} s" + ("" if is_lifelong else " at least")),
        ("other threads", f"{row.thread_count - 1}, all at rest" if row.thread_count > 1 else "none"),
    ]
    if behind:
        evidence.append(("wait for it", ", ".join(map(str, behind[:SHOWN]))))
    found = measures.finding(
        "spinning",
        row,
        f"{named(one)} runs user code without a pause"
        + (
            f", and {measures.count(len(behind), 'thread')} {wait} for what it has"
            if behind
            else ", nothing else moves"
        ),
        "It makes no system call that waits: it computes, or it turns in a loop until something changes that never "
        "does. Counters cannot tell these apart; where its stack stays in the same few lines, it spins.",
        evidence,
        grade="exact",
        severity=SPINS_BLOCKS_SEVERITY if behind else SPINS_SEVERITY,
        tids=(one.tid, *behind),
        next_command=f"perf top -t {one.tid}",
    )
    return Candidate(found, 2.0 if is_lifelong and age_s >= SPINS_S else SPINS_S)


def _never_pauses(thread: ThreadRow) -> bool:
    cpu_pct, user_pct = thread.cpu_pct or 0.0, thread.user_pct
    if thread.vol_per_s is None or thread.vol_per_s > PAUSES_PER_S or user_pct is None:
        return False
    return (
        cpu_pct >= HOT_PCT / 2
        and cpu_pct + (thread.wait_pct or 0.0) >= ALL_PCT
        and user_pct >= USER_PCT / 100 * (cpu_pct)
    )


def _behind(row: ProcessRow, one: ThreadRow) -> list[int]:
    """The threads that wait for a lock that it owns."""
    locks = row.locks.locks if row.locks else ()
    return sorted({wait.tid for lock in locks if lock.owner_tid == one.tid for wait in lock.waits})


def _hot(row: ProcessRow) -> Finding | None:
    """One thread of several is at its limit, the others have nothing to do."""
    if row.thread_count < POOL_THREADS:
        return None
    hot = [thread for thread in measures.moving(row) if (thread.cpu_pct or 0.0) + (thread.wait_pct or 0.0) >= HOT_PCT]
    if len(hot) != 1 or (hot[0].cpu_pct or 0.0) < HOT_PCT / 2:
        return None
    (one,) = hot
    others = [thread for thread in measures.moving(row) if thread is not one]
    used_pct = sum((other.cpu_pct or 0.0) + (other.wait_pct or 0.0) for other in others)
    if used_pct > POOL_IDLE_PCT or any((other.gil_wait_pct or 0.0) >= WAITS_PCT for other in others):
        return None  # they work, or want to
    like = sum(_stem(thread.name) == _stem(one.name) for thread in row.threads.values())
    of = f"one of {like} of its name" if like >= POOL_THREADS else f"one of {row.thread_count} threads"
    evidence = [
        ("runs", pct(one.cpu_pct or 0.0)),
        ("the others", f"{row.thread_count - 1} threads, {pct(used_pct)} together"),
    ]
    if others:
        others.sort(key=lambda other: (-(other.cpu_pct or 0.0), other.tid))
        evidence.append(("the busiest of them", figures(others[:3], lambda other: other.cpu_pct)))
    return measures.finding(
        "hot-thread",
        row,
        f"{named(one)} is at the limit of one core, the others idle ({of})",
        "All of the work is in one thread: the process can go no faster than that, however many threads and CPUs it "
        "has. Work that can be divided among the others, or made cheaper, is what helps.",
        evidence,
        grade="exact",
        severity=HOT_SEVERITY,
        tids=(one.tid,),
        next_command=f"perf top -t {one.tid}",
    )


def _stem(name: str) -> str:
    """A thread's name without its number: ``pool-1-thread-7`` and ``pool-1-thread-8`` are of one pool."""
    return name.rstrip("0123456789").rstrip("-_#/: ")
