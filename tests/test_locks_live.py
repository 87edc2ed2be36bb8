"""Locks of real programs that tell who owns what: deadlocks by the right threads, and none where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from test_metrics_command import exporting, scraped
from threadtop import source
from threadtop.interest import Interest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from threadtop.lock_rows import LocksRow
    from threadtop.snapshot import Snapshot

COMPILER = shutil.which("cc")
MACHINE = os.uname().machine
pytestmark = [
    pytest.mark.live,
    pytest.mark.alone,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler (cc) is here"),
    pytest.mark.skipif(MACHINE not in {"x86_64", "aarch64"}, reason="its glibc structures are not known"),
]
SOURCE = Path(__file__).parent / "programs" / "locks.c"
DEADLINE_S = 45.0
TICK_S = 0.1
TICKS_OF_PEACE = 8
PYTHON = """
import threading, time
first, second = threading.Lock(), threading.Lock()
both = threading.Barrier(2)
def ab(one, other):
    with one:
        both.wait()
        other.acquire()
for pair in ((first, second), (second, first)):
    threading.Thread(target=ab, args=pair, daemon=True).start()
print("ready", flush=True)
time.sleep(60)
"""


class Told(NamedTuple):
    """What a program says of itself: (pid, tid) of its threads, by their names."""

    pid: int
    threads: dict[str, list[tuple[int, int]]]

    def one(self, name: str) -> tuple[int, int]:
        """The only thread of that name."""
        (found,) = self.threads[name]
        return found

    @property
    def pids(self) -> frozenset[int]:
        """All its processes."""
        return frozenset(pid for found in self.threads.values() for pid, _ in found) | {self.pid}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program, compiled."""
    made = tmp_path_factory.mktemp("locks") / "locks"
    assert COMPILER is not None
    subprocess.run([COMPILER, "-O1", "-pthread", "-o", str(made), str(SOURCE)], check=True, timeout=120)
    return str(made)


