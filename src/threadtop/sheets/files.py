"""The Files pane: what descriptors a process has open, on what, and which threads are blocked on them; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.inside.files import FilesFacts
from threadtop.procfs import fdinfo
from threadtop.sheets import endings, environment, file_words
from threadtop.sheets.sheet import NOT_YET, Column, Entry, Link, Record, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from threadtop.inside.files import Descriptor
    from threadtop.inside.holders import Holding
    from threadtop.procfs.fdinfo import Kind
    from threadtop.sheets.sheet import Subject
    from threadtop.snapshot import ProcessRow, ThreadRow

TERMS: Final = by_key(
    Term(
        "open",
        "open",
        "How many descriptors are open; of thousands, those that accept has taken count until all were listed. A "
        "number that only grows is a leak.",
        "size of /proc/PID/fd, which anyone may know; proc(5)",
    ),
    Term(
        "limit",
        "soft limit",
        "How many there may be. At the soft limit open, accept and socket fail with EMFILE; the process may raise it "
        "up to the hard one.",
        "/proc/PID/limits Max open files; getrlimit(2), RLIMIT_NOFILE",
    ),
    Term(
        "kinds",
        "by kind",
        "How many of them are files, sockets, pipes and so on. The kind that grows tells what is not closed.",
        "links in /proc/PID/fd; proc(5)",
    ),
    Term(
        "deleted",
        "deleted files",
        "Files that have no name any more but are still open. They keep their room on the disk until they are closed.",
        "links in /proc/PID/fd; unlink(2)",
    ),
    Term(
        "deleted_bytes",
        "held by them",
        "The room on disks that deleted files take until they are closed. du does not find it, df does.",
        "inodes behind /proc/PID/fd, blocks; stat(2)",
    ),
    Term(
        "fd",
        "fd",
        "The number by which the program names what is open. 0, 1 and 2 are standard input, output and error.",
        "/proc/PID/fd; open(2)",
    ),
    Term(
        "kind",
        "kind",
        "What it is open on. Files of network file systems are not looked at, as that may hang: what is no folder "
        "counts as a file there.",
        "link in /proc/PID/fd, inode behind it; proc(5)",
    ),
    Term(
        "target",
        "target",
        "The path; both ends of a socket, <- where this side was called; who has the other end of a pipe; what an "
        "epoll watches. A pipe to nobody has no reader or writer left.",
        "/proc/PID/fd, fdinfo, net/tcp, net/udp, net/unix; sock_diag(7)",
    ),
    Term(
        "mode",
        "mode",
        "Whether it is open for reading, for writing, or both. A descriptor without either was opened with O_PATH.",
        "/proc/PID/fdinfo flags; open(2)",
    ),
    Term(
        "position",
        "position",
        "The byte at which the next read or write goes on. It does not move with pread, pwrite and mapped memory.",
        "/proc/PID/fdinfo pos; lseek(2)",
    ),
    Term(
        "size_bytes",
        "size",
        "How long the file is. A position at the size is the end of it.",
        "inode behind /proc/PID/fd; stat(2)",
    ),
    Term(
        "flags",
        "flags",
        "How it behaves: append writes at the end, nonblock never waits, direct goes past the page cache, cloexec is "
        "closed by execve(2). They are those of open(2), without O_.",
        "/proc/PID/fdinfo flags; open(2), fcntl(2)",
    ),
    Term(
        "blocked",
        "blocked",
        "Threads that sleep in a call on this descriptor, by name and tid. It is one look at each; who sleeps in poll "
        "or select on many is not told.",
        "/proc/PID/task/TID/syscall; proc(5)",
    ),
    Term(
        "call",
        "call",
        "The system call in which they sleep. recv and read wait for the other end to send, send and write for it to "
        "take.",
        "/proc/PID/task/TID/syscall; syscalls(2)",
    ),
)
_PLURALS: Final[Mapping[Kind, str]] = {
    "directory": "directories",
    "epoll": "epolls",
    "inotify": "inotify",
    "fanotify": "fanotify",
    "shared memory": "shared memory",
    "bpf": "bpf",
    "anon": "anon",
}
_COLUMNS: Final = (
    Column("fd", 7, right=True),
    Column("kind", 11),
    Column("target", is_path=True),
    Column("blocked", 24, is_spare=True),
    Column("mode", 4),
    Column("position", 15, right=True, is_spare=True),
    Column("size_bytes", 6, right=True, is_spare=True),
    Column("flags", 32, is_spare=True),
)
_WAITING: Final = (
    Column("fd", 7, right=True),
    Column("kind", 11),
    Column("call", 14),
    Column("blocked"),
    Column("target", is_path=True),
)
_NAMED: Final = 3  # threads in a cell
_SHOWN_DELETED: Final = 3
_HIGH, _FULL = 0.8, 0.95


def sheet(subject: Subject) -> Sheet:
    """What is known of a process's descriptors."""
    facts = subject.facts
    if not isinstance(facts, FilesFacts):
        return NOT_YET
    threads = _blocked(subject.process.threads.values())
    is_hidden = bool(facts.denials)
    sections = [Section("summary", "Descriptors", tuple(_summary(facts)))]
    if facts.blocked:
        waiting = _with_data(_waiting(facts, threads), facts.blocked, subject.process)
        sections.append(Section("waited_for", "Threads blocked on descriptors", table=waiting))
    if not is_hidden:
        table = _with_data(_table(facts, threads), facts.page, subject.process)
        sections.append(Section("files", "Open", table=table, notes=_notes(facts)))
    notes = endings.why(subject.process, "it opens no files", "nothing of it is open any more")
    return Sheet(tuple(sections), notes, facts.denials)


