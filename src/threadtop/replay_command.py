"""``threadtop replay FILE``: a recording on the same screen, with a time line; or a picture of one moment of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import __version__, cli, outputs, targets
from threadtop import arguments as values
from threadtop.errors import ThreadtopError, UsageError
from threadtop.recording import times
from threadtop.recording.player import LEAST_SPEED, MOST_SPEED, Player
from threadtop.recording.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.cli import Options
    from threadtop.recording.times import Named

_TEXT: Final = frozenset(("--json", "--jsonl", "--csv", "--once", "-b", "--batch", "--explain"))
"""What asks a live machine for text; of a recording that is another command's."""


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
        epilog="TIME: 90s, 10m, 2h from the start, -30s from the end, 03:15:20 or 2026-11-27T03:15:20Z (UTC).",
        allow_abbrev=False,
    )
    say = parser.add_argument
    say("file", metavar="FILE", help="what threadtop record has made")
    say("--at", metavar="TIME", help="begin there")
    say("--speed", metavar="N", default="1", help="how fast it plays (1)")
    say("--screenshot", metavar="FILE.svg", help="write a picture of that moment (of --pane NAME, with -p) and end")
    say("--size", metavar="COLSxROWS", help="of the picture (120x40)")
    say("--pane", metavar="NAME", help="with --screenshot: this pane of a process")
    say("-p", "--pid", metavar="PID", help="with --screenshot: only this process")
    values.declare_view(parser)
    cli.declare_looks(parser)
    say("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def parse(arguments: Sequence[str]) -> Asked:
    """The arguments behind ``replay``; raises UsageError."""
    if _TEXT.intersection(arguments):
        message = "a recording is shown on the screen, or as a --screenshot"
        raise UsageError(message, "for text, CSV or JSON of it use threadtop export FILE")
    said = _parser().read(arguments)
    pids = targets.parse_pids(said.pid) if said.pid is not None else []
    if said.screenshot is None and (said.pane is not None or pids or said.size is not None):
        message = "--pane, -p and --size are for a --screenshot"
        raise UsageError(message, "on the screen, Enter opens a process and Tab its panes")
    return Asked(
        Path(said.file),
        times.parse(said.at, "--at") if said.at is not None else None,
        speed(said.speed),
        cli.Options(
            pids=frozenset(pids) or None,
            screenshot=outputs.picture(said.screenshot),
            size=outputs.size(said.size),
            pane=said.pane,
            per_core=said.per_core,
            colour=not said.no_colour,
            theme=said.theme,
            headless=said.screenshot is not None,
            **values.of_view(said, is_here=False),
        ),
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
    try:
        player = _player(replay, asked)
    except ThreadtopError:
        replay.close()
        raise
    try:
        return cli.show(asked.options, player)
    except ThreadtopError:
        player.close()  # it was not begun
        raise


def _player(replay: Replay, asked: Asked) -> Player:
    """It from the moment on that was asked for; raises UsageError for one, or a user, that was not recorded."""
    values.check_user(asked.options.user, replay.recording)
    ticks = replay.recording.ticks
    start = 0 if len(ticks) == 1 else 1  # the first tick has no rates
    if asked.at is not None:
        begin, end = ticks[0].time, ticks[-1].time
        moment = asked.at.within(begin, end)
        if not begin - 1 <= moment <= end + 1:
            message = f"--at: there is nothing of that moment in {asked.file}"
            raise UsageError(message, times.stretch(begin, end))
        start = replay.recording.index_at(moment)
    return Player(replay, speed=asked.speed, start=start)
