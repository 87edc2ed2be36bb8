"""The last minutes in memory: bounded in time and room, kept as a file later, and what happens to that file."""

from __future__ import annotations

import sqlite3
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from recorded import error_of, finding, script
from threadtop.errors import RecordingError
from threadtop.moment import Moment
from threadtop.recording.reader import Recording
from threadtop.recording.ring import PARTS, Recorder, Ring

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def busy(ticks: int, threads: int = 20, *, odd_s: float = 1.0) -> list[Moment]:
    """A process whose threads all run in each tick; one of them is another each time."""
    moments = []
    for tick in range(ticks):
        at_ns = round(tick * odd_s * 1e9)
        ran = [thread_sample(100 + tid, run_ns=tick * 10**6 + tid, at_ns=at_ns) for tid in range(threads)]
        ran.append(thread_sample(100_000 + tick, start_ticks=tick))
        moments.append(Moment(sample(tick * odd_s, process_sample(100, *ran, at_ns=at_ns, cpu_ns=tick)), {}, ()))
    return moments


def quick(ring: Ring) -> Ring:
    """A key tick every third, so that few ticks show what many would."""
    ring._writer.key_ticks = 3
    return ring


def samples(path: Path) -> list[object]:
    """The moments of a file, but for whom users are, which a file knows from its start."""
    recording = Recording(path)
    found = [
        moment._replace(sample=moment.sample._replace(users={}))
        for moment in recording.moments(0, len(recording.ticks))
    ]
    recording.close()
    return list(found)


def plain(moments: Sequence[Moment]) -> list[object]:
    """The same of those that were written."""
    return [moment._replace(sample=moment.sample._replace(users={})) for moment in moments]


# -- what it holds -----------------------------------------------------------------------------


def test_it_reaches_back_as_far_as_asked() -> None:
    """At least so many seconds, and less than two parts more: parts are let go whole, as new ones begin."""
    ring = quick(Ring(kept_s=10.0))
    assert ring.span_s == 0.0
    for tick, moment in enumerate(busy(50)):
        ring.add(moment)
        assert min(tick, 10) <= ring.span_s < min(tick + 1, 10 + 2 * 3)


def test_it_takes_no_more_room_than_asked() -> None:
    """However much happens: about so many bytes, and still the newest ticks, whatever the time they span."""
    ring = Ring(kept_s=3600.0, most_bytes=400_000)
    for moment in busy(300, threads=60):
        ring.add(moment)
        assert ring.size_bytes <= 400_000 * (1 + 1 / PARTS)
    assert 20 < ring.span_s < 299
    assert ring.size_bytes > 200_000


def test_nothing_is_kept_of_what_was_let_go() -> None:
    """Names of threads that ended long ago leave with their ticks, and the writer forgets them."""
    ring = quick(Ring(kept_s=10.0))
    for moment in busy(200):
        ring.add(moment)
    (threads,) = ring._connection.execute("SELECT count(*) FROM threads").fetchone()
    (first,) = ring._connection.execute("SELECT min(tick) FROM ticks").fetchone()
    assert threads <= 20 + 14
    assert first >= 200 - 14
    assert len(ring._writer._thread_ids) <= 20 + 14


# -- kept as a file ----------------------------------------------------------------------------


@pytest.mark.parametrize("kept_s", [3.0, 100.0], ids=["its end", "all of it"])
def test_a_saved_file_holds_the_last_ticks_and_goes_on(tmp_path: Path, kept_s: float) -> None:
    """What the ring held, then what is added: the same moments, with a key tick where it goes on."""
    moments = script()
    ring = quick(Ring(kept_s=kept_s))
    for moment in moments[:11]:
        ring.add(moment)
    out = ring.saved(tmp_path / "a")
    out.key_ticks = 3
    for moment in moments[11:]:
        out.add(moment)
    out.close()
    found = samples(tmp_path / "a")
    assert found == plain(moments[-len(found) :])
    assert len(found) == (16 if kept_s == 100.0 else 3 + 3 + 5 - 1)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert error_of(tmp_path / "a", seeks=range(len(found))) == ""


def test_what_is_added_to_a_file_is_no_more_in_the_ring_and_the_other_way(tmp_path: Path) -> None:
    """Two files of one ring do not know of each other."""
    moments = busy(9)
    ring = quick(Ring())
    for moment in moments[:5]:
        ring.add(moment)
    first = ring.saved(tmp_path / "a")
    first.add(moments[8])
    ring.add(moments[5])
    second = ring.saved(tmp_path / "b")
    first.close()
    second.close()
    assert samples(tmp_path / "a") == plain([*moments[:5], moments[8]])
    assert samples(tmp_path / "b") == plain(moments[:6])


