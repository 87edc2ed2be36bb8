"""Two samples to a snapshot: pure, keyed by tid and start time.

Every rate divides by the measured gap between the two readings of that thread.  A thread that the
sampler proved not to have run is the same object in both samples; it was unchanged up to the later
pass, so the gap of its next run begins there.
"""

from __future__ import annotations

from collections import Counter
from itertools import compress
from operator import attrgetter, is_not
from typing import TYPE_CHECKING, Final

from threadtop import waits
from threadtop.snapshot import CgroupRow, CpuShare, HostRow, ProcessRow, Snapshot, ThreadRow, Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.sample import CgroupSample, CpuTimes, HostSample, ProcessSample, Sample, ThreadSample
    from threadtop.snapshot import Mark

_STATE: Final = attrgetter("state")
_HEADING: Final = attrgetter("command", "name", "uid", "ppid")  # what the rows of threads repeat of their process
_SUMMED: Final = ("user_pct", "system_pct", "wait_pct", "vol_per_s", "invol_per_s")
_RATES: Final = attrgetter(*_SUMMED)
SECOND_NS: Final = 1_000_000_000
FEW_TICKS: Final = 10  # so few samples in an interval say little about how user and system time divide
CORE_PCT: Final = 100.0  # a thread cannot use more than one core: more is the coarseness of the clock
WAITING_PCT: Final = 5.0  # run-queue wait from which a thread counts as waiting for a CPU


def snapshot(before: Sample | None, now: Sample, last: Snapshot | None = None) -> Snapshot:
    """What ``now`` means, with rates since ``before``.

    ``last`` is the snapshot made of ``before``; it is only used to hand unchanged rows on.
    """
    rows: dict[int, ProcessRow] = {}
    for pid, process in now.processes.items():
        old = before.processes.get(pid) if before else None
        if old is not None and old.start_ticks != process.start_ticks:
            old = None
        old_row = last.processes.get(pid) if last and old is not None else None
        if old_row is not None and old is process and _is_at_rest(old_row):
            rows[pid] = old_row
        else:
            rows[pid] = _process_row(process, old, old_row, now, before)
    gone: tuple[ProcessRow, ...] = ()
    if last is not None:
        gone = tuple(
            _gone_process(row)
            for pid, row in last.processes.items()
            if pid not in rows or rows[pid].start_ticks != row.start_ticks
        )
    interval_ns = now.at_ns - before.at_ns if before else None
    own_cpu_pct = None
    if before and interval_ns:
        own_cpu_pct = (now.cost.own_cpu_ns - before.cost.own_cpu_ns) / interval_ns * 100
    return Snapshot(
        time=now.time,
        interval_s=interval_ns / SECOND_NS if interval_ns else None,
        host=_host_row(now.host, before.host if before else None, now.time, interval_ns),
        totals=totals(rows.values()),
        processes=rows,
        gone=gone,
        cost=now.cost,
        own_cpu_pct=own_cpu_pct,
        notes=now.notes,
        inside=now.inside,
    )


def _is_at_rest(row: ProcessRow) -> bool:
    """Whether the row will be the same after an interval of rest.

    The clock of a process and the counters of its threads are read one after the other: the clock
    may have moved although no thread has.
    """
    return row.cpu_pct == 0 and not (row.moving or row.gone or row.mark)


def _gone_process(row: ProcessRow) -> ProcessRow:
    """An ended process; its threads ended with it, and those that ended before have been shown."""
    threads = {tid: thread._replace(mark="gone") for tid, thread in row.threads.items()}
    return row._replace(mark="gone", threads=threads, gone=())


