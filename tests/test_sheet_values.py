"""What panes make of facts: kinds, masks, words, families; by values."""

from __future__ import annotations

import pytest

import scripted
import scripted_environment
import scripted_files
import scripted_memory
import scripted_sheets
from builders import process_row, snapshot, thread_row
from threadtop.blocked import BlockedOn
from threadtop.inside.children import ChildrenFacts, Relative
from threadtop.sheets import BY_NAME, children, environment, files, memory, overview, signals
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
    ],
)
def test_what_looks_like_a_secret(name: str, value: str) -> None:
    """By its name, by its form, by its randomness."""
    assert environment.is_secret(name, value)


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
    ],
)
def test_what_does_not(name: str, value: str) -> None:
    """Paths, places, plain words."""
    assert not environment.is_secret(name, value)


def test_secrets_are_masked_until_asked_for() -> None:
    """In text and in data alike."""
    masked = {record.identity: record for record in records(made("environment"), "environment")}
    assert masked["DB_PASSWORD"].values == ("DB_PASSWORD", environment.MASK)
    assert "hunter2" not in "".join(cell for record in masked.values() for cell in record.cells)
    assert masked["LANG"].values[1] == "de_DE.UTF-8"
    shown = {r.identity: r for r in records(made("environment", wants=frozenset({"secrets"})), "environment")}
    assert shown["DB_PASSWORD"].values[1] == "hunter2"


def test_the_fullest_limit_comes_first() -> None:
    """1,000 of 1,024 descriptors is a danger, what has no figure comes last and is not known."""
    rows = records(made("environment"), "limits")
    assert rows[0].values == ("Max open files", 1000, 97.66, 1024, 65536, "files")
    assert rows[0].role == "r"
    assert rows[1].identity == "Max locked memory"
    assert rows[1].role == "y"
    assert {row.values[2] for row in rows if row.identity in {"Max cpu time", "Max nice priority"}} == {None}


def test_denied_environments_say_so() -> None:
    """Without the right to read it there are no rows and a word."""
    sheet = made("environment", scripted_environment.facts()._replace(variables=None))
    assert sheet.sections[1].table is None
    assert "may not be read" in sheet.sections[1].notes[0]


# -- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        ("/var/log/x", "file"),
        ("/dev/null", "device"),
        ("/dev/pts/3", "tty"),
        ("/dev/shm/x", "file"),  # noqa: S108 a name only
        ("/memfd:x (deleted)", "memfd"),
        ("socket:[1]", "socket"),
        ("pipe:[1]", "pipe"),
        ("anon_inode:[eventpoll]", "epoll"),
        ("anon_inode:[io_uring]", "io_uring"),
        ("anon_inode:inotify", "inotify"),
        ("anon_inode:[new thing]", "new thing"),
        ("mnt:[4026531841]", "mnt"),
        ("", "-"),
    ],
)
def test_kinds_of_descriptors(link: str, kind: str) -> None:
    """By what the link says."""
    assert files.kind_of(link) == kind


def test_targets_in_words() -> None:
    """Both ends of a connection, the process at the end of a pipe, what an epoll watches."""
    words = {fact.fd: files.target_of(fact) for fact in scripted_files.facts().files or ()}
    assert words[3] == "0.0.0.0:8000  listening"
    assert words[4] == "10.0.0.9:44120 <-> 10.0.0.5:5432  established"
    assert words[6] == "-> logger[912]"
    assert words[7] == "pipe:[2002]  looking for its other end"
    assert words[8].startswith("17 fds: 3 4 5")


def test_who_waits_on_a_descriptor_comes_first() -> None:
    """The thread in a call on it is named, and Enter leads there."""
    waiting = thread_row(pid=9, tid=10, name="reader", state="S", blocked=BlockedOn("recv", fd=4))
    process = process_row(9, thread_row(pid=9, tid=9), waiting)
    sheet = files.sheet(Subject(snapshot(process), process, scripted_files.facts()))
    first, *others = records(sheet, "files")
    assert first.values[0] == 4
    assert first.values[-1] == [10]
    assert first.link is not None
    assert first.link.tid == 10
    assert all(record.values[-1] == [] for record in others)


# -- memory ----------------------------------------------------------------------------------------------


def test_what_mappings_are() -> None:
    """Arenas by their place, stacks sure by a stack pointer, likely by their guard."""
    parts = memory.sorted_parts(scripted_memory.mappings(), {7: 0x7F0010400000}, {7: "worker"})
    assert [part.kind for part in parts] == [
        "code",
        "file data",
        "heap",
        "malloc arena",
        "reserved",
        "reserved",
        "thread stack",
        "reserved",
        "~thread stack",
        "shared memory",
        "code",
        "file, read only",
        "malloc arena",
        "main stack",
        "kernel's",
    ]
    assert (parts[6].name, parts[6].tid) == ("worker", 7)


def test_kinds_add_up() -> None:
    """All kinds together are all mappings."""
    rows = records(made("memory"), "kinds")
    assert sum(int(str(row.values[0])) for row in rows) == sum(one.size_bytes for one in scripted_memory.mappings())
    assert sum(int(str(row.values[5])) for row in rows) == len(scripted_memory.mappings())


def test_mappings_come_in_parts() -> None:
    """A process with many mappings gives so many at a time, and says how many there are."""
    many = tuple(
        one._replace(start=one.start + at * (1 << 46), end=one.end + at * (1 << 46))
        for at in range(100)
        for one in scripted_memory.mappings()
    )
    sheet = made("memory", scripted_memory.facts()._replace(mappings=many), part=2)
    table = sheet.sections[-1].table
    assert table is not None
    assert (table.total, table.first, len(table.records)) == (1500, 1000, 500)


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


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/system.slice/docker-0123456789ab" + "0" * 52 + ".scope", "docker 0123456789ab"),
        ("/docker/0123456789ab" + "0" * 52, "docker 0123456789ab"),
        ("/machine.slice/libpod-0123456789ab" + "0" * 52 + ".scope", "podman 0123456789ab"),
        ("/kubepods/burstable/pod1/0123456789ab" + "0" * 52, "kubernetes 0123456789ab"),
        ("/lxc/web/x", "lxc web"),
        ("/machine.slice/machine-deb.scope", "systemd-nspawn deb"),
        ("/system.slice/nginx.service", None),
        ("/", None),
    ],
)
def test_containers_by_their_groups(path: str, name: str | None) -> None:
    """The well-known ones, their ids cut to twelve."""
    assert overview.container({"": path}) == name


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
    looped = children.sheet(Subject(shot, shot.processes[30], ChildrenFacts((), is_cut=False)))
    assert [record.identity for record in records(looped, "processes")] == [31, 30]


def test_relatives_that_the_pass_did_not_read() -> None:
    """An attached run: what else is there comes from facts, its CPU is not known."""
    shot = snapshot(process_row(9, ppid=5))
    facts = ChildrenFacts((Relative(5, 1, "sh", "S", 1), Relative(12, 9, "child", "Z", 1)), is_cut=False)
    found = records(children.sheet(Subject(shot, shot.processes[9], facts)), "processes")
    assert [(record.identity, record.values[3]) for record in found if record.identity != 9] == [(5, None), (12, None)]
    assert found[-1].role == "m"


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
