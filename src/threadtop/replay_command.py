"""``threadtop replay FILE``: a recording on the same screen, with a time line; or a picture of one moment of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import __version__, cli
from threadtop.errors import UsageError
from threadtop.recording import times
from threadtop.recording.player import LEAST_SPEED, MOST_SPEED, Player
from threadtop.recording.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.cli import Options
    from threadtop.recording.times import Named

_TEXT: Final = frozenset(("--json", "--jsonl", "--csv", "--once", "-b", "--batch"))
_NOT_HERE: Final = (
    "interval_s", "pids", "command", "json", "csv", "format", "explain", "page", "schema", "tid", "frames",
)  # fmt: skip
"""Options that ask something of a live machine, or have a command of their own (threadtop export)."""


class Asked(NamedTuple):
    """What the user asked for: which file, from where on, how fast, and how it is to be looked at."""

    file: Path
    at: Named | None
    speed: float
    options: Options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="threadtop replay",
        usage="threadtop replay FILE [--at TIME] [--speed N] [--screenshot FILE.svg] [options of the screen]",
        description=(
            "Show a recording (threadtop record, or r on the screen) as the live screen showed it: Z stops and goes "
            "on, w and b step, { and } move by a minute, J goes to a time, x and X to findings, + and - set the speed."
        ),
        epilog="Options of the screen: -o, --columns, --filter, -u, -i, --layout, --theme; see threadtop --help.",
        allow_abbrev=False,
    )
    say = parser.add_argument
    say("file", metavar="FILE", help="what threadtop record has made")
    say("--at", metavar="TIME", help="begin there: 90s or 10m from the start, -30s from the end, 03:15:20 (UTC)")
    say("--speed", metavar="N", default="1", help="how fast it plays (1)")
    say("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def parse(arguments: Sequence[str]) -> Asked:
    """The arguments behind ``replay``; raises UsageError."""
    said, rest = _parser().parse_known_args(times.joined(arguments, ("--at",)))
    is_text = bool(_TEXT.intersection(rest))
    options, name, list_fields = cli.parse([] if is_text else rest)
    default = cli.Options()
    here = {"pids"} if options.screenshot is not None and options.pane is not None else set()
    odd = [key for key in _NOT_HERE if key not in here and getattr(options, key) != getattr(default, key)]
    if is_text or odd or name is not None or list_fields or (options.headless and options.screenshot is None):
        message = "a recording is shown on the screen, or as a --screenshot"
        raise UsageError(message, "for text, CSV or JSON of it use threadtop export FILE")
    return Asked(
        Path(said.file), times.parse(said.at, "--at") if said.at is not None else None, speed(said.speed), options
    )


def speed(value: str) -> float:
    """The value of --speed; raises UsageError."""
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not LEAST_SPEED <= found <= MOST_SPEED:
        message = f"--speed wants a number from 1/{1 / LEAST_SPEED:g} to {MOST_SPEED:g}, not {value[:40]!r}"
        raise UsageError(message, "try --speed 4")
    return found


def main(arguments: Sequence[str]) -> int:
    """Run ``threadtop replay`` with what stands behind it; returns the exit code."""
    asked = parse(arguments)
    replay = Replay(asked.file)
    ticks = replay.recording.ticks
    start = 0 if len(ticks) == 1 else 1  # the first tick has no rates
    if asked.at is not None:
        start = replay.recording.index_at(asked.at.within(ticks[0].time, ticks[-1].time))
    player = Player(replay, speed=asked.speed, start=start)
    return cli.show(asked.options, player)
