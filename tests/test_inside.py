"""What the open pane asks for: read while it is open, by one reader, with a reason where it is denied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample
from fakeproc import FakeProc
from threadtop import inside
from threadtop.errors import DeniedError, GoneError
from threadtop.inside import Asked, InsideReader
from threadtop.inside.access import Access

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

PID = 500
OTHER = 1000
ME = 1001


class Kept:
    """A reader that tells what was done to it."""

    def __init__(self, log: list[str], name: str) -> None:
        """Tell ``log`` under ``name``."""
        self._log, self._name = log, name

    def read(self, asked: Asked, sample: Sample) -> object:
        """The part that was asked for."""
        del sample
        self._log.append(f"read {self._name}")
        if asked.part < 0:
            raise GoneError
        return asked.part

    def close(self) -> None:
        """Tell."""
        self._log.append(f"close {self._name}")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two panes, files and memory, whose readers tell what is done to them."""
    told: list[str] = []
    monkeypatch.setattr(
        inside, "READERS", {name: lambda _, name=name: Kept(told, name) for name in ("files", "memory")}
    )
    return told


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProcReader:
    """A process with one thread."""
    proc = FakeProc(tmp_path, monkeypatch)
    proc.process(PID, 1)
    return proc.reader(descriptors=16)


SHOT = sample(1.0, process_sample(PID, start_ticks=77))


def test_nothing_is_read_while_no_pane_asks(log: list[str], reader: ProcReader) -> None:
    """No pane, no read: a pane that is not shown costs nothing."""
    made = InsideReader(reader)
    assert made.read(None, SHOT) is None
    assert log == []
    assert made.take_reads() == {}


def test_what_is_found_says_of_whom(log: list[str], reader: ProcReader) -> None:
    """The facts come with what was asked and the start of the process: a pid may be used again."""
    asked = Asked("files", PID, part=3)
    found = InsideReader(reader).read(asked, SHOT)
    assert found is not None
    assert (found.asked, found.start_ticks, found.facts) == (asked, 77, 3)
    assert log == ["read files"]


def test_a_reader_is_kept_while_its_pane_is_open(log: list[str], reader: ProcReader) -> None:
    """One reader for all refreshes; it is closed as another pane opens, and as none is open any more."""
    made = InsideReader(reader)
    for asked in (Asked("files", PID), Asked("files", PID), Asked("memory", PID), None):
        made.read(asked, SHOT)
    assert log == ["read files", "read files", "close files", "read memory", "close memory"]


@pytest.mark.parametrize("asked", [Asked("files", PID, part=-1), Asked("files", 9), Asked("nothing", PID)])
def test_what_is_not_there(log: list[str], reader: ProcReader, asked: Asked) -> None:
    """A process that has ended, one that there is not, a pane without facts: nothing is found."""
    del log
    assert InsideReader(reader).read(asked, SHOT) is None


def test_reads_are_counted_once(log: list[str], reader: ProcReader) -> None:
    """What was read is told once, so that a pass's cost has it once."""
    del log
    made = InsideReader(reader)
    reader.read(PID, "stat")
    assert made.take_reads() == {"stat": 1}
    assert made.take_reads() == {}


# -- access ----------------------------------------------------------------------------------------------


def _denying(monkeypatch: pytest.MonkeyPatch, reader: ProcReader, scope: bytes = b"") -> None:
    """Let every file of a process be refused."""

    def refuse(path: str) -> bytes:
        if path.endswith("ptrace_scope"):
            return scope
        raise DeniedError(path)

    monkeypatch.setattr(reader, "_read", refuse)


def test_a_denied_file_names_the_rule(monkeypatch: pytest.MonkeyPatch, reader: ProcReader) -> None:
    """Another user's file: which rule that is, and the least that would lift it."""
    _denying(monkeypatch, reader)
    access = Access(reader, PID, OTHER, euid=ME)
    assert access.read("environ") is None
    (denial,) = access.denials.values()
    assert (denial.what, denial.rule) == ("environ", "it is another user's process")
    assert denial.remedy == "run threadtop as that user or as root"


def test_yama_concerns_only_what_attaches(monkeypatch: pytest.MonkeyPatch, reader: ProcReader) -> None:
    """Yama's scope explains a denied ``syscall`` of our own process; a denied ``maps`` it does not (ptrace(2))."""
    _denying(monkeypatch, reader, b"1\n")
    access = Access(reader, PID, ME, euid=ME)
    access.read_task(PID, "syscall")
    access.read("maps")
    assert "ptrace_scope is 1" in access.denials["syscall"].rule
    assert "not dumpable" in access.denials["maps"].rule


def test_a_kernel_stack_is_for_the_administrator(monkeypatch: pytest.MonkeyPatch, reader: ProcReader) -> None:
    """The rule of ``stack`` is a capability, whoever's process it is."""
    _denying(monkeypatch, reader)
    access = Access(reader, PID, ME, euid=ME)
    access.read_task(PID, "stack")
    assert "CAP_SYS_ADMIN" in access.denials["stack"].rule


def test_a_file_that_the_kernel_does_not_have(reader: ProcReader) -> None:
    """It is not known, and nothing was denied; the process is there."""
    access = Access(reader, PID, ME, euid=ME)
    assert access.read("no_such_file") is None
    assert access.denials == {}


def test_a_process_that_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is gone because its process is: GoneError."""
    reader = FakeProc(tmp_path, monkeypatch).reader(descriptors=16)
    with pytest.raises(GoneError):
        Access(reader, PID, ME, euid=ME).read("status")


def test_a_file_cut_short(reader: ProcReader) -> None:
    """What cannot be parsed is not known."""
    access = Access(reader, PID, ME, euid=ME)

    def parse(_raw: bytes) -> int:
        raise ValueError

    assert access.parsed("stat", parse) is None
    assert access.parsed("stat", len) == len(reader.read(PID, "stat"))
