"""The table of mounts of a process, ``/proc/PID/mountinfo``: which file system is behind a mount id; pure (proc(5))."""

from __future__ import annotations

from typing import Final

LOCAL: Final = frozenset(
    (
        "autofs",
        "bpf",
        "btrfs",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "erofs",
        "exfat",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "hugetlbfs",
        "iso9660",
        "jfs",
        "mqueue",
        "msdos",
        "nsfs",
        "overlay",
        "proc",
        "pstore",
        "ramfs",
        "reiserfs",
        "rootfs",
        "securityfs",
        "squashfs",
        "sysfs",
        "tmpfs",
        "tracefs",
        "udf",
        "vfat",
        "xfs",
        "zfs",
    )
)
"""File systems that answer without asking anybody: a look at an inode of another may hang with its server."""
_ID, _LEAST_FIELDS, _DASH = 0, 10, b"-"


def filesystems(raw: bytes) -> dict[int, str]:
    """The file system's type by mount id; a line that is none is left out."""
    found: dict[int, str] = {}
    for line in raw.split(b"\n"):
        fields = line.split(b" ")
        # ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [OPTIONAL ...] - TYPE SOURCE OPTIONS
        if len(fields) < _LEAST_FIELDS - 1 or not fields[_ID].isdigit():
            continue
        try:
            at = fields.index(_DASH, 6)
            found[int(fields[_ID])] = fields[at + 1].decode("ascii", "replace")
        except (ValueError, IndexError):
            continue
    return found
