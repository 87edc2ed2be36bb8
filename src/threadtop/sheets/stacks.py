"""The Stacks pane: what the keys would ask for and at what price, and the stacks that were asked for; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import text
from threadtop.sheets.sheet import Column, Entry, Link, Record, Request, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from threadtop.sheets.sheet import Subject

PYTHON, PAUSED, NATIVE = "python", "blocking", "native"
BLOCKING: Final = Request("b", PAUSED, "paused", "Python stacks with the process paused (press twice)")
NATIVES: Final = Request("v", NATIVE, "native", "native stacks by eu-stack or gdb: the process is paused (press twice)")
_MOST_NAMED: Final = 6  # threads with one stack that are named

TERMS: Final = by_key(
    Term(
        "python",
        "y",
        "Python stacks by py-spy, read from memory while the process runs on. Frames that change meanwhile are "
        "asked for again.",
        "py-spy dump --nonblocking; process_vm_readv(2)",
    ),
    Term(
        "blocking",
        "b, twice",
        "Python stacks by py-spy with the process paused for the moment. They are all of one instant.",
        "py-spy dump; ptrace(2)",
    ),
    Term(
        "native",
        "v, twice",
        "Stacks of C functions, of any program. A debugger pauses the process for as long as it reads, which may be "
        "seconds where it has much to load.",
        "eu-stack -p, or gdb -batch -p; ptrace(2)",
    ),
    Term(
        "asked",
        "asked",
        "When these stacks were read, and how. They do not refresh by themselves.",
        "threadtop",
    ),
    Term(
        "paused_ms",
        "paused for",
        "How long the process was held by a tracer meanwhile, seen by looks each ms. A shorter pause may be missed.",
        "/proc/PID/status TracerPid",
    ),
    Term(
        "complaint",
        "it failed",
        "What went wrong, and what helps. What was read before still stands.",
        "the tool",
    ),
    Term(
        "threads",
        "threads",
        "The threads that have this very stack, the innermost frame first. Enter opens the first one.",
        "tids as in /proc/PID/task",
    ),
    Term(
        "gil",
        "GIL",
        "Whether one of them held the GIL at that moment. Without a pause it may have let go since.",
        "py-spy; CPython's own thread state",
    ),
    Term(
        "frame",
        "frame",
        "A function, with its file and line as far as they are known. The first one is where it is.",
        "py-spy, eu-stack or gdb",
    ),
)


class Trace(NamedTuple):
    """One thread's stack: its name, "" for none, frames innermost first; ``has_gil`` None is not known."""

    tid: int
    name: str
    frames: tuple[str, ...]
    has_gil: bool | None = None


class StacksFacts(NamedTuple):
    """What was asked for: ``how`` "" for nothing yet, ``age_s`` since then, ``paused_s`` None where no pause was seen.

    ``asking`` is what is being asked for now, ``confirm`` what waits for a second press; ``native_tool`` is
    the program for native stacks, "" where there is none.
    """

    how: str = ""
    traces: tuple[Trace, ...] = ()
    age_s: float = 0.0
    paused_s: float | None = None
    complaint: str = ""
    asking: str = ""
    confirm: str = ""
    has_py_spy: bool = False
    native_tool: str = ""


_WORDS: Final = {
    PYTHON: "Python stacks, not paused",
    PAUSED: "Python stacks, paused",
    NATIVE: "native stacks, paused",
}


def sheet(subject: Subject) -> Sheet:
    """The stacks, and below them how to ask again; above them where nothing was asked yet."""
    facts = subject.facts if isinstance(subject.facts, StacksFacts) else StacksFacts()
    keys = Section("keys", "Ask for stacks" if not facts.how else "Ask again", tuple(_keys(facts)))
    if not facts.how:
        return Sheet((keys, *_failed(facts)))
    return Sheet(
        (_head(facts), Section("stacks", "Stacks", table=_table(subject, facts.traces)), *_failed(facts), keys)
    )


def _keys(facts: StacksFacts) -> Iterator[Entry]:
    missing = "py-spy is not installed: pip install 'threadtop[stacks]'"
    python = "Python stacks of all threads; the process is not paused" if facts.has_py_spy else missing
    yield Entry("python", _asking(facts, PYTHON, python), None, role="b")
    paused = "the same with the process paused for some ms: all of one moment" if facts.has_py_spy else missing
    yield Entry("blocking", _asking(facts, PAUSED, paused), None)
    native = (
        f"native stacks by {facts.native_tool}: the process is paused while it reads, some 0.1 to 10 s"
        if facts.native_tool
        else "native stacks need a tool: apt-get install elfutils (eu-stack), or gdb"
    )
    yield Entry("native", _asking(facts, NATIVE, native), None)


def _asking(facts: StacksFacts, how: str, words: str) -> str:
    if facts.asking == how:
        return "is being asked for"
    return f"press again: it pauses the process. {words}" if facts.confirm == how else words


def _failed(facts: StacksFacts) -> Iterator[Section]:
    if facts.complaint:
        yield Section("failure", "", (Entry("complaint", facts.complaint, facts.complaint, role="r"),))


def _head(facts: StacksFacts) -> Section:
    asked = Entry("asked", f"{_WORDS[facts.how]}, {text.duration(facts.age_s)} ago", facts.how)
    if facts.how == PYTHON:
        return Section("asked", "", (asked,))
    paused = f"about {facts.paused_s * 1e3:.0f} ms" if facts.paused_s is not None else "less than could be seen"
    value = round(facts.paused_s * 1e3, 1) if facts.paused_s is not None else None
    return Section("asked", "", (asked, Entry("paused_ms", paused, value, role="y")))


def _table(subject: Subject, traces: Sequence[Trace]) -> Table:
    """A row for each frame; threads with the same stack share it, those that hold the GIL and the rarest first."""
    groups: dict[tuple[str, ...], list[Trace]] = {}
    for trace in traces:
        groups.setdefault(trace.frames, []).append(trace)
    ranked = sorted(groups.items(), key=lambda one: (not any(t.has_gil for t in one[1]), len(one[1]), one[1][0].tid))
    records = []
    for frames, members in ranked:
        named = ", ".join(f"{trace.name} {trace.tid}".strip() for trace in members[:_MOST_NAMED])
        more = f" and {len(members) - _MOST_NAMED} more" if len(members) > _MOST_NAMED else ""
        tids = [trace.tid for trace in members]
        holds = any(trace.has_gil for trace in members)
        known = any(trace.has_gil is not None for trace in members)
        link = Link(subject.process.pid, tids[0])
        records.append(
            Record(
                ("head", tids[0]),
                (str(len(members)), "GIL" if holds else "", f"{named}{more}"),
                (tids, holds if known else None, None),
                role="G" if holds else "b",
                link=link,
            )
        )
        records += [
            Record((depth, tids[0]), ("", "", f"  {frame}"), (tids, holds if known else None, frame), link=link)
            for depth, frame in enumerate(frames or ("(no frame is known)",))
        ]
    columns = (Column("threads", 7, right=True), Column("gil", 3), Column("frame"))
    return Table(columns, records, empty="no thread has a stack of this kind")
