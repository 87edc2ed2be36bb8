"""What stands in a recording as JSON, by values: there and back it is equal, and damage is told as such."""

from __future__ import annotations

import json
import zlib

import pytest

from builders import COST, host_sample
from gil_samples import gil, lock, tally
from threadtop.blocked import BlockedOn, LatelyLock, LockSample, LocksSample, LockWait, WaitSample, WaitTally
from threadtop.errors import RecordingError
from threadtop.procfs.reasons import KINDS
from threadtop.recording import facts
from threadtop.recording.packing import MOST_BYTES, inflated
from threadtop.sample import CgroupSample, CpuTimes, GilMoment, GilSample, SleepTally, WatchCost
from threadtop.snapshot import Finding

BYTES_NAME = b"caf\xe9 \x1b[2J\n".decode("utf-8", "surrogateescape")
HIGH = 0xFFFF_FFFF_FFFF_F000  # an address of 64 bits

# -- samples -----------------------------------------------------------------------------------

GIL = gil(
    12.5,
    version="3.13.0",
    locks=(lock(900, 450, interpreters=(0, 2)), lock(0, 0, interpreters=(1,), is_enabled=False)),
    threads={7: tally(1, 2, 3, 4, 5), 3: tally(is_python=False), 4194304: tally(2**40, is_python=None)},
    moments=(GilMoment(12_400_000_000, (7, 0)), GilMoment(12_490_000_000, (0, -1), (7,))),
    holder_call="202 0x7f 0x80",
    idents={2**63 + 5: 7},
)
ESTIMATE = GIL._replace(
    grade="estimate",
    why_not="ptrace_scope 1 \u2013 no",
    remedy="be root",
    moments=(),
    holder_call=None,
    sleeps={7: SleepTally(1, 2, 3, 4, 5, 6), 8: SleepTally()},
)


@pytest.mark.parametrize("whole", [GIL, ESTIMATE, gil(0)], ids=["exact", "estimate", "nothing"])
def test_a_gil_comes_back(whole: GilSample) -> None:
    """Locks, tallies of each thread, sleeps, moments and identifiers of 64 bits; nothing else is made of them."""
    rows = facts.gil_rows(whole)
    assert {len(row) for row in rows.values()} <= {facts.GIL_WIDTH}
    assert facts.gil_sample(facts.gil_facts(whole), lambda: rows, facts.gil_moments(whole)) == whole


def test_waits_come_back() -> None:
    """Tallies by kind, whatever their order; kinds without any weight are left out."""
    tallies = {9: WaitTally(4, {"lock": 3, "gil": 1}), 3: WaitTally(0, {}), 5: WaitTally(2, {KINDS[-1]: 2**33})}
    whole = WaitSample(100, 1000, 3, 5_000_000_000, "yama", "be root", tallies, tells_gil=True)
    assert facts.wait_sample(facts.wait_facts(whole), lambda: facts.wait_rows(whole)) == whole


def test_kinds_are_those_of_the_file() -> None:
    """A recording names the kinds of its columns: one from before a kind was added is still told rightly."""
    said = json.dumps({**WaitSample(1, 2, 3, 4, "", "", {})._asdict(), "threads": None, "kinds": ["lock", "disk"]})
    said = said.replace('"threads": null, ', "")
    assert facts.wait_sample(said, lambda: {7: (5, 0, 2)}).threads == {7: WaitTally(5, {"disk": 2})}


def test_what_a_thread_is_blocked_on_comes_back() -> None:
    """All of it, also an address of 64 bits, a False, a zero, and a target that is not UTF-8."""
    whole = BlockedOn("futex", 0, BYTES_NAME, "", "", "", HIGH, False, 0, 2**62, True, 5, 0, "denied")
    changes = facts.blocked_changes(facts.blocked_body({7: whole, 8: BlockedOn()}, [9]))
    assert {tid: said and facts.blocked_on(said) for tid, said in changes.items()} == {7: whole, 8: {}, 9: None}
    assert facts.blocked_on(changes[8] or {}) == BlockedOn()


