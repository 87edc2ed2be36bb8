"""The text of ``threadtop gil``, line by line, and that no target can do harm in it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest

from builders import process_row
from test_gil_report import BOUND, BUSY, EXACT, LOCK, PID, process, share, shot, thread
from threadtop.gil_report.lines import report_lines
from threadtop.gil_report.measure import Measured
from threadtop.sample import SleepTally
from threadtop.snapshot import Estimate, GilShare

if TYPE_CHECKING:
    from threadtop.gil_rows import GilRow
    from threadtop.snapshot import Finding, ProcessRow, ThreadRow

HOSTILE = "\x1b]0;x\x07\n\u202e漢"
ESTIMATE = EXACT._replace(
    grade="estimate",
    why_not="Yama's ptrace_scope is 1",
    remedy="start it with threadtop gil -- COMMAND, or run as root",
    utilisation_pct=None,
    switches_per_s=Estimate(640.0),
    waiters=Estimate(1.4),
    locks=(),
    samples=60,
)
OFF = EXACT._replace(
    version="3.14.0t",
    is_enabled=False,
    utilisation_pct=None,
    switches_per_s=None,
    waiters=None,
    locks=(LOCK._replace(is_enabled=False, utilisation_pct=None, switches_per_s=None, holder=None),),
)


def measured(row: ProcessRow, *findings: Finding, **said: object) -> Measured:
    """Five seconds of a process; each thread's CPU is what its row has used."""
    cpu = {tid: None if own.cpu_ns is None else own.cpu_ns / 1e7 / 5 for tid, own in row.threads.items()}
    whole = Measured(shot(row, findings=findings), row, cpu, 5.0, 5.0, ended="", is_interrupted=False)
    return whole._replace(**said)


def lines(row: ProcessRow, *findings: Finding, width: int | None = None, **said: object) -> list[str]:
    """The report's lines."""
    return list(report_lines(measured(row, *findings, **said), width))


def test_an_exact_report() -> None:
    """What comes first is who and how sure, then the lock, the threads by what they hold and wait, and findings."""
    assert lines(BUSY, BOUND) == [
        "gunicorn  pid 4211  Python 3.12.4  exact  5.0 s, 500 samples",
        "GIL  held 98.0 %   212 hand-overs/s   2.7 wait on average   interval 5 ms",
        "",
        "    TID  HOLDS  WAITS   WITH WITHOUT   RUNQ BLOCKED ASLEEP  %CPU  NAME",
        "   4212   24.8   71.2   24.8     0.0    3.1     0.9    0.0  24.8  worker-1",
        "   4213   25.1   69.9   21.1     0.0    0.0     5.0    4.0  21.0  worker-2",
        "   4220      -      -      -    88.0    0.0   100.0      -  88.0  (native) blas-0",
        "        and 3 more that did nothing",
        "        and 48.1 % held by threads that came and went, or were looked at too rarely",
        "",
        "% of the time: HOLDS the GIL, WAITS for it; on a cpu WITH it and WITHOUT it (native code); RUNQ",
        "ready, but no cpu was free; BLOCKED by something else; ASLEEP while it held the GIL",
        "",
        "! two threads share one GIL: 0.98 of a core used, 2.7 wait  (exact)",
        "  Two threads want to run Python; one GIL lets one at a time. More threads will not help. Processes,",
        "  a free-threaded build, or native code that releases the GIL will.",
        "  evidence  held 98 % (500 samples)   waits 71 70 %",
        "  next      py-spy dump --pid 4211 --nonblocking",
        "",
        "threadtop itself took 1.4 % of a core; watching the GIL 0.9 %, 100 samples/s",
    ]


