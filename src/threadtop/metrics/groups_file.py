"""The file of ``--groups``, read and parsed (TOML)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from threadtop.errors import UsageError
from threadtop.metrics.groups import grouping

if TYPE_CHECKING:
    from threadtop.metrics.groups import Grouping

MOST_BYTES: Final = 1 << 20
_PARSERS: Final = ("tomllib", "tomli")  # the first is in Python from 3.11 on


def load(path: str) -> Grouping:
    """The groups of a file; raises UsageError, with the line, where it cannot be read or makes no sense."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"{path} cannot be read: {why}"
        raise UsageError(message, "name a file of [[group]] tables with --groups") from error
    if len(raw) > MOST_BYTES:
        message = f"{path} is longer than {MOST_BYTES >> 20} MiB"
        raise UsageError(message, "name a file of [[group]] tables with --groups")
    return grouping(_parsed(text, path), text, path)


def _parsed(text: str, path: str) -> dict[str, Any]:
    for name in _PARSERS:
        try:
            parser = importlib.import_module(name)
        except ImportError:
            continue
        try:
            tables: dict[str, Any] = parser.loads(text)
        except (ValueError, RecursionError) as error:
            message = f"{path} is no TOML: {' '.join(str(error).split())}"
            raise UsageError(message, "mend that line") from error
        return tables
    message = "--groups needs tomli with this Python"
    raise UsageError(message, "pip install 'threadtop[metrics]'")
