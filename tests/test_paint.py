"""Lines to bytes: spans that changed, colours, wide characters; the roles are single letters."""

from __future__ import annotations

import random

import pyte
import pytest

from threadtop import text
from threadtop.tui import paint, themes
from threadtop.tui.paint import LineBuilder

CODES = {" ": "", "g": "32", "w": "1;33", ".": "2", "h": "7", "s": "7;33"}
WIDE = f"線{text.FILLER}"


def line(cells: str, roles: str = "") -> paint.Line:
    """A line whose roles are given as far as they are not plain."""
    return cells, roles.ljust(len(cells))


def test_no_change_no_span() -> None:
    """Equal lines have nothing to send."""
    assert paint.changed_spans(line("same"), line("same")) == []
    assert paint.update([line("same")], [line("same")], 0, 0, CODES) == ""


@pytest.mark.parametrize(
    ("old", "new", "spans"),
    [
        ("aaaaaaaaaa", "abaaaaaaaa", [(1, 2)]),
        ("aaaaaaaaaa", "baaaaaaaab", [(0, 1), (9, 10)]),
        ("aaaaaaaaaa", "baaaabaaaa", [(0, 6)]),
        ("aaaaaaaaaaaaaaaaaaaa", "aaaaaaabaaaabaaaaaaa", [(7, 13)]),
        ("short", "another length", [(0, 14)]),
    ],
)
def test_spans(old: str, new: str, spans: list[tuple[int, int]]) -> None:
    """Changes that lie close together are one span, others are apart, another width is all of it."""
    assert paint.changed_spans(line(old), line(new)) == spans


def test_a_change_of_colour_alone_is_a_change() -> None:
    """The same letter in another role is sent again."""
    assert paint.changed_spans(line("abc", "ggg"), line("abc", "gwg")) == [(1, 2)]


def test_a_blank_has_no_colour() -> None:
    """A blank whose role changes is not sent, unless the role shows on a blank, or the row was chosen."""
    assert paint.changed_spans(line("a c", "ggg"), line("a c", "gwg")) in ([], [(1, 2)])
    assert paint.changed_spans(line("a c", "g.g"), line("a c", "g g")) == []
    assert paint.changed_spans(line("a c", "ghg"), line("a c", "g g")) == [(1, 2)]
    assert paint.changed_spans(line("   "), paint.selected(line("   "))) == [(0, 3)]


def test_a_wide_character_is_sent_whole() -> None:
    """A span never begins or ends within a wide character, of the old line or of the new one."""
    old, new = line(f"a{WIDE}b"), line("axyb")
    assert paint.changed_spans(old, new) == [(1, 3)]
    assert paint.changed_spans(new, old) == [(1, 3)]
    assert paint.changed_spans(line(f"a{WIDE}"), line(f"{WIDE}a")) == [(0, 3)]
    assert paint.changed_spans(line(WIDE, "gg"), line(WIDE, "gw")) == [(0, 2)]


def test_encode_begins_and_ends_without_colour() -> None:
    """Runs of one role share one code; what follows is not coloured by what was."""
    assert paint.encode(line("abcd", "ggww"), 0, 4, CODES) == "\x1b[32mab\x1b[0;1;33mcd\x1b[m"
    assert paint.encode(line("abcd", "gg"), 0, 4, CODES) == "\x1b[32mab\x1b[mcd"
    assert paint.encode(line("abcd"), 1, 3, CODES) == "bc"
    assert paint.encode(line(WIDE), 0, 2, CODES) == "線"


def test_update_moves_the_cursor_forward() -> None:
    """The first span of a row has an absolute position, the next one a shorter move."""
    sent = paint.update([line("a" * 20)], [line("b" + "a" * 10 + "c" + "a" * 8)], 2, 4, CODES)
    assert sent == "\x1b[5;3Hb\x1b[10Cc"


def test_spread_saves_colour_changes() -> None:
    """A blank takes the role of the text before it, but none that would show, and keeps one that does."""
    assert paint.spread(line("a b", "g g")) == ("a b", "ggg")
    assert paint.spread(line("a b", "h g")) == ("a b", "h g")
    assert paint.spread(line("a b", "ghg")) == ("a b", "ghg")


def test_roles_that_show_on_blanks() -> None:
    """SOLID has every role that is reversed, underlined or struck in some theme, and no background escapes it."""
    shown = set()
    for definitions in themes._PALETTES.values():
        for role, definition in definitions.items():
            if {"reverse", "underline", "strike", "on"} & set(definition.split()):
                shown.add(role)
    assert shown <= set(paint.SOLID)


def test_every_theme_has_every_role() -> None:
    """No theme lacks a role, with and without the row being chosen."""
    for name in themes._PALETTES:
        assert themes._PALETTES[name].keys() == themes.ROLES.keys()


def test_lines_are_fitted() -> None:
    """What does not fit ends in an ellipsis, what is short is filled; a wide character is not cut in half."""
    assert paint.fit_line(line("abcdef"), 4)[0] == "abc…"
    assert paint.fit_line(line("ab"), 4) == ("ab  ", "    ")
    assert text.plain(paint.fit_line(line(f"a{WIDE}b"), 3)[0]) == "a …"


def test_parts_are_left_out_whole() -> None:
    """Of parts in the order of their weight those that do not fit are left out, never cut."""
    parts = [LineBuilder().add(word) for word in ("first", "", "second", "third", "4")]
    assert paint.fitted(parts, 40)[0].split() == ["first", "second", "third", "4"]
    assert paint.fitted(parts, 14)[0] == "first   second"
    assert paint.fitted(parts, 13)[0] == "first   third"
    assert paint.fitted(parts, 9)[0] == "first   4"


@pytest.mark.parametrize("seed", range(20))
def test_what_is_sent_makes_the_new_lines(seed: int) -> None:
    """On a terminal that shows the old lines, the update makes the new ones: text, wide characters and looks."""
    chance = random.Random(seed)  # noqa: S311 the same sequence in each run
    width, height = 30, 4
    terminal = pyte.Screen(width, height)
    stream = pyte.Stream(terminal)
    shown = [paint.blank(width)] * height
    for _ in range(60):
        lines = [_random_line(chance, width) if chance.random() < 0.7 else old for old in shown]
        stream.feed(paint.update(shown, lines, 0, 0, CODES))
        shown = lines
        assert terminal.display == [text.plain(cells) for cells, _ in lines]
        for y, (cells, roles) in enumerate(lines):
            for x, (cell, role) in enumerate(zip(cells, roles, strict=True)):
                drawn = terminal.buffer[y][x]
                if cell not in (" ", text.FILLER):
                    assert (drawn.fg == "green", drawn.reverse) == (role == "g", role in "hs")
                elif cell == " ":
                    assert drawn.reverse == (role in "hs")


def _random_line(chance: random.Random, width: int) -> paint.Line:
    cells = "".join(chance.choice(["a", "b", " ", " ", WIDE]) for _ in range(width))
    roles = "".join(chance.choice(" gwh.s") * chance.randint(1, 5) for _ in range(width))[:width]
    cells = text.fit(cells, width)
    # A wide character has one role.
    fixed = [roles[index - 1] if cells[index] == text.FILLER else role for index, role in enumerate(roles)]
    return cells, "".join(fixed)
