"""The reader of descriptors, in a fake /proc."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from builders import thread_sample
from fakeblocked import FakeBlocked, only_writes
from fakeproc import FakeProc, FakeReader
from threadtop.blocked import BlockedOn
from threadtop.errors import DeniedError, GoneError
from threadtop.inside import census, files, holders
from threadtop.inside.asked import Asked
from threadtop.inside.files import FilesFacts, FilesReader
from threadtop.sample import living
from threadtop.sheets import file_words
from threadtop.waiting.sockets import Socket

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = b"   1: 0100007F:%b 0500000A:%b %b 00000000:00000000 00:00000000 00000000  1000        0 %d 2 0 20 4 30 10 -1\n"
LIMITS = b"%-26s%-21s%-21s%-10s\n" % (b"Limit", b"Soft Limit", b"Hard Limit", b"Units") + b"%-26s%-21s%-21s%-10s\n" % (
    b"Max open files",
    b"1024",
    b"4096",
    b"files",
)


class Fake:
    """A fake /proc with the reader of its process 100."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is open; mount 1 is of a file system on a disk, mount 2 of one over the network."""
        self.proc = FakeProc(root, monkeypatch)
        self.blocked = FakeBlocked(self.proc)
        self.process(100)
        self.files: FakeReader = self.proc.reader()
        self.reader = FilesReader(self.files)
        self.taken: int | None = None
        self.on: Mapping[tuple[int, int], BlockedOn] = {}
        self.files.descriptors_taken = lambda _: self.taken  # type: ignore[method-assign]
        # Only the kernel's folder can be entered at a number.
        self.files.descriptors_from = self._from  # type: ignore[method-assign]
        self.at_s = 0.0

    def _from(self, pid: int | str, start: int, most: int) -> list[int]:
        return sorted(fd for fd in self.files.descriptors_of(pid, 1 << 20) if fd >= start)[:most]

    def process(self, pid: int, **said: object) -> None:
        """Another process."""
        self.blocked.process(pid, **said)  # type: ignore[arg-type]
        self.blocked.file(pid, "limits").write_bytes(LIMITS)
        self.blocked.file(pid, "mountinfo").write_bytes(
            b"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 0 0:9 / /mnt rw - nfs4 x:/ rw\n"
        )

    def open(self, fd: int, link: str, flags: int = 0o2, *, pid: int = 100, mount: int = 1, more: bytes = b"") -> None:
        """A descriptor."""
        info = b"pos:\t%d\nflags:\t0%o\nmnt_id:\t%d\n" % (fd * 10, flags, mount) + more
        self.blocked.descriptor(pid, fd, link, info)

    def close(self, fd: int) -> None:
        """It is closed."""
        self.blocked.file(100, f"fd/{fd}").unlink()
        self.blocked.file(100, f"fdinfo/{fd}").unlink()

    def read(self, part: int = 0) -> FilesFacts:
        """The facts, three seconds later: tables of sockets are read anew."""
        self.at_s += 3
        sample = self.blocked.sample(self.at_s)._replace(blocked=self.on)
        return self.reader.read(Asked("files", 100, part=part), sample)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A fake machine."""
    return Fake(tmp_path, monkeypatch)


def test_paths_are_what_their_inodes_are(fake: Fake, tmp_path: Path) -> None:
    """File, folder, fifo, device: the link alone does not tell."""
    (tmp_path / "data").write_bytes(b"x" * 700)
    os.mkfifo(tmp_path / "fifo")
    for fd, link in enumerate((tmp_path / "data", tmp_path, tmp_path / "fifo", "/dev/null", "/dev/ptmx")):
        fake.open(fd, str(link))
    facts = fake.read()
    assert [one.kind for one in facts.page] == ["file", "directory", "fifo", "device", "tty"]
    assert facts.page[0].size_bytes == 700
    assert facts.page[0].info is not None
    assert facts.kinds == {"file": 1, "directory": 1, "fifo": 1, "device": 1, "tty": 1}
    assert (facts.open_count, facts.counted, facts.soft_limit, facts.hard_limit) == (5, 5, "1024", "4096")
    assert facts.denials == ()


def test_a_file_server_is_not_asked(fake: Fake, tmp_path: Path) -> None:
    """A look at an inode of a network file system might hang for ever; the flags tell a folder all the same."""
    fake.open(3, str(tmp_path), mount=2)
    fake.open(4, str(tmp_path), 0o200000 if os.uname().machine != "aarch64" else 0o40000, mount=2)
    fake.open(5, str(tmp_path), mount=77)
    facts = fake.read()
    assert [one.kind for one in facts.page] == ["file", "directory", "file"]
    assert fake.files.reads["fd stat"] == 0


def test_memory_has_a_size(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a memfd is asked for: it is no path, but a file."""
    monkeypatch.setattr(fake.files, "descriptor_stat", lambda _pid, fd: SimpleNamespace(st_size=fd * 1000))
    fake.open(5, "/memfd:x (deleted)")
    fake.open(6, "anon_inode:[eventfd]")
    assert [one.size_bytes for one in fake.read().page] == [5000, None]


