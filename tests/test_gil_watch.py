"""The watch, round by round: whom it follows, when it tries again, what it may cost."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from threadtop.errors import DeniedError, GoneError, ThreadtopError
from threadtop.gil import watch as module
from threadtop.gil.attach import Attached
from threadtop.gil.bursts import SHARE
from threadtop.gil.memory import BadAddressError
from threadtop.gil.probe import MOST_LOOKS
from threadtop.gil.runtime import NotPythonError, NotReadyError, UnknownError
from threadtop.gil.watch import (
    AGAIN_S,
    BAD_LOOKS,
    BUDGET,
    EXACT_AGAIN_S,
    LATER_S,
    MOST_LATER_S,
    MOST_PERIOD_S,
    MOST_TARGETS,
    PACE_ROUNDS,
    SOON_TRIES,
    Watch,
)
from threadtop.procfs.reader import ProcReader
from threadtop.sample import GilTally, SleepTally

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND_NS = 1_000_000_000


class FakeProbe:
    """A probe that counts, and raises what it is told to."""

    def __init__(self) -> None:
        """Not looked yet."""
        self.period_s = 0.0
        self.most_looks = 0
        self.looks: list[int] = []
        self.is_closed = False
        self.error: Exception | None = None

    def look(self, now_ns: int) -> None:
        """As Probe."""
        self.looks.append(now_ns)
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """As Probe."""
        self.is_closed = True


class Scene:
    """A watch whose thread is the test: a clock, and what each process turns out to be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each process is a CPython that can be read, but for those named in ``outcomes``."""
        self.now_ns = SECOND_NS
        self.tried: list[int] = []
        self.outcomes: dict[int, Exception | Attached] = {}
        self.probes: dict[int, FakeProbe] = {}
        clock = SimpleNamespace(monotonic_ns=lambda: self.now_ns, thread_time_ns=lambda: 0)
        monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(module, "attach", self._attach)
        self.watch = Watch(ProcReader(descriptors=4), euid=1000, pause=lambda _s: None)
        self.watch._thread = threading.current_thread()  # so that it starts none

    def _attach(self, _reader: object, pid: int, euid: int) -> Attached:
        assert euid == 1000
        self.tried.append(pid)
        outcome = self.outcomes.get(pid)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            return outcome
        probe: Any = FakeProbe()
        self.probes[pid] = probe
        return Attached("exact", "", "", "3.12.1", probe)

    def follow(self, *pids: int) -> None:
        """Follow these, that began at ten times their pid."""
        self.watch.follow({pid: pid * 10 for pid in pids})

    def round(self, later_s: float = 0.01, times: int = 1) -> None:
        """So many rounds, each so much later."""
        for _ in range(times):
            self.now_ns += int(later_s * 1e9)
            self.watch.round()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A watch to step."""
    return Scene(monkeypatch)


def test_follows_and_lets_go(scene: Scene) -> None:
    """A process is attached once and looked at each round; one that is not wanted any more is given back."""
    scene.follow(1, 2)
    assert scene.watch.take() == {}
    scene.round(times=4)
    assert scene.tried == [1, 2]
    assert len(scene.probes[1].looks) == 3
    assert {pid: (sample.start_ticks, sample.version) for pid, sample in scene.watch.take().items()} == {
        1: (10, "3.12.1"),
        2: (20, "3.12.1"),
    }
    scene.follow(2)
    assert set(scene.watch.take()) == {2}
    scene.round()
    assert (scene.probes[1].is_closed, scene.probes[2].is_closed) == (True, False)
    assert len(scene.probes[1].looks) == 3


def test_pid_that_is_used_again(scene: Scene) -> None:
    """Another process by the same pid is attached anew, and its samples begin anew."""
    scene.follow(1)
    scene.round(times=2)
    old = scene.probes[1]
    began = scene.watch.take()[1].began
    scene.watch.follow({1: 77})
    scene.round(times=2)
    assert old.is_closed
    sample = scene.watch.take()[1]
    assert sample.start_ticks == 77
    assert sample.began > began


def test_limit(scene: Scene) -> None:
    """The first MOST_TARGETS are followed, the others not."""
    scene.follow(*range(1, MOST_TARGETS + 5))
    scene.round(times=2)
    assert scene.tried == list(range(1, MOST_TARGETS + 1))