def test_an_estimate_is_marked_and_explained() -> None:
    """What was inferred has a ~, what was counted has none, and it is said what would make it exact."""
    own = GilShare("estimate", "no right", None, Estimate(71.2), None, None, None, 3.1, None, 60, is_python=None)
    row = process(thread(PID, "gunicorn", own, 1.24), gil=ESTIMATE)
    assert lines(row)[:7] == [
        "gunicorn  pid 4211  Python 3.12.4  estimate (~)  5.0 s, 60 samples",
        "estimated from counters, not read: Yama's ptrace_scope is 1",
        "for exact figures: start it with threadtop gil -- COMMAND, or run as root",
        "GIL  held -   ~640 hand-overs/s   ~1.4 wait on average",
        "",
        "    TID  HOLDS  WAITS   WITH WITHOUT   RUNQ BLOCKED ASLEEP  %CPU  NAME",
        "   4211      -    ~71      -       -    3.1       -      -  24.8  gunicorn",
    ]


def test_an_estimate_says_what_sleeps_tell() -> None:
    """Whether it may be a native lock is said below the reason, with the figures, broken at the width."""
    gil = ESTIMATE._replace(verdict="unclear", sleeps=SleepTally(90, 9, 0, 1, 0))
    said = lines(process(thread(PID, "gunicorn", share()), gil=gil))
    assert said[2:4] == [
        "this may be a native lock as well: of 100 sleeps 10 were over 1 ms, 1 of them 5 ms, as waits for the",
        "GIL are beside a thread that computes",
    ]


@pytest.mark.parametrize("gil", [EXACT, ESTIMATE])
def test_a_stopped_process_is_said_to_be(gil: GilRow) -> None:
    """What it holds it keeps: 100 % held is no contention then."""
    words = "stopped (by a signal or a debugger): no thread runs, and who holds the GIL keeps it"
    for state in ("T", "t"):
        assert words in lines(process(thread(PID, "gunicorn", share()), gil=gil, state=state))
    assert words not in lines(process(thread(PID, "gunicorn", share()), gil=gil, state="S"))


def test_a_long_title_is_broken() -> None:
    """It is not cut at the terminal's width, and what follows stands below it."""
    row = process(thread(PID, "gunicorn", share()))
    said = lines(row, BOUND, width=50)
    at = next(number for number, line in enumerate(said) if line.startswith("! "))
    assert said[at : at + 2] == ["! two threads share one GIL: 0.98 of a core used,", "  2.7 wait  (exact)"]


def test_a_gil_that_is_off() -> None:
    """A free-threaded build has nothing to hold: no table of dashes, one sentence."""
    assert lines(process(thread(PID, "python", share()), gil=OFF)) == [
        "gunicorn  pid 4211  Python 3.14.0t  GIL off  5.0 s, 500 samples",
        "this free-threaded build runs without its GIL: threads do not wait for one",
        "",
        "threadtop itself took 1.4 % of a core; watching the GIL 0.9 %, 100 samples/s",
    ]


def test_a_gil_that_cannot_be_watched() -> None:
    """Where nothing is known no figure is shown, and the reason is."""
    unknown = EXACT._replace(
        grade="none",
        why_not="this version of CPython is not known",
        version="",
        is_enabled=None,
        utilisation_pct=None,
        switches_per_s=None,
        waiters=None,
        locks=(),
        samples=0,
    )
    assert lines(process(gil=unknown))[:-2] == [
        "gunicorn  pid 4211  Python, version not known  not known  5.0 s, 0 samples",
        "its GIL cannot be watched: this version of CPython is not known",
    ]


def test_several_gils_stand_below_each_other() -> None:
    """Sub-interpreters with a GIL of their own have a line each; those that are off say so."""
    own = LOCK._replace(interpreters=(2, 3), utilisation_pct=7.25, switches_per_s=0.4, interval_us=500)
    off = LOCK._replace(interpreters=(4,), is_enabled=False)
    assert lines(process(gil=EXACT._replace(locks=(LOCK, own, off))))[1:5] == [
        "GILs 3   212 hand-overs/s   2.7 wait on average",
        "     main interpreter    held   98.0 %   212 hand-overs/s   interval 5 ms",
        "     interpreters 2, 3   held    7.2 %   <1 hand-overs/s   interval 0.5 ms",
        "     interpreter 4       off",
    ]


