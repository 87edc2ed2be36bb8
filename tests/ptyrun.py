"""threadtop in a pseudo-terminal: what it writes, what a terminal would show of it, how it ends."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DEADLINE_S: Final = 40.0  # for what takes a fraction of a second on an idle machine
LAUNCHER: Final = Path(__file__).parent / "programs" / "onpty.py"
QUIET_S: Final = 0.05
QUIET_NS: Final = 1_500_000  # a paint takes more
ROW: Final = r"COMMAND *\n.*\w"  # a line below the headings
ANSWERS: Final = {b"\x1b[?2026$p": b"\x1b[?2026;2$y"}
ESCAPE: Final = "\x1b[27u"  # as kitty's protocol has it: a bare one is told by nothing following it for a while
SYNC_START, SYNC_END = b"\x1b[?2026h", b"\x1b[?2026l"

# What pyte takes for something else: kitty's key protocol and questions to the terminal.
_FOREIGN: Final = re.compile(rb"\x1b\[(?:[<>=][\d;]*[a-zA-Z]|\?[\d;]*\$p)")
_CUT: Final = re.compile(rb"\x1b(?:\[[^@-~]*)?\Z")
_MODE: Final = re.compile(rb"\x1b\[\?(\d+)([hl])")


Row: TypeAlias = tuple[tuple[object, ...], ...]


def _seen(cell: pyte.screens.Char) -> tuple[object, ...]:
    """What can be seen of a cell."""
    if cell.data == " ":
        return (" ", cell.bg, cell.reverse and cell.fg, cell.reverse, cell.underscore, cell.strikethrough)
    return tuple(cell)


def _words(row: Row) -> str:
    return "".join(str(cell[0]) for cell in row).rstrip()


def _differences(was: Row, now: Row) -> str:
    cells = [(column, *pair) for column, pair in enumerate(zip(was, now, strict=True)) if pair[0] != pair[1]]
    return f"{len(cells)} cells, the first {cells[:2]}"


def threadtop(*arguments: str) -> list[str]:
    """The command line of threadtop with this interpreter."""
    return [sys.executable, "-m", "threadtop", *arguments]


class PtyRun:
    """A program in a pseudo-terminal of its own, as the leader of a session."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        home: Path,
        size: tuple[int, int] = (120, 40),
        answers: bool = True,
    ) -> None:
        """Start ``command``; ``size`` is columns and rows, ``answers`` whether the terminal knows sync marks."""
        self.mark = f"THREADTOP_TEST={uuid.uuid4()}"
        self.data = bytearray()
        self._held_back = b""
        self._answers = answers
        self.full_paints: list[tuple[list[Row], list[Row]]] = []
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.master, slave = os.openpty()
        self.resize(*size, is_told=False)
        self.attributes = termios.tcgetattr(self.master)
        kept = {key: os.environ[key] for key in ("PATH",) if key in os.environ}
        own = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        marked = dict([self.mark.split("=")])
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**kept, **own, **marked, **(environment or {})},
            start_new_session=True,
        )
        os.close(slave)
        self.pid = self.process.pid

    # -- reading -----------------------------------------------------------------------------------

    def pump(self, timeout_s: float = 0.0) -> bool:
        """Read what there is, waiting at most so long for it; whether there was something."""
        if self.master < 0 or not select.select([self.master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # EIO: nobody has the other side open
            data = b""
        if not data:
            time.sleep(min(timeout_s, 0.01))
            return False
        self.data += data
        if self._answers:
            for question, answer in ANSWERS.items():
                if question in data:
                    os.write(self.master, answer)
        self._feed(data)
        return True

    def _feed(self, data: bytes) -> None:
        data = self._held_back + data
        # A synchronised update that has only begun waits, too: it is painted as a whole.
        begun = data.rfind(SYNC_START)
        if begun > data.rfind(SYNC_END):
            data, self._held_back = data[:begun], data[begun:]
        else:
            cut = _CUT.search(data)
            at = cut.start() if cut else len(data)
            data, self._held_back = data[:at], data[at:]
        for part in re.split(rb"(?<=\x1b\[\?2026l)", data):
            is_full = len(part) > self._screen.columns * self._screen.lines
            before = self.cells() if is_full else []
            self._stream.feed(_FOREIGN.sub(b"", part))
            if is_full:
                self.full_paints.append((before, self.cells()))

    def cells(self) -> list[Row]:
        """What the terminal shows now, with colours; of a blank only what can be seen of it."""
        columns = range(self._screen.columns)
        rows = [self._screen.buffer[line] for line in range(self._screen.lines)]
        return [tuple(_seen(row[column]) for column in columns) for row in rows]

    def lines(self) -> list[str]:
        """What the terminal shows now."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """What the terminal shows now, as one string."""
        return "\n".join(self.lines())

    def wait(self, condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Read until ``condition`` holds; fails with the screen if it never does."""
        deadline = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < deadline, f"never seen: {what}\n{self.text}\n{bytes(self.data[-300:])!r}"
            self.pump(0.05)

    def wait_for(self, text: str, deadline_s: float = DEADLINE_S) -> None:
        """Read until the screen has ``text``, a regular expression."""
        self.wait(lambda: re.search(text, self.text), text, deadline_s)

    def settle(self, *, reads: bool = True) -> None:
        """Read until the program sleeps: its main thread has hardly run for a while and sent nothing."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            ran_ns, size = self._ran_ns(), len(self.data)
            if reads:
                while self.pump(QUIET_S):
                    pass
            else:
                time.sleep(QUIET_S)
            if self._ran_ns() - ran_ns < QUIET_NS and len(self.data) == size and self.state not in "RD":
                return
        message = f"never quiet\n{self.text}"
        raise AssertionError(message)

    def _ran_ns(self) -> int:
        try:
            return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text(encoding="ascii").split()[0])
        except FileNotFoundError:
            return 0

    # -- the process -------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The state letter of its main thread."""
        return (
            Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        )

    def cpu_s(self) -> float:
        """The CPU time it has taken."""
        ticks = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kib(self) -> int:
        """Its memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8", errors="replace")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]

    def family(self) -> list[int]:
        """The processes that inherited this run's mark and are not zombies."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in path.read_bytes():
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found

    # -- acting ------------------------------------------------------------------------------------

    def send(self, keys: str | bytes) -> None:
        """Type ``keys``."""
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def check_screen(self) -> None:
        """What stands on the terminal is what a full repaint (Ctrl+L) puts there; the snapshot must be held."""
        self.settle()
        count = len(self.full_paints)
        self.send("\x0c")
        self.wait(lambda: len(self.full_paints) > count, "a full repaint")
        self.settle()
        # On a terminal of one cell what clears it counts as one, too: what it ends with is the repaint.
        (before, _), (_, after) = self.full_paints[count], self.full_paints[-1]
        wrong = [
            f"row {row}: {_words(was)!r}\n    not {_words(now)!r}: {_differences(was, now)}"
            for row, (was, now) in enumerate(zip(before, after, strict=True))
            if was != now
        ]
        assert not wrong, "\n".join(wrong)

    def press(self, *keys: str) -> None:
        """Type ``keys`` one by one, each after what the one before did."""
        for key in keys:
            self.send(key)
            self.settle()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def resize(self, columns: int, rows: int, *, is_told: bool = True) -> None:
        """Give the terminal another size."""
        if is_told:
            while self.pump():
                pass
            self._screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Take the terminal away."""
        os.close(self.master)
        self.master = -1

    # -- its end -----------------------------------------------------------------------------------

    def wait_exit(self, deadline_s: float = DEADLINE_S) -> int:
        """Read until it has ended; its exit code, negative for a signal."""
        self.wait(lambda: self.process.poll() is not None, "its end", deadline_s)
        while self.pump():
            pass
        return int(self.process.returncode)

    def modes(self) -> dict[int, bool]:
        """The private modes of the terminal that were set or reset, as they are now."""
        return {int(number): letter == b"h" for number, letter in _MODE.findall(bytes(self.data))}

    def after_screen(self) -> bytes:
        """What came after the alternate screen was left for good."""
        return bytes(self.data).rpartition(b"\x1b[?1049l")[2]

    def attributes_now(self) -> list[Any]:
        """The attributes of the terminal (termios)."""
        return termios.tcgetattr(self.master)

    def close(self) -> None:
        """End what is left of it: our own children, by the mark they carry."""
        for pid in {*self.family(), *([self.pid] if self.process.poll() is None else [])}:
            try:
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        if self.master >= 0:
            self.hang_up()


@contextmanager
def running(
    home: Path,
    *arguments: str,
    command: Sequence[str] = (),
    waits: bool = True,
    **how: Any,  # noqa: ANN401 PtyRun's options
) -> Iterator[PtyRun]:
    """Run threadtop with ``arguments`` (or another ``command``), once it shows rows; ended when left."""
    run = PtyRun(command or threadtop(*arguments), home=home, **how)
    try:
        if waits:
            run.wait_for(ROW)
        yield run
    finally:
        run.close()


def assert_clean(run: PtyRun, said: bytes = b"") -> None:
    """The terminal is as before, ``said`` is all that stands on it, and no process is left."""
    assert run.attributes_now() == run.attributes
    modes = run.modes()
    assert {number for number, is_set in modes.items() if is_set} <= {25, 7}, modes
    assert modes[25], "the cursor shows"
    assert modes[7], "lines wrap"
    data = bytes(run.data)
    assert data.count(b"\x1b[?1049h") == data.count(b"\x1b[?1049l") == 1
    assert len(re.findall(rb"\x1b\[>\d+u", data)) == data.count(b"\x1b[<u")
    assert run.after_screen() == b"\x1b[?25h" + said
    run.wait(lambda: not run.family(), f"no process left of {run.family()}")
