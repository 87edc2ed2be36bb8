"""Memory: bounded reads of another process's memory, which is not stopped and not written to (proc(5), mem)."""

from __future__ import annotations

import os
import struct
from functools import partial
from typing import TYPE_CHECKING, Final

from threadtop.errors import GoneError, ThreadtopError

if TYPE_CHECKING:
    from threadtop.procfs.reader import ProcReader

MOST_BYTES: Final = 64 * 1024  # of one read: what a target says must not make us allocate more
TOP: Final = 1 << 57  # user addresses lie below (five-level paging); more does not fit pread's signed offset
_WORD: Final = struct.Struct("<Q")


class BadAddressError(Exception):
    """Nothing is mapped there, or less than was asked for: the layout does not fit, or it is being torn down."""


class Memory:
    """The memory of one process, by a kept descriptor on ``mem``."""

    def __init__(self, reader: ProcReader, pid: int, tid: int | None = None) -> None:
        """Open ``mem``; raises DeniedError (ptrace(2), PTRACE_MODE_ATTACH) or GoneError.

        By way of the thread ``tid``: a main thread that has ended before the others has no memory.
        """
        self._reader = reader
        descriptor = reader.keep(pid, tid or pid, "mem")
        if descriptor is None:
            message = "no descriptor is free"
            raise ThreadtopError(message)
        self._descriptor = descriptor
        # pread(size, address): unchecked, for what is read each 10 ms.  Its caller is ready for OSError, OverflowError
        # and fewer bytes, and has ``read`` say what they mean.
        self.pread = partial(os.pread, descriptor)

    def close(self) -> None:
        """Give the descriptor back."""
        self._reader.drop(self._descriptor)

    def read(self, address: int, size: int) -> bytes:
        """Exactly ``size`` bytes; raises BadAddressError, and GoneError once the process ended or ran exec.

        The descriptor belongs to the address space that there was when it was opened: after an exec(3) or the
        end it reads as empty (mem_rw(), fs/proc/base.c).
        """
        if not 0 < address < TOP or not 0 < size <= MOST_BYTES:
            raise BadAddressError
        try:
            raw = os.pread(self._descriptor, size, address)
        except OSError as error:
            raise BadAddressError from error
        if len(raw) != size:
            if not raw:
                raise GoneError(str(address))
            raise BadAddressError
        return raw

    def word(self, address: int) -> int:
        """A pointer or an unsigned long."""
        return int(_WORD.unpack(self.read(address, 8))[0])
