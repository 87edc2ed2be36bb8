"""A thread that sleeps a hundred times a second and counts.

Prints ``ready TID``; on each line read from standard input the number of its sleeps so far and the
clock in ns, as ``SLEEPS NOW_NS``.
"""

import sys
import threading
import time

count = 0


def sleep_and_count() -> None:
    """Sleep 10 ms at a time, to a fixed beat."""
    global count  # noqa: PLW0603 one thread writes it, one reads it
    due = time.monotonic()
    while True:
        due = max(due + 0.01, time.monotonic() + 0.001)
        time.sleep(due - time.monotonic())
        count += 1


if __name__ == "__main__":
    thread = threading.Thread(target=sleep_and_count, daemon=True)
    thread.start()
    print("ready", thread.native_id, flush=True)
    for _ in sys.stdin:
        print(count, time.monotonic_ns(), flush=True)
