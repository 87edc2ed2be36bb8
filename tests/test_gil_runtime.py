"""A CPython found in memory made by hand: every version, both machines, and memory that lies."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from fakegil import LOCKS, PTHREADS, RUNTIME, SPAN, STACKS, STATES, FakeRuntime
from threadtop.errors import GoneError
from threadtop.gil.memory import BadAddressError
from threadtop.gil.runtime import (
    MOST_INTERPRETERS,
    MOST_THREADS,
    MUSL_WAITERS,
    Lock,
    NotReadyError,
    Place,
    Runtime,
    State,
    UnknownError,
)

ALL = [(minor, machine) for minor in range(8, 16) for machine in ("x86_64", "aarch64")]
TASKS = {tid: tid for tid in (501, 502, 503, 504, 505)}


def runtime_of(fake: FakeRuntime) -> Runtime:
    """A runtime that reads the made-up memory."""
    memory: Any = fake.memory
    return Runtime(memory, Place(fake.machine, RUNTIME, "3.x", not fake.is_musl), fake.form)


def simple(minor: int = 11, machine: str = "x86_64", **more: bool) -> FakeRuntime:
    """One interpreter with three threads, none of which has the GIL."""
    fake = FakeRuntime(minor, machine, **more)
    fake.interpreter(0, [501, 502, 503])
    return fake


@pytest.mark.parametrize(("minor", "machine"), ALL)
def test_every_version(minor: int, machine: str) -> None:
    """Threads, lock and holder are found as each version and machine has them."""
    fake = simple(minor, machine)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    (lock,) = runtime.locks
    assert runtime.tids == {501, 502, 503}
    assert lock == Lock(fake.gils[0], (0,), is_enabled=True, interval_us=5000)
    assert runtime.state(lock) == State(0, is_locked=False, switches=0)
    fake.hold(502, 77)
    assert runtime.state(lock) == State(fake.states[502], is_locked=True, switches=77)
    assert runtime.tid(fake.states[502], TASKS) == 502
    fake.hold(None, 78)
    assert runtime.state(lock) == State(fake.states[502], is_locked=False, switches=78)


@pytest.mark.parametrize(("minor", "machine"), ALL)
def test_musl(minor: int, machine: str) -> None:
    """So they are where the C library is musl."""
    fake = simple(minor, machine, is_musl=True)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert runtime.tids == {501, 502, 503}
    assert [lock.address for lock in runtime.locks] == fake.gils


@pytest.mark.parametrize("minor", [13, 14, 15])
def test_free_threaded(minor: int) -> None:
    """A free-threaded build says whether its GIL is on; its fields lie behind that word."""
    fake = simple(minor, is_free_threaded=True)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert runtime.locks[0].is_enabled
    fake.memory.put(fake.gils[0], 0, 4)
    runtime.refresh(TASKS)
    assert not runtime.locks[0].is_enabled
    assert runtime.locks[0].interval_us == 5000


@pytest.mark.parametrize("minor", [12, 13, 15])
def test_interpreters_that_own_and_that_share_a_gil(minor: int) -> None:
    """An interpreter with its own GIL has a lock of its own, others share the main one's."""
    fake = FakeRuntime(minor)
    fake.interpreter(0, [501])
    fake.interpreter(3, [502], owns_gil=True)
    fake.interpreter(7, [503, 504], owns_gil=False)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert [(lock.address, lock.interpreters) for lock in runtime.locks] == [
        (fake.gils[0], (0, 7)),
        (fake.gils[1], (3,)),
    ]
    assert runtime.tids == {501, 502, 503, 504}
    fake.hold(502, lock=1)
    assert not runtime.state(runtime.locks[0]).is_locked
    assert runtime.state(runtime.locks[1]).is_locked


@pytest.mark.parametrize("minor", [8, 11])
def test_before_3_12_all_share_one(minor: int) -> None:
    """Sub-interpreters before 3.12 share the runtime's GIL."""
    fake = FakeRuntime(minor)
    fake.interpreter(0, [501])
    fake.interpreter(1, [502])
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert [lock.interpreters for lock in runtime.locks] == [(0, 1)]
    assert runtime.tids == {501, 502}


def test_interpreter_that_is_being_made_is_left_out() -> None:
    """Without a GIL yet, or with one that is not set up, an interpreter does not hide the others."""
    fake = FakeRuntime(12)
    fake.interpreter(0, [501])
    young, younger = fake.interpreter(1, []), fake.interpreter(2, [])
    assert fake.form.interpreter_gil is not None
    fake.memory.put(young + fake.form.interpreter_gil, 0)
    fake.memory.put(fake.gils[2] + fake.form.gil_locked, 0xFFFFFFFF, 4)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert [lock.interpreters for lock in runtime.locks] == [(0,)]
    assert younger in fake.interpreters


