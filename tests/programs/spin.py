"""Spins on one CPU, whose number is the argument; prints ``ready PID`` first, ends with standard input."""

import os
import select
import sys

if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    print("ready", os.getpid(), flush=True)
    while True:
        for _ in range(200_000):
            pass
        if select.select([0], [], [], 0)[0]:  # never waits: it would not be runnable then
            break
