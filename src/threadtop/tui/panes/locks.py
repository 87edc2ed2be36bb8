"""The Locks pane: who waits for whom, as text: deadlocks on top as closed chains, then a block for each lock."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from threadtop import finding_text, text, waits
from threadtop.findings import lock_figures
from threadtop.interest import STATUS, WCHAN
from threadtop.tui import finding_words, paint
from threadtop.tui.pager import Pager
from threadtop.tui.paint import LineBuilder
from threadtop.tui.panes.pane import Opened, Pane

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from threadtop.interest import Interest
    from threadtop.lock_rows import Deadlock, LockRow, LocksRow, LockWaitRow
    from threadtop.snapshot import ProcessRow, Snapshot
    from threadtop.tui.paint import Line

SHOWN_WAITS: Final = 8  # of one lock: more are counted
SHOWN_LINKS: Final = 24  # of one closed chain
SHOWN_LOCKS: Final = 100
_NAME, _TID, _FOR = 15, 7, 12
_WIDE: Final = 120
_FAMILY: Final = frozenset(("deadlock-suspected", "lock-convoy", "waits-on-one-lock"))
"""Findings that stand below the locks; a deadlock is drawn."""
_ASLEEP: Final = frozenset("SD")
_FUTEX: Final = ("futex", "__futex")  # kernel functions: wchan may be read where the call may not


class LocksPane(Pager, Pane):
    """The locks of one process."""

    NAME = "Locks"
    PAGE = "locks"

    def __init__(self) -> None:
        """Nothing opened yet."""
        super().__init__()
        self._opened: Opened | None = None

    def open(self, opened: Opened) -> None:
        """Show the process."""
        self._opened = opened
        self.repaint()

    def interest(self, interest: Interest, pid: int) -> Interest:
        """What all threads of this process are blocked on, and their locks."""
        return interest._replace(waits=interest.waits | {pid}, needs=frozenset({STATUS, WCHAN}))

    def all_lines(self, width: int) -> Sequence[Line]:
        """The deadlocks, the locks, the findings about them."""
        if self._opened is None:
            return []
        opened = self._opened
        return locks_lines(opened.snapshot, opened.process, width, has_ended=opened.has_ended)


def locks_lines(snapshot: Snapshot, process: ProcessRow, width: int, *, has_ended: bool = False) -> list[Line]:
    """The locks of a process for a width; of one that ``has_ended`` none will be read any more."""
    locks = process.locks
    if locks is None:
        words = "are read with the next refresh"
        if process.kernel:
            words = "none: a thread of the kernel waits for no lock of a program"
        elif has_ended:
            words = "were not read while the process was there"
        return [LineBuilder().add(" LOCKS  ", "t").add(words, ".").line(width)]
    lines = [_summary(process, locks, width), *_denied(locks, width)]
    for one in locks.deadlocks:
        lines += [paint.blank(width), *_chain_lines(snapshot, process, one, width, is_sure=True)]
    for one in locks.suspected:
        lines += [paint.blank(width), *_chain_lines(snapshot, process, one, width, is_sure=False)]
    stuck = {(link[0], link[1]) for one in locks.deadlocks for link in (*one.chain, *one.behind)}
    for lock in locks.locks[:SHOWN_LOCKS]:
        lines += [paint.blank(width), *_lock_lines(snapshot, process, lock, stuck, width)]
    more = len(locks.locks[SHOWN_LOCKS:]) + locks.left_out
    if more:
        lines += [
            paint.blank(width),
            *_wrapped(f"and {text.thousands(more)} more futexes with waiters", width, indent=1),
        ]
    found = [
        finding
        for finding in snapshot.findings
        if finding.kind in _FAMILY and finding_text.belongs_to(finding, process)
    ]
    if found:
        lines += [paint.blank(width), *finding_words.finding_lines(found, width)]
    return lines


# -- what there is -----------------------------------------------------------------------------


def _summary(process: ProcessRow, locks: LocksRow, width: int) -> Line:
    """How many wait on how many futexes, and how many owners are known."""
    line = LineBuilder().add(" LOCKS  ", "t")
    if not locks.locks:
        unknown = sum(row.state in _ASLEEP and row.blocked is None for row in process.threads.values())
        if locks.why_not:
            asleep = sum((row.wchan or "").startswith(_FUTEX) for row in process.threads.values())
            if asleep:
                line.add(_count(asleep, "thread"), "b").add(
                    f" wait{'s' if asleep == 1 else ''} on a futex: which?", "."
                )
                return line.line(width)
            return line.add("nothing is known of them", ".").line(width)
        line.add("nobody waits: no thread sleeps on a futex", ".")
        if unknown:
            line.add(f" ({_count(unknown, 'thread')} not looked at)", ".")
        return line.line(width)
    waiting = sum(lock.waiters for lock in locks.locks)
    known = sum(lock.owner_tid is not None for lock in locks.locks)
    line.add(_count(waiting, "thread"), "b").add(" wait on " if waiting > 1 else " waits on ", ".")
    line.add(_count(len(locks.locks) + locks.left_out, "futex"), "b")
    line.add(f"; {known or 'none'} with a known owner", ".")
    return line.line(width)


def _denied(locks: LocksRow, width: int) -> list[Line]:
    """The rule that hides owners, and what would lift it."""
    if not locks.why_not:
        return []
    what = "who owns them may not be read" if locks.locks else "what its threads wait for may not be read"
    return [
        *_wrapped(f"{what}: {locks.why_not}", width, "y", indent=8),
        *_wrapped(locks.remedy, width, indent=8),
    ]


def _chain_lines(snapshot: Snapshot, process: ProcessRow, one: Deadlock, width: int, *, is_sure: bool) -> list[Line]:
    """A closed chain: each link with what it waits for, and back to the first."""
    many = len(one.chain)
    if is_sure:
        title = LineBuilder().add(" ▲ DEADLOCK ", "r")
        whole = "waits for itself" if many == 1 else f"{many} threads wait for each other"
        title.add(f" {whole}, for ever", "b").add("  read twice", ".")
        title.add(", none of them ran in between" if width >= _WIDE else "", ".")
    else:
        title = LineBuilder().add(" · SUSPECTED ", "y")
        title.add(f" {_count(many, 'thread')} in a closed chain, with a timeout", "b").add("  it may yet open", ".")
    lines = [title.line(width)]
    wide = width >= _WIDE
    role = "r" if is_sure else "y"
    for at, (pid, tid, address) in enumerate(one.chain[:SHOWN_LINKS]):
        lock = lock_figures.lock_at(snapshot, pid, address)
        wait = next((wait for wait in lock.waits if wait.tid == tid), None) if lock is not None else None
        line = LineBuilder().add("   ┌─▶ " if at == 0 else "   │   ", role)
        line.add(_who(snapshot, process, pid, tid), "b").add("  waits for ", ".")
        line.add(f"{address:#x}" if wide else waits.futex_name(address), "b")
        if wait is not None:
            line.add(f", {_lasting(wait)}, {_timeout(wait)}", ".")
        if wide and lock is not None and lock.kind not in {"unknown", "thread end"}:
            line.add(f", {lock.kind}", ".")
        line.add("  owned by" if lock is None or lock.kind != "thread end" else "  the end of", ".")
        lines.append(line.line(width))
    if many > SHOWN_LINKS:
        lines.append(LineBuilder().add("   │   ", role).add(f"and {many - SHOWN_LINKS} more", ".").line(width))
    back = LineBuilder().add("   └── ", role).add(_who(snapshot, process, *one.chain[0][:2]), "b")
    lines.append(back.add("  again", ".").line(width))
    if one.behind:
        names = ", ".join(_who(snapshot, process, pid, tid) for pid, tid in one.behind[:SHOWN_WAITS])
        more = f" and {text.thousands(len(one.behind) - SHOWN_WAITS)} more" if len(one.behind) > SHOWN_WAITS else ""
        lines += _wrapped(f"stuck behind {'it' if many == 1 else 'them'}: {names}{more}", width, " ", indent=7)
    return lines


def _lock_lines(
    snapshot: Snapshot, process: ProcessRow, lock: LockRow, stuck: set[tuple[int, int]], width: int
) -> list[Line]:
    """One lock: where and what it is, who owns it and what that does; who waits, the longest first."""
    head = LineBuilder().add(f" {lock.address:#x} ", "b")
    if lock.shared:
        head.add(" shared", ".")
    lines = [head.join(_owner(snapshot, process, lock)).line(width)]
    shown = lock.waits[:SHOWN_WAITS] if lock.waiters > SHOWN_WAITS + 1 else lock.waits  # one more takes no more room
    for wait in shown:
        row = process.threads.get(wait.tid)
        is_stuck = (process.pid, wait.tid) in stuck
        line = LineBuilder().add("   ▲ " if is_stuck else "     ", "r")
        line.add(text.fit(text.visible(row.name if row is not None else ""), _NAME)).add(" ")
        line.add(f"{wait.tid:>{_TID}}", ".").add("  ")
        line.add(text.fit(_lasting(wait), _FOR, right=True)).add("  ").add(_timeout(wait), ".")
        lines.append(line.line(width))
    more = lock.waiters - len(shown)
    if more:
        lines.append(LineBuilder().add(" " * 5).add(f"and {text.thousands(more)} more", ".").line(width))
    return lines


def _owner(snapshot: Snapshot, process: ProcessRow, lock: LockRow) -> LineBuilder:
    """What a futex belongs to, who owns it and what the owner does now."""
    line = LineBuilder()
    if lock.is_gil:
        return line.add(" of the GIL: see its pane", ".")
    if lock.ended_tid is not None:
        line.add(f" {lock.kind}, owned by ", ".").add(f"{lock.ended_tid}", "r")
        return line.add(": no thread of this process (any more)", "r")
    if lock.owner_tid is None or lock.owner_pid is None:
        locks = process.locks
        words = (
            "owner not known" if locks is not None and locks.why_not else "no owner known: condition, semaphore, ..."
        )
        return line.add(f" {words}", ".")
    who = _who(snapshot, process, lock.owner_pid, lock.owner_tid)
    owner = lock_figures.owner(snapshot, lock)
    if lock.kind == "thread end":
        line.add(" the end of ", ".").add(who, "b")
    else:
        line.add(f" {lock.kind}, owned by ", ".").add(who, "b")
    if not lock.is_confirmed:
        line.add(" just now", ".")
    if owner is not None:
        line.add(": ", ".").add(text.visible(lock_figures.does(owner)))
    return line


# -- words -------------------------------------------------------------------------------------


def _who(snapshot: Snapshot, process: ProcessRow, pid: int, tid: int) -> str:
    """A thread as a cell string: its name, its tid, and its process where that is another one."""
    return text.visible(lock_figures.who(snapshot, pid, tid, home=process.pid))


def _lasting(wait: LockWaitRow) -> str:
    return f"{'>= ' if wait.is_at_least else ''}{text.duration(wait.waited_s)}"


def _timeout(wait: LockWaitRow) -> str:
    if wait.is_forever is None:
        return "timeout not known"
    if wait.is_forever:
        return waits.FOR_EVER
    if wait.left_s:
        return waits.left(int(wait.left_s * 1e9))
    return "with a timeout" if wait.timeout_s is None else f"at most {waits.span(int(wait.timeout_s * 1e9))}"


def _count(number: int, one: str) -> str:
    if number == 1:
        return f"1 {one}"
    return f"{text.thousands(number)} {one}{'es' if one.endswith('x') else 's'}"


def _wrapped(words: str, width: int, role: str = ".", *, indent: int) -> Iterable[Line]:
    """Words below one another, for they must not be cut."""
    parts = textwrap.wrap(words, max(20, width - indent - 1), break_on_hyphens=False)
    return [LineBuilder().add(" " * indent).add(part, role).line(width) for part in parts]
