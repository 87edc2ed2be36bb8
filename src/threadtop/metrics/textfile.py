"""A file for node_exporter's textfile collector: put in its place whole, after each pass."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from typing import Final

from threadtop.errors import UsageError

SUFFIX: Final = ".prom"
_MODE: Final = 0o644  # node_exporter is another user


def checked(path: str) -> str:
    """The file's real path; raises UsageError where node_exporter would not read it, or its folder takes no file."""
    if not path.endswith(SUFFIX):
        message = f"node_exporter reads *{SUFFIX} only, and {path[:80]!r} is none"
        raise UsageError(message, f"write --textfile DIRECTORY/threadtop{SUFFIX}")
    real = os.path.realpath(path)
    if os.path.isdir(real):
        message = f"{path} is a directory"
        raise UsageError(message, "name a file in it")
    try:
        os.unlink(_written(real, b""))
    except OSError as error:
        raise _refused(path, error) from error
    return real


def write(path: str, content: bytes) -> None:
    """Replace the file by ``content``, so that a reader has either the old one or the new one; raises OSError."""
    new = _written(path, content)
    try:
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise


def remove(path: str) -> None:
    """Remove the file: what nobody writes any more would be served for ever."""
    with suppress(OSError):
        os.unlink(path)


def _written(path: str, content: bytes) -> str:
    """A new file beside ``path`` that node_exporter does not read."""
    descriptor, new = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".threadtop-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as out:
            os.fchmod(descriptor, _MODE)
            out.write(content)
    except BaseException:
        os.unlink(new)
        raise
    return new


def _refused(path: str, error: OSError) -> UsageError:
    message = f"{path} cannot be written: {(error.strerror or str(error)).lower()}"
    return UsageError(message, "make its directory, and let this user write there")
