"""What passes add up to: counters that only grow, though threads and processes come and go."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from builders import NOON, process_sample, ran, sample, thread_sample
from metrics_played import Played, named, server, values
from threadtop import rates
from threadtop.gil_rows import Estimate, GilRow, GilShare
from threadtop.metrics import families
from threadtop.metrics.gains import OWED_KEPT
from threadtop.metrics.groups import Grouping
from threadtop.metrics.totals import Totals
from threadtop.snapshot import Finding

if TYPE_CHECKING:
    from threadtop.sample import ProcessSample

GIL = GilRow("exact", "", "", "3.12", True, 90.0, 200.0, 1.0, (), 500, 5.0, (), None)


def test_counters_begin_with_the_exporter() -> None:
    """What threads did before the first pass is not counted, what is known of them stands there as 0."""
    played = Played()
    old = ran(thread_sample(100), 0, run_ms=9000, wait_ms=500, vol=70, invol=7)
    published = played.add(sample(0, server(old, cpu_ns=9_000_000_000)))
    assert values(published, families.CPU) == {("server", "main"): 0}
    assert values(published, families.RUN_QUEUE) == {("server", "main"): 0}
    assert values(published, families.PROCESS_CPU) == {("server",): 0}
    assert {point.created for point in published.points[families.CPU]} == {NOON}
    assert published.points[families.BLOCKED] == ()


def test_gains_are_added_up_by_group() -> None:
    """Exact counters become base units; threads that differ in a number are one group."""
    played = Played()
    main, one, two = thread_sample(100), thread_sample(101, name="worker-1"), thread_sample(102, name="worker-2")
    played.add(sample(0, server(main, one, two)))
    for second in (5, 10):
        one = ran(one, second, run_ms=1500, wait_ms=250, vol=10, invol=3)
        two = ran(two, second, run_ms=500, wait_ms=0, vol=5)
        published = played.add(sample(second, server(main, one, two, cpu_ns=second * 400_000_000, at_ns=second)))
    pool = ("server", "worker-*")
    assert values(published, families.CPU) == {("server", "main"): 0, pool: 4.0}
    assert values(published, families.RUN_QUEUE) == {("server", "main"): 0, pool: 0.5}
    assert values(published, families.SWITCHES) == {
        ("server", "main", "voluntary"): 0,
        ("server", "main", "involuntary"): 0,
        (*pool, "voluntary"): 30,
        (*pool, "involuntary"): 6,
    }
    assert values(published, families.PROCESS_CPU) == {("server",): 4.0}
    assert values(published, families.PASSES) == {(): 3}


def test_counters_never_fall_when_threads_and_processes_end() -> None:
    """An ended thread takes nothing away, and its successor under the same tid adds only what is its own."""
    played = Played()
    main, worker = thread_sample(100), thread_sample(101, name="w1")
    played.add(sample(0, server(main, worker)))
    worker = ran(worker, 5, run_ms=2000)
    played.add(sample(5, server(main, worker)))
    published = played.add(sample(10, server(main)))
    assert values(published, families.CPU)["server", "w*"] == 2.0
    reused = thread_sample(101, name="w1", start_ticks=2000, run_ns=300_000_000, at_ns=15_000_000_000)
    published = played.add(sample(15, server(main, reused)))
    assert values(published, families.CPU)["server", "w*"] == pytest.approx(2.3)
    published = played.add(sample(20))
    assert values(published, families.CPU)["server", "w*"] == pytest.approx(2.3)
    assert values(published, families.PROCESSES) == {}


def test_a_thread_that_is_seen_late_brings_no_burst() -> None:
    """Hours of CPU of one that was hidden until now are not counted; a second of one born since is."""
    played = Played()
    played.add(sample(0, server()))
    late = thread_sample(201, name="old", run_ns=7_200_000_000_000)
    born = thread_sample(202, name="new", run_ns=1_000_000_000, wait_ns=500_000_000, vol=4)
    hidden = process_sample(200, thread_sample(200), late, born, name="hidden", cpu_ns=7_201_000_000_000)
    published = played.add(sample(5, server(), hidden))
    cpu = values(published, families.CPU)
    assert cpu["hidden", "old"] == 0
    assert cpu["hidden", "new"] == 1.0
    assert values(published, families.SWITCHES)["hidden", "new", "voluntary"] == 4
    assert values(published, families.PROCESS_CPU)["hidden",] == 0


def test_the_process_clock_counts_threads_that_were_never_seen() -> None:
    """Threads that came and ended between two passes are in the processes' own time, not in that of threads."""
    played = Played()
    played.add(sample(0, server(cpu_ns=1_000_000_000)))
    published = played.add(sample(5, server(cpu_ns=4_000_000_000)))
    assert values(published, families.PROCESS_CPU) == {("server",): 3.0}
    assert values(published, families.CPU) == {("server", "main"): 0}


