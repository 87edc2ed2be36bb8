"""Reasons are what state, kernel function and shares allow to say, and no more."""

from __future__ import annotations

import pytest

from threadtop import waits
from threadtop.procfs import reasons


@pytest.mark.parametrize(
    ("wchan", "words"),
    [
        ("futex_do_wait", "lock (futex)"),
        ("futex_wait_queue_me", "lock (futex)"),
        ("hrtimer_nanosleep", "sleep"),
        ("poll_schedule_timeout.constprop.0", "poll"),
        ("do_epoll_wait", "epoll"),
        ("ep_poll", "epoll"),
        ("anon_pipe_read", "pipe, reads"),
        ("pipe_wait_writable", "pipe, writes"),
        ("unix_stream_data_wait", "unix socket, reads"),
        ("inet_csk_accept", "socket, accepts"),
        ("do_wait", "child"),
        ("do_wait_intr_irq", "eventfd or timer"),
        ("io_schedule", "disk"),
        ("folio_wait_bit_common", "disk"),
        ("something_new", "something_new"),
    ],
)
def test_words(wchan: str, words: str) -> None:
    """Kernel functions read as what is waited for; an unknown one stands for itself."""
    assert reasons.words(wchan) == words
    assert waits.reason("S", wchan) == words


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("anon_inode:[eventfd]", "pipe"),
        ("anon_inode:[timerfd]", "sleep"),
        ("", "other"),
        ("/dev/input/event0", "other"),
    ],
)
def test_a_wait_that_several_files_share(target: str, kind: str) -> None:
    """Eventfds and timers are waited for in one kernel function: it is no child, and the descriptor tells which."""
    assert reasons.kind("S", "do_wait_intr_irq", "read", target) == kind
    assert reasons.kind("S", "do_wait_intr_irq") == "other"


def test_every_beginning_can_be_reached() -> None:
    """No entry of the table is hidden behind a shorter one with other words above it."""
    hidden = [beginning for beginning, what, _ in reasons.WCHAN if reasons.words(beginning) != what]
    assert hidden == []


@pytest.mark.parametrize(
    ("cpu_pct", "wait_pct", "expected"),
    [
        (90.0, 10.0, waits.RUNNING),
        (10.0, 90.0, waits.RUN_QUEUE),
        (50.0, 50.0, waits.RUNNING),
        (None, None, waits.RUNNING),
        (None, 5.0, waits.RUN_QUEUE),
    ],
)
def test_runnable(cpu_pct: float | None, wait_pct: float | None, expected: str) -> None:
    """R is running or waiting for a CPU, whichever it mostly did; what it once slept in does not count."""
    assert waits.reason("R", "futex_do_wait", cpu_pct, wait_pct) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [("T", "stopped"), ("t", "traced"), ("Z", "ended, not reaped"), ("X", "dead"), ("I", "idle"), ("P", "parked")],
)
def test_states_that_say_it_all(state: str, expected: str) -> None:
    """Where the state is the reason, wchan is not asked."""
    assert waits.reason(state, "do_signal_stop") == expected
    assert waits.reason(state, None, kernel=True) == expected


@pytest.mark.parametrize("wchan", [None, ""], ids=["denied", "empty"])
def test_unknown_stays_unknown(wchan: str | None) -> None:
    """A sleeper whose wchan may not be read has no reason; D tells at least that much."""
    assert waits.reason("S", wchan) is None
    assert waits.reason("D", wchan) == "uninterruptible"


def test_kernel_threads() -> None:
    """Kernel threads wait for work, whatever function they sleep in."""
    assert waits.reason("S", "worker_thread", kernel=True) == "kernel work"
    assert waits.reason("D", None, kernel=True) == "uninterruptible"
    assert waits.reason("R", None, 1.0, 0.0, kernel=True) == waits.RUNNING
