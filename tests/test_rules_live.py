"""The rules and the programs that must trigger each, and those that must trigger none, on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import postgres
import quota
from threadtop import source
from threadtop.findings import PROBLEM
from threadtop.findings.blocked import DISK_PCT
from threadtop.findings.cpu import HOLD_S, IDLE_CPU_PCT
from threadtop.interest import Interest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from threadtop.snapshot import Snapshot

pytestmark = [pytest.mark.live, pytest.mark.alone]
PROGRAM = Path(__file__).parent / "programs" / "rules.py"
DEADLINE_S = 60.0  # on a busy machine a condition may take its time to hold
PATIENCE_S = 20.0  # for a condition that this machine may not have
STEP_S = 1.0
READINGS = 6  # that many without a finding: more than any rule but the slowest needs

IDLE_BUSY_PCT = 15.0  # of all CPUs, in any second: threadtop's first looks included

OF_THE_MACHINE = frozenset({"starved", "too-many-runnable", "throttled", "affinity", "priority"})
"""What is true of any program while the machine that runs these tests is busy, or is given a quota."""
OF_A_BUSY_ONE = frozenset({"starved", "too-many-runnable", "throttled", "affinity", "priority", "disk-bound"})
"""What no program can have on a machine that idles."""


class Must(NamedTuple):
    """The rules that a program triggers, and which other problems it may have."""

    kinds: tuple[str, ...]
    also: frozenset[str] = OF_THE_MACHINE


RUNS: tuple[dict[str, Must], ...] = (
    {
        # First, for few processes are looked at many times a second.
        "disk": Must(("disk-bound",)),
        "peer": Must(("waits-on-one-peer",)),
        "polls": Must(("polling-loop",)),
        "storm": Must(("switch-storm",)),
        "hot": Must(("hot-thread",)),
        "many": Must(("oversized-pool",)),
        "leak": Must(("thread-leak",)),
        "database": Must(("database-lock",), frozenset()),
    },
    {
        "starved": Must(("starved", "affinity"), frozenset({"too-many-runnable", "throttled"})),
        "priority": Must(("priority",)),
        "churn": Must(("thread-churn",)),  # not beside the leak: most of what is new must be its own
    },
    {
        "spinning": Must(("spinning",)),
        "throttled": Must(("throttled",), frozenset()),
    },
)
"""Programs that are watched together, for they leave each other what each of them needs."""
RULES = [(mode, kind) for run in RUNS for mode, must in run.items() for kind in must.kinds]

MUST_NOT = ("sleeps", "epoll", "idle")
"""Programs that do what programs do all day."""


class Seen(NamedTuple):
    """What was found of a program: kinds with their severity, and by kind what kept others from being found.

    ``why_not`` is what kept it from being started; ``is_crowded``: others wanted its CPUs, too.
    """

    found: dict[str, float]
    absent: dict[str, str]
    why_not: str = ""
    is_crowded: bool = False


class SkippedError(Exception):
    """A program cannot do here what it is for; it says why."""


def has_room(snapshot: Snapshot, _pid: int) -> bool:
    """Whether some CPU is idle."""
    return any(core.busy_pct + core.steal_pct <= 100 - IDLE_CPU_PCT for core in snapshot.host.cores)


def waits_for_a_disk(snapshot: Snapshot, pid: int) -> bool:
    """Whether a thread of the program does so most of the time."""
    row = snapshot.processes.get(pid)
    return row is not None and any((thread.disk_pct or 0.0) >= DISK_PCT for thread in row.threads.values())


CROWD = {"starved", "too-many-runnable"}
"""What is true of any program that computes where others do, too."""
CROWD_PCT = 50.0  # of a core that another program uses or waits for


def is_crowded(snapshot: Snapshot, pids: set[int]) -> bool:
    """Whether a program that is none of these wants half a core."""
    return any(
        (row.cpu_pct or 0.0) + (row.wait_pct or 0.0) >= CROWD_PCT
        for row in snapshot.processes.values()
        if not pids & {row.pid, row.ppid} and row.pid != os.getpid()
    )


MAY_BE_ABSENT = {
    "affinity": (has_room, "no CPU was idle for some seconds"),
    "disk-bound": (waits_for_a_disk, "the file is read with hardly a wait"),
}
"""Rules that need something of the machine: whether it is there, and what is said where it never is for long enough."""


@contextmanager
def started(mode: str) -> Iterator[int]:
    """A mode of the program, by its pid; it ends with all that it made.  Raises SkippedError."""
    command = [sys.executable, str(PROGRAM), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            word, _, rest = process.stdout.readline().decode().strip().partition(" ")
            if word == "skip":
                raise SkippedError(rest)
            assert word == "ready"
            yield process.pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def doing(mode: str) -> Iterator[int]:
    """As ``started``, with the circumstances that a rule is about."""
    with ExitStack() as stack:
        try:
            if mode == "database":
                pid = stack.enter_context(postgres.blocked())[0]
            elif mode == "throttled":
                add = stack.enter_context(quota.group())
                pid = stack.enter_context(started(mode))
                add(pid)
            else:
                pid = stack.enter_context(started(mode))
        except (postgres.NoServerError, quota.NoQuotaError) as error:
            raise SkippedError(str(error)) from error
        yield pid


def snapshots(pids: frozenset[int]) -> Iterator[Snapshot]:
    """One each second, these processes looked at closely."""
    live = source.live()
    until = time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < until:
            yield live.read(Interest(gil=pids, waits=pids))
            time.sleep(STEP_S)
    finally:
        live.close()


def watched(run: dict[str, Must]) -> dict[str, Seen]:
    """What is found of these programs until each has triggered its rules, or cannot."""
    seen: dict[str, Seen] = {}
    with ExitStack() as stack:
        pids: dict[str, int] = {}
        for mode in run:
            try:
                pids[mode] = stack.enter_context(doing(mode))
            except SkippedError as error:
                seen[mode] = Seen({}, {}, str(error))
        found: dict[str, dict[str, float]] = {mode: {} for mode in pids}
        left = {(mode, kind) for mode in pids for kind in run[mode].kinds}
        lasted = dict.fromkeys(left, 0)
        longest = dict(lasted)
        began, crowded = time.monotonic(), False
        for count, snapshot in enumerate(snapshots(frozenset(pids.values())), 1):
            crowded |= is_crowded(snapshot, set(pids.values()))
            for each in snapshot.findings:
                for mode in (mode for mode, pid in pids.items() if pid == each.pid):
                    found[mode][each.kind] = max(each.severity, found[mode].get(each.kind, 0.0))
                    left.discard((mode, each.kind))
            for mode, kind in lasted:
                is_there = kind not in MAY_BE_ABSENT or MAY_BE_ABSENT[kind][0](snapshot, pids[mode])
                lasted[mode, kind] = lasted[mode, kind] + 1 if is_there else 0
                longest[mode, kind] = max(longest[mode, kind], lasted[mode, kind])
            absent = {pair for pair in left if longest[pair] <= HOLD_S / STEP_S + 2}
            is_patient = time.monotonic() - began < PATIENCE_S
            if count >= READINGS - 1 and (not left or (left == absent and not is_patient)):
                break
        for mode, kinds in found.items():
            never = {kind: MAY_BE_ABSENT[kind][1] for of, kind in absent if of == mode and kind in MAY_BE_ABSENT}
            seen[mode] = Seen(kinds, never, is_crowded=crowded)
    return seen


@pytest.fixture(scope="module")
def see() -> Callable[[str], Seen]:
    """What was found of a program; those of its run are watched together, once."""
    done: dict[str, Seen] = {}

    def see(mode: str) -> Seen:
        if mode not in done:
            done.update(watched(next(run for run in RUNS if mode in run)))
        if done[mode].why_not:
            pytest.skip(done[mode].why_not)
        return done[mode]

    return see


@pytest.mark.parametrize(("mode", "kind"), RULES, ids=[f"{mode}-{kind}" for mode, kind in RULES])
def test_what_must_be_found(see: Callable[[str], Seen], mode: str, kind: str) -> None:
    """Each program triggers its rules."""
    seen = see(mode)
    if kind in seen.absent:
        pytest.skip(seen.absent[kind])
    assert kind in seen.found


@pytest.mark.parametrize("mode", [mode for run in RUNS for mode in run])
def test_what_must_not_be_found_beside_it(see: Callable[[str], Seen], mode: str) -> None:
    """No program has another rule's problem, unless others make it one."""
    (must,) = [run[mode] for run in RUNS if mode in run]
    seen = see(mode)
    problems = {kind for kind, severity in seen.found.items() if severity >= PROBLEM}
    assert problems - {*must.kinds, *must.also, *(CROWD if seen.is_crowded else ())} == set()


