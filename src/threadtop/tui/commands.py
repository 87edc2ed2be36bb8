"""Every action with its keys and meaning: bindings, the help screen and the command palette come from here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Provider

from threadtop import pages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.command import Hits


class Action(NamedTuple):
    """One thing the user can do: the name of its ``action_`` method, its keys as Textual and as people call them."""

    name: str
    keys: str
    shown: str
    help: str
    label: str = ""


# fmt: off
GLOBAL: Final = (
    Action("quit", "q,ctrl+c", "q  Ctrl+C", "quit", "quit"),
    Action("help", "question_mark,h,f1", "?  h  F1",
           "help: what is shown, explained; keys, columns, what each number means and where it is from", "help"),
    Action("pause", "Z,p", "Z  p", "pause: a frozen snapshot that can still be sorted, filtered and opened", "pause"),
    Action("record", "r", "r", "record to a file, with the last minutes; once more ends it", "record"),
    Action("delay", "d", "d", "set the seconds between two refreshes"),
    Action("slower", "plus", "+", "refresh less often"),
    Action("faster", "minus", "-", "refresh more often"),
    Action("write", "W", "W", "write columns, sort and layout to the configuration file"),
    Action("theme_next", "ctrl+t", "Ctrl+T", "next theme: dark, ansi, blue-yellow, mono"),
    Action("command_palette", "ctrl+p,colon", ":  Ctrl+P", "command palette: all actions by name"),
    Action("redraw", "ctrl+l", "Ctrl+L", "paint the screen again"),
    Action("suspend_process", "ctrl+z", "Ctrl+Z", "suspend; fg comes back"),
)
MAIN: Final = (
    Action("search", "slash,f3", "/  F3", "search in names and commands, or for a pid", "search"),
    Action("search_next", "n", "n", "next match"),
    Action("search_previous", "N", "N", "previous match (without a search: sort by PID)"),
    Action("filter", "backslash,f4,o", "\\  F4  o", "filter by an expression: cpu>5 user=www name~worker gil=wait",
           "filter"),
    Action("clear", "equals_sign", "=", "clear filter, user and idle switch"),
    Action("tree", "t,f5,V", "t  F5  V", "tree: processes with their threads", "tree"),
    Action("group", "v", "v", "next layout: flat, tree, grouped by program, grouped by thread name", "group"),
    Action("fold", "left", "Left", "fold: hide what is below the heading"),
    Action("unfold", "right", "Right", "unfold"),
    Action("fold_all", "asterisk", "*", "fold or unfold everything"),
    Action("threads", "H", "H", "threads on or off"),
    Action("hide_idle", "i", "i", "hide idle threads, or show them", "idle"),
    Action("hide_kernel", "K", "K", "hide kernel threads, or show them"),
    Action("user", "u", "u", "only one user's processes"),
    Action("sort('cpu_pct')", "P", "P", "sort by CPU"),
    Action("sort('rss_bytes')", "M", "M", "sort by memory"),
    Action("sort('cpu_ns')", "T", "T", "sort by CPU time"),
    Action("sort('vol_per_s')", "S", "S", "sort by voluntary switches"),
    Action("sort('wait_pct')", "Q", "Q", "sort by run-queue wait"),
    Action("sort('gil_wait_pct')", "L", "L", "sort by waiting for the GIL"),
    Action("sort_menu", "f6,s", "s  F6", "choose the column to sort by", "sort"),
    Action("sort_move(-1)", "less_than_sign,comma", "<", "sort by the column to the left"),
    Action("sort_move(1)", "greater_than_sign,full_stop", ">", "sort by the column to the right"),
    Action("reverse", "R", "R", "reverse the order"),
    Action("columns", "C,f2", "C  F2", "pick, hide and reorder columns"),
    Action("full_command", "c", "c", "whole command lines, or names"),
    Action("per_machine", "I", "I", "%CPU of one core, or of the whole machine"),
    Action("per_core", "1", "1", "a meter for each CPU"),
    Action("tag", "space", "Space", "tag the thread and go on"),
    Action("untag", "U", "U", "remove all tags"),
    Action("follow", "F", "F", "follow the chosen thread"),
    Action("pane('Environment')", "e", "e", "environment and limits of the row's process"),
    Action("pane('Files')", "l", "l", "open files of the row's process"),
    Action("findings", "f", "f", "findings: what the numbers say in words, with evidence and what to do", "findings"),
    Action("release", "escape", "Esc", "let the cursor go: the page stays at the top"),
)
MOVES: Final = (
    Action("", "", "Up Down  j", "move; k does so in texts and menus only"),
    Action("", "", "Enter", "open the process of a row; fold or unfold a group", "open"),
    Action("", "", "PgUp PgDn", "move by a page"),
    Action("", "", "Home End  g G", "to the first or last row"),
    Action("", "", "k F9  F7 F8  a", "kept for signals, renice and affinity, which are to come"),
)
PROCESS: Final = (
    Action("back", "escape,backspace", "Esc  Backspace", "back", "back"),
    Action("next_pane", "tab", "Tab", "next pane", "next pane"),
    Action("previous_pane", "shift+tab", "Shift+Tab", "previous pane"),
    Action("search", "slash,f3", "/  F3", "search in the pane", "search"),
    Action("search_next", "n", "n", "next match"),
    Action("search_previous", "N", "N", "previous match"),
    Action("copy", "Y", "Y", "copy what the cursor is on to the terminal's clipboard (OSC 52)", "copy"),
    Action("pane('Environment')", "e", "e", "environment and limits"),
    Action("pane('Files')", "l", "l", "open files"),
    Action("", "", "[ ]", "previous and next part of what is too long for one"),
    Action("stacks", "y", "y", "ask py-spy for Python's stacks, without pausing the process (panes Stacks and GIL)"),
)
REPLAY: Final = (
    Action("tick(1)", "w,ctrl+right", "w  Ctrl+Right", "one tick on", "step"),
    Action("tick(-1)", "b,ctrl+left", "b  Ctrl+Left", "one tick back", "step back"),
    Action("minute(1)", "right_curly_bracket", "}", "a minute on"),
    Action("minute(-1)", "left_curly_bracket", "{", "a minute back"),
    Action("jump", "J", "J", "go to a time", "go to"),
    Action("to_finding(1)", "x", "x", "to where the next finding begins", "next finding"),
    Action("to_finding(-1)", "X", "X", "to where the finding before began"),
    Action("", "", "+ -", "play faster, slower; Z or p stops and goes on", "speed"),
)
FINDINGS: Final = (
    Action("back", "escape,backspace,f", "Esc  Backspace", "back", "back"),
    Action("", "", "Up Down  j k", "to the next or the previous finding"),
    Action("", "", "Enter", "open the process at what the finding is made of", "evidence"),
    Action("explain", "", "?", "what the finding is about, explained; h is the help", "explain"),
)
# fmt: on
RESERVED: Final = {
    "k": "signals",
    "f9": "signals",
    "f7": "renice",
    "f8": "renice",
    "a": "affinity",
}  # fmt: skip
"""Keys of other tools for what threadtop does not do yet: they are bound to nothing on a table."""


ALWAYS: Final = frozenset(("ctrl+l", "ctrl+z"))  # what is done to the terminal, whatever is typed into


def bindings(actions: Iterable[Action]) -> list[Binding]:
    """Textual's bindings of some actions; the footer is our own."""
    return [
        Binding(action.keys, action.name, action.help, show=False, priority=action.keys in ALWAYS)
        for action in actions
        if action.keys
    ]


class Commands(Provider):
    """All actions of the screen and the app, for the command palette."""

    def _entries(self) -> list[tuple[str, str, Any]]:
        entries = []
        actions = (*getattr(self.screen, "ACTIONS", ()), *GLOBAL)
        for action in actions:
            if action.keys and action.name != "command_palette":
                owner = self.screen if action not in GLOBAL else self.app
                run = partial(owner.run_action, action.name)
                entries.append((f"{action.help}   ({action.shown})", action.help, run))
        open_page = self.app.open_page  # type: ignore[attr-defined]
        entries += [(f"page: {page.title}", page.summary, partial(open_page, page.key)) for page in pages.all_pages()]
        return entries

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for shown, help_, run in self._entries():
            yield DiscoveryHit(shown, run, text=help_)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for shown, help_, run in self._entries():
            score = matcher.match(shown)
            if score > 0:
                yield Hit(score, matcher.highlight(shown), run, text=help_)
