"""A finding as lines of plain text, for reports that are pasted elsewhere, and which process it is about; pure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.findings import PROBLEM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.snapshot import Finding, ProcessRow

WIDE: Final = 100  # sentences are broken at this width, and at the terminal's where that is less
_LEAST_WIDE: Final = 20


def belongs_to(finding: Finding, process: ProcessRow) -> bool:
    """Whether it is about this process: its own, or one of several that names threads of it."""
    if (finding.pid, finding.start_ticks) == (process.pid, process.start_ticks):
        return True
    return any(tid == process.pid or tid in process.threads for tid in finding.tids)


def finding_lines(found: Finding, width: int, whose: str = "") -> Iterator[str]:
    """What it says, what it means, its evidence and what to run next; ``whose`` stands before its title."""
    mark = "!" if found.severity >= PROBLEM else "-"
    yield from wrapped(f"{mark} {text.visible(whose)}{text.visible(found.title)}  ({found.grade})", width, "", "  ")
    yield from wrapped(text.visible(found.explanation), width, "  ")
    evidence = "   ".join(f"{text.visible(name)} {text.visible(figure)}" for name, figure in found.evidence)
    if evidence:
        yield from wrapped(f"evidence  {evidence}", width, "  ", "            ")
    if found.next_command:
        yield f"  next      {text.visible(found.next_command)}"  # whole, to be copied


def wrapped(sentence: str, width: int, indent: str, further: str | None = None) -> list[str]:
    """A sentence in lines of at most ``width``; those after the first begin with ``further``."""
    further = indent if further is None else further
    return textwrap.wrap(sentence, max(width, _LEAST_WIDE), initial_indent=indent, subsequent_indent=further)
