"""What one thread's looks and counters say about it and the GIL, as shares of the time; pure.

Looks are few (hundreds), counters of the kernel are exact (ns): so the looks only divide what the counters say a
thread ran and rested, which takes out most of the noise of sampling (poststratification).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import waits
from threadtop.gil_rows import GilShare
from threadtop.rates import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.sample import GilTally, Grade, ThreadSample
    from threadtop.snapshot import ThreadRow

FEW: Final = 0.05  # a share of time so small may have had no look at it by chance
LEAST_LOOKS: Final = 5  # fewer say nothing of a thread at work: one of so many that they are looked at in turn

MOSTLY_HELD_PCT: Final = 80.0  # a lock's utilisation from which its noise is below 2 points in 500 looks
LEAST_FACTOR: Final = 0.8
LATE: Final = 1.2  # timers fire a little late
MOSTLY_PCT: Final = 20.0  # a smaller part of the time is not why a thread is not running


class Spent(NamedTuple):
    """A thread's exact counters over the window: shares of 1 on a CPU and in the run queue, switches a second."""

    cpu: float | None
    rq: float | None
    vol_per_s: float | None


NOT_SPENT: Final = Spent(None, None, None)


def spent(old: ThreadSample, old_pass_ns: int, now: ThreadSample, pass_ns: int) -> Spent:
    """What a thread did between two readings, in passes begun at these times.

    A thread that has not run since it was read is unchanged up to the pass that found that, as in rates.
    """
    gap_ns = max(now.at_ns, pass_ns) - max(old.at_ns, old_pass_ns)
    if gap_ns <= 0 or old.run_ns is None or now.run_ns is None:
        return NOT_SPENT
    cpu = min(1.0, max(0.0, (now.run_ns - old.run_ns) / gap_ns))
    rq = None
    if old.wait_ns is not None and now.wait_ns is not None:
        rq = (now.wait_ns - old.wait_ns) / gap_ns
        if now.run_ns == old.run_ns and old.state == now.state == "R":
            rq = 1.0  # its wait is counted only once it is put on a CPU
        rq = min(1.0 - cpu, max(0.0, rq))
    vol = None if old.vol is None or now.vol is None else max(0, now.vol - old.vol) / gap_ns * SECOND_NS
    return Spent(cpu, rq, vol)


def unknown(grade: Grade, why_not: str, is_python: bool | None, samples: int = 0) -> GilShare:  # noqa: FBT001 a fact
    """A share of which nothing is known."""
    return GilShare(grade, why_not, None, None, None, None, None, None, None, samples, is_python)


def most_wait(did: Spent, interval_us: int, window_s: float) -> float:
    """The largest share of the time in which a thread can have waited for a GIL.

    Such a wait ends after the switch interval and begins anew (take_gil(), Python/ceval_gil.c), each with a
    voluntary switch.  A thread at rest is looked at rarely, and one look stands for a second: this keeps a single
    one that found it waiting from weighing more than it can.
    """
    if did.vol_per_s is None or window_s <= 0:
        return 1.0
    return min(1.0, (did.vol_per_s + 1 / window_s) * interval_us * 1e-6 * LATE)


def exact(found: GilTally, did: Spent, why_not: str, most: float = 1.0) -> GilShare:
    """One thread's shares: the exact time it was runnable and not, each divided as the looks in it were.

    No look at all: nothing is known, even of a thread that provably did not run, for it may have slept while it
    held the GIL, or waited for it.  Without the counters (no schedstat) the looks alone must do, which cannot tell
    a CPU from its run queue.  No look in one of the two: its parts count as 0, as the looks have them, where it is
    under FEW of the time; where it is more they are unknown, but for a thread that CPython does not know, which
    has no part in the GIL.  Fewer than LEAST_LOOKS divide nothing of a thread at work.  ``most`` is the largest
    share in which it can have waited (``most_wait``).
    """
    _, looks, held, asleep, waited, ran, blocked = found
    runnable, resting = held + ran, waited + blocked + asleep
    if runnable + resting <= 0:
        return unknown("exact", why_not, found.is_python)
    if did.cpu is None or did.rq is None:
        parts = (held + asleep, waited, asleep, held, ran, blocked)
        holds, waits, sleeps, with_gil, without, rests = (100 * part / (runnable + resting) for part in parts)
        return GilShare("exact", why_not, holds, waits, sleeps, with_gil, without, None, rests, looks, found.is_python)
    is_native = found.is_python is False
    share = did.cpu + did.rq
    rest = max(0.0, 1.0 - share)
    of_runnable = held / runnable if runnable else 0.0 if share < FEW or is_native else None
    of_rest = (waited / resting, asleep / resting) if resting else (0.0, 0.0) if rest < FEW or is_native else None
    if looks < LEAST_LOOKS and share >= FEW and not is_native:
        of_runnable = of_rest = None
    # Looks cannot tell a CPU from its run queue.  A waiter that is handed the GIL queues for a CPU before it has it,
    # while a holder is seldom put off its CPU: so what it held awake it ran, and what it queued it did without.
    if of_rest is not None and rest * of_rest[0] > most:
        of_rest = most / rest, of_rest[1]
    with_pct = None if of_runnable is None else 100 * min(did.cpu, share * of_runnable)
    wait_pct, asleep_pct = (None, None) if of_rest is None else (100 * rest * part for part in of_rest)
    holds_pct = None
    if of_runnable is not None and asleep_pct is not None:
        holds_pct = min(100.0, 100 * share * of_runnable + asleep_pct)
    return GilShare(
        grade="exact",
        why_not=why_not,
        holds_pct=holds_pct,
        wait_pct=wait_pct,
        asleep_pct=asleep_pct,
        with_pct=with_pct,
        without_pct=None if with_pct is None else max(0.0, 100 * did.cpu - with_pct),
        runq_pct=100 * did.rq,
        blocked_pct=None if of_rest is None else max(0.0, 100 * rest * (1.0 - sum(of_rest))),
        samples=looks,
        is_python=found.is_python,
    )


