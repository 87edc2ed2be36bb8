"""The Protection pane of programs that gave rights up, against what they say of themselves."""

from __future__ import annotations

import os
import subprocess
import sys

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