def test_a_clock_that_is_unknown_for_a_pass_loses_nothing() -> None:
    """Where threads ended in the middle of a pass, the next one has what the process used meanwhile."""
    played = Played()
    clocks = [1.0, None, 4.0, None, 4.5]
    for turn, clock_s in enumerate(clocks):
        cpu_ns = None if clock_s is None else round(clock_s * 1e9)
        name = "server" if turn < 3 else "renamed"
        published = played.add(sample(5 * turn, server(cpu_ns=cpu_ns, command=f"turn {turn}", name=name)))
    assert values(published, families.PROCESS_CPU) == {("server",): 3.0, ("renamed",): 0.5}


def test_unknown_is_absent() -> None:
    """Without schedstat nothing is said of the run queue, without status nothing of switches: no 0."""
    played = Played()
    thread = thread_sample(100, wait_ns=None, vol=None, invol=None)
    played.add(sample(0, server(thread)))
    published = played.add(sample(5, server(ran(thread, 5, run_ms=100))))
    assert values(published, families.CPU) == {("server", "main"): 0.1}
    assert values(published, families.RUN_QUEUE) == {}
    assert values(published, families.SWITCHES) == {}


def test_threads_by_state_and_reason() -> None:
    """Each thread counts in one state; in a reason only if it is blocked; what ended waits for nothing."""
    played = Played()
    threads = [
        thread_sample(100, wchan="ep_poll"),
        thread_sample(101, name="w1", wchan="futex_do_wait"),
        thread_sample(102, name="w2", wchan="futex_do_wait"),
        thread_sample(103, name="w3", state="R", wchan=""),
        thread_sample(104, name="w4", state="D"),
        thread_sample(105, name="w5"),
        thread_sample(106, name="w6", state="Z"),
    ]
    published = played.add(sample(0, server(*threads)))
    assert values(published, families.THREADS) == {
        ("server", "main", "sleeping"): 1,
        ("server", "w*", "sleeping"): 3,
        ("server", "w*", "runnable"): 1,
        ("server", "w*", "uninterruptible"): 1,
        ("server", "w*", "zombie"): 1,
    }
    blocked = {
        ("server", "main", "poll"): 1,
        ("server", "w*", "lock"): 2,
        ("server", "w*", "disk"): 1,
        ("server", "w*", "unknown"): 1,
    }
    assert values(published, families.BLOCKED_THREADS) == blocked
    threads[1] = ran(threads[1], 5, run_ms=1)._replace(state="R", wchan="")
    published = played.add(sample(5, server(*threads[:2], *threads[3:])))
    assert values(published, families.BLOCKED_THREADS) == {
        key: count for key, count in blocked.items() if key[2] != "lock"
    }
    assert values(published, families.THREADS)["server", "w*", "runnable"] == 2


def test_a_thread_at_rest_was_blocked_all_the_time() -> None:
    """Who did not run is blocked for the whole interval, exactly; idle waiting and what is unknown is no figure.

    On a lock it is parked: an idle worker waits for work so.
    """
    played = Played()
    threads = (
        thread_sample(100, wchan="ep_poll"),
        thread_sample(101, name="a", wchan="futex_do_wait"),
        thread_sample(102, name="b", state="D"),
        thread_sample(103, name="c"),
    )
    process = server(*threads)
    played.add(sample(0, process))
    played.add(sample(5, process))
    published = played.add(sample(10, process))
    assert values(published, families.BLOCKED) == {
        ("server", "a", "parked", "exact"): 10.0,
        ("server", "b", "disk", "exact"): 10.0,
    }
    blocked = values(published, families.BLOCKED_THREADS)
    assert {labels[1:]: count for labels, count in blocked.items()} == {
        ("main", "poll"): 1,
        ("a", "parked"): 1,
        ("b", "disk"): 1,
        ("c", "unknown"): 1,
    }


