"""The reader of the Memory pane: in slices, smaps on request only, what is denied, gone or replaced."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from fakeproc import FakeProc, FakeReader
from threadtop.errors import DeniedError, GoneError
from threadtop.inside import Asked, listing, mapped, memory
from threadtop.inside.memory import BY_ADDRESS, SMAPS, MemoryFacts, MemoryReader

if TYPE_CHECKING:
    from pathlib import Path

PID = 500
BASE = 0x7F0000001000
SIZE = 0x2000
MANY = 4000  # mappings: several reads of 64 KiB
MAPS = b"%x-%x rw-p 00000000 00:00 0 \n"
SMAPS_BLOCK = MAPS + b"Rss:                   8 kB\nPss:                   4 kB\nPrivate_Dirty:         4 kB\n"
ROLLUP = b"1000-2000 ---p 00000000 00:00 0 [rollup]\nPss: 16000 kB\nPrivate_Clean: 1 kB\n"


class Scene:
    """A process with so many mappings, read by a reader of the pane."""

    def __init__(self, proc: FakeProc, threads: int = 3) -> None:
        """Its files are in place, a few mappings."""
        self.proc = proc
        proc.process(PID, threads=threads, uid=os.geteuid())
        for tid in range(PID, PID + threads):
            self.write("status", b"Name:\tfake\nVmSize:\t9000 kB\nVmRSS:\t800 kB\n", tid)
        self.write("limits", b"", None)
        self.map(3)
        self.files: FakeReader = proc.reader()
        self.reader = MemoryReader(self.files)
        self.state = "S"
        self.threads = threads

    def write(self, name: str, raw: bytes, tid: int | None = PID) -> None:
        """A file of the process, or of one of its threads."""
        folder = f"{self.proc.root}/{PID}" + (f"/task/{tid}" if tid is not None else "")
        with open(f"{folder}/{name}", "wb") as file:
            file.write(raw)

    def map(self, count: int, tid: int = PID) -> None:
        """So many mappings, every other page."""
        starts = range(BASE, BASE + count * 2 * SIZE, 2 * SIZE)
        self.write("maps", b"".join(MAPS % (start, start + SIZE) for start in starts), tid)
        self.write("smaps", b"".join(SMAPS_BLOCK % (start, start + SIZE) for start in starts), tid)
        self.write("smaps_rollup", ROLLUP, tid)

    def read(self, *wants: str, part: int = 0) -> MemoryFacts:
        """The facts as the pane would get them."""
        threads = [
            thread_sample(tid, start_ticks=tid, state=self.state if tid == PID else "S")
            for tid in range(PID, PID + self.threads)
        ]
        process = process_sample(PID, *threads, uid=os.geteuid(), start_ticks=77)._replace(state=self.state)
        return self.reader.read(Asked("memory", PID, part=part, wants=frozenset(wants)), sample(0.0, process))

    def read_to_end(self, *wants: str) -> list[MemoryFacts]:
        """All readings until there is no more to come."""
        told = [self.read(*wants)]
        while told[-1].is_pending:
            told.append(self.read(*wants))
            assert len(told) < 1000
        return told

    @property
    def smaps_reads(self) -> int:
        """How often smaps was read from."""
        return self.files.reads["smaps"]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A process of three threads."""
    return Scene(FakeProc(tmp_path, monkeypatch))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading may take one piece only."""
    monkeypatch.setattr(memory, "BUDGET_S", 0.0)


def test_a_small_process_is_read_at_once(scene: Scene) -> None:
    """Its mappings are there with the first reading, and smaps was not touched."""
    facts = scene.read()
    assert facts.listed is not None
    assert (facts.listed.maps, [one.size_bytes for one in facts.listed.kinds]) == (3, [3 * SIZE])
    assert not facts.is_pending
    assert facts.measured is None
    assert not any("smaps" in path for path in scene.files.paths)


@pytest.mark.usefixtures("hasty")
def test_many_mappings_come_in_slices(scene: Scene) -> None:
    """Each reading goes on where the last one ended, and says how many there are so far."""
    scene.map(MANY)
    told = scene.read_to_end()
    coming = [one.coming for one in told[:-1]]
    assert len(coming) >= 2
    assert coming == sorted(coming)
    assert all(one.listed is None for one in told[:-1])
    last = told[-1].listed
    assert last is not None
    assert (last.maps, last.is_cut, len(last.part)) == (MANY, False, listing.PAGE)


def test_too_many_mappings_are_cut(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound nothing more is read, and that is said."""
    monkeypatch.setattr(listing, "MOST_MAPS", 100)
    scene.map(MANY)
    listed = scene.read().listed
    assert listed is not None
    assert listed.is_cut
    assert 100 <= listed.maps < MANY
    assert scene.files.kept == 0


