"""For all tests: who shares what, when they run on several workers."""

from __future__ import annotations

import signal

import pytest


def pytest_configure() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl+C, and what they start would, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The live tests of a file share servers that are started once: one worker runs them all (``--dist loadgroup``)."""
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
