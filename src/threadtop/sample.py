"""What the kernel said in one pass: raw counters with monotonic stamps, nothing derived.

Objects are shared between samples: a thread or process that has not changed since the last pass is
the same object in both, so that the work per pass grows with what moved.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.procfs.details import ProcessDetails

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")  # of utime and stime in stat


class ThreadSample(NamedTuple):
    """One thread's counters, read at ``at_ns``; None is not read or not allowed.

    Sources: ``stat`` (name, state, ticks, priorities, last CPU), ``schedstat`` (ns), ``status``
    (switches), ``wchan``, all of ``/proc/PID/task/TID``; see proc(5).
    """

    tid: int
    start_ticks: int
    name: str
    state: str
    run_ns: int | None
    wait_ns: int | None
    utime_ticks: int
    stime_ticks: int
    vol: int | None
    invol: int | None
    priority: int
    nice: int
    rt_priority: int
    policy: int
    last_cpu: int
    wchan: str | None
    at_ns: int


class ProcessSample(NamedTuple):
    """One process: what its threads share, and its threads by tid.

    ``cpu_ns`` is its CPU clock (None without one), ``at_ns`` when that was read.  ``uid`` is None
    where ``status`` could not be read.
    """

    pid: int
    start_ticks: int
    ppid: int
    uid: int | None
    name: str
    command: str
    kernel: bool
    state: str
    cpu_ns: int | None
    rss_bytes: int
    vsize_bytes: int
    at_ns: int
    threads: dict[int, ThreadSample]


class CpuTimes(NamedTuple):
    """CPU seconds since boot, of the machine or one core (``/proc/stat``)."""

    user: float
    system: float
    iowait: float
    steal: float
    idle: float


class CgroupSample(NamedTuple):
    """The CPU quota of threadtop's own cgroup, in cores, and how often it was throttled."""

    quota_cores: float
    periods: int
    throttled: int


class HostSample(NamedTuple):
    """The machine: counters since boot and momentary values; None where the kernel has none."""

    hostname: str
    boot_time: float
    load: tuple[float, float, float]
    cpu: CpuTimes
    cores: tuple[CpuTimes, ...]
    switches: int
    memory_total_bytes: int
    memory_used_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int
    pressure_cpu: float | None
    pressure_io: float | None
    pressure_memory: float | None
    cgroup: CgroupSample | None


class Cost(NamedTuple):
    """What the pass itself cost: wall ns, own CPU ns so far, reads by file name, descriptors kept."""

    pass_ns: int
    own_cpu_ns: int
    reads: dict[str, int]
    descriptors: int


class Sample(NamedTuple):
    """One pass over the machine: monotonic ``at_ns`` at its start and wall clock ``time`` in s.

    ``users`` names the uids that occur, ``details`` holds the processes whose overview is open, ``notes``
    say what could not be read and why.
    """

    at_ns: int
    time: float
    host: HostSample
    processes: dict[int, ProcessSample]
    users: Mapping[int, str]
    details: Mapping[int, ProcessDetails]
    cost: Cost
    notes: tuple[str, ...]
