"""Why a thread is not running, in words, from its state and the kernel function it sleeps in; pure.

What ``wchan`` says is one look at one moment: a hint, not a measured share.
"""

from __future__ import annotations

from typing import Final

RUNNING, RUN_QUEUE, GIL = "running", "waits for a cpu", "waits for the GIL"

# Beginnings of kernel functions (fs/, kernel/, net/, mm/; the names differ between versions), the
# first that fits wins.
_WCHAN: Final = (
    ("futex", "lock (futex)"),
    ("__futex", "lock (futex)"),
    ("rt_mutex", "lock (priority inheritance)"),
    ("hrtimer_nanosleep", "sleep"),
    ("do_nanosleep", "sleep"),
    ("common_nsleep", "sleep"),
    ("ep_poll", "epoll"),
    ("do_epoll", "epoll"),
    ("do_select", "select"),
    ("do_sys_poll", "poll"),
    ("do_poll", "poll"),
    ("poll_schedule", "poll"),
    ("anon_pipe_read", "pipe, reads"),
    ("anon_pipe_write", "pipe, writes"),
    ("pipe_read", "pipe, reads"),
    ("pipe_write", "pipe, writes"),
    ("pipe_wait_readable", "pipe, reads"),
    ("pipe_wait_writable", "pipe, writes"),
    ("pipe_wait", "pipe"),
    ("wait_for_partner", "pipe, opens"),
    ("fifo_open", "pipe, opens"),
    ("unix_stream", "unix socket, reads"),
    ("unix_wait_for_peer", "unix socket, writes"),
    ("unix_", "unix socket"),
    ("inet_csk_accept", "socket, accepts"),
    ("inet_csk_wait", "socket, accepts"),
    ("inet_wait_for_connect", "socket, connects"),
    ("sk_wait_data", "socket, reads"),
    ("tcp_recvmsg", "socket, reads"),
    ("sk_stream_wait", "socket, writes"),
    ("sock_alloc_send", "socket, writes"),
    ("__skb_wait", "socket, reads"),
    ("skb_wait", "socket, reads"),
    ("wait_woken", "socket or terminal"),
    ("n_tty_read", "terminal"),
    ("do_wait", "child"),
    ("kernel_wait4", "child"),
    ("do_sigtimedwait", "signal"),
    ("sigsuspend", "signal"),
    ("__do_sys_pause", "signal"),
    ("sys_pause", "signal"),
    ("__x64_sys_pause", "signal"),
    ("do_signal_stop", "stopped"),
    ("ptrace_stop", "traced"),
    ("eventfd_read", "eventfd"),
    ("eventfd", "eventfd"),
    ("timerfd", "timer"),
    ("signalfd", "signal"),
    ("inotify_read", "inotify"),
    ("fanotify_read", "fanotify"),
    ("io_cqring_wait", "io_uring"),
    ("io_wq_worker", "io_uring worker"),
    ("io_sq_thread", "io_uring worker"),
    ("read_events", "aio"),
    ("do_io_getevents", "aio"),
    ("do_msgrcv", "message queue"),
    ("wq_sleep", "message queue"),
    ("do_semtimedop", "semaphore (System V)"),
    ("__do_semtimedop", "semaphore (System V)"),
    ("vfork", "child (vfork)"),
    ("wait_for_vfork_done", "child (vfork)"),
    ("fuse_", "fuse"),
    ("request_wait_answer", "fuse"),
    ("rpc_", "nfs"),
    ("nfs", "nfs"),
    ("flock_lock", "file lock"),
    ("fcntl_setlk", "file lock"),
    ("locks_lock", "file lock"),
    ("jbd2", "disk (journal)"),
    ("io_schedule", "disk"),
    ("folio_wait", "disk"),
    ("wait_on_page", "disk"),
    ("bit_wait_io", "disk"),
    ("blk_", "disk"),
    ("balance_dirty", "disk (dirty pages)"),
    ("xfs_", "disk"),
    ("ext4_", "disk"),
    ("btrfs_", "disk"),
    ("rwsem_down", "kernel lock"),
    ("mutex_lock", "kernel lock"),
    ("__mutex_lock", "kernel lock"),
    ("do_syslog", "kernel log"),
    ("syslog", "kernel log"),
)

_STATES: Final = {
    "T": "stopped",
    "t": "traced",
    "Z": "ended, not reaped",
    "X": "dead",
    "x": "dead",
    "I": "idle",
    "P": "parked",
}


def reason(
    state: str,
    wchan: str | None,
    cpu_pct: float | None = None,
    wait_pct: float | None = None,
    *,
    kernel: bool = False,
) -> str | None:
    """Why a thread is not running, or that it runs; None where it may not be known.

    ``state`` is the letter of ``stat``, ``wchan`` the kernel function (None: not read or denied).
    R means runnable, not on a core: which of the two it mostly was is read off the measured shares.
    """
    if state == "R":
        return RUN_QUEUE if (wait_pct or 0.0) > (cpu_pct or 0.0) else RUNNING
    if state in _STATES:
        return _STATES[state]
    if kernel:
        return "kernel work" if state == "S" else "uninterruptible"
    if not wchan:
        return "uninterruptible" if state == "D" else None
    return words(wchan)


def words(wchan: str) -> str:
    """A kernel function in words; one that is not known stands for itself."""
    for beginning, what in _WCHAN:
        if wchan.startswith(beginning):
            return what
    return wchan
