"""The report of ``threadtop gil`` as lines of text; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.finding_text import WIDE, finding_lines, wrapped
from threadtop.gil_rows import Estimate, stopped_words
from threadtop.lenses import sleeps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from threadtop.gil_report.measure import Measured
    from threadtop.gil_rows import GilLockRow, GilRow
    from threadtop.snapshot import ProcessRow, Snapshot, ThreadRow

MOST_ROWS: Final = 40
_LEAST_SHOWN: Final = 0.05  # below this a share reads 0.0
_LEAST_LEFT: Final = 5.0  # below this it may be noise
_SEVERAL: Final = 2
_COLUMNS: Final = {
    "holds_pct": "HOLDS",
    "wait_pct": "WAITS",
    "with_pct": "WITH",
    "without_pct": "WITHOUT",
    "runq_pct": "RUNQ",
    "blocked_pct": "BLOCKED",
    "asleep_pct": "ASLEEP",
}
_WIDTHS: Final = {key: max(6, len(title)) for key, title in _COLUMNS.items()}
_LEGEND: Final = (
    "% of the time: HOLDS the GIL, WAITS for it; on a cpu WITH it and WITHOUT it (native code); RUNQ ready, but no "
    "cpu was free; BLOCKED by something else; ASLEEP while it held the GIL"
)


def report_lines(measured: Measured, width: int | None = None) -> Iterator[str]:
    """The report as harmless lines; ``width`` cuts them, None does not."""
    for line in _lines(measured, min(width or WIDE, WIDE)):
        yield text.plain(text.fit(line, width) if width and len(line) > width else line).rstrip()


def _lines(measured: Measured, width: int) -> Iterator[str]:
    """The report as cell strings, sentences broken at ``width``."""
    process, gil = measured.process, measured.process.gil
    if gil is None:  # measure() leaves none out
        return
    yield _heading(process, gil)
    yield from _grade_lines(gil, width)
    yield from wrapped(stopped_words(process.state), width, "")
    yield from _lock_lines(gil)
    rows = [row for row in process.threads.values() if row.gil is not None]
    if gil.is_enabled is not False and rows:
        yield ""
        yield from _table(rows, measured.cpu_pct)
        yield from _others(rows, gil)
        yield ""
        yield from wrapped(_LEGEND, width, "")
    for found in measured.snapshot.findings:
        if found.pid == process.pid:
            yield ""
            yield from finding_lines(found, width)
    yield ""
    if measured.ended or measured.is_interrupted:
        why = measured.ended or "interrupted"
        yield f"{why}: {measured.seconds:.1f} of {measured.asked_s:g} s were measured"
    yield _cost_line(measured.snapshot)


def _heading(process: ProcessRow, gil: GilRow) -> str:
    version = f"Python {text.visible(gil.version)}" if gil.version else "Python, version not known"
    known = {"exact": "exact", "estimate": "estimate (~)", "none": "not known"}[gil.grade]
    if gil.is_enabled is False:
        known = "GIL off"
    looked = f"{gil.window_s:.1f} s, {text.thousands(gil.samples)} samples"
    return f"{text.visible(process.process)}  pid {process.pid}  {version}  {known}  {looked}"


def _grade_lines(gil: GilRow, width: int) -> Iterator[str]:
    why, remedy = text.visible(gil.why_not), text.visible(gil.remedy)
    if gil.is_enabled is False:
        yield from wrapped("this free-threaded build runs without its GIL: threads do not wait for one", width, "")
    if gil.grade == "exact":
        return
    begin = "estimated from counters, not read" if gil.grade == "estimate" else "its GIL cannot be watched"
    if gil.is_enabled is not False or why:
        yield from wrapped(f"{begin}: {why}" if why else begin, width, "")
    yield from wrapped(sleeps.words(gil), width, "")
    if remedy:
        yield from wrapped(f"for exact figures: {remedy}", width, "")


def _lock_lines(gil: GilRow) -> Iterator[str]:
    """What each GIL did; figures that nobody knows are left to ``_grade_lines``."""
    waiters = f"{text.average(gil.waiters)} wait on average"
    if len(gil.locks) < _SEVERAL:
        if gil.is_enabled is False or (gil.grade == "none" and gil.utilisation_pct is None):
            return
        interval = f"   {_interval(gil.locks[0])}" if gil.locks else ""
        yield f"GIL  {_held(gil.utilisation_pct)}   {_switches(gil.switches_per_s)}   {waiters}{interval}"
        return
    yield f"GILs {len(gil.locks)}   {_switches(gil.switches_per_s)}   {waiters}"
    names = [_lock_name(lock) for lock in gil.locks]
    for name, lock in zip(names, gil.locks, strict=True):
        own = f"     {text.fit(name, min(40, max(map(len, names))))}"
        if lock.is_enabled:
            yield f"{own}   {_held(lock.utilisation_pct, 6)}   {_switches(lock.switches_per_s)}   {_interval(lock)}"
        else:
            yield f"{own}   off"


def _lock_name(lock: GilLockRow) -> str:
    if lock.interpreters == (0,):
        return "main interpreter"
    kind = "interpreters" if len(lock.interpreters) >= _SEVERAL else "interpreter"
    return f"{kind} {', '.join(map(str, lock.interpreters))}"


def _held(value: float | None, width: int = 0) -> str:
    return f"held {text.share(value):>{width}}" + (" %" if value is not None else "")


def _switches(value: float | None) -> str:
    return f"{_about(value)}{text.rate(value)} hand-overs/s"


def _interval(lock: GilLockRow) -> str:
    return f"interval {lock.interval_us / 1000:g} ms"


def _table(rows: list[ThreadRow], cpu_pct: Mapping[int, float | None]) -> Iterator[str]:
    """Threads by what they hold and wait; those that did nothing are counted, not shown."""
    busy = [row for row in rows if not _did_nothing(row, cpu_pct.get(row.tid))]
    busy.sort(key=lambda row: (-_wanted(row), -(cpu_pct.get(row.tid) or 0.0), row.tid))
    titles = " ".join(title.rjust(_WIDTHS[key]) for key, title in _COLUMNS.items())
    yield f"{'TID':>7} {titles}  %CPU  NAME"
    for row in busy[:MOST_ROWS]:
        shares = " ".join(text.share(getattr(row.gil, key)).rjust(width) for key, width in _WIDTHS.items())
        native = "(native) " if row.gil and row.gil.is_python is False else ""
        cpu = text.percent(cpu_pct.get(row.tid))
        yield f"{row.tid:>7} {shares} {cpu:>5}  {native}{text.visible(row.name)}"
    more, idle = len(busy) - MOST_ROWS, len(rows) - len(busy)
    if more > 0:
        yield f"        and {text.thousands(more)} more that held and waited less"
    if idle:
        yield f"        and {text.thousands(idle)} {'more ' if busy else ''}that did nothing"


def _others(rows: list[ThreadRow], gil: GilRow) -> Iterator[str]:
    """What is left of the time in which the GIL was held: by threads that ended, or were too short to be known."""
    held = [lock.utilisation_pct for lock in gil.locks if lock.is_enabled]
    if gil.grade != "exact" or not held or None in held:
        return
    left = sum(share or 0.0 for share in held) - sum(row.gil.holds_pct or 0.0 for row in rows if row.gil)
    if left >= _LEAST_LEFT:
        yield f"        and {text.share(left)} % held by threads that came and went, or were looked at too rarely"


def _wanted(row: ThreadRow) -> float:
    return ((row.gil.holds_pct or 0.0) + (row.gil.wait_pct or 0.0)) if row.gil else 0.0


def _did_nothing(row: ThreadRow, cpu_pct: float | None) -> bool:
    return cpu_pct is not None and cpu_pct < _LEAST_SHOWN and _wanted(row) < _LEAST_SHOWN


def _cost_line(snapshot: Snapshot) -> str:
    own = f"threadtop itself took {text.percent(snapshot.own_cpu_pct)} % of a core"
    if snapshot.watch_pct is None:
        return own
    rounds = f", {text.rate(snapshot.watch_per_s)} samples/s" if snapshot.watch_per_s is not None else ""
    return f"{own}; watching the GIL {text.percent(snapshot.watch_pct)} %{rounds}"


def _about(value: float | None) -> str:
    return "~" if isinstance(value, Estimate) else ""
