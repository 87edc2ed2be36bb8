"""The header: the machine in two to four lines, by the width there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from threadtop import text
from threadtop.tui.paint import Line, LineBuilder
from threadtop.tui.painted import Painted

if TYPE_CHECKING:
    from threadtop.snapshot import CpuShare, Snapshot

_WIDE = 100
_STATE_ROLES = {"R": "g", "D": "r", "T": "c", "t": "c", "Z": "m"}
_CORE_METER = 10
_MOST_CORE_LINES = 8


class Status(NamedTuple):
    """What the header says of threadtop itself."""

    paused: bool = False
    stretched_s: float | None = None
    behind: bool = False
    attached: str = ""
    ended: str = ""


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
    host, totals = snapshot.host, snapshot.totals
    left = LineBuilder().add(" threadtop ", "t")
    if width >= _WIDE or not status.attached:
        left.add(" ").add(text.visible(host.hostname), "b").add("  ")
    if status.attached:
        left.add(status.attached, "b").add("  ")
    if width >= _WIDE:
        _label(left, "up", text.duration(host.uptime_s), " ")
        left.add("  ")
    _label(left, "load", " ".join(f"{value:.2f}" for value in host.load[: 3 if width >= _WIDE else 1]), " ")
    right = LineBuilder()
    if width >= _WIDE:
        right.add(text.thousands(totals.processes), "b").add(" processes  ", ".")
    right.add(text.thousands(totals.threads), "b").add(" threads", ".")
    for letter, role in _STATE_ROLES.items():
        if count := totals.thread_states.get(letter, 0):
            right.add("  ").add(f"{count} {letter}", role)
    right.add("  ")
    _label(right, "self" if width >= _WIDE else "", f"{text.percent(snapshot.own_cpu_pct)} %", " ")
    if width >= _WIDE:
        right.add(f"  {snapshot.cost.pass_ns / 1e6:.0f} ms", ".")
    right.add(" ")
    if status.paused:
        right = LineBuilder().add(" PAUSED ", "s").add(" p goes on ", ".")
    elif status.behind:
        right = LineBuilder().add(" the link is slow: frames are left out ", "y")
    elif status.stretched_s is not None:
        right = LineBuilder().add(f" a pass is costly: every {status.stretched_s:.1f} s ", "y")
    left.pad(width - right.length)
    return _joined(left, right, width)


def _joined(left: LineBuilder, right: LineBuilder, width: int) -> Line:
    cells, roles = left.line(max(0, width - right.length))
    end, end_roles = right.line(right.length)
    return (cells + end)[:width], (roles + end_roles)[:width]


def _machine(snapshot: Snapshot, width: int) -> Line:
    host = snapshot.host
    line = LineBuilder().add(" cpu ", ".")
    _meter(line, host.cpu, 28 if width >= _WIDE else 12)
    busy = host.cpu.busy_pct if host.cpu else None
    line.add(f" {'-' if busy is None else f'{busy:3.0f}'} %", "b")
    if width >= _WIDE and host.cpu:
        line.add("  user ", ".").add(f"{host.cpu.user_pct:2.0f}", "u")
        line.add(" kernel ", ".").add(f"{host.cpu.system_pct:2.0f}", "k")
        line.add(" io ", ".").add(f"{host.cpu.iowait_pct:2.0f}", "w" if host.cpu.iowait_pct >= 1 else " ")
        if host.cpu.steal_pct >= 1:
            line.add(" stolen ", ".").add(f"{host.cpu.steal_pct:2.0f}", "r")
    line.add("   ")
    share = host.memory_used_bytes / host.memory_total_bytes if host.memory_total_bytes else 0.0
    line.add("mem ", ".")
    bar = text.meter([(share, "█")], 10 if width >= _WIDE else 6)
    line.roles(bar, bar.translate({ord("█"): "v", ord("░"): "."}))
    line.add(f" {text.size(host.memory_used_bytes)}", "b").add(f" of {text.size(host.memory_total_bytes)}", ".")
    if host.swap_used_bytes:
        line.add("  swap ", ".").add(text.size(host.swap_used_bytes), "y")
    pressures = (host.pressure_cpu, host.pressure_io, host.pressure_memory)
    if any(value is not None for value in pressures):
        line.add("   psi", ".")
        for name, value in zip(("cpu", "io", "mem"), pressures, strict=True):
            shown = "-" if value is None else f"{value:.0f}"
            line.add(f" {name} ", ".").add(shown, "y" if value and value >= 10 else " ")  # noqa: PLR2004 a tenth stalls
    if host.cgroup is not None:
        line.add("   quota ", ".").add(f"{host.cgroup.quota_cores:.1f}", " ")
        throttled = host.cgroup.throttled_pct
        line.add(" throttled ", ".").add("-" if throttled is None else f"{throttled:.0f} %", "r" if throttled else " ")
    return line.line(width)


def _scheduler(snapshot: Snapshot, width: int) -> Line:
    host, totals = snapshot.host, snapshot.totals
    line = LineBuilder()
    _label(line, " sw/s", text.rate(host.switches_per_s))
    line.add("  ").add(text.rate(totals.vol_per_s), "v").add(" voluntary " if width >= _WIDE else " vol ", ".")
    line.add(" ").add(text.rate(totals.invol_per_s), "w" if (totals.invol_per_s or 0) >= 1 else " ")
    line.add(" involuntary" if width >= _WIDE else " invol", ".")
    if totals.waiting_threads:
        line.add("   ").add("waiting for a cpu:" if width >= _WIDE else "wait:", ".").add(
            f" {totals.waiting_threads} thread{'s' if totals.waiting_threads > 1 else ''}", "w"
        )
        if width >= _WIDE:
            line.add(f", {totals.waiting_cores:.1f} cores' worth", ".")
    for note in snapshot.notes:
        line.add("   ").add(text.visible(note), "y")
    return line.line(width)


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
    if not tall:
        return [*lines, _machine(snapshot, width)][:2]
    if per_core and snapshot.host.cores:
        lines.extend(_cores(snapshot, width))
    return [*lines, _machine(snapshot, width), _scheduler(snapshot, width)]


class Header(Painted):
    """The header of the main screen."""

    DEFAULT_CSS = "Header { height: 3; dock: top; }"

    def __init__(self) -> None:
        """A header without a snapshot yet."""
        super().__init__()
        self.snapshot: Snapshot | None = None
        self.status = Status()
        self.per_core = False

    def show(self, snapshot: Snapshot, status: Status) -> None:
        """Show another snapshot."""
        self.snapshot, self.status = snapshot, status
        self.fit_height()
        self.repaint()

    def fit_height(self) -> None:
        """Take the lines that are needed and that the screen can spare."""
        height = len(self._lines(self.app.size.width))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height

    def _lines(self, width: int) -> list[Line]:
        rows = self.app.size.height
        tall = rows >= 20  # noqa: PLR2004 below that, rows of threads are worth more
        lines = header_lines(self.snapshot, self.status, width, per_core=self.per_core, tall=tall)
        return lines[: max(1, rows // 3)]

    def make_lines(self, width: int, height: int) -> list[Line]:
        """The header for this width."""
        return self._lines(width)[:height]