def test_deleted_files(fake: Fake, tmp_path: Path) -> None:
    """One that may not be looked at counts by the kernel's mark; a file whose name ends so has not been deleted."""
    (tmp_path / "kept (deleted)").write_bytes(b"")
    fake.open(3, str(tmp_path / "kept (deleted)"))
    fake.open(4, "/mnt/log (deleted)", mount=2)
    fake.open(5, "/memfd:x (deleted)")
    facts = fake.read()
    assert [one.fd for one in facts.deleted] == [4]
    assert facts.deleted_count == 1
    assert facts.deleted[0].held_bytes is None


def test_sockets(fake: Fake) -> None:
    """Both ends, and who called: on 8000 somebody listens."""
    table = HEAD + LINE % (b"1F40", b"0000", b"0A", 30) + LINE % (b"1F40", b"C350", b"01", 31)
    fake.blocked.file(100, "net/tcp").write_bytes(table + LINE % (b"9C40", b"1538", b"01", 32))
    for fd, inode in ((3, 30), (4, 31), (5, 32), (6, 99)):
        fake.open(fd, f"socket:[{inode}]")
    fake.files.descriptor_protocol = lambda _pid, fd: f"TCP{fd}"  # type: ignore[method-assign]
    page = fake.read().page
    assert [one.socket for one in page] == [
        Socket("127.0.0.1:8000", "10.0.0.5:*", "listening"),
        Socket("127.0.0.1:8000", "10.0.0.5:50000", "established"),
        Socket("127.0.0.1:40000", "10.0.0.5:5432", "established"),
        None,
    ]
    assert [one.is_accepted for one in page[1:]] == [True, False, False]
    assert page[3].protocol == "TCP6"


def test_the_other_end_of_a_pipe(fake: Fake) -> None:
    """A process that has it open the other way round; itself; nobody once all were looked at."""
    fake.process(200, name="worker")
    fake.open(3, "pipe:[7]", 0)
    fake.open(4, "pipe:[8]", 1)
    fake.open(5, "pipe:[8]", 0)
    fake.open(6, "pipe:[9]", 0)
    fake.open(1, "pipe:[7]", 1, pid=200)
    fake.open(2, "pipe:[9]", 0, pid=200)
    only_writes(fake.files, (200, 1), (100, 4))
    held = {one.fd: one.holding for one in fake.read().page}
    assert held[3] == holders.Holding(((200, "worker"),), is_done=True, is_settled=True)
    assert held[4] == held[5] == holders.Holding(is_itself=True, is_done=True, is_settled=True)
    assert held[6] == holders.Holding(is_done=True, is_settled=True)


