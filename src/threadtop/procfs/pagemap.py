"""Which pages were touched: ``pagemap`` (Documentation/admin-guide/mm/pagemap.rst), 8 bytes for each page; pure."""

from __future__ import annotations

import sys
from typing import Final

ENTRY_BYTES: Final = 8
_UPPER: Final = ENTRY_BYTES - 1 if sys.byteorder == "little" else 0
_UNTOUCHED: Final = bytes(range(0x40))  # of the upper byte: neither bit 63, in memory, nor bit 62, in swap


def touched(raw: bytes) -> int:
    """How many of the pages that this part tells of are in memory or in swap; a half entry at its end is left out."""
    whole = raw[: len(raw) - len(raw) % ENTRY_BYTES]
    return len(whole[_UPPER::ENTRY_BYTES].translate(None, _UNTOUCHED))
