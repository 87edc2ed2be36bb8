"""The Thread pane: one thread, what it does now first, then where its time goes, then what it is; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import bars, text, time_rows, waits
from threadtop.inside.footprint import MOST_TOUCHED_BYTES
from threadtop.inside.thread import ThreadFacts
from threadtop.procfs import signals
from threadtop.sample import TICK_NS
from threadtop.sheets import endings, thread_call
from threadtop.sheets.sheet import NOT_YET, Column, Entry, Link, Record, Section, Sheet, Table
from threadtop.sheets.thread_terms import TERMS as TERMS  # noqa: PLC0414 found here, too
from threadtop.snapshot import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.inside.thread import StackRegion
    from threadtop.sheets.sheet import Subject
    from threadtop.snapshot import ThreadRow

_MUCH_PCT: Final = 20.0  # of waiting for a CPU: it is the news
_FULL_PCT: Final = 80.0  # of a stack
_COSTLY_PCT: Final = 5.0  # of a core, for switches alone
BAR: Final = 40  # cells of the time bar, and seconds of its history
_STATES: Final = {
    "R": "runnable: it runs, or waits for a CPU",
    "S": "asleep",
    "D": "asleep, uninterruptible: mostly the disk",
    "T": "stopped by a signal",
    "t": "stopped by a tracer",
    "Z": "ended, not reaped",
    "I": "idle kernel thread",
    "P": "parked kernel thread",
    "X": "dead",
}
_ROLES: Final = {"R": "g", "D": "r", "T": "c", "t": "c", "Z": "m"}
_POLICIES: Final = {
    "other": "other: a fair share",
    "batch": "batch: a fair share, in longer runs",
    "idle": "idle: only what nobody else wants",
    "fifo": "fifo: real time, until it blocks",
    "rr": "rr: real time, in turns",
    "dl": "deadline",
    "ext": "ext: by a scheduler in BPF",
}
_WORDS: Final = {"gil": "GIL", "pipe": "pipe or local socket", "poll": "idle in poll", "unknown": "not known"}


def sheet(subject: Subject) -> Sheet:
    """All that is known of one thread."""
    facts, row = subject.facts, subject.process.threads.get(subject.tid)
    if row is None:
        return Sheet((), (f"thread {subject.tid} has ended: choose another one in the Threads pane (Enter)",))
    if not isinstance(facts, ThreadFacts) or facts.tid != row.tid:
        return NOT_YET
    now = Section("now", _title(row), (*_state(row), *thread_call.entries(subject, row, facts)))
    kernel = _kernel(facts) if not endings.is_over(row) else ()
    # What it is stuck in is the news of one that cannot be interrupted.
    first, later = ((now, *kernel), ()) if row.state == "D" else ((now,), kernel)
    return Sheet(
        (
            *first,
            Section("times", "Where its time goes", tuple(_time(subject, row, facts))),
            Section("scheduling", "Scheduling", tuple(_scheduling(subject, row, facts))),
            Section("switches", "Switches", tuple(_switches(subject, row, facts))),
            Section("stack", "Stack", tuple(_stack(facts))),
            *later,
            Section("io", "Page faults and I/O", tuple(_io(facts))),
            Section("signals", "Signals", tuple(_signals(facts))),
            Section("identity", "Identity", tuple(_identity(subject, row, facts))),
        ),
        _notes(subject, row),
        denials=facts.denials,
    )


def _notes(subject: Subject, row: ThreadRow) -> tuple[str, ...]:
    """Why most is not known of one that has ended."""
    if endings.has_ended(subject.process):
        return endings.why(subject.process, "", "its figures are the last ones")
    return ("it has ended before the other threads of its process: its figures are the last ones",) * endings.is_over(
        row
    )


def _title(row: ThreadRow) -> str:
    return f"{text.visible(row.name)}  thread {row.tid} ({row.tid_hex}) of {text.visible(row.process)} {row.pid}"


def _state(row: ThreadRow) -> Iterator[Entry]:
    state = row.state
    words = f"{state}  {_STATES.get(state, '')}".rstrip()
    yield Entry("state", words, state, role=_ROLES.get(state, "b"))
    why_not = row.blocked.why_not if row.blocked is not None and not row.reason else ""
    yield Entry("reason", row.reason or text.UNKNOWN, row.reason, why_not, role="b")


def _kernel(facts: ThreadFacts) -> tuple[Section, ...]:
    frames = facts.kernel_stack
    if frames is None:
        return ()
    records = [Record((at, frame), (frame,), (frame,)) for at, frame in enumerate(frames)]
    table = Table((Column("frame"),), records, empty="empty: it runs outside of the kernel")
    return (Section("kernel", "Kernel stack, innermost first", table=table),)


def _time(subject: Subject, row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    share = row.time
    if share is None:
        yield Entry("time_bar", text.UNKNOWN, None, "a share needs two readings")
    else:
        cells, roles = bars.bar(share, BAR)
        yield Entry("time_bar", cells, {part: round(value, 2) for part, value in share.parts()}, roles=roles)
    if subject.history is not None:
        seconds = subject.history.seconds(row.key, BAR, share)
        signs = [bars.sign(one.part, is_hint=one.is_hint) if one else (" ", ".") for one in seconds]
        cells, roles = "".join(cell for cell, _ in signs).rjust(BAR), "".join(role for _, role in signs).rjust(BAR, ".")
        if cells.strip():
            yield Entry("history", cells, None, roles=roles)
        else:
            yield Entry("history", text.UNKNOWN, None)
    modes = f"user {text.percent(row.user_pct)}, system {text.percent(row.system_pct)}"
    split = {"user_pct": _rounded(row.user_pct), "system_pct": _rounded(row.system_pct)}
    yield Entry("cpu_pct", f"{text.percent(row.cpu_pct)} %", _rounded(row.cpu_pct), modes, role="b", more=split)
    is_much = (row.wait_pct or 0) >= _MUCH_PCT
    yield Entry("wait_pct", f"{text.percent(row.wait_pct)} %", _rounded(row.wait_pct), role="w" if is_much else " ")
    if endings.is_over(row):
        yield Entry("blocked", text.UNKNOWN, None, "it has ended")
    elif share is not None and share.blocked:
        kinds = {kind: round(part, 2) for kind, part in share.blocked}
        yield Entry("blocked", ", ".join(_blocked(share, row)), kinds, _how_known(share))
    if row.gil_pct is not None or row.gil_wait_pct is not None:
        held = {"holds_pct": _rounded(row.gil_pct), "waits_pct": _rounded(row.gil_wait_pct)}
        shown = f"holds it {text.share(row.gil_pct)} %, waits for it {text.share(row.gil_wait_pct)} %"
        yield Entry("gil", shown, held)
    stat = facts.stat
    user_s, system_s = (None, None) if stat is None else (_seconds(stat.utime_ticks), _seconds(stat.stime_ticks))
    total_s = row.cpu_ns / 1e9 if row.cpu_ns is not None else None
    value = {"total": _rounded(total_s), "user": _rounded(user_s), "system": _rounded(system_s)}
    parts = "" if user_s is None else f"user {user_s:,.2f} s, system {system_s:,.2f} s, in ticks of 10 ms"
    yield Entry("cpu_s", text.cpu_time(row.cpu_ns), value, parts)


def _seconds(ticks: int) -> float:
    return ticks * TICK_NS / 1e9


def _blocked(share: time_rows.TimeShare, row: ThreadRow) -> Iterator[str]:
    for kind, part in share.blocked:
        name = "without work" if row.kernel and kind == "poll" else _WORDS.get(kind, kind)
        words = f"{name} {text.share(part)} %"
        error = None if share.is_hint else share.error_points(kind)
        yield f"{words} ±{max(1, round(error))}" if error else words


def _how_known(share: time_rows.TimeShare) -> str:
    """Whether it is a sample, and of how many looks."""
    if share.why_not:
        return share.why_not
    if share.is_whole:
        return "exact: it has not run"
    return "one look: a hint" if share.is_hint else f"{share.samples} looks"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _per_s(rate: float | None) -> str:
    return text.UNKNOWN if rate is None else f"{text.rate(rate)}/s"


def _scheduling(subject: Subject, row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    yield Entry("last_cpu", str(row.last_cpu), row.last_cpu)
    moves = facts.sched.get("se.nr_migrations", "")
    rate = facts.per_s.get("migrations")
    total = int(moves) if moves.isdecimal() else None
    note = _in_all(text.thousands(total))
    yield Entry("migrations_per_s", _per_s(rate), _rounded(rate), note, more={"migrations": total})
    allowed, cores = facts.status.get("Cpus_allowed_list"), len(subject.snapshot.host.cores)
    count = cpus_in(allowed or "")
    is_bound = count is not None and 0 < count < cores
    note = f"bound to {count} of {cores} CPUs" if is_bound else ""
    yield Entry("affinity", allowed or text.UNKNOWN, allowed, note, role="y" if is_bound else " ")
    nodes = facts.status.get("Mems_allowed_list")
    yield Entry("memory_nodes", nodes or text.UNKNOWN, nodes)
    is_odd = row.policy_name not in {"other", "idle", "batch"}
    real_time = f"priority {row.rt_priority} of 1 to 99" if row.rt_priority else ""
    yield Entry(
        "policy",
        _POLICIES.get(row.policy_name, POLICIES.get(row.policy, str(row.policy))),
        row.policy_name,
        real_time,
        role="y" if is_odd else " ",
    )
    value = {"priority": row.priority, "nice": row.nice, "rt_priority": row.rt_priority}
    shown = f"nice {row.nice}" if not row.rt_priority else f"real time {row.rt_priority}"
    yield Entry("priority", shown, value, f"{text.priority(row.priority)} as top has it", "y" if row.nice else " ")


def cpus_in(listed: str) -> int | None:
    """How many CPUs a list has, ``0-3,8``; None where it is none (cpuset(7), list format)."""
    count = 0
    for part in listed.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            return None
        count += int(last) - int(first) + 1 if dash else 1
    return count


def _switches(subject: Subject, row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    for key, rate, name in (
        ("vol", row.vol_per_s, "voluntary_ctxt_switches"),
        ("invol", row.invol_per_s, "nonvoluntary_ctxt_switches"),
    ):
        count = facts.status.get(name, "")
        total = int(count) if count.isdecimal() else None
        role = "v" if key == "vol" and rate else " "
        more = {f"{key}_switches": total}
        yield Entry(f"{key}_per_s", _per_s(rate), _rounded(rate), _in_all(text.thousands(total)), role, more=more)
    times = facts.schedstat
    life_ns = times.run_ns / times.timeslices if times is not None and times.timeslices else None
    run_ns, runs = facts.per_s.get("run_ns"), facts.per_s.get("timeslices")
    now_ns = run_ns / runs if run_ns is not None and runs else None
    value = {"now": _rounded(now_ns and now_ns / 1e3), "life": _rounded(life_ns and life_ns / 1e3)}
    notes = ["it has not run"] if runs == 0 else []
    notes += [f"{waits.span(int(life_ns))} over its life"] if life_ns is not None else []
    yield Entry("run_length_us", text.UNKNOWN if now_ns is None else waits.span(int(now_ns)), value, ", ".join(notes))
    circumstances = subject.snapshot.circumstances
    cost_ns = circumstances.switch_cost_ns if circumstances is not None else None
    if cost_ns is None or row.vol_per_s is None or row.invol_per_s is None:
        yield Entry("switch_cost_pct", text.UNKNOWN, None, "measured where a process switches very often")
        return
    cost_pct = (row.vol_per_s + row.invol_per_s) * cost_ns / 1e7
    note = f"of a core, at {waits.span(int(cost_ns))} a switch: an estimate"
    yield Entry(
        "switch_cost_pct", f"~{cost_pct:.1f} %", _rounded(cost_pct), note, "v" if cost_pct >= _COSTLY_PCT else " "
    )


def _stack(facts: ThreadFacts) -> Iterator[Entry]:
    stack = facts.stack
    why = thread_call.only_blocked(facts) if facts.stack_pointer is None else ""
    if stack is None:
        yield Entry("stack_bytes", text.UNKNOWN, None, why)
    else:
        size = stack.end - stack.start
        grows = f", grows up to {text.size(stack.most_bytes)}" if stack.most_bytes is not None else ""
        place = f"{stack.start:#x} to {stack.end:#x} {stack.name}".rstrip()
        region = {"start": stack.start, "end": stack.end, "most_bytes": stack.most_bytes, "name": stack.name or None}
        more = {"stack_region": region}
        yield Entry("stack_bytes", f"{text.size(size)} reserved{grows}", size, place, more=more)
        most = max(size, stack.most_bytes or 0)
        used_pct = 100 * stack.used_bytes / most
        note = "from its pointer to its end: a hint"
        note = f"{used_pct:.0f} %, {note}" if used_pct >= 1 else note
        role = "r" if used_pct >= _FULL_PCT else " "
        yield Entry("stack_used_bytes", text.size(stack.used_bytes), stack.used_bytes, note, role)
        yield _touched(facts, stack)
    pointer = facts.stack_pointer
    yield Entry("stack_pointer", f"{pointer:#x}" if pointer else text.UNKNOWN, pointer, why)


def _touched(facts: ThreadFacts, stack: StackRegion) -> Entry:
    touched, size = stack.touched_bytes, stack.end - stack.start
    if touched is None:
        is_denied = any(denial.what == "pagemap" for denial in facts.denials)
        why = "may not be read: see below" if is_denied else "this kernel has no pagemap"
        return Entry("stack_touched_bytes", text.UNKNOWN, None, why)
    part = "" if size <= MOST_TOUCHED_BYTES else "the upper "
    shown = f"{text.size(touched)} of {part}{text.size(min(size, MOST_TOUCHED_BYTES))}"
    return Entry("stack_touched_bytes", shown, touched, "in memory or swap")


def _io(facts: ThreadFacts) -> Iterator[Entry]:
    stat, io, per_s = facts.stat, facts.io or {}, facts.per_s
    for key, count in (
        ("minor_faults", stat.minflt if stat is not None else None),
        ("major_faults", stat.majflt if stat is not None else None),
    ):
        rate = per_s.get(key)
        role = "d" if key == "major_faults" and rate else " "
        yield Entry(key, _per_s(rate), _counted(rate, count), _in_all(text.thousands(count)), role)
    for key in ("read_bytes", "write_bytes"):
        rate, count = per_s.get(key), io.get(key)
        shown = text.UNKNOWN if rate is None else f"{text.size(rate)}/s"
        yield Entry(key, shown, _counted(rate, count), _in_all(text.size(count)), "b" if rate else " ")
    for key, name in (("read_calls", "syscr"), ("write_calls", "syscw")):
        rate, count = per_s.get(name), io.get(name)
        yield Entry(key, _per_s(rate), _counted(rate, count), _in_all(text.thousands(count)))


def _counted(rate: float | None, total: int | None) -> dict[str, float | None]:
    return {"per_s": _rounded(rate), "total": total}


def _in_all(words: str) -> str:
    return "" if words == text.UNKNOWN else f"{words} in all"


def _signals(facts: ThreadFacts) -> Iterator[Entry]:
    for key, name in (("signals_pending", "SigPnd"), ("signals_blocked", "SigBlk")):
        found = signals.names(facts.status.get(name, ""))
        is_news = bool(found) and key == "signals_pending"
        yield Entry(key, mask_words(found), found, role="y" if is_news else " ")


def mask_words(found: list[str] | None) -> str:
    """A mask by what is in it, or by what is not where that is less: ``all but SEGV``; KILL and STOP never are."""
    if found is None:
        return text.UNKNOWN
    missing = [name for name in map(signals.name, range(1, signals.MOST + 1)) if name not in {*found, "KILL", "STOP"}]
    if len(missing) < len(found):
        return f"all but {' '.join(missing)}" if missing else "all"
    return " ".join(found) or "none"


def _identity(subject: Subject, row: ThreadRow, facts: ThreadFacts) -> Iterator[Entry]:
    note = "the main thread" if row.tid == row.pid else ""
    yield Entry("tid", f"{row.tid}  {row.tid_hex}", {"tid": row.tid, "hex": row.tid_hex}, note)
    inside = [int(word) for word in facts.status.get("NSpid", "").split() if word.isdecimal()]
    if len(inside) > 1:
        yield Entry("ns_tid", " in ".join(map(str, reversed(inside))), inside[::-1], "in its pid namespace first")
    yield Entry("name", row.name, row.name)
    yield Entry("role", row.role or text.UNKNOWN, row.role)
    yield Entry("process", f"{row.pid} {row.process}", row.pid, link=Link(row.pid, pane="Overview"))
    if facts.stat is not None:
        age_s = max(0.0, subject.snapshot.host.uptime_s - facts.stat.start_ticks * TICK_NS / 1e9)
        yield Entry("age_s", f"{text.duration(age_s)} ago", round(age_s, 1))
