"""Attach: begin to watch a process: exactly where its memory may be read, by looks at ``wchan`` where not."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from threadtop.errors import DeniedError, GoneError
from threadtop.gil import elf, layout, refusals, runtime
from threadtop.gil.exact import MemoryProbe
from threadtop.gil.identity import Identity, by_name, identify, named_version
from threadtop.gil.memory import Memory
from threadtop.gil.wchan import WchanProbe
from threadtop.procfs import parse
from threadtop.sample import ENDED, GIL_OFF

if TYPE_CHECKING:
    from threadtop.gil.probe import Probe
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Grade


class Attached(NamedTuple):
    """How a process is watched: ``probe`` is None where nothing but its counters may be read, or need be."""

    grade: Grade
    why_not: str
    remedy: str
    version: str
    probe: Probe | None


def attach(reader: ProcReader, pid: int, euid: int) -> Attached:
    """Begin to watch ``pid``; ``euid`` is ours.

    Raises NotPythonError, NotReadyError (try again in a moment) and GoneError.
    """
    home = _home(reader, pid)
    try:
        maps = reader.read(home, "maps")
        exe = os.fsencode(reader.link(home, "exe"))
    except DeniedError:
        return _by_name(reader, pid, home, euid)
    identity = identify(maps, exe)
    try:
        memory = Memory(reader, pid, home)
    except DeniedError:
        return _without_memory(reader, pid, home, euid, identity)
    try:
        reader.read_task(pid, home, MemoryProbe.file)  # raises DeniedError now, not later
        probe = MemoryProbe(reader, pid, memory, lambda tasks: runtime.attach(memory, identity, tasks))
    except runtime.UnknownError as error:
        memory.close()
        return Attached("estimate", str(error), "the estimate stands in for it", "", WchanProbe(reader, pid))
    except DeniedError:
        memory.close()
        return _without_memory(reader, pid, home, euid, identity)
    except BaseException:
        memory.close()
        raise
    return Attached("exact", "", "", probe.runtime.version, probe)


def _home(reader: ProcReader, pid: int) -> int:
    """A thread that has memory and a program: a main thread that has ended before the others has none."""
    for tid in (pid, *reader.tids(pid)):
        with suppress(GoneError):
            if parse.parse_stat(reader.read_task(pid, tid, "stat")).state not in ENDED:
                return tid
    raise GoneError(str(pid))


def _refusal(reader: ProcReader, pid: int, euid: int) -> tuple[str, str]:
    uid = parse.parse_uid(reader.read(pid, "status"))
    return refusals.refusal(reader, uid, euid)


def _by_name(reader: ProcReader, pid: int, home: int, euid: int) -> Attached:
    """Not even its files may be known: what its command line says must do."""
    arguments = parse.parse_cmdline(reader.read(home, "cmdline"))
    version = by_name(arguments, parse.parse_stat(reader.read(pid, "stat")).name)
    if version is None:
        raise runtime.NotPythonError
    why_not, remedy = _refusal(reader, pid, euid)
    if version.endswith("t"):
        return Attached("none", GIL_OFF, "", version, None)
    return Attached("estimate", why_not, remedy, version, None)


def _without_memory(reader: ProcReader, pid: int, home: int, euid: int, identity: Identity) -> Attached:
    """The files it maps may be read, its memory not: they say whether it is a CPython, and which."""
    version = _version_of_files(reader, home, identity)
    why_not, remedy = _refusal(reader, pid, euid)
    if version.endswith("t"):
        return Attached("none", GIL_OFF, "", version, None)
    return Attached("estimate", why_not, remedy, version, WchanProbe(reader, pid))


def _version_of_files(reader: ProcReader, pid: int, identity: Identity) -> str:
    """The version by the ELF files a process maps, opened in its own tree of files; raises NotPythonError."""
    exe = os.fsencode(reader.link(pid, "exe"))
    for image in identity.images:
        try:
            # The link leads to the executable even where that has been replaced, as by an upgrade.
            descriptor = reader.open_exe(pid) if image.path == exe else reader.open_mapped(pid, image.path)
        except (GoneError, DeniedError):
            continue
        try:
            version = _version_in(descriptor, identity)
        except (elf.ElfError, layout.LayoutError, OSError):
            continue
        finally:
            os.close(descriptor)
        if version is not None:
            return version
    version = named_version(identity)  # a library that has been replaced: its name must do
    if version is None:
        raise runtime.NotPythonError
    return version


def _version_in(descriptor: int, identity: Identity) -> str | None:
    def read(offset: int, size: int) -> bytes:
        return os.pread(descriptor, size, offset)

    header = elf.header(read)
    read_vaddr = elf.file_reader(read, header)
    found = elf.find_symbols(read_vaddr, header, runtime.SYMBOLS)
    place, number = map(found.get, runtime.SYMBOLS)
    if place is None:
        return None
    head = layout.head_of(read_vaddr(place.vaddr, layout.HEAD_SIZE))
    if head is not None:
        return runtime.words(head.version, is_free_threaded=head.is_free_threaded)
    if number is not None:
        return runtime.words(layout.version_of(int.from_bytes(read_vaddr(number.vaddr, 8), "little")))
    return f"3.{identity.minors[0]}" if identity.minors else "3"
