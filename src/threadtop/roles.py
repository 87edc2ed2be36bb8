"""Roles: what a thread is for, as the name that its runtime gave it tells; a hint; pure.

Names are those of ``comm`` (proc(5)), cut at 15 bytes: what the JVM, libuv and V8, glibc programs and libraries call
their own threads.  A program may name its threads as it likes, so a role is never evidence.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

MAIN: Final = "main"
_LOOPS: Final = frozenset(("node", "nodejs", "MainThread"))  # what runs JavaScript calls its main thread or process
_ROLES: Final = tuple(
    (re.compile(pattern), role)
    for pattern, role in (
        # JVM (src/hotspot/share): collectors, compilers, the virtual machine's own.
        (r"GC Thread#|G1 |ZWorker|ZDriver|ZDirector|Shenandoah|ParGC|Concurrent Mark", "garbage collector"),
        (r"C[12] CompilerThre|JVMCI|Sweeper thread", "JIT compiler"),
        (r"VM Thread$", "JVM safepoints"),
        (r"VM Periodic|Service Thread|Monitor Deflati|Signal Dispatch|Notification Th|Attach Listener", "JVM service"),
        (r"Reference Handl|Finalizer|Common-Cleaner", "JVM references"),
        (r"pool-\d+-thread|ForkJoinPool|ThreadPoolExecu|Default Executor", "executor pool"),
        (r"http-nio|http-bio|qtp\d|XNIO-|vert\.x-|nioEventLoop|reactor-http", "web server"),
        # Node.js: libuv 1.50 and V8 name theirs.
        (r"libuv-worker", "libuv pool"),
        (r"V8Worker|V8 DefaultWork|DelayedTaskSche", "V8: garbage, JIT"),
        (r"SignalInspector", "debugger"),
        # CPython 3.14 and later name threads in comm.
        (r"asyncio_\d", "asyncio pool"),
        (r"QueueFeederThre", "queue feeder"),
        # Libraries.
        (r"tokio-r(untime-w|t-worker)", "tokio worker"),
        (r"async-std|smol-", "async worker"),
        (r"rayon", "rayon pool"),
        (r"grpc|event_engine", "gRPC"),
        (r"iou-wrk-|iou-sqp-", "io_uring"),
        (r"jemalloc_bg", "allocator"),
        (r"gmain$|gdbus$|dconf worker|pool-spawner", "GLib"),
        (r"bio_(close|aof|lazy)|io_thd_\d", "Redis background"),
        (r"ib_(io|pg|log|buf|dict|fts|srv|clone|tpool)", "InnoDB"),
        (r"wrk:worker_", "envoy worker"),
        (r"kafka|librdkafka|rdk:", "Kafka client"),
        (r"OpenBLAS|omp_|OMP", "numeric pool"),
    )
)


@lru_cache(maxsize=4096)
def role(process: str, name: str, *, is_main: bool) -> str | None:
    """The role of a thread called ``name`` in a process called ``process``; None where its name says nothing."""
    for pattern, found in _ROLES:
        if pattern.match(name):
            return found
    if is_main:
        return "event loop" if process in _LOOPS else MAIN
    return None
