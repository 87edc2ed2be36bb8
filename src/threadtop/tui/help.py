"""What the help says: what is looked at with its page, keys, numbers, columns with their sources; from the tables."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import bars, fields, pages, text
from threadtop.pages import markdown
from threadtop.tui import commands
from threadtop.tui.pager import Pager
from threadtop.tui.paint import LineBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from threadtop.sheets.sheet import Kind
    from threadtop.snapshot import Finding
    from threadtop.tui.commands import Action
    from threadtop.tui.paint import Line

_NUMBERS = (
    (
        "counters and rates",
        (
            "PID, TIME+, the switches: counted by the kernel. Rates are the difference of two counters "
            "over the measured time between the two readings. %CPU and %WAIT come from nanoseconds."
        ),
    ),
    (
        "sampled",
        (
            "The split of %CPU into %USR and %SYS is taken from the kernel's 10 ms ticks: right on average, coarse "
            "for a thread that runs little. What a thread was blocked on comes from many looks at it, and is said with "
            "their number."
        ),
    ),
    (
        "hints",
        (
            "REASON, WCHAN and small letters in the time bar are one look at one moment: where the thread slept when "
            "it was read."
        ),
    ),
    (
        "unknown",
        (
            "- is not known (yet, or not allowed); it is never written as 0. A dot is a figure that stands on the "
            "process's row: its threads share it."
        ),
    ),
    (
        "a process's row",
        (
            "adds up its threads. It is not its main thread's row: that one shows what the main thread "
            "itself did. top and htop put the whole process's CPU there."
        ),
    ),
    ("R", "is runnable: running, or ready and waiting for a CPU. %WAIT tells how long it waited."),
    ("the margin", "+ new   x just ended   * tagged   > followed   ▲ named by a problem that was found"),
    (
        "WCHAN of others",
        (
            "needs the same user or root (CAP_SYS_PTRACE); CPU, wait, state and switches are there for "
            "everyone's processes."
        ),
    ),
    (
        "GIL",
        (
            "is the share of the time in which a thread held CPython's global interpreter lock, which it needs to run "
            "Python. It is sampled from the process's memory, some 100 times a second, without pausing the process."
        ),
    ),
    (
        "GIL wait",
        (
            "is the share in which it was ready to run Python while another held the GIL. A waiting thread sleeps on "
            "an address inside the GIL, which its syscall file tells; locks and queues have other addresses."
        ),
    ),
    (
        "exact, estimate",
        (
            "Exact is read from the process's memory: it needs the same user (and kernel.yama.ptrace_scope 0), root, "
            "or a process started with threadtop -- COMMAND. Without that, ~ is an estimate from the kernel's "
            "counters (status, schedstat, wchan), and the GIL pane says what would make it exact."
        ),
    ),
    (
        "its own cost",
        (
            "self in the header is threadtop's own CPU; the ms are one pass over /proc. Where a pass takes "
            "more than a quarter of the interval, the interval grows and the header says so."
        ),
    ),
)


# The styles of markdown.STYLES as roles of themes.ROLES.
_ROLES: Final = str.maketrans(
    {markdown.TITLE: "t", markdown.HEADING: "b", markdown.STRONG: "b", markdown.CODE: "v", markdown.LINK: "f"}
)


class About(NamedTuple):
    """What help was asked for on: the column sorted by, the page of what is shown, the finding in sight.

    ``kind`` is the pane of fields that is open, ``term`` the one under its cursor.
    """

    field: str = ""
    page: str = ""
    finding: Finding | None = None
    kind: Kind | None = None
    term: str = ""

    @property
    def shown_page(self) -> str | None:
        """The key of the page that it is about, the finding's before the column's."""
        if self.finding is not None:
            return pages.for_finding(self.finding.kind)
        return self.page or (pages.for_field(self.field) if self.field in fields.BY_KEY else None)


NOTHING: Final = About()
_TERM: Final = 22  # cells of a field's name and the blanks around it
_EMPTY: Final[Line] = ("", "")


class Section(NamedTuple):
    """A part of the help: its title and lines."""

    title: str
    lines: list[Line]


def _title(title: str) -> Line:
    line = LineBuilder().add(f" {title}", "t")
    return line.line(line.length)


def page_lines(key: str, width: int, *, numbered: bool = False) -> list[Line]:
    """A page as painted lines; ``numbered`` puts a number behind each link."""
    page = pages.page(key)
    marks = {link.key: number for number, link in enumerate(markdown.links(page.text), 1)} if numbered else {}
    styled = markdown.lines(page.text, width - 2, marks)
    return [(f" {characters}", f" {styles.translate(_ROLES)}") for characters, styles in styled]


def _entry(name: str, words: str, width: int, indent: int, role: str = "f") -> list[Line]:
    room = max(20, width - indent - 2)
    wrapped = textwrap.wrap(words, room) or [""]
    lines = []
    for index, part in enumerate(wrapped):
        line = LineBuilder().add(f"  {name if index == 0 else '':{indent - 2}}", role).add(part)
        lines.append(line.line(max(line.length, 1)))
    return lines


def _paragraph(words: str, width: int, role: str = " ") -> list[Line]:
    return [(f"  {part}", role * (len(part) + 2)) for part in textwrap.wrap(words, max(20, width - 4))]


def _actions(actions: Iterable[Action], width: int) -> list[Line]:
    return [line for action in actions for line in _entry(action.shown, action.help, width, 24)]


def _bar_words() -> str:
    """The signs of the time bar, each with its meaning."""
    return ", ".join(
        f"{sign.cell}{f' {sign.hint}' if sign.hint != sign.cell else ''} {sign.words}" for sign in bars.SIGNS.values()
    )


def _about(about: About, width: int) -> Iterator[Section]:
    """What is looked at just now: the finding in sight, the column sorted by, and the page below it."""
    found = about.finding
    if found is not None:
        lines = [
            *_paragraph(text.visible(found.title), width, "b"),
            *_paragraph(text.visible(found.explanation), width),
            *_paragraph(f"Page: {pages.page(pages.for_finding(found.kind)).title} (P, Enter)", width, "f"),
        ]
        yield Section(f"Under the header: {found.kind}", lines)
    field = fields.BY_KEY.get(about.field)
    if field is not None:
        lines = [*_paragraph(f"{field.help}.", width), *_paragraph(f"Source: {field.source}.", width, ".")]
        yield Section(f"Sorted by {field.title}", [*lines, _EMPTY, *page_lines(pages.for_field(field.key), width)])
    elif about.kind is not None:
        yield from _terms(about.kind, about.term, width)
        yield Section("What this is about", page_lines(about.page, width))
    elif about.page:
        yield Section("What is shown here", page_lines(about.page, width))


def _terms(kind: Kind, chosen: str, width: int) -> Iterator[Section]:
    """The fields of a pane: the one under the cursor first, then all of them."""
    term = kind.terms.get(chosen)
    if term is not None:
        lines = [*_paragraph(term.help, width), *_paragraph(f"Source: {term.source}.", width, ".")]
        yield Section(f"{kind.title}: {term.title}", lines)
    entries = [
        line
        for term in kind.terms.values()
        for line in _entry(term.title, f"{term.help}  source: {term.source}", width, _TERM, "b")
    ]
    yield Section(f"The fields of {kind.title}", entries)


def sections(about: About, width: int) -> list[Section]:
    """All parts of the help for a width."""
    numbers = (*_NUMBERS, ("TIME BAR", f"{_bar_words()}. Small letters: one look."))
    names = [line for page in pages.all_pages() for line in _entry(page.key, page.title, width, 16, "f")]
    columns = _entry("[...]", "names for --columns, -o and filters", width, 12, "b")
    for field in fields.FIELDS:
        aliases = ", ".join(dict.fromkeys((field.key, *field.aliases)))
        words = f"{field.help}.  [{aliases}]  source: {field.source}  page: {pages.page(field.page).title}"
        columns += _entry(field.title, words, width, 12, "b")
    return [
        *_about(about, width),
        Section("Keys", [*_actions((*commands.MOVES, *commands.MAIN), width), *_actions(commands.GLOBAL, width)]),
        Section("In an opened process", _actions(commands.PROCESS, width)),
        Section("In a recording (threadtop replay)", _actions(commands.REPLAY, width)),
        Section("In a list of findings", _actions(commands.FINDINGS, width)),
        Section(
            "What each number is",
            [line for name, words in numbers for line in _entry(name, words, width, 24, "b")],
        ),
        Section("Columns", columns),
        Section("Pages", [*_paragraph("P opens them, threadtop --page NAME prints them.", width), *names]),
    ]


def section_lines(section: Section) -> list[Line]:
    """A part with its title, and a blank line behind it."""
    return [_title(section.title), *section.lines, _EMPTY]


def help_lines(width: int, about: About = NOTHING) -> list[Line]:
    """The whole help text for a width."""
    return [line for section in sections(about, width) for line in section_lines(section)]


class HelpText(Pager):
    """The help, scrolled."""

    def __init__(self, about: About = NOTHING) -> None:
        """The help that begins with what was asked about."""
        super().__init__()
        self._about = about
        self._ready: tuple[int, list[Line]] | None = None
        self._starts: list[int] = []

    def all_lines(self, width: int) -> Sequence[Line]:
        """The help for this width."""
        if self._ready is None or self._ready[0] != width:
            self._starts = []
            lines: list[Line] = []
            for section in sections(self._about, width):
                self._starts.append(len(lines))
                lines += section_lines(section)
            self._ready = width, lines
        return self._ready[1]

    def turn_to_section(self, by: int) -> None:
        """The next section, or the one before; after the last one the first."""
        last = max(0, self.count - self.size.height)
        if by > 0:
            later = [start for start in self._starts if start > self.offset_rows]
            self.offset_rows = later[0] if later and self.offset_rows < last else 0
        else:
            self.offset_rows = max((start for start in self._starts if start < self.offset_rows), default=last)
        self.repaint()


class PageText(Pager):
    """One page, scrolled; its links are numbered."""

    def __init__(self, key: str) -> None:
        """The page ``key``."""
        super().__init__()
        self.key = key

    def all_lines(self, width: int) -> Sequence[Line]:
        """The page for this width."""
        return page_lines(self.key, width, numbered=True)

    def turn_to(self, key: str, offset_rows: int = 0) -> None:
        """Show another page, scrolled so far."""
        self.key = key
        self.offset_rows = offset_rows
        self.repaint()


def position(pager: Pager) -> str:
    """Where a pager stands, for the footer."""
    shown = min(pager.offset_rows + pager.size.height, pager.count)
    return f"{text.thousands(shown)} of {text.thousands(pager.count)} lines"
