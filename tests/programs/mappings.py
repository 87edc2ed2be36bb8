"""A process whose mappings are known: stacks of 1 MiB, a memfd, a file, thousands of pages that differ in their rights.

Arguments: a file to map, and how many pages; prints its pid and the tids of its threads once all is in place.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading

MIB = 1 << 20
PAGE = mmap.PAGESIZE
path, pages = sys.argv[1], int(sys.argv[2])
memfd = os.memfd_create("known")
os.ftruncate(memfd, 8 * MIB)
shared = mmap.mmap(memfd, 8 * MIB)
shared[: 3 * MIB] = b"x" * (3 * MIB)
with open(path, "wb+") as file:
    file.truncate(5 * MIB)
    mapped = mmap.mmap(file.fileno(), 5 * MIB)
mapped[:MIB] = b"y" * MIB
libc = ctypes.CDLL(None)
libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
own = mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
own[:] = b"z" * (pages * PAGE)
address = ctypes.addressof(ctypes.c_char.from_buffer(own))
for at in range(0, pages, 2):
    if libc.mprotect(address + at * PAGE, PAGE, mmap.PROT_READ):
        sys.exit("mprotect")
threading.stack_size(MIB)
never = threading.Event()
threads = [threading.Thread(target=never.wait, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
print(os.getpid(), *(thread.native_id for thread in threads), flush=True)
sys.stdin.read()
