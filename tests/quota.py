"""A cgroup with a CPU quota, where one may be made here (cgroups(7))."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path("/sys/fs/cgroup")
QUOTA_US, PERIOD_US = 20_000, 100_000
ENDS_S = 10.0  # what was killed leaves its group a little later


class NoQuotaError(Exception):
    """No such group can be made here; it says why."""


@contextmanager
def group() -> Iterator[Callable[[int], None]]:
    """A group that may use a fifth of a CPU, as what puts a process there; raises NoQuotaError.

    What was put there must have ended by the end.
    """
    folder = _made()
    try:
        yield lambda pid: _written(folder / "cgroup.procs", str(pid))
    finally:
        _removed(folder)


def _made() -> Path:
    name = f"threadtop-test-{os.getpid()}"
    first = ROOT / "cpu" / name  # version 1
    if (first.parent / "cpu.cfs_quota_us").exists():
        said = {"cpu.cfs_period_us": f"{PERIOD_US}", "cpu.cfs_quota_us": f"{QUOTA_US}"}
        return _group(first, said)
    control = ROOT / "cgroup.subtree_control"
    if not control.exists():
        message = f"no cgroups with a cpu controller below {ROOT}"
        raise NoQuotaError(message)
    if "cpu" not in control.read_text().split():
        message = f"{control} does not pass the cpu controller on"
        raise NoQuotaError(message)
    return _group(ROOT / name, {"cpu.max": f"{QUOTA_US} {PERIOD_US}"})


def _group(folder: Path, said: dict[str, str]) -> Path:
    try:
        folder.mkdir()
    except OSError as error:
        raise NoQuotaError(str(error)) from error
    try:
        for name, value in said.items():
            _written(folder / name, value)
    except NoQuotaError:
        folder.rmdir()
        raise
    return folder


def _written(file: Path, value: str) -> None:
    try:
        file.write_text(value)
    except OSError as error:
        raise NoQuotaError(str(error)) from error


def _removed(folder: Path) -> None:
    until = time.monotonic() + ENDS_S
    while True:
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.05)
        else:
            return
