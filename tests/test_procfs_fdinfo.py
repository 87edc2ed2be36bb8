"""What fd and fdinfo say of a descriptor, and which file system is behind a mount."""

from __future__ import annotations

import pytest

from threadtop.procfs import fdinfo, mounts
from threadtop.procfs.fdinfo import Info

EPOLL = (
    b"pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t1039\n"
    b"tfd:       17 events:       19 data:     7f9300000003  pos:0 ino:53a83 sdev:9\n"
    b"tfd:        3 events:       19 data:                3  pos:0 ino:53a84 sdev:9\n"
)
LOCKED = (
    b"pos:\t10\nflags:\t0102001\nmnt_id:\t27\nino:\t5\n"
    b"lock:\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF\n"
    b"lock:\t2: POSIX  ADVISORY  READ  359 00:13:11691 0 9\n"
    b"lock:\t3: SOMETHING NEW\n"
)
INOTIFY = (
    b"pos:\t0\nflags:\t00\nmnt_id:\t17\nino:\t1\ninotify wd:2 ino:a sdev:1 mask:3\ninotify wd:1 ino:b sdev:1 mask:3\n"
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (EPOLL, Info(0, 0o2000002, 17, watched=(3, 17), more={"ino": "1039"})),
        (LOCKED, Info(10, 0o102001, 27, ("flock write", "fcntl lock read"), more={"ino": "5"})),
        (INOTIFY, Info(0, 0, 17, watches=2, more={"ino": "1"})),
        (b"pos:\t0\nflags:\t02\nPid:\t-1\n", Info(0, 2, more={"Pid": "-1"})),
    ],
)
def test_what_a_descriptor_says(raw: bytes, expected: Info) -> None:
    """Position, flags, what is watched and locked, and the lines of its own kind."""
    assert fdinfo.parse(raw) == expected


def test_a_cut_file_has_no_half_line() -> None:
    """The number 17 of a line that broke off after the 1 is not 1."""
    cut = EPOLL[: EPOLL.index(b"17 events") + 1]
    assert fdinfo.parse(cut, is_cut=True).watched == ()
    assert fdinfo.parse(cut, is_cut=True).is_cut


@pytest.mark.parametrize(
    "raw", [b"", b"pos:\t1\n", b"flags:\t02\n", b"pos:\tx\nflags:\t02\n", b"\xff\0" * 400, b"pos:\t0\nflags:\t9\n"]
)
def test_rubbish_is_refused(raw: bytes) -> None:
    """Without a position and flags it is no fdinfo."""
    with pytest.raises(ValueError, match=r"."):
        fdinfo.parse(raw)


def test_lines_of_one_kind_are_bounded() -> None:
    """A file of a hundred thousand keys does not become as many entries."""
    raw = b"pos:\t0\nflags:\t02\n" + b"".join(b"key%d: 1\n" % number for number in range(100_000))
    assert len(fdinfo.parse(raw).more) == 64


@pytest.mark.parametrize(
    ("flags", "mode"), [(0o100000, "r"), (0o2000001, "w"), (0o4002, "rw"), (3, ""), (0o10000000, ""), (0o12000000, "")]
)
def test_modes(flags: int, mode: str) -> None:
    """What may be done: neither with O_PATH, nor where only ioctl may be called."""
    assert fdinfo.mode(flags) == mode


@pytest.mark.parametrize(
    ("flags", "machine", "names"),
    [
        (0o2006001, "x86_64", ("append", "nonblock", "cloexec")),
        (0o4010000, "x86_64", ("sync",)),
        (0o10000, "x86_64", ("dsync",)),
        (0o40000, "x86_64", ("direct",)),
        (0o40000, "aarch64", ("directory",)),
        (0o200000, "x86_64", ("directory",)),
        (0o200000, "arm", ("direct",)),
        (0o400000, "aarch64", ("largefile",)),
        (0o20200000, "x86_64", ("tmpfile",)),
        (0, "x86_64", ()),
    ],
)
def test_flags_by_name(flags: int, machine: str, names: tuple[str, ...]) -> None:
    """As open(2) calls them; four bits mean other things on Arm."""
    assert fdinfo.flag_names(flags, machine) == names


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        ("/etc/passwd", None),
        ("/x (deleted)", None),
        ("/memfd:jit (deleted)", "memfd"),
        ("/SYSV0052e2c1 (deleted)", "shared memory"),
        ("/dev/zero (deleted)", "shared memory"),
        ("/dev/zero", None),
        ("/[aio] (deleted)", "aio"),
        ("/dmabuf:x", "dma-buf"),
        ("socket:[7]", "socket"),
        ("pipe:[7]", "pipe"),
        ("anon_inode:[eventpoll]", "epoll"),
        ("anon_inode:inotify", "inotify"),
        ("anon_inode:[io_uring]", "io_uring"),
        ("anon_inode:[pidfd]", "pidfd"),
        ("pidfd:[9]", "pidfd"),
        ("anon_inode:[signalfd]", "signalfd"),
        ("anon_inode:[timerfd]", "timerfd"),
        ("anon_inode:bpf-map", "bpf"),
        ("anon_inode:kvm-vcpu:0", "anon"),
        ("net:[4026531833]", "namespace"),
        ("", "anon"),
        ("\x1b[2J", "anon"),
    ],
)
def test_kinds(link: str, kind: str | None) -> None:
    """What the link alone tells; of a path it does not."""
    assert fdinfo.kind_of(link) == kind


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/x (deleted)", True),
        ("/x", False),
        ("/memfd:x (deleted)", False),
        ("x (deleted)", False),
        ("/(deleted)", False),
    ],
)
def test_deleted(link: str, expected: bool) -> None:  # noqa: FBT001
    """A path with the kernel's mark; what never has a name is not deleted."""
    assert fdinfo.is_deleted(link) is expected


MOUNTINFO = (
    b"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    b"27 1 254:0 / / rw,noatime shared:1 master:2 - ext4 /dev/root rw\n"
    b"30 27 0:40 / /mnt/a\\040b rw - nfs4 host:/x rw\n"
)


def test_file_systems_by_mount() -> None:
    """With and without optional fields."""
    assert mounts.filesystems(MOUNTINFO) == {22: "proc", 27: "ext4", 30: "nfs4"}
    assert "nfs4" not in mounts.LOCAL


@pytest.mark.parametrize(
    "raw", [b"", b"\n\n", b"\xff" * 99, b"1 2 3 4 5 6 7 8", b"22 27 0:21 / /proc rw,relatime -", b"9 " * 50]
)
def test_no_mounts_in_rubbish(raw: bytes) -> None:
    """A table that breaks off, or is none."""
    assert mounts.filesystems(raw) == {}
