"""Bounded reads of a process's memory."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from threadtop.errors import GoneError, ThreadtopError
from threadtop.gil.memory import MOST_BYTES, TOP, BadAddressError, Memory
from threadtop.procfs.reader import ProcReader


def test_own_memory() -> None:
    """What this process has in memory is what is read of it, and the descriptor is given back."""
    reader = ProcReader(descriptors=4)
    memory = Memory(reader, os.getpid())
    buffer = ctypes.create_string_buffer(b"\x01\x02\x03\x04\x05\x06\x07\x08 and more", MOST_BYTES)
    address = ctypes.addressof(buffer)
    assert memory.read(address, 17) == b"\x01\x02\x03\x04\x05\x06\x07\x08 and more"
    assert memory.word(address) == 0x0807060504030201
    assert memory.pread(8, address) == b"\x01\x02\x03\x04\x05\x06\x07\x08"
    assert len(memory.read(address, MOST_BYTES)) == MOST_BYTES
    assert reader.kept == 1
    memory.close()
    assert reader.kept == 0


def test_what_is_not_read() -> None:
    """No address beyond user space, no size beyond the bound, nothing that is not mapped."""
    memory = Memory(ProcReader(descriptors=4), os.getpid())
    buffer = ctypes.create_string_buffer(MOST_BYTES + 1)
    address = ctypes.addressof(buffer)
    for bad, size in ((address, MOST_BYTES + 1), (address, 0), (address, -1), (0, 8), (-8, 8), (TOP, 8)):
        with pytest.raises(BadAddressError):
            memory.read(bad, size)
    for bad in (8, TOP - 8, (1 << 64) - 8, 1 << 70):
        with pytest.raises(BadAddressError):
            memory.word(bad)
    memory.close()


def test_cut_short(tmp_path: os.PathLike[str]) -> None:
    """Less than was asked for is nothing."""
    folder = os.path.join(tmp_path, "7", "task", "7")
    os.makedirs(folder)
    with open(os.path.join(folder, "mem"), "wb") as file:
        file.write(b"x" * 20)
    memory = Memory(ProcReader(os.fspath(tmp_path), descriptors=4), 7)
    assert memory.read(12, 8) == b"x" * 8
    with pytest.raises(BadAddressError):
        memory.read(13, 8)
    with pytest.raises(GoneError):
        memory.read(20, 8)
    memory.close()


def test_no_descriptor_is_free() -> None:
    """Without a descriptor to keep there is no memory to read."""
    with pytest.raises(ThreadtopError, match="no descriptor"):
        Memory(ProcReader(descriptors=0), os.getpid())


def test_after_exec_and_after_the_end() -> None:
    """Another program in the same process, or its end: gone, whatever the address."""
    script = "import os; print(1, flush=True); os.read(0, 1); os.execvp('cat', ['cat'])"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        reader = ProcReader(descriptors=4)
        memory = Memory(reader, process.pid)
        address = int(reader.read(process.pid, "maps").split(b"-", 1)[0], 16)
        assert memory.read(address, 4) == b"\x7fELF"
        process.stdin.write(b"\nhello\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"hello\n"  # from the other program
        with pytest.raises(GoneError):
            memory.read(address, 4)
        again = Memory(reader, process.pid)
        process.kill()
        process.wait()
        with pytest.raises(GoneError):
            again.read(address, 4)
        memory.close()
        again.close()
        with pytest.raises(GoneError):
            Memory(reader, process.pid)
    finally:
        process.kill()
        process.communicate()
