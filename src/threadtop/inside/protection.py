"""Who a process is to the kernel, and what it may do: ids, capabilities, filters, labels (proc(5), capabilities(7))."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import host
from threadtop.inside.access import name_of, opened
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample


MOST_NAMED: Final = 64  # ids of a process that are looked up: a server of names may have to be asked for each


class ProtectionFacts(NamedTuple):
    """``status`` as in parse.parse_status; ``label`` of the security module, ``login_uid``: None not known, or none.

    ``users`` and ``groups`` are the names of its uids and gids, where they have one.
    ``is_dumpable``: whether its files belong to its own user: to root where it is not dumpable (proc(5)); None of
    root's own processes, of which that cannot be told, and of one without memory.
    """

    status: Mapping[str, str]
    label: str | None
    login_uid: int | None
    is_dumpable: bool | None
    tracer: str
    users: Mapping[int, str]
    groups: Mapping[int, str]
    denials: tuple[Denial, ...]


class ProtectionReader:
    """Reads ``status``, ``attr/current`` and ``loginuid``; looks each uid and gid up once."""

    def __init__(
        self,
        reader: ProcReader,
        user_name: Callable[[int], str] = host.user_name,
        group_name: Callable[[int], str] = host.group_name,
    ) -> None:
        """Read through ``reader``; the others name a uid and a gid, by its number where it has no name."""
        self._reader = reader
        self._user_name = lru_cache(MOST_NAMED)(user_name)
        self._group_name = lru_cache(MOST_NAMED)(group_name)

    def read(self, asked: Asked, sample: Sample) -> ProtectionFacts:
        """What the process may do; raises GoneError."""
        process = sample.processes[asked.pid]
        access, status = opened(self._reader, asked, sample)
        label = access.read("attr/current")
        login = access.parsed("loginuid", int)
        gids = [*numbers(status.get("Gid")), *numbers(status.get("Groups"))]
        return ProtectionFacts(
            status=status,
            label=parse.decode(label.rstrip(b"\0\n")) if label else None,
            login_uid=login,
            is_dumpable=access.attempt("owner", lambda: self._is_dumpable(access.where, process.uid, status)),
            tracer=name_of(self._reader, int(status.get("TracerPid", "0") or 0)) or "",
            users=_named([*numbers(status.get("Uid")), *([login] if login else [])], self._user_name),
            groups=_named(gids, self._group_name),
            denials=tuple(access.denials.values()),
        )

    def _is_dumpable(self, pid: int, uid: int | None, status: Mapping[str, str]) -> bool | None:
        return self._reader.owner(pid) == uid if uid and "VmSize" in status else None

    def close(self) -> None:
        """Nothing is held."""


def numbers(words: str | None) -> list[int]:
    """The ids of a line of ``status``."""
    return [int(word) for word in (words or "").split() if word.isdigit()]


def _named(ids: Sequence[int], name: Callable[[int], str]) -> dict[int, str]:
    found = {one: name(one) for one in dict.fromkeys(ids[:MOST_NAMED])}
    return {one: called for one, called in found.items() if called != str(one)}
