"""The scripted machine with several findings: gunicorn's GIL, envoy's lock, ffmpeg starved, postgres at the disk.

``ticks(count)`` gives the snapshots of scripted_gil.ticks with three findings more, as the rules word them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import scripted
import scripted_gil
from threadtop.snapshot import Finding

if TYPE_CHECKING:
    from threadtop.snapshot import Snapshot, Sureness

ENVOY_WORKERS: Final = (2212, 2213)


def finding(
    kind: str, pid: int, title: str, explanation: str, *, severity: float, grade: Sureness = "exact", **more: object
) -> Finding:
    """A finding about a process of the scripted machine."""
    row = scripted.ticks()[1].processes[pid]
    said: dict[str, object] = {"evidence": (), "tids": (), "next_command": "", **more}
    return Finding(
        kind=kind,
        pid=pid,
        start_ticks=row.start_ticks,
        process=row.process,
        title=title,
        explanation=explanation,
        grade=grade,
        severity=severity,
        **said,  # type: ignore[arg-type]
    )


def added() -> tuple[Finding, ...]:
    """The findings beside that of the GIL."""
    return (
        finding(
            "lock-convoy",
            scripted.ENVOY,
            "2 threads queue for one lock: 3,744 switches/s for 6 % of a core",
            "Each of them wakes, takes the lock for a moment and sleeps again. Shorter critical sections or more locks "
            "help; more threads make it worse.",
            evidence=(("blocked on locks", "97 97 %"), ("switches", "1,980/s 1,764/s")),
            tids=ENVOY_WORKERS,
            grade="sampled",
            severity=66.0,
            next_command="perf lock contention -p 2207 -- sleep 5",
        ),
        finding(
            "starved",
            scripted.FFMPEG,
            "waits 61 % of the time for a cpu",
            "It is ready to run, and others have the CPU. Fewer busy threads, a lower nice value or more CPUs help.",
            evidence=(("run queue", "61.3 %"), ("ran", "12.1 %"), ("nice", "10")),
            tids=(scripted.FFMPEG,),
            severity=60.0,
            next_command="chrt -p 9120; taskset -cp 9120",
        ),
        finding(
            "disk-bound",
            scripted.POSTGRES,
            "blocked on the disk 99 % of the time",
            "Its thread sleeps uninterruptibly until blocks arrive. A faster disk or fewer reads help, CPUs do not.",
            evidence=(("disk", "99 %"),),
            tids=(scripted.POSTGRES,),
            grade="sampled",
            severity=40.0,
        ),
    )


@lru_cache(maxsize=4)
def ticks(count: int = 8) -> tuple[Snapshot, ...]:
    """The machine's snapshots, a second apart; the findings are there from tick 1 on."""
    first, *shots = scripted_gil.ticks(count)

    def with_findings(shot: Snapshot) -> Snapshot:
        return shot._replace(findings=tuple(sorted((*shot.findings, *added()), key=lambda one: -one.severity)))

    return (first, *map(with_findings, shots))
