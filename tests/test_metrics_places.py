"""Which groups are shown where there are more than places."""

from __future__ import annotations

from threadtop.metrics.places import HALF_S, KEEP_S, Places


def test_the_biggest_consumers_have_the_places() -> None:
    """Where groups outnumber places, the first ones go to those that took most, and the others are counted."""
    places: Places[str] = Places(2)
    assert places.settle({"small": 1.0, "big": 9.0, "middle": 5.0}, 0.0) == []
    assert [name in places for name in ("big", "middle", "small")] == [True, True, False]
    assert places.folded == 1


def test_a_place_is_kept_against_one_that_is_busy_for_a_moment() -> None:
    """No flapping: a newcomer displaces nobody before the small one had its place for a while."""
    places: Places[str] = Places(1)
    places.settle({"old": 1.0}, 0.0)
    assert places.settle({"old": 0.0, "new": 50.0}, KEEP_S - 1) == []
    assert "old" in places
    assert "new" not in places


def test_a_much_bigger_one_takes_the_place_of_a_small_one_in_the_end() -> None:
    """Who consumes more than twice as much as one that has had its place for long gets that, and it is told."""
    places: Places[str] = Places(1)
    places.settle({"old": 1.0}, 0.0)
    assert places.settle({"old": 10.0, "new": 19.0}, KEEP_S) == []
    assert places.settle({"old": 0.0, "new": 30.0}, KEEP_S + 1) == ["old"]
    assert "new" in places
    assert places.folded == 1


def test_who_is_gone_keeps_its_place_for_a_while() -> None:
    """A restart does not cost a group its counters; after a while without it they are dropped."""
    places: Places[str] = Places(1)
    places.settle({"web": 1.0}, 0.0)
    assert places.settle({}, KEEP_S - 1) == []
    assert places.settle({"web": 0.0}, KEEP_S) == []
    assert places.settle({}, 2 * KEEP_S) == ["web"]
    assert "web" not in places


def test_a_free_place_goes_to_who_was_folded() -> None:
    """Once one is gone for good, the next in size gets its place."""
    places: Places[str] = Places(1)
    places.settle({"web": 1.0, "db": 0.5}, 0.0)
    places.settle({"db": 0.5}, KEEP_S)
    assert "db" in places
    assert places.folded == 0


def test_what_was_consumed_fades() -> None:
    """What a group took long ago counts for less than what another takes now."""
    places: Places[str] = Places(1)
    places.settle({"past": 8.0}, 0.0)
    late_s = 4 * HALF_S  # a sixteenth of it is left
    assert places.settle({"past": 0.0, "now": 1.1}, late_s) == ["past"]
    assert "now" in places


def test_who_was_asked_for_comes_first() -> None:
    """A group that the user named has a place whatever it consumes, and takes it from the smallest that he did not."""
    places: Places[str] = Places(2, {"web", "db"}.__contains__)
    places.settle({"big": 9.0, "web": 0.0, "small": 1.0}, 0.0)
    assert ["web" in places, "big" in places, "small" in places] == [True, True, False]
    assert places.settle({"big": 9.0, "web": 0.0, "db": 0.0}, 1.0) == ["big"]
    assert ["web" in places, "db" in places, "big" in places] == [True, True, False]
    assert places.settle({"big": 999.0, "web": 0.0, "db": 0.0}, 2 * KEEP_S) == []
    assert places.folded == 1
