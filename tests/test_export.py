"""Text frames and JSON documents: their exact shape, and that no name can do harm in them."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOON, host_row, process_row, snapshot, thread_row
from threadtop import export, fields, query, text
from threadtop.blocked import BlockedOn
from threadtop.export import command_text
from threadtop.procfs.parse import decode
from threadtop.query import View
from threadtop.snapshot import CgroupRow

if TYPE_CHECKING:
    from threadtop.snapshot import Snapshot

SECOND_NS = 1_000_000_000
HOSTILE = decode(b"\x1b]0;x\x07\x9b2J\x7f\r\n\t") + "\x9b\u202e\u2028\u0301漢"

WORKER = thread_row(
    101,
    name="worker-1",
    state="R",
    cpu_pct=50.123,
    user_pct=40.0,
    system_pct=10.123,
    wait_pct=12.345,
    vol_per_s=1234.567,
    invol_per_s=0.25,
    cpu_ns=61 * SECOND_NS,
    last_cpu=1,
    reason="running",
    wchan="",
)
UNREAD = thread_row(
    102,
    name="fresh",
    cpu_pct=None,
    user_pct=None,
    system_pct=None,
    wait_pct=None,
    vol_per_s=None,
    invol_per_s=None,
    cpu_ns=None,
)
SHOT = snapshot(process_row(100, thread_row(100, name="server"), WORKER, UNREAD))


def frame(shot: Snapshot, width: int | None = None, **view: object) -> list[str]:
    """The lines of a text frame."""
    return list(export.text_lines(shot, query.table(shot, View(**view)), width))


def document(shot: Snapshot, **view: object) -> dict[str, Any]:
    """The JSON document of a table, read back."""
    line = export.to_json(shot, query.table(shot, View(**view)))
    assert "\n" not in line
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def acting(line: str) -> set[str]:
    """The characters of a line that have no picture of their own."""
    return {character for character in line if unicodedata.category(character)[0] in "CMZ"} - {" "}


# -- JSON --------------------------------------------------------------------------------------


def test_the_document_has_the_keys_of_its_schema() -> None:
    """Names and order of the keys are the schema's: a script may rely on them."""
    shot = document(SHOT)
    assert shot["schema"] == "threadtop/1"
    assert list(shot) == [
        *("schema", "host", "time", "interval_s", "machine", "cost", "notes", "processes", "findings"),
    ]
    assert list(shot["processes"][0]) == [*fields.JSON_PROCESS, "gil", "locks", "threads"]
    assert list(shot["processes"][0]["threads"][0]) == [*fields.JSON_THREAD, "gil", "blocked", "time"]
    assert {"pid", "user", "command", "cpu_pct"} <= set(fields.JSON_PROCESS)
    assert set(fields.JSON_THREAD) >= {
        *("tid", "name", "state", "cpu_pct", "user_pct", "system_pct", "wait_pct", "vol_per_s", "invol_per_s"),
        *("reason", "wchan", "last_cpu", "nice", "priority"),
    }


def test_the_document_says_when_where_and_at_what_cost() -> None:
    """Moment, machine and the tool's own cost, each in the unit of its key."""
    shot = document(SHOT._replace(notes=("no schedstat here",)))
    assert (shot["host"], shot["time"], shot["interval_s"]) == ("box", "2026-01-01T12:00:00.000+00:00", 1.0)
    assert shot["cost"] == {
        "pass_ms": 2.0,
        "own_cpu_pct": 0.5,
        "reads": {"stat": 3},
        "descriptors": 4,
        "watch_pct": None,
        "watch_per_s": None,
        "wait_watch_pct": None,
        "wait_watch_per_s": None,
    }
    assert (shot["notes"], shot["findings"]) == (["no schedstat here"], [])
    machine = shot["machine"]
    assert (machine["uptime_s"], machine["load"], machine["cores"]) == (3600.0, [0.5, 0.25, 0.1], 2)
    assert (machine["user_pct"], machine["system_pct"], machine["switches_per_s"]) == (12.5, 2.5, 1234.0)
    assert (machine["processes"], machine["threads"], machine["thread_states"]) == (1, 3, {"S": 2, "R": 1})
    assert (machine["pressure_cpu"], machine["quota_cores"], machine["throttled_pct"]) == (None, None, None)


