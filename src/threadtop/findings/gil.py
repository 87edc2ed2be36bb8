"""Findings about the GIL that are problems: rules on the shares that the lens put on rows, their thresholds; pure.

Thread names stand in titles as the kernel gave them, raw: whoever shows a finding makes them harmless.  What an
estimate says is said with "about", and is less severe than the same from the target's memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.findings import gil_calm
from threadtop.findings import gil_figures as figures
from threadtop.findings.gil_calm import LEAST_ROUNDS
from threadtop.findings.gil_figures import WAITS_PCT
from threadtop.findings.measures import SHOWN, named, pct

if TYPE_CHECKING:
    from threadtop.gil_rows import GilRow
    from threadtop.snapshot import Finding, HostRow, ProcessRow

LEAST_LOOKS: Final = 10  # for an estimate: half a second of looks at each thread

# From 50 on a finding is a problem.  First what a mend removes for certain (asleep with it), then what costs most.
BOUND_SEVERITY, BOUND_PER_WAITER, BOUND_MOST = 70.0, 5.0, 90.0  # each waiter is a core's worth of queued work
CONVOY_SEVERITY, CONVOY_MOST = 60.0, 80.0  # late, but little work queues up
ASLEEP_SEVERITY, ASLEEP_ALONE_SEVERITY = 85.0, 55.0  # a bug either way, and worse where it keeps others out
CHURN_SEVERITY, CHURN_FINE_SEVERITY = 60.0, 30.0  # with others waiting for it, and as a mere cost

BOUND_HELD_PCT: Final = 80.0  # nearly always: below, who waits would soon find it free
BOUND_WAIT_PCT: Final = 20.0  # a fifth of the time: more than a chance meeting
BOUND_THREADS: Final = 2  # one alone that waits is a convoy, or a neighbour's short visit
BOUND_WAITERS: Final = 1.0  # a core's worth of work queues, however thinly it is spread
QUEUED_HELD_PCT: Final = 60.0  # suffices where one waits on average: thousands of hand-overs leave it free in between
CONVOY_WORK_PCT: Final = 10.0  # who needs more of it computes, too
CONVOY_WAIT_PCT: Final = 3.0  # six waits of 5 ms a second: less is not felt
CONVOY_TIMES: Final = 5.0  # its wait is out of proportion to its work
CONVOY_WAKES_PER_S: Final = 20.0  # it waits at each wake-up, not once for long
CONVOY_HOG_PCT: Final = 70.0  # one thread is what it waits for
ASLEEP_PCT: Final = 1.0  # five of 500 samples, each confirmed
KEPT_OUT_PCT: Final = 1.0  # as few: even a short sleep keeps them all out
# Threads that compute are parted by the 5 ms switch interval, 200 times a second: ten times that means that they
# give the GIL up themselves, around calls that are too short to be worth it.
MANY_SWITCHES_PER_S: Final = 2000.0
CHURN_WAITERS: Final = 0.5  # threads that wait on average, from which many hand-overs are a problem


def findings(row: ProcessRow, idle_cores: float | None) -> list[Finding]:
    """What the GIL of one process says; ``idle_cores`` is what the machine has to spare, None not known."""
    gil = row.gil
    if gil is None or gil.grade == "none":
        return []
    found = [gil_calm.gil_off(row, gil), gil_calm.switched_on(row, gil)]
    if gil.is_enabled is not False and gil.samples >= (LEAST_ROUNDS if gil.grade == "exact" else LEAST_LOOKS):
        convoy, bound = _convoy(row, gil), _gil_bound(row, gil, idle_cores)
        if convoy and bound and set(bound.tids) <= set(convoy.tids):
            bound = None  # those that wait need microseconds: no work queues up
        found += [
            bound,
            convoy,
            _held_asleep(row, gil),
            None if convoy else gil_calm.single_busy(row, gil),
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
    waiting, held = figures.by_wait(row, BOUND_WAIT_PCT), gil.utilisation_pct
    if len(waiting) < BOUND_THREADS and (gil.waiters or 0.0) >= BOUND_WAITERS:
        waiting = figures.by_wait(row, WAITS_PCT)  # many that wait a little queue as long as few that wait much
    least_pct = QUEUED_HELD_PCT if (gil.waiters or 0.0) >= BOUND_WAITERS else BOUND_HELD_PCT
    if held is None or held < least_pct or len(waiting) < BOUND_THREADS:
        return None
    if gil.grade == "estimate" and gil.verdict != "gil":
        return None  # a native lock would look the same
    sharing = len(waiting) + sum(figures.holds(thread) >= BOUND_WAIT_PCT for thread in figures.unlike(row, waiting))
    waiters, about = gil.waiters or 0.0, figures.about(gil.grade)
    what = "one GIL: held" if len(gil.locks) <= 1 else f"{len(gil.locks)} GILs: the busiest held"
    explanation = (
        f"{sharing} threads want to run Python, and a GIL lets one at a time: {about}{waiters:.1f} cores' worth of "
        "work queues for it. More threads will not help; processes, a free-threaded build, or native code that "
        "releases the GIL will."
    )
    if gil.grade == "estimate":
        explanation += (
            " Their sleeps show the switch interval of 5 ms, as waits for a GIL do; a native lock that each waits "
            "for about that long would look the same."
        )
    evidence = [
        ("held", f"{about}{pct(held)} ({gil.samples} {figures.looks(gil.grade)})"),
        (
            "waits",
            about
            + " ".join(f"{figures.wait(thread):.0f}" for thread in waiting[:SHOWN])
            + figures.more(waiting)
            + " %",
        ),
    ]
    if gil.sleeps is not None:
        evidence.append(("sleeps of 5 ms", f"{gil.sleeps.sharp} of {gil.sleeps.lasting} over 1 ms"))
    if gil.switches_per_s is not None:
        evidence.append(("hand-overs", f"{gil.switches_per_s:,.0f}/s"))
    if idle is not None:
        evidence.append(("cores idle", f"{idle:.1f}"))
    return figures.finding(
        "gil-bound",
        row,
        title=f"{sharing} threads share {what} {about}{pct(held)}, {about}{waiters:.1f} wait on average",
        explanation=explanation,
        evidence=evidence,
        severity=min(BOUND_MOST, BOUND_SEVERITY + BOUND_PER_WAITER * waiters),
        tids=figures.tids_of(waiting),
        next_command=figures.dump(row),
    )


def _convoy(row: ProcessRow, gil: GilRow) -> Finding | None:
    """A thread that needs little of the GIL waits out the switch interval of one that computes, at each wake-up."""
    threads = figures.known(row)
    hog = max(threads, key=figures.holds, default=None)
    if hog is None or figures.holds(hog) < CONVOY_HOG_PCT:
        return None
    late = [
        thread
        for thread in figures.by_wait(row, CONVOY_WAIT_PCT)
        if thread is not hog
        and thread.gil is not None
        and thread.gil.holds_pct is not None
        and figures.work(thread) <= CONVOY_WORK_PCT
        and figures.wait(thread) >= CONVOY_TIMES * figures.work(thread)
        and (thread.vol_per_s or 0.0) >= CONVOY_WAKES_PER_S
    ]
    if not late:
        return None
    worst = late[0]
    others = f" (and {len(late) - 1} more)" if len(late) > 1 else ""
    interval = figures.interval(gil)
    return figures.finding(
        "convoy",
        row,
        title=f"{named(worst)}{others} waits {pct(figures.wait(worst))} of its time for "
        f"{pct(figures.work(worst))} of work: each wake-up waits out the {interval} switch interval of "
        f"{named(hog)}",
        explanation=f"A thread that computes gives the GIL up only when asked, after {interval}; a thread that needs "
        "it for microseconds between two calls waits that long each time. A shorter interval "
        "(sys.setswitchinterval) shortens each wait at some cost; moving the computing to a process ends it.",
        evidence=[
            ("waits", f"{pct(figures.wait(worst))} ({gil.samples} {figures.looks(gil.grade)})"),
            ("holds", pct(figures.holds(worst))),
            ("wake-ups", f"{worst.vol_per_s or 0.0:,.0f}/s"),
            ("held by", f"{hog.name} {hog.tid}, {pct(figures.holds(hog))}"),
        ],
        severity=min(CONVOY_MOST, CONVOY_SEVERITY + figures.wait(worst) / 2),
        tids=(*figures.tids_of(late), hog.tid),
        next_command=figures.dump(row),
    )


def _held_asleep(row: ProcessRow, gil: GilRow) -> Finding | None:
    """A thread sleeps in the kernel with the GIL in its hands: native code that forgot to release it."""
    asleep = [thread for thread in figures.known(row) if figures.asleep(thread) >= ASLEEP_PCT]
    if not asleep:
        return None
    asleep.sort(key=lambda thread: (-figures.asleep(thread), thread.tid))
    worst = asleep[0]
    kept_out = [thread for thread in figures.by_wait(row, KEPT_OUT_PCT) if thread is not worst]
    others = f" (and {len(asleep) - 1} more)" if len(asleep) > 1 else ""
    evidence = [
        (
            "asleep with the GIL",
            f"{pct(figures.asleep(worst))} ({gil.samples} {figures.looks(gil.grade)}, each read twice)",
        ),
        ("waiting meanwhile", figures.count_of_threads(len(kept_out))),
    ]
    if gil.holder_call and gil.holder_call != "running":
        evidence.append(("its holder is now", gil.holder_call))
    return figures.finding(
        "held-asleep",
        row,
        title=f"{named(worst)}{others} holds the GIL while it sleeps, {pct(figures.asleep(worst))} of the time",
        explanation="Native code that blocks must release the GIL first (Py_BEGIN_ALLOW_THREADS); an extension here "
        "does not, and no other thread of the process can run Python until it wakes up. That is a bug of the "
        "extension, unless the sleep is a page fault (swap, a mapped file): the thread's stack tells.",
        evidence=evidence,
        severity=ASLEEP_SEVERITY if kept_out else ASLEEP_ALONE_SEVERITY,
        tids=figures.tids_of(asleep),
        next_command=figures.dump(row),
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
    return figures.finding(
        "many-handovers",
        row,
        title=f"the GIL changes hands {rate:,.0f} times a second",
        explanation=f"{why} Each hand-over costs a switch; fewer and larger calls (batches, buffers) make fewer.",
        evidence=[("hand-overs", f"{rate:,.0f}/s"), ("waiting", f"{waiters:.1f} on average")],
        severity=CHURN_SEVERITY if waiters >= CHURN_WAITERS else CHURN_FINE_SEVERITY,
        tids=figures.tids_of(figures.by_wait(row, WAITS_PCT)),
    )
