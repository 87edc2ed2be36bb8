"""Findings about the GIL: rules on the shares that the Python lens put on rows, with their thresholds; pure.

Thread names stand in titles as the kernel gave them, raw: whoever shows a finding makes them harmless.  What an
estimate says is said with "about", and is less severe than the same from the target's memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.snapshot import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from threadtop.sample import Grade
    from threadtop.snapshot import GilRow, HostRow, ProcessRow, ThreadRow

LEAST_ROUNDS: Final = 50  # half a second at 100 rounds a second: 10 points of noise
LEAST_LOOKS: Final = 10  # for an estimate
SHOWN: Final = 6  # threads named in evidence

# From 50 on a finding is a problem; an estimate of one stays one, but comes after the same that is exact.
ESTIMATE_DISCOUNT: Final = 15.0
BOUND_SEVERITY, BOUND_PER_WAITER, BOUND_MOST = 70.0, 5.0, 90.0
CONVOY_SEVERITY, CONVOY_MOST = 60.0, 80.0
ASLEEP_SEVERITY, ASLEEP_ALONE_SEVERITY = 85.0, 55.0
CHURN_SEVERITY, CHURN_FINE_SEVERITY = 60.0, 30.0
SWITCHED_ON_SEVERITY, BUSY_SEVERITY, GROUP_SEVERITY, OFF_SEVERITY = 40.0, 20.0, 10.0, 5.0

BOUND_HELD_PCT, BOUND_WAIT_PCT, BOUND_THREADS, BOUND_WAITERS = 80.0, 20.0, 2, 1.0
QUEUED_HELD_PCT: Final = 60.0  # suffices where one waits on average: thousands of hand-overs leave it free in between
CONVOY_WORK_PCT, CONVOY_WAIT_PCT, CONVOY_TIMES, CONVOY_WAKES_PER_S, CONVOY_HOG_PCT = 10.0, 3.0, 5.0, 20.0, 70.0
ASLEEP_PCT, KEPT_OUT_PCT = 1.0, 1.0
WAITS_PCT: Final = 5.0  # from here on a thread counts as one that waits
BUSY_HOLDS_PCT, BUSY_RUNQ_PCT = 80.0, 20.0
# Threads that compute are parted by the 5 ms switch interval, 200 times a second: ten times that means that they
# give the GIL up themselves, around calls that are too short to be worth it.
MANY_SWITCHES_PER_S: Final = 2000.0
CHURN_WAITERS: Final = 0.5  # threads that wait on average, from which many hand-overs are a problem
WORKER_CPU_PCT, WORKERS = 50.0, 2


def findings(row: ProcessRow, idle_cores: float | None) -> list[Finding]:
    """What the GIL of one process says; ``idle_cores`` is what the machine has to spare, None not known."""
    gil = row.gil
    if gil is None or gil.grade == "none":
        return []
    found = [_gil_off(row, gil), _switched_on(row, gil)]
    if gil.is_enabled is not False and gil.samples >= (LEAST_ROUNDS if gil.grade == "exact" else LEAST_LOOKS):
        convoy, bound = _convoy(row, gil), _gil_bound(row, gil, idle_cores)
        if convoy and bound and set(bound.tids) <= set(convoy.tids):
            bound = None  # those that wait need microseconds: no work queues up
        found += [
            bound,
            convoy,
            _held_asleep(row, gil),
            None if convoy else _single_busy(row, gil),
            _many_handovers(row, gil),
        ]
    return [finding for finding in found if finding is not None]


def idle_cores(host: HostRow) -> float | None:
    """How many cores' worth of time nothing ran; waiting for a disk leaves a core idle too."""
    if host.cpu is None or not host.cores:
        return None
    return max(0.0, 100.0 - host.cpu.busy_pct - host.cpu.steal_pct) / 100 * len(host.cores)


# -- problems ----------------------------------------------------------------------------------


