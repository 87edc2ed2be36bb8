"""The estimate on real programs whose memory is taken to be denied: a native lock is not called a GIL."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pythons import newest
from test_gil_live import running, until
from threadtop import findings
from threadtop.errors import DeniedError
from threadtop.gil.watch import Watch
from threadtop.host import HostReader, user_name
from threadtop.interest import Interest
from threadtop.lenses.python import PythonLens
from threadtop.procfs.reader import ProcReader
from threadtop.sampler import Sampler
from threadtop.source import LiveSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.snapshot import Finding, GilRow, Snapshot

pytestmark = [pytest.mark.live, pytest.mark.alone]


class Denied(ProcReader):
    """A reader that may not read what needs the rights of a debugger."""

    def keep(self, pid: int, tid: int, name: str) -> int | None:
        """As ProcReader."""
        if name in {"mem", "syscall"}:
            raise DeniedError(name)
        return super().keep(pid, tid, name)


@pytest.fixture
def source() -> Iterator[LiveSource]:
    """The machine it runs on, estimated; a window so long that all sleeps count."""
    reader = ProcReader()
    watch = Watch(Denied(descriptors=64))
    live = LiveSource(Sampler(reader, HostReader(reader).read, user_name=user_name), watch, PythonLens(window_s=60))
    yield live
    live.close()


def estimated(source: LiveSource, pid: int, least_sleeps: int) -> tuple[GilRow, list[Finding]]:
    """What is said of a process once so many sleeps of those that seem to wait were seen whole."""
    shots: list[Snapshot] = []

    def is_enough() -> bool:
        time.sleep(0.1)
        shots.append(source.read(Interest(attached=frozenset({pid}), gil=frozenset({pid}), everything=True)))
        gil = shots[-1].processes[pid].gil
        return gil is not None and gil.sleeps is not None and gil.sleeps.short + gil.sleeps.lasting >= least_sleeps

    until(is_enough, "sleeps")
    gil = shots[-1].processes[pid].gil
    assert gil is not None
    assert gil.grade == "estimate"
    return gil, [found for found in findings.diagnose(shots[-1]) if found.pid == pid]


def test_a_native_lock_is_no_gil(source: LiveSource) -> None:
    """Threads that fight for a mutex seem to wait by their counters; their sleeps are too short: nothing is found."""
    with running(newest(), "mutex") as [program]:
        pid = program.tell().pid
        gil, found = estimated(source, pid, 200)
    assert gil.waiters is not None
    assert gil.waiters > 0
    assert gil.verdict != "gil"
    assert found == []
