"""What the Thread pane makes of facts: order, words, links, what is not known; by values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted
import scripted_thread
from builders import process_row, snapshot, thread_row
from threadtop.blocked import BlockedOn
from threadtop.circumstances import Circumstances
from threadtop.history import History
from threadtop.inside.asked import Denial
from threadtop.inside.thread import Place, StackRegion, ThreadFacts
from threadtop.lock_rows import Deadlock, LockRow, LocksRow
from threadtop.sheets import render
from threadtop.sheets.sheet import NOT_YET, Entry, Link, Sheet, Subject
from threadtop.sheets.thread import BAR, TERMS, cpus_in, mask_words, sheet
from threadtop.snapshot import GilShare
from threadtop.time_rows import TimeShare

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, ThreadRow

PID, TID, OWNER = 40, 41, 42
FUTEX = 0x7F0040000040


def facts(**said: object) -> ThreadFacts:
    """The scripted facts, of the thread TID."""
    return scripted_thread.facts()._replace(tid=TID, **said)  # type: ignore[arg-type]


def process(*rows: ThreadRow, **said: object) -> ProcessRow:
    """A process with the thread TID and the owner of its lock."""
    every = (thread_row(PID), *(rows or (thread_row(TID, name="reader"),)), thread_row(OWNER, name="holder"))
    return process_row(PID, *every, process="server", **said)


def made(one: ThreadFacts | None = None, *rows: ThreadRow, history: History | None = None, **said: object) -> Sheet:
    """The pane."""
    row = process(*rows, **said)
    return sheet(Subject(snapshot(row), row, one or facts(), TID, history=history))


def entries(shown: Sheet, section: str) -> dict[str, Entry]:
    """The fields of a section by key."""
    return {entry.key: entry for one in shown.sections if one.key == section for entry in one.entries}


def now(
    call: BlockedOn | None, seen: BlockedOn | None = None, place: Place | None = None, **said: object
) -> dict[str, Entry]:
    """The first section of a thread in a call, as registers have it and as its row has it."""
    return entries(made(facts(call=call, lock_place=place), thread_row(TID, blocked=seen), **said), "now")


def test_what_it_does_now_comes_first() -> None:
    """Then where its time goes, how it is scheduled, switches, the stack, signals, and who it is at the end."""
    keys = [section.key for section in made(facts(kernel_stack=("a+0x1/0x2",))).sections]
    assert keys == ["now", "times", "scheduling", "switches", "stack", "kernel", "io", "signals", "identity"]


def test_the_kernel_stack_is_the_news_of_who_cannot_be_interrupted() -> None:
    """In state D it stands right below what the thread does."""
    shown = made(facts(kernel_stack=("io_schedule+0x1/0x2", "x")), thread_row(TID, state="D"))
    assert [section.key for section in shown.sections][:2] == ["now", "kernel"]
    table = shown.sections[1].table
    assert table is not None
    assert [record.cells for record in table.records] == [("io_schedule+0x1/0x2",), ("x",)]


def test_the_title_says_which_thread() -> None:
    """Its name made harmless, its tid in decimal and hexadecimal, its process."""
    title = made(None, thread_row(TID, name="re\x1b[2Jad")).sections[0].title
    assert title == "re^[[2Jad  thread 41 (0x29) of server 40"


def test_a_call_by_registers_and_row() -> None:
    """The row has what memory and descriptors tell; it counts where it speaks of the same call."""
    own = BlockedOn("recvfrom", fd=12)
    seen = own._replace(target="socket:[7]", local="10.0.0.1:80", peer="10.0.0.5:5432", status="established")
    shown = now(own, seen)
    assert shown["call"].shown == "recvfrom"
    assert shown["descriptor"].shown == "fd 12: socket:[7]"
    assert shown["descriptor"].link == Link(PID, pane="Files")
    assert shown["socket"].shown == "10.0.0.1:80  established"
    assert (shown["peer"].shown, shown["peer"].link) == ("10.0.0.5:5432", None)
    assert (
        now(own, seen._replace(local="", status="unix stream, connected"))["socket"].shown == "unix stream, connected"
    )
    other = now(own, seen._replace(fd=13))
    assert other["descriptor"].shown == "fd 12"
    assert "peer" not in other
    assert now(own, seen._replace(call="read"))["descriptor"].shown == "fd 12"


def test_the_other_end_is_a_process_of_this_machine() -> None:
    """Enter leads to it, where it is in sight."""
    seen = BlockedOn("read", fd=3, target="pipe:[9]", peer=f"server[{PID}]")
    shown = now(BlockedOn("read", fd=3), seen)
    assert shown["peer"].link == Link(PID)
    assert shown["peer"].value == {"peer": f"server[{PID}]", "pid": PID}
    assert now(BlockedOn("read", fd=3), seen._replace(peer="gone[99]"))["peer"].link is None
    child = now(BlockedOn("wait4", pid=99), BlockedOn("wait4", pid=99))
    assert child["peer"].shown == "child 99"


def test_a_hostile_peer_leads_nowhere() -> None:
    """A name that looks like another's, or holds a number without an end."""
    for peer in ("x[40", "[]", "a[40]b", "[99999999999]"):
        seen = BlockedOn("read", fd=3, target="pipe:[9]", peer=peer)
        assert now(BlockedOn("read", fd=3), seen)["peer"].link is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"is_forever": True}, "none: it may wait for ever"),
        ({"is_forever": False, "timeout_ns": 20_000_000}, "at most 20 ms"),
        ({"is_forever": False}, "timed: till a moment, or for a length that is not known"),
        ({}, None),
    ],
)
def test_timeouts(said: dict[str, object], words: str | None) -> None:
    """For ever, a length, a moment; a call without a timeout has no such field."""
    call = BlockedOn("poll", **said)  # type: ignore[arg-type]
    found = now(call, call).get("timeout_ns")
    assert (found.shown if found is not None else None) == words


