"""JSON documents, as --json and --jsonl print them, back to snapshots: as much as a comparison asks; pure.

They may come from anywhere, and are believed in nothing: what is not as threadtop writes it is one error.
"""

from __future__ import annotations

import json
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NoReturn, get_args

from threadtop.errors import DocumentError
from threadtop.export import SCHEMA
from threadtop.procfs.reasons import KINDS
from threadtop.sample import Cost, Grade
from threadtop.snapshot import (
    CpuShare,
    Estimate,
    Finding,
    GilShare,
    HostRow,
    ProcessRow,
    Snapshot,
    Sureness,
    ThreadRow,
    Totals,
)
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from collections.abc import Iterator

_PANE: Final = "threadtop-pane/"  # of any version
_NO_COST: Final = Cost(pass_ns=0, own_cpu_ns=0, reads={}, descriptors=0)
_SHARES: Final = ("holds_pct", "wait_pct", "asleep_pct", "with_pct", "without_pct", "runq_pct", "blocked_pct")
_RATES: Final = ("cpu_pct", "user_pct", "system_pct", "wait_pct", "vol_per_s", "invol_per_s")
_AGAIN: Final = "write it anew with threadtop --once --json, or -b --jsonl"


def snapshots(source: str, whole: str) -> list[Snapshot]:
    """The snapshots of a file's text, one document or one a line; raises DocumentError, with ``source`` as its name."""
    found = [_snapshot(f"{source}{where}", document) for where, document in _documents(source, whole)]
    if not found:
        message = f"{source} is empty"
        raise DocumentError(message, _AGAIN)
    return found