def test_locks_come_back() -> None:
    """Locks, who waits, and those of the last ticks."""
    one = LockSample(HIGH, "12:0", "pi mutex", None, 7, True, (LockWait(8, -5, True, None, False),), ended_tid=6)
    two = LockSample(4096, "", "unknown", 5, None, False, ())
    whole = LocksSample(100, 1000, 77, "yama", "", (one, two), 3, (LatelyLock(HIGH, "rwlock", 4),), 9)
    assert again(whole) == whole
    none = LocksSample(100, 1000, 77, "", "", ())
    assert again(none) == none


def again(locks: LocksSample, first: LocksSample | None = None) -> LocksSample:
    """Locks there and back."""
    body = facts.locks_body(locks, facts.lock_places(first) if first is not None else {})
    return facts.locks_sample(facts.locks_facts(locks), body, first)


def test_locks_that_stay_take_no_room() -> None:
    """A thousand threads that rest on locks of their own: only the locks that differ from before are told, in order."""
    many = [
        LockSample(4096 + at, "", "unknown", None, None, False, (LockWait(at, 5, False, None, True),))
        for at in range(1000)
    ]
    first = LocksSample(100, 1000, 77, "", "", tuple(many))
    moved = [*many[500:510], many[3]._replace(is_confirmed=True), *many[10:500], many[0], many[999]]
    now = first._replace(at_ns=78, locks=tuple(moved))
    assert again(now, first) == now
    assert again(first, first) == first
    assert len(facts.locks_body(now, facts.lock_places(first))) < 300


@pytest.mark.parametrize(
    "said", ["[[[0,1]],[]]", "[[[-1,1]],[]]", "[[[0]],[]]", "[[7],[]]", "[[[0,0]],[]]", "[]", "{}"]
)
def test_locks_of_a_sample_that_is_not_there_are_damage(said: str) -> None:
    """Places beyond it, or without any."""
    for first in (None, LocksSample(1, 2, 3, "", "", ())):
        with pytest.raises(RecordingError, match=r"damaged \(locks\)"):
            facts.locks_sample(WHOLE["locks"], zlib.compress(said.encode()), first)


def test_places_come_back() -> None:
    """Ranges of addresses, as they were."""
    assert facts.places(facts.dumped(((4096, 4104), (HIGH, HIGH + 8)))) == ((4096, 4104), (HIGH, HIGH + 8))


def test_a_host_comes_back() -> None:
    """Each counter to the last digit, with and without a quota and pressure."""
    core = CpuTimes(0.1 + 0.2, 1e-9, 123456789.01, 0.0, 5e17)
    whole = host_sample(
        hostname=BYTES_NAME, cpu=core, cores=(core, core), pressure_io=12.34, cgroup=CgroupSample(1.5, 9, 2)
    )
    assert facts.host_sample(facts.host_facts(whole)) == whole
    assert facts.host_sample(facts.host_facts(host_sample())) == host_sample()


def test_costs_come_back() -> None:
    """What the pass and both watches cost, and the notes."""
    for whole in ((COST, (BYTES_NAME, "b"), WatchCost(5, 99.5), None), (COST, (), None, WatchCost(7, 0.0))):
        assert facts.costs(facts.cost_facts(*whole)) == whole


def test_a_finding_comes_back() -> None:
    """Its columns, evidence, threads and command."""
    whole = Finding(
        "gil-bound", 100, 1000, BYTES_NAME, "title", "why", (("a", "1 %"),), "sampled", 61.5, (7, 8), "threadtop"
    )
    columns = ("gil-bound", 100, 1000, BYTES_NAME, 61.5, "sampled", "title")
    assert facts.finding(columns, "why", facts.finding_more(whole)) == whole


# -- what is no sample -------------------------------------------------------------------------

