"""The mappings of a process as they are read and summed up, a bit in each reading: those of thousands take a few."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.inside import mapped
from threadtop.procfs import maps

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from threadtop.inside.mapped import FileSum, KindSum, Placed
    from threadtop.inside.slices import Slices, Turn
    from threadtop.procfs.maps import Mapping as Mapped
    from threadtop.procfs.smaps import Usage

MOST_MAPS: Final = 262_144  # four times what the kernel allows unless it was told otherwise
PAGE: Final = 500  # mappings, and files, of one part
_REST: Final = 10  # times as long as a listing took, the next one waits
_SHORT_S: Final = 0.005  # sums that take no longer are made anew at each reading


class Listed(NamedTuple):
    """The mappings as ``maps`` had them: sums, and the part that was asked for.

    ``first`` is the number of the first of ``part`` among ``maps`` mappings, ``first_file`` that of ``files``;
    ``is_cut``: there are more than could be read.
    """

    maps: int
    kinds: tuple[KindSum, ...]
    files: tuple[FileSum, ...]
    files_in_all: int
    first_file: int
    part: tuple[Placed, ...]
    first: int
    is_cut: bool


class _Sums(NamedTuple):
    """The mappings by address and largest first, and their sums; ``of`` and ``usages`` are what they were made of."""

    of: tuple[Sequence[Mapped], Mapping[int, int]]
    usages: Mapping[int, Usage] | None
    placed: list[Placed]
    largest: list[Placed]
    kinds: tuple[KindSum, ...]
    files: list[FileSum]
    is_cut: bool


class Listing:
    """``maps`` as read last, and as it is being read; lines that are known are not parsed again."""

    def __init__(self, stack_sizes: frozenset[int]) -> None:
        """``stack_sizes`` are those that a thread's stack may well have, in bytes."""
        self.maps: list[Mapped] | None = None
        self._stack_sizes = stack_sizes
        self._coming: list[Mapped] = []
        self._cut_line = b""
        self._slices: Slices | None = None
        self._by_line: dict[bytes, Mapped] = {}
        self._coming_by_line: dict[bytes, Mapped] = {}
        self._due_s = 0.0
        self._is_cut = False
        self._sums: _Sums | None = None
        self._measured: _Sums | None = None
        self._summing: Generator[None, None, _Sums] | None = None
        self._had_all = False  # the pointers of all threads that told theirs when they were asked first
        self._rested_s = 0.0
        self._spent_s = 0.0  # on the sums that are being made

    @property
    def count(self) -> int:
        """How many mappings have been read so far."""
        return len(self._coming if self._slices is not None else self.maps or ())

    @property
    def is_listed(self) -> bool:
        """Whether there is something to hand on."""
        return self._sums is not None

    @property
    def is_summing(self) -> bool:
        """Whether the next step will bring more."""
        return self._summing is not None

    def is_due(self) -> bool:
        """Whether the next reading may begin."""
        return self._slices is None and self._summing is None and time.monotonic() >= self._due_s

    def begin(self, opened: Slices) -> None:
        """Read anew."""
        self._slices = opened
        self._coming, self._cut_line = [], b""
        self._coming_by_line = {}

    def read(self, turn: Turn) -> None:
        """Go on with ``maps``; raises GoneError."""
        slices = self._slices
        if slices is None:
            return
        known, coming, by_line = self._by_line, self._coming, self._coming_by_line
        for piece in slices.pieces(turn):
            *lines, self._cut_line = (self._cut_line + piece).split(b"\n")
            for line in lines:
                one = known.get(line) or maps.parse_line(line)
                if one is not None:
                    coming.append(one)
                    by_line[line] = one
            if len(coming) >= MOST_MAPS:
                slices.close()
        if slices.is_done:
            self._is_cut = len(coming) >= MOST_MAPS
            self._by_line = by_line
            self._due_s = time.monotonic() + _REST * slices.spent_s
            self._slices = None
            if coming != self.maps:
                self.maps = coming
            self._coming, self._coming_by_line = [], {}

    def sum_up(
        self, turn: Turn, pointers: Mapping[int, int], usages: Mapping[int, Usage] | None, *, are_all: bool
    ) -> None:
        """Go on with the sums, if they are not those of what is known now.

        ``pointers`` are stack pointers by tid; while there are more to come, not ``are_all``, it waits for them.
        """
        if usages is None:
            self._measured = None
        if self._summing is None:
            self._summing, self._spent_s = self._due(pointers, usages, are_all=are_all), 0.0
        begun_s = time.monotonic()
        while self._summing is not None:
            try:
                next(self._summing)
            except StopIteration as done:
                self._summing = None
                self._take(done.value, usages)
            if turn.is_over():
                break
        self._spent_s += time.monotonic() - begun_s
        if self._spent_s > _SHORT_S:
            self._rested_s = time.monotonic() + _REST * self._spent_s
            self._due_s = max(self._due_s, self._rested_s)

    def _take(self, made: _Sums, usages: Mapping[int, Usage] | None) -> None:
        if made.usages is None:
            self._sums = made
        elif made.usages is usages:
            self._measured = made

    def _due(
        self, pointers: Mapping[int, int], usages: Mapping[int, Usage] | None, *, are_all: bool
    ) -> Generator[None, None, _Sums] | None:
        """The sums that are to be made now."""
        if self.maps is None:
            return None
        sums, measured = self._sums, self._measured
        if sums is None or sums.of[0] is not self.maps or self._wants_pointers(sums, pointers, are_all=are_all):
            self._had_all = are_all
            return self._made(self.maps, pointers, None, None)
        if usages is not None and (
            measured is None or measured.usages is not usages or measured.placed is not sums.placed
        ):
            return self._made(*sums.of, sums.placed, usages)
        return None

    def _wants_pointers(self, sums: _Sums, pointers: Mapping[int, int], *, are_all: bool) -> bool:
        """Whether stacks are told anew, for pointers have come or gone."""
        return are_all and sums.of[1] != pointers and (not self._had_all or time.monotonic() >= self._rested_s)

    def _made(
        self,
        listed: Sequence[Mapped],
        pointers: Mapping[int, int],
        placed: list[Placed] | None,
        usages: Mapping[int, Usage] | None,
    ) -> Generator[None, None, _Sums]:
        """The sums, a bit at each step."""
        is_cut = self._is_cut
        if placed is None:
            placed = []
            yield from mapped.placing(listed, pointers, self._stack_sizes, placed)
        kinds = tuple(mapped.by_kind(placed, usages))
        yield
        files = mapped.by_file(placed, usages)
        yield
        largest = mapped.largest_first(placed, usages)
        return _Sums((listed, pointers), usages, placed, largest, kinds, files, is_cut)

    def told(self, part: int, *, by_address: bool) -> Listed | None:
        """What is handed on, with what was measured once that is summed up; None before anything is."""
        sums = self._measured or self._sums
        if sums is None:
            return None
        ordered = sums.placed if by_address else sums.largest
        first, first_file = _first(part, len(ordered)), _first(part, len(sums.files))
        return Listed(
            maps=len(ordered),
            kinds=sums.kinds,
            files=tuple(sums.files[first_file : first_file + PAGE]),
            files_in_all=len(sums.files),
            first_file=first_file,
            part=tuple(ordered[first : first + PAGE]),
            first=first,
            is_cut=sums.is_cut,
        )

    def has_measured(self, usages: Mapping[int, Usage]) -> bool:
        """Whether what was measured so is summed up."""
        return self._measured is not None and self._measured.usages is usages

    def close(self) -> None:
        """Read no further."""
        if self._slices is not None:
            self._slices.close()
            self._slices = None


def _first(part: int, count: int) -> int:
    """The number of the first of a part; the last part there is for one beyond."""
    return min(part, max(0, count - 1) // PAGE) * PAGE
