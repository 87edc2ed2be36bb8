"""Problems with the GIL: each rule at and around its thresholds, its words and its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import ruled
from builders import host_row, snapshot
from gil_rows import FOUR, HOG, PROBLEM, estimate, found, kinds, late, lock, python, thread
from threadtop.findings import diagnose
from threadtop.findings.gil import idle_cores
from threadtop.snapshot import CpuShare

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, ThreadRow


# -- GIL-bound ---------------------------------------------------------------------------------


def test_gil_bound() -> None:
    """Several threads wait for a GIL that is always held: how many, how long, and what helps."""
    (finding,) = found(python(*FOUR))
    assert (finding.kind, finding.grade, finding.pid, finding.process) == ("gil-bound", "exact", 100, "server")
    assert finding.title == "4 threads share one GIL: held 98 %, 2.8 wait on average"
    assert "2.8 cores' worth of work queues" in finding.explanation
    assert "processes, a free-threaded build, or native code that releases the GIL" in finding.explanation
    assert finding.evidence == (
        ("held", "98 % (500 samples)"),
        ("waits", "71 70 70 69 %"),
        ("hand-overs", "212/s"),
        ("cores idle", "1.7"),
    )
    assert finding.tids == (101, 100, 102, 103)
    assert finding.next_command == "py-spy dump --pid 100 --nonblocking"
    assert finding.severity == pytest.approx(84)


@pytest.mark.parametrize(
    ("row", "fires"),
    [
        pytest.param(python(thread(1, 40, 20.0), thread(2, 40, 20.0), utilisation_pct=80.0), True, id="at all"),
        pytest.param(python(thread(1, 40, 20.0), thread(2, 40, 20.0), utilisation_pct=79.9), False, id="held less"),
        pytest.param(python(*FOUR, utilisation_pct=60.0, waiters=1.0), True, id="free between hand-overs"),
        pytest.param(python(*FOUR, utilisation_pct=59.9, waiters=1.0), False, id="free too often"),
        pytest.param(python(*FOUR, utilisation_pct=79.9, waiters=0.99), False, id="none waits on average"),
        pytest.param(python(thread(1, 40, 20.0), thread(2, 40, 19.9)), False, id="one waits less"),
        pytest.param(python(thread(1, 40, 20.0), thread(2, 40, None)), False, id="a wait is unknown"),
        pytest.param(python(*FOUR, utilisation_pct=None), False, id="utilisation unknown"),
        pytest.param(python(*FOUR, samples=50), True, id="enough samples"),
        pytest.param(python(*FOUR, samples=49), False, id="too few samples"),
        pytest.param(python(*FOUR, is_enabled=False), False, id="the GIL is off"),
        pytest.param(python(*FOUR, grade="none"), False, id="nothing known"),
    ],
)
def test_when_it_is_gil_bound(row: ProcessRow, fires: bool) -> None:  # noqa: FBT001 a parameter of the table
    """Held 80 % (60 % where one waits on average), two threads that wait 20 %, 50 samples."""
    assert ("gil-bound" in kinds(row)) == fires


def test_a_holder_that_does_not_wait_shares_too() -> None:
    """One that computes without a wait is in the way of two: three threads share the GIL."""
    threads = (thread(1, 20, 0), thread(2, 9, 60), thread(3, 9, 50), thread(4, 19.9))
    (finding,) = found(python(*threads), kind="gil-bound")
    assert finding.title.startswith("3 threads share one GIL")
    assert finding.tids == (2, 3)


def test_evidence_is_bounded() -> None:
    """Of many threads six are named; what is not known is left out."""
    assert dict(found(python(*FOUR, *(thread(at, 9, 50) for at in (1, 2))))[0].evidence)["waits"].endswith("50 50 %")
    many = [thread(at, 9, 90.0 - at) for at in range(1, 10)]
    row = python(*many, switches_per_s=None)
    (finding,) = diagnose(snapshot(row, host=host_row(cpu=None)))
    assert dict(finding.evidence) == {"held": "98 % (500 samples)", "waits": "89 88 87 86 85 84 ... %"}
    assert finding.severity == 90


def test_several_gils_are_counted() -> None:
    """Sub-interpreters: threads of several GILs are not said to share one."""
    (finding,) = found(python(*FOUR, locks=(lock(), lock(interpreters=(1,)))))
    assert finding.title.startswith("4 threads share 2 GILs: the busiest held 98 %")


def test_an_estimate_says_about() -> None:
    """It is said with its grade, and is a problem less severe than any exact one of its kind."""
    (finding,) = found(estimate(70, 71))
    assert (finding.kind, finding.grade) == ("gil-bound", "estimate")
    assert finding.title == "2 threads share one GIL: held about 100 %, about 1.4 wait on average"
    assert "about 1.4 cores' worth" in finding.explanation
    assert "Their sleeps show the switch interval of 5 ms" in finding.explanation
    assert dict(finding.evidence)["sleeps of 5 ms"] == "30 of 33 over 1 ms"
    assert dict(finding.evidence)["held"] == "about 100 % (10 looks)"
    assert dict(finding.evidence)["waits"] == "about 71 70 %"
    (exact,) = found(python(thread(1, 49, 70), thread(2, 49, 71)), kind="gil-bound")
    assert PROBLEM <= finding.severity < exact.severity
    assert found(estimate(20, 20))[0].severity >= PROBLEM


@pytest.mark.parametrize("verdict", ["unclear", "other", None])
def test_an_estimate_needs_sleeps_that_show_the_interval(verdict: str | None) -> None:
    """By counters alone a native lock looks the same: no finding without a peak at 5 ms."""
    assert kinds(estimate(70, 71, verdict=verdict)) == []


def test_an_estimate_must_hold() -> None:
    """One look may be chance: a problem that is inferred is said after three seconds, a read one at once."""
    assert [ruled.kinds(snapshot(estimate(70, 71)), seconds) for seconds in (1, 2, 3)] == [[], [], ["gil-bound"]]
    assert ruled.kinds(snapshot(python(*FOUR)), 1) == ["gil-bound"]


def test_an_estimate_needs_looks() -> None:
    """Ten looks, fewer say nothing."""
    assert kinds(estimate(70, 71, looks=9)) == []


def test_many_that_wait_a_little_are_bound_too() -> None:
    """One waiter on average counts, however many threads share it; a little less, or one thread alone, does not."""
    eight = [thread(100 + at, 11.5, 12.5) for at in range(8)]
    (finding,) = found(python(*eight))
    assert (finding.kind, len(finding.tids)) == ("gil-bound", 8)
    assert kinds(python(*eight, waiters=0.99)) == []
    assert kinds(python(*eight, utilisation_pct=59.9)) == []
    assert kinds(python(thread(101, 11.5, 19.0), thread(102, 11.5, 4.9), waiters=1.0)) == []


def test_idle_cores() -> None:
    """What the machine has to spare, an idle core that waits for a disk included; unknown without a rate."""
    assert idle_cores(host_row(cpu=CpuShare(50.0, 10.0, 20.0, 5.0))) == pytest.approx(0.7)
    assert idle_cores(host_row(cpu=CpuShare(90.0, 20.0, 0.0, 0.0))) == 0.0
    assert idle_cores(host_row(cpu=None)) is None
    assert idle_cores(host_row(cores=())) is None


# -- convoy ------------------------------------------------------------------------------------


def test_convoy() -> None:
    """Who waits, for how much work, behind whom, and what one wake-up costs."""
    (finding,) = found(python(HOG, late()))
    assert finding.title == (
        "io-reader waits 9 % of its time for 1 % of work: each wake-up waits out the 5 ms switch interval "
        "of json-dumper"
    )
    assert finding.evidence == (
        ("waits", "9 % (500 samples)"),
        ("holds", "1 %"),
        ("wake-ups", "20/s"),
        ("held by", "json-dumper 101, 97 %"),
    )
    assert "sys.setswitchinterval" in finding.explanation
    assert (finding.kind, finding.tids) == ("convoy", (102, 101))
    assert finding.severity == pytest.approx(64.5)


def test_a_thread_without_a_name_of_its_own_is_called_by_its_tid() -> None:
    """Python names threads for the kernel from 3.14 on: before, all have the program's name."""
    (finding,) = found(python(HOG._replace(name="server", process="server"), late()._replace(process="server")))
    assert finding.title.endswith("switch interval of thread 101")
    assert finding.title.startswith("io-reader waits")


