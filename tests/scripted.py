"""A scripted machine for tests of the screen and for its pictures: web-03, which is in some trouble.

``ticks(count)`` gives its snapshots, ``crowd(threads)`` a machine with as many threads as wanted.  Every figure is a
function of the tick: there is no clock, no /proc and no chance in them, and rows that did not change are the same
objects from one snapshot to the next, as rates.py makes them.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from builders import NOON, RATES, host_row, process_row, snapshot, thread_row
from threadtop import waits
from threadtop.blocked import BlockedOn
from threadtop.rates import totals
from threadtop.sample import Cost
from threadtop.snapshot import CgroupRow, CpuShare

if TYPE_CHECKING:
    from threadtop.snapshot import HostRow, Mark, ProcessRow, Snapshot, ThreadRow

UPTIME_S = 12 * 86400 + 4 * 3600 + 11 * 60
BOOT = NOON - UPTIME_S
NEW_THREAD, NEW_PROCESS = 4230, 9710  # what begins and ends while the world is looked at
BORN, DIED = 3, 5
GUNICORN, FFMPEG, SPINNER, POSTGRES, ENVOY, HOSTILE, UNKNOWN, ZOMBIE, STOPPED, NGINX = (
    4211, 9120, 9344, 1873, 2207, 9502, 7001, 9600, 9610, 912,
)  # fmt: skip
SECOND_NS = 1_000_000_000
_UIDS = {"root": 0, "www-data": 33, "postgres": 114, "vault": 120, "envoy": 121, "deploy": 1000}
_SWING = 40  # thousandths that a figure moves up and down over a wave
_NOISE = 6  # thousandths by which it trembles from tick to tick


class T(NamedTuple):
    """One thread: what it does in a second on average."""

    tid: int
    name: str
    wchan: str | None = "futex_do_wait"
    cpu: float = 0.0
    wait: float = 0.0
    vol: float = 0.0
    invol: float = 0.0
    system: float = 0.2  # part of its CPU time inside the kernel
    state: str = "S"
    core: int = 0
    time_s: float = 0.0
    nice: int = 0
    born: int = 0
    died: int = 10_000
    words: str = ""  # what it is blocked on, where its system call was read
    blocked: BlockedOn | None = None  # the same in full, for the panes


class P(NamedTuple):
    """One process with its threads, the main thread first."""

    pid: int
    ppid: int
    user: str
    command: str
    res_mib: float
    age_s: float
    threads: tuple[T, ...]
    kernel: bool = False


def _alone(
    pid: int,
    ppid: int,
    user: str,
    name: str,
    command: str,
    res_mib: float,
    age_s: float,
    *,
    kernel: bool = False,
    **does: object,
) -> P:
    return P(pid, ppid, user, command, res_mib, age_s, (T(pid, name, **does),), kernel)  # type: ignore[arg-type]


def _kernel(pid: int, name: str, wchan: str, **does: object) -> P:
    return _alone(pid, 0 if pid == 2 else 2, "root", name, "", 0, UPTIME_S, kernel=True, wchan=wchan, **does)


_LOCK, _EPOLL, _SLEEP = "futex_do_wait", "do_epoll_wait", "hrtimer_nanosleep"

# fmt: off
PROCESSES = (
    _alone(1, 0, "root", "systemd", "/sbin/init", 12.6, UPTIME_S, wchan=_EPOLL, time_s=61.2),
    _kernel(2, "kthreadd", "kthreadd", time_s=0.9),
    _kernel(15, "ksoftirqd/0", "smpboot_thread_fn", cpu=0.2, wait=0.1, vol=31, time_s=97, system=1.0),
    _kernel(17, "rcu_preempt", "rcu_gp_kthread", state="I", cpu=0.3, vol=118, time_s=402, system=1.0, core=1),
    _kernel(8841, "kworker/u8:2-flush-259:0", "worker_thread", state="I", time_s=4.1, core=3),
    P(640, 1, "root", "/lib/systemd/systemd-journald", 38.0, UPTIME_S, (
        T(640, "systemd-journal", _EPOLL, cpu=0.1, vol=3, time_s=188, core=3),)),
    P(NGINX, 1, "root", "nginx: master process /usr/sbin/nginx -g daemon off;", 4.2, 950_000, (
        T(NGINX, "nginx", "sigsuspend", time_s=0.2),)),
    P(913, NGINX, "www-data", "nginx: worker process", 11.9, 950_000, (
        T(913, "nginx", _EPOLL, cpu=1.4, wait=0.1, vol=612, invol=3, system=0.6, time_s=1900, core=3,
          words="epoll fd 9: 17 fds"),)),
    P(1850, 1, "postgres", "/usr/lib/postgresql/16/bin/postgres -D /var/lib/postgresql/16/main", 29.4, 1_000_000, (
        T(1850, "postgres", _EPOLL, time_s=44),)),
    P(POSTGRES, 1850, "postgres", "postgres: 16/main: checkpointer", 171.0, 1_000_000, (
        T(POSTGRES, "postgres", "folio_wait_bit_common", state="D", cpu=0.2, vol=12, system=0.9, time_s=311, core=1,
          words="disk: /var/lib/postgresql/16/main/base/16384/2619"),)),
    P(1902, 1850, "postgres", "postgres: 16/main: app shop 10.0.4.17(51234) SELECT", 212.0, 7300, (
        T(1902, "postgres", "sk_wait_data", cpu=14.2, wait=0.9, vol=402, invol=21, time_s=836, core=3,
          words="recv fd 11 <- 10.0.4.17:51234 (established)"),)),
    P(ENVOY, 1, "envoy", "/usr/local/bin/envoy -c /etc/envoy/envoy.yaml --concurrency 4", 88.3, 612_000, (
        T(ENVOY, "envoy", _EPOLL, cpu=0.1, vol=5, time_s=280),
        T(2209, "dog:main_thread", _LOCK, vol=4, cpu=0.1, time_s=9),
        T(2210, "dog:workers_gua", _LOCK, time_s=9),
        T(2211, "wrk:worker_0", _EPOLL, cpu=9.8, wait=0.6, vol=1420, invol=14, system=0.5, time_s=8123, core=0),
        T(2212, "wrk:worker_1", _LOCK, cpu=3.1, wait=0.4, vol=1980, invol=2, system=0.7, time_s=8011, core=1,
          words="futex 0x7f..e40 (for ever)"),
        T(2213, "wrk:worker_2", _LOCK, cpu=2.8, wait=0.3, vol=1764, invol=2, system=0.7, time_s=7967, core=3,
          words="futex 0x7f..e40 (for ever)"),
        T(2214, "wrk:worker_3", _EPOLL, cpu=8.9, wait=0.5, vol=1302, invol=11, system=0.5, time_s=8090, core=0),
        T(2215, "GrpcGoogClientR", _EPOLL, time_s=2),
        T(2216, "AccessLogFlush", _SLEEP, vol=1, time_s=31))),
    P(4210, 1, "www-data", "/srv/shop/bin/gunicorn -w 2 --threads 8 shop.wsgi", 41.0, 11_000, (
        T(4210, "gunicorn", "do_select", vol=1, time_s=3),)),
    P(GUNICORN, 4210, "www-data", "/srv/shop/bin/gunicorn -w 2 --threads 8 shop.wsgi", 486.0, 10_990, (
        T(GUNICORN, "gunicorn", _EPOLL, cpu=0.3, vol=40, time_s=21, words="epoll fd 11: 17 fds",
          blocked=BlockedOn("epoll_wait", 11, "anon_inode:[eventpoll]", is_forever=True, descriptors=17)),
        *(T(GUNICORN + n, f"worker-{n}", _LOCK, cpu=cpu, wait=wait, vol=vol, invol=invol, system=0.08,
            state="R" if n == 3 else "S", time_s=2650 - 31 * n, core=n % 2)
          for n, (cpu, wait, vol, invol) in enumerate(((24.9, 3.2, 231, 52), (24.8, 3.0, 229, 48),
                                                       (24.4, 3.4, 233, 55), (23.9, 2.9, 227, 50)), 1)),
        *(T(GUNICORN + n, f"worker-{n}", _LOCK, time_s=900 + n) for n in range(5, 9)),
        T(4220, "io-reader", _EPOLL, cpu=0.9, wait=0.1, vol=88, invol=1, time_s=77, core=3),
        T(NEW_THREAD, "export-job", _LOCK, cpu=2.4, wait=0.2, vol=31, invol=4, core=1, born=BORN, died=DIED))),
    P(4305, 4210, "www-data", "/srv/shop/bin/gunicorn -w 2 --threads 8 shop.wsgi", 214.0, 10_990, (
        T(4305, "gunicorn", _EPOLL, cpu=0.1, vol=10, time_s=8),
        *(T(4305 + n, f"worker-{n}", _LOCK, time_s=12 + n) for n in range(1, 9)))),
    P(UNKNOWN, 1, "vault", "/usr/bin/vault server -config=/etc/vault.d", 151.0, 500_000, (
        T(UNKNOWN, "vault", None, cpu=0.2, vol=22, time_s=204, core=1),
        *(T(UNKNOWN + n, "vault", None, cpu=0.1 * (n == 1), vol=9.0 * (n == 1), time_s=80 + n) for n in range(1, 5)))),
    P(FFMPEG, 9100, "deploy", "ffmpeg -i rtmp://live/cam3 -c:v libx264 -threads 3 /srv/hls/cam3.m3u8", 322.0, 2400, (
        T(FFMPEG, "ffmpeg", "", cpu=12.0, wait=61.0, vol=4, invol=890, state="R", system=0.05, time_s=301, core=2,
          nice=10),
        T(9121, "dec0:0:h264", _LOCK, cpu=0.8, wait=3.8, vol=25, invol=9, time_s=20, core=2, nice=10),
        T(9122, "enc0:0:libx264", _LOCK, cpu=1.1, wait=4.1, vol=25, invol=12, time_s=33, core=2, nice=10),
        T(9123, "mux0:hls", _LOCK, vol=2, time_s=1, core=2, nice=10))),
    P(SPINNER, 9340, "deploy", "python3 /home/deploy/report.py --month 2025-12", 61.0, 940, (
        T(SPINNER, "python3", "", cpu=84.6, wait=12.4, vol=1, invol=873, state="R", system=0.01, time_s=795, core=2),)),
    P(HOSTILE, 9340, "deploy", "./a.out --title \x1b]0;owned\x07 \x1b[31mred", 2.1, 300, (
        T(HOSTILE, "a) R 1 (b", _SLEEP, time_s=0.1),
        T(9503, "\x1b[2J\x1b]0;x\x07", _SLEEP, cpu=0.2, vol=10, time_s=0.4),
        T(9504, "new\nline\udcff", _SLEEP, time_s=0.1),
        T(9505, "線程-七", _LOCK, cpu=0.1, vol=2, time_s=0.2))),
    _alone(ZOMBIE, 4210, "www-data", "sh", "", 0, 120, wchan="", state="Z", time_s=0.1),
    P(STOPPED, 9340, "deploy", "vim deploy.yaml", 14.0, 3000, (
        T(STOPPED, "vim", "do_signal_stop", state="T", time_s=1.1),)),
    _alone(9340, 9339, "deploy", "bash", "-bash", 5.1, 3600, wchan="do_wait", time_s=0.3),
    P(NEW_PROCESS, 4210, "www-data", "/usr/sbin/logrotate /etc/logrotate.conf", 3.0, -BORN, (
        T(NEW_PROCESS, "logrotate", "do_wait", cpu=0.6, vol=11, core=1, born=BORN, died=DIED),)),
)
# fmt: on


def _moved(value: float, salt: int, tick: int) -> float:
    """A figure at a tick: a slow wave and a small tremble, different for each thread, the same in each run."""
    if not value:
        return 0.0
    phase = (tick * 3 + salt * 7) % 40
    wave = (phase if phase <= 20 else 40 - phase) / 10 - 1
    tremble = (salt * 7919 + tick * 104_729) % 2001 / 1000 - 1
    return value * (1 + wave * _SWING / 1000 + tremble * _NOISE / 1000)


def _thread(process: P, thread: T, tick: int, mark: Mark) -> ThreadRow:
    known = tick > 0 and tick > thread.born
    cpu = min(100.0, round(_moved(thread.cpu, thread.tid, tick), 2))
    wait = round(_moved(thread.wait, thread.tid + 1, tick), 2)
    wchan = thread.wchan if thread.wchan is None or thread.state != "R" else ""
    figures = (
        cpu,
        cpu * (1 - thread.system),
        cpu * thread.system,
        wait,
        float(round(_moved(thread.vol, thread.tid + 2, tick))),
        float(round(_moved(thread.invol, thread.tid + 3, tick))),
    )
    return thread_row(
        thread.tid,
        start_ticks=round((UPTIME_S - process.age_s) * 100) + thread.tid - process.pid,
        name=thread.name,
        state=thread.state,
        **dict(zip(RATES, figures if known else (None,) * len(RATES), strict=True)),
        cpu_ns=round((thread.time_s + thread.cpu / 100 * tick) * SECOND_NS),
        last_cpu=thread.core,
        priority=20 + thread.nice,
        nice=thread.nice,
        wchan=wchan,
        reason=thread.words
        or waits.reason(thread.state, wchan, cpu if known else None, wait if known else None, kernel=process.kernel),
        blocked=thread.blocked,
        mark=mark,
    )


def _process(process: P, tick: int, before: ProcessRow | None) -> ProcessRow | None:
    alive = [thread for thread in process.threads if thread.born <= tick < thread.died]
    if not alive:
        return None
    rows = [_thread(process, thread, tick, "new" if tick and thread.born == tick else "") for thread in alive]
    made = process_row(
        process.pid,
        *rows,
        ppid=process.ppid,
        user=process.user,
        uid=_UIDS[process.user],
        process=process.threads[0].name,
        command=process.command,
        kernel=process.kernel,
        start_ticks=round((UPTIME_S - process.age_s) * 100),
        rss_bytes=round(process.res_mib * 1024**2),
        vsize_bytes=round(process.res_mib * 1024**2 * 3.7),
        mark="new" if tick and process.threads[0].born == tick else "",
    )
    if before is None:
        return made
    # A row that did not change is the same object, as the feed makes it.
    threads = {tid: before.threads[tid] if before.threads.get(tid) == row else row for tid, row in made.threads.items()}
    gone = tuple(row._replace(mark="gone") for tid, row in before.threads.items() if tid not in threads)
    made = made._replace(threads=threads, gone=gone)
    return before if made == before else made


def _host(tick: int) -> HostRow:
    cores = tuple(
        CpuShare(_moved(user, core, tick), _moved(system, core + 9, tick), _moved(iowait, core, tick), 0.0)
        for core, (user, system, iowait) in enumerate(((58, 9, 0), (46, 6, 5), (95, 3, 0), (14, 5, 1)))
    )
    mean = [sum(share) / len(cores) for share in zip(*cores, strict=True)]
    return host_row(
        hostname="web-03",
        boot_time=BOOT,
        uptime_s=UPTIME_S + tick,
        load=(3.1, 2.84, 2.21),
        cpu=CpuShare(*mean) if tick else None,
        cores=cores if tick else (),
        switches_per_s=_moved(12_480, 5, tick) if tick else None,
        memory_total_bytes=16 << 30,
        memory_used_bytes=round(5.1 * 1024**3),
        swap_total_bytes=2 << 30,
        swap_used_bytes=0,
        pressure_cpu=_moved(12.0, 2, tick),
        pressure_io=0.4,
        pressure_memory=0.0,
        cgroup=CgroupRow(3.5, 0.0) if tick else None,
    )


def _ended(row: ProcessRow) -> ProcessRow:
    threads = {tid: thread._replace(mark="gone") for tid, thread in row.threads.items()}
    return row._replace(mark="gone", threads=threads, gone=())


@lru_cache(maxsize=8)
def ticks(count: int = 8) -> tuple[Snapshot, ...]:
    """The machine's snapshots, one second apart; the first has no rates yet.

    At tick BORN the thread NEW_THREAD and the process NEW_PROCESS begin, at tick DIED they have ended.
    """
    shots: list[Snapshot] = []
    for tick in range(count):
        before = shots[-1].processes if shots else {}
        made = {process.pid: _process(process, tick, before.get(process.pid)) for process in PROCESSES}
        rows = {pid: row for pid, row in made.items() if row is not None}
        gone = tuple(
            row._replace(
                mark="gone", threads={tid: thread._replace(mark="gone") for tid, thread in row.threads.items()}
            )
            for pid, row in before.items()
            if pid not in rows
        )
        shots.append(
            snapshot(
                *rows.values(),
                time=NOON + tick,
                interval_s=1.0 if tick else None,
                host=_host(tick),
                gone=gone,
                cost=Cost(pass_ns=3_100_000, own_cpu_ns=tick * 9_000_000, reads={"stat": 31}, descriptors=40),
                own_cpu_pct=0.9 if tick else None,
            )
        )
    return tuple(shots)


def crowd(threads: int = 10_000, processes: int = 100, *, tick: int = 1, moving: int = 50) -> Snapshot:
    """A machine of many threads of which ``moving`` ran; ``tick`` says how much."""
    each = threads // processes
    rows = []
    ran = 0
    for index in range(processes):
        pid = 1000 + index * (each + 1)
        own = []
        for number in range(each):
            tid = pid + number
            runs = number == index % each and ran < moving
            ran += runs
            cpu = _moved(5.0 + index % 7, tid, tick) if runs else 0.0
            own.append(
                thread_row(
                    tid,
                    start_ticks=1000 + number,
                    name=f"pool-{number}" if number else "java",
                    cpu_pct=cpu,
                    user_pct=cpu,
                    vol_per_s=float(10 * runs),
                    cpu_ns=SECOND_NS * (1 + runs * tick),
                    wchan=_LOCK,
                    reason="lock (futex)",
                )
            )
        rows.append(process_row(pid, *own, process="java", command=f"java -jar service-{index}.jar", start_ticks=1000))
    return snapshot(*rows, time=NOON + tick, host=_host(max(1, tick)))


def without(shot: Snapshot, *pids: int) -> Snapshot:
    """The snapshot after these processes have ended."""
    kept = {pid: row for pid, row in shot.processes.items() if pid not in pids}
    gone = tuple(_ended(row) for pid, row in shot.processes.items() if pid in pids)
    changed = {"processes": kept, "gone": gone, "time": shot.time + 1, "totals": totals(kept.values())}
    return shot._replace(**changed)


def lacking(shot: Snapshot, *pids: int) -> Snapshot:
    """The snapshot of a machine on which these processes never were."""
    kept = {pid: row for pid, row in shot.processes.items() if pid not in pids}
    gone = tuple(row for row in shot.gone if row.pid not in pids)
    return shot._replace(processes=kept, gone=gone, totals=totals(kept.values()))


def only(shot: Snapshot, *pids: int) -> Snapshot:
    """The snapshot of a pass that is attached to these processes."""
    kept = {pid: row for pid, row in shot.processes.items() if pid in pids}
    gone = tuple(row for row in shot.gone if row.pid in pids)
    return shot._replace(processes=kept, gone=gone, totals=totals(kept.values()))


def with_thread(shot: Snapshot, tid: int, **changed: object) -> Snapshot:
    """The snapshot with another thread row in it; its process's states are counted anew."""
    processes = dict(shot.processes)
    for pid, process in shot.processes.items():
        if tid in process.threads:
            threads = {**process.threads, tid: process.threads[tid]._replace(**changed)}
            states = Counter(row.state for row in threads.values())
            processes[pid] = process._replace(threads=threads, states=states)
    return shot._replace(processes=processes)
