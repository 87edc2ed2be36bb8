"""Numbers, durations, names and bars as text; the only formatting code; pure.

A *cell string* has one character for each cell of the terminal: a wide character is followed by
FILLER, which ``plain`` takes out again.  So columns can be cut, padded and compared by index.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from threadtop.snapshot import Estimate


class Sign(str):
    """A text that is told by its identity: a thread may have the same name."""

    __slots__ = ()


UNKNOWN: Final = "-"
SHARED: Final = Sign("·")
ELLIPSIS: Final = "…"
FILLER: Final = "\0"

_DELETE = 0x7F
# Letters and signs that take no cell of their own: Hangul vowels and finals, fillers, skin tones.
_JOINING: Final = frozenset(
    map(chr, (*range(0x1160, 0x1200), 0x3164, *range(0xD7B0, 0xD800), 0xFFA0, *range(0x1F3FB, 0x1F400)))
)


def visible(name: str) -> str:
    """A name made harmless as a cell string: control bytes, escapes and odd bytes are shown, never sent."""
    return name if name.isascii() and name.isprintable() else _made_visible(name)


@lru_cache(maxsize=4096)
def _made_visible(name: str) -> str:
    return "".join(map(_visible_character, name))


def _visible_character(character: str) -> str:
    code = ord(character)
    if code < ord(" "):
        return "^" + chr(code + ord("@"))
    if code == _DELETE:
        return "^?"
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 a byte that is not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    # Spaces other than the plain one, marks that combine, and everything that has no picture of its
    # own (directions, joiners, unassigned) could hide or move what stands next to it.
    if character in _JOINING or (unicodedata.category(character)[0] in "CMZ" and character != " "):
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 the BMP
    return character + FILLER if unicodedata.east_asian_width(character) in "WF" else character


def pasteable(value: str) -> str:
    """What may be pasted: as it is, but for control characters, which a shell or a terminal would obey."""
    return value if value.isprintable() else "".join(map(_pasteable_character, value))


def _pasteable_character(character: str) -> str:
    is_control = unicodedata.category(character) in {"Cc", "Cf"} and character != "\t"
    return _visible_character(character) if is_control else character


def plain(cells: str) -> str:
    """A cell string as it is sent: without the fillers."""
    return cells.replace(FILLER, "")


def fit(cells: str, width: int, *, right: bool = False) -> str:
    """A cell string of exactly ``width`` cells: padded, or cut with an ellipsis."""
    length = len(cells)
    if length > width:
        if width <= 0:
            return ""
        kept = cells[: width - 1]
        if cells[width - 1] == FILLER:  # half of a wide character
            kept = kept[:-1] + " "
        return kept + ELLIPSIS
    return cells.rjust(width) if right else cells.ljust(width)


def fit_path(cells: str, width: int) -> str:
    """As ``fit``, but a path is cut in its middle: its last name tells most."""
    length = len(cells)
    if length <= width or width < _LEAST_PATH or "/" not in cells:
        return fit(cells, width)
    kept = min(max(width // 2, length - cells.rfind("/")), width - _LEAST_PATH // 2)
    tail = cells[length - kept :]
    if tail[0] == FILLER:  # half of a wide character
        tail = " " + tail[1:]
    return fit(cells, width - kept) + tail


_LEAST_PATH: Final = 8


def percent(value: float | None) -> str:
    """A share in %, one decimal; whole numbers from 1000 on."""
    if value is None:
        return UNKNOWN
    return f"{value:.1f}" if value < 999.95 else f"{value:.0f}"  # noqa: PLR2004 where the width would grow


def share(value: float | None) -> str:
    """A share in % as ``percent`` has it; an estimate is whole and marked: ``~70``."""
    return f"~{value:.0f}" if isinstance(value, Estimate) else percent(value)


def points(value: float | None) -> str:
    """A share in whole %, for what a few hundred looks have found; an estimate is marked: ``~70``."""
    if value is None:
        return UNKNOWN
    if isinstance(value, Estimate):
        return f"~{value:.0f}"
    return "<1" if 0 < value <= 0.5 else f"{value:.0f}"  # noqa: PLR2004 it would round to 0, which it is not


def average(value: float | None) -> str:
    """How many on average, one decimal; an estimate is marked: ``~2.7``."""
    if value is None:
        return UNKNOWN
    return f"~{value:.1f}" if isinstance(value, Estimate) else f"{value:.1f}"


def rate(value: float | None) -> str:
    """Events per second: whole, with thousands set apart; what happens less than once is ``<1``."""
    if value is None:
        return UNKNOWN
    if 0 < value <= 0.5:  # noqa: PLR2004 it would round to 0, which it is not
        return "<1"
    if value >= 999_999.5:  # noqa: PLR2004 where the width would grow
        return f"{value / 1_000_000:.1f}M"
    return f"{value:,.0f}"


def count(value: int | None) -> str:
    """A whole number; None is unknown."""
    return UNKNOWN if value is None else str(value)


def priority(value: int | None) -> str:
    """A kernel priority as top has it: the highest real-time one, -100, is ``rt``."""
    return "rt" if value == -100 else count(value)  # noqa: PLR2004 MAX_RT_PRIO, include/linux/sched/prio.h


def thousands(value: float | None) -> str:
    """A whole number with thousands set apart."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def many(value: float | None, one: str) -> str:
    """So many of something: ``1 thread``, ``1,200 processes``; one word, or the last of some."""
    said = thousands(value)
    return f"{said} {one}{'' if said == '1' else 'es' if one.endswith('s') else 's'}"


