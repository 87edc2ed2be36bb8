"""What stands out on a row: one thing, the right one, and not from tick to tick another."""

from __future__ import annotations

import pytest

from builders import process_row, thread_row
from threadtop.tui import accents


@pytest.mark.parametrize(
    ("does", "accent"),
    [
        ({"cpu_pct": 98.0, "state": "R"}, ("g", ("cpu_pct", "state"))),
        ({"cpu_pct": 25.0}, ("g", ("cpu_pct",))),
        ({"cpu_pct": 0.3, "state": "R", "reason": "running"}, ("", ())),
        ({"cpu_pct": 12.0, "wait_pct": 61.0, "state": "R", "reason": "waits for a cpu"}, ("w", ("wait_pct", "reason"))),
        ({"cpu_pct": 2.0, "wait_pct": 4.0, "state": "R", "reason": "waits for a cpu"}, ("", ())),
        ({"cpu_pct": 85.0, "wait_pct": 12.0, "invol_per_s": 900.0}, ("g", ("cpu_pct",))),
        ({"cpu_pct": 1.8, "wait_pct": 5.1, "vol_per_s": 2600.0}, ("v", ("vol_per_s",))),
        ({"cpu_pct": 1.8, "wait_pct": 35.0, "vol_per_s": 2600.0}, ("w", ("wait_pct",))),
        ({"cpu_pct": 1.0, "invol_per_s": 300.0}, ("w", ("invol_per_s",))),
        ({"cpu_pct": 0.2, "state": "D"}, ("r", ("state", "reason"))),
        ({"state": "T"}, ("c", ("state", "reason"))),
        ({"state": "Z"}, ("m", ("state", "reason"))),
        ({"cpu_pct": 50.0, "mark": "gone"}, ("", ())),
        ({"cpu_pct": None, "wait_pct": None, "vol_per_s": None, "invol_per_s": None}, ("", ())),
    ],
)
def test_what_stands_out(does: dict[str, object], accent: tuple[str, tuple[str, ...]]) -> None:
    """Of what a thread does the gravest is coloured: stuck, stopped, starved, burning, switching, preempted."""
    assert accents.accent(thread_row(7, **does)) == accent


def test_two_spinners_on_one_core_keep_their_colour() -> None:
    """Half running and half waiting looks the same whichever half is the larger one."""
    looks = {
        accents.accent(thread_row(7, cpu_pct=50.0 + by, wait_pct=50.0 - by, state="R"))[0] for by in (-1.0, 0.0, 1.0)
    }
    assert looks == {"w"}


def test_processes_have_accents_too() -> None:
    """A process row shows what its threads do together."""
    row = process_row(1, thread_row(1, cpu_pct=3.0), thread_row(2, cpu_pct=4.0))
    assert accents.accent(row) == ("g", ("cpu_pct",))
