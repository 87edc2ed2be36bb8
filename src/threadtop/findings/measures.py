"""What rules ask of rows: who runs, who waits, how old a process is, which findings are folded into one; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.sample import TICK_NS
from threadtop.snapshot import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from threadtop.snapshot import HostRow, ProcessRow, Snapshot, Sureness, ThreadRow

SHOWN: Final = 6  # threads named in evidence
# A compile is made of processes that want all of the CPU and end soon; what is asked for by name or has lived
# for a minute is none of them.
SETTLED_S: Final = 60.0
JOB_THREADS: Final = 4  # with fewer, a young process may be a job among many; with so many it is a program of its own
OBSERVED_MOST: Final = 45.0  # below findings.PROBLEM
MOST_OF_A_KIND: Final = 3  # more processes with the same finding are counted, not shown one by one


def finding(
    kind: str,
    row: ProcessRow,
    title: str,
    explanation: str,
    evidence: Iterable[tuple[str, str]],
    *,
    grade: Sureness,
    severity: float,
    tids: Sequence[int] = (),
    next_command: str = "",
) -> Finding:
    """A finding about a process."""
    return Finding(
        kind,
        row.pid,
        row.start_ticks,
        row.process,
        title,
        explanation,
        tuple(evidence),
        grade,
        severity,
        tuple(tids),
        next_command,
    )


def age_s(row: ProcessRow | ThreadRow, host: HostRow) -> float:
    """Seconds since it started, by its start time since boot; never below 0."""
    return max(0.0, host.uptime_s - row.start_ticks * TICK_NS / 1e9)


def cpus(host: HostRow) -> int:
    """How many CPUs are on line; 0 is not known."""
    return len(host.cores)


def moving(row: ProcessRow) -> Iterator[ThreadRow]:
    """The threads that are not at rest."""
    return (row.threads[tid] for tid in row.moving if tid in row.threads)


def programs(snapshot: Snapshot) -> Iterator[ProcessRow]:
    """The processes that rules are about: no kernel threads, and none that has ended."""
    return (row for row in snapshot.processes.values() if not row.kernel and row.state not in "ZX")


def named(thread: ThreadRow) -> str:
    """A thread by its own name; by its tid where it has only the program's name."""
    return f"thread {thread.tid}" if thread.name == thread.process else thread.name


def pct(value: float) -> str:
    """A share in whole %, below 1 with a decimal; what is less than that is not 0."""
    if 0 < value < 0.1:  # noqa: PLR2004 it would round to 0
        return "under 0.1 %"
    return f"{value:.0f} %" if value >= 1 or value == 0 else f"{value:.1f} %"


def part(part_pct: float | None, whole_pct: float | None) -> str:
    """One share as a part of another; ticks may count a little more than there is."""
    return pct(min(100.0, (part_pct or 0.0) / whole_pct * 100) if whole_pct else 0.0)


def figures(threads: Sequence[ThreadRow], get: Callable[[ThreadRow], float | None]) -> str:
    """A share of each of the first threads, as ``67 66 67 %``."""
    shown = " ".join(pct(get(thread) or 0.0).removesuffix(" %") for thread in threads[:SHOWN])
    return f"{shown}{' ...' if len(threads) > SHOWN else ''} %"


def names(threads: Sequence[ThreadRow]) -> str:
    """The threads by name, the first few."""
    shown = ", ".join(named(thread) for thread in threads[:SHOWN])
    return shown + (f" and {len(threads) - SHOWN} more" if len(threads) > SHOWN else "")


def count(number: int, one: str) -> str:
    """So many of something: ``1 thread``, ``1,200 threads``."""
    if number == 1:
        return f"1 {one}"
    return f"{number:,} {one}{'es' if one.endswith('s') else 's'}"


def folded(found: Sequence[Finding], close: frozenset[int]) -> Iterator[Finding]:
    """At most MOST_OF_A_KIND findings of a kind, those of ``close`` processes besides; the worst counts the others."""
    kinds: dict[str, list[Finding]] = {}
    for each in found:
        kinds.setdefault(each.kind, []).append(each)
    for same in kinds.values():
        same.sort(key=lambda each: (-each.severity, each.pid))
        far = [each for each in same if each.pid not in close]
        left_out = far[MOST_OF_A_KIND:]
        if left_out:
            others = ", ".join(f"{each.process} {each.pid}" for each in left_out[:SHOWN])
            words = f"and {count(len(left_out), 'more process')}: {others}{' ...' if len(left_out) > SHOWN else ''}"
            worst = same.index(far[0])
            same[worst] = same[worst]._replace(evidence=(*same[worst].evidence, ("the same", words)))
        gone = {each.pid for each in left_out}
        yield from (each for each in same if each.pid not in gone)
