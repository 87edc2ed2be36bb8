"""What a recording takes: a thousand threads of which fifty run in each second, with all looks, at 1 s for an hour."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from builders import COST, host_sample, process_sample, sample, thread_sample
from threadtop.blocked import BlockedOn, LockSample, LocksSample, LockWait, WaitSample, WaitTally
from threadtop.moment import Moment
from threadtop.rates import SECOND_NS
from threadtop.recording.writer import Writer, created
from threadtop.sample import CpuTimes, GilLock, GilMoment, GilSample, GilTally, WatchCost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.sample import ProcessSample, Sample

THREADS, ACTIVE, TICKS = 1000, 50, 180
MOST_BYTES = 50_000_000  # of an hour


def hour(ticks: int = TICKS) -> Iterator[Moment]:
    """A Python server of a thousand threads, beside fifty small processes; every number moves as real ones do."""
    seed = 1

    def noise(below: int) -> int:
        nonlocal seed
        seed = (seed * 1103515245 + 12345) % 2**31
        return (seed >> 8) % below

    server = {tid: thread_sample(tid, start_ticks=tid, name=f"worker-{tid % 37}") for tid in range(100, 100 + THREADS)}
    others = {pid: process_sample(pid, start_ticks=pid, cpu_ns=noise(10**12)) for pid in range(5000, 5050)}
    waits = {tid: WaitTally(0, {}) for tid in server}
    gils = {tid: GilTally(True, 0, 0, 0, 0, 0, 0) for tid in server}
    for tick in range(ticks):
        at_ns = tick * SECOND_NS
        ran = {100 + (tick * 7 + at * 17 + noise(3)) % THREADS for at in range(ACTIVE)}
        for tid in ran:
            was = server[tid]
            server[tid] = was._replace(
                run_ns=(was.run_ns or 0) + noise(900_000_000),
                wait_ns=(was.wait_ns or 0) + noise(90_000_000),
                utime_ticks=was.utime_ticks + noise(80),
                stime_ticks=was.stime_ticks + noise(20),
                vol=(was.vol or 0) + noise(2000),
                invol=(was.invol or 0) + noise(100),
                state="SSSD"[noise(4)],
                last_cpu=noise(64),
                wchan=("futex_wait_queue", "ep_poll", None)[noise(3)],
                at_ns=at_ns + noise(20_000_000),
            )
        for tid in range(100 + tick % 40, 100 + THREADS, 40):  # those that were read again in their turn
            server[tid] = server[tid]._replace(at_ns=at_ns + noise(20_000_000))
        for tid, tally in gils.items():
            moved, looks, rounds = noise(30) if tid in ran else 0, 3 + noise(2), 97 + noise(6)
            gils[tid] = tally._replace(
                looks=tally.looks + looks, held=tally.held + moved, blocked=tally.blocked + rounds - moved
            )
        for tid, one in waits.items():
            poll, lock = one.rounds.get("poll", 0) + 25, one.rounds.get("lock", 0) + (noise(9) if tid in ran else 0)
            waits[tid] = WaitTally(one.looks + 1, {"lock": lock, "poll": poll})
        for pid in range(5000 + tick % 10, 5050, 10):
            others[pid] = others[pid]._replace(cpu_ns=(others[pid].cpu_ns or 0) + noise(10**8), at_ns=at_ns)
        process = process_sample(100, *server.values(), cpu_ns=tick * 10**9 + noise(10**8), at_ns=at_ns)
        yield Moment(_with_looks(tick, [process, *others.values()], gils, waits, noise(100)), {}, ())


def _with_looks(
    tick: int,
    processes: list[ProcessSample],
    gils: dict[int, GilTally],
    waits: dict[int, WaitTally],
    chance: int,
) -> Sample:
    at_ns = tick * SECOND_NS
    rounds = tuple(GilMoment(at_ns - back * 10**7 + chance, (100 + (back * 7 + chance) % 50,)) for back in range(100))
    lock = GilLock((0,), True, 5000, 100 * tick, 97 * tick, 200 * tick + chance)
    gil = GilSample(100, 1000, "exact", "", "", "3.12.3", 1, at_ns, True, (lock,), dict(gils), rounds, "running")
    cores = tuple(CpuTimes(tick * 0.37 + core, tick * 0.11, 0.5, 0.0, tick * 0.52) for core in range(8))
    locks = tuple(
        LockSample(
            4096 * tid,
            "",
            "unknown",
            None,
            None,
            False,
            (LockWait(tid, at_ns if is_new else 0, False, None, True, not is_new),),
        )
        for tid, is_new in ((tid, (tid + tick) % 20 == 0) for tid in range(100, 100 + 256))
    )
    return sample(
        float(tick),
        *processes,
        host=host_sample(cores=cores, cpu=cores[0], switches=tick * 123_456 + chance, pressure_cpu=chance / 100),
        cost=COST._replace(own_cpu_ns=tick * 12_345_678, reads={"stat": tick * 60, "schedstat": tick * 170}),
    )._replace(
        gils={100: gil},
        waits={100: WaitSample(100, 1000, 1, at_ns, "", "", dict(waits), tells_gil=True)},
        locks={100: LocksSample(100, 1000, at_ns, "", "", locks, 700)},
        blocked={
            **{(100, tid): BlockedOn("futex", futex=4096 * tid) for tid in range(100, 140)},
            **{(100, tid): BlockedOn("clock_nanosleep", until_ns=at_ns + tid * chance**3) for tid in range(140, 190)},
        },
        watch=WatchCost(tick * 10**7, 99.0),
        wait_watch=WatchCost(tick * 10**6, 25.0),
    )


def test_an_hour_of_a_thousand_threads_stays_under_50_mb(tmp_path: Path) -> None:
    """A twentieth of it: the size is that of the numbers, and grows with the ticks, not with the threads at rest."""
    path = tmp_path / "a"
    out = Writer(created(path), path)
    for moment in hour():
        out.add(moment)
    out.close()
    assert path.stat().st_size < MOST_BYTES / 3600 * TICKS


if __name__ == "__main__":
    target = Path(sys.argv[1])
    whole = Writer(created(target), target)
    for made in hour(int(sys.argv[2])):
        whole.add(made)
    whole.close()
