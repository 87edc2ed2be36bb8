"""The command line: arguments to Options; picks a source and a front end, and imports the screen last."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NoReturn

from threadtop import __version__, fields, filters, outputs, targets, text
from threadtop import arguments as values
from threadtop.arguments import Parser as Parser  # noqa: PLC0414 the commands find it here
from threadtop.arguments import seconds as seconds  # noqa: PLC0414 as above
from threadtop.errors import EXIT_FAILURE, EXIT_OK, TargetError, ThreadtopError, UsageError
from threadtop.feed import LEAST_INTERVAL_S, MOST_INTERVAL_S
from threadtop.procfs.reader import ProcReader

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from threadtop.query import View
    from threadtop.recording.player import Player
    from threadtop.tui.signals import Signals

EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count
EXPLAIN_S, EXPLAIN_LEAST_S, EXPLAIN_MOST_S = 5.0, 0.5, 3600.0  # how long --explain watches
COMMANDS: Final = {
    "gil": "gil_report",
    "record": "record_command",
    "replay": "replay_command",
    "export": "export_command",
    "diff": "diff_command",
    "metrics": "metrics_command",
}
"""What may stand first on the command line, and the module whose ``main`` is handed what stands behind it."""
THEMES: Final = ("dark", "ansi", "blue-yellow", "mono")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for; None where nothing was said and a configuration file may speak."""

    interval_s: float | None = None
    frames: int | None = None
    pids: frozenset[int] | None = None
    command: tuple[str, ...] = ()
    headless: bool = False
    json: bool = False
    csv: bool = False
    format: str | None = None
    screenshot: str | None = None
    size: tuple[int, int] = outputs.SIZE
    width: int | None = None
    columns: tuple[str, ...] | None = None
    sort: str | None = None
    descending: bool | None = None
    filter: filters.Filter | None = None
    user: str | None = None
    layout: str | None = None
    threads: bool | None = None
    hide_idle: bool | None = None
    full_command: bool | None = None
    per_core: bool = False
    colour: bool = True
    theme: str | None = None
    readonly: bool = False
    explain: bool = False
    page: str | None = None
    schema: bool = False
    pane: str | None = None
    tid: int | None = None
    part: int = 0
    wants: frozenset[str] = frozenset()

    def view(self, base: View) -> View:
        """``base`` with what was asked for on the command line."""
        view = base
        if self.sort is not None:
            view = view.sorted_by(self.sort)
        if self.descending is not None:
            view = replace(view, descending=self.descending)
        said = {
            "columns": self.columns,
            "filter": self.filter,
            "user": self.user,
            "layout": self.layout,
            "threads": self.threads,
            "hide_idle": self.hide_idle,
            "full_command": self.full_command,
        }
        return replace(view, **{key: value for key, value in said.items() if value is not None})  # type: ignore[arg-type]


def _parser() -> Parser:
    parser = Parser(
        prog="threadtop",
        usage=(
            "threadtop [options] [PID | NAME]\n"
            "       threadtop [options] -- COMMAND [ARG ...]\n"
            "       threadtop --pane NAME --once [--tid TID] [--json] -p PID | NAME | -- COMMAND [ARG ...]\n"
            "       threadtop --explain [-d SECONDS] [--json] [-p PID | NAME | -- COMMAND [ARG ...]]\n"
            "       threadtop gil [-d SECONDS] [--json] PID | NAME | -- COMMAND [ARG ...]\n"
            "       threadtop record [-o FILE] [--for TIME] [PID | NAME | -- COMMAND [ARG ...]]\n"
            "       threadtop replay FILE [--at TIME]\n"
            "       threadtop export FILE --jsonl | --csv [--from TIME] [--to TIME] [-p PID]\n"
            "       threadtop diff BEFORE AFTER | FILE [--at TIME] [--and TIME]\n"
            "       threadtop metrics [--listen ADDRESS:PORT] [--textfile FILE.prom] [--groups FILE]"
        ),
        description="What are the threads of this machine doing, and why are they not running?",
        epilog=(
            "Keys, columns and what each number means: press ? on the screen.  "
            "Who holds a Python process's GIL and who waits for it, as a text: threadtop gil PID "
            "(threadtop gil --help).  "
            "Exit code: 0, 1 a failure, 2 bad usage or no such process, 130 interrupted; of --explain: 0 nothing found "
            "(or only observations), 1 a problem found, 2 bad usage or nothing to watch."
        ),
        allow_abbrev=False,
    )
    parser.add_argument("target", nargs="?", metavar="PID | NAME", help="attach to a process")
    say = parser.add_argument
    say("-p", "--pid", action="append", metavar="PID[,PID]", help="attach to processes by id, with all their threads")
    say("-d", "--delay", metavar="SECONDS", help="seconds between two refreshes (1)")
    say("-n", "--frames", metavar="N", help="end after N refreshes (with -b)")
    say("-b", "--batch", action="store_true", help="print frames as text instead of the screen")
    say("--once", action="store_true", help="print one frame as text and end")
    say("--json", action="store_true", help="with --once: print one JSON document")
    say("--jsonl", action="store_true", help="with -b: print JSON, one document a line for each frame")
    say("--csv", action="store_true", help="with --once or -b: print the columns as CSV, their keys as a heading once")
    say("--format", choices=outputs.FORMATS, help="with --once or -b: print threads as ps -eLf does")
    say("--schema", action="store_true", help="print the JSON Schema of all JSON output and end")
    say("--screenshot", metavar="FILE.svg", help="write a picture of the screen (of --pane NAME, with -p) and end")
    say("--size", metavar="COLSxROWS", help="of the picture (120x40)")
    say(
        "--explain",
        action="store_true",
        help=f"watch for some seconds (-d, {EXPLAIN_S:g}), print findings with their evidence, and end: of the process "
        "or processes named, or of the machine",
    )
    say("--pane", metavar="NAME", help="print one pane of a process and end: overview, files, memory, ... (with -p)")
    say("--tid", metavar="TID", help="with --pane thread: which thread (the main one)")
    say("--part", metavar="N", help="with --pane: the N-th part of what is too long for one (1)")
    say(
        "--want", action="append", metavar="WHAT", help="with --pane: what is read only when asked for, as its keys ask"
    )
    say("-O", "--list-fields", action="store_true", help="list the columns and end")
    say("--page", metavar="NAME", help="print a page on a column, a finding or a subject and end; list: their names")
    values.declare_view(parser)
    say("-w", "--width", metavar="COLUMNS", help="cut text output at this width")
    declare_looks(parser)
    say("--readonly", action="store_true", help="no action on processes, and none is paused")
    say("-V", "--version", action="version", version=f"threadtop {__version__}")
    return parser