def _process_row(
    process: ProcessSample, old: ProcessSample | None, old_row: ProcessRow | None, now: Sample, before: Sample | None
) -> ProcessRow:
    user = now.users.get(process.uid, str(process.uid)) if process.uid is not None else "?"
    threads = process.threads
    rows: dict[int, ThreadRow] = {}
    changed: Iterable[int] = threads
    if old_row is not None and old is not None and _HEADING(old) == _HEADING(process):
        rows = dict(old_row.threads)
        changed = _changed(old.threads, threads, old_row.moving)
    old_threads: Mapping[int, ThreadSample] = old.threads if old else {}
    since_ns = before.at_ns if before else 0
    has_arrived = False
    for tid in changed:
        thread, old_thread = threads[tid], old_threads.get(tid)
        if old_thread is not None and old_thread.start_ticks != thread.start_ticks:
            old_thread = None  # another thread under a tid that was free again
        has_arrived |= old_thread is None
        mark: Mark = "new" if before is not None and old_thread is None else ""
        rows[tid] = _thread_row(process, user, old_thread, thread, since_ns, mark)
    gone: tuple[ThreadRow, ...] = ()
    if old_row is not None and (has_arrived or len(old_row.threads) != len(threads)):
        for tid in rows.keys() - threads.keys():
            del rows[tid]
        gone = tuple(
            row._replace(mark="gone")
            for tid, row in old_row.threads.items()
            if tid not in rows or rows[tid].start_ticks != row.start_ticks
        )
    moving = tuple(tid for tid in changed if _is_moving(rows[tid]))
    active = [rows[tid] for tid in moving]
    leader = threads.get(process.pid)
    sums: list[float | None] = [None] * len(_SUMMED) if old is None else [0.0] * len(_SUMMED)
    if old is not None and active:
        sums = [_sum(values) for values in zip(*map(_RATES, active), strict=True)]
    user_pct, system_pct, wait_pct, vol_per_s, invol_per_s = sums
    return ProcessRow(
        pid=process.pid,
        start_ticks=process.start_ticks,
        ppid=process.ppid,
        user=user,
        uid=process.uid,
        process=process.name,
        command=process.command,
        kernel=process.kernel,
        state=process.state,
        cpu_pct=_process_cpu_pct(process, old, since_ns, active),
        user_pct=user_pct,
        system_pct=system_pct,
        wait_pct=wait_pct,
        vol_per_s=vol_per_s,
        invol_per_s=invol_per_s,
        cpu_ns=process.cpu_ns if process.cpu_ns is not None else _sum_ns(threads.values()),
        rss_bytes=process.rss_bytes,
        vsize_bytes=process.vsize_bytes,
        priority=leader.priority if leader else None,
        nice=leader.nice if leader else None,
        thread_count=len(threads),
        states=Counter(map(_STATE, rows.values())),
        threads=rows,
        gone=gone,
        moving=moving,
        mark="new" if before is not None and old is None else "",
    )


def _changed(old: Mapping[int, ThreadSample], new: Mapping[int, ThreadSample], moving: tuple[int, ...]) -> list[int]:
    """The tids whose sample is another object than before, and those that did not rest then."""
    if len(old) == len(new) and old.keys() == new.keys():
        changed = list(compress(new, map(is_not, new.values(), old.values())))
    else:
        changed = [tid for tid, thread in new.items() if old.get(tid) is not thread]
    seen = set(changed)
    changed.extend(tid for tid in moving if tid in new and tid not in seen)
    return changed


def _is_moving(row: ThreadRow) -> bool:
    """Whether its row will differ after an interval of rest; a runnable thread's rest is waiting."""
    return row.cpu_pct != 0 or row.state == "R" or bool(row.wait_pct or row.vol_per_s or row.invol_per_s or row.mark)


def _thread_row(
    process: ProcessSample, user: str, old: ThreadSample | None, now: ThreadSample, since_ns: int, mark: Mark
) -> ThreadRow:
    cpu_pct = user_pct = system_pct = wait_pct = vol_per_s = invol_per_s = None
    if old is not None:
        gap_ns = now.at_ns - max(old.at_ns, since_ns)
        has_rested = old.run_ns is not None and old.run_ns == now.run_ns
        if has_rested and (old.vol is None or (old.vol, old.invol) == (now.vol, now.invol)):
            cpu_pct = user_pct = system_pct = 0.0
            wait_pct = _resting_wait_pct(old, now)
            # By ticks alone (no schedstat) a thread that seems to rest may have run for less than one.
            vol_per_s = invol_per_s = 0.0 if wait_pct is not None or old.vol is not None else None
        elif gap_ns > 0:
            cpu_pct = _share_pct(old.run_ns, now.run_ns, gap_ns)
            wait_pct = _share_pct(old.wait_ns, now.wait_ns, gap_ns)
            vol_per_s = _per_s(old.vol, now.vol, gap_ns)
            invol_per_s = _per_s(old.invol, now.invol, gap_ns)
            user_pct, system_pct = _split(old, now, cpu_pct)
    return ThreadRow(
        process.pid,
        now.tid,
        now.start_ticks,
        process.ppid,
        user,
        process.name,
        process.command,
        now.name,
        process.kernel,
        now.state,
        cpu_pct,
        user_pct,
        system_pct,
        wait_pct,
        vol_per_s,
        invol_per_s,
        now.run_ns,
        now.last_cpu,
        now.priority,
        now.nice,
        now.rt_priority,
        now.policy,
        now.wchan,
        waits.reason(now.state, now.wchan, cpu_pct, wait_pct, kernel=process.kernel),
        mark,
    )


def _resting_wait_pct(old: ThreadSample, now: ThreadSample) -> float | None:
    """A thread that is runnable and has not run has waited for a CPU all the time.

    Its wait counter says so only once it is put on one (sched_info_arrive, kernel/sched/stats.h).
    """
    if now.wait_ns is None:
        return None
    return CORE_PCT if old.state == now.state == "R" else 0.0