def test_what_is_left_of_a_timeout() -> None:
    """Of a wait till a moment; where the row tells of another call by now, nothing is known of it."""
    call = BlockedOn("clock_nanosleep", is_forever=False)
    seen = thread_row(TID, blocked=call._replace(until_ns=9), left_ns=4_249_000_000)
    shown = entries(made(facts(call=call), seen), "now")
    assert (shown["left_ns"].shown, shown["left_ns"].value) == ("4.2 s left", 4_249_000_000)
    assert "timeout_ns" not in shown
    other = entries(made(facts(call=call._replace(call="futex")), seen), "now")
    assert "left_ns" not in other
    assert other["timeout_ns"].shown.startswith("timed")


def test_a_futex() -> None:
    """Its address, whether it is private, where it lies by name."""
    call = BlockedOn("futex", futex=FUTEX, is_shared=False, operation=0, is_forever=True)
    shown = now(call, place=Place(FUTEX, "server", 0x40, "queue_lock", 8))
    assert shown["futex"].shown == f"{FUTEX:#x}  private, wait"
    assert shown["futex"].note == "in server+0x40 (queue_lock+0x8)"
    assert "owner" not in shown
    shared = now(call._replace(is_shared=True, operation=6), place=Place(FUTEX))
    assert shared["futex"].shown == f"{FUTEX:#x}  shared between processes, lock with priority inheritance"
    assert shared["futex"].note == ""


def test_the_owner_of_its_lock() -> None:
    """Enter leads to the thread that has to go on first; who waits beside it is counted."""
    lock = LockRow(FUTEX, "", "mutex", OWNER, PID, is_confirmed=True, waits=(), waiters=3)
    call = BlockedOn("futex", futex=FUTEX)
    shown = now(call, locks=LocksRow((lock,), (), "", ""))["owner"]
    assert (shown.shown, shown.note) == ("mutex, owned by 42 holder", "2 other threads wait for it, too")
    assert shown.link == Link(PID, OWNER, "Thread")
    nobody = now(call, locks=LocksRow((lock._replace(owner_tid=None, kind="unknown", waiters=1),), (), "", ""))
    assert (nobody["owner"].shown, nobody["owner"].note, nobody["owner"].link) == ("a lock or condition", "", None)
    ended = now(call, locks=LocksRow((lock._replace(owner_tid=None, ended_tid=77, waiters=2),), (), "", ""))
    assert ended["owner"].shown == "mutex, owned by thread 77, which has ended"
    assert ended["owner"].note == "1 other thread waits for it, too"


@pytest.mark.parametrize(
    ("deadlock", "note"),
    [
        (Deadlock(((PID, TID, FUTEX), (PID, OWNER, 8)), ()), "a deadlock: none of its threads can go on"),
        (Deadlock(((PID, PID, 4), (PID, OWNER, 8)), ((PID, TID),)), "behind a deadlock: it cannot go on"),
        (Deadlock(((PID, PID, 4), (PID, OWNER, 8)), ()), ""),
    ],
)
def test_a_deadlock(deadlock: Deadlock, note: str) -> None:
    """Who is in one, or waits for one that is, is told so beside the lock."""
    lock = LockRow(FUTEX, "", "mutex", OWNER, PID, is_confirmed=True, waits=(), waiters=1)
    shown = now(BlockedOn("futex", futex=FUTEX), locks=LocksRow((lock,), (deadlock,), "", ""))["owner"]
    assert (shown.note, shown.role) == (note, "r" if note else "l")


