"""The sampler's pass on a fake /proc: what it reads, what it finds."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from fakeproc import HOST, FakeProc
from threadtop import sampler as sampler_module
from threadtop.interest import ALL_NEEDS, Interest
from threadtop.sampler import ATTACHED_WHOLE, EAGER_THREADS, SWEEP_LEAST, SWEEP_SHARE, Sampler
from threadtop.tasks import CHUNK, HELD_PASSES, HOT_PASSES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from pathlib import Path

    from fakeproc import FakeReader
    from threadtop.sample import Sample


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProc:
    """An empty fake /proc."""
    return FakeProc(tmp_path, monkeypatch)


@pytest.fixture
def reader(proc: FakeProc) -> FakeReader:
    """A reader of it that may keep some descriptors."""
    return proc.reader(descriptors=512)


@pytest.fixture
def sampler(reader: FakeReader) -> Iterator[Sampler]:
    """A sampler of it, as root."""
    made = Sampler(reader, lambda: HOST, euid=0)
    yield made
    made.close()


@pytest.fixture
def no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read whole in turn."""
    monkeypatch.setattr(sampler_module, "SWEEP_LEAST", 0)
    monkeypatch.setattr(sampler_module, "SWEEP_SHARE", 1 << 30)


def counted(sampler: Sampler, reader: FakeReader, interest: Interest | None = None) -> tuple[Sample, Counter[str]]:
    """One pass and what it read, by file name."""
    before = reader.reads.copy()
    del reader.paths[:]
    sample = sampler.sample(interest)
    return sample, reader.reads - before


