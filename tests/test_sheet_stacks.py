"""The Stacks pane by values: what each key would do and cost, stacks in groups, what is said of a pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_findings
import scripted_stacks
from threadtop.sheets import BY_NAME, document, render
from threadtop.sheets.sheet import Link, Subject
from threadtop.sheets.stacks import NATIVE, PAUSED, PYTHON, StacksFacts, Trace, sheet

if TYPE_CHECKING:
    from threadtop.sheets.sheet import Entry, Record

KIND = BY_NAME["stacks"]
SHOT = scripted_findings.ticks(8)[-1]
GUNICORN = SHOT.processes[scripted.GUNICORN]
FACTS = scripted_stacks.facts()
READY = StacksFacts(has_py_spy=True, native_tool="gdb")


def subject(facts: StacksFacts, **changed: object) -> Subject:
    """The scripted gunicorn, a CPython with a GIL."""
    return Subject(SHOT, GUNICORN._replace(**changed), facts)  # type: ignore[arg-type]


def entries(facts: StacksFacts, **changed: object) -> dict[str, Entry]:
    """All fields, by key."""
    made = sheet(subject(facts, **changed))
    return {entry.key: entry for section in made.sections for entry in section.entries}


def records(facts: StacksFacts) -> list[Record]:
    """The lines of the stacks."""
    made = sheet(subject(facts))
    return [record for section in made.sections if section.table for record in section.table.records]


def text_of(facts: StacksFacts, width: int = 120) -> str:
    """The pane as text."""
    return "\n".join(render.lines(sheet(subject(facts)), KIND.terms, width))


def test_before_it_asks_it_says_what_that_costs() -> None:
    """Each key says whether the process is paused and for about how long, which grows with its threads."""
    few = entries(READY, thread_count=10)
    assert few["python"].shown == "Python stacks of all threads; the process is not paused"
    assert few["blocking"].shown.endswith("pauses the process for about 20 ms")
    assert few["native"].shown == (
        "native stacks by gdb: pauses the process for about 1 s, or longer where there is much to load"
    )
    assert entries(READY, thread_count=2000)["blocking"].shown.endswith("for about 2 s")
    assert "one thread after the other" in entries(READY._replace(native_tool="eu-stack"))["native"].shown


def test_without_tools_there_is_how_to_get_them() -> None:
    """One line for each, and nothing of pauses."""
    none = entries(StacksFacts())
    assert none["python"].shown == none["blocking"].shown
    assert "pip install 'threadtop[stacks]'" in none["python"].shown
    assert "apt-get install elfutils (eu-stack), or gdb" in none["native"].shown


def test_readonly_forbids_pauses() -> None:
    """With --readonly only what does not pause is offered."""
    said = entries(READY._replace(is_readonly=True))
    assert "--readonly" in said["blocking"].shown
    assert "--readonly" in said["native"].shown
    assert "--readonly" not in said["python"].shown


def test_a_process_that_is_no_python() -> None:
    """The key for Python's stacks says that none was seen; native stacks are offered all the same."""
    said = entries(READY, gil=None)
    assert "no CPython was seen" in said["python"].note
    assert "gdb" in said["native"].shown
    assert entries(READY)["python"].note == ""


def test_a_second_press_is_announced() -> None:
    """Which key, within which time, which process, for how long; above everything, for a list may hide the keys."""
    notes = sheet(subject(FACTS._replace(confirm=NATIVE))).notes
    assert notes == ("press v again within 5 s to pause process 4211 for about 100 ms",)
    assert "press again" in entries(FACTS._replace(confirm=NATIVE))["native"].shown


def test_the_last_pause_tells_of_the_next() -> None:
    """What was measured for this process replaces what is usual."""
    assert "about 8 ms, as the last time" in entries(FACTS)["blocking"].shown
    assert "about 10 ms" not in entries(FACTS)["blocking"].shown


@pytest.mark.parametrize(
    ("facts", "shown", "value", "note"),
    [
        (FACTS, "at most 8 ms", 8.4, "py-spy took 41 ms"),
        (FACTS._replace(paused_s=None), "less than could be seen", None, "py-spy took 41 ms"),
        (FACTS._replace(tool="eu-stack", how=NATIVE), "at most 8 ms", 8.4, "the main thread; the others in their turn"),
    ],
)
def test_how_long_it_was_paused(facts: StacksFacts, shown: str, value: float | None, note: str) -> None:
    """At most so long, or less than looks can tell; with what the tool took in all."""
    entry = entries(facts)["paused_ms"]
    assert (entry.shown, entry.value) == (shown, value)
    assert note in entry.note


