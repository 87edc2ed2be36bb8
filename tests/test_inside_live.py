"""Readers of open panes on our own process: bounded, in parts and slices, and no more read than is shown."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from threadtop.errors import GoneError
from threadtop.inside import READERS, Asked, InsideReader, census, files, holders, overview
from threadtop.procfs.reader import ProcReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.sample import Sample

pytestmark = pytest.mark.live
ME = os.getpid()


def shot(*tids: int, at_s: float = 1.0) -> Sample:
    """A pass that saw our process with these threads."""
    threads = (thread_sample(tid) for tid in (ME, *tids))
    return sample(at_s, process_sample(ME, *threads, uid=os.geteuid(), start_ticks=7, name="me"))


@pytest.fixture
def reader() -> ProcReader:
    """The real /proc."""
    return ProcReader(descriptors=64)


@pytest.fixture
def many() -> Iterator[list[int]]:
    """1,200 more descriptors."""
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1200)]
    yield opened
    for fd in opened:
        os.close(fd)


def test_descriptors_come_in_parts(reader: ProcReader, many: list[int]) -> None:
    """So many at a time, all in turn, none twice, and what is read is bounded by what is shown."""
    made = files.FilesReader(reader)
    seen: list[int] = []
    parts = -(-len(os.listdir("/proc/self/fd")) // files.PAGE)  # of all that the tests before it left open, too
    for part in range(parts):
        reader.reads.clear()
        facts = made.read(Asked("files", ME, part=part), shot())
        assert (facts.first, len(facts.page) <= files.PAGE) == (part * files.PAGE, True)
        # And of those that are counted the first with each path.
        assert reader.reads["fdinfo"] <= files.PAGE + census.MOST_INODES
        # A link each, those that are counted, and some more where an end is looked for.
        most_links = files.PAGE + census.MOST_LINKS + holders.FIRST_LINKS + holders.MOST_OF_ONE
        assert reader.reads["fd"] <= most_links
        seen += [one.fd for one in facts.page]
    assert set(many) <= set(seen)
    assert len(seen) == len(set(seen))
    assert facts.open_count is not None
    assert facts.open_count >= 1200
    assert made.read(Asked("files", ME, part=99), shot()).first == (parts - 1) * files.PAGE
    made.close()


def test_threads_that_come_and_go_are_counted(reader: ProcReader) -> None:
    """Between readings: how many began, how many ended, the most at once."""
    made = overview.OverviewReader(reader)
    for at_s, tids in ((1.0, (1, 2)), (2.0, (2, 3, 4)), (3.0, (4,))):  # added to ours, which is small in a container
        coming = made.read(Asked("overview", ME), shot(*(ME + tid for tid in tids), at_s=at_s)).coming
    assert coming == overview.Coming(peak=4, created=2, ended=3, seconds=2.0)


@pytest.mark.parametrize("name", READERS)
def test_a_process_that_has_ended(name: str, reader: ProcReader) -> None:
    """Whatever pane is open: it has nothing to say of a process that is not there."""
    gone = os.fork()
    if not gone:
        os._exit(0)
    os.waitpid(gone, 0)
    there = process_sample(gone, thread_sample(gone), uid=os.geteuid())
    found = InsideReader(reader).read(Asked(name, gone, gone), sample(1.0, there))
    assert found is None or name == "children"  # of which the family may be told still


def test_a_thread_that_has_ended(reader: ProcReader) -> None:
    """Its pane raises what the feed expects."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    tid = thread.native_id or 0
    thread.join()
    made = READERS["thread"](reader)
    while tid in reader.tids(ME):  # join() returns a moment before the kernel's thread has gone
        os.sched_yield()
    with pytest.raises(GoneError):
        made.read(Asked("thread", ME, tid), shot())
