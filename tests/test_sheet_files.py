"""What the Files pane says of descriptors, from values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scripted_files
from builders import process_row, snapshot, thread_row
from threadtop.blocked import BlockedOn
from threadtop.inside.asked import Denial
from threadtop.inside.files import Descriptor, FilesFacts
from threadtop.inside.holders import Holding
from threadtop.procfs.fdinfo import Info
from threadtop.sheets import BY_NAME, file_words, files
from threadtop.sheets.render import lines
from threadtop.sheets.sheet import NOT_YET, Entry, Link, Record, Subject, Table
from threadtop.waiting.sockets import Socket

if TYPE_CHECKING:
    from threadtop.snapshot import ThreadRow

READS, WRITES, BOTH = Info(0, 0), Info(0, 1), Info(0, 2)
MANY = Holding(((42, "a"), (43, "b")), 5)
UNIX = Socket("/run/a.sock", "", "connected", "unix stream")
LISTENS = Socket("/run/a.sock", "", "listening", "unix seqpacket")
BY = Holding(((42, "worker"),), is_done=True, is_settled=True)


def subject(facts: object, *rows: ThreadRow) -> Subject:
    """A process of these threads."""
    process = process_row(100, *(rows or (thread_row(100),)))
    return Subject(snapshot(process), process, facts)


def entries(facts: FilesFacts) -> dict[str, Entry]:
    """The summary by key."""
    return {entry.key: entry for entry in files.sheet(subject(facts)).sections[0].entries}


def info(**more: str) -> Info:
    """A fdinfo with lines of its own; dashes are underscores here."""
    return Info(0, 2, more={key.replace("__", "-"): value for key, value in more.items()})


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Descriptor(1, "file", "/var/log/x"), "/var/log/x"),
        (Descriptor(1, "file", "/x", Info(0, 2, locks=("flock write", "lease read"))), "/x (flock write, lease read)"),
        (Descriptor(1, "memfd", "/memfd:jit (deleted)", BOTH), "jit"),
        (Descriptor(1, "pipe", "pipe:[7]", READS, holding=BY), "<- worker[42]"),
        (Descriptor(1, "pipe", "pipe:[7]", WRITES, holding=BY), "-> worker[42]"),
        (Descriptor(1, "pipe", "pipe:[7]", WRITES, holding=MANY), "-> a[42], b[43] and 5 more"),
        (Descriptor(1, "pipe", "pipe:[7]", READS, holding=Holding(is_itself=True)), "<- itself"),
        (Descriptor(1, "pipe", "pipe:[7]", READS, holding=Holding(is_done=True, is_settled=True)), "<- nobody"),
        (Descriptor(1, "pipe", "pipe:[7]", READS, holding=Holding(is_done=True)), "<- nobody that may be seen"),
        (Descriptor(1, "pipe", "pipe:[7]", READS, holding=Holding()), "<- other end not found yet"),
        (Descriptor(1, "pipe", "pipe:[7]"), "pipe:[7]"),
        (
            Descriptor(1, "socket", "", socket=Socket("[::1]:80", "10.0.0.5:4432", "established"), is_accepted=True),
            "[::1]:80 <- 10.0.0.5:4432 established",
        ),
        (
            Descriptor(1, "socket", "", socket=Socket("10.0.0.9:44120", "10.0.0.5:5432", "close wait")),
            "10.0.0.9:44120 -> 10.0.0.5:5432 close wait",
        ),
        (Descriptor(1, "socket", "", socket=Socket("0.0.0.0:80", "", "listening")), "0.0.0.0:80 listening"),
        (Descriptor(1, "socket", "", socket=Socket("0.0.0.0:53", "", "", "udp")), "0.0.0.0:53 udp"),
        (Descriptor(1, "socket", "", socket=Socket("", "", "", "netlink route")), "netlink route"),
        (
            Descriptor(1, "socket", "", socket=Socket("interface 2", "", "all protocols", "packet raw")),
            "interface 2 packet raw, all protocols",
        ),
        (Descriptor(1, "socket", "", socket=LISTENS), "unix seqpacket, listening /run/a.sock"),
        (Descriptor(1, "socket", "", socket=UNIX), "unix stream, connected /run/a.sock"),
        (Descriptor(1, "socket", "", socket=UNIX, holding=BY), "unix stream, connected /run/a.sock -> worker[42]"),
        (
            Descriptor(1, "socket", "", socket=Socket("", "/run/b", "", "unix dgram"), holding=Holding(is_itself=True)),
            "unix dgram -> itself /run/b",
        ),
        (
            Descriptor(1, "socket", "", socket=Socket("", "", "connected", "unix stream"), holding=Holding()),
            "unix stream, connected -> other end not found yet",
        ),
        (Descriptor(1, "socket", "", protocol="TCPv6"), "tcpv6, not bound, or of another network namespace"),
        (Descriptor(1, "socket", "", protocol="PACKET"), "packet, not bound, or of another network namespace"),
        (Descriptor(1, "socket", "", protocol="AF_VSOCK"), "vsock"),
        (Descriptor(1, "socket", "socket:[9]"), "socket:[9], in no table of its network namespace"),
        (Descriptor(1, "epoll", "", Info(0, 2, watched=(5, 6, 7))), "3 fds: 5 6 7"),
        (Descriptor(1, "epoll", "", Info(0, 2, watched=(5,))), "1 fd: 5"),
        (Descriptor(1, "epoll", "", BOTH), "no fds"),
        (Descriptor(1, "epoll", "anon_inode:[eventpoll]"), "epoll"),
        (Descriptor(1, "eventfd", "", info(eventfd__count="1f")), "count 31"),
        (Descriptor(1, "eventfd", "", info(eventfd__count="0", eventfd__semaphore="1")), "count 0, semaphore"),
        (Descriptor(1, "eventfd", "", info(eventfd__count="rubbish")), "eventfd"),
        (Descriptor(1, "timerfd", "", info(clockid="1", it_value="(0, 0)", it_interval="(0, 0)")), "not set"),
        (
            Descriptor(1, "timerfd", "", info(clockid="0", it_value="(0, 250000000)", it_interval="(5, 0)", ticks="3")),
            "in 0.25 s, every 5 s, expired 3 times, not read, real time",
        ),
        (
            Descriptor(1, "timerfd", "", info(it_value="(0, 250000000)", it_interval="(0, 0)", ticks="1")),
            "in 0.25 s, expired once, not read",
        ),
        (
            Descriptor(1, "timerfd", "", info(clockid="1", it_value="(0, 0)", it_interval="(5, 0)", ticks="1")),
            "has fired, waits to be read, every 5 s",
        ),
        (
            Descriptor(1, "timerfd", "", info(clockid="1", it_value="(0, 0)", it_interval="(0, 0)", ticks="1")),
            "has fired, waits to be read",
        ),
        (Descriptor(1, "timerfd", "", info(it_value="(x")), "timerfd"),
        (Descriptor(1, "signalfd", "", info(sigmask="0000000000004200")), "USR1 TERM"),
        (Descriptor(1, "signalfd", "", info(sigmask=f"{1 << 36 | 1:016x}")), "HUP RTMIN+3"),
        (Descriptor(1, "signalfd", "", info(sigmask="0")), "no signals"),
        (Descriptor(1, "signalfd", "", info(sigmask="rubbish")), "signalfd"),
        (Descriptor(1, "inotify", "", Info(0, 0, watches=2)), "2 watches"),
        (Descriptor(1, "inotify", "", Info(0, 0, watches=900, is_cut=True)), "900 or more watches"),
        (Descriptor(1, "pidfd", "", info(Pid="42"), process="sh"), "sh[42]"),
        (Descriptor(1, "pidfd", "", info(Pid="-1")), "a process that has ended"),
        (Descriptor(1, "pidfd", "", info(Pid="0")), "a process of another pid namespace"),
        (Descriptor(1, "pidfd", "", info(Pid="\x1b[2J")), "[\x1b[2J]"),
        (
            Descriptor(
                1,
                "io_uring",
                "",
                info(SqMask="0x3f", CqMask="0x7f", SqHead="4294967295", SqTail="1", CqTail="9", SqThread="7"),
            ),
            "submissions 2 of 64, completions 9 of 128, polled by thread 7",
        ),
        (Descriptor(1, "io_uring", "", BOTH), "io_uring"),
        (Descriptor(1, "bpf", "anon_inode:bpf-map", info(map_type="1", map_id="12")), "bpf-map map type 1 map id 12"),
        (Descriptor(1, "anon", "anon_inode:kvm-vm"), "kvm-vm"),
        (Descriptor(1, "namespace", "net:[4026531833]"), "net:[4026531833]"),
    ],
)  # fmt: skip
def test_targets(one: Descriptor, words: str) -> None:
    """What a descriptor is open on, for each kind."""
    assert file_words.target(one) == words


def test_long_epolls_are_cut() -> None:
    """Two hundred by number, and how many there are."""
    words = file_words.target(Descriptor(1, "epoll", "", Info(0, 2, watched=tuple(range(5000)), is_cut=True)))
    assert words.startswith("5,000 or more fds: 0 1 2 ")
    assert words.endswith(" 199 ...")


@pytest.mark.parametrize(
    ("count", "soft", "shown", "note", "role"),
    [
        (73, "1024", "73", "7.1 % of the soft limit", " "),
        (820, "1024", "820", "80.1 % of the soft limit", "y"),
        (1000, "1024", "1,000", "97.7 % of the soft limit", "r"),
        (5, "0", "5", "100.0 % of the soft limit", "r"),
        (5, "unlimited", "5", "no limit", " "),
        (5, None, "5", "", " "),
        (None, "1024", "-", "", " "),
    ],
)
def test_how_many_are_open(count: int | None, soft: str | None, shown: str, note: str, role: str) -> None:
    """Of how many there may be; near the limit it stands out."""
    entry = entries(FilesFacts(count, soft, "4096"))["open"]
    assert (entry.shown, entry.value, entry.note, entry.role) == (shown, count, note, role)


def test_limits() -> None:
    """Both, and what the process may do about it."""
    assert entries(FilesFacts(1, "1024", "4096"))["limit"][1:4] == (
        "1,024",
        {"soft": 1024, "hard": 4096},
        "it may raise it to 4,096",
    )
    assert entries(FilesFacts(1, "64", "64"))["limit"].note == "the hard one is the same"
    assert entries(FilesFacts(1, None, None))["limit"][1:3] == ("-", {"soft": None, "hard": None})
    assert entries(FilesFacts(1, "unlimited", "unlimited"))["limit"].value == {
        "soft": "unlimited",
        "hard": "unlimited",
    }


def test_kinds_in_order() -> None:
    """The most frequent first; not all are counted yet, which is said."""
    facts = FilesFacts(520, "1024", "4096", kinds={"file": 2, "socket": 480, "directory": 1, "epoll": 2}, counted=485)
    assert entries(facts)["kinds"][1:4] == (
        "480 sockets, 2 epolls, 2 files, 1 directory",
        {"socket": 480, "epoll": 2, "file": 2, "directory": 1},
        "of the 485 looked at so far",
    )
    assert entries(facts._replace(open_count=485))["kinds"].note == ""


def test_deleted_files() -> None:
    """How many, which, and what they hold; where not all were looked at, at least so much."""
    one = Descriptor(3, "file", "/var/x (deleted)", BOTH, held_bytes=4096, is_deleted=True)
    facts = FilesFacts(9, "64", "64", deleted=(one, one._replace(fd=4, link="/y (deleted)")), deleted_count=2)
    found = entries(facts)
    assert found["deleted"][1:4] == ("2", 2, "fd 3 /var/x, fd 4 /y")
    assert found["deleted_bytes"][1:3] == ("8.0K", 8192)
    unknown = entries(facts._replace(deleted=(one, one._replace(held_bytes=None))))
    assert unknown["deleted_bytes"][1:3] == ("at least 4.0K", None)
    assert "deleted" not in entries(FilesFacts(9, "64", "64"))


def test_rows() -> None:
    """Cells and data of a row: who is blocked, where it stands, its flags without the one that every file has."""
    one = Descriptor(7, "file", "/x", Info(1234, 0o2), ("append", "largefile"), 5000)
    rows = [thread_row(tid, name=f"w{tid}", blocked=BlockedOn("read", fd=7)) for tid in range(100, 105)]
    table = files.sheet(subject(FilesFacts(1, "64", "64", page=(one,)), *rows)).sections[1].table
    assert table is not None
    assert dict(zip((column.key for column in table.columns), table.records[0].cells, strict=True)) == {
        "fd": "7",
        "kind": "file",
        "target": "/x",
        "blocked": "w100 100, w101 101, w102 102 and 2 more",
        "mode": "rw",
        "position": "1,234",
        "size_bytes": "4.9K",
        "flags": "append",
    }
    assert table.records[0].values == (
        7,
        "file",
        "/x",
        [100, 101, 102, 103, 104],
        "rw",
        1234,
        5000,
        ["append", "largefile"],
    )
    assert table.records[0].link == Link(100, 100, "thread")


def test_the_parts_of_a_target() -> None:
    """In JSON the ends of a socket, the holders of a pipe and what an epoll watches are fields; None is not known."""
    page = (
        Descriptor(3, "socket", "", socket=Socket("[::]:80", "10.0.0.5:2", "established"), is_accepted=True),
        Descriptor(4, "socket", "", socket=UNIX, holding=Holding(((42, "worker"),), 5, is_itself=True)),
        Descriptor(5, "socket", "", protocol="AF_VSOCK"),
        Descriptor(6, "pipe", "pipe:[1]", READS, holding=Holding(is_done=True, is_settled=True)),
        Descriptor(7, "pipe", "pipe:[2]", READS, holding=Holding(is_done=True)),
        Descriptor(8, "epoll", "", Info(0, 2, watched=(5, 7))),
    )
    table = files.sheet(subject(FilesFacts(2, "64", "64", page=page))).sections[1].table
    assert table is not None
    keys = ("fd", "protocol", "status", "local", "peer", "holders", "holders_total", "watched")
    assert [tuple(row[key] for key in keys) for row in table.data] == [  # type: ignore[union-attr,index]
        (3, "tcp", "established", "[::]:80", "10.0.0.5:2", None, None, None),
        (4, "unix stream", "connected", "/run/a.sock", None,
         [{"pid": 42, "process": "worker"}, {"pid": 100, "process": "server"}], 7, None),
        (5, "vsock", None, None, None, None, None, None),
        (6, None, None, None, None, [], 0, None),
        (7, None, None, None, None, None, None, None),
        (8, None, None, None, None, None, None, [5, 7]),
    ]  # fmt: skip


def test_a_path_is_told_alone() -> None:
    """In JSON a target is what it is open on; locks, and that its name is gone, are fields beside it."""
    page = (
        Descriptor(3, "file", "/x", Info(0, 2, locks=("flock write",))),
        Descriptor(4, "file", "/y (deleted)", BOTH),
        Descriptor(5, "file", "/z (deleted)", BOTH, is_deleted=True),
    )
    table = files.sheet(subject(FilesFacts(3, "64", "64", page=page))).sections[-1].table
    assert table is not None
    keys = ("target", "locks", "is_deleted")
    assert [tuple(row[key] for key in keys) for row in table.data] == [  # type: ignore[union-attr,index]
        ("/x", ["flock write"], False),
        ("/y (deleted)", [], False),
        ("/z (deleted)", [], True),
    ]
    assert table.records[0].cells[2] == "/x (flock write)"


def test_what_has_no_position() -> None:
    """A socket has none, and what could not be read is not known: no zeros."""
    page = (Descriptor(3, "socket", "socket:[1]", BOTH), Descriptor(4, "file", "/x"))
    table = files.sheet(subject(FilesFacts(2, "64", "64", page=page))).sections[1].table
    assert table is not None
    assert [record.values[4:7] for record in table.records] == [("rw", None, None), (None, None, None)]
    assert [record.cells[4:7] for record in table.records] == [("rw", "-", "-"), ("-", "-", "-")]


def test_links() -> None:
    """Enter leads to the process at the other end, that of a pidfd, else to the thread that is blocked."""
    page = (
        Descriptor(3, "pipe", "pipe:[1]", READS, holding=BY),
        Descriptor(4, "pidfd", "", info(Pid="55"), process="sh"),
        Descriptor(5, "pidfd", "", info(Pid="-1")),
        Descriptor(6, "pipe", "pipe:[2]", READS, holding=Holding(is_itself=True)),
    )
    table = files.sheet(subject(FilesFacts(4, "64", "64", page=page))).sections[1].table
    assert table is not None
    assert [record.link for record in table.records] == [Link(42, 0, "files"), Link(55), None, None]


def test_who_is_blocked_comes_first() -> None:
    """A section before the table of all, with the calls."""
    rows = (thread_row(100, blocked=BlockedOn("recvfrom", fd=5)), thread_row(101, blocked=BlockedOn("read", fd=5)))
    one = Descriptor(5, "socket", "", socket=Socket("10.0.0.9:1", "10.0.0.5:2", "established"))
    made = files.sheet(subject(FilesFacts(9, "64", "64", blocked=(one,)), *rows))
    assert [section.key for section in made.sections] == ["summary", "waited_for", "files"]
    table = made.sections[1].table
    assert table is not None
    assert table.records[0].values == (
        5,
        "socket",
        ["read", "recvfrom"],
        [100, 101],
        "10.0.0.9:1 -> 10.0.0.5:2 established",
    )


def test_pages() -> None:
    """Which part is shown of how many."""
    table = files.sheet(subject(scripted_files.facts())).sections[2].table
    assert table is not None
    assert (table.total, table.first, len(table.records)) == (520, 500, 20)


def test_the_search_for_other_ends_says_how_far_it_is() -> None:
    """While an end is missing and processes are left."""
    assert files.sheet(subject(scripted_files.facts())).sections[-1].notes == (
        "other ends have been looked for in 40 of 120 processes so far",
    )
    settled = scripted_files.facts()._replace(searched=(120, 120))
    assert files.sheet(subject(settled)).sections[-1].notes == ()


def test_denied() -> None:
    """The count that anyone may know, and the rule that hides the rest: no empty table."""
    denial = Denial("fd", "it is another user's process", "run as root")
    made = files.sheet(subject(FilesFacts(12, "1024", "4096", denials=(denial,))))
    assert [section.key for section in made.sections] == ["summary"]
    assert made.sections[0].entries[0].value == 12
    assert made.denials == (denial,)


def test_before_the_facts() -> None:
    """Nothing is made up."""
    assert files.sheet(subject(None)) is NOT_YET


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_lines_fit_and_hold_no_escape(width: int) -> None:
    """At each width, whatever names are made of."""
    made = files.sheet(
        subject(scripted_files.facts(), thread_row(100, name="\x1b[2J", blocked=BlockedOn("read", fd=11)))
    )
    for line in lines(made, BY_NAME["files"].terms, width):
        assert len(line) <= width
        assert "\x1b" not in line
        assert line.isprintable()


@pytest.mark.parametrize(
    ("first", "count", "total", "is_part", "has_next"),
    [
        (0, 500, 1805, True, True),
        (1500, 305, 1805, True, False),
        (0, 40, 40, False, False),
        (0, 40, None, False, False),
    ],
)
def test_the_last_part_is_the_last(first: int, count: int, total: int | None, *, is_part: bool, has_next: bool) -> None:
    """Though it is shorter than the others."""
    table = Table((), [Record(fd, (), ()) for fd in range(count)], total, first)
    assert (table.is_part, table.has_next) == (is_part, has_next)


def test_a_process_that_has_ended() -> None:
    """Nothing is open any more, and why."""
    process = process_row(100, thread_row(100, state="Z"), state="Z")
    made = files.sheet(Subject(snapshot(process), process, FilesFacts(0, "64", "64")))
    assert made.notes == ("it has ended, and its parent 1 has not reaped it yet: nothing of it is open any more",)


def test_numbers_that_are_taken() -> None:
    """They count for the limit, and are not open."""
    entry = entries(FilesFacts(500, "1000", "1000", taken_count=990))["open"]
    assert (entry.value, entry.role) == (500, "r")
    assert entry.note == "99.0 % of the soft limit, with 490 more taken by calls under way, such as accept"
