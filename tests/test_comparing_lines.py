from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import host_row, process_row, thread_row
from compared import AFTER, BEFORE, OTHER, STARVED, compared, gil, moments, server, side, worker
from threadtop.comparing.changes import compare
from threadtop.comparing.lines import report_lines

if TYPE_CHECKING:
    from threadtop.comparing.changes import Comparison


def lines(found: Comparison, width: int | None = None, most: int = 12) -> list[str]:
    """The report."""
    return list(report_lines(found, width, most))


LEFT_OUT = [
    "differences of less than 1 point of cpu or run queue, 5 of sampled",
    "          shares, 10 of estimates (~), 20 switches/s, or a tenth",
]


def test_threads_by_id() -> None:
    """What was compared; the findings; who is new or gone and what it did; each figure that changed."""
    assert lines(compared()) == [
        "before  a.ttr  box  2026-01-01 11:59:59 to 12:00:03 UTC, 4.0 s in 4 ticks",
        "after   b.ttr  box  2026-01-01 12:00:59 to 12:01:01 UTC, 2.0 s in 2 ticks",
        "matched by id, of one boot: 4 threads on both sides, 1 new, 1 gone",
        "machine 2 CPUs, busy 15.0 -> 90.0 %  threads 5 -> 5  in run queues 0.0 -> 0.4",
        "  switches/s 1,234 -> 5,000",
        "",
        "came  ! server 100: 3 threads share one GIL  (exact)",
        "        evidence  waits 40 %",
        "went  ! server 100: worker waits for a CPU  (exact)",
        "stays - server 100: nothing to see  (sampled, severity 20 -> 30)",
        "",
        "new",
        "      104 server [burn-1]  cpu 50.0 %, GIL wait ~15 %, run queue 1.0 %, 100 vol/s; mostly runs",
        "",
        "gone",
        "      102 server [worker]  cpu 40.0 %, lock 20.0 %, GIL wait ~12 %, run queue 1.0 %; mostly runs",
        "",
        "changed                                   before     after    change",
        "      103 server [worker]  GIL wait %        ~10       ~60      ~+50",
        "                           run queue %       1.0      40.0     +39.0",
        "                           cpu %            10.0      30.0     +20.0",
        "                           lock %           20.0      25.0      +5.0",
        "                           mostly         sleeps -> waits for a cpu",
        "      101 server [worker]  vol/s             100     1,300    +1,200",
        "",
        f"left out  2 on both sides: {LEFT_OUT[0]}",
        LEFT_OUT[1],
    ]


def test_kinds_by_name() -> None:
    """Between machines groups are compared, with how many threads they were."""
    assert lines(compare(BEFORE, AFTER._replace(host="new-box"))) == [
        "before  a.ttr  box  2026-01-01 11:59:59 to 12:00:03 UTC, 4.0 s in 4 ticks",
        "after   b.ttr  new-box  2026-01-01 12:00:59 to 12:01:01 UTC, 2.0 s in 2 ticks",
        "matched by name without digits, of two machines: 3 kinds of threads on both sides, 1 new, none gone",
        "machine 2 CPUs, busy 15.0 -> 90.0 %  threads 5 -> 5  in run queues 0.0 -> 0.4",
        "  switches/s 1,234 -> 5,000",
        "",
        "came  ! server: 3 threads share one GIL  (exact)",
        "        evidence  waits 40 %",
        "went  ! server: worker waits for a CPU  (exact)",
        "stays - server: nothing to see  (sampled, severity 20 -> 30)",
        "",
        "new",
        "  server [burn-#]   cpu 50.0 %, GIL wait ~15 %, run queue 1.0 %, 100 vol/s; mostly runs",
        "",
        "changed                            before     after    change",
        "  server [worker]   run queue %       3.0      41.0     +38.0",
        "                    GIL wait %        ~22       ~60      ~+38",
        "                    cpu %            60.0      40.2     -19.8",
        "                    lock %           60.0      45.0     -15.0",
        "                    vol/s             300     1,400    +1,100",
        "                    threads             3         2        -1",
        "",
        f"left out  2 on both sides: {LEFT_OUT[0]}",
        LEFT_OUT[1],
    ]


def test_processes() -> None:
    """By their pid, with how many threads they had."""
    found = compare(BEFORE, side(*moments((server(worker(cpu=90.0, lock=0.0)),))), threads=False)
    assert lines(found)[2:-3] == [
        "matched by id, of one boot: 1 process on both sides, none new, 1 gone",
        "machine 2 CPUs, busy 15.0 -> 15.0 %  threads 5 -> 2  in run queues 0.0 -> 0.0",
        "  switches/s 1,234 -> 1,234",
        "",
        "went  ! server 100: worker waits for a CPU  (exact)",
        "went  - server 100: nothing to see  (sampled)",
        "",
        "changed                            before     after    change",
        "      100 server    lock %           60.0       0.0     -60.0",
        "                    cpu %            60.0      90.0     +30.0",
        "                    run queue %       3.0       1.0      -2.0",
        "                    vol/s             300       100      -200",
        "                    threads             4         2        -2",
        "                    GIL wait %        ~22         -         -",
    ]
    assert lines(compare(BEFORE, BEFORE, threads=False, by="names"))[2].startswith(
        "matched by name: 2 kinds of processes on both sides, none new, none gone"
    )


