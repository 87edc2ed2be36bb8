"""The Thread pane of real threads, against what the program says, gdb, taskset, ps and /proc read by other code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from builders import process_sample, sample, thread_sample
from test_panes_live import pane
from threadtop import native_stacks
from threadtop.errors import GoneError
from threadtop.inside.asked import Asked
from threadtop.inside.thread import ThreadFacts, ThreadReader
from threadtop.procfs.reader import ProcReader

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPILER = shutil.which("cc")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler (cc) is here"),
    pytest.mark.skipif(os.uname().machine not in {"x86_64", "aarch64"}, reason="no calls of this machine are known"),
]
SOURCE = Path(__file__).parent / "programs" / "places.c"
EXPORTED = {"reads": "reads_a_pipe", "waits": "waits_on_a_word", "sleeps": "sleeps_deep"}
HIDDEN = {"hidden": "hidden"}
THREADS = 4
LONGEST = 256  # bytes of one of its functions
PATIENCE_S = 30.0
SLEEP_NS = 4000_500_000_000
DEEP_BYTES = 1 << 20


class Told(NamedTuple):
    """What the program says of one thread."""

    tid: int
    function: int
    word: int
    fd: int


class Program(NamedTuple):
    """It runs, and all of its threads sleep."""

    pid: int
    threads: dict[str, Told]


def built(folder: Path, *flags: str) -> Path:
    """The program, linked so."""
    path = folder / "places"
    subprocess.run(
        [str(COMPILER), "-O1", "-rdynamic", "-pthread", *flags, "-o", str(path), str(SOURCE)], check=True, timeout=120
    )
    return path


@contextmanager
def started(path: Path) -> Iterator[Program]:
    """Its threads, once each is where it will stay."""
    with subprocess.Popen([str(path)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            threads = {}
            for _ in range(THREADS):
                name, tid, function, word, fd = process.stdout.readline().split()
                threads[name] = Told(int(tid), int(function, 16), int(word, 16), int(fd))
            deadline = time.monotonic() + PATIENCE_S
            while not all(_sleeps(process.pid, one) for one in threads.values()):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield Program(process.pid, threads)
        finally:
            process.kill()


def _sleeps(pid: int, told: Told) -> bool:
    """Whether it sleeps in its own function: the last word of ``syscall`` is the program counter."""
    words = Path(f"/proc/{pid}/task/{told.tid}/syscall").read_text(encoding="ascii").split()
    return len(words) > 2 and 0 <= int(words[-1], 16) - told.function < LONGEST


def facts(reader: ThreadReader, program: Program, name: str) -> ThreadFacts:
    """What the pane's reader reads of one thread."""
    told = program.threads[name]
    process = process_sample(program.pid, thread_sample(told.tid), uid=os.geteuid())
    return reader.read(Asked("thread", program.pid, told.tid), sample(time.monotonic(), process))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program as compilers make it by themselves."""
    with started(built(tmp_path_factory.mktemp("places"))) as one:
        yield one


@pytest.mark.parametrize("how", ["pie", "no-pie", "stripped", "deleted", "replaced"])
def test_the_function_that_it_sleeps_in(how: str, tmp_path: Path) -> None:
    """Wherever it is loaded, stripped or deleted: the function at the address that the program itself tells."""
    path = built(tmp_path, *{"no-pie": ("-no-pie",), "stripped": ("-s",)}.get(how, ()))
    reader = ThreadReader(ProcReader(descriptors=16))
    with started(path) as one:
        if how in {"deleted", "replaced"}:
            path.unlink()
        if how == "replaced":
            path.write_bytes(b"\x7fELF\x02\x01\x01 of another build")
        for name, function in {**EXPORTED, **HIDDEN}.items():
            place = facts(reader, one, name).program_counter
            assert place is not None
            assert place.file == "places"
            if how == "stripped" and name in HIDDEN:
                assert place.symbol == ""  # only the table that was taken out had it
                continue
            assert place.symbol == function
            assert place.symbol_offset is not None
            assert place.address - place.symbol_offset == one.threads[name].function
        word = facts(reader, one, "waits").lock_place
        assert word is not None
        assert (word.address, word.symbol, word.symbol_offset) == (one.threads["waits"].word, "word", 0)
    with pytest.raises(GoneError):
        facts(reader, one, "waits")


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_gdb_says_the_same(tmp_path: Path) -> None:
    """Program counter, function and stack pointer of each thread, read before: gdb interrupts their calls."""
    reader = ThreadReader(ProcReader(descriptors=16))
    with started(built(tmp_path)) as one:
        read = {told.tid: facts(reader, one, name) for name, told in one.threads.items()}
        words = [word for what in ("p $pc", "p $sp", "bt 1") for word in ("-ex", f"thread apply all -q {what}")]
        done = subprocess.run(
            ["gdb", "-nx", "-batch", "-p", str(one.pid), *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    functions = re.findall(r"^#0  0x[0-9a-f]+ in (\w+)", done.stdout, re.MULTILINE)
    if not functions:
        pytest.skip("gdb may not attach here")
    assert {*EXPORTED.values(), *HIDDEN.values()} <= set(functions)
    for found in read.values():
        place = found.program_counter
        assert place is not None
        assert re.search(
            rf"^\$\d+ = .*{place.address:#x} <{place.symbol}\+{place.symbol_offset}>$", done.stdout, re.MULTILINE
        )
        assert re.search(rf"^\$\d+ = .*{found.stack_pointer:#x}$", done.stdout, re.MULTILINE)


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_native_stacks_of_a_program_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gdb knows its functions by the executable that the kernel still has; each thread is where it is."""
    monkeypatch.setattr(native_stacks, "tool", lambda: shutil.which("gdb"))
    path = built(tmp_path)
    with started(path) as one:
        path.unlink()
        shown = pane("stacks", one.pid, "--want", "native")
        tids = {name: told.tid for name, told in one.threads.items()}
    frames = {thread["tid"]: " ".join(stack["frames"]) for stack in shown["stacks"] for thread in stack["threads"]}
    for name, function in {**EXPORTED, **HIDDEN}.items():
        assert function in frames[tids[name]]


