"""Which rule keeps us from reading a process's memory, and the least that would lift it; pure."""

from __future__ import annotations

from typing import Final

_YAMA: Final = {
    "1": (
        "kernel.yama.ptrace_scope is 1: of your own processes only descendants' memory may be read",
        "run threadtop as root, or start the program with threadtop -- COMMAND",
    ),
    "2": ("kernel.yama.ptrace_scope is 2: only root may read another process's memory", "run threadtop as root"),
    "3": (
        "kernel.yama.ptrace_scope is 3: nobody may read another process's memory",
        "nothing lifts it until the next boot",
    ),
}
_FOR_ALL: Final = "3"  # the scope that capabilities do not lift


def refusal(uid: int | None, euid: int, ptrace_scope: str, *, has_ptrace: bool = False) -> tuple[str, str]:
    """Why memory was denied and what would allow it (ptrace(2), "Ptrace access mode checking").

    ``uid`` is the target's owner, ``ptrace_scope`` the content of kernel.yama.ptrace_scope, "" without Yama.
    ``has_ptrace``: we hold CAP_SYS_PTRACE, in our own user namespace.
    """
    if has_ptrace and ptrace_scope.strip() != _FOR_ALL:
        return (
            "we hold CAP_SYS_PTRACE, but a security module refuses, or it is outside of our user namespace",
            "run threadtop outside of the container; dmesg or the audit log may name the module",
        )
    if euid == 0 and not has_ptrace:
        return (
            "CAP_SYS_PTRACE is missing, though we are root (a container, or a security module)",
            "allow it: docker run --cap-add SYS_PTRACE, or in Kubernetes securityContext.capabilities",
        )
    if uid is not None and uid != euid and not has_ptrace:
        return "it is another user's process", "run threadtop as that user or as root"
    return _YAMA.get(
        ptrace_scope.strip(),
        ("its memory is closed (not dumpable: set-user-id, prctl, capabilities)", "run threadtop as root"),
    )