def _blocked(rows: Iterable[ThreadRow]) -> dict[int, list[ThreadRow]]:
    """Threads by the descriptor that they are blocked on."""
    found: dict[int, list[ThreadRow]] = {}
    for row in rows:
        if row.blocked is not None and row.blocked.fd is not None:
            found.setdefault(row.blocked.fd, []).append(row)
    return found


def _summary(facts: FilesFacts) -> list[Entry]:
    made = [_open(facts), _limit(facts)]
    if facts.counted:
        made.append(_kinds(facts))
    if facts.deleted_count:
        made += _deleted(facts)
    return made


def _open(facts: FilesFacts) -> Entry:
    """The count, of which limit; it stands out as it comes near."""
    soft = _number(facts.soft_limit)
    if facts.open_count is None:
        return Entry("open", "-", None)
    said = text.thousands(facts.open_count)
    if soft is None:
        return Entry("open", said, facts.open_count, "no limit" if facts.soft_limit == "unlimited" else "")
    taken = max(facts.open_count, facts.taken_count or 0)
    used = taken / soft if soft else 1.0
    role = "r" if used >= _FULL else "y" if used >= _HIGH else " "
    note = f"{text.percent(used * 100)} % of the soft limit"
    if taken > facts.open_count:
        note += f", with {text.thousands(taken - facts.open_count)} more taken by calls under way, such as accept"
    return Entry("open", said, facts.open_count, note, role=role)


def _limit(facts: FilesFacts) -> Entry:
    soft, hard = _number(facts.soft_limit), _number(facts.hard_limit)
    value = {"soft": environment.limit(facts.soft_limit or ""), "hard": environment.limit(facts.hard_limit or "")}
    if facts.soft_limit is None:
        return Entry("limit", "-", value)
    shown = facts.soft_limit if soft is None else text.thousands(soft)
    hard_shown = facts.hard_limit if hard is None else text.thousands(hard)
    note = "the hard one is the same" if facts.soft_limit == facts.hard_limit else f"it may raise it to {hard_shown}"
    return Entry("limit", shown, value, note)


def _number(word: str | None) -> int | None:
    return int(word) if word is not None and word.isdecimal() else None


