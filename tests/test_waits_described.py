"""What a thread sleeps in, in words."""

from __future__ import annotations

import pytest

from threadtop import waits
from threadtop.blocked import BlockedOn

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("blocked", "wchan", "words"),
    [
        (BlockedOn("futex", futex=0x7F0012345F40, is_forever=True), "futex_do_wait", "futex 0x..5f40 (for ever)"),
        (BlockedOn("futex", futex=0x40, timeout_ns=SECOND_NS // 2), "futex_do_wait", "futex 0x40 (0.5 s)"),
        (BlockedOn("futex", futex=0x15F40, is_forever=False), "futex_do_wait", "futex 0x..5f40 (timed)"),
        (BlockedOn("futex", futex=0x15F40, is_forever=False, why_not="no"), "futex_do_wait", "futex 0x..5f40"),
        (
            BlockedOn("futex", futex=0x15F40, operation=6, is_shared=True, is_forever=True),
            "futex_do_wait",
            "futex 0x..5f40 pi shared (for ever)",
        ),
        (BlockedOn("futex_waitv", descriptors=3, is_forever=True), "futex_do_wait", "futex 3 at once (for ever)"),
        (
            BlockedOn(
                "recvfrom", fd=12, target="socket:[9]", local="10.0.0.1:9", peer="10.0.0.5:5432", status="established"
            ),
            "wait_woken",
            "recv fd 12 <- 10.0.0.5:5432 (established)",
        ),
        (
            BlockedOn("connect", fd=5, target="socket:[9]", local="a:1", peer="10.0.0.5:443", status="syn sent"),
            "inet_wait_for_connect",
            "connect fd 5 -> 10.0.0.5:443 (syn sent)",
        ),
        (
            BlockedOn("accept4", fd=3, target="socket:[9]", local="0.0.0.0:8080", status="listening"),
            "inet_csk_accept",
            "accept fd 3 on 0.0.0.0:8080",
        ),
        (
            BlockedOn("accept4", fd=6, target="socket:[9]", local="/run/x.sock", status="unix stream, listening"),
            "__skb_wait_for_more_packets",
            "accept fd 6 on /run/x.sock (unix stream)",
        ),
        (
            BlockedOn("recvfrom", fd=6, target="socket:[9]", status="netlink route"),
            "__skb_wait_for_more_packets",
            "recv fd 6 (netlink route)",
        ),
        (
            BlockedOn(
                "recvmsg", fd=5, target="socket:[9]", peer="postgres[812] /run/x.sock", status="unix stream, connected"
            ),
            "unix_stream_read_generic",
            "recv fd 5 <- postgres[812] /run/x.sock (unix stream)",
        ),
        (BlockedOn("recvmsg", fd=5, target="socket:[9]"), "wait_woken", "recv fd 5 socket"),
        (
            BlockedOn("read", fd=7, target="pipe:[9]", peer="worker[4242]"),
            "anon_pipe_read",
            "read fd 7 pipe <- worker[4242]",
        ),
        (BlockedOn("writev", fd=1, target="pipe:[9]", peer="less[9]"), "pipe_write", "write fd 1 pipe -> less[9]"),
        (BlockedOn("read", fd=7, target="pipe:[9]", peer="itself"), "pipe_read", "read fd 7 pipe to itself"),
        (BlockedOn("read", fd=7, target="pipe:[9]"), "pipe_read", "read fd 7 pipe"),
        (
            BlockedOn("epoll_wait", fd=4, target="anon_inode:[eventpoll]", is_forever=True, descriptors=17),
            "do_epoll_wait",
            "epoll fd 4: 17 fds",
        ),
        (BlockedOn("epoll_pwait", fd=4, timeout_ns=SECOND_NS, descriptors=1), "ep_poll", "epoll fd 4: 1 fd, 1 s"),
        (BlockedOn("poll", timeout_ns=30 * SECOND_NS, descriptors=3), "poll_schedule_timeout", "poll 3 fds, 30 s"),
        (
            BlockedOn("pselect6", timeout_ns=8_000_000_000, is_forever=False, descriptors=0),
            "do_select",
            "sleep 8 s (select)",
        ),
        (BlockedOn("pselect6", is_forever=True, descriptors=0), "do_select", "sleep for ever (select)"),
        (
            BlockedOn("ppoll", fd=6, target="socket:[9]", peer="h:1", status="established", timeout_ns=20_000_000),
            "do_poll",
            "poll fd 6 <- h:1 (established), 20 ms",
        ),
        (BlockedOn("clock_nanosleep", timeout_ns=SECOND_NS // 2), "hrtimer_nanosleep", "nanosleep 0.5 s"),
        (BlockedOn("nanosleep", timeout_ns=600 * SECOND_NS), "hrtimer_nanosleep", "nanosleep 600 s"),
        (BlockedOn("clock_nanosleep", is_forever=False), "hrtimer_nanosleep", "nanosleep (timed)"),
        (BlockedOn("wait4", pid=991), "do_wait", "wait4 child 991"),
        (BlockedOn("wait4", pid=991, peer="make[991]"), "do_wait", "wait4 child 991 (make)"),
        (BlockedOn("wait4"), "do_wait", "wait4 any child"),
        (BlockedOn("wait4", target="child 8 of its pid namespace"), "do_wait", "wait4 child 8 of its pid namespace"),
        (BlockedOn("waitid", fd=5, target="anon_inode:[pidfd]"), "do_wait", "waitid child of fd 5"),
        (BlockedOn("vfork"), "wait_for_vfork_done", "vfork child"),
        (BlockedOn("flock", fd=9, target="/run/x.lock"), "flock_lock_inode_wait", "flock fd 9: /run/x.lock"),
        (BlockedOn("fsync", fd=9, target="/var/heap.3"), "jbd2_log_wait_commit", "disk: /var/heap.3 (fsync)"),
        (BlockedOn("read", fd=9, target="/mnt/x"), "rpc_wait_bit_killable", "nfs: /mnt/x (read)"),
        (BlockedOn("unlink"), "io_schedule", "disk (unlink)"),
        (BlockedOn("openat", target="/run/fifo"), "wait_for_partner", "open: /run/fifo"),
        (BlockedOn("mmap"), "rwsem_down_write_slowpath", "kernel lock (mmap)"),
        (BlockedOn("read", fd=0, target="/dev/pts/3"), "wait_woken", "read fd 0 terminal pts/3"),
        (BlockedOn("read", fd=5, target="anon_inode:[eventfd]"), "eventfd_read", "read fd 5 eventfd"),
        (BlockedOn("read", fd=5, target="anon_inode:[signalfd]"), "signalfd_read", "read fd 5 signalfd"),
        (BlockedOn("read", fd=5, target="anon_inode:inotify"), "inotify_read", "read fd 5 inotify"),
        (
            BlockedOn("io_uring_enter", fd=4, target="anon_inode:[io_uring]"),
            "io_cqring_wait",
            "io_uring fd 4",
        ),
        (BlockedOn("rt_sigsuspend", is_forever=True), "sigsuspend", "signal (sigsuspend)"),
        (BlockedOn("rt_sigtimedwait", timeout_ns=5 * SECOND_NS), "do_sigtimedwait", "signal (sigtimedwait, 5 s)"),
        (
            BlockedOn("semop", target="semaphore set 3", is_forever=True),
            "do_semtimedop",
            "semop: semaphore set 3 (for ever)",
        ),
        (BlockedOn("keyctl"), "something_new", "something_new (keyctl)"),
        (BlockedOn("syscall 999"), None, "syscall 999"),
    ],
)
def test_words(blocked: BlockedOn, wchan: str | None, words: str) -> None:
    """What is waited for stands first, in few words."""
    assert waits.described(blocked, "S", wchan) == words


@pytest.mark.parametrize(
    ("blocked", "left_ns", "words"),
    [
        (BlockedOn("clock_nanosleep", is_forever=False), 4_249_000_000, "nanosleep, 4.2 s left"),
        (BlockedOn("clock_nanosleep", is_forever=False), 0, "nanosleep (timed)"),
        (BlockedOn("futex", futex=0x7F005F40, operation=9, is_forever=False), 31_400_000_000,
         "futex 0x..5f40 (31 s left)"),
        (BlockedOn("futex_waitv", descriptors=4, is_forever=False), 2_900_000_000, "futex 4 at once (2.9 s left)"),
        (BlockedOn("clock_nanosleep", is_forever=False), 3_600_000_000_000, "nanosleep, 3600 s left"),
        (BlockedOn("clock_nanosleep", is_forever=False), 597_000_000_000, "nanosleep, 600 s left"),
        (BlockedOn("clock_nanosleep", is_forever=False), 99_400_000_000, "nanosleep, 99 s left"),
        (BlockedOn("clock_nanosleep", is_forever=False), 12_340_000, "nanosleep, 12.3 ms left"),
        (BlockedOn("clock_nanosleep", is_forever=False), 99_960_000, "nanosleep, 0.1 s left"),
        (BlockedOn("nanosleep", timeout_ns=SECOND_NS), None, "nanosleep 1 s"),
    ],
)  # fmt: skip
def test_what_is_left(blocked: BlockedOn, left_ns: int | None, words: str) -> None:
    """Of a wait till a moment the rest, in steps of 0.1 s, from 10 s on of a second, from 100 s on of ten."""
    assert waits.described(blocked, "S", None, left_ns) == words


def test_state_d() -> None:
    """Uninterruptible: the file of the call's descriptor, or that memory had to be read."""
    assert waits.described(BlockedOn("read", fd=3, target="/var/lib/db/heap.3"), "D", None) == (
        "disk: /var/lib/db/heap.3 (read)"
    )
    assert waits.described(BlockedOn(), "D", "folio_wait_bit_common") == "disk: page fault"
    assert waits.described(BlockedOn(), "D", "rwsem_down_read_slowpath") == "kernel lock: page fault"


def test_what_was_denied_says_nothing() -> None:
    """Without the right to read the call there are no words for it."""
    assert waits.described(BlockedOn(why_not="another user's"), "S", "futex_do_wait") is None


@pytest.mark.parametrize(
    ("span_ns", "words"),
    [
        (50_000, "50 us"),
        (20_000_000, "20 ms"),
        (SECOND_NS // 2, "0.5 s"),
        (599_999_997_000, "600 s"),
        (0, "0 us"),
        (3_000_500_000_000, "3000.5 s"),
        (86_400_000_000_000, "86400 s"),
    ],
)
def test_spans(span_ns: int, words: str) -> None:
    """Three digits and a unit."""
    assert waits.span(span_ns) == words


def test_futexes_are_told_apart() -> None:
    """Two locks of one cache line have two names."""
    assert len({waits.futex_name(0x7F0000001000 + at) for at in range(0, 4096, 4)}) == 1024
