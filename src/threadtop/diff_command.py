"""``threadtop diff``: two recordings, two moments of one, or two JSON documents: what is different."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from threadtop import __version__, cli, filters, headless, record_command, targets, text
from threadtop import arguments as values
from threadtop.comparing import documents
from threadtop.comparing.averages import Averages
from threadtop.comparing.changes import compare
from threadtop.comparing.document import document
from threadtop.comparing.lines import MOST_ROWS, report_lines
from threadtop.errors import EXIT_OK, AbsentError, DocumentError, RecordingError, UsageError
from threadtop.meaning import Meaning
from threadtop.recording import times
from threadtop.recording.reader import Recording
from threadtop.recording.replay import LEAST_TICKS, WINDOW_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from threadtop.comparing.changes import By
    from threadtop.comparing.entries import Entry, Side
    from threadtop.filters import Filter
    from threadtop.snapshot import Row, Snapshot

OVER_S: Final = 10.0  # how much of a recording one moment is
MOST_BYTES: Final = 128_000_000  # of JSON, which takes five times that as it is read
_MAGIC: Final = b"SQLite format 3\0"
_MOMENTS: Final = ("--at", "--and")
_FILTERED: Final = frozenset({
    "pid", "tid", "process", "name", "command", "user", "state", "reason", "cpu_pct", "wait_pct", "gil_pct",
    "gil_wait_pct", "lock_pct", "disk_pct", "vol_per_s", "invol_per_s",
})  # fmt: skip
"""Columns that are known of what is compared."""


class Asked(NamedTuple):
    """What the user asked for: one file or two, two moments of one, what is compared and how it is told."""

    files: tuple[Path, ...]
    first: times.Named
    second: times.Named
    over_s: float
    pids: frozenset[int]
    filter: Filter | None
    threads: bool
    by: By | None
    json: bool
    most: int | None
    width: int | None


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="threadtop diff",
        usage=(
            "threadtop diff BEFORE AFTER [options]\n"
            "       threadtop diff FILE [--at TIME] [--and TIME] [--over TIME] [options]"
        ),
        description=(
            "Compare two recordings, two JSON documents (threadtop --once --json, or many in lines from -b --jsonl), "
            "or two moments of one: threads that are new or gone, changed rates, reasons and findings, the largest "
            "first.  Figures are means over each side.  Threads are matched by their ids on the same boot, by the "
            "names of their program and their own, without digits, elsewhere."
        ),
        epilog=(
            "TIME: 90s, 10m from the start, -30s from the end, 03:15:20 or 2026-11-27T03:15:20Z (UTC).  Without "
            "--at and --and a single FILE's beginning is compared with its end.  Exit code: 0 compared, different or "
            "not, 1 a failure (a file that cannot be read), 2 bad usage, or a process that is in none."
        ),
        allow_abbrev=False,
    )
    say = parser.add_argument
    say("files", nargs="+", metavar="FILE", help="recordings (threadtop record) or JSON")
    say("--at", metavar="TIME", dest="first", help="one moment of FILE (its beginning)")
    say("--and", metavar="TIME", dest="second", help="the other moment of FILE (its end)")
    say("--over", metavar="TIME", help=f"how long each moment is ({OVER_S:g}s)")
    say("-p", "--pid", action="append", metavar="PID[,PID]", help="only these processes")
    say("--filter", metavar="EXPR", help="only what matches on either side, e.g. 'cpu>5 name~worker'")
    say("-H", "--threads", action="store_true", default=True, dest="threads", help="compare threads (the default)")
    say("--no-threads", action="store_false", default=True, dest="threads", help="compare processes")
    say("--by", choices=("ids", "names"), help="how to match; names: also where a program was started anew")
    say("--json", action="store_true", help="one JSON document (threadtop --schema)")
    say("-n", "--rows", metavar="N", help=f"rows of each table ({MOST_ROWS}; of JSON all)")
    say("-w", "--width", metavar="COLUMNS", help="cut text output at this width")
    say("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def parse(arguments: Sequence[str]) -> Asked:
    """The arguments behind ``diff``; raises UsageError."""
    said = _parser().read(arguments)
    has_moments = any(value is not None for value in (said.first, said.second, said.over))
    if len(said.files) > 2:  # noqa: PLR2004 a side each
        message = f"{len(said.files)} files are too many to compare"
        raise UsageError(message, "name two, or one and --at TIME --and TIME")
    if len(said.files) > 1 and has_moments:
        message = "--at, --and and --over are moments of one file, and these are two"
        raise UsageError(message, "leave them out, or name one file")
    return Asked(
        files=tuple(map(Path, said.files)),
        first=times.parse("0" if said.first is None else said.first, "--at"),
        second=times.parse("-0" if said.second is None else said.second, "--and"),
        over_s=record_command.span_s(said.over, "--over") or OVER_S,
        pids=frozenset(pid for value in said.pid or () for pid in targets.parse_pids(value)),
        filter=_filter(said.filter),
        threads=said.threads,
        by=said.by,
        json=said.json,
        most=values.whole(said.rows, "-n"),
        width=values.whole(said.width, "-w"),
    )


def _filter(source: str | None) -> Filter | None:
    found = filters.parse_filter(source) if source else None
    odd = [field for field in found.fields if field.key not in _FILTERED] if found is not None else []
    if odd:
        message = f"a comparison knows no {odd[0].title}"
        raise UsageError(message, "filter by names, ids, cpu, wait, vol, invol, gil, gil_wait, lock, disk or reason")
    return found


def main(arguments: Sequence[str]) -> int:
    """Run ``threadtop diff`` with what stands behind it; returns the exit code."""
    asked = parse(arguments)
    cli.end_cleanly()
    headless.prepare_output(json=asked.json)
    before, after = _sides(asked)
    if asked.pids:
        before, after = _only(asked.pids, before, after)
    found = compare(before, after, threads=asked.threads, by=asked.by, keep=_kept(asked.filter))
    if asked.json:
        sys.stdout.write(json.dumps(document(found, asked.most), allow_nan=False, separators=(",", ":")) + "\n")
    else:
        width = asked.width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
        headless.write_lines(report_lines(found, width, asked.most or MOST_ROWS))
    return EXIT_OK


def _only(pids: frozenset[int], *sides: Side) -> list[Side]:
    """Sides with only these processes; raises AbsentError for one that is on none."""
    missing = pids - {entry.pid for side in sides for entry in side.processes}
    if missing:
        message = f"process {', '.join(map(str, sorted(missing)))} is on neither side"
        raise AbsentError(message, "threadtop diff --no-threads names those that changed")
    return [
        side._replace(
            threads=tuple(entry for entry in side.threads if entry.pid in pids),
            processes=tuple(entry for entry in side.processes if entry.pid in pids),
            findings=tuple(found for found in side.findings if found.pid in pids),
        )
        for side in sides
    ]


def _kept(wanted: Filter | None) -> Callable[[Entry], bool]:
    """The filter as a test of what is compared, which has the fields of rows that ``_FILTERED`` names."""
    if wanted is None:
        return lambda _: True
    return lambda entry: wanted.matches(cast("Row", entry), {})


# -- the two sides -----------------------------------------------------------------------------


class _Series(Protocol):
    """What is in a file: readings in order, each of which stands for the time since the one before."""

    name: str
    begin: float
    """Wall clock in s from which on it says something."""
    ends: list[float]
    """Wall clock in s at which each reading was taken."""

    def side(self, first: int, last: int) -> Side:
        """The readings from index ``first`` to ``last``, both included."""

    def close(self) -> None:
        """Let the file go."""


class _Recorded:
    """A recording; its first tick has no rates, and is no reading of its own."""

    def __init__(self, path: Path, name: str) -> None:
        """Open it; raises RecordingError."""
        self.name = name
        self._recording = Recording(path)
        ticks = self._recording.ticks
        if len(ticks) == 1:
            self.close()
            message = f"{name} has one tick, and no rates"
            raise RecordingError(message, "record for longer")
        self.begin, self.ends = ticks[0].time, [tick.time for tick in ticks[1:]]

    def side(self, first: int, last: int) -> Side:
        """The mean of these ticks."""
        averages = Averages()
        for shot in self._snapshots(first + 1, last + 1):
            averages.add(shot)
        return averages.side(self.name)

    def _snapshots(self, first: int, last: int) -> Iterator[Snapshot]:
        """As Replay gives them one by one, each with its own locks and findings."""
        start = self._recording.first_of(first, WINDOW_NS, LEAST_TICKS)
        meaning = Meaning()
        for index, moment in enumerate(self._recording.moments(start, last + 1), start):
            raw = meaning.rates(moment.sample)
            if index < first:
                meaning.windows(moment.sample, raw)
            else:
                yield meaning.shares(moment.sample, raw, moment.gils)._replace(findings=moment.findings)

    def close(self) -> None:
        """Let the file go."""
        self._recording.close()


class _Documents:
    """One JSON document, or several in lines."""

    def __init__(self, name: str, whole: str) -> None:
        """Read them; raises DocumentError."""
        self.name = name
        self._shots = documents.snapshots(name, whole)
        self.begin = self._shots[0].time - (self._shots[0].interval_s or 0.0)
        self.ends = [shot.time for shot in self._shots]

    def side(self, first: int, last: int) -> Side:
        """The mean of these."""
        averages = Averages()
        for shot in self._shots[first : last + 1]:
            averages.add(shot)
        return averages.side(self.name)

    def close(self) -> None:
        """It was closed as it was read."""


def _opened(path: Path) -> _Series:
    """What is in a file, told by how it begins; raises RecordingError or DocumentError."""
    name = text.plain(text.visible(str(path)))
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
            if start == _MAGIC:
                return _Recorded(path, name)
            rest = file.read(MOST_BYTES)
    except OSError as error:
        message = f"cannot read {name}: {error.strerror or error}"
        raise DocumentError(message, "name recordings, or what threadtop --once --json has printed") from None
    if len(rest) == MOST_BYTES:
        message = f"{name} is more than {text.size(MOST_BYTES)} of JSON"
        raise DocumentError(message, "compare recordings (threadtop record), or fewer lines")
    try:
        return _Documents(name, (start + rest).decode())
    except UnicodeDecodeError:
        message = f"{name} is neither a recording nor JSON"
        raise DocumentError(message, "name recordings, or what threadtop --once --json has printed") from None


def _sides(asked: Asked) -> tuple[Side, Side]:
    if len(asked.files) == 1:
        series = _opened(asked.files[0])
        try:
            return _moments(series, asked)
        finally:
            series.close()
    before, after = (_whole(path) for path in asked.files)
    return before, after


def _whole(path: Path) -> Side:
    series = _opened(path)
    try:
        return series.side(0, len(series.ends) - 1)
    finally:
        series.close()


def _moments(series: _Series, asked: Asked) -> tuple[Side, Side]:
    """Two moments of one file; raises UsageError where these are one."""
    begin, end = series.begin, series.ends[-1]
    named = [moment.within(begin, end) for moment in (asked.first, asked.second)]
    for flag, moment in zip(_MOMENTS, named, strict=True):
        if not begin - 1 <= moment <= end + 1:
            message = f"{flag}: there is nothing of that moment in {series.name}"
            raise UsageError(message, times.stretch(begin, end))
    spans = [
        readings(series.begin, series.ends, span) for span in windows(named[0], named[1], begin, end, asked.over_s)
    ]
    if named[0] == named[1] or spans[0] == spans[1]:
        message = f"these are one moment of {series.name}"
        raise UsageError(message, "name two with --at TIME --and TIME, or another file")
    return series.side(*spans[0]), series.side(*spans[1])


def windows(
    first: float, second: float, begin: float, end: float, over_s: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ``over_s`` from each of two moments on, within begin and end, or less where the two would overlap."""
    low, high_end = max(begin, min(first, second)), min(end, max(first, second) + over_s)
    over_s = min(over_s, (high_end - low) / 2)
    early, late = (low, low + over_s), (high_end - over_s, high_end)
    return (early, late) if first <= second else (late, early)


def readings(begin: float, ends: Sequence[float], span: tuple[float, float]) -> tuple[int, int]:
    """The first and last reading whose interval's middle is within ``span``; at least one."""
    starts = [begin, *ends[:-1]]
    middles = [(start + end) / 2 for start, end in zip(starts, ends, strict=True)]
    inside = [index for index, middle in enumerate(middles) if span[0] <= middle < span[1]]
    if inside:
        return inside[0], inside[-1]
    nearest = min(range(len(middles)), key=lambda index: abs(middles[index] - sum(span) / 2))
    return nearest, nearest
