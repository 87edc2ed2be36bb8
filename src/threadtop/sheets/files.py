"""The Files pane: descriptors with what they are, and which threads wait on which; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.inside.files import FilesFacts
from threadtop.sheets.sheet import NOT_YET, Column, Entry, Link, Record, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.inside.files import FileFact
    from threadtop.sheets.sheet import Subject
    from threadtop.snapshot import ThreadRow

NEAR_PCT: Final = 80.0  # of the limit from which it is news
_MOST_WATCHED: Final = 12  # descriptors of an epoll that are named
_MOST_NAMED: Final = 4  # threads on one descriptor that are named
_DELETED: Final = " (deleted)"
_ANONYMOUS: Final = {
    "eventpoll": "epoll",
    "eventfd": "eventfd",
    "timerfd": "timerfd",
    "signalfd": "signalfd",
    "inotify": "inotify",
    "fanotify": "fanotify",
    "pidfd": "pidfd",
    "io_uring": "io_uring",
    "userfaultfd": "userfaultfd",
    "perf_event": "perf event",
    "bpf-map": "bpf",
    "bpf-prog": "bpf",
    "bpf_link": "bpf",
}
_SHARED_MEMORY: Final = "/dev/shm/"  # noqa: S108 a place to be recognised; nothing is written there
_TTYS: Final = ("/dev/pts/", "/dev/tty", "/dev/console")

TERMS: Final = by_key(
    Term(
        "fd",
        "fd",
        "The number by which the process names it. 0, 1 and 2 are standard input, output and error.",
        "/proc/PID/fd; open(2)",
    ),
    Term(
        "kind",
        "kind",
        "What it is: a file, a socket, a pipe, or an object of the kernel. All of them are read and written alike.",
        "the link /proc/PID/fd/FD",
    ),
    Term(
        "target",
        "target",
        "Where it leads: a path, the two ends and the state of a connection, the process at the other end of a "
        "pipe, the descriptors an epoll watches. (deleted) has no name any more, but keeps its room on the disk "
        "until it is closed.",
        "/proc/PID/fd, fdinfo, net; sock_diag(7)",
    ),
    Term(
        "mode",
        "mode",
        "What it was opened for: r, w or both. A pipe has a reading and a writing end.",
        "/proc/PID/fdinfo/FD flags",
    ),
    Term(
        "position",
        "position",
        "Where in the file the next read or write begins. One that grows is being worked on.",
        "/proc/PID/fdinfo/FD pos; lseek(2)",
    ),
    Term(
        "flags",
        "flags",
        "How it was opened. nonblock never sleeps in a read, cloexec is not passed on to programs it starts.",
        "/proc/PID/fdinfo/FD flags; open(2)",
    ),
    Term(
        "blocked",
        "waits on it",
        "The threads that sleep in a call on this descriptor. One look, a hint.",
        "/proc/PID/task/TID/syscall",
    ),
    Term(
        "open",
        "open",
        "How many descriptors there are, and how many there may be. At the limit open(2) and accept(2) fail with "
        "EMFILE.",
        "/proc/PID/fd; limits, Max open files",
    ),
    Term(
        "kinds",
        "by kind",
        "How many there are of each kind, in this part. Thousands of sockets are clients, or a leak.",
        "/proc/PID/fd",
    ),
    Term(
        "deleted",
        "deleted files",
        "Files that are open and have no name any more, in this part. A full disk on which no large file is found "
        "often has one.",
        "/proc/PID/fd",
    ),
)


def sheet(subject: Subject) -> Sheet:
    """What is open."""
    facts = subject.facts
    if not isinstance(facts, FilesFacts):
        return NOT_YET
    if facts.files is None:
        return Sheet((Section("files", "Descriptors", notes=("may not be read",)),), denials=facts.denials)
    waiting = _waiting(subject)
    records = [_record(subject, fact, waiting.get(fact.fd, ())) for fact in facts.files]
    # Those that a thread waits on are what one opens this pane for.
    records.sort(key=lambda record: record.values[-1] == [])
    columns = (
        Column("fd", 6, right=True),
        Column("kind", 11),
        Column("mode", 4),
        Column("target"),
        Column("position", 13, right=True, is_spare=True),
        Column("flags", 24, is_spare=True),
        Column("blocked", 28),
    )
    total = facts.total if facts.total is not None and facts.total > len(facts.files) else None
    table = Table(columns, records, total, facts.first, empty="none is open")
    return Sheet(
        (Section("summary", "Open", tuple(_summary(facts))), Section("files", "Descriptors", table=table)),
        denials=facts.denials,
    )


def _waiting(subject: Subject) -> dict[int, list[ThreadRow]]:
    """Threads by the descriptor that they sleep on."""
    found: dict[int, list[ThreadRow]] = {}
    for row in subject.process.threads.values():
        if row.blocked is not None and row.blocked.fd is not None and row.state in "SD":
            found.setdefault(row.blocked.fd, []).append(row)
    return found


def kind_of(link: str, flags: tuple[str, ...] = ()) -> str:
    """What a descriptor is, by its link: ``anon_inode:[eventpoll]`` is an epoll."""
    if link.startswith("/"):
        if link.startswith("/memfd:"):
            return "memfd"
        if link.startswith(_TTYS):
            return "tty"
        if link.startswith("/dev/") and not link.startswith(_SHARED_MEMORY):
            return "device"
        return "directory" if "directory" in flags else "file"
    head, _, rest = link.partition(":")
    if head == "anon_inode":
        name = rest.strip("[]")
        return _ANONYMOUS.get(name, name or "anonymous")
    return head if head in {"pipe", "socket"} else head or text.UNKNOWN


def target_of(fact: FileFact) -> str:
    """Where a descriptor leads, in words."""
    info, link = fact.info, fact.link
    words = link
    if link.startswith("pipe:"):
        arrow = "->" if fact.mode == "w" else "<-"
        words = (
            f"{arrow} {fact.peer}" if fact.peer else f"{link}{'' if fact.is_settled else '  looking for its other end'}"
        )
    elif link.startswith("socket:") and fact.status:
        ends = f"{fact.local or '*'} <-> {fact.peer}" if fact.peer else fact.local
        words = f"{ends}  {fact.status}".strip()
    elif info.watched is not None:
        named = " ".join(map(str, info.watched[:_MOST_WATCHED]))
        words = f"{len(info.watched)} fds: {named}{' …' if len(info.watched) > _MOST_WATCHED else ''}"
    elif info.counter is not None:
        words = f"count {info.counter}"
    elif info.pid is not None:
        words = f"process {info.pid}" if info.pid > 0 else "a process that has ended"
    elif info.watches is not None:
        words = f"{info.watches} watches"
    return words


def _record(subject: Subject, fact: FileFact, waiting: list[ThreadRow] | tuple[()]) -> Record:
    kind = kind_of(fact.link, fact.flags)
    target = target_of(fact)
    position = fact.info.position if kind in {"file", "memfd", "directory", "device"} else None
    flags = tuple(name for name in fact.flags if name != "directory")
    named = ", ".join(f"{row.name} {row.tid}" for row in waiting[:_MOST_NAMED])
    more = f" and {len(waiting) - _MOST_NAMED} more" if len(waiting) > _MOST_NAMED else ""
    is_deleted = fact.link.endswith(_DELETED) and kind == "file"
    return Record(
        fact.fd,
        (str(fact.fd), kind, fact.mode or "-", target, text.thousands(position) if position is not None else "",
         " ".join(flags), f"{named}{more}"),
        (fact.fd, kind, fact.mode or None, target, position, list(flags), [row.tid for row in waiting]),
        role="b" if waiting else "y" if is_deleted else " ",
        link=Link(subject.process.pid, waiting[0].tid) if waiting else None,
    )  # fmt: skip


def _summary(facts: FilesFacts) -> Iterator[Entry]:
    files = facts.files or ()
    most = int(facts.limit) if facts.limit.isdigit() else None
    share = facts.total / most * 100 if facts.total is not None and most else None
    allowed = text.thousands(most) if most is not None else facts.limit or text.UNKNOWN
    note = f"{share:.0f} % of the limit" if share is not None else ""
    role = "r" if (share or 0) >= NEAR_PCT else "b"
    yield Entry("open", f"{text.thousands(facts.total)} of {allowed}", facts.total, note, role=role)
    kinds = Counter(kind_of(fact.link, fact.flags) for fact in files)
    shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    yield Entry("kinds", shown or "none", dict(kinds.most_common()))
    deleted = sum(fact.link.endswith(_DELETED) and kind_of(fact.link) == "file" for fact in files)
    if deleted:
        yield Entry("deleted", str(deleted), deleted, "their room on the disk is free once they are closed", role="y")
