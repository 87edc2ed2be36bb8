"""Findings about what threads are blocked on: the disk, or all on one peer; sampled; pure."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from threadtop.findings import measures
from threadtop.findings.cpu import FAR_HOLD_S, HOLD_S, is_job, is_settled, observed
from threadtop.findings.measures import count, figures, names, pct
from threadtop.findings.trends import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.findings.trends import Trends
    from threadtop.snapshot import Finding, HostRow, ProcessRow, Snapshot, ThreadRow

DISK_PCT: Final = 50.0  # of a thread's time: it waits for it longer than for all else
BUSY_PCT: Final = 10.0  # who runs or wants to as much counts among those that work
DISK_THREADS_PCT: Final = 50.0  # of those that work: the disk is what limits the process, not one of its threads
QUIET_PCT: Final = 1.0  # of pressure and I/O wait: below, state D is not the disk
PEER_THREADS: Final = 3  # two that talk to one server are no crowd
PEER_SHARE_PCT: Final = 80.0  # of the threads that work

DISK_SEVERITY: Final = 55.0  # and up to 10 more by share
PEER_SEVERITY, PEER_STILL_SEVERITY = 65.0, 52.0  # they work with it; none has run: they may as well be idle

_ADDRESS: Final = re.compile(r"[0-9A-Fa-f.:%\[\]]{1,64}")  # what may stand in a command to copy


def candidates(snapshot: Snapshot, trends: Trends) -> Iterator[Candidate]:
    """What the rules of this family find, with how long it must have held."""
    for row in measures.programs(snapshot):
        is_close = row.pid in trends.close
        hold_s = HOLD_S if is_close else FAR_HOLD_S
        if (row.states.get("D") or is_close) and not is_job(row, snapshot, trends):
            disk = _disk_bound(row, snapshot.host)
            if disk is not None:
                yield Candidate(disk if is_settled(row, snapshot, trends) else observed(disk), hold_s)
        peer = _one_peer(row, trends) if row.thread_count >= PEER_THREADS and is_close else None
        if peer is not None:
            yield Candidate(peer, hold_s)


# -- the disk ----------------------------------------------------------------------------------


def _disk_bound(row: ProcessRow, host: HostRow) -> Finding | None:
    """Most threads that work wait for a disk most of the time."""
    active = list(measures.moving(row))
    if row.states.get("D"):
        seen = {thread.tid for thread in active}
        active += [thread for thread in row.threads.values() if thread.state == "D" and thread.tid not in seen]
    waiting = [thread for thread in active if _disk(thread) >= DISK_PCT and not _is_something_else(thread, host)]
    if not waiting:
        return None
    tids = {thread.tid for thread in waiting}
    busy = [thread for thread in active if thread.tid not in tids and _work(thread) >= BUSY_PCT]
    if len(waiting) < DISK_THREADS_PCT / 100 * (len(waiting) + len(busy)):
        return None
    waiting.sort(key=lambda thread: (-_disk(thread), thread.tid))
    worst = waiting[0]
    time = worst.time
    error = time.error_points("disk") if time else None
    looks = time.samples if time else 0
    figure = figures(waiting, _disk)
    if looks > 1:
        figure += f" ({count(looks, 'look')}" + (f", +-{error:.0f} points)" if error else ")")
    else:
        figure += " (by one look each time)"
    evidence = [("waits for the disk", figure), ("runs", figures(waiting, lambda thread: thread.cpu_pct))]
    if worst.reason:
        evidence.append(("on", worst.reason))
    if host.pressure_io is not None:
        evidence.append(("pressure of i/o", f"{pct(host.pressure_io)} of the last 10 s some task stalled"))
    if host.cpu is not None:
        evidence.append(("cpus idle for i/o", pct(host.cpu.iowait_pct)))
    return measures.finding(
        "disk-bound",
        row,
        f"{names(waiting)} wait{'s' if len(waiting) == 1 else ''} for the disk {pct(_disk(worst))} of the time"
        + (" at worst" if len(waiting) > 1 else ""),
        "In state D a thread waits for a block device, a network file system or a page of a mapped file, and no signal "
        "wakes it. More CPUs do not help; fewer or larger requests, more memory for the cache, or a faster device do.",
        evidence,
        grade="sampled" if looks > 1 or (time and time.is_whole) else "estimate",
        severity=DISK_SEVERITY + _disk(worst) / 10,
        tids=[thread.tid for thread in waiting],
        next_command=f"cat /proc/{row.pid}/io; cat /proc/pressure/io; cat /proc/diskstats",
    )


def _disk(thread: ThreadRow) -> float:
    """The share of the time it waited for a disk, in %; not known counts as 0."""
    return thread.time.of("disk") if thread.time else 0.0


def _work(thread: ThreadRow) -> float:
    return (thread.cpu_pct or 0.0) + (thread.wait_pct or 0.0)


def _is_something_else(thread: ThreadRow, host: HostRow) -> bool:
    """State D alone, with no stall of I/O on the machine: a vfork, a freezer, a driver."""
    if thread.wchan or thread.blocked is not None or host.pressure_io is None or host.cpu is None:
        return False
    return host.pressure_io < QUIET_PCT and host.cpu.iowait_pct < QUIET_PCT


# -- one peer ----------------------------------------------------------------------------------


def _end(peer: str) -> str:
    """What several connections have in common: the path of a Unix socket rather than who serves each of them."""
    before, space, path = peer.rpartition(" ")
    return path if before and space and path[:1] in ("/", "@") else peer


def _one_peer(row: ProcessRow, trends: Trends) -> Finding | None:
    """All threads that work are blocked on sockets to one and the same peer."""
    crowds: dict[str, list[ThreadRow]] = {}
    for thread in row.threads.values():
        blocked = thread.blocked
        if blocked is not None and blocked.peer and blocked.target.startswith("socket:"):
            crowds.setdefault(_end(blocked.peer), []).append(thread)
    if not crowds:
        return None
    peer, crowd = max(crowds.items(), key=lambda item: (len(item[1]), item[0]))
    tids = {thread.tid for thread in crowd}
    others = [thread for thread in measures.moving(row) if thread.tid not in tids and _work(thread) >= BUSY_PCT]
    others += [thread for same in crowds.values() if same is not crowd for thread in same]
    if len(crowd) < PEER_THREADS or len(crowd) < PEER_SHARE_PCT / 100 * (len(crowd) + len(others)):
        return None
    crowd.sort(key=lambda thread: thread.tid)
    calls = sorted({thread.blocked.call for thread in crowd if thread.blocked})
    lately = sum(trends.has_run_lately(thread.key) for thread in crowd)
    sampled = [thread for thread in crowd if thread.sampled is not None]
    evidence = [
        ("blocked", f"{len(crowd)} of {len(crowd) + len(others)} threads that work"),
        ("in", ", ".join(calls)),
        ("ran in the last 30 s", f"{lately} of them"),
    ]
    if sampled:
        looks = sum(thread.sampled.samples for thread in sampled if thread.sampled)
        shares = figures(sampled, lambda thread: thread.sampled.blocked_pct if thread.sampled else None)
        evidence.append(("did not run", f"{shares} ({count(looks, 'look')})"))
    unsure = "" if lately else " None of them has run meanwhile: they may also be idle, and wait for a message."
    return measures.finding(
        "waits-on-one-peer",
        row,
        f"{len(crowd)} threads wait for {peer}, and hardly anything else of it works",
        "What these threads do is done at the other end: this process can go no faster than that. Look there, at the "
        "network between, or at how much is asked at once." + unsure,
        evidence,
        grade="sampled" if lately else "suspicion",
        severity=PEER_SEVERITY if lately else PEER_STILL_SEVERITY,
        tids=[thread.tid for thread in crowd],
        next_command=f"ss -tnpi dst {shlex.quote(peer)}"
        if _ADDRESS.fullmatch(peer)
        else f"ss -np | grep -w pid={row.pid}",
    )
