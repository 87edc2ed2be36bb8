"""What the length of their sleeps says of what threads wait for: CPython's GIL, or something else; pure.

Who waits for the GIL beside a thread that computes sleeps 5 ms at a time, and never longer: a timed wait
(take_gil(), Python/ceval_gil.c), and then runs for a moment only, to ask for it; some who ask get it at once.  A native
lock is waited for as long as others hold it, and who slept for it then runs on: such sleeps are not counted as sharp
(gil/bursts).  Or it is found taken again, and waited for as long once more.  Where a GIL is let go sooner than that, by
calls into native code, its waits are as long as those for a lock: then nothing can be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.sample import SleepTally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadtop.gil_rows import GilRow, Verdict

LEAST_SHARP: Final = 3  # sleeps of 5 ms: fewer may be chance
# As many as of a little less or more: beside a GIL it was 2.2 and more, beside a lock waited for 4.8 ms 1.1 to 1.7.
SHARP_TIMES: Final = 1.75
# Of all that last a millisecond: beside a GIL it was 0.4 and more, beside most locks under 0.05.
LEAST_SHARP_SHARE: Final = 0.1
# Of these, where few threads wait: whoever asks for a GIL soon gets it.  Of two it was 0.5 to 1.0, of three and four
# 0.02 to 0.4 (the least beside two other programs on two CPUs), of eight 0 to 0.1; beside a lock none of 190.
LEAST_ANSWERED_SHARE: Final = 0.01
FEW_THREADS: Final = 4  # of more, too few for this; and a lock that as many want is waited for longer than 5 ms
LEAST_LONGER: Final = 8  # sleeps that outlast the interval: fewer may be one thread's own rest
LONGER_TIMES: Final = 10.0  # as many as of 5 ms, at least: a GIL's waits would break off at 5 ms


def verdict(found: SleepTally, threads: int) -> Verdict:
    """What the sleeps say of threads that seem to wait; ``threads`` is how many of them slept for 5 ms sharp.

    gil: there is a peak at 5 ms, well above what is a little shorter and longer together (three times as wide: sleeps
    of all lengths would give a third), and some of it is answered at once.  other: most are longer than a wait for the
    GIL can be, with no such peak.  unclear: neither, or too few.
    """
    lasting = found.lasting
    if (
        found.sharp >= LEAST_SHARP
        and found.sharp >= SHARP_TIMES * found.near
        and found.sharp >= LEAST_SHARP_SHARE * lasting
        and (found.answered >= LEAST_ANSWERED_SHARE * found.sharp or threads > FEW_THREADS)
    ):
        return "gil"
    if found.longer >= max(LEAST_LONGER, LONGER_TIMES * found.sharp) and 2 * found.longer >= lasting:
        return "other"
    return "unclear"


def since(old: SleepTally | None, now: SleepTally) -> SleepTally:
    """What came since an older tally of the same thread; all, where there is none or it began anew."""
    if old is None or any(new < before for new, before in zip(now, old, strict=True)):
        return now
    return SleepTally(*(new - before for new, before in zip(now, old, strict=True)))


def together(tallies: Iterable[SleepTally]) -> SleepTally:
    """The sleeps of several threads."""
    return SleepTally(*map(sum, zip(SleepTally(), *tallies, strict=True)))


def words(gil: GilRow) -> str:
    """What the sleeps say against an estimate, in a sentence; "" for nothing: a finding has what speaks for it."""
    if gil.sleeps is None or gil.verdict is None:
        return ""
    lasting = gil.sleeps.lasting
    if gil.verdict == "other":
        return (
            f"its threads wait for something else than the GIL: {gil.sleeps.longer} of {lasting} sleeps over 1 ms "
            "outlast the switch interval of 5 ms, which a wait for a GIL does not"
        )
    if gil.verdict == "gil" or not gil.waiters:
        return ""
    if not any(gil.sleeps):
        return "this may be a native lock as well: how long its threads sleep has not been seen"
    unanswered = gil.sleeps.sharp >= LEAST_SHARP and not gil.sleeps.answered
    return (
        f"this may be a native lock as well: of {gil.sleeps.short + lasting} sleeps {lasting} were over 1 ms, "
        f"{gil.sleeps.sharp} of them 5 ms, as waits for the GIL are beside a thread that computes"
        + (", but none that asks is soon answered, as one would be" if unanswered else "")
    )