ONE_LOCK = LocksSample(1, 2, 3, "", "", (LockSample(1, "", "mutex", 2, 3, True, (LockWait(8, 5, True, 1, True),)),))
LOCKS = facts.locks_body(ONE_LOCK, {})
MAKERS = {
    "gil": lambda said: facts.gil_sample(said, dict, None),
    "waits": lambda said: facts.wait_sample(said, dict),
    "blocked": lambda said: facts.blocked_on(facts.blocked_said(said) or {}),
    "locks": lambda said: facts.locks_sample(said, LOCKS, None),
    "gil_places": facts.places,
    "host": facts.host_sample,
    "cost": facts.costs,
    "findings": lambda said: facts.finding(("k", 1, 2, "p", 1.0, "sampled", "t"), "e", said),
}
WHOLE = {
    "gil": facts.gil_facts(GIL),
    "waits": facts.wait_facts(WaitSample(1, 2, 3, 4, "", "", {})),
    "blocked": '{"call":"read","fd":3}',
    "locks": facts.locks_facts(ONE_LOCK),
    "host": facts.host_facts(host_sample(cgroup=CgroupSample(1.5, 9, 2))),
    "cost": facts.cost_facts(COST, ("note",), WatchCost(1, 2.0), WatchCost(3, 4.0)),
    "findings": facts.finding_more(
        Finding("k", 1, 2, "p", "t", "e", (("name", "figure"),), "sampled", 1.0, (7,), "command")
    ),
}


@pytest.mark.parametrize("what", MAKERS)
@pytest.mark.parametrize(
    "said",
    ["", "{", "7", '"text"', "[[1]]", '{"other":1}', "[" * 100_000, '{"pid":' * 50_000, "null", "[NaN]"],
    ids=["empty", "cut", "number", "text", "list", "other", "deep", "deep objects", "null", "nan"],
)
def test_json_of_another_kind_is_damage(what: str, said: str) -> None:
    """Not what was written there, and nesting without an end: damage, and which part of the file it is."""
    with pytest.raises(RecordingError, match=rf"damaged \({what}\)"):
        MAKERS[what](said)


@pytest.mark.parametrize("what", WHOLE)
def test_values_of_another_type_are_damage(what: str) -> None:
    """Each value in turn is a list that holds an object, which none may be: it is never handed on to what counts."""
    wrong = [{"is": "wrong"}]
    assert MAKERS[what](WHOLE[what])
    for path in _paths(json.loads(WHOLE[what])):
        with pytest.raises(RecordingError, match=rf"damaged \({what}\)"):
            MAKERS[what](json.dumps(_with(json.loads(WHOLE[what]), path, wrong)))


def test_values_of_another_type_in_locks_are_damage() -> None:
    """The same for what is deflated."""
    said = json.loads(inflated(LOCKS))
    for path in _paths(said):
        damaged = zlib.compress(json.dumps(_with(json.loads(inflated(LOCKS)), path, [{"is": "wrong"}])).encode())
        with pytest.raises(RecordingError, match=r"damaged \(locks\)"):
            facts.locks_sample(WHOLE["locks"], damaged, None)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "1.0", True])
def test_numbers_that_are_none_are_damage(wrong: object) -> None:
    """No NaN, infinity, text or truth where a counter stands."""
    for path in (("cpu", "user"), ("load", 1), ("switches",), ("cores", 0, "idle")):
        with pytest.raises(RecordingError, match=r"damaged \(host\)"):
            facts.host_sample(json.dumps(_with(json.loads(WHOLE["host"]), path, wrong)))


def test_our_own_words_cannot_steer_a_terminal() -> None:
    """Why something is not known is shown as it stands: in a hostile file it might be escape sequences."""
    said = json.loads(WHOLE["locks"]) | {"why_not": "no\x1b[2J", "remedy": "be\nroot"}
    found = facts.locks_sample(json.dumps(said), LOCKS, None)
    assert (found.why_not, found.remedy) == ("no?[2J", "be?root")


def test_moments_that_unpack_to_more_than_a_machine_has_are_damage() -> None:
    """A few kilobytes may name a gigabyte: that is not unpacked."""
    bomb = zlib.compress(b"[" + b" " * MOST_BYTES + b"]")
    assert len(bomb) < 100_000
    with pytest.raises(RecordingError, match=r"damaged \(gil\)"):
        facts.gil_sample(facts.gil_facts(GIL), dict, bomb)


def _paths(said: object, before: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Where each value of a document stands, leaves only."""
    if isinstance(said, dict):
        return [path for key, value in said.items() for path in _paths(value, (*before, key))]
    if isinstance(said, list):
        return [path for at, value in enumerate(said) for path in _paths(value, (*before, at))]
    return [before]


def _with(said: object, path: tuple[object, ...], value: object) -> object:
    """A document with another value at a path."""
    place = said
    for key in path[:-1]:
        place = place[key]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return said
