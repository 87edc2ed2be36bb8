"""Made-up facts of the Files pane: one of each kind, a deleted file, hostile names; the second part of many."""

from __future__ import annotations

from threadtop.inside.files import Descriptor, FilesFacts
from threadtop.inside.holders import Holding
from threadtop.procfs.fdinfo import Info
from threadtop.waiting.sockets import Socket

PLAIN = Info(0, 0o2)
READS, WRITES = Info(0, 0), Info(0, 1)
BY_NGINX = Holding(((911, "nginx"),), is_done=True, is_settled=True)


def _file(fd: int, link: str, info: Info, size_bytes: int, *flags: str, held_bytes: int | None = None) -> Descriptor:
    is_deleted = held_bytes is not None
    return Descriptor(fd, "file", link, info, flags, size_bytes, held_bytes or size_bytes, is_deleted=is_deleted)


PAGE = (
    Descriptor(0, "device", "/dev/null", READS),
    _file(1, "/var/log/shop/access.log", Info(123_456_789, 0o2001), 123_456_789, "append"),
    _file(2, "/var/log/shop/error.log.1 (deleted)", Info(98_765, 0o2001), 98_765, "append", held_bytes=102_400),
    Descriptor(3, "socket", "socket:[1001]", PLAIN, ("nonblock",), socket=Socket("0.0.0.0:8000", "", "listening")),
    Descriptor(
        4, "socket", "socket:[1002]", PLAIN, socket=Socket("10.0.0.9:8000", "10.0.0.7:51234", "established"),
        is_accepted=True,
    ),
    Descriptor(5, "socket", "socket:[1003]", PLAIN, socket=Socket("10.0.0.9:44120", "10.0.0.5:5432", "established")),
    Descriptor(
        6, "socket", "socket:[1004]", PLAIN, socket=Socket("/run/shop.sock", "", "connected", "unix stream"),
        holding=BY_NGINX,
    ),
    Descriptor(7, "socket", "socket:[1005]", PLAIN, protocol="UDP"),
    Descriptor(8, "pipe", "pipe:[2001]", WRITES, ("cloexec",), holding=Holding(((912, "logger"),), 2, is_itself=True)),
    Descriptor(9, "pipe", "pipe:[2002]", READS, ("cloexec",), holding=Holding()),
    Descriptor(10, "pipe", "pipe:[2003]", READS, holding=Holding(is_done=True, is_settled=True)),
    Descriptor(11, "epoll", "anon_inode:[eventpoll]", Info(0, 2, watched=tuple(range(3, 20))), ("cloexec",)),
    Descriptor(12, "eventfd", "anon_inode:[eventfd]", Info(0, 2, more={"eventfd-count": "1f"}), ("nonblock",)),
    Descriptor(13, "inotify", "anon_inode:inotify", Info(0, 0, watches=2)),
    Descriptor(14, "pidfd", "anon_inode:[pidfd]", Info(0, 2, more={"Pid": "4213"}), process="sh\x1b[31m"),
    Descriptor(
        15, "timerfd", "anon_inode:[timerfd]",
        Info(0, 2, more={"clockid": "1", "ticks": "3", "it_value": "(0, 250000000)", "it_interval": "(5, 0)"}),
    ),
    Descriptor(16, "memfd", "/memfd:pulse \x1b[31m (deleted)", Info(4096, 0o2)),
    _file(17, "/srv/caf\udce9/b\u00e4r.db", Info(8192, 2, locks=("flock write",)), 1 << 20, "direct", "sync"),
    Descriptor(18, "tty", "/dev/pts/3", PLAIN),
    Descriptor(19, "directory", "/srv/shop", READS, ("directory",)),
)  # fmt: skip


def facts() -> FilesFacts:
    """20 descriptors of 520, the second page of them; the main thread waits on the epoll."""
    return FilesFacts(
        open_count=520,
        soft_limit="1024",
        hard_limit="65536",
        first=500,
        page=PAGE,
        blocked=(PAGE[11],),
        kinds={"socket": 480, "file": 21, "pipe": 9, "directory": 1, "epoll": 1},
        counted=512,
        deleted=(PAGE[2],),
        deleted_count=1,
        searched=(40, 120),
    )
