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
MOST_DESCRIPTORS: Final = 4096  # among which timerfds are looked for
MOST_TIMERS: Final = 500
TIMERFD: Final = "anon_inode:[timerfd]"
_PENDING, _BLOCKED = "SigPnd", "SigBlk"


class Timer(NamedTuple):
    """A POSIX timer (timer_create(2)): its id, the number of its signal, how and whom it tells, its clock."""

    number: int
    signal: int
    notify: str
    pid: int
    clock: int


class TimerFd(NamedTuple):
    """A timerfd: its descriptor, clock, ns until it fires (0: disarmed) and between two times; None not known."""

    fd: int
    clock: int | None
    value_ns: int | None
    interval_ns: int | None


class SignalFacts(NamedTuple):
    """``status`` of the process; ``masks`` by tid (pending, blocked) of the threads read so far, in hexadecimal.

    ``timers`` and ``timerfds`` are None where they may not be read.
    """

    status: Mapping[str, str]
    masks: Mapping[int, tuple[str, str]]
    timers: tuple[Timer, ...] | None
    timerfds: tuple[TimerFd, ...] | None
    pending_limit: str
    denials: tuple[Denial, ...]


class SignalReader:
    """Reads some threads' masks in each reading, all in turn; keeps those of the others."""

    def __init__(self, reader: ProcReader) -> None:
        """Read through ``reader``."""
        self._reader = reader
        self._masks: dict[int, tuple[str, str]] = {}
        self._whose = (0, 0)
        self._turn = 0

    def read(self, asked: Asked, sample: Sample) -> SignalFacts:
        """Signals and timers as they are now; raises GoneError."""
        process = sample.processes[asked.pid]
        access, status = opened(self._reader, asked, sample)
        if self._whose != (process.pid, process.start_ticks):
            self._whose, self._masks, self._turn = (process.pid, process.start_ticks), {}, 0
        self._read_masks(process.pid, sorted(process.threads))
        limits = access.parsed("limits", parse.parse_limits) or {}
        fds = access.attempt("fd", lambda: self._reader.descriptors_of(process.pid, MOST_DESCRIPTORS))
        return SignalFacts(
            status=status,
            masks=dict(self._masks),
            timers=access.parsed("timers", parse_timers),
            timerfds=None if fds is None else self._timerfds(process.pid, fds),
            pending_limit=limits.get("Max pending signals", ("", "", ""))[0],
            denials=tuple(access.denials.values()),
        )

    def close(self) -> None:
        """Forget the masks."""
        self._masks = {}

    def _read_masks(self, pid: int, tids: list[int]) -> None:
        start = self._turn if self._turn < len(tids) else 0
        self._turn = start + MOST_THREADS
        for tid in tids[start : self._turn]:
            try:
                status = parse.parse_status(self._reader.read_task(pid, tid, "status"))
            except (GoneError, DeniedError):
                continue
            self._masks[tid] = status.get(_PENDING, ""), status.get(_BLOCKED, "")
        for tid in self._masks.keys() - set(tids):
            del self._masks[tid]

    def _timerfds(self, pid: int, fds: list[int]) -> tuple[TimerFd, ...]:
        found = []
        for fd in fds:
            try:
                if self._reader.descriptor_link(pid, fd) == TIMERFD:
                    found.append(parse_timerfd(fd, self._reader.read(pid, f"fdinfo/{fd}")))
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
        signal = int(said["signal"].partition("/")[0])
        return Timer(int(said["ID"]), signal, f"{notify} {kind}", int(pid), int(said["ClockID"]))
    except (KeyError, ValueError):
        return None


def parse_timerfd(fd: int, raw: bytes) -> TimerFd:
    """``fdinfo`` of a timerfd: ``clockid``, ``it_value: (s, ns)``, ``it_interval: (s, ns)``."""
    said = dict(line.split(":", 1) for line in parse.decode(raw).splitlines() if ":" in line)
    clock = said.get("clockid", "").strip()
    return TimerFd(
        fd, int(clock) if clock.isdigit() else None, _span_ns(said, "it_value"), _span_ns(said, "it_interval")
    )


def _span_ns(said: Mapping[str, str], key: str) -> int | None:
    """``(1, 500000000)`` in ns."""
    seconds, _, ns = said.get(key, "").strip().strip("()").partition(",")
    try:
        return int(seconds) * 1_000_000_000 + int(ns)
    except ValueError:
        return None
