"""Snapshots and tables as text and JSON, for pipes and scripts; no terminal, no textual."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from threadtop import bars, fields, text
from threadtop.procfs.reasons import KINDS
from threadtop.snapshot import GroupRow, ProcessRow, ThreadRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.blocked import BlockedOn
    from threadtop.fields import Field
    from threadtop.lock_rows import Deadlock, LockRow, LocksRow
    from threadtop.query import Table
    from threadtop.snapshot import Finding, GilLockRow, GilRow, GilShare, HostRow, Row, Snapshot
    from threadtop.time_rows import TimeShare

SCHEMA: Final = "threadtop/1"
_CPU_SHARES: Final = ("cpu_pct", "user_pct", "system_pct")
_MOST_WIDE: Final = 100  # of a reason
_DIGITS: Final = {"percent": 2, "bar": 2, "rate": 2}
_GIL_SHARES: Final = (*("holds_pct", "wait_pct", "asleep_pct", "with_pct", "without_pct", "runq_pct", "blocked_pct"),)


def command_text(row: Row, *, full: bool, tree: bool) -> str:
    """COMMAND as a cell string: ``process [thread]`` in a flat list, the thread alone under its process."""
    if not isinstance(row, ThreadRow):
        return text.visible(row.command if full and row.command else _short(row))
    if tree:
        return text.visible(row.name)
    if full and row.command:
        own = text.visible(row.command)
    else:
        own = text.visible(row.process)
    return own if row.tid == row.pid and row.name == row.process else f"{own} [{text.visible(row.name)}]"


def _short(row: ProcessRow | GroupRow) -> str:
    return row.command if isinstance(row, GroupRow) else row.process


def cell(field: Field, row: Row, table: Table, width: int | None = None) -> str:
    """One cell as a cell string, not padded; a bar takes ``width`` cells, by default the column's own."""
    if field.kind == "bar" and isinstance(row, ThreadRow):
        return bars.bar(row.time, width or field.width)[0]
    if field.key == "command":
        view = table.view
        below = view.layout == "tree" and view.threads
        own = command_text(row, full=view.full_command, tree=below)
        is_below = view.threads and view.layout != "flat" and isinstance(row, ThreadRow)
        return f"  {own}" if is_below else own
    if isinstance(row, ThreadRow):
        value = getattr(row, field.key, text.SHARED)
    else:
        value = field.value(row)
        if value is text.SHARED:
            return ""  # a heading has no tid of its own; the dot is for what its threads share
    if table.view.per_machine and table.cores and field.key in _CPU_SHARES and isinstance(value, float):
        value /= table.cores
    return field.format(value)


def summary_lines(snapshot: Snapshot) -> list[str]:
    """The machine in three lines, as above the table in batch output."""
    host, totals = snapshot.host, snapshot.totals
    load = " ".join(f"{value:.2f}" for value in host.load)
    states = " ".join(f"{count} {state}" for state, count in sorted(totals.thread_states.items()))
    lines = [
        (
            f"threadtop  {text.plain(text.visible(host.hostname))}  {iso_time(snapshot.time)}  "
            f"up {text.duration(host.uptime_s)}  load {load}"
        ),
        (
            f"{text.many(totals.processes, 'process')}  "
            f"{text.many(totals.threads, 'thread')}: {states}  "
            f"switches/s {text.rate(host.switches_per_s)} "
            f"(vol {text.rate(totals.vol_per_s)}, invol {text.rate(totals.invol_per_s)})"
        ),
        (
            f"{cpu_words(host)}  mem {text.size(host.memory_used_bytes)} of {text.size(host.memory_total_bytes)}  "
            f"waiting for a cpu: {text.many(totals.waiting_threads, 'thread')}, "
            f"{totals.waiting_cores:.1f} cores' worth  "
            f"own cpu {text.percent(snapshot.own_cpu_pct)} %, pass {snapshot.cost.pass_ns / 1e6:.1f} ms"
        ),
    ]
    return [*lines, *(f"note: {note}" for note in (*snapshot.notes, *_denied(snapshot)))]


