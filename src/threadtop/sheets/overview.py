"""The Overview pane: what a process is, uses and costs, by the terms of proc(5); pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import export, text
from threadtop.inside.overview import OverviewFacts
from threadtop.procfs import containers
from threadtop.sample import TICK_NS
from threadtop.sheets import endings, overview_family, overview_terms
from threadtop.sheets.sheet import NOT_YET, Entry, Link, Section, Sheet
from threadtop.snapshot import POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from threadtop.cgroups import Bound
    from threadtop.sheets.sheet import Subject

TERMS: Final = {**overview_terms.TERMS, **overview_family.TERMS}
_KIB: Final = 1024
_MUCH_PCT: Final = 20.0
_STATES: Final = {
    "R": "runnable",
    "S": "asleep",
    "D": "uninterruptible",
    "T": "stopped",
    "t": "traced",
    "Z": "zombie",
    "I": "idle",
    "X": "dead",
}
_NEAR: Final = 0.9  # of a limit: worth a colour


def sheet(subject: Subject) -> Sheet:
    """The process, what it does now first."""
    facts = subject.facts
    if not isinstance(facts, OverviewFacts):
        return NOT_YET
    return Sheet(
        (
            Section("identity", "Identity", tuple(_identity(subject, facts))),
            Section("now", "Now, the sum over its threads", tuple(_now(subject, facts))),
            *(() if subject.process.kernel else _of_memory(subject, facts)),
            Section("scheduling", "Scheduling", tuple(_scheduling(subject, facts))),
            Section("accounting", "Since it started", tuple(_accounting(subject, facts))),
            Section("confinement", "Cgroup and namespaces", tuple(_confinement(facts))),
        ),
        endings.why(subject.process, "it has no program and no memory of its own", "its figures are the last ones"),
        denials=facts.denials,
    )


def _of_memory(subject: Subject, facts: OverviewFacts) -> tuple[Section, ...]:
    """A thread of the kernel has none of its own; what has ended is compared with no siblings."""
    family = () if endings.has_ended(subject.process) else (overview_family.section(facts),)
    return Section("memory", "Memory", tuple(_memory(subject, facts))), *family


def _known(key: str, value: str | None, note: str = "", role: str = " ") -> Entry:
    return Entry(key, value or text.UNKNOWN, value or None, note, role)


def _identity(subject: Subject, facts: OverviewFacts) -> Iterator[Entry]:
    row, stat, host = subject.process, facts.stat, subject.snapshot.host
    yield Entry("pid", f"{row.pid}  {row.process}", row.pid, role="b")
    inner = facts.status.get("NSpid", "").split()
    if len(inner) > 1:
        yield Entry("inner_pids", " > ".join(inner), [int(one) for one in inner if one.isdigit()])
    yield Entry("command", " ".join(facts.arguments) or row.command or text.UNKNOWN, list(facts.arguments))
    yield _known("executable", facts.executable, role="y" if (facts.executable or "").endswith(" (deleted)") else " ")
    yield _known("directory", facts.directory)
    yield _known("root", facts.root)
    uid = "" if row.uid is None else f"uid {row.uid}" if row.user != str(row.uid) else "a uid without a name"
    yield Entry("user", row.user, row.user, uid, more={"uid": row.uid})
    parent = subject.snapshot.processes.get(row.ppid)
    name = parent.process if parent is not None else facts.parent
    shown = f"{row.ppid}  {name}" if name is not None else str(row.ppid)
    yield Entry("ppid", shown, row.ppid, link=Link(row.ppid) if name is not None else None)
    if stat is not None:
        outside = "0 is outside of our pid namespace" if not stat.session and not row.kernel else ""
        value = {"session": stat.session, "pgrp": stat.pgrp}
        yield Entry("session", f"{stat.session}, process group {stat.pgrp}", value, outside)
        yield Entry("tty", facts.terminal or "none", facts.terminal)
    started = host.boot_time + row.start_ticks * TICK_NS / 1e9
    age_s = max(0.0, subject.snapshot.time - started)
    yield Entry(
        "started", f"{export.iso_time(started)[:19]} UTC", export.iso_time(started), f"{text.duration(age_s)} ago"
    )


def _now(subject: Subject, facts: OverviewFacts) -> Iterator[Entry]:
    row, coming = subject.process, facts.coming
    states = ", ".join(f"{count} {_STATES.get(state, state)}" for state, count in sorted(row.states.items()))
    yield Entry("threads", f"{row.thread_count}: {states}", {"count": row.thread_count, "states": dict(row.states)})
    if coming.seconds > 0:
        rate = coming.created / coming.seconds
        shown = f"{coming.created} begun, {coming.ended} ended, at most {coming.peak} at once"
        value = {
            "created": coming.created,
            "ended": coming.ended,
            "peak": coming.peak,
            "seconds": round(coming.seconds, 1),
        }
        yield Entry("churn", shown, value, f"in {coming.seconds:.0f} s: {text.rate(rate)}/s")
    modes = f"user {text.percent(row.user_pct)}, system {text.percent(row.system_pct)}"
    split = {"user_pct": _rounded(row.user_pct), "system_pct": _rounded(row.system_pct)}
    yield Entry("cpu_pct", f"{text.percent(row.cpu_pct)} %", _rounded(row.cpu_pct), modes, role="b", more=split)
    role = "w" if (row.wait_pct or 0) >= _MUCH_PCT else " "
    yield Entry("wait_pct", f"{text.percent(row.wait_pct)} %", _rounded(row.wait_pct), role=role)
    switches = {"vol_per_s": _rounded(row.vol_per_s), "invol_per_s": _rounded(row.invol_per_s)}
    shown = f"{text.rate(row.vol_per_s)} voluntary, {text.rate(row.invol_per_s)} involuntary"
    yield Entry("switches_per_s", shown, switches)
    rates = facts.io_per_s
    if rates is not None and "read_bytes" in rates:
        shown = f"{text.size(rates['read_bytes'])}/s read, {text.size(rates['write_bytes'])}/s written"
        yield Entry("io_per_s", shown, {key: round(rates[key], 1) for key in ("read_bytes", "write_bytes")})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _kib(status: Mapping[str, str], name: str) -> int | None:
    word = status.get(name, "").split(" ")[0]
    return int(word) * _KIB if word.isdigit() else None


def _memory(subject: Subject, facts: OverviewFacts) -> Iterator[Entry]:
    status, usage = facts.status, facts.usage
    peak = _kib(status, "VmHWM")
    # That of stat is behind by what each CPU has yet to add; a process of the kernel or a zombie has none in status.
    rss = _kib(status, "VmRSS") or subject.process.rss_bytes or None
    vsize = subject.process.vsize_bytes or _kib(facts.status, "VmSize")
    at_most = f"at most {text.size(peak)} so far" if peak else ""
    yield Entry("rss_bytes", text.size(rss), rss, at_most, role="b", more={"peak_bytes": peak})
    age = f"measured {text.duration(facts.usage_age_s)} ago" if usage is not None else ""
    yield Entry("pss_bytes", text.size(usage.pss_bytes if usage else None), usage.pss_bytes if usage else None, age)
    yield Entry("uss_bytes", text.size(usage.uss_bytes if usage else None), usage.uss_bytes if usage else None)
    parts = {key: _kib(status, name) for key, name in _RESIDENT}
    shown = ", ".join(f"{key} {text.size(size)}" for key, size in parts.items())
    yield Entry("resident", shown, parts)
    swap = _kib(status, "VmSwap")
    yield Entry("swap_bytes", text.size(swap), swap, role="y" if swap else " ")
    yield Entry("vsize_bytes", text.size(vsize), vsize)
    stack = _kib(status, "VmStk")
    yield Entry("stack_bytes", text.size(stack), stack)


_RESIDENT: Final = (("anonymous", "RssAnon"), ("files", "RssFile"), ("shared", "RssShmem"))


def _scheduling(subject: Subject, facts: OverviewFacts) -> Iterator[Entry]:
    row = subject.process
    leader = row.threads.get(row.pid)
    policy = POLICIES.get(leader.policy, str(leader.policy)) if leader is not None else None
    real_time = f", real-time priority {leader.rt_priority}" if leader is not None and leader.rt_priority else ""
    yield Entry("policy", f"{policy or text.UNKNOWN}{real_time}", policy, "main thread")
    rt_priority = leader.rt_priority if leader is not None else None
    value = {"priority": row.priority, "nice": row.nice, "rt_priority": rt_priority}
    yield Entry("priority", f"{text.priority(row.priority)}, nice {text.count(row.nice)}", value)
    yield _known("affinity", facts.status.get("Cpus_allowed_list"))
    yield _known("memory_nodes", facts.status.get("Mems_allowed_list"))


def _accounting(subject: Subject, facts: OverviewFacts) -> Iterator[Entry]:
    stat, more, io = facts.stat, facts.more, facts.io
    row = subject.process
    if stat is not None:
        user, system = stat.utime_ticks * TICK_NS, stat.stime_ticks * TICK_NS
        modes = f"user {text.cpu_time(user)}, system {text.cpu_time(system)}"
        total_s = _rounded(row.cpu_ns / 1e9 if row.cpu_ns is not None else None)
        split = {"user_s": _rounded(user / 1e9), "system_s": _rounded(system / 1e9)}
        yield Entry("cpu_s", text.cpu_time(row.cpu_ns), total_s, modes, more=split)
    if more is not None:
        children = (more.children_utime_ticks + more.children_stime_ticks) * TICK_NS
        yield Entry("children_cpu_s", text.cpu_time(children), _rounded(children / 1e9))
    if stat is not None:
        delay = stat.blkio_ticks * TICK_NS / 1e9 if facts.has_delays else None
        note = "" if facts.has_delays else "not counted: sysctl kernel.task_delayacct=1 switches it on"
        yield Entry("block_io_delay_s", text.UNKNOWN if delay is None else f"{delay:.2f} s", _rounded(delay), note)
        faults = f"{stat.minflt:,} minor, {stat.majflt:,} major"
        yield Entry("faults", faults, {"minor": stat.minflt, "major": stat.majflt})
    for key, name in (("read_bytes", "read_bytes"), ("write_bytes", "write_bytes")):
        count = io.get(name) if io is not None else None
        yield Entry(key, text.size(count), count)
    if io is not None:
        calls = f"{text.many(io.get('syscr'), 'read')} of {text.size(io.get('rchar'))}, "
        calls += f"{text.many(io.get('syscw'), 'write')} of {text.size(io.get('wchar'))}"
        yield Entry("io_calls", calls, {key: io.get(key) for key in ("syscr", "rchar", "syscw", "wchar")})


def _confinement(facts: OverviewFacts) -> Iterator[Entry]:
    yield _groups(facts.cgroups)
    quota = facts.quota
    if quota is None:
        yield Entry("quota_cores", "none", None)
    else:
        share = quota.throttled / quota.periods * 100 if quota.periods else 0.0
        yield Entry(
            "quota_cores",
            f"{quota.quota_cores:g} core{'s' if quota.quota_cores != 1 else ''}",
            {"cores": quota.quota_cores, "throttled_periods": quota.throttled, "periods": quota.periods},
            f"throttled in {share:.0f} % of its periods, {quota.throttled_ns / 1e9:.1f} s in all",
            role="y" if share >= 1 else " ",
        )
    yield from _limits(facts)
    own = sorted(name for name, link in facts.namespaces.items() if facts.ours.get(name) != link)
    yield _container(facts, own)
    if facts.namespaces:
        words = f"{', '.join(own)} of its own" if own else "all shared with threadtop"
        yield Entry("namespaces", words, dict(facts.namespaces))
    else:
        yield Entry("namespaces", text.UNKNOWN, None)
    seccomp = {"0": "off", "1": "strict", "2": "filter"}.get(facts.status.get("Seccomp", ""))
    yield _known("seccomp", seccomp)


def _groups(cgroups: Mapping[str, str]) -> Entry:
    """Its groups by path, with their controllers where there is more than the one hierarchy of version 2."""
    named = {controller or "v2": path for controller, path in cgroups.items()}
    by_path: dict[str, list[str]] = {}
    for controller, path in named.items():
        by_path.setdefault(path, []).append(controller)
    is_one = named.keys() <= {"v2"}
    shown = (path if is_one else f"{path} ({','.join(sorted(names))})" for path, names in by_path.items())
    return Entry("cgroup", ", ".join(shown) or text.UNKNOWN, named)


def _limits(facts: OverviewFacts) -> Iterator[Entry]:
    """Memory and tasks of its cgroup, beside the limits with least room left."""
    limits, own = facts.limits, facts.cgroups
    yield _bounded("group_memory", limits.memory_bytes, limits.memory_max, own, is_size=True)
    if limits.memory_high is not None:
        yield _bounded("group_memory_high", limits.memory_bytes, limits.memory_high, own, is_size=True)
    yield _bounded("group_tasks", limits.tasks, limits.tasks_max, own, is_size=False)


def _bounded(key: str, used: int | None, bound: Bound | None, paths: Mapping[str, str], *, is_size: bool) -> Entry:
    """``used`` by the process's own group, one of ``paths``, and a limit on that or on a group above it."""
    unit, words = ("_bytes", text.size) if is_size else ("", text.thousands)
    value: dict[str, object] = {f"own{unit}": used, f"used{unit}": used, f"limit{unit}": None, "path": None}
    if bound is None:
        note = "no limit" if used is not None else _uncounted(paths, "memory" if is_size else "pids")
        return Entry(key, words(used), value, note, role=".")
    value |= {f"used{unit}": bound.used, f"limit{unit}": bound.limit, "path": bound.path}
    is_near = bound.used is not None and bound.used >= bound.limit * _NEAR
    is_own = any(path != "/" and bound.path.endswith(path) for path in paths.values())
    note = "" if is_own else f"the limit of {bound.path}, of which its own group uses {words(used)}"
    return Entry(key, f"{words(bound.used)} of {words(bound.limit)}", value, note, role="r" if is_near else " ")


def _uncounted(paths: Mapping[str, str], controller: str) -> str:
    """Why it is not known what a group uses."""
    path = paths.get(controller, paths.get(""))
    if path is None:
        return "it is in no group that counts this"
    if ".." in path.split("/"):
        return "its group is outside of our cgroup namespace"
    return "the root group is not counted" if path == "/" else f"the controller {controller} is not on for its group"


def _container(facts: OverviewFacts, own: Sequence[str]) -> Entry:
    found = containers.recognised(facts.cgroups.values())
    if found is not None:
        value = {"runtime": found.runtime, "name": found.name}
        return Entry("container", f"{found.runtime} {found.short}", value, role="b")
    if {"pid", "mnt"} <= set(own):
        return Entry(
            "container", "some", {"runtime": None, "name": None}, "by its namespaces; its cgroup names none", "y"
        )
    return Entry("container", "none that its cgroup names", None, role=".")
