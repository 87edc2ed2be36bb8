"""The Locks pane: deadlocks as closed chains, a block for each lock, what stands there instead of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import thread_row
from lock_scene import (
    AB,
    BA,
    CHAIN,
    FIRST,
    LAST,
    NAMES,
    PID,
    SECOND,
    THIRD,
    deadlocked,
    lock,
    locked,
    locks,
    parked,
    thread,
    threads,
    wait,
)
from ruled import server, shot
from screens import running
from threadtop.blocked import BlockedOn
from threadtop.findings import diagnose
from threadtop.lock_rows import Deadlock
from threadtop.tui.panes.locks import SHOWN_LINKS, SHOWN_LOCKS, SHOWN_WAITS, LocksPane, locks_lines
from threadtop.tui.process_screen import ProcessScreen

if TYPE_CHECKING:
    from threadtop.lock_rows import LocksRow
    from threadtop.snapshot import Snapshot

RULE, REMEDY = "it is another user's process", "run threadtop as that user or as root"


def said(moment: Snapshot, width: int = 120) -> list[str]:
    """The pane's lines, each as wide as the screen."""
    lines = locks_lines(moment, moment.processes[PID], width)
    assert {len(cells) for cells, _ in lines} == {width}
    assert all(len(cells) == len(roles) for cells, roles in lines)
    return [cells.rstrip() for cells, _ in lines]


def of(found: LocksRow) -> list[str]:
    """The pane of these locks."""
    return said(shot(locked(found)))


# -- deadlocks ---------------------------------------------------------------------------------


def test_a_deadlock_is_drawn() -> None:
    """A closed chain on top, marked and named, and who is stuck behind it."""
    assert said(deadlocked())[:8] == [
        " LOCKS  3 threads wait on 2 futexes; 2 with a known owner",
        "",
        " ▲ DEADLOCK  2 threads wait for each other, for ever  read twice, none of them ran in between",
        "   ┌─▶ ab (101)  waits for 0x7f0000001140, 12 s, for ever, mutex  owned by",
        "   │   ba (102)  waits for 0x7f0000001180, 12 s, for ever, mutex  owned by",
        "   └── ab (101)  again",
        "       stuck behind them: behind (103)",
        "",
    ]


def test_a_deadlock_at_80_columns() -> None:
    """Nothing that matters is cut."""
    lines = said(deadlocked(), 80)
    assert lines[2].startswith(" ▲ DEADLOCK  2 threads wait for each other, for ever")
    assert lines[3] == "   ┌─▶ ab (101)  waits for 0x..1140, 12 s, for ever  owned by"


def test_its_waiters_are_marked() -> None:
    """In the blocks of the locks, too."""
    lines = said(deadlocked())
    assert lines[8:] == [
        " 0x7f0000001180  mutex, owned by ab (101): what it does is not known",
        "   ▲ ba                  102          12 s  for ever",
        "   ▲ behind              103          11 s  for ever",
        "",
        " 0x7f0000001140  mutex, owned by ba (102): what it does is not known",
        "   ▲ ab                  101          12 s  for ever",
    ]


def test_a_thread_that_waits_for_itself() -> None:
    """A chain of one."""
    chain = Deadlock(((PID, AB, FIRST),), ((PID, BA),))
    lines = of(locks(lock(FIRST, AB, wait(AB), wait(BA)), deadlocks=(chain,)))
    assert lines[2].startswith(" ▲ DEADLOCK  waits for itself, for ever")
    assert lines[5] == "       stuck behind it: ba (102)"


def test_a_suspicion_is_no_deadlock() -> None:
    """With a timeout in it, a chain is drawn as what it is."""
    text = "\n".join(said(deadlocked(deadlocks=(), suspected=(CHAIN,))))
    assert "· SUSPECTED  2 threads in a closed chain, with a timeout" in text
    assert "▲" not in text
    assert "DEADLOCK" not in text


