"""What a sample says of the machine as a whole: frozen rows, found in ``snapshot`` too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class CgroupRow(NamedTuple):
    """CPU quota in cores and the share of periods in which the group was throttled, in %."""

    quota_cores: float
    throttled_pct: float | None


class HostRow(NamedTuple):
    """The machine over the last interval; CPU in % of one core each, None before two samples."""

    hostname: str
    boot_time: float
    uptime_s: float
    load: tuple[float, float, float]
    cpu: CpuShare | None
    cores: tuple[CpuShare, ...]
    switches_per_s: float | None
    memory_total_bytes: int
    memory_used_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int
    pressure_cpu: float | None
    pressure_io: float | None
    pressure_memory: float | None
    cgroup: CgroupRow | None


class CpuShare(NamedTuple):
    """Where the time of the machine or of one core went, in % of it; the rest was idle."""

    user_pct: float
    system_pct: float
    iowait_pct: float
    steal_pct: float

    @property
    def busy_pct(self) -> float:
        """User and system time together."""
        return self.user_pct + self.system_pct


class Totals(NamedTuple):
    """Sums over all rows of a snapshot."""

    processes: int
    threads: int
    thread_states: Mapping[str, int]
    process_states: Mapping[str, int]
    vol_per_s: float | None
    invol_per_s: float | None
    waiting_threads: int
    waiting_cores: float
