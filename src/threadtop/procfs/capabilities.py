"""Names of the bits of capability sets (include/uapi/linux/capability.h, capabilities(7)); pure."""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
)
"""By the number of the bit; a newer kernel's are named by their number."""


def names(mask_hex: str) -> list[str] | None:
    """The capabilities in a set as ``status`` writes it, lowest bit first; None where it is no number."""
    try:
        mask = int(mask_hex, 16)
    except ValueError:
        return None
    return [NAMES[bit] if bit < len(NAMES) else str(bit) for bit in range(mask.bit_length()) if mask >> bit & 1]