@pytest.mark.parametrize(("held", "is_told"), [(49.9, False), (54.8, False), (55.0, True), (None, False)])
def test_what_nobody_listed_held_is_told(held: float | None, *, is_told: bool) -> None:
    """A server of a thread for each request has hardly one that is known; a little may be noise."""
    rows = lines(BUSY._replace(gil=EXACT._replace(locks=(LOCK._replace(utilisation_pct=held),))))
    assert any("came and went" in row for row in rows) is is_told
    assert not any("came and went" in row for row in lines(BUSY._replace(gil=EXACT._replace(grade="estimate"))))


def test_rows_are_limited_and_those_at_rest_are_counted() -> None:
    """At most 40 rows; who is left out is counted, by whether it did anything."""
    busy = [thread(5000 + n, f"w{n}", share(n / 10)) for n in range(1, 46)]
    rows = lines(process(*busy, *(thread(6000 + n, "idle", share()) for n in range(1200))))
    at = rows.index("        and 5 more that held and waited less")
    assert rows[at - 40].split()[0] == "5045"
    assert rows[at - 1].split()[0] == "5006"
    assert rows[at + 1] == "        and 1,200 more that did nothing"


@pytest.mark.parametrize(
    ("own", "is_shown"),
    [
        pytest.param(thread(1, "t", share(0.04, 0.0)), False, id="less than is shown"),
        pytest.param(thread(1, "t", share(0.05, 0.0)), True, id="holds"),
        pytest.param(thread(1, "t", share(0.0, 0.05)), True, id="waits"),
        pytest.param(thread(1, "t", share(None, None), 0.0024), False, id="hardly ran"),
        pytest.param(thread(1, "t", share(None, None), 0.0025), True, id="ran"),
        pytest.param(thread(1, "t", share())._replace(cpu_ns=None), True, id="not known"),
    ],
)
def test_who_did_nothing(own: ThreadRow, *, is_shown: bool) -> None:
    """A row is left out only where all of it would read 0.0; not known is not nothing."""
    rows = lines(process(own))
    assert any(row.split()[:1] == ["1"] for row in rows) is is_shown
    assert ("        and 1 that did nothing" in rows) is not is_shown


def test_a_finding_of_another_process_is_left_out() -> None:
    """The report is of one process; an observation has another mark than a problem."""
    others = BOUND._replace(pid=1, title="elsewhere")
    small = BOUND._replace(severity=49.9, evidence=(), next_command="", explanation="Fine.")
    rows = lines(BUSY, others, small)
    assert not any("elsewhere" in row for row in rows)
    at = rows.index("- two threads share one GIL: 0.98 of a core used, 2.7 wait  (exact)")
    assert rows[at + 1 : at + 3] == ["  Fine.", ""]


def test_an_end_is_told() -> None:
    """Where the target ended, or the user did, it is said for how long it was measured."""
    assert lines(BUSY, ended="process 4211 has ended", seconds=2.13)[-2:-1] == [
        "process 4211 has ended: 2.1 of 5 s were measured"
    ]
    assert lines(BUSY, is_interrupted=True, seconds=3.0)[-2] == "interrupted: 3.0 of 5 s were measured"


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_width_cuts_every_line(width: int) -> None:
    """No line is wider than the terminal, and sentences are broken, not cut."""
    rows = lines(BUSY, BOUND, width=width)
    assert max(map(len, rows)) <= width
    said = " ".join(row.strip() for row in rows)
    assert "native code that releases the GIL will." in said


def test_hostile_texts_never_reach_the_terminal() -> None:
    """No control byte, direction or line break of a target's texts is on any line."""
    found = BOUND._replace(title=HOSTILE, explanation=HOSTILE, evidence=((HOSTILE, HOSTILE),), next_command=HOSTILE)
    gil = ESTIMATE._replace(why_not=HOSTILE, remedy=HOSTILE, version=HOSTILE)
    row = process_row(PID, thread(PID, HOSTILE, share(1.0)), process=HOSTILE, gil=gil)
    for width in (None, 60):
        rows = list(report_lines(measured(row, found), width))
        acting = {c for line in rows for c in line if unicodedata.category(c)[0] in "CMZ"}
        assert acting == {" "}
