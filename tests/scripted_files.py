"""Made-up facts of the Files pane: one of each kind, a deleted file, hostile names; the second part of many."""

from __future__ import annotations

from threadtop.inside.files import FileFact, FilesFacts
from threadtop.procfs.fdinfo import FdInfo

PLAIN = FdInfo(0, 0o2)


def facts() -> FilesFacts:
    """19 descriptors of which 16 are given."""
    files = (
        FileFact(0, "/dev/null", "r", (), PLAIN),
        FileFact(1, "/var/log/shop/access.log", "w", ("append",), FdInfo(123_456_789, 0o2001)),
        FileFact(2, "/var/log/shop/error.log.1 (deleted)", "w", ("append",), FdInfo(98_765, 0o2001)),
        FileFact(3, "socket:[1001]", "rw", ("nonblock",), PLAIN, "0.0.0.0:8000", "", "listening"),
        FileFact(4, "socket:[1002]", "rw", (), PLAIN, "10.0.0.9:44120", "10.0.0.5:5432", "established"),
        FileFact(5, "socket:[1003]", "rw", (), PLAIN, "/run/shop.sock", "nginx[911] /run/shop.sock", "unix"),
        FileFact(6, "pipe:[2001]", "w", ("cloexec",), FdInfo(0, 0o2000001), peer="logger[912]"),
        FileFact(7, "pipe:[2002]", "r", ("cloexec",), FdInfo(0, 0o2000000), is_settled=False),
        FileFact(8, "anon_inode:[eventpoll]", "rw", ("cloexec",), FdInfo(0, 0o2, watched=tuple(range(3, 20)))),
        FileFact(9, "anon_inode:[eventfd]", "rw", ("nonblock",), FdInfo(0, 0o2, counter=3)),
        FileFact(10, "anon_inode:inotify", "r", (), FdInfo(0, 0, watches=2)),
        FileFact(11, "anon_inode:[pidfd]", "rw", (), FdInfo(0, 0o2, pid=4213)),
        FileFact(12, "/memfd:pulse \x1b[31m (deleted)", "rw", (), FdInfo(4096, 0o2)),
        FileFact(13, "/srv/caf\udce9/b\u00e4r.db", "rw", ("direct", "sync"), FdInfo(8192, 0o40002)),
        FileFact(14, "/dev/pts/3", "rw", (), PLAIN),
        FileFact(15, "/srv/shop", "r", ("directory",), FdInfo(0, 0o200000)),
    )
    return FilesFacts(files, 0, 19, "1024", ())
