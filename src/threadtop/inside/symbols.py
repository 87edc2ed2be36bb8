"""Symbols: which function or variable of a mapped file is at an address; what was found is kept."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.gil.elf import ElfError
from threadtop.inside.named import Named, named_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadtop.procfs.maps import Mapping
    from threadtop.procfs.reader import ProcReader

MOST_KEPT: Final = 4096
_LINE_END: Final = b"\\012"  # as maps writes one that is in a name
_DEVICES: Final = b"/dev/"  # opening one may do something


class Symbols:
    """Looks addresses up; a place of a file is looked for once: threads sleep in few places."""

    def __init__(self, reader: ProcReader) -> None:
        """Open files through ``reader``."""
        self._reader = reader
        self._found: dict[tuple[str, int, int, bool], Named | None] = {}

    def find(self, pid: int, tid: int, mapping: Mapping, address: int, *, is_code: bool = True) -> Named | None:
        """What is at an address of a thread's mapping, or behind it; None where the file does not tell."""
        if not mapping.inode or not mapping.path.startswith(b"/") or mapping.path.startswith(_DEVICES):
            return None
        offset = address - mapping.start + mapping.offset
        key = mapping.device, mapping.inode, offset, is_code
        if key not in self._found:
            if len(self._found) >= MOST_KEPT:
                self._found.clear()
            self._found[key] = self._look(pid, tid, mapping, offset, is_code=is_code)
        return self._found[key]

    def _look(self, pid: int, tid: int, mapping: Mapping, offset: int, *, is_code: bool) -> Named | None:
        descriptor = self._open(pid, tid, mapping)
        if descriptor is None:
            return None
        try:
            return named_at(lambda at, size: os.pread(descriptor, size, at), offset, is_code=is_code)
        except (ElfError, OSError, OverflowError):
            return None
        finally:
            os.close(descriptor)

    def _open(self, pid: int, tid: int, mapping: Mapping) -> int | None:
        """The file that is mapped: by its path, as the executable, by the mapping itself where it was deleted.

        By its inode: another file may be at that path by now, and another build's symbols would lie.
        """
        task = f"{pid}/task/{tid}"  # a main thread may have ended before the others
        ways: tuple[Callable[[], int], ...] = (
            lambda: self._reader.open_mapped(task, mapping.path.replace(_LINE_END, b"\n")),
            lambda: self._reader.open_exe(task),
            lambda: self._reader.open_mapping(pid, mapping.start, mapping.end),
        )
        for way in ways:
            with suppress(GoneError, DeniedError, ThreadtopError, OSError):
                descriptor = way()
                if os.fstat(descriptor).st_ino == mapping.inode:
                    return descriptor
                os.close(descriptor)
        return None
