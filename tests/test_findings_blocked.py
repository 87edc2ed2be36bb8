"""Blocked on the disk, or all on one peer: at and around each threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import host_row, process_row, thread_row
from ruled import BUSY, PID, PROBLEM, YOUNG_TICKS, after, kinds, only, running, server, shot
from threadtop.blocked import BlockedOn
from threadtop.snapshot import CpuShare
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.snapshot import ThreadRow

STALLED = host_row(cpu=CpuShare(5.0, 5.0, 60.0, 0.0), cores=(BUSY, BUSY), pressure_io=70.0)
CALM = host_row(cpu=CpuShare(5.0, 5.0, 0.9, 0.0), cores=(BUSY, BUSY), pressure_io=0.9)


def reader(disk_pct: float, tid: int = 101, **more: object) -> ThreadRow:
    """A thread that reads, looked at 200 times."""
    time = TimeShare(100.0 - disk_pct, 0.0, 0.0, (("disk", disk_pct),), 200)
    return running(tid, 100.0 - disk_pct, **{"sampled": time, "state": "D", "name": "reader", **more})


# -- disk --------------------------------------------------------------------------------------


def test_disk_bound() -> None:
    """How long it waits by how many looks, on what, and what the machine says of it."""
    found = only("disk-bound", shot(server(reader(80.0, reason="disk: /var/lib/db/heap.3")), host=STALLED))
    assert found.title == "reader waits for the disk 80 % of the time"
    assert dict(found.evidence) == {
        "waits for the disk": "80 % (200 looks, +-1 points)",
        "runs": "20 %",
        "on": "disk: /var/lib/db/heap.3",
        "pressure of i/o": "70 % of the last 10 s some task stalled",
        "cpus idle for i/o": "60 %",
    }
    assert (found.grade, found.severity >= PROBLEM) == ("sampled", True)


def test_hung_on_a_disk() -> None:
    """A thread in state D that does not even move is one look that says all."""
    found = only("disk-bound", shot(server(thread_row(101, state="D", wchan="rpc_wait_bit_killable"))))
    assert (found.grade, found.tids) == ("sampled", (101,))
    assert dict(found.evidence)["waits for the disk"] == "100 % (by one look each time)"


def test_one_look_is_an_estimate() -> None:
    """A thread that ran in between was in state D when it was looked at."""
    assert only("disk-bound", shot(server(reader(80.0, sampled=None)), host=STALLED)).grade == "estimate"


@pytest.mark.parametrize(
    ("threads", "fires"),
    [
        pytest.param([reader(50.0)], True, id="half of the time"),
        pytest.param([reader(49.9)], False, id="less than half"),
        pytest.param([reader(90.0), running(102, 10.0)], True, id="one of two that work"),
        pytest.param([reader(90.0), running(102, 10.0), running(103, 0.0, 10.0)], False, id="one of three"),
        pytest.param([reader(90.0), running(102, 9.9), running(103, 9.9)], True, id="the others hardly work"),
        pytest.param([thread_row(101, state="S", wchan="futex_do_wait")], False, id="a lock"),
    ],
)
def test_when_it_is_disk_bound(threads: list[ThreadRow], fires: bool) -> None:  # noqa: FBT001 a parameter of the table
    """Half of the time, of half of the threads that work."""
    assert ("disk-bound" in kinds(shot(server(*threads), host=STALLED))) == fires


def test_state_d_is_not_always_the_disk() -> None:
    """Where the kernel function may not be read, the machine must have stalled for I/O."""
    vague = server(thread_row(101, state="D"))
    assert "disk-bound" in kinds(shot(vague, host=STALLED))
    assert "disk-bound" not in kinds(shot(vague, host=CALM))
    vfork = server(thread_row(101, state="D", wchan="wait_for_vfork_done"))
    assert "disk-bound" not in kinds(shot(vfork, host=STALLED))


def test_kernel_threads_and_jobs_are_left_out() -> None:
    """Writers of the kernel wait for disks by profession, a compiler reads its headers."""
    row = process_row(7, thread_row(7, state="D"), kernel=True)
    assert kinds(shot(row, host=STALLED), 12, close=False) == []
    job = process_row(7, reader(90.0, 7), start_ticks=YOUNG_TICKS)
    assert kinds(shot(job, host=STALLED), 12, close=False) == []


# -- one peer ----------------------------------------------------------------------------------


def worker(tid: int, peer: str = "10.0.0.5:5432", **more: object) -> ThreadRow:
    """A thread that reads from a socket."""
    blocked = BlockedOn(call="recvfrom", fd=tid, target="socket:[9]", peer=peer, status="established")
    return thread_row(tid, name=f"worker-{tid}", **{"blocked": blocked, **more})


def moved(tid: int) -> ThreadRow:
    """The same, and it ran a little."""
    time = TimeShare(1.0, 0.0, 0.0, (("network", 99.0),), 20)
    return worker(tid, cpu_pct=1.0, vol_per_s=5.0, sampled=time)


def test_waits_on_one_peer() -> None:
    """All workers are blocked on one peer: who that is, in which call, and whether they work at all."""
    found = only("waits-on-one-peer", shot(server(*map(moved, (101, 102, 103)))))
    assert found.title == "3 threads wait for 10.0.0.5:5432, and hardly anything else of it works"
    assert dict(found.evidence) == {
        "blocked": "3 of 3 threads that work",
        "in": "recvfrom",
        "ran in the last 30 s": "3 of them",
        "did not run": "99 99 99 % (60 looks)",
    }
    assert (found.grade, found.tids) == ("sampled", (101, 102, 103))
    assert found.next_command == "ss -tnpi dst 10.0.0.5:5432"


def test_the_command_for_a_peer_is_one_for_any_shell() -> None:
    """The brackets of an IPv6 address are a pattern to some shells."""
    found = only("waits-on-one-peer", shot(server(*(worker(tid, "[::1]:5432") for tid in (101, 102, 103)))))
    assert found.next_command == "ss -tnpi dst '[::1]:5432'"


def test_none_has_run() -> None:
    """They may be idle, or stuck: a suspicion that says so."""
    found = only("waits-on-one-peer", shot(server(*map(worker, (101, 102, 103)))))
    assert found.grade == "suspicion"
    assert found.explanation.endswith("they may also be idle, and wait for a message.")
    assert found.severity < only("waits-on-one-peer", shot(server(*map(moved, (101, 102, 103))))).severity


@pytest.mark.parametrize(
    ("threads", "fires"),
    [
        pytest.param([worker(tid) for tid in (101, 102)], False, id="two are no crowd"),
        pytest.param([worker(tid, f"10.0.0.7:{tid}") for tid in range(101, 109)], False, id="clients of its own"),
        pytest.param([*map(worker, (101, 102, 103, 104)), running(105, 50.0)], True, id="four of five"),
        pytest.param([*map(worker, (101, 102, 103)), running(105, 50.0)], False, id="three of four"),
        pytest.param([*map(worker, (101, 102, 103)), running(105, 9.0)], True, id="the fourth hardly works"),
        pytest.param([*map(worker, (101, 102, 103)), worker(104, "b:1")], False, id="one for another peer"),
        pytest.param(
            [worker(tid, blocked=BlockedOn("read", peer="boss[7]", target="pipe:[3]")) for tid in range(101, 105)],
            False,
            id="a pipe of its parent",
        ),
    ],
)
def test_when_all_wait_for_one_peer(threads: list[ThreadRow], fires: bool) -> None:  # noqa: FBT001 as above
    """Three at least, and four fifths of those that work."""
    assert ("waits-on-one-peer" in kinds(shot(server(*threads)))) == fires


def test_one_socket_of_many_backends() -> None:
    """Of a Unix socket the path counts, not who serves each connection; nothing hostile goes into a command."""
    path = "/run/$(reboot)/sock"
    threads = [worker(tid, f"backend[{tid}] {path}") for tid in (101, 102, 103)]
    found = only("waits-on-one-peer", shot(server(*threads)))
    assert found.title.startswith(f"3 threads wait for {path}, ")
    assert found.next_command == f"ss -np | grep -w pid={PID}"


def test_only_what_is_looked_at() -> None:
    """What is not looked at has not been read."""
    assert [found.kind for found in after(20, shot(server(*map(moved, (101, 102, 103)))), close=False)] == []
