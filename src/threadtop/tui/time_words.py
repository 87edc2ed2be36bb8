"""What the Time pane says in words of one thread: its parts, how each is known, what the looks cost; pure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from threadtop import bars, text
from threadtop.lenses.time import WINDOW_S
from threadtop.tui.paint import LineBuilder

if TYPE_CHECKING:
    from threadtop.snapshot import Snapshot, ThreadRow
    from threadtop.time_rows import TimeShare
    from threadtop.tui.paint import Line

_LABEL: Final = 11
_GAP: Final = 3
_LEAST_PCT: Final = 0.05  # it rounds to 0.1
_AFTER_SIGN: Final = ("small letters: one look, a hint",)


def detail_lines(row: ThreadRow, snapshot: Snapshot, width: int) -> list[Line]:
    """A heading, and below it the exact parts, those by looks, what it does now, and what the looks cost."""
    head = LineBuilder().add(f" {text.visible(row.name)} {row.tid}  {row.state} ", "h")
    lines = [head.add(" " * max(0, width - head.length), "h").line(width)]
    share = row.time
    if share is None:
        lines.append(_label("").add("not known yet: a share needs two readings", ".").line(width))
    else:
        lines += [_exact(share, width), *_blocked(share, width)]
    words = text.visible(row.reason or text.UNKNOWN)
    lines.append(_label("now").add(words, " " if row.reason else ".").line(width))
    lines.append(_cost(snapshot).line(width))
    return lines


def legend_lines(width: int) -> list[Line]:
    """What each sign means, in its own colour."""
    lines: list[Line] = []
    line = LineBuilder().add(" ")
    items = [(sign.cell, sign.role, sign.words) for sign in bars.SIGNS.values()]
    for cell, role, words in (*items, ("a-z", ".", *_AFTER_SIGN)):
        item = LineBuilder().add(cell, role).add(f" {words}", ".")
        if line.length > 1 and line.length + 2 + item.length > width:
            lines.append(line.line(width))
            line = LineBuilder().add(" ")
        line.add("  " if line.length > 1 else "").join(item)
    return [*lines, line.line(width)]


def _label(label: str) -> LineBuilder:
    return LineBuilder().add(f" {label:{_LABEL}}", ".")


def _exact(share: TimeShare, width: int) -> Line:
    line = _label("exact").add("ran ", ".").add(f"{text.percent(share.cpu_pct)} %", "b")
    line.add(f" (user {text.percent(share.user_pct)}, kernel {text.percent(share.system_pct)}", ".")
    divided = ", divided by ticks of 10 ms" if width >= 100 else " by ticks"  # noqa: PLR2004 there is room to say it
    line.add(f"{divided})", ".")
    role = "w" if share.runq_pct >= 1 else "b"
    return line.add("   waited for a cpu ", ".").add(f"{text.percent(share.runq_pct)} %", role).line(width)


def _blocked(share: TimeShare, width: int) -> list[Line]:
    """The rest, and how it is known."""
    if share.blocked_pct < _LEAST_PCT:
        return [_label("blocked").add("never", ".").line(width)]
    rest = f"{text.percent(share.blocked_pct)} %"
    kind = share.blocked[0][0] if share.blocked else "unknown"
    words = bars.SIGNS[kind].words
    if kind == "unknown" and share.why_not:
        return _wrapped("not known", f"{rest}: {share.why_not}", width)
    if share.is_whole:
        return _wrapped("at rest", f"{rest} {words}: it has not run since that was read, so it is no sample", width)
    if not share.samples:
        return _wrapped("blocked", f"{rest}, on what is not known: it ran when it was looked at", width)
    if share.is_hint:
        said = f"{words}, as it was looked at; of the {rest} in which it was blocked that is a hint, no share"
        return _wrapped("one look", said, width)
    return _sampled(share, width)


def _sampled(share: TimeShare, width: int) -> list[Line]:
    """Each kind with its share and how far that may be off, the largest first."""
    line, lines = _label("sampled"), []
    for part, pct in sorted(share.blocked, key=lambda item: -item[1]):
        error = share.error_points(part)
        sign = bars.SIGNS[part]
        item = LineBuilder().add(f"{sign.words} ", ".").add(f"{pct:.0f}", sign.role if pct >= 1 else ".")
        item.add("" if error is None else f" ±{max(1, round(error))}", ".")
        if line.length > _LABEL + 1 and line.length + _GAP + item.length > width:
            lines.append(line.line(width))
            line = _label("")
        line.add(" " * (_GAP if line.length > _LABEL + 1 else 0)).join(item)
    looks = f"{text.thousands(share.samples)} looks in the last {WINDOW_S:.0f} s"
    if line.length + _GAP + len(looks) + 2 <= width:
        return [*lines, line.add(f"{' ' * _GAP}({looks})", ".").line(width)]
    return [*lines, line.line(width), _label("").add(f"({looks})", ".").line(width)]


def _wrapped(label: str, words: str, width: int) -> list[Line]:
    parts = textwrap.wrap(text.visible(words), max(20, width - _LABEL - 2), break_on_hyphens=False)
    return [_label(label if at == 0 else "").add(part, " ").line(width) for at, part in enumerate(parts)]


def _cost(snapshot: Snapshot) -> LineBuilder:
    line = _label("looks cost")
    if snapshot.wait_watch_pct is None or snapshot.wait_watch_per_s is None:
        return line.add("nothing: nothing is looked at many times a second yet", ".")
    line.add(f"{text.percent(snapshot.wait_watch_pct)} %", " ").add(" of a core, ", ".")
    return line.add(f"{snapshot.wait_watch_per_s:.0f}", " ").add(" rounds a second over the threads that move", ".")
