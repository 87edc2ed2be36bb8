"""The state at a tick, made of the one before and the rows of a tick; what did not change is the same object."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from string import ascii_letters
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from threadtop.errors import RecordingError
from threadtop.recording import facts
from threadtop.recording.packing import unpacked
from threadtop.recording.tables import text
from threadtop.sample import ProcessSample, ThreadSample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.blocked import BlockedOn, LocksSample, WaitSample
    from threadtop.sample import GilSample

Made = TypeVar("Made")
Tallies: TypeAlias = dict[int, tuple[int, ...]]
STATES: Final = frozenset(f"{ascii_letters}?")  # what the kernel may say, and what was not read


class Late(Generic[Made]):
    """Something that is made when it is first asked for: most of what a seek passes by is not.

    ``of`` is what of a file it is made of, besides rows of tallies.
    """

    def __init__(self, make: Callable[[], Made], of: tuple[str, bytes | None] = ("", None)) -> None:
        """Not made yet."""
        self.of = of
        self._make: Callable[[], Made] | None = make
        self._made: Made | None = None

    def get(self) -> Made:
        """It, the same each time; raises RecordingError."""
        if self._make is not None:
            self._made, self._make = self._make(), None
        return self._made  # type: ignore[return-value]


_Blocked: TypeAlias = "dict[int, dict[int, Late[BlockedOn]]]"  # by pid and tid


class State(NamedTuple):
    """All that a moment is made of, after a tick; its dictionaries are never changed once they stand here.

    ``gil_rows``, ``wait_rows`` and ``first_locks`` are those since a key tick by which later ones are told.
    """

    processes: dict[int, ProcessSample]
    gils: dict[int, Late[GilSample]]
    gil_rows: dict[int, Late[Tallies]]
    waits: dict[int, Late[WaitSample]]
    wait_rows: dict[int, Late[Tallies]]
    blocked: _Blocked
    locks: dict[int, Late[LocksSample]]
    first_locks: dict[int, Late[LocksSample]]
    places: dict[int, tuple[tuple[int, int], ...]]


NOTHING: Final = State({}, {}, {}, {}, {}, {}, {}, {}, {})


class Rows(NamedTuple):
    """The rows of one tick by table."""

    processes: list[Any]
    threads: list[Any]
    ended: list[Any]
    looks: list[Any]
    findings: list[Any]
    ticks: list[Any]

    @property
    def tick(self) -> Any:  # noqa: ANN401
        """The row of the tick itself; raises RecordingError where it has gone from the file."""
        if not self.ticks:
            what = "ticks"
            raise RecordingError.damaged(what)
        return self.ticks[0]


def after(state: State, rows: Rows, at_ns: int, *, is_key: bool) -> State:
    """The state after a tick; in a key tick, that of its rows alone, with what is equal to before left as it was."""
    processes = _processes(state.processes, rows, at_ns, is_key=is_key)
    if not rows.looks and not is_key:
        return state._replace(processes=processes)
    now = State(processes, *map(dict, NOTHING[1:] if is_key else state[1:]))  # type: ignore[arg-type]
    for _, kind, pid, tid, said, tallies, moments in rows.looks:
        if kind == "blocked":
            _block(now.blocked, pid, tid, said, moments)
        else:
            _look(now, kind, pid, said, tallies, moments)
    if is_key:
        _keep_same(state.gils, now.gils)
        _keep_same(state.waits, now.waits)
    return now


def _keep_same(old: Mapping[int, Late[Made]], now: dict[int, Late[Made]]) -> None:
    """Where a watch had nothing new (its ``at_ns`` is in it), it stays the object of before: lenses go by that."""
    for pid, was in old.items():
        if pid in now and now[pid].of == was.of:
            now[pid] = was


def _look(now: State, kind: str, pid: int, said: str | None, tallies: bytes | None, moments: bytes | None) -> None:
    """Take one row of looks into a state that is still being made."""
    if said is None:
        for one in {
            "gil": (now.gils, now.gil_rows),
            "waits": (now.waits, now.wait_rows),
            "locks": (now.locks, now.first_locks),
            "gil_places": (now.places,),
        }.get(kind, ()):
            one.pop(pid, None)  # type: ignore[attr-defined]
    elif kind == "gil":
        tell = _tallies(now.gil_rows, pid, tallies)
        now.gils[pid] = Late(lambda: facts.gil_sample(said, tell, moments), (said, moments))
    elif kind == "waits":
        tell = _tallies(now.wait_rows, pid, tallies)
        now.waits[pid] = Late(lambda: facts.wait_sample(said, tell), (said, None))
    elif kind == "locks":
        first = now.first_locks.get(pid) if tallies is None else None
        now.locks[pid] = Late(
            lambda: facts.locks_sample(said, moments, first.get() if first is not None else None), (said, moments)
        )
        if first is None:
            now.first_locks[pid] = now.locks[pid]
    elif kind == "gil_places":
        now.places[pid] = facts.places(said)


def _block(blocked: _Blocked, pid: int, tid: int, said: str | None, body: bytes | None) -> None:
    """Take what threads of a process are blocked on into a state that is still being made."""
    if said is None and not tid:
        blocked.pop(pid, None)
        return
    threads = blocked[pid] = dict(blocked.get(pid, {}))
    # In format 1 each thread has a row.
    changes = {tid: facts.blocked_said(said)} if tid else facts.blocked_changes(body)
    for changed, one in changes.items():
        if one is None:
            threads.pop(changed, None)
        else:
            threads[changed] = Late(partial(facts.blocked_on, one))


def _tallies(firsts: dict[int, Late[Tallies]], pid: int, blob: bytes | None) -> Callable[[], Tallies]:
    """What gives the tallies in ``blob``: the first since a key tick as they were, others as differences to those."""
    first = firsts.get(pid)
    if first is None:
        first = firsts[pid] = Late(partial(unpacked, blob or b"", {}))
        return first.get
    return Late(lambda: unpacked(blob or b"", first.get())).get


def _threads(before: Mapping[int, ProcessSample], rows: Rows, at_ns: int) -> dict[int, dict[int, ThreadSample]]:
    """The threads that a tick has something new of, by pid; raises RecordingError."""
    threads: dict[int, dict[int, ThreadSample]] = {}
    for row in rows.threads:
        _, pid, tid, start, name, *counters, read_ns = row
        made = ThreadSample._make((tid, start, text(name), *counters, at_ns + read_ns))
        _check(made.state, made.wchan)
        threads.setdefault(pid, {})[tid] = made
    if rows.tick[1]:
        for tid, reread in unpacked(rows.tick[1], {}).items():
            with suppress(KeyError, ValueError):  # of a damaged file
                pid, read_ns = reread
                again = before[pid].threads[tid]._replace(at_ns=at_ns + read_ns)
                threads.setdefault(pid, {})[tid] = again
    return threads


def _check(state: str, wchan: str | None = None) -> None:
    """What the kernel says, and so is shown as it is, is what a kernel might say; raises RecordingError."""
    if state not in STATES or not (wchan is None or wchan.isprintable()):
        what = "a state"
        raise RecordingError.damaged(what)


def _processes(before: dict[int, ProcessSample], rows: Rows, at_ns: int, *, is_key: bool) -> dict[int, ProcessSample]:
    """The processes after a tick."""
    processes = {} if is_key else dict(before)
    threads = _threads(before, rows, at_ns)
    ended: dict[int, list[int]] = {}
    for _, pid, tid in rows.ended:
        if tid:
            ended.setdefault(pid, []).append(tid)
        else:
            processes.pop(pid, None)
    for row in rows.processes:
        _, pid, start, ppid, uid, name, command, kernel, state, cpu_ns, rss, vsize, read_ns = row
        old = before.get(pid)
        news = threads.get(pid, {})
        if old is not None and old.start_ticks == start:
            if is_key:
                kept = {tid: same if (same := old.threads.get(tid)) == new else new for tid, new in news.items()}
            else:
                kept = _merged(old.threads, news, ended.get(pid, ()))
        else:
            kept = news
        _check(state)
        made = ProcessSample(
            pid, start, ppid, uid, text(name), text(command), bool(kernel), state, cpu_ns, rss, vsize,
            at_ns + read_ns, kept,
        )  # fmt: skip
        is_same = is_key and old is not None and _is_same(old, made)
        processes[pid] = old if is_same and old is not None else made
    return processes


def _merged(
    old: Mapping[int, ThreadSample],
    news: Mapping[int, ThreadSample],
    ended: Any,  # noqa: ANN401
) -> dict[int, ThreadSample]:
    """The threads of before with those that changed; a tid that was used again stands at the end, as it did live."""
    threads = dict(old)
    for tid in ended:
        threads.pop(tid, None)
    for tid, new in news.items():
        was = threads.get(tid)
        if was is not None and was.start_ticks != new.start_ticks:
            del threads[tid]
        threads[tid] = new
    return threads


def _is_same(old: ProcessSample, made: ProcessSample) -> bool:
    """Whether nothing of a process changed, its threads being the very objects of before."""
    return (
        old[:-1] == made[:-1]
        and len(old.threads) == len(made.threads)
        and all(old.threads.get(tid) is thread for tid, thread in made.threads.items())
    )
