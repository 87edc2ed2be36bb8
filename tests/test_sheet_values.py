"""What panes make of facts: kinds, masks, words, families; by values."""

from __future__ import annotations

import pytest

import scripted
import scripted_children
import scripted_environment
import scripted_memory
import scripted_sheets
from builders import process_row, snapshot, thread_row
from threadtop.inside.asked import Denial
from threadtop.inside.children import ChildrenFacts, Relative
from threadtop.inside.mapped import KindSum
from threadtop.inside.memory import BY_ADDRESS
from threadtop.procfs.smaps import Usage
from threadtop.sheets import BY_NAME, children, endings, environment, secret_signs, signals
from threadtop.sheets.sheet import Record, Sheet, Subject
from threadtop.sheets.stacks import StacksFacts, Trace
from threadtop.sheets.stacks import sheet as stacks_sheet
from threadtop.sheets.thread_call import place_words

SHOT = scripted.ticks(8)[-1]


def made(name: str, facts: object = None, **more: object) -> Sheet:
    """A pane of the scripted gunicorn."""
    kind = BY_NAME[name]
    subject = Subject(SHOT, SHOT.processes[scripted.GUNICORN], facts or scripted_sheets.facts(kind), **more)  # type: ignore[arg-type]
    return kind.make(subject)


def records(sheet: Sheet, key: str) -> list[Record]:
    """The rows of a section."""
    table = next(section.table for section in sheet.sections if section.key == key)
    assert table is not None
    return list(table.records)


# -- environment -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2"),
        ("api_key", "x"),
        ("MY_TOKEN", "t"),
        ("DATABASE_URL", "postgres://u:p@host/db"),
        ("X", "-----BEGIN PRIVATE KEY-----"),
        ("X", "eyJhbGciOi.eyJzdWIi.sig"),
        ("BUILD", "9f86d081884c7d659a2feaa0c55ad015"),
        ("X", "wJalrXUtnFEMI7K7MDENG5bPxRfiCYEXAMPLEKEY"),
        ("SENTRY_DSN", "https://abc@sentry.io/1"),
        ("DB_PASSWORD", "x"),
        ("PGPASSWORD", "x"),
        ("MYSQL_PWD", "x"),
        ("DB_PASS", "x"),
        ("sshpass", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("apikey", "x"),
        ("API_BASE", "x"),
        ("GITHUB_TOKEN", "x"),
        ("GITHUB_PAT", "x"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "x"),
        ("NPM_AUTH", "x"),
        ("SENTRY_DSN", "x"),
        ("SESSION_COOKIE", "x"),
        ("DATABASE_URL", "postgres://shop:hunter2@db/shop"),
        ("PROXY", "a http://u:p@proxy:80/"),
        ("PROXY", "http://u:p@ss/w@proxy:80/"),
        ("REMOTE", "https://0123456789abcdefghij@git.example/"),
        ("X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
        ("X", "ghp_" + "0123456789abcdef"),
        ("X", "AKIA" + "IOSFODNN7EXAMPLE"),
        ("HEADER", "Bearer abcdefgh12345"),
        ("X", "d41d8cd98f00b204e9800998ecf8427e"),
        ("X", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("X", "-----BEGIN " + "OPENSSH PRIVATE KEY-----\nabc"),
        ("JAVA_OPTS", "-Xmx1g -Dpassword=hunter2"),
        ("CONFIG", '{"user": "a", "password": "b"}'),
        ("ARGS", "--token abc"),
        ("PATH", "/x --password hunter2"),
        ("", "ghp_" + "0123456789abcdef"),
    ],
)
def test_what_looks_like_a_secret(name: str, value: str) -> None:
    """By its name, by its form, by its randomness."""
    assert secret_signs.is_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"),
        ("PWD", "/home/user"),
        ("HOME", "/root"),
        ("SSH_AUTH_SOCK", "/run/user/1000/agent"),
        ("SSL_KEY_FILE", "/etc/ssl/key.pem"),
        ("LANG", "en_US.UTF-8"),
        ("PROXY", "http://proxy.example.com:3128"),
        ("PASSWORD", ""),
        ("LS_COLORS", "rs=0:di=01;34:ln=01;36:mh=00:pi=40;33:so=01;35:do=01;35"),
        ("MESSAGE", "this is a long sentence without any digits in it at all"),
        ("PWD", "/srv/shop"),
        ("OLDPWD", "/"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("PYENV_HOOK_PATH", "/root/.pyenv/pyenv.d:/usr/etc/pyenv.d"),
        ("LD_LIBRARY_PATH", "/usr/lib/x86_64-linux-gnu/pulseaudio:/opt/App2/lib"),
        ("LS_COLORS", "rs=0:di=01;34:ln=01;36:mh=00:pi=40;33:so=01;35:do=01;35:bd=40;33;01"),
        ("SSH_AUTH_SOCK", "/run/user/1000/keyring/ssh"),
        ("XDG_SESSION_ID", "2"),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("INVOCATION_ID", "d41d8cd98f00b204e9800998ecf8427e"),
        ("DB_PASSWORD", ""),
        ("PASSENGER_APP_ENV", "production"),
        ("SERVICE_URL", "http://127.0.0.1:8080/path?x=1"),
        ("REMOTE", "ssh://git@example.org/repo.git"),
        ("BOOT_ID", "5e4a1c1e-5d0b-4b43-8f2e-0d6f9a3c7b11"),
        ("ZEROES", "0" * 64),
        ("HOSTNAME", "4f5c0a1b2c3d"),
        ("WORDS", "averylongidentifierthatisnotrandomatall"),
        ("LANG", "C.UTF-8"),
    ],
)
def test_what_does_not(name: str, value: str) -> None:
    """Paths, places, plain words."""
    assert not secret_signs.is_secret(name, value)