def test_a_thread_that_runs() -> None:
    """It is in no call; where it is, is known only while it is blocked, and so its stack."""
    shown = made(
        facts(syscall="running", call=None, program_counter=None, stack_pointer=None, stack=None, lock_place=None),
        thread_row(TID, state="R"),
    )
    first = entries(shown, "now")
    assert first["call"].shown == "none: it runs"
    assert (first["program_counter"].shown, first["program_counter"].note) == ("-", "only while it is blocked")
    stack = entries(shown, "stack")
    assert (stack["stack_bytes"].shown, stack["stack_bytes"].note) == ("-", "only while it is blocked")
    assert stack["stack_pointer"].value is None


def test_a_kernel_thread() -> None:
    """It makes no calls, and says so."""
    row = process_row(TID, thread_row(TID), kernel=True)
    one = facts(syscall=None, call=None, program_counter=None, stack_pointer=None, stack=None, lock_place=None)
    assert entries(sheet(Subject(snapshot(row), row, one, TID)), "now")["call"].shown.endswith("makes no calls")


def test_a_kernel_thread_at_rest_has_no_work() -> None:
    """It is in no poll."""
    share = TimeShare(0, 0, 0, (("poll", 100.0),), 1, is_whole=True)
    for kernel, words in ((True, "without work 100.0 %"), (False, "idle in poll 100.0 %")):
        shown = entries(made(None, thread_row(TID, sampled=share), kernel=kernel), "times")
        assert shown["blocked"].shown == words


def test_sums_and_places_are_data_too() -> None:
    """What a note says in words is there for those who read none; what is not known is None."""
    stack = StackRegion(0x10000, 0x30000, 0x100, "[stack]", 8 << 20)
    status = {"voluntary_ctxt_switches": "7", "nonvoluntary_ctxt_switches": "1200"}
    shown = made(facts(status=status, sched={"se.nr_migrations": "5"}, stack=stack))
    switches, moved = entries(shown, "switches"), entries(shown, "scheduling")["migrations_per_s"]
    assert (switches["vol_per_s"].more, switches["vol_per_s"].note) == ({"vol_switches": 7}, "7 in all")
    assert (switches["invol_per_s"].more, switches["invol_per_s"].note) == ({"invol_switches": 1200}, "1,200 in all")
    assert (moved.more, moved.note) == ({"migrations": 5}, "5 in all")
    region = {"start": 0x10000, "end": 0x30000, "most_bytes": 8 << 20, "name": "[stack]"}
    assert entries(shown, "stack")["stack_bytes"].more == {"stack_region": region}
    shown = made(facts(status={}, sched={}))
    assert entries(shown, "switches")["vol_per_s"].more == {"vol_switches": None}
    assert entries(shown, "scheduling")["migrations_per_s"].more == {"migrations": None}


def test_what_is_denied_is_not_known() -> None:
    """Another user's thread: `-` and None, never 0; the rule is told once, at the end."""
    denied = (Denial("syscall", "it is another user's process", "run threadtop as root"),)
    shown = made(
        facts(
            syscall=None, call=None, program_counter=None, stack_pointer=None, stack=None, lock_place=None,
            io=None, kernel_stack=None, per_s={}, denials=denied,
        ),
        thread_row(TID, blocked=BlockedOn(why_not="it is another user's process"), reason=None),
    )  # fmt: skip
    first = entries(shown, "now")
    assert (first["call"].shown, first["program_counter"].note) == ("-", "")
    assert first["reason"].note == "it is another user's process"
    disk = entries(shown, "io")["read_bytes"]
    assert (disk.shown, disk.value, disk.note) == ("-", {"per_s": None, "total": None}, "")
    assert "kernel" not in [section.key for section in shown.sections]
    assert shown.denials == denied