def _documents(source: str, whole: str) -> Iterator[tuple[str, Any]]:
    """Each document with where it stands, "" for the only one."""
    lines = [(number, line) for number, line in enumerate(whole.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and not _begins_one(lines[0][1]):
        lines = [(0, whole)]  # one document, laid out over several lines
    for number, line in lines:
        where = f", line {number}" if len(lines) > 1 else ""
        try:
            yield where, json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            what = "is cut short, or no JSON" if line.lstrip()[:1] in ("{", "[") else "is neither a recording nor JSON"
            remedy = "remove that line" if where and number == lines[-1][0] else _AGAIN
            message = f"{source}{where} {what}"
            raise DocumentError(message, remedy) from error


def _begins_one(line: str) -> bool:
    """Whether a line is a document of its own; one that is cut short is not laid out over several lines either."""
    return len(line.strip()) > 1


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are no JSON


def _snapshot(source: str, document: object) -> Snapshot:
    _check_kind(source, document)
    try:
        return _made(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f" (it has no {error.args[0]!a})" if isinstance(error, KeyError) else ""
        message = f"{source} is not as threadtop writes it{what}"
        raise DocumentError(message, _AGAIN) from error


def _check_kind(source: str, document: object) -> None:
    schema = document.get("schema") if isinstance(document, dict) else None
    remedy = "compare what threadtop --once --json or -b --jsonl has printed"
    if not isinstance(document, dict) or not isinstance(schema, str):
        message = f"{source} is JSON, but no document of threadtop"
    elif schema.startswith(_PANE):
        message = f"{source} is a document of threadtop, but of one pane: only whole ones are compared"
    elif schema != SCHEMA:
        name, _, version = schema.partition("/")
        message = f"{source} is of schema {schema[:40]!a}, and this threadtop compares {SCHEMA}"
        if name == SCHEMA.partition("/")[0] and version.isascii() and version.isdigit():
            is_newer = int(version[:9]) > int(SCHEMA.partition("/")[2])
            remedy = "use a newer threadtop" if is_newer else "write it anew with this threadtop"
    else:
        return
    raise DocumentError(message, remedy)


# -- parts -------------------------------------------------------------------------------------


def _made(document: Any) -> Snapshot:  # noqa: ANN401 parts of JSON, here and below
    time = datetime.fromisoformat(_text(document["time"])).timestamp()
    rows = [_process(process) for process in document["processes"]]
    return Snapshot(
        time=time,
        interval_s=_number(document["interval_s"]),
        host=_host(_text(document["host"]), time, document["machine"]),
        totals=_totals(document["machine"]),
        processes={row.pid: row for row in rows},
        gone=(),
        cost=_NO_COST,
        own_cpu_pct=None,
        notes=(),
        findings=tuple(_finding(found) for found in document["findings"]),
    )


def _host(name: str, time: float, machine: Any) -> HostRow:  # noqa: ANN401
    uptime_s = _known(machine["uptime_s"])
    user, system, iowait = (_number(machine[key]) for key in ("user_pct", "system_pct", "iowait_pct"))
    cpu = None if user is None or system is None else CpuShare(user, system, iowait or 0.0, 0.0)
    idle = CpuShare(0.0, 0.0, 0.0, 0.0)
    return HostRow(
        hostname=name,
        boot_time=time - uptime_s,
        uptime_s=uptime_s,
        load=(0.0, 0.0, 0.0),
        cpu=cpu,
        cores=(idle,) * min(_whole(machine["cores"] or 0), 65_536),
        switches_per_s=_number(machine["switches_per_s"]),
        memory_total_bytes=0,
        memory_used_bytes=0,
        swap_total_bytes=0,
        swap_used_bytes=0,
        pressure_cpu=None,
        pressure_io=None,
        pressure_memory=None,
        cgroup=None,
    )


def _totals(machine: Any) -> Totals:  # noqa: ANN401
    processes, threads, waiting = (_whole(machine[key]) for key in ("processes", "threads", "waiting_threads"))
    vol, invol = _number(machine["vol_per_s"]), _number(machine["invol_per_s"])
    return Totals(processes, threads, {}, {}, vol, invol, waiting, _known(machine["waiting_cores"]))


def _process(said: Any) -> ProcessRow:  # noqa: ANN401
    pid, name, command, user = _whole(said["pid"]), _text(said["name"]), _text(said["command"]), _text(said["user"])
    kernel = not command and pid != 1 and (pid == 2 or said["ppid"] == 2)  # noqa: PLR2004 kthreadd and its children
    threads = [_thread(thread, pid, name, command, user, kernel=kernel) for thread in said["threads"]]
    return ProcessRow(
        pid=pid,
        start_ticks=0,
        ppid=_whole(said["ppid"]),
        user=user,
        uid=None,
        process=name,
        command=command,
        kernel=kernel,
        state=_text(said["state"]),
        **_rates(said),
        cpu_ns=None,
        rss_bytes=0,
        vsize_bytes=0,
        priority=None,
        nice=None,
        thread_count=_whole(said["thread_count"]),
        states={},
        threads={thread.tid: thread for thread in threads},
        gone=(),
        moving=(),
        mark="",
    )


def _thread(said: Any, pid: int, process: str, command: str, user: str, *, kernel: bool) -> ThreadRow:  # noqa: ANN401
    gil = _gil(said["gil"])
    return ThreadRow(
        pid=pid,
        tid=_whole(said["tid"]),
        start_ticks=0,
        ppid=0,
        user=user,
        process=process,
        command=command,
        name=_text(said["name"]),
        kernel=kernel,
        state=_text(said["state"]),
        **_rates(said),
        cpu_ns=None,
        last_cpu=0,
        priority=0,
        nice=0,
        rt_priority=0,
        policy=0,
        wchan=None,
        reason=None if said["reason"] is None else _text(said["reason"]),
        mark="",
        gil=gil,
        sampled=_time(said["time"], is_estimate=gil is not None and gil.grade == "estimate"),
    )


def _rates(said: Any) -> dict[str, Any]:  # noqa: ANN401
    return {key: _number(said[key]) for key in _RATES}


def _gil(said: Any) -> GilShare | None:  # noqa: ANN401
    if said is None:
        return None
    grade: Grade = _one_of(get_args(Grade), said["grade"])
    shares = {key: _number(said[key]) for key in _SHARES}
    if grade == "estimate" and shares["wait_pct"] is not None:
        shares["wait_pct"] = Estimate(shares["wait_pct"])
    return GilShare(grade, "", **shares, samples=_whole(said["samples"]), is_python=None)


def _time(said: Any, *, is_estimate: bool) -> TimeShare | None:  # noqa: ANN401
    if said is None:
        return None
    shares = [(kind, _known(said[kind])) for kind in KINDS]
    return TimeShare(
        _known(said["user"]),
        _known(said["system"]),
        _known(said["runq"]),
        tuple((kind, Estimate(share) if is_estimate and kind == "gil" else share) for kind, share in shares if share),
        _whole(said["samples"]),
        bool(said["is_whole"]),
    )


def _finding(said: Any) -> Finding:  # noqa: ANN401
    return Finding(
        kind=_text(said["kind"]),
        pid=_whole(said["pid"]),
        start_ticks=0,
        process=_text(said["process"]),
        title=_text(said["title"]),
        explanation=_text(said["explanation"]),
        evidence=tuple((_text(one["name"]), _text(one["figure"])) for one in said["evidence"]),
        grade=_one_of(get_args(Sureness), said["grade"]),
        severity=_known(said["severity"]),
        tids=tuple(_whole(tid) for tid in said["tids"]),
        next_command="" if said["next_command"] is None else _text(said["next_command"]),
    )


# -- values ------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _one_of(words: tuple[Any, ...], value: object) -> Any:  # noqa: ANN401 one of the words
    return words[words.index(value)]


def _number(value: object) -> float | None:
    return None if value is None else _known(value)


def _known(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise TypeError(value)
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise TypeError(value)
    return value
