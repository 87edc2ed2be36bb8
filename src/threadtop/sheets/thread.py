"""The Thread pane: one thread, what it does now first, then where its time goes, then what it is; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import bars, text, time_rows, waits
from threadtop.inside.thread import ThreadFacts
from threadtop.procfs import signals
from threadtop.sample import TICK_NS
from threadtop.sheets.sheet import NOT_YET, Entry, Section, Sheet, Term, by_key
from threadtop.snapshot import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.inside.thread import Place
    from threadtop.sheets.sheet import Subject
    from threadtop.snapshot import ThreadRow

_MUCH_PCT: Final = 20.0  # of waiting for a CPU: it is the news
BAR: Final = 40  # cells of the time bar, and seconds of its history
_STATES: Final = {
    "R": "runnable: running, or waiting for a CPU",
    "S": "asleep",
    "D": "asleep, uninterruptible (mostly the disk)",
    "T": "stopped",
    "t": "stopped by a tracer",
    "Z": "ended, not reaped",
    "I": "idle kernel thread",
    "X": "dead",
}
_WORDS: Final = {"gil": "GIL", "pipe": "pipe or local socket", "poll": "idle in poll", "unknown": "not known"}
TERMS: Final = by_key(
    Term(
        "state",
        "state",
        "Whether it could run: R is runnable, S and D are asleep, T stopped. R does not say that it is on a CPU; the "
        "run-queue wait below does.",
        "/proc/PID/task/TID/stat field 3; proc(5)",
    ),
    Term(
        "reason",
        "why",
        "The call it sleeps in, with what it waits for: lock, file, peer, child or time. It is one look at one moment.",
        "state, wchan and syscall of /proc/PID/task/TID",
    ),
    Term(
        "syscall",
        "system call",
        "The call with its arguments as the kernel has them, in hexadecimal. A thread that runs is in none, and says "
        "so.",
        "/proc/PID/task/TID/syscall; syscall(2)",
    ),
    Term(
        "program_counter",
        "program counter",
        "The instruction after which it went to sleep, as file and offset, and as function where the file names it. It "
        "is known only while it is blocked.",
        "/proc/PID/task/TID/syscall, maps; elf(5)",
    ),
    Term(
        "stack_pointer",
        "stack pointer",
        "The address of the top of its stack. It is known only while it is blocked.",
        "/proc/PID/task/TID/syscall",
    ),
    Term(
        "wchan",
        "wait channel",
        "The kernel function it sleeps in. It tells the kind of waiting where the call may not be read.",
        "/proc/PID/task/TID/wchan",
    ),
    Term(
        "kernel_stack",
        "kernel stack",
        "The kernel functions that led to where it sleeps, innermost first. Only an administrator may read it.",
        "/proc/PID/task/TID/stack; CAP_SYS_ADMIN",
    ),
    Term(
        "time_bar",
        "time bar",
        "Its last interval, divided: blocks are exact, letters are sampled looks. All parts add up to 100 %.",
        "schedstat (ns), stat; state, wchan and syscall",
    ),
    Term(
        "history",
        "last seconds",
        "What took most of each interval, the newest at the right. The letters are those of the time bar.",
        "as the time bar",
    ),
    Term(
        "cpu_pct",
        "CPU",
        "Share of one core it ran on. User is its own code, system the kernel's on its behalf.",
        "schedstat field 1 (ns); stat fields 14 and 15 (ticks)",
    ),
    Term(
        "wait_pct",
        "run-queue wait",
        "Share of the time it was ready and waited for a CPU. It is exact, in ns.",
        "schedstat field 2",
    ),
    Term(
        "blocked",
        "blocked",
        "What it was blocked on for the rest, in % of all its time. These are sampled, with the error beside them.",
        "looks at state, wchan and syscall",
    ),
    Term(
        "cpu_s",
        "CPU time",
        "What it ran since it began, and how that divides. The division comes from ticks.",
        "schedstat field 1; stat fields 14 and 15",
    ),
    Term(
        "vol_per_s",
        "voluntary",
        "Switches a second at which it gave up the CPU because it had to wait. Many of them with little work each mean "
        "chatter: locks, small reads.",
        "/proc/PID/task/TID/status voluntary_ctxt_switches",
    ),
    Term(
        "invol_per_s",
        "involuntary",
        "Switches a second at which the CPU was taken from it. Many mean that more threads want CPUs than there are.",
        "/proc/PID/task/TID/status nonvoluntary_ctxt_switches",
    ),
    Term(
        "run_length_us",
        "mean run",
        "How long it ran each time it was given a CPU, over its whole life. Below some tens of microseconds, switching "
        "costs as much as the work.",
        "schedstat fields 1 and 3",
    ),
    Term(
        "switch_cost_pct",
        "cost of switches",
        "Switches a second times what one costs on this machine, in % of a core: an estimate. Cold caches after a "
        "switch come on top.",
        "status; measured by threadtop between two of its own threads",
    ),
    Term(
        "migrations_per_s",
        "migrations",
        "How often it moved to another CPU, where its caches are cold. The first figure counts from its start.",
        "/proc/PID/task/TID/sched se.nr_migrations",
    ),
    Term(
        "last_cpu",
        "last CPU",
        "The CPU it ran on last. It may be another one now, if it is allowed others.",
        "/proc/PID/task/TID/stat field 39",
    ),
    Term(
        "affinity",
        "allowed CPUs",
        "The CPUs it may run on. A thread that waits while other CPUs idle is often bound to too few.",
        "/proc/PID/task/TID/status Cpus_allowed_list; sched_setaffinity(2)",
    ),
    Term(
        "memory_nodes",
        "memory nodes",
        "The NUMA nodes its memory may come from. One machine in most cases has one.",
        "/proc/PID/task/TID/status Mems_allowed_list; numa(7)",
    ),
    Term(
        "policy",
        "policy",
        "How the scheduler treats it: other is the usual fair share, fifo and rr are real time. A real-time thread "
        "that spins starves its CPU.",
        "/proc/PID/task/TID/stat field 41; sched(7)",
    ),
    Term(
        "priority",
        "priority",
        "The kernel's number and the nice value: -20 gets most of a CPU, 19 least. Below 0 is real time.",
        "/proc/PID/task/TID/stat fields 18, 19, 40",
    ),
    Term(
        "stack_bytes",
        "stack",
        "The mapping that the stack pointer is in. Reserved address space costs nothing until it is touched.",
        "/proc/PID/maps",
    ),
    Term(
        "stack_used_bytes",
        "stack in use",
        "From the stack pointer to the upper end, now. A deep recursion shows here before it overflows.",
        "/proc/PID/task/TID/syscall, /proc/PID/maps",
    ),
    Term(
        "minor_faults",
        "page faults",
        "Minor ones found the page in memory, major ones had to read it from disk. Major faults are waits for the "
        "disk that no read call shows.",
        "/proc/PID/task/TID/stat fields 10 and 12",
    ),
    Term(
        "read_bytes",
        "read from disk",
        "Bytes that reached the storage for its sake since it began. Reads served from memory do not count.",
        "/proc/PID/task/TID/io read_bytes",
    ),
    Term(
        "write_bytes",
        "written to disk",
        "Bytes it made dirty for the storage since it began. They may be written later, by the kernel.",
        "/proc/PID/task/TID/io write_bytes",
    ),
    Term(
        "io_calls",
        "read, write calls",
        "How often it called read and write and their kin. The bytes may have gone to pipes and sockets.",
        "/proc/PID/task/TID/io syscr, syscw",
    ),
    Term(
        "signals_pending",
        "pending",
        "Signals sent to this thread alone that it has not taken. One that is blocked stays here.",
        "/proc/PID/task/TID/status SigPnd; signal(7)",
    ),
    Term(
        "signals_blocked",
        "blocked signals",
        "Signals it does not take now. Each thread has a mask of its own; libraries often block all in their threads.",
        "/proc/PID/task/TID/status SigBlk; pthread_sigmask(3)",
    ),
    Term(
        "tid",
        "thread id",
        "Its number for the kernel, in decimal and as nid in a JVM's dump. The main thread's is the PID.",
        "/proc/PID/task/TID; gettid(2)",
    ),
    Term(
        "name",
        "name",
        "What it calls itself, at most 15 bytes. Any thread of the process may change it.",
        "/proc/PID/task/TID/comm; prctl(2)",
    ),
    Term(
        "role",
        "role",
        "What it is for, as far as runtimes name their threads. It is a hint.",
        "/proc/PID/task/TID/comm",
    ),
    Term(
        "age_s",
        "started",
        "When it began, and how long ago. A young thread in an old process is churn.",
        "/proc/PID/task/TID/stat field 22",
    ),
)


def sheet(subject: Subject) -> Sheet:
    """All that is known of one thread."""
    facts, row = subject.facts, subject.process.threads.get(subject.tid)
    if row is None:
        return Sheet((), (f"thread {subject.tid} has ended: choose another one in the Threads pane (Enter)",))
    if not isinstance(facts, ThreadFacts):
        return NOT_YET
    stack = facts.kernel_stack
    return Sheet(
        (
            Section("now", "Now", tuple(_now(row, facts))),
            Section("time", "Where its time goes", tuple(_time(subject, row, facts))),
            Section("switches", "Switches", tuple(_switches(subject, row, facts))),
            Section("scheduling", "Scheduling", tuple(_scheduling(row, facts))),
            Section("stack", "Stack and memory", tuple(_memory(facts))),
            Section("kernel", "", (Entry("kernel_stack", "; ".join(stack) or "empty", list(stack)),) if stack else ()),
            Section("signals", "Signals", tuple(_signals(facts))),
            Section("identity", "Identity", tuple(_identity(subject, row, facts))),
        ),
        denials=facts.denials,
    )


def _now(row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    state = row.state
    words = _STATES.get(state, "")
    yield Entry(
        "state", f"{state}  {words}".rstrip(), state, role="r" if state == "D" else "g" if state == "R" else "b"
    )
    yield Entry("reason", row.reason or text.UNKNOWN, row.reason, role="b")
    yield Entry("syscall", facts.syscall or text.UNKNOWN, facts.syscall, _call_note(row))
    yield _place(facts)
    pointer = facts.stack_pointer
    yield Entry("stack_pointer", f"{pointer:#x}" if pointer else text.UNKNOWN, pointer)
    yield Entry("wchan", row.wchan or text.UNKNOWN, row.wchan)


def _call_note(row: ThreadRow) -> str:
    """The call by its name, and what its descriptor is, in full."""
    blocked = row.blocked
    if blocked is None or not blocked.call:
        return ""
    parts = [blocked.call]
    if blocked.fd is not None:
        parts.append(f"fd {blocked.fd}")
    parts += [one for one in (blocked.target, blocked.local, blocked.peer, blocked.status) if one]
    if blocked.futex is not None:
        parts.append(f"futex {blocked.futex:#x}{' shared' if blocked.is_shared else ''}")
    if blocked.is_forever:
        parts.append(waits.FOR_EVER)
    elif blocked.timeout_ns is not None:
        parts.append(f"at most {waits.span(blocked.timeout_ns)}")
    return ", ".join(parts)


def _place(facts: ThreadFacts) -> Entry:
    place = facts.program_counter
    if place is None:
        is_running = (facts.syscall or "").startswith("running")
        return Entry(
            "program_counter", text.UNKNOWN, None, "it runs: known only while it is blocked" if is_running else ""
        )
    return Entry("program_counter", place_words(place), place._asdict(), f"{place.address:#x}")


def place_words(place: Place) -> str:
    """``libc.so.6+0x8c2a3 (futex_wait+0xf3)``, as much of it as is known."""
    if not place.file:
        return f"{place.address:#x}, in no file"
    words = f"{place.file}+{place.file_offset:#x}"
    return f"{words} ({place.symbol}+{place.symbol_offset:#x})" if place.symbol else words


def _time(subject: Subject, row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    share = row.time
    if share is not None:
        yield Entry("time_bar", bars.bar(share, BAR)[0], {part: round(value, 2) for part, value in share.parts()})
    if subject.history is not None:
        seconds = subject.history.seconds(row.key, BAR, share)
        cells = "".join(bars.sign(one.part, is_hint=one.is_hint)[0] if one else " " for one in seconds)
        yield Entry("history", cells.rjust(BAR) if cells.strip() else text.UNKNOWN, None)
    modes = f"user {text.percent(row.user_pct)}, system {text.percent(row.system_pct)}"
    yield Entry("cpu_pct", f"{text.percent(row.cpu_pct)} %", _rounded(row.cpu_pct), modes, role="b")
    yield Entry(
        "wait_pct",
        f"{text.percent(row.wait_pct)} %",
        _rounded(row.wait_pct),
        role="w" if (row.wait_pct or 0) >= _MUCH_PCT else " ",
    )
    if share is not None and share.blocked:
        yield Entry("blocked", ", ".join(_blocked(share)), {kind: round(part, 2) for kind, part in share.blocked})
    stat = facts.stat
    ticks = f"user {stat.utime_ticks}, system {stat.stime_ticks} ticks" if stat is not None else ""
    yield Entry(
        "cpu_s", text.cpu_time(row.cpu_ns), _rounded(row.cpu_ns / 1e9 if row.cpu_ns is not None else None), ticks
    )


def _blocked(share: time_rows.TimeShare) -> Iterator[str]:
    for kind, part in share.blocked:
        words = f"{_WORDS.get(kind, kind)} {text.percent(part)} %"
        error = share.error_points(kind)
        if share.is_hint:
            yield f"{words} (one look)"
        else:
            yield f"{words} ± {error:.0f}" if error else words
    if share.samples > 1:
        yield f"{share.samples} looks"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _per_s(rate: float | None) -> str:
    return text.UNKNOWN if rate is None else f"{text.rate(rate)}/s"


def _switches(subject: Subject, row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    for key, rate, name in (
        ("vol_per_s", row.vol_per_s, "voluntary_ctxt_switches"),
        ("invol_per_s", row.invol_per_s, "nonvoluntary_ctxt_switches"),
    ):
        count = facts.status.get(name, "")
        total = f"{int(count):,} since it began" if count.isdigit() else ""
        yield Entry(key, _per_s(rate), _rounded(rate), total)
    times = facts.schedstat
    length_us = times.run_ns / times.timeslices / 1e3 if times is not None and times.timeslices else None
    yield Entry(
        "run_length_us", text.UNKNOWN if length_us is None else waits.span(int(length_us * 1e3)), _rounded(length_us)
    )
    cost_ns = subject.snapshot.circumstances.switch_cost_ns if subject.snapshot.circumstances is not None else None
    if cost_ns is not None and row.vol_per_s is not None and row.invol_per_s is not None:
        cost_pct = (row.vol_per_s + row.invol_per_s) * cost_ns / 1e7
        yield Entry("switch_cost_pct", f"~{cost_pct:.1f} %", _rounded(cost_pct), "an estimate")


def _scheduling(row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    moves = facts.sched.get("se.nr_migrations", "")
    yield Entry(
        "migrations_per_s",
        _per_s(facts.migrations_per_s),
        _rounded(facts.migrations_per_s),
        f"{int(moves):,} since it began" if moves.isdigit() else "",
    )
    yield Entry("last_cpu", str(row.last_cpu), row.last_cpu)
    yield _status("affinity", facts, "Cpus_allowed_list")
    yield _status("memory_nodes", facts, "Mems_allowed_list")
    real_time = f", real-time priority {row.rt_priority}" if row.rt_priority else ""
    yield Entry("policy", f"{POLICIES.get(row.policy, str(row.policy))}{real_time}", row.policy_name)
    yield Entry(
        "priority", f"{text.priority(row.priority)}, nice {row.nice}", {"priority": row.priority, "nice": row.nice}
    )


def _status(key: str, facts: ThreadFacts, name: str) -> Entry:
    return Entry(key, facts.status.get(name, text.UNKNOWN), facts.status.get(name))


def _memory(facts: ThreadFacts) -> Iterator[Entry]:
    stack = facts.stack
    if stack is None:
        yield Entry("stack_bytes", text.UNKNOWN, None)
    else:
        size = stack.end - stack.start
        yield Entry("stack_bytes", f"{text.size(size)} reserved", size, f"{stack.start:x}-{stack.end:x}")
        yield Entry("stack_used_bytes", text.size(stack.used_bytes), stack.used_bytes)
    stat, io = facts.stat, facts.io
    if stat is not None:
        value = {"minor": stat.minflt, "major": stat.majflt}
        yield Entry("minor_faults", f"{stat.minflt:,} minor, {stat.majflt:,} major", value)
    for key in ("read_bytes", "write_bytes"):
        count = io.get(key) if io is not None else None
        yield Entry(key, text.size(count), count)
    calls = {"read": io.get("syscr"), "write": io.get("syscw")} if io is not None else None
    shown = f"{text.thousands(calls['read'])} and {text.thousands(calls['write'])}" if calls else text.UNKNOWN
    yield Entry("io_calls", shown, calls)


def _signals(facts: ThreadFacts) -> Iterator[Entry]:
    for key, name in (("signals_pending", "SigPnd"), ("signals_blocked", "SigBlk")):
        found = signals.names(facts.status.get(name, ""))
        shown = text.UNKNOWN if found is None else "none" if not found else " ".join(found)
        yield Entry(key, shown, found, role="y" if found and key == "signals_pending" else " ")


def _identity(subject: Subject, row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    note = "the main thread" if row.tid == row.pid else ""
    yield Entry("tid", f"{row.tid}  {row.tid_hex}", {"tid": row.tid, "hex": row.tid_hex}, note)
    yield Entry("name", row.name, row.name)
    yield Entry("role", row.role or text.UNKNOWN, row.role)
    if facts.stat is not None:
        age_s = max(0.0, subject.snapshot.host.uptime_s - facts.stat.start_ticks * TICK_NS / 1e9)
        yield Entry("age_s", f"{text.duration(age_s)} ago", round(age_s, 1))
