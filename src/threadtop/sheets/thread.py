"""The Thread pane: one thread, what it does now first, then where its time goes, then what it is; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import bars, text, time_rows, waits
from threadtop.inside.thread import ThreadFacts
from threadtop.procfs import signals
from threadtop.sample import TICK_NS
from threadtop.sheets.sheet import NOT_YET, Entry, Section, Sheet
from threadtop.sheets.thread_terms import TERMS as TERMS  # noqa: PLC0414 found here, too
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