def _gil_bound(row: ProcessRow, gil: GilRow, idle: float | None) -> Finding | None:
    """The GIL is nearly always held, or in demand, and several threads wait: much of their time, or one on average."""
    waiting, held = _by_wait(row, BOUND_WAIT_PCT), gil.utilisation_pct
    if len(waiting) < BOUND_THREADS and (gil.waiters or 0.0) >= BOUND_WAITERS:
        waiting = _by_wait(row, WAITS_PCT)  # many that wait a little each queue as long as few that wait much
    least_pct = QUEUED_HELD_PCT if (gil.waiters or 0.0) >= BOUND_WAITERS else BOUND_HELD_PCT
    if held is None or held < least_pct or len(waiting) < BOUND_THREADS:
        return None
    sharing = len(waiting) + sum(_holds(thread) >= BOUND_WAIT_PCT for thread in _unlike(row, waiting))
    waiters, about = gil.waiters or 0.0, _about(gil.grade)
    what = "one GIL: held" if len(gil.locks) <= 1 else f"{len(gil.locks)} GILs: the busiest held"
    explanation = (
        f"{sharing} threads want to run Python, and a GIL lets one at a time: {about}{waiters:.1f} cores' worth of "
        "work queues for it. More threads will not help; processes, a free-threaded build, or native code that "
        "releases the GIL will."
    )
    if gil.grade == "estimate":
        explanation += " Counters cannot tell this from native locks that are held for about as long (0.05 to 5 ms)."
    evidence = [
        ("held", f"{about}{_pct(held)} ({gil.samples} {_looks(gil.grade)})"),
        ("waits", about + " ".join(f"{_wait(thread):.0f}" for thread in waiting[:SHOWN]) + _more(waiting) + " %"),
    ]
    if gil.switches_per_s is not None:
        evidence.append(("hand-overs", f"{gil.switches_per_s:,.0f}/s"))
    if idle is not None:
        evidence.append(("cores idle", f"{idle:.1f}"))
    return _finding(
        "gil-bound",
        row,
        title=f"{sharing} threads share {what} {about}{_pct(held)}, {about}{waiters:.1f} wait on average",
        explanation=explanation,
        evidence=evidence,
        severity=min(BOUND_MOST, BOUND_SEVERITY + BOUND_PER_WAITER * waiters),
        tids=_tids(waiting),
        next_command=_dump(row),
    )


def _convoy(row: ProcessRow, gil: GilRow) -> Finding | None:
    """A thread that needs little of the GIL waits out the switch interval of one that computes, at each wake-up."""
    threads = _known(row)
    hog = max(threads, key=_holds, default=None)
    if hog is None or _holds(hog) < CONVOY_HOG_PCT:
        return None
    late = [
        thread
        for thread in _by_wait(row, CONVOY_WAIT_PCT)
        if thread is not hog
        and thread.gil is not None
        and thread.gil.holds_pct is not None
        and _work(thread) <= CONVOY_WORK_PCT
        and _wait(thread) >= CONVOY_TIMES * _work(thread)
        and (thread.vol_per_s or 0.0) >= CONVOY_WAKES_PER_S
    ]
    if not late:
        return None
    worst = late[0]
    others = f" (and {len(late) - 1} more)" if len(late) > 1 else ""
    interval = _interval(gil)
    return _finding(
        "convoy",
        row,
        title=f"{_named(worst)}{others} waits {_pct(_wait(worst))} of its time for {_pct(_work(worst))} of work: "
        f"each wake-up waits out the {interval} switch interval of {_named(hog)}",
        explanation=f"A thread that computes gives the GIL up only when asked, after {interval}; a thread that needs "
        "it for microseconds between two calls waits that long each time. A shorter interval "
        "(sys.setswitchinterval) shortens each wait at some cost; moving the computing to a process ends it.",
        evidence=[
            ("waits", f"{_pct(_wait(worst))} ({gil.samples} {_looks(gil.grade)})"),
            ("holds", _pct(_holds(worst))),
            ("wake-ups", f"{worst.vol_per_s or 0.0:,.0f}/s"),
            ("held by", f"{hog.name} {hog.tid}, {_pct(_holds(hog))}"),
        ],
        severity=min(CONVOY_MOST, CONVOY_SEVERITY + _wait(worst) / 2),
        tids=(*_tids(late), hog.tid),
        next_command=_dump(row),
    )


def _held_asleep(row: ProcessRow, gil: GilRow) -> Finding | None:
    """A thread sleeps in the kernel with the GIL in its hands: native code that forgot to release it."""
    asleep = [thread for thread in _known(row) if _asleep(thread) >= ASLEEP_PCT]
    if not asleep:
        return None
    asleep.sort(key=lambda thread: (-_asleep(thread), thread.tid))
    worst = asleep[0]
    kept_out = [thread for thread in _by_wait(row, KEPT_OUT_PCT) if thread is not worst]
    others = f" (and {len(asleep) - 1} more)" if len(asleep) > 1 else ""
    evidence = [
        ("asleep with the GIL", f"{_pct(_asleep(worst))} ({gil.samples} {_looks(gil.grade)}, each read twice)"),
        ("waiting meanwhile", _threads(len(kept_out))),
    ]
    if gil.holder_call and gil.holder_call != "running":
        evidence.append(("its holder is now", gil.holder_call))
    return _finding(
        "held-asleep",
        row,
        title=f"{_named(worst)}{others} holds the GIL while it sleeps, {_pct(_asleep(worst))} of the time",
        explanation="Native code that blocks must release the GIL first (Py_BEGIN_ALLOW_THREADS); an extension here "
        "does not, and no other thread of the process can run Python until it wakes up. That is a bug of the "
        "extension, unless the sleep is a page fault (swap, a mapped file): the thread's stack tells.",
        evidence=evidence,
        severity=ASLEEP_SEVERITY if kept_out else ASLEEP_ALONE_SEVERITY,
        tids=_tids(asleep),
        next_command=_dump(row),
    )


