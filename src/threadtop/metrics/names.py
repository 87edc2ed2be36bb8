"""Labels: names of programs and threads made harmless, and alike where only their numbers differ; pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from threadtop import text

OTHER: Final = "other"
KERNEL: Final = "kernel"
MAIN: Final = "main"
UNNAMED: Final = "-"
MOST_CHARACTERS: Final = 128
STATES: Final = {
    "R": "runnable",
    "S": "sleeping",
    "D": "uninterruptible",
    "T": "stopped",
    "t": "traced",
    "Z": "zombie",
    "X": "dead",
    "I": "idle",
}
_NUMBERS: Final = re.compile(r"\d+(?:[.:/_-]\d+)*", re.ASCII)


@lru_cache(maxsize=8192)
def label(name: str) -> str:
    """A name as the value of a label: control and odd bytes shown, not sent; never empty, never long."""
    shown = text.plain(text.visible(name))
    return shown[:MOST_CHARACTERS] or UNNAMED


@lru_cache(maxsize=8192)
def numberless(name: str) -> str:
    """A thread's name with ``*`` for its numbers: ``worker-12`` and ``worker-3`` are ``worker-*``."""
    return label(_NUMBERS.sub("*", name))


@lru_cache(maxsize=8192)
def kernel_threads(name: str) -> str:
    """A kernel thread by what it is for: ``kworker/0:1-events`` is ``kworker/*``, ``kswapd0`` is ``kswapd*``."""
    head, slash, _ = name.partition("/")
    return label(f"{head}/*") if slash else numberless(name)


def state(letter: str) -> str:
    """A state's letter in ``stat`` (proc(5)) as a word; one that is not known stands for itself."""
    return STATES.get(letter) or label(letter)
