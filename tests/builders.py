"""Samples and snapshots by value: small builders whose defaults are a quiet machine.

Sample level (raw counters, for rates): thread_sample, process_sample, host_sample, sample, ran, played.
Snapshot level (rows as shown, for tables, screens and pictures): thread_row, process_row, host_row, snapshot.
Every builder takes the fields of its record by name.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from threadtop import rates
from threadtop.rates import SECOND_NS
from threadtop.sample import Cost, CpuTimes, HostSample, ProcessSample, Sample, ThreadSample
from threadtop.snapshot import CpuShare, HostRow, ProcessRow, Snapshot, ThreadRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MS_NS = 1_000_000
RATES = ("cpu_pct", "user_pct", "system_pct", "wait_pct", "vol_per_s", "invol_per_s")
AT_REST = (0.0,) * 6
NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
USERS = {0: "root", 1000: "www"}

COST = Cost(pass_ns=2 * MS_NS, own_cpu_ns=0, reads={"stat": 3}, descriptors=4)

_THREAD = ThreadSample(
    tid=100,
    start_ticks=1000,
    name="worker",
    state="S",
    run_ns=0,
    wait_ns=0,
    utime_ticks=0,
    stime_ticks=0,
    vol=0,
    invol=0,
    priority=20,
    nice=0,
    rt_priority=0,
    policy=0,
    last_cpu=0,
    wchan=None,
    at_ns=0,
)
_PROCESS = ProcessSample(
    pid=100,
    start_ticks=1000,
    ppid=1,
    uid=1000,
    name="server",
    command="/usr/bin/server --port 80",
    kernel=False,
    state="S",
    cpu_ns=0,
    rss_bytes=64 << 20,
    vsize_bytes=1 << 30,
    at_ns=0,
    threads={},
)
_HOST = HostSample(
    hostname="box",
    boot_time=NOON - 3600,
    load=(0.5, 0.25, 0.1),
    cpu=CpuTimes(0.0, 0.0, 0.0, 0.0, 0.0),
    cores=(CpuTimes(0.0, 0.0, 0.0, 0.0, 0.0),) * 2,
    switches=0,
    memory_total_bytes=8 << 30,
    memory_used_bytes=2 << 30,
    swap_total_bytes=0,
    swap_used_bytes=0,
    pressure_cpu=None,
    pressure_io=None,
    pressure_memory=None,
    cgroup=None,
)
_THREAD_ROW = ThreadRow(
    pid=100,
    tid=100,
    start_ticks=1000,
    ppid=1,
    user="www",
    process="server",
    command="/usr/bin/server --port 80",
    name="worker",
    kernel=False,
    state="S",
    cpu_pct=0.0,
    user_pct=0.0,
    system_pct=0.0,
    wait_pct=0.0,
    vol_per_s=0.0,
    invol_per_s=0.0,
    cpu_ns=0,
    last_cpu=0,
    priority=20,
    nice=0,
    rt_priority=0,
    policy=0,
    wchan=None,
    reason=None,
    mark="",
)
_HOST_ROW = HostRow(
    hostname="box",
    boot_time=NOON - 3600,
    uptime_s=3600.0,
    load=(0.5, 0.25, 0.1),
    cpu=CpuShare(12.5, 2.5, 0.0, 0.0),
    cores=(CpuShare(25.0, 5.0, 0.0, 0.0), CpuShare(0.0, 0.0, 0.0, 0.0)),
    switches_per_s=1234.0,
    memory_total_bytes=8 << 30,
    memory_used_bytes=2 << 30,
    swap_total_bytes=0,
    swap_used_bytes=0,
    pressure_cpu=None,
    pressure_io=None,
    pressure_memory=None,
    cgroup=None,
)


# -- samples: what the kernel said -------------------------------------------------------------


def thread_sample(tid: int = 100, **said: object) -> ThreadSample:
    """A sleeping thread that has never run."""
    return _THREAD._replace(tid=tid, **said)


def ran(
    thread: ThreadSample, at_s: float, *, run_ms: float = 0, wait_ms: float = 0, vol: int = 0, invol: int = 0
) -> ThreadSample:
    """The thread read again at ``at_s`` after it ran, waited and switched so much more."""
    return thread._replace(
        at_ns=round(at_s * SECOND_NS),
        run_ns=None if thread.run_ns is None else thread.run_ns + round(run_ms * MS_NS),
        wait_ns=None if thread.wait_ns is None else thread.wait_ns + round(wait_ms * MS_NS),
        vol=None if thread.vol is None else thread.vol + vol,
        invol=None if thread.invol is None else thread.invol + invol,
    )


def process_sample(pid: int = 100, *threads: ThreadSample, **said: object) -> ProcessSample:
    """A process of these threads; without any, of its main thread alone."""
    by_tid = {thread.tid: thread for thread in threads or (thread_sample(pid),)}
    return _PROCESS._replace(pid=pid, threads=by_tid, **said)


def host_sample(**said: object) -> HostSample:
    """A machine of two cores that has done nothing since boot."""
    return _HOST._replace(**said)


def sample(
    at_s: float,
    *processes: ProcessSample,
    host: HostSample = _HOST,
    users: Mapping[int, str] | None = None,
    cost: Cost = COST,
    notes: tuple[str, ...] = (),
    is_whole: bool = True,
) -> Sample:
    """One pass, ``at_s`` seconds after NOON and after the monotonic clock's beginning."""
    return Sample(
        at_ns=round(at_s * SECOND_NS),
        time=NOON + at_s,
        host=host,
        processes={process.pid: process for process in processes},
        users=USERS if users is None else users,
        cost=cost,
        notes=notes,
        is_whole=is_whole,
    )


