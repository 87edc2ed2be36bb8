"""The rooms of the house: who may import whom, and what stays out of where."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import threadtop

PACKAGE = Path(threadtop.__file__).parent

FRONT = 6
ROOMS = {
    "": 0,
    "errors": 0,
    "procfs": 1,
    "sample": 1,
    "blocked": 1,
    "circumstances": 1,
    "cgroups": 1,
    "surroundings": 1,
    "switch_cost": 1,
    "waiting": 1,
    "tasks": 1,
    "host": 1,
    "sampler": 1,
    "interest": 1,
    "descriptors": 1,
    "runs": 1,
    "whole": 1,
    "gil": 1,
    "inside": 1,
    "snapshot": 2,
    "gil_rows": 2,
    "host_rows": 2,
    "roles": 2,
    "rates": 2,
    "meaning": 2,
    "moment": 2,
    "waits": 2,
    "time_rows": 2,
    "lock_rows": 2,
    "history": 2,
    "lenses": 2,
    "findings": 2,
    "fields": 3,
    "filters": 3,
    "query": 3,
    "text": 3,
    "bars": 3,
    "finding_text": 3,
    "export": 3,
    "delimited": 3,
    "ps_format": 3,
    "schema": 3,
    "comparing": 3,
    "pages": 3,
    "sheets": 3,
    "source": 4,
    "stacks": 4,
    "pausing": 4,
    "native_stacks": 4,
    "traces": 4,
    "feed": 4,
    "recording": 4,
    "tui": 5,
    "config": FRONT,
    "targets": FRONT,
    "headless": FRONT,
    "gil_report": FRONT,
    "explain": FRONT,
    "metrics": FRONT,
    "metrics_command": FRONT,
    "pane_report": FRONT,
    "clock": FRONT,
    "record_command": FRONT,
    "replay_command": FRONT,
    "export_command": FRONT,
    "diff_command": FRONT,
    "arguments": FRONT,
    "outputs": FRONT,
    "cli": FRONT,
    "__main__": FRONT,
}
"""Room numbers as in CONTRIBUTING.md; what is in front of the house may use all of it."""

TUI_MAY_USE = {"config", "targets", "cli"}
"""The screen's choices are kept by config; it is handed what cli and targets made."""

PURE = (
    "procfs/parse.py",
    "sample.py",
    "snapshot.py",
    "host_rows.py",
    "roles.py",
    "rates.py",
    "meaning.py",
    "moment.py",
    "recording/facts.py",
    "recording/packing.py",
    "recording/trust.py",
    "recording/format.py",
    "recording/times.py",
    "waits.py",
    "procfs/reasons.py",
    "blocked.py",
    "circumstances.py",
    "time_rows.py",
    "lock_rows.py",
    "history.py",
    "lenses/python.py",
    "lenses/blocked.py",
    "lenses/locks.py",
    "lenses/time.py",
    "waiting/calls.py",
    "waiting/futexes.py",
    "waiting/mutexes.py",
    "waiting/sockets.py",
    "lenses/cost.py",
    "lenses/shares.py",
    "lenses/estimate.py",
    "lenses/sleeps.py",
    "gil_rows.py",
    "findings/__init__.py",
    "findings/gil.py",
    "findings/gil_calm.py",
    "findings/gil_figures.py",
    "findings/blocked.py",
    "findings/busy.py",
    "findings/cpu.py",
    "findings/databases.py",
    "findings/lock_figures.py",
    "findings/locks.py",
    "findings/measures.py",
    "findings/switches.py",
    "findings/threads.py",
    "findings/trends.py",
    "findings/wanted.py",
    "finding_text.py",
    "metrics/families.py",
    "metrics/gains.py",
    "metrics/groups.py",
    "metrics/names.py",
    "metrics/places.py",
    "metrics/totals.py",
    "gil/elf.py",
    "gil/identity.py",
    "gil/layout.py",
    "gil/rights.py",
    "procfs/syscalls.py",
    "fields.py",
    "filters.py",
    "query.py",
    "text.py",
    "bars.py",
    "export.py",
    "delimited.py",
    "comparing/__init__.py",
    "comparing/averages.py",
    "comparing/changes.py",
    "comparing/document.py",
    "comparing/documents.py",
    "comparing/entries.py",
    "comparing/lines.py",
    "ps_format.py",
    "schema/__init__.py",
    "schema/comparison.py",
    "schema/facts.py",
    "schema/words.py",
    "pages/markdown.py",
    "inside/asked.py",
    "inside/mapped.py",
    "inside/named.py",
    "procfs/capabilities.py",
    "sheets/__init__.py",
    "sheets/document.py",
    "procfs/fdinfo.py",
    "procfs/maps.py",
    "procfs/mounts.py",
    "procfs/signals.py",
    "procfs/smaps.py",
    "sheets/children.py",
    "sheets/endings.py",
    "sheets/environment.py",
    "sheets/file_words.py",
    "sheets/files.py",
    "sheets/memory.py",
    "sheets/overview.py",
    "sheets/overview_family.py",
    "sheets/overview_terms.py",
    "procfs/containers.py",
    "procfs/pagemap.py",
    "sheets/protection.py",
    "sheets/recorded.py",
    "sheets/secret_signs.py",
    "sheets/signals.py",
    "sheets/stacks.py",
    "sheets/thread.py",
    "sheets/thread_call.py",
    "sheets/thread_terms.py",
    "sheets/render.py",
    "sheets/sheet.py",
)
IMPURE = {"os", "time", "threading", "socket", "subprocess", "psutil", "sys", "pathlib", "io"}
ALLOWED = {
    ("sample.py", "os"),  # the sizes of a page and a tick, which are constants of the machine
    ("procfs/pagemap.py", "sys"),  # its byte order
    ("recording/packing.py", "sys"),
}


