"""A comparison as lines of text, to be pasted into a report; pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.comparing.changes import activity, is_more_than_noise, is_one_boot
from threadtop.comparing.entries import ESTIMATE_LEAST, MEASURES, THREADS, Entry
from threadtop.finding_text import WIDE, wrapped
from threadtop.findings import PROBLEM
from threadtop.snapshot import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from threadtop.comparing.changes import Change, Comparison, Delta, FoundChange
    from threadtop.comparing.entries import Measure, Side

MOST_ROWS: Final = 12
MOST_FIGURES: Final = 4  # of what is on one side only: it is one line
LEAST_THREADS: Final = 1.5
_FIGURE, _TITLE = 9, 11  # widths of the columns of numbers, and of what they are
_LEAST_LABEL: Final = 16
_LABEL: Final = "left out  "
_WORDS: Final = {"gil": "GIL", "cpu": "runs", "runq": "waits for a cpu", "poll": "idle in poll", "sleep": "sleeps"}


def report_lines(comparison: Comparison, width: int | None = None, most: int = MOST_ROWS) -> Iterator[str]:
    """The report as harmless lines, ``most`` rows a table; ``width`` cuts them, None does not."""
    for line in _lines(comparison, min(width or WIDE, WIDE), most):
        yield text.plain(text.fit(line, width) if width and len(line) > width else line).rstrip()


def _lines(found: Comparison, width: int, most: int) -> Iterator[str]:
    """The report as cell strings."""
    yield _side("before", found.before)
    yield _side("after", found.after)
    yield from wrapped(_matched(found), width, "", "  ")
    yield from _packed(_machine(found), width)
    if found.findings:
        yield ""
        for one in found.findings:
            yield from _finding(one, found, width)
    for title, entries in (("new", found.new), ("gone", found.gone)):
        yield from _entries(title, entries, found, width, most)
    yield from _changed(found, width, most)
    if not (found.findings or found.new or found.gone or found.changed):
        yield ""
        yield "nothing came, went or changed by more than noise"
    yield ""
    yield from wrapped(f"{_LABEL}{_left_out(found)}", width, "", " " * len(_LABEL))


# -- the heading -------------------------------------------------------------------------------


def _side(name: str, side: Side) -> str:
    ticks = f" in {text.thousands(side.ticks)} ticks" if side.ticks > 1 else ""
    begin, end = _clock(side.begin), _clock(side.end)
    when = f"{begin} to {end[11:] if end[:10] == begin[:10] else end} UTC"
    return f"{name:6}  {text.visible(side.source)}  {text.visible(side.host)}  {when}, {side.seconds:.1f} s{ticks}"


def _clock(time: float) -> str:
    return datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _matched(found: Comparison) -> str:
    if found.by == "ids":
        return f"matched by id, of one boot: {_seen(found)}"
    why = ""
    if found.before.host != found.after.host:
        why = ", of two machines"
    elif not is_one_boot(found.before, found.after):
        why = ", of two boots"
    names = "name" if found.level == "processes" else "name without digits"
    return f"matched by {names}{why}: {_seen(found)}"


def _seen(found: Comparison) -> str:
    what = {"threads": "thread", "processes": "process"}[found.level] if found.both == 1 else found.level
    if found.by == "names":
        what = f"{'kind' if found.both == 1 else 'kinds'} of {found.level}"
    new, gone = len(found.new) + found.quiet.new, len(found.gone) + found.quiet.gone
    return f"{text.thousands(found.both)} {what} on both sides, {_none(new)} new, {_none(gone)} gone"


def _none(count: int) -> str:
    return text.thousands(count) if count else "none"


def _machine(found: Comparison) -> list[str]:
    old, new = found.before.machine, found.after.machine
    cpus = f"{old.cpus}" if old.cpus == new.cpus else f"{old.cpus} -> {new.cpus}"
    return [
        f"machine {cpus} CPUs, busy {text.percent(old.cpu_pct)} -> {text.percent(new.cpu_pct)} %",
        f"threads {text.thousands(old.threads)} -> {text.thousands(new.threads)}",
        f"in run queues {text.average(old.waiting)} -> {text.average(new.waiting)}",
        f"switches/s {text.rate(old.switches_per_s)} -> {text.rate(new.switches_per_s)}",
    ]


def _packed(items: Sequence[str], width: int) -> Iterator[str]:
    """So many items in a line as it holds; none is broken."""
    line = items[0]
    for item in items[1:]:
        if len(line) + 2 + len(item) > width:
            yield line
            line = f"  {item}"
        else:
            line += f"  {item}"
    yield line


# -- findings ----------------------------------------------------------------------------------


def _finding(one: FoundChange, found: Comparison, width: int) -> Iterator[str]:
    """In a line; what came with its evidence."""
    newest = one.newest
    word = "stays" if one.before and one.after else "came" if one.after else "went"
    mark = "!" if newest.severity >= PROBLEM else "-"
    pid = f" {newest.pid}" if found.by == "ids" else ""
    whose = f"{text.visible(newest.process)}{pid}: "
    severity = ""
    if one.before and one.after and round(one.before.severity) != round(one.after.severity):
        severity = f", severity {one.before.severity:.0f} -> {one.after.severity:.0f}"
    line = f"{word:5} {mark} {whose}{text.visible(newest.title)}  ({newest.grade}{severity})"
    yield from wrapped(line, width, "", " " * 8)
    evidence = "   ".join(f"{text.visible(name)} {text.visible(figure)}" for name, figure in newest.evidence)
    if word == "came" and evidence:
        yield from wrapped(f"evidence  {evidence}", width, " " * 8, " " * 18)


# -- tables ------------------------------------------------------------------------------------


def _entries(title: str, entries: Sequence[Entry], found: Comparison, width: int, most: int) -> Iterator[str]:
    """Those on one side only, a line each: what they did there."""
    if not entries:
        return
    yield ""
    yield title
    shown = entries[:most]
    cells = _label_width([_label(entry, found) for entry in shown], width // 2)
    for entry in shown:
        yield f"  {text.fit(_label(entry, found), cells)}  {_did(entry)}"
    yield from _more(len(entries) - len(shown), sum(activity(entry) for entry in entries[most:]), "that did less")


def _did(entry: Entry) -> str:
    """What one on one side did there, the most first: ``4 threads, cpu 51.8 %, 132 vol/s; mostly runs``."""
    figures = [(one, value) for one in MEASURES if is_more_than_noise(one, 0.0, value := entry.figure(one) or 0.0)]
    figures.sort(key=lambda figure: -figure[1] / figure[0].per_point)
    said = [_said(measure, value) for measure, value in figures[:MOST_FIGURES]]
    if entry.threads >= LEAST_THREADS:
        said.insert(0, f"{_count(entry.threads)} threads")
    return ", ".join(said) + (f"; mostly {_word(entry.mostly)}" if entry.mostly else "")


def _said(measure: Measure, value: float) -> str:
    """A figure with what it is: ``cpu 12.0 %``, ``1,200 vol/s``."""
    if measure.title.endswith("%"):
        return f"{measure.title[:-2]} {text.share(value)} %"
    return f"{text.rate(value)} {measure.title}"


def _changed(found: Comparison, width: int, most: int) -> Iterator[str]:
    """What is on both sides and differs: each figure on a line."""
    if not found.changed:
        return
    shown = found.changed[:most]
    labels = [_label(one.after, found) for one in shown]
    cells = _label_width(labels, width - _TITLE - 3 * (_FIGURE + 1) - 4)
    yield ""
    heading = " ".join(word.rjust(_FIGURE) for word in ("before", "after", "change"))
    yield f"{text.fit('changed', cells + 2)}  {'':{_TITLE}} {heading}"
    for label, one in zip(labels, shown, strict=True):
        for index, line in enumerate(_figures(one)):
            yield f"  {text.fit('' if index else label, cells)}  {line}"
    yield from _more(
        len(found.changed) - len(shown), sum(one.points for one in found.changed[most:]), "that changed less"
    )


def _figures(one: Change) -> Iterator[str]:
    """Its figures that differ, where most of its time goes, and what is known of one side only."""
    for delta in one.deltas:
        yield _row(delta.measure, delta.before, delta.after, _difference(delta))
    if one.mostly:
        old, new = one.mostly
        yield f"{'mostly':{_TITLE}} {_word(old).rjust(_FIGURE)} -> {_word(new)}"
    for measure in MEASURES:
        old_value, new_value = one.before.figure(measure), one.after.figure(measure)
        is_half = (old_value is None) != (new_value is None)
        if is_half and is_more_than_noise(measure, 0.0, old_value or new_value or 0.0):
            yield _row(measure, old_value, new_value, text.UNKNOWN)


def _row(measure: Measure, before: float | None, after: float | None, difference: str) -> str:
    cells = (_number(measure, before), _number(measure, after), difference)
    return f"{measure.title:{_TITLE}} {' '.join(cell.rjust(_FIGURE) for cell in cells)}"


def _number(measure: Measure, value: float | None) -> str:
    if measure is THREADS and value is not None:
        return _count(value)
    return text.share(value) if measure.title.endswith("%") else text.rate(value)


def _difference(delta: Delta) -> str:
    """With its sign, an estimate with its ``~`` before that."""
    size = abs(delta.difference)
    sign = "+" if delta.difference > 0 else "-"
    is_estimate = isinstance(delta.difference, Estimate)
    return f"{'~' * is_estimate}{sign}{_number(delta.measure, size) if not is_estimate else f'{size:.0f}'}"


def _count(value: float) -> str:
    """A number of threads, whole where it was the same all the time."""
    return f"{value:,.0f}" if abs(value - round(value)) < 0.05 else f"{value:,.1f}"  # noqa: PLR2004 it would round so


def _more(rows: int, points: float, what: str) -> Iterator[str]:
    if rows:
        yield f"  and {text.thousands(rows)} {what}, {text.many(points, 'point')} in all"


def _label(entry: Entry, found: Comparison) -> str:
    """What a row is about: ids and names, or what a group has in common."""
    if found.by == "names":
        return text.visible(entry.name)
    process = text.visible(entry.process)
    if found.level == "processes":
        return f"{entry.pid:>7} {process}"
    own = process if entry.name == entry.process else f"{process} [{text.visible(entry.name)}]"
    return f"{entry.tid:>7} {own}"


def _label_width(labels: Sequence[str], most: int) -> int:
    return max(_LEAST_LABEL, min(max(map(len, labels)), most))


def _word(part: str | None) -> str:
    return text.UNKNOWN if part is None else _WORDS.get(part, part)


def _left_out(found: Comparison) -> str:
    """How many are not told, and what counts as noise."""
    counts = zip(
        ("on both sides", "new", "gone"), (found.quiet.changed, found.quiet.new, found.quiet.gone), strict=True
    )
    said = ", ".join(f"{text.thousands(count)} {word}" for word, count in counts if count)
    if not said:
        return "nothing"
    return (
        f"{said}: differences of less than 1 point of cpu or run queue, 5 of sampled shares, {ESTIMATE_LEAST:.0f} of "
        "estimates (~), 20 switches/s, or a tenth"
    )