@pytest.mark.parametrize("piece", ["://a:", "eyJ", "password", "bearer ", "Aa1", "/", "-----", "0af", "--token \t"])
def test_hostile_values_are_judged(piece: str) -> None:
    """A megabyte made to make searches start over and over is judged all the same: this ends."""
    assert secret_signs.is_secret("X", piece * (1_000_000 // len(piece))) in {True, False}


def test_secrets_are_masked_until_asked_for() -> None:
    """In text and in data alike."""
    masked = {record.identity: record for record in records(made("environment"), "environment")}
    assert masked["DB_PASSWORD"].values == ("DB_PASSWORD", environment.MASK)
    assert "hunter2" not in "".join(cell for record in masked.values() for cell in record.cells)
    assert masked["LANG"].values[1] == "de_DE.UTF-8"
    shown = {r.identity: r for r in records(made("environment", wants=frozenset({"secrets"})), "environment")}
    assert shown["DB_PASSWORD"].values[1] == "hunter2"


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (("A_PASSWORD",), "1 value that looks like a secret is masked: v shows it (--want secrets)"),
        (("A_PASSWORD", "B_TOKEN"), "2 values that look like secrets are masked: v shows them (--want secrets)"),
    ],
)
def test_how_many_secrets_are_masked(names: tuple[str, ...], note: str) -> None:
    """One is told as one."""
    variables = (("LANG", "C"), *((name, "hunter2") for name in names))
    sheet = made("environment", scripted_environment.facts()._replace(variables=variables))
    assert note in sheet.sections[1].notes


def test_the_fullest_limit_comes_first() -> None:
    """1,000 of 1,024 descriptors is a danger, what has no figure comes last and is not known."""
    rows = records(made("environment"), "limits")
    assert rows[0].values == ("Max open files", 1000, 97.66, 1024, 65536, "files")
    assert rows[0].role == "r"
    assert rows[1].identity == "Max locked memory"
    assert rows[1].role == "y"
    assert {row.values[2] for row in rows if row.identity in {"Max cpu time", "Max nice priority"}} == {None}


def test_denied_environments_say_so() -> None:
    """Without the right to read it there are no rows and a word; what has none is not said to be denied."""
    denied = (Denial("environ", "it is another user's process"),)
    sheet = made("environment", scripted_environment.facts()._replace(variables=None, denials=denied))
    assert sheet.sections[1].table is None
    assert "may not be read" in sheet.sections[1].notes[0]
    none = made("environment", scripted_environment.facts()._replace(variables=None))
    assert none.sections[1].notes == ("it has none",)


