"""Schemas of what is in a document beside processes, threads and their columns; pure."""

from __future__ import annotations

from typing import Final, get_args

from threadtop.blocked import LockKind
from threadtop.sample import Grade
from threadtop.schema.words import count, counts, grade, record, ref, said, several, share, tid, value
from threadtop.snapshot import Sureness

_ADDRESS: Final = "^0x[0-9a-f]+$"

THREAD_GIL: Final = record(
    "one thread and the GIL over the last seconds, in % of that time",
    {
        "grade": grade(get_args(Grade)),
        "why_not": said("why it is not exact"),
        "holds_pct": share("it held the GIL"),
        "wait_pct": share("it waited for the GIL; of grade estimate: worked out from counters"),
        "asleep_pct": share("it held the GIL and slept"),
        "with_pct": share("it ran with the GIL"),
        "without_pct": share("it ran without the GIL: native code that released it"),
        "runq_pct": share("it waited for a CPU"),
        "blocked_pct": share("it waited for something else"),
        "samples": count("looks at it"),
        "is_python": value("boolean?", "whether CPython knows the thread"),
    },
)
BLOCKED: Final = record(
    "the system call a thread sleeps in: one look",
    {
        "call": said("name of the call"),
        "target": said("what its descriptor is: the link in /proc/PID/fd"),
        "local": said("this end of a socket"),
        "peer": said("the other end: an address, a path, a process"),
        "status": said("state of a socket, with its protocol where that is not TCP"),
        "why_not": said("the rule that hides what is missing"),
        "fd": value("integer?", "the descriptor it waits for"),
        "is_shared": value("boolean?", "whether the futex may be another process's too"),
        "is_forever": value("boolean?", "whether it waits without a timeout"),
        "pid": value("integer?", "the child it waits for"),
        "descriptors": value("integer?", "how many descriptors it polls", minimum=0),
        "futex": value("string?", "address of the futex it waits on", pattern=_ADDRESS),
        "timeout_s": value("number?", "timeout it asked for", minimum=0),
        "left_s": value("number?", "time left of a timeout that it asked for as a moment", minimum=0),
    },
)
GIL: Final = record(
    "a Python process and its GIL over the last seconds",
    {
        "grade": grade(get_args(Grade)),
        "why_not": said("why it is not exact"),
        "remedy": said("the least that would make it exact"),
        "version": said("of CPython"),
        "is_enabled": value("boolean?", "false where a free-threaded build runs without"),
        "utilisation_pct": share("share of the time its busiest GIL was held"),
        "switches_per_s": share("hand-overs a second, of all its GILs"),
        "waiters": share("threads that wait, on average"),
        "samples": count("looks"),
        "window_s": value("number", "seconds that this is over", minimum=0),
        "interpreters": several(
            record(
                "one GIL",
                {
                    "ids": several(count("id of an interpreter"), "the interpreters that share it"),
                    "is_enabled": value("boolean", "false in a free-threaded build while it is off"),
                    "interval_us": count("switch interval in us"),
                    "utilisation_pct": share("share of the time it was held"),
                    "switches_per_s": share("hand-overs a second"),
                    "holder": value("integer?", "tid that held it in the newest look; 0 nobody", minimum=0),
                },
            ),
            "each GIL of the process",
        ),
    },
)

# -- locks -------------------------------------------------------------------------------------

_LOCK: Final = record(
    "one futex and those that wait on it",
    {
        "address": value("string", "in the memory of the process", pattern=_ADDRESS),
        "shared": said("the place for all processes that map it, inode:offset; null is private"),
        "kind": {"enum": list(get_args(LockKind)), "description": "what it belongs to, as its memory tells"},
        "owner_pid": value("integer?", "process of the owner", minimum=1),
        "owner_tid": value("integer?", "thread that its memory names as the owner", minimum=1),
        "ended_tid": value("integer?", "an owner that is no thread any more", minimum=1),
        "is_confirmed": value("boolean", "a second reading found the same"),
        "is_gil": value("boolean", "it belongs to CPython's GIL"),
        "waiters": count("threads that wait"),
        "waits": several(
            record(
                "one thread that waits",
                {
                    "tid": tid("thread"),
                    "waited_s": value("number", "for how long", minimum=0),
                    "is_at_least": value("boolean", "or for longer"),
                    "timeout_s": value("number?", "timeout it asked for", minimum=0),
                    "is_forever": value("boolean?", "whether it waits without a timeout"),
                    "left_s": value("number?", "time left of a timeout that it asked for as a moment", minimum=0),
                },
            ),
            "those that wait, the longest first",
        ),
    },
)
CHAIN: Final = record(
    "threads that wait for each other in a circle",
    {
        "chain": several(
            record(
                "a thread, and the lock it waits for, which the next one owns",
                {
                    "pid": tid("process"),
                    "tid": tid("thread"),
                    "address": value("string", "of the lock", pattern=_ADDRESS),
                },
            ),
            "the circle",
        ),
        "behind": several(
            record("a thread", {"pid": tid("process"), "tid": tid("thread")}), "those that wait for one of the circle"
        ),
    },
)
LOCKS: Final = record(
    "the futexes of a process on which threads wait",
    {
        "why_not": said("the rule that hides owners"),
        "remedy": said("the least that lifts it"),
        "locks": several(_LOCK, "the most waited for first"),
        "left_out": count("futexes with waiters that are not told"),
        "deadlocks": several(ref("chain"), "closed chains, confirmed by a second reading"),
        "suspected": several(ref("chain"), "closed chains in which a wait has a timeout, or may have one"),
    },
)

