"""The watch of GILs on real programs with known answers, on every CPython of this machine.

The machine may be busy with other things, so a program's threads are compared with each other and with the looks
at them, never with a clock.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pythons import Python, each, newest
from threadtop.gil.attach import _version_of_files, attach
from threadtop.gil.exact import MemoryProbe
from threadtop.gil.identity import Identity, Image, identify
from threadtop.gil.memory import Memory
from threadtop.gil.probe import BLOCKED, RAN, WAITED
from threadtop.gil.runtime import Runtime
from threadtop.gil.runtime import attach as attach_runtime
from threadtop.gil.watch import Watch
from threadtop.procfs import parse
from threadtop.procfs.reader import ProcReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from threadtop.sample import GilSample, GilTally

pytestmark = [pytest.mark.live, pytest.mark.alone]
PROGRAM = str(Path(__file__).parent / "programs" / "gil.py")
MOST_S = 60.0
LOOK_S = 1.1

PATCH_KNOWN_MINOR = 11


class Told(NamedTuple):
    """What a program says of itself."""

    pid: int
    version: str
    tids: dict[str, int]
    more: dict[str, list[int]]


class Program:
    """One mode of the program, running; ``told`` says which thread is which."""

    def __init__(self, python: Python | None, mode: str) -> None:
        """Start it."""
        program = python.program if python else sys.executable
        self._process = subprocess.Popen(
            [program, PROGRAM, mode, str(MOST_S)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def tell(self) -> Told:
        """Wait until all its threads are there."""
        assert self._process.stdout is not None
        raw = json.loads(self._process.stdout.readline())
        said = raw.pop("version")
        # Before 3.11 no symbol tells the patch release.
        version = ".".join(map(str, said if said[1] >= PATCH_KNOWN_MINOR else said[:2]))
        return Told(raw.pop("pid"), version, raw.pop("tids"), raw)

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait(MOST_S)

    def end(self) -> None:
        """End it, and what it has forked."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.communicate()


@contextmanager
def running(python: Python | None, *modes: str) -> Iterator[list[Program]]:
    """The program in several modes at once."""
    programs: list[Program] = []
    try:
        programs.extend(Program(python, mode) for mode in modes)
        yield programs
    finally:
        for program in programs:
            program.end()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """A watch of this machine's processes, with a thread of its own."""
    made = Watch(ProcReader(descriptors=256))
    yield made
    made.close()


def start_ticks(pid: int) -> int:
    """When a process began."""
    return parse.parse_stat(ProcReader().read(pid, "stat")).start_ticks


def follow(watch: Watch, *pids: int) -> None:
    """Watch these processes."""
    watch.follow({pid: start_ticks(pid) for pid in pids})


def until(found: Callable[[], bool], what: str) -> None:
    """Wait for what must come, as long as a very busy machine may need for it."""
    give_up = time.monotonic() + MOST_S
    while not found():
        assert time.monotonic() < give_up, what
        time.sleep(0.02)


def looked(watch: Watch, pid: int, rounds: int = 60) -> GilSample:
    """A process once so many rounds have been made of each of its locks, with the moments of them all."""
    return all_looked(watch, [pid], rounds)[0]


def all_looked(watch: Watch, pids: list[int], rounds: int = 60) -> list[GilSample]:
    """As looked, of several processes."""
    newest: dict[int, GilSample] = {}

    def are_there() -> bool:
        for pid, sample in watch.take().items():
            before = newest.get(pid)
            moments = before.moments if before is not None and before.began == sample.began else ()
            newest[pid] = sample._replace(moments=moments + sample.moments)
        locks = [newest[pid].locks if pid in newest else () for pid in pids]
        return all(found and min(lock.rounds for lock in found) >= rounds for found in locks)

    until(are_there, f"{rounds} rounds of {pids}")
    return [newest[pid] for pid in pids]


def pythons(sample: GilSample) -> set[int]:
    """The threads that CPython knows."""
    return {tid for tid, tally in sample.threads.items() if tally.is_python}


def share(part: int, tally: GilTally) -> float:
    """A part of a tally, of all the rounds it covers, in %."""
    return 100 * part / sum(tally[2:])


# -- every Python ------------------------------------------------------------------------------------


