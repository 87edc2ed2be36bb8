"""The Memory pane: mappings by kind and by file, thread stacks marked, what is in memory when it was measured; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from threadtop import text
from threadtop.inside.memory import SMAPS, MemoryFacts
from threadtop.procfs import maps, parse
from threadtop.procfs.smaps import Usage
from threadtop.sheets.sheet import NOT_YET, Column, Entry, Link, Record, Request, Section, Sheet, Table, Term, by_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from threadtop.sheets.sheet import Subject

MEASURE: Final = Request("m", SMAPS, "measure", "measure what of each mapping is in memory (smaps); again: forget it")
PART: Final = 500  # mappings in one part
MOST_FILES: Final = 40
ARENA_BYTES: Final = 64 << 20  # HEAP_MAX_SIZE of glibc's malloc on 64-bit machines: its arenas are aligned to it
_GUARD: Final = "---p"
_MOST_GUARD: Final = 1 << 20  # bytes: a larger gap is something else
_SHARED: Final = (b"/dev/shm/", b"/memfd:", b"/SYSV", b"/dev/zero")  # places to be recognised
_KIB: Final = 1024
_NOTHING: Final = Usage()

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
        "How far measuring has come, or how old the figures are. It holds the process's map lock for a moment at a "
        "time, in which page faults and mmap calls wait: so it is only done when asked for.",
        "/proc/PID/smaps",
    ),
    Term(
        "kind",
        "kind",
        "What a mapping is for. Thread stacks are sure where a stack pointer lies in them, and likely (~) where "
        "only a guard page is below.",
        "/proc/PID/maps, task/TID/syscall",
    ),
    Term(
        "count",
        "maps",
        "How many mappings. A process may have some 65,000 (vm.max_map_count).",
        "/proc/PID/maps",
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
        "What is in memory and shared with nobody. So much would be free if it ended.",
        "/proc/PID/smaps Private_Clean, Private_Dirty",
    ),
    Term(
        "dirty_bytes",
        "dirty",
        "Private pages that were written. They have to be kept, or swapped.",
        "/proc/PID/smaps Private_Dirty",
    ),
    Term(
        "file",
        "file",
        "The mapped file. Its code is shared by all who map it.",
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


class Part(NamedTuple):
    """A mapping and what it is: its kind, its name, the thread whose stack it is (0: none)."""

    mapping: maps.Mapping
    kind: str
    name: str
    tid: int = 0


def sheet(subject: Subject) -> Sheet:
    """What its address space is made of."""
    facts = subject.facts
    if not isinstance(facts, MemoryFacts):
        return NOT_YET
    sections = [Section("totals", "In all", tuple(_totals(facts)))]
    if facts.mappings is not None:
        names = {tid: row.name for tid, row in subject.process.threads.items()}
        parts = sorted_parts(facts.mappings, facts.pointers, names)
        sections += [
            Section(
                "kinds", "By kind, largest first", table=_group_table(_grouped(parts, facts, by_file=False), "kind")
            ),
            Section("files", "By file, largest first", table=_files(parts, facts)),
            Section("mappings", "Mappings, largest first", table=_mappings(subject, parts, facts)),
        ]
    return Sheet(tuple(sections), denials=facts.denials)


# -- what mappings are -------------------------------------------------------------------------


def sorted_parts(mappings: Sequence[maps.Mapping], pointers: Mapping[int, int], names: Mapping[int, str]) -> list[Part]:
    """Each mapping with its kind, in the order of addresses."""
    owners: dict[int, int] = {}
    for tid, pointer in pointers.items():
        held = maps.holding(mappings, pointer)
        if held is not None:
            owners[held.start] = tid
    parts = []
    below: maps.Mapping | None = None
    for mapping in mappings:
        tid = owners.get(mapping.start, 0)
        parts.append(_part(mapping, below, tid, names.get(tid, str(tid)) if tid else ""))
        below = mapping
    return parts


def _part(mapping: maps.Mapping, below: maps.Mapping | None, tid: int, thread: str) -> Part:
    if mapping.path:
        return Part(mapping, _kind_of_named(mapping), parse.decode(mapping.path))
    if tid:
        return Part(mapping, "thread stack", thread, tid)
    return Part(mapping, _kind_of_nameless(mapping, below), "")


def _kind_of_named(mapping: maps.Mapping) -> str:
    """What a mapping with a name is: a file's, or what the kernel writes in brackets."""
    path = mapping.path
    if path.startswith(_SHARED):
        return "shared memory"
    if path.startswith(b"/"):
        return "code" if "x" in mapping.perms else "file data" if "w" in mapping.perms else "file, read only"
    known = {b"[stack]": "main stack", b"[heap]": "heap"}
    return known.get(path, "anonymous" if path.startswith(b"[anon") else "kernel's")


