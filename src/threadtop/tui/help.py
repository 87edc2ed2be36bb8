"""What the help screen says: keys, columns with their sources, what each number means; from the tables."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from threadtop import fields, text
from threadtop.tui import commands
from threadtop.tui.pager import Pager
from threadtop.tui.paint import LineBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from threadtop.tui.commands import Action
    from threadtop.tui.paint import Line

_NUMBERS = (
    (
        "counters and rates",
        (
            "PID, TIME+, the switches: counted by the kernel. Rates are the difference of two counters "
            "over the measured time between the two readings. %CPU and %WAIT come from nanoseconds."
        ),
    ),
    (
        "sampled",
        (
            "The split of %CPU into %USR and %SYS is taken from the kernel's 10 ms ticks: right on average, coarse "
            "for a thread that runs little."
        ),
    ),
    ("hints", "REASON and WCHAN are one look at one moment: where the thread slept when it was read."),
    (
        "unknown",
        (
            "- is not known (yet, or not allowed); it is never written as 0. A dot is a figure that stands on the "
            "process's row: its threads share it."
        ),
    ),
    (
        "a process's row",
        (
            "adds up its threads. It is not its main thread's row: that one shows what the main thread "
            "itself did. top and htop put the whole process's CPU there."
        ),
    ),
    ("R", "is runnable: running, or ready and waiting for a CPU. %WAIT tells how long it waited."),
    ("the margin", "+ new   x just ended   * tagged   > followed"),
    (
        "WCHAN of others",
        (
            "needs the same user or root (CAP_SYS_PTRACE); CPU, wait, state and switches are there for "
            "everyone's processes."
        ),
    ),
    (
        "GIL",
        (
            "is the share of the time in which a thread held CPython's global interpreter lock, which it needs to run "
            "Python. It is sampled from the process's memory, some 100 times a second, without pausing the process."
        ),
    ),
    (
        "GIL wait",
        (
            "is the share in which it was ready to run Python while another held the GIL. A waiting thread sleeps on "
            "an address inside the GIL, which its syscall file tells; locks and queues have other addresses."
        ),
    ),
    (
        "exact, estimate",
        (
            "Exact is read from the process's memory: it needs the same user (and kernel.yama.ptrace_scope 0), root, "
            "or a process started with threadtop -- COMMAND. Without that, ~ is an estimate from the kernel's "
            "counters (status, schedstat, wchan), and the GIL pane says what would make it exact."
        ),
    ),
    (
        "its own cost",
        (
            "self in the header is threadtop's own CPU; the ms are one pass over /proc. Where a pass takes "
            "more than a quarter of the interval, the interval grows and the header says so."
        ),
    ),
)


def _title(title: str) -> Line:
    line = LineBuilder().add(f" {title}", "t")
    return line.line(line.length)


def _entry(name: str, words: str, width: int, indent: int, role: str = "f") -> list[Line]:
    room = max(20, width - indent - 2)
    wrapped = textwrap.wrap(words, room) or [""]
    lines = []
    for index, part in enumerate(wrapped):
        line = LineBuilder().add(f"  {name if index == 0 else '':{indent - 2}}", role).add(part)
        lines.append(line.line(max(line.length, 1)))
    return lines


def _actions(actions: Iterable[Action], width: int) -> list[Line]:
    return [line for action in actions for line in _entry(action.shown, action.help, width, 24)]


def help_lines(width: int) -> list[Line]:
    """The whole help text for a width."""
    empty: Line = ("", "")
    lines = [_title("Keys"), *_actions(commands.MOVES, width), *_actions(commands.MAIN, width)]
    lines += [
        *_actions(commands.GLOBAL, width),
        empty,
        _title("In an opened process"),
        *_actions(commands.PROCESS, width),
    ]
    lines += [empty, _title("What each number is")]
    for name, words in _NUMBERS:
        lines += _entry(name, words, width, 24, "b")
    lines += [empty, _title("Columns"), *_entry("[...]", "names for --columns, -o and filters", width, 12, "b")]
    for field in fields.FIELDS:
        names = ", ".join(dict.fromkeys((field.key, *field.aliases)))
        lines += _entry(field.title, f"{field.help}.  [{names}]  source: {field.source}", width, 12, "b")
    return lines


class HelpText(Pager):
    """The help, scrolled."""

    def all_lines(self, width: int) -> Sequence[Line]:
        """The help for this width."""
        return help_lines(width)


def position(pager: Pager) -> str:
    """Where a pager stands, for the footer."""
    shown = min(pager.offset_rows + pager.size.height, pager.count)
    return f"{text.thousands(shown)} of {text.thousands(pager.count)} lines"
