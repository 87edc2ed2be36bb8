"""What a sample means: frozen rows with rates, ready to be filtered, sorted and shown.

A rate is None until two samples exist, and where the kernel did not let us read its counter.  Rows
are shared between snapshots: a row that has not changed is the same object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.procfs.details import ProcessDetails
    from threadtop.sample import Cost

Key: TypeAlias = tuple[int, int, int]
"""Identity of a row over time: pid, tid (0 for a process), start time in ticks."""

Mark: TypeAlias = Literal["", "new", "gone"]


POLICIES: Mapping[int, str] = {0: "other", 1: "fifo", 2: "rr", 3: "batch", 5: "idle", 6: "dl", 7: "ext"}


class ThreadRow(NamedTuple):
    """One thread over the last interval; percentages are of one core, rates per second."""

    pid: int
    tid: int
    start_ticks: int
    ppid: int
    user: str
    process: str
    command: str
    name: str
    kernel: bool
    state: str
    cpu_pct: float | None
    user_pct: float | None
    system_pct: float | None
    wait_pct: float | None
    vol_per_s: float | None
    invol_per_s: float | None
    cpu_ns: int | None
    last_cpu: int
    priority: int
    nice: int
    rt_priority: int
    policy: int
    wchan: str | None
    reason: str | None
    mark: Mark

    @property
    def key(self) -> Key:
        """Identity over time: a reused tid has another start time."""
        return self.pid, self.tid, self.start_ticks

    @property
    def tid_hex(self) -> str:
        """The tid in hexadecimal, as a JVM's thread dump has it."""
        return f"{self.tid:#x}"

    @property
    def policy_name(self) -> str:
        """The scheduling policy's name (sched(7)), or its number."""
        return POLICIES.get(self.policy, str(self.policy))

    @property
    def is_idle(self) -> bool:
        """Whether it did nothing and wanted nothing in the interval."""
        return self.cpu_pct == 0 and not self.wait_pct and self.state in "SI" and not self.mark


class ProcessRow(NamedTuple):
    """A process: its threads' figures added up, and what they share.

    ``threads`` is by tid, ``moving`` the tids that are not at rest, ``states`` counts threads.
    ``cpu_pct`` comes from the process's CPU clock: the sum over its threads, ended ones included.
    """

    pid: int
    start_ticks: int
    ppid: int
    user: str
    uid: int | None
    process: str
    command: str
    kernel: bool
    state: str
    cpu_pct: float | None
    user_pct: float | None
    system_pct: float | None
    wait_pct: float | None
    vol_per_s: float | None
    invol_per_s: float | None
    cpu_ns: int | None
    rss_bytes: int
    vsize_bytes: int
    priority: int | None
    nice: int | None
    thread_count: int
    states: Mapping[str, int]
    threads: Mapping[int, ThreadRow]
    gone: tuple[ThreadRow, ...]
    moving: tuple[int, ...]
    mark: Mark

    @property
    def tid(self) -> int:
        """A process row has no thread: 0."""
        return 0

    @property
    def name(self) -> str:
        """The name of its main thread (``comm``)."""
        return self.process

    @property
    def key(self) -> Key:
        """Identity over time; tid 0 keeps it apart from its main thread."""
        return self.pid, 0, self.start_ticks

    @property
    def is_idle(self) -> bool:
        """Whether none of its threads did or wanted anything in the interval."""
        return not self.moving and not self.mark and not self.gone and not set(self.states) - {"S", "I"}


class GroupRow(NamedTuple):
    """Several rows under one heading, their figures added up; ``label`` is what they have in common."""

    label: str
    members: tuple[Row, ...]
    user: str
    state: str
    cpu_pct: float | None
    user_pct: float | None
    system_pct: float | None
    wait_pct: float | None
    vol_per_s: float | None
    invol_per_s: float | None
    cpu_ns: int | None

    @property
    def key(self) -> Key:
        """Identity over time: the label's hash, under a pid that no process has."""
        return self.pid, 0, hash(self.label)

    @property
    def pid(self) -> int:
        """A group has none: -1."""
        return -1

    @property
    def tid(self) -> int:
        """A group has none: 0."""
        return 0

    @property
    def thread_count(self) -> int:
        """How many rows it stands for."""
        return len(self.members)

    @property
    def process(self) -> str:
        """What it is found by."""
        return self.label

    @property
    def name(self) -> str:
        """What it is found by."""
        return self.label

    @property
    def command(self) -> str:
        """How the heading reads."""
        return f"{len(self.members)} x {self.label}"

    @property
    def mark(self) -> Mark:
        """Groups are not marked."""
        return ""

    @property
    def kernel(self) -> bool:
        """Whether its members are kernel threads."""
        return all(row.kernel for row in self.members)

    @property
    def is_idle(self) -> bool:
        """Whether all of its members are."""
        return all(row.is_idle for row in self.members)


Row: TypeAlias = ThreadRow | ProcessRow | GroupRow


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


class Snapshot(NamedTuple):
    """One moment as shown: ``time`` is wall clock in s, ``interval_s`` None for a first sample."""

    time: float
    interval_s: float | None
    host: HostRow
    totals: Totals
    processes: Mapping[int, ProcessRow]
    gone: tuple[ProcessRow, ...]
    cost: Cost
    own_cpu_pct: float | None
    notes: tuple[str, ...]
    details: Mapping[int, ProcessDetails] = {}
    findings: tuple[()] = ()
