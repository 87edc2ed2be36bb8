"""Groups by name and by the patterns of a file, and the errors of that file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from builders import process_row, thread_row
from readme import EXAMPLES
from threadtop.errors import UsageError
from threadtop.metrics import groups_file, names
from threadtop.metrics.groups import Grouping

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("worker-12", "worker-*"),
        ("pool-1-thread-17", "pool-*-thread-*"),
        ("GC Thread#3", "GC Thread#*"),
        ("8.8.8.8:53", "*"),
        ("io", "io"),
        ("", "-"),
    ],
)
def test_names_that_differ_in_numbers_only_are_one_group(name: str, shown: str) -> None:
    """Thread names have a star for their numbers."""
    assert names.numberless(name) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("kworker/u8:2-events_unbound", "kworker/*"),
        ("irq/24-nvme0q1", "irq/*"),
        ("kswapd0", "kswapd*"),
    ],
)
def test_kernel_threads_are_told_by_their_purpose(name: str, shown: str) -> None:
    """What stands behind the slash differs for each kernel thread, and is left out."""
    assert names.kernel_threads(name) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb", "a^Jb"),
        ("\x1b[31mred", "^[[31mred"),
        ("caf\udce9", "caf\\xe9"),
        ('say "hi"', 'say "hi"'),
        ("漢字", "漢字"),
        ("x" * 500, "x" * names.MOST_CHARACTERS),
    ],
)
def test_labels_are_harmless_and_valid(name: str, shown: str) -> None:
    """Line ends, escapes and bytes that are no UTF-8 are shown; what is printable stays as it is."""
    assert names.label(name) == shown
    assert shown.encode("utf-8")


def test_without_a_file_programs_and_thread_names_are_the_groups() -> None:
    """The main thread is told from threads that only have its name; kernel threads are one group."""
    grouping = Grouping()
    row = process_row(100, thread_row(100, name="server"), thread_row(101, name="server"), process="server")
    assert grouping.group(row) == "server"
    assert [grouping.threads("server", thread) for thread in row.threads.values()] == ["main", "server"]
    kernel = process_row(7, thread_row(7, name="kworker/0:1"), process="kworker/0:1", kernel=True)
    assert grouping.group(kernel) == "kernel"
    assert grouping.threads("kernel", kernel.threads[7]) == "kworker/*"


def loaded(tmp_path: Path, text: str) -> Grouping:
    """The groups of a file with this text."""
    file = tmp_path / "groups.toml"
    file.write_text(text, encoding="utf-8")
    return groups_file.load(str(file))


def test_the_first_table_that_fits_wins(tmp_path: Path) -> None:
    """All patterns of a table must be found; who fits none keeps its own name."""
    grouping = loaded(
        tmp_path,
        """
        [[group]]
        name = "shop"
        program = '^gunicorn$'
        command = 'shop\\.wsgi'
        [[group]]
        name = "gunicorns"
        program = 'gunicorn'
        [[group]]
        name = "batch"
        user = '^batch$'
        cgroup = '^/batch\\.slice/'
        watch = true
        [[threads]]
        name = "pool"
        group = '^shop$'
        thread = '^worker'
        """,
    )
    shop = process_row(1, process="gunicorn", command="gunicorn shop.wsgi:app")
    other = process_row(2, process="gunicorn", command="gunicorn blog.wsgi:app")
    batch = process_row(3, process="python", user="batch")
    assert grouping.needs_cgroup
    assert grouping.watched == {"batch"}
    assert grouping.group(shop) == "shop"
    assert grouping.group(other) == "gunicorns"
    assert grouping.group(batch, "/batch.slice/nightly") == "batch"
    assert grouping.group(batch, "/user.slice") == "python"
    worker = thread_row(9, pid=1, name="worker-3")
    assert grouping.threads("shop", worker) == "pool"
    assert grouping.threads("gunicorns", worker) == "worker-*"


def test_the_example_is_a_file_of_groups() -> None:
    """The README's groups can be loaded."""
    grouping = groups_file.load(str(EXAMPLES / "groups.toml"))
    assert grouping.group(process_row(1, process="uvicorn", command="uvicorn shop.wsgi")) == "shop"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ('[[group]]\nname = "a"\nwatch = true\n', 1, "no pattern"),
        ('[[group]]\nname = "a"\nprogram = "a"\nwatch = "yes"\n', 4, "true or false"),
        ('[[threads]]\nname = "a"\nthread = "a"\nwatch = true\n', 4, "watch"),
        ('[[group]]\nname = "a"\nprogram = "("\n', 3, "regular expression"),
        ('[[group]]\nname = "a"\nprogram = "a"\n[[group]]\nname = "b"\nprogramme = "b"\n', 6, "programme"),
        ('# groups\n[[group]]\nprogram = "a"\n', 2, "no name"),
        ('[[group]]\nname = "a"\n', 1, "no pattern"),
        ('[[group]]\nname = "a"\nuser = 1000\n', 3, "in quotes"),
        ('[[group]]\nname = "a"\nprogram = "a"\n[[grop]]\nname = "b"\n', 4, "grop"),
        ('\n[group]\nname = "a"\n', 2, "[[group]]"),
        ("\n", 1, "no group"),
        ('[[group]]\nname = "a"\nprogram = a\n', 3, "no TOML"),
        ('[[threads]]\nname = "a"\nprogram = "a"\n', 3, "program"),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, text: str, line: int, word: str) -> None:
    """What is wrong in a file is told in one line, with where it is."""
    with pytest.raises(UsageError) as error:
        loaded(tmp_path, text)
    assert f"line {line}" in str(error.value)
    assert word in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.remedy


@pytest.mark.parametrize("raw", [None, b"\xff", b"#" * (groups_file.MOST_BYTES + 1)], ids=["missing", "bytes", "long"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, raw: bytes | None) -> None:
    """A file that is not there, not UTF-8 or endless is told, not read."""
    file = tmp_path / "groups.toml"
    if raw is not None:
        file.write_bytes(raw)
    with pytest.raises(UsageError, match=r"groups\.toml"):
        groups_file.load(str(file))


def test_without_a_parser_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.10 has no tomllib: the extra brings one."""
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(UsageError, match=r"threadtop\[metrics\]"):
        loaded(tmp_path, '[[group]]\nname = "a"\nuser = "a"\n')
