"""The terminal stops us, goes away or takes nothing: threadtop neither hangs nor spins, and comes back right."""

from __future__ import annotations

import os
import resource
import signal
import sys
import termios
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ptyrun import DEADLINE_S, ROW, PtyRun, assert_clean, running, threadtop
from threadtop.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.every_python]
measures = pytest.mark.alone  # what it takes while nothing is sent is compared: nothing else is to run then
JOBS = Path(__file__).parent / "programs" / "jobs.py"
CTRL_L, CTRL_Z = "\x0c", "\x1a"
MOST_CPU_S = 2.0  # of a run that ends at once; one that spins takes more
REPAINTS = 60


def as_job(*arguments: str) -> list[str]:
    """The command line of threadtop below a shell."""
    return [sys.executable, str(JOBS), *threadtop(*arguments)]


def watch_child(run: PtyRun) -> None:
    """Look at the child of the shell from now on."""
    run.wait(lambda: len(run.family()) > 1, "the child of the shell")
    run.pid = next(pid for pid in run.family() if pid != run.process.pid)


def suspended(run: PtyRun) -> None:
    """Stop it by Ctrl+Z, and see the terminal as before."""
    count = run.data.count(b"stopped by SIGTSTP")
    run.send(CTRL_Z)
    run.wait(lambda: run.data.count(b"stopped by SIGTSTP") > count, "stopped")
    assert run.state == "T"
    assert run.attributes_now() == run.attributes
    assert run.modes()[25]
    assert not run.modes()[1049]


def test_suspend(tmp_path: Path) -> None:
    """Ctrl+Z stops it with the terminal as before; fg paints all and goes on, twice."""
    with running(tmp_path, command=as_job("-d", "0.3")) as run:
        watch_child(run)
        for _ in range(2):
            suspended(run)
            count = len(run.full_paints)
            run.send("fg\n")
            run.wait(lambda count=count: len(run.full_paints) > count, "all painted again")  # type: ignore[misc]
            run.wait_for(ROW)
        run.press("Z")
        run.check_screen()
        run.send("q")
        assert run.wait_exit() == 0
        assert run.attributes_now() == run.attributes
        assert b"ended with 0" in run.data
        assert not {number for number, is_set in run.modes().items() if is_set} - {25, 7}


@pytest.mark.parametrize("size", [(60, 15), (200, 60), (1, 1)], ids=str)
def test_suspend_and_resize(tmp_path: Path, size: tuple[int, int]) -> None:
    """The size may change while it is stopped."""
    with running(tmp_path, command=as_job("-d", "0.3")) as run:
        watch_child(run)
        suspended(run)
        run.resize(*size)
        run.send("fg\n")
        run.wait(lambda: run.modes()[1049] and run.attributes_now() != run.attributes, "the screen again")
        run.press("Z")
        run.check_screen()
        run.send("q")
        run.wait_exit()
        assert b"ended with 0" in run.data


def test_end_while_stopped(tmp_path: Path) -> None:
    """A signal that came while it was stopped ends it when it goes on."""
    with running(tmp_path, command=as_job()) as run:
        watch_child(run)
        suspended(run)
        os.kill(run.pid, signal.SIGTERM)
        run.send("fg\n")
        run.wait_exit()
        assert b"ended with 143" in run.data
        assert run.attributes_now() == run.attributes


def test_no_shell_to_go_back_to(tmp_path: Path) -> None:
    """Without a shell that could continue it (ssh host threadtop) Ctrl+Z does not freeze it."""
    with running(tmp_path) as run:
        count = len(run.full_paints)
        run.send(CTRL_Z)
        run.wait(lambda: len(run.full_paints) > count, "all painted again")
        run.press("Z", "?")
        run.wait_for("next part")
        run.press("q")
        run.check_screen()


def test_stopped_from_outside(tmp_path: Path) -> None:
    """After SIGSTOP, which cannot be caught, and SIGCONT it takes the terminal again, and still leaves it clean."""
    with running(tmp_path) as run:
        run.settle()
        run.signal(signal.SIGSTOP)
        run.wait(lambda: run.state == "T", "stopped")
        termios.tcsetattr(run.master, termios.TCSANOW, run.attributes)
        count = len(run.full_paints)
        run.signal(signal.SIGCONT)
        run.wait(lambda: len(run.full_paints) > count, "all painted again")
        assert run.attributes_now() != run.attributes
        run.send("q")
        assert run.wait_exit() == 0
        assert run.attributes_now() == run.attributes
        assert not {number for number, is_set in run.modes().items() if is_set} - {25, 7}


