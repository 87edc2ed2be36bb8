"""What mappings are for, and their sums: by values."""

from __future__ import annotations

import pytest

import scripted_memory
from threadtop.inside import mapped
from threadtop.procfs.maps import parse_maps
from threadtop.procfs.smaps import Usage

MIB = 1 << 20
STACKS = {8 * MIB}


def kinds(raw: bytes, pointers: dict[int, int] | None = None, sizes: set[int] | None = None) -> list[str]:
    """The kind of each mapping, ``~`` before a guess."""
    found = mapped.placed(parse_maps(raw), pointers or {}, sizes if sizes is not None else STACKS)
    return ["~" * one.is_hint + one.kind for one in found]


def test_what_mappings_are() -> None:
    """Arenas by their place and room, stacks sure by a stack pointer, likely by their guard and size."""
    assert kinds(scripted_memory.MAPS, {7: 0x7F0010400000}) == [
        "code",
        "file data",
        "heap",
        "~malloc arena",
        "~room of an arena",
        "guard page",
        "thread stack",
        "~guard page",
        "~thread stack",
        "shared memory",
        "code",
        "file, read only",
        "anonymous",
        "main stack",
        "kernel's",
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"rw-s 00000000 00:01 3 /SYSV00000000 (deleted)", "shared memory"),
        (b"rw-s 00000000 00:01 3 /dev/zero (deleted)", "shared memory"),
        (b"rw-s 00000000 00:01 3 /dev/shm/a b", "shared memory"),
        (b"rw-s 00000000 08:01 3 /srv/data.db", "file, shared"),
        (b"rw-p 00000000 08:01 3 /srv/data.db", "file data"),
        (b"---p 00000000 08:01 3 /lib/libold.so", "reserved"),
        (b"rw-s 00000000 00:05 3 /dev/dri/renderD128", "device"),
        (b"rw-s 00000000 00:0d 3 anon_inode:[io_uring]", "device"),
        (b"rwxp 00000000 00:00 0 ", "anonymous code"),
        (b"rw-p 00000000 00:00 0 /anon_hugepage (deleted)", "huge pages"),
        (b"rw-p 00000000 00:00 0 [anon:dalvik-main space]", "anonymous"),
        (b"rw-p 00000000 00:00 0 [anon: glibc: malloc arena]", "malloc arena"),
        (b"rw-p 00000000 00:00 0 [anon: glibc: pthread stack: 71]", "thread stack"),
        (b"r--p 00000000 00:00 0 [vvar_vclock]", "kernel's"),
        (b"--xp 00000000 00:00 0 [vsyscall]", "kernel's"),
        (b"rw-p 00000000 00:00 0 [stack]", "main stack"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.decode().split(None, 4)[-1],
)
def test_names_tell_kinds(line: bytes, kind: str) -> None:
    """What the kernel calls a mapping, and what may be done there, says what it is for."""
    assert kinds(b"7f0000001000-7f0000003000 " + line + b"\n") == [kind]


@pytest.mark.parametrize(
    ("room", "found"),
    [
        (b"7f0000800000-7f0004000000 ---p 00000000 00:00 0", ["~malloc arena", "~room of an arena"]),
        (b"7f0000800000-7f0003000000 ---p 00000000 00:00 0", ["anonymous", "reserved"]),
        (b"7f0000800000-7f0004000000 rw-s 00000000 00:01 5 /dev/shm/x", ["anonymous", "shared memory"]),
    ],
    ids=["to the boundary", "short of it", "something else"],
)
def test_an_arena_has_room_to_its_boundary(room: bytes, found: list[str]) -> None:
    """64 MiB aligned memory is taken for an arena only where its room ends at the next 64 MiB."""
    assert kinds(b"7f0000000000-7f0000800000 rw-p 00000000 00:00 0\n" + room) == found