# -- tids ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", [8, 10, 11, 15])
def test_a_pid_namespace_of_its_own(minor: int) -> None:
    """A container's threads are told by our tids, though its memory holds its own."""
    fake = FakeRuntime(minor)
    fake.interpreter(0, [1, 7, 8])
    runtime = runtime_of(fake)
    tasks = {1: 90001, 7: 90007, 8: 90008}
    runtime.refresh(tasks)
    assert runtime.tids == {90001, 90007, 90008}
    assert runtime.tid(fake.states[7], tasks) == 90007


def test_old_python_does_not_take_another_number_for_a_tid() -> None:
    """Before 3.11 a thread not listed yet is unknown, whatever other words there equal a listed tid."""
    fake = FakeRuntime(10)
    fake.interpreter(0, [99, 501, 502])  # the newest thread comes first, and is not listed
    for number in range(3):
        fake.memory.put(PTHREADS + number * 0x800 + 724, 501, 4)  # old C libraries: the pid beside the tid
        fake.memory.put(PTHREADS + number * 0x800 + 208, 501, 4)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert runtime.tids == {501, 502}
    assert runtime.tid(fake.states[99], TASKS) is None
    assert runtime.tid(fake.states[502], TASKS) == 502


def test_old_python_finds_the_tid_elsewhere() -> None:
    """Before 3.11 another C library may keep the tid in another place of struct pthread."""
    fake = FakeRuntime(9)
    fake.tid_offset = 612
    fake.interpreter(0, [501, 502])
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert runtime.tids == {501, 502}
    fake = FakeRuntime(9)
    fake.tid_offset = 2000  # beyond what is searched
    fake.interpreter(0, [501, 502])
    with pytest.raises(NotReadyError):
        runtime_of(fake).refresh(TASKS)


def test_thread_that_has_ended_is_left_out() -> None:
    """Before 3.11 a thread state whose pthread is unmapped hides no other."""
    fake = simple(10)
    del fake.memory.segments[PTHREADS]
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert runtime.tids == {502, 503}
    assert runtime.tid(fake.states[501], TASKS) is None


def test_tids_that_are_none_of_its_threads() -> None:
    """A thread state whose tid is not the process's is not told; if there is no other, it is not ready."""
    fake = simple(11)
    runtime = runtime_of(fake)
    runtime.refresh({502: 502})
    assert runtime.tids == {502}
    with pytest.raises(NotReadyError):
        runtime.refresh({600: 600})


# -- waiters -------------------------------------------------------------------------------------------


def waiting(fake: FakeRuntime, condition: int, nodes: list[int], tail: int | None = None) -> None:
    """Link musl's waiters, each on its own stack."""
    memory, at = fake.memory, fake.gils[0] + condition
    if nodes:
        memory.put(at + 8, nodes[0])
        memory.put(at + 40, nodes[-1] if tail is None else tail)
    for node in nodes:
        memory.map(node, 64)
    for node, following in pairwise(nodes):
        memory.put(node + 8, following)


def test_waiters_of_musl() -> None:
    """The words that wait are those of both condition variables' waiters; glibc has none of these."""
    fake = simple(11, is_musl=True)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    (lock,) = runtime.locks
    assert runtime.waiters(lock) == frozenset()
    waiting(fake, fake.form.gil_cond, [STACKS, STACKS + SPAN])
    waiting(fake, fake.form.gil_switch_cond, [STACKS + 2 * SPAN])
    assert runtime.waiters(lock) == {STACKS + 20, STACKS + SPAN + 20, STACKS + 2 * SPAN + 20}
    fake.is_musl = False
    assert runtime_of(fake).waiters(lock) == frozenset()


