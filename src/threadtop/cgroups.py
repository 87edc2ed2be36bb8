"""Quotas and limits of cgroups, version 1 and 2: where a process's group is, what its files say (cgroups(7))."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.circumstances import CgroupUse
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ROOT: Final = Path("/sys/fs/cgroup")
MOST_ANCESTORS: Final = 32  # deeper trees are cut off: a path is another program's word
_USEC_NS: Final = 1000
_LEAVES: Final = ".."  # a group outside of our cgroup namespace is shown so, and has no folder here
_NO_LIMIT: Final = 1 << 60  # version 1 writes none as the largest number of whole pages


class Bound(NamedTuple):
    """A limit of a group, and how much that group, with all below it, uses of it; ``used`` None: not known."""

    path: str
    used: int | None
    limit: int


class Limits(NamedTuple):
    """What a process's group uses, and of the limits on it and the groups above those with least room left.

    ``memory_bytes`` and ``tasks`` are the group's own; None: no such controller, or no limit.  At ``memory_max`` the
    kernel reclaims and then kills, above ``memory_high`` it slows down, at ``tasks_max`` no thread can be made.
    """

    memory_bytes: int | None = None
    memory_max: Bound | None = None
    memory_high: Bound | None = None
    tasks: int | None = None
    tasks_max: Bound | None = None


def folder(paths: Mapping[str, str], root: Path = ROOT) -> Path | None:
    """The folder of a cpu cgroup, by the controllers in ``cgroup``; None where there is none to read."""
    mount, path = _place(paths, root)
    # Inside a container the path is the host's while the mount shows our own group at its root.
    for candidate in (mount / path.lstrip("/"), root / "cpu", root):
        if (candidate / "cpu.stat").exists():
            return candidate
    return None


def ancestors(paths: Mapping[str, str], root: Path = ROOT) -> Iterator[Path]:
    """The folders that may limit a process: its group's, then the one above, up to the mount."""
    mount, _ = _place(paths, root)
    if _LEAVES in _place(paths, root)[1].split("/"):
        return
    group = folder(paths, root)
    for _ in range(MOST_ANCESTORS):
        if group is None:
            return
        yield group
        if group in (mount, root):
            return
        group = group.parent


def use(group: Path) -> CgroupUse | None:
    """Quota and throttling of a cgroup; None where it has no quota (cpu.max, cpu.cfs_quota_us)."""
    try:
        limit = _content(group, "cpu.max")
        if limit is not None:
            quota, period = limit.split()
        else:
            quota, period = (_content(group, "cpu.cfs_quota_us") or b"-1").strip(), b""
        if quota in (b"max", b"-1"):
            return None
        period = period or _content(group, "cpu.cfs_period_us") or b""
        stat = parse.parse_key_numbers(_content(group, "cpu.stat") or b"")
        lost_ns = stat.get("throttled_time", stat.get("throttled_usec", 0) * _USEC_NS)  # version 1 counts in ns
        return CgroupUse(str(group), int(quota) / int(period), stat["nr_periods"], stat["nr_throttled"], lost_ns)
    except (OSError, ValueError, KeyError, ZeroDivisionError):
        return None


def limits(paths: Mapping[str, str], root: Path = ROOT) -> Limits:
    """Memory and tasks of a process's group, by the controllers in ``cgroup``."""
    memory, tasks = list(_chain(paths, "memory", root)), list(_chain(paths, "pids", root))
    return Limits(
        memory_bytes=_number(memory[0], *_MEMORY_USE) if memory else None,
        memory_max=_tightest(memory, _MEMORY_USE, ("memory.max", "memory.limit_in_bytes")),
        memory_high=_tightest(memory, _MEMORY_USE, ("memory.high",)),
        tasks=_number(tasks[0], "pids.current") if tasks else None,
        tasks_max=_tightest(tasks, ("pids.current",), ("pids.max",)),
    )


_MEMORY_USE: Final = ("memory.current", "memory.usage_in_bytes")


def _chain(paths: Mapping[str, str], controller: str, root: Path) -> Iterator[Path]:
    """The folders of a group for a controller, then those above; none where the group is not to be seen from here.

    Inside a container the path is the host's while the mount shows our own group at its root.
    """
    mount, path = (root / controller, paths[controller]) if controller in paths else (root, paths.get("", ""))
    steps = [step for step in path.split("/") if step][:MOST_ANCESTORS]
    if _LEAVES in steps:
        return
    for count in range(len(steps), -1, -1):
        group = mount.joinpath(*steps[:count])
        if os.path.isdir(group):
            yield group


def _tightest(groups: Iterable[Path], uses: Sequence[str], names: Sequence[str]) -> Bound | None:
    found = []
    for group in groups:
        limit = _number(group, *names)
        if limit is not None and limit < _NO_LIMIT:
            found.append(Bound(str(group), _number(group, *uses), limit))
    return min(found, key=lambda one: one.limit - (one.used or 0), default=None)


def _number(group: Path, *names: str) -> int | None:
    """The first of these files that is a number; None for ``max``, and where there is none."""
    for name in names:
        try:
            raw = (_content(group, name) or b"").strip()
        except OSError:
            continue
        if raw.isdigit():
            return int(raw)
    return None


def _place(paths: Mapping[str, str], root: Path) -> tuple[Path, str]:
    """Where the hierarchy with the cpu controller is mounted, and the group in it."""
    if "cpu" in paths:
        return root / "cpu", paths["cpu"]
    return root, paths.get("", "")


def _content(group: Path, name: str) -> bytes | None:
    """A file of a cgroup, or None; read each pass, so without pathlib's detours."""
    try:
        descriptor = os.open(f"{group}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
