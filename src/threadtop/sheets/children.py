"""The Children pane: the process between its ancestors and its descendants, as a tree; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import text
from threadtop.inside.children import ChildrenFacts
from threadtop.sheets.sheet import NOT_YET, Column, Entry, Link, Record, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from threadtop.sheets.sheet import Subject

MOST: Final = 2000  # rows of a part
MOST_INDENT: Final = 12  # steps: deeper ones are not moved further
_BUSY_PCT: Final = 5.0

TERMS: Final = by_key(
    Term(
        "process",
        "process",
        "Its name, indented below the process that started it. A process whose parent ended belongs to init.",
        "/proc/PID/stat fields 2 and 4",
    ),
    Term(
        "pid",
        "pid",
        "Its process id. Enter opens it, Esc comes back here.",
        "/proc/PID",
    ),
    Term(
        "state",
        "S",
        "The state of its main thread; Z has ended and waits for its parent to take note. A parent with many of "
        "those forgets to call wait(2).",
        "/proc/PID/stat field 3",
    ),
    Term(
        "cpu_pct",
        "%CPU",
        "Of one core, over all its threads. 100 % is one core all the time.",
        "its CPU clock",
    ),
    Term(
        "wait_pct",
        "%WAIT",
        "What its threads waited for a CPU, added up. 100 % is one thread that waits all the time.",
        "/proc/PID/task/TID/schedstat field 2",
    ),
    Term(
        "threads",
        "threads",
        "How many threads it has. A single one is a process in the old sense.",
        "/proc/PID/task",
    ),
    Term(
        "command",
        "command line",
        "How it was started. Programs may write other things there.",
        "/proc/PID/cmdline",
    ),
    Term(
        "below",
        "below it",
        "How many processes it has started that are still there, theirs included. Their CPU is the sum over all.",
        "/proc/PID/stat field 4",
    ),
    Term(
        "ended",
        "zombies",
        "Processes below it that have ended, and whose parent has not taken note with wait(2). Each keeps its process "
        "id.",
        "/proc/PID/stat field 3; wait(2)",
    ),
)


class _Node(NamedTuple):
    """One process of the tree."""

    pid: int
    ppid: int
    name: str
    state: str
    cpu_pct: float | None
    wait_pct: float | None
    threads: int
    command: str


def sheet(subject: Subject) -> Sheet:
    """The tree above and below a process."""
    facts = subject.facts
    if not isinstance(facts, ChildrenFacts):
        return NOT_YET
    nodes = _nodes(subject, facts)
    children: dict[int, list[int]] = {}
    for node in nodes.values():
        children.setdefault(node.ppid, []).append(node.pid)
    pid = subject.process.pid
    line = _ancestors(nodes, pid)
    rows = [(depth, nodes[one]) for depth, one in enumerate(line)]
    below = [one for one in _descendants(children, pid, nodes) if one[1] not in line]
    rows += [(len(line) + depth, nodes[one]) for depth, one in below]
    first = min(subject.part, (len(rows) - 1) // MOST) * MOST
    part = rows[first : first + MOST]
    records = [_record(depth, node, is_self=node.pid == pid) for depth, node in part]
    columns = (
        Column("process"),
        Column("pid", 8, right=True),
        Column("state", 1),
        Column("cpu_pct", 6, right=True),
        Column("wait_pct", 6, right=True, is_spare=True),
        Column("threads", 7, right=True),
        Column("command", is_spare=True),
    )
    own = line.index(pid)
    data = [
        {
            **dict(zip((column.key for column in columns), record.values, strict=True)),
            "ppid": node.ppid,
            "depth": depth - own,  # of the process itself 0, its parent's -1
        }
        for record, (depth, node) in zip(records, part, strict=True)
    ]
    notes = ("attached: the others' run-queue wait is not read; Enter reads one, too",) if facts.relatives else ()
    cut = ("there are more: the rest is left out",) if facts.is_cut else ()
    return Sheet(
        (
            Section("below", "", tuple(_below(pid, [node for _, node in rows[len(line) :]]))),
            Section(
                "processes",
                "Above and below",
                table=Table(columns, records, len(rows) if len(rows) > MOST else None, first, data=data),
                notes=(*notes, *cut),
            ),
        )
    )


def _below(pid: int, nodes: Sequence[_Node]) -> Iterator[Entry]:
    """The sums over all that it has started, and theirs."""
    count = len(nodes)
    shown = text.many(count, "process") if count else "none"
    shares = [node.cpu_pct for node in nodes if node.cpu_pct is not None]
    own = sum(node.ppid == pid for node in nodes)
    parts = [f"{text.thousands(own)} of them its own {'child' if own == 1 else 'children'}"] if own != count else []
    threads = sum(node.threads for node in nodes)
    parts += [text.many(threads, "thread")] if count else []
    parts += [f"{text.percent(sum(shares))} % CPU together"] if shares else []
    yield Entry("below", shown, count, ", ".join(parts), role="b")
    ended = sum(node.state == "Z" for node in nodes)
    if ended:
        yield Entry("ended", f"{text.thousands(ended)} ended", ended, "and not waited for yet", role="m")


def _nodes(subject: Subject, facts: ChildrenFacts) -> dict[int, _Node]:
    nodes = {
        row.pid: _Node(
            row.pid, row.ppid, row.process, row.state, row.cpu_pct, row.wait_pct, row.thread_count, row.command
        )
        for row in (*subject.snapshot.processes.values(), subject.process)
    }
    for one in facts.relatives:
        node = _Node(one.pid, one.ppid, one.name, one.state, one.cpu_pct, None, one.threads, one.command)
        nodes.setdefault(one.pid, node)
    return nodes


def _ancestors(nodes: Mapping[int, _Node], pid: int) -> list[int]:
    """From the top down to the process itself."""
    line = [pid]
    while (above := nodes[line[0]].ppid) in nodes and above not in line:
        line.insert(0, above)
    return line


def _descendants(children: Mapping[int, list[int]], pid: int, nodes: Mapping[int, _Node]) -> list[tuple[int, int]]:
    """(depth, pid) of all that are below, each under its parent."""
    found: list[tuple[int, int]] = []
    left = [(0, one) for one in sorted(children.get(pid, ()), reverse=True)]
    seen = {pid}
    while left:
        depth, one = left.pop()
        if one in seen or one not in nodes:
            continue
        seen.add(one)
        found.append((depth, one))
        left += [(depth + 1, child) for child in sorted(children.get(one, ()), reverse=True)]
    return found


def _record(depth: int, node: _Node, *, is_self: bool) -> Record:
    indent = "  " * min(depth, MOST_INDENT)
    share, wait = node.cpu_pct, node.wait_pct
    values = (node.name, node.pid, node.state, _rounded(share), _rounded(wait), node.threads, node.command or None)
    cells = (
        f"{indent}{node.name}",
        str(node.pid),
        node.state,
        text.percent(share),
        text.percent(wait),
        str(node.threads),
        node.command,
    )
    role = "t" if is_self else "m" if node.state == "Z" else "g" if (share or 0) >= _BUSY_PCT else " "
    return Record(node.pid, cells, values, role, None if is_self else Link(node.pid))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
