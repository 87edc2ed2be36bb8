"""Made-up facts of the Thread pane: a main thread that waits for events, found down to the function."""

from __future__ import annotations

import scripted
from threadtop.blocked import BlockedOn
from threadtop.inside.asked import Denial
from threadtop.inside.thread import Place, StackRegion, ThreadFacts
from threadtop.procfs.parse import SchedStat, Stat

STAT = Stat(
    "gunicorn", "S", 4210, 4210, 4210, 0, 0, 91_000, 3, 1_680, 420, 20, 0, 11, 104_087_000, 0, 0, 0, 0, 0, 12
)  # fmt: skip


def facts() -> ThreadFacts:
    """Its kernel stack may not be read."""
    return ThreadFacts(
        tid=scripted.GUNICORN,
        status={
            "voluntary_ctxt_switches": "812345",
            "nonvoluntary_ctxt_switches": "4021",
            "Cpus_allowed_list": "0-3",
            "Mems_allowed_list": "0",
            "SigPnd": "0000000000000200",
            "SigBlk": "0000000000000000",
            "NSpid": "4211 17",
        },
        stat=STAT,
        schedstat=SchedStat(21_021_000_000, 12_000_000, 816_366),
        sched={"se.nr_migrations": "5120"},
        syscall="232 0xb 0x7f0040001a40 0x40 0xffffffffffffffff 0x0 0x0 0x7ffc00023e00 0x7f00301086c6",
        call=BlockedOn("epoll_wait", 11, "anon_inode:[eventpoll]", is_forever=True),
        program_counter=Place(0x7F00301086C6, "libc.so.6", 0x12E6C6, "epoll_wait", 0x56),
        stack_pointer=0x7FFC00023E00,
        stack=StackRegion(0x7FFC00000000, 0x7FFC00024000, 0x200, "[stack]", 8 << 20, 24 << 10),
        lock_place=None,
        kernel_stack=None,
        io={"read_bytes": 4096, "write_bytes": 1 << 20, "syscr": 812, "syscw": 44},
        per_s={
            "migrations": 2.5,
            "minor_faults": 12.0,
            "major_faults": 0.0,
            "read_bytes": 0.0,
            "write_bytes": 4096.0,
            "syscr": 30.0,
            "syscw": 1.0,
            "run_ns": 3_000_000.0,
            "timeslices": 40.0,
        },
        denials=(Denial("stack", "only CAP_SYS_ADMIN may read a kernel stack", "run threadtop as root"),),
    )
