"""Identity: is a process a CPython, which one, and which mapped files may hold its ``_PyRuntime``; pure."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final, NamedTuple

_LIBRARY: Final = re.compile(
    rb"libpython3\.?(\d+)(t?)[^/]*$"
)  # libpython3.12.so.1.0, libpython3.13t.so, libpython312.so
_PROGRAM: Final = re.compile(rb"python3\.?(\d+)(t?)$")
_STDLIB: Final = re.compile(rb"/python3\.(\d+)(t?)/|\.cpython-3(\d+)(t?)-")
_GLIBC: Final = re.compile(rb"/libc(?:\.so\.6|-2\.\d+\.so)(?: \(deleted\))?$")
_NAMED: Final = re.compile(r"python(?:3(?:\.(\d+)(t?))?)?$")
_DELETED: Final = b" (deleted)"
MOST_MAPPINGS: Final = 200_000


class Image(NamedTuple):
    """A mapped ELF file: where its first byte is mapped, and its path in the target's own tree of files."""

    path: bytes
    base: int


class Identity(NamedTuple):
    """Which images may hold ``_PyRuntime``, the best first, and what names say of version and C library.

    ``minors`` are minor versions of CPython.
    ``is_glibc`` is False for musl and where the C library is linked in statically, so that it cannot be told.
    """

    images: tuple[Image, ...]
    minors: tuple[int, ...]
    is_glibc: bool


def identify(maps: bytes, exe: bytes) -> Identity:
    """Read names and addresses off ``maps`` (proc(5)) and the target of the link ``exe``.

    A program that embeds Python statically is called anything: its executable is always a candidate, and whether it
    has the symbol decides.
    """
    bases = _bases(maps)
    ranked: list[tuple[int, bytes]] = []
    minors: dict[int, None] = {}
    for path in bases:
        name = path.removesuffix(_DELETED).rpartition(b"/")[2]
        library, program = _LIBRARY.search(name), _PROGRAM.match(name)
        if library:
            ranked.append((0, path))
        elif path == exe:
            ranked.append((1, path))
        elif program:
            ranked.append((2, path))
        found = library or program
        if found:
            minors[int(found[1])] = None
    for path in bases:
        for found in _STDLIB.finditer(path):
            minors[int(found[1] or found[3])] = None
    ranked.sort(key=lambda entry: entry[0])
    return Identity(
        tuple(Image(path, bases[path]) for _, path in ranked), tuple(minors), any(map(_GLIBC.search, bases))
    )


def named_version(identity: Identity) -> str | None:
    """The version that the name of a mapped library or program says: ``3.12``, ``3.14t``; None if none does."""
    for image in identity.images:
        name = image.path.removesuffix(_DELETED).rpartition(b"/")[2]
        found = _LIBRARY.search(name) or _PROGRAM.match(name)
        if found:
            return f"3.{int(found[1])}{found[2].decode()}"
    return None


def _bases(maps: bytes) -> dict[bytes, int]:
    """Where the first byte of each mapped file is."""
    bases: dict[bytes, int] = {}
    for line in maps.splitlines()[:MOST_MAPPINGS]:
        # address perms offset device inode path; the path may contain blanks
        parts = line.split(None, 5)
        if len(parts) < 6 or not parts[5].startswith(b"/") or parts[2].strip(b"0"):  # noqa: PLR2004 as above
            continue
        with suppress(ValueError):
            bases.setdefault(parts[5], int(parts[0].partition(b"-")[0], 16))
    return bases


def by_name(arguments: list[str], name: str) -> str | None:
    """The version that a command line speaks of: ``3.12``, ``3`` if it leaves it open; None: no word of Python.

    For another user's process this is all there is: ``exe`` and ``maps`` may not be read.
    """
    for candidate in (arguments[0] if arguments else "", name):
        found = _NAMED.match(candidate.rpartition("/")[2])
        if found:
            return f"3.{found[1]}{found[2]}" if found[1] else "3"
    return None
