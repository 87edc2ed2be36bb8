"""The lens of blocked threads: what they sleep in, on their rows and as the reason in words; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import waits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.blocked import BlockedOn
    from threadtop.sample import Sample
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

_ASLEEP: Final = frozenset("SD")


class _Process(NamedTuple):
    """The row of a process as it came in, what its threads are blocked on, and the row that was made of both.

    ``is_timed``: one of them waits until a moment, which comes nearer while it does not run.
    """

    raw: ProcessRow
    blocked: Mapping[int, BlockedOn]
    row: ProcessRow
    threads: Mapping[int, tuple[ThreadRow, ThreadRow]]
    is_timed: bool


class BlockedLens:
    """Puts ``blocked`` and its words on rows; holds those of the last tick, to hand them on."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._sample: Mapping[tuple[int, int], BlockedOn] = {}
        self._by_pid: dict[int, dict[int, BlockedOn]] = {}
        self._processes: dict[int, _Process] = {}

    def apply(self, sample: Sample, snapshot: Snapshot) -> Snapshot:
        """``snapshot`` with what ``sample.blocked`` says; rows of which nothing changed are those of the last tick."""
        if sample.blocked is not self._sample:
            self._sample = sample.blocked
            self._by_pid = _grouped(sample.blocked, self._by_pid)
        made: dict[int, _Process] = {}
        for pid, blocked in self._by_pid.items():
            raw = snapshot.processes.get(pid)
            if raw is not None:
                made[pid] = _made(raw, blocked, self._processes.get(pid), sample.at_ns)
        self._processes = made
        if not made:
            return snapshot
        return snapshot._replace(
            processes={**snapshot.processes, **{pid: process.row for pid, process in made.items()}}
        )


def _grouped(
    blocked: Mapping[tuple[int, int], BlockedOn], before: Mapping[int, dict[int, BlockedOn]]
) -> dict[int, dict[int, BlockedOn]]:
    """By pid, then tid; that of a process is the same object as ``before`` where nothing of it changed."""
    grouped: dict[int, dict[int, BlockedOn]] = {}
    for (pid, tid), one in blocked.items():
        grouped.setdefault(pid, {})[tid] = one
    return {pid: old if (old := before.get(pid)) == new else new for pid, new in grouped.items()}


def _made(raw: ProcessRow, blocked: Mapping[int, BlockedOn], old: _Process | None, at_ns: int) -> _Process:
    if old is not None and old.raw is raw and old.blocked is blocked and not old.is_timed:
        return old
    is_timed = False
    threads: dict[int, tuple[ThreadRow, ThreadRow]] = {}
    for tid, one in blocked.items():
        thread = raw.threads.get(tid)
        if thread is None:
            continue
        left_ns = max(0, one.until_ns - at_ns) if one.until_ns is not None else None
        is_timed |= left_ns is not None
        before = old.threads.get(tid) if old is not None else None
        if before is None or before[0] is not thread or not _says(before[1], one, left_ns):
            before = thread, thread._replace(blocked=one, left_ns=left_ns, reason=reason(thread, one, left_ns))
        threads[tid] = before
    if old is not None and old.raw is raw and _is_same(threads, old.threads):
        return old._replace(blocked=blocked)
    row = raw._replace(threads={**raw.threads, **{tid: pair[1] for tid, pair in threads.items()}})
    return _Process(raw, blocked, row, threads, is_timed)


def _says(row: ThreadRow, blocked: BlockedOn, left_ns: int | None) -> bool:
    """Whether a row says this already; what is left of a timeout is told coarsely."""
    if row.blocked is not blocked and row.blocked != blocked:
        return False
    return waits.coarse(row.left_ns or 0) == waits.coarse(left_ns or 0)


def _is_same(made: Mapping[int, tuple[ThreadRow, ThreadRow]], old: Mapping[int, tuple[ThreadRow, ThreadRow]]) -> bool:
    return made.keys() == old.keys() and all(pair is old[tid] for tid, pair in made.items())


def reason(thread: ThreadRow, blocked: BlockedOn, left_ns: int | None = None) -> str | None:
    """Why a thread is not running, with what its call says; who waits for the GIL or a CPU does that.

    None where nothing of it may be known: ``blocked.why_not`` has the rule that forbids it.
    """
    if thread.state not in _ASLEEP or thread.reason == waits.GIL:
        return thread.reason
    return waits.described(blocked, thread.state, thread.wchan, left_ns) or thread.reason
