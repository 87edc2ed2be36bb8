"""Which rule keeps us from a process's memory, and what would lift it."""

from __future__ import annotations

import pytest

from threadtop.gil.rights import refusal


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
