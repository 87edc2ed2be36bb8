"""The Overview pane's section on processes against threads: what siblings share, what one more of each costs; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.sheets.sheet import Entry, Section, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadtop.inside.footprint import Stacks
    from threadtop.inside.overview import OverviewFacts
    from threadtop.inside.siblings import Siblings, Tie

TERMS: Final = by_key(
    Term(
        "siblings",
        "siblings",
        "Processes that run the same file in the same cgroup, of the same parent or session: the workers of a prefork "
        "server. Two programs of one interpreter look the same.",
        "/proc/PID/exe, cgroup; stat fields 4 and 6",
    ),
    Term(
        "together",
        "together",
        "Their resident memory added up counts shared pages once for each; what they really take is the sum of their "
        "PSS. They are measured one after the other.",
        "/proc/PID/smaps_rollup of each",
    ),
    Term(
        "one_process",
        "one more process",
        "An estimate of what a further worker would cost: what each has for itself alone (USS), on average. Pages that "
        "it shares come free until it writes to them.",
        "/proc/PID/smaps_rollup of each, an estimate",
    ),
    Term(
        "one_thread",
        "one more thread",
        "An estimate of what a further thread would cost: what the stacks of those there are touched, on average; the "
        "rest of what they reserve is no memory. All else is shared with the process.",
        "/proc/PID/maps, task/TID/syscall, pagemap; pthread_attr_setstacksize(3)",
    ),
)
_TIES: Final[dict[Tie, str]] = {
    "parent": "of one parent, itself among them",
    "children": "its children, itself not among them",
    "session": "of one session, itself among them",
}


def section(facts: OverviewFacts) -> Section:
    """What more processes and more threads cost."""
    found = facts.siblings
    entries = [_siblings(found, is_own_known=facts.executable is not None)]
    if found is not None and found.tie is not None:
        entries += _together(found)
    return Section("family", "Processes against threads", (*entries, _one_process(facts), _one_thread(facts.stacks)))


def _siblings(found: Siblings | None, *, is_own_known: bool) -> Entry:
    if found is None:
        whose = "the executable of some that may be siblings" if is_own_known else "its executable"
        return Entry("siblings", text.UNKNOWN, None, f"not known: {whose} may not be read")
    if found.tie is None:
        if found.is_cut:
            return Entry("siblings", text.UNKNOWN, None, "still looking for them")
        return Entry("siblings", "none", 0, "no other process of its parent or session runs its program", role=".")
    count, threads = len(found.members), sum(one.threads for one in found.members)
    more = "more than " if found.is_cut else ""
    shown = f"{more}{text.many(count, 'process')} with {text.many(threads, 'thread')}"
    value = {"processes": count, "threads": threads, "tie": found.tie, "is_cut": found.is_cut}
    return Entry("siblings", shown, value, _TIES[found.tie])


def _together(found: Siblings) -> Iterator[Entry]:
    rss = sum(one.rss_bytes for one in found.members)
    usages = [one.usage for one in found.members if one.usage is not None]
    pss = sum(usage.pss_bytes for usage in usages) if len(usages) == len(found.members) else None
    value = {"rss_bytes": rss, "pss_bytes": pss}
    if pss is None:
        shown = f"RSS adds up to {text.size(rss)}"
        yield Entry("together", shown, value, f"{len(usages)} of {len(found.members)} measured so far")
    else:
        shown = f"RSS adds up to {text.size(rss)}, really {text.size(pss)}"
        yield Entry("together", shown, value, f"{text.size(max(0, rss - pss))} are counted more than once", role="b")


def _one_process(facts: OverviewFacts) -> Entry:
    found = facts.siblings
    has_siblings = found is not None and found.tie is not None
    usages = [one.usage for one in found.members if one.usage is not None] if found is not None else []
    if not has_siblings and facts.usage is not None:
        usages = [facts.usage]
    if not usages:
        return Entry("one_process", text.UNKNOWN, None)
    uss = sum(usage.uss_bytes for usage in usages) // len(usages)
    pss = sum(usage.pss_bytes for usage in usages) // len(usages)
    value = {"uss_bytes": uss, "pss_bytes": pss, "measured": len(usages)}
    if has_siblings:
        note = f"estimate: the mean of {len(usages)}; {text.size(pss)} with its share of common pages"
        return Entry("one_process", f"~{text.size(uss)} of its own", value, note, role="b")
    return Entry("one_process", f"at most ~{text.size(uss)}", value, "estimate: its USS; a fork would share some of it")


def _one_thread(stacks: Stacks | None) -> Entry:
    if stacks is None:
        return Entry("one_thread", text.UNKNOWN, None)
    reserved = stacks.reserved_bytes if stacks.reserved_bytes is not None else stacks.limit_bytes
    value = {
        "touched_bytes": stacks.touched_bytes,
        "reserved_bytes": reserved,
        "sampled": stacks.sampled,
        "threads": stacks.threads,
    }
    words = f"{text.size(reserved)} reserved"
    if stacks.sampled and stacks.touched_bytes is not None:
        how = ", by their pattern" if stacks.is_hint else ""
        note = f"estimate: median of {stacks.sampled} of {text.many(stacks.threads, 'stack')}{how}; 16K in the kernel"
        return Entry("one_thread", f"~{text.size(stacks.touched_bytes)} touched of {words}", value, note, role="b")
    if stacks.sampled:
        return Entry("one_thread", words, value, "what of it is touched may not be read")
    note = "it has no other thread to measure" if not stacks.threads else "its threads' stacks were not recognised"
    if reserved is None:
        return Entry("one_thread", text.UNKNOWN, value, note)
    return Entry("one_thread", f"{words}, by its limit", value, note)