# -- observations ------------------------------------------------------------------------------


def _single_busy(row: ProcessRow, gil: GilRow) -> Finding | None:
    """One thread computes and nobody waits: what one core can do, not contention."""
    busy = [thread for thread in _known(row) if _holds(thread) - _asleep(thread) >= BUSY_HOLDS_PCT]
    if len(busy) != 1 or _by_wait(row, WAITS_PCT):
        return None
    (one,) = busy
    if one.gil is not None and (one.gil.runq_pct or 0.0) >= BUSY_RUNQ_PCT:
        return None  # it could do more, had it a CPU
    return _finding(
        "single-busy",
        row,
        title=f"busy, not contended: {_named(one)} holds the GIL {_pct(_holds(one))}, nobody waits for it",
        explanation="One thread uses what one core can give. More threads would not help; more processes or faster "
        "code would.",
        evidence=[
            ("holds", f"{_pct(_holds(one))} ({gil.samples} {_looks(gil.grade)})"),
            ("waiting", f"{gil.waiters or 0.0:.2f} on average"),
        ],
        severity=BUSY_SEVERITY,
        tids=(one.tid,),
        next_command=_dump(row),
    )


def _many_handovers(row: ProcessRow, gil: GilRow) -> Finding | None:
    """The GIL goes from thread to thread thousands of times a second."""
    rate = gil.switches_per_s
    if rate is None or rate < MANY_SWITCHES_PER_S:
        return None
    waiters = gil.waiters or 0.0
    interval_us = min((lock.interval_us for lock in gil.locks if lock.is_enabled), default=0)
    if 0 < interval_us <= 1_000_000 / MANY_SWITCHES_PER_S:
        why = f"The switch interval is {interval_us / 1000:g} ms (sys.setswitchinterval), 5 ms unless it is changed."
    else:
        why = (
            "The switch interval alone makes 200 a second: these threads give the GIL up themselves, around calls "
            "that release it."
        )
    return _finding(
        "many-handovers",
        row,
        title=f"the GIL changes hands {rate:,.0f} times a second",
        explanation=f"{why} Each hand-over costs a switch; fewer and larger calls (batches, buffers) make fewer.",
        evidence=[("hand-overs", f"{rate:,.0f}/s"), ("waiting", f"{waiters:.1f} on average")],
        severity=CHURN_SEVERITY if waiters >= CHURN_WAITERS else CHURN_FINE_SEVERITY,
        tids=_tids(_by_wait(row, WAITS_PCT)),
    )


def _gil_off(row: ProcessRow, gil: GilRow) -> Finding | None:
    """A free-threaded build that runs without."""
    if gil.is_enabled is not False:
        return None
    return _finding(
        "gil-off",
        row,
        title="free-threaded Python: the GIL is off",
        explanation="Its threads run Python at the same time; what they wait for is locks of their own.",
        evidence=[("build", gil.version)],
        severity=OFF_SEVERITY,
    )


def _switched_on(row: ProcessRow, gil: GilRow) -> Finding | None:
    """A free-threaded build that runs with a GIL after all."""
    if not (gil.is_enabled and gil.version.endswith("t")):
        return None
    return _finding(
        "gil-switched-on",
        row,
        title="free-threaded Python, but its GIL is switched on",
        explanation="An extension module that does not declare itself safe without the GIL switched it on when it "
        "was imported (Python warned with its name), or PYTHON_GIL=1 or -X gil=1 did. Its threads share it as in an "
        "ordinary build.",
        evidence=[("build", gil.version), ("GIL", "on")],
        severity=SWITCHED_ON_SEVERITY,
    )


def fine_groups(rows: Iterable[ProcessRow]) -> list[Finding]:
    """Busy workers of one parent, each with a GIL of its own for which nobody waits: as it should be."""
    families: dict[tuple[int, str], list[ProcessRow]] = {}
    for row in rows:
        if _is_fine_worker(row):
            families.setdefault((row.ppid, row.process), []).append(row)
    return [
        _group(sorted(members, key=lambda row: row.pid)) for members in families.values() if len(members) >= WORKERS
    ]


