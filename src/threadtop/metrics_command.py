"""``threadtop metrics``: passes over /proc, served to Prometheus or written for node_exporter until it is ended."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import __version__, arguments, cli, source, text
from threadtop.errors import EXIT_OK, UsageError
from threadtop.feed import Feed
from threadtop.metrics import families, groups_file, listening, textfile, totals
from threadtop.metrics.groups import Grouping
from threadtop.metrics.passes import Cgroups, Passes
from threadtop.procfs.reader import ProcReader
from threadtop.rates import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadtop.metrics.exposition import Answer, Exposition
    from threadtop.metrics.families import Published
    from threadtop.metrics.listening import Address

LEAST_S, MOST_S, DEFAULT_S = 1.0, 60.0, 5.0
MOST_GROUPS: Final = 10_000
PLAIN: Final = ""  # the Accept header of who names no format: the text format


class Asked(NamedTuple):
    """What the user asked for: where to serve (None: nowhere) and what to write, how grouped and how often."""

    listen: Address | None
    textfile: str | None
    groups: str | None
    most_groups: int
    interval_s: float
    list_metrics: bool = False


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="threadtop metrics",
        usage="threadtop metrics [--listen ADDRESS:PORT] [--textfile FILE.prom] [--groups FILE] [--max-groups N] "
        "[-d SECONDS]",
        description=(
            "Serve what groups of threads do as OpenMetrics, for Prometheus to scrape: CPU, run queue, switches, "
            "states and reasons, GIL, findings.  Read-only; a scrape is given the newest pass, and starts none."
        ),
        epilog="Exit code: 0 ended by a signal, 1 a failure, 2 bad usage, or nothing to listen on or write to.",
        allow_abbrev=False,
    )
    say = parser.add_argument
    here = listening.Address(listening.HOST, listening.PORT)
    say("--listen", metavar="ADDRESS:PORT", help=f"where to serve /metrics ({here}; with --textfile: nowhere)")
    say("--textfile", metavar="FILE.prom", help="write a file for node_exporter's textfile collector after each pass")
    say(
        "--groups",
        metavar="FILE",
        help="name groups by patterns (TOML): [[group]] of processes, [[threads]] of their threads",
    )
    most = f"show at most so many process groups ({totals.MOST_GROUPS}), and {totals.PAIRS_A_GROUP} times as many of "
    say("--max-groups", metavar="N", help=f"{most}threads; the others count as other")
    say(
        "-d", "--delay", metavar="SECONDS", default=f"{DEFAULT_S:g}", help=f"seconds between two passes ({DEFAULT_S:g})"
    )
    say("--list", action="store_true", help="list the metrics with what they say and end")
    say("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def parse(said_: Sequence[str]) -> Asked:
    """The arguments behind ``metrics``; raises UsageError."""
    said = _parser().parse_args(said_)
    default = None if said.textfile else listening.Address(listening.HOST, listening.PORT)
    most = arguments.whole(said.max_groups, "--max-groups") or totals.MOST_GROUPS
    if most > MOST_GROUPS:
        message = f"--max-groups wants at most {MOST_GROUPS}, not {most}"
        raise UsageError(message, f"try --max-groups {totals.MOST_GROUPS}, and name groups with --groups")
    return Asked(
        listening.address(said.listen) if said.listen is not None else default,
        said.textfile,
        said.groups,
        most,
        arguments.seconds(said.delay, LEAST_S, MOST_S, f"-d {DEFAULT_S:g}"),
        said.list,
    )


def main(said: Sequence[str]) -> int:
    """Run ``threadtop metrics`` with what stands behind it; returns the exit code."""
    asked = parse(said)
    if asked.list_metrics:
        sys.stdout.write("".join(f"{line}\n" for line in families.lines()))
        return EXIT_OK
    try:
        importlib.import_module("prometheus_client")
    except ImportError as error:
        message = "threadtop metrics needs prometheus_client, which is not installed"
        raise UsageError(message, "pip install 'threadtop[metrics]'") from error
    grouping = groups_file.load(asked.groups) if asked.groups is not None else Grouping()
    if asked.textfile is not None:
        asked = asked._replace(textfile=textfile.checked(asked.textfile))
    return run(asked, grouping)


def run(asked: Asked, grouping: Grouping) -> int:
    """Serve and write until a signal comes; returns the exit code, raises UsageError where it cannot listen."""
    from threadtop.metrics.exposition import Exposition  # noqa: PLC0415 it needs prometheus_client

    news: SimpleQueue[bool] = SimpleQueue()  # whether it is to end; its put is safe in signal handlers
    _end_on_signals(news)
    exposition = Exposition()
    live = source.live(gil_window_s=asked.interval_s, is_folded=False)
    cgroups = Cgroups(ProcReader(descriptors=0)) if grouping.needs_cgroup else None
    passes = Passes(live, totals.Totals(grouping, asked.most_groups, own_pid=os.getpid()), cgroups)

    def answer(accept: str) -> Answer:
        published = passes.published
        age_s = (time.monotonic_ns() - published.at_ns) / SECOND_NS if published is not None else None
        return exposition.answer(published, accept, age_s)

    feed = Feed(passes, asked.interval_s)
    feed.deliver = lambda: news.put(False)
    server = listening.Server(asked.listen, answer) if asked.listen is not None else None
    if server is not None:
        threading.Thread(target=server.serve_forever, name="threadtop-http", daemon=True).start()
        _tell(f"serves http://{server.where}{listening.METRICS}")
    file = _File(asked.textfile, exposition) if asked.textfile is not None else None
    feed.start()
    try:
        while not news.get():
            feed.take()
            if feed.failure is not None:
                raise feed.failure
            if file is not None:
                file.write(passes.published)
    finally:
        feed.stop()
        if server is not None:
            server.shutdown()
            server.server_close()
        if file is not None:
            textfile.remove(file.path)
    return EXIT_OK


class _File:
    """The file for node_exporter; a disk that is full for a while does not end the passes."""

    def __init__(self, path: str, exposition: Exposition) -> None:
        """Nothing written yet."""
        self.path = path
        self._exposition = exposition
        self._shown = text.plain(text.visible(path))
        self._told = ""
        _tell(f"writes {self._shown}")

    def write(self, published: Published | None) -> None:
        """Write what was published; a failure is told once."""
        try:
            textfile.write(self.path, self._exposition.answer(published, PLAIN, None).body)
        except OSError as error:
            why = f"{self._shown} cannot be written: {error.strerror or error}; goes on trying"
            if why != self._told:
                _tell(why)
            self._told = why
        else:
            self._told = ""


def _end_on_signals(news: SimpleQueue[bool]) -> None:
    """SIGTERM, Ctrl+C and SIGHUP end it quietly; nohup ignores SIGHUP, and so do we."""

    def end(_number: int, _frame: object) -> None:
        news.put(True)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def _tell(what: str) -> None:
    """One line on standard error; where nobody takes it any more, the metrics go on."""
    with suppress(OSError):
        sys.stderr.write(f"threadtop: {what}\n")
        sys.stderr.flush()