def levelled(shares: dict[int, GilShare], held_pct: float | None) -> dict[int, GilShare]:
    """Shares whose holds add up to what the looks at their only lock say, where that is nearly always held.

    Timers that are due within 50 us fire together (prctl(2), PR_SET_TIMERSLACK): the watch is woken beside waiters
    whose 5 ms are over, and finds them runnable too often, so that holders get too little of the runnable time.
    Who holds the lock does not depend on that, and what is nearly always so has little noise.  What they held awake
    they ran, by exact counters, as long as that is enough; only what is left over they held while they queued.
    """
    total = sum(share.holds_pct or 0.0 for share in shares.values())
    if held_pct is None or held_pct < MOSTLY_HELD_PCT or not total:
        return shares
    if not LEAST_FACTOR <= held_pct / total <= 1 / LEAST_FACTOR:
        return shares  # somebody unknown held it, or has ended
    awake: dict[int, float] = {}
    ran: dict[int, float] = {}
    queued: dict[int, float] = {}
    for tid, share in shares.items():
        holds, sleeps, with_gil, without = share.holds_pct, share.asleep_pct, share.with_pct, share.without_pct
        if not holds or sleeps is None or with_gil is None or without is None or share.runq_pct is None:
            continue
        awake[tid], ran[tid], queued[tid] = holds - sleeps, with_gil + without, share.runq_pct
    wanted = held_pct - total + sum(awake.values())
    running = _filled(awake, ran, wanted)
    waiting = _filled(queued, queued, wanted - sum(running.values()))
    return {
        tid: _with_holds(share, running[tid], waiting[tid], ran[tid]) if tid in awake else share
        for tid, share in shares.items()
    }


def _filled(parts: Mapping[int, float], most: Mapping[int, float], total: float) -> dict[int, float]:
    """Parts made greater or smaller alike, none above its ``most``, that add up to ``total`` unless all are full."""
    left, free, filled = max(0.0, total), sum(parts.values()), dict.fromkeys(parts, 0.0)
    # Those that are full first, first.
    for tid in sorted(parts, key=lambda tid: most[tid] / parts[tid] if parts[tid] > 0 else float("inf")):
        filled[tid] = min(most[tid], parts[tid] * left / free) if free > 0 else 0.0
        left, free = left - filled[tid], free - parts[tid]
    return filled


def _with_holds(share: GilShare, running_pct: float, waiting_pct: float, ran_pct: float) -> GilShare:
    """A share with other holds: on a CPU, and in its run queue."""
    holds_pct = running_pct + waiting_pct + (share.asleep_pct or 0.0)
    return share._replace(holds_pct=holds_pct, with_pct=running_pct, without_pct=ran_pct - running_pct)


def reason(thread: ThreadRow, share: GilShare) -> str | None:
    """Why a thread is not running: what its looks found most, where that is the GIL; else what one look at it says."""
    wait = share.wait_pct
    if share.grade != "exact" or wait is None or wait < MOSTLY_PCT:
        return thread.reason
    parts = (share.with_pct, share.without_pct, share.runq_pct, share.asleep_pct, share.blocked_pct)
    return waits.GIL if wait >= max((part for part in parts if part is not None), default=0.0) else thread.reason
