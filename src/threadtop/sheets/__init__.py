"""Sheets: the panes that are made of fields and tables, for the screen, as text and as JSON; one file for each."""

from __future__ import annotations

from typing import Final

from threadtop.sheets import files, protection
from threadtop.sheets.sheet import Kind

KINDS: Final = (
    Kind("files", "Files", "peers", files.sheet, files.TERMS),
    Kind("protection", "Protection", "permissions", protection.sheet, protection.TERMS),
)
"""In the order of their tabs."""
BY_NAME: Final = {kind.name: kind for kind in KINDS}
