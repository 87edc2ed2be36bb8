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
        "syscall",
        "system call",
        "The call with its arguments as the kernel has them, in hexadecimal. A thread that runs is in none, and "
        "says so.",
        "/proc/PID/task/TID/syscall; syscall(2)",
    ),
    Term(
        "program_counter",
        "program counter",
        "The instruction after which it went to sleep, as file and offset, and as function where the file names it. "
        "It is known only while it is blocked.",
        "/proc/PID/task/TID/syscall, maps; elf(5)",
    ),
    Term(
        "stack_pointer",
        "stack pointer",
        "The address of the top of its stack. It is known only while it is blocked.",
        "/proc/PID/task/TID/syscall",
    ),
    Term(
        "wchan",
        "wait channel",
        "The kernel function it sleeps in. It tells the kind of waiting where the call may not be read.",
        "/proc/PID/task/TID/wchan",
    ),
    Term(
        "kernel_stack",
        "kernel stack",
        "The kernel functions that led to where it sleeps, innermost first. Only an administrator may read it.",
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
        "cpu_s",
        "CPU time",
        "What it ran since it began, and how that divides. The division comes from ticks.",
        "schedstat field 1; stat fields 14 and 15",
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
        "How long it ran each time it was given a CPU, over its whole life. Below some tens of microseconds, "
        "switching costs as much as the work.",
        "schedstat fields 1 and 3",
    ),
    Term(
        "switch_cost_pct",
        "cost of switches",
        "Switches a second times what one costs on this machine, in % of a core: an estimate. Cold caches after a "
        "switch come on top.",
        "status; measured by threadtop between two of its own threads",
    ),
    Term(
        "migrations_per_s",
        "migrations",
        "How often it moved to another CPU, where its caches are cold. The first figure counts from its start.",
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
        "The NUMA nodes its memory may come from. One machine in most cases has one.",
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
        "The kernel's number and the nice value: -20 gets most of a CPU, 19 least. Below 0 is real time.",
        "/proc/PID/task/TID/stat fields 18, 19, 40",
    ),
    Term(
        "stack_bytes",
        "stack",
        "The mapping that the stack pointer is in. Reserved address space costs nothing until it is touched.",
        "/proc/PID/maps",
    ),
    Term(
        "stack_used_bytes",
        "stack in use",
        "From the stack pointer to the upper end, now. A deep recursion shows here before it overflows.",
        "/proc/PID/task/TID/syscall, /proc/PID/maps",
    ),
    Term(
        "minor_faults",
        "page faults",
        "Minor ones found the page in memory, major ones had to read it from disk. Major faults are waits for the "
        "disk that no read call shows.",
        "/proc/PID/task/TID/stat fields 10 and 12",
    ),
    Term(
        "read_bytes",
        "read from disk",
        "Bytes that reached the storage for its sake since it began. Reads served from memory do not count.",
        "/proc/PID/task/TID/io read_bytes",
    ),
    Term(
        "write_bytes",
        "written to disk",
        "Bytes it made dirty for the storage since it began. They may be written later, by the kernel.",
        "/proc/PID/task/TID/io write_bytes",
    ),
    Term(
        "io_calls",
        "read, write calls",
        "How often it called read and write and their kin. The bytes may have gone to pipes and sockets.",
        "/proc/PID/task/TID/io syscr, syscw",
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