def _share_pct(old_ns: int | None, now_ns: int | None, gap_ns: int) -> float | None:
    if old_ns is None or now_ns is None:
        return None
    return min(CORE_PCT, max(0.0, (now_ns - old_ns) / gap_ns * 100))


def _per_s(old: int | None, now: int | None, gap_ns: int) -> float | None:
    if old is None or now is None:
        return None
    return max(0, now - old) / gap_ns * SECOND_NS


def _split(old: ThreadSample, now: ThreadSample, cpu_pct: float | None) -> tuple[float | None, float | None]:
    """User and system part of ``cpu_pct`` by the kernel's ticks: of the interval, or of its life if those are few."""
    user, system = now.utime_ticks - old.utime_ticks, now.stime_ticks - old.stime_ticks
    if user + system < FEW_TICKS:
        user, system = now.utime_ticks, now.stime_ticks
    if cpu_pct is None or user + system <= 0:
        return None, None
    return cpu_pct * user / (user + system), cpu_pct * system / (user + system)


def _process_cpu_pct(
    process: ProcessSample, old: ProcessSample | None, since_ns: int, active: list[ThreadRow]
) -> float | None:
    if old is None:
        return None
    if process.cpu_ns is None or old.cpu_ns is None:
        return _sum(row.cpu_pct for row in active)
    gap_ns = process.at_ns - max(old.at_ns, since_ns)
    return max(0.0, (process.cpu_ns - old.cpu_ns) / gap_ns * 100) if gap_ns > 0 else 0.0


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum of what is known; None where something moved and nothing of it is known."""
    total, known, unknown = 0.0, False, False
    for value in values:
        if value is None:
            unknown = True
        else:
            total, known = total + value, True
    return None if unknown and not known else total


def _sum_ns(threads: Iterable[ThreadSample]) -> int | None:
    known = [thread.run_ns for thread in threads if thread.run_ns is not None]
    return sum(known) if known else None


def totals(rows: Iterable[ProcessRow]) -> Totals:
    """What these processes come to together."""
    processes = threads = waiting = 0
    waiting_pct = 0.0
    vol: float | None = None
    invol: float | None = None
    thread_states: dict[str, int] = {}
    process_states: dict[str, int] = {}
    for row in rows:
        processes += 1
        threads += row.thread_count
        for state, count in row.states.items():
            thread_states[state] = thread_states.get(state, 0) + count
        process_states[row.state] = process_states.get(row.state, 0) + 1
        if row.vol_per_s is not None:
            vol = (vol or 0.0) + row.vol_per_s
        if row.invol_per_s is not None:
            invol = (invol or 0.0) + row.invol_per_s
        for tid in row.moving:
            wait_pct = row.threads[tid].wait_pct
            if wait_pct:
                waiting_pct += wait_pct
                waiting += wait_pct >= WAITING_PCT
    return Totals(processes, threads, thread_states, process_states, vol, invol, waiting, waiting_pct / 100)


def _host_row(now: HostSample, before: HostSample | None, time: float, interval_ns: int | None) -> HostRow:
    switches_per_s = None
    cpu = None
    cores: tuple[CpuShare, ...] = ()
    if before is not None and interval_ns:
        switches_per_s = _per_s(before.switches, now.switches, interval_ns)
        cpu = _cpu_share(before.cpu, now.cpu)
        if len(before.cores) == len(now.cores):
            cores = tuple(map(_cpu_share, before.cores, now.cores))
    return HostRow(
        hostname=now.hostname,
        boot_time=now.boot_time,
        uptime_s=max(0.0, time - now.boot_time),
        load=now.load,
        cpu=cpu,
        cores=cores,
        switches_per_s=switches_per_s,
        memory_total_bytes=now.memory_total_bytes,
        memory_used_bytes=now.memory_used_bytes,
        swap_total_bytes=now.swap_total_bytes,
        swap_used_bytes=now.swap_used_bytes,
        pressure_cpu=now.pressure_cpu,
        pressure_io=now.pressure_io,
        pressure_memory=now.pressure_memory,
        cgroup=_cgroup_row(now.cgroup, before.cgroup if before else None),
    )


def _cpu_share(before: CpuTimes, now: CpuTimes) -> CpuShare:
    spent = [max(0.0, late - early) for early, late in zip(before, now, strict=True)]
    total = sum(spent) or 1.0
    user, system, iowait, steal, _idle = (part / total * 100 for part in spent)
    return CpuShare(user, system, iowait, steal)


def _cgroup_row(now: CgroupSample | None, before: CgroupSample | None) -> CgroupRow | None:
    if now is None:
        return None
    throttled_pct = None
    if before is not None:
        periods = now.periods - before.periods
        throttled_pct = (now.throttled - before.throttled) / periods * 100 if periods > 0 else 0.0
    return CgroupRow(now.quota_cores, throttled_pct)
