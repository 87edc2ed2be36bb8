"""The Protection pane of programs that gave rights up, against what they say of themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers import pane

pytestmark = pytest.mark.live
NOBODY = 65534
CODE = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None)
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
assert libc.prctl(4, int(sys.argv[1])) == 0, "PR_SET_DUMPABLE"
print(libc.prctl(3), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
@pytest.mark.parametrize("is_dumpable", [True, False])
def test_dumpable(*, is_dumpable: bool) -> None:
    """It is what the program asked for, and says it is (prctl(2), PR_GET_DUMPABLE)."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", CODE, str(int(is_dumpable))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        shown = pane("protection", process.pid)
        process.communicate(b"")
    assert int(said) == is_dumpable
    assert shown["confinement"]["dumpable"] is is_dumpable
    assert shown["identity"]["uids"]["effective"] == NOBODY


TRACE = """
import ctypes, sys
libc = ctypes.CDLL(None)
print(libc.ptrace(0x4206, int(sys.argv[1]), 0, 0), flush=True)
sys.stdin.read()
"""


def test_the_tracer() -> None:
    """Who traces it is told by name, also where threadtop is attached to the traced one alone (PTRACE_SEIZE)."""
    wait = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(wait, stdin=subprocess.PIPE) as process:
        trace = [sys.executable, "-S", "-c", TRACE, str(process.pid)]
        with subprocess.Popen(trace, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tracer:
            assert tracer.stdout is not None
            said = tracer.stdout.readline()
            shown = pane("protection", process.pid)["confinement"]
            name = Path(f"/proc/{tracer.pid}/comm").read_text(encoding="utf-8").strip()
            tracer.communicate(b"")
        process.communicate(b"")
    if said != b"0\n":
        pytest.skip("processes may not be traced here")
    assert (shown["tracer"], shown["tracer_name"]) == (tracer.pid, name)
