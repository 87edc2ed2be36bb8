"""The sampler on kernels that have less, and with names that mean harm."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from fakeproc import HOST, FakeProc
from threadtop.interest import Interest
from threadtop.sample import TICK_NS
from threadtop.sampler import Sampler

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.sample import Sample

NO_SCHEDSTAT = "no schedstat here: CPU in 10 ms ticks, run-queue wait unknown"


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProc:
    """An empty fake /proc."""
    return FakeProc(tmp_path, monkeypatch)


def without_schedstat(proc: FakeProc, how: str) -> None:
    """Let the kernel have no ``schedstat``, an empty one, or one of zeros (sched_info_on())."""
    proc.has_schedstat = False
    if how == "missing":
        return
    spawn = proc.spawn

    def spawn_with(pid: int, tid: int, name: bytes = b"fake") -> object:
        thread = spawn(pid, tid, name)
        with open(f"{thread.folder}/schedstat", "wb") as file:
            file.write(b"" if how == "empty" else b"0 0 0\n")
        return thread

    proc.spawn = spawn_with  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("how", ["missing", "empty", "zero"])
@pytest.mark.parametrize("has_clock", [True, False])
def test_without_schedstat(proc: FakeProc, how: str, has_clock: bool) -> None:  # noqa: FBT001 a parameter of the test
    """CPU comes from stat's ticks, the wait is unknown, and a note says so; from the first pass on."""
    without_schedstat(proc, how)
    proc.has_clock = has_clock
    proc.process(10, 3)
    for tid in range(10, 13):
        proc.run(10, tid, 40 * TICK_NS)
    sampler = Sampler(proc.reader(100), lambda: HOST, euid=0)
    sample = sampler.sample()
    assert sample.notes == (NO_SCHEDSTAT,)
    for turn in range(3):
        proc.run(10, 11, (10 + turn) * TICK_NS)
        sample = sampler.sample()
        thread = sample.processes[10].threads[11]
        assert thread.run_ns == proc.processes[10].threads[11].run_ns // TICK_NS * TICK_NS
        assert thread.wait_ns is None
        assert thread.vol == proc.processes[10].threads[11].vol
    proc.end(10, 12)
    assert sorted(sampler.sample().processes[10].threads) == [10, 11]
    sampler.close()


def test_thread_that_has_not_yet_run_is_no_missing_schedstat(proc: FakeProc) -> None:
    """Zeros in schedstat of a thread without CPU time are true."""
    proc.process(10, 2)
    proc.change(10, 11, run_ns=0, wait_ns=0, timeslices=0)
    sampler = Sampler(proc.reader(100), lambda: HOST, euid=0)
    sample = sampler.sample()
    assert sample.notes == ()
    assert sample.processes[10].threads[11].run_ns == 0
    sampler.close()


def test_process_that_ends_at_once_is_no_missing_schedstat(proc: FakeProc) -> None:
    """A thread that ends while its schedstat is opened does not switch the whole pass to ticks."""
    proc.process(10, 2)
    proc.process(20, 2)
    gone = []

    def end(path: str) -> None:
        if path == "10/task/11/schedstat" and not gone:
            gone.append(path)
            proc.end(10, 11)

    sampler = Sampler(proc.reader(100), lambda: HOST, euid=0)
    with proc.interrupted(end):
        sample = sampler.sample()
    assert gone
    assert sample.notes == ()
    sampler.close()


def test_without_process_clocks(proc: FakeProc) -> None:
    """Without the clocks (another pid namespace) every schedstat is compared, and all that ran is found."""
    proc.has_clock = False
    proc.process(10, 20)
    sampler = Sampler(proc.reader(100), lambda: HOST, euid=0)
    chance = random.Random(2)  # noqa: S311 no secret
    for _ in range(30):
        for tid in chance.sample(range(10, 30), 3):
            proc.run(10, tid)
        sample = sampler.sample()
        for tid, thread in proc.processes[10].threads.items():
            assert sample.processes[10].threads[tid].run_ns == thread.run_ns
            assert sample.processes[10].threads[tid].vol == thread.vol
    assert sample.processes[10].cpu_ns is None
    sampler.close()


NAMES = [
    b"a) R 1 (b",
    b") ) )",
    b"two words",
    b"new\nline",
    b"\nUid:\t0\t0\t0\t0",
    b"\x1b[2J\x1b]0;x\x07",
    b"\xff\xfe\x80",
    "größe😀".encode(),
    b"",
    b"\\",
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names(proc: FakeProc, name: bytes) -> None:
    """Whatever a thread or command line is called, the figures beside it are right and no byte is lost."""
    proc.process(10, 2, name, uid=7, cmdline=b"/bin/" + name + b"\0-x\0")
    sampler = Sampler(proc.reader(100), lambda: HOST, euid=0)

    def check(sample: Sample) -> None:
        process = sample.processes[10]
        assert process.uid == 7
        assert process.command.encode("utf-8", "surrogateescape") == b"/bin/" + name + b" -x"
        for seen, truth in zip(process.threads.values(), proc.processes[10].threads.values(), strict=True):
            assert seen.name.encode("utf-8", "surrogateescape") == name
            assert (seen.state, seen.vol, seen.start_ticks) == (truth.state, truth.vol, truth.start_ticks)

    check(sampler.sample())
    proc.run(10, 11, state="D")
    check(sampler.sample(Interest(visible=frozenset({(10, 10)}))))
    sampler.close()
