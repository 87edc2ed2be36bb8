"""For all tests: who shares what, when they run on several workers."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The live tests of a file share servers that are started once: one worker runs them all (``--dist loadgroup``)."""
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
