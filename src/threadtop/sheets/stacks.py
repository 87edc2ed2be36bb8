"""The Stacks pane: what the keys would ask for and at what price, and the stacks that were asked for; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from threadtop import text
from threadtop.sheets.sheet import Column, Entry, Link, Record, Request, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from threadtop.sheets.sheet import Subject
    from threadtop.snapshot import ProcessRow

PYTHON, PAUSED, NATIVE = "python", "blocking", "native"
BLOCKING: Final = Request("b", PAUSED, "paused", "Python stacks with the process paused (press twice)")
NATIVES: Final = Request("v", NATIVE, "native", "native stacks, by a tool that pauses the process (press twice)")
CONFIRM_S: Final = 5  # within which a key that pauses the process is to be pressed again
_MOST_NAMED: Final = 6  # threads with one stack that are named
_MOST_OTHERS: Final = 40  # threads without a stack that are named
_STATES: Final = {
    "R": "running",
    "S": "sleeps",
    "D": "sleeps, uninterruptible",
    "T": "stopped",
    "t": "stopped",
    "Z": "has ended",
}
_PAUSE_MS: Final = {(PAUSED, "py-spy"): (10, 1), (NATIVE, "py-spy"): (100, 2), (NATIVE, "gdb"): (1000, 2)}
"""What was measured on two cores: milliseconds, and as many more for each thread; by how and by which tool."""

TERMS: Final = by_key(
    Term(
        "python",
        "y",
        "Python stacks by py-spy, read from memory while the process runs on. Frames that change meanwhile are "
        "asked for again, and may be torn all the same.",
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
        "Stacks of C functions, of any program; of a Python that py-spy knows, with Python's frames between them. The "
        "process is paused for as long as they are read, and for 15 s at the most: then the tool is ended. eu-stack "
        "pauses one thread after the other, for some ms each.",
        "py-spy dump --native, eu-stack -p, or gdb -batch -p; ptrace(2)",
    ),
    Term(
        "asked",
        "asked",
        "When these stacks were read, how, and by which tool. They do not refresh by themselves.",
        "threadtop",
    ),
    Term(
        "paused_ms",
        "paused for",
        "How long a tracer held the main thread, from the last look before to the first one after, with two looks "
        "a millisecond. The tool takes longer, for it starts and writes while the process runs.",
        "/proc/PID/status TracerPid",
    ),
    Term(
        "complaint",
        "it failed",
        "What went wrong, and what helps. What was read before still stands.",
        "the tool",
    ),
    Term(
        "others",
        "no Python frames",
        "Threads that run no Python now: those of native libraries (BLAS, gRPC), and Python's own as they begin or "
        "end. Native stacks tell what they do.",
        "/proc/PID/task, without those that py-spy knows",
    ),
    Term(
        "threads",
        "threads",
        "The threads that have this very stack, the innermost frame first; with their states just before it was read. "
        "Enter opens the first one.",
        "py-spy, eu-stack or gdb; /proc/PID/task/TID/stat",
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
    """One thread's stack: its name, "" for none, frames innermost first; ``has_gil`` None is not known.

    ``tid`` 0 is not known; ``state`` is as in proc(5), just before the stack was read, "" not known.
    """

    tid: int
    name: str
    frames: tuple[str, ...]
    has_gil: bool | None = None
    state: str = ""


class StacksFacts(NamedTuple):
    """What was asked for: ``how`` "" for nothing yet, by which ``tool``, ``age_s`` since then.

    ``others`` are threads that the tool said nothing of; ``paused_s`` is how long the process was paused at most,
    None where no pause was seen, ``took_s`` how long the tool ran.  ``asking`` is what is being asked for now,
    ``confirm`` what waits for a second press; ``native_tool`` is the program for native stacks, "" where there is
    none; ``is_readonly``: no process may be paused (--readonly); ``is_printed``: there are no keys to press.
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
    others: tuple[Trace, ...] = ()
    tool: str = ""
    took_s: float | None = None
    is_readonly: bool = False
    is_printed: bool = False


_WORDS: Final = {
    PYTHON: "Python stacks, not paused",
    PAUSED: "Python stacks, paused",
    NATIVE: "native stacks, paused",
}
_NO_PY_SPY: Final = "py-spy is not installed: pip install 'threadtop[stacks]'"
_NO_TOOL: Final = "native stacks need a tool: apt-get install elfutils (eu-stack), or gdb"
_READONLY: Final = "would pause the process: not with --readonly"