@contextmanager
def running(*command: str, threads: int = 0) -> Iterator[Told]:
    """A program that has said that all is set up, and so many lines about threads."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        said: dict[str, list[tuple[int, int]]] = {}
        count = 0
        is_ready = False
        while not is_ready or count < threads:
            words = process.stdout.readline().split()
            assert words, "it has ended"
            if words == [b"ready"]:
                is_ready = True
            else:
                said.setdefault(words[0].decode(), []).append((int(words[1]), int(words[2])))
                count += 1
        yield Told(process.pid, said)
    finally:
        process.kill()
        process.communicate()


def once(pids: frozenset[int], done: Callable[[Snapshot], bool], *, peace: int = 0, alone: bool = True) -> Snapshot:
    """The snapshot in which it is so, or the last one; after ``peace`` more ticks; alone: of no other process."""
    live = source.live()
    interest = Interest(attached=pids if alone else None, waits=pids, gil=pids)
    try:
        until_s = time.monotonic() + DEADLINE_S
        while True:
            shot = live.read(interest)
            if done(shot) or time.monotonic() > until_s:
                break
            time.sleep(TICK_S)
        for _ in range(peace):
            time.sleep(TICK_S)
            shot = live.read(interest)
        return shot
    finally:
        live.close()


def locks_of(shot: Snapshot, pid: int) -> LocksRow:
    """The locks of a process."""
    found = shot.processes[pid].locks
    assert found is not None
    return found


def chains(shot: Snapshot, pid: int) -> list[set[tuple[int, int]]]:
    """The threads of each deadlock."""
    found = shot.processes[pid].locks
    return [{(link[0], link[1]) for link in one.chain} for one in found.deadlocks] if found else []


def waiting(shot: Snapshot, pid: int) -> int:
    """How many threads wait on a futex."""
    found = shot.processes[pid].locks
    return sum(lock.waiters for lock in found.locks) if found else 0


def kinds(shot: Snapshot) -> set[str]:
    """What is found."""
    return {found.kind for found in shot.findings}


# -- deadlocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["deadlock", "robust-deadlock"])
def test_a_deadlock_is_named(program: str, mode: str) -> None:
    """The two threads of the chain, and the one behind them."""
    with running(program, mode, threads=4) as told:
        behind = told.one("waiter")

        def is_done(shot: Snapshot) -> bool:
            found = shot.processes[told.pid].locks
            return found is not None and bool(found.deadlocks) and behind in found.deadlocks[0].behind

        shot = once(told.pids, is_done)
    assert chains(shot, told.pid) == [{told.one("ab"), told.one("ba")}]
    (one,) = locks_of(shot, told.pid).deadlocks
    assert one.behind == (behind,)
    (found,) = [found for found in shot.findings if found.kind == "deadlock"]
    assert f"ab ({told.one('ab')[1]}) waits for " in found.title
    assert f"ba ({told.one('ba')[1]})" in found.title
    assert found.grade == "exact"


def test_a_thread_that_waits_for_itself(program: str) -> None:
    """A chain of one."""
    with running(program, "twice", threads=2) as told:
        shot = once(told.pids, lambda shot: bool(chains(shot, told.pid)))
    assert chains(shot, told.pid) == [{told.one("twice")}]


def test_metrics_tell_it_of_a_watched_group(program: str, tmp_path: Path) -> None:
    """The deadlock of a group that is looked at closely is there to be scraped."""
    groups = tmp_path / "groups.toml"
    groups.write_text('[[group]]\nname = "api"\ncommand = "locks deadlock"\nwatch = true\n', encoding="utf-8")
    with (
        running(program, "deadlock", threads=4),
        exporting("--listen", "127.0.0.1:0", "--groups", str(groups)) as (_, url),
    ):
        found = 'threadtop_findings{grade="exact",group="api",rule="deadlock",severity="problem"} 1.0'
        assert found in scraped(url, until=found)


@pytest.mark.parametrize("mode", ["shared-deadlock", "shared-robust-deadlock"])
def test_a_deadlock_between_two_processes(program: str, mode: str) -> None:
    """Through mutexes in memory that they share."""
    with running(program, mode, threads=3) as told:
        shot = once(told.pids, lambda shot: all(chains(shot, pid) for pid in told.pids))
    both = {told.one("ab"), told.one("ba")}
    assert {pid: chains(shot, pid) for pid in told.pids} == {key: [both] for key in told.pids}
    assert len({lock.shared for pid in told.pids for lock in locks_of(shot, pid).locks if lock.shared}) == 2
    assert len([found for found in shot.findings if found.kind == "deadlock"]) == 1


@pytest.mark.parametrize("name", ["ab", "ba"])
def test_a_deadlock_with_a_process_that_nobody_asked_for(program: str, name: str) -> None:
    """Whichever of the two is looked at: the owner of what it waits for is followed, and the finding is its own."""
    with running(program, "shared-deadlock", threads=3) as told:
        pid, _ = told.one(name)
        shot = once(frozenset({pid}), lambda shot: bool(chains(shot, pid)), alone=False)
    assert chains(shot, pid) == [{told.one("ab"), told.one("ba")}]
    assert [found.pid for found in shot.findings if found.kind == "deadlock"] == [pid]


@pytest.mark.skipif(MACHINE != "x86_64", reason="struct pthread is known on x86-64 only")
def test_a_deadlock_through_a_join(program: str) -> None:
    """One waits for the end of the other, which waits for what the first has locked."""
    with running(program, "join", threads=2) as told:
        shot = once(told.pids, lambda shot: bool(chains(shot, told.pid)))
    assert chains(shot, told.pid) == [{told.one("main"), told.one("joiner")}]


# -- owners ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "kind", "count"), [("owned", "mutex", 4), ("rwlock", "rwlock", 2)])
@pytest.mark.skipif(MACHINE != "x86_64", reason="has been looked at on x86-64 only")
def test_owners(program: str, mode: str, kind: str, count: int) -> None:
    """The main thread has it and sleeps; the others wait."""
    with running(program, mode, threads=count + 1) as told:

        def is_done(shot: Snapshot) -> bool:
            return waiting(shot, told.pid) == count and all(
                lock.owner_tid is not None for lock in locks_of(shot, told.pid).locks
            )

        shot = once(told.pids, is_done)
    assert {(lock.kind, lock.owner_tid) for lock in locks_of(shot, told.pid).locks} == {(kind, told.pid)}
    assert waiting(shot, told.pid) == count
    assert not chains(shot, told.pid)


def test_a_priority_inheriting_mutex(program: str) -> None:
    """The kernel's own rule names its owner; the circle that the kernel has refused to close is no deadlock."""
    with running(program, "pi-deadlock", threads=4) as told:

        def has_owner(shot: Snapshot) -> bool:
            found = shot.processes[told.pid].locks
            return found is not None and any(lock.kind == "pi mutex" and lock.is_confirmed for lock in found.locks)

        shot = once(told.pids, has_owner, peace=TICKS_OF_PEACE)
    owners = {lock.owner_tid for lock in locks_of(shot, told.pid).locks if lock.kind == "pi mutex"}
    assert owners
    assert owners <= {told.one("ab")[1], told.one("ba")[1]}
    assert "deadlock" not in kinds(shot)