def test_what_it_waits_for(program: Program) -> None:
    """Which descriptor, which futex, which timeout, as the program has them."""
    reads = pane("thread", program.pid, "--tid", str(program.threads["reads"].tid))["now"]
    told = program.threads["reads"]
    assert (reads["state"], reads["call"]) == ("S", "read")
    assert reads["descriptor"] == {"fd": told.fd, "target": os.readlink(f"/proc/{program.pid}/fd/{told.fd}")}
    waits = pane("thread", program.pid, "--tid", str(program.threads["waits"].tid))["now"]
    assert waits["futex"] == {"address": program.threads["waits"].word, "is_shared": False, "operation": 0}
    sleeps = pane("thread", program.pid, "--tid", str(program.threads["sleeps"].tid))["now"]
    assert (sleeps["call"], sleeps["timeout_ns"]) == ("nanosleep", SLEEP_NS)


def test_its_stack(program: Program) -> None:
    """The one that took a MiB of it is that deep; the region is the mapping that holds its pointer."""
    shown = pane("thread", program.pid, "--tid", str(program.threads["sleeps"].tid))["stack"]
    assert DEEP_BYTES < shown["stack_used_bytes"] < DEEP_BYTES + 65_536
    holding = [
        (first, last)
        for first, last in re.findall(
            r"^([0-9a-f]+)-([0-9a-f]+) ", Path(f"/proc/{program.pid}/maps").read_text(encoding="utf-8"), re.MULTILINE
        )
        if int(first, 16) <= shown["stack_pointer"] < int(last, 16)
    ]
    ((first, last),) = holding
    assert shown["stack_bytes"] == int(last, 16) - int(first, 16)
    assert (shown["stack_region"]["start"], shown["stack_region"]["end"]) == (int(first, 16), int(last, 16))
    smaps = Path(f"/proc/{program.pid}/smaps").read_text(encoding="utf-8").partition(f"\n{first}-{last} ")[2]
    (resident,), (swapped,) = (re.findall(rf"^{key}: +(\d+) kB", smaps, re.MULTILINE)[:1] for key in ("Rss", "Swap"))
    assert shown["stack_touched_bytes"] == (int(resident) + int(swapped)) * 1024 > 0


