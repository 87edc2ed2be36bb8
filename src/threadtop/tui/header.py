"""The header: the machine in two to four lines, by the width there is, and the worst finding in one more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from threadtop import text
from threadtop.tui import paint
from threadtop.tui.paint import Line, LineBuilder
from threadtop.tui.painted import Painted
from threadtop.tui.worst import worst_line

if TYPE_CHECKING:
    from threadtop.snapshot import CpuShare, Snapshot
    from threadtop.tui.worst import Shown

_WIDE = 100
_STATE_ROLES = {"R": "g", "D": "r", "T": "c", "t": "c", "Z": "m"}
_CORE_METER = 10
_MOST_CORE_LINES = 8
_MUCH = 10.0  # % of the time stalled, or waiting for the disk, from which it is worth a colour


class Status(NamedTuple):
    """What the header says of threadtop itself."""

    paused: bool = False
    stretched_s: float | None = None
    behind: bool = False
    attached: str = ""
    ended: str = ""
    worst: Shown | None = None
    recording: str = ""
    is_lost: bool = False


def _meter(line: LineBuilder, share: CpuShare | None, width: int) -> None:
    """A CPU meter: user, kernel, waiting for the disk; by pattern as well as colour."""
    if share is None:
        line.add("░" * width, ".")
        return
    parts = [(share.user_pct / 100, "█"), (share.system_pct / 100, "▓"), (share.iowait_pct / 100, "▒")]
    bar = text.meter(parts, width)
    line.roles(bar, bar.translate({ord("█"): "u", ord("▓"): "k", ord("▒"): "w", ord("░"): "."}))


def _label(line: LineBuilder, label: str, value: str, role: str = "b") -> None:
    line.add(f"{label} ", ".").add(value, role)


def _identity(snapshot: Snapshot, status: Status, width: int) -> Line:
    host, is_wide = snapshot.host, width >= _WIDE
    left = LineBuilder().add(" threadtop ", "t")
    if status.attached:
        left.add(" ").add(status.attached, "b").add(" ")
    if is_wide or not status.attached:
        left.add(" ").add(text.visible(host.hostname), "b").add(" ")
    left.join(recording(status))
    right = _unusual(status) or _counts(snapshot, width - left.length, is_wide=is_wide)
    uptime, load = LineBuilder().add(" "), LineBuilder().add(" ")
    _label(uptime, "up", text.duration(host.uptime_s), " ")
    _label(load, "load", " ".join(f"{value:.2f}" for value in host.load[: 3 if is_wide else 1]), " ")
    for part in (uptime, load) if is_wide else (load,):
        if left.length + part.length + 2 + right.length <= width:
            left.join(part).add(" ")
    left.pad(width - right.length)
    return _joined(left, right, width)


def recording(status: Status) -> LineBuilder:
    """That a recording grows, or has come to a bad end; empty else."""
    line = LineBuilder()
    if status.recording:
        line.add(" ● ", "r").add(status.recording, "r").add(" ")
    elif status.is_lost:
        line.add(" ").add(" recording failed ", "s").add(" ")
    return line


def _unusual(status: Status) -> LineBuilder | None:
    """That something is not as usual; None if all is."""
    line = LineBuilder()
    if status.paused:
        return line.add(" PAUSED ", "s").add(" p goes on ", ".")
    if status.behind:
        return line.add(" the link is slow: frames are left out ", "y")
    if status.stretched_s is not None:
        return line.add(f" a pass takes long: every {status.stretched_s:.1f} s ", "y")
    return None


def _counted(count: int, one: str, many: str) -> LineBuilder:
    return LineBuilder().add(text.thousands(count), "b").add(f" {one if count == 1 else many}", ".")


def _counts(snapshot: Snapshot, room: int, *, is_wide: bool) -> LineBuilder:
    """How many threads there are, in which states, and our own cost; as much of it as there is room for."""
    totals = snapshot.totals
    parts = [_counted(totals.threads, "thread", "threads")]
    if is_wide:
        parts.insert(0, _counted(totals.processes, "process", "processes"))
    states = LineBuilder()
    for letter, role in _STATE_ROLES.items():
        if count := totals.thread_states.get(letter, 0):
            states.add("  " if states.length else "").add(f"{count} {letter}", role)
    own = LineBuilder()
    _label(own, "self", f"{text.percent(snapshot.own_cpu_pct)} %", " ")
    if is_wide:
        own.add(f"  {snapshot.cost.pass_ns / 1e6:.0f} ms", ".")
    line = LineBuilder()
    for part in (*parts, states, own):
        if part.length and line.length + part.length + 3 <= room:
            line.add("  " if line.length else " ").join(part)
    return line.add(" ")


def _joined(left: LineBuilder, right: LineBuilder, width: int) -> Line:
    cells, roles = left.line(max(0, width - right.length))
    end, end_roles = right.line(right.length)
    return (cells + end)[:width], (roles + end_roles)[:width]


def _machine(snapshot: Snapshot, width: int) -> Line:
    host, is_wide = snapshot.host, width >= _WIDE
    line = LineBuilder().add(" cpu ", ".")
    _meter(line, host.cpu, 24 if is_wide else 12)
    busy = host.cpu.busy_pct if host.cpu else None
    line.add(f" {'-' if busy is None else f'{busy:3.0f}'} %", "b")
    if is_wide and host.cpu:
        line.add("  user ", ".").add(f"{host.cpu.user_pct:2.0f}", "u")
        line.add(" kernel ", ".").add(f"{host.cpu.system_pct:2.0f}", "k")
        line.add(" io ", ".").add(f"{host.cpu.iowait_pct:2.0f}", "y" if host.cpu.iowait_pct >= _MUCH else " ")
        if host.cpu.steal_pct >= 1:
            line.add(" stolen ", ".").add(f"{host.cpu.steal_pct:2.0f}", "r")
    share = host.memory_used_bytes / host.memory_total_bytes if host.memory_total_bytes else 0.0
    memory = LineBuilder().add("mem ", ".")
    bar = text.meter([(share, "█")], 8 if is_wide else 6)
    memory.roles(bar, bar.translate({ord("█"): "v", ord("░"): "."}))
    memory.add(f" {text.size(host.memory_used_bytes)}", "b").add(f" of {text.size(host.memory_total_bytes)}", ".")
    swap = LineBuilder()
    if host.swap_used_bytes:
        swap.add("swap ", ".").add(text.size(host.swap_used_bytes), "y")
    return paint.fitted([line, memory, swap, _pressure(snapshot)], width)


def _pressure(snapshot: Snapshot) -> LineBuilder:
    """Pressure stall information, where the kernel has it."""
    host = snapshot.host
    line = LineBuilder()
    pressures = (host.pressure_cpu, host.pressure_io, host.pressure_memory)
    if any(value is not None for value in pressures):
        line.add("psi", ".")
        for name, value in zip(("cpu", "io", "mem"), pressures, strict=True):
            shown = "-" if value is None else f"{value:.0f}"
            line.add(f" {name} ", ".").add(shown, "y" if value and value >= _MUCH else " ")
    return line


def _scheduler(snapshot: Snapshot, width: int) -> Line:
    host, totals, is_wide = snapshot.host, snapshot.totals, width >= _WIDE
    switches = LineBuilder()
    _label(switches, " sw/s", text.rate(host.switches_per_s))
    switches.add("  ").add(text.rate(totals.vol_per_s), "v").add(" voluntary" if is_wide else " vol", ".")
    switches.add("  ").add(text.rate(totals.invol_per_s), " ").add(" involuntary" if is_wide else " invol", ".")
    waiting = LineBuilder()
    if totals.waiting_threads:
        count = f"{totals.waiting_threads} thread{'s' if totals.waiting_threads > 1 else ''}"
        waiting.add("waiting for a cpu: " if is_wide else "wait: ", ".").add(count, "w")
        if is_wide:
            waiting.add(f", {totals.waiting_cores:.1f} cores' worth", ".")
    notes = [LineBuilder().add(text.visible(note), "y") for note in snapshot.notes]
    if notes:  # what could not be read must not go unsaid: it may be cut
        room = max(0, width - switches.length - 3 - (waiting.length + 3 if waiting.length else 0))
        first = notes[0].line(min(notes[0].length, max(room, 20)))
        notes[0] = LineBuilder().roles(*first)
    quota = _quota(snapshot)
    is_throttled = host.cgroup is not None and bool(host.cgroup.throttled_pct)
    return paint.fitted(
        [switches, quota, waiting, *notes] if is_throttled else [switches, waiting, *notes, quota], width
    )


def _quota(snapshot: Snapshot) -> LineBuilder:
    """The CPU quota of our cgroup, where there is one."""
    line = LineBuilder()
    cgroup = snapshot.host.cgroup
    if cgroup is not None:
        throttled = cgroup.throttled_pct
        line.add("quota ", ".").add(f"{cgroup.quota_cores:.1f}", " ").add(" throttled ", ".")
        line.add("-" if throttled is None else f"{throttled:.0f} %", "r" if throttled else " ")
    return line


def _cores(snapshot: Snapshot, width: int) -> list[Line]:
    """A meter for each core, as many in a line as fit."""
    cores = snapshot.host.cores
    cell = _CORE_METER + 11
    columns = max(1, (width - 1) // cell)
    rows = min(_MOST_CORE_LINES, -(-len(cores) // columns))
    lines = []
    for row in range(rows):
        line = LineBuilder().add(" ")
        for column in range(columns):
            index = row + column * rows
            if index < len(cores):
                line.add(f"{index:3} ", ".")
                _meter(line, cores[index], _CORE_METER)
                line.add(f" {cores[index].busy_pct:3.0f}  ", " ")
        lines.append(line.line(width))
    return lines


def header_lines(snapshot: Snapshot | None, status: Status, width: int, *, per_core: bool, tall: bool) -> list[Line]:
    """The header's lines; ``tall`` has room for all of them, else there are two at most."""
    if snapshot is None:
        return [LineBuilder().add(" threadtop ", "t").add(" reads /proc for the first time", ".").line(width)]
    lines = [_identity(snapshot, status, width)]
    if status.ended:
        lines.append(
            LineBuilder().add(f" {status.ended} ", "s").add("  its last figures are kept; q quits", ".").line(width)
        )
    worst = [worst_line(status.worst, width)] if status.worst is not None else []
    if not tall:
        return [*[*lines, _machine(snapshot, width)][:2], *worst]
    if per_core and snapshot.host.cores:
        lines.extend(_cores(snapshot, width))
    return [*lines, _machine(snapshot, width), _scheduler(snapshot, width), *worst]


