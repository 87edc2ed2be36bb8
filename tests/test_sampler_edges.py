"""The sampler on a fake /proc where things end, are denied, missing or hostile."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakeproc import HOST, FakeProc
from threadtop import rates
from threadtop.errors import DeniedError, GoneError
from threadtop.interest import Interest
from threadtop.sampler import DENIED_RETRY_PASSES, Sampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakeproc import FakeReader
    from threadtop.sample import Sample


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProc:
    """An empty fake /proc."""
    return FakeProc(tmp_path, monkeypatch)


def sampler_of(reader: FakeReader, euid: int = 0) -> Sampler:
    """A sampler without a host."""
    return Sampler(reader, lambda: HOST, euid=euid)


def assert_true(sample: Sample, proc: FakeProc) -> None:
    """The sample has the same processes, threads and counters as the truth."""
    assert sorted(sample.processes) == sorted(proc.processes)
    for pid, process in proc.processes.items():
        seen = sample.processes[pid].threads
        assert sorted(seen) == sorted(process.threads)
        for tid, thread in process.threads.items():
            assert (seen[tid].run_ns, seen[tid].wait_ns) == (thread.run_ns, thread.wait_ns)
            assert (seen[tid].vol, seen[tid].state) == (thread.vol, thread.state)
            assert seen[tid].start_ticks == thread.start_ticks


def test_threads_change_hands_with_the_link_count_unchanged(proc: FakeProc) -> None:
    """One thread ends and one starts between two passes: the link count says nothing, the clock does."""
    proc.process(10, 5)
    sampler = sampler_of(proc.reader(100))
    for _ in range(3):
        proc.run(10, 11)
        sampler.sample()
    proc.end(10, 13)
    proc.spawn(10, 40)
    assert_true(sampler.sample(), proc)
    proc.run(10, 40)
    assert_true(sampler.sample(), proc)
    sampler.close()


@pytest.mark.parametrize("descriptors", [0, 100])
def test_thread_id_is_reused(proc: FakeProc, descriptors: int) -> None:
    """A tid given to another thread of the same process is another thread, with its own start time."""
    proc.process(10, 3)
    sampler = sampler_of(proc.reader(descriptors))
    for _ in range(3):
        proc.run(10, 11, vol=50)
        before = sampler.sample()
    proc.end(10, 11)
    proc.spawn(10, 11, b"another")
    after = sampler.sample()
    assert_true(after, proc)
    row = rates.snapshot(before, after, rates.snapshot(None, before)).processes[10].threads[11]
    assert row.name == "another"
    assert row.cpu_pct is None
    sampler.close()


@pytest.mark.parametrize("needs", [frozenset[str](), frozenset({"status"})])
@pytest.mark.parametrize("descriptors", [0, 100])
def test_process_id_is_reused(proc: FakeProc, descriptors: int, needs: frozenset[str]) -> None:
    """A pid given to another process is another process: its user, command and threads are new."""
    proc.process(10, 2, uid=1)
    proc.process(20)
    sampler = sampler_of(proc.reader(descriptors))
    for _ in range(3):
        proc.run(10, 10)
        sampler.sample(Interest(needs=needs))
    proc.kill(10)
    proc.process(10, 2, uid=2, cmdline=b"/bin/fake\0second\0")
    proc.run(10, 10, 50_000_000)
    seen = sampler.sample(Interest(needs=needs)).processes[10]
    assert seen.uid == 2
    assert seen.command == "/bin/fake second"
    assert seen.start_ticks == proc.processes[10].threads[10].start_ticks
    assert seen.threads[11].start_ticks == proc.processes[10].threads[11].start_ticks
    sampler.close()


def prepared(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeProc, Sampler]:
    """Two processes of which much changed since the last pass, so that a pass reads many files."""
    root.mkdir()
    proc = FakeProc(root, monkeypatch)
    proc.process(10, 4)
    proc.process(20, 2)
    sampler = sampler_of(proc.reader(100))
    for _ in range(4):
        proc.run(10, 10)
        proc.run(10, 11)
        proc.run(20, 20)
        sampler.sample(Interest(visible=frozenset({(10, 13)})))
    proc.run(10, 10)
    proc.run(10, 12)
    proc.run(20, 21)
    proc.end(10, 11)
    proc.spawn(10, 30)
    return proc, sampler


def accesses(proc: FakeProc, sampler: Sampler) -> int:
    """How many accesses one pass makes."""
    count = 0

    def note(_path: str) -> None:
        nonlocal count
        count += 1

    with proc.interrupted(note):
        sampler.sample(Interest(visible=frozenset({(10, 13)})))
    sampler.close()
    return count


def at(number: int, action: Callable[[], None]) -> Callable[[str], None]:
    """A hook that does ``action`` before access ``number``."""
    left = number

    def hook(_path: str) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            action()

    return hook


def _fail(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_process_dies_at_each_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever in a pass a process dies, the pass ends well and the next one has the truth."""
    count = accesses(*prepared(tmp_path / "count", monkeypatch))
    assert count > 20
    for number in range(count):
        proc, sampler = prepared(tmp_path / f"at{number}", monkeypatch)
        with proc.interrupted(at(number, lambda proc=proc: proc.kill(10))):
            sample = sampler.sample(Interest(visible=frozenset({(10, 13)})))
        assert 20 in sample.processes
        assert_true(sampler.sample(), proc)
        proc.process(10, 2)
        assert_true(sampler.sample(), proc)
        sampler.close()


