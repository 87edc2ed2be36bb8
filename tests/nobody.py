"""threadtop run as user nobody: by a Python that nobody may run, from copies that nobody may read."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

import threadtop

if TYPE_CHECKING:
    from collections.abc import Iterator

UID = 65534
PYTHONS = (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3")
BECOME = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all")
PROBE = "import sys, psutil, threadtop; sys.exit(sys.version_info < (3, 10))"


class NoPythonError(Exception):
    """There is none that nobody may run; it says why."""


@contextmanager
def python() -> Iterator[tuple[str, ...]]:
    """The beginning of a command line; raises NoPythonError.  Needs root, and setpriv (util-linux)."""
    folder = tempfile.mkdtemp(prefix="threadtop-nobody-")
    try:
        for module in (threadtop, psutil):
            package = Path(module.__file__ or "").parent
            shutil.copytree(package, f"{folder}/{package.name}", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True, timeout=60)
        settings = (f"HOME={folder}", f"PYTHONPATH={folder}", "PYTHONDONTWRITEBYTECODE=1")
        for path in dict.fromkeys(PYTHONS):
            command = (*BECOME, "env", "-C", folder, *settings, path)
            if not subprocess.run([*command, "-c", PROBE], capture_output=True, check=False, timeout=60).returncode:
                yield command
                return
        message = f"nobody may run none of {', '.join(PYTHONS)} with psutil and threadtop"
        raise NoPythonError(message)
    finally:
        shutil.rmtree(folder)