def test_nothing() -> None:
    """Two equal sides say so, and a single reading is no row of ticks."""
    one = side(*moments((OTHER,)))
    assert lines(compare(one, one)) == [
        "before  a.ttr  box  2026-01-01 11:59:59 to 12:00:00 UTC, 1.0 s",
        "after   a.ttr  box  2026-01-01 11:59:59 to 12:00:00 UTC, 1.0 s",
        "matched by id, of one boot: 1 thread on both sides, none new, none gone",
        "machine 2 CPUs, busy 15.0 -> 15.0 %  threads 1 -> 1  in run queues 0.0 -> 0.0",
        "  switches/s 1,234 -> 1,234",
        "",
        "nothing came, went or changed by more than noise",
        "",
        f"left out  1 on both sides: {LEFT_OUT[0]}",
        LEFT_OUT[1],
    ]
    assert lines(compare(side(*moments(())), side(*moments(()))))[-1] == "left out  nothing"


def test_unknown() -> None:
    """What is known of one side only shows a dash on the other, and no difference."""
    before = side(*moments((server(worker(vol_per_s=None, cpu=50.0)),), host=host_row(cpu=None, switches_per_s=None)))
    after = side(*moments((server(worker(cpu=20.0, gil=gil(30.0))),)))
    text = lines(compare(before, after))
    assert text[3].startswith("machine 2 CPUs, busy - -> 15.0 %")
    assert [line.split() for line in text if line.strip().startswith(("vol/s", "GIL wait"))] == [
        ["GIL", "wait", "%", "-", "30.0", "-"],
        ["vol/s", "-", "100", "-"],
    ]


def test_most_rows() -> None:
    """Of each table the first ones are shown, and how many more there are, with their points."""
    rows = [worker(tid, cpu=float(tid - 100), wait=0.0, lock=0.0) for tid in range(110, 140)]
    before, after = side(*moments((OTHER,))), side(*moments((OTHER, server(*rows))))
    text = lines(compare(before, after), most=2)
    assert [line.split()[0] for line in text if "cpu " in line and "[worker]" in line] == ["139", "138"]
    assert "  and 28 that did less, 658 points in all" in text
    text = lines(compare(after, before._replace(host=after.host)), most=1)
    assert "  and 29 that did less, 696 points in all" in text
    text = lines(
        compare(before, side(*moments((OTHER, server(*rows[:1], worker(109, cpu=1.2, wait=0.0, lock=0.0)))))), most=1
    )
    assert any(line.endswith("and 1 that did less, 1 point in all") for line in text), text


def test_width() -> None:
    """Lines are cut at a width; sentences are broken before it."""
    text = lines(compared(), 60)
    assert max(map(len, text)) <= 60
    assert "came  ! server 100: 3 threads share one GIL  (exact)" in text
    assert "before  a.ttr  box  2026-01-01 11:59:59 to 12:00:03 UTC, 4.…" in text


def test_names_do_no_harm() -> None:
    """Escape sequences are shown, never sent; wide characters keep the columns."""
    hostile = "\x1b[2Jübel\u202e"
    rows = [(process_row(100, worker(101, cpu=cpu, name=hostile), process=hostile),) for cpu in (10.0, 50.0)]
    found = STARVED._replace(process=hostile, title=hostile, evidence=((hostile, hostile),))
    before, after = (
        side(*moments(row, findings=((found,) if at else ())), source=hostile) for at, row in enumerate(rows)
    )
    text = lines(compare(before._replace(host=hostile), after._replace(host=hostile)))
    assert all(line.isprintable() for line in text)
    assert "^[[2J" in text[0]
    wide = [(process_row(100, thread_row(101, name="線程", cpu_pct=cpu), process="線程"),) for cpu in (10.0, 50.0)]
    [row] = [line for line in lines(compare(*(side(*moments(each)) for each in wide))) if "cpu %" in line]
    assert row == "      101 線程      cpu %            10.0      50.0     +40.0"


@pytest.mark.parametrize(("before", "after", "says"), [(1.0, 1.0, "2"), (1.0, 3.0, "2 -> 4")])
def test_cpus(before: float, after: float, says: str) -> None:
    """Machines may differ in how many CPUs they have."""
    machines = [BEFORE.machine._replace(cpus=round(cpus) + 1) for cpus in (before, after)]
    text = lines(compare(BEFORE._replace(machine=machines[0]), BEFORE._replace(machine=machines[1])))
    assert text[3].startswith(f"machine {says} CPUs, busy 15.0 -> 15.0 %")
