"""Reading descriptors and long files of /proc, bounded and counted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from threadtop.errors import DeniedError, GoneError
from threadtop.procfs.reader import ProcReader
from threadtop.waiting.machines import machine_of, native

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A /proc with one process."""
    (tmp_path / "7/fd").mkdir(parents=True)
    for fd in range(5):
        (tmp_path / f"7/fd/{fd}").symlink_to("pipe:[1]")
    return tmp_path


def test_descriptors_are_bounded(root: Path) -> None:
    """No more than asked for, and counted as one read of the folder."""
    reader = ProcReader(root)
    assert sorted(reader.descriptors_of(7, 10)) == [0, 1, 2, 3, 4]
    assert len(reader.descriptors_of(7, 3)) == 3
    assert reader.descriptor_link(7, 0) == "pipe:[1]"
    assert reader.reads == {"fd/": 2, "fd": 1}


def test_modes_are_those_of_the_link() -> None:
    """One's own pipe: an end to read and an end to write."""
    reader, (read, write) = ProcReader(), os.pipe()
    try:
        assert reader.descriptor_mode(os.getpid(), read) == (True, False)
        assert reader.descriptor_mode(os.getpid(), write) == (False, True)
    finally:
        os.close(read)
        os.close(write)


def test_what_is_gone_or_denied(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors are those of the reader."""
    reader = ProcReader(root)
    for call in (
        lambda: reader.descriptors_of(8, 1),
        lambda: reader.descriptor_link(7, 99),
        lambda: reader.descriptor_mode(7, 99),
        lambda: reader.read_most(7, "net/tcp", 10),
    ):
        with pytest.raises(GoneError):
            call()
    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(DeniedError):
        reader.descriptors_of(7, 1)


def denied(path: str) -> None:
    """As the kernel does with another user's."""
    raise PermissionError(13, os.strerror(13), path)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 200_000])
def test_long_files_are_cut(root: Path, size: int) -> None:
    """A file of any size: its first bytes, as many as allowed."""
    (root / "7/long").write_bytes(b"x" * size)
    assert len(ProcReader(root).read_most(7, "long", 100_000)) == min(size, 100_000)


@pytest.mark.parametrize(
    ("head", "machine"),
    [
        (b"\x7fELF\x01\x01" + bytes(12) + b"\x03\x00", "i386"),
        (b"\x7fELF\x01\x01" + bytes(12) + b"\x28\x00", "arm"),
        (b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00", "x86_64"),
        (b"\x7fELF\x01\x01" + bytes(12) + b"\x3e\x00", "x86_64"),
        (b"\x7fELF\x02\x01" + bytes(12) + b"\xb7\x00", "aarch64"),
        (b"\x7fELF\x02\x01" + bytes(12) + b"\xf3\x00", None),
        (b"\x7fELF", None),
        (b"#!/bin/sh" + bytes(20), None),
        (None, None),
    ],
)
def test_the_machine_of_a_program(root: Path, head: bytes | None, machine: str | None) -> None:
    """As its ELF header says; without one that is known, the kernel's."""
    if head is not None:
        (root / "7/exe").write_bytes(head)
    assert machine_of(ProcReader(root), 7) == (machine or native())