def test_how_it_is_scheduled(program: Program) -> None:
    """Affinity as taskset, policy as chrt, nice and age as ps, switches and signals as its status have them."""
    tid = program.threads["hidden"].tid
    shown = pane("thread", program.pid, "--tid", str(tid))
    scheduling, status = shown["scheduling"], Path(f"/proc/{program.pid}/task/{tid}/status").read_text(encoding="utf-8")
    assert scheduling["priority"]["nice"] == os.getpriority(os.PRIO_PROCESS, tid) == 7
    assert scheduling["policy"] == "batch"
    assert os.sched_getscheduler(tid) == os.SCHED_BATCH
    assert {int(scheduling["affinity"])} == os.sched_getaffinity(tid)
    if shutil.which("taskset"):
        said = subprocess.run(["taskset", "-cp", str(tid)], capture_output=True, text=True, check=True).stdout
        assert said.split()[-1] == scheduling["affinity"]
    if shutil.which("chrt"):
        said = subprocess.run(["chrt", "-p", str(tid)], capture_output=True, text=True, check=True).stdout
        assert "SCHED_BATCH" in said
    if shutil.which("ps"):
        rows = subprocess.run(
            ["ps", "-L", "-o", "tid=,etimes=,comm=", "-p", str(program.pid)], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        (row,) = [row.split() for row in rows if int(row.split()[0]) == tid]
        assert shown["identity"]["age_s"] == pytest.approx(int(row[1]), abs=5)
        assert row[2] == shown["identity"]["name"] == "hidden"
    assert shown["signals"] == {"signals_pending": ["USR1"], "signals_blocked": ["USR1", "RTMIN+3"]}
    assert f"SigPnd:\t{1 << 9:016x}" in status
    moves = Path(f"/proc/{program.pid}/task/{tid}/sched").read_text(encoding="utf-8")
    (moved,) = re.findall(r"nr_migrations\s+:\s+(\d+)", moves)
    assert scheduling["migrations"] == int(moved)
    for key, name in (("vol_switches", "voluntary"), ("invol_switches", "nonvoluntary")):
        (switched,) = re.findall(rf"^{name}_ctxt_switches:\t(\d+)", status, re.MULTILINE)
        assert shown["switches"][key] == int(switched)
    assert scheduling["migrations_per_s"] == 0.0
    assert shown["switches"]["vol_per_s"] == 0.0


def test_rates_of_a_thread_that_works() -> None:
    """One that reads and writes and switches: calls and runs a second, as it says itself."""
    code = (
        "import os, time\n"
        "null = os.open('/dev/null', os.O_RDWR)\n"
        "while True:\n"
        "    for _ in range(10): os.write(null, b'x'); os.read(null, 1)\n"
        "    time.sleep(0.01)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                shown: dict[str, Any] = pane("thread", process.pid)
                calls, runs = shown["io"], shown["switches"]
                if (calls["write_calls"]["per_s"] or 0) > 0 or time.monotonic() > deadline:
                    break
            assert calls["write_calls"]["per_s"] > 0
            assert calls["read_calls"]["per_s"] == pytest.approx(calls["write_calls"]["per_s"], rel=0.2)
            assert runs["vol_per_s"] > 0
            assert runs["run_length_us"]["now"] > 0
            assert shown["tid"] == process.pid
        finally:
            process.kill()
