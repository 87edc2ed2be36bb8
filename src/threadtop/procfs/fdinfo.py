"""What ``/proc/PID/fd`` and ``/proc/PID/fdinfo`` say of a descriptor: kind, mode, flags, position; pure (proc(5))."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from threadtop.procfs.parse import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal[
    "file",
    "directory",
    "device",
    "tty",
    "socket",
    "pipe",
    "fifo",
    "eventfd",
    "epoll",
    "timerfd",
    "signalfd",
    "inotify",
    "fanotify",
    "memfd",
    "shared memory",
    "mqueue",
    "io_uring",
    "aio",
    "pidfd",
    "userfaultfd",
    "perf event",
    "bpf",
    "namespace",
    "dma-buf",
    "anon",
]
"""What a descriptor is open on."""
DELETED: Final = " (deleted)"
"""What the kernel puts behind the path of a file that has none any more; a name may end so, too."""


class Info(NamedTuple):
    """One file of ``fdinfo``: ``position`` in bytes, ``flags`` as the kernel numbers them.

    ``mount_id`` is as in mountinfo, ``locks`` those held through the descriptor (``flock write``), ``watched`` the
    descriptors of an epoll, ``watches`` the count of an inotify's or fanotify's, ``more`` the lines that only one kind
    has.  ``is_cut``: not all of it was read.
    """

    position: int
    flags: int
    mount_id: int | None = None
    locks: tuple[str, ...] = ()
    watched: tuple[int, ...] = ()
    watches: int = 0
    more: Mapping[str, str] = {}
    is_cut: bool = False


def parse(raw: bytes, *, is_cut: bool = False) -> Info:
    """A file of ``fdinfo``, its last line left out where it ``is_cut``; ValueError without position and flags."""
    position = flags = mount_id = None
    locks: list[str] = []
    watched: list[int] = []
    watches = 0
    more: dict[str, str] = {}
    lines = raw.split(b"\n")
    for line in lines[:-1] if is_cut else lines:
        key, _, rest = line.partition(b":")
        if key == b"tfd":
            watched.append(int(rest.split(None, 1)[0]))
        elif key.startswith((b"inotify wd", b"fanotify ino", b"fanotify mnt_id", b"fanotify sdev")):
            watches += 1
        elif key == b"pos":
            position = int(rest)
        elif key == b"flags":
            flags = int(rest, 8)
        elif key == b"mnt_id":
            mount_id = int(rest)
        elif key == b"lock":
            locks.append(_lock(rest))
        elif key and len(more) < _MOST_MORE:
            more[decode(key)] = decode(rest.strip())
    if position is None or flags is None:
        raise ValueError(raw[:40])
    return Info(position, flags, mount_id, tuple(filter(None, locks)), tuple(sorted(watched)), watches, more, is_cut)


def mode(flags: int) -> str:
    """What it is open for: ``r``, ``w``, ``rw``; "" for neither (O_PATH, or ioctl only)."""
    return "" if flags & _PATH else ("r", "w", "rw", "")[flags & _ACCESS]


@lru_cache(maxsize=512)
def flag_names(flags: int, machine: str) -> tuple[str, ...]:
    """The flags by the names of open(2) in small letters; ``machine`` is the kernel's, whose numbers they are."""
    high = _ARM if machine in {"arm", "aarch64"} else _GENERIC
    names = [name for bit, name in (*_COMMON, *high) if flags & bit]
    if "sync" in names and "dsync" in names:
        names.remove("dsync")  # O_SYNC is both bits
    if "tmpfile" in names and "directory" in names:
        names.remove("directory")  # O_TMPFILE, too: it names the folder that the file has no name in
    return tuple(names)


def kind_of(link: str) -> Kind | None:
    """What a descriptor is by its link; None for a path, of which only the inode tells more."""
    if link.startswith("/"):
        return _kind_of_path(link)
    name, _, rest = link.partition(":")
    if name == "anon_inode":
        rest = rest.strip("[]")
        return _ANON.get(rest) or ("bpf" if rest.startswith("bpf") else "anon")
    if name in _NAMESPACES:
        return "namespace"
    return _NAMED.get(name, "anon")


def is_deleted(link: str) -> bool:
    """Whether a link is that of a file without a name any more; what never has one is none."""
    return link.endswith(DELETED) and link.startswith("/") and kind_of(link) is None


def _kind_of_path(link: str) -> Kind | None:
    if link.startswith("/memfd:"):
        return "memfd"
    if link.endswith(DELETED) and link.startswith(("/SYSV", "/dev/zero")):
        return "shared memory"
    if link.startswith("/[aio]"):
        return "aio"
    return "dma-buf" if link.startswith("/dmabuf:") else None


def _lock(rest: bytes) -> str:
    """`` 1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF`` is ``flock write``."""
    words = decode(rest).split()
    kind = {"FLOCK": "flock", "POSIX": "fcntl lock", "OFDLCK": "ofd lock", "LEASE": "lease", "DELEG": "delegation"}
    if len(words) < _LOCK_WORDS or words[1] not in kind:
        return ""
    return f"{kind[words[1]]} {words[3].lower()}"


_LOCK_WORDS: Final = 4
_MOST_MORE: Final = 64
_ACCESS: Final = 3
_PATH: Final = 0o10000000
# include/uapi/asm-generic/fcntl.h, and what arch/arm and arch/arm64 number otherwise
_COMMON: Final = (
    (0o2000, "append"),
    (0o4000, "nonblock"),
    (0o2000000, "cloexec"),
    (0o4000000, "sync"),
    (0o10000, "dsync"),
    (0o20000, "async"),
    (0o1000000, "noatime"),
    (_PATH, "path"),
    (0o20000000, "tmpfile"),
)
_GENERIC: Final = ((0o40000, "direct"), (0o200000, "directory"), (0o400000, "nofollow"), (0o100000, "largefile"))
_ARM: Final = ((0o200000, "direct"), (0o40000, "directory"), (0o100000, "nofollow"), (0o400000, "largefile"))
_ANON: Final[Mapping[str, Kind]] = {
    "eventfd": "eventfd",
    "eventpoll": "epoll",
    "timerfd": "timerfd",
    "signalfd": "signalfd",
    "inotify": "inotify",
    "fanotify": "fanotify",
    "io_uring": "io_uring",
    "pidfd": "pidfd",
    "userfaultfd": "userfaultfd",
    "perf_event": "perf event",
    "btf": "bpf",
    "dmabuf": "dma-buf",
}
_NAMED: Final[Mapping[str, Kind]] = {"socket": "socket", "pipe": "pipe", "pidfd": "pidfd"}
_NAMESPACES: Final = frozenset({"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"})
