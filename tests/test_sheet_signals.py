"""The Signals pane: what waits and for whom, how signals are taken, masks, timers; by values."""

from __future__ import annotations

import pytest

import scripted_signals
from builders import process_row, snapshot, thread_row
from threadtop.inside.asked import Denial
from threadtop.inside.signals import SignalFacts, Timer, TimerFd
from threadtop.sheets.sheet import Entry, Record, Section, Sheet, Subject
from threadtop.sheets.signals import HIDDEN, sheet

PID = 100
ALL = f"{(1 << 64) - 1:016x}"
NONE = "0" * 16


def made(threads: int = 2, **said: object) -> Sheet:
    """The pane of a process of so many threads, the scripted facts changed."""
    facts = SignalFacts({"SigQ": "0/10"}, {PID: (NONE, NONE), PID + 1: (NONE, NONE)}, (), (), "10", ())
    process = process_row(PID, *(thread_row(PID + at) for at in range(threads)))
    return sheet(Subject(snapshot(process), process, facts._replace(**said)))  # type: ignore[arg-type]


def section(shown: Sheet, key: str) -> Section:
    """One of its sections."""
    return next(one for one in shown.sections if one.key == key)


def entry(shown: Sheet, key: str) -> Entry:
    """A field of the process."""
    return next(one for one in section(shown, "signals").entries if one.key == key)


def rows(shown: Sheet, key: str) -> list[Record]:
    """The rows of a section."""
    table = section(shown, key).table
    assert table is not None
    return list(table.records)


def test_whom_a_signal_waits_for() -> None:
    """Each by its name, with the threads for which it waits."""
    many = {PID + at: (f"{1 << 1 | (1 << 9) * (at == 1):x}", NONE) for at in range(10)}
    one = entry(made(10, masks=many), "thread_pending")
    first = " ".join(str(PID + at) for at in range(8))
    assert one.shown == f"INT for {first} …, USR1 for 101"
    assert one.value == [{"signal": "INT", "tids": [PID + at for at in range(8)]}, {"signal": "USR1", "tids": [101]}]
    assert one.role == "y"
    assert entry(made(), "thread_pending")[1:3] == ("none", [])


@pytest.mark.parametrize(
    ("mask", "words", "count"),
    [(NONE, "none", 0), ("4001", "HUP TERM", 2), (ALL, "all", 64), (f"{(1 << 64) - 3:x}", "all but INT", 63)],
)
def test_masks_in_words(mask: str, words: str, count: int) -> None:
    """Few by their names, of nearly all those that are missing; as data always all that are in it."""
    one = entry(made(status={"SigBlk": mask}), "blocked")
    assert (one.shown, len(one.value)) == (words, count)
    assert entry(made(status={"SigBlk": "?"}), "blocked")[1:3] == ("-", None)


def test_who_ignores_all_has_no_row_for_each() -> None:
    """Threads of the kernel ignore everything: those that are asked for most are enough."""
    assert len(rows(made(status={"SigIgn": ALL}), "dispositions")) == 9
    some = rows(made(status={"SigIgn": f"{1 << 24:x}", "SigCgt": f"{1 << 34:x}"}), "dispositions")
    assert [(row.values[0], row.values[2]) for row in some[9:]] == [
        ("XFSZ", "ignored"),
        ("RTMIN+1", "its own handler"),
    ]


def test_a_signal_that_all_block_stands_out() -> None:
    """TERM, which nobody takes, and INT, which one thread still does."""
    shown = made(masks={PID: (NONE, "4002"), PID + 1: (NONE, "4000")})
    told = {row.identity: (row.cells[3], row.values[3], row.role) for row in rows(shown, "dispositions")}
    assert (told["TERM"], told["INT"], told["HUP"]) == (("all 2", 2, "y"), ("1", 1, " "), ("none", 0, " "))


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (0, "realtime"),
        (7, "boottime"),
        (10, "10"),
        (None, "-"),
        ((~4711 << 3) | 2, "CPU of process 4711"),
        ((~4711 << 3) | 6, "CPU of thread 4711"),
        (-6, "CPU of the process"),
    ],
)
def test_clocks(clock: int | None, words: str) -> None:
    """By name; those of CPU time by whose it is."""
    (row,) = rows(made(timers=(Timer(3, 36, "signal tid", 7, clock),)), "timers")
    assert row.values == (3, "RTMIN+2", "signal tid 7", words)


def test_timerfds() -> None:
    """When they fire; one that its program does not read stands out."""
    told = rows(made(timerfds=(TimerFd(7, 1, 1_500_000_000, 0, 0), TimerFd(9, 1, 0, 0, 1200))), "timerfds")
    assert told[0].values == (7, "monotonic", 1.5, None, 0)
    assert (told[0].role, told[1].role) == (" ", "y")
    assert told[1].cells[2:] == ("has fired", "-", "1,200")


def test_what_has_not_been_read_yet_is_said() -> None:
    """Of thousands of threads and descriptors only some were looked at."""
    shown = made(3, looked=4096, descriptors=9000)
    assert section(shown, "masks").notes == ("2 of 3 threads have been read so far",)
    assert section(shown, "timerfds").notes == ("4,096 of 9,000 descriptors have been looked at so far",)
    assert section(made(looked=7, descriptors=7), "timerfds").notes == ()


def test_what_is_denied_is_not_what_is_missing() -> None:
    """By a rule it is hidden; without one this kernel has no such file."""
    denied = (Denial("timers", "it is another user's process"), Denial("fd", "it is another user's process"))
    hidden, missing = made(timers=None, timerfds=None, denials=denied), made(timers=None, timerfds=None)
    assert section(hidden, "timers").notes == section(hidden, "timerfds").notes == (HIDDEN,)
    assert section(missing, "timers").notes == ("this kernel does not list them",)
    assert section(missing, "timerfds").notes == ("it has none",)
    assert hidden.denials == denied


def test_the_scripted_ones() -> None:
    """RTMIN+3 waits for all, USR1 for one that blocks all."""
    facts = scripted_signals.facts()
    shown = made(masks=facts.masks, status=facts.status)
    assert entry(shown, "pending").shown == "RTMIN+3"
    assert entry(shown, "queued")[1:3] == ("5 of 62,832", {"queued": 5, "limit": 62832})
