"""However many groups there are, so many are shown: who they are, and that no counter falls as they change."""

from __future__ import annotations

from builders import NOON, process_sample, sample, thread_sample
from metrics_played import Played, named, server, values
from threadtop.metrics import families
from threadtop.metrics.groups import Grouping
from threadtop.metrics.totals import PAIRS_A_GROUP, Totals


def test_the_cap_folds_what_consumes_least() -> None:
    """Only so many groups have series of their own; the rest adds up under ``other``, and how many is told."""
    played = Played(Totals(Grouping(), most_groups=2))
    names = {"a": 1.0, "b": 500.0, "c": 2.0, "d": 900.0}
    first = [named(pid, name, 1000 * life) for pid, (name, life) in enumerate(names.items(), 100)]
    published = played.add(sample(0, *first))
    assert values(published, families.PROCESSES) == {("b",): 1, ("d",): 1, ("other",): 2}
    assert values(published, families.FOLDED) == {(): 2}
    then = [named(pid, name, 1000 * life + 250, 5) for pid, (name, life) in enumerate(names.items(), 100)]
    published = played.add(sample(5, *then))
    assert values(published, families.CPU) == {("b", "main"): 0.25, ("d", "main"): 0.25, ("other", "other"): 0.5}
    assert values(published, families.PROCESS_CPU) == {("b",): 0.25, ("d",): 0.25, ("other",): 0.5}


def test_thread_groups_are_capped_too() -> None:
    """A program with a name for each thread fills no more than the places there are."""
    played = Played(Totals(Grouping(), most_groups=1))
    published = played.add(sample(0, named(100, "many", threads=20)))
    threads = values(published, families.THREADS)
    assert len(threads) == PAIRS_A_GROUP + 1
    assert threads["many", "other", "sleeping"] == 20 - PAIRS_A_GROUP
    assert values(published, families.FOLDED_THREADS) == {(): 20 - PAIRS_A_GROUP}


def test_a_group_that_gets_a_place_begins_at_zero_and_other_keeps_its_past() -> None:
    """No counter falls as groups change places: each has a beginning of its own."""
    played = Played(Totals(Grouping(), most_groups=1))
    played.add(sample(0, named(100, "a", 5000), named(101, "b")))
    published = played.add(sample(5, named(100, "a", 5000), named(101, "b", 1000, 5)))
    assert values(published, families.CPU) == {("a", "main"): 0, ("other", "other"): 1.0}
    played.add(sample(590, named(100, "a", 5000), named(101, "b", 1000, 5)))
    published = played.add(sample(700, named(100, "a", 5000), named(101, "b", 3000, 700)))
    assert values(published, families.CPU) == {("b", "main"): 2.0, ("other", "other"): 1.0}
    created = {point.labels[0]: point.created for point in published.points[families.CPU]}
    assert created == {"b": NOON + 700, "other": NOON}


def test_a_program_called_other_is_no_group_of_its_own() -> None:
    """The name of what is folded cannot be taken, and costs no place: two things would be one series."""
    played = Played(Totals(Grouping(), most_groups=1))
    published = played.add(sample(0, named(100, "other", 9000), named(101, "b")))
    assert values(published, families.PROCESSES) == {("other",): 1, ("b",): 1}
    assert values(published, families.FOLDED) == {(): 0}


def test_threads_called_other_cost_no_place() -> None:
    """The same holds for thread groups."""
    played = Played(Totals(Grouping(), most_groups=1))
    names = ["main", "other", *"abcd"]
    threads = [thread_sample(tid, name=name, run_ns=10**9 - tid) for tid, name in enumerate(names, 100)]
    published = played.add(sample(0, server(*threads)))
    assert {labels[1] for labels in values(published, families.THREADS)} == {"main", "other", *"abcd"}
    assert values(published, families.FOLDED_THREADS) == {(): 0}


def test_what_ended_threads_used_counts_for_a_place() -> None:
    """A program that makes a thread for each request is not small, although none of its threads is old."""
    played = Played(Totals(Grouping(), most_groups=1))
    brief = process_sample(100, name="brief", cpu_ns=900 * 10**9)
    lasting = process_sample(200, thread_sample(200, run_ns=10**9), name="lasting", cpu_ns=10**9)
    published = played.add(sample(0, brief, lasting))
    assert values(published, families.PROCESSES) == {("brief",): 1, ("other",): 1}