def test_what_a_look_finds_gets_what_counters_leave() -> None:
    """Of a thread that ran, the rest of the interval is an estimate; runnable looks hand theirs to the next ones."""
    played = Played()
    main, worker = thread_sample(100, wchan="ep_poll"), thread_sample(101, name="w", wchan="futex_do_wait")
    played.add(sample(0, server(main, worker)))
    worker = ran(worker, 5, run_ms=1000, wait_ms=500)
    published = played.add(sample(5, server(main, worker)))
    lock = ("server", "w", "lock", "estimate")
    assert values(published, families.BLOCKED) == {lock: 3.5}
    worker = ran(worker, 10, run_ms=4000)._replace(state="R", wchan="")
    published = played.add(sample(10, server(main, worker)))
    assert values(published, families.BLOCKED) == {lock: 3.5}
    worker = ran(worker, 15, run_ms=3000)._replace(state="S", wchan="futex_do_wait")
    published = played.add(sample(15, server(main, worker)))
    assert values(published, families.BLOCKED) == {lock: 3.5 + 2.0 + OWED_KEPT * 1.0}


def share(holds: float | None, wait: float | None, **more: object) -> GilShare:
    """A thread's share of the GIL."""
    own = GilShare("exact", "", holds, wait, 0.0, holds, 0.0, 0.0, 0.0, 500, is_python=True)
    return own._replace(**more)


def test_shares_of_the_gil_become_seconds() -> None:
    """Share x interval, by grade; what an estimate cannot tell is absent, and so are threads that are no Python's."""
    played = Played()
    samples = [
        thread_sample(100),
        thread_sample(101, name="w1"),
        thread_sample(102, name="w2"),
        thread_sample(103, name="blas"),
    ]
    played.add(sample(0, server(*samples)))
    now = sample(5, server(*samples))
    played.add(now)
    row = played.snapshot.processes[100]
    shares = {
        100: share(0.0, 0.0),
        101: share(60.0, 20.0),
        102: share(30.0, 50.0),
        103: share(0.0, 0.0, is_python=False),
    }

    def watched(grade: str, shares: dict[int, GilShare]) -> dict[str, object]:
        threads = {tid: row.threads[tid]._replace(gil=shares[tid]) for tid in shares}
        return {"processes": {100: row._replace(gil=GIL._replace(grade=grade), threads=threads)}}

    published = played.add(sample(10, server(*samples)), **watched("exact", shares))
    pool = ("server", "w*", "exact")
    assert values(published, families.GIL_HELD) == {("server", "main", "exact"): 0, pool: 4.5}
    assert values(published, families.GIL_WAIT) == {("server", "main", "exact"): 0, pool: 3.5}
    assert values(published, families.GIL_WATCHED) == {("server", "exact"): 1}
    guessed = {tid: share(None, Estimate(40.0), grade="estimate") for tid in (101, 102)}
    rest = {tid: share(None, None, grade="estimate") for tid in (100, 103)}
    published = played.add(sample(15, server(*samples)), **watched("estimate", {**guessed, **rest}))
    assert values(published, families.GIL_HELD)[pool] == 4.5
    assert ("server", "w*", "estimate") not in values(published, families.GIL_HELD)
    assert values(published, families.GIL_WAIT)["server", "w*", "estimate"] == 4.0
    assert values(published, families.GIL_WATCHED) == {("server", "estimate"): 1}


def test_waiting_for_the_gil_is_no_other_lock() -> None:
    """What a thread waited for the GIL, which one look takes for a lock, is taken from what it was blocked on."""
    played = Played()
    main, worker = thread_sample(100, wchan="ep_poll"), thread_sample(101, name="w", wchan="futex_do_wait")
    played.add(sample(0, server(main, worker)))
    now = sample(5, server(main, ran(worker, 5, run_ms=1000)))
    row = rates.snapshot(sample(0, server(main, worker)), now).processes[100]
    threads = {**row.threads, 101: row.threads[101]._replace(gil=share(20.0, 30.0))}
    published = played.add(now, processes={100: row._replace(threads=threads, gil=GIL)})
    assert values(published, families.GIL_WAIT) == {("server", "w", "exact"): 1.5}
    assert values(published, families.BLOCKED) == {("server", "w", "lock", "estimate"): 4.0 - 1.5}


def test_a_counter_of_the_kernel_that_falls_takes_nothing_away() -> None:
    """Should a reading be less than the one before, a group's counter stands still."""
    played = Played()
    thread = thread_sample(100, wait_ns=5_000_000_000, vol=50)
    played.add(sample(0, server(thread)))
    published = played.add(sample(5, server(ran(thread, 5, run_ms=100, wait_ms=-1000, vol=-20))))
    assert values(published, families.CPU) == {("server", "main"): 0.1}
    assert values(published, families.RUN_QUEUE) == {("server", "main"): 0}
    assert values(published, families.SWITCHES)["server", "main", "voluntary"] == 0


