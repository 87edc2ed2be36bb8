"""Filter expressions: what each operator lets through, and what a wrong one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import process_row, thread_row
from threadtop import fields
from threadtop.errors import EXIT_USAGE, UsageError
from threadtop.filters import found_in, parse_filter, value_of
from threadtop.snapshot import GilShare

if TYPE_CHECKING:
    from threadtop.snapshot import ProcessRow, ThreadRow

NS = 1_000_000_000

WEB = process_row(
    100,
    thread_row(100, name="server", cpu_pct=0.0, state="S", cpu_ns=0),
    thread_row(101, name="worker-1", cpu_pct=50.04, vol_per_s=120.4, state="R", nice=5, cpu_ns=90 * NS),
    thread_row(
        102, name="Worker-2", cpu_pct=5.0, vol_per_s=None, state="D", nice=-5, cpu_ns=10 * NS, wchan="io_schedule"
    ),
    rss_bytes=2 << 30,
)
TRACED = process_row(
    200,
    thread_row(200, name="tracee", state="t", wchan="ptrace_stop"),
    thread_row(201, name="a(b) c", state="T", cpu_pct=None),
    process="gdb",
    command="/usr/bin/gdb -p 7",
    user="root",
    rss_bytes=5 << 20,
)
PROCESSES = {100: WEB, 200: TRACED}


def passing(expression: str) -> set[int]:
    """The tids of the threads that pass."""
    wanted = parse_filter(expression)
    assert wanted is not None
    rows = [row for process in PROCESSES.values() for row in process.threads.values()]
    return {row.tid for row in rows if wanted.matches(row, PROCESSES)}


@pytest.mark.parametrize(
    ("expression", "tids"),
    [
        ("cpu>5", {101}),
        ("cpu>=5", {101, 102}),
        ("cpu<5", {100, 200}),
        ("cpu<=5", {100, 102, 200}),
        ("cpu=50", {101}),
        ("cpu=50.0%", {101}),
        ("cpu!=50", {100, 102, 200}),
        ("%CPU>49.9", {101}),
        ("vol=120", {101}),
        ("vol/s>=120.4", {101}),
        ("pid=200", {200, 201}),
        ("tid=101,201", {101, 201}),
        ("tid!=101,201", {100, 102, 200}),
        ("nice<0", {102}),
        ("nice=-5", {102}),
        ("nice=+5", {101}),
        ("time>10", {101}),
        ("time>=10", {101, 102}),
        ("time+=90", {101}),
    ],
)
def test_numbers(expression: str, tids: set[int]) -> None:
    """Numbers compare; equal is equal as shown; unknown is neither more nor less, equal nor unequal."""
    assert passing(expression) == tids


@pytest.mark.parametrize(
    ("expression", "tids"),
    [
        ("res>1g", {100, 101, 102}),
        ("res=2GiB", {100, 101, 102}),
        ("res<=5M", {200, 201}),
        ("res>=5120k", {100, 101, 102, 200, 201}),
        ("res=5242880", {200, 201}),
        ("threads=2", {200, 201}),
    ],
)
def test_figures_of_the_process(expression: str, tids: set[int]) -> None:
    """What belongs to a process counts for each of its threads; sizes have binary units."""
    assert passing(expression) == tids


@pytest.mark.parametrize(
    ("expression", "tids"),
    [
        ("user=root", {200, 201}),
        ("user=ROOT,nobody", {200, 201}),
        ("user!=root", {100, 101, 102}),
        ("name=worker-2", {102}),
        ("name='a(b) c'", {201}),
        ("state=T", {201}),
        ("state=t", {200}),
        ("s=R,D", {101, 102}),
        ("state!=S", {101, 102, 200, 201}),
        ("wchan=io_schedule", {102}),
        ("wchan!=io_schedule", {100, 101, 200, 201}),
        ("wchan=none", set()),
    ],
)
def test_texts(expression: str, tids: set[int]) -> None:
    """Texts are equal in any case, but for states, whose case tells them apart; unknown equals no text."""
    assert passing(expression) == tids


@pytest.mark.parametrize(
    ("expression", "tids"),
    [
        ("name~worker", {101, 102}),
        ("name~^worker", {101, 102}),
        ("name!~worker", {100, 200, 201}),
        (r"name~\d$", {101, 102}),
        (r"name~\(b\)", {201}),
        ("command~'server --port'", {100, 101, 102}),
        ("command~^gdb", {200, 201}),
        ("cmd~tracee", {200}),
        ("pid~^2", {200, 201}),
        ("wchan~.", {102, 200}),
        ("wchan!~.", {100, 101, 201}),
    ],
)
def test_regular_expressions(expression: str, tids: set[int]) -> None:
    """A tilde searches in any case; backslashes reach the expression; COMMAND is process, name and command line."""
    assert passing(expression) == tids


@pytest.mark.parametrize(
    ("expression", "tids"),
    [
        ("worker", {101, 102}),
        ("WORKER-1", {101}),
        ("gdb", {200, 201}),
        ("--port", {100, 101, 102}),
        ("101", {101}),
        ("200", {200, 201}),
        ("10", set()),
        ("'(b) c'", {201}),
        ("worker 101", {101}),
        ("worker cpu>10", {101}),
        ("cpu>1 user=www state=D", {102}),
        ('name="worker-1" cpu>1', {101}),
    ],
)
def test_words_and_terms(expression: str, tids: set[int]) -> None:
    """A bare word is looked for in names and command, or is a whole pid or tid; all terms must hold."""
    assert passing(expression) == tids


@pytest.mark.parametrize("expression", ["cpu > 5.0", "cpu> 5.0", "cpu >5.0", "cpu  >  5.0 name ~ worker"])
def test_blanks_around_an_operator(expression: str) -> None:
    """A filter may be written with blanks, as one does at 3 am."""
    assert passing(expression) == {101}


@pytest.mark.parametrize("expression", ["", "  ", "\t"])
def test_an_empty_filter_is_none(expression: str) -> None:
    """Nothing said filters nothing."""
    assert parse_filter(expression) is None


def test_a_filter_keeps_its_source_and_fields() -> None:
    """The screen shows the text; the fields tell what must be read."""
    wanted = parse_filter("worker vol>5 wchan~futex")
    assert wanted is not None
    assert wanted.source == "worker vol>5 wchan~futex"
    assert [field.key for field in wanted.fields] == ["vol_per_s", "wchan"]


@pytest.mark.parametrize(
    ("expression", "what", "remedy"),
    [
        pytest.param("name='x", "has a quote that does not end", "close the quote", id="quote"),
        pytest.param("cpuu>5", "there is no column 'cpuu'", "cpu", id="column"),
        pytest.param("cpu>", "'cpu>' has no value", "write cpu>VALUE", id="no-value"),
        pytest.param("name!=''", "has no value", "write name!=VALUE", id="empty-value"),
        pytest.param("name>x", "NAME is text and has no >", "use name=VALUE or name~REGEX", id="text-compared"),
        pytest.param("state<=R", "S is text and has no <=", "use state=VALUE", id="state-compared"),
        pytest.param("cpu>x", "%CPU wants a number, not 'x'", "for example cpu>5", id="not-a-number"),
        pytest.param("ppid=init", "PPID wants a number, not 'init'", "for example ppid>5", id="no-alias"),
        pytest.param("tid=1,,2", "TID wants a number, not ''", "for example lwp>5", id="empty-part"),
        pytest.param("cpu>5,6", "> takes one number, not '5,6'", "use = for a list", id="list-compared"),
        pytest.param("name~(x", "'(x' is not a regular expression", "put a backslash before", id="regex"),
    ],
)
def test_what_is_wrong_is_said(expression: str, what: str, remedy: str) -> None:
    """Every mistake raises UsageError with what it is and how to write it."""
    with pytest.raises(UsageError) as caught:
        parse_filter(expression)
    assert what in caught.value.what
    assert caught.value.remedy.startswith(remedy) or remedy in caught.value.remedy.split()
    assert caught.value.exit_code == EXIT_USAGE


def test_the_remedy_for_a_bad_expression_works() -> None:
    """A backslash before the bracket is what the error says, and it is accepted."""
    assert passing(r"name~a\(b") == {201}


def test_found_in_a_process() -> None:
    """Processes are found by name, command and pid, but none by the tid that it has not."""
    assert found_in(TRACED, "gdb")
    assert found_in(TRACED, "-p 7")
    assert found_in(TRACED, "200")
    assert not found_in(TRACED, "tracee")


def test_values_of_rows_that_lack_them_are_unknown() -> None:
    """A thread whose process has gone has no memory to sort by, a process no last CPU."""
    processes: dict[int, ProcessRow] = {}
    assert value_of(fields.find("res"), processes)(WEB.threads[101]) is None
    assert value_of(fields.find("res"), processes)(WEB) == 2 << 30
    assert value_of(fields.find("psr"), processes)(WEB) is None


def test_the_gil_in_a_word() -> None:
    """gil=wait and gil=hold are a fifth of the time at least; who is not watched is neither."""

    def row(holds: float | None, waits: float | None) -> ThreadRow:
        return thread_row(1, gil=GilShare("exact", "", holds, waits, 0.0, holds, 0.0, 0.0, 0.0, 500, True))

    waits, holds = parse_filter("gil=wait"), parse_filter("GIL = hold")
    assert waits is not None
    assert holds is not None
    for one, does_wait, does_hold in (
        (row(25.0, 70.0), True, True),
        (row(19.9, 20.0), True, False),
        (row(20.0, 19.9), False, True),
        (row(None, None), False, False),
        (thread_row(1), False, False),
    ):
        assert (waits.matches(one, {}), holds.matches(one, {})) == (does_wait, does_hold)
    assert "gil_wait_pct" in {field.key for field in waits.fields}