@pytest.mark.parametrize("python", each())
def test_shares_are_as_the_programs_were_written(python: Python, watch: Watch) -> None:
    """Busy loops share the GIL and wait for it, nobody else does, and who sleeps with it is found out."""
    modes = ["crowd", "quiet", *(["asleep"] if python.has_ctypes else [])]
    with running(python, *modes) as programs:
        told = [program.tell() for program in programs]
        follow(watch, *(program.pid for program in programs))
        samples = all_looked(watch, [program.pid for program in programs], 100)
    for sample, it in zip(samples, told, strict=True):
        assert (sample.grade, sample.why_not, sample.has_looks) == ("exact", "", True)
        # Before 3.11 no word of memory says which patch release it is.
        assert sample.version == it.version or (python.minor < 11 and f"3.{python.minor}" == sample.version)
        assert pythons(sample) == set(it.tids.values())
        (lock,) = sample.locks
        assert (lock.interpreters, lock.is_enabled, lock.interval_us) == ((0,), True, 5000)
        assert all(sum(tally[2:]) <= lock.rounds for tally in sample.threads.values())
    _crowd_is_told(samples[0], told[0])
    _quiet_is_told(samples[1])
    if python.has_ctypes:
        _asleep_is_told(samples[2], told[2])


def _crowd_is_told(sample: GilSample, told: Told) -> None:
    tallies = {role: sample.threads[tid] for role, tid in told.tids.items()}
    loops = [tallies["loop 0"], tallies["loop 1"]]
    (lock,) = sample.locks
    assert lock.locked >= 0.85 * lock.rounds
    assert lock.switches > 20
    for loop in loops:
        assert share(loop.held, loop) >= 20
        assert share(loop.waited, loop) >= 10
        assert share(loop.blocked, loop) <= 3
        assert share(loop.asleep, loop) <= 2
    assert sum(share(loop.held, loop) for loop in loops) >= 80
    for role in ("lock", "queue", "main"):
        assert tallies[role].held == tallies[role].asleep == 0
        assert tallies[role].waited <= 5
        assert share(tallies[role].blocked, tallies[role]) >= 90


def _quiet_is_told(sample: GilSample) -> None:
    (lock,) = sample.locks
    assert lock.locked <= 0.1 * lock.rounds
    for tally in sample.threads.values():
        assert share(tally.held + tally.asleep, tally) <= 6  # of about 100 looks: chance may add some
        assert share(tally.waited, tally) <= 4


def _asleep_is_told(sample: GilSample, told: Told) -> None:
    holder, wanting = (sample.threads[told.tids[role]] for role in ("holder", "wanting"))
    assert share(holder.asleep, holder) >= 50
    assert share(wanting.waited, wanting) >= 40
    assert wanting.asleep <= 1
    assert any(moment.asleep == moment.holders == (told.tids["holder"],) for moment in sample.moments)


# -- one Python ------------------------------------------------------------------------------------


def test_each_subinterpreter_has_its_own_gil(watch: Watch) -> None:
    """Two busy sub-interpreters hold a lock each, all the time, and do not wait for one another."""
    with running(newest(range(12, 16)), "subinterpreters") as [program]:
        told = program.tell()
        follow(watch, program.pid)
        until(lambda: len(getattr(watch.take().get(program.pid), "locks", ())) == 3, "three locks")
        sample = looked(watch, program.pid)
    assert [lock.interpreters for lock in sample.locks] == [(0,), *((one,) for one in told.more["interpreters"])]
    main, *own = sample.locks
    assert main.locked <= 0.1 * main.rounds
    holders = [{moment.holders[at] for moment in sample.moments if len(moment.holders) == 3} for at in (1, 2)]
    assert holders[0] <= {told.tids["sub 0"], 0, -1}
    assert holders[1] <= {told.tids["sub 1"], 0, -1}
    for lock, role in zip(own, ("sub 0", "sub 1"), strict=True):
        tally = sample.threads[told.tids[role]]
        assert lock.locked >= 0.9 * lock.rounds
        assert tally.held >= 0.85 * lock.rounds
        assert tally.waited <= 0.05 * lock.rounds


def test_native_work_runs_without_the_gil(watch: Watch) -> None:
    """Threads that compress run without the GIL, and a thread that CPython did not start is marked."""
    with running(newest(), "native") as [program]:
        told = program.tell()
        follow(watch, program.pid)
        sample = looked(watch, program.pid)
    (strange,) = told.more["strange"]
    assert sample.threads[strange].is_python is False
    for role in ("zlib 0", "zlib 1"):
        tally = sample.threads[told.tids[role]]
        assert tally.is_python is True
        assert share(tally.ran, tally) >= 70
        assert share(tally.held, tally) <= 25


