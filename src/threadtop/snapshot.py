"""What a sample means: frozen rows with rates, ready to be filtered, sorted and shown.

A rate is None until two samples exist, and where the kernel did not let us read its counter.  Rows
are shared between snapshots: a row that has not changed is the same object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from threadtop import roles, time_rows
from threadtop.gil_rows import Estimate as Estimate  # noqa: PLC0414 these are found here, too
from threadtop.gil_rows import GilLockRow as GilLockRow  # noqa: PLC0414
from threadtop.gil_rows import GilRow as GilRow  # noqa: PLC0414
from threadtop.gil_rows import GilShare as GilShare  # noqa: PLC0414
from threadtop.host_rows import CgroupRow as CgroupRow  # noqa: PLC0414
from threadtop.host_rows import CpuShare as CpuShare  # noqa: PLC0414
from threadtop.host_rows import HostRow as HostRow  # noqa: PLC0414, TC001
from threadtop.host_rows import Totals as Totals  # noqa: PLC0414, TC001
from threadtop.procfs import reasons
from threadtop.sample import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from threadtop.blocked import BlockedOn
    from threadtop.circumstances import Circumstances
    from threadtop.inside.asked import Found
    from threadtop.lock_rows import LocksRow
    from threadtop.sample import Cost
    from threadtop.time_rows import TimeShare

Key: TypeAlias = tuple[int, int, int]
"""Identity of a row over time: pid, tid (0 for a process), start time in ticks."""
Mark: TypeAlias = Literal["", "new", "gone"]
POLICIES: Mapping[int, str] = {0: "other", 1: "fifo", 2: "rr", 3: "batch", 5: "idle", 6: "dl", 7: "ext"}


class ThreadRow(NamedTuple):
    """One thread over the last interval; percentages are of one core, rates per second.

    ``left_ns`` is what is left of a timeout that it asked for as a moment.
    """

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
    gil: GilShare | None = None
    sampled: TimeShare | None = None
    blocked: BlockedOn | None = None
    left_ns: int | None = None

    @property
    def time(self) -> TimeShare | None:
        """Where its time went: sampled where its process is looked at closely, else from one look; None not known."""
        if self.sampled is not None or self.cpu_pct is None:
            return self.sampled
        call, target, descriptors, why_not, is_local = "", "", None, "", False
        if (blocked := self.blocked) is not None:
            call, target, descriptors, why_not = blocked.call, blocked.target, blocked.descriptors, blocked.why_not
            is_local = blocked.status.startswith("unix")
        state = "I" if self.kernel and self.state == "S" else self.state
        kind = None if state == "R" else reasons.kind(state, self.wchan, call, target, descriptors, is_local=is_local)
        user_pct, system_pct = time_rows.modes(self.cpu_pct, self.user_pct, self.system_pct)
        share = time_rows.by_one_look(user_pct, system_pct, self.wait_pct or 0.0, kind, why_not)
        return time_rows.with_gil(share, self.gil_wait_pct, self.gil.samples) if self.gil else share

    @property
    def time_pct(self) -> float | None:
        """What it ran or wanted to (TimeShare.active_pct)."""
        if self.is_idle and self.sampled is None:
            return 0.0  # most rows: not worth a look at what they sleep in
        share = self.time
        return None if share is None else share.active_pct

    def _blocked_in(self, kind: reasons.Kind) -> float | None:
        return share.known(kind) if (share := self.time) else None

    @property
    def lock_pct(self) -> float | None:
        """Share of the time it was blocked on a lock."""
        return self._blocked_in("lock")

    @property
    def disk_pct(self) -> float | None:
        """Share of the time it was blocked on the disk."""
        return self._blocked_in("disk")

    @property
    def network_pct(self) -> float | None:
        """Share of the time it was blocked on a socket."""
        return self._blocked_in("network")

    @property
    def pipe_pct(self) -> float | None:
        """Share of the time it was blocked on another process or thread of this machine."""
        return self._blocked_in("pipe")

    @property
    def gil_pct(self) -> float | None:
        """Share of the time it held the GIL."""
        return self.gil.holds_pct if self.gil else None

    @property
    def gil_wait_pct(self) -> float | None:
        """Share of the time it waited for the GIL."""
        return self.gil.wait_pct if self.gil else None

    @property
    def key(self) -> Key:
        """Identity over time: a reused tid has another start time."""
        return self.pid, self.tid, self.start_ticks

    @property
    def tid_hex(self) -> str:
        """The tid in hexadecimal, as a JVM's thread dump has it."""
        return f"{self.tid:#x}"

    @property
    def role(self) -> str | None:
        """What it is for, as its name tells; None where that says nothing."""
        if self.kernel:
            return "kernel"
        known = roles.role(self.process, self.name, is_main=self.tid == self.pid)
        return known or ("native" if self.gil is not None and self.gil.is_python is False else None)

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
    gil: GilRow | None = None
    locks: LocksRow | None = None

    @property
    def has_ended(self) -> bool:
        """It is only listed until its parent reaps it; one whose main thread alone has ended goes on."""
        return self.state in ENDED and self.thread_count <= 1

    @property
    def gil_pct(self) -> float | None:
        """Share of the time its busiest GIL was held."""
        return self.gil.utilisation_pct if self.gil else None

    @property
    def gil_wait_pct(self) -> float | None:
        """What its threads waited for the GIL, added up: 100 is one thread all the time."""
        waiters = self.gil.waiters if self.gil else None
        return None if waiters is None else type(waiters)(waiters * 100)

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
    def gil_pct(self) -> float | None:
        """What its members held a GIL, added up."""
        return _sum_of_shares(row.gil_pct for row in self.members)

    @property
    def gil_wait_pct(self) -> float | None:
        """What its members waited for a GIL, added up: 100 is one thread all the time."""
        return _sum_of_shares(row.gil_wait_pct for row in self.members)

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


