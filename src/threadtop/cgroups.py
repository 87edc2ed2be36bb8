"""CPU quotas of cgroups, version 1 and 2: which folder a process's group is, what its files say (cgroups(7))."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from threadtop.circumstances import CgroupUse
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path("/sys/fs/cgroup")
MOST_ANCESTORS: Final = 32  # deeper trees are cut off: a path is another program's word
_USEC_NS: Final = 1000
_LEAVES: Final = ".."  # a group outside of our cgroup namespace is shown so, and has no folder here


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
