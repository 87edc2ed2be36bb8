"""The terminal of a process as ps names it: ``tty_nr`` of stat, named by ``/proc/tty/drivers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.procfs.reader import ProcReader

NO_TTY: Final = "?"  # as ps has it
_FIELDS: Final = 5  # of a line: name, path, major, minors, type
_CONSOLES, _FIRST_SERIAL = 4, 64  # Documentation/admin-guide/devices.txt
_ALTERNATE: Final = 5  # console and the like: one device of that very name


class Driver(NamedTuple):
    """A terminal driver: where its terminals are (``pts``, ``ttyS``), and the device numbers that are its own."""

    path: str
    major: int
    first: int
    last: int


def parse_drivers(raw: bytes) -> tuple[Driver, ...]:
    """The drivers in ``/proc/tty/drivers``; lines that say something else are left out."""
    drivers = []
    for line in parse.decode(raw).splitlines():
        words = line.split()
        first, _, last = words[3].partition("-") if len(words) >= _FIELDS - 1 else ("", "", "")
        if not (words and first.isdigit() and words[2].isdigit() and (last or first).isdigit()):
            continue
        drivers.append(Driver(words[1].removeprefix("/dev/"), int(words[2]), int(first), int(last or first)))
    return tuple(drivers)


def name(tty_nr: int, drivers: Iterable[Driver]) -> str:
    """``pts/3``, ``ttyS0``, ``console``; "?" for no terminal; ``MAJOR:MINOR`` where no driver is known."""
    if not tty_nr:
        return NO_TTY
    # As new_encode_dev() puts them together (include/linux/kdev_t.h).
    major, minor = tty_nr >> 8 & 0xFFF, tty_nr & 0xFF | tty_nr >> 12 & 0xFFF00
    if major == _CONSOLES and minor < _FIRST_SERIAL:
        return f"tty{minor}"
    for driver in drivers:
        if driver.major != major or not driver.first <= minor <= driver.last:
            continue
        number = minor - driver.first
        if major == _ALTERNATE:
            return driver.path
        return f"{driver.path}{'/' if driver.path == 'pts' else ''}{number}"
    return f"{major}:{minor}"


def read(reader: ProcReader, pids: Iterable[int]) -> dict[int, str]:
    """The terminals of processes by pid; those that have ended or are hidden are not in it."""
    drivers = parse_drivers(reader.read_global("tty/drivers") or b"")
    found = {}
    for pid in pids:
        try:
            found[pid] = name(parse.parse_stat(reader.read(pid, "stat")).tty_nr, drivers)
        except (GoneError, DeniedError, ValueError, IndexError):
            continue
    return found