def test_waiters_of_musl_that_lie() -> None:
    """A list of waiters that leads in a circle, nowhere, or has no end is left after so many."""
    fake = simple(11, is_musl=True)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    (lock,) = runtime.locks
    waiting(fake, fake.form.gil_cond, [STACKS, STACKS + SPAN, STACKS], tail=1)
    assert runtime.waiters(lock) == {STACKS + 20, STACKS + SPAN + 20}
    waiting(fake, fake.form.gil_cond, [STACKS], tail=1)
    fake.memory.put(STACKS + 8, 0xDEAD_0000)
    assert STACKS + 20 in runtime.waiters(lock)
    nodes = [STACKS + 16 * number for number in range(MUSL_WAITERS + 100)]
    fake.memory.map(STACKS, 16 * len(nodes) + 64)
    for node in nodes:
        fake.memory.put(node + 8, node + 16)
    fake.memory.reads = 0
    assert len(runtime.waiters(lock)) == MUSL_WAITERS
    assert fake.memory.reads <= MUSL_WAITERS + 2


# -- memory that lies ----------------------------------------------------------------------------------


def refused(fake: FakeRuntime, *kinds: type[Exception]) -> Exception:
    """What a refresh raises."""
    with pytest.raises(kinds) as caught:
        runtime_of(fake).refresh(TASKS)
    return caught.value


def test_nothing_there_yet() -> None:
    """No interpreter, no thread, or a GIL that is not made yet: try again later."""
    refused(FakeRuntime(11), NotReadyError)
    fake = FakeRuntime(11)
    fake.interpreter(0, [])
    refused(fake, NotReadyError)
    fake = simple(11)
    fake.memory.put(fake.gils[0] + fake.form.gil_locked, 0xFFFFFFFF, 4)
    refused(fake, NotReadyError)


@pytest.mark.parametrize(
    ("field", "value", "size"),
    [("gil_locked", 77, 4), ("gil_locked", 2, 4), ("gil_interval", 0, 8), ("gil_interval", 100_000_001, 8)],
)
def test_fields_that_hold_what_they_never_do(field: str, value: int, size: int) -> None:
    """A lock word of 77 or an interval of 0 means that this is no GIL."""
    fake = simple(12)
    fake.memory.put(fake.gils[0] + getattr(fake.form, field), value, size)
    refused(fake, UnknownError)


@pytest.mark.parametrize(("field", "value", "size"), [("gil_locked", 1, 4), ("gil_interval", 1, 8)])
def test_fields_at_their_bounds(field: str, value: int, size: int) -> None:
    """A GIL that is held, or handed over every microsecond, is one."""
    fake = simple(12)
    fake.memory.put(fake.gils[0] + getattr(fake.form, field), value, size)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert len(runtime.locks) == 1


def test_first_thread_state_must_point_back() -> None:
    """A first thread state of another interpreter: this is not the layout; a later one: it was freed meanwhile."""
    fake = simple(11)
    fake.memory.put(fake.states[501] + fake.form.thread_interp, 0x1234)
    refused(fake, UnknownError)
    fake = simple(11)
    fake.memory.put(fake.states[502] + fake.form.thread_interp, 0x1234)
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert runtime.tids == {501}


def test_a_list_that_changed_is_walked_again() -> None:
    """What does not check once may just have been freed: the walk is made again before it is given up."""
    fake = simple(11)
    good, left = fake.memory.read, [2]

    def read(address: int, size: int) -> bytes:
        if left[0]:
            left[0] -= 1
            raise BadAddressError
        return good(address, size)

    fake.memory.read = read  # type: ignore[method-assign]
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert runtime.tids == {501, 502, 503}


def test_circles() -> None:
    """Lists that bite their tail are walked once round."""
    fake = FakeRuntime(12)
    fake.interpreter(0, [501, 502, 503])
    fake.interpreter(1, [504])
    fake.memory.put(fake.interpreters[1] + fake.form.interpreter_next, fake.interpreters[0])
    fake.memory.put(fake.states[503] + fake.form.thread_next, fake.states[502])
    fake.memory.put(fake.states[504] + fake.form.thread_next, fake.states[504])
    runtime = runtime_of(fake)
    fake.memory.reads = 0
    runtime.refresh(TASKS)
    assert runtime.tids == {501, 502, 503, 504}
    assert [lock.interpreters for lock in runtime.locks] == [(0,), (1,)]
    assert fake.memory.reads < 30


def test_threads_without_end() -> None:
    """A list of thread states that never ends is left after so many."""
    fake = simple(11)
    form, count = fake.form, MOST_THREADS + 1000
    step = 256
    start = 0x1000_0000
    fake.memory.map(start, count * step + 4096)
    for number in range(count):
        at = start + number * step
        fake.memory.put(at + form.thread_interp, fake.interpreters[0])
        fake.memory.put(at + form.thread_next, at + step)
    fake.memory.put(fake.states[503] + form.thread_next, start)
    fake.memory.reads = 0
    runtime = runtime_of(fake)
    runtime.refresh(TASKS)
    assert runtime.tids == {501, 502, 503}
    assert fake.memory.reads <= MOST_THREADS + 20


