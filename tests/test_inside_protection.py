"""What a process may do, as its files say it: on a fake /proc, denied, missing, and of a tracer."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample
from fakeproc import FakeProc
from threadtop.errors import DeniedError, GoneError
from threadtop.inside import Asked
from threadtop.inside.protection import MOST_NAMED, ProtectionFacts, ProtectionReader

if TYPE_CHECKING:
    from pathlib import Path

    from threadtop.procfs.reader import ProcReader

PID = 500
OTHER = 1000
NAMES = {0: "root", 33: "www-data", OTHER: "anna"}
ASKED = Asked("protection", PID)
STATUS = b"Name:\tx\nVmSize:\t9 kB\nTracerPid:\t77\nUid:\t0\t33\t33\t33\nCapEff:\t0000000000000400\nSeccomp:\t2\n"
FILES = {"status": STATUS, "attr/current": b"docker-default (enforce)\n\0", "loginuid": b"1000"}


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProcReader:
    """A process."""
    proc = FakeProc(tmp_path, monkeypatch)
    proc.process(PID, 1)
    proc.process(77, 1, b"gdb")
    return proc.reader(descriptors=0)


def read(
    reader: ProcReader,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, bytes | type[Exception]],
    owner: int = OTHER,
    uid: int = OTHER,
) -> ProtectionFacts:
    """The facts where these are the files; what is not among them is not there."""
    read = reader.read

    def content(pid: int | str, name: str) -> bytes:
        if pid != PID:
            return read(pid, name)
        found = files.get(name, GoneError)
        if isinstance(found, type):
            raise found(name)
        return found

    def stat(path: str) -> SimpleNamespace:
        """As the kernel: the folders that all may list are the process's user's in any case."""
        return SimpleNamespace(st_uid=owner if path == f"{reader.root}/{PID}/stat" else uid, st_nlink=3)

    monkeypatch.setattr(reader, "read", content)
    monkeypatch.setattr(os, "stat", stat)

    def named(number: int) -> str:
        looked_up.append(number)
        return NAMES.get(number, str(number))

    looked_up: list[int] = []
    made = ProtectionReader(reader, named, named)
    made.read(ASKED, sample(1.0, process_sample(PID, uid=uid), is_whole=False))
    assert len(looked_up) <= 2 * MOST_NAMED
    count = len(looked_up)
    facts = made.read(ASKED, sample(1.0, process_sample(PID, uid=uid), is_whole=False))
    assert len(looked_up) == count  # they are looked up once
    return facts


def test_what_its_files_say(reader: ProcReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields of status as they are, the label without its end, the login, and a tracer's name, seen or not."""
    facts = read(reader, monkeypatch, FILES)  # type: ignore[arg-type]
    assert facts.status["CapEff"] == "0000000000000400"
    assert facts.status["Uid"].split() == ["0", "33", "33", "33"]
    assert (facts.label, facts.login_uid, facts.tracer) == ("docker-default (enforce)", 1000, "gdb")
    assert (facts.is_dumpable, facts.denials) == (True, ())


def test_files_of_root_are_of_one_that_is_not_dumpable(reader: ProcReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives them to root then, whoever's process it is."""
    assert read(reader, monkeypatch, FILES, owner=0).is_dumpable is False  # type: ignore[arg-type]


@pytest.mark.parametrize(("uid", "gone"), [(0, b""), (OTHER, b"VmSize:\t9 kB\n")])
def test_whether_it_is_dumpable_may_not_be_told(
    uid: int, gone: bytes, reader: ProcReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's files are root's in any case, and what has no memory has nothing to dump."""
    files = {**FILES, "status": STATUS.replace(gone, b"")}
    assert read(reader, monkeypatch, files, owner=uid, uid=uid).is_dumpable is None  # type: ignore[arg-type]


def test_names(reader: ProcReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all uids and gids, and of who logged in; those that nobody has are left out, and of many the last ones."""
    status = STATUS.replace(b"Uid:\t0\t33\t33\t33", b"Uid:\t0\t33\t33\t54321\nGid:\t33\t33\t33\t7\nGroups:\t0 8")
    facts = read(reader, monkeypatch, {**FILES, "status": status})
    assert facts.users == {0: "root", 33: "www-data", OTHER: "anna"}
    assert facts.groups == {33: "www-data", 0: "root"}
    many = b"Groups:\t%b\n" % b" ".join(b"%d" % gid for gid in range(100, 60_000))
    assert read(reader, monkeypatch, {**FILES, "status": STATUS + many}).groups == {}


def test_what_the_kernel_does_not_have(reader: ProcReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without audit and a security module there is neither login nor label: not known, and nothing was denied."""
    facts = read(reader, monkeypatch, {"status": STATUS.replace(b"77", b"0")})
    assert (facts.label, facts.login_uid, facts.tracer, facts.denials) == (None, None, "", ())


def test_what_is_denied_says_by_which_rule(reader: ProcReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The label and the login may be refused alone; the rest stands."""
    facts = read(reader, monkeypatch, {**FILES, "attr/current": DeniedError, "loginuid": DeniedError})
    assert (facts.label, facts.login_uid) == (None, None)
    assert {denial.what for denial in facts.denials} == {"attr/current", "loginuid"}
    assert all(denial.rule for denial in facts.denials)
    assert facts.status["Seccomp"] == "2"


@pytest.mark.parametrize("login", [b"", b"x", b"-\n"])
def test_garbage_is_not_known(login: bytes, reader: ProcReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that is no number is none; a label that is no UTF-8 keeps its bytes."""
    facts = read(reader, monkeypatch, {**FILES, "loginuid": login, "attr/current": b"\xff\x1b[31m\n"})
    assert (facts.login_uid, facts.label) == (None, "\udcff\x1b[31m")


def test_a_process_that_has_ended(reader: ProcReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its status there is nothing to say."""
    with pytest.raises(GoneError):
        read(reader, monkeypatch, {})