def _is_fine_worker(row: ProcessRow) -> bool:
    gil = row.gil
    if gil is None or gil.grade != "exact" or gil.samples < LEAST_ROUNDS or not gil.is_enabled:
        return False
    return (row.cpu_pct or 0.0) >= WORKER_CPU_PCT and not _by_wait(row, WAITS_PCT)


def _group(members: Sequence[ProcessRow]) -> Finding:
    return _finding(
        "workers-fine",
        members[0],
        title=f"{len(members)} worker processes, each with a GIL of its own: nobody waits",
        explanation="They compute side by side, as many at a time as there are cores: this is how Python uses "
        "several of them.",
        evidence=[
            ("cpu", " ".join(f"{row.cpu_pct or 0.0:.0f}" for row in members[:SHOWN]) + _more(members) + " %"),
            ("pids", " ".join(str(row.pid) for row in members[:SHOWN]) + _more(members)),
        ],
        severity=GROUP_SEVERITY,
        tids=tuple(row.pid for row in members),
    )


# -- words and figures -------------------------------------------------------------------------


def _named(thread: ThreadRow) -> str:
    """A thread by its own name; by its tid where it has only the program's name."""
    return f"thread {thread.tid}" if thread.name == thread.process else thread.name


def _finding(
    kind: str,
    row: ProcessRow,
    *,
    title: str,
    explanation: str,
    evidence: Iterable[tuple[str, str]],
    severity: float,
    tids: tuple[int, ...] = (),
    next_command: str = "",
) -> Finding:
    """A finding about ``row`` with the grade of its GIL, which discounts an estimate's severity."""
    grade: Grade = row.gil.grade if row.gil else "none"
    return Finding(
        kind,
        row.pid,
        row.start_ticks,
        row.process,
        title,
        explanation,
        tuple(evidence),
        grade,
        severity if grade == "exact" else severity - ESTIMATE_DISCOUNT,
        tids,
        next_command,
    )


def _known(row: ProcessRow) -> list[ThreadRow]:
    return [thread for thread in row.threads.values() if thread.gil is not None]


def _by_wait(row: ProcessRow, least_pct: float) -> list[ThreadRow]:
    """The threads that wait for the GIL so much, those that wait most first."""
    waiting = [thread for thread in _known(row) if _wait(thread) >= least_pct]
    return sorted(waiting, key=lambda thread: (-_wait(thread), thread.tid))


def _unlike(row: ProcessRow, threads: Sequence[ThreadRow]) -> list[ThreadRow]:
    tids = set(_tids(threads))
    return [thread for thread in _known(row) if thread.tid not in tids]


def _wait(thread: ThreadRow) -> float:
    return thread.gil_wait_pct or 0.0


def _holds(thread: ThreadRow) -> float:
    return thread.gil_pct or 0.0


def _work(thread: ThreadRow) -> float:
    """What it holds the GIL for, and what it runs without: one that computes in native code hardly minds a wait."""
    return _holds(thread) + ((thread.gil.without_pct if thread.gil else None) or 0.0)


def _asleep(thread: ThreadRow) -> float:
    return (thread.gil.asleep_pct if thread.gil else None) or 0.0


def _tids(threads: Iterable[ThreadRow]) -> tuple[int, ...]:
    return tuple(thread.tid for thread in threads)


def _interval(gil: GilRow) -> str:
    """The switch interval of the GIL that is held most, in ms; 5 is CPython's own."""
    locks = [lock for lock in gil.locks if lock.is_enabled]
    busiest = max(locks, key=lambda lock: lock.utilisation_pct or 0.0, default=None)
    return f"{busiest.interval_us / 1000 if busiest else 5:g} ms"


def _about(grade: Grade) -> str:
    return "" if grade == "exact" else "about "


def _looks(grade: Grade) -> str:
    return "samples" if grade == "exact" else "looks"


def _pct(value: float) -> str:
    """A share in whole %, below 1 with a decimal; what is less than that is not 0."""
    if 0 < value < 0.1:  # noqa: PLR2004 it would round to 0
        return "under 0.1 %"
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1f} %"


def _threads(count: int) -> str:
    return f"{count} thread" if count == 1 else f"{count} threads"


def _more(shown: Sequence[object]) -> str:
    return " ..." if len(shown) > SHOWN else ""


def _dump(row: ProcessRow) -> str:
    return f"py-spy dump --pid {row.pid} --nonblocking"