def test_what_must_not_be_found() -> None:
    """Sleepers, an idle pool and a server with little to do: nothing is said of them, observations included.

    Where the whole machine idles meanwhile, no program on it has a problem with its CPUs or disks.
    """
    seen: set[tuple[int, str]] = set()
    others: set[tuple[str, str]] = set()
    is_idle = True
    with ExitStack() as stack:
        pids = frozenset(stack.enter_context(started(mode)) for mode in MUST_NOT)
        live = source.live()
        stack.callback(live.close)
        close = pids
        for _ in range(READINGS):
            snapshot = live.read(Interest(gil=pids, waits=close))
            seen |= {(each.pid, each.kind) for each in snapshot.findings if each.pid in pids}
            others |= {(each.process, each.kind) for each in snapshot.findings if each.severity >= PROBLEM}
            is_idle = is_idle and idles(snapshot)
            close = pids | {row.pid for row in snapshot.processes.values() if row.moving}  # all that may have any
            time.sleep(STEP_S)
    assert {(pid, kind) for pid, kind in seen if kind not in OF_THE_MACHINE} == set()
    assert not is_idle or {(name, kind) for name, kind in others if kind in OF_A_BUSY_ONE} == set()


def idles(snapshot: Snapshot) -> bool:
    """Whether hardly a CPU is used, or waits for a disk."""
    cpu = snapshot.host.cpu
    return cpu is None or cpu.busy_pct + cpu.iowait_pct < IDLE_BUSY_PCT


def test_a_build_and_a_desktop() -> None:
    """More jobs than CPUs, each for a moment, and hundreds of sleepers: nothing that one would mend."""
    with ExitStack() as stack:
        pids = frozenset(stack.enter_context(started(mode)) for mode in ("jobs", "mix"))
        live = source.live()
        stack.callback(live.close)
        said = []
        for _ in range(READINGS * 2):  # as long as what nobody looks at must last
            snapshot = live.read(Interest())
            family = pids | {row.pid for row in snapshot.processes.values() if row.ppid in pids}
            said += [each for each in snapshot.findings if each.pid in family]
            time.sleep(STEP_S)
    assert said == []
