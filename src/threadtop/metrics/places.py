"""Places: which of many groups are shown, so that their number stays bounded and the picture steady; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEEP_S: Final = 600.0  # that a group keeps its place after it is gone, and against a bigger one
HALF_S: Final = 300.0  # after which what it consumed counts half
MUCH: Final = 2.0  # so many times as much as another must a group consume to take its place

Key = TypeVar("Key", str, tuple[str, str])


class _Held(NamedTuple):
    """Since when a group has its place, and when it was last there."""

    since_s: float
    seen_s: float


class Places(Generic[Key]):
    """So many places for groups: who was asked for comes first, then the biggest consumers; the others are folded."""

    def __init__(self, most: int, is_asked: Callable[[Key], bool] = lambda _key: False) -> None:
        """All places are free; ``is_asked`` tells who comes first."""
        self._most = most
        self._is_asked: Callable[[Key], bool] = is_asked
        self._held: dict[Key, _Held] = {}
        self._weights: dict[Key, float] = {}
        self._at_s: float | None = None
        self.folded = 0

    def __contains__(self, key: Key) -> bool:
        """Whether a group has a place."""
        return key in self._held

    def settle(self, consumed: Mapping[Key, float], at_s: float) -> list[Key]:
        """Give out places anew; ``consumed`` has all groups that are there, with what each took since the last time.

        Returns those that have lost theirs.  ``at_s`` is any clock's time in s.
        """
        faded = 0.5 ** ((at_s - self._at_s) / HALF_S) if self._at_s is not None else 1.0
        self._at_s = at_s
        old = self._weights
        self._weights = {key: old.get(key, 0.0) * faded + took for key, took in consumed.items()}
        lost = []
        for key, held in list(self._held.items()):
            if key in consumed:
                self._held[key] = held._replace(seen_s=at_s)
            elif at_s - held.seen_s >= KEEP_S:
                del self._held[key]
                lost.append(key)
            else:
                self._weights[key] = old.get(key, 0.0) * faded
        waiting = sorted(
            (key for key in consumed if key not in self._held),
            key=lambda key: (not self._is_asked(key), -self._weights[key], key),
        )
        free = self._most - len(self._held)
        for key in waiting[:free]:
            self._held[key] = _Held(at_s, at_s)
        if left := waiting[max(0, free) :]:
            lost += self._displaced(left, at_s)
        self.folded = sum(key not in self._held for key in consumed)
        return lost

    def _displaced(self, waiting: list[Key], at_s: float) -> list[Key]:
        """Give the places of small groups to who was asked for; of those that had them for long to much bigger ones.

        Returns who has lost his.
        """
        weak = sorted((key for key in self._held if not self._is_asked(key)), key=lambda key: (self._weights[key], key))
        asked = [key for key in waiting if self._is_asked(key)]
        swaps = list(zip(asked, weak, strict=False))
        old = [key for key in weak[len(swaps) :] if at_s - self._held[key].since_s >= KEEP_S]
        for big, small in zip(waiting[len(asked) :], old, strict=False):
            if self._weights[big] <= MUCH * self._weights[small]:
                break
            swaps.append((big, small))
        for new, small in swaps:
            del self._held[small]
            self._held[new] = _Held(at_s, at_s)
        return [small for _, small in swaps]
