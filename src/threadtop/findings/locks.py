"""Findings about locks: deadlocks, what looks like one, convoys, everybody on one lock; pure.

A deadlock is told as such only where every link was read from the locks themselves, twice, and no thread of the chain
ran in between.  Waiting without an owner (a condition, a semaphore, an idle pool) is no finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import waits
from threadtop.findings import lock_figures, measures
from threadtop.findings.cpu import HOLD_S
from threadtop.findings.lock_figures import WORKS_PCT
from threadtop.findings.measures import SHOWN, count, figures, names, pct
from threadtop.findings.trends import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.findings.trends import Trends
    from threadtop.lock_rows import Deadlock, LockRow
    from threadtop.snapshot import Finding, ProcessRow, Snapshot, ThreadRow

CONVOY_THREADS: Final = 3  # two that meet at a lock are no convoy
CONVOY_LOCK_PCT: Final = 20.0  # of a thread's time: what it does not wait for a lock it may wait for a CPU
CONVOY_LOOKS: Final = 10  # a share of fewer is chance
CONVOY_PER_S: Final = 50.0  # voluntary switches of each: it waits in turn, not once for long
CONVOY_WAITS: Final = 4  # threads found on that lock in the last ticks
CONVOY_WAITS_PCT: Final = 50.0  # of all waits on futexes: else they wait for work (a condition), not for the lock
CONVOY_CPU_PCT: Final = 50.0  # what each of them runs at most, on average: little work
STUCK_S: Final = 1.0  # so long a wait is no turn at a lock
STUCK_THREADS: Final = 3  # and so many wait on the one lock
STUCK_SHARE_PCT: Final = 50.0  # of the threads that work or want to
ASLEEP_S: Final = 5.0  # an owner that waits so long for something that has no owner may do so for ever
ASLEEP_WAITERS: Final = 2  # who queue behind it for as long

DEADLOCK_SEVERITY: Final = 98.0  # nothing but a restart helps
ORPHAN_SEVERITY: Final = 85.0  # as good as one, but that the owner is gone is inferred
CIRCLE_SEVERITY: Final = 70.0  # timeouts will open it, and it will close again
ONE_LOCK_SEVERITY: Final = 66.0  # as waiting for one peer
ASLEEP_SEVERITY: Final = 60.0  # a suspicion
CONVOY_SEVERITY, CONVOY_MOST = 56.0, 75.0  # and more by how long they wait

_LINKS: Final = 3  # of a chain that are named in a title


def deadlocks(snapshot: Snapshot, close: frozenset[int] = frozenset()) -> list[Finding]:
    """The closed chains that cannot open; they need not hold any longer, for they have been read twice.

    Each is told of one process: the first in it of those that are looked at, ``close``.
    """
    return [_deadlock(snapshot, one) for one in _once(snapshot, close, suspected=False)]


def candidates(snapshot: Snapshot, trends: Trends) -> Iterator[Candidate]:
    """What the rules of this family find, with how long it must have held."""
    for one in _once(snapshot, trends.close, suspected=True):
        yield Candidate(_circle(snapshot, one), HOLD_S, f"{one.chain}")
    for row in measures.programs(snapshot):
        if row.locks is None:
            continue
        stuck = {link[1] for one in (*row.locks.deadlocks, *row.locks.suspected) for link in (*one.chain, *one.behind)}
        for lock in row.locks.locks:
            if lock.is_gil or any(wait.tid in stuck for wait in lock.waits[:1]):
                continue
            one_lock = _orphan(row, lock) or _asleep(snapshot, row, lock) or _one_lock(snapshot, row, lock)
            if one_lock is not None:
                yield Candidate(one_lock, HOLD_S, f"{row.key} {lock.address}")
        convoy = _convoy(snapshot, row)
        if convoy is not None:
            yield Candidate(convoy, HOLD_S)


def _once(snapshot: Snapshot, close: frozenset[int], *, suspected: bool) -> list[Deadlock]:
    """The closed chains of all processes, each once, from the first thread on of a process that is looked at."""
    found: dict[tuple[tuple[int, int, int], ...], Deadlock] = {}
    for row in snapshot.processes.values():
        if row.locks is not None:
            for one in row.locks.suspected if suspected else row.locks.deadlocks:
                if one.chain[0][0] in snapshot.processes:
                    found[one.chain] = _turned(one, close)
    return list(found.values())


def _turned(one: Deadlock, close: frozenset[int]) -> Deadlock:
    chain = one.chain
    first = next((at for at, (pid, _, _) in enumerate(chain) if pid in close), 0)
    return one._replace(chain=chain[first:] + chain[:first]) if first else one


# -- closed chains -----------------------------------------------------------------------------


def _deadlock(snapshot: Snapshot, one: Deadlock) -> Finding:
    row = snapshot.processes[one.chain[0][0]]
    many = len(one.chain)
    if many == 1:
        explanation = (
            "A thread that locks a mutex which it already has waits for itself; only another thread could still unlock "
            "it, which POSIX leaves undefined. Lock it once, or make it recursive (PTHREAD_MUTEX_RECURSIVE)."
        )
    else:
        explanation = (
            f"Each of these {many} threads waits without a timeout for what the next one will not give back before it "
            "gets its own: none of them will ever run again. Restart the process, and take locks in the same order "
            "everywhere."
        )
    return measures.finding(
        "deadlock",
        row,
        f"deadlock: {_circle_words(snapshot, one)}",
        explanation,
        [
            *_links(snapshot, one),
            ("read twice", "same owners, and none of these threads ran in between"),
            *_behind(snapshot, one),
        ],
        grade="exact",
        severity=DEADLOCK_SEVERITY,
        tids=_tids(one),
        next_command=lock_figures.stacks(row),
    )


def _circle(snapshot: Snapshot, one: Deadlock) -> Finding:
    """A closed chain with a timeout somewhere in it."""
    row = snapshot.processes[one.chain[0][0]]
    return measures.finding(
        "deadlock-suspected",
        row,
        f"wait for each other, with a timeout: {_circle_words(snapshot, one)}",
        "The chain is closed, but not all of these waits are for ever: as one gives up, the others may go on. What "
        "times out was a deadlock all the same; take these locks in the same order everywhere.",
        [*_links(snapshot, one), *_behind(snapshot, one)],
        grade="suspicion",
        severity=CIRCLE_SEVERITY,
        tids=_tids(one),
        next_command=lock_figures.stacks(row),
    )


def _circle_words(snapshot: Snapshot, one: Deadlock) -> str:
    """``ab (123) waits for 0x..80, owned by ba (124), which waits for 0x..c0, owned by ab``."""
    chain = one.chain
    whose = [lock_figures.who(snapshot, pid, tid, home=chain[0][0]) for pid, tid, _ in chain]
    if len(chain) == 1:
        return f"{whose[0]} waits for {waits.futex_name(chain[0][2])}, which it owns itself"
    if len(chain) > _LINKS:
        return f"{len(chain)} threads in a circle: {', '.join(whose[:_LINKS])} and {len(chain) - _LINKS} more"
    words = whose[0]
    for at, (pid, _, address) in enumerate(chain):
        lock = lock_figures.lock_at(snapshot, pid, address)
        last = at + 1 == len(chain)
        owner = lock_figures.name(snapshot, *chain[0][:2]) if last else whose[at + 1]
        which = ", which" if at else ""
        if lock is not None and lock.kind == "thread end":
            words += f"{which} waits for the end of {owner}"
        else:
            words += f"{which} waits for {waits.futex_name(address)}, owned by {owner}"
    return words


def _links(snapshot: Snapshot, one: Deadlock) -> list[tuple[str, str]]:
    """What each thread of the chain waits for, and how long it has."""
    links = []
    for pid, tid, address in one.chain[:SHOWN]:
        lock = lock_figures.lock_at(snapshot, pid, address)
        wait = next((wait for wait in lock.waits if wait.tid == tid), None) if lock else None
        words = f"{address:#x}"
        if lock is not None:
            words += f" ({'' if lock.kind == 'unknown' else lock.kind})"
        if wait is not None:
            words += f" for {'at least ' if wait.is_at_least else ''}{lock_figures.lasted(wait.waited_s)}"
            words += "" if wait.is_forever else ", with a timeout"
        links.append((f"{lock_figures.who(snapshot, pid, tid, home=one.chain[0][0])} waits for", words))
    if len(one.chain) > SHOWN:
        links.append(("and", count(len(one.chain) - SHOWN, "more thread")))
    return links


def _behind(snapshot: Snapshot, one: Deadlock) -> list[tuple[str, str]]:
    if not one.behind:
        return []
    home = one.chain[0][0]
    shown = ", ".join(lock_figures.who(snapshot, pid, tid, home=home) for pid, tid in one.behind[:SHOWN])
    more = f" and {len(one.behind) - SHOWN} more" if len(one.behind) > SHOWN else ""
    return [("stuck behind them", f"{count(len(one.behind), 'thread')}: {shown}{more}")]


def _tids(one: Deadlock) -> list[int]:
    return [*(tid for _, tid, _ in one.chain), *(tid for _, tid in one.behind)]


# -- one lock ----------------------------------------------------------------------------------


def _orphan(row: ProcessRow, lock: LockRow) -> Finding | None:
    """Threads wait for ever for a lock whose owner is no thread of the process."""
    if lock.ended_tid is None or not lock.is_confirmed or not any(wait.is_forever for wait in lock.waits):
        return None
    threads = lock_figures.waiting(row, lock)
    return measures.finding(
        "deadlock-suspected",
        row,
        f"{names(threads)} wait{'s' if lock.waiters == 1 else ''} for {waits.futex_name(lock.address)}, whose owner, "
        f"thread {lock.ended_tid}, is not there",
        "The owner ended with the lock in its hands, or stayed behind as this process was forked: nobody is left to "
        "unlock it. A robust mutex would tell the next one; after a fork with threads only exec is safe.",
        [
            (f"{lock.kind} at", f"{lock.address:#x}"),
            ("owner", f"{lock.ended_tid}, no thread of {row.pid}"),
            lock_figures.waited(lock),
        ],
        grade="suspicion",
        severity=ORPHAN_SEVERITY,
        tids=[wait.tid for wait in lock.waits],
        next_command=lock_figures.stacks(row),
    )


def _asleep(snapshot: Snapshot, row: ProcessRow, lock: LockRow) -> Finding | None:
    """The owner of a lock has waited for long for something without an owner, with no timeout, and others queue."""
    owner = lock_figures.owner(snapshot, lock)
    if owner is None or not lock.is_confirmed or owner.blocked is None or not owner.blocked.futex:
        return None
    on = lock_figures.lock_at(snapshot, owner.pid, owner.blocked.futex)
    own = next((wait for wait in on.waits if wait.tid == owner.tid), None) if on else None
    if on is None or own is None or on.owner_tid is not None or own.is_forever is not True or own.waited_s < ASLEEP_S:
        return None
    late = [wait for wait in lock.waits if wait.waited_s >= ASLEEP_S]
    # The kernel refuses a priority-inheriting lock that would close a circle (EDEADLK), and glibc then waits for ever.
    if len(late) < (1 if lock.kind == "pi mutex" else ASLEEP_WAITERS):
        return None
    who = lock_figures.who(snapshot, owner.pid, owner.tid, home=row.pid)
    return measures.finding(
        "deadlock-suspected",
        row,
        f"{who} owns {waits.futex_name(lock.address)}, for which {count(lock.waiters, 'thread')} wait, and has itself "
        f"waited for {waits.futex_name(on.address)} for {lock_figures.lasted(own.waited_s)}",
        "The second has no owner that could be read: a condition, a semaphore, a lock of the program's own. If whoever "
        "is to signal it needs the first, none of them will ever go on.",
        [
            lock_figures.waited(lock),
            (f"owner of {lock.kind} {lock.address:#x}", who),
            ("it waits for", f"{on.address:#x}, no owner known, no timeout"),
        ],
        grade="suspicion",
        severity=ASLEEP_SEVERITY,
        tids=[owner.tid, *(wait.tid for wait in lock.waits)],
        next_command=lock_figures.stacks(row),
    )


def _one_lock(snapshot: Snapshot, row: ProcessRow, lock: LockRow) -> Finding | None:
    """Most threads that work have waited long for one lock; its owner is known."""
    owner = lock_figures.owner(snapshot, lock)
    late = [wait for wait in lock.waits if wait.waited_s >= STUCK_S]
    if owner is None or not lock.is_confirmed or lock.kind == "thread end" or len(late) < STUCK_THREADS:
        return None
    waiting = {wait.tid for wait in lock.waits} | {owner.tid}
    others = [each for each in measures.moving(row) if each.tid not in waiting and (each.cpu_pct or 0.0) >= WORKS_PCT]
    if len(late) < STUCK_SHARE_PCT / 100 * (len(late) + len(others)):
        return None
    who = lock_figures.who(snapshot, owner.pid, owner.tid, home=row.pid)
    does = lock_figures.does(owner)
    return measures.finding(
        "waits-on-one-lock",
        row,
        f"{count(lock.waiters, 'thread')} wait for {waits.futex_name(lock.address)}, owned by {who}: {does}",
        "What these threads wait for is what the owner of the lock does now: look at it, not at them. Work less, or "
        "wait for nothing, while a lock is held; or give each thread a lock of its own.",
        [
            lock_figures.waited(lock),
            (f"owner of {lock.kind} {lock.address:#x}", who),
            ("it", does),
            ("others at work", count(len(others), "thread")),
        ],
        grade="exact",
        severity=ONE_LOCK_SEVERITY,
        tids=[owner.tid, *(wait.tid for wait in lock.waits)],
        next_command=lock_figures.stacks(row),
    )


# -- convoys -----------------------------------------------------------------------------------


def _convoy(snapshot: Snapshot, row: ProcessRow) -> Finding | None:
    """Threads that take turns at a native lock: they wait much, switch much, and run one at a time."""
    assert row.locks is not None  # noqa: S101 who has none is not asked
    late = [thread for thread in measures.moving(row) if _is_in_turn(thread)]
    if len(late) < CONVOY_THREADS:
        return None
    cores = sum(thread.cpu_pct or 0.0 for thread in late) / 100
    found = next((one for one in row.locks.lately if one.kind != "thread end"), None)
    if found is None or cores * 100 > CONVOY_CPU_PCT * len(late):
        return None
    if found.waits < CONVOY_WAITS or found.waits < CONVOY_WAITS_PCT / 100 * row.locks.lately_waits:
        return None
    address, kind, seen = found
    lock = lock_figures.lock_at(snapshot, row.pid, address)
    if lock is not None and any(wait.waited_s >= STUCK_S for wait in lock.waits):
        return None
    late.sort(key=lambda thread: (-_lock_pct(thread), thread.tid))
    worst = late[0]
    per_s = sum(thread.vol_per_s or 0.0 for thread in late)
    owner = lock_figures.owner(snapshot, lock) if lock is not None else None
    evidence = [
        (
            "wait for locks",
            f"{figures(late, _lock_pct)} ({count(worst.sampled.samples, 'look')})" if worst.sampled else "",
        ),
        ("switches", f"{per_s:,.0f}/s voluntary"),
        ("run together", f"{cores:.1f} cores"),
        (f"{kind} at", f"{address:#x}: {seen} of {row.locks.lately_waits} waits that were looked at"),
    ]
    if owner is not None:
        evidence.append(("owned just now by", lock_figures.who(snapshot, owner.pid, owner.tid, home=row.pid)))
    return measures.finding(
        "lock-convoy",
        row,
        f"{count(len(late), 'thread')} take turns at {waits.futex_name(address)}: each waits up to "
        f"{pct(_lock_pct(worst))} of the time, together they run {cores:.1f} cores",
        "Each wait at a lock that is nearly always taken costs two switches, and the threads run one after the other: "
        "more of them will not do more. Hold it for shorter, split it, or give each thread its own part.",
        evidence,
        grade="sampled",
        severity=min(CONVOY_MOST, CONVOY_SEVERITY + _lock_pct(worst) / 10),
        tids=[thread.tid for thread in late],
        next_command=f"perf trace -s -e futex -p {row.pid} -- sleep 5",
    )


def _is_in_turn(thread: ThreadRow) -> bool:
    return (
        thread.sampled is not None
        and thread.sampled.samples >= CONVOY_LOOKS
        and _lock_pct(thread) >= CONVOY_LOCK_PCT
        and (thread.vol_per_s or 0.0) >= CONVOY_PER_S
    )


def _lock_pct(thread: ThreadRow) -> float:
    """The sampled share of the time it waited for locks, in %; the GIL is none of them."""
    return thread.sampled.of("lock") if thread.sampled else 0.0
