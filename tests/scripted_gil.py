"""The scripted machine with its GIL watched: gunicorn 4211 in each of the ways in which a GIL can be known.

``ticks(count, kind)`` gives the snapshots of scripted.ticks with what a watch has found of GUNICORN: "exact" (four
workers share one GIL, io-reader waits for them, a native BLAS thread works beside them), "convoy" (worker-1 computes,
io-reader waits out its intervals), "estimate", "denied" (nothing is known), "off" (a free-threaded build),
"subinterpreters" (two GILs), "asleep" (worker-2 sleeps while it holds it).  As there, each figure is a function of
the tick.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import scripted
from builders import thread_row
from scripted import GUNICORN
from threadtop import findings, waits
from threadtop.sample import GilMoment, SleepTally
from threadtop.snapshot import Estimate, GilLockRow, GilRow, GilShare
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.procfs.reasons import Kind
    from threadtop.sample import Grade
    from threadtop.snapshot import Snapshot, ThreadRow

WORKERS: Final = tuple(GUNICORN + n for n in range(1, 5))
READER, BLAS = 4220, 4221
PER_S, SECOND_NS = 100, 1_000_000_000
NO_PTRACE = "Yama allows to read only the memory of descendants (kernel.yama.ptrace_scope=1)"
REMEDY = "start it with threadtop -- COMMAND, or run threadtop with CAP_SYS_PTRACE"
READ = "asleep in read()"
KINDS = ("exact", "convoy", "estimate", "denied", "off", "subinterpreters", "asleep")


def _chance(tick: int, number: int) -> float:
    """Something between 0 and 1 that looks like chance and is the same in each run."""
    return (((tick * PER_S + number + 1) * 2_654_435_761) >> 7) % 10_007 / 10_007


def _holder(tick: int, number: int) -> int:
    """Who holds the GIL in one round: mostly a worker, now and then io-reader, seldom nobody."""
    chance = _chance(tick, number)
    if chance < 0.02:
        return 0
    if chance < 0.03:
        return READER
    # A worker keeps it for some rounds in turn, the longer the slower its request.
    return WORKERS[int(_chance(tick, number // 7 * 7 + 500) * len(WORKERS))]


def moments(tick: int, kind: str) -> tuple[GilMoment, ...]:
    """The rounds of the second before a tick; the watch began with tick 1, that is 1 s after the first sample."""
    if tick < 1 or kind in ("estimate", "denied", "off"):
        return ()
    found = []
    for number in range(PER_S):
        at_ns = (tick * PER_S + number - PER_S) * SECOND_NS // PER_S
        holder = _holder(tick, number)
        is_asleep = kind == "asleep" and holder == WORKERS[1] and _chance(tick, number // 20 + 900) < 0.7
        holders: tuple[int, ...] = (WORKERS[0] if kind == "convoy" and holder in WORKERS else holder,)
        if kind == "subinterpreters":
            own = WORKERS[int(_chance(tick, number // 9 + 300) * 2)]
            holders = own, WORKERS[3] if _chance(tick, number + 70) < 0.4 else 0
        found.append(GilMoment(at_ns, holders, holders[:1] if is_asleep else ()))
    return tuple(found)


def share(grade: Grade = "exact", **found: object) -> GilShare:
    """A thread that blocks all the time, but for what is given by name."""
    values: dict[str, object] = {
        "grade": grade,
        "why_not": "" if grade == "exact" else NO_PTRACE,
        "holds_pct": 0.0,
        "wait_pct": 0.0,
        "asleep_pct": 0.0,
        "with_pct": 0.0,
        "without_pct": 0.0,
        "runq_pct": 0.0,
        "blocked_pct": 100.0,
        "samples": 500,
        "is_python": True,
    }
    return GilShare(**{**values, **found})  # type: ignore[arg-type]


def _exact_share(row: ThreadRow, tick: int, kind: str) -> GilShare:
    cpu, runq = row.cpu_pct or 0.0, row.wait_pct or 0.0
    if kind == "convoy" and row.tid in WORKERS:
        return share(holds_pct=95.0, with_pct=95.0, runq_pct=4.0, blocked_pct=1.0) if row.tid == WORKERS[0] else share()
    if row.tid in WORKERS:
        tremble = _chance(tick, row.tid) - 0.5
        if kind == "subinterpreters":
            waits = (48.0, 47.0, 0.0, 0.0)[WORKERS.index(row.tid)] + tremble
            holds = (49.5, 48.5, 0.0, 40.0)[WORKERS.index(row.tid)]
            return share(holds_pct=holds, with_pct=holds, wait_pct=max(0.0, waits), blocked_pct=100.0 - holds - waits)
        waits = 70.5 + 2 * tremble
        holds, asleep = cpu, 0.0
        if kind == "asleep":
            asleep = 18.4 + tremble if row.tid == WORKERS[1] else 0.0
            holds, waits = (cpu - 6 + asleep, 60.0) if asleep else (cpu - 6, 71.0 + tremble)
        blocked = max(0.0, 100.0 - holds - waits - runq)
        return share(
            holds_pct=holds,
            with_pct=holds - asleep,
            wait_pct=waits,
            asleep_pct=asleep,
            runq_pct=runq,
            blocked_pct=blocked,
        )
    if row.tid == READER:
        return share(holds_pct=1.0, with_pct=1.0, wait_pct=43.0, runq_pct=0.1, blocked_pct=55.9)
    if row.tid == BLAS:
        return share(holds_pct=None, wait_pct=None, without_pct=88.0, runq_pct=9.0, blocked_pct=3.0, is_python=False)
    return share()


def _estimated_share(row: ThreadRow, tick: int) -> GilShare:
    waits = {**dict.fromkeys(WORKERS, 70.5 + tick % 3), READER: 43.0}.get(row.tid, 0.0)
    return share(
        "estimate",
        holds_pct=None,
        wait_pct=Estimate(waits),
        asleep_pct=None,
        with_pct=None,
        without_pct=None,
        runq_pct=row.wait_pct,
        blocked_pct=None,
        samples=60,
        is_python=None,
    )


def _sampled(row: ThreadRow, waits: float) -> TimeShare | None:
    """What 25 looks a second found of a thread that moves: the GIL, and beside it the database or its event loop."""
    if not row.cpu_pct:
        return None
    user, system, runq = row.user_pct or 0.0, row.system_pct or 0.0, row.wait_pct or 0.0
    rest = 100.0 - user - system - runq
    gil = min(rest, waits)
    beside: Kind = "network" if row.tid in WORKERS else "poll"
    blocked: tuple[tuple[Kind, float], ...] = (("gil", gil), (beside, rest - gil))
    return TimeShare(user, system, runq, tuple(part for part in blocked if part[1] > 0), round(rest * 0.75))


def _gil(tick: int, kind: str) -> GilRow:
    held = 98.0 + _chance(tick, 1) - 0.5
    rounds = moments(tick, kind)
    holder = rounds[-1].holders[0] if rounds else None
    row = GilRow(
        grade="exact",
        why_not="",
        remedy="",
        version="3.12",
        is_enabled=True,
        utilisation_pct=held,
        switches_per_s=212.0 + round(9 * _chance(tick, 2)),
        waiters=2.7 + 0.1 * (tick % 2),
        locks=(GilLockRow((0,), True, 5000, held, 212.0 + round(9 * _chance(tick, 2)), holder),),
        samples=min(500, PER_S * tick),
        window_s=min(5.0, float(tick)),
        moments=rounds,
        holder_call="running",
    )
    if kind in ("estimate", "denied"):
        return _unmeasured(row, kind)
    if kind == "off":
        off = row.locks[0]._replace(is_enabled=False, utilisation_pct=None, switches_per_s=None, holder=None)
        return row._replace(
            version="3.14", is_enabled=False, utilisation_pct=None, switches_per_s=None, waiters=None, locks=(off,)
        )
    if kind == "convoy":
        return row._replace(waiters=0.4, locks=(row.locks[0]._replace(holder=WORKERS[0]),))
    if kind == "subinterpreters":
        second = GilLockRow((1, 2), True, 5000, 40.0, 61.0, rounds[-1].holders[1] if rounds else None)
        return row._replace(locks=(row.locks[0], second), waiters=0.9)
    is_asleep = kind == "asleep" and holder == WORKERS[1]
    return row._replace(holder_call=READ if is_asleep else "running")


def _unmeasured(row: GilRow, kind: str) -> GilRow:
    unknown = row._replace(
        is_enabled=None,
        samples=0,
        holder_call=None,
        why_not=NO_PTRACE,
        remedy=REMEDY,
        utilisation_pct=None,
        switches_per_s=None,
        waiters=None,
        locks=(),
    )
    if kind == "denied":
        return unknown._replace(grade="none", version="")
    return unknown._replace(
        grade="estimate",
        samples=row.samples // 2,
        utilisation_pct=Estimate(97.0),
        waiters=Estimate(3.2),
        sleeps=SleepTally(21, 14, 2, 38, 1),
        verdict="gil",
    )


def _watched(shot: Snapshot, tick: int, kind: str) -> Snapshot:
    process = shot.processes[GUNICORN]
    threads = dict(process.threads)
    leader = threads[GUNICORN]
    threads[BLAS] = thread_row(
        BLAS,
        **{key: getattr(leader, key) for key in ("pid", "ppid", "user", "process", "command")},
        start_ticks=leader.start_ticks + 10,
        name="blas-0",
        cpu_pct=88.0,
        user_pct=87.0,
        system_pct=1.0,
        wait_pct=9.0,
        vol_per_s=12.0,
        invol_per_s=61.0,
        cpu_ns=(41 + tick) * SECOND_NS,
        last_cpu=3,
        state="R",
        wchan="",
        reason="running",
    )
    if kind not in ("denied", "off"):
        for tid, row in threads.items():
            found = _estimated_share(row, tick) if kind == "estimate" else _exact_share(row, tick, kind)
            has_waited = (found.wait_pct or 0.0) >= 50 and row.state == "S"
            threads[tid] = row._replace(
                gil=found,
                reason=waits.GIL if has_waited else row.reason,
                sampled=_sampled(row, found.wait_pct or 0.0),
            )
    made = process._replace(
        gil=_gil(tick, kind),
        threads=threads,
        thread_count=len(threads),
        moving=(*process.moving, BLAS),
        cpu_pct=(process.cpu_pct or 0.0) + 88.0,
    )
    now = shot._replace(
        processes={**shot.processes, GUNICORN: made},
        watch_pct=0.9,
        watch_per_s=float(PER_S),
        wait_watch_pct=0.6,
        wait_watch_per_s=25.0,
    )
    return now._replace(findings=findings.diagnose(now))


@lru_cache(maxsize=16)
def ticks(count: int = 14, kind: str = "exact") -> tuple[Snapshot, ...]:
    """The machine's snapshots, a second apart, with GUNICORN's GIL known as ``kind`` says from tick 1 on."""
    shots = scripted.ticks(count)
    return (shots[0], *(_watched(shot, tick, kind) for tick, shot in enumerate(shots[1:], 1)))
