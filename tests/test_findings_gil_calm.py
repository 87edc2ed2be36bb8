"""Observations about the GIL: what is busy, many or off, and no problem; and all findings together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row, snapshot
from gil_rows import FOUR, HOG, PROBLEM, estimate, found, kinds, late, lock, python, thread
from threadtop.findings import diagnose

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, ThreadRow


# -- observations ------------------------------------------------------------------------------


def test_single_busy() -> None:
    """One thread computes, nobody waits: not contention, and no problem."""
    (finding,) = found(python(thread(1, 95, name="loop"), thread(2, 1, 4.9)))
    assert finding.title == "busy, not contended: loop holds the GIL 95 %, nobody waits for it"
    assert "More threads would not help" in finding.explanation
    assert (finding.kind, finding.tids) == ("single-busy", (1,))
    assert finding.severity < PROBLEM


@pytest.mark.parametrize(
    ("threads", "fires"),
    [
        pytest.param((thread(1, 80),), True, id="80 %"),
        pytest.param((thread(1, 79.9),), False, id="less"),
        pytest.param((thread(1, 90), thread(2, 1, 5.0)), False, id="another waits"),
        pytest.param((thread(1, 90), thread(2, 90)), False, id="two, of two interpreters"),
        pytest.param((thread(1, 90, asleep=10.1),), False, id="it sleeps with it"),
        pytest.param((thread(1, 90, runq=19.9),), True, id="queues a little for a CPU"),
        pytest.param((thread(1, 90, runq=20.0),), False, id="lacks a CPU"),
    ],
)
def test_when_one_is_busy(threads: tuple[ThreadRow, ...], fires: bool) -> None:  # noqa: FBT001 as above
    """Exactly one holds it 80 % awake, and nobody waits 5 %."""
    assert ("single-busy" in kinds(python(*threads))) == fires


@pytest.mark.parametrize(
    ("rate", "waiters", "severity"),
    [(1999.9, 1.0, None), (2000.0, 0.49, 30), (2000.0, 0.5, 60), (None, 1.0, None)],
)
def test_many_handovers(rate: float | None, waiters: float, severity: float | None) -> None:
    """2,000 a second are ten times what the switch interval makes: a problem only where half a thread waits."""
    row = python(thread(1, 30), thread(2, 30), switches_per_s=rate, waiters=waiters)
    assert [finding.severity for finding in found(row, kind="many-handovers")] == ([severity] if severity else [])


def test_why_there_are_many_handovers() -> None:
    """A short switch interval is named as the reason, else the threads themselves."""
    said = {"switches_per_s": 45_000.0, "waiters": 0.7}
    (finding,) = found(python(thread(1, 30), thread(2, 30, 9), **said))
    assert finding.title == "the GIL changes hands 45,000 times a second"
    assert "give the GIL up themselves" in finding.explanation
    assert finding.evidence == (("hand-overs", "45,000/s"), ("waiting", "0.7 on average"))
    assert finding.tids == (2,)
    for interval_us, is_short in ((500, True), (501, False)):
        (finding,) = found(python(thread(1, 30), **said, locks=(lock(interval_us=interval_us),)))
        assert finding.explanation.startswith("The switch interval is 0.5 ms") == is_short


def worker(pid: int, cpu: float = 50.0, **said: object) -> ProcessRow:
    """A process of its own GIL that computes."""
    row = {"cpu_pct": cpu, "ppid": 7, "process": "python3", **said}
    return python(thread(pid, 60), pid=pid, row=row)


def test_the_shortest_interval_counts() -> None:
    """Of several GILs the one with the shortest interval explains most; one that is off explains none."""
    locks = (lock(), lock(interval_us=200), lock(interval_us=100, is_enabled=False))
    (finding,) = found(python(thread(1, 30), switches_per_s=5000.0, locks=locks), kind="many-handovers")
    assert finding.explanation.startswith("The switch interval is 0.2 ms")
    (finding,) = found(python(thread(1, 30), switches_per_s=5000.0, locks=()), kind="many-handovers")
    assert "give the GIL up themselves" in finding.explanation


def test_workers_that_are_fine() -> None:
    """Several busy processes of one parent: an observation about all of them."""
    (finding,) = found(worker(30, 99.0), worker(10), worker(20))
    assert finding.title == "3 worker processes, each with a GIL of its own: nobody waits"
    assert finding.evidence == (("cpu", "50 50 99 %"), ("pids", "10 20 30"))
    assert (finding.kind, finding.pid, finding.process) == ("workers-fine", 10, "python3")
    assert finding.severity < PROBLEM
    assert finding.tids == (10, 20, 30)  # so that each of their panes can show it


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(worker(20, 49.9), id="not busy"),
        pytest.param(worker(20, ppid=8), id="another parent"),
        pytest.param(worker(20, process="node"), id="another program"),
        pytest.param(
            python(thread(20, 60), thread(21, 1, 5.0), pid=20, row={"cpu_pct": 90.0, "ppid": 7, "process": "python3"}),
            id="waits",
        ),
        pytest.param(process_row(20, cpu_pct=90.0, ppid=7, process="python3"), id="not watched"),
        pytest.param(worker(20)._replace(gil=estimate(0.0).gil), id="estimated"),
        pytest.param(worker(20)._replace(gil=python(thread(20), samples=49).gil), id="too few samples"),
        pytest.param(worker(20)._replace(gil=python(thread(20), is_enabled=False).gil), id="its GIL is off"),
    ],
)
def test_one_worker_is_no_group(other: ProcessRow) -> None:
    """Two of the same parent and program are needed, each busy, each known."""
    assert found(worker(10), worker(20), kind="workers-fine")
    assert not found(worker(10), other, kind="workers-fine")


def test_gil_off() -> None:
    """A free-threaded build is named, even before there are samples."""
    (finding,) = found(python(thread(1, None, None), is_enabled=False, version="3.14.0t", samples=0))
    assert (finding.kind, finding.title) == ("gil-off", "free-threaded Python: the GIL is off")
    assert finding.evidence == (("build", "3.14.0t"),)
    assert finding.severity < PROBLEM


def test_gil_switched_on() -> None:
    """A free-threaded build with a GIL: who may have switched it on; the other rules hold as well."""
    row = python(*FOUR, version="3.14.0t")
    assert kinds(row) == ["gil-bound", "gil-switched-on"]
    (finding,) = found(row, kind="gil-switched-on")
    assert "PYTHON_GIL=1" in finding.explanation
    assert finding.severity == 40
    assert "gil-switched-on" not in kinds(python(*FOUR, version="3.14.0"))
    assert "gil-switched-on" not in kinds(python(*FOUR, version="3.14.0t", is_enabled=None))


# -- all ---------------------------------------------------------------------------------------


def test_nothing_is_said_of_what_is_not_watched() -> None:
    """No GIL, no findings; and none of one that is quiet."""
    assert diagnose(snapshot(process_row(1), process_row(2))) == ()
    assert kinds(python(thread(1, 3, 0.5), thread(2, 2, 0.4))) == []


def test_the_most_severe_comes_first() -> None:
    """By severity, then by pid."""
    rows = [python(thread(pid, 95), pid=pid) for pid in (40, 30)]
    bound = python(*FOUR, pid=50)
    assert [(one.kind, one.pid) for one in found(rows[0], bound, rows[1])] == [
        ("gil-bound", 50),
        ("single-busy", 30),
        ("single-busy", 40),
    ]


def test_names_are_handed_on_raw() -> None:
    """What is shown makes them harmless; here they are what the kernel said."""
    assert "\x1b[31m" in found(python(thread(1, 95, name="\x1b[31mred")))[0].title


def test_no_words_shout() -> None:
    """Plain English for a reader at 3 am, in one line a title."""
    rows = [
        python(*FOUR, version="3.14.0t", switches_per_s=9000.0),
        python(HOG, late()),
        python(thread(1, 50, asleep=50)),
        python(thread(1, 95)),
        python(thread(1, None), is_enabled=False),
        estimate(70, 70),
    ]
    told = [finding for row in rows for finding in found(row)]
    assert len({finding.kind for finding in told}) == 7
    for finding in told:
        texts = (finding.title, finding.explanation, *(part for pair in finding.evidence for part in pair))
        assert not any("!" in text or "\n" in text or not text for text in texts)
        assert finding.explanation.endswith(".")
        assert 0 <= finding.severity <= 100
