"""Recordings made in a test, of samples that were made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop.moment import Moment
from threadtop.recording import writer

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.sample import Sample
    from threadtop.snapshot import Finding


def recorded(path: Path, *samples: Sample, findings: tuple[tuple[Finding, ...], ...] = ()) -> Path:
    """A recording of these samples at ``path``, with what was found in each."""
    out = writer.Writer(writer.created(path), path)
    for index, sample in enumerate(samples):
        out.add(Moment(sample, {}, findings[index] if index < len(findings) else ()))
    out.close()
    return path
