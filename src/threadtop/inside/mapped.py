"""What the mappings of a process are for, and their sums by kind and by file; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from threadtop.procfs.smaps import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from threadtop.procfs.maps import Mapping as Mapped

Kind: TypeAlias = Literal[
    "heap",
    "main stack",
    "thread stack",
    "malloc arena",
    "anonymous",
    "anonymous code",
    "huge pages",
    "shared memory",
    "code",
    "file, read only",
    "file data",
    "file, shared",
    "device",
    "kernel's",
    "room of an arena",
    "guard page",
    "reserved",
]
NO_ACCESS: Final[frozenset[Kind]] = frozenset({"room of an arena", "guard page", "reserved"})
"""Addresses that are only kept free: nothing of them can be in memory."""
STEP: Final = 2000  # mappings: 3 ms
ARENA_BYTES: Final = 64 << 20  # HEAP_MAX_SIZE of glibc's malloc on 64 bits (malloc/arena.c)
_MOST_GUARD_BYTES: Final = 1 << 20
_GO_HEAP: Final = 0xC0  # the addresses that Go asks for first, by 2^32; goroutines' stacks lie among its heap
_NEVER_NAMED: Final = (b"/memfd:", b"/SYSV", b"/dev/zero", b"/anon_hugepage", b"/[aio]")
_DELETED: Final = b" (deleted)"
_ADDRESS_BITS: Final = 64
_LAST: Final = 1 << 2 * _ADDRESS_BITS


class Placed(NamedTuple):
    """A mapping, what it is for, and whose stack pointers are in it; ``is_hint``: told from a pattern only."""

    map: Mapped
    kind: Kind
    is_hint: bool = False
    tids: tuple[int, ...] = ()


class KindSum(NamedTuple):
    """All mappings of one kind; ``usage`` None: not measured."""

    kind: Kind
    is_hint: bool
    maps: int
    size_bytes: int
    usage: Usage | None = None


class FileSum(NamedTuple):
    """All mappings of one file."""

    path: bytes
    device: str
    inode: int
    maps: int
    size_bytes: int
    usage: Usage | None = None


def is_deleted(path: bytes) -> bool:
    """Whether a file lost its name, as far as its path tells: memfds and the like are marked so from the start."""
    return path.endswith(_DELETED) and not path.startswith(_NEVER_NAMED)


def placed(maps: Sequence[Mapped], pointers: Mapping[int, int], stack_sizes: Iterable[int]) -> list[Placed]:
    """What each mapping, in order of addresses, is for; ``pointers`` are stack pointers by tid.

    A mapping without the stack pointer of a thread is taken for a stack where it stands on a guard page and has one of
    ``stack_sizes`` (bytes) or the size of a stack that is known.
    """
    found: list[Placed] = []
    for _ in placing(maps, pointers, stack_sizes, found):
        pass
    return found


def placing(
    maps: Sequence[Mapped], pointers: Mapping[int, int], stack_sizes: Iterable[int], found: list[Placed]
) -> Iterator[None]:
    """As ``placed``, into ``found``, so many at each step: they are not right before the last one."""
    yield from _first_sight(maps, pointers, found)
    sizes = {*stack_sizes, *(one.map.end - one.map.start for one in found if one.kind == "thread stack")}
    below = None
    for at, one in enumerate(found):
        if below is not None and one.kind in _MAY_BE_STACK and below.kind == "reserved" and _is_guard(below, one.map):
            is_likely = one.kind == "anonymous" and one.map.end - one.map.start in sizes
            if is_likely:
                found[at] = one._replace(kind="thread stack", is_hint=True)
            if is_likely or one.kind == "thread stack":
                found[at - 1] = below._replace(kind="guard page", is_hint=is_likely)
        below = one
        if not (at + 1) % STEP:
            yield


def may_be_stack(one: Mapped) -> bool:
    """Whether the mapping that a stack pointer is in is a thread's stack of its own; goroutines' are in Go's heap."""
    is_anonymous = not one.path or _by_path(one.path, one.perms) in _MAY_BE_STACK
    return is_anonymous and one.perms[:2] == "rw" and one.perms[3:4] == "p" and one.start >> 32 != _GO_HEAP


_MAY_BE_STACK: Final[frozenset[Kind]] = frozenset({"anonymous", "thread stack"})


def _is_guard(below: Placed, mapped: Mapped) -> bool:
    return below.map.end == mapped.start and mapped.perms[:2] == "rw" and below.map.size_bytes <= _MOST_GUARD_BYTES


def _first_sight(maps: Sequence[Mapped], pointers: Mapping[int, int], found: list[Placed]) -> Iterator[None]:
    """By what each is itself, its neighbours, and the stack pointers in it."""
    left = sorted(((pointer, tid) for tid, pointer in pointers.items()), reverse=True)
    by_path: dict[tuple[bytes, str], Kind] = {}
    below: Placed | None = None
    for at, one in enumerate(maps):
        tids: tuple[int, ...] = ()
        while left and left[-1][0] < one.end:
            pointer, tid = left.pop()
            if pointer >= one.start:
                tids = (*tids, tid)
        kind, is_hint = _PLAIN.get(one.perms) if not one.path else None, False
        if one.path:
            kind = by_path.get((one.path, one.perms))
            if kind is None:
                kind = by_path[one.path, one.perms] = _by_path(one.path, one.perms)
        if kind is None or (kind == "anonymous" and not one.start % ARENA_BYTES):
            kind, is_hint = _anonymous(one, below, maps[at + 1] if at + 1 < len(maps) else None)
        if tids and kind == "anonymous" and one.start >> 32 != _GO_HEAP:
            kind = "thread stack"
        below = Placed(one, kind, is_hint, tids)
        found.append(below)
        if not (at + 1) % STEP:
            yield