def _kind_of_nameless(mapping: maps.Mapping, below: maps.Mapping | None) -> str:
    """What anonymous memory is, by its place and size: glibc's arenas are aligned, its stacks have a guard below."""
    if mapping.perms == _GUARD:
        return "reserved"
    if mapping.start % ARENA_BYTES == 0 and mapping.size_bytes <= ARENA_BYTES:
        return "malloc arena"
    is_guarded = below is not None and below.end == mapping.start and below.perms == _GUARD and not below.path
    if is_guarded and below is not None and below.size_bytes <= _MOST_GUARD and mapping.perms == "rw-p":
        return "~thread stack"
    return "shared memory" if mapping.perms.endswith("s") else "anonymous"


# -- sections ----------------------------------------------------------------------------------


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
    count = len(facts.mappings) if facts.mappings is not None else None
    measured = len(facts.measured)
    whole = _sum(facts.measured.values())
    if facts.is_measured:
        age = text.duration(facts.measured_age_s)
        yield Entry("measured", f"{text.thousands(measured)} maps, {age} ago", measured)
        yield Entry("pss_bytes", text.size(whole.pss_bytes), whole.pss_bytes)
        yield Entry("uss_bytes", text.size(whole.uss_bytes), whole.uss_bytes)
    elif measured:
        yield Entry("measured", f"{text.thousands(measured)} of {text.thousands(count)} maps", measured, role="y")
    else:
        yield Entry("measured", "no", None, f"{MEASURE.key} measures what of each mapping is in memory")


def _sum(usages: Iterable[Usage]) -> Usage:
    whole = _NOTHING
    for one in usages:
        whole = whole.plus(one)
    return whole


_FIGURES: Final = (Column("rss_bytes", 8, right=True), Column("pss_bytes", 8, right=True, is_spare=True))
_OWN: Final = (Column("uss_bytes", 8, right=True), Column("swap_bytes", 8, right=True, is_spare=True))


class Group(NamedTuple):
    """Mappings of a kind or file: how many, bytes reserved, what is in memory (None: none of them was measured)."""

    name: str
    maps: int = 0
    size_bytes: int = 0
    usage: Usage | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """The largest first."""
        return self.usage.rss_bytes if self.usage is not None else 0, self.size_bytes


def _grouped(parts: Sequence[Part], facts: MemoryFacts, *, by_file: bool) -> list[Group]:
    """The kinds or files, the largest first."""
    groups: dict[str, Group] = {}
    for part in parts:
        if by_file and not part.mapping.path.startswith(b"/"):
            continue
        name = part.name if by_file else part.kind
        known = groups.get(name, Group(name))
        own = facts.measured.get(part.mapping.start)
        usage = known.usage if own is None else own if known.usage is None else known.usage.plus(own)
        groups[name] = Group(name, known.maps + 1, known.size_bytes + part.mapping.size_bytes, usage)
    return sorted(groups.values(), key=lambda group: group.rank, reverse=True)


def _figures(usage: Usage | None) -> tuple[tuple[str, ...], tuple[int | None, ...]]:
    """RSS, PSS, USS and swap as text and data."""
    if usage is None:
        return (text.UNKNOWN,) * 4, (None,) * 4
    values = usage.rss_bytes, usage.pss_bytes, usage.uss_bytes, usage.swap_bytes
    return tuple(map(text.size, values)), values


def _group_table(groups: Sequence[Group], key: str) -> Table:
    records = []
    for group in groups:
        shown, values = _figures(group.usage)
        cells = (text.size(group.size_bytes), *shown, str(group.maps), group.name)
        records.append(Record(group.name, cells, (group.size_bytes, *values, group.maps, group.name)))
    columns = (Column("size_bytes", 8, right=True), *_FIGURES, *_OWN, Column("count", 6, right=True), Column(key))
    return Table(columns, records)


def _files(parts: Sequence[Part], facts: MemoryFacts) -> Table:
    groups = _grouped(parts, facts, by_file=True)
    table = _group_table(groups[:MOST_FILES], "file")
    return table._replace(total=len(groups) if len(groups) > MOST_FILES else None)


def _mappings(subject: Subject, parts: list[Part], facts: MemoryFacts) -> Table:
    """One part of all mappings."""
    parts = sorted(
        parts,
        key=lambda part: (facts.measured.get(part.mapping.start, _NOTHING).rss_bytes, part.mapping.size_bytes),
        reverse=True,
    )
    first = subject.part * PART if subject.part * PART < len(parts) else 0
    records = []
    for part in parts[first : first + PART]:
        mapping = part.mapping
        shown, values = _figures(facts.measured.get(mapping.start))
        address = f"{mapping.start:x}"
        records.append(
            Record(
                mapping.start,
                (text.size(mapping.size_bytes), *shown, mapping.perms, address, part.kind, part.name),
                (mapping.size_bytes, *values, mapping.perms, address, part.kind, part.name),
                link=Link(subject.process.pid, part.tid) if part.tid else None,
            )
        )
    columns = (
        Column("size_bytes", 8, right=True),
        *_FIGURES,
        *_OWN,
        Column("perms", 5),
        Column("address", 16, is_spare=True),
        Column("kind", 16),
        Column("name"),
    )
    return Table(columns, records, total=len(parts) if len(parts) > len(records) else None, first=first)