def _denied(snapshot: Snapshot) -> Iterator[str]:
    """What hides the reasons of threads that are shown without one, and of how many processes."""
    rules = Counter(
        next((thread.blocked.why_not for thread in row.threads.values() if thread.blocked and not thread.reason), "")
        for row in snapshot.processes.values()
    )
    del rules[""]
    for rule, count in rules.most_common():
        whose = "its threads" if len(snapshot.processes) == 1 else f"the threads of {text.many(count, 'process')}"
        yield f"what {whose} wait for may not be read: {rule}"


def cpu_words(host: HostRow) -> str:
    """The machine's CPU use in words."""
    if host.cpu is None:
        return "cpu -"
    return (
        f"cpu {text.percent(host.cpu.busy_pct)} % of {len(host.cores)} "
        f"(user {text.percent(host.cpu.user_pct)} system {text.percent(host.cpu.system_pct)} "
        f"io {text.percent(host.cpu.iowait_pct)})"
    )


def text_lines(snapshot: Snapshot, table: Table, width: int | None = None) -> Iterator[str]:
    """A frame of batch output: summary, heading and rows; ``width`` cuts lines, None does not."""
    yield from (text.plain(text.fit(line, width)).rstrip() if width else line for line in summary_lines(snapshot))
    yield ""
    yield from table_lines(table, width)


def table_lines(table: Table, width: int | None = None) -> Iterator[str]:
    """Heading and rows of a table as text; ``width`` cuts lines, None does not."""
    last = table.columns[-1] if table.columns else None
    widths = [
        _widest(field, table) if width is None and field.key == "reason" else fields.width_of(field, width)
        for field in table.columns
    ]

    def line(cells: list[str]) -> str:
        parts = [
            own if field is last and field.left else text.fit(own, cell_width, right=not field.left)
            for field, own, cell_width in zip(table.columns, cells, widths, strict=True)
        ]
        whole = " ".join(parts)
        return text.plain(text.fit(whole, width) if width and len(whole) > width else whole).rstrip()

    yield line([field.title for field in table.columns])
    for row in table.rows:
        yield line([cell(field, row, table, cells) for field, cells in zip(table.columns, widths, strict=True)])


def _widest(field: Field, table: Table) -> int:
    """Cells that a column takes whole, for output that is not cut: its own width at least, and not without end."""
    return min(_MOST_WIDE, max([field.width, *(len(cell(field, row, table)) for row in table.rows)]))


def iso_time(time: float) -> str:
    """Wall clock in UTC with its offset (RFC 3339)."""
    return datetime.fromtimestamp(time, timezone.utc).isoformat(timespec="milliseconds")


def document(snapshot: Snapshot, table: Table) -> dict[str, Any]:
    """A snapshot as one JSON document: the processes and threads that a table shows; unknown is null."""
    shown: dict[int, list[ThreadRow]] = {}
    for row in table.rows:
        if isinstance(row, ThreadRow) and row.mark != "gone":
            shown.setdefault(row.pid, []).append(row)
        elif isinstance(row, ProcessRow) and row.mark != "gone":
            shown.setdefault(row.pid, [])
    return {
        "schema": SCHEMA,
        "host": clean(snapshot.host.hostname),
        "time": iso_time(snapshot.time),
        "interval_s": _rounded(snapshot.interval_s, 4),
        "machine": _machine(snapshot),
        "cost": {
            "pass_ms": round(snapshot.cost.pass_ns / 1e6, 3),
            "own_cpu_pct": _rounded(snapshot.own_cpu_pct, 2),
            "reads": snapshot.cost.reads,
            "descriptors": snapshot.cost.descriptors,
            "watch_pct": _rounded(snapshot.watch_pct, 2),
            "watch_per_s": _rounded(snapshot.watch_per_s, 2),
            "wait_watch_pct": _rounded(snapshot.wait_watch_pct, 2),
            "wait_watch_per_s": _rounded(snapshot.wait_watch_per_s, 2),
        },
        "notes": list(snapshot.notes),
        "processes": [
            {
                **_values(snapshot.processes[pid], fields.JSON_PROCESS),
                "gil": _gil(snapshot.processes[pid].gil),
                "locks": _locks(snapshot.processes[pid].locks),
                "threads": [_thread(row) for row in threads],
            }
            for pid, threads in shown.items()
            if pid in snapshot.processes
        ],
        "findings": [finding(found) for found in snapshot.findings],
    }


