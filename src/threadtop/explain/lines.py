"""The report of ``threadtop --explain`` as lines of text; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.explain.watch import identity
from threadtop.finding_text import WIDE, finding_lines, wrapped
from threadtop.findings import PROBLEM
from threadtop.findings.busy import SPINS_S
from threadtop.findings.threads import LEAK_S
from threadtop.findings.trends import LEAST_TICKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.explain.watch import Watched
    from threadtop.snapshot import ProcessRow, ThreadRow

MOST_THREADS: Final = 8  # in the table of where their time went
_LEAST_SHOWN: Final = 0.5  # below this a share reads 0
_WORDS: Final = {"gil": "GIL", "pipe": "pipe or local socket", "poll": "idle in poll", "unknown": "not known"}
_LABEL: Final = "not looked at  "


def report_lines(watched: Watched, width: int | None = None) -> Iterator[str]:
    """The report as harmless lines; ``width`` cuts them, None does not."""
    for line in _lines(watched, min(width or WIDE, WIDE)):
        # A command to copy stays whole.
        is_cut = width and len(line) > width and not line.startswith("  next ")
        yield text.plain(text.fit(line, width) if width and is_cut else line).rstrip()


def _lines(watched: Watched, width: int) -> Iterator[str]:
    """The report as cell strings, sentences broken at ``width``."""
    if watched.processes:
        for row in watched.processes:
            yield _heading(row, watched)
            yield from _threads(row)
    else:
        yield _machine(watched)
    for found in watched.found:
        yield ""
        is_known = [row.pid for row in watched.processes] == [found.pid]
        whose = "" if is_known else f"{found.process} {found.pid}: "
        over = "no longer: " if identity(found) in watched.gone else ""
        yield from finding_lines(found, width, over + whose)
    yield ""
    problems = sum(found.severity >= PROBLEM for found in watched.found)
    others = len(watched.found) - problems
    yield f"{_count(problems, 'problem')}, {_count(others, 'observation')}"
    yield from wrapped(f"looked at      {'; '.join(_looked_at(watched))}", width, "", " " * len(_LABEL))
    for line in missing(watched):
        yield from wrapped(f"{_LABEL}{text.visible(line)}", width, "", " " * len(_LABEL))
    if watched.ended or watched.is_interrupted:
        why = watched.ended or "interrupted"
        yield f"{why}: {watched.seconds:.1f} of {watched.asked_s:g} s were watched"
    yield f"threadtop itself took {text.percent(watched.snapshot.own_cpu_pct)} % of a core"


def _count(number: int, one: str) -> str:
    return f"{'no' if number == 0 else number} {one}{'' if number == 1 else 's'}"


def _heading(row: ProcessRow, watched: Watched) -> str:
    threads = _count(row.thread_count, "thread")
    cpu, wait = text.percent(row.cpu_pct), text.percent(row.wait_pct)
    return (
        f"{text.visible(row.process)}  pid {row.pid}  {threads}  cpu {cpu} %, waits for a cpu {wait} %  "
        f"watched {watched.seconds:.1f} s"
    )


def _machine(watched: Watched) -> str:
    snapshot = watched.snapshot
    host, totals = snapshot.host, snapshot.totals
    busy = f"{text.percent(host.cpu.busy_pct)} % busy" if host.cpu else ""
    return (
        f"{text.visible(host.hostname)}  {text.thousands(totals.processes)} processes  "
        f"{text.thousands(totals.threads)} threads  {len(host.cores)} CPUs {busy}  watched {watched.seconds:.1f} s"
    )


def _threads(row: ProcessRow) -> Iterator[str]:
    """Where the time of the threads went that did most or waited for most, in the last second."""
    timed = [(thread, _parts(thread)) for thread in row.threads.values()]
    shown = [(thread, parts) for thread, parts in timed if parts and not _is_idle(thread)]
    shown.sort(key=lambda each: (not _has_run(each[0]), -_wanted(each[0]), each[0].tid))  # parked ones come last
    for thread, parts in shown[:MOST_THREADS]:
        reason = f"  now {text.visible(thread.reason)}" if thread.reason else ""
        yield f"  {thread.tid:>7} {text.fit(text.visible(thread.name), 15)}  {parts}{reason}"
    if len(shown) > MOST_THREADS:
        yield f"          and {text.thousands(len(shown) - MOST_THREADS)} more"
    rest = row.thread_count - len(shown)
    if rest:
        alike = _all_wait_for(row, {thread.tid for thread, _ in shown})
        said = f": {text.visible(alike)}" if alike else ""
        yield f"          {'and ' if shown else ''}{text.thousands(rest)} that did nothing{said}"


def _all_wait_for(row: ProcessRow, but: set[int]) -> str:
    """The reason why all threads but those do not run; "" where they have several, or none that is known."""
    reasons = {thread.reason or "" for tid, thread in row.threads.items() if tid not in but}
    return reasons.pop() if len(reasons) == 1 else ""


def _has_run(thread: ThreadRow) -> bool:
    return (thread.cpu_pct or 0.0) + (thread.wait_pct or 0.0) >= _LEAST_SHOWN


def _is_idle(thread: ThreadRow) -> bool:
    """Whether it did nothing and waited for nothing that another one owes it."""
    return _wanted(thread) < _LEAST_SHOWN


def _wanted(thread: ThreadRow) -> float:
    time = thread.time
    if time is None:
        return 0.0
    return 100.0 - sum(time.of(kind) for kind in ("poll", "sleep", "child", "stopped", "other", "unknown"))


def _parts(thread: ThreadRow) -> str:
    """Its time in words: exact parts first, then what it was blocked on, the largest share first."""
    time = thread.time
    if time is None:
        return ""
    parts = [("cpu", time.cpu_pct), ("run queue", time.runq_pct)]
    parts += sorted(((_WORDS.get(kind, kind), share) for kind, share in time.blocked), key=lambda part: -part[1])
    said = ", ".join(f"{name} {share:.0f} %" for name, share in parts if share >= _LEAST_SHOWN)
    if time.is_whole or time.blocked_pct < _LEAST_SHOWN:
        return said  # counters alone
    return f"{said} ({_count(time.samples, 'look')})"


def _looked_at(watched: Watched) -> list[str]:
    """What the findings rest on."""
    snapshot = watched.snapshot
    said = [f"counters of {text.thousands(snapshot.totals.threads)} threads, {watched.readings} times (exact)"]
    samples = max(
        (thread.sampled.samples for row in watched.processes for thread in row.threads.values() if thread.sampled),
        default=0,
    )
    if not all(map(_is_closed, watched.processes)):
        looks = f"up to {text.thousands(samples)} looks each" if samples else "one look each time"
        said.append(f"what its threads were blocked on, {looks} (sampled)")
    gils = [row.gil for row in (watched.processes or snapshot.processes.values()) if row.gil is not None]
    if gils:
        grades = Counter({"none": "not known"}.get(gil.grade, gil.grade) for gil in gils)
        said.append("GIL: " + ", ".join(f"{count} {grade}" for grade, count in grades.items()))
    if any(row.locks is not None and not _is_closed(row) for row in watched.processes):
        said.append("futexes that threads wait on")
    return said


def _is_closed(row: ProcessRow) -> bool:
    """Whether what its threads are blocked on may not be read, of none of them."""
    denied = [bool(thread.blocked.why_not) for thread in row.threads.values() if thread.blocked]
    return bool(denied) and all(denied)


def missing(watched: Watched) -> list[str]:
    """What could not be looked at, with the rule that denied it and what would lift it; "" ends are left out."""
    said: dict[str, None] = {}
    for row in watched.processes:
        rules = []
        if row.gil is not None and row.gil.grade != "exact" and row.gil.is_enabled is not False:
            rules.append(("its GIL, exactly", row.gil.why_not, row.gil.remedy))
        if row.locks is not None:
            rules.append(("who owns its locks", row.locks.why_not, row.locks.remedy))
        why = Counter(thread.blocked.why_not for thread in row.threads.values() if thread.blocked)
        del why[""]
        rules += [("all that its threads wait for", rule, "") for rule, _ in why.most_common(1)]
        for what, rule, remedy in rules:
            if rule:
                said[f"{what}: {rule}" + (f" ({remedy})" if remedy else "")] = None
    if not watched.processes:
        said["locks, peers and reasons of single processes: --explain -p PID looks at one closely"] = None
    said.update(dict.fromkeys(watched.snapshot.notes))
    if watched.readings < LEAST_TICKS + 2 or watched.seconds < LEAST_TICKS:
        said["what must last for some seconds to be a finding: watch for longer (-d 5)"] = None
    elif watched.seconds < SPINS_S:
        said[
            f"what takes {SPINS_S:.0f} s to tell (spinning) or {LEAK_S:.0f} s (a thread leak): -d {LEAK_S + 5:.0f}"
        ] = None
    elif watched.seconds < LEAK_S:
        said[f"what takes {LEAK_S:.0f} s to tell (a thread leak): -d {LEAK_S + 5:.0f}"] = None
    return list(said)