def test_threads_that_come_and_go_end_no_watch(watch: Watch) -> None:
    """Beside some hundred threads a second that start and end the loop is still seen to hold the GIL."""
    with running(newest(), "churn") as [program]:
        told = program.tell()
        follow(watch, program.pid)
        time.sleep(LOOK_S)
        sample = looked(watch, program.pid)
        before = sample.locks[0].rounds
        until(lambda: looked(watch, program.pid).locks[0].rounds > before, "rounds go on")
        began = watch.take()[program.pid].began
    loop = sample.threads[told.tids["loop"]]
    assert loop.held > 0
    assert sample.locks[0].locked >= 0.5 * sample.locks[0].rounds
    assert began <= 3, "a walk over lists that change may fail now and then, not each time"


def test_another_program_in_the_same_process(watch: Watch) -> None:
    """After exec the process is attached anew, and its new threads are the ones that are told."""
    with running(None, "exec") as [program]:
        told = program.tell()
        follow(watch, program.pid)
        first = looked(watch, program.pid, 5)
        after = program.tell()
        until(lambda: (now := watch.take().get(program.pid)) is not None and now.began > first.began, "a new attach")
        until(lambda: pythons(looked(watch, program.pid)) == set(after.tids.values()), "all its threads are known")
        sample = looked(watch, program.pid)
    assert first.version == sample.version == told.version
    assert after.pid == told.pid
    assert sample.locks[0].locked >= 0.8 * sample.locks[0].rounds


def test_child_of_a_fork_is_told_by_its_own_threads(watch: Watch) -> None:
    """The child of a threaded program has the threads that it has, and none of its parent's."""
    with running(newest(range(8, 12)), "fork") as [program]:
        program.tell()
        child = program.tell()
        follow(watch, program.pid, child.pid)
        sample = looked(watch, child.pid)
    assert child.pid != program.pid
    assert pythons(sample) == set(child.tids.values())
    assert sample.threads[child.tids["loop 0"]].held > 0


def test_a_main_thread_that_has_ended(watch: Watch) -> None:
    """The process is watched by way of the threads that live: the main one has no memory any more."""
    with running(newest(), "orphan") as [program]:
        told = program.tell()
        until(lambda: ") Z " in Path(f"/proc/{program.pid}/stat").read_text(encoding="utf-8"), "its main thread ends")
        follow(watch, program.pid)
        sample = looked(watch, program.pid)
    assert sample.grade == "exact"
    assert all(sample.threads[told.tids[f"loop {at}"]].held > 0 for at in range(2))


def test_the_end_of_a_program_is_not_that_of_the_watch(watch: Watch) -> None:
    """A program that ends is no longer told of, and another one is followed as before."""
    with running(newest(), "exit", "crowd") as [brief, lasting]:
        brief.tell()
        lasting.tell()
        follow(watch, brief.pid, lasting.pid)
        looked(watch, brief.pid, 2)
        brief.wait()
        until(lambda: brief.pid not in watch.take(), "the end is noticed")
        rounds = looked(watch, lasting.pid, 2).locks[0].rounds
        until(lambda: looked(watch, lasting.pid).locks[0].rounds > rounds, "rounds go on")


def test_a_program_of_another_kind_is_a_stranger(watch: Watch) -> None:
    """What is no CPython has no sample, is named as such, and does not slow down the others."""
    sleeper = subprocess.Popen(["sleep", str(MOST_S)])
    try:
        follow(watch, sleeper.pid)
        until(lambda: sleeper.pid in watch.strangers(), "it is tried")
        assert watch.take() == {}
        with running(newest(), "crowd") as [program]:
            program.tell()
            follow(watch, sleeper.pid, program.pid)
            looked(watch, program.pid)
        assert watch.strangers() == {sleeper.pid}
    finally:
        sleeper.kill()
        sleeper.wait()


def test_free_threaded_build_has_its_gil_off(watch: Watch) -> None:
    """A free-threaded build is named by its version, its GIL is off, and no rounds are made."""
    with running(newest(range(14, 16), is_free_threaded=True), "crowd") as [program]:
        told = program.tell()
        follow(watch, program.pid)
        until(lambda: program.pid in watch.take(), "it is attached")
        time.sleep(0.3)
        sample = watch.take()[program.pid]
    (lock,) = sample.locks
    assert (sample.grade, sample.version) == ("exact", f"{told.version}t")
    assert (lock.is_enabled, lock.rounds, lock.locked) == (False, 0, 0)
    assert sample.threads[told.tids["loop 0"]].held == 0