def test_shares_with_their_error() -> None:
    """A sampled share has its error beside it, an exact one has none, a hint says so; what has ended has none."""
    sampled = TimeShare(10.0, 5.0, 5.0, (("lock", 60.0), ("disk", 20.0)), 25)
    shown = entries(made(None, thread_row(TID, sampled=sampled)), "times")
    assert shown["blocked"].shown == "lock 60.0 % ±13, disk 20.0 % ±13"
    assert shown["blocked"].note == "25 looks"
    whole = entries(
        made(None, thread_row(TID, sampled=TimeShare(0, 0, 0, (("poll", 100.0),), 1, is_whole=True))), "times"
    )
    assert (whole["blocked"].shown, whole["blocked"].note) == ("idle in poll 100.0 %", "exact: it has not run")
    ended = entries(
        made(None, thread_row(TID, state="Z", sampled=TimeShare(0, 0, 0, (("unknown", 100.0),), 0))), "times"
    )
    assert (ended["blocked"].shown, ended["blocked"].value, ended["blocked"].note) == ("-", None, "it has ended")
    hint = entries(made(None, thread_row(TID, sampled=TimeShare(50, 0, 0, (("sleep", 50.0),), 1))), "times")
    assert (hint["blocked"].shown, hint["blocked"].note) == ("sleep 50.0 %", "one look: a hint")


def test_the_bar_is_drawn_in_the_roles_of_its_parts() -> None:
    """As in the Time pane: a role for each cell, painted in pieces of one role."""
    share = TimeShare(50.0, 0.0, 25.0, (("lock", 25.0),), 9)
    shown = made(None, thread_row(TID, sampled=share))
    bar = entries(shown, "times")["time_bar"]
    assert len(bar.shown) == len(bar.roles) == BAR
    row = next(row for row in render.rows(shown, TERMS, 100) if row.key == "time_bar")
    assert [role for _, role in row.pieces[2:]] == ["u", "w", "l"]
    assert row.cells.endswith(bar.shown)
    narrow = [row for row in render.rows(shown, TERMS, 40) if row.key == "time_bar"]
    assert "".join(row.cells[23:] for row in narrow) == bar.shown


def test_its_last_seconds() -> None:
    """Where there is a past, what took most of each second; without one no such field."""
    assert "history" not in entries(made(), "times")
    past = History()
    row = process(thread_row(TID, cpu_pct=90.0, user_pct=90.0, system_pct=0.0))
    for _ in range(3):
        past.add(snapshot(row))
    shown = sheet(Subject(snapshot(row), row, facts(), TID, history=past))
    history = entries(shown, "times")["history"]
    assert history.shown.endswith("███")
    assert len(history.shown) == len(history.roles) == BAR


def test_no_rates_yet() -> None:
    """Before two readings a share is not known."""
    row = thread_row(TID, cpu_pct=None, user_pct=None, system_pct=None, wait_pct=None, vol_per_s=None, invol_per_s=None)
    shown = made(facts(per_s={}), row)
    assert entries(shown, "times")["time_bar"].value is None
    assert entries(shown, "times")["cpu_pct"].shown == "- %"
    assert entries(shown, "switches")["vol_per_s"].shown == "-"
    assert entries(shown, "scheduling")["migrations_per_s"].shown == "-"


def test_the_gil() -> None:
    """What it held and waited, of a Python thread alone."""
    assert "gil" not in entries(made(), "times")
    gil = GilShare("exact", "", 24.0, 70.0, 0.0, 24.0, 0.0, 0.0, 6.0, samples=300, is_python=True)
    assert "holds it 24.0 %" in entries(made(None, thread_row(TID, gil=gil)), "times")["gil"].shown
    unknown = gil._replace(grade="none", holds_pct=None, wait_pct=None)
    assert "gil" not in entries(made(None, thread_row(TID, gil=unknown)), "times")


def test_mean_runs() -> None:
    """Since the last refresh and over its life; one that has not run has no new one."""
    runs = entries(made(), "switches")["run_length_us"]
    assert runs.value == {"now": 75.0, "life": pytest.approx(25.75, abs=0.01)}
    assert (runs.shown, runs.note) == ("75 us", "25.7 us over its life")
    rest = entries(made(facts(per_s={"run_ns": 0.0, "timeslices": 0.0})), "switches")["run_length_us"]
    assert (rest.shown, rest.note) == ("-", "it has not run, 25.7 us over its life")


def test_what_switches_cost() -> None:
    """An estimate where the cost of one is known, marked as one."""
    assert entries(made(), "switches")["switch_cost_pct"].value is None
    row = process(thread_row(TID, vol_per_s=20_000.0, invol_per_s=0.0))
    shot = snapshot(row, circumstances=Circumstances(switch_cost_ns=2_500.0))
    cost = entries(sheet(Subject(shot, row, facts(), TID)), "switches")["switch_cost_pct"]
    assert (cost.shown, cost.value) == ("~5.0 %", 5.0)
    assert "an estimate" in cost.note


