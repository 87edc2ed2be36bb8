"""The Overview pane: what a process is, by the terms of proc(5)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.export import iso_time
from threadtop.snapshot import POLICIES
from threadtop.tui.pager import Pager
from threadtop.tui.paint import LineBuilder
from threadtop.tui.panes.pane import Opened, Pane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from threadtop.interest import Interest
    from threadtop.procfs.details import ProcessDetails
    from threadtop.snapshot import ProcessRow
    from threadtop.tui.paint import Line

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_LABEL: Final = 16
_LIMITS: Final = (
    ("Max processes", "processes"),
    ("Max stack size", "stack"),
    ("Max address space", "address space"),
    ("Max core file size", "core file"),
    ("Max locked memory", "locked memory"),
    ("Max nice priority", "nice"),
    ("Max realtime priority", "real-time priority"),
)
_STATES: Final = {
    "R": "runnable",
    "S": "sleeping",
    "D": "uninterruptible",
    "T": "stopped",
    "t": "traced",
    "Z": "ended, not reaped (zombie)",
    "I": "idle kernel thread",
    "X": "dead",
}


class OverviewPane(Pager, Pane):
    """Identity, family, state, priorities, memory, descriptors, limits, cgroup, command line."""

    NAME = "Overview"
    PAGE = "processes"

    def __init__(self) -> None:
        """Nothing opened yet."""
        super().__init__()
        self._opened: Opened | None = None

    def open(self, opened: Opened) -> None:
        """Show the process."""
        self._opened = opened
        self.repaint()

    def interest(self, interest: Interest, pid: int) -> Interest:
        """The details of this process, and its memory."""
        return interest._replace(details=frozenset({pid}), needs=frozenset({"memory", "status"}))

    def all_lines(self, width: int) -> Sequence[Line]:
        """The sections, one below the other."""
        if self._opened is None:
            return []
        return overview_lines(self._opened, width)


class _Sheet:
    """Lines of labels and values under section titles."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[Line] = []

    def section(self, title: str) -> None:
        if self.lines:
            self.lines.append(LineBuilder().line(self.width))
        self.lines.append(LineBuilder().add(f" {title}", "t").line(self.width))

    def entry(self, label: str, value: str, note: str = "", role: str = " ") -> None:
        """A label and its value, wrapped below itself where it is long."""
        room = max(10, self.width - _LABEL - 4)
        parts = [value[start : start + room] for start in range(0, len(value), room)] or [text.UNKNOWN]
        for index, part in enumerate(parts):
            line = LineBuilder().add(f"   {label if index == 0 else '':{_LABEL}}", ".").add(part, role)
            if note and index == len(parts) - 1:
                line.add(f"  {note}", ".")
            self.lines.append(line.line(self.width))


def overview_lines(opened: Opened, width: int) -> list[Line]:
    """The overview of a process for a width."""
    row = opened.process
    details = opened.snapshot.details.get(row.pid)
    sheet = _Sheet(width)
    _identity(sheet, opened, details)
    _activity(sheet, row)
    _family(sheet, opened)
    if details is None:
        sheet.section("More")
        sheet.entry("", "is read with the next refresh", role=".")
        return sheet.lines
    _memory(sheet, row, details)
    sheet.section("Files and limits")
    soft = details.limits.get("Max open files", ("?", "?", ""))[0]
    count = text.count(details.descriptors)
    sheet.entry("descriptors", f"{count} open, {soft} allowed", details.denied.get("descriptors", ""))
    for name, label in _LIMITS:
        if name in details.limits:
            low, high, unit = details.limits[name]
            sheet.entry(label, low if low == high else f"{low}, at most {high}", unit)
    sheet.section("Cgroup")
    for controllers, path in _grouped(details.cgroups):
        sheet.entry(controllers or "v2", text.visible(path))
    return sheet.lines


