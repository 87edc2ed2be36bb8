"""Sheet: what a pane says of a process: sections of entries and tables, for the screen, as text and as JSON; pure.

Text in a sheet is as other programs chose it: it is made harmless where it is rendered (``render``), not before.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from threadtop.history import History
    from threadtop.inside.asked import Denial
    from threadtop.snapshot import ProcessRow, Snapshot

UNKNOWN: Final = "-"


class Term(NamedTuple):
    """A field of a pane: its key, its name on the screen, what it means in two sentences, where it is from."""

    key: str
    title: str
    help: str
    source: str


class Link(NamedTuple):
    """Where Enter leads: a process, or a thread of it; ``pane`` "" is the one that suits."""

    pid: int
    tid: int = 0
    pane: str = ""


class Entry(NamedTuple):
    """One field: the key of its Term, as text, as data for JSON (None: not known), a word beside it.

    ``roles`` are those of each cell of ``shown``, for a drawing: it is plain ASCII or blocks, and fits a line.
    ``more`` is data of the note by further keys.
    """

    key: str
    shown: str
    value: object
    note: str = ""
    role: str = " "
    link: Link | None = None
    roles: str = ""
    more: Mapping[str, object] = MappingProxyType({})


class Column(NamedTuple):
    """A column of a table: the key of its Term, and how many cells it takes at most (0: what is left).

    ``is_spare``: it is left out on a screen that is too narrow, the last ones first; ``is_path``: it wants more room
    than others, and keeps its end where it is cut.
    """

    key: str
    most: int = 0
    right: bool = False
    is_spare: bool = False
    is_path: bool = False


class Record(NamedTuple):
    """A row of a table: a text and a datum for each column; ``identity`` stays while its figures change."""

    identity: object
    cells: tuple[str, ...]
    values: tuple[object, ...]
    role: str = " "
    link: Link | None = None


class Table(NamedTuple):
    """Rows of a section; ``total`` is how many there are where not all are given, ``first`` the number of the first.

    ``data`` is what JSON has where a row is but a line of something, None for the rows' values.  ``copies`` is the
    column whose cell is copied, "" for all of a row.
    """

    columns: tuple[Column, ...]
    records: Sequence[Record]
    total: int | None = None
    first: int = 0
    empty: str = "none"
    data: Sequence[object] | None = None
    copies: str = ""

    @property
    def is_part(self) -> bool:
        """Whether there are more rows than are given."""
        return bool(self.first) or self.has_next

    @property
    def has_next(self) -> bool:
        """Whether there are rows behind those that are given."""
        return self.total is not None and self.first + len(self.records) < self.total


class Section(NamedTuple):
    """A part of a sheet: entries, below them a table, below that words."""

    key: str
    title: str
    entries: tuple[Entry, ...] = ()
    table: Table | None = None
    notes: tuple[str, ...] = ()


class Sheet(NamedTuple):
    """All that a pane says; ``denials`` are what could not be read, with the rule and the least that would lift it."""

    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    denials: tuple[Denial, ...] = ()


class Subject(NamedTuple):
    """What a sheet is made of: the process's row, the facts that were read for the pane (None: none yet).

    ``tid`` is the thread that is looked at, 0 for none; ``part`` and ``wants`` are as in Asked;
    ``history`` None in headless output.
    """

    snapshot: Snapshot
    process: ProcessRow
    facts: object
    tid: int = 0
    part: int = 0
    wants: frozenset[str] = frozenset()
    history: History | None = None


class Request(NamedTuple):
    """What a key of a pane asks for: its name in Asked.wants, and in words before and after."""

    key: str
    name: str
    label: str
    help: str


class Kind(NamedTuple):
    """A pane that is a sheet: its name in --pane, its tab, the page that explains, its terms by key, its requests.

    ``has_facts``: something is read for it alone (inside.READERS); ``needs`` of rows is as in
    interest.Interest; ``is_wide``: it shows other processes, too.
    """

    name: str
    title: str
    page: str
    make: Callable[[Subject], Sheet]
    terms: dict[str, Term]
    requests: tuple[Request, ...] = ()
    has_facts: bool = True
    needs: frozenset[str] = frozenset()
    is_wide: bool = False


def by_key(*terms: Term) -> dict[str, Term]:
    """Terms by their keys."""
    return {term.key: term for term in terms}


NOT_YET: Final = Sheet((), ("is read with the next refresh",))
"""Before the facts of a pane have come."""
NEVER: Final = Sheet((), ("was not opened while the process was there: nothing of it was read",))
"""They cannot come any more."""