def test_scheduling() -> None:
    """What is not as usual stands out: real time, nice, few CPUs."""
    row = thread_row(TID, policy=1, rt_priority=50, priority=-51, nice=0)
    shown = entries(made(facts(status={"Cpus_allowed_list": "1"}), row), "scheduling")
    assert (shown["policy"].shown, shown["policy"].note) == (
        "fifo: real time, until it blocks",
        "priority 50 of 1 to 99",
    )
    assert (shown["affinity"].shown, shown["affinity"].note) == ("1", "bound to 1 of 2 CPUs")
    assert [shown[key].role for key in ("policy", "affinity")] == ["y", "y"]
    usual = entries(made(facts(status={"Cpus_allowed_list": "0-1"})), "scheduling")
    assert [usual[key].role for key in ("policy", "affinity", "priority")] == [" ", " ", " "]


@pytest.mark.parametrize(
    ("listed", "count"),
    [("0", 1), ("0-3", 4), ("0-1,8,10-11", 5), ("", None), ("-", None), ("0-", None), ("a-b", None)],
)
def test_lists_of_cpus(listed: str, count: int | None) -> None:
    """How many there are; None where it is no list."""
    assert cpus_in(listed) == count


@pytest.mark.parametrize(("used_bytes", "role"), [(0x100, " "), (7 << 20, "r")])
def test_a_stack_that_is_nearly_full(used_bytes: int, role: str) -> None:
    """It stands out before it overflows; of the main thread's the limit counts, not what is mapped now."""
    stack = StackRegion(0x10000, 0x10000 + (8 << 20), used_bytes)
    assert entries(made(facts(stack=stack)), "stack")["stack_used_bytes"].role == role
    growing = StackRegion(0x10000, 0x10000 + used_bytes + 1, used_bytes, "[stack]", 8 << 20)
    assert entries(made(facts(stack=growing)), "stack")["stack_used_bytes"].role == role


@pytest.mark.parametrize(
    ("size", "touched_bytes", "denied", "shown", "note"),
    [
        (8 << 20, 8192, (), "8.0K of 8.0M", "in memory or swap"),
        (64 << 20, 8192, (), "8.0K of the upper 32.0M", "in memory or swap"),
        (8 << 20, None, (Denial("pagemap", "a rule"),), "-", "may not be read: see below"),
        (8 << 20, None, (), "-", "this kernel has no pagemap"),
    ],
)
def test_what_of_a_stack_was_touched(
    size: int, touched_bytes: int | None, denied: tuple[Denial, ...], shown: str, note: str
) -> None:
    """As much as was counted of as much as was looked at; where that is not known it is said why."""
    stack = StackRegion(0x10000, 0x10000 + size, 0x100, touched_bytes=touched_bytes)
    entry = entries(made(facts(stack=stack, denials=denied)), "stack")["stack_touched_bytes"]
    assert (entry.shown, entry.value, entry.note) == (shown, touched_bytes, note)


def test_masks() -> None:
    """What is blocked, or what is not where that is shorter; KILL and STOP never are."""
    assert mask_words(None) == "-"
    assert mask_words([]) == "none"
    assert mask_words(["HUP", "USR1"]) == "HUP USR1"
    status = {"SigBlk": "fffffffffffbfeff", "SigPnd": "0"}
    assert entries(made(facts(status=status)), "signals")["signals_blocked"].shown == "all"
    status = {"SigBlk": "fffffffffffbfaff", "SigPnd": "0"}
    assert entries(made(facts(status=status)), "signals")["signals_blocked"].shown == "all but SEGV"


def test_a_pid_namespace() -> None:
    """Its number as it knows it itself comes first; without a namespace there is no such field."""
    inside = entries(made(facts(status={"NSpid": "41\t17\t3"})), "identity")["ns_tid"]
    assert (inside.shown, inside.value) == ("3 in 17 in 41", [3, 17, 41])
    assert "ns_tid" not in entries(made(facts(status={"NSpid": "41"})), "identity")


def test_facts_of_another_thread() -> None:
    """Those of the thread that was looked at before are none of this one's."""
    assert made(facts()._replace(tid=OWNER)) == NOT_YET


def test_a_thread_that_has_ended() -> None:
    """It says so, and what to do."""
    row = process()
    assert "has ended" in sheet(Subject(snapshot(row), row, facts(), 999)).notes[0]


def test_the_scripted_one() -> None:
    """At 80 cells no line is cut, and the first lines answer: what, why, where."""
    shot = scripted.ticks(8)[-1]
    row = shot.processes[scripted.GUNICORN]
    lines = list(render.lines(sheet(Subject(shot, row, scripted_thread.facts(), scripted.GUNICORN)), TERMS, 80))
    assert "gunicorn  thread 4211 (0x1073) of gunicorn 4211" in lines[2]
    assert any("(epoll_wait+0x56)" in line for line in lines[:14])
