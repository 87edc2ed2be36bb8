"""Surroundings: reads what explains threads from outside: CPU quotas, affinity, stack limits, the newest task id.

Only what the rules want is read, and not more of it than a pass may cost.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from threadtop import cgroups
from threadtop.circumstances import CgroupUse, Circumstances, Wanted
from threadtop.errors import DeniedError, GoneError
from threadtop.procfs import parse
from threadtop.switch_cost import SwitchCost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from threadtop.procfs.reader import ProcReader

MOST_GROUPS: Final = 32  # cgroups with a quota that are read in a pass
MOST_NEW: Final = 64  # processes whose group is looked up in a pass; the others follow in the next ones
MOST_AFFINITIES: Final = 64  # threads, 1 us each
GROUP_PASSES: Final = 30  # after so many a process's group is looked up again: it may have moved, or gained a quota
MOST_KNOWN: Final = 4096  # processes whose group is remembered


class Surroundings:
    """Makes Circumstances; remembers which group a process is in, and what its stacks may take."""

    def __init__(
        self,
        reader: ProcReader,
        root: Path = cgroups.ROOT,
        *,
        affinity: Callable[[int], Iterable[int]] = os.sched_getaffinity,
        switch_cost: SwitchCost | None = None,
    ) -> None:
        """Read /proc through ``reader`` and cgroups below ``root``; nothing is measured before it is wanted."""
        self._reader = reader
        self._root = root
        self._affinity = affinity
        self._switch_cost = switch_cost or SwitchCost()
        self._groups: dict[tuple[int, int], tuple[int, Path | None]] = {}  # by process: looked up in which pass
        self._stacks: dict[tuple[int, int], int | None] = {}
        self._pass = 0

    def read(self, wanted: Wanted) -> Circumstances:
        """What is wanted and may be read; what has ended meanwhile is left out."""
        self._pass += 1
        if wanted.switch_cost:
            self._switch_cost.want()
        return Circumstances(
            cgroups=self._read_groups(wanted),
            affinities=self._read_affinities(wanted),
            stack_bytes=self._read_stacks(wanted),
            switch_cost_ns=self._switch_cost.take(),
            last_pid=self._reader.last_pid(),
        )

    def close(self) -> None:
        """End a measurement that still runs."""
        self._switch_cost.close()

    # -- quotas --------------------------------------------------------------------------------

    def _read_groups(self, wanted: Wanted) -> dict[int, CgroupUse]:
        """By pid the use of the nearest group with a quota; each group is read once."""
        read: dict[Path, CgroupUse | None] = {}
        found: dict[int, CgroupUse] = {}
        new_left = MOST_NEW
        for process in wanted.groups:
            known = self._groups.get(process)
            if known is None or self._pass - known[0] >= GROUP_PASSES:
                if not new_left:
                    continue
                new_left -= 1
                known = self._groups[process] = (self._pass, self._limiting(process[0]))
            group = known[1]
            if group is None or (group not in read and len(read) >= MOST_GROUPS):
                continue
            if group not in read:
                read[group] = cgroups.use(group)
            use = read[group]
            if use is not None:
                found[process[0]] = use
        if len(self._groups) > MOST_KNOWN:
            self._groups = {process: self._groups[process] for process in wanted.groups if process in self._groups}
        return found

    def _limiting(self, pid: int) -> Path | None:
        """The nearest group of a process that has a quota; None where it has none or cannot be read."""
        try:
            paths = parse.parse_cgroups(self._reader.read(pid, "cgroup"))
        except (GoneError, DeniedError, OSError, ValueError):
            return None
        return next((group for group in cgroups.ancestors(paths, self._root) if cgroups.use(group)), None)

    # -- affinity and stacks -------------------------------------------------------------------

    def _read_affinities(self, wanted: Wanted) -> dict[tuple[int, int], frozenset[int]]:
        found = {}
        for pid, tid in wanted.waiting[:MOST_AFFINITIES]:
            try:
                found[pid, tid] = frozenset(self._affinity(tid))
            except OSError:  # it has ended, or a sandbox denies the call
                continue
        return found

    def _read_stacks(self, wanted: Wanted) -> dict[int, int]:
        """By pid the soft limit of a stack (``limits``); unlimited is left out."""
        self._stacks = {process: self._stacks.get(process) for process in wanted.stacks}
        for process, known in self._stacks.items():
            if known is None:
                self._stacks[process] = self._stack_bytes(process[0])
        return {pid: size for (pid, _), size in self._stacks.items() if size is not None}

    def _stack_bytes(self, pid: int) -> int | None:
        try:
            soft, _, _ = parse.parse_limits(self._reader.read(pid, "limits"))["Max stack size"]
            return int(soft)
        except (GoneError, DeniedError, OSError, KeyError, ValueError):
            return None
