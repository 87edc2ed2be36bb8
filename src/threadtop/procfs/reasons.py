"""What a blocked thread waits for: kinds of waiting, by its state, the kernel function it sleeps in and its call; pure.

A kind is one look at one moment.  What a share of time is made of is many of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "gil", "lock", "disk", "network", "pipe", "poll", "sleep", "child", "stopped", "other", "unknown"
]
KINDS: Final[tuple[Kind, ...]] = (
    "gil", "lock", "disk", "network", "pipe", "poll", "sleep", "child", "stopped", "other", "unknown",
)  # fmt: skip
"""What the time of a thread that does not run is divided into, in the order in which a bar shows it.

``gil`` CPython's; ``lock`` any futex, file lock or System V semaphore; ``disk`` block I/O, a network file system,
state D; ``network`` sockets; ``pipe`` pipes, Unix sockets, eventfds, message queues: another process or thread of
this machine; ``poll`` idle in poll, select or epoll, or a kernel thread without work; ``sleep`` a timer; ``child`` a
child process; ``stopped`` by a signal or a tracer; ``other`` known, and none of these; ``unknown`` may not be read.
"""

# Beginnings of kernel functions (fs/, kernel/, net/, mm/; the names differ between versions), in words and
# by kind; the first that fits wins.
WCHAN: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("futex", "lock (futex)", "lock"),
    ("__futex", "lock (futex)", "lock"),
    ("rt_mutex", "lock (priority inheritance)", "lock"),
    ("hrtimer_nanosleep", "sleep", "sleep"),
    ("do_nanosleep", "sleep", "sleep"),
    ("common_nsleep", "sleep", "sleep"),
    ("ep_poll", "epoll", "poll"),
    ("do_epoll", "epoll", "poll"),
    ("do_select", "select", "poll"),
    ("do_sys_poll", "poll", "poll"),
    ("do_poll", "poll", "poll"),
    ("poll_schedule", "poll", "poll"),
    ("anon_pipe_read", "pipe, reads", "pipe"),
    ("anon_pipe_write", "pipe, writes", "pipe"),
    ("pipe_read", "pipe, reads", "pipe"),
    ("pipe_write", "pipe, writes", "pipe"),
    ("pipe_wait_readable", "pipe, reads", "pipe"),
    ("pipe_wait_writable", "pipe, writes", "pipe"),
    ("pipe_wait", "pipe", "pipe"),
    ("wait_for_partner", "pipe, opens", "pipe"),
    ("fifo_open", "pipe, opens", "pipe"),
    ("unix_stream", "unix socket, reads", "pipe"),
    ("unix_wait_for_peer", "unix socket, writes", "pipe"),
    ("unix_", "unix socket", "pipe"),
    ("inet_csk_accept", "socket, accepts", "network"),
    ("inet_csk_wait", "socket, accepts", "network"),
    ("inet_wait_for_connect", "socket, connects", "network"),
    ("sk_wait_data", "socket, reads", "network"),
    ("tcp_recvmsg", "socket, reads", "network"),
    ("sk_stream_wait", "socket, writes", "network"),
    ("sock_alloc_send", "socket, writes", "network"),
    ("__skb_wait", "socket, reads", "network"),
    ("skb_wait", "socket, reads", "network"),
    ("wait_woken", "socket or terminal", "other"),
    ("n_tty_read", "terminal", "other"),
    ("do_wait_intr", "eventfd or timer", "other"),  # wait_event_interruptible_locked: which, its descriptor tells
    ("do_wait", "child", "child"),
    ("kernel_wait4", "child", "child"),
    ("do_sigtimedwait", "signal", "other"),
    ("sigsuspend", "signal", "other"),
    ("__do_sys_pause", "signal", "other"),
    ("sys_pause", "signal", "other"),
    ("__x64_sys_pause", "signal", "other"),
    ("do_signal_stop", "stopped", "stopped"),
    ("ptrace_stop", "traced", "stopped"),
    ("eventfd_read", "eventfd", "pipe"),
    ("eventfd", "eventfd", "pipe"),
    ("timerfd", "timer", "sleep"),
    ("signalfd", "signal", "other"),
    ("inotify_read", "inotify", "other"),
    ("fanotify_read", "fanotify", "other"),
    ("io_cqring_wait", "io_uring", "other"),
    ("io_wq_worker", "io_uring worker", "other"),
    ("io_sq_thread", "io_uring worker", "other"),
    ("read_events", "aio", "disk"),
    ("do_io_getevents", "aio", "disk"),
    ("do_msgrcv", "message queue", "pipe"),
    ("wq_sleep", "message queue", "pipe"),
    ("do_semtimedop", "semaphore (System V)", "lock"),
    ("__do_semtimedop", "semaphore (System V)", "lock"),
    ("vfork", "child (vfork)", "child"),
    ("wait_for_vfork_done", "child (vfork)", "child"),
    ("fuse_", "fuse", "disk"),
    ("request_wait_answer", "fuse", "disk"),
    ("rpc_", "nfs", "disk"),
    ("nfs", "nfs", "disk"),
    ("flock_lock", "file lock", "lock"),
    ("fcntl_setlk", "file lock", "lock"),
    ("locks_lock", "file lock", "lock"),
    ("jbd2", "disk (journal)", "disk"),
    ("io_schedule", "disk", "disk"),
    ("folio_wait", "disk", "disk"),
    ("wait_on_page", "disk", "disk"),
    ("bit_wait_io", "disk", "disk"),
    ("blk_", "disk", "disk"),
    ("balance_dirty", "disk (dirty pages)", "disk"),
    ("xfs_", "disk", "disk"),
    ("ext4_", "disk", "disk"),
    ("btrfs_", "disk", "disk"),
    ("rwsem_down", "kernel lock", "lock"),
    ("mutex_lock", "kernel lock", "lock"),
    ("__mutex_lock", "kernel lock", "lock"),
    ("do_syslog", "kernel log", "other"),
    ("syslog", "kernel log", "other"),
)

# By the name of the system call, where wchan may not be read or says nothing (syscalls(2)).
_CALLS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("futex", "futex_wait", "futex_waitv", "flock", "semop", "semtimedop", "fcntl"), "lock"),
    **dict.fromkeys(("poll", "ppoll", "select", "old_select", "pselect6"), "poll"),
    **dict.fromkeys(("epoll_wait", "epoll_pwait", "epoll_pwait2"), "poll"),
    **dict.fromkeys(("nanosleep", "clock_nanosleep"), "sleep"),
    **dict.fromkeys(("wait4", "waitid", "waitpid", "vfork"), "child"),
    **dict.fromkeys(("fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync"), "disk"),
    **dict.fromkeys(("accept", "accept4", "connect"), "network"),
    **dict.fromkeys(("msgrcv", "msgsnd", "mq_timedreceive", "mq_timedsend", "splice", "tee", "vmsplice"), "pipe"),
}
TRANSFERS: Final = frozenset(
    (
        *("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2"),
        *("recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg", "sendfile", "recv", "send"),
    )
)
"""Calls that wait for whatever their descriptor is."""
OF_DESCRIPTORS: Final = TRANSFERS | {"accept", "accept4", "connect"}
"""These, and those that only a socket has."""
COUNTED: Final = {"select": 0, "pselect6": 0, "poll": 1, "ppoll": 1}
"""Calls that wait for one of many descriptors, and which argument counts these: of none they are a way to sleep."""
_COUNTED_IN: Final = ("do_select", "do_sys_poll", "do_poll", "poll_schedule")  # the kernel functions of these
_ANY_SOCKET: Final = ("__skb_wait", "skb_wait", "sock_alloc_send")
_STATES: Final[dict[str, Kind]] = {"T": "stopped", "t": "stopped", "I": "poll"}  # these say it all


@lru_cache(maxsize=4096)
def kind(
    state: str,
    wchan: str | None,
    call: str = "",
    target: str = "",
    descriptors: int | None = None,
    *,
    is_local: bool = False,
) -> Kind:
    """What a thread waits for that is not running.

    ``state`` is the letter of ``stat``, ``wchan`` the kernel function (None or empty: not read, denied), ``call`` the
    name of its system call ("" not known), ``target`` what the descriptor of that call is, as the link in
    ``/proc/PID/fd`` has it ("" not known), ``descriptors`` how many it polls (None: not known), ``is_local`` that the
    descriptor is a Unix socket: the kernel waits in the same functions for some of these and for the network.
    """
    found = _kind(state, wchan, call, target, descriptors)
    return "pipe" if is_local and found == "network" else found


def _kind(state: str, wchan: str | None, call: str, target: str, descriptors: int | None) -> Kind:
    if state in _STATES:
        return _STATES[state]
    if descriptors == 0 and call in COUNTED:
        return "sleep"  # Python's time.sleep before 3.11
    if wchan:
        found = next((kind_ for beginning, _, kind_ in WCHAN if wchan.startswith(beginning)), None)
        if found is not None and found != "other":
            return found
    of_call = _CALLS.get(call) or (_of_target(target) if call in TRANSFERS else None)
    if of_call is not None:
        return of_call
    if state == "D":
        return "disk"
    return "other" if wchan or call else "unknown"


def may_be_a_sleep(wchan: str) -> bool:
    """Whether a kernel function is that of a poll or select, which may have no descriptors."""
    return wchan.startswith(_COUNTED_IN)


def may_be_local(wchan: str) -> bool:
    """Whether a kernel function waits for sockets of any family, Unix sockets among them."""
    return wchan.startswith(_ANY_SOCKET)


def words(wchan: str) -> str:
    """A kernel function in words; one that is not known stands for itself."""
    return next((what for beginning, what, _ in WCHAN if wchan.startswith(beginning)), wchan)


def _of_target(target: str) -> Kind | None:
    """What a transfer waits for, by what its descriptor is."""
    if target.startswith("socket:"):
        return "network"
    if target.startswith(("pipe:", "anon_inode:[eventfd", "/dev/mqueue/")):
        return "pipe"
    if target.startswith("anon_inode:[timerfd"):
        return "sleep"
    if target.startswith("/") and not target.startswith("/dev/"):
        return "disk"
    return None