def test_what_did_not_pause_says_nothing_of_it() -> None:
    """Stacks that were read from memory have no pause; they say when and by what they were read."""
    said = entries(FACTS._replace(how=PYTHON, took_s=None, paused_s=None))
    assert "paused_ms" not in said
    assert said["asked"].shown == "Python stacks, not paused, by py-spy, 12 s ago"
    assert said["asked"].note == "10 threads, 4 different stacks"
    assert entries(FACTS._replace(traces=FACTS.traces[:1]))["asked"].note == "1 thread, one stack"


def test_threads_with_one_stack_share_it() -> None:
    """The one with the GIL first, the pool last, counted and named in part; each line leads to its first thread."""
    heads = [record for record in records(FACTS) if record.cells[0]]
    assert [record.cells[:2] for record in heads] == [("1", "GIL"), ("1", ""), ("1", ""), ("7", "")]
    assert heads[0].cells[2] == "worker-1\x1b[31m 4212: running"
    assert heads[-1].cells[2] == (
        "sleeps: worker-2 4213, worker-3 4214, worker-4 4215, worker-5 4216, worker-6 4217, worker-7 4218 and 1 more"
    )
    assert heads[-1].link == Link(scripted.GUNICORN, scripted_stacks.POOL[0])
    shown = [record.cells[2].strip() for record in records(FACTS) if not record.cells[0]]
    assert shown[: len(scripted_stacks.ENCODE)] == list(scripted_stacks.ENCODE)


def test_who_of_several_holds_the_gil() -> None:
    """It is named first, and marked."""
    pair = tuple(Trace(tid, f"w{tid}", ("run x.py:1",), has_gil=tid == 9, state="R") for tid in (3, 9))
    (head, _) = records(READY._replace(how=PYTHON, traces=pair))
    assert head.cells == ("2", "GIL", "running: w9 9 holds the GIL, w3 3")


def test_threads_without_tids() -> None:
    """Before 3.11 they may be unknown: there is nowhere to go, and rows do not get mixed up."""
    pair = tuple(Trace(0, name, (f"{name} x.py:1",)) for name in "ab")
    made = records(READY._replace(how=PYTHON, traces=pair))
    assert len({record.identity for record in made}) == len(made) == 4
    assert {record.link for record in made} == {None}


def test_threads_without_python_are_listed() -> None:
    """In short, with how many there are beyond those that are named."""
    entry = entries(FACTS)["others"]
    assert entry.shown == "2: io-reader 4220, blas\n0 4221"
    many = tuple(Trace(tid, "blas", ()) for tid in range(1, 100))
    assert entries(FACTS._replace(others=many))["others"].shown.endswith("blas 40 and 59 more")


def test_json_has_a_stack_as_one() -> None:
    """Each stack with its threads and frames; the keys of the screen are of no use there."""
    facts = FACTS._replace(is_printed=True)
    shown = document.document(KIND, subject(facts), sheet(subject(facts)))
    assert shown["asked"]["asked"] == {"how": PAUSED, "tool": "py-spy", "took_ms": 41.0}
    assert shown["stacks"][0] == {
        "threads": [{"tid": 4212, "name": "worker-1\x1b[31m", "state": "R", "holds_gil": True}],
        "frames": list(scripted_stacks.ENCODE),
    }
    assert [len(one["threads"]) for one in shown["stacks"]] == [1, 1, 1, 7]
    assert "keys" not in shown


def test_a_failure_stands_above_what_is_known() -> None:
    """What was read before stays."""
    said = text_of(FACTS._replace(complaint="py-spy failed: \x1b[31m"))
    assert said.index("py-spy failed: ^[[31m") < said.index("iterencode")


def test_a_long_pool_is_readable() -> None:
    """Two hundred idle workers are one stack."""
    pool = tuple(Trace(tid, f"pool-{tid}", scripted_stacks.WAIT, state="S") for tid in range(1, 201))
    said = text_of(READY._replace(how=PYTHON, traces=pool), 80)
    assert "200" in said
    assert len(said.splitlines()) < 20
