"""Made-up facts of the Overview pane: a prefork worker with a sibling, in a container with a quota."""

from __future__ import annotations

import scripted
from threadtop.cgroups import Bound, Limits
from threadtop.circumstances import CgroupUse
from threadtop.inside.footprint import Stacks
from threadtop.inside.overview import Coming, OverviewFacts
from threadtop.inside.siblings import Sibling, Siblings
from threadtop.procfs.parse import Stat, StatMore
from threadtop.procfs.smaps import Usage

MIB = 1 << 20
STAT = Stat(
    "gunicorn", "S", 4210, 4210, 4210, 34819, 0, 91_000, 3, 1_289_100, 112_500, 20, 0, 11, 104_087_000,
    0, 0, 0, 0, 0, 12,
)  # fmt: skip
GROUP = "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"


def facts() -> OverviewFacts:
    """Two workers that share a third of their memory."""
    own = Usage(480 * MIB, 300 * MIB, MIB, 219 * MIB, 0, 0, 400 * MIB)
    return OverviewFacts(
        stat=STAT,
        more=StatMore(1000, 2, 1200, 300, 17),
        status={
            "NSpid": "4211\t7",
            "VmHWM": "512000 kB",
            "RssAnon": "452000 kB",
            "RssFile": "45000 kB",
            "RssShmem": "0 kB",
            "VmSwap": "0 kB",
            "VmStk": "140 kB",
            "Cpus_allowed_list": "0-3",
            "Mems_allowed_list": "0",
            "Seccomp": "2",
        },
        arguments=("/srv/shop/bin/gunicorn", "-w", "2", "--threads", "8", "shop.wsgi"),
        executable="/srv/shop/bin/python3.12 (deleted)",
        directory="/srv/shop",
        root="/var/lib/docker/overlay2/abc/merged",
        terminal="pts/3",
        parent=None,
        io={
            "rchar": 1 << 30,
            "wchar": 1 << 28,
            "syscr": 90_000,
            "syscw": 12_000,
            "read_bytes": 4096,
            "write_bytes": MIB,
        },
        io_per_s={"read_bytes": 0.0, "write_bytes": 81920.0},
        usage=own,
        usage_age_s=3.2,
        coming=Coming(12, 3, 1, 20.0),
        cgroups={"": GROUP},
        quota=CgroupUse(GROUP, 2.0, 1000, 180, 9_100_000_000),
        limits=Limits(700 * MIB, Bound(GROUP, 700 * MIB, 1 << 30), None, 19, Bound(GROUP, 19, 512)),
        namespaces={"net": "net:[4026532001]", "mnt": "mnt:[4026532002]", "user": "user:[4026531837]"},
        ours={"net": "net:[4026531840]", "mnt": "mnt:[4026531841]", "user": "user:[4026531837]"},
        has_delays=True,
        siblings=Siblings(
            "parent",
            (
                Sibling(scripted.GUNICORN, 104_087_000, 11, 486 * MIB, own),
                Sibling(4305, 104_087_000, 9, 214 * MIB, Usage(213 * MIB, 133 * MIB, MIB, 87 * MIB, 0, 0, 200 * MIB)),
            ),
        ),
        stacks=Stacks(10, 10, 8 * MIB, 24 << 10, 8 * MIB),
        denials=(),
    )