@measures
@pytest.mark.parametrize("is_ignored", [False, True], ids=["hangup", "nohup"])
@pytest.mark.parametrize("keys", ["", "Z", "/"], ids=["rows", "paused", "search"])
def test_terminal_vanishes(tmp_path: Path, keys: str, *, is_ignored: bool) -> None:
    """When the terminal goes, it ends, with its command, and does not spin; also where SIGHUP is ignored."""
    trap = "trap '' HUP; " if is_ignored else ""
    line = f"{trap}exec {sys.executable} -m threadtop -- sleep 1000"
    with running(tmp_path, command=["sh", "-c", line]) as run:
        run.press(*keys)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run.hang_up()
        assert run.process.wait(DEADLINE_S) == 129
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_CPU_S
        run.wait(lambda: not run.family(), "no process left")


def stall(run: PtyRun) -> None:
    """Have more painted than the link takes, without reading it."""
    for _ in range(REPAINTS):
        run.send(CTRL_L)
        time.sleep(0.002)
    run.settle(reads=False)


@measures
def test_stalled_link(tmp_path: Path) -> None:
    """While the link stalls nothing blocks or grows; then the header says so, keys work and the screen is right."""
    with running(tmp_path, "-d", "0.3") as run:
        run.settle()
        stall(run)
        rss_kib = run.rss_kib()
        stall(run)
        run.send("jjjtj")
        stall(run)
        assert run.rss_kib() - rss_kib < 4096
        run.wait(lambda: b"link is slow" in run.data, "link is slow")  # on the screen it may be for a moment only
        run.press("?")
        run.wait_for("next part")
        run.press("q", "Z")
        run.check_screen()
        run.press("Z")
        run.wait(lambda: "link is slow" not in run.text, "quick again")


@measures
def test_stalled_and_paused(tmp_path: Path) -> None:
    """What was skipped on a stalled link is painted when it takes frames again, without a tick."""
    with running(tmp_path) as run:
        run.press("Z")
        stall(run)
        time.sleep(0.5)  # now it knows that it is behind
        run.send("?")
        run.settle(reads=False)
        run.wait_for("next part")
        run.press("q", "jj")
        run.check_screen()


@measures
@pytest.mark.parametrize(("key", "code"), [("q", 0), ("", 143)], ids=["q", "signal"])
def test_end_while_stalled(tmp_path: Path, key: str, code: int) -> None:
    """It ends although nobody reads; a link that wakes up then is told to leave the screen."""
    with running(tmp_path) as run:
        run.settle()
        stall(run)
        if key:
            run.send(key)
        else:
            run.signal(signal.SIGTERM)
        assert run.process.wait(DEADLINE_S) == code
        run.wait_exit()
        assert_clean(run)


class Gaps:
    """A source of snapshots with such gaps."""

    def __init__(self, *gaps: float | None) -> None:
        """Give ``gaps`` one by one."""
        self._gaps = iter(gaps)

    def read(self, _interest: object) -> Any:  # noqa: ANN401 what the feed looks at of a snapshot
        """The next."""
        return next((SimpleNamespace(interval_s=gap) for gap in self._gaps), None)

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passes come one after the other."""
    monkeypatch.setattr(Feed, "_wait_until", lambda *_: True)
    return iter(())


@pytest.mark.usefixtures("no_waiting")
def test_a_tick_over_a_long_gap_is_dropped() -> None:
    """What spans a suspend is no measurement; but two long gaps in a row are a busy machine, and shown."""
    feed = Feed(Gaps(None, 1.0, 100.0, 1.0, 5.0, 6.0, 7.0), 1.0)
    taken: list[float | None] = []
    feed.deliver = lambda: taken.append(feed.take().interval_s)  # type: ignore[union-attr]
    feed._run()
    assert taken == [None, 1.0, 1.0, 6.0]


@pytest.mark.parametrize(
    ("cpu_s", "took_s", "stretched_s"),
    [(0.25, 0.3, None), (0.5, 0.6, 2.0), (0.01, 1.0, None), (0.01, 2.8, 2.8), (0.9, 2.8, 3.6)],
)
def test_what_stretches_the_interval(cpu_s: float, took_s: float, stretched_s: float | None) -> None:
    """Four times the CPU time of a pass; one that only waits for a CPU holds up no more than the next one."""
    feed = Feed(Gaps(), 1.0)
    feed._note_cost(cpu_s, took_s)
    assert feed.stretched_s == stretched_s
