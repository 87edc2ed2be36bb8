from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = Path(__file__).parent.parent / "screenshots"


def load() -> ModuleType:
    """screenshots/make.py as a module."""
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = load()


@pytest.mark.parametrize("picture", MAKE.PICTURES, ids=lambda picture: picture.name)
def test_picture_is_current(picture: object) -> None:
    """The pictures show the program as it is (python screenshots/make.py makes them)."""
    svg = asyncio.run(MAKE.svg_of(picture))
    name = getattr(picture, "name", "")
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == svg
    drawn = (FOLDER / f"{name}.png").read_bytes()
    assert MAKE.text_chunk(MAKE.DIGEST_KEY, MAKE.digest(svg)) in drawn