def _kinds(facts: FilesFacts) -> Entry:
    ordered = sorted(facts.kinds.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{text.thousands(count)} {_plural(kind, count)}" for kind, count in ordered)
    note = ""
    if facts.open_count is not None and facts.counted < facts.open_count:
        note = f"of the {text.thousands(facts.counted)} looked at so far"
    return Entry("kinds", shown, dict(ordered), note)


def _plural(kind: Kind, count: int) -> str:
    return kind if count == 1 else _PLURALS.get(kind, f"{kind}s")


def _deleted(facts: FilesFacts) -> list[Entry]:
    """How many there are, the first of them by name, and what they take on their disks as far as that is known."""
    sizes = [one.held_bytes for one in facts.deleted if one.held_bytes is not None]
    is_all = len(sizes) == facts.deleted_count
    count = facts.deleted_count
    named = [f"fd {one.fd} {one.link.removesuffix(fdinfo.DELETED)}" for one in facts.deleted[:_SHOWN_DELETED]]
    more = " ..." if count > len(named) else ""
    made = [Entry("deleted", text.thousands(count), count, ", ".join(named) + more, role="y")]
    if sizes:
        held = f"{'' if is_all else 'at least '}{text.size(sum(sizes))}"
        made.append(Entry("deleted_bytes", held, sum(sizes) if is_all else None, "of disk", role="y"))
    return made


def _waiting(facts: FilesFacts, threads: Mapping[int, list[ThreadRow]]) -> Table:
    records = []
    for one in facts.blocked:
        rows = threads.get(one.fd, [])
        calls = sorted({row.blocked.call for row in rows if row.blocked is not None and row.blocked.call})
        link = Link(rows[0].pid, rows[0].tid, "thread") if rows else None
        target = file_words.target(one)
        cells = (str(one.fd), one.kind, " ".join(calls), _names(rows), target)
        values = (one.fd, one.kind, calls, _tids(rows), target)
        records.append(Record(("waits", one.fd), cells, values, "b", link))
    return Table(_WAITING, records, copies="target")


def _table(facts: FilesFacts, threads: Mapping[int, list[ThreadRow]]) -> Table:
    records = [_record(one, threads.get(one.fd, [])) for one in facts.page]
    return Table(_COLUMNS, records, total=facts.open_count, first=facts.first, copies="target")


def _record(one: Descriptor, rows: Sequence[ThreadRow]) -> Record:
    position = file_words.position(one.info, one.kind)
    mode = fdinfo.mode(one.info.flags) if one.info is not None else ""
    target = file_words.target(one)
    flags = [flag for flag in one.flags if flag != "largefile"]  # every file has it on machines of 64 bits
    cells = (
        str(one.fd),
        one.kind,
        target,
        _names(rows),
        mode or "-",
        text.thousands(position),
        text.size(one.size_bytes),
        " ".join(flags),
    )
    values = (one.fd, one.kind, target, _tids(rows), mode or None, position, one.size_bytes, list(one.flags))
    role = "b" if rows else "y" if one.is_deleted else " "
    return Record(one.fd, cells, values, role, _link(one, rows))


def _with_data(table: Table, shown: Sequence[Descriptor], process: ProcessRow) -> Table:
    """With what ``target`` says as fields of their own, for those who read no words."""
    keys = [column.key for column in table.columns]
    rows = zip(table.records, shown, strict=True)
    return table._replace(data=[dict(zip(keys, row.values, strict=True)) | _parts(one, process) for row, one in rows])


def _parts(one: Descriptor, process: ProcessRow) -> dict[str, object]:
    """The parts of a target; None is not known, or has none."""
    found = one.socket
    return {
        "target": file_words.plain_target(one),
        "locks": list(one.info.locks) if one.info is not None else [],
        "is_deleted": one.is_deleted,
        "protocol": (found.protocol if found is not None else file_words.protocol(one.protocol)) or None,
        "status": found.status or None if found is not None else None,
        "local": found.local or None if found is not None else None,
        "peer": found.peer or None if found is not None else None,
        "holders": _holders(one.holding, process) if one.holding is not None else None,
        "holders_total": _holders_total(one.holding) if one.holding is not None else None,
        "watched": list(one.info.watched) if one.kind == "epoll" and one.info is not None else None,
    }


def _holders(holding: Holding, process: ProcessRow) -> list[dict[str, object]] | None:
    """Who has the other end, the first of many; nobody only where all processes have been looked at."""
    found = [*holding.others, *([(process.pid, process.process)] if holding.is_itself else [])]
    return [{"pid": pid, "process": name} for pid, name in found] if found or holding.is_settled else None


def _holders_total(holding: Holding) -> int | None:
    """How many processes that are, as far as they have been looked at."""
    count = len(holding.others) + holding.more + holding.is_itself
    return count if count or holding.is_settled else None


def _link(one: Descriptor, rows: Sequence[ThreadRow]) -> Link | None:
    """To the process at the other end, else to the first thread that is blocked on it."""
    if one.holding is not None and one.holding.others:
        return Link(one.holding.others[0][0], 0, "files")
    if one.kind == "pidfd" and one.process and one.info is not None:
        return Link(int(one.info.more["Pid"]))
    return Link(rows[0].pid, rows[0].tid, "thread") if rows else None


def _names(rows: Sequence[ThreadRow]) -> str:
    """Threads by name and tid, the first of many."""
    named = ", ".join(f"{row.name} {row.tid}" for row in rows[:_NAMED])
    return f"{named} and {text.thousands(len(rows) - _NAMED)} more" if len(rows) > _NAMED else named


def _tids(rows: Sequence[ThreadRow]) -> list[int]:
    return [row.tid for row in rows]


def _notes(facts: FilesFacts) -> tuple[str, ...]:
    looked, of = facts.searched
    seeks = any(one.holding is not None and not one.holding.is_settled for one in (*facts.page, *facts.blocked))
    if seeks and looked < of:
        counts = f"{text.thousands(looked)} of {text.thousands(of)}"
        return (f"other ends have been looked for in {counts} processes so far",)
    return ()