def test_thread_dies_at_each_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever in a pass a thread ends, its process and its siblings stay."""
    count = accesses(*prepared(tmp_path / "count", monkeypatch))
    for tid in (12, 13):
        for number in range(count):
            proc, sampler = prepared(tmp_path / f"{tid}at{number}", monkeypatch)
            with proc.interrupted(at(number, lambda proc=proc, tid=tid: proc.end(10, tid))):
                sample = sampler.sample(Interest(visible=frozenset({(10, 13)})))
            assert sorted(sample.processes) == [10, 20]
            assert_true(sampler.sample(), proc)
            sampler.close()


@pytest.mark.parametrize("error", [GoneError("x"), DeniedError("x")], ids=["gone", "denied"])
def test_any_read_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A read that fails as gone or denied, whichever it is, never ends the pass with an error."""
    count = accesses(*prepared(tmp_path / "count", monkeypatch))
    for number in range(count):
        proc, sampler = prepared(tmp_path / f"at{number}", monkeypatch)

        def hook(path: str, state: list[int] = [number]) -> None:  # noqa: B006 the count of this round
            state[0] -= 1
            # A schedstat that is gone while its stat is there is another test: the kernel has none.
            if state[0] == -1 and not path.startswith(("clock", "loadavg", "pread")) and "schedstat" not in path:
                raise error

        with proc.interrupted(hook):
            sampler.sample(Interest(visible=frozenset({(10, 13)})))
        for _ in range(DENIED_RETRY_PASSES + 16):
            sampler.sample()
        for tid in proc.processes[10].threads:
            proc.run(10, tid)
        assert_true(sampler.sample(), proc)
        sampler.close()


@pytest.mark.parametrize("name", ["stat", "schedstat"])
def test_file_cut_short(proc: FakeProc, name: str) -> None:
    """A file that breaks off costs its thread, not the pass."""
    proc.process(10, 3)
    proc.process(20)
    sampler = sampler_of(proc.reader(100))
    sampler.sample()
    proc.spawn(10, 30)
    with open(f"{proc.root}/10/task/30/{name}", "wb") as file:
        file.write(b"30 (fa")
    proc.run(10, 11)
    sample = sampler.sample()
    assert sorted(sample.processes[10].threads) == [10, 11, 12]
    assert sample.processes[10].threads[11].vol == 2
    proc.write(proc.processes[10].threads[30])
    proc.end(10, 12)
    assert_true(sampler.sample(), proc)
    sampler.close()


def test_zombie_leader_whose_threads_live_on(proc: FakeProc) -> None:
    """The main thread stays as Z, its command line is kept or asked of another, the other threads are measured."""
    proc.process(10, 3)
    sampler = sampler_of(proc.reader(100))
    sampler.sample()
    proc.end(10, 10)
    proc.run(10, 11)
    seen = sampler.sample().processes[10]
    assert (seen.state, seen.threads[10].state, seen.threads[11].state) == ("Z", "Z", "S")
    assert seen.command == "/bin/fake --quietly"
    proc.run(10, 12)
    assert_true(sampler.sample(), proc)
    late = sampler_of(proc.reader(100))
    seen = late.sample().processes[10]
    assert (seen.command, len(seen.threads)) == ("", 3)
    Path(proc.root, "10/task/12/cmdline").write_bytes(b"/bin/late\0")
    latest = sampler_of(proc.reader(100))
    assert latest.sample().processes[10].command == "/bin/late"
    for one in (sampler, late, latest):
        one.close()


