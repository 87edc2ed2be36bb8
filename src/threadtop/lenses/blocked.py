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
    """The row of a process as it came in, what its threads are blocked on, and the row that was made of both."""

    raw: ProcessRow
    blocked: Mapping[int, BlockedOn]
    row: ProcessRow
    threads: Mapping[int, tuple[ThreadRow, ThreadRow]]


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
                made[pid] = _made(raw, blocked, self._processes.get(pid))
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


def _made(raw: ProcessRow, blocked: Mapping[int, BlockedOn], old: _Process | None) -> _Process:
    if old is not None and old.raw is raw and old.blocked is blocked:
        return old
    threads: dict[int, tuple[ThreadRow, ThreadRow]] = {}
    for tid, one in blocked.items():
        thread = raw.threads.get(tid)
        if thread is None:
            continue
        before = old.threads.get(tid) if old is not None else None
        if before is None or before[0] is not thread or before[1].blocked != one:
            before = thread, thread._replace(blocked=one, reason=reason(thread, one))
        threads[tid] = before
    row = raw._replace(threads={**raw.threads, **{tid: pair[1] for tid, pair in threads.items()}})
    return _Process(raw, blocked, row, threads)


def reason(thread: ThreadRow, blocked: BlockedOn) -> str | None:
    """Why a thread is not running, with what its call says; who waits for the GIL or a CPU does that.

    None where nothing of it may be known: ``blocked.why_not`` has the rule that forbids it.
    """
    if thread.state not in _ASLEEP or thread.reason == waits.GIL:
        return thread.reason
    return waits.described(blocked, thread.state, thread.wchan) or thread.reason
