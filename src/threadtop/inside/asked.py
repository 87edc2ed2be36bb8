"""What the open pane asks for, and what is found."""

from __future__ import annotations

from typing import NamedTuple


class Asked(NamedTuple):
    """A pane of a process: its name, the process, the thread (0: none), what its reader asked for besides.

    ``part`` counts pages of what is too long to be read at once, from 0; ``wants`` are the names of costly or
    private things that were asked for by a key (sheets.sheet.Request).
    """

    pane: str
    pid: int
    tid: int = 0
    part: int = 0
    wants: frozenset[str] = frozenset()


class Found(NamedTuple):
    """The facts of a pane as its reader gave them, and of whom: a pid may be used again."""

    asked: Asked
    start_ticks: int
    facts: object


class Denial(NamedTuple):
    """What may not be read, by which rule, and the least that would lift it; ``remedy`` "" where nothing would."""

    what: str
    rule: str
    remedy: str = ""
