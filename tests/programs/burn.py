"""Threads that burn CPU beside an idle main thread; it tells their own account of it.

Arguments: a share of a core for each thread.  Prints ``ready TID...``; on each line read from standard
input the threads' CPU times and the clock, all in ns, as ``CPU_NS... NOW_NS``.
"""

import sys
import threading
import time

PERIOD_S = 0.02


def burn(share: float) -> None:
    """Be busy for ``share`` of each period, by this thread's own CPU clock; sleep for the rest."""
    accounts.append((threading.get_native_id(), time.pthread_getcpuclockid(threading.get_ident())))
    while True:
        started, spent = time.monotonic(), time.thread_time()
        while time.thread_time() - spent < share * PERIOD_S:
            pass
        time.sleep(max(0.0, started + PERIOD_S - time.monotonic()))


accounts: list[tuple[int, int]] = []

if __name__ == "__main__":
    for argument in sys.argv[1:]:
        threading.Thread(target=burn, args=(float(argument),), daemon=True).start()
    while len(accounts) < len(sys.argv) - 1:
        time.sleep(0.001)
    print("ready", *(tid for tid, _ in accounts), flush=True)
    for _ in sys.stdin:
        print(*(time.clock_gettime_ns(clock) for _, clock in accounts), time.monotonic_ns(), flush=True)
