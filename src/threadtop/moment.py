"""A moment: one sample with all that a snapshot of it is made of, as recordings keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.sample import Sample
    from threadtop.snapshot import Finding


class Moment(NamedTuple):
    """``gils`` are the address ranges of GILs by pid, ``findings`` what was found in the snapshot of ``sample``."""

    sample: Sample
    gils: Mapping[int, Sequence[tuple[int, int]]]
    findings: tuple[Finding, ...]