def cpu_time(value_ns: int | None) -> str:
    """CPU time as top's TIME+: minutes, seconds and hundredths; then hours and minutes, then days and hours."""
    if value_ns is None:
        return UNKNOWN
    hundredths = value_ns // 10_000_000
    minutes, rest = divmod(hundredths, 6000)
    if minutes < 100:  # noqa: PLR2004 two digits
        return f"{minutes}:{rest // 100:02d}.{rest % 100:02d}"
    hours, minutes = divmod(minutes, 60)
    if hours < 100:  # noqa: PLR2004
        return f"{hours}h{minutes:02d}"
    return f"{hours // 24}d{hours % 24:02d}h"


def duration(seconds: float | None) -> str:
    """A span of time in its two largest units: ``12 d 4:11``, ``4:11 h``, ``3 min 20 s``, ``8 s``."""
    if seconds is None:
        return UNKNOWN
    whole = int(seconds)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour}:{minute:02d}"
    if hours:
        return f"{hours}:{minute:02d} h"
    return f"{minute} min {second} s" if minute else f"{second} s"


def size(value_bytes: float | None) -> str:
    """Bytes with a binary unit and three digits: ``812K``, ``5.1G``."""
    if value_bytes is None:
        return UNKNOWN
    value = float(value_bytes)
    for unit in ("B", "K", "M", "G", "T"):
        if value < 999.5 or unit == "T":  # noqa: PLR2004 three digits
            return f"{value:.0f}{unit}" if value >= 99.5 or unit == "B" else f"{value:.1f}{unit}"  # noqa: PLR2004
        value /= 1024
    raise AssertionError  # unreachable: T takes all


def meter(parts: list[tuple[float, str]], width: int, empty: str = "░") -> str:
    """A bar of ``width`` cells; ``parts`` are (share of 1, filling character), rounded to whole cells in sum."""
    bar, filled, total = "", 0, 0.0
    for share, character in parts:
        total += max(0.0, share)
        upto = min(width, round(total * width))
        bar += character * (upto - filled)
        filled = max(filled, upto)
    return bar + empty * (width - filled)


_SPARKS: Final = " ▁▂▃▄▅▆▇█"


def sparkline(values: list[float | None], width: int, top: float) -> str:
    """The last ``width`` values as columns of up to eight eighths of ``top``; unknown is a dot."""
    shown = values[-width:] if width > 0 else []
    marks: list[str] = []
    for value in shown:
        if value is None:
            marks.append(SHARED)
        else:
            eighths = round(max(0.0, min(1.0, value / top)) * 8) if top > 0 else 0
            marks.append(_SPARKS[max(eighths, 1 if value > 0 else 0)])
    return "".join(marks).rjust(width)