def test_strangers_do_not_count(scene: Scene) -> None:
    """What turned out to be no CPython is no reason to leave another out."""
    for pid in (1, 2, 3):
        scene.outcomes[pid] = NotPythonError()
    everyone = range(1, MOST_TARGETS + 4)
    scene.follow(*everyone)
    scene.round()
    assert scene.watch.strangers() == {1, 2, 3}
    scene.follow(*everyone)
    scene.round(times=2)
    assert set(scene.watch.take()) == set(everyone) - {1, 2, 3}


@pytest.mark.parametrize(
    "error", [NotPythonError(), GoneError("1"), DeniedError("1"), ValueError("?"), OSError(12, "")]
)
def test_backs_off(scene: Scene, error: Exception) -> None:
    """What cannot be attached is tried ever more rarely, and is a stranger until it is."""
    scene.outcomes[1] = error
    scene.follow(1)
    scene.round()
    gaps = []
    before = scene.now_ns
    while len(scene.tried) < 9:
        tries = len(scene.tried)
        scene.round(0.5)
        if len(scene.tried) > tries:
            gaps.append((scene.now_ns - before) / 1e9)
            before = scene.now_ns
    assert gaps == [LATER_S, 6, 12, 24, 48, *[MOST_LATER_S] * 3]
    assert scene.watch.strangers() == {1}
    assert scene.watch.take() == {}
    scene.now_ns += int(MOST_LATER_S * 1e9)
    assert scene.watch.strangers() == frozenset()


def test_one_that_is_starting_is_tried_soon_again(scene: Scene) -> None:
    """A CPython that starts or ends is told as such, and attached as soon as it can be."""
    scene.outcomes[1] = NotReadyError()
    scene.follow(1)
    scene.round()
    sample = scene.watch.take()[1]
    assert (sample.grade, sample.why_not) == ("none", "this CPython is starting or ending")
    scene.round(0.1)
    assert scene.tried == [1]
    scene.round(0.2)
    assert scene.tried == [1, 1]
    assert scene.watch.take()[1].began == sample.began
    del scene.outcomes[1]
    scene.round(0.3)
    assert scene.watch.take()[1].grade == "exact"
    assert scene.watch.take()[1].began > sample.began


def test_one_that_never_starts(scene: Scene) -> None:
    """A CPython that is loaded and never used is tried no oftener than what is none, after some tries."""
    scene.outcomes[1] = NotReadyError()
    scene.follow(1)
    scene.round(AGAIN_S, times=SOON_TRIES + 1)
    assert len(scene.tried) == SOON_TRIES + 1
    scene.tried.clear()
    scene.round(AGAIN_S, times=round(4 * LATER_S / AGAIN_S))
    assert len(scene.tried) == 4


