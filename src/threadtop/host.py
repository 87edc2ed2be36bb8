"""The machine's own figures, from psutil where it has them and from /proc and cgroupfs where not."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from typing import TYPE_CHECKING, Any, Final

import psutil

from threadtop import cgroups
from threadtop.procfs import parse
from threadtop.sample import CgroupSample, CpuTimes, HostSample

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.procfs.reader import ProcReader

SWAP_PASSES: Final = 8  # swap moves slowly, and psutil reads all of vmstat for it


class HostReader:
    """Reads a HostSample a pass; what cannot change is read once."""

    def __init__(self, reader: ProcReader) -> None:
        """Pressure and the cgroup's name are read through ``reader``."""
        self._reader = reader
        self._hostname = socket.gethostname()
        self._boot_time = psutil.boot_time()
        self._cgroup = find_cgroup(reader)
        self._passes = 0
        self._swap = psutil.swap_memory()

    def read(self) -> HostSample:
        """The machine now; counters are since boot."""
        memory = psutil.virtual_memory()
        self._passes += 1
        if self._passes % SWAP_PASSES == 0:
            self._swap = psutil.swap_memory()
        cores = tuple(map(_cpu_times, psutil.cpu_times(percpu=True)))
        return HostSample(
            hostname=self._hostname,
            boot_time=self._boot_time,
            load=os.getloadavg(),
            cpu=CpuTimes(*map(sum, zip(*cores, strict=True))),
            cores=cores,
            switches=psutil.cpu_stats().ctx_switches,
            memory_total_bytes=memory.total,
            memory_used_bytes=memory.used,
            swap_total_bytes=self._swap.total,
            swap_used_bytes=self._swap.used,
            pressure_cpu=self._pressure("cpu"),
            pressure_io=self._pressure("io"),
            pressure_memory=self._pressure("memory"),
            cgroup=read_cgroup(self._cgroup) if self._cgroup else None,
        )

    def _pressure(self, what: str) -> float | None:
        raw = self._reader.read_global(f"pressure/{what}")
        try:
            return parse.parse_pressure(raw).some_avg10 if raw else None
        except (ValueError, KeyError, IndexError):
            return None  # not as Documentation/accounting/psi.rst has it: unknown


def _cpu_times(times: Any) -> CpuTimes:  # noqa: ANN401 psutil's tuple differs by kernel
    return CpuTimes(
        times.user + times.nice,
        times.system + times.irq + times.softirq,
        times.iowait,
        times.steal,
        times.idle,
    )


def user_name(uid: int) -> str:
    """The login name of a uid, or the number where nobody has it (getpwuid(3))."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The name of a gid, or the number where nobody has it (getgrgid(3))."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def find_cgroup(reader: ProcReader, root: Path = cgroups.ROOT) -> Path | None:
    """The folder of our own cpu cgroup, v2 or v1, or None where there is no quota to read (cgroups(7))."""
    raw = reader.read_global("self/cgroup")
    return cgroups.folder(parse.parse_cgroups(raw), root) if raw else None


def read_cgroup(folder: Path) -> CgroupSample | None:
    """Quota and throttling of a cgroup; None where it has no quota."""
    use = cgroups.use(folder)
    return CgroupSample(use.quota_cores, use.periods, use.throttled) if use else None