def _sum_of_shares(values: Iterable[float | None]) -> float | None:
    """The known ones added up; an estimate among them makes the sum one."""
    known = [value for value in values if value is not None]
    kind = Estimate if any(isinstance(value, Estimate) for value in known) else float
    return kind(sum(known)) if known else None


Row: TypeAlias = ThreadRow | ProcessRow | GroupRow


Sureness: TypeAlias = Literal["exact", "sampled", "estimate", "suspicion", "none"]
"""How sure a finding is: exact from counters or memory, sampled shares, inferred, or only a suspicion."""


class Finding(NamedTuple):
    """Something the numbers say about a process, in words, with what made it fire.

    ``kind`` names the rule (``gil-bound``), ``title`` is one line for a list, ``explanation`` two sentences on what
    it means and what helps.  ``evidence`` are the figures that fired it, as (name, figure) pairs of text;
    ``grade`` how sure it is; ``tids`` the threads concerned; ``severity`` 0 to 100 orders findings, and
    from 50 on it is a problem, below that an observation.  ``next_command`` is what to run next, "" for none.
    """

    kind: str
    pid: int
    start_ticks: int
    process: str
    title: str
    explanation: str
    evidence: tuple[tuple[str, str], ...]
    grade: Sureness
    severity: float
    tids: tuple[int, ...] = ()
    next_command: str = ""


class Snapshot(NamedTuple):
    """One moment as shown: ``time`` is wall clock in s, ``interval_s`` None for a first sample.

    ``findings`` are ordered by severity.  ``watch_pct`` is what watching GILs costs, in % of a core, and
    ``watch_per_s`` the rounds a second; both None where none is watched.  ``wait_watch_pct`` and
    ``wait_watch_per_s`` are the same for looks at blocked threads.  ``circumstances`` are what findings need
    beyond rows, ``inside`` the facts of the open pane.
    """

    time: float
    interval_s: float | None
    host: HostRow
    totals: Totals
    processes: Mapping[int, ProcessRow]
    gone: tuple[ProcessRow, ...]
    cost: Cost
    own_cpu_pct: float | None
    notes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    watch_pct: float | None = None
    watch_per_s: float | None = None
    wait_watch_pct: float | None = None
    wait_watch_per_s: float | None = None
    circumstances: Circumstances | None = None
    inside: Found | None = None
