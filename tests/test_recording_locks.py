"""Two programs at one recording: who reads never holds up who writes, and what other tools do to a file is harmless."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from recorded import change, count, error_of, script
from threadtop.errors import RecordingError
from threadtop.recording.reader import Recording
from threadtop.recording.ring import Ring
from threadtop.recording.writer import Writer, created

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.moment import Moment


def begun(tmp_path: Path) -> tuple[list[Moment], Path, Writer]:
    """The script, and a recording of its first moment that goes on."""
    moments, path = script(), tmp_path / "a"
    out = Writer(created(path), path)
    out.add(moments[0])
    return moments, path, out


def reading(path: Path) -> sqlite3.Connection:
    """Another program that keeps the file locked, as it has begun to read."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM ticks").fetchone() == (1,)
    return other


def test_who_reads_does_not_hold_up_who_writes(tmp_path: Path) -> None:
    """A replay that is paused in the middle of a file keeps no lock: each tick is written at once."""
    moments, path = script(), tmp_path / "a"
    out = Writer(created(path), path)
    for moment in moments[:8]:
        out.add(moment)
    recording = Recording(path)
    paused = recording.moments(0, 8)
    next(paused)
    for number, moment in enumerate(moments[8:], start=9):
        out.add(moment)
        assert count(path) == number
    assert len(list(paused)) == 7
    recording.close()
    out.close()


def test_a_lock_without_an_end_does_not_end_a_recording(tmp_path: Path) -> None:
    """Another program reads for minutes: ticks are held up in memory, and all are written once it lets go."""
    moments, path, out = begun(tmp_path)
    other = reading(path)
    for moment in moments[1:5]:
        out.add(moment)
    assert other.execute("SELECT count(*) FROM ticks").fetchone() == (1,)
    other.execute("COMMIT")
    for moment in moments[5:]:
        out.add(moment)
    assert out.ticks == len(moments)
    assert other.execute("SELECT count(*) FROM ticks").fetchone() == (len(moments),)
    other.close()
    out.close()
    recording = Recording(path)
    assert [moment.sample.processes for moment in recording.moments(0, len(moments))] == [
        moment.sample.processes for moment in moments
    ]
    recording.close()


def test_ticks_that_are_held_up_are_written_at_the_end(tmp_path: Path) -> None:
    """The reader lets go just before the recording ends: closing writes what is left."""
    moments, path, out = begun(tmp_path)
    other = reading(path)
    out.add(moments[1])
    other.close()
    out.close()
    assert count(path) == 2


def test_a_writer_tells_a_lock_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that writes, or one that reads for longer than ticks can be kept: an error that says so."""
    monkeypatch.setattr("threadtop.recording.commits.MOST_HELD", 2)
    monkeypatch.setattr("threadtop.recording.commits.BEGIN_TRIES", 2)
    moments, path, out = begun(tmp_path)
    other = reading(path)
    out.add(moments[1])
    out.add(moments[2])
    with pytest.raises(RecordingError, match=r"another program keeps .* locked: what was recorded before is kept"):
        out.add(moments[3])
    assert out.ticks == 1
    other.execute("COMMIT")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordingError, match=r"another program keeps .* locked: what was recorded before is kept"):
        out.add(moments[4])
    other.close()
    out.add(moments[5])
    out.close()
    assert count(path) == 2
    assert error_of(path) == ""


def test_other_tools_may_tidy_a_recording(tmp_path: Path) -> None:
    """VACUUM, and a dump read in again, number rows anew where they may: a recording reads as before."""
    ring = Ring(kept_s=4.0)
    ring._writer.key_ticks = 3
    for moment in script():
        ring.add(moment)
    out = ring.saved(tmp_path / "a")
    out.close()
    before = _samples(tmp_path / "a")
    change(tmp_path / "a", "VACUUM")
    assert _samples(tmp_path / "a") == before
    source, target = sqlite3.connect(tmp_path / "a"), sqlite3.connect(tmp_path / "b")
    target.executescript("\n".join(source.iterdump()))
    for name in ("application_id", "user_version"):
        target.execute(f"PRAGMA {name} = {source.execute(f'PRAGMA {name}').fetchone()[0]}")
    source.close()
    target.close()
    assert _samples(tmp_path / "b") == before


def _samples(path: Path) -> list[object]:
    recording = Recording(path)
    found: list[object] = [moment.sample for moment in recording.moments(0, len(recording.ticks))]
    recording.close()
    assert len(found) > 3
    return found
