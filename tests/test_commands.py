"""Every action has its method, no key means two things, and the keys our users' hands know are there."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from textual.keys import KEY_ALIASES, _character_to_key

from screens import make_app
from threadtop.tui import commands
from threadtop.tui import help as help_text
from threadtop.tui.app import ThreadtopApp
from threadtop.tui.findings_list import FindingsList
from threadtop.tui.findings_screen import FindingsScreen
from threadtop.tui.grid import Grid
from threadtop.tui.main_screen import MainScreen
from threadtop.tui.pager import Menu, Pager
from threadtop.tui.process_screen import ProcessScreen
from threadtop.tui.screens import ChoiceScreen, ColumnsScreen, HelpScreen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.tui.commands import Action

SCREENS = {
    "main": (MainScreen, commands.MAIN, Grid),
    "process": (ProcessScreen, ProcessScreen.ACTIONS, Grid),
    "overview": (ProcessScreen, ProcessScreen.ACTIONS, Pager),
    "findings": (FindingsScreen, [action for action in commands.FINDINGS if action.keys], FindingsList),
    "help": (HelpScreen, HelpScreen.ACTIONS, Pager),
    "choice": (ChoiceScreen, ChoiceScreen.ACTIONS[1:], Menu),
    "columns": (ColumnsScreen, [action for action in ColumnsScreen.ACTIONS if action.name != "accept"], Menu),
}
# KEYS.md: what the hands of top's and htop's users press.
KNOWN = (
    *("q", "ctrl+c", "?", "h", "f1", "H", "P", "M", "T", "N", "S", "<", ">", "f6", "R", "I", "i", "/", "f3", "n"),
    *("\\", "f4", "o", "=", "t", "f5", "V", "u", "space", "Z", "p", "F", "c", "1", "d", "+", "-", "W", "escape"),
)


def keys_of(actions: Iterable[Action]) -> list[str]:
    """The keys of some actions, one by one."""
    return [key for action in actions for key in action.keys.split(",") if key]


def widget_keys(widget: type[Pager | Grid]) -> set[str]:
    """The keys a widget binds."""
    return {key for keys, _, _ in widget.BINDINGS for key in keys.split(",")}


def name_of(key: str) -> str:
    """A key as Textual calls it."""
    name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
    return {"plus_sign": "plus", "hyphen_minus": "minus"}.get(name, name)


@pytest.mark.parametrize("screen", SCREENS)
def test_every_action_has_its_method(screen: str) -> None:
    """What is bound can be run."""
    owner, actions, _ = SCREENS[screen]
    for action in actions:
        name = action.name.split("(")[0]
        assert not name or hasattr(owner, f"action_{name}"), name
    for action in (*commands.GLOBAL, *(action for action in commands.REPLAY if action.keys)):
        assert hasattr(ThreadtopApp, f"action_{action.name.split('(')[0]}")


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_means_two_things(screen: str) -> None:
    """On one screen with its widget each key is bound once."""
    _, actions, widget = SCREENS[screen]
    own = keys_of(actions)
    repeated = [key for key, count in Counter([*own, *widget_keys(widget)]).items() if count > 1]
    assert repeated == []
    if screen in ("main", "process", "overview"):
        assert not set(own) & {*keys_of(commands.GLOBAL), *keys_of(commands.REPLAY)}
        assert not set(keys_of(commands.GLOBAL)) & set(keys_of(commands.REPLAY))


def test_keys_hands_know_are_bound() -> None:
    """Each key of KEYS.md does something on the main screen."""
    bound = {*keys_of(commands.MAIN), *keys_of(commands.GLOBAL), *widget_keys(Grid)}
    assert {name_of(key) for key in KNOWN} <= bound
    assert {"up", "down", "j", "pageup", "pagedown", "home", "end", "g", "G", "enter"} <= bound


def test_keys_kept_free() -> None:
    """Signals, renice and affinity are to come: their keys are bound to nothing."""
    bound = {*keys_of(commands.MAIN), *keys_of(commands.GLOBAL), *keys_of(ProcessScreen.ACTIONS), *widget_keys(Grid)}
    kept = {"k", "f9", "f7", "f8", "a"}
    assert kept == commands.RESERVED.keys()
    assert not kept & bound


def test_textual_knows_every_key() -> None:
    """No key name is misspelt: each is a letter, a named character, or one of Textual's own names."""
    names = re.compile(r"(ctrl\+|shift\+)?([a-zA-Z0-9]|f\d+|[a-z]+(_[a-z]+)*)")
    own = {"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "tab", "enter", "escape", "backspace"}
    all_of_them = (*commands.MAIN, *commands.GLOBAL, *commands.REPLAY, *ProcessScreen.ACTIONS)
    for key in set(keys_of(all_of_them)):
        assert names.fullmatch(key), key
        base = key.split("+")[-1] if key not in ("plus", "minus") else key
        character = {"plus": "+", "minus": "-"}.get(base) or next(
            (chr(code) for code in range(33, 127) if _character_to_key(chr(code)) == base), ""
        )
        assert len(base) == 1 or base in own or base == "space" or re.fullmatch(r"f\d+", base) or character, key
    assert KEY_ALIASES


def test_every_f_key_has_a_letter() -> None:
    """Some terminals eat F-keys."""
    for action in (*commands.MAIN, *commands.GLOBAL):
        keys = action.keys.split(",")
        if any(re.fullmatch(r"f\d+", key) for key in keys):
            assert any(not re.fullmatch(r"f\d+", key) for key in keys), action


def test_help_names_every_key() -> None:
    """Each action's keys and what it does stand in the help."""
    said = " ".join(" ".join(cells.split()) for cells, _ in help_text.help_lines(100))
    for action in (*commands.MAIN, *commands.GLOBAL, *commands.MOVES, *ProcessScreen.ACTIONS, *commands.REPLAY):
        assert " ".join(action.shown.split()) in said
        assert action.help.split(":")[0] in said


@pytest.mark.parametrize("width", [50, 60, 80, 100, 200])
def test_the_help_fits(width: int) -> None:
    """No line of the help is wider than the screen."""
    assert max(len(cells) for cells, _ in help_text.help_lines(width)) <= width


def test_footer_always_says_how_to_leave() -> None:
    """At 80 columns and at 30 the footer has the help and the way out."""
    footer = make_app()._main.footer
    footer.position = "1-19 of 10,000"
    for width in (80, 50, 34):
        cells = footer.make_lines(width, 1)[0][0]
        assert len(cells) == width
        assert "? help" in cells
        if width > 34:
            assert "q quit" in cells