def _identity(sheet: _Sheet, opened: Opened, details: ProcessDetails | None) -> None:
    row, host = opened.process, opened.snapshot.host
    sheet.section("Identity")
    started = host.boot_time + row.start_ticks / _TICKS
    sheet.entry("process", f"{row.pid}  {text.visible(row.process)}", role="b")
    sheet.entry("command line", text.visible(row.command) or text.UNKNOWN)
    if details is not None:
        sheet.entry("executable", _known(details.executable), details.denied.get("executable", ""))
        sheet.entry("directory", _known(details.directory), details.denied.get("directory", ""))
    sheet.entry("user", text.visible(row.user), f"uid {row.uid}" if row.uid is not None else "")
    age = text.duration(max(0.0, opened.snapshot.time - started))
    sheet.entry("started", f"{iso_time(started)[:19]} UTC", f"{age} ago")
    if details is not None and details.stat is not None:
        stat = details.stat
        sheet.entry("session", f"{stat.session}, process group {stat.pgrp}", "no terminal" if not stat.tty_nr else "")


def _known(value: str | None) -> str:
    return text.UNKNOWN if value is None else text.visible(value)


def _activity(sheet: _Sheet, row: ProcessRow) -> None:
    sheet.section("Now (the sum over its threads)")
    states = ", ".join(f"{count} {_STATES.get(state, state)}" for state, count in sorted(row.states.items()))
    sheet.entry("threads", f"{row.thread_count}: {states}")
    sheet.entry(
        "CPU",
        f"{text.percent(row.cpu_pct)} %  (user {text.percent(row.user_pct)}, system {text.percent(row.system_pct)})",
        f"{text.cpu_time(row.cpu_ns)} since it started",
    )
    sheet.entry("run-queue wait", f"{text.percent(row.wait_pct)} %")
    sheet.entry("switches", f"{text.rate(row.vol_per_s)}/s voluntary, {text.rate(row.invol_per_s)}/s involuntary")
    leader = row.threads.get(row.pid)
    policy = POLICIES.get(leader.policy, "?") if leader else text.UNKNOWN
    sheet.entry("priority", f"{text.count(row.priority)}, nice {text.count(row.nice)}, policy {policy}", "main thread")


def _family(sheet: _Sheet, opened: Opened) -> None:
    row, processes = opened.process, opened.snapshot.processes
    sheet.section("Family")
    parent = processes.get(row.ppid)
    sheet.entry("parent", f"{row.ppid}  {text.visible(parent.process)}" if parent else str(row.ppid))
    children = [process for process in processes.values() if process.ppid == row.pid]
    for index, child in enumerate(children):
        label = f"children ({len(children)})" if index == 0 else ""
        sheet.entry(label, f"{child.pid}  {text.visible(child.process)}", f"{child.thread_count} threads")
    if not children:
        sheet.entry("children", "none", role=".")


def _memory(sheet: _Sheet, row: ProcessRow, details: ProcessDetails) -> None:
    sheet.section("Memory")
    sheet.entry("resident", f"{text.size(row.rss_bytes)}", "RSS: in RAM now, shared by all threads")
    sheet.entry("address space", f"{text.size(row.vsize_bytes)}", "VIRT: reserved, not all of it used")
    for key, label, note in (
        ("VmHWM", "peak resident", ""),
        ("RssAnon", "anonymous", "its own: heap, stacks"),
        ("RssFile", "from files", "programs and mapped files"),
        ("RssShmem", "shared", "tmpfs and shared memory"),
        ("VmSwap", "in swap", ""),
        ("VmStk", "main stack", ""),
    ):
        if key in details.status:
            kib = details.status[key].split()[0]
            sheet.entry(label, text.size(int(kib) * 1024) if kib.isdigit() else details.status[key], note)
    sheet.section("Scheduling")
    sheet.entry("allowed CPUs", details.status.get("Cpus_allowed_list", text.UNKNOWN))
    sheet.entry("seccomp", {"0": "off", "1": "strict", "2": "filter"}.get(details.status.get("Seccomp", ""), "-"))
    tracer = details.status.get("TracerPid", "0")
    sheet.entry("traced by", tracer if tracer != "0" else "nobody")


def _grouped(cgroups: Mapping[str, str]) -> list[tuple[str, str]]:
    """Controllers by path: many share one."""
    by_path: dict[str, list[str]] = {}
    for controller, path in cgroups.items():
        by_path.setdefault(path, []).append(controller)
    return [(",".join(sorted(filter(None, names))), path) for path, names in by_path.items()]
