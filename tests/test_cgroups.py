"""What limits a process's group, version 1 and 2, from files as the kernel writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadtop import cgroups
from threadtop.cgroups import Bound, Limits

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30


def group(folder: Path, **files: str) -> str:
    """A group with these files; ``__`` stands for the dot in their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return str(folder)


def test_version_2(tmp_path: Path) -> None:
    """The group's own use, and the limits with least room left, with the use of the group that sets them."""
    web = group(tmp_path / "web", memory__max=f"{2 * GIB}\n", memory__current=f"{GIB}\n", pids__max="100\n",
                pids__current="90\n")  # fmt: skip
    app = group(tmp_path / "web" / "app", memory__max="max\n", memory__high=f"{GIB // 2}\n", memory__current="4096\n",
                pids__current="7\n", pids__max="50\n")  # fmt: skip
    assert cgroups.limits({"": "/web/app"}, tmp_path) == Limits(
        memory_bytes=4096,
        memory_max=Bound(web, GIB, 2 * GIB),
        memory_high=Bound(app, 4096, GIB // 2),
        tasks=7,
        tasks_max=Bound(web, 90, 100),
    )


def test_version_1(tmp_path: Path) -> None:
    """Each controller has a tree of its own; the largest number of pages is no limit."""
    group(tmp_path / "memory", memory__limit_in_bytes="9223372036854771712\n", memory__usage_in_bytes=f"{GIB}\n")
    db = group(tmp_path / "memory" / "db", memory__limit_in_bytes=f"{GIB}\n", memory__usage_in_bytes="8192\n")
    web = group(tmp_path / "pids" / "web", pids__current="3\n", pids__max="64\n")
    found = cgroups.limits({"cpu": "/web", "memory": "/db", "pids": "/web", "": "/"}, tmp_path)
    assert found == Limits(8192, Bound(db, 8192, GIB), None, 3, Bound(web, 3, 64))
    assert cgroups.limits({"memory": "/"}, tmp_path) == Limits(memory_bytes=GIB)


def test_in_a_container_the_mount_is_the_group(tmp_path: Path) -> None:
    """The path is the host's, and has no folder here: what is mounted is our own group."""
    root = group(tmp_path, memory__max=f"{GIB}\n", memory__current="5\n")
    assert cgroups.limits({"": "/system.slice/docker-1.scope"}, tmp_path).memory_max == Bound(root, 5, GIB)


def test_what_is_not_there(tmp_path: Path) -> None:
    """No tree, a group outside of our namespace, garbage: not known."""
    assert cgroups.limits({}, tmp_path / "none") == Limits()
    group(tmp_path / "web", memory__max="lots\n", memory__current="\n", pids__max="-1\n")
    assert cgroups.limits({"": "/web"}, tmp_path) == Limits()
    group(tmp_path, memory__current="5\n")
    assert cgroups.limits({"": "/../other"}, tmp_path) == Limits()


def test_a_path_without_end(tmp_path: Path) -> None:
    """A path is another program's word: no more folders are looked for than may be, whatever is in it."""
    group(tmp_path, memory__max="7\n")
    assert cgroups.limits({"": "/a" * 10_000}, tmp_path).memory_max == Bound(str(tmp_path), None, 7)
    assert cgroups.limits({"": "/" + "a" * 10_000 + "\udcff\0"}, tmp_path).memory_max is not None
