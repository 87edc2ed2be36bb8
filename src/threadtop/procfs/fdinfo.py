"""What ``/proc/PID/fdinfo/FD`` says of a descriptor (proc(5)); pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from threadtop.procfs import parse

MOST_WATCHED: Final = 10_000  # descriptors of one epoll


class FdInfo(NamedTuple):
    """``position`` in bytes, ``flags`` as open(2) has them; ``watched`` the descriptors that an epoll watches.

    ``counter`` is that of an eventfd, ``pid`` the process of a pidfd, ``watches`` how many an inotify has; None for
    what the descriptor does not have.
    """

    position: int | None
    flags: int | None
    watched: tuple[int, ...] | None = None
    counter: int | None = None
    pid: int | None = None
    watches: int | None = None


def parse_fdinfo(raw: bytes) -> FdInfo:
    """The lines of a fdinfo: ``key: value``, several with the same key where it watches others."""
    said: dict[str, list[str]] = {}
    for line in parse.decode(raw).splitlines():
        key, colon, value = line.partition(":")
        if colon:
            said.setdefault(key.strip(), []).append(value.strip())
    watched = said.get("tfd")
    inotify = [key for key in said if key.startswith("inotify wd")]
    return FdInfo(
        position=_number(said, "pos", 10),
        flags=_number(said, "flags", 8),
        watched=tuple(sorted(int(word) for word in map(_first, watched[:MOST_WATCHED]) if word.isdigit()))
        if watched
        else None,
        counter=_number(said, "eventfd-count", 16),
        pid=_number(said, "Pid", 10),
        watches=sum(len(said[key]) for key in inotify) or None,
    )


def _first(words: str) -> str:
    return words.split(" ", 1)[0]


def _number(said: dict[str, list[str]], key: str, base: int) -> int | None:
    try:
        return int(said[key][0], base)
    except (KeyError, ValueError):
        return None