def declare_looks(parser: Parser) -> None:
    """Let ``parser`` take what shapes the screen: live, or of a recording."""
    say = parser.add_argument
    say("-1", "--per-core", action="store_true", help="show a meter for each CPU")
    say("-C", "--no-colour", "--no-color", action="store_true", help="no colours (also: NO_COLOR)")
    say("--theme", choices=THEMES, help="colours: dark, ansi (the terminal's own), blue-yellow, mono")


def parse(arguments: Sequence[str]) -> tuple[Options, str | None, bool]:
    """(options, name to attach to, whether to list the fields); raises UsageError."""
    own, command = split_command(arguments)
    said = _parser().read(own)
    pids, name = targets.asked(said.pid, said.target, command)
    outputs.check(said, has_target=bool(pids or name or command))
    tid = values.whole(said.tid, "--tid")
    if said.pane is not None and said.screenshot is None:
        pane_report_check(said, frozenset(pids) or None, tid)
    options = Options(
        interval_s=_interval_s(said),
        frames=1 if said.once else values.whole(said.frames, "-n"),
        pids=frozenset(pids) or None,
        command=tuple(command),
        headless=said.once or said.batch or said.explain or said.pane is not None or said.screenshot is not None,
        json=said.json or said.jsonl,
        csv=said.csv,
        format=said.format,
        screenshot=outputs.picture(said.screenshot),
        size=outputs.size(said.size),
        width=values.whole(said.width, "-w"),
        per_core=said.per_core,
        colour=not said.no_colour,
        theme=said.theme,
        readonly=said.readonly,
        explain=said.explain,
        page=said.page,
        schema=said.schema,
        pane=said.pane,
        tid=tid,
        part=(values.whole(said.part, "--part") or 1) - 1,
        wants=frozenset(said.want or ()),
        **values.of_view(said),
    )
    return options, name, said.list_fields


def pane_report_check(said: Namespace, pids: frozenset[int] | None, tid: int | None) -> None:
    """As pane_report.check; what it needs is imported only where a pane is asked for."""
    from threadtop import pane_report  # noqa: PLC0415

    pane_report.check(said.pane, pids, tid, frozenset(said.want or ()), is_readonly=said.readonly)


def split_command(arguments: Sequence[str], prog: str = "threadtop") -> tuple[list[str], list[str]]:
    """What stands before ``--`` and the command behind it, [] for none; raises UsageError."""
    own = list(arguments)
    if "--" not in own:
        return own, []
    at = own.index("--")
    if at == len(own) - 1:
        message = "there is no command after --"
        raise UsageError(message, f"write {prog} -- COMMAND [ARG ...]")
    return own[:at], own[at + 1 :]