@pytest.mark.parametrize(
    ("variables", "empty", "note"),
    [
        ((), "none is left", "the program has written over it (setproctitle), as it does to show a title"),
        (
            (("LANG", "C"),),
            "",
            "the program has written over the rest of it (setproctitle), as it does to show a title",
        ),
    ],
)
def test_an_environment_that_was_written_over(variables: tuple[tuple[str, str], ...], empty: str, note: str) -> None:
    """It is not said that there was none: the program made room for its title."""
    facts = scripted_environment.facts()._replace(variables=variables, is_overwritten=True)
    section = made("environment", facts).sections[1]
    assert section.table is not None
    assert section.notes == (note,)
    assert empty in section.table.empty
    assert [record.values for record in section.table.records] == list(variables)


def test_what_has_ended_says_so() -> None:
    """By its parent that has not reaped it; a main thread may end before the others, and a kernel thread has little."""
    ended, alive = thread_row(100, state="Z"), thread_row(101, state="S")
    words = ("no files", "all is gone")
    process = process_row(100, ended, state="Z")._replace(ppid=7)
    assert endings.why(process, *words) == ("it has ended, and its parent 7 has not reaped it yet: all is gone",)
    assert endings.why(process_row(100, ended, alive, state="Z"), *words) == ()
    assert endings.why(process_row(100, alive), *words) == ()
    assert endings.why(process_row(100, alive)._replace(kernel=True), *words) == ("a thread of the kernel: no files",)


# -- memory ----------------------------------------------------------------------------------------------


def test_kinds_add_up() -> None:
    """All kinds together are all mappings."""
    rows = records(made("memory"), "kinds")
    assert sum(int(str(row.values[0])) for row in rows) == sum(one.size_bytes for one in scripted_memory.mappings())
    assert sum(int(str(row.values[-2])) for row in rows) == len(scripted_memory.mappings())


def test_what_was_not_measured_is_not_known() -> None:
    """A kind of which no mapping was measured has no figure, never 0."""
    rows = {row.values[-1]: row for row in records(made("memory"), "kinds")}
    assert rows["heap"].values[1] == 100 << 20
    assert rows["~malloc arena"].values[1] is None
    assert rows["~malloc arena"].cells[1] == "-"
    assert rows["main stack"].values[1] == 0


def test_headings_say_how_rows_are_ordered() -> None:
    """By what is in memory once that was measured; what may not be touched stands last, and is said to."""

    def titles(*kinds: KindSum, wants: frozenset[str] = frozenset()) -> list[str]:
        facts = scripted_memory.facts()
        assert facts.listed is not None
        listed = facts.listed._replace(kinds=kinds)
        sheet = made("memory", facts._replace(listed=listed, measured=None), wants=wants)
        return [section.title for section in sheet.sections[1:]]

    heap, free = KindSum("heap", is_hint=False, maps=1, size_bytes=5), KindSum("reserved", False, 1, 9)
    assert titles(heap) == ["By kind, largest first", "By file, largest first", "Mappings, largest first"]
    assert titles(heap._replace(usage=Usage()), free) == [
        "By kind, most in memory first, what is only kept free last",
        "By file, most in memory first",
        "Mappings, most in memory first, what is only kept free last",
    ]
    assert titles(heap, free, wants=frozenset({BY_ADDRESS}))[2] == "Mappings, by address"


def test_mappings_come_in_parts() -> None:
    """A part of many mappings and files says which it is, and how many there are."""
    facts = scripted_memory.facts()
    assert facts.listed is not None
    many = facts.listed._replace(maps=1500, first=1000, files_in_all=600, first_file=500)
    tables = {section.key: section.table for section in made("memory", facts._replace(listed=many)).sections}
    for key, total, first in (("mappings", 1500, 1000), ("files", 600, 500)):
        table = tables[key]
        assert table is not None
        assert (table.total, table.first) == (total, first)


def test_how_to_measure() -> None:
    """By a key on the screen, by an option where there is none."""
    (entry,) = (
        entry
        for section in made("memory", scripted_memory.facts()._replace(measured=None)).sections
        for entry in section.entries
        if entry.key == "measured"
    )
    assert entry.note == "m measures what of each is in memory (--want smaps)"


