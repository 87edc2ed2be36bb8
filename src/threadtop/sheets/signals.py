"""The Signals pane: how a process takes signals, what is pending, who blocks what, its timers; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text, waits
from threadtop.inside.signals import SignalFacts
from threadtop.procfs import signals
from threadtop.sheets import endings
from threadtop.sheets.sheet import NOT_YET, Column, Entry, Link, Record, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.inside.signals import TimerFd
    from threadtop.sheets.sheet import Subject

# What happens where a program says nothing (signal(7)): terminate, dump core, stop, go on, or nothing.
_CORE: Final = frozenset(("QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "SEGV", "XCPU", "XFSZ", "SYS"))
_STOP: Final = frozenset(("STOP", "TSTP", "TTIN", "TTOU"))
_NOTHING: Final = frozenset(("CHLD", "URG", "WINCH"))
_ASKED_FOR: Final = ("TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "PIPE", "CHLD", "ALRM")
_CLOCKS: Final = {
    0: "realtime",
    1: "monotonic",
    2: "process CPU",
    3: "thread CPU",
    7: "boottime",
    8: "realtime alarm",
    9: "boottime alarm",
    11: "TAI",
}
_NEARLY_ALL: Final = 48  # signals
_CLOCK_BITS, _CLOCK_OF_THREAD = 3, 4  # include/linux/posix-timers.h
_MOST_TIDS: Final = 8  # of those with one mask that are named

HIDDEN: Final = "may not be read: see below"

TERMS: Final = by_key(
    Term(
        "pending",
        "pending",
        "Signals sent to the process that no thread has taken yet. One that stays here is blocked by all of its "
        "threads.",
        "/proc/PID/status ShdPnd; signal(7)",
    ),
    Term(
        "thread_pending",
        "pending, threads",
        "Signals sent to single threads, not taken yet. A thread that blocks them keeps them waiting.",
        "/proc/PID/task/TID/status SigPnd",
    ),
    Term(
        "queued",
        "queued",
        "Signals that wait in queues, of all of this user's processes, and how many may. Beyond that sigqueue(3) "
        "and timers fail.",
        "/proc/PID/status SigQ; limits, Max pending signals",
    ),
    Term(
        "caught",
        "caught",
        "Signals for which it has a handler of its own. What the handler does cannot be seen from outside.",
        "/proc/PID/status SigCgt; sigaction(2)",
    ),
    Term(
        "ignored",
        "ignored",
        "Signals that have no effect on it. An ignored HUP survives the end of its terminal (nohup).",
        "/proc/PID/status SigIgn",
    ),
    Term(
        "blocked",
        "blocked, main",
        "Signals that the main thread does not take now. Others may take them in its place.",
        "/proc/PID/status SigBlk; sigprocmask(2)",
    ),
    Term(
        "signal",
        "signal",
        "The signal by its name without SIG. kill -l lists their numbers.",
        "signal(7)",
    ),
    Term(
        "number",
        "number",
        "Its number on this machine. Real-time signals begin at 34 for programs.",
        "signal(7)",
    ),
    Term(
        "effect",
        "effect",
        "What happens when it is taken: its own handler runs, nothing, or what the kernel does by default. KILL and "
        "STOP cannot be caught or ignored.",
        "/proc/PID/status SigCgt, SigIgn; signal(7)",
    ),
    Term(
        "blocked_by",
        "blocked by",
        "How many of its threads block it. Where all do, it stays pending.",
        "/proc/PID/task/TID/status SigBlk",
    ),
    Term(
        "threads",
        "threads",
        "How many threads have this mask. Threads inherit it from the one that starts them.",
        "/proc/PID/task/TID/status",
    ),
    Term(
        "tids",
        "thread ids",
        "Which threads these are, the first of them. Enter opens the first one.",
        "/proc/PID/task/TID",
    ),
    Term(
        "mask",
        "blocks",
        "The signals that these threads block. Libraries often block all in their own threads, so that the "
        "program's own take them.",
        "/proc/PID/task/TID/status SigBlk",
    ),
    Term(
        "timer",
        "timer",
        "The id of a POSIX timer. It sends a signal or starts a thread each time it runs out.",
        "/proc/PID/timers; timer_create(2)",
    ),
    Term(
        "notify",
        "tells",
        "How it tells: by a signal to the process or to one thread, by a thread, or not at all. The number is whom "
        "it tells.",
        "/proc/PID/timers",
    ),
    Term(
        "clock",
        "clock",
        "The clock that it runs on. A CPU clock stands still while the process sleeps.",
        "/proc/PID/timers, fdinfo; clock_gettime(2)",
    ),
    Term(
        "fd",
        "fd",
        "The descriptor of a timerfd: a timer that is read like a file. Event loops use them.",
        "/proc/PID/fdinfo; timerfd_create(2)",
    ),
    Term(
        "value_s",
        "fires in",
        "The time until it fires next. - means that it is disarmed; one that has fired goes on once it is read.",
        "/proc/PID/fdinfo/FD it_value",
    ),
    Term(
        "interval_s",
        "every",
        "The time between two firings after that. - means that it fires once.",
        "/proc/PID/fdinfo/FD it_interval",
    ),
    Term(
        "unread",
        "not read",
        "How often it has fired since the program read it last. A number that grows is a program that does not come to "
        "its timer.",
        "/proc/PID/fdinfo/FD ticks",
    ),
)


def sheet(subject: Subject) -> Sheet:
    """Signals of the process, of its threads, timers."""
    facts = subject.facts
    if not isinstance(facts, SignalFacts):
        return NOT_YET
    return Sheet(
        (
            Section("signals", "Signals of the process", tuple(_process(facts))),
            Section("dispositions", "How it takes them", table=_dispositions(facts)),
            _masks(facts, subject),
            _timers(facts),
            _timerfds(facts),
        ),
        endings.why(subject.process, "signals do not reach it", "it takes no signals, not even KILL"),
        denials=facts.denials,
    )


def _names(facts: SignalFacts, key: str) -> list[str] | None:
    return signals.names(facts.status.get(key, ""))


def _numbers(facts: SignalFacts, key: str) -> list[int] | None:
    return signals.numbers(facts.status.get(key, ""))


def _listed(key: str, found: list[int] | None, *, is_news: bool = False) -> Entry:
    if found is None:
        return Entry(key, text.UNKNOWN, None)
    return Entry(key, signals.words(found), [*map(signals.name, found)], role="y" if found and is_news else " ")


def _process(facts: SignalFacts) -> Iterator[Entry]:
    yield _listed("pending", _numbers(facts, "ShdPnd"), is_news=True)
    yield _of_threads(facts)
    count, _, most = facts.status.get("SigQ", "").partition("/")
    value = {"queued": int(count), "limit": int(most)} if count.isdigit() and most.isdigit() else None
    yield Entry(
        "queued", f"{text.thousands(int(count))} of {text.thousands(int(most))}" if value else text.UNKNOWN, value
    )
    yield _listed("caught", _numbers(facts, "SigCgt"))
    yield _listed("ignored", _numbers(facts, "SigIgn"))
    yield _listed("blocked", _numbers(facts, "SigBlk"))


def _of_threads(facts: SignalFacts) -> Entry:
    """What waits for single threads, and for which."""
    waiting: dict[int, list[int]] = {}
    for tid, (pending, _) in facts.masks.items():
        for number in signals.numbers(pending) or ():
            waiting.setdefault(number, []).append(tid)
    shown = [f"{signals.name(number)} for {_tids(tids)}" for number, tids in sorted(waiting.items())]
    value = [{"signal": signals.name(number), "tids": tids[:_MOST_TIDS]} for number, tids in sorted(waiting.items())]
    return Entry("thread_pending", ", ".join(shown) or "none", value, role="y" if shown else " ")


def _tids(tids: list[int]) -> str:
    """The first of them."""
    return " ".join(map(str, tids[:_MOST_TIDS])) + (" …" if len(tids) > _MOST_TIDS else "")


def effect(name: str, caught: set[str], ignored: set[str]) -> str:
    """What a signal does to a process."""
    if name in caught:
        return "its own handler"
    if name in ignored:
        return "ignored"
    if name in _NOTHING:
        return "nothing, by default"
    if name == "CONT":
        return "goes on, if stopped"
    if name in _STOP:
        return "stops"
    return "ends it, with a core dump" if name in _CORE else "ends it"


def _dispositions(facts: SignalFacts) -> Table:
    """The signals that are asked for most, then all others with a handler, ignored or blocked somewhere."""
    caught, ignored = set(_names(facts, "SigCgt") or ()), set(_names(facts, "SigIgn") or ())
    blocked: dict[str, int] = {}
    for _, mask in facts.masks.values():
        for name in signals.names(mask) or ():
            blocked[name] = blocked.get(name, 0) + 1
    # A library that blocks all signals in its threads is no reason to list them all.
    told = caught if len(ignored) >= _NEARLY_ALL else caught | ignored  # as threads of the kernel do
    others = [name for name in signals.NAMES if name not in _ASKED_FOR and name in told]
    numbers = {signals.name(number): number for number in range(1, signals.MOST + 1)}
    real_time = [name for name in numbers if name not in signals.NAMES and name in told]
    records = []
    for name in (*_ASKED_FOR, *others, *real_time):
        what, by = effect(name, caught, ignored), blocked.get(name, 0)
        is_shut = by and by == len(facts.masks)
        shown = f"all {by}" if is_shut else str(by) if by else "none"
        record = (name, str(numbers[name]), what, shown)
        records.append(Record(name, record, (name, numbers[name], what, by), role="y" if is_shut else " "))
    columns = (
        Column("signal", 10),
        Column("number", 6, right=True, is_spare=True),
        Column("effect", 28),
        Column("blocked_by", 12),
    )
    return Table(columns, records)


def _masks(facts: SignalFacts, subject: Subject) -> Section:
    """Threads by what they block, the most common mask first."""
    by_mask: dict[str, list[int]] = {}
    for tid, (_, mask) in facts.masks.items():
        by_mask.setdefault(mask, []).append(tid)
    records = []
    for mask, tids in sorted(by_mask.items(), key=lambda one: -len(one[1])):
        entry = _listed("mask", signals.numbers(mask))
        values = (len(tids), tids[:_MOST_TIDS], entry.value)
        link = Link(subject.process.pid, tids[0])
        records.append(Record(mask, (str(len(tids)), _tids(tids), entry.shown), values, link=link))
    columns = (Column("threads", 7, right=True), Column("tids", 40), Column("mask"))
    total = len(subject.process.threads)
    left = total - len(facts.masks)
    notes = (f"{len(facts.masks):,} of {total:,} threads have been read so far",) if left > 0 else ()
    return Section("masks", "What threads block", table=Table(columns, records), notes=notes)


def _clock(number: int | None) -> str:
    """A clock by its number (clock_gettime(2)); those of a process's or a thread's CPU time hold its id."""
    if number is None:
        return text.UNKNOWN
    if number < 0:
        whose, kind = ~(number >> _CLOCK_BITS), "thread" if number & _CLOCK_OF_THREAD else "process"
        return f"CPU of {kind} {whose}" if whose else f"CPU of the {kind}"
    return _CLOCKS.get(number, str(number))


def _timers(facts: SignalFacts) -> Section:
    if facts.timers is None:
        is_denied = any(one.what == "timers" for one in facts.denials)
        return Section("timers", "POSIX timers", notes=(HIDDEN if is_denied else "this kernel does not list them",))
    records = [
        Record(
            one.number,
            (str(one.number), signals.name(one.signal), f"{one.notify} {one.pid}", _clock(one.clock)),
            (one.number, signals.name(one.signal), f"{one.notify} {one.pid}", _clock(one.clock)),
        )
        for one in facts.timers
    ]
    columns = (Column("timer", 6, right=True), Column("signal", 10), Column("notify", 30), Column("clock"))
    return Section("timers", "POSIX timers", table=Table(columns, records))


def _timerfds(facts: SignalFacts) -> Section:
    if facts.timerfds is None:
        return Section("timerfds", "Timer descriptors", notes=(HIDDEN if facts.denials else "it has none",))
    records = [
        Record(
            one.fd,
            (str(one.fd), _clock(one.clock), _next(one), _span(one.interval_ns), text.thousands(one.unread)),
            (one.fd, _clock(one.clock), _seconds(one.value_ns), _seconds(one.interval_ns), one.unread),
            role="y" if one.unread else " ",
        )
        for one in facts.timerfds
    ]
    columns = (
        Column("fd", 6, right=True),
        Column("clock"),
        *(Column(key, 12) for key in ("value_s", "interval_s", "unread")),
    )
    notes: tuple[str, ...] = ()
    if facts.looked < facts.descriptors:
        looked, of = text.thousands(facts.looked), text.thousands(facts.descriptors)
        notes = (f"{looked} of {of} descriptors have been looked at so far",)
    return Section("timerfds", "Timer descriptors", table=Table(columns, records), notes=notes)


def _next(one: TimerFd) -> str:
    """When it fires; the kernel winds up one that has fired only as it is read."""
    return "has fired" if one.value_ns == 0 and one.unread else _span(one.value_ns)


def _span(ns: int | None) -> str:
    return waits.span(ns) if ns else text.UNKNOWN


def _seconds(ns: int | None) -> float | None:
    return ns / 1e9 if ns else None
