"""What the fields of the Overview pane mean, and where they are from; pure."""

from __future__ import annotations

from typing import Final

from threadtop.sheets.sheet import Term, by_key

TERMS: Final = by_key(
    Term(
        "pid",
        "process",
        "Its process id, which is its thread group id (TGID), and its name. The main thread has the same number as "
        "tid.",
        "/proc/PID/status Tgid; getpid(2)",
    ),
    Term(
        "inner_pids",
        "pid inside",
        "Its pids from our namespace inwards. In a container it knows itself by the last one.",
        "/proc/PID/status NSpid; pid_namespaces(7)",
    ),
    Term(
        "command",
        "command line",
        "The arguments it was started with. A program may write others there, and many do.",
        "/proc/PID/cmdline",
    ),
    Term(
        "executable",
        "executable",
        "The program's file. (deleted) means that it was replaced since: an update that waits for a restart.",
        "/proc/PID/exe",
    ),
    Term(
        "directory",
        "directory",
        "Its working directory, from which relative paths begin. A file system cannot be unmounted while it is in it.",
        "/proc/PID/cwd",
    ),
    Term(
        "root",
        "root",
        "What it takes for /. Another one than / was made by chroot(2), or by a container.",
        "/proc/PID/root",
    ),
    Term(
        "user",
        "user",
        "The effective user: with whose rights it acts. The Protection pane has all of them.",
        "/proc/PID/status Uid",
    ),
    Term(
        "ppid",
        "parent",
        "The process that started it, or that took it over when that one ended. Enter goes there.",
        "/proc/PID/stat field 4",
    ),
    Term(
        "session",
        "session",
        "Session and process group: what a terminal or shell signals together. Ctrl+C goes to the group in the "
        "foreground.",
        "/proc/PID/stat fields 5 and 6; credentials(7)",
    ),
    Term(
        "tty",
        "terminal",
        "Its controlling terminal. Daemons have none.",
        "/proc/PID/stat field 7",
    ),
    Term(
        "started",
        "started",
        "When it began. The kernel counts ticks since boot.",
        "/proc/PID/stat field 22",
    ),
    Term(
        "threads",
        "threads",
        "How many, by state. Those that sleep cost memory, not CPU.",
        "/proc/PID/task, stat field 3",
    ),
    Term(
        "churn",
        "come and gone",
        "Threads begun and ended while this pane is open, seen from refresh to refresh. Ones that live shorter than "
        "that are not seen.",
        "/proc/PID/task",
    ),
    Term(
        "cpu_pct",
        "CPU",
        "Of one core: 100 % is one core all the time. More is several at once.",
        "the process's CPU clock; clock_getcpuclockid(3)",
    ),
    Term(
        "wait_pct",
        "run-queue wait",
        "What its threads waited for a CPU, added up. 100 % is one thread that waits all the time.",
        "/proc/PID/task/TID/schedstat field 2",
    ),
    Term(
        "switches_per_s",
        "switches/s",
        "Voluntary: a thread had to wait. Involuntary: its CPU was taken from it.",
        "/proc/PID/task/TID/status",
    ),
    Term(
        "io_per_s",
        "disk",
        "What went to and from the storage for its sake, per second. Cached reads do not count.",
        "/proc/PID/io",
    ),
    Term(
        "rss_bytes",
        "resident",
        "Its memory in RAM (RSS). Shared pages count in each process that has them.",
        "/proc/PID/status VmRSS, VmHWM",
    ),
    Term(
        "pss_bytes",
        "PSS",
        "Its memory, shared pages divided by how many share them. These add up over processes.",
        "/proc/PID/smaps_rollup Pss",
    ),
    Term(
        "uss_bytes",
        "USS",
        "What it shares with nobody. So much would be free if it ended.",
        "/proc/PID/smaps_rollup Private_Clean, Private_Dirty",
    ),
    Term(
        "resident",
        "of these",
        "Resident memory by kind: its own pages, those of files, shared memory. Those of files can be dropped and "
        "read again.",
        "/proc/PID/status RssAnon, RssFile, RssShmem",
    ),
    Term(
        "swap_bytes",
        "in swap",
        "What was moved out to disk. Touching it again is a wait for the disk.",
        "/proc/PID/status VmSwap",
    ),
    Term(
        "vsize_bytes",
        "address space",
        "All that is mapped (VSZ). It costs nothing where it was never touched.",
        "/proc/PID/stat field 23",
    ),
    Term(
        "stack_bytes",
        "main stack",
        "The main thread's stack. Other threads' are mappings: see the Memory pane.",
        "/proc/PID/status VmStk",
    ),
    Term(
        "policy",
        "policy",
        "How the scheduler treats the main thread. Each thread may have another.",
        "/proc/PID/stat field 41; sched(7)",
    ),
    Term(
        "priority",
        "priority",
        "The kernel's number and the nice value of the main thread. -20 gets most, 19 least.",
        "/proc/PID/stat fields 18 and 19",
    ),
    Term(
        "affinity",
        "allowed CPUs",
        "The CPUs that the main thread may run on. Each thread may have others.",
        "/proc/PID/status Cpus_allowed_list",
    ),
    Term(
        "memory_nodes",
        "memory nodes",
        "NUMA nodes that its memory may come from. A far node is slower.",
        "/proc/PID/status Mems_allowed_list; numa(7)",
    ),
    Term(
        "cpu_s",
        "CPU time",
        "All it ran, ended threads included. The division into user and system comes from ticks.",
        "the process's CPU clock; stat fields 14 and 15",
    ),
    Term(
        "children_cpu_s",
        "children's",
        "CPU time of children that have ended and were waited for. Living ones count themselves.",
        "/proc/PID/stat fields 16 and 17",
    ),
    Term(
        "block_io_delay_s",
        "block-I/O delay",
        "How long it waited for block devices in all. Kernels count it only when told to.",
        "/proc/PID/stat field 42; sysctl kernel.task_delayacct",
    ),
    Term(
        "faults",
        "page faults",
        "Pages it touched that had to be found (minor) or read from disk (major). Major ones are waits.",
        "/proc/PID/stat fields 10 and 12",
    ),
    Term(
        "read_bytes",
        "read from disk",
        "Bytes read from the storage for it. Reads that memory served do not count.",
        "/proc/PID/io read_bytes",
    ),
    Term(
        "write_bytes",
        "written to disk",
        "Bytes it made dirty for the storage. The kernel may write them later.",
        "/proc/PID/io write_bytes",
    ),
    Term(
        "io_calls",
        "read, write calls",
        "All its reads and writes, to files, pipes and sockets alike. Many small ones cost more than few large ones.",
        "/proc/PID/io syscr, rchar, syscw, wchar",
    ),
    Term(
        "cgroup",
        "cgroup",
        "The groups it is in, which bound and count what it uses. Services and containers have one each.",
        "/proc/PID/cgroup; cgroups(7)",
    ),
    Term(
        "quota_cores",
        "CPU quota",
        "How many cores' worth of time its group may use. When it is used up, all its threads are stopped until the "
        "next period.",
        "cpu.max, cpu.stat of the cgroup",
    ),
    Term(
        "group_memory",
        "group's memory",
        "What the cgroup uses, page cache included, of the limit with least room left: its own, or that of a group "
        "above it. At the limit the kernel reclaims, then kills.",
        "memory.current, memory.max of the cgroup; version 1: memory.limit_in_bytes",
    ),
    Term(
        "group_memory_high",
        "slowed down from",
        "What the cgroup may use before all its threads are slowed down to reclaim memory. It looks like waiting for "
        "the disk.",
        "memory.current, memory.high of the cgroup",
    ),
    Term(
        "group_tasks",
        "group's tasks",
        "Processes and threads in the cgroup, of the limit with least room left. At the limit no thread can be made.",
        "pids.current, pids.max of the cgroup",
    ),
    Term(
        "container",
        "container",
        "What runs it in a container, as its cgroup's path tells. Seen from inside of a container it may tell nothing.",
        "/proc/PID/cgroup, a hint",
    ),
    Term(
        "namespaces",
        "namespaces",
        "Which views of the system it has for itself: processes, network, mounts. Containers are made of them.",
        "/proc/PID/ns; namespaces(7)",
    ),
    Term(
        "seccomp",
        "seccomp",
        "Whether a filter decides which system calls it may make. The Protection pane says more.",
        "/proc/PID/status Seccomp",
    ),
)
