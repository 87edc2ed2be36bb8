"""Inside: what one process is made of, for the pane that shows it; read only while that pane is open.

A pane's facts are read by a ``FactsReader`` of its own, one file for each.  What may not be read is None, and
``Access`` notes which rule denied it and the least that would lift it.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol

from threadtop.errors import GoneError
from threadtop.inside.asked import Asked as Asked
from threadtop.inside.asked import Found as Found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample


class FactsReader(Protocol):
    """Reads the facts of one kind of pane; keeps between two readings what spares work."""

    def read(self, asked: Asked, sample: Sample) -> object:
        """The facts as they are now; raises GoneError once the process has ended."""

    def close(self) -> None:
        """Give back what it holds."""


def _made(name: str, kind: str, reader: ProcReader) -> FactsReader:
    """The reader of a pane, imported as it is first opened: most runs open none, and its readers take a while."""
    made: FactsReader = getattr(import_module(f"{__name__}.{name}"), kind)(reader)
    return made


READERS: Final[Mapping[str, Callable[[ProcReader], FactsReader]]] = {
    name: partial(_made, name, kind)
    for name, kind in {
        "children": "ChildrenReader",
        "environment": "EnvironmentReader",
        "files": "FilesReader",
        "memory": "MemoryReader",
        "overview": "OverviewReader",
        "protection": "ProtectionReader",
        "signals": "SignalReader",
        "thread": "ThreadReader",
    }.items()
}
"""By the name of a pane; one that is made of rows alone has none."""


class InsideReader:
    """Reads what the open pane asks for, and nothing while none does."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``, which is this one's own."""
        self._reader = reader
        self._readers: dict[str, FactsReader] = {}

    def read(self, asked: Asked | None, sample: Sample) -> Found | None:
        """What was asked for; None where nothing was, or the process is not there (any more)."""
        if asked is None:
            self.close()  # nothing is kept for a pane that is not shown
            return None
        process = sample.processes.get(asked.pid)
        if asked.pane not in READERS or process is None:
            return None
        for name in self._readers.keys() - {asked.pane}:
            self._readers.pop(name).close()
        kept = self._readers.get(asked.pane)
        if kept is None:
            kept = self._readers[asked.pane] = READERS[asked.pane](self._reader)
        try:
            return Found(asked, process.start_ticks, kept.read(asked, sample))
        except GoneError:
            return None

    def take_reads(self) -> Mapping[str, int]:
        """What was read since the last call, by file name."""
        reads = dict(self._reader.reads)
        self._reader.reads.clear()
        return reads

    def close(self) -> None:
        """Give back what the readers hold."""
        for kept in self._readers.values():
            kept.close()
        self._readers.clear()