def test_a_stack_leads_to_its_thread() -> None:
    """The mapping with one thread's stack pointer names that thread, and Enter opens it; a guess names none."""
    rows = {row.values[-2]: row for row in records(made("memory"), "mappings")}
    assert rows["thread stack"].values[-1] == f"worker-1 {scripted.GUNICORN + 1}"
    link = rows["thread stack"].link
    assert link is not None
    assert link.tid == scripted.GUNICORN + 1
    assert rows["~thread stack"].values[-1] == ""
    assert rows["~thread stack"].link is None


@pytest.mark.parametrize(
    ("changed", "shown", "value"),
    [
        ({}, "13 maps, 3 min 20 s ago", 13),
        ({"is_complete": False, "maps": 3200}, "3,200 of 15 maps", 3200),
        ({"is_cut": True, "maps": 7}, "cut short after 7 maps", 7),
    ],
    ids=["done", "going on", "cut"],
)
def test_how_far_measuring_is(changed: dict[str, object], shown: str, value: int) -> None:
    """Done with its age, going on with its progress, or cut short by another program."""
    facts = scripted_memory.facts()
    assert facts.measured is not None
    sheet = made("memory", facts._replace(measured=facts.measured._replace(**changed)))
    entry = {one.key: one for one in sheet.sections[0].entries}["measured"]
    assert (entry.shown, entry.value) == (shown, value)


@pytest.mark.parametrize(("maps", "role"), [(52_423, " "), (52_424, "y"), (62_254, "r")])
def test_many_mappings_near_the_limit(maps: int, role: str) -> None:
    """From four fifths of what the kernel allows on it is news, from 95 % on a warning."""
    facts = scripted_memory.facts()
    assert facts.listed is not None
    sheet = made("memory", facts._replace(listed=facts.listed._replace(maps=maps)))
    assert {one.key: one for one in sheet.sections[0].entries}["count"].role == role


def test_no_memory_has_a_reason() -> None:
    """Where nothing is listed, the pane says why; it is not empty."""
    facts = scripted_memory.facts()._replace(listed=None, measured=None)
    assert made("memory", facts._replace(status={})).notes == ("it has ended, and its memory was given back",)
    assert made("memory", facts._replace(coming=1200)).sections[0].notes == ("1,200 mappings are read so far",)


# -- the others ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("TERM", "its own handler"),
        ("HUP", "ignored"),
        ("SEGV", "ends it, with a core dump"),
        ("USR1", "ends it"),
        ("CHLD", "nothing, by default"),
        ("TSTP", "stops"),
        ("CONT", "goes on, if stopped"),
    ],
)
def test_how_signals_are_taken(name: str, what: str) -> None:
    """What the program said, else the kernel's default (signal(7))."""
    assert signals.effect(name, {"TERM"}, {"HUP"}) == what


def test_the_tree_of_a_process() -> None:
    """Ancestors from the top, itself, then all below it, each under its parent; a circle ends."""
    rows = [
        process_row(1, ppid=0),
        process_row(5, ppid=1),
        process_row(9, ppid=5, state="S"),
        process_row(12, ppid=9),
        process_row(11, ppid=9),
        process_row(20, ppid=11),
        process_row(30, ppid=31),
        process_row(31, ppid=30),
    ]
    shot = snapshot(*rows)
    sheet = children.sheet(Subject(shot, shot.processes[9], ChildrenFacts((), is_cut=False)))
    found = records(sheet, "processes")
    assert [record.identity for record in found] == [1, 5, 9, 11, 20, 12]
    assert [len(record.cells[0]) - len(record.cells[0].lstrip()) for record in found] == [0, 2, 4, 6, 8, 6]
    assert found[2].link is None
    assert found[3].link is not None
    table = sheet.sections[1].table
    assert table is not None
    told = [(row["pid"], row["ppid"], row["depth"]) for row in table.data or () if isinstance(row, dict)]
    assert told == [(1, 0, -2), (5, 1, -1), (9, 5, 0), (11, 9, 1), (20, 11, 2), (12, 9, 1)]
    looped = children.sheet(Subject(shot, shot.processes[30], ChildrenFacts((), is_cut=False)))
    assert [record.identity for record in records(looped, "processes")] == [31, 30]


