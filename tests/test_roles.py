"""Roles of threads: by the names that runtimes give, never by more."""

from __future__ import annotations

import pytest

from builders import thread_row
from threadtop.roles import role


@pytest.mark.parametrize(
    ("process", "name", "expected"),
    [
        ("java", "GC Thread#0", "garbage collector"),
        ("java", "G1 Conc#0", "garbage collector"),
        ("java", "C2 CompilerThre", "JIT compiler"),
        ("java", "VM Thread", "JVM safepoints"),
        ("java", "pool-1-thread-1", "executor pool"),
        ("node", "libuv-worker", "libuv pool"),
        ("node", "V8Worker", "V8: garbage, JIT"),
        ("python3", "ThreadPoolExecu", "executor pool"),
        ("python3", "asyncio_0", "asyncio pool"),
        ("db", "iou-wrk-4211", "io_uring"),
        ("db", "tokio-runtime-w", "tokio worker"),
        ("db", "VM Threads of mine", None),
        ("db", "worker-3", None),
        ("db", "my GC Thread#0", None),
        ("db", "", None),
    ],
)
def test_names_that_runtimes_give(process: str, name: str, expected: str | None) -> None:
    """A name that a runtime or library gives says what the thread is for; another one says nothing."""
    assert role(process, name, is_main=False) == expected


def test_the_main_thread() -> None:
    """The main thread is called so, that of Node is the event loop; a name that tells more comes first."""
    assert role("nginx", "nginx", is_main=True) == "main"
    assert role("node", "node", is_main=True) == "event loop"
    assert role("node", "MainThread", is_main=True) == "event loop"
    assert role("java", "VM Thread", is_main=True) == "JVM safepoints"


def test_a_row_knows_its_role() -> None:
    """A kernel thread is called so; a thread that CPython does not know is native."""
    assert thread_row(pid=5, tid=5, name="x", process="x").role == "main"
    assert thread_row(pid=5, tid=6, name="x", process="x").role is None
    assert thread_row(pid=5, tid=6, name="kworker/0:1", process="kworker/0:1", kernel=True).role == "kernel"