def test_parts(scene: Scene) -> None:
    """The part that was asked for; beyond the last one that is the last one."""
    scene.map(1200)
    firsts = []
    for part in (0, 1, 2, 9):
        listed = scene.read(BY_ADDRESS, part=part).listed
        assert listed is not None
        firsts.append((listed.first, len(listed.part), listed.part[0].map.start))
    step = 2 * SIZE
    assert firsts == [
        (0, 500, BASE),
        (500, 500, BASE + 500 * step),
        (1000, 200, BASE + 1000 * step),
        (1000, 200, BASE + 1000 * step),
    ]


@pytest.mark.usefixtures("hasty")
def test_smaps_is_measured_on_request_and_kept(scene: Scene) -> None:
    """Progress while it is read, sums once it is whole; it is read once, until it is asked for anew."""
    scene.map(MANY)
    scene.read_to_end()
    told = [one.measured for one in scene.read_to_end(SMAPS)]
    assert None not in told
    counts = [one.maps for one in told if one is not None]
    assert counts == sorted(counts)
    assert len(set(counts)) > 2
    facts = scene.read(SMAPS)
    assert facts.measured is not None
    assert (facts.measured.maps, facts.measured.is_complete, facts.measured.is_cut) == (MANY, True, False)
    assert facts.measured.total is not None
    assert (facts.measured.total.pss_bytes, facts.measured.total.uss_bytes) == (16000 << 10, 1 << 10)
    assert facts.listed is not None
    (kind,) = facts.listed.kinds
    assert kind.usage is not None
    assert (kind.usage.rss_bytes, kind.usage.uss_bytes) == (MANY * 8192, MANY * 4096)
    reads = scene.smaps_reads
    scene.read(SMAPS)
    assert scene.smaps_reads == reads
    dropped = scene.read()
    assert dropped.measured is None
    assert dropped.listed is not None
    assert dropped.listed.kinds[0].usage is None
    scene.read_to_end(SMAPS)
    assert scene.smaps_reads > reads


@pytest.mark.usefixtures("hasty")
def test_no_sums_while_smaps_is_being_read(scene: Scene) -> None:
    """Half of the mappings would give sums that are wrong: they are not known yet."""
    scene.map(MANY)
    scene.read_to_end()
    scene.read(SMAPS)
    facts = scene.read(SMAPS)
    assert facts.measured is not None
    assert 0 < facts.measured.maps < MANY
    assert facts.listed is not None
    assert facts.listed.kinds[0].usage is None


def test_a_program_that_is_replaced_meanwhile(scene: Scene) -> None:
    """After exec the old smaps just ends: that is no measurement of all of it."""
    scene.map(100)
    scene.write("smaps", SMAPS_BLOCK % (BASE, BASE + SIZE))
    measured = scene.read_to_end(SMAPS)[-1].measured
    assert measured is not None
    assert (measured.maps, measured.is_cut) == (1, True)


def test_stack_pointers_mark_stacks(scene: Scene) -> None:
    """Sleeping threads tell where their stacks are, once for each; one that runs is asked again."""
    scene.write("syscall", b"7 0x1 0x2 0x3 0x4 0x5 0x6 0x%x 0x55\n" % (BASE + 0x100), PID + 1)
    scene.write("syscall", b"running\n", PID + 2)
    facts = scene.read()
    assert (facts.threads, facts.pointers) == (3, 1)
    assert facts.listed is not None
    assert [one.tids for one in facts.listed.part if one.kind == "thread stack"] == [(PID + 1,)]
    scene.write("syscall", b"7 0x1 0x2 0x3 0x4 0x5 0x6 0x%x 0x55\n" % (BASE + 2 * SIZE), PID + 2)
    facts = scene.read()
    assert facts.pointers == 2
    assert facts.listed is not None
    assert sum(one.kind == "thread stack" for one in facts.listed.part) == 2
    asked = [scene.files.paths.count(f"{PID}/task/{tid}/syscall") for tid in (PID + 1, PID + 2)]
    assert asked == [1, 2]