GUARDED = b"7f1000000000-7f1000001000 ---p 00000000 00:00 0\n7f1000001000-7f1000101000 rw-p 00000000 00:00 0\n"


def test_a_guess_needs_a_usual_size() -> None:
    """Guarded memory of another size is not taken for a stack, until one of that size is known to be one."""
    assert kinds(GUARDED) == ["reserved", "anonymous"]
    other = GUARDED.replace(b"7f1000", b"7f2000")
    assert kinds(GUARDED + other, {5: 0x7F1000080000}) == ["guard page", "thread stack", "~guard page", "~thread stack"]
    assert kinds(GUARDED, sizes={MIB}) == ["~guard page", "~thread stack"]


def test_stacks_that_grew_together() -> None:
    """Stacks without guard pages between them are one mapping of several threads (glibc 2.42)."""
    raw = b"7f1000001000-7f1000301000 rw-p 00000000 00:00 0\n"
    (one,) = mapped.placed(parse_maps(raw), {9: 0x7F1000001000, 8: 0x7F1000300FFF, 7: 0x7F1000301000}, STACKS)
    assert (one.kind, sorted(one.tids)) == ("thread stack", [8, 9])


def test_goroutines_run_on_the_heap() -> None:
    """Go's heap holds the stack pointers of threads, and is no stack for that; nor is the heap of malloc."""
    go = b"c000000000-c000400000 rw-p 00000000 00:00 0\nc000400000-c004000000 ---p 00000000 00:00 0\n"
    assert kinds(go, {3: 0xC000001000}) == ["anonymous", "reserved"]
    assert kinds(b"55d001000000-55d009000000 rw-p 00000000 00:00 0 [heap]\n", {3: 0x55D001000100}) == ["heap"]


def test_files_add_up_by_inode() -> None:
    """A file that was replaced is another one; memory without a file is none."""
    raw = (
        b"7f0000000000-7f0000001000 r-xp 00000000 08:01 5 /lib/a.so\n"
        b"7f0000001000-7f0000003000 rw-p 00000000 08:01 5 /lib/a.so\n"
        b"7f0000003000-7f0000004000 r-xp 00000000 08:01 4 /lib/a.so (deleted)\n"
        b"7f0000004000-7f0000005000 rw-p 00000000 00:00 0 [heap]\n"
    )
    found = mapped.by_file(
        mapped.placed(parse_maps(raw), {}, STACKS), {0x7F0000000000: Usage(4096), 0x7F0000001000: Usage(8192)}
    )
    assert [(one.path, one.inode, one.maps, one.size_bytes) for one in found] == [
        (b"/lib/a.so", 5, 2, 12288),
        (b"/lib/a.so (deleted)", 4, 1, 4096),
    ]
    assert [one.usage for one in found] == [Usage(12288), None]


@pytest.mark.parametrize(
    ("path", "is_deleted"),
    [
        (b"/lib/a.so (deleted)", True),
        (b"/lib/a.so", False),
        (b"/memfd:x (deleted)", False),
        (b"/SYSV1 (deleted)", False),
    ],
)
def test_what_was_deleted(path: bytes, is_deleted: bool) -> None:  # noqa: FBT001 a parameter
    """Memfds and System V segments are marked so from the start: that is no news."""
    assert mapped.is_deleted(path) == is_deleted


def test_largest_first() -> None:
    """By size, where it was measured by what is in memory; what is only kept free comes last."""
    found = mapped.placed(scripted_memory.mappings(), {}, STACKS)
    by_size = [one.map.size_bytes for one in mapped.largest_first(found) if one.kind not in mapped.NO_ACCESS]
    assert by_size == sorted(by_size, reverse=True)
    small = scripted_memory.mappings()[-1].start
    by_use = mapped.largest_first(found, {small: Usage(4096)})
    assert by_use[0].map.start == small
    assert {one.kind for one in by_use[-3:]} <= mapped.NO_ACCESS
    assert len(by_use) == len(found)