class Header(Painted):
    """The header of the main screen."""

    DEFAULT_CSS = "Header { height: 3; dock: top; }"

    def __init__(self) -> None:
        """A header without a snapshot yet."""
        super().__init__()
        self.snapshot: Snapshot | None = None
        self.status = Status()
        self.per_core = False
        self._made_for: tuple[Snapshot | None, object] = (None, None)
        self._made_lines: list[Line] = []

    def show(self, snapshot: Snapshot, status: Status) -> None:
        """Show another snapshot."""
        self.snapshot, self.status = snapshot, status
        self.fit_height()
        self.repaint()

    def fit_height(self) -> None:
        """Take the lines that are needed and that the screen can spare."""
        if self.snapshot is None:
            return  # three lines until it is known: a change of height paints the whole screen again
        height = len(self._lines(self.app.size.width))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height

    def _lines(self, width: int) -> list[Line]:
        rows = self.app.size.height
        look = (self.status, self.per_core, width, rows)
        # Asked for twice a tick: how many there are, and what they say.
        if self.snapshot is None or self._made_for[0] is not self.snapshot or self._made_for[1] != look:
            tall = rows >= 20  # noqa: PLR2004 below that, rows of threads are worth more
            lines = header_lines(self.snapshot, self.status, width, per_core=self.per_core, tall=tall)
            self._made_for, self._made_lines = (self.snapshot, look), lines[: max(1, rows // 3)]
        return self._made_lines

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The header for this width."""
        return self._lines(width)[:height]
