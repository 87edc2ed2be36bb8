"""What threads of real programs are said to wait for, each in a call that the program has told us of."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builders import process_sample, sample, thread_sample
from threadtop import source
from threadtop.blocked import BlockedOn
from threadtop.interest import Interest
from threadtop.procfs.reader import ProcReader
from threadtop.waiting.describe import BlockedReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from threadtop.snapshot import ThreadRow

pytestmark = [pytest.mark.live, pytest.mark.alone]
PROGRAM = str(Path(__file__).parent / "programs" / "blocked.py")
DEADLINE_S = 60.0
NOBODY = 65534
FUTEX_32 = """
static int word;
static long call(long n, long a, long b, long c, long d) {
    long got;
    __asm__ volatile("int $0x80" : "=a"(got) : "a"(n), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
    return got;
}
void _start(void) {
    int time[2] = {4000, 500000000};
    call(240, (long)&word, 128, 0, (long)time);
    call(1, 0, 0, 0, 0);
}
"""


@contextmanager
def waiting(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that waits; it and what it started end with the test."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.communicate()
        process.kill()
        process.wait()


def threads_once(interest: Interest, pid: int, done: Callable[[Mapping[int, ThreadRow]], bool]) -> dict[int, ThreadRow]:
    """The threads of ``pid`` once they are as they must be; as they were last if that does not come."""
    live = source.live()
    try:
        until_s = time.monotonic() + DEADLINE_S
        while True:
            threads = dict(live.read(interest).processes[pid].threads)
            if done(threads) or time.monotonic() > until_s:
                return threads
            time.sleep(0.05)
    finally:
        live.close()


def said(threads: Mapping[int, ThreadRow], tid: int) -> str:
    """The reason of a thread; what differs from run to run of an address, and how long is left, is taken out."""
    words = re.sub(r"0x\.\.[0-9a-f]{4}", "0x..*", threads[tid].reason or "")
    return re.sub(r"\d+ s left", "* left", words)


@pytest.mark.parametrize("how", ["attached", "visible"])
def test_every_way_of_waiting(how: str) -> None:
    """Attached, and on screen among all processes: each thread waits for what the program says it does."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    with waiting(sys.executable, PROGRAM, sleep) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        pid = told["pid"]
        expected = {int(tid): words for tid, words in told["words"].items()}
        seen = Interest(attached=frozenset({pid}), waits=frozenset({pid}))
        if how == "visible":
            seen = Interest(visible=frozenset((pid, tid) for tid in expected))
        threads = threads_once(seen, pid, lambda rows: all(said(rows, tid) == expected[tid] for tid in expected))
        assert {tid: said(threads, tid) for tid in expected} == expected
        (forever,) = [tid for tid, words in expected.items() if words == "futex 0x..* (for ever)"]
        (timed,) = [tid for tid, words in expected.items() if words == "futex 0x..* (* left)"]
        one, other = threads[forever].blocked, threads[timed].blocked
        assert one is not None
        assert other is not None
        assert one.futex == other.futex is not None


def test_a_32_bit_program(tmp_path: Path) -> None:
    """Its own numbers and its own timespec."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "futex32.c").write_text(FUTEX_32)
    made = subprocess.run(
        [compiler, "-m32", "-static", "-nostdlib", "-o", tmp_path / "futex32", tmp_path / "futex32.c"],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("the compiler makes no 32-bit x86 programs")
    try:
        process = subprocess.Popen([tmp_path / "futex32"])
    except OSError:
        pytest.skip("the kernel runs no 32-bit x86 programs")
    try:
        interest = Interest(attached=frozenset({process.pid}), waits=frozenset({process.pid}))

        def is_done(rows: Mapping[int, ThreadRow]) -> bool:
            return (rows[process.pid].reason or "").startswith("futex")

        threads = threads_once(interest, process.pid, is_done)
        assert said(threads, process.pid) == "futex 0x..* (4000.5 s)"
        blocked = threads[process.pid].blocked
        assert blocked is not None
        assert (blocked.timeout_ns, blocked.is_shared) == (4_000_500_000_000, False)
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_users_process_names_the_rule() -> None:
    """As nobody, of root's process: nothing but the rule that forbids it."""
    with waiting("cat") as process:
        asked = process_sample(process.pid, thread_sample(process.pid), uid=0)
        read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # threads of the tests before it may still be there
            child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                found = BlockedReader(ProcReader()).read(sample(1.0, asked), Interest(waits=frozenset({process.pid})))
                os.write(write, json.dumps([list(blocked) for blocked in found.values()]).encode())
            finally:
                os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read) as answer:
            (known,) = json.load(answer)
        assert BlockedOn(*known) == BlockedOn(why_not="it is another user's process")


def test_what_it_reads_is_counted() -> None:
    """The cost that is shown has the files of calls and descriptors, too."""
    with waiting("cat") as process:
        live = source.live()
        try:
            interest = Interest(attached=frozenset({process.pid}), waits=frozenset({process.pid}))
            until_s = time.monotonic() + DEADLINE_S
            reads = live.read(interest).cost.reads
            while not reads.get("syscall") and time.monotonic() < until_s:  # it has not come to rest yet
                time.sleep(0.01)
                reads = live.read(interest).cost.reads
        finally:
            live.close()
    assert reads["syscall"] >= 1
    assert reads["stat"] >= 1