def sheet(subject: Subject) -> Sheet:
    """The stacks, and below them how to ask again; nothing but that where nothing was asked yet."""
    facts = subject.facts if isinstance(subject.facts, StacksFacts) else StacksFacts()
    keys = Section("keys", "Ask again" if facts.how else "Ask for stacks", tuple(_keys(facts, subject)))
    notes = tuple(_notes(facts, subject.process))
    if not facts.how:
        return Sheet((*_failed(facts), keys), notes)
    made = Section("stacks", "Stacks", table=_table(facts.traces, subject.process.pid))
    return Sheet((*_failed(facts), _head(facts), made, *(() if facts.is_printed else (keys,))), notes)


def confirm_words(facts: StacksFacts, process: ProcessRow) -> str:
    """What a second press would do."""
    key = next((one.key for one in (BLOCKING, NATIVES) if one.name == facts.confirm), "")
    pause = _pause(facts, facts.confirm, process.thread_count)
    return f"press {key} again within {CONFIRM_S} s to pause process {process.pid} for {pause}"


def _pause(facts: StacksFacts, how: str, threads: int) -> str:
    """For about how long: as it was the last time, else as it mostly is."""
    tool = facts.native_tool if how == NATIVE else "py-spy"
    if facts.how == how and facts.tool == tool and facts.paused_s is not None:
        return f"about {_about(facts.paused_s * 1e3)}, as the last time"
    if (how, tool) not in _PAUSE_MS:
        return "some ms, one thread after the other"  # eu-stack
    fixed, each = _PAUSE_MS[how, tool]
    return f"about {_about(fixed + each * threads)}"


def _about(milliseconds: float) -> str:
    """One digit: more of them would be made up."""
    digits = 10 ** (len(str(max(1, round(milliseconds)))) - 1)
    rounded = max(1, round(milliseconds / digits) * digits)
    return f"{rounded} ms" if rounded < 1000 else f"{rounded / 1000:.0f} s"  # noqa: PLR2004


def _rounded_ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 1)


def _milliseconds(seconds: float) -> str:
    return f"{max(1.0, seconds * 1e3):.0f} ms"


def _notes(facts: StacksFacts, process: ProcessRow) -> Iterator[str]:
    """What goes on now stands above everything: a long list may hide the keys."""
    if facts.asking:
        yield f"{_WORDS[facts.asking]}: being asked for"
    if facts.confirm:
        yield confirm_words(facts, process)


def _keys(facts: StacksFacts, subject: Subject) -> Iterator[Entry]:
    threads = subject.process.thread_count
    is_python = subject.process.gil is not None
    python = "Python stacks of all threads; the process is not paused"
    seen = "" if is_python else "no CPython was seen in this process so far"
    yield Entry("python", python if facts.has_py_spy else _NO_PY_SPY, None, seen, "b" if is_python else ".")
    paused = f"the same, all of one moment: pauses the process for {_pause(facts, PAUSED, threads)}"
    words = _may(facts, paused if facts.has_py_spy else _NO_PY_SPY, PAUSED)
    yield Entry("blocking", words, None, role=_role(facts, PAUSED))
    native = f"native stacks by {facts.native_tool}: pauses the process for {_pause(facts, NATIVE, threads)}"
    if facts.native_tool == "gdb":
        native += ", or longer where there is much to load"
    words = _may(facts, native if facts.native_tool else _NO_TOOL, NATIVE)
    yield Entry("native", words, None, role=_role(facts, NATIVE))


def _may(facts: StacksFacts, words: str, how: str) -> str:
    if facts.is_readonly:
        return _READONLY
    return f"press again: {words}" if facts.confirm == how else words


def _role(facts: StacksFacts, how: str) -> str:
    return "y" if facts.confirm == how else " "


def _failed(facts: StacksFacts) -> Iterator[Section]:
    if facts.complaint:
        yield Section("failure", "", (Entry("complaint", facts.complaint, facts.complaint, role="r"),))


