"""What explains threads from outside: CPU quotas, affinity, stacks, what a switch costs here; raw readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CgroupUse(NamedTuple):
    """The CPU controller of a process's cgroup or the nearest ancestor with a quota (cgroups(7)).

    ``quota_cores`` is its limit, ``periods``, ``throttled`` and ``throttled_ns`` count since the group was made:
    enforcement periods, those in which it was stopped, and for how long in all.
    """

    path: str
    quota_cores: float
    periods: int
    throttled: int
    throttled_ns: int


class Circumstances(NamedTuple):
    """Readings for findings; what was not asked for or may not be read is absent.

    ``cgroups`` by pid; ``affinities`` by (pid, tid) the CPUs a thread may run on (sched_getaffinity(2)), of threads
    that wait for one; ``stack_bytes`` by pid what a thread's stack reserves (``limits``, Max stack size);
    ``switch_cost_ns`` what a context switch costs on this machine, an estimate, None before it is measured.
    ``last_pid`` is the newest task id given out (``/proc/loadavg``): its advance counts the tasks made.
    """

    cgroups: Mapping[int, CgroupUse] = {}
    affinities: Mapping[tuple[int, int], frozenset[int]] = {}
    stack_bytes: Mapping[int, int] = {}
    switch_cost_ns: float | None = None
    last_pid: int | None = None


class Wanted(NamedTuple):
    """Which circumstances the rules want to know, the most wanted first.

    ``groups`` are processes (pid, start time in ticks) that moved, ``waiting`` threads (pid, tid) that wait for a
    CPU, ``stacks`` processes with very many threads; ``switch_cost``: some process switches very often.
    """

    groups: Sequence[tuple[int, int]] = ()
    waiting: Sequence[tuple[int, int]] = ()
    stacks: Sequence[tuple[int, int]] = ()
    switch_cost: bool = False