def test_cost_with_ten_thousand_threads(proc: FakeProc) -> None:
    """Reads of stat and status are bounded by ran + visible + sweep; schedstat by the sum proof."""
    threads, ran = 10_000, 50
    for pid in range(1000, 11_000, 1000):
        proc.process(pid, threads // 10)
    reader = proc.reader(descriptors=512)
    sampler = Sampler(reader, lambda: HOST, euid=0)
    _, first = counted(sampler, reader)
    assert first["status"] <= EAGER_THREADS + 10
    for _ in range(2):  # the first time each is cold, the second their last few runners are known
        for at in range(ran):
            proc.run(1000 + 1000 * (at % 10), 1000 + 1000 * (at % 10) + at)
        sampler.sample()
    visible = frozenset((3000, 3500 + at) for at in range(40))
    for at in range(ran):
        proc.run(1000 + 1000 * (at % 10), 1000 + 1000 * (at % 10) + at)
    sample, reads = counted(sampler, reader, Interest(visible=visible))
    bound = ran + len(visible) + threads // SWEEP_SHARE + 10  # 10 main threads carry the memory figures
    assert reads["stat"] <= bound
    assert reads["status"] <= bound
    assert ran <= reads["schedstat"] <= 2 * ran
    assert sum(len(process.threads) for process in sample.processes.values()) == threads
    assert sample.processes[4000].threads[4003].run_ns == proc.processes[4000].threads[4003].run_ns
    _, reads = counted(sampler, reader)
    assert reads["schedstat"] == 0
    assert reads["stat"] <= threads // SWEEP_SHARE
    sampler.close()
    shutil.rmtree(proc.root)  # pytest keeps folders; so many files would slow the next runs down


@pytest.mark.usefixtures("no_sweep")
def test_process_whose_clock_stood_still_is_not_read(proc: FakeProc, reader: FakeReader, sampler: Sampler) -> None:
    """Of a process that did not run only its clock is asked."""
    proc.process(10, 3)
    proc.process(20, 3)
    sampler.sample()
    proc.run(20, 21)
    counted(sampler, reader)
    assert [path for path in reader.paths if "10" in path] == ["clock/10"]
    before = sampler.sample().processes
    assert sampler.sample().processes[10] is before[10]


@pytest.mark.usefixtures("no_sweep")
def test_listing_is_skipped_while_no_pid_is_given_out(proc: FakeProc, reader: FakeReader, sampler: Sampler) -> None:
    """/proc is listed again when the last pid moved, and a process that ended is still noticed."""
    proc.process(10)
    proc.process(20)
    sampler.sample()
    proc.kill(10)
    sample, reads = counted(sampler, reader)
    assert reads["/"] == 0
    assert list(sample.processes) == [20]
    proc.process(30)
    sample, reads = counted(sampler, reader)
    assert reads["/"] == 1
    assert list(sample.processes) == [20, 30]


@pytest.mark.usefixtures("no_sweep")
def test_cold_thread_that_runs_is_found(proc: FakeProc, reader: FakeReader, sampler: Sampler) -> None:
    """The sum over the hot threads falls short of the clock, so the cold ones are compared, and only then."""
    proc.process(1000, 4 * CHUNK)
    for _ in range(2):
        proc.run(1000, 1001)
        sampler.sample()
    proc.run(1000, 1001)
    _, reads = counted(sampler, reader)
    assert reads["schedstat"] == 1
    proc.run(1000, 1001)
    proc.run(1000, 1000 + 2 * CHUNK, vol=77)
    sample, reads = counted(sampler, reader)
    found = sample.processes[1000].threads[1000 + 2 * CHUNK]
    assert found.vol == 77
    assert found.run_ns == 3_000_000
    assert reads["schedstat"] <= 1 + 4 * CHUNK
    assert reads["stat"] <= 3
    proc.run(1000, 1000 + 2 * CHUNK)
    _, reads = counted(sampler, reader)
    assert reads["schedstat"] == 2


@pytest.mark.usefixtures("no_sweep")
def test_hot_threads_cool_down(proc: FakeProc, reader: FakeReader, sampler: Sampler) -> None:
    """A thread that rested for HOT_PASSES passes is no longer read at each."""
    proc.process(1000, 100)
    for _ in range(2):
        for tid in range(1000, 1050):
            proc.run(1000, tid)
        sampler.sample()
    for _ in range(HOT_PASSES + 1):
        proc.run(1000, 1000)
        sampler.sample()
    proc.run(1000, 1000)
    _, reads = counted(sampler, reader)
    assert reads["schedstat"] == 1


@pytest.mark.usefixtures("no_sweep")
def test_unchanged_thread_is_the_same_object(proc: FakeProc, sampler: Sampler) -> None:
    """The sample of a thread that rested is handed on, that of one that ran is new; old samples stay as they were."""
    proc.process(10, 3)
    first = sampler.sample()
    proc.run(10, 11)
    second = sampler.sample()
    before, after = first.processes[10].threads, second.processes[10].threads
    assert after[10] is before[10]
    assert after[12] is before[12]
    assert after[11].run_ns == before[11].run_ns + 2_000_000
    assert after[11].at_ns > before[11].at_ns


@pytest.mark.usefixtures("no_sweep")
def test_visible_rows_are_read_whole_though_they_rest(proc: FakeProc, reader: FakeReader, sampler: Sampler) -> None:
    """A change of nice, state or name from outside shows at once on screen, and is not looked for elsewhere."""
    proc.process(10, 3)
    sampler.sample()
    for tid in (11, 12):
        proc.change(10, tid, nice=5, state="T", name=b"renamed")
    sample, reads = counted(sampler, reader, Interest(visible=frozenset({(10, 11), (99, 99)})))
    seen, unseen = sample.processes[10].threads[11], sample.processes[10].threads[12]
    assert (seen.nice, seen.priority, seen.state, seen.name) == (5, 25, "T", "renamed")
    assert (unseen.nice, unseen.state) == (0, "S")
    assert reads["stat"] == 1
    assert reads["status"] == 0


def test_sweep_finds_what_no_clock_shows(proc: FakeProc, sampler: Sampler) -> None:
    """Threads that are not on screen are read whole in turn."""
    proc.process(1000, 3 * SWEEP_LEAST)
    sampler.sample()
    proc.change(1000, 1000 + SWEEP_LEAST, nice=7)
    for _ in range(3):
        sample = sampler.sample()
    assert sample.processes[1000].threads[1000 + SWEEP_LEAST].nice == 7


def test_everything_is_read_whole_for_headless_output(proc: FakeProc, sampler: Sampler) -> None:
    """With ``everything`` each thread's stat and each running process's command line are new."""
    proc.process(10, 40)
    sampler.sample(Interest(everything=True))
    proc.change(10, 49, nice=3)
    proc.set_cmdline(10, b"retitled\0")
    proc.run(10, 10)
    sample = sampler.sample(Interest(everything=True))
    assert sample.processes[10].threads[49].nice == 3
    assert sample.processes[10].command == "retitled"


def test_a_title_is_read_again_whenever_it_may_have_changed(proc: FakeProc, sampler: Sampler) -> None:
    """What a database writes over its command line says what it waits for; other command lines stay, unless shown."""
    proc.process(10, 1, cmdline=b"postgres: app shop SELECT\0\0\0")
    proc.process(20, 1, cmdline=b"/bin/tool\0--name: x\0")
    sampler.sample()
    for pid, cmdline in ((10, b"postgres: app shop UPDATE waiting\0"), (20, b"/bin/other\0--name: y\0")):
        proc.set_cmdline(pid, cmdline)
        proc.run(pid, pid)
    sample = sampler.sample()
    assert sample.processes[10].command == "postgres: app shop UPDATE waiting"
    assert sample.processes[20].command == "/bin/tool --name: x"


def test_state_change_brings_a_new_wchan(proc: FakeProc, sampler: Sampler) -> None:
    """A thread that was woken and has not yet run does not keep the function it slept in."""
    proc.process(10, 2)
    interest = Interest(visible=frozenset({(10, 11)}))
    assert sampler.sample(interest).processes[10].threads[11].wchan == "futex_do_wait"
    proc.change(10, 11, state="R", wchan=b"0")
    assert sampler.sample(interest).processes[10].threads[11].wchan == ""


def test_attached_only(proc: FakeProc, reader: FakeReader, sampler: Sampler) -> None:
    """Only attached processes are read, their threads whole in turn; what is not there is left out."""
    proc.process(1000, ATTACHED_WHOLE)
    proc.process(3000)
    sampler.sample()
    proc.change(1000, 1100, nice=1)
    sample, _ = counted(sampler, reader, Interest(attached=frozenset({1000, 99})))
    assert list(sample.processes) == [1000]
    assert sample.processes[1000].threads[1100].nice == 1
    assert not [path for path in reader.paths if path.startswith(("3000", "clock/3000"))]


def test_back_from_attached_all_processes_return(proc: FakeProc, sampler: Sampler) -> None:
    """After a look at one process alone the next pass over the machine has all of them again."""
    proc.process(10)
    proc.process(20)
    sampler.sample()
    assert list(sampler.sample(Interest(attached=frozenset({10}))).processes) == [10]
    assert list(sampler.sample().processes) == [10, 20]


def test_needs_decide_what_is_read(proc: FakeProc, reader: FakeReader, sampler: Sampler) -> None:
    """Without columns that want them status is read once a process (for its user) and wchan never."""
    proc.process(10, 5)
    _, reads = counted(sampler, reader, Interest(needs=frozenset()))
    assert reads["status"] == 1
    for tid in range(10, 15):
        proc.run(10, tid)
    sample, reads = counted(sampler, reader, Interest(needs=frozenset()))
    assert reads["status"] == reads["wchan"] == 0
    assert sample.processes[10].uid == 0
    assert sample.processes[10].threads[12].vol is None
    for tid in range(10, 15):
        proc.run(10, tid)
    sample = sampler.sample(Interest(needs=ALL_NEEDS))
    assert sample.processes[10].threads[12].vol == 3
    assert sample.processes[10].threads[12].wchan == "futex_do_wait"


def test_memory_stands_on_the_process(proc: FakeProc, sampler: Sampler) -> None:
    """The memory of a process is new when any of its threads ran, its main thread or not."""
    process = proc.process(10, 2)
    sampler.sample()
    process.rss_pages = 555
    proc.change(10, 10)
    proc.run(10, 11)
    assert sampler.sample().processes[10].rss_bytes == 555 * 4096


def test_cost_and_users_are_reported(proc: FakeProc, reader: FakeReader) -> None:
    """A sample tells its own reads, descriptors and time, and names the users that occur."""
    proc.process(10, uid=7)
    sampler = Sampler(reader, lambda: HOST, user_name=lambda uid: f"user{uid}", euid=0)
    sample = sampler.sample()
    assert sample.users == {7: "user7"}
    assert sample.cost.reads["stat"] == 1
    assert sample.cost.pass_ns > 0
    proc.process(20, uid=8)
    assert sampler.sample().users == {7: "user7", 8: "user8"}
    assert sample.users == {7: "user7"}
    sampler.close()


@pytest.mark.usefixtures("no_sweep")
def test_idle_threads_give_their_descriptors_back(proc: FakeProc, reader: FakeReader, sampler: Sampler) -> None:
    """Descriptors go after long idleness, of a process that rests as a whole too, and all at close()."""
    proc.process(10, 50)
    for _ in range(4):
        for tid in range(10, 60):
            proc.run(10, tid)
        sampler.sample()
    assert reader.kept >= 50
    for _ in range(2 * HELD_PASSES):
        sampler.sample(Interest(needs=frozenset()))
    assert reader.kept <= 1  # the main thread's stat, read for the memory while the process ran
    sampler.close()
    assert reader.kept == 0