def test_kernel_threads(proc: FakeProc) -> None:
    """A kernel thread has no command line and is not asked for its wchan."""
    proc.process(2, name=b"kworker/0:1", cmdline=b"", kernel=True, ppid=0, vsize_bytes=0, rss_pages=0)
    reader = proc.reader(100)
    sampler = sampler_of(reader)
    seen = sampler.sample().processes[2]
    assert (seen.kernel, seen.command, seen.name, seen.threads[2].wchan) == (True, "", "kworker/0:1", None)
    assert reader.reads["wchan"] == 0
    sampler.close()


def test_wchan_of_other_users(proc: FakeProc) -> None:
    """Only one's own threads and, as root, all are asked for wchan; else it is None, and 0 means unknown."""
    proc.process(10, uid=1)
    proc.process(20, uid=2)
    proc.process(30, uid=1)
    proc.change(30, 30, wchan=b"0")  # as of a process that is not dumpable
    reader = proc.reader(100)
    sampler = sampler_of(reader, euid=1)
    seen = sampler.sample().processes
    assert [seen[pid].threads[pid].wchan for pid in (10, 20, 30)] == ["futex_do_wait", None, None]
    assert reader.reads["wchan"] == 2
    sampler.close()


def test_hidden_processes_are_counted_and_tried_again_later(proc: FakeProc) -> None:
    """EPERM below /proc/PID (hidepid=1) is a note, not an error, and costs nothing at each pass."""
    proc.process(10)
    proc.process(20)
    denied = {"20/"}

    def deny(path: str) -> None:
        if any(path.startswith(beginning) for beginning in denied):
            raise DeniedError(path)

    reader = proc.reader(100)
    sampler = sampler_of(reader)
    with proc.interrupted(deny):
        sample = sampler.sample()
        assert list(sample.processes) == [10]
        assert sample.notes == ("1 processes may not be read (hidepid); root sees them",)
        del reader.paths[:]
        proc.set_last_pid(99)
        sampler.sample()
        assert not [path for path in reader.paths if path.startswith("20/")]
        denied.clear()
        for _ in range(DENIED_RETRY_PASSES + 16):
            sample = sampler.sample()
    assert list(sample.processes) == [10, 20]
    assert sample.notes == ()
    sampler.close()


def test_visible_process_becomes_hidden(proc: FakeProc) -> None:
    """A process on screen that may no longer be read (setuid exec under hidepid) goes, without an error."""
    proc.process(10)
    sampler = sampler_of(proc.reader(100))
    interest = Interest(visible=frozenset({(10, 10)}))
    sampler.sample(interest)

    def deny(path: str) -> None:
        if path.startswith("10/"):
            raise DeniedError(path)

    with proc.interrupted(deny):
        sampler.sample(interest)
        sample = sampler.sample(interest)
    assert not sample.processes
    assert sample.notes
    sampler.close()


@pytest.mark.parametrize("descriptors", [0, 5, 20])
def test_few_descriptors(proc: FakeProc, descriptors: int) -> None:
    """With few or no descriptors to keep the sample is the same, and the limit holds."""
    proc.process(1000, 40)
    reader = proc.reader(descriptors)
    sampler = sampler_of(reader)
    for turn in range(6):
        for tid in range(1000, 1040, 1 + turn % 3):
            proc.run(1000, tid)
        assert_true(sampler.sample(), proc)
        assert reader.kept <= descriptors
    sampler.close()
    assert reader.kept == 0


def test_descriptor_table_is_full(proc: FakeProc) -> None:
    """Where no descriptor is free (EMFILE) that is taken as the limit, and the pass goes on."""
    proc.process(1000, 40)
    reader = proc.reader(1000)
    sampler = sampler_of(reader)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    fillers = [os.dup(0) for _ in range(9)]  # until the free numbers are in one piece
    limit = fillers[-1] + 1
    os.close(lowest)
    for turn in range(4):
        for tid in range(1000, 1040):
            proc.run(1000, tid)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            for filler in fillers if turn == 0 else ():
                os.close(filler)
            sample = sampler.sample()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert_true(sample, proc)
        assert reader.kept <= 9
    assert reader.limit <= 9
    sampler.close()
    assert reader.kept == 0


def test_all_descriptors_are_closed(proc: FakeProc) -> None:
    """After close() not one descriptor more is open than before."""
    proc.process(1000, 40)
    reader = proc.reader(1000)
    before = len(os.listdir("/proc/self/fd"))
    sampler = sampler_of(reader)
    for _ in range(4):
        for tid in range(1000, 1040):
            proc.run(1000, tid)
        sampler.sample()
    proc.end(1000, 1003)
    sampler.sample()
    assert len(os.listdir("/proc/self/fd")) == before + reader.kept + 1  # one to spare
    assert reader.kept > 40
    sampler.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert reader.kept == 0
