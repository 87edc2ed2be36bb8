"""The environment a program was started with, and its limits with what is used of them (proc(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.inside.access import opened
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.inside.access import Access
    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

MOST_BYTES: Final = 1 << 20  # of an environment


class EnvironmentFacts(NamedTuple):
    """``variables`` as (name, value) in the order of the process's memory, None where they may not be read.

    ``is_cut``: there were more than MOST_BYTES; ``is_overwritten``: the program has written something else there.
    ``limits`` as in parse.parse_limits, ``status`` as in parse_status.  ``descriptors`` is how
    many are open, ``user_threads`` how many threads the process's user has in all (of those that are in sight); None
    not known.
    """

    variables: tuple[tuple[str, str], ...] | None
    is_cut: bool
    is_overwritten: bool
    limits: Mapping[str, tuple[str, str, str]]
    status: Mapping[str, str]
    descriptors: int | None
    user_threads: int | None
    denials: tuple[Denial, ...]


class EnvironmentReader:
    """Reads ``environ``, ``limits`` and ``status``."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader

    def read(self, asked: Asked, sample: Sample) -> EnvironmentFacts:
        """The environment and limits; raises GoneError."""
        process = sample.processes[asked.pid]
        access, status = opened(self._reader, asked, sample)
        raw = access.attempt("environ", lambda: self._reader.read_most(access.where, "environ", MOST_BYTES + 1))
        is_cut = raw is not None and len(raw) > MOST_BYTES
        whole = (raw or b"")[:MOST_BYTES]
        variables, is_overwritten = parse_environment(whole.rpartition(b"\0")[0] if is_cut else whole)
        same_user = [one for one in sample.processes.values() if one.uid == process.uid]
        return EnvironmentFacts(
            variables=None if raw is None else tuple(variables),
            is_cut=is_cut,
            is_overwritten=is_overwritten,
            limits=access.parsed("limits", parse.parse_limits) or {},
            status=status,
            descriptors=self._descriptors(access),
            user_threads=sum(len(one.threads) for one in same_user) if sample.is_whole else None,
            denials=tuple(access.denials.values()),
        )

    def _descriptors(self, access: Access) -> int | None:
        """How many are open; where only their owner may list them, how many numbers are taken."""
        taken = access.attempt("fd size", lambda: self._reader.descriptors_taken(access.where) or 0)
        return taken or access.attempt("fd", lambda: self._reader.descriptor_count(access.where))

    def close(self) -> None:
        """Nothing is kept."""


def parse_environment(raw: bytes) -> tuple[list[tuple[str, str]], bool]:
    """``environ``: ``NAME=value`` ended by NULs, and whether there is something else.

    The memory is the program's: a title that is longer than its command line goes on there, and NULs fill the rest.
    """
    pieces = parse.decode(raw).removesuffix("\0").split("\0") if raw else []
    pairs = [(name, value) for name, equals, value in (piece.partition("=") for piece in pieces) if name and equals]
    return pairs, len(pairs) < len(pieces)
