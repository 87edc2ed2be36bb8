"""What the fields of the Thread pane mean, and where they are from; pure."""

from __future__ import annotations

from typing import Final

from threadtop.sheets.sheet import Term, by_key

TERMS: Final = by_key(
    Term(
        "state",
        "state",
        "Whether it could run: R is runnable, S and D are asleep, T stopped. R does not say that it is on a CPU; "
        "the run-queue wait below does.",
        "/proc/PID/task/TID/stat field 3; proc(5)",
    ),
    Term(
        "reason",
        "why",
        "The call it sleeps in, with what it waits for: lock, file, peer, child or time. It is one look at one moment.",
        "state, wchan and syscall of /proc/PID/task/TID",
    ),
    Term(
        "call",
        "system call",
        "The call that it sleeps in: it asked the kernel for something that is not there yet. A thread that runs is in "
        "none, and one that sleeps outside of a call waits for a page of its memory.",
        "/proc/PID/task/TID/syscall; syscalls(2)",
    ),
    Term(
        "descriptor",
        "descriptor",
        "The descriptor that the call is about, and what that is: a file, a pipe, a socket. Enter leads to the Files "
        "pane.",
        "/proc/PID/task/TID/syscall, fd/",
    ),
    Term(
        "descriptors",
        "descriptors",
        "How many descriptors it waits for at once. An idle server waits for many.",
        "syscall, fdinfo/, and the memory that its arguments point at",
    ),
    Term(
        "socket",
        "socket",
        "The address of this end, and the state of the connection. Established is the usual one; close wait is a peer "
        "that has hung up.",
        "/proc/PID/net/tcp, udp, unix",
    ),
    Term(
        "peer",
        "other end",
        "Who has to do something before it can go on: the peer of a connection, the process at the other end of a "
        "pipe, the child. Enter leads to a process of this machine.",
        "/proc/PID/net/, links in /proc/*/fd, sock_diag(7)",
    ),
    Term(
        "futex",
        "futex",
        "The word in memory that it waits for: a lock, a condition or a semaphore. Threads with the same address wait "
        "for the same one.",
        "/proc/PID/task/TID/syscall, maps; futex(2)",
    ),
    Term(
        "owner",
        "lock",
        "What the futex belongs to, and the thread that its memory names as the owner: that one has to go on first. "
        "Enter leads to it; conditions and semaphores have no owner.",
        "/proc/PID/mem; the Locks pane",
    ),
    Term(
        "timeout_ns",
        "timeout",
        "How long it waits at most, as it asked for. Without one it may wait for ever.",
        "syscall, and the memory that its arguments point at",
    ),
    Term(
        "left_ns",
        "timeout",
        "How long it still waits at most: it asked for a moment. When it began to wait is not known.",
        "syscall, and the memory that its arguments point at; clock_gettime(2)",
    ),
    Term(
        "program_counter",
        "where",
        "The instruction after which it went to sleep, as file and offset, and as function where the file names it. "
        "It is known only while it is blocked.",
        "/proc/PID/task/TID/syscall, maps; symbols of the file, elf(5)",
    ),
    Term(
        "wchan",
        "wait channel",
        "The kernel function it sleeps in. It tells the kind of waiting where the call may not be read.",
        "/proc/PID/task/TID/wchan",
    ),
    Term(
        "syscall",
        "registers",
        "The call as the kernel has it: its number, six arguments, stack pointer, program counter. Arguments that the "
        "call does not take hold what was there before.",
        "/proc/PID/task/TID/syscall; syscall(2)",
    ),
    Term(
        "frame",
        "function",
        "The kernel functions that led to where it sleeps, the innermost first. Only an administrator may read them.",
        "/proc/PID/task/TID/stack; CAP_SYS_ADMIN",
    ),
    Term(
        "time_bar",
        "time bar",
        "Its last interval, divided: blocks are exact, letters are sampled looks. All parts add up to 100 %.",
        "schedstat (ns), stat; state, wchan and syscall",
    ),
    Term(
        "history",
        "last seconds",
        "What took most of each interval, the newest at the right. The letters are those of the time bar.",
        "as the time bar",
    ),
    Term(
        "cpu_pct",
        "CPU",
        "Share of one core it ran on. User is its own code, system the kernel's on its behalf.",
        "schedstat field 1 (ns); stat fields 14 and 15 (ticks)",
    ),
    Term(
        "wait_pct",
        "run-queue wait",
        "Share of the time it was ready and waited for a CPU. It is exact, in ns.",
        "schedstat field 2",
    ),
    Term(
        "blocked",
        "blocked",
        "What it was blocked on for the rest, in % of all its time. These are sampled, with the error beside them.",
        "looks at state, wchan and syscall",
    ),
    Term(
        "gil",
        "GIL",
        "How much of the time it held CPython's global interpreter lock, and waited for it. ~ marks an estimate; the "
        "GIL pane says how it is known.",
        "/proc/PID/mem, syscall; or wchan and schedstat",
    ),
    Term(
        "cpu_s",
        "CPU time",
        "What it ran since it began, and how that divides. The sum is exact, the division comes from ticks.",
        "schedstat field 1 (ns); stat fields 14 and 15",
    ),
    Term(
        "vol_per_s",
        "voluntary",
        "Switches a second at which it gave up the CPU because it had to wait. Many of them with little work each "
        "mean chatter: locks, small reads.",
        "/proc/PID/task/TID/status voluntary_ctxt_switches",
    ),
    Term(
        "invol_per_s",
        "involuntary",
        "Switches a second at which the CPU was taken from it. Many mean that more threads want CPUs than there are.",
        "/proc/PID/task/TID/status nonvoluntary_ctxt_switches",
    ),
    Term(
        "run_length_us",
        "mean run",
        "How long it ran each time it was given a CPU: since the last refresh, and over its life. Below some tens of "
        "microseconds, switching costs as much as the work.",
        "schedstat fields 1 and 3",
    ),
    Term(
        "switch_cost_pct",
        "cost of switches",
        "Switches a second times what one costs on this machine, in % of a core: an estimate. Cold caches after a "
        "switch come on top.",
        "status; measured by threadtop between two processes of its own",
    ),
    Term(
        "migrations_per_s",
        "migrations",
        "How often a second it moved to another CPU, where caches are cold. A few are nothing; thousands cost.",
        "/proc/PID/task/TID/sched se.nr_migrations",
    ),
    Term(
        "last_cpu",
        "last CPU",
        "The CPU it ran on last. It may be another one now, if it is allowed others.",
        "/proc/PID/task/TID/stat field 39",
    ),
    Term(
        "affinity",
        "allowed CPUs",
        "The CPUs it may run on. A thread that waits while other CPUs idle is often bound to too few.",
        "/proc/PID/task/TID/status Cpus_allowed_list; sched_setaffinity(2)",
    ),
    Term(
        "memory_nodes",
        "memory nodes",
        "The NUMA nodes its memory may come from. Most machines have one, 0.",
        "/proc/PID/task/TID/status Mems_allowed_list; numa(7)",
    ),
    Term(
        "policy",
        "policy",
        "How the scheduler treats it: other is the usual fair share, fifo and rr are real time. A real-time thread "
        "that spins starves its CPU.",
        "/proc/PID/task/TID/stat field 41; sched(7)",
    ),
    Term(
        "priority",
        "priority",
        "The nice value, -20 gets most of a CPU, 19 least; or the real-time priority, 99 comes first. Beside it the "
        "kernel's number as top shows it, below 0 is real time.",
        "/proc/PID/task/TID/stat fields 18, 19, 40",
    ),
    Term(
        "stack_bytes",
        "stack",
        "The mapping that the stack pointer is in. Reserved address space costs nothing until it is touched.",
        "/proc/PID/maps; limits for the main thread's, which grows",
    ),
    Term(
        "stack_used_bytes",
        "in use",
        "From the stack pointer to the upper end, now: a hint, for the mapping may hold more than the stack. A deep "
        "recursion shows here before it overflows.",
        "/proc/PID/task/TID/syscall, /proc/PID/maps",
    ),
    Term(
        "stack_touched_bytes",
        "touched",
        "What of the stack was used at some time and is memory now, or in swap. The rest of what it reserves costs "
        "nothing; of one larger than 32 MiB the upper end is counted, where it begins.",
        "/proc/PID/pagemap",
    ),
    Term(
        "stack_pointer",
        "stack pointer",
        "The address of the top of its stack. It is known only while it is blocked.",
        "/proc/PID/task/TID/syscall",
    ),
    Term(
        "minor_faults",
        "minor faults",
        "Pages a second that it touched for the first time, found in memory. Many are memory that is allocated anew.",
        "/proc/PID/task/TID/stat field 10",
    ),
    Term(
        "major_faults",
        "major faults",
        "Pages a second that had to be read from disk. These are waits for the disk that no read call shows.",
        "/proc/PID/task/TID/stat field 12",
    ),
    Term(
        "read_bytes",
        "read from disk",
        "Bytes a second that reached the storage for its sake. Reads served from memory do not count.",
        "/proc/PID/task/TID/io read_bytes",
    ),
    Term(
        "write_bytes",
        "written to disk",
        "Bytes a second that it made dirty for the storage. They may be written later, by the kernel.",
        "/proc/PID/task/TID/io write_bytes",
    ),
    Term(
        "read_calls",
        "read calls",
        "Calls a second of read and its kin. The bytes may have come from pipes and sockets.",
        "/proc/PID/task/TID/io syscr",
    ),
    Term(
        "write_calls",
        "write calls",
        "Calls a second of write and its kin. The bytes may have gone to pipes and sockets.",
        "/proc/PID/task/TID/io syscw",
    ),
    Term(
        "signals_pending",
        "pending",
        "Signals sent to this thread alone that it has not taken. One that is blocked stays here.",
        "/proc/PID/task/TID/status SigPnd; signal(7)",
    ),
    Term(
        "signals_blocked",
        "blocked signals",
        "Signals it does not take now. Each thread has a mask of its own; libraries often block all in their threads.",
        "/proc/PID/task/TID/status SigBlk; pthread_sigmask(3)",
    ),
    Term(
        "tid",
        "thread id",
        "Its number for the kernel, in decimal and as nid in a JVM's dump. The main thread's is the PID.",
        "/proc/PID/task/TID; gettid(2)",
    ),
    Term(
        "ns_tid",
        "inside",
        "Its number in its own pid namespace, which is what it and its log call it. The outer ones follow.",
        "/proc/PID/task/TID/status NSpid; pid_namespaces(7)",
    ),
    Term(
        "process",
        "process",
        "The process that it belongs to. Enter leads to its overview.",
        "/proc/PID",
    ),
    Term(
        "name",
        "name",
        "What it calls itself, at most 15 bytes. Any thread of the process may change it.",
        "/proc/PID/task/TID/comm; prctl(2)",
    ),
    Term(
        "role",
        "role",
        "What it is for, as far as runtimes name their threads. It is a hint.",
        "/proc/PID/task/TID/comm",
    ),
    Term(
        "age_s",
        "started",
        "When it began, and how long ago. A young thread in an old process is churn.",
        "/proc/PID/task/TID/stat field 22",
    ),
)