def test_a_chain_through_two_processes() -> None:
    """A thread of another process is named with it, even where that has just gone."""
    chain = Deadlock(((PID, AB, FIRST), (700, 701, SECOND)), ((700, 702),))
    text = "\n".join(of(locks(lock(FIRST, 701, wait(AB), owner_pid=700, shared="00:01:42:0x10"), deadlocks=(chain,))))
    assert "│   thread 701 of process 700  waits for 0x7f0000001140  owned by" in text
    assert "stuck behind them: thread 702 of process 700" in text
    assert "0x7f0000001180  shared mutex, owned by thread 701 of process 700" in text


def test_much_is_folded() -> None:
    """Long chains, many behind them, many waiters, many locks: counted."""
    tids = range(1000, 1000 + SHOWN_LINKS + 9)
    chain = Deadlock(tuple((PID, tid, tid * 64) for tid in tids), tuple((PID, tid) for tid in range(5000, 5100)))
    many = [lock(0x100000 + number * 64, None, wait(number)) for number in range(SHOWN_LOCKS + 5)]
    hundred = lock(FIRST, AB, *(wait(tid) for tid in range(2000, 2101)))
    text = "\n".join(of(locks(hundred, *many, deadlocks=(chain,), left_out=1000)))
    assert "   │   and 9 more" in text
    assert f" and {100 - SHOWN_WAITS} more" in text
    assert f"     and {101 - SHOWN_WAITS} more" in text
    assert "and 1,006 more futexes with waiters" in text
    assert len(text.splitlines()) < 500


# -- locks -------------------------------------------------------------------------------------


def test_an_owner_and_what_it_does() -> None:
    """A lock that is known from one reading only is said to be so."""
    rows = [row._replace(reason="recv fd 12 <- 10.0.0.5:5432") if row.tid == BA else row for row in threads()]
    found = locks(lock(FIRST, BA, wait(AB, 0.0, is_forever=False, timeout_s=0.25), wait(LAST, is_at_least=True)))
    lines = said(shot(locked(found, *rows)))
    assert lines[2:] == [
        " 0x7f0000001180  mutex, owned by ba (102): recv fd 12 <- 10.0.0.5:5432",
        "     ab                  101           0 s  at most 0.25 s",
        "     last                104       >= 12 s  for ever",
    ]
    till = locks(lock(FIRST, BA, wait(AB, is_forever=False, left_s=2.9), wait(LAST, is_forever=False, left_s=0.0)))
    assert [line[44:] for line in of(till)[3:5]] == ["2.9 s left", "with a timeout"]
    assert "owned by ba (102) just now:" in of(locks(lock(FIRST, BA, wait(AB), is_confirmed=False)))[2]


def test_other_owners() -> None:
    """The end of a thread, nobody that could be read, somebody who is not there, the GIL."""
    found = locks(
        lock(FIRST, BA, wait(AB, is_forever=None), kind="thread end"),
        lock(SECOND, None, wait(LAST, is_forever=False), kind="mutex", ended_tid=77),
        lock(THIRD, AB, wait(LAST), is_gil=True),
        lock(0x40, None, wait(LAST)),
    )
    text = "\n".join(of(found))
    assert "0x7f0000001180  the end of ba (102)" in text
    assert "timeout not known" in text
    assert "mutex, owned by 77: no thread of this process (any more)" in text
    assert "with a timeout" in text
    assert "0x7f0000002000  of the GIL: see its pane" in text
    assert "0x40  no owner known: condition, semaphore, ..." in text


def test_a_parked_pool() -> None:
    """Waits, and no word of a deadlock."""
    text = "\n".join(said(parked(93)))
    assert "93 threads wait on 1 futex; none with a known owner" in text
    assert ">=" not in text
    assert f"and {93 - SHOWN_WAITS} more" in text
    assert "DEADLOCK" not in text


def test_findings_stand_below() -> None:
    """Those about locks that are not drawn anyway."""
    moment = deadlocked()
    assert len(diagnose(moment)) == 1
    assert "deadlock:" not in "\n".join(said(moment._replace(findings=diagnose(moment))))
    suspicion = diagnose(moment)[0]._replace(kind="lock-convoy", title="4 threads take turns")
    assert "4 threads take turns" in "\n".join(said(moment._replace(findings=(suspicion,))))


