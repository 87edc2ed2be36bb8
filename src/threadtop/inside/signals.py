"""Signals and timers: masks of a process and its threads, what is pending, POSIX timers, timerfds (proc(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.inside.access import opened
from threadtop.procfs import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.inside.asked import Asked, Denial
    from threadtop.procfs.reader import ProcReader
    from threadtop.sample import Sample

MOST_THREADS: Final = 500  # whose masks are read in one reading; the others follow in turn
MOST_DESCRIPTORS: Final = 4096  # among which timerfds are looked for in one reading; the others follow
_INFO_BYTES: Final = 4096
MOST_TIMERS: Final = 500
TIMERFD: Final = "anon_inode:[timerfd]"
_PENDING, _BLOCKED = "SigPnd", "SigBlk"


class Timer(NamedTuple):
    """A POSIX timer (timer_create(2)): its id, the number of its signal, how and whom it tells, its clock."""

    number: int
    signal: int
    notify: str
    pid: int
    clock: int | None


class TimerFd(NamedTuple):
    """A timerfd: its descriptor, clock, ns until it fires (0: disarmed) and between two times; None not known.

    ``unread``: how often it has fired since it was read.
    """

    fd: int
    clock: int | None
    value_ns: int | None
    interval_ns: int | None
    unread: int | None = None


class SignalFacts(NamedTuple):
    """``status`` of the process; ``masks`` by tid (pending, blocked) of the threads read so far, in hexadecimal.

    ``timers`` and ``timerfds`` are None where they may not be read; for the latter ``looked`` of ``descriptors`` have
    been looked at so far.  ``is_pending``: the next reading will bring more.
    """

    status: Mapping[str, str]
    masks: Mapping[int, tuple[str, str]]
    timers: tuple[Timer, ...] | None
    timerfds: tuple[TimerFd, ...] | None
    pending_limit: str
    denials: tuple[Denial, ...]
    looked: int = 0
    descriptors: int = 0
    is_pending: bool = False


class SignalReader:
    """Reads some threads' masks and some descriptors in each reading, all in turn; keeps the others."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._whose = (0, 0)
        self._begin()

    def _begin(self) -> None:
        """Nothing is known."""
        self._masks: dict[int, tuple[str, str]] = {}
        self._turn = 0
        self._timerfds: set[int] = set()
        self._next = 0  # the descriptor to go on with
        self._looked = 0
        self._have_all_been_seen = False
        self._have_all_been_asked = False  # the threads

    def read(self, asked: Asked, sample: Sample) -> SignalFacts:
        """Signals and timers as they are now; raises GoneError."""
        process = sample.processes[asked.pid]
        access, status = opened(self._reader, asked, sample)
        if self._whose != (process.pid, process.start_ticks):
            self._whose = process.pid, process.start_ticks
            self._begin()
        self._read_masks(process.pid, sorted(process.threads))
        limits = access.parsed("limits", parse.parse_limits) or {}
        where = access.where
        is_seen = access.attempt("fd", lambda: self._look(where)) is not None
        count = access.attempt("fd", lambda: self._reader.descriptors_taken(where) or 0) or 0
        is_looking = is_seen and not self._have_all_been_seen
        return SignalFacts(
            status=status,
            masks=dict(self._masks),
            timers=access.parsed("timers", parse_timers),
            timerfds=self._read_timerfds(where) if is_seen else None,
            pending_limit=limits.get("Max pending signals", ("", "", ""))[0],
            denials=tuple(access.denials.values()),
            looked=self._looked,
            descriptors=max(count, self._looked) if is_looking else self._looked,
            is_pending=is_looking or not self._have_all_been_asked,
        )

    def close(self) -> None:
        """Forget all."""
        self._begin()

    def _read_masks(self, pid: int, tids: list[int]) -> None:
        start = self._turn if self._turn < len(tids) else 0
        self._turn = start + MOST_THREADS
        for tid in tids[start : self._turn]:
            try:
                status = parse.parse_status(self._reader.read_task(pid, tid, "status"))
            except (GoneError, DeniedError):
                continue
            self._masks[tid] = status.get(_PENDING, ""), status.get(_BLOCKED, "")
        self._have_all_been_asked |= self._turn >= len(tids)
        for tid in self._masks.keys() - set(tids):
            del self._masks[tid]

    def _look(self, pid: int) -> bool:
        """Look for timerfds among the next descriptors."""
        start = self._next
        fds = self._reader.descriptors_from(pid, start, MOST_DESCRIPTORS)
        is_last = len(fds) < MOST_DESCRIPTORS
        self._timerfds = {fd for fd in self._timerfds if fd < start or (not is_last and fd > fds[-1])}
        for fd in fds:
            try:
                if self._reader.descriptor_link(pid, fd) == TIMERFD:
                    self._timerfds.add(fd)
            except (GoneError, DeniedError, ThreadtopError, OSError):
                continue
        if not self._have_all_been_seen:
            self._looked += len(fds)
        self._next = 0 if is_last else fds[-1] + 1
        self._have_all_been_seen |= is_last
        return True

    def _read_timerfds(self, pid: int) -> tuple[TimerFd, ...]:
        found = []
        for fd in sorted(self._timerfds)[:MOST_TIMERS]:
            try:
                found.append(parse_timerfd(fd, self._reader.descriptor_info(pid, fd, _INFO_BYTES)))
            except (GoneError, DeniedError, ThreadtopError, OSError):
                continue
        return tuple(found)


def parse_timers(raw: bytes) -> tuple[Timer, ...]:
    """``timers``: blocks of ``ID``, ``signal``, ``notify``, ``ClockID`` (fs/proc/base.c); one cut short is left out."""
    blocks: list[dict[str, str]] = []
    for line in parse.decode(raw).splitlines():
        key, _, value = line.partition(":")
        if key == "ID":
            blocks.append({})
        if blocks:
            blocks[-1][key] = value.strip()
    return tuple(one for one in map(_timer, blocks[:MOST_TIMERS]) if one is not None)


def _timer(said: Mapping[str, str]) -> Timer | None:
    """A block as a Timer: ``signal: 10/0``, ``notify: signal/pid.8017``; None where it is cut short."""
    try:
        notify, _, whom = said["notify"].partition("/")
        kind, _, pid = whom.partition(".")
        signal, clock = int(said["signal"].partition("/")[0]), said.get("ClockID")
        return Timer(int(said["ID"]), signal, f"{notify} {kind}", int(pid), int(clock) if clock else None)
    except (KeyError, ValueError):
        return None


def parse_timerfd(fd: int, raw: bytes) -> TimerFd:
    """``fdinfo`` of a timerfd: ``clockid``, ``ticks``, ``it_value: (s, ns)``, ``it_interval: (s, ns)``."""
    said = dict(line.split(":", 1) for line in parse.decode(raw).splitlines() if ":" in line)
    clock = said.get("clockid", "").strip()
    ticks = said.get("ticks", "").strip()
    return TimerFd(
        fd,
        int(clock) if clock.isdigit() else None,
        _span_ns(said, "it_value"),
        _span_ns(said, "it_interval"),
        int(ticks) if ticks.isdigit() else None,
    )


def _span_ns(said: Mapping[str, str], key: str) -> int | None:
    """``(1, 500000000)`` in ns."""
    seconds, _, ns = said.get(key, "").strip().strip("()").partition(",")
    try:
        return int(seconds) * 1_000_000_000 + int(ns)
    except ValueError:
        return None
