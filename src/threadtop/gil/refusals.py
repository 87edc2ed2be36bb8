"""Why a process's memory was denied to us here: what ``rights`` judges by, read from /proc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from threadtop.gil import rights
from threadtop.procfs import capabilities, parse

if TYPE_CHECKING:
    from threadtop.procfs.reader import ProcReader

_SCOPE: Final = "sys/kernel/yama/ptrace_scope"


def refusal(reader: ProcReader, uid: int | None, euid: int, *, is_attach: bool = True) -> tuple[str, str]:
    """The rule that denied it and the least that would lift it; ``uid`` is the target's owner, ``euid`` ours.

    ``is_attach``: it wants the right to attach (PTRACE_MODE_ATTACH, ptrace(2)), where Yama has a say.
    """
    scope = reader.read_global(_SCOPE) if is_attach else None
    own = parse.parse_status(reader.read_global("self/status") or b"")
    held = capabilities.names(own.get("CapEff", "")) or ()
    scope_words = (scope or b"").decode("ascii", "replace")
    return rights.refusal(uid, euid, scope_words, has_ptrace="sys_ptrace" in held)
