"""Moments made up for recordings: a script in which everything that can happen happens, and machines at random."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from builders import COST, USERS, host_sample, process_sample, sample, thread_sample
from threadtop.blocked import BlockedOn, LatelyLock, LockSample, LocksSample, LockWait, WaitSample, WaitTally
from threadtop.errors import RecordingError
from threadtop.meaning import Meaning
from threadtop.moment import Moment
from threadtop.rates import SECOND_NS
from threadtop.recording.writer import Writer, created
from threadtop.sample import GilLock, GilMoment, GilSample, GilTally, SleepTally, WatchCost
from threadtop.snapshot import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from threadtop.sample import ProcessSample, Sample, ThreadSample
    from threadtop.snapshot import Snapshot

ODD_NAME = b"caf\xe9 \x1b[2J\n".decode("utf-8", "surrogateescape")
PLACES = ((0xFFFF_8000_0000_1000, 0xFFFF_8000_0000_1058),)


def written(path: Path, moments: Iterable[Moment], *, key_ticks: int = 3) -> Path:
    """A recording of these moments."""
    out = Writer(created(path), path)
    out.key_ticks = key_ticks
    try:
        for moment in moments:
            out.add(moment)
    finally:
        out.close()
    return path


def recorded(path: Path, *samples: Sample, findings: tuple[tuple[Finding, ...], ...] = ()) -> Path:
    """A recording of these samples, with what was found in each."""
    found = (*findings, *((),) * (len(samples) - len(findings)))
    return written(path, (Moment(one, {}, what) for one, what in zip(samples, found, strict=True)), key_ticks=60)


def meant(moments: Iterable[Moment]) -> list[Snapshot]:
    """Their snapshots, as the live screen showed them."""
    meaning, shots = Meaning(), []
    for moment in moments:
        shot = meaning.shares(moment.sample, meaning.rates(moment.sample), moment.gils)
        shots.append(shot._replace(findings=moment.findings))
    return shots


def finding(kind: str, pid: int, severity: float = 60.0, **said: object) -> Finding:
    """A finding about a process."""
    evidence = (("share", "97 %"), ("thread", ODD_NAME))
    whole = Finding(
        kind, pid, 1000, ODD_NAME, f"{kind} in {ODD_NAME}", f"Why {kind}.", evidence, "exact", severity, (pid,)
    )
    return whole._replace(**said)  # type: ignore[arg-type]


def as_sampled(before: Sample | None, now: Sample) -> Sample:
    """``now`` as the sampler has it: who stays stands where it stood, who is new at the end; what is equal, is it."""
    if before is None:
        return now
    processes = {}
    for pid, process in now.processes.items():
        old = before.processes.get(pid)
        if old is None or old is process or old.start_ticks != process.start_ticks:
            processes[pid] = process
            continue
        stay = [tid for tid, was in old.threads.items() if _is_still(was, process.threads.get(tid))]
        threads = {tid: process.threads[tid] for tid in dict.fromkeys([*stay, *process.threads])}
        threads = {tid: was if (was := old.threads.get(tid)) == thread else thread for tid, thread in threads.items()}
        made = process._replace(threads=threads)
        processes[pid] = old if made == old else made
    first = [pid for pid, was in before.processes.items() if _is_still(was, processes.get(pid))]
    return now._replace(processes={pid: processes[pid] for pid in dict.fromkeys([*first, *processes])})


def _is_still(was: ThreadSample | ProcessSample, now: ThreadSample | ProcessSample | None) -> bool:
    return now is not None and now.start_ticks == was.start_ticks


# -- the script --------------------------------------------------------------------------------


class _Script:
    """A machine whose changes are told one after the other."""

    def __init__(self) -> None:
        """Three processes, one of them a kernel thread of which little can be read."""
        self.moments: list[Moment] = []
        self.at_s = 0.0
        self.looks: dict[str, object] = {}
        self.places: dict[int, tuple[tuple[int, int], ...]] = {}
        self.findings: tuple[Finding, ...] = ()
        self.users = USERS
        kernel = thread_sample(200, name="kworker/0:1", run_ns=None, wait_ns=None, vol=None, invol=None, policy=1)
        self.processes = {
            100: process_sample(100, *(thread_sample(tid, start_ticks=tid) for tid in (100, 101, 102))),
            200: process_sample(200, kernel, uid=None, cpu_ns=None, kernel=True, ppid=2, command=""),
            300: process_sample(300, command=f"run {ODD_NAME}", name=ODD_NAME),
        }

    def threads(self, pid: int, *changed: ThreadSample, gone: Sequence[int] = (), **said: object) -> None:
        """Threads of a process that changed, came or went, and what changed of itself."""
        old = self.processes[pid]
        threads = {tid: thread for tid, thread in old.threads.items() if tid not in gone}
        threads |= {thread.tid: thread for thread in changed}
        cpu_ns = None if old.cpu_ns is None else old.cpu_ns + 7
        self.processes[pid] = old._replace(**{"threads": threads, "cpu_ns": cpu_ns, "at_ns": self.now_ns, **said})

    def run(self, pid: int, tid: int, run_ms: int, **said: object) -> ThreadSample:
        """A thread after it ran."""
        old = self.processes[pid].threads[tid]
        ran_ns = (old.run_ns or 0) + run_ms * 1_000_000
        switches = {"vol": (old.vol or 0) + 3, "invol": (old.invol or 0) + 1}
        return old._replace(
            **{"run_ns": ran_ns, "at_ns": self.now_ns, "utime_ticks": ran_ns // 10**7, **switches, **said}
        )

    @property
    def now_ns(self) -> int:
        """A moment after the pass began."""
        return round(self.at_s * SECOND_NS) + 2_000_000 + len(self.processes)

    def tick(self) -> None:
        """The pass is over."""
        now = sample(self.at_s, *self.processes.values(), users=self.users, host=host_sample(switches=int(self.at_s)))
        now = now._replace(**self.looks, cost=COST._replace(own_cpu_ns=len(self.moments)))  # type: ignore[arg-type]
        now = as_sampled(self.moments[-1].sample if self.moments else None, now)
        self.processes = dict(now.processes)
        self.moments.append(Moment(now, dict(self.places), self.findings))
        self.at_s += 1.0


def script() -> list[Moment]:
    """Sixteen ticks: threads and processes come, run, rest, change, go, and have their ids reused; so do looks."""
    one = _Script()
    _begin(one)
    _go_on(one)
    return one.moments


def _begin(one: _Script) -> None:
    one.tick()

    one.threads(100, one.run(100, 101, 300, wchan="futex_wait_queue", state="S"))
    one.looks = {"gils": {100: gil(1)}, "watch": WatchCost(10**6, 99.0)}
    one.findings = (finding("gil-bound", 100), finding("many-threads", 300, 20.0))
    one.tick()

    one.threads(100, one.run(100, 101, 500), thread_sample(103, start_ticks=103, at_ns=one.now_ns))
    del one.processes[300]
    one.looks |= {"gils": {100: gil(2, {101: 40, 103: 5})}, "waits": {100: waits(2)}, "wait_watch": WatchCost(5, 25.0)}
    one.findings = (finding("gil-bound", 100, title="gil-bound, more"),)
    one.tick()

    one.threads(100, one.run(100, 103, 20, state="R"), gone=[102])
    one.looks |= {"blocked": {(100, 101): BlockedOn("futex", futex=PLACES[0][0])}, "locks": {100: locks(3)}}
    one.places = {100: PLACES}
    one.tick()

    one.threads(100, one.run(100, 101, 1, name=ODD_NAME, nice=5), thread_sample(102, start_ticks=400, at_ns=one.now_ns))
    one.processes[400] = process_sample(
        400, thread_sample(400, start_ticks=400), start_ticks=400, at_ns=one.now_ns, uid=0
    )
    one.looks |= {"gils": {100: gil(4, {101: 90, 102: 1})}, "waits": {100: waits(4, 30)}}
    one.findings = ()
    one.tick()

    again = one.processes[100].threads[101]._replace(at_ns=one.now_ns)
    one.threads(100, again, one.processes[100].threads[103]._replace(at_ns=one.now_ns, state="D"))
    one.looks["gils"] = {100: gil(5, {101: 91, 102: 1})}
    one.looks |= {"locks": {100: locks(5)}, "blocked": {(100, 101): BlockedOn("read", fd=3), (200, 200): BlockedOn()}}
    one.tick()

    one.threads(400, one.run(400, 400, 5), name="other", command="other --exec", ppid=7, uid=1001)
    one.looks["gils"] = {100: gil(6, {101: 92, 103: 8})}
    one.users = {**USERS, 1001: "g\u00e4st"}
    one.findings = (finding("gil-bound", 100),)
    one.tick()


def _go_on(one: _Script) -> None:
    one.processes[400] = process_sample(
        400, thread_sample(400, start_ticks=777), start_ticks=777, at_ns=one.now_ns, command="another"
    )
    one.looks["gils"] = {100: gil(7, {101: 95, 103: 9}), 400: gil(7, {400: 3}, pid=400, start_ticks=777)}
    one.tick()

    one.tick()  # all rests

    one.looks = {key: value for key, value in one.looks.items() if key != "gils"}
    one.tick()

    one.processes[300] = process_sample(300, thread_sample(300, start_ticks=900), start_ticks=900, at_ns=one.now_ns)
    one.threads(100, thread_sample(103, start_ticks=1001, at_ns=one.now_ns), gone=[103])
    one.looks |= {"gils": {100: gil(10, {101: 4}, began=2)}, "waits": {100: waits(10, 31)}}
    one.tick()

    one.threads(100, one.run(100, 101, 999), one.run(100, 102, 1))
    one.looks = {}
    one.places = {}
    one.tick()

    for pid in (100, 200, 400):
        del one.processes[pid]
    one.tick()

    one.threads(300, rss_bytes=5, vsize_bytes=6, state="R")
    one.looks = {"gils": {300: gil(13, {300: 3}, pid=300, start_ticks=900)}}
    one.findings = (finding("gil-bound", 300), finding("gil-bound", 100))
    one.tick()

    one.threads(300, one.run(300, 300, 100))
    one.tick()
    one.tick()


def gil(at_s: int, held: dict[int, int] | None = None, *, pid: int = 100, **said: object) -> GilSample:
    """What the watch of a process has found by then: looks at each thread, and who held it lately."""
    rounds = 100 * at_s
    threads = {
        tid: GilTally(True, rounds, count, 1, 2, 3, rounds - count - 6) for tid, count in (held or {100: 9}).items()
    }
    at_ns = at_s * SECOND_NS
    whole = GilSample(pid, 1000, "exact", "", "", "3.12.3", 1, at_ns, has_looks=True, threads=threads)
    return whole._replace(
        **{
            "locks": (GilLock((0,), True, 5000, rounds, sum((held or {}).values()), 1000 + 50 * at_s),),
            "moments": tuple(GilMoment(at_ns - back * 10**7, (100 + back % 3,), ()) for back in (3, 2, 1)),
            "sleeps": {101: SleepTally(1, 2, 3, 4, 5, 6)},
            "idents": {2**47 + 1: 100},
            **said,
        }  # type: ignore[arg-type]
    )


def waits(at_s: int, looks: int = 10) -> WaitSample:
    """What looks at the threads of process 100 have found by then."""
    threads = {101: WaitTally(looks, {"gil": looks - 3, "disk": 3}), 103: WaitTally(4, {"poll": 4})}
    return WaitSample(100, 1000, 1, at_s * SECOND_NS, "yama", "be root", threads, tells_gil=True)


def locks(at_s: int) -> LocksSample:
    """The futexes of process 100: two threads that wait for each other."""
    at_ns = at_s * SECOND_NS
    held = [
        LockSample(address, "", "mutex", owner, 100, True, (LockWait(tid, at_ns, False, None, True, True),))
        for address, owner, tid in ((0x1000, 101, 103), (0x2000, 103, 101))
    ]
    return LocksSample(100, 1000, at_ns, "", "", tuple(held), 1, (LatelyLock(0x1000, "mutex", 2),), 3)


# -- reading what may be damaged ----------------------------------------------------------------


def error_of(path: Path, seeks: Sequence[int] = range(16)) -> str:
    """What opening and reading all of a file says of it, forwards and at some ticks; "" where it reads well."""
    from threadtop.recording.replay import Replay  # noqa: PLC0415 this module is for writers, too

    try:
        replay = Replay(path)
    except RecordingError as error:
        return str(error)
    try:
        replay.recording.marks()
        for index in seeks:
            replay.seek(index)
        replay.seek(0)
        while replay.read(None) is not None:  # type: ignore[arg-type]
            pass
    except RecordingError as error:
        return str(error)
    finally:
        replay.close()
    return ""


def count(path: Path) -> int:
    """How many ticks a recording has, as any tool would count them."""
    connection = sqlite3.connect(path)
    (ticks,) = connection.execute("SELECT count(*) FROM ticks").fetchone()
    connection.close()
    return int(ticks)


def change(path: Path, *statements: str) -> None:
    """Run statements on a recording."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
