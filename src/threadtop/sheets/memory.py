"""The Memory pane: mappings by kind and by file, thread stacks marked, what is in memory when it was measured; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop import text
from threadtop.inside.mapped import NO_ACCESS, is_deleted
from threadtop.inside.memory import BY_ADDRESS, SMAPS, MemoryFacts
from threadtop.procfs import parse
from threadtop.sheets import endings
from threadtop.sheets.sheet import NOT_YET, Column, Entry, Link, Record, Request, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from threadtop.inside.listing import Listed
    from threadtop.inside.mapped import FileSum, Kind, KindSum, Placed
    from threadtop.inside.memory import Measured
    from threadtop.procfs.smaps import Usage
    from threadtop.sheets.sheet import Subject

MEASURE: Final = Request("m", SMAPS, "measure", "measure what of each mapping is in memory (smaps); again: forget it")
ORDER: Final = Request("b", BY_ADDRESS, "by address", "all mappings by address, or the largest first")
_KIB: Final = 1024
_NEAR, _VERY_NEAR = 0.8, 0.95  # of the mappings that are allowed
_MOST_NAMED: Final = 3  # threads whose stacks are in one mapping

TERMS: Final = by_key(
    Term(
        "vsize_bytes",
        "address space",
        "All mappings together (VSZ). Most of it may never be touched, and costs nothing then.",
        "/proc/PID/status VmSize",
    ),
    Term(
        "rss_bytes",
        "in memory",
        "What of it is in RAM now (RSS). Pages shared with others count in each of them.",
        "/proc/PID/status VmRSS; smaps Rss",
    ),
    Term(
        "peak_bytes",
        "peak",
        "The most that was ever in memory at once. It does not shrink.",
        "/proc/PID/status VmHWM",
    ),
    Term(
        "anonymous_bytes",
        "anonymous",
        "Its own pages in memory: heap, stacks, arenas. No file has them, so they can only go to swap.",
        "/proc/PID/status RssAnon",
    ),
    Term(
        "file_bytes",
        "of files",
        "Pages of programs and mapped files in memory. The kernel can drop them and read them again.",
        "/proc/PID/status RssFile",
    ),
    Term(
        "shared_bytes",
        "shared memory",
        "Pages of tmpfs and shared memory. All who map them share them.",
        "/proc/PID/status RssShmem",
    ),
    Term(
        "swap_bytes",
        "in swap",
        "Pages moved out to swap. Each of them costs a wait for the disk when it is needed.",
        "/proc/PID/status VmSwap",
    ),
    Term(
        "page_tables_bytes",
        "page tables",
        "What the kernel needs to map all that. It grows with the address space that was touched.",
        "/proc/PID/status VmPTE",
    ),
    Term(
        "locked_bytes",
        "locked",
        "Pages that may not be moved out. Real-time programs lock all of theirs.",
        "/proc/PID/status VmLck; mlock(2)",
    ),
    Term(
        "measured",
        "measured",
        "How far measuring has come, or how old the figures are: m twice measures anew. The kernel walks all pages and "
        "holds the process's map lock for a moment at a time, in which its page faults and mmap calls may wait: so it "
        "is only done when asked for.",
        "/proc/PID/smaps",
    ),
    Term(
        "kind",
        "kind",
        "What a mapping is for. Thread stacks are sure where a stack pointer lies in them, and likely (~) by a guard "
        "page below and a usual size; arenas of glibc's malloc are told (~) by their 64 MiB.",
        "/proc/PID/maps, task/TID/syscall",
    ),
    Term(
        "count",
        "maps",
        "How many mappings. At the limit (vm.max_map_count) mmap fails with ENOMEM however much memory is free.",
        "/proc/PID/maps; /proc/sys/vm/max_map_count",
    ),
    Term(
        "size_bytes",
        "reserved",
        "Address space. It costs memory only where it was touched.",
        "/proc/PID/maps",
    ),
    Term(
        "pss_bytes",
        "PSS",
        "What is in memory, each page divided by how many share it. These add up over processes.",
        "/proc/PID/smaps Pss",
    ),
    Term(
        "uss_bytes",
        "USS",
        "What is in memory and shared with nobody, clean or dirty. So much would be free if it ended.",
        "/proc/PID/smaps Private_Clean, Private_Dirty",
    ),
    Term(
        "dirty_bytes",
        "dirty",
        "Private pages that were written. They have to be kept, or swapped.",
        "/proc/PID/smaps Private_Dirty",
    ),
    Term(
        "referenced_bytes",
        "used",
        "What was used since the kernel last looked for pages to free. What was not is the first to go.",
        "/proc/PID/smaps Referenced",
    ),
    Term(
        "huge_bytes",
        "huge",
        "What is in huge pages, of 2 MiB on most machines. They make large memory quicker and small uses of it costly.",
        "/proc/PID/smaps AnonHugePages, ShmemPmdMapped, FilePmdMapped, Hugetlb",
    ),
    Term(
        "file",
        "file",
        "The mapped file; yellow: it was deleted or replaced, and the process still runs the old one. The kernel "
        "writes a line end in its name as \\012.",
        "/proc/PID/maps",
    ),
    Term(
        "address",
        "address",
        "Where it begins. Addresses differ at each start (ASLR).",
        "/proc/PID/maps",
    ),
    Term(
        "perms",
        "perms",
        "Read, write, execute, private or shared. Private pages are copied when written to.",
        "/proc/PID/maps",
    ),
    Term(
        "name",
        "name",
        "The file, or what the kernel calls it. Thread stacks have the thread's name.",
        "/proc/PID/maps",
    ),
)


def sheet(subject: Subject) -> Sheet:
    """What its address space is made of."""
    facts = subject.facts
    if not isinstance(facts, MemoryFacts):
        return NOT_YET
    sections = [Section("totals", "In all", tuple(_totals(facts)), notes=_progress(facts))]
    if facts.listed is not None:
        listed, measured = facts.listed, facts.measured
        usages = measured.usages if measured is not None and measured.is_complete else None
        sections += [
            Section("kinds", f"By kind, {_order(listed)}", table=_kinds(listed), notes=_notes(listed, facts)),
            Section("files", f"By file, {_order(listed, has_reserved=False)}", table=_files(listed)),
            Section(
                "mappings",
                f"Mappings, {'by address' if BY_ADDRESS in subject.wants else _order(listed)}",
                table=_mappings(subject, listed, usages),
            ),
        ]
    notes = _nothing_left(subject) if "VmSize" not in facts.status else ()
    return Sheet(tuple(sections), notes, facts.denials)


def _order(listed: Listed, *, has_reserved: bool = True) -> str:
    """How rows are ordered: what may not be touched is only kept free, and so stands below what may be in memory."""
    is_measured = any(one.usage is not None for one in listed.kinds)
    is_split = has_reserved and any(one.kind in NO_ACCESS for one in listed.kinds)
    return f"{'most in memory' if is_measured else 'largest'} first{', what is only kept free last' * is_split}"


def _nothing_left(subject: Subject) -> tuple[str, ...]:
    """Why there is no memory to tell of."""
    notes = endings.why(subject.process, "it has no memory of its own", "its memory was given back")
    return notes or ("it has ended, and its memory was given back",)


def _progress(facts: MemoryFacts) -> tuple[str, ...]:
    """Where there is nothing to list yet, how far reading has come."""
    if "VmSize" not in facts.status:
        return ()
    if facts.listed is None and not facts.denials:
        return (f"{text.thousands(facts.coming)} mappings are read so far",)
    return ()


def _notes(listed: Listed, facts: MemoryFacts) -> tuple[str, ...]:
    """What the reader of the kinds should know."""
    notes = []
    if listed.is_cut:
        notes.append(f"there are more than these {text.thousands(listed.maps)} mappings")
    if any(one.is_hint for one in listed.kinds):
        notes.append("~ is told from a pattern of addresses and sizes")
    if facts.pointers < facts.threads:
        known, threads = text.thousands(facts.pointers), text.thousands(facts.threads)
        told = f"{known} of {threads} threads have told where their stacks are"
        told = told if facts.threads > 1 else "its thread has not told where its stack is"
        notes.append(f"{told}: a stack pointer shows in sleep")
    return tuple(notes)


# -- totals ----------------------------------------------------------------------------------------


def _totals(facts: MemoryFacts) -> Iterator[Entry]:
    for key, name in (
        ("rss_bytes", "VmRSS"),
        ("anonymous_bytes", "RssAnon"),
        ("file_bytes", "RssFile"),
        ("shared_bytes", "RssShmem"),
        ("swap_bytes", "VmSwap"),
        ("peak_bytes", "VmHWM"),
        ("vsize_bytes", "VmSize"),
        ("page_tables_bytes", "VmPTE"),
        ("locked_bytes", "VmLck"),
    ):
        word = facts.status.get(name, "").split(" ")[0]
        size = int(word) * _KIB if word.isdigit() else None
        is_news = key == "swap_bytes" and bool(size)
        yield Entry(key, text.size(size), size, role="b" if key == "rss_bytes" else "y" if is_news else " ")
    if facts.listed is not None:
        yield _count(facts.listed, facts.most_maps)
        yield from _measured(facts.measured, facts.listed)


def _count(listed: Listed, most: int | None) -> Entry:
    """How many mappings, and how near to the limit."""
    full = listed.maps / most if most else 0.0
    role = "r" if full >= _VERY_NEAR else "y" if full >= _NEAR else " "
    note = f"of {text.thousands(most)} that are allowed" if most else ""
    return Entry("count", text.thousands(listed.maps) + "+" * listed.is_cut, listed.maps, note, role)


def _measured(measured: Measured | None, listed: Listed) -> Iterator[Entry]:
    """How far measuring is, and what it said in all."""
    if measured is None:
        yield Entry("measured", "no", None, f"{MEASURE.key} measures what of each is in memory (--want {SMAPS})")
        return
    maps = text.thousands(measured.maps)
    if not measured.is_complete:
        yield Entry("measured", f"{maps} of {text.thousands(listed.maps)} maps", measured.maps, role="y")
    elif measured.is_cut:
        note = "the process replaced its program meanwhile; m twice measures anew"
        yield Entry("measured", f"cut short after {maps} maps", measured.maps, note, "y")
    else:
        note = f"took {measured.took_s * 1000:.0f} ms; m twice measures anew"
        yield Entry("measured", f"{maps} maps, {text.duration(measured.age_s)} ago", measured.maps, note)
    total = measured.total
    pss, uss = (total.pss_bytes, total.uss_bytes) if total is not None else (None, None)
    yield Entry("pss_bytes", text.size(pss), pss)
    yield Entry("uss_bytes", text.size(uss), uss)


# -- tables ----------------------------------------------------------------------------------------

_SIZE: Final = (
    Column("size_bytes", 8, right=True),
    Column("rss_bytes", 8, right=True),
    Column("pss_bytes", 8, right=True, is_spare=True),
    Column("uss_bytes", 8, right=True),
    Column("swap_bytes", 8, right=True, is_spare=True),
)
_MORE: Final = (
    Column("dirty_bytes", 8, right=True, is_spare=True),
    Column("referenced_bytes", 8, right=True, is_spare=True),
    Column("huge_bytes", 8, right=True, is_spare=True),
)


def _figures(usage: Usage | None) -> tuple[int | None, ...]:
    """RSS, PSS, USS, swap, and what stands in _MORE."""
    if usage is None:
        return (None,) * (len(_SIZE) - 1 + len(_MORE))
    return (
        usage.rss_bytes,
        usage.pss_bytes,
        usage.uss_bytes,
        usage.swap_bytes,
        usage.private_dirty_bytes,
        usage.referenced_bytes,
        usage.huge_bytes,
    )


def _sum_record(one: KindSum | FileSum, identity: object, name: str, role: str) -> Record:
    figures = _figures(one.usage)
    cells = (text.size(one.size_bytes), *map(text.size, figures), text.thousands(one.maps), name)
    return Record(identity, cells, (one.size_bytes, *figures, one.maps, name), role)


def _kinds(listed: Listed) -> Table:
    columns = (*_SIZE, *_MORE, Column("count", 7, right=True), Column("kind"))
    return Table(columns, [_kind_record(one) for one in listed.kinds])


def _kind_record(one: KindSum) -> Record:
    name = _kind(one.kind, is_hint=one.is_hint)
    return _sum_record(one, name, name, "." if one.kind in NO_ACCESS else " ")


def _kind(kind: Kind, *, is_hint: bool) -> str:
    return f"~{kind}" if is_hint else kind


def _files(listed: Listed) -> Table:
    columns = (*_SIZE, *_MORE, Column("count", 7, right=True), Column("file", is_path=True))
    records = [
        _sum_record(
            one, (one.path, one.device, one.inode), parse.decode(one.path), "y" if is_deleted(one.path) else " "
        )
        for one in listed.files
    ]
    total = listed.files_in_all if listed.files_in_all > len(records) else None
    return Table(columns, records, total=total, first=listed.first_file, copies="file")


def _mappings(subject: Subject, listed: Listed, usages: Mapping[int, Usage] | None) -> Table:
    """One part of all mappings."""
    columns = (
        *_SIZE,
        Column("perms", 5),
        Column("address", 16, is_spare=True),
        Column("kind", 18),
        Column("name", is_path=True),
    )
    records = [_mapping_record(one, subject, usages or {}) for one in listed.part]
    total = listed.maps if listed.maps > len(records) else None
    return Table(columns, records, total=total, first=listed.first, copies="name")


def _mapping_record(one: Placed, subject: Subject, usages: Mapping[int, Usage]) -> Record:
    mapping = one.map
    figures = _figures(usages.get(mapping.start))[: len(_SIZE) - 1]
    words = (mapping.perms, f"{mapping.start:x}", _kind(one.kind, is_hint=one.is_hint), _name(one, subject))
    tid = one.tids[0] if len(one.tids) == 1 else 0
    return Record(
        mapping.start,
        (text.size(mapping.size_bytes), *map(text.size, figures), *words),
        (mapping.size_bytes, *figures, *words),
        role="." if one.kind in NO_ACCESS else " ",
        link=Link(subject.process.pid, tid) if tid else None,
    )


def _name(one: Placed, subject: Subject) -> str:
    """The path or the kernel's word for it, and the threads whose stack pointers are in it."""
    path = parse.decode(one.map.path)
    if path == "[stack]" or not one.tids:
        return path
    threads = subject.process.threads
    named: Sequence[str] = [
        f"{threads[tid].name} {tid}" if tid in threads else str(tid) for tid in one.tids[:_MOST_NAMED]
    ]
    more = len(one.tids) - len(named)
    return f"{path}  {', '.join(named)}{f' and {more} more' if more else ''}".lstrip()