def test_descriptors_are_given_back() -> None:
    """When a watch is closed, its thread ends, and so do the descriptors it kept."""
    reader = ProcReader(descriptors=64)
    watch = Watch(reader)
    with running(None, "crowd") as [program]:
        program.tell()
        follow(watch, program.pid)
        looked(watch, program.pid, 5)
        assert reader.kept > 1
        watch.close()
        until(lambda: all(thread.name != "threadtop-gil" for thread in threading.enumerate()), "the thread ends")
    assert reader.kept == 0
    assert watch.take() == {}


# -- against the interpreter's own account -----------------------------------------------------------


def wants(memory: Memory, runtime: Runtime, head: int) -> dict[int, bool]:
    """Each thread's own word for "I want the GIL" (gil_requested, 3.15), by tid."""
    form = runtime.layout
    assert form.native_thread_id is not None
    assert form.gil_requested is not None
    found = {}
    interpreter = memory.word(head + form.interpreters_head)
    state = memory.word(interpreter + form.interpreter_threads)
    while state and len(found) < 64:
        tid = memory.word(state + form.native_thread_id)
        found[tid] = bool(int.from_bytes(memory.read(state + form.gil_requested, 4), "little"))
        state = memory.word(state + form.thread_next)
    return found


def test_waits_agree_with_the_interpreters_own_word() -> None:
    """Of four busy loops each is found waiting when CPython 3.15 itself says that it wants the GIL.

    One that wants it and was woken to try again may still queue for a CPU: then it is found running.
    """
    reader = ProcReader(descriptors=64)
    with running(newest(range(15, 16)), "four") as [program]:
        told = program.tell()
        identity = identify(reader.read(program.pid, "maps"), reader.link(program.pid, "exe").encode())
        memory = Memory(reader, program.pid)
        probe = MemoryProbe(reader, program.pid, memory, lambda tasks: attach_runtime(memory, identity, tasks))
        loops = [told.tids[f"loop {number}"] for number in range(4)]
        wanted = dict.fromkeys(loops, 0)
        for number in range(200):
            now = wants(memory, probe.runtime, probe.runtime._address)
            for tid in loops:
                wanted[tid] += now[tid]
            probe.look(time.monotonic_ns())
            time.sleep(0.007 + 0.006 * (number * 7 % 10) / 10)
        tallies = [probe.threads[tid].weights for tid in loops]
        probe.close()
    for tid, weights in zip(loops, tallies, strict=True):
        wanted_pct, waited_pct, ran_pct, blocked_pct = (
            part / 2 for part in (wanted[tid], weights[WAITED], weights[RAN], weights[BLOCKED])
        )
        assert wanted_pct > 40
        assert waited_pct <= wanted_pct + 5
        assert waited_pct + ran_pct >= wanted_pct - 5
        assert blocked_pct <= 5


def test_attach_says_what_it_found() -> None:
    """A child of this program is attached exactly, and its version is the one it says it has."""
    reader = ProcReader(descriptors=64)
    with running(None, "quiet") as [program]:
        told = program.tell()
        attached = attach(reader, program.pid, 0)
        assert (attached.grade, attached.version) == ("exact", told.version)
        assert attached.probe is not None
        attached.probe.close()
    assert reader.kept == 0


def test_a_program_that_was_replaced_is_still_known() -> None:
    """After an upgrade the running program's file is gone: without memory the version comes by the link exe."""
    reader = ProcReader(descriptors=16)
    with running(None, "quiet") as [program]:
        program.tell()  # until then it may not have come to its exec
        identity = identify(reader.read(program.pid, "maps"), os.fsencode(reader.link(program.pid, "exe")))
        expected = _version_of_files(reader, program.pid, identity)
        gone = Identity(
            tuple(Image(image.path + b" (deleted)", image.base) for image in identity.images), identity.minors, True
        )

        class Replaced(ProcReader):
            """Says of the executable what the kernel says of one that is gone."""

            def link(self, pid: int, name: str) -> str:
                return super().link(pid, name) + " (deleted)"

        assert _version_of_files(Replaced(descriptors=16), program.pid, gone) in (expected, expected.rsplit(".", 1)[0])
