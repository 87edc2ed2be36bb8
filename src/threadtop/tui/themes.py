"""Colours: what each role looks like in each theme, and which theme suits the terminal."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import BUILTIN_THEMES, Theme

from threadtop.text import plain
from threadtop.tui.paint import SELECTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.color import ColorSystem

    from threadtop.tui.paint import Line

# What the letters of a Line's roles stand for.
ROLES: Final = {
    " ": "plain text",
    ".": "quiet: idle rows, units, what stands still",
    "b": "a figure that matters",
    "t": "titles",
    "h": "column headings",
    "H": "the heading sorted by",
    "g": "runs (R)",
    "r": "uninterruptible (D), errors",
    "c": "stopped (T)",
    "m": "ended, not reaped (Z)",
    "y": "followed, tagged, warnings",
    "u": "user time",
    "k": "kernel time",
    "w": "waits for a CPU",
    "v": "switches",
    "G": "holds the GIL",
    "W": "waits for the GIL",
    "Z": "sleeps while it holds the GIL",
    "l": "blocked on a lock",
    "d": "blocked on the disk",
    "e": "blocked on the network",
    "p": "blocked on a pipe or a local socket",
    "a": "waits for a child",
    "n": "a new row",
    "x": "a row that has just gone",
    "f": "keys in the footer",
    "s": "found by search",
}

_DARK_BACKGROUND = "#14181f"
_PALETTES: Final[dict[str, dict[str, str]]] = {
    # One accent a role, of the same lightness, on a slate ground.
    "dark": {
        " ": "#c8d0dc",
        ".": "#667080",
        "b": "bold #f2f5fa",
        "t": "bold #7fb4ff",
        "h": "#9aa7b8 on #232a35",
        "H": "bold #14181f on #7fb4ff",
        "g": "bold #7fd88f",
        "r": "bold #ff7b72",
        "c": "#5fd0d8",
        "m": "#d79bf5",
        "y": "#f0c060",
        "u": "#7fd88f",
        "k": "#ff9e64",
        "w": "bold #f0c060",
        "v": "#7fb4ff",
        "G": "#7fd88f",
        "W": "bold #ff8fc7",
        "Z": "bold #14181f on #ff7b72",
        "l": "#c792ea",
        "d": "#ff7b72",
        "e": "#6fb7ff",
        "p": "#5fd0d8",
        "a": "#9aa7b8",
        "n": "bold #7fd88f",
        "x": "strike #8a6a6a",
        "f": "bold #7fb4ff",
        "s": "bold #14181f on #f0c060",
    },
    # The terminal's own sixteen colours and background: few bytes, and right on light ones too.
    "ansi": {
        " ": "",
        ".": "dim",
        "b": "bold",
        "t": "bold",
        "h": "reverse",
        "H": "bold reverse cyan",
        "g": "bold green",
        "r": "bold red",
        "c": "cyan",
        "m": "magenta",
        "y": "yellow",
        "u": "green",
        "k": "red",
        "w": "bold yellow",
        "v": "blue",
        "G": "green",
        "W": "bold magenta",
        "Z": "bold reverse red",
        "l": "magenta",
        "d": "bold red",
        "e": "bold blue",
        "p": "cyan",
        "a": "bold cyan",
        "n": "bold green",
        "x": "dim strike",
        "f": "bold cyan",
        "s": "reverse yellow",
    },
    # For eyes that do not tell red from green: blue against yellow, and lightness.
    "blue-yellow": {
        " ": "#d0d4da",
        ".": "#707680",
        "b": "bold #ffffff",
        "t": "bold #6cb6ff",
        "h": "#a9b1bd on #20262f",
        "H": "bold #101418 on #6cb6ff",
        "g": "bold #6cb6ff",
        "r": "bold underline #ffd33d",
        "c": "#9fc5ff",
        "m": "#c0c0c0",
        "y": "#ffd33d",
        "u": "#6cb6ff",
        "k": "#ffd33d",
        "w": "bold #ffd33d",
        "v": "#9fc5ff",
        "G": "#6cb6ff",
        "W": "bold underline #ffd33d",
        "Z": "bold #101418 on #ffd33d",
        "l": "#ffe28a",
        "d": "bold #ffd33d",
        "e": "#9fc5ff",
        "p": "#8fb4d9",
        "a": "#c0c0c0",
        "n": "bold #ffffff",
        "x": "strike #707680",
        "f": "bold #6cb6ff",
        "s": "bold #101418 on #ffd33d",
    },
    # No colour at all: weight and reversal carry what letters do not.
    "mono": {
        " ": "",
        ".": "dim",
        "b": "bold",
        "t": "bold",
        "h": "reverse",
        "H": "bold reverse underline",
        "g": "bold",
        "r": "bold underline",
        "c": "",
        "m": "",
        "y": "bold",
        "u": "bold",
        "k": "",
        "w": "bold underline",
        "v": "",
        "G": "",
        "W": "bold underline",
        "Z": "bold reverse",
        "l": "bold",
        "d": "bold",
        "e": "",
        "p": "",
        "a": "",
        "n": "bold",
        "x": "dim strike",
        "f": "bold",
        "s": "reverse",
    },
}
_BACKGROUNDS: Final = {"dark": _DARK_BACKGROUND, "blue-yellow": "#101418"}
_SELECTIONS: Final = {"dark": "on #2f4361", "blue-yellow": "on #2a3f5c"}
_RUNS: Final = re.compile(r"(.)\1*", re.DOTALL)  # of one role


class Palette:
    """The styles of one theme, for Textual (rich styles) and for our own painting (SGR codes)."""

    def __init__(self, name: str, color_system: ColorSystem, *, no_color: bool = False) -> None:
        """The theme ``name`` on a terminal that can do ``color_system``; without colours if ``no_color``."""
        self.name = name
        self._ground = Style.parse(f"on {_BACKGROUNDS[name]}") if name in _BACKGROUNDS else Style.null()
        selection = Style.parse(_SELECTIONS.get(name, "reverse"))
        self.styles: dict[str, Style] = {}
        self.codes: dict[str, str] = {}
        for role, definition in _PALETTES["mono" if no_color else name].items():
            style = (Style.null() if no_color else self._ground) + Style.parse(definition)
            chosen = Style.parse("reverse") if no_color else selection
            if chosen.reverse:  # dim or reversed text on a reversed row could not be read
                own = Style(color=style.color, bold=style.bold, underline=style.underline)
                self._set(chr(ord(role) + SELECTED), own + chosen, color_system)
            else:
                self._set(chr(ord(role) + SELECTED), style + chosen, color_system)
            self._set(role, style, color_system)

    def _set(self, role: str, style: Style, color_system: ColorSystem) -> None:
        self.styles[role] = style
        self.codes[role] = Strip.render_ansi(style, color_system)

    def strip(self, line: Line) -> Strip:
        """A Line as Textual's Strip."""
        cells, roles = line
        runs = ((run[1], *run.span()) for run in _RUNS.finditer(roles))
        return Strip([Segment(plain(cells[start:end]), self.styles[role]) for role, start, end in runs], len(cells))


def textual_theme(name: str) -> Theme:
    """The Textual theme that goes with a palette: for the command palette and prompts."""
    if name in ("ansi", "mono"):
        return replace(BUILTIN_THEMES["ansi-dark"], name=f"threadtop-{name}")
    return Theme(
        name=f"threadtop-{name}",
        primary="#7fb4ff",
        accent="#7fb4ff",
        warning="#f0c060",
        error="#ff7b72",
        success="#7fd88f",
        foreground="#c8d0dc",
        background=_BACKGROUNDS[name],
        surface="#1b212b",
        panel="#232a35",
        dark=True,
    )


def suitable(environment: Mapping[str, str] = os.environ) -> str:
    """The theme for a terminal: its own colours, unless it says that it shows all of them.

    SSH does not pass COLORTERM on: there the terminal's own sixteen are used, in fewer bytes.
    """
    return "dark" if environment.get("COLORTERM", "") in ("truecolor", "24bit") else "ansi"
