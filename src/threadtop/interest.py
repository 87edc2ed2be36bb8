"""What the reader of a snapshot looks at, which decides what a pass reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from threadtop.inside.asked import Asked

STATUS, WCHAN, MEMORY, CMDLINE = "status", "wchan", "memory", "cmdline"
ALL_NEEDS: Final = frozenset({STATUS, WCHAN, MEMORY, CMDLINE})


class Interest(NamedTuple):
    """What the reader of the next snapshot looks at, which decides what is read.

    ``visible`` holds (pid, tid) pairs on screen; ``attached`` limits the pass to these processes;
    ``needs`` names the costly reads that some shown column wants; ``everything`` reads all threads
    whole (headless output shows them all); ``asked`` is the open pane with facts of its own; ``gil`` are
    those whose GIL is to be watched, if they have one (attached, opened, under the cursor); ``waits`` those whose
    blocked threads are to be looked at many times a second, and whose locks are read.  ``at_once``: there is no next
    tick, or few, to look for the other ends of pipes and sockets bit by bit.
    """

    visible: frozenset[tuple[int, int]] = frozenset()
    attached: frozenset[int] | None = None
    needs: frozenset[str] = ALL_NEEDS
    everything: bool = False
    gil: frozenset[int] = frozenset()
    waits: frozenset[int] = frozenset()
    asked: Asked | None = None
    at_once: bool = False