def test_a_convoy_is_not_work_that_queues() -> None:
    """Several that wait at each wake-up need microseconds: they are a convoy, and not bound by the GIL."""
    waiting = [late(0.5, 80.0)._replace(tid=tid) for tid in (102, 103, 104)]
    assert kinds(python(HOG, *waiting)) == ["convoy"]
    assert kinds(python(HOG, *waiting, thread(5, 20.0, 60.0), thread(6, 20.0, 60.0))) == ["gil-bound", "convoy"]


@pytest.mark.parametrize(
    ("threads", "fires"),
    [
        pytest.param((HOG, late(2.0, 10.0)), True, id="five times"),
        pytest.param((HOG, late(2.0, 9.9)), False, id="less than five times"),
        pytest.param((HOG, late(0.0, 3.0)), True, id="waits 3 %"),
        pytest.param((HOG, late(0.0, 2.9)), False, id="waits less"),
        pytest.param((HOG, late(10.0, 50.0)), True, id="holds 10 %"),
        pytest.param((HOG, late(10.1, 60.0)), False, id="needs more"),
        pytest.param((HOG, thread(2, 1.0, 10.0, native=1.0, vol=20.0)), True, id="a little native code"),
        pytest.param((HOG, thread(2, 1.0, 10.0, native=1.1, vol=20.0)), False, id="works in native code"),
        pytest.param((HOG, thread(2, 1.0, 10.0, native=None, vol=20.0)), True, id="native code is unknown"),
        pytest.param((HOG, late(vol=19.9)), False, id="wakes seldom"),
        pytest.param((HOG, late(vol=None)), False, id="wakes are unknown"),
        pytest.param((thread(1, 70), late()), True, id="70 % held"),
        pytest.param((thread(1, 69.9), thread(2, 20), late()), False, id="nobody holds it long"),
        pytest.param((HOG, thread(2, None, 9, vol=20.0)), False, id="its share is unknown"),
    ],
)
def test_when_it_is_a_convoy(threads: tuple[ThreadRow, ...], fires: bool) -> None:  # noqa: FBT001 as above
    """Needs at most 10 %, waits 3 % and five times that, wakes 20 times a second, behind one that holds 70 %."""
    assert ("convoy" in kinds(python(*threads))) == fires