def _head(facts: StacksFacts) -> Section:
    by = f", by {facts.tool}" if facts.tool else ""
    distinct = len({trace.frames for trace in facts.traces})
    stacks = "one stack" if distinct == 1 else f"{distinct} different stacks"
    counted = f"{text.many(len(facts.traces), 'thread')}, {stacks}" if facts.traces else ""
    when = "" if facts.is_printed else f", {text.duration(facts.age_s)} ago"
    value = {"how": facts.how, "tool": facts.tool or None, "took_ms": _rounded_ms(facts.took_s)}
    entries = [Entry("asked", f"{_WORDS[facts.how]}{by}{when}", value, counted)]
    if facts.how != PYTHON:
        took = f"{facts.tool or 'the tool'} took {_milliseconds(facts.took_s)}" if facts.took_s is not None else ""
        if facts.tool == "eu-stack":
            took = f"the main thread; the others in their turn; {took}"
        if facts.paused_s is not None:
            shown = f"at most {_milliseconds(facts.paused_s)}"
            entries.append(Entry("paused_ms", shown, _rounded_ms(facts.paused_s), took, "y"))
        else:
            entries.append(Entry("paused_ms", "less than could be seen", None, took))
    if facts.others:
        entries.append(_others(facts.others))
    return Section("asked", "", tuple(entries))


def _others(others: Sequence[Trace]) -> Entry:
    """Threads without Python frames, in short."""
    named = ", ".join(_called(trace) for trace in others[:_MOST_OTHERS])
    more = f" and {len(others) - _MOST_OTHERS} more" if len(others) > _MOST_OTHERS else ""
    return Entry("others", f"{len(others)}: {named}{more}", [_member(trace) for trace in others], role=".")


def _called(trace: Trace) -> str:
    return f"{trace.name} {trace.tid or ''}".strip() or text.UNKNOWN


def _member(trace: Trace) -> dict[str, Any]:
    """A thread as JSON has it."""
    return {
        "tid": trace.tid or None,
        "name": trace.name or None,
        "state": trace.state or None,
        "holds_gil": trace.has_gil,
    }


def _table(traces: Sequence[Trace], pid: int) -> Table:
    """A row for each frame; threads with the same stack share it, those that hold the GIL and the rarest first."""
    groups: dict[tuple[str, ...], list[Trace]] = {}
    for trace in traces:
        groups.setdefault(trace.frames, []).append(trace)
    ranked = sorted(groups.items(), key=lambda one: (not any(t.has_gil for t in one[1]), len(one[1]), one[1][0].tid))
    records: list[Record] = []
    for number, (frames, members) in enumerate(ranked):
        records += _lines(frames, sorted(members, key=lambda trace: (not trace.has_gil, trace.tid)), pid, number)
    data = [{"threads": [_member(trace) for trace in members], "frames": list(frames)} for frames, members in ranked]
    columns = (Column("threads", 7, right=True), Column("gil", 3), Column("frame"))
    return Table(columns, records, empty="no thread has a stack of this kind", data=data)


def _lines(frames: Sequence[str], members: Sequence[Trace], pid: int, number: int) -> Iterator[Record]:
    """Who has a stack, and a line for each of its frames."""
    holds = bool(members[0].has_gil)
    known = any(trace.has_gil is not None for trace in members)
    tids = [trace.tid for trace in members if trace.tid]
    link = Link(pid, tids[0]) if tids else None
    # Without a tid (before 3.11) the place in the list is all there is to keep the cursor by.
    mark = tids[0] if tids else -number
    yield Record(
        ("head", mark),
        (str(len(members)), "GIL" if holds else "", _who(members)),
        (tids, holds if known else None, None),
        role="G" if holds else "b",
        link=link,
    )
    for depth, frame in enumerate(frames or ("(no frame is known)",)):
        yield Record((depth, mark), ("", "", f"  {frame}"), (tids, holds if known else None, frame), link=link)


def _who(members: Sequence[Trace]) -> str:
    """The threads of a stack by name, the one that holds the GIL first, and what they were doing."""
    holder = f"{_called(members[0])} holds the GIL" if members[0].has_gil and len(members) > 1 else ""
    named = ", ".join([holder or _called(members[0]), *(_called(trace) for trace in members[1:_MOST_NAMED])])
    more = f" and {len(members) - _MOST_NAMED} more" if len(members) > _MOST_NAMED else ""
    states = Counter(_STATES.get(trace.state, trace.state) for trace in members if trace.state)
    if len(states) == 1:
        (doing,) = states
    else:
        doing = ", ".join(f"{count} {state}" for state, count in states.most_common())
    if len(members) == 1:
        return f"{named}: {doing}" if doing else named
    return f"{doing}: {named}{more}" if doing else f"{named}{more}"  # a long list may be cut at its end