def test_interpreters_without_end() -> None:
    """A list of interpreters that never ends is left after so many."""
    fake = FakeRuntime(11)
    form, count = fake.form, MOST_INTERPRETERS + 100
    fake.interpreter(0, [501])
    start, step = 0x1000_0000, 256
    fake.memory.map(start, count * step + 4096)
    for number in range(count):
        fake.memory.put(start + number * step + form.interpreter_next, start + (number + 1) * step)
    fake.memory.put(fake.interpreters[0] + form.interpreter_next, start)
    runtime = runtime_of(fake)
    fake.memory.reads = 0
    runtime.refresh(TASKS)
    assert len(runtime.locks[0].interpreters) == MOST_INTERPRETERS
    assert fake.memory.reads <= 4 * MOST_INTERPRETERS + 20


def test_wild_pointers() -> None:
    """Pointers to what is not mapped: not ready; the end of the process: gone."""
    for minor in (8, 12, 15):
        fake = simple(minor)
        fake.memory.put(RUNTIME + fake.form.interpreters_head, 0xDEAD_BEEF_0000)
        refused(fake, NotReadyError)
        fake = simple(minor)
        fake.memory.put(fake.states[502] + fake.form.thread_next, (1 << 64) - 8)
        refused(fake, NotReadyError)
        fake = simple(minor)
        fake.memory.is_gone = True
        refused(fake, GoneError)
    fake = simple(12)
    fake.memory.put(fake.interpreters[0] + (fake.form.interpreter_gil or 0), LOCKS - 0x10_0000)
    refused(fake, NotReadyError)
    assert runtime_of(fake).tid(0xDEAD_BEEF_0000, TASKS) is None


def test_cut_short() -> None:
    """A segment that ends amid a structure: not ready."""
    for size in (0, 1, 16, 100):
        fake = simple(12)
        fake.memory.segments[fake.gils[0]] = fake.memory.segments[fake.gils[0]][:size]
        refused(fake, NotReadyError)
        fake = simple(12)
        fake.memory.segments[STATES] = fake.memory.segments[STATES][:size]
        refused(fake, NotReadyError)


@pytest.mark.parametrize(
    ("minor", "is_musl"), [(8, False), (10, True), (11, False), (12, True), (13, False), (15, True)]
)
def test_random_damage(minor: int, is_musl: bool) -> None:  # noqa: FBT001 a parameter of the test
    """Whatever a few words of its memory hold, only the errors that are named come, after few reads."""
    random_number = random.Random(minor * 31 + is_musl)  # noqa: S311 seeded
    outcomes = set()
    for _ in range(120):
        fake = FakeRuntime(minor, is_musl=is_musl)
        fake.interpreter(0, [501, 502])
        fake.interpreter(1, [503, 504])
        runtime = runtime_of(fake)
        runtime.refresh(TASKS)
        lock = runtime.locks[0]
        places = [
            *(RUNTIME + fake.form.interpreters_head,) * 2,
            *(start + 8 * random_number.randrange(64) for start in fake.states.values()),
            *(start + random_number.choice(interpreter_words(fake)) for start in fake.interpreters),
            *(start + 8 * random_number.randrange(26) for start in fake.gils),
        ]
        values = [0, 1, 77, 501, (1 << 64) - 1, *fake.interpreters, *fake.states.values(), *fake.gils, RUNTIME]
        for _ in range(random_number.randrange(1, 6)):
            value = random_number.choice([*values, random_number.getrandbits(64), random_number.getrandbits(24)])
            fake.memory.put(random_number.choice(places), value)
        fake.memory.reads = 0
        try:
            runtime.refresh(TASKS)
            outcomes.add("well")
        except (NotReadyError, UnknownError) as error:
            outcomes.add(type(error).__name__)
        assert runtime.tids <= set(TASKS)
        state = runtime.state(lock)
        assert runtime.tid(state.holder, TASKS) in {None, *TASKS}
        runtime.waiters(lock)
        assert fake.memory.reads < 300
    assert outcomes == {"well", "NotReadyError", "UnknownError"}


def interpreter_words(fake: FakeRuntime) -> list[int]:
    """Where an interpreter has what is read of it."""
    form = fake.form
    words = [form.interpreter_next, form.interpreter_id, form.interpreter_threads]
    return words if form.interpreter_gil is None else [*words, form.interpreter_gil]