def test_nobody_is_not_said_where_somebody_was_hidden(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer may be a process whose descriptors may not be read."""
    fake.process(200)
    fake.open(3, "pipe:[7]", 0)
    known = fake.files.descriptors_of

    def denied(pid: int | str, most: int) -> list[int]:
        if pid == 200:
            raise DeniedError(str(pid))
        return known(pid, most)

    monkeypatch.setattr(fake.files, "descriptors_of", denied)
    assert fake.read().page[0].holding == holders.Holding(is_done=True)


@pytest.mark.parametrize(
    ("namespace", "sees_first", "is_settled"),
    [(holders.FIRST_NAMESPACE, True, True), (holders.FIRST_NAMESPACE, False, False), ("pid:[4026532200]", True, False)],
)
def test_nobody_is_not_said_where_there_may_be_more(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, namespace: str, *, sees_first: bool, is_settled: bool
) -> None:
    """The writer may be outside of our pid namespace, or not listed at all: then process 1 is not, either."""
    link = fake.files.link
    monkeypatch.setattr(
        fake.files, "link", lambda pid, name: namespace if (pid, name) == ("self", "ns/pid") else link(pid, name)
    )
    fake.process(1 if sees_first else 200)
    fake.open(3, "pipe:[7]", 0)
    assert fake.read().page[0].holding == holders.Holding(is_done=True, is_settled=is_settled)


def test_many_processes_take_a_few_readings(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many links and no more; the end is found once its holder's turn has come."""
    monkeypatch.setattr(holders, "FIRST_LINKS", 1)
    monkeypatch.setattr(holders, "MOST_LINKS", 1)
    for pid in (200, 300, 400):
        fake.process(pid)
    fake.open(3, "pipe:[7]", 0)
    fake.open(1, "pipe:[7]", 1, pid=400)
    only_writes(fake.files, (400, 1))
    found = [fake.read() for _ in range(3)]
    assert [facts.searched for facts in found] == [(1, 3), (2, 3), (3, 3)]
    assert [bool(facts.page[0].holding and facts.page[0].holding.others) for facts in found].count(True) >= 1
    assert found[-1].page[0].holding == holders.Holding(((400, "fake"),), is_done=True, is_settled=True)


def test_pages(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page in full, the others counted; one beyond the last is the last."""
    monkeypatch.setattr(files, "PAGE", 2)
    for fd in range(10, 15):
        fake.open(fd, "socket:[1]")
    assert [one.fd for one in fake.read().page] == [10, 11]
    last = fake.read(2)
    assert (last.first, [one.fd for one in last.page], last.open_count) == (4, [14], 5)
    assert fake.read(9).first == 4
    assert last.kinds == {"socket": 5}


def test_many_descriptors_are_counted_in_turn(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window of links in each reading; what was closed and opened meanwhile is seen when its turn comes."""
    monkeypatch.setattr(census, "MOST_LINKS", 3)
    monkeypatch.setattr(files, "PAGE", 2)
    for fd in range(7):
        fake.open(fd, "socket:[1]" if fd % 2 else "pipe:[2]")
    fake.taken = 7
    assert [fake.read().counted for _ in range(3)] == [3, 6, 7]
    assert fake.read().kinds == {"socket": 3, "pipe": 4}
    for fd in (0, 1, 6):
        fake.close(fd)
    fake.open(6, "anon_inode:[eventfd]")
    fake.taken = 5
    facts = [fake.read() for _ in range(3)][-1]
    assert facts.kinds == {"socket": 2, "pipe": 2, "eventfd": 1}
    assert facts.open_count == 5


def test_fifty_thousand(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of them in each reading, also the last one at once, and no more links than are bounded; all in the end."""
    many = 50_000
    fake.taken = many
    info = b"pos:\t0\nflags:\t02\nmnt_id:\t1\n"
    asked: list[int] = []

    def link(_pid: int | str, fd: int) -> str:
        asked.append(fd)
        return f"pipe:[{fd // 2}]" if fd % 2 else "anon_inode:[eventfd]"

    monkeypatch.setattr(fake.files, "descriptors_from", lambda _, start, most: [*range(start, many)[:most]])
    monkeypatch.setattr(fake.files, "descriptor_link", link)
    monkeypatch.setattr(fake.files, "descriptor_info", lambda *_: info)
    facts = fake.read(99)
    assert (facts.open_count, facts.first, [one.fd for one in facts.page]) == (many, 49_500, [*range(49_500, many)])
    assert facts.is_pending
    assert len(asked) <= census.MOST_LINKS + files.PAGE
    readings = 1
    while facts.is_pending:
        facts = fake.read(3000)
        readings += 1
        assert readings < many
    assert (facts.first, facts.counted, facts.kinds) == (49_500, many, {"eventfd": many // 2, "pipe": many // 2})


def test_what_there_is_no_time_for_comes_in_the_next_reading(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is there at once; a table and so many peers in each reading, and meanwhile nothing wrong is said."""
    monkeypatch.setattr(files, "BUDGET_S", 0.0)
    monkeypatch.setattr(files, "LEAST_PEERS", 1)
    udp = b"1: 0100007F:1F40 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 50 2 0 0\n"
    unix = b"ffff8: 00000003 00000000 00000000 0001 03    %d\n"
    fake.blocked.file(100, "net/udp").write_bytes(HEAD + udp)
    fake.blocked.file(100, "net/unix").write_bytes(unix % 40 + unix % 41)
    for fd, inode in ((3, 40), (4, 41), (5, 50), (6, 99)):
        fake.open(fd, f"socket:[{inode}]")
    fake.files.descriptor_protocol = lambda _pid, _fd: "UDP"  # type: ignore[method-assign]
    monkeypatch.setattr(fake.reader._ends, "unix_peer", lambda _, inode: (inode ^ 1, ""))
    words: list[list[str]] = []
    is_pending = True
    while is_pending:
        sample = fake.blocked.sample(3 + len(words) / 10)._replace(blocked={})  # before any table is due again
        facts = fake.reader.read(Asked("files", 100), sample)
        assert [one.fd for one in facts.page] == [3, 4, 5, 6]
        words.append([file_words.target(one) for one in facts.page])
        is_pending = facts.is_pending
    assert words[0] == ["udp, not looked up yet"] * 4
    seen = [list(dict.fromkeys(row)) for row in zip(*words, strict=True)]
    assert seen == [
        ["udp, not looked up yet", "unix stream, connected -> itself"],
        [
            "udp, not looked up yet",
            "unix stream, connected -> other end not found yet",
            "unix stream, connected -> itself",
        ],
        ["udp, not looked up yet", "127.0.0.1:8000 udp"],
        ["udp, not looked up yet", "udp, not bound, or of another network namespace"],
    ]


def test_a_far_page_at_once(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reading finds the third page, though the count has not come so far."""
    monkeypatch.setattr(census, "MOST_LINKS", 3)
    monkeypatch.setattr(files, "PAGE", 3)
    for fd in range(20, 29):
        fake.open(fd, "pipe:[1]")
    fake.taken = 9
    facts = fake.read(2)
    assert (facts.first, [one.fd for one in facts.page]) == (6, [26, 27, 28])


def test_what_threads_are_blocked_on_is_read_on_any_page(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it is on another one."""
    monkeypatch.setattr(files, "PAGE", 2)
    for fd in range(6):
        fake.open(fd, "anon_inode:[eventfd]")
    fake.on = {(100, 100): BlockedOn("read", fd=5), (100, 101): BlockedOn("read", fd=0), (200, 200): BlockedOn(fd=3)}
    facts = fake.read()
    assert [one.fd for one in facts.blocked] == [0, 5]
    assert [one.fd for one in facts.page] == [0, 1]


def test_another_users_process(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is anyone's; the rest names the rule."""
    fake.open(3, "pipe:[1]")
    fake.taken = 12

    def denied(*_: object) -> list[int]:
        raise DeniedError

    monkeypatch.setattr(fake.files, "descriptors_from", denied)
    facts = fake.read()
    assert (facts.open_count, facts.page, facts.counted) == (12, (), 0)
    assert [denial.what for denial in facts.denials] == ["fd"]
    assert facts.denials[0].rule
    assert facts.denials[0].remedy


def test_an_ended_process(fake: Fake) -> None:
    """It is gone, not empty."""
    fake.open(3, "pipe:[1]")
    fake.read()
    fake.proc.before = _gone
    with pytest.raises(GoneError):
        fake.reader.read(Asked("files", 100), fake.blocked.sample(99)._replace(blocked={}))


def _gone(path: str) -> None:
    raise GoneError(path)


def test_a_descriptor_closed_meanwhile(fake: Fake) -> None:
    """It was listed, but its link is gone: the others stay."""
    fake.open(3, "pipe:[1]")
    fake.open(4, "pipe:[1]")
    known = fake.files.descriptor_link

    def link(pid: int | str, fd: int) -> str:
        if fd == 3:
            raise GoneError
        return known(pid, fd)

    fake.files.descriptor_link = link  # type: ignore[method-assign]
    facts = fake.read()
    assert [one.fd for one in facts.page] == [4]
    assert facts.kinds == {"pipe": 1}


@pytest.mark.parametrize("raw", [b"", b"\xff" * 500, b"pos:\t1", b"pos:\tx\nflags:\ty\n", b"tfd: \n"])
def test_garbage(fake: Fake, raw: bytes) -> None:
    """A fdinfo that cannot be understood leaves the link."""
    fake.blocked.descriptor(100, 3, "anon_inode:[eventpoll]", raw)
    fake.blocked.descriptor(100, 4, "/x\x1b[31m\udcff", raw)
    page = fake.read().page
    assert [(one.kind, one.info) for one in page] == [("epoll", None), ("file", None)]
    assert page[1].link == "/x\x1b[31m\udcff"


def test_a_long_epoll_is_kept(fake: Fake) -> None:
    """Its thousands of lines are not read each time."""
    more = b"".join(
        b"tfd: %8d events:       19 data:                3  pos:0 ino:53a84 sdev:9\n" % fd for fd in range(900)
    )
    fake.open(3, "anon_inode:[eventpoll]", more=more)
    found = [fake.read() for _ in range(4)]
    assert all(facts.page[0].info is not None and len(facts.page[0].info.watched) == 900 for facts in found)
    assert fake.files.reads["fdinfo"] == 1


def test_a_main_thread_that_has_ended(fake: Fake) -> None:
    """The descriptors are those of a thread that lives."""
    fake.blocked.process(500, threads=2)
    process = fake.blocked.processes[500]
    threads = {**process.threads, 500: thread_sample(500, state="Z")}
    assert living(process) == 500
    assert living(process._replace(threads=threads)) == 501


def test_another_process_begins_anew(fake: Fake) -> None:
    """Nothing of the one before is said of the next."""
    fake.process(300)
    fake.open(3, "pipe:[1]")
    fake.open(4, "socket:[1]", pid=300)
    fake.read()
    other = fake.reader.read(Asked("files", 300), fake.blocked.sample(50))
    assert other.kinds == {"socket": 1}
    fake.reader.close()


def test_what_was_opened_before_it_had_mounts_of_its_own(fake: Fake) -> None:
    """A mount that only we see tells the file system, too."""
    os.mkdir(f"{fake.proc.root}/self")
    with open(f"{fake.proc.root}/self/mountinfo", "wb") as file:
        file.write(b"9 0 0:6 / /dev rw - devtmpfs devtmpfs rw\n")
    fake.open(3, "/dev/null", mount=9)
    assert fake.read().page[0].kind == "device"


def test_reserved_numbers_are_taken_but_not_open(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder's size counts those that accept(2) has reserved: once all were listed, what is open counts."""
    monkeypatch.setattr(census, "MOST_LINKS", 3)
    monkeypatch.setattr(files, "PAGE", 2)
    for fd in range(5):
        fake.open(fd, "socket:[1]")
    fake.taken = 9
    assert [fake.read().open_count for _ in range(3)] == [9, 5, 5]
    assert fake.read().taken_count == 9
    beyond = fake.read(4)
    assert (beyond.first, [one.fd for one in beyond.page]) == (4, [4])


def test_a_page_beyond_the_last_at_once(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the folder's size promised more: it is the last one."""
    monkeypatch.setattr(census, "MOST_LINKS", 3)
    monkeypatch.setattr(files, "PAGE", 2)
    for fd in range(5):
        fake.open(fd, "socket:[1]")
    fake.taken = 90
    facts = fake.read(30)
    assert (facts.first, [one.fd for one in facts.page]) == (4, [4])


def test_nobody_is_not_said_before_all_of_its_own_were_seen(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other end may be its own, further on."""
    monkeypatch.setattr(census, "MOST_LINKS", 3)
    for fd in range(3):
        fake.open(fd, "pipe:[7]", 0)
    fake.open(4, "pipe:[7]", 1)
    only_writes(fake.files, (100, 4))
    fake.taken = 4
    assert fake.read().page[0].holding == holders.Holding()
    assert fake.read().page[0].holding == holders.Holding(is_itself=True, is_done=True, is_settled=True)


def test_the_other_end_of_a_unix_socket(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder and path; the kernel is asked once in some readings."""
    fake.process(200, name="nginx")
    fake.blocked.file(100, "net/unix").write_bytes(b"ffff8: 00000003 00000000 00000000 0001 03    40\n")
    fake.open(3, "socket:[40]")
    fake.open(7, "socket:[41]", pid=200)
    asked: list[int] = []

    def peer(_pid: int, inode: int) -> tuple[int | None, str]:
        asked.append(inode)
        return 41, "/run/nginx.sock"

    monkeypatch.setattr(fake.reader._ends, "unix_peer", peer)
    for _ in range(3):
        one = fake.read().page[0]
        assert one.socket == Socket("", "/run/nginx.sock", "connected", "unix stream")
        assert one.holding == holders.Holding(((200, "nginx"),), is_done=True, is_settled=True)
    assert asked == [40]
