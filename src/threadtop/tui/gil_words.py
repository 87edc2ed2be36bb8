"""What the GIL pane says in words: how the GIL fares, how that is known, who holds it now; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.gil_rows import stopped_words
from threadtop.lenses import sleeps
from threadtop.tui import paint
from threadtop.tui.finding_words import INDENT, wrapped
from threadtop.tui.paint import LineBuilder

if TYPE_CHECKING:
    from threadtop.gil_rows import GilLockRow, GilRow
    from threadtop.snapshot import ProcessRow, Snapshot
    from threadtop.stacks import Stacks
    from threadtop.tui.paint import Line

_MOST_LOCKS: Final = 4
_MOST_NAMED: Final = 3
_WIDE: Final = 100


def summary_lines(process: ProcessRow, snapshot: Snapshot, width: int) -> list[Line]:
    """The GIL in a line for each lock, and below how well it is known, why, and what it costs."""
    gil = process.gil
    if gil is None:
        return _said("not a CPython process, or not looked at yet", width)
    if gil.is_enabled is False:
        return _said("off: a free-threaded build (PEP 703); its threads run Python at the same time", width)
    if gil.grade == "none":
        return [*_said(f"not known: {gil.why_not}", width), *wrapped(gil.remedy, width)]
    if gil.grade == "estimate":
        line = LineBuilder().add(" GIL  ", "t").join(_held(gil.utilisation_pct, width))
        line.join(_waiters(gil.waiters))
        why = f"estimated from counters, not measured: {gil.why_not}" if gil.why_not else "estimated from counters"
        doubt = sleeps.words(gil)
        known = [*wrapped(why, width), *wrapped(doubt, width), *wrapped(_exact_remedy(gil.remedy), width)]
        return [line.line(width), *wrapped(stopped_words(process.state), width, "y"), *known]
    locks = sorted(gil.locks, key=lambda lock: lock.interpreters)
    lines = [_lock_line(lock, process, width, waiters=len(locks) == 1) for lock in locks[:_MOST_LOCKS]]
    if len(locks) > _MOST_LOCKS:
        lines.extend(wrapped(f"and {len(locks) - _MOST_LOCKS} GILs more", width))
    if len(locks) > 1:
        waits = LineBuilder().add(" " * INDENT).add(text.average(gil.waiters), "b")
        lines.append(waits.add(" threads wait for them on average", ".").line(width))
    return [*lines, *wrapped(stopped_words(process.state), width, "y"), _evidence(gil, snapshot, width)]


def _exact_remedy(remedy: str) -> str:
    return f"for exact figures: {remedy}" if remedy else ""


def _said(words: str, width: int) -> list[Line]:
    """Words in the place of figures."""
    first, *rest = wrapped(words, width, " ") or [paint.blank(width)]
    title = LineBuilder().add(" GIL  ", "t").roles(first[0][INDENT:], first[1][INDENT:])
    return [title.line(width), *rest]


def interpreters_words(ids: tuple[int, ...]) -> str:
    """Whose GIL it is."""
    if ids == (0,):
        return "main interpreter"
    names = ["main" if number == 0 else str(number) for number in ids[:_MOST_NAMED]]
    more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    return f"interpreter{'s' if len(ids) > 1 else ''} {', '.join(names)}{more}"


def _held(utilisation_pct: float | None, width: int) -> LineBuilder:
    """A bar and a figure for the share of time it was held."""
    line = LineBuilder()
    cells = 20 if width >= _WIDE else 10
    if utilisation_pct is not None:
        bar = text.meter([(utilisation_pct / 100, "█")], cells)
        line.roles(bar, bar.translate({ord("█"): "G", ord("░"): "."}))
    return line.add(f" {text.points(utilisation_pct):>3} %", "b").add(" held", ".")


def _waiters(waiters: float | None) -> LineBuilder:
    """How many threads wait on average."""
    role = "W" if waiters is not None and waiters >= 1 else "b"
    return LineBuilder().add("  ").add(text.average(waiters), role).add(" wait on average", ".")


def _lock_line(lock: GilLockRow, process: ProcessRow, width: int, *, waiters: bool) -> Line:
    whose = interpreters_words(lock.interpreters)
    name = LineBuilder().add(" GIL  ", "t").add(f"{whose:16}", " ")
    if not lock.is_enabled:
        return name.add("  off", ".").line(width)
    parts = [name, _held(lock.utilisation_pct, width)]
    if waiters and process.gil is not None:
        parts.append(_waiters(process.gil.waiters))
    parts.append(LineBuilder().add(f" {text.rate(lock.switches_per_s):>5}", "b").add(" hand-overs/s", "."))
    if not waiters and lock.holder:
        parts.append(LineBuilder().add("held by ", ".").add(_who(lock.holder, process)))
    return paint.fitted(parts, width, gap=2)


def _evidence(gil: GilRow, snapshot: Snapshot, width: int) -> Line:
    """How the figures came about, and what that costs."""
    how = LineBuilder().add(" " * INDENT)
    how.add("exact", " ").add(f": {text.thousands(gil.samples)} samples in {gil.window_s:.1f} s", ".")
    cost = LineBuilder()
    if snapshot.watch_pct is not None and snapshot.watch_per_s is not None:
        cost.add("sampling costs ", ".").add(f"{text.percent(snapshot.watch_pct)} %", " ")
        cost.add(f" of a core at {snapshot.watch_per_s:.0f}/s", ".")
    return paint.fitted([how, cost], width)


def _who(tid: int, process: ProcessRow, name: str = "") -> str:
    row = process.threads.get(tid)
    return f"{tid} {text.visible(name or (row.name if row else ''))}".rstrip()


def holder_line(process: ProcessRow, width: int, name: str = "") -> Line | None:
    """Who holds it now and what it does; None where that is not known, or there are several GILs."""
    gil = process.gil
    if gil is None or gil.grade != "exact" or len(gil.locks) != 1 or gil.locks[0].holder is None:
        return None
    line = LineBuilder().add(" now  ", "t")
    holder = gil.locks[0].holder
    if not holder:
        return line.add("nobody holds it", ".").line(width)
    line.add(_who(holder, process, name), "b").add(" holds it, ", ".")
    words = text.visible(gil.holder_call or "doing what is not known")
    return line.add(words, "r" if words.startswith("asleep") else " ").line(width)


def stacks_line(stacks: Stacks, frames: tuple[str, ...], age_s: float, width: int) -> Line:
    """What py-spy said some seconds ago of the thread that holds it now, whose ``frames`` these are."""
    line = LineBuilder().add(" " * INDENT)
    age = f"{text.duration(max(0.0, age_s))} ago, by py-spy"
    if not stacks.threads:
        unmatched = "before 3.11 py-spy is not told which thread is which, and the idents did not match either"
        return line.add(unmatched if stacks.idents else "py-spy found no Python threads", "y").line(width)
    if not frames:
        return line.add(f"stacks of {age}; ", ".").add("y", "f").add(" asks again", ".").line(width)
    line.add(f"{age}, it was in  ", ".").add(text.visible(frames[0]), "b")
    return line.add(text.visible("".join(f" < {frame}" for frame in frames[1:4])), ".").line(width)
