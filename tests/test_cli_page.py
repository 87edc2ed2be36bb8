"""``threadtop --page``: a page as text, the list of pages, names that there are not, terminals without blocks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from threadtop import cli, pages
from threadtop.errors import EXIT_OK, EXIT_USAGE


def test_a_page_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for by a finding, it comes broken at the width that was asked for, with the names of what it links to."""
    assert cli.main(["--page", "starved", "-w", "60"]) == EXIT_OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == pages.page("run-queue").title
    assert max(map(len, lines)) <= 60
    assert "[switches]" in " ".join(lines)


def test_the_list_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """``--page list`` names them all."""
    assert cli.main(["--page", "list"]) == EXIT_OK
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(pages.ORDER)


def test_an_unknown_page(capsys: pytest.CaptureFixture[str]) -> None:
    """A page that there is not is bad usage, in one line that names what is near."""
    assert cli.main(["--page", "lokcs"]) == EXIT_USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "threadtop: there is no page 'lokcs'; did you mean locks?\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_blocks_in_every_encoding(encoding: str) -> None:
    """Where the output has no blocks, the time bar's signs are those of its ASCII form, never numbers."""
    command = [sys.executable, "-m", "threadtop", "--page", "time"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=True)
    text = done.stdout.decode(encoding)
    assert done.stderr == b""
    assert ("- █ runs its own code" if encoding == "utf-8" else "- # runs its own code") in text
    assert "\\u" not in text
