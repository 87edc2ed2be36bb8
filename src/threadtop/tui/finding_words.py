"""Findings in lines of the screen: title and how sure, what it means, the figures behind it, what to run next; pure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.findings import PROBLEM
from threadtop.tui import paint
from threadtop.tui.paint import LineBuilder
from threadtop.tui.worst import GRADES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.snapshot import Finding
    from threadtop.tui.paint import Line

INDENT: Final = 6
_LABEL: Final = 13
_GAP: Final = 3
GIL, LOCKS, TIME, THREADS, FINDINGS = "GIL", "Locks", "Time", "Threads", "Findings"  # panes, by their names
PANES: Final = {
    **dict.fromkeys(("gil-bound", "convoy", "held-asleep", "single-busy", "many-handovers"), GIL),
    **dict.fromkeys(("workers-fine", "gil-off", "gil-switched-on"), GIL),
    **dict.fromkeys(("deadlock", "deadlock-suspected", "lock-convoy", "waits-on-one-lock"), LOCKS),
    **dict.fromkeys(("starved", "spinning", "hot-thread", "polling-loop", "disk-bound", "waits-on-one-peer"), TIME),
}
"""Where the evidence of a finding is drawn, by its kind; of all others in the table of threads."""
_MOST_WIDE: Final = 110  # longer lines of prose are hard to read


def wrapped(words: str, width: int, role: str = ".", indent: int = INDENT) -> list[Line]:
    """Words below one another, for they must not be cut."""
    parts = textwrap.wrap(text.visible(words), max(20, width - indent - 1), break_on_hyphens=False)
    return [LineBuilder().add(" " * indent).add(part, role).line(width) for part in parts]


def nothing(where: str, *, is_live: bool) -> str:
    """What to say where nothing is found: ``where`` that is, "" for everywhere."""
    place = f"nothing found {where}".rstrip()
    if is_live:
        return f"{place} so far: some rules want to see a minute of what they judge"
    return f"{place} at this moment: x and X go to where findings begin"


def pane_of(finding: Finding) -> str:
    """The pane that shows its evidence."""
    return PANES.get(finding.kind, THREADS)


def identity(finding: Finding) -> tuple[str, int, int]:
    """What tells one finding from another, from tick to tick."""
    return finding.kind, finding.pid, finding.start_ticks


def named(findings: Iterable[Finding]) -> frozenset[tuple[int, int]]:
    """The threads (pid, tid) that problems name."""
    return frozenset((one.pid, tid) for one in findings if one.severity >= PROBLEM for tid in one.tids)


def finding_lines(findings: Iterable[Finding], width: int) -> list[Line]:
    """Each finding: its title and how sure it is, what it means, the figures behind it, what to run next."""
    lines: list[Line] = []
    for finding in findings:
        if lines:
            lines.append(paint.blank(width))
        lines += block(finding, width)
    return lines


def block(finding: Finding, width: int, whose: str = "") -> list[Line]:
    """One finding; ``whose`` stands before its title."""
    lines: list[Line] = []
    is_problem = finding.severity >= PROBLEM
    sure = LineBuilder().add(f"  {GRADES[finding.grade]} ", ".")
    room = max(20, width - 4 - sure.length)
    words = f"{text.visible(whose)}{text.visible(finding.title)}"
    for index, part in enumerate(textwrap.wrap(words, room, break_on_hyphens=False) or [""]):
        title = LineBuilder().add((" ▲ " if is_problem else " · ") if index == 0 else "   ", "y" if is_problem else ".")
        title.add(part, "b").pad(width - sure.length)
        lines.append((title.join(sure) if index == 0 else title).line(width))
    lines.extend(wrapped(finding.explanation, min(width, _MOST_WIDE), " ", indent=3))
    lines.extend(_evidence_lines(finding, width))
    if finding.next_command:
        lines.extend(_command_lines(text.visible(finding.next_command), width))
    return [paint.fit_line(line, width) for line in lines]


def _command_lines(command: str, width: int) -> list[Line]:
    """What to run next, whole: it is there to be copied."""
    room = max(20, width - _LABEL - 1)
    parts = [command] if len(command) <= room else textwrap.wrap(command, room, break_on_hyphens=False)
    return [_label("next" if index == 0 else "").add(part).line(width) for index, part in enumerate(parts)]


def _label(label: str) -> LineBuilder:
    return LineBuilder().add(f"   {label:{_LABEL - 3}}", ".")


def _evidence_lines(finding: Finding, width: int) -> list[Line]:
    """The figures behind it, as many in a line as fit: a figure is not torn from its name, nor cut."""
    lines: list[Line] = []
    line, is_empty = _label("evidence"), True
    for item in (item for figure in finding.evidence for item in _items(*figure, max(20, width - _LABEL - 1))):
        if not is_empty and line.length + _GAP + item.length > width:
            lines.append(line.line(width))
            line, is_empty = _label(""), True
        line.add(" " * (0 if is_empty else _GAP)).join(item)
        is_empty = False
    return lines if is_empty else [*lines, line.line(width)]


def _items(name: str, figure: str, room: int) -> list[LineBuilder]:
    """A figure with its name before it, in lines of its own where it is too long for one."""
    name = text.visible(name)
    parts = textwrap.wrap(f"{name} {text.visible(figure)}", room, break_on_hyphens=False)
    if len(parts) < 2 or not parts[0].startswith(name):  # noqa: PLR2004 it fits, or the name alone does not
        parts = [f"{name} {text.visible(figure)}"]
    items = [LineBuilder().add(name, ".").add(parts[0][len(name) :])]
    return [*items, *(LineBuilder().add(part.ljust(room)) for part in parts[1:])]