def test_findings_are_counted_by_group() -> None:
    """Each process of which a rule holds counts, by rule, grade, and whether it is a problem."""
    played = Played()
    found = [
        Finding(kind, pid, 1000, "server", "", "", (), "exact", severity)
        for kind, pid, severity in (("starved", 100, 60.0), ("starved", 200, 70.0), ("spinning", 200, 30.0))
    ]
    published = played.add(sample(0, server(), server(pid=200)), findings=tuple(found))
    assert values(published, families.FINDINGS) == {
        ("server", "starved", "problem", "exact"): 2,
        ("server", "spinning", "observation", "exact"): 1,
    }
    assert values(played.add(sample(5, server())), families.FINDINGS) == {}


def test_an_exec_changes_the_group() -> None:
    """A process that becomes another program counts for that from then on; its counters go on."""
    played = Played()
    played.add(sample(0, named(100, "sh", 100)))
    published = played.add(sample(5, named(100, "server", 350, 5)))
    assert values(published, families.CPU) == {("sh", "main"): 0, ("server", "main"): 0.25}
    assert values(published, families.PROCESSES) == {("server",): 1}
    assert values(published, families.THREADS) == {("server", "main", "sleeping"): 1}


def test_what_the_exporter_says_of_itself() -> None:
    """Its own memory and CPU, what a pass took, when it began and how far it was from the one before."""
    played = Played(Totals(Grouping(), own_pid=100))
    played.add(sample(0, server(rss_bytes=30 << 20)))
    published = played.add(sample(5, server(rss_bytes=31 << 20), notes=("hidepid",)))
    assert values(published, families.OWN_MEMORY) == {(): 31 << 20}
    assert values(published, families.PASS) == {(): 0.002}
    assert values(published, families.PASS_INTERVAL) == {(): 5.0}
    assert values(published, families.PASS_TIME) == {(): NOON + 5}
    assert values(published, families.NOTES) == {(): 1}
    assert published.at_ns == 5_000_000_000


def test_a_pass_looks_only_at_what_changed() -> None:
    """Threads whose rows are the same objects are not named again: the work grows with what moved."""
    asked: list[int] = []

    class Counting(Grouping):
        def threads(self, group: str, row: object) -> str:
            asked.append(row.tid)
            return super().threads(group, row)

    played = Played(Totals(Counting()))
    threads = [thread_sample(tid, name="w") for tid in range(100, 200)]
    for second in (0, 5):
        played.add(sample(second, server(*threads)))
    asked.clear()
    threads[7] = ran(threads[7], 10, run_ms=1)
    played.add(sample(10, server(*threads)))
    assert asked == [107]


def lived(process: ProcessSample, turn: int, chance: random.Random) -> tuple[ProcessSample, int]:
    """The process a second later: threads have ended, run, and come; and what its threads ran in it, in ms."""
    pid, total_ms = process.pid, 0
    threads = {tid: thread for tid, thread in process.threads.items() if tid == pid or chance.random() > 0.2}
    for tid in {*threads, pid + chance.randrange(1, 9)}:
        if chance.random() < 0.6:
            run_ms = chance.randrange(400)
            thread = threads.get(tid) or thread_sample(tid, name=f"w{tid}", start_ticks=1000 + turn)
            threads[tid] = ran(thread, turn, run_ms=run_ms)
            total_ms += run_ms
    return process._replace(threads=threads), total_ms


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_and_nothing_falls(seed: int) -> None:
    """Whatever comes and goes, no series falls, and together they hold what the threads ran that were seen."""
    chance = random.Random(seed)  # noqa: S311 a sequence that can be told again
    played = Played(Totals(Grouping(), most_groups=2))
    alive: dict[int, ProcessSample] = {}
    gained_ms, before = 0, {}
    for turn in range(60):
        alive = {pid: process for pid, process in alive.items() if chance.random() > 0.1}
        for pid in chance.sample(range(100, 900, 100), 3):
            new = process_sample(pid, thread_sample(pid, start_ticks=turn), name=f"p{chance.choice('abcd')}")
            alive.setdefault(pid, new)
        for pid, process in alive.items():
            alive[pid], run_ms = lived(process, turn, chance)
            gained_ms += run_ms if turn else 0
        published = played.add(sample(turn, *alive.values()))
        for family in (families.CPU, families.RUN_QUEUE, families.SWITCHES, families.PROCESS_CPU, families.BLOCKED):
            for point in published.points[family]:
                assert point.value >= before.get((family, point.labels), 0.0)
                before[family, point.labels] = point.value
        assert sum(point.value for point in published.points[families.CPU]) == pytest.approx(gained_ms / 1e3)
        assert len({point.labels for point in published.points[families.PROCESSES]} - {("other",)}) <= 2