# -- the rest ----------------------------------------------------------------------------------

MACHINE: Final = record(
    "the machine over the interval",
    {
        "uptime_s": value("number", "seconds since boot"),
        "load": several(value("number", "load", minimum=0), "over 1, 5 and 15 minutes", minItems=3, maxItems=3),
        "cores": value("integer?", "CPUs", minimum=1),
        "user_pct": share("of all CPUs, own code"),
        "system_pct": share("of all CPUs, in the kernel"),
        "iowait_pct": share("of all CPUs, idle while block I/O was under way"),
        "memory_total_bytes": count("memory"),
        "memory_used_bytes": count("memory that is not available"),
        "swap_total_bytes": count("swap"),
        "swap_used_bytes": count("swap in use"),
        "switches_per_s": share("context switches a second"),
        "vol_per_s": share("voluntary switches a second of the threads read"),
        "invol_per_s": share("involuntary switches a second of the threads read"),
        "processes": count("processes"),
        "threads": count("threads"),
        "thread_states": counts("threads by state letter"),
        "waiting_threads": count("threads that waited for a CPU"),
        "waiting_cores": value("number", "what they waited, added up: 1 is one thread all the time", minimum=0),
        "pressure_cpu": share("% of the last 10 s in which some task waited for a CPU (PSI)"),
        "pressure_io": share("the same for I/O"),
        "pressure_memory": share("the same for memory"),
        "quota_cores": share("CPU quota of threadtop's cgroup, in cores"),
        "throttled_pct": share("periods in which that was throttled"),
    },
)
COST: Final = record(
    "what the reading itself cost",
    {
        "pass_ms": value("number", "length of the pass", minimum=0),
        "own_cpu_pct": share("CPU time of threadtop, in % of a core"),
        "reads": counts("files read, by name"),
        "descriptors": count("descriptors kept"),
        "watch_pct": share("cost of watching GILs, in % of a core"),
        "watch_per_s": share("looks at GILs a second"),
        "wait_watch_pct": share("cost of looking at blocked threads, in % of a core"),
        "wait_watch_per_s": share("looks at blocked threads a second"),
    },
)
FINDING: Final = record(
    "something the numbers say about a process",
    {
        "kind": value("string", "name of the rule", pattern="^[a-z0-9-]+$"),
        "pid": value("integer", "process"),
        "process": value("string", "its name"),
        "title": value("string", "in one line"),
        "explanation": value("string", "what it means and what helps"),
        "evidence": several(
            record("a figure", {"name": value("string", "what"), "figure": value("string", "how much, in words")}),
            "what made it fire",
        ),
        "grade": grade(get_args(Sureness)),
        "severity": value("number", "from 50 on it is a problem", minimum=0, maximum=100),
        "tids": several(tid("thread"), "the threads concerned"),
        "next_command": said("what to run next"),
    },
)
_ENDED: Final = said("how the target ended before the time was over")
_INTERRUPTED: Final = value("boolean", "the user ended it")
EXPLAIN: Final = record(
    "--explain: how it was watched",
    {
        "pids": several(tid("process"), "those watched; none: the machine"),
        "asked_s": value("number", "seconds asked for", minimum=0),
        "watched_s": value("number", "seconds watched", minimum=0),
        "readings": count("readings"),
        "ended": _ENDED,
        "is_interrupted": _INTERRUPTED,
        "has_problem": value("boolean", "some finding is a problem"),
        "not_looked_at": several(value("string", "one thing"), "what could not be looked at, and why"),
    },
)
MEASUREMENT: Final = record(
    "gil: how it was measured",
    {
        "asked_s": value("number", "seconds asked for", minimum=0),
        "measured_s": value("number", "seconds measured", minimum=0),
        "ended": _ENDED,
        "is_interrupted": _INTERRUPTED,
    },
)