def to_json(snapshot: Snapshot, table: Table) -> str:
    """The document in one line of ASCII: JSON escapes all else, so no name can do harm on a terminal."""
    return json.dumps(document(snapshot, table), allow_nan=False, separators=(",", ":"))


def _values(row: Row, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: figure(fields.BY_KEY[key], fields.BY_KEY[key].value(row)) for key in keys}


def figure(field: Field, value: Any) -> Any:  # noqa: ANN401 a field's type is its kind
    """A raw value as JSON has it: shares and rates with two digits, None for unknown and for what stands elsewhere."""
    if value is text.SHARED:
        return None
    if isinstance(value, str):
        return clean(value)
    return round(float(value), _DIGITS.get(field.kind, 3)) if isinstance(value, float) else value


def clean(value: str) -> str:
    r"""Bytes that are not UTF-8 as ``\\xNN``: JSON has no place for them; control bytes it escapes itself."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _said(value: str) -> str | None:
    return clean(value) or None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)  # an Estimate is a number like any other


def _thread(row: ThreadRow) -> dict[str, Any]:
    return {
        **_values(row, fields.JSON_THREAD),
        "gil": _gil_share(row.gil),
        "blocked": _blocked(row.blocked, row.left_ns),
        "time": _time(row.time),
    }


def _time(share: TimeShare | None) -> dict[str, Any] | None:
    if share is None:
        return None
    blocked = dict(share.blocked)
    return {
        "user": _rounded(share.user_pct, 2),
        "system": _rounded(share.system_pct, 2),
        "runq": _rounded(share.runq_pct, 2),
        **{kind: _rounded(blocked.get(kind, 0.0), 2) for kind in KINDS},
        "samples": share.samples,
        "is_whole": share.is_whole,
        "error_points": {kind: _rounded(share.error_points(kind), 2) for kind, _ in share.blocked},
        "why_not": _said(share.why_not),
    }


def _blocked(blocked: BlockedOn | None, left_ns: int | None) -> dict[str, Any] | None:
    if blocked is None:
        return None
    return {
        **{key: _said(getattr(blocked, key)) for key in ("call", "target", "local", "peer", "status", "why_not")},
        **{key: getattr(blocked, key) for key in ("fd", "is_shared", "is_forever", "pid", "descriptors")},
        "futex": None if blocked.futex is None else f"{blocked.futex:#x}",
        "timeout_s": None if blocked.timeout_ns is None else blocked.timeout_ns / 1e9,
        "left_s": None if left_ns is None else _rounded(left_ns / 1e9, 3),
    }


def _gil_share(share: GilShare | None) -> dict[str, Any] | None:
    if share is None:
        return None
    return {
        "grade": share.grade,
        "why_not": _said(share.why_not),
        **{key: _rounded(getattr(share, key), 2) for key in _GIL_SHARES},
        "samples": share.samples,
        "is_python": share.is_python,
    }


def _gil(gil: GilRow | None) -> dict[str, Any] | None:
    if gil is None:
        return None
    return {
        "grade": gil.grade,
        "why_not": _said(gil.why_not),
        "remedy": _said(gil.remedy),
        "version": _said(gil.version),
        "is_enabled": gil.is_enabled,
        "utilisation_pct": _rounded(gil.utilisation_pct, 2),
        "switches_per_s": _rounded(gil.switches_per_s, 2),
        "waiters": _rounded(gil.waiters, 2),
        "samples": gil.samples,
        "window_s": _rounded(gil.window_s, 2),
        "interpreters": [_gil_lock(lock) for lock in gil.locks],
    }


def _gil_lock(lock: GilLockRow) -> dict[str, Any]:
    return {
        "ids": list(lock.interpreters),
        "is_enabled": lock.is_enabled,
        "interval_us": lock.interval_us,
        "utilisation_pct": _rounded(lock.utilisation_pct, 2),
        "switches_per_s": _rounded(lock.switches_per_s, 2),
        "holder": lock.holder,
    }


def _locks(locks: LocksRow | None) -> dict[str, Any] | None:
    if locks is None:
        return None
    return {
        "why_not": _said(locks.why_not),
        "remedy": _said(locks.remedy),
        "locks": [_lock(lock) for lock in locks.locks],
        "left_out": locks.left_out,
        "deadlocks": [_chain(one) for one in locks.deadlocks],
        "suspected": [_chain(one) for one in locks.suspected],
    }


def _lock(lock: LockRow) -> dict[str, Any]:
    return {
        "address": f"{lock.address:#x}",
        "shared": _said(lock.shared),
        "kind": lock.kind,
        **{
            key: getattr(lock, key)
            for key in ("owner_pid", "owner_tid", "ended_tid", "is_confirmed", "is_gil", "waiters")
        },
        "waits": [
            {
                "tid": wait.tid,
                "waited_s": _rounded(wait.waited_s, 3),
                "is_at_least": wait.is_at_least,
                "timeout_s": wait.timeout_s,
                "is_forever": wait.is_forever,
                "left_s": _rounded(wait.left_s, 3),
            }
            for wait in lock.waits
        ],
    }


def _chain(one: Deadlock) -> dict[str, Any]:
    return {
        "chain": [{"pid": pid, "tid": tid, "address": f"{address:#x}"} for pid, tid, address in one.chain],
        "behind": [{"pid": pid, "tid": tid} for pid, tid in one.behind],
    }


def finding(found: Finding) -> dict[str, Any]:
    """A finding as a document has it."""
    return {
        "kind": found.kind,
        "pid": found.pid,
        "process": clean(found.process),
        "title": clean(found.title),
        "explanation": clean(found.explanation),
        "evidence": [{"name": clean(name), "figure": clean(figure)} for name, figure in found.evidence],
        "grade": found.grade,
        "severity": _rounded(found.severity, 2),
        "tids": list(found.tids),
        "next_command": _said(found.next_command),
    }


def _machine(snapshot: Snapshot) -> dict[str, Any]:
    host, totals = snapshot.host, snapshot.totals
    cpu = host.cpu
    return {
        "uptime_s": round(host.uptime_s, 1),
        "load": list(host.load),
        "cores": len(host.cores) or None,
        "user_pct": _rounded(cpu.user_pct, 2) if cpu else None,
        "system_pct": _rounded(cpu.system_pct, 2) if cpu else None,
        "iowait_pct": _rounded(cpu.iowait_pct, 2) if cpu else None,
        "memory_total_bytes": host.memory_total_bytes,
        "memory_used_bytes": host.memory_used_bytes,
        "swap_total_bytes": host.swap_total_bytes,
        "swap_used_bytes": host.swap_used_bytes,
        "switches_per_s": _rounded(host.switches_per_s, 1),
        "vol_per_s": _rounded(totals.vol_per_s, 2),
        "invol_per_s": _rounded(totals.invol_per_s, 2),
        "processes": totals.processes,
        "threads": totals.threads,
        "thread_states": dict(totals.thread_states),
        "waiting_threads": totals.waiting_threads,
        "waiting_cores": round(totals.waiting_cores, 3),
        "pressure_cpu": host.pressure_cpu,
        "pressure_io": host.pressure_io,
        "pressure_memory": host.pressure_memory,
        "quota_cores": host.cgroup.quota_cores if host.cgroup else None,
        "throttled_pct": _rounded(host.cgroup.throttled_pct, 2) if host.cgroup else None,
    }