def test_hostile_names() -> None:
    """Control bytes are shown, never sent."""
    rows = [thread_row(PID), thread(AB, name="\x1b[2J\udcff"), thread(BA, name="\r\n", reason="\x1b]0;x\x07")]
    found = locks(lock(FIRST, BA, wait(AB)), lock(SECOND, AB, wait(BA)), deadlocks=(CHAIN,))
    for width in (80, 120):
        for line in said(shot(locked(found, *rows)), width):
            assert line.isprintable()


# -- nothing to show ---------------------------------------------------------------------------


def test_nobody_waits() -> None:
    """In words; threads that could not be looked at are counted."""
    on = BlockedOn("epoll_wait", fd=4)
    rows = [row._replace(blocked=on) for row in threads()]
    assert said(shot(locked(locks(), *rows))) == [" LOCKS  nobody waits: no thread sleeps on a futex"]
    assert of(locks())[0].endswith(f"({len(NAMES) + 1} threads not looked at)")


def test_not_read_yet() -> None:
    """The first look at a process comes before its locks are read."""
    assert said(shot(server())) == [" LOCKS  are read with the next refresh"]


def test_never_read() -> None:
    """Of what has ended, and of a thread of the kernel, nothing will come."""
    snapshot = shot(server())
    (process,) = snapshot.processes.values()
    (line,) = locks_lines(snapshot, process, 80, has_ended=True)
    assert "were not read while the process was there" in line[0]
    (line,) = locks_lines(snapshot, process._replace(kernel=True), 80)
    assert "none: a thread of the kernel" in line[0]


@pytest.mark.parametrize(
    "found",
    [
        locks(why_not=RULE, remedy=REMEDY),
        locks(lock(FIRST, None, wait(AB)), why_not=RULE, remedy=REMEDY),
    ],
)
def test_what_may_not_be_read(found: LocksRow) -> None:
    """The rule and the remedy; who waits, where that is known."""
    text = "\n".join(of(found))
    assert f"may not be read: {RULE}" in text
    assert REMEDY in text
    assert ("owner not known" in text) == bool(found.locks)


def test_calls_that_may_not_be_read() -> None:
    """Where only the kernel functions are known, those that wait are counted."""
    assert of(locks(why_not=RULE, remedy=REMEDY))[0] == " LOCKS  4 threads wait on a futex: which?"
    rows = [row._replace(wchan=None) for row in threads()]
    assert said(shot(locked(locks(why_not=RULE), *rows)))[0] == " LOCKS  nothing is known of them"


# -- on the screen -----------------------------------------------------------------------------


async def test_a_page_on_top_does_not_end_the_look() -> None:
    """Whoever reads what a deadlock is comes back to it: what is open below stays looked at closely."""
    async with running(deadlocked(), size=(80, 24)) as session:
        session.app.open_process(PID, 0, "Locks")
        await session.settle()
        await session.press("question_mark")
        assert not isinstance(session.app.screen, ProcessScreen)
        await session.take(deadlocked())
        assert PID in session.app.feed._interest.waits


async def test_an_attached_run_reads_the_owner_of_a_lock() -> None:
    """Of another process, which the list does not show: what that waits for may close a chain."""
    here = locked(locks(lock(FIRST, 700, wait(AB), owner_pid=700)))
    async with running(shot(here), pids=frozenset({PID})) as session:
        assert session.app.feed._interest.attached == {PID, 700}
        there = here._replace(pid=700, process="peer", threads={700: thread(700)}, locks=None)
        await session.take(shot(here, there))
        assert {row.pid for row in session.rows} == {PID}
        assert session.app.feed._interest.waits == {PID}
        assert "5 threads" in session.lines()[0]
        await session.take(shot(locked(locks())))
        assert session.app.feed._interest.attached == {PID}


async def test_the_pane_is_opened() -> None:
    """It asks for its process's waits, and scrolls."""
    async with running(deadlocked(), size=(80, 12)) as session:
        session.app.open_process(PID, 0, "Locks")
        await session.settle()
        screen = session.app.screen
        assert isinstance(screen, ProcessScreen)
        assert isinstance(screen.pane, LocksPane)
        assert "▲ DEADLOCK" in session.text()
        assert PID in screen.interest(None).waits
        await session.press("G")
        assert "LOCKS" not in "\n".join(session.lines()[2:])
        await session.press("g")
        assert "▲ DEADLOCK" in session.text()
