"""Names of the signals in a mask of ``status`` (signal(7), x86-64 and arm numbers); pure."""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    "HUP",
    "INT",
    "QUIT",
    "ILL",
    "TRAP",
    "ABRT",
    "BUS",
    "FPE",
    "KILL",
    "USR1",
    "SEGV",
    "USR2",
    "PIPE",
    "ALRM",
    "TERM",
    "STKFLT",
    "CHLD",
    "CONT",
    "STOP",
    "TSTP",
    "TTIN",
    "TTOU",
    "URG",
    "XCPU",
    "XFSZ",
    "VTALRM",
    "PROF",
    "WINCH",
    "IO",
    "PWR",
    "SYS",
)
"""From signal 1 on."""
RT_FIRST: Final = 32  # the kernel's SIGRTMIN
_CANCEL: Final = 32  # glibc keeps two for itself: pthread_cancel(3), and setuid(2) in all threads
_SETXID: Final = 33
_RTMIN: Final = 34  # SIGRTMIN as programs see it
MOST: Final = 64
_UNCHANGEABLE: Final = frozenset((9, 19))  # KILL and STOP, which nobody can block, ignore or catch
_NEARLY_ALL: Final = 48  # from which on those are named that are not among them
_RUN: Final = 3  # real-time signals in a row, told as a range


def name(number: int) -> str:
    """The name of a signal without SIG: ``TERM``, ``RTMIN+3``; glibc's own by what it uses them for."""
    if 1 <= number <= len(NAMES):
        return NAMES[number - 1]
    if number in {_CANCEL, _SETXID}:
        return "CANCEL" if number == _CANCEL else "SETXID"
    return f"RTMIN+{number - _RTMIN}" if number > _RTMIN else "RTMIN" if number == _RTMIN else str(number)


def numbers(mask_hex: str) -> list[int] | None:
    """The signals in a mask as ``status`` writes it, lowest first; None where it is no number."""
    try:
        mask = int(mask_hex, 16)
    except ValueError:
        return None
    return [bit + 1 for bit in range(min(MOST, mask.bit_length())) if mask >> bit & 1]


def names(mask_hex: str) -> list[str] | None:
    """As ``numbers``, by name."""
    found = numbers(mask_hex)
    return None if found is None else [name(number) for number in found]


def words(found: list[int]) -> str:
    """Signals for a reader: ``HUP TERM RTMIN to +30``; of nearly all, those that are not there: ``all but HUP``."""
    if len(found) < _NEARLY_ALL:
        return " ".join(_ranges(found)) or "none"
    missing = sorted({*range(1, MOST + 1)} - {*found} - _UNCHANGEABLE - {_CANCEL, _SETXID})
    return f"all but {' '.join(_ranges(missing))}" if missing else "all"


def _ranges(found: list[int]) -> list[str]:
    """Names, real-time signals in a row as one."""
    parts: list[str] = []
    at = 0
    while at < len(found):
        end = at
        while end + 1 < len(found) and found[end + 1] == found[end] + 1 and found[at] >= _RTMIN:
            end += 1
        if end - at + 1 >= _RUN:
            parts.append(f"{name(found[at])} to +{found[end] - _RTMIN}")
        else:
            parts += map(name, found[at : end + 1])
        at = end + 1
    return parts
