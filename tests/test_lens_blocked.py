"""What threads are blocked on, on rows: words, GIL and CPU before them, and rows that stay the same objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row, sample, snapshot, thread_row
from threadtop import waits
from threadtop.blocked import BlockedOn
from threadtop.lenses.blocked import BlockedLens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threadtop.snapshot import ProcessRow, Snapshot

CHILD = BlockedOn("wait4", pid=991)
SLEEP = BlockedOn("nanosleep", timeout_ns=500_000_000, is_forever=False)


def applied(lens: BlockedLens, blocked: Mapping[tuple[int, int], BlockedOn], *rows: ProcessRow) -> Snapshot:
    """One tick."""
    return lens.apply(sample(1.0)._replace(blocked=blocked), snapshot(*rows))


@pytest.mark.parametrize(
    ("shown", "blocked", "reason"),
    [
        ({"wchan": "do_wait", "reason": "child"}, CHILD, "wait4 child 991"),
        ({"wchan": None, "reason": None}, CHILD, "wait4 child 991"),
        ({"state": "D", "reason": "uninterruptible"}, BlockedOn("fsync", target="/x"), "disk: /x (fsync)"),
        ({"wchan": "futex_do_wait", "reason": waits.GIL}, BlockedOn("futex", futex=4096), waits.GIL),
        ({"state": "R", "reason": waits.RUN_QUEUE}, CHILD, waits.RUN_QUEUE),
        ({"state": "R", "reason": waits.RUNNING}, CHILD, waits.RUNNING),
        ({"state": "T", "reason": "stopped"}, CHILD, "stopped"),
        ({"wchan": "futex_do_wait", "reason": "lock (futex)"}, BlockedOn(why_not="no right"), "lock (futex)"),
        ({"wchan": None, "reason": None}, BlockedOn(why_not="no right"), None),
    ],
)
def test_reasons(shown: dict[str, str | None], blocked: BlockedOn, reason: str) -> None:
    """The call says more than the kernel function; who runs, queues, or waits for the GIL does that."""
    row = process_row(100, thread_row(100, **shown))
    (thread,) = applied(BlockedLens(), {(100, 100): blocked}, row).processes[100].threads.values()
    assert (thread.reason, thread.blocked) == (reason, blocked)


def test_the_kind_of_time_follows_the_call() -> None:
    """A read whose kernel function says nothing is told by its descriptor."""
    row = process_row(100, thread_row(100, wchan="wait_woken"))
    blocked = BlockedOn("read", fd=3, target="socket:[1]")
    thread = applied(BlockedLens(), {(100, 100): blocked}, row).processes[100].threads[100]
    assert thread.time is not None
    assert thread.time.blocked == (("network", 100.0),)


@pytest.mark.parametrize(
    ("status", "kind"),
    [("unix dgram", "pipe"), ("unix stream, listening", "pipe"), ("udp", "network"), ("", "network")],
)
@pytest.mark.parametrize("wchan", ["__skb_wait_for_more_packets", "wait_woken", ""])
def test_a_unix_socket_is_no_network(wchan: str, status: str, kind: str) -> None:
    """The kernel waits for all families in the same functions; the socket's own tells."""
    row = process_row(100, thread_row(100, wchan=wchan))
    for call in ("recvfrom", "accept"):
        blocked = BlockedOn(call, fd=3, target="socket:[1]", status=status)
        thread = applied(BlockedLens(), {(100, 100): blocked}, row).processes[100].threads[100]
        assert thread.time is not None
        assert thread.time.blocked == ((kind, 100.0),)


@pytest.mark.parametrize(("descriptors", "kind"), [(0, "sleep"), (2, "poll"), (None, "poll")])
def test_a_select_of_no_descriptors_is_a_sleep(descriptors: int | None, kind: str) -> None:
    """In the time bar as in words; an epoll of none is none."""
    for call, expected in (("select", kind), ("epoll_wait", "poll")):
        row = process_row(100, thread_row(100, wchan="poll_schedule_timeout"))
        blocked = BlockedOn(call, descriptors=descriptors)
        thread = applied(BlockedLens(), {(100, 100): blocked}, row).processes[100].threads[100]
        assert thread.time is not None
        assert thread.time.blocked == ((expected, 100.0),)


def test_others_stay_as_they_are() -> None:
    """Rows of which nothing is known are the same objects, and without any so is the snapshot."""
    one, other = process_row(100, thread_row(100), thread_row(101)), process_row(200)
    shot = applied(BlockedLens(), {(100, 101): CHILD, (300, 300): CHILD, (100, 999): CHILD}, one, other)
    assert shot.processes[200] is other
    assert shot.processes[100].threads[100] is one.threads[100]
    assert list(shot.processes[100].threads) == [100, 101]
    assert set(shot.processes) == {100, 200}
    plain = snapshot(one)
    assert BlockedLens().apply(sample(1.0), plain) is plain


def test_rows_that_did_not_change_are_handed_on() -> None:
    """The same dictionary gives the same process; an equal one the same rows; one change, one row."""
    lens = BlockedLens()
    row = process_row(100, thread_row(100), thread_row(101))
    blocked = {(100, 100): CHILD, (100, 101): SLEEP}
    first = applied(lens, blocked, row).processes[100]
    assert applied(lens, blocked, row).processes[100] is first
    assert applied(lens, dict(blocked), row).processes[100] is first
    changed = applied(lens, blocked | {(100, 101): CHILD}, row).processes[100]
    assert changed.threads[100] is first.threads[100]
    assert changed.threads[101].reason == "wait4 child 991"
    moved = row._replace(threads={**row.threads, 100: row.threads[100]._replace(cpu_pct=5.0)})
    again = applied(lens, blocked | {(100, 101): CHILD}, moved).processes[100]
    assert again.threads[100].cpu_pct == 5.0
    assert again.threads[101] is changed.threads[101]


def test_what_is_left_of_a_timeout_goes_down() -> None:
    """Of a thread that waits till a moment, though nothing of it was read anew; a row with the same words stays."""
    lens = BlockedLens()
    row = process_row(100, thread_row(100), thread_row(101))
    blocked = {(100, 100): CHILD, (100, 101): BlockedOn("clock_nanosleep", is_forever=False, until_ns=9_000_000_000)}

    def at(at_s: float) -> ProcessRow:
        return lens.apply(sample(at_s)._replace(blocked=blocked), snapshot(row)).processes[100]

    first, soon, later, over = at(1.0), at(1.02), at(5.5), at(9.5)
    assert (first.threads[101].reason, first.threads[101].left_ns) == ("nanosleep, 8 s left", 8_000_000_000)
    assert soon is first
    assert (later.threads[101].reason, later.threads[101].left_ns) == ("nanosleep, 3.5 s left", 3_500_000_000)
    assert later.threads[100] is first.threads[100]
    assert (over.threads[101].reason, over.threads[101].left_ns) == ("nanosleep (timed)", 0)


def test_what_is_no_longer_known_is_gone() -> None:
    """A thread out of sight has its plain row."""
    lens = BlockedLens()
    row = process_row(100, thread_row(100), thread_row(101))
    applied(lens, {(100, 100): CHILD, (100, 101): SLEEP}, row)
    shot = applied(lens, {(100, 101): SLEEP}, row).processes[100]
    assert shot.threads[100] is row.threads[100]
    assert applied(lens, {}, row).processes[100] is row