def _interval_s(said: Namespace) -> float | None:
    if said.delay is None:
        return None
    if said.explain:
        return seconds(said.delay, EXPLAIN_LEAST_S, EXPLAIN_MOST_S, f"-d {EXPLAIN_S:g}")
    return seconds(said.delay, LEAST_INTERVAL_S, MOST_INTERVAL_S, "-d 1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run threadtop; returns its exit code: 0, 1 a failure, 2 bad usage, 130 interrupted."""
    _fill_descriptors()
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except ThreadtopError as error:
        print(f"threadtop: {text.plain(text.visible(str(error)))}", file=sys.stderr)  # one line, whatever it names
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has had enough; nothing more may be flushed into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_OK
    except OSError as error:
        print(f"threadtop: output failed: {error.strerror or error}; check the disk or the pipe", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_FAILURE
    return code


def _fill_descriptors() -> None:
    """Where 0, 1 or 2 are closed, one that fails: a file of /proc that is opened first would get its number."""
    modes = {"stdin": os.O_WRONLY, "stdout": os.O_RDONLY, "stderr": os.O_WRONLY}
    for number, (name, mode) in enumerate(modes.items()):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                os.fstat(number)
                continue
            os.open(os.devnull, mode)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _run(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in COMMANDS:  # a process that is really called so: threadtop -p PID
        module = importlib.import_module(f"threadtop.{COMMANDS[arguments[0]]}")
        code: int = module.main(arguments[1:])
        return code
    options, name, list_fields = parse(arguments)
    if list_fields:
        print("\n".join(fields.lines()))
        return EXIT_OK
    if options.schema:
        from threadtop import schema  # noqa: PLC0415 what reads /proc does without

        print(schema.text())
        return EXIT_OK
    if options.page is not None:
        from threadtop import headless  # noqa: PLC0415

        return headless.print_page(options.page, options.width)
    if options.headless:
        end_cleanly()
    else:
        _require_terminal("threadtop --once, or -b for frames; add --json for JSON")
    try:
        return _front(_attached(options, name))
    except TargetError as error:
        if not options.explain:
            raise
        raise UsageError(error.what, error.remedy) from None  # its exit code 1 says that a problem was found


def _front(options: Options) -> int:
    """Start the command, if one was given, and run the front end that was asked for."""
    signals = None if options.headless else _kept_signals()
    command = targets.Command(options.command, to_file=not options.headless) if options.command else None
    if command is not None:
        options = replace(options, pids=frozenset({command.pid}))
    try:
        if options.explain:
            from threadtop import explain  # noqa: PLC0415

            return explain.run(options, command)
        if options.screenshot is not None:
            return _screen(options, command, None)
        if options.pane is not None:
            from threadtop import pane_report  # noqa: PLC0415

            return pane_report.run(options, command)
        if signals is None:
            from threadtop import headless  # noqa: PLC0415

            return headless.run(options, command)
        return _screen(options, command, signals)
    finally:
        if command is not None:
            command.end()
            if command.output is not None:
                with contextlib.suppress(OSError):  # the terminal may have gone, and that is why we end
                    print(f"threadtop: the output of {command.arguments[0]} is in {command.output}", file=sys.stderr)


def end_cleanly() -> None:
    """Let SIGTERM and SIGHUP unwind, so that a command that was started is ended too."""

    def end(number: int, _frame: object) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # once is enough
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP, and so do we
            signal.signal(number, end)


def _kept_signals() -> Signals:
    """From here on a signal ends us only when the screen, which ends the command, can be left."""
    from threadtop.tui.signals import Signals  # noqa: PLC0415

    return Signals()


def show(options: Options, player: Player) -> int:
    """Show a recording on the screen, or as a picture; returns the exit code, raises UsageError without a terminal."""
    if options.screenshot is not None:
        end_cleanly()
        return _screen(options, None, None, player)
    _require_terminal("threadtop export FILE, for a picture --screenshot FILE.svg")
    signals = _kept_signals()
    return _screen(options, None, signals, player)


def _screen(
    options: Options, command: targets.Command | None, signals: Signals | None, player: Player | None = None
) -> int:
    # Headless paths never import textual, and do without what only the screen needs.
    from threadtop import config  # noqa: PLC0415
    from threadtop.tui import run, take_picture  # noqa: PLC0415

    warning = ""
    try:
        preferences = config.load(config.path())
    except UsageError as error:
        preferences, warning = config.Preferences(), f"{error} (the defaults are used)"
    if signals is None:
        return take_picture(options, preferences, command, warning, player)
    return run(options, preferences, command, warning, signals, player)


def _require_terminal(instead: str) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        message = "the screen needs a terminal, and this is none"
        raise UsageError(message, f"for text use {instead}")
    if os.environ.get("TERM", "") in ("", "dumb"):
        message = f"TERM={os.environ.get('TERM', '')!r} cannot show a screen"
        raise UsageError(message, f"for text use {instead}")


def _attached(options: Options, name: str | None) -> Options:
    """The options with names and tids resolved to processes that are there."""
    reader = ProcReader(descriptors=0)  # keeps none, and leaves the limit as a command is to inherit it
    if name is not None:
        return replace(options, pids=frozenset({targets.chosen(reader, name, ask=not options.headless)}))
    if options.pids is not None:
        return replace(options, pids=frozenset(targets.thread_group(reader, pid) for pid in options.pids))
    return options
