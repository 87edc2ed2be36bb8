"""Which rule keeps us from a process's memory, and what would lift it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from threadtop.gil import refusals
from threadtop.gil.rights import refusal
from threadtop.procfs.reader import ProcReader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("uid", "euid", "scope", "why", "remedy"),
    [
        (1000, 1000, "1\n", "ptrace_scope is 1", "threadtop -- COMMAND"),
        (1000, 1000, "2\n", "ptrace_scope is 2", "as root"),
        (1000, 1000, "3\n", "ptrace_scope is 3", "nothing"),
        (1000, 1000, "0\n", "not dumpable", "as root"),
        (1000, 1000, "", "not dumpable", "as root"),
        (1000, 1000, "what", "not dumpable", "as root"),
        (None, 1000, "1\n", "ptrace_scope is 1", "threadtop -- COMMAND"),
        (0, 1000, "1\n", "another user's", "as that user or as root"),
        (1001, 1000, "", "another user's", "as that user or as root"),
        (1000, 0, "1\n", "CAP_SYS_PTRACE", "SYS_PTRACE"),
        (0, 0, "", "CAP_SYS_PTRACE", "SYS_PTRACE"),
    ],
)
def test_the_rule_and_the_remedy(uid: int | None, euid: int, scope: str, why: str, remedy: str) -> None:
    """Root lacks the capability; then comes whose process it is; then Yama; at last the process itself."""
    found = refusal(uid, euid, scope)
    assert why in found[0]
    assert remedy in found[1]


@pytest.mark.parametrize("euid", [0, 1000])
@pytest.mark.parametrize(
    ("scope", "why", "remedy"),
    [
        ("", "a security module", "outside of the container"),
        ("2\n", "a security module", "outside"),
        ("3\n", "is 3", "boot"),
    ],
)
def test_who_holds_the_capability_does_not_lack_it(euid: int, scope: str, why: str, remedy: str) -> None:
    """Neither uids nor Yama's lower scopes refuse who has CAP_SYS_PTRACE, root or not: somebody else does."""
    found = refusal(0, euid, scope, has_ptrace=True)
    assert why in found[0]
    assert remedy in found[1]


@pytest.mark.parametrize(
    ("effective", "is_attach", "why"),
    [
        ("0000000000000000", True, "CAP_SYS_PTRACE is missing"),
        ("000001fffff7ffff", True, "CAP_SYS_PTRACE is missing"),
        ("0000000000080000", True, "ptrace_scope is 3"),
        ("0000000000080000", False, "a security module"),
        ("", True, "CAP_SYS_PTRACE is missing"),
    ],
)
def test_what_we_hold_is_read(tmp_path: Path, effective: str, why: str, *, is_attach: bool) -> None:
    """Bit 19 of our own CapEff; Yama has a say only in what wants the right to attach."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "status").write_text(f"Uid:\t0\nCapEff:\t{effective}\n")
    (tmp_path / "sys" / "kernel" / "yama").mkdir(parents=True)
    (tmp_path / "sys" / "kernel" / "yama" / "ptrace_scope").write_text("3\n")
    reader = ProcReader(tmp_path, descriptors=0)
    assert why in refusals.refusal(reader, 0, 0, is_attach=is_attach)[0]