def test_an_empty_ring_can_be_saved(tmp_path: Path) -> None:
    """Recording that begins before the first pass: the file begins with that."""
    out = Ring().saved(tmp_path / "a")
    for moment in script()[:2]:
        out.add(moment)
    out.close()
    assert samples(tmp_path / "a") == plain(script()[:2])
    recording = Recording(tmp_path / "a")
    assert recording.meta["hostname"] == "box"
    recording.close()


def test_findings_that_come_again_after_a_long_time_have_their_words(tmp_path: Path) -> None:
    """Their explanation was let go with the ticks that had it: it is written anew."""
    ring = quick(Ring(kept_s=6.0))
    moments = [
        moment._replace(findings=(finding("gil-bound", 100),) if tick in (0, 1, 25) else ())
        for tick, moment in enumerate(busy(28))
    ]
    for moment in moments:
        ring.add(moment)
    ring.saved(tmp_path / "a").close()
    found = samples(tmp_path / "a")
    assert found == plain(moments[-len(found) :])


# -- the recorder of a screen ------------------------------------------------------------------


def test_recording_begins_after_the_fact_and_ends(tmp_path: Path) -> None:
    """The file begins with what the ring held; after its end the ring goes on alone."""
    moments = busy(9)
    recorder = Recorder()
    for moment in moments[:3]:
        recorder.keep(moment)
    assert recorder.status[:3] == ("", 0.0, 0)
    recorder.begin(tmp_path / "a")
    recorder.keep(moments[3])
    status = recorder.status
    assert status.path == str(tmp_path / "a")
    assert status.began_s == moments[2].sample.time
    assert status.size_bytes == (tmp_path / "a").stat().st_size > 10_000
    assert status.ring_s == 3.0
    assert status.ring_bytes > 10_000
    recorder.end()
    recorder.keep(moments[4])
    assert (recorder.status.path, recorder.status.ring_s) == ("", 4.0)
    assert samples(tmp_path / "a") == plain(moments[:4])
    recorder.end()


def test_a_file_that_cannot_be_made_does_not_end_the_one_before(tmp_path: Path) -> None:
    """The name is taken: the error says so, and what is being recorded goes on."""
    moments = busy(4)
    recorder = Recorder()
    recorder.begin(tmp_path / "a")
    recorder.keep(moments[0])
    with pytest.raises(RecordingError, match="is there already"):
        recorder.begin(tmp_path / "a")
    recorder.keep(moments[1])
    recorder.begin(tmp_path / "b")
    recorder.keep(moments[2])
    recorder.end()
    assert samples(tmp_path / "a") == plain(moments[:2])
    assert samples(tmp_path / "b") == plain(moments[:3])


def test_a_file_that_fails_ends_and_the_ring_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: why is said once, what was written reads well, and another file can be begun."""
    moments = busy(9)
    recorder = Recorder()
    recorder.begin(tmp_path / "a")
    recorder.keep(moments[0])
    recorder.keep(moments[1])
    assert recorder._writer is not None

    def full() -> bool:
        message = "database or disk is full"
        raise sqlite3.OperationalError(message)

    monkeypatch.setattr(recorder._writer._commits, "end", full)
    recorder.keep(moments[2])
    assert "the disk is full: what was recorded before is kept" in str(recorder.failure)
    recorder.keep(moments[3])
    assert (recorder.status.path, recorder.status.ring_s) == ("", 3.0)
    assert samples(tmp_path / "a") == plain(moments[:2])
    recorder.begin(tmp_path / "b")
    assert recorder.failure is None
    recorder.end()
    assert samples(tmp_path / "b") == plain(moments[:4])


def test_a_file_may_be_begun_and_ended_by_another_thread(tmp_path: Path) -> None:
    """The screen saves while the reading thread records: each file has every tick from its first to its last."""
    moments = busy(250, threads=5)
    recorder = Recorder()
    failures: list[BaseException] = []

    def record() -> None:
        try:
            for moment in moments:
                recorder.keep(moment)
        except BaseException as error:  # noqa: BLE001 shown below: a thread's own would be lost
            failures.append(error)

    reading = threading.Thread(target=record)
    reading.start()
    files = []
    while reading.is_alive() or len(files) < 3:
        files.append(tmp_path / str(len(files)))
        recorder.begin(files[-1])
        assert recorder.status.path == str(files[-1])
        reading.join(0.02)
        recorder.end()
    reading.join()
    assert not failures
    assert recorder.failure is None
    known = plain(moments)
    for file in files:
        if error_of(file, seeks=()).endswith("holds no tick; it ended before its first pass was over; record again"):
            continue
        found = samples(file)
        first = known.index(found[0])
        assert found == known[first : first + len(found)]
    assert samples(files[-1]) == known