def test_a_quota_is_in_the_document() -> None:
    """The cgroup's quota and how often it was throttled."""
    machine = document(SHOT._replace(host=host_row(cgroup=CgroupRow(1.5, 33.333))))["machine"]
    assert (machine["quota_cores"], machine["throttled_pct"]) == (1.5, 33.33)


def test_threads_are_numbers_with_their_units() -> None:
    """Shares and rates have two digits, counters are whole."""
    (process,) = document(SHOT)["processes"]
    worker = next(thread for thread in process["threads"] if thread["tid"] == 101)
    del worker["time"]  # which has tests of its own
    assert worker == {
        "tid": 101,
        "name": "worker-1",
        "state": "R",
        "cpu_pct": 50.12,
        "user_pct": 40.0,
        "system_pct": 10.12,
        "wait_pct": 12.35,
        "vol_per_s": 1234.57,
        "invol_per_s": 0.25,
        "cpu_ns": 61 * SECOND_NS,
        "reason": "running",
        "wchan": "",
        "last_cpu": 1,
        "nice": 0,
        "priority": 20,
        "rt_priority": 0,
        "policy_name": "other",
        "gil": None,
        "blocked": None,
        "role": None,
    }
    assert (process["pid"], process["user"], process["thread_count"]) == (100, "www", 3)
    assert (process["name"], process["command"]) == ("server", "/usr/bin/server --port 80")


def test_unknown_is_null() -> None:
    """What is not known is null, never 0 and never a sign."""
    (process,) = document(SHOT)["processes"]
    unread = next(thread for thread in process["threads"] if thread["tid"] == 102)
    unknown = {key for key, value in unread.items() if value is None}
    assert unknown == {
        *("cpu_pct", "user_pct", "system_pct", "wait_pct", "vol_per_s", "invol_per_s", "cpu_ns", "reason", "wchan"),
        *("gil", "blocked", "time", "role"),
    }
    first = document(SHOT._replace(interval_s=None, own_cpu_pct=None, host=host_row(cpu=None, cores=())))
    assert (first["interval_s"], first["cost"]["own_cpu_pct"]) == (None, None)
    assert (first["machine"]["user_pct"], first["machine"]["cores"]) == (None, None)


def test_the_document_shows_what_the_table_shows() -> None:
    """Order, filter and layout are the table's; threads stand below their process."""
    other = process_row(200, thread_row(200, cpu_pct=90.0), thread_row(201))
    shot = snapshot(*SHOT.processes.values(), other)

    def tids(**view: object) -> dict[int, list[int]]:
        processes = document(shot, **view)["processes"]
        return {process["pid"]: [thread["tid"] for thread in process["threads"]] for process in processes}

    assert tids() == {200: [200, 201], 100: [101, 100, 102]}
    assert list(tids()) == [200, 100]
    assert tids(sort="tid", descending=False) == {100: [100, 101, 102], 200: [200, 201]}
    assert tids(hide_idle=True) == {200: [200], 100: [101, 102]}
    assert tids(layout="tree") == tids(layout="programs") == {200: [200, 201], 100: [101, 100, 102]}
    assert tids(threads=False) == {200: [], 100: []}


def test_what_has_gone_is_not_in_the_document() -> None:
    """Ended threads and processes are the screen's: a script sees who is alive, also under a reused pid."""
    ended = process_row(100, thread_row(109, mark="gone"), mark="gone", start_ticks=5)
    gone = thread_row(108, pid=100, mark="gone")
    shot = snapshot(process_row(100, gone=(gone,)), gone=(ended,))
    for view in ({}, {"layout": "tree"}):
        (process,) = document(shot, **view)["processes"]
        assert [thread["tid"] for thread in process["threads"]] == [100]


