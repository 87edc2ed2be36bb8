"""Made-up facts of the Memory pane: a heap, an arena, stacks sure and likely, files; half of it measured."""

from __future__ import annotations

import scripted
from threadtop.inside.memory import MemoryFacts
from threadtop.procfs.maps import Mapping, parse_maps
from threadtop.procfs.smaps import Usage

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


def facts() -> MemoryFacts:
    """The stack of one worker is sure, another one likely; the first mappings were measured."""
    tids = sorted(scripted.ticks(8)[-1].processes[scripted.GUNICORN].threads)
    found = mappings()
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
        mappings=found,
        is_cut=False,
        pointers={tids[1]: 0x7F0010400000},
        measured={
            found[0].start: Usage(2 * MIB, MIB // 2, 0, 0, 0, 0, MIB),
            found[2].start: Usage(100 * MIB, 100 * MIB, 0, 100 * MIB, 2 * MIB, 0, 90 * MIB),
        },
        is_measured=False,
        measured_age_s=None,
        denials=(),
    )
