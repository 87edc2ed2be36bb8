"""For all tests: who shares what, when they run on several workers."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path

import pytest

# What pytest makes of asserts is kept, whatever the environment says: it takes longer than all else of the collection.
sys.dont_write_bytecode = False


def pytest_configure() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl+C, and what they start would, too.

    So it is with nohup and SIGHUP; there what catches it does nothing, and is not handed on.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Workers of a run of all tests share the work on asserts: each begins with other modules, and leaves them done."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    folder = Path(__file__).parent.resolve()
    if workers > 1 and [Path(argument).resolve() for argument in session.config.args] == [folder]:
        for path in sorted(folder.glob("test_*.py"))[worker::workers]:
            importlib.import_module(path.stem)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The live tests of a file share servers that are started once: one worker runs them all (``--dist loadgroup``)."""
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
