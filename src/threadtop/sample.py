"""What the kernel said in one pass: raw counters with monotonic stamps, nothing derived.

Objects are shared between samples: a thread or process that has not changed since the last pass is
the same object in both, so that the work per pass grows with what moved.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.blocked import BlockedOn, LocksSample, WaitSample
    from threadtop.inside.asked import Found

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


ENDED: Final = frozenset("ZX")
"""States of a thread that has ended and is still listed."""


def living(process: ProcessSample) -> int:
    """A task that has what threads share: a main thread that has ended before the others has no memory, no files."""
    main = process.threads.get(process.pid)
    if (main.state if main is not None else process.state) not in ENDED:
        return process.pid
    return next((tid for tid, thread in process.threads.items() if thread.state not in ENDED), process.pid)


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


Grade: TypeAlias = Literal["exact", "estimate", "none"]
"""How well the GIL is known: read from the target's memory, inferred from counters, or not at all."""

GIL_OFF: Final = "free-threaded build: the GIL is off"
"""Why nothing is known of a GIL that is not there (PEP 703)."""


class GilTally(NamedTuple):
    """What looks at one thread have found since the watch of its process began.

    ``looks`` counts readings.  The others are weights: each look stands for the rounds since the one before it
    at this thread (a thread at rest is not looked at in every round), so their sum is the rounds covered.
    ``held``: it had the GIL and was runnable; ``asleep``: it had the GIL and slept, confirmed by a second
    reading; ``waited``: it slept on the GIL's own condition variable (estimate: on any futex); ``ran``: it was
    runnable without the GIL; ``blocked``: it slept for something else.  ``is_python``: CPython has a thread
    state for it; None is not known.
    """

    is_python: bool | None
    looks: int
    held: int
    asleep: int
    waited: int
    ran: int
    blocked: int


class SleepTally(NamedTuple):
    """How long the sleeps of one thread were that bursts of readings have seen whole since its watch began.

    From ``schedstat``, time in the run queue left out.  ``short`` were under a millisecond, ``sharp`` as long as
    CPython's switch interval of 5 ms as far as the readings can tell, and the thread not seen to run on after it;
    ``near`` missed that by less than a millisecond, ``longer`` outlasted it by more, ``other`` are the rest.
    ``answered`` are those of the sharp ones after which the thread ran for a moment, slept, and was back at once.
    """

    short: int = 0
    other: int = 0
    near: int = 0
    sharp: int = 0
    longer: int = 0
    answered: int = 0

    @property
    def lasting(self) -> int:
        """How many lasted a millisecond."""
        return self.other + self.near + self.sharp + self.longer


class GilLock(NamedTuple):
    """One GIL: the main interpreter's, or that of a sub-interpreter with its own (PEP 684).

    ``interpreters`` are the ids of those that share it.  ``rounds`` counts readings since the watch began,
    ``locked`` those that found it held, ``switches`` the hand-overs in the target's life (``switch_number``).
    ``is_enabled`` is False in a free-threaded build while it is off (PEP 703).
    """

    interpreters: tuple[int, ...]
    is_enabled: bool
    interval_us: int
    rounds: int
    locked: int
    switches: int


class GilMoment(NamedTuple):
    """One round: who held each lock of ``GilSample.locks`` (a tid; 0: free), and which of them slept."""

    at_ns: int
    holders: tuple[int, ...]
    asleep: tuple[int, ...] = ()


class GilSample(NamedTuple):
    """What watching one process has found: tallies since the watch began, so two of them give shares.

    ``grade`` exact is from the target's memory, estimate from looks at ``wchan`` (``has_looks`` False: not even
    that may be read, counters alone must do), none is neither; ``why_not`` and ``remedy`` say which rule stands
    between us and an exact reading, and the least that would lift it ("" where it is exact).  ``moments`` are
    the rounds since the sample before.  ``holder_call`` is the line of ``syscall`` of the thread that held
    the GIL in the newest round: ``running``, or the system call it sleeps in (proc(5)); None: nobody held it;
    ``machine`` is the architecture whose calls those are.  ``idents`` are tids by ``threading.get_ident()`` for
    versions before 3.11, whose own tools know no tids.
    ``sleeps`` are by tid, of an estimate only: the threads that were read in bursts.
    ``began`` changes with each attach: only tallies of the same attach may be subtracted.
    """

    pid: int
    start_ticks: int
    grade: Grade
    why_not: str
    remedy: str
    version: str
    began: int
    at_ns: int
    has_looks: bool = False
    locks: tuple[GilLock, ...] = ()
    threads: Mapping[int, GilTally] = {}
    moments: tuple[GilMoment, ...] = ()
    holder_call: str | None = None
    machine: str = "x86_64"
    idents: Mapping[int, int] = {}
    sleeps: Mapping[int, SleepTally] = {}


class WatchCost(NamedTuple):
    """What a watch costs: CPU of its thread so far in ns, and the rounds a second that it makes."""

    cpu_ns: int
    rounds_per_s: float


class Sample(NamedTuple):
    """One pass over the machine: monotonic ``at_ns`` at its start and wall clock ``time`` in s.

    ``users`` names the uids that occur, ``notes`` say what could not be read and why.  ``gils`` holds the watched
    Python processes, ``watch`` what that costs.  ``waits`` holds the processes whose blocked threads are looked at many
    times a second, ``wait_watch`` what that costs.  ``blocked`` says by (pid, tid) what threads sleep in, of those on
    screen and of processes that are looked at closely; ``locks`` holds the futexes of the latter; ``inside`` the facts
    of the open pane.  ``is_whole``: the pass was over the machine, not over attached processes alone.
    """

    at_ns: int
    time: float
    host: HostSample
    processes: dict[int, ProcessSample]
    users: Mapping[int, str]
    cost: Cost
    notes: tuple[str, ...]
    gils: Mapping[int, GilSample] = {}
    watch: WatchCost | None = None
    waits: Mapping[int, WaitSample] = {}
    wait_watch: WatchCost | None = None
    blocked: Mapping[tuple[int, int], BlockedOn] = {}
    locks: Mapping[int, LocksSample] = {}
    inside: Found | None = None
    is_whole: bool = True
