"""What stands on the terminal after many small paints and other sizes is what a full repaint puts there."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from ptyrun import ESCAPE, ROW, running
from threadtop.tui import paint

if TYPE_CHECKING:
    from pathlib import Path

MOVES = ["j", "k", "\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~", "g", "G", "\x1b[C", "\x1b[D", " "]
LOOKS = [*"PMTSQ<>RtvH*iKcI1FUn", "\x14", ESCAPE]
ERRANDS = [
    ("\\", "cpu>=0 name~k", "\r", ESCAPE),
    ("\\", "cpu>>", "\r", ESCAPE),
    ("/", "kwork", "\r"),
    ("/", "thread", ESCAPE),
    ("=",),
    ("u", "root", "\r", ESCAPE),
    ("?", "\x1b[6~", "j", "q"),
    ("s", "j", "j", "\r"),
    ("C", "j", " ", "\r"),
    ("C", "j", "j", ESCAPE),
    ("\x10", "tre", ESCAPE),
    ("\r", "j", "\t", "\t", ESCAPE),
    ("d", "2", "\r", ESCAPE),
]
STEPS = 10


@pytest.mark.parametrize("seed", range(3))
def test_small_paints_amount_to_the_whole(tmp_path: Path, seed: int) -> None:
    """After any keys the screen, with its colours, is what a full repaint puts there."""
    dice = random.Random(seed)  # noqa: S311 no secret
    size = dice.choice([(80, 24), (120, 40), (50, 20)])
    environment = {"COLORTERM": "truecolor"} if seed % 2 else {}
    with running(tmp_path, size=size, environment=environment) as run:
        run.press("Z")
        history: list[str] = []
        for _ in range(STEPS):
            kind = dice.choice([MOVES, LOOKS, ERRANDS])
            chosen = dice.choice(kind)  # type: ignore[var-annotated]
            keys = [chosen] if isinstance(chosen, str) else list(chosen)
            history.extend(keys)
            run.press(*keys)
            try:
                run.check_screen()
            except AssertionError as error:
                message = f"after {history}: {error}"
                raise AssertionError(message) from error
        run.press("q")
        assert run.wait_exit() == 0


def test_blanks_of_the_chosen_row() -> None:
    """Where the chosen row is reversed, a blank shows the colour of its role: it is sent when that changes."""
    was, now = paint.selected((" ", "w")), paint.selected((" ", " "))
    assert paint.changed_spans(was, now) == [(0, 1)]


def test_live_paints_amount_to_the_whole(tmp_path: Path) -> None:
    """Many ticks of moving figures leave nothing behind."""
    with running(tmp_path, "-d", "0.1") as run:
        for key in ["", "t", "j", "v", "v", "H", "t"]:
            size = len(run.data)
            run.send(key)
            run.wait(lambda size=size: len(run.data) > size + 1500, "some ticks")  # type: ignore[misc]
        run.press("Z")
        run.check_screen()


def test_resize(tmp_path: Path) -> None:
    """Any size is taken without a crash, and painted right."""
    with running(tmp_path) as run:
        run.press("Z", "j", "j")
        for size in [(20, 5), (120, 40), (1, 1), (300, 100), (80, 24), (2, 60), (400, 1), (120, 40)]:
            count = len(run.full_paints)
            run.resize(*size)
            if size != (1, 1):
                run.wait(lambda count=count: len(run.full_paints) > count, f"painted at {size}")  # type: ignore[misc]
                run.check_screen()
            run.press("t")
        run.wait_for(ROW)
        run.send("q")
        assert run.wait_exit() == 0


@pytest.mark.parametrize("keys", ["?", "/abc", "\x10", "\r"], ids=["help", "search", "palette", "process"])
def test_resize_with_something_open(tmp_path: Path, keys: str) -> None:
    """What lies over the list takes other sizes, too, and the list below it is right afterwards."""
    with running(tmp_path) as run:
        run.press("Z", *keys)
        for size in [(20, 5), (1, 1), (200, 60), (120, 40)]:
            run.resize(*size)
            run.settle()
        run.check_screen()
        run.press(ESCAPE)
        run.wait_for(ROW)
        run.check_screen()


def test_sizes_in_a_storm(tmp_path: Path) -> None:
    """A window dragged about, while figures move and keys are pressed, ends in the right picture."""
    dice = random.Random(7)  # noqa: S311 no secret
    with running(tmp_path, "-d", "0.1") as run:
        for _ in range(40):
            run.resize(dice.randint(1, 200), dice.randint(1, 60))
            run.send(dice.choice("jkGgtv"))
            run.pump(0.02)
        run.resize(100, 30)
        run.press("Z")
        run.check_screen()
        run.wait_for(ROW)