@pytest.mark.parametrize(
    ("part", "first", "shown"), [(0, 0, [1, 2]), (1, 2, [3, 4]), (2, 4, [5]), (9, 4, [5])], ids=str
)
def test_a_large_family_comes_in_parts(
    part: int, first: int, shown: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it can be turned to; the last part stays where a family has become smaller."""
    monkeypatch.setattr(children, "MOST", 2)
    shot = snapshot(process_row(1, ppid=0), *(process_row(pid, ppid=1) for pid in range(2, 6)))
    table = (
        children.sheet(Subject(shot, shot.processes[1], ChildrenFacts((), is_cut=False), part=part)).sections[1].table
    )
    assert table is not None
    assert (table.total, table.first) == (5, first)
    assert [record.identity for record in table.records] == shown
    assert [(row["pid"], row["depth"]) for row in table.data or () if isinstance(row, dict)] == [
        (pid, 0 if pid == 1 else 1) for pid in shown
    ]


def test_relatives_that_the_pass_did_not_read() -> None:
    """An attached run: what else is there comes from facts, with its CPU as far as it is known."""
    shot = snapshot(process_row(9, ppid=5))
    facts = ChildrenFacts(
        (Relative(5, 1, "sh", "S", 1), Relative(12, 9, "child", "Z", 1, 7, "x -y", 2.5)), is_cut=False
    )
    sheet = children.sheet(Subject(shot, shot.processes[9], facts))
    found = records(sheet, "processes")
    others = [(record.identity, record.values[3], record.values[6]) for record in found if record.identity != 9]
    assert others == [(5, None, None), (12, 2.5, "x -y")]
    assert found[-1].role == "m"
    assert all(record.link is not None for record in found if record.identity != 9)


def test_sums_below_a_process() -> None:
    """How many are below, how many of them are its own, their threads and CPU; those that have ended stand out."""
    shot = scripted.ticks(1)[0]
    only = scripted.only(shot, scripted.GUNICORN)
    row = only.processes[scripted.GUNICORN]
    entries = {
        one.key: one for one in children.sheet(Subject(only, row, scripted_children.attached())).sections[0].entries
    }
    assert (entries["below"].shown, entries["below"].value) == ("3 processes", 3)
    assert entries["below"].note == "2 of them its own children, 4 threads, 100.0 % CPU together"
    assert (entries["ended"].value, entries["ended"].role) == (1, "m")
    none = children.sheet(Subject(only, row, ChildrenFacts((), is_cut=False))).sections[0].entries
    assert [(one.shown, one.value, one.note) for one in none] == [("none", 0, "")]


def test_places_in_words() -> None:
    """As much as is known of an address."""
    from threadtop.inside.thread import Place  # noqa: PLC0415 beside its use

    assert place_words(Place(0x10)) == "0x10, in no file"
    assert place_words(Place(0x10, "libc.so.6", 0x8)) == "libc.so.6+0x8"
    assert place_words(Place(0x10, "libc.so.6", 0x8, "read", 4)) == "libc.so.6+0x8 (read+0x4)"


def test_threads_with_one_stack_share_it() -> None:
    """The one with the GIL first; a pool of the same stack is one block with its threads counted."""
    pool = tuple(Trace(tid, f"w{tid}", ("wait x.py:1", "run y.py:2"), has_gil=False) for tid in range(10, 20))
    holder = Trace(30, "main", ("loop z.py:3",), has_gil=True)
    process = SHOT.processes[scripted.GUNICORN]
    facts = StacksFacts("python", (*pool, holder), has_py_spy=True)
    found = records(stacks_sheet(Subject(SHOT, process, facts)), "stacks")
    assert [record.cells for record in found] == [
        ("1", "GIL", "main 30"),
        ("", "", "  loop z.py:3"),
        ("10", "", "w10 10, w11 11, w12 12, w13 13, w14 14, w15 15 and 4 more"),
        ("", "", "  wait x.py:1"),
        ("", "", "  run y.py:2"),
    ]
    assert found[2].values[0] == list(range(10, 20))


def test_a_thread_that_has_ended() -> None:
    """Its pane says so, and how to choose another one."""
    assert "has ended" in made("thread", tid=1).notes[0]