_PLAIN: Final[Mapping[str, Kind]] = {"rw-p": "anonymous", "r--p": "anonymous"}


def _anonymous(one: Mapped, below: Placed | None, above: Mapped | None) -> tuple[Kind, bool]:
    """What memory without a file is for, and whether that is a guess."""
    perms = one.perms
    if perms.startswith("---"):
        is_rest = below is not None and below.kind == "malloc arena" and below.map.end == one.start
        return ("room of an arena", True) if is_rest else ("reserved", False)
    if perms[2:3] == "x":
        return "anonymous code", False
    if perms[1:2] == "w" and not one.start % ARENA_BYTES and one.start >> 32 != _GO_HEAP:
        end = one.start + ARENA_BYTES
        has_rest = above is not None and (above.start, above.end) == (one.end, end) and above.perms.startswith("---")
        if one.end == end or has_rest:
            return "malloc arena", True
    return "shared memory" if perms[3:4] == "s" else "anonymous", False


_BY_BEGINNING: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"[heap]", "heap"),
    (b"[stack", "main stack"),
    (b"[anon: glibc: malloc arena", "malloc arena"),  # glibc.mem.decorate_maps
    (b"[anon: glibc: pthread stack", "thread stack"),
    (b"[anon:stack_and_tls:", "thread stack"),  # bionic
    (b"[anon:", "anonymous"),
    (b"[vdso", "kernel's"),
    (b"[vvar", "kernel's"),
    (b"[vsyscall", "kernel's"),
    (b"[uprobes", "kernel's"),
    (b"[vectors", "kernel's"),
    (b"[sigpage", "kernel's"),
    (b"[anon_shmem:", "shared memory"),
    (b"/memfd:", "shared memory"),
    (b"/dev/shm/", "shared memory"),
    (b"/SYSV", "shared memory"),
    (b"/dev/zero", "shared memory"),
    (b"/anon_hugepage", "huge pages"),
    (b"/dev/", "device"),
    (b"/[aio]", "device"),
)


def _by_path(path: bytes, perms: str) -> Kind:
    """What the kernel's name for a mapping says; ``anonymous`` may turn out to be something else yet."""
    for beginning, kind in _BY_BEGINNING:
        if path.startswith(beginning):
            return kind
    if not path.startswith(b"/"):
        return "device"  # anon_inode:[...], i915: of a driver
    if perms.startswith("---"):
        return "reserved"
    if perms[3:4] == "s":
        return "file, shared"
    return "code" if perms[2:3] == "x" else "file data" if perms[1:2] == "w" else "file, read only"


# -- sums ---------------------------------------------------------------------------------------------------


def by_kind(found: Iterable[Placed], usages: Mapping[int, Usage] | None = None) -> list[KindSum]:
    """The sums of each kind, largest first, by resident memory where it was measured; guesses apart from what is sure.

    What is only kept free comes last.
    """
    members: dict[tuple[Kind, bool], list[Mapped]] = {}
    for one in found:
        members.setdefault((one.kind, one.is_hint), []).append(one.map)
    made = [KindSum(*key, len(maps), _size(maps), _usage(maps, usages)) for key, maps in members.items()]
    return sorted(made, key=lambda one: (one.kind in NO_ACCESS, *_largest(one.usage, one.size_bytes), one.kind))


def by_file(found: Iterable[Placed], usages: Mapping[int, Usage] | None = None) -> list[FileSum]:
    """The sums of each mapped file, memfds and segments of shared memory among them, largest first."""
    members: dict[tuple[bytes, str, int], list[Mapped]] = {}
    for mapped, *_ in found:
        if mapped.path[:1] == b"/":
            members.setdefault((mapped.path, mapped.device, mapped.inode), []).append(mapped)
    made = [FileSum(*key, len(maps), _size(maps), _usage(maps, usages)) for key, maps in members.items()]
    return sorted(made, key=lambda one: (*_largest(one.usage, one.size_bytes), one.path, one.inode))


def largest_first(found: Sequence[Placed], usages: Mapping[int, Usage] | None = None) -> list[Placed]:
    """All mappings by size, or by resident memory where it was measured; what is only kept free last."""
    known = usages or {}
    sizes = [mapped.end - mapped.start for mapped, *_ in found]
    resident = [known[mapped.start].rss_bytes if mapped.start in known else 0 for mapped, *_ in found]
    ranks = [
        (size | used << _ADDRESS_BITS) - (_LAST if one.kind in NO_ACCESS else 0)
        for size, used, one in zip(sizes, resident, found, strict=True)
    ]
    return [found[at] for at in sorted(range(len(found)), key=ranks.__getitem__, reverse=True)]


def _largest(usage: Usage | None, size_bytes: int) -> tuple[int, int]:
    return -usage.rss_bytes if usage is not None else 0, -size_bytes


def _size(maps: Iterable[Mapped]) -> int:
    return sum(one.end - one.start for one in maps)


def _usage(maps: Iterable[Mapped], usages: Mapping[int, Usage] | None) -> Usage | None:
    """What of them is in memory; None where none of them was measured."""
    known = [usages[one.start] for one in maps if one.start in usages] if usages else []
    return Usage(*map(sum, zip(*known, strict=True))) if known else None
