"""The machine's figures: pressure, cgroup quotas of both versions, users."""

from __future__ import annotations

import os
import pwd
import socket
import time
from typing import TYPE_CHECKING

import pytest

from threadtop.host import HostReader, find_cgroup, read_cgroup, user_name
from threadtop.procfs.reader import ProcReader
from threadtop.sample import CgroupSample

if TYPE_CHECKING:
    from pathlib import Path


def folder(root: Path, **files: str) -> Path:
    """A folder with files; a double underscore in a name is a dot."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / name.replace("__", ".")).write_text(content)
    return root


def proc_with(root: Path, cgroup: str) -> ProcReader:
    """A reader of a /proc in which our own cgroup file says ``cgroup``."""
    folder(root / "proc" / "self", cgroup=cgroup)
    return ProcReader(root / "proc")


V2_STAT = "usage_usec 5\nuser_usec 3\nnr_periods 200\nnr_throttled 50\nthrottled_usec 9\n"


def test_this_machine() -> None:
    """A reading of this machine is plausible in every part."""
    host = HostReader(ProcReader()).read()
    assert host.hostname == socket.gethostname()
    assert len(host.cores) >= 1
    assert host.cpu.idle > 0
    assert sum(core.idle for core in host.cores) == pytest.approx(host.cpu.idle, rel=0.05)
    assert 0 < host.memory_used_bytes < host.memory_total_bytes
    assert host.switches > 0
    time.sleep(0.05)  # a switch away from us, and one back
    again = HostReader(ProcReader()).read()
    assert again.switches > host.switches


def test_pressure(tmp_path: Path) -> None:
    """Pressure is the share of the last 10 s in which some task stalled; None where the kernel has none."""
    folder(tmp_path / "pressure", cpu="some avg10=12.50 avg60=0.00 avg300=0.00 total=1\n")
    host = HostReader(ProcReader(tmp_path)).read()
    assert host.pressure_cpu == 12.5
    assert host.pressure_io is None
    assert host.pressure_memory is None


def test_no_cgroup(tmp_path: Path) -> None:
    """Without a cgroup file, or without a folder for it, there is no quota to read."""
    assert find_cgroup(ProcReader(tmp_path), tmp_path) is None
    assert find_cgroup(proc_with(tmp_path, "0::/a\n"), tmp_path / "nowhere") is None


def test_v2_quota(tmp_path: Path) -> None:
    """cpu.max gives quota and period, cpu.stat the throttling."""
    root = tmp_path / "cgroup"
    leaf = folder(root / "a.slice" / "b:c", cpu__max="150000 100000\n", cpu__stat=V2_STAT)
    found = find_cgroup(proc_with(tmp_path, "0::/a.slice/b:c\n"), root)
    assert found == leaf
    assert read_cgroup(leaf) == CgroupSample(1.5, 200, 50)


def test_v2_without_quota(tmp_path: Path) -> None:
    """A quota of max is none."""
    assert read_cgroup(folder(tmp_path, cpu__max="max 100000\n", cpu__stat=V2_STAT)) is None


def test_v2_inside_a_container(tmp_path: Path) -> None:
    """The path of the host does not exist below the mount, which shows our own group at its root."""
    root = folder(tmp_path / "cgroup", cpu__max="50000 100000\n", cpu__stat=V2_STAT)
    found = find_cgroup(proc_with(tmp_path, "0::/docker/0123abcd\n"), root)
    assert found == root
    assert read_cgroup(root) == CgroupSample(0.5, 200, 50)


def test_v1_quota(tmp_path: Path) -> None:
    """cpu.cfs_quota_us by cpu.cfs_period_us, in the folder of the cpu controller."""
    root = tmp_path / "cgroup"
    leaf = folder(
        root / "cpu" / "job",
        cpu__cfs_quota_us="200000\n",
        cpu__cfs_period_us="100000\n",
        cpu__stat="nr_periods 8\nnr_throttled 2\nthrottled_time 7\n",
    )
    found = find_cgroup(proc_with(tmp_path, "4:memory:/x\n2:cpu,cpuacct:/job\n0::/y\n"), root)
    assert found == leaf
    assert read_cgroup(leaf) == CgroupSample(2.0, 8, 2)


def test_v1_without_quota(tmp_path: Path) -> None:
    """A quota of -1 is none."""
    leaf = folder(tmp_path, cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n", cpu__stat="nr_periods 0\n")
    assert read_cgroup(leaf) is None


@pytest.mark.parametrize("content", ["", "nonsense\n", "1 2 3\n", "x 100000\n"])
def test_quota_that_makes_no_sense(tmp_path: Path, content: str) -> None:
    """A file that is not as documented counts as no quota."""
    assert read_cgroup(folder(tmp_path, cpu__max=content, cpu__stat=V2_STAT)) is None


def test_cgroup_that_goes_away(tmp_path: Path) -> None:
    """A cgroup that is removed while we look has no quota."""
    assert read_cgroup(tmp_path / "gone") is None
    assert read_cgroup(folder(tmp_path / "half", cpu__max="50000 100000\n")) is None


def test_user_names() -> None:
    """A uid gives its login name, or itself where nobody has it."""
    assert user_name(os.getuid()) == pwd.getpwuid(os.getuid()).pw_name
    free = next(uid for uid in range(54321, 60000) if uid not in {entry.pw_uid for entry in pwd.getpwall()})
    assert user_name(free) == str(free)
