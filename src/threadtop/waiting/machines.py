"""Which machine's system calls a process makes: by the ELF header of its executable (elf(5), e_machine)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from threadtop.errors import DeniedError, GoneError, ThreadtopError

if TYPE_CHECKING:
    from threadtop.procfs.reader import ProcReader

_HEADER_BYTES: Final = 20  # up to e_machine
_MACHINES: Final = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64"}
_BY_NAME: Final = {"i486": "i386", "i586": "i386", "i686": "i386", "arm64": "aarch64"}


def native() -> str:
    """The machine of this kernel, as tables of system calls have it."""
    name = os.uname().machine
    return "arm" if name.startswith("arm") and name != "arm64" else _BY_NAME.get(name, name)


def machine_of(reader: ProcReader, pid: int) -> str:
    """The machine of a process; that of the kernel where its executable may not be read.

    x32 programs count as x86_64: their calls have the same numbers, marked with a bit.
    """
    try:
        descriptor = reader.open_exe(pid)
    except (GoneError, DeniedError, ThreadtopError, OSError):
        return native()
    try:
        header = os.pread(descriptor, _HEADER_BYTES, 0)
    except OSError:
        return native()
    finally:
        os.close(descriptor)
    if len(header) != _HEADER_BYTES or header[:4] != b"\x7fELF":
        return native()
    return _MACHINES.get(int.from_bytes(header[18:20], "little"), native())