def test_hostile_names_are_valid_json() -> None:
    """Bytes that are not UTF-8 become text, all else reads back as it was, and the line itself is harmless."""
    shot = snapshot(
        process_row(1, thread_row(1, name=HOSTILE), process=HOSTILE, command=HOSTILE, user=HOSTILE),
        host=host_row(hostname=HOSTILE),
    )
    line = export.to_json(shot, query.table(shot, View()))
    assert acting(line) == set()
    read = json.loads(line)
    wanted = HOSTILE.replace("\udc9b", "\\x9b")
    (process,) = read["processes"]
    assert [read["host"], process["command"], process["user"], process["threads"][0]["name"]] == [wanted] * 4


# -- text --------------------------------------------------------------------------------------


def test_the_rule_that_hides_reasons() -> None:
    """A frame says why threads have no reason: the rule, and of how many processes; not of those that have one."""
    hidden = BlockedOn(why_not="it is another user's process")
    one = process_row(100, thread_row(100, blocked=hidden))
    assert "note: what its threads wait for may not be read: it is another user's process" in frame(snapshot(one))
    other = process_row(200, thread_row(200, blocked=hidden))
    seen = process_row(300, thread_row(300, blocked=BlockedOn("futex", why_not="no memory"), reason="futex"))
    said = frame(snapshot(one, other, seen))
    rule = "may not be read: it is another user's process"
    assert [line for line in said if "note:" in line] == [f"note: what the threads of 2 processes wait for {rule}"]


def test_a_reason_is_told_whole_where_lines_are_not_cut() -> None:
    """Into a pipe its column is as wide as the longest one; in a terminal, or where a path has no end, it is cut."""
    long = "recv fd 12 <- 10.0.0.5:5432 (established)"
    shot = snapshot(process_row(100, thread_row(100, reason=long), thread_row(101, reason="x" * 500)))
    columns = ("tid", "reason", "command")
    said = frame(shot, columns=columns)
    assert any(line.split(maxsplit=1)[1].startswith(long) for line in said if line.startswith("    100 "))
    assert max(map(len, said[4:])) < 150
    assert not any(long in line for line in frame(shot, columns=columns, width=80))


def test_a_frame() -> None:
    """Summary, a blank line, headings and rows: numbers to the right, texts to the left, COMMAND uncut."""
    columns = ("cpu_pct", "wait_pct", "vol_per_s", "state", "cpu_ns", "tid", "nice", "command")
    assert frame(SHOT._replace(notes=("no schedstat here",)), columns=columns) == [
        "threadtop  box  2026-01-01T12:00:00.000+00:00  up 1:00 h  load 0.50 0.25 0.10",
        "1 process  3 threads: 1 R 2 S  switches/s 1,234 (vol 1,235, invol <1)",
        (
            "cpu 15.0 % of 2 (user 12.5 system 2.5 io 0.0)  mem 2.0G of 8.0G  "
            "waiting for a cpu: 1 thread, 0.1 cores' worth  own cpu 0.5 %, pass 2.0 ms"
        ),
        "note: no schedstat here",
        "",
        " %CPU %WAIT   vol/s S     TIME+     TID  NI COMMAND",
        " 50.1  12.3   1,235 R   1:01.00     101   0 server [worker-1]",
        "  0.0   0.0       0 S   0:00.00     100   0 server",
        "    -     -       - S         -     102   0 server [fresh]",
    ]


def test_texts_within_a_line_keep_their_width() -> None:
    """Only the last column may run on: a long name before others is cut, so that columns stay below their titles."""
    shot = snapshot(process_row(1, thread_row(1, name="a-very-long-thread-name")))
    assert frame(shot, columns=("name", "state", "command"))[-2:] == [
        "NAME            S COMMAND",
        "a-very-long-th… S server [a-very-long-thread-name]",
    ]


def test_a_first_frame_knows_no_rates() -> None:
    """Before two samples there are dashes, not zeros."""
    shot = snapshot(own_cpu_pct=None, host=host_row(cpu=None, switches_per_s=None))
    lines = frame(shot)
    assert "switches/s - (vol -, invol -)" in lines[1]
    assert lines[2].startswith("cpu -  ")
    assert "own cpu - %" in lines[2]


