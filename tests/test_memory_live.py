"""The Memory pane of a real process with many mappings, against what it was told to map and the kernel's own sums."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live
PROGRAM = Path(__file__).parent / "programs" / "mappings.py"
PAGES = 8000
MIB = 1 << 20


class Known(NamedTuple):
    """The program: its pid, the tids of its threads, the file that it maps, what --pane says of it."""

    pid: int
    tids: list[int]
    path: str
    shown: dict[str, Any]

    def rows(self, section: str, **wanted: object) -> list[dict[str, Any]]:
        """The rows of a section that have these values."""
        return [row for row in self.shown[section] if all(row[key] == value for key, value in wanted.items())]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    """The program once all is mapped, and its pane, measured."""
    path = str(tmp_path_factory.mktemp("memory") / "a file")
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), path, str(PAGES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid, *tids = map(int, process.stdout.readline().split())
        command = [sys.executable, "-m", "threadtop", "--pane", "memory", "-d", "0.3", "--once", "--json"]
        done = subprocess.run(
            [*command, "--want", "smaps", "-p", str(pid)], capture_output=True, text=True, timeout=120, check=False
        )
        assert not done.returncode, done.stderr
        yield Known(pid, tids, path, json.loads(done.stdout))
        assert process.stdin is not None
        process.stdin.close()


def test_all_is_measured(known: Known) -> None:
    """More mappings than one reading takes are measured to the last one, and their sums are the kernel's."""
    maps = Path(f"/proc/{known.pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    assert len(maps) > PAGES
    assert known.shown["totals"]["measured"] == pytest.approx(len(maps), abs=5)
    assert sum(row["count"] for row in known.shown["kinds"]) == pytest.approx(len(maps), abs=5)
    rollup = Path(f"/proc/{known.pid}/smaps_rollup").read_text(encoding="ascii")
    kib = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
    for key, names in (("rss_bytes", ("Rss",)), ("uss_bytes", ("Private_Clean", "Private_Dirty"))):
        sums = sum(row[key] for row in known.shown["kinds"])
        assert sums == pytest.approx(sum(kib[name] for name in names) << 10, rel=0.1)


def test_what_it_mapped(known: Known) -> None:
    """The memfd and the file have their sizes and what was written to; thousands of pages are anonymous."""
    (memfd,) = known.rows("files", file="/memfd:known (deleted)")
    assert (memfd["size_bytes"], memfd["rss_bytes"]) == (8 * MIB, 3 * MIB)
    (file,) = known.rows("files", file=known.path)
    assert file["size_bytes"] == 5 * MIB
    assert file["rss_bytes"] >= MIB
    (anonymous,) = known.rows("kinds", kind="anonymous")
    assert anonymous["count"] >= PAGES
    assert anonymous["dirty_bytes"] >= PAGES * 4096
    kinds = {row["kind"] for row in known.shown["kinds"]}
    assert {"heap", "main stack", "code", "file, shared", "shared memory", "kernel's"} <= kinds


def test_its_stacks(known: Known) -> None:
    """Three stacks of the size that was asked for; where stack pointers may be read they are sure."""
    if any(denial["what"] == "syscall" for denial in known.shown["denied"]):
        pytest.skip("stack pointers may not be read here")
    (stacks,) = known.rows("kinds", kind="thread stack")
    assert stacks["size_bytes"] >= 3 * MIB
    assert stacks["size_bytes"] == pytest.approx(3 * MIB, rel=0.1)
