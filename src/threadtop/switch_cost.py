"""SwitchCost: what a context switch costs on this machine, measured once by a short program of its own.

Two processes on one CPU hand a byte to and fro; what the same calls cost without a switch is taken off.  CPU time is
what is added up, so other load hardly disturbs it.  Caches that a real program finds cold afterwards are not in it:
an estimate, and a low one.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import Final

PATIENCE_S: Final = 10.0  # on a machine in trouble it may get little CPU
LEAST_NS, MOST_NS = 50.0, 100_000.0  # outside of this something else was measured
PROGRAM: Final = """
import os, sys, time
TURNS, ROUNDS = 400, 15
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
(a, b), (c, d), (e, f) = os.pipe(), os.pipe(), os.pipe()
clock = time.process_time_ns
if os.fork() == 0:
    os.close(b)
    spent = clock()
    for _ in range(ROUNDS):
        for _ in range(TURNS):
            if not os.read(a, 1):
                os._exit(1)
            os.write(d, b".")
        os.write(f, b"%15d" % (clock() - spent))
        spent = clock()
    os._exit(0)
os.close(d), os.close(f)
costs = []
for _ in range(ROUNDS):
    spent = clock()
    for _ in range(TURNS):
        os.write(b, b".")
        os.read(c, 1)
    spent = clock() - spent + int(os.read(e, 15))
    g, h = os.pipe()
    alone = clock()
    for _ in range(2 * TURNS):
        os.write(h, b".")
        os.read(g, 1)
    alone = clock() - alone
    os.close(g), os.close(h)
    costs.append((spent - alone) / (2 * TURNS))
print(sorted(costs)[ROUNDS // 2])
"""
"""Prints the median in ns of one switch; ends by itself, also where one of the two is killed."""


class SwitchCost:
    """The measurement: not wanted yet, running, or done."""

    def __init__(self, program: str = PROGRAM) -> None:
        """Run ``program`` once it is wanted."""
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._began_s = 0.0
        self._was_started = False
        self._cost_ns: float | None = None

    def want(self) -> None:
        """Start measuring, the first time."""
        if self._was_started:
            return
        self._was_started = True
        with contextlib.suppress(OSError, ValueError):  # no interpreter of its own, no process to be had: not known
            self._process = subprocess.Popen(  # noqa: S603 our own program
                [sys.executable, "-I", "-S", "-c", self._program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._began_s = time.monotonic()

    def take(self) -> float | None:
        """The cost of a switch in ns; None as long as it is not known."""
        process = self._process
        if process is not None:
            if process.poll() is not None:
                self._cost_ns = _cost_ns(process.communicate()[0])
                self._process = None
            elif time.monotonic() - self._began_s > PATIENCE_S:
                self.close()
        return self._cost_ns

    def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _cost_ns(printed: bytes) -> float | None:
    """What the program printed; None where it failed or measured nonsense."""
    try:
        cost_ns = float(printed)
    except ValueError:
        return None
    return cost_ns if LEAST_NS <= cost_ns <= MOST_NS else None