def test_an_owner_in_another_process(program: str) -> None:
    """A mutex that processes share."""
    with running(program, "shared-owned", threads=2) as told:
        pid, tid = told.one("waiter")
        shot = once(told.pids, lambda shot: any(lock.owner_tid for lock in locks_of(shot, pid).locks))
    (found,) = locks_of(shot, pid).locks
    assert (found.owner_pid, found.owner_tid, [wait.tid for wait in found.waits]) == (told.pid, told.pid, [tid])


def test_an_owner_that_has_ended(program: str) -> None:
    """A thread left with the mutex in its hands."""
    with running(program, "orphan", threads=3) as told:
        shot = once(told.pids, lambda shot: any(lock.ended_tid for lock in locks_of(shot, told.pid).locks))
    (found,) = locks_of(shot, told.pid).locks
    assert found.ended_tid == told.one("left")[1]


def test_a_lock_that_changes_hands(program: str) -> None:
    """Its owner is one of those that take turns, and it is neither a deadlock nor a suspicion of one."""
    with running(program, "convoy", threads=5) as told:
        turns = {tid for _, tid in told.threads["turn"]}

        def is_done(shot: Snapshot) -> bool:
            return any(lock.owner_tid is not None for lock in locks_of(shot, told.pid).locks)

        shot = once(told.pids, is_done)
        # A waiter whose call was read just before it left shows a futex that nobody owns by now.
        owned = [lock for lock in locks_of(shot, told.pid).locks if lock.owner_tid is not None]
        assert {lock.owner_tid for lock in owned} <= turns
        assert {lock.kind for lock in owned} == {"mutex"}
        assert not kinds(shot) & {"deadlock", "deadlock-suspected"}


# -- no deadlock -------------------------------------------------------------------------------


def test_a_timeout_is_a_suspicion(program: str) -> None:
    """The same circle, but one of the waits will end."""
    with running(program, "timed", threads=3) as told:
        shot = once(told.pids, lambda shot: bool(locks_of(shot, told.pid).suspected))
    assert [{(pid, tid) for pid, tid, _ in one.chain} for one in locks_of(shot, told.pid).suspected] == [
        {told.one("ab"), told.one("ba")}
    ]
    assert "deadlock" not in kinds(shot)


def test_parked_threads_are_no_deadlock(program: str) -> None:
    """They wait on a condition for ever: that has no owner, and is no finding."""
    with running(program, "parked", threads=5) as told:
        shot = once(told.pids, lambda shot: waiting(shot, told.pid) == 4, peace=TICKS_OF_PEACE)
    (found,) = locks_of(shot, told.pid).locks
    assert (found.owner_tid, found.ended_tid, found.waiters) == (None, None, 4)
    assert not kinds(shot)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="locks of 3.13 and later are another matter")
def test_locks_of_python_have_no_owner() -> None:
    """A real deadlock of two threading.Lock: who waits is seen, who owns what is not, so there is no verdict."""
    with running(sys.executable, "-c", PYTHON) as told:
        shot = once(told.pids, lambda shot: waiting(shot, told.pid) == 2, peace=TICKS_OF_PEACE)
    assert waiting(shot, told.pid) == 2
    assert {lock.owner_tid for lock in locks_of(shot, told.pid).locks} == {None}
    assert not kinds(shot) & {"deadlock", "deadlock-suspected", "lock-convoy", "waits-on-one-lock"}