@pytest.mark.parametrize("width", [1, 20, 40, 80, 200])
def test_a_width_cuts_every_line(width: int) -> None:
    """No line is wider than asked, wide characters counted double; what is cut says so."""
    shot = snapshot(process_row(1, thread_row(1, name="漢字" * 30), process="漢" * 40))
    lines = frame(shot, width, columns=("tid", "command"))
    assert all(len(text.visible(line)) <= width for line in lines)
    assert lines[-1].endswith("…")
    assert len(text.visible(lines[-1])) in (width, width - 1)  # a blank in place of half a character is in between


def test_hostile_names_never_reach_the_terminal() -> None:
    """No control byte, direction or mark of a name is on any line, in any layout, and no line is split."""
    hostile = {"process": HOSTILE, "command": HOSTILE, "user": HOSTILE}
    row = thread_row(2, name=HOSTILE, wchan=HOSTILE, reason=HOSTILE)
    shot = snapshot(process_row(1, thread_row(1), row, **hostile), host=host_row(hostname=HOSTILE))
    for layout in query.LAYOUTS:
        for threads in (True, False):
            for full in (True, False):
                for width in (None, 60):
                    lines = frame(shot, width, layout=layout, threads=threads, full_command=full)
                    assert set().union(*map(acting, lines)) == set()


@pytest.mark.parametrize(
    ("row", "full", "tree", "shown"),
    [
        pytest.param(WORKER, False, False, "server [worker-1]", id="thread"),
        pytest.param(WORKER, True, False, "/usr/bin/server --port 80 [worker-1]", id="thread-full"),
        pytest.param(WORKER, False, True, "worker-1", id="thread-below"),
        pytest.param(thread_row(100, name="server"), False, False, "server", id="main"),
        pytest.param(thread_row(100, name="other"), False, False, "server [other]", id="main-renamed"),
        pytest.param(thread_row(2, pid=1, name="server"), False, False, "server [server]", id="namesake"),
        pytest.param(
            thread_row(1, name="kthreadd", command=""), True, False, "server [kthreadd]", id="no-command-line"
        ),
        pytest.param(process_row(1), False, False, "server", id="process"),
        pytest.param(process_row(1), True, False, "/usr/bin/server --port 80", id="process-full"),
        pytest.param(process_row(1, command=""), True, False, "server", id="kernel-process-full"),
    ],
)
def test_command_text(row: Any, full: bool, tree: bool, shown: str) -> None:  # noqa: FBT001, ANN401 cases of the table
    """COMMAND is process [thread], the whole line on demand, the thread alone below its process."""
    assert command_text(row, full=full, tree=tree) == shown


def test_rows_below_a_heading_are_set_in() -> None:
    """In a tree a process stands at the margin, its threads and a group's members further in."""
    columns = ("command",)
    assert frame(SHOT, columns=columns, layout="tree")[-4:] == ["server", "  worker-1", "  server", "  fresh"]
    programs = frame(SHOT, columns=columns, layout="programs")[-4:]
    assert programs == ["3 x server", "  server [worker-1]", "  server", "  server [fresh]"]
    assert frame(SHOT, columns=columns, layout="tree", threads=False)[-1] == "server"


def test_shares_of_the_machine() -> None:
    """On demand CPU is a share of all cores; waiting stays a share of the thread's time, unknown stays unknown."""
    columns = ("cpu_pct", "user_pct", "system_pct", "wait_pct")
    assert [line.split() for line in frame(SHOT, columns=columns, per_machine=True)[-3:]] == [
        ["25.1", "20.0", "5.1", "12.3"],
        ["0.0", "0.0", "0.0", "0.0"],
        ["-", "-", "-", "-"],
    ]
    unknown = SHOT._replace(host=host_row(cores=()))
    assert frame(unknown, columns=columns, per_machine=True)[-3].split()[0] == "50.1"


def test_time_is_utc_with_its_offset() -> None:
    """Moments are RFC 3339, to the millisecond."""
    assert export.iso_time(NOON + 0.25) == "2026-01-01T12:00:00.250+00:00"
