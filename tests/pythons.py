"""The CPythons of this machine: found, not assumed, each asked what it is.

THREADTOP_PYTHONS may name more of them, separated by colons.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MINORS = range(8, 16)
_ASK = """
import json, sys
try:
    import ctypes
except ImportError:
    ctypes = None
libc = "musl" if b"/ld-musl-" in open("/proc/self/maps", "rb").read() else "glibc"
print(json.dumps([sys.implementation.name, sys.version_info[0], sys.version_info[1], "t" in sys.abiflags, libc,
    ctypes is not None, sys.version_info[3]]))
"""


class Python(NamedTuple):
    """One CPython 3: the program, its minor version, whether built free-threaded, glibc or musl, with ctypes or not."""

    program: str
    minor: int
    is_free_threaded: bool
    libc: str
    has_ctypes: bool

    def __str__(self) -> str:
        """As tests are named by it: 3.13t, 3.12-musl."""
        musl = "-musl" if self.libc == "musl" else ""
        return f"3.{self.minor}{'t' if self.is_free_threaded else ''}{musl}"


def _candidates() -> Iterator[str]:
    yield sys.executable
    yield from filter(None, os.environ.get("THREADTOP_PYTHONS", "").split(":"))
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for minor in MINORS:
        for name in (f"python3.{minor}", f"python3.{minor}t"):
            program = shutil.which(name)
            # pyenv's shims are slow scripts, and what they start is below.
            if program is not None and not Path(program).is_relative_to(root / "shims"):
                yield program
    yield from map(str, sorted(root.glob("versions/3*/bin/python3")))


def _asked(program: str) -> Python | None:
    """What a program says of itself; None if it is no CPython that was released."""
    try:
        done = subprocess.run([program, "-c", _ASK], capture_output=True, timeout=30, check=True)
        kind, major, minor, is_free_threaded, libc, has_ctypes, level = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if (kind, major, level) != ("cpython", 3, "final") or minor not in MINORS:
        return None
    return Python(program, minor, is_free_threaded, libc, has_ctypes)


@lru_cache(maxsize=1)
def pythons() -> tuple[Python, ...]:
    """One of each kind, the oldest first."""
    found: dict[tuple[int, bool, str], Python] = {}
    for program in dict.fromkeys(_candidates()):
        python = _asked(program)
        if python is not None:
            found.setdefault(python[1:4], python)
    return tuple(sorted(found.values(), key=lambda python: python[1:4]))


def each() -> list[object]:
    """Every CPython with a GIL, for parametrize; a version that is not here is skipped by name."""
    usual = [python for python in pythons() if not python.is_free_threaded]
    here = {python.minor for python in usual}
    missing = [
        pytest.param(None, id=f"3.{minor}", marks=pytest.mark.skip(reason=f"no CPython 3.{minor} is on this machine"))
        for minor in MINORS
        if minor not in here
    ]
    return [*(pytest.param(python, id=str(python)) for python in usual), *missing]


def newest(minors: range = MINORS, *, is_free_threaded: bool = False) -> Python:
    """The newest of these versions on glibc; skips the test if there is none."""
    for python in reversed(pythons()):
        if python.minor in minors and python.is_free_threaded == is_free_threaded and python.libc == "glibc":
            return python
    kind = " free-threaded" if is_free_threaded else ""
    pytest.skip(f"no{kind} CPython 3.{minors.start} to 3.{minors.stop - 1} is on this machine")