def test_attach_keeps_to_the_budget(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes 50 ms of CPU to try in vain is tried again after four seconds, however soon it might be ready."""
    spent = iter(range(0, SECOND_NS, 50_000_000))
    monkeypatch.setattr(module.time, "thread_time_ns", lambda: next(spent))
    scene.outcomes[1] = NotReadyError()
    scene.follow(1)
    scene.round()
    scene.round(0.05 / BUDGET - 0.1)
    assert scene.tried == [1]
    scene.round(0.2)
    assert scene.tried == [1, 1]


def test_estimate_becomes_exact_once_it_can(scene: Scene) -> None:
    """Rights may be given: an estimate goes on while they are asked for again, and ends with them."""
    first, second = FakeProbe(), FakeProbe()
    estimated: list[Any] = [first, second]
    scene.outcomes[1] = Attached("estimate", "Yama", "run as root", "3.12", estimated[0])
    scene.follow(1)
    scene.round()
    began = scene.watch.take()[1].began
    scene.outcomes[1] = Attached("estimate", "Yama", "run as root", "3.12", estimated[1])
    scene.round(EXACT_AGAIN_S - 0.1)
    assert scene.tried == [1]
    scene.round(0.2)
    assert scene.tried == [1, 1]
    assert (first.is_closed, second.is_closed) == (False, True)
    assert scene.watch.take()[1].began == began
    scene.outcomes[1] = NotReadyError()
    scene.round(EXACT_AGAIN_S)
    assert (len(scene.tried), first.is_closed, scene.watch.take()[1].grade) == (3, False, "estimate")
    del scene.outcomes[1]
    scene.round(EXACT_AGAIN_S)
    assert first.is_closed
    assert scene.watch.take()[1].grade == "exact"
    assert scene.watch.take()[1].began > began
    scene.round(EXACT_AGAIN_S, times=3)
    assert len(scene.tried) == 4


def test_attach_that_takes_long_holds_nobody_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found can be taken while a process is attached, also where that was tried before."""
    taken: list[set[int]] = []

    def attach(_reader: object, _pid: int, _euid: int) -> Attached:
        taker = threading.Thread(target=lambda: taken.append(set(scene.watch.take())), daemon=True)
        taker.start()
        taker.join(20)
        raise NotReadyError

    monkeypatch.setattr(module, "attach", attach)
    scene.follow(1)
    scene.round()
    scene.round(AGAIN_S)
    assert taken == [set(), {1}]


@pytest.mark.parametrize(
    "error",
    [GoneError("1"), DeniedError("1"), NotReadyError(), UnknownError("?"), OSError(12, ""), ThreadtopError("no fd")],
)
def test_look_that_fails_for_good(scene: Scene, error: Exception) -> None:
    """A process that ended, ran another program or cannot be read any more is let go, and tried again in a moment."""
    scene.follow(1)
    scene.round(times=2)
    old = scene.probes[1]
    old.error = error
    scene.round()
    assert old.is_closed
    assert scene.watch.take() == {}
    scene.round(0.1)
    assert scene.tried == [1]
    scene.round(0.2)
    assert scene.tried == [1, 1]
    assert 1 in scene.watch.take()


def test_looks_that_fail_now_and_then(scene: Scene) -> None:
    """A bad address is forgiven unless BAD_LOOKS come in a row."""
    scene.follow(1)
    scene.round()
    probe = scene.probes[1]
    for _ in range(3):
        probe.error = BadAddressError()
        scene.round(times=BAD_LOOKS - 1)
        probe.error = None
        scene.round()
    assert not probe.is_closed
    probe.error = BadAddressError()
    scene.round(times=BAD_LOOKS)
    assert probe.is_closed


def test_period_of_a_probe(scene: Scene) -> None:
    """A probe that wants its looks further apart is left alone in between."""
    scene.follow(1)
    scene.round(times=2)
    probe = scene.probes[1]
    probe.period_s = 0.055
    probe.looks.clear()
    scene.round(0.01, times=100)
    assert len(probe.looks) in {16, 17}
    assert min(later - earlier for earlier, later in zip(probe.looks, probe.looks[1:], strict=False)) >= 55_000_000


# -- pace ----------------------------------------------------------------------------------------------------


def paced(scene: Scene, cost_s: float, times: int = 400) -> tuple[float, int]:
    """The period and the most looks a round, once rounds have cost so much for long."""
    for _ in range(times):
        scene.watch._pace(cost_s)
    return scene.watch._period_s, scene.watch._most_looks


def test_pace_keeps_to_the_budget(scene: Scene) -> None:
    """Cheap rounds come at 100 Hz; dear ones look at fewer threads, and become rarer, so that the cost holds."""
    scene.follow(1)
    scene.round(times=2)
    assert paced(scene, 0.0001) == (0.01, MOST_LOOKS)
    period_s, most_looks = paced(scene, 0.0002)
    assert (round(period_s, 6), most_looks) == (0.014286, MOST_LOOKS)
    period_s, most_looks = paced(scene, 0.0004)
    assert 0.0004 / period_s == pytest.approx(BUDGET, rel=0.01)
    assert most_looks < MOST_LOOKS // 4
    assert paced(scene, 1.0)[0] == MOST_PERIOD_S
    assert paced(scene, 0.00001) == (0.01, MOST_LOOKS)


def test_most_looks_reach_the_probe(scene: Scene) -> None:
    """How many threads a round may look at is what the pace says."""
    scene.follow(1)
    scene.round(times=2)
    for cost_s, most in ((0.0001, MOST_LOOKS), (0.01, 4)):
        assert paced(scene, cost_s)[1] == scene.probes[1].most_looks == most


def test_rests_where_there_is_nothing_to_see(scene: Scene) -> None:
    """Without a probe, or with one that wants few looks, rounds are far apart; a new target ends that."""
    scene.outcomes[1] = NotPythonError()
    scene.follow(1)
    scene.round()
    assert paced(scene, 0.0)[0] == MOST_PERIOD_S
    scene.follow(1, 2)
    assert scene.watch._period_s == 0.01
    scene.round(times=2)
    scene.probes[2].period_s = 0.06
    assert paced(scene, 0.0)[0] == 0.06


# -- its thread ----------------------------------------------------------------------------------------------


def threaded(monkeypatch: pytest.MonkeyPatch, pause: Callable[[float], object]) -> tuple[Watch, dict[int, FakeProbe]]:
    """A watch with its thread, of processes that can all be read."""
    probes: dict[int, FakeProbe] = {}

    def attach(_reader: object, pid: int, _euid: int) -> Attached:
        probe: Any = FakeProbe()
        probes[pid] = probe
        return Attached("exact", "", "", "3.12.1", probe)

    monkeypatch.setattr(module, "attach", attach)
    return Watch(ProcReader(descriptors=4), pause=pause), probes


def test_thread_begins_with_the_first_target_and_ends_with_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread and no cost without a target; pauses are jittered about the period; close gives all back."""
    pauses: list[float] = []
    enough = threading.Event()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 100:
            enough.set()

    watch, probes = threaded(monkeypatch, pause)
    watch.follow({})
    assert watch.cost() is None
    assert watch._thread is None
    watch.follow({1: 10})
    assert enough.wait(60)
    watch.close()
    thread: threading.Thread | None = watch._thread
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive()
    assert probes[1].is_closed
    assert watch.take() == {}
    assert watch.cost() is not None
    assert all(0.004 < seconds < 0.4 for seconds in pauses)
    assert len(set(pauses)) > 8


def test_cost_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rounds a second are those that were made, the CPU time that of the last of them."""
    now_ns, cpu_ns = SECOND_NS, 0
    rounds = 0
    seen = []

    def pause(seconds: float) -> None:
        nonlocal now_ns, cpu_ns, rounds
        now_ns += int(seconds * 1e9) + 10_000_000  # it wakes up late
        cpu_ns += 1000
        rounds += 1
        seen.append(watch.cost())
        if rounds == 2 * PACE_ROUNDS:
            watch.close()

    clock = SimpleNamespace(monotonic_ns=lambda: now_ns, thread_time_ns=lambda: cpu_ns)
    watch, _ = threaded(monkeypatch, pause)
    monkeypatch.setattr(module, "time", clock)
    watch.follow({1: 10})
    assert watch._thread is not None
    watch._thread.join(60)
    assert [cost.cpu_ns for cost in seen if cost] == [1000 * number for number in range(2 * PACE_ROUNDS)]
    assert seen[-1] is not None
    assert seen[-1].rounds_per_s == pytest.approx(50)


def test_close_does_not_wait_for_many_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that is closed in a pause makes no further round."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        watch.close()

    watch, probes = threaded(monkeypatch, pause)
    watch.follow({1: 10})
    assert watch._thread is not None
    watch._thread.join(60)
    assert len(pauses) == 1
    assert probes[1].is_closed


def test_closed_watch_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is followed after close is not."""
    watch, _ = threaded(monkeypatch, lambda _s: None)
    watch.close()
    watch.follow({1: 10})
    assert watch._thread is None


# -- bursts ------------------------------------------------------------------------------------


class FakeBursts:
    """Bursts that note what they are asked for."""

    def __init__(self) -> None:
        """None made, the next is due."""
        self.made: list[tuple[list[int], float]] = []
        self.due = True
        self.tallies = {7: SleepTally(1, 2, 3, 4, 5)}

    def is_due(self, now_ns: int) -> bool:
        """As Bursts."""
        assert now_ns > 0
        return self.due

    def make(self, tids: list[int], share: float) -> None:
        """As Bursts."""
        self.made.append((tids, share))
        self.due = False


class FakeEstimate(FakeProbe):
    """A probe without memory."""

    def __init__(self) -> None:
        """One thread."""
        super().__init__()
        self.bursts = FakeBursts()
        self.threads = {7: None}
        self.has_looks = True

    def tallies(self) -> dict[int, GilTally]:
        """As WchanProbe."""
        return {}


def test_estimated_processes_are_read_in_bursts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """One burst in a round, where it is due, and all share what they may cost; exact ones need none."""
    monkeypatch.setattr(module, "WchanProbe", FakeEstimate)
    probes: list[Any] = [FakeEstimate(), FakeEstimate()]
    for pid, probe in enumerate(probes, 1):
        scene.outcomes[pid] = Attached("estimate", "no rights", "", "3.12", probe)
    scene.follow(1, 2, 3)
    scene.round(times=2)  # one to attach
    assert [len(probe.bursts.made) for probe in probes] == [1, 0]
    scene.round(times=3)
    assert [probe.bursts.made for probe in probes] == [[([7], SHARE / 2)], [([7], SHARE / 2)]]
    assert scene.watch.take()[1].sleeps == {7: SleepTally(1, 2, 3, 4, 5)}
    assert scene.watch.take()[3].sleeps == {}