def test_many_threads_are_asked_in_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many in one reading, each once before any is asked again; until all were, there is more to come."""
    monkeypatch.setattr(memory, "MOST_POINTERS", 1)
    for tid in range(PID, PID + 3):
        scene.write("syscall", b"running\n", tid)
    assert [scene.read().is_pending for _ in range(6)] == [True, True, False, False, False, False]
    assert [scene.files.paths.count(f"{PID}/task/{tid}/syscall") for tid in range(PID, PID + 3)] == [2, 2, 2]


def test_stacks_are_told_once_all_threads_were_asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mappings are there with the first reading; they are not summed up anew for each few stacks."""
    monkeypatch.setattr(memory, "MOST_POINTERS", 1)
    for tid in range(PID, PID + 3):
        pointer = BASE + (tid - PID) * 2 * SIZE
        scene.write("syscall", b"7 0x1 0x2 0x3 0x4 0x5 0x6 0x%x 0x55\n" % pointer, tid)
    told = [scene.read() for _ in range(3)]
    kinds = [[one.kind for one in facts.listed.part] for facts in told if facts.listed is not None]
    assert [facts.pointers for facts in told] == [1, 2, 3]
    assert [row.count("thread stack") for row in kinds] == [1, 1, 3]
    assert [facts.is_pending for facts in told] == [True, True, False]


@pytest.mark.usefixtures("hasty")
def test_sums_come_in_slices(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Summing up thousands of mappings takes some readings; meanwhile it is said how many there are."""
    monkeypatch.setattr(mapped, "STEP", 10)
    scene.map(100)
    told = scene.read_to_end()
    assert [facts.coming for facts in told[:-1]].count(100) > 100 / 10
    assert told[-1].listed is not None
    assert [one.maps for one in told[-1].listed.kinds] == [100]


def test_a_main_thread_that_has_ended(scene: Scene) -> None:
    """It has no memory any more, but the process has: a sibling is asked."""
    scene.state = "Z"
    scene.write("status", b"Name:\tfake\nState:\tZ\n")
    scene.write("maps", b"")
    scene.map(7, PID + 1)
    listed = scene.read().listed
    assert listed is not None
    assert listed.maps == 7


def test_what_has_no_memory(scene: Scene) -> None:
    """A thread of the kernel has no figures in status; nothing is opened, nothing is to come."""
    scene.write("status", b"Name:\tkthreadd\n")
    facts = scene.read(SMAPS)
    assert (facts.listed, facts.measured, facts.is_pending) == (None, None, False)
    assert scene.files.reads["maps"] == 0


def test_denied(scene: Scene) -> None:
    """The rule is named, what anyone may read is there, and nobody waits for more."""

    def deny(path: str) -> None:
        if path.endswith(("maps", "syscall")):
            raise DeniedError(path)

    for name in ("syscall", "maps"):
        scene.write(name, b"")
    with scene.proc.interrupted(deny):
        facts = scene.read(SMAPS)
    assert {one.what for one in facts.denials} == {"maps", "syscall"}
    assert all(one.rule for one in facts.denials)
    assert (facts.listed, facts.is_pending) == (None, False)
    assert facts.status["VmRSS"] == "800 kB"


@pytest.mark.usefixtures("hasty")
def test_a_process_that_ends_meanwhile(scene: Scene) -> None:
    """It is gone, and no descriptor is kept on it."""
    scene.map(MANY)
    scene.read()
    assert scene.files.kept == 1
    scene.proc.kill(PID)
    with pytest.raises(GoneError):
        scene.read()
    assert scene.files.kept == 0


@pytest.mark.usefixtures("hasty")
def test_closing_gives_descriptors_back(scene: Scene) -> None:
    """Also in the middle of a measurement."""
    scene.map(MANY)
    scene.read_to_end()
    scene.read(SMAPS)
    scene.read(SMAPS)
    assert scene.files.kept
    scene.reader.close()
    assert scene.files.kept == 0


@pytest.mark.parametrize("raw", [b"", b"\xff\0\n:::\n", b"7f-\n", b"a" * 200_000, b"7f0000001000-7f00000"])
def test_garbage(scene: Scene, raw: bytes) -> None:
    """It is no mapping, and no failure."""
    for name in ("maps", "smaps", "smaps_rollup", "syscall"):
        scene.write(name, raw)
    listed = scene.read_to_end(SMAPS)[-1].listed
    assert listed is not None
    assert listed.maps == 0