def test_a_convoy_of_several() -> None:
    """One finding for all that wait, with the interval that the process has set."""
    row = python(HOG, late(tid=102), late(waits=20.0, tid=103), locks=(lock(interval_us=500),))
    (finding,) = found(row, kind="convoy")
    assert finding.title.startswith("io-reader (and 1 more) waits 20 %")
    assert "0.5 ms switch interval" in finding.title
    assert finding.tids == (103, 102, 101)
    two = (lock(interval_us=500, utilisation_pct=9.0), lock(interval_us=7000, utilisation_pct=97.0))
    (finding,) = found(python(HOG, late(), locks=two), kind="convoy")
    assert "the 7 ms switch interval" in finding.title


def test_a_little_work_is_not_none() -> None:
    """Less than 1 % has a decimal, and next to nothing is not 0."""
    assert "for 0.3 % of work" in found(python(HOG, late(0.3)), kind="convoy")[0].title
    assert "for under 0.1 % of work" in found(python(HOG, late(0.01)), kind="convoy")[0].title
    assert "for 0 % of work" in found(python(HOG, late(0.0)), kind="convoy")[0].title


def test_a_convoy_is_not_called_busy_and_fine() -> None:
    """Where a thread waits in a convoy, nobody says that nobody waits."""
    assert kinds(python(HOG, late(0.1, 4.0))) == ["convoy"]


# -- held asleep -------------------------------------------------------------------------------


def test_held_asleep() -> None:
    """A bug of native code, worse where others are kept out."""
    row = python(thread(1, 50, asleep=50, name="driver"), thread(2, 5, 45), holder_call="asleep in clock_nanosleep()")
    (finding,) = found(row, kind="held-asleep")
    assert finding.title == "driver holds the GIL while it sleeps, 50 % of the time"
    assert "Py_BEGIN_ALLOW_THREADS" in finding.explanation
    assert finding.evidence == (
        ("asleep with the GIL", "50 % (500 samples, each read twice)"),
        ("waiting meanwhile", "1 thread"),
        ("its holder is now", "asleep in clock_nanosleep()"),
    )
    assert (finding.tids, finding.severity) == ((1,), 85)


@pytest.mark.parametrize(
    ("row", "severity"),
    [
        pytest.param(python(thread(1, 1, asleep=1.0), thread(2, 0, 1.0)), 85, id="1 % and another waits"),
        pytest.param(python(thread(1, 1, asleep=1.0), thread(2, 0, 0.9)), 55, id="nobody waits"),
        pytest.param(python(thread(1, 1, asleep=0.9), thread(2, 0, 1.0)), None, id="less than 1 %"),
        pytest.param(python(thread(1, 1, asleep=None)), None, id="unknown"),
        pytest.param(python(thread(1, 1, asleep=9.0), samples=50), 55, id="enough samples"),
        pytest.param(python(thread(1, 1, asleep=9.0), samples=49), None, id="too few samples"),
    ],
)
def test_when_it_is_held_asleep(row: ProcessRow, severity: float | None) -> None:
    """1 % of at least 50 samples, each confirmed."""
    assert [finding.severity for finding in found(row, kind="held-asleep")] == ([severity] if severity else [])
