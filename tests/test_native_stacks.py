"""Native stacks: what eu-stack and gdb print, which of them is asked, and how they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from threadtop import native_stacks
from threadtop.stacks import MOST_FRAMES, MOST_LETTERS, Stack, StacksError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

GDB = b"""[New LWP 18746]
Using host libthread_db library "/lib/x86_64-linux-gnu/libthread_db.so.1".
0x00007f3b972ed545 in __GI___clock_nanosleep (clock_id=...) at ../sysdeps/unix/sysv/linux/clock_nanosleep.c:48

Thread 2 (Thread 0x7f3b4e7fc6c0 (LWP 18767) "a \\"b) c"):
#0  0x00007f3b972ed545 in __GI___clock_nanosleep (clock_id=..., req=...) at ../sysdeps/clock_nanosleep.c:48
#1  std::function<void (int)>::operator()(int) const (this=...) at /usr/include/c++/12/functional:591
#2  0x00007f3b97715ada in ?? () from /usr/lib/libssl.so.3
#3  <signal handler called>

Thread 1 (LWP 18743):
#0  0x0000000000401136 in main ()
[Inferior 1 (process 18743) detached]
"""
EU = b"""PID 18743 - process
TID 18743:
#0  0x00007f3b972ed545 clock_nanosleep@@GLIBC_2.17 - /usr/lib/libc.so.6
#1  0x00007f3b97715ada - /opt/a - b/libx.so
#2  0x00007f3b97715adb
TID 18767:
#0  0x00007f3b97715ada (anonymous namespace)::run(int) - /usr/bin/app
"""


def test_what_gdb_prints() -> None:
    """By tid with the kernel's name; a frame is a function and its place, else an address, without arguments."""
    assert native_stacks.answer("/usr/bin/gdb", 18743, GDB, b"") == {
        18767: Stack(
            'a \\"b) c',
            (
                "__GI___clock_nanosleep clock_nanosleep.c:48",
                "std::function<void (int)>::operator()(int) const functional:591",
                "?? libssl.so.3 0x7f3b97715ada",
                "<signal handler called>",
            ),
        ),
        18743: Stack("", ("main",)),
    }


def test_what_eu_stack_prints() -> None:
    """By tid; a frame is a function without its symbol version, and the file it is in; either may be missing."""
    assert native_stacks.answer("/usr/bin/eu-stack", 18743, EU, b"") == {
        18743: Stack("", ("clock_nanosleep libc.so.6", "?? libx.so 0x7f3b97715ada", "?? 0x7f3b97715adb")),
        18767: Stack("", ("(anonymous namespace)::run(int) app",)),
    }


@pytest.mark.parametrize("is_gdb", [True, False])
def test_different_code_looks_different(*, is_gdb: bool) -> None:
    """Frames without a function are told by where their addresses are, as far as that is known."""
    heads = ("Thread 2 (LWP 7):", "Thread 1 (LWP 8):") if is_gdb else ("TID 7:", "TID 8:")
    rest = " in ?? ()" if is_gdb else ""
    said = "\n".join(f"{head}\n#0  {at}{rest}" for head, at in zip(heads, ("0x1182", "0x11ad"), strict=True))
    found = native_stacks.parse(said, lambda address: f"app+{address:#x}", is_gdb=is_gdb)
    assert [stack.frames for stack in found.values()] == [("?? app+0x1182",), ("?? app+0x11ad",)]
    (bare, _) = native_stacks.parse(said, is_gdb=is_gdb).values()
    assert bare.frames == ("?? 0x1182",)


@pytest.mark.parametrize("is_gdb", [True, False])
@pytest.mark.parametrize("said", ["", "\0\x1b[31m\udcff", "#0  0x1 lost\n", "Thread 1 (\nTID x:\n"])
def test_what_is_none_of_it(said: str, *, is_gdb: bool) -> None:
    """Garbage, and frames before any thread, are nobody's stack."""
    assert native_stacks.parse(said, is_gdb=is_gdb) == {}


def test_it_is_bounded() -> None:
    """Names, frames and their number beyond any use are cut."""
    said = f"TID 1:\n#0  0x1 {'f' * 999} - /{'x' * 999}\n" + "#1  0x1 g\n" * 999
    (stack,) = native_stacks.parse(said, is_gdb=False).values()
    assert len(stack.frames) == MOST_FRAMES
    assert len(stack.frames[0]) == 2 * MOST_LETTERS + 1


def test_eu_stack_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds one thread at a time; gdb is what there is else; without both there is how to get them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert native_stacks.tool() is None
    for name in ("gdb", "eu-stack"):
        (tmp_path / name).touch(0o755)
        assert native_stacks.tool() == str(tmp_path / name)


def test_gdb_runs_no_code_of_others() -> None:
    """No init file, no scripts of the process's files, nothing from the network, no values of arguments."""
    command = " ".join(native_stacks.command("/usr/bin/gdb", 7))
    for part in ("-nx", "set auto-load no", "set debuginfod enabled off", "set print frame-arguments none", "-p 7"):
        assert part in command
    assert command.index("auto-load") < command.index("-p 7")


def test_an_executable_that_is_gone() -> None:
    """Gdb is shown the one that the kernel still has; of others it finds it, and what belongs to it, by its path."""
    assert "/proc/7/exe" in native_stacks.command("/usr/bin/gdb", 7, is_deleted=True)
    assert "/proc/7/exe" not in native_stacks.command("/usr/bin/gdb", 7)
    assert native_stacks.command("eu-stack", 7, is_deleted=True) == native_stacks.command("eu-stack", 7)


@pytest.mark.parametrize(
    ("complaint", "kind", "words"),
    [
        (b"ptrace: Operation not permitted.", StacksError, "gdb may not trace process 7; run threadtop as its user"),
        (b"x: Permission denied", StacksError, "may not trace"),
        (b"\nno such thing\nmore", UnsupportedError, "gdb failed: no such thing; .*bt 64 may say more"),
        (b"", UnsupportedError, "gdb failed: without a word"),
    ],
)
def test_complaints_become_sentences(complaint: bytes, kind: type[StacksError], words: str) -> None:
    """Each failure says what happened and what helps."""
    with pytest.raises(kind, match=words) as caught:
        native_stacks.answer("/usr/bin/gdb", 7, b"", complaint)
    assert type(caught.value) is kind
