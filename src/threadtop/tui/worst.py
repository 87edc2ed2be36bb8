"""The line under the header: the worst finding in words; it comes and goes calmly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import text
from threadtop.findings import PROBLEM
from threadtop.tui.paint import LineBuilder

if TYPE_CHECKING:
    from threadtop.snapshot import Finding, Snapshot, Sureness
    from threadtop.tui.paint import Line

STAYS_TICKS: Final = 5  # so long a finding stays after it has gone: a header that jumps cannot be read
CLEARLY_WORSE: Final = 10.0  # by so much another finding must be worse to take the place of one that still holds
_WIDE: Final = 100
GRADES: Final[dict[Sureness, str]] = {
    "exact": "exact",
    "sampled": "sampled",
    "estimate": "estimate",
    "suspicion": "suspicion",
    "none": "not measured",
}


class Shown(NamedTuple):
    """What the line says: a finding, its place and the number of problems, and whether it holds no longer."""

    finding: Finding
    place: int
    problems: int
    has_gone: bool


class Worst:
    """Which finding is shown, from snapshot to snapshot."""

    def __init__(self) -> None:
        """None yet."""
        self.shown: Shown | None = None
        self._ticks_gone = 0

    def add(self, snapshot: Snapshot) -> None:
        """Take the next snapshot's findings."""
        problems = [finding for finding in snapshot.findings if finding.severity >= PROBLEM]
        was = self.shown
        if not problems:
            self._ticks_gone += 1
            if was is not None:
                self.shown = was._replace(has_gone=True) if self._ticks_gone <= STAYS_TICKS else None
            return
        self._ticks_gone = 0
        chosen = problems[0]
        if was is not None:
            same = next((finding for finding in problems if _identity(finding) == _identity(was.finding)), None)
            if same is not None and chosen.severity < same.severity + CLEARLY_WORSE:
                chosen = same
        self.shown = Shown(chosen, problems.index(chosen) + 1, len(problems), has_gone=False)


def _identity(finding: Finding) -> tuple[str, int, int]:
    return finding.kind, finding.pid, finding.start_ticks


def worst_line(shown: Shown, width: int) -> Line:
    """The line for a width: the title may be cut, how sure it is may not."""
    finding, has_gone = shown.finding, shown.has_gone
    quiet = "." if has_gone else ""
    right = LineBuilder().add("  no longer" if has_gone else f"  ({GRADES[finding.grade]})", ".")
    if shown.problems > 1 and not has_gone:
        right.add(f"  {shown.place} of {shown.problems}", ".")
    opens = " opens it " if shown.problems == 1 else " findings "
    right.add("  ").add("f", quiet or "f").add(opens if width >= _WIDE else " ", ".")
    left = LineBuilder().add(" ▲ ", quiet or "y")
    left.add(f"{text.visible(finding.process)} {finding.pid}: ", quiet or "b")
    left.add(text.visible(finding.title), quiet or " ")
    return LineBuilder().roles(*left.line(max(0, width - right.length))).join(right).line(width)