def played(*samples: Sample) -> list[Snapshot]:
    """Samples to snapshots as the feed makes them, each handing its rows to the next."""
    shots: list[Snapshot] = []
    for before, now in zip((None, *samples), samples, strict=False):
        shots.append(rates.snapshot(before, now, shots[-1] if shots else None))
    return shots


# -- snapshots: what is shown ------------------------------------------------------------------


def thread_row(tid: int = 100, **shown: object) -> ThreadRow:
    """A thread at rest; on its own it is a main thread (process_row gives it its process)."""
    return _THREAD_ROW._replace(**{"tid": tid, "pid": tid, **shown})


def process_row(pid: int = 100, *threads: ThreadRow, **shown: object) -> ProcessRow:
    """A process of these threads, its figures added up; what is given by name stands instead.

    ``process``, ``command``, ``user``, ``ppid`` and ``kernel`` are handed on to the threads.
    """
    said = {"process": "server", "command": "/usr/bin/server --port 80", "user": "www", "ppid": 1, "kernel": False}
    said |= {key: value for key, value in shown.items() if key in said}
    rows = {row.tid: row._replace(pid=pid, **said) for row in threads or (thread_row(pid),)}
    leader = rows.get(pid)
    values = {
        "pid": pid,
        "start_ticks": 1000,
        "uid": next((uid for uid, name in USERS.items() if name == said["user"]), None),
        "state": leader.state if leader else "S",
        **{key: _sum(getattr(row, key) for row in rows.values()) for key in (*RATES, "cpu_ns")},
        "rss_bytes": 64 << 20,
        "vsize_bytes": 1 << 30,
        "priority": leader.priority if leader else None,
        "nice": leader.nice if leader else None,
        "thread_count": len(rows),
        "states": Counter(row.state for row in rows.values()),
        "threads": rows,
        "gone": (),
        "moving": tuple(tid for tid, row in rows.items() if rates._is_moving(row)),
        "mark": "",
        **said,
    }
    return ProcessRow(**{**values, **shown})


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def host_row(**shown: object) -> HostRow:
    """A machine of two cores, the first at 30 %."""
    return _HOST_ROW._replace(**shown)


def rates_of(row: ThreadRow | ProcessRow) -> tuple[float | None, ...]:
    """All six rates of a row."""
    return tuple(getattr(row, key) for key in RATES)


def snapshot(*processes: ProcessRow, **shown: object) -> Snapshot:
    """One moment at NOON, after an interval of 1 s; the totals are those of the processes."""
    values = {
        "time": NOON,
        "interval_s": 1.0,
        "host": _HOST_ROW,
        "totals": rates.totals(processes),
        "processes": {process.pid: process for process in processes},
        "gone": (),
        "cost": COST,
        "own_cpu_pct": 0.5,
        "notes": (),
    }
    return Snapshot(**{**values, **shown})
