"""A list of findings with a cursor that goes from one to the next; Enter opens what one is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.message import Message

from threadtop import text
from threadtop.findings import PROBLEM
from threadtop.tui import finding_words, paint
from threadtop.tui.grid import Grid
from threadtop.tui.pager import Pager
from threadtop.tui.paint import LineBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.snapshot import Finding
    from threadtop.tui.paint import Line


class FindingsList(Pager, inherit_bindings=False):
    """Findings in words, the worst first; the cursor stays on its finding while others come and go."""

    BINDINGS: ClassVar[list[Any]] = [
        ("up,k", "move(-1)", ""),
        ("down,j", "move(1)", ""),
        ("pageup", "scroll_page(-1)", ""),
        ("pagedown,space", "scroll_page(1)", ""),
        ("home,g", "move(-10000)", ""),
        ("end,G", "move(10000)", ""),
        ("enter", "open", ""),
        ("question_mark", "explain", ""),
    ]

    class Opened(Message):
        """Enter: show the evidence."""

        def __init__(self, finding: Finding) -> None:
            """Carry the finding."""
            super().__init__()
            self.finding = finding

    class Asked(Message):
        """A question mark: explain what this is."""

        def __init__(self, finding: Finding | None) -> None:
            """Carry the finding, None where there is none."""
            super().__init__()
            self.finding = finding

    def __init__(self, where: str = "", *, names: bool = False) -> None:
        """A list that says ``where`` there is nothing while it is empty; with ``names`` each finding says whose."""
        super().__init__()
        self._where = where
        self._names = names
        self.findings: Sequence[Finding] = ()
        self._cursor: tuple[str, int, int] | None = None
        self._at = 0
        self._tops: list[int] = [0]

    def show(self, findings: Sequence[Finding]) -> None:
        """Show other findings."""
        self.findings = findings
        known = [finding_words.identity(finding) for finding in findings]
        if self._cursor in known:
            self._at = known.index(self._cursor)
        self._at = max(0, min(self._at, len(findings) - 1))
        self.repaint()

    def choose(self, wanted: Finding) -> None:
        """Put the cursor on a finding."""
        self._cursor = finding_words.identity(wanted)
        self.show(self.findings)

    @property
    def chosen(self) -> Finding | None:
        """The finding under the cursor."""
        return self.findings[self._at] if self._at < len(self.findings) else None

    def copied(self) -> str:
        """What is copied: the next command of the chosen finding, or what it says."""
        found = self.chosen
        return (found.next_command or found.title) if found is not None else ""

    def position(self) -> str:
        """Where the cursor stands, and how many of the findings are problems."""
        if not self.findings:
            return ""
        problems = sum(finding.severity >= PROBLEM for finding in self.findings)
        what = f"{problems} problem{'' if problems == 1 else 's'}" if problems else "observations only"
        return f"{what}  {self._at + 1} of {len(self.findings)}"

    def all_lines(self, width: int) -> Sequence[Line]:
        """All findings, the chosen one's title marked."""
        if not self.findings:
            is_live = self.app.player is None  # type: ignore[attr-defined]
            words = finding_words.nothing(self._where, is_live=is_live)
            return [LineBuilder().add(f"  {words}", ".").line(width)]
        lines: list[Line] = []
        self._tops = []
        for index, finding in enumerate(self.findings):
            if lines:
                lines.append(paint.blank(width))
            self._tops.append(len(lines))
            whose = f"{text.visible(finding.process)} {finding.pid}: " if self._names else ""
            title, *rest = finding_words.block(finding, width, whose)
            lines += [paint.selected(title) if index == self._at else title, *rest]
        self._tops.append(len(lines))
        return lines

    def make_lines(self, width: int, height: int) -> Sequence[Line]:
        """The part in sight."""
        self.all_lines(width)  # it says where each begins
        if self.findings:
            top, end = self._tops[self._at], self._tops[self._at + 1]
            self.offset_rows = min(max(self.offset_rows, end - height), top)
        return super().make_lines(width, height)

    def action_move(self, by: int) -> None:
        """The cursor to another finding."""
        self._at = max(0, min(self._at + by, len(self.findings) - 1))
        self._cursor = finding_words.identity(self.findings[self._at]) if self.findings else None
        self.repaint()
        self.post_message(Grid.Moved())

    def action_scroll_page(self, by: int) -> None:
        """The cursor to the first finding of another page."""
        wanted = self.offset_rows + by * max(1, self.size.height - 1)
        beyond = [index for index, top in enumerate(self._tops[:-1]) if top <= wanted]
        to = beyond[-1] if beyond else 0
        self.action_move(to - self._at or by)

    def action_scroll_by(self, by: int) -> None:
        """The wheel moves the cursor, too."""
        self.action_move(1 if by > 0 else -1)

    def action_open(self) -> None:
        """Open the evidence of the finding under the cursor."""
        if self.chosen is not None:
            self.post_message(self.Opened(self.chosen))

    def action_explain(self) -> None:
        """Explain what the finding under the cursor is about."""
        self.post_message(self.Asked(self.chosen))
