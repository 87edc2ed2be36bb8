"""Made-up facts of the Thread pane: a main thread that sleeps in epoll, found down to the function."""

from __future__ import annotations

from threadtop.inside.asked import Denial
from threadtop.inside.thread import Place, StackRegion, ThreadFacts
from threadtop.procfs.parse import SchedStat, Stat

STAT = Stat("gunicorn", "S", 4210, 4210, 4210, 0, 0, 91_000, 3, 70_000, 6_100, 20, 0, 10, 1, 0, 0, 2, 0, 0, 12)


def facts() -> ThreadFacts:
    """Its kernel stack may not be read."""
    return ThreadFacts(
        status={
            "voluntary_ctxt_switches": "812345",
            "nonvoluntary_ctxt_switches": "4021",
            "Cpus_allowed_list": "0-3",
            "Mems_allowed_list": "0",
            "SigPnd": "0000000000000200",
            "SigBlk": "0000000000000000",
        },
        stat=STAT,
        schedstat=SchedStat(760_000_000_000, 12_000_000, 816_366),
        sched={"se.nr_migrations": "5120"},
        syscall="232 0x8 0x7f0040000040 0x40 0xffffffff 0x0 0x0 0x7ffc00023e00 0x7f003010e2e6",
        program_counter=Place(0x7F003010E2E6, "libc.so.6", 0x10E2E6, "epoll_wait", 0x56),
        stack_pointer=0x7FFC00023E00,
        stack=StackRegion(0x7FFC00000000, 0x7FFC00024000, 0x200),
        kernel_stack=None,
        io={"read_bytes": 4096, "write_bytes": 1 << 20, "syscr": 812, "syscw": 44},
        migrations_per_s=2.5,
        denials=(Denial("stack", "only CAP_SYS_ADMIN may read a kernel stack", "run threadtop as root"),),
    )
