"""The Environment pane of a program that was given odd variables and low limits, against both."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from servers import Target, rows_by
from threadtop import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live
HIDDEN = "correct-horse"
GIVEN = {
    "SHOP_PASSWORD": HIDDEN,
    "SHOP_URL": f"postgres://shop:{HIDDEN}@127.0.0.1/shop",
    "OPTIONS": f"-Xmx1g -Dpassword={HIDDEN}",
    "PLAIN": "two\nlines = one value",
    "COLOUR": "\x1b[31mred",
    "EMPTY": "",
    "NAME\udcff": "\udcfe",
}
SECRETS = {"SHOP_PASSWORD", "SHOP_URL", "OPTIONS"}
CODE = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 50))\n"
    "resource.setrlimit(resource.RLIMIT_CPU, (1000, resource.RLIM_INFINITY))\n"
    "files = [os.dup(0) for _ in range(34)]\n"
    "os.environ['LATER'] = 'x'\n"
    "print(len(os.listdir('/proc/self/fd')) - 1, flush=True)\n"
    "sys.stdin.read()\n"
)


class Known(NamedTuple):
    """The program, and how many descriptors it counted."""

    pid: int
    descriptors: int

    def shown(self, *more: str) -> dict[str, Any]:
        """What --pane prints as JSON."""
        return Target("environment", self.pid, self.pid).pane("environment", *more)


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    """It runs until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=GIVEN
    ) as process:
        assert process.stdout is not None
        yield Known(process.pid, int(process.stdout.readline()))
        assert process.stdin is not None
        process.stdin.close()


def test_it_is_what_the_program_was_given(known: Known) -> None:
    """Every variable with its value, once secrets are asked for; what the program set later is not there."""
    rows = rows_by(known.shown("--want", "secrets"), "environment", "name")
    shown = {name: row["value"] for name, row in rows.items()}
    assert {name: shown[name] for name in GIVEN if name.isascii()} == {
        name: value for name, value in GIVEN.items() if name.isascii()
    }
    assert shown["NAME\\xff"] == "\\xfe"
    assert "LATER" not in shown


def test_secrets_are_masked(known: Known) -> None:
    """By their name, or by what is in their value; it is said how many, and by which key they are shown."""
    shown = known.shown()
    masked = {row["name"] for row in shown["environment"] if row["value"] == "********"}
    assert masked == SECRETS
    assert any(note.startswith("3 values that look like secrets") for note in shown["notes"])
    assert HIDDEN not in json.dumps(shown)


@pytest.mark.parametrize("want", [(), ("--want", "secrets")])
def test_text_holds_neither_secrets_nor_escapes(known: Known, want: tuple[str, ...]) -> None:
    """Secrets only where they are asked for; a terminal is never sent what a variable says."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["--pane", "environment", "--once", "-d", "0.1", "-p", str(known.pid), "-w", "160", *want]) == 0
    assert said.getvalue().count(HIDDEN) == (3 if want else 0)
    assert "\x1b" not in said.getvalue()
    assert "[31mred" in said.getvalue()


def test_limits(known: Known) -> None:
    """As it set them, the fullest first, with what is used of it; one that is none is unlimited."""
    rows = rows_by(known.shown(), "limits", "limit")
    files = rows["Max open files"]
    assert (files["soft"], files["hard"], files["used"]) == (40, 50, known.descriptors)
    assert files["used_pct"] == pytest.approx(100 * known.descriptors / 40)
    assert next(iter(rows)) == "Max open files"
    cpu = rows["Max cpu time"]
    assert (cpu["soft"], cpu["unit"]) == (1000, "seconds")
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    assert cpu["hard"] == ("unlimited" if hard == resource.RLIM_INFINITY else hard)


def test_a_program_without_any() -> None:
    """An empty environment says that it is one."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        shown = Target("bare", process.pid, process.pid).pane("environment")
        assert {row["name"] for row in shown["environment"]} <= {"LC_CTYPE"}
        assert process.stdin is not None
        process.stdin.close()