def modules() -> list[Path]:
    """All modules of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> list[str]:
    """The full names of what a module imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            names.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room_name(module: str) -> str:
    """``threadtop.procfs.parse`` is in procfs, ``threadtop.__version__`` in the package itself."""
    part = module.split(".")[1] if "." in module else ""
    return "" if part == "__version__" else part


def own_name(path: Path) -> str:
    """In which room a module is."""
    part = path.relative_to(PACKAGE).with_suffix("").parts[0]
    return "" if part == "__init__" else part


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """A module imports from its own room number or a lower one."""
    mine = own_name(path)
    assert mine in ROOMS, "a new module needs a room"
    for name in imports(path):
        if name.split(".")[0] != "threadtop":
            continue
        theirs = room_name(name)
        is_handed_in = mine == "tui" and theirs in TUI_MAY_USE
        assert ROOMS[theirs] <= ROOMS[mine] or is_handed_in, f"{path.name} imports {name}"


def test_the_version_imports_nothing() -> None:
    """Who asks for the version loads nothing else."""
    assert imports(PACKAGE / "__init__.py") == []


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_do_no_io_and_read_no_clock(name: str) -> None:
    """The pure middle is tested with values alone."""
    path = PACKAGE / name
    used = {imported.split(".")[0] for imported in imports(path)} & IMPURE
    assert used <= {module for file, module in ALLOWED if file == name}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_screen_imports_textual(path: Path) -> None:
    """Textual and rich are imported below tui/ only."""
    used = {imported.split(".")[0] for imported in imports(path)} & {"textual", "rich"}
    assert not used or own_name(path) == "tui"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--once", "--json", "-d", "0.1"],
        ["-b", "-n", "1", "-d", "0.1"],
        ["--once", "--csv", "-d", "0.1"],
        ["--once", "--format", "ps", "-d", "0.1"],
        ["-O"],
        ["--page", "time"],
        ["-p", "x"],
        ["gil", "1", "-d", "0.5"],
        ["export", "no-such-file", "--csv"],
        ["diff", "no-such-file"],
        ["metrics", "--list"],
        ["metrics", "--listen", "x"],
    ],
    ids=" ".join,
)
def test_headless_leaves_textual_out(arguments: list[str]) -> None:
    """Neither textual nor rich is loaded for text, JSON and errors."""
    code = (
        "import sys\n"
        "from threadtop.cli import main\n"
        f"main({arguments!r})\n"
        "loaded = {'textual', 'rich'} & set(sys.modules)\n"
        "print(*sorted(loaded), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stderr.splitlines()[-1] == b""
