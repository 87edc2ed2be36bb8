"""Made-up facts of the Memory pane: a heap, an arena, stacks sure and likely, files; measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import scripted
from threadtop.inside import mapped
from threadtop.inside.listing import Listed
from threadtop.inside.memory import Measured, MemoryFacts
from threadtop.procfs.maps import Mapping, parse_maps
from threadtop.procfs.smaps import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

MAPS = b"""\
55d000000000-55d000200000 r-xp 00001000 08:01 1234 /srv/shop/bin/python3.12
55d000200000-55d000280000 rw-p 00200000 08:01 1234 /srv/shop/bin/python3.12
55d001000000-55d009000000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000800000 rw-p 00000000 00:00 0
7f0000800000-7f0004000000 ---p 00000000 00:00 0
7f0010000000-7f0010001000 ---p 00000000 00:00 0
7f0010001000-7f0010801000 rw-p 00000000 00:00 0
7f0010801000-7f0010802000 ---p 00000000 00:00 0
7f0010802000-7f0011002000 rw-p 00000000 00:00 0
7f0020000000-7f0020100000 rw-s 00000000 00:01 77 /memfd:pulse\x1b[31m (deleted)
7f0030000000-7f0030180000 r-xp 00026000 08:01 9 /usr/lib/x86_64-linux-gnu/libc.so.6
7f0030180000-7f00301d0000 r--p 001a6000 08:01 9 /usr/lib/x86_64-linux-gnu/libc.so.6
7f0040000000-7f0040200000 rw-p 00000000 00:00 0
7ffc00000000-7ffc00024000 rw-p 00000000 00:00 0 [stack]
7ffc00100000-7ffc00102000 r-xp 00000000 00:00 0 [vdso]
"""
MIB = 1 << 20


def mappings() -> tuple[Mapping, ...]:
    """What it maps."""
    return tuple(parse_maps(MAPS))


def listed(maps: Sequence[Mapping], pointers: dict[int, int], usages: dict[int, Usage] | None = None) -> Listed:
    """What the reader makes of mappings, all in one part."""
    placed = mapped.placed(maps, pointers, {8 * MIB})
    files = tuple(mapped.by_file(placed, usages))
    return Listed(
        maps=len(placed),
        kinds=tuple(mapped.by_kind(placed, usages)),
        files=files,
        files_in_all=len(files),
        first_file=0,
        part=tuple(mapped.largest_first(placed, usages)),
        first=0,
        is_cut=False,
    )


def facts() -> MemoryFacts:
    """The stack of one worker is sure, another one likely; all but two mappings were measured."""
    tids = sorted(scripted.ticks(8)[-1].processes[scripted.GUNICORN].threads)
    found = mappings()
    usages = {
        found[0].start: Usage(2 * MIB, MIB // 2, 0, 0, 0, 0, MIB),
        found[2].start: Usage(100 * MIB, 100 * MIB, 0, 100 * MIB, 2 * MIB, 4 * MIB, 90 * MIB),
        **{one.start: Usage() for one in found[4:]},
    }
    return MemoryFacts(
        status={
            "VmSize": "1300000 kB",
            "VmRSS": "497000 kB",
            "VmHWM": "512000 kB",
            "RssAnon": "452000 kB",
            "RssFile": "45000 kB",
            "RssShmem": "0 kB",
            "VmSwap": "2048 kB",
            "VmPTE": "1200 kB",
            "VmLck": "0 kB",
        },
        listed=listed(found, {tids[1]: 0x7F0010400000}, usages),
        coming=0,
        measured=Measured(
            maps=len(usages),
            is_complete=True,
            is_cut=False,
            age_s=200.0,
            took_s=0.12,
            total=Usage(102 * MIB, 101 * MIB, 0, 100 * MIB, 2 * MIB, 4 * MIB, 91 * MIB),
            usages=usages,
        ),
        most_maps=65530,
        threads=10,
        pointers=1,
        is_pending=False,
        denials=(),
    )
